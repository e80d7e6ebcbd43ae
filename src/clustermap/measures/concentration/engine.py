"""Indices of many profiles with what they would be at random, and how far sampling moves them.

Nothing depends on the number of threads: draws come from streams keyed by what is thrown and the block, and each
block is as long as the number of units in it says. Profiles held against one reference share their throws: the units
of a smaller one are the first units of a larger one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.measures.concentration import kernels, sorted_kernels
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
_NONE = np.zeros(0, dtype=np.int64)
_SHARED = "shared"
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


class _Lot(NamedTuple):
    """Profiles that share one throw: the profiles of each size, sizes rising, or one profile with units of its own."""

    key: str
    rows: list[list[int]]
    ends: Ints  # units of each size
    sizes: Floats | None  # of the units, largest first, where they have sizes of their own


class _Tails(NamedTuple):
    """What some draws sum to, for each profile of a lot: draws, mean, squares about it, and how many in each tail."""

    draws: int
    mean: Floats
    squares: Floats
    up: Ints
    low: Ints

    def with_more(self, more: _Tails) -> _Tails:
        """Return both together (Chan, Golub and LeVeque 1983)."""
        n, apart = self.draws + more.draws, more.mean - self.mean
        mean = self.mean + apart * (more.draws / n)
        squares = self.squares + more.squares + apart**2 * (self.draws * more.draws / n)
        return _Tails(n, mean, squares, self.up + more.up, self.low + more.low)


def steps(problem: Problem) -> int:
    """Return the work of one permutation: units thrown, and places held at each size on the way."""
    parts = int((problem.reference > 0).sum())
    return sum(int(lot.ends[-1]) + int(np.minimum(lot.ends, parts).sum()) for lot in _lots(problem))


def measured(problem: Problem, report: Callable[[int, int], None]) -> Measured:
    """Measure all profiles."""
    shape = (problem.held.shape[0], len(MEASURES))
    out = Measured(**{name: np.full(shape, np.nan) for name in Measured.__dataclass_fields__})
    for row in range(shape[0]):
        if problem.held.indptr[row] < problem.held.indptr[row + 1]:
            out.statistic[row] = _observed(problem, row)
    lots = _lots(problem)
    # the longest first, so that no thread is left with it at the end
    blocks = [
        (lot, *b) for lot in sorted(lots, key=lambda lot: -int(lot.ends[-1])) for b in _blocks(problem, lot)
    ]
    drawn = [row for lot in lots for rows in lot.rows for row in rows if problem.replicates]
    drawn.sort(key=lambda row: -problem.held.data[_part(problem, row)].sum())
    done, all_in_all = 0, len(blocks) + len(drawn)
    with ThreadPoolExecutor(workers()) as pool:
        found: dict[str, _Tails] = {}
        for (lot, *_), some in zip(
            blocks, pool.map(lambda b: _against_chance(problem, out, b), blocks), strict=True
        ):
            found[lot.key] = found[lot.key].with_more(some) if lot.key in found else some
            report(done := done + 1, all_in_all)
        for _ in pool.map(lambda row: _resampled(problem, row, out), drawn):
            report(done := done + 1, all_in_all)
    for lot in lots:
        if lot.key in found:
            _write(lot, found[lot.key], out)
    return out


def _write(lot: _Lot, tails: _Tails, out: Measured) -> None:
    rows = np.concatenate(lot.rows).astype(np.int64)
    step = np.repeat(np.arange(len(lot.rows)), [len(r) for r in lot.rows])
    out.expected[rows] = tails.mean[step]
    out.sd[rows] = np.sqrt(tails.squares[step] / (tails.draws - 1)) if tails.draws > 1 else np.nan
    out.up[rows], out.low[rows] = tails.up, tails.low


def _blocks(problem: Problem, lot: _Lot) -> list[tuple[int, int]]:
    """Return number and draws of each block of permutations."""
    n = int(lot.ends[-1])
    if lot.sizes is None:
        n = int(np.minimum(np.diff(lot.ends, prepend=0), _CROWDED * len(problem.reference)).sum())
    rows = max(1, _BLOCK // (n + _INDICES * len(lot.ends)))
    return [(k, min(rows, problem.permutations - k * rows)) for k in range(-(-problem.permutations // rows))]


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


def _part(problem: Problem, row: int) -> slice:
    return slice(problem.held.indptr[row], problem.held.indptr[row + 1])


def _cells(problem: Problem, row: int) -> tuple[Ints, Floats]:
    part = _part(problem, row)
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
    """Gather profiles whose units fall in the same way: units of size 1, on one reference."""
    totals = np.rint(np.asarray(problem.held.sum(axis=1)).ravel()).astype(np.int64)
    thrown = np.flatnonzero(problem.thrown & (totals > 0 if problem.units is None else True)).tolist()
    if problem.units is not None:
        sizes = [(row, np.sort(problem.units[row].size)[::-1].copy()) for row in thrown]
        return [_Lot(problem.keys[r], [[r]], np.array([len(s)]), s) for r, s in sizes if len(s)]
    if problem.own:
        return [_Lot(problem.keys[row], [[row]], totals[[row]], None) for row in thrown]
    if not thrown:
        return []
    ends, step = np.unique(totals[thrown], return_inverse=True)
    rows = [[row for row, at in zip(thrown, step.tolist(), strict=True) if at == k] for k in range(len(ends))]
    return [_Lot(_SHARED, rows, ends, None)]


def _against_chance(problem: Problem, out: Measured, block: tuple[_Lot, int, int]) -> _Tails:
    """Throw the units of a lot at the parts by the reference, and count who reaches what was observed."""
    lot, number, draws = block
    reference = _reference(problem, lot.rows[0][0])
    chance = np.ascontiguousarray(reference[reference > 0])
    rng = stream(problem.seed, problem.statistic, "null", lot.key, number)
    if lot.sizes is None:
        thrown = _grown(rng, draws, lot.ends, chance)
    else:
        thrown = np.empty((draws, 1, _INDICES))
        places = np.arange(len(chance))
        kernels.throw(
            rng.random((draws, len(lot.sizes))), lot.sizes, *_alias(chance), np.ones(len(chance)), places, chance,
            len(chance), thrown[:, 0],
        )  # fmt: skip
    found = _named(thrown)
    mean = found.mean(axis=0)
    up, low = [], []
    for at, rows in enumerate(lot.rows):
        seen = out.statistic[rows]
        slack = _SAME * np.maximum(np.abs(seen), 1e-3)
        up.append((found[:, at, None] >= seen - slack).sum(axis=0))
        low.append((found[:, at, None] <= seen + slack).sum(axis=0))
    return _Tails(draws, mean, ((found - mean) ** 2).sum(axis=0), np.concatenate(up), np.concatenate(low))


def _alias(chance: Floats) -> tuple[Floats, Ints]:
    accept, alias = np.empty(len(chance)), np.empty(len(chance), dtype=np.int64)
    kernels.alias_table(chance, accept, alias)
    return accept, alias


def _grown(rng: np.random.Generator, draws: int, ends: Ints, chance: Floats) -> Floats:
    """Return draws × sizes × indices: units are added from size to size, one by one or, where many, by place."""
    accept, alias = _alias(chance)
    added = np.diff(ends, prepend=0)
    crowded = added > _CROWDED * len(chance)
    single = np.where(crowded, 0, added)
    if crowded.any():
        uniform = np.empty((draws, int(single.sum())))
        many = np.empty((draws, int(crowded.sum()), len(chance)), dtype=np.int64)
        for one_by_one, by_place in zip(uniform, many, strict=True):
            rng.random(out=one_by_one)
            by_place[:] = rng.multinomial(added[crowded], chance)
    else:
        uniform, many = rng.random((draws, int(ends[-1]))), np.empty((draws, 0, len(chance)), dtype=np.int64)
    out = np.empty((draws, len(ends), _INDICES))
    sorted_kernels.grow_all(uniform, many, single, accept, alias, chance, out)
    return out


def _resampled(problem: Problem, row: int, out: Measured) -> None:
    """Draw the units of a profile again from themselves: standard error, and interval without the bias."""
    from scipy.special import ndtri

    at, held = _cells(problem, row)
    n = held.sum() if problem.units is None else len(problem.units[row].size)
    reference = _reference(problem, row)
    share, parts = np.ascontiguousarray(reference[at]), int((reference > 0).sum())
    if n < 2 or len(at) < 2 or (share <= 0).any():  # noqa: PLR2004 - units in one place have nowhere else to be
        return
    key = (problem.seed, problem.statistic, "bootstrap", problem.keys[row])
    if problem.units is None:
        draws = _counted_again(key, problem.replicates, np.rint(held).astype(np.int64), (share, parts))
    else:
        units = problem.units[row]
        draws = _plants_again(
            key, problem.replicates, units, np.searchsorted(at, units.place), (share, parts)
        )
    draws = _named(draws)
    seen, se = out.statistic[row], draws.std(axis=0, ddof=1)
    # draws from the sample exceed it as the sample exceeds the truth: that much is taken off, and not trusted fully
    bias = draws.mean(axis=0) - seen
    half = float(ndtri((1 + problem.interval) / 2)) * np.sqrt(se**2 + bias**2)
    out.se[row] = se
    out.lower[row] = np.clip(seen - bias - half, 0.0, _CEILING)
    out.upper[row] = np.clip(seen - bias + half, 0.0, _CEILING)


def _counted_again(key: tuple[Any, ...], draws: int, held: Ints, places: tuple[Floats, int]) -> Floats:
    """Return draws × indices of as many units, drawn from those that the places hold."""
    share, parts = places
    order = np.argsort(-share, kind="stable")
    share, held, n = share[order], held[order], int(held.sum())
    crowded = n > _CROWDED * len(held)
    place = np.repeat(np.arange(len(held)), held) if not crowded else _NONE
    out = np.empty((draws, _INDICES))
    rows = max(1, _BLOCK // (len(held) if crowded else n))
    for number, start in enumerate(range(0, draws, rows)):
        rng = stream(key[0], *key[1:], number)
        some = out[start : start + rows]
        if crowded:
            counts = rng.multinomial(n, held / n, size=len(some))
        else:
            counts = np.zeros((len(some), len(held)), dtype=np.int64)
            sorted_kernels.tally(rng.integers(n, size=(len(some), n)), place, counts)
        sorted_kernels.measure_counts(counts, share, -np.log(share), parts, some)
    return out


def _plants_again(
    key: tuple[Any, ...], draws: int, units: Units, place: Ints, places: tuple[Floats, int]
) -> Floats:
    """Return draws × indices of as many plants, drawn from those of the profile with their sizes."""
    n = len(units.size)
    out, ones = np.empty((draws, _INDICES)), np.ones(n)
    rows = max(1, _BLOCK // n)
    for number, start in enumerate(range(0, draws, rows)):
        some = out[start : start + rows]
        uniform = stream(key[0], *key[1:], number).random((len(some), n))
        kernels.throw(uniform, ones, *_alias(ones / n), units.size, place, *places, some)
    return out
