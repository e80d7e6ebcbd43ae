"""Local Moran of 20 sectors over 35,000 areas beside esda with numba, answers compared before times; medians of 3.

Ours is the whole call: alignment, statistics, 999 shared draws, p, false discovery rate and the long frame of all
sectors, divided by their number. esda is called as its users call it, a sector at a time on weights that stand
ready, compiled beforehand (warm), with one process and with all, and the faster counts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from _record import record

if TYPE_CHECKING:
    from collections.abc import Callable

N, SECTORS, DRAWS, RUNS, SEED = 35_000, 20, 999, 3, 20_261_121
TARGET, AIM = 100, 1_000
SAME = 1e-10
MANY_DRAWS, LEVEL = 99_999, 0.05
CHECKED = {"ours": 99_999, "esda": 9_999}


def world() -> tuple[pd.DataFrame, Any]:
    """Make areas as a Delaunay graph of random points, and sectors of which every second is smooth."""
    from libpysal.graph import Graph
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(SEED)
    points = rng.random((N, 2))
    starts, near = Delaunay(points).vertex_neighbor_vertices
    codes = np.array([f"E{i:08d}" for i in range(N)])
    graph = Graph.from_arrays(np.repeat(codes, np.diff(starts)), codes[near], np.ones(len(near)))
    values = rng.normal(size=(N, SECTORS))
    values[:, ::2] += np.sin(9 * points[:, :1]) * np.cos(7 * points[:, 1:])
    return pd.DataFrame(values, index=codes, columns=[f"s{s:02d}" for s in range(SECTORS)]), graph


def median(work: Callable[[], object]) -> tuple[float, list[float]]:
    """Time three runs."""
    runs = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    return statistics.median(runs), [round(r, 4) for r in runs]


def ours(values: pd.DataFrame | pd.Series, graph: Any, draws: int = DRAWS) -> Any:
    """Call the library."""
    from clustermap.autocorrelation import local_moran

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # 999 draws are coarse for 700,000 tests: said, and not the question here
        return local_moran(values, graph, permutations=draws, rates="none", seed=1)


def peer(values: pd.Series, w: Any, jobs: int, draws: int = DRAWS) -> Any:
    """Call esda."""
    import esda

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return esda.Moran_Local(values.to_numpy(), w, permutations=draws, n_jobs=jobs, seed=1)


def compare(values: pd.Series, graph: Any, w: Any) -> dict[str, float]:
    """Hold both answers against each other for one sector; refuse to time different ones.

    Either engine's draws are shared by all areas, so one set errs for all of them together: many draws are compared.
    """
    frame = ours(values, graph, CHECKED["ours"]).frame.reindex(values.index)
    theirs = peer(values, w, -1, CHECKED["esda"])
    # esda divides by n - 1 where Anselin (1995) has n, and its p is that of the nearer tail alone
    statistic = float(np.abs(frame["statistic"] - theirs.Is * N / (N - 1)).max())
    p = np.abs(frame["p"] - np.minimum(1, 2 * theirs.p_sim))
    agree = float(((frame["p"] <= LEVEL) == (2 * theirs.p_sim <= LEVEL)).mean())
    figures = {
        "draws_ours": CHECKED["ours"],
        "draws_esda": CHECKED["esda"],
        "statistic_largest_difference": float(f"{statistic:.3g}"),
        "p_mean_difference": float(f"{p.mean():.3g}"),
        "p_largest_difference": float(f"{p.max():.3g}"),
        "same_side_of_5_percent": float(f"{agree:.4g}"),
    }
    # the standard error of twice a tail is at most 2 × .5 / √9,999 = .01; four of them
    if not (statistic < SAME and p.mean() < 4 * 0.01 and agree > 0.99):
        raise SystemExit(f"the answers differ: {figures}")
    return figures


def engine(values: pd.DataFrame, graph: Any) -> tuple[float, list[float]]:
    """Time the draws and counts alone: what the peer's inner loop does."""
    from clustermap.autocorrelation.draws import conditional_counts, lagged
    from clustermap.autocorrelation.variables import read_variables

    group = next(read_variables(values, graph, sector=None, rates="none").groups())
    sums = lagged(group.z, group.indptr, group.indices)
    return median(lambda: conditional_counts(group.z, sums, group.sizes, permutations=DRAWS, seed=1))


COLD = """
import sys, time; start = time.perf_counter()
sys.path.insert(0, {folder!r})
import lisa
values, graph = lisa.world(); ready = time.perf_counter()
{call}
print(time.perf_counter() - ready)
"""


def cold(call: str) -> float:
    """Time imports and the first answer in a fresh process, the world being ready."""
    code = COLD.format(folder=str(Path(__file__).resolve().parent), call=call)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(float(done.stdout), 3)


def main() -> None:
    """Compare, time, record."""
    values, graph = world()
    w = graph.to_W()
    w.transform = "r"
    peer(values["s00"], w, 1)  # compiles
    answers = compare(values["s00"], graph, w)
    jobs = {n: median(lambda n=n: peer(values["s00"], w, n)) for n in (1, -1)}
    esda_s = min(seconds for seconds, _ in jobs.values())
    batch_s, batch_runs = median(lambda: ours(values, graph))
    one_s, one_runs = median(lambda: ours(values["s00"], graph))
    engine_s, engine_runs = engine(values, graph)
    many_s, many_runs = median(lambda: ours(values["s00"], graph, MANY_DRAWS))
    ratio = esda_s / (batch_s / SECTORS)
    record(
        "lisa",
        {
            "areas": N,
            "links": int(graph.n_edges),
            "sectors": SECTORS,
            "draws": DRAWS,
            "answers": answers,
            "esda_warm_s_a_sector": {
                f"n_jobs={n}": {"median": round(s, 4), "runs": runs} for n, (s, runs) in jobs.items()
            },
            "ours_whole_call_s": {"median": round(batch_s, 4), "runs": batch_runs},
            "ours_ms_a_sector": round(1_000 * batch_s / SECTORS, 3),
            "ours_draws_and_counts_s": {"median": round(engine_s, 4), "runs": engine_runs},
            "ours_one_sector_s": {"median": round(one_s, 4), "runs": one_runs},
            "ours_one_sector_99_999_draws_s": {"median": round(many_s, 4), "runs": many_runs},
            "cold_s": {
                "ours_20_sectors": cold("lisa.ours(values, graph)"),
                "esda_1_sector": cold("w = graph.to_W(); lisa.peer(values['s00'], w, 1)"),
            },
            "times_esda_a_sector": round(ratio, 1),
            "times_esda_draws_and_counts_alone": round(esda_s / (engine_s / SECTORS), 1),
            "times_esda_one_sector_alone": round(esda_s / one_s, 1),
            "target": TARGET,
            "aim": AIM,
            "reached": ratio >= TARGET,
            "load_of_the_machine": [round(x, 2) for x in os.getloadavg()],
        },
    )


if __name__ == "__main__":
    main()
