"""Ratios pulled to 1 where little is expected: how much true ratios vary, and how sure a shrunken one is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["dispersion", "posterior_limits", "shrink"]

Floats = npt.NDArray[np.float64]
_STEPS, _SETTLED = 200, 1e-14
_NONE = np.zeros(0)


def dispersion(
    count: Floats, expected: Floats, *, blank: Floats = _NONE, times: Floats = _NONE
) -> tuple[float, float]:
    """Estimate how much true quotients of one sector vary around 1, beyond what chance explains.

    Solves Pearson's estimating equation ``Σ (x − E)² / (E (1 + A·E)) = m − 1`` over m areas for the variance
    A of the quotients; 0 where chance explains all. Large areas do not dominate it, as they do the moment
    estimator. The left side falls and is convex in A, so Newton's steps from 0 climb to the root.

    Parameters
    ----------
    count, expected : numpy.ndarray
        Areas of the sector; those that are NaN or expect nothing are left out.
    blank, times : numpy.ndarray
        Areas without firms, which need not be listed one by one: what they expect, and how many expect it.

    Returns
    -------
    float, float
        The variance A and its standard error, by the moments of a Gamma–Poisson count.

    References
    ----------
    Breslow, N. E. (1984), Extra-Poisson variation in log-linear models. Applied Statistics 33.

    Examples
    --------
    >>> dispersion(np.array([10.0, 11.0]), np.array([10.5, 10.5]))[0]
    0.0
    """
    known = np.isfinite(count) & np.isfinite(expected) & (expected > 0)
    x, filled = count[known], expected[known]
    e, n = np.concatenate((filled, blank)), np.concatenate((np.ones(len(x)), times))
    square = np.concatenate(((x - filled) ** 2 / filled, blank)) * n
    wanted = float(n.sum()) - 1
    if wanted <= 0:
        return 0.0, np.nan
    a = 0.0
    for _ in range(_STEPS):
        weight = 1 / (1 + a * e)
        part = square * weight
        excess, slope = float(part.sum()) - wanted, float((part * weight * e).sum())
        if excess <= 0 or slope <= 0:
            break
        a, before = a + excess / slope, a
        if a - before <= _SETTLED * a:
            break
    grown = 1 + a * e
    # squared residuals of a Gamma–Poisson count have the variance 2 + 6 A + 1 / (E (1 + A E))
    noise = float((n * (2 + 6 * a + 1 / (e * grown))).sum())
    return a, float(np.sqrt(max(noise, 0.0)) / (n * e / grown).sum())


def shrink(count: Floats, expected: Floats, variance: Floats) -> Floats:
    """Return the mean of the Gamma posterior of each quotient; the prior has mean 1 and this variance.

    Examples
    --------
    >>> shrink(np.array([[3.0]]), np.array([[1.0]]), np.array([0.5])).round(4).tolist()
    [[1.6667]]
    """
    return np.asarray((1 + variance * count) / (1 + variance * expected))


def posterior_limits(
    count: Floats, expected: Floats, variance: Floats, error: Floats, level: float
) -> tuple[Floats, Floats]:
    """Return the central interval of each shrunken quotient; NaN where the variance is 0.

    The Gamma posterior given the variance A is too narrow, because A is an estimate. Its own variance is
    raised by ``(∂ mean / ∂ A)² · Var(A)`` (Morris 1983; Laird and Louis 1987 reach the same by a bootstrap), and
    the limits are those of the Gamma law with this mean and this variance.

    Parameters
    ----------
    count, expected : numpy.ndarray
        Cells.
    variance, error : numpy.ndarray
        The dispersion that belongs to each, and its standard error.
    level : float
        Coverage over quotients and counts together.

    References
    ----------
    Morris, C. N. (1983), Parametric empirical Bayes inference: theory and applications. JASA 78.
    Laird, N. M. and Louis, T. A. (1987), Empirical Bayes confidence intervals based on bootstrap samples.
    JASA 82.

    Examples
    --------
    >>> one = np.ones(1)
    >>> low, high = posterior_limits(4 * one, 2 * one, one, 0 * one, 0.95)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.5412, 3.4139)
    """
    from scipy.special import gammaincinv

    low, high = np.full(count.shape, np.nan), np.full(count.shape, np.nan)
    usable = (variance > 0) & np.isfinite(count) & np.isfinite(expected)
    x, e, a, se = (np.asarray(part)[usable] for part in (count, expected, variance, error))
    mean = (1 + a * x) / (1 + a * e)
    spread = mean * a / (1 + a * e) + ((x - e) / (1 + a * e) ** 2 * se) ** 2
    shape = mean**2 / spread
    low[usable] = gammaincinv(shape, (1 - level) / 2) * spread / mean
    high[usable] = gammaincinv(shape, (1 + level) / 2) * spread / mean
    return low, high
