"""Which sectors an area is specialised in: the yes-or-no matrix that proximity and complexity rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.measures.quotient import location_quotient
from clustermap.schema import PresenceRule
from clustermap.tables.table import as_table

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.tables.table import SectorTable

__all__ = ["Presence", "check_choice", "find_presence", "known_values"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_FEWEST_AREAS, _FEWEST_SECTORS = 3, 2
_SHOWN = 5
_LEVEL = 0.05


class Presence(NamedTuple):
    """Areas × sectors, True where the area is specialised in the sector.

    Attributes
    ----------
    matrix : numpy.ndarray of bool
        Only areas that hold anything, in code order; all sectors.
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

    matrix: Bools
    areas: pd.Index
    empty: pd.Index
    sectors: list[str]
    words: str
    table: SectorTable

    @property
    def diversity(self) -> npt.NDArray[np.int64]:
        """Number of sectors of each area."""
        return np.asarray(self.matrix.sum(axis=1), dtype=np.int64)

    @property
    def ubiquity(self) -> npt.NDArray[np.int64]:
        """Number of areas of each sector."""
        return np.asarray(self.matrix.sum(axis=0), dtype=np.int64)

    def notes(self) -> list[str]:
        """Say what must stand beside every figure."""
        said = []
        if len(self.empty):
            said.append(f"{len(self.empty):,} areas hold nothing and are left out.")
        if n := int((self.table.status == "rounded").to_numpy().sum()):
            said.append(f"{n:,} cells are rounded: a presence near the threshold may be rounding.")
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


def known_values(data: SectorTable | pd.DataFrame, *, what: str) -> tuple[SectorTable, Floats]:
    """Take a table whose every cell is known.

    Raises
    ------
    InputError
        CM-RELATE-002: suppressed cells or totals.
    """
    table = as_table(data)
    values = table.values.to_numpy(dtype=np.float64)
    hidden = np.isnan(values) | (table.status == "suppressed").to_numpy(dtype=bool)
    totals = int(table.area_totals.isna().sum() + table.sector_totals.isna().sum())
    if hidden.any() or totals:
        cells = [
            f"{table.values.index[i]} × {table.sectors[s]}" for i, s in np.argwhere(hidden)[:_SHOWN].tolist()
        ]
        raise InputError(
            "CM-RELATE-002",
            f"{int(hidden.sum()):,} of {hidden.size:,} cells and {totals:,} totals are suppressed: {', '.join(cells)}",
            why=f"{what} compares every cell with every other, and an unknown cell is neither 0 nor present",
            fix="SectorTable.from_values(table.values.fillna(0.0))   # if 0 is what you take them for",
        )
    return table, values


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
    table, values = known_values(data, what=what)
    totals = table.area_totals.to_numpy(dtype=np.float64)
    filled = totals > 0
    n_sectors = int((values.sum(axis=0) > 0).sum())
    if filled.sum() < _FEWEST_AREAS or n_sectors < _FEWEST_SECTORS:
        raise StatisticsError(
            "CM-RELATE-004",
            f"{int(filled.sum())} of {len(totals)} areas and {n_sectors} of {values.shape[1]} sectors hold anything: "
            f"{what} needs at least {_FEWEST_AREAS} areas and {_FEWEST_SECTORS} sectors",
            why="with fewer, everything is together with everything",
            fix="smaller areas, or a finer classification",
        )
    if presence == "significant":
        matrix, words = _significant(table), "LQ above 1 with q below 5 %"
    else:
        shares = totals / table.total
        expected = shares[:, None] * table.sector_totals.to_numpy(dtype=np.float64)
        matrix, words = values > threshold * expected * (1 + 1e-12), f"LQ above {threshold:g}"
    matrix = matrix[filled]
    if not matrix.any():
        raise StatisticsError(
            "CM-RELATE-004",
            f"no area of {int(filled.sum())} has a sector with {words}",
            why=f"{what} is about where sectors are present",
            fix='presence="lq", threshold=1.0, or area_totals of the whole economy',
        )
    index = table.values.index
    return Presence(matrix, index[filled], index[~filled], table.sectors, words, table)


def _significant(table: SectorTable) -> Bools:
    frame = location_quotient(table).frame
    if frame["p"].isna().all():
        raise StatisticsError(
            "CM-RELATE-003",
            f"none of {len(frame):,} quotients has a p ({frame['status'].iloc[0]})",
            why="jobs come in plants, so a count of jobs says nothing about chance",
            fix='presence="lq", or counts of firms',
        )
    sure = frame[(frame["lq"] > 1) & (frame["q"] < _LEVEL)]
    matrix = np.zeros(table.values.shape, dtype=bool)
    matrix[table.values.index.get_indexer(sure["area"]), table.values.columns.get_indexer(sure["sector"])] = (
        True
    )
    return matrix
