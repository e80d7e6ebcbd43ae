"""What location quotients come back as: a frame with a status for every gap, and sentences."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import InputError, OptionError, as_lines, plural
from clustermap.inference import is_level
from clustermap.measures.shrinkage import plausible, posterior_limits
from clustermap.measures.trials import Margins, Trial, by_sector, stored_cells
from clustermap.schema import QUOTIENT_COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.schema import Correction, CountLaw
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["Quotients"]

_NAMED = 3
_TOLD = 10
_WHOLE = 1e-6
_NO_SCATTER = "Chance alone explains the differences between areas, so every shrunken quotient is 1."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quotients:
    """Location quotients and how sure they are.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector, in that order: ``area, sector, value, expected, lq, lower, upper, p, q,
        shrunk, status``. A quotient without an answer is NaN, and `status` says why.
    cells : {"all", "nonzero"}
        Whether cells without firms stand in the frame; `wide`, `of` and `geo` show them either way, and q is
        corrected for them either way.
    zeros : pandas.DataFrame
        With ``cells="nonzero"``, the cells without firms whose p is below 1: ``area, sector, p, q``. Absences
        that chance does not explain are among them. The p and q of every other cell without firms is 1.
    table : SectorTable
        What was measured.
    dispersion : pandas.Series
        By sector, the variance of true quotients around 1 that `shrunk` rests on; 0: chance explains all.
    interval, correction, reference, law : float, str, str or tuple of str, str
        As asked.
    method, null, alternative : str
        In words.
    family_size : int
        Tests that q is corrected for: areas × sectors with a p.
    """

    frame: pd.DataFrame
    table: SectorTable
    dispersion: pd.Series
    zeros: pd.DataFrame
    cells: str
    law: CountLaw
    interval: float
    correction: Correction
    reference: str | tuple[str, ...]
    family_size: int
    method: str
    null: str = "the area's share of the sector is its share of everything"
    alternative: str = "two-sided"

    @property
    def areas(self) -> Areas | None:
        """The polygons, where the table has them."""
        return self.table.areas

    @property
    def alpha(self) -> float:
        """The level that belongs to the interval."""
        return round(1 - self.interval, 12)

    @property
    def sectors(self) -> list[str]:
        """The sectors measured, in order."""
        return list(self.dispersion.index)

    def wide(self, column: str = "lq") -> pd.DataFrame:
        """Return one column as areas × sectors.

        Examples
        --------
        >>> frame = pd.DataFrame({"steel": [4, 1], "rest": [6, 9]}, index=["A", "B"])
        >>> from clustermap.measures import location_quotient
        >>> float(location_quotient(frame).wide("lq").loc["A", "steel"])
        1.6
        """
        if column not in QUOTIENT_COLUMNS[2:]:
            raise OptionError(
                "CM-LQ-003",
                f"quotients have no column {column!r}",
                fix=f"wide() with one of: {', '.join(QUOTIENT_COLUMNS[2:])}",
            )
        frame = self.frame if self.cells == "all" else self._again(None, self.correction)
        values = frame[column].to_numpy().reshape(-1, len(self.sectors))
        index = pd.Index(self.table.labels, name="area")
        return pd.DataFrame(values, index=index, columns=pd.Index(self.sectors, name="sector"))

    def of(self, sector: str | None = None) -> pd.DataFrame:
        """Return one sector with all areas, those without firms too, indexed by area.

        Raises
        ------
        OptionError
            CM-SECTOR-001: unknown, or several and none named.

        Examples
        --------
        >>> frame = pd.DataFrame({"steel": [4, 0], "rest": [6, 9]}, index=["A", "B"])
        >>> from clustermap.measures import location_quotient
        >>> location_quotient(frame, cells="nonzero").of("steel")["lq"].round(2).to_list()
        [1.9, 0.0]
        """
        name = self.table.select(self.sectors).sector(sector)
        part = self.frame[self.frame["sector"] == name]
        if self.cells == "all":
            return part.set_index("area").drop(columns="sector")
        whole = self._again(name, "none").set_index("area").drop(columns="sector")
        if self.correction != "none":
            blank = self.zeros[self.zeros["sector"] == name]
            q = pd.concat((part.set_index("area")["q"], blank.set_index("area")["q"]))
            whole["q"] = q.reindex(whole.index).fillna(1.0).where(whole["p"].notna())
        return whole

    def _again(self, sector: str | None, correction: Correction) -> pd.DataFrame:
        """Measure again with every cell in the frame."""
        from clustermap.measures.quotient import location_quotient

        only = self.sectors[0] if sector is None and len(self.sectors) == 1 else sector
        return location_quotient(
            self.table, interval=self.interval, correction=correction, reference=self.reference, sector=only,
            law=self.law, cells="all",
        ).frame  # fmt: skip

    def shrunken(self, *, interval: float | None = None) -> pd.DataFrame:
        """Return the shrunken quotients with intervals, row by row as in `frame`.

        The Gamma posterior given the estimated dispersion is too narrow; its variance is raised by what the
        uncertainty of the estimate adds (Morris 1983). There is no interval where no dispersion but 0 goes with
        the counts. The intervals are rather too wide than too narrow.

        Parameters
        ----------
        interval : float, optional
            Coverage over areas and counts together; that of the result where absent.

        Returns
        -------
        pandas.DataFrame
            ``area, sector, shrunk, lower, upper``.

        References
        ----------
        Morris, C. N. (1983), Parametric empirical Bayes inference: theory and applications. JASA 78.
        Laird, N. M. and Louis, T. A. (1987), Empirical Bayes confidence intervals based on bootstrap samples.
        JASA 82.

        Examples
        --------
        >>> frame = pd.DataFrame({"steel": [40, 10, 2], "rest": [60, 90, 98]}, index=["A", "B", "C"])
        >>> from clustermap.measures import location_quotient
        >>> first = location_quotient(frame, sector="steel").shrunken().iloc[0]
        >>> bool(first.lower < first.shrunk < first.upper)
        True
        """
        level = self.interval if interval is None else interval
        if not is_level(level):
            raise OptionError("CM-LQ-001", f"interval={interval} is no coverage", fix="interval=0.95")
        at = pd.Index(self.sectors).get_indexer(self.frame["sector"])
        count = self.frame["value"].where(self.frame["lq"].notna()).to_numpy()
        part = self.table.select(self.sectors)
        margins, stored = Margins.of(part, self.reference), stored_cells(part)
        trial = Trial.of(part, stored, margins, self.law)
        values = np.array(
            [plausible(x, e, blank=b, times=n) for x, e, b, n in by_sector(stored, trial, margins)]
        )
        low, high = posterior_limits(count, self.frame["expected"].to_numpy(), at, values, level=level)
        return self.frame[["area", "sector", "shrunk"]].assign(lower=low, upper=high)

    def geo(self, sector: str | None = None) -> gpd.GeoDataFrame:
        """Return the areas with the columns of one sector, or with the quotient of each sector.

        Raises
        ------
        InputError
            CM-TABLE-004: the table has no polygons.
        """
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "these quotients have no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        if sector is None and len(self.sectors) > 1:
            return self.areas.frame.join(self.wide("lq"))
        name = sector if sector is not None else self.sectors[0]
        return self.areas.frame.join(self.of(name))

    def summary(self) -> str:
        """Say in plain sentences what stands out and what the figures do not say."""
        against = {"nation": "the nation", "rest": "the rest of the nation"}.get(
            self.reference if isinstance(self.reference, str) else "", "the named areas"
        )
        given = "both totals" if self.law == "hypergeometric" else "each sector's total"
        lines = [
            (
                f"Location quotients of {plural(len(self.table.labels), 'area')} in "
                f"{plural(len(self.sectors), 'sector')} "
                f"against {against}; {self.interval:.0%} intervals and two-sided p from the exact {self.law}, given "
                f"{given}; q by {self.correction} "
                f"over {plural(self.family_size, 'test')}."
            )
        ]
        if self.cells == "nonzero":
            lines.append(
                f"{plural(len(self.table.labels) * len(self.sectors) - len(self.frame), 'cell')} without "
                "firms: left out of "
                'the frame (cells="nonzero"), members of the family all the same.'
            )
        lines += [self._sector_line(s) for s in self.sectors[:_TOLD]]
        if len(self.sectors) > _TOLD:
            lines.append(
                f"{plural(len(self.sectors) - _TOLD, 'more sector stands', 'more sectors stand')} in the frame."
            )
        counts = self.frame["status"].value_counts()
        lines += [f"{plural(n, 'cell')}: {status}." for status, n in counts.items() if status != "ok"]
        if (sums := _short_totals(self.table)) > 0:
            lines.append(
                f"{plural(sums, 'total is', 'totals are')} sums without their suppressed cells: quotients "
                "that divide by them are off by "
                "an unknown amount; give area_totals and sector_totals as published."
            )
        return as_lines([*lines, *([self.table.note] if self.table.note else [])])

    def _sector_line(self, sector: str) -> str:
        part = self.frame[self.frame["sector"] == sector]
        blank = self.zeros[self.zeros["sector"] == sector]
        label = self.table.sector_labels.get(sector, sector)
        if part["p"].isna().all() and blank.empty:
            return f"{label}: no interval or p ({', '.join(sorted(part['status'].unique())) or 'no firms'})."
        measured = part["p"] if self.correction == "none" else part["q"]
        sure = part[measured < self.alpha]
        above, below = sure[sure["lq"] > 1], int((sure["lq"] < 1).sum())
        below += int((blank["p" if self.correction == "none" else "q"] < self.alpha).sum())
        best = above.sort_values("shrunk", ascending=False, kind="stable").head(_NAMED)
        named = ", ".join(f"{self._name(r.area)} {r.lq:.2f}" for r in best.itertuples())
        text = f"{label}: {plural(len(above), 'area')} above 1 and {below} below beyond chance" + (
            f" (most: {named})." if named else "."
        )
        if self.dispersion[sector] == 0:
            text += f" {_NO_SCATTER}"
        return text

    def _name(self, code: Any) -> str:
        return str(self.areas.names.get(code, code)) if self.areas is not None else str(code)

    def __repr__(self) -> str:
        return (
            f"<Quotients: {plural(len(self.table.labels), 'area')} × {plural(len(self.sectors), 'sector')}, "
            f"reference {self.reference if isinstance(self.reference, str) else len(self.reference)}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def _short_totals(table: SectorTable) -> int:
    """Count the totals that leave no room for the suppressed cells they should hold."""
    hidden, seen = table.matrix.copy(), table.matrix.copy()
    hidden.data, seen.data = np.isnan(table.matrix.data).astype(float), np.nan_to_num(table.matrix.data)
    return sum(
        int(((hidden.sum(axis=axis) > 0) & (total.to_numpy() <= seen.sum(axis=axis) + _WHOLE)).sum())
        for axis, total in ((1, table.area_totals), (0, table.sector_totals))
    )
