"""Pairs of points by distance are those that spatstat counts, and give its K without edge correction."""

from __future__ import annotations

import numpy as np
import pytest

from clustermap.measures.distance.pairs import pair_histogram, weighted_pair_histogram

WIDTH_M, BINS, SIDE_M = 500.0, 57, 20_000.0


@pytest.fixture(scope="module")
def patterns(point_patterns):
    points, pairs = point_patterns
    found = []
    for p, here in points.groupby("pattern"):
        counts = pairs[pairs["pattern"] == p]
        x, y = (here[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
        found.append((x, y, here["sector"].to_numpy() == 1, here["jobs"].to_numpy(dtype=np.float64), counts))
    return found


def test_pairs_of_a_sector_by_distance_are_spatstats(patterns):
    assert len(patterns) == 10
    for x, y, firms, _, counts in patterns:
        ours = pair_histogram(x[firms], y[firms], width=WIDTH_M, bins=BINS)
        assert ours.tolist() == counts["within"].tolist()


def test_pairs_weighted_by_jobs_are_spatstats(patterns):
    for x, y, firms, jobs, counts in patterns:
        ours = weighted_pair_histogram(x[firms], y[firms], jobs[firms], width=WIDTH_M, bins=BINS)
        np.testing.assert_allclose(ours, counts["jobs"], rtol=1e-12)


def test_pairs_across_are_all_pairs_less_those_within_either(patterns):
    for x, y, firms, _, counts in patterns:
        every, one, other = (
            pair_histogram(x[k], y[k], width=WIDTH_M, bins=BINS)
            for k in (np.ones(len(x), dtype=bool), firms, ~firms)
        )
        assert (every - one - other).tolist() == counts["across"].tolist()


def test_cumulated_pairs_are_ripleys_k_of_spatstat_without_edge_correction(patterns):
    for x, y, firms, _, counts in patterns:
        n = int(firms.sum())
        pairs = np.concatenate(([0], np.cumsum(pair_histogram(x[firms], y[firms], width=WIDTH_M, bins=BINS))))
        ours = SIDE_M**2 * 2 * pairs[:11] / (n * (n - 1))
        np.testing.assert_allclose(ours, counts["k_within"].dropna(), rtol=1e-10)
