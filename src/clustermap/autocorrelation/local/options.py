"""What a user may ask of a local statistic, checked before any work, and what a statistic is to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.nulls import Null, as_null
from clustermap.errors import OptionError
from clustermap.inference import adjust, is_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.autocorrelation.local.parts import Part
    from clustermap.schema import Alternative, Correction, Transformation

__all__ = ["Method", "Options"]


class Method(NamedTuple):
    """A local statistic: its name, its labels in order, those that are findings, and how a group is computed."""

    name: str
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    part: Callable[[v.Group, Transformation], Part]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """What the user asked for, checked."""

    permutations: Literal["auto", "adaptive"] | int
    alternative: Alternative
    correction: Correction
    alpha: float
    null: Null | str
    transformation: Transformation
    seed: int | None

    def __post_init__(self) -> None:
        v.check_option("alternative", self.alternative, ("two-sided", "greater", "less"))
        v.check_option("transformation", self.transformation, ("row", "binary"))
        adjust([], self.correction)  # refuses an unknown one before any work
        as_null(self.null)
        if not is_level(self.alpha):
            raise OptionError("CM-MORAN-001", f"alpha={self.alpha} is no level", fix="alpha=0.05")
        made = self.permutations
        if isinstance(made, str) and made in {"auto", "adaptive"}:
            return
        if isinstance(made, bool) or not isinstance(made, int | np.integer) or made < 1:
            raise OptionError(
                "CM-MORAN-001",
                f"permutations={made!r} is no number of draws",
                fix='permutations="auto", "adaptive", or a whole number such as 9_999',
            )

    @property
    def tails(self) -> int:
        """Number of tails that a p adds up."""
        return 2 if self.alternative == "two-sided" else 1
