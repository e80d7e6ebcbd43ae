"""What a map was given, sorted by kind: one set of areas to fill, and what lies on top."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import AlignmentError, InputError, OptionError, part_of

if TYPE_CHECKING:
    from clustermap.sources.values import Areas, Firms

__all__ = ["Content", "gather"]

# Kinds are told by the name of their class: a result in hand has loaded its own room, so none is imported here.
_KINDS = {
    "Areas": "areas",
    "Firms": "firms",
    "SectorTable": "table",
    "Quotients": "quotients",
    "LocalResult": "local",
    "LocalResults": "local",
    "Clusters": "clusters",
    "Crossing": "crossing",
    "Line": "line",
}
_MOST_POINTS = 100_000  # firms of other sectors weigh more than they tell: three megabytes for so many
_ACCEPTED = "Areas, Firms, SectorTable, Quotients, LocalResult(s), Clusters, Crossing, Line"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """The results of one map by kind; `areas` is the set that is filled."""

    areas: Areas | None
    outlines: tuple[Areas, ...]
    firms: Firms | None
    left_out: int = 0  # firms of other sectors that are too many to draw
    table: Any = None
    quotients: Any = None
    local: Any = None
    clusters: Any = None
    crossing: Any = None
    lines: tuple[Any, ...] = ()

    @property
    def results(self) -> list[Any]:
        """What inferred something, in reading order."""
        counted = self.quotients if self.quotients is not None else self.table
        shared = (self.crossing, self.clusters)
        if self.clusters is not None and not len(self.clusters.frame):
            shared = (self.clusters, self.crossing)  # that nothing was found comes first
        found = (*shared, counted, self.local, *self.lines)
        return [result for result in found if result is not None]

    @property
    def crs(self) -> Any:
        """The system of the shapes."""
        holder = self.areas if self.areas is not None else self.firms
        return None if holder is None else holder.crs


def gather(results: tuple[Any, ...], *, areas: Any, firms: Any) -> Content:
    """Sort the results of a map by kind.

    Raises
    ------
    OptionError
        CM-MAP-001: something that no map can show, or two of one kind.
    InputError
        CM-MAP-002: nothing with a place.
    AlignmentError
        CM-MAP-003: a result about areas that are not on the map.
    """
    found: dict[str, Any] = {}
    sets: list[Areas] = []
    lines: list[Any] = []
    for result in results:
        kind = _kind(result)
        if kind in {"areas", "line"}:
            (sets if kind == "areas" else lines).append(result)
        elif kind in found:
            raise OptionError(
                "CM-MAP-001",
                f"a map was given two results of one kind: {type(result).__name__}",
                fix="draw two maps, or compute both sectors in one call (sector=None)",
            )
        else:
            found[kind] = result
    if firms is not None:
        from clustermap.sources.firms import as_firms

        found["firms"] = as_firms(firms)
    _carried(found)
    given = _given(areas)
    filled = _filled(found, given, sets, lines=lines)
    outlines = [a for a in (*sets, given) if a is not None and a is not filled]
    borders: Any = getattr(found.get("crossing"), "authorities", None)
    if _known(borders) == "areas" and borders is not filled and not any(a is borders for a in outlines):
        outlines.append(borders)
    if filled is None and "firms" not in found:
        raise InputError(
            "CM-MAP-002",
            "nothing here has a place on a map" if results else "draw_map was given nothing to draw",
            why="a result about labels alone knows no polygons",
            fix="draw_map(result, areas=read_boundaries(...))",
        )
    content = Content(areas=filled, outlines=tuple(outlines), lines=tuple(lines), **{"firms": None, **found})
    _check_labels(content)
    return content


def _carried(found: dict[str, Any]) -> None:
    """Add what results carry: the clusters of a crossing, their table or member firms, the table of quotients."""
    if "crossing" in found:
        found.setdefault("clusters", found["crossing"].clusters)
    for holder in ("quotients", "clusters"):
        if getattr(found.get(holder), "table", None) is not None:
            found.setdefault("table", found[holder].table)
    if getattr(found.get("clusters"), "firms", None) is not None and "firms" not in found:
        found["firms"], found["left_out"] = _clustered(found["clusters"])


def _clustered(clusters: Any) -> tuple[Firms, int]:
    """Return what clusters of a sector were found among: all firms, or those of the sector where all are too many.

    Where no sector was named, the members. Beside it, how many firms of other sectors are left out.
    """
    frame, inside = clusters.firms.frame, clusters.of_sector
    if inside and len(frame) <= _MOST_POINTS:
        return clusters.firms, 0
    members = frame["firm_id"].isin(clusters.members["firm_id"]).to_numpy()
    taken: Firms = replace(
        clusters.firms, frame=frame[np.any(list(inside.values()), axis=0) if inside else members]
    )
    return taken, len(frame) - len(taken.frame) if inside else 0


def _kind(result: Any) -> str:
    kind = _known(result)
    if kind is None:
        raise OptionError(
            "CM-MAP-001",
            f"draw_map cannot draw a {type(result).__name__}",
            why=f"it draws: {_ACCEPTED}",
            fix="cm.draw_map(crossing, quotients, local_result, line)   # frames go to areas= or firms=",
        )
    return kind


def _known(thing: Any) -> str | None:
    for parent in type(thing).__mro__:
        if parent.__module__.startswith("clustermap.") and parent.__name__ in _KINDS:
            return _KINDS[parent.__name__]
    return None


def _given(areas: Any) -> Areas | None:
    if areas is None:
        return None
    from clustermap.sources.boundaries import as_areas

    return as_areas(areas)


def _filled(
    found: dict[str, Any], given: Areas | None, sets: list[Areas], *, lines: list[Any]
) -> Areas | None:
    """Choose the areas to fill: those given if the results speak of them, else those that the results carry."""
    own = [getattr(found.get(kind), "areas", None) for kind in ("quotients", "local", "clusters", "table")]
    spoken = next((labels for _, labels in _labels(found)), None)
    candidates: list[Areas] = [
        areas for areas in (given, *own, *sets, *(line.areas for line in lines)) if areas is not None
    ]
    for areas in candidates:
        if spoken is None or spoken.isin(areas.frame.index).all():
            return areas
    return candidates[0] if candidates else None


def _labels(found: dict[str, Any]) -> list[tuple[str, pd.Index]]:
    """List which areas each result speaks of."""
    out = []
    if found.get("quotients") is not None:
        out.append(("quotients", found["quotients"].table.labels))
    if found.get("local") is not None:
        frame = found["local"].frame
        out.append(("local", pd.Index(frame["area"].unique()) if "area" in frame else frame.index))
    if found.get("table") is not None:
        out.append(("table", found["table"].labels))
    members = getattr(found.get("clusters"), "members", None)
    if members is not None and "area" in members:
        out.append(("clusters", pd.Index(members["area"].unique())))
    return out


def _check_labels(content: Content) -> None:
    if content.areas is None:
        return
    known = content.areas.frame.index
    kinds = {kind: getattr(content, kind) for kind in ("quotients", "local", "table", "clusters")}
    for kind, labels in _labels(kinds):
        strange = labels.difference(known)
        if len(strange):
            raise AlignmentError(
                "CM-MAP-003",
                f"{kind}: {part_of(len(strange), len(labels), 'area', 'is', 'are')} not on this map, "
                f"for example {list(strange[:5])}",
                why="a result drawn on other areas would be a map of nothing",
                fix="areas= the same areas as the results, or two maps",
            )
