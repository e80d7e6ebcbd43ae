"""Global Moran against esda, exact enumeration, and itself in other orders."""

from __future__ import annotations

import itertools
import math

import esda
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import global_moran
from clustermap.autocorrelation.whole import engine as global_engine
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.tables.table import SectorTable
from clustermap.testing import make_region


@pytest.mark.parametrize("transformation", ["row", "binary"])
def test_statistic_and_moments_are_those_of_esda(grid, values, transformation):
    peer = esda.Moran(values.to_numpy(), grid.to_W(), transformation=transformation[0], permutations=0)
    result = global_moran(values, grid, transformation=transformation, permutations=0)
    assert result.statistic == pytest.approx(peer.I, abs=1e-10)
    assert result.expected == pytest.approx(peer.EI, abs=1e-10)
    assert result.variance == pytest.approx(peer.VI_rand, abs=1e-10)
    assert result.variance_normality == pytest.approx(peer.VI_norm, abs=1e-10)
    assert result.z == pytest.approx(peer.z_rand, abs=1e-10)
    assert result.p_normal == pytest.approx(peer.p_rand, abs=1e-10)


def test_unequal_weights_and_isolates_are_those_of_esda():
    rng = np.random.default_rng(1)
    weights = np.triu(rng.random((25, 25)) * (rng.random((25, 25)) < 0.2), 1)
    weights += weights.T * rng.random((25, 25))  # not symmetric in weight
    weights[3] = weights[:, 3] = 0
    focal, other = np.nonzero(weights)
    graph = Graph.from_arrays(np.append(focal, 3), np.append(other, 3), np.append(weights[focal, other], 0.0))
    y = pd.Series(rng.normal(size=25))
    peer = esda.Moran(y[list(graph.unique_ids)].to_numpy(), graph.to_W(), permutations=0)
    result = global_moran(y, graph, permutations=0)
    assert result.statistic == pytest.approx(peer.I, abs=1e-10)
    assert result.variance == pytest.approx(peer.VI_rand, abs=1e-10)


def test_fifty_random_graphs_agree_with_esda():
    for seed in range(50):
        rng = np.random.default_rng([50, seed])
        n = int(rng.integers(8, 60))
        near = np.triu(rng.random((n, n)) < rng.uniform(0.08, 0.5), 1)
        near[0, 1:] |= ~(near[:, 1:].any(axis=0) | near[1:].any(axis=1))  # everyone has someone
        focal, other = np.nonzero(near | near.T)
        graph = Graph.from_arrays(focal, other, np.ones(len(focal)))
        y = pd.Series(rng.gamma(1.0, size=n))
        peer = esda.Moran(y.to_numpy(), graph.to_W(), permutations=0)
        result = global_moran(y, graph, permutations=0)
        assert [result.statistic, result.variance, result.z] == pytest.approx(
            [peer.I, peer.VI_rand, peer.z_rand], abs=1e-10
        )


def test_rates_are_those_of_esda(grid, uneven_table):
    result = global_moran(uneven_table, grid, sector="some", permutations=0)
    peer = esda.Moran_Rate(
        uneven_table.values["some"].to_numpy(),
        uneven_table.area_totals.to_numpy(),
        grid.to_W(),
        permutations=0,
    )
    assert result.rates == "empirical-bayes"
    assert result.statistic == pytest.approx(peer.I, abs=1e-10)
    assert result.z == pytest.approx(peer.z_rand, abs=1e-10)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_is_that_of_all_arrangements(alternative):
    """Six areas in a row: 720 arrangements, each equally likely."""
    graph = Graph.from_arrays([0, 1, 1, 2, 2, 3, 3, 4, 4, 5], [1, 0, 2, 1, 3, 2, 4, 3, 5, 4], [1] * 10)
    y = np.array([1.0, 1.0, 2.0, 2.0, 2.0, 5.0])

    def of(order):
        z = order - y.mean()
        lag = np.array(
            [z[1], (z[0] + z[2]) / 2, (z[1] + z[3]) / 2, (z[2] + z[4]) / 2, (z[3] + z[5]) / 2, z[4]]
        )
        return z @ lag

    everything = np.array([of(y[list(p)]) for p in itertools.permutations(range(6))])
    up, low = (everything >= of(y) - 1e-9).mean(), (everything <= of(y) + 1e-9).mean()
    exact = {"two-sided": min(1, 2 * min(up, low)), "greater": up, "less": low}[alternative]
    found = global_moran(pd.Series(y), graph, permutations=19_999, alternative=alternative, seed=3).p
    assert found == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 19_999) + 2 / 20_000)


@pytest.mark.parametrize(("alternative", "small"), [("greater", True), ("less", False), ("two-sided", True)])
def test_the_alternative_names_the_tail(grid, values, alternative, small):
    result = global_moran(values, grid, alternative=alternative, seed=1)
    assert (result.p < 0.05) == (result.p_normal < 0.05) == small


def test_normal_p_follows_the_alternative(grid, values):
    two, more, less = (
        global_moran(values, grid, alternative=a, permutations=0).p_normal
        for a in ("two-sided", "greater", "less")
    )
    assert more + less == pytest.approx(1)
    assert two == pytest.approx(2 * min(more, less))


def test_many_sectors_are_each_what_they_are_alone(grid, table):
    many = global_moran(table, grid, seed=4)
    for sector in table.sectors:
        alone = global_moran(table, grid, sector=sector, seed=4)
        pd.testing.assert_frame_equal(many[sector].frame, alone.frame)
        assert many[sector].variance_normality == alone.variance_normality
    assert many.family_size == 3
    assert list(many.frame["sector"]) == table.sectors


def test_many_columns_are_one_batch_with_the_same_bytes(grid):
    rng = np.random.default_rng(9)
    frame = pd.DataFrame(rng.normal(size=(42, 37)), index=grid.unique_ids).rename(
        columns=lambda c: f"s{c:02d}"
    )
    many = global_moran(frame, grid, rates="none", permutations=199, seed=2).frame
    for column in ("s00", "s16", "s36"):
        alone = global_moran(frame[column], grid, permutations=199, seed=2).frame
        row = many[many["sector"] == column].reset_index(drop=True)
        pd.testing.assert_frame_equal(row, alone, check_exact=True)


def test_same_bytes_for_any_row_order_and_thread_count(grid, values, other_order, monkeypatch):
    first = global_moran(values, grid, seed=7).frame
    shuffled = values.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(first, global_moran(shuffled, other_order, seed=7).frame, check_exact=True)
    monkeypatch.setattr(global_engine, "_WORTH_THREADS", 0)
    for threads in (1, 2, 5):
        monkeypatch.setattr(global_engine, "workers", lambda threads=threads: threads)
        pd.testing.assert_frame_equal(first, global_moran(values, grid, seed=7).frame, check_exact=True)


def test_shift_and_scale_change_nothing(grid, values):
    a, b = global_moran(values, grid, seed=1), global_moran(values * 250 - 40, grid, seed=1)
    assert a.statistic == pytest.approx(b.statistic, abs=1e-12)
    assert a.p == b.p


def test_a_seed_is_drawn_and_recorded(grid, values):
    result = global_moran(values, grid)
    assert global_moran(values, grid, seed=result.seed).p == result.p


def test_suppressed_cells_are_left_out(grid, table):
    counts = table.values.copy()
    counts.iloc[:5, 0] = np.nan
    hidden = SectorTable.from_values(counts, area_totals=table.area_totals)
    many = global_moran(hidden, grid, seed=1)
    kept = counts.index[5:]
    part = SectorTable.from_values(table.values.loc[kept], area_totals=table.area_totals.loc[kept])
    alone = global_moran(part, grid.subgraph(kept), sector="few", seed=1)
    assert many["few"].statistic == pytest.approx(alone.statistic, abs=1e-12)
    assert many["few"].p == alone.p


def test_a_constant_sector_is_undefined_among_many_and_refused_alone(grid, table):
    counts = table.values.assign(none=0)
    whole = SectorTable.from_values(counts, area_totals=table.area_totals)
    many = global_moran(whole, grid, seed=1).frame.set_index("sector")
    assert many.loc["none", ["statistic", "variance", "z", "p"]].isna().all()
    assert many.drop("none").notna().all(axis=None)
    with pytest.raises(StatisticsError, match="CM-MORAN-004"):
        global_moran(whole, grid, sector="none")


def test_a_complete_graph_has_no_variance():
    """All areas neighbour all others: I is −1/(n − 1) whatever the arrangement, so p is 1."""
    focal, other = zip(*itertools.permutations(range(6), 2), strict=True)
    graph = Graph.from_arrays(list(focal), list(other), [1] * 30)
    result = global_moran(pd.Series([1.0, 4, 2, 8, 5, 7]), graph, seed=1)
    assert result.statistic == pytest.approx(-0.2)
    assert result.p == 1
    assert math.isnan(result.z)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"alternative": "upper"}, "CM-MORAN-001"),
        ({"null": "toroidal"}, "CM-NULL-001"),
        ({"null": "within-authority"}, "CM-NULL-001"),
        ({"transformation": "v"}, "CM-MORAN-001"),
        ({"rates": "yes"}, "CM-MORAN-001"),
        ({"rates": "empirical-bayes"}, "CM-MORAN-001"),
        ({"permutations": -1}, "CM-MORAN-001"),
        ({"permutations": True}, "CM-MORAN-001"),
        ({"permutations": "auto"}, "CM-MORAN-001"),
        ({"sector": "steel"}, "CM-SECTOR-001"),
    ],
)
def test_wrong_options_are_refused(grid, values, options, code):
    with pytest.raises(OptionError, match=code):
        global_moran(values, grid, **options)


@pytest.mark.parametrize(("alternative", "fewest"), [("two-sided", 39), ("greater", 19)])
def test_so_few_draws_that_no_p_is_small_are_refused(grid, values, alternative, fewest):
    for draws in (1, fewest - 1):
        with pytest.raises(StatisticsError, match="CM-STAT-003"):
            global_moran(values, grid, permutations=draws, alternative=alternative)
    assert (
        global_moran(values, grid, permutations=fewest, alternative=alternative, seed=1).permutations
        == fewest
    )


@pytest.mark.parametrize("draws", [0, 99])
def test_where_all_are_neighbours_of_all_the_summary_says_that_there_is_nothing_to_test(draws):
    focal, other = np.nonzero(~np.eye(6, dtype=bool))
    graph = Graph.from_arrays(focal, other, np.ones(30))
    said = global_moran(pd.Series([1.0, 4, 2, 8, 5, 7]), graph, permutations=draws, seed=1).summary()
    assert "no z: no spread under the null" in said
    assert "there is nothing to test" in said
    assert "nan" not in said


def test_negative_weights_are_refused():
    graph = Graph.from_arrays([0, 1, 2, 0], [1, 0, 0, 2], [1.0, 1.0, -1.0, 1.0])
    with pytest.raises(OptionError, match="CM-MORAN-008"):
        global_moran(pd.Series([1.0, 2, 3]), graph)


def test_a_frame_of_numbers_that_are_no_counts_says_what_to_pass(grid):
    frame = pd.DataFrame(
        np.random.default_rng(1).normal(size=(42, 2)), index=grid.unique_ids, columns=["a", "b"]
    )
    with pytest.raises(InputError, match="CM-MORAN-005"):
        global_moran(frame, grid)


def test_results_say_themselves(grid, table):
    one = global_moran(table, grid, sector="some", seed=1)
    assert "Moran's I of some is" in one.summary()
    assert "Chance explains" in one.summary()
    assert one.sector == "some"
    assert f"p = {one.p:.3g}" in one.summary()
    assert "\n" not in repr(one)
    assert "<table" in one._repr_html_()
    many = global_moran(table, grid, seed=1)
    assert "3 sectors" in many.summary()
    assert "not corrected" in many.summary()
    assert "\n" not in repr(many)
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        many["steel"]
    without = global_moran(table, grid, sector="some", permutations=0)
    assert "normal approximation" in without.summary()


@pytest.mark.parametrize(("sign", "word"), [(1, "more"), (-1, "less")])
def test_the_summary_says_which_way(lattice, sign, word):
    graph = lattice(6, 6)
    places = np.arange(36)
    chequered = (places // 6 + places % 6) % 2 if sign < 0 else places // 6
    result = global_moran(pd.Series(chequered * 1.0, index=graph.unique_ids), graph, seed=1)
    assert f"Neighbours resemble each other {word} than chance explains." in result.summary()


def test_a_region_carries_its_areas_and_note():
    region = make_region(seed=2)
    result = global_moran(region.table, region.graph, sector="planted", seed=1)
    assert result.areas is region.areas
    assert result.frame["permutations"].item() == result.permutations == 999
