"""The compiled part of the cell index: exact signs, edges into cells, points into areas."""

# ruff: noqa: PLR0917 - kernels take plain numbers, in one order throughout: ax, ay, bx, by, x, y
from __future__ import annotations

from typing import Any

import numpy as np

from clustermap.compiled import compiled

__all__ = ["count_entries", "fill_entries", "find", "find_all", "make_groups", "orientation", "sweep"]

_FILTER = 3.3306690738754716e-16  # (3 + 16 eps) eps, with eps = 2**-53
_SPLIT = 134217729.0  # 2**27 + 1
# The tables of a CellIndex, as one argument and in the order of its fields.
_TABLES = (
    "Tuple((float64[::1], int64[::1], float64[:, ::1], int64[::1], int32[::1], int64[::1], int32[::1], "
    "int64[::1], int32[::1], uint8[::1], int64[::1], int32[::1], uint8[::1]))"
)
OUTSIDE, INSIDE, BORDER = 0, 1, 2
ON_EDGE = UNKNOWN = 2


@compiled("UniTuple(float64, 2)(float64, float64)")
def _difference(p: float, q: float) -> tuple[float, float]:
    """Return p - q as the rounded difference and what the rounding lost."""
    d = p - q
    v = p - d
    return d, (p - (d + v)) + (v - q)


@compiled("int64(float64, float64, float64, float64, float64, float64)")
def _exact_orientation(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """Sum the exact partial products of the determinant; the largest term that is left has its sign."""
    high, low = np.empty(4), np.empty(4)
    high[0], low[0] = _difference(ax, px)
    high[1], low[1] = _difference(by, py)
    high[2], low[2] = _difference(ay, py)
    high[3], low[3] = _difference(bx, px)
    terms = np.zeros(16)
    n = 0
    for k in range(8):
        first, sign = 2 * (k // 4), 1.0 - 2.0 * (k // 4)
        u = sign * (high[first] if k & 1 else low[first])
        w = high[first + 1] if k & 2 else low[first + 1]
        product = u * w
        c = _SPLIT * u
        uh = c - (c - u)
        c = _SPLIT * w
        wh = c - (c - w)
        ul, wl = u - uh, w - wh
        rest = ul * wl - (((product - uh * wh) - ul * wh) - uh * wl)
        for half in range(2):
            carried = rest if half == 0 else product
            for t in range(n):  # the sum stays exact: every step keeps its rounding error
                s = carried + terms[t]
                v = s - carried
                terms[t] = (carried - (s - v)) + (terms[t] - v)
                carried = s
            terms[n] = carried
            n += 1
    for t in range(n - 1, -1, -1):
        if terms[t] != 0:
            return 1 if terms[t] > 0 else -1
    return 0


@compiled("int64(float64, float64, float64, float64, float64, float64)")
def orientation(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """Tell on which side of the line from a to b the point p lies: 1 left, -1 right, 0 on it.

    References
    ----------
    Shewchuk, J. R. (1997), Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates.
    """
    one = (ax - px) * (by - py)
    two = (ay - py) * (bx - px)
    det = one - two
    bound = _FILTER * (abs(one) + abs(two))
    if det > bound:
        return 1
    if det < -bound:
        return -1
    return _exact_orientation(ax, ay, bx, by, px, py)


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


@compiled("boolean(float64, float64, float64, float64, float64, float64)")
def _in_box(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> bool:
    """Tell whether a point on an edge's line is on the edge."""
    return min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)


@compiled("Tuple((int32[::1], uint8[::1]))(float64[:, ::1], float64[::1], int64[::1], float64, int64[::1])")
def fill_entries(edges: Any, grid: Any, shape: Any, margin: float, starts: Any) -> tuple[Any, Any]:
    """Put the edges into their cells, in order, with the side on which the centre of the cell lies."""
    entry_edge = np.empty(starts[-1], dtype=np.int32)
    entry_side = np.empty(starts[-1], dtype=np.uint8)
    at = starts[:-1].copy()
    for e in range(edges.shape[0]):
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        r0, r1 = _rows(ay, by, grid, shape, margin)
        for r in range(r0, r1 + 1):
            y = grid[1] + (r + 0.5) * grid[2]
            c0, c1 = _columns(ax, ay, bx, by, r, grid, shape, margin)
            for c in range(c0, c1 + 1):
                x = grid[0] + (c + 0.5) * grid[2]
                side = orientation(ax, ay, bx, by, x, y)
                cell = r * shape[0] + c
                entry_edge[at[cell]] = e
                entry_side[at[cell]] = 1 if side > 0 else 0
                if side == 0 and _in_box(ax, ay, bx, by, x, y):
                    entry_side[at[cell]] = ON_EDGE
                at[cell] += 1
    return entry_edge, entry_side


@compiled(
    "Tuple((int32[::1], int64[::1], int32[::1], uint8[::1], int64[::1]))"
    "(int64[::1], int32[::1], uint8[::1], int32[::1])"
)
def make_groups(starts: Any, entry_edge: Any, entry_side: Any, edge_area: Any) -> tuple[Any, ...]:
    """Group the entries of each cell by area, and number the cells that have any from -2 downwards."""
    n_cells = len(starts) - 1
    number, n_groups = 0, 0
    for c in range(n_cells):
        number += starts[c + 1] > starts[c]
        for t in range(starts[c], starts[c + 1]):
            n_groups += t == starts[c] or edge_area[entry_edge[t]] != edge_area[entry_edge[t - 1]]
    cell = np.full(n_cells, -1, dtype=np.int32)
    group_ptr = np.zeros(number + 1, dtype=np.int64)
    group_area = np.empty(n_groups, dtype=np.int32)
    group_inside = np.zeros(n_groups, dtype=np.uint8)
    entry_ptr = np.zeros(n_groups + 1, dtype=np.int64)
    number, g = 0, 0
    for c in range(n_cells):
        if starts[c + 1] == starts[c]:
            continue
        cell[c] = -2 - number
        for t in range(starts[c], starts[c + 1]):
            area = edge_area[entry_edge[t]]
            if t == starts[c] or area != group_area[g - 1]:
                group_area[g] = area
                entry_ptr[g] = t
                g += 1
            if entry_side[t] == ON_EDGE:
                group_inside[g - 1] = UNKNOWN
        number += 1
        group_ptr[number] = g
    entry_ptr[n_groups] = len(entry_edge)
    return cell, group_ptr, group_area, group_inside, entry_ptr


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


@compiled("boolean(int64, int64, int64[::1], int32[::1], uint8[::1])")
def _mark(number: int, area: int, group_ptr: Any, group_area: Any, inside: Any) -> bool:
    """Note that an area holds the centre of a cell that its border touches; False where it does not."""
    for g in range(group_ptr[number], group_ptr[number + 1]):
        if group_area[g] == area:
            inside[g] |= 1
            return True
    return False


@compiled(
    "Tuple((int64[:, ::1], int64))(float64[:, ::1], int64[::1], float64[::1], int64[::1], int32[::1], "
    "int64[::1], int32[::1], uint8[::1])"
)
def sweep(
    edges: Any, edge_ptr: Any, grid: Any, shape: Any, cell: Any, group_ptr: Any, group_area: Any, inside: Any
) -> tuple[Any, int]:
    """Learn which centres each area holds: of cells without its border, it then holds the whole cell.

    `cell` receives the first area that holds a whole cell, `inside` the state of the centres of the others;
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
                elif state and (
                    cell[here] >= 0 or not _mark(-2 - cell[here], a, group_ptr, group_area, inside)
                ):
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
        if not crosses and not _in_box(ax, ay, bx, by, x, y):
            continue
        side = orientation(ax, ay, bx, by, x, y)
        if side == 0 and _in_box(ax, ay, bx, by, x, y):
            return BORDER
        if crosses and (side > 0) == (by > ay):
            inside = not inside
    return INSIDE if inside else OUTSIDE


@compiled(
    "int64(float64[:, ::1], int64, int64, int32[::1], uint8[::1], boolean, float64, float64, float64, float64)"
)
def _by_centre(
    edges: Any, t0: int, t1: int, entry_edge: Any, entry_side: Any, inside: bool, cx: float, cy: float, x: float,
    y: float,
) -> int:  # fmt: skip
    """Count the edges between a point and the centre of its cell, whose state is known."""
    for t in range(t0, t1):
        e = entry_edge[t]
        ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        side = orientation(ax, ay, bx, by, x, y)
        if side == 0 and _in_box(ax, ay, bx, by, x, y):
            return BORDER
        if (side > 0) != (entry_side[t] == 1) and (orientation(x, y, cx, cy, ax, ay) >= 0) != (
            orientation(x, y, cx, cy, bx, by) >= 0
        ):
            inside = not inside
    return INSIDE if inside else OUTSIDE


@compiled(f"UniTuple(int64, 2)(float64, float64, int64, int32[::1], {_TABLES})")
def _at(x: float, y: float, number: int, out: Any, tables: Any) -> tuple[int, int]:
    """Write the areas of a point in a cell that needs a look, ascending; return their number and the border's."""
    grid, shape, edges, edge_ptr, _, cover_ptr, cover, group_ptr, group_area, inside, entry_ptr = tables[:11]
    entry_edge, entry_side = tables[11:]
    n, lowest = 0, -1
    cx = grid[0] + (_slot(x, grid[0], grid[2], shape[0]) + 0.5) * grid[2]
    cy = grid[1] + (_slot(y, grid[1], grid[2], shape[1]) + 0.5) * grid[2]
    for k in range(cover_ptr[number], cover_ptr[number + 1]):
        out[n] = cover[k]
        n += 1
    for g in range(group_ptr[number], group_ptr[number + 1]):
        area = group_area[g]
        if inside[g] >= UNKNOWN:
            state = _by_ray(edges, edge_ptr[area], edge_ptr[area + 1], x, y)
        else:
            t0, t1 = entry_ptr[g], entry_ptr[g + 1]
            state = _by_centre(edges, t0, t1, entry_edge, entry_side, inside[g] == 1, cx, cy, x, y)
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


@compiled(f"Tuple((int32[::1], int32[::1], boolean[::1]))(float64[::1], float64[::1], int64, {_TABLES})")
def find(x: Any, y: Any, most: int, tables: Any) -> tuple[Any, Any, Any]:
    """Return the lowest area of each point, the number of its areas, and whether it lies on a border."""
    grid, shape, cell = tables[0], tables[1], tables[4]
    first = np.full(len(x), -1, dtype=np.int32)
    count = np.zeros(len(x), dtype=np.int32)
    border = np.zeros(len(x), dtype=np.bool_)
    out = np.empty(most, dtype=np.int32)
    for i in range(len(x)):
        if not (grid[3] <= x[i] <= grid[5] and grid[4] <= y[i] <= grid[6]):
            continue
        column = _slot(x[i], grid[0], grid[2], shape[0])
        here = cell[_slot(y[i], grid[1], grid[2], shape[1]) * shape[0] + column]
        if here >= 0:
            first[i] = here
            count[i] = 1
        elif here < -1:
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
