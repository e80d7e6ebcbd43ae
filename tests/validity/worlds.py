"""Synthetic maps without a pattern, and with one of known strength; each is drawn from the generator given."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from libpysal.graph import Graph

from clustermap.tables.table import SectorTable
from clustermap.testing import make_region

SIDE = 9
N = SIDE * SIDE
CODES = np.arange(N)
_THROWN_AREAS = 30


class World(NamedTuple):
    """One map: what is measured, who neighbours whom, and what was planted."""

    data: Any
    graph: Graph | None = None
    sector: str | None = None
    planted: tuple[Any, ...] = ()


def _touching(side: int) -> np.ndarray:
    codes = np.arange(side * side)
    row, column = codes // side, codes % side
    return np.abs(row[:, None] - row) + np.abs(column[:, None] - column) == 1


@cache
def lattice() -> Graph:
    """Nine by nine areas, neighbours by a common side."""
    focal, other = np.nonzero(_touching(SIDE))
    return Graph.from_arrays(focal, other, np.ones(len(focal)))


@cache
def lattice_with_isolates() -> Graph:
    """Cut two of the areas off from all others."""
    near = _touching(SIDE)
    near[[0, 40]] = near[:, [0, 40]] = False
    focal, other = np.nonzero(near)
    alone = np.array([0, 40])
    return Graph.from_arrays(
        np.concatenate([focal, alone]),
        np.concatenate([other, alone]),
        np.concatenate([np.ones(len(focal)), [0, 0]]),
    )


@cache
def irregular_graph() -> Graph:
    """Sixty Voronoi areas with two to ten neighbours."""
    return make_region(n_areas=60, planted="none", seed=1).graph


def normal(rng: np.random.Generator) -> World:
    """Independent normal values."""
    return World(pd.Series(rng.normal(size=N)), lattice())


def skewed(rng: np.random.Generator) -> World:
    """Independent log-normal values, a few of them far above all others."""
    return World(pd.Series(rng.lognormal(0, 1.5, size=N)), lattice())


def sparse(rng: np.random.Generator) -> World:
    """About one firm an area: most sums over neighbours tie with many others."""
    return World(pd.Series(rng.poisson(1.0, size=N).astype(float)), lattice())


def sparse_broken(rng: np.random.Generator) -> World:
    """The same counts, their ties broken at random: independent tiny noise keeps them exchangeable."""
    counts = rng.poisson(1.0, size=N)
    return World(pd.Series(counts + 1e-6 * rng.normal(size=N)), lattice())


def rare(rng: np.random.Generator) -> World:
    """One firm in three areas: most areas see nothing at all around them."""
    return World(pd.Series(rng.poisson(0.3, size=N).astype(float)), lattice())


THIN = tuple(int(c) for c in CODES if c // SIDE < 3 and c % SIDE < 3)


def _rates(rng: np.random.Generator, totals: np.ndarray, share: float) -> World:
    count = rng.binomial(totals, share)
    frame = pd.DataFrame({"sector": count, "rest": totals - count})
    return World(SectorTable.from_values(frame), lattice(), "sector")


def rates(rng: np.random.Generator) -> World:
    """Two of a hundred firms, in areas of very different size, large ones anywhere."""
    return _rates(rng, rng.poisson(rng.lognormal(4, 1, size=N)) + 1, 0.02)


def rates_graded(rng: np.random.Generator) -> World:
    """Five of a hundred firms; areas grow from 50 firms in one corner to 20,000 in the other."""
    grade = (CODES // SIDE + CODES % SIDE) / (2 * (SIDE - 1))
    return _rates(rng, rng.poisson(50 * 400**grade) + 1, 0.05)


def irregular(rng: np.random.Generator) -> World:
    """Independent exponential values on Voronoi areas with two to ten neighbours."""
    graph = irregular_graph()
    return World(pd.Series(rng.exponential(size=graph.n), index=graph.unique_ids), graph)


def isolates(rng: np.random.Generator) -> World:
    """Independent exponential values; two areas have no neighbour."""
    return World(pd.Series(rng.exponential(size=N)), lattice_with_isolates())


def binary(rng: np.random.Generator) -> World:
    """Two of five areas have it, each by itself."""
    return World(pd.Series((rng.random(N) < 0.4).astype(int)), lattice())


def pair(rng: np.random.Generator) -> World:
    """Two log-normal values that know nothing of each other or of their places."""
    return World(pd.DataFrame(rng.lognormal(0, 1, size=(N, 2)), columns=["x", "y"]), lattice())


def smooth_pair(rng: np.random.Generator) -> World:
    """One value that is smooth over the map, another that knows nothing of it or of its place."""
    smooth = autoregressive(rng, 0.8).data
    return World(pd.DataFrame({"x": smooth, "y": rng.lognormal(0, 1, size=N)}), lattice())


AUTHORITIES = pd.Series([f"authority {3 * (c // SIDE // 3) + c % SIDE // 3}" for c in CODES], index=CODES)


def grouped(rng: np.random.Generator) -> World:
    """Nine authorities of nine areas, each with a level of its own; within an authority no pattern."""
    level = rng.normal(0, 2, size=9)
    values = level[(3 * (CODES // SIDE // 3) + CODES % SIDE // 3)] + rng.normal(size=N)
    return World(pd.Series(values), lattice())


def _around_the_edges(rng: np.random.Generator) -> np.ndarray:
    """White noise smoothed three times by its neighbours on a torus: shifts around the edges change no law."""
    field = rng.normal(size=(SIDE, SIDE))
    for _ in range(3):
        field = field + sum(np.roll(field, step, axis) for step in (1, -1) for axis in (0, 1))
    return field.ravel()


def periodic(rng: np.random.Generator) -> World:
    """One smooth map without edges."""
    return World(pd.Series(_around_the_edges(rng)), lattice())


def periodic_pair(rng: np.random.Generator) -> World:
    """Two smooth maps without edges that know nothing of each other."""
    return World(pd.DataFrame({name: _around_the_edges(rng) for name in "xy"}), lattice())


_AUTHORITY = 3 * (CODES // SIDE // 3) + CODES % SIDE // 3


def grouped_positive(rng: np.random.Generator) -> World:
    """Levels of authorities as in `grouped`; values are positive and skewed."""
    return World(pd.Series(np.exp(rng.normal(0, 1, size=9)[_AUTHORITY] + rng.normal(size=N))), lattice())


def grouped_pair(rng: np.random.Generator) -> World:
    """Two values that share the level of their authority, and nothing within it."""
    level = rng.normal(0, 2, size=9)[_AUTHORITY]
    return World(pd.DataFrame({name: level + rng.normal(size=N) for name in "xy"}), lattice())


def grouped_binary(rng: np.random.Generator) -> World:
    """From one in five to four in five areas have it, as the authority goes."""
    return World(
        pd.Series((rng.random(N) < rng.uniform(0.2, 0.8, size=9)[_AUTHORITY]).astype(int)), lattice()
    )


@cache
def unequal_graph() -> Graph:
    """Links of the lattice, each with a weight of its own, the same in both directions."""
    near = np.triu(_touching(SIDE) * np.random.default_rng(1).uniform(0.2, 3.0, size=(N, N)))
    focal, other = np.nonzero(near + near.T)
    return Graph.from_arrays(focal, other, (near + near.T)[focal, other])


def unequal(rng: np.random.Generator) -> World:
    """Independent exponential values; links weigh differently."""
    return World(pd.Series(rng.exponential(size=N)), unequal_graph())


_PLANT_AREAS = 20


def _shares(rng: np.random.Generator) -> np.ndarray:
    share = rng.lognormal(0, 1, size=_PLANT_AREAS)
    return share / share.sum()


def plants(rng: np.random.Generator) -> World:
    """Plants of very unequal size, thrown at areas in proportion to a base that is given."""
    share = _shares(rng)
    frame = pd.DataFrame(
        {
            "area": rng.choice(_PLANT_AREAS, size=200, p=share),
            "sector": np.repeat(list("abcd"), [20, 40, 60, 80]),
            "employment": np.ceil(rng.lognormal(2, 1.2, size=200)),
        }
    )
    return World((frame, pd.Series(share, index=range(_PLANT_AREAS))))


def sectors(rng: np.random.Generator) -> World:
    """Four sectors of 50 to 400 firms thrown at areas in proportion to a million other firms."""
    share = _shares(rng)
    counts = rng.multinomial([50, 100, 200, 400, 1_000_000], share).T
    counts[:, -1] += 1  # no area is empty
    return World(pd.DataFrame(counts, columns=[*"abcd", "rest"]))


def two_dates(rng: np.random.Generator) -> World:
    """Throw a sector's firms at the same areas twice, 40,000 and then 60,000 of them: no quotient changed."""
    totals = np.round(2_000_000 * np.linspace(1, 8, _THROWN_AREAS) ** 2 / 700)
    tables = [
        SectorTable.from_values(
            pd.DataFrame({"sector": rng.multinomial(firms, totals / totals.sum())}),
            area_totals=pd.Series(totals, index=range(_THROWN_AREAS)),
        )
        for firms in (40_000, 60_000)
    ]
    return World(tuple(tables))


def towns(rng: np.random.Generator) -> World:
    """Two hundred firms in ten towns, many on one point; a quarter of them, any, are the sector."""
    centre = rng.uniform(4e5, 4.5e5, size=(10, 2))
    points = np.round((centre[rng.integers(10, size=200)] + rng.normal(0, 1_500, size=(200, 2))) / 200) * 200
    kind = np.where(rng.permutation(200) < 50, "sector", "other")
    return World(_firms(points, kind))


def towns_few(rng: np.random.Generator) -> World:
    """Eighty of the firms in towns, twenty of them, any, the sector: m at every distance is slow to draw."""
    firms = towns(rng).data.iloc[:80]
    return World(firms.assign(kind=rng.permutation(np.repeat(["sector", "other"], [20, 60]))))


def town_pair(rng: np.random.Generator) -> World:
    """The same firms in towns; a fifth of them, any, are the sector, and another fifth, any, its partner."""
    firms = towns(rng).data
    kind = rng.permutation(np.repeat(["sector", "partner", "other"], [40, 40, 120]))
    return World(firms.assign(kind=kind))


_PLACES, _TRADES = 40, 8


def _presences(rng: np.random.Generator, spread: float) -> World:
    """Draw a table in which a sector has a quotient above 1 where a coin says so, by area and by sector."""
    odds = rng.normal(0, spread, size=(_PLACES, 1)) + rng.normal(-0.5, 0.5, size=(1, _TRADES))
    present = rng.random((_PLACES, _TRADES)) < 1 / (1 + np.exp(-odds))
    present[0], present[1] = True, False  # no sector is nowhere or everywhere
    codes = [f"A{i:02}" for i in range(_PLACES)]
    values = pd.DataFrame(2.0 * present, index=codes, columns=list("abcdefgh"))
    return World(SectorTable.from_values(values, area_totals=pd.Series(1_000.0, index=codes)))


def presences(rng: np.random.Generator) -> World:
    """Sectors know nothing of each other; areas differ much in how many they have."""
    return _presences(rng, 1.5)


def presences_alike(rng: np.random.Generator) -> World:
    """Sectors know nothing of each other; areas are alike."""
    return _presences(rng, 0.0)


def placed(rng: np.random.Generator) -> World:
    """Firms of eight sectors thrown at forty unequal areas: which quotients exceed 1 is noise."""
    share = rng.lognormal(0, 1, size=_PLACES)
    firms = rng.multinomial([30, 60, 120, 200, 300, 400, 500, 2_000], share / share.sum()).T
    table = pd.DataFrame(firms, index=[f"A{i:02}" for i in range(_PLACES)], columns=list("abcdefgh"))
    return World(table[table.sum(axis=1) > 0])


def _firms(points: np.ndarray, kind: np.ndarray) -> gpd.GeoDataFrame:
    codes = [f"f{i:03}" for i in range(len(points))]
    place = gpd.points_from_xy(*points.T)
    return gpd.GeoDataFrame({"firm_id": codes, "kind": kind}, geometry=place, crs="EPSG:27700")


def _thrown(rng: np.random.Generator, firms: int) -> World:
    """Throw a sector's firms at areas in proportion to all firms: no area is specialised."""
    totals = np.round(2_000_000 * np.linspace(1, 8, _THROWN_AREAS) ** 2 / 700)
    count = rng.multinomial(firms, totals / totals.sum())
    frame = pd.DataFrame({"sector": count})
    return World(
        SectorTable.from_values(frame, area_totals=pd.Series(totals, index=frame.index)), None, "sector"
    )


def thrown(rng: np.random.Generator) -> World:
    """So many firms (200,000) that p is nearly continuous."""
    return _thrown(rng, 200_000)


def thrown_sparse(rng: np.random.Generator) -> World:
    """About two firms an area."""
    return _thrown(rng, 60)


def autoregressive(rng: np.random.Generator, effect: float) -> World:
    """Simultaneous autoregression: each value is `effect` times the mean of its neighbours, plus normal noise."""
    near = _touching(SIDE).astype(float)
    near /= near.sum(axis=1, keepdims=True)
    return World(pd.Series(np.linalg.solve(np.eye(N) - effect * near, rng.normal(size=N))), lattice())


BLOCK = tuple(int(c) for c in CODES if 3 <= c // SIDE <= 5 and 3 <= c % SIDE <= 5)


def block(rng: np.random.Generator, effect: float) -> World:
    """Normal values, raised by `effect` standard deviations in the middle three by three areas."""
    values = pd.Series(rng.normal(size=N))
    values[list(BLOCK)] += effect
    return World(values, lattice(), None, BLOCK)


def town_drawn(rng: np.random.Generator, effect: float) -> World:
    """Firms in ten towns; each firm of the sector is drawn to the first two towns with probability `effect`."""
    centre = rng.uniform(4e5, 4.5e5, size=(10, 2))
    town = rng.integers(10, size=200)
    points = np.round((centre[town] + rng.normal(0, 1_500, size=(200, 2))) / 200) * 200
    first = np.flatnonzero(town < 2)
    drawn = min(int(rng.binomial(50, effect)), len(first))
    chosen = rng.choice(first, size=drawn, replace=False)
    others = rng.choice(np.setdiff1d(np.arange(200), chosen), size=50 - drawn, replace=False)
    kind = np.full(200, "other", dtype=object)
    kind[np.concatenate([chosen, others])] = "sector"
    return World(_firms(points, kind))


def plants_drawn(rng: np.random.Generator, effect: float) -> World:
    """Throw two sectors of 60 plants; a share `effect` of either goes to the same three areas instead."""
    share = _shares(rng)
    pull = np.zeros(_PLANT_AREAS)
    pull[rng.choice(_PLANT_AREAS, size=3, replace=False)] = 1 / 3
    frame = pd.DataFrame(
        {
            "area": rng.choice(_PLANT_AREAS, size=120, p=(1 - effect) * share + effect * pull),
            "sector": np.repeat(list("ab"), 60),
            "employment": np.ceil(rng.lognormal(2, 1.2, size=120)),
        }
    )
    return World((frame, pd.Series(share, index=range(_PLANT_AREAS))))


@cache
def _unlike_shares() -> np.ndarray:
    return np.random.default_rng(20_261_127).dirichlet(np.full(25, 1.5))


def quotients_drawn(rng: np.random.Generator, effect: float) -> World:
    """Throw 300 firms at 25 areas; three middling areas draw 1 + `effect` times their share."""
    share = _unlike_shares()
    pull = share.copy()
    pull[np.argsort(share)[10:13]] *= 1 + effect
    codes = [f"A{i:02}" for i in range(len(share))]
    firms = pd.DataFrame({"sector": rng.multinomial(300, pull / pull.sum())}, index=codes)
    return World(SectorTable.from_values(firms, area_totals=pd.Series(share * 1e7, index=codes)))


def copied(rng: np.random.Generator, effect: float) -> World:
    """Presences in areas that differ; the second sector copies the first in a share `effect` of them."""
    values = presences(rng).data.values.copy()
    same = rng.random(_PLACES) < effect
    values.loc[same, "b"] = values.loc[same, "a"]
    return World(SectorTable.from_values(values, area_totals=pd.Series(1_000.0, index=values.index)))


def settled(rng: np.random.Generator, effect: float) -> World:
    """Firms in towns; of the firms that are no sector, a share `effect` moves to beside one that is."""
    firms = towns(rng).data
    points, kind = firms.geometry.get_coordinates().to_numpy().copy(), firms["kind"].to_numpy()
    hosts, guests = np.flatnonzero(kind == "sector"), np.flatnonzero(kind == "other")
    moved = guests[rng.random(len(guests)) < effect]
    points[moved] = points[rng.choice(hosts, size=len(moved))] + 50
    return World(_firms(points, kind))


NULL = {
    world.__name__: world
    for world in (
        normal, skewed, sparse, sparse_broken, rare, rates, rates_graded, irregular, isolates, binary, pair,
        smooth_pair, grouped, unequal, plants, sectors, two_dates, towns, thrown, thrown_sparse, periodic,
        periodic_pair, grouped_positive, grouped_pair, grouped_binary, town_pair, towns_few, presences,
        presences_alike, placed,
    )
}  # fmt: skip
PATTERNED = {
    world.__name__: world
    for world in (autoregressive, block, town_drawn, plants_drawn, quotients_drawn, copied, settled)
}
