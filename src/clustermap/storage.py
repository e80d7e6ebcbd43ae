"""Atomic writes, locks, hashes; the only room that renames files."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from clustermap.errors import MAX_EXAMPLES, ClusterMapError, StorageError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = [
    "check_place", "content_hash", "file_hash", "locked", "replace_folder", "resolved", "safe_name", "write_atomic",
    "write_text",
]  # fmt: skip

_CHUNK = 1 << 20
_TEMPORARY = ".clustermap-partial-"
_PREVIOUS = ".clustermap-previous-"
_LOCK = ".clustermap-lock-"
_STALE_S = 3600  # a temporary file this old belongs to a writer that was killed
_MAX_NAME = 80
_DROPPINGS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # file managers leave them in any folder
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file.

    Raises
    ------
    StorageError
        CM-STORE-004: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
    except OSError as error:
        raise StorageError(
            "CM-STORE-004",
            f"{Path(path).name} cannot be read: {error.strerror or error}",
            why="a result is tied to its inputs by their hashes",
            fix="check that the file is there and that you may read it",
        ) from error
    return digest.hexdigest()


def content_hash(*parts: bytes | str) -> str:
    """Return one SHA-256 over several parts, in order."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def safe_name(text: str) -> str:
    """Turn text from data into a file name: a slug and a hash, never a path.

    Examples
    --------
    >>> safe_name("../Tyne & Wear")
    'tyne-wear-6a76b870'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_MAX_NAME].strip("-")
    return f"{slug or 'name'}-{content_hash(text)[:8]}"


def resolved(path: str | Path) -> Path:
    """Return the place that a name means now, links followed, whether anything stands there or not.

    Raises
    ------
    StorageError
        CM-STORE-001: no file can be called so.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:  # a NUL, half a surrogate pair
        raise StorageError(
            "CM-STORE-001",
            f"{_short(str(path))} is no name that a file can have ({error})",
            fix="give a name of letters, digits, - and _",
        ) from error


def check_place(path: str | Path) -> None:
    """Refuse a place where no file can be written, before work for it begins; nothing is made.

    Parameters
    ----------
    path : path
        Where a file is to stand.

    Raises
    ------
    StorageError
        CM-STORE-001: a folder or a device stands there, a file stands on the way, or the folder is closed.
    """
    target = resolved(path)
    with _told(target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        _refuse_device(target)
        above = _above(target)
        if above.is_dir() and not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above))
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(above))


def write_atomic(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Write through a temporary name in the same folder, then rename: old file or new file, never half.

    What a killed writer leaves under a temporary name is cleared by a later write to the same file.

    Parameters
    ----------
    path : path
        Where the file is to stand; a link is followed.
    write : callable
        Receives the temporary path (same suffix) and writes it.

    Raises
    ------
    StorageError
        CM-STORE-001: it could not be written; what stood there is untouched.
    """
    target = resolved(path)
    mark = f"{_TEMPORARY}{content_hash(target.name)[:8]}-"
    partial = target.parent / f"{mark}{secrets.token_hex(4)}{target.suffix}"
    with _told(target):
        _refuse_device(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            _sync(partial)
            partial.replace(target)
            _sync(target.parent)
        finally:
            _clear(target.parent, mark, partial.name)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text with plain line ends, atomically; half a surrogate pair is written as its escape."""
    return write_atomic(
        path, lambda partial: partial.write_bytes(text.encode("utf-8", errors="backslashreplace"))
    )


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold an output folder for one run.

    The lock is an empty hidden file beside the folder. It stays: to remove a lock file lets two runs in at once.

    Raises
    ------
    StorageError
        CM-STORE-001 where no lock can be written, CM-STORE-002 where another run holds it.
    """
    target = resolved(folder)
    lock = FileLock(target.parent / f"{_LOCK}{target.name}")
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            if not Path(
                lock.lock_file
            ).exists():  # locks stay: nobody could make one here, so nobody holds one
                raise FileNotFoundError(
                    errno.ENOENT, os.strerror(errno.ENOENT), str(target.parent)
                ) from error
            raise StorageError(
                "CM-STORE-002",
                f"another run is writing to {target.name}",
                why="two runs in one folder would mix their results",
                fix="wait for it, or give another --out folder",
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def replace_folder(folder: str | Path, *, known: Collection[str], mark: str) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of the old one when all went well.

    A killed run leaves the complete old folder or the complete new one. On Linux the two change places in one
    step. Elsewhere there are two renames: a run killed between them leaves the old result under a hidden name,
    and the next run brings it back. Leftovers are cleared by the next run.

    Parameters
    ----------
    folder : path
        The folder to write. It may be absent, empty, or hold a former run and nothing else.
    known : collection of str
        Names of the files that a run writes.
    mark : str
        The file that every run writes: a folder without it is not ours to replace.

    Raises
    ------
    StorageError
        CM-STORE-001 it cannot be written, CM-STORE-002 another run holds it, CM-STORE-003 it holds files that no
        run wrote; what stands there is untouched in each case.
    """
    target = resolved(folder)
    partial = target.parent / f"{_TEMPORARY}{target.name}"
    with _told(target):
        _refuse_foreign(target, known, mark)  # before a lock is left beside what is none of ours
    with locked(target):
        with _told(target):
            _refuse_foreign(target, known, mark)
            _recover(target)
            partial.mkdir()
        try:
            with _told(target, only=_DISK):
                yield partial
            with _told(target):
                for path in sorted(partial.rglob("*")):
                    _sync(path)
                _sync(partial)
                _refuse_foreign(target, known, mark)  # what came while the run was on
                _swap(partial, target)
        finally:
            with _told(target):
                _recover(target)


def _refuse_foreign(target: Path, known: Collection[str], mark: str) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise StorageError(
            "CM-STORE-003",
            f"{target.name} is there and is no folder",
            why="a run writes a folder of its own, and what stands there would be lost",
            fix=f"give another name, for instance {safe_name(target.name)}, or move {target.name} away",
        )
    found = sorted(p.name for p in target.iterdir() if p.name not in _DROPPINGS)
    ours = mark in found
    foreign = [n for n in found if not ours or n not in known or (target / n).is_dir()]
    if foreign:
        more = ", …" if len(foreign) > MAX_EXAMPLES else ""
        held = plural(len(foreign), "file or folder", "files or folders")
        raise StorageError(
            "CM-STORE-003",
            f"{target.name or target} holds {held} that no former run wrote: "
            f"{', '.join(foreign[:MAX_EXAMPLES])}{more}",
            why="the folder is replaced as a whole, and they would be lost",
            fix=f"give a folder of its own, for instance {safe_name(target.name)}, or move them away",
        )


def _refuse_device(target: Path) -> None:
    """Keep a rename from putting a file in the place of a device or a pipe."""
    if target.exists() and not stat.S_ISREG(target.stat().st_mode) and not target.is_dir():
        raise StorageError(
            "CM-STORE-001",
            f"{target.name} is a device or a pipe, and would be replaced by a file",
            why="a result is written beside its place and then renamed: old or new, never half",
            fix="give the name of a file, and send that on",
        )


def _swap(partial: Path, target: Path) -> None:
    if target.exists() and not _exchange(partial, target):
        target.replace(target.parent / f"{_PREVIOUS}{target.name}")
    if partial.exists() and not target.exists():
        partial.replace(target)
    _sync(target.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step, where the system and the file system can."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def _recover(target: Path) -> None:
    previous, partial = (target.parent / f"{mark}{target.name}" for mark in (_PREVIOUS, _TEMPORARY))
    if previous.exists() and not target.exists():
        previous.replace(target)  # stopped between the two renames: the old result comes back
    for leftover in (previous, partial):
        shutil.rmtree(leftover, ignore_errors=True)


def _clear(folder: Path, mark: str, own: str) -> None:
    """Remove what this writer left, with its side files, and what writers killed long ago left."""
    with contextlib.suppress(OSError):
        for leftover in folder.glob(f"{mark}*"):
            if leftover.name.startswith(own) or time.time() - leftover.stat().st_mtime > _STALE_S:
                leftover.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    if path.is_dir():
        with contextlib.suppress(OSError):  # some systems cannot sync a folder
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


@contextmanager
def _told(target: Path, *, only: Collection[int] | None = None) -> Iterator[None]:
    """Put what the system refuses in words; with `only`, just these kinds (other errors are not about writing)."""
    try:
        yield
    except ClusterMapError:
        raise
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        what, fix = _hindrance(target, error)
        raise StorageError(
            "CM-STORE-001",
            f"{_short(target.name or str(target))} could not be written: {what}",
            why="what stood there before is untouched",
            fix=fix,
        ) from error


def _hindrance(target: Path, error: OSError) -> tuple[str, str]:
    """Say what is in the way of a writer, and what mends it."""
    above, said = _above(target), error.strerror or str(error)
    place = above.name or str(above)
    if not above.is_dir():
        return (
            f"{place} on the way to it is no folder",
            f"give a place that is not below {place}, or move it away",
        )
    if error.errno in _CLOSED:
        return (
            f"{place} may not be written to ({said})",
            "give a place in a folder of yours, or allow writing there",
        )
    if error.errno == errno.ENOENT:
        return f"nothing can be made in {place} ({said})", "give a place in another folder"
    if error.errno == errno.ENAMETOOLONG:
        return said, "give a shorter name"
    if error.errno == errno.EISDIR:
        return said, "give the name of a file in it"
    return said, "free space on the disk, or choose a folder that can be written"


def _above(target: Path) -> Path:
    """Return the nearest thing on the way to a place that is there."""
    return next((p for p in target.parents if os.path.lexists(p)), target)


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"
