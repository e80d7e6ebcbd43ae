"""Maps without any pattern: how often autocorrelation finds one. Seeds and thresholds stood here before the first run.

500 maps; the 99.9 % interval of 500 tries at 5 % is 2.2–8.4 %. A local rate is the share of all local tests of all
maps. Sparse counts tie often, so an exact two-sided test rejects less than 5 % there: its size is worked out by exact
counting below (first held against the limit law Poisson(4), which is not the law given one map of 81 areas: .040
against .025), and only the upper limit is the general one.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import global_moran, local_moran
from clustermap.errors import ClusterMapWarning
from clustermap.tables.table import SectorTable

pytestmark = pytest.mark.validity

MAPS, SIDE, DRAWS, LEVEL = 500, 9, 999, 0.05
LOWEST, HIGHEST = 0.022, 0.084
SEED = 20_261_121
FAMILY_MAPS, FAMILY_DRAWS, FAMILY_HIGHEST = (
    200,
    9_999,
    0.105,
)  # 99.9 % interval of 200 tries at 5 %: up to 10.5 %


def lattice(side: int) -> Graph:
    codes = np.arange(side * side)
    row, column = codes // side, codes % side
    touching = np.abs(row[:, None] - row) + np.abs(column[:, None] - column) == 1
    focal, other = np.nonzero(touching)
    return Graph.from_arrays(codes[focal], codes[other], np.ones(len(focal)))


GRAPH = lattice(SIDE)
N = SIDE * SIDE
INNER = [i for i in range(N) if 0 < i // SIDE < SIDE - 1 and 0 < i % SIDE < SIDE - 1]
LAW_MAPS = 150


def draw_normal(rng):
    return pd.Series(rng.normal(size=N))


def draw_skewed(rng):
    return pd.Series(rng.lognormal(0, 1.5, size=N))


def draw_sparse(rng):
    """About one firm an area: most sums over neighbours tie with many others."""
    return pd.Series(rng.poisson(1.0, size=N).astype(float))


def draw_rates(rng):
    """Two of a hundred firms, in areas of very different size."""
    everything = rng.poisson(rng.lognormal(4, 1, size=N)) + 1
    sector = rng.binomial(everything, 0.02)
    frame = pd.DataFrame({"sector": sector, "rest": everything - sector})
    return SectorTable.from_values(frame)


WORLDS = {"normal": draw_normal, "skewed": draw_skewed, "sparse": draw_sparse, "rates": draw_rates}
NUMBER = {name: i for i, name in enumerate(WORLDS)}


def options(data):
    return {"sector": "sector"} if isinstance(data, SectorTable) else {}


@cache
def local_p(world, alternative):
    """Local p of all maps, maps × areas."""
    rows = []
    for m in range(MAPS):
        data = WORLDS[world](np.random.default_rng([SEED, NUMBER[world], m]))
        result = local_moran(
            data,
            GRAPH,
            permutations=DRAWS,
            correction="none",
            alternative=alternative,
            seed=m,
            **options(data),
        )
        rows.append(result.frame["p"].to_numpy())
    return np.array(rows)


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
@pytest.mark.parametrize("world", list(WORLDS))
def test_local_p_is_calibrated_on_null_maps(world, alternative):
    p = local_p(world, alternative)
    assert np.isfinite(p).all()
    assert (p <= LEVEL).mean() <= HIGHEST
    assert (p <= LEVEL).mean() >= (LOWEST if world != "sparse" else 0.01)


@pytest.mark.parametrize("world", list(WORLDS))
def test_one_local_p_a_map_is_calibrated_on_null_maps(world):
    """One area a map, another each time: 500 independent tries."""
    one = local_p(world, "two-sided")[np.arange(MAPS), np.arange(MAPS) % N]
    assert (one <= LEVEL).mean() <= HIGHEST
    assert (one <= LEVEL).mean() >= (LOWEST if world != "sparse" else 0.008)


@pytest.mark.parametrize("world", list(WORLDS))
def test_global_p_is_calibrated_on_null_maps(world):
    rejected = 0
    for m in range(MAPS):
        data = WORLDS[world](np.random.default_rng([SEED, NUMBER[world], m]))
        rejected += int(global_moran(data, GRAPH, permutations=DRAWS, seed=m, **options(data)).p <= LEVEL)
    assert LOWEST <= rejected / MAPS <= HIGHEST


@pytest.mark.parametrize("world", list(WORLDS))
def test_family_error_after_fdr_on_null_maps(world):
    """A map without a pattern shows any label at all in at most 5 % of maps, up to sampling error."""
    wrong = 0
    for m in range(FAMILY_MAPS):
        data = WORLDS[world](np.random.default_rng([SEED + 1, NUMBER[world], m]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)  # 9,999 draws are enough for 81 tests at 5 %
            result = local_moran(data, GRAPH, permutations=FAMILY_DRAWS, seed=m, **options(data))
        wrong += int(result.frame["label"].isin(["HH", "LL", "HL", "LH"]).any())
    assert wrong / FAMILY_MAPS <= FAMILY_HIGHEST


def law_of_sums(counts, k):
    """Probability of each sum of k of these whole numbers, all subsets equally likely, by exact counting."""
    ways = np.zeros((k + 1, int(counts.sum()) + 1))
    ways[0, 0] = 1.0
    for c in map(int, counts):
        ways[1:, c:] += ways[:-1, : ways.shape[1] - c]
    return ways[k] / ways[k].sum()


def test_sparse_counts_are_rejected_as_often_as_their_exact_law_allows():
    """The size of the exact two-sided test, given each map and each area's own count, is what must come out."""
    rejected, expected = [], []
    for m in range(LAW_MAPS):
        data = draw_sparse(np.random.default_rng([SEED + 2, m]))
        p = local_moran(data, GRAPH, permutations=DRAWS, correction="none", seed=m).frame["p"]
        sizes = {}
        for own in data.unique():
            law = law_of_sums(data.drop(data.index[data == own][0]).to_numpy(), 4)
            up, low = law[::-1].cumsum()[::-1], law.cumsum()
            sizes[own] = law[2 * np.minimum(up, low) <= LEVEL].sum() if own != data.mean() else 0.0
        expected += [sizes[data[i]] for i in INNER]
        rejected += [p[i] <= LEVEL for i in INNER]
    # five standard errors of so many tries, and what 999 draws blur at the threshold
    allowed = 5 * np.sqrt(np.mean(expected) * (1 - np.mean(expected)) / LAW_MAPS / len(INNER)) + 0.004
    assert np.mean(rejected) == pytest.approx(np.mean(expected), abs=allowed)
