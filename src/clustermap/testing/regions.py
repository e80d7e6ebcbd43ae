"""Synthetic regions with one planted cluster, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.errors import plural
from clustermap.randomness import stream
from clustermap.tables.table import SectorTable
from clustermap.testing.shapes import SIDE_M, Shape, as_set, plant, shares, strips, voronoi
from clustermap.weights import contiguity

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.sources.values import Areas, Lookup

__all__ = ["Region", "make_region"]


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
        return f"<Region: {plural(len(self.areas), 'synthetic area')}, {len(self.planted)} planted>"


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
    frame = voronoi(rng.uniform(0, SIDE_M, (n_areas, 2)))
    areas = as_set(frame, "area")
    graph = contiguity(areas)
    lookup = strips(frame, n_authorities)
    united = frame.dissolve(lookup.frame["authority"].rename("code").to_numpy())[["geometry"]].rename_axis(
        "code"
    )
    united.insert(0, "name", [f"Synthetic authority {c}" for c in united.index])
    members = plant(graph, list(frame.index), planted, 2 if planted == "pair" else size, rng)
    population = rng.multinomial(n_firms, shares(rng.lognormal(0.0, 0.6, n_areas)))
    inside = np.isin(frame.index, members)
    odds = sector_share / (1 - sector_share) * np.where(inside, relative_risk, 1.0)
    hits = rng.binomial(population, odds / (1 + odds))
    values = pd.DataFrame({"planted": hits, "rest": population - hits}, index=frame.index)
    return Region(
        areas=areas,
        authorities=as_set(united, "authority"),
        lookup=lookup,
        graph=graph,
        table=SectorTable.from_values(values, areas=areas),
        planted=tuple(members),
        relative_risk=relative_risk if members else 1.0,
    )
