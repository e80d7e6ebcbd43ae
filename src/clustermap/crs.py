"""Projections and units; the only room that knows pyproj."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from pyproj import CRS, Transformer, proj_version_str
from pyproj.exceptions import CRSError as ProjError

from clustermap.errors import MAX_EXAMPLES, CrsError, examples, part_of, plural

__all__ = [
    "BRITISH_NATIONAL_GRID",
    "WGS84",
    "check_coordinates",
    "check_reach",
    "deep_in_britain",
    "in_britain",
    "is_projected_metric",
    "missing_crs",
    "parse",
    "proj_version",
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
_DEGREES = (-180.0, -90.0, 180.0, 90.0)
_MOSTLY = 0.99
_HALF = 0.5
_STEPS, _MARGIN = 65, 0.01  # places along a side; between them a straight side strays by less than the margin
_CYLINDERS = ("Popular Visualisation Pseudo Mercator", "Mercator", "Equidistant Cylindrical")
_WORLD_WIDE = 300.0  # degrees of longitude
_PROJECT = 'read the data with project_to="EPSG:27700" (Britain) or another projected metric system'


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


def proj_version() -> str:
    """Return the version of PROJ."""
    return str(proj_version_str)


def same(a: Any, b: Any) -> bool:
    """Tell whether two systems are the same, whatever their axis order is called."""
    return bool(parse(a).equals(parse(b), ignore_axis_order=True))


def is_projected_metric(crs: Any) -> bool:
    """Tell whether distances in this system are metres on a plane."""
    system = parse(crs)
    return bool(system.is_projected and all(axis.unit_name == "metre" for axis in system.axis_info[:2]))


def require_metric(crs: Any, *, what: str) -> None:
    """Refuse planar work in degrees, in feet, and in world maps whose metres are none.

    Raises
    ------
    CrsError
        CM-CRS-004: the system is geographic, its unit is not the metre, or it is a cylinder around the world.
    """
    if crs is None or not is_projected_metric(crs):
        name = "no CRS" if crs is None else parse(crs).name
        raise CrsError(
            "CM-CRS-004",
            f"{what} needs a projected system in metres, got {name}",
            why="areas, distances and borders in degrees are wrong, and differ from north to south",
            fix=_PROJECT,
        )
    if _is_world_cylinder(parse(crs)):
        raise CrsError(
            "CM-CRS-004",
            f"{what} needs true metres, got {parse(crs).name}",
            why="a metre of this world map is 0.6 m on the ground in Britain, and differs from north to south",
            fix=_PROJECT,
        )


def missing_crs(what: str, x: Any, y: Any) -> CrsError:
    """Describe coordinates without a system, and guess what they look like."""
    x, y = (np.asarray(a, dtype=float) for a in (x, y))
    looks = _guess(x, y)
    return CrsError(
        "CM-CRS-001",
        f"{what} has no CRS; x {_span(x)}, y {_span(y)} look like {looks or 'no known system'}",
        why="without it, points and boundaries meet in the wrong place without any sign of it",
        fix=f'crs="{looks.split()[0]}", if the source says so: read_{what}(…, crs="{looks.split()[0]}")'
        if looks
        else 'crs="EPSG:…", whichever the source says',
    )


def check_coordinates(what: str, x: Any, y: Any, crs: Any) -> None:
    """Refuse coordinates that cannot be in the system they are said to be in.

    Raises
    ------
    CrsError
        CM-CRS-003 for metres labelled as degrees and the reverse, CM-CRS-005 for swapped latitude and longitude.
    """
    x, y = (np.asarray(a, dtype=float) for a in (x, y))
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return
    if not parse(crs).is_geographic:
        _check_planar(what, x[good], y[good], crs)
        return
    outside = np.flatnonzero(good & ((np.abs(x) > _DEGREES[2]) | (np.abs(y) > _DEGREES[3])))
    if len(outside):
        shown = examples((row, f"{x[row]:.6g}, {y[row]:.6g}") for row in outside[:MAX_EXAMPLES])
        looks = _guess(x[good], y[good]) or "no degrees"
        raise CrsError(
            "CM-CRS-003",
            f"{what}: {part_of(len(outside), good.sum(), 'coordinate', 'lies', 'lie')} outside ±180/±90 "
            f"degrees: {shown}; "
            f"together they look like {looks}",
            why="metres labelled as degrees are reprojected to infinity",
            fix='frame.set_crs("EPSG:27700", allow_override=True) where the data carries the label, crs="EPSG:27700" '
            "where you gave it (or whichever system the source names); a few stray rows: correct or drop them",
        )
    given, swapped = _share_inside(x, y, _BRITAIN), _share_inside(y, x, _BRITAIN)
    if swapped > _MOSTLY and given < 1 - _MOSTLY:
        raise CrsError(
            "CM-CRS-005",
            f"{what}: {swapped:.0%} of {plural(good.sum(), 'coordinate')} would fall in Britain if latitude and "
            f"longitude were swapped, {given:.0%} as given",
            why="swapped points land thousands of kilometres away without any sign of it",
            fix="swap the two columns: x is longitude, y is latitude",
        )


def _check_planar(what: str, x: Any, y: Any, crs: Any) -> None:
    degrees = (
        is_projected_metric(crs) and max(_share_inside(*a, _BRITAIN) for a in ((x, y), (y, x))) > _MOSTLY
    )
    elsewhere = same(crs, BRITISH_NATIONAL_GRID) and _share_inside(x, y, _BRITAIN_METRES) < 1 - _MOSTLY
    if degrees or elsewhere:
        raise CrsError(
            "CM-CRS-003",
            f"{what}: {plural(len(x), 'coordinate is', 'coordinates are')} said to be in "
            f"{parse(crs).name}, but x {_span(x)}, y {_span(y)} "
            f"{'are degrees' if degrees else 'lie outside Britain'}",
            why="they would all land in one spot, or in the sea, without any sign of it",
            fix='crs="EPSG:4326"' if degrees else 'crs="EPSG:…", the system that the source names',
        )


def working_crs(
    bounds_lonlat: tuple[float, float, float, float], project_to: Any | None, *, what: str
) -> CRS:
    """Choose the system to work in: as asked, or British National Grid inside its area of use.

    Raises
    ------
    CrsError
        CM-CRS-004 where `project_to` is not in true metres, CM-CRS-006 where the data lies outside Britain and
        nothing was asked for, or outside the area that `project_to` is meant for.
    """
    west, south, east, north = bounds_lonlat
    where = f"{what} reaches from {west:.2f}, {south:.2f} to {east:.2f}, {north:.2f} degrees"
    if project_to is None:
        inside = west >= _BRITAIN[0] and south >= _BRITAIN[1] and east <= _BRITAIN[2] and north <= _BRITAIN[3]
        if inside:
            return parse(BRITISH_NATIONAL_GRID)
        where += ", outside the area of use of EPSG:27700"
    else:
        require_metric(project_to, what="project_to=")
        system = parse(project_to)
        area = system.area_of_use
        if area is None or area.west > area.east or not _apart(bounds_lonlat, area.bounds):
            return system
        where += f", nowhere in the area of use of {system.name} ({area.name})"
    raise CrsError(
        "CM-CRS-006",
        where,
        why="distances need a projected metric system that is meant for the place",
        fix=f'read_{what}(…, project_to="EPSG:2154") in France, "EPSG:23700" in Hungary, "EPSG:3035" in Europe, or '
        "your national grid",
    )


def check_reach(what: str, lon: Any, lat: Any, crs: Any) -> None:
    """Refuse data that mostly lies where a projection is not meant for.

    Raises
    ------
    CrsError
        CM-CRS-005 where the data lies inside once latitude and longitude are swapped, else CM-CRS-008.
    """
    system = parse(crs)
    area = system.area_of_use
    lon, lat = (np.asarray(a, dtype=float) for a in (lon, lat))
    if area is None or area.west > area.east or not (np.isfinite(lon) & np.isfinite(lat)).any():
        return
    given, swapped = _share_inside(lon, lat, area.bounds), _share_inside(lat, lon, area.bounds)
    if given >= _HALF:
        return
    if swapped > _MOSTLY:
        raise CrsError(
            "CM-CRS-005",
            f"{what}: {swapped:.0%} of {plural(len(lon), 'coordinate')} would fall in the area of use of {system.name} "
            f"if latitude and longitude were swapped, {given:.0%} as given",
            why="swapped points land thousands of kilometres away without any sign of it",
            fix="swap the two columns: x is longitude, y is latitude",
        )
    raise CrsError(
        "CM-CRS-008",
        f"{what}: {1 - given:.0%} of {plural(len(lon), 'coordinate')} (longitude {_span(lon)}, latitude {_span(lat)}) "
        f"lie outside the area of use of {system.name} ({', '.join(f'{b:g}' for b in area.bounds)})",
        why="distances and areas are distorted there, or mean nothing",
        fix='project_to= a system that is meant for the place, for instance "EPSG:3035" for Europe',
    )


def to_lonlat(x: Any, y: Any, crs: Any) -> tuple[Any, Any]:
    """Turn coordinates of any system into longitude and latitude."""
    return transform(x, y, crs, WGS84)


def transform(x: Any, y: Any, source: Any, target: Any) -> tuple[Any, Any]:
    """Turn coordinates of one system into another, x (or longitude) first in both."""
    a, b = parse(source), parse(target)
    if a.equals(b, ignore_axis_order=True):
        return x, y
    return _way(a, b).transform(x, y)


@lru_cache(maxsize=32)
def _way(source: CRS, target: CRS) -> Transformer:
    """Look up how to get from one system to another once: PROJ searches its tables for tens of milliseconds."""
    return Transformer.from_crs(source, target, always_xy=True)


def in_britain(lon: Any, lat: Any) -> Any:
    """Tell which places lie in the area of use of EPSG:27700 (a boolean array)."""
    lon, lat = (np.asarray(a, dtype=float) for a in (lon, lat))
    west, south, east, north = _BRITAIN
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def deep_in_britain(box: Any, crs: Any) -> bool:
    """Tell whether a box lies well inside the area of use of EPSG:27700, by its outline: then so does all within.

    Parameters
    ----------
    box : sequence of float
        West, south, east and north in the units of `crs`.
    crs : any
        The system of the box.
    """
    west, south, east, north = (float(side) for side in box)
    share = np.linspace(0.0, 1.0, _STEPS)
    x, y = west + share * (east - west), south + share * (north - south)
    lon, lat = to_lonlat(
        np.concatenate((x, x, np.full(_STEPS, west), np.full(_STEPS, east))),
        np.concatenate((np.full(_STEPS, south), np.full(_STEPS, north), y, y)),
        crs,
    )
    deep = [side + _MARGIN * sign for side, sign in zip(_BRITAIN, (1, 1, -1, -1), strict=True)]
    return bool(((lon >= deep[0]) & (lat >= deep[1]) & (lon <= deep[2]) & (lat <= deep[3])).all())


def _guess(x: Any, y: Any) -> str:
    """Name the system that coordinates look like, beginning with its code; empty where nothing fits."""
    if _share_inside(x, y, _BRITAIN) > _MOSTLY:
        return "EPSG:4326 (longitude, latitude)"
    if _share_inside(y, x, _BRITAIN) > _MOSTLY:
        return "EPSG:4326 (with latitude and longitude swapped)"
    if _share_inside(x, y, _DEGREES) > _MOSTLY:
        return "EPSG:4326 (longitude, latitude)"
    if _share_inside(x, y, _BRITAIN_METRES) > _MOSTLY:
        return "EPSG:27700 (British National Grid)"
    return ""


def _is_world_cylinder(system: CRS) -> bool:
    operation, area = system.coordinate_operation, system.area_of_use
    wide = area is None or area.east - area.west > _WORLD_WIDE
    return wide and operation is not None and operation.method_name.startswith(_CYLINDERS)


def _apart(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] > b[2] or a[2] < b[0] or a[1] > b[3] or a[3] < b[1]


def _share_inside(x: Any, y: Any, box: tuple[float, float, float, float]) -> float:
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return 0.0
    inside = (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])
    return float(inside[good].mean())


def _span(values: Any) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.min():.6g}…{finite.max():.6g}" if len(finite) else "(none)"
