# What the front door opens, for type checkers; tests hold it against the table in `__init__.py`.

from clustermap import datasets as datasets
from clustermap import errors as errors
from clustermap import testing as testing
from clustermap.autocorrelation import nulls as nulls
from clustermap.autocorrelation.global_ import global_moran as global_moran
from clustermap.autocorrelation.local import local_moran as local_moran
from clustermap.borders.crossings import Crossing as Crossing
from clustermap.borders.crossings import crossing as crossing
from clustermap.borders.line import Line as Line
from clustermap.borders.lines import line_test as line_test
from clustermap.detection.clusters import Clusters as Clusters
from clustermap.detection.scan import detect_clusters as detect_clusters
from clustermap.errors import ClusterMapError as ClusterMapError
from clustermap.errors import ClusterMapWarning as ClusterMapWarning
from clustermap.ledger import Ledger as Ledger
from clustermap.maps.draw import draw_map as draw_map
from clustermap.measures.quotient import Quotients as Quotients
from clustermap.measures.quotient import location_quotient as location_quotient
from clustermap.sources import sectors as sectors
from clustermap.sources.boundaries import read_boundaries as read_boundaries
from clustermap.sources.firms import read_firms as read_firms
from clustermap.sources.lookups import read_lookup as read_lookup
from clustermap.sources.postcodes import read_postcodes as read_postcodes
from clustermap.sources.values import Areas as Areas
from clustermap.sources.values import Firms as Firms
from clustermap.sources.values import Lookup as Lookup
from clustermap.study import Study as Study
from clustermap.study import StudyResult as StudyResult
from clustermap.study import run_study as run_study
from clustermap.tables.membership import Membership as Membership
from clustermap.tables.membership import locate as locate
from clustermap.tables.published import read_table as read_table
from clustermap.tables.table import SectorTable as SectorTable
from clustermap.tables.tabulation import tabulate as tabulate
from clustermap.weights.alignment import align as align
from clustermap.weights.audits import audit as audit
from clustermap.weights.contiguities import contiguity as contiguity
from clustermap.weights.distances import distance_band as distance_band
from clustermap.weights.distances import k_nearest as k_nearest

__version__: str
