"""Shared draws: one set of random neighbours serves every area and every sector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled, prange
from clustermap.randomness import stream

__all__ = ["held_draws", "neighbour_sums", "prefix_sums", "shared_draws"]

Integers = npt.NDArray[np.int32]
_BLOCK = 8_192


def shared_draws(n: int, k_max: int, draws: int, *, seed: int, statistic: str) -> Integers:
    """Draw ordered neighbours: row b holds k_max distinct areas, its first k a uniform k-subset.

    Parameters
    ----------
    n, k_max, draws : int
        Areas, most neighbours, number of draws.
    seed : int
    statistic : str
        What the draws are for; part of the key of the stream.

    Returns
    -------
    ndarray of int32, shape (draws, k_max)
    """
    out = np.empty((draws, k_max), dtype=np.int32)
    for block, start in enumerate(range(0, draws, _BLOCK)):
        part = out[start : start + _BLOCK]
        # the whole block is drawn, so that a longer run begins with the draws of a shorter one
        uniform = stream(seed, statistic, block).random((_BLOCK, k_max))
        _partial_shuffles(uniform[: len(part)], n, part)
    return out


@compiled("void(float64[:, :], int64, int32[:, :])")
def _partial_shuffles(uniform, n, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - the signature above
    cards = np.arange(n).astype(np.int32)
    swapped = np.empty(uniform.shape[1], dtype=np.int64)
    for b in range(uniform.shape[0]):
        for j in range(uniform.shape[1]):
            r = min(j + np.int64(uniform[b, j] * (n - j)), n - 1)
            swapped[j] = r
            cards[j], cards[r] = cards[r], cards[j]
            out[b, j] = cards[j]
        for j in range(
            uniform.shape[1] - 1, -1, -1
        ):  # put the deck back: the next draw owes nothing to this one
            r = swapped[j]
            cards[j], cards[r] = cards[r], cards[j]


@compiled("void(int32[:, :], float64[:], int64[:], float64[:, :])", parallel=True)
def prefix_sums(draws, z, sizes, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - the signature above
    """Sum the first k values of each draw, for every k in `sizes` (ascending), into out[size, draw]."""
    for b in prange(draws.shape[0]):
        total, at = 0.0, 0
        for j in range(draws.shape[1]):
            total += z[draws[b, j]]
            if at < sizes.size and sizes[at] == j + 1:
                out[at, b] = total
                at += 1


@compiled("void(int64[:], int64[:], float64[:], float64[:])", parallel=True)
def neighbour_sums(indptr, indices, z, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - the signature above
    """Sum the values of each area's neighbours."""
    for i in prange(out.size):
        total = 0.0
        for link in range(indptr[i], indptr[i + 1]):
            total += z[indices[link]]
        out[i] = total


@compiled("void(int32[:, :], int64[:], int64[:], float64[:, :], float64[:], float64, int64[:, :])")
def held_draws(draws, k, row, sums, observed, tolerance, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - the signature above
    """Count, for each area, the draws whose first k hold the area itself: all, at least, at most as large.

    Those draws are no neighbours that the area could have; they are taken out of both tails.
    """
    for b in range(draws.shape[0]):
        for j in range(draws.shape[1]):
            i = draws[b, j]
            if j < k[i]:
                value = sums[row[i], b]
                out[0, i] += 1
                if value >= observed[i] - tolerance:
                    out[1, i] += 1
                if value <= observed[i] + tolerance:
                    out[2, i] += 1
