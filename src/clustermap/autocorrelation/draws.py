"""Permutation draws, shared by all areas and sectors, and their counts in both tails.

Nothing here depends on the number of threads or on how draws are cut into pieces: draws come from streams
of fixed blocks, and what is added up are whole numbers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation import kernels
from clustermap.autocorrelation.local import kernels as local_kernels
from clustermap.compiled import workers
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["TIES", "Counts", "conditional_counts", "lagged", "threaded"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Tails = tuple[npt.NDArray[Any], npt.NDArray[Any]]

_BLOCK = 4_096  # draws per stream: part of what a seed means
_PIECE = 16_384  # draws worked on at once: changes memory and speed, never an answer
_PIECE_CELLS = 1 << 22
_WORTH_THREADS = 500_000  # sums; below that, starting threads takes longer
TIES = 64 * np.finfo(float).eps


class Counts(NamedTuple):
    """Draws at least as large, at least as small, and draws that count: variables × areas, areas."""

    up: Ints
    low: Ints
    draws: Ints


class _Variable(NamedTuple):
    """One variable: values that are drawn and held, what is counted, numbers of neighbours, and what is a tie."""

    z: Floats
    own: Floats
    observed: Floats
    sizes: Ints
    tie: float


def conditional_counts(
    z: Floats,
    observed: Floats,
    sizes: Ints,
    *,
    permutations: int,
    seed: int,
    own: Floats | None = None,
    links: tuple[Ints, Floats] | None = None,
    first: int = 0,
    active: Bools | None = None,
) -> Counts:
    """Count, for each variable and area, the draws whose statistic over k other areas is as extreme.

    Parameters
    ----------
    z : numpy.ndarray
        Variables × areas: the values that are drawn.
    observed : numpy.ndarray
        The statistic over the neighbours, same shape: Σ z, or with `own` Σ (z² − 2·own·z).
    sizes : numpy.ndarray
        Number of neighbours of each area.
    permutations, seed : int
        How many draws, and what they come from.
    own : numpy.ndarray, optional
        The area's own values, where the statistic asks for them (local Geary).
    links : tuple of numpy.ndarray, optional
        Row starts and weights of the links, where those of an area differ: Σ w · … instead of Σ ….
    first : int
        Draws made before, which are not made again: whole blocks.
    active : numpy.ndarray of bool, optional
        Variables × areas still to be counted for; all where absent.
    """
    wide = int(sizes.max())
    slots = np.full(wide + 1, -1, dtype=np.int64)
    used = np.unique(sizes[sizes > 0])
    slots[used] = np.arange(len(used))
    order = np.argsort(sizes, kind="stable").astype(np.int32)[np.count_nonzero(sizes == 0) :]
    everyone = _by_size(order, sizes, used)
    tolerance = _tolerance(z, own, links, wide)
    up, low = np.zeros(z.shape, dtype=np.int64), np.zeros(z.shape, dtype=np.int64)
    held = np.zeros(z.shape[1], dtype=np.int64)
    slow = own is not None or links is not None
    rows = max(1, min(_PIECE, _PIECE_CELLS // (len(used) if links is None else 3 * wide)))
    alive = np.flatnonzero(np.ones(len(z), dtype=bool) if active is None else active.any(axis=1))

    def count(task: tuple[int, Places, bool]) -> tuple[int, Tails] | None:
        s, places, alone = task
        mine = sizes if active is None else np.where(active[s], sizes, 0)
        itself = z[s] if own is None else own[s]
        one = _Variable(z[s], itself, observed[s], mine, float(tolerance[s]))
        if links is not None:
            tails = _weighted(one, links, places, local_kernels.SUM if own is None else local_kernels.GEARY)
        elif own is not None:
            tails = _in_pairs(one, slots, places)
        else:
            those = everyone if active is None else _by_size(order[active[s][order]], sizes, used)
            tails = _in_sorted_rows(one, slots, places, those)
        if not alone:
            return s, tails
        up[s] += tails[0]
        low[s] += tails[1]
        return None

    for places in _pieces(_places(sizes, wide, permutations, seed, held, first=first), rows):
        work = len(alive) * (places.size + (places.size * len(held) if slow else len(held)))
        pieces = workers() // max(1, len(alive)) if work >= _WORTH_THREADS else 1
        tasks = [(s, part, pieces <= 1) for s in alive for part in np.array_split(places, max(1, pieces))]
        for counted in threaded(count, tasks, work=work):
            if counted is not None:  # several threads counted for one variable
                s, (more, less) = counted
                up[s] += more
                low[s] += less
    return Counts(up, low, permutations - first - held)


def _in_sorted_rows(one: _Variable, slots: Ints, places: Places, those: tuple[Ints, Places]) -> Tails:
    """Count the draws in both tails: each sum is looked up in the sorted sums of all draws."""
    z, observed = one.z.copy(), one.observed.copy()  # read in one go: what follows visits them at random
    more, less = (np.zeros(len(z), dtype=np.int32) for _ in range(2))
    sums = np.empty((len(those[0]), len(places)))
    kernels.prefix_sums(z, observed, one.sizes, slots, places, one.tie, sums, more, less)
    sums.sort(axis=1)
    kernels.count_sorted(sums, observed, *those, one.tie, more, less)
    return more, less


def _in_pairs(one: _Variable, slots: Ints, places: Places) -> Tails:
    """Count them where the statistic asks for sums and sums of squares: every draw for every area."""
    more, less = (np.zeros(len(one.z), dtype=np.int64) for _ in range(2))
    sums, squares = (np.empty((int(slots.max()) + 1, len(places))) for _ in range(2))
    tails = (one.tie, more, less)
    local_kernels.pair_sums(one.z, one.own, one.observed, one.sizes, slots, places, sums, squares, *tails)
    local_kernels.count_pairs(sums, squares, one.own, one.observed, one.sizes, slots, *tails)
    return more, less


def _weighted(one: _Variable, links: tuple[Ints, Floats], places: Places, kind: int) -> Tails:
    """Count them where the links of an area differ."""
    more, less = (np.zeros(len(one.z), dtype=np.int64) for _ in range(2))
    values = (one.z, one.own, one.observed, one.sizes)
    local_kernels.count_weighted(*values, *links, places, kind, one.tie, more, less)
    return more, less


def _by_size(order: Places, sizes: Ints, used: Ints) -> tuple[Ints, Places]:
    """Return where the areas of each number of neighbours end among areas in that order, and the areas."""
    return np.searchsorted(sizes[order], used, side="right"), order


def _tolerance(z: Floats, own: Floats | None, links: tuple[Ints, Floats] | None, wide: int) -> Floats:
    """Say how far apart two statistics of each variable may lie and still be a tie."""
    largest = np.abs(z).max(axis=1)
    if own is not None:
        largest = largest * (largest + 2 * np.abs(own).max(axis=1))
    return np.asarray(TIES * wide * largest * (1.0 if links is None else np.abs(links[1]).max()))


def lagged(values: Floats, indptr: Ints, indices: Ints, weights: Floats | None = None) -> Floats:
    """Return the sum over each area's neighbours, weighted where weights are given: variables × areas."""
    out = np.empty_like(values)
    parts = np.array_split(np.arange(len(values)), min(workers(), len(values)))
    rows = [slice(part[0], part[-1] + 1) for part in parts]
    work = len(values) * len(indices)

    def add(r: slice) -> None:
        if weights is None:
            kernels.neighbour_sums(values[r], indptr, indices, out[r])
        else:
            local_kernels.weighted_sums(values[r], indptr, indices, weights, out[r])

    list(threaded(add, rows, work=work))
    return out


def _places(
    sizes: Ints, wide: int, permutations: int, seed: int, held: Ints, *, first: int = 0
) -> Iterator[Places]:
    """Yield the draws block by block, and count in `held` those that hold each area."""
    for block in range(first // _BLOCK, -(-permutations // _BLOCK)):
        rows = min(_BLOCK, permutations - block * _BLOCK)
        uniform = stream(seed, "local-moran", block).random((rows, wide))
        places = np.empty(uniform.shape, dtype=np.int32)
        kernels.draw(uniform, sizes, places, held)
        yield places


def _pieces(blocks: Iterator[Places], rows: int) -> Iterator[Places]:
    """Join or cut blocks of draws to a size that suits the memory."""
    waiting: list[Places] = []
    for block in blocks:
        if len(block) >= rows:
            yield from (block[i : i + rows] for i in range(0, len(block), rows))
            continue
        waiting.append(block)
        if sum(map(len, waiting)) >= rows:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def threaded(function: Callable[[Any], Any], tasks: Iterable[Any], *, work: int) -> Iterable[Any]:
    """Apply a function to all tasks, in threads where the work (sums to make) is worth starting them."""
    tasks = list(tasks)
    if len(tasks) == 1 or work < _WORTH_THREADS or workers() == 1:
        return map(function, tasks)
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, tasks))
