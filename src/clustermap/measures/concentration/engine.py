"""Indices of many profiles with what they would be at random, and how far sampling moves them.

Nothing depends on the number of threads: the draws of a profile come from streams keyed by what is thrown and
the block, and each block is as long as the number of units in it says.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.measures.concentration import kernels
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.sparse import csr_array

__all__ = ["MEASURES", "Measured", "Problem", "Units", "measured", "steps"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MEASURES = ("gini", "gini_weighted", "hoover", "krugman", "theil", "herfindahl", "hachman")
_FROM = [kernels.GINI, kernels.GINI_WEIGHTED, kernels.HOOVER, kernels.HOOVER, kernels.THEIL]
_FROM += [kernels.HERFINDAHL, kernels.HACHMAN]
_FACTOR = np.array([1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0])  # Krugman's index is twice Hoover's
_CEILING = np.array([1.0, 1.0, 1.0, 2.0, np.inf, 1.0, 1.0])
_INDICES = 6
_BLOCK = 1 << 20  # units thrown from one stream; part of what a seed means
_CROWDED = 8  # so many units a place are drawn place by place
_SAME = 1e-9  # sums in another order differ by less


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """What a profile is made of: the place and size of each unit, sorted."""

    place: Ints
    size: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Profiles to measure.

    Attributes
    ----------
    held : scipy.sparse.csr_array
        Profiles × parts, what each part holds.
    reference : numpy.ndarray
        Amounts of the reference by part, 0 where it has nothing.
    own : bool
        Whether a profile is compared with the reference without itself.
    keys : sequence of str
        Names of the profiles: part of the key of draws that depend on their values.
    thrown : numpy.ndarray of bool
        Profiles whose units can be thrown: whole counts, or units given.
    units : sequence of Units, optional
        The units of each profile; a unit counts 1 where absent.
    statistic : str
        What the draws are for.
    seed, permutations, replicates, interval
        As asked.
    """

    held: csr_array
    reference: Floats
    own: bool
    keys: list[str]
    thrown: npt.NDArray[np.bool_]
    units: list[Units] | None
    statistic: str
    seed: int
    permutations: int
    replicates: int
    interval: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """Profiles × measures; NaN where there is no answer."""

    statistic: Floats
    se: Floats
    lower: Floats
    upper: Floats
    expected: Floats
    sd: Floats
    up: Floats
    low: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lot:
    """Profiles that share one null: how many units, on which reference."""

    rows: list[int]
    sizes: Floats


def steps(problem: Problem) -> tuple[int, int]:
    """Return how many units one permutation, and one replicate, throws."""
    lots = _lots(problem)
    null = sum(len(lot.sizes) for lot in lots)
    return null, sum(len(lot.sizes) * len(lot.rows) for lot in lots)


def measured(problem: Problem, report: Callable[[int, int], None]) -> Measured:
    """Measure all profiles."""
    shape = (problem.held.shape[0], len(MEASURES))
    out = Measured(**{name: np.full(shape, np.nan) for name in Measured.__dataclass_fields__})
    for row in range(shape[0]):
        if problem.held.indptr[row] < problem.held.indptr[row + 1]:
            out.statistic[row] = _observed(problem, row)
    # the longest first, so that no thread is left with it at the end
    lots = sorted(_lots(problem), key=lambda lot: -len(lot.sizes))

    def work(lot: _Lot) -> None:
        if problem.permutations:
            _against_chance(problem, lot, out)
        if problem.replicates and len(lot.sizes) > 1:
            for row in lot.rows:
                _resampled(problem, row, out)

    with ThreadPoolExecutor(workers()) as pool:
        for done, _ in enumerate(pool.map(work, lots)):
            report(done + 1, len(lots))
    return out


def _named(indices: Floats) -> Floats:
    return np.asarray(indices[..., _FROM] * _FACTOR)


def _reference(problem: Problem, row: int) -> Floats:
    """Return the shares that a profile is compared with."""
    amounts = problem.reference
    if problem.own:
        amounts = amounts.copy()
        at, held = _cells(problem, row)
        left = amounts[at] - held
        amounts[at] = np.where(left > _SAME * amounts[at], left, 0.0)
    return np.asarray(amounts / amounts.sum())


def _cells(problem: Problem, row: int) -> tuple[Ints, Floats]:
    part = slice(problem.held.indptr[row], problem.held.indptr[row + 1])
    return problem.held.indices[part].astype(np.int64), problem.held.data[part]


def _observed(problem: Problem, row: int) -> Floats:
    at, held = _cells(problem, row)
    reference = _reference(problem, row)
    out = np.empty(_INDICES)
    kernels.profile(
        held,
        np.ascontiguousarray(reference[at]),
        np.arange(len(at)),
        len(at),
        int((reference > 0).sum()),
        out,
    )
    if (reference[at] <= 0).any():  # a quotient is infinite: what needs its size has no answer
        out[[kernels.GINI, kernels.THEIL]] = np.nan
    return _named(out)


def _lots(problem: Problem) -> list[_Lot]:
    """Gather profiles whose units fall in the same way: equally many of size 1, on one reference."""
    gathered: dict[Any, _Lot] = {}
    totals = np.asarray(problem.held.sum(axis=1)).ravel()
    for row in np.flatnonzero(problem.thrown):
        key: tuple[str, int]
        if problem.units is not None:
            sizes, key = np.sort(problem.units[row].size)[::-1].copy(), ("own", int(row))
        else:
            n = int(np.rint(totals[row]))
            sizes, key = np.ones(n), ("own", int(row)) if problem.own else ("shared", n)
        if len(sizes):
            gathered.setdefault(key, _Lot(rows=[], sizes=sizes)).rows.append(int(row))
    return list(gathered.values())


def _against_chance(problem: Problem, lot: _Lot, out: Measured) -> None:
    """Throw the units of a lot at the parts by the reference, and count who reaches what was observed."""
    reference = _reference(problem, lot.rows[0])
    parts = np.flatnonzero(reference > 0)
    chance = np.ascontiguousarray(reference[parts])
    shared = problem.units is None and not problem.own
    key = f"{len(lot.sizes)}" if shared else problem.keys[lot.rows[0]]
    draws = _named(
        _thrown(
            (problem.seed, problem.statistic, "null", key),
            problem.permutations,
            lot.sizes,
            (chance, np.ones(len(parts)), np.arange(len(parts))),
            (chance, len(parts)),
        )
    )
    mean, sd = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    for row in lot.rows:
        seen = out.statistic[row]
        slack = _SAME * np.maximum(np.abs(seen), 1e-3)
        out.expected[row], out.sd[row] = mean, sd
        out.up[row] = (draws >= seen - slack).sum(axis=0)
        out.low[row] = (draws <= seen + slack).sum(axis=0)


def _resampled(problem: Problem, row: int, out: Measured) -> None:
    """Draw the units of a profile again from themselves: standard error, and interval without the bias."""
    from scipy.special import ndtri

    at, held = _cells(problem, row)
    reference = _reference(problem, row)
    parts = int((reference > 0).sum())
    if len(at) < 2 or (reference[at] <= 0).any():  # noqa: PLR2004 - units in one place have nowhere else to be
        return
    if problem.units is None:
        chance, weights, places = held / held.sum(), np.ones(len(at)), np.arange(len(at))
        n = int(np.rint(held.sum()))
    else:
        units = problem.units[row]
        n = len(units.size)
        chance, weights, places = np.full(n, 1 / n), units.size, np.searchsorted(at, units.place)
    draws = _named(
        _thrown(
            (problem.seed, problem.statistic, "bootstrap", problem.keys[row]),
            problem.replicates,
            np.ones(n),
            (chance, weights, places),
            (np.ascontiguousarray(reference[at]), parts),
        )
    )
    seen, se = out.statistic[row], draws.std(axis=0, ddof=1)
    # draws from the sample exceed it as the sample exceeds the truth: that much is taken off, and not trusted fully
    bias = draws.mean(axis=0) - seen
    half = float(ndtri((1 + problem.interval) / 2)) * np.sqrt(se**2 + bias**2)
    out.se[row] = se
    out.lower[row] = np.clip(seen - bias - half, 0.0, _CEILING)
    out.upper[row] = np.clip(seen - bias + half, 0.0, _CEILING)


def _thrown(
    key: tuple[Any, ...],
    draws: int,
    sizes: Floats,
    categories: tuple[Floats, Floats, Ints],
    places: tuple[Floats, int],
) -> Floats:
    """Return draws × indices."""
    chance, weights, at = categories
    reference, parts = places
    n = len(sizes)
    out = np.empty((draws, _INDICES))
    crowded = n > _CROWDED * len(chance) and bool((sizes == 1).all() and (weights == 1).all())
    rows = max(1, _BLOCK // (len(chance) if crowded else n))
    accept, alias = np.empty(len(chance)), np.empty(len(chance), dtype=np.int64)
    kernels.alias_table(np.ascontiguousarray(chance), accept, alias)
    for number, start in enumerate(range(0, draws, rows)):
        rng = stream(key[0], *key[1:], number)
        some = out[start : start + rows]
        if crowded:
            kernels.spread(rng.multinomial(n, chance, size=len(some)), reference, parts, some)
        else:
            uniform = rng.random((len(some), n))
            kernels.throw(uniform, sizes, accept, alias, weights, at, reference, parts, some)
    return out
