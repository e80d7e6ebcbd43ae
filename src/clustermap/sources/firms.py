"""Firms from any table or map file: located, with their codes, every row accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clustermap.errors import InputError, OptionError, examples, plural
from clustermap.ledger import Ledger
from clustermap.schema import LocationKind
from clustermap.sources.assembly import Parts, activities, assemble, is_synthetic
from clustermap.sources.cells import numbers, text
from clustermap.sources.columns import layout_of, match_columns
from clustermap.sources.identities import identify, same_twice
from clustermap.sources.loading import load
from clustermap.sources.places import find_places
from clustermap.sources.postcodes import read_postcodes
from clustermap.sources.sic import parse_codes
from clustermap.sources.values import Firms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clustermap.sources.columns import Matched
    from clustermap.sources.postcodes import Postcodes

__all__ = ["as_firms", "read_firms"]

_INACTIVE = "status is not active"
_DUPLICATE = "duplicated identity"
_NO_SIC = "no usable SIC code: kept, counts in totals"
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
    postcodes: Postcodes | str | Path | pd.DataFrame | None = None,
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
    postcodes : Postcodes, path or DataFrame, optional
        A directory of postcodes (see :func:`read_postcodes`), used for rows without coordinates.
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
    for option, value, allowed in (
        ("location_kind", location_kind, (None, *get_args(LocationKind))),
        ("status", status, ("active", "all")),
    ):
        if value not in allowed:
            raise OptionError("CM-OPTION-001", f"{option}={value!r}", fix=f"one of {allowed}")
    directory = read_postcodes(postcodes) if postcodes is not None else None
    loaded = load(source, what="firms")
    frame = loaded.frame
    matched = match_columns(list(frame.columns), columns)
    values, repairs, value_notes = _values(frame, matched)
    parts = Parts(
        loaded=loaded,
        matched=matched,
        layout=layout_of(list(frame.columns)),
        codes=parse_codes([text(frame[c]) for c in matched.sic] or [pd.Series([""] * len(frame))]),
        values=values,
        identities=identify(frame, matched, from_file=loaded.from_file),
        places=find_places(frame, matched, crs=crs, project_to=project_to, postcodes=directory),
    )
    reasons = _reasons(parts, repairs, status)
    verdicts = _verdicts(reasons)
    kept = np.flatnonzero((reasons.map(verdicts) != "set aside").to_numpy())
    if not len(kept):
        raise _nothing_left(reasons)
    order = kept[pc.sort_indices(pa.array(parts.identities.ids[kept])).to_numpy()]
    result, notes = assemble(parts, order, location_kind)
    ledger = Ledger.from_reasons(
        reasons,
        verdicts=verdicts,
        values=pd.Series(values) if matched.get("value") else None,
        ids=pd.Series(parts.identities.ids, dtype=object),
        notes=(*parts.notes(), *value_notes, *notes),
    )
    return Firms(
        frame=result,
        activities=activities(parts, order),
        ledger=ledger,
        source=loaded.metadata.get("attribution", loaded.name),
        synthetic=is_synthetic(parts),
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


def _values(
    frame: pd.DataFrame, matched: Matched
) -> tuple[np.ndarray, dict[str, np.ndarray], tuple[str, ...]]:
    column = matched.get("value")
    if column is None:
        return np.full(len(frame), np.nan), {}, ()
    values, flags = numbers(frame[column])
    bad = np.isinf(values) | (values < 0)
    notes = [f"value is the column {column!r}, as numbers."] if column != "value" else []
    if n := int(flags["suppressed"].sum()):
        notes.append(f"{plural(n, 'value is', 'values are')} missing or suppressed, not 0.")
    if n := int(flags["separators removed"].sum()):
        notes.append(f"{plural(n, 'value was', 'values were')} read without their separators.")
    repairs = {
        "value not a number: taken as missing": flags["not a number"],
        "value negative or infinite: taken as missing": bad,
    }
    return np.where(bad, np.nan, values), repairs, tuple(notes)


def _reasons(parts: Parts, repairs: dict[str, np.ndarray], status: str) -> pd.Series:
    """Give every row one reason; what sets a row aside goes before what mends it."""
    frame, matched, places = parts.loaded.frame, parts.matched, parts.places
    reasons = np.full(len(frame), "accepted", dtype=object)
    if matched.sic:
        reasons[parts.codes.first.codes < 0] = _NO_SIC
    mends = {
        "identity completed to eight digits": parts.identities.completed,
        "no identity: numbered by content": parts.identities.numbered,
        "SIC code completed to five digits": parts.codes.repaired,
        **repairs,
    }
    for reason in reversed(_REPAIRS):
        if reason in mends:
            reasons[mends[reason]] = reason
    kinds = {q: "," in q or q == "outward code" for q in pd.unique(pd.Series(places.quality, dtype=object))}
    for quality, flagged in kinds.items():
        if flagged:
            reasons[places.quality == quality] = f"place by {quality}"
    unplaced = places.reason != ""
    reasons[unplaced] = places.reason[unplaced]
    inactive = np.zeros(len(frame), dtype=bool)
    column = matched.get("status")
    if status == "active" and column is not None:
        inactive = ~text(frame[column]).str.lower().str.startswith("active").to_numpy(dtype=bool)
        reasons[inactive] = _INACTIVE
    again = same_twice(frame, parts.identities.ids, ~unplaced & ~inactive, parts.values)
    reasons[again] = _DUPLICATE
    return pd.Series(reasons)


def _verdicts(reasons: pd.Series) -> dict[str, str]:
    """Name the verdict of every reason that occurs."""
    verdicts = {"accepted": "accepted", _NO_SIC: "accepted"}
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
        f"none of {plural(len(reasons), 'row')} is left: {told} ({rows})",
        why="nothing can be mapped or counted",
        fix='status="all", or postcodes=read_postcodes("directory.csv")',
    )
