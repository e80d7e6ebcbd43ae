"""Geary, general G and bivariate Moran against esda, all arrangements, and themselves in other orders."""

from __future__ import annotations

import itertools
import math

import esda
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph

from clustermap import nulls
from clustermap.autocorrelation import (
    global_bivariate_moran,
    global_geary,
    global_getis_ord,
    global_moran,
)
from clustermap.autocorrelation.whole import engine as global_engine
from clustermap.autocorrelation.whole import kernels as global_kernels
from clustermap.compiled import HAVE_NUMBA
from clustermap.errors import ClusterMapError
from clustermap.tables.table import SectorTable

ROW = Graph.from_arrays([0, 1, 1, 2, 2, 3, 3, 4, 4, 5], [1, 0, 2, 1, 3, 2, 4, 3, 5, 4], [1] * 10)
SIX = pd.Series([1.0, 1.0, 2.0, 2.0, 3.0, 7.0])


def random_graph(seed):
    rng = np.random.default_rng([51, seed])
    n = int(rng.integers(8, 60))
    near = np.triu(rng.random((n, n)) < rng.uniform(0.08, 0.5), 1)
    near[0, 1:] |= ~(near[:, 1:].any(axis=0) | near[1:].any(axis=1))  # everyone has someone
    near[0, 1] = True
    focal, other = np.nonzero(near | near.T)
    frame = pd.DataFrame({"a": rng.gamma(1.0, size=n), "b": rng.normal(size=n)})
    return Graph.from_arrays(focal, other, np.ones(len(focal))), frame


def geary(x, weights):
    off = x - x.mean()
    return (len(x) - 1) * (weights * (x[:, None] - x) ** 2).sum() / (2 * weights.sum() * (off @ off))


def general_g(x, weights):
    return (weights * np.outer(x, x)).sum() / (x.sum() ** 2 - x @ x)


@pytest.mark.parametrize("transformation", ["row", "binary"])
def test_geary_and_its_moments_are_those_of_esda_on_fifty_graphs(transformation):
    for seed in range(50):
        graph, frame = random_graph(seed)
        peer = esda.Geary(
            frame["a"].to_numpy(), graph.to_W(), transformation=transformation[0], permutations=0
        )
        result = global_geary(frame["a"], graph, transformation=transformation, permutations=0)
        found = [result.statistic, result.variance, result.variance_normality, result.z]
        assert found == pytest.approx([peer.C, peer.VC_rand, peer.VC_norm, peer.z_rand], abs=1e-10)
        assert result.expected == pytest.approx(1.0, abs=1e-14)
        # esda's p_rand is that of one tail
        assert result.p_normal == pytest.approx(2 * peer.p_rand, abs=1e-10)


def test_general_g_and_its_moments_are_those_of_esda_on_fifty_graphs():
    for seed in range(50):
        graph, frame = random_graph(seed)
        weights = graph.to_W()
        weights.transform = "b"
        peer = esda.G(frame["a"].to_numpy(), weights, permutations=0)
        result = global_getis_ord(frame["a"], graph, permutations=0)
        found = [result.statistic, result.expected, result.variance, result.z]
        assert found == pytest.approx([peer.G, peer.EG, peer.VG, peer.z_norm], abs=1e-10)
        assert math.isnan(result.variance_normality)


def test_bivariate_moran_is_that_of_esda_on_fifty_graphs():
    for seed in range(50):
        graph, frame = random_graph(seed)
        weights = graph.to_W()
        weights.transform = "r"
        peer = esda.Moran_BV(frame["a"].to_numpy(), frame["b"].to_numpy(), weights, permutations=0)
        result = global_bivariate_moran(frame, graph, x="a", y="b", rates="none", permutations=0)
        assert result.statistic == pytest.approx(peer.I, abs=1e-10)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize(
    ("verb", "by_hand", "sign"), [(global_geary, geary, -1), (global_getis_ord, general_g, 1)]
)
def test_p_is_that_of_all_arrangements(verb, by_hand, sign, alternative):
    """Six areas in a row, values that tie: 720 arrangements, each equally likely."""
    weights = ROW.sparse.toarray()
    sums = np.array([by_hand(SIX.to_numpy()[list(p)], weights) for p in itertools.permutations(range(6))])
    result = verb(SIX, ROW, transformation="binary", permutations=19_999, alternative=alternative, seed=3)
    here = by_hand(SIX.to_numpy(), weights)
    assert result.statistic == pytest.approx(here, abs=1e-12)
    assert [result.expected, result.variance] == pytest.approx([sums.mean(), sums.var()], rel=1e-10)
    up, low = (sign * sums >= sign * here - 1e-9).mean(), (sign * sums <= sign * here + 1e-9).mean()
    exact = {"two-sided": min(1, 2 * min(up, low)), "greater": up, "less": low}[alternative]
    assert result.p == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 19_999) + 2 / 20_000)


@pytest.mark.parametrize("permute", ["y", "pairs"])
def test_bivariate_p_and_moments_are_those_of_all_arrangements(permute):
    frame = pd.DataFrame({"a": SIX, "b": [2.0, 1.0, 4.0, 4.0, 5.0, 3.0]})
    a, b = (((frame[c] - frame[c].mean()) / frame[c].std(ddof=0)).to_numpy() for c in "ab")
    weights = ROW.transform("r").sparse.toarray()
    orders = [list(p) for p in itertools.permutations(range(6))]
    sums = np.array([(a[p] if permute == "pairs" else a) @ weights @ b[p] for p in orders]) / 6
    result = global_bivariate_moran(
        frame, ROW, x="a", y="b", permute=permute, rates="none", permutations=19_999, seed=3
    )
    assert result.statistic == pytest.approx(a @ weights @ b / 6, abs=1e-12)
    assert [result.expected, result.variance] == pytest.approx([sums.mean(), sums.var()], abs=1e-12)
    up, low = (sums >= result.statistic - 1e-9).mean(), (sums <= result.statistic + 1e-9).mean()
    exact = min(1, 2 * min(up, low))
    assert result.p == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 19_999) + 2 / 20_000)
    assert result.frame["correlation"].item() == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_correlation_within_areas_alone_is_significant_only_where_it_is_broken(grid, values):
    """y is x with noise: a pattern shared in place. Moving y breaks it; moving pairs asks where they lie."""
    rng = np.random.default_rng(4)
    plain = pd.Series(rng.normal(size=42), index=values.index)
    frame = pd.DataFrame({"x": plain, "y": plain + 0.1 * rng.normal(size=42)})
    both = global_bivariate_moran(frame, grid, x="x", y="y", permute="pairs", rates="none", seed=1)
    assert both.expected == pytest.approx(-both.frame["correlation"].item() / 41)
    assert "both move together" in both.summary()
    assert "Within areas the two are correlated by 0.99" in both.summary()


@pytest.mark.parametrize("verb", [global_geary, global_getis_ord, global_moran])
def test_many_sectors_are_each_what_they_are_alone(grid, verb):
    """Twenty sectors: sixteen that are worked on side by side, and four by themselves."""
    frame = pd.DataFrame(
        np.random.default_rng(2).gamma(1.0, size=(42, 20)),
        index=grid.unique_ids,
        columns=[f"s{i:02d}" for i in range(20)],
    )
    options = {} if verb is global_getis_ord else {"rates": "none"}
    many = verb(frame, grid, seed=4, permutations=199, **options)
    for sector in ("s00", "s15", "s16", "s19"):
        alone = verb(frame[sector], grid, seed=4, permutations=199, **options)
        pd.testing.assert_frame_equal(many[sector].frame, alone.frame, check_exact=True)


def test_many_second_variables_are_each_what_they_are_alone(grid, table):
    for permute in ("y", "pairs"):
        many = global_bivariate_moran(table, grid, x="few", permute=permute, seed=4)
        assert list(many.frame["sector"]) == ["rest", "some"]
        alone = global_bivariate_moran(table, grid, x="few", y="some", permute=permute, seed=4)
        pd.testing.assert_frame_equal(many["some"].frame, alone.frame, check_exact=True)
        assert alone.title == "some around few"


def results(frame, graph, **options):
    yield global_geary(frame, graph, rates="none", seed=7, permutations=199, **options).frame
    yield global_getis_ord(frame.abs(), graph, seed=7, permutations=199, **options).frame
    yield global_moran(frame, graph, rates="none", seed=7, permutations=199, **options).frame
    for permute in ("y", "pairs"):
        yield global_bivariate_moran(
            frame, graph, x="a", permute=permute, rates="none", seed=7, permutations=199, **options
        ).frame


def test_same_bytes_for_any_order_and_number_of_threads(grid, other_order, values, monkeypatch):
    frame = pd.DataFrame({"a": values, "b": values.to_numpy()[::-1] ** 2, "c": np.sin(values)})
    first = list(results(frame, grid))
    shuffled = frame.sample(frac=1, random_state=1)
    for one, other in zip(first, results(shuffled, other_order), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    monkeypatch.setattr(global_engine, "_WORTH_THREADS", 0)
    for threads in (1, 2, 5):
        monkeypatch.setattr(global_engine, "workers", lambda threads=threads: threads)
        for one, other in zip(first, results(frame, grid), strict=True):
            pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.skipif(not HAVE_NUMBA, reason="numba is not here: the plain kernels are the kernels")
def test_plain_python_gives_the_same_bytes(grid, values, monkeypatch):
    frame = pd.DataFrame({f"{k:02d}": np.sin(values * (k + 1)) for k in range(17)}).rename(
        columns={"00": "a"}
    )
    first = list(results(frame, grid, null=nulls.within(pd.Series([*"UV"] * 21, index=values.index))))
    for name in global_kernels.__all__:
        monkeypatch.setattr(global_kernels, name, getattr(global_kernels, name).py_func)
    again = results(frame, grid, null=nulls.within(pd.Series([*"UV"] * 21, index=values.index)))
    for one, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_shift_and_scale_change_nothing(seed, scale, shift):
    graph, frame = random_graph(seed)
    y = frame["a"]
    for verb, other in ((global_geary, y * scale + shift), (global_getis_ord, y * scale)):
        one, two = verb(y, graph, permutations=99, seed=1), verb(other, graph, permutations=99, seed=1)
        assert one.statistic == pytest.approx(two.statistic, rel=1e-9)
        assert one.z == pytest.approx(two.z, rel=1e-6)
        assert one.p == two.p


def test_geary_and_moran_agree_on_a_smooth_map_and_name_the_same_tail(grid, values):
    for alternative, small in (("greater", True), ("less", False), ("two-sided", True)):
        for verb in (global_geary, global_moran):
            result = verb(values, grid, alternative=alternative, seed=1)
            assert (result.p < 0.05) == (result.p_normal < 0.05) == small
    assert "resemble each other more" in global_geary(values, grid, seed=1).summary()
    assert global_geary(values, grid, seed=1).z < 0


def test_where_all_have_as_many_links_general_g_is_moran_in_other_units(values):
    """G cannot tell gathering of high from gathering of low values there: its z is that of Moran's I."""
    n = len(values)
    ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    y = values.abs().reset_index(drop=True)
    for x in (y, y.max() - y):
        general, moran = (verb(x, ring, seed=1) for verb in (global_getis_ord, global_moran))
        assert general.z == pytest.approx(moran.z, abs=1e-9)
    assert global_getis_ord(y, ring, seed=1).z == pytest.approx(
        global_getis_ord(y.max() - y, ring, seed=1).z, abs=1e-9
    )


def test_general_g_is_moved_by_how_well_linked_high_areas_are():
    """A hub with the one high value, all others alike: no likeness, and yet a large G."""
    star = Graph.from_arrays([0] * 8 + list(range(1, 9)), list(range(1, 9)) + [0] * 8, [1] * 16)
    y = pd.Series([5.0] + [1.0] * 8)
    assert global_moran(y, star, transformation="binary", seed=1).statistic < 0
    result = global_getis_ord(y, star, alternative="greater", permutations=9_999, seed=1)
    assert result.z > 2
    assert result.p == pytest.approx(1 / 9, abs=0.02)


def test_isolates_count_as_areas_but_have_no_links(with_isolate):
    y = pd.Series(np.arange(8.0) ** 2, index=list("abcdefgz"))
    weights = with_isolate.transform("b").sparse.toarray()
    x = y[list(with_isolate.unique_ids)].to_numpy()
    assert global_geary(y, with_isolate, transformation="binary", permutations=0).statistic == pytest.approx(
        geary(x, weights)
    )
    assert global_getis_ord(y, with_isolate, permutations=0).statistic == pytest.approx(general_g(x, weights))


def test_suppressed_cells_are_left_out_of_both_variables(grid, table):
    counts = table.values.copy()
    counts.iloc[:5, 0] = np.nan
    hidden = SectorTable.from_values(counts, area_totals=table.area_totals)
    kept = counts.index[5:]
    part = SectorTable.from_values(table.values.loc[kept], area_totals=table.area_totals.loc[kept])
    found = global_bivariate_moran(hidden, grid, x="few", y="some", seed=1)
    # the rates of "some" are standardised over all areas that know it, and again over those that know both
    assert np.isfinite(found.statistic)
    alone = global_bivariate_moran(part, grid.subgraph(kept), x="few", y="some", rates="none", permutations=0)
    raw = global_bivariate_moran(hidden, grid, x="few", y="some", rates="none", permutations=0)
    assert raw.statistic == pytest.approx(alone.statistic, abs=1e-12)


def test_results_say_themselves(grid, table):
    many = global_geary(table, grid, seed=1)
    assert "Geary's c of 3 sectors" in many.summary()
    assert "GlobalResults" in repr(many)
    strongest = many.frame.sort_values("z")["sector"].iloc[0]
    assert many.summary().splitlines()[1].startswith(strongest)
    one = many["some"]
    assert repr(one).startswith("<GlobalResult: c ")
    assert "<table" in one._repr_html_()
    assert "General G of some" in global_getis_ord(table, grid, sector="some", seed=1).summary()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda v, g: global_getis_ord(v - v.max(), g), "CM-GETIS-001"),
        (lambda v, g: global_getis_ord((v == v.max()).astype(float), g), "CM-GETIS-002"),
        (lambda v, g: global_getis_ord(v * 0 + 2, g), "CM-MORAN-004"),
        (lambda v, g: global_geary(v, g, alternative="upper"), "CM-MORAN-001"),
        (lambda v, g: global_geary(v, g, null="toroidal"), "CM-NULL-001"),
        (lambda v, g: global_geary(v, g, permutations=0, null=nulls.toroidal(6, 7)), "CM-NULL-007"),
        (lambda v, g: global_geary(v.iloc[:-1], g), "CM-ALIGN-002"),
        (lambda v, g: global_geary(v.where(v > v.min()), g), "CM-ALIGN-003"),
        (lambda v, g: global_bivariate_moran(v, g, x="a"), "CM-BIVARIATE-001"),
        (lambda v, g: global_bivariate_moran(v.to_frame("a"), g, x="a", rates="none"), "CM-BIVARIATE-001"),
        (lambda v, g: global_bivariate_moran(two(v), g, x="a", y="a", rates="none"), "CM-BIVARIATE-001"),
        (lambda v, g: global_bivariate_moran(two(v), g, x="a", y="z", rates="none"), "CM-SECTOR-001"),
        (lambda v, g: global_bivariate_moran(two(v), g, x="z", rates="none"), "CM-SECTOR-001"),
        (lambda v, g: global_bivariate_moran(two(v), g, x="a", permute="x", rates="none"), "CM-MORAN-001"),
        (lambda v, g: global_bivariate_moran(two(v * 0), g, x="b", y="a", rates="none"), "CM-MORAN-004"),
        (lambda v, g: global_bivariate_moran(two(v * 0), g, x="a", rates="none"), "CM-MORAN-004"),
    ],
)
def test_what_has_no_answer_is_refused(grid, values, call, code):
    with pytest.raises(ClusterMapError, match=code):
        call(values, grid)


def two(values):
    return pd.DataFrame({"a": values, "b": np.arange(len(values)) % 5 * 1.0})


def test_a_sector_that_cannot_be_answered_is_undefined_among_many(grid, values):
    single = (values == values.max()).astype(float)
    many = global_getis_ord(pd.DataFrame({"one": single, "all": values.abs()}), grid, seed=1)
    frame = many.frame.set_index("sector")
    assert frame.loc["one", ["statistic", "z"]].isna().all()
    assert frame.loc["all"].notna().all()
