"""Score detection on worlds with traps: ``python benchmarks/accuracy/decoys.py``.

Every world has a chain at twice the national share (or two), so that a detector cannot reject traps by finding
nothing. A boundary through the area nearest to a chain's centre is rejected where one cluster reaches across it; how
often it holds both halves of that area is told beside it. Rows are recorded beside whatever else is recorded by now.
``--tuning`` uses the seeds that may be looked at and writes nothing; ``--quick`` takes three of them.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rows
from scores import both_halves, inner_links, rejected

sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
from _record import earlier, record

WORKERS, DRAWS, QUICK = 2, 199, 3
SECTOR = {"planted": ["28990"]}
GUARDS = ("keep", "cap", "drop")
BACKGROUNDS = ("minimum-effect", "homogeneous", "auto")


def run(job: tuple[str, str, str, int]) -> dict[str, float]:
    """Make one world, detect on it with one rule for stacks, and say which traps were avoided."""
    from clustermap import detect_clusters, tabulate
    from clustermap.testing import make_world

    row, guard, background, seed = job
    world = make_world(**rows.DECOYS[row], seed=seed)
    table = world.table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if guard != "keep":
            firms = world.firms[["firm_id", "sic", "value", "geometry"]]
            table = tabulate(firms, world.areas, sectors=SECTOR, overlap="primary", stacks=guard)
        found = detect_clusters(
            table, world.graph, sector="planted", background=background, permutations=DRAWS, seed=seed
        )
    sets = [frozenset(codes) for _, codes in found.members.groupby("cluster")["area"]]
    ours, truth = (
        inner_links(world.graph, sets),
        inner_links(world.graph, [frozenset(c) for c in world.planted]),
    )
    return {
        "hit": len(ours & truth),
        "planted": len(truth),
        "found": len(ours),
        "rejected": rejected(world, sets),
        "both_halves": both_halves(world, sets),
    }


def main() -> None:
    """Read the command line, run, record."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--tuning", action="store_true")
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--rows", default="")
    asked = reader.parse_args()
    seeds = rows.DECOY_TUNING_SEEDS if asked.tuning or asked.quick else rows.DECOY_TEST_SEEDS
    seeds = seeds[:QUICK] if asked.quick else seeds
    out: dict[str, Any] = {}
    jobs = [
        (row, guard, background)
        for row, world in rows.DECOYS.items()
        for guard in (GUARDS if world.get("points") else GUARDS[:1])
        for background in BACKGROUNDS
        if asked.rows in row
    ]
    with ProcessPoolExecutor(WORKERS) as pool:
        for row, guard, background in jobs:
            runs = list(pool.map(run, [(row, guard, background, seed) for seed in seeds], chunksize=4))
            hit, planted, found = (sum(r[k] for r in runs) for k in ("hit", "planted", "found"))
            traps = [r["rejected"] for r in runs if np.isfinite(r["rejected"])]
            figures = {
                "runs": len(traps), "rejected": round(float(np.mean(traps)), 3),
                "recall": round(hit / planted, 3), "precision": round(hit / found, 3) if found else None,
            }  # fmt: skip
            if row.startswith("boundary"):
                figures["both_halves"] = round(float(np.mean([r["both_halves"] for r in runs])), 3)
            out.setdefault(row, {})[f"{background}, {guard}"] = figures
            print(f"{row:32s} {background:15s} stacks={guard:5s} {figures}", flush=True)
    if not (asked.tuning or asked.quick):
        targets = {"rejected": rows.REJECTED, "recall": rows.RECALL}
        kept = earlier("decoys").get("rows", {}) | out
        record("decoys", {"rows": kept, "targets": targets, "seeds": [seeds[0], seeds[-1]]})


if __name__ == "__main__":
    main()
