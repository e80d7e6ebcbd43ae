"""Nulls of the line test: connected sets of the same size, or the same selection on permuted values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.borders.subsets import elongations, enumerate_sets, walk
from clustermap.compiled import workers
from clustermap.detection.scan.kernels import best_sets, set_keys
from clustermap.errors import plural
from clustermap.randomness import stream

if TYPE_CHECKING:
    from clustermap.detection.clusters import Clusters

__all__ = ["Tested", "after_reselection", "among_connected", "attainable"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CAP = 1_000_000
_TIE = 1e-9
_BLOCK = 250
_STEPS_PER_MEMBER = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """A p-value, the smallest one that was to be had, and how it was made."""

    p: float
    attainable_p: float
    how: str
    n_sets: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """The areas that sets are drawn from: neighbours, positions in metres, weights."""

    indptr: Ints
    indices: Ints
    x: Floats
    y: Floats
    w: Floats


def attainable(places: Places, size: int, permutations: int) -> float:
    """Return the smallest p that any connected set of this size could have had."""
    number, _, top = enumerate_sets(
        places.indptr, places.indices, size, places.x, places.y, places.w, np.inf, CAP
    )
    if number == 0:
        return float("nan")
    return top / number if number <= CAP else 1 / (permutations + 1)


def among_connected(places: Places, members: Ints, *, permutations: int, seed: int) -> Tested:
    """Compare with all connected sets of the same size, or with a uniform walk where there are over a million.

    The walk starts at the observed set and runs both ways from a random place in the sequence, so that p is
    valid however slowly it mixes (Besag & Clifford 1989).
    """
    observed = float(elongations(places.x, places.y, places.w, members[None])[0])
    graph = (places.indptr, places.indices)
    number, reached, top = enumerate_sets(*graph, len(members), places.x, places.y, places.w, observed, CAP)
    if number <= CAP:
        return Tested(p=reached / number, attainable_p=top / number, how="all connected sets", n_sets=number)
    before = int(stream(seed, "line-place").integers(0, permutations + 1))
    lengths = (before, permutations - before)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda way: _run(places, members, lengths[way], way, seed), range(2)))
    values = np.concatenate(runs)
    p = (1 + int((values >= observed - _TIE).sum())) / (permutations + 1)
    how = "a uniform walk over connected sets"
    return Tested(p=p, attainable_p=1 / (permutations + 1), how=how, n_sets=None)


def _run(places: Places, members: Ints, length: int, way: int, seed: int) -> Floats:
    thin, at, parts = _STEPS_PER_MEMBER * len(members), members, []
    for block, start in enumerate(range(0, length, _BLOCK)):
        count = min(_BLOCK, length - start)
        chances = stream(seed, "line-walk", way, block).random((count * thin, 3))
        sets = walk(places.indptr, places.indices, at, chances, thin)
        parts.append(elongations(places.x, places.y, places.w, sets))
        at = sets[-1]
    return np.concatenate(parts) if parts else np.empty(0)


def after_reselection(
    clusters: Clusters, sector: str, places: Places, members: Ints, *, permutations: int, seed: int
) -> Tested:
    """Permute areas' counts and totals together, select the best connected set of the same size again.

    Suppressed areas stay where they are. Draws in which no set of this size is found are not counted.
    """
    table, size = clusters.table, len(members)
    counts = table.column(sector).to_numpy(float)
    totals = table.area_totals.to_numpy(float)
    usable = np.isfinite(counts) & (totals > 0)
    at = np.flatnonzero(usable)
    rate = counts[at].sum() / totals[at].sum()
    total = -1.0 if clusters.background == "minimum-effect" else float(counts[at].sum())
    graph = (places.indptr, places.indices, set_keys(len(counts)))
    observed = float(elongations(places.x, places.y, places.w, members[None])[0])

    def block(start: int) -> tuple[int, int]:
        rng = stream(seed, "line-permutation", sector, start // _BLOCK)
        rows = min(_BLOCK, permutations - start)
        moved = np.array([rng.permutation(at) for _ in range(rows)])
        values, expected = np.zeros((rows, len(counts))), np.zeros((rows, len(counts)))
        values[:, at] = counts[moved]
        expected[:, at] = totals[moved] * rate * clusters.minimum_lq
        sets = best_sets(values, expected, usable, graph, total, size)
        found = np.flatnonzero(sets[:, 0] >= 0)
        drawn = [float(elongations(places.x, places.y, values[b], sets[b][None])[0]) for b in found]
        return int((np.array(drawn) >= observed - _TIE).sum()), len(found)

    with ThreadPoolExecutor(workers()) as pool:
        results = list(pool.map(block, range(0, permutations, _BLOCK)))
    reached, drawn = sum(r for r, _ in results), sum(n for _, n in results)
    return Tested(
        p=(1 + reached) / (drawn + 1),
        attainable_p=1 / (drawn + 1),
        how=f"the best set of {plural(size, 'area')} on {drawn:,} permuted maps",
        n_sets=None,
    )
