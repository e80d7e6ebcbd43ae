"""Economies of firms in towns, for measures of distance."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from clustermap.measures.distance import economy_distances

CORNER = np.array([300_000.0, 200_000.0])


def _points(x, y, **columns):
    """Firms in Britain: x and y from a corner of it."""
    x, y = np.asarray(x) + CORNER[0], np.asarray(y) + CORNER[1]
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=gpd.points_from_xy(x, y), crs=27700)


def _towns(n, seed, *, side=200_000, number=25):
    """Firms in towns of uneven size, and some scattered: an economy that is rough whatever the sector."""
    rng = np.random.default_rng(seed)
    size = rng.pareto(1.2, number) + 1
    centre = rng.uniform(0, side, (number, 2))
    town = rng.choice(number, n, p=size / size.sum())
    xy = centre[town] + rng.normal(0, 4_000, (n, 2))
    scattered = rng.random(n) < 0.3
    xy[scattered] = rng.uniform(0, side, (scattered.sum(), 2))
    return np.clip(xy, 0, side)


@pytest.fixture(scope="session")
def points():
    """Give what makes a frame of firms."""
    return _points


@pytest.fixture(scope="session")
def towns():
    """Give what makes places of firms."""
    return _towns


@pytest.fixture(scope="session")
def firms():
    """600 firms in towns; "near" lies around one place, "any" anywhere."""
    xy = _towns(600, 1, side=60_000)
    rng = np.random.default_rng(2)
    trade = np.where(rng.random(600) < 0.1, "any", "rest").astype(object)
    distance = np.hypot(*(xy - xy[10]).T)
    trade[np.argsort(distance)[:40:2]] = "near"
    ids = [f"f{i:04}" for i in range(600)]
    jobs = rng.integers(1, 200, 600)
    return _points(*xy.T, firm_id=ids, trade=trade, jobs=jobs)


@pytest.fixture(scope="session")
def economy():
    """2,400 firms on cells, the exact null ready."""
    xy = _towns(2_400, 5)
    return economy_distances(_points(*xy.T, firm_id=[f"f{i:04}" for i in range(2_400)]))
