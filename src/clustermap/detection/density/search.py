"""Dense places of one sector's firms, what of all firms lies there, and the same on random labellings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.detection.density.grid import find_dense, near_dense
from clustermap.errors import StatisticsError, plural
from clustermap.randomness import stream

if TYPE_CHECKING:
    from clustermap.detection.density.grid import Grid
    from clustermap.progress import Progress

__all__ = [
    "MOST_SITES",
    "BestOf",
    "ByHierarchy",
    "ByRadius",
    "Finder",
    "Places",
    "excess",
    "largest_drawn",
    "p_of",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_SITES = 50_000  # scikit-learn's HDBSCAN takes over an hour for a million
_BLOCK = 25  # draws from one stream; part of what a seed means
_TIE = 1e-9


class Places(NamedTuple):
    """Dense places: the place of each row of the sector (−1: none), value in each, number of all firms there."""

    label: Ints
    core: npt.NDArray[np.bool_]
    value: Floats
    everyone: Floats
    which: int = 0  # of several candidates


class Finder(Protocol):
    """How dense places are found among rows that count something."""

    def find(self, rows: Ints, marks: Floats, *, threads: int) -> Places:
        """Find the dense places."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByRadius:
    """DBSCAN; all firms within the radius of a core site belong to its place, each to the nearest."""

    grid: Grid
    minimum: float
    firms_at: Floats  # all firms by site

    def find(self, rows: Ints, marks: Floats, *, threads: int) -> Places:
        """Find the dense places."""
        at, own = np.unique(self.grid.site_of[rows].astype(np.int64), return_inverse=True)
        weight = np.bincount(own, marks, minlength=len(at)).astype(float)
        dense = find_dense(self.grid, self.grid.part(at), weight, self.minimum, threads=threads)
        if not dense.n:
            none = np.empty(0)
            return Places(np.full(len(rows), -1), np.zeros(len(rows), dtype=bool), none, none)
        of_site = near_dense(self.grid, self.grid.sites, dense, threads=threads)
        label = of_site[at].astype(np.int64)
        return Places(
            label=label[own],
            core=dense.core[own],
            value=np.bincount(label + 1, weight, minlength=dense.n + 1)[1:].astype(float),
            everyone=np.bincount(of_site + 1, self.firms_at, minlength=dense.n + 1)[1:].astype(float),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByHierarchy:
    """HDBSCAN of distinct sites; all firms inside the convex hull of a place belong to it."""

    x: Floats  # of the distinct sites of all firms
    y: Floats
    site_of: npt.NDArray[np.int32]
    firms_at: Floats
    tree: Any  # of the sites
    minimum: int

    def find(self, rows: Ints, marks: Floats, *, threads: int) -> Places:
        """Find the dense places."""
        import shapely
        from sklearn.cluster import HDBSCAN

        at, own = np.unique(self.site_of[rows], return_inverse=True)
        if len(at) > MOST_SITES:
            raise StatisticsError(
                "CM-DENSITY-004",
                f"{plural(len(at), 'site is', 'sites are')} more than HDBSCAN can order here ({MOST_SITES:,})",
                why="its time grows with the square of the number of sites",
                fix='method="dbscan", which takes millions',
            )
        if len(at) < self.minimum:
            none = np.empty(0)
            return Places(np.full(len(rows), -1), np.zeros(len(rows), dtype=bool), none, none)
        corner = np.column_stack([self.x[at], self.y[at]])
        model = HDBSCAN(min_cluster_size=self.minimum, copy=True, n_jobs=1 if threads == 1 else None)
        label = model.fit_predict(corner).astype(np.int64)
        n = int(label.max()) + 1
        weight = np.bincount(own, marks, minlength=len(at))
        hulls = [shapely.MultiPoint(corner[label == c]).convex_hull for c in range(n)]
        everyone = [self.firms_at[self.tree.query(hull, predicate="covers")].sum() for hull in hulls]
        return Places(
            label=label[own],
            core=label[own] >= 0,
            value=np.bincount(label + 1, weight, minlength=n + 1)[1:].astype(float),
            everyone=np.array(everyone, dtype=float),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestOf:
    """The candidate whose best place stands out most; the first of equals."""

    candidates: tuple[Finder, ...]
    firms: int

    def find(self, rows: Ints, marks: Floats, *, threads: int) -> Places:
        """Find the dense places of every candidate, and return those of the best."""
        total, best, chosen = float(marks.sum()), -1.0, None
        for which, finder in enumerate(self.candidates):
            places = finder.find(rows, marks, threads=threads)
            top = float(excess(places, total, self.firms)[1].max(initial=0.0))
            if chosen is None or top > best:
                best, chosen = top, places._replace(which=which)
        assert chosen is not None  # noqa: S101 - there is always a candidate
        return chosen


def excess(places: Places, total: float, firms: int) -> tuple[Floats, Floats]:
    """Return what each place would hold were the sector spread like all firms, and how far it holds more.

    The score is the log-likelihood ratio of an excess given the total (Kulldorff 1997), 0 where there is none.

    Examples
    --------
    >>> two = Places(np.array([0]), np.array([True]), np.array([30.0, 2.0]), np.array([100.0, 50.0]))
    >>> expected, score = excess(two, 100.0, 1_000)
    >>> expected.tolist(), score.round(2).tolist()
    ([10.0, 5.0], [15.37, 0.0])
    """
    expected = places.everyone * (total / firms)
    value, rest, other = places.value, total - places.value, total - expected
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = value * np.log(value / expected)
        outside = np.where(rest > _TIE * total, rest * np.log(rest / other), 0.0)
    return expected, np.where(value > expected, np.maximum(inside + outside, 0.0), 0.0)


def largest_drawn(
    finder: Finder, marks: Floats, firms: int, *, permutations: int, seed: int, report: Progress
) -> Floats:
    """Return the largest score of each random labelling: the marks thrown on as many of all firms, each at most once.

    Threads take blocks of draws, each from a stream of its own.
    """
    total = float(marks.sum())

    def block(number: int) -> Floats:
        rng = stream(seed, "density", number)
        out = np.zeros(min(_BLOCK, permutations - number * _BLOCK))
        for i in range(len(out)):
            rows = rng.choice(firms, len(marks), replace=False)
            found = finder.find(rows, marks, threads=1)
            if len(found.value):
                out[i] = excess(found, total, firms)[1].max()
        return out

    blocks, parts = -(-permutations // _BLOCK), []
    with ThreadPoolExecutor(workers()) as pool:
        for part in pool.map(block, range(blocks)):
            parts.append(part)
            report(len(parts), blocks)
    return np.concatenate(parts)


def p_of(score: Floats, drawn: Floats) -> Floats:
    """Return the share of labellings, the observed one included, whose best place scores as high.

    Examples
    --------
    >>> p_of(np.array([2.0, 0.5]), np.array([1.0, 0.0, 0.5])).tolist()
    [0.25, 0.75]
    """
    ordered = np.sort(drawn)
    at_least = len(ordered) - np.searchsorted(ordered, score - _TIE * np.maximum(score, 1.0), side="left")
    return np.asarray((1 + at_least) / (len(ordered) + 1), dtype=float)
