"""Print the table of all detectors on all planted worlds: ``python benchmarks/accuracy/table.py``.

Every cell is recorded when it is done, and a later call goes on from there. ``--tuning`` uses the seeds that may be
looked at and writes nothing; ``--more`` takes ten times as many test worlds with a cluster and records them apart;
``--rows TEXT`` and ``--only NAME`` narrow it.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import baselines
import rows
from oracle import oracle
from scores import score, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS, DRAWS = 2, 199


def ours(world: Any, seed: int, **options: Any) -> list[frozenset[str]]:
    """Call the library."""
    from clustermap import detect_clusters

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = detect_clusters(
            world.table, world.graph, sector="planted", permutations=DRAWS, seed=seed, **options
        )
    return [frozenset(codes) for _, codes in found.members.groupby("cluster")["area"]]


def homogeneous(world: Any, seed: int) -> list[frozenset[str]]:
    """Scan against an even background."""
    return ours(world, seed, background="homogeneous")


def field(world: Any, seed: int) -> list[frozenset[str]]:
    """Scan against a background fitted to the map."""
    return ours(world, seed, background="field")


def auto(world: Any, seed: int) -> list[frozenset[str]]:
    """Let the map say which of the two."""
    return ours(world, seed, background="auto")


def minimum_effect(world: Any, seed: int) -> list[frozenset[str]]:
    """Scan against 1.25 times the national share: another question, here judged on the planted excess."""
    return ours(world, seed)


DETECTORS: dict[str, Callable[[Any, int], list[frozenset[str]]]] = {
    "scan, auto": auto,
    "scan, homogeneous": homogeneous,
    "scan, field": field,
    "scan, minimum effect": minimum_effect,
    "LQ > 1.25": baselines.lq_above,
    "exact Poisson + BH": baselines.exact_poisson,
    "LISA HH": baselines.lisa_high_high,
    "circles": baselines.circles,
    "DBSCAN": baselines.density,
    "HDBSCAN": partial(baselines.density, hierarchical=True),
}
ORACLES: dict[str, Callable[..., list[frozenset[str]]]] = {  # these are told what was planted
    "oracle, most likely set": oracle,
    "oracle, likely areas": partial(oracle, answer="areas"),
    "oracle, likely links": partial(oracle, answer="links"),
}
OF_POINTS, MOST_POINTS = {"DBSCAN", "HDBSCAN"}, 2_000
RECOMMENDED, FEW = "scan, auto", 40
SEEDS = [rows.TEST_SEEDS[0], rows.TEST_SEEDS[-1], rows.NULL_TEST_SEEDS[0], rows.NULL_TEST_SEEDS[-1]]


def run(job: tuple[str, str, int]) -> dict[str, float]:
    """Make one world and score one detector on it."""
    from clustermap.testing import make_world

    detector, row, seed = job
    made = rows.ROWS[row].world
    world = make_world(**made, points=detector in OF_POINTS, seed=seed)
    start = time.perf_counter()
    found = ORACLES[detector](world, seed, made) if detector in ORACLES else DETECTORS[detector](world, seed)
    return score(world, found) | {"seconds": time.perf_counter() - start}


PLANTED = {"test": rows.TEST_SEEDS, "more": rows.MORE_TEST_SEEDS, "tuning": rows.TUNING_SEEDS}


def seeds_of(row: str, detector: str, sample: str) -> tuple[int, ...]:
    """Return the seeds of one cell: maps without a cluster need many, and only of what is recommended."""
    if not rows.ROWS[row].null:
        return PLANTED[sample]
    seeds = rows.NULL_TUNING_SEEDS if sample == "tuning" else rows.NULL_TEST_SEEDS
    even = not rows.ROWS[row].world.get("roughness")
    return seeds if detector == RECOMMENDED or (even and detector.startswith("scan")) else seeds[:FEW]


def cell(row: str, detector: str, sample: str) -> dict[str, Any] | None:
    """Score one detector on all worlds of one row; None where it does not apply."""
    if detector in ORACLES and rows.ROWS[row].null:
        return None  # nothing is planted that it could know
    if detector in OF_POINTS and rows.ROWS[row].world["sector_firms"] > MOST_POINTS:
        return None  # fifty firms of other sectors to each
    jobs = [(detector, row, seed) for seed in seeds_of(row, detector, sample)]
    with ProcessPoolExecutor(WORKERS) as pool:
        runs = list(pool.map(run, jobs, chunksize=4))
    return summarise(runs) | {"seconds": round(sum(r["seconds"] for r in runs) / len(runs), 3)}


def show(row: str, name: str, found: dict[str, Any]) -> None:
    """Print one line as it comes."""
    target = rows.ROWS[row]
    wanted = f"≤ {target.false_share}" if target.null else f"{target.recall} / {target.precision}"
    print(
        f"{row:40s} {name:22s} recall {found['recall']:5.2f}±{found['recall_se']:.2f}  precision "
        f"{found['precision']:5.2f}±{found['precision_se']:.2f}  any false {found['false_share']:5.1%}  "
        f"({wanted})  {found['seconds']:.2f} s",
        flush=True,
    )


def main() -> None:
    """Read the command line, run, record."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--tuning", dest="sample", action="store_const", const="tuning", default="test")
    reader.add_argument("--more", dest="sample", action="store_const", const="more")
    reader.add_argument("--rows", default="")
    reader.add_argument("--only", default="")
    reader.add_argument("--fresh", action="store_true", help="forget what is recorded")
    asked = reader.parse_args()
    planted_only = asked.sample == "more"
    chosen = [
        name for name, row in rows.ROWS.items() if asked.rows in name and not (row.null and planted_only)
    ]
    names = [name for name in (*DETECTORS, *ORACLES) if asked.only in name]
    sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
    from _record import earlier, record

    target = "accuracy_more" if asked.sample == "more" else "accuracy"
    seeds = [rows.MORE_TEST_SEEDS[0], rows.MORE_TEST_SEEDS[-1]] if planted_only else SEEDS
    found = {} if asked.sample == "tuning" or asked.fresh else earlier(target).get("rows", {})
    for name in names:
        for row in chosen:
            if name in found.get(row, {}) and not asked.fresh:
                show(row, name, found[row][name])
                continue
            scores = cell(row, name, asked.sample)
            if scores is None:
                continue
            found.setdefault(row, {})[name] = scores
            show(row, name, scores)
            if asked.sample != "tuning":
                record(target, {"rows": found, "seeds": seeds}, quiet=True)


if __name__ == "__main__":
    main()
