"""Permutation draws, shared by all areas and sectors, and their counts in both tails.

Nothing here depends on the number of threads or on how draws are cut into pieces: draws come from streams
of fixed blocks, and what is added up are whole numbers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation import kernels, local_kernels
from clustermap.compiled import workers
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["TIES", "Counts", "conditional_counts", "lagged", "threaded"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

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
    order = np.argsort(sizes, kind="stable")
    ends = np.searchsorted(sizes[order], used, side="right")
    tolerance = _tolerance(z, own, links, wide)
    up, low = np.zeros(z.shape, dtype=np.int64), np.zeros(z.shape, dtype=np.int64)
    held = np.zeros(z.shape[1], dtype=np.int64)
    slow = own is not None or links is not None
    rows = max(1, min(_PIECE, _PIECE_CELLS // (len(used) if links is None else 3 * wide)))
    alive = np.flatnonzero(np.ones(len(z), dtype=bool) if active is None else active.any(axis=1))

    def count(task: tuple[int, Places, bool]) -> tuple[int, Ints, Ints] | None:
        s, places, alone = task
        mine = sizes if active is None else np.where(active[s], sizes, 0)
        more, less = (up[s], low[s]) if alone else (np.zeros_like(held), np.zeros_like(held))
        tie = float(tolerance[s])
        if links is not None:
            kind = local_kernels.SUM if own is None else local_kernels.GEARY
            itself = z[s] if own is None else own[s]
            local_kernels.count_weighted(
                z[s], itself, observed[s], mine, *links, places, kind, tie, more, less
            )
        elif own is not None:
            sums, squares = (np.empty((len(used), len(places))) for _ in range(2))
            local_kernels.pair_sums(
                z[s], own[s], observed[s], mine, slots, places, sums, squares, tie, more, less
            )
            local_kernels.count_pairs(sums, squares, own[s], observed[s], mine, slots, tie, more, less)
        else:
            sums = np.empty((len(used), len(places)))
            kernels.prefix_sums(z[s], observed[s], mine, slots, places, tie, sums, more, less)
            sums.sort(axis=1)
            kernels.count_sorted(sums, observed[s], mine, ends, order, tie, more, less)
        return None if alone else (s, more, less)

    for places in _pieces(_places(sizes, wide, permutations, seed, held, first=first), rows):
        work = len(alive) * (places.size + (places.size * len(held) if slow else len(held)))
        pieces = workers() // max(1, len(alive)) if work >= _WORTH_THREADS else 1
        tasks = [(s, part, pieces <= 1) for s in alive for part in np.array_split(places, max(1, pieces))]
        for counted in threaded(count, tasks, work=work):
            if counted is not None:  # several threads counted for one variable
                s, more, less = counted
                up[s] += more
                low[s] += less
    return Counts(up, low, permutations - first - held)


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
