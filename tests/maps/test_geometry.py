"""Packed shapes come back where they were, and borders stay shared."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from clustermap.maps import geometry


@given(st.lists(st.integers(-(2**40), 2**40)))
def test_whole_numbers_come_back(values):
    assert geometry.decode(geometry.encode(values)).tolist() == values


def _rings(packed):
    steps = geometry.decode(packed["data"]).reshape(-1, 2).cumsum(axis=0) / geometry.DEGREES
    out, start = [], 0
    for sizes in packed["sizes"]:
        out.append([steps[start + sum(sizes[:k]) : start + sum(sizes[: k + 1])] for k in range(len(sizes))])
        start += sum(sizes)
    return out


def test_a_shape_with_a_hole_and_an_island_keeps_all_its_rings():
    holed = Polygon(box(0, 50, 3, 53).exterior.coords, [box(1, 51, 2, 52).exterior.coords])
    both = MultiPolygon([holed, box(5, 50, 6, 51)])
    first, second = _rings(geometry.pack([both, box(7, 50, 8, 51)], "EPSG:4326"))
    assert [len(r) for r in first] == [5, 5, 5]
    np.testing.assert_allclose(first[1], np.asarray(holed.interiors[0].coords), atol=1e-5)
    np.testing.assert_allclose(second[0], np.asarray(box(7, 50, 8, 51).exterior.coords), atol=1e-5)


def test_missing_empty_and_mixed_shapes_have_the_rings_they_have():
    mixed = shapely.GeometryCollection([Point(0, 50), LineString([(0, 50), (1, 51)]), box(0, 50, 1, 51)])
    packed = geometry.pack([None, Polygon(), mixed], "EPSG:4326")
    assert packed["sizes"] == [[], [], [2, 5]]


def test_the_grid_reference_of_greenwich_lands_in_greenwich():
    ((south, west), (north, east)) = geometry.bounds([box(538_000, 177_000, 539_000, 178_000)], "EPSG:27700")
    assert west < 0.0 < east + 0.02
    assert south < 51.4779 < north + 0.01


def test_points_come_back_in_an_order_that_depends_on_place_alone():
    rng = np.random.default_rng(5)
    x, y = rng.uniform(400_000, 500_000, 300), rng.uniform(300_000, 400_000, 300)
    text, order = geometry.pack_points(x, y, "EPSG:27700")
    shuffled = rng.permutation(300)
    again, other = geometry.pack_points(x[shuffled], y[shuffled], "EPSG:27700")
    assert text == again
    assert shuffled[other].tolist() == order.tolist()


def test_no_points_pack_to_nothing():
    text, order = geometry.pack_points([], [], "EPSG:27700")
    assert (text, len(order)) == ("", 0)


def _ragged(n):
    """Two areas with one ragged border between them."""
    y = np.linspace(0, 100_000, n)
    middle = list(zip(50_000 + 400 * np.sin(np.arange(n) * 2.1), y, strict=True))
    left = Polygon([*middle, (0, 100_000), (0, 0)])
    right = Polygon([*middle, (100_000, 100_000), (100_000, 0)])
    return [left, right]


def test_many_vertices_are_thinned_and_neighbours_still_meet():
    small = geometry.simplify(_ragged(4_000), vertices=500)
    assert shapely.get_num_coordinates(small).sum() <= 500
    assert shapely.coverage_is_valid(small)


def test_areas_that_overlap_are_thinned_one_by_one():
    left, right = _ragged(4_000)
    small = geometry.simplify([left, right.union(left)], vertices=500)
    assert shapely.get_num_coordinates(small).sum() <= 500
    assert shapely.is_valid(small).all()


def test_few_vertices_are_left_alone():
    shapes = _ragged(10)
    assert [a.equals_exact(b) for a, b in zip(geometry.simplify(shapes), shapes, strict=True)] == [True, True]


def test_what_is_made_of_corners_alone_is_left_with_its_corners():
    squares = [box(i, 0, i + 1, 1) for i in range(20)]
    assert len(geometry.simplify(squares, vertices=10)) == 20
