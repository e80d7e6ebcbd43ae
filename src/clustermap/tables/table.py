"""The one table that measures and detection work on: areas × sectors, with every total."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import AlignmentError, InputError, OptionError, examples
from clustermap.sources.values import Areas

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.ledger import Ledger
    from clustermap.schema import Measure, Overlap
    from clustermap.sources.values import Lookup

__all__ = ["SectorTable", "as_table"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SectorTable:
    """Firms or employment by area and sector, with every total that a measure needs.

    Attributes
    ----------
    values : pandas.DataFrame
        Areas (rows, in code order) × sectors (columns, in name order).
    area_totals : pandas.Series
        Everything in the area, whatever its sector, each firm once.
    sector_totals : pandas.Series
        Everything in the sector, in all areas.
    total : float
        Everything, each firm once.
    measure : {"firms", "employment"}
        What is counted.
    status : pandas.DataFrame
        Same shape as `values`: "observed", "rounded" or "suppressed".
    areas : Areas or None
        The polygons behind the rows.
    ledger : Ledger or None
        What became of every firm.
    sector_labels : dict
        Sector to the words a reader sees.
    note : str
        What must be said beside every figure: synthetic, registered offices, the nearest published group.
    """

    values: pd.DataFrame
    area_totals: pd.Series
    sector_totals: pd.Series
    total: float
    measure: Measure
    status: pd.DataFrame
    areas: Areas | None = None
    ledger: Ledger | None = None
    sector_labels: dict[str, str]
    note: str = ""

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
            The polygons: every row must be one of them, and every one a row.

        Raises
        ------
        InputError
            CM-TABLE-001 duplicated labels, CM-TABLE-002 not numbers, CM-TABLE-003 negative or infinite.
        AlignmentError
            CM-ALIGN-001: rows, totals and areas carry different labels.

        Examples
        --------
        >>> frame = pd.DataFrame({"steel": [4, 1], "rest": [6, 9]}, index=["A", "B"])
        >>> SectorTable.from_values(frame).total
        20.0
        """
        frame = _checked(values)
        rows = area_totals if area_totals is not None else frame.sum(axis=1, min_count=1)
        columns = sector_totals if sector_totals is not None else frame.sum(axis=0, min_count=1)
        rows = _same_labels(rows, frame.index, "area_totals").astype(float)
        columns = _same_labels(columns, frame.columns, "sector_totals").astype(float)
        if areas is not None:
            if not isinstance(areas, Areas):
                from clustermap.sources.boundaries import as_areas

                areas = as_areas(areas)
            _same_labels(areas.frame["name"], frame.index, "areas")
        status = pd.DataFrame(
            np.where(frame.isna(), "suppressed", "observed"), index=frame.index, columns=frame.columns
        )
        return cls(
            values=frame,
            area_totals=rows,
            sector_totals=columns,
            total=float(rows.sum()),
            measure=measure,
            status=status,
            areas=areas,
            sector_labels={str(s): str(s) for s in frame.columns},
        )

    @property
    def sectors(self) -> list[str]:
        """The sectors, in order."""
        return list(self.values.columns)

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
                f"the table has no sector {name!r}" if name else f"the table has {len(self.sectors)} sectors",
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
            How an area in several authorities counts: whole in each, by its shares, or in the one with the
            lowest code.

        Returns
        -------
        SectorTable
            Authorities × sectors; a suppressed part makes a suppressed sum. `sector_totals` and `total` stay
            those of this table: everything once.

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
        pairs = lookup.frame.sort_values(["area", "authority"], ignore_index=True)
        lacking = sorted(set(pairs["area"]) - set(self.values.index))
        if lacking:
            raise AlignmentError(
                "CM-ALIGN-005",
                f"{len(lacking)} of {pairs['area'].nunique()} areas of the lookup are not in the table: {lacking[:5]}",
                why="their authorities would be too small without any sign of it",
                fix="a table and a lookup of one vintage",
            )
        if overlap == "primary":
            pairs = pairs.drop_duplicates("area")
        share = pairs["share"].to_numpy(float) if overlap == "fractional" else np.ones(len(pairs))
        codes, authorities = pd.factorize(pairs["authority"], sort=True)
        weights = np.zeros((len(authorities), len(self.values)))
        np.add.at(weights, (codes, self.values.index.get_indexer(pairs["area"])), share)
        table = type(self).from_values(
            pd.DataFrame(
                _sums(weights, self.values), index=pd.Index(authorities), columns=self.values.columns
            ),
            measure=self.measure,
            area_totals=pd.Series(_sums(weights, self.area_totals), index=pd.Index(authorities)),
            sector_totals=self.sector_totals,
        )
        rounded = bool((self.status == "rounded").any(axis=None))
        left = len(self.values.index.difference(pairs["area"]))
        notes = [self.note] if self.note else []
        notes += [f"{left:,} of {len(self.values):,} areas are in no authority."] if left else []
        return replace(
            table,
            total=self.total,
            status=table.status.replace("observed", "rounded") if rounded else table.status,
            sector_labels=dict(self.sector_labels),
            note=" ".join(notes),
        )

    def summary(self) -> str:
        """Say in plain sentences what the table holds."""
        lines = [
            f"{len(self.values):,} areas × {len(self.sectors):,} sectors, {self.measure}, {self.total:,.0f} in all."
        ]
        lines += [
            f"{self.sector_labels.get(s, s)}: {self.sector_totals[s]:,.0f} ({self.sector_totals[s] / self.total:.1%})."
            for s in self.sectors[:10]
            if self.total
        ]
        lines += [self.note] if self.note else []
        lines += [self.ledger.summary()] if self.ledger else []
        return "\n".join(lines)

    def geo(self) -> Any:
        """Return a GeoDataFrame of the areas with one column per sector, indexed by code."""
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "this table has no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        return self.areas.frame.join(self.values)

    def __repr__(self) -> str:
        return f"<SectorTable: {len(self.values)} areas × {len(self.sectors)} sectors, {self.measure}>"

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


def _sums(weights: np.ndarray, parts: pd.DataFrame | pd.Series) -> np.ndarray:
    """Sum parts by weight; an unknown part makes an unknown sum, a part that does not belong does not."""
    numbers = parts.to_numpy(dtype=float)
    unknown = (weights > 0).astype(float) @ np.isnan(numbers).astype(float) > 0
    return np.where(unknown, np.nan, weights @ np.nan_to_num(numbers))


def _checked(values: pd.DataFrame) -> pd.DataFrame:
    for labels, what in ((values.index, "area"), (values.columns, "sector")):
        if not labels.is_unique:
            twice = labels[labels.duplicated()]
            raise InputError(
                "CM-TABLE-001",
                f"{len(twice)} of {len(labels)} {what} labels are duplicated: {list(twice[:5])}",
                why="a doubled area would be counted twice",
                fix="values.groupby(level=0).sum(min_count=1)",
            )
    try:
        frame = values.astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(
            "CM-TABLE-002",
            f"the values are not all numbers: {error}",
            why="marks such as '<5' or 'c' are suppressed cells, not zeros",
            fix="values.apply(pd.to_numeric, errors='coerce')   # marks become NaN = suppressed",
        ) from error
    bad = np.isinf(frame.to_numpy()) | (frame.to_numpy() < 0)
    if bad.any():
        rows = np.flatnonzero(bad.any(axis=1))
        raise InputError(
            "CM-TABLE-003",
            f"{bad.sum()} of {bad.size} cells are negative or infinite: "
            + examples((int(r), frame.index[r]) for r in rows),
            why="one such cell spoils every total",
            fix="values.where(values >= 0)",
        )
    return frame.sort_index(axis=0).sort_index(axis=1)


def _same_labels(series: pd.Series, labels: pd.Index, what: str) -> pd.Series:
    missing, extra = labels.difference(series.index), series.index.difference(labels)
    if len(missing) or len(extra) or not series.index.is_unique:
        raise AlignmentError(
            "CM-ALIGN-001",
            f"{what} and values carry different labels: {len(missing)} missing {list(missing[:5])}, "
            f"{len(extra)} extra {list(extra[:5])}",
            why="values that meet the wrong area give a wrong answer without any sign of it",
            fix=f"{what}.reindex(values.index), after the labels are of one vintage",
        )
    return series.reindex(labels)
