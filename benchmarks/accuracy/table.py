"""Print the table of all detectors on all planted worlds: ``python benchmarks/accuracy/table.py``.

``--tuning`` uses the seeds that may be looked at and writes nothing; ``--rows TEXT`` and ``--only NAME`` narrow it.
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
    "LQ > 1.25": baselines.lq_above,
    "LISA HH": baselines.lisa_high_high,
    "exact Poisson + BH": baselines.exact_poisson,
    "circles": baselines.circles,
    "DBSCAN": baselines.density,
    "HDBSCAN": partial(baselines.density, hierarchical=True),
    "scan, homogeneous": homogeneous,
    "scan, minimum effect": minimum_effect,
    "scan, field": field,
    "scan, auto": auto,
}
OF_POINTS, MOST_POINTS = {"DBSCAN", "HDBSCAN"}, 2_000


def run(job: tuple[str, str, int]) -> dict[str, float]:
    """Make one world and score one detector on it."""
    from clustermap.testing import make_world

    detector, row, seed = job
    world = make_world(**rows.ROWS[row].world, points=detector in OF_POINTS, seed=seed)
    start = time.perf_counter()
    found = DETECTORS[detector](world, seed)
    return score(world, found) | {"seconds": time.perf_counter() - start}


def table(names: list[str], chosen: list[str], *, tuning: bool) -> dict[str, Any]:
    """Score every detector on every row."""
    out: dict[str, Any] = {}
    with ProcessPoolExecutor(WORKERS) as pool:
        for row in chosen:
            null = rows.ROWS[row].null
            seeds = (
                (rows.NULL_TUNING_SEEDS if null else rows.TUNING_SEEDS)
                if tuning
                else (rows.NULL_TEST_SEEDS if null else rows.TEST_SEEDS)
            )
            for name in names:
                if name in OF_POINTS and rows.ROWS[row].world["sector_firms"] > MOST_POINTS:
                    continue  # fifty firms of other sectors to each
                runs = list(pool.map(run, [(name, row, seed) for seed in seeds], chunksize=4))
                out.setdefault(row, {})[name] = summarise(runs) | {
                    "seconds": round(sum(r["seconds"] for r in runs) / len(runs), 3)
                }
                show(row, name, out[row][name])
    return out


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
    reader.add_argument("--tuning", action="store_true")
    reader.add_argument("--rows", default="")
    reader.add_argument("--only", default="")
    asked = reader.parse_args()
    chosen = [name for name in rows.ROWS if asked.rows in name]
    names = [name for name in DETECTORS if asked.only in name]
    found = table(names, chosen, tuning=asked.tuning)
    if not (asked.tuning or asked.rows or asked.only):
        sys.path.append(str(Path(__file__).resolve().parents[1]))
        from _record import record

        record("accuracy", {"rows": found, "seeds": [rows.TEST_SEEDS[0], rows.NULL_TEST_SEEDS[-1]]})


if __name__ == "__main__":
    main()
