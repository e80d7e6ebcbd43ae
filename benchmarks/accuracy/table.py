"""Print the table of all detectors on all planted worlds: ``python benchmarks/accuracy/table.py``.

Every cell is recorded when it is done, and a later call goes on from there. ``--tuning`` uses the seeds that may be
looked at and writes nothing; ``--more`` takes ten times as many test worlds with a cluster and records them apart;
``--rows TEXT`` and ``--only NAME`` narrow it; ``--fresh`` scores it anew; ``--workers N`` changes no answer.
``--page`` runs nothing and writes what is recorded into ``benchmarks/README.md``.

``processor_s`` is the processor time of a world, of all threads, with imports and compilation paid before; the three
oracles are three answers of one search, and each shows the time of all.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import baselines
import rows
from oracle import ANSWERS, MOST, oracle, untold
from page import write_page
from scores import score, score_effect, summarise

sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
from _record import earlier, record

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS, DRAWS, EFFECT = 2, 199, 1.25


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
    """Scan against 1.25 times the national share: another question, judged on the planted excess and on its own."""
    return ours(world, seed, minimum_lq=EFFECT)


DETECTORS: dict[str, Callable[[Any, int], list[frozenset[str]]]] = {
    "scan, auto": auto,
    "scan, homogeneous": homogeneous,
    "scan, field": field,
    "scan, minimum effect": minimum_effect,
    "scan, minimum effect, own truth": minimum_effect,
    "LQ > 1.25": baselines.lq_above,
    "exact Poisson + BH": baselines.exact_poisson,
    "LISA HH": baselines.lisa_high_high,
    "circles": baselines.circles,
    "DBSCAN": baselines.density,
    "DBSCAN, weighted": baselines.weighted_density,
    "HDBSCAN": baselines.hierarchy,
}
ORACLES = {f"oracle, {answer}": answer for answer in ANSWERS}  # these are told what was planted
UNTOLD = "oracle, size not told"
OF_POINTS, MOST_POINTS = {name for name in DETECTORS if "DBSCAN" in name}, 2_000
RECOMMENDED, FEW = "scan, auto", 40
SEEDS = [rows.TEST_SEEDS[0], rows.TEST_SEEDS[-1], rows.NULL_TEST_SEEDS[0], rows.NULL_TEST_SEEDS[-1]]
MORE_SEEDS = [rows.MORE_TEST_SEEDS[0], rows.MORE_TEST_SEEDS[-1]]
WARM = ("pair of 40, RR 2, 2,000", "rough .25, chain of 12, RR 2, 20,000")
PLANTED = {"test": rows.TEST_SEEDS, "more": rows.MORE_TEST_SEEDS, "tuning": rows.TUNING_SEEDS}


def run(job: tuple[tuple[str, ...], str, int]) -> list[dict[str, float]]:
    """Make one world and score detectors on it: one, those of points, or the answers of the oracle."""
    from clustermap.testing import make_world

    names, row, seed = job
    made = rows.ROWS[row].world
    world = make_world(**made, points=names[0] in OF_POINTS, seed=seed)
    if names[0] in ORACLES:
        start = time.process_time()
        answers = oracle(world, seed, made)
        spent = time.process_time() - start
        return [score(world, answers[ORACLES[name]]) | {"processor_s": spent} for name in names]
    out = []
    for name in names:
        start = time.process_time()
        found = untold(world, made) if name == UNTOLD else DETECTORS[name](world, seed)
        spent = time.process_time() - start
        judged = score_effect(world, found, least=EFFECT) if "own truth" in name else score(world, found)
        out.append(judged | {"processor_s": spent})
    return out


def warm(names: tuple[str, ...]) -> None:
    """Import and compile in a new process, so that no world pays for it: esda compiles anew in each."""
    for group in groups(names):
        for row in WARM:
            if applies(row, group[0]):
                run((group, row, rows.TUNING_SEEDS[0]))


def groups(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Put together what shares a world that is dear to make, or a search."""
    together = [tuple(n for n in names if n in shared) for shared in (OF_POINTS, ORACLES)]
    alone = [(n,) for n in names if n not in OF_POINTS and n not in ORACLES]
    return alone + [group for group in together if group]


def seeds_of(row: str, name: str, sample: str) -> tuple[int, ...]:
    """Return the seeds of one cell: maps without a cluster need many, and only of what is recommended."""
    if not rows.ROWS[row].null:
        rough = bool(rows.ROWS[row].world.get("roughness"))
        return PLANTED[sample][: rows.MORE_ROUGH if rough else None]
    seeds = rows.NULL_TUNING_SEEDS if sample == "tuning" else rows.NULL_TEST_SEEDS
    even = not rows.ROWS[row].world.get("roughness")
    return seeds if name == RECOMMENDED or (even and name.startswith("scan")) else seeds[:FEW]


def applies(row: str, name: str) -> bool:
    """Say whether a detector can be asked at all."""
    if (name in ORACLES or name == UNTOLD) and rows.ROWS[row].null:
        return False  # nothing is planted that it could know
    if name == UNTOLD and rows.ROWS[row].world["size"] * 2 > MOST:
        return False  # sizes up to twice the planted one
    return (
        name not in OF_POINTS or rows.ROWS[row].world["sector_firms"] <= MOST_POINTS
    )  # fifty others to each


def cells(
    pool: ProcessPoolExecutor, row: str, names: tuple[str, ...], sample: str
) -> dict[str, dict[str, Any]]:
    """Score detectors that run together on all worlds of one row."""
    jobs = [(names, row, seed) for seed in seeds_of(row, names[0], sample)]
    runs = list(zip(*pool.map(run, jobs, chunksize=4), strict=True))
    return {
        name: summarise(list(own)) | {"processor_s": round(sum(r["processor_s"] for r in own) / len(own), 3)}
        for name, own in zip(names, runs, strict=True)
    }


def show(row: str, name: str, found: dict[str, Any]) -> None:
    """Print one line as it comes."""
    target = rows.ROWS[row]
    wanted = f"≤ {target.false_share}" if target.null else f"{target.recall} / {target.precision}"
    at = {key: math.nan if value is None else value for key, value in found.items()}
    print(
        f"{row:40s} {name:22s} recall {at['recall']:5.2f}±{at['recall_se']:.2f}  precision "
        f"{at['precision']:5.2f}±{at['precision_se']:.2f}  any false {at['false_share']:5.1%}  "
        f"({wanted})  {at.get('processor_s', math.nan):.2f} s",
        flush=True,
    )


def keep(target: str, row: str, found: dict[str, dict[str, Any]]) -> None:
    """Record cells beside whatever else is recorded by now; what is undefined is null."""
    recorded = earlier(target).get("rows", {})
    recorded[row] = recorded.get(row, {}) | found
    for figures in (own for names in recorded.values() for own in names.values()):
        figures.update({key: None for key, value in figures.items() if value is None or math.isnan(value)})
    record(
        target, {"rows": recorded, "seeds": MORE_SEEDS if target == "accuracy_more" else SEEDS}, quiet=True
    )


def main() -> None:
    """Read the command line, run, record."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--tuning", dest="sample", action="store_const", const="tuning", default="test")
    reader.add_argument("--more", dest="sample", action="store_const", const="more")
    reader.add_argument("--rows", default="")
    reader.add_argument("--only", default="")
    reader.add_argument("--fresh", action="store_true", help="score anew what is recorded")
    reader.add_argument("--workers", type=int, default=WORKERS)
    reader.add_argument("--page", action="store_true", help="only write the tables of README.md")
    asked = reader.parse_args()
    if asked.page:
        write_page(*map(earlier, ("accuracy", "accuracy_more", "ground", "decoys")))
        return
    chosen = [
        row for row in rows.ROWS if asked.rows in row and not (rows.ROWS[row].null and asked.sample == "more")
    ]
    names = tuple(name for name in (*DETECTORS, *ORACLES, UNTOLD) if asked.only in name)
    target = "accuracy_more" if asked.sample == "more" else "accuracy"
    done = {} if asked.sample == "tuning" or asked.fresh else earlier(target).get("rows", {})
    with ProcessPoolExecutor(asked.workers, initializer=warm, initargs=(names,)) as pool:
        for group in groups(names):
            for row in chosen:
                for name in (name for name in group if name in done.get(row, {})):
                    show(row, name, done[row][name])
                left = tuple(n for n in group if n not in done.get(row, {}) and applies(row, n))
                found = cells(pool, row, left, asked.sample) if left else {}
                for name, figures in found.items():
                    show(row, name, figures)
                if found and asked.sample != "tuning":
                    keep(target, row, found)


if __name__ == "__main__":
    main()
