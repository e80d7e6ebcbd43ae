"""An installation that may not be written: kernels and embedded data work all the same."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

import clustermap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="permissions of Linux")

WORK = """
import os
from clustermap import compiled, errors
from pathlib import Path
try:
    (Path(errors.__file__).parent / "written").write_text("")
    raise SystemExit("the copy can be written")
except PermissionError:
    pass
import numpy as np
from clustermap.kernel_for_test import total
print(total(np.arange(5.0)))
"""


@pytest.mark.parametrize("variables", [{}, {"NUMBA_CACHE_DIR": "{copy}/cache"}], ids=["default", "named"])
def test_kernels_work_where_no_cache_can_be_written(variables, python, tmp_path):
    copy, home = tmp_path / "copy", tmp_path / "home"
    home.mkdir()
    package = copy / "clustermap"
    package.mkdir(parents=True)
    for name in ("__init__.py", "compiled.py", "errors.py"):
        shutil.copy(Path(clustermap.__file__).parent / name, package / name)
    (package / "kernel_for_test.py").write_text(
        "from clustermap.compiled import compiled\n@compiled()\ndef total(a):\n    return a.sum()\n"
    )
    for folder in (package, copy, home):
        folder.chmod(0o555)
    try:
        done = python(
            WORK,
            obedient=True,
            cwd=home,
            env={
                "PYTHONPATH": str(copy), "HOME": str(home), "XDG_CACHE_HOME": str(home / "none"),
                **{k: v.format(copy=copy) for k, v in variables.items()},
            },
        )  # fmt: skip
    finally:
        for folder in (package, copy, home):
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "10.0"
    assert not list(tmp_path.rglob("*.nbi"))


LOCK = """
import sys
from clustermap import errors, storage
try:
    with storage.locked(sys.argv[1] + "/out"):
        pass
except errors.StorageError as error:
    print(error.code)
"""


def test_a_place_that_cannot_be_written_is_not_another_run(python, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    try:
        done = python(LOCK.replace("sys.argv[1]", repr(str(closed))), obedient=True)
    finally:
        closed.chmod(0o755)
    assert done.stdout.strip() == "CM-STORE-001", done.stderr


COMMAND = """
import json, sys
from clustermap.cli import main
command, places = json.loads(sys.argv[1])
for place in places:
    sys.argv = ["clustermap", *command, place]
    print(f"== {place} ==", file=sys.stderr)
    try:
        main()
    except SystemExit as left:
        print(left.code)
"""
STUDY = Path(clustermap.__file__).parent / "_assets" / "studies" / "hvm.toml"
COMMANDS = {
    "demo": ["demo", "--out"],
    "run": ["run", str(STUDY), "--out"],
    "map": ["map", ".", "--out"],
    "new": ["new"],
}
HINDRANCES = {
    "closed/out": "closed may not be written to",
    "closed/new/out": "closed may not be written to",
    "mine.txt/out": "mine.txt on the way to it is no folder",
    "mine.txt": "mine.txt is there",  # the last: a page alone may take the place of a file
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_writes_says_what_is_wrong_with_the_place(command, python, tmp_path):
    (tmp_path / "closed").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "closed").chmod(0o555)
    places = list(HINDRANCES)[: 3 if command == "map" else 4]
    try:
        done = python(COMMAND, json.dumps([COMMANDS[command], places]), obedient=True, cwd=tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    told = done.stderr.split("== ")[1:]
    assert done.stdout.split() == ["3", "3", "3", *(["2"] if command == "new" else ["3"])][: len(places)]
    for place, said in zip(places, told, strict=True):
        assert said.startswith(place)
        assert HINDRANCES[place] in said
        assert "Mend it: " in said
        assert "another run" not in said
        assert "Traceback" not in said
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["closed", "mine.txt"]
