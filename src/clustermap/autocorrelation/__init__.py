"""Spatial autocorrelation: Moran's I of the whole map, and of every area."""

from clustermap.autocorrelation.global_ import global_moran
from clustermap.autocorrelation.local import local_moran
from clustermap.autocorrelation.results import GlobalResult, GlobalResults, LocalResult, LocalResults

__all__ = ["GlobalResult", "GlobalResults", "LocalResult", "LocalResults", "global_moran", "local_moran"]
