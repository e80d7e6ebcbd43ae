"""Kernel smoothing of pairs by distance: Gaussian, reflected at 0, one bandwidth for what is seen and for chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["kernel", "silverman"]

Floats = npt.NDArray[np.float64]
_TO_NORMAL = 1.34  # interquartile range of a normal law, in standard deviations


def kernel(points: Floats, bins: int, *, width: float, bandwidth: float) -> Floats:
    """Return points × bins: the reflected Gaussian kernel, averaged over each bin.

    Parameters
    ----------
    points : numpy.ndarray
        Distances at which the density is wanted.
    bins : int
        Number of bins, from 0.
    width : float
        Width of a bin.
    bandwidth : float
        Standard deviation of the kernel.

    References
    ----------
    Silverman, B. W. (1986), Density Estimation for Statistics and Data Analysis, section 2.10.

    Examples
    --------
    >>> weights = kernel(np.arange(0.0, 40.0, 0.1), 20, width=1.0, bandwidth=2.0)
    >>> float((weights.sum(axis=0) * 0.1).min().round(2))
    1.0
    """
    from scipy.special import ndtr

    edges = np.arange(bins + 1) * width
    ahead = ndtr((edges[None, :] - points[:, None]) / bandwidth)
    behind = ndtr((edges[None, :] + points[:, None]) / bandwidth)
    return np.asarray((np.diff(ahead, axis=1) + np.diff(behind, axis=1)) / width)


def silverman(deviation: float, quartiles: float, pairs: float) -> float:
    """Return Silverman's rule-of-thumb bandwidth.

    Parameters
    ----------
    deviation, quartiles : float
        Standard deviation and interquartile range of the distances.
    pairs : float
        How many distances are smoothed.

    References
    ----------
    Silverman, B. W. (1986), Density Estimation for Statistics and Data Analysis, equation 3.31.

    Examples
    --------
    >>> round(silverman(10.0, 13.4, 32.0), 6)
    4.5
    """
    spread = min(deviation, quartiles / _TO_NORMAL) if quartiles > 0 else deviation
    return float(0.9 * spread * pairs ** (-0.2))
