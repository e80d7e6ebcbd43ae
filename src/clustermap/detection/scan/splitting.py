"""Whether a found set is two clusters: weak areas hold it together, and without them two describe the map better."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clustermap.detection.adjacency import components

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["second_price", "split_set"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST = 3  # areas of a part: a chain of five with a weak middle is no two clusters
_PLACE = 0.3  # of the log of the number of areas; chosen on tuning worlds
_MOST_WEAK = 12  # weak areas that are tried alone and in pairs, the weakest first


def second_price(places: int) -> float:
    """Return what a second cluster costs: part of what it takes to say which of all areas it starts with.

    Less than the whole: an area with little excess of its own between two clusters is left out rather than taken for
    a member.

    Examples
    --------
    >>> second_price(100).__round__(2)
    1.38
    """
    return _PLACE * math.log(places)


def split_set(
    members: Ints,
    graph: tuple[Ints, Ints],
    *,
    one: Callable[[Ints], float],
    two: Callable[[Ints, Ints], float],
    price: float,
) -> list[Ints]:
    """Return the parts of a set: itself, or two or more where dropping what joins them raises the joint value.

    One or two weak areas, without which the set's own value would be larger, are dropped. The parts are worth it
    where the value of two clusters, less the price of a second one, is larger than that of one.

    Parameters
    ----------
    members : numpy.ndarray
        The set, in order.
    graph : tuple of numpy.ndarray
        Neighbours as compressed rows.
    one : callable
        Penalised value of a set, connected or not.
    two : callable
        Penalised value of two sets with a ratio each.
    price : float
        What a second cluster costs.

    Examples
    --------
    >>> from clustermap.detection.adjacency import compressed
    >>> worth = np.array([5.0, 4.0, 4.0, -8.0, 4.0, 4.0, 5.0])
    >>> row = compressed([(i, i + 1) for i in range(6)], 7)
    >>> parts = split_set(
    ...     np.arange(7), row, one=lambda s: worth[s].sum(), two=lambda s, t: worth[s].sum() + worth[t].sum(), price=3.0
    ... )
    >>> [part.tolist() for part in parts]
    [[0, 1, 2], [4, 5, 6]]
    """
    if len(members) <= 2 * _FEWEST:
        return [members]
    whole = one(members)
    gains = np.array([one(np.delete(members, k)) - whole for k in range(len(members))])
    weak = [int(k) for k in np.argsort(-gains, kind="stable") if gains[k] > 0][:_MOST_WEAK]
    best, parts = whole + price, list[Ints]()
    for dropped in [*combinations(weak, 1), *combinations(weak, 2)]:
        pieces = [part for part in components(*graph, np.delete(members, dropped)) if len(part) >= _FEWEST]
        if len(pieces) < 2:  # noqa: PLR2004 - they hold together
            continue
        first, second = sorted(pieces, key=one, reverse=True)[:2]
        value = two(first, second)
        if value > best:
            best, parts = value, [first, second]
    if not parts:
        return [members]
    return [part for half in parts for part in split_set(half, graph, one=one, two=two, price=price)]
