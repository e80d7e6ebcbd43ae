"""K_d between two sectors: what it is, its exact null against enumeration and simulation, what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist, pdist, squareform

from clustermap.errors import OptionError, StatisticsError
from clustermap.measures.distance import cross_duranton_overman, duranton_overman, economy_from_pairs
from clustermap.measures.distance.cross import _drawn, _Pair
from clustermap.measures.distance.moments import Moments, cross_coefficients
from clustermap.measures.distance.samples import draw_sites
from clustermap.measures.distance.sites import Sector
from clustermap.measures.distance.smoothing import kernel

NEAR = {"sectors": "trade", "maximum_m": 60_000.0, "permutations": 199, "seed": 7}


def pair_of(sizes, rng, *, weighted):
    parts = np.split(np.arange(sum(sizes)), [sizes[0]])
    marks = [rng.lognormal(0, 1, n) if weighted else np.ones(n) for n in sizes]
    return _Pair(*(Sector(name, name, p, m) for name, p, m in zip("ab", parts, marks, strict=True)))


@pytest.mark.parametrize("weights", ["firms", "jobs"])
def test_the_curve_is_the_kernel_density_of_the_distances_between_both(firms, weights):
    xy = np.c_[firms.geometry.x, firms.geometry.y]
    a, b = (firms["trade"] == name for name in ("near", "any"))
    d = cdist(xy[a], xy[b]).ravel()
    mass = (
        np.outer(firms["jobs"][a], firms["jobs"][b]) if weights == "jobs" else np.ones((a.sum(), b.sum()))
    ).ravel()
    found = cross_duranton_overman(firms, [("near", "any")], bandwidth=3_000, weights=weights, **NEAR)
    curve = found["near × any"].frame
    at = curve["distance"].to_numpy()
    peer = sum(
        (np.exp(-(((at[:, None] - sign * d) / 3_000) ** 2) / 2) * mass).sum(axis=1) for sign in (1, -1)
    )
    peer /= mass.sum() * 3_000 * np.sqrt(2 * np.pi)
    assert np.abs(curve["value"] - peer).max() < 0.01 * peer.max()


def test_mean_and_covariance_are_those_of_all_possible_pairs_of_sectors():
    """Six sites, two firms of one sector and two of another, unequal: all 360 ways are counted."""
    rng = np.random.default_rng(0)
    number = np.minimum(squareform(pdist(rng.uniform(0, 10, (6, 2)))) // 3, 3).astype(int)
    a, b = np.array([1.0, 3.0]), np.array([2.0, 5.0])
    sums = []
    for s in permutations(range(6), 4):
        row = np.zeros(4)
        for i in range(2):
            for j in range(2):
                row[number[s[i], s[2 + j]]] += a[i] * b[j]
        sums.append(row)
    around = np.array([np.bincount(np.delete(number[i], i), minlength=4) for i in range(6)], dtype=float)
    pairs, spread = around.sum(axis=0) / 2, around - around.mean(axis=0)
    weigh = cross_coefficients(a, b, 6)
    np.testing.assert_allclose(weigh.mean * pairs, np.mean(sums, axis=0), rtol=1e-12)
    expected = np.cov(np.array(sums).T, ddof=0)
    np.testing.assert_allclose(
        weigh.covariance(Moments(pairs, np.diag(pairs), spread.T @ spread)), expected, atol=1e-10
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_the_exact_null_agrees_with_simulation(economy, weighted):
    """1,200 draws: a standard deviation errs by 2 % of itself."""
    pair = pair_of((80, 120), np.random.default_rng(1), weighted=weighted)
    places = draw_sites(economy.sites, 200, draws=1_200, seed=5)
    smooth = kernel(economy.points, economy.bins, width=economy.step, bandwidth=4_000.0)
    curves = _drawn(economy, pair, places, on_cells=True) @ smooth.T
    weigh = cross_coefficients(pair.a.mark, pair.b.mark, economy.sites)
    mean = smooth @ economy.moments.pairs * weigh.mean
    deviation = np.sqrt(np.diag(smooth @ weigh.covariance(economy.moments) @ smooth.T))
    assert np.abs((curves.mean(axis=0) - mean) / deviation).max() < 5 / np.sqrt(1_200)
    ratio = curves.std(axis=0) / deviation
    assert np.abs(ratio - 1).max() < 0.1
    assert np.mean(ratio) == pytest.approx(1, abs=0.03)


def test_bands_with_and_without_simulation_agree(economy):
    kind = np.random.default_rng(2).permutation(np.repeat(["a", "b", "c"], [500, 500, 1_400]))
    economy = replace(economy, firms=replace(economy.firms, frame=economy.firms.frame.assign(kind=kind)))
    options = {"sectors": "kind", "seed": 3}
    exact = cross_duranton_overman(economy, [("a", "b")], method="moments", **options)["a × b"].frame
    drawn = cross_duranton_overman(economy, [("a", "b")], method="fft", permutations=199, **options)[
        "a × b"
    ].frame
    np.testing.assert_allclose(exact["value"], drawn["value"], rtol=1e-12)
    wide = (exact["upper"] - exact["lower"]) / 2
    for band in ("upper", "global_upper", "lower", "global_lower"):
        both = [np.mean(np.abs(r[band] - exact["expected"]) / wide) for r in (exact, drawn)]
        assert both[0] == pytest.approx(both[1], rel=0.15)


def test_sectors_around_one_place_are_closer_and_the_order_of_names_does_not_matter(firms):
    trade = firms["trade"].copy()
    near = np.flatnonzero(trade == "near")
    trade.iloc[near[::2]] = "other"
    firms = firms.assign(trade=trade)
    one = cross_duranton_overman(firms, [("near", "other")], **NEAR)["near × other"]
    two = cross_duranton_overman(firms, [("other", "near")], **NEAR)["other × near"]
    assert (one.label, two.label) == ("localised", "localised")
    np.testing.assert_allclose(one.frame["value"], two.frame["value"], rtol=1e-12)
    every = cross_duranton_overman(firms, **{**NEAR, "permutations": 299})
    assert len(every.tests) == 6
    assert every.family_size == 6
    assert "near × other: 20 firms, localised" in every.summary()


def test_labels_shuffled_among_the_two_are_found_to_be_alike(firms):
    """Firms of the two alone as the data: the null is that their labels are exchangeable."""
    two = firms[firms["trade"] == "rest"].assign(
        trade=lambda f: np.where(np.arange(len(f)) % 3 == 0, "a", "b")
    )
    assert cross_duranton_overman(two, [("a", "b")], **NEAR)["a × b"].label == "not significant"


def test_listed_pairs_give_what_points_give(firms):
    ids = np.array(sorted(firms["firm_id"]))
    ordered = firms.set_index("firm_id").loc[ids]
    one, other = np.triu_indices(len(ids), 1)
    distance = pdist(np.c_[ordered.geometry.x, ordered.geometry.y])
    graph = economy_from_pairs(
        firms, pd.DataFrame({"a": ids[one], "b": ids[other], "m": distance}), maximum=60_000
    )
    options = {**NEAR, "bandwidth": 3_000}
    for weights in ("firms", "jobs"):
        direct = cross_duranton_overman(firms, [("near", "any")], weights=weights, **options).frame
        del_maximum = {k: v for k, v in options.items() if k != "maximum_m"}
        given = cross_duranton_overman(graph, [("near", "any")], weights=weights, **del_maximum).frame
        np.testing.assert_allclose(direct.iloc[:, 2:], given.iloc[:, 2:], rtol=1e-6, atol=1e-16)


def test_what_is_no_pair_is_refused(firms):
    with pytest.raises(OptionError, match="CM-DISTANCE-015"):
        cross_duranton_overman(firms, [("near", "near")], **NEAR)
    with pytest.raises(OptionError, match="CM-DISTANCE-015"):
        cross_duranton_overman(firms, [], **NEAR)
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        cross_duranton_overman(firms, [("near", "nothing")], **NEAR)
    coded = firms.assign(sic="26110")
    overlapping = {"chips": ["261"], "all": ["26"]}
    with pytest.raises(StatisticsError, match="CM-DISTANCE-016"):
        cross_duranton_overman(coded, [("chips", "all")], **{**NEAR, "sectors": overlapping})
    empty = {"chips": ["261"], "none": ["99"]}
    found = cross_duranton_overman(coded, [("chips", "none")], **{**NEAR, "sectors": empty})
    assert found.tests["status"].tolist() == ["a sector without firms"]


def test_the_curve_of_both_is_made_of_the_three_parts(firms):
    """All pairs of both sectors together are those within either and those between them."""
    merged = firms.assign(trade=firms["trade"].replace({"near": "both", "any": "both"}))
    options = {**NEAR, "bandwidth": 3_000, "permutations": 19}
    with_ = {name: duranton_overman(firms, sector=name, **options).frame["value"] for name in ("near", "any")}
    both = duranton_overman(merged, sector="both", **options).frame["value"]
    between = cross_duranton_overman(firms, [("near", "any")], **options)["near × any"].frame["value"]
    n = {name: int((firms["trade"] == name).sum()) for name in ("near", "any")}
    mass = [n["near"] * (n["near"] - 1) / 2, n["any"] * (n["any"] - 1) / 2, n["near"] * n["any"]]
    summed = (mass[0] * with_["near"] + mass[1] * with_["any"] + mass[2] * between) / sum(mass)
    np.testing.assert_allclose(both, summed, rtol=1e-9)
