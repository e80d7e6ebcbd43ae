"""What went in, with which settings and versions: the same bytes for the same study."""

from __future__ import annotations

import json
import math
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from clustermap.storage import file_hash

if TYPE_CHECKING:
    from pathlib import Path

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
    "pyproj",
    "scipy",
    "shapely",
)


def input_record(role: str, path: Path) -> dict[str, Any]:
    """Describe one input file by name, size and hash; its folder is nobody's business."""
    return {"role": role, "name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}


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
        The declaration as read.
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
        "libraries": {name: version(name) for name in _LIBRARIES},
        "platform": f"{platform.system()} {platform.machine()}",
        "study": study,
        "inputs": inputs,
        "parameters": parameters,
        "ledgers": ledgers,
        "warnings": warnings,
        "outputs": outputs,
    }
    return json.dumps(_plain(content), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Turn values into what JSON can hold; NaN is null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
