"""Pairs with distances given, such as travel times: what is listed is near, what is not lies farther away."""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import compiled, workers
from clustermap.errors import AlignmentError, InputError, examples, part_of, plural
from clustermap.measures.distance.moments import Moments
from clustermap.measures.distance.pairs import in_threads

if TYPE_CHECKING:
    from clustermap.sources.values import Firms

__all__ = ["Links", "listed_histogram", "listed_moments", "listed_samples", "read_links"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_COLUMNS = 3


class Links(NamedTuple):
    """Pairs of sites, each once, with the bin of their distance."""

    first: Ints
    second: Ints
    distance: Floats
    bin: Ints


def read_links(pairs: Any, firms: Firms, *, step: float, bins: int) -> tuple[Links, list[str]]:
    """Return the pairs that lie within the last bin, each once, and what must be said about them.

    Parameters
    ----------
    pairs : scipy sparse array or pandas.DataFrame
        Sites × sites in the order of the firms, or three columns: a firm, another, their distance.
    firms : Firms
        All firms.
    step : float
        Width of a bin.
    bins : int
        Number of bins.

    Raises
    ------
    AlignmentError
        CM-DISTANCE-007: another shape, or firms that are not known.
    InputError
        CM-DISTANCE-008: distances that are negative or no numbers. CM-DISTANCE-009: no pair at all.
    """
    one, other, distance = _listed(pairs, firms)
    bad = np.flatnonzero(~(distance >= 0))
    if len(bad):
        raise InputError(
            "CM-DISTANCE-008",
            f"{part_of(len(bad), len(distance), 'distance', 'is', 'are')} negative or no numbers: "
            + examples((int(r), distance[r]) for r in bad),
            why="a pair without a distance has no place on the curve",
            fix="leave unknown pairs out: a pair that is not listed lies farther away than all others",
        )
    n, apart = len(firms), one != other
    low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    kinds, place = np.unique(low * n + high, return_inverse=True)
    times = np.bincount(place, minlength=len(kinds))
    mean = np.bincount(place, weights=distance[apart], minlength=len(kinds)) / np.maximum(times, 1)
    said = []
    if (times > 1).any():
        said.append(
            f"{plural(int((times > 1).sum()), 'pair was', 'pairs were')} given more than once: their mean "
            "distance is taken."
        )
    number = np.floor(mean / step)
    near = number < bins
    if not near.any():
        raise InputError(
            "CM-DISTANCE-009",
            f"none of {plural(len(mean), 'pair')} lies within {bins * step:,g}",
            why="the curve would be 0 throughout",
            fix="maximum= in the unit of the distances",
        )
    kept = kinds[near]
    return Links(kept // n, kept % n, mean[near], number[near].astype(np.int64)), said


def _listed(pairs: Any, firms: Firms) -> tuple[Ints, Ints, Floats]:
    n = len(firms)
    if isinstance(pairs, pd.DataFrame):
        if pairs.shape[1] != _COLUMNS:
            raise AlignmentError(
                "CM-DISTANCE-007",
                f"the frame of pairs has {plural(pairs.shape[1], 'column')}, not three",
                fix='pairs[["from_id", "to_id", "minutes"]]',
            )
        known = pd.Index(firms.frame["firm_id"])
        one, other = (known.get_indexer(pairs.iloc[:, c].astype(str)) for c in (0, 1))
        strange = np.flatnonzero((one < 0) | (other < 0))
        if len(strange):
            raise AlignmentError(
                "CM-DISTANCE-007",
                f"{part_of(len(strange), len(pairs), 'pair', 'names', 'name')} a firm that is not known: "
                + examples((int(r), tuple(pairs.iloc[r, :2])) for r in strange[:6]),
                why="a pair that is dropped counts as far apart",
                fix="firm_id as in firms.frame",
            )
        numbers = pd.to_numeric(pairs.iloc[:, 2], errors="coerce").to_numpy(dtype=float)
        return one.astype(np.int64), other.astype(np.int64), numbers
    if not hasattr(pairs, "tocoo") or pairs.shape != (n, n):
        shape = getattr(pairs, "shape", type(pairs).__name__)
        raise AlignmentError(
            "CM-DISTANCE-007",
            f"expected a sparse array of {n:,} × {n:,} or a frame of pairs, got {shape}",
            why="rows and columns are the firms in the order of firms.frame",
            fix="a frame with three columns: a firm, another, their distance",
        )
    listed = pairs.tocoo()
    return listed.row.astype(np.int64), listed.col.astype(np.int64), listed.data.astype(np.float64)


def listed_histogram(links: Links, site: Ints, mark: Floats, sites: int, bins: int) -> Floats:
    """Sum the products of marks over listed pairs by distance."""
    whole = np.zeros(sites)
    whole[site] = mark
    products = whole[links.first] * whole[links.second]
    return np.asarray(np.bincount(links.bin, weights=products, minlength=bins), dtype=np.float64)


def listed_moments(links: Links, sites: int, bins: int) -> Moments:
    """Return what the exact null needs; a listed pair lies in one bin, so G is the diagonal of H."""
    from scipy.sparse import coo_array

    pairs = np.bincount(links.bin, minlength=bins).astype(np.float64)
    ends, bin_of = np.concatenate((links.first, links.second)), np.tile(links.bin, 2)
    around = coo_array((np.ones(len(ends)), (ends, bin_of)), shape=(sites, bins)).tocsr()
    together = np.asarray((around.T @ around).todense())
    return Moments(pairs, np.diag(pairs), together - 4.0 / sites * np.outer(pairs, pairs))


@compiled("void(int64[::1], int64[::1], int64[::1], int64[:, ::1], int64[::1], int64, int64[:, :, ::1])")
def _enter(first: Ints, second: Ints, bin_of: Ints, places: Ints, sizes: Ints, sites: int, out: Ints) -> None:
    """Count for each draw and size the listed pairs of which both firms are drawn."""
    top = sizes[sizes.size - 1]
    slot = np.empty(top, dtype=np.int64)
    s = 0
    for t in range(top):
        while sizes[s] <= t:
            s += 1
        slot[t] = s
    when = np.full(sites, top, dtype=np.int64)
    for b in range(places.shape[0]):
        for t in range(top):
            when[places[b, t]] = t
        for e in range(first.size):
            t = max(when[first[e]], when[second[e]])
            if t < top:
                out[slot[t], b, bin_of[e]] += 1
        for t in range(top):
            when[places[b, t]] = top
        for s in range(1, sizes.size):
            for k in range(out.shape[2]):
                out[s, b, k] += out[s - 1, b, k]


@compiled("void(int64[::1], int64[::1], int64[::1], int64[:, ::1], float64[::1], int64, float64[:, ::1])")
def _weigh(
    first: Ints, second: Ints, bin_of: Ints, places: Ints, mark: Floats, sites: int, out: Floats
) -> None:
    """Sum for each draw the products of marks of the listed pairs, the t-th mark on the t-th site."""
    whole = np.zeros(sites)
    for b in range(places.shape[0]):
        for t in range(mark.size):
            whole[places[b, t]] = mark[t]
        for e in range(first.size):
            out[b, bin_of[e]] += whole[first[e]] * whole[second[e]]
        for t in range(mark.size):
            whole[places[b, t]] = 0.0


def listed_samples(
    links: Links, places: Ints, sizes: Ints, *, sites: int, bins: int, mark: Floats | None = None
) -> Floats:
    """Return sizes × draws × bins: pairs among the first n sites of each draw; with marks, their products."""
    out = np.zeros((len(sizes), len(places), bins))

    def part(rows: Any) -> None:
        if mark is None:
            some = np.zeros((len(sizes), len(rows), bins), dtype=np.int64)
            _enter(links.first, links.second, links.bin, places[rows], sizes, sites, some)
            out[:, rows] = some
        else:
            sums = np.zeros((len(rows), bins))
            _weigh(links.first, links.second, links.bin, places[rows], mark, sites, sums)
            out[0, rows] = sums

    pieces = np.array_split(np.arange(len(places)), min(len(places), 4 * workers()))
    list(in_threads(part, pieces, work=len(places) * len(links.bin)))
    return out
