"""The one table: labels are checked, totals are what was published or the sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.errors import AlignmentError, ClusterMapWarning, InputError, OptionError
from clustermap.sources.values import Lookup
from clustermap.tables import SectorTable, as_table
from clustermap.tables.shares import authority_shares
from clustermap.testing import assert_same_table


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


def test_polygons_of_a_plain_frame_are_read(frame, make_areas):
    polygons = make_areas({"A": shapely.box(0, 0, 9, 9), "B": shapely.box(9, 0, 18, 9)}).frame.reset_index()
    assert SectorTable.from_values(frame, areas=polygons).areas.frame.index.tolist() == ["A", "B"]


@pytest.fixture
def lookup():
    """A and B lie in x, B also in y."""
    rows = pd.DataFrame({"area": ["B", "A", "B"], "authority": ["y", "x", "x"], "share": [0.5, 1.0, 0.5]})
    return Lookup(frame=rows.assign(name=rows["authority"].str.upper()))


@pytest.mark.parametrize(
    ("overlap", "steel", "totals"),
    [("fractional", [3, 2], [15, 5]), ("full", [5, 4], [20, 10]), ("primary", [5], [20])],
)
def test_authorities_are_sums_of_their_areas_and_totals_do_not_move(frame, lookup, overlap, steel, totals):
    table = SectorTable.from_values(frame).aggregate(lookup, overlap=overlap)
    assert table.values["steel"].tolist() == steel
    assert table.area_totals.tolist() == totals
    assert (table.total, table.sector_totals["steel"]) == (20.0, 5.0)


@pytest.mark.parametrize(("shares", "authority"), [((0.3, 0.7), "y"), ((0.7, 0.3), "x"), ((0.5, 0.5), "x")])
def test_primary_is_the_largest_share_and_the_lowest_code_among_equals(shares, authority):
    rows = pd.DataFrame({"area": ["A", "A"], "authority": ["x", "y"], "name": ["X", "Y"], "share": shares})
    values = pd.DataFrame({"steel": [4]}, index=["A"])
    table = SectorTable.from_values(values).aggregate(Lookup(frame=rows), overlap="primary")
    assert table.values["steel"].to_dict() == {authority: 4.0}
    shared = authority_shares(values.index, Lookup(frame=rows), areas=None, overlap="primary")
    assert shared.frame["authority"].tolist() == [authority]


def test_a_total_below_one_of_its_cells_is_refused_and_named(frame):
    for given in (
        {"area_totals": pd.Series({"A": 5.0, "B": 20.0})},
        {"sector_totals": pd.Series({"steel": 3, "rest": 50})},
    ):
        with pytest.raises(InputError, match=r"CM-TABLE-023\] 1 of 2 (area|sector) totals .*row"):
            SectorTable.from_values(frame, **given)


def test_totals_below_the_sum_of_their_cells_are_told(frame):
    totals = pd.Series({"A": frame.loc["A"].max() + 0.5, "B": 90.0})
    with pytest.warns(ClusterMapWarning, match=r"CM-TABLE-024\] 1 of 2 area totals .*row 1 \(A\)"):
        assert SectorTable.from_values(frame, area_totals=totals).area_totals.equals(totals)


def test_an_unknown_part_makes_an_unknown_sum_and_lost_areas_are_told(frame, lookup):
    third = pd.concat(
        [frame.where(frame != 1).astype(float), pd.DataFrame({"steel": [1.0], "rest": [1.0]}, index=["C"])]
    )
    table = SectorTable.from_values(third).aggregate(lookup)
    assert table.status["steel"].tolist() == ["suppressed", "observed"]
    assert table.note == "1 of 3 areas is in no authority."


def test_a_lookup_of_another_vintage_is_refused(frame, lookup):
    with pytest.raises(AlignmentError, match=r"CM-ALIGN-005\] 1 of 2 .*\['B'\]"):
        SectorTable.from_values(frame.drop("B")).aggregate(lookup)


@pytest.mark.real
def test_trap_14_lep_rows_are_reproduced_from_districts(real_data):
    import clustermap as cm

    source = real_data / "ubc_enterprises_2018_2022.csv.gz"
    given = {"area": "area", "sector": "industry", "value": "total", "match": "name"}
    districts = cm.read_boundaries(real_data / "lad_2022_uk.geojson", keep="E")
    table = cm.read_table(source, **given, areas=districts, where={"year": 2022, "geo": "LAD"})
    leps = table.aggregate(cm.read_lookup(real_data / "lookup_lad22_lep21.csv"), overlap="full")
    published = cm.read_table(source, **given, where={"year": 2022, "geo": "LEP"})
    names = cm.read_boundaries(real_data / "lep_2021_en_buc.geojson").names.replace(
        {
            "Buckinghamshire": "Buckinghamshire Thames Valley",
            "Hull and East Yorkshire": "Hull and East Riding",
        }
    )
    difference = leps.area_totals - published.area_totals[names[leps.values.index]].to_numpy()
    assert difference.abs().max() <= 40  # sums of figures rounded to 5
    assert (leps.status == "rounded").all(axis=None)
    assert leps.total == 2_408_015


def test_an_area_of_which_nothing_is_known_has_no_total():
    table = SectorTable.from_values(pd.DataFrame({"s": [np.nan, 3.0]}, index=["A", "B"]))
    assert np.isnan(table.area_totals["A"])
    assert table.total == 3.0


# --- cells without their zeros ------------------------------------------------
def test_a_matrix_and_its_frame_are_one_table(frame):
    from scipy.sparse import csr_array

    cells = csr_array(frame.to_numpy())
    table = SectorTable.from_matrix(cells, (frame.index, frame.columns))
    assert_same_table(table, SectorTable.from_values(frame))
    assert_same_table(table, SectorTable.from_values(frame.loc[["A", "B"], ["steel", "rest"]]))
    assert table.matrix.nnz == 4
    assert cells.toarray().tolist() == frame.to_numpy().tolist()  # what was given is not changed


def test_a_fine_classification_of_many_areas_is_never_spread_out():
    """35,000 areas × 700 sectors would be 196 MB of values alone."""
    import tracemalloc

    from scipy.sparse import csr_array

    rng = np.random.default_rng(4)
    row, column = rng.integers(0, 35_000, 200_000), rng.integers(0, 700, 200_000)
    labels = pd.Index([f"A{i:05d}" for i in range(35_000)]), pd.Index([f"s{i:03d}" for i in range(700)])
    tracemalloc.start()
    table = SectorTable.from_matrix(csr_array((np.ones(200_000), (row, column)), (35_000, 700)), labels)
    one, some = table.column("s007"), table.select(["s007", "s003"])
    pairs = pd.DataFrame({"area": labels[0], "authority": [f"R{i % 9}" for i in range(35_000)], "share": 1.0})
    regions = table.aggregate(Lookup(frame=pairs.assign(name=pairs["authority"])))
    text = table.summary()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    assert (table.total, regions.total) == (200_000.0, 200_000.0)
    assert one.sum() == some.sector_totals["s007"] == (column == 7).sum()
    assert regions.values.loc["R4", "s007"] == ((row % 9 == 4) & (column == 7)).sum()
    assert "35,000 areas × 700 sectors" in text


def test_status_is_kept_where_it_says_more_than_the_figures(frame):
    table = SectorTable.from_values(frame.where(frame != 1))
    status = table.status
    status.loc["A", "steel"], status.loc["B", "rest"] = "observed", "rounded"
    marked = replace(table, status=status)
    pd.testing.assert_frame_equal(marked.status, status)
    assert marked.precision == "observed"
    assert marked.marks.nnz == 2
    assert replace(table, status=status.replace("observed", "rounded")).precision == "rounded"
    assert marked.select(["rest"]).status["rest"].tolist() == ["observed", "rounded"]
    pairs = pd.DataFrame({"area": ["A", "B"], "authority": ["x", "x"], "share": [1.0, 1.0]})
    assert (marked.aggregate(Lookup(frame=pairs.assign(name="x"))).precision) == "rounded"


def test_new_values_replace_the_cells_and_nothing_else(frame):
    table = SectorTable.from_values(frame)
    doubled = replace(table, values=table.values * 2)
    assert doubled.values.loc["B", "steel"] == 8.0
    assert doubled.total == 20.0
    view = table.values
    view.loc["B", "steel"] = 99.0
    assert table.values.loc["B", "steel"] == 4.0  # a table does not change under its reader


def test_selected_sectors_keep_the_totals_of_all(frame):
    part = SectorTable.from_values(frame).select(["steel"])
    assert part.sectors == ["steel"]
    assert (part.total, part.area_totals["B"]) == (20.0, 10.0)
    with pytest.raises(OptionError, match="CM-SECTOR-001"):
        part.select(["rest"])


def test_parts_that_do_not_fit_are_refused(frame):
    from scipy.sparse import csr_array

    table = SectorTable.from_values(frame)
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        replace(table, values=table.values.rename(index={"A": "Z"}))
    with pytest.raises(AlignmentError, match="CM-ALIGN-001"):
        replace(table, status=table.status.iloc[::-1])
    with pytest.raises(InputError, match=r"CM-TABLE-020\] 1 of 4 .*guessed"):
        replace(table, status=table.status.mask(table.values == 1, "guessed"))
    with pytest.raises(InputError, match="CM-TABLE-021"):
        replace(table, matrix=csr_array((3, 2)))
    with pytest.raises(InputError, match="CM-TABLE-021"):
        SectorTable.from_matrix(csr_array((3, 2)), (frame.index, frame.columns))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["A", 2, "C"], "several types: int, str"),
        (["A", None, "C"], "1 of 3 area labels is missing"),
        ([1.0, float("nan"), 3.0], "1 of 3 area labels is missing"),
    ],
)
def test_labels_without_an_order_or_missing_are_refused_and_the_mending_clears_it(labels, said):
    values = pd.DataFrame({"steel": [4, 1, 2], "rest": [6, 9, 8]}, index=labels)
    with pytest.raises(InputError, match=said) as error:
        SectorTable.from_values(values)
    assert error.value.code == "CM-TABLE-022"
    mended = SectorTable.from_values(eval(error.value.fix, {"values": values}))  # noqa: S307 - our own words
    assert mended.total == (
        30 if "types" in said else 30 - 10 * (labels[1] is None or labels[1] != labels[1])
    )
    with pytest.raises(InputError, match="sector labels") as error:
        SectorTable.from_values(values.T)
    assert SectorTable.from_values(eval(error.value.fix, {"values": values.T})).total == mended.total  # noqa: S307


@pytest.mark.parametrize("kind", ["complex128", "datetime64[ns]"])
def test_dates_and_complex_numbers_are_no_counts(kind):
    values = pd.DataFrame({"steel": [4, 1], "rest": [6, 9]}, index=["A", "B"]).astype(kind)
    with pytest.raises(InputError, match="2 of 2 columns are") as error:
        SectorTable.from_values(values)
    assert error.value.code == "CM-TABLE-002"
