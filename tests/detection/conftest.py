"""Small worlds on a grid of squares of 10 km."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from clustermap import Areas, Ledger, SectorTable, contiguity

SIDE = 10_000


@pytest.fixture(scope="session")
def make_grid():
    """Give a function: rows × columns of squares with their rook graph; codes are r0c0, r0c1, …"""

    def make(rows, columns):
        codes = [f"r{r}c{c}" for r in range(rows) for c in range(columns)]
        shapes = [
            box(c * SIDE, r * SIDE, (c + 1) * SIDE, (r + 1) * SIDE)
            for r in range(rows)
            for c in range(columns)
        ]
        frame = gpd.GeoDataFrame(
            {"name": [f"Square {code}" for code in codes]},
            geometry=shapes,
            index=pd.Index(codes, name="code"),
            crs=27700,
        )
        ledger = Ledger.from_reasons(pd.Series("accepted", index=frame.index), verdicts={})
        areas = Areas(frame=frame.sort_index(), kind="area", vintage=None, source="Synthetic", ledger=ledger)
        return SimpleNamespace(areas=areas, graph=contiguity(areas, rule="rook"), codes=codes)

    return make


@pytest.fixture(scope="session")
def make_table():
    """Give a function: counts of a sector by area, 20 of 1,000 firms wherever nothing else is said."""

    def make(grid, planted=None, *, usual=20, total=1000, name="steel"):
        counts = pd.Series(usual, index=grid.areas.frame.index).astype(float)
        for code, value in (planted or {}).items():
            counts[code] = value
        return SectorTable.from_values(
            counts.to_frame(name),
            area_totals=pd.Series(float(total), index=counts.index),
            areas=grid.areas,
        )

    return make


@pytest.fixture(scope="session")
def even_counts():
    """Give a function: counts drawn with the same rate everywhere."""

    def draw(grid, seed, *, firms=500, risk=None):
        rng = np.random.default_rng(seed)
        share = rng.lognormal(0, 0.6, len(grid.codes))
        share /= share.sum()
        rate = share * (1.0 if risk is None else risk)
        index = grid.areas.frame.index
        counts = rng.poisson(rate * firms) if risk is not None else rng.multinomial(firms, share)
        totals = np.maximum(np.round(share * firms * 50), counts)
        return SectorTable.from_values(
            pd.DataFrame({"steel": counts}, index=index),
            area_totals=pd.Series(totals, index=index),
            areas=grid.areas,
        )

    return draw
