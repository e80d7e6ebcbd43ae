"""Published parameters of density clustering, as they were published."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from clustermap.schema import Codes, Preset

__all__ = ["PRESETS", "Published"]


class Published(NamedTuple):
    """A radius, a minimum, how firms of several sectors count, and who published it."""

    radius_m: float
    minimum: float
    codes: Codes
    source: str


PRESETS: dict[Preset, Published] = {
    "wipo2018": Published(
        15_000.0,
        4_500.0,
        "fractional",
        "Bergquist, K., Fink, C. and Raffo, J. (2018), Identifying and ranking the world's largest science and "
        "technology clusters. WIPO Economic Research Working Paper 41 (Global Innovation Index 2018).",
    ),
    "wipo2017": Published(
        13_000.0,
        2_000.0,
        "fractional",
        "Bergquist, K., Fink, C. and Raffo, J. (2017), Identifying and ranking the world's largest clusters of "
        "inventive activity. WIPO Economic Research Working Paper 34 (Global Innovation Index 2017).",
    ),
}
