"""Mistakes put into clustermap on purpose, each where it could be made: what a check must notice.

``with broken("one tail"):`` runs everything inside with that mistake.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import calibration
import numpy as np
import pytest
import worlds
from scipy.special import ndtr, ndtri

from clustermap import inference
from clustermap.autocorrelation import nulls, rates, variables
from clustermap.autocorrelation.local import engine as local_engine
from clustermap.autocorrelation.local import finish as local_finish
from clustermap.measures import binomial
from clustermap.measures.distance import bands
from clustermap.measures.relatedness import colocations, locality, proximities, varieties
from clustermap.tables.table import SectorTable
from clustermap.weights import distances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Patch = pytest.MonkeyPatch
ROOMS = ("autocorrelation", "borders", "inference", "measures")
OURS = ("clustermap.", "test_", "subjects", "calibration")


def _everywhere(patch: Patch, original: Any, mistake: Any) -> None:
    """Put the mistake in the place of a function in every module that has taken it in."""
    for name, module in list(sys.modules.items()):
        if module is not None and name.startswith(OURS):
            for key in [key for key, value in vars(module).items() if value is original]:
                patch.setattr(module, key, mistake)


def _p_of(patch: Patch, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change every two-sided p where it is made, whichever side was asked for."""
    counted, settled = inference.monte_carlo_p, local_finish.settled_part

    def settle(part: Any, tally: Any, options: Any) -> Any:
        one = settled(part, tally, replace(options, alternative="two-sided"))
        return one._replace(p=change(one.p))

    _everywhere(
        patch,
        counted,
        lambda up, low, draws, *, alternative="two-sided": change(counted(up, low, draws)),
    )
    _everywhere(patch, settled, settle)
    for sided in (proximities._exact_p, locality._tails):
        _everywhere(
            patch, sided, lambda up, low, alternative, sided=sided: change(sided(up, low, "two-sided"))
        )
    for exact in (binomial.two_sided_p, binomial.nothing_p, _hypergeometric_p()):
        _everywhere(patch, exact, lambda *known, exact=exact: change(exact(*known)))


def _hypergeometric_p() -> Any:
    return importlib.import_module("clustermap.measures.trials").hypergeometric_p


def one_tail(patch: Patch) -> None:
    """Sell the smaller of two tails as a two-sided p."""
    _p_of(patch, lambda p: p / 2)


def farther_tail(patch: Patch) -> None:
    """Take the larger of two tails."""
    _p_of(patch, lambda p: np.minimum(1.0, 2 - p))


def narrow_null(patch: Patch) -> None:
    """Take the spread of chance for half of what it is, drawn or by moments."""
    _p_of(patch, lambda p: 2 * ndtr(2 * ndtri(p / 2)))
    moment = colocations.second_moment

    def quarter(sums: Any, n: int, n_a: Any, n_b: Any, same: Any) -> Any:
        square = (sums.total * n_a * (n_b - same) / (n * (n - 1.0))) ** 2
        return square + (moment(sums, n, n_a, n_b, same) - square) / 4

    patch.setattr(colocations, "second_moment", quarter)


def _ties(patch: Patch, *, upper: bool) -> None:
    counted, settled = inference.monte_carlo_p, local_finish.settled_part

    def strict(up: Any, low: Any, draws: Any) -> tuple[Any, Any]:
        return (draws - low if upper else up), draws - up

    def settle(part: Any, tally: Any, options: Any) -> Any:
        if tally is not None:
            up, low = strict(tally.up, tally.low, tally.draws)
            return settled(part, tally._replace(up=np.maximum(up, 0), low=np.maximum(low, 0)), options)
        return settled(part._replace(exact=strict(*part.exact, 1.0)), tally, options)

    def count(up: Any, low: Any, draws: Any, *, alternative: Any = "two-sided") -> Any:
        return counted(*strict(np.asarray(up), np.asarray(low), draws), draws, alternative=alternative)

    def exact(up: Any, low: Any, alternative: Any) -> Any:
        return tails(*strict(up, low, 1.0), alternative)

    tails = locality._tails
    _everywhere(patch, counted, count)
    _everywhere(patch, settled, settle)
    _everywhere(patch, tails, exact)


def no_ties(patch: Patch) -> None:
    """Count only draws that are beyond what was observed, in both tails."""
    _ties(patch, upper=True)


def ties_above(patch: Patch) -> None:
    """Count ties in the upper tail alone."""
    _ties(patch, upper=False)


def free_null(patch: Patch) -> None:
    """Let values move over the whole map whatever null was asked for."""
    for kind in (nulls._Within, nulls._Toroidal):
        patch.setattr(kind, "bind", lambda self, labels, *, areas=None: nulls.free().bind(labels))


def raw_rates(patch: Patch) -> None:
    """Leave rates as they are, however few firms an area has."""
    _everywhere(patch, rates.standardised_rates, lambda count, total: count / total)


def published_rates(patch: Patch) -> None:
    """Keep a variance between areas that is estimated below 0."""

    def standardised(count: np.ndarray, total: np.ndarray) -> np.ndarray:
        everything = total.sum(axis=1, keepdims=True)
        overall = count.sum(axis=1, keepdims=True) / everything
        spread = (total * (count / total - overall) ** 2).sum(axis=1, keepdims=True) / everything
        variance = spread - overall / (everything / total.shape[1]) + overall / total
        return (count / total - overall) / np.sqrt(np.where(variance > 0, variance, overall / total))

    _everywhere(patch, rates.standardised_rates, standardised)


def pointwise(patch: Patch) -> None:
    """Hold a curve against each distance by itself, without regard to how many there are."""

    def critical(deviations: np.ndarray, alpha: float) -> tuple[float, float]:
        at = np.quantile(deviations.max(axis=1), 1 - alpha)
        return float(at), float((deviations >= deviations[0]).mean(axis=0).min())

    patch.setattr(bands, "_critical", critical)


def unmade_draws(patch: Patch) -> None:
    """Credit an area that stopped with the draws that others went on to have."""

    def added(before: Any, counts: Any, active: Any) -> Any:
        if active is None or before is None:
            return local_finish.Tally(*counts)
        made = np.broadcast_to(before.draws, counts.up.shape) + counts.draws.max()
        return local_finish.Tally(before.up + counts.up, before.low + counts.low, made)

    patch.setattr(local_engine, "_added", added)


def no_correction(patch: Patch) -> None:
    """Call p what should be corrected for the family."""
    adjust, adjusted = inference.adjust, local_finish.adjusted
    _everywhere(patch, adjust, lambda p, correction, *, ones=0: np.asarray(p, dtype=float))
    _everywhere(patch, adjusted, lambda p, settled, options: p)


def narrow_interval(patch: Patch) -> None:
    """Give an interval a fifth of its width."""
    limits = varieties._Resample.limits

    def tight(self: Any, counts: Any, labels: Any) -> Any:
        found = limits(self, counts, labels)
        low, high = found[:, ::2], found[:, 1::2]
        middle, half = (low + high) / 2, (high - low) / 10
        return np.stack((middle - half, middle + half), axis=2).reshape(found.shape)

    patch.setattr(varieties._Resample, "limits", tight)


def listed_first(patch: Patch) -> None:
    """Let the area that is listed first, and the one whose name is first, count for more."""
    read, made = variables.read_variables, SectorTable.from_values.__func__  # type: ignore[attr-defined]

    def reading(data: Any, *rest: Any, **options: Any) -> Any:
        data = data.copy()
        data.iloc[0] += len(str(data.index[0]))
        data[data.index.min()] += 1
        return read(data, *rest, **options)

    def making(cls: Any, values: Any, **options: Any) -> Any:
        values = values.copy()
        values.iloc[0] += len(values)
        return made(cls, values, **options)

    _everywhere(patch, read, reading)
    patch.setattr(SectorTable, "from_values", classmethod(making))


def eastings_alone(patch: Patch) -> None:
    """Measure distances from west to east only."""
    centroids = distances._centroids
    patch.setattr(distances, "_centroids", lambda areas: centroids(areas) * [1.0, 0.0])


def no_effect(patch: Patch) -> None:
    """Make the worlds of the curves of power without what is planted in them."""
    plain = {
        name: (lambda rng, effect, world=world: world(rng, 0.0)) for name, world in worlds.PATTERNED.items()
    }
    patch.setattr(worlds, "PATTERNED", plain)


BREAKS: dict[str, Callable[[Patch], None]] = {
    "one tail": one_tail,
    "farther tail": farther_tail,
    "narrow null": narrow_null,
    "no ties": no_ties,
    "ties above": ties_above,
    "free null": free_null,
    "raw rates": raw_rates,
    "published rates": published_rates,
    "pointwise": pointwise,
    "unmade draws": unmade_draws,
    "no correction": no_correction,
    "narrow interval": narrow_interval,
    "listed first": listed_first,
    "eastings alone": eastings_alone,
    "no effect": no_effect,
}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Run what is inside with one of the mistakes."""
    for room in ROOMS:  # a room that is taken in later would bring the right function
        module = importlib.import_module(f"clustermap.{room}")
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{module.__name__}."):
            importlib.import_module(found.name)
    calibration.forget()  # what was right would be remembered
    with pytest.MonkeyPatch.context() as patch:
        BREAKS[name](patch)
        yield
    calibration.forget()
