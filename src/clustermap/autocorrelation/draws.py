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
from clustermap.compiled import workers
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Counts", "conditional_counts", "lagged", "permuted_products", "products"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Links = tuple[Ints, Ints, Ints, Floats]

_BLOCK = 4_096  # draws per stream: part of what a seed means
_PERMUTATION_BLOCK = 64  # the same for whole permutations
_PIECE = 16_384  # draws worked on at once: changes memory and speed, never an answer
_PIECE_CELLS = 1 << 22
_COLUMNS = 16
_WORTH_THREADS = 500_000  # sums; below that, starting threads takes longer
_TIES = 64 * np.finfo(float).eps


class Counts(NamedTuple):
    """Draws at least as large, at least as small, and draws that count: variables × areas, areas."""

    up: Ints
    low: Ints
    draws: Ints


def conditional_counts(z: Floats, observed: Floats, sizes: Ints, *, permutations: int, seed: int) -> Counts:
    """Count, for each variable and area, the draws whose sum over k other areas is as extreme.

    Parameters
    ----------
    z : numpy.ndarray
        Variables × areas.
    observed : numpy.ndarray
        Sums over the neighbours, same shape.
    sizes : numpy.ndarray
        Number of neighbours of each area.
    permutations, seed : int
        How many draws, and what they come from.
    """
    wide = int(sizes.max())
    slots = np.full(wide + 1, -1, dtype=np.int64)
    used = np.unique(sizes[sizes > 0])
    slots[used] = np.arange(len(used))
    tolerance = _TIES * wide * np.abs(z).max(axis=1)
    up, low = np.zeros(z.shape, dtype=np.int64), np.zeros(z.shape, dtype=np.int64)
    held = np.zeros(z.shape[1], dtype=np.int64)
    rows = max(1, min(_PIECE, _PIECE_CELLS // len(used)))

    def count(task: tuple[int, Places]) -> tuple[int, Ints, Ints]:
        s, places = task
        more, less = np.zeros_like(held), np.zeros_like(held)
        sums = np.empty((len(used), len(places)))
        kernels.prefix_sums(z[s], observed[s], sizes, slots, places, float(tolerance[s]), sums, more, less)
        sums.sort(axis=1)
        kernels.count_sorted(sums, observed[s], sizes, slots, float(tolerance[s]), more, less)
        return s, more, less

    for places in _pieces(_places(sizes, wide, permutations, seed, held), rows):
        work = len(z) * (places.size + len(held))
        pieces = workers() // len(z) if work >= _WORTH_THREADS else 1
        tasks = [(s, part) for s in range(len(z)) for part in np.array_split(places, max(1, pieces))]
        for s, more, less in _threaded(count, tasks, work=work):
            up[s] += more
            low[s] += less
    return Counts(up, low, permutations - held)


def lagged(values: Floats, indptr: Ints, indices: Ints) -> Floats:
    """Return the sum over each area's neighbours: variables × areas."""
    out = np.empty_like(values)
    parts = np.array_split(np.arange(len(values)), min(workers(), len(values)))
    rows = [slice(part[0], part[-1] + 1) for part in parts]
    work = len(values) * len(indices)
    list(_threaded(lambda r: kernels.neighbour_sums(values[r], indptr, indices, out[r]), rows, work=work))
    return out


def permuted_products(z: Floats, links: Links, *, permutations: int, seed: int) -> Iterator[Floats]:
    """Yield Σ weight × value × value over the links under whole permutations, block by block.

    Parameters
    ----------
    z : numpy.ndarray
        Variables × areas.
    links : tuple of numpy.ndarray
        The area at each place, then row starts, places and weights of the links, each pair once.
    permutations, seed : int
        How many permutations, and what they come from.
    """

    def block(number: int) -> Floats:
        rows = min(_PERMUTATION_BLOCK, permutations - number * _PERMUTATION_BLOCK)
        uniform = stream(seed, "global-moran", number).random((rows, z.shape[1]))
        places = np.empty(uniform.shape, dtype=np.int32)
        kernels.permute(uniform, places)
        return products(z, links, places)

    blocks = range(-(-permutations // _PERMUTATION_BLOCK))
    yield from _threaded(block, blocks, work=permutations * len(links[2]) * len(z))


def products(z: Floats, links: Links, places: Places) -> Floats:
    """Return Σ weight × value × value over the links, for each arrangement and variable.

    The same bytes for a variable alone and among others.
    """
    if len(z) == 1:
        single = np.empty(len(places))
        kernels.cross_products_of_one(z[0], *links, places, single)
        return single[:, None]
    out = []
    for s in range(0, len(z), _COLUMNS):
        values = np.ascontiguousarray(z[s : s + _COLUMNS].T)
        out.append(np.empty((len(places), values.shape[1])))
        kernels.cross_products(values, *links, places, out[-1])
    return np.hstack(out)


def _places(sizes: Ints, wide: int, permutations: int, seed: int, held: Ints) -> Iterator[Places]:
    """Yield the draws block by block, and count in `held` those that hold each area."""
    for block in range(-(-permutations // _BLOCK)):
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


def _threaded(function: Callable[[Any], Any], tasks: Iterable[Any], *, work: int) -> Iterable[Any]:
    """Apply a function to all tasks, in threads where the work (sums to make) is worth starting them."""
    tasks = list(tasks)
    if len(tasks) == 1 or work < _WORTH_THREADS or workers() == 1:
        return map(function, tasks)
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, tasks))
