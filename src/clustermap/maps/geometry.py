"""Drawing geometry: simplified together, in longitude and latitude, packed small."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from clustermap import crs as projections

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

__all__ = [
    "Shapes",
    "bounds",
    "decode",
    "encode",
    "pack",
    "pack_points",
    "simplify",
    "union",
]

DEGREES = 100_000  # five decimals: about a metre
VERTICES = 40_000  # what one layer may carry before it is simplified
_FINEST = 4_000  # the first tolerance is the extent divided by this
_STEPS = 6  # and doubled at most this often less one
_BAND = 0.02  # degrees of latitude: firms are packed in bands, west to east
_LOW_BITS, _CONTINUE = 0x7F, 0x80

Shapes = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rings:
    sizes: list[list[int]]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


def simplify(shapes: Iterable[Any], *, vertices: int = VERTICES) -> npt.NDArray[Any]:
    """Take vertices away until a layer is small enough, keeping shared borders shared where there are any."""
    out = np.asarray(list(shapes), dtype=object)
    count = int(shapely.get_num_coordinates(out).sum())
    if count <= vertices:
        return out
    west, south, east, north = shapely.total_bounds(out)
    extent = max(east - west, north - south)
    thin = shapely.coverage_simplify if shapely.coverage_is_valid(out) else shapely.simplify
    for step in range(_STEPS):  # then what is left are the corners of many small areas
        small = np.asarray(thin(out, extent / _FINEST * 2**step), dtype=object)
        if shapely.get_num_coordinates(small).sum() <= vertices:
            break
    return small


def union(shapes: Sequence[Any]) -> Any:
    """Dissolve areas into one shape."""
    return shapely.union_all(np.asarray(shapes, dtype=object))


def bounds(shapes: Iterable[Any], crs: Any) -> list[list[float]]:
    """Return ``[[south, west], [north, east]]`` of shapes in any system."""
    west, south, east, north = shapely.total_bounds(np.asarray(list(shapes), dtype=object))
    x, y = projections.to_lonlat([west, west, east, east], [south, north, south, north], crs)
    return [[_rounded(min(y)), _rounded(min(x))], [_rounded(max(y)), _rounded(max(x))]]


def pack(shapes: Iterable[Any], crs: Any) -> Shapes:
    """Pack polygons or lines: the length of every ring of every shape, and all coordinates as text.

    Parameters
    ----------
    shapes : iterable of shapely geometry
        Polygons, lines, or collections of them; empty and missing ones have no ring.
    crs : Any
        Their system.
    """
    rings = _rings(list(shapes))
    lon, lat = _integers(rings.x, rings.y, crs)
    return {"sizes": rings.sizes, "data": encode(np.column_stack([_steps(lon), _steps(lat)]).ravel())}


def pack_points(x: npt.ArrayLike, y: npt.ArrayLike, crs: Any) -> tuple[str, npt.NDArray[np.int64]]:
    """Pack points, ordered by place and not by row; returns the text and the order taken."""
    lon, lat = _integers(np.asarray(x, dtype=float), np.asarray(y, dtype=float), crs)
    order = np.lexsort((lat, lon, lat // int(_BAND * DEGREES)))
    lon, lat = lon[order], lat[order]
    return encode(np.column_stack([_steps(lon), _steps(lat)]).ravel()), order


def pack_flags(flags: npt.ArrayLike) -> str:
    """Write yes and no as bits in base64, eight to a byte, the first one highest.

    Examples
    --------
    >>> pack_flags([True, False, False, False, False, False, False, True, True])
    'gYA='
    """
    return base64.b64encode(np.packbits(np.asarray(flags, dtype=bool)).tobytes()).decode("ascii")


def encode(values: npt.ArrayLike) -> str:
    """Write whole numbers as zigzag variable-length bytes in base64.

    Examples
    --------
    >>> decode(encode([0, -1, 300, -70_000])).tolist()
    [0, -1, 300, -70000]
    """
    number = np.asarray(values, dtype=np.int64)
    rest = ((number << 1) ^ (number >> 63)).astype(np.uint64)
    length = np.ones(len(rest), dtype=np.int64)
    for bits in range(7, 64, 7):
        length += rest >= np.uint64(1 << bits)
    ends = np.cumsum(length)
    out = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    start = ends - length
    for place in range(int(length.max(initial=0))):
        here = length > place
        more = np.where(length[here] > place + 1, _CONTINUE, 0).astype(np.uint8)
        out[start[here] + place] = (rest[here] & np.uint64(_LOW_BITS)).astype(np.uint8) | more
        rest = rest >> np.uint64(7)
    return base64.b64encode(out.tobytes()).decode("ascii")


def decode(text: str) -> npt.NDArray[np.int64]:
    """Read back what :func:`encode` wrote; the page does the same in its script."""
    out, value, shift = [], 0, 0
    for byte in base64.b64decode(text):
        value |= (byte & _LOW_BITS) << shift
        shift += 7
        if not byte & _CONTINUE:
            out.append((value >> 1) ^ -(value & 1))
            value, shift = 0, 0
    return np.asarray(out, dtype=np.int64)


def _rings(shapes: list[Any]) -> _Rings:
    sizes: list[list[int]] = []
    parts: list[npt.NDArray[np.float64]] = []
    for shape in shapes:
        own = [] if shape is None else [np.asarray(r.coords)[:, :2] for r in _lines(shape)]
        parts += own
        sizes.append([len(ring) for ring in own])
    both = np.concatenate(parts) if parts else np.empty((0, 2))
    return _Rings(sizes=sizes, x=both[:, 0], y=both[:, 1])


def _lines(shape: Any) -> Iterable[Any]:
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            if not part.is_empty:
                yield part.exterior
                yield from part.interiors
        elif part.geom_type in {"LineString", "LinearRing"} and not part.is_empty:
            yield part
        elif hasattr(part, "geoms"):
            yield from _lines(part)


def _integers(x: Any, y: Any, crs: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    lon, lat = projections.to_lonlat(x, y, crs)
    return tuple(np.rint(np.asarray(a) * DEGREES).astype(np.int64) for a in (lon, lat))


def _steps(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.diff(values, prepend=np.int64(0))


def _rounded(value: float) -> float:
    return round(float(value), 5)
