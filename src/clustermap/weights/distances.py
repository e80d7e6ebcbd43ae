"""Neighbours by distance between centroids: the k nearest, or all within a radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.crs import require_metric
from clustermap.errors import OptionError, plural
from clustermap.weights.links import given_areas, make_graph, treat_isolates, unordered

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph

    from clustermap.sources.values import Areas

__all__ = ["distance_band", "k_nearest"]

_SPARE = 4


def k_nearest(areas: Areas | gpd.GeoDataFrame, k: int) -> Graph:
    """Link each area to the k areas whose centroids are nearest to its own.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons, in a projected metric system.
    k : int
        Neighbours of each area, from 1 to the number of areas less one.

    Returns
    -------
    libpysal.graph.Graph
        Binary and directed (a nearest neighbour need not return the favour), in code order. Of areas
        equally far the lowest codes are taken.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: k out of range.
    CrsError
        CM-CRS-004: coordinates in degrees.

    References
    ----------
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes: Models and Applications.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> row = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(x, 0, x + 9, 9) for x in (0, 9, 30)], crs="EPSG:27700")
    >>> k_nearest(row, 1).adjacency.index.to_list()
    [('A', 'B'), ('B', 'A'), ('C', 'B')]
    """
    given = given_areas(areas, what="k nearest neighbours")
    require_metric(given.crs, what="k_nearest")
    n = len(given)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < n:
        raise OptionError(
            "CM-GRAPH-004",
            f"k={k!r} neighbours among {plural(n, 'area')}",
            fix=f"k from 1 to {n - 1}, for instance 6",
        )
    other = _nearest(_centroids(given), int(k))
    focal = np.repeat(np.arange(n, dtype=np.int64), k)
    return make_graph(given.frame.index, focal, other.ravel())


def distance_band(areas: Areas | gpd.GeoDataFrame, radius_m: float) -> Graph:
    """Link areas whose centroids lie within a radius of each other.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons, in a projected metric system.
    radius_m : float
        Largest distance between centroids, itself included.

    Returns
    -------
    libpysal.graph.Graph
        Binary, symmetric, in code order; isolates as libpysal keeps them.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: no positive radius.
    CrsError
        CM-CRS-004: coordinates in degrees.

    Warns
    -----
    ClusterMapWarning
        CM-GRAPH-002: isolates.

    References
    ----------
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes: Models and Applications.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> row = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(x, 0, x + 9, 9) for x in (0, 9, 30)], crs="EPSG:27700")
    >>> distance_band(row, radius_m=21).n_edges
    4
    """
    given = given_areas(areas, what="a distance band")
    require_metric(given.crs, what="distance_band")
    if not (isinstance(radius_m, int | float | np.number) and np.isfinite(radius_m) and radius_m > 0):
        raise OptionError("CM-GRAPH-004", f"radius_m={radius_m!r} is no radius", fix="radius_m=25_000")
    from scipy.spatial import cKDTree

    points = _centroids(given)
    # The tree looks a little further, so that the exact comparison below decides at the radius itself.
    pairs = cKDTree(points).query_pairs(radius_m * (1 + 1e-9), output_type="ndarray")
    first, second = unordered(pairs[:, 0], pairs[:, 1], len(given))
    near = np.hypot(*(points[first] - points[second]).T) <= radius_m
    first, second = treat_isolates(given, first[near], second[near], "keep")
    return make_graph(given.frame.index, np.concatenate((first, second)), np.concatenate((second, first)))


def _centroids(areas: Areas) -> npt.NDArray[np.float64]:
    return np.asarray(shapely.get_coordinates(shapely.centroid(areas.frame.geometry.to_numpy())))


def _nearest(points: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.int64]:
    """Return the k nearest of each point, the lowest position first among equals."""
    from scipy.spatial import cKDTree

    n, tree = len(points), cKDTree(points)
    asked = min(n, k + 1 + _SPARE)
    while True:
        _, found = tree.query(points, k=asked)
        distance = np.hypot(*(points[found] - points[:, None, :]).transpose(2, 0, 1))
        distance[found == np.arange(n)[:, None]] = -1.0  # the area itself stands first, and is left out
        order = np.lexsort((found, distance), axis=1)
        ranked, far = np.take_along_axis(found, order, 1), np.take_along_axis(distance, order, 1)
        # Complete where something farther than the k-th was seen: no equal one can be missing.
        if asked == n or bool((far[:, -1] > far[:, k] * (1 + 1e-12)).all()):
            return np.asarray(ranked[:, 1 : k + 1], dtype=np.int64)
        asked = min(n, 2 * asked)
