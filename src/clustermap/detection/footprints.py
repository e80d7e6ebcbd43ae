"""Footprints of clusters: their shape on the ground, how much of the sector is inside, and what they are called."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from clustermap import crs as projections
from clustermap import datasets
from clustermap.errors import InputError, OptionError

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.detection.clusters import Clusters

__all__ = ["cluster_names", "dissolved", "hulls", "shares"]

_TOWN_M = 1_000.0  # towns are embedded to the kilometre
_NEAR_M = 30_000.0
_THIN_M = 100.0  # a hull without an area gets a margin


def dissolved(clusters: Clusters) -> gpd.GeoSeries:
    """Return the union of the member areas of each cluster, holes and islands as they are."""
    import geopandas as gpd

    polygons = clusters.polygons().geometry
    parts = clusters.members.groupby("cluster")["area"]
    joined = {cluster: shapely.union_all(polygons.loc[codes].to_numpy()) for cluster, codes in parts}
    names = pd.Index(clusters.frame["cluster"], dtype=object)
    return gpd.GeoSeries([joined[c] for c in names], index=names, crs=polygons.crs)


def hulls(clusters: Clusters, ratio: float) -> gpd.GeoSeries:
    """Return the concave hull of the member firms of each cluster.

    Raises
    ------
    InputError
        CM-SCAN-010: areas were clustered, not firms.
    OptionError
        CM-FOOTPRINT-001: the ratio is not between 0 and 1.
    """
    import geopandas as gpd

    if clusters.firms is None:
        raise InputError(
            "CM-SCAN-010",
            "these clusters are of areas, not of firms",
            why="a hull of centroids cuts through the areas that belong",
            fix="clusters.footprints: the areas dissolved",
        )
    if not (isinstance(ratio, int | float) and 0 <= ratio <= 1):
        raise OptionError(
            "CM-FOOTPRINT-001",
            f"ratio={ratio!r} is not between 0 and 1",
            why="0 follows the points most closely, 1 is the convex hull",
            fix="clusters.hulls(ratio=0.3)",
        )
    frame = clusters.firms.frame
    at = dict(zip(frame["firm_id"], shapely.get_coordinates(frame.geometry.to_numpy()), strict=True))
    parts = clusters.members.groupby("cluster")["firm_id"]
    shapes = {cluster: _hull(np.array([at[i] for i in ids]), ratio) for cluster, ids in parts}
    names = pd.Index(clusters.frame["cluster"], dtype=object)
    return gpd.GeoSeries([shapes[c] for c in names], index=names, crs=clusters.firms.crs)


def _hull(at: Any, ratio: float) -> Any:
    """Return the hull of places in a fixed order; one without an area gets a margin of 100 m."""
    hull = shapely.concave_hull(shapely.MultiPoint(np.unique(at, axis=0)), ratio=ratio)
    return shapely.normalize(hull if hull.area > 0 else shapely.buffer(hull, _THIN_M))


def shares(clusters: Clusters) -> pd.Series:
    """Return by cluster the share of its sector that its members hold."""
    total = clusters.searches.groupby("sector")["total"].first()
    frame = clusters.frame
    share = frame["value"].to_numpy(float) / total.reindex(frame["sector"]).to_numpy(float)
    return pd.Series(share, index=pd.Index(frame["cluster"], dtype=object), name="share", dtype=float)


def cluster_names(clusters: Clusters) -> pd.Series:
    """Return by cluster what it is called on the ground.

    The largest embedded town inside it or within 1 km; else the member area that holds most of the sector; else, of
    firms, the nearest town with its distance, up to 30 km; else the cluster's label. Nothing is made up: towns are
    known for England alone, in British National Grid.
    """
    labels = pd.Index(clusters.frame["cluster"], dtype=object)
    shapes = _shapes(clusters)
    names = [_name(clusters, str(c), None if shapes is None else shapes.loc[c]) for c in labels]
    return pd.Series(names, index=labels, name="name", dtype=object)


def _shapes(clusters: Clusters) -> gpd.GeoSeries | None:
    shapes = clusters.outlines
    if shapes is None and clusters.areas is not None:
        shapes = dissolved(clusters)
    known = shapes is not None and projections.same(shapes.crs, projections.BRITISH_NATIONAL_GRID)
    return shapes if known else None


def _name(clusters: Clusters, cluster: str, shape: Any) -> str:
    towns = _towns() if shape is not None else None
    away = None if towns is None else shapely.distance(shape, towns[1])
    if towns is not None and away is not None and (away <= _TOWN_M).any():
        return str(towns[0][int(np.argmax(away <= _TOWN_M))])  # towns stand in order of size
    if clusters.firms is None:
        largest = clusters.values(cluster).sort_values(ascending=False, kind="stable").index[0]
        return str(largest if clusters.areas is None else clusters.areas.names[largest])
    if towns is None or away is None or away.min() > _NEAR_M:
        return cluster
    nearest = int(np.argmin(away))
    return f"{away[nearest] / 1000:.0f} km from {towns[0][nearest]}"


@lru_cache(maxsize=1)
def _towns() -> tuple[tuple[str, ...], Any] | None:
    """Return the embedded towns, largest first, and where they lie."""
    file = datasets.path("lad_2022").with_name("towns.csv")
    if not file.is_file():  # pragma: no cover - part of every wheel
        return None
    table = pd.read_csv(file).sort_values("rank", kind="stable")
    return tuple(table["name"]), shapely.points(table["easting"], table["northing"])
