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
from clustermap.measures.growth import (
    Births,
    QuotientChange,
    ShiftShare,
    Survival,
    births,
    quotient_change,
    shift_share,
    survival,
)
from clustermap.measures.lumpy import LumpyQuotients, bootstrap_quotient
from clustermap.measures.overlaps import overlap_bounds
from clustermap.measures.quotient import Quotients, location_quotient
from clustermap.measures.variants import QuotientVariants, quotient_variants

__all__ = [
    "Agglomeration",
    "Births",
    "ClusterIndex",
    "Concentration",
    "LumpyQuotients",
    "QuotientBounds",
    "QuotientChange",
    "QuotientVariants",
    "Quotients",
    "Sensitivity",
    "ShiftShare",
    "Survival",
    "across",
    "area_specialisation",
    "births",
    "bootstrap_quotient",
    "cluster_index",
    "ellison_glaeser",
    "location_quotient",
    "maurel_sedillot",
    "overlap_bounds",
    "quotient_bounds",
    "quotient_change",
    "quotient_variants",
    "sector_concentration",
    "shift_share",
    "survival",
]
