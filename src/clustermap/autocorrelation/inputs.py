"""From what users pass to what the statistics need: values by area and sector, and a graph without surprises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.bayes import empirical_bayes
from clustermap.errors import AlignmentError, OptionError, StatisticsError
from clustermap.tables.table import as_table
from clustermap.weights import align, neighbours

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.schema import Rates, Transformation
    from clustermap.sources.values import Areas
    from clustermap.weights import Neighbours

__all__ = ["Prepared", "prepare"]

Array = npt.NDArray[np.float64]
FEWEST_AREAS = 3
_ROUNDING = 64 * np.finfo(float).eps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """Values and graph in code order.

    Attributes
    ----------
    values : ndarray, shape (n, sectors)
        What is tested, NaN where undefined: rates after empirical Bayes, or the values as they came.
    sectors : list of str
    links : Neighbours
    rates : str
        "empirical-Bayes" or "none".
    areas : Areas or None
    single : bool
        True where one sector was asked for, or a Series came.
    """

    values: Array
    sectors: list[str]
    links: Neighbours
    rates: str
    areas: Areas | None
    single: bool

    def patterns(self) -> list[tuple[npt.NDArray[np.bool_], list[int]]]:
        """Group sectors by which areas have a value: sectors of one group share their draws."""
        groups: dict[bytes, list[int]] = {}
        valid = np.isfinite(self.values)
        for column in range(self.values.shape[1]):
            groups.setdefault(valid[:, column].tobytes(), []).append(column)
        return [(valid[:, columns[0]], columns) for columns in groups.values()]


def prepare(
    data: Any,
    graph: Graph,
    *,
    sector: str | None,
    rates: Rates,
    transformation: Transformation,
    null: str,
) -> Prepared:
    """Align values with the graph and refuse what has no answer."""
    _check_options(rates, transformation, null)
    if isinstance(data, pd.Series):
        if rates == "empirical-Bayes":
            raise OptionError(
                "CM-STAT-022",
                "empirical-Bayes rates need counts and populations, not one Series",
                fix="SectorTable.from_values(counts, area_totals=population)",
            )
        aligned = align(data, graph)
        names, areas, method, single = [str(data.name or "value")], None, "none", True
        values, links = aligned.to_frame(), neighbours(graph)
        numbers = links.take(values)
    else:
        table = as_table(data)
        single = sector is not None or len(table.sectors) == 1
        names = [table.sector(sector)] if single else table.sectors
        links, areas = neighbours(graph), table.areas
        counts = links.take(align(table.values[names], graph, missing="keep"))
        method = "none" if rates == "none" else "empirical-Bayes"
        people = links.take(align(table.area_totals, graph, missing="keep"))
        numbers = (
            counts if rates == "none" else np.column_stack([empirical_bayes(c, people) for c in counts.T])
        )
    _check_numbers(numbers, names, links, single)
    return Prepared(values=numbers, sectors=names, links=links, rates=method, areas=areas, single=single)


def is_constant(values: Array) -> bool:
    """Tell whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= _ROUNDING * max(1e-300, float(np.abs(values).max())))


def _check_options(rates: str, transformation: str, null: str) -> None:
    for name, value, known in (
        ("rates", rates, ("auto", "empirical-Bayes", "none")),
        ("transformation", transformation, ("row", "binary")),
        ("null", null, ("free",)),
    ):
        if value not in known:
            raise OptionError("CM-STAT-021", f"unknown {name}={value!r}", fix=f"{name}= one of {known}")


def _check_numbers(numbers: Array, names: list[str], links: Neighbours, single: bool) -> None:
    if len(numbers) < FEWEST_AREAS:
        raise StatisticsError(
            "CM-STAT-002",
            f"{len(numbers)} areas are too few for spatial autocorrelation",
            why="with fewer than three areas every arrangement is the same",
            fix="use smaller areas",
        )
    if not links.equal_within_rows:
        raise OptionError(
            "CM-STAT-020",
            "the links of an area carry different weights",
            why="shared draws are exact for equal weights within a row only",
            fix="graph.transform('b'), or contiguity(areas)",
        )
    if not len(links.indices):
        raise StatisticsError(
            "CM-STAT-006", f"none of {len(links)} areas has a neighbour", fix="contiguity(areas, snap_m=10)"
        )
    if single:
        column = numbers[:, 0]
        known = column[np.isfinite(column)]
        if len(known) < FEWEST_AREAS or is_constant(known):
            what = "constant" if len(known) else "undefined everywhere"
            raise StatisticsError(
                "CM-STAT-001",
                f"Moran's I of {names[0]!r} is undefined: the column is {what} over {len(known)} areas",
                why="without variance there is nothing to be correlated",
                fix="choose another sector, or more areas",
            )
    if not np.isfinite(numbers).any():
        raise AlignmentError("CM-ALIGN-003", "no area has a finite value", fix="check the table's totals")
