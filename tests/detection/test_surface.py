"""Relative-risk surfaces: exact small cases, what chance gives, what is planted, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, hypergeom
from shapely import box, points

import clustermap as cm
from clustermap.detection.surface import estimating as room
from clustermap.detection.surface import grid as room_of_grids
from clustermap.detection.surface.grid import cells_in_reach, choose_radius, make_grid
from clustermap.detection.surface.kernels import kernel_weights, largest, smoothed
from clustermap.errors import CrsError, OptionError, StatisticsError

STEEL = {"steel": ["241"]}
# written down before the first run: maps without any cluster, and how many may show one at 5 % (99.9 % interval)
NULL_SEED, NULL_MAPS, NULL_DRAWS = 5_270_001, 200, 99
FEWEST, MOST = (int(v) for v in binom.interval(0.999, NULL_MAPS, 0.05))


def firms_at(at, of_sector, crs=27700):
    n = len(at)
    return gpd.GeoDataFrame(
        {
            "firm_id": [f"f{i:05d}" for i in range(n)],
            "sic": np.where(of_sector, "24100", "96090"),
            "geometry": points(np.asarray(at, float)),
        },
        crs=crs,
    )


def surface(firms, **options):
    options = {"sector": STEEL, "permutations": 99, "seed": 1} | options
    return cm.detect_clusters(firms, method="surface", **options)


@pytest.fixture(scope="module")
def planted():
    """Give firms on a square of 20 km whose south-west corner holds three times the share."""
    rng = np.random.default_rng(3)
    at = rng.uniform(0, 20_000, (6_000, 2)) + 400_000
    inside = (at < 405_000).all(axis=1)
    return firms_at(at, rng.random(6_000) < np.where(inside, 0.15, 0.05))


def test_sums_on_cells_are_those_of_a_plain_loop():
    rng = np.random.default_rng(1)
    mass = rng.integers(0, 4, (9, 12)).astype(float)
    weights = kernel_weights(2)
    row, column = map(np.ascontiguousarray, np.nonzero(mass))
    runs = np.array([[0, 0, 12, 0], [4, 3, 9, 12]])
    out = np.empty(18)
    smoothed(row, column, mass[row, column], weights, runs, np.empty((9, 12)), out)
    wide = np.r_[weights, np.zeros(20)]

    def plain(r, c):
        return sum(wide[abs(r - i)] * wide[abs(c - j)] * mass[i, j] for i in range(9) for j in range(12))

    assert out.tolist() == [plain(0, c) for c in range(12)] + [plain(4, c) for c in range(3, 9)]


def test_the_largest_score_is_the_likelihood_ratio_at_the_effective_number():
    sums, expected, unit = np.array([4.0, 6.0]), np.array([2.0, 9.0]), np.array([0.5, 1.0])
    assert largest(sums, expected, unit) == pytest.approx(2 * np.log(2) - 1)
    assert largest(expected, expected, unit) == 0.0


def test_firms_alone_at_their_places_count_one_each_under_the_kernel():
    grid = make_grid(np.array([0.0, 90_000.0]), np.array([0.0, 0.0]), 1_000.0)
    tested = cells_in_reach(grid)
    assert tested.total * tested.unit == pytest.approx(np.ones(len(tested.row)))


def test_the_same_share_everywhere_is_a_ratio_of_one_everywhere():
    at = np.repeat(np.random.default_rng(2).uniform(0, 9_000, (200, 2)), 2, axis=0)
    found = surface(firms_at(at, np.arange(400) % 2 == 0), radius_m=1_000)
    ratio = found.surfaces[0].frame["ratio"].dropna()
    assert len(ratio)
    assert (ratio == 1.0).all()
    assert found.frame.empty
    assert list(found.frame.columns) == list(surface(firms_at(at, np.arange(400) < 40)).frame.columns)


def test_the_p_of_a_place_out_of_reach_of_all_others_is_hypergeometric():
    at = np.r_[np.full((40, 2), 400_000.0), np.full((60, 2), 490_000.0)]
    of_sector = np.r_[np.arange(40) < 20, np.arange(60) < 14]
    found = surface(firms_at(at, of_sector), radius_m=1_000, permutations=9_999, minimum=1)
    frame = found.surfaces[0].frame
    row = frame[frame["n_firms"] == 40].iloc[0]
    law = hypergeom(100, 34, 40)
    exact = 2 * law.sf(19)
    assert row["p"] == pytest.approx(exact, abs=5 * 2 * np.sqrt(exact / 2 / 9_999))
    assert row["ratio"] == pytest.approx((20 / 40) / (34 / 100))
    other = frame[frame["n_firms"] == 60].iloc[0]
    assert other["p"] == row["p"]  # all that is not here is there
    assert other["p_above"] == 1.0


def test_maps_without_a_cluster_show_one_as_often_as_said():
    rng = np.random.default_rng(NULL_SEED)
    at = np.r_[rng.uniform(0, 20_000, (300, 2)), rng.normal(8_000, 900, (500, 2))]  # a town is no cluster
    firms, hits = cm.read_firms(firms_at(at, np.arange(800) < 120)), 0
    for run in range(NULL_MAPS):
        steel = np.isin(np.arange(800), rng.choice(800, 120, replace=False))
        labelled = replace(firms, frame=firms.frame.assign(sic=np.where(steel, "24100", "96090")))
        found = surface(labelled, radius_m=1_500, permutations=NULL_DRAWS, seed=run)
        hits += (found.surfaces[0].frame["label"] == "above").any()
    assert FEWEST <= hits <= MOST


def test_a_planted_corner_is_found_where_it_is(planted):
    found = surface(planted)
    first = found.frame.iloc[0]
    assert first["p"] == 0.01
    assert 1.5 < first["relative_risk"] < 4
    shape = found.footprints.geometry.iloc[0]
    assert shape.intersection(points(402_500, 402_500).buffer(1_000)).area > 0.9 * np.pi * 1e6
    assert shape.within(box(400_000, 400_000, 405_000, 405_000).buffer(2 * found.surfaces[0].radius_m))
    members = found.geo()
    assert set(members["sic"]) == {"24100"}
    assert members.within(found.footprints.union_all().buffer(1)).all()
    assert found.surfaces[0].radius_m == choose_radius(
        planted.geometry.x.to_numpy(), planted.geometry.y.to_numpy(), (planted["sic"] == "24100").mean()
    )
    assert "1 cluster found" in found.summary()
    assert "random draw from all firms" in found.summary()
    assert "C1 (" in found._repr_html_()
    assert "(surface)" in repr(found)


def test_expected_and_relative_risk_follow_from_the_firms_inside(planted):
    found = surface(planted)
    inside = planted.within(found.footprints.geometry.iloc[0])
    own = (planted["sic"] == "24100") & inside
    first = found.frame.iloc[0]
    assert first["n_firms"] == own.sum() == len(found.members)
    assert first["expected"] == pytest.approx(inside.sum() * (planted["sic"] == "24100").mean())


def test_row_order_and_threads_change_nothing(planted, monkeypatch):
    once = surface(planted)
    for threads in (1, 3):
        monkeypatch.setattr(room, "workers", lambda threads=threads: threads)
        again = surface(planted.sample(frac=1, random_state=threads))
        pd.testing.assert_frame_equal(once.frame, again.frame, check_exact=True)
        pd.testing.assert_frame_equal(once.members, again.members)
        pd.testing.assert_frame_equal(once.surfaces[0].frame, again.surfaces[0].frame, check_exact=True)
        assert list(once.outlines.to_wkb()) == list(again.outlines.to_wkb())


def test_a_shift_by_whole_cells_shifts_the_answer(planted):
    moved = planted.set_geometry(planted.geometry.translate(50_000, 20_000))
    here, there = (surface(f, radius_m=2_000) for f in (planted, moved))
    same = ["expected", "ratio", "score", "p", "p_above"]
    pd.testing.assert_frame_equal(here.surfaces[0].frame[same], there.surfaces[0].frame[same])
    assert there.outlines.iloc[0].equals(here.outlines.translate(50_000, 20_000).iloc[0])


def test_another_country_works_in_its_own_metres(planted):
    lyon = planted.set_geometry(planted.geometry.translate(440_000, 6_110_000)).set_crs(
        2154, allow_override=True
    )
    found = surface(cm.read_firms(lyon, project_to="EPSG:2154"), radius_m=2_000)
    assert len(found.frame) == len(surface(planted, radius_m=2_000).frame)
    assert found.footprints.crs.to_epsg() == 2154


def test_several_sectors_are_tested_one_by_one(planted):
    two = surface(planted, sector={"steel": ["241"], "rest": ["960"]}, radius_m=2_000)
    alone = surface(planted, radius_m=2_000)
    pd.testing.assert_frame_equal(
        two.frame[two.frame["sector"] == "steel"].drop(columns="cluster").reset_index(drop=True),
        alone.frame.drop(columns="cluster"),
    )
    assert two.family_size == 2
    assert "Each of 2 sectors was tested by itself" in two.summary()


def test_a_sector_with_too_few_firms_is_told_beside_others(planted):
    few = planted.assign(sic=planted["sic"].where(planted.index >= 3, "30110"))
    found = surface(few, sector={"steel": ["241"], "ships": ["301"]}, radius_m=2_000)
    assert "ships: no cluster; nowhere are there firms enough to tell." in found.summary()
    assert np.isnan(found.surfaces[0].contour)
    assert set(found.frame["sector"]) == {"steel"}


def test_what_the_places_are_is_said(planted):
    offices = planted.assign(location_kind="registered office")
    assert "registered offices, not workplaces" in surface(offices, radius_m=2_000).summary()
    workplaces = planted.assign(location_kind="workplace")
    assert "workplaces" not in surface(workplaces, radius_m=2_000).summary()


def test_the_bandwidth_stays_as_wide_as_the_grid_allows(planted, monkeypatch):
    x, y = planted.geometry.x.to_numpy(), planted.geometry.y.to_numpy()
    free = choose_radius(x, y, 0.5)
    monkeypatch.setattr(room_of_grids, "_MOST_CELLS", 5_000)
    assert choose_radius(x, y, 0.5) > free


def test_the_surface_is_a_raster_and_squares(planted):
    made = surface(planted, radius_m=2_000).surfaces[0]
    raster = made.grid()
    assert raster.index[0] > raster.index[-1]
    row = made.frame.dropna(subset="ratio").iloc[7]
    assert raster.loc[row["y"], row["x"]] == row["ratio"]
    assert made.geo().area.unique() == pytest.approx([made.cell_m**2])
    assert made.frame["ratio"].isna().equals(made.frame["status"] == "too few firms")
    assert made.family_size == (made.frame["status"] == "tested").sum()
    assert "cells lie above the contour" in made.summary()
    assert made._repr_html_().startswith("<pre>")
    assert "cells above" in repr(made)
    above = made.frame[made.frame["label"] == "above"]
    assert (above["score"] > made.contour).all()
    assert (above["p_above"] <= 0.05).all()
    with pytest.raises(OptionError, match="CM-SURFACE-004"):
        made.grid("label")


def test_progress_reaches_its_end(planted):
    told = []
    surface(planted, radius_m=2_000, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (99, 99)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"sector": None}, "CM-SCAN-002"),
        ({"background": "field"}, "CM-SCAN-002"),
        ({"levels": (2.0,)}, "CM-SCAN-002"),
        ({"graph": "queen"}, "CM-SCAN-002"),
        ({"likelihood": "jobs"}, "CM-SCAN-002"),
        ({"radius_m": -1}, "CM-SCAN-002"),
        ({"radius_m": float("nan")}, "CM-SCAN-002"),
        ({"minimum": 0}, "CM-SCAN-002"),
        ({"alpha": 1.5}, "CM-SCAN-002"),
        ({"permutations": 0}, "CM-SCAN-002"),
        ({"radius_m": 2}, "CM-SURFACE-002"),
    ],
)
def test_options_without_sense_are_refused(planted, options, code):
    with pytest.raises(OptionError, match=code):
        surface(planted, **options)


def test_what_has_no_answer_is_refused(planted):
    with pytest.raises(StatisticsError, match="CM-STAT-003"):
        surface(planted, permutations=9)
    with pytest.raises(StatisticsError, match="CM-SURFACE-001"):
        surface(planted, sector={"ships": ["301"]})
    with pytest.raises(StatisticsError, match="CM-SURFACE-001"):
        surface(planted[planted["sic"] == "24100"])
    with pytest.raises(StatisticsError, match="CM-SURFACE-003"):
        surface(firms_at(np.full((50, 2), 400_000.0), np.arange(50) < 10))
    with pytest.raises(StatisticsError, match="CM-SURFACE-005"):
        surface(planted.iloc[::100], radius_m=500)


def test_counts_and_degrees_are_refused(make_grid, make_table):
    table = make_table(make_grid(3, 3))
    with pytest.raises(OptionError, match="CM-SCAN-011"):
        surface(table)
    firms = cm.read_firms(firms_at(np.random.default_rng(1).uniform(0, 9_000, (50, 2)), np.arange(50) < 9))
    degrees = cm.Firms(frame=firms.frame.to_crs(4326), activities=firms.activities, ledger=firms.ledger)
    with pytest.raises(CrsError, match="CM-CRS-004"):
        surface(degrees)


def test_a_scan_takes_no_options_of_firms(make_grid, make_table):
    table = make_table(make_grid(3, 3))
    for options in ({"radius_m": 5_000}, {"minimum": 3}, {"sector": STEEL}):
        with pytest.raises(OptionError, match="CM-SCAN-002"):
            cm.detect_clusters(table, **options)


def test_values_of_clusters_among_firms_are_by_firm(planted):
    found = surface(planted, radius_m=2_000)
    assert found.values("C1").sum() == found.frame.loc[0, "n_firms"]
