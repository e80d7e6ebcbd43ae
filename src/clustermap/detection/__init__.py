"""Detection: clusters that ignore administrative borders."""

from __future__ import annotations

from clustermap.detection.clusters import Clusters
from clustermap.detection.detecting import detect_clusters
from clustermap.detection.trees import tree_lines

__all__ = ["Clusters", "detect_clusters", "tree_lines"]
