"""Colours and classes: fixed, colour-blind safe, with a pattern wherever colour alone would have to speak."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["COUNT_COLOURS", "LISA", "LOCAL", "LQ", "LQ_BREAKS", "Swatch", "lq_classes"]

Swatch = dict[str, str]
Floats = npt.NDArray[np.float64]

# ColorBrewer PuOr (diverging, colour-blind safe), the middle lightened to paper.
LQ_BREAKS: Final = (0.5, 0.8, 1.25, 1.5, 2.0)
LQ: Final[tuple[Swatch, ...]] = (
    {"label": "below 0.5", "colour": "#8073ac"},
    {"label": "0.5 to 0.8", "colour": "#c3bcdc"},
    {"label": "0.8 to 1.25, about average", "colour": "#f4f1ec"},
    {"label": "1.25 to 1.5", "colour": "#fdc98a"},
    {"label": "1.5 to 2", "colour": "#ec8f2f"},
    {"label": "2 and more", "colour": "#b35806"},
    {"label": "not distinguishable from 1", "colour": "#dfe2e5"},
    {"label": "too few expected to say (under 5)", "colour": "#dfe2e5", "pattern": "dots"},
    {"label": "suppressed", "colour": "#ffffff", "pattern": "cross"},
    {"label": "no data", "colour": "#ffffff", "pattern": "hatch"},
)
AVERAGE, UNSURE, FEW, SUPPRESSED, MISSING = 2, 6, 7, 8, 9
FEWEST_EXPECTED: Final = 5.0

# ColorBrewer RdBu: strong for like beside like, pale for unlike; each with a stroke pattern of its own.
LISA: Final[dict[str, Swatch]] = {
    "HH": {"label": "High beside high (HH)", "colour": "#d6604d", "pattern": "rise"},
    "LL": {"label": "Low beside low (LL)", "colour": "#4393c3", "pattern": "fall"},
    "HL": {"label": "High beside low (HL)", "colour": "#f7c9b0", "pattern": "rise-wide"},
    "LH": {"label": "Low beside high (LH)", "colour": "#c3dded", "pattern": "fall-wide"},
    "not significant": {"label": "Not significant", "colour": "#e8eaec"},
    "isolate": {"label": "Isolate (no neighbour)", "colour": "#ffffff", "pattern": "dots"},
    "undefined": {"label": "Undefined", "colour": "#ffffff", "pattern": "hatch"},
    "cannot reach": {"label": "Cannot reach significance", "colour": "#ffffff", "pattern": "cross"},
}

# Labels that only some local statistics have (ColorBrewer PuOr); each takes the pattern of the LISA label it replaces.
LOCAL: Final[dict[str, Swatch]] = {
    "other positive": {
        "label": "Like its neighbours across the mean",
        "colour": "#b2abd2",
        "pattern": "rise-wide",
    },
    "negative": {"label": "Unlike its neighbours", "colour": "#fdb863", "pattern": "fall-wide"},
    "uneven": {"label": "Uneven surroundings", "colour": "#e08214", "pattern": "rise"},
    "even": {"label": "Even surroundings", "colour": "#8073ac", "pattern": "fall"},
}

# ColorBrewer YlGnBu (sequential, colour-blind safe).
COUNT_COLOURS: Final = ("#eef7dd", "#c7e9b4", "#7fcdbb", "#41a0c0", "#225ea8")


def lq_classes(
    value: Floats, *, p: Floats, expected: Floats, suppressed: npt.NDArray[np.bool_], alpha: float
) -> npt.NDArray[np.int64]:
    """Give every area its class; a location quotient that chance explains is never drawn as a finding.

    Parameters
    ----------
    value : array of float
        The location quotient to draw: the shrunken one where there is one.
    p : array of float
        q-value where the family was corrected, else p; NaN where no exact test exists.
    expected : array of float
        Expected value under no specialisation.
    suppressed : array of bool
        Cells that may not be shown.
    alpha : float
        Level.

    Examples
    --------
    >>> two, none = np.array([2.1, 2.1]), np.array([False, False])
    >>> lq_classes(two, p=np.array([0.01, 0.6]), expected=two * 10, suppressed=none, alpha=0.05).tolist()
    [5, 6]
    """
    out = np.digitize(value, LQ_BREAKS).astype(np.int64)
    extreme = out != AVERAGE
    tested = np.isfinite(p)
    with np.errstate(invalid="ignore"):
        few = expected < FEWEST_EXPECTED
        out[extreme & tested & (p > alpha)] = UNSURE
        out[extreme & few & ~(tested & (p <= alpha))] = FEW
    out[~np.isfinite(value)] = MISSING
    out[suppressed] = SUPPRESSED
    return out
