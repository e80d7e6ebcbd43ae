"""Global bivariate Moran: whether one variable is high where another is high around it; moments exact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.moments import moments, product_sums
from clustermap.autocorrelation.nulls import as_null
from clustermap.autocorrelation.whole.engine import bilinear, link_up
from clustermap.autocorrelation.whole.run import NUMBERS, Options, collect, evaluated, tested, words_of
from clustermap.errors import OptionError, StatisticsError, plural
from clustermap.randomness import resolve_seed

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.autocorrelation.bound_nulls import BoundNull, Places
    from clustermap.autocorrelation.nulls import Null
    from clustermap.autocorrelation.whole.engine import Linked
    from clustermap.autocorrelation.whole.results import GlobalResult, GlobalResults
    from clustermap.schema import Alternative, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["global_bivariate_moran"]

Floats = npt.NDArray[np.float64]
_METHOD, _KEY = "global bivariate Moran", "global-bivariate-moran"
_TIES = 1e-12


def global_bivariate_moran(
    data: SectorTable | pd.DataFrame,
    graph: Graph,
    *,
    x: str,
    y: str | None = None,
    permute: Literal["y", "pairs"] = "y",
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    null: Null | str = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    seed: int | None = None,
) -> GlobalResult | GlobalResults:
    r"""Test whether a second variable goes with the first in the neighbouring areas.

    With both standardised, :math:`I = \sum_{ij} w_{ij} x_i y_j / \sum_{ij} w_{ij}`. **Two variables that are
    correlated within areas, and patterned, have a large I without any influence across borders** (Lee 2001).
    ``permute="y"``, the usual null, moves the second against the first and so breaks that correlation: its p
    answers for both together. ``permute="pairs"`` moves both values of an area as one: the correlation within
    areas stays, and p answers for where the pairs lie.

    Parameters
    ----------
    data : SectorTable or pandas.DataFrame
        Areas × sectors (counts, analysed as rates of the area's total).
    graph : libpysal.graph.Graph
        Who neighbours whom; isolates count among the areas but have no links.
    x : str
        The sector in the area itself.
    y : str, optional
        The sector around it; every other one, each for itself, where absent.
    permute : {"y", "pairs"}
        What is moved under the null.
    permutations : int
        Arrangements drawn; 0 gives the exact moments and `p_normal` alone.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: the second is high around areas where the first is high.
    null : "free" or a null of ``clustermap.nulls``
        Which arrangements are equally likely. Shifts of the whole map (``toroidal``) let each variable keep its
        own pattern, and are the sharpest answer where areas form a grid.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it.
    transformation : {"row", "binary"}
        Weights of an area's links sum to 1, or each is 1.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    GlobalResult or GlobalResults
        `sector` is that of y. The frame has one more column: `correlation` of the two within areas.

    Raises
    ------
    OptionError
        CM-BIVARIATE-001: no two variables to compare. CM-SECTOR-001: an unknown sector. CM-MORAN-001: an unknown
        option. CM-MORAN-008: negative weights. CM-NULL-001: no null model.
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Wartenberg, D. (1985), Multivariate spatial correlation: a method for exploratory geographical analysis.
    Geographical Analysis 17.
    Lee, S.-I. (2001), Developing a bivariate spatial association measure: an integration of Pearson's r and
    Moran's I. Journal of Geographical Systems 3.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> turn = np.arange(n) / n * 2 * np.pi
    >>> waves = pd.DataFrame({"a": np.sin(turn), "b": np.sin(turn + 0.2)})
    >>> result = global_bivariate_moran(waves, ring, x="a", y="b", rates="none", seed=1)
    >>> print(f"{result.statistic:.3f} {result.p}")
    0.959 0.002
    """
    options = Options(
        permutations=permutations,
        alternative=alternative,
        null=null,
        rates=rates,
        transformation=transformation,
        seed=seed,
    )
    v.check_option("permute", permute, ("y", "pairs"))
    known, row, others = _read(data, graph, x, y, options)
    seed = resolve_seed(seed)
    chosen, areas = as_null(null), known.table.areas if known.table is not None else None
    names = [known.sectors[s] for s in others]
    columns = {name: np.full(len(others), np.nan) for name in (*NUMBERS, "correlation")}
    said, draws = chosen.summary(), int(permutations)
    first = known.values[row]
    values = np.where(np.isfinite(first), known.values[others], np.nan)
    for group in replace(known, sectors=names, values=values).groups():
        bound = chosen.bind(known.near.labels.take(group.areas), areas=areas)
        said, draws = words_of(bound), bound.draws(int(permutations))
        pair = _Pair(_standardised(first[group.areas]), group.z, link_up(group, transformation), permute)
        for name, numbers in _numbers(pair, bound, options, seed).items():
            columns[name][group.sectors] = numbers
    shared: dict[str, Any] = {
        "method": _METHOD, "areas": areas, "null": chosen.kind, "permutations": draws, "alternative": alternative,
        "null_words": f"{said} ({'the second moves alone' if permute == 'y' else 'both move together'})",
        "rates": known.rates, "transformation": transformation, "seed": seed, "family_size": len(names),
        "note": known.table.note if known.table is not None else "",
    }  # fmt: skip
    titles = {name: f"{known.titles[name]} around {known.titles[x]}" for name in names}
    correlation = columns.pop("correlation")
    return collect(
        names, columns, titles=titles, many=y is None, shared=shared, more={"correlation": correlation}
    )


class _Pair(NamedTuple):
    """One variable against others, all standardised among the areas where both are known."""

    x: Floats
    y: Floats
    links: Linked
    permute: str


def _read(
    data: SectorTable | pd.DataFrame, graph: Graph, x: str, y: str | None, options: Options
) -> tuple[v.Variables, int, list[int]]:
    if isinstance(data, pd.Series):
        raise OptionError(
            "CM-BIVARIATE-001",
            "one series is one variable",
            why="two variables are compared",
            fix="pd.DataFrame({'a': first, 'b': second}) with x='a', y='b'",
        )
    known = v.read_variables(data, graph, sector=None, rates=options.rates)
    for name in (x,) if y is None else (x, y):
        if name not in known.sectors:
            raise OptionError(
                "CM-SECTOR-001",
                f"the data has no sector {name!r}",
                fix=f"one of: {', '.join(map(repr, known.sectors[:10]))}",
            )
    row = known.sectors.index(x)
    others = [s for s, name in enumerate(known.sectors) if name != x and y in {None, name}]
    if not others:
        raise OptionError(
            "CM-BIVARIATE-001",
            f"there is nothing to compare {x!r} with",
            why="a variable against itself is the univariate statistic",
            fix=f"global_moran(data, graph, sector={x!r})",
        )
    for s in (row, *others) if len(others) == 1 else (row,):
        if not np.isfinite(known.values[s]).any():
            raise StatisticsError(
                "CM-MORAN-004",
                f"{known.sectors[s]!r} is constant, or hidden, in all of {plural(len(known.near), 'area')}",
                why="nothing goes with a constant",
                fix="another sector",
            )
    return known, row, others


def _standardised(values: Floats) -> Floats:
    off = values - values.mean()
    spread = np.sqrt((off * off).mean())
    nothing = spread <= _TIES * np.abs(values).max()
    return np.full_like(off, np.nan) if nothing else np.asarray(off / spread)


def _numbers(pair: _Pair, bound: BoundNull, options: Options, seed: int) -> dict[str, Floats]:
    links, total = pair.links, pair.links.total
    around = links.matrix.T @ pair.x  # Σ_i w_ij x_i at j: what y is held against
    first = np.repeat(pair.x[None, :], len(pair.y), axis=0)
    directed = links.directed()
    here = np.arange(len(pair.x), dtype=np.int32)[None, :]
    if pair.permute == "y":
        n = len(pair.x)
        mean = np.zeros(len(pair.y))
        variance = ((around - around.mean()) ** 2).sum() * (pair.y**2).sum(axis=1) / (n - 1)
    else:
        mean, variance = moments(links.sums, product_sums(first, pair.y), len(pair.x))

    def evaluate(places: Places) -> Floats:
        if pair.permute == "y":
            sums: list[Floats] = [(row[places] * around).sum(axis=1) for row in pair.y]
            return np.stack(sums, axis=1)
        return bilinear(first, pair.y, directed, places)

    observed = evaluate(here)[0]
    found = {
        "statistic": observed / total, "expected": mean / total, "variance": variance / total**2,
        "normality": np.full(len(observed), np.nan), "correlation": (pair.y * pair.x).mean(axis=1),
    }  # fmt: skip
    tails = evaluated(
        evaluate,
        bound,
        observed=observed,
        size=bilinear(np.abs(first), np.abs(pair.y), directed.sizes(), here)[0],
        work=pair.y.size,
        options=options,
        key=_KEY,
        seed=seed,
    )
    if tails is not None and bound.kind != "free":
        found |= {"expected": tails.mean / total, "variance": tails.variance / total**2}
    return found | tested(found, tails, options.alternative, 1)
