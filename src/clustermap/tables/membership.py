"""Which firm lies in which area: every firm accounted for, overlaps by a declared rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.ledger import Ledger
    from clustermap.schema import Overlap
    from clustermap.sources.values import Areas

__all__ = ["Membership"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Membership:
    """Firms in areas.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``firm_id, area, share``, in order of firm and area. Shares of a firm sum to 1 under
        "fractional" and "primary"; under "full" each of its areas has 1.
    areas : Areas
        The areas.
    overlap : {"full", "fractional", "primary"}
        The counting rule.
    ledger : Ledger
        Reasons ``accepted`` (located), ``on a border``, ``in several areas``, ``outside all areas``, …
    """

    frame: pd.DataFrame
    areas: Areas
    overlap: Overlap
    ledger: Ledger
