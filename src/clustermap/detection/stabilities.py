"""The verb of stability: which clusters, areas and borders come back when the firms are drawn again."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from clustermap.compiled import workers
from clustermap.detection.clusters import Clusters
from clustermap.detection.copies import MATCHED, Matches, match_copies, problems_behind
from clustermap.detection.stability_results import Stability, counted
from clustermap.errors import InputError, OptionError
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed
from clustermap.schema import SUPPORT_COLUMNS

if TYPE_CHECKING:
    from clustermap.progress import Progress

__all__ = ["stability"]

_FEWEST = 20


def stability(
    clusters: Clusters,
    *,
    replicates: int = 200,
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> Clusters:
    """Say which areas and borders of a cluster come back when the firms are drawn again.

    Every copy draws the sector's firms with replacement, area totals fixed, and is searched as the map was, without
    a test. Each cluster is matched with the most similar set of the copy, if their Jaccard index is at least one half.

    Parameters
    ----------
    clusters : Clusters
        What detection returned.
    replicates : int
        Copies, at least 20.
    seed : int, optional
        Copies are keyed by seed, sector and number; None draws a seed and records it.
    progress : callable or bool, optional
        Called with ``(done, total)``; True shows a bar.

    Returns
    -------
    Clusters
        The same clusters with `support` (``cluster, area, support``: the share of copies whose matched set holds the
        area, areas outside the cluster included) and `stability` (how often each cluster was found again). A
        `crossing` of them says for every pair of authorities in which share of copies the cluster crosses their
        border.

    Raises
    ------
    InputError
        CM-STAB-001: no clusters, or of a method whose search cannot be repeated on copies.
    OptionError
        CM-STAB-002: too few copies.

    Notes
    -----
    Support is conditional on detection and no probability. A count of a copy has about twice the variance of a count
    of the map, so that copies of a map without any cluster look significant more often than not; a low support says
    that a figure hangs on few firms, a high one does not say that the cluster is real: p does. Copies search for
    twice as many sets as there are clusters, each of a positive score. Where ``background="auto"`` chose a field or
    an even background, copies keep the choice.

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
    seed = resolve_seed(seed)
    from concurrent.futures import ThreadPoolExecutor

    with reporting(progress, "stability") as report, ThreadPoolExecutor(workers()) as pool:
        total = len(problems_behind(clusters))
        steps = iter(range(1, total + 1))
        matches = match_copies(
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
            method="the sector's firms drawn again",
        ),
    )


def _check(clusters: Clusters, replicates: int) -> None:
    if not isinstance(clusters, Clusters) or clusters.method != "scan":
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


def _frames(
    clusters: Clusters, matches: dict[str, Matches]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Put matched sets in long form, and count them by area and by cluster."""
    labels = clusters.table.labels
    support, rows, copies = [], [], []
    for name in clusters.frame["cluster"]:
        jaccard, sets = matches[name]
        held = pd.DataFrame(
            [(name, copy, labels[at]) for copy, members in enumerate(sets) for at in members],
            columns=["cluster", "copy", "area"],
        )
        members = clusters.members.loc[clusters.members["cluster"] == name, "area"]
        share = held["area"].value_counts(sort=False) / len(sets)
        every = labels[labels.isin(share.index) | labels.isin(members)]
        share = share.reindex(every, fill_value=0.0)
        support.append(pd.DataFrame({"cluster": name, "area": every, "support": share.to_numpy()}))
        rows.append(
            (name, float((jaccard >= MATCHED).mean()), float(jaccard.mean()), *counted(share[members]))
        )
        copies.append(held)
    empty = pd.DataFrame(columns=list(SUPPORT_COLUMNS), dtype=object)
    return (
        pd.concat(support or [empty], ignore_index=True).astype({"support": "float64"}),
        pd.DataFrame(rows, columns=["cluster", "recovered", "jaccard", "sure", "loose"]),
        pd.concat(
            copies or [pd.DataFrame(columns=["cluster", "copy", "area"], dtype=object)], ignore_index=True
        ),
    )
