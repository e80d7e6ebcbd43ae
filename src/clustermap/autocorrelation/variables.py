"""From what a user has in hand to variables × areas, standardised, with what is wrong with each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.rates import standardised_rates
from clustermap.autocorrelation.rowwise import alike, constant_between, limits, standardised, transposed
from clustermap.errors import InputError, OptionError, StatisticsError, part_of, plural
from clustermap.tables.sparse import states
from clustermap.tables.table import SectorTable, as_table
from clustermap.weights import align, neighbours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from libpysal.graph import Graph

    from clustermap.schema import Rates
    from clustermap.weights import Neighbours

__all__ = ["STATUSES", "Group", "Variables", "check_option", "read_pair", "read_variables", "recoded"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
STATUSES = (
    "ok", "rounded", "suppressed", "suppressed total", "no firms in area", "constant", "isolate", "not tested",
)  # fmt: skip
OK, ROUNDED, SUPPRESSED, HIDDEN_TOTAL, NO_FIRMS, CONSTANT, ISOLATE, UNTESTED = range(8)
_FEWEST = 3
_LARGEST, _SMALLEST = 1e75, 1e-75  # fourth powers, summed, are still numbers


class Group(NamedTuple):
    """The variables that are known in the same areas, and the links among those areas."""

    sectors: Ints  # rows of the variables
    areas: Ints  # places of the known areas, in code order
    values: Floats
    z: Floats  # standardised: mean 0, variance 1 with denominator n
    indptr: Ints
    indices: Ints
    weights: Floats

    @property
    def sizes(self) -> Ints:
        """Number of neighbours of each area."""
        return np.diff(self.indptr)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variables:
    """What is analysed: variables × areas in code order, NaN where there is no value."""

    near: Neighbours
    sectors: list[str]
    values: Floats
    status: Codes
    many: bool
    rates: Rates
    table: SectorTable | None

    @property
    def titles(self) -> dict[str, str]:
        """Sector to the words a reader sees."""
        labels = self.table.sector_labels if self.table is not None else {}
        return {sector: labels.get(sector, sector) for sector in self.sectors}

    def groups(self) -> Iterator[Group]:
        """Yield the variables by which areas are known: those of one group share their draws."""
        known = np.isfinite(self.values)
        for members in alike(known):
            areas = np.flatnonzero(known[members[0]])
            indptr, indices, weights = _links(self.near, known[members[0]])
            if not len(indices):
                raise StatisticsError(
                    "CM-MORAN-003",
                    f"none of {plural(len(areas), 'area')} with a value has a neighbour with a value",
                    why="without links there is nothing to compare an area with",
                    fix="k_nearest(areas, k=4), or a graph with links",
                )
            sectors = np.asarray(members)
            whole = len(sectors) * len(areas) == self.values.size
            values = self.values if whole else np.ascontiguousarray(self.values[np.ix_(sectors, areas)])
            yield Group(sectors, areas, values, standardised(values), indptr, indices, weights)


def check_option(name: str, given: object, allowed: tuple[str, ...], *, why: str = "") -> None:
    """Refuse an option outside its closed set.

    Raises
    ------
    OptionError
        CM-MORAN-001.
    """
    if given not in allowed:
        raise OptionError(
            "CM-MORAN-001",
            f"{name}={given!r} is not one of {', '.join(map(repr, allowed))}",
            why=why,
            fix=f"{name}={allowed[0]!r}",
        )


def read_variables(
    data: SectorTable | pd.DataFrame | pd.Series, graph: Graph, *, sector: str | None, rates: Rates
) -> Variables:
    """Align data with the graph, standardise rates, and mark cells that have no answer.

    Raises
    ------
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or no numbers.
    StatisticsError
        CM-MORAN-002: fewer than three areas have a value. CM-MORAN-004: a constant variable. CM-MORAN-009: values
        so large or alike that their squares are no numbers.
    OptionError
        CM-MORAN-001, CM-SECTOR-001.
    """
    check_option("rates", rates, ("auto", "empirical-bayes", "none"))
    if isinstance(data, SectorTable | pd.DataFrame):
        table = _table(data, rates)
        if table is not None:
            return _from_table(table, graph, sector, rates)
    elif rates == "empirical-bayes":
        raise OptionError(
            "CM-MORAN-001",
            'rates="empirical-bayes" needs counts and totals, and one series holds neither or both',
            why="how noisy a rate is depends on how much it is a rate of",
            fix="SectorTable.from_values(counts.to_frame(), area_totals=totals)",
        )
    if isinstance(data, pd.DataFrame):
        return _from_frame(data, graph, sector)
    if sector is not None and sector != getattr(data, "name", None):
        raise OptionError("CM-SECTOR-001", f"a series has no sector {sector!r}", fix="sector=None")
    values = align(data, graph)  # says so where this is no series
    near = neighbours(graph)
    name = "" if values.name is None else str(values.name)
    row = near.take(values)[None, :].copy()
    return _checked(
        near, [name], row, np.zeros(row.shape, dtype=np.int8), rates="none", many=False, table=None
    )


def read_pair(
    data: SectorTable | pd.DataFrame, graph: Graph, *, x: str, y: str, rates: Rates
) -> tuple[Variables, Variables]:
    """Read two variables, known in the areas where both are.

    Raises
    ------
    InputError
        CM-PAIR-001: what was given does not hold two variables.
    StatisticsError, OptionError, AlignmentError
        As for `read_variables`.
    """
    if not isinstance(data, SectorTable | pd.DataFrame):
        raise InputError(
            "CM-PAIR-001",
            f"two variables are needed, got a {type(data).__name__}",
            why="one variable is held at the area, the other is looked at among its neighbours",
            fix='pd.DataFrame({"x": …, "y": …}, index=codes), with x="x", y="y", rates="none"',
        )
    first, second = (read_variables(data, graph, sector=name, rates=rates) for name in (x, y))
    unknown = np.isnan(first.values) | np.isnan(second.values)
    status = np.where(first.status == OK, second.status, first.status)
    pair = []
    for known, name in ((first, f"{x} × {y}"), (second, y)):
        values = np.where(unknown, np.nan, known.values)
        pair.append(
            _checked(
                known.near,
                [name],
                values,
                status.copy(),
                rates=known.rates,
                many=False,
                table=known.table,
            )
        )
    return pair[0], pair[1]


def recoded(known: Variables, values: Floats) -> Variables:
    """Return the same variables with other values, checked anew.

    Raises
    ------
    StatisticsError
        CM-MORAN-004: a constant variable.
    """
    return _checked(
        known.near,
        known.sectors,
        values,
        known.status.copy(),
        rates=known.rates,
        many=known.many,
        table=known.table,
    )


def _table(data: SectorTable | pd.DataFrame, rates: Rates) -> SectorTable | None:
    """Return the table of counts, or None for a frame whose columns are taken as they are."""
    if isinstance(data, SectorTable):
        return data
    if "geometry" in data.columns:
        raise InputError(
            "CM-TABLE-005",
            f"expected values by area, got a {type(data).__name__} with geometry",
            fix='local_moran(frame["rate"], graph)   # one column, indexed by code',
        )
    if rates == "none":
        return None
    numbers = data.select_dtypes("number")
    if (numbers < 0).any(axis=None):
        raise InputError(
            "CM-MORAN-005",
            f"{part_of(int((numbers < 0).to_numpy().sum()), numbers.size, 'cell', 'is', 'are')} negative, "
            "so these are no counts",
            why="a frame of areas × sectors is taken as counts, and analysed as rates",
            fix='rates="none"',
        )
    return as_table(data)


def _from_table(table: SectorTable, graph: Graph, sector: str | None, rates: Rates) -> Variables:
    sectors = table.sectors if sector is None else [table.sector(sector)]
    part = table.select(sectors)
    place = align(pd.Series(np.arange(len(table.labels)), index=table.labels), graph)
    near = neighbours(graph)
    rows = near.take(place).astype(np.int64)
    count = np.array(part.matrix[rows].toarray().T, order="C")
    # the words of a table stand in the order in which the codes here begin: ok, rounded, suppressed
    status = np.array(states(part.matrix, part.precision, part.marks)[rows].T, order="C")
    status[np.isnan(count)] = SUPPRESSED
    count[status == SUPPRESSED] = np.nan
    many = len(sectors) > 1
    if rates == "none":
        return _checked(near, sectors, count, status, rates="none", many=many, table=table)
    total = near.take(table.area_totals)
    empty = ~(total > 0)
    without = np.where(np.isnan(total), HIDDEN_TOTAL, NO_FIRMS)
    status[:, empty] = np.where(status[:, empty] == SUPPRESSED, SUPPRESSED, without[empty])
    count[:, empty] = np.nan
    rate = count / np.where(empty, np.nan, total)
    constant = constant_between(*limits(rate))
    for s in np.flatnonzero(~constant):
        known = np.isfinite(rate[s])
        rate[s, known] = standardised_rates(count[None, s, known], total[None, known])[0]
    return _checked(near, sectors, rate, status, rates="empirical-bayes", many=many, table=table)


def _from_frame(frame: pd.DataFrame, graph: Graph, sector: str | None) -> Variables:
    if not frame.columns.is_unique:
        raise InputError(
            "CM-TABLE-001",
            f"{part_of(frame.columns.duplicated().sum(), frame.shape[1], 'column', 'is', 'are')} duplicated",
            fix="frame.loc[:, ~frame.columns.duplicated()]",
        )
    if sector is not None and sector not in frame.columns:
        raise OptionError(
            "CM-SECTOR-001",
            f"the frame has no column {sector!r}",
            fix=f"sector= one of: {', '.join(map(repr, frame.columns[:10]))}",
        )
    chosen = frame.sort_index(axis=1) if sector is None else frame[[sector]]
    values = align(chosen, graph)
    near = neighbours(graph)
    rows = transposed(values.reindex(near.labels).to_numpy(dtype=np.float64))
    return _checked(
        near,
        [str(c) for c in chosen.columns],
        rows,
        np.zeros(rows.shape, dtype=np.int8),
        rates="none",
        many=len(rows) > 1,
        table=None,
    )


def _checked(
    near: Neighbours,
    sectors: list[str],
    values: Floats,
    status: Codes,
    *,
    rates: Rates,
    many: bool,
    table: SectorTable | None,
) -> Variables:
    """Refuse one variable without an answer; among many, leave it undefined and go on."""
    known = np.isfinite(values).sum(axis=1)
    few = known < _FEWEST
    if few.all():
        raise StatisticsError(
            "CM-MORAN-002",
            f"{part_of(known.max(initial=0), len(near), 'area', 'has', 'have')} a value: at least {_FEWEST} are needed",
            why="with fewer, every statistic of neighbours is a constant",
            fix="smaller areas, or a sector that is not suppressed",
        )
    reach = limits(values)
    _check_scale(*reach, sectors)
    with np.errstate(invalid="ignore"):
        constant = constant_between(*reach) & ~few
    if (constant | few).all():
        raise StatisticsError(
            "CM-MORAN-004",
            f"{part_of(int(constant.sum()), len(sectors), 'variable', 'is', 'are')} constant: "
            + ", ".join(repr(sectors[s] or "values") for s in np.flatnonzero(constant)[:5]),
            why="where all areas are alike, none is like its neighbours more than like any other"
            + (": a frame of one sector is taken to be the whole economy" if rates != "none" else ""),
            fix="SectorTable.from_values(counts, area_totals=totals)"
            if rates != "none"
            else "another column",
        )
    for s in np.flatnonzero(constant | few):
        status[s, np.isfinite(values[s])] = CONSTANT if constant[s] else SUPPRESSED
        values[s] = np.nan
    return Variables(
        near=near, sectors=sectors, values=values, status=status, many=many, rates=rates, table=table
    )


def _check_scale(low: Floats, high: Floats, sectors: list[str]) -> None:
    """Refuse values that cannot be standardised because their squares are no numbers."""
    spread = high - low
    strange = np.flatnonzero(
        (np.maximum(np.abs(low), np.abs(high)) > _LARGEST) | ((spread > 0) & (spread < _SMALLEST))
    )
    if len(strange):
        raise StatisticsError(
            "CM-MORAN-009",
            f"{part_of(len(strange), len(sectors), 'variable', 'holds', 'hold')} values above {_LARGEST:g} "
            "or differ by less than "
            f"{_SMALLEST:g}: " + ", ".join(repr(sectors[s] or "values") for s in strange[:5]),
            why="their squares are no numbers, and every statistic of neighbours is built on squares",
            fix="values / values.abs().max()   # another unit changes no statistic",
        )


def _links(near: Neighbours, known: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Floats]:
    """Return the rows of the graph among known areas, counted anew."""
    if known.all():
        return near.indptr.copy(), near.indices.copy(), near.weights.copy()
    rows = np.repeat(np.arange(len(near)), near.cardinalities)
    kept = known[rows] & known[near.indices]
    place: Any = np.cumsum(known) - 1
    counts = np.bincount(place[rows[kept]], minlength=int(known.sum()))
    indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return indptr, place[near.indices[kept]].astype(np.int64), near.weights[kept].copy()
