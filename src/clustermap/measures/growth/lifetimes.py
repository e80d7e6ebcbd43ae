"""How long firms live: Kaplan–Meier with late entry and right-censoring, and the log-rank test between groups."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, StatisticsError, as_lines, part_of, plural
from clustermap.inference import is_level
from clustermap.measures.growth.estimators import curves_of, log_rank
from clustermap.measures.growth.lives import ALL, day, in_sectors, lives_of, placed
from clustermap.schema import SURVIVAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.measures.growth.lives import Lives
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms

__all__ = ["Survival", "survival"]

Floats = npt.NDArray[np.float64]
_FEW, _TOLD = 5, 8
_AGES = (1, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survival:
    """Survival curves of firms by group.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per group and age (years) at which firms ended: ``group, age, at_risk, ended, survival, se, lower,
        upper``.
    groups : pandas.DataFrame
        One row per group: ``group, firms, ended, expected_ended, median``; the median age is NaN where more than half
        outlive the data.
    by : str
        What makes the groups.
    statistic, degrees, p : float, int, float
        Log-rank χ², its degrees of freedom and p; NaN for one group.
    since, until : str
        From when on ends are recorded ("" where from the beginning), and until when.
    interval : float
        Coverage of the pointwise intervals.
    notes : tuple of str
        What was left out.
    method, null, alternative : str
        In words.
    """

    frame: pd.DataFrame
    groups: pd.DataFrame
    by: str
    statistic: float
    degrees: int
    p: float
    since: str
    until: str
    interval: float
    notes: tuple[str, ...] = ()
    method: str = "Kaplan–Meier; Greenwood's variance, interval on the log(−log) scale; log-rank test"
    null: str = "firms of all groups end at the same rate at every age"
    alternative: str = "two-sided"

    def at(self, ages: Sequence[float]) -> pd.DataFrame:
        """Return survival with its interval at given ages in years, groups × ages as rows.

        An age beyond the oldest firm under observation is NaN: nothing is known there.

        Examples
        --------
        >>> firms = pd.DataFrame({"incorporated": ["2010-01-01"] * 4,
        ...     "dissolved": ["2011-01-01", "2013-01-01", None, None]})
        >>> survival(firms, until="2020-01-01").at([2, 5])["survival"].to_list()
        [0.75, 0.5]
        """
        rows = []
        for group, part in self.frame.groupby("group", sort=False):
            end = float(self.groups.set_index("group").loc[group, "oldest"])
            place = np.searchsorted(part["age"].to_numpy(), ages, side="right")
            for age, k in zip(ages, place, strict=True):
                known = (
                    part.iloc[k - 1][["survival", "se", "lower", "upper"]].to_list()
                    if k
                    else [1.0, 0.0, 1.0, 1.0]
                )
                rows.append((group, age, *(known if age <= end else [np.nan] * 4)))
        return pd.DataFrame(rows, columns=["group", "age", "survival", "se", "lower", "upper"])

    def summary(self) -> str:
        """Say in plain sentences how long firms live and what the figures do not say."""
        groups = self.groups
        lines = [
            (
                f"Survival of {plural(groups['firms'].sum(), 'firm')}, {groups['ended'].sum():,} of which "
                f"ended by {self.until}" + (f" (ends recorded since {self.since})." if self.since else ".")
            )
        ]
        table = self.at(_AGES)
        for group in groups["group"][:_TOLD]:
            part = table[(table["group"] == group) & table["survival"].notna()]
            told = ", ".join(
                f"{plural(int(r.age), 'year')} {r.survival:.0%} ({r.lower:.0%}–{r.upper:.0%})"
                for r in part.itertuples()
            )
            lines.append(f"{group}: alive after {told}." if told else f"{group}: too young to say.")
        if len(groups) > 1:
            lines.append(
                f"Log-rank test between {plural(len(groups), 'group')} by {self.by}: χ² = {self.statistic:.2f}, "
                f"p = {self.p:.3g} (two-sided, by its limit law)."
            )
            if (groups["expected_ended"] < _FEW).any():
                lines.append(
                    f"Some groups have fewer than {_FEW} expected ends: the limit law is rough there."
                )
        lines.append(
            "Removal from a register is no failure: firms merge, move or change their form. Firms whose end the source "
            "does not hold look immortal."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Survival: {plural(self.groups['firms'].sum(), 'firm')} in "
            f"{plural(len(self.groups), 'group')}, until {self.until}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def survival(
    firms: Firms | pd.DataFrame,
    areas: Areas | gpd.GeoDataFrame | None = None,
    *,
    until: str,
    since: str | None = None,
    by: str | None = None,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    incorporated: str | None = None,
    dissolved: str | None = None,
    interval: float = 0.95,
) -> Survival:
    r"""Estimate how long firms live, from dates of incorporation and dissolution.

    Kaplan–Meier :math:`S(t) = \prod_{t_j \le t} (1 - d_j / n_j)` over the ages at which firms ended; Greenwood's
    variance :math:`S^2 \sum d_j / (n_j (n_j - d_j))`, its interval on the log(−log) scale, within 0 and 1.

    Parameters
    ----------
    firms : Firms or pandas.DataFrame
        With dates; ``read_firms(…, status="all")`` keeps firms that ended.
    areas : Areas or geopandas.GeoDataFrame, optional
        Needed for ``by="area"``; a firm in several areas belongs to the one with the lowest code.
    until : str
        Date at which the source was taken; firms alive then are censored.
    since : str, optional
        Date from which on the source holds ends. Older firms enter at their age then, and firms gone before are left
        out: without it, a register that forgets the dead makes old firms look immortal.
    by : str, optional
        "area", "sector" (with `sectors`), or a column.
    sectors : Taxonomy, str, path or dict, optional
        Keeps firms of these sectors, by their first usable code; groups for ``by="sector"``.
    incorporated, dissolved : str, optional
        Columns of dates; found by their usual names where absent.
    interval : float
        Coverage of the pointwise intervals.

    Returns
    -------
    Survival

    Raises
    ------
    StatisticsError
        CM-DATE-007: no firm has an end: a register of the living shows no deaths. CM-DATE-008: no firm is left.
    InputError
        CM-DATE-002, CM-DATE-003, CM-DATE-004: dates. CM-DATE-009: `by` needs what is not there.
    OptionError
        CM-DATE-001: `until` or `since` is no date. CM-GROWTH-005: `interval` outside (0, 1).

    Notes
    -----
    Time grows with the number of firms times its logarithm, memory with firms and groups × ages.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958), Nonparametric estimation from incomplete observations. JASA 53.
    Greenwood, M. (1926), The natural duration of cancer. Reports on Public Health and Medical Subjects 33.
    Mantel, N. (1966), Evaluation of survival data and two new rank order statistics. Cancer Chemotherapy Reports 50.
    Kalbfleisch, J. D. and Prentice, R. L. (2002), The Statistical Analysis of Failure Time Data, chapter 1.

    Examples
    --------
    >>> firms = pd.DataFrame({"incorporated": ["2010-01-01"] * 4,
    ...     "dissolved": ["2011-01-01", "2013-01-01", None, None]})
    >>> survival(firms, until="2020-01-01").frame["survival"].to_list()
    [0.75, 0.5]
    """
    if not is_level(interval):
        raise OptionError("CM-GROWTH-005", f"interval={interval} is no coverage", fix="interval=0.95")
    taken, opened = day(until, "until"), day(since, "since") if since is not None else -np.inf
    firms, lives = _with_dates(firms, incorporated, dissolved)
    entry, exit_, event, here, notes = _spells(lives, taken, opened)
    labels, firm, more = _grouped(firms, areas, lives, by, sectors)
    rows = np.flatnonzero(here[firm])
    firm, labels = firm[rows], labels[rows]
    if not len(firm):
        raise StatisticsError(
            "CM-DATE-008",
            f"none of {plural(len(here), 'firm')} lived between {since or 'the beginning'} and {until}",
            why="there is no life to measure",
            fix="until= the date at which the register was taken",
        )
    names, group = np.unique(labels, return_inverse=True)
    spells = (entry[firm], exit_[firm], event[firm])
    curves, sums = curves_of(names, group, spells, interval)
    statistic, degrees, p, expected = log_rank(len(names), group, spells)
    groups = sums.assign(expected_ended=expected)
    return Survival(
        frame=curves[list(SURVIVAL_COLUMNS)],
        groups=groups[["group", "firms", "ended", "expected_ended", "median", "oldest"]],
        by=by or ALL,
        statistic=statistic,
        degrees=degrees,
        p=p,
        since=since or "",
        until=until,
        interval=interval,
        notes=(*lives.notes, *notes, *more, *(["The firms are synthetic."] if lives.synthetic else [])),
    )


def _with_dates(firms: Any, incorporated: str | None, dissolved: str | None) -> tuple[Any, Lives]:
    lives = lives_of(firms, incorporated=incorporated, dissolved=dissolved)
    if not lives.dissolutions:
        raise StatisticsError(
            "CM-DATE-007",
            f"none of {plural(len(lives.began), 'firm')} has a date of dissolution",
            why="a register of the living holds no deaths: everybody would seem to live for ever (survivor bias)",
            fix='read_firms(source, status="all") of a register with its dissolved firms, dissolved="the column"',
        )
    return firms, lives


def _spells(
    lives: Lives, until: float, since: float
) -> tuple[Floats, Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_], list[str]]:
    """Return ages (days) at entry and exit, whether the exit is an end, and who is under observation at all."""
    ended = np.where(lives.ended <= until, lives.ended, np.nan)
    last = np.where(np.isnan(ended), until, ended)
    event = ~np.isnan(ended)
    unborn, gone = lives.began > until, event & (last < since)
    entry = np.maximum(since - lives.began, -1.0)  # a firm that ends on the day it begins has lived that day
    notes = [
        f"{part_of(n, len(last), 'firm')} {why} and are left out."
        for n, why in (
            (int(unborn.sum()), "begin after the last date"),
            (int((gone & ~unborn).sum()), "ended before ends were recorded"),
        )
        if n
    ]
    return entry, last - lives.began, event, ~(unborn | gone), notes


def _grouped(
    firms: Any, areas: Any, lives: Lives, by: str | None, sectors: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the group of each row and the firm behind it; a firm in several sectors has a row in each."""
    frame = lives.frame
    if sectors is None and by == "sector":
        raise InputError(
            "CM-DATE-009",
            'by="sector" needs sectors',
            why="which codes make a sector is a definition",
            fix='survival(firms, until=…, by="sector", sectors="sic-sections")',
        )
    belongs, names = in_sectors(frame, sectors)
    firm, sector = np.nonzero(belongs if by == "sector" else np.any(belongs, axis=1, keepdims=True))
    if by is None:
        return np.full(len(firm), ALL, dtype=object), firm, ()
    if by == "sector":
        return np.asarray(names, dtype=object)[sector], firm, ()
    if by == "area":
        return _in_areas(firms, areas, lives, firm)
    if by not in frame.columns:
        raise InputError(
            "CM-DATE-009",
            f"the firms have no column {by!r}; they have {', '.join(map(str, frame.columns))}",
            why="groups are compared by it",
            fix='by="area", "sector" or a column of the firms',
        )
    values = frame[by].iloc[firm]
    known = values.notna().to_numpy()
    notes = (
        (f"{part_of((~known).sum(), len(known), 'firm', 'has', 'have')} no {by}.",) if not known.all() else ()
    )
    return values.astype(str).to_numpy(dtype=object)[known], firm[known], notes


def _in_areas(
    firms: Any, areas: Any, lives: Lives, firm: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], tuple[str, ...]]:
    from clustermap.sources.values import Firms
    from clustermap.tables.membership import given

    if areas is None or not isinstance(firms, Firms):
        raise InputError(
            "CM-DATE-009",
            'by="area" needs located firms and areas',
            why="which area a firm lies in is found from its place",
            fix='survival(read_firms(source, status="all"), areas, until=…, by="area")',
        )
    located, polygons = given(firms, areas)
    at, notes = placed(located, polygons, lives)
    inside = at[firm] >= 0
    return polygons.frame.index.to_numpy(dtype=object)[at[firm[inside]]], firm[inside], notes
