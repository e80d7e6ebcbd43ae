"""Sites on a grid of square cells, and exact weighted DBSCAN on any part of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.detection.density import cells, kernels
from clustermap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Dense", "Grid", "Sites", "dense_labels", "find_dense", "make_grid", "near_dense"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

_SHRINK = 1e-6  # rounding never puts two points of a cell further apart than the radius
_FINEST = 1e8  # radii to the extent, up to which this holds
_SLACK = 1e-9  # sums of fractions reach the minimum up to rounding
_MANY = 20_000  # sites, from which threads pay


class Sites(NamedTuple):
    """Distinct places in order of their cells: lowest row of each, and the cells they lie in."""

    x: Floats
    y: Floats
    first: Places
    key: Ints
    start: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """All points at one radius: their sites, the cell of each, and the site of every row."""

    sites: Sites
    keys: Ints
    site_of: Places
    columns: int
    radius_m: float

    @property
    def square(self) -> float:
        """The squared radius."""
        return self.radius_m * self.radius_m

    def part(self, which: Ints) -> Sites:
        """Return some of the sites, given in order."""
        return _part(self.sites, which, self.keys[which])


class Dense(NamedTuple):
    """What DBSCAN found among some sites: which are core, cores with their cells, and the cluster of each cell."""

    core: Flags
    sites: Sites
    label: Places
    n: int


def make_grid(x: Floats, y: Floats, radius_m: float) -> Grid:
    """Sort points into cells of radius/√2, and put those of one place together.

    Raises
    ------
    OptionError
        CM-DENSITY-001: the radius is below a hundred-millionth of the extent.
    """
    n = len(x)
    side = radius_m / np.sqrt(2.0) * (1.0 - _SHRINK)
    west, south = (float(v.min()) if n else 0.0 for v in (x, y))
    across, up = (float(np.ptp(v)) if n else 0.0 for v in (x, y))
    if max(across, up) > radius_m * _FINEST:
        raise OptionError(
            "CM-DENSITY-001",
            f"radius_m={radius_m:g} is too small for points that reach over {max(across, up):,.0f} m",
            why="coordinates are not known to a hundred-millionth of their extent",
            fix=f"radius_m={max(across, up) / _FINEST:.3g} or more, in metres",
        )
    columns = int(across / side) + 2 * cells.MARGIN + 1
    key, rows = cells.sort_by_key(cells.cell_keys(x, y, west, south, side, columns))
    at_x, at_y = x[rows], y[rows]
    distinct, start = cells.starts_of(key)
    del key
    _spread(lambda lo, hi: cells.sort_inside(at_x, at_y, rows, start, lo, hi), start)
    first, site_of = np.empty(n, np.int32), np.empty(n, np.int32)
    count = cells.distinct_sites(at_x, at_y, rows, start, first, site_of)
    sites = Sites(at_x[:count], at_y[:count], first[:count], distinct, start)
    keys = np.repeat(distinct, np.diff(start))
    return Grid(sites=sites, keys=keys, site_of=site_of, columns=columns, radius_m=float(radius_m))


def find_dense(
    grid: Grid, sites: Sites, weight: Floats, minimum: float, *, threads: int | None = None
) -> Dense:
    """Find the clusters of core sites: those with at least the minimum weight within the radius."""
    core = np.zeros(len(sites.x), dtype=bool)
    heavy = kernels.weights_of(weight, sites.start)
    least = minimum * (1.0 - _SLACK)
    upto = np.concatenate(([0.0], np.cumsum(heavy)))
    flat = (sites.x, sites.y, weight, sites.key, sites.start, heavy, upto, grid.columns, grid.square)
    _spread(lambda lo, hi: kernels.core_sites(*flat, least, lo, hi, core), sites.start, threads)
    at = np.flatnonzero(core)
    chosen = _part(sites, at, np.repeat(sites.key, np.diff(sites.start))[at])
    label, n = kernels.join_cells(*chosen, grid.columns, grid.square)
    return Dense(core, chosen, label, n)


def near_dense(grid: Grid, sites: Sites, dense: Dense, *, threads: int | None = None) -> Places:
    """Give each of some sites the cluster of its nearest core site within the radius, −1 where there is none."""
    out = np.empty(len(sites.x), dtype=np.int32)
    asked = (sites.x, sites.y, sites.key, sites.start)
    flat = (*asked, *dense.sites, dense.label, grid.columns, grid.square)
    _spread(lambda lo, hi: kernels.nearest_core(*flat, lo, hi, out), sites.start, threads)
    return out


def dense_labels(
    x: Floats, y: Floats, *, radius_m: float, minimum: float, weight: Floats | None = None
) -> tuple[Places, Flags]:
    """Return the cluster of every point (−1 for none), and which points are core: exact weighted DBSCAN.

    A point is core where points of at least the minimum weight, itself included, lie within the radius. Core points
    within the radius of each other are of one cluster; any other point joins its nearest core point within the radius,
    of equally near ones that of the lowest row. Clusters are numbered in order of their lowest core row.

    Parameters
    ----------
    x, y : numpy.ndarray
        Metres.
    radius_m, minimum : float
        The radius, and the weight within it that makes a point core.
    weight : numpy.ndarray, optional
        What each point counts, 0 or more; 1 where absent.

    References
    ----------
    Ester, M., Kriegel, H.-P., Sander, J. and Xu, X. (1996), A density-based algorithm for discovering clusters in
    large spatial databases with noise. KDD-96.
    Gunawan, A. (2013), A faster algorithm for DBSCAN. Eindhoven University of Technology.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 9.0])
    >>> dense_labels(x, np.zeros(4), radius_m=1.0, minimum=3)[0].tolist()
    [0, 0, 0, -1]
    """
    grid = make_grid(x, y, radius_m)
    count = np.bincount(grid.site_of, weight, minlength=len(grid.sites.x)).astype(float)
    dense = find_dense(grid, grid.sites, count, minimum)
    label = near_dense(grid, grid.sites, dense)
    return label[grid.site_of], dense.core[grid.site_of]


def _part(sites: Sites, at: Ints, keys: Ints) -> Sites:
    key, start = cells.starts_of(keys)
    return Sites(sites.x[at], sites.y[at], sites.first[at], key, start)


def _spread(kernel: Callable[[int, int], None], start: Ints, threads: int | None = None) -> None:
    """Run a kernel over all cells, in as many threads as there are; each cell is answered by itself."""
    n, threads = len(start) - 1, threads or workers()
    if threads == 1 or start[-1] < _MANY:
        kernel(0, n)
        return
    parts = 4 * threads
    edges = np.searchsorted(start, np.linspace(0, start[-1], parts + 1)[1:-1])
    edges = np.unique(np.concatenate(([0], np.minimum(edges, n), [n])))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(kernel, edges[:-1].tolist(), edges[1:].tolist()))
