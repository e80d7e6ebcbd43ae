"""Per-link continuity: how alike neighbours across a border are, against neighbours within at equal distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from clustermap.autocorrelation.variables import Group
    from clustermap.borders.crossing_links import SplitLinks
    from clustermap.sources.values import Areas

__all__ = ["continuity_of"]

Floats = npt.NDArray[np.float64]
_CLASSES = 5


def continuity_of(
    group: Group, links: SplitLinks, labels: pd.Index, areas: Areas | None, sectors: list[str]
) -> pd.DataFrame:
    """Return the mean product of z over links across borders and over links within, for each variable.

    The links within are weighted so that they are as long as those that cross: by fifths of the distance between
    centroids. Where there are no polygons all links count alike, and `equal_distance` is False.

    Returns
    -------
    pandas.DataFrame
        ``sector, crossing, internal, ratio, equal_distance, unmatched``: the last is the share of crossing links in
        a class of distance without any link within; they are left out of both means.
    """
    cross = links.crossing_share
    inner = 1.0 - cross
    kind = _classes(links, labels, areas)
    crossing, internal = (np.bincount(kind, x, minlength=_CLASSES) for x in (cross, inner))
    matched = internal > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(matched, crossing / internal, 0.0)[kind] * inner
    cross = np.where(matched[kind], cross, 0.0)
    unmatched = float(crossing[~matched].sum() / crossing.sum())
    rows = []
    for s, z in zip(group.sectors, group.z, strict=True):
        product = z[links.order[links.focal]] * z[links.order[links.others]]
        means = [_mean(product, w) for w in (cross, weight)]
        ratio = means[0] / means[1] if means[1] else np.nan
        rows.append((sectors[s], *means, ratio, areas is not None, unmatched))
    columns = ["sector", "crossing", "internal", "ratio", "equal_distance", "unmatched"]
    return pd.DataFrame(rows, columns=columns)


def _mean(product: Floats, weight: Floats) -> float:
    total = float(weight.sum())
    return float((product * weight).sum() / total) if total > 0 else float("nan")


def _classes(links: SplitLinks, labels: pd.Index, areas: Areas | None) -> npt.NDArray[np.int64]:
    """Put every link into a fifth by length."""
    if areas is None:
        return np.zeros(len(links.focal), dtype=np.int64)
    centres = areas.frame.geometry.reindex(labels).centroid
    x, y = centres.x.to_numpy()[links.order], centres.y.to_numpy()[links.order]
    length = np.hypot(x[links.focal] - x[links.others], y[links.focal] - y[links.others])
    edges = np.quantile(length, np.linspace(0, 1, _CLASSES + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, length), dtype=np.int64)
