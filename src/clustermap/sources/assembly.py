"""The frames of the firms: columns in their order, rows in order of identity, private columns left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from clustermap.errors import plural
from clustermap.schema import ACTIVITY_COLUMNS, CLASSIFICATION, FIRM_COLUMNS, LocationKind
from clustermap.sources.cells import dates, text
from clustermap.sources.columns import key

if TYPE_CHECKING:
    from clustermap.sources.columns import Layout, Matched
    from clustermap.sources.identities import Identities
    from clustermap.sources.loading import Loaded
    from clustermap.sources.places import Places
    from clustermap.sources.sic import ParsedCodes

__all__ = ["Parts", "activities", "assemble", "is_synthetic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that was found out about the rows, in the order of the source."""

    loaded: Loaded
    matched: Matched
    layout: Layout | None
    codes: ParsedCodes
    values: np.ndarray
    identities: Identities
    places: Places

    def notes(self) -> tuple[str, ...]:
        """Say what was detected, in a fixed order."""
        notes = list(self.loaded.notes)
        if self.layout is not None:
            notes.append(f"Recognised as {self.layout.name}; its places are {self.layout.location_kind}s.")
        notes += [*self.places.notes, *self.identities.notes]
        if self.matched.sic:
            notes.append(self.codes.note())
        return tuple(notes)


def assemble(
    parts: Parts, order: np.ndarray, location_kind: str | None
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Put the columns of the result together.

    Parameters
    ----------
    parts : Parts
        What was found out.
    order : numpy.ndarray
        Rows of the source that stay, in order of identity.
    location_kind : str or None
        What the caller says the places are.

    Returns
    -------
    frame, notes
        The firms; what was left out.
    """
    frame, matched, layout = parts.loaded.frame, parts.matched, parts.layout
    kinds, notes = _location_kind(parts, location_kind)
    name = matched.get("name")
    titles = text(frame[name]).to_numpy(dtype=object) if name else parts.identities.ids
    data: dict[str, Any] = {
        "firm_id": parts.identities.ids[order],
        "name": titles[order],
        "sic": parts.codes.first[order],
        "value": parts.values[order],
        "location_kind": kinds[order],
        "location_quality": pd.Categorical(parts.places.quality[order]),
    }
    later: dict[str, Any] = {}
    counted = matched.get("value")
    if counted and counted not in FIRM_COLUMNS:  # under its own name too, as numbers
        later[counted] = parts.values[order]
    if column := matched.get("incorporated"):
        later["incorporated"] = dates(frame[column]).to_numpy()[order]
    postcode = matched.get("postcode")
    if postcode and layout is not None and layout.private:
        typed = text(frame[postcode]).str.upper()
        outward = typed.str.extract(r"^([A-Z]{1,2}\d[A-Z\d]?)(?:\s*\d[A-Z]{2})?$", expand=False)
        later["outward_code"] = outward.fillna("").to_numpy(dtype=object)[order]
        notes.append("Addresses and names of persons are left out; the outward code is kept.")
    if column := matched.get("synthetic"):
        later["synthetic"] = _truths(frame[column])[order]
    for column_name, series in _rest(parts, {*later, *FIRM_COLUMNS}).items():
        later[column_name] = series.array.take(order)
    notes += _stacks(parts.places.x[order], parts.places.y[order])
    points = shapely.points(parts.places.x[order], parts.places.y[order])
    result = gpd.GeoDataFrame(pd.DataFrame(data), geometry=points, crs=parts.places.crs)
    return (result.assign(**later) if later else result), tuple(notes)


def _stacks(x: np.ndarray, y: np.ndarray) -> list[str]:
    """Tell how many firms share a place: an agent's address, or one postcode, is no cluster."""
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(x) != 0) | (np.diff(y) != 0)])
    sizes = np.diff(np.r_[starts, len(x)])
    shared = sizes > 1
    if not shared.any():
        return []
    share = sizes[shared].sum() / len(x)
    told = f"up to {int(sizes.max()):,}; {share:.1%} of the firms"
    return [f"{plural(int(shared.sum()), 'place carries', 'places carry')} more than one firm ({told})."]


def _rest(parts: Parts, taken: set[str]) -> dict[str, pd.Series]:
    """Carry whatever else the file had, under names that are free."""
    frame, matched = parts.loaded.frame, parts.matched
    private = parts.layout.private if parts.layout is not None else ()
    used = {*matched.fields.values(), *matched.sic}
    if not private:  # outside a register of addresses a postcode is a plain column
        used.discard(matched.fields.get("postcode", ""))
    used |= {c for c in frame.columns if str(frame[c].dtype) == "geometry"}
    rest: dict[str, pd.Series] = {}
    for column in frame.columns:
        if column in used or (private and key(column).startswith(private)):
            continue
        name = str(column).strip()
        while name in taken or name in rest:
            name = f"source_{name}"
        rest[name] = frame[column]
    return rest


def _location_kind(parts: Parts, given: str | None) -> tuple[pd.Categorical, list[str]]:
    allowed = get_args(LocationKind)
    frame, column = parts.loaded.frame, parts.matched.get("location_kind")
    notes: list[str] = []
    if given is None and column is not None:
        kinds = text(frame[column]).str.lower().to_numpy(dtype=object).copy()
        odd = ~np.isin(kinds.astype(str), allowed)
        if odd.any():
            notes.append(
                f"{plural(int(odd.sum()), 'row says', 'rows say')} another kind of place than "
                f"{', '.join(allowed)}: unknown."
            )
            kinds[odd] = "unknown"
        return pd.Categorical(kinds, categories=list(allowed)), notes
    kind = given or (parts.layout.location_kind if parts.layout is not None else "unknown")
    codes = np.full(len(frame), allowed.index(kind))
    return pd.Categorical.from_codes(codes, categories=list(allowed)), notes


def activities(parts: Parts, order: np.ndarray) -> pd.DataFrame:
    """Return every usable code of every firm that stays, in order of firm and position."""
    codes = parts.codes
    position = np.full(len(parts.values), -1, dtype=np.int64)
    position[order] = np.arange(len(order))
    keep = np.flatnonzero(position[codes.rows] >= 0)
    keep = keep[np.argsort(position[codes.rows[keep]], kind="stable")]  # positions of a row ascend already
    frame = pd.DataFrame(
        {
            "firm_id": parts.identities.ids[codes.rows[keep]],
            "sic": codes.codes[keep],
            "position": codes.positions[keep],
            "classification": pd.Categorical.from_codes(
                np.zeros(len(keep), dtype=np.int8), categories=[CLASSIFICATION]
            ),
        }
    )
    return frame[list(ACTIVITY_COLUMNS)]


def is_synthetic(parts: Parts) -> bool:
    """Tell whether the file says that its firms are made up: a column, or metadata."""
    column = parts.matched.get("synthetic")
    if column is not None and bool(_truths(parts.loaded.frame[column]).any()):
        return True
    metadata = parts.loaded.metadata
    said = metadata.get("synthetic", "").lower() == "true"
    return said or metadata.get("notice", "").upper().startswith("SYNTHETIC")


def _truths(column: pd.Series) -> np.ndarray:
    return np.asarray(text(column).str.lower().isin(["true", "1", "yes"]), dtype=bool)
