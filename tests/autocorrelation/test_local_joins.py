"""Local join counts and quantile LISA: exact laws by counting, members of quantiles, refusals."""

from __future__ import annotations

import esda
import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from clustermap.autocorrelation import join_count, nulls, quantile_lisa
from clustermap.errors import InputError, OptionError, StatisticsError


@pytest.fixture
def events(grid):
    return pd.Series(np.random.default_rng(3).random(42) < 0.35, index=grid.unique_ids).astype(float)


def test_counts_are_those_of_esda(grid, events):
    w = grid.to_W()
    w.transform = "b"
    peer = esda.Join_Counts_Local._statistic(events.to_numpy(), w, drop_islands=True)
    assert (join_count(events, grid).frame["statistic"].to_numpy() == peer.astype(float)).all()


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_is_that_of_all_sets_of_neighbours(lattice, exact_tails, nearby, alternative):
    graph = lattice(3, 3)
    y = pd.Series([1.0, 1, 0, 1, 0, 0, 1, 0, 1], index=graph.unique_ids)
    found = join_count(y, graph, alternative=alternative, correction="none").frame
    up, low = exact_tails(y.to_numpy(), nearby(graph, y.index), lambda a, x, _: a * x.sum())
    exact = {"two-sided": np.minimum(1, 2 * np.minimum(up, low)), "greater": up, "less": low}[alternative]
    has = (y == 1).to_numpy()
    assert found["p"].to_numpy()[has] == pytest.approx(exact[has], abs=1e-12)
    assert found["p"][~has].isna().all()
    assert (found["status"][~has] == "not tested").all()


def test_areas_without_it_are_no_members_of_the_family(grid, events):
    result = join_count(events, grid, correction="bonferroni")
    assert result.family_size == events.sum()
    assert result.permutations == 0
    assert not result.frame["borderline"].any()
    assert "exact hypergeometric p without any draws" in result.summary()
    p, q = result.frame["p"].dropna(), result.frame["q"].dropna()
    assert q.tolist() == np.minimum(1, p * len(p)).tolist()


def test_labels_are_for_more_and_for_fewer(lattice):
    graph = lattice(9, 9)
    y = pd.Series(0.0, index=graph.unique_ids)
    y.iloc[[0, 1, 2, 9, 10, 11, 18, 19, 20]] = 1
    label = join_count(y, graph, correction="none").frame["label"]
    assert label.iloc[10] == "HH"
    mostly = pd.Series(1.0, index=graph.unique_ids)
    mostly.iloc[[31, 39, 41, 49, 80]] = 0
    assert join_count(mostly, graph, correction="none").frame["label"].iloc[40] == "HL"


def test_draws_agree_with_the_exact_law(grid, events):
    """Every map of the whole drawn, the area's own held: the hypergeometric law must come out."""
    one = nulls.within(pd.Series("all", index=events.index))
    exact = join_count(events, grid, correction="none").frame["p"]
    drawn = join_count(events, grid, null=one, permutations=9_999, correction="none", seed=1).frame["p"]
    assert (exact.isna() == drawn.isna()).all()
    assert np.abs(exact - drawn).max() < 5 * 2 * 0.5 / np.sqrt(9_999)


def test_truth_values_are_zeros_and_ones(grid, events):
    frame = pd.DataFrame({"a": events == 1, "b": events})
    many = join_count(frame, grid)
    pd.testing.assert_series_equal(many["a"].frame["p"], many["b"].frame["p"])
    assert many.family_size == 2 * events.sum()


def test_what_is_no_event_is_refused(grid, values, events):
    with pytest.raises(InputError, match=r"CM-JOIN-001.*42 of 42"):
        join_count(values, grid)
    with pytest.raises(StatisticsError, match="CM-MORAN-004"):
        join_count(events * 0, grid)
    with pytest.raises(OptionError, match=r"(?s)CM-MORAN-001.*hypergeometric"):
        join_count(events, grid, permutations=999)
    with pytest.raises(OptionError, match="CM-MORAN-001"):
        join_count(events, grid, null=nulls.free(), permutations=999)


def test_isolates_and_unknown_areas(with_isolate):
    y = pd.Series([1.0, 1, 0, 0, 1, 1, 1, 1], index=list("abcdefgz"))
    frame = join_count(y, with_isolate, correction="none").frame
    assert frame.loc["z", "label"] == "isolate"
    # it can be anybody's neighbour: five others have it, of seven
    assert frame.loc["a", "p"] == min(1, 2 * hypergeom(7, 5, 1).sf(0))


def test_members_of_a_quantile_are_counted_with_ties_to_the_lower_one(grid):
    y = pd.Series(np.arange(42.0) // 2, index=grid.unique_ids)
    top = quantile_lisa(y, grid, quantile=(3, 3)).frame["value"]
    assert (top == (y > np.quantile(y, 2 / 3))).all()
    parts = [quantile_lisa(y, grid, quantile=(k, 5)).frame["value"] for k in range(1, 6)]
    assert (sum(parts) == 1).all()  # every area belongs to one


def test_quantile_lisa_is_the_join_count_of_its_members(grid, values):
    inside = (values > values.quantile(0.75)).astype(float)
    found, expected = quantile_lisa(values, grid, quantile=(4, 4)), join_count(inside, grid)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    assert found.method == "quantile LISA (4 of 4)"
    outlier = values.copy()
    outlier.iloc[outlier.argmax()] = 1e9
    pd.testing.assert_frame_equal(found.frame, quantile_lisa(outlier, grid, quantile=(4, 4)).frame)


def test_two_variables_count_members_of_the_other_around(grid, values, exact_tails, nearby):
    frame = pd.DataFrame({"a": values, "b": values.sample(frac=1, random_state=1).to_numpy()})
    found = quantile_lisa(frame, grid, quantile=(2, 2), x="a", y="b", rates="none", correction="none").frame
    a, b = ((frame[c] > frame[c].median()).astype(float) for c in "ab")
    near = nearby(grid, values.index)
    assert found["statistic"].tolist() == [a.iloc[i] * b.iloc[mine].sum() for i, mine in enumerate(near)]
    i = int(np.flatnonzero(a)[0])
    law = hypergeom(41, int(b.sum() - b.iloc[i]), len(near[i]))
    count = b.iloc[near[i]].sum()
    assert found["p"].iloc[i] == pytest.approx(min(1, 2 * min(law.sf(count - 1), law.cdf(count))), abs=1e-12)


def test_all_sectors_of_a_table_at_once(grid, table):
    many = quantile_lisa(table, grid, quantile=(4, 4))
    assert many.sectors == tuple(table.sectors)
    for sector in table.sectors:
        alone = quantile_lisa(table, grid, sector=sector, quantile=(4, 4)).frame
        columns = ["statistic", "value", "lag", "p", "p_min", "status"]
        pd.testing.assert_frame_equal(many[sector].frame[columns], alone[columns])


@pytest.mark.parametrize("quantile", [(0, 5), (6, 5), (1, 1), 0.8, (1, 2, 3), (True, 2), (1.0, 2)])
def test_no_such_quantile_is_refused(grid, values, quantile):
    with pytest.raises(OptionError, match="CM-QUANTILE-002"):
        quantile_lisa(values, grid, quantile=quantile)


def test_ties_that_empty_a_quantile_are_told(grid, values):
    mostly = pd.Series(0.0, index=values.index)
    mostly.iloc[:3] = [1, 2, 3]
    with pytest.raises(StatisticsError, match=r"CM-QUANTILE-001.*0 of 42"):
        quantile_lisa(mostly, grid, quantile=(2, 4))


def test_one_variable_of_two_is_refused(grid, values):
    with pytest.raises(OptionError, match="CM-MORAN-001"):
        quantile_lisa(values.to_frame(), grid, x="rate")
    with pytest.raises(InputError, match="CM-PAIR-001"):
        quantile_lisa(values, grid, x="a", y="b")
