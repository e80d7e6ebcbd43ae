"""How unevenly sectors lie over areas, and areas over sectors."""

from clustermap.measures.concentration.geographic import ellison_glaeser, maurel_sedillot
from clustermap.measures.concentration.profiles import area_specialisation, sector_concentration
from clustermap.measures.concentration.results import Agglomeration, Concentration
from clustermap.measures.concentration.stocks import ClusterIndex, cluster_index

__all__ = [
    "Agglomeration",
    "ClusterIndex",
    "Concentration",
    "area_specialisation",
    "cluster_index",
    "ellison_glaeser",
    "maurel_sedillot",
    "sector_concentration",
]
