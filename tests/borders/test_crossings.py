"""Crossings by hand: who shares a cluster, which borders run through it, nothing twice and nothing lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from shapely import box
from shapely.affinity import translate

from clustermap import Lookup, crossing, stability
from clustermap.borders.links import crossing_parts
from clustermap.errors import AlignmentError, CrsError, InputError, OptionError
from clustermap.schema import CROSSING_COLUMNS, PAIR_COLUMNS

SIDE = 10_000
# two squares in the west, two in the east: 60 + 60 | 90 + 30·3
ROW = {"r2c1": 60, "r2c2": 60, "r2c3": 90, "r2c4": 90}


def lookup(rows):
    frame = pd.DataFrame(rows, columns=["area", "authority", "share"])
    return Lookup(
        frame=frame.assign(name="Authority " + frame["authority"])[["area", "authority", "name", "share"]]
    )


@pytest.fixture(scope="module")
def by_columns(make_grid):
    """Every square in A (columns 0–2) or B."""
    return [(code, "A" if int(code[-1]) <= 2 else "B", 1.0) for code in make_grid(5, 5).frame.index]


def test_shares_pairs_and_border_by_hand(planted, halves):
    shared = crossing(planted(ROW), halves)
    assert list(shared.frame.columns) == list(CROSSING_COLUMNS)
    assert shared.frame.to_numpy().tolist() == [
        ["C1", "E", "East", 180.0, 0.6],
        ["C1", "W", "West", 120.0, 0.4],
    ]
    assert list(shared.pairs.columns) == list(PAIR_COLUMNS)
    pair = shared.pairs.iloc[0]
    assert pair[["cluster", "a", "b"]].tolist() == ["C1", "E", "W"]
    assert (pair["n_links"], pair["border_km"]) == (1.0, 10.0)
    assert (pair["value_a"], pair["value_b"], pair["strength"]) == (180.0, 120.0, 0.4)
    assert np.isnan(pair["p_crosses"])
    assert shared.effective_authorities["C1"] == pytest.approx(1 / (0.36 + 0.16))


def test_polygons_and_lookup_agree(planted, halves, by_columns):
    found = planted(ROW)
    by_polygon = crossing(found, halves)
    by_table = crossing(found, lookup([(a, {"A": "W", "B": "E"}[b], s) for a, b, s in by_columns]))
    pd.testing.assert_frame_equal(by_polygon.frame.drop(columns="name"), by_table.frame.drop(columns="name"))
    pd.testing.assert_frame_equal(by_polygon.pairs, by_table.pairs)
    pd.testing.assert_frame_equal(by_polygon.membership, by_table.membership)
    by_series = crossing(found, pd.Series({a: {"A": "W", "B": "E"}[b] for a, b, _ in by_columns}))
    pd.testing.assert_frame_equal(by_polygon.pairs, by_series.pairs)


def test_a_cluster_inside_one_authority_crosses_nothing(planted, halves):
    shared = crossing(planted({"r2c0": 60, "r2c1": 60}), halves)
    assert shared.pairs.empty
    assert list(shared.pairs.columns) == list(PAIR_COLUMNS)
    assert shared.effective_authorities.tolist() == [1.0]
    assert "0 of 1 cluster crosses a border" in shared.summary()


@pytest.mark.parametrize(
    ("first", "second", "parts"),
    [
        ({"A": 1.0}, {"A": 1.0}, {}),
        ({"A": 0.5, "B": 0.5}, {"A": 0.5, "B": 0.5}, {}),
        ({"A": 1.0}, {"B": 1.0}, {("A", "B"): 1.0}),
        ({"B": 1.0}, {"A": 1.0}, {("A", "B"): 1.0}),
        ({"A": 0.5, "B": 0.5}, {"A": 1.0}, {("A", "B"): 0.5}),
        ({"A": 0.5, "B": 0.5}, {"C": 1.0}, {("A", "C"): 0.5, ("B", "C"): 0.5}),
        ({"A": 0.5, "B": 0.5}, {"B": 0.5, "C": 0.5}, {("A", "C"): 0.5}),
        ({"A": 0.6, "B": 0.4}, {"A": 0.4, "B": 0.6}, {("A", "B"): 0.2}),
    ],
)
def test_the_crossing_part_of_a_link(first, second, parts):
    assert crossing_parts(first, second) == pytest.approx(parts)
    assert sum(parts.values()) == pytest.approx(
        1 - sum(min(first.get(a, 0), second.get(a, 0)) for a in {*first, *second})
    )


def test_an_area_in_two_authorities_is_halved_and_totals_stay(planted, by_columns):
    rows = [row for row in by_columns if row[0] != "r2c2"] + [("r2c2", "A", 0.5), ("r2c2", "B", 0.5)]
    shared = crossing(planted(ROW), lookup(rows))
    assert shared.frame.set_index("authority")["value"].to_dict() == {"A": 90.0, "B": 210.0}
    assert shared.frame["share"].sum() == pytest.approx(1.0)
    # links A–(A,B) and (A,B)–B cross by half each, and carry half of their borders
    assert shared.pairs[["n_links", "border_km"]].to_numpy().tolist() == [[1.0, 10.0]]
    assert "1 of 25 areas lies in several" in shared.membership_rule


def test_full_counts_twice_and_says_so(planted, by_columns):
    rows = [row for row in by_columns if row[0] != "r2c2"] + [("r2c2", "A", 0.5), ("r2c2", "B", 0.5)]
    shared = crossing(planted(ROW), lookup(rows), overlap="full")
    assert shared.frame.set_index("authority")["value"].to_dict() == {"A": 120.0, "B": 240.0}
    assert shared.frame["share"].sum() == pytest.approx(1.2)
    assert shared.pairs["n_links"].tolist() == [1.0]
    assert shared.membership_rule.startswith("full")
    assert shared.effective_authorities["C1"] == pytest.approx(1 / ((1 / 3) ** 2 + (2 / 3) ** 2))


def test_primary_takes_the_larger_share_and_the_lower_code_among_equals(planted, by_columns):
    rest = [row for row in by_columns if row[0] not in {"r2c2", "r2c3"}]
    rows = [*rest, ("r2c2", "B", 0.5), ("r2c2", "A", 0.5), ("r2c3", "A", 0.7), ("r2c3", "B", 0.3)]
    shared = crossing(planted(ROW), lookup(rows), overlap="primary")
    assert shared.frame.set_index("authority")["value"].to_dict() == {"A": 210.0, "B": 90.0}


def test_areas_of_no_authority_are_counted_as_such(planted, by_columns):
    rows = [row for row in by_columns if row[0] != "r2c1"]
    shared = crossing(planted(ROW), lookup(rows))
    assert shared.frame[["authority", "name", "value"]].to_numpy().tolist() == [
        ["B", "Authority B", 180.0],
        ["(none)", "in no authority", 60.0],
        ["A", "Authority A", 60.0],
    ]
    assert shared.frame["value"].sum() == 300.0
    assert shared.pairs[["a", "b"]].to_numpy().tolist() == [["A", "B"]]
    assert shared.effective_authorities["C1"] == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert "20% in no authority" in shared.summary()


# --- polygons ---------------------------------------------------------------------------------------------


def _shares(shared, code):
    own = shared.membership[shared.membership["area"] == code]
    return dict(zip(own["authority"], own["share"], strict=True))


def test_slivers_of_generalised_borders_are_dropped(planted, halves, make_areas):
    moved = make_areas(["E", "W"], [translate(s, 150) for s in halves.frame.geometry], "lep")
    shared = crossing(planted(ROW), moved)
    assert _shares(shared, "r2c3") == {"E": 1.0}
    assert shared.pairs["n_links"].tolist() == [1.0]


def test_a_missing_strip_of_coast_does_not_lose_value(planted, make_areas):
    inland = make_areas(["A"], [box(400, 0, 5 * SIDE, 5 * SIDE)], "lep")
    shared = crossing(planted({"r2c0": 60, "r2c1": 60}), inland)
    assert _shares(shared, "r2c0") == {"A": 1.0}
    assert shared.frame["share"].tolist() == [1.0]


def test_an_area_cut_in_two_belongs_to_both_and_the_rest_to_nobody(planted, make_areas):
    cut = make_areas(["A", "B"], [box(0, 0, 14_000, 50_000), box(14_000, 0, 17_000, 50_000)], "lep")
    shared = crossing(planted({"r2c0": 60, "r2c1": 60}), cut)
    assert _shares(shared, "r2c1") == pytest.approx({"A": 0.4, "B": 0.3, "(none)": 0.3})
    assert _shares(shared, "r4c4") == {"(none)": 1.0}
    assert shared.frame["value"].sum() == pytest.approx(120.0)


def test_overlapping_authorities_halve_what_lies_wholly_in_both(planted, make_areas):
    both = make_areas(
        ["A", "B"], [box(0, 0, 3 * SIDE, 5 * SIDE), box(2 * SIDE, 0, 5 * SIDE, 5 * SIDE)], "lep"
    )
    shared = crossing(planted(ROW), both)
    assert _shares(shared, "r2c2") == {"A": 0.5, "B": 0.5}
    assert shared.frame.set_index("authority")["value"].to_dict() == {"A": 90.0, "B": 210.0}


def test_squares_that_meet_in_a_corner_share_no_border(planted, make_areas, make_grid):
    from clustermap import contiguity, detect_clusters

    table = planted({"r0c0": 60}).table
    values = table.values.copy()
    values.loc["r1c1"] = 60.0
    corner = type(table).from_values(values, area_totals=table.area_totals, areas=table.areas)
    found = detect_clusters(corner, contiguity(table.areas, rule="queen"), seed=1)
    sides = make_areas(["A", "B"], [box(0, 0, SIDE, 50_000), box(SIDE, 0, 50_000, 50_000)], "lep")
    shared = crossing(found, sides)
    assert shared.pairs[["n_links", "border_km"]].to_numpy().tolist() == [[1.0, 0.0]]
    assert shared.geo().geometry.is_empty.all()


def test_pairs_as_geometry(planted, halves):
    lines = crossing(planted(ROW), halves).geo()
    assert lines.geometry.length.tolist() == [10_000.0]
    assert lines.geometry.iloc[0].bounds == (30_000, 20_000, 30_000, 30_000)


# --- asking -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["East", "east", "E"])
def test_one_authority_by_name_or_code(planted, halves, asked):
    own = crossing(planted(ROW), halves).of(asked)
    assert own.frame["share"].tolist() == [0.6]
    assert own.summary() == "East holds 60% of C1 (180), together with West."
    assert repr(own) == "<AuthorityShare: East, in 1 cluster>"
    assert "East holds" in own._repr_html_()


def test_an_authority_without_and_one_with_a_cluster_of_its_own(planted, halves):
    shared = crossing(planted({"r2c0": 60, "r2c1": 60}), halves)
    assert shared.of("East").summary() == "East shares in none of 1 cluster."
    assert shared.of("West").summary() == "West holds 100% of C1 (120), alone."


def test_an_unknown_authority_is_answered_with_the_nearest(planted, halves):
    shared = crossing(planted(ROW), halves)
    with pytest.raises(InputError, match=r"(?s)CM-CROSS-004.*'West'"):
        shared.of("Wst")
    with pytest.raises(InputError, match="CM-CROSS-004"):
        shared.of("zzzzzz")


def test_a_name_of_two_authorities_needs_a_code(planted, by_columns):
    frame = lookup(by_columns).frame.assign(name="Same")
    with pytest.raises(InputError, match=r"(?s)2 of 2 authorities.*with a code"):
        crossing(planted(ROW), Lookup(frame=frame)).of("same")


def test_the_summary_and_its_short_forms(planted, halves):
    shared = crossing(planted(ROW), halves)
    assert "C1 lies in 2 authorities: East 60%, West 40%; as many as 1.9 equal ones." in shared.summary()
    assert repr(shared) == "<Crossing: 1 of 1 cluster crosses, 1 pair of authorities>"
    assert shared._repr_html_().startswith("<pre>")
    assert shared.areas is shared.clusters.areas


def test_no_cluster_gives_empty_frames_with_their_columns(planted, halves):
    shared = crossing(planted({}), halves)
    assert list(shared.frame.columns) == list(CROSSING_COLUMNS)
    assert list(shared.pairs.columns) == list(PAIR_COLUMNS)
    assert shared.effective_authorities.empty
    assert len(shared.membership) == 25
    assert shared.summary().startswith("0 of 0 clusters cross")
    assert shared.geo().empty


# --- refusals ---------------------------------------------------------------------------------------------


def test_unknown_rules_and_things_are_refused(planted, halves):
    found = planted(ROW)
    with pytest.raises(OptionError, match=r"CM-CROSS-001.*'half'"):
        crossing(found, halves, overlap="half")
    with pytest.raises(OptionError, match=r"CM-CROSS-001.*dict"):
        crossing(found, {"A": "r0c0"})


def test_a_lookup_of_other_areas_is_refused(planted):
    with pytest.raises(AlignmentError, match="CM-CROSS-002"):
        crossing(planted(ROW), lookup([("E06000001", "A", 1.0)]))


def test_without_polygons_only_a_lookup_will_do(planted, halves, by_columns):
    found = planted(ROW, areas=False)
    with pytest.raises(InputError, match="CM-CROSS-003"):
        crossing(found, halves)
    shared = crossing(found, lookup(by_columns))
    assert shared.pairs["border_km"].isna().all()
    with pytest.raises(InputError, match="CM-CROSS-003"):
        shared.geo()


def test_two_systems_are_refused(planted, make_areas):
    other = make_areas(["A"], [box(0, 0, 1, 1)], "lep", crs=3035)
    with pytest.raises(CrsError, match="CM-CRS-010"):
        crossing(planted(ROW), other)


def test_a_plain_frame_of_authorities_is_taken(planted, halves):
    frame = halves.frame.reset_index()
    shared = crossing(planted(ROW), frame)
    assert shared.frame["authority"].tolist() == ["E", "W"]


def test_a_border_is_supported_by_the_copies_that_cross_it(planted):
    found = planted({"r2c1": 90, "r2c2": 90, "r2c3": 60})
    west_east = pd.Series(
        ["W" if code[3] < "2" else ("M" if code[3] == "2" else "E") for code in found.table.labels],
        index=found.table.labels,
    )
    assert crossing(found, west_east).pairs["p_crosses"].isna().all()
    told = stability(found, replicates=200, seed=3)
    shared = crossing(told, west_east)
    by_pair = shared.pairs.set_index(["a", "b"])["p_crosses"]
    assert by_pair["M", "W"] == 1.0
    held = told.support.set_index("area")["support"]
    if (
        "E",
        "M",
    ) in by_pair.index:  # one square beyond the border: the border is crossed where the square is held
        assert by_pair["E", "M"] == pytest.approx(held["r2c3"])
        assert by_pair["E", "M"] < 1.0
    assert "1 of 2 crossed borders is crossed again" in shared.summary()


def test_a_border_that_no_copy_crosses_has_no_support(planted):
    from dataclasses import replace

    found = stability(planted({"r2c1": 90, "r2c2": 90}), replicates=40, seed=3)
    copies = found.stability.copies
    alone = replace(found, stability=replace(found.stability, copies=copies[copies["area"] == "r2c1"]))
    west_east = pd.Series(["W" if c[3] < "2" else "E" for c in found.table.labels], index=found.table.labels)
    assert crossing(alone, west_east).pairs["p_crosses"].tolist() == [0.0]
