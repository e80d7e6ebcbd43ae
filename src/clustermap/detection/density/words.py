"""What is said about clusters of firms, and what they do not promise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from clustermap.errors import as_lines, plural

if TYPE_CHECKING:
    from clustermap.detection.clusters import Clusters

__all__ = ["firm_summary"]


def firm_summary(clusters: Clusters) -> str:
    """Say in plain sentences what was found among firms."""
    if clusters.density is not None:
        return as_lines([*clusters.density.lines(clusters), *_places(clusters), *clusters.density.notes])
    labels = {surface.sector: surface.sector_label for surface in clusters.surfaces}
    lines = [_question(clusters)]
    for surface in clusters.surfaces:
        lines += surface.summary().splitlines()
    lines += [_found(row, labels) for row in clusters.searches.itertuples(index=False)]
    names = clusters.names
    lines += [_cluster(clusters, row, names[row.cluster]) for row in clusters.frame.itertuples(index=False)]
    if len(clusters.frame):
        lines += [
            "These ratios are too high on average: the regions were selected for being high (winner's curse).",
            "The p-values say that there is an excess; the kernel carries a strong one up to two bandwidths too far.",
        ]
        lines += [clusters.stability.caution()] if clusters.stability else []
    if clusters.family_size > 1:
        lines.append(
            f"Each of {plural(clusters.family_size, 'sector')} was tested by itself: p is family-wise "
            "within a sector, so about "
            f"{clusters.alpha:.0%} of sectors without any cluster report one."
        )
    return as_lines([*lines, *_places(clusters)])


def _question(clusters: Clusters) -> str:
    return (
        "Question answered: where is the sector's share of firms higher than a random draw from all firms explains? "
        f"(Null: {clusters.null}.)"
    )


def _found(row: Any, labels: dict[str, str]) -> str:
    label = labels.get(row.sector, row.sector)
    if row.n_clusters:
        return f"{label}: {plural(row.n_clusters, 'cluster')} found."
    if not math.isnan(row.best_p):
        return f"{label}: no cluster; the strongest place has p = {row.best_p:.3g}."
    return f"{label}: no cluster; nowhere are there firms enough to tell."


def _cluster(clusters: Clusters, row: Any, name: str) -> str:
    called = row.cluster if name == row.cluster else f"{row.cluster} ({name})"
    return (
        f"{called}: {plural(row.n_firms, 'firm')} on {row.area_km2:,.1f} km², where the share among all firms gives "
        f"{row.expected:,.1f} ({row.relative_risk:.2f} times), p = {row.p:.3g} ({clusters.permutations:,} random "
        "labellings)." + (clusters.stability.sentence(row.cluster) if clusters.stability else "")
    )


def _places(clusters: Clusters) -> list[str]:
    """Say what the places of the firms are."""
    firms = clusters.firms
    if firms is None:
        return []
    said = ["The firms are synthetic."] if firms.synthetic else []
    if "registered office" in firms.location_kind:
        said.append("Places are registered offices, not workplaces.")
    elif "unknown" in firms.location_kind:
        said.append("Whether the places are workplaces or registered offices is unknown.")
    return said
