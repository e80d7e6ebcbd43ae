"""Borders: who shares a cluster, and whether it forms a line."""

from __future__ import annotations

from clustermap.borders.crossings import AuthorityShare, Crossing, crossing

__all__ = ["AuthorityShare", "Crossing", "crossing"]
