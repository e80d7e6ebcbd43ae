"""Everything a page shows, as plain values: geometry once, figures by sector, layers on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely

from clustermap.maps import facts, geometry, marks, notes

if TYPE_CHECKING:
    from clustermap.maps.content import Content

__all__ = ["payload"]


def payload(content: Content, *, title: str | None, tiles: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the page's script reads.

    Parameters
    ----------
    content : Content
        The results by kind.
    title : str or None
        The heading asked for.
    tiles : dict or None
        The tile set asked for.
    """
    shapes = _shapes(content)
    codes = list(shapes)
    sets = marks.authorities(content, shapes)
    columns, values = facts.facts(content, codes)
    names = {} if content.areas is None else content.areas.names
    return {
        "title": facts.clean(title) if title is not None else notes.heading(content),
        "lead": notes.lead(content),
        "findings": notes.findings(content),
        "methods": notes.methods(content),
        "sources": notes.sources(content),
        "cautions": notes.cautions(content),
        "bounds": _bounds(content, shapes),
        "areas": {
            "label": "" if content.areas is None else notes.area_set(content.areas),
            "codes": [facts.clean(code) for code in codes],
            "names": [facts.clean(names[code]) for code in codes],
            "shapes": geometry.pack(shapes.values(), content.crs),
        },
        "sectors": [{"id": key, "label": label} for key, label in facts.sector_labels(content).items()],
        "themes": facts.themes(content, codes),
        "columns": columns,
        "facts": values,
        "authorities": [s.packed(content.crs, codes) for s in sets],
        "clusters": None if content.clusters is None else marks.clusters(content, shapes),
        "lines": marks.axes(content),
        "firms": marks.firms(content),
        "towns": marks.towns(content),
        "tiles": tiles,
    }


def _shapes(content: Content) -> dict[Any, Any]:
    if content.areas is None:
        return {}
    frame = content.areas.frame
    return dict(zip(frame.index, geometry.simplify(frame.geometry), strict=True))


def _bounds(content: Content, shapes: dict[Any, Any]) -> list[list[float]]:
    if shapes:
        return geometry.bounds(shapes.values(), content.crs)
    among = getattr(content.clusters, "firms", None)
    firms = among or content.firms
    if firms is None:
        return geometry.bounds([shapely.Point(0, 0)], content.crs)
    boxes = [shapely.box(*firms.frame.total_bounds)]
    if among is not None:  # a footprint may reach beyond the firms
        boxes += list(content.clusters.footprints.geometry)
    return geometry.bounds(boxes, firms.crs)
