"""One progress bar for notebooks and terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "reporting"]

Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


@contextmanager
def reporting(progress: Progress | bool | None, label: str) -> Iterator[Progress]:
    """Give a callable ``(done, total)``: the user's own, a bar for True, or silence.

    Examples
    --------
    >>> with reporting(None, "scan") as report:
    ...     report(1, 2)
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield _silent
        return
    from tqdm.auto import tqdm

    with tqdm(desc=label, leave=False) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield advance
