"""How much of a sector an area has, how unevenly sectors lie, and how both change."""

from clustermap.measures.concentration import (
    Agglomeration,
    ClusterIndex,
    Concentration,
    area_specialisation,
    cluster_index,
    ellison_glaeser,
    maurel_sedillot,
    sector_concentration,
)
from clustermap.measures.quotient import Quotients, location_quotient

__all__ = [
    "Agglomeration",
    "ClusterIndex",
    "Concentration",
    "Quotients",
    "area_specialisation",
    "cluster_index",
    "ellison_glaeser",
    "location_quotient",
    "maurel_sedillot",
    "sector_concentration",
]
