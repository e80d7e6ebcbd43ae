"""Local Moran against esda, exact laws, other orders of the same thing, and refusals."""

from __future__ import annotations

import itertools
import math

import esda
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import draws, local_moran
from clustermap.errors import AlignmentError, ClusterMapWarning, InputError, OptionError, StatisticsError
from clustermap.inference import adjust
from clustermap.schema import LISA_LABELS, LOCAL_COLUMNS
from clustermap.tables.table import SectorTable
from clustermap.testing import make_region


def exact_p(z, near, i, alternative="two-sided"):
    """Enumerate all sets of neighbours that area i could have."""
    others = [j for j in range(len(z)) if j != i]
    sums = np.array([z[list(s)].sum() for s in itertools.combinations(others, len(near[i]))])
    statistic, drawn = z[i] * z[near[i]].sum(), z[i] * sums
    up, low = (drawn >= statistic - 1e-9).mean(), (drawn <= statistic + 1e-9).mean()
    return {"two-sided": min(1.0, 2 * min(up, low)), "greater": up, "less": low}[alternative]


def neighbours_of(graph, codes):
    return [[list(codes).index(j) for j in graph[c].index] for c in codes]


@pytest.mark.parametrize("transformation", ["row", "binary"])
def test_statistics_are_those_of_esda(grid, values, transformation):
    result = local_moran(values, grid, transformation=transformation, seed=1)
    peer = esda.Moran_Local(values.to_numpy(), grid.to_W(), transformation=transformation[0], permutations=0)
    n = len(values)  # esda divides by n - 1 where Anselin (1995) and the global statistic have n
    assert np.abs(result.frame["statistic"] - peer.Is * n / (n - 1)).max() < 1e-10


def test_the_mean_of_the_statistics_is_the_global_one(grid, values):
    peer = esda.Moran(values.to_numpy(), grid.to_W(), permutations=0)
    assert local_moran(values, grid, seed=1).frame["statistic"].mean() == pytest.approx(peer.I, abs=1e-10)


def test_fifty_random_graphs_agree_with_esda():
    for seed in range(50):
        rng = np.random.default_rng([51, seed])
        n = int(rng.integers(12, 60))
        near = np.triu(rng.random((n, n)) < rng.uniform(0.1, 0.4), 1)
        near[0, 1:] |= ~(near[:, 1:].any(axis=0) | near[1:].any(axis=1))
        focal, other = np.nonzero(near | near.T)
        graph = Graph.from_arrays(focal, other, np.ones(len(focal)))
        y = pd.Series(rng.gamma(1.0, size=n))
        peer = esda.Moran_Local(y.to_numpy(), graph.to_W(), permutations=0)
        found = local_moran(y, graph, permutations=999, correction="none", seed=1).frame["statistic"]
        assert np.abs(found - peer.Is * n / (n - 1)).max() < 1e-10


def test_rates_are_those_of_esda(grid, uneven_table):
    result = local_moran(uneven_table, grid, sector="some", seed=1)
    peer = esda.Moran_Local_Rate(
        uneven_table.values["some"].to_numpy(),
        uneven_table.area_totals.to_numpy(),
        grid.to_W(),
        permutations=0,
    )
    n = len(uneven_table.values)
    assert np.abs(result.frame["statistic"] - peer.Is * n / (n - 1)).max() < 1e-10
    assert result.rates == "empirical-bayes"
    raw = local_moran(uneven_table, grid, sector="some", rates="none", seed=1)
    assert raw.frame["value"].tolist() == uneven_table.values["some"].tolist()


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize(
    "y", [[3, 1, 4, 1, 5, 9, 2, 6, 5], [0, 0, 0, 0, 1, 2, 1, 1, 0]], ids=["few ties", "ties"]
)
def test_p_is_that_of_all_sets_of_neighbours(lattice, y, alternative):
    graph = lattice(3, 3)
    y = pd.Series(y, index=graph.unique_ids, dtype=float)
    draws_made = 99_999
    found = local_moran(
        y, graph, permutations=draws_made, alternative=alternative, correction="none", seed=11
    ).frame["p"]
    z, near = (y - y.mean()).to_numpy(), neighbours_of(graph, y.index)
    for i, p in enumerate(found):
        exact = exact_p(z, near, i, alternative)
        # only draws without i count, at least five of nine
        allowed = 5 * 2 * math.sqrt(0.25 / (draws_made * 5 / 9))
        assert p == pytest.approx(exact, abs=min(allowed, 10 * math.sqrt(exact / draws_made) + 1e-4))


def test_p_agrees_with_drawing_for_every_area(grid, values):
    """The slow way: for each area its own permutations of all the others."""
    rng = np.random.default_rng(2)
    made = 4_000
    found = local_moran(values, grid, permutations=99_999, correction="none", seed=2).frame
    z, near = (values - values.mean()).to_numpy(), neighbours_of(grid, values.index)
    for i in range(0, 42, 5):
        others = np.delete(z, i)
        sums = np.array([rng.permutation(others)[: len(near[i])].sum() for _ in range(made)])
        own = z[near[i]].sum()
        up, low = (sums >= own - 1e-9).mean(), (sums <= own + 1e-9).mean()
        slow = min(1.0, 2 * min(up, low))
        assert found["p"].iloc[i] == pytest.approx(slow, abs=5 * 2 * math.sqrt(max(slow, 0.01) / 2 / made))


def test_all_draws_that_hold_the_area_are_left_out():
    """A complete graph: the neighbours are always all the others, so nothing varies and p is 1."""
    focal, other = zip(*itertools.permutations(range(7), 2), strict=True)
    graph = Graph.from_arrays(list(focal), list(other), [1] * 42)
    result = local_moran(pd.Series([1.0, 4, 2, 8, 5, 7, 30]), graph, seed=1)
    assert (result.frame["p"] == 1).all()
    assert (result.frame["p_min"] == 1).all()
    assert (result.frame["label"] == "cannot reach").all()


def test_ties_count_in_both_tails(lattice):
    """One firm in one corner: most areas see only zeros, as they would under most arrangements."""
    graph = lattice(5, 5)
    y = pd.Series(0.0, index=graph.unique_ids)
    y.iloc[0] = 1.0
    frame = local_moran(y, graph, correction="none", seed=1).frame
    assert (frame["p"].iloc[2:5] == 1).all()
    assert not frame["label"].isin(["LL", "HH"]).any()


def test_an_area_at_the_mean_has_p_one():
    graph = Graph.from_arrays([0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3], [1] * 8)
    frame = local_moran(pd.Series([-4.0, 4.0, 0.0, 3.0, -3.0]), graph, correction="none", seed=1).frame
    assert frame.loc[2, "statistic"] == 0
    assert frame.loc[2, "p"] == 1


def test_smallest_p_counts_the_sets_of_neighbours():
    """38 areas in a ring of pairs: one neighbour each, 37 possible ones, so p is at least 2/37 = .054."""
    n = np.arange(38)
    graph = Graph.from_arrays(n, n ^ 1, np.ones(38))
    result = local_moran(pd.Series(np.sqrt(n + 1.0)), graph, seed=1)
    assert result.frame["p_min"].tolist() == pytest.approx([2 / 37] * 38)
    assert (result.frame["label"] == "cannot reach").all()
    assert "too few possible neighbourhoods" in result.summary()
    one = local_moran(pd.Series(np.sqrt(n + 1.0)), graph, alternative="greater", correction="none", seed=1)
    assert one.frame["p_min"].tolist() == pytest.approx([1 / 37] * 38)
    assert not (one.frame["label"] == "cannot reach").any()
    strict = local_moran(
        pd.Series(np.sqrt(n + 1.0)), graph, alternative="greater", correction="bonferroni", seed=1
    )
    assert (strict.frame["label"] == "cannot reach").all()


def test_isolates_have_no_statistic_and_are_no_test(with_isolate):
    y = pd.Series([1.0, 2, 3, 5, 8, 9, 9, 20], index=list("abcdefgz"))
    result = local_moran(y, with_isolate, seed=1)
    alone = result.frame.loc["z"]
    assert alone[["statistic", "lag", "p", "p_min", "q"]].isna().all()
    assert (alone["value"], alone["label"], alone["status"]) == (20.0, "isolate", "isolate")
    assert result.family_size == 7
    assert result.frame.drop("z")["p"].notna().all()
    assert "1 area has no neighbour and no statistic: z" in result.summary()
    # its value stays among those that could have been anybody's neighbour
    z = (y - y.mean()).to_numpy()
    near = [[1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5], []]
    assert result.frame["p"].iloc[0] == pytest.approx(exact_p(z, near, 0), abs=0.03)


def test_q_is_benjamini_hochberg_over_the_tested_areas(grid, values):
    frame = local_moran(values, grid, seed=1).frame
    p = frame["p"].sort_values()
    by_hand = (p * 42 / np.arange(1, 43))[::-1].cummin()[::-1]
    assert frame["q"].to_dict() == pytest.approx(by_hand.to_dict())
    assert (frame["label"].isin(["HH", "LL", "HL", "LH"]) == (frame["q"] <= 0.05)).all()


def test_labels_are_quadrants():
    """A high block, a low block, a high area among low ones and a low one among high."""
    side = 8
    places = np.arange(side * side)
    r, c = places // side, places % side
    focal, other = np.nonzero(np.maximum(abs(r[:, None] - r), abs(c[:, None] - c)) == 1)
    graph = Graph.from_arrays(focal, other, np.ones(len(focal)))
    rng = np.random.default_rng(3)
    y = pd.Series(np.where(c < 4, 10.0, 0.0) + rng.normal(0, 0.1, side * side))
    y[2 * side + 1], y[5 * side + 6] = 0.0, 10.0
    result = local_moran(y, graph, correction="none", seed=1)
    label = result.frame["label"]
    assert label[5 * side + 1] == "HH"
    assert label[2 * side + 6] == "LL"
    assert label[2 * side + 1] == "LH"
    assert label[5 * side + 6] == "HL"
    assert label.dtype.categories.tolist() == list(LISA_LABELS)
    assert label.dtype.ordered
    assert result.frame["q"].isna().all()
    words = result.summary()
    assert f"{(label == 'HH').sum()} High-High" in words
    assert "not corrected" in words


def test_auto_takes_what_the_correction_needs(grid, values):
    result = local_moran(values, grid, seed=1)
    assert result.permutations == max(9_999, math.ceil(20 * 42 / 0.05 / (1 - 4 / 42)) - 1)
    assert local_moran(values, grid, correction="none", seed=1).permutations == 9_999


def test_too_few_draws_are_refused_and_coarse_ones_told(grid, values):
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        local_moran(values, grid, permutations=19, seed=1)
    with pytest.warns(ClusterMapWarning, match="CM-STAT-005"):
        local_moran(values, grid, permutations=999, seed=1)


def test_many_sectors_share_draws_and_one_family(grid, table):
    many = local_moran(table, grid, permutations=9_999, seed=5)
    assert many.family_size == 3 * 42
    for sector in table.sectors:
        alone = local_moran(table, grid, sector=sector, permutations=9_999, seed=5)
        columns = ["statistic", "value", "lag", "p", "p_min", "status"]
        pd.testing.assert_frame_equal(many[sector].frame[columns], alone.frame[columns], check_exact=True)
    assert many.frame["q"].to_numpy() == pytest.approx(adjust(many.frame["p"], "fdr_bh"))
    assert list(many.frame.columns) == ["sector", "area", *LOCAL_COLUMNS]


def test_same_bytes_for_any_row_order(grid, values, other_order):
    first = local_moran(values, grid, seed=7).frame
    second = local_moran(values.sample(frac=1, random_state=1), other_order, seed=7).frame
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pieces", [(16_384, 1 << 22), (1_000, 1 << 22), (16_384, 600), (100_000, 1 << 30)])
def test_same_bytes_for_any_thread_count_and_piece(grid, table, monkeypatch, threads, pieces):
    piece, cells = pieces
    first = local_moran(table, grid, permutations=20_000, seed=7).frame
    one = local_moran(table, grid, sector="few", permutations=20_000, seed=7).frame
    monkeypatch.setattr(draws, "_WORTH_THREADS", 0)
    monkeypatch.setattr(draws, "_PIECE", piece)
    monkeypatch.setattr(draws, "_PIECE_CELLS", cells)
    monkeypatch.setattr(draws, "workers", lambda: threads)
    again = local_moran(table, grid, permutations=20_000, seed=7).frame
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    pd.testing.assert_frame_equal(
        one, local_moran(table, grid, sector="few", permutations=20_000, seed=7).frame, check_exact=True
    )


def test_shift_and_scale_change_nothing(grid, values):
    a, b = local_moran(values, grid, seed=1).frame, local_moran(values * 250 - 40, grid, seed=1).frame
    assert np.abs(a["statistic"] - b["statistic"]).max() < 1e-12
    assert (a["p"] == b["p"]).all()


def test_weights_given_row_standardised_are_the_same(grid, values):
    a = local_moran(values, grid, seed=1).frame
    pd.testing.assert_frame_equal(a, local_moran(values, grid.transform("r"), seed=1).frame)
    binary = local_moran(values, grid, transformation="binary", seed=1).frame
    assert (binary["p"] == a["p"]).all()
    pd.testing.assert_frame_equal(
        binary, local_moran(values, grid.transform("r"), transformation="binary", seed=1).frame
    )


def test_suppressed_cells_and_empty_areas_are_no_neighbours(grid, table):
    counts = table.values.copy()
    counts.iloc[3, 0] = np.nan
    totals = table.area_totals.copy()
    counts.iloc[20], totals.iloc[20] = 0, 0
    totals.iloc[30] = np.nan
    hidden = SectorTable.from_values(counts, area_totals=totals)
    frame = local_moran(hidden, grid, sector="few", permutations=9_999, seed=1).frame
    gone = frame.iloc[[3, 20, 30]]
    assert gone["label"].tolist() == ["undefined"] * 3
    assert gone["status"].tolist() == ["suppressed", "no firms in area", "suppressed total"]
    assert gone[["statistic", "value", "lag", "p", "q"]].isna().all(axis=None)
    kept = frame.index.drop(gone.index)
    part = SectorTable.from_values(counts.loc[kept], area_totals=totals.loc[kept])
    alone = local_moran(part, grid.subgraph(kept), sector="few", permutations=9_999, seed=1).frame
    columns = ["statistic", "value", "lag", "p", "p_min", "q"]
    pd.testing.assert_frame_equal(frame.loc[kept, columns], alone[columns])


def test_an_area_whose_neighbours_are_all_unknown_is_an_isolate(table, grid):
    counts = table.values.copy()
    near = list(grid[counts.index[0]].index)
    counts.loc[near, "few"] = np.nan
    hidden = SectorTable.from_values(counts, area_totals=table.area_totals)
    many = local_moran(hidden, grid, permutations=9_999, seed=1)
    assert many["few"].frame["label"].iloc[0] == "isolate"
    assert many["some"].frame["label"].iloc[0] != "isolate"
    assert many.family_size == 42 * 3 - 1 - len(near)


def test_rounded_cells_say_so(grid, table):
    status = table.status.copy()
    status.iloc[4, 1] = "rounded"
    rounded = SectorTable(
        values=table.values, area_totals=table.area_totals, sector_totals=table.sector_totals, total=table.total,
        measure="firms", status=status, sector_labels=table.sector_labels, note="Rounded to five.",
    )  # fmt: skip
    name = table.sectors[1]
    result = local_moran(rounded, grid, sector=name, seed=1)
    assert result.frame["status"].value_counts().loc[["rounded", "ok"]].tolist() == [1, 41]
    assert result.summary().endswith("Rounded to five.")


def test_a_constant_sector_is_undefined_among_many_and_refused_alone(grid, table):
    whole = SectorTable.from_values(table.values.assign(none=0), area_totals=table.area_totals)
    many = local_moran(whole, grid, seed=1)
    assert (many["none"].frame["label"] == "undefined").all()
    assert (many["none"].frame["status"] == "constant").all()
    assert many.family_size == 3 * 42
    with pytest.raises(StatisticsError, match="CM-MORAN-004"):
        local_moran(whole, grid, sector="none")


def test_equal_rates_are_constant_whatever_the_last_digit(grid):
    rng = np.random.default_rng(8)
    total = pd.Series(rng.integers(7, 900, 42) * 0.7, index=grid.unique_ids)
    counts = pd.DataFrame({"a": total * 0.1, "b": total * 0.9})
    with pytest.raises(StatisticsError, match="CM-MORAN-004"):
        local_moran(counts, grid, sector="a")


def test_one_column_of_counts_is_the_whole_economy_and_says_so(grid, table):
    with pytest.raises(StatisticsError, match="whole economy"):
        local_moran(table.values[["few"]], grid)


def test_too_few_areas_and_no_links_are_refused():
    pair = Graph.from_arrays(["a", "b"], ["b", "a"], [1, 1])
    with pytest.raises(StatisticsError, match="CM-MORAN-002"):
        local_moran(pd.Series({"a": 1.0, "b": 2.0}), pair)
    apart = Graph.from_arrays(list("abcd"), list("abcd"), [0] * 4)
    with pytest.raises(StatisticsError, match="CM-MORAN-003"):
        local_moran(pd.Series([1.0, 2, 3, 4], index=list("abcd")), apart)


def test_labels_and_numbers_are_checked(grid, values):
    with pytest.raises(AlignmentError, match="CM-ALIGN-002"):
        local_moran(values.rename(lambda c: c.lower()), grid)
    with pytest.raises(AlignmentError, match="CM-ALIGN-002"):
        local_moran(values.to_numpy(), grid)
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-003.*A003"):
        local_moran(values.mask(values.index == "A003"), grid)
    with pytest.raises(OptionError, match="CM-GRAPH-005"):
        local_moran(values, grid.to_W())


def test_unequal_weights_count_under_row_and_are_taken_as_links_under_binary(values):
    rng = np.random.default_rng(1)
    codes = values.index.to_numpy()
    near = rng.random((42, 42)) < 0.1
    near[np.arange(42), np.arange(42) - 1] = True
    np.fill_diagonal(near, val=False)
    focal, other = (codes[side] for side in np.nonzero(near))
    graph = Graph.from_arrays(focal, other, rng.random(len(focal)))
    rows = graph.to_W()
    peer = esda.Moran_Local(values.to_numpy(), rows, permutations=0)
    weighted = local_moran(values, graph, seed=1).frame["statistic"]
    assert np.abs(weighted - peer.Is * 42 / 41).max() < 1e-10
    as_links = Graph.from_arrays(focal, other, np.ones(len(focal)))
    found = local_moran(values, graph, transformation="binary", seed=1).frame
    pd.testing.assert_frame_equal(found, local_moran(values, as_links, transformation="binary", seed=1).frame)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"alternative": "upper"}, "CM-MORAN-001"),
        ({"null": "within-authority"}, "CM-NULL-001"),
        ({"transformation": "v"}, "CM-MORAN-001"),
        ({"correction": "holm"}, "CM-STAT-010"),
        ({"rates": "empirical-bayes"}, "CM-MORAN-001"),
        ({"alpha": 5}, "CM-MORAN-001"),
        ({"permutations": 0}, "CM-MORAN-001"),
        ({"permutations": 99.5}, "CM-MORAN-001"),
        ({"sector": "steel"}, "CM-SECTOR-001"),
        ({"seed": 1.5}, "CM-SEED-001"),
    ],
)
def test_wrong_options_are_refused(grid, values, options, code):
    with pytest.raises(OptionError, match=code):
        local_moran(values, grid, **options)


def test_frames_of_plain_numbers(grid, values):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"b": values, "a": rng.normal(size=42)})
    many = local_moran(frame, grid, rates="none", permutations=9_999, seed=1)
    assert many.sectors == ("a", "b")
    alone = local_moran(frame, grid, sector="b", rates="none", permutations=9_999, seed=1)
    pd.testing.assert_frame_equal(
        alone.frame, local_moran(values, grid, permutations=9_999, seed=1).frame, check_exact=True
    )
    assert alone.sector == "b"
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        local_moran(frame, grid, sector="c", rates="none")
    with pytest.raises(InputError, match="CM-TABLE-001"):
        local_moran(pd.concat([frame, frame], axis=1), grid, rates="none")
    with pytest.raises(InputError, match="CM-TABLE-005"):
        local_moran(frame.assign(geometry=None), grid)
    assert local_moran(values, grid, sector="rate", seed=1).sector == "rate"


def test_results_of_a_region_carry_polygons():
    region = make_region(seed=3, n_firms=20_000)
    one = local_moran(region.table, region.graph, sector="planted", seed=1)
    assert one.areas is region.areas
    geo = one.geo()
    assert geo.index.name == "code"
    assert geo.crs == region.areas.crs
    assert geo["label"].tolist() == one.frame["label"].tolist()
    many = local_moran(region.table, region.graph, permutations=9_999, seed=1)
    assert many.geo().columns.tolist()[-2:] == ["planted", "rest"]
    assert "lag" in many.geo("planted").columns
    assert many.wide("q").shape == (40, 2)
    assert many.wide("statistic").loc["A0003", "planted"] == many["planted"].frame.loc["A0003", "statistic"]
    assert "2 sectors over 40 areas" in many.summary()
    assert "<table" in many._repr_html_()
    assert "\n" not in repr(many)
    assert "\n" not in repr(one)
    with pytest.raises(OptionError, match="CM-MORAN-001"):
        many.wide("planted")
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        many["steel"]


def test_a_planted_cluster_is_found_where_it_is_planted():
    region = make_region(seed=3, n_firms=40_000, planted="blob", size=6, relative_risk=4.0)
    labels = local_moran(region.table, region.graph, sector="planted", seed=1).frame["label"]
    high = set(labels.index[labels == "HH"])
    assert high
    assert high <= set(region.planted)


def test_without_polygons_geo_says_how_to_join(grid, values):
    result = local_moran(values, grid, seed=1)
    with pytest.raises(InputError, match="CM-MORAN-007"):
        result.geo()


def test_many_sectors_are_summarised_shortly(grid):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(42, 14)), index=grid.unique_ids).add_prefix("s")
    result = local_moran(frame, grid, rates="none", permutations=9_999, correction="none", seed=1)
    assert "4 more sectors stand in the frame." in result.summary()
    said = result.summary().splitlines()
    assert len([line for line in said if "High-High" in line]) == 10
    assert len(said) == 13 + bool(result.frame["borderline"].any())


def test_the_input_is_left_as_it_was(grid, table):
    before = table.values.copy(), table.status.copy(), grid.adjacency.copy()
    local_moran(table, grid, permutations=9_999, seed=1)
    pd.testing.assert_frame_equal(table.values, before[0])
    pd.testing.assert_frame_equal(table.status, before[1])
    pd.testing.assert_series_equal(grid.adjacency, before[2])
