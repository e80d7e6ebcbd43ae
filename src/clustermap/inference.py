"""Monte-Carlo p, corrections for many tests, and the guard on what B draws can resolve."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.errors import ClusterMapWarning, OptionError, StatisticsError, plural

if TYPE_CHECKING:
    from clustermap.schema import Alternative, Correction

__all__ = [
    "adjust",
    "check_resolution",
    "decisions",
    "is_level",
    "monte_carlo_p",
    "permutations_needed",
    "step_up",
]

Array = npt.NDArray[np.float64]
MINIMUM_AUTO = 9_999
MAXIMUM_AUTO = 999_999
_SURE = 0.99
_CORRECTIONS = ("fdr_bh", "bonferroni", "none")


def is_level(given: object) -> bool:
    """Say whether something is a number between 0 and 1: a level, or the coverage of an interval.

    Examples
    --------
    >>> is_level(0.95), is_level(95), is_level("0.95"), is_level(float("nan"))
    (True, False, False, False)
    """
    return isinstance(given, int | float | np.integer | np.floating) and bool(0 < given < 1)


def monte_carlo_p(
    up: npt.ArrayLike, low: npt.ArrayLike, draws: npt.ArrayLike, *, alternative: Alternative = "two-sided"
) -> Array:
    """Turn counts of draws at least as extreme into p-values; ties belong to both counts.

    Parameters
    ----------
    up, low : array_like of int
        Draws that are at least as large, and at least as small, as what was observed.
    draws : array_like of int
        Number of draws behind each count.
    alternative : {"two-sided", "greater", "less"}
        Which tail; two-sided is twice the smaller one, at most 1.

    Returns
    -------
    numpy.ndarray
        ``(1 + count) / (draws + 1)``, never 0.

    References
    ----------
    Davison, A. C. and Hinkley, D. V. (1997), Bootstrap Methods and their Application, chapter 4.

    Examples
    --------
    >>> float(monte_carlo_p(4, 96, 99))
    0.1
    """
    up, low, draws = (np.asarray(a, dtype=float) for a in (up, low, draws))
    if alternative == "greater":
        return np.asarray((1 + up) / (draws + 1))
    if alternative == "less":
        return np.asarray((1 + low) / (draws + 1))
    return np.asarray(np.minimum(1.0, 2 * np.minimum(1 + up, 1 + low) / (draws + 1)))


def adjust(p: npt.ArrayLike, correction: Correction, *, ones: int = 0) -> Array:
    """Adjust p-values for the size of the family; NaN stays NaN and is no member of the family.

    Parameters
    ----------
    p : array_like
        Any shape; the family is all finite values.
    correction : {"fdr_bh", "bonferroni", "none"}
        Step-up Benjamini–Hochberg, Bonferroni, or NaN throughout.
    ones : int
        Further members of the family whose p is 1: they need not be listed to be counted.

    Returns
    -------
    numpy.ndarray
        Same shape.

    Raises
    ------
    OptionError
        CM-STAT-010: unknown correction.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995), Controlling the false discovery rate.

    Examples
    --------
    >>> adjust([0.01, 0.02, float("nan")], "fdr_bh").tolist()
    [0.02, 0.02, nan]
    """
    if correction not in _CORRECTIONS:
        raise OptionError(
            "CM-STAT-010",
            f"unknown correction {correction!r}",
            fix='correction="fdr_bh", "bonferroni" or "none"',
        )
    values = np.asarray(p, dtype=float)
    out = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    if correction == "none" or not known.any():
        return out
    if correction == "bonferroni":
        out[known] = np.minimum(1.0, values[known] * (known.sum() + ones))
    else:
        out[known] = _step_up(values[known], ones)
    return out


def _step_up(p: Array, ones: int) -> Array:
    """Return the smallest level at which Benjamini–Hochberg rejects each test; Monte-Carlo p repeat a lot."""
    import pandas as pd

    place, distinct = pd.factorize(p)
    return np.asarray(step_up(distinct, np.bincount(place, minlength=distinct.size), ones=ones)[place])


def step_up(distinct: Array, times: npt.NDArray[np.int64], *, ones: int = 0) -> Array:
    """Do the same for p-values that each stand for several tests, beside some whose p is 1.

    Examples
    --------
    >>> step_up(np.array([0.02, 0.01]), np.array([1, 1])).tolist()
    [0.02, 0.02]
    """
    order = np.argsort(distinct)
    rank = np.cumsum(times[order])
    scaled = distinct[order] * ((int(times.sum()) + ones) / rank)
    q = np.empty(distinct.size)
    q[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return q


def decisions(
    tail: npt.ArrayLike,
    draws: npt.ArrayLike,
    *,
    alpha: float,
    correction: Correction,
    alternative: Alternative = "two-sided",
    times: npt.NDArray[np.int64] | None = None,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Say which tests are rejected for certain, and which perhaps, whatever other draws would have shown.

    The rule of the correction is applied once to the upper and once to the lower 99 % Clopper–Pearson limits of
    all p. What lies between the two sets is borderline: another seed may decide otherwise.

    Parameters
    ----------
    tail, draws : array_like of int
        Draws at least as extreme (the smaller tail of a two-sided test), of how many; no draws: no test.
    alpha : float
        Level.
    correction : {"fdr_bh", "bonferroni", "none"}
        How the family is corrected for.
    alternative : {"two-sided", "greater", "less"}
        A two-sided p is twice the smaller tail.
    times : numpy.ndarray of int64, optional
        How many tests each entry stands for, in flat arrays; one each where absent.

    Returns
    -------
    certain, possible : numpy.ndarray of bool
        The first is part of the second.

    References
    ----------
    Gandy, A. and Hahn, G. (2014), MMCTest: a safe algorithm for implementing multiple Monte Carlo tests.
    Scandinavian Journal of Statistics 41.

    Examples
    --------
    >>> certain, possible = decisions([0, 24, 500], [999, 999, 999], alpha=0.05, correction="none")
    >>> certain.tolist(), possible.tolist()
    ([True, False, False], [True, True, False])
    """
    from scipy.special import betaincinv
    from scipy.stats import binom

    tails = 2 if alternative == "two-sided" else 1
    count, made = np.broadcast_arrays(np.asarray(tail), np.asarray(draws))
    tests = int(np.count_nonzero(made)) if times is None else int(times[made > 0].sum())
    certain, possible = np.zeros(count.shape, dtype=bool), np.zeros(count.shape, dtype=bool)
    if not tests:
        return certain, possible
    # beyond this count even the lower limit lies above the level, and no rule rejects above its level
    most = int(binom.isf((1 - _SURE) / 2, made.max(), alpha / tails)) + 1
    near = np.flatnonzero((count <= most) & (made > 0))
    if times is None:
        cells = np.unravel_index(near, count.shape)
        pairs, place, often = _distinct(count[cells], made[cells], most + 1)
    else:
        pairs, place, often = (count[near], made[near]), np.arange(len(near)), times[near]
    c, n = (side.astype(float) for side in pairs)
    lower = tails * np.where(c > 0, betaincinv(np.maximum(c, 1), n - c + 1, (1 - _SURE) / 2), 0.0)
    upper = tails * np.where(c < n, betaincinv(c + 1, np.maximum(n - c, 1), (1 + _SURE) / 2), 1.0)
    for limits, out in ((upper, certain), (lower, possible)):
        out.ravel()[near] = _rejected(limits, often, tests, alpha, correction)[place]
    return certain, possible


def _distinct(
    count: npt.NDArray[np.int64], made: npt.NDArray[np.int64], width: int
) -> tuple[tuple[npt.NDArray[np.int64], ...], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs that occur, the place of each among them, and how often each occurs."""
    if not len(count):
        return (count, made), count, count
    least = made.min()
    key = (made - least) * width + count
    cells = int(key.max()) + 1
    if cells <= 4 * len(key) + 1_000:  # a table is quicker than sorting
        times = np.bincount(key, minlength=cells)
        found = np.flatnonzero(times)
        at = np.cumsum(times > 0) - 1
        return (found % width, found // width + least), at[key], times[found]
    found, place, times = np.unique(key, return_inverse=True, return_counts=True)
    return (found % width, found // width + least), place, times


def _rejected(
    p: Array, times: npt.NDArray[np.int64], tests: int, alpha: float, correction: Correction
) -> npt.NDArray[np.bool_]:
    """Say which of distinct p-values, each standing for several tests, the correction rejects."""
    if correction != "fdr_bh":
        return np.asarray(p <= (alpha / tests if correction == "bonferroni" else alpha))
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= alpha * np.cumsum(times[order]) / tests)
    return np.asarray(p <= (p[order][passed[-1]] if len(passed) else -1.0))


def permutations_needed(family: int, alpha: float, *, largest_share: float = 0.0) -> int:
    """Return the B that resolves the correction: 20 draws where the smallest threshold lies.

    Parameters
    ----------
    family : int
        Number of tests corrected together.
    alpha : float
        Level.
    largest_share : float
        Largest k/n: the share of shared draws that hold the area itself and are not counted for it.

    Warns
    -----
    ClusterMapWarning
        CM-STAT-004: more would be needed than the cap of 999,999.

    Examples
    --------
    >>> permutations_needed(309, 0.05)
    123599
    """
    wanted = int(np.ceil(20 * max(family, 1) / alpha / (1 - largest_share))) - 1
    if wanted > MAXIMUM_AUTO:
        warnings.warn(
            f"[CM-STAT-004] {plural(family, 'test')} at {alpha} ask{'s' * (family == 1)} for {wanted:,} permutations; "
            f"{MAXIMUM_AUTO:,} are taken, "
            "so the smallest p-values are coarse",
            ClusterMapWarning,
            stacklevel=3,
        )
    return int(np.clip(wanted, MINIMUM_AUTO, MAXIMUM_AUTO))


def check_resolution(
    draws: int,
    family: int,
    alpha: float,
    correction: Correction,
    *,
    largest_share: float = 0.0,
    alternative: Alternative = "two-sided",
) -> None:
    """Warn where B draws are coarse for the family, refuse where nothing could ever be rejected.

    Parameters
    ----------
    draws : int
        Number of draws B.
    family : int
        Number of tests corrected together.
    alpha : float
        Level.
    correction : {"fdr_bh", "bonferroni", "none"}
        How the family is corrected for; with "none" a single test must be able to reject.
    largest_share : float
        Largest share of the draws that hold an area itself and are not counted for it.
    alternative : {"two-sided", "greater", "less"}
        A two-sided p is at least 2/(B+1), a one-sided p at least 1/(B+1).

    Raises
    ------
    StatisticsError
        CM-STAT-003: even if every test had the smallest possible p, none would be rejected.

    Warns
    -----
    ClusterMapWarning
        CM-STAT-005: a single small p could not be rejected.

    Examples
    --------
    >>> check_resolution(999, 1, 0.05, "fdr_bh")
    """
    tails = 2 if alternative == "two-sided" else 1
    smallest = tails / (draws * (1 - largest_share) + 1)
    tests = 1 if correction == "none" else max(family, 1)
    # Benjamini–Hochberg rejects all tests at once if all stand at the smallest p; Bonferroni never does.
    reachable = alpha / tests if correction == "bonferroni" else alpha
    needed = int(np.ceil((tails * tests / alpha - 1) / (1 - largest_share)))
    if smallest > reachable:
        raise StatisticsError(
            "CM-STAT-003",
            f"{draws} permutations cannot reject any of {plural(family, 'test')} at {alpha} with "
            f"correction={correction!r}",
            why=f"the smallest {alternative} p is {smallest:.3g}",
            fix=f'permutations="auto", or at least {needed}',
        )
    if draws < needed:
        warnings.warn(
            f"[CM-STAT-005] {draws} permutations are coarse for {plural(family, 'test')} at {alpha} ({correction}): "
            f'a single small p cannot be rejected below {needed}; pass permutations="auto"',
            ClusterMapWarning,
            stacklevel=3,
        )
