"""Detection: clusters that ignore administrative borders."""

from __future__ import annotations

from clustermap.detection.clusters import Clusters
from clustermap.detection.detecting import detect_clusters

__all__ = ["Clusters", "detect_clusters"]
