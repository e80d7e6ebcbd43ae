"""Score detectors among firms on clusters of known ground: ``python benchmarks/accuracy/ground.py``.

Corridors and discs cross areas; the scan, which takes counts by area, stands beside the methods among firms. Ground is
held against ground and the sector's firms against the sector's firms, summed over worlds. "surface, half" widens each
region of the surface to where the ratio falls to half of its highest excess, as long as a cell by itself has p ≤ 0.05:
the edge that a wide plateau has under a kernel. ``--tuning`` uses the seeds that may be looked at and writes nothing;
``--quick`` takes three of them.
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

WORKERS, DRAWS, QUICK = 2, 99, 3
SECTOR = {"planted": ["28990"]}
METHODS = ("surface", "surface, half", "dbscan", "hdbscan", "scan, minimum effect", "scan, homogeneous")
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


def grounds(world: Any, seed: int) -> dict[str, Any]:
    """Detect with every method; the ground of what each found."""
    from clustermap import detect_clusters

    asked = {"permutations": DRAWS, "seed": seed}
    firms, out = world.firms[["firm_id", "sic", "geometry"]], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in ("surface", "dbscan", "hdbscan"):
            found = detect_clusters(firms, method=method, sector=SECTOR, **asked)
            out[method] = shapely.union_all(found.footprints.geometry.to_numpy())
            if method == "surface":
                out["surface, half"] = widened(found.surfaces[0])
        for background in ("minimum-effect", "homogeneous"):
            found = detect_clusters(
                world.table, world.graph, sector="planted", background=background, **asked
            )
            name = f"scan, {background.replace('-', ' ')}"
            out[name] = shapely.union_all(found.footprints.geometry.to_numpy())
    return out


def run(job: tuple[str, int]) -> dict[str, list[float]]:
    """Make one world: by method the areas of both, found, planted, and the same of the sector's firms."""
    from clustermap.testing import make_world

    row, seed = job
    world = make_world(**rows.GROUNDS[row], seed=seed)
    truth = world.ground
    if truth is None:
        truth = shapely.union_all(world.areas.frame.geometry.loc[sorted(world.members)].to_numpy())
    at = shapely.get_coordinates(world.firms.geometry.to_numpy()[world.firms["sector"].to_numpy()])
    planted = shapely.intersects_xy(truth, at[:, 0], at[:, 1])
    out = {}
    for method, own in grounds(world, seed).items():
        inside = shapely.intersects_xy(own, at[:, 0], at[:, 1])
        areas = (shapely.intersection(own, truth).area, own.area, truth.area)
        out[method] = [*areas, (inside & planted).sum(), inside.sum(), planted.sum(), not own.is_empty]
    return out


def summarise(runs: list[list[float]]) -> dict[str, float | None]:
    """Pool all worlds of one row."""
    both, found, planted, firms_both, firms_found, firms_planted, any_found = np.sum(
        runs, axis=0, dtype=float
    ).tolist()

    def share(part: float, whole: float) -> float | None:
        return round(part / whole, 3) if whole else None

    return {
        "found_anything": share(any_found, len(runs)),
        "ground_recall": share(both, planted), "ground_precision": share(both, found),
        "ground_jaccard": share(both, found + planted - both),
        "firms_recall": share(firms_both, firms_planted), "firms_precision": share(firms_both, firms_found),
        "firms_f1": share(2 * firms_both, firms_found + firms_planted),
    }  # fmt: skip


def main() -> None:
    """Read the command line, run, record."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--tuning", action="store_true")
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--rows", default="")
    asked = reader.parse_args()
    seeds = rows.GROUND_TUNING_SEEDS if asked.tuning or asked.quick else rows.GROUND_TEST_SEEDS
    seeds = seeds[:QUICK] if asked.quick else seeds
    out: dict[str, Any] = {}
    with ProcessPoolExecutor(WORKERS) as pool:
        for row in (name for name in rows.GROUNDS if asked.rows in name):
            start = time.perf_counter()
            runs = list(pool.map(run, [(row, seed) for seed in seeds]))
            out[row] = {method: summarise([r[method] for r in runs]) for method in METHODS}
            print(f"{row} ({(time.perf_counter() - start) / len(seeds):.1f} s a world)")
            for method, figures in out[row].items():
                print(f"  {method:22s} {figures}", flush=True)
    if not (asked.tuning or asked.quick or asked.rows):
        sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
        from _record import record

        record("ground", {"rows": out, "seeds": [seeds[0], seeds[-1]]})


if __name__ == "__main__":
    main()
