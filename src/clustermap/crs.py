"""Projections and units; the only room that knows pyproj."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjError

from clustermap.errors import CrsError

__all__ = [
    "BRITISH_NATIONAL_GRID",
    "WGS84",
    "check_coordinates",
    "in_britain",
    "is_projected_metric",
    "missing_crs",
    "parse",
    "require_metric",
    "same",
    "to_lonlat",
    "transform",
    "working_crs",
]

BRITISH_NATIONAL_GRID = "EPSG:27700"
WGS84 = "EPSG:4326"
_BRITAIN = (-9.01, 49.75, 2.01, 61.01)  # area of use of EPSG:27700, degrees
_BRITAIN_METRES = (-100_000.0, -10_000.0, 700_000.0, 1_300_000.0)
_MOSTLY = 0.99


def parse(crs: Any) -> CRS:
    """Read anything that names a coordinate reference system.

    Raises
    ------
    CrsError
        CM-CRS-002: the text names no known system.
    """
    try:
        return CRS.from_user_input(crs)
    except ProjError as error:
        raise CrsError(
            "CM-CRS-002",
            f"{crs!r} is no coordinate reference system that PROJ knows",
            fix='crs="EPSG:4326" for longitude/latitude, crs="EPSG:27700" for British National Grid',
        ) from error


def same(a: Any, b: Any) -> bool:
    """Tell whether two systems are the same, whatever their axis order is called."""
    return bool(parse(a).equals(parse(b), ignore_axis_order=True))


def is_projected_metric(crs: Any) -> bool:
    """Tell whether distances in this system are metres on a plane."""
    system = parse(crs)
    return bool(system.is_projected and all(axis.unit_name == "metre" for axis in system.axis_info[:2]))


def require_metric(crs: Any, *, what: str) -> None:
    """Refuse planar work in degrees.

    Raises
    ------
    CrsError
        CM-CRS-004: the system is geographic, or its unit is not the metre.
    """
    if crs is None or not is_projected_metric(crs):
        name = "no CRS" if crs is None else parse(crs).name
        raise CrsError(
            "CM-CRS-004",
            f"{what} needs a projected system in metres, got {name}",
            why="areas, distances and borders in degrees are wrong, and differ from north to south",
            fix='read the data with project_to="EPSG:27700" (Britain) or another projected metric system',
        )


def missing_crs(what: str, x: Any, y: Any) -> CrsError:
    """Describe coordinates without a system, and guess what they look like."""
    x, y = (np.asarray(a, dtype=float) for a in (x, y))
    looks = "no known system"
    if _share_inside(x, y, _BRITAIN) > _MOSTLY:
        looks = "EPSG:4326 (longitude, latitude)"
    elif _share_inside(x, y, _BRITAIN_METRES) > _MOSTLY and np.nanmax(np.abs(x), initial=0.0) > 180:  # noqa: PLR2004 - degrees end there
        looks = "EPSG:27700 (British National Grid)"
    elif _share_inside(x, y, (-180, -90, 180, 90)) > _MOSTLY:
        looks = "EPSG:4326 (longitude, latitude)"
    return CrsError(
        "CM-CRS-001",
        f"{what} has no CRS; x {_span(x)}, y {_span(y)} look like {looks}",
        why="without it, points and boundaries meet in the wrong place without any sign of it",
        fix='crs="EPSG:4326" or crs="EPSG:27700", whichever the source says',
    )


def check_coordinates(what: str, x: Any, y: Any, crs: Any) -> None:
    """Refuse coordinates that cannot be in the system they are said to be in.

    Raises
    ------
    CrsError
        CM-CRS-003 for metres labelled as degrees, CM-CRS-005 for swapped latitude and longitude.
    """
    x, y = (np.asarray(a, dtype=float) for a in (x, y))
    good = np.isfinite(x) & np.isfinite(y)
    if not parse(crs).is_geographic or not good.any():
        return
    x, y = x[good], y[good]
    outside = int(((np.abs(x) > 180) | (np.abs(y) > 90)).sum())  # noqa: PLR2004 - degrees end there
    if outside:
        raise CrsError(
            "CM-CRS-003",
            f"{what}: {outside:,} of {len(x):,} coordinates lie outside ±180/±90 degrees "
            f"(x {_span(x)}, y {_span(y)}): metres, not degrees",
            why="metres labelled as degrees are reprojected to infinity",
            fix='crs="EPSG:27700" (or the system that the source names)',
        )
    given, swapped = _share_inside(x, y, _BRITAIN), _share_inside(y, x, _BRITAIN)
    if swapped > _MOSTLY and given < 1 - _MOSTLY:
        raise CrsError(
            "CM-CRS-005",
            f"{what}: {swapped:.0%} of {len(x):,} coordinates fall in Britain if latitude and longitude are "
            f"swapped, {given:.0%} as given",
            why="swapped points land thousands of kilometres away without any sign of it",
            fix="swap the two columns: x is longitude, y is latitude",
        )


def working_crs(
    bounds_lonlat: tuple[float, float, float, float], project_to: Any | None, *, what: str
) -> CRS:
    """Choose the system to work in: as asked, or British National Grid inside its area of use.

    Raises
    ------
    CrsError
        CM-CRS-006 where the data lies outside Britain and nothing was asked for.
    """
    if project_to is not None:
        require_metric(project_to, what="project_to=")
        return parse(project_to)
    west, south, east, north = bounds_lonlat
    if west >= _BRITAIN[0] and south >= _BRITAIN[1] and east <= _BRITAIN[2] and north <= _BRITAIN[3]:
        return parse(BRITISH_NATIONAL_GRID)
    raise CrsError(
        "CM-CRS-006",
        f"{what} reaches from {west:.2f}, {south:.2f} to {east:.2f}, {north:.2f} degrees, outside the area of use of "
        "EPSG:27700",
        why="distances need a projected metric system that is meant for the place",
        fix='project_to="EPSG:3035" (Europe), "EPSG:2154" (France), "EPSG:23700" (Hungary), or your national grid',
    )


def to_lonlat(x: Any, y: Any, crs: Any) -> tuple[Any, Any]:
    """Turn coordinates of any system into longitude and latitude."""
    return transform(x, y, crs, WGS84)


def transform(x: Any, y: Any, source: Any, target: Any) -> tuple[Any, Any]:
    """Turn coordinates of one system into another, x (or longitude) first in both."""
    a, b = parse(source), parse(target)
    if a.equals(b, ignore_axis_order=True):
        return x, y
    return Transformer.from_crs(a, b, always_xy=True).transform(x, y)


def in_britain(lon: Any, lat: Any) -> Any:
    """Tell which places lie in the area of use of EPSG:27700 (a boolean array)."""
    lon, lat = (np.asarray(a, dtype=float) for a in (lon, lat))
    west, south, east, north = _BRITAIN
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _share_inside(x: Any, y: Any, box: tuple[float, float, float, float]) -> float:
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return 0.0
    inside = (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])
    return float(inside[good].mean())


def _span(values: Any) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.min():.6g}…{finite.max():.6g}" if len(finite) else "(none)"
