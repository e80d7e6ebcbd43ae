"""Nulls fitted to the areas of one analysis: whole-map arrangements, block by block.

Row b of a block says for every area, in code order, which area its value comes from. A block is keyed by seed,
statistic and number alone, so that no answer depends on threads or on how draws are cut into pieces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.null_kernels import permute_within
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOCK", "BoundNull", "Listed", "Shifts", "Strata"]

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
BLOCK = 64  # arrangements per stream: part of what a seed means


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoundNull(ABC):
    """A null, fitted to n areas in code order.

    Attributes
    ----------
    kind : str
        "free", "within-authority", "toroidal" or "arrangements".
    words : str
        What is held equally likely, in words, as a result says it.
    """

    kind: str
    words: str

    def draws(self, permutations: int) -> int:
        """Return how many arrangements there will be: a list that is shorter ends earlier."""
        return permutations

    def block(self, number: int, *, seed: int, statistic: str, permutations: int) -> Places:
        """Return the arrangements of one block, rows × areas.

        Parameters
        ----------
        number : int
            Which block, from 0.
        seed : int
            The user's seed.
        statistic : str
            What the draws are for: part of the key of the stream.
        permutations : int
            How many arrangements there are in all blocks together.
        """
        rows = min(BLOCK, self.draws(permutations) - number * BLOCK)
        return self._rows(number, rows, stream(seed, statistic, number))

    def blocks(self, *, seed: int, statistic: str, permutations: int) -> Iterator[Places]:
        """Yield all blocks in order."""
        for number in range(-(-self.draws(permutations) // BLOCK)):
            yield self.block(number, seed=seed, statistic=statistic, permutations=permutations)

    @abstractmethod
    def _rows(self, number: int, rows: int, rng: np.random.Generator) -> Places:
        """Return the arrangements of one block."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strata(BoundNull):
    """Values move freely within strata.

    Attributes
    ----------
    strata : numpy.ndarray of int64
        The stratum of each area, counted from 0; all 0 where values move freely over the whole map.
    """

    strata: Ints

    def _rows(self, number: int, rows: int, rng: np.random.Generator) -> Places:  # noqa: ARG002 - same door
        uniform = rng.random((rows, len(self.strata)))
        places = np.empty(uniform.shape, dtype=np.int32)
        order = np.argsort(self.strata, kind="stable")
        starts = np.concatenate(([0], np.cumsum(np.bincount(self.strata)))).astype(np.int64)
        permute_within(uniform, order, starts, places)
        return places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shifts(BoundNull):
    """The map moves as a whole around the edges of a grid.

    Attributes
    ----------
    at : numpy.ndarray of int64
        The area in each cell of the grid.
    row, column : numpy.ndarray of int64
        The cell of each area.
    """

    at: Ints
    row: Ints
    column: Ints

    def _rows(self, number: int, rows: int, rng: np.random.Generator) -> Places:  # noqa: ARG002 - same door
        high, wide = self.at.shape
        down, right = np.divmod(rng.integers(self.at.size, size=rows)[:, None], wide)
        return np.asarray(self.at[(self.row + down) % high, (self.column + right) % wide], dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listed(BoundNull):
    """Arrangements given by the user, in their order.

    Attributes
    ----------
    table : numpy.ndarray of int32
        Draws × areas.
    """

    table: Places

    def draws(self, permutations: int) -> int:
        """Return how many arrangements there will be: all that are given, or as many as are asked for."""
        return min(permutations, len(self.table))

    def _rows(self, number: int, rows: int, rng: np.random.Generator) -> Places:  # noqa: ARG002 - same door
        return self.table[number * BLOCK : number * BLOCK + rows]
