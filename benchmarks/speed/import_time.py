"""How long ``import clustermap`` takes in a fresh process, beside the libraries it builds on; medians of 7."""

from __future__ import annotations

import statistics
import subprocess
import sys

from _record import record

CODE = "import time; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"
MODULES = ("clustermap", "geopandas", "esda")
RUNS, TARGET_S = 7, 0.15


def seconds(module: str) -> float:
    """Time one import in a fresh process, after one that warms the disk."""
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-c", CODE.format(module)], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(RUNS + 1)
    ]
    return round(statistics.median(runs[1:]), 4)


if __name__ == "__main__":
    record("import_time", {"seconds": {module: seconds(module) for module in MODULES}, "target_s": TARGET_S})
