"""Mean and covariance of M under random labelling by the delta method: no simulation.

Every firm counts one. With labels shuffled, the numerator of M is a sum over pairs of both labels with fixed weights
1/B around either firm, B being what lies within r; so is the denominator. M less 1 is, to first order, the sum over
pairs of the difference of both, over the mean of the denominator: a U-statistic of a simple random sample again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.measures.distance.cells import SHARES, coarsened, ring_counts, table
from clustermap.measures.distance.moments import LEVELS, coefficients, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clustermap.measures.distance.cells import Cells, Table

__all__ = ["LEAST", "RatioMoments", "ratio_moments"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


LEAST = 0.999  # on cells, parts of a neighbour that add up to less than one are none


class RatioMoments(NamedTuple):
    """What M's null needs of an economy, once for all sectors.

    Attributes
    ----------
    same : numpy.ndarray
        Points × points: over all pairs, the product of what the pair adds at two distances.
    spread : numpy.ndarray
        Points × points: over all sites, the product of what a site's pairs add at two distances.
    reached : numpy.ndarray
        Sites that have a neighbour within each distance.
    sites : int
        N.
    """

    same: Floats
    spread: Floats
    reached: Floats
    sites: int

    def covariance(self, firms: int) -> Floats:
        """Return the covariance of M of a sector of so many firms; no number where no site has a neighbour."""
        weigh = coefficients(np.ones(firms), self.sites)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 / (weigh.mean * self.reached)
            return np.asarray((weigh.same * self.same + weigh.spread * self.spread) * np.outer(scale, scale))


def ratio_moments(cells: Cells, count: Ints, *, bin_cells: float, points: int) -> RatioMoments:
    """Work out the exact parts for M at the ends of the first bins; far ones on wider cells.

    Parameters
    ----------
    cells, count : Cells, numpy.ndarray
        Occupied cells and the sites in each.
    bin_cells : float
        Width of a bin in cells.
    points : int
        Number of distances.
    """
    sites, mass = int(count.sum()), count.astype(np.float64)
    same, spread, reached = np.zeros((points, points)), np.zeros((points, points)), np.zeros(points)
    finer, finer_pairs = np.empty((len(mass), 0)), np.empty((len(mass), 0))
    starts = [0, *(s for s in LEVELS if s < points), points]
    for level, (start, stop) in enumerate(pairwise(starts)):
        if level:
            cells, parent = coarsened(cells)
            finer, finer_pairs = (
                joined(finer, parent, len(cells.row)),
                joined(finer_pairs, parent, len(cells.row)),
            )
            mass = joined(mass[:, None], parent, len(cells.row))[:, 0]
            bin_cells /= 2
        near = np.empty((len(mass), stop - start))
        back = np.empty_like(near)
        for p, within, returned in _discs(cells, mass, table(bin_cells, points + 1), range(start, stop)):
            near[:, p - start], back[:, p - start] = within, returned
        some = near > 0
        reached[start:stop] = mass @ some
        inverse = np.divide(1.0, near, out=np.zeros_like(near), where=some)
        apart = back - (reached[start:stop] - some) / (sites - 1)
        apart -= (mass @ apart) / sites
        pairs = mass[:, None] * (some + back)
        finer = np.hstack((finer, mass[:, None] * apart))
        finer_pairs = np.hstack((finer_pairs, pairs))
        spread[:stop, start:stop] = finer.T @ apart
        same[:stop, start:stop] = finer_pairs.T @ inverse
    upper = np.triu_indices(points)
    for whole in (same, spread):
        whole.T[upper] = whole[upper]  # the shorter distance of two is the one that both hold
    same -= 2 * np.minimum.outer(reached, reached) / (sites - 1)
    return RatioMoments(same, spread, reached, sites)


def _discs(cells: Cells, mass: Floats, shares: Table, wanted: range) -> Iterator[tuple[int, Floats, Floats]]:
    """Yield, within the end of each bin, the sites around each cell's sites, and what 1/B of those sums to."""
    own = np.zeros(wanted.stop)
    first = shares.share[0, 0, : wanted.stop]
    own[: len(first)] = first / SHARES
    own = np.cumsum(own)
    for p in wanted:
        within = ring_counts(cells, mass, shares, range(p, p + 1), inner=True)[:, 0] - own[p]
        within = np.where(within > LEAST, within, 0.0)
        weight = np.divide(1.0, within, out=np.zeros_like(within), where=within > 0)
        returned = (
            ring_counts(cells, mass * weight, shares, range(p, p + 1), inner=True)[:, 0] - own[p] * weight
        )
        yield p, within, returned
