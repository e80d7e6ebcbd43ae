"""Clusters of firms by density: found, tested under random labelling, and put in the one result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.detection.clusters import Clusters
from clustermap.detection.density.grid import make_grid
from clustermap.detection.density.inputs import check_dense_options, marked, placed
from clustermap.detection.density.points import DenseFinding
from clustermap.detection.density.presets import PRESETS
from clustermap.detection.density.rule import Chosen, candidates, labellings, sensitivity
from clustermap.detection.density.search import BestOf, ByHierarchy, ByRadius, excess, largest_drawn, p_of
from clustermap.errors import plural
from clustermap.progress import reporting
from clustermap.schema import CLUSTER_COLUMNS, FIRM_MEMBER_COLUMNS

if TYPE_CHECKING:
    from clustermap.detection.density.inputs import DenseSettings, Marked
    from clustermap.detection.density.search import Finder, Places
    from clustermap.progress import Progress
    from clustermap.sources.values import Firms

__all__ = ["detect_dense"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NULL = "random labelling: the sector's firms are a random draw from all firms, with what they count"
_SENSITIVITY = ("sector", "radius_m", "minimum", "n_places", "n_firms", "largest_share")
_SHARE, _FEWEST = 50, 10  # of HDBSCAN's default minimum
_THIN = 2_000  # core sites, from which a footprint is drawn from some of them
_FINE = 8
_FOOTPRINTS = {
    "dbscan": "everything within the radius of a core firm",
    "hdbscan": "the convex hull of the members",
}


class _Searched(NamedTuple):
    """What one sector gave."""

    of: Marked
    chosen: Chosen
    places: Places
    expected: Floats
    score: Floats
    p: Floats
    reported: Ints
    nearby: list[tuple[float, float, int, int, float]]


def detect_dense(
    firms: Firms, *, sector: Any, settings: DenseSettings, progress: Progress | bool | None
) -> Clusters:
    """Find clusters of firms, sector by sector."""
    import geopandas as gpd

    check_dense_options(settings)
    x, y = placed(firms)
    sectors, notes = marked(firms, sector, value=settings.value, codes=settings.counted)
    tested = sector is not None
    with reporting(progress, settings.method) as report:
        found = [_search(x, y, own, settings, tested=tested, report=report) for own in sectors]
    frame, members, shapes = _frames(firms, x, y, found)
    names = pd.Index(frame["cluster"], name="cluster")
    return Clusters(
        frame=frame,
        members=members[list(FIRM_MEMBER_COLUMNS)],
        split_sample=pd.Series(np.nan, index=names, dtype="float64", name="split_sample"),
        searches=_searches(found),
        areas=None,
        graph=None,
        table=None,
        firms=firms,
        outlines=gpd.GeoSeries(shapes, index=pd.Index(frame["cluster"], dtype=object), crs=firms.crs),
        density=_finding(found, members, settings, tested=tested, notes=notes),
        method=settings.method,
        background="homogeneous",
        minimum_lq=1.0,
        levels=(1.0,),
        penalty=0.0,
        max_share=1.0,
        alpha=float(settings.alpha),
        permutations=settings.permutations if tested else 0,
        seed=settings.seed,
        null=NULL if tested else "none",
        correction="largest score over all dense places of a sector" if tested else "none",
        family_size=len(sectors),
    )


def _finding(
    found: list[_Searched], members: pd.DataFrame, settings: DenseSettings, *, tested: bool, notes: list[str]
) -> DenseFinding:
    nearby = [(one.of.name, *row) for one in found for row in one.nearby]
    return DenseFinding(
        members=members,
        sensitivity=pd.DataFrame(nearby, columns=list(_SENSITIVITY)),
        labels={one.of.name: one.of.label for one in found},
        footprint=_FOOTPRINTS[settings.method],
        radius_m={one.of.name: one.chosen.radius_m for one in found},
        preset=settings.preset,
        codes=settings.counted,
        value=settings.value,
        tested=tested,
        notes=tuple(notes),
        sought=tuple((one.of, one.chosen) for one in found),
    )


def _search(
    x: Floats, y: Floats, own: Marked, settings: DenseSettings, *, tested: bool, report: Progress
) -> _Searched:
    """Choose what was not given, find the dense places, and hold them against random labellings."""
    if len(own.rows) < 2:  # noqa: PLR2004 - one firm is no density
        return _nothing(own)
    options = _candidates(x, y, own, settings, tested)
    finder = BestOf(candidates=_finders(x, y, options, settings.method), firms=len(x))
    places = finder.find(own.rows, own.marks, threads=0)
    chosen = options[places.which]
    n = len(places.value)
    expected, score = excess(places, float(own.marks.sum()), len(x))
    p = np.full(n, np.nan)
    if tested and n:
        drawn = largest_drawn(
            finder, own.marks, len(x), permutations=settings.permutations, seed=settings.seed, report=report
        )
        p = p_of(score, drawn)
    elif not tested:
        expected = score = np.full(n, np.nan)
    nearby = sensitivity(x[own.rows], y[own.rows], own.marks, chosen) if settings.method == "dbscan" else []
    reported = np.flatnonzero(p <= settings.alpha) if tested else np.arange(n)
    return _Searched(own, chosen, places, expected, score, p, reported, nearby)


def _nothing(own: Marked) -> _Searched:
    from clustermap.detection.density.search import Places

    none, no = np.empty(0), np.empty(0, dtype=np.int64)
    places = Places(np.full(len(own.rows), -1), np.zeros(len(own.rows), dtype=bool), none, none)
    few = Chosen(float("nan"), float("nan"), f"{plural(len(own.rows), 'firm has', 'firms have')} no density")
    return _Searched(own, few, places, none, none, none, no, [])


def _candidates(x: Floats, y: Floats, own: Marked, settings: DenseSettings, tested: bool) -> list[Chosen]:
    if settings.method == "hdbscan":
        given = settings.minimum is not None
        least = settings.minimum if settings.minimum is not None else max(_FEWEST, len(own.rows) // _SHARE)
        return [
            Chosen(
                float("nan"), float(least), "as given" if given else "a fiftieth of the firms, at least 10"
            )
        ]
    if settings.preset is not None:
        published = PRESETS[settings.preset]
        return [Chosen(published.radius_m, published.minimum, published.source)]
    drawn = labellings(len(x), len(own.rows), settings.seed) if tested else [own.rows]
    return candidates(x, y, own.marks, drawn, radius_m=settings.radius_m, minimum=settings.minimum)


def _finders(x: Floats, y: Floats, options: list[Chosen], method: str) -> tuple[Finder, ...]:
    """Make the finder of each candidate; those of one radius share a grid."""
    by_radius = method == "dbscan"
    extent = max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
    radii = {one.radius_m if by_radius else extent for one in options}
    grids = {radius: make_grid(x, y, radius) for radius in sorted(radii)}
    firms_at = {r: np.bincount(g.site_of, minlength=len(g.sites.x)).astype(float) for r, g in grids.items()}
    if by_radius:
        return tuple(
            ByRadius(grid=grids[one.radius_m], minimum=one.minimum, firms_at=firms_at[one.radius_m])
            for one in options
        )
    s = grids[extent].sites
    tree = shapely.STRtree(shapely.points(s.x, s.y))
    return tuple(
        ByHierarchy(
            x=s.x, y=s.y, site_of=grids[extent].site_of, firms_at=firms_at[extent], tree=tree,
            minimum=int(one.minimum),
        )
        for one in options
    )  # fmt: skip


def _frames(
    firms: Firms, x: Floats, y: Floats, found: list[_Searched]
) -> tuple[pd.DataFrame, pd.DataFrame, list[Any]]:
    """Put all clusters in order of score (or value), lowest row and sector, and name them in this order."""
    order = []
    for one in found:
        strength = one.score if np.isfinite(one.score).all() else one.places.value
        for k in one.reported:
            inside = np.flatnonzero(one.places.label == k)
            order.append((-float(strength[k]), int(one.of.rows[inside[0]]), one.of.name, int(k), inside, one))
    order.sort(key=lambda row: row[:4])
    ids = firms.frame["firm_id"].to_numpy()
    rows, members, shapes = [], [], []
    for number, (_, _, name, k, inside, one) in enumerate(order, start=1):
        label, at = f"C{number}", one.of.rows[inside]
        shapes.append(_footprint(x[at], y[at], one.places.core[inside], one.chosen.radius_m))
        value, expected = float(one.places.value[k]), float(one.expected[k])
        rows.append(
            {
                "cluster": label, "sector": name, "n_areas": 0, "n_firms": len(at), "value": value,
                "expected": expected, "relative_risk": value / expected, "score": float(one.score[k]),
                "p": float(one.p[k]), "p_field": np.nan, "level": 1.0, "parent": pd.NA,
                "area_km2": float(shapes[-1].area) / 1e6,
            }
        )  # fmt: skip
        members.append(pd.DataFrame({"cluster": label, "firm_id": ids[at], "mark": one.of.marks[inside]}))
    kinds = dict.fromkeys(CLUSTER_COLUMNS, "float64") | {
        "cluster": "object", "sector": "object", "n_areas": "int64", "n_firms": "int64", "parent": "object",
    }  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(CLUSTER_COLUMNS)).astype(kinds)
    empty = pd.DataFrame({"cluster": [], "firm_id": [], "mark": []}).astype(
        {"cluster": "object", "firm_id": firms.frame["firm_id"].dtype, "mark": "float64"}
    )
    return frame, pd.concat(members, ignore_index=True) if members else empty, shapes


def _footprint(x: Floats, y: Floats, core: npt.NDArray[np.bool_], radius_m: float) -> Any:
    """Draw everything within the radius of a core site; from many cores, of one in each small square."""
    if not np.isfinite(radius_m):
        return shapely.MultiPoint(np.column_stack([x, y])).convex_hull
    at = np.unique(np.column_stack([x[core], y[core]]), axis=0)
    if len(at) > _THIN:
        square = np.floor(at / (radius_m / _FINE))
        at = at[np.sort(np.unique(square, axis=0, return_index=True)[1])]
    return shapely.normalize(shapely.union_all(shapely.buffer(shapely.points(at), radius_m)))


def _searches(found: list[_Searched]) -> pd.DataFrame:
    rows = []
    for one in found:
        left = np.setdiff1d(np.arange(len(one.p)), one.reported)
        best = left[np.argmax(one.score[left])] if len(left) else -1
        rows.append(
            {
                "sector": one.of.name, "n_firms": len(one.of.rows), "total": float(one.of.marks.sum()),
                "radius_m": one.chosen.radius_m, "minimum": one.chosen.minimum, "chosen": one.chosen.how,
                "n_places": len(one.p), "n_clusters": len(one.reported),
                "best_score": float(one.score[best]) if best >= 0 else np.nan,
                "best_p": float(one.p[best]) if best >= 0 else np.nan,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
