"""Record p-values of pygeoda's local Moran on a chessboard with a warm corner, and the cutoff that it takes for FDR.

Needs pygeoda, which the tests do not: they read what is written here.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
import pygeoda
import shapely

SEED, SIDE, DRAWS, LEVEL = 20_261_129, 12, 999, 0.05
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write values, p and cutoff."""
    rng = np.random.default_rng(SEED)
    row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
    values = rng.normal(size=SIDE * SIDE) + 2.5 * ((row < 4) & (column < 4))
    frame = gpd.GeoDataFrame(
        {"x": values}, geometry=shapely.box(column, row, column + 1, row + 1), crs="EPSG:27700"
    )
    found = pygeoda.local_moran(
        pygeoda.queen_weights(pygeoda.open(frame)), frame["x"].tolist(), permutations=DRAWS, seed=SEED, cpu_threads=1
    )
    figures = {
        "pygeoda": version("pygeoda"),
        "side": SIDE,
        "permutations": DRAWS,
        "level": LEVEL,
        "values": values.tolist(),
        "statistic": list(found.lisa_values()),
        "p": list(found.lisa_pvalues()),
        "fdr_cutoff": found.lisa_fdr(LEVEL),
    }
    (HERE / "pygeoda.json").write_text(json.dumps(figures, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
