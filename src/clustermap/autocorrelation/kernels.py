"""Compiled parts of the permutation engine: shared draws, sums over neighbours, counts in both tails.

The conditional null of a local statistic: the k neighbours of an area are any k of the other areas, all
sets equally likely. One list of draws serves all areas: the first k entries of a draw are a uniform k-subset
of all areas, and given that they do not hold area i, a uniform k-subset of the others.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = [
    "count_sorted",
    "draw",
    "neighbour_sums",
    "prefix_sums",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_SMALLEST = 1e-200  # a spread whose inverse, many times over, is still a number
_STEPS, _MOST_STEPS = 8, 32_768  # so fine that a step seldom holds a draw, as long as the cache holds them
_STEPS_AN_AREA = 2


@compiled("void(float64[:, ::1], int64[::1], int32[:, ::1], int64[::1])")
def draw(uniform: Floats, sizes: Ints, places: Places, held: Ints) -> None:
    """Turn rows of uniform numbers into rows of distinct places, and count the rows that hold each area.

    Partial Fisher–Yates shuffles of one list, undone after each row; a row counts as holding area i where i
    is among its first ``sizes[i]`` entries.
    """
    n = sizes.size
    rows, wide = uniform.shape
    order = np.empty(n, dtype=np.int32)
    swapped = np.empty(wide, dtype=np.int64)
    for i in range(n):
        order[i] = i
    for b in range(rows):
        for t in range(wide):
            r = min(t + int(uniform[b, t] * (n - t)), n - 1)
            swapped[t] = r
            place = order[r]
            order[r] = order[t]
            order[t] = place
            places[b, t] = place
            if t < sizes[place]:
                held[place] += 1
        for t in range(wide - 1, -1, -1):
            r = swapped[t]
            place = order[r]
            order[r] = order[t]
            order[t] = place


@compiled("void(float64[:, ::1], int64[::1], int64[::1], float64[:, ::1])")
def neighbour_sums(values: Floats, indptr: Ints, indices: Ints, out: Floats) -> None:
    """Add up the values of each area's neighbours, for every variable."""
    for s in range(values.shape[0]):
        for i in range(values.shape[1]):
            total = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                total += values[s, indices[e]]
            out[s, i] = total


@compiled(
    "void(float64[::1], float64[::1], int64[::1], int64[::1], int32[:, ::1], float64, "
    "float64[:, ::1], int32[::1], int32[::1])"
)
def prefix_sums(
    z: Floats,
    observed: Floats,
    sizes: Ints,
    slots: Ints,
    places: Places,
    tolerance: float,
    sums: Floats,
    up: Places,
    low: Places,
) -> None:
    """Sum the first k entries of each draw for every k in use, and take back the draws that hold an area.

    Parameters
    ----------
    z, observed, sizes
        Values, sums over the neighbours, and numbers of neighbours of the areas.
    slots
        Row of `sums` for each k, −1 where no area has k neighbours.
    places
        The draws.
    tolerance
        Sums closer than this are ties.
    sums
        Filled: one row per k in use, one column per draw.
    up, low
        Changed: one less for each draw that holds the area and lies in that tail.
    """
    rows, wide = places.shape
    for b in range(rows):
        total = 0.0
        for t in range(wide):
            total += z[places[b, t]]
            slot = slots[t + 1]
            if slot >= 0:
                sums[slot, b] = total
        for t in range(wide):
            i = places[b, t]
            k = sizes[i]
            if t < k:
                total = sums[slots[k], b]
                if total >= observed[i] - tolerance:
                    up[i] -= 1
                if total <= observed[i] + tolerance:
                    low[i] -= 1


@compiled("void(float64[::1], float64, int32[::1])")
def _index(row: Floats, scale: float, starts: Places) -> None:
    """Note where each of many equal steps of value begins in a sorted row, so that a search starts near its end."""
    last = starts.size - 2
    starts[:] = 0
    for j in range(row.size):
        starts[int(min((row[j] - row[0]) * scale, last)) + 1] += 1
    for step in range(starts.size - 1):
        starts[step + 1] += starts[step]


@compiled("int64(float64[::1], float64, int32[::1], float64, bool_)")
def _below(row: Floats, scale: float, starts: Places, bound: float, ties: bool) -> int:
    """Count the values of a sorted row below a bound, or at most as large."""
    last = starts.size - 2
    # the step of a value never falls as the value grows, whatever the rounding: all ties lie within one step
    step = int(min(max((bound - row[0]) * scale, 0.0), last))
    left, right = starts[step], starts[step + 1]
    while left < right:
        middle = (left + right) >> 1
        if row[middle] < bound or (ties and row[middle] == bound):
            left = middle + 1
        else:
            right = middle
    return int(left)


@compiled("void(float64[:, ::1], float64[::1], int64[::1], int32[::1], float64, int32[::1], int32[::1])")
def count_sorted(
    sums: Floats,
    observed: Floats,
    ends: Ints,
    order: Places,
    tolerance: float,
    up: Places,
    low: Places,
) -> None:
    """Count in sorted rows the draws in both tails of each area; ties belong to both.

    `order` has the areas that have neighbours by their number, those of each row of `sums` up to `ends`.
    """
    used, rows = sums.shape
    most = min(_STEPS * rows, max(rows, _MOST_STEPS))
    room = np.empty(most + 2, dtype=np.int32)
    begin = 0
    for slot in range(used):
        row, spread = sums[slot], sums[slot, rows - 1] - sums[slot, 0]
        steps = min(most, max(_STEPS_AN_AREA * (ends[slot] - begin), 1))  # few areas are not worth many
        scale = steps / spread if spread > _SMALLEST else 0.0
        starts = room[: steps + 2]
        _index(row, scale, starts)
        for place in range(begin, ends[slot]):
            i = order[place]
            left = _below(row, scale, starts, observed[i] - tolerance, False)
            up[i] += rows - left
            if left < rows and row[left] <= observed[i] + tolerance:
                left = _below(row, scale, starts, observed[i] + tolerance, True)
            low[i] += left
        begin = ends[slot]
