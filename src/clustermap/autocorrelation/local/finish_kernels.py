"""Compiled last steps of a local statistic: from counts to p, and from p to labels, each cell touched once."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = ["label", "look_up", "marked", "settle", "tally_pairs"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
TWO_SIDED, GREATER, LESS = range(3)


@compiled(
    "void(int64[::1], int64[::1], int64[::1], bool_[::1], bool_[::1], bool_[::1], int64, float64[::1], int64[::1])"
)
def settle(
    up: Ints,
    low: Ints,
    draws: Ints,
    falls: Bools,
    certain: Bools,
    tested: Bools,
    alternative: int,
    p: Floats,
    tail: Ints,
) -> None:
    """Turn the counts of one variable into p, as `monte_carlo_p` does, and note the count that decides.

    Parameters
    ----------
    up, low, draws
        Draws at least as large, at least as small, and all of them.
    falls
        Where a large count stands for a small statistic.
    certain
        Where p is 1 whatever is drawn.
    tested
        Areas with a test; the others' p is NaN.
    alternative
        TWO_SIDED, GREATER or LESS.
    p, tail
        Filled.
    """
    for i in range(up.size):
        more, less = up[i], low[i]
        if falls[i]:
            more, less = less, more
        factor = 1.0
        if alternative == TWO_SIDED:
            more = min(more, less)
            factor = 2.0
        elif alternative == LESS:
            more = less
        if certain[i]:
            more = draws[i]
        tail[i] = more
        p[i] = min(1.0, factor * (1 + more) / (draws[i] + 1))
        if not tested[i]:
            p[i] = np.nan


@compiled("void(int64[::1], int64[::1], int64, int64, int64[::1])")
def tally_pairs(tail: Ints, draws: Ints, least: int, width: int, times: Ints) -> None:
    """Count how often each pair of a count and its number of draws occurs in one variable; no draws, no test."""
    for i in range(tail.size):
        if draws[i] > 0:
            times[(draws[i] - least) * width + tail[i]] += 1


@compiled("void(int64[::1], int64[::1], int64, int64, float64[::1], float64[::1])")
def look_up(tail: Ints, draws: Ints, least: int, width: int, table: Floats, out: Floats) -> None:
    """Take the number of each pair from a table; NaN where there is no test."""
    for i in range(tail.size):
        out[i] = table[(draws[i] - least) * width + tail[i]] if draws[i] > 0 else np.nan


@compiled("void(int64[::1], int64[::1], int64, int64, bool_[::1], bool_[::1])")
def marked(tail: Ints, draws: Ints, least: int, width: int, table: Bools, out: Bools) -> None:
    """Take the mark of each pair from a table; none where there is no test."""
    for i in range(tail.size):
        out[i] = draws[i] > 0 and table[(draws[i] - least) * width + tail[i]]


@compiled(
    "void(float64[::1], float64[::1], int8[::1], float64[::1], float64[::1], float64[::1], float64, float64, "
    "int8[::1], int8[::1], int8[::1], int8[::1])"
)
def label(
    score: Floats,
    p: Floats,
    kind: Codes,
    smallest: Floats,
    value: Floats,
    lag: Floats,
    alpha: float,
    reach: float,
    words: Codes,
    states: Codes,
    status: Codes,
    out: Codes,
) -> None:
    """Give every area of one variable its label, and its status where it is an isolate or was not tested.

    Parameters
    ----------
    score, p, kind, smallest, value, lag
        What is held against alpha, p, the label of a significant area, smallest possible p, value, lag.
    alpha, reach
        Level, and what the smallest possible p must not exceed.
    words
        Places of: not significant, cannot reach, undefined, isolate.
    states
        Codes of: ok, isolate, not tested.
    status, out
        Changed, filled.
    """
    for i in range(p.size):
        if np.isnan(value[i]):
            out[i] = words[2]
        elif np.isnan(lag[i]):
            out[i] = words[3]
            status[i] = states[1]
        else:
            out[i] = kind[i] if score[i] <= alpha else words[0]
            if np.isnan(p[i]):
                if status[i] == states[0]:
                    status[i] = states[2]
            elif smallest[i] > reach:
                out[i] = words[1]
