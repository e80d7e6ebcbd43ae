from __future__ import annotations

import io
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, box

from clustermap.errors import StorageError
from clustermap.reports import csv_text, geopackage, read_csv


def there_and_back(frame):
    return read_csv(io.StringIO(csv_text(frame), newline=""))


def test_a_table_is_written_plainly():
    frame = pd.DataFrame(
        {
            "code": ["E06000001", "01110"],
            "lq": [0.1, np.nan],
            "n": [1, -2],
            "day": pd.to_datetime(["2024-02-29", None]),
            "kind": pd.Categorical(["a", None]),
            "nullable": pd.array([1, None], dtype="Int64"),
            "hot": [True, False],
        }
    )
    assert csv_text(frame) == (
        "code,lq,n,day,kind,nullable,hot\nE06000001,0.1,1,2024-02-29,a,1,True\n01110,,-2,,,,False\n"
    )


def test_times_are_written_in_full_where_there_are_any():
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-02-29 12:30", "2024-03-01 00:00"])})
    assert csv_text(frame) == "at\n2024-02-29T12:30:00\n2024-03-01T00:00:00\n"


def test_the_table_given_is_left_as_it_is():
    frame = pd.DataFrame({"=a": ["=1"]})
    csv_text(frame)
    assert frame.to_dict("list") == {"=a": ["=1"]}


def test_an_empty_table_keeps_its_columns():
    frame = pd.DataFrame({"cluster": [], "share": []})
    assert csv_text(frame) == "cluster,share\n"
    assert list(there_and_back(frame).columns) == ["cluster", "share"]
    assert csv_text(pd.DataFrame()) == "\n"


def test_two_columns_of_one_name_are_both_written():
    frame = pd.DataFrame([["=1", 2]], columns=["a", "a"])
    assert csv_text(frame) == "a,a\n'=1,2\n"


@pytest.mark.parametrize(
    "codes", [["01110", "25620"], ["1", "2.0"], ["1.50", "2.0"], ["1e5", "2"], ["NULL", "NA"], ["nan", "1.5"],
              ["True", "yes"], ["9" * 30, "1"], ["+1", "-x"], ["0x10", "1_000"], ["\uff11\uff12", "3"], [" 1", "2"]],
)  # fmt: skip
def test_text_that_looks_like_a_number_or_nothing_stays_text(codes):
    assert there_and_back(pd.DataFrame({"code": codes}))["code"].tolist() == codes


def test_numbers_come_back_to_the_last_bit():
    frame = pd.DataFrame(
        {
            "float": [0.1 + 0.2, 1e-300, -1.7976931348623157e308, math.inf, np.nan],
            "whole": [1, -2, 3, 0, 10**17],
            "hot": [True, False, True, True, False],
            "none": [np.nan] * 5,
            "gaps": pd.array([1, None, 3, 4, 5], dtype="Int64"),
        }
    )
    pd.testing.assert_frame_equal(there_and_back(frame), frame, check_exact=True)


def test_a_file_is_read_as_well_as_a_stream(tmp_path):
    (tmp_path / "a.csv").write_bytes(csv_text(pd.DataFrame({"naïve": ["Ynys Môn", "東京"]})).encode())
    assert read_csv(tmp_path / "a.csv")["naïve"].tolist() == ["Ynys Môn", "東京"]


@pytest.mark.parametrize("data", [None, b"", b"a,b\n\xff\xfe,1\n", b'a,b\n"open,1\n', b"a\n1,2\n3,4,5\n"])
def test_what_is_no_such_csv_is_an_error(data, tmp_path):
    if data is not None:
        (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(StorageError, match=r"CM-STORE-004.*a\.csv"):
        read_csv(tmp_path / "a.csv")


nasty = st.text(st.sampled_from(list("=+-@\t\r\n\"',;'|ab01. \ufeff\uff1d\u00a0")), max_size=8)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(nasty, st.floats(), st.integers(-(2**62), 2**62)), min_size=1, max_size=8))
@example([("a\rb", 0.1, 1), ("=", -0.0, 2)])
@example([("'", 5e-324, 1), ("''", 1.0, 2)])
def test_any_table_comes_back(rows):
    frame = pd.DataFrame(rows, columns=["text", "float", "whole"]).assign(mark="x")
    back = there_and_back(frame)
    text = ["" if pd.isna(v) else str(v) for v in back["text"]]  # empty text is a missing value
    assert text == frame["text"].tolist()
    pd.testing.assert_series_equal(back["float"].astype(float), frame["float"], check_exact=True)
    assert back["whole"].astype("int64").tolist() == frame["whole"].tolist()


@pytest.fixture
def layers():
    """Three layers as a study writes them."""
    areas = gpd.GeoDataFrame(
        {
            "code": ["A", "B"],
            "kind": pd.Categorical(["x", None]),
            "n": pd.array([1, None], dtype="Int64"),
            "text": pd.array(["y", None], dtype="string"),
            "lq": [1.5, np.nan],
        },
        geometry=[box(0, 0, 1, 1), MultiPolygon([box(2, 0, 3, 1)])],
        crs=27700,
    )
    pairs = gpd.GeoDataFrame({"a": ["A"]}, geometry=[LineString([(0, 0), (1, 1)])], crs=27700)
    return {"footprints": areas.iloc[:0], "areas": areas, "pairs": pairs}


def test_layers_hold_what_was_given(layers, tmp_path):
    geopackage(tmp_path / "a.gpkg", layers)
    assert dict(pyogrio.list_layers(tmp_path / "a.gpkg")) == {
        "footprints": "MultiPolygon", "areas": "MultiPolygon", "pairs": "MultiLineString"
    }  # fmt: skip
    areas = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="areas")
    assert areas["code"].tolist() == ["A", "B"]
    assert areas["kind"].fillna("-").tolist() == ["x", "-"]
    assert areas["n"].fillna(-1).tolist() == [1, -1]
    assert areas["text"].fillna("-").tolist() == ["y", "-"]
    assert areas["lq"].fillna(-1).tolist() == [1.5, -1]
    assert areas.crs.to_epsg() == 27700
    assert areas.area.tolist() == [1.0, 1.0]


def test_an_empty_layer_keeps_its_columns(layers, tmp_path):
    geopackage(tmp_path / "a.gpkg", layers)
    empty = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="footprints")
    assert empty.empty
    assert set(empty.columns) == {"code", "kind", "n", "text", "lq", "geometry"}


def test_two_writes_are_the_same_bytes_and_the_clock_is_left_alone(layers, tmp_path):
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    geopackage(tmp_path / "a.gpkg", layers)
    geopackage(tmp_path / "b.gpkg", layers)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_an_old_file_is_replaced_not_added_to(layers, tmp_path):
    geopackage(tmp_path / "a.gpkg", layers)
    geopackage(tmp_path / "a.gpkg", {"areas": layers["areas"]})
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "a.gpkg")] == ["areas"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.gpkg"]


def test_text_does_not_end_at_a_nul(layers, tmp_path):
    areas = layers["areas"].assign(code=pd.Series(["a\x00b", "\ud800"], dtype=object), more=[b"\x00", None])
    geopackage(tmp_path / "a.gpkg", {"areas": areas})
    back = pyogrio.read_dataframe(tmp_path / "a.gpkg")
    assert back["code"].tolist() == ["a\ufffdb", "\\ud800"]


def test_columns_that_a_database_takes_for_one_are_an_error(layers, tmp_path):
    with pytest.raises(StorageError, match=r"CM-STORE-001.*layer areas.*Code"):
        geopackage(tmp_path / "a.gpkg", {"areas": layers["areas"].assign(Code="x")})
    assert list(tmp_path.iterdir()) == []


def test_rows_that_were_not_written_are_noticed(layers, tmp_path, monkeypatch):
    monkeypatch.setattr(pyogrio, "read_info", lambda *_, **__: {"features": 1})
    with pytest.raises(StorageError, match="1 of 2 rows"):
        geopackage(tmp_path / "a.gpkg", {"areas": layers["areas"]})
