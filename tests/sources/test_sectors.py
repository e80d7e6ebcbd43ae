"""Taxonomies: shipped, own, and faulty."""

from __future__ import annotations

import pandas as pd
import pytest

from clustermap.errors import InputError
from clustermap.sources import sectors
from clustermap.sources.sic import sections, valid_codes


def members(name):
    weights = sectors.load(name).weights_for(sorted(valid_codes()))["hvm"]
    return {code for code, weight in zip(sorted(valid_codes()), weights, strict=True) if weight}


def test_three_definitions_of_high_value_manufacturing_are_shipped_and_cited():
    names = ["hvm-high-technology", "hvm-high-and-medium-high", "hvm-with-metals"]
    assert set(names) <= set(sectors.available())
    for name in names:
        taxonomy = sectors.load(name)
        assert taxonomy.names == ["hvm"]
        assert "Eurostat" in taxonomy.source
        assert taxonomy.source in taxonomy.summary()
    assert sectors.load("hvm").name == "hvm-high-and-medium-high"
    assert "unconfirmed" in sectors.load("hvm-with-metals").status
    narrow, middle, wide = (members(name) for name in names)
    assert narrow < middle < wide


def test_three_definitions_are_published_as_they_stand_and_the_third_holds_basic_metals():
    names = ("hvm-high-technology", "hvm-high-and-medium-high", "hvm-medium-rd-intensity")
    assert [sectors.load(name).status for name in names] == ["published"] * 3
    narrow, middle, wide = (members(name) for name in names)
    assert narrow < middle < wide
    assert {code[:2] for code in wide - middle} == {"22", "23", "24", "30", "32", "33"}
    assert {code[:3] for code in wide - middle if code[:2] == "30"} == {"301"}
    assert {code[:3] for code in wide if code[:2] == "25"} == {"254"}


@pytest.mark.parametrize(
    ("code", "narrow", "middle", "wide"),
    [
        ("21100", 1, 1, 1), ("26110", 1, 1, 1), ("30300", 1, 1, 1), ("20110", 0, 1, 1), ("25400", 0, 1, 1),
        ("25620", 0, 0, 1), ("24100", 0, 0, 1), ("29100", 0, 1, 1), ("30110", 0, 0, 1), ("30200", 0, 1, 1),
        ("32500", 0, 1, 1), ("32990", 0, 0, 0), ("10110", 0, 0, 0), ("62012", 0, 0, 0), ("33160", 0, 0, 0),
    ],
)  # fmt: skip
def test_membership_follows_the_published_lists(code, narrow, middle, wide):
    names = ("hvm-high-technology", "hvm", "hvm-with-metals")
    assert [sectors.load(name)["hvm"].weight(code) for name in names] == [narrow, middle, wide]


def test_sections_and_divisions_hold_every_code_once():
    codes = sorted(valid_codes())
    for name, n in (("sic-sections", 21), ("sic-divisions", 88)):
        taxonomy = sectors.load(name)
        table = taxonomy.weights_for(codes)
        assert table.shape == (len(codes), n)
        assert (table.sum(axis=1) == 1).all()
    by_section = sectors.load("sic-sections").weights_for(codes).idxmax(axis=1).tolist()
    assert by_section == [sections()[code] for code in codes]


def test_an_own_definition_as_a_dict():
    taxonomy = sectors.load({"steel": ["24.1", "242"], "parts": {"include": "28", "weights": {"2811": 0.25}}})
    assert taxonomy.names == ["parts", "steel"]
    codes = pd.Series(["24100", "28110", "28120", None], index=list("wxyz"))
    table = taxonomy.weights_for(codes)
    assert table.index.tolist() == list("wxyz")
    assert table["steel"].tolist() == [1, 0, 0, 0]
    assert table["parts"].tolist() == [0, 0.25, 1, 0]
    assert taxonomy.labels == {"parts": "parts", "steel": "steel"}
    assert sectors.load(taxonomy) is taxonomy


def test_an_own_definition_as_a_file(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(
        'name = "space"\ntitle = "Space"\nsource = "our list"\n[sectors.space]\ninclude = ["30"]\n'
        'exclude = ["301"]\n[sectors.space.weights]\n"3030" = 0.5\n'
    )
    space = sectors.load(str(path))["space"]
    assert [space.weight(code) for code in ("30200", "30110", "30300", "26110")] == [1, 0, 0.5, 0]
    assert repr(sectors.load(path)) == "<Taxonomy space: space>"


def test_a_categorical_is_a_list_of_codes():
    assert sectors.load("hvm").weights_for(pd.Categorical(["26110", None]))["hvm"].tolist() == [1, 0]


def test_an_unknown_taxonomy_names_the_nearest():
    with pytest.raises(InputError, match="CM-SECTOR-001") as caught:
        sectors.load("hvm-with-metal")
    assert "nearest: hvm-with-metals" in str(caught.value)
    with pytest.raises(InputError, match="CM-SECTOR-001"):
        sectors.load("zzz")


def test_an_unknown_sector_names_the_known_ones():
    with pytest.raises(InputError, match="CM-SECTOR-002"):
        sectors.load("sic-sections")["Z"]


def test_all_faults_of_a_definition_are_told_at_once(tmp_path):
    faulty = {
        "a": ["34"],
        "b": {"include": ["24", "24"], "excludes": []},
        "c": {"include": ["26"], "weights": {"27": 2, "28": True}},
        "d": [26],
        "e": "x",
        "f": [],
    }
    with pytest.raises(InputError, match="CM-SECTOR-003") as caught:
        sectors.load(faulty)
    told = str(caught.value)
    for part in (
        "begins with '34'", "'24' stands twice", "unknown key 'excludes'", "weight 2 of '27'", "weight True",
        "prefix 26 is not text", "prefix 'x'", "f: nothing is included",
    ):  # fmt: skip
        assert part in told


@pytest.mark.parametrize(
    "content",
    ["not toml [", 'name = "x"', 'colour = "x"\n[sectors.a]\ninclude = ["26"]', "[sectors]\na = 3",
     'classification = "NAICS"\n[sectors.a]\ninclude = ["26"]'],
)  # fmt: skip
def test_faulty_files_are_refused(tmp_path, content):
    path = tmp_path / "t.toml"
    path.write_text(content)
    with pytest.raises(InputError, match="CM-SECTOR-003"):
        sectors.load(path)
    with pytest.raises(InputError, match="CM-SECTOR-003"):
        sectors.load(tmp_path / "none.toml")


def test_a_definition_is_shown_as_text():
    assert sectors.load({"<b>": ["26"]})._repr_html_().count("<b>") == 0
    assert repr(sectors.load("sic-sections")) == "<Taxonomy sic-sections: A, B, C, …>"
