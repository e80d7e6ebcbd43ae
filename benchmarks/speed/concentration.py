"""Concentration of 700 sectors over 35,000 areas, all seven indices, and what their inference costs; medians of 5.

No Python package computes these indices for a whole economy: the peer is the arithmetic of the textbooks in NumPy on
the dense table, a sector at a time, as a researcher would write it. Answers are compared before times. `--quick` runs
a small economy once and writes nothing.
"""

from __future__ import annotations

import os
import resource
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

AREAS, SECTORS, FIRMS, RUNS, SEED = 35_000, 700, 5_500_000, 5, 20_261_127
QUICK = (300, 40, 20_000)
DRAWS = 999  # permutations, and as many replicates
SCALES = (0.25, 0.5, 1.0)
SAME = 1e-9
TARGET_S = 10.0  # all indices of the whole economy, without inference
TARGET_DRAWS_S = 60.0  # with random locations and resamples


def economy(areas: int, sectors: int, firms: int) -> Any:
    """Throw firms at areas and sectors of very different size."""
    from scipy.sparse import csr_array

    import clustermap as cm

    rng = np.random.default_rng(SEED)
    pull = [rng.lognormal(0, sigma, n) for sigma, n in ((1.0, areas), (1.5, sectors))]
    place, kind = (rng.choice(len(p), firms, p=p / p.sum()) for p in pull)
    cells = csr_array((np.ones(firms), (place, kind)), shape=(areas, sectors))
    labels = pd.Index([f"E{i:05d}" for i in range(areas)]), pd.Index([f"s{i:03d}" for i in range(sectors)])
    return cm.SectorTable.from_matrix(cells, labels)


def ours(table: Any, draws: int = 0) -> Any:
    """Call the library."""
    import clustermap as cm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # draws are coarse for 700 tests: said, and not the question here
        return cm.sector_concentration(table, permutations=draws, replicates=draws, correction="none", seed=1)


def textbook(values: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Work the indices out a sector at a time on the dense table, without the areas in which nothing is."""
    values, totals = values[totals > 0], totals[totals > 0]
    w, n = totals / totals.sum(), len(totals)
    ranks, out = np.arange(1, n + 1), []
    for column in values.T:
        x = column / column.sum()
        quotient = x / w
        order = np.argsort(quotient)
        ranked, below = quotient[order], np.cumsum(x[order])
        gini = 2 / (n**2 * ranked.mean()) * (ranks * (ranked - ranked.mean())).sum()
        weighted = 1 - (w[order] * (below + below - x[order])).sum()
        deviation, some = np.abs(x - w).sum(), x > 0
        theil = (x[some] * np.log(quotient[some])).sum()
        out.append((gini, weighted, deviation / 2, deviation, theil, (x**2).sum(), 1 / (x * quotient).sum()))
    return np.array(out)


def timed(work: Callable[[], object], runs: int) -> tuple[float, list[float]]:
    """Time some runs."""
    seen = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seen.append(time.perf_counter() - start)
    return statistics.median(seen), [round(s, 4) for s in seen]


def compare(table: Any) -> float:
    """Hold both answers against each other; refuse to time different ones."""
    values, totals = table.values.to_numpy(), table.area_totals.to_numpy()
    some = values.sum(axis=0) > 0
    found = ours(table).wide().to_numpy(dtype=float)[some]
    apart = float(np.abs(found - textbook(values[:, some], totals)).max())
    if not apart < SAME:
        raise SystemExit(f"the answers differ by {apart}")
    return apart


COLD = """
import resource, sys, time
sys.path.insert(0, {folder!r})
import concentration as b
table = b.economy(*{size!r}); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter(); b.ours(table, {draws}); spent = time.perf_counter() - start
print(spent, before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def cold(size: tuple[int, int, int], draws: int) -> dict[str, float]:
    """Run the whole call in a fresh process: seconds, and peak memory before and after in MiB."""
    code = COLD.format(folder=str(Path(__file__).resolve().parent), size=size, draws=draws)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spent, before, after = map(float, done.stdout.split())
    return {"s": round(spent, 3), "peak_mib_of_the_table": round(before), "peak_mib": round(after)}


def measured(size: tuple[int, int, int], runs: int) -> dict[str, Any]:
    """Compare and time one economy."""
    table = economy(*size)
    apart = compare(table)
    values, totals = table.values.to_numpy(), table.area_totals.to_numpy()
    indices_s, indices_runs = timed(lambda: ours(table), runs)
    peer_s, peer_runs = timed(lambda: textbook(values, totals), runs)
    inference_s, inference_runs = timed(lambda: ours(table, DRAWS), max(1, runs // 2))
    return {
        "areas": size[0],
        "sectors": size[1],
        "firms": size[2],
        "cells": int(table.matrix.nnz),
        "largest_difference": float(f"{apart:.3g}"),
        "ours_indices_s": {"median": round(indices_s, 4), "runs": indices_runs},
        "textbook_numpy_s": {"median": round(peer_s, 4), "runs": peer_runs},
        "times_textbook": round(peer_s / indices_s, 1),
        "draws": DRAWS,
        "ours_with_draws_s": {"median": round(inference_s, 3), "runs": inference_runs},
        "million_units_of_profiles_a_second": round(2 * DRAWS * size[2] / inference_s / 1e6, 1),
    }


def exponent(size: tuple[int, int, int]) -> float:
    """Return the power of the number of firms and areas that the indices cost."""
    spent = []
    for k in SCALES:
        table = economy(int(size[0] * k), size[1], int(size[2] * k))
        spent.append(timed(lambda t=table: ours(t), 3)[0])
    return round(float(np.polyfit(np.log(SCALES), np.log(spent), 1)[0]), 2)


def main() -> None:
    """Compare, time, record."""
    if "--quick" in sys.argv:
        print(measured(QUICK, 1), cold(QUICK, DRAWS))
        return
    size = (AREAS, SECTORS, FIRMS)
    figures = measured(size, RUNS)
    record(
        "concentration",
        {
            **figures,
            "cold_indices": cold(size, 0),
            "cold_with_draws": cold(size, 99),
            "scaling_exponent": exponent(size),
            "target_s": TARGET_S,
            "target_with_draws_s": TARGET_DRAWS_S,
            "reached_with_draws": figures["ours_with_draws_s"]["median"] <= TARGET_DRAWS_S,
            "reached": figures["ours_indices_s"]["median"] <= TARGET_S,
            "peak_mib_of_this_process": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "load_of_the_machine": [round(x, 2) for x in os.getloadavg()],
        },
    )


if __name__ == "__main__":
    main()
