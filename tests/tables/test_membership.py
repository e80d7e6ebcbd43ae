"""Every firm is accounted for, overlaps count by the declared rule."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.errors import CrsError, OptionError
from clustermap.sources.values import Areas, Firms
from clustermap.tables import locate

POINTS = [(2, 5), (7, 5), (12, 5), (18, 5), (10, 5), (0, 5), (30, 5), (20, 400)]
#          A       A C     B C      B       A|B, C    A edge  outside   outside


def pairs(membership):
    return list(membership.frame.itertuples(index=False, name=None))


def test_full_counts_a_firm_whole_in_each_of_its_areas(make_firms, squares):
    found = locate(make_firms(POINTS), squares)
    assert pairs(found) == [
        ("f000", "A", 1.0),
        ("f001", "A", 1.0),
        ("f001", "C", 1.0),
        ("f002", "B", 1.0),
        ("f002", "C", 1.0),
        ("f003", "B", 1.0),
        ("f004", "A", 1.0),
        ("f004", "C", 1.0),
        ("f005", "A", 1.0),
    ]
    assert found.overlap == "full"


def test_fractional_shares_sum_to_one_and_conserve_the_total(make_firms, squares):
    frame = locate(make_firms(POINTS), squares, overlap="fractional").frame
    assert frame.groupby("firm_id")["share"].sum().eq(1.0).all()
    assert frame["share"].sum() == 6.0
    assert frame.loc[frame["firm_id"] == "f001", "share"].tolist() == [0.5, 0.5]


def test_primary_gives_a_firm_to_the_lowest_code(make_firms, squares):
    found = locate(make_firms(POINTS), squares, overlap="primary")
    assert found.frame["area"].tolist() == ["A", "A", "B", "B", "A", "A"]
    assert found.frame["share"].eq(1.0).all()


def test_the_ledger_accounts_for_every_firm_and_names_the_nearest_area(make_firms, squares):
    firms = make_firms(POINTS, value=np.arange(8.0))
    firms.frame["value"] = np.arange(8.0)
    found = locate(firms, squares)
    frame = found.ledger.frame.set_index("reason")
    assert frame["n"].to_dict() == {
        "accepted": 2,
        "in several areas": 3,
        "on a border": 1,
        "outside all areas": 2,
    }
    assert frame["value"].to_dict() == {
        "accepted": 3.0,
        "in several areas": 7.0,
        "on a border": 5.0,
        "outside all areas": 13.0,
    }
    assert found.ledger.value_in == 28.0
    assert (found.located, found.in_several, found.outside) == (6, 3, 2)
    assert frame.loc["outside all areas", "examples"] == (
        "row 6 (f006, 10 m from b), row 7 (f007, 390 m from b)"
    )
    assert frame["verdict"].tolist() == ["accepted", "repaired", "repaired", "set aside"]


def test_the_summary_says_what_became_of_the_firms(make_firms, squares):
    text = locate(make_firms(POINTS), squares, overlap="fractional").summary()
    assert "6 of 8 firms lie in 3 areas" in text
    assert "3 lie in several and are shared equally" in text
    assert "1 lies on a border: in the area of the lowest code" in text
    assert "2 lie outside all areas" in text
    assert "2 lie within 500 m of one" in text
    found = locate(make_firms(POINTS), squares)
    assert repr(found) == "<Membership: 6 of 8 firms in 3 areas, full>"
    assert found._repr_html_().startswith("<pre>6 of 8")


def test_quiet_where_there_is_nothing_to_tell(make_firms, squares):
    found = locate(make_firms([(2, 5)]), squares)
    assert found.summary() == "1 of 1 firm lies in 3 areas."
    assert found.ledger.notes == ()


def test_no_firms_give_an_empty_frame_with_its_columns(make_firms, squares):
    found = locate(make_firms([(2, 5)]), squares)
    empty = Firms(
        frame=make_firms([(2, 5)]).frame.iloc[:0],
        activities=make_firms([(2, 5)]).activities.iloc[:0],
        ledger=found.ledger,
    )
    assert list(locate(empty, squares).frame.columns) == ["firm_id", "area", "share"]


def test_far_more_firms_outside_than_are_measured_are_still_counted(make_firms, squares):
    found = locate(make_firms([(50.0 + i, 5.0) for i in range(1_200)] + [(2, 2)]), squares)
    assert found.outside == 1_200
    assert found.ledger.notes == ()
    assert "30 m from b" in found.ledger.frame.set_index("reason").loc["outside all areas", "examples"]


def test_a_firm_without_a_point_lies_nowhere_and_moves_nobody(make_firms, squares):
    firms = make_firms([(2, 5), (12, 5), (18, 5)])
    firms.frame.loc[1, "geometry"] = shapely.Point()
    found = locate(firms, squares)
    assert pairs(found) == [("f000", "A", 1.0), ("f002", "B", 1.0)]
    assert found.outside == 1


def test_firms_all_outside_and_no_areas_at_all(make_firms, make_areas):
    nothing = make_areas({"A": shapely.box(0, 0, 1, 1)})
    none = Areas(frame=nothing.frame.iloc[:0], kind="area", vintage=None, source="", ledger=nothing.ledger)
    found = locate(make_firms([(2, 5)]), none)
    assert found.located == 0
    assert found.ledger.frame["examples"].tolist() == ["row 0 (f000)"]


def test_different_systems_are_refused_with_the_call_that_mends_it(make_firms, squares):
    with pytest.raises(CrsError, match=r'CM-CRS-008[\s\S]*project_to="EPSG:27700"'):
        locate(make_firms(POINTS, crs="EPSG:3035"), squares)


def test_one_system_under_two_names_is_one_system(make_firms, squares):
    import pyproj

    same = pyproj.CRS.from_epsg(27700).to_wkt()
    assert locate(make_firms(POINTS, crs=same), squares).located == 6


def test_an_unknown_rule_is_refused(make_firms, squares):
    with pytest.raises(OptionError, match="CM-OPTION-001"):
        locate(make_firms(POINTS), squares, overlap="both")


def test_plain_frames_are_read_with_defaults():
    areas = gpd.GeoDataFrame(
        {"code": ["N", "S"], "name": ["north", "south"]},
        geometry=[
            shapely.box(400_000, 310_000, 410_000, 320_000),
            shapely.box(400_000, 300_000, 410_000, 310_000),
        ],
        crs="EPSG:27700",
    )
    firms = gpd.GeoDataFrame(
        {"firm_id": ["b", "a"]}, geometry=shapely.points([[405_000, 315_000], [405_000, 301_000]]), crs=27700
    )
    assert pairs(locate(firms, areas)) == [("a", "S", 1.0), ("b", "N", 1.0)]


def test_the_order_of_rows_changes_nothing(make_areas, make_firms):
    rng = np.random.default_rng(2)
    points = rng.integers(0, 40, (300, 2)).astype(float)
    x, y = rng.integers(0, 30, (2, 12))
    shapes = shapely.box(x, y, x + 9, y + 9)
    areas = make_areas({f"a{i:02d}": s for i, s in enumerate(shapes)})
    firms = make_firms(points)
    one = locate(firms, areas, overlap="fractional").frame
    rows = rng.permutation(300)
    shuffled = Firms(
        frame=firms.frame.iloc[rows].reset_index(drop=True), activities=firms.activities, ledger=firms.ledger
    )
    two = locate(shuffled, areas, overlap="fractional").frame
    order = two.sort_values(["firm_id", "area"], ignore_index=True)
    pd.testing.assert_frame_equal(one, order)


@pytest.mark.real
def test_trap_19_points_off_a_generalised_coast(real_data):
    import clustermap as cm

    firms = cm.read_firms(real_data / "employers_gpg_2021_22.csv.gz")
    assert len(firms) == 10_435
    of_2022 = locate(firms, cm.read_boundaries(real_data / "lad_2022_uk.geojson"))
    assert (of_2022.outside, of_2022.in_several) == (32, 0)
    assert "32 lie within 500 m" in of_2022.summary().replace("Of 32 firms outside all areas ", "")
    of_2020 = locate(firms, cm.read_boundaries(real_data / "lad_2020_uk.geojson"))
    assert (of_2020.outside, of_2020.in_several) == (4, 0)


@pytest.mark.real
def test_trap_20_points_in_two_leps(real_data):
    import clustermap as cm

    firms = cm.read_firms(real_data / "employers_gpg_2021_22.csv.gz")
    found = locate(firms, cm.read_boundaries(real_data / "lep_2021_en_buc.geojson"))
    assert len(found.frame) == 9_712
    assert found.in_several == 110
