"""Exact point-in-polygon by a compiled cell index.

A grid of square cells lies over the areas. A cell that no border touches answers at once. Any other cell
keeps the edges that touch it, and for each of their areas whether the cell's centre is inside: a point is
on the same side as the centre if the straight way between them crosses the border an even number of times.
All decisions are signs of one determinant, evaluated exactly, so the answer does not depend on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

__all__ = ["CellIndex", "Places"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
_FEWEST_CELLS, _MOST_CELLS = 1_024, 1 << 22
_LONGEST_SIDE = 1 << 14
_CROWDED = 24
_OFFSET = 0.381966011250105  # no centre of a cell falls on a round coordinate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """In which areas points lie, as positions in code order.

    Attributes
    ----------
    first : numpy.ndarray of int32
        Lowest area of each point, -1 where there is none.
    count : numpy.ndarray of int32
        Number of areas of each point.
    border : numpy.ndarray of bool
        Points on the border of an area.
    several : numpy.ndarray of int64
        Points with more than one area, ascending.
    indptr, members : numpy.ndarray
        Areas of ``several[i]``: ``members[indptr[i]:indptr[i + 1]]``, ascending.
    """

    first: npt.NDArray[np.int32]
    count: npt.NDArray[np.int32]
    border: npt.NDArray[np.bool_]
    several: Indices
    indptr: Indices
    members: npt.NDArray[np.int32]

    def pairs(self) -> tuple[Indices, npt.NDArray[np.int32]]:
        """Return each (point, area) once, in order of point and area."""
        if not len(self.several):
            repeat = np.flatnonzero(self.count)
            return repeat, self.first[repeat]
        repeat = np.repeat(np.arange(len(self.first)), self.count)
        area = np.repeat(self.first, self.count)
        at = np.cumsum(self.count, dtype=np.int64)[self.several] - self.count[self.several]
        sizes = np.diff(self.indptr)
        area[np.repeat(at - self.indptr[:-1], sizes) + np.arange(len(self.members))] = self.members
        return repeat, area


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellIndex:
    """A grid over areas; made by :meth:`build`, asked by :meth:`places`.

    A point inside areas belongs to all of them. A point on borders belongs, besides the areas that hold it
    inside, to the one with the lowest position of those on whose border it lies: where areas touch, each
    point of the common border has one owner.
    """

    most: int  # areas that a point can have
    grid: Floats  # x0, y0, side, lowest x, lowest y, highest x, highest y
    shape: Indices  # columns, rows
    edges: Floats  # ax, ay, bx, by in rows
    edge_ptr: Indices  # edges of each area
    cell: npt.NDArray[np.int32]  # area, -1 for none, or -2 - number of a cell that needs a look
    cells: Indices  # of each numbered cell the bounds of its covers and of its groups
    cover: npt.NDArray[np.int32]  # areas that hold a numbered cell
    groups: Indices  # area, state of the centre (0, 1, from 2 on unknown), bounds of the entries
    entries: npt.NDArray[np.int32]  # four times the edge, plus the side of the centre

    @classmethod
    def build(cls, shapes: npt.NDArray[Any], *, n_points: int) -> CellIndex:
        """Index valid polygons, with cells for about as many points.

        Parameters
        ----------
        shapes : numpy.ndarray of shapely geometries
            Polygons or multipolygons, in code order; they may overlap.
        n_points : int
            How many points will be asked for: more points are worth more cells.
        """
        from clustermap.tables import kernels

        edges, edge_ptr = _edges(shapes)
        wanted = int(np.clip(max(n_points, 4 * len(edges)), _FEWEST_CELLS, _MOST_CELLS))
        while True:
            grid, shape, margin = _grid(edges, wanted)
            counts = np.zeros(shape[0] * shape[1], dtype=np.int64)
            n_entries = kernels.count_entries(edges, grid, shape, margin, counts)
            if wanted == 1 or n_entries <= _CROWDED * len(edges) + 4 * wanted:
                break
            wanted = max(1, wanted // 4)
        starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
        entries = kernels.fill_entries(edges, grid, shape, margin, starts)
        owner = np.repeat(np.arange(len(shapes), dtype=np.int32), np.diff(edge_ptr))
        cell, cells, groups = kernels.make_groups(starts, entries, owner)
        extra, n_extra = kernels.sweep(edges, edge_ptr, grid, shape, cell, cells, groups)
        cells, cover = _covers(cell, cells, extra[:n_extra])
        return cls(
            most=int((cells[:, 1] - cells[:, 0] + cells[:, 3] - cells[:, 2]).max(initial=0)),
            grid=grid,
            shape=shape,
            edges=edges,
            edge_ptr=edge_ptr,
            cell=cell,
            cells=cells,
            cover=cover,
            groups=groups,
            entries=entries,
        )

    def places(self, x: Floats, y: Floats) -> Places:
        """Find the areas of points; coordinates that are not finite lie nowhere."""
        from clustermap.tables.kernels import find, find_all, find_plain

        x, y = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
        first, others = find_plain(x, y, self._tables())
        border = np.zeros(len(x), dtype=np.bool_)
        count = (first >= 0).astype(np.int32)
        found = find(x[others], y[others], self.most, self._tables())
        first[others], count[others], border[others] = found
        several = np.flatnonzero(count > 1)
        indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(count[several], dtype=np.int64)))
        members = find_all(x[several], y[several], indptr, self.most, self._tables())
        return Places(
            first=first, count=count, border=border, several=several, indptr=indptr, members=members
        )

    def _tables(self) -> tuple[Any, ...]:
        known = (self.grid, self.shape, self.edges, self.edge_ptr, self.cell, self.cells)
        return (*known, self.cover, self.groups, self.entries)


def _edges(shapes: npt.NDArray[Any]) -> tuple[Floats, Indices]:
    """Return all edges of all rings, area by area; a repeated point makes no edge."""
    parts, area = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    real = (ring[1:] == ring[:-1]) & (points[1:] != points[:-1]).any(axis=1)
    edges = np.ascontiguousarray(np.hstack((points[:-1][real], points[1:][real])))
    owner = area[part[ring[1:][real]]]
    return edges, np.searchsorted(owner, np.arange(len(shapes) + 1)).astype(np.int64)


def _grid(edges: Floats, wanted: int) -> tuple[Floats, Indices, float]:
    """Choose square cells: about as many as wanted over the box of all edges."""
    if not len(edges):
        return np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]), np.array([1, 1]), 0.0
    low = edges.reshape(-1, 2).min(axis=0)
    high = edges.reshape(-1, 2).max(axis=0)
    margin = 32 * np.finfo(float).eps * float(np.abs([low, high]).max())
    width, height = np.maximum(high - low, 64 * margin)
    side = max(float(np.sqrt(width * height / wanted)), max(width, height) / min(wanted, _LONGEST_SIDE))
    side = max(side, 64 * margin)
    start = low - side * _OFFSET
    shape = np.floor((high - start) / side).astype(np.int64) + 1
    return np.array([*start, side, *low, *high]), shape, margin


def _covers(
    cell: npt.NDArray[np.int32], cells: Indices, extra: Indices
) -> tuple[Indices, npt.NDArray[np.int32]]:
    """List the areas that hold whole cells beside other areas; such cells get a number of their own."""
    where, area = extra[:, 0], extra[:, 1]
    plain = np.unique(where[cell[where] >= 0])
    where, area = np.concatenate((where, plain)), np.concatenate((area, cell[plain]))
    cell[plain] = -2 - (len(cells) + np.arange(len(plain)))
    cells = np.concatenate((cells, np.zeros((len(plain), 4), dtype=np.int64)))
    number = -2 - cell[where].astype(np.int64)
    order = np.lexsort((area, number))
    ends = np.cumsum(np.bincount(number, minlength=len(cells)), dtype=np.int64)
    cells[:, 1] = ends
    cells[1:, 0] = ends[:-1]
    return cells, area[order].astype(np.int32)
