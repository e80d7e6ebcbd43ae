"""The compiled DBSCAN: labels held against scikit-learn, ties by a stated rule, no order of rows or threads."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clustermap.detection.density import cells as density_cells
from clustermap.detection.density import grid as density_grid
from clustermap.detection.density import kernels as density_kernels
from clustermap.detection.density.grid import dense_labels, make_grid
from clustermap.errors import OptionError

SETS = range(880_001, 880_101)


def _points(seed):
    """Give one of five kinds of sets: even, whole metres (many at exactly the radius), heaps, stacks, tenths."""
    rng = np.random.default_rng(seed)
    n, kind = int(rng.integers(1, 400)), seed % 5
    weight = None if seed % 3 else rng.integers(1, 4, n).astype(float)
    minimum = int(rng.integers(1, 12))
    if kind == 0:
        return rng.random((2, n)) * 1000, 60.0, minimum, weight
    if kind == 1:
        return rng.integers(0, 30, (2, n)).astype(float), float(rng.choice([1, 2, 5])), minimum, weight
    if kind == 2:
        heaps = rng.random((5, 2)) * 1000
        return (heaps[rng.integers(0, 5, n)] + rng.normal(0, 30, (n, 2))).T, 25.0, minimum, weight
    if kind == 3:
        return np.repeat(rng.random((2, 8)) * 100, 50, axis=1), 30.0, minimum + 40, None
    return np.round(rng.random((2, n)) * 40) * 0.1, 0.3, minimum, weight


@pytest.mark.parametrize("seed", SETS)
def test_labels_are_those_of_scikit_learn_up_to_ties_of_border_points(seed):
    from sklearn.cluster import DBSCAN

    at, radius, minimum, weight = _points(seed)
    x, y = map(np.ascontiguousarray, at)
    label, core = dense_labels(x, y, radius_m=radius, minimum=minimum, weight=weight)
    peer = DBSCAN(eps=radius, min_samples=minimum, algorithm="kd_tree").fit(at.T, sample_weight=weight)
    assert np.flatnonzero(core).tolist() == peer.core_sample_indices_.tolist()
    assert label[core].tolist() == peer.labels_[core].tolist()
    assert ((label < 0) == (peer.labels_ < 0)).all()
    cores = np.flatnonzero(core)
    for i in np.flatnonzero(~core & (label >= 0)):  # the nearest core point decides, of equals the lowest row
        apart = (x[i] - x[cores]) ** 2 + (y[i] - y[cores]) ** 2
        assert label[i] == label[cores[np.argmin(apart)]]


def test_points_at_exactly_the_radius_belong():
    x = np.array([0.0, 3.0, 3.0])
    y = np.array([0.0, 4.0, 9.0])
    assert dense_labels(x, y, radius_m=5.0, minimum=2)[0].tolist() == [0, 0, 0]
    assert dense_labels(x, y, radius_m=np.nextafter(5.0, 0), minimum=2)[0].tolist() == [-1, -1, -1]


def test_a_border_point_between_two_clusters_joins_the_nearer_and_in_a_tie_the_lowest_row():
    left, right = [0.0, -1.0, -2.0], [4.0, 5.0, 6.0]
    weight = np.array([3.0] * 6 + [0.0])
    for middle, expected in ((1.9, left), (2.1, right), (2.0, left)):
        for order in ([*left, *right], [*right, *left]):
            x = np.array([*order, middle])
            label, core = dense_labels(x, np.zeros(7), radius_m=2.3, minimum=7, weight=weight)
            assert core.tolist() == [True] * 6 + [False]
            joined = x[:6][label[:6] == label[6]].tolist()
            assert joined == (order[:3] if middle == 2.0 else expected)


def test_thirds_reach_a_whole_minimum():
    x = np.zeros(9)
    assert dense_labels(x, x, radius_m=1.0, minimum=3, weight=np.full(9, 1 / 3))[0].tolist() == [0] * 9
    assert dense_labels(x, x, radius_m=1.0, minimum=3.01, weight=np.full(9, 1 / 3))[0].tolist() == [-1] * 9


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_point_have_an_answer(n):
    x = np.zeros(n)
    assert dense_labels(x, x, radius_m=1.0, minimum=2)[0].tolist() == [-1] * n
    assert dense_labels(x, x, radius_m=1.0, minimum=1)[0].tolist() == [0] * n


@given(
    arrays(np.int64, st.tuples(st.just(2), st.integers(2, 60)), elements=st.integers(0, 12)),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_rows_in_another_order_and_places_moved_or_stretched_give_the_same_clusters(at, minimum, random):
    x, y = at.astype(float)
    order = list(range(len(x)))
    random.shuffle(order)
    label, core = dense_labels(x, y, radius_m=2.0, minimum=minimum)
    moved, moved_core = dense_labels(4 * x[order] + 1024, 4 * y[order] - 4096, radius_m=8.0, minimum=minimum)
    assert core[order].tolist() == moved_core.tolist()
    pairs = set(zip(label[order][moved_core], moved[moved_core], strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert ((label[order] < 0) == (moved < 0)).all()


def test_threads_and_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(880_200)
    x, y = rng.random((2, 60_000)) * 20_000
    answers = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(density_grid, "workers", lambda threads=threads: threads)
        answers.append([v.tobytes() for v in dense_labels(x, y, radius_m=100.0, minimum=6)])
    assert answers[0] == answers[1] == answers[2]


def test_a_hundred_thousand_firms_at_one_address_are_one_site():
    x = np.full(100_000, 412_345.0)
    dense_labels(x[:10], x[:10], radius_m=500.0, minimum=10)
    tracemalloc.start()
    label, core = dense_labels(x, x, radius_m=500.0, minimum=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert core.all()
    assert not label.any()
    assert len(make_grid(x, x, 500.0).sites.x) == 1
    assert peak < 50_000_000


def test_a_radius_below_what_coordinates_hold_is_refused():
    with pytest.raises(OptionError, match="CM-DENSITY-001"):
        dense_labels(np.array([0.0, 1e6]), np.zeros(2), radius_m=1e-3, minimum=2)


def test_counts_are_those_of_brute_force():
    rng = np.random.default_rng(880_201)
    x, y = rng.integers(0, 40, (2, 500)).astype(float)
    grid = make_grid(x, y, 5.0)
    weight = np.bincount(grid.site_of, rng.integers(1, 4, 500)).astype(float)
    s = grid.sites
    got = density_kernels.counts_within(s.x, s.y, weight, s.key, s.start, grid.columns, grid.square)
    near = (s.x[:, None] - s.x) ** 2 + (s.y[:, None] - s.y) ** 2 <= 25.0
    assert got.tolist() == (near * weight).sum(axis=1).tolist()
    none = np.empty(0)
    keys = np.empty(0, np.int64)
    empty = density_kernels.counts_within(none, none, none, keys, np.zeros(1, np.int64), 5, 1.0)
    assert not len(empty)


def test_kernels_say_the_same_in_plain_python():
    kernels = [
        getattr(room, name)
        for room in (density_cells, density_kernels)
        for name in room.__all__
        if name.islower()
    ]
    rng = np.random.default_rng(880_202)
    x, y = rng.integers(0, 12, (2, 120)).astype(float)
    compiled = dense_labels(x, y, radius_m=1.5, minimum=4)
    assert all(hasattr(kernel, "py_func") for kernel in kernels)
    with pytest.MonkeyPatch.context() as patch:
        for room in (density_cells, density_kernels):
            for name, thing in vars(room).items():
                if hasattr(thing, "py_func"):
                    patch.setattr(room, name, thing.py_func)
        plain = dense_labels(x, y, radius_m=1.5, minimum=4)
    for ours, theirs in zip(compiled, plain, strict=True):
        assert ours.tolist() == theirs.tolist()
