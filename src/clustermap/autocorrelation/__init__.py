"""Spatial autocorrelation: of the whole map, and of every area."""

from clustermap.autocorrelation.global_ import global_moran
from clustermap.autocorrelation.global_differences import global_geary
from clustermap.autocorrelation.global_joins import global_join_count
from clustermap.autocorrelation.global_pairs import global_bivariate_moran
from clustermap.autocorrelation.global_products import global_getis_ord
from clustermap.autocorrelation.global_results import GlobalResult, GlobalResults
from clustermap.autocorrelation.join_counts import JoinCounts
from clustermap.autocorrelation.local import local_moran
from clustermap.autocorrelation.local_bivariate import bivariate_moran
from clustermap.autocorrelation.local_geary import geary
from clustermap.autocorrelation.local_getis import getis_ord
from clustermap.autocorrelation.local_joins import join_count
from clustermap.autocorrelation.local_losh import losh
from clustermap.autocorrelation.local_quantile import quantile_lisa
from clustermap.autocorrelation.local_results import LocalResult, LocalResults

__all__ = [
    "GlobalResult",
    "GlobalResults",
    "JoinCounts",
    "LocalResult",
    "LocalResults",
    "bivariate_moran",
    "geary",
    "getis_ord",
    "global_bivariate_moran",
    "global_geary",
    "global_getis_ord",
    "global_join_count",
    "global_moran",
    "join_count",
    "local_moran",
    "losh",
    "quantile_lisa",
]
