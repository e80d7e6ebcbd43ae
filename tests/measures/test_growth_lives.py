"""Births and survival against published figures, peers, and firms counted by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from shapely import Point, box

import clustermap as cm
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.measures.growth import births, survival
from clustermap.measures.growth.lives import day, days_of
from clustermap.schema import BIRTH_COLUMNS, SURVIVAL_COLUMNS

UNTIL = pd.Timestamp("2020-01-01")
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
TREATED_STILL = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
CONTROL = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def lives(ended, still=(), **more) -> pd.DataFrame:
    """Make firms that ended at these ages in days, and firms that still live at those."""
    began = [UNTIL - pd.Timedelta(days=400)] * len(ended) + [UNTIL - pd.Timedelta(days=int(t)) for t in still]
    gone = [began[0] + pd.Timedelta(days=int(t)) for t in ended] + [pd.NaT] * len(still)
    return pd.DataFrame({"incorporated": began, "dissolved": gone, **more})


@pytest.fixture
def areas() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": ["A", "B"], "name": ["Alton", "Bex"]},
        geometry=[box(0, 0, 1_000, 1_000), box(1_000, 0, 2_000, 1_000)],
        crs="EPSG:27700",
    )


@pytest.fixture
def firms() -> gpd.GeoDataFrame:
    rows = [
        ("f1", "24100", "1999-05-01", "2010-03-01", 500),
        ("f2", "24100", "2010-01-01", None, 500),
        ("f3", "62012", "2010-12-31", "2011-01-01", 500),
        ("f4", "62012", "2009-12-31", None, 1_500),
        ("f5", "24200", "2011-06-01", None, 1_500),
        ("f6", "24200", "2011-07-01", None, 9_999),
        ("f7", "24200", None, None, 500),
    ]
    frame = pd.DataFrame(rows, columns=["firm_id", "sic", "incorporated", "dissolved", "x"])
    return gpd.GeoDataFrame(
        frame.drop(columns="x"), geometry=[Point(x, 500) for x in frame["x"]], crs="EPSG:27700"
    )


# --- survival: published figures and peers ----------------------------------------
def test_remission_times_of_freireich_and_others_1963():
    """Kaplan–Meier of the treated and the log-rank statistic as in the textbooks (.857, .753, .448; 16.79)."""
    firms = pd.concat(
        [lives(TREATED, TREATED_STILL, drug="yes"), lives(CONTROL, drug="no")], ignore_index=True
    )
    result = survival(firms, until=str(UNTIL.date()), by="drug")
    treated = result.frame[result.frame["group"] == "yes"]
    treated = treated.set_index((treated["age"] * 365.25).round().astype(int))
    assert treated.loc[[6, 10, 23], "survival"].round(3).to_list() == [0.857, 0.753, 0.448]
    assert treated.loc[[6, 10, 23], "se"].round(4).to_list() == [0.0764, 0.0963, 0.1346]
    assert treated.loc[6, ["at_risk", "ended"]].to_list() == [21, 3]
    assert result.statistic == pytest.approx(16.79, abs=5e-3)
    assert result.degrees == 1
    assert result.p == pytest.approx(stats.chi2.sf(result.statistic, 1))
    groups = result.groups.set_index("group")
    assert (groups["median"] * 365.25).round().to_dict() == {"no": 8, "yes": 23}
    assert groups["expected_ended"].round(2).to_dict() == {"no": 10.75, "yes": 19.25}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 399), min_size=2, max_size=30),
    st.lists(st.integers(1, 399), min_size=1, max_size=30),
)
@example([2, 3, 4, 4, 5, 5], [1])
@example([3, 5, 6, 6, 7, 7, 8, 1, 2, 4, 6], [1])  # rounding once gave two groups two degrees of freedom
@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
def test_curve_interval_and_test_are_those_of_a_peer(ended, still):
    firms = pd.concat(
        [lives(ended, still, half="one"), lives(still, ended[:1], half="two")], ignore_index=True
    )
    result = survival(firms, until=str(UNTIL.date()), by="half")
    one = result.frame[result.frame["group"] == "one"]
    samples = [
        stats.CensoredData(uncensored=ended, right=still),
        stats.CensoredData(uncensored=still, right=ended[:1]),
    ]
    peer = stats.ecdf(samples[0]).sf
    days = (one["age"] * 365.25).round()
    np.testing.assert_allclose(one["survival"], peer.evaluate(days), atol=1e-12)
    interval = peer.confidence_interval(method="log-log")
    inner = (one["survival"] < 1) & (one["survival"] > 0)
    np.testing.assert_allclose(one["lower"][inner], interval.low.evaluate(days)[inner], atol=1e-9)
    np.testing.assert_allclose(one["upper"][inner], interval.high.evaluate(days)[inner], atol=1e-9)
    if result.degrees:
        other = stats.logrank(*samples)
        assert result.statistic == pytest.approx(other.statistic**2, rel=1e-8, abs=1e-9)
        assert result.p == pytest.approx(other.pvalue, rel=1e-7)


def test_nobody_censored_is_the_share_that_lives():
    result = survival(lives([10, 20, 30, 40]), until=str(UNTIL.date()))
    assert result.frame["survival"].to_list() == pytest.approx([0.75, 0.5, 0.25, 0])
    # Greenwood without censoring is the binomial variance
    assert result.frame["se"].to_list()[:3] == pytest.approx(
        [np.sqrt(s * (1 - s) / 4) for s in (0.75, 0.5, 0.25)]
    )
    assert result.frame.iloc[-1][["se", "lower", "upper"]].isna().all()


def test_a_register_that_forgets_the_dead_needs_its_first_date():
    """Exponential lives of 8 years on average; ends are held from 2010 on, and firms gone before are forgotten."""
    rng = np.random.default_rng(12)
    began = pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(0, 365 * 30, 20_000), unit="D")
    gone = began + pd.to_timedelta(np.ceil(rng.exponential(8 * 365.25, 20_000)), unit="D")
    held = pd.DataFrame({"incorporated": began, "dissolved": gone.where(gone <= UNTIL)})[gone >= "2010-01-01"]
    right = survival(held, until="2020-01-01", since="2010-01-01").at([5])["survival"][0]
    naive = survival(held, until="2020-01-01").at([5])["survival"][0]
    assert right == pytest.approx(np.exp(-5 / 8), abs=0.015)
    assert naive > np.exp(-5 / 8) + 0.1


def test_log_rank_finds_what_differs_and_holds_its_level():
    """200 pairs of alike groups; seed and limits stood here before any run: 99.9 % interval of 200 tries at 5 %."""
    rng = np.random.default_rng(20_261_127)
    p = []
    for _ in range(200):
        ages = np.ceil(rng.exponential(300, 80))
        firms = lives(ages[ages < 390], np.full((ages >= 390).sum(), 390))
        firms["half"] = rng.permutation(np.arange(80) % 2).astype(str)
        p.append(survival(firms, until=str(UNTIL.date()), by="half").p)
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.105
    short, long = np.ceil(rng.exponential(100, 200)), np.ceil(rng.exponential(200, 200))
    firms = pd.concat(
        [lives(x[x < 390], [390] * (x >= 390).sum(), which=str(k)) for k, x in enumerate((short, long))]
    )
    assert survival(firms, until=str(UNTIL.date()), by="which").p < 1e-4


def test_three_groups_have_two_degrees_of_freedom_whatever_they_are_called():
    parts = [TREATED, CONTROL[:10], CONTROL[10:]]
    one, other = (
        survival(
            pd.concat(
                [lives(part, part[:2], name=names[k]) for k, part in enumerate(parts)], ignore_index=True
            ),
            until=str(UNTIL.date()),
            by="name",
        )
        for names in ("abc", "zxy")
    )
    assert (one.degrees, other.degrees) == (2, 2)
    assert one.statistic == pytest.approx(other.statistic, rel=1e-9)
    assert one.groups["expected_ended"].sum() == pytest.approx(one.groups["ended"].sum())


# --- survival: groups and dates ------------------------------------------------------
def test_groups_by_area_and_sector(firms, areas):
    located = cm.read_firms(firms)
    by_area = survival(located, areas, until="2015-01-01", by="area")
    assert by_area.groups.set_index("group")["firms"].to_dict() == {"A": 3, "B": 2}
    assert "1 of 6 firms lies outside all areas." in by_area.summary()
    by_sector = survival(
        located, until="2015-01-01", by="sector", sectors={"steel": ["241", "242"], "it": ["62"]}
    )
    assert by_sector.groups.set_index("group")["firms"].to_dict() == {"it": 2, "steel": 4}
    only = survival(located, until="2015-01-01", sectors={"it": ["62"]})
    assert only.groups["firms"].to_list() == [2]
    assert np.isnan(only.p)
    for options in ({"by": "area"}, {"by": "sector"}, {"by": "size"}):
        with pytest.raises(InputError, match="CM-DATE-009"):
            survival(located, until="2015-01-01", **options)


def test_an_end_after_the_last_date_is_not_known_yet():
    firms = lives([50, 390])
    early = survival(firms, until=str((UNTIL - pd.Timedelta(days=300)).date()))
    assert early.groups["ended"].to_list() == [1]
    assert (
        "1 of 3 firms begin after the last date"
        in survival(pd.concat([firms, lives([], [-5])]), until=str(UNTIL.date())).summary()
    )


def test_an_age_nobody_reached_is_not_known():
    table = survival(lives([100, 200], [390]), until=str(UNTIL.date())).at([0.1, 1, 2])
    assert table["survival"].to_list()[:2] == pytest.approx([1, 1 / 3])
    assert np.isnan(table["survival"][2])


def test_a_register_of_the_living_is_refused():
    with pytest.raises(StatisticsError, match="CM-DATE-007"):
        survival(lives([], [5, 6]), until="2020-01-01")
    with pytest.raises(StatisticsError, match="CM-DATE-007"):
        survival(pd.DataFrame({"incorporated": ["2001-01-01"]}), until="2020-01-01")
    synthetic = cm.read_firms(cm.datasets.path("firms"))
    with pytest.raises(StatisticsError, match="survivor bias"):
        survival(synthetic, until="2022-01-01")


@pytest.mark.parametrize(
    ("change", "options", "code"),
    [
        ({}, {"until": "soon"}, "CM-DATE-001"),
        ({}, {"until": "2020-01-01", "since": "never"}, "CM-DATE-001"),
        ({}, {"until": None}, "CM-DATE-001"),
        ({}, {"until": "2020-01-01", "incorporated": "born"}, "CM-DATE-002"),
        ({"incorporated": "soon"}, {"until": "2020-01-01"}, "CM-DATE-003"),
        ({"incorporated": "2030-01-01"}, {"until": "2020-01-01"}, "CM-DATE-004"),
        ({}, {"until": "1980-01-01"}, "CM-DATE-008"),
        ({}, {"until": "2020-01-01", "interval": 0}, "CM-GROWTH-005"),
    ],
)
def test_dates_that_cannot_be_used_are_refused(change, options, code):
    firms = lives([5, 6]).assign(**change)
    with pytest.raises((InputError, OptionError, StatisticsError), match=code):
        survival(firms, **options)


def test_firms_without_dates_are_refused():
    with pytest.raises(InputError, match="CM-DATE-002"):
        survival(pd.DataFrame({"name": ["a"]}), until="2020-01-01")


def test_dates_are_read_in_both_ways_and_days_count_from_1970():
    assert days_of(pd.Series(["01/02/1970", "1970-02-01", "", None]))[:2].tolist() == [31, 31]
    assert np.isnan(days_of(pd.Series(["", None]))).all()
    assert day("1970-01-02T09:30", "until") == 1
    with pytest.raises(OptionError, match="CM-DATE-001"):
        day("2020-01-01T00:00Z", "until")


def test_companies_house_columns_are_found():
    table = pd.DataFrame(
        {
            "CompanyNumber": ["1", "2"],
            "IncorporationDate": ["01/01/2010", "01/01/2011"],
            "DissolutionDate": ["01/01/2012", ""],
        }
    )
    assert survival(table, until="2020-01-01").frame["survival"].to_list() == [0.5]


def test_row_order_changes_no_byte():
    firms = pd.concat(
        [lives(TREATED, TREATED_STILL, drug="yes"), lives(CONTROL, drug="no")], ignore_index=True
    )
    first = survival(firms, until=str(UNTIL.date()), by="drug")
    again = survival(firms.sample(frac=1, random_state=1), until=str(UNTIL.date()), by="drug")
    pd.testing.assert_frame_equal(first.frame, again.frame)
    pd.testing.assert_frame_equal(first.groups, again.groups)
    assert first.statistic == again.statistic


def test_survival_says_what_it_is():
    firms = pd.concat(
        [lives(TREATED, TREATED_STILL, drug="yes"), lives([3, 9], drug="no")], ignore_index=True
    )
    firms.loc[0, "drug"] = None
    result = cm.survival(firms, until=str(UNTIL.date()), since="2018-06-01", by="drug")
    assert list(result.frame.columns) == list(SURVIVAL_COLUMNS)
    assert repr(result) == "<Survival: 22 firms in 2 groups, until 2020-01-01>"
    text = result.summary()
    for words in ("Log-rank test between 2 groups", "limit law is rough", "no failure", "1 of 23 firms has no drug",
                  "ends recorded since 2018-06-01"):  # fmt: skip
        assert words in text
    assert "too young to say" in text
    assert "<pre>" in result._repr_html_()


# --- births -----------------------------------------------------------------------------
def test_births_and_stock_counted_by_hand(firms, areas):
    result = births(firms, areas, years=(2010, 2011), correction="none")
    frame = result.frame.set_index(["area", "year"])
    assert frame["births"].to_dict() == {("A", 2010): 2, ("A", 2011): 0, ("B", 2010): 0, ("B", 2011): 1}
    # A: f1 lives at the start of 2010; at the start of 2011 it is gone, f2 and f3 live (f3 ends that day)
    assert frame["stock"].to_dict() == {("A", 2010): 1, ("A", 2011): 2, ("B", 2010): 1, ("B", 2011): 1}
    row = frame.loc[("A", 2010)]
    assert row.rate == 2
    assert row.expected == 1
    low, high = stats.chi2.ppf(0.025, 4) / 2, stats.chi2.ppf(0.975, 6) / 2
    assert (row.lower, row.upper) == pytest.approx((low, high))
    assert row.p == pytest.approx(0.5)  # both of two births, each in A with chance 1/2
    assert frame.loc[("A", 2011), "lower"] == 0
    assert "1 of 6 firms lies outside all areas." in result.summary()
    assert "1 of 7 firms is left out: no date of incorporation" in result.summary()


def test_births_by_sector_sum_to_all(firms, areas):
    sectors = {"steel": ["241", "242"], "it": ["62"]}
    parts = births(firms, areas, years=(1995, 2012), sectors=sectors).frame
    whole = births(firms, areas, years=(1995, 2012)).frame
    sums = parts.groupby(["area", "year"])[["births", "stock"]].sum()
    np.testing.assert_array_equal(
        sums.to_numpy(), whole.set_index(["area", "year"])[["births", "stock"]].to_numpy()
    )
    assert set(whole["sector"]) == {"all"}
    assert list(parts.columns) == list(BIRTH_COLUMNS)
    first = whole[whole["year"] == 1995].iloc[0]
    assert first.status == "no stock: no rate"
    assert np.isnan(first.rate)
    assert np.isnan(first.p)


def test_rates_that_are_alike_are_called_different_at_most_as_often_as_said():
    """120 worlds of 20 areas, births in proportion to stock; seed and limit stood here before any run."""
    from clustermap.measures.growth.arrivals import _inference

    rng = np.random.default_rng(20_261_127)
    stock = np.broadcast_to(rng.integers(5, 400, (20, 1, 1)), (20, 1, 120)).copy()
    rejected = []
    arrived = rng.poisson(0.1 * stock)
    p = _inference(arrived, stock, 0.95)["p"]
    rejected = (p <= 0.05).mean()
    assert 0.005 <= rejected <= 0.05 + 3.29 * np.sqrt(0.05 * 0.95 / p.size)
    arrived[0, 0, 0] = 0.3 * stock[0, 0, 0] + 20
    assert _inference(arrived, stock, 0.95)["p"][0, 0, 0] < 0.01


def test_a_live_register_says_that_its_dead_are_missing(areas):
    synthetic = cm.read_firms(cm.datasets.path("firms"))
    districts = cm.read_boundaries("lad", vintage=2022)
    result = births(synthetic, districts, years=(2018, 2021), sectors="hvm")
    assert not result.dissolutions
    text = result.summary()
    assert "births of firms gone since are missing" in text
    assert "The firms are synthetic." in text
    assert result.frame["births"].sum() > 0
    assert result.geo()["births"].sum() == result.frame["births"].sum()
    both = births(
        synthetic, districts, years=(2018, 2021), sectors={"a": ["24"], "b": ["62"]}, correction="none"
    )
    assert "b" in set(both.frame["sector"])
    assert len(both.geo(sector="b")) == len(districts)
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        both.geo()


@pytest.mark.parametrize("years", [(2012, 2010), 2010, ("a", "b"), (2010.5, 2011), (2010, 2011, 2012)])
def test_years_that_are_none_are_refused(firms, areas, years):
    with pytest.raises(OptionError, match="CM-DATE-005"):
        births(firms, areas, years=years)


def test_options_and_emptiness_are_refused(firms, areas):
    with pytest.raises(OptionError, match="CM-GROWTH-005"):
        births(firms, areas, years=(2010, 2011), interval=2)
    with pytest.raises(StatisticsError, match="CM-DATE-006"):
        births(firms, areas, years=(1900, 1901))


def test_births_say_what_they_are(firms, areas):
    many = pd.concat(
        [firms, *[firms.iloc[[1]].assign(firm_id=f"g{i}", incorporated="2011-02-02") for i in range(40)]],
        ignore_index=True,
    )
    result = cm.births(many, areas, years=(2011, 2011))
    assert result.alpha == 0.05
    assert repr(result) == "<Births: 41 from 2011 to 2011, 2 areas>"
    assert "Alton, all, 2011: 40 births where 27.3 were expected." in result.summary()
    assert "<pre>" in result._repr_html_()
