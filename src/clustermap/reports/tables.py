"""CSV and GeoPackage that are the same bytes each time, and never run in a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

__all__ = ["csv_text", "geopackage", "read_csv"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_FIXED_DATE = (
    "2000-01-01T00:00:00.000Z"  # a GeoPackage notes when it was written: the same bytes need a fixed date
)


def csv_text(frame: pd.DataFrame) -> str:
    r"""Render a table as CSV: ``.`` decimals, ISO dates, text that no spreadsheet takes for a formula.

    Text cells (and column names) that begin with ``= + - @``, tab or return get a leading apostrophe, and so do
    those that already begin with an apostrophe, so that :func:`read_csv` can take it off without loss.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"name": ["=1+1"], "lq": [1.5]}))
    "name,lq\\n'=1+1,1.5\\n"
    """
    safe = frame.rename(columns=_defused)
    for position, column in enumerate(safe.columns):
        values = safe.iloc[:, position]
        if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(values):
            safe[column] = values.astype(object).map(_defused, na_action="ignore")
    return str(safe.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d"))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV that clustermap wrote: names such as NULL stay text, and the apostrophes are taken off."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""], encoding="utf-8")
    frame = frame.rename(columns=_restored)
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].map(_restored, na_action="ignore")
    return frame


def geopackage(path: Path, layers: dict[str, gpd.GeoDataFrame]) -> None:
    """Write layers into one GeoPackage, in order, with the same bytes each time.

    Parameters
    ----------
    path : pathlib.Path
        Where to write; nothing may stand there.
    layers : dict
        Layer name to GeoDataFrame; an empty layer keeps its columns.
    """
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_DATE})
    try:
        for position, (name, frame) in enumerate(layers.items()):
            kind = "LineString" if name == "pairs" else "MultiPolygon"
            pyogrio.write_dataframe(
                frame,
                path,
                layer=name,
                driver="GPKG",
                append=position > 0,
                geometry_type=f"Multi{kind.removeprefix('Multi')}",
                promote_to_multi=True,
                dataset_options=None if position else {"VERSION": "1.4"},
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _defused(text: object) -> object:
    if isinstance(text, str) and text.startswith((*_FORMULA_STARTS, "'")):
        return f"'{text}"
    return text


def _restored(text: object) -> object:
    return text[1:] if isinstance(text, str) and text.startswith("'") else text
