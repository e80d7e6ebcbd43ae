"""The graph scan over all sectors and levels: connected sets with more of a sector than the background allows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import one_thread_a_product, workers
from clustermap.detection.adjacency import links_of
from clustermap.detection.clusters import Clusters, footprint_km2
from clustermap.detection.scan.field_rounds import field_split_ratios, p_against_field, scan_auto, scan_field
from clustermap.detection.scan.inputs import field_places, levels_of, places
from clustermap.detection.scan.kernels import set_keys
from clustermap.detection.scan.laws import check_share, given_counts
from clustermap.detection.scan.rounds import Found, Problem, Searched, scan_sector, split_ratios
from clustermap.detection.scan.settings import PRICES, Settings
from clustermap.progress import reporting
from clustermap.schema import CLUSTER_COLUMNS, MEMBER_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.progress import Progress
    from clustermap.tables.table import SectorTable

__all__ = ["frames_of", "problems_of", "scan_table"]

Floats = npt.NDArray[np.float64]

_FIELD_DRAWS = 199
_MOST = 0.5


def scan_table(
    table: SectorTable,
    graph: Any,
    *,
    sectors: list[str],
    settings: Settings,
    progress: Progress | bool | None,
    plants: pd.DataFrame | None = None,
) -> Clusters:
    """Scan sectors at every level and put the clusters in one result."""
    at = field_places(table, settings.background)
    problems = problems_of(table, graph, sectors=sectors, settings=settings, plants=plants)
    for problem in problems:
        check_share(problem)
    with reporting(progress, "scan") as report, one_thread_a_product():
        results = _run(problems, settings, at, report)
    frame, members, split = frames_of(table, problems, results)
    return Clusters(
        frame=frame,
        members=members,
        split_sample=split,
        searches=_searches(table, problems, results),
        areas=table.areas,
        graph=graph,
        table=table,
        method=settings.method,
        background=settings.background,
        minimum_lq=settings.minimum_lq if settings.background == "minimum-effect" else 1.0,
        levels=levels_of(settings),
        penalty=settings.price,
        max_share=float(settings.max_share),
        alpha=float(settings.alpha),
        permutations=settings.permutations,
        seed=settings.seed,
        likelihood=settings.likelihood,
        plants=plants,
        null=_null(settings),
        family_size=len(sectors),
    )


def problems_of(
    table: SectorTable,
    graph: Any,
    *,
    sectors: list[str],
    settings: Settings,
    plants: pd.DataFrame | None = None,
) -> list[Problem]:
    """State every sector at every level as a problem of its own."""
    indptr, indices = links_of(graph, table.labels)
    n = len(table.labels)
    effect = settings.background == "minimum-effect"
    return [
        Problem(
            sector=name,
            counts=counts,
            totals=table.area_totals.to_numpy(float),
            graph=(indptr, indices, set_keys(n)),
            minimum_lq=level if effect else None,
            penalty=settings.price,
            limit=max(1, int(np.floor(settings.max_share * n + 1e-9))),
            permutations=settings.permutations,
            alpha=settings.alpha,
            seed=settings.seed,
            likelihood=settings.likelihood,
            plants=sites,
        )
        for name, counts, sites in given_counts(table, sectors, settings, plants)
        for level in levels_of(settings)
    ]


def _method(settings: Settings, at: Floats | None) -> Callable[..., Searched]:
    """Return how one sector is searched against the background asked for."""
    if settings.background in {"field", "auto"} and at is not None:
        return partial(scan_field if settings.background == "field" else scan_auto, at=at)

    return scan_sector


def _against_field(
    levels: list[Problem],
    searched: list[Searched],
    at: Floats,
    settings: Settings,
    spread: Callable[..., Any],
) -> list[Searched]:
    """Hold the clusters of all levels against one background of the sector, fitted without the strongest one."""
    found = [one for part in searched for one in part.found]
    if not found or levels[0].likelihood == "jobs":
        return searched
    fair, draws = replace(levels[0], penalty=PRICES["field"]), min(settings.permutations, _FIELD_DRAWS)
    p, background = p_against_field(fair, at, found, permutations=draws, spread=spread)
    ends = np.cumsum([0, *(len(part.found) for part in searched)])
    return [
        replace(part, p_field=p[start:end], background=background if part.found else None)
        for part, start, end in zip(searched, ends[:-1], ends[1:], strict=True)
    ]


def _run(problems: list[Problem], settings: Settings, at: Floats | None, report: Progress) -> list[Searched]:
    """Scan every problem; threads take sectors where there are many, blocks of draws where there is one."""
    from concurrent.futures import ThreadPoolExecutor

    scan = _method(settings, at)
    sectors: dict[str, list[Problem]] = {}
    for problem in problems:
        sectors.setdefault(problem.sector, []).append(problem)

    def sector(
        levels: list[Problem], spread: Callable[..., Any] = map, report: Progress | None = None
    ) -> list[Searched]:
        searched = []
        for number, problem in enumerate(levels):
            told = None if report is None else partial(_part, report, number, len(levels))
            searched.append(scan(problem, spread=spread, report=told))
        if settings.background == "minimum-effect" and at is not None:
            return _against_field(levels, searched, at, settings, spread)
        return searched

    with ThreadPoolExecutor(workers()) as pool:
        if len(sectors) == 1:
            return sector(problems, spread=pool.map, report=report)
        results: list[Searched] = []
        for searched in pool.map(sector, sectors.values()):
            results += searched
            report(len(results), len(problems))
    return results


def _part(report: Progress, number: int, of: int, done: int, total: int) -> None:
    report(number * total + done, of * total)


def frames_of(
    table: SectorTable, problems: list[Problem], results: list[Searched]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Put all clusters in order of level, score, lowest code and sector, and name them in this order."""
    found: list[tuple[Problem, Found, float, float]] = [
        (problem, one, ratio, p_field)
        for problem, searched in zip(problems, results, strict=True)
        for one, ratio, p_field in zip(
            searched.found,
            _split_ratios(table, problem, searched),
            searched.p_field or (np.nan,) * len(searched.found),
            strict=True,
        )
    ]
    found.sort(
        key=lambda row: (row[0].minimum_lq or 1.0, -row[1].score, int(row[1].members[0]), row[0].sector)
    )
    codes, rows, members = table.labels, [], []
    parents = _parents(
        [(problem.minimum_lq or 1.0, problem.sector, one.members) for problem, one, *_ in found]
    )
    for number, (problem, one, _, p_field) in enumerate(found, start=1):
        inside = list(codes[one.members])
        value, expected = problem.counts[one.members].sum(), problem.national[one.members].sum()
        rows.append(
            {
                "cluster": f"C{number}", "sector": problem.sector, "n_areas": len(inside),
                "n_firms": int(value if problem.plants is None else np.isin(problem.plants.area, one.members).sum()),
                "value": value, "expected": expected, "relative_risk": value / expected, "score": one.score,
                "p": one.p, "p_field": p_field, "level": problem.minimum_lq or 1.0, "parent": parents[number - 1],
                "area_km2": footprint_km2(table.areas, inside),
            }
        )  # fmt: skip
        members += [(f"C{number}", code) for code in inside]
    kinds = dict.fromkeys(CLUSTER_COLUMNS, "float64") | {
        "cluster": "object", "sector": "object", "n_areas": "int64", "n_firms": "int64", "parent": "object",
    }  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(CLUSTER_COLUMNS)).astype(kinds)
    split = pd.Series(
        [ratio for _, _, ratio, _ in found],
        index=pd.Index(frame["cluster"]),
        dtype="float64",
        name="split_sample",
    )
    return frame, pd.DataFrame(members, columns=list(MEMBER_COLUMNS), dtype=object), split


def _split_ratios(table: SectorTable, problem: Problem, searched: Searched) -> list[float]:
    """Select on halves as the clusters themselves were selected."""
    at = places(table)
    fitted = problem.minimum_lq is None and searched.background is not None and searched.background[0] > 0
    if fitted and at is not None and searched.found:
        return field_split_ratios(problem, searched.found, at=at)
    return split_ratios(problem, searched.found)


def _parents(found: list[tuple[float, str, npt.NDArray[np.int64]]]) -> list[Any]:
    """Name, for each cluster, the one of the next lower level that holds most of its areas."""
    out = []
    for level, sector, members in found:
        lower = max((t for t, s, _ in found if t < level and s == sector), default=None)
        held = [
            (np.isin(members, others).mean(), number)
            for number, (t, s, others) in enumerate(found, start=1)
            if t == lower and s == sector
        ]
        share, number = max(held, default=(0.0, 0), key=lambda pair: (pair[0], -pair[1]))
        out.append(f"C{number}" if share > _MOST else pd.NA)
    return out


def _searches(table: SectorTable, problems: list[Problem], results: list[Searched]) -> pd.DataFrame:
    rows = [
        {
            "sector": problem.sector,
            "level": problem.minimum_lq or 1.0,
            "total": float(np.nansum(problem.counts)),
            "n_clusters": len(searched.found),
            "best_score": searched.left.score if searched.left else np.nan,
            "best_p": searched.left.p if searched.left else np.nan,
            "best_areas": list(table.labels[searched.left.members]) if searched.left else [],
            **_estimated(searched),
            "dispersion": searched.dispersion,
        }
        for problem, searched in zip(problems, results, strict=True)
    ]
    return pd.DataFrame(rows)


def _estimated(searched: Searched) -> dict[str, float]:
    """Put the background as estimated in words of its own: log-sd, reach, share without structure."""
    variance, reach, nugget = searched.background or (np.nan, np.nan, np.nan)
    return {
        "roughness": float(np.sqrt(variance)),
        "reach_km": reach / 1000 if variance > 0 else np.nan,
        "unstructured": nugget if variance > 0 else np.nan,
    }


def _null(settings: Settings) -> str:
    law = {
        "poisson": "counts Poisson",
        "binomial": "each firm of an area of the sector with this share",
        "overdispersed": "rates vary between areas as estimated (Gamma), counts Poisson around them",
        "jobs": "plants of the observed sizes, as many as chance throws",
    }[settings.likelihood]
    if settings.background == "homogeneous":
        given = {
            "poisson": "counts multinomial given the sector's total",
            "binomial": "which firms are of the sector is drawn, given their number (hypergeometric)",
            "jobs": "plants of the observed sizes thrown by the areas' shares",
        }.get(settings.likelihood, law)
        return f"every area has the national share; {given}"
    if settings.background == "field":
        return "a smooth background fitted to the map, counts Poisson around it"
    if settings.background == "auto":
        return "a smooth background fitted to the map where it is rough, the national share everywhere where it is not"
    told = " or ".join(f"{level:g}" for level in levels_of(settings))
    return f"every area has {told} times the national share; {law}"
