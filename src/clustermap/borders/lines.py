"""Is it a line? Elongation of a set of areas, tested against connected sets or against re-selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.borders.line import OMITTED_COLUMNS, Line
from clustermap.borders.nulls import Places, Tested, after_reselection, among_connected, attainable
from clustermap.borders.shapes import GAP_COLUMNS, Shape, breaks, shape_of
from clustermap.borders.targets import Target, target_of
from clustermap.detection.adjacency import links_of
from clustermap.errors import OptionError
from clustermap.randomness import resolve_seed
from clustermap.schema import LineNull

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from clustermap.borders.crossings import Crossing
    from clustermap.detection.clusters import Clusters
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["line_test"]

Floats = npt.NDArray[np.float64]

_FEWEST = 3
_FRAME_COLUMNS = ("area", "name", "value", "weight", "along_km", "across_km")


def line_test(
    data: Crossing | Clusters | Areas | SectorTable | gpd.GeoDataFrame,
    *,
    members: Sequence[str] | None = None,
    graph: Any = None,
    null: LineNull = "connected-subsets",
    permutations: int = 9_999,
    seed: int | None = None,
) -> Line:
    """Test whether a set of areas is more drawn-out than chance.

    Parameters
    ----------
    data : Crossing or Clusters, or Areas or SectorTable with `members`
        A detection's strongest cluster, its areas weighted by the sector's value; or a set that was named
        beforehand, its areas weighted equally (Areas) or by value (a SectorTable of one sector, with areas).
    members : sequence of str, optional
        Codes or names of the named set.
    graph : libpysal.graph.Graph, optional
        Which areas touch; that of the clusters, or ``contiguity(areas)``, where absent.
    null : {"connected-subsets", "permute-and-reselect"}
        "connected-subsets": every connected set of as many areas is equally likely; all of them where there are
        up to a million, else a uniform walk. For a set that was named beforehand. "permute-and-reselect": the
        areas' counts and totals change places together and the best connected set of the same size is selected
        again; the honest null for a set that data selected.
    permutations : int
        Draws, where the sets are not enumerated.
    seed : int, optional
        None draws a seed and records it.

    Returns
    -------
    Line
        Elongation ``1 − √(λ2/λ1)`` of the weighted covariance of the areas' centroids, bearing with a bootstrap
        interval, width, length, gaps, p and the smallest p to be had. A set that is not connected has no p; its
        gaps and the areas on the shortest way across are named.

    Raises
    ------
    OptionError
        CM-LINE-001: unknown null, or options that do not belong together.
    InputError
        CM-LINE-002: a member is unknown or named twice, CM-LINE-003: there are no polygons,
        CM-LINE-004: the clusters are of firms.

    References
    ----------
    Besag, J. and Clifford, P. (1989), Generalized Monte Carlo significance tests. Biometrika 76(4).
    Wernicke, S. (2006), Efficient detection of network motifs. IEEE/ACM TCBB 3(4).
    Bhuiyan, M. A., Rahman, M., Rahman, M. and Al Hasan, M. (2012), GUISE: uniform sampling of graphlets for
    large graph analysis. ICDM.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> from clustermap import Areas, Ledger
    >>> from libpysal.graph import Graph
    >>> cells = gpd.GeoDataFrame(
    ...     {"name": list("abcdefghi")}, index=list("abcdefghi"), crs=27700,
    ...     geometry=[box(c, r, c + 1, r + 1) for r in range(3) for c in range(3)])
    >>> areas = Areas(frame=cells, kind="area", vintage=None, source="", ledger=None)
    >>> row = line_test(areas, members=["a", "b", "c"], graph=Graph.build_contiguity(cells, rook=True), seed=1)
    >>> round(row.elongation, 6), row.bearing, round(row.p, 3)  # 6 of the 22 connected triples are straight
    (1.0, 90.0, 0.273)
    """
    if null not in get_args(LineNull):
        raise OptionError(
            "CM-LINE-001", f"null={null!r} does not exist", fix=f"null= one of: {list(get_args(LineNull))}"
        )
    if permutations < 1:
        raise OptionError(
            "CM-LINE-001", f"permutations={permutations!r} is not positive", fix="permutations=9_999"
        )
    target = target_of(data, members, graph)
    if null == "permute-and-reselect" and target.clusters is None:
        raise OptionError(
            "CM-LINE-001",
            "a named set was not selected by data, so there is nothing to select again",
            fix='null="connected-subsets"',
        )
    chosen = resolve_seed(seed)
    if len(target.members) == 0:
        return _nothing(target, null, permutations, chosen)
    centres = target.areas.frame.geometry.centroid
    indptr, indices = links_of(target.graph, target.areas.frame.index)
    places = Places(
        indptr=indptr, indices=indices, x=centres.x.to_numpy(), y=centres.y.to_numpy(), w=target.weights
    )
    gaps = breaks(target.areas.frame.geometry, target.members, indptr, indices)
    at = target.members
    shape = shape_of(places.x[at], places.y[at], places.w[at], seed=chosen)
    status = _status(places.w[at], gaps)
    if status != "tested":
        smallest = attainable(places, len(at), permutations)
        tested = Tested(p=np.nan, attainable_p=smallest, how="no test", n_sets=None)
    elif null == "connected-subsets":
        tested = among_connected(places, at, permutations=permutations, seed=chosen)
    else:
        assert target.clusters is not None  # noqa: S101 - refused above
        tested = after_reselection(
            target.clusters, str(target.sector), places, at, permutations=permutations, seed=chosen
        )
    return _line(
        target, places, shape, tested, gaps, status=status, null=null, draws=permutations, seed=chosen
    )


def _status(weights: Floats, gaps: pd.DataFrame) -> str:
    if len(weights) < _FEWEST:
        return "too few areas"
    if len(gaps):
        return "disconnected"
    return "tested" if weights.sum() > 0 else "no values"


def _line(
    target: Target,
    places: Places,
    shape: Shape,
    tested: Tested,
    gaps: pd.DataFrame,
    *,
    status: str,
    null: LineNull,
    draws: int,
    seed: int,
) -> Line:
    frame = target.areas.frame
    codes = frame.index[target.members]
    order = np.argsort(shape.along, kind="stable")
    rows = pd.DataFrame(
        {
            "area": codes,
            "name": frame["name"].to_numpy()[target.members],
            "value": target.values[target.members],
            "weight": target.weights[target.members],
            "along_km": shape.along,
            "across_km": shape.across,
        }
    ).iloc[order]
    through = [code for way in gaps["through"] for code in way]
    return Line(
        frame=rows.reset_index(drop=True),
        members=list(codes),
        cluster=target.cluster,
        sector=target.sector,
        elongation=shape.elongation,
        bearing=shape.bearing,
        bearing_low=shape.bearing_low,
        bearing_high=shape.bearing_high,
        length_km=shape.length_km,
        width_km=shape.width_km,
        largest_gap_km=shape.largest_gap_km,
        axis=shape.axis,
        p=tested.p,
        attainable_p=tested.attainable_p,
        status=status,
        how=tested.how,
        n_sets=tested.n_sets,
        gap_km=float(gaps["gap_km"].max()) if len(gaps) else 0.0,
        gap_authorities=list(frame["name"].loc[list(dict.fromkeys(through))].astype(str)),
        gaps=gaps,
        omitted=target.omitted(places.indptr, places.indices),
        areas=target.areas,
        graph=target.graph,
        null=null,
        permutations=draws,
        seed=seed,
    )


def _nothing(target: Target, null: LineNull, draws: int, seed: int) -> Line:
    """Answer for a detection without clusters: there is nothing that could be a line."""
    nan = float("nan")
    return Line(
        frame=pd.DataFrame(columns=list(_FRAME_COLUMNS)), members=[], cluster=None, sector=target.sector,
        elongation=nan, bearing=nan, bearing_low=nan, bearing_high=nan, length_km=nan, width_km=nan,
        largest_gap_km=nan, axis=None, p=nan, attainable_p=nan, status="no cluster", how="no test", n_sets=None,
        gap_km=nan, gap_authorities=[], gaps=pd.DataFrame(columns=list(GAP_COLUMNS)),
        omitted=pd.DataFrame(columns=list(OMITTED_COLUMNS)), areas=target.areas, graph=target.graph,
        null=null, permutations=draws, seed=seed,
    )  # fmt: skip
