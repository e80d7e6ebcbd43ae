"""Compiled counts for what no sorted list of sums answers: two sums at once, and unequal weights.

Draws are those of :mod:`clustermap.autocorrelation.kernels`: their first k entries are a uniform ordered k-tuple of
distinct areas, so any function of weights and neighbours has its exact conditional law among those that do not hold
the area itself.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = [
    "count_pairs",
    "count_weighted",
    "moran",
    "pair_sums",
    "weighted_sums",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
SUM, GEARY, PRODUCT, GETIS, STAR = range(5)
_AT_MEAN = 1e-12


@compiled(
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int32[::1], float64[::1], float64[::1], "
    "int8[::1], float64[::1], float64[::1], float64[::1], int8[::1], bool_[::1], bool_[::1])"
)
def moran(
    z: Floats,
    around: Floats,
    values: Floats,
    indptr: Ints,
    indices: Places,
    weights: Floats,
    share: Floats,
    words: Codes,
    sums: Floats,
    lag: Floats,
    statistic: Floats,
    quadrant: Codes,
    falls: Bools,
    certain: Bools,
) -> None:
    """Compute local Moran of one variable, its areas being visited once.

    Parameters
    ----------
    z, around, values
        The area's own values, those looked at around it, standardised, and as they are.
    indptr, indices, weights, share
        Links (no weights: all alike), and what turns sums into means.
    words
        Codes of the quadrants: place 2 where the own value lies above the mean, and 1 more where the neighbours do.
    sums, lag, statistic
        Filled: Σ w · around, its like in the units of the values, own value × mean.
    quadrant
        Filled.
    falls
        Filled: where the own value lies below the mean, and a large sum is a small statistic.
    certain
        Filled: where the own value is the mean, and the statistic 0 whatever the neighbours.
    """
    pairs = np.empty((z.size, 2))  # both numbers of an area in one place of the memory
    for i in range(z.size):
        pairs[i, 0], pairs[i, 1] = around[i], values[i]
    for i in range(z.size):
        total, plain = 0.0, 0.0
        if weights.size == 0:
            for e in range(indptr[i], indptr[i + 1]):
                total += pairs[indices[e], 0]
                plain += pairs[indices[e], 1]
        else:
            for e in range(indptr[i], indptr[i + 1]):
                total += weights[e] * pairs[indices[e], 0]
                plain += weights[e] * pairs[indices[e], 1]
        sums[i] = total
        lag[i] = plain * share[i]
        statistic[i] = z[i] * (total * share[i])
        quadrant[i] = words[2 * (z[i] > 0.0) + (total > 0.0)]
        falls[i] = z[i] < 0.0
        certain[i] = abs(z[i]) <= _AT_MEAN


@compiled("void(float64[:, ::1], int64[::1], int64[::1], float64[::1], float64[:, ::1])")
def weighted_sums(values: Floats, indptr: Ints, indices: Ints, weights: Floats, out: Floats) -> None:
    """Add up weight × value over each area's neighbours, for every variable."""
    for s in range(values.shape[0]):
        for i in range(values.shape[1]):
            total = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                total += weights[e] * values[s, indices[e]]
            out[s, i] = total


@compiled(
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], int32[:, ::1], float64[:, ::1], "
    "float64[:, ::1], float64, int64[::1], int64[::1])"
)
def pair_sums(
    z: Floats,
    own: Floats,
    observed: Floats,
    sizes: Ints,
    slots: Ints,
    places: Places,
    first: Floats,
    second: Floats,
    tolerance: float,
    up: Ints,
    low: Ints,
) -> None:
    """Sum values and squares of the first k entries of each draw, and take back the draws that hold an area.

    Parameters
    ----------
    z, own, observed, sizes
        Values, held values, Σ z² − 2·own·Σ z over the neighbours, numbers of neighbours.
    slots, places
        As for `prefix_sums`.
    first, second
        Filled: sums and sums of squares, one row per k in use, one column per draw.
    tolerance
        Statistics closer than this are ties.
    up, low
        Changed: one less for each draw that holds the area and lies in that tail.
    """
    rows, wide = places.shape
    for b in range(rows):
        total, squares = 0.0, 0.0
        for t in range(wide):
            x = z[places[b, t]]
            total += x
            squares += x * x
            slot = slots[t + 1]
            if slot >= 0:
                first[slot, b] = total
                second[slot, b] = squares
        for t in range(wide):
            i = places[b, t]
            if t < sizes[i]:
                slot = slots[sizes[i]]
                x = second[slot, b] - 2.0 * own[i] * first[slot, b]
                if x >= observed[i] - tolerance:
                    up[i] -= 1
                if x <= observed[i] + tolerance:
                    low[i] -= 1


@compiled(
    "void(float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], int64[::1], int64[::1], float64, "
    "int64[::1], int64[::1])"
)
def count_pairs(
    first: Floats,
    second: Floats,
    own: Floats,
    observed: Floats,
    sizes: Ints,
    slots: Ints,
    tolerance: float,
    up: Ints,
    low: Ints,
) -> None:
    """Count the draws in both tails of Σ z² − 2·own·Σ z; ties belong to both."""
    for i in range(sizes.size):
        if sizes[i] > 0:
            slot, twice = slots[sizes[i]], 2.0 * own[i]
            a, b = first[slot], second[slot]
            lowest, highest = observed[i] - tolerance, observed[i] + tolerance
            more, less = 0, 0
            for j in range(a.size):
                x = b[j] - twice * a[j]
                more += x >= lowest
                less += x <= highest
            up[i] += more
            low[i] += less


@compiled("void(int64[::1], int32[:, ::1], int64[::1], int64[::1])")
def _holders(sizes: Ints, places: Places, starts: Ints, held: Ints) -> None:
    """List for each area the draws whose first k entries hold it: those of area i from ``starts[i]`` on."""
    rows, wide = places.shape
    for b in range(rows):
        for t in range(wide):
            if t < sizes[places[b, t]]:
                starts[places[b, t] + 1] += 1
    for i in range(sizes.size):
        starts[i + 1] += starts[i]
    at = starts[:-1].copy()
    for b in range(rows):
        for t in range(wide):
            i = places[b, t]
            if t < sizes[i]:
                held[at[i]] = b
                at[i] += 1


@compiled("void(float64[:, ::1], float64[:, ::1], float64[::1], float64, bool_, float64[::1])")
def _mixed(drawn: Floats, squares: Floats, weights: Floats, twice: float, pairs: bool, sums: Floats) -> None:
    """Add up weight × value, or weight × (square − twice × value), over the entries of each draw."""
    sums[:] = 0.0
    for t in range(weights.size):
        if pairs:
            for b in range(sums.size):
                sums[b] += weights[t] * (squares[t, b] - twice * drawn[t, b])
        else:
            for b in range(sums.size):
                sums[b] += weights[t] * drawn[t, b]


@compiled(
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], float64[::1], int32[:, ::1], "
    "int64, float64, int64[::1], int64[::1])"
)
def count_weighted(
    z: Floats,
    own: Floats,
    observed: Floats,
    sizes: Ints,
    indptr: Ints,
    weights: Floats,
    places: Places,
    kind: int,
    tolerance: float,
    up: Ints,
    low: Ints,
) -> None:
    """Count the draws in both tails where the neighbours of an area carry different weights.

    The statistic is Σ w z (`kind` SUM) or Σ w (z² − 2·own·z) (GEARY) over the first k entries of each draw, the
    t-th entry standing for the t-th neighbour; draws that hold the area are left out.
    """
    rows, wide = places.shape
    drawn, squares, sums = np.empty((wide, rows)), np.empty((wide, rows)), np.empty(rows)
    for b in range(rows):
        for t in range(wide):
            x = z[places[b, t]]
            drawn[t, b] = x
            squares[t, b] = x * x
    starts, held = np.zeros(sizes.size + 1, dtype=np.int64), np.empty(rows * wide, dtype=np.int64)
    _holders(sizes, places, starts, held)
    for i in range(sizes.size):
        if sizes[i] > 0:
            _mixed(drawn, squares, weights[indptr[i] : indptr[i + 1]], 2.0 * own[i], kind == GEARY, sums)
            lowest, highest = observed[i] - tolerance, observed[i] + tolerance
            more, less = 0, 0
            for b in range(rows):
                more += sums[b] >= lowest
                less += sums[b] <= highest
            for e in range(starts[i], starts[i + 1]):
                more -= sums[held[e]] >= lowest
                less -= sums[held[e]] <= highest
            up[i] += more
            low[i] += less
