"""Codes: what is taken, what is completed, what is left alone."""

from __future__ import annotations

import pandas as pd
import pytest

from clustermap.sources.sic import parse_codes, sections, valid_codes


def first(*cells):
    parsed = parse_codes([pd.Series(list(cells))])
    return [None if pd.isna(code) else code for code in parsed.first], parsed


def test_the_classification_is_complete():
    # 88 divisions, 272 groups, 615 classes, 191 sub-classes; padded with zeros many are one code
    codes = valid_codes()
    assert len({code[:2] for code in codes}) == 88
    assert len(codes) == 1014
    assert sorted(set(sections().values())) == list("ABCDEFGHIJKLMNOPQRSTU")
    assert {"26000", "26100", "26110", "01621"} <= codes


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("26110", "26110"),
        ("01110", "01110"),
        ("62012 - Business and domestic software development", "62012"),
        ("01110 - Growing of cereals (except rice), leguminous crops and oil seeds", "01110"),
        ("26.11", "26110"),
        ("30.3", "30300"),
        ("26.11/0", "26110"),
        ("01.62/1", "01621"),
        ("2611Z", "26110"),
        ("62.01Z", "62010"),
        ("2611", "26110"),
        ("261", "26100"),
        ("26", "26000"),
        ("26110.0", "26110"),
        ("1130", "01130"),  # a lost zero: 11.30 is in no classification
        ("1110", None),  # 01110, or 11.10 of SIC 2003
        ("6100", None),  # 06100, or 61.00
        ("610", None),  # 06.10, or group 61.0
        ("1", None),
        ("74990", None),
        ("99999", None),
        ("12345", None),
        ("7", None),
        ("01-Jan", None),
        ("None Supplied", None),
        ("steel", None),
        ("99.98", None),
        ("", None),
    ],
)
def test_one_cell(cell, code):
    assert first(cell)[0] == [code]


def test_a_list_gives_every_usable_code_once_and_in_order():
    parsed = parse_codes([pd.Series(["85200;1;85310; 85200", "26110, 28110", "62012 - A; 62020 - B"])])
    assert list(parsed.codes) == ["85200", "85310", "26110", "28110", "62012", "62020"]
    assert parsed.rows.tolist() == [0, 0, 1, 1, 2, 2]
    assert parsed.positions.tolist() == [1, 2, 1, 2, 1, 2]


def test_several_columns_keep_their_order():
    columns = [
        pd.Series(["None Supplied", "26110"]),
        pd.Series(["28110", "26110"]),
        pd.Series(["25620", None]),
    ]
    parsed = parse_codes(columns)
    assert list(parsed.codes) == ["28110", "25620", "26110"]
    assert list(parsed.first) == ["28110", "26110"]


def test_a_file_that_keeps_its_zeros_has_no_lost_ones():
    codes, _ = first("6100", "0610", "1110")
    assert codes == ["61000", "06100", None]  # 11.10 is no class of SIC 2007


def test_what_became_of_the_codes_is_counted():
    _, parsed = first("26110", "1;84110", "1", "99999", "6100", "1130", "2611", "x", None)
    assert parsed.note() == (
        "SIC codes: 2 usable as they are, 2 completed to five digits, 2 unusable (public-sector mark 1), "
        "1 unusable (99999 dormant), 1 unusable (ambiguous with 4 digits: a leading zero may be lost), "
        "1 unusable (not a code)."
    )
    assert parsed.repaired.tolist() == [False] * 5 + [True] * 2 + [False] * 2
    assert int((parsed.first.codes < 0).sum()) == 5


def test_no_code_at_all():
    parsed = parse_codes([pd.Series(["", ""])])
    assert len(parsed.rows) == 0
    assert parsed.first.codes.tolist() == [-1, -1]
