"""K_d: what a sector's distances are, what chance gives, and the exact null against simulation."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.spatial.distance import pdist, squareform

from clustermap.errors import AlignmentError, CrsError, InputError, OptionError, StatisticsError
from clustermap.measures.distance import (
    DistanceCurve,
    DistanceCurves,
    cross_duranton_overman,
    duranton_overman,
    economy_distances,
    economy_from_pairs,
)
from clustermap.measures.distance.bands import simulated_bands
from clustermap.measures.distance.cells import (
    cell_histogram,
    grid_of,
    offset_counts,
    ring_counts,
    table,
)
from clustermap.measures.distance.moments import Moments, coefficients, ring_spread
from clustermap.measures.distance.pairs import pair_histogram, weighted_pair_histogram
from clustermap.measures.distance.results import label_of
from clustermap.measures.distance.samples import draw_sites, sampled_on_cells, sampled_pairs
from clustermap.measures.distance.smoothing import kernel
from clustermap.sources.firms import as_firms
from clustermap.testing import make_world

NEAR = {"maximum_m": 60_000.0, "permutations": 199, "seed": 7}


# --- small closed cases -------------------------------------------------------
def test_three_firms_have_three_distances():
    x, y = np.array([0.0, 3.0, 0.0]), np.array([0.0, 0.0, 4.0])
    assert pair_histogram(x, y, width=1.0, bins=7).tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert weighted_pair_histogram(x, y, np.array([1.0, 2.0, 3.0]), width=1.0, bins=7).tolist() == [
        0,
        0,
        0,
        2,
        3,
        6,
        0,
    ]


def test_two_firms_make_one_kernel_with_what_lies_below_zero_folded_back(points):
    at = np.linspace(0, 60_000, 181)
    square = points([0, 1_000, 30_000, 59_000, 40_000], [0, 0, 0, 0, 9_000], kind=list("aabbb"))
    curve = duranton_overman(square, sectors="kind", sector="a", bandwidth=2_000, **NEAR)
    # the pair stands at 1,000 m, and a bin is 333 m wide
    middle = 1_000 + 1_000 / 6
    wanted = (
        sum(np.exp(-(((at - sign * middle) / 2_000) ** 2) / 2) for sign in (1, -1))
        / 2_000
        / np.sqrt(2 * np.pi)
    )
    np.testing.assert_allclose(curve.frame["value"], wanted, atol=2e-3 * wanted.max())


def test_the_curve_sums_to_one_over_all_distances(firms):
    far = {**NEAR, "maximum_m": 100_000.0}
    curve = duranton_overman(firms, sectors="trade", sector="any", **far)
    assert np.trapezoid(curve.frame["value"], curve.frame["distance"]) == pytest.approx(1, abs=1e-2)
    weighted = duranton_overman(firms, sectors="trade", sector="any", weights="jobs", **far)
    assert np.trapezoid(weighted.frame["value"], weighted.frame["distance"]) == pytest.approx(1, abs=1e-2)


def test_the_curve_is_the_kernel_density_of_the_distances(firms):
    some = firms[firms["trade"] == "any"]
    curve = duranton_overman(firms, sectors="trade", sector="any", bandwidth=3_000, **NEAR)
    xy = np.c_[some.geometry.x, some.geometry.y]
    d, at = pdist(xy), curve.frame["distance"].to_numpy()
    peer = sum(np.exp(-(((at[:, None] - sign * d) / 3_000) ** 2) / 2).sum(axis=1) for sign in (1, -1))
    peer /= len(d) * 3_000 * np.sqrt(2 * np.pi)
    assert np.abs(curve.frame["value"] - peer).max() < 0.01 * peer.max()
    jobs = some["jobs"].to_numpy()
    pair = (jobs[:, None] * jobs[None, :])[np.triu_indices(len(jobs), 1)]
    weighted = duranton_overman(firms, sectors="trade", sector="any", weights="jobs", bandwidth=3_000, **NEAR)
    peer = sum(
        (np.exp(-(((at[:, None] - sign * d) / 3_000) ** 2) / 2) * pair).sum(axis=1) for sign in (1, -1)
    )
    peer /= pair.sum() * 3_000 * np.sqrt(2 * np.pi)
    assert np.abs(weighted.frame["value"] - peer).max() < 0.01 * peer.max()


# --- cells --------------------------------------------------------------------
def test_the_shares_of_two_cells_are_the_distances_of_points_spread_over_both():
    rng = np.random.default_rng(3)
    shares = table(2.0, 60)
    for a, b in [(0, 0), (0, 1), (1, 1), (3, 7), (40, 2)]:
        apart = rng.random((200_000, 2)) - rng.random((200_000, 2)) + (a, b)
        seen = np.bincount((np.hypot(*apart.T) / 2).astype(int), minlength=80) / 200_000
        start = shares.first[a, b]
        np.testing.assert_allclose(
            shares.share[a, b] / 4_096, seen[start : start + shares.share.shape[2]], atol=0.02
        )
        assert shares.share[a, b].sum() == 4_096


def test_loops_and_transforms_over_cells_agree_to_the_last_pair(towns):
    xy = towns(800, 4, side=50_000)
    cells, place = grid_of(*xy.T, 500.0)
    mass = np.bincount(place).astype(float)
    shares, inner = table(2.0, 60), mass * (mass - 1) / 2
    offsets = offset_counts(cells, mass, shares.reach)
    offsets[0, 0] = inner.sum()
    looped = cell_histogram(cells, mass, inner, shares, 60)
    np.testing.assert_array_equal(looped, shares.bins(offsets, 60) / 4_096)
    assert looped.sum() == pytest.approx(800 * 799 / 2, rel=1e-3)


def test_a_large_sector_goes_through_the_transform_with_the_same_answer(monkeypatch, towns):
    xy = towns(3_000, 4, side=50_000)
    cells, place = grid_of(*xy.T, 500.0)
    mass = np.bincount(place).astype(float)
    looped = cell_histogram(cells, mass, mass * (mass - 1) / 2, table(2.0, 60), 60)
    monkeypatch.setattr("clustermap.measures.distance.cells._DIRECT", 1.0)
    np.testing.assert_array_equal(
        cell_histogram(cells, mass, mass * (mass - 1) / 2, table(2.0, 60), 60), looped
    )


def test_ring_counts_are_counted_around_every_site(towns):
    xy = towns(500, 8, side=40_000)
    cells, place = grid_of(*xy.T, 500.0)
    mass = np.bincount(place).astype(float)
    shares = table(2.0, 30)
    rings = ring_counts(cells, mass, shares, range(30))
    for v in (0, len(mass) // 2, len(mass) - 1):
        alone = np.zeros(len(mass))
        alone[v] = 1.0
        both = cell_histogram(cells, mass + alone, np.zeros(len(mass)), shares, 30)
        # adding one to the mass of a cell adds one pair with everything else
        without = cell_histogram(cells, mass, np.zeros(len(mass)), shares, 30)
        own = np.zeros(30)
        own[: shares.share.shape[2]] = mass[v] * shares.share[0, 0] / 4_096
        np.testing.assert_allclose(rings[v], both - without + own, atol=1e-9)


def test_the_number_of_workers_changes_no_byte_of_a_transform(towns, monkeypatch):
    from scipy import fft

    xy = towns(2_000, 10, side=90_000)
    cells, place = grid_of(*xy.T, 500.0)
    mass = np.bincount(place).astype(float)
    found = []
    for workers in (1, 2, 5):
        for name in ("rfft2", "irfft2"):
            true = getattr(fft, name)
            monkeypatch.setattr(fft, name, lambda *a, f=true, w=workers, **k: f(*a, **{**k, "workers": w}))
        offsets = offset_counts(cells, mass, 100)
        found.append((offsets, ring_counts(cells, mass, table(2.0, 40), range(40))))
        monkeypatch.undo()
    for other in found[1:]:
        np.testing.assert_array_equal(found[0][0], other[0])
        np.testing.assert_array_equal(found[0][1], other[1])


def test_a_curve_on_cells_is_within_one_percent_of_the_exact_one(points, towns):
    xy = towns(6_000, 9, side=300_000, number=80)
    firms = points(*xy.T, kind=np.where(np.arange(6_000) < 4_000, "some", "rest"))
    options = {"sectors": "kind", "sector": "some", "seed": 1}
    economy = economy_distances(firms)
    cells = duranton_overman(economy, method="moments", **options).frame["value"]
    exact = duranton_overman(economy, method="exact-pairs", permutations=19, **options).frame["value"]
    assert np.abs(cells - exact).max() < 0.01 * exact.max()
    assert np.abs(cells - exact).sum() < 0.01 * exact.sum()


# --- the exact null -----------------------------------------------------------
def test_coefficients_of_counts_are_the_closed_form():
    n, sites = 300, 4_000
    found = coefficients(np.ones(n), sites)
    p2 = n * (n - 1) / (sites * (sites - 1))
    left = (sites - n) * (sites - n - 1) / ((sites - 2) * (sites - 3))
    assert found.mean == pytest.approx(p2, rel=1e-14)
    assert found.same == pytest.approx(p2 * left, rel=1e-13)
    assert found.spread == pytest.approx(p2 * (n - 2) * (sites - n) / ((sites - 2) * (sites - 3)), rel=1e-13)
    assert found.product == pytest.approx(-2 * p2 * left / (sites * (sites - 1)), rel=1e-13)


def test_mean_and_covariance_are_those_of_all_possible_sectors():
    """Five sites, marks 1, 2, 4 on any three of them: all sixty ways are counted."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 10, (2, 5))
    mark, bins = np.array([1.0, 2.0, 4.0]), 4
    number = np.minimum(squareform(pdist(np.c_[x, y])) // 3, bins - 1).astype(int)
    sums = []
    for sites in permutations(range(5), 3):
        row = np.zeros(bins)
        for i in range(3):
            for j in range(i):
                row[number[sites[i], sites[j]]] += mark[i] * mark[j]
        sums.append(row)
    pairs, around = np.zeros(bins), np.zeros((5, bins))
    for i in range(5):
        for j in range(5):
            if i != j:
                around[i, number[i, j]] += 1
    pairs = around.sum(axis=0) / 2
    spread = around - around.mean(axis=0)
    moments = Moments(pairs, np.diag(pairs), spread.T @ spread)
    weigh = coefficients(mark, 5)
    np.testing.assert_allclose(weigh.mean * pairs, np.mean(sums, axis=0), rtol=1e-12)
    np.testing.assert_allclose(weigh.covariance(moments), np.cov(np.array(sums).T, ddof=0), atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_exact_null_agrees_with_simulation(economy, weighted):
    """3,000 draws: a mean errs by 1/√3,000 of its standard deviation, a standard deviation by 1.3 % of itself."""
    n, draws, h = 300, 3_000, 4_000.0
    mark = np.sort(np.random.default_rng(4).lognormal(0, 1, n))[::-1] if weighted else np.ones(n)
    places = draw_sites(economy.sites, n, draws=draws, seed=11)
    drawn = sampled_on_cells(economy, places, mark)
    smooth = kernel(economy.points, economy.bins, width=economy.step, bandwidth=h)
    curves = drawn @ smooth.T
    weigh = coefficients(mark, economy.sites)
    mean = smooth @ economy.moments.pairs * weigh.mean
    deviation = np.sqrt(np.diag(smooth @ weigh.covariance(economy.moments) @ smooth.T))
    assert np.abs((curves.mean(axis=0) - mean) / deviation).max() < 5 / np.sqrt(draws)
    ratio = curves.std(axis=0) / deviation
    assert np.abs(ratio - 1).max() < 0.08
    assert np.mean(ratio) == pytest.approx(1, abs=0.03)
    seen = np.corrcoef(curves.T)[::20, ::20]
    v = smooth @ weigh.covariance(economy.moments) @ smooth.T
    np.testing.assert_allclose(seen, (v / np.outer(deviation, deviation))[::20, ::20], atol=0.1)


def test_far_rings_on_wider_cells_change_no_band_by_two_percent(economy, monkeypatch):
    monkeypatch.setattr("clustermap.measures.distance.moments.LEVELS", ())
    count = np.bincount(economy.place)
    moments = economy.moments
    finest = ring_spread(economy.cells, count, moments.same, bin_cells=2.0)
    weigh = coefficients(np.ones(2_000), economy.sites)
    smooth = kernel(economy.points, economy.bins, width=economy.step, bandwidth=3_500.0)
    ours, theirs = (
        np.sqrt(np.diag(smooth @ weigh.covariance(m) @ smooth.T))
        for m in (moments, moments._replace(spread=finest))
    )
    assert np.abs(ours / theirs - 1).max() < 0.02


# --- labels, bands, indices -----------------------------------------------------
def test_a_sector_around_one_place_is_localised_and_a_random_one_is_not(firms):
    result = duranton_overman(firms, sectors="trade", **{**NEAR, "permutations": 999})
    assert isinstance(result, DistanceCurves)
    near, some = result["near"], result["any"]
    assert (near.label, near.p_localised) == ("localised", 0.001)
    assert near.localisation > 0 == near.dispersion
    assert some.label == "not significant"
    assert (some.localisation, some.dispersion) == (0, 0)
    assert list(result.tests["sector"]) == ["any", "near", "rest"]
    assert "near: 20 firms, localised" in result.summary()
    assert "random labelling" in near.summary()
    assert "near" in repr(near)
    assert "3 sectors" in repr(result)
    assert near._repr_html_().startswith("<pre>")


def test_firms_on_a_lattice_of_their_own_are_dispersed(points):
    rng = np.random.default_rng(5)
    side = np.arange(8) * 7_000.0
    lattice = np.array(np.meshgrid(side, side)).reshape(2, -1).T
    crowd = rng.normal(28_000, 3_000, (700, 2))
    xy = np.vstack((lattice, crowd))
    result = duranton_overman(
        points(*xy.T, kind=["grid"] * 64 + ["crowd"] * 700),
        sectors="kind",
        sector="grid",
        maximum_m=60_000,
        seed=1,
    )
    assert (result.frame["value"] < result.frame["global_lower"]).any()


def test_a_curve_that_is_no_number_has_no_p():
    curves = np.random.default_rng(1).random((99, 3))
    for seen, drawn in (
        (np.array([0.5, np.nan, 0.5]), curves),
        (curves[0], np.where(curves > 0.9, np.nan, curves)),
    ):
        bands = simulated_bands(seen, drawn, 0.05)
        assert np.isnan([bands.p_above, bands.p_below]).all()
        assert label_of(bands.p_above, bands.p_below, 0.05) == "no answer"


def test_labels_follow_the_bands_and_the_p(firms):
    result = duranton_overman(firms, sectors="trade", **{**NEAR, "permutations": 199})
    for name, frame in result.frame.groupby("sector"):
        test = result[name].tests.iloc[0]
        assert (frame["value"] > frame["global_upper"]).any() == (test["p_localised"] <= 0.05)
        assert (frame["value"] < frame["global_lower"]).any() == (test["p_dispersed"] <= 0.05)
        assert ((frame["lower"] <= frame["expected"]) & (frame["expected"] <= frame["upper"])).all()


def test_bands_by_moments_and_by_simulation_agree_for_a_large_sector(economy):
    """299 draws: a quantile at 5 % errs by some 8 % of a standard deviation, the maximum's by more."""
    rng = np.random.default_rng(3)
    frame = economy.firms.frame.assign(kind=np.where(rng.random(2_400) < 0.5, "some", "rest"))
    economy = replace(economy, firms=replace(economy.firms, frame=frame))
    options = {"sectors": "kind", "sector": "some", "seed": 3}
    exact = duranton_overman(economy, method="moments", **options)
    drawn = duranton_overman(economy, method="fft", permutations=299, **options)
    assert exact.tests["decided"].iloc[0] == "exact moments of chance, normal band"
    np.testing.assert_allclose(exact.frame["value"], drawn.frame["value"], rtol=1e-12)
    wide = (exact.frame["upper"] - exact.frame["lower"]) / 2
    assert (np.abs(exact.frame["expected"] - drawn.frame["expected"]) < 0.25 * wide).all()
    for band in ("upper", "global_upper", "lower", "global_lower"):
        both = [np.mean(np.abs(r.frame[band] - exact.frame["expected"]) / wide) for r in (exact, drawn)]
        assert both[0] == pytest.approx(both[1], rel=0.15)


def test_auto_takes_moments_from_two_thousand_firms_on(economy):
    frame = economy.firms.frame.assign(kind=np.where(np.arange(2_400) < 2_000, "large", "small"))
    economy = replace(economy, firms=replace(economy.firms, frame=frame))
    tests = duranton_overman(economy, sectors="kind", permutations=99, seed=1).tests.set_index("sector")
    assert tests["decided"].to_dict() == {
        "large": "exact moments of chance, normal band",
        "small": "99 simulated draws",
    }


def test_large_sectors_of_uneven_weights_are_simulated_on_cells(firms, monkeypatch):
    monkeypatch.setattr("clustermap.measures.distance.tasks.EXACT_UP_TO", 100)
    mixed = duranton_overman(firms, sectors="trade", **NEAR)
    for name, method in (("near", "exact-pairs"), ("rest", "fft")):
        alone = duranton_overman(firms, sectors="trade", sector=name, method=method, **NEAR)
        pd.testing.assert_frame_equal(mixed[name].frame, alone.frame, check_exact=True)


# --- invariances ------------------------------------------------------------------
def test_a_sector_alone_has_the_same_bytes_as_among_others(firms):
    many = duranton_overman(firms, sectors="trade", **NEAR)["near"]
    alone = duranton_overman(firms, sectors="trade", sector="near", **NEAR)
    pd.testing.assert_frame_equal(many.frame, alone.frame, check_exact=True)
    assert many.p == alone.p


def test_row_order_and_threads_change_no_byte(firms, monkeypatch):
    one = duranton_overman(firms, sectors="trade", weights="jobs", **NEAR)
    counted = duranton_overman(firms, sectors="trade", **NEAR)
    for threads in (1, 3):
        monkeypatch.setattr("clustermap.measures.distance.pairs.workers", lambda t=threads: t)
        monkeypatch.setattr("clustermap.measures.distance.pairs._WORTH_THREADS", 1)
        other = firms.sample(frac=1, random_state=threads)
        again = duranton_overman(other, sectors="trade", weights="jobs", **NEAR)
        pd.testing.assert_frame_equal(one.frame, again.frame, check_exact=True)
        again = duranton_overman(other, sectors="trade", **NEAR)
        pd.testing.assert_frame_equal(counted.frame, again.frame, check_exact=True)


@settings(max_examples=6, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 1_000))
def test_shift_and_relabelling_leave_the_curve_alone(n, seed, points):
    rng = np.random.default_rng(seed)
    xy = rng.integers(0, 50_000, (60, 2)).astype(float)
    kind = np.where(np.arange(60) < n, "a", "b")
    options = {"sectors": "kind", "maximum_m": 50_000, "permutations": 19, "seed": 1}
    one = duranton_overman(points(*xy.T, kind=kind), sector="a", **options).frame["value"]
    names = np.where(kind == "a", "z", "b")
    moved = duranton_overman(
        points(xy[:, 0] + 1_000, xy[:, 1] + 64_000, kind=names), sector="z", **options
    ).frame["value"]
    np.testing.assert_allclose(one, moved, rtol=1e-9, atol=1e-15)


def test_weights_of_one_are_firms_and_their_scale_does_not_matter(firms):
    firms = firms.assign(one=1.0, ten=firms["jobs"] * 10)
    counted = duranton_overman(firms, sectors="trade", sector="near", **NEAR)
    ones = duranton_overman(firms, sectors="trade", sector="near", weights="one", **NEAR)
    pd.testing.assert_frame_equal(counted.frame, ones.frame)
    jobs = duranton_overman(firms, sectors="trade", sector="near", weights="jobs", **NEAR)
    tens = duranton_overman(firms, sectors="trade", sector="near", weights="ten", **NEAR)
    pd.testing.assert_frame_equal(jobs.frame, tens.frame)


def test_shorter_draws_begin_longer_ones_and_sizes_nest(economy):
    places = draw_sites(economy.sites, 30, draws=5, seed=2)
    assert (places[:, :12] == draw_sites(economy.sites, 12, draws=5, seed=2)).all()
    found = dict(sampled_pairs(economy, places, np.array([12, 30])))
    for n, counts in found.items():
        for b in range(5):
            own = places[b, :n]
            counted = pair_histogram(
                economy.x[own], economy.y[own], width=economy.step, bins=economy.bins + 1
            )
            np.testing.assert_array_equal(counts[b], counted[:-1])


# --- distances given pair by pair ----------------------------------------------------
def test_points_and_their_distance_table_give_the_same(firms):
    ids = np.array(sorted(firms["firm_id"]))
    ordered = firms.set_index("firm_id").loc[ids]
    distance = squareform(pdist(np.c_[ordered.geometry.x, ordered.geometry.y]))
    one, other = np.triu_indices(len(ids), 1)
    frame = pd.DataFrame({"a": ids[one], "b": ids[other], "m": distance[one, other]})
    graph = economy_from_pairs(firms, frame, maximum=60_000.0, unit="m")
    matrix = economy_from_pairs(
        firms, coo_array((frame["m"], (one, other)), shape=distance.shape), maximum=60_000.0
    )
    options = {"sectors": "trade", "bandwidth": 3_000, "permutations": 199, "seed": 7}
    for weights in ("firms", "jobs"):
        direct = duranton_overman(firms, maximum_m=60_000, weights=weights, **options)
        for economy in (graph, matrix):
            given_ = duranton_overman(economy, weights=weights, **options)
            np.testing.assert_allclose(
                direct.frame.iloc[:, 1:], given_.frame.iloc[:, 1:], rtol=1e-6, atol=1e-18
            )
    assert duranton_overman(matrix, **options).unit == "minutes"
    assert "pairs were given" in graph.summary()


def test_moments_of_listed_pairs_agree_with_their_simulation(firms):
    rng = np.random.default_rng(9)
    ids = np.array(sorted(firms["firm_id"]))
    one, other = np.triu_indices(len(ids), 1)
    minutes = rng.uniform(0, 100, len(one)) + 20 * (one % 3 == 0)
    economy = economy_from_pairs(
        firms, pd.DataFrame({"a": ids[one], "b": ids[other], "t": minutes}), maximum=90
    )
    places = draw_sites(600, 100, draws=2_000, seed=1)
    _, drawn = next(iter(sampled_pairs(economy, places, np.array([100]))))
    weigh = coefficients(np.ones(100), 600)
    mean, v = weigh.mean * economy.moments.pairs, weigh.covariance(economy.moments)
    used = mean > 0
    assert np.mean(drawn.mean(axis=0)[used] / mean[used]) == pytest.approx(1, abs=0.01)
    assert np.mean(drawn.std(axis=0)[used] / np.sqrt(np.diag(v))[used]) == pytest.approx(1, abs=0.02)
    assert duranton_overman(economy, sectors="trade", sector="rest", method="moments", seed=1).p > 0


def test_a_pair_given_twice_has_its_mean_and_this_is_said(firms):
    frame = pd.DataFrame({"a": ["f0001", "f0002"], "b": ["f0002", "f0001"], "t": [10.0, 20.0]})
    economy = economy_from_pairs(firms, frame, maximum=60)
    assert economy.links.distance.tolist() == [15.0]
    assert "more than once" in economy.note


# --- what is said, what is refused ------------------------------------------------------
def test_stacked_firms_are_pairs_at_distance_zero_and_this_is_said(points):
    xy = np.repeat(
        np.array([[0.0, 0.0], [9_000.0, 0.0], [50_000.0, 9_000.0], [20_000.0, 30_000.0]]), 5, axis=0
    )
    firms = points(*xy.T, firm_id=[f"{i:02}" for i in range(20)], kind=["a"] * 5 + ["b"] * 15)
    result = duranton_overman(firms, sectors="kind", sector="a", bandwidth=500, **NEAR)
    assert result.frame["value"].idxmax() == 0
    assert "16 of 20 firms share their place" in result.summary()


def test_a_sector_without_an_answer_says_why(firms):
    firms = firms.assign(trade=firms["trade"].where(firms.index != 3, "alone"))
    result = duranton_overman(firms, sectors="trade", **NEAR)
    test = result.tests.set_index("sector").loc["alone"]
    assert (test["status"], test["label"]) == ("fewer than two firms", "no answer")
    assert np.isnan(test["p"])
    assert result["alone"].frame["value"].isna().all()
    assert "fewer than two firms" in result.summary()
    assert "no answer" in result["alone"].summary()
    with pytest.raises(StatisticsError, match="CM-DISTANCE-013"):
        duranton_overman(firms, sectors="trade", sector="alone", **NEAR)
    with pytest.raises(StatisticsError, match="every firm belongs to it"):
        duranton_overman(firms.assign(trade="all"), sectors="trade", sector="all", **NEAR)


def test_bad_input_is_refused_with_its_code(firms, points):
    options = {"sectors": "trade", "sector": "near", **NEAR}
    with pytest.raises(StatisticsError, match="CM-DISTANCE-001"):
        duranton_overman(firms.head(3), **options)
    with pytest.raises(InputError, match="CM-DISTANCE-002"):
        duranton_overman(firms, weights="trade", **options)
    with pytest.raises(InputError, match="CM-DISTANCE-002"):
        duranton_overman(firms.assign(none=0.0), weights="none", **options)
    with pytest.raises(InputError, match="CM-DISTANCE-003"):
        duranton_overman(firms.assign(loss=-1.0), weights="loss", **options)
    for scale in (1e200, 1e-200):  # products of such numbers are infinite or 0, and the curve is none
        with pytest.raises(InputError, match="CM-DISTANCE-003"):
            duranton_overman(firms.assign(jobs=firms["jobs"] * scale), weights="jobs", **options)
    with pytest.raises(OptionError, match="CM-DISTANCE-006"):
        duranton_overman(firms, **{**options, "permutations": 9})
    with pytest.raises(OptionError, match="CM-DISTANCE-010"):
        duranton_overman(firms, **{**options, "maximum_m": 0})
    with pytest.raises(OptionError, match="CM-DISTANCE-012"):
        duranton_overman(firms, method="guess", **options)
    with pytest.raises(OptionError, match="CM-DISTANCE-012"):
        duranton_overman(firms, bandwidth=-1, **options)
    with pytest.raises(OptionError, match="CM-DISTANCE-012"):
        duranton_overman(firms, alpha=0.7, **options)
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        duranton_overman(firms, **{**options, "sector": "nothing"})
    with pytest.raises(InputError, match="CM-DISTANCE-005"):
        duranton_overman(firms.assign(trade=None), **{**options, "sector": None})
    with pytest.raises(StatisticsError, match="CM-DISTANCE-014"):
        duranton_overman(firms, **{**options, "maximum_m": 180_000_000})
    with pytest.raises(StatisticsError, match="CM-DISTANCE-011"):
        duranton_overman(points(np.zeros(9), np.zeros(9), firm_id=list("abcdefghi"), trade="near"), **options)
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        duranton_overman(firms, sectors="trade", **NEAR)["nothing"]


def test_degrees_are_no_distances(firms):
    read = as_firms(firms)
    with pytest.raises(CrsError, match="CM-CRS-004"):
        economy_distances(replace(read, frame=read.frame.to_crs(4326)))


def test_an_economy_is_made_for_one_largest_distance(economy):
    assert duranton_overman(economy, sectors="firm_id", maximum_m=180_000, permutations=19).maximum == 180_000
    with pytest.raises(OptionError, match="CM-DISTANCE-010"):
        duranton_overman(economy, sectors="firm_id", maximum_m=90_000)
    assert "exact null" in repr(economy)
    assert economy.frame["pairs"].sum() > 0
    assert economy._repr_html_().startswith("<pre>")


def test_a_grid_that_does_not_fit_is_refused(points):
    xy = np.array([[0.0, 0.0], [3e5, 3e5], [1e5, 1e5], [0.0, 3e5]])
    with pytest.raises(OptionError, match="CM-DISTANCE-004"):
        economy_distances(points(*xy.T, firm_id=list("abcd")), maximum_m=400)


def test_pairs_that_cannot_be_read_are_refused(firms):
    frame = pd.DataFrame({"a": ["f0001"], "b": ["f0002"], "t": [5.0]})
    for bad, error, code in (
        (frame.iloc[:, :2], AlignmentError, "CM-DISTANCE-007"),
        (frame.assign(b="who"), AlignmentError, "CM-DISTANCE-007"),
        (np.zeros((3, 3)), AlignmentError, "CM-DISTANCE-007"),
        (frame.assign(t=-1.0), InputError, "CM-DISTANCE-008"),
        (frame.assign(t=np.nan), InputError, "CM-DISTANCE-008"),
        (frame.assign(t=500.0), InputError, "CM-DISTANCE-009"),
    ):
        with pytest.raises(error, match=code):
            economy_from_pairs(firms, bad, maximum=60)
    economy = economy_from_pairs(firms, frame, maximum=60)
    with pytest.raises(OptionError, match="CM-DISTANCE-012"):
        duranton_overman(economy, sectors="trade", method="fft")


def test_sectors_come_from_codes_taxonomies_and_columns(firms):
    sic = np.where(firms["trade"] == "near", "26110", "47110")
    coded = firms.assign(sic=sic)
    by_code = duranton_overman(coded, sector="26110", **NEAR)
    by_name = duranton_overman(coded, sectors={"chips": ["261"]}, sector="chips", **NEAR)
    by_column = duranton_overman(firms, sectors="trade", sector="near", **NEAR)
    assert isinstance(by_code, DistanceCurve)
    pd.testing.assert_frame_equal(by_code.frame, by_column.frame)
    pd.testing.assert_frame_equal(by_name.frame, by_column.frame)


# --- a published forest -----------------------------------------------------------------
@pytest.mark.real
def test_e19_trees_of_paracou_from_points_and_from_their_distance_table(real_data, points):
    trees = pd.read_csv(real_data / "reference" / "paracou16_trees.csv")
    ids = [f"t{i:04}" for i in range(len(trees))]
    forest = points(
        trees["x_m"],
        trees["y_m"],
        firm_id=ids,
        kind=trees["PointType"],
        area=trees["PointWeight"],
    )
    options = {"sectors": "kind", "sector": "V. Americana", "permutations": 99, "seed": 1, "bandwidth": 10}
    direct = duranton_overman(forest, maximum_m=900, **options)
    assert np.trapezoid(direct.frame["value"], direct.frame["distance"]) == pytest.approx(1, abs=1e-2)
    some = np.flatnonzero(trees["PointType"] == "V. Americana")
    distance = pdist(trees[["x_m", "y_m"]].to_numpy()[some])
    one, other = np.triu_indices(len(some), 1)
    ids = np.array(ids)
    frame = pd.DataFrame({"a": ids[some][one], "b": ids[some][other], "m": distance})
    graph = economy_from_pairs(forest, frame, maximum=900, unit="m")
    table_ = duranton_overman(graph, **options)
    np.testing.assert_allclose(direct.frame["value"], table_.frame["value"], rtol=1e-6, atol=1e-15)
    cells = duranton_overman(forest, maximum_m=900, **{**options, "method": "fft", "permutations": 19})
    assert np.abs(cells.frame["value"] - direct.frame["value"]).sum() < 0.1 * direct.frame["value"].sum()


# --- where rounding leaves no covariance --------------------------------------
@pytest.fixture(scope="module")
def lopsided():
    """98 of 100 firms are of one trade, and hardly a pair is as far apart as the curves reach."""
    return as_firms(make_world(n_areas=12, planted="pair", sector_firms=100, points=True, seed=1).firms)


def test_a_sector_of_nearly_all_firms_is_simulated_where_its_covariance_rounds_to_none(lopsided):
    curve = duranton_overman(lopsided, sectors={"rest": ["960"]}, permutations=99, seed=1)
    assert curve.tests["decided"].iloc[0] == "99 simulated draws"
    assert np.isfinite(curve.frame["upper"]).all()
    exact = duranton_overman(lopsided, sectors={"rest": ["960"]}, permutations=99, seed=1, method="fft")
    pd.testing.assert_frame_equal(curve.tests, exact.tests)
    pd.testing.assert_frame_equal(curve.frame, exact.frame)


def test_so_are_pairs_of_sectors(points, monkeypatch):
    def rounded(*_):
        raise np.linalg.LinAlgError

    monkeypatch.setattr("clustermap.measures.distance.cross.normal_bands", rounded)
    few = points(*np.random.default_rng(1).uniform(0, 9_000, (2, 60)), kind=list("ab") * 30)
    options = {"sectors": "kind", "permutations": 99, "seed": 1, "maximum_m": 4_000.0}
    found = cross_duranton_overman(few, method="moments", **options)
    monkeypatch.undo()
    pd.testing.assert_frame_equal(found.tests, cross_duranton_overman(few, method="fft", **options).tests)
