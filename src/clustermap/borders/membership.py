"""Which authorities the areas of a scanned table belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clustermap.tables.shares import NOBODY, Shares, authority_shares

if TYPE_CHECKING:
    from clustermap.detection.clusters import Clusters
    from clustermap.schema import Overlap
    from clustermap.sources.values import Areas, Lookup

__all__ = ["NOBODY", "Shares", "shares_in"]


def shares_in(clusters: Clusters, authorities: Areas | Lookup, overlap: Overlap) -> Shares:
    """Return the share of every area of the scanned table in every authority.

    Raises
    ------
    OptionError
        CM-CROSS-001: unknown overlap rule, or authorities that are neither areas nor a lookup.
    """
    return authority_shares(clusters.table.labels, authorities, areas=clusters.areas, overlap=overlap)
