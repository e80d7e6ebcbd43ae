"""Neighbours by how much they share: the length of a common border, or ground that belongs to both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.crs import require_metric
from clustermap.errors import OptionError
from clustermap.weights.contiguities import touching_pairs
from clustermap.weights.coverages import read_coverage
from clustermap.weights.links import given_areas, make_graph, treat_isolates

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph

    from clustermap.schema import Border
    from clustermap.sources.values import Areas
    from clustermap.weights.coverages import Coverage

__all__ = ["border_weights", "overlap_weights"]

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Weighted = tuple[Indices, Indices, Numbers]


def border_weights(areas: Areas | gpd.GeoDataFrame, *, measure: Border = "length_m") -> Graph:
    """Link areas by the length of the border that they share.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons, in a projected metric system.
    measure : {"length_m", "share"}
        The length in metres, or its share of the outline of the area whose neighbours are weighed (coast and holes
        included), so that the weights of an area inland sum to 1 and of one at the coast to less.

    Returns
    -------
    libpysal.graph.Graph
        In code order; symmetric in metres, as a rule not as shares. Areas that meet in points alone are no
        neighbours; isolates as libpysal keeps them.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: an unknown measure.
    CrsError
        CM-CRS-004: coordinates in degrees.

    Warns
    -----
    ClusterMapWarning
        CM-GRAPH-002: isolates. CM-GRAPH-006: borders that lie within 1 m of each other without touching.

    Notes
    -----
    Borders count where they coincide to the last digit, without a tolerance: of two outlines that were generalised
    apart next to nothing is shared. `audit` tells such sets. How long a border is depends on how finely it is drawn.

    References
    ----------
    Cliff, A. D. and Ord, J. K. (1973), Spatial Autocorrelation, on weights by the length of common borders.
    Dacey, M. F. (1965), A review of measures of contiguity for two and k-color maps.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9), box(9, 9, 18, 12)], crs="EPSG:27700")
    >>> border_weights(squares, measure="share").adjacency.round(3).to_dict()
    {('A', 'B'): 0.25, ('B', 'A'): 0.25, ('B', 'C'): 0.25, ('C', 'B'): 0.375}
    """
    if measure not in {"length_m", "share"}:
        raise OptionError("CM-GRAPH-004", f"unknown measure {measure!r}", fix='measure="length_m" or "share"')
    given = given_areas(areas, what="border weights")
    require_metric(given.crs, what="border_weights")
    shapes = given.frame.geometry.to_numpy()
    touching = touching_pairs(given, "queen", 0.0)
    coverage = read_coverage(shapes)
    first, second, length = _on_edges(coverage) if coverage is not None else _on_outlines(shapes, *touching)
    treat_isolates(given, first, second, "keep")
    focal, other = np.concatenate((first, second)), np.concatenate((second, first))
    weight = np.concatenate((length, length))
    if measure == "share":
        weight /= np.asarray(shapely.length(shapes))[focal]
    return make_graph(given.frame.index, focal, other, weight)


def overlap_weights(areas: Areas | gpd.GeoDataFrame, *, touching: float = 1.0) -> Graph:
    r"""Link areas that touch, and areas that share ground the more strongly the more they share.

    With ground :math:`|A|`, the weight of a pair is :math:`t + |A \cap B| / \min(|A|, |B|)`, where t is `touching`.
    Areas that merely touch have t, the smaller one within the larger has t + 1, and a sliver of a carelessly drawn
    border changes next to nothing.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons that may overlap, in a projected metric system.
    touching : float
        Weight of areas that touch without sharing ground; 0 links those alone that share some.

    Returns
    -------
    libpysal.graph.Graph
        Symmetric, in code order; isolates as libpysal keeps them. Where no areas overlap, and with ``touching=1``, it
        holds what ``contiguity(areas)`` holds.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: `touching` is negative or no number.
    CrsError
        CM-CRS-004: coordinates in degrees.

    Warns
    -----
    ClusterMapWarning
        CM-GRAPH-002: isolates. CM-GRAPH-006: borders that lie within 1 m of each other without touching.

    Notes
    -----
    The share is the overlap coefficient (Szymkiewicz 1934, Simpson 1943). Areas that overlap count the same ground
    twice: a statistic over them compares values that have firms in common, whatever the weights.

    References
    ----------
    Simpson, G. G. (1943), Mammals and the nature of continents. American Journal of Science 241.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> partnerships = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(0, 0, 10, 10), box(8, 0, 20, 10), box(20, 0, 30, 10)], crs="EPSG:27700")
    >>> overlap_weights(partnerships).adjacency.to_dict()
    {('A', 'B'): 1.2, ('B', 'A'): 1.2, ('B', 'C'): 1.0, ('C', 'B'): 1.0}
    """
    number = isinstance(touching, int | float | np.number) and not isinstance(touching, bool)
    if not (number and np.isfinite(touching) and touching >= 0):
        raise OptionError("CM-GRAPH-004", f"touching={touching!r} is no weight", fix="touching=1.0")
    given = given_areas(areas, what="overlap weights")
    require_metric(given.crs, what="overlap_weights")
    shapes: Any = given.frame.geometry.to_numpy()
    first, second = touching_pairs(given, "queen", 0.0)
    size = np.asarray(shapely.area(shapes))
    shared = np.zeros(len(first))
    if read_coverage(shapes) is None:
        ground = shapely.relate_pattern(shapes[first], shapes[second], "T********")
        shared[ground] = shapely.area(shapely.intersection(shapes[first[ground]], shapes[second[ground]]))
    weight = touching + shared / np.minimum(size[first], size[second])
    first, second, weight = first[weight > 0], second[weight > 0], weight[weight > 0]
    treat_isolates(given, first, second, "keep")
    focal, other = np.concatenate((first, second)), np.concatenate((second, first))
    return make_graph(given.frame.index, focal, other, np.concatenate((weight, weight)))


def _on_edges(coverage: Coverage) -> Weighted:
    """Add up the edges that two areas share."""
    edge = np.flatnonzero((coverage.mate >= 0) & (coverage.area < coverage.area[coverage.mate]))
    keys, pair = np.unique(
        coverage.area[edge] * coverage.n + coverage.area[coverage.mate[edge]], return_inverse=True
    )
    tail, head = coverage.tail[edge], coverage.head[edge]
    length = np.hypot(coverage.x[head] - coverage.x[tail], coverage.y[head] - coverage.y[tail])
    order = np.lexsort((length, pair))  # the same sum in whatever order the edges come
    total = np.asarray(np.bincount(pair[order], length[order], minlength=len(keys)), dtype=np.float64)
    return keys // coverage.n, keys % coverage.n, total


def _on_outlines(shapes: npt.NDArray[Any], first: Indices, second: Indices) -> Weighted:
    """Measure where the outlines of two areas coincide, among areas some of which overlap."""
    outline: Any = shapely.boundary(shapes)
    length = np.asarray(shapely.length(shapely.intersection(outline[first], outline[second])))
    real = length > 0
    return first[real], second[real], length[real]
