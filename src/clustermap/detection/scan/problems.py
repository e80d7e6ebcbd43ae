"""One sector to be scanned, as the methods see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from clustermap.schema import Likelihood

__all__ = ["Problem", "Sites"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_FAIR = 0.5


class Sites(NamedTuple):
    """The plants of one sector: position of the area and jobs of each."""

    area: Ints
    size: Floats

    def summed(self, areas: int) -> Floats:
        """Return the jobs of every area."""
        return np.bincount(self.area, self.size, minlength=areas).astype(np.float64)

    @property
    def lump(self) -> float:
        """Jobs of the plant in which a job stands on average, Σ z² / Σ z: jobs come in lumps of this size."""
        return float((self.size**2).sum() / self.size.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """One sector to be scanned; `minimum_lq` None is any background but the minimum effect."""

    sector: str
    counts: Floats
    totals: Floats
    graph: tuple[Ints, Ints, Ints]
    minimum_lq: float | None
    penalty: float
    limit: int
    permutations: int
    alpha: float
    seed: int
    likelihood: Likelihood = "poisson"
    plants: Sites | None = None

    @property
    def known(self) -> Flags:
        """Areas that take part: the count is known and there are firms."""
        return np.isfinite(self.counts) & (self.totals > 0)

    @property
    def national(self) -> Floats:
        """Expected counts at the national share."""
        known = self.known
        total, firms = self.counts[known].sum(), self.totals[known].sum()
        return np.where(known, self.totals * (total / firms if firms else 0.0), 0.0)

    def in_excess(self, members: Ints) -> bool:
        """Whether a set holds more than the national share: nothing else is reported as a cluster."""
        return bool(self.counts[members].sum() > self.national[members].sum())

    def half(self, rng: np.random.Generator) -> tuple[Problem, Floats]:
        """Split by a fair coin per firm, or per plant: the problem of one half, and the counts of the other."""
        whole = np.where(self.known, self.counts, 0.0)
        if self.plants is None:
            first = rng.binomial(whole.astype(np.int64), _FAIR).astype(np.float64)
        else:
            heads = rng.random(len(self.plants.size)) < _FAIR
            first = Sites(self.plants.area[heads], self.plants.size[heads]).summed(len(whole))
        return replace(self, counts=np.where(self.known, first, np.nan)), whole - first
