"""The judge itself is seen to fail: a p that is broken on purpose is rejected on as many maps as a commit runs."""

from __future__ import annotations

import calibration as c
import numpy as np
import pytest
import subjects

pytestmark = pytest.mark.validity

MAPS = c.TABLE["broken"]["maps"]
B = c.TABLE["draws"]


@pytest.mark.parametrize("statistic", ["global_moran", "local_moran"])
def test_a_halved_p_is_rejected(statistic):
    """One tail called two-sided, as in esda: under no pattern p is then uniform up to a half."""
    rows = [row / 2 for row in c.p_values(statistic, "normal", "two-sided", MAPS)]
    assert any("uniform" in fault for fault in c.judge(rows, "exact").faults)


@pytest.mark.parametrize("statistic", ["global_moran", "local_moran"])
def test_a_doubled_p_is_rejected_where_it_should_be_exact_alone(statistic):
    rows = [np.minimum(1, 2 * row) for row in c.p_values(statistic, "normal", "two-sided", MAPS)]
    assert c.judge(rows, "exact").faults
    assert c.judge(rows, "conservative").faults == ()


def _without_ties(greater, less):
    """Count only smaller draws in the lower tail, so that a tie speaks for a low value."""
    up, low = greater * (B + 1) - 1, less * (B + 1) - 1
    low = np.maximum(low - (up + low - B), 0)
    return np.minimum(1, 2 * np.minimum(1 + up, 1 + low) / (B + 1))


def test_ties_dropped_from_the_lower_tail_are_rejected():
    pairs = zip(*(c.p_values("local_moran", "rare", p, MAPS) for p in ("greater", "less")), strict=True)
    assert c.judge([_without_ties(*pair) for pair in pairs], "conservative").faults


@pytest.mark.parametrize("statistic", ["global_moran", "local_moran_thin_corner"])
def test_raw_rates_of_unequal_denominators_are_rejected(statistic):
    """Without empirical Bayes, thinly populated areas in one corner make the map look rough there."""
    rows = []
    for m in range(MAPS):
        world = c.draw(statistic, "rates_graded", m)
        raw = world.data.values["sector"] / world.data.area_totals
        rows.append(
            subjects.P[statistic](
                world._replace(data=raw, sector=None),
                draws=B,
                alternative="two-sided",
                seed=c.map_seed(statistic, "rates_graded", m),
            )
        )
    assert c.judge(rows, "exact").faults


def test_labels_without_a_correction_are_a_family_error():
    wrong = sum((row <= c.LEVEL).any() for row in c.p_values("local_moran", "normal", "two-sided", MAPS))
    assert wrong > c.limits(MAPS)[1]


def test_one_share_of_tries_in_the_wrong_place_is_seen():
    """A p of exactly nothing, and one of the right size but not uniform above it."""
    rng = np.random.default_rng(c.TABLE["seed"])
    good = [rng.random(3) for _ in range(MAPS)]
    assert c.judge(good, "exact").faults == ()
    assert len(c.judge([row * 0 for row in good], "exact").faults) > 1
    assert c.judge([np.where(row > c.LEVEL, 1.0, row) for row in good], "exact").faults
    assert any("few" in fault for fault in c.judge([np.maximum(row, 0.06) for row in good], "exact").faults)
