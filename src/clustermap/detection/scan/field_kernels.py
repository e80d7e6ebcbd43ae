"""Compiled growth against a smooth background: contrasts scored by what their surroundings predict."""
# ruff: noqa: PLR0917, C901 - kernels take flat arrays by position, and call little

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

__all__ = ["contrast", "grow_rows", "set_terms"]


@compiled()
def contrast(precision: Floats, y: Floats, out: Floats) -> None:
    """Multiply: how far every area stands from what the others predict, in a fixed order of sums."""
    for i in range(y.size):
        total = 0.0
        for j in range(y.size):
            total += precision[i, j] * y[j]
        out[i] = total


@compiled()
def _grow(
    precision: Floats,
    a: Floats,
    usable: Flags,
    indptr: Ints,
    indices: Ints,
    penalty: float,
    limit: int,
    u: Floats,
    work: Ints,
) -> tuple[float, int]:
    """Grow from every area with a positive contrast; members of the best set stand in row 3 of `work`."""
    n = a.size
    best, best_size = 0.0, 0
    work[0, :] = -1
    for start in range(n):
        if not usable[start] or a[start] <= 0.0:
            continue
        total, weight, size, n_front, new, value = 0.0, 0.0, 0, 0, start, 0.0
        u[:] = 0.0
        while True:
            weight += 2 * u[new] + precision[new, new]
            total += a[new]
            work[2, size] = new
            size += 1
            value = total * total / (2 * weight) - penalty * size
            if size >= limit:
                break
            work[0, new] = start
            for q in range(indptr[new], indptr[new + 1]):
                j = indices[q]
                if usable[j] and work[0, j] != start:
                    work[0, j] = start
                    work[1, n_front] = j
                    n_front += 1
            for f in range(n):
                u[f] += precision[new, f]
            pick, top = -1, value
            for f in range(n_front):
                j = work[1, f]
                joint = total + a[j]
                if joint <= 0.0:
                    continue
                trial = joint * joint / (2 * (weight + 2 * u[j] + precision[j, j])) - penalty * (size + 1)
                if trial > top or (trial == top and pick >= 0 and j < work[1, pick]):
                    pick, top = f, trial
            if pick < 0:
                break
            new = work[1, pick]
            n_front -= 1
            work[1, pick] = work[1, n_front]
        if value > best:
            best, best_size = value, size
            work[3, :size] = work[2, :size]
    return best, best_size


@compiled()
def grow_rows(
    precisions: Floats,
    which: Ints,
    y: Floats,
    usable: Flags,
    indptr: Ints,
    indices: Ints,
    penalty: float,
    limit: int,
    values: Floats,
    sizes: Ints,
    members: Ints,
) -> None:
    """Search every row of `y` under its own model ``precisions[which]``."""
    n = y.shape[1]
    a, u, work = np.empty(n), np.empty(n), np.empty((4, n), np.int64)
    for b in range(y.shape[0]):
        contrast(precisions[which[b]], y[b], a)
        values[b], sizes[b] = _grow(precisions[which[b]], a, usable, indptr, indices, penalty, limit, u, work)
        members[b, : sizes[b]] = work[3, : sizes[b]]


@compiled()
def set_terms(precisions: Floats, y: Floats, sizes: Ints, members: Ints, out: Floats) -> None:
    """Add what a fixed effect on each row's set changes in twice the restricted log-likelihood of every model."""
    n = y.shape[1]
    for g in range(precisions.shape[0]):
        for b in range(y.shape[0]):
            if sizes[b] == 0:
                continue
            weight, total = 0.0, 0.0
            for s in range(sizes[b]):
                i = members[b, s]
                for r in range(sizes[b]):
                    weight += precisions[g, i, members[b, r]]
                for j in range(n):
                    total += precisions[g, i, j] * y[b, j]
            out[g, b] += total * total / weight - math.log(weight)
