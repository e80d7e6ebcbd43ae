"""How close found sets come to the planted ones: links between neighbouring members, and areas."""

from __future__ import annotations

from typing import Any

import numpy as np

Sets = list[frozenset[str]]
Links = frozenset[tuple[str, str]]


def inner_links(graph: Any, sets: Sets) -> Links:
    """Return the links of the graph between members of one set, each once."""
    pairs = graph.adjacency.index.to_frame(index=False).to_numpy()
    return frozenset((a, b) for a, b in pairs if a < b for own in sets if a in own and b in own)


def score(world: Any, found: Sets, planted: Sets | None = None) -> dict[str, float]:
    """Count links found, planted and both; adjusted Rand index and best Jaccard of the areas."""
    from sklearn.metrics import adjusted_rand_score

    planted = [frozenset(c) for c in world.planted] if planted is None else planted
    ours, truth = inner_links(world.graph, found), inner_links(world.graph, planted)
    codes = list(world.areas.frame.index)
    jaccard = [max((len(p & f) / len(p | f) for f in found), default=0.0) for p in planted]
    return {
        "hit": len(ours & truth),
        "found": len(ours),
        "planted": len(truth),
        "false": float(len(ours - truth) > 0),
        "ari": adjusted_rand_score(_labels(codes, planted), _labels(codes, found)),
        "jaccard": float(np.mean(jaccard)) if jaccard else np.nan,
    }


def score_effect(world: Any, found: Sets, *, least: float) -> dict[str, float]:
    """Judge a minimum effect on its own truth: links of areas whose true quotient, background and all, is above it.

    False is a set that has no such quotient as a whole, which is what its p speaks of.
    """
    from baselines import components

    risk, size = world.risk, world.table.area_totals
    above = components(world, (risk > least).to_numpy())
    whole = [float(np.average(risk[list(own)], weights=size[list(own)])) for own in found]
    return score(world, found, above) | {"false": float(any(q <= least for q in whole))}


def _labels(codes: list[str], sets: Sets) -> list[int]:
    number = {code: i for i, own in enumerate(sets, start=1) for code in own}
    return [number.get(code, 0) for code in codes]


def both_halves(world: Any, found: Sets) -> float:
    """Say whether one set holds both halves of an area that a boundary cuts; NaN without one."""
    half = world.traps.get("boundary")
    return float(any(own >= {half, half.removesuffix("b")} for own in found)) if half else float("nan")


def _beyond(world: Any, half: str) -> frozenset[str]:
    """Return the planted areas on the far side of the boundary, which bounds the second half to the left."""
    places = world.areas.frame.geometry.representative_point().x
    return frozenset(c for c in world.members if places[c] > world.areas.frame.geometry[half].bounds[0])


def rejected(world: Any, found: Sets) -> float:
    """Say whether no found set holds a trap or joins two planted clusters, and one reaches across a boundary.

    NaN where the only trap lies in a planted cluster, as offices may.
    """
    half = world.traps.get("boundary")
    if half and not any(
        own & side and own & (world.members - side) for own in found for side in [_beyond(world, half)]
    ):
        return 0.0
    if len(world.planted) > 1:
        return float(not any(sum(bool(own & set(c)) for c in world.planted) > 1 for own in found))
    traps = set(world.traps.values()) - world.members
    return float(not any(own & traps for own in found)) if traps or half else float("nan")


def summarise(runs: list[dict[str, float]]) -> dict[str, float]:
    """Pool the links of all runs; the standard error of recall and precision is over runs."""
    hit, found, planted = (np.array([r[k] for r in runs]) for k in ("hit", "found", "planted"))
    recall = hit.sum() / planted.sum() if planted.sum() else np.nan
    precision = hit.sum() / found.sum() if found.sum() else np.nan
    both = recall + precision
    return {
        "runs": len(runs),
        "recall": round(float(recall), 3),
        "precision": round(float(precision), 3),
        "f1": round(float(2 * recall * precision / both), 3) if both > 0 else np.nan,
        "recall_se": round(_ratio_se(hit, planted), 3),
        "precision_se": round(_ratio_se(hit, found), 3),
        "false_share": round(float(np.mean([r["false"] for r in runs])), 3),
        "ari": round(float(np.mean([r["ari"] for r in runs])), 3),
        "jaccard": round(float(np.nanmean([r["jaccard"] for r in runs])), 3) if planted.sum() else np.nan,
    }


def _ratio_se(top: np.ndarray, below: np.ndarray) -> float:
    """Give the linearised standard error of a ratio of sums over independent runs."""
    if not below.sum():
        return float("nan")
    left = top - top.sum() / below.sum() * below
    return float(np.sqrt((left**2).sum()) / below.sum())
