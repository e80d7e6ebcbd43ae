"""Likelihoods of the scan: scores by hand, nulls against what they say, false edges on maps without a cluster."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, ks_2samp

from clustermap import SectorTable, detect_clusters, stability
from clustermap.detection.scan.kernels import score, search, set_keys
from clustermap.detection.scan.laws import given_counts
from clustermap.detection.scan.likelihoods import dispersions, null_block, stated
from clustermap.detection.scan.problems import Problem, Sites
from clustermap.detection.scan.scanning import links_of
from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.measures.shrinkage import dispersion
from clustermap.randomness import stream

# seeds and thresholds fixed before the first run
BINOMIAL_SEEDS = range(981_001, 981_201)
ROUGH_SEEDS = range(982_001, 982_201)
JOBS_SEEDS = range(983_001, 983_201)
FALSE_EDGES = 0.06
ROUGHNESS = 0.1  # variance of the rates: with 80 firms an area, nine times the variance of chance
PERCOLATES = 0.9  # share of such maps on which a Poisson null must report a cluster, or they test nothing


@pytest.fixture(scope="module")
def grid(make_grid):
    return make_grid(5, 5)


@pytest.fixture(scope="module")
def make_problem(grid):
    """Give a function: a problem on the grid."""

    def make(counts, totals, **options):
        graph = (*links_of(grid.graph, grid.areas.frame.index), set_keys(25))
        given = {"minimum_lq": None, "penalty": 1.0, "limit": 6, "permutations": 99, "alpha": 0.05, "seed": 1}
        return Problem(sector="s", counts=counts, totals=totals, graph=graph, **(given | options))

    return make


def _tabled(grid, counts, totals, measure="firms"):
    index = grid.areas.frame.index
    return SectorTable.from_values(
        pd.DataFrame({"steel": counts}, index=index),
        area_totals=pd.Series(totals, index=index),
        areas=grid.areas,
        measure=measure,
    )


def _plants_of(grid, area, size):
    codes = grid.areas.frame.index
    return pd.DataFrame({"area": codes[area], "sector": "steel", "employment": size})


# --- scores -----------------------------------------------------------------------------------------------


def test_the_binomial_score_is_the_binomial_likelihood_ratio():
    # 30 of 50 firms where 20 % are expected
    expected = log(0.6**30 * 0.4**20) - log(0.2**30 * 0.8**20)
    assert score(30.0, 10.0, -1.0, 0.2) == pytest.approx(expected)
    assert score(50.0, 10.0, -1.0, 0.2) == pytest.approx(50 * log(5))


def test_the_binomial_score_given_the_total_is_kulldorffs_bernoulli_model():
    # 30 of 50 firms inside, 100 of 500 in all
    inside, outside, whole = (
        x * log(p) + y * log(1 - p) for x, y, p in ((30, 20, 0.6), (70, 380, 70 / 450), (100, 400, 0.2))
    )
    assert score(30.0, 10.0, 100.0, 0.2) == pytest.approx(inside + outside - whole)


def test_a_small_share_makes_binomial_and_poisson_one():
    assert score(30.0, 10.0, -1.0, 1e-7) == pytest.approx(score(30.0, 10.0, -1.0), rel=1e-5)
    assert score(30.0, 10.0, 100.0, 1e-7) == pytest.approx(score(30.0, 10.0, 100.0), rel=1e-5)


@pytest.mark.parametrize("conditioned", [True, False])
def test_short_cuts_change_nothing_for_binomial_counts(make_problem, conditioned):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        firms = rng.integers(5, 60, 25).astype(float)
        counts = rng.binomial(firms.astype(int), np.where(rng.random(25) < 0.3, 0.6, 0.3)).astype(float)
        problem = make_problem(counts, firms)
        share = counts.sum() / firms.sum()
        total = counts.sum() if conditioned else -1.0
        expected = firms * share
        value, members = search(counts, expected, np.ones(25, bool), problem.graph, total, 0.5, 6, share)
        indptr, indices, _ = problem.graph
        best = 0.0
        for start in np.flatnonzero(counts > expected):
            inside = [int(start)]
            now = score(counts[start], expected[start], total, share) - 0.5
            while len(inside) < 6:
                rim = {int(j) for i in inside for j in indices[indptr[i] : indptr[i + 1]]} - set(inside)
                top = max(
                    (score(counts[[*inside, j]].sum(), expected[[*inside, j]].sum(), total, share), -j)
                    for j in rim
                )
                if top[0] - 0.5 * (len(inside) + 1) <= now + 1e-12:
                    break
                inside.append(-top[1])
                now = top[0] - 0.5 * len(inside)
            best = max(best, now)
        assert value == pytest.approx(best)
        assert len(members) <= 6


# --- dispersion -------------------------------------------------------------------------------------------


def test_dispersion_of_rows_is_that_of_the_shrunken_quotients():
    rng = np.random.default_rng(4)
    mean = rng.lognormal(3, 0.7, (6, 40))
    counts = rng.poisson(mean * rng.gamma(5, 0.2, mean.shape)).astype(float)
    inside = rng.random(mean.shape) < 0.9
    rows = dispersions(counts, mean, inside)
    for row in range(6):
        own, usual = counts[row, inside[row]], mean[row, inside[row]]
        assert rows[row] == pytest.approx(dispersion(own, usual * own.sum() / usual.sum()), rel=1e-8)
    assert (rows > 0).all()


def test_even_counts_have_no_dispersion_and_the_score_of_poisson_counts(make_problem):
    problem = make_problem(
        np.full(25, 20.0), np.full(25, 1000.0), minimum_lq=1.25, likelihood="overdispersed"
    )
    given = stated(problem, problem.counts, problem.known)
    assert given.dispersion == 0.0
    np.testing.assert_array_equal(given.counts, problem.counts)
    np.testing.assert_array_equal(given.expected, 1.25 * problem.national)


def test_the_best_set_is_left_out_of_the_dispersion_that_weighs(make_problem):
    counts = np.full(25, 20.0)
    counts[[6, 7]] = 90.0
    problem = make_problem(counts, np.full(25, 1000.0), likelihood="overdispersed")
    given = stated(problem, counts, problem.known)
    assert given.dispersion > 0.1
    np.testing.assert_array_equal(given.counts, counts)  # the others are even: nothing is divided


# --- nulls ------------------------------------------------------------------------------------------------


def test_binomial_draws_never_exceed_the_firms(make_problem, monkeypatch):
    from clustermap.detection.scan import likelihoods

    firms = np.r_[np.full(24, 4.0), 400.0]
    seen = []
    monkeypatch.setattr(likelihoods, "maxima", lambda draws, *_: seen.append(draws) or np.zeros(len(draws)))
    for level in (None, 1.25):
        problem = make_problem(np.round(firms * 0.5), firms, minimum_lq=level, likelihood="binomial")
        given = stated(problem, problem.counts, problem.known)
        null_block(problem, given, problem.known, 400, stream(1, "test"))
    fixed, free = seen
    assert (fixed.sum(axis=1) == 248).all()
    assert fixed.max(axis=0)[:24].max() == free.max(axis=0)[:24].max() == 4
    assert free[:, :24].mean() == pytest.approx(4 * 0.5 * 1.25, abs=0.05)
    assert fixed[:, 0].var() == pytest.approx(2 * (1 - 4 / 496) * 248 / 495, rel=0.3)


def test_jobs_in_plants_of_one_size_are_counts_of_plants(make_problem):
    rng = np.random.default_rng(8)
    area = rng.integers(0, 25, 300)
    plants = Sites(area, np.full(300, 40.0))
    jobs = make_problem(plants.summed(25), np.full(25, 9_000.0), likelihood="jobs", plants=plants)
    firms = make_problem(plants.summed(25) / 40, np.full(25, 225.0))
    one, two = (stated(p, p.counts, p.known) for p in (jobs, firms))
    np.testing.assert_allclose(one.counts, two.counts)
    np.testing.assert_allclose(one.expected, two.expected)
    assert one.total == pytest.approx(two.total)
    draws = [null_block(p, g, p.known, 2_000, stream(3, "x")) for p, g in ((jobs, one), (firms, two))]
    # the last digits of equal scores differ
    assert ks_2samp(*np.round(draws, 9)).pvalue > 0.001


def test_a_giant_plant_is_no_cluster_and_many_plants_are(grid):
    rng = np.random.default_rng(3)
    area, size = rng.integers(0, 25, 500), np.full(500, 10.0)
    giant = np.append(area, 12), np.append(size, 3_000.0)
    totals = np.bincount(giant[0], giant[1], minlength=25) + 20_000.0
    told = []
    for where, jobs in (giant, (np.append(area, np.full(300, 12)), np.full(800, 10.0))):
        table = _tabled(grid, np.bincount(where, jobs, minlength=25), totals, "employment")
        told.append(
            detect_clusters(
                table,
                grid.graph,
                likelihood="jobs",
                plants=_plants_of(grid, where, jobs),
                permutations=199,
                seed=1,
            )
        )
    assert told[0].frame.empty
    assert told[1].members["area"].tolist() == [grid.areas.frame.index[12]]
    assert told[1].frame["n_firms"].tolist() == [300 + (area == 12).sum()]
    assert "jobs where the national share" in told[1].summary()
    assert "one half of the plants" in told[1].summary()
    assert "plants of the observed sizes" in told[1].null
    assert stability(told[1], replicates=20, seed=1).support["support"].iloc[0] == 1.0


# --- whole scans ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", ["binomial", "overdispersed"])
@pytest.mark.parametrize("background", ["minimum-effect", "homogeneous"])
def test_a_planted_pair_is_found_under_every_likelihood(grid, make_table, likelihood, background):
    table = make_table(grid, {"r2c2": 70, "r2c3": 70})
    found = detect_clusters(table, grid.graph, background=background, likelihood=likelihood, seed=1)
    assert found.members["area"].tolist() == ["r2c2", "r2c3"]
    assert found.likelihood == likelihood
    assert stability(found, replicates=20, seed=1).support.set_index("area").loc["r2c2", "support"] == 1.0


def test_a_large_sector_is_surer_under_the_binomial_law(grid, make_table):
    table = make_table(grid, {"r2c2": 71, "r2c3": 71}, usual=50, total=100)
    p = {
        law: detect_clusters(table, grid.graph, background="homogeneous", likelihood=law, alpha=0.9, seed=1)
        .frame["p"]
        .min()
        for law in ("poisson", "binomial")
    }
    assert p["binomial"] < p["poisson"]


def test_rough_rates_are_said(grid):
    rng = stream(1, "rough")
    counts = rng.poisson(80 * rng.gamma(10, 0.1, 25)).astype(float)
    found = detect_clusters(
        _tabled(grid, counts, np.full(25, 5_000.0)),
        grid.graph,
        likelihood="overdispersed",
        permutations=99,
        seed=1,
    )
    assert found.searches["dispersion"].iloc[0] == pytest.approx(
        dispersion(counts, np.full(25, counts.mean()))
    )
    assert "beyond chance" in found.summary()
    assert "Gamma" in found.null


@pytest.mark.parametrize("likelihood", ["binomial", "overdispersed", "jobs"])
def test_threads_and_row_order_change_nothing(grid, likelihood, monkeypatch):
    from clustermap.detection.scan import scanning as scan

    rng = np.random.default_rng(5)
    area = np.append(rng.integers(0, 25, 300), np.full(60, 7))
    size = rng.lognormal(2, 1, len(area)).round() + 1
    jobs = likelihood == "jobs"
    counts = np.bincount(area, size if jobs else None, minlength=25).astype(float)
    table = _tabled(grid, counts, np.full(25, 9_000.0), "employment" if jobs else "firms")
    plants = _plants_of(grid, area, size) if jobs else None
    order = rng.permutation(25)
    shuffled = SectorTable.from_values(
        table.values.iloc[order],
        area_totals=table.area_totals.iloc[order],
        areas=grid.areas,
        measure=table.measure,
    )
    results = []
    for given, threads in ((table, 1), (shuffled, 4)):
        monkeypatch.setattr(scan, "workers", lambda threads=threads: threads)
        other = plants if plants is None or threads == 1 else plants.sample(frac=1, random_state=1)
        results.append(
            detect_clusters(
                given,
                grid.graph,
                background="homogeneous",
                likelihood=likelihood,
                plants=other,
                permutations=249,
                alpha=0.9,
                seed=3,
            )
        )
    assert len(results[0].frame)
    pd.testing.assert_frame_equal(results[0].frame, results[1].frame, check_exact=True)


# --- maps without a cluster -------------------------------------------------------------------------------


def _false(found):
    return bool((found.frame["n_areas"] > 1).any()), len(found.frame) > 0


def _limit(maps):
    return binom.ppf(0.9995, maps, 0.05)


@pytest.mark.validity
def test_even_maps_of_a_large_sector_show_few_false_edges_under_the_binomial_law(grid):
    edges = reports = 0
    for seed in BINOMIAL_SEEDS:
        rng = np.random.default_rng(seed)
        firms = np.round(rng.lognormal(4, 0.6, 25)) + 5
        counts = rng.binomial(firms.astype(int), 0.4).astype(float)
        edge, report = _false(
            detect_clusters(
                _tabled(grid, counts, firms),
                grid.graph,
                background="homogeneous",
                likelihood="binomial",
                permutations=99,
                seed=seed,
            )
        )
        edges, reports = edges + edge, reports + report
    assert edges <= FALSE_EDGES * len(BINOMIAL_SEEDS)
    assert reports <= _limit(len(BINOMIAL_SEEDS))


@pytest.mark.validity
@pytest.mark.parametrize("background", ["homogeneous", "minimum-effect"])
def test_rough_maps_show_few_false_edges_under_the_overdispersed_law(grid, background):
    edges = reports = poisson = 0
    for seed in ROUGH_SEEDS:
        rng = np.random.default_rng(seed)
        share = rng.lognormal(0, 0.6, 25)
        share /= share.sum()
        counts = rng.poisson(2_000 * share * rng.gamma(1 / ROUGHNESS, ROUGHNESS, 25)).astype(float)
        table = _tabled(grid, counts, np.round(share * 200_000) + 1_000)
        options = {"background": background, "permutations": 99, "seed": seed}
        edge, report = _false(detect_clusters(table, grid.graph, likelihood="overdispersed", **options))
        edges, reports = edges + edge, reports + report
        if background == "homogeneous" and seed < ROUGH_SEEDS[40]:
            poisson += _false(detect_clusters(table, grid.graph, **options))[1]
    assert edges <= FALSE_EDGES * len(ROUGH_SEEDS)
    assert reports <= _limit(len(ROUGH_SEEDS))
    if background == "homogeneous":
        assert poisson >= PERCOLATES * 40


@pytest.mark.validity
def test_plants_thrown_at_random_show_few_false_edges(grid):
    edges = reports = 0
    for seed in JOBS_SEEDS:
        rng = np.random.default_rng(seed)
        share = rng.lognormal(0, 0.6, 25)
        share /= share.sum()
        area = rng.choice(25, 400, p=share)
        size = np.ceil(rng.lognormal(2, 1.3, 400))
        totals = share * 50 * size.sum()
        table = _tabled(
            grid,
            np.bincount(area, size, minlength=25),
            np.maximum(totals, np.bincount(area, size, minlength=25)),
            "employment",
        )
        edge, report = _false(
            detect_clusters(
                table,
                grid.graph,
                background="homogeneous",
                likelihood="jobs",
                plants=_plants_of(grid, area, size),
                permutations=99,
                seed=seed,
            )
        )
        edges, reports = edges + edge, reports + report
    assert edges <= FALSE_EDGES * len(JOBS_SEEDS)
    assert reports <= _limit(len(JOBS_SEEDS))


# --- refusals ---------------------------------------------------------------------------------------------


def test_a_likelihood_of_another_background_or_none_is_refused(grid, make_table):
    table = make_table(grid)
    with pytest.raises(OptionError, match="CM-SCAN-001"):
        detect_clusters(table, grid.graph, likelihood="normal")
    for background in ("field", "auto"):
        with pytest.raises(OptionError, match="CM-SCAN-002"):
            detect_clusters(table, grid.graph, background=background, likelihood="binomial")


def test_a_share_that_no_area_can_have_is_refused(grid, make_table):
    table = make_table(grid, usual=90, total=100)
    with pytest.raises(StatisticsError, match="CM-LAW-001"):
        detect_clusters(table, grid.graph, likelihood="binomial")


def test_totals_that_are_no_firms_are_refused(grid, make_table):
    with pytest.raises(InputError, match="CM-LAW-002"):
        detect_clusters(make_table(grid, total=100.5), grid.graph, likelihood="binomial")


def test_jobs_without_plants_and_plants_without_jobs_are_refused(grid, make_table):
    plants = _plants_of(grid, np.arange(25), np.full(25, 20.0))
    jobs = _tabled(grid, np.full(25, 20.0), np.full(25, 900.0), "employment")
    for table, options in (
        (jobs, {"likelihood": "jobs"}),
        (make_table(grid), {"plants": plants}),
        (make_table(grid), {"likelihood": "jobs", "plants": plants}),
    ):
        with pytest.raises(OptionError, match="CM-LAW-003"):
            detect_clusters(table, grid.graph, **options)


def test_plants_that_do_not_sum_to_the_table_are_refused(grid):
    jobs = _tabled(grid, np.full(25, 20.0), np.full(25, 900.0), "employment")
    plants = _plants_of(grid, np.arange(24), np.full(24, 20.0))
    with pytest.raises(InputError, match=r"CM-LAW-004.*1 of 25 areas"):
        detect_clusters(jobs, grid.graph, likelihood="jobs", plants=plants)


def test_an_unknown_cell_takes_its_plants_with_it(grid):
    counts = np.full(25, 20.0)
    counts[3] = np.nan
    jobs = _tabled(grid, counts, np.full(25, 900.0), "employment")
    plants = _plants_of(grid, np.arange(25), np.full(25, 20.0))

    class Asked:
        likelihood = "jobs"

    ((_, _, sites),) = given_counts(jobs, ["steel"], Asked(), plants)
    assert 3 not in sites.area
    assert len(sites.size) == 24
