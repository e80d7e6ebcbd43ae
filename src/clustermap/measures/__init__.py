"""How much of a sector an area has, how unevenly sectors lie, and how both change."""

from clustermap.measures.bounds import QuotientBounds, quotient_bounds
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
from clustermap.measures.definitions import Sensitivity, across
from clustermap.measures.lumpy import LumpyQuotients, bootstrap_quotient
from clustermap.measures.overlaps import overlap_bounds
from clustermap.measures.quotient import Quotients, location_quotient
from clustermap.measures.variants import QuotientVariants, quotient_variants

__all__ = [
    "Agglomeration",
    "ClusterIndex",
    "Concentration",
    "LumpyQuotients",
    "QuotientBounds",
    "QuotientVariants",
    "Quotients",
    "Sensitivity",
    "across",
    "area_specialisation",
    "bootstrap_quotient",
    "cluster_index",
    "ellison_glaeser",
    "location_quotient",
    "maurel_sedillot",
    "overlap_bounds",
    "quotient_bounds",
    "quotient_variants",
    "sector_concentration",
]
