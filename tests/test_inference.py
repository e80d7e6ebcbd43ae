"""Monte-Carlo p, corrections and the resolution guard, against SciPy and hand arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

import clustermap as cm
from clustermap.errors import ClusterMapWarning, OptionError, StatisticsError
from clustermap.inference import adjust, check_resolution, monte_carlo_p, permutations_needed


def test_p_counts_the_observed_map_too():
    assert monte_carlo_p(0, 99, 99, alternative="greater") == 0.01
    assert monte_carlo_p(99, 0, 99, alternative="less") == 0.01
    assert monte_carlo_p(0, 99, 99) == 0.02
    assert monte_carlo_p(4, 96, 99) == pytest.approx(0.1)


def test_ties_in_both_tails_give_one():
    assert monte_carlo_p(99, 99, 99) == 1
    assert monte_carlo_p(60, 60, 99) == 1


def test_p_keeps_the_shape_and_takes_draws_by_area():
    p = monte_carlo_p([[0, 9], [3, 1]], [[99, 90], [96, 98]], [99, 99])
    assert p.shape == (2, 2)
    assert p[0].tolist() == [0.02, 0.2]
    assert monte_carlo_p([0, 0], [9, 99], [9, 99]).tolist() == [0.2, 0.02]


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=60))
def test_q_is_that_of_scipy(p):
    assert adjust(p, "fdr_bh") == pytest.approx(false_discovery_control(p, method="bh"), rel=1e-12)


def test_q_by_hand():
    # .01·4/1, .02·4/2, .04·4/3, .5·4/4; each the smallest of its own and all later ones
    assert adjust([0.02, 0.5, 0.01, 0.04], "fdr_bh") == pytest.approx([0.04, 0.5, 0.04, 0.16 / 3])
    assert adjust([0.02, 0.5, 0.01, 0.04], "bonferroni") == pytest.approx([0.08, 1.0, 0.04, 0.16])
    assert np.isnan(adjust([0.02, 0.5], "none")).all()


def test_missing_p_is_no_member_of_the_family():
    q = adjust([[0.01, np.nan], [0.02, np.nan]], "fdr_bh")
    assert q[:, 0].tolist() == [0.02, 0.02]
    assert np.isnan(q[:, 1]).all()
    assert np.isnan(adjust([np.nan], "bonferroni")).all()
    assert adjust([], "fdr_bh").shape == (0,)


def test_an_unknown_correction_is_refused_even_without_tests():
    with pytest.raises(OptionError, match="CM-STAT-010"):
        adjust([], "holm")


def test_auto_puts_twenty_draws_where_the_smallest_threshold_lies():
    assert permutations_needed(309, 0.05) == 20 * 309 * 20 - 1
    assert permutations_needed(309, 0.05, largest_share=0.5) == 2 * 20 * 309 * 20 - 1
    assert permutations_needed(3, 0.05) == 9_999


def test_auto_is_capped_and_says_so():
    with pytest.warns(ClusterMapWarning, match="CM-STAT-004"):
        assert permutations_needed(35_000, 0.05) == 999_999


def test_a_test_that_cannot_reject_is_refused():
    check_resolution(39, 1, 0.05, "fdr_bh")  # 2/40 = .05 can be reached
    with pytest.raises(StatisticsError, match=r"CM-STAT-003.*38 permutations"):
        check_resolution(38, 1, 0.05, "fdr_bh")
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        check_resolution(999, 100, 0.05, "bonferroni")
    with pytest.raises(StatisticsError, match="at least 39"):
        check_resolution(19, 100, 0.05, "none")


def test_one_sided_tests_need_half_as_many():
    check_resolution(19, 1, 0.05, "fdr_bh", alternative="greater")
    with pytest.raises(StatisticsError):
        check_resolution(18, 1, 0.05, "fdr_bh", alternative="less")


def test_draws_that_hold_the_area_do_not_count():
    check_resolution(78, 1, 0.05, "fdr_bh", largest_share=0.5)
    with pytest.raises(StatisticsError, match="at least 78"):
        check_resolution(77, 1, 0.05, "fdr_bh", largest_share=0.5)


def test_coarse_draws_are_told_for_families_alone():
    with pytest.warns(ClusterMapWarning, match=r"CM-STAT-005.*below 3999"):
        check_resolution(999, 100, 0.05, "fdr_bh")
    check_resolution(3_999, 100, 0.05, "fdr_bh")
    check_resolution(999, 100, 0.05, "none")


@pytest.mark.parametrize("family", [1, 7, 309])
def test_the_number_named_is_the_smallest_that_can_reject(family):
    needed = math.ceil(2 * family / 0.05) - 1
    check_resolution(needed, family, 0.05, "bonferroni")
    with pytest.raises(StatisticsError, match=f"at least {needed}"):
        check_resolution(needed - 1, family, 0.05, "bonferroni")


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, float("nan"), "0.95", None])
def test_what_is_no_level_is_refused_with_a_code_by_every_verb(level):
    counts = pd.DataFrame([[4, 1, 7], [6, 9, 2], [3, 3, 8]], index=list("ABC"), columns=["p1", "p2", "q1"])
    verbs = [
        lambda: cm.location_quotient(counts, interval=level),
        lambda: cm.location_quotient(counts).shrunken(interval=level if level is not None else 2),
        lambda: cm.sector_concentration(counts, interval=level),
        lambda: cm.quotient_change(counts, counts, interval=level),
        lambda: cm.variety(counts, groups=1, interval=level),
        lambda: cm.complexity(counts, interval=level),
        lambda: cm.proximity(counts, alpha=level, seed=1),
        lambda: cm.coagglomeration(counts, alpha=level, seed=1),
    ]
    for verb in verbs:
        with pytest.raises(OptionError):
            verb()


@pytest.mark.parametrize("verb", [cm.variety, cm.complexity])
def test_one_resample_makes_no_interval(verb):
    counts = pd.DataFrame([[4, 1, 7], [6, 9, 2], [3, 3, 8]], index=list("ABC"), columns=["p1", "p2", "q1"])
    with pytest.raises(OptionError, match="replicates=1"):
        verb(counts, replicates=1)
