"""Neighbours in the order of the table."""

from __future__ import annotations

import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.detection.adjacency import links_of
from clustermap.errors import AlignmentError

# b names a, nobody names b; c is alone
ONE_WAY = Graph.from_arrays(["b", "a", "c"], ["a", "a", "c"], [1, 0, 0])


def test_a_link_counts_in_both_directions():
    indptr, indices = links_of(ONE_WAY, pd.Index(["a", "b", "c"]))
    assert indptr.tolist() == [0, 1, 2, 2]
    assert indices.tolist() == [1, 0]


def test_wrong_labels_are_an_error_and_not_a_guess():
    with pytest.raises(AlignmentError, match="CM-ALIGN-002"):
        links_of(ONE_WAY, pd.Index(["a", "b", "x"]))
