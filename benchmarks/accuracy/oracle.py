"""Bounds for every detector: one that knows the planted set's shape, size and relative risk, and the background's law.

It searches exactly the family that ``make_world`` plants from: paths without short cuts of the planted length, or
blobs as they grow (where they touch themselves most). The statistic is the log-likelihood ratio at the true relative
risk: multinomial counts given the total on an even background, Gaussian log-ratios with the true covariance on a
rough one. Its largest value is tested at 5 % on draws of the true null. Three answers: the most likely set, which is
what a scan reports; the areas that more than half of the posterior holds; and the links of which both ends lie in the
set with a posterior above 0.6, one by one and no longer a set, which trades recall for precision.

`untold` knows less: whether paths or blobs are planted and the relative risk, not the size, and not that there is a
cluster at all. Beforehand there is none in half of the worlds, every size up to MOST is as likely as any other, and
every set as any other of its size; it answers with the areas that more than half of the posterior holds.

The family is built area by area, keeping the best BEAM partial sets. All 40-area families fit into it, so those rows
are exact; of 320 areas it keeps the most likely ones, and the bound is as good as that search.
"""
# ruff: noqa: PLR0917, C901 - kernels take flat arrays by position, and call little

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from clustermap.compiled import compiled

ANSWERS = ("most likely set", "likely areas", "likely links")
LEVEL, DRAWS, HALF, SURE = 0.05, 199, 0.5, 0.6
BEAM, SMALL = (30_000, 3_000), 40  # up to so many areas, and above
ROOM, SAME = 64, 1e-9  # areas beside a set, at most; sums that differ by rounding alone
REACH = 0.14  # of the background that make_world draws, in sides of the region
JITTER = 1e-8
MOST, NARROW = 10, 3_000  # areas of a set whose size is not told; its beam


@compiled()
def _value(a: float, b: float, risk: float, total: float, field: bool) -> float:
    """Log-likelihood ratio of a set: contrast and its precision under a field, else count and expectation."""
    beta = math.log(risk)
    if field:
        return beta * a - 0.5 * beta * beta * b
    return beta * a - total * math.log(1.0 + (risk - 1.0) * b / total)


@compiled()
def _options(
    members: np.ndarray, path: bool, touch: np.ndarray, indptr: np.ndarray, indices: np.ndarray, out: np.ndarray
) -> int:  # fmt: skip
    """List the areas that may be added: beside the end and nothing else of a path, or where a blob touches most."""
    most, made = 1, 0
    for i in members:
        for q in range(indptr[i], indptr[i + 1]):
            touch[indices[q]] += 1
    for i in members:
        touch[i] = 0
    for i in members:
        for q in range(indptr[i], indptr[i + 1]):
            if not path:
                most = max(most, touch[indices[q]])
    for i in members[-1:] if path else members:
        for q in range(indptr[i], indptr[i + 1]):
            if touch[indices[q]] == most:
                out[made] = indices[q]
                made += 1
                touch[indices[q]] = 0  # once only
    for i in members:
        for q in range(indptr[i], indptr[i + 1]):
            touch[indices[q]] = 0
    return made


@compiled()
def _best(
    sets: np.ndarray, grown: np.ndarray, sums: np.ndarray, value: np.ndarray, path: bool, beam: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the best grown sets; a blob that grew in several orders once, being next to itself in value."""
    k = sets.shape[1]
    kept, totals = np.empty((min(len(value), beam), k + 1), np.int64), np.empty((min(len(value), beam), 2))
    filled = 0
    for c in np.argsort(-value):
        if filled >= kept.shape[0]:
            break
        row = np.empty(k + 1, np.int64)
        row[:k], row[k] = sets[grown[c, 0]], grown[c, 1]
        if not path:
            row = np.sort(row)
            at = filled - 1
            while at >= 0 and np.abs(totals[at] - sums[c]).sum() < SAME and not (kept[at] == row).all():
                at -= 1
            if at >= 0 and (kept[at] == row).all():
                continue
        kept[filled], totals[filled] = row, sums[c]
        filled += 1
    return kept[:filled], totals[:filled]


@compiled()
def family(
    first: np.ndarray, second: np.ndarray, precision: np.ndarray, indptr: np.ndarray, indices: np.ndarray,
    size: int, path: bool, beam: int, risk: float, total: float,
) -> tuple[np.ndarray, np.ndarray, float]:  # fmt: skip
    """Return the best sets of the family, their log-likelihood ratios and the number of all sets.

    Without a precision the ratios are those of the multinomial. Paths count in both directions, in the sets as in
    their number, which is estimated from the growth of the best ones where not all are kept.
    """
    n, field = first.size, precision.shape[0] > 0
    number, all_kept = float(n), True
    sets, sums = np.arange(n).reshape(n, 1), np.empty((n, 2))
    sums[:, 0], sums[:, 1] = first, second
    touch, out = np.zeros(n, np.int64), np.empty(n, np.int64)
    for k in range(1, size):
        grown, more = np.empty((ROOM * len(sets), 2), np.int64), np.empty((ROOM * len(sets), 2))
        value, made = np.empty(ROOM * len(sets)), 0
        for s in range(len(sets)):
            for o in range(min(_options(sets[s], path, touch, indptr, indices, out), len(value) - made)):
                j = out[o]
                grown[made, 0], grown[made, 1] = s, j
                more[made, 0], more[made, 1] = sums[s, 0] + first[j], sums[s, 1] + second[j]
                if field:
                    for m in range(k):
                        more[made, 1] += 2.0 * precision[sets[s, m], j]
                value[made] = _value(more[made, 0], more[made, 1], risk, total, field)
                made += 1
        before = len(sets)
        sets, sums = _best(sets, grown[:made], more[:made], value[:made], path, beam)
        all_kept = all_kept and len(sets) < beam
        number = float(len(sets)) if all_kept else number * made / before
    worth = np.empty(len(sets))
    for s in range(len(sets)):
        worth[s] = _value(sums[s, 0], sums[s, 1], risk, total, field)
    return sets, worth, number


@dataclass
class Known:
    """What the oracle knows of one world."""

    shape: str
    size: int
    risk: float
    roughness: float
    share: np.ndarray
    firms: int
    indptr: np.ndarray
    indices: np.ndarray
    precision: np.ndarray
    root: np.ndarray

    def search(
        self, counts: np.ndarray, size: int = 0, beam: int = 0
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the family on one map, its values and how many sets it has."""
        expected = self.firms * self.share
        first, second = counts.astype(float), expected
        if self.roughness:
            first = self.precision @ np.log((counts + 0.5) / (expected + 0.5))
            second = np.ascontiguousarray(np.diag(self.precision))
        return family(
            first, second, self.precision, self.indptr, self.indices, size or self.size,
            self.shape in {"chain", "pair"}, beam or BEAM[len(self.share) > SMALL], self.risk, float(self.firms),
        )  # fmt: skip

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a map without a cluster."""
        rate = self.share
        if self.roughness:
            smooth = self.root @ rng.standard_normal(len(rate))
            rate = rate * np.exp(self.roughness * (smooth - smooth.mean()) / smooth.std())
        return rng.multinomial(self.firms, rate / rate.sum())


def known(world: Any, made: dict[str, Any]) -> Known:
    """Take from a world what only its maker knows."""
    codes = list(world.areas.frame.index)
    place = {code: i for i, code in enumerate(codes)}
    near = [sorted(place[c] for c in world.graph[code].index if c != code) for code in codes]
    totals = world.table.area_totals.to_numpy(float)
    share, firms = totals / totals.sum(), int(made["sector_firms"])
    precision, root = np.empty((0, 0)), np.empty((0, 0))
    if made.get("roughness"):
        middle = world.areas.frame.geometry.centroid
        at = np.column_stack([middle.x, middle.y])
        side = np.sqrt(np.prod(at.max(axis=0) - at.min(axis=0)))
        apart = np.linalg.norm(at[:, None] - at[None], axis=2) / (side * REACH)
        law = np.exp(-0.5 * apart**2) + JITTER * np.eye(len(at))
        root = np.linalg.cholesky(law)
        inverse = np.linalg.inv(made["roughness"] ** 2 * law + np.diag(1 / (firms * share + 0.5)))
        flat = inverse.sum(axis=0)
        precision = np.ascontiguousarray(inverse - np.outer(flat, flat) / flat.sum())
    return Known(
        shape=made["planted"], size=made["size"], risk=made["relative_risk"], roughness=made.get("roughness", 0.0),
        share=share, firms=firms, indptr=np.concatenate(([0], np.cumsum([len(x) for x in near]))).astype(np.int64),
        indices=np.concatenate([np.array(x, dtype=np.int64) for x in near]), precision=precision, root=root,
    )  # fmt: skip


def oracle(world: Any, seed: int, made: dict[str, Any]) -> dict[str, list[frozenset[str]]]:
    """Give every answer of one search: nothing where p is above 5 %."""
    it = known(world, made)
    sets, value, _ = it.search(world.table.values["planted"].to_numpy(float))
    rng = np.random.default_rng([seed, 5])
    best, reached, allowed = value.max(), 0, LEVEL * (DRAWS + 1) - 1
    for _ in range(DRAWS):
        reached += it.search(it.draw(rng))[1].max() >= best
        if reached > allowed:
            return {answer: [] for answer in ANSWERS}
    codes = world.areas.frame.index.to_numpy()
    weight = np.exp(value - best) / np.exp(value - best).sum()
    inside = np.zeros((len(sets), len(codes)))
    np.put_along_axis(inside, sets, 1.0, axis=1)
    both = (inside * weight[:, None]).T @ inside
    near = world.graph.sparse.toarray()[np.ix_(*[world.graph.unique_ids.get_indexer(codes)] * 2)] > 0
    links = np.argwhere(np.triu(near & (both > SURE), 1))
    found = (
        [frozenset(codes[sets[value.argmax()]])],
        [frozenset(codes[weight @ inside > HALF])],
        [frozenset(codes[[i, j]]) for i, j in links],
    )
    return dict(zip(ANSWERS, found, strict=True))


def untold(world: Any, made: dict[str, Any]) -> list[frozenset[str]]:
    """Answer without the size: the areas that more than half of the posterior over sets and none holds."""
    it, counts = known(world, made), world.table.values["planted"].to_numpy(float)
    held, whole, top = np.zeros(len(counts)), 1.0, 0.0
    for size in range(1, MOST + 1):
        sets, value, number = it.search(counts, size, NARROW)
        if not len(sets):
            continue
        shift = max(top, float(value.max()))  # weights are kept relative to the largest one so far
        held, whole, top = held * np.exp(top - shift), whole * np.exp(top - shift), shift
        weight = np.exp(value - shift) / (MOST * number)
        np.add.at(held, sets, np.repeat(weight[:, None], size, axis=1))
        whole += weight.sum()
    codes = world.areas.frame.index.to_numpy()
    chosen = codes[held > HALF * whole]
    return [frozenset(chosen)] if len(chosen) else []
