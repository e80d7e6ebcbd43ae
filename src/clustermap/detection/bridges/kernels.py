"""Compiled search for gaps worth closing: the cheapest few areas between two sets, and the same on many draws."""
# ruff: noqa: PLR0917, C901, SIM110 - kernels take flat arrays by position, and call little

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled
from clustermap.detection.scan.kernels import grow, score, table_size

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["FREE", "bridged_maxima", "pair_bridge"]

FREE = -1  # an area of no set
_NOT_USABLE = -2


@compiled()
def _sums(label: Ints, p: int, q: int, counts: Floats, expected: Floats) -> tuple[float, float, int]:
    c, e, size = 0.0, 0.0, 0
    for j in range(label.size):
        if label[j] in (p, q):
            c += counts[j]
            e += expected[j]
            size += 1
    return c, e, size


@compiled()
def _near(j: int, wanted: int, label: Ints, indptr: Ints, indices: Ints) -> bool:
    """Whether an area has a neighbour in a set."""
    for k in range(indptr[j], indptr[j + 1]):
        if label[indices[k]] == wanted:
            return True
    return False


@compiled()
def pair_bridge(
    p: int,
    q: int,
    label: Ints,
    counts: Floats,
    expected: Floats,
    indptr: Ints,
    indices: Ints,
    law: tuple[float, float],
    penalty: float,
    limit: int,
    path: Ints,
) -> tuple[float, int]:
    """Value of two sets joined by the cheapest chain of free areas, and its length; the areas in `path`.

    The price of an area is its penalty and what it costs at the ratio of both sets, never below 0. The length is 0
    where the sets touch, where no chain is short enough, or where the union is too large.
    """
    total, share = law
    n, most = label.size, path.size
    c, e, size = _sums(label, p, q, counts, expected)
    if c <= e or size + 1 > limit:
        return 0.0, 0
    ratio = c / e
    price = np.empty((most, n))
    back = np.full((most, n), -1, np.int64)
    price[:] = math.inf
    for j in range(n):
        if label[j] == p and _near(j, q, label, indptr, indices):
            return 0.0, 0
        if label[j] == FREE and _near(j, p, label, indptr, indices):
            price[0, j] = max(0.0, penalty - counts[j] * math.log(ratio) + expected[j] * (ratio - 1.0))
    best, length, last = math.inf, 0, -1
    for h in range(min(most, limit - size)):
        for j in range(n):
            if h > 0 and label[j] == FREE:
                own = max(0.0, penalty - counts[j] * math.log(ratio) + expected[j] * (ratio - 1.0))
                for k in range(indptr[j], indptr[j + 1]):
                    i = indices[k]
                    if price[h - 1, i] + own < price[h, j]:
                        price[h, j] = price[h - 1, i] + own
                        back[h, j] = i
            if price[h, j] < best and _near(j, q, label, indptr, indices):
                best, length, last = price[h, j], h + 1, j
    if length == 0:
        return 0.0, 0
    for h in range(length - 1, -1, -1):
        path[h] = last
        c += counts[last]
        e += expected[last]
        last = back[h, last]
    return score(c, e, total, share) - penalty * (size + length), length


@compiled()
def _join_all(
    found: int,
    values: Floats,
    label: Ints,
    counts: Floats,
    expected: Floats,
    graph: tuple[Ints, Ints, Ints],
    law: tuple[float, float],
    penalty: float,
    limit: int,
    path: Ints,
) -> float:
    """Join the pair of sets that gains most, until none gains; return the best value."""
    n = label.size
    while True:
        gain, first, second = 0.0, -1, -1
        for p in range(found):
            for q in range(p + 1, found):
                if values[p] <= 0.0 or values[q] <= 0.0:
                    continue
                value, length = pair_bridge(
                    p, q, label, counts, expected, graph[0], graph[1], law, penalty, limit, path
                )
                apart = max(values[p], values[q], values[p] + values[q] - math.log(n))
                if length > 0 and value - apart > gain:
                    gain, first, second = value - apart, p, q
        if first < 0:
            return float(values[:found].max()) if found > 0 else 0.0
        value, length = pair_bridge(
            first, second, label, counts, expected, graph[0], graph[1], law, penalty, limit, path
        )
        for h in range(length):
            label[path[h]] = first
        for j in range(n):
            if label[j] == second:
                label[j] = first
        values[first], values[second] = value, 0.0


@compiled()
def bridged_maxima(
    counts: Floats,
    expected: Floats,
    usable: Flags,
    graph: tuple[Ints, Ints, Ints],
    law: tuple[float, float],
    penalty: float,
    limit: int,
    sets: int,
    most: int,
) -> Floats:
    """Return, for every row, the best value where up to so many sets may be joined through gaps."""
    rows, n = counts.shape
    total, share = law
    own, work = np.empty(n), np.empty((4, n), np.int64)
    seen = np.empty(table_size(n), np.int64)
    label, left, values, path = (
        np.empty(n, np.int64),
        np.empty(n, np.bool_),
        np.zeros(sets),
        np.empty(most, np.int64),
    )
    out = np.zeros(rows)
    for b in range(rows):
        found = 0
        for j in range(n):
            left[j] = usable[j]
            label[j] = FREE if usable[j] else _NOT_USABLE
        while found < sets:
            value, size = grow(
                counts[b], expected[b], left, graph, total, penalty, limit, 0, own, work, seen, share
            )
            if size == 0:
                break
            for k in range(size):
                label[work[3, k]] = found
                left[work[3, k]] = False
            values[found] = value
            found += 1
        out[b] = _join_all(found, values, label, counts[b], expected[b], graph, law, penalty, limit, path)
    return out
