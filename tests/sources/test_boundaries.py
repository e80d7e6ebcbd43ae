"""Boundaries: official columns, embedded sets, outlines checked and repaired."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box
from shapely.affinity import translate

from clustermap import datasets
from clustermap.errors import CrsError, InputError, OptionError
from clustermap.sources import as_areas, read_boundaries, shapes
from clustermap.sources.patterns import code_columns, kind_of_codes


def world(geometry, **columns):
    codes = columns or {"code": [f"A{i}" for i in range(len(geometry))]}
    return gpd.GeoDataFrame(codes, geometry=geometry, crs="EPSG:27700")


def square(i=0, size=10_000):
    return box(400_000 + size * i, 300_000, 400_000 + size * (i + 1), 300_000 + size)


# --- columns -----------------------------------------------------------------
def test_official_columns_give_codes_names_kind_and_vintage(squares):
    areas = read_boundaries(squares)
    assert (areas.kind, areas.vintage) == ("lep", 2017)
    assert areas.frame.index.tolist() == ["E37000001", "E37000002", "E37000003", "E37000004"]
    assert areas.frame.index.name == "code"
    assert areas.names.tolist() == list("ABCD")
    assert areas.ledger.accepted == 4
    assert repr(areas) == "<Areas: 4 lep 2017>"


@pytest.mark.parametrize(
    ("column", "kind", "year"),
    [
        ("LEP17CD", "lep", 2017), ("lep20cd", "lep", 2020), ("CAUTH23CD", "mca", 2023), ("ITL221CD", "itl2", 2021),
        ("LAD22CD", "lad", 2022), ("RGN22CD", "region", 2022), ("CTYUA21CD", "upper_tier", 2021),
        ("LSIP23CD", "lsip", 2023), ("TTWA11CD", "ttwa", 2011), ("MSOA21CD", "msoa", 2021),
        ("LSOA11CD", "lsoa", 2011), ("WD22CD", "ward", 2022), ("NUTS_ID", "nuts", None), ("AREACD", "area", None),
        ("NUTS318CD", "nuts3", 2018),
    ],
)  # fmt: skip
def test_every_official_pattern_is_known(column, kind, year):
    frame = world([square(), square(1)], **{column: ["x", "y"]})
    areas = read_boundaries(frame)
    assert (areas.kind, areas.vintage) == (kind, year)


def test_second_columns_and_other_columns_are_told_apart():
    found = code_columns(["LAD20CD", "LEP20CD1", "LEP20NM1", "LEP20CD2", "LEP20NM2", "ObjectId", "LADCD"])
    assert [(c.column, c.name, c.position) for c in found] == [
        ("LAD20CD", None, 1),
        ("LEP20CD1", "LEP20NM1", 1),
        ("LEP20CD2", "LEP20NM2", 2),
    ]


def test_codes_tell_their_kind():
    assert kind_of_codes(["E47000001", "E47000002"]) == "mca"
    assert kind_of_codes(["TLC1", "TLC2"]) == "itl2"
    assert kind_of_codes(["E06000001", "W06000001"]) == "lad"
    assert kind_of_codes(["E37000001", "E47000001"]) is None
    assert kind_of_codes(["E37000001", "E3700000a"]) is None
    assert kind_of_codes(["E37000001", "TLC1"]) is None
    assert kind_of_codes(["TLC1", "TLC23"]) is None
    assert kind_of_codes(["TLC1", "XLC2"]) is None
    assert kind_of_codes(["E99000001", "E98000001"]) is None
    assert read_boundaries(world([square()], AREACD=["E12000001"], AREANM=["N"])).kind == "region"


def test_codes_in_a_column_or_the_index_of_a_frame():
    frame = world([square(), square(1)], CODE=["b", "a"], Name=["B", ""])
    assert read_boundaries(frame).names.to_dict() == {"a": "a", "b": "B"}
    labelled = world([square(), square(1)], name=["B", "A"]).set_axis(["y", "x"])
    assert as_areas(labelled).names.to_dict() == {"x": "A", "y": "B"}
    plain = world([square(), square(1)], density=[1.0, 2.0])
    assert as_areas(plain).frame.index.tolist() == [0, 1]
    official = labelled.rename_axis("LEP21CD")
    assert (as_areas(official).kind, as_areas(official).vintage) == ("lep", 2021)
    areas = as_areas(plain)
    assert as_areas(areas) is areas


def test_named_columns_win(squares):
    frame = squares.assign(own=list("wxyz"), title=list("WXYZ"))
    areas = read_boundaries(frame, code="own", name="title", vintage=1999)
    assert areas.names.to_dict() == dict(zip("wxyz", "WXYZ", strict=True))
    assert (areas.kind, areas.vintage) == ("area", 1999)


def test_no_code_column_names_the_columns(tmp_path, squares):
    path = tmp_path / "a.gpkg"
    squares.rename(columns={"LEP17CD": "what", "LEP17NM": "label"}).to_file(path)
    with pytest.raises(InputError, match="CM-AREAS-001") as caught:
        read_boundaries(path)
    assert "what, label" in str(caught.value)
    assert len(read_boundaries(path, code="what")) == 4
    with pytest.raises(InputError, match="no column 'whot'"):
        read_boundaries(path, code="whot")


def test_two_official_columns_with_unique_codes_are_ambiguous(squares):
    frame = squares.assign(LAD22CD=list("abcd"))
    with pytest.raises(InputError, match="LAD22CD, LEP17CD"):
        read_boundaries(frame)
    assert read_boundaries(frame, code="LAD22CD").kind == "lad"
    assert read_boundaries(frame.assign(LEP17CD="same")).kind == "lad"


def test_a_vintage_that_the_columns_contradict_is_refused(squares):
    with pytest.raises(OptionError, match="CM-OPTION-002"):
        read_boundaries(squares, vintage=2021)
    assert read_boundaries(squares, vintage=2017).vintage == 2017


def test_duplicated_codes_are_refused_and_dissolving_mends_it():
    frame = world([square(), square(1), square(2)], code=["a", "a", "b"])
    with pytest.raises(InputError, match="CM-AREAS-002") as caught:
        read_boundaries(frame)
    assert "2 of 3 rows" in str(caught.value)
    assert len(read_boundaries(frame.dissolve("code"))) == 2


def test_a_row_without_a_code_is_set_aside():
    areas = read_boundaries(world([square(), square(1), square(2)], code=["a", " ", None]))
    assert len(areas) == 1
    assert areas.ledger.n("no code") == 2


# --- keep --------------------------------------------------------------------
def test_keep_by_prefix_or_codes():
    frame = world([square(i) for i in range(3)], LAD22CD=["E06000001", "E06000002", "W06000001"])
    english = read_boundaries(frame, keep="E")
    assert english.frame.index.str.startswith("E").all()
    assert english.ledger.n("not asked for (keep=)") == 1
    assert read_boundaries(frame, keep=["W06000001"]).frame.index.tolist() == ["W06000001"]
    with pytest.raises(InputError, match="CM-AREAS-006") as caught:
        read_boundaries(frame, keep=["W06000001", "E06000009"])
    assert "E06000009" in str(caught.value)
    with pytest.raises(InputError, match="CM-AREAS-005"):
        read_boundaries(frame, keep="S")


def test_keep_leaves_faults_elsewhere_alone(bow_tie):
    frame = world([square(5), bow_tie], code=["a", "b"])
    assert len(read_boundaries(frame, keep=["a"])) == 1


# --- embedded ----------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "vintage", "n"),
    [("lad", 2022, 309), ("lep", 2017, 38), ("lep", 2021, 38), ("mca", 2022, 10), ("region", 2022, 9)],
)
def test_embedded_sets(name, vintage, n):
    areas = read_boundaries(name, vintage=vintage)
    assert (len(areas), areas.kind, areas.vintage) == (n, name, vintage)
    assert areas.generalised
    assert areas.crs.to_epsg() == 27700
    assert areas.frame.geometry.is_valid.all()
    assert "Open Government Licence" in areas.source
    assert "not for measurement" in areas.summary()


def test_without_a_vintage_the_newest_is_taken_and_said():
    areas = read_boundaries("lep")
    assert areas.vintage == 2021
    assert any("newest" in note for note in areas.ledger.notes)
    assert read_boundaries("cauth").kind == "mca"


def test_another_vintage_or_name_is_an_error_that_names_those_that_exist():
    with pytest.raises(InputError, match="CM-AREAS-003") as caught:
        read_boundaries("lep", vintage=2020)
    assert "lep: 2017, 2021" in str(caught.value)
    with pytest.raises(InputError, match=r"nearest: 'lep'"):
        read_boundaries("leps")


def test_embedded_sets_can_be_narrowed_and_reprojected():
    areas = read_boundaries("lep", vintage=2017, keep=["E37000006", "E37000012"], project_to="EPSG:3035")
    assert len(areas) == 2
    assert areas.crs.to_epsg() == 3035


# --- systems -----------------------------------------------------------------
def test_degrees_are_projected_and_said(squares):
    areas = read_boundaries(squares.to_crs(4326))
    assert areas.crs.to_epsg() == 27700
    assert areas.frame.geometry.area.to_numpy() == pytest.approx(1e8, rel=1e-4)
    assert any("projected from WGS 84" in note for note in areas.ledger.notes)


def test_no_system_is_refused_with_a_guess(squares):
    bare = squares.set_crs(None, allow_override=True)
    with pytest.raises(CrsError, match=r"CM-CRS-001[\s\S]*EPSG:27700"):
        read_boundaries(bare)
    assert len(read_boundaries(bare, crs="EPSG:27700")) == 4
    with pytest.raises(CrsError, match="CM-CRS-007"):
        read_boundaries(squares, crs="EPSG:4326")


def test_metres_labelled_as_degrees_and_swapped_axes_are_refused(squares):
    with pytest.raises(CrsError, match="CM-CRS-003"):
        read_boundaries(squares.set_crs(4326, allow_override=True))
    swapped = gpd.GeoDataFrame({"code": ["a"]}, geometry=[box(51.0, -1.5, 52.0, -1.0)], crs=4326)
    with pytest.raises(CrsError, match="CM-CRS-005"):
        read_boundaries(swapped)


@pytest.mark.parametrize(("system", "x", "y"), [("EPSG:2154", 2.3, 48.8), ("EPSG:23700", 19.0, 47.5)])
def test_france_and_hungary(system, x, y):
    frame = gpd.GeoDataFrame(
        {"NUTS_ID": ["a", "b"], "NAME_LATN": ["A", "B"]},
        geometry=[box(x, y, x + 0.1, y + 0.1), box(x + 0.1, y, x + 0.2, y + 0.1)],
        crs=4326,
    )
    with pytest.raises(CrsError, match="CM-CRS-006"):
        read_boundaries(frame)
    areas = read_boundaries(frame, project_to=system)
    assert areas.names.tolist() == ["A", "B"]
    assert areas.frame.geometry.area.to_numpy() / 1e6 == pytest.approx(
        12_365 * np.cos(np.radians(y + 0.05)) / 100, rel=0.01
    )


# --- shapes ------------------------------------------------------------------
def test_a_bow_tie_is_refused_and_the_named_repair_clears_it(bow_tie):
    frame = world([bow_tie, square(5)], code=["bow", "ok"])
    with pytest.raises(InputError, match="CM-AREAS-004") as caught:
        read_boundaries(frame)
    assert "row 0 (bow)" in str(caught.value)
    assert "area 0 would become 5e+07" in str(caught.value)
    assert read_boundaries(frame.set_geometry(frame.make_valid())).frame.geometry.area["bow"] == 5e7


def test_an_outline_that_touches_itself_is_repaired_and_counted():
    spike = Polygon([(0, 0), (10, 0), (10, 10), (5, 10), (5, 15), (5, 10), (0, 10)])
    shape = translate(spike, 400_000, 300_000)
    areas = read_boundaries(world([shape, square(1)]))
    assert areas.ledger.n("invalid outline repaired") == 1
    assert areas.frame.geometry.area["A0"] == 100
    assert areas.frame.geometry.is_valid.all()


def test_only_polygons_stay():
    mixed = GeometryCollection([square(), LineString([(0, 0), (1, 1)])])
    areas = read_boundaries(
        world([mixed, Point(0, 0), None, Polygon(), MultiPolygon([square(2), square(4)]), square(6)])
    )
    assert areas.frame.index.tolist() == ["A0", "A4", "A5"]
    assert areas.ledger.n("only its polygons kept") == 1
    assert areas.ledger.n("no polygon") == 1
    assert areas.ledger.n("empty geometry") == 2
    assert (areas.ledger.n_in, areas.ledger.accepted, areas.ledger.repaired, areas.ledger.set_aside) == (
        6,
        2,
        1,
        3,
    )
    assert set(areas.frame.geometry.geom_type) == {"Polygon", "MultiPolygon"}


def test_a_third_dimension_is_dropped():
    flat = Polygon([(400_000, 300_000, 5), (410_000, 300_000, 5), (410_000, 310_000, 5)])
    areas = read_boundaries(world([flat]))
    assert not areas.frame.geometry.has_z.any()
    assert areas.ledger.n("third dimension dropped") == 1


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_coordinates_that_are_not_numbers_are_set_aside():
    broken = Polygon([(400_000, 300_000), (np.nan, 300_000), (410_000, 310_000), (400_000, 310_000)])
    areas = read_boundaries(world([broken, square(1)]))
    assert areas.ledger.n("coordinates not finite") == 1


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_faults_are_found_among_many_polygons_whatever_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(shapes, "_WORTH_THREADS", 100)
    n = 120
    touching = Polygon([(0, 0), (9, 0), (9, 9), (5, 0), (0, 9)])
    outlines = [translate(square(size=9), 9 * (i % 50), 9 * (i // 50)) for i in range(n)]
    outlines[7] = Polygon([(4e5, 3e5), (float("nan"), 3e5), (4e5, 4e5)])
    outlines[n - 3] = translate(touching, 5e5, 3e5)
    outlines[n - 2] = GeometryCollection([outlines[n - 2], Point(4e5, 3e5)])
    outlines[n - 1] = Polygon([(4e5, 3e5, float("nan")), (4e5 - 9, 3e5, 0), (4e5 - 9, 3e5 - 9, 0)])
    told = []
    for threads in (1, 3):
        monkeypatch.setattr(shapes, "workers", lambda threads=threads: threads)
        areas = read_boundaries(world(outlines))
        assert areas.ledger.n("coordinates not finite") == 1
        assert areas.ledger.n(shapes.MENDED) == 1
        assert areas.ledger.n("only its polygons kept") == 1
        assert areas.ledger.n("third dimension dropped") == 1
        assert areas.frame.is_valid.all()
        told.append(areas)
    assert told[0].frame.equals(told[1].frame)


def test_a_ring_without_area_is_no_polygon():
    line = Polygon([(400_000, 300_000), (410_000, 300_000), (400_000, 300_000)])
    areas = read_boundaries(world([line, square(1)]))
    assert areas.ledger.n("no polygon") == 1


def test_a_table_has_no_outlines(write):
    with pytest.raises(InputError, match="CM-AREAS-007"):
        read_boundaries(write("a.csv", "code,name\na,A\n"))
    with pytest.raises(InputError, match="CM-AREAS-007"):
        read_boundaries(pd.DataFrame({"code": ["a"]}))


def test_the_order_of_the_rows_does_not_matter(squares):
    one, two = read_boundaries(squares), read_boundaries(squares.iloc[::-1])
    pd.testing.assert_frame_equal(pd.DataFrame(one.frame), pd.DataFrame(two.frame))


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet", ".shp"])
def test_files_give_the_same_areas(tmp_path, squares, suffix):
    path = tmp_path / f"leps_BUC{suffix}"
    squares.to_parquet(path) if suffix == ".parquet" else squares.to_file(path)
    areas = read_boundaries(path)
    assert (areas.kind, areas.vintage, areas.source) == ("lep", 2017, path.name)
    assert areas.generalised
    assert areas.frame.geometry.area.sum() == pytest.approx(4e8, rel=1e-4)


def test_hostile_names_are_plain_text(squares):
    squares["LEP17NM"] = ["<script>", "${x}", "`", "=1"]
    areas = read_boundaries(squares)
    assert sorted(areas.names) == sorted(["<script>", "${x}", "`", "=1"])
    assert "<script>" not in areas._repr_html_()


def test_an_embedded_set_is_known_by_its_path_too():
    for source in (datasets.path("lep_2017"), "lep_2017"):
        areas = read_boundaries(source)
        assert (areas.kind, areas.vintage, areas.generalised) == ("lep", 2017, True)
        assert areas.unconfirmed
    assert not read_boundaries("lep_2021").unconfirmed


def test_a_projection_for_another_place_is_refused(squares):
    with pytest.raises(CrsError, match="CM-CRS-008"):
        read_boundaries(squares, project_to="EPSG:23700")
    swapped = gpd.GeoDataFrame({"code": ["a"]}, geometry=[box(47.0, 19.0, 47.5, 19.5)], crs=4326)
    with pytest.raises(CrsError, match="CM-CRS-005"):
        read_boundaries(swapped, project_to="EPSG:23700")
