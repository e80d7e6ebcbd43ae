"""Getis–Ord: where high, and where low, values gather."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import lagged
from clustermap.autocorrelation.local import kernels
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.options import Method, Options
from clustermap.autocorrelation.local.parts import Part, averaged, row_weights, tested
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["getis_ord"]

Floats = npt.NDArray[np.float64]
HH, LL = 0, 1
_FLAT = 1e-12


def getis_ord(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    star: bool = False,
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
    r"""Test for every area whether high, or low, values gather around it.

    :math:`G_i` compares :math:`\sum_j w_{ij} x_j` over the neighbours with what the other areas lead to expect, and
    :math:`G_i^*` counts the area itself among them. `statistic` is the standardised form of Ord and Getis (1995),
    which any shift or scale of the values leaves alone; `ratio` that of Getis and Ord (1992), a share of the sum of
    all values, where no value is negative. p is conditional on the area's own value, as in local Moran.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        As for `local_moran`.
    graph : libpysal.graph.Graph
        Who neighbours whom. Isolates get no statistic.
    star : bool
        Count the area itself, with the weight of its strongest link.
    sector : str, optional
        One sector of a table; all of them, in one batch and one family, where absent.
    permutations : "auto", "adaptive" or int
        As for `local_moran`.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: high values gather; ``"less"``: low ones.
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
        Labels HH (high values gather) and LL (low ones). The frame has a further column `ratio`. A statistic
        is NaN, with p = 1, where every neighbourhood would give the same.

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
    Getis, A. and Ord, J. K. (1992), The analysis of spatial association by use of distance statistics.
    Geographical Analysis 24.
    Ord, J. K. and Getis, A. (1995), Local spatial autocorrelation statistics. Geographical Analysis 27.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> values = pd.Series([9.0, 8.5, 9.5, 9.2, 8.8] + [0.0] * (n - 5))
    >>> getis_ord(values, ring, star=True, correction="none", seed=1).frame["label"].value_counts()["HH"].item()
    3
    """
    v.check_option("star", str(star), ("False", "True"))
    options = Options(
        permutations=permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        null=null,
        transformation=transformation,
        seed=seed,
    )
    method = Method(
        "Getis–Ord G*" if star else "Getis–Ord G", LISA_LABELS, LISA_LABELS[:2], partial(_part, star=star)
    )
    return analyse(v.read_variables(data, graph, sector=sector, rates=rates), method, options)


def _part(group: v.Group, transformation: Transformation, *, star: bool) -> Part:
    z, row, n = group.z, row_weights(group, transformation), len(group.sizes)
    sums = lagged(z, group.indptr, group.indices, row.weights)
    links = row.links(group)
    focal = np.repeat(np.arange(n), group.sizes)
    mine = row.itself if star else np.zeros(n)
    total = np.bincount(focal, links, n) + mine
    squares = np.bincount(focal, links * links, n) + mine**2
    others = float(n if star else n - 1)
    # values have mean 0 and variance 1: without an area's own, those of the others follow
    mean = np.zeros_like(z) if star else -z / others
    variance = np.ones_like(z) if star else np.maximum((n - z * z) / others - mean * mean, 0.0)
    spread = (others * squares - total**2) / (others - 1)
    scale = np.sqrt(np.where((variance > _FLAT) & (spread > _FLAT * squares), variance * spread, np.nan))
    statistic = (sums + mine * z - total * mean) / scale
    statistic[:, group.sizes == 0] = np.nan
    has_test = tested(group, len(z))
    if (flat := has_test & np.isnan(statistic)).any():  # no arrangement gives another sum
        has_test = has_test & ~flat
    return Part(
        group=group,
        statistic=statistic,
        lag=averaged(group.values, group, row),
        pool=z,
        own=z,
        observed=sums,
        row=row,
        kind=kernels.SUM,
        moving=kernels.STAR if star else kernels.GETIS,
        classes=(np.full(z.shape, HH, dtype=np.int8), np.full(z.shape, LL, dtype=np.int8)),
        tested=has_test,
        extra={"ratio": _ratio(group, row.weights, mine, total if transformation == "row" else np.ones(n))},
    )


def _ratio(group: v.Group, weights: Floats | None, mine: Floats, total: Floats) -> Floats:
    """Return the share of all other values (or of all) that lies around an area; NaN where values are negative."""
    x = group.values
    sums = lagged(x, group.indptr, group.indices, weights) + mine * x
    whole = x.sum(axis=1, keepdims=True) - (0.0 if mine.any() else x)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = sums / total / whole
    unknown = (x < 0).any(axis=1, keepdims=True) | ~(whole > 0) | (group.sizes == 0)
    return np.where(unknown, np.nan, share)
