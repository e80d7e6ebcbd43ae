"""How often K_d and M find a planted cluster: 100 sectors a row, seeds fixed before the first run.

A sector of 40 among 2,000 firms in towns: a share of its firms lies among the 100 firms nearest to one firm, the rest
is a random draw. The row of share 0 is the size of the test.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

SEED, SITES, SECTOR, TRIES, DRAWS, LEVEL = 20_261_128, 2_000, 40, 100, 199, 0.05
NEAREST, SHARES = 100, (0.0, 0.1, 0.2, 0.3, 0.5)


def economy() -> Any:
    """Make towns of uneven size and scattered firms in a square of 100 km."""
    from clustermap.measures.distance import economy_distances

    rng = np.random.default_rng(SEED)
    size = rng.pareto(1.2, 30) + 1
    centre = rng.uniform(10_000, 90_000, (30, 2))
    xy = centre[rng.choice(30, SITES, p=size / size.sum())] + rng.normal(0, 2_000, (SITES, 2))
    scattered = rng.random(SITES) < 0.3
    xy[scattered] = rng.uniform(0, 100_000, (int(scattered.sum()), 2))
    firms = gpd.GeoDataFrame(
        {"firm_id": [f"f{i:04}" for i in range(SITES)]},
        geometry=gpd.points_from_xy(xy[:, 0] + 300_000, xy[:, 1] + 200_000),
        crs=27700,
    )
    return economy_distances(firms, maximum_m=60_000, exact_null=False)


def planted(world: Any, share: float, number: int) -> Any:
    """Return the economy with a sector of which a share lies around one firm."""
    rng = np.random.default_rng([SEED, round(1_000 * share), number])
    middle = rng.integers(SITES)
    near = np.argsort(np.hypot(world.x - world.x[middle], world.y - world.y[middle]))[:NEAREST]
    inside = rng.choice(near, round(share * SECTOR), replace=False)
    others = rng.choice(np.setdiff1d(np.arange(SITES), inside), SECTOR - len(inside), replace=False)
    kind = np.full(SITES, "rest", dtype=object)
    kind[inside] = kind[others] = "some"
    return replace(world, firms=replace(world.firms, frame=world.firms.frame.assign(kind=kind)))


def main() -> None:
    """Count, record."""
    from clustermap.measures.distance import duranton_overman, marcon_puech

    sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
    from _record import record

    quick = "--quick" in sys.argv
    world, tries, rows = economy(), 5 if quick else TRIES, []
    options = {"sectors": "kind", "sector": "some", "permutations": DRAWS}
    for share in SHARES:
        found = {"K_d": 0, "M": 0, "m": 0}
        for t in range(tries):
            data = planted(world, share, t)
            found["K_d"] += duranton_overman(data, seed=t, **options).p_localised <= LEVEL
            for function in ("M", "m"):
                curve = marcon_puech(data, function=function, seed=t, **options)
                found[function] += curve.p_localised <= LEVEL
        rows.append({"share_planted": share, **{name: int(n) / tries for name, n in found.items()}})
    figures = {"firms": SITES, "sector": SECTOR, "tries": tries, "draws": DRAWS, "found_localised": rows}
    if quick:
        print(figures)
    else:
        record("distance_power", figures)


if __name__ == "__main__":
    main()
