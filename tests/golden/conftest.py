"""The recorded figures of R and the graphs that they belong to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).resolve().parent


def _read(name):
    return pd.read_csv(HERE / f"{name}.csv.gz")


def _graph(codes, links):
    from libpysal.graph import Graph

    alone = np.setdiff1d(np.arange(len(codes)), links["focal"])
    focal, other = (np.concatenate((links[side], alone)) for side in ("focal", "other"))
    weight = np.concatenate((np.ones(len(links)), np.zeros(len(alone))))
    return Graph.from_arrays(codes[focal], codes[other], weight)


@pytest.fixture(scope="session")
def worlds():
    """Give the 50 graphs: their values by code, the graph, and which areas are isolates."""
    links, areas = _read("links"), _read("areas")
    found = []
    for g, here in areas.groupby("graph"):
        codes = np.array([f"a{area:03d}" for area in here["area"]])
        own = links[links["graph"] == g]
        found.append(
            SimpleNamespace(
                number=g,
                kind=here["kind"].iloc[0],
                values=here.set_index(codes).drop(columns=["graph", "kind", "area"]),
                graph=_graph(codes, own),
                alone=~np.isin(here["area"], own["focal"]),
            )
        )
    return found


@pytest.fixture(scope="session")
def global_figures():
    """Give one global figure of spdep in every graph: its statistic, expected value, variance and z by graph."""
    frame = _read("global")

    def figures(statistic, *, style="W", part="all"):
        chosen = frame[
            (frame["statistic"] == statistic) & (frame["style"] == style) & (frame["part"] == part)
        ]
        assert len(chosen), (statistic, style, part)
        return chosen.pivot_table(index="graph", columns="name", values="value")

    return figures


@pytest.fixture(scope="session")
def local_figures():
    """Give one local figure of spdep in every area: one array for each graph, in code order."""
    frame = _read("local")

    def figures(statistic, *, style="W"):
        chosen = frame[(frame["statistic"] == statistic) & (frame["style"] == style)]
        assert len(chosen), (statistic, style)
        return {g: part.sort_values("area")["value"].to_numpy() for g, part in chosen.groupby("graph")}

    return figures


@pytest.fixture(scope="session")
def point_patterns():
    """Give the ten point patterns and the counts of their pairs by distance."""
    return _read("points"), _read("pairs")
