"""One sector under several definitions: known truth on real figures, hand arithmetic, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

import clustermap as cm
from clustermap.errors import InputError, OptionError
from clustermap.measures import across, location_quotient
from clustermap.tables.table import SectorTable

DEFINITIONS = {"metals": ["24"], "electronics": ["26"], "both": ["24", "26"]}


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"2410": [8, 2, 0], "2611": [1, 9, 0], "4711": [20, 20, 40]}, index=["A", "B", "C"])


@pytest.mark.real
def test_south_yorkshire_is_what_the_definition_makes_of_it(real_data):
    source = pd.read_csv(real_data / "bres_nuts2_sic4_2016_2018.csv.gz", dtype=str)
    table = cm.read_table(
        source, area="geo_cd", sector="SIC4", value="value", measure="employment", where={"year": "2018"}
    )
    result = across(table, definitions=["hvm-high-technology", "hvm", "hvm-with-metals"])
    told = result.of("UKE3")["lq"]
    assert told.round(2).to_dict() == {
        "hvm-high-technology": 0.32,
        "hvm-high-and-medium-high": 0.94,
        "hvm-with-metals": 1.46,
    }
    row = result.frame.set_index("area").loc["UKE3"]
    assert (row["holds"], row["of"], bool(row["agree"])) == (1, 3, False)
    assert (row["lowest"], row["highest"]) == ("hvm-high-technology", "hvm-with-metals")
    assert (row["surely"], row["surely_not"]) == (0, 0)
    assert "Without counts of firms there are no intervals" in result.summary()
    assert "Eurostat" in result.definitions.loc["hvm-high-technology", "source"]


def test_each_definition_is_the_quotient_of_its_own_sum(table):
    result = across(table, definitions=DEFINITIONS, threshold=0.9)
    both = table.assign(both=table["2410"] + table["2611"])
    peer = location_quotient(
        SectorTable.from_values(both[["both"]], area_totals=table.sum(axis=1)), sector="both"
    ).frame
    mine = result.long[result.long["definition"] == "both"]
    np.testing.assert_allclose(mine["lq"], peer["lq"])
    np.testing.assert_allclose(mine["lower"], peer["lower"])
    assert result.definitions.loc["both", "share"] == pytest.approx(0.2)
    frame = result.frame.set_index("area")
    assert frame["holds"].to_dict() == {"A": 2, "B": 2, "C": 0}
    assert frame["agree"].to_dict() == {"A": False, "B": False, "C": True}
    assert frame["surely_not"]["C"] == 3
    assert frame.loc["A", "high"] == pytest.approx((8 / 29) / 0.1)


def test_firms_are_counted_once_for_all_definitions(make_world):
    firms, areas = make_world
    result = across(firms, areas, definitions={"steel": ["24"], "wide": ["24", "26"]})
    peer = cm.tabulate(firms, areas, sectors={"steel": ["24"], "wide": ["24", "26"]})
    np.testing.assert_allclose(result.quotients.table.values, peer.values)
    assert result.quotients.table.ledger is not None


@pytest.fixture
def make_world():
    import geopandas as gpd

    areas = gpd.GeoDataFrame(
        {"code": ["A", "B"], "name": ["North", "South"]},
        geometry=[shapely.box(0, 0, 9, 9), shapely.box(9, 0, 18, 9)],
        crs="EPSG:27700",
    )
    codes = ["24100", "26110", "62012", "24200", "62012", "62012"]
    firms = gpd.GeoDataFrame(
        {"firm_id": [f"f{i}" for i in range(6)], "sic": codes},
        geometry=[shapely.Point(1 + 3 * i, 4) for i in range(6)],
        crs="EPSG:27700",
    )
    return firms, areas


def test_an_unknown_part_makes_an_unknown_sum(table):
    hidden = table.astype(float)
    hidden.loc["A", "2410"] = np.nan
    result = across(hidden, definitions=DEFINITIONS)
    a = result.of("A")
    assert a["status"].to_dict() == {"both": "suppressed", "electronics": "ok", "metals": "suppressed"}
    row = result.frame.iloc[0]
    assert (row["of"], row["status"]) == (1, "some without an answer")


def test_an_area_without_any_answer_says_so(table):
    table.loc["D"] = 0
    row = across(table, definitions=DEFINITIONS).frame.iloc[3]
    assert (row["of"], row["status"]) == (0, "no answer")
    assert row[["low", "high", "lowest", "highest"]].isna().all()


def test_names_of_areas_and_sources_stand_in_the_summary(make_world):
    firms, areas = make_world
    result = across(firms, areas, definitions={"narrow": ["26"], "hvm": "hvm"})
    text = result.summary()
    assert "2 definitions, 2 areas with an answer" in text
    assert "Source: given by the user." in text
    assert "Eurostat" in text
    assert repr(result) == "<Sensitivity: 2 areas × 2 definitions>"
    assert result._repr_html_().startswith("<pre>2 definitions")
    split = across(firms, areas, definitions={"steel": ["24"], "chips": ["26"]})
    assert "South: 0.00 (chips) to 1.00 (steel), holds in 1 of 2." in split.summary()


@pytest.mark.parametrize(
    ("definitions", "code"),
    [
        (["hvm"], "CM-ACROSS-001"),
        ("hvm", "CM-ACROSS-001"),
        (["hvm", "hvm-high-and-medium-high"], "CM-ACROSS-001"),
        (["hvm", "sic-sections"], "CM-ACROSS-002"),
        ([["26"], ["26", "27"]], "CM-ACROSS-001"),
    ],
)
def test_definitions_that_cannot_be_compared_are_refused(table, definitions, code):
    with pytest.raises(OptionError, match=code):
        across(table, definitions=definitions)


def test_tables_and_definitions_that_do_not_fit_are_refused(table, make_world):
    firms, areas = make_world
    with pytest.raises(OptionError, match="CM-ACROSS-003"):
        across(firms, definitions=DEFINITIONS)
    with pytest.raises(OptionError, match="CM-ACROSS-003"):
        across(table, areas, definitions=DEFINITIONS)
    with pytest.raises(InputError, match=r"CM-ACROSS-004\] 1 of 3 .*'161'"):
        across(table.rename(columns={"4711": "161"}), definitions=DEFINITIONS)
    with pytest.raises(InputError, match=r"CM-ACROSS-005.*divides"):
        across(table, definitions={"fine": ["26110"], "metals": ["24"]})
    with pytest.raises(InputError, match=r"CM-ACROSS-005.*none"):
        across(table, definitions={"space": ["303"], "metals": ["24"]})
    with pytest.raises(OptionError, match="CM-ACROSS-006"):
        across(table, definitions=DEFINITIONS).of("Z")
