"""Write the inputs of the comparison with R: 50 random graphs with their values, and ten point patterns.

Run it once, then ``make_golden.R`` beside it; both are kept so that every figure can be made again.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20_261_127
GRAPHS, PATTERNS = 50, 10
HERE = Path(__file__).resolve().parent
Links = set[tuple[int, int]]


def lattice(rows: int, columns: int, *, corners: bool) -> Links:
    """Link the cells of a chessboard that share a side, or a corner too."""
    steps = [(0, 1), (1, 0), (1, 1), (1, -1)] if corners else [(0, 1), (1, 0)]
    pairs = {
        (r * columns + c, (r + i) * columns + c + j)
        for r in range(rows)
        for c in range(columns)
        for i, j in steps
        if r + i < rows and 0 <= c + j < columns
    }
    return pairs | {(b, a) for a, b in pairs}


def nearest(points: np.ndarray, k: int) -> Links:
    """Link each point to its k nearest: a directed graph."""
    from scipy.spatial import cKDTree

    found = cKDTree(points).query(points, k + 1)[1]
    return {(i, int(j)) for i, row in enumerate(found) for j in row[1:]}


def triangles(points: np.ndarray) -> Links:
    """Link the corners of Delaunay's triangles."""
    from scipy.spatial import Delaunay

    corners = Delaunay(points).simplices
    pairs = {(int(t[i]), int(t[j])) for t in corners for i in range(3) for j in range(3) if i != j}
    return pairs | {(b, a) for a, b in pairs}


def chance(rng: np.random.Generator, n: int) -> Links:
    """Link pairs at random, three links an area on average."""
    one, two = np.triu_indices(n, 1)
    drawn = rng.random(len(one)) < 3 / (n - 1)
    pairs = set(zip(one[drawn].tolist(), two[drawn].tolist(), strict=True))
    return pairs | {(b, a) for a, b in pairs}


def graphs(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray, Links]]:
    """Yield kind, places and links of each graph; every second one loses all links of a few areas."""
    for g in range(GRAPHS):
        kind = ("rook", "queen", "k-nearest", "delaunay", "random")[g % 5]
        if kind in {"rook", "queen"}:
            rows, columns = (int(v) for v in rng.integers(3, 11, 2))
            columns = max(columns, -(-10 // rows))
            places = np.stack(np.divmod(np.arange(rows * columns), columns), axis=1).astype(float)
            links = lattice(rows, columns, corners=kind == "queen")
        else:
            places = rng.uniform(0, 10, (int(rng.integers(10, 121)), 2))
            links = {
                "k-nearest": lambda p: nearest(p, int(rng.integers(2, 7))),
                "delaunay": triangles,
                "random": lambda p: chance(rng, len(p)),
            }[kind](places)
        if g % 2:
            lost = set(rng.choice(len(places), int(rng.integers(1, 4)), replace=False).tolist())
            links = {(a, b) for a, b in links if a not in lost and b not in lost}
        yield kind, places, links


def values(rng: np.random.Generator, places: np.ndarray) -> pd.DataFrame:
    """Make smooth and rough, symmetric and skewed values, two and three classes, and counts of totals."""
    n = len(places)
    smooth = np.sin(places[:, 0] / 2) + np.cos(places[:, 1] / 3)
    x = smooth + rng.normal(0, 0.7, n)
    total = rng.integers(50, 5_000, n)
    return pd.DataFrame(
        {
            "x": x,
            "y": 0.5 * x + rng.normal(size=n),
            "skewed": np.exp(smooth + rng.normal(0, 1, n)),
            "black": (x > np.median(x)).astype(int),
            "class": np.digitize(x, np.quantile(x, [1 / 3, 2 / 3])),
            "total": total,
            "count": rng.binomial(total, 0.05 * np.exp(0.3 * smooth)),
        }
    )


def patterns(rng: np.random.Generator) -> pd.DataFrame:
    """Scatter firms over a square of 20 km, some of them of the sector and in clumps."""
    frames = []
    for p in range(PATTERNS):
        n = int(rng.integers(40, 121))
        places = rng.uniform(0, 20_000, (n, 2))
        sector = (rng.random(n) < 0.4).astype(int)
        clump = (sector == 1) & (rng.random(n) < 0.5)
        places[clump] = rng.uniform(5_000, 15_000, 2) + rng.normal(0, 800, (int(clump.sum()), 2))
        places = np.clip(places.round(2), 0, 20_000)
        frame = pd.DataFrame({"pattern": p, "x": places[:, 0], "y": places[:, 1], "sector": sector})
        frames.append(frame.assign(jobs=rng.integers(1, 200, n)))
    return pd.concat(frames)


def save(frame: pd.DataFrame, name: str) -> None:
    """Write the same bytes for the same figures."""
    with (HERE / f"{name}.csv.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(frame.to_csv(index=False, float_format="%.17g", lineterminator="\n").encode())


def main() -> None:
    """Write links, areas and points."""
    rng = np.random.default_rng(SEED)
    links, areas = [], []
    for g, (kind, places, pairs) in enumerate(graphs(rng)):
        rows = pd.DataFrame(sorted(pairs), columns=["focal", "other"])
        links.append(rows.assign(graph=g)[["graph", "focal", "other"]])
        here = values(rng, places).rename_axis("area").reset_index()
        here.insert(0, "graph", g)
        here.insert(1, "kind", kind)
        areas.append(here)
    save(pd.concat(links), "links")
    save(pd.concat(areas), "areas")
    save(patterns(rng), "points")


if __name__ == "__main__":
    main()
