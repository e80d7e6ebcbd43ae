"""The tree of clusters: which core lies inside which wider cluster, level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clustermap.errors import plural

if TYPE_CHECKING:
    from clustermap.detection.clusters import Clusters

__all__ = ["TREE_COLUMNS", "cluster_tree", "tree_lines"]

TREE_COLUMNS = (
    "cluster", "sector", "depth", "level", "parent", "name", "n_areas", "n_firms", "value", "relative_risk", "p",
)  # fmt: skip


def cluster_tree(clusters: Clusters) -> pd.DataFrame:
    """Put clusters in reading order: each one, and after it all that lie inside it, strongest first.

    Returned is one row per cluster; `depth` counts the clusters around it.
    """
    frame = clusters.frame.assign(name=clusters.names.to_numpy())
    inside: dict[str | None, list[int]] = {}
    for row, parent in enumerate(frame["parent"]):
        inside.setdefault(parent if isinstance(parent, str) else None, []).append(row)
    order: list[tuple[int, int]] = []
    waiting = [(row, 0) for row in reversed(inside.get(None, []))]
    while waiting:
        row, depth = waiting.pop()
        order.append((row, depth))
        own = inside.get(str(frame["cluster"].iloc[row]), [])
        waiting += [(child, depth + 1) for child in reversed(own)]
    rows = frame.iloc[[row for row, _ in order]].assign(depth=[depth for _, depth in order])
    return rows[list(TREE_COLUMNS)].astype({"depth": "int64"}).reset_index(drop=True)


def tree_lines(clusters: Clusters) -> list[tuple[int, str]]:
    """Say of each cluster of the tree, in reading order, how deep it lies and what it is."""
    out = []
    for row in clusters.tree.itertuples(index=False):
        size = plural(row.n_firms, "firm")
        if clusters.firms is None:
            size = f"{plural(row.n_areas, 'area')}, {plural(round(row.value), clusters.unit[:-1])}"
        ratio = f", {row.relative_risk:.2f} times" if pd.notna(row.relative_risk) else ""
        level = f"at least {row.level:g}: " if len(clusters.levels) > 1 else ""
        out.append((int(row.depth), f"{level}{row.cluster} {row.name}, {size}{ratio}"))
    return out
