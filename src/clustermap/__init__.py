"""clustermap: clusters that cross administrative borders, found, tested and mapped."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ClusterMapError": "errors",
    "ClusterMapWarning": "errors",
    "Ledger": "ledger",
    "Areas": "sources.values",
    "Firms": "sources.values",
    "Lookup": "sources.values",
    "read_boundaries": "sources.boundaries",
    "read_firms": "sources.firms",
    "read_lookup": "sources.lookups",
    "read_postcodes": "sources.postcodes",
    "SectorTable": "tables.table",
    "Membership": "tables.membership",
    "locate": "tables.membership",
    "tabulate": "tables.tabulation",
    "stacks": "tables.crowding",
    "Stacks": "tables.crowding",
    "read_table": "tables.published",
    "contiguity": "weights.contiguities",
    "k_nearest": "weights.distances",
    "distance_band": "weights.distances",
    "kernel_weights": "weights.decays",
    "border_weights": "weights.grounds",
    "overlap_weights": "weights.grounds",
    "travel_time_weights": "weights.times",
    "align": "weights.alignment",
    "audit": "weights.audits",
    "location_quotient": "measures.quotient",
    "quotient_variants": "measures.variants",
    "QuotientVariants": "measures.variants",
    "across": "measures.definitions",
    "Sensitivity": "measures.definitions",
    "bootstrap_quotient": "measures.lumpy",
    "LumpyQuotients": "measures.lumpy",
    "quotient_bounds": "measures.bounds",
    "QuotientBounds": "measures.bounds",
    "overlap_bounds": "measures.overlaps",
    "Quotients": "measures.quotient",
    "sector_concentration": "measures.concentration",
    "area_specialisation": "measures.concentration",
    "Concentration": "measures.concentration",
    "cluster_index": "measures.concentration",
    "ClusterIndex": "measures.concentration",
    "ellison_glaeser": "measures.concentration",
    "maurel_sedillot": "measures.concentration",
    "Agglomeration": "measures.concentration",
    "proximity": "measures.relatedness.proximities",
    "Proximity": "measures.relatedness.proximities",
    "relatedness_density": "measures.relatedness.densities",
    "RelatednessDensity": "measures.relatedness.densities",
    "colocation_quotient": "measures.relatedness.colocations",
    "Colocation": "measures.relatedness.colocations",
    "coagglomeration": "measures.relatedness.coagglomerations",
    "Coagglomeration": "measures.relatedness.coagglomerations",
    "variety": "measures.relatedness.varieties",
    "Variety": "measures.relatedness.varieties",
    "complexity": "measures.relatedness.complexities",
    "Complexity": "measures.relatedness.complexities",
    "global_bivariate_moran": "autocorrelation.whole.bivariate",
    "global_geary": "autocorrelation.whole.geary",
    "global_getis_ord": "autocorrelation.whole.getis",
    "global_join_count": "autocorrelation.whole.joins",
    "Births": "measures.growth",
    "QuotientChange": "measures.growth",
    "ShiftShare": "measures.growth",
    "Survival": "measures.growth",
    "births": "measures.growth",
    "quotient_change": "measures.growth",
    "shift_share": "measures.growth",
    "survival": "measures.growth",
    "global_moran": "autocorrelation.whole.moran",
    "local_moran": "autocorrelation.local.moran",
    "DistanceCurve": "measures.distance.results",
    "DistanceCurves": "measures.distance.results",
    "EconomyDistances": "measures.distance.economy",
    "cross_duranton_overman": "measures.distance.cross",
    "duranton_overman": "measures.distance.kd",
    "economy_distances": "measures.distance.economy",
    "economy_from_pairs": "measures.distance.economy",
    "marcon_puech": "measures.distance.m",
    "bivariate_moran": "autocorrelation.local.bivariate",
    "geary": "autocorrelation.local.differences",
    "getis_ord": "autocorrelation.local.gathering",
    "join_count": "autocorrelation.local.joins",
    "losh": "autocorrelation.local.unevenness",
    "quantile_lisa": "autocorrelation.local.quantiles",
    "detect_clusters": "detection.detecting",
    "Clusters": "detection.clusters",
    "RiskSurface": "detection.surface.results",
    "zoning_support": "detection.stability.zonings",
    "ZoningSupport": "detection.stability.zonings",
    "bridges": "detection.bridges.bridging",
    "Bridges": "detection.bridges.results",
    "stability": "detection.stability.stabilities",
    "Stability": "detection.stability.results",
    "border_moran": "borders.decomposition",
    "crossing": "borders.crossings",
    "Crossing": "borders.crossings",
    "line_test": "borders.lines",
    "Line": "borders.line",
    "draw_map": "maps.draw",
    "draw_tree": "maps.trees",
    "Study": "study",
    "StudyResult": "study",
    "run_study": "study",
}
_ROOMS = {
    "datasets": "datasets",
    "errors": "errors",
    "nulls": "autocorrelation.nulls",
    "sectors": "sources.sectors",
    "testing": "testing",
}

__all__ = sorted([*_HOMES, *_ROOMS, "__version__"])  # noqa: PLE0605 - made from the table above


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _ROOMS:
        value: Any = import_module(f"clustermap.{_ROOMS[name]}")
    elif name in _HOMES:
        value = getattr(import_module(f"clustermap.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'clustermap' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
