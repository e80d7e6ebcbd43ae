"""Compiled searches over connected sets of areas: penalised greedy growth, and the same on many draws."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled
from clustermap.randomness import stream

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["best_rows", "best_sets", "grow", "maxima", "score", "search", "set_keys", "table_size"]

_MOST_SEEN = 1 << 20
_KEY_SEED = 20_240_401
_NOTHING = 1e-9
_OUTSIDE = 0.9  # the short cut holds while the rest keeps this share of its rate


def set_keys(n: int) -> Ints:
    """Give every area a fixed random key; the exclusive or of keys names a set (Zobrist hashing)."""
    return stream(_KEY_SEED, "set-keys").integers(1, 2**62, size=n, dtype=np.int64)


@compiled()
def _term(count: float, expected: float) -> float:
    """Count times the log of its ratio; 0 where nothing is counted."""
    return count * math.log(count / expected) if count > _NOTHING else 0.0


@compiled()
def score(count: float, expected: float, total: float, share: float = 0.0) -> float:
    """Log-likelihood ratio of one set for an excess; 0 where there is none.

    A positive `total` conditions on it (multinomial counts, Kulldorff 1997); otherwise counts are Poisson. A positive
    `share` makes them binomial: so large a part of the firms in the set is expected, of which there are
    ``expected / share``.
    """
    if count <= expected:
        return 0.0
    inside = count * math.log(count / expected)
    if share > 0.0:
        firms = expected / share
        inside += _term(firms - count, firms - expected)
        if total > 0.0:
            inside += _term(total - count, total - expected)
            others = total / share - firms - total
            inside += _term(others + count, others + expected)
        return inside
    if total <= 0.0:
        return inside - (count - expected)
    rest = total - count
    if rest <= 0.0:
        return inside
    return inside + rest * math.log(rest / (total - expected))


@compiled()
def _signed(count: float, expected: float, total: float) -> float:
    """Return the score, negative for a deficit, so that sets of one size can be ranked whatever they hold."""
    if count > expected:
        return score(count, expected, total)
    lack = expected - count
    return -lack if count <= 0.0 else -(count * math.log(count / expected) + lack)


@compiled()
def _first_visit(seen: Ints, key: int, filled: int) -> bool:
    """Remember a set by its key; False where its further growth has been followed already."""
    mask = seen.size - 1
    at = key & mask
    while seen[at] != 0:
        if seen[at] == key:
            return False
        at = (at + 1) & mask
    if filled * 4 < seen.size * 3:
        seen[at] = key
    return True


@compiled()
def _hopeless(
    c_new: float, e_new: float, own: float, state: tuple[float, float, float], total: float, price: float
) -> bool:
    """Whether areas that join a set cannot raise its score by their price, told without a logarithm.

    The Poisson score is subadditive, so the gain is at most the areas' own score. Given the total it is at most
    their own score against the rate of what remains outside; `own` holds it for a rate of at least `_OUTSIDE`.
    Areas at or below the rate of the rest never raise a two-rate likelihood.
    """
    if total <= 0.0:
        return own <= price
    c, e, _ = state
    if c_new * (total - e) <= e_new * (total - c):
        return True
    return own <= price and total - c - c_new >= _OUTSIDE * (total - e - e_new)


@compiled()
def _pick(
    counts: Floats,
    expected: Floats,
    own: Floats,
    front: Ints,
    n_front: int,
    state: tuple[float, float, float],
    total: float,
    penalty: float,
    exact: int,
    share: float,
) -> int:
    """Position in the frontier of the area that raises the value most, the first in order among equals; -1 if none.

    `state` is count, expected and score of the set so far.
    """
    c, e, base = state
    pick, top = -1, base + penalty
    if exact > 0:
        top = -math.inf
    for f in range(n_front):
        j = front[f]
        if exact > 0:
            trial = _signed(c + counts[j], e + expected[j], total)
        else:
            if _hopeless(counts[j], expected[j], own[j], state, total, penalty):
                continue
            trial = score(c + counts[j], e + expected[j], total, share)
        if trial > top or (trial == top and pick >= 0 and j < front[pick]):
            pick, top = f, trial
    return pick


@compiled()
def _widen(new: int, start: int, n_front: int, work: Ints, usable: Flags, indptr: Ints, indices: Ints) -> int:
    """Put the unseen neighbours of a new member on the frontier (row 1 of `work`); row 0 marks what was met."""
    work[0, new] = start
    for q in range(indptr[new], indptr[new + 1]):
        j = indices[q]
        if usable[j] and work[0, j] != start:
            work[0, j] = start
            work[1, n_front] = j
            n_front += 1
    return n_front


@compiled()
def grow(
    counts: Floats,
    expected: Floats,
    usable: Flags,
    graph: tuple[Ints, Ints, Ints],
    total: float,
    penalty: float,
    limit: int,
    exact: int,
    own: Floats,
    work: Ints,
    seen: Ints,
    share: float,
) -> tuple[float, int]:
    """Grow from every area with an excess; return the best penalised value and its size, members in row 3 of `work`.

    With `exact` > 0 every growth goes on to this size and only sets of this size count.
    """
    indptr, indices, keys = graph
    best, best_size, filled = 0.0 if exact == 0 else -math.inf, 0, 0
    seen[:] = 0
    work[0, :] = -1
    rate = 1.0 if total <= 0.0 else _OUTSIDE
    for j in range(counts.size):
        own[j] = score(counts[j], expected[j] * rate, 0.0, share * rate)
    for start in range(counts.size):
        if not usable[start] or counts[start] <= expected[start]:
            continue
        c, e, value, size, n_front, new, key = 0.0, 0.0, 0.0, 0, 0, start, 0
        followed = False
        while True:
            work[2, size] = new
            size += 1
            c += counts[new]
            e += expected[new]
            key ^= keys[new]
            if not _first_visit(seen, key, filled):
                followed = True
                break
            filled += 1
            value = score(c, e, total, share) if exact == 0 else _signed(c, e, total)
            if size >= limit:
                break
            n_front = _widen(new, start, n_front, work, usable, indptr, indices)
            at = _pick(counts, expected, own, work[1], n_front, (c, e, value), total, penalty, exact, share)
            if at < 0:
                break
            new = work[1, at]
            n_front -= 1
            work[1, at] = work[1, n_front]
        value -= penalty * size
        if not followed and value > best and exact in (0, size):
            best, best_size = value, size
            work[3, :size] = work[2, :size]
    return best, best_size


@compiled()
def table_size(n: int) -> int:
    """Return how many places the memory of sets has."""
    size = 64
    while size < 4 * n and size < _MOST_SEEN:
        size *= 2
    return size


@compiled()
def search(
    counts: Floats,
    expected: Floats,
    usable: Flags,
    graph: tuple[Ints, Ints, Ints],
    total: float,
    penalty: float,
    limit: int,
    share: float = 0.0,
) -> tuple[float, Ints]:
    """Return the best penalised score over all greedy growths, and its members in order."""
    n = counts.size
    work = np.empty((4, n), np.int64)
    seen = np.empty(table_size(n), np.int64)
    best, size = grow(
        counts, expected, usable, graph, total, penalty, limit, 0, np.empty(n), work, seen, share
    )
    return best, np.sort(work[3, :size].copy())


@compiled()
def maxima(
    draws: Ints,
    expected: Floats,
    usable: Flags,
    graph: tuple[Ints, Ints, Ints],
    total: float,
    penalty: float,
    limit: int,
    share: float = 0.0,
) -> Floats:
    """Return the best penalised score of every row of draws."""
    n = expected.size
    own, counts = np.empty(n), np.empty(n)
    work = np.empty((4, n), np.int64)
    seen = np.empty(table_size(n), np.int64)
    out = np.empty(draws.shape[0])
    for b in range(draws.shape[0]):
        counts[:] = draws[b]
        out[b], _ = grow(counts, expected, usable, graph, total, penalty, limit, 0, own, work, seen, share)
    return out


@compiled()
def best_rows(
    counts: Floats,
    expected: Floats,
    usable: Flags,
    graph: tuple[Ints, Ints, Ints],
    total: float,
    penalty: float,
    limit: int,
    inside: Flags,
) -> Floats:
    """Return the best penalised score of every row of counts and expectations, and mark its members in `inside`."""
    rows, n = counts.shape
    own, work = np.empty(n), np.empty((4, n), np.int64)
    seen = np.empty(table_size(n), np.int64)
    out = np.empty(rows)
    for b in range(rows):
        out[b], size = grow(
            counts[b], expected[b], usable, graph, total, penalty, limit, 0, own, work, seen, 0.0
        )
        inside[b] = False
        for k in range(size):
            inside[b, work[3, k]] = True
    return out


@compiled()
def best_sets(
    counts: Floats,
    expected: Floats,
    usable: Flags,
    graph: tuple[Ints, Ints, Ints],
    total: float,
    size: int,
) -> Ints:
    """Return, for every row of counts and expectations, the best connected set of one size that growth finds.

    Rows in which no set of this size is found hold -1.
    """
    rows, n = counts.shape
    own, work = np.empty(n), np.empty((4, n), np.int64)
    seen = np.empty(table_size(n), np.int64)
    out = np.full((rows, size), -1, np.int64)
    for b in range(rows):
        _, found = grow(counts[b], expected[b], usable, graph, total, 0.0, size, size, own, work, seen, 0.0)
        if found == size:
            out[b] = np.sort(work[3, :size].copy())
    return out
