"""The graph scan on small worlds whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph
from scipy.stats import binom

from clustermap import SectorTable, contiguity, detect_clusters, read_boundaries, read_table
from clustermap.detection.scan import scanning as scan
from clustermap.detection.scan.kernels import set_keys
from clustermap.detection.scan.likelihoods import Stated, stated
from clustermap.detection.scan.rounds import Found, Problem, _joined, _Round, _union_if_better
from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError
from clustermap.schema import CLUSTER_COLUMNS, MEMBER_COLUMNS

# fixed before the first run
NULL_SEEDS = range(910_001, 910_201)
EFFECT_SEEDS = range(920_001, 920_201)
CURSE_SEEDS = range(960_001, 960_061)

SHAPES = {
    "pair": ["r2c2", "r2c3"],
    "chain": ["r1c0", "r1c1", "r1c2", "r2c2", "r3c2"],
    "blob": ["r3c3", "r3c4", "r4c3", "r4c4", "r4c2"],
}


@pytest.fixture(scope="module")
def grid(make_grid):
    return make_grid(6, 6)


@pytest.mark.parametrize("background", ["minimum-effect", "homogeneous"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_planted_shape_is_found_and_nothing_else(grid, make_table, shape, background):
    table = make_table(grid, dict.fromkeys(SHAPES[shape], 60))
    found = detect_clusters(table, grid.graph, background=background, seed=1)
    assert found.members["area"].tolist() == sorted(SHAPES[shape])
    assert found.frame["cluster"].tolist() == ["C1"]


def test_every_figure_of_a_cluster_by_hand(grid, make_table):
    found = detect_clusters(make_table(grid, {"r2c2": 60, "r2c3": 60}), grid.graph, seed=1)
    row = found.frame.iloc[0]
    total = 34 * 20 + 2 * 60
    expected = 2 * total / 36
    score = 120 * np.log(120 / (1.25 * expected)) - (120 - 1.25 * expected) - 2 * 1.5
    assert list(found.frame.columns) == list(CLUSTER_COLUMNS)
    assert (row["n_areas"], row["n_firms"], row["value"], row["level"]) == (2, 120, 120.0, 1.25)
    assert row["expected"] == pytest.approx(expected)
    assert row["relative_risk"] == pytest.approx(120 / expected)
    assert row["score"] == pytest.approx(score)
    assert row["p"] == 1 / 1000
    assert row["area_km2"] == pytest.approx(200.0)
    assert row["p_field"] == 1 / 200
    assert row["parent"] is pd.NA
    assert found.support is None


def test_p_counts_the_draws_that_reach_the_score(grid, make_table):
    table = make_table(grid, {"r2c2": 38})
    found = detect_clusters(table, grid.graph, background="homogeneous", alpha=0.99, seed=4)
    from clustermap.detection.scan.rounds import _null

    problem = Problem(
        sector="steel", counts=table.values["steel"].to_numpy(), totals=table.area_totals.to_numpy(),
        graph=(*scan.links_of(grid.graph, table.values.index), set_keys(36)), minimum_lq=None, penalty=1.0,
        limit=9, permutations=999, alpha=0.99, seed=4,
    )  # fmt: skip
    given = stated(problem, problem.counts, problem.known)
    assert given.total == 738.0
    first = _Round(usable=problem.known, given=given, nulls=np.empty(0))
    nulls = _null(problem, first, 0, map, None)
    strongest = found.frame.iloc[0]
    assert len(nulls) == 999
    assert strongest["p"] == (1 + (nulls >= strongest["score"] - 1e-9).sum()) / 1000
    assert 0.01 < strongest["p"] < 0.99


def test_two_clusters_apart_are_both_found_strongest_first(grid, make_table):
    planted = {"r0c0": 60, "r0c1": 60, "r5c4": 90, "r5c5": 90}
    for background in ("minimum-effect", "homogeneous"):
        found = detect_clusters(make_table(grid, planted), grid.graph, background=background, seed=1)
        assert found.members.groupby("cluster")["area"].apply(list).to_dict() == {
            "C1": ["r5c4", "r5c5"],
            "C2": ["r0c0", "r0c1"],
        }


def test_equal_clusters_are_named_by_their_lowest_code(grid, make_table):
    found = detect_clusters(make_table(grid, {"r5c5": 80, "r0c0": 80}), grid.graph, seed=1)
    assert found.members.to_numpy().tolist() == [["C1", "r0c0"], ["C2", "r5c5"]]


def test_a_map_without_a_cluster_reports_none_and_says_so(grid, even_counts):
    table = even_counts(grid, 930_001)
    found = detect_clusters(table, grid.graph, seed=1)
    assert found.frame.empty
    assert list(found.frame.columns) == list(CLUSTER_COLUMNS)
    assert list(found.members.columns) == list(MEMBER_COLUMNS)
    assert "no cluster" in found.summary()
    assert repr(found) == "<Clusters: 0 (scan, minimum-effect), 0 of 36 areas>"
    assert found.footprints.empty
    assert found.geo().empty


def test_a_constant_map_has_no_excess_at_all(grid, make_table):
    found = detect_clusters(make_table(grid), grid.graph, background="homogeneous", seed=1)
    assert found.searches["best_areas"].tolist() == [[]]
    assert "no area has an excess" in found.summary()


def test_a_sector_without_firms_has_no_cluster(grid, make_table):
    found = detect_clusters(make_table(grid, usual=0), grid.graph, seed=1)
    assert found.frame.empty


@pytest.mark.parametrize("background", ["minimum-effect", "homogeneous"])
def test_the_order_of_rows_and_links_changes_nothing(grid, even_counts, background):
    table = even_counts(grid, 930_002, firms=3000, risk=np.where(np.arange(36) % 7 == 0, 2.5, 1.0))
    order = np.random.default_rng(1).permutation(36)
    shuffled = SectorTable.from_values(
        table.values.iloc[order], area_totals=table.area_totals.iloc[order], areas=table.areas
    )
    other = Graph.from_adjacency(grid.graph.adjacency.reset_index().sample(frac=1, random_state=2))
    one = detect_clusters(table, grid.graph, background=background, permutations=199, seed=9)
    two = detect_clusters(shuffled, other, background=background, permutations=199, seed=9)
    assert len(one.frame) > 0
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
    pd.testing.assert_frame_equal(one.members, two.members)


def test_the_number_of_threads_changes_nothing(grid, even_counts, monkeypatch):
    table = even_counts(grid, 930_003, firms=3000, risk=np.where(np.arange(36) % 5 == 0, 1.6, 1.0))
    frames = []
    for threads in (1, 5):
        monkeypatch.setattr(scan, "workers", lambda threads=threads: threads)
        frames.append(detect_clusters(table, grid.graph, background="homogeneous", alpha=0.9, seed=3).frame)
    assert len(frames[0]) > 1
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_a_seed_is_drawn_and_recorded_where_none_is_given(grid, even_counts):
    table = even_counts(grid, 930_004)
    first = detect_clusters(table, grid.graph, permutations=99)
    again = detect_clusters(table, grid.graph, permutations=99, seed=first.seed)
    pd.testing.assert_frame_equal(first.searches, again.searches)


@pytest.mark.validity
def test_at_most_five_percent_of_even_maps_report_a_cluster(make_grid, even_counts):
    grid = make_grid(5, 5)
    reports = sum(
        len(
            detect_clusters(
                even_counts(grid, seed), grid.graph, background="homogeneous", permutations=99, seed=seed
            ).frame
        )
        > 0
        for seed in NULL_SEEDS
    )
    low, high = binom.ppf([0.0005, 0.9995], len(NULL_SEEDS), 0.05)
    assert low <= reports <= high


@pytest.mark.validity
def test_a_map_rough_up_to_the_minimum_effect_seldom_reports_a_cluster(make_grid, even_counts):
    grid = make_grid(5, 5)
    risk = np.where(np.arange(25) % 5 < 2, 1.25, 1 - 0.25 * 10 / 15)  # a quarter above in the west, balanced
    reports = sum(
        len(
            detect_clusters(
                even_counts(grid, seed, firms=2000, risk=risk), grid.graph, permutations=99, seed=seed
            ).frame
        )
        > 0
        for seed in EFFECT_SEEDS
    )
    assert reports <= binom.ppf(0.9995, len(EFFECT_SEEDS), 0.05)


def test_a_rough_map_percolates_without_a_minimum_effect_and_not_with_one(grid, make_table):
    gentle = dict.fromkeys(grid.codes[:18], 22) | dict.fromkeys(("r0c0", "r0c1"), 30)
    table = make_table(grid, {k: v * 50 for k, v in gentle.items()}, usual=900, total=50_000)
    whole = detect_clusters(table, grid.graph, background="homogeneous", max_share=1, seed=1)
    strict = detect_clusters(table, grid.graph, seed=1)
    assert whole.frame["n_areas"].max() > 2
    assert strict.members["area"].tolist() == ["r0c0", "r0c1"]


def test_no_cluster_is_larger_than_its_share_of_areas(grid, make_table):
    table = make_table(grid, dict.fromkeys(grid.codes[:12], 80))
    found = detect_clusters(table, grid.graph, max_share=0.25, seed=1)
    assert found.frame["n_areas"].max() == 9
    assert set(found.members["area"]) == set(grid.codes[:12])  # the rest of it is a second cluster


def test_later_clusters_of_an_even_background_are_held_against_the_rest(grid, make_table):
    # 25 of the rest's 20 is an excess only once the large cluster no longer raises the average
    table = make_table(grid, {"r0c0": 900, "r5c5": 40})
    found = detect_clusters(table, grid.graph, background="homogeneous", seed=1)
    assert found.members["area"].tolist() == ["r0c0"]
    assert found.searches["n_clusters"].tolist() == [1]  # 40 is below the national share: never a cluster


def test_an_isolate_can_be_a_cluster_by_itself(grid, make_table):
    adjacency = grid.graph.adjacency.reset_index()
    cut = adjacency[(adjacency["focal"] != "r0c0") & (adjacency["neighbor"] != "r0c0")]
    alone = pd.concat([cut, pd.DataFrame({"focal": ["r0c0"], "neighbor": ["r0c0"], "weight": [0]})])
    found = detect_clusters(make_table(grid, {"r0c0": 70, "r0c1": 70}), Graph.from_adjacency(alone), seed=1)
    assert sorted(found.members["area"].groupby(found.members["cluster"]).apply(list)) == [["r0c0"], ["r0c1"]]


def test_a_suppressed_cell_takes_no_part(grid, make_table):
    table = make_table(grid, {"r2c1": 60, "r2c2": np.nan, "r2c3": 60})
    found = detect_clusters(table, grid.graph, seed=1)
    assert "r2c2" not in set(found.members["area"])
    assert found.searches["total"].tolist() == [33 * 20 + 120]
    assert set(found.members["area"]) == {"r2c1", "r2c3"}


def test_many_sectors_are_scanned_each_as_if_alone(grid, make_table):
    steel = make_table(grid, {"r0c0": 90, "r0c1": 90}).values["steel"]
    glass = make_table(grid, {"r5c5": 60}).values["steel"]
    values = pd.DataFrame({"steel": steel, "glass": glass, "even": 20.0})
    table = SectorTable.from_values(
        values, area_totals=pd.Series(1000.0, index=values.index), areas=grid.areas
    )
    both = detect_clusters(table, grid.graph, seed=2)
    alone = detect_clusters(table, grid.graph, sector="steel", seed=2)
    assert both.frame["sector"].tolist() == ["steel", "glass"]
    assert both.searches.set_index("sector")["n_clusters"].to_dict() == {"even": 0, "glass": 1, "steel": 1}
    assert both.frame.loc[0, ["score", "p"]].tolist() == alone.frame.loc[0, ["score", "p"]].tolist()
    assert both.family_size == 3
    assert "within a sector" in both.summary()


def test_a_frame_of_the_whole_economy_will_do(grid, make_table):
    values = make_table(grid, {"r0c0": 60}).values
    frame = values.assign(rest=1000 - values["steel"])
    found = detect_clusters(frame, grid.graph, sector="steel", seed=1)
    assert found.members["area"].tolist() == ["r0c0"]
    assert found.frame["area_km2"].isna().all()
    assert "r0c0" in found.summary()
    with pytest.raises(InputError, match="CM-SCAN-008"):
        _ = found.footprints


def test_without_a_graph_the_areas_contiguity_is_taken(grid, make_table):
    table = make_table(grid, dict.fromkeys(["r0c0", "r1c1"], 60))
    found = detect_clusters(table, seed=1)  # queen: squares that meet in a corner touch
    assert found.frame["n_areas"].tolist() == [2]


def test_progress_is_told_up_to_the_end(grid, make_table):
    for table in (make_table(grid, {"r0c0": 60}), make_table(grid, usual=0)):
        steps = []
        detect_clusters(
            table, grid.graph, seed=1, progress=lambda done, total, s=steps: s.append((done, total))
        )
        assert steps[-1] == (999, 999)
    values = make_table(grid).values.assign(glass=20.0)
    steps = []
    table = SectorTable.from_values(values, area_totals=pd.Series(1000.0, index=values.index))
    detect_clusters(table, grid.graph, seed=1, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]


def test_footprints_and_members_as_geometry(grid, make_table):
    found = detect_clusters(make_table(grid, dict.fromkeys(SHAPES["chain"], 60)), grid.graph, seed=1)
    assert found.footprints.geometry.area.tolist() == pytest.approx([5e8])
    assert found.geo().index.tolist() == sorted(SHAPES["chain"])
    assert found.geo()["cluster"].unique().tolist() == ["C1"]
    assert found.values("C1").tolist() == [60.0] * 5


@pytest.mark.validity
def test_splitting_the_firms_takes_the_winners_curse_away(make_grid):
    grid = make_grid(5, 5)
    index = grid.areas.frame.index
    risk = np.where(index.isin(["r2c2", "r2c3"]), 2.0, 1.0)
    raw, split, truth = [], [], []
    for seed in CURSE_SEEDS:
        counts = pd.Series(np.random.default_rng(seed).poisson(12 * risk), index=index)
        table = SectorTable.from_values(
            counts.to_frame("steel"), area_totals=pd.Series(1000.0, index=index), areas=grid.areas
        )
        found = detect_clusters(table, grid.graph, background="homogeneous", permutations=99, seed=seed)
        for cluster, own in found.members.groupby("cluster")["area"]:
            raw.append(found.frame.set_index("cluster").loc[cluster, "relative_risk"])
            split.append(found.split_sample[cluster])
            truth.append(risk[index.isin(own)].mean() * 12 * 25 / counts.sum())
    assert len(raw) > 30
    assert np.mean(raw) - np.mean(truth) > 0.15
    assert np.nanmean(split) - np.mean(truth) < 0.05


def test_the_summary_says_what_is_not_promised(grid, make_table):
    found = detect_clusters(make_table(grid, dict.fromkeys(SHAPES["pair"], 60)), grid.graph, seed=1)
    text = found.summary()
    assert "at least 1.25 times the nation's" in text
    assert "Square r2c2, Square r2c3" in text
    assert "winner's curse" in text
    assert "no error guarantee" in text
    assert "smallest p 0.001" in repr(found)
    assert found._repr_html_().startswith("<pre>")
    any_excess = detect_clusters(make_table(grid), grid.graph, background="homogeneous", seed=1)
    assert "any excess" in any_excess.summary()


# --- touching sets ----------------------------------------------------------------------------------------


def _line_of_four(counts):
    graph = (np.array([0, 1, 3, 5, 6]), np.array([1, 0, 2, 1, 3, 2]), set_keys(4))
    return Problem(
        sector="s", counts=np.array(counts, float), totals=np.full(4, 100.0), graph=graph, minimum_lq=1.0,
        penalty=0.0, limit=4, permutations=99, alpha=0.05, seed=1,
    )  # fmt: skip


def _given(problem):
    expected = np.full(4, 10.0)
    return Stated(problem.counts, expected, -1.0, 0.0, expected)


def _joint(counts, first, second):
    problem = _line_of_four(counts)
    base = _Round(usable=np.ones(4, bool), given=_given(problem), nulls=np.array([1.0, 200.0]))

    def value(members):
        count, usual = sum(counts[i] for i in members), 10 * len(members)
        return count * np.log(count / usual) - (count - usual)

    older = Found(members=np.array(first), score=value(first), p=0.01)
    newer = Found(members=np.array(second), score=value(second), p=0.01)
    return _union_if_better(problem, base, older, newer)


def test_touching_sets_with_one_ratio_are_joined():
    joint = _joint([30, 30, 30, 30], [0, 1], [2, 3])
    assert joint.members.tolist() == [0, 1, 2, 3]
    assert joint.score == pytest.approx(120 * np.log(3) - 80)
    assert joint.p == 2 / 3  # one of the two draws reaches it


def test_touching_sets_with_two_ratios_stay_apart():
    assert _joint([90, 90, 30, 30], [0, 1], [2, 3]) is None


def test_sets_that_do_not_touch_stay_apart():
    assert _joint([30, 30, 30, 30], [0], [2]) is None


def _rounds(problem, *sets):
    """Make one round per set, as if found one after the other."""
    base = {"usable": np.ones(4, bool), "given": _given(problem), "nulls": np.array([1.0, 200.0])}
    rounds = []
    for members in sets:
        now = _Round(**base)
        count = problem.counts[members].sum()
        score = count * np.log(count / (10 * len(members))) - (count - 10 * len(members))
        now.found = [Found(members=np.array(members), score=score, p=0.01)]
        rounds.append(now)
    return rounds


def test_joining_goes_on_until_nothing_touches():
    problem = _line_of_four([30, 30, 30, 30])
    # the middle comes last and ties both ends together
    joined = _joined(problem, _rounds(problem, [0], [3], [1, 2]))
    assert [one.members.tolist() for one in joined] == [[0, 1, 2, 3]]
    problem = _line_of_four([90, 30, 30, 1])
    apart = _joined(problem, _rounds(problem, [0], [1, 2]))
    assert [one.members.tolist() for one in apart] == [[0], [1, 2]]


def test_sets_that_touch_are_joined_in_the_whole_scan(grid, make_table):
    # growth stops at the limit, a second set takes the rest; a larger limit takes it all
    table = make_table(grid, dict.fromkeys(grid.codes[:12], 80))
    apart = detect_clusters(table, grid.graph, max_share=0.25, seed=1)
    together = detect_clusters(table, grid.graph, max_share=0.5, seed=1)
    assert len(apart.frame) > 1
    assert together.frame["n_areas"].tolist() == [12]


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"method": "k-means"}, "CM-SCAN-001.*'scan'"),
        ({"background": "smooth"}, "CM-SCAN-001.*'minimum-effect', 'homogeneous', 'field', 'auto'"),
        ({"background": "field", "minimum_lq": 2.0}, "CM-SCAN-002"),
        ({"background": "homogeneous", "levels": [2.0]}, "CM-SCAN-002.*levels belong"),
        ({"background": "auto", "penalty": 1.0}, "CM-SCAN-002.*'auto' chooses it"),
        ({"levels": [0.5, 2.0]}, r"CM-SCAN-002.*levels=\[0.5\]"),
        ({"background": "homogeneous", "minimum_lq": 2.0}, "CM-SCAN-002"),
        ({"minimum_lq": 0.5}, "CM-SCAN-002"),
        ({"minimum_lq": float("nan")}, "CM-SCAN-002"),
        ({"penalty": -1.0}, "CM-SCAN-002"),
        ({"max_share": 0.0}, "CM-SCAN-002"),
        ({"alpha": 1.0}, "CM-SCAN-002"),
        ({"permutations": 0}, "CM-SCAN-002"),
        ({"sector": "glass"}, "CM-SECTOR-001"),
    ],
)
def test_options_that_do_not_exist_are_refused_by_name(grid, make_table, options, code):
    with pytest.raises(OptionError, match=f"(?s){code}"):
        detect_clusters(make_table(grid), grid.graph, **options)


def test_too_few_permutations_are_refused(grid, make_table):
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        detect_clusters(make_table(grid), grid.graph, permutations=9)


def test_a_series_has_no_population(grid):
    with pytest.raises(InputError, match="CM-SCAN-004"):
        detect_clusters(pd.Series(1, index=grid.codes), grid.graph)


def test_jobs_are_not_firms(grid, make_table):
    jobs = SectorTable.from_values(make_table(grid).values, measure="employment")
    with pytest.raises(InputError, match="CM-SCAN-005"):
        detect_clusters(jobs, grid.graph)


def test_parts_of_firms_are_refused(grid, make_table):
    with pytest.raises(InputError, match=r"CM-SCAN-005.*1 of 36"):
        detect_clusters(make_table(grid, {"r0c0": 20.5}), grid.graph)


def test_more_firms_of_a_sector_than_firms_are_refused(grid, make_table):
    table = make_table(grid, {})
    fewer = replace(table, area_totals=table.area_totals * 0)  # no reader lets this through
    with pytest.raises(InputError, match="CM-SCAN-006"):
        detect_clusters(fewer, grid.graph, sector=table.sectors[0])


def test_two_areas_cannot_be_scanned():
    graph = Graph.from_arrays(["a", "b"], ["b", "a"], [1, 1])
    with pytest.raises(StatisticsError, match="CM-SCAN-007"):
        detect_clusters(pd.DataFrame({"x": [1, 2]}, index=["a", "b"]), graph)


def test_no_firm_at_all_cannot_be_scanned(grid):
    with pytest.raises(StatisticsError, match="CM-SCAN-007"):
        detect_clusters(pd.DataFrame({"x": 0, "y": 0}, index=grid.codes), grid.graph)


def test_figures_that_are_not_known_are_counted_in_words(grid, make_table):
    table = make_table(grid, dict.fromkeys(SHAPES["blob"], 60))
    values = table.values.astype(float)
    values.iloc[:2] = np.nan
    some = SectorTable.from_values(values, area_totals=table.area_totals)
    found = detect_clusters(some, grid.graph, permutations=99, seed=1)
    assert len(found.frame) == 1
    assert "2 of 36 areas take no part: no figure is known there." in found.summary()
    none = SectorTable.from_values(values * np.nan, area_totals=table.area_totals)
    told = detect_clusters(none, grid.graph, permutations=99, seed=1)
    assert len(told.frame) == 0
    assert told.summary().splitlines()[1].endswith("no figure is known, so nothing was searched.")
    assert "no area has an excess" not in told.summary()


def test_a_cluster_that_does_not_exist_is_told_with_those_that_do(grid, make_table):
    found = detect_clusters(make_table(grid, dict.fromkeys(SHAPES["pair"], 60)), grid.graph, seed=1)
    for ask in (found.values, found.described):
        with pytest.raises(InputError, match=r"(?s)CM-SCAN-012.*0 of 1 cluster.*'C9'.*one of: C1"):
            ask("C9")
    empty = detect_clusters(make_table(grid), grid.graph, seed=1)
    with pytest.raises(InputError, match=r"(?s)CM-SCAN-012.*there is none"):
        empty.values("C1")


def test_no_graph_and_no_areas(grid, make_table):
    with pytest.raises(OptionError, match="CM-SCAN-003"):
        detect_clusters(SectorTable.from_values(make_table(grid).values))


def test_a_graph_of_other_areas(make_grid, make_table):
    with pytest.raises(AlignmentError, match="CM-ALIGN-002"):
        detect_clusters(make_table(make_grid(3, 3)), make_grid(3, 4).graph)


# --- real counts ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manufacturing(real_data):
    areas = read_boundaries(real_data / "lad_2022_uk.geojson", vintage=2022, keep="E")
    return read_table(
        real_data / "ubc_enterprises_2018_2022.csv.gz",
        area="area",
        sector="industry",
        value="total",
        where={"year": 2021, "geo": "LAD"},
        areas=areas,
        match="name",
    )


@pytest.mark.real
def test_real_manufacturing_percolates_under_an_even_background_and_not_at_a_quarter_more(manufacturing):
    with pytest.warns(UserWarning, match="CM-GRAPH-002"):  # two islands
        graph = contiguity(manufacturing.areas)
    sector = next(s for s in manufacturing.sectors if s.startswith("Manufacturing"))
    options = {"sector": sector, "seed": 7}
    whole = detect_clusters(manufacturing, graph, background="homogeneous", max_share=1, **options)
    assert whole.frame["n_areas"].iloc[0] > 100
    found = detect_clusters(manufacturing, graph, **options)
    assert (found.frame["n_areas"] <= 309 / 4).all()
    belt, midlands, marches = (found.frame.iloc[i] for i in range(3))
    names = found.members.assign(name=found.members["area"].map(manufacturing.areas.names)).groupby(
        "cluster"
    )["name"]
    members = {cluster: set(part) for cluster, part in names}
    # known beforehand: a Pennine belt of 20 at 1.66, ten around the Black Country at 1.78, The Marches at 2.3
    assert {"Bradford", "Kirklees", "Burnley", "Rochdale"} <= members[belt["cluster"]]
    assert 15 <= belt["n_areas"] <= 25
    assert belt["relative_risk"] == pytest.approx(1.66, abs=0.05)
    assert {"Dudley", "Sandwell", "Walsall", "Leicester"} <= members[midlands["cluster"]]
    assert 8 <= midlands["n_areas"] <= 14
    assert midlands["relative_risk"] == pytest.approx(1.78, abs=0.05)
    assert members[marches["cluster"]] == {"Telford and Wrekin"}
    assert marches["relative_risk"] == pytest.approx(2.3, abs=0.05)


def test_levels_nest_into_a_tree(grid, make_table):
    planted = {"r1c1": 80, "r1c2": 80, "r1c3": 120, "r1c4": 120}
    found = detect_clusters(make_table(grid, planted), grid.graph, levels=[3], seed=1)
    frame = found.frame.set_index("cluster")
    members = found.members.groupby("cluster")["area"].apply(set)
    assert found.levels == (1.25, 3.0)
    assert frame["level"].tolist() == sorted(frame["level"])
    core = frame.index[frame["level"] == 3][0]
    assert members[core] == {"r1c3", "r1c4"}
    assert members[core] < members[frame.loc[core, "parent"]]
    assert frame.loc[frame["level"] == 1.25, "parent"].isna().all()
    assert "at least 1.25 or 3 times" in found.summary()
    assert f"{core}, inside {frame.loc[core, 'parent']}" in found.summary()


def test_a_level_asked_for_twice_is_scanned_once(grid, make_table):
    table = make_table(grid, {"r1c1": 60, "r1c2": 60})
    one, two = (detect_clusters(table, grid.graph, levels=lv, seed=1) for lv in ([], [1.25]))
    pd.testing.assert_frame_equal(one.frame, two.frame)


def test_halves_leave_suppressed_cells_out_of_the_national_share(grid, make_table):
    table = make_table(grid, {"r2c2": 900, "r0c0": np.nan, "r0c1": np.nan}, usual=200)
    problem = Problem(
        sector="steel", counts=table.values["steel"].to_numpy(), totals=table.area_totals.to_numpy(),
        graph=(*scan.links_of(grid.graph, table.values.index), set_keys(36)), minimum_lq=1.25, penalty=1.5,
        limit=9, permutations=99, alpha=0.05, seed=1,
    )  # fmt: skip
    half, rest = problem.half(np.random.default_rng(1))
    assert (half.known == problem.known).all()
    assert half.counts[problem.known].sum() + rest.sum() == np.nansum(problem.counts)
    assert half.national[problem.known] == pytest.approx(half.counts[half.known].sum() / 34)
