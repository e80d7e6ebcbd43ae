"""The shape of a set of areas: axis, bearing, width, gaps, and where it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.borders.subsets import elongation
from clustermap.detection.adjacency import components
from clustermap.randomness import stream

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Shape", "breaks", "shape_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GAP_COLUMNS = ("a", "b", "gap_km", "through")
_RESAMPLES = 999
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """How a set lies: lengths in km, bearings in degrees from north, clockwise, 0 to 180."""

    elongation: float
    bearing: float
    bearing_low: float
    bearing_high: float
    length_km: float
    width_km: float
    largest_gap_km: float
    along: Floats
    across: Floats
    axis: Any


def shape_of(x: Floats, y: Floats, w: Floats, *, seed: int) -> Shape:
    """Describe weighted points in metres.

    The bearing's interval is a percentile bootstrap over the points, on the half circle around the estimate.

    Examples
    --------
    >>> east = shape_of(np.array([0.0, 1e3, 2e3]), np.zeros(3), np.ones(3), seed=1)
    >>> east.elongation, east.bearing, east.length_km, east.largest_gap_km
    (1.0, 90.0, 2.0, 1.0)
    """
    from shapely import LineString

    weight = w / w.sum() if w.sum() > 0 else np.full(len(w), 1 / len(w))
    centre = np.array([(weight * x).sum(), (weight * y).sum()])
    dx, dy = x - centre[0], y - centre[1]
    bearing = float(_bearings(dx[None], dy[None], weight[None])[0])
    direction = np.array([np.sin(np.radians(bearing)), np.cos(np.radians(bearing))])
    along, across = dx * direction[0] + dy * direction[1], dx * direction[1] - dy * direction[0]
    low, high = _bearing_interval(x, y, weight, bearing, seed)
    ends = [tuple(centre + reach * direction) for reach in (along.min(), along.max())]
    steps = np.diff(np.sort(along))
    return Shape(
        elongation=float(elongation(x, y, weight, np.arange(len(x)))),
        bearing=bearing,
        bearing_low=low,
        bearing_high=high,
        length_km=float(np.ptp(along)) / 1000,
        width_km=float(np.sqrt((weight * across**2).sum())) / 1000,
        largest_gap_km=float(steps.max()) / 1000 if len(steps) else 0.0,
        along=along / 1000,
        across=across / 1000,
        axis=LineString(ends) if len(x) > 1 else None,
    )


def _bearings(x: Floats, y: Floats, w: Floats) -> Floats:
    """Bearing of the long axis of every row of weighted points."""
    total = w.sum(axis=1, keepdims=True)
    dx = x - (w * x).sum(axis=1, keepdims=True) / total
    dy = y - (w * y).sum(axis=1, keepdims=True) / total
    xx, yy, xy = (w * dx * dx).sum(axis=1), (w * dy * dy).sum(axis=1), (w * dx * dy).sum(axis=1)
    return np.asarray(np.degrees(0.5 * np.arctan2(2 * xy, yy - xx)) % 180.0)


def _bearing_interval(x: Floats, y: Floats, w: Floats, bearing: float, seed: int) -> tuple[float, float]:
    rng = stream(seed, "line-bearing")
    rows = rng.integers(0, len(x), size=(_RESAMPLES, len(x)))
    apart = (np.ptp(x[rows], axis=1) > 0) | (np.ptp(y[rows], axis=1) > 0)
    rows = rows[apart & (w[rows].sum(axis=1) > 0)]
    if len(rows) == 0:
        return np.nan, np.nan
    turned = (_bearings(x[rows], y[rows], w[rows]) - bearing + 90.0) % 180.0 - 90.0
    low, high = np.percentile(turned, _INTERVAL)
    return float((bearing + low) % 180.0), float((bearing + high) % 180.0)


def breaks(shapes: gpd.GeoSeries, members: Ints, indptr: Ints, indices: Ints) -> pd.DataFrame:
    """Return where a set is broken: nearest members of its parts, the gap, and the areas of a shortest way across.

    Parts are tied by their smallest distances (a minimum spanning tree), so k parts have k − 1 gaps.
    """
    import shapely

    parts = components(indptr, indices, members)
    geometry = shapes.to_numpy()
    joined, rows = [parts[0]], []
    rest = parts[1:]
    while rest:
        here = np.concatenate(joined)
        options = []
        for number, part in enumerate(rest):
            table = shapely.distance(geometry[here][:, None], geometry[part][None, :])
            i, j = np.unravel_index(int(table.argmin()), table.shape)
            options.append((float(table[i, j]), number, int(here[i]), int(part[j])))
        distance, number, a, b = min(options)
        way = _way(indptr, indices, here, rest[number])
        rows.append((shapes.index[a], shapes.index[b], distance / 1000, [shapes.index[i] for i in way]))
        joined.append(rest.pop(number))
    return pd.DataFrame(rows, columns=list(GAP_COLUMNS)).astype({"gap_km": "float64"})


def _way(indptr: Ints, indices: Ints, start: Ints, goal: Ints) -> list[int]:
    """Return the areas between two sets on a shortest way, lowest codes first among equals; empty if none."""
    goals = set(map(int, goal))
    came: dict[int, int] = dict.fromkeys(sorted(map(int, start)), -1)
    queue = list(came)
    for at in queue:
        for j in map(int, indices[indptr[at] : indptr[at + 1]]):
            if j in goals:
                way = [at]
                while came[way[-1]] >= 0:
                    way.append(came[way[-1]])
                return way[-2::-1]
            if j not in came:
                came[j] = at
                queue.append(j)
    return []
