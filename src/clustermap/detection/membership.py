"""Which areas belong to a found cluster: connected sets weighed by their fit and by how common their shape is.

The strongest set is one of many that fit nearly as well. Sets around it are sampled (Metropolis), and an area
belongs where more than half of their weight holds it. On maps of areas the number of sets of k areas grows like
``exp(1.5 k)`` for connected sets, ``exp(1.0 k)`` for paths without short cuts and ``exp(0.7 k)`` for compact sets
(at least 2k − 3 links), counted up to k = 6; a shape is weighed against its number, so that thin chains and blobs are
not drowned.
"""
# ruff: noqa: PLR0917, C901, PLR0912 - kernels take flat arrays by position, and call little

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled
from clustermap.detection.adjacency import components
from clustermap.randomness import stream

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["around", "likely_members"]

_RISKS = np.array([1.5, 2.0, 3.0, 4.5])  # ratios that a cluster may have, equally likely
_ANY, _PATH, _COMPACT = (
    1.8,
    1.3,
    1.0,
)  # the growth above, and 0.3 an area: large sets are rarer than small ones
_PATH_WEIGHT, _COMPACT_WEIGHT = 1.0, 0.1  # chosen on the tuning worlds of benchmarks/accuracy
_BRANCH = 3  # neighbours inside that make a path no path
_STEPS = 800  # tries an area
_BURN = 0.1
_REACH = 6  # links away from the strongest set
_HALF = 0.5


@compiled()
def _log_shape(size: int, links: int, branches: int) -> float:
    """Log-weight of a shape: any connected set, and more if it is a thin path or compact."""
    weight = math.exp(-_ANY * size)
    if links == size - 1 and branches == 0:
        weight += _PATH_WEIGHT * math.exp(-_PATH * size)
    if links >= 2 * size - 3:
        weight += _COMPACT_WEIGHT * math.exp(-_COMPACT * size)
    return math.log(weight)


@compiled()
def _log_fit(first: float, second: float, total: float, field: bool) -> float:
    """Log-likelihood ratio of a set: (count, expected) given the total, or (contrast, its precision) of a field."""
    if field:
        return first * first / (2.0 * second) if first > 0 and second > 0 else 0.0
    best, parts = -math.inf, np.empty(_RISKS.size)
    for i in range(_RISKS.size):
        r = _RISKS[i]
        parts[i] = first * math.log(r) - total * math.log(1.0 + (r - 1.0) * second / total)
        best = max(best, parts[i])
    weight = 0.0
    for i in range(_RISKS.size):
        weight += math.exp(parts[i] - best)
    return best + math.log(weight / _RISKS.size)


@compiled()
def _splits(
    j: int, size: int, inside: Flags, indptr: Ints, indices: Ints, stack: Ints, mark: Ints, sign: int
) -> bool:
    """Whether a set falls apart without one of its members."""
    top, met = 0, 0
    mark[j] = sign
    for q in range(indptr[j], indptr[j + 1]):
        if inside[indices[q]]:
            stack[0] = indices[q]
            mark[indices[q]] = sign
            top, met = 1, 1
            break
    while top > 0:
        top -= 1
        at = stack[top]
        for q in range(indptr[at], indptr[at + 1]):
            b = indices[q]
            if inside[b] and mark[b] != sign:
                mark[b] = sign
                met += 1
                stack[top] = b
                top += 1
    return met != size - 1


@compiled()
def _branches(j: int, sign: int, inside: Flags, near: Ints, indptr: Ints, indices: Ints) -> int:
    """Change in the number of members with three or more neighbours inside when `j` joins (1) or leaves (−1)."""
    change = sign if near[j] >= _BRANCH else 0
    edge = _BRANCH - 1 if sign > 0 else _BRANCH
    for q in range(indptr[j], indptr[j + 1]):
        if inside[indices[q]] and near[indices[q]] == edge:
            change += sign
    return change


@compiled()
def _sample(
    first: Floats,
    second: Floats,
    precision: Floats,
    total: float,
    usable: Flags,
    indptr: Ints,
    indices: Ints,
    start: Ints,
    limit: int,
    uniform: Floats,
    held: Ints,
) -> int:
    """Walk over connected sets from `start`; count in `held` how often each area was inside; return the steps counted.

    `first` and `second` are counts and expectations; with a `precision` matrix, contrasts and nothing.
    """
    n, field = first.size, precision.shape[0] > 0
    inside, near, mark = np.zeros(n, np.bool_), np.zeros(n, np.int64), np.zeros(n, np.int64)
    stack, u = np.empty(n, np.int64), np.zeros(n)
    a, b, size, links, branches = 0.0, 0.0, 0, 0, 0
    for j in start:
        links += near[j]
        branches += _branches(j, 1, inside, near, indptr, indices)
        b += 2 * u[j] + precision[j, j] if field else second[j]
        a += first[j]
        inside[j] = True
        size += 1
        for q in range(indptr[j], indptr[j + 1]):
            near[indices[q]] += 1
        if field:
            for i in range(n):
                u[i] += precision[i, j]
    value = _log_fit(a, b, total, field) + _log_shape(size, links, branches)
    counted, burn = 0, int(uniform.shape[0] * _BURN)
    for t in range(uniform.shape[0]):
        j = int(uniform[t, 0] * n)
        sign = -1 if inside[j] else 1
        allowed = usable[j] and near[j] > 0 and size + sign <= limit and size + sign > 0
        if allowed and sign < 0:
            allowed = not _splits(j, size, inside, indptr, indices, stack, mark, t + 1)
        if allowed:
            more = _branches(j, sign, inside, near, indptr, indices)
            a_new = a + sign * first[j]
            b_new = b + sign * (2 * u[j] + sign * precision[j, j]) if field else b + sign * second[j]
            trial = _log_fit(a_new, b_new, total, field)
            trial += _log_shape(size + sign, links + sign * near[j], branches + more)
            if math.log(uniform[t, 1] + 1e-300) < trial - value:
                a, b, value = a_new, b_new, trial
                size += sign
                links += sign * near[j]
                branches += more
                inside[j] = sign > 0
                for q in range(indptr[j], indptr[j + 1]):
                    near[indices[q]] += sign
                if field:
                    for i in range(n):
                        u[i] += sign * precision[i, j]
        if t >= burn:
            counted += 1
            for i in range(n):
                held[i] += inside[i]
    return counted


def around(start: Ints, usable: Flags, indptr: Ints, indices: Ints) -> Ints:
    """Return the usable areas up to six links from a set, in order: further ones are out of reach of the walk.

    Examples
    --------
    >>> chain = np.array([0, 1, 3, 4]), np.array([1, 0, 2, 1])
    >>> around(np.array([0]), np.ones(3, dtype=bool), *chain).tolist()
    [0, 1, 2]
    """
    known = np.zeros(len(usable), dtype=bool)
    known[start] = True
    front = start
    for _ in range(_REACH):
        near = np.concatenate([indices[indptr[i] : indptr[i + 1]] for i in front])
        front = np.unique(near[~known[near] & usable[near]])
        known[front] = True
        if not len(front):
            break
    return np.flatnonzero(known)


def likely_members(
    first: Floats,
    second: Floats,
    *,
    precision: Floats | None,
    total: float,
    usable: Flags,
    graph: tuple[Ints, Ints],
    strongest: Ints,
    limit: int,
    seed: int,
    purpose: tuple[str, str, int],
) -> Ints:
    """Return the areas that more than half of the weight holds: their largest connected part, in order.

    Parameters
    ----------
    first, second : numpy.ndarray
        Counts and expectations by area; with `precision`, the contrasts of a field and anything.
    precision : numpy.ndarray or None
        Precision of the field, areas × areas.
    total : float
        The sector's total, which counts are conditioned on.
    usable : numpy.ndarray
        Areas that take part.
    graph : tuple of numpy.ndarray
        Neighbours as compressed rows.
    strongest : numpy.ndarray
        The set that was tested: where the walk begins.
    limit : int
        Most areas of a set.
    seed : int
        What the walk is drawn from.
    purpose : tuple
        Background, sector and number of the cluster: what the walk's stream is for.

    References
    ----------
    Barbieri, M. M. and Berger, J. O. (2004), Optimal predictive model selection. Annals of Statistics 32.
    """
    indptr, indices = graph
    places = around(strongest, usable, indptr, indices)
    local = np.full(len(usable), -1, dtype=np.int64)
    local[places] = np.arange(len(places))
    rows = [local[indices[indptr[i] : indptr[i + 1]]] for i in places]
    rows = [row[row >= 0] for row in rows]
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    held = np.zeros(len(places), dtype=np.int64)
    uniform = stream(seed, "membership", *purpose).random((_STEPS * len(places), 2))
    empty = np.empty((0, 0))
    counted = _sample(
        np.ascontiguousarray(first[places]),
        np.ascontiguousarray(second[places]),
        empty if precision is None else np.ascontiguousarray(precision[np.ix_(places, places)]),
        total,
        usable[places],
        starts,
        np.concatenate(rows).astype(np.int64),
        local[strongest],
        limit,
        uniform,
        held,
    )
    chosen = places[held > _HALF * counted]
    if not len(chosen):
        return strongest
    return max(components(indptr, indices, chosen), key=lambda part: (len(part), -int(part[0])))
