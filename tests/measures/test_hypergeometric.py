"""The hypergeometric law and its noncentral inversion against SciPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.sparse import csr_array

from clustermap.errors import OptionError
from clustermap.measures import location_quotient
from clustermap.measures.hypergeometric import (
    hypergeometric_limits,
    hypergeometric_nothing_p,
    hypergeometric_p,
)
from clustermap.tables.table import SectorTable


@pytest.fixture
def cells() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    population = rng.integers(20, 3_000, 80)
    drawn, total = rng.integers(1, population), rng.integers(1, population)
    count = rng.hypergeometric(total, population - total, drawn) + rng.integers(-3, 4, 80)
    count = np.clip(count, np.maximum(0, drawn + total - population), np.minimum(drawn, total))
    return tuple(part.astype(float) for part in (count, total, drawn, population))


def test_p_is_twice_the_smaller_tail(cells):
    count, total, drawn, population = cells
    law = stats.hypergeom(population, total, drawn)
    peer = np.minimum(1, 2 * np.minimum(law.cdf(count), law.sf(count - 1)))
    np.testing.assert_allclose(hypergeometric_p(*cells), peer, rtol=1e-12)


def test_p_far_in_a_tail_keeps_its_digits():
    numbers = [np.array([x]) for x in (90.0, 100.0, 500.0, 100_000.0)]
    assert hypergeometric_p(*numbers)[0] == pytest.approx(
        2 * stats.hypergeom(100_000, 100, 500).sf(89), rel=1e-10
    )


def test_nothing_has_a_closed_form():
    total, drawn = np.array([3.0, 40.0, 90.0]), np.array([10.0, 5.0, 20.0])
    population = np.full(3, 100.0)
    peer = np.minimum(1, 2 * stats.hypergeom(population, total, drawn).pmf(0))
    np.testing.assert_allclose(hypergeometric_nothing_p(total, drawn, population), peer, rtol=1e-9)
    assert peer[2] == 0  # ninety and twenty do not fit beside each other


def test_limits_are_means_where_a_tail_holds_half_of_what_is_left(cells):
    low, high = hypergeometric_limits(*cells, 0.9)
    fisher = stats.nchypergeom_fisher
    for i, (x, k, d, n) in enumerate(zip(*(part.astype(int) for part in cells), strict=True)):
        fewest, most = max(0, d + k - n), min(d, k)
        lower, upper = fewest, most
        if x > fewest:
            at = brentq(
                lambda t, x=x, n=n, k=k, d=d: fisher.sf(x - 1, n, k, d, np.exp(t)) - 0.05, -20, 20, xtol=1e-13
            )
            lower = fisher.mean(n, k, d, np.exp(at))
        if x < most:
            at = brentq(
                lambda t, x=x, n=n, k=k, d=d: fisher.cdf(x, n, k, d, np.exp(t)) - 0.05, -20, 20, xtol=1e-13
            )
            upper = fisher.mean(n, k, d, np.exp(at))
        assert (low[i], high[i]) == pytest.approx((lower / k, upper / k), rel=1e-9)


def test_p_is_below_alpha_exactly_where_the_interval_excludes_no_effect(cells):
    _, _, drawn, population = cells
    p = hypergeometric_p(*cells)
    for level in (0.5, 0.9, 0.99):
        low, high = hypergeometric_limits(*cells, level)
        share = drawn / population
        clear = np.abs(p - (1 - level)) > 1e-9
        outside = (low > share * (1 + 1e-12)) | (high < share * (1 - 1e-12))
        assert ((p < 1 - level) == outside)[clear].all()


@pytest.mark.parametrize("reference", ["nation", "rest", ["C"]])
def test_quotients_by_the_hypergeometric_law(reference):
    counts = pd.DataFrame({"s": [30, 30, 40], "other": [70, 270, 560]}, index=["A", "B", "C"])
    result = location_quotient(counts, law="hypergeometric", reference=reference, sector="s")
    plain = location_quotient(counts, reference=reference, sector="s")
    a, b = result.frame.iloc[0], plain.frame.iloc[0]
    assert (a.lq, a.expected, a.shrunk) == (b.lq, b.expected, b.shrunk)
    population, total = (1000, 100) if reference != ["C"] else (700, 70)
    assert a.p == pytest.approx(2 * stats.hypergeom(population, total, 100).sf(29), rel=1e-9)
    assert a.p < b.p
    assert b.lower < a.lower < a.lq < a.upper < b.upper
    assert "exact hypergeometric, given both totals" in result.summary()
    assert (result.law, plain.law) == ("hypergeometric", "binomial")


def test_totals_too_large_to_be_counted_out_are_refused_and_the_binomial_answers():
    counts = pd.DataFrame({"s": [3e14, 7e14], "t": [2e15, 8e15]}, index=["A", "B"])
    with pytest.raises(OptionError, match="CM-LQ-006"):
        location_quotient(counts, law="hypergeometric")
    assert location_quotient(counts).frame["p"].notna().all()


def test_totals_that_cannot_be_drawn_from_have_no_hypergeometric_p():
    counts = pd.DataFrame({"s": [30.0, 3.0, 5.0]}, index=["A", "B", "C"])
    totals = {"area_totals": pd.Series({"A": 20.0, "B": 40.5, "C": 59.5})}
    table = SectorTable.from_matrix(csr_array(counts.to_numpy()), (counts.index, counts.columns), **totals)
    result = location_quotient(table, law="hypergeometric")
    assert result.frame["status"].tolist() == [
        "exceeds its area total", "needs firm-level data", "needs firm-level data",
    ]  # fmt: skip
    assert result.frame["p"].isna().all()
    assert result.frame["lq"].notna().all()


def test_answers_do_not_depend_on_the_order_of_the_cells(cells):
    order = np.random.default_rng(2).permutation(80)
    moved = tuple(part[order] for part in cells)
    for limit, other in zip(
        hypergeometric_limits(*cells, 0.95), hypergeometric_limits(*moved, 0.95), strict=True
    ):
        assert np.array_equal(limit[order], other)
    assert np.array_equal(hypergeometric_p(*cells)[order], hypergeometric_p(*moved))
