"""The room's door: firms, postcodes, boundaries, lookups and sectors come in here."""

from clustermap.sources import sectors
from clustermap.sources.boundaries import as_areas, read_boundaries
from clustermap.sources.firms import as_firms, read_firms
from clustermap.sources.lookups import read_lookup
from clustermap.sources.postcodes import Postcodes, read_postcodes
from clustermap.sources.sectors import Taxonomy
from clustermap.sources.values import Areas, Firms, Lookup

__all__ = [
    "Areas",
    "Firms",
    "Lookup",
    "Postcodes",
    "Taxonomy",
    "as_areas",
    "as_firms",
    "read_boundaries",
    "read_firms",
    "read_lookup",
    "read_postcodes",
    "sectors",
]
