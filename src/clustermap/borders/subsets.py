"""Compiled kernels on connected sets of one size: how drawn-out they are, all of them, or a uniform walk."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

__all__ = ["elongation", "elongations", "enumerate_sets", "walk"]

_TIE = 1e-9
_STRAIGHT = 1e-12


@compiled()
def elongation(x: Floats, y: Floats, w: Floats, members: Ints) -> float:
    """``1 − √(λ2/λ1)`` of the weighted covariance: 1 on a line, 0 for a round set or a single place."""
    total = mx = my = 0.0
    for i in members:
        total += w[i]
        mx += w[i] * x[i]
        my += w[i] * y[i]
    if total <= 0.0:
        return 0.0
    mx, my = mx / total, my / total
    xx = xy = yy = 0.0
    for i in members:
        dx, dy = x[i] - mx, y[i] - my
        xx += w[i] * dx * dx
        xy += w[i] * dx * dy
        yy += w[i] * dy * dy
    half = (xx + yy) / 2.0
    root = math.sqrt((xx - yy) * (xx - yy) / 4.0 + xy * xy)
    if half + root <= 0.0:
        return 0.0
    # the small eigenvalue as determinant / large one: the difference of the two would cancel
    ratio = (xx * yy - xy * xy) / ((half + root) * (half + root))
    # rounding leaves 1e-16 where a straight line has 0, and the root makes 1e-8 of it: lines would not tie
    return 1.0 - math.sqrt(ratio) if ratio > _STRAIGHT else 1.0


@compiled()
def elongations(x: Floats, y: Floats, w: Floats, sets: Ints) -> Floats:
    """Return the elongation of every row of members."""
    out = np.empty(sets.shape[0])
    for b in range(sets.shape[0]):
        out[b] = elongation(x, y, w, sets[b])
    return out


@compiled()
def _cover(node: int, by: int, indptr: Ints, indices: Ints, cover: Ints) -> None:
    """Count a member's closed neighbourhood in or out."""
    cover[node] += by
    for q in range(indptr[node], indptr[node + 1]):
        cover[indices[q]] += by


@compiled()
def enumerate_sets(  # noqa: C901 - one loop with its own stack, for the compiler
    indptr: Ints, indices: Ints, size: int, x: Floats, y: Floats, w: Floats, observed: float, cap: int
) -> tuple[int, int, int]:
    """Walk through every connected set of one size once (ESU; Wernicke 2006).

    Returns
    -------
    number, reached, top
        Sets in all, sets at least as drawn-out as `observed`, sets tied for the most drawn-out. The number
        is cap + 1 where the cap was passed.
    """
    n = indptr.size - 1
    ext = np.empty((size + 1, n), np.int64)
    ext_len = np.zeros(size + 1, np.int64)
    chosen = np.empty(size, np.int64)
    cover = np.zeros(n, np.int64)
    number, reached, top, most = 0, 0, 0, -1.0
    for root in range(n):
        chosen[0] = root
        _cover(root, 1, indptr, indices, cover)
        depth, ext_len[1] = 1, 0
        for q in range(indptr[root], indptr[root + 1]):
            if indices[q] > root:
                ext[1, ext_len[1]] = indices[q]
                ext_len[1] += 1
        while depth > 0:
            if depth == size:
                number += 1
                if number > cap:
                    return number, reached, top
                value = elongation(x, y, w, chosen)
                reached += value >= observed - _TIE
                if value > most + _TIE:
                    most, top = value, 1
                elif value >= most - _TIE:
                    top += 1
            if depth == size or ext_len[depth] == 0:
                depth -= 1
                _cover(chosen[depth], -1, indptr, indices, cover)
                continue
            ext_len[depth] -= 1
            new, kept = ext[depth, ext_len[depth]], ext_len[depth]
            ext[depth + 1, :kept] = ext[depth, :kept]
            for q in range(indptr[new], indptr[new + 1]):
                j = indices[q]
                if j > root and cover[j] == 0:  # a neighbour of the new member alone
                    ext[depth + 1, kept] = j
                    kept += 1
            ext_len[depth + 1] = kept
            _cover(new, 1, indptr, indices, cover)
            chosen[depth] = new
            depth += 1
    return number, reached, top


@compiled()
def _connected(members: Ints, inside: Ints, indptr: Ints, indices: Ints, queue: Ints) -> bool:
    """Whether the flagged members hang together; flags are used as marks and restored."""
    queue[0], head, tail = members[0], 0, 1
    inside[members[0]] = 2
    while head < tail:
        at = queue[head]
        head += 1
        for q in range(indptr[at], indptr[at + 1]):
            j = indices[q]
            if inside[j] == 1:
                inside[j] = 2
                queue[tail] = j
                tail += 1
    for i in members:
        inside[i] = 1
    return tail == members.size


@compiled()
def _shift(
    node: int, by: int, indptr: Ints, indices: Ints, touching: Ints, rim: Ints, place: Ints, n_rim: int
) -> int:
    """Count a member in or out of its neighbours' links, and keep the list of touched areas."""
    for q in range(indptr[node], indptr[node + 1]):
        j = indices[q]
        before = touching[j]
        touching[j] = before + by
        if before == 0:
            rim[n_rim], place[j] = j, n_rim
            n_rim += 1
        elif before + by == 0:
            n_rim -= 1
            last = rim[n_rim]
            rim[place[j]], place[last] = last, place[j]
    return n_rim


@compiled()
def walk(  # noqa: C901, PLR0912 - one step is one unit: propose, check, undo
    indptr: Ints, indices: Ints, start: Ints, chances: Floats, thin: int
) -> Ints:
    """Walk over connected sets of one size with the uniform law as its equilibrium.

    A member leaves and an area that touches the set joins, both drawn uniformly; the move stands where the
    new set is connected, with probability min(1, outer rim before / outer rim after) (Metropolis–Hastings).
    The walk is reversible. Every `thin` steps the set is written down.

    Parameters
    ----------
    start : array
        The set to begin with.
    chances : array
        Uniform numbers, three a step.
    """
    n, size = indptr.size - 1, start.size
    members, queue = start.copy(), np.empty(size, np.int64)
    inside, touching = np.zeros(n, np.int64), np.zeros(n, np.int64)
    # the rim lists all areas with a member beside them, members too; the outer rim are those outside
    rim, place, n_rim = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for i in members:
        inside[i] = 1
    for i in members:
        n_rim = _shift(i, 1, indptr, indices, touching, rim, place, n_rim)
    out = np.empty((chances.shape[0] // thin, size), np.int64)
    touched = 0
    for i in members:
        touched += touching[i] > 0
    for step in range(out.shape[0] * thin):
        outer = n_rim - touched
        if outer > 0:
            at = int(chances[step, 0] * size)
            skip = int(chances[step, 1] * outer)
            joins, leaves = -1, members[at]
            for r in range(n_rim):
                if inside[rim[r]] == 0:
                    if skip == 0:
                        joins = rim[r]
                        break
                    skip -= 1
            n_rim = _shift(leaves, -1, indptr, indices, touching, rim, place, n_rim)
            n_rim = _shift(joins, 1, indptr, indices, touching, rim, place, n_rim)
            members[at], inside[leaves], inside[joins] = joins, 0, 1
            stands = _connected(members, inside, indptr, indices, queue)
            if stands:
                now = 0
                for i in members:
                    now += touching[i] > 0
                stands = chances[step, 2] * (n_rim - now) < outer
            if stands:
                touched = now
            else:
                n_rim = _shift(joins, -1, indptr, indices, touching, rim, place, n_rim)
                n_rim = _shift(leaves, 1, indptr, indices, touching, rim, place, n_rim)
                members[at], inside[leaves], inside[joins] = leaves, 1, 0
        if (step + 1) % thin == 0:
            out[step // thin] = members
    return out
