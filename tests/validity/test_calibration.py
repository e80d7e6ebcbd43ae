"""Maps without any pattern: how often each statistic finds one; table, seeds and thresholds are in checks.toml."""

from __future__ import annotations

import calibration as c
import numpy as np
import pytest

pytestmark = pytest.mark.validity

CHECKS = [check for check in c.checks() if check.commit]
FAMILIES = [(row["statistic"], row["world"]) for row in c.families() if row["commit"]]


def test_the_limits_are_those_that_were_declared():
    assert [round(k / 200, 4) for k in c.limits(200)] == [0.01, 0.105]
    assert [round(k / 500, 4) for k in c.limits(500)] == [0.022, 0.084]
    assert [round(k / 2_000, 4) for k in c.limits(2_000)] == [0.0345, 0.0665]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_p_is_calibrated_on_null_maps(check):
    rows = c.p_values(check.statistic, check.world, check.p, check.maps)
    assert c.judge(rows, check.judge).faults == ()


@pytest.mark.parametrize(("statistic", "world"), FAMILIES, ids=["-".join(row) for row in FAMILIES])
def test_family_error_after_fdr_on_null_maps(statistic, world):
    """Any area at all that stands out on a map without a pattern is a family error."""
    maps = c.TABLE["family"]["maps_commit"]
    assert c.wrong_maps(statistic, world, maps) <= c.limits(maps)[1]


def test_isolates_are_in_no_check():
    rows = c.p_values("local_moran", "isolates", "two-sided", 3)
    assert all(np.isnan(row).sum() == 2 for row in rows)
