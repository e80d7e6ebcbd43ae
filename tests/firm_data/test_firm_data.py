"""The embedded firms are what their README says: synthetic, in their districts, planted only where written."""

from __future__ import annotations

import hashlib
import json
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from scipy import stats

from clustermap import datasets

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "firm_data" / "make_firms.py"
SETS = ("firms", "firms_null")
DEFINITIONS = {
    "high technology": ("21", "26", "303"),
    "high and medium-high": ("20", "21", "254", "26", "27", "28", "29", "302", "303", "304", "309", "325"),
    "with metals": ("20", "21", "24", "25", "26", "27", "28", "29", "302", "303", "304", "309", "325"),
}
FIVE = {
    "Coventry and Warwickshire",
    "Greater Birmingham and Solihull",
    "Leicester and Leicestershire",
    "Oxfordshire",
    "Sheffield City Region",
}
PLANTED_RISK = 2.75
# A fair draw falls outside once in a thousand sets.
ALPHA = 0.001


@pytest.fixture(scope="module")
def districts():
    return gpd.read_parquet(datasets.path("lad_2022")).set_index("code")


@pytest.fixture(scope="module")
def planted():
    return pd.read_csv(datasets.path("firms").parent / "planted.csv").set_index("code")


@pytest.fixture(scope="module")
def located(districts):
    """Give both sets with the district in which each point stands."""
    out = {}
    for name in SETS:
        firms = gpd.read_parquet(datasets.path(name))
        out[name] = gpd.sjoin(firms, districts[["geometry"]], predicate="within").rename(
            columns={"code": "home"}
        )
    return out


@pytest.fixture(scope="module")
def facts():
    if not SCRIPT.is_file():
        pytest.skip("the written-down figures stand in the checkout only")
    return runpy.run_path(str(SCRIPT), run_name="make_firms")


def high_value(firms, definition="with metals"):
    return firms["sic"].str.startswith(DEFINITIONS[definition])


@pytest.mark.parametrize("name", SETS)
def test_every_firm_says_that_it_is_synthetic(name):
    firms = gpd.read_parquet(datasets.path(name))
    number = pd.Series(range(1, 40_001)).map("{:06d}".format)
    assert firms["firm_id"].tolist() == ("SYN" + number).tolist()
    assert firms["name"].tolist() == ("Synthetic firm " + number).tolist()
    assert firms["synthetic"].all()
    assert set(firms["location_kind"]) == {"workplace"}
    assert pq.read_schema(datasets.path(name)).metadata[b"notice"].startswith(b"SYNTHETIC")


@pytest.mark.parametrize("name", SETS)
def test_columns_are_plain_and_name_no_district(name):
    firms = gpd.read_parquet(datasets.path(name))
    assert firms.columns.tolist() == [
        "firm_id", "name", "sic", "sic_2", "employees", "incorporated", "location_kind", "synthetic", "geometry",
    ]  # fmt: skip
    assert firms.crs.to_epsg() == 27700
    place = shapely.get_coordinates(firms.geometry.to_numpy())
    assert np.array_equal(place, np.rint(place))
    assert firms["employees"].between(1, 5000).all()
    founded = pd.to_datetime(firms["incorporated"])
    assert founded.between("1950-01-01", "2021-12-31").all()
    assert datasets.path(name).stat().st_size < 1_500_000


@pytest.mark.parametrize("name", SETS)
def test_codes_are_five_digits_and_a_second_code_is_another(name):
    firms = gpd.read_parquet(datasets.path(name))
    both = firms["sic_2"].notna()
    assert firms["sic"].str.fullmatch(r"\d{5}").all()
    assert firms.loc[both, "sic_2"].str.fullmatch(r"\d{5}").all()
    assert (firms.loc[both, "sic"] != firms.loc[both, "sic_2"]).all()
    assert 0.13 < both.mean() < 0.15
    assert firms["sic"].str[:2].nunique() > 70


@pytest.mark.parametrize("name", SETS)
def test_every_firm_stands_well_inside_one_district(name, located, districts):
    firms = located[name]
    assert len(firms) == 40_000
    assert firms["firm_id"].is_unique
    assert set(firms["home"]) == set(districts.index)
    edges = districts.geometry.boundary.loc[firms["home"]].to_numpy()
    assert shapely.distance(edges, firms.geometry.to_numpy()).min() >= 24.9


@pytest.mark.checkout
@pytest.mark.parametrize("name", SETS)
def test_districts_hold_firms_in_proportion_to_published_enterprises(name, located, facts):
    table = facts["read_facts"]().districts.set_index("code")
    held = located[name]["home"].value_counts().reindex(table.index)
    exact = table["enterprises"] / table["enterprises"].sum() * 40_000
    assert (held - exact).abs().max() < 1


@pytest.mark.checkout
def test_other_manufacturing_follows_the_published_shares(located, facts):
    read = facts["read_facts"]()
    _, other = facts["sector_shares"](read, planted=True)
    firms = located["firms"]
    made = firms["sic"].str[:2].astype(int).between(10, 33) & ~high_value(firms)
    held = firms["home"].value_counts().reindex(read.districts["code"]).to_numpy()
    seen = made.groupby(firms["home"]).sum().reindex(read.districts["code"]).to_numpy()
    z = (seen - held * other) / np.sqrt(held * other * (1 - other))
    assert stats.chi2.sf((z**2).sum(), len(z)) > ALPHA
    assert np.corrcoef(seen / held, other)[0, 1] > 0.7


@pytest.mark.checkout
def test_size_bands_follow_the_published_bands(located, facts):
    read = facts["read_facts"]()
    micro = read.sectors["micro_0_9"] / read.sectors[list(facts["BANDS"])].sum(axis="columns")
    code_sector = read.activities.set_index("sic")["sector"]
    firms = located["firms"]
    chance = firms["sic"].map(code_sector).map(micro)
    seen, expected = (firms["employees"] < 10).sum(), chance.sum()
    assert abs(seen - expected) < 3.3 * np.sqrt((chance * (1 - chance)).sum())


def test_the_planted_districts_are_one_chain_across_the_five_leps(planted, districts):
    members = pd.read_csv(datasets.path("lad_2022").parent / "membership.csv")
    leps = members[(members["kind"] == "lep") & (members["vintage"] == 2017)]
    pairs = set(zip(leps["area"], leps["authority_name"], strict=True))
    assert set(planted["lep_2017"]) == FIVE
    assert set(planted["lep_2017"].items()) <= pairs
    assert planted["name"].to_dict() == districts.loc[planted.index, "name"].to_dict()
    shapes = districts.geometry.loc[planted.index]
    reached, found = {planted.index[0]}, 0
    while len(reached) > found:
        found = len(reached)
        near = shapely.unary_union(shapes.loc[sorted(reached)].to_numpy())
        reached |= {code for code, shape in shapes.items() if near.intersection(shape).length > 1000}
    assert reached == set(planted.index)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_planted_relative_risk_is_what_is_written(definition, located, planted):
    assert (planted["relative_risk"] == PLANTED_RISK).all()
    firms = located["firms"]
    valuable, inside = high_value(firms, definition), firms["home"].isin(planted.index)
    outside = valuable[~inside].mean()
    test = stats.binomtest(int(valuable[inside].sum()), int(inside.sum()), PLANTED_RISK * outside)
    assert test.pvalue > ALPHA
    assert stats.binomtest(int(valuable[inside].sum()), int(inside.sum()), outside).pvalue < 1e-6


def spread(valuable, home):
    """Return the p of one share over all districts, from the chi-square of its counts."""
    held, seen = home.value_counts().sort_index(), valuable.groupby(home).sum().sort_index()
    share = seen.sum() / held.sum()
    z2 = (seen - held * share) ** 2 / (held * share * (1 - share))
    return stats.chi2.sf(z2.sum(), len(held) - 1)


def test_outside_the_planted_districts_high_value_manufacturing_is_flat(located, planted):
    firms = located["firms"]
    rest = firms[~firms["home"].isin(planted.index)]
    assert spread(high_value(rest), rest["home"]) > ALPHA
    assert spread(high_value(firms), firms["home"]) < 1e-6


def test_the_null_set_is_flat_in_every_sector(located, planted):
    firms = located["firms_null"]
    inside = firms["home"].isin(planted.index)
    assert spread(high_value(firms), firms["home"]) > ALPHA
    manufacturing = firms["sic"].str[:2].astype(int).between(10, 33)
    assert spread(manufacturing, firms["home"]) > ALPHA
    share = high_value(firms)[~inside].mean()
    assert stats.binomtest(int(high_value(firms)[inside].sum()), int(inside.sum()), share).pvalue > ALPHA


def test_the_second_code_does_not_know_the_place(located, planted):
    firms = located["firms"][located["firms"]["sic_2"].notna()]
    second = firms["sic_2"].str.startswith(DEFINITIONS["with metals"])
    inside = firms["home"].isin(planted.index)
    assert (
        stats.binomtest(int(second[inside].sum()), int(inside.sum()), second[~inside].mean()).pvalue > ALPHA
    )


def test_the_manifest_says_which_bytes_these_are():
    folder = datasets.path("firms").parent
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["notice"].startswith("SYNTHETIC")
    assert {entry["file"]: entry["planted"] for entry in manifest["sets"]} == {
        "firms.parquet": True,
        "firms_null.parquet": False,
    }
    for entry in manifest["sets"]:
        assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    embedded = hashlib.sha256(datasets.path("lad_2022").read_bytes()).hexdigest()
    assert manifest["districts_sha256"] == embedded


@pytest.mark.checkout
def test_the_script_makes_the_same_firms_again(facts, tmp_path):
    subprocess.run([sys.executable, SCRIPT, "--out", tmp_path], check=True)
    kept = ROOT / "firm_data" / "data"
    made_with = json.loads((kept / "manifest.json").read_text())["made_with"]
    here = {name: version(name) for name in made_with if name != "geos"}
    same_versions = made_with == here | {"geos": shapely.geos_version_string}
    for name in SETS:
        again, before = tmp_path / f"{name}.parquet", kept / f"{name}.parquet"
        assert pq.read_table(again).equals(pq.read_table(before))
        if same_versions:
            assert again.read_bytes() == before.read_bytes()
    assert (tmp_path / "planted.csv").read_bytes() == (kept / "planted.csv").read_bytes()


@pytest.mark.checkout
@pytest.mark.real
def test_the_written_down_figures_are_the_published_ones(facts, real_data, monkeypatch):
    monkeypatch.setenv("CLUSTERMAP_REAL_DATA", str(real_data))
    derive = runpy.run_path(str(ROOT / "firm_data" / "derive_facts.py"), run_name="derive_facts")
    folder = ROOT / "firm_data" / "facts"
    counts = pd.read_csv(real_data / "ubc_enterprises_2018_2022.csv.gz")
    counts = counts[counts["year"] == 2021]
    names = pd.read_csv(real_data / "lookup_lad22_lep21.csv", usecols=["LAD22CD", "LAD22NM"])
    names = names.drop_duplicates().set_axis(["code", "name"], axis="columns")
    for name, table in (
        ("districts", derive["districts"](counts, names)),
        ("sectors", derive["sectors"](counts)),
        ("activities", derive["activities"](real_data)),
    ):
        text = table.to_csv(index=False, lineterminator="\n")
        assert text == (folder / f"{name}.csv").read_text(encoding="utf-8"), name
    # Trap 14: figures are rounded to 5, so districts sum near England's row, not to it.
    england = pd.read_csv(folder / "sectors.csv")["enterprises"].sum()
    held = pd.read_csv(folder / "districts.csv")["enterprises"].sum()
    assert abs(held - england) < 500
