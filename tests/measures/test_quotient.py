"""Location quotients against published values, hand arithmetic and independent peers."""

from __future__ import annotations

import dataclasses
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.sparse import csr_array
from shapely.geometry import box

from clustermap.errors import AlignmentError, InputError, OptionError
from clustermap.ledger import Ledger
from clustermap.measures import Quotients, location_quotient
from clustermap.schema import QUOTIENT_COLUMNS
from clustermap.sources.values import Areas
from clustermap.tables.table import SectorTable

NUMBERS = ["value", "expected", "lq", "lower", "upper", "p", "q", "shrunk"]


@pytest.fixture
def worked() -> pd.DataFrame:
    """300 of 1,000 firms of a sector in an area that holds a fifth of everything."""
    return pd.DataFrame({"hvm": [300, 700], "other": [1700, 7300]}, index=["A", "B"])


@pytest.fixture
def three() -> pd.DataFrame:
    """Areas of 100, 300 and 600 firms."""
    return pd.DataFrame({"steel": [30, 30, 40], "other": [70, 270, 560]}, index=["A", "B", "C"])


@pytest.fixture
def squares():
    """Make polygons for any codes."""

    def make(codes: list[str]) -> Areas:
        geometry = [box(i * 1_000, 0, (i + 1) * 1_000, 1_000) for i in range(len(codes))]
        frame = gpd.GeoDataFrame(
            {"name": [f"Town <{c}>" for c in codes]},
            geometry=geometry,
            index=pd.Index(codes, name="code"),
            crs=27700,
        )
        ledger = Ledger.from_reasons(pd.Series(["accepted"] * len(codes)), verdicts={})
        return Areas(frame=frame, kind="area", vintage=None, source="synthetic", ledger=ledger)

    return make


def row(result: Quotients, area: str, sector: str) -> pd.Series:
    frame = result.frame.set_index(["area", "sector"])
    return frame.loc[(area, sector)]


# --- published values --------------------------------------------------------
def test_e1_farhauer_and_kroell():
    counts = pd.DataFrame(
        {"s": [1714.0, 79006.0 - 1714.0]},
        index=["region", "elsewhere"],
    )
    table = SectorTable.from_values(
        counts, area_totals=pd.Series({"region": 879213.0, "elsewhere": 15593224.0 - 879213.0})
    )
    assert row(location_quotient(table), "region", "s").lq == pytest.approx(0.3847623, abs=5e-8)


def test_e2_five_by_five():
    counts = pd.DataFrame(
        [[100, 0, 0, 0, 0], [0, 15, 5, 70, 10], [0, 20, 10, 20, 50], [0, 25, 30, 5, 40], [0, 40, 55, 5, 0]],
        index=list("ABCDE"),
        columns=list("vwxyz"),
    )
    expected = [
        [5, 0, 0, 0, 0],
        [0, 0.75, 0.25, 3.5, 0.5],
        [0, 1, 0.5, 1, 2.5],
        [0, 1.25, 1.5, 0.25, 2],
        [0, 2, 2.75, 0.25, 0],
    ]
    np.testing.assert_allclose(location_quotient(counts).wide("lq").to_numpy(), expected, rtol=1e-12)


@pytest.mark.real
def test_e3_goettingen(real_data):
    jobs = pd.read_csv(real_data / "reference" / "goettingen_2017.csv", index_col="WZ2008_Code")
    total, jobs = jobs.loc["A-R"], jobs.drop(index="A-R")
    counts = pd.DataFrame(
        {"town": jobs["Goettingen2017"], "elsewhere": jobs["BRD2017"] - jobs["Goettingen2017"]}
    ).T
    town, nation = total["Goettingen2017"], total["BRD2017"]
    table = SectorTable.from_values(
        counts,
        measure="employment",
        area_totals=pd.Series({"town": town, "elsewhere": nation - town}),
        sector_totals=jobs["BRD2017"],
    )
    result = location_quotient(table)
    published = [
        0.084077, 0.400857, 0.536874, 0.343669, 0.746035, 0.671173, 0.981419, 0.916543, 0.826502, 1.530276,
        0.958434, 1.03509, 2.777909, 1.6746, 0.35317,
    ]  # fmt: skip
    assert jobs.index.is_monotonic_increasing
    np.testing.assert_allclose(result.wide("lq").loc["town"], published, atol=6e-7)
    assert result.frame["p"].isna().all()
    assert set(result.frame["status"]) == {"needs firm-level data"}


# --- the worked example and its peers ----------------------------------------
def test_the_worked_example(worked):
    result = location_quotient(worked)
    a = row(result, "A", "hvm")
    assert (a.value, a.expected, a.lq, a.status) == (300, 200, 1.5, "ok")
    assert (round(a.lower, 2), round(a.upper, 2)) == (1.36, 1.65)
    test = stats.binomtest(300, 1000, 0.2)
    peer = test.proportion_ci(0.95, method="exact")
    assert (a.lower, a.upper) == pytest.approx((peer.low / 0.2, peer.high / 0.2), rel=1e-9)
    assert a.p == pytest.approx(2 * stats.binom.sf(299, 1000, 0.2), rel=1e-9)


def test_every_cell_is_the_binomial_of_its_sector_total():
    rng = np.random.default_rng(3)
    counts = pd.DataFrame(rng.poisson(rng.gamma(1, 6, size=(30, 4))), index=[f"A{i:02}" for i in range(30)])
    counts.columns = list("wxyz")
    result = location_quotient(counts, interval=0.9, correction="none")
    share = counts.sum(axis=1) / counts.to_numpy().sum()
    for r in result.frame.itertuples():
        n, w = int(counts[r.sector].sum()), share[r.area]
        peer = stats.binomtest(int(r.value), n).proportion_ci(0.9, method="exact")
        law = stats.binom(n, w)
        assert r.expected == pytest.approx(n * w, rel=1e-12)
        assert r.lq == pytest.approx(r.value / (n * w), rel=1e-12)
        assert (r.lower, r.upper) == pytest.approx((peer.low / w, peer.high / w), rel=1e-8, abs=1e-9)
        assert r.p == pytest.approx(min(1, 2 * min(law.cdf(r.value), law.sf(r.value - 1))), rel=1e-9)
    assert result.frame["q"].isna().all()


def test_q_is_corrected_over_all_areas_and_sectors_asked_for(worked):
    worked["third"] = [10, 90]
    result = location_quotient(worked)
    assert result.family_size == 6
    known = result.frame["p"].to_numpy()
    np.testing.assert_allclose(result.frame["q"], stats.false_discovery_control(known), rtol=1e-12)
    alone = location_quotient(worked, sector="hvm", correction="bonferroni")
    assert (alone.family_size, alone.sectors) == (2, ["hvm"])
    np.testing.assert_allclose(alone.frame["q"], np.minimum(1, 2 * alone.frame["p"]), rtol=1e-12)
    # what one sector is does not depend on which others are shown
    whole = result.frame[result.frame["sector"] == "hvm"].reset_index(drop=True)
    pd.testing.assert_frame_equal(whole.drop(columns="q"), alone.frame.drop(columns="q"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 4_000)), min_size=2, max_size=6),
    st.sampled_from([0.8, 0.95, 0.99]),
    st.sampled_from(["nation", "rest", "first"]),
)
def test_p_is_below_alpha_exactly_where_the_interval_excludes_one(cells, interval, reference):
    codes = [f"A{i}" for i in range(len(cells))]
    counts = pd.DataFrame(cells, index=codes, columns=["s", "other"])
    result = location_quotient(
        counts, interval=interval, reference=["A0"] if reference == "first" else reference, sector="s"
    )
    frame = result.frame[result.frame["p"].notna() & ((result.frame["p"] - result.alpha).abs() > 1e-9)]
    outside = (frame["lower"] > 1) | (frame["upper"] < 1)
    assert ((frame["p"] < result.alpha) == outside).all()
    assert (
        (frame["lower"] <= frame["lq"] * (1 + 1e-12)) & (frame["lq"] <= frame["upper"] * (1 + 1e-12))
    ).all()


@pytest.mark.filterwarnings(
    "ignore:.CM-TABLE-024"
)  # each sector is a world of its own: together they hold more
def test_the_interval_covers_the_true_quotient_as_often_as_it_says():
    rng = np.random.default_rng(11)
    weight, truth, total, worlds = (
        np.array([0.02, 0.08, 0.3, 0.6]),
        np.array([3.0, 1.5, 1.0, 0.0]),
        400,
        1_500,
    )
    truth[3] = (1 - (weight[:3] * truth[:3]).sum()) / weight[3]  # quotients weighted by size are 1 on average
    draws = rng.multinomial(total, weight * truth, size=worlds).T
    counts = pd.DataFrame(draws, index=list("ABCD"), columns=[f"w{i:04}" for i in range(worlds)])
    table = SectorTable.from_values(counts, area_totals=pd.Series(weight * 1e6, index=list("ABCD")))
    result = location_quotient(table)
    lower, upper = result.wide("lower").astype(float), result.wide("upper").astype(float)
    covered = (lower.le(truth, axis=0) & upper.ge(truth, axis=0)).mean(axis=1)
    # at least 95 %, less three standard errors of the simulation; not all of them
    assert (covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)).all()
    assert covered.mean() < 0.985
    # and where there is no effect (C) p is below 5 % at most 5 % of the time
    assert (result.wide("p").loc["C"].astype(float) < 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / worlds)


# --- what an area is compared with --------------------------------------------
def test_the_rest_is_everything_but_the_area(worked):
    a = row(location_quotient(worked, reference="rest"), "A", "hvm")
    nation = row(location_quotient(worked), "A", "hvm")
    # (300 / 2,000) / (700 / 8,000) = 12 / 7
    assert a.lq == pytest.approx(12 / 7)
    assert a.expected == pytest.approx(175)
    assert a.p == nation.p
    # π = 0.2 LQ becomes odds: (π / (1 − π)) / (0.2 / 0.8)
    for limit, whole in ((a.lower, nation.lower), (a.upper, nation.upper)):
        assert limit == pytest.approx(4 * 0.2 * whole / (1 - 0.2 * whole))


def test_named_areas_that_hold_the_area_are_a_nation_of_their_own(three):
    both = location_quotient(three, reference=["B", "A"])
    alone = location_quotient(three.loc[["A", "B"]])
    assert both.reference == ("A", "B")
    for area in ("A", "B"):
        pd.testing.assert_series_equal(
            row(both, area, "steel").drop(["q", "shrunk"]),
            row(alone, area, "steel").drop(["q", "shrunk"]),
            check_names=False,
        )
    # thirty in a hundred of A, sixty in four hundred of both
    assert row(both, "A", "steel").lq == pytest.approx(2)


def test_named_areas_elsewhere_are_a_second_sample(three):
    a = row(location_quotient(three, reference="C"), "A", "steel")
    # (30 / 100) / (40 / 600) = 4.5; of the 70 firms of both, 30 are in A, which holds 100 of 700
    assert a.lq == pytest.approx(4.5)
    assert a.expected == pytest.approx(100 * 40 / 600)
    assert a.p == pytest.approx(2 * stats.binom.sf(29, 70, 1 / 7), rel=1e-9)
    peer = stats.binomtest(30, 70).proportion_ci(0.95, method="exact")
    assert a.lower == pytest.approx(peer.low / (1 - peer.low) * 6, rel=1e-8)
    assert a.upper == pytest.approx(peer.high / (1 - peer.high) * 6, rel=1e-8)


def test_an_area_compared_with_itself_is_one(three):
    a = row(location_quotient(three, reference=["B"]), "B", "steel")
    assert (a.lq, a.p, a.lower <= 1 <= a.upper) == (1.0, 1.0, True)


def test_a_suppressed_cell_leaves_the_named_reference_unknown(three):
    three = three.astype(float)
    three.loc["B", "steel"] = np.nan
    table = SectorTable.from_values(
        three,
        area_totals=pd.Series({"A": 100, "B": 300, "C": 600}),
        sector_totals=pd.Series({"steel": 100, "other": 900}),
    )
    result = location_quotient(table, reference=["A", "B"])
    assert row(result, "A", "steel").status == "suppressed total"
    assert np.isnan(row(result, "A", "steel").lq)
    assert row(result, "A", "other").status == "ok"
    assert row(location_quotient(table, reference=["A"]), "C", "steel").status == "ok"


# --- no answer is NaN with a reason --------------------------------------------
def test_an_area_without_firms_has_no_quotient(three):
    three.loc["D"] = [0, 0]
    d = row(location_quotient(three), "D", "steel")
    assert d.status == "no firms in area"
    assert d[["lq", "lower", "upper", "p", "q", "shrunk"]].isna().all()


@pytest.mark.parametrize("reference", ["nation", "rest", ["A"]])
def test_a_sector_without_firms_has_no_quotient(three, reference):
    three["none"] = 0
    result = location_quotient(three, reference=reference)
    none = result.frame[result.frame["sector"] == "none"]
    assert set(none["status"]) == {"nothing in the reference"}
    assert none[["lq", "lower", "upper", "p", "q", "shrunk"]].isna().all(axis=None)
    assert result.family_size == 6
    assert result.dispersion["none"] == 0


def test_no_quotient_is_ever_infinite():
    # all steel in A: against the rest it is out of all proportion, which is no number
    counts = pd.DataFrame({"steel": [5, 0], "other": [5, 10]}, index=["A", "B"])
    result = location_quotient(counts, reference="rest")
    assert row(result, "A", "steel").status == "nothing in the reference"
    assert row(result, "B", "steel").lq == 0
    assert not np.isinf(result.frame[["lq", "expected", "shrunk"]].to_numpy(dtype=float)).any()


def test_one_area_has_no_rest():
    result = location_quotient(pd.DataFrame({"s": [3], "t": [4]}, index=["A"]), reference="rest")
    assert set(result.frame["status"]) == {"nothing in the reference"}
    short = SectorTable.from_values(pd.DataFrame({"s": [3]}, index=["A"]), sector_totals=pd.Series({"s": 9}))
    assert row(location_quotient(short, reference="rest"), "A", "s").status == "nothing in the reference"


def test_an_area_that_holds_everything_is_one():
    result = location_quotient(pd.DataFrame({"s": [3, 0], "t": [4, 0]}, index=["A", "B"]))
    a = row(result, "A", "s")
    assert (a.lq, a.p, a.upper) == (1.0, 1.0, 1.0)
    assert row(result, "B", "s").status == "no firms in area"


def test_suppressed_cells_have_no_quotient_and_short_totals_are_told(three):
    hidden = three.astype(float)
    hidden.loc["A", "steel"] = np.nan
    result = location_quotient(hidden)
    a = row(result, "A", "steel")
    assert a.status == "suppressed"
    assert a[["value", "lq", "lower", "upper", "p", "q", "shrunk"]].isna().all()
    assert result.family_size == 5
    assert "2 totals are sums without their suppressed cells" in result.summary()
    published = SectorTable.from_values(hidden, area_totals=three.sum(axis=1), sector_totals=three.sum())
    full = location_quotient(published)
    assert "totals are sums" not in full.summary()
    assert "1 cell: suppressed." in full.summary()
    assert row(full, "B", "steel").lq == row(location_quotient(three), "B", "steel").lq


def test_a_cell_marked_suppressed_is_not_used_even_where_it_has_a_number(three):
    table = SectorTable.from_values(three)
    status = table.status.copy()
    status.loc["A", "steel"], status.loc["B", "steel"] = "suppressed", "rounded"
    result = location_quotient(dataclasses.replace(table, status=status))
    assert row(result, "A", "steel").status == "suppressed"
    assert np.isnan(row(result, "A", "steel").lq)
    assert row(result, "B", "steel").status == "rounded"
    assert row(result, "B", "steel").lq == 1.0


def test_a_missing_cell_is_suppressed_whatever_it_is_marked(three):
    table = SectorTable.from_values(three)
    values = table.values.copy()
    values.loc["A", "steel"] = np.nan
    assert (
        row(location_quotient(dataclasses.replace(table, values=values)), "A", "steel").status == "suppressed"
    )


def test_a_suppressed_total_is_no_empty_area(three):
    table = SectorTable.from_values(
        three,
        area_totals=pd.Series({"A": np.nan, "B": 300.0, "C": 600.0}),
        sector_totals=pd.Series({"other": np.nan, "steel": 100.0}),
    )
    result = location_quotient(table)
    assert row(result, "A", "steel").status == "suppressed total"
    assert row(result, "B", "other").status == "suppressed total"
    assert result.frame.loc[result.frame["status"] == "suppressed total", "lq"].isna().all()
    assert row(result, "B", "steel").status == "ok"


def test_a_count_beyond_its_published_total_has_no_p(three):
    totals = {"sector_totals": pd.Series({"steel": 35.0, "other": 900.0})}
    table = SectorTable.from_matrix(csr_array(three.to_numpy()), (three.index, three.columns), **totals)
    c = row(location_quotient(table), "C", "steel")
    assert c.status == "exceeds its sector total"
    assert c.lq == pytest.approx(40 / (0.6 * 35))
    assert c[["lower", "upper", "p", "q"]].isna().all()


# --- counts that are no counts ----------------------------------------------
def test_employment_has_a_quotient_but_no_exact_interval(three):
    firms = location_quotient(three)
    jobs = location_quotient(SectorTable.from_values(three, measure="employment"))
    assert set(jobs.frame["status"]) == {"needs firm-level data"}
    assert jobs.frame[["lower", "upper", "p", "q"]].isna().all(axis=None)
    assert jobs.family_size == 0
    pd.testing.assert_frame_equal(jobs.frame[["lq", "shrunk"]], firms.frame[["lq", "shrunk"]])
    assert "no interval or p (needs firm-level data)" in jobs.summary()


def test_fractions_need_firm_level_data_where_they_are_fractions(three):
    parts = three.astype(float)
    parts.loc["A", "steel"] += 0.5
    parts.loc["B", "steel"] -= 0.5
    result = location_quotient(parts)
    assert row(result, "A", "steel").status == "needs firm-level data"
    assert np.isnan(row(result, "A", "steel").p)
    assert row(result, "C", "steel").status == "ok"
    parts.loc["A", "steel"] += 0.25  # now the sector's total is no whole number either
    assert row(location_quotient(parts), "C", "steel").status == "needs firm-level data"


def test_sums_of_fractions_that_make_whole_firms_are_whole(three):
    summed = three.astype(float)
    summed.loc["A", "steel"] = sum([0.1] * 300)
    assert summed.loc["A", "steel"] != 30
    result = location_quotient(summed)
    assert set(result.frame["status"]) == {"ok"}
    np.testing.assert_allclose(
        result.frame[NUMBERS].to_numpy(float),
        location_quotient(three).frame[NUMBERS].to_numpy(float),
        rtol=1e-9,
    )


# --- shrinkage -----------------------------------------------------------------
def test_without_dispersion_every_shrunken_quotient_is_one_and_the_summary_says_so():
    counts = pd.DataFrame({"s": [10, 11, 9, 10], "other": [90, 89, 91, 90]}, index=list("ABCD"))
    result = location_quotient(counts)
    assert (result.dispersion == 0).all()
    assert (result.frame["shrunk"] == 1).all()
    assert "Chance alone explains the differences between areas" in result.summary()


def test_large_counts_barely_move_and_small_ones_do():
    counts = pd.DataFrame(
        {"s": [40_000, 10_000, 25_000, 4, 9_000], "other": [160_000, 190_000, 175_000, 6, 191_000]},
        index=list("ABCDE"),
    )
    result = location_quotient(counts, sector="s")
    frame = result.frame.set_index("area")
    large = frame.drop(index="D")
    np.testing.assert_allclose(large["shrunk"].astype(float), large["lq"].astype(float), rtol=1e-3)
    assert 1 < frame.loc["D", "shrunk"] < 0.75 * frame.loc["D", "lq"]
    # prior of mean 1 and variance A, 4 firms where E are expected
    a, e = result.dispersion["s"], 10 * 84_004 / 800_010
    assert frame.loc["D", "shrunk"] == pytest.approx((1 + 4 * a) / (1 + a * e))


def test_shrunken_quotients_are_nearer_the_truth_than_raw_ones():
    rng = np.random.default_rng(5)
    size = rng.lognormal(4, 1, 500).round() + 5
    truth = rng.gamma(4, 1 / 4, 500)
    counts = pd.DataFrame({"s": np.minimum(rng.poisson(0.05 * size * truth), size)})
    counts["other"] = size - counts["s"]
    counts.index = [f"A{i:03}" for i in range(500)]
    frame = location_quotient(counts, sector="s").frame
    assert ((frame["shrunk"] - truth) ** 2).mean() < 0.5 * ((frame["lq"] - truth) ** 2).mean()


# --- the value that comes back ------------------------------------------------
def test_row_order_changes_nothing(three):
    shuffled = three.loc[["C", "A", "B"], ["steel", "other"]]
    pd.testing.assert_frame_equal(location_quotient(three).frame, location_quotient(shuffled).frame)


def test_the_input_is_left_as_it_was(three):
    before = three.copy(deep=True)
    location_quotient(three, reference="rest")
    pd.testing.assert_frame_equal(three, before)


def test_frame_and_wide_hold_the_same(three):
    result = location_quotient(three)
    assert tuple(result.frame.columns) == QUOTIENT_COLUMNS
    assert list(zip(result.frame["area"], result.frame["sector"], strict=True)) == [
        (a, s) for a in "ABC" for s in ("other", "steel")
    ]
    wide = result.wide("p")
    assert (list(wide.index), list(wide.columns)) == (["A", "B", "C"], ["other", "steel"])
    for r in result.frame.itertuples():
        assert wide.loc[r.area, r.sector] == r.p
    assert result.wide().loc["A", "steel"] == pytest.approx(3.0)
    with pytest.raises(OptionError, match="CM-LQ-003"):
        result.wide("z")


def test_parameters_travel_with_the_result(three):
    result = location_quotient(three, interval=0.9, correction="none", reference="rest")
    assert (result.interval, result.alpha, result.correction, result.reference) == (0.9, 0.1, "none", "rest")
    assert "Clopper" in result.method
    assert result.alternative == "two-sided"
    assert result.null
    assert result.areas is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.interval = 0.5


def test_polygons_come_along(three, squares):
    result = location_quotient(SectorTable.from_values(three, areas=squares(list("ABC"))))
    assert list(result.geo().columns) == ["name", "geometry", "other", "steel"]
    steel = result.geo("steel")
    assert isinstance(steel, gpd.GeoDataFrame)
    assert steel.loc["A", "lq"] == pytest.approx(3.0)
    assert steel.index.name == "code"
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        result.geo("glass")
    one = location_quotient(result.table, sector="steel")
    assert one.geo().loc["A", "lq"] == pytest.approx(3.0)
    assert "Town <A> 3.00" in one.summary()
    assert "Town &lt;A&gt; 3.00" in one._repr_html_()
    with pytest.raises(InputError, match="CM-TABLE-004"):
        location_quotient(three).geo()


def test_the_summary_says_what_stands_out(three):
    text = location_quotient(three, sector="steel").summary()
    # A 30 of an expected 10, B 30 of 30, C 40 of 60
    assert "3 areas in 1 sector against the nation; 95% intervals" in text
    assert "steel: 1 area above 1 and 1 below beyond chance (most: A 3.00)." in text
    assert "q by fdr_bh over 3 tests" in text
    assert "the rest of the nation" in location_quotient(three, reference="rest").summary()
    assert "the named areas" in location_quotient(three, reference=["A"]).summary()
    assert "1 area above 1" in location_quotient(three, sector="steel", correction="none").summary()


def test_the_summary_stays_short_and_carries_the_table_note(three):
    many = pd.DataFrame({f"s{i:02}": three["steel"] for i in range(12)})
    table = dataclasses.replace(SectorTable.from_values(many), note="Synthetic.")
    lines = location_quotient(table).summary().splitlines()
    assert len(lines) == 1 + 10 + 1 + 1
    assert lines[-2:] == ["2 more sectors stand in the frame.", "Synthetic."]


def test_repr_is_one_line(three):
    assert repr(location_quotient(three)) == "<Quotients: 3 areas × 2 sectors, reference nation>"
    assert repr(location_quotient(three, reference=["A", "B"])).endswith("reference 2>")


# --- refusals ------------------------------------------------------------------
@pytest.mark.parametrize("interval", [0, 1, 95, -0.1, float("nan")])
def test_an_interval_is_a_share(three, interval):
    with pytest.raises(OptionError, match="CM-LQ-001"):
        location_quotient(three, interval=interval)


@pytest.mark.parametrize("reference", ["nations", ["A", "Z"], [], 5])
def test_an_unknown_reference_is_refused(three, reference):
    with pytest.raises(OptionError, match="CM-LQ-002"):
        location_quotient(three, reference=reference)


def test_other_refusals(three):
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        location_quotient(three, sector="glass")
    with pytest.raises(OptionError, match="CM-STAT-010"):
        location_quotient(three, correction="holm")
    with pytest.raises(InputError, match="CM-TABLE-005"):
        location_quotient([1, 2])
    with pytest.raises(AlignmentError):
        SectorTable.from_values(three, area_totals=pd.Series({"A": 1}))


# --- speed -----------------------------------------------------------------------
def test_a_fine_classification_takes_about_a_second():
    rng = np.random.default_rng(2)
    mean = rng.lognormal(6, 1, (320, 1)) * rng.dirichlet(np.full(700, 0.3), 1)
    counts = pd.DataFrame(rng.poisson(mean), index=[f"A{i:03}" for i in range(320)])
    location_quotient(counts.iloc[:3, :3])  # imports
    began = time.process_time()
    result = location_quotient(counts)
    assert len(result.frame) == 224_000
    assert time.process_time() - began < 4  # 0.4 s on a quiet machine
