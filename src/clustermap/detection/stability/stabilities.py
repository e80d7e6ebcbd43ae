"""The verb of stability: which clusters, areas and borders come back when the firms are drawn again."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.compiled import workers
from clustermap.detection.clusters import Clusters
from clustermap.detection.stability.area_copies import MATCHED, Matches, match_copies, problems_behind
from clustermap.detection.stability.results import Stability, counted
from clustermap.errors import InputError, OptionError
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed
from clustermap.schema import SUPPORT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.progress import Progress

__all__ = ["stability"]

_FEWEST = 20
_METHODS = ("scan", "surface", "dbscan")  # HDBSCAN takes sites once, however many firms a copy puts there
_POSTCODE_M = 100.0


def stability(
    clusters: Clusters,
    *,
    replicates: int = 200,
    jitter_m: float | None = None,
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> Clusters:
    """Say which areas, firms and borders of a cluster come back when the firms are drawn again.

    Every copy draws the sector's firms with replacement, the whole economy fixed, and is searched as the map was,
    without a test; firms are also moved a little. Each cluster is matched with the most similar set of the copy, if
    their Jaccard index is at least one half.

    Parameters
    ----------
    clusters : Clusters
        What detection returned.
    replicates : int
        Copies, at least 20.
    jitter_m : float, optional
        Standard deviation, east and north, by which every firm is moved: what its geocode may be wrong by. 100 m,
        about a postcode, where absent; belongs to clusters of firms.
    seed : int, optional
        Copies are keyed by seed, sector and number; None draws a seed and records it.
    progress : callable or bool, optional
        Called with ``(done, total)``; True shows a bar.

    Returns
    -------
    Clusters
        The same clusters with `support` (``cluster, area, support``: the share of copies whose matched set holds the
        area, areas outside the cluster included; ``firm_id`` in place of areas where firms were clustered) and
        `stability` (how often each cluster was found again). A `crossing` of them says for every pair of authorities
        in which share of copies the cluster crosses their border.

    Raises
    ------
    InputError
        CM-STAB-001: no clusters, or of a method whose search cannot be repeated on copies.
    OptionError
        CM-STAB-002: too few copies. CM-STAB-003: a jitter that is no distance, or of clusters of areas.

    Notes
    -----
    Support is conditional on detection and no probability. A count of a copy has about twice the variance of a count
    of the map, so that copies of a map without any cluster look significant far more often than the level says; a
    low support says that a figure hangs on few firms, a high one does not say that the cluster is real: p does.
    Copies search for twice as many sets as there are clusters, each of a positive score; copies of a surface take its
    regions above the contour of the map, those of DBSCAN the dense places at its radius and minimum. Where
    ``background="auto"`` chose a field or an even background, copies keep the choice.

    References
    ----------
    Hennig, C. (2007), Cluster-wise assessment of cluster stability. Computational Statistics & Data Analysis 52.
    Efron, B. and Tibshirani, R. J. (1993), An Introduction to the Bootstrap.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> from clustermap import detect_clusters
    >>> chain = Graph.from_adjacency(pd.DataFrame({"focal": list("ABBCCD"), "neighbor": list("BACBDC"), "weight": 1}))
    >>> firms = pd.DataFrame({"steel": [90, 80, 10, 9], "rest": [910, 920, 990, 991]}, index=list("ABCD"))
    >>> found = detect_clusters(firms, chain, sector="steel", max_share=0.5, seed=7)
    >>> stability(found, replicates=50, seed=7).support.values.tolist()
    [['C1', 'A', 1.0], ['C1', 'B', 0.66]]
    """
    _check(clusters, replicates)
    jitter = _jitter(clusters, jitter_m)
    seed = resolve_seed(seed)
    from concurrent.futures import ThreadPoolExecutor

    with reporting(progress, "stability") as report, ThreadPoolExecutor(workers()) as pool:
        scan = clusters.method == "scan"
        sought = clusters.surfaces or (clusters.density.sought if clusters.density is not None else ())
        total = len(problems_behind(clusters)) if scan else len(sought)
        steps = iter(range(1, total + 1))
        match = match_copies if scan else _firm_copies(jitter)
        matches = match(
            clusters,
            replicates=replicates,
            seed=seed,
            spread=pool.map,
            done=lambda: report(next(steps), total),
        )
    support, frame, copies = _frames(clusters, matches)
    return replace(
        clusters,
        support=support,
        stability=Stability(
            frame=frame,
            copies=copies,
            replicates=replicates,
            seed=seed,
            method=_method(clusters, jitter),
        ),
    )


def _check(clusters: Clusters, replicates: int) -> None:
    if not isinstance(clusters, Clusters) or clusters.method not in _METHODS:
        told = (
            f"clusters of {clusters.method!r}" if isinstance(clusters, Clusters) else type(clusters).__name__
        )
        raise InputError(
            "CM-STAB-001",
            f"{told}: there is no search to repeat on copies of the map",
            why="support counts how often the same search finds the cluster again",
            fix="cm.stability(cm.detect_clusters(table, graph))",
        )
    try:
        enough = operator.index(replicates) >= _FEWEST
    except TypeError:
        enough = False
    if not enough:
        raise OptionError(
            "CM-STAB-002",
            f"replicates={replicates!r} is not a whole number from {_FEWEST} up",
            why="a share of so few copies says nothing",
            fix="replicates=200",
        )


def _firm_copies(jitter: float) -> Callable[..., dict[str, Matches]]:
    from clustermap.detection.stability.firm_copies import (
        match_firm_copies,  # compiles kernels that areas do not need
    )

    return partial(match_firm_copies, jitter_m=jitter)


def _jitter(clusters: Clusters, jitter_m: float | None) -> float:
    if clusters.method == "scan":
        wrong, usual = jitter_m is not None, 0.0
    else:
        wrong, usual = jitter_m is not None and not 0 <= jitter_m < np.inf, _POSTCODE_M
    if wrong:
        raise OptionError(
            "CM-STAB-003",
            f"jitter_m={jitter_m!r} for clusters of {'areas' if clusters.method == 'scan' else 'firms'}",
            why="counts of areas have no places to move; firms are moved by a distance from 0 up",
            fix="cm.stability(clusters) for areas, jitter_m=100 for firms",
        )
    return usual if jitter_m is None else float(jitter_m)


def _method(clusters: Clusters, jitter: float) -> str:
    if clusters.method == "scan":
        return (
            "the sector's plants drawn again"
            if clusters.likelihood == "jobs"
            else "the sector's firms drawn again"
        )
    return f"the sector's firms drawn again, all firms moved by about {jitter:g} m"


def _frames(
    clusters: Clusters, matches: dict[str, Matches]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Put matched sets in long form, and count them by area and by cluster."""
    labels, what = _items(clusters)
    support, rows, copies = [], [], []
    for name in clusters.frame["cluster"]:
        jaccard, sets = matches[name]
        held = pd.DataFrame(
            [(name, copy, labels[at]) for copy, members in enumerate(sets) for at in members],
            columns=["cluster", "copy", what],
        )
        members = clusters.members.loc[clusters.members["cluster"] == name, what]
        share = held[what].value_counts(sort=False) / len(sets)
        every = labels[labels.isin(share.index) | labels.isin(members)]
        share = share.reindex(every, fill_value=0.0)
        support.append(pd.DataFrame({"cluster": name, what: every, "support": share.to_numpy()}))
        rows.append(
            (name, float((jaccard >= MATCHED).mean()), float(jaccard.mean()), *counted(share[members]))
        )
        copies.append(held)
    empty = pd.DataFrame(columns=[what if c == "area" else c for c in SUPPORT_COLUMNS], dtype=object)
    return (
        pd.concat(support or [empty], ignore_index=True).astype({"support": "float64"}),
        pd.DataFrame(rows, columns=["cluster", "recovered", "jaccard", "sure", "loose"]),
        pd.concat(
            copies or [pd.DataFrame(columns=["cluster", "copy", what], dtype=object)], ignore_index=True
        ),
    )


def _items(clusters: Clusters) -> tuple[pd.Index, str]:
    """Return what clusters are made of, in order, and its name."""
    if clusters.firms is not None:
        return pd.Index(clusters.firms.frame["firm_id"]), "firm_id"
    return clusters.table.labels, "area"
