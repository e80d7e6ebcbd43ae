"""The scripts give what is committed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import geopandas as gpd
import pandas as pd
import pytest

pytestmark = pytest.mark.checkout


def load(path):
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contents(folder):
    """Return name and bytes of every file."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def run(script, folder):
    """Run the script in a fresh process, where hashes are salted anew."""
    subprocess.run([sys.executable, str(script), "--out", str(folder)], check=True)
    return contents(folder)


@pytest.fixture(scope="module")
def script(facts):
    return facts.parent / "make_boundaries.py"


def test_the_script_gives_the_committed_bytes(script, embedded, tmp_path):
    made = run(script, tmp_path / "a")
    now = json.loads(made["manifest.json"])["made_with"]
    then = json.loads((embedded / "manifest.json").read_text(encoding="utf-8"))["made_with"]
    if now == then:
        assert made == contents(embedded)
        return
    # Other library versions may order bytes otherwise: then twice the same, and the same areas to a square kilometre.
    assert run(script, tmp_path / "b") == made
    for file in embedded.glob("*.parquet"):
        old, new = gpd.read_parquet(file), gpd.read_parquet(tmp_path / "a" / file.name)
        assert old["code"].tolist() == new["code"].tolist()
        assert old.geometry.symmetric_difference(new.geometry).area.max() < 1e6


@pytest.mark.real
@pytest.mark.parametrize(
    "made", [("derive_facts", "districts.csv", "authorities.csv"), ("derive_points", "points.csv")]
)
def test_the_facts_are_what_the_published_files_give(real_data, facts, tmp_path, monkeypatch, made):
    monkeypatch.setenv("CLUSTERMAP_REAL_DATA", str(real_data))
    script, *files = made
    load(facts.parent / f"{script}.py").main(tmp_path)
    for file in files:
        assert (tmp_path / file).read_bytes() == (facts / file).read_bytes()


def test_hand_written_places_are_rounded_to_the_kilometre(facts):
    for name in ("points", "coast", "water", "towns"):
        table = pd.read_csv(facts / f"{name}.csv")
        assert (table[["easting", "northing"]] % 1_000 == 0).all(axis=None), name


def test_no_district_has_more_than_eight_points(facts):
    counts = pd.read_csv(facts / "points.csv").groupby("code").size()
    assert len(counts) == 309
    assert counts.max() == 8
    # The City of London holds four kilometre corners; every other district has its eight.
    assert counts[counts < 8].to_dict() == {"E09000001": 4}


def test_a_shape_cut_off_from_its_point_goes_to_the_longest_border(script):
    make = load(script)
    squares = make.shapely.box([0, 1, 2, 0, 9], [0, 0, 0, 1, 9], [1, 2, 3, 3, 10], [1, 1, 1, 2, 10])
    owner = make.np.array(["a", "", "b", "c", ""], dtype=object)
    kept, owners = make.adopt(squares, owner)
    # The second square touches a, b and c along one unit each: a tie goes to the first; the far one touches nobody.
    assert len(kept) == 4
    assert owners.tolist() == ["a", "a", "b", "c"]


def test_a_detached_part_is_adopted_by_its_neighbour(script):
    make = load(script)
    squares = make.shapely.box([0, 2, 5], [0, 0, 0], [2, 5, 6], [1, 1, 1])
    parts, owners = make.one_part_each(squares, make.np.array(["a", "b", "a"], dtype=object))
    assert owners.tolist() == ["a", "b"]
    assert make.shapely.area(parts).tolist() == [2, 4]
