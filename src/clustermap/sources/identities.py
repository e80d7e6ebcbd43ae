"""Who each row is: one identity a firm, the same for any order of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.errors import InputError, examples, part_of
from clustermap.sources.cells import text
from clustermap.sources.columns import key

if TYPE_CHECKING:
    from clustermap.sources.columns import Matched

__all__ = ["Identities", "identify", "same_twice"]

_COMPANY_NUMBERS = ("companynumber", "companyno", "crn")
_COMPANY_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Identities:
    """Identity of every row, and which were mended."""

    ids: np.ndarray
    completed: np.ndarray
    numbered: np.ndarray
    notes: tuple[str, ...]


def identify(frame: pd.DataFrame, matched: Matched, *, from_file: bool) -> Identities:
    """Give every row an identity: its column, else the labels of a frame, else its rank by content.

    Raises
    ------
    InputError
        CM-FIRMS-002: a spreadsheet has turned identities into numbers such as 1.2345E+16.
    """
    column = matched.get("firm_id")
    n = len(frame)
    none = np.zeros(n, dtype=bool)
    if column is None:
        if not from_file and frame.index.is_unique:
            return Identities(text(frame.index.to_series()).to_numpy(dtype=object), none, none, ())
        ids = _numbered(frame, np.ones(n, dtype=bool), "firm")
        return Identities(ids, none, none, ("The rows have no identity and were numbered by their content.",))
    ids_text = text(frame[column])
    broken = ids_text.str.fullmatch(r"\d(\.\d+)?[eE]\+\d+")
    if broken.any():
        at = np.flatnonzero(broken.to_numpy())
        raise InputError(
            "CM-FIRMS-002",
            f"in {column!r} {part_of(len(at), n, 'identity', 'is', 'are')} in scientific notation: "
            f"{examples((int(i), ids_text.iloc[i]) for i in at)}",
            why="a spreadsheet has cut their digits; different firms become one",
            fix="export the column as text from the original source",
        )
    ids = ids_text.to_numpy(dtype=object).copy()
    completed = none.copy()
    if key(column) in _COMPANY_NUMBERS:
        short = ids_text.str.fullmatch(rf"\d{{1,{_COMPANY_WIDTH - 1}}}").to_numpy(dtype=bool)
        ids[short] = ids_text[short].str.zfill(_COMPANY_WIDTH).to_numpy(dtype=object)
        completed = short
    missing = (ids_text == "").to_numpy(dtype=bool)
    if missing.any():
        ids[missing] = _numbered(frame, missing, "no-id")
    return Identities(ids, completed, missing, ())


def _numbered(frame: pd.DataFrame, rows: np.ndarray, prefix: str) -> np.ndarray:
    """Give numbers in the order of content, so that the order of the file does not matter."""
    content = _content(frame, rows)
    rank = np.empty(len(content), dtype=np.int64)
    rank[np.argsort(content, kind="stable")] = np.arange(1, len(content) + 1)
    width = len(str(len(content)))
    return np.array([f"{prefix}-{i:0{width}d}" for i in rank], dtype=object)


def _content(frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Join every row's cells in order of column name into one text."""
    part = frame.loc[rows] if not rows.all() else frame
    joined = pd.Series("", index=range(len(part)))
    for column in sorted(part.columns, key=str):
        cells = part[column]
        as_text = (
            cells.to_wkt().to_numpy() if hasattr(cells, "to_wkt") else text(cells).to_numpy(dtype=object)
        )
        joined = joined + "\x1f" + pd.Series(as_text, dtype=object).fillna("").astype(str)
    return np.asarray(joined, dtype=object)


def same_twice(frame: pd.DataFrame, ids: np.ndarray, eligible: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mark all but one row of every identity: kept is the largest value, then the first by content."""
    twice = pd.Series(ids).where(eligible).duplicated(keep=False).to_numpy() & eligible
    again = np.zeros(len(ids), dtype=bool)
    if not twice.any():
        return again
    table = pd.DataFrame(
        {
            "row": np.flatnonzero(twice),
            "id": ids[twice],
            "value": -np.nan_to_num(values[twice], nan=-np.inf),
            "content": _content(frame, twice),
        }
    )
    table = table.sort_values(["id", "value", "content"], kind="stable")
    again[table["row"][table["id"].duplicated()].to_numpy()] = True
    return again
