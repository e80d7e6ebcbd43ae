"""Exact binomial intervals and p-values for many counts at once, and the shrinkage of noisy ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["clopper_pearson", "dispersion", "shrink", "two_sided_p"]

Floats = npt.NDArray[np.float64]
_DOUBLINGS, _HALVINGS = 60, 52


def clopper_pearson(count: Floats, total: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the central exact interval of a binomial proportion, each distinct (count, total) once.

    Parameters
    ----------
    count, total : numpy.ndarray
        Whole numbers, ``0 <= count <= total``.
    level : float
        Coverage, for instance 0.95.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934), The use of confidence or fiducial limits illustrated in the
    case of the binomial. Biometrika 26.

    Examples
    --------
    >>> low, high = clopper_pearson(np.array([0.0]), np.array([10.0]), 0.95)
    >>> float(low[0]), round(float(high[0]), 4)
    (0.0, 0.3085)
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    # pairs repeat: most cells of a fine classification hold a handful of firms
    pairs, back = np.unique(count + 1j * total, return_inverse=True)
    x, n = pairs.real, pairs.imag
    low, high = np.zeros(len(pairs)), np.ones(len(pairs))
    some, rest = x > 0, x < n
    low[some] = betaincinv(x[some], n[some] - x[some] + 1, tail)
    none = rest & ~some
    high[none] = -np.expm1(np.log(tail) / n[none])
    both = rest & some
    high[both] = betaincinv(x[both] + 1, n[both] - x[both], 1 - tail)
    return low[back], high[back]


def two_sided_p(count: Floats, total: Floats, share: Floats) -> Floats:
    """Return twice the smaller exact binomial tail, at most 1: below α exactly where the interval excludes `share`.

    Examples
    --------
    >>> two_sided_p(np.array([0.0, 5.0]), np.array([10.0, 10.0]), np.array([0.5, 0.5])).round(5).tolist()
    [0.00195, 1.0]
    """
    from scipy.special import betainc, betaincc

    p = np.ones(count.shape)
    # The median lies beside the mean, so the tail on the other side holds at least a half.
    over = (count > total * share) & (count > 0)
    p[over] = betainc(count[over], total[over] - count[over] + 1, share[over])
    under = (count < total * share) & (count < total)
    none = under & (count == 0)
    with np.errstate(divide="ignore"):  # a share of 1 leaves no way to count nothing
        p[none] = np.exp(total[none] * np.log1p(-share[none]))
    under &= count > 0
    p[under] = betaincc(count[under] + 1, total[under] - count[under], share[under])
    p[over | under | none] *= 2
    return np.minimum(p, 1.0)


def dispersion(count: Floats, expected: Floats) -> Floats:
    """Estimate by sector how much true quotients vary around 1, beyond what chance explains.

    Solves Pearson's estimating equation ``Σ (x − E)² / (E (1 + A·E)) = m − 1`` over the m areas of a
    column for the variance A of the quotients; 0 where chance explains all. Large areas do not dominate
    it, as they do the moment estimator.

    Parameters
    ----------
    count, expected : numpy.ndarray
        Areas × sectors; cells that are NaN or expect nothing are left out.

    References
    ----------
    Breslow, N. E. (1984), Extra-Poisson variation in log-linear models. Applied Statistics 33.

    Examples
    --------
    >>> dispersion(np.array([[10.0], [11.0]]), np.array([[10.5], [10.5]])).tolist()
    [0.0]
    """
    known = np.isfinite(count) & np.isfinite(expected) & (expected > 0)
    e = np.where(known, expected, 1.0)
    square = np.where(known, (np.where(known, count, 1.0) - e) ** 2 / e, 0.0)
    wanted = known.sum(axis=0) - 1.0

    def excess(a: Floats) -> Any:
        return (square / (1 + a * e)).sum(axis=0) - wanted

    low, high = np.zeros(count.shape[1]), np.ones(count.shape[1])
    varies = (excess(low) > 0) & (wanted > 0)
    for _ in range(_DOUBLINGS):
        more = varies & (excess(high) > 0)
        if not more.any():
            break
        low, high = np.where(more, high, low), np.where(more, 2 * high, high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = excess(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(varies, high, 0.0)


def shrink(count: Floats, expected: Floats, variance: Floats) -> Floats:
    """Return the mean of the Gamma posterior of each quotient; the prior has mean 1 and this variance.

    Examples
    --------
    >>> shrink(np.array([[3.0]]), np.array([[1.0]]), np.array([0.5])).round(4).tolist()
    [[1.6667]]
    """
    return np.asarray((1 + variance * count) / (1 + variance * expected))
