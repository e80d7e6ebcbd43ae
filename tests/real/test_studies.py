"""The studies on real open data, held against what was written down and against outside facts."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from clustermap.study import Study, run_study

pytestmark = pytest.mark.real

HERE = Path(__file__).resolve().parent
NAMES = sorted(f.stem for f in HERE.glob("*.toml") if f.stem != "recorded")
HVM_FIVE = {"E37000006", "E37000012", "E37000021", "E37000053", "E37000054"}


@pytest.fixture(scope="module")
def results(real_data, tmp_path_factory):
    """Run each study once, when it is first asked for."""
    done = {}

    def run(name):
        if name not in done:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("CLUSTERMAP_REAL_DATA", str(real_data))
                study = Study.from_toml(HERE / f"{name}.toml")
                done[name] = run_study(study, tmp_path_factory.mktemp(name) / "out")
        return done[name]

    return run


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("record", HERE / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.figures


@pytest.mark.parametrize("name", NAMES)
def test_the_study_gives_what_was_recorded(name, results, figures):
    recorded = tomllib.loads((HERE / "recorded.toml").read_text(encoding="utf-8"))[name]
    assert figures(results(name)) == recorded


@pytest.mark.parametrize("name", NAMES)
def test_no_row_is_lost(name, results):
    result = results(name)
    for ledger in (result.table.ledger, result.areas.ledger, result.firms and result.firms.ledger):
        if ledger:
            assert ledger.n_in == ledger.accepted + ledger.repaired + ledger.set_aside


@pytest.mark.parametrize("name", NAMES)
def test_shares_of_a_cluster_sum_to_one_in_spite_of_double_memberships(name, results):
    crossed = results(name).crossing
    if len(crossed.frame):
        assert crossed.frame.groupby("cluster")["share"].sum().to_numpy() == pytest.approx(1.0)


def test_all_309_districts_38_leps_and_every_enterprise_are_there(results, real_data):
    result = results("districts")
    counts = pd.read_csv(real_data / "ubc_enterprises_2018_2022.csv.gz").query(
        "year == 2021 and geo == 'LAD'"
    )
    english = counts[counts["area"].isin(set(result.areas.names))]
    assert (len(result.areas), len(result.authorities)) == (309, 38)
    assert result.table.total == english["total"].sum()


def test_no_cluster_holds_a_quarter_of_all_districts(results):
    assert (results("districts").clusters.frame["n_areas"] <= 309 / 4).all()


def test_sheffield_is_cut_off_in_2021_and_2020(results):
    for name in ("districts", "employers"):
        assert results(name).named_line.status == "disconnected"
        assert results(name).named_line.gap_km == pytest.approx(31.8, abs=0.3)


def test_the_five_are_connected_under_the_wider_sheffield_city_region(results):
    for name in ("vintage", "vintage_districts"):
        assert results(name).named_line.status != "disconnected"
        assert 0 < results(name).named_line.p <= 1


def test_oxfordshire_is_33rd_of_38_by_enterprises_and_the_black_country_first(results):
    result = results("districts")
    rank = result.ranking().set_index("name")["rank"]
    assert rank["Oxfordshire"] == 33
    assert rank.idxmin() == "Black Country"


def test_employers_stand_at_registered_offices_and_the_report_says_so_first(results):
    result = results("employers")
    report = result.files["report.md"].read_text(encoding="utf-8")
    assert result.firms.location_kind == "registered office"
    assert report.index("registered or reporting offices") < report.index("Counted:")


def test_all_10498_employers_are_accounted_for(results):
    ledger = results("employers").firms.ledger
    assert ledger.n_in == 10_498
    assert ledger.set_aside == 63


def test_the_three_definitions_nest(results):
    names = ("employers_high_technology", "employers", "employers_with_metals")
    counts = [results(name).table.sector_totals.iloc[0] for name in names]
    assert counts[0] < counts[1] < counts[2]
