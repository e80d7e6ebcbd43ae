"""One exception root, stable codes, and warnings that say what to do next."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "AlignmentError",
    "ClusterMapError",
    "ClusterMapWarning",
    "CrsError",
    "InputError",
    "NetworkError",
    "OptionError",
    "StatisticsError",
    "StorageError",
    "as_lines",
    "examples",
    "one_line",
    "part_of",
    "plural",
    "printable",
]

MAX_EXAMPLES = 5
_LONGEST_EXAMPLE = 60
_UNPRINTED = frozenset(
    {"Cc", "Cf", "Cs", "Zl", "Zp"}
)  # controls, direction marks, lone surrogates, line ends
_BREAKS = re.compile("\\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\\s*")


class ClusterMapError(Exception):
    """Root of every error that clustermap raises on purpose.

    Parameters
    ----------
    code : str
        Stable code such as ``"CM-CRS-001"``.
    what : str
        What is wrong: count of total and up to five examples.
    why : str
        Why it matters for the result.
    fix : str
        The exact call that mends it.
    """

    def __init__(self, code: str, what: str, *, why: str = "", fix: str = "") -> None:
        self.code, self.what, self.why, self.fix = code, what, why, fix
        lines = [f"[{code}] {what}"]
        if why:
            lines.append(f"Why it matters: {why}")
        if fix:
            lines.append(f"Mend it: {fix}")
        super().__init__("\n".join(printable(line) for line in lines))

    def __reduce__(self) -> tuple[Callable[..., ClusterMapError], tuple[object, ...]]:
        # a worker process hands its error back by pickling, which knows no keyword-only arguments
        return _rebuilt, (type(self), self.code, self.what, self.why, self.fix)


def _rebuilt(kind: type[ClusterMapError], code: str, what: str, why: str, fix: str) -> ClusterMapError:
    return kind(code, what, why=why, fix=fix)


class InputError(ClusterMapError, ValueError):
    """Data that cannot be used as it is."""


class CrsError(InputError):
    """Coordinates whose reference system is missing, wrong or unsuited."""


class AlignmentError(InputError):
    """Values and areas that do not carry the same labels."""


class StatisticsError(ClusterMapError, ValueError):
    """A question that has no answer on this data."""


class OptionError(ClusterMapError, TypeError, ValueError):
    """An option that is unknown, or belongs to another method."""


class StorageError(ClusterMapError, OSError):
    """A file that cannot be read, written or locked."""


class NetworkError(ClusterMapError, OSError):
    """A download that failed."""


class ClusterMapWarning(UserWarning):
    """Something a reader of the result must know; the work went on."""


def printable(text: str) -> str:
    r"""Show control and direction characters of a text from data as escapes: no terminal or reader obeys them.

    Examples
    --------
    >>> printable("Leeds\x1b[2J")
    'Leeds\\x1b[2J'
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNPRINTED else c for c in text
    )


def one_line(text: object) -> str:
    r"""Write a name from data in one line: breaks as blanks, other control characters as escapes.

    Examples
    --------
    >>> one_line("Tyne\r\n& Wear\x1b[2J")
    'Tyne & Wear\\x1b[2J'
    """
    return printable(_BREAKS.sub(" ", str(text)))


def as_lines(sentences: Iterable[str]) -> str:
    r"""Put sentences below each other: a name with a break in it begins no sentence of its own.

    Examples
    --------
    >>> as_lines(["Found in Tyne\n& Wear.", "  Inside it: none."])
    'Found in Tyne & Wear.\n  Inside it: none.'
    """
    return "\n".join(one_line(sentence) for sentence in sentences)


def examples(rows: Iterable[tuple[object, object]]) -> str:
    """Render up to five ``(row, id)`` pairs for an error message.

    Examples
    --------
    >>> examples([(3, "A1"), (9, "B2")])
    'row 3 (A1), row 9 (B2)'
    """
    shown: list[str] = []
    for row, identity in rows:
        if len(shown) == MAX_EXAMPLES:
            shown.append("…")
            break
        name = printable(str(identity))
        shown.append(
            f"row {row} ({name if len(name) <= _LONGEST_EXAMPLE else name[:_LONGEST_EXAMPLE] + '…'})"
        )
    return ", ".join(shown)


def plural(n: float, one: str, many: str = "") -> str:
    """Put a number before its noun, or before a noun and its verb.

    Examples
    --------
    >>> plural(1, "area"), plural(1200.0, "area"), plural(2.5, "authority")
    ('1 area', '1,200 areas', '2.5 authorities')
    >>> plural(1, "area has", "areas have")
    '1 area has'
    """
    return f"{_grouped(n)} {one if n == 1 else many or _plural_of(one)}"


def part_of(k: float, n: float, one: str, has: str = "", have: str = "") -> str:
    """Say how many of how many: the noun follows the second number, the verb the first (and one of one, or none).

    Examples
    --------
    >>> part_of(1, 309, "area", "has", "have"), part_of(2, 309, "area", "has", "have"), part_of(1.0, 1, "cluster")
    ('1 of 309 areas has', '2 of 309 areas have', '1 of 1 cluster')
    """
    verb = has if k == 1 or n == 1 else have
    return f"{_grouped(k)} of {plural(n, one)}{f' {verb}' if verb else ''}"


def _grouped(n: float) -> str:
    """Write a number with commas, and without decimals where it is whole."""
    return f"{int(n) if float(n).is_integer() else n:,}"


def _plural_of(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in {*"aeou"}:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "sh", "ch", "x")) else f"{noun}s"
