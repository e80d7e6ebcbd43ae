"""Moran's I and its local parts are those of spdep, in 50 graphs, half of them with isolates."""

from __future__ import annotations

import numpy as np
import pytest

from clustermap.autocorrelation import global_moran, local_moran
from clustermap.tables.table import SectorTable

STYLES = {"W": "row", "B": "binary"}
SAME = {"rtol": 1e-10, "atol": 1e-10}


def test_the_inputs_are_fifty_graphs_of_five_kinds_half_of_them_with_isolates(worlds):
    assert len(worlds) == 50
    assert {w.kind for w in worlds} == {"rook", "queen", "k-nearest", "delaunay", "random"}
    assert sum(bool(w.alone.any()) for w in worlds) >= 25
    assert min(len(w.values) for w in worlds) >= 10
    assert max(len(w.values) for w in worlds) <= 120
    assert [set(w.graph.isolates) == set(w.values.index[w.alone]) for w in worlds] == [True] * 50


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("column", ["x", "skewed"])
def test_global_moran_mean_and_both_variances_are_spdeps(worlds, global_figures, column, style):
    randomised = global_figures(f"moran {column}", style=style)
    normal = global_figures(f"moran normality {column}", style=style)
    for world in worlds:
        ours = global_moran(world.values[column], world.graph, permutations=0, transformation=STYLES[style])
        theirs = randomised.loc[world.number]
        found = [ours.statistic, ours.expected, ours.variance, ours.z, ours.variance_normality]
        wanted = [*theirs[["statistic", "expected", "variance", "z"]], normal.loc[world.number, "variance"]]
        np.testing.assert_allclose(found, wanted, **SAME)


@pytest.mark.parametrize("style", STYLES)
def test_spdep_counts_only_linked_areas_by_default_and_that_factor_is_all_the_difference(
    worlds, global_figures, style
):
    default = global_figures("moran x", style=style, part="all adjusted")
    differ = 0
    for world in worlds:
        ours = global_moran(world.values["x"], world.graph, permutations=0, transformation=STYLES[style])
        n, linked = len(world.values), int((~world.alone).sum())
        theirs = default.loc[world.number]
        np.testing.assert_allclose(theirs["statistic"], ours.statistic * linked / n, **SAME)
        np.testing.assert_allclose(theirs["expected"], -1 / (linked - 1), **SAME)
        differ += n != linked
    assert differ >= 25


@pytest.mark.parametrize("style", STYLES)
def test_without_the_isolates_both_conventions_are_one(worlds, global_figures, style):
    theirs = global_figures("moran x", style=style, part="linked adjusted")
    plain = global_figures("moran x", style=style, part="linked")
    np.testing.assert_allclose(theirs, plain, **SAME)
    for world in worlds:
        if world.alone.any():
            linked = world.values["x"][~world.alone]
            ours = global_moran(
                linked, world.graph.subgraph(linked.index), permutations=0, transformation=STYLES[style]
            )
            np.testing.assert_allclose(ours.statistic, theirs.loc[world.number, "statistic"], **SAME)
            np.testing.assert_allclose(ours.variance, theirs.loc[world.number, "variance"], **SAME)


def test_moran_of_empirical_bayes_rates_is_spdeps(worlds, global_figures):
    theirs = global_figures("empirical_bayes_moran", part="all")
    for world in worlds:
        table = SectorTable.from_values(world.values[["count"]], area_totals=world.values["total"])
        ours = global_moran(table, world.graph, permutations=0, rates="empirical-bayes")
        np.testing.assert_allclose(ours.statistic, theirs.loc[world.number, "statistic"], **SAME)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("column", ["x", "skewed"])
def test_local_moran_is_spdeps_and_an_isolate_has_none_instead_of_nought(
    worlds, local_figures, column, style
):
    theirs = local_figures(f"moran {column}", style=style)
    for world in worlds:
        ours = local_moran(
            world.values[column],
            world.graph,
            permutations=99,
            correction="none",
            transformation=STYLES[style],
            seed=1,
        ).frame["statistic"]
        np.testing.assert_allclose(ours[~world.alone], theirs[world.number][~world.alone], **SAME)
        assert ours[world.alone].isna().all()
        assert (theirs[world.number][world.alone] == 0).all()


@pytest.mark.parametrize("style", STYLES)
def test_lags_are_spdeps_and_the_lag_of_an_isolate_is_told_apart(worlds, local_figures, style):
    theirs = local_figures("lag x", style=style)
    for world in worlds:
        result = local_moran(
            world.values["x"],
            world.graph,
            permutations=99,
            correction="none",
            transformation=STYLES[style],
            seed=1,
        )
        lag = result.frame["lag"]
        np.testing.assert_allclose(lag[~world.alone], theirs[world.number][~world.alone], **SAME)
        assert lag[world.alone].isna().all()
        assert (theirs[world.number][world.alone] == 0).all()
