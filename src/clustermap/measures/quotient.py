"""Location quotients with exact intervals, p, q, and a version shrunk where little is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, part_of
from clustermap.inference import adjust, is_level
from clustermap.measures.quotients import Quotients
from clustermap.measures.shrinkage import dispersion, shrink
from clustermap.measures.trials import (
    STATUSES,
    Cells,
    Margins,
    Trial,
    all_cells,
    by_sector,
    inference,
    stored_cells,
    surprising_zeros,
)
from clustermap.schema import QUOTIENT_COLUMNS, CountLaw
from clustermap.schema import Cells as Shown
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clustermap.schema import Correction

__all__ = ["Quotients", "location_quotient"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_RULES = ("nation", "rest")
_MANY, _SPARSE = 1_000_000, 0.5
_COUNTABLE = 1e9  # units whose hypergeometric law is summed term by term
_NOTHING = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0), 0)
_METHODS = {
    "binomial": "exact binomial (Clopper–Pearson), given the sector's total",
    "hypergeometric": "exact hypergeometric (Fisher's noncentral law inverted), given both totals",
}


def location_quotient(
    table: SectorTable | pd.DataFrame,
    *,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    reference: Literal["nation", "rest"] | Sequence[str] = "nation",
    sector: str | None = None,
    law: CountLaw = "binomial",
    cells: Shown = "auto",
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
    law : {"binomial", "hypergeometric"}
        What a count follows under no effect. The binomial takes the sector's total as given and is
        conservative: its standard deviation is too large by :math:`1/\sqrt{1 - x_{\cdot s}/X}`. The
        hypergeometric takes the area's total as given too; its limits are means of Fisher's noncentral law
        divided by what is expected, so that p < 1 − `interval` exactly where the interval excludes 1 here too.
    cells : {"auto", "all", "nonzero"}
        Which cells stand in the frame. Those without firms are tested and corrected for in either case;
        "auto" leaves them out of the frame of a table of more than a million cells of which less than half
        hold firms.

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
        CM-LQ-004: unknown `law` or `cells`. CM-LQ-006: a hypergeometric law of more than a billion units.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934), The use of confidence or fiducial limits. Biometrika 26.
    Fisher, R. A. (1935), The logic of inductive inference. Journal of the Royal Statistical Society 98.
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
    if not is_level(interval):
        raise OptionError("CM-LQ-001", f"interval={interval} is no coverage", fix="interval=0.95")
    for option, asked, known in (("law", law, get_args(CountLaw)), ("cells", cells, get_args(Shown))):
        if asked not in known:
            raise OptionError("CM-LQ-004", f"{option}={asked!r}", fix=f"one of {', '.join(map(repr, known))}")
    if law == "hypergeometric" and table.total > _COUNTABLE:
        raise OptionError(
            "CM-LQ-006",
            f'law="hypergeometric" counts out {table.total:.3g} units one by one; at most {_COUNTABLE:g}',
            why="its sums are as long as the spread of a count, minutes a cell for such totals",
            fix='law="binomial", which has a closed form and is conservative beside it',
        )
    adjust([], correction)  # refuses an unknown one before any work
    chosen = _reference(reference, table.labels)
    part = table if sector is None else table.select([table.sector(sector)])
    margins, stored = Margins.of(part, chosen), stored_cells(part)
    trial = Trial.of(part, stored, margins, law)
    variance = np.array(
        [dispersion(x, e, blank=b, times=n) for x, e, b, n in by_sector(stored, trial, margins)]
    )
    size = part.matrix.shape[0] * part.matrix.shape[1]
    sparse = cells == "nonzero" or (cells == "auto" and size > _MANY and len(stored.row) < _SPARSE * size)
    shown = stored if sparse else all_cells(part)
    trial = trial if sparse else Trial.of(part, shown, margins, law)
    columns = {"value": shown.value, "expected": trial.expected} | inference(
        shown, trial, margins, interval=interval, law=law
    )
    row, column, p, blank = _blank(part, stored, margins, law) if sparse else _NOTHING
    q = adjust(np.concatenate((columns["p"], p)), correction, ones=blank - len(p))
    columns["q"] = q[: len(shown.row)]
    columns |= _ratios(shown, trial, variance)
    areas, sectors = part.labels, part.sector_totals.index
    zeros = {"area": areas.take(row), "sector": sectors.take(column), "p": p, "q": q[len(shown.row) :]}
    return Quotients(
        frame=_frame(part, shown, trial, columns),
        table=table,
        dispersion=pd.Series(variance, index=sectors.rename("sector"), name="dispersion"),
        zeros=pd.DataFrame(zeros),
        cells="nonzero" if sparse else "all",
        law=law,
        interval=interval,
        correction=correction,
        reference=chosen,
        family_size=int(np.isfinite(columns["p"]).sum()) + blank,
        method=_METHODS[law],
    )


def _blank(part: SectorTable, stored: Cells, margins: Margins, law: CountLaw) -> tuple[Any, Any, Floats, int]:
    return surprising_zeros(stored, margins, margins.columns_with_p(part), law)


def _ratios(cells: Cells, trial: Trial, variance: Floats) -> dict[str, Floats]:
    """Return the quotient and the shrunken one."""
    lq, shrunk, at = (np.full(len(cells.row), np.nan), np.full(len(cells.row), np.nan), trial.answered)
    count, expected = cells.value[at], trial.expected[at]
    lq[at] = count / expected
    shrunk[at] = shrink(count, expected, variance[cells.column[at]])
    return {"lq": lq, "shrunk": shrunk}


def _frame(part: SectorTable, cells: Cells, trial: Trial, columns: dict[str, Floats]) -> pd.DataFrame:
    told = {
        "area": part.labels.take(cells.row),
        "sector": part.sector_totals.index.take(cells.column),
        **columns,
        "status": pd.Index(STATUSES).take(trial.status),
    }
    return pd.DataFrame({name: told[name] for name in QUOTIENT_COLUMNS})


def _reference(reference: Any, labels: pd.Index) -> str | tuple[str, ...]:
    if isinstance(reference, str) and reference in _RULES:
        return reference
    codes = (
        [reference] if isinstance(reference, str) or not hasattr(reference, "__iter__") else list(reference)
    )
    strange = [code for code in codes if code not in labels]
    if strange or not codes:
        raise OptionError(
            "CM-LQ-002",
            f"{part_of(len(strange), len(codes), 'reference area', 'is', 'are')} not in the table: {strange[:5]}",
            why="a quotient says how an area compares with its reference",
            fix=f'reference="nation", "rest", or codes such as {list(labels[:3])}',
        )
    return tuple(sorted(set(codes)))
