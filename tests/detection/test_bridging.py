"""Gaps between clusters: closed by hand's arithmetic, never without a gain, the same in the draws as on the map."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from scipy.stats import binom

from clustermap import (
    SectorTable,
    bridges,
    contiguity,
    detect_clusters,
    read_boundaries,
    read_table,
    stability,
)
from clustermap.detection.adjacency import compressed
from clustermap.detection.bridges import bridging
from clustermap.detection.bridges.kernels import FREE, bridged_maxima, pair_bridge
from clustermap.detection.scan.kernels import score, search, set_keys
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.schema import BRIDGE_COLUMNS

# fixed before the first run
EVEN_SEEDS = range(991_001, 991_201)
FALSE_EDGES = 0.06

ROW = [f"a{i:02d}" for i in range(20)]
LINKS = [(i, i + 1) for i in range(19)]


def row_graph():
    pairs = [pair for a, b in pairwise(ROW) for pair in ((a, b), (b, a))]
    return Graph.from_adjacency(pd.DataFrame(pairs, columns=["focal", "neighbor"]).assign(weight=1))


def row_table(planted, totals=None):
    counts, firms = pd.Series(20.0, index=ROW), pd.Series(1000.0, index=ROW)
    counts.update(pd.Series(planted, dtype=float))
    firms.update(pd.Series(totals or {}, dtype=float))
    return SectorTable.from_values(counts.to_frame("steel"), area_totals=firms)


@pytest.fixture(scope="module")
def parted():
    """Two strong areas with a small one between them that has nothing of the sector."""
    table = row_table({"a05": 90, "a06": 0, "a07": 90}, {"a06": 20})
    return detect_clusters(table, row_graph(), max_share=0.4, seed=1)


def test_a_small_gap_is_closed_and_every_figure_is_right(parted):
    assert len(parted.frame) == 2
    found = bridges(parted, pd.Series(["West"] * 6 + ["Gap"] + ["East"] * 13, index=ROW), seed=1)
    row = found.frame.iloc[0]
    table = parted.table
    total, firms = table.sector_totals["steel"], table.area_totals.sum()
    usual = 1.25 * total / firms

    def value(count, of, areas):
        return count * np.log(count / (of * usual)) - (count - of * usual) - 1.5 * areas

    one, joint = value(90, 1000, 1), value(180, 2020, 3)
    assert list(found.frame.columns) == list(BRIDGE_COLUMNS)
    assert row["areas"] == ["a06"]
    assert row["authorities"] == ["Gap"]
    assert row["gain"] == pytest.approx(joint - max(one, 2 * one - np.log(20)))
    assert row["gain"] > 0
    assert row["score"] == pytest.approx(joint)
    assert (row["value"], row["expected"]) == (0.0, pytest.approx(20 * total / firms))
    assert row["p"] == 1 / 1000
    assert row["joined"] == "C1"
    assert found.clusters.members["area"].tolist() == ["a05", "a06", "a07"]
    joint_row = found.clusters.frame.iloc[0]
    assert joint_row["value"] == 180
    assert np.isnan(joint_row["p_field"])
    assert found.clusters.searches["n_clusters"].tolist() == [1]
    assert "are one cluster, C1, through a06 (Gap)" in found.summary()
    assert repr(found) == "<Bridges: 1 of 1 gap closed, 1 cluster>"
    assert "<table" in found._repr_html_()
    assert len(parted.frame) == 2  # what was given stays as it was


def test_a_large_empty_gap_stays_open_and_its_price_is_said():
    table = row_table({"a05": 90, "a06": 0, "a07": 90})
    found = bridges(detect_clusters(table, row_graph(), max_share=0.4, seed=1), seed=1)
    row = found.frame.iloc[0]
    assert row["gain"] < 0
    assert np.isnan(row["p"])
    assert row["joined"] is pd.NA
    assert row["authorities"] == []
    assert sorted(found.clusters.members["area"]) == ["a05", "a07"]
    assert "stay apart" in found.summary()
    assert "short of a gain" in found.summary()


def test_a_gap_longer_than_asked_for_is_not_looked_at(parted):
    table = row_table({"a05": 90, "a06": 0, "a07": 0, "a08": 90}, {"a06": 20, "a07": 20})
    found = detect_clusters(table, row_graph(), max_share=0.4, seed=1)
    short, long = bridges(found, most=1, seed=1), bridges(found, most=2, seed=1)
    assert short.frame.empty
    assert list(short.frame.columns) == list(BRIDGE_COLUMNS)
    assert "within 1 area" in short.summary()
    assert long.frame["areas"].tolist() == [["a06", "a07"]]


def test_three_clusters_are_joined_through_two_gaps():
    table = row_table({"a04": 90, "a05": 0, "a06": 90, "a07": 0, "a08": 90}, {"a05": 20, "a07": 20})
    found = bridges(detect_clusters(table, row_graph(), max_share=0.4, seed=1), seed=1)
    assert found.clusters.members["area"].tolist() == ["a04", "a05", "a06", "a07", "a08"]
    assert found.frame["joined"].tolist() == ["C1", "C1"]
    assert " + " in found.frame.iloc[1]["a"] + found.frame.iloc[1]["b"]


def test_no_union_is_larger_than_the_limit():
    table = row_table({"a05": 90, "a06": 0, "a07": 90}, {"a06": 20})
    found = bridges(detect_clusters(table, row_graph(), max_share=0.1, seed=1), seed=1)
    assert found.frame.empty


def test_the_cheapest_of_two_ways_is_taken():
    # 0 and 3 are strong; 1 and 2 lie between them, 2 is smaller
    indptr, indices = compressed([(0, 1), (1, 3), (0, 2), (2, 3)], 4)
    counts, expected = np.array([60.0, 0.0, 0.0, 60.0]), np.array([20.0, 5.0, 1.0, 20.0])
    label, path = np.array([0, FREE, FREE, 1]), np.empty(3, np.int64)
    value, length = pair_bridge(0, 1, label, counts, expected, indptr, indices, (-1.0, 0.0), 1.0, 4, path)
    assert length == 1
    assert path[0] == 2
    assert value == pytest.approx(score(120.0, 41.0, -1.0) - 3)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_closed_gap_is_worth_more_than_any_description_without_it(seed):
    rng = np.random.default_rng(seed)
    indptr, indices = compressed(LINKS, 20)
    expected = rng.lognormal(1.5, 1.0, 20)
    counts = rng.poisson(expected * np.where(rng.random(20) < 0.4, 3.0, 0.8)).astype(float)
    graph, usable = (indptr, indices, set_keys(20)), np.ones(20, bool)
    plain = search(counts, expected, usable, graph, -1.0, 1.0, 12)[0]
    closed = bridged_maxima(counts[None], expected[None], usable, graph, (-1.0, 0.0), 1.0, 12, 8, 3)[0]
    assert closed >= plain - 1e-12
    every = [
        score(counts[a:b].sum(), expected[a:b].sum(), -1.0) - (b - a)
        for a in range(20)
        for b in range(a + 1, min(20, a + 12) + 1)
    ]  # every connected set of a row is a stretch of it
    assert closed <= max(0.0, *every) + 1e-9


def test_without_a_price_on_the_second_cluster_a_deficit_is_never_bridged():
    # the Poisson score of a union is at most the sum of its parts' scores
    rng = np.random.default_rng(7)
    for _ in range(200):
        e = rng.uniform(1, 50, 3)
        c = rng.uniform(1, 4, 3) * e
        c[2] = e[2] * rng.uniform(0, 1)
        assert score(c.sum(), e.sum(), -1.0) <= score(c[0], e[0], -1.0) + score(c[1], e[1], -1.0) + 1e-9


@pytest.mark.parametrize(
    ("likelihood", "background"),
    [("binomial", "minimum-effect"), ("binomial", "homogeneous"), ("overdispersed", "homogeneous")],
)
def test_gaps_are_closed_under_every_likelihood(likelihood, background):
    table = row_table({"a05": 90, "a06": 0, "a07": 90}, {"a06": 20})
    # two clusters apart are half of what rates vary by: alone they would hardly pass under the overdispersed law
    options = {"likelihood": likelihood, "background": background, "permutations": 99, "alpha": 0.9}
    found = bridges(detect_clusters(table, row_graph(), max_share=0.4, seed=1, **options), seed=1)
    assert {"a05", "a06", "a07"} <= set(found.clusters.members["area"])
    assert len(found.clusters.frame) == 1


def test_levels_are_bridged_apart_and_keep_their_tree():
    table = row_table({"a05": 90, "a06": 0, "a07": 90}, {"a06": 20})
    found = bridges(detect_clusters(table, row_graph(), levels=[2], max_share=0.4, seed=1), seed=1)
    frame = found.clusters.frame.set_index("cluster")
    assert frame["level"].tolist() == [1.25, 2.0]
    assert frame.loc["C2", "parent"] == "C1"
    assert found.frame["joined"].tolist() == ["C1", "C2"]


def test_joint_clusters_go_on_to_stability(parted):
    told = stability(bridges(parted, seed=1).clusters, replicates=20, seed=1)
    assert set(told.support["cluster"]) == {"C1"}


def test_threads_and_seed_change_nothing(parted, monkeypatch):
    frames = []
    for threads in (1, 4):
        monkeypatch.setattr(bridging, "workers", lambda threads=threads: threads)
        frames.append(bridges(parted, permutations=199, seed=5).frame)
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_a_joint_set_that_draws_reach_stays_apart(parted, monkeypatch):
    monkeypatch.setattr(bridging, "_nulls", lambda *_: np.full(999, 1e9))
    found = bridges(parted, seed=1)
    assert found.frame["p"].tolist() == [1.0]
    assert found.frame["joined"].isna().all()
    assert "the joint set has p = 1" in found.summary()


def test_bad_input_is_refused(parted, make_grid, make_table):
    grid = make_grid(4, 4)
    field = detect_clusters(make_table(grid), grid.graph, background="field", permutations=19, seed=1)
    for wrong in (parted.frame, field):
        with pytest.raises(InputError, match="CM-BRIDGE-001"):
            bridges(wrong)
    for options in ({"most": 0}, {"most": 1.5}, {"permutations": 0}):
        with pytest.raises(OptionError, match="CM-BRIDGE-002"):
            bridges(parted, **options)
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        bridges(parted, permutations=9)


@pytest.mark.validity
def test_draws_of_the_null_seldom_beat_the_null_when_gaps_may_be_closed(make_grid, even_counts):
    # the statistic with closed gaps, on even maps, against its own null
    from clustermap.detection.scan.likelihoods import null_maps, stated
    from clustermap.detection.scan.problems import Problem
    from clustermap.detection.scan.scanning import links_of
    from clustermap.randomness import stream

    grid = make_grid(5, 5)
    graph = (*links_of(grid.graph, grid.areas.frame.index), set_keys(25))
    rejected = 0
    for seed in EVEN_SEEDS:
        table = even_counts(grid, seed)
        problem = Problem(
            sector="steel", counts=table.values["steel"].to_numpy(), totals=table.area_totals.to_numpy(), graph=graph,
            minimum_lq=None, penalty=0.5, limit=12, permutations=99, alpha=0.05, seed=seed,
        )  # fmt: skip
        now = stated(problem, problem.counts, problem.known)
        law = (now.total, now.share)
        own = bridged_maxima(now.counts[None], now.expected[None], problem.known, graph, law, 0.5, 12, 8, 3)[
            0
        ]
        draws = null_maps(problem, now, problem.known, 99, stream(seed, "test"))
        nulls = bridged_maxima(*draws, problem.known, graph, law, 0.5, 12, 8, 3)
        rejected += (1 + (nulls >= own - 1e-9).sum()) / 100 <= 0.05
    low, high = binom.ppf([0.0005, 0.9995], len(EVEN_SEEDS), 0.05)
    assert low <= rejected <= high
    assert high >= FALSE_EDGES * len(EVEN_SEEDS)


@pytest.mark.real
def test_the_gap_between_the_pennines_and_derbyshire_is_told_and_stays_open(real_data):
    areas = read_boundaries(real_data / "lad_2022_uk.geojson", vintage=2022, keep="E")
    leps = read_boundaries(real_data / "lep_2021_en_buc.geojson", code="LEP21CD", name="LEP21NM")
    table = read_table(
        real_data / "ubc_enterprises_2018_2022.csv.gz", area="area", sector="industry", value="total",
        where={"year": 2021, "geo": "LAD"}, areas=areas, match="name",
    )  # fmt: skip
    sector = next(s for s in table.sectors if s.startswith("Manufacturing"))
    with pytest.warns(UserWarning, match="CM-GRAPH-002"):
        found = detect_clusters(
            table, contiguity(areas), sector=sector, minimum_lq=1.5, permutations=199, seed=7
        )
    names = (
        found.members.assign(name=found.members["area"].map(areas.names))
        .groupby("cluster")["name"]
        .apply(set)
    )
    north = next(c for c in names.index if "Kirklees" in names[c])
    south = next(c for c in names.index if "Chesterfield" in names[c])
    gaps = bridges(found, leps, seed=7).frame
    gap = gaps[gaps[["a", "b"]].apply(set, axis=1) == {north, south}].iloc[0]
    # the weak areas between them lie in the city region, not in the authority south of it
    assert gap["authorities"] == ["Sheffield City Region"]
    assert set(areas.names[gap["areas"]]) == {"Barnsley", "Rotherham"}
    assert gap["gain"] < 0
    assert gap["joined"] is pd.NA
