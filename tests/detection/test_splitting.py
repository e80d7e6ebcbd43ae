"""Sets that a weak area holds together: parted where two clusters describe the map better, and only there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clustermap import detect_clusters, stability
from clustermap.detection.adjacency import compressed
from clustermap.detection.scan.splitting import second_price, split_set
from clustermap.testing import make_world

PRICE = 3.0


def parts_of(worth, links, price=PRICE):
    worth = np.array(worth, dtype=float)
    parts = split_set(
        np.arange(len(worth)), compressed(links, len(worth)), price=price,
        one=lambda s: worth[s].sum(), two=lambda s, t: worth[s].sum() + worth[t].sum(),
    )  # fmt: skip
    return [part.tolist() for part in parts]


def line(n):
    return [(i, i + 1) for i in range(n - 1)]


def test_a_set_falls_apart_where_its_joint_lacks_more_than_a_second_cluster_costs():
    assert parts_of([9, 9, 9, -3.1, 9, 9, 8], line(7)) == [[0, 1, 2], [4, 5, 6]]
    assert parts_of([9, 9, 9, -2.9, 9, 9, 8], line(7)) == [[0, 1, 2, 3, 4, 5, 6]]


def test_two_weak_areas_beside_each_other_are_dropped_together():
    both = [(0, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 5), (5, 6), (6, 7)]
    assert parts_of([9, 9, 9, -2, -2, 9, 9, 8], both) == [[0, 1, 2], [5, 6, 7]]


def test_one_area_or_two_are_no_second_cluster():
    assert parts_of([9, 9, 9, 9, 9, -9, 9], line(7)) == [[0, 1, 2, 3, 4, 5, 6]]
    assert parts_of([9, 9, 9, 9, -9, 9, 9], line(7)) == [[0, 1, 2, 3, 4, 5, 6]]
    assert parts_of([9, 9, -9, 9, 9], line(5)) == [[0, 1, 2, 3, 4]]


def test_a_part_may_fall_apart_again():
    worth = [9, 9, 9, -5, 9, 9, 9, -5, 9, 9, 9]
    assert sorted(parts_of(worth, line(11))) == [[0, 1, 2], [4, 5, 6], [8, 9, 10]]


def test_a_set_without_a_weak_area_stays():
    assert parts_of([5, 1, 1, 0.1, 1, 1, 5], line(7), price=0.0) == [[0, 1, 2, 3, 4, 5, 6]]


def test_a_second_cluster_costs_more_on_a_larger_map_and_nothing_on_one_area():
    assert second_price(320) - second_price(80) == pytest.approx(0.3 * math.log(4))
    assert second_price(1) == 0.0


def test_clusters_on_an_even_map_are_not_taken_for_roughness():
    # tuning worlds of the benchmark: two chains an area apart are no smooth background
    for seed in (3_130_001, 3_130_005, 3_130_006):
        world = make_world(
            n_areas=80, planted="two chains", size=5, relative_risk=2.0, sector_firms=4_000, seed=seed
        )
        found = detect_clusters(
            world.table, world.graph, sector="planted", background="auto", permutations=99, seed=1
        )
        assert found.searches["roughness"].iloc[0] == 0
        assert len(found.frame) == 2


@pytest.mark.parametrize("background", ["homogeneous", "field"])
def test_two_chains_an_area_apart_come_back_as_two(background):
    # a tuning world of the benchmark: its strongest set is both chains and the area between them
    world = make_world(
        n_areas=80, planted="two chains", size=5, relative_risk=2.0, sector_firms=4_000, seed=3_130_001
    )
    found = detect_clusters(
        world.table, world.graph, sector="planted", background=background, permutations=99, seed=1
    )
    sets = [set(areas) for _, areas in found.members.groupby("cluster")["area"]]
    assert not [own for own in sets if all(own & set(chain) for chain in world.planted)]
    assert len(world.members & set().union(*sets)) >= 9
    assert (found.frame["p"] <= 0.05).all()
    copies = stability(found, replicates=20, seed=1).stability.frame.set_index("cluster")
    assert (
        copies.loc[["C1", "C2"], "recovered"] >= 0.5
    ).all()  # a copy that is not parted matches neither chain
