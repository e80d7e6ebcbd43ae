"""Delimited text as text: delimiter, encoding and byte-order mark detected, no row ever lost in silence."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from clustermap.errors import MAX_EXAMPLES, InputError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from clustermap.sources.files import Opened

__all__ = ["read_text_table"]

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 1 << 18
_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class _Scan:
    encoding: str
    lines: int
    quotes: int
    nul_line: int


def read_text_table(
    opened: Opened, *, wanted: Callable[[str], bool] | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a delimited file with every cell as text; NULL and NA stay what they are.

    Parameters
    ----------
    opened : Opened
        The file.
    wanted : callable, optional
        Tells of a column name whether it is needed; all are read where absent.

    Returns
    -------
    frame, notes
        All columns text, empty cells empty text; what was detected.

    Raises
    ------
    InputError
        CM-FILE-003 no rows, CM-FILE-006 ragged rows or an unclosed quote (with line numbers), CM-FILE-007
        NUL bytes or undecodable text, CM-FILE-008 duplicated column names.
    """
    scan = _scan(opened)
    if scan.nul_line:
        raise InputError(
            "CM-FILE-007",
            f"{opened.name!r} holds NUL bytes (first in line {scan.nul_line})",
            why="rows after a NUL byte are read differently by every program",
            fix="export the table again as UTF-8 text",
        )
    content, encoding = opened.content, scan.encoding
    if encoding not in ("utf-8", "ascii"):
        content = _transcode(opened, encoding)
    head = (content[:_SAMPLE] if content is not None else _start(opened)).removeprefix(codecs.BOM_UTF8)
    delimiter = _delimiter(head.decode("utf-8", errors="ignore"))
    header = _header(head, delimiter, opened.name)
    table = _parse(opened, content, header, delimiter, [h for h in header if wanted is None or wanted(h)])
    if scan.quotes and scan.lines > table.num_rows + 1:
        _check_quotes(opened, content, delimiter, len(header))
    if table.num_rows == 0:
        raise InputError("CM-FILE-003", f"{opened.name!r} holds a header and no rows", fix="export it again")
    frame = table.to_pandas()
    notes = []
    if encoding not in ("utf-8", "ascii"):
        samples = ", ".join(repr(s) for s in _non_ascii(table))
        notes.append(
            f"Text read as {encoding} (for example {samples}); save it as UTF-8 if that looks wrong."
        )
    if delimiter != ",":
        notes.append(f"Columns are divided by {delimiter!r}.")
    return frame, tuple(notes)


def _blocks(opened: Opened) -> Iterator[bytes]:
    if opened.content is not None:
        yield opened.content
        return
    with open(str(opened.path), "rb") as stream:  # noqa: PTH123 - a name, not a Path, is what was checked
        while block := stream.read(_CHUNK):
            yield block


def _start(opened: Opened) -> bytes:
    return next(_blocks(opened))[:_SAMPLE]


def _scan(opened: Opened) -> _Scan:
    start = _start(opened)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Scan("utf-16", 1 << 62, 1, 0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, lines, quotes, nul_line, last = True, 0, 0, 0, b"\n"
    for block in _blocks(opened):
        if not nul_line and (at := block.find(b"\x00")) >= 0:
            nul_line = lines + block.count(b"\n", 0, at) + 1
        lines += block.count(b"\n")
        quotes += block.count(b'"')
        last = block[-1:]
        if utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                utf8 = False
    if last != b"\n":
        lines += 1
    return _Scan("utf-8" if utf8 else _eight_bit(opened), lines, quotes, nul_line)


def _eight_bit(opened: Opened) -> str:
    """Take cp1252, the encoding of Windows exports, unless a byte is undefined there."""
    content = b"".join(_blocks(opened))
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(content[:_SAMPLE]).best()
        if best is None:
            raise _undecodable(opened.name) from None
        return str(best.encoding)
    return "cp1252"


def _transcode(opened: Opened, encoding: str) -> bytes:
    try:
        return b"".join(_blocks(opened)).decode(encoding).encode("utf-8")
    except (UnicodeDecodeError, LookupError) as error:
        raise _undecodable(opened.name) from error


def _undecodable(name: str) -> InputError:
    return InputError(
        "CM-FILE-007",
        f"{name!r} is text in no encoding that could be recognised",
        why="guessing would garble names and lose matches",
        fix="export the table again as UTF-8",
    )


def _delimiter(text: str) -> str:
    """Take the delimiter under which most of the first rows are as wide as the header."""
    best, best_score = ",", (0, 0)
    lines = text.splitlines()[:50]
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths), widths[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _header(head: bytes, delimiter: str, name: str) -> list[str]:
    rows = csv.reader(io.StringIO(head.decode("utf-8", errors="ignore")), delimiter=delimiter)
    first = next((row for row in rows if row), [])
    header = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(first)]
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice:
        raise InputError(
            "CM-FILE-008",
            f"{name!r} names {plural(len(twice), 'column')} twice: {', '.join(twice[:MAX_EXAMPLES])}",
            why="which of them is meant cannot be known",
            fix="rename them in the file",
        )
    return header


def _parse(
    opened: Opened, content: bytes | None, header: list[str], delimiter: str, include: list[str]
) -> pa.Table:
    ragged: list[pa_csv.InvalidRow] = []

    def note(row: pa_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    source: Any = pa.BufferReader(content) if content is not None else str(opened.path)
    try:
        table = pa_csv.read_csv(
            source,
            read_options=pa_csv.ReadOptions(
                use_threads=False,  # line numbers of ragged rows are known to one thread alone
                skip_rows=1,
                column_names=header,
                block_size=_CHUNK,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=False,
                include_columns=include,
            ),
        )
    except pa.ArrowInvalid as error:
        raise InputError(
            "CM-FILE-006",
            f"{opened.name!r} cannot be read as a table: {error}",
            why="a row that cannot be read would be lost",
            fix="mend the line, or export the table again with every text field in quotes",
        ) from error
    if ragged:
        shown = ", ".join(
            f"line {row.number} ({row.actual_columns} of {row.expected_columns} fields)"
            for row in ragged[:MAX_EXAMPLES]
        )
        raise InputError(
            "CM-FILE-006",
            f"{opened.name!r} holds {plural(len(ragged), 'row')} with more or fewer fields than the header: {shown}",
            why="their values stand in the wrong columns, or the rows are lost",
            fix="put fields that hold the delimiter in quotes, or mend these lines",
        )
    return table


def _check_quotes(opened: Opened, content: bytes | None, delimiter: str, width: int) -> None:
    """Fewer records than lines: fields span lines. Tell fields with line breaks from a quote left open."""
    text = content if content is not None else b"".join(_blocks(opened))
    stream = io.StringIO(text.decode("utf-8-sig"), newline="")
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    before = 0
    csv.field_size_limit(1 << 30)
    reason = ""
    try:
        for row in reader:
            if reader.line_num - before > 1 and _holds_rows(row, delimiter, width):
                reason = "a field holds whole rows"
                break
            before = reader.line_num
    except csv.Error as error:
        reason = str(error)
    if reason:
        raise InputError(
            "CM-FILE-006",
            f"a quote opened in line {before + 1:,} of {opened.name!r} is not closed where its field ends ({reason})",
            why="the rows after it are swallowed into one field and lost",
            fix='close the quote in that line, or double quotes inside a field ("")',
        )


def _holds_rows(row: list[str], delimiter: str, width: int) -> bool:
    """Tell whether a field with line breaks looks like swallowed rows: lines as wide as the table."""
    for cell in row:
        inner = re.split(r"\r?\n", cell)[1:-1] or re.split(r"\r?\n", cell)[1:]
        if any(line.count(delimiter) >= max(width - 1, 1) for line in inner):
            return True
    return False


def _non_ascii(table: pa.Table) -> list[str]:
    found: list[str] = []
    for column in table.columns:
        for value in column.unique().to_pylist()[:50_000]:
            if value and not value.isascii():
                found.append(value[:40])
                if len(found) == 3:  # noqa: PLR2004 - three samples are enough to judge
                    return found
    return found
