"""Entropies of areas over sectors and groups of sectors, from the cells that hold anything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.randomness import stream
from clustermap.schema import CELL_STATES
from clustermap.tables.sparse import exceptions, rows_of

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

    from clustermap.tables.table import SectorTable

__all__ = ["PARTS", "Counted", "Entropies", "Resample", "counted", "entropies"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PARTS = ("total", "unrelated", "related")
_WHOLE = 1e-6


class Counted(NamedTuple):
    """Areas × sectors with the sectors of a group side by side, nothing in an area that is not wholly known."""

    cells: csr_array
    group: Ints  # of each cell stored
    n: Floats  # of each area; NaN where it is not wholly known
    firms: bool


def counted(table: SectorTable, group: pd.Series) -> Counted:
    """Read a table with the group of every sector."""
    names = group.to_numpy().astype(str)
    order = np.argsort(names, kind="stable")
    _, number = np.unique(names[order], return_inverse=True)
    rows, _, state = exceptions(table.matrix, table.marks)
    hidden = np.zeros(len(table.labels), dtype=bool)
    hidden[rows[state == CELL_STATES.index("suppressed")]] = True
    hidden[rows_of(table.matrix)[np.isnan(table.matrix.data)]] = True
    cells = table.matrix[:, order]
    cells.data = np.where(hidden[rows_of(cells)], 0.0, cells.data)
    cells.eliminate_zeros()
    cells.sort_indices()
    firms = table.measure == "firms" and bool((np.abs(cells.data - np.rint(cells.data)) <= _WHOLE).all())
    n = np.bincount(rows_of(cells), weights=cells.data, minlength=len(hidden))
    return Counted(cells, np.ravel(number)[cells.indices], np.where(hidden, np.nan, n), firms)


class Entropies(NamedTuple):
    """Of each area: total, between groups, within them, and how many sectors and groups hold anything."""

    total: Floats
    unrelated: Floats
    related: Floats
    sectors: Ints
    groups: Ints


def entropies(given: Counted, estimator: str) -> Entropies:
    """Return the entropies of all areas; what stands for an area without anything is no answer."""
    from scipy.special import xlogy

    row, counts = rows_of(given.cells), given.cells.data
    first = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(given.group, prepend=-1) != 0))
    by_group = np.add.reduceat(counts, first) if len(first) else counts

    def by_area(values: Floats, at: Ints) -> Floats:
        return np.bincount(at, weights=values, minlength=len(given.n)).astype(np.float64)

    with np.errstate(divide="ignore", invalid="ignore"):
        return _together(
            by_area(counts, row),
            (by_area(xlogy(counts, counts), row), by_area(xlogy(by_group, by_group), row[first])),
            (np.bincount(row, minlength=len(given.n)), np.bincount(row[first], minlength=len(given.n))),
            estimator,
        )


def _of_rows(counts: Floats | Ints, starts: Ints, estimator: str) -> Entropies:
    """Return the entropies of rows of counts; columns of a group stand together."""
    by_group = np.add.reduceat(counts, starts, axis=1)
    return _together(
        counts.sum(axis=1),
        (_logged(counts), _logged(by_group)),
        ((counts > 0).sum(axis=1), (by_group > 0).sum(axis=1)),
        estimator,
    )


def _together(
    n: Floats, logged: tuple[Floats, Floats], numbers: tuple[Ints, Ints], estimator: str
) -> Entropies:
    """Put entropies in nats together from n, Σ x log x and how many hold anything, each of sectors and groups."""
    total = np.maximum(0.0, np.log(n) - logged[0] / n)
    unrelated = np.maximum(0.0, np.log(n) - logged[1] / n)
    unrelated = np.minimum(unrelated, total)  # but for the last digit it is
    sectors, groups = numbers
    if estimator == "miller-madow":
        total = total + (sectors - 1) / (2 * n)
        unrelated = unrelated + (groups - 1) / (2 * n)
    return Entropies(total, unrelated, total - unrelated, sectors, groups)


def _logged(counts: Floats | Ints) -> Floats:
    """Return the row sums of x log x; whole numbers are looked up, each once."""
    from scipy.special import xlogy

    if counts.dtype.kind == "i":
        steps = np.arange(int(counts.max()) + 1, dtype=np.float64)
        if len(steps) <= counts.size:
            return np.asarray(xlogy(steps, steps)[counts].sum(axis=1))
        counts = counts.astype(np.float64)
    return np.asarray(xlogy(counts, counts).sum(axis=1))


class Resample(NamedTuple):
    """How resamples of an area's firms become intervals."""

    given: Counted
    estimator: str
    levels: tuple[float, float]
    replicates: int
    seed: int

    def limits(self, areas: Ints, labels: pd.Index) -> Floats:
        """Return lower and upper limits of total, unrelated and related variety: areas × 6."""
        with ThreadPoolExecutor(workers()) as pool:
            return np.array(list(pool.map(self._one, areas.tolist(), labels[areas])))

    def _one(self, area: int, label: str) -> list[float]:
        own = slice(self.given.cells.indptr[area], self.given.cells.indptr[area + 1])
        row = self.given.cells.data[own]
        starts = np.flatnonzero(np.diff(self.given.group[own], prepend=-1))
        source = stream(self.seed, "variety", label)
        draws = source.multinomial(round(row.sum()), row / row.sum(), size=self.replicates)
        again = _of_rows(draws, starts, self.estimator)
        here, plain = (_of_rows(row[None, :], starts, e) for e in (self.estimator, "plugin"))
        limits = []
        for part in PARTS:
            # the plug-in value is the truth of the resampled world: its error is turned around
            low, high = np.quantile(getattr(again, part) - getattr(plain, part)[0], self.levels)
            value = getattr(here, part)[0]
            limits += [max(0.0, value - high), max(0.0, value - low)]
        return limits
