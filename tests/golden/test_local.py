"""Local Geary, G, G*, LOSH, bivariate Moran and joins are those of spdep wherever an area has neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from clustermap.autocorrelation import bivariate_moran, geary, getis_ord, join_count, losh

STYLES = {"W": "row", "B": "binary"}
SAME = {"rtol": 1e-10, "atol": 1e-10}
QUICK = {"permutations": 99, "correction": "none", "seed": 1}


@pytest.mark.parametrize("style", STYLES)
def test_local_geary_is_spdeps_times_n_over_n_less_1(worlds, local_figures, style):
    theirs = local_figures("geary x", style=style)
    for world in worlds:
        n = len(world.values)
        ours = geary(world.values["x"], world.graph, transformation=STYLES[style], **QUICK).frame["statistic"]
        # spdep scales with the standard deviation of a sample, Anselin (1995) with that of the map
        np.testing.assert_allclose(
            ours[~world.alone], theirs[world.number][~world.alone] * n / (n - 1), **SAME
        )
        assert ours[world.alone].isna().all()
        assert (theirs[world.number][world.alone] == 0).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("star", [False, True])
@pytest.mark.parametrize("column", ["x", "skewed"])
def test_g_is_spdeps(worlds, local_figures, column, star, style):
    word = "getis_ord star" if star else "getis_ord"
    theirs = local_figures(f"{word} {column}", style=style)
    raw = local_figures(f"{word} raw skewed", style=style)
    for world in worlds:
        ours = getis_ord(
            world.values[column], world.graph, star=star, transformation=STYLES[style], **QUICK
        ).frame
        linked = ~world.alone
        np.testing.assert_allclose(ours["statistic"][linked], theirs[world.number][linked], **SAME)
        assert ours["statistic"][world.alone].isna().all()
        if column == "skewed":
            np.testing.assert_allclose(ours["ratio"][linked], raw[world.number][linked], **SAME)


def test_losh_is_spdeps_without_the_isolates(worlds, local_figures):
    theirs, residual = local_figures("losh Hi"), local_figures("losh ei")
    for world in worlds:
        linked = world.values["x"][~world.alone]
        ours = losh(linked, world.graph.subgraph(linked.index), **QUICK).frame
        np.testing.assert_allclose(ours["statistic"], theirs[world.number][~world.alone], **SAME)
        np.testing.assert_allclose((linked - ours["lag"]) ** 2, residual[world.number][~world.alone], **SAME)


def test_local_bivariate_moran_is_spdeps_times_n_over_n_less_1(worlds, local_figures):
    theirs = local_figures("bivariate_moran")
    for world in worlds:
        linked = world.values[["x", "y"]][~world.alone]
        ours = bivariate_moran(
            linked, world.graph.subgraph(linked.index), x="x", y="y", rates="none", **QUICK
        ).frame["statistic"]
        n = len(linked)
        np.testing.assert_allclose(ours, theirs[world.number][~world.alone] * n / (n - 1), **SAME)


def test_local_joins_are_spdeps_without_the_isolates(worlds, local_figures):
    theirs = local_figures("join_count", style="B")
    for world in worlds:
        linked = world.values["black"][~world.alone]
        ours = join_count(linked, world.graph.subgraph(linked.index), correction="none").frame["statistic"]
        np.testing.assert_allclose(ours, theirs[world.number][~world.alone], **SAME)
