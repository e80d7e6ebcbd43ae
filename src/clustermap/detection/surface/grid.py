"""The grid under a relative-risk surface: cells that hang on the system's origin, and how wide the kernel is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clustermap.detection.surface.kernels import kernel_weights, smoothed
from clustermap.errors import OptionError, StatisticsError, plural

__all__ = ["STEPS", "Grid", "Tested", "cells_in_reach", "choose_radius", "make_grid"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 4  # cells to one bandwidth
_MOST_CELLS = 25_000_000
_LADDER_M, _ROOT = 250.0, np.sqrt(2.0)
_WANTED = 30.0  # sector firms under the kernel where half of all firms stand
_PARTS = 4  # the widest kernel is a quarter of the side of a square as large as the extent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Occupied cells in row order, inside a grid with a margin as wide as the kernel reaches.

    Attributes
    ----------
    radius_m, cell_m : float
        Bandwidth, and side of a cell.
    origin : tuple of int
        Column and row of the first cell, counted from the system's origin.
    shape : tuple of int
        Rows and columns.
    row, column : numpy.ndarray
        The occupied cells.
    place : numpy.ndarray
        The occupied cell of every firm.
    mass : numpy.ndarray
        Firms in every occupied cell.
    """

    radius_m: float
    cell_m: float
    origin: tuple[int, int]
    shape: tuple[int, int]
    row: Ints
    column: Ints
    place: Ints
    mass: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """The cells that the kernel reaches and how much stands under it.

    Attributes
    ----------
    row, column : numpy.ndarray
        Cells with any firm within reach, in row order.
    runs : numpy.ndarray
        The same as runs along rows: row, first and last column (not included), position of the first.
    total : numpy.ndarray
        Sum of kernel weights over all firms.
    unit : numpy.ndarray
        What turns a sum of weights into an effective number of firms: total / sum of squared weights.
    """

    row: Ints
    column: Ints
    runs: Ints
    total: Floats
    unit: Floats

    @property
    def firms(self) -> Floats:
        """Number of firms under the kernel; one at a distance d counts exp(−d² / 2 bandwidth²)."""
        return np.asarray(self.total / kernel_weights(STEPS)[0] ** 2)

    def only(self, kept: npt.NDArray[np.bool_]) -> Tested:
        """Return some of the cells."""
        row, column = self.row[kept], self.column[kept]
        return Tested(
            row=row,
            column=column,
            runs=_runs(row, column),
            total=self.total[kept],
            unit=self.unit[kept],
        )


def make_grid(x: Floats, y: Floats, radius_m: float) -> Grid:
    """Put firms into cells of a quarter of the bandwidth.

    Raises
    ------
    OptionError
        CM-SURFACE-002: the grid would have more cells than fit.
    """
    cell = radius_m / STEPS
    margin = len(kernel_weights(STEPS)) - 1
    column, row = np.floor(x / cell).astype(np.int64), np.floor(y / cell).astype(np.int64)
    west, south = int(column.min()) - margin, int(row.min()) - margin
    shape = (int(row.max()) - south + margin + 1, int(column.max()) - west + margin + 1)
    if shape[0] * shape[1] > _MOST_CELLS:
        raise OptionError(
            "CM-SURFACE-002",
            f"radius_m={radius_m:g} needs a grid of {shape[0]:,} × {plural(shape[1], 'cell')}, more than "
            f"{_MOST_CELLS:,}",
            why="a surface holds a number for every cell, four to a bandwidth",
            fix=f"radius_m={radius_m * np.sqrt(shape[0] * shape[1] / _MOST_CELLS) * 1.1:.0f} or more, or fewer firms",
        )
    kinds, place = np.unique((row - south) * shape[1] + column - west, return_inverse=True)
    place = place.astype(np.int64)
    return Grid(
        radius_m=float(radius_m),
        cell_m=float(cell),
        origin=(west, south),
        shape=shape,
        row=kinds // shape[1],
        column=kinds % shape[1],
        place=place,
        mass=np.bincount(place, minlength=len(kinds)).astype(np.float64),
    )


def cells_in_reach(grid: Grid) -> Tested:
    """Sum the kernel and its square over all firms wherever it reaches any."""
    high, wide = grid.shape
    everywhere = np.column_stack(
        [np.arange(high), np.zeros(high), np.full(high, wide), np.arange(high) * wide]
    ).astype(np.int64)
    lines = np.empty(grid.shape)
    weights = kernel_weights(STEPS)
    sums = []
    for kernel in (weights, weights**2):
        out = np.empty(high * wide)
        smoothed(grid.row, grid.column, grid.mass, kernel, everywhere, lines, out)
        sums.append(out)
    at = np.flatnonzero(sums[0] > 0)
    row, column = at // wide, at % wide
    total, squares = sums[0][at], sums[1][at]
    return Tested(row=row, column=column, runs=_runs(row, column), total=total, unit=total / squares)


def choose_radius(x: Floats, y: Floats, share: float) -> float:
    """Return the narrowest bandwidth under which half of all firms would see 30 firms of the sector by chance.

    Steps are 250 m times powers of √2. The labels take no part: only where all firms are, and how many are of the
    sector, so draws need no choice of their own. Where even a quarter of the region's side is too narrow, about that.

    Raises
    ------
    StatisticsError
        CM-SURFACE-003: all firms stand at one place.
    """
    side = float(np.sqrt(max(np.ptp(x), 1.0) * max(np.ptp(y), 1.0)))
    steps = int(np.floor(2 * np.log2(max(side / _PARTS / _LADDER_M, 1.0))))
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        raise StatisticsError(
            "CM-SURFACE-003",
            f"all {plural(len(x), 'firm')} stand at one place",
            why="there is nothing to compare it with",
            fix="firms with places of their own",
        )
    ladder = [float(np.rint(_LADDER_M * _ROOT**step)) for step in range(steps + 1)]
    chosen = ladder[-1]
    for radius in reversed(ladder):
        try:
            grid = make_grid(x, y, radius)
        except OptionError:
            break
        tested = cells_in_reach(grid)
        cell = np.full(grid.shape, -1, dtype=np.int64)
        cell[tested.row, tested.column] = np.arange(len(tested.row))
        expected = share * tested.firms[cell[grid.row, grid.column]]
        if grid.mass[expected >= _WANTED].sum() < grid.mass.sum() / 2:
            break
        chosen = radius
    return chosen


def _runs(row: Ints, column: Ints) -> Ints:
    """Cut cells in row order into runs of neighbours along a row."""
    if not len(row):
        return np.empty((0, 4), dtype=np.int64)
    new = np.r_[True, (np.diff(row) != 0) | (np.diff(column) != 1)]
    first = np.flatnonzero(new)
    last = np.r_[first[1:], len(row)] - 1
    return np.ascontiguousarray(
        np.column_stack([row[first], column[first], column[last] + 1, first]).astype(np.int64)
    )
