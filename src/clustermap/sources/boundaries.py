"""Boundaries from any vector file, a frame, or the embedded sets, checked and repaired."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from clustermap import crs as projections
from clustermap import datasets
from clustermap.errors import InputError, OptionError, examples, part_of, plural
from clustermap.ledger import Ledger
from clustermap.sources.cells import text
from clustermap.sources.loading import Loaded, load
from clustermap.sources.patterns import code_columns, kind_of_codes
from clustermap.sources.places import agreed_crs
from clustermap.sources.shapes import mend, sift
from clustermap.sources.values import Areas

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_areas", "read_boundaries"]

_NOT_KEPT = "not asked for (keep=)"
_SET_ASIDE = ("empty geometry", "coordinates not finite", "no polygon", "no code", _NOT_KEPT)
_GENERALISED = re.compile(r"(?:^|[_\W])(BUC|BSC)(?:[_\W]|$)", re.IGNORECASE)


def read_boundaries(
    source: str | Path | gpd.GeoDataFrame,
    *,
    vintage: int | None = None,
    code: str | None = None,
    name: str | None = None,
    crs: Any = None,
    project_to: Any = None,
    keep: str | Sequence[str] | None = None,
) -> Areas:
    """Read one set of areas.

    Parameters
    ----------
    source : str, path or GeoDataFrame
        An embedded set ("lad", "lep", "mca", "region"), any vector file, GeoParquet, or a frame.
    vintage : int, optional
        Year of the boundaries. Of an embedded set with several, the newest where absent.
    code, name : str, optional
        Columns of codes and names. Where absent: official column names in any case (``LEP17CD``, ``ITL221CD``,
        ``NUTS_ID`` …, which also give kind and vintage), columns called ``code`` and ``name``, or the index
        of a frame.
    crs : any, optional
        The system the coordinates are in, where the file does not say.
    project_to : any, optional
        The projected metric system to work in; British National Grid where the data lies in its area of use.
    keep : str or sequence of str, optional
        Only codes that begin so (``"E"``), or exactly these codes.

    Returns
    -------
    Areas
        In code order; repairs and rows set aside are in its ledger.

    Raises
    ------
    InputError
        CM-AREAS-001 no code column, 002 duplicated codes, 003 no embedded set of this vintage, 004 outlines that
        cross themselves, 005 nothing left, 006 codes of `keep=` that are not there, 007 no polygons.
    CrsError
        CM-CRS-… for coordinates without a system, or in another one than they are said to be in.
    OptionError
        CM-OPTION-002: `vintage=` and the columns disagree.

    Notes
    -----
    Outlines that touch or cross themselves are repaired (by the rule of the "structure" method of GEOS) where
    that changes no area by more than 0.1 %; else they are refused. Third dimensions are dropped, collections
    reduced to their polygons, empty geometries set aside.

    Examples
    --------
    >>> read_boundaries("lep", vintage=2017)
    <Areas: 38 lep 2017>
    """
    if isinstance(source, str) and re.fullmatch(r"[a-z_]+", source):
        return _embedded(source, vintage=vintage, project_to=project_to, keep=keep)
    own = _own_set(source)
    if own is not None:
        return _embedded(own[0], vintage=own[1], project_to=project_to, keep=keep)
    loaded = load(source, what="boundaries")
    frame = _with_geometry(loaded)
    labels, names, kind, year = _labels(frame, loaded, code=code, name=name)
    if vintage is not None and year is not None and vintage != year:
        raise OptionError(
            "CM-OPTION-002",
            f"vintage={vintage}, but the columns say {year}",
            why="codes of another year join the wrong areas in silence",
            fix=f"vintage={year}, or leave it out",
        )
    return _areas(
        frame,
        labels,
        names,
        kind=kind,
        vintage=vintage if vintage is not None else year,
        crs=crs,
        project_to=project_to,
        keep=keep,
        source=loaded.name,
        generalised=bool(_GENERALISED.search(loaded.name)),
        notes=loaded.notes,
    )


def as_areas(obj: Any) -> Areas:
    """Return `obj` if it is Areas, else read it with defaults.

    Parameters
    ----------
    obj : Areas, GeoDataFrame, path or name of an embedded set
        A frame needs a system, and unique codes as its index or in a column.

    Returns
    -------
    Areas
    """
    return obj if isinstance(obj, Areas) else read_boundaries(obj)


def _embedded(name: str, *, vintage: int | None, project_to: Any, keep: Any) -> Areas:
    name = {"cauth": "mca", "ca": "mca", "rgn": "region"}.get(name, name)
    sets: dict[str, list[int]] = {}
    for known in datasets.available():
        if match := re.fullmatch(r"(lad|lep|mca|region)_(\d{4})", known):
            sets.setdefault(match[1], []).append(int(match[2]))
    told = "; ".join(f"{kind}: {', '.join(map(str, sorted(years)))}" for kind, years in sorted(sets.items()))
    if name not in sets:
        near = difflib.get_close_matches(name, list(sets), n=1, cutoff=0.3)
        hint = f" (nearest: {near[0]!r})" if near else ""
        raise InputError(
            "CM-AREAS-003",
            f"no embedded boundaries are called {name!r}{hint}",
            fix=f"one of {told}; or the path of a vector file",
        )
    if vintage is not None and vintage not in sets[name]:
        raise InputError(
            "CM-AREAS-003",
            f"there is no embedded {name!r} of {vintage}",
            why="boundaries and codes of another year are other areas",
            fix=f"one of {told}; or the path of a vector file of {vintage}",
        )
    year = vintage if vintage is not None else max(sets[name])
    notes: tuple[str, ...] = ()
    if vintage is None and len(sets[name]) > 1:
        notes = (f"No vintage was asked for: the newest of {sorted(sets[name])} was taken.",)
    path = datasets.path(f"{name}_{year}")
    facts = _facts(path)
    unconfirmed = facts.get("status", "confirmed") != "confirmed"
    if unconfirmed:
        notes = (*notes, f"Membership of districts in this set is {facts['status']}.")
    loaded = load(path, what="boundaries")
    frame = loaded.frame
    areas = _areas(
        frame,
        pd.Index(frame["code"]),
        frame["name"],
        kind=name,
        vintage=year,
        crs=None,
        project_to=project_to,
        keep=keep,
        source=str(facts.get("attribution", "")),
        generalised=bool(facts.get("generalised", True)),
        notes=notes,
    )
    return replace(areas, unconfirmed=unconfirmed)


def _own_set(source: Any) -> tuple[str, int] | None:
    """Recognise an embedded set by its full name or its path, so that what is known about it is not lost."""
    for known in datasets.available():
        match = re.fullmatch(r"(lad|lep|mca|region)_(\d{4})", known)
        if match and isinstance(source, str | Path) and source in (known, datasets.path(known)):
            return match[1], int(match[2])
    return None


def _facts(path: Path) -> dict[str, Any]:
    manifest = path.with_name("manifest.json")
    entries = json.loads(manifest.read_text("utf-8"))["sets"] if manifest.is_file() else []
    return next((entry for entry in entries if entry["file"] == path.name), {})


def _with_geometry(loaded: Loaded) -> gpd.GeoDataFrame:
    frame = loaded.frame
    if isinstance(frame, gpd.GeoDataFrame) and frame._geometry_column_name in frame.columns:  # noqa: SLF001 - the only way to ask without an exception
        return frame
    raise InputError(
        "CM-AREAS-007",
        f"{loaded.name or 'the frame'} has no geometry; columns are {', '.join(map(str, frame.columns[:15]))}",
        why="areas without polygons cannot be mapped, nor firms be found in them",
        fix='geopandas.GeoDataFrame(frame, geometry=…, crs="EPSG:4326")',
    )


def _labels(
    frame: gpd.GeoDataFrame, loaded: Loaded, *, code: str | None, name: str | None
) -> tuple[pd.Index, pd.Series | None, str, int | None]:
    """Find codes and names: as asked, official columns, `code`, or the index of a frame."""
    for column in (code, name):
        if column is not None and column not in frame.columns:
            raise _no_code(frame, f"there is no column {column!r}")
    official = [c for c in code_columns(list(frame.columns)) if c.position == 1]
    if code is not None:
        official = [c for c in official if c.column == code]
    unique = [c for c in official if text(frame[c.column]).is_unique]
    lower = {str(c).lower(): c for c in frame.columns}
    has_labels = (
        not loaded.from_file and not isinstance(frame.index, pd.RangeIndex) and frame.index.nlevels == 1
    )
    kind, year = "area", None
    if code is None and has_labels and frame.index.is_unique:
        found = code_columns([str(frame.index.name)])
        kind, year = (found[0].kind, found[0].vintage) if found else (kind, year)
        labels, named = pd.Index(frame.index), name or (found and found[0].name) or lower.get("name")
    elif len(unique) > 1 and code is None:
        raise _no_code(
            frame,
            f"{plural(len(unique), 'column holds', 'columns hold')} unique codes: "
            f"{', '.join(c.column for c in unique)}",
        )
    elif official:
        best = unique[0] if unique else official[0]
        kind, year = best.kind, best.vintage
        labels, named = pd.Index(text(frame[best.column])), name or best.name or lower.get("name")
    elif code is not None or "code" in lower:
        labels = pd.Index(text(frame[code or lower["code"]]))
        named = name or lower.get("name")
    elif not loaded.from_file and frame.index.is_unique and frame.index.nlevels == 1:
        labels, named = pd.Index(frame.index), name or lower.get("name")
    else:
        raise _no_code(frame, "no column holds the codes of the areas")
    if kind in ("area", "nuts"):
        kind = kind_of_codes(labels.to_numpy(dtype=object)) or kind
    return labels, frame[named] if named else None, kind, year


def _no_code(frame: gpd.GeoDataFrame, what: str) -> InputError:
    columns = [str(c) for c in frame.columns if c != frame._geometry_column_name]  # noqa: SLF001 - see above
    return InputError(
        "CM-AREAS-001",
        f"{what}; columns are {', '.join(columns[:20])}",
        why="values, areas and authorities meet by their codes alone",
        fix=f'read_boundaries(source, code="{columns[0] if columns else "…"}"), or a frame whose index holds the codes',
    )


def _areas(
    frame: gpd.GeoDataFrame,
    labels: pd.Index,
    names: pd.Series | None,
    *,
    kind: str,
    vintage: int | None,
    crs: Any,
    project_to: Any,
    keep: str | Sequence[str] | None,
    source: str,
    generalised: bool,
    notes: tuple[str, ...],
) -> Areas:
    codes = _stripped(labels)
    kept = _kept(codes, keep)
    nameless = np.asarray(pd.isna(codes)) | (codes == "")
    candidates = np.array(frame.geometry.to_numpy(), dtype=object)
    candidates[~kept | nameless] = None
    shapes, reason, valid = sift(candidates)
    reason[nameless], reason[~kept] = "no code", _NOT_KEPT
    use = np.flatnonzero(~np.isin(reason, _SET_ASIDE))
    _check_left(use, reason)
    _check_unique(codes, use)
    settled = _system(shapes[use], agreed_crs(frame.crs, crs, "boundaries"))
    working = _working(shapes[use], settled, project_to)
    if not projections.same(settled, working):
        shapes[use] = gpd.GeoSeries(shapes[use], crs=settled).to_crs(working).to_numpy()
        valid[use] = False  # what was valid there need not be so here
        systems = (projections.parse(settled).name, projections.parse(working).name)
        notes = (*notes, f"Outlines were projected from {systems[0]} to {systems[1]}.")
    shapes[use], mended, change = mend(shapes[use], codes[use].tolist(), valid=valid[use])
    reason[use] = np.where(mended == "accepted", reason[use], mended)
    if change > 0:
        notes = (*notes, f"Repairs changed no area by more than {change:.2g} of itself.")
    use = np.flatnonzero(~np.isin(reason, _SET_ASIDE))
    _check_left(use, reason)
    title = text(names).str.strip().to_numpy(dtype=object) if names is not None else codes.astype(str)
    title = np.where(title == "", codes.astype(str), title)
    result = gpd.GeoDataFrame({"name": title[use]}, geometry=shapes[use], crs=working)
    result.index = pd.Index(codes[use].tolist(), name="code")
    result = result.sort_index()
    verdicts = {r: "set aside" if r in _SET_ASIDE else "repaired" for r in set(reason) if r != "accepted"}
    ledger = Ledger.from_reasons(pd.Series(reason, dtype=object), verdicts=verdicts, ids=codes, notes=notes)
    return Areas(
        frame=result,
        kind=kind,
        vintage=vintage,
        source=source,
        ledger=ledger,
        generalised=generalised,
    )


def _stripped(labels: pd.Index) -> np.ndarray:
    """Return codes as they are, texts without spaces around them."""
    codes = np.array(labels.to_numpy(dtype=object), dtype=object)
    codes[:] = [c.strip() if isinstance(c, str) else c for c in codes.tolist()]
    return codes


def _kept(codes: np.ndarray, keep: str | Sequence[str] | None) -> np.ndarray:
    if keep is None:
        return np.ones(len(codes), dtype=bool)
    if isinstance(keep, str):
        return np.array([str(c).startswith(keep) for c in codes], dtype=bool)
    wanted, here = {str(k) for k in keep}, {str(c) for c in codes}
    lacking = sorted(wanted - here)
    if lacking:
        near = difflib.get_close_matches(lacking[0], sorted(here), n=3, cutoff=0.5)
        raise InputError(
            "CM-AREAS-006",
            f"{part_of(len(lacking), len(wanted), 'code', 'is', 'are')} not there (keep=): {', '.join(lacking[:5])}",
            why="codes of another vintage are other areas",
            fix=f"nearest to the first: {', '.join(near) or 'none'}; check the vintage",
        )
    return np.array([str(c) in wanted for c in codes], dtype=bool)


def _check_left(use: np.ndarray, reason: np.ndarray) -> None:
    if not len(use):
        told = ", ".join(f"{n} {why}" for why, n in pd.Series(reason).value_counts().items())
        raise InputError(
            "CM-AREAS-005",
            f"none of {plural(len(reason), 'area')} is left: {told}",
            fix="check the file, or keep=",
        )


def _check_unique(codes: np.ndarray, use: np.ndarray) -> None:
    at = use[pd.Series(codes[use], dtype=object).duplicated(keep=False).to_numpy()]
    if len(at):
        raise InputError(
            "CM-AREAS-002",
            f"{part_of(len(at), len(codes), 'row', 'carries', 'carry')} a code that another row carries: "
            f"{examples((int(i), codes[i]) for i in at)}",
            why="values would be counted once for each row",
            fix='frame.dissolve("code column") joins the parts of one area; or code="another column"',
        )


def _system(geometry: np.ndarray, crs: Any) -> Any:
    bounds = shapely.bounds(geometry)
    x, y = bounds[:, [0, 2]].ravel(), bounds[:, [1, 3]].ravel()
    if crs is None:
        raise projections.missing_crs("boundaries", x, y)
    projections.check_coordinates("boundaries", x, y, crs)
    return crs


def _working(geometry: np.ndarray, crs: Any, project_to: Any) -> Any:
    """Choose the working system from longitudes and latitudes along the box of every area."""
    bounds = shapely.bounds(geometry)
    total = shapely.total_bounds(geometry)
    if project_to is None and projections.deep_in_britain(total, crs):
        return projections.parse(projections.BRITISH_NATIONAL_GRID)
    step = np.ptp(total) / 20 or 1.0
    wide = np.ptp(bounds.reshape(-1, 2, 2), axis=1).max(axis=1) > step
    corners = np.concatenate(
        (
            bounds[~wide][:, [0, 1, 0, 3, 2, 1, 2, 3]].reshape(-1, 2),
            shapely.get_coordinates(shapely.segmentize(shapely.box(*bounds[wide].T), step)),
        )
    )
    lon, lat = (np.asarray(a) for a in projections.to_lonlat(corners[:, 0], corners[:, 1], crs))
    good = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[good], lat[good]
    if project_to is not None:
        projections.check_reach("boundaries", lon, lat, project_to)
    return projections.working_crs(
        (lon.min(), lat.min(), lon.max(), lat.max()), project_to, what="boundaries"
    )
