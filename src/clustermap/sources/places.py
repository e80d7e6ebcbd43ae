"""Where each row is: from geometry, x/y with a system, latitude and longitude, or a postcode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from clustermap import crs as projections
from clustermap.errors import CrsError, InputError, plural
from clustermap.sources.cells import numbers, text

if TYPE_CHECKING:
    from clustermap.sources.columns import Matched
    from clustermap.sources.postcodes import Postcodes

__all__ = ["OUTSIDE", "Places", "agreed_crs", "find_places"]

NO_PLACE = "no coordinates"
OUTSIDE = "outside the area of use of EPSG:27700"
_FEW = 0.01


@dataclass(slots=True)
class Places:
    """Places of rows: coordinates in the working system, how each was found, why one was not."""

    x: np.ndarray
    y: np.ndarray
    crs: Any
    quality: np.ndarray
    reason: np.ndarray
    notes: list[str]


@dataclass(slots=True)
class _Raw:
    x: np.ndarray
    y: np.ndarray
    crs: Any
    quality: str
    mended: np.ndarray


def find_places(
    frame: pd.DataFrame,
    matched: Matched,
    *,
    crs: Any,
    project_to: Any,
    postcodes: Postcodes | None,
) -> Places:
    """Locate every row, in the working system.

    Raises
    ------
    CrsError
        No system, metres labelled as degrees, swapped axes, or data outside Britain without `project_to`.
    InputError
        CM-FIRMS-001: nothing among the columns says where a row is.
    """
    raw = _raw(frame, matched, crs)
    postcode = matched.get("postcode")
    if raw is None and (postcode is None or postcodes is None):
        raise _no_location(frame, postcode)
    n = len(frame)
    lon, lat = np.full(n, np.nan), np.full(n, np.nan)
    quality, reason = np.full(n, "", dtype=object), np.full(n, NO_PLACE, dtype=object)
    placed = np.zeros(n, dtype=bool)
    notes: list[str] = []
    if raw is not None:
        projections.check_coordinates("firms", raw.x, raw.y, raw.crs)
        placed = np.isfinite(raw.x) & np.isfinite(raw.y) & ~((raw.x == 0) & (raw.y == 0))
        lon[placed], lat[placed] = projections.to_lonlat(raw.x[placed], raw.y[placed], raw.crs)
        quality[placed] = raw.quality
        quality[placed & raw.mended] = f"{raw.quality}, repaired"
    by_postcode = ~placed
    if postcode is not None and by_postcode.any():
        if postcodes is None:
            there = (text(frame[postcode]) != "").to_numpy() & by_postcode
            reason[there] = "no coordinates, but a postcode: pass postcodes="
            by_postcode[:] = False
        else:
            hit = postcodes.match(frame[postcode].to_numpy(dtype=object)[by_postcode])
            lon[by_postcode], lat[by_postcode] = hit["lon"], hit["lat"]
            quality[by_postcode], reason[by_postcode] = hit["quality"], hit["reason"]
            notes += postcodes.notes
    found = Places(x=lon, y=lat, crs=projections.WGS84, quality=quality, reason=reason, notes=notes)
    return _project(found, raw, placed, project_to)


def _project(found: Places, raw: _Raw | None, placed: np.ndarray, project_to: Any) -> Places:
    """Bring places in degrees to the working system; given coordinates go there directly."""
    lon, lat, quality, reason, notes = found.x, found.y, found.quality, found.reason, found.notes
    good = np.isfinite(lon) & np.isfinite(lat)
    if not good.any():
        kinds = pd.Series(reason).value_counts()
        raise InputError(
            "CM-FIRMS-003",
            f"none of {plural(len(lon), 'row')} has a place ({', '.join(f'{n:,} {why}' for why, n in kinds.items())})",
            why="nothing can be mapped or counted",
            fix='columns={"lat": "…", "lon": "…"}, or postcodes=read_postcodes("directory.csv")',
        )
    if project_to is None:
        inside = projections.in_britain(lon, lat) & good
        stray = good & ~inside
        if stray.any() and stray.sum() <= _FEW * good.sum():
            good, reason[stray], quality[stray] = inside, OUTSIDE, ""
    bounds = (lon[good].min(), lat[good].min(), lon[good].max(), lat[good].max())
    if project_to is not None:
        projections.check_reach("firms", lon[good], lat[good], project_to)
    working = projections.working_crs(bounds, project_to, what="firms")
    x, y = np.full(len(lon), np.nan), np.full(len(lon), np.nan)
    here = good & ~placed
    if here.any():
        x[here], y[here] = projections.transform(lon[here], lat[here], projections.WGS84, working)
    here = good & placed
    if raw is not None and here.any():
        x[here], y[here] = projections.transform(raw.x[here], raw.y[here], raw.crs, working)
        if not projections.same(raw.crs, working):
            names = (projections.parse(raw.crs).name, projections.parse(working).name)
            notes.append(f"Coordinates were projected from {names[0]} to {names[1]}.")
    lost = good & ~(np.isfinite(x) & np.isfinite(y))
    reason[lost], quality[lost] = "outside the reach of the projection", ""
    reason[good & ~lost] = ""
    x[lost], y[lost] = np.nan, np.nan
    return Places(x=x, y=y, crs=working, quality=quality, reason=reason, notes=notes)


def agreed_crs(found: Any, given: Any, what: str) -> Any:
    """Settle on the system of the data, or refuse where the data and `crs=` disagree.

    Raises
    ------
    CrsError
        CM-CRS-007: they disagree.
    """
    if found is not None and given is not None and not projections.same(found, given):
        raise CrsError(
            "CM-CRS-007",
            f"{what}: the data says {projections.parse(found).name}, crs= says {projections.parse(given).name}",
            why="one of them puts every place elsewhere",
            fix="leave crs= out, or correct the data with frame.set_crs(…, allow_override=True)",
        )
    return found if found is not None else given


def _raw(frame: pd.DataFrame, matched: Matched, crs: Any) -> _Raw | None:
    if isinstance(frame, gpd.GeoDataFrame) and frame._geometry_column_name in frame.columns:  # noqa: SLF001 - the only way to ask without an exception
        return _from_geometry(frame, crs)
    degrees = bool(matched.get("lat") and matched.get("lon"))
    metres = bool(matched.get("x") and matched.get("y"))
    if metres and (crs is not None or not degrees) and not (degrees and projections.parse(crs).is_geographic):
        x, y, mended = _pair(frame, str(matched.get("x")), str(matched.get("y")))
        if crs is None:
            raise projections.missing_crs("firms", x, y)
        return _Raw(x, y, crs, "coordinates", mended)
    if degrees:
        lon, lat, mended = _pair(frame, str(matched.get("lon")), str(matched.get("lat")))
        if crs is not None and not projections.parse(crs).is_geographic:
            raise CrsError(
                "CM-CRS-007",
                f"columns {matched.get('lat')!r} and {matched.get('lon')!r} are degrees, crs= says "
                f"{projections.parse(crs).name}",
                fix='crs="EPSG:4326", or columns={"x": "…", "y": "…"} for the columns in metres',
            )
        return _Raw(lon, lat, crs or projections.WGS84, "coordinates", mended)
    return None


def _pair(frame: pd.DataFrame, first: str, second: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, flags_x = numbers(frame[first])
    y, flags_y = numbers(frame[second])
    return x, y, flags_x["separators removed"] | flags_y["separators removed"]


def _from_geometry(frame: gpd.GeoDataFrame, crs: Any) -> _Raw:
    geometry = frame.geometry.to_numpy()
    kinds = shapely.get_type_id(geometry)
    empty = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    shaped = ~empty & (kinds != shapely.GeometryType.POINT)
    geometry = geometry.copy()
    geometry[empty] = None  # an empty point cannot be asked where it is
    geometry[shaped] = shapely.point_on_surface(geometry[shaped])
    x, y = shapely.get_x(geometry), shapely.get_y(geometry)
    settled = agreed_crs(frame.crs, crs, "firms")
    if settled is None:
        raise projections.missing_crs("firms", x, y)
    return _Raw(x, y, settled, "geometry", shaped)


def _no_location(frame: pd.DataFrame, postcode: str | None) -> InputError:
    names = ", ".join(map(str, frame.columns[:20]))
    if postcode is not None:
        return InputError(
            "CM-FIRMS-001",
            f"the rows have postcodes ({postcode!r}) and no coordinates",
            why="a postcode is a place only with a directory of postcodes",
            fix='postcodes=read_postcodes("ONSPD.csv"), or a table of outward codes as a coarse fallback',
        )
    return InputError(
        "CM-FIRMS-001",
        f"no column says where a firm is; columns are {names}",
        why="nothing can be mapped or counted",
        fix='columns={"lat": "…", "lon": "…"}, or columns={"x": "…", "y": "…"} with crs=, or columns={"postcode": "…"}',
    )
