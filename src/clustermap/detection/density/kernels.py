"""Compiled DBSCAN on square cells: core sites, cells that are joined, and the nearest core of every site.

The side of a cell is a little less than radius/√2, so that all points of a cell are within the radius of each other,
and only the 24 cells around it can hold others. Cells are sorted row by row, so that those around a cell are five runs
of cells, and of sites, whose ends only move forward.
"""
# ruff: noqa: PLR0917, C901, PLR0912 - kernels take flat arrays by position, and call little

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Places = npt.NDArray[np.int32]
    Flags = npt.NDArray[np.bool_]

__all__ = ["core_sites", "counts_within", "join_cells", "nearest_core", "weights_of"]

_BAND, _REACH = 5, 2
_ROUNDING = 1e-6  # differences of long sums
_NEAREST_ROWS = np.array([2, 1, 3, 0, 4])


@compiled("float64[::1](float64[::1], int64[::1])")
def weights_of(weight: Floats, start: Ints) -> Floats:
    """Sum the weights of the sites of each cell, site by site."""
    out = np.zeros(start.size - 1)
    for c in range(out.size):
        for i in range(start[c], start[c + 1]):
            out[c] += weight[i]
    return out


@compiled("int64(int64[::1], int64)")
def _at(key: Ints, wanted: int) -> int:
    lo, hi = 0, key.size
    while lo < hi:
        middle = (lo + hi) // 2
        if key[middle] < wanted:
            lo = middle + 1
        else:
            hi = middle
    return lo


@compiled("void(int64[::1], int64, int64, int64[:, ::1])")
def _around(key: Ints, centre: int, columns: int, rows: Ints) -> None:
    """Set `rows` to first and last + 1 of the cells around a place, row by row. Centres are asked for in order."""
    for d in range(_BAND):
        low = centre + (d - _REACH) * columns - _REACH
        p = rows[d, 0]
        while p < key.size and key[p] < low:
            p += 1
        rows[d, 0] = p
        p = max(p, rows[d, 1])
        while p < key.size and key[p] < low + _BAND:
            p += 1
        rows[d, 1] = p


@compiled("int64[:, ::1](int64[::1], int64, int64)")
def _rows(key: Ints, centre: int, columns: int) -> Ints:
    out = np.empty((_BAND, 2), np.int64)
    for d in range(_BAND):
        out[d] = _at(key, centre + (d - _REACH) * columns - _REACH)
    return out


_SITES = "float64[::1], float64[::1], float64[::1], int64[::1], int64[::1]"


@compiled(f"void({_SITES}, float64[::1], float64[::1], int64, float64, float64, int64, int64, boolean[::1])")
def core_sites(
    x: Floats, y: Floats, weight: Floats, key: Ints, start: Ints, heavy: Floats, upto: Floats, columns: int,
    square: float, minimum: float, first: int, last: int, core: Flags,
) -> None:  # fmt: skip
    """Mark the sites of some cells within whose radius lies at least the minimum weight, their own included.

    `heavy` is the weight of each cell, `upto` of all cells before it.
    """
    if first >= last:
        return
    rows = _rows(key, key[first], columns)
    for c in range(first, last):
        if heavy[c] >= minimum:
            core[start[c] : start[c + 1]] = True
            continue
        _around(key, key[c], columns, rows)
        whole = 0.0
        for d in range(_BAND):
            whole += upto[rows[d, 1]] - upto[rows[d, 0]]
        if whole < minimum * (1.0 - _ROUNDING):
            continue
        for i in range(start[c], start[c + 1]):
            held = 0.0
            for d in _NEAREST_ROWS:
                for j in range(start[rows[d, 0]], start[rows[d, 1]]):
                    dx, dy = x[i] - x[j], y[i] - y[j]
                    if dx * dx + dy * dy <= square:
                        held += weight[j]
                if held >= minimum:
                    core[i] = True
                    break


@compiled(f"float64[::1]({_SITES}, int64, float64)")
def counts_within(
    x: Floats, y: Floats, weight: Floats, key: Ints, start: Ints, columns: int, square: float
) -> Floats:
    """Return the weight within the radius of every site, its own included."""
    out = np.empty(x.size)
    if not key.size:
        return out
    rows = _rows(key, key[0], columns)
    for c in range(key.size):
        _around(key, key[c], columns, rows)
        for i in range(start[c], start[c + 1]):
            out[i] = 0.0
            for d in _NEAREST_ROWS:
                for j in range(start[rows[d, 0]], start[rows[d, 1]]):
                    dx, dy = x[i] - x[j], y[i] - y[j]
                    if dx * dx + dy * dy <= square:
                        out[i] += weight[j]
    return out


@compiled("int64(int64[::1], int64)")
def _root(parent: Ints, c: int) -> int:
    while parent[c] != c:
        parent[c] = parent[parent[c]]
        c = parent[c]
    return c


@compiled("float64(float64, float64, float64, float64)")
def _gap(low: float, high: float, other_low: float, other_high: float) -> float:
    return max(0.0, other_low - high, low - other_high)


@compiled("boolean(float64[::1], float64[::1], int64[::1], float64[:, ::1], int64, int64, float64)")
def _touch(x: Floats, y: Floats, start: Ints, box: Floats, a: int, b: int, square: float) -> bool:
    """Whether some core site of one cell is within the radius of one of another."""
    dx = _gap(box[a, 0], box[a, 1], box[b, 0], box[b, 1])
    dy = _gap(box[a, 2], box[a, 3], box[b, 2], box[b, 3])
    if dx * dx + dy * dy > square:
        return False
    for i in range(start[a], start[a + 1]):
        dx, dy = _gap(x[i], x[i], box[b, 0], box[b, 1]), _gap(y[i], y[i], box[b, 2], box[b, 3])
        if dx * dx + dy * dy > square:
            continue
        for j in range(start[b], start[b + 1]):
            dx, dy = x[i] - x[j], y[i] - y[j]
            if dx * dx + dy * dy <= square:
                return True
    return False


@compiled("float64[:, ::1](float64[::1], float64[::1], int64[::1])")
def _boxes(x: Floats, y: Floats, start: Ints) -> Floats:
    box = np.empty((start.size - 1, 4))
    for c in range(start.size - 1):
        lo = start[c]
        west, east, south, north = x[lo], x[lo], y[lo], y[lo]
        for i in range(lo + 1, start[c + 1]):
            west, east = min(west, x[i]), max(east, x[i])
            south, north = min(south, y[i]), max(north, y[i])
        box[c, 0], box[c, 1], box[c, 2], box[c, 3] = west, east, south, north
    return box


@compiled(
    "Tuple((int32[::1], int64))(float64[::1], float64[::1], int32[::1], int64[::1], int64[::1], int64, float64)"
)
def join_cells(
    x: Floats, y: Floats, first: Places, key: Ints, start: Ints, columns: int, square: float
) -> tuple[Places, int]:
    """Give every cell of core sites the number of its cluster, and how many there are.

    Clusters are numbered in order of their lowest row.
    """
    cells = key.size
    parent, low = np.arange(cells), np.empty(cells, np.int64)
    box = _boxes(x, y, start)
    for far in (False, True):  # cells side by side first: the others are then mostly joined already
        if not cells:
            break
        rows = _rows(key, key[0], columns)
        for c in range(cells):
            _around(key, key[c], columns, rows)
            for d in range(_REACH, _BAND):
                middle = key[c] + (d - _REACH) * columns
                for q in range(max(rows[d, 0], c + 1), rows[d, 1]):
                    if (d > _REACH + 1 or abs(key[q] - middle) > 1) != far:
                        continue
                    a, b = _root(parent, c), _root(parent, q)
                    if a != b and _touch(x, y, start, box, c, q, square):
                        parent[max(a, b)] = min(a, b)
    for c in range(cells):
        low[c] = np.int64(1) << 40
    for c in range(cells):
        root = _root(parent, c)
        for i in range(start[c], start[c + 1]):
            low[root] = min(low[root], first[i])
    roots = np.empty(cells, np.int64)
    n = 0
    for c in range(cells):
        if parent[c] == c:
            roots[n] = c
            n += 1
    order = np.argsort(low[roots[:n]])
    number = np.empty(cells, np.int32)
    for rank in range(n):
        number[roots[order[rank]]] = rank
    label = np.empty(cells, np.int32)
    for c in range(cells):
        label[c] = number[_root(parent, c)]
    return label, n


@compiled(
    "void(float64[::1], float64[::1], int64[::1], int64[::1], float64[::1], float64[::1], int32[::1], int64[::1], "
    "int64[::1], int32[::1], int64, float64, int64, int64, int32[::1])"
)
def nearest_core(
    x: Floats, y: Floats, key: Ints, start: Ints, core_x: Floats, core_y: Floats, core_first: Places, core_key: Ints,
    core_start: Ints, label: Places, columns: int, square: float, first: int, last: int, out: Places,
) -> None:  # fmt: skip
    """Give every site of some cells the cluster of its nearest core site within the radius, −1 where there is none.

    Of equally near core sites the one with the lowest row decides.
    """
    if first >= last:
        return
    rows = _rows(core_key, key[first], columns)
    for c in range(first, last):
        _around(core_key, key[c], columns, rows)
        own, one, only = False, True, -1
        for d in range(_BAND):
            for q in range(rows[d, 0], rows[d, 1]):
                own |= core_key[q] == key[c]
                only = label[q] if only < 0 else only
                one &= label[q] == only
        for i in range(start[c], start[c + 1]):
            if only < 0 or (own and one):  # a core site in the cell is within the radius of all of it
                out[i] = only
                continue
            best, lowest, to = square, np.int64(1) << 40, -1
            for d in range(_BAND):
                for q in range(rows[d, 0], rows[d, 1]):
                    for j in range(core_start[q], core_start[q + 1]):
                        dx, dy = x[i] - core_x[j], y[i] - core_y[j]
                        far = dx * dx + dy * dy
                        if far < best or (far == best and core_first[j] < lowest):
                            best, lowest, to = far, core_first[j], label[q]
            out[i] = to
