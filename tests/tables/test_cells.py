"""The cell index is exact: every point as shapely's own predicates say, wherever the grid lies."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from clustermap.tables import cells
from clustermap.tables.cells import CellIndex
from clustermap.tables.predicates import orientation


def expected(shapes, points):
    """Say which areas each point belongs to, by asking shapely about every pair."""
    inside = shapely.contains_properly(shapes[None, :], points[:, None])
    border = shapely.intersects(shapes[None, :], points[:, None]) & ~inside
    answer = []
    for row in range(len(points)):
        owners = set(np.flatnonzero(inside[row])) | set(np.flatnonzero(border[row])[:1])
        answer.append(sorted(int(a) for a in owners))
    return answer, border.any(axis=1)


def found(index, points):
    xy = shapely.get_coordinates(points)
    places = index.places(xy[:, 0], xy[:, 1])
    firm, area = places.pairs()
    answer = [[] for _ in points]
    for f, a in zip(firm, area, strict=True):
        answer[f].append(int(a))
    assert [len(a) for a in answer] == places.count.tolist()
    assert [a[0] if a else -1 for a in answer] == places.first.tolist()
    return answer, places.border


def agree(shapes, points, *, n_points=(1, 4_000)):
    shapes = np.asarray(shapes, dtype=object)
    points = np.asarray(points, dtype=object)
    assert shapely.is_valid(shapes).all()
    wanted, border = expected(shapes, points)
    for n in n_points:
        got, on_border = found(CellIndex.build(shapes, n_points=n), points)
        assert got == wanted
        assert on_border.tolist() == border.tolist()


def hard_points(shapes, rng, n=300):
    """Vertices, points on edges, a hair beside them, the lattice and anything."""
    xy = shapely.get_coordinates(shapes)
    t = rng.uniform(size=(len(xy) - 1, 1))
    between = xy[:-1] + t * (xy[1:] - xy[:-1])
    middle = (xy[:-1] + xy[1:]) / 2
    low, high = xy.min(axis=0), xy.max(axis=0)
    anywhere = rng.uniform(low - 1, high + 1, (n, 2))
    chosen = np.vstack([p[rng.permutation(len(p))[:n]] for p in (xy, between, middle)] + [anywhere])
    beside = np.nextafter(chosen, chosen + rng.choice([-1.0, 1.0], chosen.shape))
    return shapely.points(np.vstack((chosen, beside, np.round(chosen))))


def voronoi(rng, n, span):
    seeds = shapely.multipoints(rng.uniform(0, span, (n, 2)))
    parts = shapely.voronoi_polygons(seeds, extend_to=shapely.box(0, 0, span, span))
    return np.array(shapely.get_parts(parts))


@pytest.mark.parametrize("seed", range(4))
def test_a_coverage_is_answered_as_shapely_does(seed):
    rng = np.random.default_rng(seed)
    shapes = (
        voronoi(rng, 60, 1e5) if seed % 2 else shapely.transform(voronoi(rng, 40, 7.0), lambda c: c + 4e5)
    )
    agree(shapes, hard_points(shapes, rng))


@pytest.mark.parametrize("seed", range(4))
def test_overlapping_areas_with_holes_and_parts_are_answered_as_shapely_does(seed):
    rng = np.random.default_rng(10 + seed)
    discs = shapely.buffer(shapely.points(rng.uniform(0, 50, (24, 2))), rng.uniform(2, 15, 24), quad_segs=3)
    holed = shapely.difference(discs[:12], shapely.buffer(shapely.centroid(discs[:12]), 1.5, quad_segs=2))
    several = [shapely.union_all(discs[12 + 3 * i : 15 + 3 * i]) for i in range(4)]
    shapes = np.array([*holed, *several], dtype=object)
    agree(shapes, hard_points(shapes, rng))


lattice = st.tuples(st.integers(0, 8), st.integers(0, 8))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(lattice, min_size=3, max_size=9, unique=True), min_size=1, max_size=4),
    st.integers(0, 2**16),
)
def test_polygons_on_a_lattice_with_points_on_every_node_are_answered_as_shapely_does(rings, seed):
    shapes = [shapely.convex_hull(shapely.multipoints(ring)) for ring in rings]
    shapes += [shapely.make_valid(shapely.polygons(ring)) for ring in rings]
    shapes = [s for s in shapes if s.geom_type in ("Polygon", "MultiPolygon") and s.area > 0]
    if not shapes:
        return
    grid = np.stack(np.meshgrid(np.arange(-1, 10, 0.5), np.arange(-1, 10, 0.5)), axis=-1).reshape(-1, 2)
    points = shapely.points(grid[np.random.default_rng(seed).permutation(len(grid))[:150]])
    agree(shapes, points, n_points=(1, 300))


def test_the_answer_does_not_depend_on_where_centres_of_cells_fall(monkeypatch):
    """With centres on borders their state is unknown, and the area is looked at as a whole."""
    monkeypatch.setattr(cells, "_OFFSET", 0.0)
    monkeypatch.setattr(cells, "_FEWEST_CELLS", 64)
    side = 8.0  # 64 cells of 1 over 8 × 8: centres at halves
    shapes = np.array(
        [
            shapely.box(0, 0, 4.5, side),
            shapely.box(4.5, 0, side, side),
            shapely.polygons(
                [(0.5, 0.5), (7.5, 0.5), (0.5, 7.5)], holes=[[(1.5, 1.5), (3.5, 1.5), (1.5, 3.5)]]
            ),
        ]
    )
    index = CellIndex.build(shapes, n_points=1)
    assert index.grid[2] == 1.0
    assert (index.groups[:, 1] >= 2).any()
    grid = np.stack(np.meshgrid(np.arange(-0.25, 8.5, 0.25), np.arange(-0.25, 8.5, 0.25)), axis=-1)
    points = shapely.points(grid.reshape(-1, 2))
    wanted, border = expected(shapes, points)
    got, on_border = found(index, points)
    assert got == wanted
    assert on_border.tolist() == border.tolist()


def test_a_border_has_one_owner_and_an_outer_border_belongs_to_its_area():
    shapes = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1), shapely.box(0.5, 0, 1.5, 1)])
    index = CellIndex.build(shapes, n_points=1)
    places = index.places(
        np.array([0.0, 1.0, 1.0, 1.5, 2.0, 2.1, np.nan]), np.array([0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0])
    )
    firm, area = places.pairs()
    pairs = list(zip(firm.tolist(), area.tolist(), strict=True))
    # the left edge; the border of 0 and 1 inside 2; the corner of all three; the edge of 2 inside 1; the right edge
    assert pairs == [(0, 0), (1, 0), (1, 2), (2, 0), (3, 1), (3, 2), (4, 1)]
    assert places.border.tolist() == [True, True, True, True, True, False, False]


def test_many_long_edges_make_the_cells_larger_and_the_answer_stays():
    teeth = 1_500
    x = np.arange(teeth, dtype=float)
    top = np.column_stack((np.repeat(x, 2)[:-1], np.tile([0.0, 1e4], teeth)[:-1]))
    comb = shapely.polygons(np.vstack((top, [[x[-1], -5.0], [0.0, -5.0]])))
    assert shapely.is_valid(comb)
    rng = np.random.default_rng(3)
    points = shapely.points(np.column_stack((rng.uniform(0, teeth, 2_000), rng.uniform(-6, 1e4, 2_000))))
    index = CellIndex.build(np.array([comb]), n_points=10)
    assert len(index.cell) < 4 * len(index.edges)
    wanted, _ = expected(np.array([comb]), points)
    assert found(index, points)[0] == wanted


def test_an_area_within_rounding_of_a_point_is_no_trouble():
    tiny = shapely.transform(shapely.box(0, 0, 1e-9, 1e-9), lambda c: c + 500_000.0)
    shapes = np.array([tiny, shapely.box(500_000, 500_000, 500_001, 500_001)])
    agree([s for s in shapes if s.area > 0], hard_points(shapes, np.random.default_rng(0), n=40))


def test_no_area_holds_nothing():
    places = CellIndex.build(np.empty(0, dtype=object), n_points=5).places(np.zeros(2), np.zeros(2))
    assert places.first.tolist() == [-1, -1]
    assert len(places.pairs()[0]) == 0


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1.0, 5e5]), st.booleans())
def test_orientation_is_the_sign_of_the_exact_determinant(seed, scale, near):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-scale, scale, (2, 2)) + scale
    p = a + rng.uniform(-2, 3) * (b - a) if near else rng.uniform(-scale, scale, 2)
    for _ in range(3):
        ax, ay, bx, by, px, py = (Fraction(float(v)) for v in (*a, *b, *p))
        exact = (ax - px) * (by - py) - (ay - py) * (bx - px)
        assert orientation(*a, *b, *p) == (exact > 0) - (exact < 0)
        p = np.nextafter(p, rng.choice([-np.inf, np.inf], 2))


def test_the_same_answer_comes_from_plain_python():
    code = """
import sys, warnings
sys.modules["numba"] = None
warnings.simplefilter("ignore")
import numpy as np, shapely
from clustermap.compiled import HAVE_NUMBA
from clustermap.tables.cells import CellIndex
assert not HAVE_NUMBA
rng = np.random.default_rng(5)
shapes = shapely.buffer(shapely.points(rng.uniform(0, 9, (5, 2))), 3.0, quad_segs=2)
xy = np.vstack((rng.uniform(0, 9, (200, 2)), shapely.get_coordinates(shapes)))
places = CellIndex.build(shapes, n_points=1).places(xy[:, 0], xy[:, 1])
firm, area = places.pairs()
wanted = []
for i, p in enumerate(shapely.points(xy)):
    inside = shapely.contains_properly(shapes, p)
    border = shapely.intersects(shapes, p) & ~inside
    wanted += [(i, a) for a in sorted({*np.flatnonzero(inside), *np.flatnonzero(border)[:1]})]
assert list(zip(firm, area)) == wanted
print("same")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "same", done.stderr
