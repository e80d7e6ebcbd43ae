"""Areas that touch: equal to published counts, to libpysal, and to asking every pair."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from libpysal.graph import Graph

from clustermap.errors import ClusterMapWarning, CrsError, OptionError, StatisticsError
from clustermap.weights import contiguity


def links(graph):
    pairs = graph.adjacency[graph.adjacency != 0].index
    return sorted((a, b) for a, b in pairs if a < b)


def test_queen_and_rook_on_a_chessboard(chessboard):
    queen, rook = contiguity(chessboard), contiguity(chessboard, rule="rook")
    assert (queen.n_edges, rook.n_edges) == (40, 24)
    assert sorted(queen["b2"].index) == ["a1", "a2", "a3", "b1", "b3", "c1", "c2", "c3"]
    assert sorted(rook["b2"].index) == ["a2", "b1", "b3", "c2"]
    assert queen.transformation == "B"
    assert queen.asymmetry().empty


def test_e12_columbus_has_236_queen_and_200_rook_links(columbus):
    areas, _ = columbus
    assert contiguity(areas).n_edges == 236
    assert contiguity(areas, rule="rook").n_edges == 200


@pytest.mark.real
def test_e13_guerry_has_420_queen_links(real_data, from_frame):
    frame = gpd.read_file(real_data / "reference" / "guerry_1833.gpkg")
    assert contiguity(from_frame(frame)).n_edges == 420


@pytest.mark.parametrize("rule", ["queen", "rook"])
def test_the_graph_is_the_one_of_libpysal(columbus, rule):
    areas, _ = columbus
    theirs = Graph.build_contiguity(areas.frame, rook=rule == "rook")
    pd.testing.assert_series_equal(
        contiguity(areas, rule=rule).adjacency, theirs.adjacency, check_index_type=False
    )


@pytest.mark.real
@pytest.mark.parametrize("rule", ["queen", "rook"])
def test_real_districts_equal_libpysal(real_data, rule):
    import clustermap as cm

    areas = cm.read_boundaries(real_data / "lad_2022_uk.geojson", keep="E")
    with pytest.warns(ClusterMapWarning, match=r"2 of 309 .*Isle of Wight .*Isles of Scilly"):
        graph = contiguity(areas, rule=rule)
    theirs = Graph.build_contiguity(areas.frame, rook=rule == "rook")
    assert graph.adjacency.to_dict() == theirs.adjacency.to_dict()


def brute(shapes, rule):
    """Ask every pair."""
    found = []
    for i, j in zip(*np.triu_indices(len(shapes), 1), strict=True):
        a, b = shapes[i], shapes[j]
        shared = shapely.intersection(a, b)
        if not shared.is_empty and (rule == "queen" or shared.length > 0 or shared.area > 0):
            found.append((int(i), int(j)))
    return found


@pytest.mark.parametrize("rule", ["queen", "rook"])
@pytest.mark.parametrize("overlap", [False, True])
def test_random_worlds_equal_asking_every_pair(make_areas, rule, overlap):
    rng = np.random.default_rng(7)
    x, y = 100 * np.unique(rng.integers(0, 12, (40, 2)), axis=0).T
    w, h = 100 * rng.integers(1, 4, (2, len(x))) if overlap else (100, 100)
    shapes = shapely.box(x, y, x + w, y + h)
    areas = make_areas(dict(enumerate(shapes)))
    assert shapely.coverage_is_valid(shapes) != overlap
    graph = contiguity(areas, rule=rule, islands="nearest")
    near = links(graph)
    wanted = brute(shapes, rule)
    alone = set(range(len(shapes))) - {i for pair in wanted for i in pair}
    assert [p for p in near if not set(p) & alone] == [p for p in wanted if not set(p) & alone]


def test_repeated_points_are_no_edges(make_areas):
    a = shapely.polygons([(0, 0), (1, 0), (1, 1), (1, 1), (0, 1)])
    b = shapely.polygons([(1, 1), (1, 1), (2, 1), (2, 2), (1, 2)])
    c = shapely.box(1, 0, 2, 1)
    areas = make_areas({"a": a, "b": b, "c": c})
    assert links(contiguity(areas, rule="rook")) == [("a", "c"), ("b", "c")]
    assert links(contiguity(areas)) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_vertex_on_the_side_of_another_area_touches_it(make_areas):
    areas = make_areas(
        {
            "a": shapely.box(0, 0, 100, 200),
            "b": shapely.polygons([(100, 100), (200, 0), (200, 200)]),  # touches the middle of a side
            "c": shapely.box(200, 0, 300, 200),
        }
    )
    assert links(contiguity(areas)) == [("a", "b"), ("b", "c")]
    with pytest.warns(ClusterMapWarning, match="CM-GRAPH-002"):
        assert links(contiguity(areas, rule="rook")) == [("b", "c")]


def test_the_order_of_rows_changes_nothing(columbus, from_frame, shuffled):
    areas, _ = columbus
    coded = areas.frame.set_axis([f"c{i:02d}" for i in range(49)])
    one = contiguity(from_frame(coded))
    mixed = from_frame(coded.sample(frac=1, random_state=3).sort_index())
    assert one.adjacency.equals(contiguity(mixed).adjacency)
    plain = coded.assign(code=coded.index).sample(frac=1, random_state=4).set_crs("EPSG:27700")
    plain["geometry"] = shapely.transform(plain.geometry.to_numpy(), lambda c: c * 1e4 + 3e5)
    first = contiguity(plain.reset_index(drop=True))
    assert first.adjacency.equals(contiguity(plain.iloc[::-1].reset_index(drop=True)).adjacency)
    assert first.n_edges == 236


@pytest.fixture
def archipelago(make_areas):
    """Two touching squares and two islands, one of them 4 m off a square, both nearest to it."""
    return make_areas(
        {
            "a": shapely.box(0, 0, 10, 10),
            "b": shapely.box(10, 0, 20, 10),
            "i": shapely.box(24, 0, 30, 10),
            "j": shapely.box(5, 60, 15, 70),
        }
    )


def test_islands_are_kept_with_one_warning_that_names_them(archipelago):
    with pytest.warns(ClusterMapWarning) as caught:
        graph = contiguity(archipelago)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "2 of 4 areas have no neighbour: i, j;" in text
    assert "i lies 4 m from b: snap_m=10 would link such pairs" in text
    assert sorted(graph.isolates) == ["i", "j"]
    assert graph.adjacency.loc[("i", "i")] == 0


def test_islands_are_linked_to_the_nearest_the_lowest_code_first(archipelago):
    graph = contiguity(archipelago, islands="nearest")
    assert links(graph) == [("a", "b"), ("a", "j"), ("b", "i")]  # j is 50 m from both a and b
    assert graph.asymmetry().empty


def test_islands_can_be_an_error(archipelago):
    with pytest.raises(StatisticsError, match=r'CM-GRAPH-003[\s\S]*islands="nearest"'):
        contiguity(archipelago, islands="error")


def test_many_islands_are_not_all_named(make_areas):
    areas = make_areas({f"i{k}": shapely.box(100 * k, 0, 100 * k + 1, 1) for k in range(7)})
    with pytest.warns(
        ClusterMapWarning, match=r"7 of 7 .*i3, i4, …; they stay in the graph, .* NaN \(islands"
    ):
        assert contiguity(areas).n_edges == 0


def test_a_tolerance_closes_gaps_and_rook_needs_more_than_a_corner(make_areas):
    gap = make_areas(
        {
            "a": shapely.box(0, 0, 10, 10),
            "b": shapely.box(10.5, 0, 20, 10),
            "c": shapely.box(10.5, 10.5, 20, 20),
        }
    )
    with pytest.warns(ClusterMapWarning, match="CM-GRAPH-002"):
        assert links(contiguity(gap)) == []
    assert links(contiguity(gap, snap_m=0.6)) == [("a", "b"), ("b", "c")]
    assert links(contiguity(gap, snap_m=0.8)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert links(contiguity(gap, snap_m=0.8, rule="rook")) == [("a", "b"), ("b", "c")]


def test_areas_that_do_not_fit_and_nearly_touch_are_warned_about(make_areas):
    areas = make_areas(
        {
            "a": shapely.box(0, 0, 10, 10),
            "b": shapely.box(9.9, 0, 20, 10),  # overlaps a by 10 cm
            "c": shapely.box(20.2, 0, 30, 10),  # 20 cm off b
            "d": shapely.box(20.2, 15, 30, 25),
        }
    )
    with pytest.warns(ClusterMapWarning) as caught:
        graph = contiguity(areas)
    said = " ".join(str(w.message) for w in caught)
    assert "[CM-GRAPH-006] the areas do not fit each other exactly, and 1 pair lies within 1 m" in said
    assert "c lies 0.2 m from b" in said
    assert links(graph) == [("a", "b")]


def test_fewer_than_three_areas_are_refused(make_areas):
    two = make_areas({"a": shapely.box(0, 0, 1, 1), "b": shapely.box(1, 0, 2, 1)})
    with pytest.raises(StatisticsError, match="CM-GRAPH-001"):
        contiguity(two)


@pytest.mark.parametrize(
    "wrong", [{"rule": "bishop"}, {"islands": "drop"}, {"snap_m": -1.0}, {"snap_m": np.nan}]
)
def test_unknown_options_are_refused(chessboard, wrong):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        contiguity(chessboard, **wrong)


def test_a_tolerance_in_degrees_is_refused(make_areas):
    shapes = {k: shapely.box(i, 50, i + 1, 51) for i, k in enumerate("abc")}
    assert contiguity(make_areas(shapes, crs="EPSG:4326")).n_edges == 4
    with pytest.raises(CrsError, match="CM-CRS-004"):
        contiguity(make_areas(shapes, crs="EPSG:4326"), snap_m=1.0)


def test_a_tolerance_that_is_no_number_is_refused(chessboard):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        contiguity(chessboard, snap_m="far")
