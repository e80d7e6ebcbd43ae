"""Areas that fit each other: proved exactly from their shared edges, and their neighbours read off them.

What proves it. Let f(p) be the number of areas that hold a point p. It changes only across edges, and across an
edge that two areas share from both sides it does not. So f is settled by the *loose* edges, those of one area
alone, which are few: it is at most 1 everywhere, and no areas overlap, if loose edges do not cross, if around
each of their points areas begin and end in turn, and if nothing lies around or beneath any outline that they form.
Where no areas overlap they can touch only in shared points, in shared edges, or where a point of loose edges lies
inside a loose edge; there the edge is cut in two, and shares that point as well. All signs are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.weights.kernels import (
    alternating,
    contacts,
    corners,
    directed_edges,
    match_edges,
    number_points,
    rows_around_points,
    winding,
)

__all__ = ["Coverage", "read_coverage"]

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
_PIECE = 16_384
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xFF51AFD7ED558CCD))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """Areas that do not overlap, as edges between numbered points.

    Attributes
    ----------
    n : int
        How many areas there are.
    x, y : numpy.ndarray of float64
        Coordinates of the points, each once.
    tail, head, area : numpy.ndarray of int64
        Points and area of each edge, the area on its left; edges are cut where a point lies inside them.
    mate : numpy.ndarray of int64
        The same edge of the area on the other side; -1 for a loose edge.
    cut : bool
        Whether an edge had to be cut: the areas touch, but not point by point.
    """

    n: int
    x: Numbers
    y: Numbers
    tail: Indices
    head: Indices
    area: Indices
    mate: Indices
    cut: bool

    @property
    def loose(self) -> Indices:
        """Areas with an edge that no other area shares."""
        return np.unique(self.area[self.mate < 0])

    def sharing_edges(self) -> tuple[Indices, Indices]:
        """Return each pair of areas that share an edge once, the smaller position first, in order."""
        one = np.flatnonzero(self.mate >= 0)
        a, b = self.area[one], self.area[self.mate[one]]
        keys = np.unique((a * self.n + b)[a < b])
        return keys // self.n, keys % self.n

    def sharing_points(self) -> tuple[Indices, Indices]:
        """Return each pair of areas that share a point once, the smaller position first, in order."""
        # every point of a ring is the tail of an edge
        around = corners(self.tail, self.area, self.mate, len(self.x))
        in_order = bool((self.area[1:] >= self.area[:-1]).all())
        order = np.arange(len(self.area)) if in_order else np.argsort(self.area, kind="stable")
        return rows_around_points(_starts(self.area, self.n), order, self.tail, self.area, self.mate, *around)


def read_coverage(shapes: npt.NDArray[Any]) -> Coverage | None:
    """Turn valid polygons into a coverage, or return None where some of them overlap.

    Parameters
    ----------
    shapes : numpy.ndarray of shapely polygons
        Valid polygons or multipolygons.

    Returns
    -------
    Coverage or None
        Decided exactly, with no tolerance.

    References
    ----------
    Shewchuk, J. R. (1997), Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates.

    Examples
    --------
    >>> read_coverage(shapely.box([0, 1], 0, [1, 2], 1)).sharing_edges()
    (array([0]), array([1]))
    >>> read_coverage(shapely.box([0, 1], 0, [1.1, 2], 1)) is None
    True
    """
    x, y, tail, head, area = _edges(shapes)
    mate = _mates(tail, head, area)
    if mate is None:
        return None
    loose = np.flatnonzero(mate < 0)
    found = _inside(tail[loose], head[loose], x, y)
    if found is None:
        return None
    edge, point = found
    if len(edge):
        kept = np.ones(len(tail), dtype=bool)
        kept[loose[edge]] = False
        pieces = _pieces(loose[edge], point, (tail, head), (x, y))
        area = np.concatenate((area[kept], area[pieces[0]]))
        tail, head = np.concatenate((tail[kept], pieces[1])), np.concatenate((head[kept], pieces[2]))
        mate = _mates(tail, head, area)
        if mate is None:
            return None
        loose = np.flatnonzero(mate < 0)
    if not _single(tail[loose], head[loose], x, y):
        return None
    return Coverage(n=len(shapes), x=x, y=y, tail=tail, head=head, area=area, mate=mate, cut=bool(len(edge)))


def _edges(shapes: npt.NDArray[Any]) -> tuple[Numbers, Numbers, Indices, Indices, Indices]:
    """Read the edges of all rings between numbered points, the area on their left."""
    plain = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    plain &= shapely.get_num_interior_rings(shapes) == 0
    parts, of_area = shapely.get_parts(shapes[~plain], return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    # a polygon without holes is its own ring: no object is made for it
    owner = np.concatenate((np.flatnonzero(plain), np.flatnonzero(~plain)[of_area[of_part]])).astype(np.int64)
    hole = np.zeros(len(owner), dtype=bool)
    hole[plain.sum() + 1 :] = of_part[1:] == of_part[:-1]
    rings = np.concatenate((shapes[plain], rings))
    coordinates = shapely.get_coordinates(rings) + 0.0  # -0.0 becomes 0.0
    x, y = (np.ascontiguousarray(column) for column in coordinates.T)
    ends = np.concatenate(([0], np.cumsum(shapely.get_num_coordinates(rings)))).astype(np.int64)
    point, first = np.empty(len(x), dtype=np.int64), np.empty(len(x), dtype=np.int64)
    size = _size(len(x))
    n = number_points(
        x, y, _slots(x.view(np.uint64), y.view(np.uint64), size), np.full(size, -1, np.int32), point, first
    )
    tail, head, area = (np.empty(len(x), dtype=np.int64) for _ in range(3))
    used = directed_edges(x, y, first, point, ends, hole, owner, tail, head, area)
    return x[first[:n]], y[first[:n]], tail[:used].copy(), head[:used].copy(), area[:used].copy()


def _size(n: int) -> int:
    """Return the length of a hash table that n entries fill by half at most."""
    return 1 << max(int(2 * n - 1).bit_length(), 1)


def _slots(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.int32]:
    """Scatter pairs of 64-bit words over a table; whole arrays wrap around without a word."""
    slots = np.empty(len(a), dtype=np.int32)
    for start in range(0, len(a), _PIECE):  # pieces that fit the cache
        piece = slice(start, start + _PIECE)
        turned = b[piece] * _MIX[1]
        mixed = (a[piece] * _MIX[0]) ^ (turned >> np.uint64(7)) ^ turned
        mixed ^= mixed >> np.uint64(32)
        mixed *= _MIX[2]
        slots[piece] = (mixed >> np.uint64(29)) & np.uint64(size - 1)
    return slots


def _mates(tail: Indices, head: Indices, area: Indices) -> Indices | None:
    """Match the edges that two areas share from both sides; None where two areas lie on one side of an edge."""
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    size = _size(len(tail))
    start = _slots(low.view(np.uint64), high.view(np.uint64), size)
    mate = np.full(len(tail), -1, dtype=np.int64)
    fits = match_edges(tail, head, area, start, np.full(size, -1, dtype=np.int32), mate)
    return mate if fits else None


def _inside(tail: Indices, head: Indices, x: Numbers, y: Numbers) -> tuple[Indices, Indices] | None:
    """Return the loose edges and points that lie inside them, each pair once; None where loose edges cross."""
    lines = shapely.box(
        np.minimum(x[tail], x[head]),
        np.minimum(y[tail], y[head]),
        np.maximum(x[tail], x[head]),
        np.maximum(y[tail], y[head]),
    )
    one, two = shapely.STRtree(lines).query(lines)
    one, two = one[one < two].astype(np.int64), two[one < two].astype(np.int64)
    edge, point = np.empty(4 * len(one), dtype=np.int64), np.empty(4 * len(one), dtype=np.int64)
    n = contacts(one, two, tail, head, x, y, edge, point)
    if n < 0:
        return None
    keys = np.unique(edge[:n] * len(x) + point[:n])
    return keys // len(x), keys % len(x)


def _pieces(
    edge: Indices, point: Indices, ends: tuple[Indices, Indices], at: tuple[Numbers, Numbers]
) -> tuple[Indices, Indices, Indices]:
    """Cut edges at the points inside them: the edge that each piece comes from, its tail and its head."""
    (tail, head), (x, y) = ends, at
    cut = np.unique(edge)
    source = np.concatenate((cut, edge, cut))
    place = np.concatenate((tail[cut], point, head[cut]))
    way_x, way_y = x[head[source]] - x[tail[source]], y[head[source]] - y[tail[source]]
    # along an edge one coordinate at least moves in one direction, and is compared as it is
    along = np.where(np.abs(way_x) >= np.abs(way_y), x[place] * np.sign(way_x), y[place] * np.sign(way_y))
    order = np.lexsort((along, source))
    source, place = source[order], place[order]
    same = source[1:] == source[:-1]
    return source[:-1][same], place[:-1][same], place[1:][same]


def _single(tail: Indices, head: Indices, x: Numbers, y: Numbers) -> bool:
    """Tell whether loose edges that do not cross bound ground that is held once at most."""
    here, there = np.concatenate((tail, head)), np.concatenate((head, tail))
    jump = np.repeat(np.array([1, -1], dtype=np.int64), len(tail))
    order = np.argsort(here, kind="stable")
    places, starts = np.unique(here[order], return_index=True)
    starts = np.concatenate((starts, [len(here)])).astype(np.int64)
    begins = np.empty(len(places), dtype=np.int64)
    if not alternating(starts, places, there[order], jump[order], x, y, begins):
        return False
    return _bare((np.searchsorted(places, tail), np.searchsorted(places, head)), places, begins, x, y)


def _bare(ends: tuple[Indices, Indices], places: Indices, begins: Indices, x: Numbers, y: Numbers) -> bool:
    """Tell whether outside each outline of loose edges lies nothing: asked left of its leftmost point.

    Around an outline f takes two values that differ by one, and is the lower of them left of that point where
    the next edge begins an area.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    (tail, head), n = ends, len(places)
    links = coo_array((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(n, n))
    count, outline = connected_components(links, directed=False)
    order = np.lexsort((y[places], x[places], outline))
    left = order[np.concatenate(([True], outline[order][1:] != outline[order][:-1]))]
    bounds = np.full((count, 4), np.inf)
    for k, sign, values in ((0, 1, x), (1, 1, y), (2, -1, x), (3, -1, y)):
        np.minimum.at(bounds[:, k], outline, sign * values[places])
    boxes = shapely.box(bounds[:, 0], bounds[:, 1], -bounds[:, 2], -bounds[:, 3])
    who, other = shapely.STRtree(boxes).query(shapely.points(x[places[left]], y[places[left]]))
    apart = who != other
    by_outline = np.argsort(outline[tail], kind="stable")
    depth = np.zeros(count, dtype=np.int64)
    winding(
        who[apart].astype(np.int64),
        other[apart].astype(np.int64),
        _starts(outline[tail].astype(np.int64), count),
        places[tail[by_outline]],
        places[head[by_outline]],
        places[left],
        x,
        y,
        depth,
    )
    return bool((depth == np.where(begins[left] == 1, 0, 1)).all())


def _starts(key: Indices, n: int) -> Indices:
    return np.concatenate(([0], np.cumsum(np.bincount(key, minlength=n)))).astype(np.int64)
