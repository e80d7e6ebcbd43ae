"""Bivariate local Moran: one variable at the area, another around it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.local.engine import analyse
from clustermap.autocorrelation.local.options import Method, Options
from clustermap.autocorrelation.local.products import moran_part
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from libpysal.graph import Graph

    from clustermap.autocorrelation.local.parts import Part
    from clustermap.autocorrelation.local.results import LocalResult
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["bivariate_moran"]


def bivariate_moran(
    data: SectorTable | pd.DataFrame,
    graph: Graph,
    *,
    x: str,
    y: str,
    permutations: Literal["auto", "adaptive"] | int = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    null: Null | Literal["free"] = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    seed: int | None = None,
) -> LocalResult:
    r"""Test for every area whether one variable goes with another one around it.

    With both standardised (denominator n), :math:`I_i = z^x_i \sum_j w_{ij} z^y_j`. The x and the y of the area itself
    are held; the y of the others may be anywhere. This says nothing about x and y in the same place: where they
    go together there, and y resembles its neighbours, they go together here as well.

    Parameters
    ----------
    data : SectorTable or pandas.DataFrame
        Holds both variables. A frame of areas × sectors is taken as counts, unless ``rates="none"``.
    graph : libpysal.graph.Graph
        Who neighbours whom. Isolates get no statistic.
    x, y : str
        The variable at the area, and the one around it. An area that lacks either has no value.
    permutations : "auto", "adaptive" or int
        As for `local_moran`.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: high x among high y, or low among low.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family.
    alpha : float
        Level of the labels.
    null : Null or "free"
        Which arrangements of the values are equally likely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames.
    transformation : {"row", "binary"}
        Mean or sum over the neighbours.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    LocalResult
        `value` is x, `lag` the mean (or sum) of y over the neighbours. The first letter of a label is x.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
    InputError
        CM-PAIR-001: the data does not hold two variables.
    OptionError
        CM-MORAN-001, CM-NULL-001, CM-SECTOR-001: unknown option or column. CM-MORAN-008: negative weights.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Anselin, L., Syabri, I. and Smirnov, O. (2002), Visualizing multivariate spatial correlation with dynamically
    linked windows. Lee, S.-I. (2001), Developing a bivariate spatial association measure: an integration of
    Pearson's r and Moran's I. Journal of Geographical Systems 3.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> frame = pd.DataFrame({"suppliers": [0.0, 9, 0] + [1.0] * 27, "makers": [8.0, 0, 9] + [0.0, 0.1, 0.2] * 9})
    >>> result = bivariate_moran(frame, ring, x="suppliers", y="makers", rates="none", correction="none", seed=1)
    >>> result.frame["label"].iloc[1]
    'HH'
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
    first, second = v.read_pair(data, graph, x=x, y=y, rates=rates)
    method = Method("bivariate local Moran", LISA_LABELS, LISA_LABELS[:4], partial(_part, other=second))
    return cast("LocalResult", analyse(first, method, options))  # one pair, one result


def _part(group: v.Group, transformation: Transformation, *, other: v.Variables) -> Part:
    beside = next(iter(other.groups()))  # known in the same areas, standardised over them
    return moran_part(group, beside, transformation)
