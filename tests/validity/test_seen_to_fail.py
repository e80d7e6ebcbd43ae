"""Every check was shown a mistake once, and noticed it: what fail_once.py wrote down stands for the whole table.

Tests that have not been shown theirs yet are named in checks.toml.
"""

from __future__ import annotations

import tomllib

import breaks
import fail_once as f
import pytest

pytestmark = pytest.mark.validity

SEEN = tomllib.loads(f.TARGET.read_text(encoding="utf-8"))


def test_every_check_was_seen_to_fail_or_is_named_as_not_seen_yet():
    assert sorted([*SEEN, *f.c.TABLE["not_seen_yet"]]) == sorted(f.names())


def test_each_was_shown_the_mistake_that_is_chosen_for_it_and_saw_something():
    chosen = {check.name: f.mistake_for(check) for check in f.c.checks()}
    for name, row in SEEN.items():
        part, key = name.split(" ")
        assert row["seen"], name
        assert row["mistake"] in breaks.BREAKS, name
        if part == "checks":
            assert row["mistake"] == chosen[key], name
        if part == "test":
            module, test = key.split(".")
            assert row["mistake"] == f.TESTS[module].get(test, f.TESTS[module]["*"]), name


def test_a_mistake_is_noticed_now_and_gone_afterwards():
    check = next(check for check in f.c.checks() if check.name == "global_moran-skewed-two-sided")
    assert f.see_check(check)["seen"]
    assert f.c.judge(f.c.p_values(check.statistic, check.world, check.p, f.FEW), check.judge).faults == ()


def test_a_check_that_does_not_notice_its_mistake_says_nothing(monkeypatch):
    """Ties dropped from the lower tail alone are no mistake where there are none."""
    monkeypatch.setattr(f, "mistake_for", lambda check: "ties above")
    monkeypatch.setattr(f, "FEW", 20)
    check = next(check for check in f.c.checks() if check.name == "global_moran-normal-two-sided")
    assert f.see_check(check._replace(maps=20))["seen"] == ""
