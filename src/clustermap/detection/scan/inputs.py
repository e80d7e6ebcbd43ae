"""What a scan takes: a table of whole numbers of firms, a graph, and options that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.detection.scan.field import MOST_AREAS
from clustermap.errors import InputError, OptionError, StatisticsError, part_of, plural
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    from clustermap.detection.scan.settings import Settings

__all__ = [
    "DEFAULT_LQ", "DEFAULT_SHARE", "check_below", "check_options", "field_places", "given_graph", "given_table",
    "levels_of", "places", "whole_counts",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
_METHODS = ("scan", "surface", "dbscan", "hdbscan")
_BACKGROUNDS = ("minimum-effect", "homogeneous", "field", "auto")
_LIKELIHOODS = ("poisson", "binomial", "overdispersed", "jobs")
DEFAULT_LQ, DEFAULT_SHARE = 1.25, 0.25
_FEWEST_AREAS = 3


def given_table(data: Any) -> SectorTable:
    """Take a table or a frame, and refuse what cannot be scanned."""
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
            f"{plural(len(table.labels), 'area')} with {plural(table.total, 'firm')} in all cannot be scanned",
            why="a cluster stands out against other areas: at least three, and firms in them",
            fix="cm.tabulate(firms, areas, sectors=…) with more areas",
        )
    return table


def whole_counts(table: SectorTable, sector: str) -> Floats:
    """Return the counts of a sector; NaN where suppressed."""
    counts: Floats = table.column(sector).to_numpy(float)
    known = np.isfinite(counts)
    broken = np.flatnonzero(known & (counts != np.round(counts)))
    if table.measure != "firms" or len(broken):
        what = (
            f"{part_of(len(broken), len(counts), 'value', 'is', 'are')} not whole"
            if len(broken)
            else "the values count jobs"
        )
        raise InputError(
            "CM-SCAN-005",
            f"{sector!r} is not a number of firms: {what}",
            why="jobs come in lumps and shares in parts: the Poisson null would call chance a cluster",
            fix='cm.tabulate(firms, areas, sectors=…, value="firms", overlap="primary"), or likelihood="jobs" with '
            "plants=",
        )
    check_below(table, sector, counts)
    return counts


def check_below(table: SectorTable, sector: str, counts: Floats) -> None:
    """Refuse an area with more of a sector than of everything.

    Raises
    ------
    InputError
        CM-SCAN-006.
    """
    known = np.isfinite(counts)
    totals = table.area_totals.to_numpy(float)
    over = np.flatnonzero(known & (counts > totals))
    if len(over):
        raise InputError(
            "CM-SCAN-006",
            f"{part_of(len(over), len(counts), 'area', 'has', 'have')} more firms of {sector!r} than firms: "
            f"{list(table.labels[over[:5]])}",
            why="the expected number follows from the area's total",
            fix="SectorTable.from_values(values, area_totals=all_firms_by_area)",
        )


def given_graph(table: SectorTable, graph: Any) -> Any:
    """Take the graph given, or make one from the areas of the table."""
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


def places(table: SectorTable) -> Floats | None:
    """Return where the areas lie, in m, areas × 2; None without polygons."""
    if table.areas is None:
        return None
    middle = table.areas.frame.geometry.reindex(table.labels).centroid
    return np.column_stack([middle.x, middle.y])


def field_places(table: SectorTable, background: str) -> Floats | None:
    """Return the places that a field needs, and refuse where there can be none.

    Raises
    ------
    OptionError
        CM-SCAN-009: no polygons, or more areas than dense models hold.
    """
    at = places(table)
    possible = at is not None and len(at) <= MOST_AREAS
    if background in {"field", "auto"} and not possible:
        raise OptionError(
            "CM-SCAN-009",
            f"background={background!r} of {plural(len(table.labels), 'area')} "
            + ("without polygons" if at is None else f"is more than {MOST_AREAS:,}"),
            why="the background resembles itself over distances, and each model of it is areas × areas",
            fix='SectorTable.from_values(values, areas=areas), or background="minimum-effect"',
        )
    return at if possible else None


def levels_of(settings: Settings) -> tuple[float, ...]:
    """Return the location quotients to scan at, lowest first; 1 where the background is no minimum effect."""
    if settings.background != "minimum-effect":
        return (1.0,)
    return tuple(sorted({settings.minimum_lq, *map(float, settings.levels)}))


def check_options(settings: Settings) -> None:
    """Refuse options that do not exist, lie out of range or belong to another background.

    Raises
    ------
    OptionError
        CM-SCAN-001, CM-SCAN-002.
    StatisticsError
        CM-STAT-003: too few permutations for alpha.
    """
    for value, known, name in (
        (settings.method, _METHODS, "method"),
        (settings.background, _BACKGROUNDS, "background"),
        (settings.likelihood, _LIKELIHOODS, "likelihood"),
    ):
        if value not in known:
            raise OptionError(
                "CM-SCAN-001",
                f"{name}={value!r} does not exist",
                fix=f"{name}= one of: {', '.join(map(repr, known))}",
            )
    for wrong, what in _faults(settings):
        if wrong:
            raise OptionError(
                "CM-SCAN-002",
                what,
                why="an option that does nothing, or has no meaning, would hide a mistake",
                fix="minimum_lq=1.25, penalty=1.5, max_share=0.25, alpha=0.05, permutations=999",
            )
    if 1 / (settings.permutations + 1) > settings.alpha:
        raise StatisticsError(
            "CM-STAT-003",
            f"{plural(settings.permutations, 'permutation')} cannot reject at {settings.alpha}",
            why=f"the smallest p is {1 / (settings.permutations + 1):.3g}",
            fix=f"permutations={int(np.ceil(1 / settings.alpha)) - 1} or more; 999 is usual",
        )


def _faults(s: Settings) -> list[tuple[bool, str]]:
    elsewhere = s.background != "minimum-effect"
    penalty = 0.0 if s.penalty is None else s.penalty
    low = [t for t in s.levels if not (np.isfinite(t) and t >= 1)]
    return [
        (
            s.background in {"field", "auto"} and s.likelihood != "poisson",
            f"likelihood={s.likelihood!r} belongs to background='minimum-effect' or 'homogeneous'",
        ),
        (
            elsewhere and s.minimum_lq not in {1.0, DEFAULT_LQ},
            "minimum_lq belongs to background='minimum-effect'",
        ),
        (elsewhere and bool(s.levels), "levels belong to background='minimum-effect'"),
        (
            s.background == "auto" and s.penalty is not None,
            "penalty belongs to one background, and 'auto' chooses it",
        ),
        (
            not (np.isfinite(s.minimum_lq) and s.minimum_lq >= 1),
            f"minimum_lq={s.minimum_lq!r} is not a number from 1 up",
        ),
        (bool(low), f"levels={low!r} are not numbers from 1 up"),
        (not (np.isfinite(penalty) and penalty >= 0), f"penalty={penalty!r} is not a number from 0 up"),
        (not 0 < s.max_share <= 1, f"max_share={s.max_share!r} is not a share"),
        (not 0 < s.alpha < 1, f"alpha={s.alpha!r} is not between 0 and 1"),
        (s.permutations < 1, f"permutations={s.permutations!r} is not a positive number"),
    ]
