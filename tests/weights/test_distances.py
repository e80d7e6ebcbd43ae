"""Neighbours by distance: counted by hand, ties by code, equal to asking every pair."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from clustermap.errors import ClusterMapWarning, CrsError, OptionError, StatisticsError
from clustermap.weights import distance_band, k_nearest


def squares(points):
    return {f"s{i:03d}": shapely.box(x - 1, y - 1, x + 1, y + 1) for i, (x, y) in enumerate(points)}


def test_nearest_of_a_row_and_ties_take_the_lowest_code(make_areas):
    areas = make_areas(squares([(0, 0), (10, 0), (20, 0), (31, 0)]))
    graph = k_nearest(areas, 1)
    assert dict(graph.adjacency.index.to_list()) == {
        "s000": "s001",
        "s001": "s000",  # s002 is as far
        "s002": "s001",
        "s003": "s002",
    }
    assert graph.adjacency.eq(1).all()
    assert k_nearest(areas, 3).n_edges == 12


def test_every_area_has_k_neighbours_and_they_are_the_nearest(make_areas):
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 1e5, (80, 2))
    graph = k_nearest(make_areas(squares(points)), 5)
    assert set(graph.cardinalities) == {5}
    far = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    np.fill_diagonal(far, np.inf)
    for i in range(80):
        assert sorted(graph[f"s{i:03d}"].index) == sorted(f"s{j:03d}" for j in np.argsort(far[i])[:5])


def test_many_equal_centroids_are_no_trouble(make_areas):
    areas = make_areas(
        {f"s{i:03d}": shapely.box(-1, -1, 1, 1) for i in range(30)} | {"t": shapely.box(50, 0, 51, 1)}
    )
    graph = k_nearest(areas, 2)
    assert sorted(graph["s000"].index) == ["s001", "s002"]
    assert sorted(graph["s029"].index) == ["s000", "s001"]
    assert sorted(graph["t"].index) == ["s000", "s001"]


@pytest.mark.parametrize("k", [0, 4, 1.5, True])
def test_an_impossible_k_is_refused(make_areas, k):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        k_nearest(make_areas(squares([(0, 0), (10, 0), (20, 0), (30, 0)])), k)


def test_a_band_includes_its_radius_and_keeps_isolates(make_areas):
    areas = make_areas(squares([(0, 0), (3, 4), (100, 0), (6, 8)]))
    with pytest.warns(ClusterMapWarning, match=r"CM-GRAPH-002.* 1 of 4 .*s002"):
        graph = distance_band(areas, 5.0)
    assert graph["s000"].index.tolist() == ["s001"]
    assert sorted(graph["s001"].index) == ["s000", "s003"]
    assert list(graph.isolates) == ["s002"]
    with pytest.warns(ClusterMapWarning, match=r"4 of 4"):
        assert distance_band(areas, 4.999).n_edges == 0


def test_a_band_equals_asking_every_pair(make_areas):
    points = np.random.default_rng(2).integers(0, 30, (60, 2)).astype(float)
    graph = distance_band(make_areas(squares(points)), 13.0)
    far = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    wanted = (far <= 13.0) & ~np.eye(60, dtype=bool)
    assert (graph.sparse.toarray() == wanted).all()


@pytest.mark.parametrize("radius", [0.0, -1.0, np.inf, np.nan])
def test_an_impossible_radius_is_refused(make_areas, radius):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        distance_band(make_areas(squares([(0, 0), (10, 0), (20, 0)])), radius)


def test_degrees_and_too_few_areas_are_refused(make_areas):
    degrees = make_areas(squares([(0, 50), (3, 50), (6, 50)]), crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-004"):
        k_nearest(degrees, 1)
    with pytest.raises(CrsError, match="CM-CRS-004"):
        distance_band(degrees, 1.0)
    with pytest.raises(StatisticsError, match="CM-GRAPH-001"):
        k_nearest(make_areas(squares([(0, 0), (1, 1)])), 1)
