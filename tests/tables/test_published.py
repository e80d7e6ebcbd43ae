"""Published tables: marks are not zeros, names are not guessed, totals are not sectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.errors import ClusterMapWarning, InputError, OptionError
from clustermap.tables import read_table

COLUMNS = {"area": "place", "sector": "industry", "value": "n"}


@pytest.fixture
def frame():
    """Two places, two industries and their total, in two years."""
    rows = [
        (year, place, industry, n)
        for year, shift in ((2020, 0), (2021, 1))
        for place, figures in (("North", (3, 5, 9)), ("South", (2, 0, 2)))
        for industry, n in zip(("steel", "glass", "All industries"), np.add(figures, shift), strict=True)
    ]
    return pd.DataFrame(rows, columns=["year", "place", "industry", "n"])


@pytest.fixture
def places(make_areas):
    return make_areas(
        {"E1": shapely.box(0, 0, 9, 9), "E2": shapely.box(9, 0, 18, 9)}, names={"E1": "North", "E2": "South"}
    )


def test_a_table_is_spread_and_the_total_is_no_sector(frame):
    table = read_table(frame, **COLUMNS, where={"year": 2020})
    assert table.values.to_dict() == {"glass": {"North": 5, "South": 0}, "steel": {"North": 3, "South": 2}}
    assert table.area_totals.to_dict() == {"North": 9.0, "South": 2.0}  # published, not 8
    assert (table.total, table.sector_totals["steel"]) == (11.0, 5.0)
    assert table.ledger.set_aside == 6
    assert table.ledger.n("total of all sectors") == 2
    assert set(table.status.to_numpy().ravel()) == {"observed"}


def test_a_pair_without_a_row_is_unknown_or_0_and_a_mark_is_unknown_either_way(frame):
    rows = frame[(frame["year"] == 2020) & (frame["industry"] != "All industries")].astype({"n": str})
    rows.loc[rows["n"] == "3", "n"] = "c"
    rows = rows[rows["n"] != "5"]  # North: steel suppressed, glass without a row
    unknown, zero = (read_table(rows, **COLUMNS, absent=word) for word in ("unknown", "zero"))
    assert unknown.values.loc["North"].isna().tolist() == [True, True]
    assert np.isnan(unknown.area_totals["North"])
    assert zero.values.loc["North"].isna().to_dict() == {"glass": False, "steel": True}
    assert zero.values.loc["North", "glass"] == 0
    assert zero.matrix.nnz == 2  # the suppressed one, and 2 of steel in the South
    assert "without a row count as 0" in zero.note
    assert "suppressed: unknown" in zero.note
    assert "suppressed or absent" in unknown.note
    with pytest.raises(OptionError, match="CM-OPTION-001"):
        read_table(rows, **COLUMNS, absent="0")


def test_without_a_total_the_sectors_are_the_economy(frame):
    rows = frame[frame["industry"] != "All industries"]
    table = read_table(rows, **COLUMNS, where={"year": "2021"}, measure="employment")
    assert table.area_totals.to_dict() == {"North": 10.0, "South": 4.0}
    assert table.measure == "employment"


def test_one_sector_chosen_keeps_the_totals_of_all(frame):
    table = read_table(frame, **COLUMNS, where={"year": 2020, "industry": "steel"})
    assert table.sectors == ["steel"]
    assert table.area_totals.to_dict() == {"North": 9.0, "South": 2.0}
    two = read_table(frame, **COLUMNS, where={"year": 2020, "industry": ["steel", "glass"]})
    assert two.sectors == ["glass", "steel"]
    with pytest.raises(OptionError, match=r"CM-TABLE-010[\s\S]*nearest: steel"):
        read_table(frame, **COLUMNS, where={"year": 2020, "industry": "stel"})
    with pytest.raises(OptionError, match="no sector 'xyz'\n"):
        read_table(frame, **COLUMNS, where={"year": 2020, "industry": ["xyz"]})


def test_several_years_are_an_error_that_names_the_column(frame):
    with pytest.raises(
        InputError, match=r"CM-TABLE-012[\s\S]*year: 2020, 2021[\s\S]*where=\{'year': '2021'\}"
    ):
        read_table(frame, **COLUMNS)


def test_rows_that_nothing_tells_apart_are_an_error():
    twice = pd.DataFrame({"place": ["N", "N", "S"], "industry": "steel", "n": [1, 1, 2]})
    with pytest.raises(
        InputError, match=r"CM-TABLE-012[\s\S]*nothing tells them apart[\s\S]*drop_duplicates"
    ):
        read_table(twice, **COLUMNS)


def test_parts_of_a_whole_are_an_error_that_shows_the_sum():
    parts = pd.DataFrame({"place": "N", "industry": "steel", "n": 1, "part": range(20)})
    with pytest.raises(InputError, match=r"CM-TABLE-012[\s\S]*part: 0, 1, 10, 11, …[\s\S]*groupby"):
        read_table(parts, **COLUMNS)


@pytest.mark.parametrize("mark", ["c", "..", "<5", "[x]", ""])
def test_marks_are_suppressed_cells_and_never_zero(frame, mark):
    marked = frame[frame["year"] == 2020].astype({"n": object})
    marked.loc[(marked["place"] == "North") & (marked["industry"] == "steel"), "n"] = mark
    table = read_table(marked, **COLUMNS)
    assert np.isnan(table.values.loc["North", "steel"])
    assert table.status.loc["North", "steel"] == "suppressed"
    assert table.status.loc["South", "steel"] == "observed"
    assert table.ledger.n("suppressed: unknown, not 0") == 1
    assert "1 of 4 cells is suppressed or absent" in table.note
    assert table.area_totals["North"] == 9.0


def test_an_absent_row_is_unknown_and_said():
    gap = pd.DataFrame({"place": ["N", "N", "S"], "industry": ["a", "b", "a"], "n": [1, 2, 3]})
    table = read_table(gap, **COLUMNS)
    assert table.status.loc["S", "b"] == "suppressed"
    assert "Totals are sums of the figures that are known" in table.note
    assert table.area_totals["S"] == 3.0


def test_figures_that_are_no_marks_either_are_an_error(frame):
    wrong = frame.astype({"n": object})
    wrong.loc[0, "n"] = "many"
    with pytest.raises(InputError, match=r"CM-TABLE-009[\s\S]*row 0 \('many'\)"):
        read_table(wrong, **COLUMNS, where={"year": 2020})
    assert read_table(wrong, **COLUMNS, where={"year": 2021}).total == 13.0  # not asked for, not read


def test_names_are_matched_and_rows_of_other_places_are_counted(frame, places):
    more = pd.concat([frame, frame[frame["place"] == "North"].assign(place="Elsewhere")], ignore_index=True)
    table = read_table(more, **COLUMNS, where={"year": 2020}, areas=places, match="name")
    assert table.values.index.tolist() == ["E1", "E2"]
    assert table.areas is places
    assert table.ledger.n("area not among the areas") == 3
    assert table.total == 11.0


def test_codes_are_matched(frame, places):
    coded = frame.assign(place=frame["place"].map({"North": "E1", "South": "E2"}))
    assert read_table(coded, **COLUMNS, where={"year": 2020}, areas=places).total == 11.0
    with pytest.raises(InputError, match=r"CM-TABLE-011[\s\S]*other codes begin \['North', 'South'\]"):
        read_table(frame, **COLUMNS, where={"year": 2020}, areas=places)


def test_a_missing_area_names_the_nearest_and_the_renaming_mends_it(frame, places):
    spelt = frame.replace({"place": {"North": "Norht"}})
    with pytest.raises(
        InputError, match=r"CM-TABLE-011[\s\S]*nearest: Norht[\s\S]*rename=\{'Norht': 'North'\}"
    ):
        read_table(spelt, **COLUMNS, where={"year": 2020}, areas=places, match="name")
    table = read_table(
        spelt, **COLUMNS, where={"year": 2020}, areas=places, match="name", rename={"Norht": "North"}
    )
    assert table.values.loc["E1", "steel"] == 3
    lost = frame[frame["place"] == "South"]
    with pytest.raises(InputError, match=r"CM-TABLE-011[\s\S]*own vintage, or keep="):
        read_table(lost, **COLUMNS, where={"year": 2020}, areas=places, match="name")


def test_a_renaming_of_what_is_not_there_is_an_error(frame, places):
    with pytest.raises(OptionError, match=r"CM-TABLE-010[\s\S]*nearest: North"):
        read_table(frame, **COLUMNS, where={"year": 2020}, rename={"Nort": "North"})
    with pytest.raises(OptionError, match="has no 'Zzz'\n"):
        read_table(frame, **COLUMNS, where={"year": 2020}, rename={"Zzz": "North"})


def test_names_that_several_areas_share_cannot_be_matched(frame, make_areas):
    twins = make_areas(
        {"E1": shapely.box(0, 0, 9, 9), "E2": shapely.box(9, 0, 18, 9)}, names={"E1": "North", "E2": "North"}
    )
    with pytest.raises(InputError, match=r"CM-TABLE-015[\s\S]*match=\"code\""):
        read_table(frame, **COLUMNS, where={"year": 2020}, areas=twins, match="name")


def test_national_row_gives_the_totals(frame, places):
    nation = frame[frame["place"] == "North"].assign(place="England", n=[50, 60, 200, 51, 61, 201])
    both = pd.concat([frame, nation], ignore_index=True)
    table = read_table(both, **COLUMNS, where={"year": 2020}, areas=places, match="name", nation="England")
    assert table.sector_totals.to_dict() == {"glass": 60.0, "steel": 50.0}
    assert table.total == 200.0
    assert table.area_totals.sum() == 11.0
    assert table.ledger.n("national total") == 3
    sums = both[both["industry"] != "All industries"]
    assert read_table(sums, **COLUMNS, where={"year": 2020}, nation="England").total == 110.0
    with pytest.raises(OptionError, match=r"CM-TABLE-010[\s\S]*nearest"):
        read_table(both, **COLUMNS, where={"year": 2020}, nation="Englnd")
    with pytest.raises(OptionError, match=r"nation='Q' is not in the table\n"):
        read_table(both, **COLUMNS, where={"year": 2020}, nation="Q")
    with pytest.raises(InputError, match="CM-TABLE-013"):
        read_table(nation, **COLUMNS, where={"year": 2020}, nation="England")


def test_areas_that_overlap_are_warned_about(frame, make_areas):
    overlapping = make_areas(
        {"E1": shapely.box(0, 0, 9, 9), "E2": shapely.box(4, 0, 18, 9)}, names={"E1": "North", "E2": "South"}
    )
    with pytest.warns(ClusterMapWarning, match=r"CM-TABLE-016.*1 pair"):
        read_table(frame, **COLUMNS, where={"year": 2020}, areas=overlapping, match="name")


def test_a_frame_of_polygons_is_read_with_defaults(frame, places):
    plain = places.frame.reset_index()
    table = read_table(frame, **COLUMNS, where={"year": 2020}, areas=plain, match="name")
    assert table.values.index.tolist() == ["E1", "E2"]


def test_rounding_is_detected_told_or_denied():
    figures = pd.DataFrame(
        {"place": [f"p{i:02d}" for i in range(30)], "industry": "a", "n": range(0, 150, 5)}
    )
    assert set(read_table(figures, **COLUMNS).status["a"]) == {"rounded"}
    assert "rounded" in read_table(figures, **COLUMNS).note
    assert set(read_table(figures, **COLUMNS, rounded=False).status["a"]) == {"observed"}
    exact = figures.assign(n=figures["n"] + 1)
    assert set(read_table(exact, **COLUMNS).status["a"]) == {"observed"}
    assert set(read_table(exact, **COLUMNS, rounded=True).status["a"]) == {"rounded"}
    few = figures.head(10)  # ten multiples of five can be an accident
    assert set(read_table(few, **COLUMNS).status["a"]) == {"observed"}


def test_options_columns_and_values_that_do_not_exist_name_the_nearest(frame):
    with pytest.raises(OptionError, match=r"CM-TABLE-010[\s\S]*nearest: place"):
        read_table(frame, **{**COLUMNS, "area": "plase"}, where={"year": 2020})
    with pytest.raises(OptionError, match="no column 'qqq'\n"):
        read_table(frame, **COLUMNS, where={"qqq": 2020})
    with pytest.raises(InputError, match=r"CM-TABLE-013[\s\S]*'2020', '2021'"):
        read_table(frame, **COLUMNS, where={"year": 1999})
    with pytest.raises(InputError, match=r"CM-TABLE-013[\s\S]*at once"):
        read_table(frame.assign(geo=["a"] * 6 + ["b"] * 6), **COLUMNS, where={"year": 2020, "geo": "b"})
    for wrong in ({"measure": "jobs"}, {"match": "fuzzy"}):
        with pytest.raises(OptionError, match="CM-OPTION-001"):
            read_table(frame, **COLUMNS, **wrong)


def test_rows_without_an_area_or_a_sector_are_an_error(frame):
    with pytest.raises(InputError, match=r"CM-TABLE-017[\s\S]*1 of 6 rows names no area"):
        read_table(frame.assign(place=[None, *frame["place"][1:]]), **COLUMNS, where={"year": 2020})


def test_two_totals_are_an_error(frame):
    both = pd.concat([frame, frame[frame["industry"] == "steel"].assign(industry="Total")], ignore_index=True)
    with pytest.raises(InputError, match="CM-TABLE-018"):
        read_table(both, **COLUMNS, where={"year": 2020})


def test_a_column_called_all_other_things_is_a_sector(frame):
    named = frame.replace({"industry": {"All industries": "All other manufacturing"}})
    table = read_table(named, **COLUMNS, where={"year": 2020})
    assert "All other manufacturing" in table.sectors


# --- the numbered traps of the open data --------------------------------------------------------------

UBC = {"area": "area", "sector": "industry", "value": "total", "match": "name"}
RENAMED = {
    "Buckinghamshire Thames Valley": "Buckinghamshire",
    "Hull and East Riding": "Hull and East Yorkshire",
}


def _areas(folder, name):
    import clustermap as cm

    return cm.read_boundaries(folder / name)


@pytest.mark.real
def test_trap_03_summing_leps_counts_shared_districts_twice(real_data):
    leps = _areas(real_data, "lep_2021_en_buc.geojson")
    table = read_table(
        real_data / "ubc_enterprises_2018_2022.csv.gz",
        **UBC,
        areas=leps,
        where={"year": 2022, "geo": ["LEP", "country"]},
        rename=RENAMED,
        nation="England",
    )
    assert table.area_totals.sum() == 2_437_010
    assert table.total == 2_408_040
    with pytest.warns(ClusterMapWarning, match=r"CM-TABLE-016.*2 pairs"):
        read_table(
            real_data / "ubc_enterprises_2018_2022.csv.gz",
            **UBC,
            areas=leps,
            where={"year": 2022, "geo": "LEP"},
            rename=RENAMED,
        )


@pytest.mark.real
def test_trap_10_names_that_are_spelt_otherwise(real_data):
    source = real_data / "ubc_enterprises_2018_2022.csv.gz"
    districts = _areas(real_data, "lad_2022_uk.geojson")
    where = {"year": 2021, "geo": "LAD"}
    with pytest.raises(InputError, match=r"CM-TABLE-011\] 1 of 374[\s\S]*nearest: Rhondda Cynon Taff"):
        read_table(source, **UBC, areas=districts, where=where)
    table = read_table(
        source, **UBC, areas=districts, where=where, rename={"Rhondda Cynon Taff": "Rhondda Cynon Taf"}
    )
    assert len(table.values) == 374
    assert table.ledger.n("area not among the areas") == 0
    with pytest.raises(InputError, match=r"CM-TABLE-011\] 2 of 38") as error:
        read_table(
            source,
            **UBC,
            areas=_areas(real_data, "lep_2021_en_buc.geojson"),
            where={"year": 2021, "geo": "LEP"},
        )
    assert str(RENAMED) in str(error.value)


@pytest.mark.real
def test_trap_10_blanks_around_names_do_no_harm(real_data):
    lookup = pd.read_csv(real_data / "lookup_lad23_lsip23.csv", dtype=str)
    names = lookup["LSIP23NM"].drop_duplicates()
    assert (names != names.str.strip()).all()
    counts = pd.DataFrame({"place": names, "industry": "a", "n": 1})
    areas = _areas(real_data, "lsip_2023_en_buc_27700.geojson")
    assert len(read_table(counts, **COLUMNS, areas=areas, match="name").values) == 38


@pytest.mark.real
def test_trap_11_nuts_codes_are_not_itl_codes(real_data):
    source = real_data / "bres_nuts2_sic4_2016_2018.csv.gz"
    itl = _areas(real_data, "itl2_2021_uk.geojson")
    given = {"area": "geo_cd", "sector": "SIC4", "value": "value", "measure": "employment"}
    with pytest.raises(InputError, match=r"CM-TABLE-011\] 41 of 41[\s\S]*begin \['UKC1'"):
        read_table(source, **given, areas=itl, where={"year": 2018})
    matching = {f"UK{c[2:]}": c for c in itl.frame.index}
    known = set(pd.read_csv(source, usecols=["geo_cd"])["geo_cd"])
    assert sorted(known - set(matching)) == ["UKM2", "UKM3"]
    rename = {old: new for old, new in matching.items() if old in known}
    with pytest.raises(InputError, match=r"CM-TABLE-011\] 4 of 41") as error:
        read_table(source, **given, areas=itl, where={"year": 2018}, rename=rename)
    assert "TLM7" in str(error.value)
    assert "TLN0" in str(error.value)  # Northern Ireland is not in BRES


@pytest.mark.real
def test_trap_12_industry_codes_keep_their_leading_zeros(real_data):
    source = real_data / "idbr_nuts2_sic4_2018.csv.gz"
    given = {"area": "geo_cd", "sector": "SIC4", "value": "value"}
    table = read_table(source, **given)
    assert len(table.sectors) == 525
    assert {len(s) for s in table.sectors} == {4}
    assert sum(s.startswith("0") for s in table.sectors) == 20
    with pytest.raises(InputError, match=r"CM-TABLE-014\] 20 of 525.*'161'"):
        read_table(pd.read_csv(source), **given)


@pytest.mark.real
def test_trap_13_employment_is_rounded_and_says_so(real_data):
    source = real_data / "bres_nuts2_sic4_2016_2018.csv.gz"
    given = {"area": "geo_cd", "sector": "SIC4", "value": "value", "measure": "employment"}
    totals = {2016: 29_589_490, 2017: 29_918_130, 2018: 30_147_640}
    tables = {year: read_table(source, **given, where={"year": year}) for year in totals}
    assert {year: table.total for year, table in tables.items()} == totals
    assert all((t.status == "rounded").all(axis=None) for t in tables.values())
    assert "rounded" in tables[2018].note
    zeros = sum(int((t.values == 0).to_numpy().sum()) for t in tables.values())
    assert round(zeros / 61_425, 3) == 0.106


@pytest.mark.real
def test_trap_14_business_counts_are_rounded_to_five(real_data):
    local = read_table(real_data / "idbr_nuts2_sic4_2018.csv.gz", area="geo_cd", sector="SIC4", value="value")
    assert local.total == 2_982_610
    assert local.area_totals["UKN0"] == 70_275
    assert (local.status == "rounded").all(axis=None)
    english = {c: n for c, n in _areas(real_data, "lad_2022_uk.geojson").names.items() if c.startswith("E")}
    table = read_table(
        real_data / "ubc_enterprises_2018_2022.csv.gz", **UBC, where={"year": 2022, "geo": "LAD"}
    )
    assert table.area_totals[list(english.values())].sum() == 2_408_015  # the row of England says 2,408,040
    assert (table.status == "rounded").all(axis=None)


@pytest.mark.real
def test_trap_15_nothing_is_suppressed_or_missing(real_data):
    table = read_table(
        real_data / "ubc_enterprises_2018_2022.csv.gz", **UBC, where={"year": 2022, "geo": "LAD"}
    )
    assert not table.values.isna().any(axis=None)
    assert "suppressed" not in set(table.status.to_numpy().ravel())
    assert table.ledger.n("suppressed: unknown, not 0") == 0


def test_groups_beside_their_classes_have_lost_no_zeros():
    mixed = pd.DataFrame({"place": "N", "industry": ["241", "2410", "2420"], "n": 1})
    assert read_table(mixed, **COLUMNS).sectors == ["241", "2410", "2420"]


def test_columns_that_do_not_tell_rows_apart_are_not_named():
    twice = pd.DataFrame({"place": ["N", "N"], "industry": "a", "n": 1, "year": [1, 2], "unit": "firms"})
    with pytest.raises(InputError, match=r"they differ in year: 1, 2\n"):
        read_table(twice, **COLUMNS)
