"""Employment in plants: effective numbers by hand, coverage by simulation, nothing made of one plant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

from clustermap.errors import AlignmentError, InputError, OptionError
from clustermap.measures import bootstrap_quotient

# written down before the first run: worlds, plants and thresholds of the simulation below
SEED, WORLDS, PLANTS, WEIGHT, TRUTH = 20_261_127, 400, 120, 0.2, 0.3
LOWEST, LOWEST_BOOTSTRAP = 0.93, 0.88


@pytest.fixture
def plants() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": list("AAABBB"),
            "sector": ["s", "s", "t", "t", "s", "t"],
            "value": [90, 10, 50, 150, 100, 100],
        }
    )


def test_the_effective_number_of_plants_by_hand(plants):
    result = bootstrap_quotient(plants, seed=1)
    # shares .45, .05, .5: H = .455
    assert result.sectors.loc["s", "herfindahl"] == pytest.approx(0.455)
    assert result.sectors.loc["s", "n_eff"] == pytest.approx(1 / 0.455)
    a = result.frame.iloc[0]
    # 100 of 200 jobs of s, 150 of 500 jobs of all
    assert (a["value"], a["expected"], a["lq"], a["plants"]) == (100, 60, pytest.approx(5 / 3), 2)
    n = 1 / 0.455
    assert a["lower"] == pytest.approx(stats.beta(n / 2, n / 2 + 1).ppf(0.025) / 0.3)
    assert a["upper"] == pytest.approx(stats.beta(n / 2 + 1, n / 2).ppf(0.975) / 0.3)
    assert a["p"] == pytest.approx(2 * stats.beta(n / 2, n / 2 + 1).cdf(0.3))


def test_equal_plants_are_counts_of_firms():
    plants = pd.DataFrame(
        {"area": ["A"] * 8 + ["B"] * 12, "sector": (["s"] * 6 + ["t"] * 2) + (["s"] * 4 + ["t"] * 8)}
    )
    result = bootstrap_quotient(plants.assign(value=7.0), seed=1)
    a = result.frame.iloc[0]
    peer = stats.binomtest(6, 10, 0.4)
    interval = peer.proportion_ci(0.95, method="exact")
    assert (a["lower"], a["upper"]) == pytest.approx((interval.low / 0.4, interval.high / 0.4), rel=1e-9)
    assert result.sectors.loc["s", "n_eff"] == pytest.approx(10)


def test_one_large_plant_says_little():
    plants = pd.DataFrame(
        {"area": list("ABBB"), "sector": ["s", "s", "t", "t"], "value": [980, 20, 500, 500]}
    )
    a = bootstrap_quotient(plants, seed=1).frame.iloc[0]
    assert a["lq"] == pytest.approx(0.98 / 0.49)
    assert a["lower"] < 1 < a["upper"]
    assert a["status"] == "few plants in the cell"
    assert np.isnan(a["boot_lower"])


def test_a_bootstrap_needs_many_plants_in_the_cell():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"area": ["A"] * 12 + ["B"] * 30 + ["C"] * 2, "sector": "s", "value": rng.lognormal(3, 1, 44)}
    )
    others = pd.DataFrame({"area": list("ABC"), "sector": "t", "value": [500.0, 2_000.0, 900.0]})
    result = bootstrap_quotient(pd.concat([frame, others]), seed=5)
    s = result.frame[result.frame["sector"] == "s"].set_index("area")
    assert s["status"].to_dict() == {"A": "ok", "B": "ok", "C": "few plants in the cell"}
    assert s.loc["A", "boot_lower"] < s.loc["A", "lq"] < s.loc["A", "boot_upper"]
    assert np.isnan(s.loc["C", "boot_lower"])
    assert np.isfinite(s.loc["C", "lower"])


def test_the_same_seed_gives_the_same_bytes_in_any_order_of_plants():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"area": rng.choice(list("AB"), 60), "sector": "s", "value": rng.lognormal(3, 1, 60)}
    )
    frame = pd.concat([frame, pd.DataFrame({"area": ["A", "B"], "sector": "t", "value": [900.0, 900.0]})])
    one = bootstrap_quotient(frame, seed=5, minimum_plants=3).frame
    other = bootstrap_quotient(frame.sample(frac=1, random_state=1), seed=5, minimum_plants=3).frame
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    third = bootstrap_quotient(frame, seed=6, minimum_plants=3)
    assert not one["boot_lower"].equals(third.frame["boot_lower"])
    assert third.seed == 6
    assert isinstance(bootstrap_quotient(frame).seed, int)


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Plants of log-normal size, each in area A with probability .3, where A holds a fifth of all employment."""
    rng = np.random.default_rng(SEED)
    exact = boot = 0
    for _ in range(WORLDS):
        frame = pd.DataFrame(
            {
                "area": np.where(rng.random(PLANTS) < TRUTH, "A", "B"),
                "sector": "s",
                "value": rng.lognormal(3, 1.0, PLANTS),
            }
        )
        totals = pd.Series({"A": WEIGHT * 1e6, "B": (1 - WEIGHT) * 1e6})
        a = bootstrap_quotient(frame, area_totals=totals, replicates=199, seed=1).frame.iloc[0]
        exact += int(a["lower"] <= TRUTH / WEIGHT <= a["upper"])
        boot += int(a["boot_lower"] <= TRUTH / WEIGHT <= a["boot_upper"])
    assert exact / WORLDS >= LOWEST
    assert boot / WORLDS >= LOWEST_BOOTSTRAP


def test_an_interval_that_counts_jobs_as_if_they_were_firms_covers_the_truth_far_too_seldom():
    rng, covered = np.random.default_rng(SEED + 1), 0
    for _ in range(200):
        inside, jobs = rng.random(PLANTS) < TRUTH, rng.lognormal(3, 1.0, PLANTS).round()
        test = stats.binomtest(int(jobs[inside].sum()), int(jobs.sum())).proportion_ci(0.95, method="exact")
        covered += int(test.low <= TRUTH <= test.high)
    assert covered / 200 < 0.6


def test_located_firms_are_plants(firms_and_areas):
    firms, areas = firms_and_areas
    result = bootstrap_quotient(firms, areas, sectors={"steel": ["24"]}, value="employees", seed=1)
    a = result.frame.iloc[0]
    # steel 40 + 10 in A, 50 in B; all 150 in A, 250 in B
    assert (a["value"], a["lq"], a["plants"]) == (50, pytest.approx(0.5 / 0.375), 2)
    assert result.sectors.loc["steel", "plants"] == 3
    assert result.frame["area"].tolist() == ["A", "B"]


@pytest.fixture
def firms_and_areas():
    import geopandas as gpd

    areas = gpd.GeoDataFrame(
        {"code": ["A", "B"], "name": ["a", "b"]},
        geometry=[shapely.box(0, 0, 9, 9), shapely.box(9, 0, 18, 9)],
        crs="EPSG:27700",
    )
    firms = gpd.GeoDataFrame(
        {
            "firm_id": list("abcdef"),
            "sic": ["24100", "24200", "62012", "24100", "62012", "24100"],
            "employees": [40.0, 10.0, 100.0, 50.0, 200.0, 7.0],
        },
        geometry=[shapely.Point(x, 4) for x in (1, 2, 3, 12, 13, 90)],
        crs="EPSG:27700",
    )
    return firms, areas


def test_totals_published_apart_are_used(plants):
    totals = pd.Series({"A": 400.0, "B": 600.0, "C": 0.0})
    result = bootstrap_quotient(plants[plants["area"] != "C"], area_totals=totals[["A", "B"]], seed=1)
    assert result.frame["lq"].iloc[0] == pytest.approx(0.5 / 0.4)
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        bootstrap_quotient(plants, area_totals=totals.rename({"A": "Z"}), seed=1)


def test_cells_without_plants_and_sectors_without_jobs_say_so():
    plants = pd.DataFrame({"area": list("ABA"), "sector": ["s", "t", "u"], "value": [10.0, 10.0, 0.0]})
    frame = bootstrap_quotient(plants, seed=1).frame.set_index(["sector", "area"])
    assert frame.loc[("s", "B"), "status"] == "no plants in the cell"
    assert frame.loc[("s", "B"), "lq"] == 0
    assert frame.loc[("u", "A"), "status"] == "no employment in sector"
    assert np.isnan(frame.loc[("u", "A"), "lq"])
    zero = bootstrap_quotient(plants, area_totals=pd.Series({"A": 10.0, "B": 0.0}), seed=1).frame
    assert (
        zero.loc[zero["area"] == "B", "status"].isin(["no employment in area", "no employment in sector"])
    ).all()


def test_the_summary_says_what_the_intervals_rest_on(plants):
    result = bootstrap_quotient(plants, seed=4, correction="bonferroni")
    text = result.summary()
    assert "s: 200 jobs in 3 plants count like 2.2 equal ones" in text
    assert "seed 4" in text
    assert "owners with several plants make the intervals too narrow" in text
    assert "4 cells: few plants in the cell." in text
    assert repr(result) == "<LumpyQuotients: 2 areas × 2 sectors>"
    assert result._repr_html_().startswith("<pre>Location quotients of employment")
    assert result.family_size == 4


def test_refusals(plants, firms_and_areas):
    firms, _ = firms_and_areas
    for wrong in ({"interval": 95}, {"replicates": 10}, {"minimum_plants": 2}):
        with pytest.raises(OptionError, match="CM-LUMPY-001"):
            bootstrap_quotient(plants, **wrong)
    with pytest.raises(OptionError, match=r"CM-LUMPY-002.*jobs"):
        bootstrap_quotient(plants, value="jobs")
    with pytest.raises(OptionError, match="CM-LUMPY-002"):
        bootstrap_quotient(firms, sectors={"steel": ["24"]}, value="employees")
    with pytest.raises(InputError, match=r"CM-LUMPY-003\] 1 of 6"):
        bootstrap_quotient(plants.assign(value=[-1.0, 1, 1, 1, 1, 1]))
    with pytest.raises(InputError, match="CM-LUMPY-004"):
        bootstrap_quotient(plants.assign(value=0.0))
