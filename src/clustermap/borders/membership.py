"""Which authorities an area belongs to, and with what share: nothing counted twice, nothing lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.errors import AlignmentError, CrsError, InputError, OptionError
from clustermap.sources.values import Areas, Lookup

if TYPE_CHECKING:
    from clustermap.detection.clusters import Clusters
    from clustermap.schema import Overlap

__all__ = ["NOBODY", "Shares", "shares_in"]

NOBODY = "(none)"
SLIVER = 0.02
COAST = 0.05
_RULES = ("full", "fractional", "primary")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Areas in authorities.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``area, authority, share`` for every area of the table; areas of no authority have "(none)".
    names : pandas.Series
        Authority names by code.
    rule : str
        What was done, in words.
    """

    frame: pd.DataFrame
    names: pd.Series
    rule: str


def shares_in(clusters: Clusters, authorities: Areas | Lookup, overlap: Overlap) -> Shares:
    """Return the share of every area of the scanned table in every authority.

    Raises
    ------
    OptionError
        CM-CROSS-001: unknown overlap rule, or authorities that are neither areas nor a lookup.
    """
    if overlap not in _RULES:
        raise OptionError(
            "CM-CROSS-001",
            f"overlap={overlap!r} does not exist",
            fix=f"overlap= one of: {', '.join(map(repr, _RULES))}",
        )
    codes = clusters.table.values.index
    if isinstance(authorities, Lookup):
        raw, names = _by_lookup(codes, authorities), authorities.names
        source = "by the lookup"
    elif isinstance(authorities, Areas):
        raw, names = _by_polygons(clusters, authorities), authorities.names
        source = (
            f"by polygons (overlaps below {SLIVER:.0%} of an area are slivers and dropped, "
            f"areas covered to {1 - COAST:.0%} count as covered)"
        )
    else:
        raise OptionError(
            "CM-CROSS-001",
            f"authorities must be Areas or a Lookup, got {type(authorities).__name__}",
            fix="cm.crossing(clusters, cm.read_boundaries(frame)) or cm.read_lookup(frame)",
        )
    several = int((raw.groupby("area").size() > 1).sum())
    rule = f"{overlap}, {source}; {several} of {len(codes)} areas lie in several authorities"
    frame = _ruled(raw, overlap).sort_values(["area", "authority"], ignore_index=True)
    return Shares(frame=frame, names=names, rule=rule)


def _by_lookup(codes: pd.Index, lookup: Lookup) -> pd.DataFrame:
    frame = lookup.frame[["area", "authority", "share"]]
    frame = frame[frame["area"].isin(codes) & (frame["share"] > 0)]
    if frame.empty:
        raise AlignmentError(
            "CM-CROSS-002",
            f"none of {len(codes)} areas stands in the lookup: {list(codes[:5])} against "
            f"{list(lookup.frame['area'][:5])}",
            why="every cluster would lie in no authority",
            fix="cm.read_lookup(…, area='LAD22CD') of the vintage of the areas",
        )
    return _with_rest(frame, codes)


def _by_polygons(clusters: Clusters, authorities: Areas) -> pd.DataFrame:
    import shapely

    if clusters.areas is None:
        raise InputError(
            "CM-CROSS-003",
            "the clusters have no polygons to lay over the authorities",
            why="which authority an area lies in follows from polygons or from a lookup",
            fix="cm.crossing(clusters, cm.read_lookup(…))",
        )
    areas = clusters.areas.frame.geometry
    if areas.crs != authorities.crs:
        raise CrsError(
            "CM-CRS-010",
            f"areas are in {areas.crs}, authorities in {authorities.crs}",
            why="polygons of two systems never meet where they should",
            fix="cm.read_boundaries(…, project_to=clusters.areas.crs)",
        )
    theirs = authorities.frame.geometry
    at, of = theirs.sindex.query(areas.to_numpy(), predicate="intersects")
    size = shapely.area(areas.to_numpy())
    parts = shapely.intersection(areas.to_numpy()[at], theirs.to_numpy()[of])
    share = shapely.area(parts) / size[at]
    kept = share >= SLIVER
    at, of, share, parts = at[kept], of[kept], share[kept], parts[kept]
    share[share > 1 - SLIVER] = 1.0  # what is missing is a sliver too
    frame = pd.DataFrame({"area": areas.index[at], "authority": theirs.index[of], "share": share})
    together = pd.Series(parts).groupby(frame["area"]).agg(lambda p: shapely.union_all(p.to_numpy()).area)
    covered = together / pd.Series(size, index=areas.index).reindex(together.index)
    covered = covered.where(covered < 1 - COAST, 1.0)
    # an area wholly in two authorities has shares 1 and 1: they are halved, never summed
    frame["share"] *= (covered / frame.groupby("area")["share"].sum()).reindex(frame["area"]).to_numpy()
    return _with_rest(frame, areas.index)


def _with_rest(frame: pd.DataFrame, codes: pd.Index) -> pd.DataFrame:
    """Give what lies in no authority to nobody, so that every area has a share of 1 in all."""
    rest = 1.0 - frame.groupby("area")["share"].sum().reindex(codes, fill_value=0.0)
    rest = rest[rest > 1e-6]  # noqa: PLR2004 - shares of published lookups are rounded
    nobody = pd.DataFrame({"area": rest.index, "authority": NOBODY, "share": rest.to_numpy()})
    return pd.concat([frame, nobody], ignore_index=True) if len(nobody) else frame.reset_index(drop=True)


def _ruled(raw: pd.DataFrame, overlap: Overlap) -> pd.DataFrame:
    if overlap == "fractional":
        return raw
    if overlap == "full":
        return raw.assign(share=1.0)
    order = raw.assign(share=np.round(raw["share"], 9)).sort_values(
        ["area", "share", "authority"], ascending=[True, False, True], kind="stable"
    )
    return order.drop_duplicates("area").assign(share=1.0)
