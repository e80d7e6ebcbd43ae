"""How often sectors meet by chance: random matrices with both margins kept, and the hypergeometric law."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.errors import OptionError
from clustermap.inference import check_resolution, is_level
from clustermap.measures.relatedness.kernels import sum_tails, trade
from clustermap.randomness import stream

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from clustermap.schema import Alternative, Correction

__all__ = [
    "Asked",
    "Meetings",
    "draws_for",
    "draws_per_stream",
    "hypergeometric_tails",
    "meetings",
    "permuted_meetings",
    "steps_of_a_draw",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
_SWEEPS = 5  # trades per row between two states of the chain: part of what a seed means
_BLOCK, _CELLS = 16, 1 << 22  # most draws, and most cells, per stream: the same
_ROWS = 1 << 12  # rows multiplied at once: changes memory, never an answer
_SLICE = 1 << 19  # random numbers held at once: changes memory, never an answer
_BUDGET = 2e10  # elementary steps that permutations="auto" may take: about a minute
_OVERHEAD = 5e4  # what a draw costs however small the matrix
_FEWEST, _MOST = 999, 999_999


class Asked(NamedTuple):
    """What a user asks of a test by draws."""

    permutations: int | str
    alternative: Alternative
    correction: Correction
    alpha: float
    seed: int

    def draws(self, family: int, *, work: float) -> int:
        """Return how many draws to take, as :func:`draws_for`."""
        return draws_for(
            self.permutations,
            family,
            work=work,
            alpha=self.alpha,
            correction=self.correction,
            alternative=self.alternative,
        )


class Meetings(NamedTuple):
    """Draws in both tails of each pair, and what they sum to: sectors × sectors."""

    up: Ints
    low: Ints
    total: Ints


def draws_for(
    permutations: int | str,
    family: int,
    *,
    work: float,
    alpha: float,
    correction: Correction,
    alternative: Alternative,
) -> int:
    """Return how many draws to take: those asked for, or as many as the family needs and a minute allows.

    Parameters
    ----------
    permutations : int or "auto"
        As asked.
    family : int
        Number of tests corrected together.
    work : float
        Elementary steps of one draw.
    alpha, correction, alternative
        What the draws must resolve.

    Raises
    ------
    OptionError
        CM-RELATE-001: `alpha` is no level. CM-RELATE-005: no positive whole number and not "auto".
    StatisticsError
        CM-STAT-003: nothing could be rejected.

    Warns
    -----
    ClusterMapWarning
        CM-STAT-005: coarse for the family.
    """
    if not is_level(alpha):
        raise OptionError("CM-RELATE-001", f"alpha={alpha!r} is no level", fix="alpha=0.05")
    if permutations == "auto":
        wanted = np.ceil(20 * max(family, 1) / alpha) - 1
        draws = int(np.clip(wanted, _FEWEST, min(_MOST, max(_FEWEST, _BUDGET / work))))
    elif isinstance(permutations, bool) or not isinstance(permutations, int | np.integer) or permutations < 1:
        raise OptionError(
            "CM-RELATE-005",
            f"permutations={permutations!r} is no number of draws",
            fix='permutations="auto", or 9_999',
        )
    else:
        draws = int(permutations)
    check_resolution(draws, family, alpha, correction, alternative=alternative)
    return draws


def meetings(cells: csr_array) -> Ints:
    """Count the rows that hold both of each pair of columns, at the cost of the squared lengths of the rows."""
    return np.asarray((cells.T @ cells).toarray(), dtype=np.int64)


def _stacked_meetings(states: Bytes) -> Ints:
    """Count the rows that hold both of each pair of columns, exactly, for a stack of matrices."""
    found = np.zeros((len(states), states.shape[2], states.shape[2]), dtype=np.int64)
    for start in range(0, states.shape[1], _ROWS):
        # whole numbers below 2^53 are exact in floating point, whatever the order of the sums
        part = states[:, start : start + _ROWS].astype(np.float64)
        found += (part.swapaxes(-1, -2) @ part).astype(np.int64)
    return found


def permuted_meetings(matrix: Bools, observed: Ints, *, permutations: int, seed: int) -> Meetings:
    """Count, over random matrices with the same row and column sums, how often pairs meet as much.

    The chain goes once from the data to a hub, and from the hub afresh to each draw: trades are reversible,
    so data and draws are exchangeable and p is exact however short the chain (Besag and Clifford 1989).

    Parameters
    ----------
    matrix : numpy.ndarray of bool
        Areas × sectors.
    observed : numpy.ndarray
        Meetings of the data.
    permutations, seed : int
        How many draws, and what they come from.
    """
    flipped = matrix.shape[0] > matrix.shape[1]  # the shorter side trades: fewer, longer trades
    start = np.ascontiguousarray(matrix.T if flipped else matrix, dtype=np.uint8)
    hub = _walked(start, stream(seed, "proximity", "hub"))
    size = draws_per_stream(start.size)

    def count(block: int) -> Meetings:
        source = stream(seed, "proximity", block)
        draws = min(size, permutations - block * size)
        states = np.stack([_walked(hub, source) for _ in range(draws)])
        met = _stacked_meetings(states.transpose(0, 2, 1) if flipped else states)
        return Meetings((met >= observed).sum(axis=0), (met <= observed).sum(axis=0), met.sum(axis=0))

    with ThreadPoolExecutor(workers()) as pool:
        up, low, total = (np.zeros_like(observed) for _ in range(3))
        for found in pool.map(count, range(-(-permutations // size))):
            up += found.up
            low += found.low
            total += found.total
    return Meetings(up, low, total)


def draws_per_stream(cells: int) -> int:
    """Return how many draws come from one stream and are held at once: fewer of large tables."""
    return int(np.clip(_CELLS // max(cells, 1), 1, _BLOCK))


def steps_of_a_draw(rows: int, columns: int) -> float:
    """Estimate the work of one draw: trades along the shorter side, then the meetings of columns."""
    return float(_OVERHEAD + 4 * _SWEEPS * rows * columns + rows * columns**2 / 16)


def _walked(state: Bytes, source: np.random.Generator) -> Bytes:
    state = state.copy()
    held = int(state.sum(axis=1, dtype=np.int64).max(initial=0))
    width = 2 + min(held, state.shape[1] // 2)
    left = _SWEEPS * len(state)
    while left:
        trades = min(left, max(1, _SLICE // width))
        trade(state, source.random((trades, width)))
        left -= trades
    return state


def hypergeometric_tails(n: int, n_a: Ints, n_b: Ints, both: Ints) -> tuple[Floats, Floats]:
    """Return P(at least `both`) and P(at most `both`) for two random subsets of n areas.

    Parameters
    ----------
    n : int
        Areas.
    n_a, n_b, both : numpy.ndarray
        Sizes of the subsets, and what they share.

    Examples
    --------
    >>> up, low = hypergeometric_tails(4, np.array([2]), np.array([2]), np.array([2]))
    >>> print(f"{up[0]:.4f} {low[0]:.4f}")
    0.1667 1.0000
    """
    small, large = np.minimum(n_a, n_b), np.maximum(n_a, n_b)
    keys, place = np.unique(np.stack((small, large, both)).astype(np.int64), axis=1, return_inverse=True)
    up, low = np.empty(keys.shape[1]), np.empty(keys.shape[1])
    a, b, x = np.ascontiguousarray(keys)
    sum_tails(n, a, b, x, up, low)
    place = np.ravel(place)
    return up[place], low[place]
