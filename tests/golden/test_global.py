"""Geary, general G and join counts of the whole map are those of spdep, in 50 graphs, half of them with isolates."""

from __future__ import annotations

import numpy as np
import pytest

from clustermap.autocorrelation import (
    global_bivariate_moran,
    global_geary,
    global_getis_ord,
    global_join_count,
)

STYLES = {"W": "row", "B": "binary"}
SAME = {"rtol": 1e-10, "atol": 1e-10}
PARTS = ["statistic", "expected", "variance"]
TWO = {"BB": "join_count 1", "WW": "join_count 0"}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("column", ["x", "skewed"])
def test_geary_its_mean_and_both_variances_are_spdeps(worlds, global_figures, column, style):
    randomised = global_figures(f"geary {column}", style=style)
    normal = global_figures(f"geary normality {column}", style=style)
    for world in worlds:
        ours = global_geary(world.values[column], world.graph, permutations=0, transformation=STYLES[style])
        found = [ours.statistic, ours.expected, ours.variance, ours.variance_normality]
        wanted = [*randomised.loc[world.number, PARTS], normal.loc[world.number, "variance"]]
        np.testing.assert_allclose(found, wanted, **SAME)
        # spdep turns the sign, so that likeness of neighbours has a positive z
        np.testing.assert_allclose(ours.z, -randomised.loc[world.number, "z"], **SAME)


@pytest.mark.parametrize("style", STYLES)
def test_general_g_its_mean_and_variance_are_spdeps(worlds, global_figures, style):
    theirs = global_figures("getis_ord skewed", style=style)
    for world in worlds:
        ours = global_getis_ord(
            world.values["skewed"], world.graph, permutations=0, transformation=STYLES[style]
        )
        found = [ours.statistic, ours.expected, ours.variance]
        np.testing.assert_allclose(found, theirs.loc[world.number, PARTS], **SAME)


@pytest.mark.parametrize("style", STYLES)
def test_joins_of_two_kinds_their_means_and_variances_are_spdeps(worlds, global_figures, style):
    for joins, figure in TWO.items():
        theirs = global_figures(figure, style=style)
        for world in worlds:
            ours = global_join_count(
                world.values["black"], world.graph, permutations=0, transformation=STYLES[style]
            ).of(joins)
            found = [ours.statistic, ours.expected, ours.variance]
            np.testing.assert_allclose(found, theirs.loc[world.number, PARTS], **SAME)


@pytest.mark.parametrize("style", STYLES)
def test_joins_of_three_kinds_are_spdeps(worlds, global_figures, style):
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    theirs = {(a, b): global_figures(f"join_count_multi {b}:{a}", style=style) for a, b in pairs}
    for world in worlds:
        kinds = world.values["class"].map("k{}".format)
        ours = global_join_count(kinds, world.graph, permutations=0, transformation=STYLES[style]).frame
        ours = ours.set_index("joins")
        for a, b in pairs:
            np.testing.assert_allclose(
                ours.loc[f"k{a}–k{b}", PARTS].astype(float), theirs[a, b].loc[world.number, PARTS], **SAME
            )


def test_bivariate_moran_is_spdeps_without_the_isolates(worlds, global_figures):
    theirs = global_figures("bivariate_moran", part="linked")
    for world in worlds:
        linked = world.values[["x", "y"]][~world.alone]
        ours = global_bivariate_moran(
            linked, world.graph.subgraph(linked.index), x="x", y="y", permutations=0, rates="none"
        )
        np.testing.assert_allclose(ours.statistic, theirs.loc[world.number, "statistic"], **SAME)
