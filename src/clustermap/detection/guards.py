"""Guards against stacks: the same detection with and without the firms of crowded addresses, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clustermap.errors import plural
from clustermap.tables.crowding import thinned

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.detection.clusters import Clusters
    from clustermap.schema import StackRule
    from clustermap.sources.values import Firms

__all__ = ["both_ways", "difference"]


def both_ways(
    firms: Firms, rule: StackRule, per_address: int, *, detect: Callable[[Firms], Clusters]
) -> Clusters:
    """Detect without the stacks, and put beside it what is found with them."""
    rest = thinned(firms, rule, per_address)
    if len(rest.firms) == len(firms):
        return replace(detect(firms), guard=rest.told)
    return replace(detect(rest.firms), guard=rest.told, with_stacks=detect(firms))


def difference(without: Clusters, whole: Clusters) -> list[str]:
    """Say what the guard changes: clusters that exist only with the stacks, or only without, and changed members."""
    ours, theirs = _members(without), _members(whole)
    lines = [f"With the stacks kept: {_many(theirs)}; without them: {_many(ours)}."]
    only_with = [
        name for name, key in theirs.items() if not any(_meet(key, other) for other in ours.values())
    ]
    only_without = [
        name for name, key in ours.items() if not any(_meet(key, other) for other in theirs.values())
    ]
    if only_with:
        lines.append(f"Only with the stacks: {', '.join(map(whole.described, only_with))}.")
    if only_without:
        lines.append(f"Only without them: {', '.join(map(without.described, only_without))}.")
    for name, key in ours.items():
        met = [other[2] for other in theirs.values() if _meet(key, other)]
        more, fewer = frozenset().union(*met) - key[2], key[2] - frozenset().union(*met)
        if met and (more or fewer):
            lines.append(
                f"{name}: with the stacks it has {_shown(without, more)} more and {_shown(without, fewer)} fewer."
            )
    return lines


def _many(clusters: dict[str, _Key]) -> str:
    return plural(len(clusters), "cluster")


def _shown(clusters: Clusters, members: frozenset[object]) -> str:
    """Name areas, count firms."""
    if clusters.firms is not None:
        return plural(len(members), "firm")
    return plural(len(members), "area") + (
        f" ({clusters.named(sorted(members, key=str))})" if members else ""
    )


_Key = tuple[str, float, frozenset[object]]


def _members(clusters: Clusters) -> dict[str, _Key]:
    column = "firm_id" if "firm_id" in clusters.members else "area"
    parts = {name: frozenset(part) for name, part in clusters.members.groupby("cluster")[column]}
    return {
        row.cluster: (row.sector, row.level, parts[row.cluster])
        for row in clusters.frame.itertuples(index=False)
    }


def _meet(a: _Key, b: _Key) -> bool:
    return a[:2] == b[:2] and bool(a[2] & b[2])
