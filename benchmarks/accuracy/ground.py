"""Score detectors among firms on clusters of known ground: ``python benchmarks/accuracy/ground.py``.

Corridors and discs cross areas; the scan, which takes counts by area, stands beside the methods among firms. Ground is
held against ground and the sector's firms against the sector's firms, summed over worlds. "surface, half" widens each
region of the surface to where the ratio falls to half of its highest excess, as long as a cell by itself has p ≤ 0.05:
the edge that a wide plateau has under a kernel. Every row is recorded when it is done, and a later call goes on from
there. ``--tuning`` uses the seeds that may be looked at and writes nothing; ``--quick`` takes three of them. ``--rows
TEXT`` and ``--only START`` narrow it; ``--fresh`` scores it anew; ``--workers N`` changes no answer.

``processor_s`` is the processor time of a world, of all threads; the two surfaces are two answers of one call.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rows
import shapely
from scipy.ndimage import label

sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
from _record import earlier, record

WORKERS, DRAWS, QUICK = 2, 99, 3
SECTOR = {"planted": ["28990"]}
# methods that share a call, which is paid once
CALLS = (
    ("surface", "surface, half"),
    ("dbscan",),
    ("hdbscan",),
    ("scan, minimum effect",),
    ("scan, homogeneous",),
)
HALF, LEVEL = 0.5, 0.05


def widened(surface: Any) -> Any:
    """Return the ground of a surface's regions, each down to half of its highest excess."""
    frame = surface.frame
    row, column = (frame[c].to_numpy() - frame[c].min() for c in ("row", "column"))
    core, ratio, alone = (frame[c].to_numpy() for c in ("label", "ratio", "p"))
    core = core == "above"
    image = np.zeros((row.max() + 1, column.max() + 1), dtype=bool)
    image[row, column] = core
    regions, many = label(image)
    kept = core.copy()
    for k in range(1, many + 1):
        own = core & (regions[row, column] == k)
        high = own | ((ratio >= 1 + HALF * (ratio[own].max() - 1)) & (alone <= LEVEL))
        image[row, column] = high
        grown = label(image)[0][row, column]
        kept |= high & (grown == grown[own][0])
    x, y, half = frame["x"].to_numpy()[kept], frame["y"].to_numpy()[kept], surface.cell_m / 2
    return shapely.union_all(shapely.box(x - half, y - half, x + half, y + half))


def grounds(world: Any, call: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Detect with the methods of one call; the ground of what each found."""
    from clustermap import detect_clusters

    asked = {"permutations": DRAWS, "seed": seed}
    firms = world.firms[["firm_id", "sic", "geometry"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if call[0].startswith("scan"):
            background = call[0].removeprefix("scan, ").replace(" ", "-")
            found = detect_clusters(
                world.table, world.graph, sector="planted", background=background, **asked
            )
        else:
            found = detect_clusters(firms, method=call[0], sector=SECTOR, **asked)
    out = {call[0]: shapely.union_all(found.footprints.geometry.to_numpy())}
    return out | ({"surface, half": widened(found.surfaces[0])} if call[0] == "surface" else {})


def run(job: tuple[str, list[tuple[str, ...]], int]) -> dict[str, list[float]]:
    """Make one world: by method the areas of both, found, planted, and the same of the sector's firms."""
    from clustermap.testing import make_world

    row, calls, seed = job
    world = make_world(**rows.GROUNDS[row], seed=seed)
    truth = world.ground
    if truth is None:
        truth = shapely.union_all(world.areas.frame.geometry.loc[sorted(world.members)].to_numpy())
    at = shapely.get_coordinates(world.firms.geometry.to_numpy()[world.firms["sector"].to_numpy()])
    planted = shapely.intersects_xy(truth, at[:, 0], at[:, 1])
    out = {}
    for call in calls:
        start = time.process_time()
        found = grounds(world, call, seed)
        spent = time.process_time() - start
        for method, own in found.items():
            inside = shapely.intersects_xy(own, at[:, 0], at[:, 1])
            areas = (shapely.intersection(own, truth).area, own.area, truth.area)
            firms = ((inside & planted).sum(), inside.sum(), planted.sum())
            out[method] = [*areas, *firms, not own.is_empty, spent]
    return out


def summarise(runs: list[list[float]]) -> dict[str, float | None]:
    """Pool all worlds of one row."""
    both, found, planted, firms_both, firms_found, firms_planted, any_found, spent = np.sum(
        runs, axis=0, dtype=float
    ).tolist()

    def share(part: float, whole: float) -> float | None:
        return round(part / whole, 3) if whole else None

    return {
        "found_anything": share(any_found, len(runs)),
        "ground_recall": share(both, planted), "ground_precision": share(both, found),
        "ground_jaccard": share(both, found + planted - both),
        "firms_recall": share(firms_both, firms_planted), "firms_precision": share(firms_both, firms_found),
        "firms_f1": share(2 * firms_both, firms_found + firms_planted), "processor_s": share(spent, len(runs)),
    }  # fmt: skip


def main() -> None:
    """Read the command line, run, record."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--tuning", action="store_true")
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--rows", default="")
    reader.add_argument("--only", default="")
    reader.add_argument("--fresh", action="store_true", help="score anew what is recorded")
    reader.add_argument("--workers", type=int, default=WORKERS)
    asked = reader.parse_args()
    writes = not (asked.tuning or asked.quick)
    seeds = rows.GROUND_TEST_SEEDS if writes else rows.GROUND_TUNING_SEEDS
    seeds = seeds[:QUICK] if asked.quick else seeds
    done = earlier("ground").get("rows", {}) if writes and not asked.fresh else {}
    calls = [call for call in CALLS if any(name.startswith(asked.only) for name in call)]
    with ProcessPoolExecutor(asked.workers) as pool:
        for row in (row for row in rows.GROUNDS if asked.rows in row):
            found = {name: done[row][name] for call in calls for name in call if name in done.get(row, {})}
            left = [call for call in calls if any(name not in found for name in call)]
            if left:
                runs = list(pool.map(run, [(row, left, seed) for seed in seeds]))
                new = {name: summarise([r[name] for r in runs]) for call in left for name in call}
                found |= new
                if writes:  # beside whatever else is recorded by now
                    recorded = earlier("ground").get("rows", {})
                    recorded[row] = recorded.get(row, {}) | new
                    record("ground", {"rows": recorded, "seeds": [seeds[0], seeds[-1]]}, quiet=True)
            for name, figures in found.items():
                print(f"{row:26s} {name:22s} {figures}", flush=True)


if __name__ == "__main__":
    main()
