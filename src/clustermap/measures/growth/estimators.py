"""Estimators of survival with late entry and right-censoring: Kaplan–Meier, Greenwood, log-rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["curves_of", "log_rank"]

Floats = npt.NDArray[np.float64]
Spells = tuple[Floats, Floats, npt.NDArray[np.bool_]]
_YEAR = 365.25
_TWO, _ROUNDING = 2, 1e-9


def curves_of(
    names: npt.NDArray[Any],
    group: npt.NDArray[np.int64],
    spells: Spells,
    interval: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curve of each group, and what it rests on."""
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(len(names) + 1))
    curves, rows = [], []
    for k, name in enumerate(names):
        some = order[bounds[k] : bounds[k + 1]]
        entry, exit_, event = spells[0][some], spells[1][some], spells[2][some]
        ages, ended = np.unique(exit_[event], return_counts=True)
        at_risk = _at_risk(entry, exit_, ages)
        curve = _kaplan_meier(at_risk, ended, interval)
        curves.append(
            pd.DataFrame({"group": name, "age": ages / _YEAR, "at_risk": at_risk, "ended": ended, **curve})
        )
        below = np.flatnonzero(curve["survival"] <= 0.5)  # noqa: PLR2004 - the half that a median is
        median = ages[below[0]] / _YEAR if len(below) else np.nan
        rows.append((name, len(some), int(event.sum()), median, exit_.max() / _YEAR))
    sums = pd.DataFrame(rows, columns=["group", "firms", "ended", "median", "oldest"])
    return pd.concat(curves, ignore_index=True), sums


def _at_risk(entry: Floats, exit_: Floats, ages: Floats) -> npt.NDArray[np.int64]:
    """Count who had entered before an age and not left before it."""
    return np.asarray(
        np.searchsorted(np.sort(entry), ages, side="left")
        - np.searchsorted(np.sort(exit_), ages, side="left")
    )


def _kaplan_meier(
    at_risk: npt.NDArray[np.int64], ended: npt.NDArray[np.int64], interval: float
) -> dict[str, Floats]:
    from scipy.special import ndtri

    n, d = at_risk.astype(np.float64), ended.astype(np.float64)
    alive = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.cumsum(np.where(n > d, d / (n * (n - d)), np.nan))
        wide = float(ndtri((1 + interval) / 2)) * np.sqrt(spread) / np.log(alive)
        lower, upper = alive ** np.exp(-wide), alive ** np.exp(wide)
        se = alive * np.sqrt(spread)
    # nobody is left: the curve is 0, and how surely is not known
    return {"survival": alive, "se": se, "lower": lower, "upper": upper}


def log_rank(m: int, group: npt.NDArray[np.int64], spells: Spells) -> tuple[float, int, float, Floats]:
    """Return χ², degrees of freedom, p, and the ends expected in each group if all ended alike."""
    from scipy.stats import chi2

    entry, exit_, event = spells
    ages = np.unique(exit_[event])
    at_risk, ended = np.zeros((m, len(ages))), np.zeros((m, len(ages)))
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(m + 1))
    for k in range(m):
        some = order[bounds[k] : bounds[k + 1]]
        at_risk[k] = _at_risk(entry[some], exit_[some], ages)
        dead = exit_[some][event[some]]
        ended[k] = np.bincount(np.searchsorted(ages, dead), minlength=len(ages))
    n, d = at_risk.sum(axis=0), ended.sum(axis=0)
    expected = at_risk * (d / n)
    if m < _TWO:
        return np.nan, 0, np.nan, expected.sum(axis=1)
    weight = d * np.where(n > 1, (n - d) / np.maximum(n - 1, 1), 0.0)
    share = at_risk / n
    covariance = np.diag((share * weight).sum(axis=1)) - (share * weight) @ share.T
    apart = (ended - expected).sum(axis=1)
    # one group's deviation is what the others' leave over: its direction has no variance but that of rounding
    variance, direction = np.linalg.eigh(covariance)
    some = variance > _ROUNDING * max(variance.max(initial=0.0), 0.0)
    degrees = int(some.sum())
    if not degrees:
        return np.nan, 0, np.nan, expected.sum(axis=1)
    statistic = float(((apart @ direction[:, some]) ** 2 / variance[some]).sum())
    return statistic, degrees, float(chi2.sf(statistic, degrees)), expected.sum(axis=1)
