"""Null models as values: which arrangements of the values count as equally likely.

A null is stated by the caller, and bound to the areas of one analysis when it is used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.bound_nulls import BoundNull, Listed, Shifts, Strata
from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError, part_of, plural
from clustermap.tables.shares import NOBODY, as_authorities, authority_shares

if TYPE_CHECKING:
    from clustermap.sources.values import Areas, Lookup

__all__ = ["Null", "arrangements", "as_null", "free", "toroidal", "within"]

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_SHOWN = 5
_RULES = ("primary", "combination")


class Null(ABC):
    """A statement about which arrangements of the values are equally likely."""

    __slots__ = ()
    kind: str

    @abstractmethod
    def bind(self, labels: pd.Index, *, areas: Areas | None = None) -> BoundNull:
        """Fit the null to the areas of one analysis.

        Parameters
        ----------
        labels : pandas.Index
            Codes of the areas that have a value, in code order.
        areas : Areas, optional
            Their polygons, for nulls that ask where an area lies.
        """

    @abstractmethod
    def summary(self) -> str:
        """Say in plain words what is held equally likely."""

    def __repr__(self) -> str:
        return f"<Null: {self.kind}>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Free(Null):
    kind: str = "free"

    def bind(self, labels: pd.Index, *, areas: Areas | None = None) -> BoundNull:  # noqa: ARG002 - same door
        return Strata(kind=self.kind, words=self.summary(), strata=np.zeros(len(labels), dtype=np.int64))

    def summary(self) -> str:
        return "all arrangements of the values over the areas are equally likely"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Within(Null):
    authorities: Areas | Lookup
    rule: str
    kind: str = "within-authority"

    def bind(self, labels: pd.Index, *, areas: Areas | None = None) -> BoundNull:
        overlap: Any = "primary" if self.rule == "primary" else "fractional"
        shares = authority_shares(labels, self.authorities, areas=areas, overlap=overlap).frame
        if (shares["authority"] == NOBODY).all():
            raise AlignmentError(
                "CM-CROSS-002",
                f"none of {plural(len(labels), 'area')} lies in any authority",
                why="values would move freely, and the null would not be the one that was asked for",
                fix="authorities of the same country and vintage",
            )
        groups = shares.assign(authority=shares["authority"].astype(str)).groupby("area")["authority"]
        names = groups.agg(" + ".join).reindex(labels)
        strata, found = pd.factorize(names, sort=True)
        sizes = np.bincount(strata)
        if (sizes == 1).all():
            raise StatisticsError(
                "CM-NULL-002",
                f"each of {plural(len(labels), 'area')} is alone in its authority",
                why="nothing can be exchanged, so every arrangement is the one observed",
                fix='larger authorities, or null="free"',
            )
        fixed, outside = int((sizes == 1).sum()), int((names == NOBODY).sum())
        words = self.summary() + f" ({plural(len(found), 'group')} of {plural(len(labels), 'area')}"
        words += (
            f", {plural(fixed, 'area alone in its group stays', 'areas alone in theirs stay')} in place"
            if fixed
            else ""
        )
        words += (
            f", {plural(outside, 'area in no authority forms', 'areas in no authority form')} a group"
            if outside
            else ""
        )
        return Strata(kind=self.kind, words=words + ")", strata=strata.astype(np.int64))

    def summary(self) -> str:
        several = "the one that holds most of it" if self.rule == "primary" else "a group with its likes"
        return (
            "arrangements that keep every value within its authority are equally likely; an area in several "
            f"authorities belongs to {several}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Toroidal(Null):
    rows: pd.Series | int
    columns: pd.Series | int
    kind: str = "toroidal"

    def bind(self, labels: pd.Index, *, areas: Areas | None = None) -> BoundNull:  # noqa: ARG002 - same door
        row, column = self._positions(labels)
        high, wide = int(row.max()) + 1, int(column.max()) + 1
        if isinstance(self.rows, int | np.integer):
            high = int(self.rows)
        at = np.full((high, wide), -1, dtype=np.int64)
        at[row % high, column] = np.arange(len(labels))
        if (at < 0).any() or at.size != len(labels):
            raise StatisticsError(
                "CM-NULL-003",
                f"{plural(len(labels), 'area with a value does', 'areas with a value do')} not fill a grid "
                f"of {high} × {wide} once each",
                why="a map with holes cannot be shifted around its edges",
                fix="a full rectangular grid of areas with values",
            )
        words = (
            f"{self.summary()} ({plural(high, 'row')} × {plural(wide, 'column')}, "
            f"{plural(at.size, 'shift')} in all)"
        )
        return Shifts(kind=self.kind, words=words, at=at, row=row, column=column)

    def _positions(self, labels: pd.Index) -> tuple[Ints, Ints]:
        if isinstance(self.rows, pd.Series) and isinstance(self.columns, pd.Series):
            missing = labels.difference(self.rows.index).union(labels.difference(self.columns.index))
            if len(missing):
                raise AlignmentError(
                    "CM-NULL-004",
                    f"{part_of(len(missing), len(labels), 'area', 'has', 'have')} no place in the grid: "
                    f"{list(missing[:_SHOWN])}",
                    why="an area without a place cannot be shifted",
                    fix="cm.nulls.toroidal(frame['row'], frame['column']), indexed by area code",
                )
            found = [pd.factorize(s.reindex(labels), sort=True)[0] for s in (self.rows, self.columns)]
            return found[0].astype(np.int64), found[1].astype(np.int64)
        places = np.arange(len(labels))
        wide = int(self.columns)  # two numbers: checked where the null was made
        return places // wide, places % wide

    def summary(self) -> str:
        return "all shifts of the map as a whole, around its edges, are equally likely"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Arrangements(Null):
    table: pd.DataFrame | Places
    kind: str = "arrangements"

    def bind(self, labels: pd.Index, *, areas: Areas | None = None) -> BoundNull:  # noqa: ARG002 - same door
        wide = self.table.shape[1]
        if wide != len(labels):
            raise AlignmentError(
                "CM-NULL-005",
                f"the arrangements hold {plural(wide, 'area')}, "
                f"{plural(len(labels), 'area has', 'areas have')} a value",
                why="an arrangement must say for every area with a value where its value comes from",
                fix="arrangements of the areas that have a value, in code order or as a frame by code",
            )
        if isinstance(self.table, pd.DataFrame):
            if len(labels.difference(self.table.columns)):
                missing = labels.difference(self.table.columns)
                raise AlignmentError(
                    "CM-NULL-005",
                    f"{part_of(len(missing), len(labels), 'area', 'is', 'are')} no columns of the arrangements: "
                    f"{list(missing[:_SHOWN])}",
                    why="an arrangement must say for every area with a value where its value comes from",
                    fix="a frame draws × areas, columns and cells being area codes",
                )
            cells = self.table[list(labels)].to_numpy()
            table = labels.get_indexer(cells.ravel()).reshape(cells.shape).astype(np.int32)
        else:
            table = self.table
        wrong = (np.sort(table, axis=1) != np.arange(wide)).any(axis=1)
        if wrong.any():
            raise InputError(
                "CM-NULL-006",
                f"{part_of(int(wrong.sum()), len(table), 'arrangement', 'does', 'do')} not hold every area once: rows "
                f"{np.flatnonzero(wrong)[:_SHOWN].tolist()}",
                why="a value that is left out or doubled makes another map, not another arrangement",
                fix="np.argsort(rng.random((draws, areas)), axis=1), or positions 0 … n − 1 in code order",
            )
        rows = np.ascontiguousarray(table, dtype=np.int32)
        return Listed(kind=self.kind, words=self.summary(), table=rows)

    def summary(self) -> str:
        return (
            f"the {plural(len(self.table), 'arrangement given is', 'arrangements given are')} as likely as "
            "the one observed"
        )


def free() -> Null:
    """Hold all arrangements of the values over the areas equally likely.

    Returns
    -------
    Null

    Examples
    --------
    >>> free().summary()
    'all arrangements of the values over the areas are equally likely'
    """
    return _Free()


def within(
    authorities: Areas | Lookup | pd.Series, *, rule: Literal["primary", "combination"] = "primary"
) -> Null:
    """Hold all arrangements equally likely that keep every value within its authority.

    What differs between authorities is then no evidence of anything; what lies within them is.

    Parameters
    ----------
    authorities : Areas, Lookup or pandas.Series
        Polygons (the data must know its own), a lookup, or the authority of each area. Areas in no authority
        exchange their values among themselves.
    rule : {"primary", "combination"}
        An area in several authorities belongs to the one that holds most of it (the first by code among
        equals), or forms a group with the areas in the same ones.

    Returns
    -------
    Null

    Raises
    ------
    OptionError
        CM-NULL-001: unknown rule. CM-CROSS-001: authorities of another kind.

    Examples
    --------
    >>> null = within(pd.Series({"a": "West", "b": "West", "c": "East", "d": "East"}))
    >>> null.bind(pd.Index(list("abcd"))).strata.tolist()
    [1, 1, 0, 0]
    """
    if rule not in _RULES:
        raise OptionError(
            "CM-NULL-001", f"rule={rule!r} does not exist", fix='rule="primary" or "combination"'
        )
    return _Within(authorities=as_authorities(authorities), rule=rule)


def toroidal(rows: pd.Series | int, columns: pd.Series | int) -> Null:
    """Hold all shifts of the whole map around its edges equally likely: it keeps its own pattern.

    Of use where one map is held against another, or against borders; against a graph of its own grid every
    shift gives nearly the same statistic.

    Parameters
    ----------
    rows, columns : pandas.Series or int
        The row and the column of each area in a full grid, indexed by code; or the numbers of rows and
        columns of a grid that the areas fill row by row in code order.

    Returns
    -------
    Null

    Raises
    ------
    OptionError
        CM-NULL-001: neither two series nor two positive whole numbers.

    Examples
    --------
    >>> toroidal(2, 3).bind(pd.Index(list("abcdef"))).words
    'all shifts of the map as a whole, around its edges, are equally likely (2 rows × 3 columns, 6 shifts in all)'
    """
    series = isinstance(rows, pd.Series) and isinstance(columns, pd.Series)
    numbers = all(isinstance(x, int | np.integer) and not isinstance(x, bool) for x in (rows, columns))
    if not series and not (numbers and min(rows, columns) > 0):
        raise OptionError(
            "CM-NULL-001",
            f"a grid needs the row and column of each area, or two numbers; got {type(rows).__name__} and "
            f"{type(columns).__name__}",
            fix="cm.nulls.toroidal(frame['row'], frame['column']) or cm.nulls.toroidal(20, 30)",
        )
    return _Toroidal(rows=rows, columns=columns)


def arrangements(table: pd.DataFrame | npt.ArrayLike) -> Null:
    """Hold the arrangements given as likely as the one observed.

    p is right where the observed arrangement and those given could have come in any order, for instance where
    all are members of one group of symmetries, or states of one well-mixed chain. They are taken in their
    order, as many as there are, up to the number of permutations asked for.

    Parameters
    ----------
    table : array_like of int or pandas.DataFrame
        Draws × areas: the place in code order, or in a frame (columns are codes) the code, of the area whose
        value an area gets.

    Returns
    -------
    Null

    Raises
    ------
    InputError
        CM-NULL-006: no table of whole numbers, or no row.

    Examples
    --------
    >>> arrangements([[1, 2, 0], [2, 0, 1]]).summary()
    'the 2 arrangements given are as likely as the one observed'
    """
    if isinstance(table, pd.DataFrame) and len(table):
        return _Arrangements(table=table.copy())
    given = np.asarray(table)
    if given.ndim != 2 or not len(given) or not np.issubdtype(given.dtype, np.integer):  # noqa: PLR2004 - a table
        raise InputError(
            "CM-NULL-006",
            f"arrangements are a table draws × areas of whole numbers, got shape {given.shape} of {given.dtype}",
            why="a row says for every area where its value comes from",
            fix="np.argsort(rng.random((999, areas)), axis=1), or a frame with codes as columns and cells",
        )
    return _Arrangements(table=given.astype(np.int32))


def as_null(null: Null | str, *, authorities: Areas | Lookup | pd.Series | None = None) -> Null:
    """Take a null, or the name of one.

    Parameters
    ----------
    null : Null or {"free", "within-authority"}
        Within the authorities of the call, where it has any.
    authorities : Areas, Lookup or pandas.Series, optional
        The authorities of the call.

    Raises
    ------
    OptionError
        CM-NULL-001: no null of this name, or authorities are needed.

    Examples
    --------
    >>> as_null("free")
    <Null: free>
    """
    if isinstance(null, Null):
        return null
    if null == "free":
        return free()
    if null == "within-authority" and authorities is not None:
        return within(authorities)
    known = null == "within-authority"
    raise OptionError(
        "CM-NULL-001",
        'null="within-authority" needs authorities' if known else f"null={null!r} is no null model",
        why="a null says which arrangements of the values are equally likely",
        fix="null=cm.nulls.within(lookup)"
        if known
        else 'null="free", cm.nulls.within(lookup), cm.nulls.toroidal(…) or cm.nulls.arrangements(…)',
    )
