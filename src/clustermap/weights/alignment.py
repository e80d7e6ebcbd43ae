"""The only door from values to a graph: same labels or an error, and compact arrays for kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError, OptionError, part_of, plural

if TYPE_CHECKING:
    from libpysal.graph import Graph

__all__ = ["Neighbours", "align", "in_order", "neighbours"]

Labelled = TypeVar("Labelled", pd.Series, pd.DataFrame)
_SHOWN = 5
_LARGEST, _SMALLEST = 1e75, 1e-75  # fourth powers, summed, are still numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """A graph as compressed rows, in code order whatever the order of the graph.

    Attributes
    ----------
    labels : pandas.Index
        Area codes, sorted.
    indptr : numpy.ndarray of int64
        Row i holds the positions ``indptr[i]:indptr[i + 1]``.
    indices : numpy.ndarray of int64
        Positions of the neighbours in `labels`, ascending within a row.
    weights : numpy.ndarray of float64
        Weight of each link as the graph holds it; links of weight 0 are left out.
    """

    labels: pd.Index
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    @property
    def cardinalities(self) -> npt.NDArray[np.int64]:
        """Number of neighbours of each area; 0 for an isolate."""
        return np.diff(self.indptr)

    @property
    def equal_within_rows(self) -> bool:
        """Whether all links of an area have one weight (binary and row-standardised graphs)."""
        rows = np.flatnonzero(self.cardinalities)
        if not len(rows):
            return True
        starts = self.indptr[rows]
        low, high = (f.reduceat(self.weights, starts) for f in (np.minimum, np.maximum))
        return bool(np.allclose(low, high, rtol=1e-12, atol=0.0))

    @property
    def components(self) -> npt.NDArray[np.int64]:
        """Number of the connected component of each area, counted from 0 in code order."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        n = len(self.labels)
        matrix = csr_array((self.weights, self.indices, self.indptr), shape=(n, n))
        found: npt.NDArray[np.int64] = connected_components(matrix, directed=False)[1].astype(np.int64)
        return found

    def take(self, values: pd.Series | pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return aligned values as numbers in the order of `labels`."""
        return np.ascontiguousarray(values.reindex(self.labels).to_numpy(dtype=np.float64))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<Neighbours: {plural(len(self.labels), 'area')}, {plural(len(self.indices), 'link')}>"


def neighbours(graph: Graph) -> Neighbours:
    """Turn a graph into the compressed rows that kernels walk over.

    Parameters
    ----------
    graph : libpysal.graph.Graph
        Any graph; isolates are areas without links.

    Returns
    -------
    Neighbours
        In code order, the same for any row order of the areas.

    Raises
    ------
    OptionError
        CM-GRAPH-005: what was given is no graph, or the graph links areas with themselves. CM-GRAPH-009:
        weights that are infinite, or so large or small that their squares are no numbers.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> graph = Graph.from_arrays(["b", "a", "c"], ["a", "b", "c"], [1, 1, 0])
    >>> neighbours(graph).indptr.tolist()
    [0, 1, 2, 2]
    """
    adjacency = _adjacency(graph)
    labels = in_order(pd.Index(graph.unique_ids, name=None))
    # each label is looked up once, not once a link
    focal, other = (
        labels.get_indexer(level)[code]
        for level, code in zip(adjacency.index.levels, adjacency.index.codes, strict=True)
    )
    weight = adjacency.to_numpy(dtype=np.float64)
    real = weight != 0
    own = np.unique(focal[real & (focal == other)])
    if len(own):
        raise OptionError(
            "CM-GRAPH-005",
            f"{part_of(len(own), len(labels), 'area', 'is its own neighbour', 'are their own neighbours')}: "
            f"{list(labels[own[:_SHOWN]])}",
            why="an area that is its own neighbour resembles its neighbours by construction",
            fix="graph = graph.assign_self_weight(0)",
        )
    focal, other, weight = focal[real], other[real], weight[real]
    size = np.abs(weight)
    strange = int(np.count_nonzero(~((size <= _LARGEST) & (size >= _SMALLEST))))
    if strange:
        raise OptionError(
            "CM-GRAPH-009",
            f"{part_of(strange, len(weight), 'weight', 'is', 'are')} infinite, above {_LARGEST:g} or below "
            f"{_SMALLEST:g}",
            why="sums of their squares are no numbers, and every statistic is built on them",
            fix='graph.transform("b")   # every link counts the same, or weights in another unit',
        )
    order = np.argsort(focal * len(labels) + other, kind="stable")  # in order already, as a rule
    counts = np.bincount(focal, minlength=len(labels))
    return Neighbours(
        labels=labels,
        indptr=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        indices=other[order].astype(np.int64),
        weights=weight[order],
    )


def align(values: Labelled, graph: Graph, *, missing: Literal["error", "keep"] = "error") -> Labelled:
    """Put values in the order of a graph, or say which labels do not fit.

    Parameters
    ----------
    values : pandas.Series or pandas.DataFrame
        One row per area, indexed by code; any order.
    graph : libpysal.graph.Graph
        The graph. `libpysal`'s own `Graph.lag` takes values by position and ignores their labels.
    missing : {"error", "keep"}
        What to do with NaN: refuse and list them, or keep them for a measure that has a status for them.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        The same values in the order of ``graph.unique_ids``.

    Raises
    ------
    AlignmentError
        CM-ALIGN-002: labels duplicated, missing or extra, or none at all. CM-ALIGN-003: NaN or infinite
        values.
    OptionError
        CM-GRAPH-005: what was given is no graph.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> graph = Graph.from_arrays(["a", "b"], ["b", "a"], [1, 1])
    >>> align(pd.Series({"b": 2.0, "a": 1.0}), graph).tolist()
    [1.0, 2.0]
    """
    _adjacency(graph)
    labels = pd.Index(graph.unique_ids)
    if not isinstance(values, pd.Series | pd.DataFrame):
        raise AlignmentError(
            "CM-ALIGN-002",
            f"values without labels ({type(values).__name__}) cannot be matched with {plural(len(labels), 'area')}",
            why="values that meet the wrong area give a wrong answer without any sign of it",
            fix="pd.Series(values, index=codes)",
        )
    _check_labels(values.index, labels)
    aligned: Labelled = values.reindex(labels)
    _check_numbers(aligned, missing)
    return aligned


def _adjacency(graph: Graph) -> pd.Series:
    adjacency = getattr(graph, "adjacency", None)
    if not isinstance(adjacency, pd.Series):
        raise OptionError(
            "CM-GRAPH-005",
            f"expected a libpysal Graph, got {type(graph).__name__}",
            fix="clustermap.contiguity(areas), or libpysal.graph.Graph.from_W(w) for the older class",
        )
    return adjacency


def in_order(labels: pd.Index) -> pd.Index:
    """Sort labels, of several types too."""
    try:
        return labels.sort_values()
    except TypeError:  # labels of several types have no order of their own
        return pd.Index(sorted(labels, key=lambda label: (type(label).__name__, str(label))))


def _check_labels(given: pd.Index, labels: pd.Index) -> None:
    twice = given[given.duplicated()].unique()
    missing, extra = labels.difference(given, sort=False), given.difference(labels, sort=False)
    if not (len(twice) or len(missing) or len(extra)):
        return
    parts = [
        f"{len(which)} {word} {list(which[:_SHOWN])}"
        for which, word in ((missing, "missing"), (extra, "extra"), (twice, "duplicated"))
        if len(which)
    ]
    fix = "values.reindex(graph.unique_ids), after both are of one vintage"
    if len(twice):
        fix = "values.groupby(level=0).sum(min_count=1)"
    elif len(given) == len(labels) and not len(labels.intersection(given)):
        fix = 'gdf = gdf.set_index("code")   # the column of codes, before graph and values are made from gdf'
    raise AlignmentError(
        "CM-ALIGN-002",
        f"{plural(len(given), 'value')} and {plural(len(labels), 'area')} of the graph carry different labels: "
        + ", ".join(parts),
        why="values that meet the wrong area give a wrong answer without any sign of it",
        fix=fix,
    )


def _check_numbers(values: pd.Series | pd.DataFrame, missing: Literal["error", "keep"]) -> None:
    table = values.to_frame() if isinstance(values, pd.Series) else values
    strange = [str(kind) for kind in table.dtypes if kind.kind in "cmM"]
    if strange:
        raise AlignmentError(
            "CM-ALIGN-003",
            f"the values are not numbers: {part_of(len(strange), table.shape[1], 'column', 'is', 'are')} {strange[0]}",
            why="a date or a complex number has no place above or below the mean",
            fix="another column, or (dates - dates.min()).dt.days",
        )
    try:
        numbers = table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise AlignmentError(
            "CM-ALIGN-003",
            f"the values are not numbers: {error}",
            fix="pd.to_numeric(values, errors='coerce')   # marks become NaN",
        ) from error
    infinite, absent = np.isinf(numbers).any(axis=1), np.isnan(numbers).any(axis=1)
    bad = infinite if missing == "keep" else infinite | absent
    if bad.any():
        raise AlignmentError(
            "CM-ALIGN-003",
            f"{part_of(bad.sum(), len(table), 'area', 'has', 'have')} no finite value: "
            f"{list(table.index[bad][:_SHOWN])}",
            why="one NaN or infinite value spreads to all neighbours and to every total",
            fix='align(values, graph, missing="keep") where the measure has a status for NaN, '
            "or values.dropna() with graph.subgraph(values.dropna().index)",
        )
