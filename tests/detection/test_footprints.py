"""Footprints: shapes with their holes and islands, the share inside, and names that are not made up."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point, box, points

import clustermap as cm
from clustermap.errors import InputError, OptionError

STEEL = {"steel": ["241"]}
LEEDS = (430_000.0, 434_000.0)


def ring_of(grid, make_table):
    """Give clusters whose only set is a ring of eight squares around a hole."""
    planted = {f"r{r}c{c}": 100 for r in (1, 2, 3) for c in (1, 2, 3) if (r, c) != (2, 2)}
    table = make_table(grid, planted | {"r2c2": 0})
    return table, cm.detect_clusters(table, grid.graph, permutations=99, seed=1, max_share=0.4)


def firms_around(place, seed, *, n=3_000, crs=27700, reach=10_000):
    rng = np.random.default_rng(seed)
    at = rng.uniform(-reach, reach, (n, 2)) + place
    near = np.hypot(*(at - place).T) < reach / 3
    return gpd.GeoDataFrame(
        {
            "firm_id": [f"f{i:05d}" for i in range(n)],
            "sic": np.where(rng.random(n) < np.where(near, 0.5, 0.05), "24100", "96090"),
        },
        geometry=points(at),
        crs=crs,
    )


def found_at(place, **options):
    firms = firms_around(np.asarray(place), 7, **options)
    return firms, cm.detect_clusters(
        firms, method="surface", sector=STEEL, radius_m=2_000, permutations=39, seed=1
    )


def test_a_ring_of_areas_keeps_its_hole(make_grid, make_table):
    grid = make_grid(6, 6)
    _, found = ring_of(grid, make_table)
    shape = found.footprints.geometry.iloc[0]
    assert len(shape.interiors) == 1
    assert shape.area == pytest.approx(8e8)
    assert not shape.contains(grid.areas.frame.geometry["r2c2"].centroid)


def test_the_share_of_the_sector_inside_is_counted(make_grid, make_table):
    table, found = ring_of(make_grid(6, 6), make_table)
    first = found.footprints.iloc[0]
    assert first["share"] == first["value"] / table.sector_totals["steel"]


def test_an_area_cluster_without_a_town_is_called_by_its_largest_area(make_grid, make_table):
    grid = make_grid(5, 5)
    found = cm.detect_clusters(
        make_table(grid, {"r1c1": 90, "r1c2": 120}), grid.graph, permutations=99, seed=1
    )
    assert found.names.to_dict() == {"C1": "Square r1c2"}
    plain = cm.SectorTable.from_values(found.table.values, area_totals=found.table.area_totals)
    assert cm.detect_clusters(plain, grid.graph, permutations=99, seed=1).names["C1"] == "r1c2"


def test_a_cluster_with_a_town_is_called_by_its_largest_town():
    codes = [f"q{k}" for k in range(16)]
    west, south = LEEDS[0] - 20_000, LEEDS[1] - 20_000
    frame = gpd.GeoDataFrame(
        {"code": codes, "name": codes},
        geometry=[
            box(west + 10_000 * c, south + 10_000 * r, west + 10_000 * (c + 1), south + 10_000 * (r + 1))
            for r in range(4)
            for c in range(4)
        ],
        crs=27700,
    )
    counts = pd.DataFrame({"steel": 20.0}, index=codes)
    counts.loc[["q9", "q10"], "steel"] = [150.0, 90.0]  # Bradford and Leeds
    table = cm.SectorTable.from_values(counts, area_totals=pd.Series(1_000.0, index=codes), areas=frame)
    found = cm.detect_clusters(table, permutations=99, seed=1)
    assert set(found.members["area"]) == {"q9", "q10"}
    assert found.names["C1"] == "Leeds"


def test_firms_are_called_by_the_town_inside_or_the_nearest_one():
    _, inside = found_at(LEEDS)
    assert inside.names["C1"] == "Leeds"
    assert "C1 (Leeds): " in inside.summary()
    assert inside.footprints["name"].iloc[0] == "Leeds"
    _, beside = found_at((LEEDS[0], LEEDS[1] + 250_000))  # off Northumberland
    assert beside.names["C1"] == "C1"
    assert "C1: " in beside.summary()
    _, near = found_at((340_000.0, 570_000.0))
    assert near.names["C1"].endswith(" km from Carlisle")
    distance = near.footprints.geometry.iloc[0].distance(Point(340_000, 556_000)) / 1_000
    assert near.names["C1"].startswith(f"{distance:.0f} km")


def test_no_english_town_is_read_into_another_country():
    firms = firms_around(np.asarray(LEEDS), 7).set_crs(2154, allow_override=True)
    shifted = firms.set_geometry(firms.geometry.translate(200_000, 6_000_000))
    found = cm.detect_clusters(
        cm.read_firms(shifted, project_to="EPSG:2154"), method="surface", sector=STEEL, radius_m=2_000,
        permutations=39, seed=1,
    )  # fmt: skip
    assert found.names["C1"] == "C1"


def test_hulls_hold_their_firms_and_nothing_depends_on_rows():
    firms, found = found_at(LEEDS)
    hull = found.hulls().loc["C1"]
    members = found.geo()
    own = members[members["cluster"] == "C1"]
    assert own.within(hull.buffer(1e-6)).all()
    convex = found.hulls(ratio=1).loc["C1"]
    assert hull.area < convex.area
    assert convex.equals(own.union_all().convex_hull)
    mixed = cm.detect_clusters(
        firms.sample(frac=1, random_state=3),
        method="surface",
        sector=STEEL,
        radius_m=2_000,
        permutations=39,
        seed=1,
    )
    assert list(mixed.hulls().to_wkb()) == list(found.hulls().to_wkb())
    assert list(mixed.footprints.geometry.to_wkb()) == list(found.footprints.geometry.to_wkb())
    first = found.footprints.iloc[0]
    assert first["share"] == first["n_firms"] / (firms["sic"] == "24100").sum()


def test_a_hull_of_one_address_has_a_margin():
    at = np.r_[np.full((60, 2), 400_000.0), np.random.default_rng(1).uniform(380_000, 420_000, (2_000, 2))]
    firms = gpd.GeoDataFrame(
        {
            "firm_id": [f"f{i:04d}" for i in range(2_060)],
            "sic": np.where(np.arange(2_060) < 60, "24100", "96090"),
        },
        geometry=points(at),
        crs=27700,
    )
    found = cm.detect_clusters(
        firms, method="surface", sector=STEEL, radius_m=3_000, permutations=39, seed=1, minimum=0.1
    )
    hull = found.hulls().loc["C1"]
    assert hull.area == pytest.approx(np.pi * 100**2, rel=0.01)


def test_hulls_without_sense_are_refused(make_grid, make_table):
    _, found = found_at(LEEDS)
    with pytest.raises(OptionError, match="CM-FOOTPRINT-001"):
        found.hulls(ratio=2)
    grid = make_grid(5, 5)
    areas = cm.detect_clusters(make_table(grid, {"r1c1": 90}), grid.graph, permutations=99, seed=1)
    with pytest.raises(InputError, match="CM-SCAN-010"):
        areas.hulls()


def test_nothing_found_has_empty_footprints_with_all_columns(make_grid, make_table):
    grid = make_grid(5, 5)
    found = cm.detect_clusters(make_table(grid), grid.graph, permutations=99, seed=1)
    assert found.names.empty
    assert [*found.frame.columns, "name", "share", "geometry"] == list(found.footprints.columns)
