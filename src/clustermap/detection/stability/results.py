"""What the copies of a map say about its clusters."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustermap.errors import as_lines, plural

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Stability"]

_SURE, _LOOSE = 0.9, 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stability:
    """How often clusters come back when the firms are drawn again.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per cluster: ``cluster, recovered, jaccard, sure, loose``. `recovered` is the share of copies with a
        set whose Jaccard index with the cluster is at least one half; `jaccard` the mean of the best index over all
        copies; `sure` and `loose` how many of its members are in the matched set in at least 90 %, and in less
        than half, of the copies.
    copies : pandas.DataFrame
        ``cluster, copy, area`` (``firm_id`` where firms were clustered): the matched set of every copy that has one.
    replicates, seed : int
        Copies, and what they were drawn from.
    method : str
        How copies were made.
    """

    frame: pd.DataFrame
    copies: pd.DataFrame
    replicates: int
    seed: int
    method: str

    def held(self, cluster: str, areas: pd.Index) -> np.ndarray:
        """Return for every copy (rows) which of these areas, or firms, the matched set holds."""
        own = self.copies[self.copies["cluster"] == cluster]
        inside = np.zeros((self.replicates, len(areas)), dtype=bool)
        at = areas.get_indexer(own[self.copies.columns[-1]])
        inside[own["copy"].to_numpy(dtype=int)[at >= 0], at[at >= 0]] = True
        return inside

    @property
    def _what(self) -> str:
        return "areas" if self.copies.columns[-1] == "area" else "firms"

    def sentence(self, cluster: str) -> str:
        """Say how one cluster came back."""
        row = self.frame[self.frame["cluster"] == cluster].iloc[0]
        return (
            f" Support: found again in {row['recovered']:.0%} of {self.replicates} copies; {row['sure']} of its "
            f"{self._what} in at least {_SURE:.0%} of them, {row['loose']} in less than half."
        )

    def caution(self) -> str:
        """Say what support is not."""
        return (
            f"Support is a share of copies ({self.method}), given that the cluster was found: no probability. A copy "
            "varies twice as much as the map, so that copies of a map without clusters often show one."
        )

    def summary(self) -> str:
        """Say in plain sentences how the clusters came back."""
        if self.frame.empty:
            return "No cluster: nothing can come back."
        lines = [f"{cluster}:{self.sentence(cluster)}" for cluster in self.frame["cluster"]]
        return as_lines([*lines, self.caution()])

    def __repr__(self) -> str:
        least = f", least {self.frame['recovered'].min():.0%}" if len(self.frame) else ""
        return f"<Stability: {plural(len(self.frame), 'cluster')}, {self.replicates} copies{least} recovered>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def counted(support: pd.Series) -> tuple[int, int]:
    """Count the areas that are nearly always inside, and those that are less than half of the time."""
    return int((support >= _SURE).sum()), int((support < _LOOSE).sum())
