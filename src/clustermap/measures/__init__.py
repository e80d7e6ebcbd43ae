"""How much of a sector an area has."""

from clustermap.measures.quotient import Quotients, location_quotient

__all__ = ["Quotients", "location_quotient"]
