"""Counts over unequal populations made comparable."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["empirical_bayes"]

Array = npt.NDArray[np.float64]


def empirical_bayes(events: Array, population: Array) -> Array:
    """Standardise rates so that small populations do not stand out for being small.

    Parameters
    ----------
    events : ndarray, shape (n,)
        Counts; NaN where unknown.
    population : ndarray, shape (n,)
        What the counts are out of; NaN or 0 where there is none.

    Returns
    -------
    ndarray, shape (n,)
        ``(p − b) / sqrt(v)`` by area, NaN where the rate is undefined; all 0 where every rate is the same.

    References
    ----------
    Assunção, R. and Reis, E. (1999), A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18. Where the variance between areas is estimated negative it is taken as 0,
    as in the paper.

    Examples
    --------
    >>> empirical_bayes(np.array([1.0, 9.0]), np.array([10.0, 10.0])).round(2).tolist()
    [-1.0, 1.0]
    """
    out = np.full(events.shape, np.nan)
    known = np.isfinite(events) & np.isfinite(population) & (population > 0)
    if not known.any():
        return out
    count, people = events[known], population[known]
    rate, mean = count / people, count.sum() / people.sum()
    between = (people * (rate - mean) ** 2).sum() / people.sum() - mean / people.mean()
    variance = max(between, 0.0) + mean / people
    out[known] = (rate - mean) / np.sqrt(variance) if mean > 0 else 0.0
    return out
