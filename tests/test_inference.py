"""Monte-Carlo p, corrections and the resolution guard, by hand and against SciPy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clustermap.errors import ClusterMapWarning, OptionError, StatisticsError
from clustermap.inference import adjust, check_resolution, monte_carlo_p, permutations_needed


# --- Monte-Carlo p ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("alternative", "up", "low", "expected"),
    [
        ("greater", 4, 96, 5 / 100),
        ("less", 4, 96, 97 / 100),
        ("two-sided", 4, 96, 10 / 100),
        ("two-sided", 96, 4, 10 / 100),
        ("two-sided", 0, 99, 2 / 100),
        ("two-sided", 99, 99, 1.0),  # every draw ties: nothing is extreme
        ("two-sided", 50, 50, 1.0),  # 102 / 100 is no probability
        ("greater", 0, 99, 1 / 100),  # never 0
        ("greater", 99, 0, 1.0),
    ],
)
def test_monte_carlo_p_by_hand(alternative, up, low, expected):
    assert float(monte_carlo_p(up, low, 99, alternative=alternative)) == pytest.approx(expected, abs=1e-15)


def test_each_count_has_its_own_draws():
    p = monte_carlo_p([0, 4], [9, 95], [9, 99])
    assert p.tolist() == [0.2, 0.1]


def test_monte_carlo_p_is_valid_under_the_null():
    # one observation among 19 draws of the same law: p ≤ 0.1 in at most a tenth of all ranks
    ranks = np.arange(20)  # draws above the observation
    p = monte_carlo_p(ranks, 19 - ranks, 19)
    for level in (0.1, 0.2, 0.5):
        assert (p <= level + 1e-12).mean() <= level + 1e-12


# --- corrections -------------------------------------------------------------------
def test_benjamini_hochberg_by_hand():
    # p m / rank: 0.04, 0.05, 0.0533, 0.2; the step-up takes the least of a rank and those above it
    assert adjust([0.01, 0.04, 0.2, 0.025], "fdr_bh") == pytest.approx([0.04, 0.16 / 3, 0.2, 0.05])
    # the second is dragged down by the third: 0.03 × 3 / 3 beats 0.029 × 3 / 2
    assert adjust([0.001, 0.029, 0.03], "fdr_bh") == pytest.approx([0.003, 0.03, 0.03])


def test_bonferroni_by_hand():
    assert adjust([0.01, 0.04, 0.6], "bonferroni") == pytest.approx([0.03, 0.12, 1.0])


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.05])), min_size=1, max_size=60))
def test_benjamini_hochberg_is_that_of_scipy(p):
    np.testing.assert_allclose(adjust(p, "fdr_bh"), stats.false_discovery_control(p), rtol=1e-12, atol=0)


@pytest.mark.parametrize("correction", ["fdr_bh", "bonferroni"])
def test_unknown_p_is_no_member_of_the_family(correction):
    some = adjust([0.01, np.nan, 0.04, np.nan], correction)
    assert np.isnan(some[[1, 3]]).all()
    assert some[[0, 2]].tolist() == adjust([0.01, 0.04], correction).tolist()
    assert np.isnan(adjust([np.nan, np.nan], correction)).all()
    assert adjust([], correction).shape == (0,)


def test_a_table_is_one_family_and_keeps_its_shape():
    p = np.array([[0.01, 0.2], [np.nan, 0.03]])
    q = adjust(p, "fdr_bh")
    assert q.shape == (2, 2)
    assert q[0, 0] == pytest.approx(0.03)
    assert q[1, 1] == pytest.approx(0.045)


def test_none_corrects_nothing_and_the_input_stays():
    p = np.array([0.04, 0.01])
    assert np.isnan(adjust(p, "none")).all()
    adjust(p, "fdr_bh")
    assert p.tolist() == [0.04, 0.01]


@pytest.mark.parametrize("p", [[0.1], [np.nan], []])
def test_an_unknown_correction_is_refused_whatever_the_values(p):
    with pytest.raises(OptionError, match="CM-STAT-010"):
        adjust(p, "holm")


# --- how many permutations ----------------------------------------------------------
@pytest.mark.parametrize(
    ("family", "alpha", "share", "expected"),
    [
        (309, 0.05, 0.0, 123_599),  # 20 × 309 / 0.05 − 1
        (100, 0.05, 0.2, 49_999),  # a fifth of the draws cannot be used
        (1, 0.05, 0.0, 9_999),  # 399 would do
        (0, 0.05, 0.0, 9_999),
        (2_500, 0.05, 0.0, 999_999),  # exactly the cap: no warning
    ],
)
def test_permutations_needed_by_hand(family, alpha, share, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert permutations_needed(family, alpha, largest_share=share) == expected


def test_more_than_the_cap_is_told():
    with pytest.warns(ClusterMapWarning, match=r"CM-STAT-004.*34969 tests.*13,987,599 permutations"):
        assert permutations_needed(34_969, 0.05) == 999_999


# --- what B draws can resolve ------------------------------------------------------
@pytest.mark.parametrize(
    ("draws", "family", "alpha", "correction", "options"),
    [
        (39, 1, 0.05, "fdr_bh", {}),  # 2 / 40 is the level itself
        (19, 1, 0.05, "fdr_bh", {"alternative": "greater"}),
        (19, 1, 0.05, "fdr_bh", {"alternative": "less"}),
        (39, 500, 0.05, "none", {}),  # uncorrected: each test for itself
        (12_359, 309, 0.05, "fdr_bh", {}),  # 2 × 309 / 0.05 − 1
        (12_359, 309, 0.05, "bonferroni", {}),
        (78, 1, 0.05, "fdr_bh", {"largest_share": 0.5}),  # 39 of them count
        (39, 0, 0.05, "bonferroni", {}),
    ],
)
def test_enough_draws_pass_in_silence(draws, family, alpha, correction, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_resolution(draws, family, alpha, correction, **options)


@pytest.mark.parametrize(
    ("draws", "family", "correction", "options", "needed"),
    [
        (38, 1, "fdr_bh", {}, 39),
        (38, 309, "fdr_bh", {}, 12_359),
        (38, 309, "none", {}, 39),
        (18, 1, "fdr_bh", {"alternative": "greater"}, 19),
        (12_358, 309, "bonferroni", {}, 12_359),
        (6_178, 309, "bonferroni", {"alternative": "less"}, 6_179),
        (77, 1, "fdr_bh", {"largest_share": 0.5}, 78),
    ],
)
def test_what_nothing_could_reject_is_refused_with_the_number_that_could(
    draws, family, correction, options, needed
):
    with pytest.raises(StatisticsError, match=rf"CM-STAT-003(.|\n)*at least {needed}$"):
        check_resolution(draws, family, 0.05, correction, **options)


@pytest.mark.parametrize(("draws", "options"), [(12_358, {}), (39, {}), (6_178, {"alternative": "greater"})])
def test_coarse_draws_are_told_where_many_at_once_could_still_be_rejected(draws, options):
    with pytest.warns(ClusterMapWarning, match="CM-STAT-005"):
        check_resolution(draws, 309, 0.05, "fdr_bh", **options)


@pytest.mark.parametrize("draws", [39, 12_358, 12_359])
def test_the_guard_tells_the_truth_about_what_can_be_rejected(draws):
    # one test at the smallest p among others that are 1, and all tests at the smallest p
    smallest = float(monte_carlo_p(0, draws, draws))
    alone, together = np.ones(309), np.full(309, smallest)
    alone[0] = smallest
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_resolution(draws, 309, 0.05, "fdr_bh")
    assert (adjust(together, "fdr_bh") <= 0.05).all()
    assert (adjust(alone, "fdr_bh")[0] <= 0.05 * (1 + 1e-12)) == (not told)
