"""Borders: who shares a cluster, and whether it forms a line."""

from __future__ import annotations

from clustermap.borders.border_moran_results import BorderMoran, BorderMorans
from clustermap.borders.crossings import AuthorityShare, Crossing, crossing
from clustermap.borders.decomposition import border_moran
from clustermap.borders.line import Line
from clustermap.borders.lines import line_test

__all__ = [
    "AuthorityShare",
    "BorderMoran",
    "BorderMorans",
    "Crossing",
    "Line",
    "border_moran",
    "crossing",
    "line_test",
]
