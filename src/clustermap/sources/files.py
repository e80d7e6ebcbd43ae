"""Files, opened safely: kinds by suffix and first bytes, zip limits, no remote or virtual paths."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path, PurePosixPath

from clustermap.errors import InputError, StorageError, plural

__all__ = ["TABLES", "VECTORS", "Opened", "open_source"]

TABLES = (".csv", ".tsv", ".txt", ".tab")
PARQUET = (".parquet", ".geoparquet", ".pq")
VECTORS = (".gpkg", ".geojson", ".json", ".topojson", ".shp", ".fgb")
_MAGIC = {
    ".gpkg": b"SQLite format 3",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb",
    ".parquet": b"PAR1",
    ".geoparquet": b"PAR1",
    ".pq": b"PAR1",
}
_JSON = (".geojson", ".json", ".topojson")
MAX_MEMBERS = 1_000
MAX_RATIO = 200
MAX_BYTES = 2 << 30
_BOM = b"\xef\xbb\xbf"


class Opened:
    """One readable thing: its kind ("table", "parquet" or "vector"), name, and path or bytes."""

    __slots__ = ("content", "kind", "name", "path")

    def __init__(
        self, kind: str, name: str, *, path: str | None = None, content: bytes | None = None
    ) -> None:
        self.kind, self.name, self.path, self.content = kind, name, path, content


def open_source(source: str | Path) -> Opened:
    """Find out what a path holds, without trusting its name.

    Parameters
    ----------
    source : path
        CSV, TSV (also .gz), Parquet, GeoParquet, GeoPackage, GeoJSON, TopoJSON, FlatGeobuf, Shapefile, or
        a zip with exactly one of these.

    Raises
    ------
    StorageError
        CM-FILE-001: there is no such file.
    InputError
        CM-FILE-002 unknown kind, CM-FILE-003 empty, CM-FILE-004 content and suffix disagree,
        CM-FILE-005 a zip that is unsafe or ambiguous.
    """
    text = str(source)
    if "://" in text or text.startswith("/vsi"):
        raise InputError(
            "CM-FILE-002",
            "web addresses and virtual file systems are not read",
            why="a study must not depend on what a server says today",
            fix="download the file and pass its path",
        )
    path = Path(text).expanduser()
    if not path.is_file():
        raise StorageError("CM-FILE-001", f"there is no file {path.name!r}", fix="check the path")
    if path.stat().st_size == 0:
        raise _empty(path.name)
    if path.suffix.lower() == ".zip":
        return _from_zip(path)
    suffix, packed = _suffix(path.name)
    kind = _kind(suffix, path.name)
    if packed:
        content = _gunzip(path)
        _check_start(content[:64], suffix, path.name)
        return Opened(kind, path.name, content=content)
    with path.open("rb") as stream:
        _check_start(stream.read(64), suffix, path.name)
    if suffix == ".shp":
        _check_parts(path)
    return Opened(kind, path.name, path=str(path))


def _suffix(name: str) -> tuple[str, bool]:
    pure = PurePosixPath(name.lower())
    if pure.suffix == ".gz":
        return PurePosixPath(pure.stem).suffix, True
    return pure.suffix, False


def _kind(suffix: str, name: str) -> str:
    for kind, suffixes in (("table", TABLES), ("parquet", PARQUET), ("vector", VECTORS)):
        if suffix in suffixes:
            return kind
    raise InputError(
        "CM-FILE-002",
        f"{name!r} is of no kind that is read",
        fix=f"one of {', '.join((*TABLES, *PARQUET, *VECTORS))}, .gz of text, or a .zip of one of them",
    )


def _check_start(start: bytes, suffix: str, name: str) -> None:
    if not start.strip():
        raise _empty(name)
    expected = _MAGIC.get(suffix)
    wrong = expected is not None and not start.startswith(expected)
    if suffix in _JSON:
        wrong = not start.removeprefix(_BOM).lstrip().startswith(b"{")
    if suffix in TABLES and start.lstrip().startswith((b"<", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1")):
        wrong = True  # a login page, or a workbook, saved under the name of a table
    if wrong:
        raise InputError(
            "CM-FILE-004",
            f"{name!r} does not hold what its name says (it begins with {start[:12]!r})",
            why="a web page or a workbook under the name of a data file gives rows that mean nothing",
            fix="download or export the file again in the format of its suffix",
        )


def _check_parts(path: Path) -> None:
    here = {file.suffix.lower() for file in path.parent.glob(f"{path.stem}.*")}
    lacking = [part for part in (".shx", ".dbf") if part not in here]
    if lacking:
        raise InputError(
            "CM-FILE-004",
            f"the shapefile {path.name!r} lacks its {' and '.join(lacking)}",
            fix="put all parts (.shp, .shx, .dbf, .prj) in one folder, or pass the zip",
        )


def _gunzip(path: Path) -> bytes:
    limit = min(MAX_BYTES, path.stat().st_size * MAX_RATIO + (1 << 20))
    try:
        with gzip.open(path, "rb") as stream:
            content = stream.read(limit + 1)
    except (OSError, EOFError) as error:
        raise InputError(
            "CM-FILE-004", f"{path.name!r} is not a complete gzip file: {error}", fix="download it again"
        ) from error
    if len(content) > limit:
        raise _bomb(path.name)
    return content


def _from_zip(path: Path) -> Opened:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            _check_members(members, path.name)
            shown = [m for m in members if not m.filename.startswith("__MACOSX/")]
            return _one_member(archive, shown, path)
    except zipfile.BadZipFile as error:
        raise InputError(
            "CM-FILE-004", f"{path.name!r} is not a complete zip file: {error}", fix="download it again"
        ) from error


def _check_members(members: list[zipfile.ZipInfo], name: str) -> None:
    total, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if len(members) > MAX_MEMBERS or total > MAX_BYTES or total > MAX_RATIO * packed + (1 << 20):
        raise _bomb(name)
    names = [m.filename for m in members]
    unsafe = [
        n
        for n, m in zip(names, members, strict=True)
        if n.startswith(("/", "\\"))
        or ".." in n.replace("\\", "/").split("/")
        or ":" in n
        or (m.external_attr >> 28) == 0xA  # noqa: PLR2004 - the mark of a symbolic link
    ]
    if unsafe or len(set(names)) < len(names):
        raise InputError(
            "CM-FILE-005",
            f"{name!r} holds {plural(len(unsafe), 'member that points', 'members that point')} outside of "
            "it, or one name twice",
            why="such an archive is made to overwrite files",
            fix="get the archive from its publisher",
        )


def _one_member(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], path: Path) -> Opened:
    wanted = [m for m in members if _suffix(m.filename)[0] in (*TABLES, *PARQUET, *VECTORS)]
    shapes = [m for m in wanted if m.filename.lower().endswith(".shp")]
    if shapes:  # text beside a shapefile is documentation
        wanted = shapes
    if len(wanted) != 1:
        found = ", ".join(m.filename for m in wanted[:5]) or "none"
        raise InputError(
            "CM-FILE-005",
            f"{path.name!r} holds {plural(len(wanted), 'data file')} ({found}), not exactly one",
            fix="unpack it and pass the path of the one that is meant",
        )
    member = wanted[0]
    suffix, packed = _suffix(member.filename)
    kind = _kind(suffix, member.filename)
    if packed:
        raise InputError("CM-FILE-005", f"{path.name!r} holds a packed file", fix="unpack it once")
    if suffix == ".shp":
        stem = member.filename[:-4]
        here = {m.filename[len(stem) :].lower() for m in members if m.filename.startswith(stem)}
        lacking = [part for part in (".shx", ".dbf") if part not in here]
        if lacking:
            raise InputError(
                "CM-FILE-004",
                f"the shapefile in {path.name!r} lacks its {' and '.join(lacking)}",
                fix="zip all parts together",
            )
        return Opened("vector", path.name, path=f"/vsizip/{path.resolve()}/{member.filename}")
    content = archive.read(member)
    _check_start(content[:64], suffix, member.filename)
    return Opened(kind, PurePosixPath(member.filename).name, content=content)


def _empty(name: str) -> InputError:
    return InputError("CM-FILE-003", f"{name!r} is empty", fix="download or export it again")


def _bomb(name: str) -> InputError:
    return InputError(
        "CM-FILE-005",
        f"{name!r} unpacks to more than {MAX_RATIO} times its size, {MAX_BYTES >> 30} GB or {MAX_MEMBERS} members",
        why="such archives are made to fill a disk",
        fix="unpack it yourself if you trust it, and pass the path of the file in it",
    )
