"""The graph scan: speed on 320 areas × 100 sectors, and accuracy on planted worlds with an even background.

Worlds are Voronoi areas of log-normal size (σ = 0.6). Counts are multinomial at the area's share, times the
relative risk where a cluster is planted. Recall and precision are of links between neighbouring members, summed
over runs; a run is false where any link is reported that was not planted. SEEDS were fixed before the first run.

``--large`` measures maps of many areas alone and keeps what else is recorded; ``--memory`` does so of their memory
alone, which a busy machine does not change; ``--quick`` runs a small part of both and writes nothing. Every map and
background has a process of its own: the map is made, the library loaded and its kernels run on a small map, what Python
let go is given back; from there the peak of memory is counted over one call, with its result, and then the times of
warm calls. The exponents are slopes of the logarithms over all sizes: 1 is linear.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _record import earlier, record
from libpysal.graph import Graph
from scipy.spatial import Voronoi

from clustermap import SectorTable, detect_clusters

SEEDS = tuple(range(860_001, 860_041))
CALIBRATION_SEEDS = tuple(range(870_001, 870_201))
RISE = 0.6
# name: areas, shape, size, relative risk, firms of the sector, targets of recall and precision
WORLDS = {
    "pair of 40, RR 2, 2,000": (40, "pair", 2, 2.0, 2_000, 0.93, 0.97),
    "chain of 5 of 40, RR 2, 2,000": (40, "chain", 5, 2.0, 2_000, 0.98, 0.98),
    "blob of 5 of 40, RR 2, 2,000": (40, "blob", 5, 2.0, 2_000, 0.96, 0.98),
    "chain of 5 of 40, RR 3, 400": (40, "chain", 5, 3.0, 400, 0.93, 0.95),
    "chain of 5 of 40, RR 2, 400": (40, "chain", 5, 2.0, 400, 0.48, 0.88),
    "chain of 12 of 320, RR 2, 5,000": (320, "chain", 12, 2.0, 5_000, 0.82, 0.92),
}
NULLS = {"none, 40 areas, 400": (40, 400), "none, 40 areas, 2,000": (40, 2_000)}
SECTORS, AREAS, REPLICATES = 100, 320, 999
# areas, firms of the sector an area, a planted chain of 12 at three times the share, warm runs
LARGE, LARGE_FIRMS, LARGE_CASE, LARGE_RUNS = (8_750, 17_500, 35_000), 3, (12, 3.0), 5
LARGE_TARGET_S, STEEPEST = 60, 1.25  # the exponent that counts as linear, as in memory.py
SMALL = 300
QUICK = "--quick" in sys.argv


def world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Make links and shares of Voronoi areas in a square; mirrored points close the cells at its sides."""
    rng = np.random.default_rng([seed, n])
    points = rng.random((n, 2))
    mirrored = [points]
    for axis in (0, 1):
        for side in (0.0, 1.0):
            copy = points.copy()
            copy[:, axis] = 2 * side - copy[:, axis]
            mirrored.append(copy)
    ridges = Voronoi(np.concatenate(mirrored)).ridge_points
    share = rng.lognormal(0, RISE, n)
    return ridges[(ridges < n).all(axis=1)], share / share.sum(), rng


def plant(links: np.ndarray, n: int, shape: str, size: int, rng: np.random.Generator) -> set[int]:
    """Choose the planted areas: a chain is a path without short cuts, a blob grows evenly."""
    near: dict[int, set[int]] = {i: set() for i in range(n)}
    for a, b in links:
        near[int(a)].add(int(b))
        near[int(b)].add(int(a))
    while True:
        chosen = [int(rng.integers(n))]
        while len(chosen) < size:
            if shape == "blob":
                rim = sorted(set().union(*(near[i] for i in chosen)) - set(chosen))
                rim = [
                    j
                    for j in rim
                    if len(near[j] & set(chosen)) == max(len(near[k] & set(chosen)) for k in rim)
                ]
            else:
                rim = sorted(j for j in near[chosen[-1]] - set(chosen) if len(near[j] & set(chosen)) == 1)
            if not rim:
                break
            chosen.append(int(rng.choice(rim)))
        if len(chosen) == size:
            return set(chosen)


def table_of(share: np.ndarray, counts: np.ndarray, sectors: list[str]) -> SectorTable:
    """Put counts beside the area's totals, in an economy fifty times the sector."""
    codes = [f"A{i:04d}" for i in range(len(share))]
    totals = np.maximum(np.round(share * 50 * counts[:, 0].sum()), counts.max(axis=1))
    return SectorTable.from_values(
        pd.DataFrame(counts, index=codes, columns=sectors), area_totals=pd.Series(totals, index=codes)
    )


def graph_of(links: np.ndarray, n: int) -> Graph:
    """Turn links into a graph in which every area stands."""
    codes = np.array([f"A{i:04d}" for i in range(n)])
    both = np.concatenate([links, links[:, ::-1]])
    alone = np.setdiff1d(np.arange(n), both[:, 0])
    return Graph.from_arrays(
        np.concatenate([codes[both[:, 0]], codes[alone]]),
        np.concatenate([codes[both[:, 1]], codes[alone]]),
        np.concatenate([np.ones(len(both)), np.zeros(len(alone))]),
    )


def inner_links(links: np.ndarray, sets: list[set[int]]) -> set[tuple[int, int]]:
    """Return the links between members of one set."""
    return {(int(a), int(b)) for a, b in links for own in sets if int(a) in own and int(b) in own}


def run(case: tuple[Any, ...], seed: int, **options: Any) -> tuple[int, int, int]:
    """Return planted links found, links found, and planted links of one world."""
    n, shape, size, risk, firms = case[:5]
    links, share, rng = world(n, seed)
    planted = plant(links, n, shape, size, rng) if size else set()
    odds = share * np.where([i in planted for i in range(n)], risk, 1.0)
    counts = rng.multinomial(firms, odds / odds.sum())[:, None]
    found = detect_clusters(table_of(share, counts, ["planted"]), graph_of(links, n), seed=seed, **options)
    sets = [{int(code[1:]) for code in codes} for _, codes in found.members.groupby("cluster")["area"]]
    ours, truth = inner_links(links, sets), inner_links(links, [planted])
    return len(ours & truth), len(ours), len(truth)


def accuracy(**options: Any) -> dict[str, Any]:
    """Score every planted world over all seeds."""
    out = {}
    for name, case in WORLDS.items():
        rows = np.array([run(case, seed, **options) for seed in SEEDS])
        hit, found, truth = rows.sum(axis=0)
        out[name] = {
            "recall": round(hit / truth, 3),
            "precision": round(hit / max(found, 1), 3),
            "runs_with_a_false_link": round(float((rows[:, 1] > rows[:, 0]).mean()), 3),
            "target": {"recall": case[5], "precision": case[6]},
        }
    for name, (n, firms) in NULLS.items():
        rows = np.array([run((n, "none", 0, 1.0, firms), seed, **options) for seed in CALIBRATION_SEEDS])
        out[name] = {"runs_with_a_false_link": round(float((rows[:, 1] > 0).mean()), 3), "target": 0.05}
    return out


def speed() -> dict[str, Any]:
    """Time all sectors at once, warm, with an even background and with the default."""
    links, share, rng = world(AREAS, SEEDS[0])
    graph = graph_of(links, AREAS)
    counts = np.column_stack([rng.multinomial(5_000, share) for _ in range(SECTORS)])
    table = table_of(share, counts, [f"S{i:03d}" for i in range(SECTORS)])
    out = {}
    for background in ("homogeneous", "minimum-effect"):
        detect_clusters(table, graph, sector="S000", background=background, permutations=99, seed=1)
        start, busy = time.perf_counter(), time.process_time()
        detect_clusters(table, graph, background=background, permutations=REPLICATES, seed=1)
        out[background] = {
            "wall_s": round(time.perf_counter() - start, 2),
            "processor_s": round(time.process_time() - busy, 2),  # of all threads; tells a busy machine apart
        }
    return {"areas": AREAS, "sectors": SECTORS, "replicates": REPLICATES, "times": out, "target_wall_s": 15}


def memory(what: str) -> float:
    """Return the memory of this process now, or its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024


def one(n: int, background: str, draws: int, runs: int) -> dict[str, Any]:
    """Measure one map and background in this process."""

    def made(n: int) -> tuple[SectorTable, Graph, set[int]]:
        links, share, rng = world(n, SEEDS[0])
        planted = plant(links, n, "chain", LARGE_CASE[0], rng)
        odds = share * np.where(np.isin(np.arange(n), list(planted)), LARGE_CASE[1], 1.0)
        counts = rng.multinomial(LARGE_FIRMS * n, odds / odds.sum())[:, None]
        return table_of(share, counts, ["planted"]), graph_of(links, n), planted

    def call(table: SectorTable, graph: Graph, draws: int) -> tuple[float, set[int]]:
        start = time.perf_counter()
        found = detect_clusters(
            table, graph, sector="planted", background=background, permutations=draws, seed=1
        )
        return time.perf_counter() - start, {int(code[1:]) for code in found.members["area"]}

    call(*made(SMALL)[:2], 99)
    table, graph, planted = made(n)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    held = memory("VmRSS")
    first, members = call(table, graph, draws)
    peak = memory("VmHWM") - held
    out = {
        "held_before_mb": round(held),
        "peak_mb": round(peak, 1),
        "planted_areas_found": f"{len(members & planted)} of {len(planted)}",
        "other_areas_found": len(members - planted),
    }
    busy = time.process_time()
    times = [call(table, graph, draws)[0] for _ in range(runs)]
    if not runs:
        return out
    return out | {
        "first_s": round(first, 3),
        "median_s": round(statistics.median(times), 3),
        "processor_s": round(
            (time.process_time() - busy) / runs, 3
        ),  # of all threads; tells a busy machine apart
    }


def fresh(*case: Any) -> dict[str, Any]:
    """Measure one map and background in a process of its own."""
    command = [sys.executable, __file__, "--one", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case}: {done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def large(runs: int) -> dict[str, Any]:
    """Measure one sector on maps of many areas: the memory of a call, and the times of as many warm ones."""
    out: dict[str, Any] = {}
    sizes, draws = ((500, 1_000, 2_000), 99) if QUICK else (LARGE, REPLICATES)
    for background in ("homogeneous", "minimum-effect"):
        cases = [fresh(n, background, draws, runs) for n in sizes]
        out |= {f"{n:,} areas, {background}": case for n, case in zip(sizes, cases, strict=True)}
        slopes = {
            of: np.polyfit(np.log(sizes), np.log([max(case[of], 0.01) for case in cases]), 1)[0]
            for of in ("median_s", "processor_s", "peak_mb")
            if of in cases[0]
        }
        out[f"exponents, {background}"] = {of: round(float(slope), 2) for of, slope in slopes.items()}
    out["field, auto"] = (
        "refused above 1,000 areas: each model of the background is areas × areas (CM-SCAN-009)"
    )
    aims = {"target_s": LARGE_TARGET_S, "steepest_exponent": STEEPEST}
    return out | aims | {"replicates": draws, "load_of_the_machine": [round(x, 2) for x in os.getloadavg()]}


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(one(*json.loads(sys.argv[-1]))))
        sys.exit()
    if QUICK:
        print(large(1))
        sys.exit()
    if "--memory" in sys.argv:
        record("scan", {**earlier("scan"), "large, memory": large(0)})
        sys.exit()
    if "--large" in sys.argv:
        record("scan", {**earlier("scan"), "large": large(LARGE_RUNS)})
        sys.exit()
    record(
        "scan",
        {
            "speed": speed(),
            "large": large(LARGE_RUNS),
            "accuracy, homogeneous": accuracy(background="homogeneous"),
            "accuracy, minimum effect 1.25": accuracy(),
            "seeds": [SEEDS[0], SEEDS[-1]],
        },
    )
