"""Which areas belong to which authorities: official tables, wide second columns, shares that sum to one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap import datasets
from clustermap.errors import InputError, OptionError, examples, part_of, plural
from clustermap.schema import LOOKUP_COLUMNS
from clustermap.sources.cells import numbers, text
from clustermap.sources.loading import load
from clustermap.sources.patterns import CodeColumn, code_columns
from clustermap.sources.values import Lookup

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_lookup"]

_SUM_TOLERANCE = 0.005


def read_lookup(
    source: str | Path | pd.DataFrame,
    *,
    area: str | None = None,
    authority: str | None = None,
    name: str | None = None,
    share: str = "equal",
) -> Lookup:
    """Read a table of areas in authorities.

    Parameters
    ----------
    source : str, path or DataFrame
        One row per area and authority; or one per area with a second authority in ``LEP20CD2/LEP20NM2``. The
        embedded memberships are called "lep_2017", "lep_2021", "mca_2022", "region_2022".
    area, authority, name : str, optional
        Columns of area codes, authority codes and authority names; official column names where absent.
    share : str
        ``"equal"`` divides an area evenly among its authorities; else the column of shares, which are divided by
        their sum (a share of the area inside each authority does not say how an area is split).

    Returns
    -------
    Lookup
        In order of area and authority; the shares of an area sum to 1.

    Raises
    ------
    InputError
        CM-LOOKUP-001 columns not found, CM-LOOKUP-002 shares that are no shares, CM-LOOKUP-003 no pair.
    OptionError
        CM-LOOKUP-004: several columns could be meant.

    Examples
    --------
    >>> table = pd.DataFrame({"LAD20CD": ["a"], "LEP20CD1": ["x"], "LEP20CD2": ["y"]})
    >>> read_lookup(table).frame["share"].tolist()
    [0.5, 0.5]
    """
    if isinstance(source, str) and re.fullmatch(r"[a-z_]+_\d{4}", source):
        return _embedded(source)
    frame = load(source, what="lookup").frame
    given = {"area": area, "authority": authority, "name": name, "share": None if share == "equal" else share}
    for option, column in given.items():
        if column is not None and column not in frame.columns:
            raise _not_found(frame, f"{option}={column!r} is no column")
    found = code_columns(list(frame.columns))
    area_column = area or _area_column(frame, found, authority)
    pairs = _authority_columns(frame, found, area_column, authority, name)
    kind, vintage = _kind(found, pairs[0][0])
    raw = _melt(frame, area_column, pairs, None if share == "equal" else share)
    return _normalise(raw, kind=kind, vintage=vintage, weighted=share != "equal")


def _embedded(name: str) -> Lookup:
    path = datasets.path(name).with_name("membership.csv")
    kind, year = name.rsplit("_", 1)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    here = table[(table["kind"] == kind) & (table["vintage"] == year)]
    if not len(here):
        raise InputError(
            "CM-LOOKUP-003",
            f"no embedded membership is called {name!r}",
            fix='one of "lep_2017", "lep_2021", "mca_2022", "region_2022"',
        )
    raw = here.rename(columns={"authority_name": "name"})[["area", "authority", "name", "share"]]
    lookup = _normalise(raw.reset_index(drop=True), kind=kind, vintage=int(year), weighted=True)
    odd = sorted(set(here["status"]) - {"confirmed"})
    notes = (
        *lookup.notes,
        *(
            f"{plural(int((here['status'] == s).sum()), 'membership is', 'memberships are')} {s}."
            for s in odd
        ),
    )
    return replace(lookup, notes=notes, unconfirmed=bool(odd))


def _area_column(frame: pd.DataFrame, found: list[CodeColumn], authority: str | None) -> str:
    lower = {str(c).lower(): str(c) for c in frame.columns}
    if "area" in lower:
        return lower["area"]
    candidates = [c for c in found if c.column != authority and c.position == 1]
    finest = [c for c in candidates if candidates and c.rank == candidates[0].rank]
    if len(finest) == 1 and (len(candidates) > 1 or authority is not None):
        return finest[0].column
    if len(finest) > 1:
        raise OptionError(
            "CM-LOOKUP-004",
            f"several columns could be the areas: {', '.join(c.column for c in finest)}",
            fix=f'area="{finest[0].column}", authority="{finest[-1].column}"',
        )
    raise _not_found(frame, "no column holds the codes of the areas")


def _authority_columns(
    frame: pd.DataFrame, found: list[CodeColumn], area: str, authority: str | None, name: str | None
) -> list[tuple[str, str | None]]:
    lower = {str(c).lower(): str(c) for c in frame.columns}
    if authority is None and "authority" in lower:
        authority = lower["authority"]
    if authority is not None:
        known = next((c.name for c in found if c.column == authority), None)
        return [(authority, name or known or lower.get("name"))]
    rest = [c for c in found if c.column != area]
    groups = sorted({(c.kind, c.vintage or 0) for c in rest})
    if len(groups) > 1:
        raise OptionError(
            "CM-LOOKUP-004",
            f"several columns could be the authorities: {', '.join(c.column for c in rest)}",
            fix=f'authority="{rest[0].column}"',
        )
    if not rest:
        raise _not_found(frame, "no column holds the codes of the authorities")
    return [(c.column, name or c.name) for c in rest]


def _kind(found: list[CodeColumn], column: str) -> tuple[str, int | None]:
    known = next((c for c in found if c.column == column), None)
    return (known.kind, known.vintage) if known else ("authority", None)


def _not_found(frame: pd.DataFrame, what: str) -> InputError:
    columns = [str(c) for c in frame.columns]
    return InputError(
        "CM-LOOKUP-001",
        f"{what}; columns are {', '.join(columns[:20])}",
        fix=f'read_lookup(source, area="{columns[0]}", authority="{columns[-1]}")',
    )


def _melt(
    frame: pd.DataFrame, area: str, pairs: list[tuple[str, str | None]], share: str | None
) -> pd.DataFrame:
    """Turn second columns into rows; cells without an authority stay out."""
    parts = []
    for code, name in pairs:
        part: dict[str, Any] = {"area": text(frame[area]), "authority": text(frame[code])}
        part["name"] = text(frame[name]) if name else part["authority"]
        part["share"] = frame[share] if share else 1.0
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _normalise(raw: pd.DataFrame, *, kind: str, vintage: int | None, weighted: bool) -> Lookup:
    notes: list[str] = []
    empty = (raw["area"] == "") | (raw["authority"] == "")
    alone = sorted(set(raw["area"]) - set(raw.loc[~empty, "area"]) - {""})
    if alone:
        notes.append(
            f"{plural(len(alone), 'area lies', 'areas lie')} in no authority: {', '.join(alone[:5])}."
        )
    frame = raw[~empty].assign(share=_shares(raw, weighted)[~empty.to_numpy()])
    if not len(frame):
        raise InputError(
            "CM-LOOKUP-003", "no row names both an area and an authority", fix="check the columns"
        )
    frame = frame.sort_values(["area", "authority", "name"], kind="stable")
    names = frame.sort_values(["authority", "name"]).groupby("authority")["name"].agg(["first", "nunique"])
    if (names["nunique"] > 1).any():
        odd = names.index[names["nunique"] > 1]
        notes.append(
            f"{plural(len(odd), 'authority has', 'authorities have')} several names "
            f"({', '.join(odd[:5])}); the first was taken."
        )
    again = frame.duplicated(["area", "authority"])
    if again.any():
        told = "their shares were added" if weighted else "each pair counts once"
        notes.append(
            f"{plural(int(again.sum()), 'row repeats', 'rows repeat')} a pair that is there already; {told}."
        )
        if weighted:
            frame["share"] = frame.groupby(["area", "authority"])["share"].transform("sum")
        frame = frame[~again]
    frame["name"] = frame["authority"].map(names["first"])
    sums = frame.groupby("area")["share"].transform("sum")
    if (sums <= 0).any():
        bad = frame.loc[sums <= 0, "area"].unique()
        raise InputError(
            "CM-LOOKUP-002",
            f"the shares of {plural(len(bad), 'area')} sum to 0: {', '.join(bad[:5])}",
            fix='share="equal"',
        )
    if weighted:
        by_area = frame.groupby("area")["share"].sum()
        off = by_area[(by_area - 1).abs() > _SUM_TOLERANCE]
        if len(off):
            notes.append(
                f"The raw shares of {plural(len(off), 'area')} do not sum to 1 (from {off.min():.4g} to "
                f"{off.max():.4g}); "
                "each was divided by its sum."
            )
    frame["share"] = frame["share"] / sums
    frame = frame[list(LOOKUP_COLUMNS)].reset_index(drop=True)
    return Lookup(frame=frame, notes=tuple(notes), kind=kind, vintage=vintage)


def _shares(raw: pd.DataFrame, weighted: bool) -> np.ndarray:
    if not weighted:
        return np.ones(len(raw))
    shares, _ = numbers(raw["share"])
    bad = ~np.isfinite(shares) | (shares < 0)
    bad &= (raw["authority"] != "").to_numpy()
    if bad.any():
        at = np.flatnonzero(bad)
        raise InputError(
            "CM-LOOKUP-002",
            f"{part_of(len(at), len(raw), 'share', 'is', 'are')} not numbers from 0 up: "
            f"{examples((int(i), raw['area'].iloc[i]) for i in at)}",
            fix='share="equal", or mend the column',
        )
    return shares
