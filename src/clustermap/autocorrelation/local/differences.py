"""Local Geary: how far each area differs from its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import lagged
from clustermap.autocorrelation.local import kernels
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.options import Method, Options
from clustermap.autocorrelation.local.parts import Part, averaged, row_weights, tested
from clustermap.schema import GEARY_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["geary"]

HH, LL, OTHER, NEGATIVE = range(4)
_POSITIVE = np.array([LL, OTHER, OTHER, HH], dtype=np.int8)  # by own and neighbours' sign


def geary(
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
    r"""Test for every area whether it differs less, or more, from its neighbours than chance allows.

    With :math:`z` standardised (denominator n), :math:`c_i = \sum_j w_{ij} (z_i - z_j)^2`: small among likes, large
    among unlikes. p is conditional on the area's own value, and exact given exchangeability.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        As for `local_moran`.
    graph : libpysal.graph.Graph
        Who neighbours whom. Isolates get no statistic.
    sector : str, optional
        One sector of a table; all of them, in one batch and one family, where absent.
    permutations : "auto", "adaptive" or int
        As for `local_moran`; each draw is held against every area, so ``"adaptive"`` saves most of the work.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: the area differs from its neighbours; ``"less"``: it resembles them.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family.
    alpha : float
        Level of the labels.
    null : Null or "free"
        Which arrangements of the values are equally likely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Mean or sum over the neighbours.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    LocalResult or LocalResults
        Labels HH and LL (like its neighbours, both above or both below the mean), other positive (like them across
        the mean) and negative (unlike them).

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
    OptionError
        CM-MORAN-001, CM-NULL-001: unknown option. CM-MORAN-008: negative weights.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Anselin, L. (1995), Local indicators of spatial association: LISA. Geographical Analysis 27.
    Anselin, L. (2019), A local indicator of multivariate spatial association: extending Geary's c.
    Geographical Analysis 51.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> values = pd.Series([9.0, 8.5, 9.5, 9.2, 8.8] + [0.0] * (n - 5))
    >>> geary(values, ring, correction="none", seed=1).frame["label"].value_counts()["HH"].item()
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
    known = v.read_variables(data, graph, sector=sector, rates=rates)
    return analyse(known, Method("local Geary", GEARY_LABELS, GEARY_LABELS[:4], _part), options)


def _part(group: v.Group, transformation: Transformation) -> Part:
    z, row = group.z, row_weights(group, transformation)
    sums = lagged(z, group.indptr, group.indices, row.weights)
    squares = lagged(z * z, group.indptr, group.indices, row.weights)
    weight = group.sizes if row.weights is None else np.ones(len(group.sizes))
    observed = squares - 2.0 * z * sums
    like = _POSITIVE[2 * (z > 0).view(np.int8) + (sums > 0).view(np.int8)]
    return Part(
        group=group,
        statistic=np.maximum(z * z * weight + observed, 0.0) * row.share,
        lag=averaged(group.values, group, row),
        pool=z,
        own=z,
        observed=observed,
        row=row,
        kind=kernels.GEARY,
        moving=kernels.GEARY,
        classes=(np.full(z.shape, NEGATIVE, dtype=np.int8), like),
        tested=tested(group, len(z)),
    )
