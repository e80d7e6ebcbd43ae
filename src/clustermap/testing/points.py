"""Made-up firms inside made-up areas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.sources.values import Areas

__all__ = ["more_at_one_address", "moved_to", "scatter"]

SECTOR, REST = "28990", "96090"
_JOBS = (2.0, 1.0)  # mean and sd of the log of a firm's jobs


def scatter(
    areas: Areas,
    sector: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    """Place every firm at random inside its area; the first ones of an area are of the sector."""
    codes = areas.frame.index.to_numpy()
    n = total.astype(np.int64)
    place = np.repeat(np.arange(len(codes)), n)
    rank = np.arange(len(place)) - np.repeat(np.cumsum(n) - n, n)
    at = np.concatenate([_inside(shape, k, rng) for shape, k in zip(areas.frame.geometry, n, strict=True)])
    return _frame(codes[place], rank < sector[place], at, areas, rng)


def more_at_one_address(
    firms: gpd.GeoDataFrame, areas: Areas, *, area: str, n: int, share: float, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Add firms that all stand at one address, a share of them of the sector."""
    import geopandas as gpd

    at = np.repeat(_inside(areas.frame.geometry[area], 1, rng), n, axis=0)
    new = _frame(np.repeat(area, n), rng.random(n) < share, at, areas, rng)
    both = pd.concat([firms, new], ignore_index=True)
    both["firm_id"] = _names(len(both))
    return gpd.GeoDataFrame(both, geometry="geometry", crs=firms.crs)


def moved_to(
    firms: gpd.GeoDataFrame, which: npt.NDArray[np.bool_], point: Any, area: str
) -> gpd.GeoDataFrame:
    """Register some firms at an office in one area, as head offices do."""
    out = firms.copy()
    out.loc[which, "geometry"] = point
    out.loc[which, "area"] = area
    return out


def _frame(
    area: npt.NDArray[Any],
    sector: npt.NDArray[np.bool_],
    at: npt.NDArray[np.float64],
    areas: Areas,
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import shapely

    frame = {
        "firm_id": _names(len(area)),
        "sic": np.where(sector, SECTOR, REST),
        "value": np.ceil(rng.lognormal(*_JOBS, len(area))),
        "area": area,
        "sector": sector,
    }
    return gpd.GeoDataFrame(frame, geometry=shapely.points(at), crs=areas.crs)


def _names(n: int) -> list[str]:
    return [f"synthetic {i:07d}" for i in range(n)]


def _inside(shape: Any, n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw points evenly inside a polygon."""
    import shapely

    west, south, east, north = shape.bounds
    shapely.prepare(shape)
    found, have = [np.empty((0, 2))], 0
    while have < n:
        tries = rng.uniform((west, south), (east, north), (2 * (n - have) + 8, 2))
        good = tries[shapely.contains_xy(shape, tries[:, 0], tries[:, 1])]
        found.append(good)
        have += len(good)
    return np.concatenate(found)[:n]
