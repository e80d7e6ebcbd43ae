"""Delimited text: what is detected, and no row lost in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clustermap.errors import InputError
from clustermap.sources import read_firms
from clustermap.sources.cells import dates, numbers, text
from clustermap.sources.files import open_source
from clustermap.sources.texts import read_text_table

ROWS = [["id", "name", "lat", "lon"], ["1", "Café Zoë", "51.7", "-1.2"], ["2", "NULL", "51.8", "-1.3"]]


def read(path):
    return read_text_table(open_source(path))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiter_encoding_and_line_ends_are_detected(write, delimiter, encoding, end):
    path = write("t.csv", end.join(delimiter.join(row) for row in ROWS) + end, encoding=encoding)
    frame, notes = read(path)
    assert list(frame.columns) == ROWS[0]
    assert frame.to_numpy().tolist() == ROWS[1:]
    assert any("cp1252" in note for note in notes) == (encoding == "cp1252")


def test_an_eight_bit_file_shows_samples_of_what_was_read(write):
    _, notes = read(write("t.csv", "id,name\n1,O’Brien – £5\n", encoding="cp1252"))
    assert "'O’Brien – £5'" in notes[0]


def test_bytes_that_are_undefined_in_windows_text_go_to_detection(write):
    text_ = "id,név\n" + "\n".join(f"{i},Győr Székesfehérvár Ťažké Ź" for i in range(50))
    frame, notes = read(write("t.csv", text_.encode("cp1250")))
    assert len(frame) == 50
    assert "save it as UTF-8" in notes[0]


def test_everything_stays_text(write):
    frame, _ = read(write("t.csv", "id,flag,code\n0001,TRUE,01110\n0002,NA,1e5\n0003,,NULL\n"))
    assert frame.to_numpy().tolist() == [
        ["0001", "TRUE", "01110"],
        ["0002", "NA", "1e5"],
        ["0003", "", "NULL"],
    ]


def test_fields_may_hold_delimiters_quotes_and_line_breaks(write):
    frame, _ = read(write("t.csv", 'id,name\n1,"A, ""B""\nCo"\n2,C\n'))
    assert frame["name"].tolist() == ['A, "B"\nCo', "C"]


def test_a_line_without_an_end_is_a_row(write):
    assert len(read(write("t.csv", 'id,name\n1,"a"\n2,b'))[0]) == 2


def test_empty_column_names_get_a_name_and_blanks_go(write):
    frame, _ = read(write("t.csv", ", name \n1,a\n"))
    assert list(frame.columns) == ["column_1", "name"]


def test_ragged_rows_are_refused_with_line_numbers(write):
    with pytest.raises(InputError, match="CM-FILE-006") as caught:
        read(write("t.csv", "id,name\n1,a\n2,b,c\n3\n4,d\n"))
    assert "2 rows" in str(caught.value)
    assert "line 3 (3 of 2 fields)" in str(caught.value)
    assert "line 4 (1 of 2 fields)" in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        'id,name\n1,"a\n2,b\n3,c\n',  # open to the end of the file
        'id,name\n1,"a\n2,b\n3,"c"\n4,d\n',  # closed by the next quoted field, which swallows rows
        'id,name\n0,z\n1,"a\n2,b\n3,c",\n',
    ],
)
def test_a_quote_left_open_never_swallows_rows(write, broken):
    with pytest.raises(InputError, match="CM-FILE-006") as caught:
        read(write("t.csv", broken))
    assert "line " in str(caught.value)


def test_a_quote_left_open_names_its_line(write):
    with pytest.raises(InputError, match="opened in line 3 "):
        read(write("t.csv", 'id,name\n1,a\n2,"b\n3,c\n4,d\n'))


def test_nul_bytes_are_refused(write):
    with pytest.raises(InputError, match=r"CM-FILE-007.*line 2"):
        read(write("t.csv", b"id,name\n1,a\x00b\n"))


def test_a_header_alone_and_double_names_are_refused(write):
    with pytest.raises(InputError, match="CM-FILE-003"):
        read(write("t.csv", "id,name\n"))
    with pytest.raises(InputError, match="CM-FILE-008"):
        read(write("t.csv", "id,name,id\n1,a,2\n"))


def test_only_wanted_columns_are_read(write):
    frame, _ = read_text_table(open_source(write("t.csv", "a,b\n1,2\n")), wanted=lambda c: c == "b")
    assert list(frame.columns) == ["b"]


def test_a_large_file_is_read_in_blocks(write):
    n = 300_000
    lines = "\n".join(f'{i:07d},"Firm, {i} Ltd",51.7,-1.2' for i in range(n))
    path = write("t.csv", f"id,name,lat,lon\n{lines}\n")
    assert path.stat().st_size > 1 << 23
    firms = read_firms(path)
    assert len(firms) == n
    assert firms.frame["name"].iloc[-1] == f"Firm, {n - 1} Ltd"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2]), ["1", "2"]),
        (pd.Series([1.0, None, 2.5]), ["1", "", "2.5"]),
        (pd.Series(["a ", None, float("nan"), pd.NaT, 3], dtype=object), ["a", "", "", "", "3"]),
        (pd.Series([True, False]), ["True", "False"]),
        (pd.Series(pd.Categorical(["x", None])), ["x", ""]),
        (pd.Series([1, None], dtype="Int64"), ["1", ""]),
        (pd.Series([None, "a"], dtype="string"), ["", "a"]),
    ],
)
def test_cells_as_text(column, expected):
    assert text(column).tolist() == expected


def test_cells_as_numbers():
    values, flags = numbers(pd.Series(["1.5", "ten", "c", "1,000"]))
    assert np.array_equal(values, [1.5, np.nan, np.nan, 1000], equal_nan=True)
    assert flags["not a number"].tolist() == [False, True, False, False]
    assert flags["suppressed"].tolist() == [False, False, True, False]
    assert flags["separators removed"].tolist() == [False, False, False, True]


def test_dates_stay_dates():
    column = pd.Series(pd.to_datetime(["2001-02-03"]))
    assert dates(column) is column


def test_text_in_no_encoding_is_refused(write):
    broken = b"id,name\n" + bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b"") * 3 + b"\x81\x8d\n"
    with pytest.raises(InputError, match=r"CM-FILE-00[67]"):
        read(write("t.csv", broken))
    with pytest.raises(InputError, match="CM-FILE-007"):
        read(write("t.csv", b"\xff\xfea"))  # half a character of UTF-16


def test_a_large_file_of_eight_bits_is_decoded_whole(write):
    lines = "\n".join(f"{i},Zoë" for i in range(600_000))
    path = write("t.csv", f"id,name\n{lines}\n", encoding="cp1252")
    frame, notes = read(path)
    assert frame["name"].unique().tolist() == ["Zoë"]
    assert "cp1252" in notes[0]


def test_quoted_line_breaks_far_apart_are_fields(write):
    frame, _ = read(write("t.csv", 'id,name\n1,"a\nb"\n2,"c\r\nd"\n'))
    assert frame["name"].tolist() == ["a\nb", "c\r\nd"]
