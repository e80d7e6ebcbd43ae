"""Published long tables (one row per area and sector): matched by code or name, marks kept, totals found."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import ClusterMapWarning, InputError, OptionError, examples, part_of, plural
from clustermap.ledger import Ledger
from clustermap.schema import Measure
from clustermap.sources.cells import numbers, text
from clustermap.sources.loading import load
from clustermap.sources.values import Areas
from clustermap.tables.matching import (
    asked_rows,
    check_zeros,
    in_areas,
    nearest,
    overlapping_pairs,
    pick,
    renamed,
)
from clustermap.tables.sparse import placed
from clustermap.tables.table import SectorTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd

__all__ = ["read_table"]

NOT_ASKED, ELSEWHERE = "not asked for (where=)", "area not among the areas"
SUPPRESSED, ALL_SECTORS, NATIONAL = "suppressed: unknown, not 0", "total of all sectors", "national total"
_VERDICTS = {
    NOT_ASKED: "set aside",
    ELSEWHERE: "set aside",
    SUPPRESSED: "accepted",
    ALL_SECTORS: "accepted",
    NATIONAL: "accepted",
}
_TOTAL_WORDS = {"total", "totals", "all"}
_FILLING_WORDS = {
    "activities", "activity", "and", "businesses", "column", "economy", "employees", "employment", "enterprises",
    "firms", "grand", "in", "industries", "industry", "local", "of", "sectors", "the", "units", "whole",
}  # fmt: skip
_BASE = 5
_ENOUGH = 20  # so many multiples of the base are no accident (0.2 ** 20)
_NATION = -2
_GLIMPSE, _FEW = 4, 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Long:
    """The rows that count: positions of area and sector, and the figure."""

    rows: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64]  # position in labels, _NATION for the national row
    sector: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    labels: pd.Index
    sectors: list[str]
    all_sectors: int  # position of the sector that is the total, -1 where there is none


def read_table(
    source: str | Path | pd.DataFrame,
    *,
    area: str,
    sector: str,
    value: str,
    measure: Measure = "firms",
    where: Mapping[str, Any] | None = None,
    areas: Areas | gpd.GeoDataFrame | None = None,
    match: Literal["code", "name"] = "code",
    rename: Mapping[str, str] | None = None,
    rounded: bool | None = None,
    nation: str | None = None,
    absent: Literal["unknown", "zero"] = "unknown",
) -> SectorTable:
    """Read a published long table: one row per area and sector.

    Parameters
    ----------
    source : path or pandas.DataFrame
        CSV (also .gz), Parquet or a frame. Files are read as text, so codes keep their zeros.
    area, sector, value : str
        Columns of the area (code or name), of the sector, and of the figure.
    measure : {"firms", "employment"}
        What the figure counts.
    where : dict, optional
        Column to the value, or list of values, to keep: ``{"year": 2021, "geo": "LAD"}``. On the sector
        column it chooses sectors; the totals are still those of all.
    areas : Areas or geopandas.GeoDataFrame, optional
        The polygons: the table is restricted to them, and each of them must be in the table.
    match : {"code", "name"}
        How rows find their area; names must agree exactly, up to blanks at the ends.
    rename : dict, optional
        Name (or code) in the table to the one in the areas: ``{"Rhondda Cynon Taff": "Rhondda Cynon Taf"}``.
    rounded : bool, optional
        Whether the figures are rounded; where absent, they are if all of them are multiples of 5.
    nation : str, optional
        Name or code of the row with national totals, where the areas overlap or do not fill the nation.

    absent : {"unknown", "zero"}
        What a pair of area and sector without a row is. Publishers that list every pair leave out what they
        suppress; registers and cross-tabulations leave out what is 0, and a table of them takes no memory for it.

    Returns
    -------
    SectorTable
        `area_totals` from a sector such as "Total" or "All industries" where there is one, else the sum of
        all sectors. Suppressed figures ("c", "..", "<5") are NaN with the status "suppressed", as are pairs
        of area and sector without a row unless `absent` says that these are 0.

    Raises
    ------
    OptionError
        CM-OPTION-001, CM-TABLE-010: an unknown option, column, sector or renaming.
    InputError
        CM-TABLE-009: figures that are neither numbers nor marks. CM-TABLE-011: areas that the table lacks,
        with the nearest names. CM-TABLE-012: several rows for one area and sector, with the columns that
        tell them apart. CM-TABLE-013: nothing is left. CM-TABLE-014: codes that lost their leading zeros.
        CM-TABLE-015: names that several areas share.

    Warns
    -----
    ClusterMapWarning
        CM-TABLE-016: the areas overlap and no national row is named: their sum counts some firms twice.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {"place": ["X", "X", "Y", "Y"], "industry": ["steel", "glass"] * 2, "n": ["10", "c", "5", "20"]})
    >>> table = read_table(frame, area="place", sector="industry", value="n")
    >>> float(table.values.loc["Y", "glass"]), table.status.loc["X", "glass"]
    (20.0, 'suppressed')
    """
    for option, given, known in (
        ("measure", measure, get_args(Measure)),
        ("match", match, ("code", "name")),
        ("absent", absent, ("unknown", "zero")),
    ):
        if given not in known:
            raise OptionError("CM-OPTION-001", f"{option}={given!r}", fix=f"one of {known}")
    if areas is not None and not isinstance(areas, Areas):
        from clustermap.sources.boundaries import as_areas

        areas = as_areas(areas)
    loaded = load(source, what="table")
    frame, asked_for = loaded.frame, dict(where or {})
    names, kinds = text(pick(frame, area, role="area")), text(pick(frame, sector, role="sector"))
    figures = pick(frame, value, role="value")
    chosen = asked_for.pop(sector, None)
    asked = asked_rows(frame, asked_for)
    names = renamed(names, dict(rename or {}), asked)
    values = _figures(figures, asked)
    long = _long(names, kinds, values, asked=asked, areas=areas, match=match, nation=nation)
    _check_pairs(frame, long, used={area, sector, value, *asked_for})
    ledger = Ledger.from_reasons(
        _reasons(asked, long),
        verdicts=_VERDICTS,
        values=pd.Series(values),
        ids=list(names),
        notes=loaded.notes,
    )
    table = _table(long, areas, measure, ledger, absent=absent)
    table = _choose(table, chosen, long) if chosen is not None else table
    if areas is not None and nation is None and (pairs := overlapping_pairs(areas)):
        warnings.warn(
            f"[CM-TABLE-016] {plural(pairs, 'pair of areas overlaps', 'pairs of areas overlap')}: the "
            "national totals, sums over "
            "areas, count some "
            'firms twice; name the national row if the table has one: nation="England"',
            ClusterMapWarning,
            stacklevel=2,
        )
    return _told(table, long, rounded=rounded, source=loaded.name, absent=absent)


def _figures(figures: pd.Series, asked: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the figures, NaN where suppressed; anything else that is no number is a mistake."""
    values, flags = numbers(figures)
    odd = np.flatnonzero(flags["not a number"] & asked)
    if len(odd):
        raise InputError(
            "CM-TABLE-009",
            f"{part_of(len(odd), asked.sum(), 'figure', 'is', 'are')} neither numbers nor known marks: "
            + examples((int(r), repr(figures.iloc[r])) for r in odd),
            why="a figure that cannot be read must not become 0",
            fix="name the right column in value=, or replace the marks by '..'",
        )
    return np.asarray(values, dtype=np.float64)


def _long(
    names: pd.Series,
    kinds: pd.Series,
    values: npt.NDArray[np.float64],
    *,
    asked: npt.NDArray[np.bool_],
    areas: Areas | None,
    match: str,
    nation: str | None,
) -> _Long:
    """Find the area and the sector of every row that was asked for."""
    for cells, what in ((names, "area"), (kinds, "sector")):
        blank = np.flatnonzero((cells == "").to_numpy() & asked)
        if len(blank):
            raise InputError(
                "CM-TABLE-017",
                f"{part_of(len(blank), asked.sum(), 'row', 'names', 'name')} no {what}: "
                + examples((int(r), values[r]) for r in blank),
                why="their figures would be lost without any sign of it",
                fix=f"frame[frame[{what!r}].notna()], or where= that leaves them out",
            )
    national = (names == nation).to_numpy() & asked
    if nation is not None and not national.any():
        known = sorted(names[asked].unique())
        raise OptionError(
            "CM-TABLE-010",
            f"nation={nation!r} is not in the table"
            + (f" (nearest: {near})" if (near := nearest(nation, known)) else ""),
            fix="the row as the table spells it, and where= that keeps it",
        )
    local = asked & ~national
    position = np.full(len(names), -1, dtype=np.int64)
    if areas is None:
        labels = pd.Index(sorted(names[local].unique()), name="code")
        position[local] = labels.get_indexer(pd.Index(names[local]))
    else:
        labels = areas.frame.index
        position[local] = in_areas(names[local], areas, match)
    position[national] = _NATION
    rows = np.flatnonzero(position != -1)
    if not (position >= 0).any():
        raise InputError(
            "CM-TABLE-013", "no row is left but the national one", fix="where= that keeps the areas as well"
        )
    sectors = sorted(kinds.iloc[rows].unique())
    check_zeros(sectors)
    return _Long(
        rows=rows,
        area=position[rows],
        sector=pd.Index(sectors).get_indexer(pd.Index(kinds.iloc[rows])).astype(np.int64),
        value=values[rows],
        labels=labels,
        sectors=sectors,
        all_sectors=_all_sectors(sectors),
    )


def _all_sectors(sectors: list[str]) -> int:
    """Return the position of the sector that is the total of all, -1 where there is none."""
    found = []
    for i, sector in enumerate(sectors):
        words = {word.strip(".,:;()[]-–").casefold() for word in sector.split()} - {""}
        if words & _TOTAL_WORDS and words <= _TOTAL_WORDS | _FILLING_WORDS:
            found.append(i)
    if len(found) > 1:
        raise InputError(
            "CM-TABLE-018",
            f"{plural(len(found), 'sector looks', 'sectors look')} like the total of all: "
            f"{[sectors[i] for i in found]}",
            why="a total that is counted as a sector doubles the economy",
            fix="frame[frame[sector] != 'the one that is not meant']",
        )
    return found[0] if found and len(sectors) > 1 else -1


def _check_pairs(frame: pd.DataFrame, long: _Long, *, used: set[str]) -> None:
    """Refuse several figures for one area and sector, and say what tells them apart."""
    key = long.area * len(long.sectors) + long.sector
    again = pd.Series(key).duplicated(keep=False).to_numpy()
    if not again.any():
        return
    rows = long.rows[again]
    group, differing = pd.Series(key[again]), {}
    for column in (c for c in frame.columns if c not in used):
        cells = text(frame[column].iloc[rows]).reset_index(drop=True)
        if (cells != cells.groupby(group).transform("first")).any():
            differing[str(column)] = sorted(cells.unique())
    told = "; ".join(
        f"{c}: {', '.join(v[:_GLIMPSE])}{', …' if len(v) > _GLIMPSE else ''}" for c, v in differing.items()
    )
    first = next(iter(differing.items()), None)
    if first is None:
        fix = "frame.drop_duplicates()"
    elif len(first[1]) <= _FEW:
        fix = f"where={{{first[0]!r}: {first[1][-1]!r}}}"
    else:
        fix = "frame.groupby([area, sector], as_index=False)[value].sum(), if they are parts of a whole"
    raise InputError(
        "CM-TABLE-012",
        f"{part_of(len(rows), len(long.rows), 'row', 'shares', 'share')} area and sector with another one"
        + (f"; they differ in {told}" if told else " and nothing tells them apart"),
        why="adding them up could count firms several times",
        fix=fix,
    )


def _reasons(asked: npt.NDArray[np.bool_], long: _Long) -> pd.Series:
    reasons = np.where(asked, ELSEWHERE, NOT_ASKED).astype(object)
    reasons[long.rows] = "accepted"
    reasons[long.rows[long.sector == long.all_sectors]] = ALL_SECTORS
    reasons[long.rows[np.isnan(long.value)]] = SUPPRESSED
    reasons[long.rows[long.area == _NATION]] = NATIONAL
    return pd.Series(reasons)


def _table(long: _Long, areas: Areas | None, measure: Measure, ledger: Ledger, *, absent: str) -> SectorTable:
    """Put the rows into areas × sectors and find the totals."""
    kept = np.delete(np.arange(len(long.sectors)), [long.all_sectors] if long.all_sectors >= 0 else [])
    place = np.full(len(long.sectors), -1)
    place[kept] = np.arange(len(kept))
    column, local = place[long.sector], long.area >= 0
    inside = local & (column >= 0)
    shape = len(long.labels), len(kept)
    cells = placed(long.area[inside], column[inside], long.value[inside], shape, absent=absent)
    whole, nation = (
        pd.Series(np.nan, index=long.labels),
        pd.Series(np.nan, index=[long.sectors[k] for k in kept]),
    )
    whole.iloc[long.area[local & (column < 0)]] = long.value[local & (column < 0)]
    national = long.area == _NATION
    nation.iloc[column[national & (column >= 0)]] = long.value[national & (column >= 0)]
    table = SectorTable.from_matrix(
        cells,
        (long.labels, nation.index),
        measure=measure,
        area_totals=whole if long.all_sectors >= 0 else None,
        sector_totals=nation if national.any() else None,
        areas=areas,
    )
    total = float(table.area_totals.sum())
    if national.any():
        of_all = long.value[national & (column < 0)]
        total = (
            float(nation.sum()) if long.all_sectors < 0 else float(of_all[0]) if len(of_all) else float("nan")
        )
    return replace(table, total=total, ledger=ledger)


def _choose(table: SectorTable, chosen: Any, long: _Long) -> SectorTable:
    """Keep the sectors asked for; totals stay those of all."""
    wanted = sorted(
        {
            str(s)
            for s in text(pd.Series(list(chosen) if isinstance(chosen, list | tuple | set) else [chosen]))
        }
    )
    for name in wanted:
        if name not in table.sectors:
            near = nearest(name, long.sectors)
            raise OptionError(
                "CM-TABLE-010",
                f"the table has no sector {name!r}" + (f" (nearest: {', '.join(near)})" if near else ""),
                fix=f"one of: {', '.join(map(repr, table.sectors[:20]))}",
            )
    return table.select(wanted)


def _told(table: SectorTable, long: _Long, *, rounded: bool | None, source: str, absent: str) -> SectorTable:
    """Mark rounded figures, and say what a reader must know."""
    seen = long.value[np.isfinite(long.value) & (long.value != 0)]
    if rounded is None:
        rounded = len(seen) >= _ENOUGH and bool((seen % _BASE == 0).all())
    notes = [f"Published figures{f' ({source})' if source else ''}."]
    if rounded:
        notes.append("They are rounded: totals may miss the sum of their parts, a 0 may be a small number.")
    hidden = int(np.isnan(table.matrix.data).sum())
    if absent == "zero":
        notes.append("Pairs of area and sector without a row count as 0.")
    if hidden:
        size = table.matrix.shape[0] * table.matrix.shape[1]
        notes.append(
            f"{part_of(hidden, size, 'cell', 'is', 'are')} "
            f"suppressed{' or absent' * (absent == 'unknown')}: unknown, not 0."
        )
        if long.all_sectors < 0:
            notes.append("Totals are sums of the figures that are known.")
    return replace(table, precision="rounded" if rounded else "observed", note=" ".join(notes))
