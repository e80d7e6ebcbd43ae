"""Polygons checked and repaired: only polygons, only two dimensions, only valid, and no area lost in secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from clustermap.errors import MAX_EXAMPLES, InputError, examples

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MENDED", "mend", "sift"]

MAX_CHANGE = 0.001
MENDED = "invalid outline repaired"
_LOST = ("empty geometry", "coordinates not finite", "no polygon")


def sift(geometry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep polygons in two dimensions.

    Parameters
    ----------
    geometry : numpy.ndarray of shapely geometries
        Anything, missing ones too.

    Returns
    -------
    geometry, reason : numpy.ndarray
        The polygons, and one reason for every row: "accepted", what was dropped, or why nothing is left.
    """
    out = np.array(geometry, dtype=object)
    reason = np.full(len(out), "accepted", dtype=object)
    missing = shapely.is_missing(out) | shapely.is_empty(out)
    reason[missing] = "empty geometry"
    reason[~missing & ~_finite(out)] = "coordinates not finite"
    flat = (reason == "accepted") & shapely.has_z(out)
    out[flat] = shapely.force_2d(out[flat])
    reason[flat] = "third dimension dropped"
    kinds = shapely.get_type_id(out)
    polygonal = (kinds == shapely.GeometryType.POLYGON) | (kinds == shapely.GeometryType.MULTIPOLYGON)
    for i in np.flatnonzero(~np.isin(reason, _LOST) & ~polygonal):
        out[i] = _polygons(out[i])
        reason[i] = "only its polygons kept" if not out[i].is_empty else "no polygon"
    return out, reason


def mend(geometry: np.ndarray, labels: Sequence[object]) -> tuple[np.ndarray, np.ndarray, float]:
    """Repair outlines that touch or cross themselves, by the "structure" method of GEOS.

    Parameters
    ----------
    geometry : numpy.ndarray of polygons
        On a plane, so that areas mean something.
    labels : sequence
        Codes, for messages.

    Returns
    -------
    geometry, reason, change
        Valid polygons; "accepted", "invalid outline repaired" or "no polygon"; the largest relative change.

    Raises
    ------
    InputError
        CM-AREAS-004: a repair would change an area by more than 0.1 % (a bow-tie has no area to keep).
    """
    out = np.array(geometry, dtype=object)
    reason = np.full(len(out), "accepted", dtype=object)
    rows = np.flatnonzero(~shapely.is_valid(out))
    if not len(rows):
        return out, reason, 0.0
    broken = out[rows]
    before = shapely.area(broken)
    mended = np.array([_polygons(g) for g in shapely.make_valid(broken, method="structure")], dtype=object)
    after = shapely.area(mended)
    gone = after == 0
    change = np.abs(after - before) / np.where(gone, 1.0, after)
    torn = np.flatnonzero((change > MAX_CHANGE) & ~gone)
    if len(torn):
        told = "; ".join(
            f"{labels[rows[k]]}: {shapely.is_valid_reason(broken[k])}, area {before[k]:.6g} would become {after[k]:.6g}"
            for k in torn[:MAX_EXAMPLES]
        )
        raise InputError(
            "CM-AREAS-004",
            f"{len(torn)} of {len(out)} polygons cross themselves: "
            f"{examples((int(rows[k]), labels[rows[k]]) for k in torn)} ({told})",
            why="a repair would change their area by more than 0.1 %, and what was meant cannot be known",
            fix="mend the outline in its source, or accept the repair: frame.set_geometry(frame.make_valid())",
        )
    out[rows] = mended
    reason[rows] = np.where(gone, "no polygon", MENDED)
    return out, reason, float(change[~gone].max(initial=0.0))


def _finite(geometry: np.ndarray) -> np.ndarray:
    coordinates, index = shapely.get_coordinates(geometry, return_index=True)
    good = np.ones(len(geometry), dtype=bool)
    good[index[~np.isfinite(coordinates).all(axis=1)]] = False
    return good


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """Keep the polygons of any geometry, as one."""
    parts = shapely.get_parts(shapely.get_parts([shape]))
    areal = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    areal = areal[shapely.area(areal) > 0]
    if len(areal) == 1:
        return areal[0]
    return shapely.multipolygons(areal) if len(areal) else shapely.Polygon()
