"""Clusters planted on the ground itself: firms inside a corridor or a disc, whatever areas they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.sources.values import Areas

__all__ = ["check_ground", "lay_ground", "planted_on"]

Floats = npt.NDArray[np.float64]

GROUNDS = ("corridor", "disc")
_THIN = 0.1  # half the width of a corridor, in lengths
_HALF = 0.5


def check_ground(planted: str, points: bool, length_m: float) -> None:
    """Refuse ground without points, or of no length.

    Raises
    ------
    OptionError
        CM-TEST-003.
    """
    if planted in GROUNDS and not (points and np.isfinite(length_m) and length_m > 0):
        raise OptionError(
            "CM-TEST-003",
            f"planted={planted!r} of {length_m!r} m is made of points",
            why="its edge runs through areas, so that counts by area cannot be drawn without places",
            fix='make_world(planted="corridor", length_m=10_000, points=True, seed=1)',
        )


def lay_ground(planted: str, length_m: float, areas: Areas, rng: np.random.Generator) -> Any:
    """Lay a corridor (five times as long as wide, of any bearing) or a disc inside the areas; nothing else is ground.

    Raises
    ------
    OptionError
        CM-TEST-001: the ground is longer than the areas are wide.
    """
    import shapely

    if planted not in GROUNDS:
        return None
    region = shapely.union_all(areas.frame.geometry.to_numpy())
    west, south, east, north = region.bounds
    for _ in range(1_000):
        x, y, bearing = rng.uniform(west, east), rng.uniform(south, north), rng.uniform(0, np.pi)
        if planted == "disc":
            shape = shapely.buffer(shapely.Point(x, y), length_m / 2)
        else:
            reach = (_HALF - _THIN) * length_m
            ends = [
                (x - reach * np.cos(bearing), y - reach * np.sin(bearing)),
                (x + reach * np.cos(bearing), y + reach * np.sin(bearing)),
            ]
            shape = shapely.buffer(shapely.LineString(ends), _THIN * length_m)
        if region.covers(shape):
            return shape
    raise OptionError(
        "CM-TEST-001",
        f"the areas hold no {planted} of {length_m:,.0f} m",
        fix="a smaller length_m, or larger areas",
    )


def planted_on(
    firms: gpd.GeoDataFrame, ground: Any, rate: pd.Series, *, risk: float, rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, list[list[str]], Floats]:
    """Draw again which firms are of the sector, as many as before: by the rate of their area, times the risk on ground.

    Returned are the firms, the areas of which most firms stand on the ground, and every area's mean relative risk.
    """
    from clustermap.testing.points import REST, SECTOR

    inside = firms.geometry.intersects(ground).to_numpy()
    weight = rate[firms["area"]].to_numpy() * np.where(inside, risk, 1.0)
    soonest = np.argsort(rng.exponential(size=len(firms)) / weight, kind="stable")
    sector = np.zeros(len(firms), dtype=bool)
    sector[soonest[: int(firms["sector"].sum())]] = True
    share = pd.Series(inside).groupby(firms["area"].to_numpy()).mean().reindex(rate.index, fill_value=0.0)
    most = [str(code) for code in share.index[share > _HALF]]
    drawn = firms.assign(sector=sector, sic=np.where(sector, SECTOR, REST))
    return drawn, [most] if most else [], 1.0 + (risk - 1.0) * share.to_numpy()
