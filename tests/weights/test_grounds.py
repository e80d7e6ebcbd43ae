"""Border lengths and shared ground are those that were drawn."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from clustermap.errors import ClusterMapWarning, CrsError, OptionError, StatisticsError
from clustermap.testing import make_region
from clustermap.weights import audit, border_weights, contiguity, overlap_weights


def test_borders_of_a_chessboard_are_a_hundred_metres(chessboard):
    graph = border_weights(chessboard)
    assert (graph.adjacency == 100.0).all()
    assert set(graph.adjacency.index) == set(contiguity(chessboard, rule="rook").adjacency.index)
    assert graph.asymmetry().empty
    share = border_weights(chessboard, measure="share").adjacency.groupby(level=0).sum()
    assert share.to_dict() == {
        c: {"b2": 1.0}.get(c, 0.75 if "2" in c or "b" in c else 0.5) for c in share.index
    }


def test_an_enclave_has_all_its_border_with_the_area_around_it(make_areas):
    areas = make_areas(
        {
            "around": shapely.difference(shapely.box(0, 0, 90, 90), shapely.box(30, 30, 60, 60)),
            "enclave": shapely.box(30, 30, 60, 60),
            "beside": shapely.box(90, 30, 120, 120),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        length = border_weights(areas).adjacency
        share = border_weights(areas, measure="share").adjacency
    assert length[("around", "enclave")] == 120.0
    assert length[("around", "beside")] == 60.0  # part of a side of both
    assert share[("enclave", "around")] == 1.0
    assert share[("around", "enclave")] == pytest.approx(120 / 480)  # the outline has 360 m, the hole 120 m


def test_in_a_region_of_cells_inland_shares_sum_to_one_and_pairs_are_the_rooks():
    region = make_region(seed=4, n_areas=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        share = border_weights(region.areas, measure="share").adjacency
        rook = contiguity(region.areas, rule="rook")
    assert set(share.index) == set(rook.adjacency.index)
    total = share.groupby(level=0).sum()
    square = shapely.box(0, 0, 100_000, 100_000).exterior
    coast = shapely.length(shapely.intersection(region.areas.frame.geometry.to_numpy(), square))
    inland = coast == 0
    assert inland.sum() > 20
    np.testing.assert_allclose(total[inland], 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        total[~inland], 1 - (coast / region.areas.frame.length.to_numpy())[~inland], rtol=1e-9
    )


def test_one_overlap_elsewhere_changes_no_length(chessboard, make_areas):
    shapes = dict(chessboard.frame.geometry)
    whole = border_weights(chessboard).adjacency
    faulty = make_areas(
        {
            **shapes,
            "x": shapely.box(900, 0, 920, 20),
            "y": shapely.box(910, 0, 930, 20),
            "z": shapely.box(930, 0, 940, 8),
        }
    )
    found = border_weights(faulty).adjacency
    np.testing.assert_allclose(found[whole.index], whole, rtol=1e-12)
    assert found[("y", "z")] == 8.0
    assert found[("x", "y")] == 20.0  # 10 m above and 10 m below, where the outlines lie upon each other


@pytest.mark.parametrize("verb", [border_weights, overlap_weights])
def test_isolates_are_told_of_and_degrees_and_two_areas_refused(make_areas, verb):
    apart = make_areas({k: shapely.box(100 * i, 0, 100 * i + 9, 9) for i, k in enumerate("abc")})
    with pytest.warns(ClusterMapWarning, match=r"CM-GRAPH-002\] 3 of 3"):
        assert verb(apart).n_edges == 0
    degrees = make_areas({k: shapely.box(i, 50, i + 1, 51) for i, k in enumerate("abc")}, crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-004"):
        verb(degrees)
    with pytest.raises(StatisticsError, match="CM-GRAPH-001"):
        verb(make_areas({k: shapely.box(i, 0, i + 1, 1) for i, k in enumerate("ab")}))


def test_unknown_options_are_refused(chessboard):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        border_weights(chessboard, measure="km")
    for wrong in (-1.0, np.nan, "much", True):
        with pytest.raises(OptionError, match="CM-GRAPH-004"):
            overlap_weights(chessboard, touching=wrong)


def test_shared_ground_is_counted_by_the_smaller_of_both(make_areas):
    areas = make_areas(
        {
            "a": shapely.box(0, 0, 100, 100),
            "b": shapely.box(80, 0, 280, 100),  # a fifth of a
            "c": shapely.box(280, 0, 300, 100),  # touches b
            "d": shapely.box(200, 40, 220, 60),  # lies in b
            "e": shapely.box(300, 100, 320, 120),  # touches c in a point
        }
    )
    weight = overlap_weights(areas).adjacency
    assert {k: v for k, v in weight.items() if k[0] < k[1]} == pytest.approx(
        {("a", "b"): 1.2, ("b", "c"): 1.0, ("b", "d"): 2.0, ("c", "e"): 1.0}
    )
    with pytest.warns(ClusterMapWarning, match=r"2 of 5 areas have no neighbour: c, e"):
        shared = overlap_weights(areas, touching=0).adjacency
    assert shared[shared > 0].to_dict() == pytest.approx(
        {("a", "b"): 0.2, ("b", "a"): 0.2, ("b", "d"): 1.0, ("d", "b"): 1.0}
    )


def test_a_sliver_changes_next_to_nothing(make_areas):
    def weight(shift):
        areas = make_areas(
            {
                "a": shapely.box(0, 0, 1_000, 1_000),
                "b": shapely.box(1_000 - shift, 0, 2_000, 1_000),
                "c": shapely.box(2_000, 0, 3_000, 1_000),
            }
        )
        return overlap_weights(areas).adjacency[("a", "b")]

    assert weight(0.0) == 1.0
    assert weight(1e-3) == pytest.approx(1.0 + 1e-6, abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_where_nothing_overlaps_it_is_contiguity_and_rows_in_any_order_give_the_same(seed):
    rng = np.random.default_rng(seed)
    x, y = 3e5 + 100 * np.unique(rng.integers(0, 6, (15, 2)), axis=0).T
    codes = [f"c{k:02d}" for k in range(len(x))]
    frame = gpd.GeoDataFrame(
        {"code": codes, "name": codes}, geometry=shapely.box(x, y, x + 100, y + 100), crs="EPSG:27700"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        pd.testing.assert_series_equal(
            overlap_weights(frame).adjacency, contiguity(frame).adjacency, check_dtype=False
        )
        wide = frame.set_geometry(shapely.box(x, y, x + 130, y + 100))
        mixed = wide.sample(frac=1, random_state=int(seed % 1_000)).reset_index(drop=True)
        for verb in (overlap_weights, border_weights):
            assert verb(wide).adjacency.equals(verb(mixed).adjacency)


@pytest.mark.real
def test_partnerships_that_overlap_by_design_are_linked_by_their_overlap(real_data):
    import clustermap as cm

    areas = cm.read_boundaries(real_data / "lep_2021_en_buc.geojson")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        weight = overlap_weights(areas).adjacency
    size = areas.frame.area
    largest = audit(areas).overlaps.iloc[0]
    share = largest["area_m2"] / min(size[largest["a"]], size[largest["b"]])
    assert weight[(largest["a"], largest["b"])] == pytest.approx(1 + share, rel=1e-12)
    assert (weight[weight > 0] >= 1).all()
