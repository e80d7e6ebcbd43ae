"""How each statistic of the table is asked for its p, and for its labels after correction, on one map."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from worlds import THIN

import clustermap as cm
from clustermap.errors import ClusterMapWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from worlds import World

Floats = np.ndarray
_LABELS = ("HH", "LL", "HL", "LH")


def _global(verb: str) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        options: dict[str, Any] = {} if world.sector is None else {"sector": world.sector}
        result = getattr(cm, verb)(
            world.data, world.graph, permutations=draws, alternative=alternative, seed=seed, **options
        )
        return np.array([result.p])

    return ask


def _local(verb: str) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        options: dict[str, Any] = {} if world.sector is None else {"sector": world.sector}
        result = getattr(cm, verb)(
            world.data,
            world.graph,
            permutations=draws,
            alternative=alternative,
            correction="none",
            seed=seed,
            **options,
        )
        return result.frame["p"].to_numpy()

    return ask


def _thin_corner(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    return _local("local_moran")(world, draws=draws, alternative=alternative, seed=seed)[list(THIN)]


def _quotient(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    return cm.location_quotient(world.data, sector=world.sector, correction="none").frame["p"].to_numpy()


# One number for a statistic of the whole map, one per area for a local one.
P: dict[str, Callable[..., Floats]] = {
    "global_moran": _global("global_moran"),
    "local_moran": _local("local_moran"),
    "local_moran_thin_corner": _thin_corner,
    "location_quotient": _quotient,
}


def _labelled(verb: str, labels: tuple[str, ...]) -> Callable[..., Any]:
    def ask(world: World, *, seed: int) -> Any:
        options: dict[str, Any] = {} if world.sector is None else {"sector": world.sector}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)
            frame = getattr(cm, verb)(world.data, world.graph, seed=seed, **options).frame
        return frame.index[frame["label"].isin(labels)]

    return ask


def _quotient_labels(world: World, *, seed: int) -> Any:
    frame = cm.location_quotient(world.data, sector=world.sector).frame
    return frame.loc[frame["q"] <= 0.05, "area"]


# The areas that stand out after the default correction with the default permutations.
FOUND: dict[str, Callable[..., Any]] = {
    "local_moran": _labelled("local_moran", _LABELS),
    "location_quotient": _quotient_labels,
}
