"""The report in plain words: what was asked, what came out, how sure, and what it does not say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from clustermap.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["markdown_report", "markdown_table"]

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")
_LINKED = re.compile(
    r"(?i)\b(https?|ftp)(?=://)|\bwww(?=\.)|\b(?:mailto|xmpp)(?=:)"
)  # made links without any bracket
_OPENING = re.compile(r"^(\d{0,9})([-+=.)])")  # at the start of a line: lists and underlined headings
_HTML = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def markdown_report(
    *,
    title: str,
    first: Sequence[str],
    sentences: Sequence[str],
    sections: Sequence[tuple[str, str | pd.DataFrame | list[tuple[int, str]]]],
) -> str:
    """Render a report as Markdown; text from data is escaped and never becomes markup.

    Parameters
    ----------
    title : str
        Heading.
    first : sequence of str
        What must be said before any figure (synthetic, registered offices, generalised).
    sentences : sequence of str
        The findings.
    sections : sequence of (str, str, DataFrame or list)
        Heading and plain text, table, or nested list of ``(depth, text)``.
    """
    parts = [f"# {escaped(title)}"]
    if first:
        parts.append("\n".join(f"> {escaped(line)}  " for line in first))
    parts.append("\n".join(f"{i}. {escaped(line)}" for i, line in enumerate(sentences, 1)))
    for heading, body in sections:
        parts.append(f"## {escaped(heading)}")
        if isinstance(body, pd.DataFrame):
            parts.append(markdown_table(body) if len(body) else "None.")
        elif isinstance(body, list):
            parts.append("\n".join(f"{'  ' * depth}- {escaped(line)}" for depth, line in body) or "None.")
        else:
            parts.append("  \n".join(escaped(line) for line in body.splitlines()))
    return "\n\n".join(parts) + "\n"


def markdown_table(frame: pd.DataFrame) -> str:
    r"""Render a table as Markdown, numbers to the right.

    Examples
    --------
    >>> print(markdown_table(pd.DataFrame({"lep": ["A|B"], "share": [0.25]})))
    | lep | share |
    |:--|--:|
    | A\|B | 0.25 |
    """
    numeric = [pd.api.types.is_numeric_dtype(frame[c]) for c in frame.columns]
    lines = [
        "| " + " | ".join(escaped(str(c)) for c in frame.columns) + " |",
        "|" + "|".join("--:" if n else ":--" for n in numeric) + "|",
    ]
    lines += [
        "| " + " | ".join(_cell(value) for value in row) + " |"
        for row in frame.itertuples(index=False, name=None)
    ]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Escape what Markdown or HTML would take for markup; line breaks become blanks."""
    plain = _SPECIAL.sub(r"\\\1", printable(" ".join(text.split())).translate(_HTML))
    return _OPENING.sub(r"\1\\\2", _LINKED.sub(r"\g<0>\\", plain))


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, float):
        whole = abs(value) >= 1000 or (value.is_integer() and abs(value) >= 10)  # noqa: PLR2004 - one digit stays exact either way
        return f"{value:,.0f}" if whole else f"{value:.3g}"
    return escaped(str(value))
