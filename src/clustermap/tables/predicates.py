"""Exact geometry of a point and an edge, compiled."""

# ruff: noqa: PLR0917 - kernels take plain numbers, in one order throughout: ax, ay, bx, by, x, y
from __future__ import annotations

import numpy as np

from clustermap.compiled import compiled

__all__ = ["in_box", "orientation"]

_FILTER = 3.3306690738754716e-16  # (3 + 16 eps) eps, with eps = 2**-53
_SPLIT = 134217729.0  # 2**27 + 1


@compiled("UniTuple(float64, 2)(float64, float64)")
def _difference(p: float, q: float) -> tuple[float, float]:
    """Return p - q as the rounded difference and what the rounding lost."""
    d = p - q
    v = p - d
    return d, (p - (d + v)) + (v - q)


@compiled("int64(float64, float64, float64, float64, float64, float64)")
def _exact_orientation(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """Sum the exact partial products of the determinant; the largest term that is left has its sign."""
    high, low = np.empty(4), np.empty(4)
    high[0], low[0] = _difference(ax, px)
    high[1], low[1] = _difference(by, py)
    high[2], low[2] = _difference(ay, py)
    high[3], low[3] = _difference(bx, px)
    terms = np.zeros(16)
    n = 0
    for k in range(8):
        first, sign = 2 * (k // 4), 1.0 - 2.0 * (k // 4)
        u = sign * (high[first] if k & 1 else low[first])
        w = high[first + 1] if k & 2 else low[first + 1]
        product = u * w
        c = _SPLIT * u
        uh = c - (c - u)
        c = _SPLIT * w
        wh = c - (c - w)
        ul, wl = u - uh, w - wh
        rest = ul * wl - (((product - uh * wh) - ul * wh) - uh * wl)
        for half in range(2):
            carried = rest if half == 0 else product
            for t in range(n):  # the sum stays exact: every step keeps its rounding error
                s = carried + terms[t]
                v = s - carried
                terms[t] = (carried - (s - v)) + (terms[t] - v)
                carried = s
            terms[n] = carried
            n += 1
    for t in range(n - 1, -1, -1):
        if terms[t] != 0:
            return 1 if terms[t] > 0 else -1
    return 0


@compiled("int64(float64, float64, float64, float64, float64, float64)")
def orientation(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """Tell on which side of the line from a to b the point p lies: 1 left, -1 right, 0 on it.

    References
    ----------
    Shewchuk, J. R. (1997), Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates.
    """
    one = (ax - px) * (by - py)
    two = (ay - py) * (bx - px)
    det = one - two
    bound = _FILTER * (abs(one) + abs(two))
    if det > bound:
        return 1
    if det < -bound:
        return -1
    return _exact_orientation(ax, ay, bx, by, px, py)


@compiled("boolean(float64, float64, float64, float64, float64, float64)")
def in_box(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> bool:
    """Tell whether a point on an edge's line is on the edge."""
    return min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
