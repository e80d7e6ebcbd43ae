"""Two tables of one set of areas and sectors, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError, InputError, part_of, plural
from clustermap.schema import CELL_STATES
from clustermap.tables.sparse import states
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Pair", "long_frame", "pair_of"]

Floats = npt.NDArray[np.float64]
STATUS_OK = "ok"
STATUS_SUPPRESSED = "suppressed"
STATUS_ROUNDED = "rounded"


class Pair(NamedTuple):
    """Both tables and their cells, areas × sectors."""

    before: SectorTable
    after: SectorTable
    x: Floats
    y: Floats
    status: npt.NDArray[np.object_]

    @property
    def areas(self) -> pd.Index:
        """Areas, in code order."""
        return self.before.labels

    @property
    def sectors(self) -> list[str]:
        """Sectors, in name order."""
        return self.before.sectors


def pair_of(before: SectorTable | pd.DataFrame, after: SectorTable | pd.DataFrame) -> Pair:
    """Take two tables that carry the same labels and count the same.

    Raises
    ------
    AlignmentError
        CM-GROWTH-001: areas or sectors differ.
    InputError
        CM-GROWTH-002: one counts firms, the other employment. CM-GROWTH-006: no sector.
    """
    first, second = as_table(before), as_table(after)
    apart = [
        _apart(one, other, what)
        for one, other, what in (
            (first.labels, second.labels, "area"),
            (pd.Index(first.sectors), pd.Index(second.sectors), "sector"),
        )
        if not one.equals(other)
    ]
    if apart:
        raise AlignmentError(
            "CM-GROWTH-001",
            "before and after carry different labels: " + "; ".join(apart),
            why="an area that was merged, split or renamed would seem to shrink or grow",
            fix="both tables on one vintage: before.aggregate(lookup), or read_table(…, areas=districts, rename={…})",
        )
    if first.measure != second.measure:
        raise InputError(
            "CM-GROWTH-002",
            f"before counts {first.measure}, after counts {second.measure}",
            why="the change of one into the other is no growth",
            fix="two tables of one measure",
        )
    if not first.sectors:
        raise InputError(
            "CM-GROWTH-006",
            f"the tables of {plural(len(first.labels), 'area')} hold no sector",
            why="what grew is a sector in an area",
            fix="SectorTable.from_values(frame), a frame with one column a sector",
        )
    x, y = (t.matrix.toarray() for t in (first, second))
    status = np.full(x.shape, STATUS_OK, dtype=object)
    for table in (first, second):
        status[states(table.matrix, table.precision, table.marks) == CELL_STATES.index("rounded")] = (
            STATUS_ROUNDED
        )
    status[np.isnan(x) | np.isnan(y)] = STATUS_SUPPRESSED
    return Pair(first, second, x, y, status)


def _apart(one: pd.Index, other: pd.Index, what: str) -> str:
    gone, new = one.difference(other), other.difference(one)
    lost = part_of(len(gone), len(one), what, "is", "are")
    return f"{lost} gone {list(gone[:5])}, {plural(len(new), 'is', 'are')} new {list(new[:5])}"


def long_frame(pair: Pair, columns: dict[str, npt.NDArray[np.generic]]) -> pd.DataFrame:
    """Lay areas × sectors out as rows, areas first."""
    areas: npt.NDArray[np.generic] = pair.areas.to_numpy()
    sectors: list[Hashable] = list(pair.sectors)
    return pd.DataFrame(
        {
            "area": np.repeat(areas, len(sectors)),
            "sector": np.tile(np.asarray(sectors, dtype=object), len(areas)),
            **{name: cells.ravel() for name, cells in columns.items()},
        }
    )
