"""Quantile LISA: whether areas of one quantile lie beside each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.joins import join_options, joins
from clustermap.autocorrelation.local.options import Method
from clustermap.errors import OptionError, StatisticsError, part_of
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Rates
    from clustermap.tables.table import SectorTable

__all__ = ["quantile_lisa"]

_PAIR = 2


def quantile_lisa(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    quantile: tuple[int, int] = (5, 5),
    x: str | None = None,
    y: str | None = None,
    sector: str | None = None,
    permutations: Literal["auto", "adaptive"] | int = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    null: Null | Literal["free"] = "free",
    rates: Rates = "auto",
    seed: int | None = None,
) -> LocalResult | LocalResults:
    r"""Test for every area of one quantile whether more, or fewer, neighbours belong to it than chance allows.

    The local join count of the indicator of a quantile; outliers weigh no more than any other member. With `x` and
    `y` it asks about areas in that quantile of x, and their neighbours in that quantile of y. p is exact
    (hypergeometric) under free arrangements.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        As for `local_moran`.
    graph : libpysal.graph.Graph
        Who neighbours whom; every link counts 1. Isolates get no statistic.
    quantile : tuple of int
        Which of how many, counted from the lowest: ``(5, 5)`` is the top fifth. Values equal to the upper limit
        belong to it, those equal to the lower limit to the one before.
    x, y : str, optional
        The variable at the area, and the one around it.
    sector : str, optional
        One sector of a table; all of them, in one batch and one family, where absent.
    permutations : "auto", "adaptive" or int
        Only for nulls other than free.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: more neighbours belong to it.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family.
    alpha : float
        Level of the labels.
    null : Null or "free"
        Which arrangements of the values are equally likely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    seed : int, optional
        Same seed, same bytes, where a null asks for draws; drawn and recorded where absent.

    Returns
    -------
    LocalResult or LocalResults
        `value` is 1 in the quantile, 0 elsewhere. Labels HH (in it, and so are more neighbours) and HL (fewer).

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
        CM-QUANTILE-001: ties leave the quantile empty, or full.
    OptionError
        CM-MORAN-001, CM-NULL-001: unknown option, or draws asked for where the law is exact. CM-QUANTILE-002: no such
        quantile.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Anselin, L. (2019), Quantile local spatial autocorrelation. Letters in Spatial and Resource Sciences 12.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> result = quantile_lisa(pd.Series(range(n)), ring, quantile=(5, 5), correction="none")
    >>> (result.frame["label"] == "HH").sum().item()
    4
    """
    which, of = _checked_quantile(quantile)
    options = join_options(
        permutations=permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        null=null,
        seed=seed,
    )
    method = Method(f"quantile LISA ({which} of {of})", LISA_LABELS, ("HH", "HL"), joins)
    if x is None and y is None:
        known = v.read_variables(data, graph, sector=sector, rates=rates)
        return analyse(_members(known, which, of), method, options)
    if x is None or y is None or sector is not None:
        raise OptionError(
            "CM-MORAN-001",
            "two variables are asked for by x= and y= together, without sector=",
            fix='quantile_lisa(frame, graph, x="suppliers", y="makers")',
        )
    first, second = v.read_pair(data, graph, x=x, y=y, rates=rates)
    other = _members(second, which, of)
    return analyse(_members(first, which, of), method._replace(part=partial(joins, other=other)), options)


def _checked_quantile(quantile: Any) -> tuple[int, int]:
    numbers = quantile if isinstance(quantile, tuple) else ()
    whole = all(isinstance(q, int | np.integer) and not isinstance(q, bool) for q in numbers)
    if not whole or len(numbers) != _PAIR or not 1 <= numbers[0] <= numbers[1] or numbers[1] == 1:
        raise OptionError(
            "CM-QUANTILE-002",
            f"quantile={quantile!r} is not one of several",
            fix="quantile=(5, 5) for the top fifth, (1, 4) for the lowest quarter",
        )
    return int(quantile[0]), int(quantile[1])


def _members(known: v.Variables, which: int, of: int) -> v.Variables:
    """Turn values into 1 inside and 0 outside one quantile of the areas that have a value."""
    values = known.values
    limits = np.full((2, len(values)), np.nan)
    for s, row in enumerate(values):
        if np.isfinite(row).any():
            limits[:, s] = np.nanquantile(row, [(which - 1) / of, which / of])
    lower, upper = limits[..., None]
    with np.errstate(invalid="ignore"):
        inside = (values <= upper) & ((values > lower) | (which == 1))
    inside = np.where(np.isnan(values), np.nan, inside.astype(float))
    number, areas = np.nansum(inside, axis=1), np.isfinite(values).sum(axis=1)
    if ((number == 0) | (number == areas)).all():
        raise StatisticsError(
            "CM-QUANTILE-001",
            f"the quantile {which} of {of} holds {part_of(int(number[0]), int(areas[0]), 'area')}",
            why="so many values are equal that the limits of the quantile coincide",
            fix="fewer quantiles, or join_count(values > 0, graph)",
        )
    return v.recoded(known, inside)
