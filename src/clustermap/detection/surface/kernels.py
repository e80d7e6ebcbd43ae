"""Kernel sums on square cells. Weights are whole numbers, so a sum is exact and no answer depends on any order."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = ["kernel_weights", "largest", "smoothed"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SCALE = 1_024  # weight of a firm in the same row or column


def kernel_weights(steps: int) -> Floats:
    """Return the Gaussian in whole 1,024ths by cells from the middle, out to where it rounds to 0.

    Parameters
    ----------
    steps : int
        Cells to one bandwidth.

    Examples
    --------
    >>> weights = kernel_weights(4)
    >>> float(weights[0]), float(weights[4]), len(weights)
    (1024.0, 621.0, 16)
    """
    away = np.arange(8 * steps)
    weights = np.rint(_SCALE * np.exp(-0.5 * (away / steps) ** 2))
    return np.asarray(weights[weights > 0])


@compiled(
    "void(int64[::1], int64[::1], float64[::1], float64[::1], int64[:, ::1], float64[:, ::1], float64[::1])"
)
def smoothed(
    row: Ints, column: Ints, mass: Floats, weights: Floats, runs: Ints, lines: Floats, out: Floats
) -> None:
    """Sum the mass of cells around every cell of some runs: along rows, then along columns.

    `lines` is a grid to work in; `runs` holds row, first and last column (not included), and where in `out` it goes.
    """
    lines[:] = 0.0
    high, wide = lines.shape
    reach = weights.size
    for i in range(mass.size):
        if mass[i] == 0.0:
            continue
        r, c = row[i], column[i]
        lines[r, c] += mass[i] * weights[0]
        for d in range(1, reach):
            share = mass[i] * weights[d]
            if c >= d:
                lines[r, c - d] += share
            if c + d < wide:
                lines[r, c + d] += share
    out[:] = 0.0
    for k in range(runs.shape[0]):
        r, start, stop, at = runs[k, 0], runs[k, 1], runs[k, 2], runs[k, 3]
        for d in range(1 - reach, reach):
            if r + d < 0 or r + d >= high:
                continue
            weight = weights[abs(d)]
            for c in range(start, stop):
                out[at + c - start] += weight * lines[r + d, c]


@compiled("float64(float64[::1], float64[::1], float64[::1])")
def largest(sums: Floats, expected: Floats, unit: Floats) -> float:
    """Return the largest log-likelihood ratio of an excess, at the effective number of firms; 0 where there is none."""
    best = 0.0
    for i in range(sums.size):
        if sums[i] > expected[i]:
            value = (sums[i] * math.log(sums[i] / expected[i]) - (sums[i] - expected[i])) * unit[i]
            best = max(best, value)
    return best
