"""Choose DBSCAN's and HDBSCAN's settings for the table on tuning seeds: ``python benchmarks/accuracy/tune_points.py``.

scikit-learn has no rule for them, so that the table gives it the best of a grid, by F1 over the rows with a cluster
that it can be asked of. Weighted DBSCAN counts each firm of the sector by how sparse all firms are in its area: what it
knows of the economy is then what the scan knows.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any

import baselines
import numpy as np
import rows
from scores import score, summarise

MOST_POINTS, WORLDS, BEST = 2_000, 10, 6
GRID: dict[str, dict[str, tuple[Any, ...]]] = {
    "DBSCAN": {"near": (5, 10, 20), "quantile": (0.3, 0.5, 0.7, 0.9), "most": (0.3, 0.5, 0.7, 0.9)},
    "DBSCAN, weighted": {
        "near": (5, 10, 20),
        "quantile": (0.7, 0.9, 1.0),
        "over": (1.25, 1.5, 1.75, 2.0),
        "most": (0.5, 0.7, 0.9),
    },
    "HDBSCAN": {"part": (10, 20, 50, 100), "leaves": (False, True), "most": (0.3, 0.5, 0.7, 0.9)},
}
CALLS = {
    "DBSCAN": baselines.density,
    "DBSCAN, weighted": baselines.weighted_density,
    "HDBSCAN": baselines.hierarchy,
}


def main() -> None:
    """Score every setting on the same worlds, and print the best."""
    from clustermap.testing import make_world

    many = 3 if "--quick" in sys.argv else WORLDS
    chosen = [r for r in rows.ROWS.values() if not r.null and r.world["sector_firms"] <= MOST_POINTS]
    runs: dict[tuple[str, tuple[Any, ...]], list[list[dict[str, float]]]] = {}
    for row in chosen:
        worlds = [make_world(**row.world, points=True, seed=seed) for seed in rows.TUNING_SEEDS[:many]]
        for name, grid in GRID.items():
            for values in itertools.product(*grid.values()):
                asked = dict(zip(grid, values, strict=True))
                own = [score(world, CALLS[name](world, 0, **asked)) for world in worlds]
                runs.setdefault((name, values), []).append(own)
    for name, grid in GRID.items():
        f1 = {
            values: [np.nan_to_num(summarise(own)["f1"]) for own in by_row]
            for (who, values), by_row in runs.items()
            if who == name
        }
        print(name, tuple(grid), "mean F1, and of each row")
        for values in sorted(f1, key=lambda v: -float(np.mean(f1[v])))[:BEST]:
            print(
                f"  {values}: {np.mean(f1[values]):.3f}", [round(float(x), 2) for x in f1[values]], flush=True
            )


if __name__ == "__main__":
    main()
