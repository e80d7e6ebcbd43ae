"""Who stands around each firm: by the k nearest, within a radius, or by a graph, in memory that grows with the links.

Firms at one place are one site, so that thousands of them cost as much as one. A firm is never its own neighbour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.errors import AlignmentError, OptionError, StatisticsError, part_of, plural
from clustermap.weights import neighbours

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

__all__ = ["Neighbourhoods", "by_graph", "by_k", "by_radius"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
_SPARE = 4
_CHUNK = 1 << 16
_MANY = 5_000  # sites; below that, starting threads takes longer
_SAME = 1e-9  # distances closer than this share of themselves are ties
_IN_A_CELL = 64


class Neighbourhoods(NamedTuple):
    """The sites around each site, and the weight of each firm there; the weights around a firm sum to 1.

    Attributes
    ----------
    firms : numpy.ndarray
        Positions of the firms that have neighbours or are some; firms of a site stand together.
    starts : numpy.ndarray
        Where the firms of each site start.
    indptr, indices, weights : numpy.ndarray
        Rows of sites; the site itself where its firms are each other's neighbours.
    tied : numpy.ndarray of bool
        Links to sites that share the last places of the k nearest.
    near, last : numpy.ndarray
        By site, firms that count whole, and firms that share the last places.
    share : numpy.ndarray
        By site, how much each of those counts.
    uniform : bool
        Whether weights are equal but for ties, so that the law of a neighbourhood is known.
    words : str
        For summaries.
    left_out : int
        Firms without any neighbour.
    """

    firms: Ints
    starts: Ints
    indptr: Ints
    indices: Places
    weights: Floats
    tied: Bools
    near: Ints
    last: Ints
    share: Floats
    uniform: bool
    words: str
    left_out: int

    @property
    def sizes(self) -> Ints:
        """Number of firms of each site."""
        return np.diff(self.starts)

    @property
    def site(self) -> Ints:
        """Site of each firm."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)


class _Sites(NamedTuple):
    points: Floats
    firms: Ints
    starts: Ints


def _sites(points: Floats) -> _Sites:
    """Find the places, near ones near each other in memory, the same for any order of the firms."""
    points = points + 0.0  # no negative zero
    low, span = points.min(axis=0), np.ptp(points, axis=0).max()
    cell = span / max(1.0, np.sqrt(len(points) / _IN_A_CELL)) or 1.0
    column, row = np.floor((points - low) / cell).astype(np.int64).T
    order = np.lexsort((points[:, 1], points[:, 0], row, column))
    ranked = points[order]
    new = np.flatnonzero(np.concatenate(([True], (ranked[1:] != ranked[:-1]).any(axis=1))))
    return _Sites(ranked[new], order, np.append(new, len(points)).astype(np.int64))


def by_k(points: Floats, k: int, *, gaussian: bool) -> Neighbourhoods:
    """Take the k nearest firms; those equally far share the places that are left for them.

    Parameters
    ----------
    points : numpy.ndarray
        Firms × 2, in metres.
    k : int
        Neighbours of each firm.
    gaussian : bool
        Weights fall with distance, with the distance of the k-th neighbour as bandwidth.

    Raises
    ------
    OptionError
        CM-COLOC-002: k out of range.
    """
    from scipy.spatial import cKDTree

    n = len(points)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < n:
        raise OptionError(
            "CM-COLOC-002", f"k={k!r} neighbours among {plural(n, 'firm')}", fix=f"k from 1 to {n - 1}"
        )
    sites = _sites(points)
    tree, sizes = cKDTree(sites.points), np.diff(sites.starts)
    parts = [
        _nearest(
            tree, sites.points, sizes, np.arange(i, min(i + _CHUNK, len(sizes))), k=int(k), gaussian=gaussian
        )
        for i in range(0, len(sizes), _CHUNK)
    ]
    counts, indices, weights, tied, near, last, share = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Neighbourhoods(
        sites.firms, sites.starts, np.concatenate(([0], np.cumsum(counts))).astype(np.int64), indices, weights, tied,
        near, last, share, not gaussian,
        f"the {k:,} nearest firms" + (", weighted by a Gaussian of their distance" if gaussian else ""), 0,
    )  # fmt: skip


def _nearest(
    tree: Any, points: Floats, sizes: Ints, rows: Ints, *, k: int, gaussian: bool
) -> tuple[Any, ...]:
    """Return the links of some sites: number of links, then the links, then what each site needs for its law."""
    asked = min(len(points), k + 1 + _SPARE)
    while True:
        found = np.asarray(
            tree.query(points[rows], k=asked, workers=workers() if len(rows) > _MANY else 1)[1]
        ).reshape(len(rows), -1)
        distance = np.hypot(*(points[found] - points[rows][:, None, :]).transpose(2, 0, 1))
        order = np.lexsort((found, distance), axis=1)
        found, distance = np.take_along_axis(found, order, 1), np.take_along_axis(distance, order, 1)
        firms = sizes[found] - (found == rows[:, None])
        reached = (np.cumsum(firms, axis=1) >= k).argmax(axis=1)
        edge = distance[np.arange(len(rows)), reached][:, None]
        # complete where something farther than the k-th was seen: no equal one can be missing
        if asked == len(points) or bool((distance[:, -1:] > edge * (1 + _SAME)).all()):
            break
        asked = min(len(points), 2 * asked)
    whole, inside = distance < edge * (1 - _SAME), (distance <= edge * (1 + _SAME)) & (firms > 0)
    near = (firms * whole).sum(axis=1)
    last = (firms * (inside & ~whole)).sum(axis=1)
    share = (k - near) / last
    weight = np.where(whole, 1.0, share[:, None])
    if gaussian:
        apart = np.divide(distance, edge, out=np.zeros_like(distance), where=(edge > 0) & inside)
        weight *= np.exp(-0.5 * apart**2)
    weight /= (weight * firms * inside).sum(axis=1, keepdims=True)
    tied = ~whole & (share[:, None] < 1)
    links = inside
    exact = share >= 1  # nobody shares: all count whole
    near, last = np.where(exact, near + last, near), np.where(exact, 0, last)
    return links.sum(axis=1), found[links].astype(np.int32), weight[links], tied[links], near, last, share


def by_radius(points: Floats, radius_m: float) -> Neighbourhoods:
    """Take all firms within a radius, itself included; firms without any are left out.

    Raises
    ------
    OptionError
        CM-COLOC-002: no positive radius.
    StatisticsError
        CM-COLOC-003: no firm has a neighbour.
    """
    from scipy.spatial import cKDTree

    if not (np.isfinite(radius_m) and radius_m > 0):
        raise OptionError("CM-COLOC-002", f"radius_m={radius_m!r} is no radius", fix="radius_m=1_000")
    sites = _sites(points)
    sizes, n = np.diff(sites.starts), len(sites.points)
    # the tree looks a little further, so that the exact comparison below decides at the radius itself
    pairs = cKDTree(sites.points).query_pairs(radius_m * (1 + _SAME), output_type="ndarray").astype(np.int32)
    pairs = pairs[np.hypot(*(sites.points[pairs[:, 0]] - sites.points[pairs[:, 1]]).T) <= radius_m]
    own = np.flatnonzero(sizes > 1).astype(np.int32)
    rows = np.concatenate((pairs[:, 0], pairs[:, 1], own))
    columns = np.concatenate((pairs[:, 1], pairs[:, 0], own))
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    firms = sizes[columns] - (rows == columns)
    around = np.bincount(rows, weights=firms, minlength=n).astype(np.int64)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n)))).astype(np.int64)
    words = f"all firms within {radius_m:,.0f} m"
    return _linked(
        sites.firms,
        sites.starts,
        indptr=indptr,
        indices=columns,
        weights=1.0 / around[rows],
        around=around,
        uniform=True,
        words=words,
    )


def by_graph(graph: Graph, labels: pd.Index) -> Neighbourhoods:
    """Take the links of a graph of firms, each row scaled to sum to 1.

    Raises
    ------
    AlignmentError
        CM-COLOC-004: the graph has other firms.
    OptionError
        CM-COLOC-002: negative weights. CM-GRAPH-005: no graph, or firms linked with themselves.
    StatisticsError
        CM-COLOC-003: no firm has a neighbour.
    """
    near = neighbours(graph)
    place = labels.get_indexer(near.labels)
    if len(near) != len(labels) or (place < 0).any():
        lost = labels.difference(near.labels)
        raise AlignmentError(
            "CM-COLOC-004",
            f"{part_of(len(lost), len(labels), 'firm', 'is', 'are')} not in the graph: {list(map(str, lost[:5]))}; "
            f"{int((place < 0).sum()):,} of its {plural(len(near), 'label')} are no firms",
            why="links that meet the wrong firm give a wrong answer without any sign of it",
            fix="a graph whose labels are the firm_id of all firms",
        )
    if (near.weights < 0).any():
        raise OptionError(
            "CM-COLOC-002",
            f"{part_of(int((near.weights < 0).sum()), len(near.weights), 'weight', 'is', 'are')} negative",
            why="a share of neighbours is a sum of weights",
            fix="a graph of weights above 0, falling with distance or time",
        )
    rows = np.repeat(np.arange(len(near)), near.cardinalities)
    scaled = near.weights / np.bincount(rows, weights=near.weights, minlength=len(near))[rows]
    return _linked(
        place.astype(np.int64),
        np.arange(len(near) + 1),
        indptr=near.indptr,
        indices=near.indices.astype(np.int32),
        weights=scaled,
        around=near.cardinalities,
        uniform=near.equal_within_rows,
        words="the firms that the graph links",
    )


def _linked(
    firms: Ints,
    starts: Ints,
    *,
    indptr: Ints,
    indices: Places,
    weights: Floats,
    around: Ints,
    uniform: bool,
    words: str,
) -> Neighbourhoods:
    """Leave out the sites that have no neighbour and are none."""
    sizes = np.diff(starts)
    linked = np.diff(indptr) > 0
    linked[indices] = True
    if not linked.any():
        raise StatisticsError(
            "CM-COLOC-003",
            f"none of {plural(len(firms), 'firm')} has a neighbour ({words})",
            why="without neighbours there is nothing to count",
            fix="a larger radius_m, or k=10",
        )
    kept = np.repeat(linked, sizes)
    number = np.cumsum(linked) - 1
    return Neighbourhoods(
        firms[kept], np.concatenate(([0], np.cumsum(sizes[linked]))).astype(np.int64),
        np.concatenate(([0], np.cumsum(np.diff(indptr)[linked]))).astype(np.int64),
        number[indices].astype(np.int32), weights, np.zeros(len(indices), dtype=bool), around[linked],
        np.zeros(int(linked.sum()), dtype=np.int64), np.ones(int(linked.sum())), uniform, words,
        int(sizes[~linked].sum()),
    )  # fmt: skip
