"""Postcodes: directories old and new, typing errors, the coarse fallback."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clustermap.errors import InputError
from clustermap.sources import Postcodes, read_postcodes

OLD = pd.DataFrame(
    {
        "PCD": ["OX1 1AA", "OX1 1AB", "CV1 2WT", "GU519ZZ"],
        "pcds": ["OX1 1AA", "OX1 1AB", "CV1 2WT", "GU51 9ZZ"],
        "doterm": ["", "201001", "", ""],
        "oseast1m": ["451200", "451300", "433500", ""],
        "osnrth1m": ["0206100", "0206200", "0279000", ""],
        "osgrdind": ["1", "1", "8", "9"],
    }
)


def places(directory, *codes):
    found = read_postcodes(directory).match(list(codes))
    return found["quality"].tolist(), found["reason"].tolist()


def test_new_column_names(directory):
    postcodes = read_postcodes(directory)
    assert len(postcodes) == 6
    assert places(directory, "OX1 1AA") == (["postcode"], [""])
    assert postcodes.match(["OX1 1AA"])[["lon", "lat"]].to_numpy().tolist() == [[-1.26, 51.75]]


def test_old_column_names_with_grid_references_give_the_same_places():
    found = read_postcodes(OLD).match(["OX1 1AA"])
    assert found["lon"][0] == pytest.approx(-1.2597, abs=0.001)
    assert found["lat"][0] == pytest.approx(51.7511, abs=0.001)
    assert places(OLD, "OX1 1AB", "CV1 2WT", "GU51 9ZZ") == (
        ["postcode, terminated", "postcode, coarse", ""],
        ["", "", "postcode without a grid reference"],
    )


def test_a_northern_irish_grid_reference_is_on_the_irish_grid():
    table = pd.DataFrame({"pcds": ["BT1 5GS"], "oseast1m": [333_800], "osnrth1m": [374_000]})
    postcodes = read_postcodes(table)
    found = postcodes.match(["BT1 5GS"])
    assert (found["lon"][0], found["lat"][0]) == (
        pytest.approx(-5.93, abs=0.01),
        pytest.approx(54.597, abs=0.01),
    )
    assert any("Irish grid" in note for note in postcodes.notes)
    assert any("licence terms" in note for note in postcodes.notes)


@pytest.mark.parametrize("typed", ["OX1 1AA", "ox11aa", " OX1  1AA ", "OX1-1AA", "oX1 1Aa"])
def test_case_and_blanks_do_not_matter(directory, typed):
    assert places(directory, typed)[0] == ["postcode"]


@pytest.mark.parametrize("typed", ["KT16 OPZ", "P033 3FE", "0X1 1AA", "OXI 1AA", "OX1 IAA", "OX1 LAA"])
def test_typing_errors_are_mended_and_flagged(directory, typed):
    assert places(directory, typed)[0] == ["postcode, repaired"]


def test_an_ambiguous_typing_error_is_left_alone():
    table = pd.DataFrame({"postcode": ["B10 1AA", "BI0 1AA"], "lat": [52.4, 52.5], "lon": [-1.8, -1.9]})
    assert places(table, "BIO 1AA")[0] == [""]


def test_what_cannot_be_placed_says_why(directory):
    quality, reason = places(
        directory, "", "ZZ99 9ZZ", "JE2 3AB", "IM1 1AA", "75008", "OX1", "OX1 9ZZ", "GU51 9ZZ"
    )
    assert reason == [
        "no postcode", "postcode not in the directory",
        "postcode of the Channel Islands or the Isle of Man",
        "postcode of the Channel Islands or the Isle of Man", "not a postcode", "", "",
        "postcode without a grid reference",
    ]  # fmt: skip
    assert quality[5:7] == ["outward code", "outward code"]


def test_outward_codes_are_the_mean_of_their_units(directory):
    found = read_postcodes(directory).match(["OX1"])
    assert found["lon"][0] == pytest.approx((-1.26 - 1.25) / 2)
    assert found["lat"][0] == pytest.approx((51.75 + 51.76) / 2)


def test_a_table_of_outward_codes_is_the_coarse_fallback():
    table = pd.DataFrame({"outcode": ["OX1", "CV1", ""], "lat": [51.75, 52.4, 50], "lon": [-1.26, -1.5, 0]})
    postcodes = read_postcodes(table)
    assert len(postcodes) == 0
    assert places(table, "OX1 1AA", "cv1", "B1 1AA")[0] == ["outward code", "outward code", ""]
    assert "kilometres wide" in postcodes.summary()


def test_the_old_form_of_newport():
    table = pd.DataFrame({"postcode": ["NPT 1AA", "NP1 1AB"], "lat": [51.6, 51.7], "lon": [-3.0, -3.1]})
    assert places(table, "NPT1AA", "NPT 9ZZ") == (["postcode", "outward code"], ["", ""])


def test_of_a_live_and_a_terminated_entry_the_live_one_counts():
    table = pd.DataFrame(
        {"pcds": ["OX1 1AA"] * 2, "doterm": ["199901", ""], "lat": [50.0, 51.75], "long": [0.0, -1.26]}
    )
    assert places(table, "OX1 1AA")[0] == ["postcode"]
    assert len(read_postcodes(table)) == 1


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_files(tmp_path, directory, name):
    path = tmp_path / name
    extra = directory.assign(unused="x")
    extra.to_csv(path, index=False) if name.endswith("csv") else extra.to_parquet(path)
    postcodes = read_postcodes(path)
    assert len(postcodes) == 6
    assert repr(postcodes) == "<Postcodes: 6 units, 5 outward codes>"
    assert "1 postcode has no grid reference" in postcodes._repr_html_()
    assert read_postcodes(postcodes) is postcodes


def test_the_order_of_the_directory_does_not_matter(directory):
    one, two = read_postcodes(directory), read_postcodes(directory.iloc[::-1])
    for field in ("keys", "lon", "lat", "terminated", "outward_keys", "outward_lon"):
        assert np.array_equal(getattr(one, field), getattr(two, field))


def test_a_table_without_what_is_needed_is_refused(tmp_path, directory):
    for table in (directory[["pcds", "doterm"]], directory[["lat", "long"]]):
        with pytest.raises(InputError, match="CM-POSTCODE-001"):
            read_postcodes(table)
    path = tmp_path / "p.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputError, match="CM-POSTCODE-001"):
        read_postcodes(path)


def test_many_are_matched_at_once(directory):
    postcodes = read_postcodes(directory)
    assert isinstance(postcodes, Postcodes)
    many = np.array(["OX1 1AA", "KT16 OPZ", None, "CV1 2WT"] * 50_000, dtype=object)
    found = postcodes.match(many)
    assert len(found) == len(many)
    assert found["quality"].value_counts().to_dict() == {
        "postcode": 50_000,
        "postcode, repaired": 50_000,
        "postcode, coarse": 50_000,
        "": 50_000,
    }
