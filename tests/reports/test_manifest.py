from __future__ import annotations

import datetime as dt
import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clustermap
from clustermap.errors import StorageError
from clustermap.reports import input_record, manifest, manifest_text
from clustermap.storage import file_hash


def text(**parts):
    defaults = {"study": {}, "inputs": [], "parameters": {}, "ledgers": {}, "warnings": [], "outputs": {}}
    return manifest_text(**{**defaults, **parts})


def test_versions_of_everything_that_computes_are_named():
    said = json.loads(text())
    assert said["clustermap"] == clustermap.__version__
    assert said["libraries"]["numpy"] == np.__version__
    assert {"GDAL", "GEOS", "PROJ", "numba", "shapely", "esda"} <= set(said["libraries"])
    assert all(v and v[0].isdigit() for v in said["libraries"].values())


def test_a_library_that_is_not_here_is_null(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(manifest, "version", absent)
    assert json.loads(text())["libraries"]["numba"] is None


def test_the_order_of_keys_and_sets_changes_nothing():
    one = text(parameters={"b": {"x", "y", "z"}, "a": 1}, outputs={"m": "1", "k": "2"})
    two = text(parameters={"a": 1, "b": {"z", "y", "x"}}, outputs={"k": "2", "m": "1"})
    assert one == two
    assert one.endswith("}\n")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.1), 0.1), (np.int64(3), 3), (np.bool_(1), True), (float("nan"), None), (float("inf"), None),
        (np.array([1.0, np.nan]), [1.0, None]), ((1, "a"), [1, "a"]), (frozenset({2, 1}), [1, 2]),
        (pd.Series([1], index=["E06"]), {"E06": 1}), (pd.Index(["a"]), ["a"]), (pd.NaT, None),
        (pd.Timestamp("2024-02-29"), "2024-02-29T00:00:00"), (dt.date(2024, 2, 29), "2024-02-29"),
        (Path("/srv/somebody/firms.csv"), "firms.csv"), (None, None), (True, True), ("Ynys Môn", "Ynys Môn"),
        ("\ud800", "\\ud800"), ({1: {"a": np.float32(0.5)}}, {"1": {"a": 0.5}}), (object(), "object"), (1j, "1j"),
    ],
)  # fmt: skip
def test_each_kind_of_value_becomes_plain_json(value, plain):
    written = text(parameters={"p": value})
    assert json.loads(written)["parameters"]["p"] == plain
    written.encode("utf-8")


def test_no_folder_of_anybody_stands_in_it():
    study = {
        "inputs": {
            "root": {"env": "DATA", "default": "/srv/somebody/data"},
            "firms": {"source": "C:\\Users\\somebody\\firms.csv", "crs": "EPSG:27700"},
            "areas": {"source": "data/areas.gpkg", "keep": ["/srv/somebody/keep.txt", "E"]},
        }
    }
    written = text(study=study)
    assert "somebody" not in written
    inputs = json.loads(written)["study"]["inputs"]
    assert inputs["firms"] == {"source": "firms.csv", "crs": "EPSG:27700"}
    assert inputs["areas"] == {"source": "data/areas.gpkg", "keep": ["keep.txt", "E"]}
    assert inputs["root"] == {"env": "DATA", "default": "data"}


def test_no_date_stands_in_it():
    assert str(dt.datetime.now(dt.UTC).date()) not in text()


def test_an_input_is_named_by_its_bytes(tmp_path):
    (tmp_path / "firms.csv").write_bytes(b"abc")
    assert input_record("firms", tmp_path / "firms.csv") == {
        "role": "firms",
        "name": "firms.csv",
        "bytes": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }


def test_all_files_of_a_shapefile_count(tmp_path):
    for name in ("a.shp", "a.dbf", "a.prj", "b.dbf"):
        (tmp_path / name).write_text(name)
    assert input_record("areas", tmp_path / "a.shp")["parts"] == {
        name: file_hash(tmp_path / name) for name in ("a.dbf", "a.prj")
    }


def test_an_input_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(StorageError, match=r"CM-STORE-004.*gone\.csv"):
        input_record("firms", tmp_path / "gone.csv")
