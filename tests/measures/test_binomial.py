"""Intervals and p-values against SciPy, identities and hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from clustermap.measures.binomial import clopper_pearson, two_sided_p


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
    assert two_sided_p(*one(x, n, share))[0] == pytest.approx(peer, rel=1e-9, abs=1e-250)


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
