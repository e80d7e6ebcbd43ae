"""Where this library differs from another one on purpose, the difference is exactly what the documentation says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

import clustermap as cm
from clustermap.inference import adjust

SAME = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture(scope="module")
def board():
    """Give the figures of esda and pygeoda on a chessboard of 12 × 12, and the same board here."""
    recorded = json.loads((Path(__file__).parent / "peers.json").read_text(encoding="utf-8"))
    side = recorded["side"]
    codes = np.array([f"c{i:03d}" for i in range(side * side)])
    row, column = np.divmod(np.arange(side * side), side)
    near = (np.abs(row[:, None] - row) <= 1) & (np.abs(column[:, None] - column) <= 1)
    np.fill_diagonal(near, val=False)
    focal, other = np.nonzero(near)
    graph = Graph.from_arrays(codes[focal], codes[other], np.ones(len(focal)))
    return recorded, pd.Series(recorded["values"], index=codes), graph


@pytest.fixture(scope="module")
def ours(board):
    """Give local Moran of this library on the board, with many draws."""
    _, values, graph = board
    return cm.local_moran(values, graph, permutations=99_999, correction="none", seed=1).frame


def test_local_moran_divides_by_n_where_esda_and_pygeoda_have_n_less_1(board, ours):
    recorded, values, graph = board
    n, total = len(values), cm.global_moran(values, graph, permutations=0).statistic
    np.testing.assert_allclose(ours["statistic"].mean(), total, **SAME)
    for peer in ("esda", "pygeoda"):
        theirs = np.array(recorded[f"{peer}_statistic"])
        np.testing.assert_allclose(ours["statistic"], theirs * n / (n - 1), **SAME)
        assert abs(theirs.mean() - total) > 1e-4


# the standard error of twice a tail is at most 1 / √draws; four of them
@pytest.mark.parametrize("peer", ["esda", "pygeoda"])
def test_p_of_esda_and_pygeoda_is_that_of_one_tail_and_ours_of_two(board, ours, peer):
    recorded, _, _ = board
    theirs, draws = np.array(recorded[f"{peer}_p"]), recorded[f"{peer}_permutations"]
    inner = ours["p"] < 0.9  # beyond, twice a tail is cut at 1
    assert inner.sum() > 100
    assert np.abs(ours["p"] - 2 * theirs)[inner].max() < 4 / np.sqrt(draws)
    assert np.median((ours["p"] / theirs)[inner]) == pytest.approx(2.0, abs=0.1)


def test_the_fdr_cutoff_of_pygeoda_stops_at_the_first_step_where_step_up_goes_on(board):
    recorded, _, _ = board
    p, level = np.array(recorded["pygeoda_p"]), recorded["level"]
    n = len(p)
    assert recorded["pygeoda_fdr_cutoff"] == pytest.approx(level / n)  # what Bonferroni takes
    assert (p <= recorded["pygeoda_fdr_cutoff"]).sum() == 0  # no p of 999 draws is that small
    ordered = np.sort(p)
    step_up = max(k for k in range(1, n + 1) if ordered[k - 1] <= level * k / n)
    assert (adjust(p, "fdr_bh") <= level).sum() == step_up
    assert step_up >= 10


def test_a_quotient_of_nothing_by_nothing_is_unknown_and_not_nought():
    """EconGeo writes 0 for 0/0: an area without firms, or a sector without firms, would seem to have none of either."""
    counts = pd.DataFrame(
        {"s1": [30, 10, 0, 5], "s2": [20, 40, 0, 5], "s3": [0, 0, 0, 0]}, index=list("ABCD")
    )
    lq = cm.location_quotient(counts).wide("lq")
    assert lq.loc["C"].isna().all()
    assert lq["s3"].isna().all()
    known = counts.loc[["A", "B", "D"], ["s1", "s2"]]
    by_hand = known.div(known.sum(axis=1), axis=0) / (known.sum() / known.to_numpy().sum())
    np.testing.assert_allclose(lq.loc[known.index, known.columns], by_hand, **SAME)


def test_a_negative_variance_between_areas_is_nought_here_as_in_spdep_and_kept_by_esda(
    worlds, global_figures
):
    from esda.smoothing import assuncao_rate

    theirs = global_figures("empirical_bayes_moran even")
    apart = 0
    for world in worlds:
        total = world.values["total"].astype(float)
        even = (total * world.values["count"].sum() / total.sum()).round()
        overall, rate = even.sum() / total.sum(), even / total
        assert (total * (rate - overall) ** 2).sum() / total.sum() < overall / total.mean()
        table = cm.SectorTable.from_values(even.to_frame("even"), area_totals=total)
        ours = cm.global_moran(table, world.graph, permutations=0, rates="empirical-bayes").statistic
        np.testing.assert_allclose(ours, theirs.loc[world.number, "statistic"], **SAME)
        kept = pd.Series(assuncao_rate(even.to_numpy(), total.to_numpy()), index=total.index)
        apart += abs(cm.global_moran(kept, world.graph, permutations=0).statistic - ours) > 0.01
    assert apart > 10
