"""How far apart the firms of a sector lie, against firms drawn at random from all sites."""

from clustermap.measures.distance.cross import cross_duranton_overman
from clustermap.measures.distance.economy import EconomyDistances, economy_distances, economy_from_pairs
from clustermap.measures.distance.kd import duranton_overman
from clustermap.measures.distance.m import marcon_puech
from clustermap.measures.distance.results import DistanceCurve, DistanceCurves

__all__ = [
    "DistanceCurve",
    "DistanceCurves",
    "EconomyDistances",
    "cross_duranton_overman",
    "duranton_overman",
    "economy_distances",
    "economy_from_pairs",
    "marcon_puech",
]
