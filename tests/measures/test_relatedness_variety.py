"""Variety against closed forms, the exact decomposition, and what small numbers do to it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from shapely.geometry import box

from clustermap.errors import InputError, OptionError
from clustermap.measures.relatedness import entropies, variety
from clustermap.schema import VARIETY_COLUMNS
from clustermap.tables.table import SectorTable

CODES = [f"{g}{s}" for g in (10, 11, 24) for s in (10, 20, 30)]


@pytest.fixture
def firms() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(rng.poisson(9, (6, 9)), index=list("ABCDEF"), columns=CODES)


def test_four_equal_sectors_in_two_groups_are_one_bit_and_one_bit():
    table = pd.DataFrame({"2410": [4, 8], "2420": [4, 0], "6201": [4, 0], "6202": [4, 0]}, index=["A", "B"])
    a, b = variety(table, seed=1).frame.itertuples(index=False)
    assert (a.total, a.unrelated, a.related) == pytest.approx((2, 1, 1))
    assert (a.n_sectors, a.n_groups, a.value) == (4, 2, 16)
    assert (b.total, b.unrelated, b.related) == pytest.approx((0, 0, 0), abs=1e-15)
    assert b.status == "one sector"
    assert np.isnan(b.total_lower)


def test_total_variety_is_the_entropy_of_scipy(firms):
    found = variety(firms, unit="nats", replicates=0).frame
    np.testing.assert_allclose(found["total"], stats.entropy(firms.to_numpy(), axis=1), rtol=1e-12)
    divisions = firms.T.groupby(lambda c: c[:2]).sum().T
    np.testing.assert_allclose(found["unrelated"], stats.entropy(divisions.to_numpy(), axis=1), rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 60), min_size=9, max_size=9), min_size=1, max_size=6),
    st.sampled_from(["plugin", "miller-madow"]),
)
def test_related_and_unrelated_add_up_to_the_total(rows, estimator):
    found = variety(pd.DataFrame(rows, columns=CODES), estimator=estimator, replicates=0).frame
    known = found[found["total"].notna()]
    np.testing.assert_allclose(known["unrelated"] + known["related"], known["total"], rtol=0, atol=1e-12)
    assert (known[["total", "unrelated", "related"]] >= 0).all(axis=None)
    assert (found["total"].isna() == (found["value"] == 0)).all()


def test_related_variety_is_the_mean_entropy_within_groups(firms):
    found = variety(firms, unit="nats", replicates=0).frame.set_index("area")["related"]
    for area, row in firms.iterrows():
        within = [row[row.index.str[:2] == g] for g in ("10", "11", "24")]
        mean = sum(w.sum() / row.sum() * stats.entropy(w.to_numpy()) for w in within)
        assert found[area] == pytest.approx(mean, rel=1e-12)


def test_groups_by_name_are_groups_by_prefix(firms):
    expected = variety(firms, seed=3).frame
    named = variety(firms, groups={c: f"division {c[:2]}" for c in CODES}, seed=3).frame
    pd.testing.assert_frame_equal(named, expected)
    scattered = variety(firms, groups=pd.Series([*"xyz"] * 3, index=CODES), seed=3).frame
    np.testing.assert_allclose(scattered["total"], expected["total"])
    assert not np.allclose(scattered["related"], expected["related"])


def test_bits_and_nats_differ_by_a_constant(firms):
    bits, nats = (variety(firms, unit=u, seed=1).frame for u in ("bits", "nats"))
    for column in ("total", "bias", "related_upper"):
        np.testing.assert_allclose(bits[column] * np.log(2), nats[column])


def test_miller_and_madow_add_their_first_order_bias(firms):
    plain, mended = (
        variety(firms, estimator=e, unit="nats", replicates=0).frame for e in ("plugin", "miller-madow")
    )
    np.testing.assert_allclose(mended["total"] - plain["total"], plain["bias"])
    np.testing.assert_allclose(plain["bias"], (plain["n_sectors"] - 1) / (2 * plain["value"]))
    np.testing.assert_allclose(
        mended["unrelated"] - plain["unrelated"], (plain["n_groups"] - 1) / (2 * plain["value"])
    )


def test_the_correction_takes_away_most_of_the_bias():
    truth = np.full(9, 1 / 9)
    table = pd.DataFrame(np.random.default_rng(1).multinomial(60, truth, size=2_000), columns=CODES)
    plain, mended = (
        variety(table, estimator=e, unit="nats", replicates=0).frame["total"].mean()
        for e in ("plugin", "miller-madow")
    )
    assert np.log(9) - plain == pytest.approx(8 / 120, rel=0.15)
    assert abs(np.log(9) - mended) < 0.15 * (np.log(9) - plain)


def test_rows_columns_and_threads_do_not_change_the_answer(firms, monkeypatch):
    expected = variety(firms, seed=5).frame
    monkeypatch.setattr(entropies, "workers", lambda: 5)
    pd.testing.assert_frame_equal(variety(firms.iloc[::-1, ::-1], seed=5).frame, expected)
    alone = variety(firms.loc[["C"]], seed=5).frame
    pd.testing.assert_frame_equal(alone, expected[expected["area"] == "C"].reset_index(drop=True))


def test_many_firms_make_narrow_intervals(firms):
    few, many = variety(firms, seed=1).frame, variety(1_000 * firms, seed=1).frame
    width = {
        "few": few["total_upper"] - few["total_lower"],
        "many": many["total_upper"] - many["total_lower"],
    }
    assert (width["many"] < 0.1 * width["few"]).all()


def test_jobs_have_variety_and_no_interval(firms):
    jobs = SectorTable.from_values(firms, measure="employment")
    result = variety(jobs)
    assert set(result.frame["status"]) == {"needs firm-level data"}
    assert result.frame[["bias", "total_lower", "related_upper"]].isna().all(axis=None)
    np.testing.assert_allclose(result.frame["total"], variety(firms, replicates=0).frame["total"])
    assert "no intervals" in result.summary()
    with pytest.raises(OptionError, match="CM-VARIETY-003"):
        variety(jobs, estimator="miller-madow")


def test_empty_and_suppressed_areas_have_no_variety(firms):
    firms = firms.astype(float)
    firms.loc["B"] = 0
    firms.loc["D", "1010"] = np.nan
    found = variety(firms, seed=1).frame.set_index("area")
    assert found.loc["B", "status"] == "no firms in area"
    assert found.loc["D", "status"] == "suppressed"
    assert found.loc[["B", "D"], ["total", "related", "bias"]].isna().all(axis=None)
    assert found.loc["A", "status"] == "ok"


def test_what_a_result_says_of_itself(firms):
    squares = gpd.GeoDataFrame(
        {"code": list("ABCDEF"), "name": list("abcdef")},
        geometry=[box(i, 0, i + 1, 1) for i in range(6)],
        crs="EPSG:27700",
    )
    whole = firms.sum(axis=1) * 2
    result = variety(SectorTable.from_values(firms, area_totals=whole, areas=squares), seed=4)
    assert list(result.frame.columns) == list(VARIETY_COLUMNS)
    text = result.summary()
    assert "50% of everything" in text
    assert "look less varied" in text
    assert repr(result) == "<Variety: 6 areas, 9 sectors in 3 groups>"
    assert "<table" in result._repr_html_()
    assert result.geo().loc["A", "total"] == result.frame["total"][0]
    with pytest.raises(InputError, match="CM-TABLE-004"):
        variety(firms, replicates=0).geo()


@pytest.mark.parametrize(
    "groups", [0, 4, 9, {"1010": "x"}, 2.5, None, pd.Series(["a"] * 10, index=[*CODES, CODES[0]])]
)
def test_groups_that_are_none_are_refused(firms, groups):
    with pytest.raises(OptionError, match="CM-VARIETY-001"):
        variety(firms, groups=groups)


def test_unknown_options_are_refused(firms):
    for option in ({"interval": 1}, {"replicates": -1}, {"replicates": 2.5}):
        with pytest.raises(OptionError, match="CM-VARIETY-002"):
            variety(firms, **option)
    for option in ({"unit": "bans"}, {"estimator": "magic"}):
        with pytest.raises(OptionError, match="CM-RELATE-001"):
            variety(firms, **option)


def test_where_nothing_is_known_no_average_is_told():
    found = variety(pd.DataFrame(0, index=["A", "B"], columns=["10a", "10b", "20a"]), seed=1)
    assert "nan" not in found.summary()
    assert "2 areas: no firms in area." in found.summary()
