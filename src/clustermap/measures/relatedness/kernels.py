"""The inner loops of relatedness: trades between rows of a presence matrix, and labels around sites."""

# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from math import lgamma

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = ["lag_of_draw", "meet", "multiply", "sum_tails", "trade"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
_FAINT = 1e-17  # of the sum: what follows is lost in the last digit


@compiled("void(int64[::1], int64[::1], float64[::1], float64[:, ::1])")
def multiply(indptr: Ints, indices: Ints, data: Floats, out: Floats) -> None:
    """Add up the products of each pair of columns of a sparse matrix, row by row, above and on the diagonal.

    Parameters
    ----------
    indptr, indices, data
        Compressed rows; columns rising within a row.
    out
        Columns × columns, added to.
    """
    for i in range(indptr.size - 1):
        for j in range(indptr[i], indptr[i + 1]):
            own = data[j]
            row = out[indices[j]]
            for t in range(j, indptr[i + 1]):
                row[indices[t]] += own * data[t]


@compiled("void(uint8[:, ::1], float64[:, ::1])")
def trade(state: Bytes, uniform: Floats) -> None:
    """Let random pairs of rows trade what only one of them has; row and column sums stay.

    Parameters
    ----------
    state
        Rows × columns of 0 and 1, changed in place.
    uniform
        One row per trade: two numbers that choose the rows, then as many as the smaller side can trade.
    """
    rows, wide = state.shape
    single = np.empty(wide, dtype=np.int64)
    for t in range(uniform.shape[0]):
        a = min(int(uniform[t, 0] * rows), rows - 1)
        b = min(int(uniform[t, 1] * (rows - 1)), rows - 2)
        if b >= a:
            b += 1
        n = 0
        own = 0
        for s in range(wide):
            if state[a, s] != state[b, s]:
                single[n] = s
                n += 1
                own += state[a, s]
        few = min(own, n - own)
        if few == 0:
            continue
        chosen = 1 if own <= n - own else 0  # what row a gets in the columns that are drawn
        for j in range(few):
            r = min(j + int(uniform[t, 2 + j] * (n - j)), n - 1)
            s = single[r]
            single[r] = single[j]
            single[j] = s
        for j in range(n):
            value = chosen if j < few else 1 - chosen
            state[a, single[j]] = value
            state[b, single[j]] = 1 - value


@compiled("Tuple((int32[::1], int32[::1], int64[::1], int32[::1]))(int32[::1], int64[::1], int64)")
def _compressed(labels: Places, starts: Ints, kinds_in_all: int) -> tuple[Places, Places, Ints, Places]:
    """List the labels at each site once, with how many firms have them: a site of thousands is as one firm each.

    Last comes the label of a site where one firm has any, −1 where none has, −2 where more have.
    """
    sites = starts.size - 1
    kinds = np.empty(labels.size, dtype=np.int32)
    number = np.zeros(labels.size, dtype=np.int32)
    found = np.zeros(sites, dtype=np.int64)
    only = np.empty(sites, dtype=np.int32)
    place = np.full(kinds_in_all, -1, dtype=np.int64)
    for u in range(sites):
        if starts[u + 1] - starts[u] == 1:
            label = labels[starts[u]]
            only[u] = label
            if label >= 0:
                kinds[starts[u]] = label
                number[starts[u]] = 1
                found[u] = 1
            continue
        first = starts[u]
        n = 0
        for j in range(first, starts[u + 1]):
            label = labels[j]
            if label < 0:
                continue
            if place[label] < 0:
                place[label] = first + n
                kinds[first + n] = label
                number[first + n] = 0
                n += 1
            number[place[label]] += 1
        for j in range(first, first + n):
            place[kinds[j]] = -1
        found[u] = n
        only[u] = -1 if n == 0 else kinds[first] if n == 1 and number[first] == 1 else -2
    return kinds, number, found, only


@compiled(
    "void(int64, int64[::1], int64[::1], int32[::1], float64[::1], int32[::1], int32[::1], int64[::1], int32[::1], "
    "float64[::1])"
)
def _meet_one(
    u: np.int64,
    starts: Ints,
    indptr: Ints,
    indices: Places,
    weights: Floats,
    kinds: Places,
    number: Places,
    found: Ints,
    only: Places,
    out: Floats,
) -> None:
    """Add up the weights around a site where one firm has a label: it is no neighbour of its own."""
    for e in range(indptr[u], indptr[u + 1]):
        v = indices[e]
        if only[v] >= 0:
            if v != u:
                out[only[v]] += weights[e]
            continue
        for j in range(starts[v], starts[v] + found[v]):
            out[kinds[j]] += weights[e] * number[j]


@compiled("void(int32[::1], int64[::1], int64[::1], int32[::1], float64[::1], float64[:, ::1])")
def meet(labels: Places, starts: Ints, indptr: Ints, indices: Places, weights: Floats, out: Floats) -> None:
    """Add up the weights from the firms of each label to the firms of each label, site by site.

    Parameters
    ----------
    labels
        Label of each firm, −1 for none; firms of a site stand together.
    starts
        Where the firms of each site start.
    indptr, indices, weights
        For each site the sites around it, itself included where its firms are each other's neighbours, and the
        weight of each firm there; no firm is its own neighbour.
    out
        Labels × labels, added to.
    """
    kinds, number, found, only = _compressed(labels, starts, out.shape[0])
    around = np.zeros(out.shape[0])
    touched = np.empty(out.shape[0], dtype=np.int64)
    for u in np.flatnonzero(found):
        if only[u] >= 0:
            _meet_one(u, starts, indptr, indices, weights, kinds, number, found, only, out[only[u]])
            continue
        n = 0
        itself = 0.0
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            if v == u:
                itself = weights[e]
            for j in range(starts[v], starts[v] + found[v]):
                b = kinds[j]
                if around[b] == 0.0:
                    touched[n] = b
                    n += 1
                around[b] += weights[e] * number[j]
        for j in range(starts[u], starts[u] + found[u]):
            a = kinds[j]
            for t in range(n):
                out[a, touched[t]] += number[j] * around[touched[t]]
            out[a, a] -= number[j] * itself
        for t in range(n):
            around[touched[t]] = 0.0


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int32[::1], float64[::1], int64[::1], int64, float64[::1])",
)
def lag_of_draw(
    chosen: Ints,
    site: Ints,
    firms: Ints,
    indptr: Ints,
    indices: Places,
    weights: Floats,
    marked: Ints,
    sites: int,
    out: Floats,
) -> None:
    """Sum the weights from some firms to a random set of the others.

    Parameters
    ----------
    chosen
        The set, and last one firm more, which stands in where the firm itself is in the set.
    site
        Site of each firm.
    firms
        The firms whose sums are asked for.
    indptr, indices, weights
        As in :func:`meet`.
    marked
        One 0 per firm; used, and left as it was.
    sites
        Number of sites.
    out
        Filled: one sum per firm asked for.
    """
    size = chosen.size - 1
    number = np.zeros(sites, dtype=np.int64)
    for j in range(size):
        number[site[chosen[j]]] += 1
        marked[chosen[j]] = 1
    spare = site[chosen[size]]
    for i in range(firms.size):
        u = site[firms[i]]
        inside = marked[firms[i]]
        total = 0.0
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            there = number[v]
            if inside == 1:
                if v == u:
                    there -= 1
                if v == spare:
                    there += 1
            total += weights[e] * there
        out[i] = total
    for j in range(size):
        marked[chosen[j]] = 0


@compiled("void(int64, int64[::1], int64[::1], int64[::1], float64[::1], float64[::1])")
def sum_tails(n: int, n_a: Ints, n_b: Ints, both: Ints, up: Floats, low: Floats) -> None:
    """Sum both tails of the hypergeometric law, from what was seen away from the mode.

    Parameters
    ----------
    n
        Areas.
    n_a, n_b, both
        Sizes of two random subsets, and what they share.
    up, low
        Filled: P(at least `both`), P(at most `both`).
    """
    for i in range(both.size):
        a, b, x = n_a[i], n_b[i], both[i]
        logarithm = (
            lgamma(a + 1.0) - lgamma(x + 1.0) - lgamma(a - x + 1.0)
            + lgamma(n - a + 1.0) - lgamma(b - x + 1.0) - lgamma(n - a - b + x + 1.0)
            - lgamma(n + 1.0) + lgamma(b + 1.0) + lgamma(n - b + 1.0)
        )  # fmt: skip
        here = np.exp(logarithm)
        upwards = x * (n + 2.0) >= (a + 1.0) * (b + 1.0)  # beyond the mode terms only fall
        total, term, y = here, here, x
        while term > _FAINT * total:
            if upwards:
                term *= (a - y) * (b - y) / ((y + 1.0) * (n - a - b + y + 1.0))
                y += 1
            else:
                term *= y * (n - a - b + y) / ((a - y + 1.0) * (b - y + 1.0))
                y -= 1
            total += term
        near, far = min(1.0, total), min(1.0, max(here, 1.0 - total + here))
        up[i], low[i] = (near, far) if upwards else (far, near)
