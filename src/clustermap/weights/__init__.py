"""Which areas are neighbours, and the one door from values to a graph."""

from clustermap.weights.alignment import Neighbours, align, neighbours
from clustermap.weights.audits import Audit, audit
from clustermap.weights.contiguities import contiguity
from clustermap.weights.decays import kernel_weights
from clustermap.weights.distances import distance_band, k_nearest
from clustermap.weights.grounds import border_weights, overlap_weights
from clustermap.weights.times import travel_time_weights

__all__ = [
    "Audit",
    "Neighbours",
    "align",
    "audit",
    "border_weights",
    "contiguity",
    "distance_band",
    "k_nearest",
    "kernel_weights",
    "neighbours",
    "overlap_weights",
    "travel_time_weights",
]
