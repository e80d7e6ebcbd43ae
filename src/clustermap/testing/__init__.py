"""Public helpers for tests: synthetic regions and worlds with planted truth, and assertions that explain themselves."""

from clustermap.testing.assertions import assert_accounted, assert_coverage, assert_same_table
from clustermap.testing.regions import Region, make_region
from clustermap.testing.worlds import World, make_world

__all__ = [
    "Region",
    "World",
    "assert_accounted",
    "assert_coverage",
    "assert_same_table",
    "make_region",
    "make_world",
]
