"""A small world whose every figure is known, and the texts that must never become markup."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from clustermap.ledger import Ledger
from clustermap.sources.values import Areas, Firms
from clustermap.tables.table import SectorTable

SIDE, STEP = 6, 10_000
WEST, SOUTH = 400_000, 300_000


def _ledger(n):
    return Ledger.from_reasons(pd.Series(["accepted"] * n), verdicts={})


@pytest.fixture(scope="session")
def hostile():
    return json.loads(Path(__file__).with_name("hostile.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def make_areas():
    """Make areas on British National Grid from ``(code, name, shape)``."""

    def make(
        rows, *, kind="lad", vintage=2022, source="A made-up office", generalised=False, crs="EPSG:27700"
    ):
        frame = gpd.GeoDataFrame(
            {"name": [name for _, name, _ in rows]},
            geometry=[shape for _, _, shape in rows],
            index=pd.Index([code for code, _, _ in rows], name="code"),
            crs=crs,
        ).sort_index()
        return Areas(
            frame=frame,
            kind=kind,
            vintage=vintage,
            source=source,
            ledger=_ledger(len(rows)),
            generalised=generalised,
        )

    return make


@pytest.fixture(scope="session")
def make_firms():
    """Make firms on British National Grid from ``(name, x, y)``."""

    def make(rows, *, synthetic=False, location="workplace"):
        frame = gpd.GeoDataFrame(
            {
                "firm_id": [f"F{i:05d}" for i in range(len(rows))],
                "name": [name for name, _, _ in rows],
                "location_kind": location,
            },
            geometry=[Point(x, y) for _, x, y in rows],
            crs="EPSG:27700",
        )
        return Firms(
            frame=frame,
            activities=pd.DataFrame(),
            ledger=_ledger(len(rows)),
            source="A register",
            synthetic=synthetic,
        )

    return make


@pytest.fixture(scope="session")
def square():
    """Give the square in a column and row of the grid."""

    def make(i, j, wide=1, high=1):
        west, south = WEST + STEP * i, SOUTH + STEP * j
        return box(west, south, west + STEP * wide, south + STEP * high)

    return make


@pytest.fixture(scope="session")
def districts(make_areas, square):
    """Thirty-six squares: D00 in the south-west, the first figure is the column."""
    return make_areas(
        [(f"D{i}{j}", f"Square {i}-{j}", square(i, j)) for i in range(SIDE) for j in range(SIDE)]
    )


@pytest.fixture(scope="session")
def authorities(make_areas, square):
    """Three authorities of two columns each."""
    rows = [(f"A{k}", f"Authority {k}", square(2 * k, 0, 2, SIDE)) for k in range(3)]
    return make_areas(rows, kind="lep", vintage=2017, generalised=True)


@pytest.fixture(scope="session")
def table(districts):
    """Steel is everywhere a tenth, but in four squares across the border of A0 and A1, where it is a third."""
    hot = {"D12", "D13", "D22", "D23"}
    steel = pd.Series({code: 100.0 if code in hot else 30.0 for code in districts.frame.index})
    values = pd.DataFrame({"steel": steel, "other": 300.0 - steel})
    return SectorTable.from_values(values, areas=districts)
