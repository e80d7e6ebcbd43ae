"""Rates whose noise differs from area to area, brought to one variance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["standardised_rates"]

Floats = npt.NDArray[np.float64]


def standardised_rates(count: Floats, total: Floats) -> Floats:
    """Standardise rates by what is known of their variance (empirical Bayes).

    With rate r, overall rate b and between-area variance a (method of moments), each rate becomes
    ``(r − b) / √(a + b / total)``. A rate over few firms is noisy: without this, thinly populated areas make a
    map look rough. An `a` estimated below 0, as on half of all maps of equal rates, is 0 (Marshall 1991): kept
    negative wherever a + b / total stays positive, as published in 1999 and in esda, it divides the
    best populated areas by almost nothing.

    Parameters
    ----------
    count, total : numpy.ndarray
        One row per variable, one column per area; totals are positive.

    Returns
    -------
    numpy.ndarray
        Same shape; NaN throughout where the variable has no count at all.

    References
    ----------
    Assunção, R. M. and Reis, E. A. (1999), A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18, 2147–2162.
    Marshall, R. J. (1991), Mapping disease and mortality rates using empirical Bayes estimators.
    Applied Statistics 40, 283–294.

    Examples
    --------
    >>> z = standardised_rates(np.array([[30.0, 25, 25, 15]]), np.array([[100.0, 100, 110, 90]]))
    >>> z.round(3).tolist()
    [[1.282, 0.256, -0.22, -1.379]]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = count / total
        everything = total.sum(axis=1, keepdims=True)
        overall = count.sum(axis=1, keepdims=True) / everything
        spread = (total * (rate - overall) ** 2).sum(axis=1, keepdims=True) / everything
        between = spread - overall / (everything / total.shape[1])
        return np.asarray((rate - overall) / np.sqrt(np.maximum(between, 0) + overall / total))
