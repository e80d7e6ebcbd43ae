"""Bootstrap copies of a map of firms: firms drawn again and moved a little, the map searched without a test."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import label as label_regions

from clustermap.detection.density.grid import find_dense, near_dense
from clustermap.detection.density.grid import make_grid as make_cells
from clustermap.detection.density.sectors import planar
from clustermap.detection.stability.area_copies import Matches, best_match
from clustermap.detection.surface.grid import STEPS, cells_in_reach, make_grid
from clustermap.detection.surface.kernels import kernel_weights, smoothed
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clustermap.detection.clusters import Clusters
    from clustermap.detection.density.inputs import Marked
    from clustermap.detection.density.rule import Chosen
    from clustermap.detection.surface.results import RiskSurface

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
    """Take the regions above the map's contour, or the dense places, of every copy; match each cluster's firms."""
    assert clusters.firms is not None  # noqa: S101 - the caller has asked
    x, y = planar(clusters.firms)
    place = pd.Index(clusters.firms.frame["firm_id"])
    out: dict[str, Matches] = {}
    for sector, search in _searches(clusters, x, y, jitter_m):
        names = clusters.frame.loc[clusters.frame["sector"] == sector, "cluster"]
        if len(names):
            streams = (stream(seed, "stability", sector, copy) for copy in range(replicates))
            found = list(spread(search, streams))
            for name in names:
                own = clusters.members.loc[clusters.members["cluster"] == name, "firm_id"]
                members = np.sort(place.get_indexer(own))
                pairs = [best_match(members, sets) for sets in found]
                out[str(name)] = Matches(np.array([j for j, _ in pairs]), [held for _, held in pairs])
        done()
    return out


def _searches(
    clusters: Clusters, x: Floats, y: Floats, jitter_m: float
) -> Iterator[tuple[str, Callable[[np.random.Generator], list[Ints]]]]:
    """Give the search of every sector: what it finds in the copy that a stream of random numbers makes."""
    for surface in clusters.surfaces:
        yield surface.sector, partial(_regions, surface, x, y, jitter_m)
    for sought in clusters.density.sought if clusters.density is not None else ():
        yield sought[0].name, partial(_dense, sought, x, y, jitter_m)


def _dense(
    sought: tuple[Marked, Chosen], x: Floats, y: Floats, jitter_m: float, rng: np.random.Generator
) -> list[Ints]:
    """Return the sector's firms in every dense place: drawn or not, a firm within reach of one belongs to it."""
    own, chosen = sought
    moved = rng.normal(0.0, jitter_m, (2, len(x)))
    grid = make_cells(x + moved[0], y + moved[1], chosen.radius_m)
    n = len(own.rows)
    marks = own.marks * rng.multinomial(n, np.full(n, 1.0 / n))
    site = grid.site_of[own.rows].astype(np.int64)
    at, to = np.unique(site[marks > 0], return_inverse=True)
    weight = np.bincount(to, marks[marks > 0], minlength=len(at)).astype(float)
    dense = find_dense(grid, grid.part(at), weight, chosen.minimum, threads=1)
    if not dense.n:
        return []
    label = near_dense(grid, grid.sites, dense, threads=1)[site]
    return [own.rows[label == k] for k in range(dense.n) if (label == k).any()]


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
