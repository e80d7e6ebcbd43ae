"""Bounds against brute force: every figure that could have been, tried."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import clustermap as cm
from clustermap.errors import AlignmentError, InputError, OptionError
from clustermap.measures import overlap_bounds, quotient_bounds
from clustermap.measures.bounds import ROUNDING, _spread, _steps
from clustermap.measures.extremes import Box, largest, smallest
from clustermap.tables.table import SectorTable


def quotient(a, b, c, d):
    return a * (a + b + c + d) / ((a + b) * (a + c))


ranges = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)


@settings(max_examples=150, deadline=None)
@given(ranges, ranges, ranges, ranges)
def test_extremes_are_those_of_brute_force(a, b, c, d):
    box = Box(*((np.array([float(low)]), np.array([float(high)])) for low, high in (a, b, c, d)))
    low, high = smallest(box)[0], largest(box)[0]
    grid = [
        quotient(*cell)
        for cell in itertools.product(*(range(lo, hi + 1) for lo, hi in (a, b, c, d)))
        if cell[0] + cell[1] and cell[0] + cell[2]
    ]
    if grid:
        assert low <= min(grid) + 1e-12
        assert high >= max(grid) - 1e-12
    # with a finely divided the bounds are reached, where nothing divides 0 by 0
    if min(b) > 0 and min(c) > 0:
        fine = np.linspace(a[0], a[1], 4_001)
        assert low == pytest.approx(quotient(fine, b[1], c[1], d[0]).min(), rel=1e-9, abs=1e-12)
        assert high == pytest.approx(quotient(fine, b[0], c[0], d[1]).max(), rel=1e-5)
        assert high >= quotient(fine, b[0], c[0], d[1]).max() - 1e-12


def test_the_quotient_peaks_inside_the_range_of_a_large_cell():
    # b = c = 1, d = 2: a* = (1 + √(1 · 1 · 3 · 3)) / 2 = 2
    box = Box(
        *((np.array([lo]), np.array([hi])) for lo, hi in ((0.0, 9.0), (1.0, 1.0), (1.0, 1.0), (2.0, 2.0)))
    )
    assert largest(box)[0] == pytest.approx(quotient(2, 1, 1, 2))
    assert quotient(2, 1, 1, 2) > quotient(9, 1, 1, 2)


def test_rounded_cells_whose_totals_are_their_sums_have_sharp_bounds():
    counts = pd.DataFrame({"s": [10, 5], "rest": [20, 45]}, index=["A", "B"])
    bounds = quotient_bounds(counts, rounding="fives")
    assert bounds.sharp
    frame = bounds.frame.set_index(["area", "sector"])
    every = [range(v - 2, v + 3) for v in (10, 20, 5, 45)]  # s and rest of A, s and rest of B
    values = [quotient(a, b, c, d) for a, b, c, d in itertools.product(*every)]
    row = frame.loc[("A", "s")]
    assert row["lower"] == pytest.approx(min(values), rel=1e-12)
    # the peak lies between two whole numbers
    assert max(values) <= row["upper"] < max(values) * (1 + 1e-5)
    assert row["lq"] == pytest.approx(quotient(10, 20, 5, 45))
    assert row["decision"] == "above"
    assert bounds.frame["decision"].isin(["above", "below", "undecidable", "undefined"]).all()


def test_the_rules_of_rounding():
    low, high = _spread(np.array([0.0, 5.0, 50.0, 75.0, 250.0, 300.0, 9_000.0]), ROUNDING["bres"])
    # at a step the figure may have come from the coarser side
    assert low.tolist() == [0, 3, 48, 63, 238, 275, 8_500]
    assert high.tolist() == [2, 7, 62, 87, 275, 325, 9_500]
    low, high = _spread(np.array([10.0, np.nan]), _steps(10))
    assert low[0] == 5
    assert high[0] == 15
    assert np.isnan([low[1], high[1]]).all()
    # every whole number lies in the range of what it is rounded to
    for n in range(200):
        low, high = _spread(np.array([5.0 * ((n + 2) // 5)]), ROUNDING["fives"])
        assert low[0] <= n <= high[0]


def test_totals_published_apart_give_outer_bounds_and_say_so():
    counts = pd.DataFrame({"s": [10, 5]}, index=["A", "B"])
    table = SectorTable.from_values(counts, area_totals=pd.Series({"A": 30, "B": 50}))
    bounds = quotient_bounds(table, rounding="fives")
    assert not bounds.sharp
    assert "outer" in bounds.summary()
    row = bounds.frame.iloc[0]
    values = []
    for a, c, area, others in itertools.product(range(8, 13), range(3, 8), range(28, 33), range(48, 53)):
        total = area + others
        if 13 <= a + c <= 17 and 78 <= total <= 82:
            values.append((a / area) / ((a + c) / total))
    assert row["lower"] <= min(values)
    assert row["upper"] >= max(values)
    assert row["upper"] < 1.6 * max(values)


def test_suppressed_cells_can_hide_what_is_said(counts_with_gap):
    bounds = quotient_bounds(counts_with_gap, suppressed=4, sector="s")
    a = bounds.frame.iloc[0]
    values = [quotient(x, 95, 20, 80) for x in range(5)]
    assert (a["lower"], a["upper"]) == pytest.approx((min(values), max(values)))
    assert np.isnan(a["lq"])
    assert "suppressed figures of 0 to 4" in bounds.summary()
    with pytest.raises(InputError, match=r"CM-BOUNDS-003\] 1 of 4"):
        quotient_bounds(counts_with_gap, rounding=5)


@pytest.fixture
def counts_with_gap():
    return pd.DataFrame({"s": [np.nan, 20.0], "rest": [95.0, 80.0]}, index=["A", "B"])


def test_lower_and_upper_tables_bound_each_cell():
    low = pd.DataFrame({"s": [8, 3], "rest": [18, 43]}, index=["A", "B"])
    one, other = quotient_bounds(low, low + 4), quotient_bounds(low + 2, rounding="fives")
    pd.testing.assert_frame_equal(
        one.frame.drop(columns="lq"), other.frame.drop(columns="lq"), check_exact=False
    )
    with pytest.raises(InputError, match=r"CM-BOUNDS-002\] 4 of 4"):
        quotient_bounds(low + 4, low)
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        quotient_bounds(low, (low + 4).rename(index={"A": "Z"}))


def test_exact_figures_have_no_width():
    counts = pd.DataFrame({"s": [10, 5], "rest": [20, 45]}, index=["A", "B"])
    frame = quotient_bounds(counts, counts).frame
    np.testing.assert_allclose(frame["lower"], frame["lq"])
    np.testing.assert_allclose(frame["upper"], frame["lq"])
    assert "undecidable" not in set(frame["decision"])


def test_nothing_to_divide_by_is_undefined_and_what_has_no_end_says_so():
    counts = pd.DataFrame({"s": [0, 0], "t": [0, 30], "u": [0, 40]}, index=["A", "B"])
    frame = quotient_bounds(counts, rounding="fives").frame.set_index(["area", "sector"])
    assert frame.loc[("A", "s"), "status"] == "no upper bound"  # one firm in A alone, of s alone
    assert np.isnan(frame.loc[("A", "s"), "upper"])
    assert frame.loc[("A", "s"), "decision"] == "undefined"
    exact = quotient_bounds(counts, counts).frame
    assert not np.isinf(exact[["lower", "upper"]].to_numpy(dtype=float)).any()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rounding": "thousands"},
        {"rounding": -5},
        {"rounding": [(50, 5)]},
        {"rounding": [(250, 25), (50, 5), (np.inf, 50)]},
    ],
)
def test_rules_that_are_none_are_refused(options):
    counts = pd.DataFrame({"s": [10, 5], "rest": [20, 45]}, index=["A", "B"])
    with pytest.raises(OptionError, match="CM-BOUNDS-001"):
        quotient_bounds(counts, **options)
    with pytest.raises(OptionError, match="CM-BOUNDS-001"):
        quotient_bounds(counts, counts, rounding=5)


def test_the_summary_counts_what_can_be_decided():
    counts = pd.DataFrame({"s": [10, 5, 5], "rest": [60, 95, 130]}, index=["A", "B", "C"])
    bounds = quotient_bounds(counts, rounding="fives", sector="s")
    assert "s: 1 area above 1 whatever the figures, 1 below, 1 undecidable." in bounds.summary()
    assert repr(bounds) == "<QuotientBounds: 3 cells, 1 undecidable at 1>"
    assert bounds._repr_html_().startswith("<pre>Bounds of location quotients")
    assert bounds.areas is None


@pytest.mark.real
def test_rounding_of_a_survey_decides_large_cells_and_not_small_ones(real_data):
    source = pd.read_csv(real_data / "bres_nuts2_sic4_2016_2018.csv.gz", dtype=str)
    table = cm.read_table(
        source, area="geo_cd", sector="SIC4", value="value", measure="employment", where={"year": "2018"}
    )
    frame = quotient_bounds(table, rounding="bres").frame
    known = frame[frame["status"] == "ok"]
    assert (known["lower"] <= known["lq"] * (1 + 1e-9)).all()
    assert (known["lq"] <= known["upper"] * (1 + 1e-9)).all()
    share = (frame["decision"] == "undecidable").mean()
    assert 0.02 < share < 0.5


# --- overlaps -------------------------------------------------------------------
@pytest.fixture
def overlapping():
    import geopandas as gpd

    areas = gpd.GeoDataFrame(
        {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
        geometry=[shapely.box(0, 0, 10, 10), shapely.box(6, 0, 20, 10), shapely.box(20, 0, 30, 10)],
        crs="EPSG:27700",
    )
    points = [(1, 1), (2, 2), (3, 3), (7, 1), (8, 2), (9, 3), (15, 1), (16, 2), (25, 5)]
    codes = ["24100", "62012", "62012", "24100", "24100", "62012", "24100", "62012", "62012"]
    firms = gpd.GeoDataFrame(
        {"firm_id": [f"f{i}" for i in range(9)], "sic": codes, "jobs": [5.0, 1, 2, 30, 4, 6, 7, 8, 9]},
        geometry=shapely.points(points),
        crs="EPSG:27700",
    )
    return firms, areas


@pytest.mark.parametrize("value", ["firms", "jobs"])
def test_overlap_bounds_are_those_of_every_allocation(overlapping, value):
    firms, areas = overlapping
    bounds = overlap_bounds(firms, areas, sectors={"steel": ["24"]}, value=value).frame.set_index("area")
    steel, x = firms["sic"].str.startswith("24"), firms.geometry.x
    weight = np.ones(9) if value == "firms" else firms["jobs"].to_numpy()
    national = weight[steel].sum() / weight.sum()
    seen = {"A": [], "B": []}
    for choice in itertools.product("AB", repeat=3):
        home = np.where(x < 6, "A", np.where(x < 20, "B", "C"))
        home[3:6] = choice
        for area, values in seen.items():
            inside = home == area
            values.append(weight[inside & steel].sum() / weight[inside].sum() / national)
    for area, values in seen.items():
        row = bounds.loc[area]
        assert (row["lower"], row["upper"]) == pytest.approx((min(values), max(values)))
    assert bounds.loc["C", "lower"] == bounds.loc["C", "upper"] == bounds.loc["C", "lq"] == 0


def test_areas_that_may_be_empty_and_those_that_are(overlapping):
    firms, areas = overlapping
    areas = areas.assign(
        geometry=[shapely.box(0, 0, 20, 10), shapely.box(6, 0, 9.5, 2.5), shapely.box(50, 0, 60, 10)]
    )
    bounds = overlap_bounds(firms, areas, sectors={"steel": ["24"], "space": ["303"]})
    frame = bounds.frame.set_index(["sector", "area"])
    # B shares both its firms, both of steel: if it has any it is all steel, and half of the eight firms are
    assert frame.loc[("steel", "B"), "lower"] == pytest.approx(2)
    assert frame.loc[("steel", "C"), "status"] == "nothing to divide by"
    assert set(frame.loc["space", "decision"]) == {"undefined"}
    assert "not jointly" in bounds.summary()
    assert "2 shared firms" in bounds.summary()
    assert bounds.areas is not None


def test_overlaps_that_cannot_be_bounded_are_refused(overlapping, tmp_path):
    firms, areas = overlapping
    with pytest.raises(OptionError, match="CM-BOUNDS-004"):
        overlap_bounds(firms, areas, sectors={"steel": {"include": ["24"], "weights": {"25": 0.5}}})
    far = areas.assign(geometry=areas.geometry.translate(1_000, 0))
    with pytest.raises(InputError, match="CM-BOUNDS-005"):
        overlap_bounds(firms, far, sectors={"steel": ["24"]})
