"""Labels of a published table matched with columns, values and areas; nothing guessed, the nearest ones named."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.errors import InputError, OptionError, part_of
from clustermap.sources.cells import text
from clustermap.sources.sic import valid_codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clustermap.sources.values import Areas

__all__ = ["asked_rows", "check_zeros", "in_areas", "nearest", "overlapping_pairs", "pick", "renamed"]

_SHOWN = 5
_OVERLAP = 0.01  # of the smaller area: more is meant, less is drawn inaccurately
_WORDS = {3: "three", 4: "four", 5: "five"}


def nearest(word: str, known: Sequence[str], *, n: int = 3) -> list[str]:
    """Return the known words that look most like one."""
    return difflib.get_close_matches(word, list(known), n=n, cutoff=0.6)


def pick(frame: pd.DataFrame, column: str, *, role: str) -> pd.Series:
    """Return a column, or name the nearest ones.

    Raises
    ------
    OptionError
        CM-TABLE-010: there is no such column.
    """
    if column in frame.columns:
        return frame[column]
    known = [str(c) for c in frame.columns]
    near = nearest(str(column), known)
    raise OptionError(
        "CM-TABLE-010",
        f"the table has no column {column!r}" + (f" (nearest: {', '.join(near)})" if near else ""),
        fix=f"{role}= one of: {', '.join(map(repr, known[:20]))}",
    )


def asked_rows(frame: pd.DataFrame, where: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Tell which rows hold the wanted values, compared as text.

    Raises
    ------
    OptionError
        CM-TABLE-010: there is no such column.
    InputError
        CM-TABLE-013: no row holds the value, or all values together.
    """
    asked = np.ones(len(frame), dtype=bool)
    for column, wanted in where.items():
        cells = text(pick(frame, column, role="where"))
        values = _texts(wanted)
        known = cells.unique()
        absent = [v for v in values if v not in set(known)]
        if absent:
            raise InputError(
                "CM-TABLE-013",
                f"no row of {len(frame):,} has {column} = {absent[0]!r}",
                fix=f"where={{{column!r}: …}} with one of: {', '.join(map(repr, sorted(known)[:20]))}",
            )
        asked &= cells.isin(values).to_numpy()
    if not asked.any():
        raise InputError(
            "CM-TABLE-013",
            f"no row of {len(frame):,} has all of {dict(where)!r} at once",
            fix="fewer conditions in where=",
        )
    return asked


def _texts(wanted: Any) -> list[str]:
    several = (
        wanted if isinstance(wanted, list | tuple | set | frozenset | np.ndarray | pd.Series) else [wanted]
    )
    return [str(t) for t in text(pd.Series(list(several)))]


def renamed(names: pd.Series, rename: Mapping[str, str], asked: npt.NDArray[np.bool_]) -> pd.Series:
    """Return the names after renaming; a name that does not occur is a mistake.

    Raises
    ------
    OptionError
        CM-TABLE-010: a name to rename is not in the table.
    """
    known = set(names[asked])
    for old in rename:
        if old not in known:
            near = nearest(old, sorted(known))
            raise OptionError(
                "CM-TABLE-010",
                f"rename: the table has no {old!r}" + (f" (nearest: {', '.join(near)})" if near else ""),
                why="a renaming that does nothing hides a loss",
                fix="the name as the table spells it, on the left",
            )
    return names.replace(dict(rename)) if rename else names


def in_areas(names: pd.Series, areas: Areas, match: str) -> npt.NDArray[np.int64]:
    """Return the position of each name among the areas, -1 for those of other places.

    Raises
    ------
    InputError
        CM-TABLE-011: areas that the table lacks. CM-TABLE-015: names that several areas share.
    """
    labels = pd.Index(areas.frame.index if match == "code" else text(areas.names)).astype(str)
    if not labels.is_unique:
        twice = labels[labels.duplicated()].unique()
        raise InputError(
            "CM-TABLE-015",
            f"{part_of(len(twice), len(labels), 'name', 'belongs', 'belong')} to several areas: {list(twice[:_SHOWN])}",
            why="a row could not say which of them is meant",
            fix='match="code"',
        )
    position: npt.NDArray[np.int64] = labels.get_indexer(pd.Index(names)).astype(np.int64)
    found = np.zeros(len(labels), dtype=bool)
    found[position[position >= 0]] = True
    if not found.all():
        raise _lacking(labels, found, areas, names[position < 0].unique(), match)
    return position


def _lacking(
    labels: pd.Index, found: npt.NDArray[np.bool_], areas: Areas, strange: Any, match: str
) -> InputError:
    lost = np.flatnonzero(~found)
    told, pairs = [], {}
    for i in lost[:_SHOWN]:
        near = nearest(labels[i], sorted(strange), n=1) if match == "name" else []
        told.append(
            f"{areas.names.iloc[i]} ({areas.frame.index[i]}" + (f"; nearest: {near[0]})" if near else ")")
        )
        pairs.update({near[0]: str(labels[i])} if near else {})
    fix = f"rename={pairs!r}" if pairs else "areas of the table's own vintage, or keep= only those it holds"
    if match == "code" and len(strange):
        told.append(f"the table's other codes begin {sorted(strange)[:3]}")
        fix = 'areas of the table\'s own vintage, or match="name" where the column holds names'
    return InputError(
        "CM-TABLE-011",
        f"{part_of(len(lost), len(labels), 'area', 'is', 'are')} not in the table: {', '.join(told)}",
        why="an area without figures is no area with zero firms",
        fix=fix,
    )


def check_zeros(sectors: Sequence[str]) -> None:
    """Refuse industry codes whose leading zeros were lost: 161 for 01.61.

    Raises
    ------
    InputError
        CM-TABLE-014.
    """
    digits = [s for s in sectors if s.isdigit()]
    widths = sorted({len(s) for s in digits})
    if len(digits) < len(sectors) or widths not in ([3, 4], [4, 5]):
        return
    short, wide = [s for s in digits if len(s) == widths[0]], widths[1]
    known = {code[:wide] for code in valid_codes()}
    if any(s.startswith("0") for s in digits) or not all(s.zfill(wide) in known for s in short):
        return
    raise InputError(
        "CM-TABLE-014",
        f"{part_of(len(short), len(digits), 'code', 'has', 'have')} {_WORDS[widths[0]]} digits, the others "
        f"{_WORDS[wide]}: "
        f"{short[:_SHOWN]}; leading zeros were lost",
        why=f"{short[0]} is read as another industry than {short[0].zfill(wide)}",
        fix=f"read the column as text, or frame[column].astype(str).str.zfill({wide})",
    )


def overlapping_pairs(areas: Areas) -> int:
    """Count the pairs of areas that share more than a sliver of ground."""
    shapes: Any = areas.frame.geometry.to_numpy()
    if shapely.coverage_is_valid(shapes):
        return 0
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    size = shapely.area(shapes)
    shared = shapely.area(shapely.intersection(shapes[a], shapes[b]))
    return int((shared > _OVERLAP * np.minimum(size[a], size[b])).sum())
