"""Which areas belong to a found cluster: connected sets weighed by their fit and by how common their shape is.

The strongest set is one of many that fit nearly as well. Sets around it are sampled (Metropolis), and an area
belongs where enough of their weight holds it. Beforehand one area is as likely as two, and larger sizes are rarer. A
set is as likely as any other of its size and compactness (number of closed rings of links): a shape is weighed against
its number, so that thin chains and blobs are not drowned by the far more numerous ragged sets, and large ragged sets
do not pass for compact ones. Of one size every compactness is as likely as any other, but that thin paths and compact
sets, the shapes of clusters along a road and around a centre, weigh more than ragged ones.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays by position, and call little

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
# chosen on tuning worlds, beside those of benchmarks/accuracy
_POWER, _SHIFT = 4.0, 4.0  # k areas are as rare as (k + 4)⁻⁴
_FEW, _MORE_FEW = 2, 3.0  # one or two areas: alike, and three times what that says of two
_PATHS = 12.0  # weight of thin paths against all shapes together
_COMPACT = 3.0  # what compact sets have more: from four areas on, those with a ring for every area but two
_ENOUGH = 0.42  # of the weight; half of the harmonic mean that can be reached is the best threshold for it
_PATH_GROWTH = 1.05  # log-number of paths without short cuts, by area; counted up to 30 areas
_BRANCH = 3  # neighbours inside that make a path no path
_STEPS, _MANY, _STEPS_OF_MANY = 3_200, 1_200_000, 800  # tries an area; beyond so many in all, fewer an area
_BURN = 0.1
_REACH = 6  # links away from the strongest set


@compiled()
def _log_number(size: int, rings: int) -> float:
    """Log of how many connected sets of so many areas have so many closed rings of links, for every area of a map.

    Fitted to counts by flat-histogram sampling (Wang and Landau 2001) of up to 40 areas on Voronoi maps of 320, with
    a root mean square error of 0.4 (0.2 up to 12 areas).
    """
    full = rings / max(1.0, 2.0 * size - 3.0)
    mixed = 0.0
    if 0.0 < full < 1.0:
        mixed = -full * math.log(full) - (1.0 - full) * math.log(1.0 - full)
    number = 1.49 * (size - 1) + 1.05 * size * mixed - 0.76 * rings
    number -= 4.47 * math.sqrt(size) * full + 0.91 * math.log(size)
    return max(0.0, number)


@compiled()
def _log_shape(size: int, links: int, branches: int) -> float:
    """Log-weight of a shape: any connected set, and more if it is compact or a thin path."""
    rings = links - size + 1
    weight = math.exp(-_log_number(size, rings)) / max(1.0, 2.0 * size - 4.0)
    if size > _FEW + 1 and rings >= size - 2:
        weight *= 1.0 + _COMPACT
    if rings == 0 and branches == 0:
        weight += _PATHS * math.exp(-_PATH_GROWTH * (size - 1))
    if size <= _FEW:
        weight *= _MORE_FEW
    return math.log(weight) - _POWER * math.log(max(size, _FEW) + _SHIFT)


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
def _offered(j: int, sign: int, inside: Flags, near: Ints, indptr: Ints, indices: Ints) -> int:
    """Change in the number of areas in or beside the set when `j` joins (1) or leaves (−1)."""
    change, edge = 0, 0 if sign > 0 else 1
    for q in range(indptr[j], indptr[j + 1]):
        if near[indices[q]] == edge and not inside[indices[q]]:
            change += sign
    return change


@compiled()
def _move(
    j: int, sign: int, inside: Flags, near: Ints, offer: Ints, offers: int, indptr: Ints, indices: Ints
) -> int:
    """Let `j` join or leave; keep the list of areas in or beside the set (row 0; row 1: where each stands)."""
    inside[j] = sign > 0
    if offer[1, j] < 0:
        offer[0, offers], offer[1, j] = j, offers
        offers += 1
    for q in range(indptr[j], indptr[j + 1]):
        i = indices[q]
        near[i] += sign
        if near[i] > 0 and offer[1, i] < 0:
            offer[0, offers], offer[1, i] = i, offers
            offers += 1
        elif near[i] == 0 and not inside[i]:
            offers -= 1
            last = offer[0, offers]
            offer[0, offer[1, i]], offer[1, last] = last, offer[1, i]
            offer[1, i] = -1
    return offers


@compiled()
def _sample(
    first: Floats,
    second: Floats,
    precision: Floats,
    total: float,
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
    n, field, steps = first.size, precision.shape[0] > 0, uniform.shape[0]
    inside, near, mark = np.zeros(n, np.bool_), np.zeros(n, np.int64), np.zeros(n, np.int64)
    offer, stack, since, u = np.full((2, n), -1, np.int64), np.empty(n, np.int64), np.zeros(n), np.zeros(n)
    a, b, size, links, branches, offers, value = 0.0, 0.0, 0, 0, 0, 0, 0.0
    burn = int(steps * _BURN)
    for t in range(-start.size, steps):
        j = start[t + start.size] if t < 0 else offer[0, int(uniform[t, 0] * offers)]
        sign = -1 if inside[j] else 1
        if t >= 0 and (size + sign > limit or size + sign == 0):
            continue
        if sign < 0 and _splits(j, size, inside, indptr, indices, stack, mark, t + 1):
            continue
        more = _branches(j, sign, inside, near, indptr, indices)
        a_new = a + sign * first[j]
        b_new = b + sign * (2 * u[j] + sign * precision[j, j]) if field else b + sign * second[j]
        trial = _log_fit(a_new, b_new, total, field)
        trial += _log_shape(size + sign, links + sign * near[j], branches + more)
        if t >= 0:
            beside = offers + _offered(j, sign, inside, near, indptr, indices)
            if math.log(uniform[t, 1] + 1e-300) >= trial - value + math.log(offers / beside):
                continue
        a, b, value, size = a_new, b_new, trial, size + sign
        links += sign * near[j]
        branches += more
        held[j] += (max(t, burn) - max(since[j], burn)) if sign < 0 else 0
        since[j] = max(t, 0)
        offers = _move(j, sign, inside, near, offer, offers, indptr, indices)
        if field:
            for i in range(n):
                u[i] += sign * precision[i, j]
    for i in range(n):
        if inside[i]:
            held[i] += steps - max(since[i], burn)
    return int(steps - burn)


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
    """Return the areas that enough of the weight holds: the connected part that shares most with the tested set.

    That set stands where no part shares an area with it, or where the part has more areas than a cluster may have.

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
    Lipton, Z. C., Elkan, C. and Naryanaswamy, B. (2014), Optimal thresholding of classifiers to maximize F1 measure.
    Machine Learning and Knowledge Discovery in Databases.
    Wang, F. and Landau, D. P. (2001), Efficient, multiple-range random walk algorithm to calculate the density of
    states. Physical Review Letters 86.
    """
    indptr, indices = graph
    places = around(strongest, usable, indptr, indices)
    local = np.full(len(usable), -1, dtype=np.int64)
    local[places] = np.arange(len(places))
    rows = [local[indices[indptr[i] : indptr[i + 1]]] for i in places]
    rows = [row[row >= 0] for row in rows]
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
    held = np.zeros(len(places), dtype=np.int64)
    tries = max(min(_STEPS * len(places), _MANY), _STEPS_OF_MANY * len(places))
    uniform = stream(seed, "membership", *purpose).random((tries, 2))
    empty = np.empty((0, 0))
    counted = _sample(
        np.ascontiguousarray(first[places]),
        np.ascontiguousarray(second[places]),
        empty if precision is None else np.ascontiguousarray(precision[np.ix_(places, places)]),
        total,
        starts,
        np.concatenate(rows).astype(np.int64),
        local[strongest],
        limit,
        uniform,
        held,
    )
    chosen = places[held >= _ENOUGH * counted]
    parts = components(indptr, indices, chosen) if len(chosen) else []
    shared = [int(np.isin(part, strongest).sum()) for part in parts]
    best = max(
        zip(shared, parts, strict=True), key=lambda one: (one[0], len(one[1]), -int(one[1][0])), default=None
    )
    return best[1] if best and best[0] and len(best[1]) <= limit else strongest
