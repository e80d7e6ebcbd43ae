"""One sector against its own background: fit, search, test, set the found set aside, search on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.detection.scan.field import (
    Field,
    Fitted,
    fit_rows,
    likelihoods,
    log_ratio,
    make_models,
    null_values,
)
from clustermap.detection.scan.field_kernels import contrast, grow_rows, set_terms
from clustermap.detection.scan.membership import likely_members
from clustermap.detection.scan.rounds import SPLITS, Found, Problem, Searched, scan_sector, sets_without_test
from clustermap.detection.scan.splitting import second_price, split_set
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.progress import Progress

__all__ = [
    "EVEN_PENALTY", "field_sets", "field_split_ratios", "p_against_field", "scan_auto", "scan_field",
]  # fmt: skip

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EVEN_PENALTY = 1.0  # price of an area where the background is even
_PARAMETERS = 3  # variance, reach, share without structure
_TAKEN_OUT = 2  # sets that are no roughness; chosen on the tuning worlds of benchmarks/accuracy
_EVEN_MAPS = 99  # drawn without roughness; the map has to look rougher than all of them
_FEWEST = 2  # areas that a background is fitted to
_TIE = 1e-9
_MORE = 2  # sets searched for in a half, for each cluster that was found
_ROWS = 25  # maps fitted at once


class _Map(NamedTuple):
    """The areas that take part, their log ratios, and the background problem on them."""

    places: Ints
    y: Floats
    field: Field


def scan_field(
    problem: Problem, *, at: Floats, spread: Callable[..., Any] = map, report: Progress | None = None
) -> Searched:
    """Search what stands out from a smooth background that is fitted to the map, in the draws as in the map.

    Parameters
    ----------
    problem : Problem
        The sector.
    at : numpy.ndarray
        Places of the areas in m, areas × 2.
    spread : callable
        Like ``map``; runs blocks of draws.
    report : callable, optional
        Called with ``(done, total)`` replicates.
    """
    if not _enough(problem):
        return scan_sector(problem, spread, report)
    return _scan(problem, _map(problem, at), spread, report)


def scan_auto(
    problem: Problem, *, at: Floats, spread: Callable[..., Any] = map, report: Progress | None = None
) -> Searched:
    """Take the field where the map is rough beyond chance, what stands out taken out, an even background elsewhere."""
    if not _enough(problem):
        return scan_sector(problem, spread, report)
    given = _map(problem, at)
    if _rough(problem, given):
        return _scan(problem, given, spread, report)
    even = scan_sector(replace(problem, penalty=EVEN_PENALTY), spread, report)
    return replace(even, background=(0.0, 0.0, 0.0))


def _enough(problem: Problem) -> bool:
    """Whether there is anything to fit a background to."""
    return int(problem.known.sum()) >= _FEWEST and bool(np.nansum(problem.counts) > 0)


def _rough(problem: Problem, given: _Map) -> bool:
    """Whether a field fits better by Schwarz' criterion (1978) and by chance, whatever is taken out as no background.

    That is the field's own best set, and the two strongest sets against an even background: a field too coarse for a
    cluster, or one that holds two, would otherwise take it for roughness. Chance is even maps with the ratios of these
    sets: where few firms are expected, log ratios are no normal ones, and look rough by themselves.
    """
    price = _PARAMETERS * np.log(len(given.places))
    if fit_rows(given.field, given.y).gain[0] <= price:
        return False
    sets = sets_without_test(replace(problem, penalty=EVEN_PENALTY), _TAKEN_OUT)
    inside = np.array([np.isin(given.places, members) for members in sets], dtype=float)
    gain = _gains(given.field, given.y, inside)[0]
    if gain <= price:
        return False
    rate = problem.national.copy()
    for members in sets:
        rate[members] *= problem.counts[members].sum() / problem.national[members].sum()
    rate = rate[given.places]
    rng = stream(problem.seed, "even", problem.sector)
    drawn = rng.multinomial(round(problem.counts[given.places].sum()), rate / rate.sum(), _EVEN_MAPS)
    by_chance = _gains(given.field, log_ratio(drawn.astype(float), given.field.expected), inside)
    return bool(gain > by_chance.max())


def _gains(field: Field, y: Floats, inside: Floats) -> Floats:
    """Return what the best field adds to twice the log-likelihood of each row, sets having effects of their own."""
    likelihood = likelihoods(field.models, y)
    for number, precision in enumerate(field.models.precisions if len(inside) else ()):
        row = inside @ precision
        weight, total = row @ inside.T, row @ y.T
        likelihood[number] += (total * np.linalg.solve(weight, total)).sum(axis=0)
        likelihood[number] -= np.linalg.slogdet(weight)[1]
    return np.asarray(likelihood.max(axis=0) - likelihood[0])


def field_sets(
    problem: Problem,
    draws: Floats,
    *,
    at: Floats,
    seeds: Ints | None,
    most: int,
    spread: Callable[..., Any] = map,
) -> list[list[Ints]]:
    """Search every row of counts as `scan_field` does, without a test: at most so many sets a row.

    `seeds` holds what each row's walk over sets is drawn from; without them the strongest sets stand as they are.
    """
    given = _map(problem, at)

    def block(start: int) -> list[list[Ints]]:
        part = slice(start, start + _ROWS)
        y = log_ratio(draws[part, given.places], given.field.expected)
        fitted = fit_rows(given.field, y)
        return [
            _untested(
                problem, given, (y, fitted, row), most, None if seeds is None else int(seeds[start + row])
            )
            for row in range(len(y))
        ]

    return [sets for part in spread(block, range(0, len(draws), _ROWS)) for sets in part]


def _untested(
    problem: Problem, given: _Map, fit: tuple[Floats, Fitted, int], most: int, seed: int | None
) -> list[Ints]:
    """Search on after the first set of one row until no value is positive."""
    rows, fitted, row = fit
    y = rows[row : row + 1]
    field, precision = given.field, given.field.models.precisions[int(fitted.model[row])]
    members, sets = fitted.set_of(row), list[Ints]()
    while len(members) and len(sets) < most:
        if seed is not None:
            own = replace(problem, seed=seed)
            members = _likely(own, field, precision, y=y[0], strongest=members, number=len(sets))
        for part in _parts(field, precision, y[0], members):
            sets.append(given.places[part])
            field, precision = _without(field, precision, part)
        members, _ = _next(field, precision, y)
    return sets[:most]


def field_split_ratios(problem: Problem, found: list[Found], *, at: Floats) -> list[float]:
    """Return ratios as `split_ratios` does, each half searched against the background that is fitted to it.

    Of the sets of a half, the strongest one that holds any area of the cluster is counted on the other half.
    """
    national = problem.national
    halves, rests = np.zeros((SPLITS, len(national))), np.zeros((SPLITS, len(national)))
    for split in range(SPLITS):
        part, rests[split] = problem.half(stream(problem.seed, "field-split", problem.sector, split))
        halves[split] = part.counts
    half = replace(problem, counts=problem.counts / 2)
    sets = field_sets(half, halves, at=at, seeds=None, most=_MORE * len(found))
    out = []
    for one in found:
        value = expected = 0.0
        for rest, own in zip(rests, sets, strict=True):
            near = next((members for members in own if np.isin(members, one.members).any()), None)
            if near is not None:
                value += float(rest[near].sum())
                expected += float(national[near].sum()) / 2
        out.append(value / expected if expected else float("nan"))
    return out


def _map(problem: Problem, at: Floats) -> _Map:
    places = np.flatnonzero(problem.known)
    indptr, indices, _ = problem.graph
    local = np.full(len(problem.counts), -1, dtype=np.int64)
    local[places] = np.arange(len(places))
    rows = [local[indices[indptr[i] : indptr[i + 1]]] for i in places]
    rows = [row[row >= 0] for row in rows]
    expected = problem.national[places]
    field = Field(
        models=make_models(at[places], expected),
        expected=expected,
        usable=np.ones(len(places), dtype=np.bool_),
        indptr=np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64),
        indices=np.concatenate([*rows, np.empty(0, dtype=np.int64)]).astype(np.int64),
        penalty=problem.penalty,
        limit=problem.limit,
    )
    return _Map(places, log_ratio(problem.counts[places], expected)[None, :], field)


def _scan(problem: Problem, given: _Map, spread: Callable[..., Any], report: Progress | None) -> Searched:
    fitted = fit_rows(given.field, given.y)
    model = int(fitted.model[0])
    background = tuple(map(float, given.field.models.theta[model]))
    found: list[Found] = []
    left = None
    members, value = fitted.set_of(0), float(fitted.values[0])
    field, precision = given.field, given.field.models.precisions[model]
    nulls = np.empty(0)
    while len(members):
        if not len(nulls):
            nulls = _nulls(problem, given, model, spread, report)
        best = _judged(given.places[members], value, nulls)
        if best.p > problem.alpha:
            left = best
            break
        likely = _likely(problem, field, precision, y=given.y[0], strongest=members, number=len(found))
        members = likely if problem.in_excess(given.places[likely]) else members
        parts = _parts(field, precision, given.y[0], members)
        apart = [_judged(given.places[p], _value(field, precision, given.y[0], p), nulls) for p in parts]
        if len(parts) == 1 or max(one.p for one in apart) > problem.alpha:
            parts, apart = [members], [replace(best, members=given.places[members])]
        found += [one for one in apart if problem.in_excess(one.members)]
        for part in parts:
            field, precision = _without(field, precision, part)
        members, value = _next(field, precision, given.y)
    if report:
        report(problem.permutations, problem.permutations)
    return Searched(found=found, left=left, background=background, p_field=tuple(one.p for one in found))  # type: ignore[arg-type]


def _nulls(
    problem: Problem, given: _Map, model: int, spread: Callable[..., Any], report: Progress | None
) -> Floats:
    if report:
        report(0, problem.permutations)
    return null_values(
        given.field,
        model,
        total=float(problem.counts[given.places].sum()),
        permutations=problem.permutations,
        key=(problem.seed, problem.sector),
        spread=spread,
    )


def _judged(members: Ints, value: float, nulls: Floats) -> Found:
    reached = int((nulls >= value - _TIE * max(1.0, abs(value))).sum())
    return Found(members=members, score=value, p=(1 + reached) / (len(nulls) + 1))


def _likely(
    problem: Problem, field: Field, precision: Floats, *, y: Floats, strongest: Ints, number: int
) -> Ints:
    a = np.empty(len(y))
    contrast(precision, y, a)
    return likely_members(
        a,
        a,
        precision=precision,
        total=0.0,
        usable=field.usable,
        graph=(field.indptr, field.indices),
        strongest=strongest,
        limit=problem.limit,
        seed=problem.seed,
        purpose=("field", problem.sector, number),
    )


def _value(field: Field, precision: Floats, y: Floats, *sets: Ints) -> float:
    """Return the penalised value of sets, each with an effect of its own; of one set, what the search maximises."""
    rows = np.array([precision[one].sum(axis=0) for one in sets])
    total = rows @ y
    weight = np.array([[row[one].sum() for one in sets] for row in rows])
    fit = float(total @ np.linalg.solve(weight, total)) / 2 if (total > 0).all() else 0.0
    return fit - field.penalty * sum(map(len, sets))


def _parts(field: Field, precision: Floats, y: Floats, members: Ints) -> list[Ints]:
    """Part a set where two effects describe the map better than one."""

    def value(*sets: Ints) -> float:
        return _value(field, precision, y, *sets)

    price = second_price(len(y))
    return split_set(members, (field.indptr, field.indices), one=value, two=value, price=price)


def _without(field: Field, precision: Floats, members: Ints) -> tuple[Field, Floats]:
    """Give a found set an effect of its own, and its areas no further part."""
    row = precision[members].sum(axis=0)
    usable = field.usable.copy()
    usable[members] = False
    return field._replace(usable=usable), precision - np.outer(row, row) / row[members].sum()


def _next(field: Field, precision: Floats, y: Floats) -> tuple[Ints, float]:
    values, sizes = np.zeros(1), np.zeros(1, dtype=np.int64)
    members = np.zeros((1, max(1, field.limit)), dtype=np.int64)
    grow_rows(
        precision[None], np.zeros(1, dtype=np.int64), y, field.usable, field.indptr, field.indices,
        field.penalty, field.limit, values, sizes, members,
    )  # fmt: skip
    return np.sort(members[0, : sizes[0]]), float(values[0])


def p_against_field(
    problem: Problem, at: Floats, found: list[Found], *, permutations: int, spread: Callable[..., Any] = map
) -> tuple[tuple[float, ...], tuple[float, float, float]]:
    """Hold sets that another question found against the background of their region.

    Returned are the family-wise p of each set, and the background. It is fitted with the strongest set taken out;
    the null is the best set of drawn maps, found as `scan_field` finds it.
    """
    given = _map(problem, at)
    local = np.full(len(problem.counts), -1, dtype=np.int64)
    local[given.places] = np.arange(len(given.places))
    sets = [local[one.members] for one in found]
    likelihood = likelihoods(given.field.models, given.y)
    set_terms(given.field.models.precisions, given.y, np.array([len(sets[0])]), sets[0][None, :], likelihood)
    model = int(likelihood[:, 0].argmax())
    precision = given.field.models.precisions[model]
    nulls = _nulls(replace(problem, permutations=permutations), given, model, spread, None)
    out = [_judged(one, _value(given.field, precision, given.y[0], one), nulls).p for one in sets]
    variance, reach, nugget = map(float, given.field.models.theta[model])
    return tuple(out), (variance, reach, nugget)
