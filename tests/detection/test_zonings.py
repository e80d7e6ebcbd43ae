"""Support under other zonings: the same zones give the same cluster, and a real one does not hang on the lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clustermap import detect_clusters, testing, zoning_support
from clustermap.detection.stability import zonings
from clustermap.errors import InputError, OptionError, StatisticsError

SECTOR = {"planted": ["28990"]}
# fixed before the first run
WORLD_SEED = 995_001


@pytest.fixture(scope="module")
def world():
    return testing.make_world(
        planted="blob", size=5, relative_risk=3.0, sector_firms=1_000, points=True, seed=WORLD_SEED
    )


@pytest.fixture(scope="module")
def found(world):
    clusters = detect_clusters(world.table, world.graph, permutations=99, seed=1)
    assert len(clusters.frame)
    return clusters


def test_the_same_zones_give_the_same_cluster(world, found):
    told = zoning_support(found, world.firms, sector=SECTOR, zonings=[world.areas, world.areas])
    assert (told.matches["jaccard"] == 1.0).all()
    assert told.frame["recovered"].tolist() == [1.0] * len(found.frame)
    assert "2 given zonings" in told.summary()


def test_a_planted_blob_comes_back_under_other_lines(world, found):
    told = zoning_support(found, world.firms, sector=SECTOR, zonings=30, seed=2)
    assert told.frame["recovered"].iloc[0] > 0.6
    assert told.frame["jaccard"].iloc[0] < 1.0  # other lines never cut the same firms
    assert "no probability" in told.summary()
    assert repr(told).startswith("<ZoningSupport: ")
    assert "<table" in told._repr_html_()


def test_order_and_threads_change_nothing(world, found, monkeypatch):
    told = []
    for firms, threads in ((world.firms, 1), (world.firms.sample(frac=1, random_state=3), 4)):
        monkeypatch.setattr(zonings, "workers", lambda threads=threads: threads)
        told.append(zoning_support(found, firms, sector=SECTOR, zonings=6, seed=5).matches)
    pd.testing.assert_frame_equal(*told, check_exact=True)


def test_no_cluster_has_nothing_to_come_back(world):
    none = detect_clusters(world.table, world.graph, minimum_lq=50, permutations=99, seed=1)
    told = zoning_support(none, world.firms, sector=SECTOR, zonings=1, seed=1)
    assert told.frame.empty
    assert told.summary() == "No cluster: nothing can come back."


def test_bad_input_is_refused(world, found):
    with pytest.raises(InputError, match="CM-ZONE-001"):
        zoning_support(found.frame, world.firms, sector=SECTOR)
    with pytest.raises(InputError, match="CM-ZONE-002"):
        zoning_support(found, world.firms.iloc[::2], sector=SECTOR)
    for wrong in (0, 2.5, [], [world.firms]):
        with pytest.raises(OptionError, match="CM-ZONE-003"):
            zoning_support(found, world.firms, sector=SECTOR, zonings=wrong)
    with pytest.raises(OptionError, match="CM-ZONE-004"):
        zoning_support(found, world.firms, sector={"other": ["28990"]})


def test_firms_on_one_line_make_no_zones(world):
    from shapely import points

    from clustermap.detection.density.sectors import given_firms

    firms = given_firms(world.firms.iloc[:20].set_geometry(points(np.arange(20.0), 5.0), crs=27700), "test")
    with pytest.raises(StatisticsError, match="CM-ZONE-005"):
        zonings._drawn(firms, 5, np.ones(20, bool), np.random.default_rng(1))


def test_zones_are_as_many_as_areas_and_hold_every_firm(world):
    from clustermap.detection.density.sectors import given_firms

    firms = given_firms(world.firms, "test")
    zones = zonings._drawn(firms, 40, np.ones(len(firms), bool), np.random.default_rng(1))
    assert len(zones.graph[2]) == 40
    assert np.bincount(zones.of_firm, minlength=40).min() > 0
