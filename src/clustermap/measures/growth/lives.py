"""When firms began and ended: dates, places and sectors, row by row accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, examples, part_of, plural
from clustermap.sources.cells import dates
from clustermap.sources.columns import key
from clustermap.sources.values import Firms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas

__all__ = ["Lives", "day", "days_of", "lives_of"]

Days = npt.NDArray[np.float64]
_BEGAN = {"incorporated", "incorporationdate", "dateofincorporation", "dateofcreation"}
_ENDED = {"dissolved", "dissolutiondate", "dateofdissolution", "dateofcessation"}
_HALF = 0.5
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lives:
    """Firms with a beginning.

    Attributes
    ----------
    frame : pandas.DataFrame
        The firms that count, in their order.
    began, ended : numpy.ndarray
        Days since 1970; `ended` is NaN for firms that live.
    dissolutions : bool
        Whether the source says when firms ended.
    notes : tuple of str
        What was left out.
    synthetic : bool
        Whether the firms are made up.
    """

    frame: pd.DataFrame
    began: Days
    ended: Days
    dissolutions: bool
    notes: tuple[str, ...]
    synthetic: bool


def day(value: str | pd.Timestamp, option: str) -> float:
    """Return a date as days since 1970.

    Raises
    ------
    OptionError
        CM-DATE-001: no date.

    Examples
    --------
    >>> day("1970-02-01", "until")
    31.0
    """
    try:
        moment = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise OptionError(
            "CM-DATE-001", f"{option}={value!r} is no date", fix=f'{option}="2025-01-01"'
        ) from error
    if moment is pd.NaT or moment.tzinfo is not None:
        raise OptionError("CM-DATE-001", f"{option}={value!r} is no date", fix=f'{option}="2025-01-01"')
    return float((moment.normalize() - pd.Timestamp(0)).days)


def days_of(column: pd.Series) -> Days:
    """Return a column of dates as days since 1970, NaN where there is none."""
    read = dates(column).to_numpy(dtype="datetime64[D]")
    return np.asarray(np.where(np.isnat(read), np.nan, read.astype(np.int64)), dtype=np.float64)


def lives_of(firms: Firms | pd.DataFrame, *, incorporated: str | None, dissolved: str | None) -> Lives:
    """Take firms with their dates.

    Parameters
    ----------
    firms : Firms or pandas.DataFrame
        As read, or any frame with a column of beginnings.
    incorporated, dissolved : str, optional
        Columns of dates; found by their usual names where absent.

    Raises
    ------
    OptionError
        CM-DATE-010: no firms and no frame.
    InputError
        CM-DATE-002: no such column. CM-DATE-003: no firm has a beginning. CM-DATE-004: firms that ended before they
        began.
    """
    frame = firms.frame if isinstance(firms, Firms) else firms
    if not isinstance(frame, pd.DataFrame):
        raise OptionError(
            "CM-DATE-010",
            f"lives are of Firms or of a frame with dates, got {type(firms).__name__}",
            fix="cm.read_firms(path), or a frame with a column of dates of incorporation",
        )
    first, last = _column(frame, incorporated, _BEGAN), _column(frame, dissolved, _ENDED)
    if first is None:
        raise InputError(
            "CM-DATE-002",
            f"none of {plural(len(frame.columns), 'column')} holds dates of incorporation: "
            f"{', '.join(map(str, frame.columns))}",
            why="births and ages are counted from it",
            fix='incorporated="the column with the dates"',
        )
    began = days_of(frame[first])
    ended = days_of(frame[last]) if last is not None else np.full(len(frame), np.nan)
    known = ~np.isnan(began)
    if not known.any():
        raise InputError(
            "CM-DATE-003",
            f"none of {plural(len(frame), 'firm')} has a date in {first!r} (DD/MM/YYYY or YYYY-MM-DD)",
            why="there is no birth to count",
            fix='incorporated="another column", or dates as 2019-05-31',
        )
    wrong = np.flatnonzero(known & (ended < began))
    if len(wrong):
        raise InputError(
            "CM-DATE-004",
            f"{part_of(len(wrong), len(frame), 'firm', 'was', 'were')} dissolved before incorporation: "
            + examples((int(r), frame.index[r]) for r in wrong),
            why="a negative age spoils every rate",
            fix=f"frame[~(frame[{last!r}] < frame[{first!r}])]",
        )
    lost = int((~known).sum())
    return Lives(
        frame=frame[known],
        began=began[known],
        ended=ended[known],
        dissolutions=last is not None and bool(np.isfinite(ended).any()),
        notes=(f"{part_of(lost, len(frame), 'firm', 'is', 'are')} left out: no date of incorporation.",)
        if lost
        else (),
        synthetic=isinstance(firms, Firms) and firms.synthetic,
    )


def _column(frame: pd.DataFrame, given: str | None, usual: set[str]) -> str | None:
    if given is not None:
        if given not in frame.columns:
            raise InputError(
                "CM-DATE-002",
                f"the firms have no column {given!r}; they have {', '.join(map(str, frame.columns))}",
                why="births and ages are counted from dates",
                fix="incorporated= and dissolved= name columns of the firms",
            )
        return given
    return next((str(column) for column in frame.columns if key(column) in usual), None)


def placed(firms: Firms, areas: Areas, lives: Lives) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the position of each firm's area (the lowest code of several), −1 outside all."""
    from clustermap.tables.membership import place

    whole = np.full(len(firms), -1, dtype=np.int64)
    placement = place(firms, areas, overlap="primary")
    whole[placement.firm] = placement.area
    at = whole[firms.frame.index.get_indexer(lives.frame.index)]
    outside = int((at < 0).sum())
    return at, (f"{part_of(outside, len(at), 'firm', 'lies', 'lie')} outside all areas.",) if outside else ()


def in_sectors(
    frame: pd.DataFrame, sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Return firms × sectors by the first usable code; without sectors all firms are in one."""
    from clustermap.sources import sectors as taxonomies

    if sectors is None:
        return np.ones((len(frame), 1), dtype=bool), [ALL]
    taxonomy = taxonomies.load(sectors)
    kinds: Any = frame["sic"].astype("category").array
    shares = np.asarray(taxonomy.weights_for(list(kinds.categories.astype(str))), dtype=float)
    shares = np.vstack((shares.reshape(-1, len(taxonomy.names)), np.zeros((1, len(taxonomy.names)))))
    return np.asarray(shares[kinds.codes % len(shares)] >= _HALF), list(taxonomy.names)
