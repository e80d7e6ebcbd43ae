"""Proximity and relatedness density against hand arithmetic, enumeration and their own symmetries."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.sparse import csr_array

from clustermap.errors import ClusterMapWarning, InputError, OptionError, StatisticsError
from clustermap.measures.relatedness import chance, proximity, relatedness_density
from clustermap.schema import DENSITY_COLUMNS, PROXIMITY_COLUMNS
from clustermap.tables.table import SectorTable


def table_of(present) -> SectorTable:
    """A table in which exactly these cells have a quotient above 1."""
    present = np.asarray(present, dtype=float)
    codes = [f"A{i:02}" for i in range(len(present))]
    sectors = [f"s{j}" for j in range(present.shape[1])]
    values = pd.DataFrame(2.0 * present, index=codes, columns=sectors)
    return SectorTable.from_values(values, area_totals=pd.Series(1_000.0, index=codes))


@pytest.fixture
def worked() -> SectorTable:
    """Five areas: s0 and s1 share two, s2 stands apart, s3 is everywhere, s4 nowhere."""
    return table_of(
        [[1, 1, 0, 1, 0], [1, 1, 0, 1, 0], [1, 0, 0, 1, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 0]],
    )


@pytest.fixture
def random_table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rates = rng.lognormal(1, 1, (14, 1)) * rng.lognormal(0, 1, (1, 7))
    return pd.DataFrame(
        rng.poisson(rates) + 1, index=[f"A{i:02}" for i in range(14)], columns=list("abcdefg")
    )


def pair(result, a, b):
    return result.frame.set_index(["a", "b"]).loc[(a, b)]


# --- values ------------------------------------------------------------------
def test_the_worked_example(worked):
    worked = SectorTable.from_values(
        worked.values.assign(s3=[5.0] * 5), area_totals=worked.area_totals
    )  # 5 of 1,000 everywhere: a quotient of 1, which does not exceed 1
    result = proximity(worked, null="hypergeometric")
    both = pair(result, "s0", "s1")
    assert (both.n_a, both.n_b, both.both) == (3, 2, 2)
    assert both.proximity == pytest.approx(2 / 3)
    assert both.expected == pytest.approx(6 / 5)
    assert both.p == pytest.approx(2 * 3 / 10)  # C(3, 2) of C(5, 2) places hold both
    assert pair(result, "s0", "s2").proximity == 0
    assert pair(result, "s0", "s3").status == "in no area"
    assert np.isnan(pair(result, "s0", "s4").proximity)


@pytest.mark.parametrize(
    ("normalisation", "value"), [("minimum", 2 / 3), ("cosine", 2 / 6**0.5), ("association", 10 / 6)]
)
def test_normalisations_differ_in_value_and_share_their_p(worked, normalisation, value):
    result = proximity(worked, normalisation=normalisation, null="hypergeometric")
    assert pair(result, "s0", "s1").proximity == pytest.approx(value)
    np.testing.assert_array_equal(result.frame["p"], proximity(worked, null="hypergeometric").frame["p"])


def test_hypergeometric_p_is_fishers_test_of_both_tails(random_table):
    result = proximity(random_table, null="hypergeometric", correction="none").frame
    for r in result[result["status"] == "ok"].itertuples():
        cells = [[r.both, r.n_a - r.both], [r.n_b - r.both, 14 - r.n_a - r.n_b + r.both]]
        tails = [stats.fisher_exact(cells, alternative=a).pvalue for a in ("greater", "less")]
        assert r.p == pytest.approx(min(1, 2 * min(tails)), rel=1e-9)


@pytest.mark.parametrize("n", [3, 40, 35_000])
def test_both_tails_of_two_random_subsets_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    n_a, n_b = rng.integers(1, n, size=(2, 200))
    low_end, high_end = np.maximum(0, n_a + n_b - n), np.minimum(n_a, n_b)
    near = np.rint(n_a * n_b / n + rng.normal(0, 2, 200) * np.sqrt(n_a * n_b / n))
    both = np.clip(near, low_end, high_end).astype(np.int64)
    both[:40], both[40:80] = low_end[:40], high_end[40:80]
    up, low = chance.hypergeometric_tails(n, n_a, n_b, both)
    law = stats.hypergeom(n, n_a, n_b)
    np.testing.assert_allclose(up, law.sf(both - 1), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(low, law.cdf(both), rtol=1e-8, atol=1e-12)


def every_matrix(rows, columns):
    """All 0-1 matrices with these row and column sums."""
    n = len(columns)
    options = [[np.isin(np.arange(n), c) for c in itertools.combinations(range(n), k)] for k in rows]
    for choice in itertools.product(*options):
        matrix = np.array(choice)
        if (matrix.sum(axis=0) == columns).all():
            yield matrix


def test_degree_preserving_p_is_that_of_all_matrices_with_the_same_margins():
    present = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 1], [1, 0, 0, 0]])
    met = np.array([m.T.astype(int) @ m for m in every_matrix(present.sum(axis=1), present.sum(axis=0))])
    result = proximity(table_of(present), permutations=9_999, seed=3, correction="none")
    observed = present.T @ present
    for (a, b), r in zip(itertools.combinations(range(4), 2), result.frame.itertuples(), strict=True):
        assert r.expected == pytest.approx(met[:, a, b].mean(), abs=5 * met[:, a, b].std() / 100)
        up, low = (met[:, a, b] >= observed[a, b]).mean(), (met[:, a, b] <= observed[a, b]).mean()
        exact = min(1, 2 * min(up, low))
        assert r.p == pytest.approx(exact, abs=2 * 5 * 0.5 / 100)


def test_trades_keep_both_margins_and_reach_every_matrix():
    start = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], dtype=np.uint8)
    source, seen = np.random.default_rng(1), set()
    for _ in range(2_000):
        state = start.copy()
        chance.trade(state, source.random((9, 4)))
        assert (state.sum(axis=0) == start.sum(axis=0)).all()
        assert (state.sum(axis=1) == start.sum(axis=1)).all()
        seen.add(state.tobytes())
    assert len(seen) == len(list(every_matrix([2, 2, 2], [1, 2, 2, 1])))


def test_the_shorter_side_trades_and_nothing_else_changes():
    """Six areas by nine sectors, and nine areas by six: both margins are kept in both."""
    rng = np.random.default_rng(0)
    for shape in ((6, 9), (9, 6)):
        matrix = rng.random(shape) < 0.5
        met = chance.meetings(csr_array(matrix.astype(int)))
        tails = chance.permuted_meetings(matrix, met, permutations=50, seed=1)
        sizes = matrix.sum(axis=0)
        assert (np.diag(tails.total) == 50 * sizes).all()  # a sector meets itself wherever it is
        degrees = matrix.sum(axis=1)
        pairs = tails.total.sum() - np.trace(tails.total)
        assert pairs == 50 * (degrees * (degrees - 1)).sum()


def test_significant_presence_needs_more_than_a_quotient_above_one():
    counts = pd.DataFrame(
        {"big": [90, 10, 10, 10], "odd": [1, 0, 1, 1], "rest": [300, 390, 390, 390]}, index=list("ABCD")
    )
    raw = proximity(counts, null="hypergeometric").presence
    sure = proximity(counts, presence="significant", null="hypergeometric").presence
    assert bool(raw.loc["A", "big"])
    assert bool(sure.loc["A", "big"])
    assert raw["odd"].any()
    assert not sure["odd"].any()


def test_a_threshold_above_one_leaves_fewer_presences(random_table):
    loose = proximity(random_table, null="hypergeometric").presence
    strict = proximity(random_table, threshold=1.5, null="hypergeometric").presence
    assert strict.to_numpy().sum() < loose.to_numpy().sum()
    assert not (strict & ~loose).any(axis=None)


# --- what does not change it -------------------------------------------------
@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_rows_and_columns_in_any_order_give_the_same_bytes(shuffle):
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.poisson(4, (8, 5)) + 1, index=list("ABCDEFGH"), columns=list("vwxyz"))
    rows, columns = list(table.index), list(table.columns)
    shuffle.shuffle(rows)
    shuffle.shuffle(columns)
    options = {"permutations": 99, "correction": "none", "seed": 2}
    expected = proximity(table, **options).frame
    pd.testing.assert_frame_equal(proximity(table.loc[rows, columns], **options).frame, expected)


def test_threads_do_not_change_the_answer(random_table, monkeypatch):
    options = {"permutations": 99, "correction": "none", "seed": 2}
    expected = proximity(random_table, **options).frame
    monkeypatch.setattr(chance, "workers", lambda: 5)
    monkeypatch.setattr(chance, "_SLICE", 40)
    pd.testing.assert_frame_equal(proximity(random_table, **options).frame, expected)


def test_a_seed_is_drawn_recorded_and_good_for_the_same_answer(random_table):
    first = proximity(random_table, permutations=99, correction="none")
    again = proximity(random_table, permutations=99, correction="none", seed=first.seed)
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert proximity(random_table, null="hypergeometric").seed is None


def test_the_arguments_are_not_changed(random_table):
    before = random_table.copy()
    proximity(random_table, permutations=99, correction="none", seed=1)
    relatedness_density(random_table)
    pd.testing.assert_frame_equal(random_table, before)


# --- the result --------------------------------------------------------------
def test_what_a_result_says_of_itself(worked):
    result = proximity(worked, null="hypergeometric")
    assert list(result.frame.columns) == list(PROXIMITY_COLUMNS)
    assert result.family_size == result.frame["p"].notna().sum()
    text = result.summary()
    assert "in no area" in text
    assert "not why" in text
    assert repr(result) == "<Proximity: 5 sectors, 5 areas, minimum>"
    assert "<table" in result._repr_html_()
    wide = result.wide()
    assert wide.loc["s0", "s1"] == wide.loc["s1", "s0"] == pytest.approx(2 / 3)
    assert np.isnan(wide.loc["s0", "s0"])
    assert result.wide("status").loc["s0", "s4"] == "in no area"
    with pytest.raises(OptionError, match="CM-RELATE-006"):
        result.wide("colour")


def test_one_tail_is_half_of_two_or_says_no(worked):
    less, more = (
        pair(proximity(worked, null="hypergeometric", alternative=a), "s0", "s1").p
        for a in ("less", "greater")
    )
    assert more == pytest.approx(0.3)
    assert less == 1


def test_the_summary_warns_where_the_null_ignores_how_diverse_areas_are():
    rng = np.random.default_rng(1)
    present = rng.random((20, 9)) < np.linspace(0.1, 0.9, 20)[:, None]
    present[0], present[1] = True, False
    assert "degree-preserving" in proximity(table_of(present), null="hypergeometric").summary()


def test_auto_takes_twenty_draws_for_each_pair_at_the_smallest_threshold():
    draws = {"alpha": 0.05, "correction": "fdr_bh", "alternative": "two-sided"}
    assert chance.draws_for("auto", 10, work=1e4, **draws) == 3_999
    with pytest.warns(ClusterMapWarning, match="CM-STAT-005"):
        assert chance.draws_for("auto", 10_000, work=2e7, **draws) == 1_000
    with pytest.raises(OptionError, match="CM-RELATE-005"):
        chance.draws_for(0, 10, work=1, **draws)
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        chance.draws_for(19, 10, work=1, **draws)


# --- bad input ---------------------------------------------------------------
@pytest.mark.parametrize("option", ["presence", "normalisation", "null", "alternative"])
def test_an_unknown_option_is_refused_with_the_known_ones(random_table, option):
    with pytest.raises(OptionError, match="CM-RELATE-001"):
        proximity(random_table, **{option: "magic"})


def test_a_threshold_that_is_no_quotient_is_refused(random_table):
    for threshold in (0, -1, float("nan")):
        with pytest.raises(OptionError, match="CM-RELATE-001"):
            proximity(random_table, threshold=threshold)


def test_suppressed_cells_are_refused_with_their_names(random_table):
    random_table = random_table.astype(float)
    random_table.iloc[2, 3] = np.nan
    with pytest.raises(InputError, match=r"1 of 98 cells .* A02 × d"):
        proximity(random_table)


def test_too_few_areas_or_no_presence_are_refused(random_table):
    for table in (random_table.iloc[:2], random_table[["a"]], random_table * 0):
        with pytest.raises(StatisticsError, match="CM-RELATE-004"):
            proximity(table)
    with pytest.raises(StatisticsError, match="no area of 14"):
        proximity(random_table, threshold=1e6)


def test_jobs_have_no_significant_presence(random_table):
    jobs = SectorTable.from_values(random_table, measure="employment")
    with pytest.raises(StatisticsError, match="CM-RELATE-003"):
        proximity(jobs, presence="significant")


def test_an_area_without_anything_is_left_out_and_said(random_table):
    random_table.loc["Z"] = 0
    result = proximity(random_table, null="hypergeometric")
    assert "Z" not in result.presence.index
    assert "1 area is left out: nothing is there" in result.summary()


def test_a_sector_in_every_area_has_a_proximity_and_no_test():
    table = pd.DataFrame({"all": [5, 5, 5], "one": [0, 0, 5]}, index=list("ABC"))
    row = proximity(table, threshold=0.5, seed=1).frame.iloc[0]
    assert (row.n_a, row.n_b, row.both, row.status) == (3, 1, 1, "in every area")
    assert row.proximity == pytest.approx(1 / 3)
    assert np.isnan(row.p)


# --- relatedness density -----------------------------------------------------
def test_density_is_the_share_of_what_is_close(worked):
    near = proximity(worked, null="hypergeometric")
    cells = relatedness_density(worked, near).frame.set_index(["area", "sector"])
    assert list(relatedness_density(worked, near).frame.columns) == list(DENSITY_COLUMNS)
    phi = near.wide().fillna(0)
    here = worked.values.loc["A02"] > 0
    others = [s for s in ["s0", "s1", "s2", "s3", "s4"] if s != "s1"]
    value = (
        phi.loc["s1", [s for s in others if here[s] and near.presence.loc["A02", s]]].sum()
        / phi.loc["s1", others].sum()
    )
    assert cells.loc[("A02", "s1"), "density"] == pytest.approx(value)
    assert cells.loc[("A02", "s4"), "status"] == "no related sector"
    assert np.isnan(cells.loc[("A02", "s4"), "density"])


def test_the_sector_itself_does_not_raise_its_own_density(random_table):
    frame = relatedness_density(random_table).frame
    whole = proximity(random_table, null="hypergeometric")
    phi, has = whole.wide().fillna(0).to_numpy(), whole.presence.to_numpy()
    for (i, s), r in zip(np.ndindex(has.shape), frame.itertuples(), strict=True):
        kept = np.delete(np.arange(7), s)
        assert r.density == pytest.approx((phi[s, kept] * has[i, kept]).sum() / phi[s, kept].sum())
        assert r.expected == pytest.approx(has[i, kept].mean())
        assert r.excess == pytest.approx(r.density - r.expected)


def test_only_pairs_beyond_chance_can_count():
    rng = np.random.default_rng(3)
    present = rng.random((60, 5)) < 0.4
    present[:, 1] = present[:, 0]
    frame = relatedness_density(table_of(present), pairs="significant").frame.set_index(["area", "sector"])
    for i, here in enumerate(present[:, 0]):
        assert frame.loc[(f"A{i:02}", "s1"), "density"] == float(here)
    assert (frame.xs("s4", level="sector")["status"] == "no related sector").all()


def test_what_a_density_says_of_itself(random_table):
    result = relatedness_density(random_table)
    assert "no p" in result.summary()
    assert repr(result) == "<RelatednessDensity: 14 areas × 7 sectors>"
    assert "<table" in result._repr_html_()
    assert result.wide("present").shape == (14, 7)
    with pytest.raises(OptionError, match="CM-RELATE-006"):
        result.wide("colour")


def test_proximity_of_other_sectors_is_refused(random_table):
    with pytest.raises(OptionError, match=r"1 of 7 missing \['g'\]"):
        relatedness_density(random_table, proximity(random_table[list("abcdef")], null="hypergeometric"))
    with pytest.raises(OptionError, match="no Proximity"):
        relatedness_density(random_table, random_table)
    with pytest.raises(OptionError, match="CM-RELATE-001"):
        relatedness_density(random_table, pairs="some")


def test_rounded_cells_are_said(random_table):
    table = SectorTable.from_values(random_table)
    rounded = SectorTable(
        **{
            f: getattr(table, f)
            for f in ("values", "area_totals", "sector_totals", "total", "measure", "sector_labels")
        },
        status=table.status.replace("observed", "rounded"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "98 cells are rounded" in relatedness_density(rounded).summary()
