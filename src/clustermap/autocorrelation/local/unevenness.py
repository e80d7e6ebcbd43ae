"""LOSH: where the surroundings of an area are uneven, whatever their level."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import lagged
from clustermap.autocorrelation.local import arranged_kernels, kernels
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.options import Method, Options
from clustermap.autocorrelation.local.parts import Part, averaged, row_weights, tested
from clustermap.errors import OptionError, StatisticsError, part_of
from clustermap.schema import LOSH_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["losh"]

Floats = npt.NDArray[np.float64]
UNEVEN, EVEN = 0, 1
_SQUARES = 2.0
_LARGEST = 4.0


def losh(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    power: float = 2.0,
    sector: str | None = None,
    permutations: Literal["auto", "adaptive"] | int = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    null: Null | Literal["free"] = "free",
    rates: Rates = "auto",
    seed: int | None = None,
) -> LocalResult | LocalResults:
    r"""Test for every area whether values around it are less, or more, alike than chance allows.

    With :math:`e_j = x_j - \sum_k w_{jk} x_k` and weights that sum to 1,
    :math:`H_i = \sum_j w_{ij} |e_j|^a / \overline{|e|^a}`: above 1 the surroundings are uneven, below 1 even.
    Residuals of neighbours share values, so they are no independent draws: whole maps are drawn, and every residual
    is computed anew.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        As for `local_moran`.
    graph : libpysal.graph.Graph
        Who neighbours whom. Isolates get no statistic.
    power : float
        a: 2 for variances, 1 for absolute deviations; at most 4.
    sector : str, optional
        One sector of a table; all of them, in one batch and one family, where absent.
    permutations : "auto", "adaptive" or int
        Each arrangement is a whole map, so many of them take long on large graphs.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: uneven surroundings.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family.
    alpha : float
        Level of the labels.
    null : Null or "free"
        Which arrangements of the values are equally likely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    LocalResult or LocalResults
        Labels uneven and even; `lag` is the local mean. A further column `p_chi_square` (power 2 only) has the upper
        tail of the χ² approximation of Ord and Getis.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
        CM-LOSH-001: neighbours without neighbours, whose residuals are unknown.
    OptionError
        CM-MORAN-001, CM-NULL-001: unknown option. CM-MORAN-008: negative weights.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Ord, J. K. and Getis, A. (2012), Local spatial heteroscedasticity (LOSH). Annals of Regional Science 48.
    Xu, M., Mei, C.-L. and Yan, N. (2014), A note on the null distribution of the local spatial heteroscedasticity
    (LOSH) statistic. Annals of Regional Science 52.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 40
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> values = pd.Series([0.1 * (-1) ** i for i in range(30)] + [5, -5, 4, -6, 5, -4, 6, -5, 5, -4])
    >>> losh(values, ring, correction="none", permutations=999, seed=1).frame["label"].iloc[34]
    'uneven'
    """
    if isinstance(power, bool) or not isinstance(power, int | float) or not 0 < power <= _LARGEST:
        raise OptionError("CM-MORAN-001", f"power={power!r} is not between 0 and {_LARGEST:g}", fix="power=2")
    options = Options(
        permutations=permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        null=null,
        transformation="row",
        seed=seed,
    )
    known = v.read_variables(data, graph, sector=sector, rates=rates)
    method = Method("LOSH", LOSH_LABELS, LOSH_LABELS[:2], partial(_part, power=float(power)))
    return analyse(known, method, options)


def _part(group: v.Group, transformation: Transformation, *, power: float) -> Part:
    row = row_weights(group, transformation)
    n, sizes = len(group.sizes), group.sizes
    stuck = np.unique(group.indices[sizes[group.indices] == 0])
    if len(stuck):
        raise StatisticsError(
            "CM-LOSH-001",
            f"{part_of(len(stuck), n, 'area', 'is a neighbour', 'are neighbours')} of others, but without "
            "any of its own",
            why="what an area without neighbours should be near to is not known",
            fix="a symmetric graph, for instance contiguity(areas)",
        )
    weights = row.links(group) if row.weights is not None else np.repeat(row.share, sizes)
    exact = row._replace(weights=weights, share=np.where(sizes > 0, 1.0, np.nan))
    residual = np.empty_like(group.z)
    level = np.array(
        [
            arranged_kernels.residuals(z, group.indptr, group.indices, weights, power, out)
            for z, out in zip(group.z, residual, strict=True)
        ]
    )[:, None]
    around = lagged(residual, group.indptr, group.indices, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(level > 0, around / level, 1.0)
    statistic[:, sizes == 0] = np.nan
    extra = {"p_chi_square": _chi_square(statistic, residual, group, weights)} if power == _SQUARES else {}
    high = np.full(group.z.shape, UNEVEN, dtype=np.int8)
    return Part(
        group=group,
        statistic=statistic,
        lag=averaged(group.values, group, exact),
        pool=group.z,
        own=group.z,
        observed=around,
        row=exact,
        kind=kernels.SUM,
        moving=kernels.SUM,
        classes=(high, np.full_like(high, EVEN)),
        tested=tested(group, len(group.z)),
        extra=extra,
        power=power,
    )


def _chi_square(statistic: Floats, residual: Floats, group: v.Group, weights: Floats) -> Floats:
    """Return the upper tail of the approximation of Ord and Getis (2012), which matches mean and variance."""
    from scipy.special import gammaincc

    linked = group.sizes > 0
    known = residual[:, linked]
    n = known.shape[1]
    spread = (known**2).mean(axis=1) / known.mean(axis=1) ** 2 - 1
    squares = np.bincount(np.repeat(np.arange(len(linked)), group.sizes), weights**2, len(linked))
    variance = spread[:, None] * (n * squares - 1.0) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = gammaincc(1.0 / variance, statistic / variance)  # χ² with 2/V degrees of freedom, at 2H/V
    return np.where(linked, p, np.nan)
