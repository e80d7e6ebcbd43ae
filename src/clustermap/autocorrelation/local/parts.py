"""What every local statistic gives to the engine, and the sums, weights and smallest p that several share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.bound_nulls import Shifts, Strata
from clustermap.autocorrelation.draws import lagged
from clustermap.errors import OptionError, part_of

if TYPE_CHECKING:
    from clustermap.autocorrelation.bound_nulls import BoundNull
    from clustermap.autocorrelation.variables import Group
    from clustermap.schema import Transformation

__all__ = ["Part", "Row", "averaged", "row_weights", "smallest_p", "tested"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
_SAME = 1e-12


class Part(NamedTuple):
    """One statistic of the variables that are known in the same areas, before any draw: variables × areas.

    Attributes
    ----------
    statistic, lag
        As the frame shows them.
    pool, own, observed
        Values that draws move, values of the areas themselves, and what is counted, in the units of the draws.
    row
        Weights of the links.
    kind, moving
        What is counted where the area's own value stays, and where it moves with the map.
    falls
        Where a larger count stands for a smaller statistic.
    certain
        Where the statistic is the same whatever is drawn: p is 1.
    classes
        Place among the labels of a significant area whose statistic is large, and small.
    tested
        Areas with a test; the family.
    exact
        Exact probabilities of both tails, where no draws are needed under free arrangements.
    extra
        More columns of the frame.
    power
        Of the residuals of a local spread, which is counted on whole maps; 0 for sums over neighbours.
    """

    group: Group
    statistic: Floats
    lag: Floats
    pool: Floats
    own: Floats
    observed: Floats
    row: Row
    kind: int
    moving: int
    classes: tuple[Codes, Codes]
    tested: Bools
    falls: Bools | None = None
    certain: Bools | None = None
    exact: tuple[Floats, Floats] | None = None
    extra: dict[str, Floats] = {}  # noqa: RUF012 - never changed
    power: float = 0.0


class Row(NamedTuple):
    """Weights within rows: none where all links of an area count alike."""

    weights: Floats | None
    share: Floats  # what turns the sums of the engine into those of the weights asked for
    itself: Floats  # weight of an area's own value, in the units of the engine: that of its strongest link

    def links(self, group: Group) -> Floats:
        """Return the weight of every link in the units of the engine."""
        return np.ones(len(group.indices)) if self.weights is None else self.weights


def row_weights(group: Group, transformation: Transformation) -> Row:
    """Return the weights that count; only links of an area that differ under "row" need any.

    Raises
    ------
    OptionError
        CM-MORAN-008: negative weights.
    """
    sizes = group.sizes
    if not (group.weights > 0).all():
        raise OptionError(
            "CM-MORAN-008",
            f"{part_of((group.weights <= 0).sum(), len(group.weights), 'link', 'has', 'have')} a negative weight",
            why="a negative weight turns likeness into its opposite",
            fix='graph.transform("b")',
        )
    ones = np.ones(len(sizes))
    if transformation == "binary":
        return Row(None, np.where(sizes > 0, 1.0, np.nan), ones)
    linked = sizes > 0
    starts = group.indptr[:-1][linked]
    low, high = (f.reduceat(group.weights, starts) for f in (np.minimum, np.maximum))
    if np.allclose(low, high, rtol=_SAME, atol=0.0):
        with np.errstate(divide="ignore"):
            return Row(None, np.where(linked, 1.0 / sizes, np.nan), ones)
    total = np.add.reduceat(group.weights, starts)
    weights = group.weights / np.repeat(total, sizes[linked])
    itself = ones.copy()
    itself[linked] = high / total
    return Row(weights, np.where(linked, 1.0, np.nan), itself)


def averaged(rows: Floats, group: Group, row: Row) -> Floats:
    """Return the mean (or sum) over the neighbours; NaN for an isolate."""
    return np.asarray(lagged(rows, group.indptr, group.indices, row.weights) * row.share)


def tested(group: Group, rows: int) -> Bools:
    """Return the areas that have a neighbour, for every variable."""
    return np.broadcast_to(group.sizes > 0, (rows, len(group.sizes)))


def smallest_p(part: Part, law: BoundNull | None, *, tails: int, made: int) -> Floats:
    """Return what the null itself allows: tails over the number of neighbourhoods that an area could have."""
    sizes = part.group.sizes
    if law is not None and not isinstance(law, Strata):
        several = law.at.size if isinstance(law, Shifts) else made + 1
        return np.where(sizes > 0, min(1.0, tails / several), np.nan)
    n = len(sizes)
    if law is None and part.row.weights is None:
        of = np.full(int(sizes.max()) + 1, np.nan)
        for k in map(int, np.unique(sizes[sizes > 0])):
            of[k] = min(1.0, tails / math.comb(n - 1, k))
        return np.asarray(of[sizes])
    strata = law.strata if isinstance(law, Strata) else np.zeros(n, dtype=np.int64)
    return np.where(sizes > 0, np.minimum(1.0, np.exp(np.log(tails) - _log_choices(part, strata))), np.nan)


def _log_choices(part: Part, strata: Ints) -> Floats:
    """Return the log of how many different neighbourhoods strata and weights leave to each area."""
    from scipy.special import gammaln

    n, sizes = len(strata), part.group.sizes
    focal = np.repeat(np.arange(n), sizes)
    theirs = strata[part.group.indices]
    count = np.bincount(strata)
    pairs, of = np.unique(np.stack((focal, theirs), axis=1), axis=0, return_counts=True)
    area, stratum = pairs[:, 0], pairs[:, 1]
    pool = count[stratum] - (strata[area] == stratum)
    ordered = np.bincount(area, gammaln(pool + 1) - gammaln(pool - of + 1), n)
    # neighbours of one stratum and one weight may change places without any change
    weights = np.ones(len(focal)) if part.row.weights is None else part.row.weights
    alike, times = np.unique(
        np.stack((focal, theirs, weights), axis=1).astype(float), axis=0, return_counts=True
    )
    return np.asarray(ordered - np.bincount(alike[:, 0].astype(np.int64), gammaln(times + 1), n))
