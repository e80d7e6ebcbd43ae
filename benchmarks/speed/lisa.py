"""Local Moran of 100 sectors over 35,000 areas beside esda and pygeoda, answers compared before times; medians of 5.

Ours is the whole call: alignment, statistics, shared draws, p, false discovery rate, borderline decisions and the long
frame of all sectors, divided by their number. Peers are called as their users call them, a sector at a time on weights
that stand ready: esda compiled beforehand (warm), with one process and with all; pygeoda with its look-up table and
with complete permutations, with all threads. The faster mode of each counts. ``--quick`` runs everything on a small
world and writes nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from _record import record

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = "--quick" in sys.argv
N, SECTORS, DRAWS, RUNS, SEED = (
    (2_000, 10, 999, 2, 20_261_121) if QUICK else (35_000, 100, 999, 5, 20_261_121)
)
AIM_ESDA, AIM_PYGEODA = 1_000, 80  # times the peer, a sector, at equal draws
MANY_DRAWS, AIM_MANY_S, AIM_FIRST_S = (9_999 if QUICK else 99_999), 10.0, 1.0
MOST_KEPT = 9_999  # kept draws of 35,000 areas would take 28 GB at 99,999
SIZES = (N // 4, N // 2, N)
SAME, LEVEL = 1e-10, 0.05
CHECKED = {"ours": 9_999, "esda": 999} if QUICK else {"ours": 99_999, "esda": 9_999}


def world(n: int = N, sectors: int = SECTORS) -> tuple[pd.DataFrame, Any]:
    """Make areas as a Delaunay graph of random points, and sectors of which every second is smooth."""
    from libpysal.graph import Graph
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(SEED)
    points = rng.random((n, 2))
    starts, near = Delaunay(points).vertex_neighbor_vertices
    codes = np.array([f"E{i:08d}" for i in range(n)])
    graph = Graph.from_arrays(np.repeat(codes, np.diff(starts)), codes[near], np.ones(len(near)))
    values = rng.normal(size=(n, sectors))
    values[:, ::2] += np.sin(9 * points[:, :1]) * np.cos(7 * points[:, 1:])
    return pd.DataFrame(values, index=codes, columns=[f"s{s:03d}" for s in range(sectors)]), graph


def median(work: Callable[[], object]) -> tuple[float, list[float]]:
    """Time some runs."""
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
        )  # 999 draws are coarse for millions of tests: said, and not the question here
        return local_moran(values, graph, permutations=draws, rates="none", seed=1)


def peer(values: pd.Series, w: Any, jobs: int, draws: int = DRAWS) -> Any:
    """Call esda."""
    import esda

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return esda.Moran_Local(
            values.to_numpy(), w, permutations=draws, n_jobs=jobs, seed=1, keep_simulations=draws <= MOST_KEPT
        )


def geoda_weights(graph: Any) -> Any:
    """Hand the same graph to pygeoda, through the file format that it reads."""
    import pygeoda

    codes = list(graph.unique_ids)
    place = {code: str(k) for k, code in enumerate(codes)}
    links = graph.adjacency.index
    focal, other = (links.get_level_values(k) for k in range(2))
    rows: dict[str, list[str]] = {code: [] for code in codes}
    for a, b in zip(focal, other, strict=True):
        rows[a].append(place[b])
    lines = [f"0 {len(codes)} world id"]
    for code in codes:
        lines += [f"{place[code]} {len(rows[code])}", " ".join(rows[code])]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "world.gal"
        file.write_text("\n".join(lines) + "\n")
        return pygeoda.read_gal(str(file), [place[code] for code in codes])


def geoda(values: pd.Series, weights: Any, method: str, draws: int = DRAWS) -> Any:
    """Call pygeoda."""
    import pygeoda

    return pygeoda.local_moran(
        weights,
        values.to_list(),
        permutations=draws,
        permutation_method=method,
        cpu_threads=os.cpu_count(),
        seed=1,
    )


def compare(values: pd.Series, graph: Any, w: Any, gal: Any) -> dict[str, float]:
    """Hold all answers against each other for one sector; refuse to time different ones.

    Either engine's draws are shared by all areas, so one set errs for all of them together: many draws are compared.
    """
    n = len(values)
    frame = ours(values, graph, CHECKED["ours"]).frame.reindex(values.index)
    theirs = peer(values, w, -1, CHECKED["esda"])
    third = geoda(values, gal, "complete")
    # esda and pygeoda divide by n - 1 where Anselin (1995) has n, and their p is that of the nearer tail alone
    statistic = float(np.abs(frame["statistic"] - theirs.Is * n / (n - 1)).max())
    of_geoda = float(np.abs(frame["statistic"] - np.array(third.lisa_values()) * n / (n - 1)).max())
    p = np.abs(frame["p"] - np.minimum(1, 2 * theirs.p_sim))
    agree = float(((frame["p"] <= LEVEL) == (2 * theirs.p_sim <= LEVEL)).mean())
    geoda_p = np.minimum(1, 2 * np.array(third.lisa_pvalues()))
    figures = {
        "draws_ours": CHECKED["ours"],
        "draws_esda": CHECKED["esda"],
        "statistic_largest_difference_esda": float(f"{statistic:.3g}"),
        "statistic_largest_difference_pygeoda": float(f"{of_geoda:.3g}"),
        "p_mean_difference_esda": float(f"{p.mean():.3g}"),
        "p_mean_difference_pygeoda": float(f"{np.abs(frame['p'] - geoda_p).mean():.3g}"),
        "same_side_of_5_percent_esda": float(f"{agree:.4g}"),
        "same_side_of_5_percent_pygeoda": float(
            f"{((frame['p'] <= LEVEL) == (geoda_p <= LEVEL)).mean():.4g}"
        ),
    }
    # the standard error of twice a tail is at most 2 × .5 / √draws; four of them
    allowed = 4 / CHECKED["esda"] ** 0.5
    if not (max(statistic, of_geoda) < SAME and p.mean() < allowed and agree > 0.97):
        raise SystemExit(f"the answers differ: {figures}")
    return figures


def engine(values: pd.DataFrame, graph: Any) -> tuple[float, list[float]]:
    """Time the draws and counts alone: what the peer's inner loop does."""
    from clustermap.autocorrelation.draws import conditional_counts, lagged
    from clustermap.autocorrelation.variables import read_variables

    group = next(read_variables(values, graph, sector=None, rates="none").groups())
    sums = lagged(group.z, group.indptr, group.indices)
    return median(lambda: conditional_counts(group.z, sums, group.sizes, permutations=DRAWS, seed=1))


FRESH = """
import sys, time
sys.argv = ["lisa.py"] + {flags!r}
sys.path.insert(0, {folder!r})
import lisa
values, graph = lisa.world({n}, {sectors}); ready = time.perf_counter()
{call}
seconds = time.perf_counter() - ready
# of this process alone: what getrusage says begins with the parent's size
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(seconds, int(peak) / 1024)
"""


def fresh(call: str, n: int = N, sectors: int = SECTORS) -> dict[str, float]:
    """Time imports and the first answer in a fresh process, the world being ready, and take its peak memory."""
    folder = str(Path(__file__).resolve().parent)
    code = FRESH.format(folder=folder, call=call, n=n, sectors=sectors, flags=["--quick"] if QUICK else [])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, mib = map(float, done.stdout.split())
    return {"s": round(seconds, 3), "peak_mib": round(mib)}


def scaling(draws: int) -> dict[str, Any]:
    """Time worlds of several sizes, and fit the power of n in time and in memory beyond the empty process."""
    seconds, memory = [], []
    empty = fresh("pass", SIZES[0], 1)["peak_mib"]
    for n in SIZES:
        values, graph = world(n)
        ours(values, graph, draws)
        seconds.append(median(lambda v=values, g=graph: ours(v, g, draws))[0])
        memory.append(fresh(f"lisa.ours(values, graph, {draws})", n)["peak_mib"] - empty)
    power = [float(np.polyfit(np.log(SIZES), np.log(y), 1)[0]) for y in (seconds, np.maximum(memory, 1))]
    return {
        "areas": list(SIZES),
        "s": [round(x, 4) for x in seconds],
        "mib_beyond_empty": memory,
        "exponent_time": round(power[0], 2),
        "exponent_memory": round(power[1], 2),
    }


def at_many_draws(values: pd.Series, w: Any, gal: Any, ours_s: float) -> dict[str, Any]:
    """Time the peers once, for one sector, at the draws that all sectors together need, and compare."""
    seconds = {}
    for name, call in (
        ("esda", lambda: peer(values, w, -1, MANY_DRAWS)),
        ("pygeoda", lambda: geoda(values, gal, "lookup-table", MANY_DRAWS)),
    ):
        start = time.perf_counter()
        call()
        seconds[name] = time.perf_counter() - start
    return {
        "runs": 1,
        "ours_ms_a_sector": round(1_000 * ours_s, 2),
        **{f"{name}_s_a_sector": round(s, 2) for name, s in seconds.items()},
        **{f"times_{name}": round(s / ours_s, 1) for name, s in seconds.items()},
    }


def timed(runs: tuple[float, list[float]]) -> dict[str, Any]:
    """Name a median and its runs."""
    return {"median": round(runs[0], 4), "runs": runs[1]}


def main() -> None:
    """Compare, time, record."""
    values, graph = world()
    one = values["s000"]
    w, gal = graph.to_W(), geoda_weights(graph)
    w.transform = "r"
    peer(one, w, 1)  # compiles
    ours(values, graph)
    answers = compare(one, graph, w, gal)
    esda_runs = {f"n_jobs={n}": median(lambda n=n: peer(one, w, n)) for n in (1, -1)}
    geoda_runs = {m: median(lambda m=m: geoda(one, gal, m)) for m in ("lookup-table", "complete")}
    esda_s, geoda_s = (min(seconds for seconds, _ in runs.values()) for runs in (esda_runs, geoda_runs))
    batch, alone = median(lambda: ours(values, graph)), median(lambda: ours(one, graph))
    parts, many = engine(values, graph), median(lambda: ours(values, graph, MANY_DRAWS))
    first = {
        "ours_1_sector": fresh("lisa.ours(values['s000'], graph)"),
        "ours_all_sectors": fresh("lisa.ours(values, graph)"),
        "ours_all_sectors_many_draws": fresh(f"lisa.ours(values, graph, {MANY_DRAWS})"),
        "esda_1_sector": fresh("w = graph.to_W(); lisa.peer(values['s000'], w, 1)"),
    }
    figures = {
        "areas": N,
        "links": int(graph.n_edges),
        "sectors": SECTORS,
        "draws": DRAWS,
        "many_draws": MANY_DRAWS,
        "answers": answers,
        "esda_warm_s_a_sector": {mode: timed(runs) for mode, runs in esda_runs.items()},
        "pygeoda_s_a_sector": {mode: timed(runs) for mode, runs in geoda_runs.items()},
        "ours_all_sectors_s": timed(batch),
        "ours_ms_a_sector": round(1_000 * batch[0] / SECTORS, 3),
        "ours_draws_and_counts_s": timed(parts),
        "ours_one_sector_alone_s": timed(alone),
        "ours_all_sectors_many_draws_s": timed(many),
        "peers_at_many_draws": at_many_draws(one, w, gal, many[0] / SECTORS),
        "fresh_process": first,
        "scaling": scaling(DRAWS),
        "times_esda_a_sector": round(esda_s / (batch[0] / SECTORS), 1),
        "times_esda_one_sector_alone": round(esda_s / alone[0], 1),
        "times_pygeoda_a_sector": round(geoda_s / (batch[0] / SECTORS), 1),
        "aims": {
            "esda": AIM_ESDA,
            "pygeoda": AIM_PYGEODA,
            "many_draws_s": AIM_MANY_S,
            "first_answer_s": AIM_FIRST_S,
        },
        "load_of_the_machine": [round(x, 2) for x in os.getloadavg()],
    }
    equal = figures["peers_at_many_draws"]
    figures["reached"] = {
        "esda, 999 draws": figures["times_esda_a_sector"] >= AIM_ESDA,
        "pygeoda, 999 draws": figures["times_pygeoda_a_sector"] >= AIM_PYGEODA,
        "esda, many draws": equal["times_esda"] >= AIM_ESDA,
        "pygeoda, many draws": equal["times_pygeoda"] >= AIM_PYGEODA,
        "many_draws": many[0] <= AIM_MANY_S,
        "first_answer": first["ours_1_sector"]["s"] <= AIM_FIRST_S,
    }
    if QUICK:
        print(figures)
    else:
        record("lisa", figures)


if __name__ == "__main__":
    main()
