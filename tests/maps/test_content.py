"""What a map takes, what it refuses, and what it says about both."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import clustermap as cm
from clustermap.errors import AlignmentError, InputError, OptionError
from clustermap.maps import draw_map
from clustermap.tables.table import SectorTable


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match="CM-MAP-002"):
        draw_map()


def test_a_result_without_any_place_is_refused_with_the_call_that_mends_it():
    plain = SectorTable.from_values(pd.DataFrame({"steel": [1.0, 2.0]}, index=["A", "B"]))
    with pytest.raises(InputError, match=r"draw_map\(result, areas="):
        draw_map(plain)


@pytest.mark.parametrize("wrong", [3, "map", pd.DataFrame({"a": [1]})])
def test_what_no_map_can_show_is_refused_by_name(wrong):
    with pytest.raises(OptionError, match=f"CM-MAP-001.*{type(wrong).__name__}"):
        draw_map(wrong)


def test_two_results_of_one_kind_are_refused(table):
    with pytest.raises(OptionError, match="CM-MAP-001"):
        draw_map(table, table)


def test_results_about_other_areas_are_refused_with_examples(table, authorities):
    homeless = SectorTable.from_values(table.values)
    with pytest.raises(AlignmentError, match=r"CM-MAP-003.*36 of 36.*D00"):
        draw_map(homeless, areas=authorities)


def test_areas_alone_are_filled_and_named(authorities):
    page = draw_map(authorities)._payload
    assert page["areas"]["names"] == ["Authority 0", "Authority 1", "Authority 2"]
    assert page["title"] == "LEPs 2017"
    assert page["lead"] == "3 areas: LEPs 2017."
    assert page["themes"] == []


def test_a_frame_of_areas_is_taken_too(districts):
    assert draw_map(areas=districts.frame)._payload["areas"]["codes"] == list(districts.frame.index)


def test_areas_beside_a_result_are_outlines_and_every_area_knows_its_own(table, authorities):
    page = draw_map(table, authorities)._payload
    assert page["areas"]["codes"][:2] == ["D00", "D01"]
    (outlines,) = page["authorities"]
    assert outlines["label"] == "LEPs 2017"
    named = dict(zip(page["areas"]["codes"], outlines["of"], strict=True))
    assert [outlines["names"][i] for i in named["D25"]] == ["Authority 1"]


def test_authorities_given_as_areas_do_not_hide_the_areas_of_the_result(table, authorities):
    page = draw_map(table, areas=authorities)._payload
    assert len(page["areas"]["codes"]) == 36
    assert [a["label"] for a in page["authorities"]] == ["LEPs 2017"]


def test_overlapping_authorities_both_claim_the_shared_area(table, make_areas, square):
    both = make_areas([("X", "Left", square(0, 0, 4, 6)), ("Y", "Right", square(3, 0, 3, 6))], kind="lep")
    page = draw_map(table, both)._payload
    (outlines,) = page["authorities"]
    assert dict(zip(page["areas"]["codes"], outlines["of"], strict=True))["D35"] == [0, 1]


def test_outlines_in_another_system_are_brought_to_the_same_place(table, authorities, make_areas):
    moved = authorities.frame.to_crs("EPSG:3035")
    other = make_areas(
        [(c, n, g) for c, n, g in zip(moved.index, moved["name"], moved.geometry, strict=True)],
        kind="lep",
        crs="EPSG:3035",
    )
    page = draw_map(table, other)._payload
    assert [len(x) for x in page["authorities"][0]["of"]] == [1] * 36


def test_firms_alone_are_a_map(make_firms):
    page = draw_map(firms=make_firms([("One", 410_000, 310_000), ("Two", 420_000, 320_000)]))._payload
    assert page["firms"]["n"] == 2
    assert sorted(page["firms"]["names"]) == ["One", "Two"]
    assert page["areas"]["codes"] == []


def test_a_frame_of_firms_is_taken_too(table, make_firms):
    frame = make_firms([("One", 410_000, 310_000)]).frame[["firm_id", "name", "geometry"]]
    page = draw_map(table, firms=frame)._payload
    assert page["firms"]["n"] == 1


def test_names_of_many_firms_are_left_out(make_firms):
    rows = [(f"Firm {i}", 400_000 + i, 300_000 + i) for i in range(2_001)]
    page = draw_map(firms=make_firms(rows))._payload
    assert page["firms"]["names"] == []
    assert page["firms"]["n"] == 2_001


def test_synthetic_firms_and_what_a_location_means_are_said(table, make_firms):
    firms = make_firms([("One", 410_000, 310_000)], synthetic=True, location="registered office")
    said = " ".join(draw_map(table, firms=firms)._payload["cautions"])
    assert "synthetic" in said
    assert "registered office" in said


def test_an_unstated_location_is_said_to_be_unstated(table):
    assert any("not stated" in line for line in draw_map(table)._payload["cautions"])


def test_generalised_boundaries_are_called_so(table, authorities):
    assert (
        "Boundaries are generalised, not for measurement."
        in draw_map(table, authorities)._payload["cautions"]
    )
    assert not any("generalised" in line for line in draw_map(table)._payload["cautions"])


def test_memberships_that_no_official_table_confirms_are_called_so(table, authorities):
    doubtful = replace(authorities, unconfirmed=True)
    said = "What lies in LEPs 2017 is not confirmed by an official table."
    assert draw_map(table, doubtful)._payload["cautions"].count(said) == 1
    assert said not in draw_map(table, authorities)._payload["cautions"]


def test_every_source_is_named_once(table, authorities, make_firms):
    page = draw_map(table, authorities, firms=make_firms([("One", 410_000, 310_000)]))._payload
    assert page["sources"] == [
        "Districts 2022: A made-up office",
        "LEPs 2017: A made-up office",
        "Firms: A register",
    ]


def test_counts_are_classed_with_every_area_in_one_class(table):
    page = draw_map(table)._payload
    (theme,) = page["themes"]
    steel = theme["sectors"]["steel"]
    assert sum(steel["counts"]) == 36
    assert steel["counts"][-2:] == [0, 0]
    assert page["facts"]["steel"]["value"][page["areas"]["codes"].index("D12")] == 100
    assert [s["id"] for s in page["sectors"]] == ["other", "steel"]


def test_suppressed_and_missing_cells_are_told_apart(districts):
    values = pd.DataFrame({"steel": 5.0}, index=districts.frame.index)
    values.iloc[0, 0] = float("nan")
    plain = SectorTable.from_values(values, areas=districts)
    status = plain.status.copy()
    fields = {name: getattr(plain, name) for name in plain.__slots__}
    suppressed = draw_map(plain)._payload["themes"][0]["sectors"]["steel"]
    missing = draw_map(SectorTable(**{**fields, "status": status.replace("suppressed", "observed")}))
    assert suppressed["counts"][-2:] == [1, 0]
    assert missing._payload["themes"][0]["sectors"]["steel"]["counts"][-2:] == [0, 1]
    assert draw_map(plain)._payload["facts"]["steel"]["value"][0] is None


def test_a_column_without_any_figure_is_all_missing(districts):
    values = pd.DataFrame({"steel": float("nan")}, index=districts.frame.index)
    table = SectorTable.from_values(values, areas=districts, area_totals=pd.Series(1.0, index=values.index))
    assert draw_map(table)._payload["themes"][0]["sectors"]["steel"]["counts"] == [36, 0]


def test_tiles_open_the_policy_for_their_host_alone(table):
    text = draw_map(table, tiles="OpenStreetMap.Mapnik").to_html()
    assert "img-src data: https://tile.openstreetmap.org;" in text
    assert "OpenStreetMap contributors" in text
    assert "img-src data:;" in draw_map(table).to_html()


@pytest.mark.parametrize("name", ["OpenStreetMap.Mapnk", "nothing at all", "Thunderforest.OpenCycleMap"])
def test_tiles_unknown_or_asking_for_a_key_are_refused(table, name):
    with pytest.raises(OptionError, match="CM-MAP-004"):
        draw_map(table, tiles=name)


def test_tiles_that_are_not_encrypted_are_refused(table):
    from xyzservices import providers

    open_ones = [
        p.name
        for p in providers.flatten().values()
        if p["url"].startswith("http://") and not p.requires_token()
    ]
    assert open_ones
    with pytest.raises(OptionError, match="https"):
        draw_map(table, tiles=open_ones[0])


def test_a_country_elsewhere_is_drawn_where_it_is(make_areas):
    from shapely.geometry import box

    paris = make_areas(
        [("75", "Paris", box(643_000, 6_857_000, 661_000, 6_867_000))], crs="EPSG:2154", kind="dept"
    )
    ((south, west), (north, east)) = draw_map(paris)._payload["bounds"]
    assert south < 48.8566 < north
    assert west < 2.3522 < east


def test_embedded_boundaries_come_with_names_of_towns():
    page = draw_map(cm.read_boundaries("lep", vintage=2017))._payload
    towns = {name: (lon, lat) for name, lon, lat, _ in page["towns"]}
    assert len(towns) > 100
    assert towns["Manchester"] == pytest.approx((-2.24, 53.48), abs=0.05)
