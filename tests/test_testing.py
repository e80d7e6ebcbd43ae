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


def test_a_world_knows_its_truth():
    world = testing.make_world(
        n_areas=60, planted="blob", size=6, relative_risk=3.0, sector_firms=400_000, seed=2
    )
    inside = world.table.values.index.isin(world.members)
    count, total = world.table.values["planted"], world.table.area_totals
    assert (count[inside].sum() / total[inside].sum()) / (
        count[~inside].sum() / total[~inside].sum()
    ) == pytest.approx(3.0, rel=0.02)
    lq = (count / total) / (count.sum() / total.sum())
    assert np.corrcoef(lq, world.risk)[0, 1] > 0.99
    assert set(world.excess[list(world.members)]) == {3.0}


def test_a_rough_world_has_the_roughness_asked_for_and_resembles_itself():
    world = testing.make_world(n_areas=200, planted="none", roughness=0.25, seed=3)
    log = np.log(world.risk)
    assert log.std(ddof=0) == pytest.approx(0.25)
    assert cm.global_moran(log, world.graph, permutations=0).statistic > 0.5
    assert world.members == frozenset()


def test_two_chains_have_one_area_between_them():
    world = testing.make_world(n_areas=120, planted="two chains", size=4, seed=5)
    first, second = map(set, world.planted)
    rim = {c for code in first for c in world.graph[code].index} - first
    assert not rim & second
    assert rim & {c for code in second for c in world.graph[code].index}


def test_points_of_a_world_lie_in_their_areas_and_add_up_to_its_table():
    world = testing.make_world(points=True, decoys=("stack",), sector_firms=300, seed=6)
    counted = cm.tabulate(
        world.firms[["firm_id", "sic", "geometry"]], world.areas, sectors={"planted": ["28990"]}
    )
    assert counted.values["planted"].tolist() == world.table.values["planted"].tolist()
    assert counted.area_totals.tolist() == world.table.area_totals.tolist()
    assert world.firms.geometry.value_counts().iloc[0] == 5_000


def test_decoys_are_what_they_are_called():
    plain = testing.make_world(points=True, sector_firms=300, seed=7)
    moved = testing.make_world(points=True, sector_firms=300, decoys=("offices",), seed=7)
    assert moved.firms.geometry.value_counts().iloc[0] / len(moved.firms) == pytest.approx(0.3, abs=0.02)
    giant = testing.make_world(points=True, sector_firms=300, decoys=("giant",), seed=7)
    assert giant.firms["value"].max() == 5_000
    assert plain.firms["value"].max() < 5_000
    city = testing.make_world(decoys=("city",), seed=8)
    grown = city.table.area_totals / testing.make_world(seed=8).table.area_totals
    assert grown.max() / grown.median() == pytest.approx(10, rel=0.01)
    missing = testing.make_world(decoys=("missing",), seed=8)
    assert missing.table.values["planted"].isna().sum() == 1
    island = testing.make_world(decoys=("island",), seed=8)
    assert len(island.graph.isolates) == 1


def test_a_boundary_cuts_the_middle_area_and_nothing_else():
    whole, cut = (testing.make_world(decoys=d, seed=9) for d in ((), ("boundary",)))
    half = cut.traps["boundary"]
    other = half.removesuffix("b")
    assert set(cut.members) == set(whole.members) | {half}
    assert cut.areas.frame.geometry[[half, other]].area.sum() == pytest.approx(
        whole.areas.frame.geometry[other].area
    )
    near = set(cut.graph[half].index) | set(cut.graph[other].index)
    assert half in cut.graph[other].index
    assert near - {half, other} == set(whole.graph[other].index)
    assert cut.table.area_totals[half] == pytest.approx(cut.table.area_totals[other], abs=1)


def test_nothing_planted_has_no_middle():
    with pytest.raises(OptionError, match="CM-TEST-002"):
        testing.make_world(planted="none", decoys=("boundary",), seed=1)


@pytest.mark.parametrize("decoy", ["stack", "volcano"])
def test_a_decoy_that_cannot_be_laid_is_an_error(decoy):
    with pytest.raises(OptionError, match="CM-TEST-002"):
        testing.make_world(decoys=(decoy,), seed=1)


@pytest.mark.parametrize(
    ("shape", "extent"), [("corridor", 0.2 - (1 - np.pi / 4) * 0.04), ("disc", np.pi / 4)]
)
def test_ground_has_the_form_and_the_relative_risk_asked_for(shape, extent):
    world = testing.make_world(planted=shape, length_m=20_000, relative_risk=3.0, points=True, seed=8)
    assert world.ground.area == pytest.approx(extent * 20_000**2, rel=0.01)
    turned = world.ground.minimum_rotated_rectangle.exterior.coords
    assert max(np.hypot(*np.diff(turned, axis=0)[:2].T)) == pytest.approx(20_000, rel=0.01)
    inside = world.firms.intersects(world.ground).to_numpy()
    sector = world.firms["sector"].to_numpy()
    assert sector[inside].mean() / sector[~inside].mean() == pytest.approx(3.0, rel=0.3)
    assert sector.sum() == 2_000


def test_areas_of_ground_are_those_with_most_of_their_firms_on_it():
    world = testing.make_world(planted="disc", length_m=60_000, relative_risk=3.0, points=True, seed=8)
    share = world.firms.intersects(world.ground).groupby(world.firms["area"]).mean()
    assert world.members == set(share.index[share > 0.5])
    assert world.excess[share.index].to_numpy() == pytest.approx(1 + 2 * share.to_numpy())
    counted = world.firms.groupby("area")["sector"].sum()
    assert (world.table.values["planted"][counted.index] == counted).all()


def test_ground_without_points_or_larger_than_the_region_is_refused():
    with pytest.raises(OptionError, match="CM-TEST-003"):
        testing.make_world(planted="corridor", seed=1)
    with pytest.raises(OptionError, match="CM-TEST-003"):
        testing.make_world(planted="disc", length_m=0, points=True, seed=1)
    with pytest.raises(OptionError, match="CM-TEST-001"):
        testing.make_world(planted="disc", length_m=300_000, points=True, seed=1)
