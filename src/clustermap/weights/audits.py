"""Do the areas fit each other: gaps, slivers, overlaps, isolates, and links that a tolerance would add."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.crs import require_metric
from clustermap.errors import OptionError, as_lines, plural
from clustermap.weights.alignment import neighbours
from clustermap.weights.contiguities import RULES, touching_pairs
from clustermap.weights.links import given_areas, isolated, make_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from clustermap.schema import Contiguity
    from clustermap.sources.values import Areas

__all__ = ["Audit", "audit"]

Positions = npt.NDArray[np.int64]
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """How well areas fit each other.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``finding, n, area_m2, largest_m2, examples``: one line each for overlaps, slivers (thin overlaps),
        gaps (holes between areas), isolates, components, and the links gained by each tolerance.
    overlaps : pandas.DataFrame
        ``a, b, area_m2, width_m, sliver``: every pair that shares ground, the largest first.
    gaps : pandas.DataFrame
        ``x, y, area_m2, width_m``: every hole that areas enclose, the largest first.
    isolates : tuple of str
        Codes of areas without a neighbour.
    components : tuple of int
        Sizes of the connected components, the largest first.
    links : int
        Pairs of neighbours without a tolerance.
    gained : dict of float to int
        Tolerance in metres to the pairs that it adds.
    rule : {"queen", "rook"}
        What counts as a neighbour.
    areas : Areas
        What was looked at.
    """

    frame: pd.DataFrame
    overlaps: pd.DataFrame
    gaps: pd.DataFrame
    isolates: tuple[Any, ...]
    components: tuple[int, ...]
    links: int
    gained: dict[float, int]
    rule: Contiguity
    areas: Areas

    @property
    def clean(self) -> bool:
        """Whether no area overlaps another, no gap was found and no tolerance adds a link."""
        return self.overlaps.empty and self.gaps.empty and not any(self.gained.values())

    def summary(self) -> str:
        """Say in plain sentences how well the areas fit."""
        lines = [
            f"{plural(len(self.areas), 'area')}, {plural(self.links, 'pair')} of neighbours ({self.rule})."
        ]
        if self.overlaps.empty:
            lines.append("No areas overlap.")
        else:
            thin = int(self.overlaps["sliver"].sum())
            km2 = float(self.overlaps.loc[~self.overlaps["sliver"], "area_m2"].sum()) / 1e6
            lines.append(
                f"{plural(len(self.overlaps) - thin, 'pair overlaps', 'pairs overlap')} ({km2:,.1f} km²), "
                f"{plural(thin, 'more shares', 'more share')} only slivers."
            )
        lines.append(
            f"{plural(len(self.gaps), 'gap')} between areas ({float(self.gaps['area_m2'].sum()) / 1e6:,.3f} km²)."
            if len(self.gaps)
            else "No gaps between areas."
        )
        isolates = self.frame.set_index("finding").loc["isolate"]
        if isolates["n"]:
            lines.append(
                f"{plural(isolates['n'], 'area has', 'areas have')} no neighbour: {isolates['examples']}."
            )
        if len(self.components) > 1:
            sizes = ", ".join(map(str, self.components[:_SHOWN]))
            sizes += ", …" if len(self.components) > _SHOWN else ""
            lines.append(f"{plural(len(self.components), 'separate part')}, of {sizes} areas.")
        lines += [f"A tolerance of {snap:g} m adds {plural(n, 'pair')}." for snap, n in self.gained.items()]
        return as_lines(lines)

    def __repr__(self) -> str:
        faults = (
            f"{plural(len(self.overlaps), 'overlap')}, {plural(len(self.gaps), 'gap')}, "
            f"{plural(len(self.isolates), 'isolate')}"
        )
        return f"<Audit of {plural(len(self.areas), 'area')}: {faults}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def audit(
    areas: Areas | gpd.GeoDataFrame,
    *,
    rule: Contiguity = "queen",
    snaps_m: Sequence[float] = (1.0, 10.0),
    sliver_m: float = 10.0,
) -> Audit:
    """Look for gaps, slivers, overlaps and isolates, and for links that a tolerance would add.

    Nothing is changed: what to do about a finding is a decision.

    Parameters
    ----------
    areas : Areas or geopandas.GeoDataFrame
        At least three polygons, in a projected metric system.
    rule : {"queen", "rook"}
        What counts as a neighbour.
    snaps_m : sequence of float
        Tolerances to try.
    sliver_m : float
        An overlap whose mean width (twice its area over its perimeter) is below this is a sliver.

    Returns
    -------
    Audit

    Raises
    ------
    StatisticsError
        CM-GRAPH-001: fewer than three areas.
    OptionError
        CM-GRAPH-004: an unknown rule, or a tolerance that is not positive.
    CrsError
        CM-CRS-004: coordinates in degrees.

    References
    ----------
    Rigaux, P., Scholl, M. and Voisard, A. (2002), Spatial Databases, on coverages and their faults.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> squares = gpd.GeoDataFrame(
    ...     {"code": ["A", "B", "C"], "name": ["a", "b", "c"]},
    ...     geometry=[box(0, 0, 9, 9), box(9.5, 0, 18, 9), box(18, 0, 27, 9)], crs="EPSG:27700")
    >>> audit(squares).gained
    {1.0: 1, 10.0: 2}
    """
    if rule not in RULES or not all(np.isfinite(s) and s > 0 for s in (*snaps_m, sliver_m)):
        raise OptionError(
            "CM-GRAPH-004",
            f"rule={rule!r}, snaps_m={tuple(snaps_m)!r}, sliver_m={sliver_m!r}",
            fix='rule="queen" or "rook", positive tolerances in metres',
        )
    given = given_areas(areas, what="an audit")
    require_metric(given.crs, what="audit")
    n, labels = len(given), given.frame.index
    first, second = touching_pairs(given, rule, 0.0, warn=False)
    linked = set(zip(first.tolist(), second.tolist(), strict=True))
    gained: dict[float, Positions] = {}
    for snap in sorted(float(s) for s in snaps_m):
        close = np.column_stack(touching_pairs(given, rule, snap))
        gained[snap] = close[[tuple(pair) not in linked for pair in close.tolist()]]
    graph = make_graph(labels, np.concatenate((first, second)), np.concatenate((second, first)))
    overlaps, gaps = _overlaps(given, sliver_m), _gaps(given)
    alone = isolated(first, second, n)
    components = tuple(sorted(np.bincount(neighbours(graph).components).tolist(), reverse=True))
    return Audit(
        frame=_lines(given, overlaps=overlaps, gaps=gaps, alone=alone, components=components, gained=gained),
        overlaps=overlaps,
        gaps=gaps,
        isolates=tuple(labels[alone]),
        components=components,
        links=len(first),
        gained={snap: len(pairs) for snap, pairs in gained.items()},
        rule=rule,
        areas=given,
    )


def _width(shapes: npt.NDArray[Any], size: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean width: a strip of length l and width w has the area l·w and a perimeter of about 2·l."""
    around = shapely.length(shapes)
    width: npt.NDArray[np.float64] = np.divide(2 * size, around, out=np.zeros_like(size), where=around > 0)
    return width


def _overlaps(areas: Areas, sliver_m: float) -> pd.DataFrame:
    shapes: Any = areas.frame.geometry.to_numpy()
    empty = np.empty(0, dtype=np.int64)
    first, second = (empty, empty)
    if not shapely.coverage_is_valid(shapes):
        a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        first, second = a[a < b], b[a < b]
    shared = shapely.intersection(shapes[first], shapes[second])
    size = np.asarray(shapely.area(shared), dtype=np.float64)
    width = _width(shared, size)
    frame = pd.DataFrame(
        {
            "a": areas.frame.index[first],
            "b": areas.frame.index[second],
            "area_m2": size,
            "width_m": width,
            "sliver": width < sliver_m,
        }
    )
    return frame[frame["area_m2"] > 0].sort_values(
        ["area_m2", "a", "b"], ascending=[False, True, True], ignore_index=True
    )


def _gaps(areas: Areas) -> pd.DataFrame:
    shapes: Any = areas.frame.geometry.to_numpy()
    valid = shapely.coverage_is_valid(shapes)
    united = shapely.coverage_union_all(shapes) if valid else shapely.union_all(shapes)
    rings, part = shapely.get_rings(shapely.get_parts(united), return_index=True)
    inner = np.ones(len(rings), dtype=bool)
    inner[np.unique(part, return_index=True)[1]] = False  # the first ring of a part is its outer one
    holes = shapely.polygons(rings[inner])
    size = np.asarray(shapely.area(holes), dtype=np.float64)
    where = shapely.get_coordinates(shapely.point_on_surface(holes))
    frame = pd.DataFrame(
        {"x": where[:, 0], "y": where[:, 1], "area_m2": size, "width_m": _width(holes, size)}
    )
    return frame.sort_values(["area_m2", "x", "y"], ascending=[False, True, True], ignore_index=True)


def _lines(
    areas: Areas,
    *,
    overlaps: pd.DataFrame,
    gaps: pd.DataFrame,
    alone: Positions,
    components: tuple[int, ...],
    gained: dict[float, Positions],
) -> pd.DataFrame:
    names = areas.names

    def pairs(frame: pd.DataFrame) -> str:
        shown = frame.head(_SHOWN)
        return ", ".join(f"{names[a]} × {names[b]}" for a, b in zip(shown["a"], shown["b"], strict=True))

    rows: list[tuple[str, int, float, float, str]] = []
    for finding, thin in (("overlap", False), ("sliver", True)):
        part = overlaps[overlaps["sliver"] == thin]
        rows.append((finding, len(part), *_sizes(part), pairs(part)))
    at = ", ".join(f"({x:.0f}, {y:.0f})" for x, y in gaps[["x", "y"]].head(_SHOWN).to_numpy())
    rows.append(("gap", len(gaps), *_sizes(gaps), at))
    shown = ", ".join(f"{names.iloc[i]} ({names.index[i]})" for i in alone[:_SHOWN])
    rows.append(("isolate", len(alone), np.nan, np.nan, shown))
    rows.append(("component", len(components), np.nan, np.nan, ", ".join(map(str, components[:_SHOWN]))))
    for snap, found in gained.items():
        near = ", ".join(f"{names.iloc[a]} × {names.iloc[b]}" for a, b in found[:_SHOWN])
        rows.append((f"links gained by {snap:g} m", len(found), np.nan, np.nan, near))
    return pd.DataFrame(rows, columns=["finding", "n", "area_m2", "largest_m2", "examples"])


def _sizes(frame: pd.DataFrame) -> tuple[float, float]:
    return float(frame["area_m2"].sum()), float(frame["area_m2"].max()) if len(frame) else 0.0
