"""Gaps between clusters: which were closed, through where, and which were too expensive."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clustermap.errors import as_lines, part_of, plural

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.detection.clusters import Clusters

__all__ = ["Bridges"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bridges:
    """Pairs of clusters with a short gap between them.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per pair, the largest gain first: ``a, b, sector, level, areas, authorities, value, expected,
        relative_risk, gain, score, p, joined``. `areas` are the gap areas and `authorities` the names of those
        they lie in: the gap authorities; `value`, `expected` and `relative_risk` are the gap's own; `gain` is the joint
        score less that of the better description without the gap; `score` and `p` those of the joint set (p NaN
        where there is no gain); `joined` the name of the joint cluster in `clusters`, missing where the gap stays
        open. A cluster that was joined before is named by all its parts.
    clusters : Clusters
        The clusters with the closed gaps inside; named anew.
    most : int
        Longest chain of gap areas that was tried.
    permutations, seed : int
        Replicates of the null, and what they were drawn from.
    null : str
        The null in words.
    """

    frame: pd.DataFrame
    clusters: Clusters
    most: int
    permutations: int
    seed: int
    null: str

    def summary(self) -> str:
        """Say in plain sentences which gaps were closed, which stayed open, and at what price."""
        if self.frame.empty:
            return f"No two clusters lie within {plural(self.most, 'area')} of each other."
        lines = [self._line(row) for row in self.frame.itertuples(index=False)]
        rule = (
            "A gap is closed where one ratio for all describes the counts better than two clusters and a gap, the "
            "second cluster costing the log of the number of areas; that a gap is closed does not make it strong."
        )
        return as_lines([*lines, rule])

    def _line(self, row: Any) -> str:
        names = self.clusters.areas.names.reindex(row.areas) if self.clusters.areas is not None else row.areas
        held = f" ({', '.join(row.authorities)})" if row.authorities else ""
        where = f"{', '.join(map(str, names))}{held}"
        told = f"{row.value:,.0f} where the national share gives {row.expected:,.0f}"
        if isinstance(row.joined, str):
            return (
                f"{row.a} and {row.b} are one cluster, {row.joined}, through {where}: {told}; gain {row.gain:.1f}, "
                f"p = {row.p:.3g} ({self.permutations} replicates)."
            )
        if row.gain > 0:
            return (
                f"{row.a} and {row.b} stay apart: through {where} ({told}) the joint set has p = {row.p:.3g}."
            )
        return f"{row.a} and {row.b} stay apart: {where} lies between them ({told}); {-row.gain:.1f} short of a gain."

    def __repr__(self) -> str:
        joined = int(self.frame["joined"].notna().sum())
        return (
            f"<Bridges: {part_of(joined, len(self.frame), 'gap')} closed, "
            f"{plural(len(self.clusters.frame), 'cluster')}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"
