"""From what a user has in hand to kinds of areas: marked or not, or any categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.variables import Group
from clustermap.errors import InputError, OptionError, StatisticsError, part_of, plural
from clustermap.weights import align, neighbours

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.weights import Neighbours

__all__ = ["Kinds", "read_kinds"]

Ints = npt.NDArray[np.int64]
_MOST = 30
_FEWEST = 3
_MARKS = ("B", "W")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kinds:
    """Variables × areas in code order: the number of each area's kind."""

    near: Neighbours
    sectors: list[str]
    codes: list[Ints]
    names: list[list[str]]

    def join_name(self, variable: int, first: int, second: int) -> str:
        """Name a join: "BW" for marks, "a–b" for categories."""
        names = self.names[variable]
        return ("" if tuple(names) == _MARKS else "–").join([names[first], names[second]])

    def group(self) -> Group:
        """Return the links of all areas, as the statistics of numbers have them."""
        values = np.array(self.codes, dtype=np.float64)
        near = self.near
        everywhere = np.arange(len(near))
        return Group(
            np.arange(len(values)), everywhere, values, values, near.indptr, near.indices, near.weights
        )


def read_kinds(data: pd.DataFrame | pd.Series, graph: Graph, sector: str | None) -> Kinds:
    """Align kinds with the graph, and refuse what are none.

    Raises
    ------
    InputError
        CM-JOIN-001.
    StatisticsError
        CM-JOIN-002, CM-MORAN-002, CM-MORAN-003.
    OptionError
        CM-SECTOR-001.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003.
    """
    if isinstance(data, pd.DataFrame):
        if sector is not None and sector not in data.columns:
            raise OptionError(
                "CM-SECTOR-001",
                f"the frame has no column {sector!r}",
                fix=f"sector= one of: {', '.join(map(repr, data.columns[:10]))}",
            )
        columns = [data[c] for c in (data.columns.sort_values() if sector is None else [sector])]
    elif isinstance(data, pd.Series):
        if sector is not None and sector != data.name:
            raise OptionError("CM-SECTOR-001", f"a series has no sector {sector!r}", fix="sector=None")
        columns = [data]
    else:
        raise InputError(
            "CM-JOIN-001",
            f"expected a series or frame of kinds, got {type(data).__name__}",
            why="numbers are no kinds before a threshold makes them so",
            fix='quotients.wide("lq") > 1.25',
        )
    if not columns:
        raise InputError(
            "CM-JOIN-001", "the frame has no column", fix='quotients.wide("lq") > 1.25   # kinds by area'
        )
    near = neighbours(graph)
    read = [_coded(column) for column in columns]
    codes = [near.take(align(numbers, graph)).astype(np.int64) for numbers, _ in read]
    _check(near, codes, columns)
    return Kinds(
        near=near,
        sectors=["" if c.name is None else str(c.name) for c in columns],
        codes=codes,
        names=[names for _, names in read],
    )


def _coded(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """Give every kind a number: marked is 0 (B), not marked 1 (W), categories keep their order."""
    if (pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "c") or pd.api.types.is_bool_dtype(
        column
    ):
        numbers = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        strange = np.isfinite(numbers) & (numbers != 0) & (numbers != 1)
        if strange.any():
            raise InputError(
                "CM-JOIN-001",
                f"of {column.name!r} {part_of(int(strange.sum()), len(column), 'value', 'is', 'are')} neither 0 nor 1",
                why="numbers are no kinds before a threshold makes them so",
                fix="values > threshold, or values.astype('category')",
            )
        return pd.Series(1.0 - numbers, index=column.index), list(_MARKS)
    kinds = column.astype("category")
    kinds = kinds.cat.remove_unused_categories()
    if len(kinds.cat.categories) > _MOST:
        raise InputError(
            "CM-JOIN-001",
            f"{column.name!r} has {plural(len(kinds.cat.categories), 'kind')} in "
            f"{plural(len(column), 'area')}, at most {_MOST} can be",
            why="kinds of a few areas have hardly any joins",
            fix="fewer, broader categories",
        )
    codes = kinds.cat.codes.astype(float)
    return codes.where(codes >= 0), [str(c) for c in kinds.cat.categories]


def _check(near: Neighbours, codes: list[Ints], columns: list[pd.Series]) -> None:
    if len(near) < _FEWEST:
        raise StatisticsError(
            "CM-MORAN-002",
            f"{plural(len(near), 'area has', 'areas have')} a value: at least {_FEWEST} are needed",
            why="with fewer, every statistic of neighbours is a constant",
            fix="smaller areas",
        )
    if not len(near.indices):
        raise StatisticsError(
            "CM-MORAN-003",
            f"none of {plural(len(near), 'area')} with a value has a neighbour with a value",
            why="without links there is nothing to compare an area with",
            fix="k_nearest(areas, k=4), or a graph with links",
        )
    single = [
        repr(c.name or "values") for c, row in zip(columns, codes, strict=True) if (row == row[0]).all()
    ]
    if single:
        raise StatisticsError(
            "CM-JOIN-002",
            f"{part_of(len(single), len(columns), 'variable', 'has', 'have')} one kind only: {', '.join(single[:5])}",
            why="where all areas are of one kind, so is every join",
            fix="another threshold, or without these columns",
        )
