"""Global Moran of 700 sectors over 35,000 areas beside esda, answers compared before times; medians of 5.

Ours is the whole call: alignment, statistics, exact moments, 999 arrangements of all sectors in one batch, p and the
frame. esda is called as its users call it, a sector at a time on weights that stand ready, and warm; it has one mode
for the global statistic (no threads), so a few sectors are timed and multiplied: that is said in the figures.
``--quick`` runs everything on a small world and writes nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from _record import record

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = "--quick" in sys.argv
N, SECTORS, DRAWS, RUNS, SEED = (2_000, 40, 99, 2, 20_261_127) if QUICK else (35_000, 700, 999, 5, 20_261_127)
TARGET = 20  # times esda a sector
PEER_SECTORS = 3
SAME = 1e-10
CHECKED_DRAWS = 999 if QUICK else 9_999
SIZES = (N // 4, N // 2, N)
SCALED_SECTORS = 32


def world(n: int, sectors: int) -> tuple[pd.DataFrame, Any]:
    """Make areas as a Delaunay graph of random points, and sectors of which every second is smooth."""
    from libpysal.graph import Graph
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(SEED)
    points = rng.random((n, 2))
    starts, near = Delaunay(points).vertex_neighbor_vertices
    codes = np.array([f"E{i:08d}" for i in range(n)])
    graph = Graph.from_arrays(np.repeat(codes, np.diff(starts)), codes[near], np.ones(len(near)))
    values = rng.normal(size=(n, sectors))
    values[:, ::2] += 0.02 * np.sin(9 * points[:, :1]) * np.cos(7 * points[:, 1:])
    return pd.DataFrame(values, index=codes, columns=[f"s{s:03d}" for s in range(sectors)]), graph


def median(work: Callable[[], object], runs: int = RUNS) -> tuple[float, list[float]]:
    """Time some runs."""
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found), [round(r, 4) for r in found]


def ours(values: pd.DataFrame | pd.Series, graph: Any, draws: int = DRAWS) -> Any:
    """Call the library."""
    from clustermap.autocorrelation import global_moran

    return global_moran(values, graph, permutations=draws, rates="none", seed=1)


def peer(values: pd.Series, w: Any, draws: int = DRAWS) -> Any:
    """Call esda."""
    import esda

    return esda.Moran(values.to_numpy(), w, permutations=draws)


def compare(values: pd.DataFrame, graph: Any, w: Any) -> dict[str, float]:
    """Hold both answers against each other for a few sectors; refuse to time different ones."""
    largest = {"statistic": 0.0, "variance": 0.0, "p": 0.0}
    np.random.seed(SEED)  # noqa: NPY002 - esda draws from the global generator
    for name in values.columns[:PEER_SECTORS]:
        frame, theirs = (
            ours(values[name], graph, CHECKED_DRAWS).frame.iloc[0],
            peer(values[name], w, CHECKED_DRAWS),
        )
        largest["statistic"] = max(largest["statistic"], abs(frame["statistic"] - theirs.I))
        largest["variance"] = max(largest["variance"], abs(frame["variance"] / theirs.VI_rand - 1))
        # esda's p is that of the nearer tail alone
        largest["p"] = max(largest["p"], abs(frame["p"] - min(1, 2 * theirs.p_sim)))
    # both p are twice a share of draws: the standard error of their difference is at most √2 / √draws
    allowed = {"statistic": SAME, "variance": SAME, "p": 4 * (2 / CHECKED_DRAWS) ** 0.5}
    if any(largest[k] > allowed[k] for k in allowed):
        raise SystemExit(f"the answers differ: {largest}, allowed {allowed}")
    return {f"{k}_largest_difference": float(f"{v:.3g}") for k, v in largest.items()}


FRESH = """
import sys, time
sys.path.insert(0, {folder!r})
import global_moran as benchmark
values, graph = benchmark.world({n}, {sectors}); ready = time.perf_counter()
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
benchmark.ours(values, graph)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(time.perf_counter() - ready, before / 1024, after / 1024)
"""


def fresh(n: int, sectors: int) -> dict[str, float]:
    """Take time and peak memory of the first answer in a fresh process, the world being ready."""
    code = FRESH.format(folder=str(Path(__file__).resolve().parent), n=n, sectors=sectors)
    arguments = [sys.executable, "-c", code, *(["--quick"] if QUICK else [])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    seconds, before, after = map(float, done.stdout.split())
    return {"s": round(seconds, 3), "mib_before": round(before, 1), "mib_peak": round(after, 1)}


def scaling() -> dict[str, Any]:
    """Fit the exponent of time against the number of areas."""
    times = []
    for n in SIZES:
        values, graph = world(n, SCALED_SECTORS)
        ours(values, graph)
        times.append(median(lambda v=values, g=graph: ours(v, g), 3)[0])
    slope = float(np.polyfit(np.log(SIZES), np.log(times), 1)[0])
    return {
        "areas": SIZES,
        "sectors": SCALED_SECTORS,
        "s": [round(t, 4) for t in times],
        "exponent": round(slope, 3),
    }


def main() -> None:
    """Compare, time, record."""
    values, graph = world(N, SECTORS)
    w = graph.to_W()
    w.transform = "r"
    answers = compare(values, graph, w)
    peers = [median(lambda name=name: peer(values[name], w)) for name in values.columns[:PEER_SECTORS]]
    esda_s = min(seconds for seconds, _ in peers)
    batch_s, batch_runs = median(lambda: ours(values, graph))
    one_s, one_runs = median(lambda: ours(values.iloc[:, 0], graph))
    exact_s, exact_runs = median(lambda: ours(values, graph, 0))
    ratio = esda_s / (batch_s / SECTORS)
    figures: dict[str, Any] = {
        "areas": N,
        "links": int(graph.n_edges),
        "sectors": SECTORS,
        "draws": DRAWS,
        "answers": answers,
        "esda_warm_s_a_sector": {
            "sectors_timed": PEER_SECTORS,
            "fastest_median": round(esda_s, 4),
            "runs": peers,
        },
        "esda_s_all_sectors_extrapolated": round(esda_s * SECTORS, 1),
        "ours_whole_call_s": {"median": round(batch_s, 3), "runs": batch_runs},
        "ours_ms_a_sector": round(1_000 * batch_s / SECTORS, 3),
        "ours_one_sector_s": {"median": round(one_s, 4), "runs": one_runs},
        "ours_exact_moments_alone_s": {"median": round(exact_s, 4), "runs": exact_runs},
        "fresh_process_one_sector": fresh(N, 1),
        "fresh_process_all_sectors": fresh(N, SECTORS),
        "scaling": scaling(),
        "times_esda_a_sector": round(ratio, 1),
        "times_esda_one_sector_alone": round(esda_s / one_s, 1),
        "target": TARGET,
        "reached": ratio >= TARGET,
        "load_of_the_machine": [round(x, 2) for x in os.getloadavg()],
    }
    if QUICK:
        print(figures)
    else:
        record("global_moran", figures)


if __name__ == "__main__":
    main()
