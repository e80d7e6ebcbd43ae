"""A still picture of the map, for notebooks where the page is too large: shapes and colours, no text from data."""

from __future__ import annotations

import math
from typing import Any

from clustermap.maps.geometry import DEGREES, decode

__all__ = ["picture"]

_WIDTH = 640
_PLAIN = "#eceae4"
_FINEST = 0.7  # of a pixel: nearer points are one


def picture(payload: dict[str, Any]) -> str:
    """Draw the areas of a page in the colours of its first theme, as inline SVG.

    Parameters
    ----------
    payload : dict
        What the page shows.
    """
    (south, west), (north, east) = payload["bounds"]
    middle = math.cos(math.radians((south + north) / 2))
    scale = _WIDTH / max((east - west) * middle, 1e-9)
    height = max(1, round((north - south) * scale))
    colours = _colours(payload)
    paths = []
    for rings, colour in zip(_rings(payload["areas"]["shapes"]), colours, strict=True):
        steps = "".join(
            "M"
            + "L".join(_thinned([((x - west) * middle * scale, (north - y) * scale) for x, y in ring]))
            + "Z"
            for ring in rings
        )
        paths.append(
            f'<path d="{steps}" fill="{colour}" stroke="#fff" stroke-width=".6" fill-rule="evenodd"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'role="img" aria-label="Map">{"".join(paths)}</svg>'
    )


def _colours(payload: dict[str, Any]) -> list[str]:
    n = len(payload["areas"]["codes"])
    if not payload["themes"]:
        return [_PLAIN] * n
    sectors = payload["themes"][0]["sectors"]
    own = sectors.get(payload["sectors"][0]["id"]) or next(iter(sectors.values()))
    return [own["classes"][k]["colour"] for k in own["class"]]


def _rings(packed: dict[str, Any]) -> list[list[list[tuple[float, float]]]]:
    steps = decode(packed["data"]).reshape(-1, 2).cumsum(axis=0) / DEGREES
    out, start = [], 0
    for sizes in packed["sizes"]:
        rings = []
        for size in sizes:
            rings.append([(float(x), float(y)) for x, y in steps[start : start + size]])
            start += size
        out.append(rings)
    return out


def _thinned(points: list[tuple[float, float]]) -> list[str]:
    kept = points[:1]
    for point in points[1:]:
        if math.dist(point, kept[-1]) >= _FINEST:
            kept.append(point)
    return [f"{x:.1f} {y:.1f}" for x, y in kept]
