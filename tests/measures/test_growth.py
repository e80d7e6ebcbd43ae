"""Shift-share and changes of quotients against published values, peers, and worlds whose truth is known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from shapely import box

import clustermap as cm
from clustermap.errors import AlignmentError, InputError, OptionError
from clustermap.measures.growth import quotient_change, shift_share
from clustermap.schema import QUOTIENT_CHANGE_COLUMNS
from clustermap.tables.table import SectorTable

METHODS = ["classic", "esteban-marquillas"]
CELLS = st.lists(st.tuples(*[st.integers(0, 60)] * 4), min_size=2, max_size=6).filter(
    lambda rows: sum(r[0] + r[1] for r in rows) > 0
)


@pytest.fixture
def e9() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Region A in a nation of four sectors, at two dates."""
    region = np.array([[90, 20, 10, 60], [100, 40, 10, 55]])
    nation = np.array([[400, 150, 150, 400], [440, 210, 135, 480]])
    first, second = (
        pd.DataFrame([a, n - a], index=["A", "rest"], columns=list("wxyz"))
        for a, n in zip(region, nation, strict=True)
    )
    return first, second


def tables(rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    index = [f"A{i}" for i in range(len(rows))]
    frame = pd.DataFrame(rows, index=index, columns=["s0", "t0", "s1", "t1"])
    return (
        frame[["s0", "t0"]].set_axis(["s", "t"], axis=1),
        frame[["s1", "t1"]].set_axis(["s", "t"], axis=1),
    )


def squares(codes) -> gpd.GeoDataFrame:
    shapes = [box(i * 1_000, 0, (i + 1) * 1_000, 1_000) for i in range(len(codes))]
    return gpd.GeoDataFrame(
        {"code": codes, "name": [f"Town {c}" for c in codes]}, geometry=shapes, crs="EPSG:27700"
    )


# --- shift-share ---------------------------------------------------------------
def test_e9_classic_components_of_a_region(e9):
    result = shift_share(*e9)
    a = result.by_area().loc["A"]
    assert a[["change", "national", "mix", "regional"]].to_list() == pytest.approx([25, 27, 1, -3], abs=1e-9)
    assert result.national_growth == pytest.approx(0.15)
    by_hand = result.frame.set_index(["area", "sector"]).loc[("A", "w")]
    # 90 × .15; 90 × (.10 − .15); 100 − 90 × 1.10
    assert by_hand[["national", "mix", "regional"]].to_list() == pytest.approx([13.5, -4.5, 1.0])


def test_e9_esteban_marquillas_divides_the_regional_component(e9):
    classic, four = shift_share(*e9).frame, shift_share(*e9, method="esteban-marquillas").frame
    np.testing.assert_allclose(four["competitive"] + four["allocation"], classic["regional"], atol=1e-12)
    row = four.set_index(["area", "sector"]).loc[("A", "w")]
    # with the nation's mix the region's 180 would have 180 × 400 / 1,100 in w
    assert row.homothetic == pytest.approx(180 * 400 / 1_100)
    assert row.competitive == pytest.approx(180 * 400 / 1_100 * (100 / 90 - 1.1))
    # homothetic employment keeps the area's total
    assert four.groupby("area")["homothetic"].sum()["A"] == pytest.approx(180)


@settings(max_examples=40, deadline=None)
@given(CELLS, st.sampled_from(METHODS))
def test_components_add_up_to_the_change_in_every_cell_area_and_sector(rows, method):
    result = shift_share(*tables(rows), method=method)
    for frame in (result.frame, result.by_area(), result.by_sector()):
        np.testing.assert_allclose(frame[list(result.components)].sum(axis=1), frame["change"], atol=1e-9)
    assert result.total[list(result.components)].sum() == pytest.approx(result.total["change"], abs=1e-9)
    # over the nation nothing is mix and nothing is regional
    assert result.total["mix"] == pytest.approx(0, abs=1e-8)
    assert result.total["national"] == pytest.approx(result.total["change"], abs=1e-8)


def test_an_area_that_grows_like_the_nation_has_no_component_of_its_own():
    first = pd.DataFrame({"s": [10, 30], "t": [40, 20]}, index=["A", "B"])
    result = shift_share(first, first * 1.5)
    np.testing.assert_allclose(result.frame[["mix", "regional"]], 0, atol=1e-12)


def test_what_is_new_is_said():
    first = pd.DataFrame({"new": [0, 0], "here": [0, 5], "old": [10, 5]}, index=["A", "B"])
    second = pd.DataFrame({"new": [3, 0], "here": [4, 6], "old": [10, 5]}, index=["A", "B"])
    result = shift_share(first, second, method="esteban-marquillas")
    frame = result.frame.set_index(["area", "sector"])
    assert frame.loc[("A", "new"), "status"] == "new in the nation: all of it mix"
    assert frame.loc[("A", "new"), ["national", "mix", "competitive", "allocation"]].to_list() == [0, 3, 0, 0]
    assert frame.loc[("A", "here"), "status"] == "new in the area: no rate of its own"
    assert frame.loc[("A", "here"), "competitive"] == 4
    assert "1 cell: new in the nation" in result.summary()


def test_a_suppressed_cell_makes_an_unknown_sum():
    first = pd.DataFrame({"s": [np.nan, 5.0], "t": [7.0, 8.0]}, index=["A", "B"])
    second = pd.DataFrame({"s": [3.0, 5.0], "t": [9.0, 8.0]}, index=["A", "B"])
    result = shift_share(first, second)
    assert result.by_area().loc["A"].isna().all()
    assert result.by_area().loc["B"].notna().all()
    assert result.by_sector().loc["s"].isna().all()
    assert result.frame["status"].to_list() == ["suppressed", "ok", "ok", "ok"]


def test_the_nation_is_that_of_the_table():
    """Published totals beyond the areas shown: the same arithmetic on them."""
    first, second = (pd.DataFrame({"s": [v], "t": [w]}, index=["A"]) for v, w in ((10, 20), (12, 30)))
    kinds = {"before": (first, [100.0, 300.0]), "after": (second, [150.0, 350.0])}
    made = {
        name: cm.SectorTable.from_values(
            frame,
            area_totals=pd.Series({"A": sum(totals) / 10}),
            sector_totals=pd.Series(totals, index=["s", "t"]),
        )
        for name, (frame, totals) in kinds.items()
    }
    result = shift_share(made["before"], made["after"])
    assert result.national_growth == pytest.approx(0.25)
    row = result.frame.set_index("sector").loc["s"]
    assert row[["national", "mix", "regional"]].to_list() == pytest.approx([2.5, 2.5, -3.0])


@settings(max_examples=15, deadline=None)
@given(CELLS, st.randoms())
def test_row_order_changes_no_byte(rows, random):
    first, second = tables(rows)
    order = list(first.index)
    random.shuffle(order)
    pd.testing.assert_frame_equal(
        shift_share(first, second).frame, shift_share(first.loc[order], second).frame
    )
    pd.testing.assert_frame_equal(
        quotient_change(first, second).frame, quotient_change(first, second.loc[order, ["t", "s"]]).frame
    )


def test_tables_that_do_not_belong_together_are_refused(e9):
    first, second = e9
    for verb in (shift_share, quotient_change):
        with pytest.raises(AlignmentError, match="CM-GROWTH-001"):
            verb(first, second.rename(index={"rest": "elsewhere"}))
        with pytest.raises(AlignmentError, match="CM-GROWTH-001"):
            verb(first, second.drop(columns="z"))
        with pytest.raises(InputError, match="CM-GROWTH-002"):
            verb(first, SectorTable.from_values(second, measure="employment"))
    with pytest.raises(InputError, match="CM-GROWTH-003"):
        shift_share(first * 0, second)
    with pytest.raises(OptionError, match="CM-OPTION-001"):
        shift_share(first, second, method="dynamic")


@pytest.mark.parametrize("verb", [shift_share, quotient_change])
def test_tables_without_a_sector_are_refused(verb):
    empty = pd.DataFrame(index=["A", "B"])
    with pytest.raises(InputError, match="2 areas hold no sector") as error:
        verb(empty, empty)
    assert error.value.code == "CM-GROWTH-006"


def test_the_shift_says_what_it_is(e9):
    result = cm.shift_share(*e9)
    assert repr(result) == "<ShiftShare: classic, 8 cells, nation +15.0%>"
    assert "accounts, not causes, and have no p" in result.summary()
    assert "rest +3" in result.summary()
    assert "<pre>" in result._repr_html_()
    with pytest.raises(InputError, match="CM-TABLE-004"):
        result.geo()
    areas = squares(["A", "rest"])
    located = cm.shift_share(*(SectorTable.from_values(frame, areas=areas) for frame in e9))
    assert located.geo().loc["A", "regional"] == pytest.approx(-3)
    assert "Town A -3" in located.summary()


# --- change of quotients ---------------------------------------------------------
def test_p_is_the_conditional_test_of_two_poisson_rates():
    first = pd.DataFrame({"s": [20, 80], "t": [180, 720]}, index=["A", "B"])
    second = pd.DataFrame({"s": [50, 50], "t": [150, 750]}, index=["A", "B"])
    row = quotient_change(first, second).frame.set_index(["area", "sector"]).loc[("A", "s")]
    law = stats.binom(70, 0.5)  # 20 are expected at both dates
    assert row.p == pytest.approx(min(1, 2 * law.sf(49)), rel=1e-9)
    assert (row.lq_before, row.lq_after, row.ratio) == pytest.approx((1, 2.5, 2.5))
    interval = stats.binomtest(50, 70).proportion_ci(method="exact")
    assert (row.lower, row.upper) == pytest.approx(
        (interval.low / (1 - interval.low), interval.high / (1 - interval.high)), rel=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(CELLS, st.sampled_from([0.8, 0.95]))
def test_p_is_below_alpha_exactly_where_the_interval_excludes_no_change(rows, interval):
    frame = quotient_change(*tables(rows), interval=interval).frame
    frame = frame[frame["p"].notna() & ((frame["p"] - (1 - interval)).abs() > 1e-9)]
    outside = (frame["lower"] > 1) | (frame["upper"] < 1)
    assert ((frame["p"] < 1 - interval) == outside).all()


@settings(max_examples=15, deadline=None)
@given(CELLS)
def test_time_turned_round_gives_the_same_p_and_the_inverse_interval(rows):
    first, second = tables(rows)
    there, back = quotient_change(first, second).frame, quotient_change(second, first).frame
    np.testing.assert_allclose(there["p"], back["p"], rtol=1e-9)
    both = there["upper"].notna() & back["lower"].gt(0)
    np.testing.assert_allclose(there.loc[both, "upper"], 1 / back.loc[both, "lower"], rtol=1e-9)


# Seed and limits stood here before the first run. 400 worlds × 12 areas; a world's areas share their sector's total, so
# the allowance is that of 400 independent worlds: 99.9 % limit .05 + 3.29 √(.05 · .95 / 400).
WORLDS, CHANGE_SEED, HIGHEST = 400, 20_261_127, 0.0859
SHARES = np.array([0.3, 0.15, 0.1, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.015, 0.005])
QUOTIENTS = np.array([0.8, 1.4, 1.0, 0.5, 2.0, 1.0, 1.0, 1.5, 0.6, 1.2, 1.0, 3.0])
PULL = SHARES * QUOTIENTS / (SHARES * QUOTIENTS).sum()


def worlds(stay: float, total: int):
    """Two dates of many worlds: firms of the first stay with this chance, the others are drawn anew by the same law."""
    rng = np.random.default_rng([CHANGE_SEED, round(100 * stay), total])
    columns = [f"w{i:03}" for i in range(WORLDS)]
    first = rng.multinomial(total, PULL, size=WORLDS)
    kept = rng.binomial(first, stay)
    second = kept + np.array([rng.multinomial(total - k, PULL) for k in kept.sum(axis=1)])
    everything = pd.Series(SHARES * 1e7)
    return [
        SectorTable.from_values(pd.DataFrame(x.T, columns=columns), area_totals=everything)
        for x in (first, second)
    ]


@pytest.mark.parametrize("total", [60, 600])
def test_unchanged_quotients_are_called_changed_at_most_as_often_as_said(total):
    apart = quotient_change(*worlds(0.0, total), correction="none").frame
    rejected = (apart["p"] <= 0.05).groupby(apart["area"]).mean()
    assert rejected.max() <= HIGHEST
    # the area with a fifth of the sector varies less than a Poisson count: fewer still
    assert rejected[0] <= 0.05 * 1.2
    assert rejected.mean() >= 0.005  # and not never


def test_firms_seen_twice_make_the_test_conservative_not_wrong():
    apart = quotient_change(*worlds(0.0, 600), correction="none").frame
    panel = quotient_change(*worlds(0.8, 600), correction="none").frame
    assert (panel["p"] <= 0.05).mean() < (apart["p"] <= 0.05).mean() / 5
    covered = (panel["lower"] <= 1) & ~(panel["upper"] < 1)
    assert covered.mean() > 0.99


def test_a_quotient_that_doubled_is_found():
    first = pd.DataFrame({"s": np.full(10, 40), "t": np.full(10, 960)})
    second = first.copy()
    second.loc[0] = [90, 910]
    result = quotient_change(first, second)
    changed = result.frame[(result.frame["q"] < 0.05) & (result.frame["sector"] == "s")]
    assert changed["area"].to_list() == [0]
    assert "1 rose and 0 fell beyond chance" in result.summary()


def test_cells_without_an_answer_say_why():
    first = pd.DataFrame({"a": [0, 3, 4], "b": [0, 2, np.nan], "c": [9, 9, 9]}, index=list("XYZ"))
    second = pd.DataFrame({"a": [5, 3, 4], "b": [0, 2, 1], "c": [9, 9, 9]}, index=list("XYZ"))
    result = quotient_change(first, second)
    frame = result.frame.set_index(["area", "sector"])
    assert frame.loc[("X", "b"), "status"] == "none at either date"
    assert frame.loc[("Z", "b"), "status"] == "suppressed"
    new = frame.loc[("X", "a")]
    assert np.isnan(new.ratio)
    assert np.isnan(new.upper)
    assert new.lower > 0
    assert new.p < 1
    gone = quotient_change(first * [0, 1, 1], second).frame
    assert (gone.loc[gone["sector"] == "a", "status"] == "nothing expected at one of the dates").all()


def test_an_unknown_total_is_called_suppressed_and_not_nothing():
    counts = pd.DataFrame({"steel": [4, 1, 2], "rest": [6, 9, 8]}, index=["A", "B", "C"])
    hidden = SectorTable.from_values(counts, area_totals=pd.Series({"A": np.nan, "B": 10.0, "C": 10.0}))
    status = quotient_change(hidden, counts).frame.set_index("area")["status"]
    assert set(status["A"]) == {"suppressed"}
    assert set(status[["B", "C"]]) == {"ok"}


def test_employment_and_parts_of_firms_have_ratios_but_no_p(e9):
    for first, second in (
        [SectorTable.from_values(frame, measure="employment") for frame in e9],
        [frame + 0.5 for frame in e9],
    ):
        result = quotient_change(first, second)
        assert result.frame["ratio"].notna().all()
        assert result.frame[["p", "q", "lower", "upper"]].isna().all(axis=None)
        assert set(result.frame["status"]) == {"needs firm-level data"}


def test_the_change_says_what_it_is(e9):
    result = cm.quotient_change(*e9, interval=0.9, correction="none")
    assert list(result.frame.columns) == list(QUOTIENT_CHANGE_COLUMNS)
    assert (result.alpha, result.family_size) == (0.1, 8)
    assert repr(result) == "<QuotientChange: 8 cells, 8 tested>"
    assert "little change found is not little change shown" in result.summary()
    assert "<pre>" in result._repr_html_()
    assert result.wide().loc["A", "x"] == pytest.approx((40 / 205 * 1265 / 210) / (20 / 180 * 1100 / 150))
    with pytest.raises(OptionError, match="CM-GROWTH-004"):
        result.wide("moran")
    with pytest.raises(OptionError, match="CM-GROWTH-005"):
        quotient_change(*e9, interval=1)
    with pytest.raises(InputError, match="CM-TABLE-004"):
        result.geo()
    areas = squares(["A", "rest"])
    located = quotient_change(*(SectorTable.from_values(frame, areas=areas) for frame in e9))
    assert located.geo().loc["A", "w"] == pytest.approx(located.wide().loc["A", "w"])


# --- real data ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def enterprises(real_data):
    """Enterprises of the English districts, 2018 and 2022."""
    districts = cm.read_boundaries(real_data / "lad_2022_uk.geojson", keep="E")
    return [
        cm.read_table(
            real_data / "ubc_enterprises_2018_2022.csv.gz",
            area="area",
            sector="industry",
            value="total",
            match="name",
            areas=districts,
            where={"year": year, "geo": "LAD"},
        )
        for year in (2018, 2022)
    ]


@pytest.mark.real
@pytest.mark.parametrize("method", METHODS)
def test_real_districts_add_up(enterprises, method):
    result = shift_share(*enterprises, method=method)
    before, after = enterprises
    assert len(result.by_area()) == 309
    assert result.total["change"] == pytest.approx(
        after.values.to_numpy().sum() - before.values.to_numpy().sum()
    )
    np.testing.assert_allclose(
        result.by_area()[list(result.components)].sum(axis=1), result.by_area()["change"], atol=1e-6
    )
    np.testing.assert_allclose(result.by_sector()["after"], after.sector_totals, atol=1e-6)
    assert result.total["mix"] == pytest.approx(0, abs=1e-6)


@pytest.mark.real
def test_real_quotients_are_those_of_each_date(enterprises):
    result = quotient_change(*enterprises)
    for table, column in zip(enterprises, ("lq_before", "lq_after"), strict=True):
        np.testing.assert_allclose(
            result.wide(column).to_numpy(float),
            cm.location_quotient(table).wide("lq").to_numpy(float),
            rtol=1e-10,
        )
    # figures rounded to 5 keep their mark, and their p
    assert set(result.frame["status"]) <= {"rounded", "none at either date"}
    assert 0 < (result.frame["q"] < 0.05).mean() < 0.2
