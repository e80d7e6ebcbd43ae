"""Small worlds, even and rough, with and without a cluster: none of the sets that are reported holds a deficit."""

from __future__ import annotations

import numpy as np
import pytest

from clustermap import detect_clusters
from clustermap.testing import make_world

SHAPES = ("none", "single", "pair", "chain", "blob", "two chains")
FAMILIES = {  # background, level and first seed; so many worlds each
    "even, at the usual level": ("homogeneous", 0.05, 370),
    "even, with weak sets too": ("homogeneous", 0.95, 1864),
    "chosen by the map, with weak sets too": ("auto", 0.95, 1073),
    "of the region, at the usual level": ("field", 0.05, 90),
}
WORLDS = 50


def world_of(seed):
    rng = np.random.default_rng(seed)
    areas, size = (int(rng.integers(*limits)) for limits in ((12, 41), (3, 6)))
    return make_world(
        n_areas=areas,
        planted=SHAPES[seed % len(SHAPES)],
        size=min(size, areas // 4),
        relative_risk=float(rng.choice([1.3, 1.6, 2.5])),
        sector_firms=int(rng.choice([60, 200, 1000])),
        roughness=float(rng.choice([0.0, 0.2, 0.6])),
        seed=seed,
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cluster_is_never_reported_below_the_national_share(family):
    background, alpha, first = FAMILIES[family]
    reported, below = 0, []
    for seed in range(first, first + WORLDS):
        world = world_of(seed)
        found = detect_clusters(
            world.table, world.graph, sector="planted", background=background, permutations=39, alpha=alpha,
            seed=seed,
        ).frame  # fmt: skip
        reported += len(found)
        low = found[~(found["relative_risk"] > 1)]
        below += [(seed, row.cluster, round(row.relative_risk, 3)) for row in low.itertuples()]
    assert reported >= WORLDS / 5  # there was something to be wrong about
    assert below == []
