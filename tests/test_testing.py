from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from shapely import box

import clustermap as cm
from clustermap import testing
from clustermap.errors import OptionError


def test_a_chain_is_a_path_without_short_cuts():
    region = testing.make_region(planted="chain", size=5, seed=3)
    inside = set(region.planted)
    degrees = sorted(len(set(region.graph[c].index) & inside) for c in region.planted)
    assert degrees == [1, 1, 2, 2, 2]


def test_a_pair_is_two_neighbours_and_a_blob_is_connected_and_compact():
    pair = testing.make_region(planted="pair", seed=4)
    assert pair.planted[1] in set(pair.graph[pair.planted[0]].index)
    blob = testing.make_region(planted="blob", size=5, seed=4)
    links = sum(len(set(blob.graph[c].index) & set(blob.planted)) for c in blob.planted) / 2
    assert links > 4


def test_the_planted_areas_have_the_relative_risk_asked_for():
    region = testing.make_region(planted="blob", size=8, relative_risk=3.0, n_firms=200_000, seed=5)
    values, total = region.table.values["planted"], region.table.area_totals
    inside = values.index.isin(region.planted)
    odds = [values[m].sum() / (total[m].sum() - values[m].sum()) for m in (inside, ~inside)]
    assert odds[0] / odds[1] == pytest.approx(3.0, rel=0.05)


def test_nothing_planted_means_nothing_planted():
    region = testing.make_region(planted="none", seed=6)
    assert region.planted == ()
    assert region.relative_risk == 1.0


def test_the_same_seed_gives_the_same_region():
    one, two = (testing.make_region(seed=7) for _ in range(2))
    testing.assert_same_table(one.table, two.table)
    assert one.planted == two.planted
    assert list(one.areas.frame.geometry.to_wkb()) == list(two.areas.frame.geometry.to_wkb())


def test_authorities_cover_the_region_and_areas_fit():
    region = testing.make_region(n_authorities=3, seed=8)
    assert region.authorities.frame.area.sum() == pytest.approx(region.areas.frame.area.sum())
    assert list(region.authorities.frame.index) == ["A", "B", "C"]
    testing.assert_coverage(region.areas)


def test_a_shape_that_does_not_fit_is_an_error():
    with pytest.raises(OptionError, match="CM-TEST-001"):
        testing.make_region(n_areas=4, size=9, planted="blob", seed=1)


def test_assertions_fail_where_they_should():
    region = testing.make_region(seed=9)
    frame = region.areas.frame.copy()
    frame.geometry = [*frame.geometry[:-1], box(0, 0, 60_000, 60_000)]
    with pytest.raises(AssertionError, match="do not fit"):
        testing.assert_coverage(dataclasses.replace(region.areas, frame=frame))
    other = cm.SectorTable.from_values(region.table.values + 1)
    with pytest.raises(AssertionError):
        testing.assert_same_table(region.table, other)


def test_a_ledger_that_lost_a_row_is_noticed():
    ledger = cm.Ledger.from_reasons(pd.Series(["accepted"] * 3), verdicts={})
    testing.assert_accounted(ledger)
    ledger.frame.loc[0, "n"] = 2
    with pytest.raises(AssertionError, match="2 of 3"):
        testing.assert_accounted(ledger)


def test_a_planted_chain_is_detected_across_its_authorities():
    region = testing.make_region(planted="chain", size=5, relative_risk=4.0, n_firms=20_000, seed=10)
    clusters = cm.detect_clusters(region.table, region.graph, sector="planted", permutations=199, seed=1)
    best = clusters.frame.iloc[0]["cluster"]
    assert set(clusters.members.set_index("cluster").loc[best, "area"]) == set(region.planted)
    shared = cm.crossing(clusters, region.lookup)
    touched = set(region.lookup.frame.set_index("area").loc[list(region.planted), "authority"])
    shares = shared.frame.set_index("cluster").loc[best]
    assert set(shares["authority"]) == touched
    assert np.isclose(shares["share"].sum(), 1.0)
