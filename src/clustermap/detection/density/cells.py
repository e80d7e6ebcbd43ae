"""Compiled sorting of points into square cells, and of the points of a cell into sites: in linear memory."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Places = npt.NDArray[np.int32]

__all__ = ["MARGIN", "cell_keys", "distinct_sites", "sort_by_key", "sort_inside", "starts_of"]

MARGIN = 2  # empty columns and rows around the points, so that neighbours never wrap
_BITS = 11
_FEW = 24


@compiled("int64[::1](float64[::1], float64[::1], float64, float64, float64, int64)")
def cell_keys(x: Floats, y: Floats, west: float, south: float, side: float, columns: int) -> Ints:
    """Give every point the number of its cell, row by row from the south-west."""
    out = np.empty(x.size, np.int64)
    for i in range(x.size):
        column = int((x[i] - west) / side) + MARGIN
        out[i] = (int((y[i] - south) / side) + MARGIN) * columns + column
    return out


@compiled("Tuple((int64[::1], int32[::1]))(int64[::1])")
def sort_by_key(keys: Ints) -> tuple[Ints, Places]:
    """Sort keys from 0 up by their digits, rows of equal keys in order; return the keys and the rows.

    Examples
    --------
    >>> [side.tolist() for side in sort_by_key(np.array([3, 1, 3]))]
    [[1, 3, 3], [1, 0, 2]]
    """
    n, largest = keys.size, 0
    for i in range(n):
        largest = max(largest, keys[i])
    here, there = keys.copy(), np.empty(n, np.int64)
    rows, moved = np.arange(n).astype(np.int32), np.empty(n, np.int32)
    shift = 0
    while (largest >> shift) > 0:
        count = np.zeros((1 << _BITS) + 1, np.int64)
        for i in range(n):
            count[((here[i] >> shift) & ((1 << _BITS) - 1)) + 1] += 1
        for d in range(1 << _BITS):
            count[d + 1] += count[d]
        for i in range(n):
            d = (here[i] >> shift) & ((1 << _BITS) - 1)
            there[count[d]] = here[i]
            moved[count[d]] = rows[i]
            count[d] += 1
        here, there = there, here
        rows, moved = moved, rows
        shift += _BITS
    return here, rows


@compiled("Tuple((int64[::1], int64[::1]))(int64[::1])")
def starts_of(keys: Ints) -> tuple[Ints, Ints]:
    """Return the distinct keys of sorted keys, and where each begins; the last start is the end."""
    cells = 0
    for i in range(keys.size):
        cells += i == 0 or keys[i] != keys[i - 1]
    distinct, start = np.empty(cells, np.int64), np.empty(cells + 1, np.int64)
    c = 0
    for i in range(keys.size):
        if i == 0 or keys[i] != keys[i - 1]:
            distinct[c], start[c] = keys[i], i
            c += 1
    start[cells] = keys.size
    return distinct, start


@compiled("void(float64[::1], float64[::1], int32[::1], int64, int64)")
def _insert(x: Floats, y: Floats, rows: Places, lo: int, hi: int) -> None:
    """Sort few points by place, points of one place in order of row."""
    for i in range(lo + 1, hi):
        a, b, row, j = x[i], y[i], rows[i], i - 1
        while j >= lo and (x[j] > a or (x[j] == a and y[j] > b)):
            x[j + 1], y[j + 1], rows[j + 1] = x[j], y[j], rows[j]
            j -= 1
        x[j + 1], y[j + 1], rows[j + 1] = a, b, row


@compiled("void(float64[::1], float64[::1], int32[::1], int64, int64, int64[::1])")
def _reorder(x: Floats, y: Floats, rows: Places, lo: int, hi: int, order: Ints) -> None:
    x[lo:hi] = x[lo:hi][order]
    y[lo:hi] = y[lo:hi][order]
    rows[lo:hi] = rows[lo:hi][order]


@compiled("void(float64[::1], float64[::1], int32[::1], int64[::1], int64, int64)")
def sort_inside(x: Floats, y: Floats, rows: Places, start: Ints, first: int, last: int) -> None:
    """Sort the points of each of some cells by place, in their own room; rows of a cell are given in order."""
    for c in range(first, last):
        lo, hi = start[c], start[c + 1]
        if hi - lo <= _FEW:
            _insert(x, y, rows, lo, hi)
            continue
        _reorder(x, y, rows, lo, hi, np.argsort(x[lo:hi], kind="mergesort"))
        run = lo
        for i in range(lo + 1, hi + 1):
            if i == hi or x[i] != x[run]:
                if i - run > 1:
                    _reorder(x, y, rows, run, i, np.argsort(y[run:i], kind="mergesort"))
                run = i


@compiled("int64(float64[::1], float64[::1], int32[::1], int64[::1], int32[::1], int32[::1])")
def distinct_sites(x: Floats, y: Floats, rows: Places, start: Ints, first: Places, site: Places) -> int:
    """Put the points of one place together, in place; return the number of sites.

    `x`, `y` and `start` become those of the sites, `first` the lowest row of each, `site` the site of every row.
    """
    n, end = 0, start[0]
    for c in range(start.size - 1):
        lo, hi = end, start[c + 1]
        start[c] = n
        for i in range(lo, hi):
            if i == lo or x[i] != x[n - 1] or y[i] != y[n - 1]:
                x[n], y[n], first[n] = x[i], y[i], rows[i]
                n += 1
            site[rows[i]] = n - 1
        end = hi
    start[start.size - 1] = n
    return n
