"""Variables × areas, row by row and in threads: a row fits into the cache, and no answer depends on the threads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.draws import threaded

__all__ = ["alike", "constant_between", "limits", "standardised", "transposed"]

Floats = npt.NDArray[np.float64]
_TILE = 256
_SAME = 1e-12


def transposed(columns: Floats) -> Floats:
    """Turn areas × variables into variables × areas, in a memory of their own, tile by tile: a tile fits the cache."""
    rows = np.empty(columns.shape[::-1])

    def copy(start: int) -> None:
        rows[:, start : start + _TILE] = columns[start : start + _TILE].T

    list(threaded(copy, range(0, len(columns), _TILE), work=columns.size))
    return rows


def alike(known: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Return the variables that are known in the same areas together."""
    if known.all():
        return [list(range(len(known)))]
    patterns: dict[bytes, list[int]] = {}
    for s, row in enumerate(known):
        if row.any():
            patterns.setdefault(row.tobytes(), []).append(s)
    return list(patterns.values())


def standardised(values: Floats) -> Floats:
    """Return the variables with mean 0 and variance 1 (denominator n)."""
    z = np.empty_like(values)

    def standardise(s: int) -> None:  # row by row: a row fits into the cache
        np.subtract(values[s], values[s].mean(), out=z[s])
        z[s] /= np.sqrt((z[s] * z[s]).mean())

    list(threaded(standardise, range(len(values)), work=values.size))
    return z


def limits(values: Floats) -> tuple[Floats, Floats]:
    """Return the smallest and the largest value of each variable; NaN only where nothing is known."""
    found = np.empty((2, len(values)))

    def look(s: int) -> None:
        found[:, s] = np.fmin.reduce(values[s]), np.fmax.reduce(values[s])

    list(threaded(look, range(len(values)), work=values.size))
    return found[0], found[1]


def constant_between(low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """Say which variables are the same everywhere they are known, but for the last digits."""
    return np.asarray(high - low <= _SAME * np.maximum(np.abs(low), np.abs(high)))
