"""What the embedded sets promise by themselves."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

SETS = {
    "lad_2022": 309,
    "lep_2017": 38,
    "lep_2021": 38,
    "mca_2022": 10,
    "region_2022": 9,
    "outline_2022": 1,
}
HVM_2017 = ["E37000006", "E37000012", "E37000021", "E37000027", "E37000040"]
HVM_2021 = ["E37000006", "E37000012", "E37000021", "E37000053", "E37000054"]
ISLE_OF_WIGHT, SCILLY = "E06000046", "E06000053"
DERBYSHIRE_DALES, EAST_STAFFORDSHIRE = "E07000035", "E07000193"


@pytest.mark.parametrize(("name", "rows"), SETS.items())
def test_each_set_is_whole_named_and_in_national_grid_metres(embedded, name, rows):
    areas = gpd.read_parquet(embedded / f"{name}.parquet")
    assert list(areas.columns) == ["code", "name", "geometry"]
    assert len(areas) == rows
    assert areas["code"].is_unique
    assert areas["code"].is_monotonic_increasing
    assert not areas.isna().any(axis=None)
    assert areas.crs.to_epsg() == 27700
    assert areas.geometry.is_valid.all()
    assert set(areas.geom_type) <= {"Polygon", "MultiPolygon"}


def test_the_districts_are_a_coverage_on_a_metre_grid(districts):
    shapes = districts.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    assert (districts.geom_type == "Polygon").all()
    xy = shapely.get_coordinates(shapes)
    assert np.array_equal(xy, np.round(xy))


def test_only_the_two_island_districts_have_no_neighbour(districts, bordering, components):
    pairs = bordering(districts)
    alone = set(districts["code"]) - {code for pair in pairs for code in pair}
    assert alone == {ISLE_OF_WIGHT, SCILLY}
    assert components(districts["code"], pairs) == [1, 1, 307]


def test_the_outline_is_the_mainland_and_two_islands(embedded, districts):
    outline = gpd.read_parquet(embedded / "outline_2022.parquet").geometry.iloc[0]
    assert len(shapely.get_parts(outline)) == 3
    assert outline.area == pytest.approx(districts.geometry.area.sum())


def test_authorities_are_the_union_of_their_districts(authorities, districts, dissolved):
    made, members = authorities
    joined = dissolved(districts, members)
    assert joined["code"].tolist() == made["code"].tolist()
    assert shapely.equals(joined.geometry.to_numpy(), made.geometry.to_numpy()).all()
    names = members.drop_duplicates("authority").set_index("authority")["authority_name"]
    assert names.loc[made["code"]].tolist() == made["name"].tolist()


@pytest.mark.parametrize(("kind", "vintage"), [("lep", 2017), ("lep", 2021), ("region", 2022)])
def test_every_district_belongs_somewhere_and_its_shares_sum_to_one(districts, membership, kind, vintage):
    members = membership[(membership["kind"] == kind) & (membership["vintage"] == vintage)]
    shares = members.groupby("area")["share"].sum()
    assert sorted(shares.index) == districts["code"].tolist()
    assert shares.to_numpy() == pytest.approx(1)


def test_leps_overlap_as_declared(membership):
    leps = membership[membership["kind"] == "lep"]
    shared = leps.groupby(["vintage", "area"])["authority"].agg(list)
    shared = shared[shared.str.len() > 1]
    assert shared.loc[2021].str.len().eq(2).all()
    assert sorted(shared.loc[2021].index) == [
        *("E07000192", "E07000193", "E07000194", "E07000199"),
        *("E07000234", "E07000236", "E07000239"),
    ]
    assert len(shared.loc[2017]) == 33
    sheffield_and_d2n2 = {"E07000033", "E07000034", DERBYSHIRE_DALES, "E07000038", "E07000171"}
    both = {area for area, leps in shared.loc[2017].items() if leps == ["E37000008", "E37000040"]}
    assert both == sheffield_and_d2n2


def test_memberships_of_2017_are_marked_unconfirmed_and_no_others(membership):
    unconfirmed = membership["status"] == "unconfirmed"
    assert set(membership["status"]) == {"confirmed", "unconfirmed"}
    assert (unconfirmed == (membership["vintage"] == 2017)).all()


def test_the_five_hvm_leps_are_connected_in_2017_by_derbyshire_dales(
    embedded, districts, bordering, components
):
    leps = gpd.read_parquet(embedded / "lep_2017.parquet")
    assert components(HVM_2017, bordering(leps)) == [5]
    assert (DERBYSHIRE_DALES, EAST_STAFFORDSHIRE) in bordering(districts)


def test_sheffield_city_region_is_cut_off_in_2021(embedded, bordering, components):
    leps = gpd.read_parquet(embedded / "lep_2021.parquet")
    pairs = bordering(leps)
    assert components(HVM_2021, pairs) == [1, 4]
    others = set(HVM_2021) - {"E37000054"}
    assert not {pair for pair in pairs if "E37000054" in pair and set(pair) & others}


def test_towns_lie_on_land_once_and_rounded_to_the_kilometre(embedded, districts):
    towns = pd.read_csv(embedded / "towns.csv")
    assert list(towns.columns) == ["name", "easting", "northing", "rank"]
    assert 140 <= len(towns) <= 170
    assert towns["name"].is_unique
    assert set(towns["rank"]) == {1, 2, 3}
    assert (towns[["easting", "northing"]] % 1_000 == 0).all(axis=None)
    land = shapely.union_all(districts.geometry.to_numpy())
    assert shapely.intersects(land, shapely.points(towns[["easting", "northing"]].to_numpy(float))).all()


def test_the_manifest_describes_every_file_truly(embedded):
    manifest = json.loads((embedded / "manifest.json").read_text(encoding="utf-8"))
    entries = {entry["file"]: entry for entry in manifest["sets"]}
    files = {file.name for file in embedded.iterdir() if not file.name.startswith(".")}
    assert set(entries) == files - {"manifest.json"}
    for name, entry in entries.items():
        path = embedded / name
        rows = len(gpd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path))
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert entry["n"] == rows
        assert entry["generalised"] is True
        assert entry["notice"] == manifest["notice"] == "generalised, not for measurement"
        assert "Open Government Licence v3.0" in entry["attribution"]


def test_the_embedded_sets_stay_small(embedded):
    assert sum(file.stat().st_size for file in embedded.iterdir()) < 500_000


def test_no_border_is_a_sliver(districts):
    rings = shapely.get_parts(shapely.boundary(districts.geometry.to_numpy()))
    for ring in shapely.get_parts(rings):
        corners = shapely.get_coordinates(ring)
        assert all(not np.array_equal(a, b) for a, b in pairwise(corners))
    assert districts.geometry.area.min() > 1e6
