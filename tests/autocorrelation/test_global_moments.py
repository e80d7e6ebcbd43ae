"""Exact moments against all arrangements, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_array

from clustermap.autocorrelation.moments import (
    difference_sums,
    joined_sums,
    moments,
    product_sums,
    stratified_mean,
    weight_sums,
)


def made(n, *, symmetric, seed=1):
    rng = np.random.default_rng(seed)
    weights = rng.random((n, n)) * (rng.random((n, n)) < 0.6)
    weights = weights + weights.T if symmetric else weights
    np.fill_diagonal(weights, 0.0)
    return weights, rng.gamma(1.0, size=(2, n)), rng.normal(size=(2, n))


def everything(weights, product):
    """Σ w_ij c_ij under every arrangement."""
    n = len(weights)
    return np.array([(weights * product[np.ix_(p, p)]).sum() for p in itertools.permutations(range(n))])


@pytest.mark.parametrize("n", [3, 4, 6])
@pytest.mark.parametrize("symmetric", [True, False])
def test_moments_of_two_variables_are_those_of_all_arrangements(n, symmetric):
    weights, x, y = made(n, symmetric=symmetric)
    mean, variance = moments(weight_sums(csr_array(weights)), product_sums(x, y), n)
    for s in range(2):
        sums = everything(weights, np.outer(x[s], y[s]))
        assert mean[s] == pytest.approx(sums.mean(), rel=1e-12)
        assert variance[s] == pytest.approx(sums.var(), rel=1e-10)


@pytest.mark.parametrize("n", [3, 4, 6])
def test_moments_of_differences_are_those_of_all_arrangements(n):
    weights, x, _ = made(n, symmetric=False)
    mean, variance = moments(weight_sums(csr_array(weights)), difference_sums(x), n)
    for s in range(2):
        sums = everything(weights, (x[s][:, None] - x[s]) ** 2)
        assert mean[s] == pytest.approx(sums.mean(), rel=1e-12)
        assert variance[s] == pytest.approx(sums.var(), rel=1e-10)


def test_moments_of_joins_are_those_of_all_arrangements():
    weights, *_ = made(6, symmetric=False)
    x, y = np.array([[1.0, 1, 0, 0, 0, 0]]), np.array([[0.0, 0, 1, 1, 1, 0]])
    mean, variance = moments(weight_sums(csr_array(weights)), joined_sums(x, y), 6)
    sums = everything(weights, np.outer(x[0], y[0]) + np.outer(y[0], x[0]))
    assert mean[0] == pytest.approx(sums.mean(), rel=1e-12)
    assert variance[0] == pytest.approx(sums.var(), rel=1e-10)


def test_products_far_from_zero_lose_no_digits():
    """A variance does not depend on the level: values around a million have that of values around 0 plus a mean."""
    weights, x, _ = made(6, symmetric=True)
    level = 1e6
    exact = everything(weights, np.outer(x[0] + level, x[0] + level) - level**2).var()
    _, variance = moments(weight_sums(csr_array(weights)), product_sums(x[:1] + level, x[:1] + level), 6)
    assert variance[0] == pytest.approx(exact, rel=1e-6)


def test_a_sum_that_never_changes_has_no_variance():
    complete = 1.0 - np.eye(5)
    _, variance = moments(
        weight_sums(csr_array(complete)), product_sums(*[made(5, symmetric=True)[1]] * 2), 5
    )
    assert np.isnan(variance).all()


def test_the_mean_within_strata_is_that_of_all_arrangements_within_strata():
    weights, x, _ = made(6, symmetric=False)
    np.fill_diagonal(weights, [1.0, 0, 2, 0, 3, 0])
    strata = np.array([0, 1, 0, 1, 0, 2])
    kept = [p for p in itertools.permutations(range(6)) if (strata[list(p)] == strata).all()]
    assert len(kept) == 12
    for s in range(2):
        sums = [x[s][list(p)] @ weights @ x[s][list(p)] for p in kept]
        assert stratified_mean(csr_array(weights), x, strata)[s] == pytest.approx(np.mean(sums), rel=1e-12)
