"""Intervals, p-values and shrinkage against SciPy, identities and hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from clustermap.measures.binomial import clopper_pearson, dispersion, shrink, two_sided_p


def one(*numbers: float) -> tuple[np.ndarray, ...]:
    return tuple(np.array([float(number)]) for number in numbers)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_the_interval_is_the_exact_one_of_scipy(level):
    pairs = [(x, n) for n in (1, 2, 7, 40, 1_000, 2_400_000) for x in {0, 1, n // 3, n - 1, n}]
    count, total = np.array(pairs, dtype=float).T
    low, high = clopper_pearson(count, total, level)
    for (x, n), a, b in zip(pairs, low, high, strict=True):
        peer = stats.binomtest(x, n).proportion_ci(level, method="exact")
        # SciPy searches for its limits by bisection, to 2e-12
        assert a == pytest.approx(peer.low, rel=1e-9, abs=1e-11)
        assert b == pytest.approx(peer.high, rel=1e-9, abs=1e-11)
        # the limits are where a tail holds exactly half of what is left
        assert x == 0 or stats.binom.sf(x - 1, n, a) == pytest.approx((1 - level) / 2, rel=1e-7)
        assert x == n or stats.binom.cdf(x, n, b) == pytest.approx((1 - level) / 2, rel=1e-7)


def test_each_pair_gets_its_own_interval_whatever_the_order_and_repeats():
    count, total = np.array([3.0, 1.0, 3.0, 0.0]), np.array([9.0, 3.0, 9.0, 3.0])
    low, high = clopper_pearson(count, total, 0.95)
    back, back_high = clopper_pearson(count[::-1], total[::-1], 0.95)
    assert low[0] == low[2] != low[1]
    assert np.array_equal(low, back[::-1])
    assert np.array_equal(high, back_high[::-1])


@given(st.integers(1, 400), st.data())
def test_p_is_twice_the_smaller_tail(n, data):
    x = data.draw(st.integers(0, n))
    share = data.draw(st.floats(0.001, 0.999))
    law = stats.binom(n, share)
    peer = min(1.0, 2 * min(law.cdf(x), law.sf(x - 1)))
    assert two_sided_p(*one(x, n, share))[0] == pytest.approx(peer, rel=1e-9, abs=1e-300)


def test_p_by_hand():
    # 0 of 10 at a half: 2 / 1,024; 8 of 10: 2 (45 + 10 + 1) / 1,024; 5 of 10 is what is expected
    p = two_sided_p(np.array([0.0, 8.0, 5.0, 10.0]), np.full(4, 10.0), np.full(4, 0.5))
    assert p == pytest.approx([2 / 1024, 112 / 1024, 1.0, 2 / 1024])


def test_an_area_that_is_everything_cannot_surprise_and_cannot_miss_anything():
    assert two_sided_p(*one(7, 7, 1.0))[0] == 1.0
    assert two_sided_p(*one(0, 7, 1.0))[0] == 0.0
    assert two_sided_p(*one(3, 7, 1.0))[0] == 0.0


@settings(max_examples=300)
@example(10, 0, 0.3, 0.95)
@example(10, 10, 0.3, 0.95)
@given(
    st.integers(1, 3_000),
    st.integers(0, 3_000),
    st.floats(0.001, 0.999),
    st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999]),
)
def test_p_is_below_alpha_exactly_where_the_interval_excludes_the_share(n, x, share, level):
    count, total, proportion = one(min(x, n), n, share)
    p = two_sided_p(count, total, proportion)[0]
    low, high = clopper_pearson(count, total, level)
    if abs(p - (1 - level)) < 1e-9:
        return  # on the edge itself rounding decides
    assert (p < 1 - level) == bool(share < low[0] or share > high[0])


def solved_by_scipy(count: np.ndarray, expected: np.ndarray) -> float:
    from scipy.optimize import brentq

    def equation(a: float) -> float:
        return float(((count - expected) ** 2 / (expected * (1 + a * expected))).sum() - len(count) + 1)

    return brentq(equation, 0, 1e6, xtol=1e-14, rtol=1e-14) if equation(0) > 0 else 0.0


def test_dispersion_solves_its_equation_as_an_independent_solver_does():
    rng = np.random.default_rng(20260101)
    expected = rng.lognormal(1, 1.5, size=(200, 4))
    truth = np.array([0.0, 0.05, 0.5, 9.0])
    rates = np.column_stack(
        [np.ones(200) if a == 0 else rng.gamma(1 / a, a, size=200) for a in truth],
    )
    count = rng.poisson(expected * rates).astype(float)
    found = dispersion(count, expected)
    for column in range(4):
        peer = solved_by_scipy(count[:, column], expected[:, column])
        assert found[column] == pytest.approx(peer, rel=1e-8, abs=1e-12)


def test_dispersion_by_hand():
    # two areas expecting 10: (16 - 10)² and (4 - 10)² give 7.2 / (1 + 10 A) = 1, so A = 0.62
    assert dispersion(np.array([[16.0], [4.0]]), np.full((2, 1), 10.0))[0] == pytest.approx(0.62)


def test_dispersion_finds_the_variance_that_was_planted():
    rng = np.random.default_rng(7)
    expected = rng.lognormal(2, 1, size=(4_000, 3))
    truth = np.array([0.1, 0.4, 1.5])
    count = rng.poisson(expected * rng.gamma(1 / truth, truth, size=(4_000, 3))).astype(float)
    assert dispersion(count, expected) == pytest.approx(truth, rel=0.15)


def test_dispersion_beyond_every_first_guess_is_still_found():
    # (1,000 - 1)² + 1 over one expected each: 998,002 / (1 + A) = 1
    found = dispersion(np.array([[1000.0], [0.0]]), np.ones((2, 1)))
    assert found[0] == pytest.approx(999**2)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ([[10.0], [10.0]], [[10.0], [10.0]]),  # less than chance
        ([[50.0]], [[1.0]]),  # one area says nothing of variation
        ([[np.nan], [50.0]], [[1.0], [1.0]]),  # nor does one that is known
        ([[5.0], [50.0]], [[0.0], [1.0]]),  # nor one that expects anything
        ([[np.nan], [np.nan]], [[1.0], [1.0]]),
    ],
)
def test_no_dispersion_where_nothing_varies_beyond_chance(count, expected):
    assert dispersion(np.array(count), np.array(expected)).tolist() == [0.0]


def test_unknown_cells_do_not_move_the_dispersion():
    count, expected = np.array([[16.0], [4.0], [np.nan], [3.0]]), np.array([[10.0], [10.0], [10.0], [0.0]])
    assert dispersion(count, expected)[0] == pytest.approx(0.62)


def test_shrinkage_is_the_posterior_mean_of_a_gamma():
    # prior Gamma(1/A, rate 1/A), likelihood Poisson(E θ): mean (1/A + x) / (1/A + E)
    x, e, a = np.array([[3.0, 0.0]]), np.array([[1.0, 2.0]]), np.array([0.5, 0.25])
    assert shrink(x, e, a) == pytest.approx(np.array([[(2 + 3) / (2 + 1), 4 / (4 + 2)]]))


@given(st.integers(0, 10_000), st.floats(0.01, 10_000), st.floats(0, 100))
def test_a_shrunken_quotient_lies_between_one_and_the_raw_one(x, e, a):
    value = shrink(*one(x, e, a))[0]
    raw = x / e
    assert min(1.0, raw) - 1e-9 <= value <= max(1.0, raw) * (1 + 1e-9)
