"""Clusters of firms across borders: shares by place, borders inside a footprint, maps and files."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

import clustermap as cm
from clustermap.errors import AlignmentError, CrsError, InputError, OptionError
from clustermap.reports.tables import geopackage
from clustermap.schema import CROSSING_COLUMNS, PAIR_COLUMNS

STEEL = {"steel": ["241"]}


@pytest.fixture(scope="module")
def firms():
    """A steel town of 10 × 6 firms on a lattice of 100 m around x = 500, y = 300; 500 other firms far off."""
    east, north = np.meshgrid(np.arange(10) * 100.0 + 50, np.arange(6) * 100.0 + 50)
    town = np.column_stack([east.ravel(), north.ravel()])
    rest = np.random.default_rng(4).uniform(20_000, 60_000, (500, 2))
    frame = {"firm_id": [f"f{i:03d}" for i in range(560)], "sic": ["24100"] * 60 + ["62012"] * 500}
    points = shapely.points(np.concatenate([town, rest]) + 400_000)
    return cm.read_firms(gpd.GeoDataFrame(frame, geometry=points, crs=27700))


@pytest.fixture(scope="module")
def found(firms):
    return cm.detect_clusters(
        firms, method="dbscan", sector=STEEL, radius_m=100, minimum=3, permutations=19, seed=1
    )


@pytest.fixture(scope="module")
def west_east(make_areas):
    """The border at x = 300 runs through the town: 18 firms west, 42 east."""
    shapes = [box(390_000, 390_000, 400_300, 410_000), box(400_300, 390_000, 470_000, 470_000)]
    return make_areas(["W", "E"], shapes, "lep", names=["West", "East"])


def test_the_value_of_an_authority_is_what_the_firms_inside_it_count(found, west_east):
    shared = cm.crossing(found, west_east)
    assert tuple(shared.frame.columns) == CROSSING_COLUMNS
    assert shared.frame[["authority", "value", "share"]].to_numpy().tolist() == [
        ["E", 42, 0.7],
        ["W", 18, 0.3],
    ]
    assert shared.effective_authorities["C1"] == pytest.approx(1 / (0.49 + 0.09))
    assert shared.of("West").summary() == "West holds 30% of C1 (18), together with East."
    assert "60 firms lie in several authorities" in shared.membership_rule
    assert list(shared.membership.columns) == ["firm_id", "authority", "share"]


def test_a_pair_is_a_border_inside_the_footprint_with_the_firms_on_either_side(found, west_east):
    pairs = cm.crossing(found, west_east).pairs
    assert tuple(pairs.columns) == PAIR_COLUMNS
    row = pairs.iloc[0]
    assert (row["a"], row["b"], row["value_a"], row["value_b"], row["strength"]) == ("E", "W", 42, 18, 0.3)
    assert row["n_links"] == 6  # six rows of the lattice, one couple 100 m apart in each
    footprint = found.footprints.geometry.iloc[0]
    border = shapely.LineString([(400_300, 390_000), (400_300, 410_000)])
    assert row["border_km"] == pytest.approx(footprint.intersection(border).length / 1000)
    assert np.isnan(row["p_crosses"])
    drawn = cm.crossing(found, west_east).geo()
    assert drawn.geometry.length.iloc[0] == pytest.approx(1000 * row["border_km"])
    assert drawn.crs == found.footprints.crs


def test_firms_in_no_authority_and_in_two_are_accounted_for(found, make_areas):
    overlapping = make_areas(
        ["L", "R"], [box(400_000, 400_000, 400_500, 401_000), box(400_400, 400_000, 400_800, 401_000)], "lep"
    )
    half = cm.crossing(found, overlapping).frame.set_index("authority")
    assert half["value"].to_dict() == {"L": 27.0, "R": 21.0, "(none)": 12.0}
    assert half["share"].sum() == pytest.approx(1)
    full = cm.crossing(found, overlapping, overlap="full").frame.set_index("authority")
    assert full["value"].to_dict() == {"L": 30.0, "R": 24.0, "(none)": 12.0}
    first = cm.crossing(found, overlapping, overlap="primary").frame.set_index("authority")
    assert first["value"].to_dict() == {"L": 30.0, "R": 18.0, "(none)": 12.0}
    assert "20% in no authority" in cm.crossing(found, overlapping).summary()


def test_an_authority_that_holds_the_whole_cluster_crosses_nothing(found, make_areas):
    whole = make_areas(
        ["A", "B"], [box(390_000, 390_000, 410_000, 410_000), box(410_000, 390_000, 5e5, 5e5)], "lep"
    )
    shared = cm.crossing(found, whole)
    assert shared.frame["authority"].tolist() == ["A"]
    assert shared.pairs.empty
    assert shared.geo().empty


def test_a_series_of_authorities_by_firm_will_do(found, firms):
    owner = pd.Series(np.where(np.arange(560) % 2, "W", "E"), index=firms.frame["firm_id"])
    shared = cm.crossing(found, owner)
    assert shared.frame["value"].tolist() == [30, 30]
    assert shared.pairs["n_links"].tolist() == [54]  # every couple along the rows, none between columns
    assert np.isnan(shared.pairs["border_km"]).all()
    with pytest.raises(InputError, match="CM-CROSS-003"):
        shared.geo()
    with pytest.raises(AlignmentError, match="CM-CROSS-002"):
        cm.crossing(found, pd.Series(["W"], index=["nobody"]))
    assert "C1" in cm.draw_map(shared).get_root().render()


def test_other_methods_among_firms_are_crossed_too(firms, west_east, make_areas):
    lumps = firms.frame.copy()
    rng = np.random.default_rng(5)
    middles = np.repeat([[400_300, 400_300], [430_000, 430_000]], 30, axis=0)
    lumps.loc[lumps.index[:60], "geometry"] = shapely.points(middles + rng.normal(0, 200, (60, 2)))
    ordered = cm.detect_clusters(
        replace(firms, frame=lumps),
        method="hdbscan",
        sector=STEEL,
        minimum=10,
        permutations=1,
        alpha=1,
        seed=1,
    )
    assert len(ordered.frame) == 2
    pairs = cm.crossing(ordered, west_east).pairs
    assert np.isnan(pairs["n_links"]).all()
    assert len(pairs) == 1
    owner = pd.Series(np.where(np.arange(560) % 2, "W", "E"), index=firms.frame["firm_id"])
    with pytest.raises(InputError, match="CM-CROSS-005"):
        cm.crossing(ordered, owner)
    surface = cm.detect_clusters(
        firms, method="surface", sector=STEEL, radius_m=300, minimum=1, permutations=19, seed=1
    )
    shared = cm.crossing(surface, west_east)
    assert shared.frame["value"].sum() == 60
    assert (shared.pairs["n_links"] > 6).all()


def test_nothing_found_is_crossed_to_nothing(firms, west_east):
    none = cm.detect_clusters(
        firms, method="dbscan", sector=STEEL, radius_m=10, minimum=30, permutations=19, seed=1
    )
    shared = cm.crossing(none, west_east)
    assert shared.frame.empty
    assert shared.pairs.empty
    assert shared.geo().empty
    empty = cm.draw_map(none)
    assert np.isfinite(empty._payload["bounds"]).all()
    assert cm.draw_map(none, areas=west_east) is not None


def test_maps_and_files_show_footprints_and_borders(found, firms, west_east, tmp_path):
    shared = cm.crossing(found, west_east)
    drawn = cm.draw_map(shared, firms=firms)
    page = drawn.get_root().render()
    assert "a place of 60 firms" in page
    (south, west), (north, east) = drawn._payload["bounds"]
    whole = firms.frame.to_crs(4326).total_bounds
    assert [west, south, east, north] == pytest.approx(list(whole), abs=0.02)
    drawn.save(tmp_path / "map.html")
    geopackage(tmp_path / "clusters.gpkg", {"footprints": found.footprints, "pairs": shared.geo()})
    stored = gpd.read_file(tmp_path / "clusters.gpkg", layer="footprints")
    assert stored["cluster"].tolist() == ["C1"]
    assert stored.geometry.area.iloc[0] / 1e6 == pytest.approx(found.frame.loc[0, "area_km2"])
    towns = cm.detect_clusters(firms, method="dbscan", radius_m=200, minimum=10, seed=1)
    assert "the largest dense place holds 60 on" in cm.draw_map(towns).get_root().render()


def test_a_line_test_of_firms_is_refused_with_the_way_to_one(found, west_east):
    for data in (found, cm.crossing(found, west_east)):
        with pytest.raises(InputError, match=r"(?s)CM-LINE-004.*tabulate"):
            cm.line_test(data)


def test_two_systems_and_unknown_rules_are_refused(found, west_east):
    abroad = replace(west_east, frame=west_east.frame.to_crs(3035))
    with pytest.raises(CrsError, match="CM-CRS-008"):
        cm.crossing(found, abroad)
    with pytest.raises(OptionError, match=r"CM-OPTION-001|CM-CROSS-001"):
        cm.crossing(found, west_east, overlap="largest")
