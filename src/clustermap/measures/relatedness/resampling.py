"""Complexity over and over, from firms or sectors drawn anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.errors import OptionError, StatisticsError
from clustermap.measures.relatedness.spectra import components, spectrum
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.measures.relatedness.presence import Presence

__all__ = ["resampled_index", "resampling", "source_of"]

Floats = npt.NDArray[np.float64]
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
    values = found.table.values.to_numpy(dtype=np.float64)
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
) -> Callable[[np.random.Generator], Floats]:
    """Return what makes one new matrix of presences, of these rows and columns."""
    block = np.ix_(rows, columns)
    if resample == "sectors":
        plain, n = found.matrix[block].astype(np.float64), int(columns.sum())
        return lambda source: plain * np.bincount(source.integers(n, size=n), minlength=n)
    filled = found.table.values.index.isin(found.areas)
    counts = np.rint(found.table.values.to_numpy(dtype=np.float64)[filled])
    totals = found.table.area_totals.to_numpy(dtype=np.float64)[filled]
    rest = np.maximum(0.0, np.rint(totals - counts.sum(axis=1)))

    def again(source: np.random.Generator) -> Floats:
        drawn = source.poisson(counts).astype(np.float64)
        areas = drawn.sum(axis=1) + source.poisson(rest)
        expected = areas[:, None] * (drawn.sum(axis=0) / areas.sum())
        return np.asarray((drawn > threshold * expected * (1 + 1e-12))[block], dtype=np.float64)

    return again


def resampled_index(
    make: Callable[[np.random.Generator], Floats], *, sign: str, replicates: int, seed: int
) -> list[Floats]:
    """Return the index of the rows in each resample that gives one, in the order of the resamples."""

    def one(draw: int) -> Floats | None:
        matrix = make(stream(seed, "complexity", draw))
        part, _ = components(matrix)
        if (part != 0).any():
            return None
        try:
            return spectrum(matrix[:, matrix.sum(axis=0) > 0], sign=sign, quick=True).rows
        except StatisticsError:
            return None

    with ThreadPoolExecutor(workers()) as pool:
        return [m for m in pool.map(one, range(replicates)) if m is not None]
