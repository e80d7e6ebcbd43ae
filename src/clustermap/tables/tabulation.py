"""Counting firms by area and sector, on integer codes throughout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, examples, part_of, plural
from clustermap.ledger import Ledger
from clustermap.schema import LEDGER_COLUMNS, Codes, Overlap, StackRule
from clustermap.sources import sectors as taxonomies
from clustermap.tables.crowding import LEFT_OUT, PER_ADDRESS, check_stacks, thinned
from clustermap.tables.membership import given, place
from clustermap.tables.sparse import as_matrix
from clustermap.tables.table import SectorTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    from scipy.sparse import csr_array

    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms
    from clustermap.tables.membership import Placement

__all__ = ["belonging", "counted_weights", "tabulate"]

Floats = npt.NDArray[np.float64]


def tabulate(
    firms: Firms | gpd.GeoDataFrame,
    areas: Areas | gpd.GeoDataFrame,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]],
    value: Literal["firms"] | str = "firms",  # noqa: PYI051 - the one word that is no column
    codes: Codes = "first",
    overlap: Overlap = "fractional",
    stacks: StackRule = "keep",
    per_address: int = PER_ADDRESS,
) -> SectorTable:
    """Count firms, or sum a column, by area and sector.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Located firms.
    areas : Areas or geopandas.GeoDataFrame
        Areas, which may overlap, in the same system.
    sectors : Taxonomy, str, path or dict
        A taxonomy, its name ("hvm"), a TOML file, or ``{"steel": ["241", "242"]}``.
    value : str
        "firms" counts firms; anything else is a numeric column to sum ("value", "employees").
    codes : {"first", "fractional", "any"}
        A firm with several codes counts by its first usable one, shared equally over all of them, or
        whole in every sector that any of them belongs to.
    overlap : {"full", "fractional", "primary"}
        A firm in several areas counts whole in each, shared equally, or in the one with the lowest code.
    stacks : {"keep", "cap", "drop"}
        What becomes of addresses with very many firms (:func:`stacks` lists them): counted like all others, all but
        `per_address` of their firms left out (chosen by a hash of their identity), or all of them.
    per_address : int
        More firms than this at one coordinate are a stack.

    Returns
    -------
    SectorTable
        `area_totals` holds every firm, whatever its sector or none; `sector_totals` and `total` count
        each firm once under every rule, so that under "full" areas may sum to more. Firms outside all
        areas are in no total; the ledger counts them. Where stacks are not kept, the ledger counts what is left
        out, and `with_stacks` is the table with every firm: detection reports both.

    Raises
    ------
    InputError
        CM-TABLE-006: no firm lies in any area. CM-TABLE-007: the column to sum is absent or not numeric.
        CM-TABLE-008: it holds negative or infinite values. CM-TABLE-019: no firm has a sector code.
    OptionError
        CM-OPTION-001: an unknown rule. CM-STACK-001, CM-STACK-002: no rule or limit for stacks.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point, box
    >>> areas = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"], "name": ["a", "b"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)],
    ...     crs="EPSG:27700")
    >>> firms = gpd.GeoDataFrame(
    ...     {"firm_id": ["f1", "f2", "f3"], "sic": ["24100", "62012", "24200"]},
    ...     geometry=[Point(1, 1), Point(2, 5), Point(17, 8)], crs="EPSG:27700")
    >>> table = tabulate(firms, areas, sectors={"steel": ["241", "242"]})
    >>> table.values["steel"].to_list(), table.area_totals.to_list()
    ([1.0, 1.0], [2.0, 1.0])
    """
    if codes not in get_args(Codes):
        raise OptionError(
            "CM-OPTION-001", f"codes={codes!r}", fix=f"one of {', '.join(map(repr, get_args(Codes)))}"
        )
    taxonomy = taxonomies.load(sectors)
    check_stacks(stacks, per_address)
    given_firms, given_areas = given(firms, areas)
    if stacks != "keep":
        rest = thinned(given_firms, stacks, per_address)
        part, whole = (
            tabulate(some, given_areas, sectors=taxonomy, value=value, codes=codes, overlap=overlap)
            for some in (rest.firms, given_firms)
        )
        note = f"{rest.told} {part.note}".strip()
        if len(rest.firms) == len(given_firms):
            return replace(whole, note=note)
        return replace(
            part, note=note, with_stacks=whole, ledger=_with_left_out(part.ledger, given_firms, rest.firms)
        )
    weight, notes = counted_weights(given_firms, value)
    notes += _uncoded(given_firms)
    placement = place(given_firms, given_areas, overlap=overlap)
    if not placement.inside.any():
        raise _nothing_inside(given_firms, given_areas)
    n = len(given_areas)
    belongs = belonging(given_firms, taxonomy, codes)
    if overlap == "full" and len(placement.firm) > placement.inside.sum():
        notes.append(
            "Firms in several areas are counted whole in each of them: areas sum to more than the total."
        )
    counted = placement.share * weight[placement.firm]
    once = np.where(placement.inside, weight, 0.0)
    labels, columns = given_areas.frame.index, pd.Index(taxonomy.names)
    return SectorTable(
        matrix=_sums(placement, counted, belongs, n),
        area_totals=pd.Series(
            np.bincount(placement.area, weights=counted, minlength=n), index=labels, name="total"
        ),
        sector_totals=pd.Series(belongs.T @ once, index=columns, name="total"),
        total=float(once.sum()),
        measure="firms" if value == "firms" else "employment",
        areas=given_areas,
        ledger=placement.ledger,
        sector_labels=dict(taxonomy.labels),
        note=" ".join([*_said(given_firms, given_areas), *notes]),
    )


def _with_left_out(ledger: Ledger | None, firms: Firms, rest: Firms) -> Ledger | None:
    """Account for the firms that a guard left out."""
    if ledger is None:
        return None
    left = ~firms.frame["firm_id"].isin(rest.frame["firm_id"]).to_numpy()
    value = firms.frame["value"].to_numpy(dtype=float, na_value=np.nan)
    lost = float(np.nansum(value[left])) if np.isfinite(value).any() else float(left.sum())
    shown = examples((int(r), firms.frame["firm_id"].iloc[r]) for r in np.flatnonzero(left)[:6])
    row = pd.DataFrame([(LEFT_OUT, "set aside", int(left.sum()), lost, shown)], columns=list(LEDGER_COLUMNS))
    return Ledger(
        frame=pd.concat([ledger.frame, row], ignore_index=True),
        n_in=ledger.n_in + int(left.sum()),
        value_in=ledger.value_in + lost,
        notes=ledger.notes,
    )


def _sums(placement: Placement, counted: Floats, belongs: csr_array, n: int) -> csr_array:
    """Sum over the firms of each area, sector by sector, without ever holding the zeros."""
    from scipy.sparse import csr_array

    in_areas = csr_array((counted, (placement.area, placement.firm)), shape=(n, belongs.shape[0]))
    return as_matrix(in_areas @ belongs)


def counted_weights(firms: Firms, value: str) -> tuple[Floats, list[str]]:
    """Return what each firm counts, and what must be said about it."""
    if value == "firms":
        return np.ones(len(firms)), []
    if value not in firms.frame.columns or not pd.api.types.is_numeric_dtype(firms.frame[value]):
        numeric = [str(c) for c in firms.frame.select_dtypes("number").columns]
        known = (
            f"is no number but {firms.frame[value].dtype}" if value in firms.frame.columns else "is absent"
        )
        raise InputError(
            "CM-TABLE-007",
            f"the column {value!r} {known}; numeric columns: {', '.join(numeric) or 'none'}",
            why="a sum needs numbers; marks such as '<5' are suppressed, not 0",
            fix='value="firms", or pd.to_numeric(frame[column], errors="coerce")',
        )
    column = firms.frame[value].to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero(np.isinf(column) | (column < 0))
    ids = firms.frame["firm_id"]
    if len(bad):
        raise InputError(
            "CM-TABLE-008",
            f"{part_of(len(bad), len(column), 'firm', 'has', 'have')} a negative or infinite {value}: "
            + examples((int(r), ids.iloc[r]) for r in bad),
            why="one such value spoils every total",
            fix=f"frame[frame[{value!r}].between(0, 1e9)]",
        )
    missing = np.isnan(column)
    if missing.all() and len(column):
        raise InputError(
            "CM-TABLE-007",
            f"none of {plural(len(column), 'firm')} has a {value}",
            fix='value="firms"',
        )
    said = (
        [f"{part_of(missing.sum(), len(column), 'firm', 'adds', 'add')} nothing: no {value}."]
        if missing.any()
        else []
    )
    return np.nan_to_num(column), said


def _uncoded(firms: Firms) -> list[str]:
    """Say how many firms have no sector, and refuse where none has one."""
    without, n = int(firms.frame["sic"].isna().sum()), len(firms)
    if n and without == n:
        raise InputError(
            "CM-TABLE-019",
            f"none of {plural(n, 'firm')} has a usable sector code",
            why="every sector would count 0 firms, which is not known",
            fix='read_firms(source, columns={"sic": "the column with the codes"})',
        )
    return (
        [f"{part_of(without, n, 'firm', 'has', 'have')} no usable sector code: counted in totals only."]
        if without
        else []
    )


def belonging(firms: Firms, taxonomy: Taxonomy, codes: Codes) -> csr_array:
    """Return firms × sectors: how much of each firm belongs to each sector."""
    from scipy.sparse import csr_array

    if codes == "first":
        return _rows(taxonomy, firms.frame["sic"])
    activities = firms.activities
    by_activity = _rows(taxonomy, activities["sic"])
    firm = pd.Index(firms.frame["firm_id"]).get_indexer(activities["firm_id"])
    n = len(firms)
    if codes == "fractional":
        share = 1.0 / np.bincount(firm, minlength=n)[firm]
        to_firm = csr_array((share, (firm, np.arange(len(firm)))), shape=(n, len(firm)))
        return csr_array(to_firm @ by_activity)
    found = by_activity.tocoo()
    if not found.nnz:
        return csr_array((n, len(taxonomy.names)))
    key = firm[found.row].astype(np.int64) * len(taxonomy.names) + found.col
    order = np.argsort(key, kind="stable")
    unique, starts = np.unique(key[order], return_index=True)
    largest = np.maximum.reduceat(found.data[order], starts)
    place_of = (unique // len(taxonomy.names), unique % len(taxonomy.names))
    return csr_array((largest, place_of), shape=(n, len(taxonomy.names)))


def _rows(taxonomy: Taxonomy, codes: pd.Series) -> csr_array:
    """Return the sector weights of every code, each distinct code looked up once."""
    from scipy.sparse import csr_array

    kinds = codes.astype("category").array
    known = np.asarray(taxonomy.weights_for(list(kinds.categories.astype(str))), dtype=float)
    known = np.vstack((known.reshape(-1, len(taxonomy.names)), np.zeros((1, len(taxonomy.names)))))
    return csr_array(known)[kinds.codes % len(known)]  # a missing code, -1, is the last row


def _nothing_inside(firms: Firms, areas: Areas) -> InputError:
    ours, theirs = firms.frame.total_bounds, areas.frame.total_bounds
    return InputError(
        "CM-TABLE-006",
        f"none of {plural(len(firms), 'firm')} lies in any of {plural(len(areas), 'area')}: "
        f"firms x {ours[0]:.0f}…{ours[2]:.0f}, y {ours[1]:.0f}…{ours[3]:.0f}; "
        f"areas x {theirs[0]:.0f}…{theirs[2]:.0f}, y {theirs[1]:.0f}…{theirs[3]:.0f}",
        why="there is nothing to count",
        fix='areas that hold the firms, for instance read_boundaries("lad", vintage=2022)',
    )


def _said(firms: Firms, areas: Areas) -> list[str]:
    """Say what must stand beside every figure."""
    said = ["The firms are synthetic."] if firms.synthetic else []
    if "registered office" in firms.location_kind:
        said.append("Places are registered offices, not workplaces.")
    elif "unknown" in firms.location_kind:
        said.append("Whether the places are workplaces or registered offices is unknown.")
    if areas.generalised:
        said.append("Boundaries are generalised, not for measurement.")
    return said
