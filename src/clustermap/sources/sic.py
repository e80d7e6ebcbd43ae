"""SIC codes as they are written in files, and the 5-digit SIC 2007 codes that they mean.

Rules, in this order; a code is never padded silently:

* five digits that are a code of SIC 2007 (a division, group or class padded with zeros at the right
  counts) are taken as they are; what follows the code ("62012 - Business software") is dropped;
* ``26.11``, ``26.11/0`` and ``2611Z`` (NACE Rev. 2 and its national versions, equal to SIC 2007 down to
  four digits) are the class and are completed with a zero;
* three or four bare digits mean a class (``2611`` → ``26110``) or a code whose leading zero was lost
  (``1130`` ← ``01130``). Where exactly one reading is a code of SIC 2007, and the number is no class of SIC
  2003 either, it is completed and counted as repaired; where several are (``6100``: 61.00 or 06100), it
  is unusable and counted as ambiguous, unless the file shows that it keeps its leading zeros;
* ``1`` is a register's mark for the public sector, 74990 non-trading and 99999 dormant: unusable.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ParsedCodes", "parse_codes", "sections", "valid_codes"]

_WIDTH = 5
_SPECIAL = {"1": "public-sector mark 1", "74990": "74990 non-trading", "99999": "99999 dormant"}
_EMPTY = {"", "NONE SUPPLIED", "NONE", "NULL", "NA", "N/A", "NAN"}
# bare numbers that are both a lost zero of SIC 2007 and a class of SIC 2003 (general knowledge):
# 11.10 and 11.20 oil and gas, 14.40 salt, 14.50 other mining, 31.10 motors, 31.20 switchgear
_ALSO_SIC_2003 = frozenset({"1110", "1120", "1440", "1450", "3110", "3120"})
_CODE = re.compile(r"^(\d{2})\.?(\d{1,2})?(?:[./](\d))?\s?([A-Z])?(?=$|[\s:(;,|])")
_BARE = re.compile(r"^(\d+)(?:\.0)?(?=$|[\s:(;,|])")
_SPLIT = re.compile(r"[;,|\n](?=\s*\d)|\n")  # titles hold commas and semicolons of their own


@cache
def sections() -> dict[str, str]:
    """Return the section letter of every 5-digit code of SIC 2007.

    Returns
    -------
    dict
        Code to section; divisions, groups and classes are padded with zeros at the right.

    Examples
    --------
    >>> sections()["26110"]
    'C'
    """
    text = (files("clustermap.sources") / "taxonomies" / "sic_2007.csv").read_text("utf-8")
    return {
        row["division"] + rest: row["section"]
        for row in csv.DictReader(text.splitlines())
        for rest in row["codes"].split()
    }


def valid_codes() -> frozenset[str]:
    """Return the 5-digit codes of SIC 2007."""
    return _valid()


@cache
def _valid() -> frozenset[str]:
    return frozenset(sections())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParsedCodes:
    """The codes of every row.

    Attributes
    ----------
    first : pandas.Categorical
        The first usable code of each row; missing where none is usable.
    rows, positions : numpy.ndarray
        Long: row number, and the place of the code among the usable codes of the row (from 1).
    codes : pandas.Categorical
        Long: the code.
    repaired : numpy.ndarray of bool
        Rows with a code that was completed.
    counts : dict
        How many codes were usable, completed, ambiguous, unusable …, in a fixed order.
    """

    first: pd.Categorical
    rows: np.ndarray
    codes: pd.Categorical
    positions: np.ndarray
    repaired: np.ndarray
    counts: dict[str, int]

    def note(self) -> str:
        """Say what became of the codes."""
        return "SIC codes: " + ", ".join(f"{n:,} {what}" for what, n in self.counts.items() if n) + "."


def parse_codes(columns: Sequence[pd.Series]) -> ParsedCodes:
    """Read one or several columns of SIC codes, each cell a code or a list of codes.

    Parameters
    ----------
    columns : sequence of pandas.Series
        Text columns of equal length, in order of importance.
    """
    n = len(columns[0])
    factors = [pd.factorize(column, use_na_sentinel=True) for column in columns]
    cells = [["" if value is None else str(value).strip() for value in unique] for _, unique in factors]
    keeps_zeros = _widths_with_leading_zero(cell for column in cells for cell in column)
    rows, codes = [], []
    repaired = np.zeros(n, dtype=bool)
    counts: dict[str, int] = dict.fromkeys(("usable as they are", "completed to five digits"), 0)
    for (index, _), texts in zip(factors, cells, strict=True):
        parsed = [_read_cell(text, keeps_zeros) for text in texts]
        times = np.bincount(index[index >= 0], minlength=len(texts))
        for (_, problems), k in zip(parsed, times, strict=True):
            for problem in problems:
                counts[problem] = counts.get(problem, 0) + int(k)
        mended = np.array([any(p == "completed to five digits" for p in problems) for _, problems in parsed])
        found = [cell_codes for cell_codes, _ in parsed]
        lengths = np.array([len(f) for f in found], dtype=np.int64)
        safe = np.where(index >= 0, index, 0)
        if len(texts):
            repaired |= (index >= 0) & mended[safe]
            n_codes = np.where(index >= 0, lengths[safe], 0)
            flat = np.array([code for f in found for code in f], dtype=f"U{_WIDTH}")
            starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            row = np.repeat(np.arange(n), n_codes)
            offset = np.arange(len(row)) - np.repeat(np.cumsum(n_codes) - n_codes, n_codes)
            rows.append(row)
            codes.append(flat[np.repeat(starts[safe], n_codes) + offset])
    return _assemble(n, rows, codes, repaired, counts)


def _assemble(
    n: int, rows: list[np.ndarray], codes: list[np.ndarray], repaired: np.ndarray, counts: dict[str, int]
) -> ParsedCodes:
    row = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    text = np.concatenate([np.zeros(0, dtype=f"U{_WIDTH}"), *codes])
    categories, code = np.unique(text, return_inverse=True)
    order = np.argsort(row, kind="stable")
    row, code = row[order], code[order]
    again = pd.Series(row * (len(categories) + 1) + code).duplicated().to_numpy(dtype=bool)
    row, code = row[~again], code[~again]
    head = np.flatnonzero(np.r_[True, row[1:] != row[:-1]][: len(row)])
    position = np.arange(len(row)) - np.repeat(head, np.diff(np.r_[head, len(row)])) + 1
    place = np.full(n, -1, dtype=np.int64)
    place[row[head]] = code[head]
    names = list(map(str, categories))
    return ParsedCodes(
        first=pd.Categorical.from_codes(place, categories=names),
        rows=row,
        codes=pd.Categorical.from_codes(code, categories=names),
        positions=position,
        repaired=repaired,
        counts=counts,
    )


def _widths_with_leading_zero(cells: Iterable[str]) -> frozenset[int]:
    """Find widths of bare codes at which the file shows a leading zero, so that none was lost there."""
    return frozenset(
        len(match[1])
        for cell in cells
        for part in _SPLIT.split(cell)
        if (match := _BARE.match(part.strip())) and match[1].startswith("0")
    )


def _read_cell(cell: str, keeps_zeros: frozenset[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    whole = cell.upper()
    if whole in _EMPTY:
        return (), ()
    parts = [part.strip(" ;,|") for part in _SPLIT.split(whole)]
    codes, problems = [], []
    for part in parts:
        if part in _EMPTY:
            continue
        code, problem = _read_code(part, keeps_zeros)
        problems.append(problem)
        if code:
            codes.append(code)
    return tuple(codes), tuple(problems)


def _read_code(text: str, keeps_zeros: frozenset[int]) -> tuple[str | None, str]:
    valid = _valid()
    bare = _BARE.match(text)
    if bare and bare[1] in _SPECIAL:
        return None, f"unusable ({_SPECIAL[bare[1]]})"
    if bare and len(bare[1]) == _WIDTH:
        return (bare[1], "usable as they are") if bare[1] in valid else (None, "unusable (not in SIC 2007)")
    if bare:
        return _read_short(bare[1], keeps_zeros)
    match = _CODE.match(text)
    if match:
        code = (match[1] + (match[2] or "") + (match[3] or "")).ljust(_WIDTH, "0")
        if code in valid:
            return code, "completed to five digits"
        return None, "unusable (not in SIC 2007)"
    return None, "unusable (not a code)"


def _read_short(digits: str, keeps_zeros: frozenset[int]) -> tuple[str | None, str]:
    valid = _valid()
    readings = {digits.ljust(_WIDTH, "0")} if 1 < len(digits) < _WIDTH else set()
    if len(digits) in (3, 4) and len(digits) not in keeps_zeros:
        readings.add(("0" + digits).ljust(_WIDTH, "0"))
    usable = sorted(readings & valid)
    if len(usable) > 1 or (usable and digits in _ALSO_SIC_2003 and len(digits) not in keeps_zeros):
        return None, f"unusable (ambiguous with {len(digits)} digits: a leading zero may be lost)"
    if usable:
        return usable[0], "completed to five digits"
    return None, "unusable (not in SIC 2007)"
