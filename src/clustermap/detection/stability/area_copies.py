"""Bootstrap copies of a scanned map: firms drawn again, the search repeated without a test, sets matched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.detection.scan.field_rounds import EVEN_PENALTY, field_sets
from clustermap.detection.scan.inputs import places
from clustermap.detection.scan.rounds import Problem, sets_without_test
from clustermap.detection.scan.scanning import problems_of
from clustermap.detection.scan.settings import Settings
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.detection.clusters import Clusters

__all__ = ["MATCHED", "Matches", "best_match", "match_copies", "problems_behind", "resampled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MATCHED = 0.5  # Jaccard from which two sets are one cluster (Hennig 2007)
_MORE = 2  # sets searched for in a copy, for each cluster that was found: a cluster may fall apart


class Matches(NamedTuple):
    """The best match of one cluster in every copy: its Jaccard index, and its areas where they match."""

    jaccard: Floats
    sets: list[Ints]


def problems_behind(clusters: Clusters) -> list[tuple[Problem, list[str]]]:
    """State again what was scanned: each problem with the names of the clusters that it gave."""
    settings = Settings(
        method=clusters.method,
        background=clusters.background,
        minimum_lq=clusters.minimum_lq,
        levels=clusters.levels,
        penalty=clusters.penalty,
        max_share=clusters.max_share,
        permutations=clusters.permutations,
        alpha=clusters.alpha,
        seed=clusters.seed,
        likelihood=clusters.likelihood,
    )
    frame = clusters.frame
    sectors = list(dict.fromkeys(frame["sector"]))
    out = []
    for problem in problems_of(
        clusters.table, clusters.graph, sectors=sectors, settings=settings, plants=clusters.plants
    ):
        level = 1.0 if problem.minimum_lq is None else problem.minimum_lq
        mine = frame[(frame["sector"] == problem.sector) & (frame["level"] == level)]
        if len(mine):
            out.append((problem, list(mine["cluster"])))
    return out


def resampled(problem: Problem, replicates: int, seed: int) -> tuple[Floats, Ints]:
    """Draw the sector's firms or plants again, with replacement: counts of each copy, and a seed for its walk.

    The streams are keyed by sector and copy, so that all levels of a sector see the same copies.
    """
    counts = np.where(problem.known, problem.counts, 0.0)
    total = round(float(counts.sum()))
    draws, seeds = np.zeros((replicates, len(counts))), np.zeros(replicates, dtype=np.int64)
    for copy in range(replicates):
        rng = stream(seed, "stability", problem.sector, copy)
        if problem.plants is None:
            draws[copy] = rng.multinomial(total, counts / total)
        else:
            area, size = problem.plants
            chosen = rng.integers(len(size), size=len(size))
            draws[copy] = np.bincount(area[chosen], size[chosen], minlength=len(counts))
        seeds[copy] = rng.integers(1 << 62)
    draws[:, ~problem.known] = np.nan
    return draws, seeds


def match_copies(
    clusters: Clusters, *, replicates: int, seed: int, spread: Callable[..., Any], done: Callable[[], None]
) -> dict[str, Matches]:
    """Search every copy as the map was searched, without a test, and match each cluster's areas with its best set."""
    labels = clusters.table.labels
    out: dict[str, Matches] = {}
    for problem, names in problems_behind(clusters):
        draws, seeds = resampled(problem, replicates, seed)
        found = _searched(clusters, problem, draws, seeds=seeds, most=_MORE * len(names), spread=spread)
        for name in names:
            own = clusters.members.loc[clusters.members["cluster"] == name, "area"]
            members = np.sort(labels.get_indexer(own))
            pairs = [best_match(members, sets) for sets in found]
            out[name] = Matches(np.array([jaccard for jaccard, _ in pairs]), [held for _, held in pairs])
        done()
    return out


def _searched(
    clusters: Clusters, problem: Problem, draws: Floats, *, seeds: Ints, most: int, spread: Callable[..., Any]
) -> list[list[Ints]]:
    """Search every copy against the background that the map was held against."""
    from dataclasses import replace

    if clusters.background in {"field", "auto"}:
        row = clusters.searches.loc[clusters.searches["sector"] == problem.sector].iloc[0]
        at = places(clusters.table)
        if at is not None and (clusters.background == "field" or row["roughness"] > 0):
            return field_sets(problem, draws, at=at, seeds=seeds, most=most, spread=spread)
        problem = replace(problem, penalty=EVEN_PENALTY)

    def one(copy: int) -> list[Ints]:
        return sets_without_test(replace(problem, counts=draws[copy], seed=int(seeds[copy])), most)

    return list(spread(one, range(len(draws))))


def best_match(members: Ints, sets: list[Ints]) -> tuple[float, Ints]:
    """Return the largest Jaccard index with any of the sets, and that set where it is at least one half.

    Examples
    --------
    >>> jaccard, held = best_match(np.array([1, 2, 3]), [np.array([7]), np.array([2, 3, 4])])
    >>> jaccard, held.tolist()
    (0.5, [2, 3, 4])
    >>> best_match(np.array([1, 2, 3]), [])[0]
    0.0
    """
    best, held = 0.0, np.empty(0, dtype=np.int64)
    for other in sets:
        common = len(np.intersect1d(members, other, assume_unique=True))
        jaccard = common / (len(members) + len(other) - common)
        if jaccard > best:
            best, held = jaccard, other
    return best, held if best >= MATCHED else np.empty(0, dtype=np.int64)
