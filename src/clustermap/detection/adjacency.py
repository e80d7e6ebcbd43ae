"""Neighbours in the order of a table: symmetric, without self-links, free of the graph's own order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError
from clustermap.weights.alignment import neighbours

__all__ = ["components", "compressed", "links_of"]

Ints = npt.NDArray[np.int64]


def links_of(graph: Any, labels: pd.Index) -> tuple[Ints, Ints]:
    """Return the neighbours of every label as compressed rows, in the order of the labels.

    A link in one direction counts in both: a connected set does not ask who named whom.

    Raises
    ------
    AlignmentError
        CM-ALIGN-002: graph and values do not carry the same labels.
    """
    rows = neighbours(graph)
    theirs = pd.Index(rows.labels)
    missing, extra = labels.difference(theirs), theirs.difference(labels)
    if len(missing) or len(extra):
        raise AlignmentError(
            "CM-ALIGN-002",
            f"graph and values carry different labels: {len(missing)} of {len(labels)} not in the graph "
            f"{list(missing[:5])}, {len(extra)} of {len(theirs)} only there {list(extra[:5])}",
            why="a cluster would be grown through the wrong neighbours",
            fix="graph = cm.contiguity(table.areas)",
        )
    place = labels.get_indexer(theirs)
    focal = np.repeat(np.arange(len(theirs)), np.diff(rows.indptr))
    return compressed(np.column_stack([place[focal], place[rows.indices]]), len(labels))


def compressed(links: npt.ArrayLike, n: int) -> tuple[Ints, Ints]:
    """Turn pairs of positions into compressed rows, both directions, each neighbour once and in order.

    Examples
    --------
    >>> indptr, indices = compressed([(0, 1), (2, 1)], 3)
    >>> indptr.tolist(), indices.tolist()
    ([0, 1, 3, 4], [1, 0, 2, 1])
    """
    pairs = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    both = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    indptr = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(both[:, 0], minlength=n), out=indptr[1:])
    return indptr, np.ascontiguousarray(both[:, 1])


def components(indptr: Ints, indices: Ints, members: Ints) -> list[Ints]:
    """Split a set into its connected parts, each in order, the part with the lowest member first.

    Examples
    --------
    >>> indptr, indices = compressed([(0, 1), (1, 2), (2, 3)], 4)
    >>> [part.tolist() for part in components(indptr, indices, np.array([0, 1, 3]))]
    [[0, 1], [3]]
    """
    left, parts = set(map(int, members)), []
    for start in sorted(left):
        if start not in left:
            continue
        left.discard(start)
        part, queue = [start], [start]
        while queue:
            at = queue.pop()
            for j in map(int, indices[indptr[at] : indptr[at + 1]]):
                if j in left:
                    left.discard(j)
                    part.append(j)
                    queue.append(j)
        parts.append(np.array(sorted(part), dtype=np.int64))
    return parts
