"""What all local statistics share: unequal weights, nulls as values, draws only as far as needed, borderline."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import (
    bivariate_moran,
    draws,
    geary,
    getis_ord,
    kernels,
    local_moran,
    losh,
    nulls,
)
from clustermap.autocorrelation.local import arranged, arranged_kernels, finish_kernels
from clustermap.autocorrelation.local import engine as local_engine
from clustermap.autocorrelation.local import kernels as local_kernels
from clustermap.compiled import HAVE_NUMBA
from clustermap.errors import ClusterMapWarning, OptionError
from clustermap.inference import decisions

STATISTICS = {
    "moran": local_moran,
    "getis": getis_ord,
    "star": lambda *a, **o: getis_ord(*a, star=True, **o),
    "geary": geary,
    "losh": losh,
}


@pytest.fixture(params=list(STATISTICS))
def statistic(request):
    return STATISTICS[request.param]


@pytest.fixture
def chain():
    """Six areas in a row with links of different weight."""
    focal, other = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5], [1, 0, 2, 1, 3, 2, 4, 3, 5, 4]
    return Graph.from_arrays(focal, other, [1.0, 2, 1, 3, 1, 1, 5, 2, 3, 1])


def weights_of(graph, codes):
    rows = [graph[c].to_numpy(dtype=float) for c in codes]
    return [row / row.sum() for row in rows]


@pytest.mark.parametrize("name", ["moran", "geary"])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_unequal_weights_have_the_law_of_all_ordered_neighbours(
    chain, exact_tails, nearby, name, alternative
):
    y = pd.Series([2.0, 7, 1, 8, 3, 3])
    z = ((y - y.mean()) / y.std(ddof=0)).to_numpy()
    near, w = nearby(chain, y.index), weights_of(chain, y.index)
    of = {"moran": lambda a, x, i: a * (w[i] @ x), "geary": lambda a, x, i: w[i] @ (a - x) ** 2}[name]
    up, low = exact_tails(z, near, of)
    exact = {"two-sided": np.minimum(1, 2 * np.minimum(up, low)), "greater": up, "less": low}[alternative]
    made = 99_999
    found = STATISTICS[name](
        y, chain, permutations=made, alternative=alternative, correction="none", seed=5
    ).frame
    assert found["p"].to_numpy() == pytest.approx(exact, abs=5 * 2 * 0.5 / math.sqrt(made * 4 / 6))
    assert found["statistic"].to_numpy() == pytest.approx([of(z[i], z[near[i]], i) for i in range(6)])


def test_smallest_p_counts_the_ordered_neighbourhoods_that_weights_tell_apart(chain):
    """Two of five others, in order: 20; where both links weigh the same, 10."""
    frame = local_moran(pd.Series([2.0, 7, 1, 8, 3, 4]), chain, correction="none", seed=1).frame
    assert frame["p_min"].tolist() == pytest.approx([2 / 5, 2 / 20, 2 / 20, 2 / 20, 2 / 20, 2 / 5])
    halves = Graph.from_arrays([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], [1.0, 2, 2, 3, 1, 1])
    few = local_moran(
        pd.Series([2.0, 7, 1, 8]), halves, alternative="greater", correction="none", seed=1
    ).frame
    assert few["p_min"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 3])


def test_unequal_weights_that_are_nearly_equal_give_nearly_the_same_p(grid, values, statistic):
    """The slow path of unequal weights on the same draws as the sorted one."""
    links = grid.adjacency.reset_index()
    rng = np.random.default_rng(3)
    nearly = Graph.from_arrays(
        links["focal"].to_numpy(), links["neighbor"].to_numpy(), 1 + 1e-9 * rng.random(len(links))
    )
    a, b = (statistic(values, g, permutations=999, correction="none", seed=1).frame for g in (grid, nearly))
    assert np.abs(a["p"] - b["p"]).max() <= 4 / 900  # a draw or two that nearly tie


def test_within_authorities_p_is_that_of_all_maps_that_keep_them(nearby):
    """Seven areas in a row, two authorities: the area's own value stays, the rest of its authority moves."""
    n = np.arange(7)
    graph = Graph.from_arrays(np.r_[n[:-1], n[1:]], np.r_[n[1:], n[:-1]], np.ones(12))
    y = pd.Series([2.0, 7, 1, 8, 3, 3, 5])
    authority = np.array([0, 0, 0, 1, 1, 1, 1])
    z, near = (y - y.mean()).to_numpy(), nearby(graph, y.index)
    maps = [
        np.r_[a, b] for a in itertools.permutations(range(3)) for b in itertools.permutations(range(3, 7))
    ]
    null = nulls.within(pd.Series(np.where(authority == 0, "west", "east")))
    made = 40_000
    for name, of in (
        ("moran", lambda x, i: x[i] * x[near[i]].mean()),
        ("geary", lambda x, i: ((x[i] - x[near[i]]) ** 2).mean()),
    ):
        result = STATISTICS[name](y, graph, null=null, permutations=made, correction="none", seed=2)
        for i in n:
            drawn = np.array([of(z[m], i) for m in maps if m[i] == i])
            up, low = (drawn >= of(z, i) - 1e-9).mean(), (drawn <= of(z, i) + 1e-9).mean()
            assert result.frame["p"].iloc[i] == pytest.approx(
                min(1, 2 * min(up, low)), abs=5 / math.sqrt(made)
            )
        assert result.null == "within-authority"
        assert "within its authority" in result.summary()
    # the second area: its neighbours are the first and the third, and only those two can be
    assert result.frame["p_min"].iloc[1] == 1.0


@pytest.mark.parametrize("name", ["moran", "getis", "star", "geary"])
def test_arrangements_given_are_counted_as_they_are(grid, values, nearby, name):
    """The map as a whole moves, the area's own value with it."""
    table = np.argsort(np.random.default_rng(7).random((300, 42)), axis=1)
    result = STATISTICS[name](
        values, grid, null=nulls.arrangements(table), permutations=9_999, correction="none", seed=1
    )
    by_hand = np.array(
        [
            STATISTICS[name](
                pd.Series(values.to_numpy()[row], index=values.index),
                grid,
                permutations=99,
                correction="none",
                seed=1,
            ).frame["statistic"]
            for row in table
        ]
    )
    observed = result.frame["statistic"].to_numpy()
    up, low = (by_hand >= observed - 1e-9).sum(axis=0), (by_hand <= observed + 1e-9).sum(axis=0)
    assert result.frame["p"].to_numpy() == pytest.approx(np.minimum(1, 2 * np.minimum(1 + up, 1 + low) / 301))
    assert result.permutations == 300
    assert (result.frame["p_min"] == 2 / 301).all()
    assert "moves with the map" in result.summary()


def test_under_arrangements_the_first_variable_stays(grid, values, nearby):
    frame = pd.DataFrame({"x": values, "y": values.to_numpy()[::-1]}, index=values.index)
    table = np.argsort(np.random.default_rng(7).random((200, 42)), axis=1)
    result = bivariate_moran(
        frame, grid, x="x", y="y", rates="none", null=nulls.arrangements(table), correction="none", seed=1,
        permutations=200, alternative="greater",
    )  # fmt: skip
    z, near = (frame - frame.mean()).to_numpy(), nearby(grid, values.index)
    for i in range(0, 42, 5):
        drawn = np.array([z[i, 0] * z[row, 1][near[i]].sum() for row in table])
        up = (drawn >= z[i, 0] * z[near[i], 1].sum() - 1e-9).sum()
        assert result.frame["p"].iloc[i] == pytest.approx((1 + up) / 201)


def test_shifts_around_the_edges(grid, values, statistic):
    result = statistic(values, grid, null=nulls.toroidal(6, 7), permutations=999, correction="none", seed=1)
    assert (result.frame["p_min"] == 2 / 42).all()
    assert result.frame["p"].between(0, 1).all()
    assert "shifts of the map" in result.summary()


def test_unknown_nulls_are_refused(grid, values, statistic):
    with pytest.raises(OptionError, match="CM-NULL-001"):
        statistic(values, grid, null="bootstrap")
    with pytest.raises(OptionError, match="CM-NULL-001"):
        statistic(values, grid, null="within-authority")


def test_same_bytes_for_any_row_order(values, grid, other_order, statistic):
    first = statistic(values, grid, permutations=9_999, seed=7).frame
    shuffled = values.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        first, statistic(shuffled, other_order, permutations=9_999, seed=7).frame, check_exact=True
    )


def test_relabelling_that_keeps_the_order_changes_nothing(values, grid, statistic):
    links = grid.adjacency.reset_index()
    renamed = Graph.from_arrays(
        ("Z" + links["focal"]).to_numpy(), ("Z" + links["neighbor"]).to_numpy(), links["weight"].to_numpy()
    )
    a = statistic(values, grid, permutations=9_999, seed=7).frame
    b = statistic(values.rename(lambda c: "Z" + c), renamed, permutations=9_999, seed=7).frame
    pd.testing.assert_frame_equal(a.reset_index(drop=True), b.reset_index(drop=True), check_exact=True)


def test_shift_and_scale_change_nothing(values, grid, statistic):
    a, b = (statistic(y, grid, permutations=9_999, seed=1).frame for y in (values, values * 250 - 40))
    assert np.abs(a["statistic"] - b["statistic"]).max() < 1e-9
    assert (a["p"] == b["p"]).all()


@pytest.mark.parametrize("how", ["shared", "weighted", "within", "adaptive"])
@pytest.mark.parametrize("threads", [1, 3])
def test_same_bytes_for_any_thread_count_and_piece(request, monkeypatch, statistic, how, threads):
    grid, uneven, values = (request.getfixturevalue(name) for name in ("grid", "uneven", "values"))
    frame = pd.DataFrame({"a": values, "b": values.to_numpy()[::-1], "c": values**2}, index=values.index)
    graph = uneven if how == "weighted" else grid
    null = nulls.within(pd.Series(["n", "s"] * 21, index=values.index)) if how == "within" else "free"
    options = {"null": null, "rates": "none", "permutations": "adaptive" if how == "adaptive" else 1_500}

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)
            return statistic(frame, graph, correction="none", seed=7, **options).frame

    first = run()
    monkeypatch.setattr(draws, "_WORTH_THREADS", 0)
    monkeypatch.setattr(draws, "_PIECE", 700)
    for room in (draws, arranged):
        monkeypatch.setattr(room, "workers", lambda: threads)
    pd.testing.assert_frame_equal(first, run(), check_exact=True)


def test_adaptive_stops_where_the_decision_is_clear_and_decides_the_same(lattice):
    graph = lattice(20, 20)
    c = np.arange(400) % 20
    y = pd.Series(np.random.default_rng(2).normal(size=400) + 3.0 * (c < 5), index=graph.unique_ids)
    for statistic in (local_moran, geary):
        fixed, adaptive = (statistic(y, graph, permutations=how, seed=1) for how in ("auto", "adaptive"))
        a, b = fixed.frame, adaptive.frame
        assert adaptive.permutations == fixed.permutations
        assert (b["draws"] < fixed.permutations / 10).mean() > 0.5
        clear = ~a["borderline"] & ~b["borderline"]
        assert (a["label"] == b["label"])[clear].all()
        assert clear.mean() > 0.9
        # who went all the way has the same draws, and so the same p
        whole = b["draws"] > fixed.permutations / 2
        assert whole.any()
        assert (a["p"] == b["p"])[whole].all()
        assert "fewer where the decision was clear earlier" in adaptive.summary()


def test_adaptive_with_the_users_arrangements_is_all_of_them(grid, values):
    table = np.argsort(np.random.default_rng(7).random((99, 42)), axis=1)
    result = local_moran(
        values, grid, null=nulls.arrangements(table), permutations="adaptive", correction="none"
    )
    assert (result.frame["draws"] == 99).all()


def test_borderline_is_where_other_seeds_decide_otherwise(grid, values):
    """Labels that any two of forty seeds give differently are called borderline by most of them."""
    frames = [
        local_moran(values, grid, permutations=199, correction="none", seed=seed).frame for seed in range(40)
    ]
    sure = np.array([f["p"] <= 0.05 for f in frames])
    turns = sure.any(axis=0) & ~sure.all(axis=0)
    assert turns.any()
    often = np.mean([f["borderline"] for f in frames], axis=0)
    assert (often[turns] > 0.3).all()
    assert often[(sure.mean(axis=0) == 0) & (np.mean([f["p"] for f in frames], axis=0) > 0.3)].max() == 0
    many = local_moran(values, grid, permutations=999_999, correction="none", seed=1)
    assert many.frame["borderline"].sum() <= turns.sum()


def test_borderline_is_said(grid, values):
    result = local_moran(values, grid, permutations=199, correction="none", seed=1)
    assert f"{result.frame['borderline'].sum()} of 42 decisions are borderline" in result.summary()


@pytest.mark.parametrize("correction", ["fdr_bh", "bonferroni", "none"])
def test_decisions_are_the_rule_at_both_limits(correction):
    """Against the definition: limits by the beta law, and the correction applied to each set of them."""
    from scipy.stats import beta

    from clustermap.inference import adjust

    rng = np.random.default_rng(3)
    draws_made = rng.integers(900, 1_000, 400)
    tail = rng.binomial(draws_made, np.where(rng.random(400) < 0.3, 0.003, rng.random(400) / 2))
    draws_made[:5] = 0
    certain, possible = decisions(tail, draws_made, alpha=0.05, correction=correction)
    c, n = tail[5:], draws_made[5:]
    lower = np.where(c > 0, 2 * beta.ppf(0.005, c, n - c + 1), 0)
    upper = np.where(c < n, 2 * beta.ppf(0.995, c + 1, n - c), 2)
    for limits, found in ((upper, certain), (lower, possible)):
        level = np.minimum(limits, 1) if correction == "none" else adjust(np.minimum(limits, 1), correction)
        assert (found[5:] == (level <= 0.05)).all()
    assert not certain[:5].any()
    assert not possible[:5].any()
    assert (possible | ~certain).all()
    if correction == "none":
        assert (possible & ~certain).any()


def test_decisions_of_nothing_are_none():
    certain, possible = decisions([0, 0], [0, 0], alpha=0.05, correction="fdr_bh")
    assert not certain.any()
    assert not possible.any()


def test_q_of_many_sectors_is_that_of_all_their_p(lattice):
    """Whether corrected p by p, or pair of counts by pair of counts."""
    from clustermap.inference import adjust

    graph = lattice(20, 20)
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(400, 30)), index=graph.unique_ids).add_prefix("s")
    frame.iloc[:40] += 2.0
    for alternative in ("two-sided", "greater"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)
            found = local_moran(
                frame, graph, rates="none", permutations=99, alternative=alternative, seed=1
            ).frame
        assert found["q"].tolist() == adjust(found["p"], "fdr_bh").tolist()


@pytest.mark.skipif(not HAVE_NUMBA, reason="numba is not here: the plain kernels are the kernels")
@pytest.mark.parametrize("graph", ["grid", "uneven"])
@pytest.mark.parametrize("how", ["free", "within", "given"])
def test_plain_python_gives_the_same_bytes(request, monkeypatch, statistic, graph, how):
    graph, values = (request.getfixturevalue(name) for name in (graph, "values"))
    table = np.argsort(np.random.default_rng(7).random((70, 42)), axis=1)
    null = {
        "within": nulls.within(pd.Series(["n", "s"] * 21, index=values.index)),
        "given": nulls.arrangements(table),
    }
    frame = pd.DataFrame({"a": values, "b": values.round()}, index=values.index)

    def run(alternative):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)
            return statistic(
                frame, graph, rates="none", permutations=150, correction="none", alternative=alternative,
                null=null.get(how, "free"), seed=7,
            ).frame  # fmt: skip

    fast = [run(alternative) for alternative in ("two-sided", "less")]
    for room in (kernels, local_kernels, arranged_kernels, finish_kernels):
        for name, kernel in vars(room).copy().items():
            if hasattr(kernel, "py_func"):
                monkeypatch.setattr(room, name, kernel.py_func)
    for before, alternative in zip(fast, ("two-sided", "less"), strict=True):
        pd.testing.assert_frame_equal(before, run(alternative), check_exact=True)


@pytest.mark.skipif(not HAVE_NUMBA, reason="numba is not here: the plain kernels are the kernels")
def test_plain_python_corrects_many_sectors_alike(lattice, monkeypatch):
    graph = lattice(5, 5)
    frame = pd.DataFrame(np.random.default_rng(6).normal(size=(25, 90)), index=graph.unique_ids).add_prefix(
        "s"
    )

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)
            return local_moran(frame, graph, rates="none", permutations=99, seed=1).frame

    fast = run()
    for name in ("tally_pairs", "look_up", "label", "settle"):
        monkeypatch.setattr(finish_kernels, name, getattr(finish_kernels, name).py_func)
    pd.testing.assert_frame_equal(fast, run(), check_exact=True)


@pytest.mark.parametrize("correction", ["fdr_bh", "bonferroni", "none"])
@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_decisions_on_pairs_are_those_on_every_test(correction, alternative):
    rng = np.random.default_rng(5)
    made = rng.integers(990, 1_000, 3_000)
    made[:9] = 0
    tail = np.minimum(
        rng.binomial(made, np.where(rng.random(3_000) < 0.2, 0.002, rng.random(3_000) / 2)), made
    )
    pairs, place, times = np.unique(np.stack((tail, made)), axis=1, return_inverse=True, return_counts=True)
    options = {"alpha": 0.05, "correction": correction, "alternative": alternative}
    for each, of_pair in zip(
        decisions(tail, made, **options), decisions(*pairs, times=times, **options), strict=True
    ):
        assert (each == of_pair[place.ravel()]).all()


@pytest.mark.parametrize("correction", ["fdr_bh", "none"])
def test_pairs_of_a_count_and_its_draws_give_the_bytes_of_every_test_for_itself(monkeypatch, correction):
    n, options = 900, {"permutations": 599, "correction": correction, "rates": "none", "seed": 4}
    rows, columns = np.divmod(np.arange(n), 30)
    focal, other = np.nonzero(abs(rows[:, None] - rows) + abs(columns[:, None] - columns) == 1)
    graph = Graph.from_arrays(focal, other, np.ones(len(focal)))
    smooth = pd.Series(np.sin(rows / 4) + np.random.default_rng(6).normal(0, 0.7, n), np.arange(n))
    data = pd.DataFrame({s: smooth.shift(s * 37).fillna(0.0) for s in range(12)})
    seen = []
    real = local_engine.paired
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        monkeypatch.setattr(local_engine, "paired", lambda settled: seen.append(real(settled)) or seen[-1])
        quick = local_moran(data, graph, **options).frame
        monkeypatch.setattr(local_engine, "paired", lambda settled: None)
        plain = local_moran(data, graph, **options).frame
    assert seen[0] is not None
    assert quick["borderline"].any()
    pd.testing.assert_frame_equal(quick, plain, check_exact=True)


def test_a_sector_of_many_has_the_statistics_of_the_sector_alone():
    """Frames of either order in the memory, longer than a tile of the copy, and left as they were."""
    n = 700
    ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    numbers = np.random.default_rng(7).normal(size=(n, 3))
    options = {"permutations": 99, "correction": "none", "rates": "none", "seed": 1}
    for order in "CF":
        data = pd.DataFrame(np.array(numbers, order=order), columns=list("abc"))
        many = local_moran(data, ring, **options)
        for name in data:
            alone = local_moran(data[name], ring, **options)
            pd.testing.assert_frame_equal(many[name].frame, alone.frame, check_exact=True)
        assert (data.to_numpy() == numbers).all()
