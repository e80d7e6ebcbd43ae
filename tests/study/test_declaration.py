from __future__ import annotations

import pytest

from clustermap.errors import InputError, OptionError
from clustermap.study import Study, analyse
from clustermap.study.declaration import demo_path, template


def test_a_minimal_study_has_a_seed_and_a_name(written, minimal):
    study = Study.from_toml(written(minimal))
    assert (study.name, study.seed, study.sector) == ("study", 7, None)


def test_the_template_is_a_study_that_can_be_read(written):
    assert Study.from_toml(written(template())).options["detection"]["minimum_lq"] == 1.25


@pytest.mark.parametrize(
    ("extra", "near"),
    [
        ("[detection]\nminimumlq = 2", "minimum_lq"),
        ("[detecton]\nminimum_lq = 2", "detection"),
        ("[study]\ntitel = 'x'", "title"),
    ],
)
def test_a_misspelt_setting_is_an_error_that_names_the_nearest(written, extra, near, minimal):
    with pytest.raises(OptionError, match="CM-STUDY-002") as error:
        Study.from_toml(written(minimal + extra))
    assert near in error.value.fix


def test_missing_inputs_are_all_named_at_once(written):
    with pytest.raises(InputError, match="CM-STUDY-003") as error:
        Study.from_toml(written("[study]\ntitle = 'x'"))
    for part in ("[inputs.areas]", "[inputs.firms]", "[inputs.authorities]", "[tabulate]"):
        assert part in error.value.what


def test_firms_and_a_table_at_once_are_refused(written, minimal):
    both = minimal + "[inputs.table]\nsource = 't.csv'\narea='a'\nsector='s'\nvalue='v'\n"
    with pytest.raises(InputError, match="CM-STUDY-003"):
        Study.from_toml(written(both))


@pytest.mark.parametrize("text", ["[study\n", "\x00"])
def test_what_is_not_toml_is_said_to_be_none(written, text):
    with pytest.raises(InputError, match="CM-STUDY-001"):
        Study.from_toml(written(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="CM-STUDY-001"):
        Study.from_toml(tmp_path / "none.toml")


def test_an_input_that_is_not_there_is_named(written, minimal):
    study = Study.from_toml(written(minimal.replace("embedded:firms", "gone.csv")))
    with pytest.raises(InputError, match="CM-STUDY-004"):
        study.argument("firms")


def test_an_input_without_a_source_is_named(written, minimal):
    study = Study.from_toml(written(minimal.replace('source = "lad"', "vintage = 2022")))
    with pytest.raises(InputError, match="CM-STUDY-005"):
        study.argument("areas")


def test_the_root_may_come_from_a_variable(written, monkeypatch, tmp_path, minimal):
    text = "[inputs]\nroot = { env = 'CM_TEST_ROOT', default = 'here' }\n" + minimal
    assert Study.from_toml(written(text)).root.name == "here"
    monkeypatch.setenv("CM_TEST_ROOT", str(tmp_path / "there"))
    assert Study.from_toml(written(text)).root.name == "there"


def test_the_demo_study_says_what_it_is():
    study = Study.from_toml(demo_path())
    assert "hvm" in repr(study)
    assert "seed 7" in study.summary()


def test_a_scan_of_jobs_is_refused_before_anything_is_read(written, minimal):
    study = Study.from_toml(written(minimal + 'value = "employees"\n'))
    with pytest.raises(OptionError, match="CM-STUDY-009"):
        analyse(study)
