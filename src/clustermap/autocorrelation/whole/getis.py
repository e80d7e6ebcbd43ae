"""General G: whether high values lie near each other, all sectors in one batch, moments exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustermap.autocorrelation.moments import moments, product_sums
from clustermap.autocorrelation.whole.results import GlobalResult
from clustermap.autocorrelation.whole.run import Measure, Options, Prepared, analyse
from clustermap.errors import InputError, StatisticsError, part_of

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.nulls import Null
    from clustermap.autocorrelation.variables import Group
    from clustermap.autocorrelation.whole.engine import Linked
    from clustermap.autocorrelation.whole.results import GlobalResults
    from clustermap.schema import Alternative, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["global_getis_ord"]

_NOTHING = 1e-12


def global_getis_ord(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    null: Null | str = "free",
    transformation: Transformation = "binary",
    seed: int | None = None,
) -> GlobalResult | GlobalResults:
    r"""Test whether high values lie near each other, as Getis and Ord's general G.

    :math:`G = \sum_{ij} w_{ij} x_i x_j / \sum_{i \ne j} x_i x_j`: the share of all products of two areas that
    falls on neighbours, for positive values with a natural zero. It is often said to tell gathering of high values
    from gathering of low ones. Where all areas have as many links it does not: its z is then that of Moran's I.
    Elsewhere it is larger where high values stand in areas with many links.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        A table or a frame of areas × sectors, or one number per area, indexed by code; none negative. Values of a
        table or frame are analysed as they are (counts: large areas weigh more): for rates or quotients pass them
        as a series.
    graph : libpysal.graph.Graph
        Who neighbours whom; isolates count among the areas but have no links.
    sector : str, optional
        One sector of a table; all of them where absent.
    permutations : int
        Arrangements drawn; 0 gives the exact moments and `p_normal` alone.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: high values lie near each other.
    null : "free" or a null of ``clustermap.nulls``
        Which arrangements are equally likely; moments are exact where values move freely.
    transformation : {"binary", "row"}
        Each link weighs 1, as in Getis and Ord, or those of an area sum to 1.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    GlobalResult or GlobalResults
        `variance` is that under randomisation; none is known for normal values (NaN).

    Raises
    ------
    InputError
        CM-GETIS-001: negative values.
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-GETIS-002: all is in one area.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-008: negative weights. CM-NULL-001: no null model.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Getis, A. and Ord, J. K. (1992), The analysis of spatial association by use of distance statistics.
    Geographical Analysis 24.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> result = global_getis_ord(pd.Series([9.0, 8, 9, 9, 8] + [1.0] * (n - 5)), ring, seed=1)
    >>> print(f"{result.statistic:.3f} {result.expected:.3f} {result.p}")
    0.160 0.069 0.002
    """
    options = Options(
        sector=sector,
        permutations=permutations,
        alternative=alternative,
        null=null,
        rates="none",
        transformation=transformation,
        seed=seed,
    )
    result = analyse(data, graph, _GENERAL, options)
    if isinstance(result, GlobalResult) and np.isnan(result.statistic):
        raise StatisticsError(
            "CM-GETIS-002",
            "one area holds all there is, so no two areas have a product",
            why="G is a share of the products of two areas",
            fix="a sector that is found in two areas at least",
        )
    return result


def _prepare(group: Group, links: Linked) -> Prepared:
    x = group.values
    negative = x < 0
    if negative.any():
        raise InputError(
            "CM-GETIS-001",
            f"{part_of(int(negative.sum()), x.size, 'value', 'is', 'are')} negative",
            why="a product of two negative values looks like one of two high ones",
            fix="global_moran(values, graph), or values that are shares, counts or quotients",
        )
    x = x / x.mean(axis=1, keepdims=True)  # G does not know units
    mean, variance = moments(links.sums, product_sums(x, x), x.shape[1])
    squares = (x * x).sum(axis=1)
    pairs = x.sum(axis=1) ** 2 - squares
    with np.errstate(divide="ignore"):
        scale = np.where(pairs > _NOTHING * squares, 1.0 / pairs, np.nan)
    return Prepared(x, links.form(), scale, scale * mean, scale**2 * variance, np.full(len(x), np.nan))


_GENERAL = Measure("global Getis-Ord", "global-getis-ord", 1, _prepare)
