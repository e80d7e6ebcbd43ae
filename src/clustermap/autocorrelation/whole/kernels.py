"""Compiled parts of the statistics of a whole map: sums over links of values that are moved about.

Columns are worked on side by side: sixteen variables under one arrangement, or one variable under sixteen. Each
column is added up in the order of the links, so that a variable has the same bytes alone and among others.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = ["bilinear_sums", "move_one", "move_rows", "parted_sums", "quadratic_sums"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]


@compiled("void(float64[:, ::1], int64[::1], int32[::1], float64[:, ::1])")
def move_rows(values: Floats, order: Ints, places: Places, moved: Floats) -> None:
    """Arrange many variables once: one gather of a row serves them all.

    Parameters
    ----------
    values
        Areas × variables.
    order
        The area at each place of the links.
    places
        The area whose value each area gets.
    moved
        Filled: places × variables.
    """
    for i in range(order.size):
        source = places[order[i]]
        for c in range(values.shape[1]):
            moved[i, c] = values[source, c]


@compiled("void(float64[::1], int64[::1], int32[:, ::1], float64[:, ::1])")
def move_one(values: Floats, order: Ints, places: Places, moved: Floats) -> None:
    """Arrange one variable in many ways: places × arrangements are filled."""
    for i in range(order.size):
        area = order[i]
        for c in range(places.shape[0]):
            moved[i, c] = values[places[c, area]]


@compiled("void(float64[:, ::1], int64[::1], int64[:, ::1], float64[:, ::1], float64[::1])")
def quadratic_sums(moved: Floats, focal: Ints, others: Ints, weights: Floats, out: Floats) -> None:
    """Add up weight × value × value over all links, for each column.

    Parameters
    ----------
    moved
        Places × columns.
    focal, others, weights
        Four links of one place at a time; what is missing to four has the weight 0.
    out
        Filled: one sum a column.
    """
    wide = moved.shape[1]
    for c in range(wide):
        out[c] = 0.0
    for q in range(focal.size):
        i = focal[q]
        a, b, d, e = others[q, 0], others[q, 1], others[q, 2], others[q, 3]
        wa, wb, wd, we = weights[q, 0], weights[q, 1], weights[q, 2], weights[q, 3]
        for c in range(wide):
            near = wa * moved[a, c] + wb * moved[b, c] + wd * moved[d, c] + we * moved[e, c]
            out[c] += moved[i, c] * near


@compiled("void(float64[:, ::1], float64[:, ::1], int64[::1], int64[:, ::1], float64[:, ::1], float64[::1])")
def bilinear_sums(
    first: Floats, second: Floats, focal: Ints, others: Ints, weights: Floats, out: Floats
) -> None:
    """Add up weight × first value × second value of the neighbour over all links, for each column."""
    wide = first.shape[1]
    for c in range(wide):
        out[c] = 0.0
    for q in range(focal.size):
        i = focal[q]
        a, b, d, e = others[q, 0], others[q, 1], others[q, 2], others[q, 3]
        wa, wb, wd, we = weights[q, 0], weights[q, 1], weights[q, 2], weights[q, 3]
        for c in range(wide):
            near = wa * second[a, c] + wb * second[b, c] + wd * second[d, c] + we * second[e, c]
            out[c] += first[i, c] * near


@compiled(
    "void(float64[::1], int32[:, ::1], int64[::1], int64[::1], int64[::1], float64[::1], int64[::1], int64[::1], "
    "float64[::1], float64[:, ::1])"
)
def parted_sums(
    values: Floats,
    places: Places,
    order: Ints,
    focal: Ints,
    others: Ints,
    weights: Floats,
    starts: Ints,
    slots: Ints,
    parts: Floats,
    out: Floats,
) -> None:
    """Add up weight × value × value over the links, each link split among slots by parts.

    Parameters
    ----------
    values, places
        One variable, and arrangements of it.
    order
        The area at each place.
    focal, others, weights
        The links, by place.
    starts, slots, parts
        Link e gives ``parts[starts[e]:starts[e + 1]]`` of itself to the slots that stand there.
    out
        Filled: arrangements × slots.
    """
    moved = np.empty(order.size)
    for b in range(places.shape[0]):
        for i in range(order.size):
            moved[i] = values[places[b, order[i]]]
        for k in range(out.shape[1]):
            out[b, k] = 0.0
        for e in range(focal.size):
            product = weights[e] * moved[focal[e]] * moved[others[e]]
            for k in range(starts[e], starts[e + 1]):
                out[b, slots[k]] += parts[k] * product
