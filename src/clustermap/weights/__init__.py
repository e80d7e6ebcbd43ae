"""Which areas are neighbours, and the one door from values to a graph."""

from clustermap.weights.alignment import Neighbours, align, neighbours
from clustermap.weights.audits import Audit, audit
from clustermap.weights.contiguities import contiguity
from clustermap.weights.distances import distance_band, k_nearest

__all__ = ["Audit", "Neighbours", "align", "audit", "contiguity", "distance_band", "k_nearest", "neighbours"]
