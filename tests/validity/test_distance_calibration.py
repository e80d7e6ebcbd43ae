"""Sectors that are random draws from all firms: how often K_d and M call one localised or dispersed.

200 null sectors a way; the 99.9 % interval of 200 tries at 5 % is 2 to 21 hits. M without simulation has 40: 0 to 8
hits (100 sectors of 2,400 of 12,000 firms, run once: 5 above, 3 below). Seeds and thresholds stood here before the
first run. Each sector of the simulated ways has draws of its own, so that the tries are independent.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import pytest
from scipy import stats

from clustermap.measures.distance import duranton_overman, economy_distances, marcon_puech

pytestmark = pytest.mark.validity

SEED = 20_261_127
TRIES, LEVEL, DRAWS = 200, 0.05, 199
FEWEST, MOST = 2, 21
SMALLEST_KS = 0.001
RATIO_TRIES, RATIO_MOST = 40, 8
SMALL, LARGE = 40, 2_000


@cache
def economy(sites):
    """Towns of uneven size and scattered firms in a square of 100 km."""
    rng = np.random.default_rng([SEED, sites])
    size = rng.pareto(1.2, 30) + 1
    centre = rng.uniform(10_000, 90_000, (30, 2))
    xy = centre[rng.choice(30, sites, p=size / size.sum())] + rng.normal(0, 2_000, (sites, 2))
    scattered = rng.random(sites) < 0.3
    xy[scattered] = rng.uniform(0, 100_000, (scattered.sum(), 2))
    firms = gpd.GeoDataFrame(
        {"firm_id": [f"f{i:05}" for i in range(sites)], "jobs": np.ceil(rng.lognormal(1, 1, sites))},
        geometry=gpd.points_from_xy(*(xy + np.array([[300_000, 200_000]])).T),
        crs=27700,
    )
    return economy_distances(firms, maximum_m=60_000, exact_null=sites > 10_000)


def labelled(world, kinds, number):
    """Shuffle sector names over all sites."""
    names = np.random.default_rng([SEED, 1, number]).permutation(kinds)
    return replace(world, firms=replace(world.firms, frame=world.firms.frame.assign(kind=names)))


@cache
def simulated(weights):
    world = economy(2_000)
    kinds = np.where(np.arange(2_000) < SMALL, "some", "rest")
    rows = []
    for t in range(TRIES):
        one = duranton_overman(
            labelled(world, kinds, t),
            sectors="kind",
            sector="some",
            weights=weights,
            permutations=DRAWS,
            seed=t,
        )
        rows.append((one.p_localised, one.p_dispersed))
    return np.array(rows)


@cache
def by_moments():
    world = economy(40_000)
    kinds = np.repeat([f"s{k:02}" for k in range(20)], LARGE)
    rows = []
    for t in range(TRIES // 20):
        many = duranton_overman(labelled(world, kinds, t), sectors="kind", seed=t).tests
        assert many["decided"].str.startswith("exact moments").all()
        rows.append(many[["p_localised", "p_dispersed"]].to_numpy())
    return np.vstack(rows)


@cache
def ratios_by_moments():
    world = economy(40_000)
    kinds = np.repeat([f"s{k:02}" for k in range(20)], LARGE)
    rows = []
    for t in range(RATIO_TRIES // 20):
        many = marcon_puech(labelled(world, kinds, t), sectors="kind", seed=t).tests
        assert many["decided"].str.startswith("delta").all()
        rows.append(many[["p_localised", "p_dispersed"]].to_numpy())
    return np.vstack(rows)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("weights", ["firms", "jobs"])
def test_simulated_global_bands_are_crossed_as_often_as_they_say(weights, side):
    p = simulated(weights)[:, side]
    assert FEWEST <= (p <= LEVEL).sum() <= MOST
    assert stats.kstest(p, "uniform").pvalue > SMALLEST_KS


@pytest.mark.parametrize("side", [0, 1])
def test_bands_without_simulation_are_crossed_as_often_as_they_say(side):
    p = by_moments()[:, side]
    assert len(p) == TRIES
    assert FEWEST <= (p <= LEVEL).sum() <= MOST


@pytest.mark.parametrize("side", [0, 1])
def test_bands_of_m_without_simulation_are_crossed_as_often_as_they_say(side):
    p = ratios_by_moments()[:, side]
    assert len(p) == RATIO_TRIES
    assert (p <= LEVEL).sum() <= RATIO_MOST
