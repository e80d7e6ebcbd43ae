"""Compiled loops of M and m: around each firm of a sector, the sector's share of what lies near.

The denominator is the same for every draw, as labels are shuffled and firms stay where they are; it is worked out
once for all sites. What is seen and what is drawn go through the same loop.
"""
# ruff: noqa: PLR0917 - kernels take flat arrays, by position

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import compiled, workers
from clustermap.measures.distance.pairs import in_threads

__all__ = ["Near", "Sites", "around_all", "ratio_curves"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_ROWS = 512


class Sites(NamedTuple):
    """Where all firms are and what each counts; by coordinates, by cells, or by listed pairs."""

    x: Floats
    y: Floats
    weight: Floats
    row: Ints  # of the cell; empty without cells
    column: Ints
    first: Ints  # shares of pairs of cells over the bins; no cells: one empty offset
    share: Ints
    start: Ints  # listed pairs: where the partners of each site begin; empty without a list
    partner: Ints
    bin: Ints


class Near(NamedTuple):
    """What lies near each site, at each point of the curve."""

    total: Floats  # rows × points
    place: Ints  # row of each site
    own: Floats  # what a site of weight 1 adds to its own row
    smooth: Floats  # points × bins: 1 up to the distance for M, a kernel for m
    low: Ints  # bins in which a point's weights are not 0: from low up to high
    high: Ints
    least: Floats  # less than this near a site is nothing
    cumulative: bool


@compiled("void(float64[::1], float64[::1], float64[::1], float64, int64, int64, float64[:, ::1])")
def _ring_sums(
    x: Floats, y: Floats, weight: Floats, width: float, start: int, stop: int, out: Floats
) -> None:
    """Sum the weight in each ring around sites start…stop."""
    bins = out.shape[1]
    for i in range(start, stop):
        for j in range(x.size):
            dx, dy = x[i] - x[j], y[i] - y[j]
            k = int(min(np.sqrt(dx * dx + dy * dy) / width, bins))
            if k < bins and j != i:
                out[i, k] += weight[j]


@compiled(
    "void(int64, int64, float64, float64, float64, int64[:, ::1], int64[:, :, ::1], float64[:, ::1], int64, int64)"
)
def _share_out(
    a: int,
    b: int,
    one: float,
    other: float,
    parts: float,
    first: Ints,
    share: Ints,
    around: Floats,
    t: int,
    u: int,
) -> None:
    """Add two sites in cells (a, b) apart to what lies around each other."""
    if a < first.shape[0] and b < first.shape[0]:
        k = first[a, b]
        for s in range(min(share.shape[2], around.shape[1] - k)):
            part = share[a, b, s] / parts
            around[t, k + s] += part * other
            around[u, k + s] += part * one


@compiled(
    "void(int64[::1], float64[::1], float64[:, ::1], float64[:, ::1], int64[::1], float64[::1], float64[:, ::1], "
    "int64[::1], int64[::1], float64[::1], bool_, float64[::1])"
)
def _ratio(
    sites: Ints,
    weight: Floats,
    around: Floats,
    total: Floats,
    place: Ints,
    own: Floats,
    smooth: Floats,
    low: Ints,
    high: Ints,
    least: Floats,
    cumulative: bool,
    out: Floats,
) -> None:
    """Average the shares around the sites of a sample, over what a random label would have."""
    points = out.size
    everything, sample = weight.sum(), 0.0
    for i in range(sites.size):
        sample += weight[sites[i]]
    seen, chance = np.zeros(points), np.zeros(points)
    bins = around.shape[1]
    summed = np.zeros(bins + 1)
    for i in range(sites.size):
        mine = weight[sites[i]]
        expected = (sample - mine) / (everything - mine)
        for k in range(bins):
            summed[k + 1] = summed[k] + around[i, k]
        for p in range(points):
            near = total[place[sites[i]], p] - own[p] * mine
            if near > least[p]:
                value = 0.0
                if cumulative:
                    value = summed[high[p]]
                else:
                    for k in range(low[p], high[p]):
                        value += smooth[p, k] * around[i, k]
                seen[p] += value / near
                chance[p] += expected
    for p in range(points):
        out[p] = seen[p] / chance[p] if chance[p] > 0.0 else np.nan


@compiled(
    "void(float64[::1], float64[::1], float64[::1], int64[::1], int64[::1], int64[:, ::1], int64[:, :, ::1], "
    "int64[::1], int64[::1], int64[::1], float64, float64, int64[:, ::1], int64[::1], float64[:, ::1], int64[::1], "
    "float64[::1], float64[:, ::1], int64[::1], int64[::1], float64[::1], bool_, float64[:, :, ::1])"
)
def _curves(  # noqa: C901, PLR0912 - one loop over three kinds of distance, so that all sum in one order
    x: Floats,
    y: Floats,
    weight: Floats,
    row: Ints,
    column: Ints,
    first: Ints,
    share: Ints,
    start: Ints,
    partner: Ints,
    bin_of: Ints,
    width: float,
    parts: float,
    places: Ints,
    sizes: Ints,
    total: Floats,
    place: Ints,
    own: Floats,
    smooth: Floats,
    low: Ints,
    high: Ints,
    least: Floats,
    cumulative: bool,
    out: Floats,
) -> None:
    """Let the sample of each draw grow, and note its curve at each of the ascending sizes."""
    top, bins = sizes[sizes.size - 1], smooth.shape[1]
    when = np.full(weight.size if start.size else 1, top, dtype=np.int64)
    for b in range(places.shape[0]):
        around = np.zeros((top, bins))
        t = 0
        for s in range(sizes.size):
            while t < sizes[s]:
                i = places[b, t]
                if start.size:
                    when[i] = t
                    for e in range(start[i], start[i + 1]):
                        u = when[partner[e]]
                        if u < t:
                            around[t, bin_of[e]] += weight[partner[e]]
                            around[u, bin_of[e]] += weight[i]
                else:
                    for u in range(t):
                        j = places[b, u]
                        if row.size:
                            _share_out(
                                abs(row[i] - row[j]), abs(column[i] - column[j]), weight[i], weight[j], parts,
                                first, share, around, t, u,
                            )  # fmt: skip
                        else:
                            dx, dy = x[i] - x[j], y[i] - y[j]
                            k = int(min(np.sqrt(dx * dx + dy * dy) / width, bins))
                            if k < bins:
                                around[t, k] += weight[j]
                                around[u, k] += weight[i]
                t += 1
            _ratio(
                places[b, :t],
                weight,
                around,
                total,
                place,
                own,
                smooth,
                low,
                high,
                least,
                cumulative,
                out[s, b],
            )
        if start.size:
            for t in range(top):
                when[places[b, t]] = top


def around_all(x: Floats, y: Floats, weight: Floats, *, width: float, bins: int) -> Floats:
    """Sum the weight of other sites in each ring around every site, by exact distances: sites × bins.

    Examples
    --------
    >>> around_all(np.array([0.0, 1.0, 9.0]), np.zeros(3), np.array([1.0, 2.0, 4.0]), width=1.0, bins=2).tolist()
    [[0.0, 2.0], [0.0, 1.0], [0.0, 0.0]]
    """
    out = np.zeros((len(x), bins))
    blocks = [range(i, min(i + _ROWS, len(x))) for i in range(0, len(x), _ROWS)]
    list(
        in_threads(lambda r: _ring_sums(x, y, weight, width, r.start, r.stop, out), blocks, work=len(x) ** 2)
    )
    return out


def ratio_curves(sites: Sites, near: Near, places: Ints, sizes: Ints, *, width: float, parts: int) -> Floats:
    """Return sizes × draws × points: M or m of the first n sites of each draw.

    Parameters
    ----------
    sites, near : Sites, Near
        All firms, and what lies near each.
    places : numpy.ndarray
        Draws × sites; a sector that is seen is one draw.
    sizes : numpy.ndarray
        The n, ascending.
    width, parts : float, int
        Width of a bin, and the parts that a pair of cells is shared in.
    """
    out = np.empty((len(sizes), len(places), len(near.smooth)))

    def part(rows: Any) -> None:
        some = np.empty((len(sizes), len(rows), out.shape[2]))
        _curves(*sites, width, float(parts), places[rows], sizes, *near, some)
        out[:, rows] = some

    pieces = np.array_split(np.arange(len(places)), min(len(places), 4 * workers()))
    list(in_threads(part, pieces, work=len(places) * int(sizes[-1]) ** 2))
    return out
