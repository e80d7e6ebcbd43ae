"""Local Geary against esda, the law of all neighbourhoods, and the counts of other paths."""

from __future__ import annotations

import math

import esda
import numpy as np
import pandas as pd
import pytest

from clustermap.autocorrelation import geary, nulls
from clustermap.schema import GEARY_LABELS


def test_statistics_are_those_of_esda(grid, values, uneven):
    for graph in (grid, uneven):
        peer = esda.Geary_Local(connectivity=graph.to_W(), permutations=0).fit(values.to_numpy())
        assert np.abs(geary(values, graph, seed=1).frame["statistic"] - peer.localG).max() < 1e-10


def test_the_mean_of_the_statistics_gives_the_global_one(grid, values):
    peer = esda.Geary(values.to_numpy(), grid.to_W(), permutations=0)
    n = len(values)  # C has denominators 2 and n - 1
    mean = geary(values, grid, seed=1).frame["statistic"].mean()
    assert mean * (n - 1) / (2 * n) == pytest.approx(peer.C, abs=1e-10)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("y", [[3, 1, 4, 1, 5, 9, 2, 6, 5], [0, 0, 0, 0, 1, 2, 1, 1, 0]], ids=["few", "ties"])
def test_p_is_that_of_all_sets_of_neighbours(lattice, exact_tails, nearby, y, alternative):
    graph = lattice(3, 3)
    y = pd.Series(y, index=graph.unique_ids, dtype=float)
    made = 99_999
    found = geary(y, graph, permutations=made, alternative=alternative, correction="none", seed=11).frame["p"]
    z = ((y - y.mean()) / y.std(ddof=0)).to_numpy()
    up, low = exact_tails(z, nearby(graph, y.index), lambda a, x, _: ((a - x) ** 2).mean())
    exact = {"two-sided": np.minimum(1, 2 * np.minimum(up, low)), "greater": up, "less": low}[alternative]
    assert found.to_numpy() == pytest.approx(exact, abs=5 * 2 * math.sqrt(0.25 / (made * 5 / 9)))


def test_labels_say_like_or_unlike(lattice):
    graph = lattice(8, 8)
    rng, r, c = np.random.default_rng(3), np.arange(64) // 8, np.arange(64) % 8
    y = np.select([c < 2, c > 5], [10.0, -10.0], rng.normal(0, 3, 64)) + rng.normal(0, 0.1, 64)
    y[(r == 3) & (c == 0)], y[(r == 5) & (c == 7)] = -20.0, 20.0
    result = geary(pd.Series(y, index=graph.unique_ids), graph, correction="none", seed=1)
    label = result.frame["label"]
    assert label.dtype.categories.tolist() == list(GEARY_LABELS)
    assert (label.iloc[8 * 6], label.iloc[8 + 7]) == ("HH", "LL")
    assert (label.iloc[8 * 3], label.iloc[8 * 5 + 7]) == ("negative", "negative")
    assert "negative" in result.summary()
    # all but equal to its neighbours, a little above the mean where they lie a little below
    y = np.random.default_rng(4).normal(size=64)
    near = [8 * 4 + 3, 8 * 4 + 5, 8 * 3 + 4, 8 * 5 + 4]
    y[8 * 4 + 4], y[near] = 0.01, -0.01
    y -= np.where(
        np.isin(np.arange(64), [8 * 4 + 4, *near]), 0, np.delete(y, [8 * 4 + 4, *near]).mean() - 0.03 / 59
    )
    label = geary(pd.Series(y, index=graph.unique_ids), graph, correction="none", seed=1).frame["label"]
    assert label.iloc[8 * 4 + 4] == "other positive"


def test_far_above_the_mean_it_still_tells_likes_apart(grid):
    """Ten thousand standard deviations from zero: only differences count."""
    y = pd.Series(np.random.default_rng(1).normal(size=42), index=grid.unique_ids)
    a, b = (geary(x, grid, seed=1).frame for x in (y, y * 8 + 2.0**20))
    assert np.abs(a["statistic"] - b["statistic"]).max() < 1e-6
    assert (a["label"] == b["label"]).all()


def test_whole_maps_give_the_same_p_as_shared_draws(grid, values):
    """Two engines of one null: k of the others drawn once for all, and every area of every map."""
    one = nulls.within(pd.Series("all", index=values.index))
    shared = geary(values, grid, permutations=9_999, correction="none", seed=1).frame["p"]
    maps = geary(values, grid, permutations=9_999, null=one, correction="none", seed=1).frame["p"]
    assert np.abs(shared - maps).max() < 5 * math.sqrt(2) * 2 * 0.5 / math.sqrt(9_999)
