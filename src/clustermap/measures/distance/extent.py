"""How far an economy reaches: its largest distance, the spread of all distances, what must be said about its places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.errors import OptionError, StatisticsError, part_of, plural
from clustermap.measures.distance.cells import grid_of, offset_counts

if TYPE_CHECKING:
    from clustermap.sources.values import Firms

__all__ = ["largest", "notes_of", "spread_of"]

Floats = npt.NDArray[np.float64]


def largest(maximum: float) -> float:
    """Return the largest distance.

    Raises
    ------
    OptionError
        CM-DISTANCE-010: no positive distance.
    """
    if (
        isinstance(maximum, bool)
        or not isinstance(maximum, int | float | np.number)
        or not 0 < maximum < np.inf
    ):
        raise OptionError("CM-DISTANCE-010", f"{maximum!r} is no largest distance", fix="maximum_m=180_000")
    return float(maximum)


def spread_of(x: Floats, y: Floats, step: float) -> tuple[float, float]:
    """Return standard deviation and interquartile range of all pair distances, from a coarse grid.

    Raises
    ------
    StatisticsError
        CM-DISTANCE-011: all firms at one place. CM-DISTANCE-014: all within one step of the curve.
    """
    extent = max(float(np.ptp(x)), float(np.ptp(y)))
    if extent == 0:
        raise StatisticsError(
            "CM-DISTANCE-011",
            f"all {plural(len(x), 'firm')} lie at one place",
            why="every pair has distance 0, whatever its sector",
            fix="places of the firms' sites, not one address for all",
        )
    if np.hypot(np.ptp(x), np.ptp(y)) < step:
        raise StatisticsError(
            "CM-DISTANCE-014",
            f"all {plural(len(x), 'firm')} lie within {extent:,.3g} m of each other, and a step of the "
            f"curve is {step:,.3g} m",
            why="every pair falls into the first step",
            fix=f"maximum_m={extent:.3g}, so that the curve has steps where the firms have distances",
        )
    cell = extent / 500
    cells, place = grid_of(x - x.min(), y - y.min(), cell)
    count = np.bincount(place, minlength=len(cells.row)).astype(np.float64)
    reach = max(cells.shape)
    pairs = offset_counts(cells, count, reach)
    pairs[0, 0] = (count * (count - 1) / 2).sum()
    side = np.arange(reach + 1) * cell
    distance, pairs = np.hypot(side[:, None], side[None, :]).ravel(), pairs.ravel()
    mean = (pairs @ distance) / pairs.sum()
    order = np.argsort(distance, kind="stable")
    passed = np.cumsum(pairs[order])
    low, high = distance[order][np.searchsorted(passed, np.array([0.25, 0.75]) * passed[-1])]
    return float(np.sqrt((pairs @ (distance - mean) ** 2) / pairs.sum())), float(high - low)


def notes_of(firms: Firms, x: Floats, y: Floats) -> str:
    """Say what must stand beside every figure: made-up firms, kinds of places, stacks."""
    said = ["The firms are synthetic."] if firms.synthetic else []
    if "registered office" in firms.location_kind:
        said.append("Places are registered offices, not workplaces.")
    elif "unknown" in firms.location_kind:
        said.append("Whether the places are workplaces or registered offices is unknown.")
    stacked = len(x) - len(np.unique(x + 1j * y))
    if stacked:
        said.append(
            f"{part_of(stacked, len(x), 'firm', 'shares a place', 'share their place')} with another: such pairs "
            "have distance 0, "
            "nothing is moved apart."
        )
    return " ".join(said)
