"""What a quotient can be where its figures are rounded, suppressed, or shared between overlapping areas."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError, InputError, OptionError, as_lines, part_of, plural
from clustermap.measures.extremes import Box, largest, smallest
from clustermap.schema import BOUND_COLUMNS
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    from clustermap.sources.values import Areas

__all__ = ["ROUNDING", "QuotientBounds", "decide", "quotient_bounds"]

Floats = npt.NDArray[np.float64]
Rounding = Literal["bres", "fives"] | float | Sequence[tuple[float, float]]
ROUNDING: dict[str, tuple[tuple[float, float], ...]] = {
    "fives": ((np.inf, 5),),
    "bres": ((50, 5), (250, 25), (500, 50), (1_000, 100), (2_500, 250), (5_000, 500), (np.inf, 1_000)),
}
_TINY = 1e-9
_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuotientBounds:
    """The smallest and the largest quotient that the figures allow.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector: ``area, sector, lq`` (of the figures as they are), ``lower, upper, decision``
        ("above", "below", "undecidable", "undefined") and ``status``.
    threshold : float
        What was to be decided.
    sharp : bool
        Whether every bound is reached by figures that fit everything known; otherwise the bounds are outer ones.
    joint : str
        What the bounds do not promise of several cells together.
    rule : str
        What is uncertain, in words.
    table : SectorTable
        The figures as they are.
    """

    frame: pd.DataFrame
    threshold: float
    sharp: bool
    rule: str
    table: SectorTable
    joint: str = "the bounds hold cell by cell: no one set of figures reaches all of them"

    @property
    def areas(self) -> Areas | None:
        """The polygons, where the table has them."""
        return self.table.areas

    def summary(self) -> str:
        """Say in plain sentences how much can be decided."""
        counts = self.frame["decision"].value_counts()
        kind = (
            "sharp"
            if self.sharp
            else "outer: totals were published apart, and the true range may be narrower"
        )
        lines = [f"Bounds of location quotients ({self.rule}), {kind}; {self.joint}."]
        for sector in list(self.frame["sector"].unique())[:_TOLD]:
            part = self.frame.loc[self.frame["sector"] == sector, "decision"].value_counts()
            lines.append(
                f"{self.table.sector_labels.get(sector, sector)}: {plural(part.get('above', 0), 'area')} above "
                f"{self.threshold:g} whatever the figures, {part.get('below', 0)} below, "
                f"{part.get('undecidable', 0)} undecidable."
            )
        if counts.get("undefined", 0):
            lines.append(f"{plural(counts['undefined'], 'cell is', 'cells are')} undefined.")
        return as_lines([*lines, *([self.table.note] if self.table.note else [])])

    def __repr__(self) -> str:
        undecidable = int((self.frame["decision"] == "undecidable").sum())
        return f"<QuotientBounds: {plural(len(self.frame), 'cell')}, {undecidable} undecidable at {self.threshold:g}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


class _Range(NamedTuple):
    """Cells, totals of areas, of sectors, and of everything: the least and the most they can be."""

    cells: tuple[Floats, Floats]
    areas: tuple[Floats, Floats]
    sectors: tuple[Floats, Floats]
    total: tuple[Floats, Floats]


def quotient_bounds(
    table: SectorTable | pd.DataFrame,
    upper: SectorTable | pd.DataFrame | None = None,
    *,
    rounding: Rounding | None = None,
    suppressed: float | None = None,
    threshold: float = 1.0,
    sector: str | None = None,
) -> QuotientBounds:
    r"""Bound location quotients whose figures are rounded or suppressed.

    With a the sector in the area, b the rest of the area, c the rest of the sector and d the rest, the quotient
    :math:`a(a+b+c+d)/((a+b)(a+c))` falls in b and c and rises in d; in a it rises only up to
    :math:`a^* = (bc + \sqrt{bc(b+d)(c+d)})/d`. Its maximum lies at :math:`\min(\max(a_{lo}, a^*), a_{hi})` with b, c
    low and d high, its minimum at an end of a with b, c high and d low.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        The figures, or their lower bounds.
    upper : SectorTable or pandas.DataFrame, optional
        Their upper bounds, of the same areas and sectors.
    rounding : float, "bres", "fives" or sequence of (up to, base), optional
        How the figures were rounded, with one table: to multiples of a base, or of a base that grows with the
        figure. Figures are taken to be whole numbers before rounding: 10 rounded to 5 was 8 to 12.
    suppressed : float, optional
        The largest number that a suppressed cell can hide; needed where there are such cells.
    threshold : float
        What is to be decided.
    sector : str, optional
        One sector; all where absent.

    Returns
    -------
    QuotientBounds
        Sharp where the totals are sums of the cells: reached by figures in the ranges, up to the peak in a, which
        need not be a whole number. Totals published apart, and rounded like the cells, give outer
        bounds: additivity then ties figures together that are taken one by one here.

    Raises
    ------
    OptionError
        CM-BOUNDS-001: neither or both of `upper` and `rounding`, or a rounding that is none. CM-SECTOR-001.
    InputError
        CM-BOUNDS-002: upper bounds below lower ones. CM-BOUNDS-003: suppressed cells without `suppressed`.
    AlignmentError
        CM-ALIGN-001: two tables of other areas or sectors.

    References
    ----------
    Manski, C. F. (2003), Partial Identification of Probability Distributions.
    Horowitz, J. L. and Manski, C. F. (2006), Identification and estimation of statistical functionals using
    incomplete data. Journal of Econometrics 132.

    Examples
    --------
    >>> counts = pd.DataFrame({"s": [10, 5, 5], "rest": [60, 95, 130]}, index=["A", "B", "C"])
    >>> bounds = quotient_bounds(counts, rounding="fives", sector="s")
    >>> bounds.frame[["lower", "upper"]].round(2).iloc[0].to_list(), bounds.frame["decision"].to_list()
    ([1.58, 2.9], ['above', 'undecidable', 'below'])
    """
    given = as_table(table)
    hidden = int(np.isnan(given.matrix.data).sum())
    if (upper is None) == (rounding is None) and not (upper is None and hidden and suppressed is not None):
        raise OptionError(
            "CM-BOUNDS-001",
            "neither upper= nor rounding= is given"
            if upper is None
            else "both upper= and rounding= are given",
            why="bounds need to know what each figure can be",
            fix='quotient_bounds(table, rounding="fives"), or quotient_bounds(lower, upper)',
        )
    most = None if upper is None else _like(as_table(upper), given)
    columns = slice(None) if sector is None else [given.sectors.index(given.sector(sector))]
    figures, complete = _ranges(given, most, _steps(rounding), suppressed), _adds_up(given, most)
    box = _box(figures, columns, complete=complete)
    low, high = smallest(box), largest(box)
    if not complete:  # the totals as published bound the quotient too
        (a, A), (r, R), (c, C), (x, X) = figures  # noqa: N806 - least and most
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.fmax(low, a[:, columns] * x / (R[:, None] * C[None, columns]))
            high = np.fmin(high, A[:, columns] * X / (r[:, None] * c[None, columns]))
    part = given if sector is None else given.select([given.sector(sector)])
    return _result(part, low, high, threshold=threshold, sharp=complete, rule=_words(rounding, suppressed))


def _like(upper: SectorTable, lower: SectorTable) -> SectorTable:
    if not (upper.labels.equals(lower.labels) and upper.sectors == lower.sectors):
        raise AlignmentError(
            "CM-ALIGN-001",
            f"the bounds are of {lower.matrix.shape} and of {upper.matrix.shape} areas × "
            "sectors, or other ones",
            why="bounds of two different places bound nothing",
            fix="upper.reindex_like(lower)",
        )
    crossed = int((upper.matrix - lower.matrix < 0).sum())
    if crossed:
        raise InputError(
            "CM-BOUNDS-002",
            f"{part_of(crossed, np.prod(lower.matrix.shape), 'upper bound', 'is', 'are')} below the lower ones",
            fix="quotient_bounds(lower, upper)   # in this order",
        )
    return upper


def _steps(rounding: Rounding | None) -> tuple[tuple[float, float], ...]:
    """Return the steps of a rule as (up to, base)."""
    if rounding is None:
        return ((np.inf, 1.0),)
    if isinstance(rounding, str):
        steps = ROUNDING.get(rounding, ())
    elif isinstance(rounding, int | float):
        steps = ((np.inf, float(rounding)),)
    else:
        steps = tuple((float(top), float(base)) for top, base in rounding)
    tops, bases = [top for top, _ in steps], [base for _, base in steps]
    if not steps or tops != sorted(set(tops)) or not tops[-1] == np.inf or not min(bases) > 0:
        raise OptionError(
            "CM-BOUNDS-001",
            f"rounding={rounding!r} is no rule",
            fix=f'one of {list(ROUNDING)}, a base such as 5, or [(50, 5), (float("inf"), 25)]',
        )
    return steps


def _spread(figures: Floats, steps: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats]:
    """Return the least and the most that rounded figures can have been."""
    tops, bases = np.array([top for top, _ in steps]), np.array([base for _, base in steps])
    # of whole numbers an odd base reaches (base − 1) / 2 to both sides, an even one half of it
    half = np.where(bases % 2 == 1, (bases - 1) / 2, bases / 2)
    filled = np.nan_to_num(figures)
    below = np.searchsorted(tops, filled, side="left")
    above = np.searchsorted(tops, filled, side="right").clip(
        max=len(tops) - 1
    )  # at a step the next base counts
    low, high = np.maximum(filled - half[below], 0.0), filled + half[above]
    return np.where(np.isnan(figures), np.nan, low), np.where(np.isnan(figures), np.nan, high)


def _ranges(table: SectorTable, upper: SectorTable | None, steps: Any, suppressed: float | None) -> _Range:
    def both(name: str) -> tuple[Floats, Floats]:
        figures = [np.asarray(getattr(t, name), dtype=np.float64) for t in (table, upper) if t is not None]
        return _spread(figures[0], steps) if upper is None else (figures[0], figures[1])

    low, high = both("values")
    hidden = np.isnan(low) | np.isnan(high)
    if hidden.any() and suppressed is None:
        raise InputError(
            "CM-BOUNDS-003",
            f"{part_of(hidden.sum(), hidden.size, 'cell', 'is', 'are')} suppressed",
            why="without a largest value they could be anything, and so could every total",
            fix="quotient_bounds(…, suppressed=4)   # the largest number that is suppressed",
        )
    low, high = np.where(hidden, 0.0, low), np.where(hidden, suppressed or 0.0, high)
    return _Range((low, high), both("area_totals"), both("sector_totals"), both("total"))


def _adds_up(table: SectorTable, upper: SectorTable | None) -> bool:
    """Say whether the totals are sums of the cells: nothing was published apart."""
    for t in (table, upper):
        if t is None:
            continue
        cells = t.matrix.copy()
        cells.data = np.nan_to_num(cells.data)
        sums = ((cells.sum(axis=1), t.area_totals), (cells.sum(axis=0), t.sector_totals))
        gaps = [np.abs(s - total.fillna(0.0).to_numpy()).max(initial=0.0) for s, total in sums]
        if max(*gaps, abs(float(cells.sum()) - t.total)) > _TINY * max(t.total, 1.0):
            return False
    return True


def _box(figures: _Range, columns: Any, *, complete: bool) -> Box:
    """Return the ranges of a, b, c and d of each cell."""
    (low, high), (r, R), (c, C), (x, X) = figures  # noqa: N806 - least and most
    if complete:
        (r, R), (c, C) = ((f(low), f(high)) for f in (_rows, _columns))  # noqa: N806
        x, X = np.asarray(low.sum()), np.asarray(high.sum())  # noqa: N806
    a, A = low[:, columns], high[:, columns]  # noqa: N806
    r, R, c, C = r[:, None], R[:, None], c[None, columns], C[None, columns]  # noqa: N806
    if complete:  # four sets of cells that share none
        return Box((a, A), (r - a, R - A), (c - a, C - A), (x - r - c + a, X - R - C + A))
    rest = (np.maximum(x - R - C + a, 0.0), np.maximum(X - r - c + A, 0.0))
    return Box((a, A), (np.maximum(r - A, 0.0), R - a), (np.maximum(c - A, 0.0), C - a), rest)


def _rows(values: Floats) -> Floats:
    return np.asarray(values.sum(axis=1))


def _columns(values: Floats) -> Floats:
    return np.asarray(values.sum(axis=0))


def decide(low: Floats, high: Floats, threshold: float) -> npt.NDArray[np.str_]:
    """Say on which side of the threshold each range lies."""
    undefined = np.isnan(low) | np.isnan(high)
    return np.select(
        [undefined, low >= threshold, high < threshold], ["undefined", "above", "below"], "undecidable"
    )


def _result(
    part: SectorTable, low: Floats, high: Floats, *, threshold: float, sharp: bool, rule: str
) -> QuotientBounds:
    areas, sectors = part.area_totals.to_numpy(float)[:, None], part.sector_totals.to_numpy(float)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        lq = part.matrix.toarray() / areas * (part.total / sectors)
    lq[~np.isfinite(lq)] = np.nan
    endless = np.isinf(high)
    low, high = np.where(np.isnan(high), np.nan, low), np.where(endless, np.nan, high)
    status = np.where(endless, "no upper bound", np.where(np.isnan(low), "nothing to divide by", "ok"))
    decision = np.where(endless & (low >= threshold), "above", decide(low, high, threshold))
    n, m = lq.shape
    frame = pd.DataFrame(
        {
            "area": np.repeat(part.labels.to_numpy(), m), "sector": np.tile(np.asarray(part.sectors, object), n),
            "lq": lq.ravel(), "lower": low.ravel(), "upper": high.ravel(), "decision": decision.ravel(),
            "status": status.ravel(),
        }
    )  # fmt: skip
    return QuotientBounds(
        frame=frame[list(BOUND_COLUMNS)], threshold=threshold, sharp=sharp, rule=rule, table=part
    )


def _words(rounding: Rounding | None, suppressed: float | None) -> str:
    words = ["lower and upper figures"] if rounding is None and suppressed is None else []
    if rounding is not None:
        words.append(
            f"figures rounded by the rule {rounding!r}" if isinstance(rounding, str) else "rounded figures"
        )
    words += [f"suppressed figures of 0 to {suppressed:g}"] if suppressed is not None else []
    return ", ".join(words)
