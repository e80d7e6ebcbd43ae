"""Global Geary: how much neighbours differ, all sectors in one batch, moments exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clustermap.autocorrelation.moments import difference_sums, moments
from clustermap.autocorrelation.whole.run import Measure, Options, Prepared, analyse

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.nulls import Null
    from clustermap.autocorrelation.variables import Group
    from clustermap.autocorrelation.whole.engine import Linked
    from clustermap.autocorrelation.whole.results import GlobalResult, GlobalResults
    from clustermap.schema import Alternative, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["global_geary"]


def global_geary(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    null: Null | str = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    seed: int | None = None,
) -> GlobalResult | GlobalResults:
    r"""Test whether neighbouring areas differ less, or more, than areas at random.

    :math:`c = \frac{n - 1}{2 S_0} \sum_{ij} w_{ij} (x_i - x_j)^2 / \sum_i (x_i - \bar x)^2`, 1 on average, and
    small where neighbours resemble each other. It looks at differences between neighbours where Moran's I looks
    at both against the mean, and so hears short waves and single outliers more.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        A table or a frame of areas × sectors (counts, analysed as rates of the area's total), or one number
        per area, indexed by code.
    graph : libpysal.graph.Graph
        Who neighbours whom; isolates count among the areas but have no links.
    sector : str, optional
        One sector of a table; all of them where absent.
    permutations : int
        Arrangements drawn; 0 gives the exact moments and `p_normal` alone.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: neighbours resemble each other more, that is, c is small.
    null : "free" or a null of ``clustermap.nulls``
        Which arrangements are equally likely; moments are exact where values move freely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Weights of an area's links sum to 1, or each is 1.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    GlobalResult or GlobalResults
        `variance` is that under randomisation, `variance_normality` that for normal values; `z` is negative where
        neighbours resemble each other.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-008: negative weights. CM-NULL-001: no null model.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Geary, R. C. (1954), The contiguity ratio and statistical mapping. The Incorporated Statistician 5.
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> result = global_geary(pd.Series(np.sin(np.arange(n) / n * 2 * np.pi)), ring, seed=1)
    >>> print(f"{result.statistic:.3f} {result.p}")
    0.021 0.002
    """
    options = Options(
        sector=sector,
        permutations=permutations,
        alternative=alternative,
        null=null,
        rates=rates,
        transformation=transformation,
        seed=seed,
    )
    return analyse(data, graph, _GEARY, options)


def _prepare(group: Group, links: Linked) -> Prepared:
    z = group.z
    n, weights = z.shape[1], links.sums
    s0, s1 = float(weights.total), float(weights.squares + weights.returns)
    s2 = float(weights.rows + weights.columns + 2 * weights.through)
    scale = (n - 1) / (2 * s0 * (z * z).sum(axis=1))
    mean, variance = moments(weights, difference_sums(z), n)
    normality = ((2 * s1 + s2) * (n - 1) - 4 * s0**2) / (2 * (n + 1) * s0**2)
    # Σ w (z_i − z_j)² = Σ (w_i. + w_.i) z_i² − 2 Σ w z_i z_j
    form = links.form(scale=-2.0, own=True)
    return Prepared(z, form, scale, scale * mean, scale**2 * variance, np.full(len(z), normality))


_GEARY = Measure("global Geary", "global-geary", -1, _prepare)
