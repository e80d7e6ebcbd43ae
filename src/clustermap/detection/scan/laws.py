"""What a likelihood demands of its data: whole firms, whole totals, or jobs with the plants they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.detection.scan.inputs import check_below, whole_counts
from clustermap.detection.scan.problems import Problem, Sites
from clustermap.errors import InputError, OptionError, StatisticsError, part_of
from clustermap.measures.concentration.plants import Plants, read_plants

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from clustermap.detection.scan.settings import Settings
    from clustermap.tables.table import SectorTable

__all__ = ["check_share", "given_counts"]

Floats = npt.NDArray[np.float64]
_CLOSE = 1e-6


def given_counts(
    table: SectorTable, sectors: list[str], settings: Settings, plants: pd.DataFrame | None
) -> Iterator[tuple[str, Floats, Sites | None]]:
    """Give name, counts and plants of every sector, checked for the likelihood asked for.

    Raises
    ------
    OptionError
        CM-LAW-003: jobs without plants, or plants without jobs.
    InputError
        CM-LAW-002, CM-LAW-004, CM-SCAN-005, CM-SCAN-006.
    """
    held = "without" if plants is None else "with"
    jobs = settings.likelihood == "jobs"
    if jobs != (plants is not None) or (jobs and table.measure != "employment"):
        raise OptionError(
            "CM-LAW-003",
            f"likelihood={settings.likelihood!r} of a table of {table.measure} {held} plants",
            why="jobs come in plants: how far chance scatters them follows from the sizes of the plants",
            fix='cm.detect_clusters(jobs_table, graph, likelihood="jobs", plants=plants)',
        )
    if settings.likelihood == "binomial":
        _whole_totals(table)
    every = None if plants is None else read_plants(plants, areas=table.labels)
    for name in sectors:
        if every is None:
            yield name, whole_counts(table, name), None
        else:
            counts = table.column(name).to_numpy(float)
            check_below(table, name, counts)
            yield name, counts, _sites(table, name, counts, every)


def _whole_totals(table: SectorTable) -> None:
    totals = table.area_totals.to_numpy(float)
    broken = np.flatnonzero(~(np.isfinite(totals) & (totals == np.round(totals))))
    if len(broken):
        raise InputError(
            "CM-LAW-002",
            f"the totals of {part_of(len(broken), len(totals), 'area')} are no whole numbers of firms: "
            f"{list(table.labels[broken[:5]])}",
            why="a binomial count says how many of so many firms are of the sector",
            fix="SectorTable.from_values(values, area_totals=all_firms_by_area)",
        )


def _sites(table: SectorTable, sector: str, counts: Floats, plants: Plants) -> Sites:
    """Take the plants of one sector, and hold their jobs against the table."""
    mine = plants.sector == plants.sectors.get_indexer([sector])[0]
    known = np.isfinite(counts)
    mine &= known[plants.area]
    sites = Sites(plants.area[mine], plants.size[mine])
    other = np.flatnonzero(known & ~np.isclose(sites.summed(len(counts)), counts, rtol=_CLOSE, atol=_CLOSE))
    if len(other):
        raise InputError(
            "CM-LAW-004",
            f"in {part_of(len(other), len(counts), 'area')} the plants of {sector!r} do not sum to the jobs of "
            f"the table: {list(table.labels[other[:5]])}",
            why="the sizes of other plants would say how far chance scatters these jobs",
            fix='cm.tabulate(firms, areas, sectors=…, value="employment") and plants from the same firms',
        )
    return sites


def check_share(problem: Problem) -> None:
    """Refuse a binomial share that no area can have.

    Raises
    ------
    StatisticsError
        CM-LAW-001.
    """
    if problem.likelihood != "binomial":
        return
    known = problem.known
    firms = problem.totals[known].sum()
    share = problem.counts[known].sum() / firms if firms else 0.0
    effect = 1.0 if problem.minimum_lq is None else problem.minimum_lq
    if share * effect >= 1:
        raise StatisticsError(
            "CM-LAW-001",
            f"{effect:g} times the national share of {problem.sector!r} ({share:.0%}) is {share * effect:.0%}",
            why="no area can hold more than all of its firms in the sector, so nothing can exceed this effect",
            fix=f"minimum_lq below {1 / share:.3g}",
        )
