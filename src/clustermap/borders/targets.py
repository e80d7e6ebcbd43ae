"""What a line test is about: the strongest cluster of a detection, or a set that was named beforehand."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.borders.crossings import Crossing
from clustermap.borders.line import OMITTED_COLUMNS
from clustermap.detection.clusters import Clusters
from clustermap.errors import InputError, OptionError, part_of
from clustermap.sources.values import Areas
from clustermap.tables.table import SectorTable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Target", "target_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A set among areas, in code order; values are NaN where only polygons are known."""

    areas: Areas
    graph: Any
    members: Ints
    weights: Floats
    values: Floats
    totals: Floats
    rate: float
    sector: str | None = None
    cluster: str | None = None
    clusters: Clusters | None = None

    def omitted(self, indptr: Ints, indices: Ints) -> pd.DataFrame:
        """Return the neighbours outside the set with a higher location quotient than its weakest member.

        `p_stronger` is the posterior probability that the neighbour's ratio is the higher one, each count
        Poisson with Jeffreys' prior.
        """
        expected = self.totals * self.rate
        known = np.isfinite(self.values) & (expected > 0)
        inside = self.members[known[self.members]]
        if len(inside) == 0:
            return pd.DataFrame(columns=list(OMITTED_COLUMNS))
        from scipy.special import betainc

        quotient = np.divide(self.values, expected, out=np.full(len(known), np.nan), where=known)
        weakest = int(inside[np.argmin(quotient[inside])])
        near = {int(j) for i in self.members for j in indices[indptr[i] : indptr[i + 1]]}
        rows = [
            (
                self.areas.frame.index[j], self.areas.frame["name"].iloc[j], self.values[j], quotient[j],
                self.areas.frame.index[weakest],
                float(
                    betainc(
                        self.values[weakest] + _HALF, self.values[j] + _HALF,
                        expected[weakest] / (expected[weakest] + expected[j]),
                    )
                ),
            )
            for j in near - set(map(int, self.members))
            if known[j] and quotient[j] > quotient[weakest]
        ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(OMITTED_COLUMNS))
        return frame.sort_values(["lq", "area"], ascending=[False, True], ignore_index=True)


def target_of(data: Any, members: Sequence[str] | None, graph: Any) -> Target:
    """Turn what the verb was given into a set among areas."""
    if isinstance(data, Crossing | Clusters):
        clusters = data.clusters if isinstance(data, Crossing) else data
        if members is not None or graph is not None:
            raise OptionError(
                "CM-LINE-001",
                "members= and graph= belong to Areas; a detection brings its own",
                fix="cm.line_test(areas, members=[…])",
            )
        return _strongest(clusters)
    areas, table = _areas_of(data)
    if members is None:
        raise OptionError(
            "CM-LINE-001",
            "areas alone name no set",
            why="a line is a property of some of the areas",
            fix="cm.line_test(areas, members=[codes or names])",
        )
    if graph is None:
        from clustermap.weights.contiguities import contiguity

        graph = contiguity(areas)
    at = positions(areas, members)
    n = len(areas)
    if table is None:
        missing = np.full(n, np.nan)
        return Target(
            areas=areas,
            graph=graph,
            members=at,
            weights=np.ones(n),
            values=missing,
            totals=missing,
            rate=np.nan,
        )
    sector = table.sector(None)
    return _with_values(areas, graph, at, table, sector)


def _strongest(clusters: Clusters) -> Target:
    areas = clusters.areas
    if clusters.firms is not None:
        raise InputError(
            "CM-LINE-004",
            f"clusters of method={clusters.method!r} are of firms, and a line is tested among areas",
            why="chance is a connected set of as many areas; firms inside a footprint have no such sets",
            fix="cm.line_test(cm.detect_clusters(cm.tabulate(firms, areas, sectors=…))), or "
            "cm.line_test(areas, members=[the authorities that share the cluster])",
        )
    if areas is None:
        raise InputError(
            "CM-LINE-003",
            "these clusters have no polygons",
            why="a line is a matter of where the areas lie",
            fix="SectorTable.from_values(values, areas=cm.read_boundaries(…))",
        )
    if clusters.frame.empty:
        none = np.empty(0, dtype=np.int64)
        return Target(
            areas=areas, graph=clusters.graph, members=none, weights=np.ones(len(areas)),
            values=np.full(len(areas), np.nan), totals=np.full(len(areas), np.nan), rate=np.nan, clusters=clusters,
        )  # fmt: skip
    first = clusters.frame.iloc[0]
    codes = clusters.members.loc[clusters.members["cluster"] == first["cluster"], "area"]
    at = np.sort(areas.frame.index.get_indexer(codes)).astype(np.int64)
    return _with_values(
        areas, clusters.graph, at, clusters.table, first["sector"], clusters, str(first["cluster"])
    )


def _with_values(  # noqa: PLR0917 - private, one use with names beside it
    areas: Areas,
    graph: Any,
    at: Ints,
    table: SectorTable,
    sector: str,
    clusters: Clusters | None = None,
    cluster: str | None = None,
) -> Target:
    values = table.column(sector).reindex(areas.frame.index).to_numpy(float)
    totals = table.area_totals.reindex(areas.frame.index).to_numpy(float)
    known = np.isfinite(values) & (totals > 0)
    return Target(
        areas=areas,
        graph=graph,
        members=at,
        weights=np.nan_to_num(values),
        values=values,
        totals=totals,
        rate=float(values[known].sum() / totals[known].sum()) if known.any() else np.nan,
        sector=sector,
        cluster=cluster,
        clusters=clusters,
    )


def _areas_of(data: Any) -> tuple[Areas, SectorTable | None]:
    if isinstance(data, SectorTable):
        if data.areas is None:
            raise InputError(
                "CM-LINE-003", "this table has no polygons", fix="SectorTable.from_values(values, areas=…)"
            )
        return data.areas, data
    if isinstance(data, Areas):
        return data, None
    if hasattr(data, "geometry"):
        from clustermap.sources.boundaries import read_boundaries

        return read_boundaries(data), None
    raise OptionError(
        "CM-LINE-001",
        f"expected a Crossing, Clusters, Areas or a SectorTable, got {type(data).__name__}",
        fix="cm.line_test(cm.crossing(clusters, authorities)) or cm.line_test(areas, members=[…])",
    )


def positions(areas: Areas, members: Sequence[str]) -> Ints:
    """Find members by code, else by name.

    Raises
    ------
    InputError
        CM-LINE-002: a member is unknown or named twice.
    """
    codes = areas.frame.index
    by_name = {str(name).casefold(): code for code, name in areas.names.items()}
    found = [m if m in codes else by_name.get(str(m).casefold()) for m in members]
    unknown = [m for m, code in zip(members, found, strict=True) if code is None]
    if unknown:
        near = difflib.get_close_matches(str(unknown[0]).casefold(), list(by_name), n=3, cutoff=0.4)
        raise InputError(
            "CM-LINE-002",
            f"{part_of(len(unknown), len(members), 'member', 'is', 'are')} no area: {unknown[:5]}",
            why="the set would be another one",
            fix=f"nearest to {unknown[0]!r}: {[areas.names[by_name[n]] for n in near]}"
            if near
            else f"members of {areas.kind} {areas.vintage or ''}, such as {codes[0]!r} ({areas.names.iloc[0]}); check "
            "the vintage",
        )
    twice = pd.Index(found)[pd.Index(found).duplicated()]
    if len(twice):
        raise InputError(
            "CM-LINE-002",
            f"{part_of(len(twice), len(members), 'member', 'is', 'are')} named twice: {list(twice[:5])}",
            why="an area counted twice pulls the axis to itself",
            fix="members=list(dict.fromkeys(members))",
        )
    return np.sort(codes.get_indexer(found)).astype(np.int64)
