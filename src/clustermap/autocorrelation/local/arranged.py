"""Arrangements of the whole map, and their counts in both tails of every area: for nulls that are not free."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.bound_nulls import BLOCK
from clustermap.autocorrelation.draws import TIES, Counts, threaded
from clustermap.autocorrelation.local import arranged_kernels
from clustermap.autocorrelation.local import kernels as local_kernels
from clustermap.compiled import workers

if TYPE_CHECKING:
    from clustermap.autocorrelation.bound_nulls import BoundNull

__all__ = ["Trial", "arranged_counts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class Trial(NamedTuple):
    """What is counted against arrangements of the whole map: variables × areas, and their links.

    `kind` is one of those of the kernels. `held`: the area's own value stays where it is and is nobody's
    neighbour; `moves`: it comes from the arrangement too.
    """

    pool: Floats
    own: Floats
    indptr: Ints
    indices: Ints
    weights: Floats
    itself: Floats  # weight of the area's own value
    kind: int
    held: bool
    moves: bool
    power: float = 0.0

    def add(self, s: int, places: Places, active: Bools, up: Ints, low: Ints) -> None:
        """Add to the counts of one variable."""
        if self.power:
            self._add_spreads(s, places, active, up, low)
            return
        near = (self.indptr, self.indices, self.weights, self.itself)
        observed = np.empty(len(active))
        arranged_kernels.evaluate(self.pool[s], self.own[s], *near, self.kind, observed)
        largest = max(np.abs(self.pool[s]).max(), np.abs(self.own[s]).max(), 1.0)
        size = np.bincount(np.repeat(np.arange(len(active)), np.diff(self.indptr)), self.weights, len(active))
        tolerance = TIES * (size + self.itself) * 4 * largest * largest
        arranged_kernels.count_arranged(
            self.pool[s],
            self.own[s],
            observed,
            *near,
            places,
            tolerance,
            active,
            self.kind,
            self.held,
            self.moves,
            up,
            low,
        )

    def _add_spreads(self, s: int, places: Places, active: Bools, up: Ints, low: Ints) -> None:
        z, near = self.pool[s], (self.indptr, self.indices, self.weights)
        residual = np.empty(len(z))
        level = arranged_kernels.residuals(z, *near, self.power, residual)
        around = np.empty((1, len(z)))
        local_kernels.weighted_sums(residual[None, :], *near, around)
        observed = around[0] / level if level > 0 else np.ones(len(z))
        tie = float(TIES * len(z) * max(1.0, observed.max()))
        arranged_kernels.count_variances(z, observed, *near, places, self.power, tie, active, up, low)


def arranged_counts(
    trial: Trial,
    null: BoundNull,
    *,
    permutations: int,
    seed: int,
    first: int = 0,
    active: Bools | None = None,
) -> Counts:
    """Count, for each variable and area, the arrangements of the whole map whose statistic is as extreme.

    Parameters
    ----------
    trial : Trial
        What is counted.
    null : BoundNull
        Which arrangements there are.
    permutations, seed : int
        How many, and what they come from.
    first : int
        Arrangements counted before: whole blocks.
    active : numpy.ndarray of bool, optional
        Variables × areas still to be counted for; all where absent.
    """
    made = null.draws(permutations)
    up, low = (np.zeros(trial.pool.shape, dtype=np.int64) for _ in range(2))
    every = np.ones(trial.pool.shape, dtype=bool) if active is None else active
    alive = [int(s) for s in np.flatnonzero(every.any(axis=1))]

    def count(number: int) -> Counts:
        places = null.block(number, seed=seed, statistic="local", permutations=permutations)
        more, less = np.zeros_like(up), np.zeros_like(low)
        for s in alive:
            trial.add(s, places, every[s], more[s], less[s])
        return Counts(more, less, more)

    numbers = range(first // BLOCK, -(-made // BLOCK))
    step = max(1, workers())
    for start in range(numbers.start, numbers.stop, step):  # few at a time: each holds counts of all cells
        part = range(start, min(start + step, numbers.stop))
        for counts in threaded(count, part, work=len(trial.indices) * len(up) * BLOCK * step):
            up += counts.up
            low += counts.low
    return Counts(up, low, np.full(trial.pool.shape[1], max(0, made - first), dtype=np.int64))
