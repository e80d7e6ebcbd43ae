"""Compiled loops over pairs: exact distances into bins, whole sectors and growing random samples alike.

Pairs in a bin are whole numbers, so the sums are the same for any cut of the work into threads. Nothing of
size n × n is ever made.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "in_threads",
    "pair_histogram",
    "sampled_histograms",
    "weighted_pair_histogram",
    "weighted_samples",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_ROWS = (
    256  # rows of pairs summed together: part of the answer's last digit where weights are no whole numbers
)
_WORTH_THREADS = 2_000_000  # pairs; below that, starting threads takes longer


@compiled("void(float64[::1], float64[::1], float64, int64, int64, int64[::1])")
def _count(x: Floats, y: Floats, width: float, start: int, stop: int, counts: Ints) -> None:
    """Count the pairs of rows start…stop with all earlier ones; the last bin takes whatever lies beyond."""
    last = counts.size - 1
    for i in range(start, stop):
        for j in range(i):
            dx, dy = x[i] - x[j], y[i] - y[j]
            counts[int(min(np.sqrt(dx * dx + dy * dy) / width, last))] += 1


@compiled("void(float64[::1], float64[::1], float64[::1], float64, int64, int64, float64[::1])")
def _weigh(x: Floats, y: Floats, mark: Floats, width: float, start: int, stop: int, sums: Floats) -> None:
    """Sum the products of marks of the pairs of rows start…stop with all earlier ones."""
    last = sums.size - 1
    for i in range(start, stop):
        for j in range(i):
            dx, dy = x[i] - x[j], y[i] - y[j]
            sums[int(min(np.sqrt(dx * dx + dy * dy) / width, last))] += mark[i] * mark[j]


@compiled(
    "void(float64[::1], float64[::1], int64[:, ::1], int64, float64, int64[::1], int64[:, ::1], int64[:, :, ::1])"
)
def _grow(
    x: Floats, y: Floats, places: Ints, before: int, width: float, sizes: Ints, running: Ints, out: Ints
) -> None:
    """Let each row's sample grow, and note its counts at each of the ascending sizes.

    Parameters
    ----------
    x, y
        Coordinates of all sites.
    places
        Draws × longest sample.
    before
        Size that `running` stands at already.
    width
        Width of a bin.
    sizes
        Where counts are noted, above `before`.
    running
        Changed: draws × bins, the counts so far.
    out
        Filled: sizes × draws × bins.
    """
    last, top = running.shape[1] - 1, sizes[sizes.size - 1]
    px, py = np.empty(top), np.empty(top)
    for b in range(places.shape[0]):
        for t in range(top):
            px[t], py[t] = x[places[b, t]], y[places[b, t]]
        t = before
        for s in range(sizes.size):
            while t < sizes[s]:
                for u in range(t):
                    dx, dy = px[t] - px[u], py[t] - py[u]
                    running[b, int(min(np.sqrt(dx * dx + dy * dy) / width, last))] += 1
                t += 1
            for k in range(last + 1):
                out[s, b, k] = running[b, k]


@compiled("void(float64[::1], float64[::1], int64[:, ::1], float64[::1], float64, float64[:, ::1])")
def _mark(x: Floats, y: Floats, places: Ints, mark: Floats, width: float, out: Floats) -> None:
    """Sum the products of marks over the pairs of each draw, the t-th mark on the t-th site drawn."""
    last, top = out.shape[1] - 1, mark.size
    px, py = np.empty(top), np.empty(top)
    for b in range(places.shape[0]):
        for t in range(top):
            px[t], py[t] = x[places[b, t]], y[places[b, t]]
        for t in range(top):
            for u in range(t):
                dx, dy = px[t] - px[u], py[t] - py[u]
                out[b, int(min(np.sqrt(dx * dx + dy * dy) / width, last))] += mark[t] * mark[u]


def pair_histogram(x: Floats, y: Floats, *, width: float, bins: int) -> Ints:
    """Count all pairs by distance: bin k holds distances from k to k + 1 widths, the last whatever lies beyond.

    Examples
    --------
    >>> pair_histogram(np.array([0.0, 0.0, 3.0]), np.array([0.0, 0.0, 4.0]), width=2.0, bins=4).tolist()
    [1, 0, 2, 0]
    """

    def part(rows: range) -> Ints:
        counts = np.zeros(bins, dtype=np.int64)
        _count(x, y, width, rows.start, rows.stop, counts)
        return counts

    return np.asarray(sum(in_threads(part, _row_blocks(len(x)), work=len(x) ** 2 // 2)), dtype=np.int64)


def weighted_pair_histogram(x: Floats, y: Floats, mark: Floats, *, width: float, bins: int) -> Floats:
    """Sum the products of marks of all pairs by distance.

    Examples
    --------
    >>> x, mark = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 5.0])
    >>> weighted_pair_histogram(x, np.zeros(3), mark, width=1.0, bins=4).tolist()
    [0.0, 2.0, 10.0, 5.0]
    """

    def part(rows: range) -> Floats:
        sums = np.zeros(bins)
        _weigh(x, y, mark, width, rows.start, rows.stop, sums)
        return sums

    parts = list(in_threads(part, _row_blocks(len(x)), work=len(x) ** 2 // 2))
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def sampled_histograms(
    x: Floats, y: Floats, places: Ints, *, width: float, sizes: Ints, before: int, running: Ints
) -> Ints:
    """Count the pairs of the first n sites of each draw, for several ascending n in one pass.

    Parameters
    ----------
    x, y : numpy.ndarray
        Coordinates of all sites.
    places : numpy.ndarray
        Draws × sites drawn, in order.
    width : float
        Width of a bin.
    sizes : numpy.ndarray
        The n, ascending, above `before`.
    before : int
        How many sites of each draw are in `running` already.
    running : numpy.ndarray
        Draws × bins; changed to the counts at the last size, so that a further call can go on from there.

    Returns
    -------
    numpy.ndarray
        Sizes × draws × bins.
    """
    out = np.empty((len(sizes), *running.shape), dtype=np.int64)

    def part(rows: Any) -> None:
        some = np.empty((len(sizes), len(rows), running.shape[1]), dtype=np.int64)
        mine = running[rows]
        _grow(x, y, places[rows], before, width, sizes, mine, some)
        out[:, rows], running[rows] = some, mine

    work = len(places) * (int(sizes[-1]) ** 2 - before**2) // 2
    list(in_threads(part, np.array_split(np.arange(len(places)), min(len(places), 4 * workers())), work=work))
    return out


def weighted_samples(x: Floats, y: Floats, places: Ints, mark: Floats, *, width: float, bins: int) -> Floats:
    """Sum the products of marks over the pairs of each draw: draws × bins."""
    out = np.zeros((len(places), bins))

    def part(rows: Any) -> None:
        mine = np.zeros((len(rows), bins))
        _mark(x, y, places[rows], mark, width, mine)
        out[rows] = mine

    pieces = np.array_split(np.arange(len(places)), min(len(places), 4 * workers()))
    list(in_threads(part, pieces, work=len(places) * len(mark) ** 2 // 2))
    return out


def in_threads(function: Callable[[Any], Any], tasks: Iterable[Any], *, work: int) -> Iterable[Any]:
    """Apply a function to all tasks, in threads where the work (pairs) is worth starting them."""
    tasks = list(tasks)
    if len(tasks) == 1 or work < _WORTH_THREADS or workers() == 1:
        return map(function, tasks)
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, tasks))


def _row_blocks(n: int) -> list[range]:
    return [range(i, min(i + _ROWS, n)) for i in range(0, max(n, 1), _ROWS)]
