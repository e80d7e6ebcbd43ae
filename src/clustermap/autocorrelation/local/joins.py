"""Local join counts: how many neighbours share what an area has; their law is known exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import lagged
from clustermap.autocorrelation.local import kernels
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.options import Method, Options
from clustermap.autocorrelation.local.parts import Part, row_weights
from clustermap.autocorrelation.nulls import as_null
from clustermap.errors import InputError, part_of
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["join_count", "joins"]

Floats = npt.NDArray[np.float64]
HH, HL = 0, 2


def join_count(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: Literal["auto", "adaptive"] | int = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    null: Null | Literal["free"] = "free",
    seed: int | None = None,
) -> LocalResult | LocalResults:
    r"""Test for every area that has something whether more, or fewer, neighbours have it than chance allows.

    With x 0 or 1, :math:`J_i = x_i \sum_j x_j` over the neighbours. Where all arrangements are equally likely,
    the number of ones among k neighbours is hypergeometric: p is exact, and nothing is drawn. Areas without it
    (x = 0) are not tested, and no members of the family.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        Zeros and ones (or truth values), indexed by code; a frame holds one variable a column.
    graph : libpysal.graph.Graph
        Who neighbours whom; every link counts 1. Isolates get no statistic.
    sector : str, optional
        One column of a frame; all of them, in one batch and one family, where absent.
    permutations : "auto", "adaptive" or int
        Only for nulls other than free.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: more neighbours have it.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family.
    alpha : float
        Level of the labels.
    null : Null or "free"
        Which arrangements of the values are equally likely.
    seed : int, optional
        Same seed, same bytes, where a null asks for draws; drawn and recorded where absent.

    Returns
    -------
    LocalResult or LocalResults
        Labels HH (has it, and so have more neighbours) and HL (has it, and fewer have); `lag` is the number of
        neighbours that have it.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
    InputError
        CM-JOIN-001: values other than 0 and 1.
    OptionError
        CM-MORAN-001, CM-NULL-001: unknown option, or draws asked for where the law is exact.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Anselin, L. and Li, X. (2019), Operational local join count statistics for cluster detection.
    Journal of Geographical Systems 21.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> result = join_count(pd.Series([1, 1, 1] + [0] * 27), ring, alternative="greater", correction="none")
    >>> round(float(result.frame["p"].iloc[1]) * 29 * 28 / 2, 9)  # its neighbours are the one pair of 29 that has it
    1.0
    """
    known = v.read_variables(data, graph, sector=sector, rates="none")
    values = known.values[np.isfinite(known.values)]
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        raise InputError(
            "CM-JOIN-001",
            f"{part_of(int(wrong.sum()), len(values), 'value', 'is', 'are')} neither 0 nor 1, for instance "
            f"{values[wrong][0]:g}",
            why="joins are counted between areas that have something and areas that do not",
            fix="join_count(values > 1.25, graph), or quantile_lisa(values, graph, quantile=(5, 5))",
        )
    options = join_options(
        permutations=permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        null=null,
        seed=seed,
    )
    return analyse(known, Method("local join count", LISA_LABELS, ("HH", "HL"), joins), options)


def join_options(
    *,
    permutations: Literal["auto", "adaptive"] | int,
    alternative: Alternative,
    correction: Correction,
    alpha: float,
    null: Null | Literal["free"],
    seed: int | None,
) -> Options:
    """Check the options; draws are refused where the law is exact.

    Raises
    ------
    OptionError
        CM-MORAN-001.
    """
    options = Options(
        permutations=permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        null=null,
        transformation="binary",
        seed=seed,
    )
    if as_null(null).kind == "free":
        why = "the law of join counts is hypergeometric under free arrangements: nothing is drawn"
        v.check_option("permutations", permutations, ("auto",), why=why)
    return options


def joins(group: v.Group, transformation: Transformation, *, other: v.Variables | None = None) -> Part:
    """Count for each area that has x its neighbours that have y (or x), with the exact law of their number."""
    x, row = group.values, row_weights(group, transformation)
    y = x if other is None else next(iter(other.groups())).values
    count = lagged(y, group.indptr, group.indices)
    lag = np.where(group.sizes > 0, count, np.nan)
    high = np.full(x.shape, HH, dtype=np.int8)
    return Part(
        group=group,
        statistic=x * lag,
        lag=lag,
        pool=y,
        own=x,
        observed=count,
        row=row,
        kind=kernels.SUM,
        moving=kernels.PRODUCT if other is None else kernels.SUM,
        classes=(high, np.full_like(high, HL)),
        tested=(x == 1) & (group.sizes > 0),
        exact=_tails(count.astype(np.int64), y, group.sizes),
    )


def _tails(count: npt.NDArray[np.int64], y: Floats, sizes: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the probabilities of at least, and at most, as many of k neighbours among the n − 1 other areas."""
    from scipy.stats import hypergeom

    n, wide = len(sizes), int(sizes.max())
    numbers = np.arange(wide + 1)
    up, low = np.empty(y.shape), np.empty(y.shape)
    for s, row in enumerate(y):
        all_ones = int(row.sum())
        for own in (0, 1):  # the area itself is none of the others
            of = row == own
            if all_ones - own < 0 or not of.any():
                continue
            law = hypergeom(n - 1, all_ones - own, numbers[:, None])
            at_least, at_most = law.sf(numbers - 1), law.cdf(numbers)
            up[s, of] = at_least[sizes[of], count[s, of]]
            low[s, of] = at_most[sizes[of], count[s, of]]
    return up, low
