"""Set-up of the boundary tests: the embedded sets, and how two sets of areas are compared."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap import datasets

BRITISH_GRID = 27700


@pytest.fixture(scope="session")
def embedded():
    """Give the folder of the embedded boundary sets, of the checkout or of the installed wheel."""
    return datasets.path("lad_2022").parent


@pytest.fixture(scope="session")
def districts(embedded):
    """Give the embedded districts."""
    return gpd.read_parquet(embedded / "lad_2022.parquet")


@pytest.fixture(scope="session")
def membership(embedded):
    """Give the embedded membership table."""
    return pd.read_csv(embedded / "membership.csv")


@pytest.fixture(params=["lep_2017", "lep_2021", "mca_2022", "region_2022"])
def authorities(request, embedded, membership):
    """Give one set of authorities after the other, with the membership rows that belong to it."""
    kind, vintage = request.param.split("_")
    members = membership[(membership["kind"] == kind) & (membership["vintage"] == int(vintage))]
    return gpd.read_parquet(embedded / f"{request.param}.parquet"), members


@pytest.fixture(scope="session")
def facts():
    """Give the folder of written-down facts (in a checkout only)."""
    return Path(__file__).resolve().parents[2] / "boundaries" / "facts"


@pytest.fixture(scope="session")
def real_districts(real_data):
    """Give the published English districts of 2022 with the embedded column names."""
    lad = gpd.read_file(real_data / "lad_2022_uk.geojson").to_crs(BRITISH_GRID)
    lad = lad[lad["LAD22CD"].str.startswith("E")].rename(columns={"LAD22CD": "code", "LAD22NM": "name"})
    return lad.sort_values("code", ignore_index=True)


@pytest.fixture(scope="session")
def bordering():
    """Give the judge: which areas share a border longer than ``longer_m``, or overlap.

    ``apart_m`` is the gap over which two areas still touch: 0 for coverages, more for published LEPs with pinholes.
    """

    def pairs(areas, *, apart_m=0.0, longer_m=0.0):
        shapes, codes = areas.geometry.to_numpy(), areas["code"].to_numpy()
        a, b = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=apart_m)
        a, b = a[a < b], b[a < b]
        other = shapely.buffer(shapes[b], apart_m) if apart_m else shapely.boundary(shapes[b])
        border = shapely.length(shapely.intersection(shapely.boundary(shapes[a]), other))
        # A repaired polygon with a collapsed part is a collection and has no boundary: never count that as no border.
        assert not np.isnan(border).any(), "areas must be polygons"
        overlap = shapely.area(shapely.intersection(shapes[a], shapes[b])) > 1e6
        found = (border > longer_m) | overlap
        return {tuple(sorted(pair)) for pair in zip(codes[a[found]], codes[b[found]], strict=True)}

    return pairs


@pytest.fixture(scope="session")
def dissolved():
    """Give a function that joins districts to authorities by a table of area and authority."""

    def join(areas, members):
        shape = areas.set_index("code").geometry
        rows = [
            (authority, shapely.union_all(shape.loc[group["area"]].to_numpy()))
            for authority, group in members.groupby("authority")
        ]
        frame = pd.DataFrame(rows, columns=["code", "geometry"])
        return gpd.GeoDataFrame(frame, geometry="geometry", crs=BRITISH_GRID)

    return join


@pytest.fixture(scope="session")
def components():
    """Give a function that counts the connected groups among codes under pairs of neighbours."""

    def count(codes, pairs):
        group = {code: k for k, code in enumerate(codes)}
        for a, b in pairs:
            if a in group and b in group and group[a] != group[b]:
                old, new = group[a], group[b]
                group = {code: new if k == old else k for code, k in group.items()}
        return sorted(np.unique(list(group.values()), return_counts=True)[1].tolist())

    return count
