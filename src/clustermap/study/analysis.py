"""From a declaration to results: read, tabulate, measure, detect, cross."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from clustermap.autocorrelation import GlobalResult, LocalResult, global_moran, local_moran
from clustermap.borders import crossing, line_test
from clustermap.borders.targets import positions
from clustermap.detection import detect_clusters
from clustermap.errors import ClusterMapWarning, OptionError, part_of
from clustermap.measures import location_quotient
from clustermap.sources import (
    Areas,
    Firms,
    Lookup,
    read_boundaries,
    read_firms,
    read_lookup,
    read_postcodes,
)
from clustermap.sources.dissolving import dissolve
from clustermap.study.result import StudyResult
from clustermap.tables import SectorTable, read_table, tabulate
from clustermap.weights import contiguity

if TYPE_CHECKING:
    from clustermap.borders import Line
    from clustermap.measures import Quotients
    from clustermap.progress import Progress
    from clustermap.study.declaration import Study

__all__ = ["STAGES", "analyse", "measure", "neighbours", "read_inputs"]

# stage: its part of the usual running time, for the bar
STAGES = {
    "read": 20,
    "measure": 10,
    "autocorrelation": 15,
    "detection": 30,
    "borders": 5,
    "line": 10,
    "write": 10,
}


class _Bar:
    """Turns stages of unequal length into one (done, total)."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress, self.done, self.total = progress, 0, sum(STAGES.values())

    def finish(self, stage: str) -> None:
        self.done += STAGES[stage]
        if self.progress:
            self.progress(self.done, self.total)

    def within(self, stage: str) -> Progress | None:
        if self.progress is None:
            return None
        outer, start = self.progress, self.done
        return lambda done, total: outer(start + int(STAGES[stage] * done / max(total, 1)), self.total)


def read_inputs(study: Study) -> tuple[Firms | None, Areas, Areas, Lookup | None, SectorTable]:
    """Read what a study declares and put it into one table.

    Returns
    -------
    firms, areas, authorities, lookup, table
        `firms` is None for a published table, `lookup` where authorities come as polygons alone.
    """
    areas = _boundaries(study, "areas")
    lookup = _lookup(study) if "lookup" in study.inputs else None
    if "authorities" in study.inputs:
        authorities = _boundaries(study, "authorities")
    else:
        assert lookup is not None  # noqa: S101 - the declaration asks for one of the two
        authorities = dissolve(areas, lookup)
    positions(authorities, study.options.get("line", {}).get("members", []))
    if "table" in study.inputs:
        given = study.argument("table")
        return None, areas, authorities, lookup, read_table(given.pop("source"), areas=areas, **given)
    given = study.argument("firms")
    if "postcodes" in given:
        given["postcodes"] = read_postcodes(given["postcodes"])
    firms = read_firms(given.pop("source"), **given)
    return firms, areas, authorities, lookup, tabulate(firms, areas, **study.tabulation())


def measure(study: Study) -> Quotients:
    """Read a study's inputs and compute its location quotients, nothing else: jobs have quotients too."""
    table = read_inputs(study)[-1]
    return location_quotient(table, **study.options.get("quotient", {}))


def neighbours(study: Study) -> tuple[GlobalResult, LocalResult]:
    """Read a study's inputs and compute its spatial autocorrelation, nothing else."""
    _, areas, _, _, table = read_inputs(study)
    graph = contiguity(areas, **study.options.get("weights", {}))
    return _moran(study, table, graph)


def _moran(study: Study, table: SectorTable, graph: Any) -> tuple[GlobalResult, LocalResult]:
    options, sector = study.options.get("moran", {}), table.sector(study.sector)
    shared = {k: v for k, v in options.items() if k in {"alternative", "rates", "transformation"}}
    whole = global_moran(table, graph, sector=sector, seed=study.seed, **shared)
    local = local_moran(table, graph, sector=sector, seed=study.seed, **options)
    assert isinstance(whole, GlobalResult)  # noqa: S101 - one sector was asked for
    assert isinstance(local, LocalResult)  # noqa: S101 - likewise
    return whole, local


def analyse(study: Study, *, progress: Progress | None = None) -> StudyResult:
    """Run a study without writing anything.

    Parameters
    ----------
    study : Study
        What is declared.
    progress : callable, optional
        Called with ``(done, total)``.

    Returns
    -------
    StudyResult
        Every result; what was warned about stands in its `warnings`.
    """
    bar, options = _Bar(progress), study.options
    _check_scan(study)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ClusterMapWarning)
        firms, areas, authorities, lookup, table = read_inputs(study)
        sector = table.sector(study.sector)
        bar.finish("read")
        quotients = location_quotient(table, **options.get("quotient", {}))
        graph = contiguity(areas, **options.get("weights", {}))
        bar.finish("measure")
        whole, local = _moran(study, table, graph)
        bar.finish("autocorrelation")
        clusters = detect_clusters(
            table,
            graph,
            sector=sector,
            seed=study.seed,
            progress=bar.within("detection"),
            **options.get("detection", {}),
        )
        bar.finish("detection")
        crossed = crossing(clusters, lookup or authorities, **options.get("crossing", {}))
        bar.finish("borders")
        line, named = _lines(study, authorities, crossed)
        bar.finish("line")
    return StudyResult(
        study=study,
        firms=firms,
        areas=areas,
        authorities=authorities,
        lookup=lookup,
        table=table,
        quotients=quotients,
        moran_global=whole,
        moran=local,
        clusters=clusters,
        crossing=crossed,
        line=line,
        named_line=named,
        warnings=_said(caught),
    )


def _check_scan(study: Study) -> None:
    """Refuse before anything is read what the scan cannot answer."""
    table, counted = study.inputs.get("table", {}), study.options.get("tabulate", {}).get("value", "firms")
    if counted != "firms" or table.get("measure", "firms") != "firms":
        raise OptionError(
            "CM-STUDY-009",
            "the study counts jobs, and clusters are detected on numbers of firms",
            why="jobs come in lumps: the scan's random maps would call chance a cluster",
            fix='[tabulate] value = "firms"   # clustermap lq and clustermap autocorrelation take jobs',
        )


def _boundaries(study: Study, role: str) -> Areas:
    given = study.argument(role)
    return read_boundaries(given.pop("source"), **given)


def _lookup(study: Study) -> Lookup:
    given = study.argument("lookup")
    also = given.pop("also", [])
    lookup = read_lookup(given.pop("source"), **given)
    if not also:
        return lookup
    wrong = [row for row in also if not (isinstance(row, list) and len(row) == 2 and all(map(_is_text, row)))]  # noqa: PLR2004 - an area and its authority
    if wrong:
        raise OptionError(
            "CM-STUDY-007",
            f"[inputs.lookup] also: {part_of(len(wrong), len(also), 'row', 'is', 'are')} no pair of codes: "
            f"{wrong[0]!r:.60}",
            why="each row adds one area to one authority",
            fix='also = [["E07000035", "E37000039"]]   # area, authority',
        )
    return lookup.extended(pd.DataFrame(also, columns=["area", "authority"]))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _lines(study: Study, authorities: Areas, crossed: Any) -> tuple[Line | None, Line | None]:
    options = dict(study.options.get("line", {}))
    members = options.pop("members", None)
    # a set that data selected is held against sets selected in the same way, one named beforehand against all sets
    null = options.pop("null", "permute-and-reselect")
    found = None
    if len(crossed.clusters.frame):
        found = line_test(crossed, seed=study.seed, null=null, **options)
    named = line_test(authorities, members=members, seed=study.seed, **options) if members else None
    return found, named


def _said(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    ours = {str(w.message) for w in caught if issubclass(w.category, ClusterMapWarning)}
    for other in caught:
        if not issubclass(other.category, ClusterMapWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return tuple(sorted(ours))
