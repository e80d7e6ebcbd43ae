"""Small worlds whose answers are known."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from clustermap.ledger import Ledger
from clustermap.sources.values import Areas, Firms

BNG = "EPSG:27700"


def _accepted(n):
    return Ledger.from_reasons(pd.Series(["accepted"] * n), verdicts={})


@pytest.fixture
def make_areas():
    """Make areas of polygons by code; names are the codes in lower case unless given."""

    def make(shapes, *, names=None, crs=BNG, generalised=False):
        codes = sorted(shapes)
        frame = gpd.GeoDataFrame(
            {"name": [(names or {}).get(c, c.lower()) for c in codes]},
            geometry=[shapes[c] for c in codes],
            index=pd.Index(codes, name="code"),
            crs=crs,
        )
        return Areas(
            frame=frame,
            kind="area",
            vintage=None,
            source="",
            ledger=_accepted(len(frame)),
            generalised=generalised,
        )

    return make


@pytest.fixture
def make_firms():
    """Make firms of (x, y) points, with SIC codes as lists, the first one first."""

    def make(points, *, sic=None, crs=BNG, kind="workplace", synthetic=False, **columns):
        ids = [f"f{i:03d}" for i in range(len(points))]
        codes = sic or [["62012"]] * len(points)
        frame = gpd.GeoDataFrame(
            {
                "firm_id": ids,
                "name": ids,
                "sic": pd.Categorical([c[0] if c else None for c in codes]),
                "value": float("nan"),
                "location_kind": pd.Categorical([kind] * len(points)),
                **columns,
            },
            geometry=shapely.points(points),
            crs=crs,
        )
        rows = [(i, c, p, "SIC 2007") for i, cs in zip(ids, codes, strict=True) for p, c in enumerate(cs)]
        activities = pd.DataFrame(rows, columns=["firm_id", "sic", "position", "classification"])
        return Firms(frame=frame, activities=activities, ledger=_accepted(len(frame)), synthetic=synthetic)

    return make


@pytest.fixture
def squares(make_areas):
    """Two squares A and B side by side, and C over the right half of A and the left half of B."""
    return make_areas(
        {"A": shapely.box(0, 0, 10, 10), "B": shapely.box(10, 0, 20, 10), "C": shapely.box(5, 0, 15, 10)}
    )
