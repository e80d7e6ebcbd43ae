"""What coagglomeration rests on: shares of plants by area, a base, and plants thrown at the base."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers
from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError, examples, part_of
from clustermap.measures.concentration.kernels import alias_table
from clustermap.measures.relatedness import kernels
from clustermap.measures.relatedness.chance import draws_per_stream
from clustermap.measures.relatedness.presence import known_cells
from clustermap.randomness import stream

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from clustermap.tables.table import SectorTable

__all__ = ["PLANT_COLUMNS", "Dartboard", "coagglomerated", "read_dartboard", "throws"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PLANT_COLUMNS = ("area", "sector", "employment")
_NONE = np.zeros(0, dtype=np.int64)
_WHOLE = 1e-6
_TIES = 1e-9


class Dartboard(NamedTuple):
    """Sectors as shares over areas, and the base that they are held against.

    Attributes
    ----------
    sectors, areas : pandas.Index
        In order.
    totals : numpy.ndarray
        Firms or jobs of each sector.
    shares : scipy.sparse.csr_array
        Areas × sectors; columns sum to 1, but for sectors with nothing.
    base : numpy.ndarray
        By area, sums to 1.
    weights : numpy.ndarray or None
        How the base is mixed from the sectors, and last from the rest of the economy; None: fixed from outside.
    rest : numpy.ndarray
        By area, what is in no sector; only where the base holds it.
    herfindahl : numpy.ndarray
        Of the plants of each sector, and last of the rest; NaN where plants are unknown.
    plants : tuple of numpy.ndarray or None
        Sector and size of each plant; None where each plant counts 1.
    words : str
        The base, for summaries.
    note : str
        What must stand beside every figure.
    """

    sectors: pd.Index
    areas: pd.Index
    totals: Floats
    shares: csr_array
    base: Floats
    weights: Floats | None
    rest: Floats
    herfindahl: Floats
    plants: tuple[Ints, Floats] | None
    words: str
    note: str

    @property
    def counts(self) -> Floats:
        """Plants of each sector, NaN where unknown."""
        if self.plants is not None:
            return np.bincount(self.plants[0], minlength=len(self.sectors)).astype(np.float64)
        known = np.isfinite(self.herfindahl[:-1]) | (self.totals == 0)
        return np.where(known, self.totals, np.nan)

    def moments(self) -> tuple[Floats, Floats]:
        """Return mean and variance of the index of every pair if all plants fell at random on the base.

        The variance is that of a fixed base.
        """
        x, h = self.base, self.herfindahl[:-1]
        square = (x**2).sum()
        spread = (square - 2 * (x**3).sum() + square**2) / (1 - square) ** 2
        variance = spread * np.multiply.outer(h, h)
        if self.weights is None:
            return np.zeros_like(variance), variance
        own = self.weights * np.where(self.weights > 0, self.herfindahl, 0.0)
        mean = (self.weights * own).sum() - np.add.outer(own[:-1], own[:-1])
        return mean, variance


def read_dartboard(data: SectorTable | pd.DataFrame, *, base: str | pd.Series) -> Dartboard:
    """Take areas × sectors, or a frame of plants, and the base.

    Raises
    ------
    OptionError
        CM-COAGG-001: unknown base.
    InputError
        CM-COAGG-002: a plant without area, sector or a positive size. CM-RELATE-002: suppressed cells.
    StatisticsError
        CM-COAGG-003: fewer than two areas or sectors hold anything.
    AlignmentError
        CM-ALIGN-001: the base has other areas.
    """
    if isinstance(data, pd.DataFrame) and set(PLANT_COLUMNS) <= set(data.columns):
        held, plants, note, exact = *_from_plants(data, base), "", True
    else:
        known = known_cells(data, what="coagglomeration")
        plants, note = None, known.note
        held = _Held(
            known.matrix,
            known.labels,
            known.sector_totals.index,
            known.area_totals.to_numpy(dtype=np.float64),
        )
        broken = np.abs(known.matrix.data - np.rint(known.matrix.data)) > _WHOLE
        exact = known.measure == "firms" and not broken.any()
    totals = np.asarray(held.cells.sum(axis=0), dtype=np.float64)
    filled = int((np.diff(held.cells.indptr) > 0).sum()), int((totals > 0).sum())
    if min(filled) < 2:  # noqa: PLR2004 - a pair
        raise StatisticsError(
            "CM-COAGG-003",
            f"{part_of(filled[0], len(held.areas), 'area')} and "
            f"{part_of(filled[1], len(totals), 'sector')} hold anything",
            why="coagglomeration compares two sectors over several areas",
            fix="a table of at least two areas and two sectors",
        )
    shares = held.cells.copy()
    shares.data = shares.data / totals[shares.indices]
    mixed, weights, rest, words = _base(base, held, shares)
    if plants is not None:
        herfindahl = np.bincount(plants[0], weights=plants[1] ** 2, minlength=len(totals)) / totals**2
    else:
        herfindahl = np.where(exact & (totals > 0), 1 / np.maximum(totals, 1), np.nan)
    others = 1 / rest.sum() if exact and plants is None and rest.sum() > 0 else np.nan
    if weights is not None and weights[-1] > 0 and np.isnan(others):
        weights = None  # the plants of the rest are unknown: the base is taken as it is
    return Dartboard(
        held.sectors.rename("sector"), held.areas, totals, shares, mixed, weights, rest,
        np.append(herfindahl, others), plants, words, note,
    )  # fmt: skip


class _Held(NamedTuple):
    """What areas hold of sectors, and everything in them."""

    cells: csr_array
    areas: pd.Index
    sectors: pd.Index
    everything: Floats


def _from_plants(frame: pd.DataFrame, base: str | pd.Series) -> tuple[_Held, tuple[Ints, Floats]]:
    size = pd.to_numeric(frame["employment"], errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(size) | (size <= 0) | frame[["area", "sector"]].isna().any(axis=1).to_numpy()
    if bad.any():
        raise InputError(
            "CM-COAGG-002",
            f"{part_of(int(bad.sum()), len(frame), 'plant', 'lacks', 'lack')} an area, a sector or a "
            "positive employment: " + examples((int(r), frame.index[r]) for r in np.flatnonzero(bad)),
            why="a plant of unknown size or place changes every share",
            fix='plants[plants["employment"] > 0].dropna(subset=["area", "sector"])',
        )
    places, kinds = (pd.Index(frame[c].to_numpy(dtype=object), name=c) for c in ("area", "sector"))
    areas, sectors = places.unique().sort_values(), kinds.unique().sort_values()
    if isinstance(base, pd.Series):
        areas = areas.union(base.index)
    area, sector = areas.get_indexer(places), sectors.get_indexer(kinds).astype(np.int64)
    order = np.lexsort((size, area, sector))  # the same plants in any order of rows
    cells = _summed(area[order], sector[order], size[order], (len(areas), len(sectors)))
    order = np.lexsort((size, sector))
    held = _Held(cells, areas, sectors, np.asarray(cells.sum(axis=1), dtype=np.float64))
    return held, (sector[order], size[order])


def _summed(area: Ints, sector: Ints, size: Floats, shape: tuple[int, int]) -> csr_array:
    """Sum plants to areas × sectors without zeros."""
    from scipy.sparse import csr_array

    cells = csr_array((size, (area, sector)), shape=shape)
    cells.sort_indices()
    return cells


def _base(base: str | pd.Series, held: _Held, shares: csr_array) -> tuple[Floats, Floats | None, Floats, str]:
    """Return the base, how it is mixed from the sectors and the rest, the rest, and words."""
    none = np.zeros(len(held.areas))
    if isinstance(base, pd.Series):
        return _given(base, held.areas), None, none, "the given shares of areas"
    if not isinstance(base, str) or base not in ("totals", "mean"):
        raise OptionError(
            "CM-COAGG-001",
            f"base={base!r} is no base",
            why="every sector of every pair is held against one and the same base",
            fix='base="totals", "mean", or a Series of totals by area',
        )
    totals = np.asarray(held.cells.sum(axis=0), dtype=np.float64)
    if base == "mean":
        filled = totals > 0
        weights = np.append(filled / filled.sum(), 0.0)
        return np.asarray(shares.sum(axis=1)) / filled.sum(), weights, none, "the mean share of the sectors"
    whole = held.everything
    rest = whole - np.asarray(held.cells.sum(axis=1))
    rest[np.abs(rest) <= _WHOLE] = 0.0
    x = whole / whole.sum()
    if (rest < 0).any():  # sectors that overlap hold more than everything: no mixture
        return x, None, none, "everything in the area"
    return x, np.append(totals, rest.sum()) / whole.sum(), rest, "everything in the area"


def _given(base: pd.Series, areas: pd.Index) -> Floats:
    missing, extra = areas.difference(base.index), base.index.difference(areas)
    if len(missing) or len(extra) or not base.index.is_unique:
        raise AlignmentError(
            "CM-ALIGN-001",
            f"base and areas carry different labels: {len(missing)} missing {list(missing[:5])}, "
            f"{len(extra)} extra {list(extra[:5])}",
            why="shares that meet the wrong area give a wrong answer without any sign of it",
            fix="base.reindex(values.index), after the labels are of one vintage",
        )
    x: Floats = pd.to_numeric(base, errors="coerce").reindex(areas).to_numpy(dtype=np.float64)
    bad = ~np.isfinite(x) | (x < 0)
    if bad.any() or not x.max(initial=0.0) < x.sum():
        raise OptionError(
            "CM-COAGG-001",
            f"{part_of(int(bad.sum()), len(x), 'area', 'has', 'have')} no base of 0 or more, or one area has all of it",
            why="a share of the base must be known in every area, and more than one area needs one",
            fix="base=table.area_totals",
        )
    return np.asarray(x / x.sum(), dtype=np.float64)


def coagglomerated(shares: csr_array, base: Floats) -> Floats:
    """Return the index of every pair: sectors × sectors, NaN for sectors without a share.

    Multiplied out, Σ (s − x)(t − x) = Σ st − Σ sx − Σ tx + Σ x², so that only cells that hold something are seen.
    """
    n = shares.shape[1]
    inner = np.zeros((n, n))
    kernels.multiply(
        shares.indptr.astype(np.int64), shares.indices.astype(np.int64), shares.data.astype(np.float64), inner
    )
    inner += np.triu(inner, 1).T
    own, square = np.asarray(shares.T @ base, dtype=np.float64), float((base**2).sum())
    own[np.bincount(shares.indices, minlength=n) == 0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((inner - np.add.outer(own, own) + square) / (1 - square), dtype=np.float64)


def throws(board: Dartboard, observed: Floats, *, permutations: int, seed: int) -> tuple[Ints, Ints]:
    """Count, for every pair, the random throws of all plants with an index at least as large, and as small.

    A base that is mixed from the sectors is mixed again from what was thrown.
    """
    tolerance = _TIES * np.sqrt(np.multiply.outer(np.diag(observed), np.diag(observed)))
    thrower = _Thrower.of(board)
    block_size = draws_per_stream(len(board.areas) * len(board.sectors))

    def count(block: int) -> tuple[Ints, Ints]:
        source = stream(seed, "coagglomeration", block)
        up, low = np.zeros(observed.shape, dtype=np.int64), np.zeros(observed.shape, dtype=np.int64)
        for _ in range(min(block_size, permutations - block * block_size)):
            shares = thrower.shares(source)
            against = board.base
            if board.weights is not None:
                against = np.asarray(shares @ board.weights[:-1], dtype=np.float64)
                if board.weights[-1] > 0:
                    rest = int(np.rint(board.rest.sum()))
                    against = against + board.weights[-1] / rest * source.multinomial(rest, board.base)
            found = coagglomerated(shares, against)
            # a throw of everything into one area has no index: it counts in both tails
            up += ~(found < observed - tolerance)
            low += ~(found > observed + tolerance)
        return up, low

    up, low = np.zeros(observed.shape, dtype=np.int64), np.zeros(observed.shape, dtype=np.int64)
    with ThreadPoolExecutor(workers()) as pool:
        for more, less in pool.map(count, range(-(-permutations // block_size))):
            up += more
            low += less
    return up, low


class _Thrower(NamedTuple):
    """Throws all plants at the base: one by one, but sectors with more plants than areas area by area."""

    shape: tuple[int, int]
    base: Floats
    accept: Floats
    alias: Ints
    sector: Ints  # of each plant thrown by itself
    share: Floats  # of its sector
    crowded: Ints
    sizes: Ints  # of the crowded sectors

    @classmethod
    def of(cls, board: Dartboard) -> _Thrower:
        """Prepare throws."""
        shape = len(board.areas), len(board.sectors)
        accept, alias = np.empty(shape[0]), np.empty(shape[0], dtype=np.int64)
        alias_table(np.ascontiguousarray(board.base), accept, alias)
        if board.plants is not None:
            sector, size = board.plants
            return cls(shape, board.base, accept, alias, sector, size / board.totals[sector], _NONE, _NONE)
        sizes = np.rint(board.totals).astype(np.int64)
        crowded = np.flatnonzero(sizes > shape[0])
        sector = np.repeat(np.arange(shape[1]), np.where(sizes > shape[0], 0, sizes))
        return cls(shape, board.base, accept, alias, sector, 1 / sizes[sector], crowded, sizes[crowded])

    def shares(self, source: np.random.Generator) -> csr_array:
        """Throw once: areas × sectors, columns sum to 1."""
        at = source.random(len(self.sector)) * self.shape[0]
        area = np.minimum(at.astype(np.int64), self.shape[0] - 1)
        area = np.where(at - area < self.accept[area], area, self.alias[area])
        sector, share = self.sector, self.share
        if len(self.crowded):
            many = source.multinomial(self.sizes, self.base, size=len(self.crowded))
            row, place = np.nonzero(many)
            area, sector = np.concatenate((area, place)), np.concatenate((sector, self.crowded[row]))
            share = np.concatenate((share, many[row, place] / self.sizes[row]))
        return _summed(area, sector, share, self.shape)
