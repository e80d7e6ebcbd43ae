"""`contiguity` beside libpysal at three sizes, queen and rook: the same pairs first, then medians of five runs.

Worlds are Voronoi cells whose borders are drawn either as straight lines or, as boundaries of administration are, in
eight crinkled pieces. Ours is the whole call, from Areas (read and checked once, as every verb takes them) and from a
plain GeoDataFrame (read, checked and repaired in the call); the peers get the GeoDataFrame: `Graph.build_contiguity`
with ``strict=True``, and the older `Queen` and `Rook`. Cold is the first call in a fresh process that has the polygons
and has imported geopandas; imports and kernels are in it, and the kernels were compiled before or are compiled in the
call. Memory is how far the peak of a fresh process rises in one call. ``--quick`` runs small sizes and writes nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20_261_128
SIZES, RUNS = (374, 7_000, 35_000), 5
QUICK_SIZES, QUICK_RUNS = (374, 2_000), 2
PIECES = {"straight": 1, "crinkled": 8}
ROUGH = 0.01  # sideways at most, as a share of the way to the nearer end: narrow corners stay open
TARGETS = {"Graph strict": 5.0, "Queen": 9.0}
SIDE_M = 200_000.0


def cells(n: int, drawn: str) -> gpd.GeoDataFrame:
    """Make n cells of a square, each border drawn once and shared by both sides to the last digit."""
    rng = np.random.default_rng(SEED + n)
    square = shapely.box(0, 0, SIDE_M, SIDE_M)
    shapes = shapely.voronoi_polygons(shapely.MultiPoint(rng.uniform(0, SIDE_M, (n, 2))), extend_to=square)
    shapes = shapely.set_precision(shapely.intersection(np.array(shapes.geoms), square), 1e-3)
    shapes = _crinkled(shapes, PIECES[drawn], rng)
    if not (shapely.is_valid(shapes).all() and shapely.coverage_is_valid(shapes)):
        raise SystemExit(f"the {n} {drawn} cells are no coverage: the peers would answer another question")
    codes = [f"E{i:08d}" for i in range(n)]
    frame = gpd.GeoDataFrame({"code": codes, "name": codes}, geometry=shapes, crs="EPSG:27700")
    return frame.set_index("code")


def _crinkled(shapes: np.ndarray, pieces: int, rng: np.random.Generator) -> np.ndarray:
    """Break every edge into pieces, moved sideways by the same amount for the areas on both sides."""
    points, ring = shapely.get_coordinates(shapes, return_index=True)
    start = np.flatnonzero(ring[1:] == ring[:-1])
    a, b = points[start], points[start + 1]
    turned = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    low, high = np.where(turned[:, None], b, a), np.where(turned[:, None], a, b)
    edges, which = np.unique(np.hstack((low, high)), axis=0, return_inverse=True)
    share = np.linspace(0, 1, pieces + 1)
    side = rng.uniform(-ROUGH, ROUGH, (len(edges), pieces + 1)) * np.minimum(share, 1 - share)
    way = edges[:, 2:] - edges[:, :2]
    x = edges[:, :1] + way[:, :1] * share - way[:, 1:] * side
    y = edges[:, 1:2] + way[:, 1:] * share + way[:, :1] * side
    line = np.stack((x, y), axis=2)[which.ravel()]
    line[turned] = line[turned][:, ::-1]
    line[:, 0], line[:, -1] = a, b
    corner = np.flatnonzero(np.concatenate(([True], ring[start][1:] != ring[start][:-1])))
    rings = []
    for first, last in zip(corner, [*corner[1:], len(start)], strict=True):
        body = line[first:last, :-1].reshape(-1, 2)
        rings.append(shapely.linearrings(np.vstack((body, body[:1]))))
    return np.asarray(shapely.polygons(rings))


def ours(areas: Any, rule: str) -> Any:
    """Call the library."""
    from clustermap import contiguity

    return contiguity(areas, rule=rule)


def strict(frame: gpd.GeoDataFrame, rule: str) -> Any:
    """Call libpysal's graph."""
    from libpysal.graph import Graph

    return Graph.build_contiguity(frame, rook=rule == "rook", strict=True)


def older(frame: gpd.GeoDataFrame, rule: str) -> Any:
    """Call libpysal's older weights."""
    from libpysal.weights import Queen, Rook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"queen": Queen, "rook": Rook}[rule].from_dataframe(frame, use_index=True)


def linked(answer: Any) -> set[tuple[str, str]]:
    """Return the pairs of an answer."""
    if hasattr(answer, "adjacency"):
        return set(answer.adjacency[answer.adjacency > 0].index)
    return {(a, b) for a, others in answer.neighbors.items() for b in others}


def compare(n: int, drawn: str, rule: str, runs: int) -> dict[str, Any]:
    """Check that the answers are one, then take times in turn."""
    import clustermap as cm

    frame = cells(n, drawn)
    areas = cm.read_boundaries(frame)
    ways: dict[str, Callable[[], Any]] = {
        "ours from Areas": lambda: ours(areas, rule),
        "ours from GeoDataFrame": lambda: ours(frame, rule),
        "Graph strict": lambda: strict(frame, rule),
        "Queen": lambda: older(frame, rule),
    }
    answers = {way: linked(ask()) for way, ask in ways.items()}
    for way, theirs in answers.items():
        if theirs != answers["ours from Areas"]:
            raise SystemExit(
                f"{way} gives other pairs: {len(theirs):,}, not {len(answers['ours from Areas']):,}"
            )
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, ask in ways.items():
            start = time.perf_counter()
            ask()
            times[way].append(time.perf_counter() - start)
    seconds = {way: round(statistics.median(t), 4) for way, t in times.items()}
    ratios = {
        f"{ours_way}, times {peer}": round(seconds[peer] / seconds[ours_way], 1)
        for ours_way in ("ours from Areas", "ours from GeoDataFrame")
        for peer in TARGETS
    }
    return {
        "areas": n,
        "drawn": drawn,
        "rule": rule,
        "points": int(shapely.get_num_coordinates(frame.geometry.to_numpy()).sum()),
        "links": len(answers["ours from Areas"]),
        "same_pairs": True,
        "seconds": seconds,
        "runs": {way: [round(t, 4) for t in ts] for way, ts in times.items()},
        **ratios,
    }


def _resident(line: str) -> float:
    """Return a line of the kernel's account of this process, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith(line)) / 1_024


def alone(way: str, n: int) -> None:
    """Print seconds and growth of the peak memory of one first call in this process."""
    frame = cells(n, "crinkled")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here on
    before = _resident("VmRSS")
    start = time.perf_counter()
    {"ours": ours, "Graph strict": strict, "Queen": older}[way](frame, "queen")
    seconds = time.perf_counter() - start
    grown = _resident("VmHWM") - before
    print(json.dumps({"seconds": round(seconds, 3), "peak_grows_by_mb": round(grown, 1)}))


def first_call(way: str, n: int, cache: str | None = None) -> dict[str, float]:
    """Run one call in a fresh process, compiling into an empty cache where one is given."""
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    command = [sys.executable, __file__, "alone", way, str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def exponent(found: list[dict[str, Any]], way: str) -> float:
    """Fit time ~ points^b over the sizes."""
    points = np.log([f["points"] for f in found])
    seconds = np.log([f["seconds"][way] for f in found])
    return round(float(np.polyfit(points, seconds, 1)[0]), 2)


def main() -> None:
    """Measure, and write what was measured."""
    if sys.argv[1:2] == ["alone"]:
        alone(sys.argv[2], int(sys.argv[3]))
        return
    quick = sys.argv[1:] == ["--quick"]
    sizes, runs = (QUICK_SIZES, QUICK_RUNS) if quick else (SIZES, RUNS)
    load = [round(x, 2) for x in os.getloadavg()]
    found = [compare(n, drawn, rule, runs) for drawn in PIECES for rule in ("queen", "rook") for n in sizes]
    largest = [f for f in found if f["areas"] == sizes[-1]]
    fresh = {way: first_call(way, sizes[-1]) for way in ("ours", "Graph strict", "Queen")}
    with tempfile.TemporaryDirectory() as empty:
        fresh["ours, kernels compiled in the call"] = first_call("ours", sizes[-1], empty)
    figures = {
        "sizes": found,
        "first_call_in_a_fresh_process": fresh,
        "scaling_exponent": {
            f"{way}, {drawn}, {rule}": exponent(
                [f for f in found if (f["drawn"], f["rule"]) == (drawn, rule)], way
            )
            for way in ("ours from Areas", "ours from GeoDataFrame", *TARGETS)
            for drawn in PIECES
            for rule in ("queen", "rook")
        },
        "targets": TARGETS,
        "reached_from_areas": all(
            f[f"ours from Areas, times {p}"] >= t for f in largest for p, t in TARGETS.items()
        ),
        "reached_from_geodataframe": all(
            f[f"ours from GeoDataFrame, times {p}"] >= t for f in largest for p, t in TARGETS.items()
        ),
        "load_before": load,
    }
    if quick:
        print(json.dumps(figures, indent=1))
        return
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from _record import record

    record("contiguity", figures)


if __name__ == "__main__":
    main()
