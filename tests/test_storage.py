from __future__ import annotations

import errno
import os
import sys
import time

import pytest

from clustermap import storage
from clustermap.errors import InputError, StorageError

KNOWN, MARK = ("map.html", "areas.csv", "manifest.json"), "manifest.json"


@pytest.fixture
def write(tmp_path):
    """Write a run with one value in each of its files."""

    def run(value, folder=tmp_path / "out", *, fault=None):
        with storage.replace_folder(folder, known=KNOWN, mark=MARK) as partial:
            for name in KNOWN:
                storage.write_text(partial / name, value)
                if fault:
                    raise fault
        return folder

    return run


@pytest.fixture(params=["one step", "two renames"])
def swap(request, monkeypatch):
    """Both ways to put the new folder in the place of the old one."""
    if request.param == "two renames":
        monkeypatch.setattr(storage, "_exchange", lambda *_: False)
    return request.param


def content(folder):
    return {p.name: p.read_text() for p in folder.iterdir()}


def hidden(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith(".") and "lock" not in p.name)


def test_a_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert (
        storage.file_hash(tmp_path / "a")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"CM-STORE-004.*gone\.csv"):
        storage.file_hash(tmp_path / "gone.csv")


def test_parts_do_not_run_into_each_other():
    assert storage.content_hash("ab", "c") != storage.content_hash("a", "bc")
    assert storage.content_hash("ab") == storage.content_hash(b"ab")
    assert len(storage.content_hash("\ud800")) == 64


@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "CON", "a/b\\c", "x" * 300, "\x00", "", "…", "İstanbul"]
)
def test_a_name_from_data_never_becomes_a_path(text, tmp_path):
    name = storage.safe_name(text)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 90
    assert not name.startswith("-")
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert name != storage.safe_name(text + "?")


def test_text_is_written_with_plain_line_ends_in_new_folders(tmp_path):
    path = storage.write_text(tmp_path / "new" / "deep" / "a.txt", "ä\nb\ud800\n")
    assert path.read_bytes() == "ä\nb\\ud800\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    target = storage.write_text(tmp_path / "a.txt", "old")

    def fail(partial):
        partial.write_text("half")
        (partial.parent / f"{partial.name}-journal").write_text("of a database")
        raise ValueError

    with pytest.raises(ValueError):
        storage.write_atomic(target, fail)
    assert content(tmp_path) == {"a.txt": "old"}


def test_an_error_with_a_code_keeps_it(tmp_path):
    def fail(_):
        raise StorageError("CM-OTHER-001", "something else")

    with pytest.raises(StorageError, match="CM-OTHER-001"):
        storage.write_atomic(tmp_path / "a.txt", fail)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    storage.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.parametrize("path", ["there", "there/file/below", "x" * 300])
def test_a_place_that_cannot_be_written_is_told(path, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("kept")
    with pytest.raises(StorageError, match="CM-STORE-001") as error:
        storage.write_text(tmp_path / path, "new")
    assert error.value.fix
    assert content(tmp_path / "there") == {"file": "kept"}


def test_what_a_writer_killed_long_ago_left_is_cleared(tmp_path):
    seen = []
    target = storage.write_atomic(tmp_path / "a.txt", lambda p: (seen.append(p), p.write_text("1")))
    old, young = (tmp_path / (seen[0].name[:-12] + end) for end in ("00000000.txt", "11111111.txt"))
    other = tmp_path / ".clustermap-partial-ffffffff-00000000.txt"
    for path in (old, young, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (time.time() - 7200,) * 2)
    storage.write_text(target, "2")
    assert not old.exists()
    assert young.exists()  # it may belong to a writer that is at work
    assert other.exists()  # it belongs to another file


def test_a_folder_is_replaced_as_a_whole(write, swap, tmp_path):
    write("1")
    assert content(write("2")) == dict.fromkeys(KNOWN, "2")
    assert hidden(tmp_path) == []


def test_nobody_sees_the_new_folder_before_it_is_complete(write, swap, tmp_path):
    folder = write("1")
    with storage.replace_folder(folder, known=KNOWN, mark=MARK) as partial:
        (partial / MARK).write_text("2")
        assert content(folder) == dict.fromkeys(KNOWN, "1")
    assert content(folder) == {MARK: "2"}


@pytest.mark.parametrize(
    "error", [InputError("CM-X-001", "bad data"), KeyboardInterrupt(), FileNotFoundError("f")]
)
def test_a_run_that_fails_leaves_the_old_folder_and_its_own_error(error, write, swap, tmp_path):
    folder = write("1")
    with pytest.raises(type(error)) as raised:
        write("2", fault=error)
    assert raised.value is error
    assert content(folder) == dict.fromkeys(KNOWN, "1")
    assert hidden(tmp_path) == []


def test_a_run_that_finds_the_disk_full_says_so(write):
    folder = write("1")
    with pytest.raises(StorageError, match="CM-STORE-001"):
        write("2", fault=OSError(errno.ENOSPC, "No space left on device"))
    assert content(folder) == dict.fromkeys(KNOWN, "1")


def test_an_empty_folder_and_the_droppings_of_file_managers_are_no_obstacle(write, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").write_text("")
    assert content(write("1")) == dict.fromkeys(KNOWN, "1")


@pytest.mark.parametrize(
    ("own", "beside_a_run"),
    [
        ("thesis.docx", False),
        ("thesis.docx", True),
        ("photos/1.jpg", False),
        ("photos/1.jpg", True),
        ("map.html", False),  # a name of ours, but no run was here
        ("manifest.json/1.jpg", True),
    ],
)
def test_files_that_no_run_wrote_are_never_lost(own, beside_a_run, write, tmp_path):
    folder = tmp_path / "out"
    if beside_a_run:
        write("1")
    top = folder / own.split("/")[0]
    top.unlink(missing_ok=True)
    (folder / own).parent.mkdir(parents=True, exist_ok=True)
    (folder / own).write_text("mine")
    with pytest.raises(StorageError, match="CM-STORE-003") as error:
        write("2")
    assert top.name in error.value.what
    assert (folder / own).read_text() == "mine"
    write("2", tmp_path / error.value.fix.split("for instance ")[1].split(",")[0])  # the fix works


def test_many_files_are_counted_and_five_are_named(write, tmp_path):
    (tmp_path / "out").mkdir()
    for i in range(9):
        (tmp_path / "out" / f"{i}.txt").write_text("mine")
    with pytest.raises(
        StorageError, match=r"holds 9 files or folders.*0\.txt, 1\.txt, 2\.txt, 3\.txt, 4\.txt, …"
    ):
        write("1")


def test_a_file_that_came_while_the_run_was_on_is_not_lost(write, tmp_path):
    folder = write("1")
    with (
        pytest.raises(StorageError, match="CM-STORE-003"),
        storage.replace_folder(folder, known=KNOWN, mark=MARK),
    ):
        (folder / "notes.txt").write_text("mine")
    assert content(folder) == {**dict.fromkeys(KNOWN, "1"), "notes.txt": "mine"}


def test_a_file_in_the_place_of_the_folder_is_kept(write, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StorageError, match=r"CM-STORE-003.*out is there and is no folder") as error:
        write("1")
    assert (tmp_path / "out").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]  # no lock beside what is none of ours
    write("1", tmp_path / error.value.fix.split("for instance ")[1].split(",")[0])  # the fix works


@pytest.mark.parametrize(
    ("place", "says", "mends"),
    [
        ("there/out", "there on the way to it is no folder", "not below there"),
        ("there/a/b/out", "there on the way to it is no folder", "not below there"),
        ("loop/out", "loop on the way to it is no folder", "not below loop"),
        ("x" * 300, "name too long", "a shorter name"),
        ("nul\0", "no name that a file can have", "letters"),
    ],
)
def test_a_place_that_cannot_be_made_is_told_with_what_stands_in_the_way(place, says, mends, write, tmp_path):
    (tmp_path / "there").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    for attempt in (write, lambda text, path: storage.write_text(path, text)):
        with pytest.raises(StorageError, match="CM-STORE-001") as error:
            attempt("new", tmp_path / place)
        assert says.lower() in error.value.what.lower()
        assert mends in error.value.fix
        assert len(error.value.what) < 200
    assert sorted(p.name for p in tmp_path.iterdir()) == ["loop", "there"]
    assert (tmp_path / "there").read_text() == "mine"


def test_a_place_where_no_lock_can_be_made_is_not_another_run(write, tmp_path, monkeypatch):
    def nothing_to_be_had(lock, **_):
        raise storage.Timeout(lock.lock_file)

    monkeypatch.setattr(
        storage.FileLock, "acquire", nothing_to_be_had
    )  # as on /proc, and on some network disks
    with pytest.raises(StorageError, match=r"CM-STORE-001.*nothing can be made"):
        write("1")
    (tmp_path / ".clustermap-lock-out").write_text("")
    with pytest.raises(StorageError, match="CM-STORE-002"):
        write("1")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of Unix")
def test_a_pipe_or_a_device_is_never_replaced_by_a_file(write, tmp_path):
    os.mkfifo(tmp_path / "out")
    with pytest.raises(StorageError, match=r"CM-STORE-001.*pipe"):
        storage.write_text(tmp_path / "out", "new")
    with pytest.raises(StorageError, match=r"CM-STORE-003.*no folder"):
        write("1")
    assert (tmp_path / "out").is_fifo()


def test_a_place_is_checked_before_the_work_and_nothing_is_made(tmp_path):
    (tmp_path / "there").write_text("mine")
    (tmp_path / "folder").mkdir()
    for good in ("a.html", "there", "new/b.html"):
        storage.check_place(tmp_path / good)
    for bad, says in (("there/a", "no folder"), ("folder", "directory")):
        with pytest.raises(StorageError, match=rf"(?i)CM-STORE-001.*{says}"):
            storage.check_place(tmp_path / bad)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "there"]


def test_the_folder_behind_a_link_is_replaced(write, tmp_path):
    real = write("1", tmp_path / "real")
    (tmp_path / "out").symlink_to(real)
    write("2")
    assert (tmp_path / "out").is_symlink()
    assert content(real) == dict.fromkeys(KNOWN, "2")


def test_a_run_stopped_between_two_renames_is_taken_back_by_the_next(write, tmp_path):
    folder = write("1")
    folder.rename(tmp_path / ".clustermap-previous-out")
    (tmp_path / ".clustermap-partial-out").mkdir()
    with pytest.raises(InputError):
        write("2", fault=InputError("CM-X-001", "bad data"))
    assert content(folder) == dict.fromkeys(KNOWN, "1")
    assert hidden(tmp_path) == []


def test_a_second_run_in_one_folder_is_refused(write, tmp_path):
    with (
        storage.locked(tmp_path / "out"),
        pytest.raises(StorageError, match="CM-STORE-002") as error,
    ):
        write("2")
    assert "--out" in error.value.fix
    write("3")


def test_the_lock_is_one_empty_hidden_file_beside_the_folder(write, tmp_path):
    write("1")
    write("2")
    (lock,) = (p for p in tmp_path.iterdir() if p.name != "out")
    assert lock.name == ".clustermap-lock-out"
    assert lock.stat().st_size == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are two renames")
def test_on_linux_the_folders_change_places_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    assert storage._exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert not storage._exchange(tmp_path / "a", tmp_path / "absent")


def test_without_that_step_two_renames_do(monkeypatch, tmp_path):
    def missing(*_, **__):
        raise OSError

    monkeypatch.setattr(storage.ctypes, "CDLL", missing)
    assert not storage._exchange(tmp_path, tmp_path)
