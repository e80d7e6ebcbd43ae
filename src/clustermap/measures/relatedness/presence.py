"""Which sectors an area is specialised in: the yes-or-no matrix that proximity and complexity rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from clustermap.errors import InputError, OptionError, StatisticsError, part_of, plural
from clustermap.measures.quotient import location_quotient
from clustermap.schema import CELL_STATES, PresenceRule
from clustermap.tables.sparse import exceptions, in_state, rows_of
from clustermap.tables.table import as_table

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

    from clustermap.tables.table import SectorTable

__all__ = ["Presence", "check_choice", "find_presence", "known_cells", "paired"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_FEWEST_AREAS, _FEWEST_SECTORS = 3, 2
_SHOWN = 5
_LEVEL = 0.05


class Presence(NamedTuple):
    """Areas × sectors, and where the area is specialised in the sector.

    Attributes
    ----------
    cells : scipy.sparse.csr_array
        1 where it is; only areas that hold anything, in code order; all sectors.
    areas : pandas.Index
        Those areas.
    empty : pandas.Index
        Areas without anything: no quotient, so neither present nor absent.
    sectors : list of str
        In name order.
    words : str
        The rule, for summaries.
    table : SectorTable
        What it was made from.
    """

    cells: csr_array
    areas: pd.Index
    empty: pd.Index
    sectors: list[str]
    words: str
    table: SectorTable

    @property
    def matrix(self) -> Bools:
        """Every cell, True where the area is specialised, made anew each time."""
        return np.asarray(self.cells.astype(bool).toarray())

    @property
    def diversity(self) -> npt.NDArray[np.int64]:
        """Number of sectors of each area."""
        return np.asarray(np.diff(self.cells.indptr), dtype=np.int64)

    @property
    def ubiquity(self) -> npt.NDArray[np.int64]:
        """Number of areas of each sector."""
        return np.bincount(self.cells.indices, minlength=len(self.sectors)).astype(np.int64)

    def notes(self) -> list[str]:
        """Say what must stand beside every figure."""
        said = []
        if len(self.empty):
            said.append(f"{plural(len(self.empty), 'area is', 'areas are')} left out: nothing is there.")
        if n := in_state(self.table.matrix, self.table.precision, self.table.marks, "rounded"):
            said.append(
                f"{plural(n, 'cell is', 'cells are')} rounded: a presence near the threshold may be rounding."
            )
        return [*said, *([self.table.note] if self.table.note else [])]


def check_choice(name: str, given: object, allowed: tuple[str, ...]) -> None:
    """Refuse an option outside its closed set.

    Raises
    ------
    OptionError
        CM-RELATE-001.
    """
    if given not in allowed:
        raise OptionError(
            "CM-RELATE-001",
            f"{name}={given!r} is not one of {', '.join(map(repr, allowed))}",
            fix=f"{name}={allowed[0]!r}",
        )


def paired(values: pd.Series, labels: pd.Index) -> pd.DataFrame:
    """Lay one value a pair, each once, out as a square with NaN on its diagonal."""
    import pandas as pd

    n, found = len(labels), values.to_numpy()
    square = np.full((n, n), np.nan, dtype=found.dtype if found.dtype == object else np.float64)
    first, second = np.triu_indices(n, 1)
    square[first, second] = square[second, first] = found
    return pd.DataFrame(square, index=labels, columns=labels)


def known_cells(data: SectorTable | pd.DataFrame, *, what: str) -> SectorTable:
    """Take a table whose every cell is known.

    Raises
    ------
    InputError
        CM-RELATE-002: suppressed cells or totals.
    """
    table = as_table(data)
    rows, columns, state = exceptions(table.matrix, table.marks)
    unknown = np.isnan(table.matrix.data)
    hidden = set(
        zip(rows_of(table.matrix)[unknown].tolist(), table.matrix.indices[unknown].tolist(), strict=True)
    )
    marked = state == CELL_STATES.index("suppressed")
    hidden |= set(zip(rows[marked].tolist(), columns[marked].tolist(), strict=True))
    totals = int(table.area_totals.isna().sum() + table.sector_totals.isna().sum())
    if hidden or totals:
        cells = [f"{table.labels[i]} × {table.sectors[s]}" for i, s in sorted(hidden)[:_SHOWN]]
        raise InputError(
            "CM-RELATE-002",
            f"{part_of(len(hidden), table.matrix.shape[0] * table.matrix.shape[1], 'cell')} and "
            f"{plural(totals, 'total')} are "
            f"suppressed: {', '.join(cells)}",
            why=f"{what} compares every cell with every other, and an unknown cell is neither 0 nor present",
            fix="SectorTable.from_values(table.values.fillna(0.0))   # if 0 is what you take them for",
        )
    return table


def find_presence(
    data: SectorTable | pd.DataFrame, *, presence: PresenceRule, threshold: float, what: str
) -> Presence:
    """Say which sectors each area is specialised in.

    Parameters
    ----------
    data : SectorTable or pandas.DataFrame
        Areas × sectors without suppressed cells.
    presence : {"lq", "significant"}
        Location quotient above `threshold`, or above 1 with q below 5 % (exact binomial, counts of firms).
    threshold : float
        For "lq".
    what : str
        Who asks, for errors.

    Raises
    ------
    OptionError
        CM-RELATE-001: unknown rule, or a threshold that is no positive number.
    InputError
        CM-RELATE-002: suppressed cells.
    StatisticsError
        CM-RELATE-003: significance asked of data without a p. CM-RELATE-004: too few areas or sectors, or no
        presence at all.
    """
    check_choice("presence", presence, get_args(PresenceRule))
    if not isinstance(threshold, int | float | np.number) or not (np.isfinite(threshold) and threshold > 0):
        raise OptionError("CM-RELATE-001", f"threshold={threshold!r} is no quotient", fix="threshold=1.0")
    table = known_cells(data, what=what)
    totals = table.area_totals.to_numpy(dtype=np.float64)
    filled = totals > 0
    n_sectors = len(np.unique(table.matrix.indices))
    if filled.sum() < _FEWEST_AREAS or n_sectors < _FEWEST_SECTORS:
        raise StatisticsError(
            "CM-RELATE-004",
            f"{part_of(int(filled.sum()), len(totals), 'area')} and "
            f"{part_of(n_sectors, len(table.sectors), 'sector')} hold "
            f"anything: {what} needs at least {_FEWEST_AREAS} areas and {_FEWEST_SECTORS} sectors",
            why="with fewer, everything is together with everything",
            fix="smaller areas, or a finer classification",
        )
    if presence == "significant":
        rows, columns = _significant(table)
        words = "LQ above 1 with q below 5 %"
    else:
        rows, columns = _above(table, threshold)
        words = f"LQ above {threshold:g}"
    cells = _ones(rows, columns, table.matrix.shape)[filled]
    if not cells.nnz:
        raise StatisticsError(
            "CM-RELATE-004",
            f"no area of {int(filled.sum())} has a sector with {words}",
            why=f"{what} is about where sectors are present",
            fix='presence="lq", threshold=1.0, or area_totals of the whole economy',
        )
    return Presence(cells, table.labels[filled], table.labels[~filled], table.sectors, words, table)


def _ones(rows: Ints, columns: Ints, shape: tuple[int, int]) -> csr_array:
    from scipy.sparse import csr_array

    cells = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)
    cells.sort_indices()
    return cells


def _above(table: SectorTable, threshold: float) -> tuple[Ints, Ints]:
    """Return the cells whose quotient exceeds a threshold: cells without anything do not."""
    rows, columns = rows_of(table.matrix), table.matrix.indices.astype(np.int64)
    shares = table.area_totals.to_numpy(dtype=np.float64) / table.total
    expected = shares[rows] * table.sector_totals.to_numpy(dtype=np.float64)[columns]
    above = table.matrix.data > threshold * expected * (1 + 1e-12)
    return rows[above], columns[above]


def _significant(table: SectorTable) -> tuple[Ints, Ints]:
    frame = location_quotient(table).frame
    if frame["p"].isna().all():
        raise StatisticsError(
            "CM-RELATE-003",
            f"none of {plural(len(frame), 'quotient')} has a p ({frame['status'].iloc[0]})",
            why="jobs come in plants, so a count of jobs says nothing about chance",
            fix='presence="lq", or counts of firms',
        )
    sure = frame[(frame["lq"] > 1) & (frame["q"] < _LEVEL)]
    return table.labels.get_indexer(sure["area"]), table.sector_totals.index.get_indexer(sure["sector"])
