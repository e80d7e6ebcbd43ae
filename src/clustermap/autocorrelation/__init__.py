"""Spatial autocorrelation: of the whole map, and of every area."""

from clustermap.autocorrelation.local.bivariate import bivariate_moran
from clustermap.autocorrelation.local.differences import geary
from clustermap.autocorrelation.local.gathering import getis_ord
from clustermap.autocorrelation.local.joins import join_count
from clustermap.autocorrelation.local.moran import local_moran
from clustermap.autocorrelation.local.quantiles import quantile_lisa
from clustermap.autocorrelation.local.results import LocalResult, LocalResults
from clustermap.autocorrelation.local.unevenness import losh
from clustermap.autocorrelation.whole.bivariate import global_bivariate_moran
from clustermap.autocorrelation.whole.geary import global_geary
from clustermap.autocorrelation.whole.getis import global_getis_ord
from clustermap.autocorrelation.whole.join_counts import JoinCounts
from clustermap.autocorrelation.whole.joins import global_join_count
from clustermap.autocorrelation.whole.moran import global_moran
from clustermap.autocorrelation.whole.results import GlobalResult, GlobalResults

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
