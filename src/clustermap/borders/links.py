"""Links between neighbouring members of a cluster, and the part of each that crosses a border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.borders.membership import NOBODY
from clustermap.detection.adjacency import links_of
from clustermap.schema import PAIR_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clustermap.detection.clusters import Clusters

__all__ = ["border_pieces", "border_support", "crossing_pairs", "crossing_parts"]

Pair = tuple[str, str, str]
_NOTHING = 1e-9


def crossing_parts(first: dict[Any, float], second: dict[Any, float]) -> dict[tuple[Any, Any], float]:
    """Split the crossing part of one link among pairs of authorities.

    Parameters
    ----------
    first, second : dict
        Memberships of the two areas, each summing to 1.

    Examples
    --------
    >>> crossing_parts({"A": 1.0}, {"B": 1.0})
    {('A', 'B'): 1.0}
    >>> crossing_parts({"A": 0.5, "B": 0.5}, {"A": 1.0})
    {('A', 'B'): 0.5}
    >>> crossing_parts({"A": 1.0}, {"A": 1.0})
    {}
    """
    common = {a: min(share, second.get(a, 0.0)) for a, share in first.items()}
    crossing = 1.0 - sum(common.values())
    if crossing <= _NOTHING:
        return {}
    parts: dict[tuple[Any, Any], float] = {}
    for a, share in first.items():
        for b, other in second.items():
            part = (share - common[a]) * (other - common.get(b, 0.0)) / crossing
            if part > _NOTHING:
                key = (a, b) if str(a) < str(b) else (b, a)
                parts[key] = parts.get(key, 0.0) + part
    return parts


def crossing_pairs(clusters: Clusters, membership: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of authorities whose border neighbouring members of a cluster straddle."""
    links: dict[Pair, float] = {}
    borders: dict[Pair, float] = {}
    for key, part, line in _crossed(clusters, membership):
        links[key] = links.get(key, 0.0) + part
        length = np.nan if line is None else line.length / 1000
        borders[key] = borders.get(key, 0.0) + part * length
    amounts = frame.set_index(["cluster", "authority"])
    number = {cluster: i for i, cluster in enumerate(clusters.frame["cluster"])}
    support = border_support(clusters, membership, set(links))
    rows = []
    for key in sorted(links, key=lambda k: (number[k[0]], str(k[1]), str(k[2]))):
        cluster, a, b = key
        ours, theirs = amounts.loc[(cluster, a)], amounts.loc[(cluster, b)]
        rows.append(
            (
                cluster, a, b, links[key], borders[key], ours["value"], theirs["value"],
                min(ours["share"], theirs["share"]), support.get(key, np.nan),
            )
        )  # fmt: skip
    kinds = dict.fromkeys(PAIR_COLUMNS, "float64") | dict.fromkeys(("cluster", "a", "b"), "object")
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS)).astype(kinds)


def border_support(clusters: Clusters, membership: pd.DataFrame, pairs: set[Pair]) -> dict[Pair, float]:
    """Return, for crossing pairs, the share of copies in which neighbours inside the matched set straddle the border.

    Empty where the stability of the clusters was not asked for.
    """
    if clusters.stability is None or clusters.table is None:
        return {}
    shares = _normalised(membership)
    labels = clusters.table.labels
    indptr, indices = links_of(clusters.graph, labels)
    out: dict[Pair, float] = {}
    for cluster, areas in clusters.stability.copies.groupby("cluster", sort=False)["area"]:
        places = np.sort(labels.get_indexer(areas.unique()))
        held = clusters.stability.held(str(cluster), labels[places])
        column = {int(i): n for n, i in enumerate(places)}
        crossed: dict[Pair, npt.NDArray[np.bool_]] = {}
        for i in column:
            for j in indices[indptr[i] : indptr[i + 1]]:
                if j <= i or int(j) not in column:
                    continue
                both = held[:, column[i]] & held[:, column[int(j)]]
                for a, b in crossing_parts(shares[labels[i]], shares[labels[j]]):
                    key = (str(cluster), a, b)
                    crossed[key] = crossed[key] | both if key in crossed else both
        out |= {key: float(copies.mean()) for key, copies in crossed.items()}
    return {key: out.get(key, 0.0) for key in pairs}


def border_pieces(clusters: Clusters, membership: pd.DataFrame) -> dict[Pair, Any]:
    """Return, for every crossing pair, the borders between its areas as one geometry."""
    import shapely

    pieces: dict[Pair, list[Any]] = {}
    for key, _, line in _crossed(clusters, membership):
        pieces.setdefault(key, []).append(line)
    return {key: shapely.line_merge(shapely.union_all(lines)) for key, lines in pieces.items()}


def _crossed(clusters: Clusters, membership: pd.DataFrame) -> Iterator[tuple[Pair, float, Any]]:
    """Give every crossing part of every link: cluster and pair, the part, and the border (None without polygons)."""
    shares = _normalised(membership)
    labels = clusters.table.labels
    indptr, indices = links_of(clusters.graph, labels)
    shapes = None if clusters.areas is None else clusters.areas.frame.geometry.to_dict()
    for cluster, codes in clusters.members.groupby("cluster", sort=False)["area"]:
        inside = set(labels.get_indexer(codes))
        for i in sorted(inside):
            for j in indices[indptr[i] : indptr[i + 1]]:
                if j <= i or j not in inside:
                    continue
                parts = crossing_parts(shares[labels[i]], shares[labels[j]])
                line = None if shapes is None or not parts else _shared(shapes[labels[i]], shapes[labels[j]])
                for (a, b), part in parts.items():
                    if NOBODY not in {a, b}:
                        yield (str(cluster), a, b), part, line


def _normalised(membership: pd.DataFrame) -> dict[Any, dict[Any, float]]:
    """Return memberships by area; under "full" they sum to more than 1 and are scaled for links."""
    share = membership["share"] / membership.groupby("area")["share"].transform("sum")
    out: dict[Any, dict[Any, float]] = {}
    for area, authority, part in zip(membership["area"], membership["authority"], share, strict=True):
        out.setdefault(area, {})[authority] = float(part)
    return out


def _shared(first: Any, second: Any) -> Any:
    """Return the border that two areas share; empty where they meet in a point."""
    import shapely

    both = shapely.intersection(shapely.boundary(first), shapely.boundary(second))
    lines = [part for part in shapely.get_parts(both) if shapely.get_dimensions(part) == 1]
    return shapely.union_all(lines) if lines else shapely.LineString()
