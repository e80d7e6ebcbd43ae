"""Global Moran: whether neighbours resemble each other, all sectors in one batch, moments exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.moments import moments, product_sums
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

__all__ = ["global_moran"]


def global_moran(
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
    r"""Test whether neighbouring areas resemble each other more, or less, than areas at random.

    With :math:`z` standardised, :math:`I = \sum_{ij} w_{ij} z_i z_j / \sum_{ij} w_{ij}`. Mean and variance over all
    arrangements are exact; p is Monte-Carlo, ties counting in both tails.

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
        ``"greater"``: neighbours resemble each other.
    null : "free" or a null of ``clustermap.nulls``
        Which arrangements are equally likely: all (with exact moments), those within authorities, shifts of the
        whole map (on a graph of its own grid they hardly change I), or your own.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Weights of an area's links sum to 1, or each is 1.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    GlobalResult or GlobalResults
        One sector: the numbers as attributes too. `variance` is that under randomisation.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-008: negative weights. CM-NULL-001: no null model.
        CM-NULL-007: no draws under a null without exact moments.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Moran, P. A. P. (1950), Notes on continuous stochastic phenomena. Biometrika 37.
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes.
    Assunção, R. M. and Reis, E. A. (1999), A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> result = global_moran(pd.Series(np.sin(np.arange(n) / n * 2 * np.pi)), ring, seed=1)
    >>> print(f"{result.statistic:.3f} {result.p}")
    0.978 0.002
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
    return analyse(data, graph, _MORAN, options)


def _prepare(group: Group, links: Linked) -> Prepared:
    z = group.z
    n, weights = z.shape[1], links.sums
    mean, variance = moments(weights, product_sums(z, z), n)
    # Cliff and Ord's S1 = ½ Σ (w_ij + w_ji)² and S2 = Σ (w_i. + w_.i)²
    s0, s1 = float(weights.total), float(weights.squares + weights.returns)
    s2 = float(weights.rows + weights.columns + 2 * weights.through)
    normality = (n * n * s1 - n * s2 + 3 * s0**2) / ((n - 1) * (n + 1) * s0**2) - 1 / (n - 1) ** 2
    scale: npt.NDArray[np.float64] = np.full(len(z), 1.0 / s0)
    return Prepared(z, links.form(), scale, mean / s0, variance / s0**2, np.full(len(z), normality))


_MORAN = Measure("global Moran", "global-moran", 1, _prepare)
