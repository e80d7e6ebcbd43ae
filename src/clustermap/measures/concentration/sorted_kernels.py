"""Compiled parts of concentration for units of one size: places stay in order, so that no throw is sorted anew.

A place that holds c units has the value c / share of the reference. Its rank among the others is all that the Gini
indices need beside sums, and both kernels here keep the order instead of finding it: one adds units to a throw, the
other reads places in the order of their reference.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled
from clustermap.measures.concentration.kernels import (
    GINI,
    GINI_WEIGHTED,
    HACHMAN,
    HERFINDAHL,
    HOOVER,
    THEIL,
)

__all__ = ["grow", "grow_all", "measure_counts", "tally"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@compiled("void(float64[:, ::1], int64, float64, int64, float64[::1])")
def _indices(places: Floats, held: int, n: float, parts: int, out: Floats) -> None:
    """Write the six indices of `held` places in rising order of their values; n units in all.

    `places` has the rows value, count, share of the reference, logarithm of the value.
    """
    value, count, share, logarithm = places[0], places[1], places[2], places[3]
    quotients, ranked, below, lorenz, hoover, theil, herfindahl, squares = (
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    )
    for t in range(held):
        quotients += value[t]
        ranked += (parts - held + t + 1) * value[t]
        lorenz += share[t] * (2.0 * below + count[t])
        below += count[t]
        hoover += max(count[t] / n - share[t], 0.0)
        theil += count[t] * logarithm[t]
        herfindahl += count[t] * count[t]
        squares += count[t] * value[t]
    out[GINI] = 2.0 * ranked / (parts * quotients) - (parts + 1.0) / parts
    out[GINI_WEIGHTED] = 1.0 - lorenz / n
    out[HOOVER] = hoover
    out[THEIL] = theil / n - math.log(n)
    out[HERFINDAHL] = herfindahl / (n * n)
    out[HACHMAN] = n * n / squares


@compiled("void(int64[::1], int64[::1], int64[::1], float64[::1], int64, float64[:, ::1])")
def grow(place: Ints, number: Ints, ends: Ints, share: Floats, parts: int, out: Floats) -> None:
    """Add units to one throw, and write the indices after each step.

    Parameters
    ----------
    place, number
        Where units fall, and how many at once.
    ends
        Where each step ends in `place`; every step adds something.
    share
        The reference's shares of the places, all above 0.
    parts
        Number of all places.
    out
        Steps × indices.
    """
    amount = np.zeros(share.size, dtype=np.int64)
    touched = np.full(share.size, -1, dtype=np.int64)
    most = min(place.size, share.size)
    changed = np.empty(most, dtype=np.int64)
    news = np.empty(most)
    # value, count, share, logarithm of the value: of the step before and of this one
    old, new = np.empty((4, most)), np.empty((4, most))
    whose, whose_new = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    held, start, n = 0, 0, 0
    for step in range(ends.size):
        some = 0
        for j in range(start, ends[step]):
            k = place[j]
            if touched[k] != step:
                touched[k] = step
                changed[some] = k
                some += 1
            amount[k] += number[j]
            n += number[j]
        start = ends[step]
        for j in range(some):
            news[j] = amount[changed[j]] / share[changed[j]]
        order = np.argsort(news[:some])
        at, j, t = 0, 0, 0
        while True:
            while at < held and touched[whose[at]] == step:  # it stands among the new ones
                at += 1
            if j < some and (at == held or news[order[j]] < old[0, at]):
                k = changed[order[j]]
                new[0, t], new[1, t], new[2, t] = news[order[j]], amount[k], share[k]
                new[3, t] = math.log(news[order[j]])
                whose_new[t] = k
                j += 1
            elif at < held:
                for c in range(4):
                    new[c, t] = old[c, at]
                whose_new[t] = whose[at]
                at += 1
            else:
                break
            t += 1
        held = t
        old, new = new, old
        whose, whose_new = whose_new, whose
        _indices(old, held, float(n), parts, out[step])


@compiled(
    "void(float64[:, ::1], int64[:, :, ::1], int64[::1], float64[::1], int64[::1], float64[::1], float64[:, :, ::1])"
)
def grow_all(
    uniform: Floats, many: Ints, added: Ints, accept: Floats, alias: Ints, share: Floats, out: Floats
) -> None:
    """Throw units one by one, or take them by place, and let every throw grow as in `grow`.

    Parameters
    ----------
    uniform
        Throws × units thrown one by one, between 0 and 1.
    many
        Throws × steps that are taken by place × places: units.
    added
        Units that each step throws one by one; 0 where it is taken by place.
    accept, alias
        Walker's table of the shares.
    share
        As in `grow`; all places are in it.
    out
        Throws × steps × indices.
    """
    places, steps = share.size, added.size
    most = uniform.shape[1] + many.shape[1] * places
    place, number = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    ends = np.empty(steps, dtype=np.int64)
    for b in range(out.shape[0]):
        i, j, t = 0, 0, 0
        for step in range(steps):
            for _ in range(added[step]):
                at = uniform[b, i] * places
                k = min(int(at), places - 1)
                place[t] = k if at - k < accept[k] else alias[k]
                number[t] = 1
                i += 1
                t += 1
            if added[step] == 0:
                for k in range(places):
                    if many[b, j, k] > 0:
                        place[t], number[t] = k, many[b, j, k]
                        t += 1
                j += 1
            ends[step] = t
        grow(place[:t], number[:t], ends, share, places, out[b])


@compiled("void(int64[:, ::1], int64[::1], int64[:, ::1])")
def tally(picked: Ints, place: Ints, out: Ints) -> None:
    """Count how often the place of each unit was picked, row by row."""
    for b in range(picked.shape[0]):
        row = out[b]
        for j in range(picked.shape[1]):
            row[place[picked[b, j]]] += 1


@compiled("void(int64[:, ::1], float64[::1], float64[::1], int64, float64[:, ::1])")
def measure_counts(counts: Ints, share: Floats, logarithm: Floats, parts: int, out: Floats) -> None:
    """Write the indices of each row of counts.

    Parameters
    ----------
    counts
        Rows × places.
    share, logarithm
        The reference's shares of the places, **falling**, all above 0, and minus their logarithms.
    parts
        Number of all places, those not in `counts` too.
    """
    rows, size = counts.shape
    single, double, more = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    places, key = np.empty((4, size)), np.empty(size)
    two = math.log(2.0)
    for b in range(rows):
        # places with equal counts stand in order already: only those with three units or more are sorted
        n, ones, twos, others = 0, 0, 0, 0
        for k in range(size):
            c = counts[b, k]
            n += c
            if c == 1:
                single[ones] = k
                ones += 1
            elif c == 2:  # noqa: PLR2004
                double[twos] = k
                twos += 1
            elif c > 0:
                more[others] = k
                key[others] = c / share[k]
                others += 1
        order = np.argsort(key[:others])
        i, j, h = 0, 0, 0
        for t in range(ones + twos + others):
            first = 1.0 / share[single[i]] if i < ones else np.inf
            second = 2.0 / share[double[j]] if j < twos else np.inf
            third = key[order[h]] if h < others else np.inf
            if first <= second and first <= third:
                k, v, c, added = single[i], first, 1, 0.0
                i += 1
            elif second <= third:
                k, v, c, added = double[j], second, 2, two
                j += 1
            else:
                k, v = more[order[h]], third
                c = counts[b, k]
                added = math.log(float(c))
                h += 1
            places[0, t], places[1, t], places[2, t], places[3, t] = v, c, share[k], logarithm[k] + added
        _indices(places, ones + twos + others, float(n), parts, out[b])
