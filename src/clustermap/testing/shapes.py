"""Parts of made-up regions: Voronoi areas, authorities as strips, and where a cluster is planted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from clustermap.errors import OptionError, plural
from clustermap.ledger import Ledger
from clustermap.sources.values import Areas, Lookup

if TYPE_CHECKING:
    from libpysal.graph import Graph

__all__ = ["SIDE_M", "Shape", "as_set", "plant", "shares", "strips", "voronoi"]

SIDE_M = 100_000.0
Shape = Literal["none", "pair", "chain", "blob"]


def shares(weights: np.ndarray) -> np.ndarray:
    """Scale weights to sum to 1."""
    return np.asarray(weights / weights.sum())


def voronoi(points: np.ndarray) -> pd.DataFrame:
    """Cut the square into the areas nearest to each point, in the order of the points."""
    import geopandas as gpd
    from shapely import MultiPoint, box, set_precision, voronoi_polygons
    from shapely import points as as_points

    square = box(0, 0, SIDE_M, SIDE_M)
    cells = gpd.GeoSeries(list(voronoi_polygons(MultiPoint(points), extend_to=square).geoms))
    order = gpd.GeoDataFrame(geometry=as_points(points)).sjoin(cells.to_frame("geometry"), predicate="within")
    shapes = [cells[i].intersection(square) for i in order["index_right"]]
    codes = [f"A{i:04d}" for i in range(len(points))]
    frame = gpd.GeoDataFrame({"name": [f"Synthetic area {i}" for i in range(len(points))]}, geometry=shapes)
    frame.geometry = set_precision(frame.geometry.to_numpy(), 1e-3)
    return frame.set_index(pd.Index(codes, name="code")).set_crs("EPSG:27700")


def as_set(frame: pd.DataFrame, kind: str) -> Areas:
    """Take made-up polygons as a set of areas."""
    accepted = Ledger.from_reasons(pd.Series("accepted", index=frame.index), verdicts={})
    return Areas(frame=frame, kind=kind, vintage=None, source="Synthetic region", ledger=accepted)


def strips(frame: pd.DataFrame, n: int) -> Lookup:
    """Cut the square into vertical strips of equal numbers of areas."""
    rank = frame.geometry.centroid.x.rank(method="first").to_numpy() - 1
    codes = [f"{chr(65 + int(r * n / len(frame)))}" for r in rank]
    lookup = pd.DataFrame({"area": frame.index, "authority": codes})
    lookup["name"] = [f"Synthetic authority {c}" for c in codes]
    return Lookup(frame=lookup.assign(share=1.0))


def plant(graph: Graph, codes: list[str], shape: Shape, size: int, rng: np.random.Generator) -> list[str]:
    """Choose connected areas: a chain is a path without short cuts, a blob grows where it touches itself most."""
    if shape == "none":
        return []
    near = {code: set(graph[code].index) for code in codes}
    for start in rng.permutation(codes):
        members = [str(start)]
        while len(members) < size:
            edge = sorted(set().union(*(near[m] for m in members)) - set(members))
            if shape == "chain":
                edge = [
                    c for c in sorted(near[members[-1]] - set(members)) if len(near[c] & set(members)) == 1
                ]
            if not edge:
                break
            inside = [len(near[c] & set(members)) for c in edge]
            best = [c for c, k in zip(edge, inside, strict=True) if shape == "chain" or k == max(inside)]
            members.append(str(rng.choice(best)))
        if len(members) == size:
            return sorted(members)
    raise OptionError(
        "CM-TEST-001",
        f"{plural(len(codes), 'area holds', 'areas hold')} no {shape} of {size}",
        fix="more areas, or a smaller size",
    )
