"""Sums behind Ellison–Glaeser and Maurel–Sedillot: what plants show, what random location gives, how sure it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clustermap.compiled import workers
from clustermap.measures.concentration import kernels
from clustermap.randomness import stream

if TYPE_CHECKING:
    from clustermap.measures.concentration.plants import Plants

__all__ = ["Sums", "counts_in_tails", "jackknife", "null_variances", "plant_sums"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_BLOCK = 1 << 20  # plants thrown from one stream; part of what a seed means
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """By sector: what both indices are made of.

    Attributes
    ----------
    n : numpy.ndarray
        Plants.
    total : numpy.ndarray
        Employment.
    plants : numpy.ndarray
        Σ e², Σ e³, Σ e⁴ of the plants, as shares of the sector: columns 2, 3, 4.
    own : numpy.ndarray
        Σ s², the sector's squared shares.
    cross : numpy.ndarray
        Σ s x with the base's shares.
    base : numpy.ndarray
        Σ x², Σ x³.
    """

    n: Ints
    total: Floats
    plants: Floats
    own: Floats
    cross: Floats
    base: Floats

    @property
    def h(self) -> Floats:
        """Herfindahl index of the plants."""
        return np.asarray(self.plants[:, 2])

    @property
    def g(self) -> Floats:
        """Σ (s − x)²."""
        return np.asarray(self.own - 2 * self.cross + self.base[2])

    def ellison_glaeser(self) -> Floats:
        """Return γ by sector."""
        return _eg(self.own, self.cross, self.h, self.base[2])

    def maurel_sedillot(self) -> Floats:
        """Return γ by sector."""
        return _ms(self.own, self.h, self.base[2])


def _eg(own: Floats, cross: Floats, h: Floats, base: float) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((own - 2 * cross + base) / (1 - base) - h) / (1 - h))


def _ms(own: Floats, h: Floats, base: float) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((own - base) / (1 - base) - h) / (1 - h))


def plant_sums(plants: Plants, base: Floats) -> Sums:
    """Add up what both indices need, for all sectors at once."""
    m, areas = len(plants.sectors), len(base)
    total = _sum(plants.sector, plants.size, m)
    share = plants.size / total[plants.sector]
    cell, at = np.unique(plants.sector * areas + plants.area, return_inverse=True)
    held = np.bincount(at, weights=share)
    powers = [_sum(plants.sector, share**k, m) for k in range(5)]
    return Sums(
        n=np.bincount(plants.sector, minlength=m),
        total=total,
        plants=np.column_stack(powers),
        own=_sum(cell // areas, held**2, m),
        cross=_sum(cell // areas, held * base[cell % areas], m),
        base=np.array([(base**k).sum() for k in range(4)]),
    )


def _sum(of: Ints, values: npt.NDArray[Any], m: int) -> Floats:
    return np.asarray(np.bincount(of, weights=values, minlength=m), dtype=np.float64)


def null_variances(sums: Sums) -> tuple[Floats, Floats]:
    """Return the exact variances of G, and of Σ s², where each plant falls by the base's shares.

    Ellison and Glaeser (1997) give the first. The second counts pairs of plants in one area: pairs without a common
    plant are independent, pairs with one are not.
    """
    two, three = sums.base[2], sums.base[3]
    h, cubes, fourth = sums.plants[:, 2], sums.plants[:, 3], sums.plants[:, 4]
    of_g = 2 * (h**2 * (two - 2 * three + two**2) - fourth * (two - 4 * three + 3 * two**2))
    pairs = h**2 - fourth
    triples = h - h**2 - 2 * cubes + 2 * fourth
    of_own = 2 * pairs * (two - two**2) + 4 * triples * (three - two**2)
    return np.maximum(of_g, 0.0), np.maximum(of_own, 0.0)


def jackknife(plants: Plants, base: Floats, sums: Sums) -> tuple[Floats, Floats]:
    """Return delete-one-plant standard errors of both indices, without leaving a plant out one by one."""
    e, of = plants.size, plants.sector
    areas = len(base)
    _, at = np.unique(of * areas + plants.area, return_inverse=True)
    held = np.bincount(at, weights=e)[at]
    total = sums.total[of]
    left = total - e
    with np.errstate(divide="ignore", invalid="ignore"):
        own = (sums.own[of] * total**2 - 2 * held * e + e**2) / left**2
        cross = (sums.cross[of] * total - e * base[plants.area]) / left
        h = (sums.h[of] * total**2 - e**2) / left**2
    two = float(sums.base[2])
    h = np.where(h < 1 - _SAME, h, np.nan)  # one plant left: no index
    return _spread(_eg(own, cross, h, two), of, sums.n), _spread(_ms(own, h, two), of, sums.n)


def _spread(left_out: Floats, of: Ints, n: Ints) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(of, weights=left_out, minlength=len(n)) / n
        square = np.bincount(of, weights=(left_out - mean[of]) ** 2, minlength=len(n))
        return np.sqrt((n - 1) / n * square)


def counts_in_tails(
    plants: Plants, base: Floats, sums: Sums, *, permutations: int, seed: int
) -> tuple[Ints, Ints]:
    """Throw each sector's plants by the base's shares; count G and Σ s² at least as large, and as small.

    Returns
    -------
    up, low : numpy.ndarray
        Sectors × (G, Σ s²).
    """
    accept, alias = np.empty(len(base)), np.empty(len(base), dtype=np.int64)
    kernels.alias_table(np.ascontiguousarray(base), accept, alias)
    ends = np.searchsorted(plants.sector, np.arange(len(plants.sectors) + 1))
    up = np.zeros((len(plants.sectors), 2), dtype=np.int64)
    low = np.zeros_like(up)

    def work(sector: int) -> None:
        sizes = plants.size[ends[sector] : ends[sector + 1]] / sums.total[sector]
        sizes = np.sort(sizes)[::-1].copy()  # in whatever area each stands today
        seen = np.array([sums.g[sector], sums.own[sector]])
        slack = _SAME * np.maximum(seen, 1e-3)
        rows = max(1, _BLOCK // len(sizes))
        for number, start in enumerate(range(0, permutations, rows)):
            rng = stream(seed, "plants-at-random", str(plants.sectors[sector]), number)
            uniform = rng.random((min(rows, permutations - start), len(sizes)))
            out = np.empty((len(uniform), 2))
            kernels.throw_plants(uniform, sizes, accept, alias, base, float(sums.base[2]), out)
            up[sector] += (out >= seen - slack).sum(axis=0)
            low[sector] += (out <= seen + slack).sum(axis=0)

    worth = sorted(np.flatnonzero(sums.n > 1).tolist(), key=lambda s: -int(sums.n[s]))
    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(work, worth))
    return up, low
