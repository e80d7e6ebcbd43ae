"""Radius and minimum where they are not given: candidates from random labellings alone.

- Radius, where neither is given: that within which half of the firms of a random labelling have ten others.
- Minimum, at a radius: what 50, 25, 10, 5 and 1 % of the firms of random labellings reach, five candidates.
- Radius, at a minimum: those at which 50, 25, 10, 5 and 1 % of the firms of random labellings reach it.

Of the candidates the one is taken whose best place stands out most, and it is chosen in the same way again in every
random labelling that the places are held against: the choice is part of the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.detection.density import kernels
from clustermap.detection.density.grid import find_dense, make_grid, near_dense
from clustermap.errors import plural
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LADDER", "Chosen", "candidates", "labellings", "sensitivity"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DRAWS = 9
_OTHERS = 10
_SHARES = (0.5, 0.25, 0.1, 0.05, 0.01)
_ALONE = 0.25  # where nothing is tested, and so nothing chooses
_LEAST = 2.0  # firms: one alone is no density
_FACTORS = (0.5, 1.0, 2.0)
_FINEST = 1e8
LADDER = np.array(
    [m * 10.0**k for k in range(6) for m in np.arange(10, 100) / 10]
)  # 1 m to 990 km, two digits


class Chosen(NamedTuple):
    """A radius, a minimum, and how they came about."""

    radius_m: float
    minimum: float
    how: str


def labellings(firms: int, n: int, seed: int) -> list[Ints]:
    """Draw the random labellings that candidates come from."""
    return [stream(seed, "density-rule", i).choice(firms, n, replace=False) for i in range(_DRAWS)]


def candidates(
    x: Floats,
    y: Floats,
    marks: Floats,
    drawn: Sequence[Ints],
    *,
    radius_m: float | None,
    minimum: float | None,
) -> list[Chosen]:
    """Return the parameters given, or the candidates for what is missing.

    Parameters
    ----------
    x, y : numpy.ndarray
        All firms.
    marks : numpy.ndarray
        What each firm of the sector counts.
    drawn : sequence of numpy.ndarray
        Rows of random labellings; one set of rows, the firms themselves, where nothing is tested.
    radius_m, minimum : float, optional
        What was given.
    """
    if radius_m is not None and minimum is not None:
        return [Chosen(float(radius_m), float(minimum), "as given")]
    shares = _SHARES if len(drawn) > 1 else (_ALONE,)
    places = [(x[rows], y[rows]) for rows in drawn]
    whose = "random labellings" if len(drawn) > 1 else "all firms"
    picked = (
        f"of {plural(len(shares), 'candidate')} the one whose best place stands out most"
        if len(drawn) > 1
        else "one quarter"
    )
    if minimum is not None:
        how = f"the radius is such that a share of the firms of {whose} is as dense: {picked}"
        rungs = _rungs(x, y)

        def dense_at(share: float) -> float:
            return _first(
                lambda r: _median(_core_share(*at, marks, r, minimum) for at in places) >= share, rungs
            )

        radii = sorted({dense_at(share) for share in shares}, reverse=True)
        return [Chosen(radius, float(minimum), how) for radius in radii]
    how = f"the minimum is what a share of the firms of {whose} reach: {picked}"
    if radius_m is None:
        others, ones = min(_OTHERS, len(marks) - 1), np.ones(len(marks))
        radius_m = _first(
            lambda r: _median(_core_share(*at, ones, r, others + 1) for at in places) >= 0.5,  # noqa: PLR2004 - half
            _rungs(x, y),
        )
        how = f"within the radius half of the firms of {whose} have {others} others; {how}"
    counts = np.concatenate([_counts(*at, marks, radius_m) for at in places])
    least = _LEAST * float(np.min(marks))
    reached = np.quantile(counts, [1 - share for share in shares], method="higher")
    return [Chosen(float(radius_m), float(m), how) for m in np.unique(np.maximum(reached, least))]


def sensitivity(
    x: Floats, y: Floats, marks: Floats, chosen: Chosen
) -> list[tuple[float, float, int, int, float]]:
    """Return dense places at half, once and twice the radius and the minimum, before any test.

    Each row: radius, minimum, number of places, firms in them, share of the sector's value in the largest.
    """
    rows = []
    for radius in (f * chosen.radius_m for f in _FACTORS):
        grid = make_grid(x, y, radius)
        weight = np.bincount(grid.site_of, marks, minlength=len(grid.sites.x)).astype(float)
        for minimum in (f * chosen.minimum for f in _FACTORS):
            dense = find_dense(grid, grid.sites, weight, minimum)
            label = near_dense(grid, grid.sites, dense)
            held = np.bincount(label + 1, weight, minlength=dense.n + 1)[1:]
            inside = int((label[grid.site_of] >= 0).sum())
            rows.append((radius, minimum, dense.n, inside, float(held.max(initial=0.0) / marks.sum())))
    return rows


def _counts(x: Floats, y: Floats, marks: Floats, radius: float) -> Floats:
    """Return what lies within the radius of every firm."""
    grid = make_grid(x, y, radius)
    s = grid.sites
    weight = np.bincount(grid.site_of, marks, minlength=len(s.x)).astype(float)
    held = kernels.counts_within(s.x, s.y, weight, s.key, s.start, grid.columns, grid.square)
    return np.asarray(held[grid.site_of])


def _core_share(x: Floats, y: Floats, marks: Floats, radius: float, minimum: float) -> float:
    """Return the share of firms with at least the minimum within the radius."""
    grid = make_grid(x, y, radius)
    weight = np.bincount(grid.site_of, marks, minlength=len(grid.sites.x)).astype(float)
    return float(find_dense(grid, grid.sites, weight, minimum).core[grid.site_of].mean())


def _median(shares: Any) -> float:
    return float(np.median(list(shares)))


def _first(holds: Callable[[float], bool], rungs: Floats) -> float:
    """Return the first rung at which something holds that holds from there on; the last where it never does."""
    low, high = 0, len(rungs) - 1
    while low < high:
        middle = (low + high) // 2
        if holds(float(rungs[middle])):
            high = middle
        else:
            low = middle + 1
    return float(rungs[low])


def _rungs(x: Floats, y: Floats) -> Floats:
    """Return the rungs of the ladder up to twice the extent of all firms, none finer than a grid can hold."""
    extent = max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
    rungs = LADDER[extent <= LADDER * _FINEST]
    return np.asarray(rungs[: int(np.searchsorted(rungs, 2 * extent)) + 1])
