"""Write one benchmark's figures with what they were measured on."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "pandas", "geopandas", "shapely", "libpysal", "esda", "numba", "folium", "scikit-learn")


def record(name: str, figures: dict[str, Any]) -> None:
    """Write ``benchmarks/results/NAME.json`` and print it."""
    machine = {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {library: version(library) for library in LIBRARIES},
    }
    text = json.dumps({"machine": machine, **figures}, indent=1, sort_keys=True) + "\n"
    target = Path(__file__).resolve().parent / "results" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(text)
