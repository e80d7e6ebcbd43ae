from __future__ import annotations

import numpy as np
import pytest

from clustermap import crs
from clustermap.errors import ClusterMapError, CrsError

# three places in both systems, to some hundred metres
LEEDS = (-1.5491, 53.7997, 429_791, 433_919)
DOVER = (1.3134, 51.1279, 632_000, 141_500)
SCILLY = (-6.3150, 49.9140, 90_300, 10_500)
LON, LAT = np.array([LEEDS[0], DOVER[0], SCILLY[0]]), np.array([LEEDS[1], DOVER[1], SCILLY[1]])
EAST, NORTH = np.array([LEEDS[2], DOVER[2], SCILLY[2]]), np.array([LEEDS[3], DOVER[3], SCILLY[3]])
PARIS, BUDAPEST = (2.35, 48.86), (19.04, 47.50)
ESRI_GRID = (
    'PROJCS["British_National_Grid",GEOGCS["GCS_OSGB_1936",DATUM["D_OSGB_1936",SPHEROID["Airy_1830",6377563.396,'
    '299.3249646]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",400000.0],PARAMETER["False_Northing",-100000.0],PARAMETER["Central_Meridian",-2.0],'
    'PARAMETER["Scale_Factor",0.9996012717],PARAMETER["Latitude_Of_Origin",49.0],UNIT["Meter",1.0]]'
)
BOUND_GRID = (
    "+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy +units=m "
    "+towgs84=446.448,-125.157,542.06,0.15,0.247,0.842,-20.489"
)


@pytest.mark.parametrize("unknown", [None, "", "EPSG:99999", "metres", 3.5, [], object(), b"x", float("nan")])
def test_what_names_no_system_is_an_error(unknown):
    with pytest.raises(CrsError, match="CM-CRS-002") as error:
        crs.parse(unknown)
    assert "EPSG:27700" in error.value.fix


@pytest.mark.parametrize("known", ["EPSG:27700", 27700, "epsg:27700", ESRI_GRID])
def test_the_many_names_of_the_national_grid_are_the_same(known):
    assert crs.same(known, crs.BRITISH_NATIONAL_GRID)


def test_the_order_of_axes_makes_no_other_system():
    assert crs.same("OGC:CRS84", crs.WGS84)
    assert not crs.same("EPSG:4326", "EPSG:27700")


@pytest.mark.parametrize(
    ("system", "metric"),
    [("EPSG:27700", True), (BOUND_GRID, True), ("EPSG:7405", True), ("EPSG:2154", True), ("EPSG:23700", True),
     ("EPSG:3035", True), ("EPSG:4326", False), ("EPSG:4979", False), ("EPSG:4978", False), ("EPSG:2263", False)],
)  # fmt: skip
def test_metres_on_a_plane_are_told_from_degrees_feet_and_globes(system, metric):
    assert crs.is_projected_metric(system) is metric


@pytest.mark.parametrize(
    "system", ["EPSG:27700", "EPSG:2154", "EPSG:23700", "EPSG:2056", "EPSG:3035", "EPSG:6933"]
)
def test_national_and_european_grids_are_fit_for_distances(system):
    crs.require_metric(system, what="distance_band")


@pytest.mark.parametrize("system", ["EPSG:27700", "EPSG:2154", "EPSG:23700", "EPSG:2056"])
def test_a_metre_of_these_grids_is_a_metre(system):
    lon, lat = crs.parse(system).area_of_use.bounds[0:4:2], crs.parse(system).area_of_use.bounds[1:4:2]
    middle = (sum(lon) / 2, sum(lat) / 2)
    x, y = crs.transform([middle[0]] * 2, [middle[1], middle[1] + 0.01], crs.WGS84, system)
    assert np.hypot(x[1] - x[0], y[1] - y[0]) == pytest.approx(1112, rel=0.01)


@pytest.mark.parametrize(
    ("system", "named"),
    [(None, "no CRS"), ("EPSG:4326", "WGS 84"), ("EPSG:2263", "New York"), ("EPSG:3857", "Pseudo-Mercator"),
     ("EPSG:3395", "World Mercator"), ("EPSG:4087", "Equidistant Cylindrical"),
     ("+proj=merc +units=m +datum=WGS84", "unknown")],
)  # fmt: skip
def test_planar_work_elsewhere_is_refused_by_name(system, named):
    with pytest.raises(CrsError, match=r"CM-CRS-004.*k_nearest") as error:
        crs.require_metric(system, what="k_nearest")
    assert named in str(error.value)
    assert "project_to=" in error.value.fix


def test_the_worked_example_of_the_ordnance_survey_is_met():
    # A guide to coordinate systems in Great Britain, annexe C: Caister water tower, on the datum OSGB36
    lat, lon = 52 + 39 / 60 + 27.2531 / 3600, 1 + 43 / 60 + 4.5177 / 3600
    x, y = crs.transform([lon], [lat], "EPSG:4277", crs.BRITISH_NATIONAL_GRID)
    assert (x[0], y[0]) == (pytest.approx(651_409.903, abs=0.01), pytest.approx(313_177.270, abs=0.01))


def test_coordinates_go_there_and_back():
    x, y = crs.transform(LON, LAT, crs.WGS84, crs.BRITISH_NATIONAL_GRID)
    assert np.abs(x - EAST).max() < 300
    assert np.abs(y - NORTH).max() < 300
    lon, lat = crs.to_lonlat(x, y, crs.BRITISH_NATIONAL_GRID)
    assert np.allclose(lon, LON, atol=1e-6)
    assert np.allclose(lat, LAT, atol=1e-6)


def test_nothing_moves_within_one_system():
    assert crs.transform(EAST, NORTH, ESRI_GRID, 27700)[0] is EAST


@pytest.mark.parametrize(
    ("x", "y", "looks", "fix"),
    [
        (LON, LAT, "EPSG:4326 (longitude, latitude)", 'crs="EPSG:4326"'),
        (LAT, LON, "latitude and longitude swapped", 'crs="EPSG:4326"'),
        ([PARIS[0]], [PARIS[1]], "EPSG:4326 (longitude, latitude)", 'crs="EPSG:4326"'),
        (EAST, NORTH, "EPSG:27700 (British National Grid)", 'crs="EPSG:27700"'),
        ([652_000, 1e6], [6_862_000, 6.9e6], "no known system", 'crs="EPSG:…"'),
        ([np.nan, np.inf], [1.0, 2.0], "no known system", 'crs="EPSG:…"'),
        ([], [], "no known system", 'crs="EPSG:…"'),
    ],
)
def test_coordinates_without_a_system_are_described_and_guessed(x, y, looks, fix):
    error = crs.missing_crs("firms", x, y)
    assert isinstance(error, ClusterMapError)
    assert error.code == "CM-CRS-001"
    assert looks in error.what
    assert error.fix.startswith(fix)


def test_the_span_of_coordinates_is_shown():
    assert "x 90300…632000" in crs.missing_crs("firms", EAST, NORTH).what
    assert "(none)" in crs.missing_crs("firms", [np.nan], [np.nan]).what


@pytest.mark.parametrize(
    ("x", "y", "system"),
    [
        (LON, LAT, "EPSG:4326"),
        (EAST, NORTH, "EPSG:27700"),
        ([np.nan], [np.nan], "EPSG:4326"),
        ([], [], "EPSG:4326"),
        ([PARIS[0]], [PARIS[1]], "EPSG:4326"),
        ([BUDAPEST[0]], [BUDAPEST[1]], "EPSG:4326"),
        ([652_000], [6_862_000], "EPSG:2154"),
        ([0, 1, 10], [0, 1, 10], "EPSG:27700"),  # a small made-up world
        ([0, 1, 10], [0, 1, 10], "EPSG:3035"),
        ([50.0, 51.0], [-2.0, 5.0], "EPSG:4326"),  # half of them only would be in Britain if swapped
    ],
)
def test_coordinates_that_can_be_right_pass(x, y, system):
    crs.check_coordinates("firms", x, y, system)


def test_metres_labelled_as_degrees_are_refused_with_examples():
    with pytest.raises(CrsError, match=r"CM-CRS-003.*3 of 3.*row 0 \(429791, 433919\)") as error:
        crs.check_coordinates("firms", EAST, NORTH, "EPSG:4326")
    assert "look like EPSG:27700" in error.value.what
    crs.check_coordinates("firms", EAST, NORTH, "EPSG:27700")  # the fix


def test_one_stray_row_is_counted_and_named():
    with pytest.raises(CrsError, match=r"1 of 4.*row 3 \(4e\+06, 53\)"):
        crs.check_coordinates("firms", [*LON, 4e6, np.nan], [*LAT, 53, 53], "EPSG:4326")


@pytest.mark.parametrize(("x", "y"), [(LON, LAT), (LAT, LON)])
def test_degrees_labelled_as_metres_are_refused(x, y):
    with pytest.raises(CrsError, match=r"CM-CRS-003.*are degrees") as error:
        crs.check_coordinates("firms", x, y, "EPSG:27700")
    assert error.value.fix == 'crs="EPSG:4326"'


def test_another_grid_labelled_as_the_national_grid_is_refused():
    x, y = crs.transform(LON, LAT, crs.WGS84, "EPSG:3857")
    with pytest.raises(CrsError, match=r"CM-CRS-003.*outside Britain"):
        crs.check_coordinates("boundaries", x, y, "EPSG:27700")


def test_swapped_latitude_and_longitude_are_refused():
    with pytest.raises(CrsError, match=r"CM-CRS-005.*100% of 3.*0% as given") as error:
        crs.check_coordinates("firms", LAT, LON, "EPSG:4326")
    assert "swap" in error.value.fix


def bounds(*places, half=0.5):
    lon, lat = zip(*places, strict=True)
    return min(lon) - half, min(lat) - half, max(lon) + half, max(lat) + half


def test_in_britain_the_national_grid_is_the_default():
    assert crs.same(crs.working_crs(bounds(LEEDS[:2], SCILLY[:2], half=0.1), None, what="firms"), 27700)
    assert crs.in_britain(LON, LAT).all()
    assert not crs.in_britain([PARIS[0], np.nan], [PARIS[1], 53]).any()


@pytest.mark.parametrize("system", ["EPSG:27700", "EPSG:4326", "EPSG:3857", "EPSG:3035", "EPSG:32630"])
def test_a_box_deep_in_britain_holds_nothing_that_lies_elsewhere(system):
    rng = np.random.default_rng(20_261_204)
    deep = 0
    for _ in range(200):
        lon, lat = rng.uniform(-10, 3, 2), rng.uniform(49.5, 61.5, 2)
        x, y = crs.transform(lon, lat, "EPSG:4326", system)
        box = (min(x), min(y), max(x), max(y))
        if crs.deep_in_britain(box, system):
            deep += 1
            inside = crs.to_lonlat(rng.uniform(box[0], box[2], 500), rng.uniform(box[1], box[3], 500), system)
            assert crs.in_britain(*inside).all()
    assert 40 < deep < 200


def test_a_box_at_the_edge_of_britain_is_not_deep_inside():
    assert crs.deep_in_britain((-5.0, 51.0, 1.0, 55.0), "EPSG:4326")
    for box in ((-9.005, 51, 1, 55), (-5, 49.755, 1, 55), (-5, 51, 2.005, 55), (-5, 51, 1, 61.005)):
        assert not crs.deep_in_britain(box, "EPSG:4326")
    assert not crs.deep_in_britain((0.0, 0.0, 1e9, 1e9), "EPSG:27700")


@pytest.mark.parametrize(
    "where",
    [bounds(PARIS), bounds(BUDAPEST), bounds(LEEDS[:2], PARIS), (np.nan,) * 4],
    ids=["France", "Hungary", "both sides of the Channel", "nowhere"],
)
def test_elsewhere_a_system_has_to_be_named(where):
    with pytest.raises(CrsError, match=r"CM-CRS-006.*outside the area of use") as error:
        crs.working_crs(where, None, what="boundaries")
    for fix in ("EPSG:2154", "EPSG:23700", "EPSG:3035"):
        assert fix in error.value.fix


@pytest.mark.parametrize(
    ("where", "system"),
    [(PARIS, "EPSG:2154"), (PARIS, "EPSG:3035"), (BUDAPEST, "EPSG:23700"), (BUDAPEST, "EPSG:3035"),
     (LEEDS[:2], "EPSG:27700"), (LEEDS[:2], "EPSG:3035"), (BUDAPEST, BOUND_GRID), ((178.0, -17.8), "EPSG:3460")],
)  # fmt: skip
def test_a_system_that_is_named_and_meant_for_the_place_is_taken(where, system):
    assert crs.same(crs.working_crs(bounds(where), system, what="firms"), system)


@pytest.mark.parametrize(
    ("where", "system"), [(BUDAPEST, "EPSG:27700"), (LEEDS[:2], "EPSG:23700"), (LEEDS[:2], "EPSG:32756")]
)
def test_a_system_meant_for_another_place_is_refused(where, system):
    with pytest.raises(CrsError, match=r"CM-CRS-006.*nowhere in the area of use"):
        crs.working_crs(bounds(where), system, what="firms")


@pytest.mark.parametrize("system", ["EPSG:4326", "EPSG:3857"])
def test_a_system_without_true_metres_is_refused_even_if_named(system):
    with pytest.raises(CrsError, match=r"CM-CRS-004.*project_to="):
        crs.working_crs(bounds(LEEDS[:2]), system, what="firms")


@pytest.mark.parametrize(
    ("lon", "lat", "system"),
    [
        (LON, LAT, "EPSG:27700"),
        ([*LON, PARIS[0]], [*LAT, PARIS[1]], "EPSG:27700"),  # most of them lie inside
        ([BUDAPEST[0]], [BUDAPEST[1]], "EPSG:23700"),
        ([BUDAPEST[0]], [BUDAPEST[1]], BOUND_GRID),  # says nothing about its area
        ([178.0], [-17.8], "EPSG:3460"),  # across the date line
        ([np.nan], [np.nan], "EPSG:27700"),
        ([], [], "EPSG:27700"),
    ],
)
def test_data_where_its_projection_is_meant_for_passes(lon, lat, system):
    crs.check_reach("firms", lon, lat, system)


def test_data_where_its_projection_is_not_meant_for_is_refused():
    with pytest.raises(CrsError, match=r"CM-CRS-008.*100% of 1.*British National Grid"):
        crs.check_reach("firms", [BUDAPEST[0]], [BUDAPEST[1]], "EPSG:27700")
    with pytest.raises(CrsError, match=r"CM-CRS-005.*RGF93"):
        crs.check_reach("firms", [PARIS[1]], [PARIS[0]], "EPSG:2154")


def test_the_version_of_the_projection_library_is_a_number():
    assert crs.proj_version().split(".")[0].isdigit()
