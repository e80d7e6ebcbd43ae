"""The compiled searches against formulas by hand, an exhaustive search, and a plain greedy growth."""

from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest

from clustermap.detection.adjacency import components, compressed
from clustermap.detection.scan.kernels import best_sets, maxima, score, search, set_keys

N = 12
LINKS = [(r * 4 + c, r * 4 + c + 1) for r in range(3) for c in range(3)]
LINKS += [(r * 4 + c, r * 4 + c + 4) for r in range(2) for c in range(4)]
INDPTR, INDICES = compressed(LINKS, N)
GRAPH = (INDPTR, INDICES, set_keys(N))
EVERYWHERE = np.ones(N, dtype=bool)
CONNECTED = [
    np.array(s)
    for k in range(1, N + 1)
    for s in combinations(range(N), k)
    if len(components(INDPTR, INDICES, np.array(s))) == 1
]


def draw(seed, *, poisson):
    rng = np.random.default_rng(seed)
    share = rng.lognormal(0, 0.6, N)
    share /= share.sum()
    risk = np.where(rng.random(N) < 0.3, 2.5, 1.0)
    counts = rng.poisson(share * 120 * risk).astype(float)
    return counts, share * (120 if poisson else counts.sum()), (-1.0 if poisson else counts.sum())


def plain_greedy(counts, expected, total, penalty, limit):
    """Grow from every area with an excess, without any short cut."""
    best = 0.0
    for start in np.flatnonzero(counts > expected):
        inside = [int(start)]
        value = score(counts[start], expected[start], total) - penalty
        while len(inside) < limit:
            rim = {int(j) for i in inside for j in INDICES[INDPTR[i] : INDPTR[i + 1]]} - set(inside)
            trials = [
                (score(counts[[*inside, j]].sum(), expected[[*inside, j]].sum(), total), -j) for j in rim
            ]
            if not trials or max(trials)[0] - penalty * (len(inside) + 1) <= value + 1e-12:
                break
            top = max(trials)
            inside.append(-top[1])
            value = top[0] - penalty * len(inside)
        best = max(best, value)
    return best


def test_score_is_the_poisson_likelihood_ratio():
    assert score(30.0, 10.0, -1.0) == pytest.approx(30 * log(3) - 20)


def test_score_given_the_total_is_kulldorffs():
    assert score(30.0, 10.0, 100.0) == pytest.approx(30 * log(3) + 70 * log(70 / 90))
    assert score(100.0, 40.0, 100.0) == pytest.approx(100 * log(2.5))


@pytest.mark.parametrize("total", [-1.0, 100.0])
def test_score_of_a_deficit_is_nothing(total):
    assert score(9.0, 10.0, total) == score(10.0, 10.0, total) == 0.0


@pytest.mark.parametrize("poisson", [True, False])
def test_search_never_beats_the_exhaustive_search_and_comes_close(poisson):
    met, ratios = 0, []
    for seed in range(60):
        counts, expected, total = draw(seed, poisson=poisson)
        value, members = search(counts, expected, EVERYWHERE, GRAPH, total, 1.0, N)
        values = [score(counts[s].sum(), expected[s].sum(), total) - len(s) for s in CONNECTED]
        assert value <= max(values) + 1e-9
        if len(members):
            own = score(counts[members].sum(), expected[members].sum(), total) - len(members)
            assert value == pytest.approx(own)
            assert len(components(INDPTR, INDICES, members)) == 1
        met += value >= max(values) - 1e-9
        ratios.append(value / max(values))
    # greedy growth does not look past a weak area: it stays a lower bound, and mostly a close one
    assert met >= 36
    assert np.mean(ratios) > 0.9


@pytest.mark.parametrize("poisson", [True, False])
@pytest.mark.parametrize(("penalty", "limit"), [(0.0, N), (1.0, N), (2.0, 4)])
def test_short_cuts_change_nothing(poisson, penalty, limit):
    for seed in range(40):
        counts, expected, total = draw(seed, poisson=poisson)
        value, members = search(counts, expected, EVERYWHERE, GRAPH, total, penalty, limit)
        assert value == pytest.approx(plain_greedy(counts, expected, total, penalty, limit))
        assert len(members) <= limit


def test_many_draws_give_what_single_searches_give():
    rng = np.random.default_rng(5)
    expected = np.full(N, 8.0)
    draws = rng.poisson(8.0, (30, N))
    single = [search(row.astype(float), expected, EVERYWHERE, GRAPH, -1.0, 1.0, 4)[0] for row in draws]
    assert maxima(draws, expected, EVERYWHERE, GRAPH, -1.0, 1.0, 4).tolist() == single


def test_areas_that_are_set_aside_are_never_members():
    counts, expected, total = draw(3, poisson=True)
    _, members = search(counts, expected, EVERYWHERE, GRAPH, total, 0.0, N)
    usable = EVERYWHERE.copy()
    usable[members] = False
    _, others = search(counts, expected, usable, GRAPH, total, 0.0, N)
    assert not set(members) & set(others)


def test_the_best_set_of_one_size_has_this_size_and_is_close_to_the_best_there_is():
    rows = [draw(seed, poisson=True)[:2] for seed in range(20)]
    counts, expected = (np.array([row[i] for row in rows]) for i in range(2))
    sets = best_sets(counts, expected, EVERYWHERE, GRAPH, -1.0, 4)
    met = 0
    for row in range(20):
        own = score(counts[row, sets[row]].sum(), expected[row, sets[row]].sum(), -1.0)
        fours = [s for s in CONNECTED if len(s) == 4]
        best = max(score(counts[row, s].sum(), expected[row, s].sum(), -1.0) for s in fours)
        assert len(set(sets[row])) == 4
        assert len(components(INDPTR, INDICES, sets[row])) == 1
        met += own >= best - 1e-9
    assert met >= 15


def test_the_best_set_of_one_size_may_hold_a_deficit():
    counts = np.array([[0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=float)
    found = best_sets(counts, np.full((1, N), 4.0), EVERYWHERE, GRAPH, -1.0, 3)
    assert 1 in found[0]


def test_no_set_of_a_size_that_does_not_fit():
    counts = np.full((1, N), 9.0)
    alone = (np.zeros(N + 1, np.int64), np.empty(0, np.int64), set_keys(N))
    assert best_sets(counts, np.full((1, N), 4.0), EVERYWHERE, alone, -1.0, 3).tolist() == [[-1, -1, -1]]
