"""From pairs of positions to a graph: one canonical order, isolates by a declared rule."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.errors import ClusterMapWarning, StatisticsError, part_of, plural
from clustermap.sources.values import Areas

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph

__all__ = ["given_areas", "isolated", "make_graph", "treat_isolates", "unordered"]

Indices = npt.NDArray[np.int64]
MINIMUM_AREAS = 3
_SHOWN = 5
_ALMOST_M = 10.0


def given_areas(areas: Areas | gpd.GeoDataFrame, *, what: str) -> Areas:
    """Take areas as they are or through the reader, and refuse too few of them.

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    """
    if not isinstance(areas, Areas):
        from clustermap.sources.boundaries import as_areas

        areas = as_areas(areas)
    if len(areas) < MINIMUM_AREAS:
        raise StatisticsError(
            "CM-GRAPH-001",
            f"{what} of {plural(len(areas), 'area')}: at least {MINIMUM_AREAS} are needed",
            why="with fewer, every statistic of neighbours is a constant",
            fix='read smaller areas, for instance read_boundaries("lad", vintage=2022)',
        )
    return areas


def unordered(a: npt.ArrayLike, b: npt.ArrayLike, n: int) -> tuple[Indices, Indices]:
    """Return each pair of different positions once, the smaller position first, in order."""
    first, second = (np.asarray(side, dtype=np.int64) for side in (a, b))
    different = first != second
    low = np.minimum(first, second)[different]
    high = np.maximum(first, second)[different]
    keys = np.unique(low * n + high)
    return keys // max(n, 1), keys % max(n, 1)


def isolated(first: Indices, second: Indices, n: int) -> Indices:
    """Return the positions that are in no pair."""
    return np.flatnonzero(np.bincount(np.concatenate((first, second)), minlength=n) == 0)


def make_graph(
    labels: pd.Index, focal: Indices, other: Indices, weight: npt.NDArray[np.float64] | None = None
) -> Graph:
    """Build the graph of directed pairs, in code order; isolates become loops of weight 0.

    Without weights it is binary; pairs of weight 0 are no links.
    """
    from libpysal.graph import Graph

    n = len(labels)
    if weight is not None:
        real = weight != 0
        focal, other, weight = focal[real], other[real], weight[real]
    alone = np.flatnonzero(np.bincount(focal, minlength=n) == 0)
    rows, columns = np.concatenate((focal, alone)), np.concatenate((other, alone))
    weights: Any = np.ones(len(focal), dtype=np.int64) if weight is None else weight
    weights = np.concatenate((weights, np.zeros(len(alone), dtype=weights.dtype)))
    order = np.argsort(rows * n + columns, kind="stable")
    levels = labels.rename(None)
    index = pd.MultiIndex(
        levels=[levels, levels], codes=[rows[order], columns[order]], names=["focal", "neighbor"]
    )
    adjacency = pd.Series(weights[order], index=index, name="weight")
    return Graph(adjacency, transformation="B" if weight is None else "O", is_sorted=True)


def treat_isolates(
    areas: Areas, first: Indices, second: Indices, islands: Literal["keep", "nearest", "error"]
) -> tuple[Indices, Indices]:
    """Keep isolates with one warning, link each to the nearest area, or refuse.

    Raises
    ------
    StatisticsError
        CM-GRAPH-003: there are isolates and ``islands="error"``.
    """
    n = len(areas)
    alone = isolated(first, second, n)
    if not len(alone):
        return first, second
    what = f"{part_of(len(alone), n, 'area', 'has', 'have')} no neighbour: {_named(areas, alone)}"
    if islands == "error":
        raise StatisticsError(
            "CM-GRAPH-003",
            what + _almost(areas, alone),
            why="their local statistics have no value",
            fix='islands="keep" (NaN, label "isolate") or islands="nearest" (linked to the nearest area)',
        )
    if islands == "keep":
        warnings.warn(
            f"[CM-GRAPH-002] {what}; they stay in the graph, their local statistics are NaN"
            + _almost(areas, alone)
            + ' (islands="nearest" links them)',
            ClusterMapWarning,
            stacklevel=3,
        )
        return first, second
    near, _ = _nearest(areas, alone)
    return unordered(np.concatenate((first, alone)), np.concatenate((second, near)), n)


def _nearest(areas: Areas, alone: Indices) -> tuple[Indices, npt.NDArray[np.float64]]:
    """Return the nearest other area of each, the lowest code where several are equally near."""
    shapes: Any = areas.frame.geometry.to_numpy()
    (row, other), distance = shapely.STRtree(shapes).query_nearest(
        shapes[alone], exclusive=True, return_distance=True, all_matches=True
    )
    keep = other != alone[row]  # an equal twin elsewhere is another area, the area itself is not
    row, other, distance = row[keep], other[keep], distance[keep]
    order = np.lexsort((other, row))
    _, at = np.unique(row[order], return_index=True)
    return other[order][at].astype(np.int64), distance[order][at]


def _almost(areas: Areas, alone: Indices) -> str:
    """Say which isolates are so only because borders do not quite meet."""
    near, distance = _nearest(areas, alone)
    close = np.flatnonzero((distance > 0) & (distance <= _ALMOST_M))
    if not len(close):
        return ""
    pairs = ", ".join(
        f"{areas.names.iloc[alone[i]]} lies {distance[i]:.2g} m from {areas.names.iloc[near[i]]}"
        for i in close[:_SHOWN]
    )
    return f"; {pairs}: snap_m={_ALMOST_M:g} would link such pairs"


def _named(areas: Areas, positions: Indices) -> str:
    codes, names = areas.frame.index, areas.names.to_numpy()
    text = ", ".join(
        str(codes[i]) if str(names[i]) == str(codes[i]) else f"{names[i]} ({codes[i]})"
        for i in positions[:_SHOWN]
    )
    return text + (", …" if len(positions) > _SHOWN else "")
