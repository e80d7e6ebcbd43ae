"""What went in, with which settings and versions: the same bytes for the same study."""

from __future__ import annotations

import datetime as dt
import json
import math
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from clustermap.crs import proj_version
from clustermap.storage import file_hash

__all__ = ["input_record", "manifest_text"]

SCHEMA = 1
_LIBRARIES = (
    "esda",
    "folium",
    "geopandas",
    "libpysal",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pyogrio",
    "pyproj",
    "scikit-learn",
    "scipy",
    "shapely",
)


def input_record(role: str, path: Path) -> dict[str, Any]:
    """Describe one input file by name, size and hash; its folder is nobody's business.

    A Shapefile is several files: the others of its stem are listed under ``parts``.
    """
    digest = file_hash(path)
    record = {"role": role, "name": path.name, "bytes": path.stat().st_size, "sha256": digest}
    if path.suffix.lower() == ".shp":
        parts = sorted(p for p in path.parent.iterdir() if p.stem == path.stem and p != path)
        record["parts"] = {p.name: file_hash(p) for p in parts if p.is_file()}
    return record


def manifest_text(
    *,
    study: dict[str, Any],
    inputs: list[dict[str, Any]],
    parameters: dict[str, Any],
    ledgers: dict[str, Any],
    warnings: list[str],
    outputs: dict[str, str],
) -> str:
    """Render the manifest: no dates, no paths, keys in order.

    Parameters
    ----------
    study : dict
        The declaration as read; of absolute paths only the last part is kept.
    inputs : list of dict
        From :func:`input_record`.
    parameters : dict
        Settings of every result, after defaults, with the seed.
    ledgers : dict
        Row accounting by stage.
    warnings : list of str
        What a reader must know.
    outputs : dict
        File name to SHA-256.
    """
    import clustermap

    content = {
        "schema": SCHEMA,
        "clustermap": clustermap.__version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES} | _engines(),
        "platform": f"{platform.system()} {platform.machine()}",
        "study": _without_folders(study),
        "inputs": inputs,
        "parameters": parameters,
        "ledgers": ledgers,
        "warnings": warnings,
        "outputs": outputs,
    }
    return json.dumps(_plain(content), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # numba may be absent
        return None


def _engines() -> dict[str, str]:
    """Name the versions of the C libraries that geometry and files go through."""
    import pyogrio
    import shapely

    return {
        "GDAL": ".".join(map(str, pyogrio.__gdal_version__)),
        "GEOS": ".".join(map(str, shapely.geos_version)),
        "PROJ": proj_version(),
    }


def _without_folders(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_folders(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(v) for v in value]
    for kind in (PurePosixPath, PureWindowsPath):
        if isinstance(value, str) and kind(value).is_absolute():
            return kind(value).name
    return value


def _plain(value: Any) -> Any:
    """Turn values into what JSON can hold, in a fixed order."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, dict | pd.Series):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple | pd.Index):
        return [_plain(v) for v in value]
    return _scalar(value)


def _scalar(value: Any) -> str | float | None:
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    text = value.name if isinstance(value, Path) else str(value)
    if " at 0x" in text:  # an address in memory is another one in each run
        text = type(value).__name__
    return text.encode("utf-8", "backslashreplace").decode()
