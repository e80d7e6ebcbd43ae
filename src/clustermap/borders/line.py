"""Line: what the line test returns."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from clustermap.errors import as_lines, plural

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.schema import LineNull
    from clustermap.sources.values import Areas

__all__ = ["OMITTED_COLUMNS", "Line"]

OMITTED_COLUMNS = ("area", "name", "value", "lq", "weakest_member", "p_stronger")
_USUAL_LEVEL = 0.05
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """Whether a set of areas is a line.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``area, name, value, weight, along_km, across_km``, in order along the axis.
    members : list
        Codes of the set.
    cluster, sector : str or None
        Which cluster of a detection, and of which sector; None for a named set of polygons.
    elongation : float
        ``1 − √(λ2/λ1)``: 1 on a straight line, 0 for a round set.
    bearing, bearing_low, bearing_high : float
        Degrees from north, clockwise, 0 to 180, with a 95 % bootstrap interval that may run through 180 = 0.
    length_km, width_km, largest_gap_km : float
        Extent along the axis, root mean square across it, largest step between neighbours along it.
    axis : shapely.LineString or None
        For the map.
    p, attainable_p : float
        Share of the null at least as drawn-out, and the smallest p that a set of this size could have had.
    status : {"tested", "disconnected", "too few areas", "no values", "no cluster"}
        Why p is NaN where it is.
    how : str
        What the set was compared with.
    n_sets : int or None
        Connected sets of this size where all were enumerated.
    gap_km, gap_authorities : float, list of str
        Largest gap between parts of a disconnected set, and the names of the areas on a shortest way across.
    gaps : pandas.DataFrame
        ``a, b, gap_km, through``: every gap.
    omitted : pandas.DataFrame
        ``area, name, value, lq, weakest_member, p_stronger``: neighbours outside the set that are stronger than
        its weakest member; empty where values are not known.
    areas : Areas
        The areas that sets were drawn from.
    graph : libpysal.graph.Graph
        Which of them touch.
    method, null, alternative, correction, permutations, seed, family_size
        Parameters of the test.
    """

    frame: pd.DataFrame
    members: list[Any]
    cluster: str | None
    sector: str | None
    elongation: float
    bearing: float
    bearing_low: float
    bearing_high: float
    length_km: float
    width_km: float
    largest_gap_km: float
    axis: Any
    p: float
    attainable_p: float
    status: str
    how: str
    n_sets: int | None
    gap_km: float
    gap_authorities: list[str]
    gaps: pd.DataFrame
    omitted: pd.DataFrame
    areas: Areas
    graph: Any
    null: LineNull
    permutations: int
    seed: int
    method: str = "elongation of the weighted covariance of the areas' centroids"
    alternative: str = "greater"
    correction: str = "none"
    family_size: int = 1

    def geo(self) -> gpd.GeoDataFrame:
        """Return the members with their places along and across the axis, indexed by code."""
        own = self.frame.set_index("area").drop(columns="name")
        return self.areas.frame.join(own, how="inner").rename_axis("code")

    def summary(self) -> str:
        """Say in plain sentences whether the set is a line, and how much that is worth."""
        if self.status == "no cluster":
            return "No cluster was found, so there is nothing that could be a line."
        which = f"Cluster {self.cluster}" if self.cluster else "The named set"
        way = " through north" if self.bearing_low > self.bearing_high else ""
        interval = f" (95 % interval {self.bearing_low:.0f}°{way} to {self.bearing_high:.0f}°)"
        first_line = (
            f"{which} ({self._names(list(self.frame['name']))}): elongation {self.elongation:.2f}, bearing "
            f"{self.bearing:.0f}°{'' if pd.isna(self.bearing_low) else interval}, "
            f"{self.length_km:.0f} km long, {self.width_km:.0f} km wide (root mean square), "
            f"largest step {self.largest_gap_km:.0f} km."
        )
        lines = [first_line, self._verdict()]
        if self.null == "connected-subsets" and self.cluster and self.status == "tested":
            lines.append(
                "The set was selected by data, this null was not: the same test with "
                'null="permute-and-reselect" selects again on random maps, and is the one for such a set.'
            )
        if len(self.omitted):
            first = self.omitted.iloc[0]
            weakest = self.areas.names[first["weakest_member"]]
            lines.append(
                f"Left out although stronger than {weakest}: {self._names(list(self.omitted['name']))} "
                f"({first['name']}: {first['lq']:.2f} times the national share, stronger with probability "
                f"{first['p_stronger']:.2f})."
            )
        elif pd.isna(self.frame["value"]).all():
            lines.append("Without values it is not known whether stronger neighbours were left out.")
        return as_lines(lines)

    def _verdict(self) -> str:
        smallest = f"the smallest p that a connected set of {len(self.members)} could have is {self.attainable_p:.2g}"
        if self.status == "disconnected":
            through = f", through {', '.join(self.gap_authorities)}" if self.gap_authorities else ""
            return f"The set is not connected (a gap of {self.gap_km:.1f} km{through}), so there is no p; {smallest}."
        if self.status == "too few areas":
            return f"{plural(len(self.members), 'area always lies', 'areas always lie')} on a line, so there is no p."
        if self.status == "no values":
            return "The members have no known value to weigh it by, so there is no p."
        number = f"all {plural(self.n_sets, 'connected set')}" if self.n_sets else self.how
        if self.null == "connected-subsets" and self.cluster:  # a p of another question gets no verdict
            return f"Share of sets as drawn-out or more: {self.p:.2g} of {number}; {smallest}."
        verdict = "more drawn-out than chance" if self.p <= _USUAL_LEVEL else "no more drawn-out than chance"
        return f"It is {verdict}: p = {self.p:.2g} against {number}; {smallest}."

    def _names(self, names: list[str]) -> str:
        shown = ", ".join(map(str, names[:_NAMED]))
        return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown

    def __repr__(self) -> str:
        p = f"p {self.p:.3g}" if self.status == "tested" else self.status
        return (
            f"<Line: {plural(len(self.members), 'area')}, elongation {self.elongation:.2f}, "
            f"{self.bearing:.0f}°, {p}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"
