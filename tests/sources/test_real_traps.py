"""The numbered traps of the open data, as far as readers meet them.

Traps 10 to 15 are about published counts and belong to the reader of tables; what of them concerns codes
and names is here.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.errors import InputError, OptionError
from clustermap.sources import read_boundaries, read_firms, read_lookup, read_postcodes
from clustermap.sources.sic import parse_codes

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def boundaries(real_data):
    """Read each boundary file once."""
    cache = {}

    def _read(name, **options):
        key = (name, *options.items())
        if key not in cache:
            cache[key] = read_boundaries(real_data / f"{name}.geojson", **options)
        return cache[key]

    return _read


@pytest.fixture(scope="module")
def employers(real_data):
    return read_firms(real_data / "employers_gpg_2021_22.csv.gz")


@pytest.fixture(scope="module")
def directory(real_data):
    return read_postcodes(real_data / "postcodes_uk_2025.parquet")


def overlaps(areas):
    """Give the areas shared by two, in km², slivers left out."""
    shapes = areas.frame.geometry.to_numpy()
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first = i < j
    shared = shapely.area(shapely.intersection(shapes[i[first]], shapes[j[first]])) / 1e6
    return shared[shared > 0.1]


def pairs(employers, areas):
    return gpd.sjoin(employers.frame[["firm_id", "geometry"]], areas.frame, predicate="within")


# --- geometry ----------------------------------------------------------------
def test_trap_1_invalid_polygons_are_repaired_counted_and_keep_their_area(boundaries):
    for name, broken in (
        ("lad_2020_uk", 10),
        ("lep_2020_overlapping_en", 21),
        ("lad_2022_uk", 0),
        ("lep_2021_en_buc", 0),
    ):
        areas = boundaries(name)
        assert areas.ledger.n("invalid outline repaired") == broken
        assert areas.ledger.set_aside == 0
        assert areas.frame.geometry.is_valid.all()
    bristol = boundaries("lad_2020_uk").names["E06000023"]
    assert bristol.startswith("Bristol")


def test_trap_2_overlapping_partnerships_stay_overlapping(boundaries):
    old, new = overlaps(boundaries("lep_2020_overlapping_en")), overlaps(boundaries("lep_2021_en_buc"))
    assert (len(old), len(new)) == (5, 2)
    assert old.sum() == pytest.approx(7392.7, abs=0.1)
    assert new.sum() == pytest.approx(1302.1, abs=0.1)


def test_trap_3_districts_in_two_partnerships_are_in_both(real_data):
    for name, several in (("lookup_lad20_lep20", 15), ("lookup_lad22_lep21", 7)):
        lookup = read_lookup(real_data / f"{name}.csv")
        count = lookup.frame["area"].value_counts()
        assert int((count == 2).sum()) == several
        assert count.max() == 2
        assert lookup.frame.groupby("area")["share"].sum().to_numpy() == pytest.approx(1)


def test_trap_4_gaps_between_neighbours_are_neither_closed_nor_made(boundaries):
    whole = shapely.union_all(boundaries("lep_2020_overlapping_en").frame.geometry.to_numpy())
    holes = [shapely.Polygon(ring).area for part in shapely.get_parts(whole) for ring in part.interiors]
    assert len(holes) > 1_000  # their number hangs on rounding, their area does not
    assert sum(holes) / 1e6 == pytest.approx(2.1, abs=0.3)
    districts = shapely.union_all(boundaries("lad_2022_uk").frame.geometry.to_numpy())
    gaps = [shapely.Polygon(ring).area for part in shapely.get_parts(districts) for ring in part.interiors]
    assert sum(gap for gap in gaps if gap < 1e6) < 1e6


def test_trap_5_coastlines_differ_and_are_left_as_they_are(boundaries):
    england = boundaries("lad_2022_uk", keep="E")
    assert england.frame.geometry.area.sum() / 1e6 == pytest.approx(130_609.5, abs=0.1)
    union = shapely.union_all(boundaries("lep_2021_en_buc").frame.geometry.to_numpy())
    assert union.area / 1e6 == pytest.approx(130_682.5, abs=0.1)


def test_trap_6_shares_are_divided_by_their_sum_and_the_raw_sums_told(real_data):
    lookup = read_lookup(real_data / "lookup_lad22_lep21.csv", share="share")
    assert lookup.frame.groupby("area")["share"].sum().to_numpy() == pytest.approx(1)
    assert "do not sum to 1 (from 0.9639 to 2)" in lookup.notes[0]
    shared = lookup.frame[lookup.frame["area"] == "E07000193"]  # East Staffordshire, wholly in both
    assert shared["share"].to_numpy() == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.parametrize(
    ("name", "n", "blank", "overlapping"),
    [("advanced_manufacturing", 31, 5, 11), ("clean_growth", 38, 7, 20), ("ageing_society", 30, 4, 4)],
)
def test_trap_7_outlines_without_codes_need_a_label_and_may_overlap(real_data, name, n, blank, overlapping):
    path = real_data / f"utii2_outline_{name}.geojson"
    with pytest.raises(InputError, match="CM-AREAS-001"):
        read_boundaries(path)
    areas = read_boundaries(gpd.read_file(path))  # the row number, and nothing else, tells them apart
    assert len(areas) == n
    assert int((areas.names == areas.frame.index.astype(str)).sum()) == blank
    assert len(overlaps(areas)) == overlapping


# --- codes -------------------------------------------------------------------
def test_trap_8_codes_of_another_vintage_are_refused_by_name(real_data, boundaries):
    codes = pd.read_csv(real_data / "lookup_lep_codes_2014_2021.csv", dtype=str)
    of_2017 = codes.loc[codes["lep_year_spec"] == "2017", "lep_cd"].tolist()
    path = real_data / "lep_2020_overlapping_en.geojson"
    with pytest.raises(InputError, match="CM-AREAS-006") as caught:
        read_boundaries(path, keep=of_2017)
    assert "16 of 38 codes" in str(caught.value)
    assert boundaries("lep_2020_overlapping_en").vintage == 2020
    with pytest.raises(OptionError, match="CM-OPTION-002"):
        read_boundaries(path, vintage=2017)


def test_trap_9_districts_that_were_recoded_are_told(real_data):
    lookup = read_lookup(real_data / "lookup_lad24_cauth24.csv")
    with pytest.raises(InputError, match="CM-AREAS-006") as caught:
        read_boundaries(real_data / "lad_2022_uk.geojson", keep=lookup.frame["area"].unique().tolist())
    assert "1 of 72 codes is not there (keep=): E06000065" in str(caught.value)
    for name, boundary, n in (("lad22_lep21", "lad_2022_uk", 309), ("lad20_lep20", "lad_2020_uk", 314)):
        wanted = read_lookup(real_data / f"lookup_{name}.csv").frame["area"].unique().tolist()
        assert len(read_boundaries(real_data / f"{boundary}.geojson", keep=wanted)) == n


def test_trap_10_names_lose_their_blanks(real_data):
    lookup = read_lookup(real_data / "lookup_lad23_lsip23.csv")
    assert (lookup.names == lookup.names.str.strip()).all()
    assert lookup.names["E69000002"] == "Buckinghamshire"
    assert (lookup.kind, lookup.vintage, len(lookup.frame)) == ("lsip", 2023, 296)


def test_trap_11_codes_of_another_scheme_are_refused(real_data, boundaries):
    assert boundaries("itl2_2021_uk").kind == "itl2"
    with pytest.raises(InputError, match=r"3 of 3 codes[\s\S]*nearest to the first: TL"):
        read_boundaries(real_data / "itl2_2021_uk.geojson", keep=["UKM2", "UKM3", "UKC1"])


def test_trap_12_short_codes_are_completed_only_where_one_reading_exists(real_data):
    listed = pd.read_csv(real_data / "reference_high_tech_sic4.csv", dtype=str)["sic4_as_published"]
    parsed = parse_codes([listed])
    assert parsed.counts["completed to five digits"] == 45
    assert listed[parsed.first.codes < 0].tolist() == ["610", "910"]


# Traps 13 (rounding of BRES), 14 (rounding of IDBR and UBC) and 15 (no cell is flagged) cannot occur here:
# these readers read places and codes, never published counts.


# --- employers ---------------------------------------------------------------
def test_trap_16_the_place_is_the_registered_office_and_it_is_said(employers, boundaries):
    assert employers.location_kind == "registered office"
    assert "registered office" in employers.summary()
    here = pairs(employers, boundaries("lad_2022_uk"))["code"].value_counts()
    assert (here["E09000001"], here["E09000033"]) == (488, 522)


def test_trap_17_missing_values_are_counted_and_typing_errors_mended(real_data, employers, directory):
    assert employers.ledger.n_in == 10_498
    assert len(employers) == 10_435
    assert employers.ledger.set_aside == 63
    assert employers.ledger.n("no coordinates, but a postcode: pass postcodes=") == 16
    assert employers.frame["firm_id"].is_unique
    placed = read_firms(real_data / "employers_gpg_2021_22.csv.gz", postcodes=directory)
    by = placed.ledger.frame.set_index("reason")["n"]
    assert by["place by postcode, repaired"] == 5  # the sixth typing error, "DT1 2J", lacks a letter
    assert by["place by outward code"] == 4  # well formed and unknown, as NP11 4XG
    assert by["postcode of the Channel Islands or the Isle of Man"] == 4
    assert by["not a postcode"] == 3
    assert by["no postcode"] == 47
    assert placed.ledger.n_in == by.sum() == 10_498


def test_trap_18_codes_that_are_none_never_remove_an_employer(real_data):
    rows = pd.read_csv(real_data / "employers_gpg_2021_22.csv.gz", dtype=str, keep_default_na=False)
    parsed = parse_codes([rows["SicCodes"]])
    assert parsed.counts == {
        "usable as they are": 13_372,
        "completed to five digits": 45,
        "unusable (public-sector mark 1)": 1_057,
        "unusable (99999 dormant)": 4,
        "unusable (ambiguous with 4 digits: a leading zero may be lost)": 80,
        "unusable (74990 non-trading)": 28,
    }
    usable = set(np.flatnonzero(parsed.first.codes >= 0))
    assert (
        len(usable) == 9_614
    )  # 9,679 hold more than the mark 1; 65 of these only an ambiguous or empty code
    firms = read_firms(rows)
    assert len(firms) == 10_435
    assert int(firms.frame["sic"].isna().sum()) > 800
    assert "00001" not in set(firms.activities["sic"])
    assert not {"74990", "99999"} & set(firms.activities["sic"])


def test_trap_19_points_outside_a_generalised_coast_are_not_moved(employers, boundaries):
    for name, outside in (("lad_2022_uk", 32), ("lad_2020_uk", 4)):
        found = pairs(employers, boundaries(name))
        assert not found["firm_id"].duplicated().any()
        assert len(employers) - len(found) == outside


def test_trap_20_points_in_two_partnerships_are_in_both(employers, boundaries):
    found = pairs(employers, boundaries("lep_2021_en_buc"))
    assert len(found) == 9_712
    assert int((found.groupby("firm_id").size() == 2).sum()) == 110
    english = set(pairs(employers, boundaries("lad_2022_uk", keep="E"))["firm_id"])
    assert len(english - set(found["firm_id"])) == 4


def test_trap_21_stacked_points_are_kept_on_their_point(employers):
    points = employers.frame.geometry
    stacks = pd.Series(list(zip(points.x, points.y, strict=True))).value_counts()
    assert int((stacks > 1).sum()) == 1_336
    assert stacks.max() == 21


def test_trap_22_old_and_unmarked_postcodes(directory, real_data):
    assert len(directory) == 2_690_877
    assert "does not mark terminated" in directory.summary()
    assert "60,191 postcodes of Northern Ireland" in directory.summary()
    found = directory.match(["NPT 1AA", "npt9zz", "JE2 3AB", "IM1 1AA"])
    assert found["quality"].tolist()[1] == "outward code"
    assert found["reason"].tolist()[2:] == ["postcode of the Channel Islands or the Isle of Man"] * 2
    published = pd.read_csv(real_data / "postcode_outcode_centroids_2025.csv")
    means = directory.match(published["outcode"])
    assert len(published) == len(directory.outward_keys) == 3_077
    assert np.allclose(means["lon"], published["lon"], atol=1e-5)
    assert np.allclose(means["lat"], published["lat"], atol=1e-5)
    coarse = read_postcodes(real_data / "postcode_outcode_centroids_2025.csv")
    assert coarse.match(["OX1 1AA"])["quality"].tolist() == ["outward code"]


def test_many_layers_without_a_system_are_asked_about(real_data):
    path = real_data / "ons_all_2022_uk.topojson"
    with pytest.raises(InputError, match="CM-FILE-009"):
        read_boundaries(path)
    layer = gpd.read_file(path, layer="LTLA")
    with pytest.raises(InputError, match=r"CM-CRS-001[\s\S]*EPSG:4326"):
        read_boundaries(layer)
    areas = read_boundaries(layer, crs="EPSG:4326")
    assert (len(areas), areas.kind) == (374, "lad")
