"""The way that all statistics of a whole map go: read, link, sum, hold against the null, say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.bound_nulls import Strata
from clustermap.autocorrelation.nulls import Null, as_null
from clustermap.autocorrelation.whole.engine import Form, Linked, Tails, count_tails, link_up, quadratic
from clustermap.autocorrelation.whole.results import USUAL_LEVEL, GlobalResult, GlobalResults
from clustermap.errors import OptionError, StatisticsError
from clustermap.inference import monte_carlo_p
from clustermap.randomness import resolve_seed
from clustermap.schema import GLOBAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from libpysal.graph import Graph

    from clustermap.autocorrelation.bound_nulls import BoundNull, Places
    from clustermap.schema import Alternative, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = [
    "Measure",
    "Options",
    "Prepared",
    "analyse",
    "collect",
    "evaluated",
    "normal_p",
    "tested",
    "words_of",
]

Floats = npt.NDArray[np.float64]
NUMBERS = ("statistic", "expected", "variance", "z", "p_normal", "p", "normality")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """What a caller may choose; checked when it is made."""

    sector: str | None = None
    permutations: int
    alternative: Alternative
    null: Null | str
    rates: Rates
    transformation: Transformation
    seed: int | None

    def __post_init__(self) -> None:
        """Refuse what has no meaning before any work.

        Raises
        ------
        OptionError
            CM-MORAN-001: an unknown option. CM-NULL-007: no draws under a null without exact moments.
        StatisticsError
            CM-STAT-003: so few draws that no p could be small.
        """
        v.check_option("alternative", self.alternative, ("two-sided", "greater", "less"))
        v.check_option("transformation", self.transformation, ("row", "binary"))
        draws: object = self.permutations
        if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 0:
            raise OptionError(
                "CM-MORAN-001", f"permutations={draws!r} is no number of draws", fix="permutations=999"
            )
        tails = 2 if self.alternative == "two-sided" else 1
        if 0 < draws < tails / USUAL_LEVEL - 1:
            raise StatisticsError(
                "CM-STAT-003",
                f"{draws} permutations cannot reject at {USUAL_LEVEL}",
                why=f"the smallest {self.alternative} p is {tails / (int(draws) + 1):.3g}",
                fix="permutations=999, or permutations=0 for the exact moments alone",
            )
        null = as_null(self.null)
        if not draws and null.kind != "free":
            raise OptionError(
                "CM-NULL-007",
                f"permutations=0 leaves nothing to test with under the null {null.kind!r}",
                why="the exact variance is known where values move freely over the whole map",
                fix="permutations=999",
            )


class Prepared(NamedTuple):
    """What is summed for one group of variables, and what is known of the sums where values move freely."""

    values: Floats
    form: Form
    scale: Floats  # statistic = scale × sum
    mean: Floats
    variance: Floats
    normality: Floats


class Measure(NamedTuple):
    """One statistic: its name, the key of its draws, its tail of likeness, and how it is prepared."""

    method: str
    key: str
    sign: int  # −1 where a small statistic means that neighbours resemble each other
    prepare: Callable[[v.Group, Linked], Prepared]


def analyse(
    data: SectorTable | pd.DataFrame | pd.Series, graph: Graph, measure: Measure, options: Options
) -> GlobalResult | GlobalResults:
    """Compute one statistic of all variables in one batch."""
    seed = resolve_seed(options.seed)
    known = v.read_variables(data, graph, sector=options.sector, rates=options.rates)
    null, areas = as_null(options.null), known.table.areas if known.table is not None else None
    columns = {name: np.full(len(known.sectors), np.nan) for name in NUMBERS}
    said, draws = null.summary(), int(options.permutations)
    for group in known.groups():
        bound = null.bind(known.near.labels.take(group.areas), areas=areas)
        said, draws = words_of(bound, exact_mean=True), bound.draws(int(options.permutations))
        prepared = measure.prepare(group, link_up(group, options.transformation))
        for name, values in _numbers(prepared, bound, measure, options, seed).items():
            columns[name][group.sectors] = values
    shared = {
        "method": measure.method, "areas": areas, "null": null.kind, "null_words": said, "permutations": draws,
        "alternative": options.alternative, "rates": known.rates, "transformation": options.transformation,
        "seed": seed, "family_size": len(known.sectors),
        "note": known.table.note if known.table is not None else "",
    }  # fmt: skip
    return collect(known.sectors, columns, titles=known.titles, many=known.many, shared=shared)


def _numbers(
    prepared: Prepared, bound: BoundNull, measure: Measure, options: Options, seed: int
) -> dict[str, Floats]:
    values, form, scale = prepared.values, prepared.form, prepared.scale
    here = np.arange(values.shape[1], dtype=np.int32)[None, :]
    observed = quadratic(values, form, here)[0]
    found = {
        "statistic": scale * observed,
        "expected": prepared.mean,
        "variance": prepared.variance,
        "normality": prepared.normality,
    }

    def evaluate(places: Places) -> Floats:
        return quadratic(values, form, places)

    tails = evaluated(
        evaluate,
        bound,
        observed=observed,
        size=quadratic(np.abs(values), form.sizes(), here)[0],
        work=form.weights.size * len(values),
        options=options,
        key=measure.key,
        seed=seed,
    )
    if tails is not None and bound.kind != "free":
        found["variance"] = scale**2 * tails.variance
        mean = form.mean_within(values, bound.strata) if isinstance(bound, Strata) else tails.mean
        found["expected"] = scale * mean
    return found | tested(found, tails, options.alternative, measure.sign)


def words_of(bound: BoundNull, *, exact_mean: bool = False) -> str:
    """Say a null, and where mean and variance come from under it."""
    if bound.kind == "free":
        return bound.words
    if exact_mean and bound.kind == "within-authority":
        return f"{bound.words}; the mean is exact, the variance that of the draws"
    return f"{bound.words}; mean and variance are those of the draws"


def evaluated(
    evaluate: Callable[[Places], Floats],
    bound: BoundNull,
    *,
    observed: Floats,
    size: Floats,
    work: int,
    options: Options,
    key: str,
    seed: int,
) -> Tails | None:
    """Hold what was observed against the arrangements of the null; None where none is asked for."""
    if not options.permutations:
        return None
    return count_tails(
        evaluate,
        bound,
        observed=observed,
        size=size,
        statistic=key,
        permutations=int(options.permutations),
        seed=seed,
        work=work,
    )


def tested(
    found: dict[str, Floats], tails: Tails | None, alternative: Alternative, sign: int
) -> dict[str, Floats]:
    """Return z and both p; `sign` −1 turns the tails."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (found["statistic"] - found["expected"]) / np.sqrt(found["variance"])
    p = np.full(len(z), np.nan)
    if tails is not None:
        up, low = (tails.up, tails.low) if sign > 0 else (tails.low, tails.up)
        p = monte_carlo_p(up, low, tails.draws, alternative=alternative)
    return {"z": z, "p_normal": normal_p(sign * z, alternative), "p": p}


def normal_p(z: Floats, alternative: Alternative) -> Floats:
    """Return the p of a standard normal variable."""
    root = math.sqrt(2)
    if alternative == "greater":
        return np.array([math.erfc(x / root) / 2 for x in z])
    if alternative == "less":
        return np.array([math.erfc(-x / root) / 2 for x in z])
    return np.array([math.erfc(abs(x) / root) for x in z])


def collect(
    sectors: list[str],
    columns: dict[str, Floats],
    *,
    titles: dict[str, str],
    many: bool,
    shared: dict[str, Any],
    more: dict[str, Floats] | None = None,
) -> GlobalResult | GlobalResults:
    """Put numbers into the result of one variable or of many; `more` are columns beyond the usual ones."""
    filled: dict[str, Any] = {"sector": sectors, **columns, "permutations": shared["permutations"]}
    frame = pd.DataFrame(filled)[list(GLOBAL_COLUMNS)].assign(**(more or {}))
    if not many:
        return GlobalResult(
            frame=frame,
            sector=sectors[0] or None,
            title=titles[sectors[0]],
            variance_normality=float(columns["normality"][0]),
            **shared,
        )
    normality = pd.Series(columns["normality"], index=pd.Index(sectors, name="sector"))
    return GlobalResults(frame=frame, variances_normality=normality, titles=titles, **shared)
