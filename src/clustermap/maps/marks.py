"""What lies on top of the areas: clusters and the borders they cross, authorities, the line, firms, towns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from clustermap import crs as projections
from clustermap.maps import geometry
from clustermap.maps.facts import clean, number
from clustermap.maps.notes import area_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clustermap.maps.content import Content

__all__ = ["Outlines", "authorities", "axes", "clusters", "firms", "towns"]

_CLUSTER_FACTS = ("n_areas", "n_firms", "value", "expected", "relative_risk", "p", "p_field", "area_km2")
_PAIR_FACTS = ("n_links", "border_km", "value_a", "value_b", "strength", "p_crosses")
_MOST_NAMES = 2_000  # names of firms weigh more than their points
_OUTLINE_VERTICES = 15_000
_NO_KIND = frozenset({"", "area", "authority"})  # nothing more is known of them


class Outlines:
    """One set of authorities, ready to draw: codes, names, shapes, and which of them each area lies in."""

    def __init__(self, label: str, names: Mapping[Any, str], shapes: Mapping[Any, Any]) -> None:
        self.label, self.names, self.shapes = label, names, shapes
        self.members: dict[Any, list[Any]] = {}

    def packed(self, crs: Any, codes: list[Any]) -> dict[str, Any]:
        """Return the set as the page reads it; `codes` are the filled areas in order."""
        order = list(self.names)
        place = {code: i for i, code in enumerate(order)}
        return {
            "label": self.label,
            "codes": [clean(c) for c in order],
            "names": [clean(self.names[c]) for c in order],
            "shapes": geometry.pack([self.shapes[c] for c in order], crs),
            "of": [[place[a] for a in self.members.get(code, [])] for code in codes],
        }


def authorities(content: Content, shapes: Mapping[Any, Any]) -> list[Outlines]:
    """Return every set of authorities: outlines that were given, and those that a lookup dissolves areas into."""
    out = [_from_areas(a, content.crs, shapes) for a in content.outlines]
    crossed = getattr(content.crossing, "authorities", None)
    if crossed is None:
        return out
    if "authority" in crossed.frame:
        dissolved = _from_lookup(crossed, shapes)
        out = [dissolved, *(o for o in out if set(o.names) != set(dissolved.names))]
    for outlines in out:  # what the crossing counted is what the page says
        if set(outlines.names) == set(crossed.names.index) and "area" in content.crossing.membership:
            outlines.members = _counted(content.crossing.membership, set(outlines.names))
    return out


def _counted(membership: pd.DataFrame, known: set[Any]) -> dict[Any, list[Any]]:
    rows = membership[membership["authority"].isin(known) & (membership["share"] > 0)]
    return {area: sorted(part["authority"]) for area, part in rows.groupby("area", observed=True)}


def _from_areas(areas: Any, crs: Any, shapes: Mapping[Any, Any]) -> Outlines:
    frame = areas.frame if crs is None or projections.same(areas.crs, crs) else areas.frame.to_crs(crs)
    drawn = geometry.simplify(frame.geometry, vertices=_OUTLINE_VERTICES)
    label = "Authorities" if areas.kind in _NO_KIND else area_set(areas)
    outlines = Outlines(label, dict(frame["name"]), dict(zip(frame.index, drawn, strict=True)))
    inner = shapely.point_on_surface(np.asarray(list(shapes.values()), dtype=object))
    point, authority = shapely.STRtree(np.asarray(frame.geometry)).query(inner, predicate="intersects")
    codes = list(shapes)
    for i, j in sorted(zip(point.tolist(), authority.tolist(), strict=True)):
        outlines.members.setdefault(codes[i], []).append(frame.index[j])
    return outlines


def _from_lookup(lookup: Any, shapes: Mapping[Any, Any]) -> Outlines:
    rows = lookup.frame[lookup.frame["area"].isin(list(shapes))].sort_values(["authority", "area"])
    dissolved = {
        code: geometry.union([shapes[a] for a in part["area"].unique()])
        for code, part in rows.groupby("authority", observed=True)
    }
    label = "Authorities" if lookup.kind in _NO_KIND else area_set(lookup)
    return Outlines(label, {code: lookup.names[code] for code in dissolved}, dissolved)


def clusters(content: Content, shapes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the clusters: member areas, figures, footprints, and borders of authorities inside them."""
    place = {code: i for i, code in enumerate(shapes)}
    members = content.clusters.members
    of_areas = "area" in members
    prints = None if of_areas else content.clusters.footprints
    crossed = _crossed(content.crossing)
    rows, feet, inside = [], [], []
    for row in content.clusters.frame.to_dict("records"):
        own = members.loc[members["cluster"] == row["cluster"]]
        codes = list(own["area"]) if of_areas else []
        foot = (
            geometry.union([shapes[c] for c in codes])
            if prints is None
            else prints.loc[prints["cluster"] == row["cluster"]].geometry.iloc[0]
        )
        feet.append(foot)
        inside.append(crossed.get(row["cluster"]))
        rows.append(
            {
                "id": clean(row["cluster"]),
                "label": f"Cluster {clean(row['cluster'])}",
                "sector": clean(row.get("sector")),
                "level": number(row.get("level")),
                "inner": bool(clean(row.get("parent"))),
                "areas": sorted(place[c] for c in codes),
                **{name: number(row.get(name)) for name in _CLUSTER_FACTS},
                **_shared(content.crossing, row["cluster"]),
            }
        )
    return {
        "rows": rows,
        "shapes": geometry.pack(feet, content.crs),
        "borders": geometry.pack(inside, content.crs),
    }


def _shared(crossing: Any, cluster: Any) -> dict[str, Any]:
    """Return who shares a cluster, largest share first."""
    if crossing is None:
        return {"authorities": [], "pairs": [], "effective": None}
    frame = crossing.frame.loc[crossing.frame["cluster"] == cluster]
    frame = frame.sort_values(["share", "authority"], ascending=[False, True])
    names = dict(zip(crossing.frame["authority"], crossing.frame["name"], strict=True))
    named = set(crossing.authorities.names.index)  # a share may also lie in no authority
    pairs = crossing.pairs.loc[crossing.pairs["cluster"] == cluster]
    effective = crossing.effective_authorities
    if isinstance(effective, pd.Series):
        effective = effective.get(cluster)
    return {
        "authorities": [
            {
                "code": clean(r["authority"]),
                "name": clean(r["name"]),
                "value": number(r["value"]),
                "share": number(r["share"]),
                "known": r["authority"] in named,
            }
            for r in frame.to_dict("records")
        ],
        "pairs": [
            {
                "a": clean(names.get(r["a"], r["a"])),
                "b": clean(names.get(r["b"], r["b"])),
                **{name: number(r.get(name)) for name in _PAIR_FACTS},
            }
            for r in pairs.to_dict("records")
        ],
        "effective": number(effective),
    }


def _crossed(crossing: Any) -> dict[Any, Any]:
    """Return the borders that run through each cluster, as the crossing drew them."""
    if crossing is None or not len(crossing.pairs):
        return {}
    among_firms = crossing.clusters.firms is not None and "authority" not in crossing.authorities.frame
    if crossing.areas is None and not among_firms:
        return {}
    pieces = crossing.geo()
    return {
        cluster: shapely.line_merge(geometry.union(list(part.geometry)))
        for cluster, part in pieces.groupby("cluster", observed=True)
    }


def axes(content: Content) -> list[dict[str, Any]]:
    """Return the axis of every tested set that has one, called after the set."""
    drawn = [line for line in content.lines if line.axis is not None and not line.axis.is_empty]
    return [
        {
            "label": f"Axis of cluster {clean(line.cluster)}" if line.cluster else "Axis of the named set",
            "about": clean(line.summary()).strip().split("\n")[0],
            "shapes": geometry.pack([line.axis], line.areas.crs),
        }
        for line in drawn
    ]


def firms(content: Content) -> dict[str, Any] | None:
    """Return the points of firms, packed: with names where few, by sector where clusters were found among them.

    ``of`` holds, by sector, a bit for each point in the order of the points: whether the firm is of the sector.
    """
    found = content.firms
    if found is None:
        return None
    frame = found.frame[~(found.frame.geometry.isna() | found.frame.geometry.is_empty)]
    data, order = geometry.pack_points(frame.geometry.x, frame.geometry.y, found.crs)
    names = [clean(n) for n in frame["name"].iloc[order]] if len(frame) <= _MOST_NAMES else []
    return {
        "n": len(frame),
        "data": data,
        "names": names,
        "of": _of_sector(content.clusters, frame["firm_id"].iloc[order]),
        "left_out": content.left_out,
        "location": "" if found.location_kind == "unknown" else found.location_kind,
        "synthetic": bool(found.synthetic),
    }


def _of_sector(clusters: Any, ids: pd.Series) -> dict[str, str]:
    """Tell the firms of each sector from the others, by their identity."""
    inside = getattr(clusters, "of_sector", {})
    return {
        clean(sector): geometry.pack_flags(ids.isin(clusters.firms.frame["firm_id"].to_numpy()[flags]))
        for sector, flags in sorted(inside.items())
    }


def towns(content: Content) -> list[list[Any]]:
    """Return the towns that are embedded beside the generalised boundaries of England, for those maps alone."""
    from clustermap import datasets

    areas = content.areas
    if (
        areas is None
        or not areas.generalised
        or not projections.same(areas.crs, projections.BRITISH_NATIONAL_GRID)
    ):
        return []
    file = datasets.path("lad_2022").with_name("towns.csv")
    if not file.is_file():
        return []
    table = pd.read_csv(file)
    lon, lat = projections.to_lonlat(table["easting"], table["northing"], projections.BRITISH_NATIONAL_GRID)
    return [
        [clean(name), round(float(x), 4), round(float(y), 4), int(rank)]
        for name, x, y, rank in zip(table["name"], lon, lat, table["rank"], strict=True)
    ]
