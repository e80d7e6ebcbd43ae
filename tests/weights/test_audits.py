"""What the audit finds is what was put there."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from clustermap.errors import CrsError, OptionError
from clustermap.weights import audit


def test_areas_that_fit_are_clean(chessboard):
    found = audit(chessboard)
    assert found.clean
    assert (found.links, found.components, found.isolates) == (20, (9,), ())
    assert found.summary() == (
        "9 areas, 20 pairs of neighbours (queen).\nNo areas overlap.\nNo gaps between areas.\n"
        "A tolerance of 1 m adds 0 pairs.\nA tolerance of 10 m adds 0 pairs."
    )
    assert repr(found) == "<Audit of 9 areas: 0 overlaps, 0 gaps, 0 isolates>"
    assert found._repr_html_().startswith("<pre>9 areas")
    assert audit(chessboard, rule="rook").links == 12


def test_every_planted_fault_is_found(make_areas):
    ring = shapely.difference(shapely.box(0, 0, 100, 100), shapely.box(40, 40, 60, 60))
    found = audit(
        make_areas(
            {
                "a": ring,
                "b": shapely.box(40, 40, 60, 59.5),  # leaves a gap of 20 m × 0.5 m in the ring
                "c": shapely.box(90, 0, 200, 100),  # overlaps the ring by 10 m × 100 m
                "d": shapely.box(199.9, 0, 300, 100),  # overlaps c by a sliver of 0.1 m
                "e": shapely.box(303, 0, 400, 100),  # 3 m off d
                "f": shapely.box(900, 0, 950, 50),  # an island
            }
        ),
        sliver_m=5.0,
    )
    assert found.overlaps[["a", "b", "sliver"]].to_numpy().tolist() == [["a", "c", False], ["c", "d", True]]
    assert found.overlaps["area_m2"].tolist() == pytest.approx([1_000.0, 10.0])
    assert found.overlaps["width_m"].tolist() == pytest.approx([2_000 / 220, 20 / 200.2])
    assert found.gaps["area_m2"].tolist() == pytest.approx([10.0])
    assert found.gaps["width_m"].tolist() == pytest.approx([20 / 41])
    assert found.isolates == ("e", "f")
    assert found.components == (4, 1, 1)
    assert found.gained == {1.0: 0, 10.0: 1}
    assert not found.clean
    lines = found.frame.set_index("finding")
    assert lines.loc["links gained by 10 m", "examples"] == "d × e"
    assert lines.loc["gap", "examples"] == "(50, 60)"
    assert lines["n"].tolist() == [1, 1, 1, 2, 3, 0, 1]
    text = found.summary()
    assert "1 pair overlaps (0.0 km²), 1 more shares only slivers." in text
    assert "1 gap between areas (0.000 km²)." in text
    assert "2 areas have no neighbour: e (e), f (f)." in text
    assert "3 separate parts, of 4, 1, 1 areas." in text


def test_many_parts_are_not_all_listed(make_areas):
    found = audit(make_areas({f"i{k}": shapely.box(100 * k, 0, 100 * k + 1, 1) for k in range(7)}))
    assert "7 separate parts, of 1, 1, 1, 1, 1, … areas." in found.summary()


@pytest.mark.parametrize("wrong", [{"rule": "knight"}, {"snaps_m": (0.0,)}, {"sliver_m": np.nan}])
def test_unknown_options_are_refused(chessboard, wrong):
    with pytest.raises(OptionError, match="CM-GRAPH-004"):
        audit(chessboard, **wrong)


def test_degrees_are_refused(make_areas):
    degrees = make_areas({k: shapely.box(i, 50, i + 1, 51) for i, k in enumerate("abc")}, crs="EPSG:4326")
    with pytest.raises(CrsError, match="CM-CRS-004"):
        audit(degrees)


@pytest.mark.real
def test_trap_02_leps_overlap_by_design(real_data):
    import clustermap as cm

    of_2020 = audit(cm.read_boundaries(real_data / "lep_2020_overlapping_en.geojson"))
    real = of_2020.overlaps[~of_2020.overlaps["sliver"]]
    assert (real["area_m2"] / 1e6).round(0).tolist() == pytest.approx([3359, 1694, 1040, 832, 467], abs=1)
    assert of_2020.overlaps.loc[of_2020.overlaps["sliver"], "area_m2"].max() < 105
    of_2021 = audit(cm.read_boundaries(real_data / "lep_2021_en_buc.geojson"))
    real = of_2021.overlaps[~of_2021.overlaps["sliver"]]
    assert (real["area_m2"] / 1e6).tolist() == pytest.approx([832.8, 469.3], abs=0.05)
    assert of_2021.overlaps.loc[of_2021.overlaps["sliver"], "area_m2"].max() < 1.8


@pytest.mark.real
def test_trap_04_gaps_between_neighbours(real_data):
    import clustermap as cm

    of_2021 = audit(cm.read_boundaries(real_data / "lep_2021_en_buc.geojson"))
    assert len(of_2021.gaps) == 196
    assert of_2021.gaps["area_m2"].max() < 1.0
    of_2020 = audit(cm.read_boundaries(real_data / "lep_2020_overlapping_en.geojson"))
    assert 1_000 < len(of_2020.gaps) <= 2_000  # how many depends on how the invalid rings are repaired
    assert of_2020.gaps["area_m2"].sum() / 1e6 == pytest.approx(2.0, abs=0.2)
    districts = audit(cm.read_boundaries(real_data / "lad_2022_uk.geojson", keep="E"))
    assert (len(districts.gaps), len(districts.overlaps)) == (0, 0)
    assert districts.isolates == ("E06000046", "E06000053")
