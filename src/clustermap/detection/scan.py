"""The graph scan: connected sets of areas with more of a sector than chance and a minimum effect allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers
from clustermap.detection.adjacency import links_of
from clustermap.detection.clusters import Clusters, footprint_km2
from clustermap.detection.kernels import set_keys
from clustermap.detection.rounds import Found, Problem, Searched, scan_sector, split_ratios
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed
from clustermap.schema import CLUSTER_COLUMNS, MEMBER_COLUMNS
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    from clustermap.progress import Progress
    from clustermap.schema import Background

__all__ = ["detect_clusters"]

Floats = npt.NDArray[np.float64]

_METHODS = ("scan",)
_BACKGROUNDS = ("minimum-effect", "homogeneous")
_DEFAULT_LQ = 1.25
_FEWEST_AREAS = 3


def detect_clusters(
    data: SectorTable | pd.DataFrame,
    graph: Any = None,
    *,
    sector: str | None = None,
    method: Literal["scan"] = "scan",
    background: Background = "minimum-effect",
    minimum_lq: float = _DEFAULT_LQ,
    penalty: float = 1.5,
    max_share: float = 0.25,
    permutations: int = 999,
    alpha: float = 0.05,
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> Clusters:
    """Find clusters of a sector that ignore administrative borders, by a graph scan.

    From every area with an excess a set grows greedily: the neighbour joins that raises
    ``log-likelihood ratio − penalty · (number of areas)`` most. The best value over all starts is tested
    against the same search on draws from the null, so p is family-wise over all connected sets.
    Further clusters are searched for on the areas that are left; sets that touch are joined where the
    joint value is larger than both values less ``log(number of areas)``, the price of placing a second one.

    Parameters
    ----------
    data : SectorTable or DataFrame of areas × sectors
        Whole numbers of firms. A frame without totals is taken to be the whole economy.
    graph : libpysal.graph.Graph, optional
        Which areas touch; ``contiguity(table.areas)`` where absent. An area without neighbours can only be
        a cluster by itself.
    sector : str, optional
        One sector; all, each by itself, where absent.
    method : {"scan"}
        The detector.
    background : {"minimum-effect", "homogeneous"}
        What is not a cluster. "minimum-effect": a location quotient up to `minimum_lq`, counts Poisson around
        it. "homogeneous": the national share everywhere, counts multinomial; on real economies, which are
        rough, this answers "some excess somewhere" with one huge set.
    minimum_lq : float
        The location quotient that an excess must pass; belongs to "minimum-effect".
    penalty : float
        Price of an area, in units of log-likelihood: a lower one finds more, a higher one is surer of what it finds.
    max_share : float
        No cluster holds a larger share of all areas.
    permutations : int
        Monte-Carlo replicates of the null.
    alpha : float
        Clusters with a family-wise p up to alpha are reported.
    seed : int, optional
        Draws are keyed by seed and sector; None draws a seed and records it.
    progress : callable or bool, optional
        Called with ``(done, total)``; True shows a bar.

    Returns
    -------
    Clusters
        Strongest first, named C1, C2, … by score, then by lowest area code. Empty, with its columns, where
        nothing stands out.

    Raises
    ------
    OptionError
        CM-SCAN-001 unknown method or background, CM-SCAN-002 an option out of range or of another background,
        CM-SCAN-003 no graph and no areas to make one.
    InputError
        CM-SCAN-004 a Series, CM-SCAN-005 not whole numbers of firms, CM-SCAN-006 more firms of a sector than firms.
    StatisticsError
        CM-SCAN-007 too few areas or no firm at all, CM-STAT-003 too few permutations for alpha.

    Notes
    -----
    Valid for: some excess beyond the background somewhere, against none anywhere. Membership has no error
    guarantee, and ratios of selected sets are too high on average. Under "homogeneous" the expectation of the
    second and later clusters is that of the remaining areas, and the null is drawn again. Under
    "minimum-effect" the expectation stays national, because that is the question, and later clusters are held
    against the draws over all areas, which is conservative. A found set whose national location quotient is not
    above 1 is never reported. Suppressed cells take no part.

    References
    ----------
    Kulldorff, M. (1997), A spatial scan statistic. Communications in Statistics 26(6).
    Duczmal, L. and Assunção, R. (2004), A simulated annealing strategy for the detection of arbitrarily
    shaped spatial clusters. Computational Statistics & Data Analysis 45(2).
    Zhang, Z., Assunção, R. and Kulldorff, M. (2010), Spatial scan statistics adjusted for multiple clusters.
    Journal of Probability and Statistics.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> chain = Graph.from_adjacency(pd.DataFrame({"focal": list("ABBCCD"), "neighbor": list("BACBDC"), "weight": 1}))
    >>> firms = pd.DataFrame({"steel": [90, 80, 10, 9], "rest": [910, 920, 990, 991]}, index=list("ABCD"))
    >>> found = detect_clusters(firms, chain, sector="steel", max_share=0.5, seed=7)
    >>> found.members["area"].tolist()
    ['A', 'B']
    """
    _check_options(method, background, minimum_lq, penalty, max_share, permutations, alpha)
    table = _table(data)
    sectors = table.sectors if sector is None else [table.sector(sector)]
    counts = {name: _whole(table, name) for name in sectors}
    graph = _graph(table, graph)
    indptr, indices = links_of(graph, table.labels)
    chosen = resolve_seed(seed)
    n = len(table.labels)
    problems = [
        Problem(
            sector=name,
            counts=counts[name],
            totals=table.area_totals.to_numpy(float),
            graph=(indptr, indices, set_keys(n)),
            minimum_lq=minimum_lq if background == "minimum-effect" else None,
            penalty=float(penalty),
            limit=max(1, int(np.floor(max_share * n + 1e-9))),
            permutations=permutations,
            alpha=alpha,
            seed=chosen,
        )
        for name in sectors
    ]
    with reporting(progress, "scan") as report:
        results = _run(problems, report)
    level = minimum_lq if background == "minimum-effect" else 1.0
    frame, members, split = _frames(table, problems, results, level)
    return Clusters(
        frame=frame,
        members=members,
        split_sample=split,
        searches=_searches(table, problems, results),
        areas=table.areas,
        graph=graph,
        table=table,
        method=method,
        background=background,
        minimum_lq=level,
        penalty=float(penalty),
        max_share=float(max_share),
        alpha=float(alpha),
        permutations=permutations,
        seed=chosen,
        null=_null(background, level),
        family_size=len(sectors),
    )


def _run(problems: list[Problem], report: Progress) -> list[Searched]:
    """Scan every sector; threads take sectors where there are many, blocks of draws where there is one."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers()) as pool:
        if len(problems) == 1:
            return [scan_sector(problems[0], pool.map, report)]
        results = []
        for searched in pool.map(scan_sector, problems):
            results.append(searched)
            report(len(results), len(problems))
    return results


def _frames(
    table: SectorTable, problems: list[Problem], results: list[Searched], level: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Put all clusters in order of score, then lowest code, then sector, and name them in this order."""
    found: list[tuple[Problem, Found, float]] = [
        (problem, one, ratio)
        for problem, searched in zip(problems, results, strict=True)
        for one, ratio in zip(searched.found, split_ratios(problem, searched.found), strict=True)
    ]
    found.sort(key=lambda pair: (-pair[1].score, int(pair[1].members[0]), pair[0].sector))
    codes, rows, members = table.labels, [], []
    for number, (problem, one, _) in enumerate(found, start=1):
        inside = list(codes[one.members])
        value, expected = problem.counts[one.members].sum(), problem.national[one.members].sum()
        rows.append(
            {
                "cluster": f"C{number}", "sector": problem.sector, "n_areas": len(inside), "n_firms": int(value),
                "value": value, "expected": expected, "relative_risk": value / expected, "score": one.score,
                "p": one.p, "p_field": np.nan, "level": level, "parent": pd.NA,
                "area_km2": footprint_km2(table.areas, inside),
            }
        )  # fmt: skip
        members += [(f"C{number}", code) for code in inside]
    kinds = dict.fromkeys(CLUSTER_COLUMNS, "float64") | {
        "cluster": "object", "sector": "object", "n_areas": "int64", "n_firms": "int64", "parent": "object",
    }  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(CLUSTER_COLUMNS)).astype(kinds)
    split = pd.Series(
        [ratio for *_, ratio in found], index=pd.Index(frame["cluster"]), dtype="float64", name="split_sample"
    )
    return frame, pd.DataFrame(members, columns=list(MEMBER_COLUMNS), dtype=object), split


def _searches(table: SectorTable, problems: list[Problem], results: list[Searched]) -> pd.DataFrame:
    rows = [
        {
            "sector": problem.sector,
            "total": float(np.nansum(problem.counts)),
            "n_clusters": len(searched.found),
            "best_score": searched.left.score if searched.left else np.nan,
            "best_p": searched.left.p if searched.left else np.nan,
            "best_areas": list(table.labels[searched.left.members]) if searched.left else [],
        }
        for problem, searched in zip(problems, results, strict=True)
    ]
    return pd.DataFrame(rows)


def _null(background: Background, level: float) -> str:
    if background == "homogeneous":
        return "every area has the national share; counts multinomial given the sector's total"
    return f"every area has {level:g} times the national share; counts Poisson"


def _table(data: SectorTable | pd.DataFrame) -> SectorTable:
    if isinstance(data, pd.Series):
        raise InputError(
            "CM-SCAN-004",
            "a Series has no totals to hold its counts against",
            why="many firms may only mean a large place; a cluster is an excess over the area's share",
            fix="SectorTable.from_values(counts.to_frame('steel'), area_totals=all_firms)",
        )
    table = as_table(data)
    if len(table.labels) < _FEWEST_AREAS or table.total <= 0:
        raise StatisticsError(
            "CM-SCAN-007",
            f"{len(table.labels)} areas with {table.total:g} firms in all cannot be scanned",
            why="a cluster stands out against other areas: at least three, and firms in them",
            fix="cm.tabulate(firms, areas, sectors=…) with more areas",
        )
    return table


def _whole(table: SectorTable, sector: str) -> Floats:
    """Return the counts of a sector; NaN where suppressed."""
    counts: Floats = table.column(sector).to_numpy(float)
    known = np.isfinite(counts)
    broken = np.flatnonzero(known & (counts != np.round(counts)))
    if table.measure != "firms" or len(broken):
        what = (
            f"{len(broken)} of {len(counts)} values are not whole" if len(broken) else "the values count jobs"
        )
        raise InputError(
            "CM-SCAN-005",
            f"{sector!r} is not a number of firms: {what}",
            why="jobs come in lumps and shares in parts: the Poisson null would call chance a cluster",
            fix='cm.tabulate(firms, areas, sectors=…, value="firms", overlap="primary")',
        )
    totals = table.area_totals.to_numpy(float)
    over = np.flatnonzero(known & (counts > totals))
    if len(over):
        raise InputError(
            "CM-SCAN-006",
            f"{len(over)} of {len(counts)} areas have more firms of {sector!r} than firms: "
            f"{list(table.labels[over[:5]])}",
            why="the expected number follows from the area's total",
            fix="SectorTable.from_values(values, area_totals=all_firms_by_area)",
        )
    return counts


def _graph(table: SectorTable, graph: Any) -> Any:
    if graph is not None:
        return graph
    if table.areas is None:
        raise OptionError(
            "CM-SCAN-003",
            "there is no graph, and the table has no areas to make one",
            fix="cm.detect_clusters(table, cm.contiguity(areas))",
        )
    from clustermap.weights.contiguities import contiguity

    return contiguity(table.areas)


def _check_options(  # noqa: PLR0917 - the options of the verb, in its order
    method: str,
    background: str,
    minimum_lq: float,
    penalty: float,
    max_share: float,
    permutations: int,
    alpha: float,
) -> None:
    for value, known, name in ((method, _METHODS, "method"), (background, _BACKGROUNDS, "background")):
        if value not in known:
            raise OptionError(
                "CM-SCAN-001",
                f"{name}={value!r} does not exist",
                fix=f"{name}= one of: {', '.join(map(repr, known))}",
            )
    faults = [
        (
            background == "homogeneous" and minimum_lq not in {1.0, _DEFAULT_LQ},
            "minimum_lq belongs to background='minimum-effect'",
        ),
        (not (np.isfinite(minimum_lq) and minimum_lq >= 1), f"minimum_lq={minimum_lq!r} is not a number from 1 up"),
        (not (np.isfinite(penalty) and penalty >= 0), f"penalty={penalty!r} is not a number from 0 up"),
        (not 0 < max_share <= 1, f"max_share={max_share!r} is not a share"),
        (not 0 < alpha < 1, f"alpha={alpha!r} is not between 0 and 1"),
        (permutations < 1, f"permutations={permutations!r} is not a positive number"),
    ]  # fmt: skip
    for wrong, what in faults:
        if wrong:
            raise OptionError(
                "CM-SCAN-002",
                what,
                fix="minimum_lq=1.25, penalty=1.5, max_share=0.25, alpha=0.05, permutations=999",
            )
    if 1 / (permutations + 1) > alpha:
        raise StatisticsError(
            "CM-STAT-003",
            f"{permutations} permutations cannot reject at {alpha}",
            why=f"the smallest p is {1 / (permutations + 1):.3g}",
            fix=f"permutations={int(np.ceil(1 / alpha)) - 1} or more; 999 is usual",
        )
