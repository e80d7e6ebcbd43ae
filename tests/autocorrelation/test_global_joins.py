"""Join counts against esda, all arrangements, and what is no kind."""

from __future__ import annotations

import itertools
from collections import Counter

import esda
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import global_join_count
from clustermap.errors import ClusterMapError

PAIRS = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 2)]
SMALL = Graph.from_arrays(
    [a for a, _ in PAIRS] + [b for _, b in PAIRS], [b for _, b in PAIRS] + [a for a, _ in PAIRS], [1] * 12
)


@pytest.fixture
def marks(grid, values):
    return (values > values.median()).astype(int).rename(None)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # in esda
def test_joins_are_those_of_esda(grid, marks):
    peer = esda.Join_Counts(marks[list(grid.unique_ids)].to_numpy(), grid.to_W(), permutations=0)
    found = global_join_count(marks, grid, seed=1).frame.set_index("joins")["statistic"]
    assert found.to_dict() == {"BB": peer.bb, "WW": peer.ww, "BW": peer.bw}
    assert found.sum() == peer.J


@pytest.mark.parametrize("kinds", ["aabbcc", "aaabbb", "abcabc", "aaaaab"])
def test_moments_and_p_are_those_of_all_arrangements(kinds):
    joins = {
        name: []
        for name in ("–".join(p) for p in itertools.combinations_with_replacement(sorted(set(kinds)), 2))
    }
    for order in itertools.permutations(kinds):
        seen = Counter("–".join(sorted((order[i], order[j]))) for i, j in PAIRS)
        for name, counts in joins.items():
            counts.append(seen[name])
    frame = global_join_count(pd.Series(list(kinds)), SMALL, permutations=9_999, seed=1).frame.set_index(
        "joins"
    )
    assert list(frame.index) == list(joins)
    for name, counts in joins.items():
        row, counts = frame.loc[name], np.array(counts)  # noqa: PLW2901 - the same counts, as numbers
        assert row["statistic"] == counts[0]
        assert row["expected"] == pytest.approx(counts.mean(), abs=1e-12)
        assert np.nan_to_num(row["variance"]) == pytest.approx(counts.var(), abs=1e-12)
        exact = min(1, 2 * min((counts >= counts[0]).mean(), (counts <= counts[0]).mean()))
        assert row["p"] == pytest.approx(exact, abs=0.04)


def test_moments_of_independent_kinds_by_hand():
    """Two areas and a third apart: one join, p = 2/3: E(BB) = 4/9, and BB is 0 or 1."""
    graph = Graph.from_arrays(["a", "b", "c"], ["b", "a", "c"], [1, 1, 0])
    frame = global_join_count(pd.Series({"a": 1, "b": 1, "c": 0}), graph, permutations=0).frame
    frame = frame.set_index("joins")
    for joins, mean in {"BB": 4 / 9, "BW": 4 / 9, "WW": 1 / 9}.items():
        assert frame.loc[joins, "expected_independent"] == pytest.approx(mean)
        assert frame.loc[joins, "variance_independent"] == pytest.approx(mean * (1 - mean))


def test_marks_may_be_numbers_truths_or_words(grid, marks):
    by_number = global_join_count(marks, grid, seed=1).frame
    by_truth = global_join_count(marks == 1, grid, seed=1).frame
    pd.testing.assert_frame_equal(by_number, by_truth)
    words = global_join_count(marks.map({1: "high", 0: "low"}), grid, seed=1).frame
    assert list(words["joins"]) == ["high–high", "high–low", "low–low"]
    assert words.drop(columns="joins").equals(by_number.drop(columns="joins"))


def test_many_variables_are_each_what_they_are_alone(grid, marks):
    frame = pd.DataFrame({f"m{k:02d}": np.roll(marks, k) for k in range(9)}, index=marks.index)
    many = global_join_count(frame, grid, seed=3)
    assert many.family_size == 27
    for sector in ("m00", "m05", "m08"):
        alone = global_join_count(frame, grid, sector=sector, seed=3)
        pd.testing.assert_frame_equal(many[sector].frame, alone.frame, check_exact=True)
        assert many[sector].of("BW").p == alone.of("BW").p
    assert many["m03"].of("BB").title == "BB of m03"


def test_counts_say_themselves(grid, marks):
    found = global_join_count(marks, grid, seed=1)
    assert "BB" in found.summary()
    assert "3 kinds of joins" in found.summary()
    assert "\n" not in repr(found)
    assert "<table" in found._repr_html_()
    one = found.of("BB")
    assert one.title == "BB"
    assert one.variance_normality == found.frame["variance_independent"].iloc[0]
    assert "Number of joins of BB is" in one.summary()
    many = pd.concat([marks.rename(f"m{k}") for k in range(8)], axis=1)
    assert "4 more kinds stand in the frame" in global_join_count(many, grid, seed=1).summary()


def test_a_chequered_map_has_no_joins_of_a_kind(lattice):
    graph = lattice(6, 6)
    place = np.arange(36)
    marks = pd.Series((place // 6 + place % 6) % 2, index=graph.unique_ids)
    found = global_join_count(marks, graph, seed=1)
    assert found.of("BB").statistic == found.of("WW").statistic == 0
    assert found.of("BW").statistic == 60
    assert found.of("BW").p == 0.002
    assert "more such joins" in found.of("BW").summary()


def many_kinds(n):
    return pd.Series([f"k{i:02d}" for i in range(n)])


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (SMALL, {}, "CM-JOIN-001"),
        (pd.Series([0.0, 1, 2, 1, 0, 1]), {}, "CM-JOIN-001"),
        (pd.Series([1, 1, 1, 1, 1, 1]), {}, "CM-JOIN-002"),
        (pd.Series(list("aaaaaa")), {}, "CM-JOIN-002"),
        (pd.Series([1, 0, np.nan, 1, 0, 1]), {}, "CM-ALIGN-003"),
        (pd.Series(["a", "b", None, "a", "b", "a"]), {}, "CM-ALIGN-003"),
        (pd.Series([1, 0, 1, 0, 1]), {}, "CM-ALIGN-002"),
        (pd.DataFrame(index=range(6)), {}, "CM-JOIN-001"),
        (pd.Series([1, 0, 1, 0, 1, 0]), {"sector": "x"}, "CM-SECTOR-001"),
        (pd.DataFrame({"a": [1, 0, 1, 0, 1, 0]}), {"sector": "x"}, "CM-SECTOR-001"),
        (pd.Series([1, 0, 1, 0, 1, 0]), {"alternative": "more"}, "CM-MORAN-001"),
        (pd.Series([1, 0, 1, 0, 1, 0]), {"null": "random"}, "CM-NULL-001"),
    ],
)
def test_what_are_no_kinds_is_refused(data, options, code):
    with pytest.raises(ClusterMapError, match=code):
        global_join_count(data, SMALL, **options)


def test_graphs_without_an_answer_are_refused():
    lonely = Graph.from_arrays([0, 1, 2], [0, 1, 2], [0, 0, 0])
    with pytest.raises(ClusterMapError, match="CM-MORAN-003"):
        global_join_count(pd.Series([1, 0, 1]), lonely)
    pair = Graph.from_arrays([0, 1], [1, 0], [1, 1])
    with pytest.raises(ClusterMapError, match="CM-MORAN-002"):
        global_join_count(pd.Series([1, 0]), pair)
    n = 40
    ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    with pytest.raises(ClusterMapError, match="CM-JOIN-001"):
        global_join_count(many_kinds(n), ring)


def test_a_join_that_is_not_there_is_named(grid, marks):
    frame = pd.DataFrame({"a": marks, "b": 1 - marks})
    with pytest.raises(ClusterMapError, match="CM-JOIN-003"):
        global_join_count(frame, grid, seed=1).of("BB")
    with pytest.raises(ClusterMapError, match="CM-JOIN-003"):
        global_join_count(marks, grid, seed=1).of("XY")
