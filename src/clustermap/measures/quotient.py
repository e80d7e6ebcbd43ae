"""Location quotients with exact intervals, p, q, and a version shrunk where little is expected."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError
from clustermap.inference import adjust
from clustermap.measures.binomial import clopper_pearson, dispersion, shrink, two_sided_p
from clustermap.schema import QUOTIENT_COLUMNS
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from clustermap.schema import Correction
    from clustermap.sources.values import Areas

__all__ = ["Quotients", "location_quotient"]

Floats = npt.NDArray[np.float64]
_NUMBERS = ("value", "expected", "lq", "lower", "upper", "p", "q", "shrunk")
_WHOLE = 1e-6
_NAMED = 3
_TOLD = 10
_RULES = ("nation", "rest")
STATUS_OK = "ok"
STATUS_SUPPRESSED = "suppressed"
STATUS_HIDDEN_TOTAL = "suppressed total"
STATUS_NO_FIRMS = "no firms in area"
STATUS_NO_REFERENCE = "nothing in the reference"
STATUS_PLANTS = "needs firm-level data"
STATUS_EXCEEDS = "exceeds its sector total"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quotients:
    """Location quotients and how sure they are.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector, in that order: ``area, sector, value, expected, lq, lower, upper, p, q,
        shrunk, status``. A quotient without an answer is NaN, and `status` says why.
    table : SectorTable
        What was measured.
    dispersion : pandas.Series
        By sector, the variance of true quotients around 1 that `shrunk` rests on; 0: chance explains all.
    interval, correction, reference : float, str, str or tuple of str
        As asked.
    method, null, alternative : str
        In words.
    family_size : int
        Tests that q is corrected for: areas × sectors with a p.
    """

    frame: pd.DataFrame
    table: SectorTable
    dispersion: pd.Series
    interval: float
    correction: Correction
    reference: str | tuple[str, ...]
    family_size: int
    method: str = "exact binomial (Clopper–Pearson), given the sector's total"
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
        >>> float(location_quotient(frame).wide("lq").loc["A", "steel"])
        1.6
        """
        if column not in QUOTIENT_COLUMNS[2:]:
            raise OptionError(
                "CM-LQ-003",
                f"quotients have no column {column!r}",
                fix=f"wide() with one of: {', '.join(QUOTIENT_COLUMNS[2:])}",
            )
        values = self.frame[column].to_numpy().reshape(-1, len(self.sectors))
        index = pd.Index(self.frame["area"].to_numpy()[:: len(self.sectors)], name="area")
        return pd.DataFrame(values, index=index, columns=pd.Index(self.sectors, name="sector"))

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
        part = self.frame[self.frame["sector"] == name]
        if part.empty:
            self.table.sector(name)  # says which sectors there are
        return self.areas.frame.join(part.set_index("area").drop(columns="sector"))

    def summary(self) -> str:
        """Say in plain sentences what stands out and what the figures do not say."""
        against = {"nation": "the nation", "rest": "the rest of the nation"}.get(
            self.reference if isinstance(self.reference, str) else "", "the named areas"
        )
        lines = [
            (
                f"Location quotients of {self.frame['area'].nunique():,} areas in {len(self.sectors):,} sectors "
                f"against {against}; {self.interval:.0%} intervals and two-sided p from the exact binomial, given each "
                f"sector's total; q by {self.correction} over {self.family_size:,} tests."
            )
        ]
        lines += [self._sector_line(s) for s in self.sectors[:_TOLD]]
        if len(self.sectors) > _TOLD:
            lines.append(f"{len(self.sectors) - _TOLD:,} more sectors stand in the frame.")
        counts = self.frame["status"].value_counts()
        lines += [f"{n:,} cells: {status}." for status, n in counts.items() if status != STATUS_OK]
        if (sums := _short_totals(self.table)) > 0:
            lines.append(
                f"{sums:,} totals are sums without their suppressed cells: quotients that divide by them are off by "
                "an unknown amount; give area_totals and sector_totals as published."
            )
        return "\n".join([*lines, *([self.table.note] if self.table.note else [])])

    def _sector_line(self, sector: str) -> str:
        part = self.frame[self.frame["sector"] == sector]
        label = self.table.sector_labels.get(sector, sector)
        if part["p"].isna().all():
            return f"{label}: no interval or p ({', '.join(sorted(part['status'].unique()))})."
        measured = part["p"] if self.correction == "none" else part["q"]
        sure = part[measured < self.alpha]
        above, below = sure[sure["lq"] > 1], sure[sure["lq"] < 1]
        best = above.sort_values("shrunk", ascending=False, kind="stable").head(_NAMED)
        named = ", ".join(f"{self._name(r.area)} {r.lq:.2f}" for r in best.itertuples())
        text = f"{label}: {len(above)} areas above 1 and {len(below)} below beyond chance" + (
            f" (most: {named})." if named else "."
        )
        if self.dispersion[sector] == 0:
            text += " Chance alone explains the differences between areas, so every shrunken quotient is 1."
        return text

    def _name(self, code: Any) -> str:
        return str(self.areas.names.get(code, code)) if self.areas is not None else str(code)

    def __repr__(self) -> str:
        return (
            f"<Quotients: {self.frame['area'].nunique()} areas × {len(self.sectors)} sectors, "
            f"reference {self.reference if isinstance(self.reference, str) else len(self.reference)}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


class _Trial(NamedTuple):
    """The binomial experiment behind each cell, and how its proportion becomes a quotient."""

    total: Floats  # what the count is a part of
    share: Floats  # the proportion under no effect
    expected: Floats
    odds: npt.NDArray[np.bool_]  # True: quotient = ratio of odds; False: ratio of proportions


def location_quotient(
    table: SectorTable | pd.DataFrame,
    *,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    reference: Literal["nation", "rest"] | Sequence[str] = "nation",
    sector: str | None = None,
) -> Quotients:
    r"""Measure how concentrated sectors are in areas, with an exact interval, p and q for each quotient.

    With :math:`x_{is}` the count of sector s in area i, :math:`x_{i\cdot}` the area's total,
    :math:`x_{\cdot s}` the sector's total, :math:`X` everything and :math:`w_i = x_{i\cdot}/X`, the quotient is
    :math:`(x_{is}/x_{i\cdot})/(x_{\cdot s}/X)`. Given the sector's total, the count is binomial with proportion
    :math:`w_i \cdot LQ`; the interval is Clopper–Pearson's divided by :math:`w_i`, and p comes from the same
    binomial, so that p < 1 − `interval` exactly where the interval excludes 1.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors. The sectors of a plain frame are taken to be the whole economy.
    interval : float
        Coverage of the intervals.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family: all areas × sectors asked for that have a p.
    reference : {"nation", "rest"} or sequence of str
        What an area is compared with. ``"nation"``: everything, the area included. ``"rest"``: everything
        but the area; the quotient becomes a ratio of odds, with the same p. Area codes: those areas together,
        as ``"nation"`` restricted to them where the area is one of them; where it is not, the area and the named
        areas are two samples, and the interval and p are exact given their common count.
    sector : str, optional
        One sector; all where absent.

    Returns
    -------
    Quotients
        `lq` is NaN, never 0 or infinite, where a denominator is 0 or suppressed. Employment and counts that are
        not whole have no exact interval or p (status "needs firm-level data"): jobs come in plants.
        `shrunk` is the Gamma–Poisson empirical-Bayes quotient, pulled to 1 where little is expected.

    Raises
    ------
    OptionError
        CM-LQ-001: `interval` outside (0, 1). CM-LQ-002: unknown reference. CM-SECTOR-001: unknown sector.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934), The use of confidence or fiducial limits. Biometrika 26.
    Clayton, D. and Kaldor, J. (1987), Empirical Bayes estimates of age-standardized relative risks.
    Biometrics 43.
    O'Donoghue, D. and Gleave, B. (2004), A note on methods for measuring industrial agglomeration.
    Regional Studies 38.

    Examples
    --------
    >>> counts = pd.DataFrame({"hvm": [300, 700], "rest": [1700, 7300]}, index=["A", "B"])
    >>> row = location_quotient(counts, sector="hvm").frame.iloc[0]
    >>> print(f"{row.lq:.2f} ({row.lower:.2f} to {row.upper:.2f})")
    1.50 (1.36 to 1.65)
    """
    table = as_table(table)
    if not 0 < interval < 1:
        raise OptionError("CM-LQ-001", f"interval={interval} is no coverage", fix="interval=0.95")
    sectors = table.sectors if sector is None else [table.sector(sector)]
    chosen = _reference(reference, table.values.index)
    count = table.values[sectors].to_numpy(dtype=np.float64)
    trial = _trial(table, sectors, count, chosen)
    status, answered, exact = _states(table, sectors, count, trial)
    columns = {"value": count, "expected": trial.expected}
    columns["lq"] = np.full(count.shape, np.nan)
    columns["lq"][answered] = count[answered] / trial.expected[answered]
    columns |= _inference(np.rint(count), trial, exact, interval)
    columns["q"] = adjust(columns["p"], correction)
    variance = dispersion(np.where(answered, count, np.nan), trial.expected)
    columns["shrunk"] = np.full(count.shape, np.nan)
    spread = np.broadcast_to(variance, count.shape)[answered]
    columns["shrunk"][answered] = shrink(count[answered], trial.expected[answered], spread)
    frame = pd.DataFrame(
        {
            "area": np.repeat(table.values.index.to_numpy(), len(sectors)),
            "sector": np.tile(np.asarray(sectors, dtype=object), len(count)),
            **{name: columns[name].ravel() for name in _NUMBERS},
            "status": status.ravel(),
        }
    )
    return Quotients(
        frame=frame[list(QUOTIENT_COLUMNS)],
        table=table,
        dispersion=pd.Series(variance, index=pd.Index(sectors, name="sector"), name="dispersion"),
        interval=interval,
        correction=correction,
        reference=chosen,
        family_size=int(np.isfinite(columns["p"]).sum()),
    )


def _reference(reference: Sequence[str], labels: pd.Index) -> str | tuple[str, ...]:
    if isinstance(reference, str) and reference in _RULES:
        return reference
    codes = [reference] if isinstance(reference, str) else list(reference)
    strange = [code for code in codes if code not in labels]
    if strange or not codes:
        raise OptionError(
            "CM-LQ-002",
            f"{len(strange)} of {len(codes)} reference areas are not in the table: {strange[:5]}",
            why="a quotient says how an area compares with its reference",
            fix=f'reference="nation", "rest", or codes such as {list(labels[:3])}',
        )
    return tuple(sorted(set(codes)))


def _trial(table: SectorTable, sectors: list[str], count: Floats, reference: str | tuple[str, ...]) -> _Trial:
    areas = table.area_totals.to_numpy(dtype=np.float64)[:, None]
    everything = np.float64(table.total)
    whole = table.sector_totals[sectors].to_numpy(dtype=np.float64)[None, :]
    outside = np.zeros((len(areas), 1), dtype=bool)
    if not isinstance(reference, str):
        named = table.values.index.isin(reference)
        whole = count[named].sum(axis=0)[None, :]  # a suppressed cell leaves the reference unknown
        everything, outside = areas[named].sum(), ~named[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        if reference == "rest":
            total, share = np.broadcast_to(whole, count.shape), areas / everything
            expected = areas * (whole - count) / (everything - areas)
            odds = np.ones(count.shape, dtype=bool)
        else:
            total = np.where(outside, whole + np.nan_to_num(count), whole)
            share = np.where(outside, areas / (areas + everything), areas / everything)
            expected = areas * (whole / everything)
            odds = np.broadcast_to(outside, count.shape)
    return _Trial(np.asarray(total), np.broadcast_to(share, count.shape), expected, odds)


def _states(
    table: SectorTable, sectors: list[str], count: Floats, trial: _Trial
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Say for each cell what can be known: its status, whether it has a quotient, whether a p."""
    known = table.status[sectors].to_numpy(dtype=object).copy()
    known[known == "observed"] = STATUS_OK
    areas = np.broadcast_to(table.area_totals.to_numpy(dtype=np.float64)[:, None], count.shape)
    hidden = np.isnan(count) | (known == STATUS_SUPPRESSED)
    with np.errstate(invalid="ignore"):
        empty = ~hidden & (areas == 0)
        nothing = ~hidden & ~empty & ~(np.isfinite(trial.expected) & (trial.expected > 0))
        exceeds = ~hidden & ~empty & (count > trial.total * (1 + _WHOLE) + _WHOLE)
        unknown = nothing & (np.isnan(areas) | np.isnan(trial.total) | np.isnan(trial.share))
    answered = ~(hidden | empty | nothing)
    lumpy = ~(_whole(count) & _whole(trial.total)) | (table.measure == "employment")
    for where, word in (
        (answered & lumpy, STATUS_PLANTS),
        (answered & exceeds, STATUS_EXCEEDS),
        (nothing, STATUS_NO_REFERENCE),
        (unknown, STATUS_HIDDEN_TOTAL),
        (empty, STATUS_NO_FIRMS),
        (hidden, STATUS_SUPPRESSED),
    ):
        known[where] = word
    return known, answered, answered & ~lumpy & ~exceeds


def _short_totals(table: SectorTable) -> int:
    """Count the totals that leave no room for the suppressed cells they should hold."""
    hidden, seen = table.values.isna(), table.values.fillna(0.0)
    rows = hidden.any(axis=1) & (table.area_totals <= seen.sum(axis=1) + _WHOLE)
    columns = hidden.any(axis=0) & (table.sector_totals <= seen.sum(axis=0) + _WHOLE)
    return int(rows.sum() + columns.sum())


def _whole(values: Floats) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(values - np.rint(values)) <= _WHOLE)


def _inference(
    count: Floats, trial: _Trial, exact: npt.NDArray[np.bool_], interval: float
) -> dict[str, Floats]:
    out = {name: np.full(count.shape, np.nan) for name in ("lower", "upper", "p")}
    x, n = count[exact], np.rint(trial.total[exact])
    share, odds = np.minimum(trial.share[exact], 1.0), trial.odds[exact]
    low, high = clopper_pearson(x, n, interval)
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, limit in (("lower", low), ("upper", high)):
            ratio = limit / share
            out[name][exact] = np.where(odds, ratio * (1 - share) / (1 - limit), ratio)
    out["p"][exact] = two_sided_p(x, n, share)
    return out
