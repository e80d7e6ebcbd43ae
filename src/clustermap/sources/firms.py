"""Firms from any table or map file: located, with their codes, every row accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from clustermap.errors import InputError, OptionError, examples
from clustermap.ledger import Ledger
from clustermap.schema import FIRM_COLUMNS, LocationKind
from clustermap.sources.cells import dates, numbers, text
from clustermap.sources.columns import Layout, Matched, key, layout_of, match_columns
from clustermap.sources.identities import Identities, identify, same_twice
from clustermap.sources.loading import Loaded, load
from clustermap.sources.places import find_places
from clustermap.sources.sic import ParsedCodes, parse_codes
from clustermap.sources.values import Firms

if TYPE_CHECKING:
    from pathlib import Path

    from clustermap.sources.places import Places
    from clustermap.sources.postcodes import Postcodes

__all__ = ["as_firms", "read_firms"]

_INACTIVE = "status is not active"
_DUPLICATE = "duplicated identity"
_REPAIRS = (
    "identity completed to eight digits",
    "no identity: numbered by content",
    "SIC code completed to five digits",
    "value not a number: taken as missing",
    "value negative or infinite: taken as missing",
)


def read_firms(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    crs: Any = None,
    project_to: Any = None,
    postcodes: Postcodes | None = None,
    location_kind: LocationKind | None = None,
    status: Literal["active", "all"] = "active",
) -> Firms:
    """Read firms, locate them, and account for every row.

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        CSV or TSV (delimiter, encoding and byte-order mark are detected; ``.gz`` and ``.zip`` too), Parquet,
        GeoParquet, GeoPackage, GeoJSON, FlatGeobuf, Shapefile, or a frame.
    columns : mapping, optional
        Field to column where the synonym table (:mod:`clustermap.sources.columns`) does not know the name, for
        instance ``{"firm_id": "CompanyNumber", "sic": ["SIC1", "SIC2"]}``.
    crs : any, optional
        The system the coordinates are in; implied by latitude and longitude, needed for x and y.
    project_to : any, optional
        The projected metric system to work in; British National Grid where the data lies in its area of use.
    postcodes : Postcodes, optional
        A directory (:func:`read_postcodes`), used for rows without coordinates.
    location_kind : {"registered office", "workplace", "unknown"}, optional
        What the places are; taken from the file or the known layout where absent, else "unknown".
    status : {"active", "all"}
        Whether companies that a register does not call active are set aside.

    Returns
    -------
    Firms
        In order of `firm_id`, in the working system; the same for any order of rows.

    Raises
    ------
    InputError
        CM-FILE-… for files, CM-FIRMS-… for what they hold.
    CrsError
        CM-CRS-… for coordinates without a system, or in another one than they are said to be in.
    OptionError
        CM-COLUMN-001, CM-OPTION-001.

    Notes
    -----
    An unusable SIC code never removes a firm: it counts in totals. Of several rows with one identity the
    first by content is kept, so that employment is never counted twice; sites of one firm need identities
    of their own. Suppressed values ("c", "..", "<5") are missing, never 0. Coordinates of 0, 0 count as none.

    Examples
    --------
    >>> table = pd.DataFrame({"id": ["a"], "sic": ["26110"], "lat": [51.75], "lon": [-1.26]})
    >>> read_firms(table).frame["sic"].tolist()
    ['26110']
    """
    if location_kind is not None and location_kind not in get_args(LocationKind):
        raise _bad_option("location_kind", location_kind, get_args(LocationKind))
    if status not in ("active", "all"):
        raise _bad_option("status", status, ("active", "all"))
    loaded = load(source, what="firms")
    frame = loaded.frame
    matched = match_columns(list(frame.columns), columns)
    layout = layout_of(list(frame.columns))
    notes = list(loaded.notes)
    if layout is not None:
        notes.append(f"Recognised as {layout.name}; its places are {layout.location_kind}s.")
    codes = parse_codes([text(frame[c]) for c in matched.sic] or [pd.Series([""] * len(frame))])
    values, repairs = _values(frame, matched, notes)
    identities = identify(frame, matched, values, from_file=loaded.from_file)
    places = find_places(frame, matched, crs=crs, project_to=project_to, postcodes=postcodes)
    reasons = _reasons(frame, matched, places, status, identities, codes, repairs, values)
    notes += [*places.notes, *identities.notes]
    if matched.sic:
        notes.append(codes.note())
    kept = np.flatnonzero(reasons.map(_verdicts(reasons)).to_numpy() != "set aside")
    if not len(kept):
        raise _nothing_left(reasons)
    result = _assemble(loaded, matched, layout, location_kind, identities, codes, values, places, kept, notes)
    order = kept[pc.sort_indices(pa.array(identities.ids[kept])).to_numpy()]
    ledger = Ledger.from_reasons(
        reasons,
        verdicts=_verdicts(reasons),
        values=pd.Series(values) if matched.get("value") else None,
        ids=pd.Series(identities.ids, dtype=object),
        notes=tuple(notes),
    )
    position = np.full(len(frame), -1, dtype=np.int64)
    position[order] = np.arange(len(order))
    return Firms(
        frame=result,
        activities=_activities(codes, identities.ids, position),
        ledger=ledger,
        source=loaded.metadata.get("attribution", loaded.name),
        synthetic=_synthetic(loaded, matched),
    )


def as_firms(obj: Any) -> Firms:
    """Return `obj` if it is Firms, else read it with defaults.

    Parameters
    ----------
    obj : Firms, GeoDataFrame, DataFrame or path
        A GeoDataFrame with a system, or a frame with latitude and longitude.

    Returns
    -------
    Firms
    """
    return obj if isinstance(obj, Firms) else read_firms(obj)


def _bad_option(name: str, value: object, allowed: Sequence[str]) -> OptionError:
    return OptionError("CM-OPTION-001", f"{name}={value!r}", fix=f"one of {', '.join(map(repr, allowed))}")


def _values(
    frame: pd.DataFrame, matched: Matched, notes: list[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    column = matched.get("value")
    if column is None:
        return np.full(len(frame), np.nan), {}
    values, flags = numbers(frame[column])
    bad = np.isinf(values) | (values < 0)
    values = np.where(bad, np.nan, values)
    if column != "value":
        notes.append(f"value is the column {column!r}.")
    for flag in ("suppressed", "separators removed"):
        if n := int(flags[flag].sum()):
            notes.append(f"{n:,} values {flag}{' (missing, not 0)' if flag == 'suppressed' else ''}.")
    return values, {
        "value not a number: taken as missing": flags["not a number"],
        "value negative or infinite: taken as missing": bad,
    }


def _reasons(
    frame: pd.DataFrame,
    matched: Matched,
    places: Places,
    status: str,
    identities: Identities,
    codes: ParsedCodes,
    repairs: dict[str, np.ndarray],
    values: np.ndarray,
) -> pd.Series:
    """Give every row one reason; what sets a row aside goes before what mends it."""
    reasons = np.full(len(frame), "accepted", dtype=object)
    if matched.sic:
        reasons[codes.first.codes < 0] = "no usable SIC code: kept, counts in totals"
    mends = {
        "identity completed to eight digits": identities.completed,
        "no identity: numbered by content": identities.numbered,
        "SIC code completed to five digits": codes.repaired,
        **repairs,
    }
    for reason in reversed(_REPAIRS):
        if reason in mends:
            reasons[mends[reason]] = reason
    by = pd.Series(places.quality, dtype=object)
    flagged = (by.str.contains(",", regex=False) | (by == "outward code")).to_numpy(dtype=bool)
    reasons[flagged] = "place by " + by[flagged].to_numpy(dtype=object)
    unplaced = places.reason != ""
    reasons[unplaced] = places.reason[unplaced]
    inactive = np.zeros(len(frame), dtype=bool)
    column = matched.get("status")
    if status == "active" and column is not None:
        inactive = ~text(frame[column]).str.lower().str.startswith("active").to_numpy(dtype=bool)
        reasons[inactive] = _INACTIVE
    again = same_twice(frame, identities.ids, ~unplaced & ~inactive, places, values)
    reasons[again] = _DUPLICATE
    return pd.Series(reasons)


def _verdicts(reasons: pd.Series) -> dict[str, str]:
    """Name the verdict of every reason that occurs."""
    verdicts = {"accepted": "accepted", "no usable SIC code: kept, counts in totals": "accepted"}
    for reason in reasons.unique():
        if reason not in verdicts:
            mended = reason in _REPAIRS or str(reason).startswith("place by ")
            verdicts[reason] = "repaired" if mended else "set aside"
    return verdicts


def _nothing_left(reasons: pd.Series) -> InputError:
    told = ", ".join(f"{n:,} {reason}" for reason, n in reasons.value_counts().items())
    rows = examples((i, reason) for i, reason in reasons.head(5).items())
    return InputError(
        "CM-FIRMS-003",
        f"none of {len(reasons):,} rows is left: {told} ({rows})",
        why="nothing can be mapped or counted",
        fix='status="all", or postcodes=read_postcodes("directory.csv")',
    )


def _assemble(
    loaded: Loaded,
    matched: Matched,
    layout: Layout | None,
    location_kind: str | None,
    identities: Identities,
    codes: ParsedCodes,
    values: np.ndarray,
    places: Places,
    kept: np.ndarray,
    notes: list[str],
) -> gpd.GeoDataFrame:
    """Put the columns of the result together, in order of identity."""
    frame = loaded.frame
    order = kept[pc.sort_indices(pa.array(identities.ids[kept])).to_numpy()]
    name = matched.get("name")
    data: dict[str, Any] = {
        "firm_id": identities.ids[order],
        "name": (text(frame[name]) if name else pd.Series(identities.ids)).to_numpy(dtype=object)[order],
        "sic": codes.first[order],
        "value": values[order],
        "location_kind": _location_kind(frame, matched, layout, location_kind, notes)[order],
        "location_quality": pd.Categorical(places.quality[order]),
    }
    if column := matched.get("incorporated"):
        data["incorporated"] = dates(frame[column]).to_numpy()[order]
    postcode = matched.get("postcode")
    if postcode and layout is not None and layout.private:
        outward = text(frame[postcode]).str.upper().str.extract(r"^([A-Z]{1,2}\d[A-Z\d]?)\s*\d?", expand=False)
        data["outward_code"] = outward.fillna("").to_numpy(dtype=object)[order]
        notes.append("Addresses and names of persons are left out; the outward code is kept.")
    if column := matched.get("synthetic"):
        data["synthetic"] = _truths(frame[column])[order]
    rest = _rest(frame, matched, layout, set(data))
    geometry = shapely.points(places.x[order], places.y[order])
    out = pd.DataFrame({k: v for k, v in data.items() if k in FIRM_COLUMNS})
    later = {k: v for k, v in data.items() if k not in FIRM_COLUMNS}
    for column_name, series in rest.items():
        later[column_name] = series.array.take(order)
    result = gpd.GeoDataFrame(out, geometry=geometry, crs=places.crs)
    return result.assign(**later) if later else result


def _rest(
    frame: pd.DataFrame, matched: Matched, layout: Layout | None, taken: set[str]
) -> dict[str, pd.Series]:
    used = {*matched.fields.values(), *matched.sic}
    if layout is None or not layout.private:  # a postcode outside a register of persons is a plain column
        used.discard(matched.fields.get("postcode", ""))
    if isinstance(frame, gpd.GeoDataFrame):
        used |= {c for c in frame.columns if isinstance(frame[c].dtype, gpd.array.GeometryDtype)}
    private = layout.private if layout is not None else ()
    rest: dict[str, pd.Series] = {}
    for column in frame.columns:
        if column in used or key(column).startswith(private or ("\0",)):
            continue
        name = str(column).strip()
        if name in taken or name in FIRM_COLUMNS or name in rest:
            name = f"source_{name}"
        rest[name] = frame[column]
    return rest


def _location_kind(
    frame: pd.DataFrame, matched: Matched, layout: Layout | None, given: str | None, notes: list[str]
) -> pd.Categorical:
    allowed = get_args(LocationKind)
    n = len(frame)
    column = matched.get("location_kind")
    if given is not None:
        kinds = np.full(n, given, dtype=object)
    elif column is not None:
        kinds = text(frame[column]).str.lower().to_numpy(dtype=object)
        odd = ~np.isin(kinds.astype(str), allowed)
        if odd.any():
            notes.append(f"{int(odd.sum()):,} rows say another kind of place than {', '.join(allowed)}: unknown.")
            kinds[odd] = "unknown"
    else:
        kinds = np.full(n, layout.location_kind if layout else "unknown", dtype=object)
    return pd.Categorical(kinds, categories=list(allowed))


def _activities(codes: ParsedCodes, ids: np.ndarray, position: np.ndarray) -> pd.DataFrame:
    """Return the activities of the firms that were kept, in order of firm and position."""
    frame = codes.activities(ids)
    keep = position[codes.rows] >= 0
    order = np.lexsort((codes.positions[keep], position[codes.rows[keep]]))
    return frame[keep].take(order).reset_index(drop=True)


def _synthetic(loaded: Loaded, matched: Matched) -> bool:
    column = matched.get("synthetic")
    if column is not None and bool(_truths(loaded.frame[column]).any()):
        return True
    return loaded.metadata.get("synthetic", "").lower() == "true" or loaded.metadata.get(
        "notice", ""
    ).upper().startswith("SYNTHETIC")


def _truths(column: pd.Series) -> np.ndarray:
    return cast("np.ndarray", text(column).str.lower().isin(["true", "1", "yes"]).to_numpy(dtype=bool))
