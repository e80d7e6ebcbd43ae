"""Synthetic maps without a pattern, and with one of known strength; each is drawn from the generator given."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

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


NULL = {
    world.__name__: world
    for world in (
        normal, skewed, sparse, sparse_broken, rare, rates, rates_graded, irregular, isolates, thrown, thrown_sparse,
    )
}  # fmt: skip
PATTERNED = {world.__name__: world for world in (autoregressive, block)}
