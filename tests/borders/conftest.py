"""Squares of 10 km, clusters planted on them, and authorities over them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from clustermap import Areas, Ledger, SectorTable, contiguity, detect_clusters

SIDE = 10_000


def _areas(codes, shapes, kind, names=None, crs=27700):
    frame = gpd.GeoDataFrame(
        {"name": names or [f"Place {code}" for code in codes]},
        geometry=shapes,
        index=pd.Index(codes, name="code"),
        crs=crs,
    ).sort_index()
    ledger = Ledger.from_reasons(pd.Series("accepted", index=frame.index), verdicts={})
    return Areas(frame=frame, kind=kind, vintage=None, source="Synthetic", ledger=ledger)


@pytest.fixture(scope="session")
def make_areas():
    """Give a function: areas from codes and shapes."""
    return _areas


@pytest.fixture(scope="session")
def make_grid():
    """Give a function: rows × columns of squares; codes are r0c0, r0c1, …"""

    def make(rows, columns):
        places = [(r, c) for r in range(rows) for c in range(columns)]
        return _areas(
            [f"r{r}c{c}" for r, c in places],
            [box(c * SIDE, r * SIDE, (c + 1) * SIDE, (r + 1) * SIDE) for r, c in places],
            "area",
        )

    return make


@pytest.fixture(scope="session")
def planted(make_grid):
    """Give a function: clusters found on a grid where some squares hold far more of the sector."""

    def make(counts, *, rows=5, columns=5, areas=True, **options):
        grid = make_grid(rows, columns)
        values = pd.Series(20.0, index=grid.frame.index)
        values.update(pd.Series(counts, dtype=float))
        table = SectorTable.from_values(
            values.to_frame("steel"),
            area_totals=pd.Series(1000.0, index=values.index),
            areas=grid if areas else None,
        )
        found = detect_clusters(table, contiguity(grid, rule="rook"), seed=1, **{"max_share": 0.5, **options})
        assert set(found.members["area"]) == {k for k, v in counts.items() if v > 40}
        return found

    return make


@pytest.fixture(scope="session")
def halves(make_areas):
    """West: columns 0–2; East: columns 3–4, of a grid of five."""
    return make_areas(
        ["E", "W"],
        [box(3 * SIDE, 0, 5 * SIDE, 5 * SIDE), box(0, 0, 3 * SIDE, 5 * SIDE)],
        "lep",
        names=["East", "West"],
    )


@pytest.fixture(scope="session")
def random_places():
    """Give a function: points from a seed."""

    def make(seed, n):
        rng = np.random.default_rng(seed)
        return rng.uniform(0, 1e5, n), rng.uniform(0, 1e5, n), rng.uniform(1, 5, n)

    return make
