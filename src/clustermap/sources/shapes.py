"""Polygons checked and repaired: only polygons, only two dimensions, only valid, and no area lost in secret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import shapely

from clustermap.compiled import workers
from clustermap.errors import MAX_EXAMPLES, InputError, examples, part_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MENDED", "mend", "sift"]

MAX_CHANGE = 0.001
MENDED = "invalid outline repaired"
_LOST = ("empty geometry", "coordinates not finite", "no polygon")
_WORTH_THREADS = 2_000  # polygons; below that, starting threads takes longer


def sift(geometry: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep polygons in two dimensions.

    Parameters
    ----------
    geometry : numpy.ndarray of shapely geometries
        Anything, missing ones too.

    Returns
    -------
    geometry, reason, valid : numpy.ndarray
        The polygons, one reason for every row: "accepted", what was dropped, or why nothing is left; and which of
        them are known to be valid as they are.
    """
    out = np.array(geometry, dtype=object)
    reason = np.full(len(out), "accepted", dtype=object)
    missing = shapely.is_missing(out) | shapely.is_empty(out)
    kinds = shapely.get_type_id(out)
    polygonal = (kinds == shapely.GeometryType.POLYGON) | (kinds == shapely.GeometryType.MULTIPOLYGON)
    valid = polygonal & ~missing
    valid[valid] = _valid(out[valid])
    doubtful = np.flatnonzero(~missing & ~valid)  # a valid polygon has finite coordinates
    lost = missing.copy()
    lost[doubtful] = ~_finite(out[doubtful])
    reason[lost] = "coordinates not finite"
    reason[missing] = "empty geometry"
    flat = ~lost & shapely.has_z(out)
    out[flat] = shapely.force_2d(out[flat])
    reason[flat] = "third dimension dropped"
    for i in np.flatnonzero(~lost & ~polygonal):
        out[i] = _polygons(out[i])
        reason[i] = "only its polygons kept" if not out[i].is_empty else "no polygon"
    return out, reason, valid


def mend(
    geometry: np.ndarray, labels: Sequence[object], *, valid: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Repair outlines that touch or cross themselves, by the "structure" method of GEOS.

    Parameters
    ----------
    geometry : numpy.ndarray of polygons
        On a plane, so that areas mean something.
    labels : sequence
        Codes, for messages.
    valid : numpy.ndarray of bool, optional
        Polygons that are known to be valid; all are looked at where absent.

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
    rows = np.arange(len(out)) if valid is None else np.flatnonzero(~valid)
    rows = rows[~_valid(out[rows])]
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
            f"{part_of(len(torn), len(out), 'polygon', 'crosses itself', 'cross themselves')}: "
            f"{examples((int(rows[k]), labels[rows[k]]) for k in torn)} ({told})",
            why="a repair would change their area by more than 0.1 %, and what was meant cannot be known",
            fix="mend the outline in its source, or accept the repair: frame.set_geometry(frame.make_valid())",
        )
    out[rows] = mended
    reason[rows] = np.where(gone, "no polygon", MENDED)
    return out, reason, float(change[~gone].max(initial=0.0))


def _valid(geometry: np.ndarray) -> np.ndarray:
    """Ask GEOS, in threads where it pays."""
    if len(geometry) < _WORTH_THREADS or workers() == 1:
        return np.asarray(shapely.is_valid(geometry))
    with ThreadPoolExecutor(workers()) as pool:
        return np.concatenate(list(pool.map(shapely.is_valid, np.array_split(geometry, workers()))))


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
