"""The whole way outside Britain: degrees in, a national grid to work in, the same cluster and map out."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import clustermap as cm
from clustermap.errors import CrsError
from clustermap.randomness import stream

COUNTRIES = {"France": ("EPSG:2154", 650_000, 6_650_000), "Hungary": ("EPSG:23700", 600_000, 150_000)}
SIDE_M, PLANTED = 10_000, [(2, 2), (2, 3), (3, 3)]


@pytest.fixture(params=COUNTRIES)
def country(request):
    """36 synthetic squares and 7,200 firms in longitude and latitude; three squares have five times the steel."""
    crs, east, north = COUNTRIES[request.param]
    cells = [(i, j) for i in range(6) for j in range(6)]
    areas = gpd.GeoDataFrame(
        {"code": [f"{i}{j}" for i, j in cells], "name": [f"Synthetic {i}{j}" for i, j in cells]},
        geometry=[
            shapely.box(
                east + i * SIDE_M, north + j * SIDE_M, east + (i + 1) * SIDE_M, north + (j + 1) * SIDE_M
            )
            for i, j in cells
        ],
        crs=crs,
    )
    rng = stream(11, "abroad", request.param)
    cell = np.repeat(np.arange(36), 200)
    x = east + (np.array(cells)[cell, 0] + rng.uniform(0.01, 0.99, len(cell))) * SIDE_M
    y = north + (np.array(cells)[cell, 1] + rng.uniform(0.01, 0.99, len(cell))) * SIDE_M
    steel = rng.random(len(cell)) < np.where([cells[c] in PLANTED for c in cell], 0.25, 0.05)
    firms = gpd.GeoDataFrame(
        {"firm_id": [f"f{i:05d}" for i in range(len(cell))], "sic": np.where(steel, "24100", "62012")},
        geometry=shapely.points(x, y),
        crs=crs,
    )
    return crs, areas.to_crs("EPSG:4326"), firms.to_crs("EPSG:4326")


def test_the_planted_squares_are_found_and_mapped(country, tmp_path):
    crs, areas, firms = country
    squares = cm.read_boundaries(areas, project_to=crs)
    table = cm.tabulate(cm.read_firms(firms, project_to=crs), squares, sectors={"steel": ["241"]})
    assert table.total == 7_200
    graph = cm.contiguity(squares, snap_m=1)
    clusters = cm.detect_clusters(table, graph, permutations=199, seed=1)
    best = clusters.frame.iloc[0]["cluster"]
    assert set(clusters.members.set_index("cluster").loc[best, "area"]) == {f"{i}{j}" for i, j in PLANTED}
    halves = pd.DataFrame({"area": areas["code"], "authority": [f"W{c[0] > '2'}" for c in areas["code"]]})
    shared = cm.crossing(clusters, cm.read_lookup(halves, area="area", authority="authority"))
    assert set(shared.frame["authority"]) == {"WFalse", "WTrue"}
    page = tmp_path / "map.html"
    cm.draw_map(shared, cm.location_quotient(table), cm.local_moran(table, graph, seed=1)).save(page)
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in areas["name"])


def test_a_place_outside_britain_without_a_grid_is_told_which_to_take(country):
    _, areas, firms = country
    for read, frame in ((cm.read_boundaries, areas), (cm.read_firms, firms)):
        with pytest.raises(CrsError, match=r"CM-CRS-006[\s\S]*project_to"):
            read(frame)
