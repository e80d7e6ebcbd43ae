"""Exact DBSCAN of 1 and 5 million points beside scikit-learn, labels compared before times; medians of 5.

Points lie in 2,000 made-up towns of log-normal size and reach. Every figure comes from a process of its own: first
answer (kernels from their cache, imports not counted), then warm runs, and the peak of memory above what the process
held before. scikit-learn runs with all jobs on a k-d tree and may take up to PEER_MB of memory and PEER_S of time;
where it does not finish, that is the figure. A heap is HEAP points at one place. ``--quick`` runs everything on small
sets and writes nothing.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _record import record

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = "--quick" in sys.argv
SEED, RUNS = 20_261_127, (2 if QUICK else 5)
RADIUS_M, MINIMUM = 500.0, 10
SIZES = (20_000, 100_000) if QUICK else (1_000_000, 5_000_000)
COMPARED = 20_000 if QUICK else 200_000
HEAP, PEER_HEAP = (10_000, 2_000) if QUICK else (100_000, 12_000)
AIM_TIMES, AIM_MB, AIM_HEAP_MB = 20, 300, 200
PEER_MB, PEER_S = 16_000, 1_200
TOWNS, REACH_M = 2_000, 3_000.0


def points(n: int) -> np.ndarray:
    """Make towns in a region of the size of England."""
    rng = np.random.default_rng(SEED)
    middle = rng.random((TOWNS, 2)) * [600_000, 900_000]
    share = rng.lognormal(0, 1, TOWNS)
    reach = REACH_M * rng.lognormal(0, 0.5, TOWNS)
    town = rng.choice(TOWNS, n, p=share / share.sum())
    return np.ascontiguousarray((middle[town] + rng.normal(0, 1, (n, 2)) * reach[town][:, None]).T)


def ours(at: np.ndarray) -> np.ndarray:
    """Call the library's kernel."""
    from clustermap.detection.density.grid import dense_labels

    return dense_labels(at[0], at[1], radius_m=RADIUS_M, minimum=MINIMUM)[0]


def peer(at: np.ndarray) -> np.ndarray:
    """Call scikit-learn."""
    from sklearn.cluster import DBSCAN

    model = DBSCAN(eps=RADIUS_M, min_samples=MINIMUM, algorithm="kd_tree", n_jobs=-1)
    return model.fit(at.T).labels_


def compare(at: np.ndarray) -> dict[str, Any]:
    """Hold labels against each other; refuse to time different ones.

    Core points and noise must be the same; a border point between clusters goes to the nearest core point here, and
    to the first cluster that reaches it there.
    """
    from clustermap.detection.density.grid import dense_labels

    label, core = dense_labels(at[0], at[1], radius_m=RADIUS_M, minimum=MINIMUM)
    other = peer(at)
    differ = label != other
    if (differ & core).any() or ((label < 0) != (other < 0)).any():
        raise SystemExit("labels differ beyond border points")
    return {
        "points": at.shape[1],
        "clusters": int(label.max()) + 1,
        "border_points_by_the_rule": int(differ.sum()),
    }


def one(who: str, file: str, runs: int) -> None:
    """Measure one program in this process, and print what came out."""
    call: Callable[[np.ndarray], np.ndarray] = {"ours": ours, "peer": peer}[who]
    at = np.load(file)
    call(at[:, :100].copy())  # imports, and kernels from their cache
    if who == "peer":
        resource.setrlimit(resource.RLIMIT_AS, (PEER_MB << 20, PEER_MB << 20))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    held = memory("VmRSS")
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call(at)
        times.append(time.perf_counter() - start)
    print(json.dumps({"times_s": times, "peak_mb": memory("VmHWM") - held}))


def memory(what: str) -> float:
    """Return the memory of this process now, or its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024


def measured(who: str, at: np.ndarray, runs: int = RUNS) -> dict[str, Any]:
    """Measure one program in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "points.npy"
        np.save(file, at)
        command = [sys.executable, __file__, "--one", who, str(file), str(runs)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_S, check=False)
        except subprocess.TimeoutExpired:
            return {"finished": False, "why": f"more than {PEER_S} s"}
    if done.returncode:
        return {
            "finished": False,
            "why": done.stderr.strip().splitlines()[-1][:100] if done.stderr else "killed",
        }
    got = json.loads(done.stdout)
    times = [round(t, 4) for t in got["times_s"]]
    return {
        "finished": True,
        "first_s": times[0],
        "median_s": round(statistics.median(times), 4),
        "times_s": times,
        "peak_mb": round(got["peak_mb"]),
    }


def main() -> None:
    """Compare, measure, record."""
    figures: dict[str, Any] = {
        "seed": SEED,
        "radius_m": RADIUS_M,
        "minimum": MINIMUM,
        "runs": RUNS,
        "compared": compare(points(COMPARED)),
        "aims": {"times_scikit_learn": AIM_TIMES, "peak_mb": AIM_MB, "heap_mb": AIM_HEAP_MB},
    }
    for n in SIZES:
        at = points(n)
        mine, other = measured("ours", at), measured("peer", at, 1 if n > 2_000_000 else RUNS)
        ratio = round(other["median_s"] / mine["median_s"], 1) if other["finished"] else None
        figures[f"{n:,} points"] = {"ours": mine, "scikit-learn": other, "times": ratio}
    small, large = (figures[f"{n:,} points"]["ours"]["median_s"] for n in SIZES)
    figures["exponent"] = round(float(np.log(large / small) / np.log(SIZES[1] / SIZES[0])), 2)
    figures["one place"] = {
        f"ours, {HEAP:,}": measured("ours", np.full((2, HEAP), 412_345.0)),
        f"scikit-learn, {PEER_HEAP:,}": measured("peer", np.full((2, PEER_HEAP), 412_345.0), 1),
    }
    if QUICK:
        print(json.dumps(figures, indent=1))
    else:
        record("density", figures)


if __name__ == "__main__":
    if "--one" in sys.argv:
        start = sys.argv.index("--one")
        one(sys.argv[start + 1], sys.argv[start + 2], int(sys.argv[start + 3]))
    else:
        main()
