"""Local Moran: which areas lie among areas like themselves, all sectors in one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.options import Method, Options
from clustermap.autocorrelation.local.products import moran_part
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.parts import Part
    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["local_moran"]


def local_moran(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: Literal["auto", "adaptive"] | int = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    null: Null | Literal["free"] = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    seed: int | None = None,
) -> LocalResult | LocalResults:
    r"""Test for every area whether its neighbours resemble it, or differ from it, more than chance allows.

    With :math:`z` standardised (denominator n), :math:`I_i = z_i \sum_j w_{ij} z_j`; under row-standardised
    weights their mean is Moran's I. p is conditional on the area's own value: its neighbours are replaced by
    as many others, all sets equally likely. One list of draws serves all areas and sectors, and p is exact
    given exchangeability; ties count in both tails.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        A table or a frame of areas × sectors (counts, analysed as rates of the area's total), or one number
        per area, indexed by code. Suppressed cells and areas without a total have no value: they are left
        out of the draws and of their neighbours' sums.
    graph : libpysal.graph.Graph
        Who neighbours whom. Isolates get no statistic.
    sector : str, optional
        One sector of a table; all of them, in one batch and one family, where absent.
    permutations : "auto", "adaptive" or int
        ``"auto"`` takes what the correction needs, at most 999,999. ``"adaptive"`` stops earlier for areas whose
        decision is clear (99 % Clopper–Pearson limits), and says in a column `draws` how many each had.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: like beside like; ``"less"``: unlike beside unlike.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family: the areas of one sector, or all areas × sectors. With ``"none"`` q is NaN
        and labels use p.
    alpha : float
        Level of the labels.
    null : Null or "free"
        Which arrangements of the values are equally likely: all of them, or a value of ``clustermap.nulls``.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Mean or sum over the neighbours.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    LocalResult or LocalResults
        One sector: `frame` indexed by area. Many: a long frame, ``.wide("q")`` and ``result["sector"]``.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
    OptionError
        CM-MORAN-001, CM-NULL-001: unknown option. CM-MORAN-008: negative weights.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    Notes
    -----
    esda divides by n − 1 in each local statistic where this and Anselin (1995) have n. That Benjamini–Hochberg holds
    its level under the dependence of neighbouring tests is shown by simulation (``tests/validity``), not proved.

    References
    ----------
    Anselin, L. (1995), Local indicators of spatial association: LISA. Geographical Analysis 27.
    Benjamini, Y. and Hochberg, Y. (1995), Controlling the false discovery rate.
    Assunção, R. M. and Reis, E. A. (1999), A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> values = pd.Series([9.0, 8.5, 9.5, 9.2, 8.8] + [0.0] * (n - 5))
    >>> local_moran(values, ring, correction="none", seed=1).frame["label"].value_counts()["HH"].item()
    3
    """
    options = Options(
        permutations=permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        null=null,
        transformation=transformation,
        seed=seed,
    )
    return analyse(v.read_variables(data, graph, sector=sector, rates=rates), _MORAN, options)


def _part(group: v.Group, transformation: Transformation) -> Part:
    """Compute Moran's statistic of one group of variables: own value × mean of the neighbours."""
    return moran_part(group, group, transformation)


_MORAN = Method("local Moran", LISA_LABELS, LISA_LABELS[:4], _part)
