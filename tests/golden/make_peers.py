"""Record local Moran of esda and pygeoda on a chessboard with a warm corner, and the cutoff that pygeoda takes for FDR.

Needs pygeoda, and minutes for esda to compile; the tests read what is written here.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import esda
import geopandas as gpd
import numpy as np
import pygeoda
import shapely
from libpysal.graph import Graph

SEED, SIDE, DRAWS, ESDA_DRAWS, LEVEL = 20_261_129, 12, 999, 9_999, 0.05
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
        pygeoda.queen_weights(pygeoda.open(frame)),
        frame["x"].tolist(),
        permutations=DRAWS,
        seed=SEED,
        cpu_threads=1,
    )
    w = Graph.build_contiguity(frame, rook=False).to_W()
    other = esda.Moran_Local(values, w, permutations=ESDA_DRAWS, seed=SEED, n_jobs=1)
    figures = {
        "versions": {name: version(name) for name in ("pygeoda", "esda", "libpysal")},
        "esda_permutations": ESDA_DRAWS,
        "esda_statistic": other.Is.tolist(),
        "esda_p": other.p_sim.tolist(),
        "side": SIDE,
        "pygeoda_permutations": DRAWS,
        "level": LEVEL,
        "values": values.tolist(),
        "pygeoda_statistic": list(found.lisa_values()),
        "pygeoda_p": list(found.lisa_pvalues()),
        "pygeoda_fdr_cutoff": found.lisa_fdr(LEVEL),
    }
    (HERE / "peers.json").write_text(json.dumps(figures, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
