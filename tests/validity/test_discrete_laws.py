"""How often sparse counts are rejected, against their exact law.

Sparse counts tie often, so an exact two-sided test rejects less than 5 % there; its size is worked out by exact
counting (first held against the limit law Poisson(4), which is not the law given one map of 81 areas: .040 against
.025).
Calibration as such stands in the table of checks.toml.
"""

from __future__ import annotations

import numpy as np
import pytest
import worlds

from clustermap.autocorrelation import local_moran

pytestmark = pytest.mark.validity

SIDE, DRAWS, LEVEL = 9, 999, 0.05
SEED = 20_261_121
INNER = [i for i in range(SIDE * SIDE) if 0 < i // SIDE < SIDE - 1 and 0 < i % SIDE < SIDE - 1]
LAW_MAPS = 150


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
        data, graph = worlds.sparse(np.random.default_rng([SEED + 2, m]))[:2]
        p = local_moran(data, graph, permutations=DRAWS, correction="none", seed=m).frame["p"]
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
