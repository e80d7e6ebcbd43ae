"""The embedded sets against the published polygons and lookups; the targets were set before the sets were made."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

pytestmark = pytest.mark.real

RECALL, PRECISION, LEP_BORDERS = 0.95, 0.92, 0.98
BRITISH_GRID = 27700
# Published LEPs are drawn one by one: rounding leaves pinholes of up to ten metres between neighbours.
PINHOLE_M, BORDER_M = 10.0, 100.0


def agreement(real, made):
    """Return which share of the real borders was made, and which share of the made borders is real."""
    return len(real & made) / len(real), len(real & made) / len(made)


def leps_2020(real_data):
    """Return the memberships of 2020, long, with the districts of 2022."""
    lookup = pd.read_csv(real_data / "lookup_lad20_lep20.csv")
    first = lookup[["LAD20CD", "LEP20CD1", "LEP20NM1"]].set_axis(["area", "authority", "name"], axis=1)
    second = lookup[["LAD20CD", "LEP20CD2", "LEP20NM2"]].set_axis(["area", "authority", "name"], axis=1)
    north = dict.fromkeys(["E07000150", "E07000152", "E07000153", "E07000156"], "E06000061")
    west = dict.fromkeys(["E07000151", "E07000154", "E07000155"], "E06000062")
    long = pd.concat([first, second.dropna()]).replace({"area": north | west})
    return long.drop_duplicates(["area", "authority"])


def test_district_borders_reach_the_targets(districts, real_districts, bordering):
    # The published districts come from one topology: bordering is a common line longer than 0, no tolerance.
    recall, precision = agreement(bordering(real_districts), bordering(districts))
    assert recall >= RECALL
    assert precision >= PRECISION


def test_district_borders_reach_the_targets_when_corners_count(districts, real_districts, bordering):
    real = bordering(real_districts, longer_m=-1)
    recall, precision = agreement(real, bordering(districts, longer_m=-1))
    assert recall >= RECALL
    assert precision >= PRECISION


def test_lep_borders_of_2021_are_those_of_the_published_polygons(embedded, real_data, bordering):
    real = gpd.read_file(real_data / "lep_2021_en_buc.geojson").to_crs(BRITISH_GRID)
    real = real.rename(columns={"LEP21CD": "code"})
    made = gpd.read_parquet(embedded / "lep_2021.parquet")
    both = agreement(
        bordering(real, apart_m=PINHOLE_M, longer_m=BORDER_M),
        bordering(made, apart_m=PINHOLE_M, longer_m=BORDER_M),
    )
    assert min(both) >= LEP_BORDERS


def test_lep_borders_of_2020_come_out_of_the_districts_too(districts, real_data, bordering, dissolved):
    real = gpd.read_file(real_data / "lep_2020_overlapping_en.geojson").to_crs(BRITISH_GRID)
    real = real.rename(columns={"lep20cd": "code"})
    real["geometry"] = shapely.make_valid(real.geometry.to_numpy(), method="structure", keep_collapsed=False)
    made = dissolved(districts, leps_2020(real_data))
    both = agreement(
        bordering(real, apart_m=PINHOLE_M, longer_m=BORDER_M),
        bordering(made, apart_m=PINHOLE_M, longer_m=BORDER_M),
    )
    assert min(both) >= LEP_BORDERS


def test_authority_borders_are_those_of_the_published_districts_joined(
    authorities, real_districts, bordering, dissolved
):
    made, members = authorities
    both = agreement(bordering(dissolved(real_districts, members)), bordering(made))
    assert min(both) >= LEP_BORDERS


def test_districts_lie_where_the_published_ones_lie(districts, real_districts):
    made = districts.set_index("code").geometry
    real = real_districts.set_index("code").geometry.loc[made.index]
    assert made.intersection(real).area.sum() / real.area.sum() >= 0.85
    assert (made.intersection(real).area / real.area).median() >= 0.80
    land, published = made.union_all(), real.union_all()
    assert land.intersection(published).area / land.union(published).area >= 0.95


def test_names_and_codes_are_the_published_ones(districts, real_districts, embedded, real_data):
    assert districts["code"].tolist() == real_districts["code"].tolist()
    assert districts["name"].tolist() == real_districts["name"].tolist()
    codes = pd.read_csv(real_data / "lookup_lep_codes_2014_2021.csv")
    for vintage in (2017, 2021):
        made = gpd.read_parquet(embedded / f"lep_{vintage}.parquet")
        real = codes[codes["lep_year_spec"] == vintage].sort_values("lep_cd")
        assert made["code"].tolist() == real["lep_cd"].tolist()
        assert made["name"].tolist() == real["lep_nm"].tolist()


def test_memberships_are_the_published_ones(membership, real_data):
    def pairs(frame, area, authority):
        return set(zip(frame[area], frame[authority], strict=True))

    made = {key: pairs(group, "area", "authority") for key, group in membership.groupby(["kind", "vintage"])}
    lep = pd.read_csv(real_data / "lookup_lad22_lep21.csv")
    assert made["lep", 2021] == pairs(lep, "LAD22CD", "LEP21CD")
    mca = pd.read_csv(real_data / "lookup_lad21_cauth21.csv")
    assert made["mca", 2022] == pairs(mca, "LAD21CD", "CAUTH21CD")


@pytest.mark.checkout
def test_memberships_of_2017_are_those_of_2020_with_the_declared_changes(membership, real_data, facts):
    made = membership[(membership["kind"] == "lep") & (membership["vintage"] == 2017)]
    made = set(zip(made["area"], made["authority_name"], strict=True))
    base = leps_2020(real_data)
    base = set(zip(base["area"], base["name"], strict=True))
    changes = pd.read_csv(facts / "lep_2017_changes.csv")
    assert base <= made
    assert made - base == set(zip(changes["code"], changes["also_in"], strict=True))


def test_regions_hold_the_published_districts(membership, real_districts, real_data):
    region = gpd.read_file(real_data / "rgn_2022_uk.geojson").to_crs(BRITISH_GRID)
    inside = real_districts.set_geometry(real_districts.representative_point())
    real = gpd.sjoin(inside, region[["RGN22CD", "geometry"]], predicate="within")
    made = membership[membership["kind"] == "region"].set_index("area")["authority"]
    assert made.loc[real["code"]].tolist() == real["RGN22CD"].tolist()
