"""The cluster index against its published example and the exact binomial."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from shapely import box

import clustermap as cm
from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError
from clustermap.schema import STOCK_COLUMNS
from clustermap.tables.table import SectorTable


@pytest.fixture
def e6():
    """An area with 1,743 of 5,740 jobs in 35 of 53 plants, on 50 of 576 km² with 488 of 4,621 inhabitants."""
    jobs = pd.DataFrame({"s": [1743, 5740 - 1743]}, index=["A", "B"])
    return {
        "table": SectorTable.from_values(jobs, measure="employment"),
        "plants": pd.DataFrame({"s": [35, 18]}, index=["A", "B"]),
        "area_km2": pd.Series({"A": 50, "B": 526}),
        "population": pd.Series({"A": 488, "B": 4621 - 488}),
    }


@pytest.fixture
def counts() -> pd.DataFrame:
    return pd.DataFrame({"s": [30, 10, 0], "rest": [70, 190, 200]}, index=list("ABC"))


LAND = pd.Series({"A": 10.0, "B": 20.0, "C": 70.0})


def run(e6, **more):
    options = {**e6, **more}
    return cm.cluster_index(options.pop("table"), **options)


def test_e6_published_example(e6):
    row = run(e6).frame.iloc[0]
    assert row["index"] == pytest.approx(21.87491, abs=5e-6)
    share = 1743 / 5740
    assert row.density == pytest.approx(share / (50 / 576))
    assert row.stock == pytest.approx(share / (488 / 4621))
    assert row.plant_size == pytest.approx(share / (35 / 53))
    assert row["index"] == pytest.approx(row.density * row.stock / row.plant_size)
    assert np.isnan(row.p)
    assert row.status == "needs firm-level data"


def test_counts_carry_the_exact_interval_of_their_share(counts):
    result = cm.cluster_index(counts, area_km2=LAND, correction="none")
    row = result.frame.set_index(["area", "sector"]).loc[("A", "s")]
    product = 0.1 * 100 / 500
    peer = stats.binomtest(30, 40, np.sqrt(product))
    interval = peer.proportion_ci(0.95, method="exact")
    assert row["index"] == pytest.approx(0.75**2 / product)
    assert (row.lower, row.upper) == pytest.approx((interval.low**2 / product, interval.high**2 / product))
    law = stats.binom(40, np.sqrt(product))
    assert row.p == pytest.approx(2 * law.sf(29), rel=1e-9)
    assert row.plant_size == 1
    # nothing of the sector: the index is 0, which is known
    assert result.wide().loc["C", "s"] == 0
    assert result.wide("upper").loc["C", "s"] > 0
    assert result.family_size == 6


def test_p_is_below_alpha_exactly_where_the_interval_excludes_one(counts):
    frame = cm.cluster_index(counts, area_km2=LAND).frame
    outside = (frame["lower"] > 1) | (frame["upper"] < 1)
    assert ((frame["p"] < 0.05) == outside).all()


def test_land_comes_from_the_polygons():
    areas = gpd.GeoDataFrame(
        {"code": ["A", "B"], "name": ["a", "b"]},
        geometry=[box(0, 0, 3_000, 1_000), box(3_000, 0, 4_000, 1_000)],
        crs="EPSG:27700",
    )
    frame = pd.DataFrame({"s": [1, 1], "rest": [5, 5]}, index=["A", "B"])
    result = cm.cluster_index(SectorTable.from_values(frame, areas=areas))
    assert result.wide("density").loc["A", "s"] == pytest.approx(0.5 / 0.75)
    assert "s" in result.geo()
    assert "the land of the polygons" in result.summary()


def test_cells_without_an_answer_say_why(e6):
    jobs = pd.DataFrame({"none": [0, 0], "hidden": [1, np.nan], "odd": [4, 5]}, index=["A", "B"])
    table = SectorTable.from_values(jobs, measure="employment", area_totals=pd.Series({"A": 90.0, "B": 80.0}))
    plants = pd.DataFrame({"none": [0, 0], "hidden": [1, 1], "odd": [0, 2]}, index=["A", "B"])
    result = run(e6, table=table, plants=plants, population=None)
    status = result.wide("status")
    assert status["none"].to_list() == ["nothing of the sector anywhere"] * 2
    assert status["hidden"].to_list() == ["suppressed"] * 2
    assert status.loc["A", "odd"] == "employment without plants"
    assert result.wide().loc["A"].isna().all()
    assert "No interval and no p" in result.summary()


def test_employment_without_plants_is_no_index(e6):
    result = run(e6, plants=None)
    assert result.frame["index"].isna().all()
    assert set(result.frame["status"]) == {"employment without plants"}


def test_what_is_missing_is_refused(e6, counts):
    with pytest.raises(InputError, match="CM-CONC-010"):
        cm.cluster_index(counts)
    with pytest.raises(InputError, match="CM-CONC-011"):
        run(e6, area_km2=pd.Series({"A": 50.0}))
    with pytest.raises(InputError, match="CM-CONC-011"):
        run(e6, population=pd.Series({"A": 50.0, "B": 0}))
    with pytest.raises(InputError, match="CM-CONC-011"):
        run(e6, area_km2=pd.Series([50.0, 1, 2], index=["A", "B", "A"]))
    with pytest.raises(AlignmentError, match="CM-CONC-012"):
        run(e6, plants=e6["plants"].rename(index={"A": "Z"}))
    with pytest.raises(OptionError, match="CM-CONC-003"):
        run(e6, interval=2)
    with pytest.raises(StatisticsError, match="CM-CONC-002"):
        cm.cluster_index(counts[:1], area_km2=LAND)
    with pytest.raises(OptionError, match="CM-CONC-001"):
        run(e6).wide("moran")
    with pytest.raises(InputError, match="CM-TABLE-004"):
        run(e6).geo()


def test_the_result_shows_itself(e6, counts):
    result = cm.cluster_index(counts, area_km2=LAND)
    assert list(result.frame.columns) == list(STOCK_COLUMNS)
    assert repr(result) == "<ClusterIndex: 3 areas × 2 sectors>"
    assert "s in A: 28.1." in result.summary()
    assert "<pre>" in result._repr_html_()


def test_indices_without_an_answer_are_not_told_as_the_largest():
    areas = pd.Index(["A", "B"])
    found = cm.cluster_index(
        pd.DataFrame({"steel": [0, 3], "none": [0, 0]}, index=areas),
        area_km2=pd.Series(1.0, index=areas),
        population=pd.Series(10.0, index=areas),
    )
    assert "nan" not in found.summary()
    assert found.frame["index"].isna().sum() == 2
