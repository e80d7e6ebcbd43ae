"""Small worlds whose neighbours are known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.ledger import Ledger
from clustermap.sources.values import Areas


def _areas(frame, crs):
    return Areas(
        frame=frame if frame.crs is not None else frame.set_crs(crs),
        kind="area",
        vintage=None,
        source="",
        ledger=Ledger.from_reasons(pd.Series(["accepted"] * len(frame)), verdicts={}),
    )


@pytest.fixture
def make_areas():
    """Make areas of polygons by code; names are the codes in lower case."""

    def make(shapes, *, crs="EPSG:27700"):
        codes = sorted(shapes)
        frame = gpd.GeoDataFrame(
            {"name": [str(c).lower() for c in codes]},
            geometry=[shapes[c] for c in codes],
            index=pd.Index(codes, name="code"),
            crs=crs,
        )
        return _areas(frame, crs)

    return make


@pytest.fixture
def from_frame():
    """Make areas of a frame as it is, in a metric system where it names none."""

    def make(frame, *, crs="EPSG:27700"):
        plain = gpd.GeoDataFrame(
            {"name": [str(i) for i in range(len(frame))]},
            geometry=frame.geometry.to_numpy(),
            index=frame.index,
            crs=frame.crs,
        )
        return _areas(plain, crs)

    return make


@pytest.fixture
def chessboard(make_areas):
    """Nine squares of 100 m: a1 a2 a3 in the lowest row, then b1 …, c1 …."""
    return make_areas(
        {
            f"{'abc'[row]}{column + 1}": shapely.box(
                100 * column, 100 * row, 100 * column + 100, 100 * row + 100
            )
            for row in range(3)
            for column in range(3)
        }
    )


@pytest.fixture
def columbus(from_frame):
    """The 49 areas of Columbus, Ohio, that come with libpysal (units as published, system assumed)."""
    import libpysal

    frame = gpd.read_file(libpysal.examples.get_path("columbus.shp"))
    return from_frame(frame), frame


@pytest.fixture
def shuffled():
    """Put rows into another order."""

    def shuffle(areas, seed=0):
        order = np.random.default_rng(seed).permutation(len(areas))
        return areas.frame.iloc[order]

    return shuffle
