"""Neighbours by how long it takes to get there."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import (
    AlignmentError,
    ClusterMapWarning,
    InputError,
    OptionError,
    StatisticsError,
    part_of,
    plural,
)
from clustermap.sources.values import Areas
from clustermap.weights.alignment import in_order
from clustermap.weights.decays import KERNELS, REACH, decay
from clustermap.weights.links import MINIMUM_AREAS, isolated, make_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from libpysal.graph import Graph

    from clustermap.schema import BothWays, Kernel

__all__ = ["travel_time_weights"]

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
COLUMNS = ("origin", "destination", "minutes")
BOTH_WAYS = ("as given", "mean", "shorter", "longer")
_SHOWN = 5


def travel_time_weights(
    times: pd.DataFrame | Any,
    areas: Areas | Sequence[Any] | pd.Index | None = None,
    *,
    maximum_minutes: float,
    kernel: Kernel = "uniform",
    both_ways: BothWays = "as given",
) -> Graph:
    """Link areas that can be reached from each other within a travel time.

    Parameters
    ----------
    times : pandas.DataFrame or scipy sparse matrix
        Minutes: a long frame ``origin, destination, minutes``; a square frame whose index and columns are the codes,
        NaN where there is no way; or a sparse matrix, whose stored entries alone are ways. What is missing cannot be
        reached. Times from an area to itself are left aside.
    areas : Areas or sequence of codes, optional
        Codes of all areas: in the order of the rows for a matrix, which has no labels of its own; for a frame, to
        keep areas that appear in no pair.
    maximum_minutes : float
        Longest time, itself included.
    kernel : {"uniform", "triangular", "epanechnikov", "bisquare", "gaussian"}
        How the weight falls from 1 at no time to the maximum, where the Gaussian's three standard deviations end.
        Kernels that end at 0 leave the maximum itself without a link.
    both_ways : {"as given", "mean", "shorter", "longer"}
        Times as they are, or one time for both directions; under ``"mean"`` and ``"longer"`` a pair needs both.

    Returns
    -------
    libpysal.graph.Graph
        In code order; an area's neighbours are those it reaches (origin to destination). Isolates as libpysal keeps
        them.

    Raises
    ------
    InputError
        CM-GRAPH-007: columns are missing, or a matrix comes without its codes. CM-GRAPH-008: negative, infinite or
        unreadable times, or a pair that stands twice.
    AlignmentError
        CM-ALIGN-002: pairs of areas that are not among the codes, or codes that stand twice.
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: an unknown option, or no positive maximum.

    Warns
    -----
    ClusterMapWarning
        CM-GRAPH-002: areas that reach no other.

    References
    ----------
    Bavaud, F. (1998), Models for spatial weights: a systematic look. Geographical Analysis 30.
    Farber, S. and Páez, A. (2011), Running to stay in place. Journal of Transport Geography 19.

    Examples
    --------
    >>> times = pd.DataFrame({
    ...     "origin": ["A", "B", "B", "C"], "destination": ["B", "A", "C", "B"], "minutes": [20, 30, 45, 50]})
    >>> travel_time_weights(times, maximum_minutes=60, kernel="triangular").adjacency.round(3).to_dict()
    {('A', 'B'): 0.667, ('B', 'A'): 0.5, ('B', 'C'): 0.25, ('C', 'B'): 0.167}
    """
    _check(maximum_minutes, kernel, both_ways)
    codes, origin, destination, minutes = _read(times, areas)
    if len(codes) < MINIMUM_AREAS:
        raise StatisticsError(
            "CM-GRAPH-001",
            f"travel times of {plural(len(codes), 'area')}: at least {MINIMUM_AREAS} are needed",
            why="with fewer, every statistic of neighbours is a constant",
            fix="times between smaller areas",
        )
    apart = origin != destination
    origin, destination, minutes = _directed(
        origin[apart], destination[apart], minutes[apart], len(codes), both_ways
    )
    near = minutes <= maximum_minutes
    share = minutes[near] / (maximum_minutes / REACH.get(kernel, 1.0))
    # dividing may carry the maximum itself a little beyond the reach
    weight = decay(np.minimum(share, REACH.get(kernel, 1.0)), kernel)
    origin, destination = origin[near][weight > 0], destination[near][weight > 0]
    weight = weight[weight > 0]
    alone = isolated(origin, origin, len(codes))
    if len(alone):
        warnings.warn(
            f"[CM-GRAPH-002] {part_of(len(alone), len(codes), 'area', 'reaches', 'reach')} no other within "
            f"{maximum_minutes:g} minutes: "
            f"{_shown(codes[alone])}; they stay in the graph, their local statistics are NaN",
            ClusterMapWarning,
            stacklevel=2,
        )
    return make_graph(codes, origin, destination, weight)


def _check(maximum_minutes: float, kernel: str, both_ways: str) -> None:
    number = isinstance(maximum_minutes, int | float | np.number) and not isinstance(maximum_minutes, bool)
    if not (number and np.isfinite(maximum_minutes) and maximum_minutes > 0):
        raise OptionError(
            "CM-GRAPH-004", f"maximum_minutes={maximum_minutes!r} is no time", fix="maximum_minutes=60"
        )
    for name, value, allowed in (("kernel", kernel, KERNELS), ("both_ways", both_ways, BOTH_WAYS)):
        if value not in allowed:
            raise OptionError(
                "CM-GRAPH-004",
                f"unknown {name} {value!r}",
                fix=f"{name}= one of {', '.join(map(repr, allowed))}",
            )


def _read(times: Any, areas: Any) -> tuple[pd.Index, Indices, Indices, Numbers]:
    """Return the codes in order, and each way as positions among them with its minutes."""
    try:
        given = None if areas is None else pd.Index(areas.frame.index if isinstance(areas, Areas) else areas)
    except TypeError as error:
        raise OptionError(
            "CM-GRAPH-010",
            f"areas must be Areas or their codes, got {type(areas).__name__}",
            fix="travel_time_weights(times, areas, maximum_minutes=60)",
        ) from error
    if given is not None and not given.is_unique:
        twice = given[given.duplicated()].unique()
        raise AlignmentError(
            "CM-ALIGN-002",
            f"{plural(len(twice), 'code stands', 'codes stand')} twice: {_shown(twice)}",
            fix="areas=codes.unique()",
        )
    if not isinstance(times, pd.DataFrame):
        long, labels = _from_matrix(times, given)
    elif set(COLUMNS) <= set(times.columns):
        long, labels = times[list(COLUMNS)], given
    else:
        long, labels = _from_square(times), given if given is not None else pd.Index(times.index)
    if labels is None:
        labels = pd.Index(pd.unique(pd.concat([long["origin"], long["destination"]]).dropna()))
    codes = in_order(labels.rename(None))
    ways = [codes.get_indexer(pd.Index(long[side])) for side in COLUMNS[:2]]
    strange = (ways[0] < 0) | (ways[1] < 0)
    if strange.any():
        which = pd.Index(pd.unique(pd.concat([long[s][w < 0] for s, w in zip(COLUMNS, ways, strict=False)])))
        raise AlignmentError(
            "CM-ALIGN-002",
            f"{part_of(strange.sum(), len(long), 'travel time', 'names', 'name')} areas that are not among the "
            f"{plural(len(codes), 'code')}: "
            f"{_shown(which)}",
            why="a time to an unknown place belongs to no link",
            fix="times[times[['origin', 'destination']].isin(codes).all(axis=1)], after both are of one vintage",
        )
    minutes = _minutes(long)
    key = ways[0].astype(np.int64) * len(codes) + ways[1]
    order = np.argsort(key, kind="stable")
    if (key[order][1:] == key[order][:-1]).any():
        n = int((key[order][1:] == key[order][:-1]).sum())
        raise InputError(
            "CM-GRAPH-008",
            f"{part_of(n, len(long), 'travel time', 'is', 'are')} of a pair that stands twice",
            why="which of them holds cannot be known",
            fix='times.groupby(["origin", "destination"], as_index=False)["minutes"].min()',
        )
    return codes, key[order] // len(codes), key[order] % len(codes), minutes[order]


def _from_matrix(times: Any, given: pd.Index | None) -> tuple[pd.DataFrame, pd.Index]:
    from scipy.sparse import coo_array, issparse

    if not issparse(times):
        raise InputError(
            "CM-GRAPH-007",
            f"expected travel times as a frame or a sparse matrix, got {type(times).__name__}",
            why="in a plain array a way that does not exist has no mark",
            fix='pd.DataFrame({"origin": …, "destination": …, "minutes": …}), or scipy.sparse.coo_array(…)',
        )
    matrix = coo_array(times)
    if given is None or matrix.shape != (len(given), len(given)):
        raise InputError(
            "CM-GRAPH-007",
            f"a matrix of {matrix.shape[0]} × {matrix.shape[1]} travel times "
            + ("comes without codes" if given is None else f"comes with {plural(len(given), 'code')}"),
            why="a row without its code belongs to no area",
            fix="travel_time_weights(matrix, codes, maximum_minutes=60), codes in the order of the rows",
        )
    ways = {"origin": given[matrix.row], "destination": given[matrix.col], "minutes": matrix.data}
    return pd.DataFrame(ways), given


def _from_square(times: pd.DataFrame) -> pd.DataFrame:
    same = (
        times.shape[0] == times.shape[1]
        and times.index.is_unique
        and times.index.sort_values().equals(times.columns.sort_values())
    )
    if not same:
        raise InputError(
            "CM-GRAPH-007",
            f"travel times need the columns {', '.join(COLUMNS)}, or one column for each row; columns are "
            f"{_shown(times.columns)}",
            why="a time belongs to a pair of areas",
            fix='times.rename(columns={"from": "origin", "to": "destination", "time": "minutes"})',
        )
    long = times.rename_axis(index="origin").melt(
        var_name="destination", value_name="minutes", ignore_index=False
    )
    return long.reset_index().dropna(subset="minutes")


def _minutes(long: pd.DataFrame) -> Numbers:
    minutes: Numbers = pd.to_numeric(long["minutes"], errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    bad = ~(np.isfinite(minutes) & (minutes >= 0))
    if bad.any():
        raise InputError(
            "CM-GRAPH-008",
            f"{part_of(bad.sum(), len(long), 'travel time', 'is', 'are')} missing, infinite, negative or no numbers: "
            f"{_shown(long['minutes'][bad])}",
            why="a way that does not exist is a row that is not there",
            fix='times[times["minutes"].between(0, 600)]',
        )
    return minutes


def _directed(
    origin: Indices, destination: Indices, minutes: Numbers, n: int, both_ways: BothWays
) -> tuple[Indices, Indices, Numbers]:
    """Give both directions of a pair one time, where that is asked for."""
    if both_ways == "as given":
        return origin, destination, minutes
    key = np.minimum(origin, destination) * n + np.maximum(origin, destination)
    ways = pd.Series(minutes).groupby(key, sort=True)
    if both_ways == "shorter":
        time = ways.min()
    else:
        time = (ways.mean() if both_ways == "mean" else ways.max())[ways.size() == 2]  # noqa: PLR2004 - there and back
    first, second = time.index.to_numpy(dtype=np.int64) // n, time.index.to_numpy(dtype=np.int64) % n
    there_and_back = np.tile(time.to_numpy(dtype=np.float64), 2)
    return np.concatenate((first, second)), np.concatenate((second, first)), there_and_back


def _shown(labels: Any) -> str:
    labels = list(labels)
    return ", ".join(map(str, labels[:_SHOWN])) + (", …" if len(labels) > _SHOWN else "")
