"""Travel times become links whichever form they come in, and what is wrong with them is said."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array

from clustermap.errors import AlignmentError, ClusterMapWarning, InputError, OptionError, StatisticsError
from clustermap.weights import travel_time_weights


@pytest.fixture
def times():
    """Four places on a road; back from b takes longer, d is reached by no one, and leaves for c alone."""
    return pd.DataFrame(
        {
            "origin": ["a", "b", "b", "c", "d", "a"],
            "destination": ["b", "a", "c", "b", "c", "a"],
            "minutes": [20, 40, 30, 30, 55, 0],
        }
    )


def linked(graph):
    return {k: v for k, v in graph.adjacency.items() if v > 0}


def test_ways_up_to_the_maximum_are_links_and_their_direction_is_kept(times):
    with pytest.warns(
        ClusterMapWarning, match=r"CM-GRAPH-002\] 1 of 4 areas reaches no other within 40 minutes: d;"
    ):
        graph = travel_time_weights(times, maximum_minutes=40)
    assert linked(graph) == {("a", "b"): 1, ("b", "a"): 1, ("b", "c"): 1, ("c", "b"): 1}
    assert list(graph.isolates) == ["d"]
    assert linked(travel_time_weights(times, maximum_minutes=55))[("d", "c")] == 1


@pytest.mark.parametrize(
    ("kernel", "weight"),
    [
        ("uniform", 1.0),
        ("triangular", 2 / 3),
        ("epanechnikov", 8 / 9),
        ("bisquare", (8 / 9) ** 2),
        ("gaussian", np.exp(-0.5)),
    ],
)
def test_the_weight_falls_by_the_kernel(times, kernel, weight):
    found = linked(travel_time_weights(times, maximum_minutes=60, kernel=kernel))
    assert found[("a", "b")] == pytest.approx(weight)


@pytest.mark.parametrize(
    ("both_ways", "wanted"),
    [
        ("mean", {("a", "b"): 0.5, ("b", "c"): 0.5}),
        ("shorter", {("a", "b"): 2 / 3, ("b", "c"): 0.5, ("c", "d"): 1 / 12}),
        ("longer", {("a", "b"): 1 / 3, ("b", "c"): 0.5}),
    ],
)
def test_both_ways_may_be_given_one_time(times, both_ways, wanted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        graph = travel_time_weights(times, maximum_minutes=60, kernel="triangular", both_ways=both_ways)
    assert {k: v for k, v in linked(graph).items() if k[0] < k[1]} == pytest.approx(wanted)
    assert graph.asymmetry().empty


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), both_ways=st.sampled_from(["as given", "mean", "shorter", "longer"]))
def test_a_long_frame_a_square_one_and_a_sparse_matrix_give_one_graph(seed, both_ways):
    rng = np.random.default_rng(seed)
    codes = [f"p{k}" for k in rng.permutation(9)]
    square = rng.integers(1, 120, (9, 9)).astype(float)
    square[rng.random((9, 9)) < 0.4] = np.nan
    row, column = np.nonzero(np.isfinite(square))
    long = pd.DataFrame(
        {"origin": np.take(codes, row), "destination": np.take(codes, column), "minutes": square[row, column]}
    ).sample(frac=1, random_state=int(seed % 1_000))
    frame = pd.DataFrame(square, index=codes, columns=codes)
    matrix = coo_array((square[row, column], (row, column)), shape=(9, 9))
    options = {"maximum_minutes": 60, "kernel": "triangular", "both_ways": both_ways}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        one = travel_time_weights(long, codes, **options)
        for other in (
            travel_time_weights(frame, **options),
            travel_time_weights(frame[frame.columns[::-1]], **options),
            travel_time_weights(matrix, codes, **options),
            travel_time_weights(matrix.tocsr(), codes, **options),
        ):
            assert one.adjacency.equals(other.adjacency)
    assert list(one.unique_ids) == sorted(codes)


def test_no_time_at_all_is_a_way(times):
    matrix = coo_array(([0.0, 10.0], ([0, 1], [1, 2])), shape=(3, 3))
    with pytest.warns(ClusterMapWarning, match="reach no other"):
        graph = travel_time_weights(matrix, ["x", "y", "z"], maximum_minutes=5)
    assert linked(graph) == {("x", "y"): 1.0}


def test_areas_in_no_pair_are_kept_where_their_codes_are_given(times, chessboard):
    with pytest.warns(ClusterMapWarning, match="1 of 5 areas reaches no other within 60 minutes: e"):
        graph = travel_time_weights(times, ["e", "d", "c", "b", "a"], maximum_minutes=60)
    assert list(graph.unique_ids) == ["a", "b", "c", "d", "e"]
    roads = pd.DataFrame({"origin": ["a1"], "destination": ["c3"], "minutes": [9]})
    with pytest.warns(ClusterMapWarning, match="8 of 9 areas"):
        assert len(travel_time_weights(roads, chessboard, maximum_minutes=60).unique_ids) == 9


def test_codes_that_are_not_known_or_stand_twice_are_refused(times):
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-002\] 1 of 6 travel times names areas .* 3 codes: d"):
        travel_time_weights(times, ["a", "b", "c"], maximum_minutes=60)
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-002\] 1 code stands twice: a"):
        travel_time_weights(times, ["a", "a", "b", "c", "d"], maximum_minutes=60)


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "soon"])
def test_times_that_are_none_are_refused(times, bad):
    wrong = times.astype({"minutes": object})
    wrong.loc[1, "minutes"] = bad
    with pytest.raises(InputError, match=r"CM-GRAPH-008\] 1 of 6 travel times is missing, infinite"):
        travel_time_weights(wrong, maximum_minutes=60)


def test_a_pair_that_stands_twice_is_refused(times):
    with pytest.raises(InputError, match=r"CM-GRAPH-008\] 1 of 7 .* stands twice[\s\S]*groupby"):
        travel_time_weights(pd.concat([times, times.iloc[:1]]), maximum_minutes=60)


@pytest.mark.parametrize(
    "given", [{"columns": ["from", "to", "minutes"]}, {"columns": ["a", "b", "c"], "index": [0, 1, 2]}]
)
def test_a_frame_without_its_columns_is_refused(given):
    with pytest.raises(InputError, match=r"CM-GRAPH-007\] travel times need the columns origin, destination"):
        travel_time_weights(pd.DataFrame(**given), maximum_minutes=60)


def test_a_matrix_needs_its_codes_and_an_array_says_too_little(times):
    matrix = coo_array(([5.0], ([0], [1])), shape=(3, 3))
    with pytest.raises(
        InputError, match=r"CM-GRAPH-007\] a matrix of 3 × 3 travel times comes without codes"
    ):
        travel_time_weights(matrix, maximum_minutes=60)
    with pytest.raises(InputError, match=r"CM-GRAPH-007\] a matrix of 3 × 3 .* comes with 2 codes"):
        travel_time_weights(matrix, ["a", "b"], maximum_minutes=60)
    with pytest.raises(InputError, match=r"CM-GRAPH-007\] expected travel times .* got ndarray"):
        travel_time_weights(np.ones((3, 3)), ["a", "b", "c"], maximum_minutes=60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"maximum_minutes": 0},
        {"maximum_minutes": "hour"},
        {"maximum_minutes": np.inf},
        {"maximum_minutes": 60, "kernel": "cosine"},
        {"maximum_minutes": 60, "both_ways": "either"},
    ],
)
def test_options_without_sense_are_refused(times, wrong):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        travel_time_weights(times, **wrong)


def test_two_places_are_too_few(times):
    with pytest.raises(StatisticsError, match="CM-GRAPH-001"):
        travel_time_weights(times.iloc[:2], maximum_minutes=60)
