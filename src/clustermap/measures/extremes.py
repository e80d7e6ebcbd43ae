"""The smallest and the largest quotient over ranges of its four parts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "largest", "smallest"]

Floats = npt.NDArray[np.float64]
Ends = tuple[Floats, Floats]


class Box(NamedTuple):
    """The sector in the area, the rest of the area, the rest of the sector, the rest: least and most."""

    a: Ends
    b: Ends
    c: Ends
    d: Ends


def largest(box: Box) -> Floats:
    """Return the largest quotient: b and c low, d high, and a as near as it can be to where the quotient peaks.

    Examples
    --------
    >>> ends = [(np.array([float(low)]), np.array([float(high)])) for low, high in ((1, 9), (4, 4), (2, 2), (2, 2))]
    >>> float(largest(Box(*ends))[0].round(4))
    1.0699
    """
    b, c, d = box.b[0], box.c[0], box.d[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = (b * c + np.sqrt(b * c * (b + d) * (c + d))) / d
    peak = np.where(d > 0, peak, np.inf)
    return _where_defined(box, _quotient(np.minimum(np.maximum(box.a[0], peak), box.a[1]), b, c, d))


def smallest(box: Box) -> Floats:
    """Return the smallest quotient: b and c high, d low, and a at one of its ends.

    Examples
    --------
    >>> ends = [(np.array([float(low)]), np.array([float(high)])) for low, high in ((1, 9), (4, 4), (2, 2), (2, 2))]
    >>> float(smallest(Box(*ends))[0].round(4))
    0.6
    """
    b, c, d = box.b[1], box.c[1], box.d[0]
    return _where_defined(box, np.fmin(_quotient(box.a[0], b, c, d), _quotient(box.a[1], b, c, d)))


def _where_defined(box: Box, values: Floats) -> Floats:
    """Take out cells whose area or sector can hold nothing at all."""
    return np.where((box.a[1] + box.b[1] > 0) & (box.a[1] + box.c[1] > 0), values, np.nan)


def _quotient(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Return the quotient; where it divides 0 by 0, its limit as a falls to 0, which may be without end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = a * (a + b + c + d) / ((a + b) * (a + c))
        no_area = np.where(c > 0, (c + d) / c, np.where(d > 0, np.inf, 1.0))
        no_sector = np.where(b > 0, (b + d) / b, no_area)
    limit = np.where(b == 0, no_area, np.where(c == 0, no_sector, plain))
    return np.asarray(np.where(a == 0, limit, plain))
