"""Postcodes to coordinates: directories old and new, a coarse fallback by outward code, typing errors mended.

Known columns, in any case: the postcode (``pcds, pcd, pcd2, pcd7, pcd8, postcode``), ``lat`` and ``long``
or ``lon``, or else ``oseast1m/osnrth1m`` (``east1m/north1m``, ``eastings/northings``), ``doterm`` (empty =
live), ``osgrdind`` (``gridind``; 8 = from before the grid links, 9 = no grid reference). A latitude of
99.999999 means that there is no grid reference. Grid references of Northern Ireland (BT) are on the Irish
grid and are converted from it. A table of outward codes (``outcode, lat, lon``) serves as a coarse fallback.
"""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clustermap import crs as projections
from clustermap.errors import InputError, as_lines, plural
from clustermap.sources.cells import numbers, text
from clustermap.sources.columns import key
from clustermap.sources.files import open_source
from clustermap.sources.texts import read_text_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Postcodes", "read_postcodes"]

_NAMES = {
    "postcode": ("pcds", "pcd8", "pcd7", "pcd2", "pcd", "postcode"),
    "outward": ("outcode", "outward", "outwardcode", "postcodedistrict"),
    "lat": ("lat", "latitude"),
    "lon": ("long", "lon", "lng", "longitude"),
    "x": ("oseast1m", "east1m", "eastings", "easting", "x"),
    "y": ("osnrth1m", "north1m", "northings", "northing", "y"),
    "quality": ("osgrdind", "gridind"),
    "terminated": ("doterm",),
}
_NO_GRID_LATITUDE = 99.9
_NO_GRID_QUALITY = 9
_PRE_GRIDLINK_QUALITY = 8
_IRISH_GRID = "EPSG:29901"
_WIDTH = 7
_INWARD = 3
_BASE = 37
_ALPHABET = np.zeros(256, dtype=np.int64)
for _i, _c in enumerate(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
    _ALPHABET[_c] = _i + 1
_FORM = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?|NPT)\d[A-Z]{2}")
_OUTWARD_FORM = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?|NPT")
_SWAPS = {"O": "O0", "0": "0O", "I": "I1", "1": "1I", "L": "L1"}
_ISLANDS = ("JE", "GY", "IM")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Postcodes:
    """Coordinates by postcode, in longitude and latitude (EPSG:4326).

    Attributes
    ----------
    keys, lon, lat : numpy.ndarray
        Packed postcodes in order, and where they are.
    terminated, coarse : numpy.ndarray of bool
        No longer in use; located only roughly (quality 8).
    without_grid : numpy.ndarray
        Packed postcodes that have no grid reference.
    outward_keys, outward_lon, outward_lat : numpy.ndarray
        The coarse fallback: centroids of outward codes.
    source : str
        The file.
    notes : tuple of str
        What a reader must know.
    """

    keys: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    terminated: np.ndarray
    coarse: np.ndarray
    without_grid: np.ndarray
    outward_keys: np.ndarray
    outward_lon: np.ndarray
    outward_lat: np.ndarray
    source: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def match(self, postcodes: Any) -> pd.DataFrame:
        """Find the place of every postcode.

        Parameters
        ----------
        postcodes : array-like of str
            As typed: case, blanks and the confusions O/0 and I/1 do not matter.

        Returns
        -------
        pandas.DataFrame
            ``lon, lat`` (NaN where not found), ``quality`` ("postcode", "postcode, repaired", "postcode,
            terminated", "postcode, coarse", "outward code" or "") and ``reason`` (why it was not found).
        """
        codes, unique = pd.factorize(text(pd.Series(postcodes, dtype=object)).to_numpy(dtype=object))
        canonical = _canonical(unique)
        found = self._match_unique(canonical)
        return found.take(codes).reset_index(drop=True)

    def _match_unique(self, canonical: np.ndarray) -> pd.DataFrame:
        n = len(canonical)
        lon, lat = np.full(n, np.nan), np.full(n, np.nan)
        quality, reason = np.full(n, "", dtype=object), np.full(n, "", dtype=object)
        place = _find(self.keys, _pack(canonical))
        repaired = np.zeros(n, dtype=bool)
        for i in np.flatnonzero(place < 0):
            place[i] = self._repair(str(canonical[i]))
            repaired[i] = place[i] >= 0
        hit = place >= 0
        at = place[hit]
        lon[hit], lat[hit] = self.lon[at], self.lat[at]
        quality[hit] = np.select(
            [self.terminated[at], self.coarse[at], repaired[hit]],
            ["postcode, terminated", "postcode, coarse", "postcode, repaired"],
            "postcode",
        )
        rest = np.flatnonzero(~hit)
        if len(rest):
            lost = canonical[rest]
            reason[rest] = self._reasons(lost)
            outward = _find(
                self.outward_keys, _pack(np.array([_outward(str(c)) for c in lost], dtype=object))
            )
            fallback = (outward >= 0) & (reason[rest] != "postcode without a grid reference")
            lon[rest[fallback]] = self.outward_lon[outward[fallback]]
            lat[rest[fallback]] = self.outward_lat[outward[fallback]]
            quality[rest[fallback]] = "outward code"
            reason[rest[fallback]] = ""
        return pd.DataFrame({"lon": lon, "lat": lat, "quality": quality, "reason": reason})

    def _reasons(self, lost: np.ndarray) -> np.ndarray:
        without = _find(self.without_grid, _pack(lost)) >= 0
        reasons = [
            "no postcode"
            if not code
            else "postcode without a grid reference"
            if no_grid
            else "postcode of the Channel Islands or the Isle of Man"
            if code.startswith(_ISLANDS) and _FORM.fullmatch(code)
            else "postcode not in the directory"
            if _FORM.fullmatch(code)
            else "not a postcode"
            for code, no_grid in zip(map(str, lost), without, strict=True)
        ]
        return np.array(reasons, dtype=object)

    def _repair(self, code: str) -> int:
        """Try O/0 and I/1 both ways; taken only where exactly one reading is a known postcode."""
        if not _INWARD < len(code) <= _WIDTH or not set(code) & set(_SWAPS):
            return -1
        readings = ["".join(r) for r in itertools.product(*(_SWAPS.get(c, c) for c in code))]
        readings = [r for r in readings if r != code and _FORM.fullmatch(r)]
        places = _find(self.keys, _pack(np.array(readings, dtype=object))) if readings else np.array([], int)
        known = places[places >= 0]
        return int(known[0]) if len(known) == 1 else -1

    def summary(self) -> str:
        """Say in plain sentences what the directory holds."""
        text_ = (
            f"{plural(len(self), 'postcode')} ({int(self.terminated.sum()):,} terminated) and "
            f"{plural(len(self.outward_keys), 'outward code')} from {self.source}."
        )
        return as_lines([text_, *self.notes])

    def __repr__(self) -> str:
        return f"<Postcodes: {plural(len(self), 'unit')}, {plural(len(self.outward_keys), 'outward code')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def read_postcodes(source: str | Path | pd.DataFrame | Postcodes) -> Postcodes:
    """Read a directory of postcodes.

    Parameters
    ----------
    source : path or DataFrame
        ONS Postcode Directory or National Statistics Postcode Lookup (old and new column names), a simple
        table ``postcode, lat, lon``, or a table of outward codes ``outcode, lat, lon``; CSV, zip or Parquet.

    Returns
    -------
    Postcodes

    Raises
    ------
    InputError
        CM-POSTCODE-001: no postcode, or no coordinates, among the columns.

    Examples
    --------
    >>> table = pd.DataFrame({"pcds": ["OX1 1AA"], "lat": [51.75], "long": [-1.26]})
    >>> read_postcodes(table).match(["ox11aa"])["quality"].tolist()
    ['postcode']
    """
    if isinstance(source, Postcodes):
        return source
    frame, name = _load(source)
    columns = {
        field: next((c for want in names for c in frame.columns if key(c) == want), None)
        for field, names in _NAMES.items()
    }
    code = columns["postcode"] or columns["outward"]
    located = (columns["lat"] and columns["lon"]) or (columns["x"] and columns["y"])
    if code is None or not located:
        raise InputError(
            "CM-POSTCODE-001",
            f"{name}: no {'postcode' if code is None else 'coordinate'} column among "
            f"{', '.join(map(str, frame.columns[:12]))}",
            fix="rename the columns to postcode, lat, lon (or outcode, lat, lon)",
        )
    canonical = _canonical(text(frame[code]).to_numpy(dtype=object))
    lon, lat, notes = _coordinates(frame, columns, canonical)
    if columns["postcode"] is None:
        return _outward_only(canonical, lon, lat, name, notes)
    return _units(frame, columns, (canonical, lon, lat), name=name, notes=notes)


def _load(source: Any) -> tuple[pd.DataFrame, str]:
    wanted = {name for names in _NAMES.values() for name in names}
    if isinstance(source, pd.DataFrame):
        return source[[c for c in source.columns if key(c) in wanted]], "the given frame"
    opened = open_source(source)
    if opened.kind == "parquet":
        stream: Any = pa.BufferReader(opened.content) if opened.content is not None else str(opened.path)
        names = [c for c in pq.read_schema(stream).names if key(c) in wanted]
        stream = pa.BufferReader(opened.content) if opened.content is not None else str(opened.path)
        return pq.read_table(stream, columns=names).to_pandas(), opened.name
    if opened.kind == "table":
        frame, _ = read_text_table(opened, wanted=lambda c: key(c) in wanted)
        return frame, opened.name
    raise InputError(
        "CM-POSTCODE-001", f"{opened.name} is no table of postcodes", fix="a CSV, zip or Parquet table"
    )


def _coordinates(
    frame: pd.DataFrame, columns: dict[str, Any], canonical: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    notes: list[str] = []
    northern = np.char.startswith(canonical.astype(str), "BT")
    if northern.any():
        notes.append(
            f"{plural(int(northern.sum()), 'postcode')} of Northern Ireland (BT): licence terms of their own."
        )
    if columns["lat"] and columns["lon"]:
        lat, lon = numbers(frame[columns["lat"]])[0], numbers(frame[columns["lon"]])[0]
        return (
            np.where(lat < _NO_GRID_LATITUDE, lon, np.nan),
            np.where(lat < _NO_GRID_LATITUDE, lat, np.nan),
            notes,
        )
    x, y = numbers(frame[columns["x"]])[0], numbers(frame[columns["y"]])[0]
    empty = ~(np.isfinite(x) & np.isfinite(y)) | ((x == 0) & (y == 0))
    lon, lat = np.full(len(x), np.nan), np.full(len(x), np.nan)
    for grid, here in (
        (projections.BRITISH_NATIONAL_GRID, ~northern & ~empty),
        (_IRISH_GRID, northern & ~empty),
    ):
        if here.any():
            lon[here], lat[here] = projections.to_lonlat(x[here], y[here], grid)
    if northern.any():
        notes.append(f"Their grid references are on the Irish grid and were converted from {_IRISH_GRID}.")
    return lon, lat, notes


def _units(
    frame: pd.DataFrame,
    columns: dict[str, Any],
    places: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    name: str,
    notes: list[str],
) -> Postcodes:
    canonical, lon, lat = places
    packed = _pack(canonical)
    n = len(packed)
    quality = numbers(frame[columns["quality"]])[0] if columns["quality"] else np.full(n, np.nan)
    ended = (
        (text(frame[columns["terminated"]]) != "").to_numpy() if columns["terminated"] else np.zeros(n, bool)
    )
    if not columns["terminated"]:
        notes.append("The directory does not mark terminated postcodes.")
    placed = np.isfinite(lon) & np.isfinite(lat) & (quality != _NO_GRID_QUALITY) & (packed >= 0)
    lost = int((~placed).sum())
    if lost:
        notes.append(
            f"{plural(lost, 'postcode has', 'postcodes have')} no grid reference (latitude 99.999999 or quality 9)."
        )
    order = np.lexsort((ended, packed))
    order = order[placed[order]]
    order = order[np.r_[True, np.diff(packed[order]) != 0]] if len(order) else order  # live before terminated
    outward_keys, outward_lon, outward_lat = _centroids(canonical[order], lon[order], lat[order])
    return Postcodes(
        keys=packed[order],
        lon=lon[order],
        lat=lat[order],
        terminated=ended[order],
        coarse=quality[order] == _PRE_GRIDLINK_QUALITY,
        without_grid=np.unique(packed[~placed & (packed >= 0)]),
        outward_keys=outward_keys,
        outward_lon=outward_lon,
        outward_lat=outward_lat,
        source=name,
        notes=tuple(notes),
    )


def _outward_only(
    canonical: np.ndarray, lon: np.ndarray, lat: np.ndarray, name: str, notes: list[str]
) -> Postcodes:
    packed = _pack(canonical)
    order = np.argsort(packed, kind="stable")
    order = order[(packed >= 0)[order] & np.isfinite(lon[order])]
    none = np.zeros(0)
    return Postcodes(
        keys=none.astype(np.int64),
        lon=none,
        lat=none,
        terminated=none.astype(bool),
        coarse=none.astype(bool),
        without_grid=none.astype(np.int64),
        outward_keys=packed[order],
        outward_lon=lon[order],
        outward_lat=lat[order],
        source=name,
        notes=(
            *notes,
            "Outward codes only: places are centroids of postcode districts, some kilometres wide.",
        ),
    )


def _centroids(canonical: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, ...]:
    """Average the units of every outward code, unweighted."""
    if not len(canonical):
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    outward = pc.utf8_slice_codeunits(pa.array(canonical, type=pa.string()), 0, -_INWARD)
    codes, unique = pd.factorize(np.asarray(outward.to_numpy(zero_copy_only=False), dtype=object))
    count = np.bincount(codes)
    packed = _pack(np.asarray(unique, dtype=object))
    order = np.argsort(packed, kind="stable")
    mean_lon, mean_lat = np.bincount(codes, lon) / count, np.bincount(codes, lat) / count
    return packed[order], mean_lon[order], mean_lat[order]


def _canonical(values: Any) -> np.ndarray:
    """Upper case, letters and digits alone."""
    upper = pc.utf8_upper(pa.array(np.asarray(values, dtype=object), type=pa.string()))
    plain = pc.replace_substring_regex(upper, pattern="[^A-Z0-9]", replacement="")
    return np.asarray(plain.to_numpy(zero_copy_only=False), dtype=object)


def _pack(canonical: np.ndarray) -> np.ndarray:
    """Pack up to seven letters and digits into one integer; -1 for what is empty or longer."""
    if not len(canonical):
        return np.zeros(0, dtype=np.int64)
    fixed = canonical.astype(f"S{_WIDTH + 1}")
    letters = fixed.view(np.uint8).reshape(len(fixed), -1)
    packed = np.zeros(len(fixed), dtype=np.int64)
    for i in range(_WIDTH):
        packed = packed * _BASE + _ALPHABET[letters[:, i]]
    return np.where((letters[:, 0] == 0) | (letters[:, _WIDTH] != 0), -1, packed)


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the place of every wanted key in sorted keys, -1 where it is not."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def _outward(code: str) -> str:
    """Return the outward part of a postcode, or of an outward code that stands alone."""
    if _FORM.fullmatch(code):
        return code[:-_INWARD]
    return code if _OUTWARD_FORM.fullmatch(code) else ""
