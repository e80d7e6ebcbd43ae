"""The compiled part of the cell index: edges into cells, cells into groups, points into areas."""

# ruff: noqa: PLR0917 - kernels take plain numbers, in one order throughout: ax, ay, bx, by, x, y
from __future__ import annotations

from typing import Any

import numpy as np

from clustermap.compiled import compiled
from clustermap.tables.predicates import in_box, orientation

__all__ = [
    "count_entries",
    "fill_entries",
    "find",
    "find_all",
    "find_plain",
    "make_groups",
    "sweep",
]

# The tables of a CellIndex, as one argument and in the order of its fields.
_TABLES = (
    "Tuple((float64[::1], int64[::1], float64[:, ::1], int64[::1], int32[::1], int64[:, ::1], int32[::1], "
    "int64[:, ::1], int32[::1]))"
)
OUTSIDE, INSIDE, BORDER = 0, 1, 2
ON_EDGE = UNKNOWN = 2


@compiled("int64(float64, float64, float64, int64)")
def _slot(value: float, start: float, side: float, n: int) -> int:
    """Return the column or row of a coordinate; monotone, and never outside the grid."""
    return int(min(max(np.floor((value - start) / side), 0.0), n - 1.0))


@compiled("UniTuple(int64, 2)(float64, float64, float64, float64, int64, float64[::1], int64[::1], float64)")
def _columns(
    ax: float, ay: float, bx: float, by: float, row: int, grid: Any, shape: Any, margin: float
) -> tuple[int, int]:
    """Return the columns that an edge may touch in a row: one too many does no harm, one too few would."""
    low, high = min(ax, bx), max(ax, bx)
    if ay != by:
        bottom = grid[1] + row * grid[2] - 2 * margin
        top = grid[1] + (row + 1) * grid[2] + 2 * margin
        t0 = min(max((bottom - ay) / (by - ay), 0.0), 1.0)
        t1 = min(max((top - ay) / (by - ay), 0.0), 1.0)
        x0, x1 = ax + t0 * (bx - ax), ax + t1 * (bx - ax)
        low, high = max(low, min(x0, x1)), min(high, max(x0, x1))
    left = _slot(low - 2 * margin, grid[0], grid[2], shape[0])
    return left, _slot(high + 2 * margin, grid[0], grid[2], shape[0])


@compiled("UniTuple(int64, 2)(float64, float64, float64[::1], int64[::1], float64)")
def _rows(ay: float, by: float, grid: Any, shape: Any, margin: float) -> tuple[int, int]:
    low = _slot(min(ay, by) - 2 * margin, grid[1], grid[2], shape[1])
    return low, _slot(max(ay, by) + 2 * margin, grid[1], grid[2], shape[1])


@compiled("int64(float64[:, ::1], float64[::1], int64[::1], float64, int64[::1])")
def count_entries(edges: Any, grid: Any, shape: Any, margin: float, counts: Any) -> int:
    """Count the edges of every cell, and return how many there are in all."""
    total = 0
    for e in range(edges.shape[0]):
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        r0, r1 = _rows(ay, by, grid, shape, margin)
        for r in range(r0, r1 + 1):
            c0, c1 = _columns(ax, ay, bx, by, r, grid, shape, margin)
            total += c1 - c0 + 1
            for c in range(c0, c1 + 1):
                counts[r * shape[0] + c] += 1
    return total


@compiled("int32[::1](float64[:, ::1], float64[::1], int64[::1], float64, int64[::1])")
def fill_entries(edges: Any, grid: Any, shape: Any, margin: float, starts: Any) -> Any:
    """Put the edges into their cells, in order: four times the edge, plus the side of the centre of the cell.

    The side is 1 where the centre lies left of the edge, 2 where it lies on it, else 0.
    """
    entries = np.empty(starts[-1], dtype=np.int32)
    at = starts[:-1].copy()
    for e in range(edges.shape[0]):
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        r0, r1 = _rows(ay, by, grid, shape, margin)
        for r in range(r0, r1 + 1):
            y = grid[1] + (r + 0.5) * grid[2]
            c0, c1 = _columns(ax, ay, bx, by, r, grid, shape, margin)
            for c in range(c0, c1 + 1):
                x = grid[0] + (c + 0.5) * grid[2]
                turn = orientation(ax, ay, bx, by, x, y)
                side = 1 if turn > 0 else 0
                if turn == 0 and in_box(ax, ay, bx, by, x, y):
                    side = ON_EDGE
                cell = r * shape[0] + c
                entries[at[cell]] = 4 * e + side
                at[cell] += 1
    return entries


@compiled("Tuple((int32[::1], int64[:, ::1], int64[:, ::1]))(int64[::1], int32[::1], int32[::1])")
def make_groups(starts: Any, entries: Any, edge_area: Any) -> tuple[Any, Any, Any]:
    """Group the entries of each cell by area, and number the cells that have any from -2 downwards.

    Returns
    -------
    cell, cells, groups
        Per cell -1 or its number; per numbered cell no covers (0, 0) and its groups; per group its area, what is
        known of the centre, and its entries.
    """
    n_cells = len(starts) - 1
    number, n_groups = 0, 0
    for c in range(n_cells):
        number += starts[c + 1] > starts[c]
        for t in range(starts[c], starts[c + 1]):
            n_groups += t == starts[c] or edge_area[entries[t] >> 2] != edge_area[entries[t - 1] >> 2]
    cell = np.full(n_cells, -1, dtype=np.int32)
    cells = np.zeros((number, 4), dtype=np.int64)
    groups = np.zeros((n_groups, 4), dtype=np.int64)
    number, g = 0, 0
    for c in range(n_cells):
        if starts[c + 1] == starts[c]:
            continue
        cell[c] = -2 - number
        cells[number, 2] = g
        for t in range(starts[c], starts[c + 1]):
            area = edge_area[entries[t] >> 2]
            if t == starts[c] or area != groups[g - 1, 0]:
                groups[g, 0], groups[g, 2] = area, t
                g += 1
            if entries[t] & 3 == ON_EDGE:
                groups[g - 1, 1] = UNKNOWN
            groups[g - 1, 3] = t + 1
        cells[number, 3] = g
        number += 1
    return cell, cells, groups


@compiled("int64(float64, float64, float64, float64, float64, float64[::1], int64)")
def _first_right(ax: float, ay: float, bx: float, by: float, y: float, grid: Any, n: int) -> int:
    """Return the first column whose centre at this height lies right of an edge that crosses the height."""
    up = 1 if by > ay else -1
    guess = (ax + (y - ay) / (by - ay) * (bx - ax) - grid[0]) / grid[2] - 0.5
    c = int(min(max(np.ceil(guess), 0.0), float(n)))
    while c > 0 and orientation(ax, ay, bx, by, grid[0] + (c - 0.5) * grid[2], y) * up < 0:
        c -= 1
    while c < n and orientation(ax, ay, bx, by, grid[0] + (c + 0.5) * grid[2], y) * up >= 0:
        c += 1
    return c


@compiled("int64[::1](float64[:, ::1], int64, int64, float64[::1], int64[::1])")
def _box(edges: Any, e0: int, e1: int, grid: Any, shape: Any) -> Any:
    """Return the first and last column and row of an area: left, bottom, right, top."""
    box = np.array([shape[0], shape[1], -1, -1])
    for e in range(e0, e1):
        for k in range(2):
            slot = _slot(edges[e, k], grid[k], grid[2], shape[k])
            box[k] = min(box[k], slot)
            box[2 + k] = max(box[2 + k], slot)
    return box


@compiled("void(float64[:, ::1], int64, int64, float64[::1], int64[::1], int64[::1], uint8[:, ::1])")
def _flip(edges: Any, e0: int, e1: int, grid: Any, shape: Any, box: Any, flips: Any) -> None:
    """Mark, along the centres of each row, where an area begins and ends."""
    c0, c1 = box[0], box[2]
    for e in range(e0, e1):
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        low = _slot(min(ay, by), grid[1], grid[2], shape[1])
        high = _slot(max(ay, by), grid[1], grid[2], shape[1])
        for r in range(low, high + 1):
            y = grid[1] + (r + 0.5) * grid[2]
            if (ay > y) != (by > y):
                c = min(max(_first_right(ax, ay, bx, by, y, grid, shape[0]), c0), c1 + 1)
                flips[r - box[1], c - c0] ^= 1


@compiled("boolean(int64, int64, int64[:, ::1], int64[:, ::1])")
def _mark(number: int, area: int, cells: Any, groups: Any) -> bool:
    """Note that an area holds the centre of a cell that its border touches; False where it does not."""
    for g in range(cells[number, 2], cells[number, 3]):
        if groups[g, 0] == area:
            groups[g, 1] |= 1
            return True
    return False


@compiled(
    "Tuple((int64[:, ::1], int64))(float64[:, ::1], int64[::1], float64[::1], int64[::1], int32[::1], "
    "int64[:, ::1], int64[:, ::1])"
)
def sweep(
    edges: Any, edge_ptr: Any, grid: Any, shape: Any, cell: Any, cells: Any, groups: Any
) -> tuple[Any, int]:
    """Learn which centres each area holds: of cells without its border, it then holds the whole cell.

    `cell` receives the first area that holds a whole cell, `groups` the state of the centres of the others;
    returned are (cell, area) where an area holds a cell that another one holds or touches, and their number.
    """
    extra = np.empty((256, 2), dtype=np.int64)
    n_extra = 0
    for a in range(len(edge_ptr) - 1):
        e0, e1 = edge_ptr[a], edge_ptr[a + 1]
        box = _box(edges, e0, e1, grid, shape)
        flips = np.zeros((max(box[3] - box[1] + 1, 0), max(box[2] - box[0] + 2, 0)), dtype=np.uint8)
        _flip(edges, e0, e1, grid, shape, box, flips)
        for r in range(box[1], box[3] + 1):
            state = 0
            for c in range(box[0], box[2] + 1):
                state ^= flips[r - box[1], c - box[0]]
                here = r * shape[0] + c
                if state and cell[here] == -1:
                    cell[here] = a
                elif state and (cell[here] >= 0 or not _mark(-2 - cell[here], a, cells, groups)):
                    if n_extra == len(extra):
                        larger = np.empty((2 * n_extra, 2), dtype=np.int64)
                        for k in range(n_extra):
                            larger[k, 0], larger[k, 1] = extra[k, 0], extra[k, 1]
                        extra = larger
                    extra[n_extra, 0], extra[n_extra, 1] = here, a
                    n_extra += 1
    return extra, n_extra


@compiled("int64(float64[:, ::1], int64, int64, float64, float64)")
def _by_ray(edges: Any, e0: int, e1: int, x: float, y: float) -> int:
    """Look along a horizontal ray through all edges of an area."""
    inside = False
    for e in range(e0, e1):
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        crosses = (ay > y) != (by > y)
        if not crosses and not in_box(ax, ay, bx, by, x, y):
            continue
        side = orientation(ax, ay, bx, by, x, y)
        if side == 0 and in_box(ax, ay, bx, by, x, y):
            return BORDER
        if crosses and (side > 0) == (by > ay):
            inside = not inside
    return INSIDE if inside else OUTSIDE


@compiled("int64(float64[:, ::1], int32[::1], int64[:, ::1], int64, float64, float64, float64, float64)")
def _by_centre(
    edges: Any, entries: Any, groups: Any, g: int, cx: float, cy: float, x: float, y: float
) -> int:
    """Count the edges between a point and the centre of its cell, whose state is known."""
    inside = groups[g, 1] == 1
    for t in range(groups[g, 2], groups[g, 3]):
        e = entries[t] >> 2
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        side = orientation(ax, ay, bx, by, x, y)
        if side == 0 and in_box(ax, ay, bx, by, x, y):
            return BORDER
        if (side > 0) != (entries[t] & 3 == 1) and (orientation(x, y, cx, cy, ax, ay) >= 0) != (
            orientation(x, y, cx, cy, bx, by) >= 0
        ):
            inside = not inside
    return INSIDE if inside else OUTSIDE


@compiled(f"UniTuple(int64, 2)(float64, float64, int64, int32[::1], {_TABLES})")
def _at(x: float, y: float, number: int, out: Any, tables: Any) -> tuple[int, int]:
    """Write the areas of a point in a cell that needs a look, ascending; return their number and the border's."""
    grid, shape, edges, edge_ptr, _, cells, cover, groups, entries = tables
    n, lowest = 0, -1
    cx = grid[0] + (_slot(x, grid[0], grid[2], shape[0]) + 0.5) * grid[2]
    cy = grid[1] + (_slot(y, grid[1], grid[2], shape[1]) + 0.5) * grid[2]
    for k in range(cells[number, 0], cells[number, 1]):
        out[n] = cover[k]
        n += 1
    for g in range(cells[number, 2], cells[number, 3]):
        area = groups[g, 0]
        if groups[g, 1] >= UNKNOWN:
            state = _by_ray(edges, edge_ptr[area], edge_ptr[area + 1], x, y)
        else:
            state = _by_centre(edges, entries, groups, g, cx, cy, x, y)
        if state == BORDER and lowest < 0:
            lowest = area
        if state == INSIDE or (state == BORDER and lowest == area):
            k = n
            while k > 0 and out[k - 1] > area:
                out[k] = out[k - 1]
                k -= 1
            out[k] = area
            n += 1
    return n, lowest


@compiled(f"Tuple((int32[::1], int64[::1]))(float64[::1], float64[::1], {_TABLES})")
def find_plain(x: Any, y: Any, tables: Any) -> tuple[Any, Any]:
    """Answer the points in cells that no border touches; return the others sorted by cell."""
    grid, shape, cell, numbered = tables[0], tables[1], tables[4], len(tables[5])
    first = np.full(len(x), -1, dtype=np.int32)
    at = np.zeros(numbered + 2, dtype=np.int64)
    for i in range(len(x)):
        if grid[3] <= x[i] <= grid[5] and grid[4] <= y[i] <= grid[6]:
            column = _slot(x[i], grid[0], grid[2], shape[0])
            here = cell[_slot(y[i], grid[1], grid[2], shape[1]) * shape[0] + column]
            first[i] = here
            at[max(-here, 0)] += 1
    at[0] = at[1] = 0  # number k stands at k + 2; what needs no look is not counted
    for k in range(2, numbered + 2):
        at[k] += at[k - 1]
    others = np.empty(at[numbered + 1], dtype=np.int64)
    for i in range(len(x)):
        if first[i] < -1:
            others[at[-first[i] - 1]] = i
            at[-first[i] - 1] += 1
    return first, others


@compiled(f"Tuple((int32[::1], int32[::1], boolean[::1]))(float64[::1], float64[::1], int64, {_TABLES})")
def find(x: Any, y: Any, most: int, tables: Any) -> tuple[Any, Any, Any]:
    """Return, for points in numbered cells, the lowest area, the number of areas, and whether on a border."""
    grid, shape, cell = tables[0], tables[1], tables[4]
    first = np.full(len(x), -1, dtype=np.int32)
    count = np.empty(len(x), dtype=np.int32)
    border = np.empty(len(x), dtype=np.bool_)
    out = np.empty(most, dtype=np.int32)
    for i in range(len(x)):
        column = _slot(x[i], grid[0], grid[2], shape[0])
        here = cell[_slot(y[i], grid[1], grid[2], shape[1]) * shape[0] + column]
        n, lowest = _at(x[i], y[i], -2 - here, out, tables)
        border[i] = lowest >= 0
        count[i] = n
        if n:
            first[i] = out[0]
    return first, count, border


@compiled(f"int32[::1](float64[::1], float64[::1], int64[::1], int64, {_TABLES})")
def find_all(x: Any, y: Any, indptr: Any, most: int, tables: Any) -> Any:
    """Return all areas of points that have several, one point after the other."""
    grid, shape, cell = tables[0], tables[1], tables[4]
    members = np.empty(indptr[-1], dtype=np.int32)
    out = np.empty(most, dtype=np.int32)
    for i in range(len(x)):
        column = _slot(x[i], grid[0], grid[2], shape[0])
        here = cell[_slot(y[i], grid[1], grid[2], shape[1]) * shape[0] + column]
        n, _ = _at(x[i], y[i], -2 - here, out, tables)
        for k in range(n):
            members[indptr[i] + k] = out[k]
    return members
