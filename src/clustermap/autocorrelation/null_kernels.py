"""Compiled part of the null models: permutations within strata."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = ["permute_within"]


@compiled("void(float64[:, ::1], int64[::1], int64[::1], int32[:, ::1])")
def permute_within(
    uniform: npt.NDArray[np.float64],
    order: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    places: npt.NDArray[np.int32],
) -> None:
    """Turn rows of uniform numbers into rows of permutations that keep each area within its stratum.

    Fisher–Yates within each run of `order`; with one stratum, a permutation of all.

    Parameters
    ----------
    uniform
        Draws × areas.
    order
        Areas, those of one stratum after another.
    starts
        Where each stratum begins in `order`, and the end.
    places
        Filled: the area whose value each area gets.
    """
    rows, n = uniform.shape
    moved = np.empty(n, dtype=np.int64)
    for b in range(rows):
        for t in range(n):
            moved[t] = order[t]
        for s in range(starts.size - 1):
            end = starts[s + 1]
            for t in range(starts[s], end - 1):
                r = min(t + int(uniform[b, t] * (end - t)), end - 1)
                place = moved[r]
                moved[r] = moved[t]
                moved[t] = place
        for t in range(n):
            places[b, order[t]] = moved[t]
