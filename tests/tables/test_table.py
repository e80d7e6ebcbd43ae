"""The one table: labels are checked, totals are what was published or the sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.errors import AlignmentError, InputError, OptionError
from clustermap.tables import SectorTable, as_table


@pytest.fixture
def frame():
    return pd.DataFrame({"steel": [4, 1], "rest": [6, 9]}, index=["B", "A"])


def test_rows_and_columns_come_back_in_order_with_their_sums(frame):
    table = SectorTable.from_values(frame)
    assert table.values.index.tolist() == ["A", "B"]
    assert table.sectors == ["rest", "steel"]
    assert table.area_totals.to_dict() == {"A": 10.0, "B": 10.0}
    assert table.sector_totals.to_dict() == {"rest": 15.0, "steel": 5.0}
    assert table.total == 20.0
    assert (table.status == "observed").all(axis=None)
    assert frame.index.tolist() == ["B", "A"]  # what was given is not changed


def test_published_totals_are_kept(frame):
    table = SectorTable.from_values(
        frame, area_totals=pd.Series({"B": 100, "A": 50}), sector_totals=pd.Series({"steel": 7, "rest": 70})
    )
    assert table.total == 150.0
    assert table.sector_totals.to_dict() == {"rest": 70.0, "steel": 7.0}


def test_nan_is_a_suppressed_cell(frame):
    table = SectorTable.from_values(frame.where(frame != 1))
    assert table.status.loc["A", "steel"] == "suppressed"
    assert table.area_totals["A"] == 9.0


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (pd.DataFrame({"s": [1, 2]}, index=["A", "A"]), "CM-TABLE-001"),
        (pd.DataFrame([[1, 2]], columns=["s", "s"], index=["A"]), "CM-TABLE-001"),
        (pd.DataFrame({"s": ["<5", "2"]}, index=["A", "B"]), "CM-TABLE-002"),
        (pd.DataFrame({"s": [-1.0, 2]}, index=["A", "B"]), "CM-TABLE-003"),
        (pd.DataFrame({"s": [np.inf, 2]}, index=["A", "B"]), "CM-TABLE-003"),
    ],
)
def test_what_is_no_table_is_refused(values, code):
    with pytest.raises(InputError, match=code):
        SectorTable.from_values(values)


def test_totals_and_areas_must_carry_the_same_labels(frame, make_areas):
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        SectorTable.from_values(frame, area_totals=pd.Series({"A": 1, "C": 2}))
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        SectorTable.from_values(frame, sector_totals=pd.Series({"steel": 1}))
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        SectorTable.from_values(frame, areas=make_areas({"A": shapely.box(0, 0, 1, 1)}))


def test_the_sector_is_the_only_one_or_must_be_named(frame):
    table = SectorTable.from_values(frame)
    assert table.sector("steel") == "steel"
    assert SectorTable.from_values(frame[["steel"]]).sector(None) == "steel"
    with pytest.raises(OptionError, match=r"CM-SECTOR-001\] the table has 2 sectors"):
        table.sector(None)
    with pytest.raises(OptionError, match=r"CM-SECTOR-001\] the table has no sector 'gold'"):
        table.sector("gold")


def test_geometry_joins_by_code(frame, make_areas):
    areas = make_areas({"A": shapely.box(0, 0, 1, 1), "B": shapely.box(1, 0, 2, 1)})
    assert SectorTable.from_values(frame, areas=areas).geo().loc["B", "steel"] == 4.0
    with pytest.raises(InputError, match="CM-TABLE-004"):
        SectorTable.from_values(frame).geo()


def test_plain_frames_become_tables_and_polygons_show_the_call(frame, make_areas):
    table = SectorTable.from_values(frame)
    assert as_table(table) is table
    assert as_table(frame).total == 20.0
    polygons = make_areas({"A": shapely.box(0, 0, 1, 1), "B": shapely.box(1, 0, 2, 1)}).frame
    for wrong in (polygons, [1, 2]):
        with pytest.raises(InputError, match=r"CM-TABLE-005[\s\S]*from_values"):
            as_table(wrong)


def test_summaries_are_plain_sentences(frame):
    table = SectorTable.from_values(frame)
    assert table.summary().splitlines() == [
        "2 areas × 2 sectors, firms, 20 in all.",
        "rest: 15 (75.0%).",
        "steel: 5 (25.0%).",
    ]
    assert repr(table) == "<SectorTable: 2 areas × 2 sectors, firms>"
    assert table._repr_html_().startswith("<pre>2 areas × 2")
    assert SectorTable.from_values(frame * 0).summary() == "2 areas × 2 sectors, firms, 0 in all."
