"""Ratios pulled to 1 where little is expected: how much true ratios vary, and how sure a shrunken one is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["dispersion", "plausible", "posterior_limits", "shrink"]

Floats = npt.NDArray[np.float64]
_STEPS, _SETTLED = 200, 1e-14
_NONE = np.zeros(0)
_NODES, _HALVINGS = 9, 50
_LEAST, _MOST = 1e-7, 10.0


def dispersion(count: Floats, expected: Floats, *, blank: Floats = _NONE, times: Floats = _NONE) -> float:
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

    References
    ----------
    Breslow, N. E. (1984), Extra-Poisson variation in log-linear models. Applied Statistics 33.

    Examples
    --------
    >>> dispersion(np.array([10.0, 11.0]), np.array([10.5, 10.5]))
    0.0
    """
    e, square, n = _squares(count, expected, blank, times)
    wanted = float(n.sum()) - 1
    if wanted <= 0:
        return 0.0
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
    return a


def plausible(count: Floats, expected: Floats, *, blank: Floats = _NONE, times: Floats = _NONE) -> Floats:
    """Return equally likely values of the variance that `dispersion` estimates, given the counts.

    The estimating equation divided by its standard deviation under A, which counts of a Gamma–Poisson law have by
    their moments, is about standard normal: its quantiles say which A go how well with the counts.

    Parameters
    ----------
    count, expected, blank, times : numpy.ndarray
        As in `dispersion`.

    Examples
    --------
    >>> values = plausible(np.array([16.0, 4.0, 12.0, 9.0]), np.full(4, 10.0))
    >>> bool(values[0] < dispersion(np.array([16.0, 4.0, 12.0, 9.0]), np.full(4, 10.0)) < values[-1])
    True
    """
    from scipy.special import ndtri

    e, square, n = _squares(count, expected, blank, times)
    wanted = float(n.sum()) - 1
    if wanted <= 0:
        return np.zeros(_NODES)
    least = ndtri((np.arange(_NODES)[::-1] + 0.5) / _NODES)

    def pivot(a: Floats) -> Floats:
        grown = 1 + a[:, None] * e
        noise = (n * (2 + 6 * a[:, None] + 1 / (e * grown))).sum(axis=1)
        return np.asarray(((square / grown).sum(axis=1) - wanted) / np.sqrt(noise))

    most = max(_MOST, _MOST * dispersion(count, expected, blank=blank, times=times))
    low, high = np.full(_NODES, _LEAST), np.full(_NODES, most)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        above = pivot(middle) > least
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(pivot(np.full(_NODES, _LEAST)) > least, high, 0.0)


def _squares(count: Floats, expected: Floats, blank: Floats, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what is expected, Pearson's squares, and how many areas each stands for."""
    known = np.isfinite(count) & np.isfinite(expected) & (expected > 0)
    x, filled = count[known], expected[known]
    e, n = np.concatenate((filled, blank)), np.concatenate((np.ones(len(x)), times))
    return e, np.concatenate(((x - filled) ** 2 / filled, blank)) * n, n


def shrink(count: Floats, expected: Floats, variance: Floats) -> Floats:
    """Return the mean of the Gamma posterior of each quotient; the prior has mean 1 and this variance.

    Examples
    --------
    >>> shrink(np.array([[3.0]]), np.array([[1.0]]), np.array([0.5])).round(4).tolist()
    [[1.6667]]
    """
    return np.asarray((1 + variance * count) / (1 + variance * expected))


def posterior_limits(
    count: Floats, expected: Floats, column: npt.NDArray[np.int64], values: Floats, *, level: float
) -> tuple[Floats, Floats]:
    """Return the central interval of each shrunken quotient; NaN where no variance but 0 is plausible.

    The Gamma posterior given the estimated variance A is too narrow, because A is an estimate. Over the plausible
    values of A the posterior variance is averaged and the variance of the posterior mean added (Morris 1983; Laird
    and Louis 1987 reach the same by a bootstrap); the limits are those of the Gamma law of this mean and variance.

    Parameters
    ----------
    count, expected : numpy.ndarray
        Cells.
    column : numpy.ndarray of int
        The sector of each cell.
    values : numpy.ndarray
        Sectors × plausible values of the variance.
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
    >>> low, high = posterior_limits(4 * one, 2 * one, np.zeros(1, dtype=int), np.ones((1, 9)), level=0.95)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.5412, 3.4139)
    """
    from scipy.special import gammaincinv

    mean, second, spread = np.zeros(count.shape), np.zeros(count.shape), np.zeros(count.shape)
    for value in values.T:
        a = value[column]
        centre = (1 + a * count) / (1 + a * expected)
        mean += centre / values.shape[1]
        second += centre**2 / values.shape[1]
        spread += centre * a / (1 + a * expected) / values.shape[1]
    spread += np.maximum(second - mean**2, 0.0)
    low, high = np.full(count.shape, np.nan), np.full(count.shape, np.nan)
    usable = np.isfinite(mean) & (spread > 0) & (values[column] > 0).any(axis=1)
    shape, scale = mean[usable] ** 2 / spread[usable], spread[usable] / mean[usable]
    low[usable] = gammaincinv(shape, (1 - level) / 2) * scale
    high[usable] = gammaincinv(shape, (1 + level) / 2) * scale
    return low, high
