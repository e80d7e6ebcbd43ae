"""What lies near every site of an economy: by exact distances, by cells, or by listed pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.measures.distance.cells import SHARES, ring_counts, table
from clustermap.measures.distance.economy import CELLS, on_cells
from clustermap.measures.distance.ratio_moments import LEAST, RatioMoments, ratio_moments
from clustermap.measures.distance.ratios import Near, Sites, around_all

if TYPE_CHECKING:
    from clustermap.measures.distance.economy import EconomyDistances

__all__ = ["economy_ratio_moments", "near_sites", "sites_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_TAIL = 1e-12  # a kernel this far down its tail is 0
_NOTHING = 1e-6  # of an average firm at the kernel's peak
_NONE = np.empty(0, dtype=np.int64)
_NO_CELLS = (_NONE, _NONE, np.empty((0, 0), dtype=np.int64), np.empty((0, 0, 0), dtype=np.int64))


def sites_of(economy: EconomyDistances, weight: Floats, *, cells: bool) -> Sites:
    """Return all firms as the loops take them.

    Parameters
    ----------
    economy : EconomyDistances
        All firms.
    weight : numpy.ndarray
        What each counts.
    cells : bool
        Distances between cells, not between firms.
    """
    weight = np.ascontiguousarray(weight, dtype=np.float64)
    if economy.links is not None:
        links = economy.links
        ends = np.concatenate((links.first, links.second))
        order = np.argsort(ends, kind="stable")
        start = np.searchsorted(ends[order], np.arange(economy.sites + 1)).astype(np.int64)
        partner = np.concatenate((links.second, links.first))[order]
        return Sites(weight, weight, weight, *_NO_CELLS, start, partner, np.tile(links.bin, 2)[order])
    if not cells:
        return Sites(economy.x, economy.y, weight, *_NO_CELLS, _NONE, _NONE, _NONE)
    placed = on_cells(economy)
    shares = table(float(CELLS), economy.bins)
    at, grid = placed.place, placed.cells
    row, column = (np.ascontiguousarray(side[at]) for side in (grid.row, grid.column))  # type: ignore[union-attr]
    return Sites(economy.x, economy.y, weight, row, column, *shares, _NONE, _NONE, _NONE)


def near_sites(economy: EconomyDistances, sites: Sites, smooth: Floats | None) -> Near:
    """Return what lies near each site, for M (`smooth` is None) or for the kernel of m."""
    bins, steps = economy.bins, len(economy.points) - 1
    cumulative = smooth is None
    if smooth is None:
        smooth = np.tri(steps, bins)
    rings, place, own = _rings(economy, sites)
    used = smooth > _TAIL * smooth.max()
    low = used.argmax(axis=1).astype(np.int64)
    high = (bins - used[:, ::-1].argmax(axis=1)).astype(np.int64)
    smooth = np.where(used, smooth, 0.0)
    share = LEAST if cumulative and len(sites.row) else _NOTHING
    least = share * sites.weight.mean() * smooth.max(axis=1)
    total = np.ascontiguousarray(rings @ smooth.T)
    return Near(total, place, smooth @ own, smooth, low, high, least, cumulative)


def _rings(economy: EconomyDistances, sites: Sites) -> tuple[Floats, Ints, Floats]:
    """Return ring sums by row, the row of each site, and what a site adds to its own row."""
    n, bins = economy.sites, economy.bins
    nothing = np.zeros(bins)
    if len(sites.start):
        from scipy.sparse import coo_array

        ends = np.repeat(np.arange(n), np.diff(sites.start))
        sums = coo_array((sites.weight[sites.partner], (ends, sites.bin)), shape=(n, bins))
        return sums.toarray(), np.arange(n), nothing
    if not len(sites.row):
        return (
            around_all(sites.x, sites.y, sites.weight, width=economy.step, bins=bins),
            np.arange(n),
            nothing,
        )
    placed = on_cells(economy)
    grid, place = placed.cells, placed.place
    mass = np.bincount(place, weights=sites.weight, minlength=len(grid.row))  # type: ignore[arg-type,union-attr]
    shares = table(float(CELLS), bins)
    own = nothing.copy()
    own[: shares.share.shape[2]] = shares.share[0, 0] / SHARES
    return ring_counts(grid, mass, shares, range(bins)), place, own  # type: ignore[arg-type,return-value]


def economy_ratio_moments(economy: EconomyDistances) -> RatioMoments:
    """Return what M's null needs of an economy on cells."""
    placed = on_cells(economy)
    grid, place = placed.cells, placed.place
    count = np.bincount(place, minlength=len(grid.row)).astype(np.int64)  # type: ignore[arg-type,union-attr]
    points = len(economy.points) - 1
    return ratio_moments(grid, count, bin_cells=float(CELLS), points=points)  # type: ignore[arg-type]
