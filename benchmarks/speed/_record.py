"""Write one benchmark's figures with what they were measured on."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "pandas", "geopandas", "shapely", "libpysal", "esda", "numba", "folium", "scikit-learn")


RESULTS = Path(__file__).resolve().parents[1] / "results"


def earlier(name: str) -> dict[str, Any]:
    """Return what is recorded under a name; nothing where nothing is."""
    target = RESULTS / f"{name}.json"
    return dict(json.loads(target.read_text(encoding="utf-8"))) if target.is_file() else {}


def record(name: str, figures: dict[str, Any], *, quiet: bool = False) -> None:
    """Write ``benchmarks/results/NAME.json`` and print it."""
    machine = {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {library: version(library) for library in LIBRARIES},
    }
    text = json.dumps({"machine": machine, **figures}, indent=1, sort_keys=True) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    if not quiet:
        print(text)
