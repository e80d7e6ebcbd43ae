"""What autocorrelation returns: frozen values that say themselves in plain sentences."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clustermap.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.sources.values import Areas

__all__ = ["SHARED", "Result", "check_sector"]

_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result(ABC):
    """What every result carries: how it came about."""

    frame: pd.DataFrame
    areas: Areas | None
    null: str
    permutations: int
    alternative: Alternative
    correction: Correction
    rates: Rates
    transformation: Transformation
    seed: int
    family_size: int
    note: str = ""

    @abstractmethod
    def summary(self) -> str:
        """Say in plain sentences what was found."""

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20)}"


SHARED = (
    "frame", "areas", "null", "permutations", "alternative", "correction", "rates", "transformation", "seed",
    "family_size", "note",
)  # fmt: skip


def check_sector(sector: Any, known: list[str]) -> None:
    """Refuse a sector that a result does not have."""
    if sector not in known:
        raise OptionError(
            "CM-SECTOR-001",
            f"the result has no sector {sector!r}",
            fix=f"one of: {', '.join(map(repr, known[:_TOLD]))}",
        )
