"""Exact binomial intervals and p-values for many counts at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers

__all__ = ["beta_limits", "clopper_pearson", "nothing_p", "two_sided_p"]

Floats = npt.NDArray[np.float64]
_BLOCK = 4_096


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
    # pairs repeat: most cells of a fine classification hold a handful of firms
    which, sizes = pd.factorize(total)
    step = np.int64(count.max(initial=0)) + 1
    back, pairs = pd.factorize(which * step + count.astype(np.int64))
    x, n = (pairs % step).astype(np.float64), sizes[pairs // step]
    low, high = np.empty(len(pairs)), np.empty(len(pairs))

    def block(start: int) -> None:
        part = slice(start, start + _BLOCK)
        low[part], high[part] = beta_limits(x[part], n[part], level)

    with ThreadPoolExecutor(workers()) as pool:  # SciPy's loops let other threads run
        list(pool.map(block, range(0, len(pairs), _BLOCK)))
    return low[back], high[back]


def beta_limits(count: Floats, total: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the same interval for numbers that need not be whole, such as an effective number of plants.

    Examples
    --------
    >>> low, high = beta_limits(np.array([1.5]), np.array([4.5]), 0.95)
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.025, 0.833)
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low, high = np.zeros(len(count)), np.ones(len(count))
    some, rest = count > 0, count < total
    low[some] = betaincinv(count[some], total[some] - count[some] + 1, tail)
    none = rest & ~some
    high[none] = -np.expm1(np.log(tail) / total[none])
    both = rest & some
    high[both] = betaincinv(count[both] + 1, total[both] - count[both], 1 - tail)
    return low, high


def two_sided_p(count: Floats, total: Floats, share: Floats) -> Floats:
    """Return twice the smaller exact binomial tail, at most 1: below α exactly where the interval excludes `share`.

    Examples
    --------
    >>> two_sided_p(np.array([0.0, 5.0]), np.array([10.0, 10.0]), np.array([0.5, 0.5])).round(5).tolist()
    [0.00195, 1.0]
    """
    from scipy.special import betainc, betaincc

    p = np.ones(count.shape)
    # the median lies beside the mean, so the tail on the other side holds at least a half.
    over = (count > total * share) & (count > 0)
    p[over] = betainc(count[over], total[over] - count[over] + 1, share[over])
    under = (count < total * share) & (count < total)
    none = under & (count == 0)
    under &= count > 0
    p[under] = betaincc(count[under] + 1, total[under] - count[under], share[under])
    p[over | under] *= 2
    p[none] = nothing_p(total[none], share[none])
    return np.minimum(p, 1.0)


def nothing_p(total: Floats, share: Floats) -> Floats:
    """Return the two-sided p of counting nothing: twice ``(1 − share) ** total``, at most 1.

    Examples
    --------
    >>> nothing_p(np.array([10.0]), np.array([0.5])).round(5).tolist()
    [0.00195]
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a share of 1 leaves no way to count nothing
        tail = np.exp(total * np.log1p(-share))
    return np.asarray(np.minimum(1.0, 2 * np.where(total > 0, tail, 1.0)))
