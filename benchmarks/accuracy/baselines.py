"""What others would do with the same counts: thresholds, hot spots, density and circles.

Settings of DBSCAN and HDBSCAN are the best of ``tune_points.py`` on tuning seeds.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

Sets = list[frozenset[str]]
LEVEL, LQ, DRAWS = 0.05, 1.25, 999
ALL_SHARE = 0.25
FINE = 1_000  # scikit-learn's minimum is a whole number


def components(world: Any, chosen: np.ndarray) -> Sets:
    """Split chosen areas into connected sets of at least two."""
    from scipy.sparse.csgraph import connected_components

    codes = world.table.values.index.to_numpy()
    at = np.flatnonzero(chosen)
    if not len(at):
        return []
    links = world.graph.sparse.tocsr()[at][:, at]
    n, label = connected_components(links, directed=False)
    sets = [frozenset(codes[at[label == c]]) for c in range(n)]
    return [s for s in sets if len(s) > 1]


def _counts(world: Any) -> tuple[np.ndarray, np.ndarray]:
    count = world.table.values["planted"].fillna(0.0).to_numpy()
    weight = (world.table.area_totals / world.table.area_totals.sum()).to_numpy()
    return count, weight * count.sum()


def lq_above(world: Any, seed: int) -> Sets:  # noqa: ARG001 - one signature for all
    """Take areas whose raw location quotient is above 1.25."""
    count, expected = _counts(world)
    return components(world, count > LQ * expected)


def lisa_high_high(world: Any, seed: int) -> Sets:
    """Take esda's High-High areas of the rate at its default p."""
    import esda

    count, expected = _counts(world)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = world.graph.to_W()
        w.transform = "r"
        found = esda.Moran_Local(count / expected, w, permutations=DRAWS, seed=seed, n_jobs=1)
    return components(world, (found.q == 1) & (found.p_sim <= LEVEL))


def exact_poisson(world: Any, seed: int) -> Sets:  # noqa: ARG001 - one signature for all
    """Test every area by itself, one-sided, with Benjamini–Hochberg."""
    from scipy.stats import false_discovery_control, poisson

    count, expected = _counts(world)
    return components(world, false_discovery_control(poisson.sf(count - 1, expected)) <= LEVEL)


def circles(world: Any, seed: int) -> Sets:
    """Scan circles around centroids with up to a quarter of the areas (Kulldorff 1997), the best and its like apart."""
    count, expected = _counts(world)
    middle = world.areas.frame.geometry.centroid
    at = np.column_stack([middle.x, middle.y])
    near = np.argsort(np.linalg.norm(at[:, None] - at[None], axis=2), axis=1, kind="stable")
    near = near[:, : max(2, int(ALL_SHARE * len(at)))]
    total = count.sum()

    e = np.cumsum(expected[near], axis=1)

    def ratios(counts: np.ndarray) -> np.ndarray:
        c = np.cumsum(counts[near], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = c * np.log(c / e) + (total - c) * np.log((total - c) / (total - e))
        return np.where(c > e, np.nan_to_num(value), 0.0)

    rng = np.random.default_rng(seed)
    law = expected / expected.sum()
    null = np.array([ratios(rng.multinomial(int(total), law)).max() for _ in range(DRAWS)])
    value, taken, sets = ratios(count), np.zeros(len(at), dtype=bool), []
    codes = world.table.values.index.to_numpy()
    for flat in np.argsort(-value, axis=None):
        i, k = np.unravel_index(flat, value.shape)
        if (1 + (null >= value[i, k]).sum()) / (DRAWS + 1) > LEVEL:
            break
        inside = near[i, : k + 1]
        if not taken[inside].any():
            taken[inside] = True
            sets.append(frozenset(codes[inside]))
    return [s for s in sets if len(s) > 1]


def _sector_points(world: Any) -> tuple[Any, np.ndarray]:
    firms = world.firms[world.firms["sector"]]
    return firms, np.column_stack([firms.geometry.x, firms.geometry.y])


def _reach(at: np.ndarray, near: int, quantile: float) -> float:
    """Take a quantile of the distances to a nearest neighbour, as users read eps off its curve."""
    from sklearn.neighbors import NearestNeighbors

    return float(np.quantile(NearestNeighbors(n_neighbors=near).fit(at).kneighbors()[0][:, -1], quantile))


def _areas_of(firms: Any, label: np.ndarray, most: float) -> Sets:
    """Give an area to the cluster that holds this share of its sector firms."""
    rows = firms.assign(label=label)
    sets = []
    for cluster in range(label.max() + 1):
        share = (rows["label"] == cluster).groupby(rows["area"]).mean()
        sets.append(frozenset(share.index[share >= most]))
    return [s for s in sets if len(s) > 1]


def density(world: Any, seed: int, *, near: int = 10, quantile: float = 0.5, most: float = 0.9) -> Sets:  # noqa: ARG001 - one signature for all
    """Cluster the sector's points (scikit-learn's DBSCAN); towns are dense, whatever their share."""
    from sklearn.cluster import DBSCAN

    firms, at = _sector_points(world)
    label = DBSCAN(eps=_reach(at, near, quantile), min_samples=near).fit_predict(at)
    return _areas_of(firms, label, most)


def weighted_density(
    world: Any,
    seed: int,  # noqa: ARG001 - one signature for all
    *,
    near: int = 10,
    quantile: float = 0.9,
    over: float = 1.5,
    most: float = 0.9,
) -> Sets:
    """Do the same with each point counted by the sparsity of all firms in its area: dense is what is over the share."""
    from sklearn.cluster import DBSCAN

    firms, at = _sector_points(world)
    frame = world.areas.frame
    ground = frame.geometry.area
    even = world.table.area_totals.sum() / ground.sum()
    weight = (even / (world.table.area_totals / ground)).loc[firms["area"]].to_numpy()
    reach = _reach(at, near, quantile)
    expected = (
        len(at) / ground.sum() * np.pi * reach**2
    )  # of these weights, were the sector spread like all firms
    label = DBSCAN(eps=reach, min_samples=FINE).fit_predict(
        at, sample_weight=FINE * weight / (over * expected)
    )
    return _areas_of(firms, label, most)


def hierarchy(world: Any, seed: int, *, part: int = 50, leaves: bool = False, most: float = 0.9) -> Sets:  # noqa: ARG001 - one signature for all
    """Cluster the sector's points at every density (scikit-learn's HDBSCAN)."""
    from sklearn.cluster import HDBSCAN

    firms, at = _sector_points(world)
    model = HDBSCAN(
        min_cluster_size=max(10, len(at) // part),
        cluster_selection_method="leaf" if leaves else "eom",
        copy=True,
    )
    return _areas_of(firms, model.fit_predict(at), most)
