"""Firms in towns whose labels are shuffled. Seeds and thresholds stood here before the first run.

200 worlds of 160 firms in ten towns, many on one point; the 99.9 % interval of 200 tries at 5 % is 1.0–10.5 %. One
pair of labels a world is tried, and one firm a world, so that the tries are independent. The law of one neighbourhood
of few firms is coarse: its exact test may reject less than 5 %.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from clustermap.measures.relatedness import coagglomeration, colocation_quotient
from clustermap.sources.firms import as_firms

pytestmark = pytest.mark.validity

SEED, WORLDS, DRAWS, LEVEL = 20_261_128, 200, 199, 0.05
LOWEST, HIGHEST = 0.010, 0.105
POWER_WORLDS, POWER = 50, 0.80
FIRMS, LABELS, SHARES = 160, list("abcd"), [0.1, 0.2, 0.3, 0.4]
WAYS = {"k": {"k": 5}, "radius": {"radius_m": 800}, "gaussian": {"k": 8, "kernel": "gaussian"}}


def towns(rng, n):
    """Points around ten centres, on a grid of 200 m: ties and stacks in plenty."""
    centre = rng.uniform(4e5, 4.2e5, size=(10, 2))
    return np.round((centre[rng.integers(10, size=n)] + rng.normal(0, 700, size=(n, 2))) / 200) * 200


@cache
def read():
    """Firms are read once; every world has its own places and labels."""
    return as_firms(
        gpd.GeoDataFrame(
            {"firm_id": [f"f{i:04}" for i in range(FIRMS)]},
            geometry=gpd.points_from_xy(np.full(FIRMS, 4e5), np.full(FIRMS, 3e5)),
            crs="EPSG:27700",
        )
    )


def firms_of(points, labels):
    frame = read().frame.assign(kind=labels)
    return replace(read(), frame=frame.set_geometry(gpd.points_from_xy(*points.T, crs="EPSG:27700")))


@cache
def results(way):
    """All pairs of one world each, and all firms of one pair."""
    found = []
    for w in range(WORLDS):
        rng = np.random.default_rng([SEED, list(WAYS).index(way), w])
        firms = firms_of(towns(rng, FIRMS), rng.choice(LABELS, size=FIRMS, p=SHARES))
        pair = {"a": LABELS[w // 4 % 4], "b": LABELS[w % 4]}
        found.append(
            colocation_quotient(
                firms, column="kind", **pair, **WAYS[way], permutations=DRAWS, correction="none", seed=w
            )
        )
    return found


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("column", ["p", "p_normal"])
def test_global_p_is_calibrated_in_towns(way, column):
    rejected = np.mean([r.frame[column].iloc[0] <= LEVEL for r in results(way)])
    assert LOWEST <= rejected <= HIGHEST


@pytest.mark.parametrize("way", list(WAYS))
def test_p_of_one_firm_is_calibrated_in_towns(way):
    one = [r.local["p"].iloc[w % len(r.local)] for w, r in enumerate(results(way))]
    assert np.mean(np.array(one) <= LEVEL) <= HIGHEST


def test_family_error_of_local_labels():
    wrong = 0
    for w in range(WORLDS):
        rng = np.random.default_rng([SEED, 10, w])
        firms = firms_of(towns(rng, FIRMS), rng.choice(LABELS, size=FIRMS, p=SHARES))
        found = colocation_quotient(firms, column="kind", a="c", b="d", k=8, permutations=39, seed=w)
        wrong += found.local["label"].isin(["together", "apart"]).any()
    assert wrong / WORLDS <= HIGHEST


def test_firms_that_settle_beside_others_are_found():
    found = 0
    for w in range(POWER_WORLDS):
        rng = np.random.default_rng([SEED, 11, w])
        points, labels = towns(rng, FIRMS), rng.choice(LABELS, size=FIRMS, p=SHARES)
        hosts, guests = np.flatnonzero(labels == "a"), np.flatnonzero(labels == "b")
        moved = guests[: len(guests) // 2]
        points[moved] = points[rng.choice(hosts, size=len(moved))] + 50
        result = colocation_quotient(
            firms_of(points, labels),
            column="kind",
            a="a",
            b="b",
            k=5,
            permutations=DRAWS,
            correction="none",
            seed=w,
        )
        found += result.frame["p"].iloc[0] <= LEVEL and result.frame["statistic"].iloc[0] > 1
    assert found / POWER_WORLDS >= POWER


def test_coagglomeration_calls_clustered_sectors_together_or_apart_too_often():
    """Its null is no agglomeration at all: two sectors clustered without regard to each other are no null world."""
    rejected = []
    for w in range(WORLDS):
        rng = np.random.default_rng([SEED, 12, w])
        share = rng.dirichlet(np.full(20, 5.0))
        firms = [rng.multinomial(n, rng.dirichlet(np.full(20, 1.0))) for n in (80, 80)]
        rest = rng.multinomial(2_000, share)
        table = pd.DataFrame(np.column_stack((*firms, rest)), columns=list("abc"))
        found = coagglomeration(table, permutations=DRAWS, correction="none", seed=w)
        rejected.append(found.frame["p"].iloc[0] <= LEVEL)
    assert np.mean(rejected) > HIGHEST
