"""Concentration and specialisation against published values, closed forms and exact enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import clustermap as cm
from clustermap.errors import AlignmentError, ClusterMapWarning, InputError, OptionError, StatisticsError
from clustermap.measures.concentration import Concentration, area_specialisation, sector_concentration
from clustermap.measures.concentration import engine as engine_room
from clustermap.schema import CONCENTRATION_COLUMNS
from clustermap.tables.table import SectorTable

ADDITIVE = ["hoover", "krugman", "theil", "herfindahl", "hachman", "gini_weighted"]
QUICK = {"permutations": 999, "replicates": 99, "seed": 1}


@pytest.fixture
def farhauer_kroell() -> pd.DataFrame:
    """Five regions: the sector's jobs and everything else's."""
    sector = np.array([500, 500, 1000, 7000, 1000])
    everything = np.array([20000, 15000, 20000, 40000, 5000])
    return pd.DataFrame({"s": sector, "rest": everything - sector}, index=list("ABCDE"))


@pytest.fixture
def counts() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    size = rng.lognormal(3, 1, 12)
    return pd.DataFrame(
        rng.poisson(size[:, None] * rng.gamma(4, 0.25, (12, 5))),
        index=[f"A{i:02}" for i in range(12)],
        columns=list("vwxyz"),
    )


def of(result: Concentration, label: str, measure: str) -> pd.Series:
    frame = result.frame.set_index([result.unit, "measure"])
    return frame.loc[(label, measure)]


# --- published values --------------------------------------------------------
def test_e4_gini_of_five_regions(farhauer_kroell):
    result = sector_concentration(farhauer_kroell, **QUICK)
    assert of(result, "s", "gini").statistic == pytest.approx(0.4068966, abs=5e-8)
    # the Lorenz curve of the same five: 1 − (.2·.05 + .15·.15 + .2·.3 + .4·1.1 + .05·1.9)
    assert of(result, "s", "gini_weighted").statistic == pytest.approx(0.3725)


@pytest.mark.real
def test_e3_goettingen(real_data):
    jobs = pd.read_csv(real_data / "reference" / "goettingen_2017.csv", index_col="WZ2008_Code").drop("A-R")
    frame = pd.DataFrame({"town": jobs["Goettingen2017"], "else": jobs["BRD2017"] - jobs["Goettingen2017"]}).T
    table = SectorTable.from_values(frame, measure="employment")
    town = area_specialisation(table).wide().loc["town"]
    assert town["krugman"] == pytest.approx(0.4508469, abs=1e-6)
    assert town["gini"] == pytest.approx(0.359852, abs=1e-6)


def test_e6_krugman_of_two_mixes_without_a_common_sector():
    frame = pd.DataFrame([(20, 10, 70, 0, 0), (0, 0, 0, 60, 40)], index=["X", "Y"], columns=list("abcde"))
    result = area_specialisation(frame, reference="rest", **QUICK)
    assert result.wide()["krugman"].to_list() == [2.0, 2.0]
    assert result.wide()["hoover"].to_list() == [1.0, 1.0]
    # quotients are infinite: what needs their size has no answer, and chance could never throw a firm there
    assert result.wide()[["gini", "theil"]].isna().all(axis=None)
    assert (result.wide()["hachman"] == 0).all()
    assert result.frame["p"].isna().all()
    assert set(result.frame["status"]) == {"holds what the reference lacks: no test"}


def test_indices_by_hand(farhauer_kroell):
    x = np.array([0.05, 0.05, 0.1, 0.7, 0.1])
    w = np.array([0.2, 0.15, 0.2, 0.4, 0.05])
    got = sector_concentration(farhauer_kroell, permutations=0, replicates=0).wide().loc["s"]
    assert got["hoover"] == pytest.approx(0.5 * np.abs(x - w).sum())
    assert got["krugman"] == pytest.approx(np.abs(x - w).sum())
    assert got["theil"] == pytest.approx(stats.entropy(x, w))
    assert got["herfindahl"] == pytest.approx((x**2).sum())
    assert got["hachman"] == pytest.approx(1 / (x**2 / w).sum())


def test_a_sector_spread_like_everything_is_not_concentrated():
    frame = pd.DataFrame({"s": [10, 20, 30], "rest": [30, 60, 90]}, index=list("ABC"))
    got = sector_concentration(frame, permutations=0, replicates=0).wide().loc["s"]
    assert got[["gini", "gini_weighted", "hoover", "krugman", "theil"]].abs().max() < 1e-12
    assert got["hachman"] == pytest.approx(1)
    assert got["herfindahl"] == pytest.approx((1 + 4 + 9) / 36)


def test_rest_leaves_the_sector_out_of_the_weights(farhauer_kroell):
    rest = farhauer_kroell["rest"] / farhauer_kroell["rest"].sum()
    share = farhauer_kroell["s"] / farhauer_kroell["s"].sum()
    got = sector_concentration(farhauer_kroell, reference="rest", permutations=0, replicates=0).wide()
    assert got.loc["s", "krugman"] == pytest.approx((share - rest).abs().sum())
    assert got.loc["rest", "krugman"] == pytest.approx((share - rest).abs().sum())


# --- what chance gives ---------------------------------------------------------
def exact_law(n: int, weights: list[float]) -> pd.DataFrame:
    """Every way to throw n firms at the areas, with its probability and its indices."""
    rows = []
    for throw in itertools.product(range(len(weights)), repeat=n):
        x = np.bincount(throw, minlength=len(weights)) / n
        w = np.array(weights)
        quotient = np.sort(x / w)
        ranks = np.arange(1, len(w) + 1)
        rows.append(
            {
                "chance": np.prod(w[list(throw)]),
                "hoover": np.abs(x - w).sum() / 2,
                "theil": stats.entropy(x, w),
                "herfindahl": (x**2).sum(),
                "hachman": 1 / (x**2 / w).sum(),
                "gini": 2 / (len(w) ** 2 * quotient.mean()) * (ranks * (quotient - quotient.mean())).sum(),
            }
        )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("crowded", [False, True])
def test_mean_spread_and_p_are_those_of_every_possible_throw(monkeypatch, crowded):
    monkeypatch.setattr(engine_room, "_CROWDED", 0 if crowded else 8)
    sector, everything = np.array([3, 1, 1]), np.array([40, 50, 110])
    frame = pd.DataFrame({"s": sector, "rest": everything - sector}, index=list("ABC"))
    result = sector_concentration(frame, permutations=40_000, replicates=0, seed=3)
    law = exact_law(5, [0.2, 0.25, 0.55])
    for name in ("hoover", "theil", "herfindahl", "hachman", "gini"):
        row, value, chance = of(result, "s", name), law[name], law["chance"]
        mean = (value * chance).sum()
        sd = np.sqrt((chance * (value - mean) ** 2).sum())
        assert row.expected == pytest.approx(mean, abs=5 * sd / 200)
        assert row.sd == pytest.approx(sd, rel=0.03)
        up = chance[value >= row.statistic - 1e-9].sum()
        low = chance[value <= row.statistic + 1e-9].sum()
        assert row.p == pytest.approx(min(1, 2 * min(up, low)), abs=0.02), name
        assert row.z == pytest.approx((row.statistic - row.expected) / row.sd)


def test_expected_herfindahl_and_quotient_squares_have_a_closed_form(counts):
    result = sector_concentration(counts, permutations=4_999, replicates=0, seed=1)
    w = counts.sum(axis=1) / counts.to_numpy().sum()
    for sector, n in counts.sum().items():
        row = of(result, sector, "herfindahl")
        exact = (w**2).sum() + (1 - (w**2).sum()) / n
        assert row.expected == pytest.approx(exact, abs=5 * row.sd / np.sqrt(4_999))
        # each |x − w| is the mean deviation of a binomial (De Moivre)
        law = [stats.binom(n, share) for share in w]
        grid = np.arange(n + 1)
        exact = sum((v.pmf(grid) * np.abs(grid / n - s)).sum() for v, s in zip(law, w, strict=True)) / 2
        row = of(result, sector, "hoover")
        assert row.expected == pytest.approx(exact, abs=5 * row.sd / np.sqrt(4_999))


def test_few_firms_look_concentrated_and_are_not_called_so():
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.full(40, 2.0))
    frame = pd.DataFrame({"s": rng.multinomial(30, weights), "rest": rng.multinomial(50_000, weights)})
    row = of(sector_concentration(frame, permutations=999, replicates=0, seed=1), "s", "gini_weighted")
    assert row.statistic > 0.4
    assert row.expected > 0.4
    assert row.p > 0.05


def test_a_planted_concentration_is_found():
    weights = np.full(20, 0.05)
    planted = weights * np.r_[np.full(3, 4.0), np.full(17, 8 / 17)]
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"s": rng.multinomial(200, planted), "rest": rng.multinomial(50_000, weights)})
    result = sector_concentration(frame, permutations=999, seed=1)
    part = result.frame[result.frame["sector"] == "s"].set_index("measure")
    assert (part["p"] == 0.002).all()
    assert (part.loc[["hoover", "theil"], "lower"] > part.loc[["hoover", "theil"], "expected"]).all()
    assert "more uneven than random location" in result.summary()


def test_plants_of_their_own_size_are_thrown():
    """Two plants of 9 and 1 at areas of .3 and .7: four throws, all indices known."""
    plants = pd.DataFrame({"area": ["A", "B"], "sector": "s", "employment": [9, 1]})
    frame = pd.DataFrame({"s": [9, 1]}, index=["A", "B"])
    table = SectorTable.from_values(
        frame, measure="employment", area_totals=pd.Series({"A": 300.0, "B": 700.0})
    )
    result = sector_concentration(table, plants=plants, permutations=40_000, replicates=0, seed=2)
    row = of(result, "s", "hoover")
    # shares of A and their chances: 1 (.09), .9 (.21), .1 (.21), 0 (.49); |share − .3|
    deviation, chance = np.array([0.7, 0.6, 0.2, 0.3]), np.array([0.09, 0.21, 0.21, 0.49])
    assert row.statistic == pytest.approx(0.6)
    assert row.expected == pytest.approx((deviation * chance).sum(), abs=0.005)
    assert row.p == pytest.approx(2 * 0.3, abs=0.02)
    assert row.n == 2


def test_employment_without_plants_has_indices_but_no_inference(farhauer_kroell):
    table = SectorTable.from_values(farhauer_kroell, measure="employment")
    result = sector_concentration(table, seed=1)
    assert result.frame["statistic"].notna().all()
    assert result.frame[["se", "lower", "upper", "expected", "sd", "z", "p", "q", "n"]].isna().all(axis=None)
    assert set(result.frame["status"]) == {"needs firm-level data"}
    assert (result.family_size, result.permutations) == (0, 0)


def test_equal_plants_are_firms(counts):
    """A plant per firm, all of size 1: the same law as counting firms."""
    plants = counts.rename_axis("area").reset_index().melt("area", var_name="sector", value_name="n")
    plants = plants.loc[plants.index.repeat(plants["n"])].assign(employment=1)
    table = SectorTable.from_values(counts, measure="employment")
    ours = sector_concentration(table, plants=plants, permutations=3_999, replicates=499, seed=1).frame
    firms = sector_concentration(counts, permutations=3_999, replicates=499, seed=1).frame
    np.testing.assert_allclose(ours["statistic"], firms["statistic"], rtol=1e-12)
    np.testing.assert_allclose(
        ours["expected"], firms["expected"], atol=6 * firms["sd"].max() / np.sqrt(3_999)
    )
    np.testing.assert_allclose(ours["se"], firms["se"], rtol=0.25)


# --- standard errors and intervals ----------------------------------------------
def test_the_standard_error_of_herfindahl_is_that_of_the_delta_method():
    x = np.array([0.4, 0.3, 0.2, 0.1])
    frame = pd.DataFrame({"s": 4_000 * x, "rest": np.full(4, 50_000)})
    row = of(sector_concentration(frame, permutations=0, replicates=1_999, seed=1), "s", "herfindahl")
    delta = 2 * np.sqrt(((x**3).sum() - (x**2).sum() ** 2) / 4_000)
    assert row.se == pytest.approx(delta, rel=0.06)


@pytest.mark.parametrize(("areas", "firms"), [(8, 300), (40, 200)])
def test_intervals_cover_at_least_about_as_often_as_they_say(areas, firms):
    """400 worlds, one with many firms an area and one with few; seeds and limits stood here before the first run.

    A plain reflected interval covered 85–95 % of such worlds, a percentile interval none of the sparse ones.
    """
    weights = np.full(areas, 1 / areas)
    rng = np.random.default_rng([1_000, areas])
    truth = rng.dirichlet(np.full(areas, 3.0))
    frame = pd.DataFrame(rng.multinomial(firms, truth, size=400).T, columns=[f"w{i:03}" for i in range(400)])
    table = SectorTable.from_values(frame, area_totals=pd.Series(weights * 1e6))
    result = sector_concentration(table, permutations=0, replicates=299, seed=1_000)
    exact = {"hoover": np.abs(truth - weights).sum() / 2, "theil": stats.entropy(truth, weights),
             "herfindahl": (truth**2).sum(), "hachman": 1 / (truth**2 / weights).sum()}  # fmt: skip
    for name, value in exact.items():
        part = result.frame[result.frame["measure"] == name]
        covered = ((part["lower"] <= value) & (value <= part["upper"])).mean()
        assert covered >= 0.91, name


# --- properties -------------------------------------------------------------------
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=3, max_size=8), st.randoms())
def test_row_order_changes_no_byte(cells, random):
    frame = pd.DataFrame(cells, index=[f"A{i}" for i in range(len(cells))], columns=["s", "rest"])
    order = list(frame.index)
    random.shuffle(order)
    first = sector_concentration(frame, **QUICK).frame
    pd.testing.assert_frame_equal(first, sector_concentration(frame.loc[order, ["rest", "s"]], **QUICK).frame)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 60)), min_size=3, max_size=8), st.integers(2, 5))
def test_splitting_an_area_in_proportion_changes_no_index_that_weighs_areas(cells, parts):
    frame = pd.DataFrame(cells, index=[f"A{i}" for i in range(len(cells))], columns=["s", "rest"]) * parts
    split = pd.concat(
        [frame.iloc[1:], *[frame.iloc[[0]].rename(index={"A0": f"B{k}"}) / parts for k in range(parts)]]
    )
    options = {"permutations": 0, "replicates": 0}
    whole = sector_concentration(frame, **options).wide().loc["s"]
    pieces = sector_concentration(split, **options).wide().loc["s"]
    same = ["gini_weighted", "hoover", "krugman", "theil", "hachman"]
    np.testing.assert_allclose(pieces[same].astype(float), whole[same].astype(float), atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=3, max_size=8).filter(
        lambda cells: sum(c[0] for c in cells) > 0
    )
)
def test_indices_stay_within_their_range(cells):
    frame = pd.DataFrame(cells, index=[f"A{i}" for i in range(len(cells))], columns=["s", "rest"])
    got = sector_concentration(frame, permutations=0, replicates=0).wide().loc["s"].astype(float)
    tiny = 1e-12
    assert got[["gini", "gini_weighted", "hoover"]].between(-tiny, 1).all()
    assert -tiny <= got["krugman"] <= 2
    assert got["krugman"] == pytest.approx(2 * got["hoover"])
    assert got["theil"] >= -tiny
    assert 1 / len(frame) - tiny <= got["herfindahl"] <= 1
    assert 0 < got["hachman"] <= 1 + tiny


def test_the_same_bytes_for_any_number_of_threads(counts, monkeypatch):
    many = sector_concentration(counts, permutations=299, replicates=99, seed=4).frame
    monkeypatch.setattr(engine_room, "workers", lambda: 1)
    pd.testing.assert_frame_equal(
        many, sector_concentration(counts, permutations=299, replicates=99, seed=4).frame
    )


def test_areas_measured_are_sectors_measured_on_the_turned_table(counts):
    ours = area_specialisation(counts, permutations=0, replicates=0).wide()
    turned = sector_concentration(counts.T, permutations=0, replicates=0).wide()
    np.testing.assert_allclose(ours.to_numpy(float), turned.to_numpy(float), rtol=1e-12)


def test_sectors_of_one_size_share_their_null_and_not_their_bootstrap():
    frame = pd.DataFrame({"a": [5, 3, 2], "b": [2, 3, 5], "rest": [50, 60, 70]}, index=list("XYZ"))
    result = sector_concentration(frame, permutations=199, replicates=199, seed=1)
    a, b = of(result, "a", "hoover"), of(result, "b", "hoover")
    assert (a.expected, a.sd) == (b.expected, b.sd)
    assert a.se != b.se


def test_q_corrects_over_the_profiles_measure_by_measure(counts):
    result = sector_concentration(counts, permutations=199, replicates=0, seed=1)
    assert result.family_size == 5
    for _, part in result.frame.groupby("measure"):
        np.testing.assert_allclose(part["q"], stats.false_discovery_control(part["p"]))


# --- what has no answer -------------------------------------------------------------
def test_profiles_without_an_answer_say_why():
    frame = pd.DataFrame(
        {
            "none": [0, 0, 0],
            "hidden": [1, np.nan, 3],
            "one": [1, 0, 0],
            "place": [0, 4, 0],
            "fine": [6, 7, 8],
        },
        index=list("ABC"),
    )
    table = SectorTable.from_values(frame, area_totals=pd.Series([50.0, 60.0, 70.0], index=list("ABC")))
    result = sector_concentration(table, **QUICK)
    assert result.wide("status")["hoover"].to_dict() == {
        "fine": "ok",
        "hidden": "suppressed",
        "none": "nothing to measure",
        "one": "one unit: no interval",
        "place": "all in one place: no interval",
    }
    assert result.wide().loc[["none", "hidden"]].isna().all(axis=None)
    assert result.wide("p").loc[["one", "place"]].notna().all(axis=None)
    assert result.wide("lower").loc[["one", "place"]].isna().all(axis=None)
    assert "1 sector: suppressed." in result.summary()


def test_a_sector_that_is_everything_has_nothing_beside_it():
    frame = pd.DataFrame({"s": [3, 5, 9]}, index=list("ABC"))
    for reference in ("nation", "rest"):
        result = sector_concentration(frame, reference=reference, **QUICK)
        assert set(result.frame["status"]) == {"nothing to compare with"}
        assert result.frame["statistic"].isna().all()


def test_too_little_to_compare_is_refused():
    one = pd.DataFrame({"s": [3], "rest": [5]}, index=["A"])
    with pytest.raises(StatisticsError, match="CM-CONC-002"):
        sector_concentration(one)
    with pytest.raises(StatisticsError, match="CM-CONC-002"):
        area_specialisation(one.T)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"reference": "moon"}, "CM-OPTION-001"),
        ({"interval": 1.0}, "CM-CONC-003"),
        ({"permutations": -1}, "CM-CONC-003"),
        ({"permutations": "many"}, "CM-CONC-003"),
        ({"replicates": 1}, "CM-CONC-003"),
        ({"correction": "holm"}, "CM-STAT-010"),
    ],
)
def test_options_outside_their_range_are_refused(counts, options, code):
    with pytest.raises(OptionError, match=code):
        sector_concentration(counts, **options)


def test_too_few_permutations_are_refused(counts):
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        sector_concentration(counts, permutations=9)


def test_auto_takes_what_the_correction_needs_and_says_where_it_cannot(counts, monkeypatch):
    from clustermap.measures.concentration import comparing

    assert sector_concentration(counts, replicates=0, seed=1).permutations == 9_999
    monkeypatch.setattr(comparing, "_STEPS", 10)
    with pytest.warns(ClusterMapWarning, match="CM-CONC-005"):
        assert sector_concentration(counts, replicates=0, seed=1).permutations == 999


def test_plants_must_add_up_to_the_table(counts):
    table = SectorTable.from_values(counts, measure="employment")
    plants = pd.DataFrame({"area": ["A00"], "sector": ["v"], "employment": [3]})
    with pytest.raises(InputError, match="CM-CONC-004"):
        sector_concentration(table, plants=plants)
    with pytest.raises(AlignmentError, match="CM-PLANT-005"):
        sector_concentration(table, plants=plants.assign(area="elsewhere"))


# --- the result ----------------------------------------------------------------------
def test_the_result_keeps_what_it_was_made_with(counts):
    result = sector_concentration(counts, permutations=199, replicates=99, interval=0.9, seed=7)
    assert list(result.frame.columns) == ["sector", *CONCENTRATION_COLUMNS]
    assert (result.seed, result.permutations, result.replicates, result.alpha) == (7, 199, 99, 0.1)
    assert repr(result) == "<Concentration: 5 sectors × 7 measures, 199 permutations>"
    assert "know no distance" in result.summary()
    assert "<pre>" in result._repr_html_()
    with pytest.raises(OptionError, match="CM-CONC-001"):
        result.wide("moran")
    with pytest.raises(InputError, match="CM-TABLE-004"):
        result.geo()


def test_a_seed_that_was_drawn_is_recorded_and_gives_the_same_again(counts):
    first = sector_concentration(counts, permutations=99, replicates=99, correction="none")
    again = sector_concentration(counts, permutations=99, replicates=99, correction="none", seed=first.seed)
    pd.testing.assert_frame_equal(first.frame, again.frame)


def test_areas_carry_their_polygons():
    region = cm.testing.make_region(seed=1)
    result = area_specialisation(region.table, permutations=1_999, replicates=9, seed=1)
    assert result.geo()["krugman"].notna().any()
    assert "areas over sectors" in result.summary()


def test_progress_reaches_its_end(counts):
    seen = []
    sector_concentration(counts, **QUICK, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
