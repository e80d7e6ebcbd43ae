"""From a local statistic to its result: draws as far as they are needed, p, q, labels, and what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.bound_nulls import BoundNull, Strata
from clustermap.autocorrelation.draws import Counts, conditional_counts
from clustermap.autocorrelation.local import kernels
from clustermap.autocorrelation.local.arranged import Trial, arranged_counts
from clustermap.autocorrelation.local.finish import (
    Tally,
    adjusted,
    as_result,
    fill,
    finished,
    labelled,
    paired,
    settled_part,
    undecided,
)
from clustermap.autocorrelation.nulls import Null, as_null
from clustermap.errors import plural
from clustermap.inference import check_resolution, permutations_needed
from clustermap.randomness import resolve_seed

if TYPE_CHECKING:
    from clustermap.autocorrelation.local.options import Method, Options
    from clustermap.autocorrelation.local.parts import Part
    from clustermap.autocorrelation.local.results import LocalResult, LocalResults
    from clustermap.autocorrelation.variables import Group, Variables

__all__ = ["analyse"]

Bools = npt.NDArray[np.bool_]
_STAGES = tuple(4_096 * 4**k for k in range(4))  # whole blocks of every kind of draws


def analyse(known: Variables, method: Method, options: Options) -> LocalResult | LocalResults:
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
    settled = [settled_part(part, tally, options) for part, tally in zip(parts, tallies, strict=True)]
    columns: dict[str, npt.NDArray[Any]] = {}
    pairs = paired(settled)
    for k, close in enumerate(undecided(parts, settled, options, pairs)):
        filled = finished(parts[k], settled[k], bound[k], options, made=made)
        filled["borderline"] = close
        if adaptive:
            filled["draws"] = np.broadcast_to(settled[k].draws, close.shape).astype(float)
        fill(columns, filled, parts[k].group, known.values.shape)
    columns["q"] = adjusted(columns["p"], settled, options, pairs)
    labels = labelled(columns, known.status, method.labels, options, reach)
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
    return as_result(known, columns, labels, method.labels, shared)


def _bound(null: Null, known: Variables, group: Group) -> BoundNull | None:
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
) -> list[Tally | None]:
    """Draw and count; where asked, stage by stage, and on only for the areas whose decision is open."""
    stages = [*(stage for stage in _STAGES if adaptive and stage < made), made]
    tallies: list[Tally | None] = [None] * len(parts)
    active: list[Bools | None] = [None] * len(parts)
    for first, last in zip([0, *stages[:-1]], stages, strict=True):
        for k, part in enumerate(parts):
            open_here = active[k]
            if part.exact is None and (open_here is None or open_here.any()):
                counts = _counts(part, bound[k], last, seed, first=first, active=open_here)
                tallies[k] = _added(tallies[k], counts, open_here)
        if last < made:
            settled = [settled_part(part, tally, options) for part, tally in zip(parts, tallies, strict=True)]
            active = list(undecided(parts, settled, options, paired(settled)))
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


def _added(before: Tally | None, counts: Counts, active: Bools | None) -> Tally:
    if active is None or before is None:
        return Tally(*counts)
    made = np.broadcast_to(before.draws, counts.up.shape) + np.where(active, counts.draws, 0)
    return Tally(before.up + counts.up, before.low + counts.low, made)


def _words(parts: list[Part], bound: list[BoundNull | None], made: int, *, adaptive: bool) -> str:
    """Say where p comes from."""
    if all(part.exact is not None for part in parts):
        return "exact hypergeometric p without any draws, given that values are exchangeable"
    most = "up to " if adaptive else ""
    stopped = ", fewer where the decision was clear earlier" if adaptive else ""
    law = bound[0]
    if parts[0].power and (law is None or isinstance(law, Strata)):
        words = "values are exchangeable" if law is None else law.words
        return f"{most}{plural(made, 'arrangement')} of the whole map{stopped}, exact given that {words}"
    if law is None:
        return f"{most}{plural(made, 'shared draw')}{stopped}, exact given that values are exchangeable"
    moves = "" if isinstance(law, Strata) else "; an area's own value moves with the map"
    return f"{most}{plural(made, 'arrangement')}{stopped}: {law.words}{moves}"
