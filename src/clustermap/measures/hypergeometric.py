"""Exact intervals and p where both margins are given: the noncentral hypergeometric law of Fisher.

A sector of `total` firms and an area of `drawn` firms share `count`, out of `population` firms. Under no effect the
count is hypergeometric; with an effect it follows Fisher's noncentral law, whose odds ratio is inverted here. What is
returned is the law's mean over `total`, the share of the sector that the area is expected to hold: 1 for no effect
after division by the area's own share.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled, workers

__all__ = ["hypergeometric_limits", "hypergeometric_nothing_p", "hypergeometric_p"]

Floats = npt.NDArray[np.float64]
_BLOCK = 2_048
_FAINT = 1e-17
_STEPS = 200
_NEAR = 1e-12
_FAR = 60.0
_EXACT = 1e-13
_EVERY = 5  # so often the interval is halved whatever the secant says
_TINY = 1e-300


@compiled("UniTuple(float64, 3)(float64, float64, float64, float64, float64)")
def _tails(  # noqa: C901 - two sums outwards from the mode, each with its own end
    count: float, total: float, drawn: float, population: float, log_odds: float
) -> tuple:  # type: ignore[type-arg]
    """Return P(at least count), P(at most count) and the mean, summed outwards from the mode."""
    low, high = max(0.0, drawn + total - population), min(drawn, total)
    odds = np.exp(log_odds)
    a = odds - 1.0
    b = (total + drawn + 2.0) * odds + population - total - drawn
    c = (total + 1.0) * (drawn + 1.0) * odds
    root = max(b * b - 4.0 * a * c, 0.0)
    mode = min(max(np.floor(2.0 * c / (b + np.sqrt(root))), low), high)
    every, least, most, moment = 1.0, 0.0, 0.0, 0.0
    if mode >= count:
        least = 1.0
    if mode <= count:
        most = 1.0
    term, k = 1.0, mode
    while k < high:
        term *= (total - k) * (drawn - k) / ((k + 1.0) * (population - total - drawn + k + 1.0)) * odds
        k += 1.0
        every += term
        moment += term * (k - mode)
        if k >= count:
            least += term
        if k <= count:
            most += term
        if term == 0.0 or (k >= count and term < _FAINT * every and term < _FAINT * least):
            break
    term, k = 1.0, mode
    while k > low:
        term *= k * (population - total - drawn + k) / ((total - k + 1.0) * (drawn - k + 1.0)) / odds
        k -= 1.0
        every += term
        moment += term * (k - mode)
        if k >= count:
            least += term
        if k <= count:
            most += term
        if term == 0.0 or (k <= count and term < _FAINT * every and term < _FAINT * most):
            break
    return least / every, most / every, mode + moment / every


@compiled("float64(float64, float64, float64, float64, float64, boolean)")
def _limit(count: float, total: float, drawn: float, population: float, tail: float, upper: bool) -> float:
    """Return the mean at the odds ratio where the tail on the far side of the count holds `tail`."""
    side = 1 if upper else 0
    sign = 1.0 if upper else -1.0
    wanted = np.log(tail)
    rest = population - total - drawn + count
    start = np.log((count + 0.5) * (rest + 0.5) / ((total - count + 0.5) * (drawn - count + 0.5)))
    inner, step = start, 0.5
    # the tail falls as the odds ratio moves outwards: first walk until it is beyond, then close in
    while _tails(count, total, drawn, population, inner)[side] < tail and step < _FAR:
        inner -= sign * step
        step *= 2.0
    outer, step = inner + sign * 0.5, 0.5
    while _tails(count, total, drawn, population, outer)[side] > tail and step < _FAR:
        step *= 2.0
        outer += sign * step
    f_in = np.log(_tails(count, total, drawn, population, inner)[side]) - wanted
    f_out = np.log(max(_tails(count, total, drawn, population, outer)[side], _TINY)) - wanted
    last = 0
    for step_number in range(_STEPS):
        if abs(outer - inner) < _NEAR:
            break
        middle = (inner * f_out - outer * f_in) / (f_out - f_in)
        if step_number % _EVERY == _EVERY - 1 or not (min(inner, outer) < middle < max(inner, outer)):
            middle = (inner + outer) / 2.0
        f = np.log(max(_tails(count, total, drawn, population, middle)[side], _TINY)) - wanted
        if abs(f) < _EXACT:
            inner = outer = middle
            break
        if f > 0:
            inner, f_in = middle, f
            if last == 1:
                f_out /= 2.0
            last = 1
        else:
            outer, f_out = middle, f
            if last == -1:
                f_in /= 2.0
            last = -1
    return float(_tails(count, total, drawn, population, (inner + outer) / 2.0)[2])


@compiled("void(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1], float64[::1])")
def _limits(
    count: Floats, total: Floats, drawn: Floats, population: Floats, tail: float, low: Floats, high: Floats
) -> None:
    for i in range(count.size):
        x, k, d, n = count[i], total[i], drawn[i], population[i]
        fewest, most = max(0.0, d + k - n), min(d, k)
        low[i] = fewest if x <= fewest else _limit(x, k, d, n, tail, False)
        high[i] = most if x >= most else _limit(x, k, d, n, tail, True)


@compiled("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])")
def _two_sided(count: Floats, total: Floats, drawn: Floats, population: Floats, p: Floats) -> None:
    for i in range(count.size):
        least, most, _ = _tails(count[i], total[i], drawn[i], population[i], 0.0)
        p[i] = min(1.0, 2.0 * min(least, most))


def hypergeometric_limits(
    count: Floats, total: Floats, drawn: Floats, population: Floats, level: float
) -> tuple[Floats, Floats]:
    """Return the central exact interval of the share of the sector that the area is expected to hold.

    Parameters
    ----------
    count, total, drawn, population : numpy.ndarray
        Whole numbers: firms of both, of the sector, of the area, of all.
    level : float
        Coverage, for instance 0.95.

    References
    ----------
    Fisher, R. A. (1935), The logic of inductive inference. Journal of the Royal Statistical Society 98.
    Cornfield, J. (1956), A statistical problem arising from retrospective studies. Third Berkeley Symposium.

    Examples
    --------
    >>> numbers = (np.array([number]) for number in (8.0, 10.0, 20.0, 100.0))
    >>> low, high = hypergeometric_limits(*numbers, 0.95)
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.471, 0.974)
    """
    cells, back = np.unique(np.stack((count, total, drawn, population)), axis=1, return_inverse=True)
    cells, tail = np.ascontiguousarray(cells), (1 - level) / 2
    low, high = np.empty(cells.shape[1]), np.empty(cells.shape[1])

    def block(start: int) -> None:
        part = slice(start, start + _BLOCK)
        x, k, d, n = (np.ascontiguousarray(line[part]) for line in cells)
        _limits(x, k, d, n, tail, low[part], high[part])

    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(block, range(0, cells.shape[1], _BLOCK)))
    back = back.ravel()
    return low[back] / total, high[back] / total


def hypergeometric_p(count: Floats, total: Floats, drawn: Floats, population: Floats) -> Floats:
    """Return twice the smaller hypergeometric tail, at most 1.

    Examples
    --------
    >>> numbers = (np.array([number]) for number in (8.0, 10.0, 20.0, 100.0))
    >>> float(hypergeometric_p(*numbers)[0].round(8))
    4.757e-05
    """
    p = np.empty(len(count))

    def block(start: int) -> None:
        part = slice(start, start + _BLOCK)
        _two_sided(count[part], total[part], drawn[part], population[part], p[part])

    count, total, drawn, population = (
        np.ascontiguousarray(part, dtype=np.float64) for part in (count, total, drawn, population)
    )
    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(block, range(0, len(count), _BLOCK)))
    return p


def hypergeometric_nothing_p(total: Floats, drawn: Floats, population: Floats) -> Floats:
    """Return the two-sided p of counting nothing, by its closed form.

    Examples
    --------
    >>> hypergeometric_nothing_p(np.array([2.0]), np.array([5.0]), np.array([10.0])).round(6).tolist()
    [0.444444]
    """
    from scipy.special import gammaln

    rest = population - drawn
    possible = rest >= total
    with np.errstate(invalid="ignore"):
        tail = gammaln(rest + 1) - gammaln(rest - total + 1) - gammaln(population + 1)
        tail = np.exp(tail + gammaln(population - total + 1))
    return np.asarray(np.minimum(1.0, 2 * np.where(possible, tail, 0.0)))
