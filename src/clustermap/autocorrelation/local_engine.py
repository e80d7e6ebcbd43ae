"""From a local statistic to its result: draws as far as they are needed, p, q, labels, and what stays open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation import local_kernels as kernels
from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.arranged import Trial, arranged_counts
from clustermap.autocorrelation.bound_nulls import BoundNull, Strata
from clustermap.autocorrelation.draws import Counts, conditional_counts
from clustermap.autocorrelation.local_parts import smallest_p
from clustermap.autocorrelation.local_results import LocalResult, LocalResults
from clustermap.autocorrelation.nulls import Null, as_null
from clustermap.errors import OptionError
from clustermap.inference import adjust, check_resolution, decisions, monte_carlo_p, permutations_needed
from clustermap.randomness import resolve_seed
from clustermap.schema import LOCAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.autocorrelation.local_parts import Part
    from clustermap.schema import Alternative, Correction, Transformation

__all__ = ["Method", "Options", "analyse"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_STAGES = tuple(4_096 * 4**k for k in range(4))  # whole blocks of every kind of draws


class Method(NamedTuple):
    """A local statistic: its name, its labels in order, those that are findings, and how a group is computed."""

    name: str
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    part: Callable[[v.Group, Transformation], Part]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """What the user asked for, checked."""

    permutations: Literal["auto", "adaptive"] | int
    alternative: Alternative
    correction: Correction
    alpha: float
    null: Null | str
    transformation: Transformation
    seed: int | None

    def __post_init__(self) -> None:
        v.check_option("alternative", self.alternative, ("two-sided", "greater", "less"))
        v.check_option("transformation", self.transformation, ("row", "binary"))
        adjust([], self.correction)  # refuses an unknown one before any work
        as_null(self.null)
        if not 0 < self.alpha < 1:
            raise OptionError("CM-MORAN-001", f"alpha={self.alpha} is no level", fix="alpha=0.05")
        made = self.permutations
        if isinstance(made, str) and made in {"auto", "adaptive"}:
            return
        if isinstance(made, bool) or not isinstance(made, int | np.integer) or made < 1:
            raise OptionError(
                "CM-MORAN-001",
                f"permutations={made!r} is no number of draws",
                fix='permutations="auto", "adaptive", or a whole number such as 9_999',
            )

    @property
    def tails(self) -> int:
        """Number of tails that a p adds up."""
        return 2 if self.alternative == "two-sided" else 1


class _Tally(NamedTuple):
    """Counts of one part so far."""

    up: Ints
    low: Ints
    draws: Ints


def analyse(known: v.Variables, method: Method, options: Options) -> LocalResult | LocalResults:
    """Compute a local statistic of all variables, draw, and put everything into one result."""
    groups = list(known.groups())
    null = as_null(options.null)
    bound = [_bound(null, known, group) for group in groups]
    parts = [method.part(group, options.transformation) for group in groups]
    if null.kind != "free":  # the exact law is that of free arrangements
        parts = [_under(part, law) for part, law in zip(parts, bound, strict=True)]
    family = sum(int(np.count_nonzero(part.tested)) for part in parts)
    made, adaptive = _permutations(parts, bound, options, family)
    seed = resolve_seed(options.seed)
    reach = options.alpha / max(family, 1) if options.correction == "bonferroni" else options.alpha
    tallies = _tallies(parts, bound, options, made=made, seed=seed, adaptive=adaptive)
    columns: dict[str, npt.NDArray[Any]] = {}
    for part, tally, law, close in zip(parts, tallies, bound, _open(parts, tallies, options), strict=True):
        filled = _finished(part, tally, law, options, made=made)
        filled["borderline"] = np.zeros(part.pool.shape, dtype=bool) if close is None else close
        if adaptive and tally is not None:
            filled["draws"] = np.broadcast_to(tally.draws, part.pool.shape).astype(float)
        _fill(columns, filled, part.group, known.values.shape)
    columns["q"] = adjust(columns["p"], options.correction)
    isolated = np.isfinite(columns["value"]) & np.isnan(columns["lag"])
    known.status[isolated] = v.ISOLATE
    untested = np.isfinite(columns["lag"]) & np.isnan(columns["p"]) & (known.status == v.OK)
    known.status[untested] = v.UNTESTED
    labels = _labels(columns, isolated, method.labels, options, reach)
    shared = {
        "method": method.name,
        "kinds": method.kinds,
        "areas": known.table.areas if known.table is not None else None,
        "null": null.kind,
        "drawn": _words(parts, bound, made, adaptive=adaptive),
        "permutations": made,
        "alternative": options.alternative,
        "correction": options.correction,
        "alpha": options.alpha,
        "rates": known.rates,
        "transformation": options.transformation,
        "seed": seed,
        "family_size": family,
        "note": known.table.note if known.table is not None else "",
    }
    return _result(known, columns, labels, method.labels, shared)


def _bound(null: Null, known: v.Variables, group: v.Group) -> BoundNull | None:
    """Fit a null to the areas of a group; free draws need none."""
    if null.kind == "free":
        return None
    areas = known.table.areas if known.table is not None else None
    return null.bind(known.near.labels.take(group.areas), areas=areas)


def _under(part: Part, law: BoundNull | None) -> Part:
    """Adapt a part to another null: no exact law, and where own values move it is the statistic that is counted."""
    if isinstance(law, Strata) or part.moving == kernels.SUM:
        return part._replace(exact=None)
    return part._replace(exact=None, falls=None, certain=None)


def _permutations(
    parts: list[Part], bound: list[BoundNull | None], options: Options, family: int
) -> tuple[int, bool]:
    """Return how many draws there are at most, and whether areas stop earlier."""
    if all(part.exact is not None for part in parts):
        return 0, False
    free = all(law is None for law in bound)
    shared = free and not any(part.power for part in parts)
    share = max(float(part.group.sizes.max()) / len(part.group.sizes) for part in parts) if shared else 0.0
    if isinstance(options.permutations, str):
        tests = 1 if options.correction == "none" else family
        made = permutations_needed(tests, options.alpha, largest_share=share)
    else:
        made = int(options.permutations)
    made = min([made, *(law.draws(made) for law in bound if law is not None)])
    check_resolution(
        made,
        family,
        options.alpha,
        options.correction,
        largest_share=share,
        alternative=options.alternative,
    )
    return made, options.permutations == "adaptive"


def _tallies(
    parts: list[Part],
    bound: list[BoundNull | None],
    options: Options,
    *,
    made: int,
    seed: int,
    adaptive: bool,
) -> list[_Tally | None]:
    """Draw and count; where asked, stage by stage, and on only for the areas whose decision is open."""
    stages = [*(stage for stage in _STAGES if adaptive and stage < made), made]
    tallies: list[_Tally | None] = [None] * len(parts)
    active: list[Bools | None] = [None] * len(parts)
    for first, last in zip([0, *stages[:-1]], stages, strict=True):
        for k, part in enumerate(parts):
            open_here = active[k]
            if part.exact is None and (open_here is None or open_here.any()):
                counts = _counts(part, bound[k], last, seed, first=first, active=open_here)
                tallies[k] = _added(tallies[k], counts, open_here)
        if last < made:
            active = _open(parts, tallies, options)
    return tallies


def _counts(
    part: Part, law: BoundNull | None, last: int, seed: int, *, first: int, active: Bools | None
) -> Counts:
    if part.power:
        law = law or Strata(kind="free", words="", strata=np.zeros(part.pool.shape[1], dtype=np.int64))
    if law is None:
        return conditional_counts(
            part.pool,
            part.observed,
            part.group.sizes,
            permutations=last,
            seed=seed,
            own=part.own if part.kind == kernels.GEARY else None,
            links=None if part.row.weights is None else (part.group.indptr, part.row.weights),
            first=first,
            active=active,
        )
    held = isinstance(law, Strata)
    trial = Trial(
        pool=part.pool,
        own=part.own,
        indptr=part.group.indptr,
        indices=part.group.indices,
        weights=part.row.links(part.group),
        itself=part.row.itself,
        kind=part.kind if held else part.moving,
        held=held,
        moves=not held and part.moving != kernels.SUM,
        power=part.power,
    )
    return arranged_counts(trial, law, permutations=last, seed=seed, first=first, active=active)


def _added(before: _Tally | None, counts: Counts, active: Bools | None) -> _Tally:
    if active is None or before is None:
        return _Tally(*counts)
    made = np.broadcast_to(before.draws, counts.up.shape) + np.where(active, counts.draws, 0)
    return _Tally(before.up + counts.up, before.low + counts.low, made)


def _tail(part: Part, tally: _Tally, options: Options) -> tuple[Ints, Ints]:
    """Return the counts of large and of small statistics: an area below the mean turns the order of its lags."""
    if options.alternative == "two-sided" or part.falls is None:
        return tally.up, tally.low
    return np.where(part.falls, tally.low, tally.up), np.where(part.falls, tally.up, tally.low)


def _smaller(up: Ints, low: Ints, options: Options) -> Ints:
    if options.alternative == "two-sided":
        return np.minimum(up, low)
    return up if options.alternative == "greater" else low


def _open(parts: list[Part], tallies: list[_Tally | None], options: Options) -> list[Bools | None]:
    """Return, part by part, the areas that are neither rejected for certain nor beyond rejection."""
    tails, draws = [], []
    for part, tally in zip(parts, tallies, strict=True):
        if tally is None:
            continue
        tail = _smaller(*_tail(part, tally, options), options)
        tails.append((tail if part.certain is None else np.where(part.certain, tally.draws, tail)).ravel())
        draws.append((part.tested * tally.draws).ravel())
    if not tails:
        return [None] * len(parts)
    certain, possible = decisions(
        np.concatenate(tails),
        np.concatenate(draws),
        alpha=options.alpha,
        correction=options.correction,
        alternative=options.alternative,
    )
    undecided, out, start = possible & ~certain, [], 0
    for part, tally in zip(parts, tallies, strict=True):
        size = 0 if tally is None else part.pool.size
        out.append(None if tally is None else undecided[start : start + size].reshape(part.pool.shape))
        start += size
    return out


def _finished(
    part: Part, tally: _Tally | None, law: BoundNull | None, options: Options, *, made: int
) -> dict[str, npt.NDArray[Any]]:
    """Turn counts into p, and note the label that each area has where it is significant."""
    if part.exact is not None:
        up, low = part.exact
        p = (up if options.alternative == "greater" else low).copy()
        if options.alternative == "two-sided":
            p = np.minimum(1.0, 2 * np.minimum(up, low))
    elif tally is not None:
        up, low = tally.up.astype(float), tally.low.astype(float)
        counts = _tail(part, tally, options)
        p = monte_carlo_p(*counts, tally.draws, alternative=options.alternative)
    if part.certain is not None:
        p[part.certain] = 1.0
    p[~part.tested] = np.nan
    large, small = part.classes
    if options.alternative != "two-sided":
        kind = large if options.alternative == "greater" else small
    else:
        kind = large if large is small else np.where(up < low, large, small)
    p_min = smallest_p(part, law, tails=options.tails, made=made)
    return {
        "statistic": part.statistic,
        "value": part.group.values,
        "lag": part.lag,
        "p": p,
        "p_min": np.broadcast_to(p_min, p.shape),
        "_kind": kind,
        **part.extra,
    }


def _fill(
    columns: dict[str, npt.NDArray[Any]],
    filled: dict[str, npt.NDArray[Any]],
    group: v.Group,
    shape: tuple[int, ...],
) -> None:
    """Put the numbers of one group where its variables and areas stand among all."""
    for name, values in filled.items():
        if values.shape == shape:
            columns[name] = values
            continue
        if name not in columns:
            columns[name] = np.full(shape, np.nan) if values.dtype == float else np.zeros(shape, values.dtype)
        columns[name][np.ix_(group.sectors, group.areas)] = values


def _labels(
    columns: dict[str, npt.NDArray[Any]],
    isolated: Bools,
    words: tuple[str, ...],
    options: Options,
    reach: float,
) -> npt.NDArray[np.int8]:
    with np.errstate(invalid="ignore"):
        sure = columns["p" if options.correction == "none" else "q"] <= options.alpha
        labels = np.where(sure, columns["_kind"], np.int8(words.index("not significant")))
        labels[(columns["p_min"] > reach) & np.isfinite(columns["p"])] = words.index("cannot reach")
    labels[np.isnan(columns["value"])] = words.index("undefined")
    labels[isolated] = words.index("isolate")
    return labels


def _words(parts: list[Part], bound: list[BoundNull | None], made: int, *, adaptive: bool) -> str:
    """Say where p comes from."""
    if all(part.exact is not None for part in parts):
        return "exact hypergeometric p without any draws, given that values are exchangeable"
    number = f"{'up to ' if adaptive else ''}{made:,}"
    stopped = ", fewer where the decision was clear earlier" if adaptive else ""
    law = bound[0]
    if parts[0].power and (law is None or isinstance(law, Strata)):
        words = "values are exchangeable" if law is None else law.words
        return f"{number} arrangements of the whole map{stopped}, exact given that {words}"
    if law is None:
        return f"{number} shared draws{stopped}, exact given that values are exchangeable"
    moves = "" if isinstance(law, Strata) else "; an area's own value moves with the map"
    return f"{number} arrangements{stopped}: {law.words}{moves}"


def _result(
    known: v.Variables,
    columns: dict[str, npt.NDArray[Any]],
    labels: npt.NDArray[np.int8],
    words: tuple[str, ...],
    shared: dict[str, Any],
) -> LocalResult | LocalResults:
    columns["label"] = pd.Categorical.from_codes(
        labels.ravel(), dtype=pd.CategoricalDtype(list(words), ordered=True)
    )
    columns["status"] = pd.Categorical.from_codes(known.status.ravel(), categories=list(v.STATUSES))
    extra = [name for name in columns if name not in LOCAL_COLUMNS and not name.startswith("_")]
    filled: dict[str, Any] = {name: columns[name].ravel() for name in (*LOCAL_COLUMNS, *extra)}
    codes = known.near.labels
    if not known.many:
        frame = pd.DataFrame(filled, index=codes.rename("area"))
        return LocalResult(
            frame=frame, sector=known.sectors[0] or None, title=known.titles[known.sectors[0]], **shared
        )
    n, m = len(codes), len(known.sectors)
    places = {"sector": pd.Categorical.from_codes(np.repeat(np.arange(m), n), categories=known.sectors)}
    frame = pd.DataFrame({**places, "area": codes.take(np.tile(np.arange(n), m)), **filled})
    return LocalResults(frame=frame, sectors=tuple(known.sectors), titles=known.titles, **shared)
