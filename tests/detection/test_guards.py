"""Guards against stacks: what is listed, what is left out, and that both results are reported."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box, points

import clustermap as cm
from clustermap.errors import OptionError
from clustermap.tables.crowding import thinned
from clustermap.testing import assert_accounted, make_world

SECTOR = {"planted": ["28990"]}


@pytest.fixture(scope="module")
def crowded():
    """Give 60 firms at places of their own and 40 at one address, 30 of these of the sector."""
    rng = np.random.default_rng(5)
    at = np.r_[rng.uniform(400_000, 410_000, (60, 2)), np.full((40, 2), 405_000.0)]
    return gpd.GeoDataFrame(
        {
            "firm_id": [f"f{i:03d}" for i in rng.permutation(100)],
            "sic": np.where(np.r_[np.arange(60) < 6, np.arange(40) < 30], "28990", "96090"),
            "value": np.arange(100.0),
        },
        geometry=points(at),
        crs=27700,
    )


@pytest.fixture(scope="module")
def world():
    return make_world(planted="chain", relative_risk=2.0, points=True, decoys=("stack",), seed=3_130_001)


def firms_of(world):
    return world.firms[["firm_id", "sic", "value", "geometry"]]


def test_a_stack_is_listed_with_its_share_of_the_sector(crowded):
    found = cm.stacks(crowded, sectors=SECTOR, per_address=20)
    row = found.frame.iloc[0]
    assert (row["stack"], row["n_firms"], row["share"], row["x"]) == ("S1", 40, 0.4, 405_000.0)
    part = found.by_sector.iloc[0]
    assert (part["n_firms"], part["share_of_stack"], part["share_of_sector"]) == (30, 0.75, 30 / 36)
    assert part["lq"] == pytest.approx(0.75 / 0.36)
    assert set(found.members["firm_id"]) == set(crowded["firm_id"].iloc[60:])
    assert "1 of 61 addresses holds more than 20 firms each: 40 firms, 40.0% of all." in found.summary()
    assert "83.3% of planted (2.08 times the overall share)" in found.summary()
    assert found.geo().geometry.iloc[0].x == 405_000
    assert repr(found) == "<Stacks: 1 address with more than 20 firms>"
    assert "<pre>" in found._repr_html_()


def test_no_stack_is_an_empty_list_with_its_columns(crowded):
    found = cm.stacks(crowded)
    assert list(found.frame.columns) == list(cm.stacks(crowded, per_address=20).frame.columns)
    assert found.frame.empty
    assert found.by_sector.empty
    assert found.summary() == "No address holds more than 100 of 100 firms."


def test_a_sector_without_firms_has_no_quotient_in_a_stack(crowded):
    part = cm.stacks(crowded, sectors={"ships": ["301"]}, per_address=20).by_sector.iloc[0]
    assert np.isnan(part["lq"])
    assert part["n_firms"] == 0


def test_registered_offices_are_counted():
    frame = gpd.GeoDataFrame(
        {
            "firm_id": list("abc"),
            "sic": "28990",
            "location_kind": ["registered office", "workplace", "workplace"],
        },
        geometry=points([[400_000, 400_000]] * 3),
        crs=27700,
    )
    assert cm.stacks(frame, per_address=2).frame["registered"].tolist() == [pytest.approx(1 / 3)]


def test_a_cap_leaves_so_many_an_address_and_a_drop_none(crowded):
    firms = cm.read_firms(crowded)
    capped, dropped = thinned(firms, "cap", 20), thinned(firms, "drop", 20)
    assert (len(capped.firms), len(dropped.firms)) == (80, 60)
    assert set(dropped.firms.frame["firm_id"]) == set(crowded["firm_id"].iloc[:60])
    assert "1 stack was capped at 20 firms: 20 of 100 firms are left out." in capped.told
    assert_accounted(capped.firms.ledger)
    assert set(capped.firms.activities["firm_id"]) == set(capped.firms.frame["firm_id"])
    assert thinned(firms, "keep", 1).firms is firms
    assert "no stack was touched" in thinned(firms, "cap", 40).told


def test_who_stays_depends_neither_on_rows_nor_on_sectors(crowded):
    stay = set(thinned(cm.read_firms(crowded), "cap", 20).firms.frame["firm_id"])
    other = crowded.sample(frac=1, random_state=1).assign(sic="28990")
    assert set(thinned(cm.read_firms(other), "cap", 20).firms.frame["firm_id"]) == stay


def test_firms_that_stay_have_the_sectors_of_their_stack_on_average():
    n, share = 1_000, []
    for run in range(20):
        frame = gpd.GeoDataFrame(
            {
                "firm_id": [f"{run}-{i}" for i in range(n)],
                "sic": np.where(np.arange(n) < n // 4, "28990", "96090"),
            },
            geometry=points(np.full((n, 2), 400_000.0)),
            crs=27700,
        )
        share.append((thinned(cm.read_firms(frame), "cap", 100).firms.frame["sic"] == "28990").mean())
    assert abs(np.mean(share) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 100 / 20)


def test_a_table_without_stacks_keeps_the_one_with_them(crowded):
    areas = gpd.GeoDataFrame(
        {"code": ["W", "E"], "name": ["west", "east"]},
        geometry=[box(390_000, 390_000, 404_000, 420_000), box(404_000, 390_000, 420_000, 420_000)],
        crs=27700,
    )
    whole = cm.tabulate(crowded, areas, sectors=SECTOR)
    table = cm.tabulate(crowded, areas, sectors=SECTOR, stacks="drop", per_address=20)
    assert table.total == 60
    assert table.with_stacks.values.equals(whole.values)
    assert table.with_stacks.total == whole.total == 100
    assert_accounted(table.ledger)
    assert table.ledger.n_in == 100
    assert table.ledger.n("in a stack: left out by the guard") == 40
    assert table.ledger.value_in == pytest.approx(whole.ledger.value_in)
    assert "1 stack was dropped" in table.summary()
    untouched = cm.tabulate(crowded, areas, sectors=SECTOR, stacks="drop", per_address=40)
    assert untouched.with_stacks is None
    assert untouched.values.equals(whole.values)
    assert cm.tabulate(crowded, areas, sectors=SECTOR, stacks="cap", per_address=20).total == 80


def test_a_scan_reports_what_is_found_with_stacks_and_without(world):
    table = cm.tabulate(firms_of(world), world.areas, sectors=SECTOR, overlap="primary", stacks="cap")
    found = cm.detect_clusters(table, world.graph, background="homogeneous", permutations=99, seed=1)
    raw = cm.detect_clusters(
        world.table, world.graph, sector="planted", background="homogeneous", permutations=99, seed=1
    )
    trap = world.traps["stack"]
    assert trap not in set(found.members["area"])
    assert set(found.members["area"]) == world.members
    assert trap in set(found.with_stacks.members["area"])
    pd.testing.assert_frame_equal(found.with_stacks.frame, raw.frame)
    text = found.summary()
    assert "1 stack was capped at 100 firms" in text
    assert "With the stacks kept: 1 cluster; without them: 1 cluster." in text
    assert f"C1: with the stacks it has 1 area ({world.areas.names[trap]}) more and 0 areas fewer." in text


def test_firms_are_searched_both_ways(world):
    asked = {"method": "surface", "sector": SECTOR, "permutations": 39, "seed": 1, "radius_m": 4_000}
    found = cm.detect_clusters(firms_of(world), stacks="drop", **asked)
    raw = cm.detect_clusters(firms_of(world), **asked)
    pd.testing.assert_frame_equal(found.with_stacks.frame, raw.frame)
    address = world.firms.geometry.value_counts().index[0]
    assert raw.footprints.contains(address).any()
    assert not found.footprints.contains(address).any()
    assert "C1: with the stacks it has 352 firms more and 0 firms fewer." in found.summary()
    assert len(found.firms) == len(raw.firms) - 5_000
    nothing = cm.detect_clusters(firms_of(world), stacks="cap", per_address=5_000, **asked)
    assert nothing.with_stacks is None
    assert "no stack was touched" in nothing.summary()
    assert raw.guard == ""


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"stacks": "hide"}, "CM-STACK-002"),
        ({"per_address": 0}, "CM-STACK-001"),
        ({"per_address": True}, "CM-STACK-001"),
    ],
)
def test_rules_that_do_not_exist_are_refused(crowded, world, options, code):
    with pytest.raises(OptionError, match=code):
        cm.tabulate(crowded, world.areas, sectors=SECTOR, **options)
    with pytest.raises(OptionError, match=code):
        cm.detect_clusters(crowded, method="surface", sector=SECTOR, **options)


def test_a_table_that_is_counted_cannot_be_thinned(world):
    with pytest.raises(OptionError, match="CM-SCAN-002"):
        cm.detect_clusters(world.table, world.graph, stacks="cap")
    with pytest.raises(OptionError, match="CM-STACK-001"):
        cm.stacks(firms_of(world), per_address=2.5)


def test_a_cluster_of_a_stack_alone_is_named(crowded):
    plain = crowded.assign(sic=np.where(np.arange(100) % 10 == 0, "28990", crowded["sic"]))
    asked = {
        "method": "surface",
        "sector": SECTOR,
        "radius_m": 2_000,
        "minimum": 1,
        "permutations": 99,
        "seed": 1,
    }
    found = cm.detect_clusters(plain, stacks="drop", per_address=20, **asked)
    assert found.frame.empty
    assert "With the stacks kept: 1 cluster; without them: 0 clusters." in found.summary()
    assert "Only with the stacks: C1 (" in found.summary()
    back = replace(found.with_stacks, with_stacks=found)
    assert "Only without them: C1 (" in back.summary()
