"""Sites on square cells: pairs by distance and ring counts by Fourier transform, in time that does not depend on n.

Two sites in cells that lie (a, b) cells apart are taken to lie anywhere in them: the distances of 64 × 64 pairs of
points spread evenly over both cells are shared over the bins in 4,096ths. All sums are then whole numbers, and the
rounded answer of a transform is exact: the same for any number of workers, and by direct loops.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled
from clustermap.errors import OptionError
from clustermap.measures.distance.pairs import in_threads

__all__ = [
    "SHARES",
    "Cells",
    "Table",
    "cell_histogram",
    "coarsened",
    "grid_of",
    "is_whole",
    "offset_counts",
    "ring_counts",
    "table",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SHARES = 4_096  # pairs of points that stand for a pair of cells
_SPLIT = 8  # points along each side of a cell
_MOST_CELLS = 100_000_000
_DIRECT = 2.5e8  # pairs of cells that a loop takes in the time of one transform of a large grid
_BLOCK = 512


class Cells(NamedTuple):
    """Occupied cells in order, and the extent of the grid that they lie in."""

    row: Ints
    column: Ints
    shape: tuple[int, int]

    def image(self, mass: Floats) -> Floats:
        """Return the grid with the mass of each occupied cell."""
        out = np.zeros(self.shape)
        out[self.row, self.column] = mass
        return out


class Table(NamedTuple):
    """For each offset between two cells: the first bin that their pairs reach, and their shares from there on."""

    first: Ints
    share: Ints

    @property
    def reach(self) -> int:
        """Offsets up to this one may hold a pair of the last bin."""
        return len(self.first) - 1

    def bins(self, counts: Floats, bins: int) -> Floats:
        """Sum counts by offset (a, b) into bins, in 4,096ths; what lies beyond is left out."""
        out = np.zeros(bins)
        for s in range(self.share.shape[2]):
            place = self.first + s
            inside = place < bins
            out += np.bincount(place[inside], weights=(counts * self.share[:, :, s])[inside], minlength=bins)
        return out

    def products(self, counts: Floats, bins: int) -> Floats:
        """Sum, over pairs counted by offset, the products of their shares in two bins: bins × bins."""
        out = np.zeros(bins * bins)
        wide = self.share.shape[2]
        for s in range(wide):
            for t in range(wide):
                a, b = self.first + s, self.first + t
                inside = (a < bins) & (b < bins)
                both = counts * self.share[:, :, s] * self.share[:, :, t]
                out += np.bincount((a * bins + b)[inside], weights=both[inside], minlength=bins * bins)
        return out.reshape(bins, bins) / SHARES**2

    def ring(self, number: int, *, inner: bool = False) -> Floats:
        """Return by offset the share of pairs in one bin, in 4,096ths, cut to where there are any.

        Parameters
        ----------
        number : int
            The bin.
        inner : bool
            All bins before it, too: a disc, not a ring.
        """
        wide = self.share.shape[2]
        out = np.zeros(self.first.shape)
        for s in range(wide):
            there = self.first <= number - s if inner else self.first == number - s
            out += np.where(there, self.share[:, :, s], 0)
        kept = np.flatnonzero(out.any(axis=1))
        top = int(kept[-1]) + 1 if len(kept) else 1
        return out[:top, :top]


@compiled("void(float64, int64, int64[:, ::1], int64[:, :, ::1])")
def _fill(bin_cells: float, bins: int, first: Ints, share: Ints) -> None:
    """Share the pairs of every offset over the bins; `bins` marks an offset that lies beyond them all."""
    n, wide = first.shape[0], share.shape[2]
    for a in range(n):
        for b in range(a + 1):
            near_a, near_b = max(a - (_SPLIT - 1) / _SPLIT, 0.0), max(b - (_SPLIT - 1) / _SPLIT, 0.0)
            start = int(min(np.sqrt(near_a * near_a + near_b * near_b) / bin_cells, bins))
            first[a, b] = first[b, a] = start
            for i in range(1 - _SPLIT, _SPLIT):
                for j in range(1 - _SPLIT, _SPLIT):
                    da, db = a + i / _SPLIT, b + j / _SPLIT
                    k = int(np.sqrt(da * da + db * db) / bin_cells) - start
                    if k < wide:
                        share[a, b, k] += (_SPLIT - abs(i)) * (_SPLIT - abs(j))
            for k in range(wide):
                share[b, a, k] = share[a, b, k]


@lru_cache(maxsize=8)
def table(bin_cells: float, bins: int) -> Table:
    """Return the shares for bins that are so many cells wide, out to the end of the last bin.

    Examples
    --------
    >>> shares = table(2.0, 10)
    >>> int(shares.share[0, 0].sum()), int(shares.share[3, 4].sum())
    (4096, 4096)
    """
    reach = int(np.ceil(bins * bin_cells)) + 1
    first = np.empty((reach + 1, reach + 1), dtype=np.int64)
    share = np.zeros((reach + 1, reach + 1, int(np.ceil(3 / bin_cells)) + 2), dtype=np.int64)
    _fill(bin_cells, bins, first, share)
    return Table(first, share)


def grid_of(x: Floats, y: Floats, cell: float) -> tuple[Cells, Ints]:
    """Put sites into cells; the grid hangs on the system's origin, not on the sites.

    Returns
    -------
    cells, place
        Occupied cells in row order, and the occupied cell of each site.

    Raises
    ------
    OptionError
        CM-DISTANCE-004: the grid would have more cells than fit.
    """
    column, row = np.floor(x / cell).astype(np.int64), np.floor(y / cell).astype(np.int64)
    column -= column.min()
    row -= row.min()
    shape = (int(row.max()) + 1, int(column.max()) + 1)
    if shape[0] * shape[1] > _MOST_CELLS:
        wider = cell * np.sqrt(shape[0] * shape[1] / _MOST_CELLS)
        raise OptionError(
            "CM-DISTANCE-004",
            f"cells of {cell:,.0f} m make a grid of {shape[0]:,} × {shape[1]:,}, more than {_MOST_CELLS:,}",
            why="transforms of the grid would not fit the memory",
            fix=f"a larger maximum_m (cells are a 360th of it; these firms need cells of {wider:,.0f} m), "
            'or method="exact-pairs"',
        )
    kinds, place = np.unique(row * shape[1] + column, return_inverse=True)
    return Cells(kinds // shape[1], kinds % shape[1], shape), place.astype(np.int64)


def coarsened(cells: Cells) -> tuple[Cells, Ints]:
    """Join cells two by two; return the larger cells, and which of them holds each smaller one."""
    row, column = cells.row // 2, cells.column // 2
    shape = ((cells.shape[0] + 1) // 2, (cells.shape[1] + 1) // 2)
    kinds, parent = np.unique(row * shape[1] + column, return_inverse=True)
    return Cells(kinds // shape[1], kinds % shape[1], shape), parent.astype(np.int64)


@compiled(
    "void(int64[::1], int64[::1], float64[::1], int64, int64, int64[:, ::1], int64[:, :, ::1], float64[::1])"
)
def _loop(
    row: Ints, column: Ints, mass: Floats, start: int, stop: int, first: Ints, share: Ints, out: Floats
) -> None:
    """Sum the products of mass of pairs of cells start…stop with all earlier ones, shared over the bins."""
    reach, wide, bins = first.shape[0] - 1, share.shape[2], out.size
    for i in range(start, stop):
        for j in range(i):
            a, b = abs(row[i] - row[j]), abs(column[i] - column[j])
            if a <= reach and b <= reach:
                k, product = first[a, b], mass[i] * mass[j]
                for s in range(min(wide, bins - k)):
                    out[k + s] += product * share[a, b, s]


def cell_histogram(cells: Cells, mass: Floats, inner: Floats, shares: Table, bins: int) -> Floats:
    """Sum the products of mass over all pairs of sites by distance, each pair once.

    Parameters
    ----------
    cells, mass : Cells, numpy.ndarray
        Occupied cells and the sum of marks in each.
    inner : numpy.ndarray
        Sum of products of marks over the pairs within each cell.
    shares : Table
        How pairs of cells share over the bins.
    bins : int
        Number of bins; pairs beyond are left out.
    """
    own = np.zeros(bins)
    near = shares.share[0, 0, :bins]
    own[: len(near)] = inner.sum() * near
    if len(mass) ** 2 / 2 > min(_DIRECT, 50.0 * cells.shape[0] * cells.shape[1]):
        return np.asarray((shares.bins(offset_counts(cells, mass, shares.reach), bins) + own) / SHARES)

    def part(rows: range) -> Floats:
        out = np.zeros(bins)
        _loop(cells.row, cells.column, mass, rows.start, rows.stop, shares.first, shares.share, out)
        return out

    blocks = [range(i, min(i + _BLOCK, len(mass))) for i in range(0, len(mass), _BLOCK)]
    return np.asarray(
        (np.sum(list(in_threads(part, blocks, work=len(mass) ** 2 // 2)), axis=0) + own) / SHARES
    )


def offset_counts(cells: Cells, mass: Floats, reach: int) -> Floats:
    """Sum the products of mass over pairs of different cells by how far apart they lie: offsets × offsets.

    The autocorrelation of the grid; an offset and its mirror images are counted together, so that only
    offsets of no sign are left. Whole numbers of mass give whole numbers.
    """
    from scipy import fft

    rows, columns = (min(reach, side - 1) for side in cells.shape)
    sides = [
        fft.next_fast_len(side + r, real=True) for side, r in zip(cells.shape, (rows, columns), strict=True)
    ]
    spectrum = fft.rfft2(cells.image(mass), s=sides, workers=-1)
    products = fft.irfft2(spectrum.real**2 + spectrum.imag**2, s=sides, workers=-1)
    if is_whole(mass):
        products = np.rint(products)
    counts = np.zeros((reach + 1, reach + 1))
    counts[: rows + 1, : columns + 1] = products[: rows + 1, : columns + 1]
    counts[1 : rows + 1, 1 : columns + 1] += products[1 : rows + 1, -1 : -columns - 1 : -1]
    counts[0, 0] = 0.0
    return counts


def is_whole(mass: Floats) -> bool:
    """Tell whether all are whole numbers, so that a transform's answer can be rounded to the exact one."""
    return bool((mass == np.rint(mass)).all())


def ring_counts(cells: Cells, mass: Floats, shares: Table, rings: range, *, inner: bool = False) -> Floats:
    """Sum the mass in each ring around each occupied cell, the cell's own included: cells × rings.

    Parameters
    ----------
    cells, mass : Cells, numpy.ndarray
        Occupied cells, and whole numbers of mass in each.
    shares : Table
        How pairs of cells share over the bins.
    rings : range
        The bins wanted.
    inner : bool
        Discs up to the end of each bin, not rings.
    """
    from scipy import fft

    out = np.empty((len(mass), len(rings)))
    whole = is_whole(mass)
    sides: list[int] | None = None
    for c in range(len(rings) - 1, -1, -1):  # the widest first: its grid takes all others
        quarter = shares.ring(rings[c], inner=inner)
        reach = [min(len(quarter), side) for side in cells.shape]
        if sides is None:
            sides = [
                fft.next_fast_len(side + r, real=True) for side, r in zip(cells.shape, reach, strict=True)
            ]
            spectrum = fft.rfft2(cells.image(mass), s=sides, workers=-1)
        kernel = np.zeros(sides)
        quarter = quarter[: reach[0], : reach[1]]
        kernel[: reach[0], : reach[1]] = quarter
        kernel[-1 : -reach[0] : -1, : reach[1]] = quarter[1:]
        kernel[: reach[0], -1 : -reach[1] : -1] = quarter[:, 1:]
        kernel[-1 : -reach[0] : -1, -1 : -reach[1] : -1] = quarter[1:, 1:]
        turned = fft.irfft2(spectrum * fft.rfft2(kernel, workers=-1).real, s=sides, workers=-1)
        found = turned[cells.row, cells.column]
        out[:, c] = (np.rint(found) if whole else found) / SHARES
    return out
