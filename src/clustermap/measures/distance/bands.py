"""Local and global bands around what chance gives, and the p of the largest excursion on either side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.randomness import stream

__all__ = ["Bands", "normal_bands", "normal_draws", "simulated_bands"]

Floats = npt.NDArray[np.float64]
_FLAT = 1e-9  # a spread smaller than this share of the mean is rounding
_JITTER = 1e-8
_TIES = 1e-9  # deviations that differ by less are equal but for rounding


class Bands(NamedTuple):
    """By distance what chance gives, and the p of the largest excursion above and below."""

    expected: Floats
    lower: Floats
    upper: Floats
    global_lower: Floats
    global_upper: Floats
    p_above: float
    p_below: float


def simulated_bands(observed: Floats, curves: Floats, alpha: float) -> Bands:
    """Hold a curve against simulated ones; p is exact whatever the law of the curves.

    Deviations from the mean are scaled on either side by the local quantile there, which is right for skew
    laws, and the largest one of each curve is ranked. The observed curve is one of the pool.

    Parameters
    ----------
    observed : numpy.ndarray
        The curve.
    curves : numpy.ndarray
        Draws × distances.
    alpha : float
        Level of the local quantile and of the global band, on each side.

    References
    ----------
    Myllymäki, M., Mrkvička, T., Grabarnik, P., Seijo, H. and Hahn, U. (2017), Global envelope tests for
    spatial processes. Journal of the Royal Statistical Society B 79.

    Examples
    --------
    >>> curves = np.arange(99.0)[:, None] * np.ones(3)
    >>> simulated_bands(np.full(3, 500.0), curves, 0.05).p_above
    0.01
    """
    pool = np.vstack((observed[None, :], curves))
    mean = pool.mean(axis=0)
    low, high = np.quantile(pool, (alpha, 1 - alpha), axis=0)
    above, below = _scale(high - mean, mean), _scale(mean - low, mean)
    top, p_above = _critical((pool - mean) / above, alpha)
    bottom, p_below = _critical((mean - pool) / below, alpha)
    return Bands(
        mean, low, high, mean - bottom * _finite(below), mean + top * _finite(above), p_above, p_below
    )


def normal_bands(observed: Floats, mean: Floats, covariance: Floats, draws: Floats, alpha: float) -> Bands:
    """Hold a curve against a normal process of known mean and covariance.

    Parameters
    ----------
    observed, mean, covariance : numpy.ndarray
        By distance.
    draws : numpy.ndarray
        Standard normal, draws × distances, from `normal_draws`.
    alpha : float
        Level of each band.

    Examples
    --------
    >>> bands = normal_bands(np.zeros(2), np.zeros(2), np.eye(2), normal_draws(1, 2), 0.05)
    >>> float(bands.upper[0].round(3)), bool(bands.p_above > 0.5)
    (1.645, True)
    """
    from scipy.special import ndtri

    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = _scale(deviation, mean)
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0 + _JITTER)
    process = draws @ np.linalg.cholesky(correlation).T
    seen = (observed - mean) / scale
    top, p_above = _critical(np.vstack((seen, process)), alpha)
    bottom, p_below = _critical(np.vstack((-seen, -process)), alpha)
    local = float(ndtri(1 - alpha)) * _finite(scale)
    finite = _finite(scale)
    return Bands(
        mean, mean - local, mean + local, mean - bottom * finite, mean + top * finite, p_above, p_below
    )


def normal_draws(seed: int, points: int, draws: int = 9_999) -> Floats:
    """Return standard normal draws for the bands of all sectors of one call."""
    return stream(seed, "normal-band", points).standard_normal((draws, points))


def _scale(spread: Floats, mean: Floats) -> Floats:
    """Return the spread, infinite where there is none: no curve can deviate there."""
    return np.where(spread > _FLAT * np.abs(mean), spread, np.inf)


def _finite(scale: Floats) -> Floats:
    return np.where(np.isfinite(scale), scale, 0.0)


def _critical(deviations: Floats, alpha: float) -> tuple[float, float]:
    """Return the largest deviation that is no rejection, and p of the first row among all, ties included.

    The first row rejects exactly where it exceeds the critical value; NaN where a deviation is no number.
    """
    largest = deviations.max(axis=1)
    if np.isnan(largest).any():
        return np.nan, np.nan
    rejected = int(np.floor(alpha * len(largest) * (1 + 1e-12)))
    critical = np.partition(largest, len(largest) - rejected - 1)[len(largest) - rejected - 1]
    return float(critical), float((largest >= largest[0] - _TIES).mean())
