"""LOSH: statistic and approximation of esda, the law of all maps, and what its p asks."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from esda.losh import LOSH
from libpysal.graph import Graph

from clustermap.autocorrelation import losh, nulls
from clustermap.errors import OptionError, StatisticsError
from clustermap.schema import LOSH_LABELS


@pytest.fixture
def few():
    """Seven areas in a ring, and a chord."""
    focal = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 0, 0, 3]
    other = [1, 0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 5, 0, 6, 3, 0]
    return Graph.from_arrays(focal, other, np.ones(16))


def by_hand(y, near, power=2.0):
    e = np.array([abs(y[i] - y[mine].mean()) ** power for i, mine in enumerate(near)])
    return np.array([e[mine].mean() for mine in near]) / e.mean()


@pytest.mark.parametrize("power", [2.0, 1.0])
def test_statistics_are_those_of_esda(grid, uneven, values, power):
    for graph in (grid, uneven):
        w = graph.to_W()
        w.transform = "r"
        peer = LOSH(connectivity=w, inference=None).fit(values.to_numpy(), a=power)
        found = losh(values, graph, power=power, permutations=999, correction="none", seed=1).frame
        assert np.abs(found["statistic"] - peer.Hi).max() < 1e-10
        assert np.abs(found["lag"] - peer.ylag).max() < 1e-10


def test_the_approximation_is_that_of_esda(grid, uneven, values):
    for graph in (grid, uneven):
        w = graph.to_W()
        w.transform = "r"
        peer = LOSH(connectivity=w, inference="chi-square").fit(values.to_numpy())
        found = losh(values, graph, permutations=999, correction="none", seed=1).frame
        assert np.abs(found["p_chi_square"] - peer.pval).max() < 1e-10
    assert (
        "p_chi_square" not in losh(values, grid, power=1, permutations=999, correction="none", seed=1).frame
    )


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_is_that_of_all_maps(few, nearby, alternative):
    y = np.array([0.0, 1, 5, 2, 2, 9, 3])
    near = nearby(few, range(7))
    observed = by_hand(y, near)
    maps = np.array([by_hand(y[list(p)], near) for p in itertools.permutations(range(7))])
    up, low = (maps >= observed - 1e-9).mean(axis=0), (maps <= observed + 1e-9).mean(axis=0)
    exact = {"two-sided": np.minimum(1, 2 * np.minimum(up, low)), "greater": up, "less": low}[alternative]
    found = losh(
        pd.Series(y), few, permutations=40_000, alternative=alternative, correction="none", seed=1
    ).frame["p"]
    assert found.to_numpy() == pytest.approx(exact, abs=5 * 2 * 0.5 / np.sqrt(40_000))


def test_all_arrangements_given_are_the_exact_law(few, nearby):
    y = np.array([0.0, 1, 5, 2, 2, 9, 3])
    every = np.array(list(itertools.permutations(range(7))))[1:]  # the one observed counts itself
    found = losh(
        pd.Series(y), few, null=nulls.arrangements(every), permutations=9_999, correction="none"
    ).frame["p"]
    near = nearby(few, range(7))
    maps = np.array([by_hand(y[list(p)], near) for p in itertools.permutations(range(7))])
    up, low = (maps >= maps[0] - 1e-9).mean(axis=0), (maps <= maps[0] + 1e-9).mean(axis=0)
    assert found.to_numpy() == pytest.approx(np.minimum(1, 2 * np.minimum(up, low)), abs=1e-12)


def test_an_uneven_half_is_found_whatever_its_level(lattice):
    graph = lattice(10, 10)
    column = np.arange(100) % 10
    rough = np.random.default_rng(3).normal(size=100) * np.where(column < 5, 0.2, 4.0)
    y = pd.Series(rough + 0.1 * column, index=graph.unique_ids)
    result = losh(y, graph, permutations=999, correction="none", seed=1)
    label = result.frame["label"]
    assert label.dtype.categories.tolist() == list(LOSH_LABELS)
    assert (label[column >= 6] == "uneven").sum() > 0
    assert (label[column < 4] == "uneven").sum() == 0
    assert (label[column < 4] == "even").sum() > 0
    assert "uneven" in result.summary()


def test_isolates_have_no_residual(with_isolate):
    y = pd.Series([1.0, 2, 3, 5, 8, 9, 9, 20], index=list("abcdefgz"))
    frame = losh(y, with_isolate, permutations=999, correction="none", seed=1).frame
    assert frame.loc["z", ["statistic", "lag", "p", "p_chi_square"]].isna().all()
    near = [[1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5]]
    expected = by_hand(y.to_numpy()[:7], [np.array(m) for m in near])
    assert frame["statistic"].iloc[:7].tolist() == pytest.approx(expected.tolist())


def test_neighbours_without_neighbours_are_refused():
    graph = Graph.from_arrays(["a", "b", "c", "d"], ["b", "c", "b", "d"], [1, 1, 1, 0])
    one_way = Graph.from_arrays(["a", "b", "c", "d"], ["d", "c", "b", "d"], [1, 1, 1, 0])
    y = pd.Series([1.0, 2, 4, 8], index=list("abcd"))
    assert losh(y, graph, permutations=99, correction="none", seed=1).frame["statistic"].notna().sum() == 3
    with pytest.raises(StatisticsError, match=r"CM-LOSH-001.*1 of 4"):
        losh(y, one_way, permutations=99, correction="none", seed=1)


@pytest.mark.parametrize("power", [0, -1, 5, "2", True])
def test_powers_that_make_no_spread_are_refused(grid, values, power):
    with pytest.raises(OptionError, match="CM-MORAN-001"):
        losh(values, grid, power=power)
