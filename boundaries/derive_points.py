"""Write down eight generator points a district: centroids of its occupied postcode squares, to the kilometre.

Reads the open postcode and district files (folder named by CLUSTERMAP_REAL_DATA, else ``../shared/data`` beside the
checkout) and writes ``facts/points.csv``. A square of one kilometre counts once, however many postcodes it holds, so
the points follow where a district is built on and not where it is densest. Nothing is random: k-means starts from
farthest-first points and runs until it stands still.
"""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts"
BRITISH_GRID = 27700
SQUARE_M = 1_000
POINTS_A_DISTRICT = 8
ROUNDS = 200

Points = npt.NDArray[np.float64]


def real_data() -> Path:
    """Return the folder of the published open data."""
    named = os.environ.get("CLUSTERMAP_REAL_DATA")
    return Path(named) if named else HERE.parents[1] / "shared" / "data"


def occupied_squares(source: Path) -> pd.DataFrame:
    """Return the occupied kilometre squares (centre x, y) of each English district, sorted."""
    lad = gpd.read_file(source / "lad_2022_uk.geojson").to_crs(BRITISH_GRID)
    lad = lad[lad["LAD22CD"].str.startswith("E")][["LAD22CD", "geometry"]]
    codes = pd.read_parquet(source / "postcodes_uk_2025.parquet", columns=["lat", "lon"])
    points = gpd.GeoSeries.from_xy(codes["lon"], codes["lat"], crs=4326).to_crs(BRITISH_GRID)
    # Whole metres first: half of the postcodes share a place with another.
    places = pd.DataFrame({"x": points.x.round(), "y": points.y.round()}).drop_duplicates()
    placed = gpd.GeoDataFrame(places, geometry=gpd.points_from_xy(places["x"], places["y"]), crs=BRITISH_GRID)
    placed = gpd.sjoin(placed, lad, predicate="intersects")
    squares = pd.DataFrame(
        {
            "code": placed["LAD22CD"],
            "x": (np.floor(placed["x"] / SQUARE_M) + 0.5) * SQUARE_M,
            "y": (np.floor(placed["y"] / SQUARE_M) + 0.5) * SQUARE_M,
        }
    )
    return squares.drop_duplicates().sort_values(["code", "x", "y"], ignore_index=True)


def farthest_first(places: Points, count: int) -> Points:
    """Return starting centres: the most central place, then always the place farthest from those chosen."""
    centres = [places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]]
    distance = ((places - centres[0]) ** 2).sum(axis=1)
    while len(centres) < count:
        centres.append(places[np.argmax(distance)])
        distance = np.minimum(distance, ((places - centres[-1]) ** 2).sum(axis=1))
    return np.array(centres, dtype=np.float64)


def centroids(places: Points, count: int) -> Points:
    """Return the k-means centres of the places, rounded to the kilometre, coincident ones once."""
    centres = farthest_first(places, min(count, len(places)))
    for _ in range(ROUNDS):
        nearest = ((places[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        moved = np.array(
            [places[nearest == k].mean(axis=0) if (nearest == k).any() else c for k, c in enumerate(centres)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.unique(np.round(centres / 1_000) * 1_000, axis=0)


def main(folder: Path = FACTS) -> None:
    """Write the generator points."""
    tables = []
    for code, group in occupied_squares(real_data()).groupby("code"):
        found = centroids(group[["x", "y"]].to_numpy(), POINTS_A_DISTRICT).astype(int)
        tables.append(pd.DataFrame({"code": code, "easting": found[:, 0], "northing": found[:, 1]}))
    pd.concat(tables).to_csv(folder / "points.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
