"""Lookups: official columns, second columns, shares that sum to one."""

from __future__ import annotations

import pandas as pd
import pytest

from clustermap.errors import InputError, OptionError
from clustermap.schema import LOOKUP_COLUMNS
from clustermap.sources import read_lookup


def test_official_columns():
    table = pd.DataFrame(
        {
            "LAD22CD": ["b", "a"],
            "LAD22NM": ["B", "A"],
            "LEP21CD": ["x", "y"],
            "LEP21NM": [" X ", "Y"],
            "ObjectId": [1, 2],
        }
    )
    lookup = read_lookup(table)
    assert list(lookup.frame.columns) == [*LOOKUP_COLUMNS]
    assert lookup.frame.to_numpy().tolist() == [["a", "y", "Y", 1.0], ["b", "x", "X", 1.0]]
    assert (lookup.kind, lookup.vintage, lookup.notes) == ("lep", 2021, ())
    assert lookup.names.to_dict() == {"x": "X", "y": "Y"}


def test_a_second_authority_beside_the_first_becomes_a_row(write):
    path = write(
        "l.csv", "LAD20CD,LAD20NM,LEP20CD1,LEP20NM1,LEP20CD2,LEP20NM2\na,A,x,X,y,Y\nb,B,x,X,,\nc,C,,,,\n"
    )
    lookup = read_lookup(path)
    assert lookup.frame[["area", "authority", "share"]].to_numpy().tolist() == [
        ["a", "x", 0.5], ["a", "y", 0.5], ["b", "x", 1.0],
    ]  # fmt: skip
    assert lookup.frame["name"].tolist() == ["X", "Y", "X"]
    assert lookup.notes == ("1 area lies in no authority: c.",)
    assert repr(lookup) == "<Lookup: 2 areas in 2 lep>"
    assert "1 lies in several" in lookup.summary()


def test_shares_are_divided_by_their_sum_and_said():
    table = pd.DataFrame({"area": ["a", "a", "b"], "authority": ["x", "y", "x"], "w": [0.98, 0.99, 0.97]})
    lookup = read_lookup(table, share="w")
    assert lookup.frame["share"].tolist() == pytest.approx([0.98 / 1.97, 0.99 / 1.97, 1.0])
    assert "2 areas do not sum to 1 (from 0.97 to 1.97)" in lookup.notes[0]
    assert read_lookup(table).frame["share"].tolist() == [0.5, 0.5, 1.0]
    fine = read_lookup(table.assign(w=[0.25, 0.75, 1]), share="w")
    assert fine.frame["share"].tolist() == [0.25, 0.75, 1.0]
    assert fine.notes == ()


def test_repeated_pairs_and_names_are_told():
    table = pd.DataFrame(
        {"area": ["a", "a", "b"], "authority": ["x", "x", "x"], "name": ["Tees", "Tees Valley", "Tees"]}
    )
    lookup = read_lookup(table)
    assert lookup.frame["share"].tolist() == [1.0, 1.0]
    assert set(lookup.frame["name"]) == {"Tees"}
    assert len(lookup.notes) == 2
    parts = pd.DataFrame({"area": ["a"] * 3, "authority": ["x", "x", "y"], "w": [0.25, 0.25, 0.5]})
    assert read_lookup(parts, share="w").frame["share"].tolist() == [0.5, 0.5]


def test_columns_can_be_given():
    table = pd.DataFrame({"place": ["a"], "body": ["x"], "title": ["X"]})
    lookup = read_lookup(table, area="place", authority="body", name="title")
    assert lookup.frame.to_numpy().tolist() == [["a", "x", "X", 1.0]]
    assert (lookup.kind, lookup.vintage) == ("authority", None)


@pytest.mark.parametrize(
    ("columns", "options", "error", "code"),
    [
        (["p", "q"], {}, InputError, "CM-LOOKUP-001"),
        (["LAD22CD", "q"], {}, InputError, "CM-LOOKUP-001"),
        (["area", "q"], {}, InputError, "CM-LOOKUP-001"),
        (["area", "authority"], {"share": "w"}, InputError, "CM-LOOKUP-001"),
        (["LAD11CD", "LAD21CD"], {}, OptionError, "CM-LOOKUP-004"),
        (["LAD22CD", "LEP21CD", "RGN22CD"], {}, OptionError, "CM-LOOKUP-004"),
    ],
)
def test_columns_that_are_lacking_or_ambiguous(columns, options, error, code):
    table = pd.DataFrame({column: ["a"] for column in columns})
    with pytest.raises(error, match=code):
        read_lookup(table, **options)


def test_ambiguous_columns_are_settled_by_naming_them():
    table = pd.DataFrame({"LAD22CD": ["a"], "LEP21CD": ["x"], "RGN22CD": ["r"]})
    assert read_lookup(table, authority="RGN22CD").kind == "region"
    old = pd.DataFrame({"LAD11CD": ["a"], "LAD21CD": ["b"]})
    assert read_lookup(old, area="LAD11CD", authority="LAD21CD").kind == "lad"


@pytest.mark.parametrize("shares", [["x", 1], [-1, 1], [float("nan"), 1], [0, 1]])
def test_shares_that_are_none_are_refused(shares):
    table = pd.DataFrame({"area": ["a", "b"], "authority": ["x", "x"], "w": shares})
    with pytest.raises(InputError, match="CM-LOOKUP-002"):
        read_lookup(table, share="w")


def test_no_pair_at_all():
    with pytest.raises(InputError, match="CM-LOOKUP-003"):
        read_lookup(pd.DataFrame({"area": ["a"], "authority": [""]}))


@pytest.mark.parametrize(
    ("name", "areas", "authorities", "several"),
    [
        ("lep_2017", 309, 38, 33),
        ("lep_2021", 309, 38, 7),
        ("mca_2022", 53, 10, 0),
        ("region_2022", 309, 9, 0),
    ],
)
def test_embedded_memberships(name, areas, authorities, several):
    lookup = read_lookup(name)
    assert lookup.frame["area"].nunique() == areas
    assert lookup.frame["authority"].nunique() == authorities
    assert int((lookup.frame["area"].value_counts() > 1).sum()) == several
    assert lookup.frame.groupby("area")["share"].sum().to_numpy() == pytest.approx(1)
    assert (lookup.kind, lookup.vintage) == (name[:-5], int(name[-4:]))
    assert "unconfirmed" in lookup.summary() or name != "lep_2017"


def test_an_unknown_embedded_membership():
    with pytest.raises(InputError, match="CM-DATA-002"):
        read_lookup("lep_1999")
    with pytest.raises(InputError, match="CM-LOOKUP-003"):
        read_lookup("lad_2022")
