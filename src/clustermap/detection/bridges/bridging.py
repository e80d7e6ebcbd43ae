"""The verb of gap bridging: two clusters that one weak area keeps apart, and the authority it lies in."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers
from clustermap.detection.bridges.kernels import FREE, bridged_maxima, pair_bridge
from clustermap.detection.bridges.results import Bridges
from clustermap.detection.clusters import Clusters
from clustermap.detection.scan.kernels import score
from clustermap.detection.scan.likelihoods import Stated, null_maps, stated
from clustermap.detection.scan.rounds import Found, Searched
from clustermap.detection.scan.scanning import frames_of
from clustermap.detection.stability.area_copies import problems_behind
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.randomness import resolve_seed, stream
from clustermap.schema import BRIDGE_COLUMNS
from clustermap.tables.shares import NOBODY, as_authorities, authority_shares

if TYPE_CHECKING:
    from clustermap.detection.scan.problems import Problem
    from clustermap.sources.values import Areas, Lookup

__all__ = ["bridges"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 50  # replicates drawn from one stream; part of what a seed means
_SETS = 8  # sets of a draw that may be joined
_TIE = 1e-9


@dataclass(slots=True, eq=False)
class _Part:
    """A cluster, or several that were joined."""

    names: list[str]
    members: Ints
    value: float
    p: float
    p_field: float


@dataclass(slots=True, eq=False)
class _Gap:
    """The cheapest chain between two parts."""

    a: list[str]
    b: list[str]
    areas: Ints
    gain: float
    score: float
    p: float = field(default=float("nan"))
    closed: bool = False


def bridges(
    clusters: Clusters,
    authorities: Areas | Lookup | pd.Series | None = None,
    *,
    most: int = 3,
    permutations: int | None = None,
    seed: int | None = None,
) -> Bridges:
    """Close gaps between clusters of a sector where one cluster describes the counts better than two.

    Two clusters S₁ and S₂ that do not touch are joined through a chain g of at most `most` areas where the penalised
    score V of all three together is larger than V(S₁), V(S₂) and V(S₁) + V(S₂) − log n: the second cluster costs what
    it takes to say where among n areas it starts, every gap area costs the penalty and what it lacks. The pair with
    the largest gain is joined first.

    Parameters
    ----------
    clusters : Clusters
        What detection returned, against the minimum effect or an even background.
    authorities : Areas, GeoDataFrame, Lookup or pandas.Series, optional
        Whose areas the gaps are: the gap authorities are named.
    most : int
        Longest chain of gap areas, from 1 up.
    permutations : int, optional
        Replicates of the null; those of the detection where absent.
    seed : int, optional
        Draws are keyed by seed, sector and level; None draws a seed and records it.

    Returns
    -------
    Bridges
        Every pair with a gap of at most `most` areas, closed or not, and the clusters with closed gaps inside.

    Raises
    ------
    InputError
        CM-BRIDGE-001: no clusters of a graph scan against the minimum effect or an even background.
    OptionError
        CM-BRIDGE-002: `most` or `permutations` out of range.
    StatisticsError
        CM-STAT-003: too few permutations for alpha.

    Notes
    -----
    Without a price on the second cluster nothing would ever be joined through a deficit: the Poisson score of a union
    is at most the sum of the scores of its parts. In every draw of the null the eight strongest sets are found and
    joined in the same way, and p holds the joint score against the best of them: valid for some excess somewhere
    against none, as the p of the scan. The ratios are too high on average, as in the scan. Later rounds of an even
    background take the expectation of the first.

    References
    ----------
    Kulldorff, M. (1997), A spatial scan statistic. Communications in Statistics 26(6).
    Zhang, Z., Assunção, R. and Kulldorff, M. (2010), Spatial scan statistics adjusted for multiple clusters.
    Journal of Probability and Statistics.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> from clustermap import detect_clusters
    >>> row = list("ABCDEFGHIJKL")
    >>> links = [(a, b) for a, b in zip(row, row[1:])] + [(b, a) for a, b in zip(row, row[1:])]
    >>> chain = Graph.from_adjacency(pd.DataFrame(links, columns=["focal", "neighbor"]).assign(weight=1))
    >>> counts = {"steel": [10] * 4 + [70, 1, 70] + [10] * 5, "rest": [990] * 5 + [49] + [990] * 6}
    >>> firms = pd.DataFrame(counts, index=row)
    >>> found = detect_clusters(firms, chain, sector="steel", max_share=0.5, penalty=0.5, seed=1)
    >>> len(found.frame)
    2
    >>> bridges(found, pd.Series("West", index=row), seed=1).frame[["areas", "authorities"]].values.tolist()
    [[['F'], ['West']]]
    """
    _check(clusters, most, permutations)
    seed = resolve_seed(seed)
    draws = clusters.permutations if permutations is None else int(permutations)
    gaps: list[tuple[Problem, _Gap]] = []
    problems, results = [], []
    for problem, names in problems_behind(clusters):
        usable = problem.known
        given = stated(problem, np.where(usable, problem.counts, 0.0), usable)
        parts = _parts(clusters, problem, given, names)
        asked = replace(problem, permutations=draws, seed=seed)
        found = _closed(asked, given, parts, int(most))
        gaps += [(problem, gap) for gap in found]
        problems.append(problem)
        one = [Found(members=part.members, score=part.value, p=part.p) for part in parts]
        results.append(Searched(found=one, left=None, p_field=tuple(part.p_field for part in parts)))
    joined = _renamed(clusters, problems, results)
    return Bridges(
        frame=_frame(joined, gaps, authorities),
        clusters=joined,
        most=int(most),
        permutations=draws,
        seed=seed,
        null=clusters.null,
    )


def _check(clusters: Clusters, most: int, permutations: int | None) -> None:
    known = isinstance(clusters, Clusters) and clusters.method == "scan"
    if not known or clusters.background not in {"minimum-effect", "homogeneous"}:
        told = (
            f"{clusters.method}, {clusters.background}"
            if isinstance(clusters, Clusters)
            else type(clusters).__name__
        )
        raise InputError(
            "CM-BRIDGE-001",
            f"gaps between clusters of another kind: {told}",
            why="a gap is closed where the score of the scan gains; a field has no score that sums over sets",
            fix='cm.bridges(cm.detect_clusters(table, graph, background="minimum-effect"))',
        )
    for value, name in ((most, "most"), (1 if permutations is None else permutations, "permutations")):
        try:
            right = operator.index(value) >= 1
        except TypeError:
            right = False
        if not right:
            raise OptionError(
                "CM-BRIDGE-002",
                f"{name}={value!r} is not a whole number from 1 up",
                fix="most=3, permutations=999",
            )
    if permutations is not None and 1 / (permutations + 1) > clusters.alpha:
        raise StatisticsError(
            "CM-STAT-003",
            f"{permutations} permutations cannot reject at {clusters.alpha}",
            why=f"the smallest p is {1 / (permutations + 1):.3g}",
            fix=f"permutations={int(np.ceil(1 / clusters.alpha)) - 1} or more; 999 is usual",
        )


def _parts(clusters: Clusters, problem: Problem, given: Stated, names: list[str]) -> list[_Part]:
    rows = clusters.frame.set_index("cluster")
    out = []
    for name in names:
        own = clusters.members.loc[clusters.members["cluster"] == name, "area"]
        members = np.sort(clusters.table.labels.get_indexer(own))
        c, e = given.counts[members].sum(), given.expected[members].sum()
        value = float(score(c, e, given.total, given.share)) - problem.penalty * len(members)
        row = rows.loc[name]
        out.append(_Part([name], members, value, float(row["p"]), float(row["p_field"])))
    return out


def _closed(problem: Problem, given: Stated, parts: list[_Part], most: int) -> list[_Gap]:
    """Close the gaps that gain, the largest gain first; `parts` become the joint clusters. Return all gaps."""
    closed: list[_Gap] = []
    refused: dict[frozenset[str], float] = {}
    nulls = np.empty(0)
    while True:
        gaps = [
            (gap, i, j)
            for i in range(len(parts))
            for j in range(i + 1, len(parts))
            if (gap := _gap(problem, given, parts, (i, j), most)) is not None
        ]
        tried = [(g, i, j) for g, i, j in gaps if g.gain > 0 and frozenset(g.a + g.b) not in refused]
        if not tried:
            for gap, _, _ in gaps:
                gap.p = refused.get(frozenset(gap.a + gap.b), np.nan)
            return closed + sorted((gap for gap, _, _ in gaps), key=lambda gap: -gap.gain)
        best, i, j = max(tried, key=lambda row: row[0].gain)
        if not len(nulls):
            nulls = _nulls(problem, given, most)
        best.p = float(1 + (nulls >= best.score - _TIE * max(1.0, best.score)).sum()) / (len(nulls) + 1)
        if best.p > problem.alpha:
            refused[frozenset(best.a + best.b)] = best.p
            continue
        best.closed = True
        closed.append(best)
        members = np.sort(np.concatenate([parts[i].members, parts[j].members, best.areas]))
        parts[i] = _Part(parts[i].names + parts[j].names, members, best.score, best.p, float("nan"))
        del parts[j]


def _gap(
    problem: Problem, given: Stated, parts: list[_Part], pair: tuple[int, int], most: int
) -> _Gap | None:
    """Return the cheapest chain between two parts; None where they touch or lie too far apart."""
    label = np.where(problem.known, FREE, FREE - 1).astype(np.int64)
    for number, part in enumerate(parts):
        label[part.members] = number
    path = np.empty(most, dtype=np.int64)
    first, second = pair
    value, length = pair_bridge(
        first, second, label, given.counts, given.expected, problem.graph[0], problem.graph[1],
        (given.total, given.share), problem.penalty, problem.limit, path,
    )  # fmt: skip
    if not length:
        return None
    one, two = parts[first], parts[second]
    apart = max(one.value, two.value, one.value + two.value - float(np.log(len(label))))
    return _Gap(one.names, two.names, path[:length].copy(), float(value) - apart, float(value))


def _nulls(problem: Problem, given: Stated, most: int) -> Floats:
    """Search draws of the null and close their gaps; every block has its own stream."""
    from concurrent.futures import ThreadPoolExecutor

    level = 1.0 if problem.minimum_lq is None else problem.minimum_lq

    def block(start: int) -> Floats:
        size = min(_BLOCK, problem.permutations - start)
        rng = stream(problem.seed, "bridges", problem.sector, str(level), start // _BLOCK)
        counts, expected = null_maps(problem, given, problem.known, size, rng)
        found: Floats = bridged_maxima(
            counts, expected, problem.known, problem.graph, (given.total, given.share), problem.penalty,
            problem.limit, _SETS, most,
        )  # fmt: skip
        return found

    with ThreadPoolExecutor(workers()) as pool:
        return np.concatenate(list(pool.map(block, range(0, problem.permutations, _BLOCK))))


def _renamed(clusters: Clusters, problems: list[Problem], results: list[Searched]) -> Clusters:
    """Name the clusters anew: a closed gap changes who is the strongest."""
    frame, members, split = frames_of(clusters.table, problems, results)
    searches = clusters.searches.copy()
    for problem, searched in zip(problems, results, strict=True):
        level = 1.0 if problem.minimum_lq is None else problem.minimum_lq
        mine = (searches["sector"] == problem.sector) & (searches["level"] == level)
        searches.loc[mine, "n_clusters"] = len(searched.found)
    return replace(
        clusters,
        frame=frame,
        members=members,
        split_sample=split,
        searches=searches,
        support=None,
        stability=None,
    )


def _frame(joined: Clusters, gaps: list[tuple[Problem, _Gap]], authorities: Any) -> pd.DataFrame:
    labels = joined.table.labels
    held = joined.members.groupby("area")["cluster"].apply(set).to_dict()
    level_of = joined.frame.set_index("cluster")[["sector", "level"]]
    shares = None
    if authorities is not None and gaps:
        shares = authority_shares(
            labels, as_authorities(authorities), areas=joined.areas, overlap="fractional"
        )
    rows = []
    for problem, gap in gaps:
        level = 1.0 if problem.minimum_lq is None else problem.minimum_lq
        areas = list(labels[gap.areas])
        mine = [
            c for c in held.get(areas[0], ()) if tuple(level_of.loc[c]) == (problem.sector, level)
        ]  # fmt: skip
        value, expected = float(problem.counts[gap.areas].sum()), float(problem.national[gap.areas].sum())
        rows.append(
            (
                " + ".join(gap.a), " + ".join(gap.b), problem.sector, level, areas, _names(shares, areas), value,
                expected, value / expected if expected else np.nan, gap.gain, gap.score, gap.p,
                mine[0] if gap.closed and mine else pd.NA,
            )
        )  # fmt: skip
    text = ("a", "b", "sector", "areas", "authorities", "joined")
    kinds = dict.fromkeys(BRIDGE_COLUMNS, "float64") | dict.fromkeys(text, "object")
    return pd.DataFrame(rows, columns=list(BRIDGE_COLUMNS)).astype(kinds)


def _names(shares: Any, areas: list[Any]) -> list[str]:
    """Name the authorities that hold gap areas, the one that holds most first."""
    if shares is None:
        return []
    own = shares.frame[shares.frame["area"].isin(areas) & (shares.frame["authority"] != NOBODY)]
    sums = own.groupby("authority")["share"].sum()
    order = sorted(sums.index, key=lambda a: (-sums[a], str(a)))
    return [str(shares.names[a]) for a in order]
