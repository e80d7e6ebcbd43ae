"""Small graphs and values whose answers are known."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.tables.table import SectorTable


def _lattice(rows: int, columns: int) -> Graph:
    """Rook neighbours on a grid; codes are text in row order."""
    places = np.arange(rows * columns)
    r, c = places // columns, places % columns
    focal, other = np.nonzero(np.abs(r[:, None] - r) + np.abs(c[:, None] - c) == 1)
    codes = np.array([f"A{i:03d}" for i in places])
    return Graph.from_arrays(codes[focal], codes[other], np.ones(len(focal)))


@pytest.fixture
def lattice():
    return _lattice


@pytest.fixture
def grid():
    return _lattice(6, 7)


@pytest.fixture
def other_order(grid):
    """The same graph with its links and areas in another order."""
    links = grid.adjacency.reset_index().sample(frac=1, random_state=2)
    return Graph.from_arrays(*(links[c].to_numpy() for c in ("focal", "neighbor", "weight")))


@pytest.fixture
def values(grid):
    rng = np.random.default_rng(5)
    smooth = np.add.outer(np.arange(6), np.arange(7)).ravel() / 4
    return pd.Series(smooth + rng.normal(size=42), index=grid.unique_ids, name="rate")


@pytest.fixture
def table(grid):
    """Three sectors with many ties, in areas of unequal size."""
    rng = np.random.default_rng(6)
    everything = rng.poisson(rng.lognormal(3, 0.8, 42)) + 2
    few, some = rng.binomial(everything, 0.05), rng.binomial(everything, 0.2)
    frame = pd.DataFrame(
        {"few": few, "some": some, "rest": np.maximum(everything - few - some, 0)},
        index=list(grid.unique_ids),
    )
    return SectorTable.from_values(frame)


@pytest.fixture
def uneven_table(grid):
    """One sector whose rate truly differs from area to area, so that its variance between areas is above 0."""
    rng = np.random.default_rng(8)
    everything = rng.poisson(rng.lognormal(3, 0.8, 42)) + 2
    some = rng.binomial(everything, np.linspace(0.05, 0.5, 42))
    frame = pd.DataFrame({"some": some, "rest": everything - some}, index=list(grid.unique_ids))
    return SectorTable.from_values(frame)


@pytest.fixture
def with_isolate():
    """Seven areas in a row, and one that touches nothing."""
    codes = list("abcdefg")
    focal, other = codes[:-1] + codes[1:] + ["z"], codes[1:] + codes[:-1] + ["z"]
    return Graph.from_arrays(focal, other, [1] * 12 + [0])


def _exact_tails(z, near, statistic, *, own=None):
    """Enumerate for every area all ordered sets of neighbours that it could have.

    `statistic(own value, values of the neighbours, area)`; returns the exact upper and lower tail, ties in both.
    """
    held, found = z if own is None else own, []
    for i, mine in enumerate(near):
        others = [j for j in range(len(z)) if j != i]
        observed = statistic(held[i], z[mine], i)
        drawn = np.array(
            [statistic(held[i], z[list(s)], i) for s in itertools.permutations(others, len(mine))]
        )
        found.append([(drawn >= observed - 1e-9).mean(), (drawn <= observed + 1e-9).mean()])
    return np.array(found).T


@pytest.fixture
def exact_tails():
    return _exact_tails


@pytest.fixture
def nearby():
    """Positions of the neighbours of each area, in code order."""

    def find(graph, codes):
        places = {code: k for k, code in enumerate(codes)}
        return [np.array([places[j] for j in graph[c].index if graph[c][j] != 0], dtype=int) for c in codes]

    return find


@pytest.fixture
def uneven(grid):
    """The grid with links of different weight."""
    weights = np.random.default_rng(9).gamma(2.0, size=grid.n_edges)
    links = grid.adjacency.reset_index()
    return Graph.from_arrays(links["focal"].to_numpy(), links["neighbor"].to_numpy(), weights)
