"""Support of clusters under other zonings: the same firms counted in other areas (modifiable areal units)."""

from __future__ import annotations

import html
import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers
from clustermap.detection.adjacency import compressed, links_of
from clustermap.detection.clusters import Clusters
from clustermap.detection.density.sectors import given_firms, planar, read_firm_sectors
from clustermap.detection.scan.kernels import set_keys
from clustermap.detection.scan.rounds import sets_without_test
from clustermap.detection.stability.area_copies import MATCHED, best_match, problems_behind
from clustermap.errors import InputError, OptionError, StatisticsError, as_lines, part_of, plural
from clustermap.randomness import resolve_seed, stream
from clustermap.sources.values import Areas
from clustermap.tables.membership import locate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.detection.scan.problems import Problem
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["ZoningSupport", "zoning_support"]

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MORE = 2  # sets searched for, for each cluster that was found
_FEWEST = 3


class _Zones(NamedTuple):
    """One zoning: the zone of every firm (−1 outside) and which zones touch."""

    of_firm: Ints
    graph: tuple[Ints, Ints, Ints]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoningSupport:
    """How often clusters come back when the same firms are counted in other areas.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per cluster: ``cluster, recovered, jaccard``: the share of zonings with a set that has at least half of
        the sector's firms in common (Jaccard), and the mean of the best index.
    matches : pandas.DataFrame
        ``cluster, zoning, jaccard``: the best index in every zoning.
    zonings : int
        How many.
    drawn : bool
        Whether zones were drawn, or given.
    seed : int
        What they were drawn from.
    """

    frame: pd.DataFrame
    matches: pd.DataFrame
    zonings: int
    drawn: bool
    seed: int

    def summary(self) -> str:
        """Say in plain sentences which clusters hang on the areas that they were seen in."""
        if self.frame.empty:
            return "No cluster: nothing can come back."
        made = "drawn" if self.drawn else "given"
        lines = [
            f"{row.cluster}: found again in {row.recovered:.0%} of {plural(self.zonings, f'{made} zoning')} "
            f"(mean overlap {row.jaccard:.2f})."
            for row in self.frame.itertuples(index=False)
        ]
        lines.append(
            "The firms are the same in every zoning, only the lines differ: a share of zonings, no probability."
        )
        return as_lines(lines)

    def __repr__(self) -> str:
        least = f", least {self.frame['recovered'].min():.0%}" if len(self.frame) else ""
        return (
            f"<ZoningSupport: {plural(len(self.frame), 'cluster')}, "
            f"{plural(self.zonings, 'zoning')}{least} recovered>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def zoning_support(
    clusters: Clusters,
    firms: Firms | gpd.GeoDataFrame,
    *,
    sector: Taxonomy | str | Path | Mapping[str, Sequence[str]],
    zonings: int | Sequence[Areas] = 50,
    seed: int | None = None,
) -> ZoningSupport:
    """Count the firms of a scan in other areas, search again without a test, and see which clusters come back.

    Parameters
    ----------
    clusters : Clusters
        What the scan of areas found, against the minimum effect or an even background.
    firms : Firms or geopandas.GeoDataFrame
        The firms behind its table, of all sectors.
    sector : Taxonomy, str, path or dict
        What the sectors of the table are made of.
    zonings : int or sequence of Areas
        How many zonings to draw, each of as many zones as there are areas: zones are the places nearest to firms
        drawn at random (Voronoi), so that they are small where firms are dense. Or the zonings themselves.
    seed : int, optional
        Zonings are keyed by seed and number; None draws a seed and records it.

    Returns
    -------
    ZoningSupport
        Clusters are compared by the sector's firms inside, whatever the zones.

    Raises
    ------
    InputError
        CM-ZONE-001: no clusters of a scan against the minimum effect or an even background. CM-ZONE-002: the firms
        are not those of the table.
    OptionError
        CM-ZONE-003: no zonings. CM-ZONE-004: the taxonomy lacks a sector.
    StatisticsError
        CM-ZONE-005: firms at too few places, or on one line.

    Notes
    -----
    Zones that are drawn touch where their Voronoi cells do in the unbounded plane, the sea included.

    References
    ----------
    Openshaw, S. (1984), The Modifiable Areal Unit Problem. Geo Books.

    Examples
    --------
    >>> from clustermap import detect_clusters, testing
    >>> world = testing.make_world(planted="blob", relative_risk=3, sector_firms=500, points=True, seed=3)
    >>> found = detect_clusters(world.table, world.graph, permutations=99, seed=1)
    >>> told = zoning_support(found, world.firms, sector={"planted": ["28990"]}, zonings=[world.areas])
    >>> told.frame["jaccard"].tolist()
    [1.0]
    """
    known = isinstance(clusters, Clusters) and clusters.method == "scan" and clusters.areas is not None
    if (
        not known
        or clusters.background not in {"minimum-effect", "homogeneous"}
        or clusters.plants is not None
    ):
        raise InputError(
            "CM-ZONE-001",
            "only clusters of a scan of firms in areas, without a fitted field, can be looked for in other areas",
            why="the search is repeated on the same firms counted in other areas",
            fix="cm.zoning_support(cm.detect_clusters(table, graph), firms, sector=…)",
        )
    drawn = not isinstance(zonings, list | tuple)
    _check(zonings)
    seed = resolve_seed(seed)
    firms = given_firms(firms, "zoning_support")
    home = _home(firms, clusters.areas)  # type: ignore[arg-type]
    inside = _sectors(clusters, firms, sector, home)
    from concurrent.futures import ThreadPoolExecutor

    def one(number: int) -> list[tuple[str, int, float]]:
        zones = (
            _drawn(firms, len(clusters.table.labels), home >= 0, stream(seed, "zonings", number))
            if drawn
            else _given(firms, zonings[number])  # type: ignore[index]
        )
        return _matched(clusters, zones, inside, home, number)

    many = int(zonings) if drawn else len(zonings)  # type: ignore[arg-type]
    with ThreadPoolExecutor(workers()) as pool:
        rows = [row for part in pool.map(one, range(many)) for row in part]
    matches = pd.DataFrame(rows, columns=["cluster", "zoning", "jaccard"])
    frame = pd.DataFrame(
        [
            (c, float((own >= MATCHED).mean()), float(own.mean()))
            for c in clusters.frame["cluster"]
            for own in [matches.loc[matches["cluster"] == c, "jaccard"]]
        ],
        columns=["cluster", "recovered", "jaccard"],
    )
    return ZoningSupport(frame=frame, matches=matches, zonings=many, drawn=drawn, seed=seed)


def _check(zonings: int | Sequence[Areas]) -> None:
    if isinstance(zonings, list | tuple):
        right = len(zonings) > 0 and all(isinstance(z, Areas) and len(z) >= _FEWEST for z in zonings)
    else:
        try:
            right = operator.index(zonings) > 0  # type: ignore[arg-type]
        except TypeError:
            right = False
    if not right:
        raise OptionError(
            "CM-ZONE-003",
            f"zonings={zonings!r} is neither a number from 1 up nor a list of sets of at least three areas",
            fix="zonings=50, or zonings=[cm.read_boundaries(…), …]",
        )


def _home(firms: Firms, areas: Areas) -> Ints:
    """Return the position of every firm's area; −1 outside."""
    found = locate(firms, areas, overlap="primary").frame
    place = pd.Series(areas.frame.index.get_indexer(found["area"]), index=found["firm_id"])
    return np.asarray(place.reindex(firms.frame["firm_id"], fill_value=-1), dtype=np.int64)


def _sectors(clusters: Clusters, firms: Firms, sector: Any, home: Ints) -> dict[str, Flags]:
    """Return which firms are of each sector, and hold their counts against the table."""
    given = {one.name: one.inside for one in read_firm_sectors(firms, sector)}
    wanted = list(dict.fromkeys(clusters.frame["sector"]))
    missing = [name for name in wanted if name not in given]
    if missing:
        raise OptionError(
            "CM-ZONE-004",
            f"of the clusters {part_of(len(missing), len(wanted), 'sector', 'is', 'are')} not in the "
            f"taxonomy: {missing[:5]}",
            fix=f"sector= what the table was made with; it has {list(given)[:5]}",
        )
    for name in wanted:
        counts = np.bincount(home[given[name] & (home >= 0)], minlength=len(clusters.table.labels))
        told = clusters.table.column(name).to_numpy(float)
        other = np.flatnonzero(np.isfinite(told) & (counts != told))
        if len(other):
            raise InputError(
                "CM-ZONE-002",
                f"in {part_of(len(other), len(told), 'area')} there are not as many firms of {name!r} as in the table: "
                f"{list(clusters.table.labels[other[:5]])}",
                why="support of a cluster of other firms says nothing about this one",
                fix='cm.tabulate(firms, areas, sectors=…, overlap="primary") of the same firms',
            )
    return given


def _drawn(firms: Firms, n: int, usable: Flags, rng: np.random.Generator) -> _Zones:
    """Draw zones around firms; two of them touch where their cells do."""
    from scipy.spatial import Delaunay, QhullError, cKDTree

    x, y = planar(firms)
    at = np.column_stack([x, y])
    sites = np.unique(at[usable], axis=0)
    seeds = sites[rng.choice(len(sites), min(n, len(sites)), replace=False, shuffle=False)]
    seeds = seeds[np.lexsort(seeds.T)]
    of_firm = np.where(usable, cKDTree(seeds).query(at)[1], -1).astype(np.int64)
    try:
        corners = Delaunay(seeds).simplices
    except QhullError as error:
        raise StatisticsError(
            "CM-ZONE-005",
            f"{plural(len(seeds), 'place of firms spans', 'places of firms span')} no map",
            why="zones around them would have no neighbours: there are too few of them, or they lie on one line",
            fix="zonings=[areas, …] of your own",
        ) from error
    links = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    return _Zones(of_firm, (*compressed(links, len(seeds)), set_keys(len(seeds))))


def _given(firms: Firms, areas: Areas) -> _Zones:
    from clustermap.weights.contiguities import contiguity

    labels = areas.frame.index
    return _Zones(_home(firms, areas), (*links_of(contiguity(areas), labels), set_keys(len(labels))))


def _matched(
    clusters: Clusters, zones: _Zones, inside: dict[str, Flags], home: Ints, number: int
) -> list[tuple[str, int, float]]:
    """Search one zoning for every sector and level, and compare by the sector's firms."""
    n = len(zones.graph[2])
    located = zones.of_firm >= 0
    totals = np.bincount(zones.of_firm[located], minlength=n).astype(np.float64)
    out = []
    for problem, names in problems_behind(clusters):
        mine = inside[problem.sector]
        counts = np.bincount(zones.of_firm[located & mine], minlength=n).astype(np.float64)
        other: Problem = replace(
            problem,
            counts=counts,
            totals=totals,
            graph=zones.graph,
            limit=max(1, int(np.floor(clusters.max_share * n + 1e-9))),
        )
        sets = [
            np.flatnonzero(mine & np.isin(zones.of_firm, found))
            for found in sets_without_test(other, _MORE * len(names))
        ]
        for name in names:
            own = clusters.members.loc[clusters.members["cluster"] == name, "area"]
            places = clusters.table.labels.get_indexer(own)
            out.append((name, number, best_match(np.flatnonzero(mine & np.isin(home, places)), sets)[0]))
    return out
