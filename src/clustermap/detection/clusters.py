"""Clusters: what detection returns, whatever the method."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.detection.density.words import firm_summary
from clustermap.detection.footprints import cluster_names, dissolved, hulls, shares
from clustermap.detection.guards import difference
from clustermap.detection.trees import cluster_tree, tree_lines
from clustermap.errors import InputError, as_lines, part_of, plural

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from clustermap.detection.density.points import DenseFinding
    from clustermap.detection.stability.results import Stability
    from clustermap.detection.surface.results import RiskSurface
    from clustermap.schema import Background, Likelihood
    from clustermap.sources.values import Areas, Firms

__all__ = ["Clusters"]

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Clusters that ignore administrative borders.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per cluster, strongest first: ``cluster, sector, n_areas, n_firms, value, expected,
        relative_risk, score, p, p_field, level, parent, area_km2``. `expected` is the national share of
        the cluster's areas, so `relative_risk` is its location quotient; `score` is the penalised
        log-likelihood ratio that was tested; `p_field` is p against the background of its region (NaN where it was
        not estimated); `level` is the location quotient that was tested against; `parent` is the cluster of the next
        lower level around it, missing where there is none.
    members : pandas.DataFrame
        ``cluster, area``; ``cluster, firm_id`` where firms were clustered.
    split_sample : pandas.Series
        By cluster: the ratio where one half of the firms selects the areas and the other half is counted; free
        of the winner's curse that raises `relative_risk`.
    searches : pandas.DataFrame
        One row per sector and level: ``sector, level, total, n_clusters, best_score, best_p, best_areas`` of the
        strongest set that was *not* reported (NaN and empty where nothing was left to test), and the background as
        estimated: ``roughness`` (log-sd), ``reach_km``, ``unstructured`` (share without structure), and the
        ``dispersion`` of overdispersed counts (variance of the ratios between areas).
    support : pandas.DataFrame or None
        ``cluster, area, support``: the share of copies in which the area belongs to the cluster; None until
        `stability` is asked for.
    stability : Stability or None
        How often each cluster was found again in copies of the map; None until it is asked for.
    areas : Areas or None
        The polygons.
    graph : libpysal.graph.Graph
        Which areas touch.
    table : SectorTable or None
        What was scanned; None where firms were clustered.
    firms : Firms or None
        What was clustered, where firms were.
    outlines : geopandas.GeoSeries or None
        By cluster: its footprint, where firms were clustered.
    surfaces : tuple of RiskSurface
        The surface of each sector, where the method makes one.
    density : DenseFinding or None
        What the members of "dbscan" and "hdbscan" count, and how their number depends on radius and minimum.
    guard : str
        What was done about crowded addresses before the search; empty where nothing was.
    with_stacks : Clusters or None
        What is found where every firm counts, if a guard left some out: the other half of the report.
    method, background : str
        "scan", "surface", "dbscan" or "hdbscan", and the null: "minimum-effect", "homogeneous", "field" or "auto".
    levels : tuple of float
        Location quotients that were scanned at, lowest first.
    minimum_lq, penalty, max_share, alpha : float
        The parameters of the search.
    likelihood : str
        What counts are drawn from: "poisson", "binomial", "overdispersed" or "jobs".
    plants : pandas.DataFrame or None
        The plants behind the jobs.
    permutations, seed : int
        Monte-Carlo replicates of the null, and what they were drawn from.
    null, alternative, correction : str
        The null in words, "greater", and how many tests were counted for.
    family_size : int
        Sectors that were scanned; p is family-wise over all connected sets within one of them.
    """

    frame: pd.DataFrame
    members: pd.DataFrame
    split_sample: pd.Series
    searches: pd.DataFrame
    support: pd.DataFrame | None = None
    stability: Stability | None = None
    areas: Areas | None
    graph: Any
    table: Any  # SectorTable; None where firms were clustered
    firms: Firms | None = None
    outlines: gpd.GeoSeries | None = None
    surfaces: tuple[RiskSurface, ...] = ()
    density: DenseFinding | None = None
    guard: str = ""
    with_stacks: Clusters | None = None
    method: str
    background: Background
    minimum_lq: float
    levels: tuple[float, ...] = ()
    penalty: float
    max_share: float
    alpha: float
    permutations: int
    seed: int
    likelihood: Likelihood = "poisson"
    plants: pd.DataFrame | None = None
    null: str
    alternative: str = "greater"
    correction: str = "family-wise over all connected sets of a sector"
    family_size: int

    @property
    def footprints(self) -> gpd.GeoDataFrame:
        """The frame with each cluster's geometry (areas dissolved, or an outline among firms), `name` and `share`."""
        import geopandas as gpd

        shapes = dissolved(self) if self.outlines is None else self.outlines.loc[self.frame["cluster"]]
        told = self.frame.assign(name=self.names.to_numpy(), share=shares(self).to_numpy())
        return gpd.GeoDataFrame(told, geometry=shapes.set_axis(self.frame.index))

    @property
    def names(self) -> pd.Series:
        """What each cluster is called on the ground: its largest town, or its largest member area."""
        return cluster_names(self)

    @property
    def tree(self) -> pd.DataFrame:
        """The clusters in reading order, each one followed by those inside it: `depth`, `level`, `parent`, `name`."""
        return cluster_tree(self)

    @property
    def of_sector(self) -> dict[str, npt.NDArray[np.bool_]]:
        """By sector: which of the firms are of it, in their order; empty among areas, and where none was named."""
        if self.surfaces:
            return {surface.sector: surface.inside for surface in self.surfaces}
        if self.firms is None or self.density is None or not self.density.tested:
            return {}
        rows = np.arange(len(self.firms))
        return {own.name: np.isin(rows, own.rows) for own, _ in self.density.sought}

    def hulls(self, *, ratio: float = 0.3) -> gpd.GeoSeries:
        """Return the concave hull of each cluster's firms: 0 follows them most closely, 1 is convex."""
        return hulls(self, ratio)

    def geo(self) -> gpd.GeoDataFrame:
        """Return the member areas with their cluster, indexed by code; the member firms where firms were clustered."""
        if self.firms is not None:
            return self.firms.frame.merge(self.members, on="firm_id", suffixes=("_firm", ""))
        inside = self.members.merge(self.frame[["cluster", "sector"]], on="cluster").set_index("area")
        return self.polygons().join(inside, how="inner").rename_axis("code")

    def values(self, cluster: str) -> pd.Series:
        """Return the sector's value in every area of one cluster, by area; what every member counts, by firm.

        Raises
        ------
        InputError
            CM-SCAN-012: no cluster is called so.
        """
        self._row(cluster)
        if self.density is not None:
            return self.density.values(cluster)
        if self.firms is not None:
            ids = self.members.loc[self.members["cluster"] == cluster, "firm_id"]
            return pd.Series(1.0, index=pd.Index(ids, name="firm_id"), name="value")
        sector = self._row(cluster)["sector"]
        codes = self.members.loc[self.members["cluster"] == cluster, "area"]
        return self.table.column(sector).loc[codes]

    def summary(self) -> str:
        """Say in plain sentences what was found, and what the finding does not promise."""
        if self.firms is not None:
            return "\n".join([firm_summary(self), *self._guarded()])
        lines = [self._question()]
        lines += [self._sector_line(row) for row in self.searches.itertuples(index=False)]
        lines += [self._cluster_line(row) for row in self.frame.itertuples(index=False)]
        if len(self.frame):
            split = "plants" if self.likelihood == "jobs" else "firms"
            halves = ", ".join(f"{cluster} {ratio:.2f}" for cluster, ratio in self.split_sample.items())
            lines += [
                "These ratios are too high on average: the sets were selected for being high (winner's curse).",
                f"Selected on one half of the {split} and counted on the other half: {halves}.",
                "The p-values say that there is an excess; which areas belong to it carries no error guarantee.",
            ]
            lines += [self.stability.caution()] if self.stability else []
            lines += self._nested()
        if self.family_size > 1:
            lines.append(
                f"Each of {plural(self.family_size, 'sector')} was scanned by itself: p is family-wise "
                "within a sector, "
                f"so about {self.alpha:.0%} of sectors without any cluster report one."
            )
        return as_lines([*lines, *([self.table.note] if self.table.note else []), *self._guarded()])

    def _nested(self) -> list[str]:
        """Show which cluster lies inside which, where more levels than one were scanned."""
        if len(self.levels) < 2:  # noqa: PLR2004 - one level has nothing inside
            return []
        return [
            "The tree: what lies inside what.",
            *("  " * (1 + depth) + line for depth, line in tree_lines(self)),
        ]

    def _guarded(self) -> list[str]:
        """Say what was done about stacks, and what it changes."""
        told = [self.guard] if self.guard else []
        return told if self.with_stacks is None else [*told, *difference(self, self.with_stacks)]

    def described(self, cluster: str) -> str:
        """Name a cluster with its size and its largest members, for a sentence."""
        row = self._row(cluster)
        if self.firms is not None:
            return f"{cluster} ({plural(row['n_firms'], 'firm')})"
        largest = self.values(cluster).sort_values(ascending=False, kind="stable").index
        return f"{cluster} ({self.named(list(largest))})"

    def _row(self, cluster: str) -> pd.Series:
        found = self.frame[(self.frame["cluster"] == cluster).to_numpy(bool)]
        if len(found) != 1:
            names = list(self.frame["cluster"])
            raise InputError(
                "CM-SCAN-012",
                f"{part_of(0, len(names), 'cluster', 'is', 'are')} called {cluster!r}",
                fix=f"one of: {', '.join(names[:_NAMED])}"
                if names
                else "there is none: see clusters.summary()",
            )
        return found.iloc[0]

    @property
    def unit(self) -> str:
        """What is counted: "firms" or "jobs"."""
        return "jobs" if self.table.measure == "employment" else "firms"

    def _question(self) -> str:
        if self.background == "minimum-effect":
            told = " or ".join(f"{level:g}" for level in self.levels or (self.minimum_lq,))
            return (
                f"Question answered: where is the sector's share at least {told} times the nation's, "
                "and how far does it reach?"
            )
        if self.background == "homogeneous":
            return "Question answered: is there any excess over the nation's share, however small, and where?"
        chosen = (
            ""
            if self.background == "field"
            else " (where the map is rough; over the nation's share elsewhere)"
        )
        return f"Question answered: what stands out from the background of its region{chosen}?"

    def _sector_line(self, row: Any) -> str:
        label = self.table.sector_labels.get(row.sector, row.sector)
        if len(self.levels) > 1:
            label += f", at least {row.level:g} times"
        known = self.table.column(row.sector).notna().to_numpy()
        if not known.any():
            return f"{label}: no figure is known, so nothing was searched."
        if row.n_clusters:
            line = f"{label}: {plural(row.n_clusters, 'cluster')} found."
        elif not len(row.best_areas):
            line = f"{label}: no cluster; no area has an excess."
        else:
            best = f"({self.named(row.best_areas)}) has p = {row.best_p:.3g}"
            line = f"{label}: no cluster; the strongest set {best}."
        if self.likelihood == "overdispersed" and pd.notna(row.dispersion):
            line += f" Ratios vary between areas by a variance of {row.dispersion:.3g} beyond chance."
        if not known.all():
            line += (
                f" {part_of(int((~known).sum()), len(known), 'area', 'takes', 'take')} no part: no figure is "
                "known there."
            )
        return line + self._background_line(row)

    def _background_line(self, row: Any) -> str:
        if not pd.notna(row.roughness):
            return ""
        if row.roughness == 0:
            return " The background is even: chance explains the differences between other areas."
        return (
            f" The background varies by a factor of about {np.exp(row.roughness):.2f} (log-sd {row.roughness:.2f}) "
            f"and resembles itself over {row.reach_km:.0f} km."
        )

    def _cluster_line(self, row: Any) -> str:
        codes = self.members.loc[self.members["cluster"] == row.cluster, "area"]
        largest = self.values(row.cluster).sort_values(ascending=False, kind="stable").index
        inside = f", inside {row.parent}" if isinstance(row.parent, str) else ""
        return (
            f"{row.cluster}{inside}: {plural(row.n_areas, 'area')} "
            f"({self.named(list(largest))}), {plural(round(row.value), self.unit[:-1])} where the national share gives "
            f"{row.expected:,.0f} ({row.relative_risk:.2f} times), p = {row.p:.3g} "
            f"({self.permutations} replicates, {part_of(len(codes), len(self.table.labels), 'area')})."
            + self._regional(row)
            + (self.stability.sentence(row.cluster) if self.stability else "")
        )

    def _regional(self, row: Any) -> str:
        if self.background != "minimum-effect" or not pd.notna(row.p_field):
            return ""
        told = f"(p against a fitted background {row.p_field:.3g})."
        if row.p_field <= self.alpha:
            return f" Also exceptional for its region {told}"
        return f" Not exceptional for its region: its surroundings are like it {told}"

    def named(self, codes: list[Any]) -> str:
        """Return the names of areas for a sentence, the first five of them."""
        names = self.areas.names.reindex(codes) if self.areas is not None else pd.Series(codes)
        shown = ", ".join(map(str, names[:_NAMED]))
        return f"{shown} and {len(codes) - _NAMED} more" if len(codes) > _NAMED else shown

    def polygons(self) -> gpd.GeoDataFrame:
        """Return the areas that were scanned.

        Raises
        ------
        InputError
            CM-SCAN-008: the table was made without areas.
        """
        if self.areas is None:
            raise InputError(
                "CM-SCAN-008",
                "these clusters have no polygons",
                why="the table was made without areas",
                fix="SectorTable.from_values(values, areas=cm.read_boundaries(…))",
            )
        return self.areas.frame

    def __repr__(self) -> str:
        smallest = f", smallest p {self.frame['p'].min():.3g}" if self.frame["p"].notna().any() else ""
        if self.firms is not None:
            return (
                f"<Clusters: {len(self.frame)} ({self.method}), {part_of(len(self.members), len(self.firms), 'firm')}"
                f"{smallest}>"
            )
        return (
            f"<Clusters: {len(self.frame)} ({self.method}, {self.background}), "
            f"{part_of(self.members['area'].nunique(), len(self.table.labels), 'area')}{smallest}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def footprint_km2(areas: Areas | None, codes: list[Any]) -> float:
    """Return the size of the dissolved areas in km², NaN without polygons."""
    if areas is None:
        return float("nan")
    from shapely import union_all

    return float(union_all(areas.frame.geometry.loc[codes].to_numpy()).area) / 1e6
