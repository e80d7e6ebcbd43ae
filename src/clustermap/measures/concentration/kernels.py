"""Compiled parts of concentration: the indices of one profile, and of many profiles thrown at random.

A profile is how a whole (a sector, an area) spreads over its parts (areas, sectors). Only the parts that hold
something are looked at, so a profile costs what it holds, not what it might.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = [
    "GINI",
    "GINI_WEIGHTED",
    "HACHMAN",
    "HERFINDAHL",
    "HOOVER",
    "THEIL",
    "alias_table",
    "profile",
    "throw",
    "throw_plants",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
GINI, GINI_WEIGHTED, HOOVER, THEIL, HERFINDAHL, HACHMAN = range(6)


@compiled("void(float64[::1], float64[::1], int64[::1], int64, int64, float64[::1])")
def profile(amount: Floats, reference: Floats, held: Ints, n_held: int, parts: int, out: Floats) -> None:
    """Write the six indices of one profile.

    Parameters
    ----------
    amount, reference
        What the places hold, and their shares under the reference.
    held, n_held
        The first `n_held` entries of `held` are the places that hold something.
    parts
        Number of all parts, the empty ones too.
    out
        In order: Gini, Gini by reference, Hoover, Theil, Herfindahl, Hachman.
    """
    total = 0.0
    for t in range(n_held):
        total += amount[held[t]]
    hoover, theil, herfindahl, squares, quotients = 0.0, 0.0, 0.0, 0.0, 0.0
    quotient = np.empty(n_held)
    for t in range(n_held):
        share, expected = amount[held[t]] / total, reference[held[t]]
        quotient[t] = share / expected
        quotients += quotient[t]
        hoover += max(share - expected, 0.0)
        theil += share * math.log(quotient[t])
        herfindahl += share * share
        squares += share * quotient[t]
    order = np.argsort(quotient)
    ranked, below, lorenz = 0.0, 0.0, 0.0
    for t in range(n_held):
        place = held[order[t]]
        share = amount[place] / total
        ranked += (parts - n_held + t + 1) * quotient[order[t]]
        lorenz += reference[place] * (2.0 * below + share)
        below += share
    out[GINI] = 2.0 * ranked / (parts * quotients) - (parts + 1.0) / parts
    out[GINI_WEIGHTED] = 1.0 - lorenz
    out[HOOVER] = hoover
    out[THEIL] = theil
    out[HERFINDAHL] = herfindahl
    out[HACHMAN] = 1.0 / squares


@compiled("void(float64[::1], float64[::1], int64[::1])")
def alias_table(chance: Floats, accept: Floats, alias: Ints) -> None:
    """Prepare draws in constant time from chances that sum to 1 (Vose 1991)."""
    n = chance.size
    small, large = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    n_small, n_large = 0, 0
    for k in range(n):
        accept[k] = chance[k] * n
        alias[k] = k
        if accept[k] < 1.0:
            small[n_small] = k
            n_small += 1
        else:
            large[n_large] = k
            n_large += 1
    while n_small > 0 and n_large > 0:
        n_small -= 1
        low, high = small[n_small], large[n_large - 1]
        alias[low] = high
        accept[high] -= 1.0 - accept[low]
        if accept[high] < 1.0:
            n_large -= 1
            small[n_small] = high
            n_small += 1
    for t in range(n_small):  # what rounding has left over
        accept[small[t]] = 1.0
    for t in range(n_large):
        accept[large[t]] = 1.0


@compiled(
    "void(float64[:, ::1], float64[::1], float64[::1], int64[::1], float64[::1], int64[::1], float64[::1], int64, "
    "float64[:, ::1])"
)
def throw(
    uniform: Floats,
    sizes: Floats,
    accept: Floats,
    alias: Ints,
    weights: Floats,
    places: Ints,
    reference: Floats,
    parts: int,
    out: Floats,
) -> None:
    """Throw units one by one, and write the indices of each throw.

    Parameters
    ----------
    uniform
        Throws × units.
    sizes
        What each unit counts.
    accept, alias, weights, places
        The categories that a unit can fall into: chances, a factor of its size, the place.
    reference, parts
        Of the places; number of all parts.
    """
    rows, n = uniform.shape
    categories = accept.size
    amount = np.zeros(reference.size)
    held = np.empty(min(n, reference.size), dtype=np.int64)
    for b in range(rows):
        n_held = 0
        for j in range(n):
            at = uniform[b, j] * categories
            k = min(int(at), categories - 1)
            if at - k >= accept[k]:
                k = alias[k]
            place = places[k]
            if amount[place] == 0.0:
                held[n_held] = place
                n_held += 1
            amount[place] += sizes[j] * weights[k]
        profile(amount, reference, held, n_held, parts, out[b])
        for t in range(n_held):
            amount[held[t]] = 0.0


@compiled(
    "void(float64[:, ::1], float64[::1], float64[::1], int64[::1], float64[::1], float64, float64[:, ::1])"
)
def throw_plants(
    uniform: Floats,
    sizes: Floats,
    accept: Floats,
    alias: Ints,
    base: Floats,
    squares: float,
    out: Floats,
) -> None:
    """Throw plants one by one, and write Σ (s − x)² and Σ s² of each throw.

    Parameters
    ----------
    uniform
        Throws × plants.
    sizes
        Shares of the sector, summing to 1.
    accept, alias
        Of the areas.
    base, squares
        Shares x of the areas, and Σ x².
    """
    rows, n = uniform.shape
    areas = base.size
    held = np.zeros(areas)
    places = np.empty(n, dtype=np.int64)
    for b in range(rows):
        own, cross = 0.0, 0.0
        for j in range(n):
            at = uniform[b, j] * areas
            k = min(int(at), areas - 1)
            if at - k >= accept[k]:
                k = alias[k]
            places[j] = k
            # (a + e)² − a²: the sum of squares grows with each plant
            own += sizes[j] * (2.0 * held[k] + sizes[j])
            cross += sizes[j] * base[k]
            held[k] += sizes[j]
        out[b, 0] = own - 2.0 * cross + squares
        out[b, 1] = own
        for j in range(n):
            held[places[j]] = 0.0
