"""Every column name, dtype and allowed value: the one vocabulary of the house."""

from __future__ import annotations

from typing import Final, Literal

# --- closed sets of options -------------------------------------------------
Overlap = Literal["full", "fractional", "primary"]
Codes = Literal["first", "fractional", "any"]
LocationKind = Literal["registered office", "workplace", "unknown"]
Measure = Literal["firms", "employment"]
Alternative = Literal["two-sided", "greater", "less"]
Correction = Literal["fdr_bh", "bonferroni", "none"]
Rates = Literal["auto", "empirical-bayes", "none"]
Transformation = Literal["row", "binary"]
Islands = Literal["keep", "nearest", "error"]
Contiguity = Literal["queen", "rook"]
Kernel = Literal["uniform", "triangular", "epanechnikov", "bisquare", "gaussian"]
Border = Literal["length_m", "share"]
BothWays = Literal["as given", "mean", "shorter", "longer"]
Background = Literal["minimum-effect", "homogeneous", "field", "auto"]
Likelihood = Literal["poisson", "binomial", "overdispersed", "jobs"]
DetectionMethod = Literal["scan", "surface", "dbscan", "hdbscan"]
Preset = Literal["wipo2018", "wipo2017"]
StackRule = Literal["keep", "cap", "drop"]
Cells = Literal["auto", "all", "nonzero"]
CountLaw = Literal["binomial", "hypergeometric"]
ProfileReference = Literal["nation", "rest"]
ShiftMethod = Literal["classic", "esteban-marquillas"]
LineNull = Literal["connected-subsets", "permute-and-reselect"]
PresenceRule = Literal["lq", "significant"]
Normalisation = Literal["minimum", "cosine", "association"]
ProximityNull = Literal["degree-preserving", "hypergeometric"]
KdMethod = Literal["auto", "exact-pairs", "fft", "moments"]

# --- column names -----------------------------------------------------------
# the code of an area is `code` in GeoDataFrames and files, where `.area` is a size, and `area` in plain long frames
FIRM_COLUMNS: Final = ("firm_id", "name", "sic", "value", "location_kind", "location_quality", "geometry")
ACTIVITY_COLUMNS: Final = ("firm_id", "sic", "position", "classification")
LOOKUP_COLUMNS: Final = ("area", "authority", "name", "share")
LEDGER_COLUMNS: Final = ("reason", "verdict", "n", "value", "examples")
STACK_COLUMNS: Final = ("stack", "x", "y", "n_firms", "share", "registered", "example")
STACK_SECTOR_COLUMNS: Final = ("stack", "sector", "n_firms", "share_of_stack", "share_of_sector", "lq")
MEMBERSHIP_COLUMNS: Final = ("firm_id", "area", "share")
QUOTIENT_COLUMNS: Final = (
    "area", "sector", "value", "expected", "lq", "lower", "upper", "p", "q", "shrunk", "status",
)  # fmt: skip
AGGLOMERATION_COLUMNS: Final = (
    "sector", "n_plants", "value", "raw", "herfindahl", "gamma", "se", "lower", "upper", "null_sd", "z", "p", "q",
    "status",
)  # fmt: skip
STOCK_COLUMNS: Final = (
    "area", "sector", "value", "density", "stock", "plant_size", "index", "lower", "upper", "p", "q", "status",
)  # fmt: skip
CONCENTRATION_COLUMNS: Final = (
    "measure", "n", "statistic", "se", "lower", "upper", "expected", "sd", "z", "p", "q", "status",
)  # fmt: skip
VARIANT_COLUMNS: Final = (
    "area", "sector", "lq", "lower", "upper", "symmetric", "symmetric_lower", "symmetric_upper", "log", "log_lower",
    "log_upper", "z", "z_log", "label", "status",
)  # fmt: skip
ACROSS_COLUMNS: Final = (
    "area", "low", "high", "holds", "of", "surely", "surely_not", "agree", "lowest", "highest", "status",
)  # fmt: skip
LUMPY_COLUMNS: Final = (
    "area", "sector", "value", "expected", "lq", "plants", "lower", "upper", "p", "q", "boot_lower", "boot_upper",
    "status",
)  # fmt: skip
BOUND_COLUMNS: Final = ("area", "sector", "lq", "lower", "upper", "decision", "status")
QUOTIENT_CHANGE_COLUMNS: Final = (
    "area", "sector", "before", "after", "lq_before", "lq_after", "ratio", "lower", "upper", "p", "q", "status",
)  # fmt: skip
BIRTH_COLUMNS: Final = (
    "area", "sector", "year", "births", "stock", "rate", "lower", "upper", "expected", "p", "q", "status",
)  # fmt: skip
SURVIVAL_COLUMNS: Final = ("group", "age", "at_risk", "ended", "survival", "se", "lower", "upper")
GLOBAL_COLUMNS: Final = ("sector", "statistic", "expected", "variance", "z", "p_normal", "p", "permutations")
JOIN_COLUMNS: Final = (
    "sector", "joins", "statistic", "expected", "variance", "z", "p_normal", "p", "permutations",
    "expected_independent", "variance_independent",
)  # fmt: skip
BORDER_COLUMNS: Final = (
    "sector", "part", "statistic", "expected", "variance", "z", "p_normal", "p", "permutations", "weight",
)  # fmt: skip
BORDER_PAIR_COLUMNS: Final = ("sector", "a", "b", "n_links", "weight", "statistic", "expected", "p", "q")
LOCAL_COLUMNS: Final = ("statistic", "value", "lag", "p", "p_min", "q", "label", "status", "borderline")
CLUSTER_COLUMNS: Final = (
    "cluster", "sector", "n_areas", "n_firms", "value", "expected", "relative_risk", "score", "p", "p_field",
    "level", "parent", "area_km2",
)  # fmt: skip
MEMBER_COLUMNS: Final = ("cluster", "area")
SUPPORT_COLUMNS: Final = ("cluster", "area", "support")
FIRM_MEMBER_COLUMNS: Final = ("cluster", "firm_id")
SURFACE_COLUMNS: Final = (
    "row", "column", "x", "y", "n_firms", "n_sector", "expected", "ratio", "score", "p", "p_above", "label", "status",
)  # fmt: skip
BRIDGE_COLUMNS: Final = (
    "a", "b", "sector", "level", "areas", "authorities", "value", "expected", "relative_risk", "gain", "score", "p",
    "joined",
)  # fmt: skip
PROXIMITY_COLUMNS: Final = ("a", "b", "n_a", "n_b", "both", "expected", "proximity", "p", "q", "status")
DENSITY_COLUMNS: Final = ("area", "sector", "present", "density", "expected", "excess", "status")
COAGGLOMERATION_COLUMNS: Final = (
    "a", "b", "n_a", "n_b", "statistic", "expected", "variance", "z", "p_normal", "p", "q", "status",
)  # fmt: skip
COLOCATION_COLUMNS: Final = COAGGLOMERATION_COLUMNS
LOCAL_COLOCATION_COLUMNS: Final = (
    "firm_id", "neighbours", "share", "statistic", "p", "p_min", "q", "label", "status",
)  # fmt: skip
VARIETY_COLUMNS: Final = (
    "area", "value", "n_sectors", "n_groups", "total", "unrelated", "related", "bias", "total_lower", "total_upper",
    "unrelated_lower", "unrelated_upper", "related_lower", "related_upper", "status",
)  # fmt: skip
COMPLEXITY_COLUMNS: Final = (
    "area", "diversity", "complexity", "rank", "lower", "upper", "rank_lower", "rank_upper", "status",
)  # fmt: skip
CROSSING_COLUMNS: Final = ("cluster", "authority", "name", "value", "share")
PAIR_COLUMNS: Final = (
    "cluster", "a", "b", "n_links", "border_km", "value_a", "value_b", "strength", "p_crosses",
)  # fmt: skip
CURVE_COLUMNS: Final = (
    "distance", "value", "expected", "lower", "upper", "global_lower", "global_upper", "localisation", "dispersion",
)  # fmt: skip
CURVE_TEST_COLUMNS: Final = (
    "sector", "n", "bandwidth", "draws", "decided", "p_localised", "p_dispersed", "p", "q", "label", "localisation",
    "dispersion", "status",
)  # fmt: skip

# --- allowed values ---------------------------------------------------------
CELL_STATES: Final = ("observed", "rounded", "suppressed")
VERDICTS: Final = ("accepted", "repaired", "set aside")
LISA_LABELS: Final = ("HH", "LL", "HL", "LH", "not significant", "isolate", "undefined", "cannot reach")
GEARY_LABELS: Final = (
    "HH", "LL", "other positive", "negative", "not significant", "isolate", "undefined", "cannot reach",
)  # fmt: skip
SURFACE_LABELS: Final = ("above", "below", "not significant", "undefined")
LOSH_LABELS: Final = ("uneven", "even", "not significant", "isolate", "undefined", "cannot reach")
CLASSIFICATION: Final = "SIC 2007"
