"""The line test on sets whose shape and whose null are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma
from shapely import box

from clustermap import SectorTable, contiguity, crossing, line_test, read_boundaries
from clustermap.borders import nulls
from clustermap.errors import InputError, OptionError

SIDE = 10_000
ROW = ["r2c0", "r2c1", "r2c2", "r2c3", "r2c4"]
PLUS = ["r1c2", "r2c1", "r2c2", "r2c3", "r3c2"]


@pytest.fixture(scope="module")
def five(make_grid):
    areas = make_grid(5, 5)
    return areas, contiguity(areas, rule="rook")


def test_a_row_is_a_line(five):
    areas, graph = five
    line = line_test(areas, members=ROW, graph=graph, seed=1)
    assert (line.elongation, line.bearing, line.status) == (1.0, 90.0, "tested")
    assert (line.length_km, line.largest_gap_km) == (40.0, 10.0)
    assert line.width_km == pytest.approx(0.0, abs=1e-9)
    assert (line.bearing_low, line.bearing_high) == (90.0, 90.0)
    # ten rows and columns of five are straight, among all connected fives
    assert line.p == line.attainable_p == 10 / line.n_sets
    assert list(line.axis.coords) == [(5_000, 25_000), (45_000, 25_000)]
    assert line.frame["area"].tolist() == ROW
    assert line.frame["along_km"].tolist() == [-20.0, -10.0, 0.0, 10.0, 20.0]
    assert "more drawn-out than chance" in line.summary()
    assert "no more" not in line.summary()


def test_a_plus_is_none(five):
    areas, graph = five
    line = line_test(areas, members=PLUS, graph=graph, seed=1)
    assert line.elongation == pytest.approx(0.0, abs=1e-7)
    assert line.p == 1.0
    assert "no more drawn-out than chance" in line.summary()


def test_a_diagonal_of_squares_runs_north_east(five):
    areas, _ = five
    line = line_test(areas, members=["r0c0", "r1c1", "r2c2"], graph=contiguity(areas, rule="queen"), seed=1)
    assert line.bearing == pytest.approx(45.0)
    assert line.largest_gap_km == pytest.approx(10 * np.sqrt(2))
    other = line_test(areas, members=["r0c2", "r1c1", "r2c0"], graph=contiguity(areas, rule="queen"), seed=1)
    assert other.bearing == pytest.approx(135.0)


def test_a_column_keeps_its_bearing_around_north(five):
    areas, graph = five
    line = line_test(areas, members=["r0c1", "r1c1", "r2c1", "r3c1", "r3c2", "r2c0"], graph=graph, seed=1)
    assert min(line.bearing, 180 - line.bearing) < 20
    assert line.bearing_low > line.bearing_high
    assert "through north" in line.summary()


def test_width_across_the_axis_by_hand(five):
    areas, graph = five
    members = ["r1c0", "r1c1", "r1c2", "r1c3", "r2c0", "r2c1", "r2c2", "r2c3"]
    line = line_test(areas, members=members, graph=graph, seed=1)
    assert line.width_km == pytest.approx(5.0)
    assert line.elongation == pytest.approx(1 - np.sqrt(25 / 125))


def test_names_will_do_for_codes_and_the_order_does_not_matter(five):
    areas, graph = five
    by_name = line_test(areas, members=[f"place {c}" for c in reversed(ROW)], graph=graph, seed=1)
    assert by_name.members == ROW


def test_a_broken_set_has_no_p_but_a_gap_and_who_lies_in_it(five):
    areas, graph = five
    line = line_test(areas, members=["r0c0", "r0c1", "r0c4"], graph=graph, seed=1)
    assert line.status == "disconnected"
    assert np.isnan(line.p)
    assert line.gap_km == 20.0
    assert line.gap_authorities == ["Place r0c2", "Place r0c3"]
    assert line.gaps.to_numpy().tolist() == [["r0c1", "r0c4", 20.0, ["r0c2", "r0c3"]]]
    assert 0 < line.attainable_p < 1
    assert "a gap of 20.0 km, through Place r0c2, Place r0c3" in line.summary()
    assert repr(line) == "<Line: 3 areas, elongation 1.00, 90°, disconnected>"


def test_three_parts_have_two_gaps(five):
    areas, graph = five
    line = line_test(areas, members=["r0c0", "r0c2", "r4c2"], graph=graph, seed=1)
    assert line.gaps["gap_km"].tolist() == [10.0, 30.0]
    assert line.gap_km == 30.0


def test_an_island_has_no_way_across(make_areas):
    areas = make_areas(
        list("abcd"), [box(i * 10, 0, i * 10 + (9 if i == 3 else 10), 10) for i in (0, 1, 2, 5)], "lad"
    )
    line = line_test(areas, members=["a", "b", "d"], graph=contiguity(areas, islands="nearest"), seed=1)
    assert line.status == "disconnected"
    with pytest.warns(UserWarning, match="CM-GRAPH-002"):
        graph = contiguity(areas)
    line = line_test(areas, members=["a", "b", "d"], graph=graph, seed=1)
    assert line.gap_authorities == []
    assert "km), so there is no p" in line.summary()


def test_overlapping_authorities_touch(make_areas):
    # b overlaps a, c lies apart from both but touches d, which overlaps b
    shapes = [box(0, 0, 10, 10), box(8, 0, 20, 10), box(40, 0, 50, 10), box(19, 2, 40, 8)]
    areas = make_areas(list("abcd"), shapes, "lep")
    assert line_test(areas, members=["a", "b", "d"], seed=1).status == "tested"
    assert line_test(areas, members=["a", "b", "c"], seed=1).gap_authorities == ["Place d"]


@pytest.mark.parametrize("members", [["r0c0"], ["r0c0", "r0c1"]])
def test_one_or_two_areas_are_no_question(five, members):
    areas, graph = five
    line = line_test(areas, members=members, graph=graph, seed=1)
    assert line.status == "too few areas"
    assert np.isnan(line.p)
    assert " on a line, so there is no p" in line.summary()


# --- what data selected -----------------------------------------------------------------------------------


def test_the_strongest_cluster_is_tested_and_weighted_by_value(planted):
    found = planted(dict(zip(ROW, (60, 60, 60, 60, 90), strict=True)) | {"r4c0": 85})
    line = line_test(found, seed=1)
    assert (line.cluster, line.sector, line.members) == ("C1", "steel", ROW)
    assert line.frame["weight"].tolist() == [60.0, 60.0, 60.0, 60.0, 90.0]
    assert line.elongation == 1.0
    assert line.p == line.attainable_p
    assert "permute-and-reselect" in line.summary()
    assert "Share of sets as drawn-out or more" in line.summary()
    assert "than chance" not in line.summary()


def test_a_crossing_brings_its_clusters(planted, halves):
    found = planted(dict.fromkeys(ROW, 60))
    assert line_test(crossing(found, halves), seed=1).p == line_test(found, seed=1).p


@pytest.mark.parametrize("background", ["minimum-effect", "homogeneous"])
def test_reselection_on_permuted_maps(planted, background):
    found = planted(dict.fromkeys(ROW, 60), background=background)
    line = line_test(found, null="permute-and-reselect", permutations=499, seed=1)
    assert line.status == "tested"
    assert line.attainable_p == 1 / 500
    # five high squares seldom fall on one straight row, but the selection may bridge them
    assert line.p < 0.1
    assert "499 permuted maps" in line.summary()
    blob = planted(dict.fromkeys(PLUS, 60), background=background)
    assert line_test(blob, null="permute-and-reselect", permutations=499, seed=1).p == 1.0


def test_reselection_does_not_depend_on_threads(planted, monkeypatch):
    found = planted({"r2c0": 60, "r2c1": 70, "r2c2": 60, "r1c2": 80})
    results = []
    for threads in (1, 4):
        monkeypatch.setattr(nulls, "workers", lambda threads=threads: threads)
        results.append(line_test(found, null="permute-and-reselect", permutations=600, seed=2).p)
    assert results[0] == results[1]


def test_without_a_cluster_there_is_no_line(planted):
    line = line_test(planted({}), seed=1)
    assert line.status == "no cluster"
    assert np.isnan(line.p)
    assert line.axis is None
    assert line.summary() == "No cluster was found, so there is nothing that could be a line."
    assert "no cluster" in repr(line)
    assert line.geo().empty


def test_many_sets_are_walked_over_and_agree_with_all_of_them(five, monkeypatch):
    areas, graph = five
    members = ["r2c0", "r2c1", "r2c2", "r3c2"]
    exact = line_test(areas, members=members, graph=graph, seed=1)
    monkeypatch.setattr(nulls, "CAP", 10)
    walked = line_test(areas, members=members, graph=graph, permutations=4999, seed=950_001)
    assert walked.n_sets is None
    assert walked.attainable_p == 1 / 5000
    assert walked.p == pytest.approx(exact.p, abs=0.04)
    assert "a uniform walk" in walked.summary()
    again = line_test(areas, members=members, graph=graph, permutations=4999, seed=950_001)
    assert again.p == walked.p


def test_a_seed_is_recorded(five):
    areas, graph = five
    line = line_test(areas, members=ROW, graph=graph)
    assert line_test(areas, members=ROW, graph=graph, seed=line.seed).bearing_low == line.bearing_low


# --- who was left out -------------------------------------------------------------------------------------


def test_stronger_neighbours_left_out_are_named(five):
    areas, graph = five
    values = pd.Series(20.0, index=areas.frame.index)
    values[ROW] = [60.0, 60.0, 60.0, 60.0, 30.0]
    values["r1c2"] = 45.0
    table = SectorTable.from_values(
        values.to_frame("steel"), area_totals=pd.Series(1000.0, index=values.index), areas=areas
    )
    line = line_test(table, members=ROW, graph=graph, seed=1)
    assert line.omitted["area"].tolist() == ["r1c2"]
    left_out = line.omitted.iloc[0]
    assert left_out["weakest_member"] == "r2c4"
    assert left_out["lq"] == pytest.approx(45 / (values.sum() / 25))
    rng = np.random.default_rng(3)
    drawn = gamma(45.5).rvs(200_000, random_state=rng) > gamma(30.5).rvs(200_000, random_state=rng)
    assert left_out["p_stronger"] == pytest.approx(drawn.mean(), abs=0.005)
    assert "Left out although stronger than Place r2c4: Place r1c2" in line.summary()


def test_without_values_nobody_knows_who_was_left_out(five):
    areas, graph = five
    line = line_test(areas, members=ROW, graph=graph, seed=1)
    assert line.omitted.empty
    assert "Without values" in line.summary()
    assert line.geo()["along_km"].tolist() == [-20.0, -10.0, 0.0, 10.0, 20.0]
    assert line._repr_html_().startswith("<pre>")


def test_a_set_without_any_known_value_has_no_p(five):
    areas, graph = five
    values = pd.Series(20.0, index=areas.frame.index)
    values[ROW] = np.nan
    table = SectorTable.from_values(
        values.to_frame("steel"), area_totals=pd.Series(1000.0, index=values.index), areas=areas
    )
    line = line_test(table, members=ROW, graph=graph, seed=1)
    assert line.omitted.empty
    assert line.status == "no values"
    assert np.isnan(line.p)
    assert "no known value" in line.summary()


# --- refusals ---------------------------------------------------------------------------------------------


def test_options_that_do_not_belong_together(five, planted):
    areas, graph = five
    found = planted(dict.fromkeys(ROW, 60))
    for data, options in (
        (areas, {"members": ROW, "graph": graph, "null": "toroidal"}),
        (areas, {"members": ROW, "graph": graph, "null": "permute-and-reselect"}),
        (areas, {"members": ROW, "graph": graph, "permutations": 0}),
        (areas, {}),
        (found, {"members": ROW}),
        (found, {"graph": graph}),
        ([1, 2], {"members": ROW}),
    ):
        with pytest.raises(OptionError, match="CM-LINE-001"):
            line_test(data, **options)


def test_unknown_and_doubled_members(five):
    areas, graph = five
    with pytest.raises(InputError, match=r"(?s)CM-LINE-002.*nearest to 'Place r2c'"):
        line_test(areas, members=["r2c0", "Place r2c"], graph=graph)
    with pytest.raises(InputError, match=r"CM-LINE-002.*twice"):
        line_test(areas, members=["r2c0", "Place r2c0"], graph=graph)


def test_without_polygons_there_is_no_line(planted):
    found = planted({"r0c0": 60}, areas=False)
    for data, options in ((found, {}), (found.table, {"members": ["r0c0"]})):
        with pytest.raises(InputError, match="CM-LINE-003"):
            line_test(data, **options)


def test_a_plain_frame_of_areas_is_taken(five):
    areas, graph = five
    line = line_test(areas.frame.reset_index(), members=ROW, graph=graph, seed=1)
    assert line.p == line.attainable_p


# --- the five LEPs of high-value manufacturing ------------------------------------------------------------

FIVE = [
    "Coventry and Warwickshire",
    "Greater Birmingham and Solihull",
    "Leicester and Leicestershire",
    "Oxfordshire",
    "Sheffield City Region",
]


def test_five_leps_are_connected_in_2017():
    line = line_test(read_boundaries("lep", vintage=2017), members=FIVE, seed=1)
    assert line.status == "tested"
    assert line.n_sets > 1000
    assert 0 < line.attainable_p < line.p <= 1


def test_sheffield_is_cut_off_in_2021():
    line = line_test(read_boundaries("lep", vintage=2021), members=FIVE, seed=1)
    assert line.status == "disconnected"
    assert line.gap_authorities == ["Derby, Derbyshire, Nottingham and Nottinghamshire"]
    assert line.gap_km == pytest.approx(32, abs=5)  # generalised boundaries


@pytest.mark.real
def test_the_published_gap_is_thirty_two_kilometres(real_data):
    leps = read_boundaries(real_data / "lep_2021_en_buc.geojson", vintage=2021)
    line = line_test(leps, members=FIVE, graph=contiguity(leps, snap_m=1), seed=1)
    assert line.gap_km == pytest.approx(31.9, abs=0.05)
    assert line.gap_authorities == ["Derby, Derbyshire, Nottingham and Nottinghamshire"]
