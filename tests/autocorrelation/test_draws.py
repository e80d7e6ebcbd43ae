"""The engine under the statistics: draws, counts, and the same answers without compilation."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest

from clustermap.autocorrelation import draws, kernels
from clustermap.autocorrelation.rates import standardised_rates
from clustermap.compiled import HAVE_NUMBA

PROGRAM = """
import os, sys
if sys.argv[1] == "without numba":
    import warnings
    sys.modules["numba"] = None
    warnings.simplefilter("ignore")
if sys.argv[1] == "one core" and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np, pandas as pd
from libpysal.graph import Graph
from clustermap.autocorrelation.whole import engine as global_engine
from clustermap.autocorrelation import draws, global_moran, local_moran
from clustermap.autocorrelation import geary, getis_ord, losh, nulls
draws._WORTH_THREADS = global_engine._WORTH_THREADS = 0
n = np.arange(300)
graph = Graph.from_arrays(np.r_[n, n, n], np.r_[n - 1, n + 1, n + 7] % 300, np.ones(900))
y = pd.DataFrame({c: np.sin(n * (k + 2)) for k, c in enumerate("abc")}, index=n)
local = local_moran(y, graph, rates="none", permutations=999, correction="none", seed=1).frame
whole = global_moran(y, graph, rates="none", permutations=99, seed=1).frame
few = np.arange(40)
small = Graph.from_arrays(np.r_[few, few], np.r_[few - 1, few + 1] % 40, np.r_[few + 1.0, few % 3 + 1.0])
one, null = pd.Series(np.sin(few * 3.0), index=few), nulls.within(pd.Series(few % 2, index=few))
others = [
    statistic(one, small, permutations=199, correction="none", seed=1, **more).frame
    for statistic in (local_moran, getis_ord, geary, losh)
    for more in (dict(), dict(null=null))
] + [geary(one, small, transformation="binary", permutations=199, correction="none", seed=1).frame]
print(*(pd.util.hash_pandas_object(frame).sum() for frame in (local, whole, *others)))
"""


def made(n, wide, rows, *, sizes=None, seed=1):
    sizes = np.full(n, wide) if sizes is None else np.asarray(sizes)
    held = np.zeros(n, dtype=np.int64)
    places = np.concatenate(list(draws._places(sizes.astype(np.int64), wide, rows, seed, held)))
    return places, held


def test_each_draw_holds_distinct_places():
    places, _ = made(9, 9, 500)
    assert (np.sort(places, axis=1) == np.arange(9)).all()


def test_all_ordered_draws_are_equally_likely():
    places, _ = made(5, 3, 60_000)
    seen, counts = np.unique(places @ [25, 5, 1], return_counts=True)
    assert len(seen) == 60
    assert counts == pytest.approx(np.full(60, 1_000), abs=5 * np.sqrt(1_000))


def test_held_counts_the_first_entries_of_each_area():
    sizes = [0, 1, 2, 3, 1, 2]
    places, held = made(6, 3, 5_000, sizes=sizes)
    by_hand = [(places[:, :k] == i).any(axis=1).sum() if k else 0 for i, k in enumerate(sizes)]
    assert held.tolist() == by_hand


def test_more_draws_begin_with_the_fewer():
    few, _ = made(20, 4, 5_000)
    many, _ = made(20, 4, 9_000)
    assert (many[:5_000] == few).all()


def test_another_seed_draws_otherwise():
    assert (made(20, 4, 50)[0] != made(20, 4, 50, seed=2)[0]).any()


@pytest.mark.parametrize("rows", [1, 7, 4_095, 4_096, 10_000])
def test_pieces_hold_every_draw_once_in_order(rows):
    places, _ = made(12, 3, 9_500)
    blocks = (places[i : i + 4_096] for i in range(0, 9_500, 4_096))
    assert (np.concatenate(list(draws._pieces(blocks, rows))) == places).all()


def test_numbers_just_below_one_stay_inside():
    uniform = np.full((1, 6), np.nextafter(1, 0))
    places, held = np.empty((1, 6), dtype=np.int32), np.zeros(6, dtype=np.int64)
    kernels.draw(uniform, np.full(6, 6), places, held)
    assert sorted(places[0]) == list(range(6))


@pytest.mark.parametrize("z", [[0.0, 0, 1, 1, 2, 5], [0.3, -1.2, 0.1, 2.0, 0.7, -0.4]], ids=["ties", "none"])
def test_counts_are_those_of_looking_at_every_draw(z):
    """Against a plain loop: for each area only the draws that do not hold it, ties in both tails."""
    z = np.array([z, z[::-1]])
    sizes = np.array([2, 1, 3, 0, 2, 3])
    observed = np.random.default_rng(1).permuted(z, axis=1)
    counts = draws.conditional_counts(z, observed, sizes, permutations=700, seed=4)
    places, _ = made(6, 3, 700, sizes=sizes, seed=4)
    for s, i in itertools.product(range(2), range(6)):
        if sizes[i] == 0:
            continue
        kept = [row[: sizes[i]] for row in places if i not in row[: sizes[i]]]
        sums = np.array([z[s, row].sum() for row in kept])
        assert counts.up[s, i] == (sums >= observed[s, i] - 1e-9).sum()
        assert counts.low[s, i] == (sums <= observed[s, i] + 1e-9).sum()
        assert counts.draws[i] == len(kept)


@pytest.mark.parametrize("spread", [0.0, 5e-324, 1e-300, 1e-17, 1.0, 1e300])
def test_counts_in_rows_of_any_spread(spread):
    """Searching from noted starts finds what counting finds, far outside the row as well."""
    rng = np.random.default_rng(2)
    row = np.sort(np.round(rng.normal(size=400), 1) * spread)
    bounds = np.concatenate([row[::7], [row[0] - 1, row[-1] + 1, -1e307, 1e307, 0.0, spread / 3]])
    up, low, order = (np.zeros(len(bounds), dtype=np.int32) for _ in range(3))
    order += np.arange(len(bounds), dtype=np.int32)
    kernels.count_sorted(row[None, :], bounds, np.array([len(bounds)]), order, 0.0, up, low)
    assert up.tolist() == [(row >= b).sum() for b in bounds]
    assert low.tolist() == [(row <= b).sum() for b in bounds]


@pytest.mark.skipif(not HAVE_NUMBA, reason="numba is not here: the plain kernels are the kernels")
def test_plain_python_gives_the_same_bytes(monkeypatch):
    rng = np.random.default_rng(8)
    z, sizes = rng.poisson(1.0, (3, 15)).astype(float), rng.integers(0, 5, 15)
    observed = rng.permuted(z, axis=1)
    links = (np.array([0, 2, 3, 3] + [4] * 12), np.array([1, 4, 7, 9]))
    fast = draws.conditional_counts(z, observed, sizes, permutations=300, seed=4)
    around = np.empty_like(z)
    kernels.neighbour_sums(z, *links, around)
    for name in (*kernels.__all__, "_index", "_below"):
        monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)
    slow = draws.conditional_counts(z, observed, sizes, permutations=300, seed=4)
    assert all((a == b).all() for a, b in zip(fast, slow, strict=True))
    again = np.empty_like(z)
    kernels.neighbour_sums(z, *links, again)
    assert (around == again).all()


def test_same_bytes_on_one_core_and_without_numba(tmp_path):
    """Fresh processes, one that may use one core only and one that finds no numba, give the same frames."""
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout
        for how in ("as it is", "one core", "without numba")
    }
    assert len(found) == 1


def test_rates_by_hand():
    """Ten firms everywhere, 1 and 9 of the sector: mean .5, variance .16 between, less .05 of chance."""
    z = standardised_rates(np.array([[1.0, 9.0]]), np.array([[10.0, 10.0]]))
    assert z.tolist() == [pytest.approx([-0.4 / np.sqrt(0.16), 0.4 / np.sqrt(0.16)])]


def test_rates_with_less_spread_than_chance_have_no_variance_between_areas():
    """Equal rates but for a firm here or there: what is left is chance, b / total."""
    count, total = np.array([[10.0, 11, 9, 1_000]]), np.array([[100.0, 100, 100, 10_000]])
    z = standardised_rates(count, total)
    b = 1_030 / 10_300
    assert z[0] == pytest.approx((count / total - b)[0] / np.sqrt(b / total[0]))
