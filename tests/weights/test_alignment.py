"""The one door from values to a graph."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.errors import AlignmentError, OptionError
from clustermap.weights import align, contiguity, neighbours


@pytest.fixture
def path():
    """A graph c – a – b and the isolate d, in an order that is not the codes'."""
    focal = ["c", "a", "a", "b", "d"]
    return Graph.from_arrays(focal, ["a", "c", "b", "a", "d"], [1, 1, 1, 1, 0])


def test_values_come_in_the_order_of_the_graph_and_the_lag_is_right(path):
    values = pd.Series({"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0})
    aligned = align(values, path)
    assert aligned.index.tolist() == ["c", "a", "b", "d"]
    assert path.lag(aligned).tolist() == [1.0, 6.0, 1.0, 0.0]
    frame = align(values.to_frame("x"), path)
    assert frame["x"].tolist() == [4.0, 1.0, 2.0, 8.0]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a", "b", "c"], r"1 missing \['d'\]"),
        (["a", "b", "c", "d", "e"], r"1 extra \['e'\]"),
        (["a", "b", "c", "c", "d"], r"1 duplicated \['c'\][\s\S]*groupby"),
        ([0, 1, 2, 3], r"4 missing[\s\S]*set_index"),
    ],
)
def test_wrong_labels_are_an_error_with_its_mending(path, labels, said):
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-002[\s\S]*" + said):
        align(pd.Series(1.0, index=labels), path)


def test_values_without_labels_are_refused(path):
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-002[\s\S]*pd\.Series\(values, index=codes\)"):
        align(np.ones(4), path)


def test_nan_is_listed_or_kept_and_infinity_never_kept(path):
    values = pd.Series({"a": 1.0, "b": np.nan, "c": 4.0, "d": 8.0})
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-003\] 1 of 4 .*\['b'\]"):
        align(values, path)
    assert np.isnan(align(values, path, missing="keep")["b"])
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-003\] 1 of 4 .*\['b'\]"):
        align(values.fillna(np.inf), path, missing="keep")


def test_text_is_no_value(path):
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-003[\s\S]*to_numeric"):
        align(pd.Series({"a": "x", "b": "1", "c": "2", "d": "3"}), path)


def test_the_older_weights_class_and_loops_are_refused(path):
    with pytest.raises(OptionError, match=r"CM-GRAPH-005[\s\S]*from_W"):
        neighbours(path.to_W())
    with pytest.raises(OptionError, match="CM-GRAPH-005"):
        align(pd.Series({"a": 1.0}), {"a": []})
    with pytest.raises(OptionError, match=r"CM-GRAPH-005\] 4 of 4 areas are their own neighbours"):
        neighbours(path.assign_self_weight(1))


def test_compressed_rows_stand_in_code_order(path):
    rows = neighbours(path)
    assert rows.labels.tolist() == ["a", "b", "c", "d"]
    assert rows.indptr.tolist() == [0, 2, 3, 4, 4]
    assert rows.indices.tolist() == [1, 2, 0, 0]
    assert rows.cardinalities.tolist() == [2, 1, 1, 0]
    assert rows.components.tolist() == [0, 0, 0, 1]
    assert len(rows) == 4
    assert repr(rows) == "<Neighbours: 4 areas, 4 links>"
    values = pd.Series({"c": 4.0, "a": 1.0, "d": 8.0, "b": 2.0})
    assert rows.take(align(values, path)).tolist() == [1.0, 2.0, 4.0, 8.0]


def test_equal_weights_within_rows_are_recognised(path):
    assert neighbours(path).equal_within_rows
    assert neighbours(path.transform("r")).equal_within_rows
    uneven = Graph.from_arrays(["a", "a", "b", "c"], ["b", "c", "a", "a"], [1.0, 2.0, 1.0, 1.0])
    assert not neighbours(uneven).equal_within_rows
    alone = Graph.from_arrays(["a", "b"], ["a", "b"], [0, 0])
    assert neighbours(alone).equal_within_rows


def test_labels_of_several_types_have_one_order():
    mixed = Graph.from_arrays(["b", 1, "a"], [1, "b", "a"], [1, 1, 0])
    assert neighbours(mixed).labels.tolist() == [1, "a", "b"]


def test_rows_equal_the_sparse_matrix_of_the_graph(chessboard):
    from scipy.sparse import csr_array

    graph = contiguity(chessboard)
    rows = neighbours(graph)
    matrix = csr_array((rows.weights, rows.indices, rows.indptr), shape=(9, 9))
    assert (matrix.toarray() == graph.sparse.toarray()).all()


def test_values_numbered_by_row_are_told_which_call_puts_the_codes_first(chessboard):
    frame = chessboard.frame.reset_index()
    with pytest.raises(AlignmentError, match="CM-ALIGN-002") as error:
        align(pd.Series(1.0, index=frame.index), contiguity(frame))
    assert 'gdf.set_index("code")' in error.value.fix
    coded = frame.set_index("code")
    assert len(align(pd.Series(1.0, index=coded.index), contiguity(coded))) == 9


@pytest.mark.parametrize("kind", ["complex128", "datetime64[ns]"])
def test_dates_and_complex_numbers_are_no_values(path, kind):
    values = pd.Series({"a": 1, "b": 2, "c": 4, "d": 8}).astype(kind)
    with pytest.raises(AlignmentError, match="1 of 1 column is") as error:
        align(values, path)
    assert error.value.code == "CM-ALIGN-003"


@pytest.mark.parametrize("weight", [np.inf, 1e200, 1e-200])
def test_weights_whose_squares_are_no_numbers_are_refused(chessboard, weight):
    graph = contiguity(chessboard)
    graph = Graph(graph.adjacency * weight)
    with pytest.raises(OptionError, match="weights are infinite") as error:
        neighbours(graph)
    assert error.value.code == "CM-GRAPH-009"
    assert set(neighbours(graph.transform("b")).weights) == {1.0}
