"""Firms: located, with their codes, every row accounted for."""

from __future__ import annotations

import gzip
import re
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

from clustermap import datasets
from clustermap.errors import CrsError, InputError, OptionError
from clustermap.schema import ACTIVITY_COLUMNS, FIRM_COLUMNS
from clustermap.sources import as_firms, read_firms, read_postcodes
from clustermap.sources import columns as columns_room

# two points whose grid references are published: the Airy transit of Greenwich is not on this grid, so the
# truth here is the projection itself, to the metre: Oxford Carfax and Coventry cathedral
OXFORD, COVENTRY = (-1.2583, 51.7519), (-1.5077, 52.4081)
CSV = (
    "firm_id,name,sic,employees,lat,lon\n"
    "b,Beta Ltd,26110,12,51.7519,-1.2583\n"
    'a,"Alpha, Sons & Co",28110;25620,30,52.4081,-1.5077\n'
    "c,NULL,None Supplied,c,51.9,-1.3\n"
    "d,NA,01110,5,,\n"
)


def table(**columns):
    n = len(next(iter(columns.values())))
    base = {"id": [f"f{i}" for i in range(n)], "lat": [51.75] * n, "lon": [-1.26] * n}
    return pd.DataFrame({**base, **columns})


@pytest.fixture
def firms(write):
    return read_firms(write("firms.csv", CSV))


def test_rows_come_in_order_of_identity_with_the_columns_of_the_contract(firms):
    assert list(firms.frame.columns) == [*FIRM_COLUMNS, "employees"]
    assert firms.frame["employees"].equals(firms.frame["value"].rename("employees"))
    assert firms.frame["firm_id"].tolist() == ["a", "b", "c"]
    assert firms.frame["name"].tolist() == ["Alpha, Sons & Co", "Beta Ltd", "NULL"]


def test_places_are_projected_to_the_national_grid(firms):
    assert firms.crs.to_epsg() == 27700
    b = firms.frame.set_index("firm_id").geometry["b"]
    assert (round(b.x, -2), round(b.y, -2)) == (451_300, 206_200)
    assert set(firms.frame["location_quality"]) == {"coordinates"}


def test_every_usable_code_is_an_activity_and_a_firm_without_one_stays(firms):
    assert list(firms.activities.columns) == [*ACTIVITY_COLUMNS]
    assert firms.activities[["firm_id", "sic", "position"]].values.tolist() == [
        ["a", "28110", 1], ["a", "25620", 2], ["b", "26110", 1],
    ]  # fmt: skip
    assert firms.frame["sic"].isna().tolist() == [False, False, True]
    assert firms.ledger.n("no usable SIC code: kept, counts in totals") == 1


def test_the_ledger_accounts_for_every_row_and_every_employee(firms):
    ledger = firms.ledger
    assert (ledger.n_in, ledger.accepted, ledger.repaired, ledger.set_aside) == (4, 3, 0, 1)
    assert ledger.value_in == 12 + 30 + 5
    assert ledger.frame.set_index("reason")["value"]["no coordinates"] == 5


def test_a_suppressed_value_is_missing_and_not_zero(firms):
    assert np.isnan(firms.frame.set_index("firm_id")["value"]["c"])
    assert "1 value is missing or suppressed, not 0." in firms.ledger.notes


@pytest.mark.parametrize("name", ["firms.csv", "firms.csv.gz", "firms.zip", "firms.tsv", "firms.parquet"])
def test_the_same_rows_in_any_container_give_the_same_firms(write, firms, name):
    frame = pd.read_csv(write("plain.csv", CSV), dtype=str, keep_default_na=False)
    path = write(name, CSV)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(CSV.encode()))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside/firms.csv", CSV)
    elif name.endswith(".tsv"):
        frame.to_csv(path, sep="\t", index=False)
    elif name.endswith(".parquet"):
        frame.to_parquet(path)
    again = read_firms(path)
    pd.testing.assert_frame_equal(pd.DataFrame(again.frame), pd.DataFrame(firms.frame))
    pd.testing.assert_frame_equal(again.activities, firms.activities)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".shp.zip", ".parquet", ".fgb"])
def test_vector_files_give_the_same_firms(tmp_path, suffix):
    frame = gpd.GeoDataFrame(
        {"firm_id": ["a", "b"], "name": ["A", "B"], "sic": ["26110", "01110"]},
        geometry=[Point(450_000, 206_000), Point(433_000, 279_000)],
        crs="EPSG:27700",
    )
    path = tmp_path / f"firms{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".geojson":
        frame.to_crs("EPSG:4326").to_file(path)
    elif suffix == ".shp.zip":
        frame.to_file(tmp_path / "firms.shp")
        with zipfile.ZipFile(tmp_path / "firms.zip", "w") as archive:
            for part in (".shp", ".shx", ".dbf", ".prj"):
                archive.write(tmp_path / f"firms{part}", f"firms{part}")
        path = tmp_path / "firms.zip"
    else:
        frame.to_file(path)
    firms = read_firms(path)
    assert firms.frame["sic"].tolist() == ["26110", "01110"]
    assert np.allclose(firms.frame.geometry.x, [450_000, 433_000], atol=1.0)
    assert set(firms.frame["location_quality"]) == {"geometry"}


def test_a_frame_keeps_its_labels_and_is_not_changed():
    frame = gpd.GeoDataFrame(
        {"sic": [26110, 1110]}, geometry=[Point(-1.2, 51.7), Point(-1.3, 51.8)], crs=4326, index=["x", "y"]
    )
    before = frame.copy()
    firms = as_firms(frame)
    assert firms.frame["firm_id"].tolist() == ["x", "y"]
    assert firms.frame["name"].tolist() == ["x", "y"]
    pd.testing.assert_frame_equal(frame, before)
    assert as_firms(firms) is firms


def test_the_order_of_the_rows_does_not_matter(write):
    lines = CSV.splitlines()
    one = read_firms(write("one.csv", "\n".join(lines)))
    two = read_firms(write("two.csv", "\n".join([lines[0], *lines[:0:-1]])))
    pd.testing.assert_frame_equal(pd.DataFrame(one.frame), pd.DataFrame(two.frame))
    pd.testing.assert_frame_equal(one.activities, two.activities)
    assert one.ledger.to_dict() == two.ledger.to_dict()


def test_rows_without_identities_are_numbered_by_content_not_by_row(write):
    lines = ["name,lat,lon", "Zeta,51.7,-1.2", "Alpha,51.8,-1.3", "Mid,51.9,-1.4"]
    one = read_firms(write("one.csv", "\n".join(lines))).frame
    two = read_firms(write("two.csv", "\n".join([lines[0], lines[3], lines[2], lines[1]]))).frame
    assert dict(zip(one["name"], one["firm_id"], strict=True)) == dict(
        zip(two["name"], two["firm_id"], strict=True)
    )


def test_an_empty_identity_is_numbered_and_counted():
    firms = read_firms(table(id=["a", "", ""], name=["A", "C", "B"]))
    assert firms.frame.set_index("name")["firm_id"].to_dict() == {"A": "a", "B": "no-id-1", "C": "no-id-2"}
    assert firms.ledger.n("no identity: numbered by content") == 2


def test_employment_of_one_identity_is_never_counted_twice():
    firms = read_firms(table(id=["a", "a", "b"], employees=[10, 40, 5], lat=[51.7, 51.8, 51.9]))
    assert firms.frame["value"].tolist() == [40, 5]
    assert firms.ledger.n("duplicated identity") == 1
    assert firms.ledger.value_in == 55
    assert firms.ledger.frame.set_index("reason")["value"]["duplicated identity"] == 10


def test_a_duplicate_that_has_no_place_does_not_displace_the_one_that_has():
    firms = read_firms(table(id=["a", "a"], employees=[90, 1], lat=[np.nan, 51.8]))
    assert firms.frame["value"].tolist() == [1]
    assert firms.ledger.n("no coordinates") == 1


def test_a_company_number_that_lost_its_zeros_is_completed_and_counted():
    firms = read_firms(table(CompanyNumber=[12345, 1234567], id=["", ""]).drop(columns="id"))
    assert firms.frame["firm_id"].tolist() == ["00012345", "01234567"]
    assert firms.ledger.n("identity completed to eight digits") == 2
    other = read_firms(table(employer_id=["7", "8"]).drop(columns="id"))
    assert other.frame["firm_id"].tolist() == ["7", "8"]


def test_identities_in_scientific_notation_are_refused():
    with pytest.raises(InputError, match="CM-FIRMS-002") as caught:
        read_firms(table(id=["1.2345E+16", "a"]))
    assert "row 0 (1.2345E+16)" in str(caught.value)


# --- the register ------------------------------------------------------------
def test_the_companies_house_layout_is_recognised(register, directory):
    path = register(
        {
            "CompanyName": "ACME LTD", "CompanyNumber": "00000006", "RegAddress.PostCode": "OX1 1AA",
            "RegAddress.CareOf": "A PERSON", "RegAddress.AddressLine1": "1 HIGH STREET",
            "IncorporationDate": "03/11/1998", "PreviousName_1.CompanyName": "OLD NAME",
            "SICCode.SicText_1": "62012 - Business and domestic software development",
            "SICCode.SicText_2": "32990 - Other manufacturing, n.e.c.",
        },
        {
            "CompanyName": "STRIKE LTD", "CompanyNumber": "SC000007", "RegAddress.PostCode": "CV1 2WT",
            "CompanyStatus": "Active - Proposal to Strike off", "SICCode.SicText_1": "None Supplied",
        },
        {
            "CompanyName": "GONE LTD", "CompanyNumber": "00000008", "RegAddress.PostCode": "OX1 1AA",
            "CompanyStatus": "Liquidation", "SICCode.SicText_1": "99999 - Dormant Company",
        },
    )  # fmt: skip
    firms = read_firms(path, postcodes=read_postcodes(directory))
    assert firms.location_kind == "registered office"
    assert firms.frame["firm_id"].tolist() == ["00000006", "SC000007"]
    assert firms.activities["sic"].tolist() == ["62012", "32990"]
    assert firms.frame["incorporated"].iloc[0] == pd.Timestamp(1998, 11, 3)
    assert firms.frame["outward_code"].tolist() == ["OX1", "CV1"]
    assert firms.ledger.n("status is not active") == 1
    everything = " ".join(map(str, firms.frame.drop(columns="geometry").to_numpy().ravel()))
    assert not any(private in everything for private in ("PERSON", "HIGH STREET", "OX1 1AA", "OLD NAME"))
    both = read_firms(path, postcodes=read_postcodes(directory), status="all")
    assert len(both) == 3
    assert "unusable (99999 dormant)" in both.ledger.summary()


def test_dates_that_are_none_are_missing():
    firms = read_firms(table(IncorporationDate=["31/02/2001", "2001-02-03"]))
    assert firms.frame["incorporated"].isna().tolist() == [True, False]


# --- columns -----------------------------------------------------------------
def test_columns_can_be_given():
    frame = pd.DataFrame(
        {
            "key": ["a"],
            "Title": ["T"],
            "c1": ["26110"],
            "c2": ["28110"],
            "N": ["51.75"],
            "W": ["-1.26"],
            "name": ["x"],
        }
    )
    firms = read_firms(
        frame, columns={"firm_id": "key", "name": "Title", "sic": ["c1", "c2"], "lat": "N", "lon": "W"}
    )
    assert firms.frame["name"].tolist() == ["T"]
    assert firms.activities["sic"].tolist() == ["26110", "28110"]
    assert firms.frame["source_name"].tolist() == ["x"]


def test_all_faults_of_columns_are_told_at_once():
    with pytest.raises(OptionError, match="CM-COLUMN-001") as caught:
        read_firms(table(a=[1]), columns={"firm_idd": "id", "lat": "lats", "lon": ["lon", "lat"]})
    assert all(
        part in str(caught.value)
        for part in ("'firm_idd'", "no column 'lats' (nearest: 'lat')", "takes one column")
    )


def test_the_documented_table_of_synonyms_is_the_one_that_is_used():
    documented = set(re.findall(r"[a-z0-9_]+", columns_room.__doc__))
    assert set(columns_room.SYNONYMS) <= documented
    spelled = {name for names in columns_room.SYNONYMS.values() for name in names}
    assert spelled - documented <= {"organizationname", "firmid", "locationkind"}


def test_whatever_else_the_file_had_is_kept():
    firms = read_firms(table(Postcode=["OX1 1AA"], Tags=["space"]))
    assert firms.frame[["Postcode", "Tags"]].values.tolist() == [["OX1 1AA", "space"]]


def test_hostile_names_are_plain_text():
    names = ["<img src=x onerror=alert(1)>", "${alert(1)}", "`", "=HYPERLINK(1)", "../../etc"]
    firms = read_firms(table(name=names))
    assert firms.frame["name"].tolist() == names
    assert "<img" not in firms._repr_html_()


@pytest.mark.parametrize(
    ("options", "code"),
    [({"location_kind": "office"}, "CM-OPTION-001"), ({"status": "alive"}, "CM-OPTION-001")],
)
def test_unknown_options_are_refused(options, code):
    with pytest.raises(OptionError, match=code):
        read_firms(table(a=[1]), **options)


def test_the_kind_of_place_is_carried():
    assert read_firms(table(a=[1])).location_kind == "unknown"
    assert read_firms(table(a=[1]), location_kind="workplace").location_kind == "workplace"
    mixed = read_firms(table(location_kind=["Workplace", "Registered office", "somewhere"]))
    assert mixed.location_kind == "registered office, unknown, workplace"
    assert any("another kind of place" in note for note in mixed.ledger.notes)


def test_made_up_firms_say_so(tmp_path):
    assert read_firms(datasets.path("firms")).synthetic
    assert not read_firms(table(a=[1])).synthetic
    assert read_firms(table(synthetic=["True", "False"])).synthetic
    assert "synthetic" in read_firms(table(synthetic=[True])).summary()


# --- values ------------------------------------------------------------------
def test_values_in_many_spellings():
    spelled = ["1,234", "12", "<5", "..", "-3", "inf", "about ten", "£ 2 000", "", "0"]
    firms = read_firms(table(employees=spelled))
    value = firms.frame["value"].to_numpy()
    expected = [1234, 12, np.nan, np.nan, np.nan, np.nan, np.nan, 2000, np.nan, 0]
    assert np.array_equal(value, expected, equal_nan=True)
    assert firms.ledger.n("value negative or infinite: taken as missing") == 2
    assert firms.ledger.n("value not a number: taken as missing") == 1
    assert firms.ledger.value_in == 1234 + 12 + 2000


def test_decimal_commas_are_understood_where_the_column_shows_them():
    firms = read_firms(table(lat=["51,75", "51,800"], lon=["-1,26", "-1,2"]))
    assert firms.frame.geometry.notna().all()
    assert set(firms.frame["location_quality"]) == {"coordinates, repaired"}


# --- places ------------------------------------------------------------------
def test_eastings_and_northings_need_a_system():
    frame = pd.DataFrame({"id": ["a", "b"], "easting": [451_300, 433_500], "northing": [206_200, 279_000]})
    with pytest.raises(CrsError, match="CM-CRS-001") as caught:
        read_firms(frame)
    assert "look like EPSG:27700" in str(caught.value)
    firms = read_firms(frame, crs="EPSG:27700")
    assert firms.frame.geometry.x.tolist() == [451_300, 433_500]


def test_metres_labelled_as_degrees_are_refused():
    frame = pd.DataFrame({"id": ["a"], "lat": [206_200.0], "lon": [451_300.0]})
    with pytest.raises(CrsError, match="CM-CRS-003"):
        read_firms(frame)
    geo = gpd.GeoDataFrame(geometry=[Point(451_300, 206_200)], crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-003"):
        read_firms(geo)


def test_swapped_latitude_and_longitude_are_refused():
    with pytest.raises(CrsError, match="CM-CRS-005"):
        read_firms(table(lat=[-1.26, -1.5], lon=[51.75, 52.4]))


def test_a_system_that_the_data_contradicts_is_refused():
    geo = gpd.GeoDataFrame(geometry=[Point(-1.26, 51.75)], crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-007"):
        read_firms(geo, crs="EPSG:27700")
    with pytest.raises(CrsError, match="CM-CRS-007"):
        read_firms(table(a=[1]), crs="EPSG:27700")


def test_geometry_without_a_system_is_refused_and_can_be_told():
    geo = gpd.GeoDataFrame(geometry=[Point(-1.26, 51.75)])
    with pytest.raises(CrsError, match="CM-CRS-001"):
        read_firms(geo)
    assert len(read_firms(geo, crs="EPSG:4326")) == 1


def test_both_degrees_and_metres_the_system_says_which():
    frame = table(x=[400_000.0], y=[300_000.0])
    by_metres = read_firms(frame, crs="EPSG:27700").frame.geometry.iloc[0]
    by_degrees = read_firms(frame).frame.geometry.iloc[0]
    assert (by_metres.x, by_metres.y) == (400_000, 300_000)
    assert by_degrees.x == pytest.approx(451_180, abs=200)
    assert read_firms(frame, crs="EPSG:4326").frame.geometry.iloc[0].equals(by_degrees)


def test_rows_without_a_usable_place_are_set_aside():
    lat = [51.75, np.nan, np.inf, 0.0, 51.8]
    firms = read_firms(table(lat=lat, lon=[-1.26, -1.2, -1.2, 0.0, -1.3]))
    assert len(firms) == 2
    assert firms.ledger.n("no coordinates") == 3


def test_nothing_located_is_an_error():
    with pytest.raises(InputError, match="CM-FIRMS-003"):
        read_firms(table(lat=[np.nan], lon=[np.nan]))
    with pytest.raises(InputError, match="CM-FIRMS-003") as caught:
        read_firms(table(CompanyStatus=["Dissolved"]))
    assert 'status="all"' in str(caught.value)


def test_no_location_columns_at_all_names_the_columns():
    with pytest.raises(InputError, match="CM-FIRMS-001") as caught:
        read_firms(pd.DataFrame({"id": ["a"], "town": ["Oxford"]}))
    assert "town" in str(caught.value)
    with pytest.raises(InputError, match="postcodes=read_postcodes"):
        read_firms(pd.DataFrame({"id": ["a"], "postcode": ["OX1 1AA"]}))


def test_shapes_become_points_inside_them():
    geo = gpd.GeoDataFrame(
        {"id": ["a", "b", "c"]},
        geometry=[box(400_000, 300_000, 400_100, 300_100), Point(400_000, 300_000), None],
        crs="EPSG:27700",
    )
    firms = read_firms(geo)
    assert firms.frame["location_quality"].tolist() == ["geometry, repaired", "geometry"]
    assert geo.geometry[0].contains(firms.frame.geometry[0])
    assert firms.ledger.set_aside == 1


def test_points_without_a_place_are_set_aside_beside_shapes():
    geo = gpd.GeoDataFrame(
        {"id": list("abcd")},
        geometry=[
            Point(),
            Point(np.nan, 1),
            Point(400_000, 300_000),
            box(400_000, 300_000, 400_100, 300_100),
        ],
        crs="EPSG:27700",
    )
    firms = read_firms(geo)
    assert firms.frame["firm_id"].tolist() == ["c", "d"]
    assert firms.ledger.n("no coordinates") == 2


def test_the_fix_for_a_wrong_label_works():
    geo = gpd.GeoDataFrame({"id": ["a"]}, geometry=[Point(451_300, 206_200)], crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-003") as caught:
        read_firms(geo)
    assert 'frame.set_crs("EPSG:27700", allow_override=True)' in str(caught.value)
    assert len(read_firms(geo.set_crs("EPSG:27700", allow_override=True))) == 1


def test_a_few_places_abroad_are_set_aside_and_many_need_a_projection():
    lat, lon = [51.75] * 199 + [40.4], [-1.26] * 199 + [-3.7]
    firms = read_firms(table(lat=lat, lon=lon))
    assert firms.ledger.n("outside the area of use of EPSG:27700") == 1
    with pytest.raises(CrsError, match="CM-CRS-006"):
        read_firms(table(lat=[51.75, 40.4], lon=[-1.26, -3.7]))


@pytest.mark.parametrize(
    ("system", "lon", "lat"), [("EPSG:2154", 2.3522, 48.8566), ("EPSG:23700", 19.0402, 47.4979)]
)
def test_france_and_hungary_work_with_a_projection(system, lon, lat):
    frame = table(lat=[lat, lat + 0.1], lon=[lon, lon], naf=["2611Z", "62.01Z"])
    with pytest.raises(CrsError, match="CM-CRS-006"):
        read_firms(frame)
    firms = read_firms(frame, project_to=system)
    assert firms.crs.to_epsg() == int(system[5:])
    gap = firms.frame.geometry.iloc[0].distance(firms.frame.geometry.iloc[1])
    assert gap == pytest.approx(11_120, rel=0.003)  # a tenth of a degree of latitude
    assert firms.frame["sic"].tolist() == ["26110", "62010"]
    with pytest.raises(CrsError, match="CM-CRS-004"):
        read_firms(frame, project_to="EPSG:4326")


def test_postcodes_serve_rows_without_coordinates(directory):
    frame = pd.DataFrame(
        {
            "id": list("abcdefg"),
            "lat": [51.9] + [np.nan] * 6,
            "lon": [-1.3] + [np.nan] * 6,
            "postcode": ["", "ox1 1aa", "P033 3FE", "OX1 1AB", "OX1 9ZZ", "JE2 3AB", "GU51 9ZZ"],
        }
    )
    firms = read_firms(frame, postcodes=directory)
    quality = firms.frame.set_index("firm_id")["location_quality"].to_dict()
    assert quality == {
        "a": "coordinates",
        "b": "postcode",
        "c": "postcode, repaired",
        "d": "postcode, terminated",
        "e": "outward code",
    }
    assert firms.ledger.n("place by outward code") == 1
    assert firms.ledger.n("place by postcode, repaired") == 1
    assert firms.ledger.n("postcode of the Channel Islands or the Isle of Man") == 1
    assert firms.ledger.n("postcode without a grid reference") == 1
    without = read_firms(frame)
    assert without.ledger.n("no coordinates, but a postcode: pass postcodes=") == 6


def test_only_postcodes(directory):
    firms = read_firms(pd.DataFrame({"id": ["a"], "Post Code": ["OX1 1AA"]}), postcodes=directory)
    assert firms.frame.geometry.iloc[0].x == pytest.approx(451_180, abs=300)


def test_what_is_no_source_is_refused():
    with pytest.raises(InputError, match="CM-INPUT-001"):
        read_firms(42)
    with pytest.raises(InputError, match="CM-FILE-003"):
        read_firms(pd.DataFrame({"id": []}))
    twice = pd.DataFrame([[1, 2]], columns=["id", "id"])
    with pytest.raises(InputError, match="CM-FILE-008"):
        read_firms(twice)


def test_swapped_axes_abroad_are_refused_too():
    hungary = table(lat=[19.04, 19.1], lon=[47.5, 47.6])
    with pytest.raises(CrsError, match="CM-CRS-005"):
        read_firms(hungary, project_to="EPSG:23700")
    with pytest.raises(CrsError, match="CM-CRS-008"):
        read_firms(table(a=[1]), project_to="EPSG:23700")


def test_shared_places_are_told():
    firms = read_firms(table(lat=[51.7, 51.7, 51.7, 51.8]))
    assert "1 place carries more than one firm (up to 3; 75.0% of the firms)." in firms.ledger.notes


CELL = st.sampled_from(
    ["", "51.7", "-1.2", "0", "x", "NaN", "26110", "1;6100", "c", "<5", "12", "1,200", "a", "NULL"]
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_whatever_the_cells_every_row_and_value_is_accounted_for(rows, seed):
    good = [("good", "26110", "7", "51.7", "-1.2")]
    cells = [(i, sic, value, "51.7" if value != "x" else "", "-1.2") for i, sic, value in rows]
    frame = pd.DataFrame(good + cells, columns=["firm_id", "sic", "employees", "lat", "lon"])
    firms = read_firms(frame)
    ledger = firms.ledger
    assert ledger.n_in == len(frame) == ledger.accepted + ledger.repaired + ledger.set_aside
    assert len(firms) == ledger.accepted + ledger.repaired
    kept = ledger.frame.loc[ledger.frame["verdict"] != "set aside", "value"].sum()
    assert firms.frame["value"].sum() == pytest.approx(kept)
    assert firms.frame["firm_id"].is_unique
    assert set(firms.activities["firm_id"]) <= set(firms.frame["firm_id"])
    again = read_firms(frame.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(pd.DataFrame(again.frame), pd.DataFrame(firms.frame))


def test_a_column_that_is_no_name_is_named():
    with pytest.raises(OptionError, match=r"CM-COLUMN-001.*no column '5'"):
        read_firms(table(a=[1]), columns={"sic": 5})
