"""Rounds of one sector's scan: search, draw the null, test, set the found set aside, search on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clustermap.detection.scan.kernels import score, search
from clustermap.detection.scan.likelihoods import Stated, null_block, stated
from clustermap.detection.scan.membership import likely_members
from clustermap.detection.scan.problems import Problem
from clustermap.detection.scan.splitting import second_price, split_set
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.progress import Progress

__all__ = ["SPLITS", "Found", "Problem", "Searched", "scan_sector", "sets_without_test", "split_ratios"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_BLOCK = 125  # replicates drawn from one stream; part of what a seed means
_TIE = 1e-9  # sums in another order differ in the last digits; they are ties
SPLITS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """One set of areas, its penalised score and p."""

    members: Ints
    score: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Searched:
    """What a sector gave: clusters, the strongest set that was left unreported, and the background as estimated.

    `background` is variance, reach in m and share without structure of the log of the ratios; None where none was
    estimated. `p_field` is each cluster's p against it. `dispersion` is the variance of the rates between areas, the
    strongest set left in, where counts are overdispersed.
    """

    found: list[Found]
    left: Found | None
    background: tuple[float, float, float] | None = None
    p_field: tuple[float, ...] = ()
    dispersion: float = float("nan")


@dataclass(slots=True, kw_only=True, eq=False)
class _Round:
    """One round: what the search is given on the areas still there, the null, and the best set or its parts."""

    usable: Flags
    given: Stated
    nulls: Floats
    found: list[Found] = field(default_factory=list)


def scan_sector(
    problem: Problem, spread: Callable[..., Any] = map, report: Progress | None = None
) -> Searched:
    """Search a sector until nothing more stands out.

    Parameters
    ----------
    problem : Problem
        The sector.
    spread : callable
        Like ``map``; runs blocks of draws.
    report : callable, optional
        Called with ``(done, total)`` replicates of the first round.
    """
    usable = problem.known
    counts = np.where(usable, problem.counts, 0.0)
    rounds: list[_Round] = []
    left, dispersion = None, np.nan
    while True:
        now = _begin(problem, counts, usable)
        if problem.likelihood == "overdispersed" and not rounds:
            dispersion = now.given.dispersion
        members, value = _strongest(problem, now)
        if len(members) == 0 or not problem.in_excess(members):
            break
        if problem.minimum_lq is not None and rounds:
            now.nulls = rounds[0].nulls
        else:
            now.nulls = _null(problem, now, len(rounds), spread, None if rounds else report)
        best = _judged(members, value, now.nulls)
        if best.p > problem.alpha:
            left = best
            break
        usable = _set_aside(problem, now, best, len(rounds))
        rounds.append(now)
    if report and not rounds and left is None:
        report(problem.permutations, problem.permutations)
    return Searched(found=_joined(problem, rounds), left=left, dispersion=dispersion)


def sets_without_test(problem: Problem, most: int) -> list[Ints]:
    """Search as `scan_sector` does, without draws and without a test: at most so many sets, the strongest first."""
    usable = problem.known
    counts = np.where(usable, problem.counts, 0.0)
    rounds: list[_Round] = []
    while len(rounds) < most:
        now = _begin(problem, counts, usable)
        members, value = _strongest(problem, now)
        if len(members) == 0 or not problem.in_excess(members):
            break
        usable = _set_aside(problem, now, _judged(members, value, now.nulls), len(rounds))
        rounds.append(now)
    return [one.members for one in _joined(problem, rounds)][:most]


def _begin(problem: Problem, counts: Floats, usable: Flags) -> _Round:
    return _Round(usable=usable, given=stated(problem, counts, usable), nulls=np.empty(0))


def _strongest(problem: Problem, now: _Round) -> tuple[Ints, float]:
    given = now.given
    value, members = search(
        given.counts, given.expected, now.usable, problem.graph, given.total, problem.penalty, problem.limit,
        given.share,
    )  # fmt: skip
    return members, float(value)


def _null(
    problem: Problem, now: _Round, number: int, spread: Callable[..., Any], report: Progress | None
) -> Floats:
    """Search draws of the null; every block has its own stream, so nothing depends on who computes it."""

    def block(start: int) -> Floats:
        size = min(_BLOCK, problem.permutations - start)
        rng = stream(problem.seed, "scan", problem.sector, number, start // _BLOCK)
        return null_block(problem, now.given, now.usable, size, rng)

    parts = []
    for part in spread(block, range(0, problem.permutations, _BLOCK)):
        parts.append(part)
        if report:
            report(min(len(parts) * _BLOCK, problem.permutations), problem.permutations)
    return np.concatenate(parts)


def _judged(members: Ints, value: float, nulls: Floats) -> Found:
    reached = int((nulls >= value - _TIE * max(1.0, abs(value))).sum())
    return Found(members=members, score=value, p=(1 + reached) / (len(nulls) + 1))


def _set_aside(problem: Problem, now: _Round, best: Found, number: int) -> Flags:
    """Say what was found in a round, and return the areas that are left for the next one."""
    now.found = [best]
    if problem.minimum_lq is None:
        now.found = _split(problem, now, _likely(problem, now, best, number))
    usable = now.usable.copy()
    for one in now.found:
        usable[one.members] = False
    return usable


def _likely(problem: Problem, now: _Round, best: Found, number: int) -> Found:
    """Take the areas that most of the well-fitting sets around the strongest one hold; score and p stay its own."""
    members = likely_members(
        now.given.counts,
        now.given.expected,
        precision=None,
        total=now.given.conditioned,
        usable=now.usable,
        graph=problem.graph[:2],
        strongest=best.members,
        limit=problem.limit,
        seed=problem.seed,
        purpose=("homogeneous", problem.sector, number),
    )
    return replace(best, members=members) if problem.in_excess(members) else best


def _split(problem: Problem, now: _Round, best: Found) -> list[Found]:
    """Part a set where two clusters describe the counts better than one, and each stands out by itself."""
    given = now.given

    def two(first: Ints, second: Ints) -> float:
        # the second cluster against what is left when the first has a ratio of its own
        c, e = given.counts[first].sum(), given.expected[first].sum()
        rest = (given.total - c) / (given.total - e) if given.total > e else 1.0
        c_2, e_2 = given.counts[second].sum(), given.expected[second].sum() * rest
        total = given.total - c if given.total > 0 else given.total
        more = score(c_2, e_2, total, given.share * rest) - problem.penalty * len(second)
        return _value(problem, now, first) + float(more)

    parts = split_set(
        best.members,
        problem.graph[:2],
        one=lambda members: _value(problem, now, members),
        two=two,
        price=second_price(len(problem.counts)),
    )
    found = [_judged(part, _value(problem, now, part), now.nulls) for part in parts]
    if len(found) == 1 or (len(now.nulls) and max(one.p for one in found) > problem.alpha):
        return [best]
    if not all(problem.in_excess(part) for part in parts):
        return [best]
    return found


def _joined(problem: Problem, rounds: list[_Round]) -> list[Found]:
    """Join sets that touch where one cluster describes the counts better than two."""
    found: list[tuple[int, Found]] = []
    for number, one in [(number, one) for number, now in enumerate(rounds) for one in now.found]:
        current, since, at = one, number, 0
        while at < len(found):
            base = min(since, found[at][0])
            union = _union_if_better(problem, rounds[base], found[at][1], current)
            if union is None:
                at += 1
                continue
            # the joint set may now touch or beat others: start over
            current, since = union, base
            del found[at]
            at = 0
        found.append((since, current))
    return [one for _, one in found]


def _union_if_better(problem: Problem, base: _Round, older: Found, newer: Found) -> Found | None:
    """Return the joint set if its value is larger, a second cluster costing what it takes to say where it starts."""
    union = np.union1d(older.members, newer.members)
    if len(union) > problem.limit or not _touch(problem.graph, older.members, newer.members):
        return None
    value = _value(problem, base, union)
    # two free ratios always fit at least as well as one, so the second one has to earn the log of its n places
    apart = older.score + newer.score - np.log(len(problem.counts))
    if value <= max(older.score, newer.score, apart):
        return None
    return _judged(union, value, base.nulls)


def _value(problem: Problem, base: _Round, members: Ints) -> float:
    """Return the penalised score of one set."""
    given = base.given
    together = score(given.counts[members].sum(), given.expected[members].sum(), given.total, given.share)
    return float(together) - problem.penalty * len(members)


def _touch(graph: tuple[Ints, Ints, Ints], first: Ints, second: Ints) -> bool:
    indptr, indices, _ = graph
    near = np.concatenate([indices[indptr[i] : indptr[i + 1]] for i in first])
    return bool(np.isin(second, near).any())


def split_ratios(problem: Problem, found: list[Found]) -> list[float]:
    """Return each cluster's ratio to the national share, selected on one half of the firms, measured on the other.

    Every count is split by a fair coin per firm, the best set is searched for on one half where the other
    clusters' areas take no part, and counted on the other half; over 40 splits, those without an area of the
    cluster left out. Halves of a Poisson count are independent, so selection does not raise the figure; it is that
    of the set which a half selects, mostly a smaller or worse one. NaN where no split finds the cluster.
    """
    known, national = problem.known, problem.national
    out = []
    for number, one in enumerate(found):
        usable = known.copy()
        for other in found:
            usable[other.members] = False
        usable[one.members] = True
        value = expected = 0.0
        rng = stream(problem.seed, "scan-split", problem.sector, number)
        for _ in range(SPLITS):
            part, rest = problem.half(rng)
            now = _begin(part, np.where(known, part.counts, 0.0), usable)
            members, _ = _strongest(part, now)
            if np.isin(members, one.members).any():
                value += float(rest[members].sum())
                expected += float(national[members].sum()) / 2
        out.append(value / expected if expected else float("nan"))
    return out
