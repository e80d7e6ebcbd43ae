"""Areas that fit are recognised exactly, and their neighbours are those that GEOS finds by asking every pair."""

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

from clustermap.errors import ClusterMapWarning
from clustermap.weights import contiguity
from clustermap.weights.coverages import read_coverage


def asked(shapes):
    """Ask GEOS about every pair: those that touch, those with a common border, those that share ground."""
    one, two = np.triu_indices(len(shapes), 1)
    one, two = one.astype(np.int64), two.astype(np.int64)
    a, b = shapes[one], shapes[two]
    ground = shapely.relate_pattern(a, b, "T********")
    border = shapely.relate_pattern(a, b, "****1****") | ground
    touch = shapely.intersects(a, b)
    return [set(zip(one[k].tolist(), two[k].tolist(), strict=True)) for k in (touch, border, ground)]


def pairs(found):
    return set(zip(*(side.tolist() for side in found), strict=True))


def check(shapes):
    """Hold what the edges say against what GEOS says; return whether the areas fit."""
    shapes = np.asarray(shapes, dtype=object)
    touch, border, ground = asked(shapes)
    coverage = read_coverage(shapes)
    assert (coverage is None) == bool(ground)
    if coverage is not None:
        assert pairs(coverage.sharing_points()) == touch
        assert pairs(coverage.sharing_edges()) == border
    return coverage is not None


def cut_up(rng, *, size=24, cuts=30):
    """Cut a square into rectangles on whole numbers, each cut ending where it meets another, some into triangles."""
    boxes = [(0, 0, size, size)]
    for _ in range(cuts):
        x0, y0, x1, y1 = boxes.pop(int(rng.integers(len(boxes))))
        if rng.random() < 0.5 and x1 - x0 > 1:
            at = int(rng.integers(x0 + 1, x1))
            boxes += [(x0, y0, at, y1), (at, y0, x1, y1)]
        elif y1 - y0 > 1:
            at = int(rng.integers(y0 + 1, y1))
            boxes += [(x0, y0, x1, at), (x0, at, x1, y1)]
        else:
            boxes.append((x0, y0, x1, y1))
    parts = []
    for x0, y0, x1, y1 in boxes:
        if rng.random() < 0.3:
            parts += [
                shapely.Polygon([(x0, y0), (x1, y0), (x1, y1)]),
                shapely.Polygon([(x0, y0), (x1, y1), (x0, y1)]),
            ]
        else:
            parts.append(shapely.box(x0, y0, x1, y1))
    return parts


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fault=st.sampled_from(["none", "moved", "larger", "twice", "within"]))
def test_cut_up_squares_are_decided_as_asking_every_pair_does(seed, fault):
    """Corners on sides, holes, lakes with islands, parts apart, points touched, and one fault or none."""
    rng = np.random.default_rng(seed)
    parts = [p for p in cut_up(rng) if rng.random() > 0.15]
    owner = rng.integers(0, max(len(parts) * 2 // 3, 1), len(parts))
    shapes = [shapely.union_all([p for p, o in zip(parts, owner, strict=True) if o == k]) for k in set(owner)]
    shapes = [s for s in shapes if not s.is_empty]
    if not shapes:
        return
    which = shapes[int(rng.integers(len(shapes)))]
    if fault == "moved":
        shapes.append(shapely.transform(which, lambda c: c + np.array([1, 0])))
    elif fault == "larger":
        shapes.append(which.buffer(0.25, join_style="mitre"))
    elif fault == "twice":
        shapes.append(which)
    elif fault == "within":
        x, y = which.representative_point().coords[0]
        shapes.append(shapely.box(x - 0.01, y - 0.01, x + 0.01, y + 0.01))
    shapes = [shapely.reverse(s) if rng.random() < 0.5 else s for s in shapes]
    fits = check([shapes[k] for k in rng.permutation(len(shapes))])
    assert fits or fault != "none"
    assert not fits or fault in {"none", "moved"}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), grid=st.sampled_from([1e-3, 1.0, 50.0]))
def test_random_cells_are_decided_as_asking_every_pair_does(seed, grid):
    """Rounded to a grid, some borders move, and corners that were on a side are no longer, or in the next area."""
    from shapely import MultiPoint, set_precision, voronoi_polygons

    rng = np.random.default_rng(seed)
    cells = voronoi_polygons(MultiPoint(rng.uniform(0, 1_000, (25, 2)))).geoms
    cells = np.array([c.intersection(shapely.box(0, 0, 1_000, 1_000)) for c in cells], dtype=object)
    cells = np.array([c for c in set_precision(cells, grid) if c.geom_type.endswith("Polygon")], dtype=object)
    check(cells[~shapely.is_empty(cells) & shapely.is_valid(cells)])


@pytest.mark.parametrize("rule", ["queen", "rook"])
@pytest.mark.parametrize("seed", range(6))
def test_contiguity_equals_the_strict_graph_of_libpysal(from_frame, rule, seed):
    rng = np.random.default_rng(seed)
    parts = cut_up(rng, cuts=60)
    if seed % 2:
        parts[3] = parts[3].buffer(0.5, join_style="mitre")  # overlaps all around
    codes = pd.Index([f"c{k:03d}" for k in range(len(parts))], name="code")
    areas = from_frame(gpd.GeoDataFrame(geometry=parts, index=codes, crs="EPSG:27700"))
    assert (read_coverage(areas.frame.geometry.to_numpy()) is None) == bool(seed % 2)
    theirs = Graph.build_contiguity(areas.frame, rook=rule == "rook", strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        ours = contiguity(areas, rule=rule)
    linked, peers = (set(g.adjacency[g.adjacency > 0].index) for g in (ours, theirs))
    touch, border, ground = asked(areas.frame.geometry.to_numpy())
    # the peer's "touches" leaves out areas that overlap, and nothing else
    both_ways = {pair for a, b in ground for pair in ((codes[a], codes[b]), (codes[b], codes[a]))}
    assert linked - both_ways == peers
    assert bool(both_ways) == bool(seed % 2)
    wanted = touch if rule == "queen" else border
    labelled = {(codes[a], codes[b]) for a, b in wanted}
    assert {(a, b) for a, b in linked if a < b} == labelled


def ring(outer, inner):
    return shapely.difference(shapely.box(*outer), shapely.box(*inner))


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        # the same coverage twice, one moved: within, every edge has its mate, and only the outline tells
        ([shapely.box(x, y, x + 2, y + 2) for x, y in ((0, 0), (2, 0), (0, 2), (2, 2))], True),
        ([shapely.box(0, 0, 9, 9), shapely.box(3, 3, 4, 4), shapely.box(4, 3, 5, 4)], False),
        ([ring((0, 0, 9, 9), (3, 3, 6, 6)), shapely.box(4, 4, 5, 5)], True),  # an island in a lake
        ([ring((0, 0, 9, 9), (3, 3, 6, 6)), ring((1, 1, 8, 8), (2, 2, 7, 7))], False),
        ([ring((0, 0, 9, 9), (3, 3, 6, 6)), ring((3, 3, 6, 6), (4, 4, 5, 5))], True),
        # a square that stands with one corner on the corner of another, outside and inside
        ([shapely.box(0, 0, 2, 2), shapely.box(2, 2, 4, 4)], True),
        ([shapely.box(0, 0, 4, 4), shapely.box(0, 0, 2, 2)], False),
        # a corner on a side, from outside and from inside
        ([shapely.box(0, 0, 4, 4), shapely.Polygon([(4, 2), (6, 1), (6, 3)])], True),
        ([shapely.box(0, 0, 4, 4), shapely.Polygon([(4, 2), (2, 1), (2, 3)])], False),
        # sides that meet over a part of their length, and sides that lie over each other
        ([shapely.box(0, 0, 4, 4), shapely.box(4, 1, 6, 7)], True),
        ([shapely.box(0, 0, 4, 4), shapely.box(2, 1, 4, 7)], False),
        ([shapely.box(0, 0, 4, 4)] * 2, False),
        # borders that cross where neither has a corner
        ([shapely.box(0, 1, 6, 2), shapely.box(2, 0, 3, 6)], False),
        # three around a hole that no one fills
        (
            [
                shapely.box(0, 0, 3, 1),
                shapely.box(0, 1, 1, 3),
                shapely.box(2, 1, 3, 3),
                shapely.box(0, 3, 3, 4),
            ],
            True,
        ),
    ],
)
def test_small_worlds_are_told_apart(shapes, fits):
    assert check(shapes) == fits


def test_a_whole_coverage_upon_another_is_seen_by_its_outline_alone():
    lower = [shapely.box(x, y, x + 10, y + 10) for x in range(0, 50, 10) for y in range(0, 50, 10)]
    upper = [shapely.box(x, y, x + 3, y + 3) for x in (21, 24) for y in (21, 24)]  # within one square
    assert check(lower)
    assert not check(lower + upper)
    assert not check(lower + [shapely.box(x, y, x + 10, y + 10) for x in (10, 20) for y in (10, 20)])


def test_a_thousandth_of_a_millimetre_decides():
    left, gap, over = shapely.box(0, 0, 5e5, 5e5), np.nextafter(5e5, 6e5), np.nextafter(5e5, 4e5)
    assert check([left, shapely.box(5e5, 0, 6e5, 5e5)])
    apart = read_coverage(np.array([left, shapely.box(gap, 0, 6e5, 5e5)]))
    assert pairs(apart.sharing_points()) == set()
    assert read_coverage(np.array([left, shapely.box(over, 0, 6e5, 5e5)])) is None


def test_areas_that_meet_on_sides_without_corners_keep_the_fast_way_and_know_it():
    coverage = read_coverage(
        np.array([shapely.box(0, 0, 4, 8), shapely.box(4, 0, 8, 3), shapely.box(4, 3, 8, 8)])
    )
    assert coverage.cut
    assert coverage.loose.tolist() == [0, 1, 2]
    assert not read_coverage(shapely.box([0, 4], 0, [4, 8], 8)).cut


def test_negative_zero_is_zero():
    assert check([shapely.box(-4, -0.0, -0.0, 4), shapely.box(0.0, 0.0, 4, 4)])
    touching = read_coverage(np.array([shapely.box(-4, -4, -0.0, -0.0), shapely.box(0.0, 0.0, 4, 4)]))
    assert pairs(touching.sharing_points()) == {(0, 1)}


def test_nearly_touching_areas_are_told_of_where_sides_meet_without_corners(make_areas):
    areas = make_areas(
        {
            "a": shapely.box(0, 0, 4, 8),
            "b": shapely.box(4, 0, 8, 3),
            "c": shapely.box(4, 3, 8, 8),
            "d": shapely.box(8.5, 0, 12, 8),
        }
    )
    with pytest.warns(ClusterMapWarning) as caught:
        graph = contiguity(areas)
    assert "CM-GRAPH-006] the areas do not fit each other exactly, and 2 pairs lie within 1 m" in str(
        caught[0].message
    )
    assert graph.n_edges == 6


def test_whole_edges_of_hundreds_of_islands_are_cheap(make_areas):
    """Every outline lies beside others' boxes; none lies on or in another."""
    islands = [
        shapely.Polygon([(x, y), (x + 9, y + 9), (x, y + 18)])
        for x in range(0, 200, 10)
        for y in range(0, 400, 20)
    ]
    assert check(islands)
