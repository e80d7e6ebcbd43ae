"""Borders: who shares a cluster, and whether it forms a line."""

from __future__ import annotations

from clustermap.borders.crossings import AuthorityShare, Crossing, crossing
from clustermap.borders.line import Line
from clustermap.borders.lines import line_test

__all__ = ["AuthorityShare", "Crossing", "Line", "crossing", "line_test"]
