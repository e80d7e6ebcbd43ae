"""Cells as text, numbers and dates: suppression marks and separators understood, nothing made up."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["dates", "numbers", "text"]

_SUPPRESSED = {
    "", "..", ".", "-", "–", "*", "c", ":", ": c", ":c", "x", "z", "n/a", "na", "nan", "none", "null",
    "suppressed", "not provided", "[c]", "[x]", "[z]", "#n/a",
}  # fmt: skip


def text(column: pd.Series) -> pd.Series:
    """Return a column as stripped text; missing cells are empty text, 123.0 is "123".

    Examples
    --------
    >>> text(pd.Series([1.0, None])).tolist()
    ['1', '']
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_integer_dtype(column.dtype):
        out = column.astype(object).map(lambda v: "" if pd.isna(v) else str(v))
        return out.astype(str)
    if pd.api.types.is_float_dtype(column.dtype):
        return column.map(_number_text).astype(str)
    if column.dtype == object:
        column = column.map(lambda v: "" if v is None or v is pd.NA or v is pd.NaT or v != v else str(v))  # noqa: PLR0124 - NaN alone differs from itself
    return column.astype(str).where(column.notna(), "").astype(str).str.strip()


def _number_text(value: float) -> str:
    if pd.isna(value):
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def numbers(column: pd.Series) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a column as floats, and which cells are suppressed, mended or unusable.

    "1,234" is one thousand two hundred and thirty-four unless the column shows decimal commas ("12,5").

    Returns
    -------
    values : numpy.ndarray of float
        NaN where there is no number.
    flags : dict
        Boolean arrays "suppressed", "separators removed", "not a number".
    """
    n = len(column)
    none = np.zeros(n, dtype=bool)
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = np.array(column.to_numpy(dtype=float, na_value=np.nan))
        missing = np.isnan(values)
        return values, {**_flags(none), "suppressed": missing}
    content = text(column)
    with contextlib.suppress(pa.ArrowInvalid):  # the usual case: nothing but numbers
        quick = pc.cast(pa.array(content, type=pa.string()), pa.float64())
        return np.array(quick.to_numpy(zero_copy_only=False)), _flags(none)
    parsed = np.array(pd.to_numeric(content, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
    odd = np.isnan(parsed)
    flags = _flags(none)
    rest = content[odd].str.lower()
    plain = rest.str.replace(r"[\s\u00a0\u202f£€]", "", regex=True)
    thousands = plain.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
    decimal = plain.str.fullmatch(r"[+-]?\d+,\d+") & ~content.str.contains(".", regex=False).any()
    as_decimal = bool((decimal & ~thousands).any())
    mended = plain.str.replace(",", "." if as_decimal else "", regex=False)
    readable = decimal if as_decimal else (thousands | plain.str.fullmatch(r"[+-]?\d+(\.\d+)?"))
    value = pd.to_numeric(mended.where(readable), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    parsed[odd] = value
    hidden = (rest.isin(_SUPPRESSED) | rest.str.fullmatch(r"[<>≤≥~]\s*\d+")).to_numpy(dtype=bool)
    flags["suppressed"][odd] = hidden & np.isnan(value)
    flags["separators removed"][odd] = ~np.isnan(value)
    flags["not a number"][odd] = np.isnan(value) & ~hidden
    return parsed, flags


def _flags(none: np.ndarray) -> dict[str, np.ndarray]:
    return {flag: none.copy() for flag in ("suppressed", "separators removed", "not a number")}


def dates(column: pd.Series) -> pd.Series:
    """Return a column of dates written DD/MM/YYYY or YYYY-MM-DD; missing where it is neither.

    Examples
    --------
    >>> dates(pd.Series(["03/11/1998", "1998-11-03", "soon"])).dt.year.fillna(0).astype(int).tolist()
    [1998, 1998, 0]
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    content = text(column)
    british = pd.to_datetime(content, format="%d/%m/%Y", errors="coerce")
    return british.fillna(pd.to_datetime(content.str.slice(0, 10), format="%Y-%m-%d", errors="coerce"))
