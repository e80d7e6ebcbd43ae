"""Points in districts: clustermap.locate beside geopandas.sjoin and prepared polygons, one million points.

Areas are the 374 districts of 2022 of the open data beside the project, or the embedded 309 where these are
absent. Points are uniform in the boxes of districts drawn at random, so that some lie at sea. All ways must give
the same pairs of point and area before any time is taken. Times count everything from frames of points and
polygons to a frame of pairs. Peers run warm and in one thread, as they do by default: sjoin with the faster of
its two predicates, and one prepared polygon after the other on the points in its box. Medians of 3, the ways in
turn; "first call" is one call in a fresh process, with the kernels compiled before or not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from _record import record

import clustermap as cm
from clustermap.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

SEED, RUNS, TARGET = 20_220_374, 3, 7.0
SIZES = (100_000, 1_000_000)


def districts() -> tuple[cm.Areas, str]:
    """Read the real districts where they are, else the embedded ones."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    file = Path(os.environ.get("CLUSTERMAP_REAL_DATA", default)) / "lad_2022_uk.geojson"
    if file.is_file():
        return cm.read_boundaries(file), "districts of the UK of 2022, strongly generalised"
    return cm.read_boundaries("lad", vintage=2022), "embedded districts of England of 2022"


def scatter(areas: cm.Areas, n: int) -> cm.Firms:
    """Scatter synthetic firms over the boxes of districts."""
    rng = np.random.default_rng(SEED)
    box = areas.frame.bounds.to_numpy()[rng.integers(0, len(areas), n)]
    points = shapely.points(rng.uniform(box[:, 0], box[:, 2]), rng.uniform(box[:, 1], box[:, 3]))
    frame = gpd.GeoDataFrame(
        {
            "firm_id": pd.Series(np.arange(n)).map("f{:07d}".format),
            "value": np.nan,
            "location_kind": pd.Categorical(["unknown"] * n),
        },
        geometry=points,
        crs=areas.crs,
    )
    ledger = Ledger.from_reasons(pd.Series(["accepted"] * n), verdicts={})
    return cm.Firms(frame=frame, activities=frame[["firm_id"]], ledger=ledger, synthetic=True)


def joined(predicate: str) -> Callable[[cm.Firms, cm.Areas], pd.DataFrame]:
    """Join by geopandas."""

    def join(firms: cm.Firms, areas: cm.Areas) -> pd.DataFrame:
        left, right = firms.frame[["firm_id", "geometry"]], areas.frame[["geometry"]]
        found = gpd.sjoin(left, right, predicate=predicate)
        return pd.DataFrame({"firm_id": found["firm_id"], "area": found["code"]})

    return join


def prepared(firms: cm.Firms, areas: cm.Areas) -> pd.DataFrame:
    """Ask one prepared polygon after the other."""
    xy = shapely.get_coordinates(firms.frame.geometry.to_numpy())
    order = np.argsort(xy[:, 0])
    x, y = xy[order].T
    shapes = areas.frame.geometry.to_numpy()
    shapely.prepare(shapes)
    rows, codes = [], []
    for k, (west, south, east, north) in enumerate(shapely.bounds(shapes)):
        strip = slice(np.searchsorted(x, west), np.searchsorted(x, east, "right"))
        near = np.flatnonzero((y[strip] >= south) & (y[strip] <= north)) + strip.start
        inside = near[shapely.contains_xy(shapes[k], x[near], y[near])]
        rows.append(order[inside])
        codes.append(np.full(len(inside), k))
    row, code = np.concatenate(rows), np.concatenate(codes)
    return pd.DataFrame(
        {"firm_id": firms.frame["firm_id"].array.take(row), "area": areas.frame.index.array.take(code)}
    )


def located(firms: cm.Firms, areas: cm.Areas) -> pd.DataFrame:
    """Ask clustermap."""
    return cm.locate(firms, areas).frame


WAYS: dict[str, Callable[[cm.Firms, cm.Areas], pd.DataFrame]] = {
    "clustermap.locate": located,
    "geopandas.sjoin within": joined("within"),
    "geopandas.sjoin intersects": joined("intersects"),
    "prepared contains_xy": prepared,
}


def pairs(frame: pd.DataFrame) -> pd.MultiIndex:
    """Put pairs into one order."""
    return pd.MultiIndex.from_frame(frame[["firm_id", "area"]].astype(str)).sort_values()


def compare(areas: cm.Areas, n: int) -> dict[str, Any]:
    """Check that the answers are one, then take times in turn."""
    firms = scatter(areas, n)
    answers = {way: pairs(ask(firms, areas)) for way, ask in WAYS.items()}
    ours = answers["clustermap.locate"]
    for way, theirs in answers.items():
        if not ours.equals(theirs):
            raise SystemExit(f"{way} gives other pairs: {len(theirs):,} against {len(ours):,}")
    runs: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(RUNS):
        for way, ask in WAYS.items():
            start = time.perf_counter()
            ask(firms, areas)
            runs[way].append(time.perf_counter() - start)
    seconds = {way: round(statistics.median(times), 4) for way, times in runs.items()}
    best = min(seconds["geopandas.sjoin within"], seconds["geopandas.sjoin intersects"])
    return {
        "points": n,
        "pairs": len(ours),
        "same_pairs": True,
        "seconds": seconds,
        "times_sjoin": round(best / seconds["clustermap.locate"], 1),
        "times_prepared": round(seconds["prepared contains_xy"] / seconds["clustermap.locate"], 1),
    }


def first_call(cache: str | None) -> float:
    """Time one call in a fresh process, compiling into an empty cache where one is given."""
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    command = [sys.executable, __file__, "first"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return round(float(json.loads(done.stdout)), 3)


def main() -> None:
    """Measure, and write what was measured."""
    areas, words = districts()
    if sys.argv[1:] == ["first"]:
        firms = scatter(areas, SIZES[-1])
        start = time.perf_counter()
        cm.locate(firms, areas)
        print(time.perf_counter() - start)
        return
    load = round(os.getloadavg()[0], 1)
    sizes = [compare(areas, n) for n in SIZES]
    warm = statistics.median(first_call(None) for _ in range(RUNS))
    with tempfile.TemporaryDirectory() as empty:
        cold = first_call(empty)
    figures = {
        "areas": len(areas),
        "what": words,
        "load_before": load,
        "sizes": sizes,
        "first_call_seconds": {"kernels compiled before": warm, "kernels compiled in the call": cold},
        "target_times_sjoin_at_1_000_000": TARGET,
        "reached": sizes[-1]["times_sjoin"] >= TARGET,
    }
    record("locate", figures)


if __name__ == "__main__":
    main()
