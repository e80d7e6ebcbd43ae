"""Areas that touch: exact on a checked coverage, by distance where borders do not quite meet."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.crs import require_metric
from clustermap.errors import ClusterMapWarning, OptionError, plural
from clustermap.weights.coverages import read_coverage
from clustermap.weights.links import given_areas, make_graph, treat_isolates, unordered

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph

    from clustermap.schema import Contiguity, Islands
    from clustermap.sources.values import Areas

__all__ = ["contiguity", "touching_pairs"]

Indices = npt.NDArray[np.int64]
Pairs = tuple[Indices, Indices]
RULES = ("queen", "rook")
ISLANDS = ("keep", "nearest", "error")
ALMOST_M = 1.0
# A mere corner has at most two ends of border within the tolerance, each up to twice as long as it.
CORNER = 4.0


def contiguity(
    areas: Areas | gpd.GeoDataFrame,
    *,
    rule: Contiguity = "queen",
    snap_m: float = 0.0,
    islands: Islands = "keep",
) -> Graph:
    """Link areas that share a border.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons.
    rule : {"queen", "rook"}
        Queen: any shared point. Rook: a shared border longer than 0.
    snap_m : float
        Borders up to this far apart count as shared: under queen, areas within `snap_m`; under rook, more
        than four times `snap_m` of one border within `snap_m` of the other area (a mere corner has less).
        0 takes the borders as they are.
    islands : {"keep", "nearest", "error"}
        Areas without a neighbour stay as isolates with one warning, are linked to the nearest area
        (the lowest code where several are equally near), or are refused.

    Returns
    -------
    libpysal.graph.Graph
        Binary, symmetric, in code order, the same for any row order; isolates as libpysal keeps them.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas. CM-GRAPH-003: isolates under ``islands="error"``.
    OptionError
        CM-GRAPH-004: an unknown rule, or a negative tolerance.
    CrsError
        CM-CRS-004: a tolerance in degrees.

    Warns
    -----
    ClusterMapWarning
        CM-GRAPH-002: isolates. CM-GRAPH-006: areas that overlap or have other faults, some of which lie
        within 1 m of each other without touching.

    References
    ----------
    Cliff, A. D. and Ord, J. K. (1973), Spatial Autocorrelation.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9), box(18, 9, 27, 18)], crs="EPSG:27700")
    >>> contiguity(squares, rule="queen").n_edges
    4
    """
    _check_options(rule, snap_m, islands)
    given = given_areas(areas, what="contiguity")
    if snap_m:
        require_metric(given.crs, what="snap_m=")
    first, second = touching_pairs(given, rule, snap_m)
    first, second = treat_isolates(given, first, second, islands)
    return make_graph(given.frame.index, np.concatenate((first, second)), np.concatenate((second, first)))


def touching_pairs(areas: Areas, rule: Contiguity, snap_m: float, *, warn: bool = True) -> Pairs:
    """Return each pair of touching areas once, by position in code order."""
    shapes = areas.frame.geometry.to_numpy()
    if snap_m:
        return _within(shapes, rule, snap_m)
    coverage = read_coverage(shapes)
    if coverage is not None:
        pairs = coverage.sharing_points() if rule == "queen" else coverage.sharing_edges()
        near = coverage.loose if coverage.cut else np.empty(0, dtype=np.int64)
    else:
        pairs, near = _meeting(shapes, rule), np.arange(len(shapes))
    if warn and len(near):
        _warn_of_gaps(shapes, rule, pairs, near)
    return pairs


def _warn_of_gaps(shapes: npt.NDArray[Any], rule: Contiguity, pairs: Pairs, near: Indices) -> None:
    """Say how many pairs of those areas that may lie apart nearly touch."""
    first, second = _within(shapes[near], rule, ALMOST_M)
    n = len(shapes)
    linked = np.isin(near[first] * n + near[second], pairs[0] * n + pairs[1])
    gained = int((~linked).sum())
    if gained:
        warnings.warn(
            "[CM-GRAPH-006] the areas do not fit each other exactly, and "
            f"{plural(gained, 'pair lies', 'pairs lie')} within "
            f"{ALMOST_M:g} m without touching: contiguity(areas, snap_m={ALMOST_M:g}) links them, "
            "clustermap.audit(areas) lists the gaps",
            ClusterMapWarning,
            stacklevel=4,
        )


def _check_options(rule: str, snap_m: float, islands: str) -> None:
    if rule not in RULES or islands not in ISLANDS:
        raise OptionError(
            "CM-GRAPH-004",
            f"unknown rule {rule!r}" if rule not in RULES else f"unknown islands {islands!r}",
            fix='rule="queen" or "rook"; islands="keep", "nearest" or "error"',
        )
    if not (isinstance(snap_m, int | float | np.number) and np.isfinite(snap_m) and snap_m >= 0):
        raise OptionError("CM-GRAPH-004", f"snap_m={snap_m!r} is no tolerance", fix="snap_m=1.0 (metres)")


def _meeting(shapes: npt.NDArray[Any], rule: Contiguity) -> Pairs:
    """Ask every pair whose boxes meet; overlapping areas are neighbours under both rules."""
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first, second = unordered(a, b, len(shapes))
    if rule == "queen":
        return first, second
    one, two = shapes[first], shapes[second]
    longer = shapely.relate_pattern(one, two, "****1****") | shapely.relate_pattern(one, two, "T********")
    return first[longer], second[longer]


def _within(shapes: npt.NDArray[Any], rule: Contiguity, snap_m: float) -> Pairs:
    """Find areas within a tolerance of each other."""
    shapely.prepare(shapes)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=snap_m)
    first, second = unordered(a, b, len(shapes))
    if rule == "queen" or not len(first):
        return first, second
    shared = shapely.length(
        shapely.intersection(shapely.boundary(shapes[first]), shapely.buffer(shapes[second], snap_m))
    )
    longer = shared > CORNER * snap_m
    return first[longer], second[longer]
