"""CSV and GeoPackage that are the same bytes each time, and never run in a spreadsheet."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from clustermap.errors import StorageError, part_of
from clustermap.storage import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

__all__ = ["csv_text", "geopackage", "read_csv"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - the wide forms count too
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_FIXED_DATE = (
    "2000-01-01T00:00:00.000Z"  # a GeoPackage notes when it was written: the same bytes need a fixed date
)


def csv_text(frame: pd.DataFrame) -> str:
    r"""Render a table as CSV: ``.`` decimals, ISO dates, text that no spreadsheet takes for a formula.

    Text cells (and column names) that begin with ``= + - @`` (their wide forms too), tab or a line end, with or
    without blanks before them, get a leading apostrophe, and so do those that already begin with an apostrophe,
    so that :func:`read_csv` can take it off without loss.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"name": ["=1+1"], "lq": [1.5]}))
    "name,lq\n'=1+1,1.5\n"
    """
    columns = [_safe_column(frame.iloc[:, i]) for i in range(frame.shape[1])]
    safe = pd.concat(columns, axis=1) if columns else frame
    safe.columns = pd.Index([_defused(name) for name in frame.columns], dtype=object)
    bare_return = any(
        "\r" in text for text in _texts(safe)
    )  # readers take it for a line end unless it is quoted
    quoting = csv.QUOTE_NONNUMERIC if bare_return else csv.QUOTE_MINIMAL
    return str(safe.to_csv(index=False, lineterminator="\n", quoting=quoting))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV that clustermap wrote, without loss.

    A column becomes numbers only where every value would be written the same way again: codes such as ``01110``
    stay text, and so do names such as NULL. The apostrophes of :func:`csv_text` are taken off. Empty cells are
    missing values.

    Raises
    ------
    StorageError
        CM-STORE-004: the file is not there, or not such a CSV.
    """
    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8", low_memory=False
        )
    except (OSError, ValueError) as error:
        raise StorageError(
            "CM-STORE-004",
            f"{getattr(path, 'name', path)} cannot be read as CSV: {error}",
            why="a part of a table would pass for the whole",
            fix="give a CSV that clustermap wrote; read_firms and read_table take other files",
        ) from error
    columns = [_typed(frame.iloc[:, i]) for i in range(frame.shape[1])]
    out = pd.concat(columns, axis=1) if columns else frame
    out.columns = pd.Index([_restored(name) for name in frame.columns])
    return out


def geopackage(path: Path, layers: dict[str, gpd.GeoDataFrame]) -> None:
    """Write layers into one GeoPackage, in order, with the same bytes each time.

    Parameters
    ----------
    path : pathlib.Path
        Where to write, atomically.
    layers : dict
        Layer name to GeoDataFrame; an empty layer keeps its columns. The layer ``"pairs"`` holds lines, the
        others polygons.

    Raises
    ------
    StorageError
        CM-STORE-001: it could not be written.
    """
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_DATE})
    try:
        write_atomic(path, lambda partial: _write_layers(partial, layers))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _write_layers(path: Path, layers: dict[str, gpd.GeoDataFrame]) -> None:
    import pyogrio

    for position, (name, frame) in enumerate(layers.items()):
        try:
            pyogrio.write_dataframe(
                _storable(frame),
                path,
                layer=name,
                driver="GPKG",
                append=position > 0,
                geometry_type="MultiLineString" if name == "pairs" else "MultiPolygon",
                promote_to_multi=True,
                dataset_options=None if position else {"VERSION": "1.4"},
            )
            written = pyogrio.read_info(path, layer=name)["features"]
        except (RuntimeError, ValueError) as error:  # what GDAL says about disks and fields alike
            raise OSError(f"layer {name}: {error}") from error
        if written != len(frame):
            raise OSError(f"layer {name}: {part_of(written, len(frame), 'row', 'was', 'were')} written")


def _storable(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Keep text from ending at a NUL, and half surrogate pairs from stopping the writer."""
    changed = {
        name: frame[name].map(_clean, na_action="ignore")
        for name in frame.columns.drop(frame.geometry.name)
        if _is_text(frame[name])
    }
    return frame.assign(**changed)


def _clean(value: object) -> object:
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "\ufffd").encode("utf-8", "backslashreplace").decode()


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(values)


def _safe_column(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        known = values.dropna()
        days = bool((known == known.dt.normalize()).all())
        return values.map(lambda t: t.date().isoformat() if days else t.isoformat(), na_action="ignore")
    if _is_text(values):
        return values.astype(object).map(_defused, na_action="ignore")
    return values


def _texts(frame: pd.DataFrame) -> list[str]:
    cells = [
        v for i in range(frame.shape[1]) if _is_text(frame.iloc[:, i]) for v in frame.iloc[:, i].unique()
    ]
    return [v for v in [*cells, *frame.columns] if isinstance(v, str)]


def _typed(text: pd.Series) -> pd.Series:
    known = text.dropna()
    if known.empty:
        return text.astype(float)
    if len(known) == len(text) and known.isin(["True", "False"]).all():
        return text == "True"
    if known.map(lambda t: _WHOLE.fullmatch(t) is not None).all():
        return text.astype("int64" if len(known) == len(text) else "Int64")
    numbers = known.map(_number)
    if numbers.notna().all():
        return numbers.astype(float).reindex(text.index)
    return text.map(_restored, na_action="ignore")


def _number(text: str) -> float | None:
    """Return the number that is written in just this way, if there is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if repr(value) == text and text != "nan" else None


def _defused(text: Any) -> Any:
    if isinstance(text, str) and (
        text.startswith((*_FORMULA_STARTS, "'")) or text.lstrip(" \xa0\ufeff").startswith(_FORMULA_STARTS)
    ):
        return f"'{text}"
    return text


def _restored(text: Any) -> Any:
    return text[1:] if isinstance(text, str) and text.startswith("'") else text
