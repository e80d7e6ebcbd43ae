"""The inner loops of relatedness: trades between rows of a presence matrix, and labels around sites."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled

__all__ = ["trade"]

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


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
