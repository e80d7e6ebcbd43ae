"""Ellison–Glaeser and Maurel–Sedillot against published values and every possible throw of a few plants."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import clustermap as cm
from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError
from clustermap.measures.concentration import colocation as colocation_room
from clustermap.measures.concentration import ellison_glaeser, maurel_sedillot
from clustermap.measures.concentration.plants import read_plants
from clustermap.schema import AGGLOMERATION_COLUMNS

VERBS = [ellison_glaeser, maurel_sedillot]
TOY = [200, 650, 12000, 100, 50, 16000, 13000, 1500, 1500, 25000]


@pytest.fixture
def toy() -> pd.DataFrame:
    """Ten plants in Wien, Linz and Graz."""
    return pd.DataFrame({"area": [*"WWWWWLLLLG"], "sector": "cars", "employment": TOY})


@pytest.fixture
def jobs() -> pd.Series:
    return pd.Series({"W": 500_000, "L": 400_000, "G": 100_000})


@pytest.fixture
def economy() -> pd.DataFrame:
    """Sixty plants in five sectors and six areas, of very different size."""
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "area": rng.choice(list("ABCDEF"), 60),
            "sector": rng.choice(list("vwxyz"), 60),
            "employment": np.ceil(rng.lognormal(3, 1, 60)),
        }
    )


def one(result) -> pd.Series:
    return result.frame.iloc[0]


# --- published values --------------------------------------------------------
def test_e7_ellison_glaeser_of_ten_plants(toy, jobs):
    row = one(ellison_glaeser(toy, base=jobs, seed=1))
    assert row["raw"] == pytest.approx(0.16816327, abs=5e-9)
    assert row.herfindahl == pytest.approx(0.24468878, abs=5e-9)
    assert row.gamma == pytest.approx(0.05990628, abs=5e-9)
    assert row.z == pytest.approx(0.195900, abs=5e-7)


def test_e7_maurel_sedillot_is_our_own_arithmetic(toy, jobs):
    """No published figure is known; this one is (Σs² − Σx²)/(1 − Σx²), less H, over 1 − H, worked out apart."""
    assert one(maurel_sedillot(toy, base=jobs, seed=1)).gamma == pytest.approx(-0.43576255, abs=5e-9)


@pytest.fixture
def fk2014(real_data) -> pd.DataFrame:
    frame = pd.read_csv(real_data / "reference" / "farhauer_kroell_2014_plants.csv")
    return frame.rename(columns={"region": "area", "industry": "sector", "emp_firm": "employment"})


@pytest.mark.real
def test_e8_four_industries_in_three_regions(fk2014):
    base = fk2014.groupby("area")["emp_region"].first()
    assert base.to_list() == [360_000, 108_000, 132_000]
    result = ellison_glaeser(fk2014, base=base, seed=1).frame.set_index("sector")
    published = {
        "Clothing trade": 0.05438177,
        "Forestry": 0.04296356,
        "Textiles dyeing": 0.13776003,
        "Textiles trade": 0.01424906,
    }
    assert result["gamma"].to_dict() == pytest.approx(published, abs=5e-9)
    # the firms' own sums as base are another question with another answer
    own = ellison_glaeser(fk2014, seed=1).frame.set_index("sector")
    assert (own["gamma"] - result["gamma"]).abs().min() > 0.01


# --- exact laws ----------------------------------------------------------------
def enumerate_throws(sizes, weights):
    """Every way to throw plants at the areas: its chance, G, and Σ s²."""
    z, x = np.array(sizes) / sum(sizes), np.array(weights)
    rows = []
    for throw in itertools.product(range(len(x)), repeat=len(z)):
        s = np.bincount(throw, weights=z, minlength=len(x))
        rows.append((np.prod(x[list(throw)]), ((s - x) ** 2).sum(), (s**2).sum()))
    return np.array(rows).T


def test_moments_and_p_are_those_of_every_possible_throw():
    sizes, weights = [50, 30, 15, 4, 1], [0.5, 0.3, 0.2]
    plants = pd.DataFrame({"area": list("AABCA"), "sector": "s", "employment": sizes})
    base = pd.Series(weights, index=list("ABC")) * 1e4
    chance, g, own = enumerate_throws(sizes, weights)
    h, two = (np.array(sizes) ** 2).sum() / 1e4, 0.38
    seen = np.array([0.81, 0.15, 0.04])
    for verb, law, raw in (
        (ellison_glaeser, g, ((seen - weights) ** 2).sum()),
        (maurel_sedillot, own, (seen**2).sum()),
    ):
        row = one(verb(plants, base=base, permutations=40_000, seed=1))
        part = {ellison_glaeser: 0.0, maurel_sedillot: two}[verb]
        gamma = ((law - part) / (1 - two) - h) / (1 - h)
        assert (chance * gamma).sum() == pytest.approx(0, abs=1e-12)
        sd = np.sqrt((chance * gamma**2).sum())
        assert row["raw"] == pytest.approx(raw)
        assert row.null_sd == pytest.approx(sd, rel=1e-10)
        assert row.z == pytest.approx(row.gamma / sd, rel=1e-10)
        up, low = chance[law >= raw - 1e-9].sum(), chance[law <= raw + 1e-9].sum()
        assert row.p == pytest.approx(min(1, 2 * min(up, low)), abs=0.02)


@pytest.mark.parametrize("verb", VERBS)
def test_the_standard_error_leaves_out_every_plant_once(verb, economy):
    base = economy.groupby("area")["employment"].sum()
    result = verb(economy, base=base, permutations=0).frame.set_index("sector")
    for sector, part in economy.groupby("sector"):
        left = [one(verb(part.drop(index=i), base=base, permutations=0)).gamma for i in part.index]
        n = len(left)
        assert result.loc[sector, "se"] == pytest.approx(
            np.sqrt((n - 1) / n * ((left - np.mean(left)) ** 2).sum())
        )


@pytest.mark.parametrize("verb", VERBS)
def test_intervals_hold_the_expected_gamma_about_as_often_as_they_say(verb):
    """300 sectors of 60 plants, thrown by shares that are not the base's; seed and limits stood here before any run."""
    rng = np.random.default_rng(2_000)
    shares, base = np.array([0.4, 0.25, 0.15, 0.1, 0.1]), np.array([0.2, 0.2, 0.2, 0.2, 0.2])
    sizes = np.tile(np.ceil(rng.lognormal(3, 0.7, 60)), 300)
    plants = pd.DataFrame(
        {
            "area": rng.choice(list("ABCDE"), 18_000, p=shares),
            "sector": np.repeat([f"w{i:03}" for i in range(300)], 60),
            "employment": sizes,
        }
    )
    frame = verb(plants, base=pd.Series(base, index=list("ABCDE")), permutations=0).frame
    # E Σs² = H + (1 − H) Σπ²; the base is flat, so that Σπx = Σx² and both indices have one mean
    truth = ((shares**2).sum() - 0.2) / (1 - 0.2)
    covered = ((frame["lower"] <= truth) & (truth <= frame["upper"])).mean()
    assert 0.88 <= covered <= 0.99
    assert frame["gamma"].mean() == pytest.approx(truth, abs=5 * frame["gamma"].std() / np.sqrt(300))


def test_plants_side_by_side_are_found_and_scattered_ones_are_not():
    rng = np.random.default_rng(9)
    areas = [f"A{i:02}" for i in range(20)]
    near = pd.DataFrame({"area": rng.choice(areas[:3], 40), "sector": "near", "employment": 10})
    far = pd.DataFrame({"area": rng.choice(areas, 40), "sector": "far", "employment": 10})
    even = pd.DataFrame({"area": areas * 2, "sector": "even", "employment": 10})
    base = pd.Series(1.0, index=areas)
    result = ellison_glaeser(pd.concat([near, far, even]), base=base, seed=1)
    frame = result.frame.set_index("sector")
    assert frame.loc["near", "q"] < 0.01
    assert frame.loc["near", "gamma"] > 0.2
    assert frame.loc["far", "q"] > 0.05
    # two in each area is more even than chance: dispersed
    assert frame.loc["even", "gamma"] < 0
    assert frame.loc["even", "q"] < 0.05
    assert "1 sector concentrated, 1 dispersed" in result.summary()


# --- properties -------------------------------------------------------------------
@settings(max_examples=30, deadline=None)
@given(st.randoms(), st.sampled_from(VERBS))
def test_row_order_changes_no_byte(random, verb):
    rng = np.random.default_rng(3)
    plants = pd.DataFrame(
        {
            "area": rng.choice(list("ABC"), 20),
            "sector": rng.choice(["s", "t"], 20),
            "employment": rng.integers(1, 9, 20),
        }
    )
    order = list(plants.index)
    random.shuffle(order)
    first = verb(plants, permutations=99, correction="none", seed=1).frame
    pd.testing.assert_frame_equal(
        first, verb(plants.loc[order], permutations=99, correction="none", seed=1).frame
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=3, max_size=12), st.integers(2, 50))
def test_employment_in_another_unit_changes_no_gamma(sizes, factor):
    plants = pd.DataFrame({"area": [*"ABC" * 4][: len(sizes)], "sector": "s", "employment": sizes})
    base = pd.Series({"A": 3.0, "B": 2.0, "C": 1.0})
    for verb in VERBS:
        small = one(verb(plants, base=base, permutations=0))
        large = one(
            verb(plants.assign(employment=plants["employment"] * factor), base=base * 7, permutations=0)
        )
        assert large.gamma == pytest.approx(small.gamma, abs=1e-9)
        assert large.null_sd == pytest.approx(small.null_sd, abs=1e-9)


def test_the_same_bytes_for_any_number_of_threads(economy, monkeypatch):
    many = ellison_glaeser(economy, permutations=299, seed=1).frame
    monkeypatch.setattr(colocation_room, "workers", lambda: 1)
    pd.testing.assert_frame_equal(many, ellison_glaeser(economy, permutations=299, seed=1).frame)


def test_a_sector_is_measured_the_same_alone_and_among_others(economy):
    base = economy.groupby("area")["employment"].sum()
    whole = ellison_glaeser(economy, base=base, permutations=299, seed=1).frame.drop(columns="q")
    alone = ellison_glaeser(
        economy[economy["sector"] == "x"], base=base, permutations=299, seed=1
    ).frame.drop(columns="q")
    pd.testing.assert_frame_equal(whole[whole["sector"] == "x"].reset_index(drop=True), alone)


def test_q_corrects_over_the_sectors(economy):
    result = ellison_glaeser(economy, permutations=299, seed=1)
    np.testing.assert_allclose(result.frame["q"], stats.false_discovery_control(result.frame["p"]))
    assert result.family_size == 5


# --- firms ---------------------------------------------------------------------------
def test_firms_are_located_and_sorted_into_sectors():
    import geopandas as gpd
    from shapely import Point, box

    areas = gpd.GeoDataFrame(
        {"code": ["A", "B"], "name": ["a", "b"]},
        geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)],
        crs="EPSG:27700",
    )
    firms = gpd.GeoDataFrame(
        {
            "firm_id": ["f1", "f2", "f3", "f4", "f5"],
            "sic": ["24100", "24200", "62012", "62020", "24100"],
            "employees": [10, 20, 5, 5, 99],
        },
        geometry=[Point(1, 1), Point(2, 5), Point(17, 8), Point(3, 8), Point(90, 90)],
        crs="EPSG:27700",
    )
    rules = {"steel": ["241", "242"], "software": ["62"]}
    result = ellison_glaeser(firms, areas, sectors=rules, value="employees", permutations=0)
    frame = result.frame.set_index("sector")
    assert frame["n_plants"].to_dict() == {"software": 2, "steel": 2}
    assert frame["value"].to_dict() == {"software": 10, "steel": 30}
    assert "1 of 5 firms lies outside all areas." in result.summary()
    count = ellison_glaeser(firms, areas, sectors=rules, value="firms", permutations=0).frame
    assert (count["herfindahl"] == 0.5).all()
    with pytest.raises(InputError, match="CM-PLANT-008"):
        ellison_glaeser(firms, areas, sectors=rules, value="staff")
    with pytest.raises(OptionError, match="CM-PLANT-007"):
        ellison_glaeser(firms)


# --- what has no answer ------------------------------------------------------------------
@pytest.mark.parametrize("verb", VERBS)
def test_one_plant_has_no_gamma_and_two_no_standard_error(verb, jobs):
    plants = pd.DataFrame(
        {
            "area": list("WWLGWL"),
            "sector": ["one", "two", "two", *["three"] * 3],
            "employment": [5, 6, 7, 1, 2, 3],
        }
    )
    frame = verb(plants, base=jobs, permutations=199, seed=1).frame.set_index("sector")
    assert frame.loc["one", ["gamma", "se", "z", "p", "q", "null_sd"]].isna().all()
    assert frame["status"].to_dict() == {
        "one": "one plant: undefined",
        "three": "ok",
        "two": "two plants: no standard error",
    }
    assert np.isnan(frame.loc["two", "se"])
    assert frame.loc[["two", "three"], "p"].notna().all()


def test_plants_of_nobody_are_left_out_and_told(toy, jobs):
    more = pd.concat([toy, toy.assign(employment=0)])
    result = ellison_glaeser(more, base=jobs, permutations=0)
    assert one(result).gamma == pytest.approx(0.05990628, abs=5e-9)
    assert "10 of 20 plants are left out: nobody employed" in result.summary()


BAD = {
    "CM-PLANT-001": lambda p: p.drop(columns="sector"),
    "CM-PLANT-002": lambda p: p.assign(employment=[-1, *TOY[1:]]),
    "CM-PLANT-003": lambda p: p.assign(area=[None, *p["area"][1:]]),
    "CM-PLANT-004": lambda p: p.assign(employment=0),
    "CM-PLANT-005": lambda p: p.assign(area="Paris"),
}


@pytest.mark.parametrize("code", BAD)
def test_plants_that_cannot_be_used_are_refused(code, toy, jobs):
    with pytest.raises(InputError, match=code):
        ellison_glaeser(BAD[code](toy), base=jobs)


def test_a_base_that_cannot_be_used_is_refused(toy, jobs):
    with pytest.raises(InputError, match="CM-CONC-008"):
        ellison_glaeser(toy, base=jobs * [1, -1, 1])
    with pytest.raises(InputError, match="CM-CONC-008"):
        ellison_glaeser(toy, base=pd.concat([jobs, jobs]))
    with pytest.raises(AlignmentError, match="CM-CONC-009"):
        ellison_glaeser(toy, base=jobs * [1, 1, 0])
    with pytest.raises(StatisticsError, match="CM-CONC-006"):
        ellison_glaeser(toy.assign(area="W"), base=jobs[["W"]])
    with pytest.raises(StatisticsError, match="CM-CONC-007"):
        ellison_glaeser(toy)
    with pytest.raises(OptionError, match="CM-OPTION-001"):
        ellison_glaeser(toy, base="nation")
    with pytest.raises(OptionError, match="CM-PLANT-006"):
        ellison_glaeser(toy, base=jobs, sectors="hvm")


@pytest.mark.parametrize("options", [{"interval": 0}, {"permutations": -5}, {"permutations": "all"}])
def test_options_outside_their_range_are_refused(options, toy, jobs):
    with pytest.raises(OptionError, match="CM-CONC-003"):
        ellison_glaeser(toy, base=jobs, **options)


def test_too_few_permutations_are_refused(toy, jobs):
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        ellison_glaeser(toy, base=jobs, permutations=9)


def test_the_result_keeps_what_it_was_made_with(toy, jobs):
    result = cm.ellison_glaeser(toy, base=jobs, permutations=99, interval=0.9, seed=7)
    assert list(result.frame.columns) == list(AGGLOMERATION_COLUMNS)
    assert (result.seed, result.permutations, result.alpha, result.base_is) == (
        7,
        99,
        0.1,
        "the given totals",
    )
    assert result.base.to_dict() == {"G": 0.1, "L": 0.4, "W": 0.5}
    assert repr(result) == "<Agglomeration: Ellison–Glaeser γ of 1 sector, base the given totals>"
    assert "knows no distance" in " ".join(result.summary().split())
    assert "<pre>" in result._repr_html_()
    assert "nothing was tested" in cm.maurel_sedillot(toy, base=jobs, permutations=0).summary()
    assert "fewer than 10 plants" in cm.ellison_glaeser(toy[1:], base=jobs, permutations=0).summary()


def test_plants_are_sorted_by_sector_area_and_size():
    plants = pd.DataFrame({"area": ["B", "A", "B"], "sector": ["s", "s", "r"], "employment": ["3", 2, 1.0]})
    read = read_plants(plants)
    assert (read.size.tolist(), read.area.tolist(), read.sector.tolist()) == ([1, 2, 3], [1, 0, 1], [0, 1, 1])
