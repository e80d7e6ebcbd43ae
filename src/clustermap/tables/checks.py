"""What labels and figures of a table must be."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from clustermap.errors import AlignmentError, ClusterMapWarning, InputError, examples, part_of
from clustermap.sources.values import Areas
from clustermap.tables.sparse import rows_of

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

_SLACK = 1e-9  # sums in another order differ by less
_ROUNDING = 1e-3  # and sums of published figures by about so much

__all__ = ["as_numbers", "check_areas", "check_sums", "fitting_areas", "same_labels", "unique_labels"]


def unique_labels(labels: pd.Index, what: str) -> pd.Index:
    """Return labels of which none stands twice, none is missing, and that have an order.

    Raises
    ------
    InputError
        CM-TABLE-001: duplicated. CM-TABLE-022: missing, or of several types.
    """
    missing = 0 if labels.nlevels > 1 else int(labels.isna().sum())
    mixed = labels.inferred_type.startswith("mixed") and not _in_order(labels)
    if missing or mixed:
        axis = ("index", 0) if what == "area" else ("columns", 1)
        kinds = sorted({type(label).__name__ for label in labels})
        raise InputError(
            "CM-TABLE-022",
            f"{part_of(missing, len(labels), f'{what} label', 'is', 'are')} missing"
            if missing
            else f"the {len(labels)} {what} labels are of several types: {', '.join(kinds)}",
            why="rows and columns are told apart, matched and ordered by their labels",
            fix=f"values.loc[{':, ' * axis[1]}values.{axis[0]}.notna()]"
            if missing
            else f"values.set_axis(values.{axis[0]}.astype(str), axis={axis[1]})",
        )
    if not labels.is_unique:
        twice = labels[labels.duplicated()]
        raise InputError(
            "CM-TABLE-001",
            f"{part_of(len(twice), len(labels), f'{what} label', 'is', 'are')} duplicated: {list(twice[:5])}",
            why="a doubled area would be counted twice",
            fix="values.groupby(level=0).sum(min_count=1)",
        )
    return labels


def as_numbers(values: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as numbers.

    Raises
    ------
    InputError
        CM-TABLE-002.
    """
    strange = [str(kind) for kind in values.dtypes if kind.kind in "cmM"]
    if strange:
        raise InputError(
            "CM-TABLE-002",
            "the values are not all numbers: "
            f"{part_of(len(strange), values.shape[1], 'column', 'is', 'are')} {strange[0]}",
            why="firms and jobs are counted",
            fix='values.select_dtypes("number")',
        )
    try:
        return values.astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(
            "CM-TABLE-002",
            f"the values are not all numbers: {error}",
            why="marks such as '<5' or 'c' are suppressed cells, not zeros",
            fix="values.apply(pd.to_numeric, errors='coerce')   # marks become NaN = suppressed",
        ) from error


def same_labels(series: pd.Series, labels: pd.Index, what: str) -> pd.Series:
    """Return a series in the order of labels that it must carry, all of them and no other.

    Raises
    ------
    AlignmentError
        CM-ALIGN-001.
    """
    missing, extra = labels.difference(series.index), series.index.difference(labels)
    if len(missing) or len(extra) or not series.index.is_unique:
        raise AlignmentError(
            "CM-ALIGN-001",
            f"{what} and values carry different labels: {len(missing)} missing {list(missing[:5])}, "
            f"{len(extra)} extra {list(extra[:5])}",
            why="values that meet the wrong area give a wrong answer without any sign of it",
            fix=f"{what}.reindex(values.index), after the labels are of one vintage",
        )
    return series.reindex(labels)


def check_sums(
    cells: csr_array,
    labels: tuple[pd.Index, pd.Index],
    area_totals: pd.Series | None,
    sector_totals: pd.Series | None,
) -> None:
    """Refuse totals below a single cell, warn of totals below the sum of their cells.

    Raises
    ------
    InputError
        CM-TABLE-023.

    Warns
    -----
    ClusterMapWarning
        CM-TABLE-024.
    """
    both = (
        (area_totals, labels[0], rows_of(cells), "area"),
        (sector_totals, labels[1], cells.indices, "sector"),
    )
    for given, index, at, what in both:
        if given is None:
            continue
        known = same_labels(given, index, f"{what}_totals").to_numpy(dtype=float)
        held = np.nan_to_num(cells.data)
        below = np.unique(at[held > known[at] * (1 + _SLACK) + _SLACK])
        if len(below):
            raise InputError(
                "CM-TABLE-023",
                f"{part_of(len(below), len(index), f'{what} total', 'is', 'are')} below one of their own cells: "
                + examples((int(i), index[i]) for i in below),
                why="a part that is larger than its whole makes shares above 1 and p-values of nothing",
                fix=f"{what}_totals of the same measure and year as the values, or none: sums of the values",
            )
        sums = np.bincount(at, weights=held, minlength=len(index))
        short = np.flatnonzero(sums > known * (1 + _ROUNDING) + _SLACK)
        if len(short):
            warnings.warn(
                f"[CM-TABLE-024] {part_of(len(short), len(index), f'{what} total', 'is', 'are')} below the "
                "sum of their cells: "
                + examples((int(i), index[i]) for i in short)
                + "; right where sectors overlap or figures are rounded, else the totals are of something else",
                ClusterMapWarning,
                stacklevel=4,
            )


def check_areas(named: pd.Series, labels: pd.Index) -> None:
    """Refuse a lookup that names areas which a table lacks.

    Raises
    ------
    AlignmentError
        CM-ALIGN-005.
    """
    lacking = sorted(set(named) - set(labels))
    if lacking:
        raise AlignmentError(
            "CM-ALIGN-005",
            f"{part_of(len(lacking), named.nunique(), 'area', 'stands', 'stand')} in the lookup alone, not in the "
            f"table: {lacking[:5]}",
            why="their authorities would be too small without any sign of it",
            fix="a table and a lookup of one vintage",
        )


def fitting_areas(areas: Any, labels: pd.Index) -> Areas:
    """Return the polygons of exactly these areas, read with defaults where they are a plain frame."""
    if isinstance(areas, Areas):
        polygons = areas
    else:
        from clustermap.sources.boundaries import as_areas

        polygons = as_areas(areas)
    same_labels(polygons.frame["name"], labels, "areas")
    return polygons


def _in_order(labels: pd.Index) -> bool:
    """Say whether labels can be sorted."""
    try:
        labels.sort_values()
    except TypeError:
        return False
    return True
