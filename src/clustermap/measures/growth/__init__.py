"""How sectors change in areas, and how firms come and go."""

from clustermap.measures.growth.arrivals import Births, births
from clustermap.measures.growth.changes import QuotientChange, quotient_change
from clustermap.measures.growth.lifetimes import Survival, survival
from clustermap.measures.growth.shifts import ShiftShare, shift_share

__all__ = [
    "Births",
    "QuotientChange",
    "ShiftShare",
    "Survival",
    "births",
    "quotient_change",
    "shift_share",
    "survival",
]
