"""Whatever stops a writer, and wherever: the complete old result or the complete new one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and mounts of Linux")

COMMON = """
import errno, json, os, random, resource, signal, sys, time
from pathlib import Path
from clustermap import storage
from clustermap.errors import StorageError
KNOWN, MARK = ("map.html", "areas.csv", "manifest.json"), "manifest.json"
here, way = Path(sys.argv[1]), sys.argv[2]
out, file = here / "out", here / "table.csv"
if way == "two renames":
    storage._exchange = lambda *_: False

def write(value):
    with storage.replace_folder(out, known=KNOWN, mark=MARK) as partial:
        for name in KNOWN:
            storage.write_text(partial / name, value * 4000)
    storage.write_text(file, value * 4000)

def state():
    "Value of the folder and of the file; more than one value, or a part of it, is a mix."
    found = []
    for group in ([out / name for name in KNOWN], [file]):
        texts = {p.read_text() for p in group}
        assert len(texts) == 1, "a mix"
        (text,) = texts
        assert len(text) == 4000 and len(set(text)) == 1, "a half"
        found.append(text[0])
    assert {p.name for p in out.iterdir()} == set(KNOWN), "something else in the folder"
    return found

def rescue():
    "What the next run does first; with two renames, the folder may be away until then."
    if way == "two renames" and not out.exists():
        try:
            with storage.replace_folder(out, known=KNOWN, mark=MARK):
                raise KeyError
        except KeyError:
            pass

def leftovers():
    return [p.name for p in here.iterdir() if p.name.startswith(".") and "lock" not in p.name]
"""

# Every file operation of Python is announced to an audit hook; the n-th one is the last.
NTH = (
    COMMON
    + """
mode = sys.argv[3]
WATCHED = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.listdir", "os.scandir"}

def arm(n):
    seen = 0
    def fault(event, *_):
        nonlocal seen
        if event in WATCHED or event == "fsync":
            seen += 1
            if seen == n and mode == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if seen == n or (mode == "full" and seen > n and event in {"open", "fsync"}):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sync, exchange = os.fsync, storage._exchange
    os.fsync = lambda handle: (fault("fsync"), sync(handle))[1]
    storage._exchange = lambda a, b: (fault("open"), exchange(a, b), fault("open"))[1]
    sys.addaudithook(fault)

write("a")
n, counts = 0, {"old": 0, "new": 0, "refused": 0}
while True:
    n += 1
    child = os.fork()
    if not child:
        arm(n)
        try:
            write("b")
            code = 0
        except StorageError as error:
            code = 3 if error.code == "CM-STORE-001" else 4
        except BaseException as error:
            print(n, repr(error), file=sys.stderr)
            code = 5
        os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 3, -signal.SIGKILL}, (n, status)
    rescue()
    found = state()
    assert found in (["a", "a"], ["b", "a"], ["b", "b"]), (n, found)
    counts["old" if found == ["a", "a"] else "new"] += 1
    counts["refused"] += status == 3
    write("a")
    stale = [name for name in leftovers() if "table" in name or "out" in name]
    assert not stale, (n, stale)
    if status == 0 and mode == "kill":
        break
    if mode == "full" and found == ["b", "b"] and n > counts["refused"] + 3:
        break
print(json.dumps({"n": n, **counts}))
"""
)

RANDOM = (
    COMMON
    + """
stop = getattr(signal, sys.argv[3])
signal.signal(signal.SIGINT, signal.SIG_IGN)
random.seed(20_240)
write("a")
killed, missing = 0, 0
for _ in range(int(sys.argv[4])):
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            while True:
                for value in "bcdefgh":
                    write(value)
        except KeyboardInterrupt:
            os._exit(130)
    time.sleep(random.uniform(0.0005, 0.03))
    os.kill(child, stop)
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        time.sleep(0.02)
        os.kill(child, stop)  # Python swallows an interrupt that comes while an object is being deleted
    status = os.waitstatus_to_exitcode(ended[1])
    killed += status in {-signal.SIGKILL, 130}
    missing += not out.exists()
    assert way == "two renames" or out.exists()
    rescue()
    state()
    write("a")
    assert state() == ["a", "a"]
    assert not [name for name in leftovers() if name.endswith("out")]
print(json.dumps({"killed": killed, "missing": missing}))
"""
)


@pytest.mark.parametrize("way", ["one step", "two renames"])
@pytest.mark.parametrize("mode", ["kill", "full"])
def test_stopped_at_each_file_operation(way, mode, python, tmp_path):
    done = python(NTH, tmp_path, way, mode)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["n"] >= 30
    assert counts["old"] >= 10
    assert counts["new"] >= 3


@pytest.mark.parametrize("way", ["one step", "two renames"])
@pytest.mark.parametrize(("stop", "times"), [("SIGKILL", 100), ("SIGINT", 50)])
def test_stopped_at_random_times(way, stop, times, python, tmp_path):
    done = python(RANDOM, tmp_path, way, stop, times)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] == times


HOLD = """
import sys
from clustermap import storage
with storage.replace_folder(sys.argv[1], known=("a",), mark="a") as partial:
    (partial / "a").write_text("first")
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import sys
from clustermap import storage
with storage.replace_folder(sys.argv[1], known=("a",), mark="a") as partial:
    (partial / "a").write_text("second")
"""


def test_of_two_runs_at_once_the_second_is_refused_and_a_killed_one_holds_nothing(python, tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        for _ in range(3):
            refused = python(TRY, out)
            assert "CM-STORE-002" in refused.stderr
        assert not out.exists()
        first.kill()
    assert python(TRY, out).returncode == 0
    assert (out / "a").read_text() == "second"


WRITERS = """
import sys
from pathlib import Path
import geopandas as gpd
from shapely import Point
from clustermap.errors import StorageError
from clustermap.reports import geopackage
from clustermap.storage import replace_folder, write_text
here, tries = Path(sys.argv[1]), []

def raw():
    with replace_folder(here / "out", known=("a",), mark="a") as partial:
        (partial / "a").write_text("x" * 2_000_000)

def gis():
    circles = [Point(0, i).buffer(9) for i in range(300)]
    areas = gpd.GeoDataFrame({"name": ["n" * 2000] * 300}, geometry=circles, crs=27700)
    geopackage(here / "a.gpkg", {"areas": areas})

if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # as on a full disk, writing stops
for write in (lambda: write_text(here / "a.txt", "x" * 2_000_000), raw, gis):
    try:
        write()
    except StorageError as error:
        print(error.code)
"""


@pytest.fixture
def results(tmp_path):
    """A folder with results of a former run."""
    folder = tmp_path / "results"
    (folder / "out").mkdir(parents=True)
    for name in ("a.txt", "a.gpkg", "out/a"):
        (folder / name).write_text("old")
    return folder


def intact(folder):
    files = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
    return {name: text for name, text in files.items() if "lock" not in name} == dict.fromkeys(
        ("a.txt", "a.gpkg", "out/a"), "old"
    )


def test_writing_that_stops_half_way_is_told_and_the_old_results_stay(python, results):
    done = python(WRITERS, results, "limited")
    assert done.stdout.split() == ["CM-STORE-001"] * 3, done.stderr
    assert intact(results)


def test_a_folder_that_may_not_be_written_is_told(python, results):
    for folder in (results / "out", results):
        folder.chmod(0o555)
    try:
        done = python(WRITERS, results, obedient=True)
    finally:
        results.chmod(0o755)
    assert done.stdout.split() == ["CM-STORE-001"] * 3, done.stderr
    assert intact(results)


def test_a_full_disk_is_told_and_the_old_results_stay(python, results):
    mount = "mount -t tmpfs -o size=400k none $1 && cp -r $1/../kept/. $1"
    shutil.copytree(results, results.parent / "kept")
    shell = ["unshare", "-m", "sh", "-c"]
    possible = (
        shutil.which("unshare")
        and not subprocess.run(
            [*shell, mount, "sh", str(results)], capture_output=True, check=False
        ).returncode
    )
    if not possible:
        pytest.skip("no right to mount a small disk")
    script = (
        f'{mount} && "$2" -c "$3" $1 && cd $1 && find . -type f -not -name "*lock*" | sort | xargs tail -n +1'
    )
    done = subprocess.run(
        [*shell, script, "sh", str(results), sys.executable, WRITERS],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    codes, files = done.stdout.split("==>", 1)
    assert codes.split() == ["CM-STORE-001"] * 3, done.stderr
    assert f"==>{files}".split() == [
        *("==>", "./a.gpkg", "<==", "old", "==>", "./a.txt", "<==", "old"),
        *("==>", "./out/a", "<==", "old"),
    ]
