"""What every distance-based test is asked: its options, its kernel, how chance is worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from clustermap.errors import OptionError
from clustermap.inference import is_level
from clustermap.measures.distance.economy import BEYOND
from clustermap.measures.distance.smoothing import kernel, silverman
from clustermap.schema import KdMethod

if TYPE_CHECKING:
    from clustermap.measures.distance.economy import EconomyDistances
    from clustermap.measures.distance.sites import Sector

__all__ = ["BY_MOMENTS", "Task", "check_graph", "check_options"]

Floats = npt.NDArray[np.float64]
NORMAL_FROM = 2_000  # firms, or S1² / S2: below, the law of the curve is too skew for a normal band
EXACT_UP_TO = 10_000  # firms: beyond, all pairs of a thousand draws would take minutes
BY_MOMENTS = "exact moments of chance, normal band"
_NULL = "random labelling"
_REACH = 3  # bandwidths that the bins behind the last distance hold


class Task(NamedTuple):
    """One call: the economy and the options."""

    economy: EconomyDistances
    method: KdMethod
    bandwidth: float | None
    draws: int
    alpha: float
    seed: int

    def way(self, *sectors: Sector) -> str:
        """Say how chance is worked out for a sector, or for a pair."""
        if self.method != "auto":
            return self.method
        if min(s.effective for s in sectors) >= NORMAL_FROM:
            return "moments"
        many = sum(len(s.site) for s in sectors) > EXACT_UP_TO
        return "fft" if many and self.economy.links is None else "exact-pairs"

    def smoother(self, pairs: float) -> tuple[Floats, float]:
        """Return the kernel by distance and bin, and its bandwidth."""
        e = self.economy
        widest = BEYOND * e.step / _REACH
        h = self.bandwidth if self.bandwidth is not None else silverman(e.deviation, e.quartiles, pairs)
        h = min(h, widest)
        return kernel(e.points, e.bins, width=e.step, bandwidth=h), h

    def shared(self, method: str, weights: str, said: list[str]) -> dict[str, Any]:
        """Return what a result says about how it came about."""
        economy = self.economy
        return {
            "method": method,
            "null": _NULL,
            "weights": weights,
            "permutations": self.draws,
            "seed": self.seed,
            "unit": economy.unit,
            "maximum": economy.maximum,
            "sites": economy.sites,
            "note": " ".join([*said, *([economy.note] if economy.note else [])]),
        }


def check_options(method: str, bandwidth: float | None, alpha: float) -> None:
    """Refuse options out of range.

    Raises
    ------
    OptionError
        CM-DISTANCE-012.
    """
    for good, what, fix in (
        (
            method in get_args(KdMethod),
            f"method={method!r}",
            f"one of {', '.join(map(repr, get_args(KdMethod)))}",
        ),
        (bandwidth is None or 0 < bandwidth < np.inf, f"bandwidth={bandwidth!r}", "bandwidth=2_000, or None"),
        (is_level(alpha) and alpha < 1 / 2, f"alpha={alpha!r}", "alpha=0.05"),
    ):
        if not good:
            raise OptionError("CM-DISTANCE-012", f"{what} is not possible", fix=fix)


def check_graph(economy: EconomyDistances, method: str) -> None:
    """Refuse cells where distances were given pair by pair.

    Raises
    ------
    OptionError
        CM-DISTANCE-012.
    """
    if economy.links is not None and method == "fft":
        raise OptionError(
            "CM-DISTANCE-012",
            'method="fft" is not possible on distances that were given pair by pair',
            why="they know no cells",
            fix='method="auto"',
        )
