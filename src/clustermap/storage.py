"""Atomic writes, locks, hashes; the only room that renames files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from clustermap.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["content_hash", "file_hash", "locked", "replace_folder", "safe_name", "write_atomic", "write_text"]

_CHUNK = 1 << 20
_TEMPORARY = ".clustermap-partial-"
_PREVIOUS = ".clustermap-previous-"
_MAX_NAME = 80


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def content_hash(*parts: bytes | str) -> str:
    """Return one SHA-256 over several parts, in order."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def safe_name(text: str) -> str:
    """Turn text from data into a file name: a slug and a hash, never a path.

    Examples
    --------
    >>> safe_name("../Tyne & Wear")
    'tyne-wear-6a8dd0f8'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_MAX_NAME]
    return f"{slug or 'name'}-{content_hash(text)[:8]}"


def write_atomic(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Write through a temporary name in the same folder, then rename: old file or new file, never half.

    Parameters
    ----------
    path : path
        Where the file is to stand.
    write : callable
        Receives the temporary path (same suffix) and writes it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f"{_TEMPORARY}{secrets.token_hex(4)}{target.suffix}"
    try:
        write(partial)
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise StorageError(
            "CM-STORE-001",
            f"{target.name} could not be written: {error.strerror or error}",
            why="the file that stood there before is untouched",
            fix="free space on the disk, or choose a folder that can be written",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text with plain line ends, atomically."""
    return write_atomic(path, lambda partial: partial.write_bytes(text.encode("utf-8")))


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold an output folder for one run.

    Raises
    ------
    StorageError
        CM-STORE-002 where another run holds it.
    """
    target = Path(folder).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.parent / f".{target.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
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
def replace_folder(folder: str | Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of the old one when all went well.

    A killed run leaves the complete old folder, or the complete new one; leftovers are cleared by the next run.
    """
    target = Path(folder).resolve()
    with locked(target):
        _recover(target)
        partial = target.parent / f"{_TEMPORARY}{target.name}"
        partial.mkdir()
        try:
            yield partial
            for file in sorted(partial.rglob("*")):
                if file.is_file():
                    _sync(file)
            previous = target.parent / f"{_PREVIOUS}{target.name}"
            if target.exists():
                target.replace(previous)
            partial.replace(target)
            _sync(target.parent)
            shutil.rmtree(previous, ignore_errors=True)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _recover(target: Path) -> None:
    previous, partial = (target.parent / f"{mark}{target.name}" for mark in (_PREVIOUS, _TEMPORARY))
    if previous.exists() and not target.exists():
        previous.replace(target)  # killed between the two renames: the old result comes back
    for leftover in (previous, partial):
        shutil.rmtree(leftover, ignore_errors=True)


def _sync(path: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
