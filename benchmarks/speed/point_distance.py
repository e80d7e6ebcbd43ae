"""The K_d test beside a compiled loop over all pairs, answers compared before times; medians of 5.

The peer is the best plain way: every pair of the sector's firms in one compiled, parallel loop, once for the curve and
once for each random labelling; its thousand labellings are extrapolated from a few, all of the same length. Ours is
the whole call. The economy is worked out once for all sectors; the test of one sector is timed with and without it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numba
import numpy as np
from _record import record

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20_261_127
RUNS, DRAWS = 5, 1_000
TIMES_PEER, ALL_SECTORS_S, CURVE, BAND = 250, 60.0, 0.01, 0.05
STEP, BINS = 1_000.0, 226


class Size(NamedTuple):
    """How large an experiment is."""

    firms: int
    sector: int
    sectors: int
    checked: tuple[int, int]  # firms and sector of the band's check
    draws: int
    runs: int
    peer_runs: int


FULL = Size(1_000_000, 50_000, 600, (100_000, 4_000), DRAWS, RUNS, 5)
QUICK = Size(40_000, 4_000, 30, (10_000, 2_500), 200, 1, 2)


@numba.njit(parallel=True, fastmath=True)
def peer_histogram(x: Any, y: Any, width: float, bins: int) -> Any:
    """Count all pairs by distance, rows dealt out to threads, a row of counts for each."""
    threads = numba.get_num_threads()
    counts = np.zeros((threads, bins), dtype=np.int64)
    for t in numba.prange(threads):
        for i in range(t, x.size, threads):
            for j in range(i):
                dx, dy = x[i] - x[j], y[i] - y[j]
                k = int(np.sqrt(dx * dx + dy * dy) / width)
                if k < bins:
                    counts[t, k] += 1
    return counts.sum(axis=0)


def world(firms: int, sector: int, sectors: int) -> Any:
    """Make towns of uneven size and scattered firms on 600 × 900 km, one large sector and many of uneven size."""
    from clustermap.sources.firms import read_firms

    rng = np.random.default_rng([SEED, firms])
    size = rng.pareto(1.1, 800) + 1
    centre = rng.uniform(0, (600_000, 900_000), (800, 2))
    town = rng.choice(800, firms, p=size / size.sum())
    xy = centre[town] + rng.normal(0, 1, (firms, 2)) * (2_500 * np.sqrt(size[town] / size.mean()))[:, None]
    scattered = rng.random(firms) < 0.15
    xy[scattered] = rng.uniform(0, (600_000, 900_000), (int(scattered.sum()), 2))
    xy = np.clip(xy, 0, (600_000, 900_000))
    share = rng.lognormal(0, 1.3, sectors)
    kind = rng.choice(sectors, firms, p=share / share.sum())
    large = np.where(rng.permutation(firms) < sector, "large", "rest")
    frame = gpd.GeoDataFrame(
        {"firm_id": [f"f{i:07}" for i in range(firms)], "kind": [f"s{k:03}" for k in kind], "large": large},
        geometry=gpd.points_from_xy(xy[:, 0] + 4_000_000, xy[:, 1] + 2_600_000),
        crs=3035,
    )
    return read_firms(frame, project_to=3035)


def median(work: Callable[[], object], runs: int) -> tuple[float, list[float]]:
    """Time some runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), [round(t, 4) for t in times]


def test_of(data: Any, **options: Any) -> Any:
    """Call the library."""
    from clustermap.measures.distance import duranton_overman

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # draws are coarse for many sectors: said, and not the question here
        return duranton_overman(data, seed=1, **options)


def compare_curve(economy: Any) -> dict[str, float]:
    """Hold our curve on cells against the peer's exact pairs, smoothed alike."""
    from clustermap.measures.distance.smoothing import kernel

    ours = test_of(economy, sectors="large", sector="large", method="moments")
    inside = (economy.firms.frame["large"] == "large").to_numpy()
    counts = peer_histogram(economy.x[inside], economy.y[inside], economy.step, economy.bins)
    smooth = kernel(
        economy.points, economy.bins, width=STEP, bandwidth=float(ours.tests["bandwidth"].iloc[0])
    )
    exact = smooth @ counts / (inside.sum() * (inside.sum() - 1) / 2)
    apart = float(np.abs(ours.frame["value"] - exact).max() / exact.max())
    if apart > CURVE:
        raise SystemExit(f"the curves differ by {apart:.3g} of their height")
    return {"largest_difference_of_height": float(f"{apart:.3g}")}


def compare_band(size: Size) -> dict[str, float]:
    """Hold the band without simulation against the peer's random labellings on exact pairs."""
    from clustermap.measures.distance import economy_distances
    from clustermap.measures.distance.bands import simulated_bands
    from clustermap.measures.distance.smoothing import kernel

    firms, n = size.checked
    economy = economy_distances(world(firms, n, 5))
    ours = test_of(economy, sectors="large", sector="large", method="moments")
    smooth = kernel(
        economy.points, economy.bins, width=STEP, bandwidth=float(ours.tests["bandwidth"].iloc[0])
    )
    rng = np.random.default_rng([SEED, 1])
    drawn = np.empty((size.draws, economy.bins))
    for b in range(size.draws):
        some = rng.choice(firms, n, replace=False)
        drawn[b] = peer_histogram(economy.x[some], economy.y[some], economy.step, economy.bins)
    bands = simulated_bands(ours.frame["value"].to_numpy(), drawn @ smooth.T / (n * (n - 1) / 2), 0.05)
    frame = ours.frame
    ours_wide = (frame["global_upper"] - frame["global_lower"]).to_numpy()
    theirs_wide = bands.global_upper - bands.global_lower
    figures = {
        "mean_ratio_of_expected": float(f"{np.mean(frame['expected'] / bands.expected):.5g}"),
        "mean_ratio_of_width": float(f"{np.mean(ours_wide / theirs_wide):.4g}"),
        "least_and_largest_ratio_of_width": [
            float(f"{v:.4g}") for v in np.quantile(ours_wide / theirs_wide, (0, 1))
        ],
    }
    # a standard deviation of 1,000 draws errs by 2.2 %, the quantile of the largest deviation by about as much
    if abs(figures["mean_ratio_of_width"] - 1) > BAND * np.sqrt(DRAWS / size.draws):
        raise SystemExit(f"the bands differ: {figures}")
    return figures


CHILD = """
import sys; sys.path.insert(0, {folder!r})
import point_distance
point_distance.child({firms})
"""


def child(firms: int) -> None:
    """Work an economy out in a fresh process; print cold and warm seconds and the largest memory."""
    from clustermap.measures.distance import economy_distances

    data = world(firms, max(firms // 20, 10), 5)
    start = time.perf_counter()
    economy_distances(data)
    cold = time.perf_counter() - start
    warm, _ = median(lambda: economy_distances(data), 3)
    tracemalloc.start()
    economy_distances(data)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    print(f"{cold} {warm} {peak}")


def scaling(size: Size) -> dict[str, Any]:
    """Measure economies of growing size, each in a process of its own."""
    rows = []
    folder = str(Path(__file__).resolve().parent)
    for part in (8, 4, 2, 1):
        code = CHILD.format(folder=folder, firms=size.firms // part)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        cold, warm, peak = map(float, done.stdout.split())
        rows.append(
            {
                "firms": size.firms // part,
                "cold_s": round(cold, 3),
                "warm_s": round(warm, 3),
                "mb": round(peak),
            }
        )
    logs = np.log([[r["firms"], r["warm_s"]] for r in rows])
    return {"economies": rows, "exponent_of_time": round(float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0]), 3)}


def main() -> None:
    """Compare, time, record."""
    quick = "--quick" in sys.argv
    size = QUICK if quick else FULL
    from clustermap.measures.distance import economy_distances

    firms = world(size.firms, size.sector, size.sectors)
    economy = economy_distances(firms)
    inside = (economy.firms.frame["large"] == "large").to_numpy()
    x, y = economy.x[inside], economy.y[inside]
    peer_histogram(x[:100], y[:100], STEP, BINS)  # compiles
    figures: dict[str, Any] = {"curve": compare_curve(economy), "band": compare_band(size)}
    peer_s, peer_runs = median(lambda: peer_histogram(x, y, STEP, BINS), size.peer_runs)
    once_s, once_runs = median(lambda: economy_distances(firms), size.runs)
    one = {"sectors": "large", "sector": "large", "method": "moments"}
    sector_s, sector_runs = median(lambda: test_of(economy, **one), size.runs)
    all_s, all_runs = median(lambda: test_of(economy, sectors="kind"), 1 if quick else 3)
    peer_test = peer_s * (DRAWS + 1)
    figures |= {
        "firms": size.firms,
        "sector": size.sector,
        "sectors": size.sectors,
        "draws": DRAWS,
        "peer_one_curve_s": {"median": round(peer_s, 4), "runs": peer_runs},
        "peer_test_extrapolated_s": round(peer_test, 1),
        "ours_economy_once_s": {"median": round(once_s, 4), "runs": once_runs},
        "ours_one_sector_s": {"median": round(sector_s, 4), "runs": sector_runs},
        "ours_all_sectors_s": {"median": round(all_s, 2), "runs": all_runs},
        "times_peer_economy_included": round(peer_test / (once_s + sector_s), 1),
        "times_peer_economy_ready": round(peer_test / sector_s, 1),
        "target_times_peer": TIMES_PEER,
        "target_all_sectors_s": ALL_SECTORS_S,
        "reached": peer_test / (once_s + sector_s) >= TIMES_PEER and once_s + all_s <= ALL_SECTORS_S,
        **scaling(size),
        "load_of_the_machine": [round(v, 2) for v in os.getloadavg()],
    }
    if quick:
        print(figures)
    else:
        record("point_distance", figures)


if __name__ == "__main__":
    main()
