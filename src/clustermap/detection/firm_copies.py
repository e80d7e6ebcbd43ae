"""Bootstrap copies of a map of firms: firms drawn again and moved a little, the surface searched without a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label as label_regions

from clustermap.detection.copies import Matches, best_match
from clustermap.detection.firm_sectors import planar
from clustermap.detection.surface_grid import STEPS, cells_in_reach, make_grid
from clustermap.detection.surface_kernels import kernel_weights, smoothed
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.detection.clusters import Clusters
    from clustermap.detection.surface_results import RiskSurface

__all__ = ["match_firm_copies"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def match_firm_copies(
    clusters: Clusters,
    *,
    replicates: int,
    seed: int,
    jitter_m: float,
    spread: Callable[..., Any],
    done: Callable[[], None],
) -> dict[str, Matches]:
    """Take the regions above the contour of the map in every copy, and match each cluster's firms with the best one."""
    assert clusters.firms is not None  # noqa: S101 - the caller has asked
    x, y = planar(clusters.firms)
    place = {firm: i for i, firm in enumerate(clusters.firms.frame["firm_id"])}
    out: dict[str, Matches] = {}
    for surface in clusters.surfaces:
        names = clusters.frame.loc[clusters.frame["sector"] == surface.sector, "cluster"]
        if len(names):

            def one(copy: int, surface: RiskSurface = surface) -> list[Ints]:
                rng = stream(seed, "stability", surface.sector, copy)
                return _regions(surface, x, y, jitter_m, rng)

            found = list(spread(one, range(replicates)))
            for name in names:
                own = clusters.members.loc[clusters.members["cluster"] == name, "firm_id"]
                members = np.sort(np.array([place[firm] for firm in own], dtype=np.int64))
                pairs = [best_match(members, sets) for sets in found]
                out[str(name)] = Matches(np.array([j for j, _ in pairs]), [held for _, held in pairs])
        done()
    return out


def _regions(
    surface: RiskSurface, x: Floats, y: Floats, jitter_m: float, rng: np.random.Generator
) -> list[Ints]:
    """Return the sector's firms in every connected region whose score reaches the contour of the map."""
    inside = surface.inside
    moved = rng.normal(0.0, jitter_m, (2, len(x)))
    grid = make_grid(x + moved[0], y + moved[1], surface.radius_m)
    n, firms = surface.n_sector, len(x)
    members = np.flatnonzero(inside)
    times = rng.multinomial(n, np.full(n, 1.0 / n))
    mass = np.bincount(grid.place[members], times, minlength=len(grid.mass)).astype(np.float64)
    everywhere = cells_in_reach(grid)
    cells = everywhere.only(n / firms * everywhere.firms >= surface.minimum)
    sums = np.empty(len(cells.row))
    smoothed(grid.row, grid.column, mass, kernel_weights(STEPS), cells.runs, np.empty(grid.shape), sums)
    expected = cells.total * (n / firms)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(sums > 0, sums * np.log(sums / expected), 0.0) - (sums - expected)
    above = (sums > expected) & (gain * cells.unit >= surface.contour)
    image = np.zeros(grid.shape, dtype=bool)
    image[cells.row[above], cells.column[above]] = True
    regions, many = label_regions(image)
    of_firm = regions[grid.row, grid.column][grid.place[members]]
    return [members[of_firm == k] for k in range(1, many + 1) if (of_firm == k).any()]
