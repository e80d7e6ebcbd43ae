"""Things of another kind in the first or second place of every public verb: a coded error, never a crash."""

from __future__ import annotations

import inspect
import warnings

import pandas as pd
import pytest

import clustermap as cm
from clustermap.errors import ClusterMapError
from clustermap.testing import make_world

NEEDED = {  # what verbs ask for by name and have no default for
    "seed": 1, "sector": "planted", "sectors": {"planted": ["289"]}, "area": "a", "value": "v", "radius_m": 1_000,
    "definitions": ["hvm"], "zonings": 2, "replicates": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def things():
    world = make_world(n_areas=12, planted="pair", sector_firms=100, points=True, seed=1)
    clusters = cm.detect_clusters(
        world.table, world.graph, sector="planted", permutations=19, alpha=0.9, seed=1
    )
    halves = pd.Series(["a"] * 6 + ["b"] * 6, index=world.areas.frame.index)
    return {
        "areas": world.areas,
        "firms": cm.read_firms(world.firms),
        "table": world.table,
        "graph": world.graph,
        "clusters": clusters,
        "crossing": cm.crossing(clusters, halves),
        "nothing": None,
        "number": 3,
        "list": [1, 2],
        "empty": pd.DataFrame(),
        "authorities": halves,
    }


def verbs():
    for name in sorted(set(cm.__all__) - {"run_study"}):
        if inspect.isfunction(getattr(cm, name, None)):
            yield name


@pytest.mark.parametrize("name", list(verbs()))
def test_what_is_of_another_kind_is_refused_with_a_code(name, things):
    verb = getattr(cm, name)
    parameters = inspect.signature(verb).parameters.values()
    by_place = [p for p in parameters if p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_POSITIONAL]
    needed = {
        p.name: NEEDED.get(p.name, 1) for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty
    }
    needed |= {"authorities": things["authorities"]} if "authorities" in needed else {}
    needed |= {"permutations": 19} if any(p.name == "permutations" for p in parameters) else {}
    crashed = []
    for first in things:
        for second in ("areas", "graph", "nothing") if len(by_place) > 1 else ("",):
            given = [things[first], *([things[second]] if second else [])]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    verb(*given, **needed)
            except ClusterMapError as error:
                assert error.code  # noqa: PT017 - many are tried at once
            except Exception as error:  # noqa: BLE001 - whatever it is, it has no code
                crashed.append(f"{name}({first}, {second}): {type(error).__name__}: {error}")
    assert crashed == []
