"""Clusters of firms across borders: which authority each member lies in, and the borders inside a footprint."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.borders.membership import NOBODY
from clustermap.errors import InputError, part_of
from clustermap.schema import PAIR_COLUMNS
from clustermap.sources.values import Areas, Firms
from clustermap.tables.membership import place
from clustermap.tables.shares import Shares, authority_shares

if TYPE_CHECKING:
    from clustermap.detection.clusters import Clusters
    from clustermap.schema import Overlap
    from clustermap.sources.values import Lookup

__all__ = ["firm_border_pieces", "firm_pairs", "firm_shares"]

Pair = tuple[str, str, str]


def firm_shares(clusters: Clusters, authorities: Areas | Lookup, overlap: Overlap) -> Shares:
    """Return the share of every member firm in every authority: by its place, or by a lookup of firms.

    Raises
    ------
    OptionError
        CM-CROSS-001, CM-OPTION-001: unknown overlap rule.
    AlignmentError
        CM-CROSS-002: the lookup knows none of the firms.
    CrsError
        CM-CRS-008: firms and authorities are in two systems.
    """
    ids = pd.Index(clusters.members["firm_id"].unique(), name="firm_id")
    if not isinstance(authorities, Areas):
        known = authority_shares(ids, authorities, areas=None, overlap=overlap)
        return replace(known, frame=known.frame.rename(columns={"area": "firm_id"}))
    members = _members(clusters, ids)
    placed = place(members, authorities, overlap=overlap)
    outside = np.flatnonzero(~placed.inside)
    codes = authorities.frame.index.to_numpy(dtype=object)
    owner = members.frame["firm_id"].to_numpy()
    frame = pd.DataFrame(
        {
            "firm_id": np.concatenate([owner[placed.firm], owner[outside]]),
            "authority": np.concatenate([codes[placed.area], np.full(len(outside), NOBODY, dtype=object)]),
            "share": np.concatenate([placed.share, np.ones(len(outside))]),
        }
    ).sort_values(["firm_id", "authority"], ignore_index=True)
    several = int((np.bincount(placed.firm, minlength=len(members)) > 1).sum())
    rule = (
        f"{overlap}, by the places of firms; {part_of(several, len(members), 'firm', 'lies', 'lie')} in "
        "several authorities"
    )
    return Shares(frame=frame, names=authorities.names, rule=rule)


def firm_pairs(
    clusters: Clusters, authorities: Areas | Lookup, membership: pd.DataFrame, frame: pd.DataFrame
) -> pd.DataFrame:
    """Return the pairs of authorities whose common border runs through a cluster of firms.

    `n_links` counts pairs of member firms on either side within the radius of the detection, firms in both left out
    (NaN where the method has no radius); `border_km` is the border inside the footprint.

    Raises
    ------
    InputError
        CM-CROSS-005: neither a radius nor polygons say what is adjacent.
    """
    pieces = firm_border_pieces(clusters, authorities, frame) if isinstance(authorities, Areas) else None
    radii = _radii(clusters)
    if pieces is None and len(clusters.frame) and clusters.frame["sector"].map(radii).isna().any():
        raise InputError(
            "CM-CROSS-005",
            f"clusters of method={clusters.method!r} have no radius, and a lookup has no borders",
            why="nothing says which members of two authorities are neighbours",
            fix="cm.crossing(clusters, cm.read_boundaries(…))",
        )
    rows = []
    for cluster, sector in clusters.frame[["cluster", "sector"]].itertuples(index=False):
        own = frame[frame["cluster"] == cluster].set_index("authority")
        support = _support(clusters, cluster, membership)
        links = _links(clusters, cluster, membership, radii.get(sector, np.nan))
        for a, b in _couples(own.index):
            line = None if pieces is None else pieces.get((cluster, a, b))
            near = links(a, b)
            if near > 0 or (line is not None and line.length > 0):
                rows.append(
                    (
                        cluster, a, b, near, np.nan if line is None else line.length / 1000, own.loc[a, "value"],
                        own.loc[b, "value"], min(own.loc[a, "share"], own.loc[b, "share"]), support(a, b),
                    )
                )  # fmt: skip
    kinds = dict.fromkeys(PAIR_COLUMNS, "float64") | dict.fromkeys(("cluster", "a", "b"), "object")
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS)).astype(kinds)


def firm_border_pieces(
    clusters: Clusters, authorities: Areas | Lookup, frame: pd.DataFrame
) -> dict[Pair, Any]:
    """Return the common border of every couple of authorities of a cluster, inside its footprint.

    Raises
    ------
    InputError
        CM-CROSS-003: a lookup has no polygons.
    """
    if not isinstance(authorities, Areas):
        raise InputError(
            "CM-CROSS-003",
            "a lookup has no polygons to draw borders from",
            fix="cm.crossing(clusters, cm.read_boundaries(…))",
        )
    outlines, out = clusters.footprints.set_index("cluster").geometry, {}
    for cluster, own in frame.groupby("cluster", sort=False):
        couples = _couples(pd.Index(own["authority"]))
        inside = {
            code: shapely.intersection(shapely.boundary(authorities.frame.geometry[code]), outlines[cluster])
            for code in sorted({code for couple in couples for code in couple}, key=str)
        }
        for a, b in couples:
            parts = shapely.get_parts(shapely.intersection(inside[a], inside[b]))
            lines = [part for part in parts if shapely.get_dimensions(part) == 1]
            joined = shapely.line_merge(shapely.union_all(lines)) if lines else shapely.LineString()
            out[str(cluster), a, b] = joined
    return out


def _support(clusters: Clusters, cluster: str, membership: pd.DataFrame) -> Any:
    """Give a function: the share of copies whose matched set holds members on either side of a border."""
    if clusters.stability is None:
        return lambda _a, _b: np.nan
    ids = pd.Index(clusters.members.loc[clusters.members["cluster"] == cluster, "firm_id"])
    held = clusters.stability.held(cluster, ids)
    own = membership[membership["firm_id"].isin(ids)]
    inside = {
        code: held[:, ids.get_indexer(part)].any(axis=1) for code, part in own.groupby("authority")["firm_id"]
    }
    return lambda a, b: float((inside[a] & inside[b]).mean())


def _members(clusters: Clusters, ids: pd.Index) -> Firms:
    firms = clusters.firms
    assert firms is not None  # noqa: S101 - asked of clusters of firms only
    return replace(firms, frame=firms.frame[firms.frame["firm_id"].isin(ids)].reset_index(drop=True))


def _couples(codes: pd.Index) -> list[tuple[Any, Any]]:
    return list(combinations(sorted((c for c in codes if c != NOBODY), key=str), 2))


def _radii(clusters: Clusters) -> dict[str, float]:
    if clusters.density is not None:
        return dict(clusters.density.radius_m)
    return {surface.sector: surface.radius_m for surface in clusters.surfaces}


def _links(clusters: Clusters, cluster: str, membership: pd.DataFrame, radius: float) -> Any:
    """Give a function that counts the pairs of members within the radius on either side of a border."""
    if not np.isfinite(radius):
        return lambda _a, _b: np.nan
    from scipy.spatial import cKDTree

    ids = pd.Index(clusters.members.loc[clusters.members["cluster"] == cluster, "firm_id"])
    at = _members(clusters, ids).frame.set_index("firm_id").geometry
    own = membership[membership["firm_id"].isin(ids)]
    single = own[~own["firm_id"].duplicated(keep=False)]

    def xy(code: Any) -> npt.NDArray[np.float64]:
        points = at.loc[single.loc[single["authority"] == code, "firm_id"]]
        return np.column_stack([points.x, points.y])

    trees = {code: cKDTree(xy(code)) for code in single["authority"].unique()}

    def count(a: Any, b: Any) -> float:
        return float(trees[a].count_neighbors(trees[b], radius)) if a in trees and b in trees else 0.0

    return count
