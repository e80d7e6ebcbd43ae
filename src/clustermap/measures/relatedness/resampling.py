"""Complexity over and over, from firms or sectors drawn anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.errors import OptionError, StatisticsError
from clustermap.measures.relatedness.spectra import components, spectrum
from clustermap.randomness import stream
from clustermap.tables.sparse import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.sparse import csr_array

    from clustermap.measures.relatedness.presence import Presence

__all__ = ["resampled_index", "resampling", "source_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_WHOLE = 1e-6


def resampling(found: Presence, asked: str, *, raw: bool) -> Literal["firms", "sectors", "none"]:
    """Say what is drawn anew.

    Parameters
    ----------
    found : Presence
        What the index rests on.
    asked : {"auto", "firms", "sectors", "none"}
        As asked.
    raw : bool
        Whether a presence is a raw quotient, which can be had from drawn firms at once.

    Raises
    ------
    OptionError
        CM-COMPLEX-004: firms asked for where there are none to draw, or presences that rest on tests.
    """
    values = found.table.matrix.data
    firms = found.table.measure == "firms" and bool((np.abs(values - np.rint(values)) <= _WHOLE).all())
    if asked == "firms" and not (firms and raw):
        raise OptionError(
            "CM-COMPLEX-004",
            "firms cannot be drawn anew "
            + ("for presences that rest on tests" if firms else "from a table that does not count them"),
            why="jobs come in plants, so a table of jobs does not say what chance would change; and a copy of firms "
            "has twice the variance, which every test would see",
            fix='resample="sectors"',
        )
    if asked == "auto":
        return "firms" if firms and raw else "sectors"
    return "firms" if asked == "firms" else "sectors" if asked == "sectors" else "none"


def source_of(
    found: Presence, rows: Bools, columns: Bools, resample: str, threshold: float
) -> Callable[[np.random.Generator], csr_array]:
    """Return what makes one new matrix of presences, of these rows and columns."""
    if resample == "sectors":
        plain, n = found.cells[rows][:, columns], int(columns.sum())
        return lambda source: _without_zeros(plain, plain.data * _times(source, n)[plain.indices])
    table = found.table
    counts = table.matrix[table.labels.isin(found.areas)]
    counts.sort_indices()
    row = rows_of(counts)
    totals = table.area_totals[table.labels.isin(found.areas)].to_numpy(dtype=np.float64)
    lam = np.rint(counts.data)
    rest = np.maximum(0.0, np.rint(totals - np.bincount(row, weights=lam, minlength=counts.shape[0])))

    def again(source: np.random.Generator) -> csr_array:
        drawn = source.poisson(lam).astype(np.float64)  # a cell without firms gets none
        areas = np.bincount(row, weights=drawn, minlength=counts.shape[0]) + source.poisson(rest)
        sectors = np.bincount(counts.indices, weights=drawn, minlength=counts.shape[1]) / areas.sum()
        above = drawn > threshold * (areas[row] * sectors[counts.indices]) * (1 + 1e-12)
        return _without_zeros(counts, above.astype(np.float64))[rows][:, columns]

    return again


def _times(source: np.random.Generator, n: int) -> Ints:
    """Draw n sectors with replacement, and say how often each came."""
    return np.bincount(source.integers(n, size=n), minlength=n)


def _without_zeros(cells: csr_array, data: npt.NDArray[Any]) -> csr_array:
    made = cells.copy()
    made.data = np.asarray(data, dtype=np.float64)
    made.eliminate_zeros()
    return made


def resampled_index(
    make: Callable[[np.random.Generator], csr_array], *, sign: str, replicates: int, seed: int
) -> list[Floats]:
    """Return the index of the rows in each resample that gives one, in the order of the resamples."""

    def one(draw: int) -> Floats | None:
        matrix = make(stream(seed, "complexity", draw))
        part, _ = components(matrix)
        if (part != 0).any():
            return None
        try:
            held = np.bincount(matrix.indices, minlength=matrix.shape[1]) > 0
            return spectrum(matrix[:, held], sign=sign, quick=True).rows
        except StatisticsError:
            return None

    with ThreadPoolExecutor(workers()) as pool:
        return [m for m in pool.map(one, range(replicates)) if m is not None]
