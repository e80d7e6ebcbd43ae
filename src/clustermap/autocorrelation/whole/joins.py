"""Global join counts: whether neighbours are of one kind more often than chance has it; moments exact."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.bound_nulls import Strata
from clustermap.autocorrelation.kinds import Kinds, read_kinds
from clustermap.autocorrelation.moments import joined_sums, moments, product_sums
from clustermap.autocorrelation.nulls import as_null
from clustermap.autocorrelation.whole.engine import Form, Linked, link_up, quadratic
from clustermap.autocorrelation.whole.join_counts import JoinCounts
from clustermap.autocorrelation.whole.run import Options, evaluated, tested, words_of
from clustermap.randomness import resolve_seed
from clustermap.schema import JOIN_COLUMNS

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.autocorrelation.bound_nulls import BoundNull, Places
    from clustermap.autocorrelation.nulls import Null
    from clustermap.schema import Alternative, Transformation

__all__ = ["global_join_count"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def global_join_count(
    data: pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    null: Null | str = "free",
    transformation: Transformation = "binary",
    seed: int | None = None,
) -> JoinCounts:
    r"""Count neighbours of the same kind and of different kinds, against what chance has.

    Areas that are marked are black (B), the others white (W): :math:`BB = \frac12 \sum_{ij} w_{ij} x_i x_j`,
    :math:`WW` the same with :math:`1 - x`, and :math:`BW` the rest of all joins. With more kinds than two, every
    kind and every pair of kinds is counted.

    Parameters
    ----------
    data : pandas.Series or pandas.DataFrame
        One kind per area, indexed by code: True/False, 1/0, or any text or category; in a frame, one variable a
        column.
    graph : libpysal.graph.Graph
        Who neighbours whom.
    sector : str, optional
        One column of a frame; all of them where absent.
    permutations : int
        Arrangements drawn; 0 gives the exact moments and `p_normal` alone.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: more such joins than expected.
    null : "free" or a null of ``clustermap.nulls``
        Which arrangements of the kinds are equally likely; moments are exact where they move freely (the
        literature's "sampling without replacement", or "non-free").
    transformation : {"binary", "row"}
        Each link is one join of two areas, or those of an area sum to 1.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    JoinCounts
        One row per variable and kind of join; `expected_independent` and `variance_independent` are those where
        every area draws its kind by itself with the observed shares ("free sampling").

    Raises
    ------
    InputError
        CM-JOIN-001: values that are no kinds, or too many kinds.
    StatisticsError
        CM-JOIN-002: one kind only. CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-008: negative weights. CM-NULL-001: no null model.
        CM-SECTOR-001: an unknown column.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or areas without a kind.

    References
    ----------
    Moran, P. A. P. (1948), The interpretation of statistical maps. Journal of the Royal Statistical Society B 10.
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> counts = global_join_count(pd.Series([True] * 10 + [False] * 20), ring, seed=1)
    >>> counts.frame.set_index("joins")["statistic"].to_dict()
    {'BB': 9.0, 'BW': 2.0, 'WW': 19.0}
    >>> counts.of("BB").p
    0.002
    """
    options = Options(
        permutations=permutations,
        alternative=alternative,
        null=null,
        rates="none",
        transformation=transformation,
        seed=seed,
    )
    seed = resolve_seed(seed)
    known = read_kinds(data, graph, sector)
    links = link_up(known.group(), transformation)
    bound = as_null(null).bind(known.near.labels)
    joins = _joins(known)
    columns = _numbers(joins, links, bound, options, seed)
    named: dict[str, Any] = {"sector": [known.sectors[s] for s in joins.sector], "joins": joins.names}
    frame = pd.DataFrame({**named, **columns, "permutations": bound.draws(permutations)})
    return JoinCounts(
        frame=frame[list(JOIN_COLUMNS)],
        sectors=tuple(known.sectors),
        null=bound.kind,
        null_words=words_of(bound, exact_mean=True),
        permutations=bound.draws(permutations),
        alternative=alternative,
        rates="none",
        transformation=transformation,
        seed=seed,
        family_size=len(frame),
    )


class _Joins(NamedTuple):
    """Indicators of kinds and of pairs of kinds, and which rows of them make which join."""

    values: Floats
    first: Ints
    second: Ints
    both: Ints  # row of the sum of two kinds; −1 where a kind joins itself
    sector: Ints
    names: list[str]

    def counted(self, sums: Floats) -> Floats:
        """Turn sums over links of the indicators into numbers of joins."""
        alike = sums[..., self.first] / 2
        apart = (sums[..., self.both] - sums[..., self.first] - sums[..., self.second]) / 2
        return np.where(self.both < 0, alike, apart)


def _joins(known: Kinds) -> _Joins:
    rows: list[npt.NDArray[np.bool_]] = []
    pairs: list[tuple[int, int, int, int, str]] = []
    for s, (codes, names) in enumerate(zip(known.codes, known.names, strict=True)):
        start = len(rows)
        rows += [codes == k for k in range(len(names))]
        found = [(start + k, start + k, -1, s, known.join_name(s, k, k)) for k in range(len(names))]
        for j, k in combinations(range(len(names)), 2):
            found.append((start + j, start + k, len(rows), s, known.join_name(s, j, k)))
            rows.append(rows[start + j] | rows[start + k])
        pairs += sorted(found, key=lambda row: (row[0], row[1]))
    first, second, both, sector = (np.array(x, dtype=np.int64) for x in list(zip(*pairs, strict=True))[:4])
    return _Joins(np.array(rows, dtype=np.float64), first, second, both, sector, [row[4] for row in pairs])


def _numbers(
    joins: _Joins, links: Linked, bound: BoundNull, options: Options, seed: int
) -> dict[str, Floats]:
    form = links.form()
    here = np.arange(joins.values.shape[1], dtype=np.int32)[None, :]

    def evaluate(places: Places) -> Floats:
        return joins.counted(quadratic(joins.values, form, places))

    observed = evaluate(here)[0]
    mean, variance = _moments(joins, links)
    found = {"statistic": observed, "expected": mean, "variance": variance}
    tails = evaluated(
        evaluate,
        bound,
        observed=observed,
        size=np.full(len(observed), links.total),
        work=form.weights.size * len(joins.values),
        options=options,
        key="global-join-count",
        seed=seed,
    )
    if tails is not None and bound.kind != "free":
        found["variance"] = tails.variance
        found["expected"] = _mean_within(joins, form, bound, tails.mean)
    independent = _independent(joins, links)
    return found | independent | tested(found, tails, options.alternative, 1)


def _mean_within(joins: _Joins, form: Form, bound: BoundNull, fallback: Floats) -> Floats:
    if not isinstance(bound, Strata):
        return fallback
    return joins.counted(form.mean_within(joins.values, bound.strata))


def _moments(joins: _Joins, links: Linked) -> tuple[Floats, Floats]:
    """Return mean and variance of every join over all arrangements of the kinds."""
    n = joins.values.shape[1]
    first, second = joins.values[joins.first], joins.values[joins.second]
    alike = moments(links.sums, product_sums(first, first), n)
    apart = moments(links.sums, joined_sums(first, second), n)
    mean, variance = (np.where(joins.both < 0, a, b) for a, b in zip(alike, apart, strict=True))
    return mean / 2, variance / 4


def _independent(joins: _Joins, links: Linked) -> dict[str, Floats]:
    """Return mean and variance where every area draws its kind by itself (Cliff and Ord 1981)."""
    sums = links.sums
    s0, s1 = float(sums.total), float(sums.squares + sums.returns)
    s2 = float(sums.rows + sums.columns + 2 * sums.through)
    p, q = (joins.values[rows].mean(axis=1) for rows in (joins.first, joins.second))
    alike = s1 * p**2 + (s2 - 2 * s1) * p**3 + (s1 - s2) * p**4
    apart = 2 * s1 * p * q + (s2 - 2 * s1) * p * q * (p + q) + 4 * (s1 - s2) * (p * q) ** 2
    same = joins.both < 0
    return {
        "expected_independent": np.where(same, s0 * p**2 / 2, s0 * p * q),
        "variance_independent": np.where(same, alike, apart) / 4,
    }
