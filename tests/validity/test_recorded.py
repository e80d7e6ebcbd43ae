"""The figures written down by record.py stand for the whole table, and inside the thresholds declared before."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import calibration as c
import pytest

pytestmark = pytest.mark.validity

HERE = Path(__file__).resolve().parent
RECORDED = tomllib.loads((HERE / "recorded.toml").read_text(encoding="utf-8"))
FAMILIES = {row["name"]: row for row in c.families()}
CURVES = {curve["name"]: curve for curve in c.TABLE["power"]["curves"]}


def test_every_row_of_the_table_is_recorded_and_no_other():
    table = [f"checks {check.name}" for check in c.checks()]
    table += [f"family {name}" for name in FAMILIES]
    table += [f"power {name}" for name in CURVES]
    recorded = {f"{part} {name}" for part, rows in RECORDED.items() for name in rows}
    assert recorded <= set(table)
    assert {row.split()[1] for row in set(table) - recorded} == set(c.TABLE["not_recorded_yet"])


@pytest.mark.parametrize(
    "check", [k for k in c.checks() if k.name in RECORDED["checks"]], ids=lambda k: k.name
)
def test_recorded_rates_lie_in_the_declared_interval(check):
    row = RECORDED["checks"][check.name]
    fewest, most = c.limits(row["maps"])
    assert row["maps"] == c.TABLE["maps_recorded"]
    assert row["rejected"] <= most
    assert row["rejected"] >= fewest or check.judge == "conservative"
    assert row["ks_p"] >= c.LEAST
    assert row["faults"] == []


@pytest.mark.parametrize("name", list(RECORDED["family"]))
def test_recorded_family_errors_are_at_most_what_was_declared(name):
    row = RECORDED["family"][name]
    assert row["maps"] == FAMILIES[name]["maps"]
    assert row["wrong"] / row["maps"] <= c.TABLE["family"]["highest"]


@pytest.mark.parametrize("name", list(RECORDED["power"]))
def test_recorded_power_grows_from_the_level_to_what_was_declared(name):
    row, curve = RECORDED["power"][name], CURVES[name]
    assert row["maps"] == curve.get("maps", c.TABLE["power"]["maps_recorded"])
    assert row["effects"] == curve["effects"]
    assert row["effects"][0] == 0
    assert row["power"][0] <= c.limits(row["maps"])[1] / row["maps"]
    assert (row["power"][-1] >= curve["reached"]) == (name not in c.TABLE["failed"])
    # a curve may fall by sampling error alone: five standard errors of a difference
    assert all(
        b >= a - 5 * (0.5 / row["maps"]) ** 0.5 for a, b in zip(row["power"], row["power"][1:], strict=False)
    )


@pytest.fixture(scope="module")
def record():
    spec = importlib.util.spec_from_file_location("validity_record", HERE / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_rendered_as_they_are_read(record):
    assert tomllib.loads(record.as_toml(RECORDED)) == RECORDED


@pytest.mark.checkout
def test_the_page_shows_the_recorded_figures(record):
    page = record.PAGE.read_text(encoding="utf-8")
    assert record.with_tables(page, RECORDED) == page


@pytest.mark.checkout
@pytest.mark.parametrize("page", ["gini", "herfindahl", "hoover", "krugman", "theil", "hachman"])
def test_pages_say_how_often_one_of_seven_indices_finds_something_by_chance(record, page):
    rows = [row for row in RECORDED["family"].values() if "rate_of_any_index" in row]
    (of_any,) = {row["rate_of_any_index"] for row in rows}
    folder = record.PAGE.parent
    said, told = (
        (folder / name).read_text(encoding="utf-8") for name in (f"statistics/{page}.md", "validity.md")
    )
    assert f"finds something on {of_any:.0%} of maps".replace("%", " %") in said
    assert f"finds something on {of_any:.2%} of these maps".replace("%", " %") in told
    low, high = (end(row["rate"] for row in rows) for end in (min, max))
    assert f"on {100 * low:.1f} to {100 * high:.1f} % of 4,000 maps" in told


@pytest.mark.checkout
@pytest.mark.parametrize("page", ["validity.md", "statistics/local_moran.md"])
def test_pages_say_of_sparse_counts_what_is_recorded(record, page):
    said = (record.PAGE.parent / page).read_text(encoding="utf-8")
    for name in ("sparse-two-sided", "sparse_broken-two-sided"):
        row = RECORDED["checks"][f"local_moran-{name}"]
        assert f"{row['rate']:.2%}".replace("%", " %") in said
        assert f"({row['rate_of_all_areas']:.2%}".replace("%", " %") in said
