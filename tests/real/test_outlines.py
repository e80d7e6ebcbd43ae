"""Clusters of real employers beside published outlines of advanced manufacturing, and the tree of real enterprises."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from shapely import box

pytestmark = pytest.mark.real

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def beside():
    """The modules of this folder, which is no package."""
    sys.path.insert(0, str(HERE))
    import enterprises
    import outlines

    sys.path.remove(str(HERE))
    return {"outlines": outlines, "enterprises": enterprises}


@pytest.fixture(scope="module")
def recorded():
    return tomllib.loads((HERE / "recorded.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def overlap(beside, real_data):
    return beside["outlines"].figures(real_data)


@pytest.fixture(scope="module")
def tree(beside, real_data):
    return beside["enterprises"].tree_of(real_data)


def test_the_overlap_is_what_was_recorded(overlap, recorded):
    assert overlap == recorded["outlines"]


def test_outlines_hold_less_of_the_sector_than_of_all_employers(overlap):
    # so they draw where activity is, not where the sector's share is high: the two answer different questions
    assert overlap["chance"]["sector_firms_in_outlines"] < overlap["chance"]["all_firms_in_outlines"]


def test_jaccard_follows_from_the_two_shares(overlap):
    for name in ("scan", "surface", "dbscan", "hdbscan"):
        a, b = overlap[name]["ground_in_outlines"], overlap[name]["outlines_in_ground"]
        assert overlap[name]["ground_jaccard"] == pytest.approx(1 / (1 / a + 1 / b - 1), abs=0.002)


def test_overlap_of_known_squares(beside):
    import geopandas as gpd
    import numpy as np
    import pandas as pd

    class Found:
        frame = pd.DataFrame({"cluster": ["C1"]})
        footprints = gpd.GeoDataFrame(geometry=[box(-1000, 0, 2000, 2000)])  # a third of it at sea

    land, outlines = box(0, 0, 9000, 9000), box(1000, 0, 3000, 2000)
    at = np.array([[500.0, 500], [1500, 500], [2500, 500], [2500, 900], [8000, 8000]])
    assert beside["outlines"].compared(Found, land, outlines, at) == {
        "clusters": 1, "ground_km2": 4, "ground_in_outlines": 0.5, "outlines_in_ground": 0.5, "ground_jaccard": 0.333,
        "firms": 2, "firms_in_outlines": 0.5, "outline_firms_in_clusters": 0.333, "firms_jaccard": 0.25,
    }  # fmt: skip


def test_the_tree_is_what_was_recorded(tree, recorded, beside, real_data, monkeypatch):
    monkeypatch.setattr(beside["enterprises"], "tree_of", lambda _: tree)
    assert beside["enterprises"].figures(real_data) == recorded["tree"]


def test_at_no_level_holds_a_cluster_a_quarter_of_all_districts(tree):
    assert (tree.frame["n_areas"] <= len(tree.table.labels) / 4).all()


def test_planners_find_the_pennine_belt_and_the_west_midlands_with_the_black_country_inside(tree):
    names = tree.areas.names
    members = tree.members.assign(name=tree.members["area"].map(names)).groupby("cluster")["name"].agg(set)
    shown = tree.tree.set_index("cluster")
    at = {level: shown.index[shown["level"] == level] for level in (1.25, 1.5)}
    pennine = [c for c in at[1.25] if {"Bradford", "Kirklees", "Sheffield", "Wakefield"} <= members[c]]
    midlands = [c for c in at[1.25] if {"Dudley", "Sandwell", "Walsall", "Leicester"} <= members[c]]
    black_country = [c for c in at[1.5] if {"Dudley", "Sandwell", "Walsall"} <= members[c]]
    assert len(pennine) == len(midlands) == len(black_country) == 1
    assert not members[pennine[0]] & members[midlands[0]]
    assert shown.loc[black_country[0], "parent"] == midlands[0]
    assert members[black_country[0]] < members[midlands[0]]


def test_the_tree_can_be_drawn(tree):
    from clustermap import draw_tree

    assert len(draw_tree(tree).axes[0].texts) == len(tree.frame)
