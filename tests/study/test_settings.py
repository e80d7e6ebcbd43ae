"""Values of the wrong kind in a study file are refused before anything is read, all at once."""

from __future__ import annotations

import pytest

from clustermap import run_study
from clustermap.cli import main
from clustermap.errors import InputError, OptionError
from clustermap.study import Study, measure, recorded_study
from clustermap.study.analysis import read_inputs


@pytest.fixture
def study(written):
    """Read a study from its text."""
    return lambda text: Study.from_toml(written(text))


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ('[study]\nseed = "abc"', "[study] seed is a text ('abc'), not a whole number"),
        ("[study]\nseed = true", "seed is true or false"),
        (
            '[detection]\npermutations = "lots"',
            "[detection] permutations is a text ('lots'), not a whole number",
        ),
        ('[detection]\nminimum_lq = "1.25"', "not a number"),
        ('[weights]\nsnap_m = "far"', "[weights] snap_m"),
        ("[moran]\nalpha = [0.05]", "[moran] alpha is a list"),
        ('[line]\nmembers = "E37000006"', "[line] members is a text"),
        ("[map]\nfirms = 1979-05-27", "[map] firms is a date or time"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_the_kind_that_is_wanted(study, extra, says, minimal):
    with pytest.raises(OptionError, match="CM-STUDY-007") as error:
        study(minimal + extra)
    assert says in error.value.what


def test_all_wrong_values_are_named_at_once(study, minimal):
    with pytest.raises(OptionError, match="3 settings") as error:
        study(minimal.replace("vintage = 2017", "keep = 5") + '[study]\nseed = 1.5\n[moran]\nalpha = "x"')
    for part in ("[study] seed", "[inputs.authorities] keep", "[moran] alpha"):
        assert part in error.value.what


@pytest.mark.parametrize("text", ['inputs = "x"', 'study = "x"', 'inputs = {firms = "x"}'])
def test_a_section_that_is_no_table_is_said_to_be_none(study, text):
    with pytest.raises(OptionError, match=r"CM-STUDY-007[\s\S]*a text"):
        study(text)


@pytest.mark.parametrize(
    "extra", ["[detection]\nminimum_lq = 2", "[weights]\nsnap_m = 1.5", "[moran]\nalpha = 0.1"]
)
def test_whole_numbers_are_numbers(study, extra, minimal):
    study(minimal + extra)


def test_a_member_of_another_vintage_is_found_before_anything_is_computed(study, minimal):
    with pytest.raises(InputError, match="CM-LINE-002"):
        read_inputs(study(minimal + '[line]\nmembers = ["E37000006", "E37099999"]'))


def test_jobs_have_quotients_though_they_cannot_be_scanned(study, minimal):
    declared = study(minimal.replace("sectors =", 'value = "employees"\nsectors ='))
    frame = measure(declared).frame
    assert frame["lq"].notna().all()
    assert (frame["status"] == "needs firm-level data").all()


def test_a_study_can_be_run_into_the_folder_it_is_called_from(study, tmp_path, monkeypatch, minimal):
    declared = study(minimal + "[detection]\npermutations = 19\n[line]\npermutations = 19")
    for _ in range(2):
        here = tmp_path / "here"
        here.mkdir(exist_ok=True)
        monkeypatch.chdir(here)
        assert run_study(declared, ".").files["map.html"] == here / "map.html"
    assert (here / "map.html").stat().st_size


def test_check_finds_a_sector_that_is_not_there(study, tmp_path, monkeypatch, capsys, minimal):
    study(minimal + '[study]\nsector = "zzz"')
    monkeypatch.setattr("sys.argv", ["clustermap", "check", str(tmp_path / "study.toml")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "CM-SECTOR-001" in capsys.readouterr().err


@pytest.mark.parametrize("row", ['"E06000001"', '["E06000001"]', "[1, 2]"])
def test_a_row_that_is_no_pair_is_named(study, tmp_path, row, minimal):
    (tmp_path / "lookup.csv").write_text("LAD22CD,LEP21CD\nE06000001,E37000034\n", encoding="utf-8")
    declared = study(minimal + f'[inputs.lookup]\nsource = "lookup.csv"\nalso = [{row}]')
    with pytest.raises(OptionError, match=r"CM-STUDY-007[\s\S]*1 of 1 row"):
        read_inputs(declared)


def test_a_taxonomy_file_is_looked_for_beside_the_study(study, tmp_path, minimal):
    text = minimal.replace('sectors = "hvm"', 'sectors = "mine.toml"')
    with pytest.raises(InputError, match="CM-STUDY-004"):
        study(text).tabulation()
    (tmp_path / "mine.toml").touch()
    assert study(text).tabulation()["sectors"] == tmp_path / "mine.toml"


def test_a_map_is_not_drawn_from_other_inputs_than_the_run(study, tmp_path, minimal):
    firms = tmp_path / "firms.csv"
    rows = "".join(f"{i},{28 if i % 3 else 47}110,{52 + i / 1000},{-1.5 - i % 7 / 100}\n" for i in range(400))
    firms.write_text("firm_id,sic,lat,lon\n" + rows, encoding="utf-8")
    text = minimal.replace("embedded:firms", "firms.csv") + "[detection]\npermutations = 19\n"
    run_study(study(text), tmp_path / "out")
    assert recorded_study(tmp_path / "out").seed == 7
    study(text + "[study]\nseed = 8\n")
    with pytest.raises(InputError, match=r"CM-STUDY-008[\s\S]*study.toml"):
        recorded_study(tmp_path / "out")
    study(text)
    firms.write_text(
        "firm_id,sic,lat,lon\n" + rows[: len(rows) // 2].rsplit("\n", 1)[0] + "\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"CM-STUDY-008[\s\S]*firms.csv"):
        recorded_study(tmp_path / "out")
