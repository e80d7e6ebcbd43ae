"""The room's door."""

from clustermap.maps.draw import draw_map
from clustermap.maps.figure import ClusterMap
from clustermap.maps.trees import draw_tree

__all__ = ["ClusterMap", "draw_map", "draw_tree"]
