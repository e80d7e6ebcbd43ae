"""The cluster index of Litzenberger and Sternberg: dense, much, and made of many small plants."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import (
    AlignmentError,
    InputError,
    OptionError,
    StatisticsError,
    as_lines,
    part_of,
    plural,
)
from clustermap.inference import adjust, is_level
from clustermap.measures.binomial import clopper_pearson, two_sided_p
from clustermap.measures.concentration.results import STATUS_OK
from clustermap.schema import STOCK_COLUMNS
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.schema import Correction
    from clustermap.sources.values import Areas

__all__ = ["ClusterIndex", "cluster_index"]

Floats = npt.NDArray[np.float64]
_WHOLE = 1e-6
_TWO, _TOLD = 2, 5
STATUS_SUPPRESSED = "suppressed"
STATUS_NO_SECTOR = "nothing of the sector anywhere"
STATUS_NO_PLANTS = "employment without plants"
STATUS_LUMPY = "needs firm-level data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterIndex:
    """Cluster index by area and sector.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector: ``area, sector, value, density, stock, plant_size, index, lower, upper, p, q,
        status``. `index` is density × stock / plant_size, each relative to all areas; 1 is the average.
    table : SectorTable
        What was measured.
    size, stock : str
        What densities and stocks are relative to, in words.
    interval, correction, family_size
        As asked; q corrects over areas × sectors. Intervals and p exist for counts alone.
    method, null, alternative : str
        In words.
    """

    frame: pd.DataFrame
    table: SectorTable
    size: str
    stock: str
    interval: float
    correction: Correction
    family_size: int
    method: str = "exact binomial of the sector's count, given its total, carried to the index"
    null: str = (
        "index 1: the area's share of the sector is the geometric mean of its shares of size and stock"
    )
    alternative: str = "two-sided"

    @property
    def areas(self) -> Areas | None:
        """The polygons, where the table has them."""
        return self.table.areas

    def wide(self, column: str = "index") -> pd.DataFrame:
        """Return one column as areas × sectors."""
        if column not in STOCK_COLUMNS[2:]:
            raise OptionError(
                "CM-CONC-001",
                f"these results have no column {column!r}",
                fix=f"wide() with one of: {', '.join(STOCK_COLUMNS[2:])}",
            )
        values = self.frame[column].to_numpy().reshape(self.table.values.shape)
        return pd.DataFrame(
            values,
            index=self.table.values.index.rename("area"),
            columns=self.table.values.columns.rename("sector"),
        )

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with the index of each sector."""
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "these results have no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        return self.areas.frame.join(self.wide())

    def summary(self) -> str:
        """Say in plain sentences what stands out and what the figures do not say."""
        frame = self.frame
        lines = [
            (
                f"Cluster index (Litzenberger and Sternberg) of {plural(len(self.table.values), 'area')} in "
                f"{plural(len(self.table.sectors), 'sector')}: density by {self.size}, stock by "
                f"{self.stock}; 1 is the average."
            )
        ]
        best = frame.rename(columns={"index": "figure"}).dropna(subset="figure").nlargest(_TOLD, "figure")
        lines += [f"{r.sector} in {r.area}: {r.figure:.1f}." for r in best.itertuples()]
        lines += [
            f"{plural(n, 'cell')}: {status}."
            for status, n in frame["status"].value_counts().items()
            if status != STATUS_OK
        ]
        if self.family_size == 0:
            lines.append("No interval and no p: jobs come in plants, and the index multiplies their shares.")
        lines.append(
            "The index multiplies three ratios: small areas with one large share reach very large figures, and a "
            "threshold for “cluster” is a convention, not a test."
        )
        return as_lines([*lines, *([self.table.note] if self.table.note else [])])

    def __repr__(self) -> str:
        return f"<ClusterIndex: {plural(len(self.table.values), 'area')} × {plural(len(self.table.sectors), 'sector')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def cluster_index(
    table: SectorTable | pd.DataFrame,
    *,
    plants: SectorTable | pd.DataFrame | None = None,
    area_km2: pd.Series | None = None,
    population: pd.Series | None = None,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
) -> ClusterIndex:
    r"""Measure density, stock and smallness of plants of each sector in each area at once.

    With :math:`e` the area's share of the sector's employment, :math:`b` its share of the sector's plants,
    :math:`a` its share of the land and :math:`p` its share of the population:
    :math:`CI = \frac{e}{a} \cdot \frac{e}{p} \Big/ \frac{e}{b}`.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Employment, or counts of firms, areas × sectors.
    plants : SectorTable or pandas.DataFrame, optional
        Numbers of plants, same labels, where the table holds employment. For a table of counts the plants are
        those counted, and the plant size is 1.
    area_km2 : pandas.Series, optional
        Land of each area; that of the table's polygons where absent.
    population : pandas.Series, optional
        Population of each area; everything in the area (`area_totals`) where absent.
    interval, correction
        Coverage; how q corrects over areas × sectors.

    Returns
    -------
    ClusterIndex
        For counts the index is a rising function of the sector's share :math:`e`, so its exact interval is carried
        over; for employment there is none.

    Raises
    ------
    InputError
        CM-CONC-010: no sizes of areas. CM-CONC-011: sizes or population missing, negative or 0 throughout.
    AlignmentError
        CM-CONC-012: plants and table carry different labels.
    OptionError
        CM-CONC-003: `interval` outside (0, 1).
    StatisticsError
        CM-CONC-002: fewer than two areas.

    Notes
    -----
    Vectorised over all cells.

    References
    ----------
    Litzenberger, T. and Sternberg, R. (2006), Der Clusterindex: eine Methodik zur Identifizierung regionaler Cluster am
    Beispiel deutscher Industriebranchen. Geographische Zeitschrift 94.

    Examples
    --------
    >>> jobs = pd.DataFrame({"cars": [1743, 3997]}, index=["A", "B"])
    >>> plants = pd.DataFrame({"cars": [35, 18]}, index=["A", "B"])
    >>> result = cluster_index(SectorTable.from_values(jobs, measure="employment"), plants=plants,
    ...     area_km2=pd.Series({"A": 50, "B": 526}), population=pd.Series({"A": 488, "B": 4133}))
    >>> round(float(result.wide().loc["A", "cars"]), 5)
    21.87491
    """
    table = as_table(table)
    if not is_level(interval):
        raise OptionError("CM-CONC-003", f"interval={interval} is no coverage", fix="interval=0.95")
    if len(table.values) < _TWO:
        raise StatisticsError(
            "CM-CONC-002",
            f"{len(table.values)} area",
            why="the index compares an area with all of them",
            fix="a table of at least two areas",
        )
    (land, size), (people, stock) = _land(table, area_km2), _people(table, population)
    value = table.values.to_numpy(dtype=np.float64)
    number = _numbers(table, plants)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, of_plants = value / value.sum(axis=0), number / number.sum(axis=0)
        density, stocks = share / land, share / people
        plant_size = np.where(share > 0, share / of_plants, np.nan)
        index = np.where(share > 0, share * of_plants / (land * people), share)
    status, exact = _states(table, value, number, counts=plants is None)
    answered = np.isin(status, (STATUS_OK, STATUS_LUMPY))
    columns = {"value": value, "density": density, "stock": stocks, "plant_size": plant_size, "index": index}
    for name in ("density", "stock", "plant_size", "index"):
        columns[name] = np.where(answered & np.isfinite(columns[name]), columns[name], np.nan)
    columns |= _inference(value, land * people, exact, interval)
    columns["q"] = adjust(columns["p"], correction)
    frame = pd.DataFrame(
        {
            "area": np.repeat(table.values.index.to_numpy(), value.shape[1]),
            "sector": np.tile(np.asarray(table.sectors, dtype=object), len(value)),
            **{name: cells.ravel() for name, cells in columns.items()},
            "status": status.ravel(),
        }
    )
    return ClusterIndex(
        frame=frame[list(STOCK_COLUMNS)],
        table=table,
        size=size,
        stock=stock,
        interval=interval,
        correction=correction,
        family_size=int(np.isfinite(columns["p"]).sum()),
    )


def _land(table: SectorTable, given: pd.Series | None) -> tuple[Floats, str]:
    if given is not None:
        return _shares(table, given, "area_km2"), "the given land"
    if table.areas is None:
        raise InputError(
            "CM-CONC-010",
            f"how large {plural(len(table.values), 'area is', 'areas are')} is not known",
            why="density is relative to land",
            fix="area_km2=pd.Series({…}), or a table with polygons: tabulate(firms, areas, …)",
        )
    said = "the land of the polygons" + (" (generalised)" if table.areas.generalised else "")
    return _shares(table, table.areas.frame.geometry.area / 1e6, "area_km2"), said


def _people(table: SectorTable, given: pd.Series | None) -> tuple[Floats, str]:
    if given is not None:
        return _shares(table, given, "population"), "the given population"
    return _shares(table, table.area_totals, "population"), f"all {table.measure} of the areas"


def _shares(table: SectorTable, given: pd.Series, what: str) -> Floats:
    """Return the shares of the areas, as a column."""
    labels = table.values.index
    lacking = labels.difference(given.index)
    values = pd.to_numeric(given[~given.index.duplicated()], errors="coerce").reindex(labels).to_numpy(float)
    bad = ~np.isfinite(values) | (values <= 0)
    if bad.any() or not given.index.is_unique:
        raise InputError(
            "CM-CONC-011",
            f"{what} of {part_of(bad.sum(), len(labels), 'area')} is missing, 0 or negative: {list(labels[bad][:5])}"
            + (f" ({plural(len(lacking), 'label is', 'labels are')} absent)" if len(lacking) else "")
            + ("" if given.index.is_unique else "; some labels stand twice"),
            why="a share of nothing makes the index infinite",
            fix=f"a positive {what} for each area of the table, or the table without those areas",
        )
    return np.asarray(values / values.sum())[:, None]


def _numbers(table: SectorTable, plants: SectorTable | pd.DataFrame | None) -> Floats:
    """Return the numbers of plants, aligned with the table."""
    if plants is None:
        if table.measure == "employment":
            return np.full(table.values.shape, np.nan)
        return np.asarray(table.values.to_numpy(dtype=np.float64))
    other: Any = as_table(plants).values
    if not (other.index.equals(table.values.index) and other.columns.equals(table.values.columns)):
        apart = len(other.index.symmetric_difference(table.values.index))
        apart += len(other.columns.symmetric_difference(table.values.columns))
        raise AlignmentError(
            "CM-CONC-012",
            f"{plural(apart, 'label')} of plants and table {'differs' if apart == 1 else 'differ'}",
            why="plants would be held against the employment of other areas or sectors",
            fix="plants.reindex(index=table.values.index, columns=table.values.columns)",
        )
    return np.asarray(other.to_numpy(dtype=np.float64))


def _states(
    table: SectorTable, value: Floats, number: Floats, *, counts: bool
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """Say of each cell what can be known, and whether it has an exact interval."""
    hidden = np.isnan(value).any(axis=0) | (np.isnan(number).any(axis=0) & (table.measure == "firms"))
    with np.errstate(invalid="ignore"):
        whole = (np.abs(value - np.rint(value)) <= _WHOLE).all(axis=0)
        strange = ~(number > 0) & (value > 0)
    exact = np.broadcast_to(whole & counts & (table.measure == "firms"), value.shape)
    status = np.full(value.shape, STATUS_OK, dtype=object)
    status[~exact] = STATUS_LUMPY
    status[strange] = STATUS_NO_PLANTS
    status[:, np.nansum(value, axis=0) == 0] = STATUS_NO_SECTOR
    status[:, hidden] = STATUS_SUPPRESSED
    return status, exact & (status == STATUS_OK)


def _inference(
    value: Floats, expected: Floats, exact: npt.NDArray[np.bool_], interval: float
) -> dict[str, Floats]:
    """Carry the exact interval of the share to the index share² / (land × people), and test index = 1."""
    out = {name: np.full(value.shape, np.nan) for name in ("lower", "upper", "p")}
    total = np.broadcast_to(np.nansum(value, axis=0), value.shape)[exact]
    product = np.broadcast_to(expected, value.shape)[exact]
    count = np.rint(value[exact])
    low, high = clopper_pearson(count, np.rint(total), interval)
    out["lower"][exact], out["upper"][exact] = low**2 / product, high**2 / product
    out["p"][exact] = two_sided_p(count, np.rint(total), np.sqrt(product))
    return out
