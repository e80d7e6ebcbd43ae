"""Bivariate local Moran: esda, the law of all neighbourhoods, and what two variables must have in common."""

from __future__ import annotations

import math

import esda
import numpy as np
import pandas as pd
import pytest

from clustermap.autocorrelation import bivariate_moran, local_moran
from clustermap.errors import InputError, OptionError
from clustermap.tables.table import SectorTable


@pytest.fixture
def pair(grid, values):
    return pd.DataFrame(
        {"x": values, "y": np.random.default_rng(2).gamma(1.0, size=42)}, index=grid.unique_ids
    )


def test_statistics_are_those_of_esda(grid, pair, uneven):
    for graph in (grid, uneven):
        peer = esda.Moran_Local_BV(pair["x"].to_numpy(), pair["y"].to_numpy(), graph.to_W(), permutations=0)
        found = bivariate_moran(pair, graph, x="x", y="y", rates="none", seed=1).frame["statistic"]
        assert np.abs(found - peer.Is * 42 / 41).max() < 1e-10  # esda has n - 1


def test_with_itself_it_is_local_moran(grid, pair):
    twice = pair.assign(again=pair["x"])
    both = bivariate_moran(twice, grid, x="x", y="again", rates="none", seed=4).frame
    pd.testing.assert_frame_equal(both, local_moran(pair["x"], grid, seed=4).frame, check_exact=True)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_holds_both_values_of_the_area(lattice, exact_tails, nearby, alternative):
    graph = lattice(3, 3)
    frame = pd.DataFrame(
        {"x": [3.0, 1, 4, 1, 5, 9, 2, 6, 5], "y": [0.0, 2, 1, 1, 0, 3, 1, 2, 2]}, index=graph.unique_ids
    )
    made = 99_999
    found = bivariate_moran(
        frame,
        graph,
        x="x",
        y="y",
        rates="none",
        permutations=made,
        alternative=alternative,
        correction="none",
        seed=2,
    ).frame["p"]
    z = frame - frame.mean()
    up, low = exact_tails(
        z["y"].to_numpy(),
        nearby(graph, frame.index),
        lambda a, near, _: a * near.sum(),
        own=z["x"].to_numpy(),
    )
    exact = {"two-sided": np.minimum(1, 2 * np.minimum(up, low)), "greater": up, "less": low}[alternative]
    exact[np.abs(z["x"]) < 1e-12] = 1
    assert found.to_numpy() == pytest.approx(exact, abs=5 * 2 * math.sqrt(0.25 / (made * 5 / 9)))


def test_areas_that_lack_either_have_no_value(grid, table):
    counts = table.values.copy()
    counts.iloc[3, 0] = counts.iloc[7, 1] = np.nan
    hidden = SectorTable.from_values(counts, area_totals=table.area_totals)
    x, y = table.sectors[:2]
    result = bivariate_moran(hidden, grid, x=x, y=y, seed=1)
    gone = result.frame.index[result.frame["label"] == "undefined"]
    assert set(gone) == {counts.index[3], counts.index[7]}
    assert (result.frame.loc[gone, "status"] == "suppressed").all()
    assert result.sector == f"{x} × {y}"
    assert result.rates == "empirical-bayes"


def test_what_holds_no_two_variables_is_refused(grid, values, pair):
    with pytest.raises(InputError, match="CM-PAIR-001"):
        bivariate_moran(values, grid, x="x", y="y")
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        bivariate_moran(pair, grid, x="x", y="steel", rates="none")
