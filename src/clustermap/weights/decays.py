"""Neighbours whose weight falls with the distance between centroids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.crs import require_metric
from clustermap.errors import OptionError, plural
from clustermap.weights.links import given_areas, make_graph, treat_isolates

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph

    from clustermap.schema import Kernel
    from clustermap.sources.values import Areas

__all__ = ["KERNELS", "REACH", "decay", "kernel_weights"]

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
KERNELS = ("uniform", "triangular", "epanechnikov", "bisquare", "gaussian")
REACH = {"gaussian": 3.0}  # standard deviations; beyond them a weight is below .0112, and none is kept
_SAME = 1e-9


def decay(share: Numbers, kernel: Kernel) -> Numbers:
    """Return the weight at a share of the bandwidth: 1 at 0, never rising, 0 beyond the kernel's reach.

    Examples
    --------
    >>> decay(np.array([0.0, 0.5, 1.0]), "epanechnikov").tolist()
    [1.0, 0.75, 0.0]
    """
    within, u = share <= REACH.get(kernel, 1.0), np.minimum(share, REACH.get(kernel, 1.0))
    weight = {
        "uniform": np.ones_like(u),
        "triangular": 1 - u,
        "epanechnikov": 1 - u * u,
        "bisquare": (1 - u * u) ** 2,
        "gaussian": np.exp(-u * u / 2),
    }[kernel]
    return np.asarray(np.where(within, weight, 0.0))


def kernel_weights(
    areas: Areas | gpd.GeoDataFrame,
    bandwidth_m: float | None = None,
    *,
    k: int | None = None,
    kernel: Kernel = "bisquare",
) -> Graph:
    r"""Link areas by a weight that falls with the distance between their centroids.

    With :math:`u = d_{ij} / h_i`: uniform 1, triangular :math:`1 - u`, Epanechnikov :math:`1 - u^2`, bisquare
    :math:`(1 - u^2)^2`, each 0 beyond :math:`u = 1`; Gaussian :math:`\exp(-u^2 / 2)`, cut at :math:`u = 3`.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons, in a projected metric system.
    bandwidth_m : float, optional
        The same bandwidth for all areas: how far the kernel reaches, or one standard deviation of the Gaussian.
    k : int, optional
        Instead of `bandwidth_m`, a bandwidth for each area: the smallest distance that is larger than the one to its
        k-th nearest, so that those k, and others equally far as the last, have a weight above 0.
    kernel : {"uniform", "triangular", "epanechnikov", "bisquare", "gaussian"}
        How the weight falls; all begin at 1, which no statistic under row-standardised weights depends on.

    Returns
    -------
    libpysal.graph.Graph
        In code order; symmetric under `bandwidth_m`, as a rule not under `k`. No area is its own neighbour; areas
        without another in reach are isolates.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: neither or both of `bandwidth_m` and `k`, one out of range, an unknown kernel.
    CrsError
        CM-CRS-004: coordinates in degrees.

    Warns
    -----
    ClusterMapWarning
        CM-GRAPH-002: isolates.

    References
    ----------
    Getis, A. and Aldstadt, J. (2004), Constructing the spatial weights matrix using a local statistic.
    Geographical Analysis 36.
    Fotheringham, A. S., Brunsdon, C. and Charlton, M. (2002), Geographically Weighted Regression.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> row = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(x, 0, x + 10, 10) for x in (0, 10, 25)], crs="EPSG:27700")
    >>> kernel_weights(row, 20.0, kernel="triangular").adjacency.to_dict()
    {('A', 'B'): 0.5, ('B', 'A'): 0.5, ('B', 'C'): 0.25, ('C', 'B'): 0.25}
    """
    given = given_areas(areas, what="kernel weights")
    require_metric(given.crs, what="kernel_weights")
    _check(bandwidth_m, k, kernel, len(given))
    points = np.asarray(shapely.get_coordinates(shapely.centroid(given.frame.geometry.to_numpy())))
    reach = REACH.get(kernel, 1.0)
    bandwidth = np.full(len(points), float(bandwidth_m or 0.0)) if k is None else _beyond(points, int(k))
    focal, other = _in_reach(points, reach * bandwidth)
    share = np.hypot(*(points[focal] - points[other]).T) / bandwidth[focal]
    share[np.abs(share - 1) <= _SAME] = 1.0  # equally far is equally far, whatever the last digits
    weight = decay(share, kernel)
    if k is not None and reach == 1:
        weight[share == 1] = 0.0  # the area that sets the bandwidth lies just outside
    focal, other, weight = focal[weight > 0], other[weight > 0], weight[weight > 0]
    treat_isolates(given, focal, other, "keep")
    return make_graph(given.frame.index, focal, other, weight)


def _check(bandwidth_m: float | None, k: int | None, kernel: str, n: int) -> None:
    what = fix = ""
    if (bandwidth_m is None) == (k is None):
        what = "neither bandwidth_m= nor k=" if k is None else "both bandwidth_m= and k="
        fix = "kernel_weights(areas, 25_000), or kernel_weights(areas, k=8)"
    elif kernel not in KERNELS:
        what, fix = f"unknown kernel {kernel!r}", f"kernel= one of {', '.join(map(repr, KERNELS))}"
    elif k is not None:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= n - 2:
            what = f"a bandwidth from k={k!r} neighbours among {plural(n, 'area')}"
            fix = f"k from 1 to {n - 2}: the distance to one more area sets the bandwidth"
    elif not (
        isinstance(bandwidth_m, int | float | np.number)
        and not isinstance(bandwidth_m, bool)
        and np.isfinite(bandwidth_m)
        and bandwidth_m > 0
    ):
        what, fix = f"bandwidth_m={bandwidth_m!r} is no distance", "bandwidth_m=25_000"
    if what:
        raise OptionError("CM-GRAPH-004", what, fix=fix)


def _beyond(points: Numbers, k: int) -> Numbers:
    """Return the smallest distance larger than that to the k-th nearest; where all are equally far, no limit."""
    from scipy.spatial import cKDTree

    n, tree = len(points), cKDTree(points)
    found = np.full(n, np.inf)
    open_rows, asked = np.arange(n), min(n, k + 4)
    while len(open_rows):
        distance, _ = tree.query(points[open_rows], k=asked)
        farther = distance > distance[:, k : k + 1] * (1 + _SAME)  # the area itself stands first
        some = farther.any(axis=1)
        found[open_rows[some]] = distance[some, farther[some].argmax(axis=1)]
        if asked == n:
            break
        open_rows, asked = open_rows[~some], min(n, 2 * asked)
    return found


def _in_reach(points: Numbers, radius: Numbers) -> tuple[Indices, Indices]:
    """Return the ordered pairs of different points within the radius of the first, and a little beyond."""
    from scipy.spatial import cKDTree

    n, tree = len(points), cKDTree(points)
    wide = np.minimum(radius * (1 + _SAME), np.hypot(*np.ptp(points, axis=0)) + 1.0)
    counts = tree.query_ball_point(points, wide, return_length=True).astype(np.int64)
    near = np.fromiter(
        (j for row in tree.query_ball_point(points, wide, return_sorted=True) for j in row),
        dtype=np.int64,
        count=int(counts.sum()),
    )
    focal = np.repeat(np.arange(n, dtype=np.int64), counts)
    apart = focal != near
    return focal[apart], near[apart]
