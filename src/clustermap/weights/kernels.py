"""The compiled part of contiguity: points and edges into numbers, edges against edges, areas around points."""

# ruff: noqa: PLR0917 - kernels take plain arrays, in one order throughout: tail, head, x, y
from __future__ import annotations

from typing import Any

import numpy as np

from clustermap.compiled import compiled
from clustermap.tables.predicates import in_box, orientation

__all__ = [
    "alternating",
    "contacts",
    "corners",
    "directed_edges",
    "match_edges",
    "number_points",
    "rows_around_points",
    "winding",
]

_INTS, _FLOATS, _SLOTS = "int64[::1]", "float64[::1]", "int32[::1]"


@compiled(f"int64({_FLOATS}, {_FLOATS}, {_SLOTS}, {_SLOTS}, {_INTS}, {_INTS})")
def number_points(x: Any, y: Any, start: Any, table: Any, point: Any, first: Any) -> int:
    """Give equal points one number, in order of appearance; return how many there are.

    `start` is the slot where the search of a point begins, `table` an empty hash table (-1) of a power of two.
    """
    n, last = 0, len(table) - 1
    for i in range(len(x)):
        s = start[i]
        while table[s] >= 0 and not (x[table[s]] == x[i] and y[table[s]] == y[i]):
            s = (s + 1) & last
        if table[s] < 0:
            table[s] = i
            first[n] = i
            point[i] = n
            n += 1
        else:
            point[i] = point[table[s]]
    return n


@compiled(f"boolean({_FLOATS}, {_FLOATS}, {_INTS}, {_INTS}, int64, int64, boolean)")
def _turns_left(x: Any, y: Any, first: Any, point: Any, begin: int, end: int, hole: bool) -> bool:
    """Tell whether the area of a ring lies left of its direction, by the turn at its lowest leftmost point."""
    low = begin
    for i in range(begin, end):
        a, b = first[point[i]], first[point[low]]
        if x[a] < x[b] or (x[a] == x[b] and y[a] < y[b]):
            low = i
    size = end - 1 - begin  # the last point of a ring is its first
    before = after = low
    for _ in range(size):
        before = before - 1 if before > begin else end - 2
        if point[before] != point[low]:
            break
    for _ in range(size):
        after = after + 1 if after < end - 2 else begin
        if point[after] != point[low]:
            break
    p, q, r = first[point[before]], first[point[low]], first[point[after]]
    return (orientation(x[p], y[p], x[q], y[q], x[r], y[r]) > 0) != hole


@compiled(
    f"int64({_FLOATS}, {_FLOATS}, {_INTS}, {_INTS}, {_INTS}, boolean[::1], {_INTS}, {_INTS}, {_INTS}, {_INTS})"
)
def directed_edges(
    x: Any, y: Any, first: Any, point: Any, rings: Any, hole: Any, owner: Any, tail: Any, head: Any, area: Any
) -> int:
    """Write the edges of all rings with their area on the left; return how many there are."""
    n = 0
    for r in range(len(rings) - 1):
        begin, end = rings[r], rings[r + 1]
        left = _turns_left(x, y, first, point, begin, end, hole[r])
        for i in range(begin, end - 1):
            if point[i] != point[i + 1]:  # a repeated point is no edge
                tail[n] = point[i] if left else point[i + 1]
                head[n] = point[i + 1] if left else point[i]
                area[n] = owner[r]
                n += 1
    return n


@compiled(f"boolean({_INTS}, {_INTS}, {_INTS}, {_SLOTS}, {_SLOTS}, {_INTS})")
def match_edges(tail: Any, head: Any, area: Any, start: Any, table: Any, mate: Any) -> bool:
    """Find for each edge the same one of the area on its other side; False where two lie on one side.

    `mate` receives the other edge, and keeps -1 where there is none.
    """
    last = len(table) - 1
    for e in range(len(tail)):
        s = start[e]
        while True:
            f = table[s]
            if f < 0:
                table[s] = e
                break
            if tail[f] == head[e] and head[f] == tail[e]:
                if mate[f] >= 0 or area[f] == area[e]:
                    return False
                mate[e], mate[f] = f, e
                break
            if tail[f] == tail[e] and head[f] == head[e]:
                return False
            s = (s + 1) & last
    return True


@compiled(f"boolean(int64, int64, int64, int64, {_FLOATS}, {_FLOATS})")
def _cross(a: int, b: int, c: int, d: int, x: Any, y: Any) -> bool:
    """Tell whether two edges without a common end cross inside both."""
    one = orientation(x[a], y[a], x[b], y[b], x[c], y[c]) * orientation(x[a], y[a], x[b], y[b], x[d], y[d])
    if one >= 0:
        return False
    two = orientation(x[c], y[c], x[d], y[d], x[a], y[a]) * orientation(x[c], y[c], x[d], y[d], x[b], y[b])
    return bool(two < 0)


@compiled(f"int64({_INTS}, {_INTS}, {_INTS}, {_INTS}, {_FLOATS}, {_FLOATS}, {_INTS}, {_INTS})")
def contacts(one: Any, two: Any, tail: Any, head: Any, x: Any, y: Any, edge: Any, point: Any) -> int:
    """Find the points that lie inside an edge; return how many there are, or -1 where two edges cross.

    `one` and `two` are pairs of edges whose boxes meet; `edge` and `point` receive what was found, and hold
    four entries a pair.
    """
    n = 0
    for k in range(len(one)):
        for turn in range(2):
            e, f = (one[k], two[k]) if turn == 0 else (two[k], one[k])
            a, b = tail[e], head[e]
            for side in range(2):
                p = tail[f] if side == 0 else head[f]
                if (
                    p not in (a, b)
                    and in_box(x[a], y[a], x[b], y[b], x[p], y[p])
                    and orientation(x[a], y[a], x[b], y[b], x[p], y[p]) == 0
                ):
                    edge[n], point[n] = e, p
                    n += 1
        a, b, c, d = tail[one[k]], head[one[k]], tail[two[k]], head[two[k]]
        if a not in (c, d) and b not in (c, d) and _cross(a, b, c, d, x, y):
            return -1
    return n


@compiled("int64(float64, float64, float64, float64, float64, float64)")
def _order(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> int:
    """Compare the directions from p to a and to b, counterclockwise from the positive x axis: -1, 0 or 1."""
    below_a = ay < py or (ay == py and ax < px)
    below_b = by < py or (by == py and bx < px)
    if below_a != below_b:
        return 1 if below_a else -1
    return -orientation(px, py, ax, ay, bx, by)


@compiled(f"boolean({_INTS}, {_INTS}, {_INTS}, {_INTS}, {_FLOATS}, {_FLOATS}, {_INTS})")
def alternating(starts: Any, here: Any, there: Any, jump: Any, x: Any, y: Any, leftmost: Any) -> bool:
    """Tell whether, around every point, areas begin and end in turn; note what begins right of the left side.

    Half-edges `starts[k]:starts[k + 1]` go from the point `here[k]` to `there`; crossed counterclockwise, an area
    begins (`jump` 1) or ends (-1). `leftmost[k]` receives the jump that follows the direction to the left.
    """
    for k in range(len(starts) - 1):
        begin, end = starts[k], starts[k + 1]
        px, py = x[here[k]], y[here[k]]
        for i in range(begin + 1, end):  # few edges meet in a point
            t, s = there[i], jump[i]
            j = i - 1
            while j >= begin and _order(px, py, x[there[j]], y[there[j]], x[t], y[t]) > 0:
                there[j + 1], jump[j + 1] = there[j], jump[j]
                j -= 1
            there[j + 1], jump[j + 1] = t, s
        for i in range(begin, end):
            if jump[i] == jump[i + 1 if i + 1 < end else begin]:
                return False
        leftmost[k] = jump[begin]
        for i in range(begin, end):
            if y[there[i]] < py:
                leftmost[k] = jump[i]
                break
    return True


@compiled(f"void({_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, {_FLOATS}, {_FLOATS}, {_INTS})")
def winding(
    who: Any, outline: Any, starts: Any, tail: Any, head: Any, place: Any, x: Any, y: Any, depth: Any
) -> None:
    """Add to `depth` how many areas of an outline hold what lies just left of a point of another outline.

    `who` and `outline` are the pairs to look at, `place` the points, `starts` the edges of each outline.
    """
    for k in range(len(who)):
        p = place[who[k]]
        for e in range(starts[outline[k]], starts[outline[k] + 1]):
            a, b = tail[e], head[e]
            if (y[a] > y[p]) != (y[b] > y[p]):
                side = orientation(x[a], y[a], x[b], y[b], x[p], y[p])
                if y[b] > y[a] and side < 0:  # an upward edge, left of the point: its area ends there
                    depth[who[k]] -= 1
                elif y[b] < y[a] and side > 0:
                    depth[who[k]] += 1


@compiled(f"Tuple(({_INTS}, {_INTS}))({_INTS}, {_INTS}, {_INTS}, int64)")
def corners(tail: Any, area: Any, mate: Any, n: int) -> tuple[Any, Any]:
    """List the areas around those points where areas may meet that share no edge there.

    Of two areas around a point one has an edge from it, and the other the same edge, unless both edges are loose.
    Around point p lie ``areas[starts[p]:starts[p + 1]]``; none are listed where two areas share an edge.
    """
    degree, starts = np.zeros(n, dtype=np.int32), np.zeros(n + 1, dtype=np.int64)
    for e in range(len(tail)):
        degree[tail[e]] += 1
    for e in range(len(tail)):
        if degree[tail[e]] > 2 or (degree[tail[e]] == 2 and mate[e] < 0):  # noqa: PLR2004 - two areas
            starts[tail[e] + 1] += 1
    for p in range(n):
        starts[p + 1] += starts[p]
    areas, at = np.empty(starts[n], dtype=np.int64), starts[:-1].copy()
    for e in range(len(tail)):
        if degree[tail[e]] > 2 or (degree[tail[e]] == 2 and mate[e] < 0):  # noqa: PLR2004 - two areas
            areas[at[tail[e]]] = area[e]
            at[tail[e]] += 1
    return starts, areas


@compiled(f"int64(int64, {_INTS}, {_INTS}, int64, int64)")
def _sorted_in(j: int, stamp: Any, row: Any, n: int, i: int) -> int:
    """Put area j into the ascending row of area i, unless it is there or no later area; return the row's length."""
    if j <= i or stamp[j] == i:
        return n
    stamp[j] = i
    at = n
    while at > 0 and row[at - 1] > j:
        row[at] = row[at - 1]
        at -= 1
    row[at] = j
    return n + 1


@compiled(f"Tuple(({_INTS}, {_INTS}))({_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, {_INTS})")
def rows_around_points(
    edges: Any, order: Any, tail: Any, area: Any, mate: Any, starts: Any, around: Any
) -> tuple[Any, Any]:
    """Pair each area with the later ones that share an edge or a point with it, ascending.

    The edges of area i are ``order[edges[i]:edges[i + 1]]``; `starts` and `around` are what `corners` lists.
    """
    n_areas, n = len(edges) - 1, 0
    stamp, row = np.full(n_areas, -1, dtype=np.int64), np.empty(n_areas, dtype=np.int64)
    first, second = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    for i in range(n_areas):
        found, last = 0, -1
        for k in range(edges[i], edges[i + 1]):
            e = order[k]
            if mate[e] >= 0:
                j = area[mate[e]]
                if j != last:  # a border has many edges
                    last = j
                    found = _sorted_in(j, stamp, row, found, i)
            for m in range(starts[tail[e]], starts[tail[e] + 1]):
                found = _sorted_in(around[m], stamp, row, found, i)
        while n + found > len(first):
            first = np.concatenate((first, np.empty(len(first), dtype=np.int64)))
            second = np.concatenate((second, np.empty(len(second), dtype=np.int64)))
        for k in range(found):
            first[n], second[n] = i, row[k]
            n += 1
    return first[:n].copy(), second[:n].copy()
