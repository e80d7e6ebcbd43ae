"""What no answer may depend on: order of rows, names, zero and unit of the values, place and direction of the map."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from shapely.affinity import affine_transform

import clustermap as cm
from clustermap.testing import make_region

pytestmark = pytest.mark.validity

SIDE = 5
N = SIDE * SIDE
CODES = [f"A{i:02d}" for i in range(N)]
EVEN = [
    "global_moran",
    "global_geary",
    "local_moran",
    "geary",
    "losh",
]  # neither zero nor unit nor sign matters
VERBS = [*EVEN, "global_getis_ord", "getis_ord"]
LOCAL = {"local_moran", "geary", "losh", "getis_ord"}

quickly = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
some_values = st.lists(st.integers(0, 9), min_size=N, max_size=N).filter(lambda v: len(set(v)) > 2)
orders = st.permutations(range(N))


def graph_of(codes, order=None):
    """Rook neighbours on a five by five lattice, its links listed in any order."""
    place = np.arange(N)
    focal, other = np.nonzero(
        np.abs(place[:, None] // SIDE - place // SIDE) + np.abs(place[:, None] % SIDE - place % SIDE) == 1
    )
    links = np.arange(len(focal)) if order is None else np.argsort(np.asarray(order)[focal], kind="stable")
    codes = np.asarray(codes)
    return Graph.from_arrays(codes[focal[links]], codes[other[links]], np.ones(len(focal)))


def ask(verb, series, graph):
    options = {"correction": "none"} if verb in LOCAL else {}
    frame = getattr(cm, verb)(series, graph, permutations=199, seed=3, **options).frame
    return frame.sort_index() if verb in LOCAL else frame


@pytest.mark.parametrize("verb", VERBS)
@quickly
@given(values=some_values, order=orders)
def test_the_order_of_rows_and_links_changes_nothing(verb, values, order):
    series = pd.Series(values, index=CODES, dtype=float)
    first = ask(verb, series, graph_of(CODES))
    again = ask(verb, series.iloc[list(order)], graph_of(CODES, order))
    pd.testing.assert_frame_equal(first, again, check_exact=True)


@pytest.mark.parametrize("verb", VERBS)
@quickly
@given(values=some_values)
def test_names_that_sort_alike_change_nothing(verb, values):
    renamed = [f"zone {2 * i:03d}" for i in range(N)]
    first = ask(verb, pd.Series(values, index=CODES, dtype=float), graph_of(CODES))
    again = ask(verb, pd.Series(values, index=renamed, dtype=float), graph_of(renamed))
    assert first["p"].tolist() == again["p"].tolist()
    assert first["statistic"].tolist() == again["statistic"].tolist()


@pytest.mark.parametrize("verb", VERBS)
@quickly
@given(values=some_values, order=orders)
def test_any_other_names_change_the_draws_alone(verb, values, order):
    renamed = [f"B{place:02d}" for place in order]
    first = ask(verb, pd.Series(values, index=CODES, dtype=float), graph_of(CODES))
    again = ask(verb, pd.Series(values, index=renamed, dtype=float), graph_of(renamed))
    again = again.loc[renamed] if verb in LOCAL else again
    np.testing.assert_allclose(first["statistic"], again["statistic"], rtol=1e-9, atol=1e-12)
    # two p of 199 draws each: five standard errors where both tails are likely
    assert np.abs(first["p"].to_numpy() - again["p"].to_numpy()).max() <= 5 * 2 * (2 * 0.25 / 150) ** 0.5


@pytest.mark.parametrize("verb", EVEN)
@quickly
@given(values=some_values, unit=st.sampled_from([-3, -1, 2, 7, 1_000]), zero=st.integers(-50, 50))
def test_zero_and_unit_of_the_values_change_nothing(verb, values, unit, zero):
    series = pd.Series(values, index=CODES, dtype=float)
    first, again = (ask(verb, s, graph_of(CODES)) for s in (series, unit * series + zero))
    np.testing.assert_allclose(first["statistic"], again["statistic"], rtol=1e-9, atol=1e-12)
    assert first["p"].tolist() == again["p"].tolist()


@pytest.fixture(scope="module")
def region():
    return make_region(n_areas=30, planted="chain", seed=5)


def moved(areas, angle, factor, east, north):
    """Turn and stretch the map about its middle and set it down elsewhere in Britain."""
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    shift = [east - 50_000 * (cos - sin), north - 50_000 * (sin + cos)]
    geometry = [affine_transform(g, [cos, -sin, sin, cos, *shift]) for g in areas.frame.geometry]
    return gpd.GeoDataFrame(index=areas.frame.index, geometry=geometry, crs=areas.crs)


@quickly
@given(
    angle=st.floats(0, 6.28),
    factor=st.sampled_from([0.5, 1.0, 2.0]),
    east=st.integers(350_000, 450_000),
    north=st.integers(200_000, 450_000),
)
def test_turning_stretching_and_shifting_the_map_changes_no_neighbour(region, angle, factor, east, north):
    before = moved(region.areas, 0.0, 1.0, 400_000, 300_000)
    after = moved(region.areas, angle, factor, east, north)
    for made in (
        lambda frame, unit: cm.contiguity(frame),
        lambda frame, unit: cm.k_nearest(frame, 4),
        lambda frame, unit: cm.distance_band(frame, 60_000 * unit),
    ):
        assert set(made(before, 1).adjacency.index) == set(made(after, factor).adjacency.index)


@quickly
@given(order=st.permutations(range(30)))
def test_quotients_do_not_depend_on_the_order_of_rows_and_columns(region, order):
    values = region.table.values
    first, other = (
        cm.location_quotient(cm.SectorTable.from_values(frame)).frame
        for frame in (values, values.iloc[list(order), ::-1])
    )
    pd.testing.assert_frame_equal(first, other, check_exact=True)


counts = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 400)), min_size=4, max_size=12)


@quickly
@given(cells=counts.filter(lambda rows: sum(a for a, _ in rows) > 0))
def test_merging_two_areas_leaves_the_quotients_of_all_others(cells):
    """The merged quotient is the mean of the two, weighted by their share of everything."""
    frame = pd.DataFrame(cells, columns=["steel", "rest"], index=[f"A{i:02d}" for i in range(len(cells))])
    merged = frame.groupby(["A00" if code == "A01" else code for code in frame.index]).sum()
    before, after = (
        cm.location_quotient(cm.SectorTable.from_values(f), sector="steel").frame.set_index("area")
        for f in (frame, merged)
    )
    columns = ["lq", "lower", "upper", "p"]
    pd.testing.assert_frame_equal(before.loc["A02":, columns], after.loc["A02":, columns])
    weight = frame.sum(axis=1).loc[["A00", "A01"]]
    assert after.loc["A00", "lq"] == pytest.approx(
        np.average(before.loc[["A00", "A01"], "lq"], weights=weight)
    )
