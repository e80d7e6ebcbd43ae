"""One verb from results to a page that opens with the network off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clustermap.maps.content import gather
from clustermap.maps.figure import ClusterMap
from clustermap.maps.layers import payload
from clustermap.maps.tiling import tile_source

if TYPE_CHECKING:
    from clustermap.sources.values import Areas, Firms

__all__ = ["draw_map"]


def draw_map(
    *results: Any,
    areas: Areas | None = None,
    firms: Firms | None = None,
    title: str | None = None,
    tiles: str | None = None,
) -> ClusterMap:
    """Draw results on one page: a file of its own, without a single request to the network.

    Parameters
    ----------
    *results : results
        Any of: Areas, Firms, SectorTable, Quotients, LocalResult(s), Clusters, Crossing, Line, at most one of
        each kind but Areas. Areas beside another result are drawn as outlines of authorities.
    areas : Areas or GeoDataFrame, optional
        The areas to fill, where the results do not carry them.
    firms : Firms or GeoDataFrame, optional
        Firms to show as points.
    title : str, optional
        The page's heading; made from the results where absent.
    tiles : str, optional
        Name of an online tile set (as in xyzservices, for instance ``"OpenStreetMap.Mapnik"``). Off by default:
        tiles tell their server which places are looked at.

    Returns
    -------
    ClusterMap
        A :class:`folium.Map`: ``add_child`` works; ``.save(path)`` writes the page, the same bytes each time.

    Raises
    ------
    OptionError
        CM-MAP-001: something that no map can show; CM-MAP-004: unknown tiles.
    InputError
        CM-MAP-002: nothing with a place.
    AlignmentError
        CM-MAP-003: results about areas that are not on the map.

    Examples
    --------
    >>> from clustermap.testing import make_region
    >>> region = make_region(seed=1)
    >>> draw_map(region.areas, title="A made-up region")
    <ClusterMap: A made-up region>
    """
    content = gather(results, areas=areas, firms=firms)
    source = None if tiles is None else tile_source(tiles)
    return ClusterMap(payload(content, title=title, tiles=source), tiles=source)
