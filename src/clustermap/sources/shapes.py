"""Polygons checked and repaired: only polygons, only two dimensions, only valid, and no area lost in secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from clustermap.errors import InputError, examples

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Repaired", "repair"]

MAX_CHANGE = 0.001


@dataclass(slots=True)
class Repaired:
    """Polygons, and one reason for every row ("accepted" where nothing was needed)."""

    geometry: np.ndarray
    reason: np.ndarray
    largest_change: float


def repair(geometry: np.ndarray, labels: Sequence[object]) -> Repaired:
    """Check and repair polygons; rows without any polygon are marked to be set aside.

    Parameters
    ----------
    geometry : numpy.ndarray of shapely geometries
        In one system, whichever: changes of area are relative.
    labels : sequence
        Codes, for messages.

    Raises
    ------
    InputError
        CM-AREAS-004: a repair would change an area by more than 0.1 % (a bow-tie has no area to keep).
    """
    n = len(geometry)
    reason = np.full(n, "accepted", dtype=object)
    out = np.array(geometry, dtype=object)
    missing = shapely.is_missing(out) | shapely.is_empty(out)
    reason[missing] = "empty geometry"
    reason[~missing & ~_finite(out)] = "coordinates not finite"
    flat = (reason == "accepted") & shapely.has_z(out)
    out[flat] = shapely.force_2d(out[flat])
    reason[flat] = "third dimension dropped"
    kinds = shapely.get_type_id(out)
    polygonal = (kinds == shapely.GeometryType.POLYGON) | (kinds == shapely.GeometryType.MULTIPOLYGON)
    mixed = np.isin(reason, ("accepted", "third dimension dropped")) & ~polygonal
    for i in np.flatnonzero(mixed):
        out[i] = _polygons(out[i])
        reason[i] = "only its polygons kept" if not out[i].is_empty else "no polygon"
    usable = ~np.isin(reason, ("empty geometry", "coordinates not finite", "no polygon"))
    change = 0.0
    invalid = np.flatnonzero(usable & ~shapely.is_valid(out))
    if len(invalid):
        change = _mend(out, reason, invalid, labels)
    return Repaired(out, reason, change)


def _mend(out: np.ndarray, reason: np.ndarray, rows: np.ndarray, labels: Sequence[object]) -> float:
    broken = out[rows].copy()
    why = shapely.is_valid_reason(broken)
    before = shapely.area(broken)
    mended = np.array([_polygons(g) for g in shapely.make_valid(broken, method="structure")], dtype=object)
    after = shapely.area(mended)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(after > 0, np.abs(after - before) / after, np.inf)
    gone = after == 0
    torn = (change > MAX_CHANGE) & ~gone
    if torn.any():
        at = rows[torn]
        told = "; ".join(
            f"{labels[i]}: {why[k]}, area {before[k]:.6g} would become {after[k]:.6g}"
            for i, k in zip(at[:5], np.flatnonzero(torn)[:5], strict=True)
        )
        raise InputError(
            "CM-AREAS-004",
            f"{len(at)} of {len(out)} polygons cross themselves: {examples((int(i), labels[i]) for i in at)} ({told})",
            why="a repair would change their area by more than 0.1 %, and what was meant cannot be known",
            fix="mend the outline in its source, or accept the repair: frame.set_geometry(frame.make_valid())",
        )
    out[rows] = mended
    reason[rows] = np.where(gone, "no polygon", "invalid outline repaired")
    return float(change[~gone].max(initial=0.0))


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
