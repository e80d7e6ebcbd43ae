"""Kernel weights are those of the formula, and of libpysal where both mean the same."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph

from clustermap.errors import ClusterMapWarning, CrsError, OptionError, StatisticsError
from clustermap.weights import distance_band, k_nearest, kernel_weights, neighbours


def squares(points, *, codes=None):
    """Make squares of 2 m around points."""
    x, y = np.asarray(points, dtype=float).T
    codes = [f"c{i:03d}" for i in range(len(x))] if codes is None else codes
    return gpd.GeoDataFrame(
        {"name": codes, "code": codes}, geometry=shapely.box(x - 1, y - 1, x + 1, y + 1), crs="EPSG:27700"
    )


@pytest.mark.parametrize(
    ("kernel", "half"),
    [("uniform", 1.0), ("triangular", 0.5), ("epanechnikov", 0.75), ("bisquare", 0.5625)],
)
def test_at_half_the_bandwidth_the_weight_is_the_formulas(chessboard, kernel, half):
    weight = kernel_weights(chessboard, 200.0, kernel=kernel).adjacency
    assert weight[("b2", "a2")] == pytest.approx(half, abs=1e-12)
    assert (
        "a1",
        "c1",
    ) not in weight.index or kernel == "uniform"  # two squares away the kernel is at its end
    assert ("a1", "c3") not in weight.index


def test_the_gaussian_has_the_bandwidth_as_standard_deviation_and_ends_at_three(chessboard):
    weight = kernel_weights(chessboard, 100.0, kernel="gaussian").adjacency
    assert weight[("b2", "a2")] == pytest.approx(np.exp(-0.5), abs=1e-12)
    assert weight[("a1", "c3")] == pytest.approx(np.exp(-4.0), abs=1e-12)
    near = kernel_weights(chessboard, 66.0, kernel="gaussian").adjacency
    assert ("a1", "c1") not in near.index  # 200 m are more than three times 66 m
    assert ("a1", "b2") in near.index


@pytest.mark.parametrize(
    ("kernel", "theirs", "at_nought"),
    [
        ("triangular", "triangular", 1.0),
        ("epanechnikov", "parabolic", 0.75),
        ("bisquare", "bisquare", 15 / 16),
    ],
)
def test_kernels_are_libpysals_but_for_the_constant(kernel, theirs, at_nought):
    points = np.random.default_rng(5).uniform(3e5, 3.1e5, (60, 2)).round(2)
    frame = squares(points)
    ours = kernel_weights(frame, 2_500.0, kernel=kernel).adjacency
    centres = frame.set_index("code").centroid
    peer = Graph.build_kernel(centres, kernel=theirs, bandwidth=2_500.0).adjacency
    peer = peer[(peer > 0) & (peer.index.get_level_values(0) != peer.index.get_level_values(1))]
    ours = ours[ours > 0]
    assert set(ours.index) == set(peer.index)
    np.testing.assert_allclose(ours.to_numpy() * at_nought, peer.reindex(ours.index).to_numpy(), rtol=1e-9)


def test_a_uniform_kernel_is_a_distance_band():
    frame = squares(np.random.default_rng(2).uniform(3e5, 3.1e5, (50, 2)).round(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        band, kernel = distance_band(frame, 1_800.0), kernel_weights(frame, 1_800.0, kernel="uniform")
    assert kernel.adjacency.to_dict() == band.adjacency.to_dict()


def test_a_bandwidth_from_neighbours_reaches_the_k_nearest_and_those_equally_far(chessboard):
    counts = kernel_weights(chessboard, k=3).cardinalities
    assert counts.to_dict() == {c: {"a1": 3, "b2": 4}.get(c, 3) for c in counts.index}
    assert counts["a2"] == 3  # three sides; the bandwidth is the diagonal
    weight = kernel_weights(chessboard, k=3, kernel="triangular").adjacency
    assert weight[("b2", "a2")] == pytest.approx(1 - np.sqrt(0.5))
    assert weight[("a1", "b2")] == pytest.approx(
        1 - np.sqrt(2) / 2
    )  # a corner's third is across; its end 2 away


def test_where_no_two_are_equally_far_the_k_nearest_are_the_neighbours():
    frame = squares(np.random.default_rng(3).uniform(3e5, 3.1e5, (80, 2)))
    weighted, plain = kernel_weights(frame, k=6), k_nearest(frame, 6)
    assert set(weighted.adjacency.index) == set(plain.adjacency.index)
    assert kernel_weights(frame, k=6, kernel="uniform").adjacency.to_dict() == plain.adjacency.to_dict()
    assert (weighted.adjacency > 0).all()
    assert (weighted.adjacency < 1).all()


def test_areas_all_equally_far_have_no_bandwidth_and_weigh_alike():
    frame = squares([(3e5, 3e5), (3e5 + 100, 3e5), (3e5, 3e5 + 100), (3e5 + 100, 3e5 + 100)])
    frame.geometry = [shapely.box(3e5, 3e5, 3e5 + 10, 3e5 + 10)] * 4  # one upon another
    weight = kernel_weights(frame, k=2).adjacency
    assert len(weight) == 12
    assert (weight == 1).all()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.5, 2.0, 8.0]), k=st.integers(1, 8))
def test_neither_the_order_of_rows_nor_the_unit_of_length_matters(seed, scale, k):
    rng = np.random.default_rng(seed)
    frame = squares(rng.integers(0, 12, (20, 2)) * 64.0 + 3e5)
    mixed = frame.sample(frac=1, random_state=int(seed % 1_000)).reset_index(drop=True)
    one, other = kernel_weights(frame, k=k), kernel_weights(mixed, k=k)
    assert one.adjacency.equals(other.adjacency)
    wide = frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), lambda c: 3e5 + (c - 3e5) * scale))
    np.testing.assert_allclose(kernel_weights(wide, k=k).adjacency, one.adjacency, rtol=1e-7, atol=1e-9)


def test_isolates_stay_and_are_told_of():
    frame = squares([(0, 0), (10, 0), (20, 0), (500, 0)], codes=list("abcd"))
    frame.geometry = frame.translate(3e5, 3e5)
    with pytest.warns(ClusterMapWarning, match=r"CM-GRAPH-002\] 1 of 4 areas has no neighbour: d"):
        graph = kernel_weights(frame, 15.0)
    assert list(graph.isolates) == ["d"]
    assert neighbours(graph).cardinalities.tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "neither bandwidth_m= nor k="),
        ({"bandwidth_m": 100, "k": 2}, "both bandwidth_m= and k="),
        ({"bandwidth_m": 0}, "bandwidth_m=0 is no distance"),
        ({"bandwidth_m": np.nan}, "no distance"),
        ({"bandwidth_m": "far"}, "no distance"),
        ({"bandwidth_m": True}, "no distance"),
        ({"k": 0}, "k=0 neighbours among 9"),
        ({"k": 8}, r"k=8 neighbours among 9 areas[\s\S]*k from 1 to 7"),
        ({"k": True}, "k=True"),
        ({"k": 2.5}, "k=2.5"),
        ({"k": 2, "kernel": "cosine"}, "unknown kernel 'cosine'"),
    ],
)
def test_options_without_sense_are_refused(chessboard, wrong, said):
    with pytest.raises(OptionError, match=r"CM-GRAPH-004\][\s\S]*" + said):
        kernel_weights(chessboard, **wrong)


def test_degrees_and_two_areas_are_refused(make_areas):
    degrees = make_areas({k: shapely.box(i, 50, i + 1, 51) for i, k in enumerate("abc")}, crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-004"):
        kernel_weights(degrees, 100.0)
    with pytest.raises(StatisticsError, match="CM-GRAPH-001"):
        kernel_weights(make_areas({k: shapely.box(i, 0, i + 1, 1) for i, k in enumerate("ab")}), 100.0)


def test_weights_of_links_reach_the_statistics(chessboard):
    """Moran's I under unequal weights is that of the definition, of the map and of each area."""
    from clustermap.autocorrelation import global_moran, local_moran

    graph = kernel_weights(chessboard, 250.0)
    values = pd.Series(np.arange(9.0) ** 2, index=chessboard.frame.index)
    z = values - values.mean()
    matrix = graph.transform("r").sparse.toarray()
    wanted = z @ matrix @ z / matrix.sum() * len(z) / (z @ z)
    assert global_moran(values, graph, permutations=0).statistic == pytest.approx(wanted, abs=1e-12)
    local = local_moran(values, graph, permutations=999, correction="none", seed=1).frame["statistic"]
    np.testing.assert_allclose(local, z * (matrix @ z) / z.pow(2).mean(), rtol=1e-12)
    binary = global_moran(values, graph, permutations=0, transformation="binary").statistic
    plain = (matrix > 0).astype(float)
    assert binary == pytest.approx(z @ plain @ z / plain.sum() * len(z) / (z @ z), abs=1e-12)
