"""Location quotients beside a bootstrap of firms by rows and beside multinomial draws; answers before times.

The intervals of 320 areas × 700 sectors are timed alone (the work that a bootstrap does), and the whole call with p,
q and shrinkage for 320 × 700 and for 35,000 × 700, mostly empty. Both peers are timed over a few replicates and
extrapolated to 1,000, which is said. Medians of 5; the first answer of a fresh process is timed apart.
``--quick`` runs small worlds once and writes nothing.
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

SEED, RUNS, REPLICATES, TIMED = 20_261_127, 5, 1_000, 5
SMALL, LARGE = (320, 700, 2_400_000), (35_000, 700, 3_000_000)
QUICK_SMALL, QUICK_LARGE = (40, 50, 20_000), (2_000, 200, 50_000)
SCALING = (8_750, 17_500, 35_000, 70_000)
TIMES_BOOTSTRAP, SECONDS_LARGE = 1_000, 10.0
EXACT = 1e-9
CHECKED = 300


def firms(n: int, m: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the area and the sector of each firm: areas log-normal, sectors from the common to the rare."""
    rng = np.random.default_rng(SEED)
    size, share = rng.lognormal(0, 1, n), rng.dirichlet(np.full(m, 0.3))
    return rng.choice(n, total, p=size / size.sum()), rng.choice(m, total, p=share)


def table(n: int, m: int, total: int) -> Any:
    """Make the table of these firms."""
    from scipy.sparse import coo_array

    from clustermap.tables.table import SectorTable

    row, column = firms(n, m, total)
    labels = pd.Index([f"A{i:05d}" for i in range(n)]), pd.Index([f"s{s:03d}" for s in range(m)])
    return SectorTable.from_matrix(coo_array((np.ones(total), (row, column)), (n, m)), labels)


def median(work: Callable[[], object], runs: int) -> dict[str, Any]:
    """Time some runs."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return {"median": round(statistics.median(taken), 5), "runs": [round(t, 5) for t in taken]}


def intervals(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Work out the limits of all quotients from counts and totals."""
    from clustermap.measures.binomial import clopper_pearson

    total = np.broadcast_to(counts.sum(axis=0), counts.shape).ravel()
    share = np.broadcast_to(counts.sum(axis=1, keepdims=True) / counts.sum(), counts.shape).ravel()
    known = total > 0
    low, high = np.full(total.shape, np.nan), np.full(total.shape, np.nan)
    low[known], high[known] = clopper_pearson(counts.ravel()[known], total[known], 0.95)
    return low / share, high / share


def check(counts: np.ndarray) -> dict[str, Any]:
    """Hold counts of 1 to 5 against SciPy's exact test; refuse to time different answers."""
    from scipy.stats import binomtest

    low, high = (limit.reshape(counts.shape) for limit in intervals(counts))
    total, share = counts.sum(axis=0), counts.sum(axis=1) / counts.sum()
    cells = np.argwhere((counts >= 1) & (counts <= 5))
    cells = cells[np.random.default_rng(SEED).permutation(len(cells))[:CHECKED]]
    worst = 0.0
    for i, s in cells:
        peer = binomtest(int(counts[i, s]), int(total[s])).proportion_ci(0.95, method="exact")
        for mine, theirs in ((low[i, s], peer.low), (high[i, s], peer.high)):
            # SciPy searches its limits by bisection, to 2e-12
            worst = max(worst, abs(mine * share[i] - theirs) / (theirs + 1e-3))
    if not worst < EXACT:
        raise SystemExit(f"the answers differ: {worst}")
    return {
        "cells_with_1_to_5_firms_checked": len(cells),
        "largest_relative_difference": float(f"{worst:.3g}"),
    }


def by_rows(row: np.ndarray, column: np.ndarray, shape: tuple[int, int], replicates: int) -> np.ndarray:
    """Draw all firms again with replacement and measure every quotient anew."""
    rng = np.random.default_rng(SEED)
    cell, n = row * shape[1] + column, len(row)
    return np.stack([quotients(np.bincount(cell[rng.integers(0, n, n)], minlength=shape[0] * shape[1]), shape)
                     for _ in range(replicates)])  # fmt: skip


def by_multinomial(counts: np.ndarray, replicates: int) -> np.ndarray:
    """Draw every cell anew from one multinomial law and measure every quotient anew."""
    rng = np.random.default_rng(SEED)
    total = int(counts.sum())
    return np.stack([quotients(rng.multinomial(total, counts.ravel() / total), counts.shape)
                     for _ in range(replicates)])  # fmt: skip


def quotients(cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return location quotients of counts."""
    counts = cells.reshape(shape).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        lq = counts / counts.sum(axis=1, keepdims=True) / (counts.sum(axis=0) / counts.sum())
    return np.asarray(lq, dtype=np.float32)


def widths(counts: np.ndarray, drawn: np.ndarray) -> float:
    """Return how wide the peer's intervals are against ours in cells with many firms."""
    low, high = (limit.reshape(counts.shape) for limit in intervals(counts))
    many = (counts >= 500) & (counts < 0.2 * counts.sum(axis=0))
    spread = drawn[:, many].std(axis=0, ddof=1) * 2 * 1.96
    return float(np.median(spread / (high - low)[many])) if many.any() else float("nan")


FRESH = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
import quotient

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

made = quotient.table(*{shape!r})
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
ready, before = time.perf_counter(), kilobytes("VmRSS")
from clustermap.measures import location_quotient
result = location_quotient(made)
print(time.perf_counter() - ready, kilobytes("VmHWM") - before, len(result.frame))
"""


def fresh(shape: tuple[int, int, int]) -> dict[str, float]:
    """Time the first answer of a fresh process, and how much memory it takes beyond the table (imports included)."""
    code = FRESH.format(folder=str(Path(__file__).resolve().parent), shape=shape)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, grown, rows = done.stdout.split()
    return {
        "first_answer_s": round(float(seconds), 3),
        "memory_mb": round(int(grown) / 1_024, 1),
        "rows": int(rows),
    }


def main(*, quick: bool) -> None:
    """Compare, time, record."""
    from clustermap.measures import location_quotient

    small, large, runs = (QUICK_SMALL, QUICK_LARGE, 1) if quick else (SMALL, LARGE, RUNS)
    made, (row, column) = table(*small), firms(*small)
    counts = made.matrix.toarray()
    answers = check(counts)
    timed = TIMED if not quick else 2
    peers = {
        "bootstrap_by_rows": lambda: by_rows(row, column, counts.shape, timed),
        "multinomial_draws": lambda: by_multinomial(counts, timed),
    }
    answers["bootstrap_spread_over_ours_in_large_cells"] = round(
        widths(counts, by_rows(row, column, counts.shape, 40)), 3
    )
    ours = median(lambda: intervals(counts), runs)
    theirs = {name: median(work, 1 if quick else 3) for name, work in peers.items()}
    whole = {
        n: median(lambda t=t: location_quotient(t), runs)
        for n, t in (("small", made), ("large", table(*large)))
    }
    bootstrap = theirs["bootstrap_by_rows"]["median"] * REPLICATES / timed
    multinomial = theirs["multinomial_draws"]["median"] * REPLICATES / timed
    steps = () if quick else SCALING
    per_area = LARGE[2] // LARGE[0]
    scaling = [
        median(lambda t=t: location_quotient(t), 3)["median"]
        for t in (table(n, 700, n * per_area) for n in steps)
    ]
    figures = {
        "small": small, "large": large, "answers": answers, "intervals_s": ours, "whole_call_s": whole,
        "peers_s_of_timed_replicates": theirs, "replicates_timed": timed, "replicates_extrapolated_to": REPLICATES,
        "bootstrap_by_rows_s": round(bootstrap, 2), "multinomial_draws_s": round(multinomial, 2),
        "times_bootstrap": round(bootstrap / ours["median"], 1),
        "times_multinomial": round(multinomial / ours["median"], 1),
        "fresh_process": {"small": fresh(small), "large": fresh(large)},
        "scaling_areas": steps, "scaling_s": scaling,
        "scaling_exponent": round(float(np.polyfit(np.log(steps), np.log(scaling), 1)[0]), 3) if steps else None,
        "target_times_bootstrap": TIMES_BOOTSTRAP, "target_large_s": SECONDS_LARGE,
        "reached": bootstrap / ours["median"] >= TIMES_BOOTSTRAP and whole["large"]["median"] <= SECONDS_LARGE,
        "load_of_the_machine": [round(x, 2) for x in os.getloadavg()],
    }  # fmt: skip
    if quick:
        print(figures)
    else:
        record("quotient", figures)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
