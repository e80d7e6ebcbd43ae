"""Compiled counts over whole maps: every area of every arrangement, for nulls that are not free."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.local.kernels import GEARY, GETIS, PRODUCT, STAR
from clustermap.compiled import compiled

__all__ = ["count_arranged", "count_variances", "evaluate", "residuals"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_FLAT = 1e-12  # variance of the others, where all together have 1
_SQUARES = 2.0


@compiled("float64(int64, float64, float64, float64, float64, float64, float64)")
def _statistic(
    kind: int, own: float, total: float, squares: float, weight: float, itself: float, n: float
) -> float:
    """Return one local statistic, up to constants of the place, of values with mean 0 and variance 1."""
    if kind == GEARY:
        return own * own * weight - 2.0 * own * total + squares
    if kind == PRODUCT:
        return own * total
    if kind == STAR:
        return total + itself * own
    if kind == GETIS:  # mean and spread of the others, as Ord and Getis (1995) have them
        mean = -own / (n - 1.0)
        spread = (n - own * own) / (n - 1.0) - mean * mean
        return (total - weight * mean) / math.sqrt(spread) if spread > _FLAT else 0.0
    return total


@compiled(
    "void(float64[::1], float64[::1], int64[::1], int64[::1], float64[::1], float64[::1], int64, float64[::1])"
)
def evaluate(
    z: Floats,
    own: Floats,
    indptr: Ints,
    indices: Ints,
    weights: Floats,
    itself: Floats,
    kind: int,
    out: Floats,
) -> None:
    """Compute the statistic of every area as the map stands, in the units in which arrangements are counted."""
    for i in range(z.size):
        total, squares, weight = 0.0, 0.0, 0.0
        for e in range(indptr[i], indptr[i + 1]):
            x = z[indices[e]]
            total += weights[e] * x
            squares += weights[e] * (x * x)
            weight += weights[e]
        out[i] = _statistic(kind, own[i], total, squares, weight, itself[i], float(z.size))


@compiled(
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], float64[::1], float64[::1], "
    "int32[:, ::1], float64[::1], bool_[::1], int64, bool_, bool_, int64[::1], int64[::1])"
)
def count_arranged(
    z: Floats,
    own: Floats,
    observed: Floats,
    indptr: Ints,
    indices: Ints,
    weights: Floats,
    itself: Floats,
    places: Places,
    tolerance: Floats,
    active: npt.NDArray[np.bool_],
    kind: int,
    held: bool,
    moves: bool,
    up: Ints,
    low: Ints,
) -> None:
    """Count the arrangements of the whole map in both tails of every area.

    Parameters
    ----------
    z, own
        Values that move, and values of the areas themselves.
    places
        Row b puts the value of area ``places[b, j]`` at place j.
    active
        The areas that are counted for.
    held
        The value of an area stays where it is: it and the value that an arrangement puts there change places,
        which turns a uniform arrangement into a uniform one of those that keep it.
    moves
        The area's own value comes from the arrangement as well.
    """
    n = z.size
    moved = np.empty(n)
    for b in range(places.shape[0]):
        for i in range(n):
            moved[i] = z[places[b, i]]
        for i in range(n):
            if not active[i]:
                continue
            total, squares, weight = 0.0, 0.0, 0.0
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                x = moved[j]
                if held and places[b, j] == i:
                    x = moved[i]
                total += weights[e] * x
                squares += weights[e] * (x * x)
                weight += weights[e]
            mine = own[places[b, i]] if moves else own[i]
            x = _statistic(kind, mine, total, squares, weight, itself[i], float(n))
            if x >= observed[i] - tolerance[i]:
                up[i] += 1
            if x <= observed[i] + tolerance[i]:
                low[i] += 1


@compiled("float64(float64[::1], int64[::1], int64[::1], float64[::1], float64, float64[::1])")
def residuals(
    values: Floats, indptr: Ints, indices: Ints, weights: Floats, power: float, out: Floats
) -> float:
    """Fill |value − mean of the neighbours| to a power, and return its mean over the areas that have neighbours."""
    everything, known = 0.0, 0
    for i in range(values.size):
        out[i] = 0.0
        if indptr[i + 1] > indptr[i]:
            mean = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                mean += weights[e] * values[indices[e]]
            x = abs(values[i] - mean)
            out[i] = x * x if power == _SQUARES else x**power
            everything += out[i]
            known += 1
    return everything / known


@compiled(
    "void(float64[::1], float64[::1], int64[::1], int64[::1], float64[::1], int32[:, ::1], float64, float64, "
    "bool_[::1], int64[::1], int64[::1])"
)
def count_variances(
    z: Floats,
    observed: Floats,
    indptr: Ints,
    indices: Ints,
    weights: Floats,
    places: Places,
    power: float,
    tolerance: float,
    active: npt.NDArray[np.bool_],
    up: Ints,
    low: Ints,
) -> None:
    """Count the arrangements of the whole map in both tails of every area's local spread (Ord and Getis 2012).

    Weights of an area sum to 1; an area without neighbours has no residual and counts nowhere.
    """
    n = z.size
    moved, residual = np.empty(n), np.empty(n)
    for b in range(places.shape[0]):
        for i in range(n):
            moved[i] = z[places[b, i]]
        level = residuals(moved, indptr, indices, weights, power, residual)
        for i in range(n):
            if active[i] and indptr[i + 1] > indptr[i]:
                x = 0.0
                for e in range(indptr[i], indptr[i + 1]):
                    x += weights[e] * residual[indices[e]]
                x = x / level if level > 0.0 else 1.0
                if x >= observed[i] - tolerance:
                    up[i] += 1
                if x <= observed[i] + tolerance:
                    low[i] += 1
