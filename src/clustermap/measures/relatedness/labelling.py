"""Random labelling: places stay, labels are shuffled. Exact moments, draws, and the law of one neighbourhood."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.measures.relatedness.kernels import lag_of_draw, meet
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.measures.relatedness.neighbourhoods import Neighbourhoods

__all__ = [
    "LinkSums",
    "counted",
    "lag_tails",
    "link_sums",
    "neighbourhood_tails",
    "second_moment",
    "shuffled_tails",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_BLOCK = 8  # draws per stream: part of what a seed means
_TIES = 1e-9
_WORTH_THREADS = 500_000  # links and labels; below that, starting threads takes longer


class LinkSums(NamedTuple):
    """Sums over the weights between firms that the moments are made of."""

    total: float
    squares: float  # Σ w²
    both_ways: float  # Σ w_ij w_ji
    rows: float  # Σ (row sums)²
    columns: float  # Σ (column sums)²
    row_column: float  # Σ row sum × column sum


def link_sums(near: Neighbourhoods) -> LinkSums:
    """Add up what the moments need, firm by firm, from the links between sites."""
    from scipy.sparse import csr_array

    m, n = near.sizes.astype(np.float64), len(near.sizes)
    links = csr_array((near.weights, near.indices, near.indptr), shape=(n, n))
    own = links.diagonal()
    rows = links @ m - own
    columns = links.T @ m - own
    turned = (links * links.T).tocsr()
    return LinkSums(
        total=float(m @ rows),
        squares=float(m @ ((links * links) @ m - own**2)),
        both_ways=float(m @ (turned @ m) - m @ own**2),
        rows=float(m @ rows**2),
        columns=float(m @ columns**2),
        row_column=float(m @ (rows * columns)),
    )


def second_moment(sums: LinkSums, n: int, n_a: Floats, n_b: Floats, same: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean square of the weight from firms of a to firms of b, all labellings equally likely.

    Parameters
    ----------
    sums : LinkSums
        Of the links.
    n : int
        Firms.
    n_a, n_b : numpy.ndarray
        Firms of each label.
    same : numpy.ndarray of bool
        Where a is b.
    """
    s = sums
    apart = (
        s.total**2 - s.rows - s.columns + s.squares + s.both_ways - 2 * s.row_column
    )  # pairs of links between four different firms
    f2, f3, f4 = n * (n - 1.0), n * (n - 1.0) * (n - 2.0), n * (n - 1.0) * (n - 2.0) * (n - 3.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        four = apart / f4 if f4 else 0.0
        three = 1 / f3 if f3 else 0.0
        different = (
            s.squares * n_a * n_b / f2
            + (s.rows - s.squares) * n_a * n_b * (n_b - 1) * three
            + (s.columns - s.squares) * n_a * (n_a - 1) * n_b * three
            + four * n_a * (n_a - 1) * n_b * (n_b - 1)
        )
        shared = s.rows + s.columns - 2 * s.squares + 2 * (s.row_column - s.both_ways)
        alike = (
            n_a
            * (n_a - 1)
            * ((s.squares + s.both_ways) / f2 + shared * (n_a - 2) * three + four * (n_a - 2) * (n_a - 3))
        )
    return np.where(same, alike, different)


def counted(near: Neighbourhoods, labels: Places, kinds: int) -> Floats:
    """Return the weight from firms of each label to firms of each: labels × labels."""
    out = np.zeros((kinds, kinds))
    meet(labels, near.starts, near.indptr, near.indices, near.weights, out)
    return out


def shuffled_tails(
    near: Neighbourhoods, labels: Places, observed: Floats, *, permutations: int, seed: int
) -> tuple[Ints, Ints]:
    """Count the shufflings of all labels with at least, and at most, as much weight for each pair of labels."""
    base = np.sort(labels)  # the same for any order of the firms
    tolerance = _TIES * (1 + np.abs(observed))

    def count(block: int) -> tuple[Ints, Ints]:
        source = stream(seed, "colocation", block)
        up, low = np.zeros(observed.shape, dtype=np.int64), np.zeros(observed.shape, dtype=np.int64)
        for _ in range(min(_BLOCK, permutations - block * _BLOCK)):
            found = counted(near, source.permutation(base), len(observed))
            up += found >= observed - tolerance
            low += found <= observed + tolerance
        return up, low

    return _summed(count, permutations, work=permutations * (len(near.indices) + len(labels)))


def lag_tails(
    near: Neighbourhoods, firms: Ints, size: int, observed: Floats, *, permutations: int, seed: int
) -> tuple[Ints, Ints]:
    """Count the random sets of other firms that give each firm at least, and at most, as much weight.

    One set of draws serves all firms: `size` firms in random order and one more, which stands in where the firm
    itself is among them, so that the set is uniform among the others.

    Parameters
    ----------
    near : Neighbourhoods
        The links.
    firms : numpy.ndarray
        Places of the firms in `near.firms`.
    size : int
        Firms of the set, at most all others.
    observed : numpy.ndarray
        What each firm has.
    permutations, seed : int
        How many draws, and what they come from.
    """
    n, sites, site = len(near.firms), len(near.sizes), near.site
    tolerance = _TIES

    def count(block: int) -> tuple[Ints, Ints]:
        source = stream(seed, "colocation-local", block)
        up, low = np.zeros(len(firms), dtype=np.int64), np.zeros(len(firms), dtype=np.int64)
        marked, lag = np.zeros(n, dtype=np.int64), np.empty(len(firms))
        for _ in range(min(_BLOCK, permutations - block * _BLOCK)):
            chosen = source.permutation(n)[: size + 1].astype(np.int64)
            lag_of_draw(chosen, site, firms, near.indptr, near.indices, near.weights, marked, sites, lag)
            up += lag >= observed - tolerance
            low += lag <= observed + tolerance
        return up, low

    return _summed(count, permutations, work=permutations * (len(firms) * len(near.indices) // sites + n))


def _summed(count: Callable[[int], tuple[Ints, Ints]], permutations: int, *, work: int) -> tuple[Ints, Ints]:
    """Add up the tails of all blocks of draws, in threads where the work is worth starting them."""
    blocks = range(-(-permutations // _BLOCK))
    if work < _WORTH_THREADS or workers() == 1:
        tails = list(map(count, blocks))
    else:
        with ThreadPoolExecutor(workers()) as pool:
            tails = list(pool.map(count, blocks))
    return sum((up for up, _ in tails[1:]), tails[0][0]), sum((low for _, low in tails[1:]), tails[0][1])


def neighbourhood_tails(
    others: int, size: int, *, near: Ints, last: Ints, share: Floats, found: Ints, found_last: Ints
) -> tuple[Floats, Floats]:
    """Return P(at least as much) and P(at most as much) of the set among a firm's neighbours, exactly.

    Parameters
    ----------
    others, size : int
        All other firms, and those of the set among them.
    near, last, share : numpy.ndarray
        Neighbours that count whole, those that share the last places, and how much each of these counts.
    found, found_last : numpy.ndarray
        Of the set among both.

    Examples
    --------
    >>> one, none = np.array([1]), np.array([0])
    >>> up, low = neighbourhood_tails(9, 3, near=one, last=none, share=np.ones(1), found=one, found_last=none)
    >>> print(f"{up[0]:.3f} {low[0]:.3f}")
    0.333 1.000
    """
    from scipy.stats import hypergeom

    keys, place = np.unique(
        np.stack((near, last, np.rint(share * last).astype(np.int64), found, found_last)),
        axis=1,
        return_inverse=True,
    )
    place = np.ravel(place)
    k, t, slots, x, y = keys
    part = np.where(t > 0, slots / np.maximum(t, 1), 1.0)
    value = x + part * y
    # over all ways to fill the places that count whole, what the shared ones must add
    ways = np.repeat(np.arange(len(k)), np.where(t > 0, k + 1, 1))
    first = np.concatenate(([0], np.cumsum(np.where(t > 0, k + 1, 1))))[:-1]
    whole = np.arange(len(ways)) - first[ways]
    need = (value[ways] - whole) / part[ways]
    tied = t[ways] > 0
    chance = np.where(tied, hypergeom.pmf(whole, others, size, k[ways]), 1.0)
    drawn = np.where(tied, t[ways], k[ways])
    left = np.where(tied, others - k[ways], others)
    inside = np.clip(np.where(tied, size - whole, size), 0, left)
    target = np.where(tied, need, x[ways])
    chance = np.where(tied & (whole > size), 0.0, chance)
    up = chance * hypergeom.sf(np.ceil(target - _TIES) - 1, left, inside, drawn)
    low = chance * hypergeom.cdf(np.floor(target + _TIES), left, inside, drawn)
    tails = (np.bincount(ways, weights=w, minlength=len(k)) for w in (up, low))
    return tuple(np.minimum(1.0, tail)[place] for tail in tails)  # type: ignore[return-value]  # two of them
