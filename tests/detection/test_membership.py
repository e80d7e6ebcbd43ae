"""Which areas belong: weights of sets on maps so small that all of them can be written down."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from clustermap import detect_clusters
from clustermap.detection.adjacency import components, compressed, links_of
from clustermap.detection.scan.membership import _log_fit, _log_number, _log_shape, around, likely_members
from clustermap.testing import make_world

RING = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 3)]


def connected_sets(indptr, indices, n):
    for size in range(1, n + 1):
        for chosen in combinations(range(n), size):
            members = np.array(chosen)
            if len(components(indptr, indices, members)) == 1:
                yield members


def by_hand(counts, expected, links, limit):
    """Add up the weight of every connected set with each area inside."""
    indptr, indices = compressed(links, len(counts))
    total, held, whole = counts.sum(), np.zeros(len(counts)), 0.0
    for members in connected_sets(indptr, indices, len(counts)):
        if len(members) > limit:
            continue
        inside = set(members.tolist())
        pairs = [p for p in links if set(p) <= inside]
        degree = [sum(i in p for p in pairs) for i in inside]
        fit = _log_fit(counts[members].sum(), expected[members].sum(), total, False)
        weight = math.exp(fit + _log_shape(len(members), len(pairs), sum(d >= 3 for d in degree)))
        held[members] += weight
        whole += weight
    return held / whole


@pytest.mark.parametrize(
    "counts",
    [[30, 31, 12, 9, 11, 10], [16, 16, 13, 9, 10, 8], [20, 8, 9, 21, 10, 9], [26, 26, 28, 15, 17, 11]],
)
def test_the_walk_gives_the_weights_of_all_connected_sets(counts, monkeypatch):
    monkeypatch.setattr("clustermap.detection.scan.membership._STEPS", 60_000)
    counts = np.array(counts, dtype=float)
    expected = np.full(6, counts.sum() / 6)
    indptr, indices = compressed(RING, 6)
    truth = by_hand(counts, expected, RING, 4)
    wanted = np.flatnonzero(truth > 0.42)
    found = likely_members(
        counts, expected, precision=None, total=counts.sum(), usable=np.ones(6, dtype=bool), graph=(indptr, indices),
        strongest=counts.argmax(keepdims=True), limit=4, seed=1, purpose=("test", "steel", 0),
    )  # fmt: skip
    assert np.abs(truth - 0.42).min() > 0.02  # none so near that the walk could decide otherwise
    if len(wanted):
        parts = components(indptr, indices, wanted)
        assert found.tolist() == max(parts, key=lambda p: (len(p), -p[0])).tolist()
    else:
        assert found.tolist() == [counts.argmax()]


def test_an_area_that_less_than_half_of_the_weight_holds_may_belong():
    counts = np.array([26.0, 26, 28, 15, 17, 11])
    assert by_hand(counts, np.full(6, counts.mean()), RING, 4)[:3].round(2).tolist() == [0.46, 0.74, 0.74]
    assert members_of(counts, [1, 2], limit=4) == [0, 1, 2]


def test_members_share_with_the_tested_set_hang_together_and_keep_the_limit():
    rng = np.random.default_rng(5)
    graph = compressed(RING, 6)
    for _ in range(60):
        counts = rng.integers(8, 34, 6).astype(float)
        start = int(counts.argmax())
        found = members_of(counts, [start], limit=2)
        assert len(found) <= 2
        assert start in found
        assert len(components(*graph, np.array(found))) == 1


def members_of(counts, strongest, *, limit):
    return likely_members(
        counts, np.full(6, counts.mean()), precision=None, total=counts.sum(), usable=np.ones(6, dtype=bool),
        graph=compressed(RING, 6), strongest=np.array(strongest), limit=limit, seed=1, purpose=("test", "steel", 0),
    ).tolist()  # fmt: skip


def test_the_tested_set_stands_where_the_weight_lies_elsewhere():
    counts = np.array([10.0, 10.0, 60.0, 60.0])
    graph = compressed([(i, i + 1) for i in range(3)], 4)

    def members(strongest):
        return likely_members(
            counts, np.full(4, counts.mean()), precision=None, total=counts.sum(), usable=np.ones(4, dtype=bool),
            graph=graph, strongest=np.array(strongest), limit=4, seed=1, purpose=("test", "steel", 0),
        ).tolist()  # fmt: skip

    assert members([3]) == [2, 3]
    assert members([1]) == [1]  # its p belongs to no other set


def test_a_shape_is_weighed_against_how_many_there_are():
    chain, tree, triangle = _log_shape(5, 4, 0), _log_shape(5, 4, 1), _log_shape(3, 3, 0)
    assert chain > tree
    assert triangle > _log_shape(3, 2, 1)
    assert _log_shape(9, 8, 0) - _log_shape(9, 8, 1) > chain - tree  # the longer, the rarer among its like


def test_one_area_is_as_likely_as_two_and_a_third_is_rare():
    one, two, three = _log_shape(1, 0, 0), _log_shape(2, 1, 0), _log_shape(3, 2, 0)
    both = 1.05  # what a path's growth takes from each area more
    assert one - two == pytest.approx(both, abs=0.3)
    assert two - three == pytest.approx(both + math.log(3) + 4 * math.log(7 / 6), abs=0.3)


def test_compact_sets_weigh_more_than_ragged_ones_from_four_areas_on():
    def alike(size, rings):  # of one number of sets
        return _log_shape(size, size - 1 + rings, 9) + _log_number(size, rings) + math.log(2 * size - 4)

    assert alike(5, 3) - alike(5, 2) == pytest.approx(math.log(4))
    assert alike(4, 2) - alike(4, 1) == pytest.approx(math.log(4))
    assert alike(5, 4) == pytest.approx(alike(5, 3))


def test_sets_are_as_many_as_their_weights_say():
    world = make_world(n_areas=320, planted="none", seed=5)
    indptr, indices = links_of(world.graph, world.table.labels)
    near = [set(indices[indptr[i] : indptr[i + 1]].tolist()) for i in range(320)]
    sets = {frozenset([i]) for i in range(320)}
    for size in range(2, 6):
        sets = {one | {j} for one in sets for i in one for j in near[i] - one}
        rings = Counter(sum(len(near[i] & one) for i in one) // 2 - size + 1 for one in sets)
        for number, counted in rings.items():
            if counted > 320:  # one for every area; rarer ones count as that
                assert _log_number(size, number) == pytest.approx(math.log(counted / 320), abs=0.5)


def test_a_large_ragged_set_does_not_pass_for_a_compact_one():
    # there are exp(1.03) times more sets for every further area with two links an area, counted at 40 areas
    for size in (20, 40, 80):
        fall = _log_shape(size + 1, 2 * size - 1, 9) - _log_shape(size, 2 * size - 3, 9)
        assert -1.9 < fall < -1.2  # its growth, and the price of an area


def test_a_cluster_stays_as_thin_as_it_was_planted():
    # a tuning world of the benchmark, where the walk once wandered off into a ball of twenty areas
    world = make_world(
        n_areas=320, planted="chain", size=12, relative_risk=2.0, sector_firms=5_000, seed=3_110_020
    )
    found = detect_clusters(
        world.table, world.graph, sector="planted", background="homogeneous", permutations=99, seed=1
    )
    first = set(found.members.loc[found.members["cluster"] == "C1", "area"])
    assert len(first - world.members) <= 2
    assert len(first & world.members) >= 9


def test_a_contrast_below_zero_is_no_fit():
    assert _log_fit(-2.0, 1.0, 0.0, True) == 0.0
    assert _log_fit(2.0, 1.0, 0.0, True) == 2.0


def test_the_walk_stays_among_usable_areas():
    indptr, indices = compressed([(i, i + 1) for i in range(9)], 10)
    usable = np.ones(10, dtype=bool)
    usable[5] = False
    assert around(np.array([3]), usable, indptr, indices).tolist() == [0, 1, 2, 3, 4]
    counts = np.array([1, 1, 1, 40, 40, 40, 40, 1, 1, 1.0])
    found = likely_members(
        counts, np.full(10, 16.6), precision=None, total=166.0, usable=usable, graph=(indptr, indices),
        strongest=np.array([3, 4]), limit=5, seed=1, purpose=("test", "steel", 0),
    )  # fmt: skip
    assert found.tolist() == [3, 4]


def test_the_same_seed_gives_the_same_members_and_the_purpose_is_part_of_it():
    indptr, indices = compressed(RING, 6)
    counts = np.array([16, 15, 12, 9, 11, 10.0])
    options = {
        "precision": None, "total": counts.sum(), "usable": np.ones(6, dtype=bool), "graph": (indptr, indices),
        "strongest": np.array([0, 1]), "limit": 4, "seed": 5, "purpose": ("test", "steel", 0),
    }  # fmt: skip
    runs = [likely_members(counts, np.full(6, counts.mean()), **options).tolist() for _ in range(2)]
    assert runs[0] == runs[1]
