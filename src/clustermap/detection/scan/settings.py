"""What was asked of a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clustermap.detection.scan.field_rounds import EVEN_PENALTY

if TYPE_CHECKING:
    from clustermap.schema import Background, Likelihood

__all__ = ["PRICES", "Settings"]

PRICES = {"minimum-effect": 1.5, "homogeneous": EVEN_PENALTY, "field": 0.75, "auto": 0.75}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was asked of the scan."""

    method: str
    background: Background
    minimum_lq: float
    levels: tuple[float, ...]
    penalty: float | None
    max_share: float
    permutations: int
    alpha: float
    seed: int
    likelihood: Likelihood = "poisson"

    @property
    def price(self) -> float:
        """The penalty given, or that of the background."""
        return PRICES[self.background] if self.penalty is None else float(self.penalty)
