"""Public helpers for tests: synthetic regions with a planted cluster, and assertions that explain themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from clustermap.errors import OptionError
from clustermap.ledger import Ledger
from clustermap.randomness import stream
from clustermap.sources.values import Areas, Lookup
from clustermap.tables.table import SectorTable
from clustermap.weights import contiguity

if TYPE_CHECKING:
    from libpysal.graph import Graph

__all__ = ["Region", "assert_accounted", "assert_coverage", "assert_same_table", "make_region"]

_SIDE_M = 100_000.0
Shape = Literal["none", "pair", "chain", "blob"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """A made-up region: every part is synthetic.

    Attributes
    ----------
    areas, authorities : Areas
        Voronoi areas, and authorities that are unions of them.
    lookup : Lookup
        Areas in authorities.
    graph : libpysal.graph.Graph
        Queen contiguity.
    table : SectorTable
        Firms in the sector ``"planted"`` and in the rest.
    planted : tuple of str
        Codes of the planted cluster; empty where none is planted.
    relative_risk : float
        How much likelier a firm of a planted area is to be in the sector.
    """

    areas: Areas
    authorities: Areas
    lookup: Lookup
    graph: Graph
    table: SectorTable
    planted: tuple[str, ...]
    relative_risk: float

    def __repr__(self) -> str:
        return f"<Region: {len(self.areas)} synthetic areas, {len(self.planted)} planted>"


def make_region(
    *,
    n_areas: int = 40,
    n_authorities: int = 4,
    n_firms: int = 2_000,
    planted: Shape = "chain",
    size: int = 5,
    relative_risk: float = 2.0,
    sector_share: float = 0.1,
    seed: int,
) -> Region:
    """Make a synthetic region, with a cluster planted across its authorities or with none.

    Parameters
    ----------
    n_areas, n_authorities, n_firms : int
        How many of each.
    planted : {"none", "pair", "chain", "blob"}
        Shape of the planted cluster: two neighbours, a path without short cuts, or a compact set.
    size : int
        Areas of a chain or blob.
    relative_risk : float
        Odds of the sector inside the planted set over those outside.
    sector_share : float
        Share of the sector outside the planted set.
    seed : int
        Same seed, same region.

    Returns
    -------
    Region
        Areas of 100 km × 100 km in British National Grid.

    Raises
    ------
    OptionError
        CM-TEST-001: more planted areas than the region can hold in this shape.

    Examples
    --------
    >>> region = make_region(seed=1)
    >>> len(region.areas), len(region.planted)
    (40, 5)
    """
    rng = stream(seed, "region", planted, n_areas)
    frame = _voronoi(rng.uniform(0, _SIDE_M, (n_areas, 2)))
    areas = _areas(frame, "area")
    graph = contiguity(areas)
    lookup = _authorities(frame, n_authorities)
    united = frame.dissolve(lookup.frame["authority"].rename("code").to_numpy())[["geometry"]].rename_axis(
        "code"
    )
    united.insert(0, "name", [f"Synthetic authority {c}" for c in united.index])
    members = _plant(graph, list(frame.index), planted, 2 if planted == "pair" else size, rng)
    population = rng.multinomial(n_firms, _normal(rng.lognormal(0.0, 0.6, n_areas)))
    inside = np.isin(frame.index, members)
    odds = sector_share / (1 - sector_share) * np.where(inside, relative_risk, 1.0)
    hits = rng.binomial(population, odds / (1 + odds))
    values = pd.DataFrame({"planted": hits, "rest": population - hits}, index=frame.index)
    return Region(
        areas=areas,
        authorities=_areas(united, "authority"),
        lookup=lookup,
        graph=graph,
        table=SectorTable.from_values(values, areas=areas),
        planted=tuple(members),
        relative_risk=relative_risk if members else 1.0,
    )


def assert_accounted(ledger: Ledger) -> None:
    """Check that every row of a ledger has one verdict.

    Raises
    ------
    AssertionError
        With the three counts.
    """
    total = ledger.accepted + ledger.repaired + ledger.set_aside
    if total != ledger.n_in:
        raise AssertionError(f"{total} of {ledger.n_in} rows are accounted for: {ledger!r}")


def assert_coverage(areas: Areas) -> None:
    """Check that areas neither overlap nor leave slivers along their shared borders.

    Raises
    ------
    AssertionError
        With the codes whose borders do not fit.
    """
    from shapely import coverage_invalid_edges

    wrong = coverage_invalid_edges(areas.frame.geometry.to_numpy())
    bad = [code for code, edge in zip(areas.frame.index, wrong, strict=True) if not edge.is_empty]
    if bad:
        raise AssertionError(f"{len(bad)} of {len(areas)} areas do not fit their neighbours: {bad[:5]}")


def assert_same_table(left: SectorTable, right: SectorTable) -> None:
    """Check that two tables hold the same labels, values and totals.

    Raises
    ------
    AssertionError
        With pandas' account of the first difference.
    """
    pd.testing.assert_frame_equal(left.values, right.values)
    pd.testing.assert_series_equal(left.area_totals, right.area_totals, check_names=False)
    pd.testing.assert_series_equal(left.sector_totals, right.sector_totals, check_names=False)


def _normal(weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum())


def _voronoi(points: np.ndarray) -> pd.DataFrame:
    import geopandas as gpd
    from shapely import MultiPoint, box, set_precision, voronoi_polygons
    from shapely import points as as_points

    square = box(0, 0, _SIDE_M, _SIDE_M)
    cells = gpd.GeoSeries(list(voronoi_polygons(MultiPoint(points), extend_to=square).geoms))
    order = gpd.GeoDataFrame(geometry=as_points(points)).sjoin(cells.to_frame("geometry"), predicate="within")
    shapes = [cells[i].intersection(square) for i in order["index_right"]]
    codes = [f"A{i:04d}" for i in range(len(points))]
    frame = gpd.GeoDataFrame({"name": [f"Synthetic area {i}" for i in range(len(points))]}, geometry=shapes)
    frame.geometry = set_precision(frame.geometry.to_numpy(), 1e-3)
    return frame.set_index(pd.Index(codes, name="code")).set_crs("EPSG:27700")


def _areas(frame: pd.DataFrame, kind: str) -> Areas:
    accepted = Ledger.from_reasons(pd.Series("accepted", index=frame.index), verdicts={})
    return Areas(frame=frame, kind=kind, vintage=None, source="Synthetic region", ledger=accepted)


def _authorities(frame: pd.DataFrame, n: int) -> Lookup:
    """Cut the square into vertical strips of equal numbers of areas."""
    rank = frame.geometry.centroid.x.rank(method="first").to_numpy() - 1
    codes = [f"{chr(65 + int(r * n / len(frame)))}" for r in rank]
    lookup = pd.DataFrame({"area": frame.index, "authority": codes})
    lookup["name"] = [f"Synthetic authority {c}" for c in codes]
    return Lookup(frame=lookup.assign(share=1.0))


def _plant(graph: Graph, codes: list[str], shape: Shape, size: int, rng: np.random.Generator) -> list[str]:
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
        "CM-TEST-001", f"{len(codes)} areas hold no {shape} of {size}", fix="more areas, or a smaller size"
    )
