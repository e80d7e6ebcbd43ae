"""Colocation quotients of all pairs of sectors beside the plain NumPy way: the same counts first, then medians of five.

No package for Python has this measure, so the peer is what a careful user writes: `cKDTree.query` for the k nearest, a
shuffled array of labels, and one `bincount` over all links a draw. It takes the first k where several are equally far,
so both get points without ties; ours also gets the same number of firms with a tenth of them on one point, where the
peer's answer would be another. Ours is read firms to result (`colocation_quotient`); the peer gets the bare arrays.
Memory is how far the peak of a fresh process rises in the call (Linux). ``--quick`` runs
small sizes and writes nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.sources.values import Firms

SEED = 20_261_129
SIZES, RUNS, DRAWS = (10_000, 100_000, 1_000_000), 5, 39
QUICK_SIZES, QUICK_RUNS = (2_000, 8_000), 2
K, SECTORS, TOWNS = 10, 60, 200
TARGET = 1.0  # no slower a draw than the plain way, ties and stacks included; memory in step with the firms
SAME = 1e-9


def world(n: int, *, stacked: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Scatter firms around towns, and give them sectors of very different size."""
    rng = np.random.default_rng(SEED + n)
    centre = rng.uniform(2e5, 5e5, size=(TOWNS, 2))
    points = centre[rng.integers(TOWNS, size=n)] + rng.normal(0, 4_000, size=(n, 2))
    if stacked:
        points[: n // 10] = points[0]
    share = rng.lognormal(0, 1, SECTORS)
    return points, rng.choice(SECTORS, size=n, p=share / share.sum())


def read(points: np.ndarray, labels: np.ndarray) -> Firms:
    """Read the firms once: reading is another benchmark's question."""
    from clustermap.sources.firms import as_firms

    frame = gpd.GeoDataFrame(
        {"firm_id": [f"f{i:07d}" for i in range(len(points))], "kind": [f"s{s:02d}" for s in labels]},
        geometry=gpd.points_from_xy(*points.T),
        crs="EPSG:27700",
    )
    return as_firms(frame)


def ours(firms: Firms, draws: int) -> Any:
    """Call the library."""
    from clustermap.measures.relatedness import colocation_quotient

    return colocation_quotient(firms, column="kind", k=K, permutations=draws, correction="none", seed=1)


def plain(points: np.ndarray, labels: np.ndarray, draws: int) -> np.ndarray:
    """Count links between labels as one writes it with NumPy, and again for each shuffling."""
    from scipy.spatial import cKDTree

    near = cKDTree(points).query(points, k=K + 1, workers=-1)[1][:, 1:]
    rng = np.random.default_rng(1)

    def count(given: np.ndarray) -> np.ndarray:
        pairs = given[:, None] * SECTORS + given[near]
        return np.bincount(pairs.ravel(), minlength=SECTORS**2).reshape(SECTORS, SECTORS)

    found = count(labels)
    up = np.zeros_like(found)
    for _ in range(draws):
        up += count(rng.permutation(labels)) >= found
    return found / K


def compare(n: int) -> float:
    """Hold both answers against each other; refuse to time different ones."""
    points, labels = world(n)
    result = ours(read(points, labels), 0)
    weight = plain(points, labels, 0)
    size = np.bincount(labels, minlength=SECTORS)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = weight / size[:, None] / ((size[None, :] - np.eye(SECTORS)) / (n - 1))
    kinds = [int(name[1:]) for name in result.wide().index]
    apart = float(np.nanmax(np.abs(result.wide().to_numpy() - expected[np.ix_(kinds, kinds)])))
    if apart > SAME * n:
        raise SystemExit(f"the answers of {n} firms differ by {apart}")
    return apart


def median(work: Callable[[], object], runs: int) -> dict[str, Any]:
    """Time some runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return {"median": round(statistics.median(seconds), 4), "runs": [round(s, 4) for s in seconds]}


def peak_mb(*, reset: bool = False) -> float:
    """Return the most memory this process has held, from now on where it is reset (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1_024


def alone(way: str, n: int) -> None:
    """Make one first call in this fresh process, and print its time and how far memory rose."""
    points, labels = world(n)
    firms = read(points, labels)
    before = peak_mb(reset=True)
    start = time.perf_counter()
    ours(firms, DRAWS) if way == "ours" else plain(points, labels, DRAWS)
    seconds = time.perf_counter() - start
    rose = peak_mb() - before
    print(json.dumps({"seconds": round(seconds, 3), "memory_mb": round(rose)}))


def first_call(way: str, n: int) -> dict[str, float]:
    """Run one call in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "alone", way, str(n)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(n: int, runs: int) -> dict[str, Any]:
    """Compare, then time with and without draws: the difference is what draws cost."""
    points, labels = world(n)
    firms, heap = read(points, labels), read(*world(n, stacked=True))
    found: dict[str, Any] = {"firms": n, "largest_difference": compare(n)}
    for name, work in {
        "ours": lambda draws: ours(firms, draws),
        "ours, a tenth on one point": lambda draws: ours(heap, draws),
        "plain NumPy": lambda draws: plain(points, labels, draws),
    }.items():
        work(0)  # compiles, and warms the caches
        none, some = median(lambda work=work: work(0), runs), median(lambda work=work: work(DRAWS), runs)
        found[name] = {"no draws": none, f"{DRAWS} draws": some}
        found[name]["ms a draw"] = round(1_000 * (some["median"] - none["median"]) / DRAWS, 3)
    found["times plain NumPy a draw"] = round(
        found["plain NumPy"]["ms a draw"] / found["ours"]["ms a draw"], 2
    )
    return found


def main() -> None:
    """Measure, and write what was measured."""
    if sys.argv[1:2] == ["alone"]:
        alone(sys.argv[2], int(sys.argv[3]))
        return
    quick = sys.argv[1:] == ["--quick"]
    sizes, runs = (QUICK_SIZES, QUICK_RUNS) if quick else (SIZES, RUNS)
    load = [round(x, 2) for x in os.getloadavg()]
    found = [measure(n, runs) for n in sizes]
    firms = np.log([f["firms"] for f in found])
    seconds = np.log([f["ours"][f"{DRAWS} draws"]["median"] for f in found])
    figures = {
        "k": K,
        "sectors": SECTORS,
        "draws": DRAWS,
        "sizes": found,
        "first_call_in_a_fresh_process": {
            f"{way}, {n}": first_call(way, n) for way in ("ours", "plain NumPy") for n in sizes[-2:]
        },
        "scaling_exponent": round(float(np.polyfit(firms, seconds, 1)[0]), 2),
        "target": TARGET,
        "reached": found[-1]["times plain NumPy a draw"] >= TARGET,
        "load_before": load,
    }
    if quick:
        print(json.dumps(figures, indent=1))
        return
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from _record import record

    record("colocation", figures)


if __name__ == "__main__":
    main()
