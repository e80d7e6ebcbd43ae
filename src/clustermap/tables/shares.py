"""Which authorities an area belongs to, and with what share: nothing counted twice, nothing lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import AlignmentError, CrsError, InputError, OptionError, part_of, plural
from clustermap.sources.values import Areas, Lookup

if TYPE_CHECKING:
    from clustermap.schema import Overlap

__all__ = ["NOBODY", "Shares", "as_authorities", "authority_shares", "ruled"]

NOBODY = "(none)"
SLIVER = 0.02
COAST = 0.05
_RULES = ("full", "fractional", "primary")
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Areas in authorities.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``area, authority, share`` for every area that was asked for; areas of no authority have "(none)".
    names : pandas.Series
        Authority names by code.
    rule : str
        What was done, in words.
    """

    frame: pd.DataFrame
    names: pd.Series
    rule: str


def as_authorities(given: Any) -> Areas | Lookup:
    """Take areas or a lookup as they are, a frame of polygons as areas, a series area → authority as a lookup.

    Parameters
    ----------
    given : Areas, Lookup, geopandas.GeoDataFrame or pandas.Series
        A series is indexed by area and holds the code of each area's authority; where that is missing the
        area lies in no authority, and an area that stands in several rows lies in several, in equal parts.

    Raises
    ------
    OptionError
        CM-CROSS-001: none of these.
    AlignmentError
        CM-CROSS-002: a series that gives no area to any authority.

    Examples
    --------
    >>> as_authorities(pd.Series({"a": "West", "b": "East"})).frame["share"].tolist()
    [1.0, 1.0]
    """
    if isinstance(given, Areas | Lookup):
        return given
    if hasattr(given, "geometry"):
        from clustermap.sources.boundaries import read_boundaries

        return read_boundaries(given)
    if not isinstance(given, pd.Series):
        raise OptionError(
            "CM-CROSS-001",
            f"authorities must be Areas, a Lookup or a Series, got {type(given).__name__}",
            fix="cm.read_boundaries(frame), cm.read_lookup(frame), or pd.Series(authority, index=area)",
        )
    frame = pd.DataFrame({"area": given.index, "authority": given.to_numpy()})
    frame = frame.dropna().drop_duplicates()
    if frame.empty:
        raise AlignmentError(
            "CM-CROSS-002",
            f"none of {plural(len(given), 'area')} of the series has an authority",
            why="without authorities there are no borders between them",
            fix="pd.Series(authority, index=area)",
        )
    frame["name"] = frame["authority"].astype(str)
    frame["share"] = 1.0 / frame.groupby("area")["area"].transform("size")
    return Lookup(frame=frame.reset_index(drop=True))


def authority_shares(
    codes: pd.Index, authorities: Areas | Lookup, *, areas: Areas | None, overlap: Overlap
) -> Shares:
    """Return the share of every area in every authority.

    Parameters
    ----------
    codes : pandas.Index
        The areas that are asked for.
    authorities : Areas or Lookup
        With polygons an area belongs to an authority by the share of its size in it, with a lookup as it says.
    areas : Areas or None
        The polygons of the areas; needed where authorities are polygons.
    overlap : {"full", "fractional", "primary"}
        What becomes of an area in several authorities.

    Raises
    ------
    OptionError
        CM-CROSS-001: unknown overlap rule, or authorities that are neither areas nor a lookup.
    AlignmentError
        CM-CROSS-002: the lookup knows none of the areas.
    InputError
        CM-CROSS-003: polygons are needed and not there.
    CrsError
        CM-CRS-010: areas and authorities are in two systems.
    """
    if overlap not in _RULES:
        raise OptionError(
            "CM-CROSS-001",
            f"overlap={overlap!r} does not exist",
            fix=f"overlap= one of: {', '.join(map(repr, _RULES))}",
        )
    if isinstance(authorities, Lookup):
        raw, source = _by_lookup(codes, authorities), "by the lookup"
    elif isinstance(authorities, Areas):
        raw = _by_polygons(codes, areas, authorities)
        source = (
            f"by polygons (overlaps below {SLIVER:.0%} of an area are slivers and dropped, "
            f"areas covered to {1 - COAST:.0%} count as covered)"
        )
    else:
        raise OptionError(
            "CM-CROSS-001",
            f"authorities must be Areas or a Lookup, got {type(authorities).__name__}",
            fix="cm.read_boundaries(frame) or cm.read_lookup(frame)",
        )
    several = int((raw.groupby("area").size() > 1).sum())
    rule = (
        f"{overlap}, {source}; {part_of(several, len(codes), 'area', 'lies', 'lie')} in several authorities"
    )
    frame = ruled(raw, overlap).sort_values(["area", "authority"], ignore_index=True)
    return Shares(frame=frame, names=authorities.names, rule=rule)


def _by_lookup(codes: pd.Index, lookup: Lookup) -> pd.DataFrame:
    frame = lookup.frame[["area", "authority", "share"]]
    frame = frame[frame["area"].isin(codes) & (frame["share"] > 0)]
    if frame.empty:
        raise AlignmentError(
            "CM-CROSS-002",
            f"none of {plural(len(codes), 'area')} stands in the lookup: {list(codes[:_SHOWN])} against "
            f"{list(lookup.frame['area'][:_SHOWN])}",
            why="every area would lie in no authority",
            fix="cm.read_lookup(…, area='LAD22CD') of the vintage of the areas",
        )
    return _with_rest(frame, codes)


def _by_polygons(codes: pd.Index, areas: Areas | None, authorities: Areas) -> pd.DataFrame:
    import shapely

    if areas is None:
        raise InputError(
            "CM-CROSS-003",
            f"the {plural(len(codes), 'area has', 'areas have')} no polygons to lay over the authorities",
            why="which authority an area lies in follows from polygons or from a lookup",
            fix="authorities = cm.read_lookup(…), or a table with areas",
        )
    shapes = areas.frame.geometry.reindex(codes)
    if shapes.crs != authorities.crs:
        raise CrsError(
            "CM-CRS-010",
            f"areas are in {shapes.crs}, authorities in {authorities.crs}",
            why="polygons of two systems never meet where they should",
            fix="cm.read_boundaries(…, project_to=areas.crs)",
        )
    theirs = authorities.frame.geometry
    at, of = theirs.sindex.query(shapes.to_numpy(), predicate="intersects")
    size = shapely.area(shapes.to_numpy())
    parts = shapely.intersection(shapes.to_numpy()[at], theirs.to_numpy()[of])
    share = shapely.area(parts) / size[at]
    kept = share >= SLIVER
    at, of, share, parts = at[kept], of[kept], share[kept], parts[kept]
    share[share > 1 - SLIVER] = 1.0  # what is missing is a sliver too
    frame = pd.DataFrame({"area": shapes.index[at], "authority": theirs.index[of], "share": share})
    together = pd.Series(parts).groupby(frame["area"]).agg(lambda p: shapely.union_all(p.to_numpy()).area)
    covered = together / pd.Series(size, index=shapes.index).reindex(together.index)
    covered = covered.where(covered < 1 - COAST, 1.0)
    # an area wholly in two authorities has shares 1 and 1: they are halved, never summed
    frame["share"] *= (covered / frame.groupby("area")["share"].sum()).reindex(frame["area"]).to_numpy()
    return _with_rest(frame, codes)


def _with_rest(frame: pd.DataFrame, codes: pd.Index) -> pd.DataFrame:
    """Give what lies in no authority to nobody, so that every area has a share of 1 in all."""
    rest = 1.0 - frame.groupby("area")["share"].sum().reindex(codes, fill_value=0.0)
    rest = rest[rest > 1e-6]  # noqa: PLR2004 - shares of published lookups are rounded
    nobody = pd.DataFrame({"area": rest.index, "authority": NOBODY, "share": rest.to_numpy()})
    return pd.concat([frame, nobody], ignore_index=True) if len(nobody) else frame.reset_index(drop=True)


def ruled(raw: pd.DataFrame, overlap: Overlap) -> pd.DataFrame:
    """Count shares by a rule: as they are, whole in each, or whole in the largest (the lowest code of equals)."""
    if overlap == "fractional":
        return raw
    if overlap == "full":
        return raw.assign(share=1.0)
    order = raw.assign(share=np.round(raw["share"], 9)).sort_values(
        ["area", "share", "authority"], ascending=[True, False, True], kind="stable"
    )
    return order.drop_duplicates("area").assign(share=1.0)
