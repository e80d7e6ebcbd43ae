"""The room's door."""

from clustermap.maps.draw import draw_map
from clustermap.maps.figure import ClusterMap

__all__ = ["ClusterMap", "draw_map"]
