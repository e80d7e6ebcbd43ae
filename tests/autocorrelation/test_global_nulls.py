"""Global statistics under other nulls than the free one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap import nulls
from clustermap.autocorrelation import (
    global_bivariate_moran,
    global_geary,
    global_getis_ord,
    global_join_count,
    global_moran,
)
from clustermap.testing import make_region

ROW = Graph.from_arrays([0, 1, 1, 2, 2, 3, 3, 4, 4, 5], [1, 0, 2, 1, 3, 2, 4, 3, 5, 4], [1] * 10)
SIX = pd.Series([1.0, 1.0, 2.0, 2.0, 3.0, 7.0])
HALVES = pd.Series(list("UUUVVV"))
WITHIN = [
    list(a) + list(b) for a in itertools.permutations(range(3)) for b in itertools.permutations(range(3, 6))
]


@pytest.mark.parametrize("verb", [global_moran, global_geary, global_getis_ord])
def test_within_authorities_p_and_mean_are_those_of_all_such_arrangements(verb):
    found = verb(SIX, ROW, permutations=19_999, null=nulls.within(HALVES), seed=2)
    sums = np.array([verb(pd.Series(SIX.to_numpy()[p]), ROW, permutations=0).statistic for p in WITHIN])
    up, low = (sums >= found.statistic - 1e-9).mean(), (sums <= found.statistic + 1e-9).mean()
    assert found.expected == pytest.approx(sums.mean(), abs=1e-12)
    assert found.variance == pytest.approx(sums.var(), rel=0.05)
    assert found.p == pytest.approx(min(1, 2 * min(up, low)), abs=0.02)
    assert found.null == "within-authority"
    assert "the mean is exact, the variance that of the draws" in found.summary()


def test_given_arrangements_are_taken_as_they_are():
    table = np.array(WITHIN)
    found = global_moran(SIX, ROW, null=nulls.arrangements(table), permutations=999)
    sums = np.array(
        [global_moran(pd.Series(SIX.to_numpy()[p]), ROW, permutations=0).statistic for p in WITHIN]
    )
    up = (sums >= found.statistic - 1e-9).sum()
    low = (sums <= found.statistic + 1e-9).sum()
    assert found.permutations == found.frame["permutations"].item() == 36
    assert found.p == min(1, 2 * (1 + min(up, low)) / 37)
    assert found.expected == pytest.approx(sums.mean(), abs=1e-12)
    assert found.variance == pytest.approx(sums.var(ddof=1), rel=1e-9)
    assert "mean and variance are those of the draws" in found.summary()


def test_a_gradient_between_authorities_is_no_evidence_within_them():
    """Two levels, noise within: free says pattern, within authorities says none."""
    region = make_region(seed=5, planted="none")
    rng = np.random.default_rng(1)
    places = region.lookup.frame.set_index("area")["authority"]
    level = places.map({a: 5.0 * k for k, a in enumerate(sorted(places.unique()))})
    y = level + pd.Series(rng.normal(size=len(places)), index=places.index)
    assert global_moran(y, region.graph, seed=1).p <= 0.01
    assert global_moran(y, region.graph, null=nulls.within(region.lookup), seed=1).p > 0.05


def test_polygons_of_a_table_are_laid_over_those_of_authorities():
    region = make_region(seed=5)
    options = {"sector": "planted", "seed": 1, "permutations": 99}
    by_polygons = global_moran(region.table, region.graph, null=nulls.within(region.authorities), **options)
    by_lookup = global_moran(region.table, region.graph, null=nulls.within(region.lookup), **options)
    pd.testing.assert_frame_equal(by_polygons.frame, by_lookup.frame)


def test_shifts_keep_the_pattern_of_each_variable(lattice):
    """Two unrelated waves: moving single values finds a relation that shifting whole maps does not."""
    graph = lattice(12, 12)
    place = np.arange(144)
    x = np.sin(2 * np.pi * (place // 12) / 12)
    y = np.sin(2 * np.pi * (place // 12) / 12 + 0.4)
    frame = pd.DataFrame({"x": x, "y": y}, index=graph.unique_ids)
    free = global_bivariate_moran(frame, graph, x="x", y="y", rates="none", seed=1)
    shifted = global_bivariate_moran(
        frame, graph, x="x", y="y", rates="none", null=nulls.toroidal(12, 12), seed=1
    )
    assert free.p <= 0.002
    assert shifted.p > 0.05
    assert shifted.statistic == free.statistic


def test_joins_within_authorities():
    marks = pd.Series([1, 1, 0, 0, 1, 0])
    found = global_join_count(marks, ROW, null=nulls.within(HALVES), permutations=9_999, seed=1).of("BB")
    counts = np.array([sum(marks[p[i]] * marks[p[i + 1]] for i in range(5)) for p in WITHIN])
    assert found.expected == pytest.approx(counts.mean(), abs=1e-12)
    up, low = (counts >= found.statistic).mean(), (counts <= found.statistic).mean()
    assert found.p == pytest.approx(min(1, 2 * min(up, low)), abs=0.03)
    given = global_join_count(marks, ROW, null=nulls.arrangements(WITHIN), seed=1)
    assert given.of("BB").expected == pytest.approx(counts.mean(), abs=1e-12)
    assert "Null:" in given.summary()
