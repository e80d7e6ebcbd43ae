"""What coagglomeration rests on: shares of plants by area, a base, and plants thrown at the base."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers
from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError, examples
from clustermap.measures.relatedness.chance import draws_per_stream
from clustermap.measures.relatedness.presence import known_values
from clustermap.randomness import stream

if TYPE_CHECKING:
    from clustermap.tables.table import SectorTable

__all__ = ["PLANT_COLUMNS", "Dartboard", "coagglomerated", "read_dartboard", "throws"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PLANT_COLUMNS = ("area", "sector", "employment")
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
    shares : numpy.ndarray
        Sectors × areas; rows sum to 1, NaN for sectors with nothing.
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
    shares: Floats
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
        table, plants, note = *_from_plants(data, base), ""
        exact, everything = True, table.sum(axis=1)
    else:
        known, _ = known_values(data, what="coagglomeration")
        table, plants, note, everything = known.values, None, known.note, known.area_totals
        numbers = table.to_numpy(dtype=np.float64)
        exact = known.measure == "firms" and bool((np.abs(numbers - np.rint(numbers)) <= _WHOLE).all())
    counts = table.to_numpy(dtype=np.float64).T
    totals = counts.sum(axis=1)
    filled = int((counts.sum(axis=0) > 0).sum()), int((totals > 0).sum())
    if min(filled) < 2:  # noqa: PLR2004 - a pair
        raise StatisticsError(
            "CM-COAGG-003",
            f"{filled[0]} of {counts.shape[1]} areas and {filled[1]} of {counts.shape[0]} sectors hold anything",
            why="coagglomeration compares two sectors over several areas",
            fix="a table of at least two areas and two sectors",
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(totals[:, None] > 0, counts / totals[:, None], np.nan)
    mixed, weights, rest, words = _base(base, table, everything, shares)
    if plants is not None:
        herfindahl = np.bincount(plants[0], weights=plants[1] ** 2, minlength=len(totals)) / totals**2
    else:
        herfindahl = np.where(exact & (totals > 0), 1 / np.maximum(totals, 1), np.nan)
    others = 1 / rest.sum() if exact and plants is None and rest.sum() > 0 else np.nan
    if weights is not None and weights[-1] > 0 and np.isnan(others):
        weights = None  # the plants of the rest are unknown: the base is taken as it is
    return Dartboard(
        pd.Index(table.columns, name="sector"), table.index, totals, shares, mixed, weights, rest,
        np.append(herfindahl, others), plants, words, note,
    )  # fmt: skip


def _from_plants(frame: pd.DataFrame, base: str | pd.Series) -> tuple[pd.DataFrame, tuple[Ints, Floats]]:
    size = pd.to_numeric(frame["employment"], errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(size) | (size <= 0) | frame[["area", "sector"]].isna().any(axis=1).to_numpy()
    if bad.any():
        raise InputError(
            "CM-COAGG-002",
            f"{int(bad.sum()):,} of {len(frame):,} plants lack an area, a sector or a positive employment: "
            + examples((int(r), frame.index[r]) for r in np.flatnonzero(bad)),
            why="a plant of unknown size or place changes every share",
            fix='plants[plants["employment"] > 0].dropna(subset=["area", "sector"])',
        )
    table = (
        frame.assign(employment=size)
        .pivot_table(
            index="area", columns="sector", values="employment", aggfunc="sum", fill_value=0.0, observed=True
        )
        .sort_index()
        .sort_index(axis=1)
        .astype(float)
    )
    if isinstance(base, pd.Series):
        table = table.reindex(table.index.union(base.index), fill_value=0.0)
    sector = table.columns.get_indexer(frame["sector"])
    order = np.lexsort((size, sector))  # the same plants in any order of rows
    return table, (sector[order].astype(np.int64), size[order])


def _base(
    base: str | pd.Series, table: pd.DataFrame, everything: pd.Series, shares: Floats
) -> tuple[Floats, Floats | None, Floats, str]:
    """Return the base, how it is mixed from the sectors and the rest, the rest, and words."""
    none = np.zeros(len(table))
    if isinstance(base, pd.Series):
        return _given(base, table), None, none, "the given shares of areas"
    if not isinstance(base, str) or base not in ("totals", "mean"):
        raise OptionError(
            "CM-COAGG-001",
            f"base={base!r} is no base",
            why="every sector of every pair is held against one and the same base",
            fix='base="totals", "mean", or a Series of totals by area',
        )
    if base == "mean":
        filled = np.isfinite(shares).all(axis=1)
        weights = np.append(filled / filled.sum(), 0.0)
        return np.nanmean(shares[filled], axis=0), weights, none, "the mean share of the sectors"
    whole = everything.to_numpy(dtype=np.float64)
    held = table.to_numpy(dtype=np.float64)
    rest = whole - held.sum(axis=1)
    rest[np.abs(rest) <= _WHOLE] = 0.0
    x = whole / whole.sum()
    if (rest < 0).any():  # sectors that overlap hold more than everything: no mixture
        return x, None, none, "everything in the area"
    return x, np.append(held.sum(axis=0), rest.sum()) / whole.sum(), rest, "everything in the area"


def _given(base: pd.Series, table: pd.DataFrame) -> Floats:
    missing, extra = table.index.difference(base.index), base.index.difference(table.index)
    if len(missing) or len(extra) or not base.index.is_unique:
        raise AlignmentError(
            "CM-ALIGN-001",
            f"base and areas carry different labels: {len(missing)} missing {list(missing[:5])}, "
            f"{len(extra)} extra {list(extra[:5])}",
            why="shares that meet the wrong area give a wrong answer without any sign of it",
            fix="base.reindex(values.index), after the labels are of one vintage",
        )
    x: Floats = pd.to_numeric(base, errors="coerce").reindex(table.index).to_numpy(dtype=np.float64)
    bad = ~np.isfinite(x) | (x < 0)
    if bad.any() or not x.max(initial=0.0) < x.sum():
        raise OptionError(
            "CM-COAGG-001",
            f"{int(bad.sum())} of {len(x)} areas have no base of 0 or more, or one area has all of it",
            why="a share of the base must be known in every area, and more than one area needs one",
            fix="base=table.area_totals",
        )
    return np.asarray(x / x.sum(), dtype=np.float64)


def coagglomerated(shares: Floats, base: Floats) -> Floats:
    """Return the index of every pair: sectors × sectors, for one world or a stack of them."""
    apart = shares - base
    rest = 1 - (base**2).sum(axis=-1, keepdims=True)
    return np.asarray(apart @ apart.swapaxes(-1, -2) / rest, dtype=np.float64)


def throws(board: Dartboard, observed: Floats, *, permutations: int, seed: int) -> tuple[Ints, Ints]:
    """Count, for every pair, the random throws of all plants with an index at least as large, and as small.

    A base that is mixed from the sectors is mixed again from what was thrown.
    """
    tolerance = _TIES * np.sqrt(np.multiply.outer(np.diag(observed), np.diag(observed)))
    filled = board.totals > 0
    steps = np.cumsum(board.base)

    n, areas = board.shares.shape
    base: Floats = board.base
    block_size = draws_per_stream(board.shares.size)

    def thrown(source: np.random.Generator, draws: int) -> Floats:
        if board.plants is None:
            size = np.rint(board.totals).astype(np.int64)
            return source.multinomial(size, base, size=(draws, n)).astype(np.float64)
        sector, weight = board.plants
        place = np.minimum(
            np.searchsorted(steps, source.random((draws, len(weight))), side="right"), areas - 1
        )
        place += sector * areas + n * areas * np.arange(draws)[:, None]
        flat = np.bincount(place.ravel(), weights=np.tile(weight, draws), minlength=draws * n * areas)
        return np.asarray(flat.reshape(draws, n, areas), dtype=np.float64)

    def count(block: int) -> tuple[Ints, Ints]:
        source = stream(seed, "coagglomeration", block)
        draws = min(block_size, permutations - block * block_size)
        shares = thrown(source, draws) / np.where(filled, board.totals, np.nan)[:, None]
        against = base
        if board.weights is not None:
            against = np.einsum("s,dsa->da", board.weights[:-1], np.nan_to_num(shares))[:, None, :]
            if board.weights[-1] > 0:
                rest = int(np.rint(board.rest.sum()))
                against = against + board.weights[-1] / rest * source.multinomial(rest, base, size=(draws, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = coagglomerated(shares, against)
        # a throw of everything into one area has no index: it counts in both tails
        return (~(found < observed - tolerance)).sum(axis=0), (~(found > observed + tolerance)).sum(axis=0)

    up, low = np.zeros(observed.shape, dtype=np.int64), np.zeros(observed.shape, dtype=np.int64)
    with ThreadPoolExecutor(workers()) as pool:
        for more, less in pool.map(count, range(-(-permutations // block_size))):
            up += more
            low += less
    return up, low
