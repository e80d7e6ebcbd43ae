"""Connected sets of one size: counted exactly, and walked over uniformly."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.stats import chi2

from clustermap.borders.subsets import elongation, elongations, enumerate_sets, walk
from clustermap.detection.adjacency import components, compressed

CAP = 10**6
# fixed before the first run
WALK_SEED = 940_001


def path(n):
    return [(i, i + 1) for i in range(n - 1)]


def cycle(n):
    return [*path(n), (n - 1, 0)]


def complete(n):
    return list(combinations(range(n), 2))


def star(n):
    return [(0, i) for i in range(1, n)]


def grid(rows, columns):
    links = [(r * columns + c, r * columns + c + 1) for r in range(rows) for c in range(columns - 1)]
    return links + [(r * columns + c, (r + 1) * columns + c) for r in range(rows - 1) for c in range(columns)]


def connected(links, n, k):
    rows = compressed(links, n)
    return [s for s in combinations(range(n), k) if len(components(*rows, np.array(s))) == 1]


def count(links, n, k, *, places=None, observed=2.0, cap=CAP):
    x, y, w = places if places is not None else (np.arange(n) * 1.0, np.zeros(n), np.ones(n))
    return enumerate_sets(*compressed(links, n), k, x, y, w, observed, cap)


@pytest.mark.parametrize(
    ("links", "n", "k", "known"),
    [
        (path(9), 9, 4, 6),
        (path(9), 9, 9, 1),
        (cycle(8), 8, 3, 8),
        (cycle(8), 8, 8, 1),
        (complete(9), 9, 4, comb(9, 4)),
        (star(7), 7, 4, comb(6, 3)),
        (star(7), 7, 1, 7),
        (grid(3, 3), 9, 3, 22),
        (grid(4, 4), 16, 5, 244),
        ([], 5, 2, 0),
        (path(3), 6, 3, 1),  # three isolates beside
    ],
)
def test_known_numbers_of_connected_sets(links, n, k, known):
    assert count(links, n, k)[0] == known


@pytest.mark.parametrize("k", [3, 4, 5])
def test_elongations_are_counted_over_every_set_once(k, random_places):
    places = random_places(1, 12)
    sets = connected(grid(3, 4), 12, k)
    values = elongations(*places, np.array(sets))
    observed = np.sort(values)[len(values) // 2]
    number, reached, top = count(grid(3, 4), 12, k, places=places, observed=observed)
    assert (number, reached, top) == (len(sets), (values >= observed - 1e-9).sum(), 1)


def test_the_count_stops_beyond_its_cap():
    assert count(complete(20), 20, 8, cap=1000)[0] == 1001


def test_elongation_by_hand():
    x, y, w = np.array([0.0, 2, 0, 2]), np.array([0.0, 0, 1, 1]), np.ones(4)
    everything = np.arange(4)
    assert elongation(x, y, w, everything) == pytest.approx(0.5)  # variances 1 and 1/4
    assert elongation(x, x, w, everything) == 1.0
    assert elongation(x, y, np.array([1.0, 1, 0, 0]), everything) == 1.0
    assert elongation(x, y, w, np.array([0])) == 0.0
    assert elongation(x, y, np.zeros(4), everything) == 0.0


def test_elongation_does_not_change_under_rotation_and_scale(random_places):
    x, y, w = random_places(2, 7)
    everything = np.arange(7)
    turned = np.cos(0.7) * x - np.sin(0.7) * y, np.sin(0.7) * x + np.cos(0.7) * y
    known = elongation(x, y, w, everything)
    assert elongation(turned[0] * 3 + 5e5, turned[1] * 3, w * 2, everything) == pytest.approx(known, abs=1e-9)


@pytest.mark.validity
@pytest.mark.parametrize(
    ("links", "n", "k"), [(grid(3, 4), 12, 4), (star(6) + path(6), 6, 3), (path(7), 7, 3)]
)
def test_the_walk_is_uniform_over_connected_sets(links, n, k):
    sets = connected(links, n, k)
    draws = 300 * len(sets)
    chances = np.random.default_rng(WALK_SEED).random((draws * 25, 3))
    seen = np.sort(walk(*compressed(links, n), np.array(sets[0]), chances, 25), axis=1)
    numbers = dict.fromkeys(sets, 0)
    for row in map(tuple, seen):
        numbers[row] += 1  # a set that is not connected is not in the list
    statistic = ((np.array(list(numbers.values())) - 300) ** 2 / 300).sum()
    assert statistic < chi2.ppf(0.999, len(sets) - 1)


def test_a_walk_with_nowhere_to_go_stays():
    chances = np.random.default_rng(1).random((20, 3))
    sets = walk(*compressed(path(3), 3), np.arange(3), chances, 5)
    assert sets.tolist() == [[0, 1, 2]] * 4


@pytest.mark.parametrize("degrees", [0.0, 30.0, 73.0])
@pytest.mark.parametrize("origin", [(0.0, 0.0), (600_000.0, 6_600_000.0)])
def test_straight_sets_tie_wherever_they_lie_and_however_they_point(degrees, origin):
    side, turn = 4, np.radians(degrees)
    c, r = (a.ravel() * 10_000.0 for a in np.meshgrid(np.arange(side), np.arange(side)))
    x = origin[0] + c * np.cos(turn) - r * np.sin(turn)
    y = origin[1] + c * np.sin(turn) + r * np.cos(turn)
    w = np.random.default_rng(3).uniform(1, 100, side * side)
    queen = grid(side, side) + [
        (i, j)
        for i, j in combinations(range(side * side), 2)
        if abs(c[i] - c[j]) == abs(r[i] - r[j]) == 10_000
    ]
    rows = compressed(queen, side * side)
    _, reached, top = enumerate_sets(*rows, 4, x, y, w, 1.0, CAP)
    assert (reached, top) == (10, 10)  # four rows, four columns, two diagonals
