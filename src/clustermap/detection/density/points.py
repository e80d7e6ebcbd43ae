"""What clusters of firms by density carry beside the frame: what members count, parameters, and their words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clustermap.detection.density.inputs import Marked
    from clustermap.detection.density.rule import Chosen
    from clustermap.schema import Codes, Preset

__all__ = ["DenseFinding"]

_TOLD = 10
_WHOLE_KM2 = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenseFinding:
    """How clusters of firms were found by density.

    Attributes
    ----------
    members : pandas.DataFrame
        ``cluster, firm_id, mark``: what each member counts.
    sensitivity : pandas.DataFrame
        ``sector, radius_m, minimum, n_places, n_firms, largest_share`` at half, once and twice the radius and the
        minimum, before any test.
    labels : mapping
        Sector to the words a reader sees.
    footprint : str
        What an outline is, in words.
    radius_m : mapping
        Sector to the radius in metres; NaN for "hdbscan".
    preset : str or None
        The published parameters that were taken.
    codes, value : str
        How firms of several codes count, and what is counted.
    tested : bool
        Whether places were held against random labellings.
    notes : tuple of str
        What must stand beside every figure.
    sought : tuple of (Marked, Chosen)
        The firms of every sector, and the radius and minimum that were taken.
    """

    members: pd.DataFrame
    sensitivity: pd.DataFrame
    labels: Mapping[str, str]
    footprint: str
    radius_m: Mapping[str, float]
    preset: Preset | None
    codes: Codes
    value: str
    tested: bool
    notes: tuple[str, ...]
    sought: tuple[tuple[Marked, Chosen], ...] = ()

    def values(self, cluster: str) -> pd.Series:
        """Return what every member of one cluster counts, by firm."""
        own = self.members[self.members["cluster"] == cluster]
        return pd.Series(own["mark"].to_numpy(), index=pd.Index(own["firm_id"], name="firm_id"), name="value")

    def lines(self, clusters: Any) -> list[str]:
        """Say in plain sentences what was found, and what it does not promise."""
        out = [self._question()]
        for row in clusters.searches.itertuples(index=False):
            out += self._sector_lines(clusters, row)
        out += [
            self._cluster_line(clusters, row) for row in clusters.frame.head(_TOLD).itertuples(index=False)
        ]
        if len(clusters.frame) > _TOLD:
            out.append(f"{len(clusters.frame) - _TOLD:,} more stand in the frame.")
        if len(clusters.frame) and clusters.frame["p"].notna().any():
            out += [
                f"Null: {clusters.null}; towns are dense in every sector and are no clusters for that.",
                "These ratios are too high on average: the places were selected for their density (winner's curse).",
            ]
        out.append(
            "One density serves the whole map: thin clusters beside dense ones are missed or run together."
            if clusters.method == "dbscan"
            else "Sites count once however many firms stand there; membership carries no error guarantee."
        )
        if clusters.family_size > 1:
            out.append(
                f"Each of {plural(clusters.family_size, 'sector')} was tested by itself: p is family-wise "
                "within a sector."
            )
        return out

    def _unit(self) -> str:
        return "firms" if self.value == "firms" else self.value

    def _question(self) -> str:
        if self.tested:
            return (
                "Question answered: where are the sector's firms dense, and is the sector over-represented there "
                "against all firms?"
            )
        return "Question answered: where are firms dense? Nothing is tested: these are towns as much as clusters."

    def _sector_lines(self, clusters: Any, row: Any) -> list[str]:
        label = self.labels.get(row.sector, row.sector)
        asked = (
            f"at least {row.minimum:,.6g} {self._unit()} within {row.radius_m:,.6g} m"
            if clusters.method == "dbscan"
            else f"at least {plural(round(row.minimum), 'site')}"
        )
        how = f"{self.preset}: {row.chosen}" if self.preset else row.chosen
        if not row.n_places:
            return [f"{label}: no dense place ({asked}; {how})."]
        said = [
            f"{label}: {plural(row.n_places, 'dense place')} ({asked}; {how}), {row.n_clusters} reported."
        ]
        if row.n_clusters < row.n_places:
            said.append(f"The strongest one that was not has p = {row.best_p:.3g}.")
        near = self.sensitivity[self.sensitivity["sector"] == row.sector]["n_places"]
        if len(near):
            said.append(f"Dense places at half to twice these values: {near.min():,} to {near.max():,}.")
        return [" ".join(said)]

    def _cluster_line(self, clusters: Any, row: Any) -> str:
        km2 = f"{row.area_km2:,.0f}" if row.area_km2 >= _WHOLE_KM2 else f"{row.area_km2:.3g}"
        size = f"{plural(row.n_firms, 'firm')} on {km2} km²"
        if self.value != "firms" or row.value != row.n_firms:
            size += f", {row.value:,.6g} {self._unit()} counted"
        if not np.isfinite(row.p):
            return f"{row.cluster}: {size}."
        return (
            f"{row.cluster}: {size}, where {row.expected:,.3g} would lie were the sector spread like all firms "
            f"({row.relative_risk:.2f} times), p = {row.p:.3g} ({clusters.permutations} random labellings)."
        )
