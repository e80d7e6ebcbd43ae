"""Plants: where each stands, what it makes, how many work there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError, InputError, OptionError, examples, part_of, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms

__all__ = ["Plants", "as_plants", "read_plants"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
COLUMNS = ("area", "sector", "employment")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plants:
    """Plants as positions, in order of sector, area and size.

    Attributes
    ----------
    areas, sectors : pandas.Index
        Labels, in order.
    area, sector : numpy.ndarray
        Position of each plant.
    size : numpy.ndarray
        Employment, above 0.
    notes : tuple of str
        What was left out.
    """

    areas: pd.Index
    sectors: pd.Index
    area: Ints
    sector: Ints
    size: Floats
    notes: tuple[str, ...] = ()


def read_plants(
    frame: pd.DataFrame, *, areas: pd.Index | None = None, sectors: pd.Index | None = None
) -> Plants:
    """Check a frame of plants: ``area, sector, employment``.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per plant; another order of rows gives the same plants.
    areas, sectors : pandas.Index, optional
        The labels there may be; those of the frame where absent.

    Raises
    ------
    InputError
        CM-PLANT-001: columns are missing. CM-PLANT-002: employment is no number, negative, infinite or missing.
        CM-PLANT-003: a plant without area or sector. CM-PLANT-004: no plant is left.
    AlignmentError
        CM-PLANT-005: plants in areas or sectors that the table does not have.

    Examples
    --------
    >>> plants = pd.DataFrame({"area": ["B", "A"], "sector": ["steel", "steel"], "employment": [10, 30]})
    >>> read_plants(plants).size.tolist()
    [30.0, 10.0]
    """
    lacking = [name for name in COLUMNS if name not in frame.columns]
    if lacking:
        raise InputError(
            "CM-PLANT-001",
            f"{part_of(len(lacking), len(COLUMNS), 'column', 'is', 'are')} missing: {', '.join(lacking)}; "
            f"here are {', '.join(map(str, frame.columns))}",
            why="plants are measured one by one: where each stands, what it makes, how many work there",
            fix="plants.rename(columns={'region': 'area', 'industry': 'sector', 'jobs': 'employment'})",
        )
    size = pd.to_numeric(frame["employment"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(size) | (size < 0))
    if len(bad):
        raise InputError(
            "CM-PLANT-002",
            f"the employment of {part_of(len(bad), len(size), 'plant')} is missing, negative or no number: "
            + examples((int(r), frame["employment"].iloc[r]) for r in bad),
            why="the spread of plant sizes is a part of the answer; a plant of unknown size is not of size 0",
            fix="plants[plants['employment'].between(0, 1e9)]",
        )
    homeless = np.flatnonzero(frame[["area", "sector"]].isna().any(axis=1).to_numpy())
    if len(homeless):
        raise InputError(
            "CM-PLANT-003",
            f"{part_of(len(homeless), len(size), 'plant', 'has', 'have')} no area or no sector: "
            + examples((int(r), frame.index[r]) for r in homeless),
            why="they would be missing from a sector without any sign of it",
            fix="plants.dropna(subset=['area', 'sector'])",
        )
    kept = frame.loc[size > 0, ["area", "sector"]]
    if kept.empty:
        raise InputError(
            "CM-PLANT-004",
            f"none of {plural(len(size), 'plant')} employs anybody",
            why="there is nothing to locate",
            fix="employment=1 for each plant counts plants instead",
        )
    where, area_labels = _codes(kept["area"], areas, "area")
    what, sector_labels = _codes(kept["sector"], sectors, "sector")
    size = size[size > 0]
    order = np.lexsort((size, where, what))
    left = len(frame) - len(size)
    told = f"{part_of(left, len(frame), 'plant', 'is', 'are')} left out: nobody employed."
    return Plants(
        areas=area_labels,
        sectors=sector_labels,
        area=where[order],
        sector=what[order],
        size=size[order],
        notes=(told,) if left else (),
    )


def _codes(labels: pd.Series, known: pd.Index | None, what: str) -> tuple[Ints, pd.Index]:
    if known is None:
        codes, found = pd.factorize(labels, sort=True)
        return codes.astype(np.int64), pd.Index(found, name=what)
    codes = known.get_indexer(labels)
    strange = labels[codes < 0].unique()
    if len(strange):
        raise AlignmentError(
            "CM-PLANT-005",
            f"{part_of((codes < 0).sum(), len(codes), 'plant', 'is', 'are')} in "
            f"{plural(len(strange), f'unknown {what}')}: "
            f"{list(strange[:5])}",
            why="they would be missing from the totals that they are compared with",
            fix=f"plants[plants[{what!r}].isin({what}_labels)], or the totals of every {what}",
        )
    return codes.astype(np.int64), known


def as_plants(
    plants: pd.DataFrame | Firms,
    areas: Areas | Any,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None,
    value: str,
    known: pd.Index | None = None,
) -> Plants:
    """Take a frame of plants, or locate firms in areas and sort them into sectors."""
    from clustermap.sources.values import Firms

    firms = isinstance(plants, Firms) or "geometry" in getattr(plants, "columns", ())
    if not firms and (areas is not None or sectors is not None):
        raise OptionError(
            "CM-PLANT-006",
            "areas and sectors= belong to firms that are still to be located",
            why="a frame of plants names its areas and sectors itself",
            fix="ellison_glaeser(plants, base=…)",
        )
    if not firms and not isinstance(plants, pd.DataFrame):
        raise OptionError(
            "CM-PLANT-009",
            f"plants must be a frame of plants or located firms, got {type(plants).__name__}",
            why="the index looks at plants one by one: sums by area no longer hold them",
            fix='ellison_glaeser(firms, areas, sectors="sic-sections", value="employees")',
        )
    if not firms:
        return read_plants(plants, areas=known)
    if areas is None or sectors is None:
        raise OptionError(
            "CM-PLANT-007",
            "firms need areas and sectors",
            why="a plant stands in an area and belongs to a sector",
            fix='ellison_glaeser(firms, areas, sectors="sic-sections", value="employees")',
        )
    frame, notes = _located(plants, areas, sectors, value)
    read = read_plants(frame, areas=known)
    return Plants(
        areas=read.areas,
        sectors=read.sectors,
        area=read.area,
        sector=read.sector,
        size=read.size,
        notes=(*notes, *read.notes),
    )


def _located(plants: Any, areas: Any, sectors: Any, value: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Put each firm in its area (the lowest code of several) and its sector (by its first usable code)."""
    from clustermap.sources import sectors as taxonomies
    from clustermap.tables.membership import given, place

    firms, polygons = given(plants, areas)
    taxonomy = taxonomies.load(sectors)
    placement = place(firms, polygons, overlap="primary")
    rows = firms.frame.take(placement.firm)
    if value != "firms" and value not in rows.columns:
        raise InputError(
            "CM-PLANT-008",
            f"the firms have no column {value!r}; they have {', '.join(map(str, rows.columns))}",
            why="how many work in each plant is a part of the answer",
            fix='value="value", a column of numbers, or value="firms" for plants of equal size',
        )
    kinds = rows["sic"].astype("category").array
    shares = np.asarray(taxonomy.weights_for(list(kinds.categories.astype(str))), dtype=float)
    shares = np.vstack((shares.reshape(-1, len(taxonomy.names)), np.zeros((1, len(taxonomy.names)))))
    row, sector = np.nonzero(shares[kinds.codes % len(shares)])
    share = shares[kinds.codes % len(shares)][row, sector]
    size = (
        np.ones(len(rows))
        if value == "firms"
        else pd.to_numeric(rows[value], errors="coerce").to_numpy(float)
    )
    unknown = ~np.isfinite(size[row])
    frame = pd.DataFrame(
        {
            "area": polygons.frame.index.to_numpy()[placement.area[row]],
            "sector": np.array(taxonomy.names, dtype=object)[sector],
            "employment": size[row] * share,
        }
    )[~unknown]
    notes = (
        [f"{part_of(unknown.sum(), len(row), 'firm', 'is', 'are')} left out: no {value}."]
        if unknown.any()
        else []
    )
    outside = len(firms) - len(rows)
    notes += [f"{part_of(outside, len(firms), 'firm', 'lies', 'lie')} outside all areas."] if outside else []
    notes += ["The firms are synthetic."] if firms.synthetic else []
    return frame, tuple(notes)
