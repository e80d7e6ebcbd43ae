"""Which sectors belong together, how varied an area is, and how complex."""

from clustermap.measures.relatedness.coagglomerations import Coagglomeration, coagglomeration
from clustermap.measures.relatedness.colocations import Colocation, colocation_quotient
from clustermap.measures.relatedness.complexities import Complexity, complexity
from clustermap.measures.relatedness.densities import RelatednessDensity, relatedness_density
from clustermap.measures.relatedness.proximities import Proximity, proximity
from clustermap.measures.relatedness.varieties import Variety, variety

__all__ = [
    "Coagglomeration",
    "Colocation",
    "Complexity",
    "Proximity",
    "RelatednessDensity",
    "Variety",
    "coagglomeration",
    "colocation_quotient",
    "complexity",
    "proximity",
    "relatedness_density",
    "variety",
]
