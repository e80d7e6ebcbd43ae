"""Firms located in areas, and the table of areas × sectors that measures work on."""

from clustermap.tables.membership import Membership, locate
from clustermap.tables.published import read_table
from clustermap.tables.table import SectorTable, as_table
from clustermap.tables.tabulation import tabulate

__all__ = ["Membership", "SectorTable", "as_table", "locate", "read_table", "tabulate"]
