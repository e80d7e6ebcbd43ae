"""Clusters of firms by density: what is found, what it is held against, and what is refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.stats import binom

import clustermap as cm
from clustermap.detection.density import search as density_search
from clustermap.detection.density.rule import LADDER, candidates, labellings
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.randomness import stream
from clustermap.schema import CLUSTER_COLUMNS, FIRM_MEMBER_COLUMNS

STEEL = {"steel": ["241"]}
# an economy of towns whose sector is thrown at random: at 5 % this many runs report a cluster, with 99.9 % certainty
NULL_SEEDS = range(881_001, 881_121)
LOWEST_MEAN = 0.525 - 3.29 * np.sqrt(
    399 / 4_800 / len(NULL_SEEDS)
)  # of p on twentieths, not lower by more than chance
LEAST, MOST = (int(k) for k in binom.ppf([0.0005, 0.9995], len(NULL_SEEDS), 0.05))

TOWNS = {  # east and north in km, reach in m, all firms, firms of steel
    "capital": (400, 300, 1_200, 1_500, 30),
    "steel town": (440, 330, 600, 120, 60),
    "harbour": (460, 290, 900, 300, 6),
    "countryside": (430, 310, 40_000, 600, 12),
}


def _firms(seed=3, towns=TOWNS, sic=("24100", "62012")):
    """Towns of unequal size; steel is a fiftieth of every one but the steel town, where it is half."""
    rng = np.random.default_rng(seed)
    at, codes = [], []
    for east, north, reach, everyone, steel in towns.values():
        at.append(np.array([east, north]) * 1000 + rng.normal(0, reach, (everyone, 2)))
        codes += [sic[0]] * steel + [sic[1]] * (everyone - steel)
    n = len(codes)
    frame = {"firm_id": [f"f{i:05d}" for i in range(n)], "sic": codes, "value": rng.integers(1, 50, n)}
    return gpd.GeoDataFrame(frame, geometry=shapely.points(np.concatenate(at)), crs=27700)


@pytest.fixture(scope="module")
def firms():
    return cm.read_firms(_firms())


@pytest.fixture(scope="module")
def found(firms):
    return cm.detect_clusters(
        firms, method="dbscan", sector=STEEL, radius_m=1_500, minimum=8, permutations=199, seed=5
    )


def _rows(firms, places):
    return pd.Index(firms.frame["firm_id"]).get_indexer(places)


def test_the_steel_town_is_the_cluster_and_the_capital_is_not(found, firms):
    ids = firms.frame["firm_id"].to_numpy()
    town = set(ids[1500:1560])
    assert found.frame["cluster"].tolist() == ["C1"]
    assert len(town & set(found.members["firm_id"])) >= 55
    assert found.frame.loc[0, "p"] == 1 / 200
    assert found.searches.loc[0, "n_places"] == 2  # the capital is dense too
    assert found.searches.loc[0, "best_p"] > 0.05
    everything = cm.detect_clusters(
        firms, method="dbscan", sector=STEEL, radius_m=1_500, minimum=8, permutations=199, alpha=1, seed=5
    )
    assert everything.frame["p"].tolist() == [1 / 200, found.searches.loc[0, "best_p"]]


def test_the_frame_keeps_the_contract_and_says_nan_where_nothing_is_defined(found):
    assert tuple(found.frame.columns) == CLUSTER_COLUMNS
    assert tuple(found.members.columns) == FIRM_MEMBER_COLUMNS
    row = found.frame.iloc[0]
    assert np.isnan([row["p_field"], found.split_sample["C1"]]).all()
    assert (row["n_areas"], row["level"]) == (0, 1.0)
    assert pd.isna(row["parent"])
    assert row["n_firms"] == row["value"] == len(found.members)
    assert (found.areas, found.graph, found.table) == (None, None, None)
    assert (found.method, found.background, found.seed) == ("dbscan", "homogeneous", 5)


def test_expected_counts_all_firms_within_the_radius_of_a_core_firm(found, firms):
    xy = shapely.get_coordinates(firms.frame.geometry.to_numpy())
    steel = xy[(firms.frame["sic"] == "24100").to_numpy()]
    within = np.linalg.norm(steel[:, None] - steel, axis=2) <= 1_500
    core = within.sum(axis=1) >= 8
    own = np.isin(
        np.flatnonzero((firms.frame["sic"] == "24100").to_numpy()), _rows(firms, found.members["firm_id"])
    )
    members = steel[own & core]
    near = (np.linalg.norm(xy[:, None] - members, axis=2) <= 1_500).any(axis=1)
    row = found.frame.iloc[0]
    assert row["expected"] == pytest.approx(near.sum() * 108 / 2_520, rel=1e-12)
    assert row["relative_risk"] == row["value"] / row["expected"]
    c, e, s = row["value"], row["expected"], 108.0
    assert row["score"] == pytest.approx(c * np.log(c / e) + (s - c) * np.log((s - c) / (s - e)), rel=1e-12)


def test_the_footprint_holds_the_core_firms_and_its_size_is_told(found):
    prints = found.footprints
    points = found.geo()
    assert prints.geometry.iloc[0].buffer(1e-6).covers(points.geometry).mean() > 0.95
    assert prints.loc[0, "area_km2"] == pytest.approx(prints.geometry.area.iloc[0] / 1e6)
    assert prints.crs == points.crs
    assert set(points["firm_id"]) == set(found.members["firm_id"])
    assert found.values("C1").sum() == found.frame.loc[0, "value"]
    assert found.density.footprint == "everything within the radius of a core firm"
    assert found.density.radius_m == {"steel": 1_500.0}


def test_the_summary_says_question_null_and_limits(found):
    text = found.summary()
    for words in (
        "over-represented there against all firms?",
        "1 reported",
        "random labellings",
        "no clusters for that",
        "too high on average",
        "One density serves the whole map",
        "Dense places at half to twice these values:",
    ):
        assert words in text
    assert repr(found).startswith("<Clusters: 1 (dbscan), ")
    assert found._repr_html_().startswith("<pre>Question answered")


def test_the_order_of_rows_and_the_number_of_threads_change_nothing(firms, monkeypatch):
    frame = _firms()
    mixed = frame.sample(frac=1, random_state=4)
    answers = []
    for data, threads in ((frame, 1), (mixed, 3)):
        monkeypatch.setattr(density_search, "workers", lambda threads=threads: threads)
        got = cm.detect_clusters(data, method="dbscan", sector=STEEL, permutations=60, alpha=1, seed=9)
        answers.append((got.frame, got.members, got.searches, got.summary()))
    for one, two in zip(*(a[:3] for a in answers), strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert answers[0][3] == answers[1][3]


def test_a_seed_is_recorded_and_gives_the_same_answer_again(firms):
    one = cm.detect_clusters(firms, method="dbscan", sector=STEEL, radius_m=1_500, minimum=8, permutations=19)
    two = cm.detect_clusters(
        firms, method="dbscan", sector=STEEL, radius_m=1_500, minimum=8, permutations=19, seed=one.seed
    )
    pd.testing.assert_frame_equal(one.frame, two.frame)


def test_parameters_are_chosen_where_they_are_not_given_and_the_steel_town_is_found(firms):
    for given in ({}, {"radius_m": 1_500}, {"minimum": 8}):
        got = cm.detect_clusters(firms, method="dbscan", sector=STEEL, permutations=99, seed=5, **given)
        row = got.searches.iloc[0]
        assert row["radius_m"] == given.get("radius_m", row["radius_m"]) > 0
        assert row["minimum"] == given.get("minimum", row["minimum"]) >= 2
        assert "stands out most" in row["chosen"]
        assert got.frame.loc[0, "relative_risk"] > 3
        town = firms.frame["firm_id"].iloc[1500:1560]
        assert town.isin(got.members["firm_id"]).sum() >= 50


def test_candidates_depend_on_the_number_of_firms_of_the_sector_and_not_on_where_they_are(firms):
    xy = np.ascontiguousarray(shapely.get_coordinates(firms.frame.geometry.to_numpy()).T)
    drawn = labellings(2_520, 108, 5)
    options = candidates(*xy, np.ones(108), drawn, radius_m=None, minimum=None)
    radius = options[0].radius_m
    assert radius in LADDER
    shares = []
    for rows in drawn:  # half of the firms of a labelling have ten others
        at = xy[:, rows].T
        others = (np.linalg.norm(at[:, None] - at, axis=2) <= radius).sum(axis=1) - 1
        shares.append((others >= 10).mean())
    assert np.median(shares) >= 0.5
    assert [o.minimum for o in options] == sorted({o.minimum for o in options})
    wider = candidates(*xy, np.ones(108), drawn, radius_m=None, minimum=8)
    assert [o.radius_m for o in wider] == sorted({o.radius_m for o in wider}, reverse=True)


def _best_score(xy, rows, radius, minimum):
    """Search one labelling with scikit-learn, and score its places by brute force."""
    from sklearn.cluster import DBSCAN

    model = DBSCAN(eps=radius, min_samples=int(minimum), algorithm="brute").fit(xy[rows])
    cores = xy[rows][model.core_sample_indices_]
    if not len(cores):
        return 0.0
    apart = np.linalg.norm(xy[:, None] - cores, axis=2)
    of = np.where(
        apart.min(axis=1) <= radius, model.labels_[model.core_sample_indices_][apart.argmin(axis=1)], -1
    )
    best, s = 0.0, len(rows)
    for k in range(of.max() + 1):
        c, e = (of[rows] == k).sum(), (of == k).sum() * s / len(xy)
        if c > e:
            outside = (s - c) * np.log((s - c) / (s - e)) if c < s else 0.0
            best = max(best, c * np.log(c / e) + outside)
    return best


def test_p_is_that_of_an_independent_search_that_chooses_again_in_every_labelling():
    towns = {name: (*place[:3], place[3] // 4, 0) for name, place in TOWNS.items()}
    frame = _firms(8, towns)
    frame.loc[np.random.default_rng(8).choice(len(frame), 40, replace=False), "sic"] = "24100"
    firms = cm.read_firms(frame)
    got = cm.detect_clusters(firms, method="dbscan", sector=STEEL, permutations=30, alpha=1, seed=8)
    xy = shapely.get_coordinates(firms.frame.geometry.to_numpy())
    steel = np.flatnonzero((firms.frame["sic"] == "24100").to_numpy())
    n, many = len(steel), len(xy)
    options = candidates(
        *np.ascontiguousarray(xy.T), np.ones(n), labellings(many, n, 8), radius_m=None, minimum=None
    )
    assert len(options) > 1

    def best(rows):
        return max(_best_score(xy, rows, o.radius_m, o.minimum) for o in options)

    drawn = []
    for block, size in ((0, 25), (1, 5)):
        rng = stream(8, "density", block)
        drawn += [best(rng.choice(many, n, replace=False)) for _ in range(size)]
    observed = best(steel)
    assert got.frame.loc[0, "score"] == pytest.approx(observed, rel=1e-9)
    reached = sum(d >= observed * (1 - 1e-9) for d in drawn)
    assert got.frame.loc[0, "p"] == pytest.approx((1 + reached) / 31)
    weakest = got.frame["score"].iloc[-1]
    assert got.frame["p"].iloc[-1] == pytest.approx(
        (1 + sum(d >= weakest * (1 - 1e-9) - 1e-12 for d in drawn)) / 31
    )


@pytest.mark.validity
def test_a_sector_thrown_at_random_on_towns_seldom_has_a_cluster():
    towns = {name: (*place[:3], place[3] // 5, 0) for name, place in TOWNS.items()}
    p = []
    for seed in NULL_SEEDS:
        frame = _firms(seed, towns)
        thrown = np.random.default_rng(seed).choice(len(frame), 50, replace=False)
        frame.loc[thrown, "sic"] = "24100"
        got = cm.detect_clusters(frame, method="dbscan", sector=STEEL, permutations=19, alpha=1, seed=seed)
        p.append(got.frame["p"].min() if len(got.frame) else 1.0)
    assert LEAST <= sum(one <= 0.05 for one in p) <= MOST
    assert np.mean(p) >= LOWEST_MEAN


def test_towns_are_found_without_a_sector_and_nothing_is_tested(firms):
    got = cm.detect_clusters(firms, method="dbscan", radius_m=1_000, minimum=100, seed=1)
    assert got.frame["n_firms"].is_monotonic_decreasing
    assert len(got.frame) == 2
    assert got.frame[["p", "score", "expected", "relative_risk"]].isna().all(axis=None)
    assert (got.null, got.permutations) == ("none", 0)
    assert "Nothing is tested" in got.summary()
    chosen = cm.detect_clusters(firms, method="dbscan", seed=1)
    assert len(chosen.frame) >= 2
    assert "all firms" in chosen.searches.loc[0, "chosen"]


def test_a_column_is_summed_where_it_is_asked_for(firms):
    got = cm.detect_clusters(
        firms,
        method="dbscan",
        sector=STEEL,
        radius_m=1_500,
        minimum=200,
        value="value",
        permutations=99,
        seed=2,
    )
    held = firms.frame.set_index("firm_id")["value"].loc[got.members["firm_id"]]
    assert got.frame.loc[0, "value"] == held.sum()
    assert got.values("C1").to_dict() == held.to_dict()
    assert "value counted" in got.summary()
    chosen = cm.detect_clusters(firms, method="dbscan", sector=STEEL, value="value", permutations=19, seed=2)
    assert chosen.searches.loc[0, "minimum"] > 8


def test_firms_without_a_value_add_nothing_and_are_counted():
    frame = _firms()
    frame["value"] = frame["value"].astype(float)
    frame.loc[frame.index[1500:1520], "value"] = np.nan
    got = cm.detect_clusters(
        frame,
        method="dbscan",
        sector=STEEL,
        radius_m=1_500,
        minimum=100,
        value="value",
        permutations=19,
        seed=2,
    )
    assert not set(frame["firm_id"][1500:1520]) & set(got.members["firm_id"])
    assert "20 of 2,520 firms add nothing: no value" in got.summary()


@pytest.mark.parametrize(("n", "places"), [(8_999, 0), (9_000, 1)])
def test_the_published_preset_counts_a_firm_by_the_share_of_its_codes(n, places):
    frame = gpd.GeoDataFrame(
        {"id": [f"f{i}" for i in range(n + 100)], "SIC1": "24100", "SIC2": "62012"},
        geometry=shapely.points(np.r_[np.full(n, 4e5), 5e5 + np.arange(100) * 20_000.0], 3e5),
        crs=27700,
    ).iloc[: n + 5]
    firms = cm.read_firms(frame, columns={"firm_id": "id", "sic": ["SIC1", "SIC2"]})
    got = cm.detect_clusters(
        firms, method="dbscan", sector=STEEL, preset="wipo2018", permutations=1, alpha=1, seed=1
    )
    assert len(got.frame) == places
    assert got.searches.loc[0, ["radius_m", "minimum"]].tolist() == [15_000, 4_500]
    assert "Working Paper 41" in got.searches.loc[0, "chosen"]
    if places:
        assert got.frame.loc[0, "value"] == pytest.approx(4_500)


def test_thin_sectors_have_an_answer(firms):
    got = cm.detect_clusters(
        firms,
        method="dbscan",
        sector={"none": ["01"], **STEEL},
        radius_m=1_500,
        minimum=8,
        permutations=19,
        seed=1,
    )
    row = got.searches.set_index("sector").loc["none"]
    assert (row["n_places"], row["total"]) == (0, 0)
    assert "none: no dense place" in got.summary()
    assert "tested by itself" in got.summary()
    assert got.family_size == 2


def test_a_study_region_that_holds_one_dense_place_alone_is_no_excess():
    frame = _firms(towns={"only": (400, 300, 500, 60, 60)})
    got = cm.detect_clusters(
        frame, method="dbscan", sector=STEEL, radius_m=2_000, minimum=5, permutations=19, alpha=1, seed=1
    )
    assert got.frame.loc[0, ["relative_risk", "score", "p"]].tolist() == [1.0, 0.0, 1.0]
    none = cm.detect_clusters(
        frame, method="dbscan", sector=STEEL, radius_m=2_000, minimum=5, permutations=19, seed=1
    )
    assert none.frame.empty
    assert none.footprints.empty
    assert none.geo().empty
    assert "The strongest one that was not has p = 1." in none.summary()


def test_many_cores_are_drawn_from_some_of_them(monkeypatch):
    from clustermap.detection.density import finding as density

    frame = _firms()
    options = {"method": "dbscan", "radius_m": 1_000, "minimum": 20, "seed": 1}
    exact = cm.detect_clusters(frame, **options).frame["area_km2"]
    monkeypatch.setattr(density, "_THIN", 50)
    thinner = cm.detect_clusters(frame, **options).frame["area_km2"]
    assert (thinner <= exact + 1e-9).all()
    assert (thinner > 0.9 * exact).all()


def test_the_hierarchy_finds_the_steel_town_too(firms, monkeypatch):
    got = cm.detect_clusters(firms, method="hdbscan", sector=STEEL, permutations=39, seed=1)
    town = firms.frame["firm_id"].iloc[1500:1560]
    assert town.isin(got.members["firm_id"]).mean() > 0.8
    row = got.frame.iloc[0]
    inside = firms.frame.geometry.intersects(got.footprints.geometry.iloc[0].buffer(1e-6)).sum()
    assert row["expected"] == pytest.approx(inside * 108 / 2_520)
    assert np.isnan(got.searches.loc[0, "radius_m"])
    assert "Sites count once" in got.summary()
    few = cm.detect_clusters(firms, method="hdbscan", sector=STEEL, minimum=109, permutations=19, seed=1)
    assert few.frame.empty
    again = cm.detect_clusters(
        _firms().sample(frac=1, random_state=2), method="hdbscan", sector=STEEL, permutations=39, seed=1
    )
    pd.testing.assert_frame_equal(got.members, again.members)
    monkeypatch.setattr(density_search, "MOST_SITES", 100)
    with pytest.raises(StatisticsError, match="CM-DENSITY-004"):
        cm.detect_clusters(firms, method="hdbscan", sector=STEEL, permutations=19, seed=1)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"graph": object()}, "CM-SCAN-002.*graph belongs to another method"),
        ({"background": "field", "penalty": 1.0}, "CM-SCAN-002.*background, penalty belong"),
        ({"max_share": 0.5}, "CM-SCAN-002"),
        ({"minimum_lq": 2.0}, "CM-SCAN-002"),
        ({"levels": (2.0,)}, "CM-SCAN-002"),
        ({"likelihood": "binomial"}, "CM-SCAN-002"),
        ({"plants": pd.DataFrame()}, "CM-SCAN-002"),
        ({"radius_m": 0}, "CM-SCAN-002.*positive number of metres"),
        ({"radius_m": float("nan")}, "CM-SCAN-002"),
        ({"minimum": -1}, "CM-SCAN-002"),
        ({"preset": "oecd"}, "CM-SCAN-002.*wipo2018"),
        ({"preset": "wipo2018", "radius_m": 5}, "CM-SCAN-002.*already says radius_m"),
        ({"codes": "second"}, "CM-SCAN-002"),
        ({"alpha": 0.0}, "CM-SCAN-002"),
        ({"permutations": 0}, "CM-SCAN-002"),
        ({"method": "hdbscan", "radius_m": 5.0}, "CM-SCAN-002.*radius_m belongs"),
        ({"method": "hdbscan", "preset": "wipo2018"}, "CM-SCAN-002.*preset belongs"),
        ({"method": "hdbscan", "minimum": 2.5}, "CM-SCAN-002.*whole number"),
        ({"method": "hdbscan", "value": "value"}, "CM-SCAN-002.*no weights"),
    ],
)
def test_options_out_of_range_or_of_another_method_are_refused(firms, options, code):
    with pytest.raises(OptionError, match=f"(?s){code}"):
        cm.detect_clusters(firms, **{"method": "dbscan", "sector": STEEL, **options})


def test_options_of_density_are_refused_beside_a_table():
    table = pd.DataFrame({"steel": [1, 2, 3]}, index=list("abc"))
    for option in (
        {"radius_m": 5.0},
        {"minimum": 3},
        {"preset": "wipo2018"},
        {"codes": "any"},
        {"value": "value"},
    ):
        with pytest.raises(OptionError, match=f"(?s)CM-SCAN-002.*{next(iter(option))} belongs"):
            cm.detect_clusters(table, object(), **option)


def test_what_is_no_set_of_firms_is_refused(firms):
    table = pd.DataFrame({"steel": [1.0, 2.0]}, index=list("ab"))
    for data in (table, table["steel"], cm.SectorTable.from_values(table)):
        with pytest.raises(OptionError, match="CM-SCAN-011"):
            cm.detect_clusters(data, method="dbscan")
    with pytest.raises(InputError, match="CM-DENSITY-003"):
        cm.detect_clusters(firms, method="dbscan", sector={"farms": ["01"]})
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        cm.detect_clusters(firms, method="dbscan", sector=STEEL, permutations=9)
    with pytest.raises(InputError, match="CM-TABLE-007"):
        cm.detect_clusters(firms, method="dbscan", sector=STEEL, value="jobs")
    holes = firms.frame.copy()
    holes.loc[holes.index[:3], "geometry"] = shapely.Point()
    from dataclasses import replace

    with pytest.raises(InputError, match=r"(?s)CM-DENSITY-002.*3 of 2,520"):
        cm.detect_clusters(replace(firms, frame=holes), method="dbscan", sector=STEEL)
