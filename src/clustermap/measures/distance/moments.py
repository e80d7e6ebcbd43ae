"""Exact mean and covariance of pair counts under random labelling, for any marks: no simulation.

The marks of a sector's firms (1 each, or employment) are shuffled over all N sites, 0 elsewhere. The sum of
products of marks by distance is then a U-statistic of a simple random sample, and its first two moments need
from the economy three things only: pairs by distance H, the products of two bins over one pair G (the diagonal of
H where a pair lies in one bin), and the spread C of ring counts around sites.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.measures.distance.cells import (
    SHARES,
    Cells,
    Table,
    coarsened,
    offset_counts,
    ring_counts,
    table,
)

__all__ = ["LEVELS", "Coefficients", "Moments", "coefficients", "cross_coefficients", "joined", "ring_spread"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEVELS = (30, 90)  # from these rings on, cells are two and four times as wide: a ring is then 30 cells away


class Moments(NamedTuple):
    """What the null needs of an economy, once for all its sectors.

    Attributes
    ----------
    pairs : numpy.ndarray
        H: pairs of sites in each bin.
    same : numpy.ndarray
        G: bins × bins, over all pairs the product of the pair's shares in both bins.
    spread : numpy.ndarray
        C: bins × bins, over all sites the product of what their ring counts differ from the mean by.
    """

    pairs: Floats
    same: Floats
    spread: Floats


class Coefficients(NamedTuple):
    """Mean = `mean` · H; covariance = `same` · G + `spread` · C + `product` · H H'."""

    mean: float
    same: float
    spread: float
    product: float

    def covariance(self, moments: Moments) -> Floats:
        """Return the covariance of the sums in all bins."""
        h = moments.pairs
        return self.same * moments.same + self.spread * moments.spread + self.product * np.outer(h, h)


def coefficients(mark: Floats, sites: int) -> Coefficients:
    r"""Return the weights of H, G, C and H H' for marks that are shuffled over all sites.

    With :math:`S_k = \sum e^k` and :math:`m` the mean products of marks of distinct sites,
    :math:`V = m_{22} G + m_{211} (Q - 2 G) + m_{1111} (H H' - Q + G) - m_{11}^2 H H'`, where
    :math:`Q = C + 4 H H' / N`. Evaluated in whole fractions: the bracket of H H' is a small difference of large
    numbers.

    Parameters
    ----------
    mark : numpy.ndarray
        What each firm of the sector counts.
    sites : int
        N, at least 4.

    Examples
    --------
    >>> all_of_them = coefficients(np.ones(5), 5)
    >>> all_of_them.mean, all_of_them.same, all_of_them.spread, all_of_them.product
    (1.0, 0.0, 0.0, 0.0)
    """
    s1, s2, s3, s4 = (Fraction(float((mark**k).sum())) for k in (1, 2, 3, 4))
    n2, n3, n4 = _falling(sites)
    m11 = (s1 * s1 - s2) / n2
    m22 = (s2 * s2 - s4) / n2
    m211 = (s2 * s1 * s1 - s2 * s2 - 2 * s3 * s1 + 2 * s4) / n3
    m1111 = (s1**4 - 6 * s1 * s1 * s2 + 3 * s2 * s2 + 8 * s1 * s3 - 6 * s4) / n4
    return _collected(m11, m22, m211, m1111, sites)


def cross_coefficients(a: Floats, b: Floats, sites: int) -> Coefficients:
    """Return the same for the pairs of one firm of a with one of b, two sectors that share no firm.

    Parameters
    ----------
    a, b : numpy.ndarray
        What each firm of the sectors counts.
    sites : int
        N, at least 4.

    Examples
    --------
    >>> one_each = cross_coefficients(np.ones(1), np.ones(1), 4)
    >>> round(one_each.mean * 6, 12)
    1.0
    """
    a1, a2, b1, b2 = (Fraction(float(v)) for v in (a.sum(), (a * a).sum(), b.sum(), (b * b).sum()))
    n2, n3, n4 = _falling(sites)
    m11 = 2 * a1 * b1 / n2
    m22 = 2 * a2 * b2 / n2
    m211 = (a2 * (b1 * b1 - b2) + b2 * (a1 * a1 - a2)) / n3
    m1111 = 4 * (a1 * a1 - a2) * (b1 * b1 - b2) / n4
    return _collected(m11, m22, m211, m1111, sites)


def _falling(sites: int) -> tuple[int, int, int]:
    n2 = sites * (sites - 1)
    n3 = n2 * (sites - 2)
    return n2, n3, n3 * (sites - 3)


def _collected(m11: Fraction, m22: Fraction, m211: Fraction, m1111: Fraction, sites: int) -> Coefficients:
    return Coefficients(
        float(m11),
        float(m22 - 2 * m211 + m1111),
        float(m211 - m1111),
        float(4 * (m211 - m1111) / sites + m1111 - m11 * m11),
    )


def ring_spread(cells: Cells, count: Ints, same: Floats, *, bin_cells: float) -> Floats:
    """Return C: how ring counts vary around their mean over all sites, together for every two bins.

    Far rings are counted on wider cells; each level is centred on its own mean. Wider cells blur which ring a
    neighbour lies in: what each single neighbour adds (2 G) is put in as the finest cells have it.

    Parameters
    ----------
    cells, count : Cells, numpy.ndarray
        Occupied cells and the sites in each.
    same : numpy.ndarray
        G on these cells: bins × bins.
    bin_cells : float
        Width of a bin in cells.
    """
    bins = len(same)
    out = np.zeros((bins, bins))
    starts = [0, *(s for s in LEVELS if s < bins), bins]
    # deviations at finer levels, times sites, summed into this level's cells
    finer = np.empty((len(count), 0))
    mass = count.astype(np.float64)
    for level, (start, stop) in enumerate(pairwise(starts)):
        if level:
            cells, parent = coarsened(cells)
            finer, mass = (
                joined(finer, parent, len(cells.row)),
                joined(mass[:, None], parent, len(cells.row))[:, 0],
            )
            bin_cells /= 2
        shares = table(bin_cells, bins)
        rings = ring_counts(cells, mass, shares, range(start, stop))
        own = shares.share[0, 0]
        if start == 0:  # a site is not its own neighbour
            rings[:, : min(len(own), stop)] -= own[: min(len(own), stop)] / SHARES
        rings -= (mass @ rings) / mass.sum()
        weighed = rings * mass[:, None]
        out[start:stop, start:stop] = rings.T @ weighed
        if level:
            here = np.s_[start:stop, start:stop]
            out[here] += 2 * (same[here] - _same(cells, mass, shares, bins)[here])
        out[:start, start:stop] = finer.T @ rings
        out[start:stop, :start] = out[:start, start:stop].T
        if stop < bins:
            finer = np.hstack((finer, weighed))
    return out


def _same(cells: Cells, mass: Floats, shares: Table, bins: int) -> Floats:
    """Return G on these cells."""
    offsets = offset_counts(cells, mass, shares.reach)
    offsets[0, 0] = (mass * (mass - 1)).sum() / 2
    return shares.products(offsets, bins)


def joined(values: Floats, parent: Ints, n: int) -> Floats:
    """Sum rows into the cells that hold them."""
    from scipy.sparse import csr_array

    into = csr_array((np.ones(len(parent)), (parent, np.arange(len(parent)))), shape=(n, len(parent)))
    return np.asarray(into @ values)
