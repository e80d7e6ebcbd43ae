"""Clusters of firms by density: what is found, what it is held against, and what is refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.stats import binom

import clustermap as cm
from clustermap.detection import density_search
from clustermap.detection.density_rule import LADDER, candidates, labellings
from clustermap.errors import InputError, OptionError, StatisticsError  # noqa: F401
from clustermap.schema import CLUSTER_COLUMNS, FIRM_MEMBER_COLUMNS

STEEL = {"steel": ["241"]}
# an economy of towns whose sector is thrown at random: at 5 % this many runs report a cluster, with 99.9 % certainty
NULL_SEEDS = range(881_001, 881_121)
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
    return [firms.frame["firm_id"].get_loc(i) for i in places]


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
    assert np.isnan([row["n_areas"], row["p_field"], row["level"], found.split_sample["C1"]]).all()
    assert pd.isna(row["parent"])
    assert row["n_firms"] == row["value"] == len(found.members)
    assert (found.areas, found.graph, found.table) == (None, None, None)
    assert (found.method, found.background, found.seed) == ("dbscan", "random-labelling", 5)


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
    assert points.index.name == "firm_id"
    assert found.values("C1").sum() == found.frame.loc[0, "value"]
    assert len(found.points.of("C1")) == len(found.points.inside()) == len(points)


def test_the_summary_says_question_null_and_limits(found):
    text = found.summary()
    for words in (
        "over-represented there against all firms?",
        "1 reported",
        "random labellings",
        "no clusters for that",
        "too high on average",
        "One density serves the whole map",
        "At half to twice these values there are",
    ):
        assert words in text
    assert repr(found).startswith("<Clusters: 1 (dbscan, random-labelling), ")
    assert "&lt;" not in found._repr_html_().split("</pre>")[0][:20]


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


@pytest.mark.validity
def test_a_sector_thrown_at_random_on_towns_seldom_has_a_cluster():
    towns = {name: (*place[:3], place[3] // 5, 0) for name, place in TOWNS.items()}
    reports = 0
    for seed in NULL_SEEDS:
        frame = _firms(seed, towns)
        thrown = np.random.default_rng(seed).choice(len(frame), 50, replace=False)
        frame.loc[thrown, "sic"] = "24100"
        got = cm.detect_clusters(frame, method="dbscan", sector=STEEL, permutations=19, seed=seed)
        reports += len(got.frame) > 0
    assert LEAST <= reports <= MOST
