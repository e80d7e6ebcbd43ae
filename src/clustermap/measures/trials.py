"""The experiment behind each cell of a table: what is counted, out of what, and with what chance under no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.measures.binomial import clopper_pearson, nothing_p, two_sided_p
from clustermap.measures.hypergeometric import (
    hypergeometric_limits,
    hypergeometric_nothing_p,
    hypergeometric_p,
)
from clustermap.schema import CELL_STATES
from clustermap.tables.sparse import as_matrix, states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clustermap.schema import CountLaw
    from clustermap.tables.table import SectorTable

__all__ = [
    "STATUSES",
    "Cells",
    "Margins",
    "Trial",
    "all_cells",
    "by_sector",
    "inference",
    "stored_cells",
    "surprising_zeros",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_WHOLE = 1e-6
STATUSES = (
    "ok", "rounded", "suppressed", "no firms in area", "suppressed total", "nothing in the reference",
    "exceeds its sector total", "exceeds its area total", "needs firm-level data",
)  # fmt: skip
OK, ROUNDED, SUPPRESSED, NO_FIRMS, HIDDEN_TOTAL, NO_REFERENCE, EXCEEDS, EXCEEDS_AREA, PLANTS = range(
    len(STATUSES)
)


class Cells(NamedTuple):
    """Cells of a table one by one, in order of area and sector."""

    row: Ints
    column: Ints
    value: Floats
    state: npt.NDArray[np.int8]  # number in CELL_STATES


class Margins(NamedTuple):
    """What the counts of an area, and of a sector, are held against."""

    areas: Floats  # the area's own total
    population: Floats  # what the area is a part of
    share: Floats  # its chance under no effect
    scale: Floats  # what it expects of one firm of the reference
    odds: Flags  # True: quotient = ratio of odds; False: ratio of proportions
    two_samples: Flags  # the area is no part of its reference
    whole: Floats  # by sector: what the reference holds
    everything: float  # all that the reference holds

    @classmethod
    def of(cls, table: SectorTable, reference: str | tuple[str, ...]) -> Margins:
        """Read the totals of a table against a reference."""
        areas = table.area_totals.to_numpy(dtype=np.float64)
        whole = table.sector_totals.to_numpy(dtype=np.float64)
        everything, n = float(table.total), len(areas)
        none, every = np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            if reference in {"nation", "rest"}:
                rest = reference == "rest"
                scale = areas / (everything - areas) if rest else areas / everything
                odds, population = every if rest else none, np.full(n, everything)
                return cls(areas, population, areas / everything, scale, odds, none, whole, everything)
            named = table.labels.isin(reference)
            # a suppressed cell leaves the reference unknown
            whole = np.asarray(table.matrix[np.flatnonzero(named)].sum(axis=0), dtype=np.float64).ravel()
            everything, outside = float(areas[named].sum()), ~named
            population = np.where(outside, areas + everything, everything)
            return cls(
                areas, population, areas / population, areas / everything, outside, outside, whole, everything
            )

    def columns_with_p(self, table: SectorTable) -> Flags:
        """Say which sectors have a total that can be counted out."""
        return (self.whole > 0) & _whole(self.whole) & (table.measure != "employment")

    def usable(self) -> Flags:
        """Say which areas expect anything of a sector that has anything."""
        return (self.areas > 0) & np.isfinite(self.scale) & (self.scale > 0) & np.isfinite(self.share)


class Trial(NamedTuple):
    """The experiment behind each cell, and what can be known of it."""

    total: Floats
    share: Floats
    expected: Floats
    status: Ints  # number in STATUSES
    answered: Flags  # has a quotient
    exact: Flags  # has an interval and p

    @classmethod
    def of(cls, table: SectorTable, cells: Cells, margins: Margins, law: CountLaw) -> Trial:
        """Work out the experiment of each cell."""
        row, column, count = cells.row, cells.column, cells.value
        areas, whole, share = margins.areas[row], margins.whole[column], margins.share[row]
        rest = margins.odds[row] & ~margins.two_samples[row]
        total = np.where(margins.two_samples[row], whole + np.nan_to_num(count), whole)
        hidden = np.isnan(count) | (cells.state == SUPPRESSED)
        with np.errstate(divide="ignore", invalid="ignore"):
            everything = margins.everything
            expected = np.where(
                rest, areas * (whole - count) / (everything - areas), areas * (whole / everything)
            )
            empty = ~hidden & (areas == 0)
            nothing = ~hidden & ~empty & ~(np.isfinite(expected) & (expected > 0))
            exceeds = ~hidden & ~empty & (count > total * (1 + _WHOLE) + _WHOLE)
            unknown = nothing & (np.isnan(areas) | np.isnan(total) | np.isnan(share))
            over = ~hidden & ~empty & (count > areas * (1 + _WHOLE) + _WHOLE) & (law == "hypergeometric")
        answered = ~(hidden | empty | nothing)
        lumpy = ~(_whole(count) & _whole(total)) | (table.measure == "employment")
        if law == "hypergeometric":
            lumpy |= ~(_whole(areas) & _whole(margins.population[row]))
        status = cells.state.astype(np.int64)
        for where, word in (
            (answered & lumpy, PLANTS),
            (answered & over, EXCEEDS_AREA),
            (answered & exceeds, EXCEEDS),
            (nothing, NO_REFERENCE),
            (unknown, HIDDEN_TOTAL),
            (empty, NO_FIRMS),
            (hidden, SUPPRESSED),
        ):
            status[where] = word
        return cls(total, share, expected, status, answered, answered & ~lumpy & ~exceeds & ~over)


def all_cells(table: SectorTable) -> Cells:
    """Return every cell of a table."""
    n, m = table.matrix.shape
    return Cells(
        np.repeat(np.arange(n), m),
        np.tile(np.arange(m), n),
        table.matrix.toarray().ravel(),
        states(table.matrix, table.precision, table.marks).ravel(),
    )


def stored_cells(table: SectorTable) -> Cells:
    """Return the cells that are not a plain 0: firms, unknown figures, marks of their own."""
    matrix, marks = table.matrix, table.marks
    pattern = matrix.copy()
    pattern.data = np.ones(matrix.nnz)
    if marks.nnz:
        pattern = as_matrix(pattern + as_matrix(marks))
    pattern.sort_indices()
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(pattern.indptr))
    column = pattern.indices.astype(np.int64)
    count = np.asarray(matrix[row, column], dtype=np.float64).ravel() if marks.nnz else matrix.data.copy()
    state = np.full(len(row), CELL_STATES.index(table.precision), dtype=np.int8)
    state[np.isnan(count)] = SUPPRESSED
    if marks.nnz:
        own = np.asarray(marks[row, column]).ravel()
        state[own > 0] = own[own > 0] - 1
    return Cells(row, column, count, state)


def by_sector(
    stored: Cells, trial: Trial, margins: Margins
) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
    """Yield by sector the counts stored, what they expect, and the areas without firms by what they expect."""
    usable = margins.usable()
    sizes, times = np.unique(margins.scale[usable], return_counts=True)
    ordered = np.argsort(stored.column, kind="stable")
    ends = np.searchsorted(stored.column[ordered], np.arange(len(margins.whole) + 1))
    for s, whole in enumerate(margins.whole):
        at = ordered[ends[s] : ends[s + 1]]
        if not whole > 0:
            yield np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0)
            continue
        # what stands in the cells stored is no blank: it is taken out of the blanks again
        taken = margins.scale[stored.row[at][usable[stored.row[at]]]]
        blank = np.concatenate((sizes, taken)) * whole
        n = np.concatenate((times.astype(np.float64), -np.ones(len(taken))))
        yield np.where(trial.answered[at], stored.value[at], np.nan), trial.expected[at], blank, n


def inference(
    cells: Cells, trial: Trial, margins: Margins, *, interval: float, law: CountLaw
) -> dict[str, Floats]:
    """Return the limits of the quotient and the p of each cell that has them."""
    out: dict[str, Floats] = {name: np.full(len(cells.row), np.nan) for name in ("lower", "upper", "p")}
    at = np.flatnonzero(trial.exact)
    row = cells.row[at]
    x, n = np.rint(cells.value[at]), np.rint(trial.total[at])
    share, odds = np.minimum(trial.share[at], 1.0), margins.odds[row]
    if law == "binomial":
        low, high = clopper_pearson(x, n, interval)
        out["p"][at] = two_sided_p(x, n, share)
    else:
        drawn, population = (np.rint(part[row]) for part in (margins.areas, margins.population))
        low, high = hypergeometric_limits(x, n, drawn, population, interval)
        out["p"][at] = hypergeometric_p(x, n, drawn, population)
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, limit in (("lower", low), ("upper", high)):
            ratio = limit / share
            out[name][at] = np.where(odds, ratio * (1 - share) / (1 - limit), ratio)
    return out


def surprising_zeros(
    stored: Cells, margins: Margins, columns: Flags, law: CountLaw
) -> tuple[Ints, Ints, Floats, int]:
    """Find the cells without firms whose p is below 1, and count all cells without firms that have a p.

    In a sector p falls with the size of the area, so the areas of interest are the largest ones: where less than
    ln 2 firms are expected p is 1, and so the cells found are never many more than there are firms.
    """
    usable = margins.usable()
    if law == "hypergeometric":
        usable &= _whole(margins.areas) & _whole(margins.population)
    stored_in = usable[stored.row] & columns[stored.column]
    tests = int(usable.sum()) * int(columns.sum()) - int(stored_in.sum())
    rows, wanted = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    ordered = np.argsort(stored.column, kind="stable")
    ends = np.searchsorted(stored.column[ordered], np.arange(len(columns) + 1))
    for group in (usable & ~margins.two_samples, usable & margins.two_samples):
        areas = np.flatnonzero(group)
        areas = areas[np.argsort(margins.areas[areas], kind="stable")]
        first = _first_below_one(areas, margins, law)
        for s in np.flatnonzero(columns & (first < len(areas))):
            firms = np.zeros(len(margins.areas), dtype=bool)
            firms[stored.row[ordered[ends[s] : ends[s + 1]]]] = True
            found = areas[first[s] :]
            found = found[~firms[found]]
            rows.append(found)
            wanted.append(np.full(len(found), s))
    row, column = np.concatenate(rows), np.concatenate(wanted)
    total = np.rint(margins.whole[column])
    if law == "binomial":
        p = nothing_p(total, np.minimum(margins.share[row], 1.0))
    else:
        drawn, population = (np.rint(part[row]) for part in (margins.areas, margins.population))
        p = hypergeometric_p(np.zeros(len(row)), total, drawn, population)
    below = p < 1
    order = np.lexsort((column[below], row[below]))
    return row[below][order], column[below][order], p[below][order], tests


def _first_below_one(areas: Ints, margins: Margins, law: CountLaw) -> Ints:
    """Return by sector the place of the smallest area whose p of nothing is below 1, by bisection."""
    total = np.rint(np.nan_to_num(margins.whole))
    low, high = np.zeros(len(total), dtype=np.int64), np.full(len(total), len(areas))
    while (low < high).any():
        middle = np.minimum((low + high) // 2, len(areas) - 1)
        at = areas[middle]
        if law == "binomial":
            p = nothing_p(total, np.minimum(margins.share[at], 1.0))
        else:
            p = hypergeometric_nothing_p(total, np.rint(margins.areas[at]), np.rint(margins.population[at]))
        below = (p < 1) & (total > 0)
        low, high = np.where(below | (low >= high), low, middle + 1), np.where(below, middle, high)
    return low


def _whole(values: Any) -> Flags:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(values - np.rint(values)) <= _WHOLE)
