"""The command line: every command in this process, and once in its own as a person runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from clustermap import datasets
from clustermap.cli import main
from clustermap.errors import NetworkError, OptionError, StorageError
from clustermap.study import OUTPUTS
from clustermap.study.declaration import demo_path


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command line in this process and give its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["clustermap", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, left.value.code, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    done = subprocess.run(
        [sys.executable, "-m", "clustermap", "demo", "--out", "hvm"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_demo_prints_five_sentences_and_where_the_files_are(finished):
    folder, said = finished
    text = " ".join(said.split())
    for start in ("Counted:", "Found:", "Crossed:", "How sure:", "A line?"):
        assert start in text
    for name in ("map.html", "clusters.gpkg", "areas.csv", "crossing.csv", "report.md", "manifest.json"):
        assert f"hvm/{name}" in text
        assert (folder / "hvm" / name).stat().st_size


def test_the_map_can_be_drawn_again_with_another_title(finished, command):
    folder, _ = finished
    done = command("map", folder / "hvm", "-o", "hub.html", "--title", "Our <b>hub</b>")
    assert done.returncode == 0, done.stderr


def test_a_new_study_can_be_checked_and_is_not_overwritten(command, tmp_path):
    assert command("new", "mine.toml").returncode == 0
    checked = command("check", "mine.toml", "--json")
    assert checked.returncode == 0, checked.stderr
    ledger = json.loads(checked.stdout)["firms"]
    assert ledger["n_in"] == ledger["accepted"] + ledger["repaired"] + ledger["set_aside"] > 0
    again = command("new", "mine.toml")
    assert again.returncode == 2
    assert "CM-CLI-001" in again.stderr


def test_check_in_words_accounts_for_every_row(command):
    done = command("check", demo_path())
    assert done.returncode == 0
    assert "rows came in" in done.stdout


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("lq", {"area", "lq", "lower", "upper", "p", "q"}),
        ("autocorrelation", {"area", "statistic", "p", "label"}),
        ("clusters", {"cluster", "relative_risk", "p"}),
        ("crossing", {"cluster", "authority", "share"}),
    ],
)
def test_json_is_for_machines(command, name, columns):
    done = command(name, demo_path(), "--json")
    assert done.returncode == 0, done.stderr
    assert columns <= set(json.loads(done.stdout)[0])


def test_words_are_for_people(command):
    done = command("crossing", demo_path(), "--of", "Oxfordshire")
    assert done.returncode == 0, done.stderr
    assert "Oxfordshire" in done.stdout


def test_an_unknown_authority_names_the_nearest(command):
    done = command("crossing", demo_path(), "--of", "Oxfordshyre")
    assert done.returncode in {2, 3}
    assert "Oxfordshire" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("run", "none.toml"), 3, "CM-STUDY-001"),
        (("fly",), 2, "No such command"),
        (("lq",), 2, "Missing argument"),
        (("map", "."), 3, "CM-STUDY-006"),
    ],
)
def test_exit_codes_tell_usage_from_data(command, arguments, code, says):
    done = command(*arguments)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_run_as_json_lists_files_and_sentences(command):
    done = command("run", demo_path(), "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said["sentences"]) == 5
    assert said["seed"] == 7


def test_a_bug_is_called_a_bug_and_leaves_with_one(command, monkeypatch):
    def broken():
        raise RuntimeError("boom")

    monkeypatch.setattr(datasets, "available", broken)
    done = command("doctor")
    assert done.returncode == 1
    assert "fault of clustermap" in done.stderr


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (NetworkError("CM-NET-001", "the publisher does not answer"), 4),
        (StorageError("CM-STORE-001", "the disk is full"), 3),
        (OptionError("CM-STAT-021", "unknown null"), 2),
    ],
)
def test_exit_codes_follow_the_kind_of_error(command, monkeypatch, raised, code):
    def stopped():
        raise raised

    monkeypatch.setattr(datasets, "available", stopped)
    assert command("doctor").returncode == code


def test_a_process_without_memory_is_no_bug(command, monkeypatch):
    def full():
        raise MemoryError

    monkeypatch.setattr(datasets, "available", full)
    done = command("doctor")
    assert done.returncode == 3
    assert "CM-CLI-002" in done.stderr
    assert "Mend it: " in done.stderr


@pytest.mark.parametrize("name", ["lq", "autocorrelation", "clusters"])
def test_tables_in_words_show_the_first_rows_and_say_how_many_more(command, name):
    done = command(name, demo_path())
    assert done.returncode == 0, done.stderr
    assert ("more rows" in done.stdout) == (name != "clusters")


def test_doctor_finds_the_data_and_the_kernels(command):
    said = json.loads(command("doctor", "--json").stdout)
    assert "firms" in said["embedded sets"]
    assert said["assets"] == "yes"
    assert command("doctor").returncode == 0


@pytest.mark.parametrize("pause", [0.0, 0.7, 1.5])
def test_an_interrupted_run_leaves_130_and_no_half_folder(tmp_path, pause):
    process = subprocess.Popen(
        [sys.executable, "-m", "clustermap", "demo", "--out", "hvm"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    lock = tmp_path / ".clustermap-lock-hvm"  # it appears when the run begins
    for _ in range(600):
        if lock.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(pause)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode in {130, 0}
    assert (b"Interrupted; nothing half-written" in said) == (process.returncode == 130)
    whole = [name for name in OUTPUTS if (tmp_path / "hvm" / name).exists()]
    assert whole in ([], list(OUTPUTS))
    assert not [p for p in tmp_path.iterdir() if "partial" in p.name]
