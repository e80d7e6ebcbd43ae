"""Links of a graph split by the authorities at their two ends: what stays within, and what crosses which border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.whole.kernels import parted_sums
from clustermap.errors import StatisticsError, plural

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from clustermap.autocorrelation.whole.engine import Linked

__all__ = ["SplitLinks", "memberships", "split_links"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_NOTHING = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitLinks:
    """Pairs of linked areas, each split among pairs of authorities.

    Attributes
    ----------
    order : numpy.ndarray
        The area at each place.
    focal, others, weights : numpy.ndarray
        Each pair of linked areas once, by place; the weight is that of both directions.
    starts, slots, parts : numpy.ndarray
        What each link gives to which slots; the parts of a link sum to 1.
    a, b : numpy.ndarray
        The authorities of each slot, by number, a ≤ b; equal ones hold what stays within.
    total : float
        Sum of all weights.
    """

    order: Ints
    focal: Ints
    others: Ints
    weights: Floats
    starts: Ints
    slots: Ints
    parts: Floats
    a: Ints
    b: Ints
    total: float

    @property
    def crossing(self) -> npt.NDArray[np.bool_]:
        """Which slots hold what crosses a border."""
        return np.asarray(self.a != self.b)

    @property
    def crossing_share(self) -> Floats:
        """The part of each link that crosses."""
        crossing = np.where(self.crossing[self.slots], self.parts, 0.0)
        return np.add.reduceat(crossing, self.starts[:-1])

    def weight(self) -> Floats:
        """Return the share of all weight in each slot."""
        links = np.repeat(np.arange(len(self.focal)), np.diff(self.starts))
        held = np.bincount(self.slots, self.parts * self.weights[links], minlength=len(self.a))
        return np.asarray(held / self.total)

    def n_links(self) -> Floats:
        """Return the number of pairs of linked areas in each slot, each by its part."""
        return np.asarray(np.bincount(self.slots, self.parts, minlength=len(self.a)), dtype=np.float64)

    def sums(self, values: Floats, places: Places) -> Floats:
        """Return Σ weight × value × value of each slot under arrangements of one variable."""
        out = np.empty((len(places), len(self.a)))
        parted_sums(
            values, places, self.order, self.focal, self.others, self.weights, self.starts, self.slots,
            self.parts, out,
        )  # fmt: skip
        return out

    def matrix(self, *, crossing: bool) -> csr_array:
        """Return the weights that cross, or that stay within, each pair of areas once, areas in code order."""
        from scipy.sparse import csr_array

        share = self.crossing_share if crossing else 1.0 - self.crossing_share
        n = len(self.order)
        places = (self.order[self.focal], self.order[self.others])
        found = csr_array((self.weights * share, places), shape=(n, n))
        found.eliminate_zeros()
        return found


def memberships(shares: pd.DataFrame, labels: pd.Index) -> tuple[csr_array, list[str]]:
    """Return memberships as areas × authorities whose rows sum to 1, and the authorities in order."""
    from scipy.sparse import csr_array

    codes, names = pd.factorize(shares["authority"].astype(str), sort=True)
    rows = labels.get_indexer(shares["area"])
    raw = csr_array((shares["share"].to_numpy(dtype=float), (rows, codes)), shape=(len(labels), len(names)))
    scale = np.repeat(1.0 / raw.sum(axis=1), np.diff(raw.indptr))
    return csr_array((raw.data * scale, raw.indices, raw.indptr), shape=raw.shape), [str(n) for n in names]


def split_links(links: Linked, member: csr_array) -> SplitLinks:
    """Split every link by the memberships of its two areas.

    Of a link between i and j, ``min(M_ia, M_ja)`` stays within authority a; the rest, ``1 − Σ_a min``, crosses, and
    falls on pairs of authorities in proportion to the memberships left on either side.

    Raises
    ------
    StatisticsError
        CM-BORDER-001: no link crosses a border.
    """
    from scipy.sparse import csr_array, triu

    both = csr_array(links.matrix + links.matrix.T)[links.order][:, links.order]
    pairs = csr_array(triu(both, k=1))
    pairs.sort_indices()
    focal = np.repeat(np.arange(len(links.order)), np.diff(pairs.indptr))
    others = pairs.indices.astype(np.int64)
    placed = member[links.order]
    first, second = placed[focal], placed[others]
    common = csr_array(first.minimum(second))
    left, right = csr_array(first - common), csr_array(second - common)
    for rest in (left, right):
        rest.data[np.abs(rest.data) <= _NOTHING] = 0.0
        rest.eliminate_zeros()
    link, a, b, part = _crossed(left, right)
    if not len(link):
        raise StatisticsError(
            "CM-BORDER-001",
            f"none of {plural(len(focal), 'link')} crosses a border between authorities",
            why="without crossing links there is nothing to hold the inner ones against",
            fix="authorities that are smaller than the map, and of the same country and vintage",
        )
    own = common.tocoo()
    link, part = np.concatenate((own.row, link)), np.concatenate((own.data, part))
    a, b = np.concatenate((own.col, a)), np.concatenate((own.col, b))
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    width = member.shape[1]
    found, slot = np.unique(low * width + high, return_inverse=True)
    # one entry a link and slot, in order: a part of a–b and one of b–a are one
    entries = csr_array((part, (link, slot)), shape=(len(focal), len(found)))
    entries.sum_duplicates()
    return SplitLinks(
        order=links.order,
        focal=focal.astype(np.int64),
        others=others,
        weights=pairs.data,
        starts=entries.indptr.astype(np.int64),
        slots=entries.indices.astype(np.int64),
        parts=entries.data,
        a=found // width,
        b=found % width,
        total=links.total,
    )


def _crossed(left: csr_array, right: csr_array) -> tuple[Ints, Ints, Ints, Floats]:
    """Give every link's rest on one side to the rest on the other: link, authorities, part."""
    link = np.repeat(np.arange(left.shape[0]), np.diff(left.indptr))
    times = np.diff(right.indptr)[link]
    at = np.repeat(np.arange(len(link)), times)
    step = np.arange(len(at)) - np.repeat(np.cumsum(times) - times, times)
    to = right.indptr[link[at]] + step
    crossing = right.sum(axis=1)
    part = left.data[at] * right.data[to] / crossing[link[at]]
    return link[at], left.indices[at].astype(np.int64), right.indices[to].astype(np.int64), part
