"""Getis–Ord G and G* against esda, closed cases and published counts."""

from __future__ import annotations

import itertools

import esda
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import getis_ord, local_moran
from clustermap.errors import OptionError
from clustermap.schema import LISA_LABELS, LOCAL_COLUMNS


@pytest.mark.parametrize("star", [False, True])
@pytest.mark.parametrize("transformation", ["row", "binary"])
def test_shares_are_those_of_esda(grid, values, star, transformation):
    y = values - values.min()
    peer = esda.G_Local(y.to_numpy(), grid.to_W(), transform=transformation[0], star=star, permutations=0)
    found = getis_ord(y, grid, star=star, transformation=transformation, seed=1).frame
    assert np.abs(found["ratio"] - peer.Gs).max() < 1e-10


@pytest.mark.parametrize("star", [False, True])
def test_scores_are_those_of_esda_under_binary_weights(grid, values, star):
    peer = esda.G_Local(values.to_numpy(), grid.to_W(), transform="B", star=star, permutations=0)
    for transformation in ("row", "binary"):  # equal weights: the mean and the sum have one score
        found = getis_ord(values, grid, star=star, transformation=transformation, seed=1).frame
        assert np.abs(found["statistic"] - peer.Zs).max() < 1e-10


@pytest.mark.parametrize("star", [False, True])
def test_scores_have_the_mean_and_variance_of_all_sets_of_neighbours(lattice, nearby, star):
    """For G: all sets of other areas; for G*: all sets of areas. esda's row-standardised scores do not have it."""
    graph = lattice(3, 3)
    y = pd.Series([3.0, 1, 4, 1, 5, 9, 2, 6, 5], index=graph.unique_ids)
    found = getis_ord(y, graph, star=star, correction="none", seed=1).frame["statistic"]
    for i, mine in enumerate(nearby(graph, y.index)):
        pool = [j for j in range(9) if star or j != i]
        counted = [*mine, i] if star else list(mine)
        sums = np.array([y.iloc[list(s)].sum() for s in itertools.combinations(pool, len(counted))])
        assert found.iloc[i] == pytest.approx((y.iloc[counted].sum() - sums.mean()) / sums.std(), abs=1e-10)
    peer = esda.G_Local(y.to_numpy(), graph.to_W(), transform="R", star=star, permutations=0)
    assert np.abs(found - peer.Zs).max() > 0.1


def test_p_is_that_of_local_moran_and_labels_say_what_gathers(grid, values):
    """Given the area's own value both ask how large the sum over its neighbours is."""
    g, star, moran = (
        f(values, grid, correction="none", seed=3, **more).frame
        for f, more in ((getis_ord, {}), (getis_ord, {"star": True}), (local_moran, {}))
    )
    assert (g["p"] == moran["p"]).all()
    assert (star["p"] == moran["p"]).all()
    sure = g["p"] <= 0.05
    assert sure.any()
    around = moran["lag"] > values.mean()
    assert g["label"][sure].tolist() == ["HH" if high else "LL" for high in around[sure]]
    assert list(g.columns) == [*LOCAL_COLUMNS, "ratio"]


def test_one_sided_tests_ask_for_high_or_low_values(grid, values):
    high = getis_ord(values, grid, alternative="greater", correction="none", seed=3).frame
    low = getis_ord(values, grid, alternative="less", correction="none", seed=3).frame
    both = getis_ord(values, grid, correction="none", seed=3).frame
    assert both["p"].tolist() == np.minimum(1, 2 * np.minimum(high["p"], low["p"])).tolist()
    assert set(high["label"]) <= {"HH", "not significant"}
    assert set(low["label"]) <= {"LL", "not significant"}
    assert high["label"].dtype.categories.tolist() == list(LISA_LABELS)


def test_a_shift_changes_the_share_and_nothing_else(grid, values):
    a, b = (getis_ord(y, grid, seed=1).frame for y in (values, values * 3 + 1_000))
    assert np.abs(a["statistic"] - b["statistic"]).max() < 1e-9
    assert (a["p"] == b["p"]).all()
    assert a["ratio"].isna().all() == (values < 0).any()
    assert b["ratio"].notna().all()


def test_where_every_neighbourhood_is_the_same_there_is_no_score():
    codes = np.arange(5)
    focal, other = np.nonzero(codes[:, None] != codes)
    graph = Graph.from_arrays(focal, other, np.ones(len(focal)))
    frame = getis_ord(pd.Series([1.0, 4, 2, 8, 5]), graph, seed=1).frame
    assert frame["statistic"].isna().all()
    assert frame["p"].isna().all()
    assert set(frame["status"]) == {"not tested"}


def test_an_area_whose_others_are_all_alike_is_not_tested():
    ring = 10
    around = [*range(1, ring), 0, ring - 1, *range(ring - 1)]
    graph = Graph.from_arrays([*range(ring), *range(ring)], around, np.ones(2 * ring))
    result = getis_ord(
        pd.Series([5.0] + [0.0] * (ring - 1)), graph, correction="none", permutations=999, seed=1
    )
    frame = result.frame
    assert frame.loc[0, ["statistic", "p", "q"]].isna().all()
    assert (frame.loc[0, "status"], frame.loc[0, "label"]) == ("not tested", "not significant")
    assert (frame["status"][1:] == "ok").all()
    assert result.family_size == ring - 1


def test_isolates_have_no_score(with_isolate):
    y = pd.Series([1.0, 2, 3, 5, 8, 9, 9, 20], index=list("abcdefgz"))
    for star in (False, True):
        alone = getis_ord(y, with_isolate, star=star, correction="none", seed=1).frame.loc["z"]
        assert alone[["statistic", "ratio", "lag", "p"]].isna().all()
        assert alone["label"] == "isolate"


def test_the_weight_of_the_area_itself_is_that_of_its_strongest_link(uneven, values):
    y = values - values.min()
    peer = esda.G_Local(y.to_numpy(), uneven.to_W(), transform="R", star=True, permutations=0)
    assert np.abs(getis_ord(y, uneven, star=True, seed=1).frame["ratio"] - peer.Gs).max() < 1e-10


def test_star_is_true_or_false(grid, values):
    with pytest.raises(OptionError, match="CM-MORAN-001"):
        getis_ord(values, grid, star=0.5)


def test_words_name_the_statistic_and_what_it_can_find(grid, values):
    result = getis_ord(values, grid, star=True, correction="none", seed=1)
    assert result.method == "Getis–Ord G*"
    assert result.summary().startswith("Getis–Ord G* of rate over 42 areas: ")
    assert "High-Low" not in result.summary()
    many = getis_ord(pd.DataFrame({"a": values, "b": -values}), grid, rates="none", seed=1)
    assert many["b"].method == "Getis–Ord G*".removesuffix("*")
    assert many.wide("ratio").shape == (42, 2)
