"""One exception root, stable codes, and warnings that say what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    "examples",
]

MAX_EXAMPLES = 5


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
        super().__init__("\n".join(lines))


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
        shown.append(f"row {row} ({identity})")
    return ", ".join(shown)
