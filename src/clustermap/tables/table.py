"""The one table that measures and detection work on: areas × sectors, with every total."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import AlignmentError, InputError, OptionError, as_lines, part_of, plural
from clustermap.schema import CELL_STATES
from clustermap.tables import checks
from clustermap.tables.shares import ruled
from clustermap.tables.sparse import as_matrix, check_cells, marks_of, parts_summed, states, totals, unmarked

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy.sparse import csr_array

    from clustermap.ledger import Ledger
    from clustermap.schema import Measure, Overlap
    from clustermap.sources.values import Areas, Lookup

__all__ = ["SectorTable", "as_table"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, init=False)
class SectorTable:
    """Firms or employment by area and sector, with every total that a measure needs.

    Cells are kept without their zeros; `values` and `status` are made when they are asked for.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        Areas (rows, in code order) × sectors (columns, in name order); not stored is 0, NaN is unknown.
    area_totals : pandas.Series
        Everything in the area, whatever its sector, each firm once.
    sector_totals : pandas.Series
        Everything in the sector, in all areas.
    total : float
        Everything, each firm once.
    measure : {"firms", "employment"}
        What is counted.
    precision : {"observed", "rounded"}
        What the figures are, where `marks` says nothing else.
    marks : scipy.sparse.csr_array
        The few cells that are something else than `precision`: 1 plus their number in `schema.CELL_STATES`.
    areas : Areas or None
        The polygons behind the rows.
    ledger : Ledger or None
        What became of every firm.
    sector_labels : dict
        Sector to the words a reader sees.
    note : str
        What must be said beside every figure: synthetic, registered offices, the nearest published group.
    with_stacks : SectorTable or None
        The same count with every firm, where crowded addresses were thinned.
    """

    matrix: csr_array
    area_totals: pd.Series
    sector_totals: pd.Series
    total: float
    measure: Measure
    precision: str
    marks: csr_array
    areas: Areas | None
    ledger: Ledger | None
    sector_labels: dict[str, str]
    note: str
    with_stacks: SectorTable | None

    def __init__(
        self,
        *,
        area_totals: pd.Series,
        sector_totals: pd.Series,
        total: float,
        measure: Measure,
        sector_labels: dict[str, str],
        matrix: csr_array | None = None,
        values: pd.DataFrame | None = None,
        precision: str = "observed",
        marks: csr_array | None = None,
        status: pd.DataFrame | None = None,
        areas: Areas | None = None,
        ledger: Ledger | None = None,
        note: str = "",
        with_stacks: SectorTable | None = None,
    ) -> None:
        """Take cells as a matrix or as a frame; a frame of `values` or `status` goes before what it replaces."""
        labels = (area_totals.index, sector_totals.index)
        if values is not None:
            if not (values.index.equals(labels[0]) and values.columns.equals(labels[1])):
                raise AlignmentError(
                    "CM-ALIGN-001",
                    f"values ({values.shape[0]} × {values.shape[1]}) and totals ({len(labels[0])} × "
                    f"{len(labels[1])}) carry different labels",
                    why="values that meet the wrong area give a wrong answer without any sign of it",
                    fix="SectorTable.from_values(values, area_totals=…, sector_totals=…)",
                )
            matrix = as_matrix(values)
        if matrix is None or matrix.shape != (len(labels[0]), len(labels[1])):
            raise InputError(
                "CM-TABLE-021",
                f"cells of the shape {None if matrix is None else matrix.shape} do not fill "
                f"{plural(len(labels[0]), 'area')} × {plural(len(labels[1]), 'sector')}",
                fix="SectorTable.from_values(values)",
            )
        if status is not None:
            precision, marks = marks_of(status, matrix, labels)
        for name, value in (
            ("matrix", matrix), ("area_totals", area_totals), ("sector_totals", sector_totals), ("total", total),
            ("measure", measure), ("precision", precision), ("areas", areas), ("ledger", ledger),
            ("marks", unmarked(matrix.shape) if marks is None else marks), ("sector_labels", sector_labels),
            ("note", note), ("with_stacks", with_stacks),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @classmethod
    def from_values(
        cls,
        values: pd.DataFrame,
        *,
        measure: Measure = "firms",
        area_totals: pd.Series | None = None,
        sector_totals: pd.Series | None = None,
        areas: Areas | gpd.GeoDataFrame | None = None,
    ) -> SectorTable:
        """Build a table from a frame of areas × sectors.

        Parameters
        ----------
        values : pandas.DataFrame
            Areas × sectors, unique labels, finite and not negative; NaN is a suppressed cell.
        measure : {"firms", "employment"}
            What the values count.
        area_totals, sector_totals : pandas.Series, optional
            Published totals; sums of the values where absent. The sectors of a frame without
            `area_totals` are taken to be the whole economy.
        areas : Areas or geopandas.GeoDataFrame, optional
            The polygons, one to each row.

        Raises
        ------
        InputError
            CM-TABLE-001 duplicated labels, CM-TABLE-002 not numbers, CM-TABLE-003 negative or infinite,
            CM-TABLE-023 a total below one of its cells.
        AlignmentError
            CM-ALIGN-001: rows, totals and areas carry different labels.

        Warns
        -----
        ClusterMapWarning
            CM-TABLE-024: totals below the sums of their cells, as sectors that overlap have.

        Examples
        --------
        >>> frame = pd.DataFrame({"steel": [4, 1], "rest": [6, 9]}, index=["A", "B"])
        >>> SectorTable.from_values(frame).total
        20.0
        """
        labels = checks.unique_labels(values.index, "area"), checks.unique_labels(values.columns, "sector")
        cells = as_matrix(checks.as_numbers(values))
        checks.check_sums(cells, labels, area_totals, sector_totals)
        return cls.from_matrix(
            cells, labels, measure=measure, area_totals=area_totals, sector_totals=sector_totals, areas=areas
        )

    @classmethod
    def from_matrix(
        cls,
        matrix: csr_array,
        labels: tuple[pd.Index, pd.Index],
        *,
        measure: Measure = "firms",
        area_totals: pd.Series | None = None,
        sector_totals: pd.Series | None = None,
        areas: Areas | gpd.GeoDataFrame | None = None,
    ) -> SectorTable:
        """Build a table from a sparse matrix: what is not stored is 0, NaN is unknown.

        Parameters
        ----------
        matrix : scipy sparse array
            Areas × sectors, finite and not negative.
        labels : tuple of pandas.Index
            The areas and the sectors, unique, in the order of the matrix.
        measure, area_totals, sector_totals, areas
            As in `from_values`.

        Raises
        ------
        InputError, AlignmentError
            As in `from_values`; CM-TABLE-021: the labels do not fit the matrix.

        Examples
        --------
        >>> from scipy.sparse import csr_array
        >>> cells = csr_array([[4, 6], [1, 0]])
        >>> SectorTable.from_matrix(cells, (pd.Index(["A", "B"]), pd.Index(["steel", "rest"]))).total
        11.0
        """
        given = (
            checks.unique_labels(pd.Index(labels[0]), "area"),
            checks.unique_labels(pd.Index(labels[1]), "sector"),
        )
        cells = as_matrix(matrix)
        if cells.shape != (len(given[0]), len(given[1])):
            raise InputError(
                "CM-TABLE-021",
                f"cells of the shape {cells.shape} have labels of the shape {(len(given[0]), len(given[1]))}",
                fix="SectorTable.from_matrix(matrix, (areas, sectors))",
            )
        check_cells(cells, given[0])
        (rows, order), (columns, across) = (index.sort_values(return_indexer=True) for index in given)
        if not (rows.equals(given[0]) and columns.equals(given[1])):
            cells = as_matrix(cells[order][:, across])
        sums = [pd.Series(totals(cells, axis), index=at) for axis, at in ((1, rows), (0, columns))]
        in_areas = sums[0] if area_totals is None else checks.same_labels(area_totals, rows, "area_totals")
        in_sectors = sums[1]
        if sector_totals is not None:
            in_sectors = checks.same_labels(sector_totals, columns, "sector_totals")
        in_areas = in_areas.astype(float)
        return cls(
            matrix=cells,
            area_totals=in_areas,
            sector_totals=in_sectors.astype(float),
            total=float(in_areas.sum()),
            measure=measure,
            areas=None if areas is None else checks.fitting_areas(areas, rows),
            sector_labels={str(s): str(s) for s in columns},
        )

    @property
    def labels(self) -> pd.Index:
        """The area codes, in order."""
        return self.area_totals.index

    @property
    def values(self) -> pd.DataFrame:
        """Areas × sectors with every zero, made anew each time: `column` and `select` take less."""
        return pd.DataFrame(self.matrix.toarray(), index=self.labels, columns=self.sector_totals.index)

    @property
    def status(self) -> pd.DataFrame:
        """Same shape as `values`: "observed", "rounded" or "suppressed"."""
        words = np.array(CELL_STATES)[states(self.matrix, self.precision, self.marks)]
        return pd.DataFrame(words, index=self.labels, columns=self.sector_totals.index)

    def column(self, sector: str) -> pd.Series:
        """Return the values of one sector by area."""
        at = self.sector_totals.index.get_loc(sector)
        return pd.Series(self.matrix[:, [at]].toarray().ravel(), index=self.labels, name=sector)

    def select(self, sectors: list[str]) -> SectorTable:
        """Return the table of some sectors; area totals and the total stay those of all.

        Raises
        ------
        OptionError
            CM-SECTOR-001: an unknown sector.
        """
        at = self.sector_totals.index.get_indexer(pd.Index([self.sector(s) for s in sectors]))
        return replace(
            self,
            matrix=as_matrix(self.matrix[:, at]),
            sector_totals=self.sector_totals.iloc[at],
            marks=self.marks[:, at],
            sector_labels={s: self.sector_labels.get(s, str(s)) for s in sectors},
        )

    @property
    def sectors(self) -> list[str]:
        """The sectors, in order."""
        return list(self.sector_totals.index)

    def sector(self, name: str | None) -> str:
        """Return the sector asked for, or the only one there is.

        Raises
        ------
        OptionError
            CM-SECTOR-001: unknown, or several and none named.
        """
        if name is None and len(self.sectors) == 1:
            return self.sectors[0]
        if name is None or name not in self.sectors:
            raise OptionError(
                "CM-SECTOR-001",
                f"the table has no sector {name!r}"
                if name
                else f"the table has {plural(len(self.sectors), 'sector')}",
                fix=f"sector= one of: {', '.join(map(repr, self.sectors[:10]))}",
            )
        return name

    def aggregate(self, lookup: Lookup, *, overlap: Overlap = "fractional") -> SectorTable:
        """Sum areas into the authorities they belong to.

        Parameters
        ----------
        lookup : Lookup
            Areas in authorities; areas that it does not hold are left out and told in the note.
        overlap : {"full", "fractional", "primary"}
            How an area in several authorities counts: whole in each, by its shares, or in the one with its
            largest share (the lowest code among equals).

        Returns
        -------
        SectorTable
            Authorities × sectors; a suppressed part makes a suppressed sum. `sector_totals` and `total` stay.

        Raises
        ------
        AlignmentError
            CM-ALIGN-005: the lookup holds areas that the table lacks.

        Examples
        --------
        >>> from clustermap.sources.values import Lookup
        >>> rows = pd.DataFrame({"area": ["A", "B", "B"], "authority": ["x", "x", "y"], "share": [1.0, 0.5, 0.5]})
        >>> table = SectorTable.from_values(pd.DataFrame({"steel": [4, 2]}, index=["A", "B"]))
        >>> table.aggregate(Lookup(frame=rows.assign(name=rows["authority"]))).values["steel"].to_list()
        [5.0, 1.0]
        """
        from scipy.sparse import csr_array

        pairs = lookup.frame.sort_values(["area", "authority"], ignore_index=True)
        checks.check_areas(pairs["area"], self.labels)
        pairs = ruled(pairs, overlap)
        codes, authorities = pd.factorize(pairs["authority"], sort=True)
        place = (codes, self.labels.get_indexer(pd.Index(pairs["area"])))
        share, shape = pairs["share"].to_numpy(float), (len(authorities), len(self.labels))
        weights = csr_array((share, place), shape=shape)
        index = pd.Index(authorities)
        table = type(self).from_matrix(
            parts_summed(weights, self.matrix),
            (index, self.sector_totals.index),
            measure=self.measure,
            area_totals=pd.Series(parts_summed(weights, self.area_totals.to_numpy(float)), index=index),
            sector_totals=self.sector_totals,
        )
        rounded = self.precision == "rounded" or bool(
            (self.marks.data == CELL_STATES.index("rounded") + 1).any()
        )
        left = len(self.labels.difference(pairs["area"]))
        notes = [self.note] * bool(self.note)
        notes += [f"{part_of(left, len(self.labels), 'area', 'is', 'are')} in no authority."] if left else []
        return replace(
            table,
            total=self.total,
            precision="rounded" if rounded else "observed",
            sector_labels=dict(self.sector_labels),
            note=" ".join(notes),
        )

    def summary(self) -> str:
        """Say in plain sentences what the table holds."""
        size = f"{plural(len(self.labels), 'area')} × {plural(len(self.sectors), 'sector')}"
        lines = [f"{size}, {self.measure}, {self.total:,.0f} in all."]
        lines += [
            f"{self.sector_labels.get(s, s)}: {self.sector_totals[s]:,.0f} ({self.sector_totals[s] / self.total:.1%})."
            for s in self.sectors[:10]
            if self.total
        ]
        kept = self.ledger.summary().splitlines() if self.ledger else []
        return as_lines([*lines, *[self.note] * bool(self.note), *kept])

    def geo(self) -> Any:
        """Return a GeoDataFrame of the areas with one column per sector, indexed by code."""
        fix = "SectorTable.from_values(…, areas=…)"
        if self.areas is None:
            raise InputError("CM-TABLE-004", "this table has no areas", fix=fix)
        return self.areas.frame.join(self.values)

    def __repr__(self) -> str:
        size = f"{plural(len(self.labels), 'area')} × {plural(len(self.sectors), 'sector')}"
        return f"<SectorTable: {size}, {self.measure}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def as_table(data: SectorTable | pd.DataFrame) -> SectorTable:
    """Take a table, or a frame of areas × sectors with defaults."""
    if isinstance(data, SectorTable):
        return data
    if isinstance(data, pd.DataFrame) and "geometry" not in data.columns:
        return SectorTable.from_values(data)
    raise InputError(
        "CM-TABLE-005",
        f"expected a SectorTable or a frame of areas × sectors, got {type(data).__name__}",
        why="which columns are sectors, and of what they are parts, cannot be guessed",
        fix="SectorTable.from_values(frame.set_index('code')[['steel', 'rest']], areas=frame)",
    )
