"""Whether location quotients changed: exact given the two counts of a cell."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, as_lines, plural
from clustermap.inference import adjust, is_level
from clustermap.measures.binomial import clopper_pearson, two_sided_p
from clustermap.measures.growth.pairs import (
    STATUS_OK,
    STATUS_ROUNDED,
    STATUS_SUPPRESSED,
    long_frame,
    pair_of,
)
from clustermap.schema import QUOTIENT_CHANGE_COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.measures.growth.pairs import Pair
    from clustermap.schema import Correction
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["QuotientChange", "quotient_change"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_WHOLE, _TOLD = 1e-6, 5
STATUS_NOTHING = "nothing expected at one of the dates"
STATUS_NEITHER = "none at either date"
STATUS_PLANTS = "needs firm-level data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuotientChange:
    """How location quotients changed, and how sure that is.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector: ``area, sector, before, after, lq_before, lq_after, ratio, lower, upper, p, q,
        status``. `ratio` is the later quotient over the earlier; NaN where the earlier is 0, where `lower` still
        bounds it from below.
    before, after : SectorTable
        What was compared.
    interval, correction, family_size
        As asked; q corrects over areas × sectors with a p.
    method, null, alternative : str
        In words.
    """

    frame: pd.DataFrame
    before: SectorTable
    after: SectorTable
    interval: float
    correction: Correction
    family_size: int
    method: str = "exact conditional binomial (Przyborowski–Wilenski), given the cell's two counts together"
    null: str = "the quotient is the same at both dates, which are counted independently"
    alternative: str = "two-sided"

    @property
    def areas(self) -> Areas | None:
        """The polygons, where the later table has them."""
        return self.after.areas

    @property
    def alpha(self) -> float:
        """The level that belongs to the interval."""
        return round(1 - self.interval, 12)

    def wide(self, column: str = "ratio") -> pd.DataFrame:
        """Return one column as areas × sectors."""
        if column not in QUOTIENT_CHANGE_COLUMNS[2:]:
            raise OptionError(
                "CM-GROWTH-004",
                f"changes have no column {column!r}",
                fix=f"wide() with one of: {', '.join(QUOTIENT_CHANGE_COLUMNS[2:])}",
            )
        sectors = pd.Index(self.before.sectors, name="sector")
        values = self.frame[column].to_numpy().reshape(-1, len(sectors))
        return pd.DataFrame(values, index=self.before.labels.rename("area"), columns=sectors)

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with the ratio of each sector.

        Raises
        ------
        InputError
            CM-TABLE-004: the later table has no polygons.
        """
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "these changes have no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        return self.areas.frame.join(self.wide())

    def summary(self) -> str:
        """Say in plain sentences what changed and what the figures do not say."""
        frame = self.frame
        tested = frame["p"] if self.correction == "none" else frame["q"]
        sure = frame[tested < self.alpha]
        up, down = sure[sure["lq_after"] > sure["lq_before"]], sure[sure["lq_after"] < sure["lq_before"]]
        lines = [
            (
                f"Location quotients of {plural(frame['area'].nunique(), 'area')} in "
                f"{plural(frame['sector'].nunique(), 'sector')} at "
                f"two dates: {len(up):,} rose and {len(down):,} fell beyond chance (exact two-sided p, q by "
                f"{self.correction} over {plural(self.family_size, 'test')})."
            )
        ]
        lines += [
            f"{r.sector} in {r.area}: {r.lq_before:.2f} to {r.lq_after:.2f}."
            for r in sure.sort_values("p", kind="stable").head(_TOLD).itertuples()
        ]
        lines += [
            f"{plural(n, 'cell')}: {status}."
            for status, n in frame["status"].value_counts().items()
            if status != STATUS_OK
        ]
        lines.append(
            "The dates are taken for independent counts. Firms counted at both move less than that, so that p is too "
            "large rather than too small: little change found is not little change shown."
        )
        notes = dict.fromkeys(note for note in (self.before.note, self.after.note) if note)
        return as_lines([*lines, *notes])

    def __repr__(self) -> str:
        return f"<QuotientChange: {plural(len(self.frame), 'cell')}, {self.family_size:,} tested>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def quotient_change(
    before: SectorTable | pd.DataFrame,
    after: SectorTable | pd.DataFrame,
    *,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
) -> QuotientChange:
    r"""Test whether each location quotient is another than it was, with an exact interval of the ratio.

    The counts :math:`x_1, x_2` of a cell are Poisson with means :math:`E_1 \lambda_1, E_2 \lambda_2`, where
    :math:`E = x_{i\cdot} x_{\cdot s} / X` is what is expected and :math:`\lambda` the quotient. Given their sum, the
    later is binomial with proportion :math:`\theta = \rho E_2 / (E_1 + \rho E_2)`, where
    :math:`\rho = \lambda_2 / \lambda_1`: the interval is Clopper–Pearson's for :math:`\theta`, carried to
    :math:`\rho`, and p tests :math:`\rho = 1`.

    Parameters
    ----------
    before, after : SectorTable or pandas.DataFrame
        Counts of firms, areas × sectors with the same labels.
    interval : float
        Coverage of the interval of the ratio; p < 1 − `interval` exactly where it excludes 1.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects over all cells with a p.

    Returns
    -------
    QuotientChange
        Employment and counts that are not whole have quotients and ratio, but neither interval nor p.

    Raises
    ------
    AlignmentError
        CM-GROWTH-001: areas or sectors differ.
    InputError
        CM-GROWTH-002: firms against employment.
    OptionError
        CM-GROWTH-005: `interval` outside (0, 1).

    Notes
    -----
    Conservative twice: given the sector's total a count varies less than a Poisson one, by 1 minus the area's share of
    the sector; and firms counted at both dates make the counts move together. Vectorised over all cells.

    References
    ----------
    Przyborowski, J. and Wilenski, H. (1940), Homogeneity of results in testing samples from Poisson series.
    Biometrika 31.

    Examples
    --------
    >>> first = pd.DataFrame({"steel": [20, 80], "rest": [180, 720]}, index=["A", "B"])
    >>> second = pd.DataFrame({"steel": [50, 50], "rest": [150, 750]}, index=["A", "B"])
    >>> row = quotient_change(first, second).frame.iloc[1]
    >>> print(f"{row.sector}: {row.lq_before:.2f} to {row.lq_after:.2f}, p = {row.p:.4f}")
    steel: 1.00 to 2.50, p = 0.0004
    """
    if not is_level(interval):
        raise OptionError("CM-GROWTH-005", f"interval={interval} is no coverage", fix="interval=0.95")
    pair = pair_of(before, after)
    expected = tuple(_expected(table) for table in (pair.before, pair.after))
    status, exact = _states(pair, expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = [
            np.where(e > 0, cells / e, np.nan) for cells, e in zip((pair.x, pair.y), expected, strict=True)
        ]
        ratio = np.where(quotients[0] > 0, quotients[1] / quotients[0], np.nan)
    columns: dict[str, Any] = {"before": pair.x, "after": pair.y, "lq_before": quotients[0]}
    columns |= {"lq_after": quotients[1], "ratio": ratio}
    columns |= _inference(pair, expected, exact, interval)
    columns["q"] = adjust(columns["p"], correction)
    columns["status"] = status
    return QuotientChange(
        frame=long_frame(pair, columns)[list(QUOTIENT_CHANGE_COLUMNS)],
        before=pair.before,
        after=pair.after,
        interval=interval,
        correction=correction,
        family_size=int(np.isfinite(columns["p"]).sum()),
    )


def _expected(table: SectorTable) -> Floats:
    areas = table.area_totals.to_numpy(dtype=np.float64)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(areas * (table.sector_totals.to_numpy(dtype=np.float64) / np.float64(table.total)))


def _states(pair: Pair, expected: tuple[Floats, ...]) -> tuple[npt.NDArray[np.object_], Flags]:
    """Say of each cell what can be known, and whether it has a p."""
    status = pair.status.copy()
    status[np.isnan(expected[0]) | np.isnan(expected[1])] = STATUS_SUPPRESSED  # a total that is not known
    hidden = status == STATUS_SUPPRESSED
    nothing = ~hidden & ~((expected[0] > 0) & (expected[1] > 0))
    with np.errstate(invalid="ignore"):
        neither = ~hidden & ~nothing & (pair.x == 0) & (pair.y == 0)
        whole = (np.abs(pair.x - np.rint(pair.x)) <= _WHOLE) & (np.abs(pair.y - np.rint(pair.y)) <= _WHOLE)
    lumpy = ~hidden & ~nothing & ~neither & ~(whole & (pair.before.measure == "firms"))
    for where, word in ((lumpy, STATUS_PLANTS), (neither, STATUS_NEITHER), (nothing, STATUS_NOTHING)):
        status[where] = word
    return status, np.isin(status, (STATUS_OK, STATUS_ROUNDED))


def _inference(pair: Pair, expected: tuple[Floats, ...], exact: Flags, interval: float) -> dict[str, Floats]:
    out = {name: np.full(pair.x.shape, np.nan) for name in ("lower", "upper", "p")}
    later, total = np.rint(pair.y[exact]), np.rint(pair.x[exact]) + np.rint(pair.y[exact])
    first, second = (e[exact] for e in expected)
    low, high = clopper_pearson(later, total, interval)
    with np.errstate(divide="ignore"):
        for name, limit in (("lower", low), ("upper", high)):
            bound = limit / (1 - limit) * first / second
            out[name][exact] = np.where(np.isfinite(bound), bound, np.nan)  # none before: no upper limit
    out["p"][exact] = two_sided_p(later, total, second / (first + second))
    return out
