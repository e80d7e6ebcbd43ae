"""Which areas are neighbours, and the one door from values to a graph."""

from clustermap.weights.alignment import Neighbours, align, neighbours

__all__ = ["Neighbours", "align", "neighbours"]
