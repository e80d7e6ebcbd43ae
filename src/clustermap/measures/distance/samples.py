"""Random labelling: draws of sites that all sectors share, and their pairs by distance.

The first n entries of a draw are a simple random sample of n sites, so one list of draws serves sectors of every
size, and a sector alone meets the same draws as among others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled
from clustermap.measures.distance.economy import on_cells, sector_on_cells
from clustermap.measures.distance.links import listed_samples
from clustermap.measures.distance.pairs import sampled_histograms, weighted_samples
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clustermap.measures.distance.economy import EconomyDistances

__all__ = ["draw_sites", "largest_first", "sampled_on_cells", "sampled_pairs", "sampled_with_marks"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_TOGETHER = 24  # sizes whose counts are held at once: changes memory, never an answer


@compiled("void(float64[::1], int64[::1], int64[::1])")
def _shuffle(uniform: Floats, order: Ints, places: Ints) -> None:
    """Turn uniform numbers into distinct places: a partial Fisher–Yates shuffle, undone afterwards."""
    n, wide = order.size, uniform.size
    swapped = np.empty(wide, dtype=np.int64)
    for t in range(wide):
        r = min(t + int(uniform[t] * (n - t)), n - 1)
        swapped[t] = r
        place = order[r]
        order[r] = order[t]
        order[t] = place
        places[t] = place
    for t in range(wide - 1, -1, -1):
        r = swapped[t]
        place = order[r]
        order[r] = order[t]
        order[t] = place


def draw_sites(sites: int, wide: int, *, draws: int, seed: int) -> Ints:
    """Return draws × wide distinct sites in random order; a shorter draw is the beginning of a longer one.

    Examples
    --------
    >>> long, short = draw_sites(9, 6, draws=2, seed=1), draw_sites(9, 3, draws=2, seed=1)
    >>> bool((long[:, :3] == short).all()), len(set(long[0].tolist()))
    (True, 6)
    """
    order = np.arange(sites, dtype=np.int64)
    out = np.empty((draws, wide), dtype=np.int64)
    for b in range(draws):
        _shuffle(stream(seed, "random-labelling", b).random(wide), order, out[b])
    return out


def largest_first(mark: Floats) -> Floats:
    """Return marks in the order in which they are laid on the sites drawn: none of the firms' own."""
    return np.ascontiguousarray(np.sort(mark)[::-1])


def sampled_pairs(economy: EconomyDistances, places: Ints, sizes: Ints) -> Iterator[tuple[int, Floats]]:
    """Yield each ascending size with its draws × bins of exact pair counts."""
    running = np.zeros((len(places), economy.bins + 1), dtype=np.int64)
    before = 0
    for start in range(0, len(sizes), _TOGETHER):
        some = sizes[start : start + _TOGETHER]
        if economy.links is not None:
            found: Floats = listed_samples(
                economy.links, places, some, sites=economy.sites, bins=economy.bins
            )
        else:
            counts = sampled_histograms(
                economy.x, economy.y, places, width=economy.step, sizes=some, before=before, running=running
            )
            found = counts[:, :, : economy.bins].astype(np.float64)
        before = int(some[-1])
        yield from zip(some.tolist(), found, strict=True)


def sampled_with_marks(economy: EconomyDistances, places: Ints, mark: Floats) -> Floats:
    """Return draws × bins: the t-th mark on the t-th site drawn."""
    if economy.links is not None:
        links, size = economy.links, np.array([len(mark)])
        found = listed_samples(links, places, size, sites=economy.sites, bins=economy.bins, mark=mark)
        return np.asarray(found[0])
    width, bins = economy.step, economy.bins + 1
    found = weighted_samples(economy.x, economy.y, places, mark, width=width, bins=bins)
    return np.asarray(found[:, :-1])


def sampled_on_cells(economy: EconomyDistances, places: Ints, mark: Floats) -> Floats:
    """Return draws × bins with distances between cells: the check of the exact null, draw by draw."""
    economy = on_cells(economy)
    return np.array([sector_on_cells(economy, row[: len(mark)], mark) for row in places], dtype=np.float64)
