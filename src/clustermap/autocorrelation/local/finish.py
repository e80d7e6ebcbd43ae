"""The last steps of a local statistic: p from counts, what stays open, labels, and the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import threaded
from clustermap.autocorrelation.local import finish_kernels
from clustermap.autocorrelation.local.parts import smallest_p
from clustermap.autocorrelation.local.results import LocalResult, LocalResults
from clustermap.compiled import workers
from clustermap.inference import adjust, decisions, step_up
from clustermap.schema import LOCAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from clustermap.autocorrelation.bound_nulls import BoundNull
    from clustermap.autocorrelation.local.options import Options
    from clustermap.autocorrelation.local.parts import Part

__all__ = [
    "Settled",
    "Tally",
    "adjusted",
    "as_result",
    "fill",
    "finished",
    "labelled",
    "paired",
    "settled_part",
    "undecided",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Tally(NamedTuple):
    """Counts of one part so far."""

    up: Ints
    low: Ints
    draws: Ints


class Settled(NamedTuple):
    """p of one part, the count behind each, of how many draws (0: no test), and which tail is the nearer one."""

    p: Floats
    tail: Ints
    draws: Ints
    upper: Bools | None


class Pairs(NamedTuple):
    """How often each pair of a count and its number of draws occurs, and where it stands in a table of all."""

    least: int  # draws of the first row of the table
    width: int  # counts in a row
    cells: int
    at: Ints  # those that occur
    tail: Ints
    draws: Ints
    times: Ints


def settled_part(part: Part, tally: Tally | None, options: Options) -> Settled:
    """Turn counts into p, and note the counts that decide; an exact p has none."""
    shape = part.pool.shape
    if tally is None:
        up, low = part.exact or (np.ones(shape), np.ones(shape))
        p = {"greater": up, "less": low}.get(options.alternative, np.minimum(1.0, 2 * np.minimum(up, low)))
        return Settled(
            np.where(part.tested, p, np.nan), np.zeros(shape, dtype=np.int64), np.zeros(1, np.int64), up < low
        )
    p, tail = np.empty(shape), np.empty(shape, dtype=np.int64)
    none = np.zeros(shape[1], dtype=bool)
    how = ("two-sided", "greater", "less").index(options.alternative)

    def settle(s: int) -> None:
        # the smaller tail of two is the same whichever way the statistic turns
        falls = none if part.falls is None or how == finish_kernels.TWO_SIDED else part.falls[s]
        certain = none if part.certain is None else part.certain[s]
        draws = tally.draws if tally.draws.ndim == 1 else tally.draws[s]
        counts = (tally.up[s], tally.low[s], draws)
        finish_kernels.settle(*counts, falls, certain, part.tested[s].copy(), how, p[s], tail[s])

    list(threaded(settle, range(shape[0]), work=p.size))
    upper = None if part.classes[0] is part.classes[1] else tally.up < tally.low
    if tally.draws.ndim == 1 and not part.tested.strides[0]:  # one row stands for all variables
        return Settled(p, tail, np.where(part.tested[0], tally.draws, 0), upper)
    return Settled(p, tail, np.where(part.tested, tally.draws, 0), upper)


def paired(settled: list[Settled]) -> Pairs | None:
    """Count the pairs where one list of draws serves all and the pairs are few beside the cells; else None."""
    one = settled[0]
    if len(settled) > 1 or one.draws.ndim > 1:
        return None
    known = one.draws[one.draws > 0]
    if not known.size:
        return None
    least, width = int(known.min()), int(known.max()) + 1
    cells = (width - least) * width
    if cells > one.tail.size:
        return None
    rows = np.array_split(np.arange(len(one.tail)), workers())
    times = np.zeros((len(rows), cells), dtype=np.int64)

    def count(part: int) -> None:
        for s in rows[part]:
            finish_kernels.tally_pairs(one.tail[s], one.draws, least, width, times[part])

    list(threaded(count, range(len(rows)), work=one.tail.size))
    total = times.sum(axis=0)
    at = np.flatnonzero(total)
    return Pairs(least, width, cells, at, at % width, at // width + least, total[at])


def undecided(
    parts: list[Part], settled: list[Settled], options: Options, pairs: Pairs | None
) -> list[Bools]:
    """Return, part by part, the areas that are neither rejected for certain nor beyond rejection."""
    shapes = [part.pool.shape for part in parts]
    if pairs is not None:
        certain, possible = decisions(
            pairs.tail,
            pairs.draws,
            alpha=options.alpha,
            correction=options.correction,
            alternative=options.alternative,
            times=pairs.times,
        )
        return [_looked_up(finish_kernels.marked, settled[0], pairs, possible & ~certain)]
    tails = np.concatenate([one.tail.ravel() for one in settled])
    draws = np.concatenate(
        [np.broadcast_to(one.draws, shape).ravel() for one, shape in zip(settled, shapes, strict=True)]
    )
    certain, possible = decisions(
        tails, draws, alpha=options.alpha, correction=options.correction, alternative=options.alternative
    )
    cuts = np.cumsum([rows * areas for rows, areas in shapes])[:-1]
    return [
        close.reshape(shape) for close, shape in zip(np.split(possible & ~certain, cuts), shapes, strict=True)
    ]


def adjusted(p: Floats, settled: list[Settled], options: Options, pairs: Pairs | None) -> Floats:
    """Correct p for the family; where its distinct values are few and known, these are corrected instead."""
    if options.correction != "fdr_bh" or pairs is None or settled[0].tail.shape != p.shape:
        return adjust(p, options.correction)
    tails = 2.0 if options.alternative == "two-sided" else 1.0
    distinct = np.minimum(1.0, tails * (1 + pairs.tail) / (pairs.draws + 1))
    q: Floats = _looked_up(finish_kernels.look_up, settled[0], pairs, step_up(distinct, pairs.times))
    return q


def _looked_up(kernel: Callable[..., None], one: Settled, pairs: Pairs, answer: npt.NDArray[Any]) -> Any:
    """Give every cell the answer of its pair."""
    table, out = np.zeros(pairs.cells, dtype=answer.dtype), np.empty(one.tail.shape, dtype=answer.dtype)
    table[pairs.at] = answer

    def look(s: int) -> None:
        kernel(one.tail[s], one.draws, pairs.least, pairs.width, table, out[s])

    list(threaded(look, range(len(out)), work=out.size))
    return out


def finished(
    part: Part, settled: Settled, law: BoundNull | None, options: Options, *, made: int
) -> dict[str, npt.NDArray[Any]]:
    """Put together the columns of one part, and the label that each area has where it is significant."""
    large, small = part.classes
    if options.alternative != "two-sided":
        kind = large if options.alternative == "greater" else small
    else:
        kind = large if settled.upper is None else np.where(settled.upper, large, small)  # the nearer tail
    p_min = smallest_p(part, law, tails=options.tails, made=made)
    return {
        "statistic": part.statistic,
        "value": part.group.values,
        "lag": part.lag,
        "p": settled.p,
        "p_min": np.broadcast_to(p_min, settled.p.shape),
        "_kind": kind,
        **part.extra,
    }


def fill(
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


def labelled(
    columns: dict[str, npt.NDArray[Any]],
    status: npt.NDArray[np.int8],
    words: tuple[str, ...],
    options: Options,
    reach: float,
) -> npt.NDArray[np.int8]:
    """Give every cell its label; note isolates and areas without a test in their status."""
    labels = np.empty(status.shape, dtype=np.int8)
    score = columns["p" if options.correction == "none" else "q"]
    names = ("not significant", "cannot reach", "undefined", "isolate")
    places = np.array([words.index(name) for name in names], dtype=np.int8)
    states = np.array([v.OK, v.ISOLATE, v.UNTESTED], dtype=np.int8)

    def label(s: int) -> None:
        p, kind, value, lag = (columns[name][s] for name in ("p", "_kind", "value", "lag"))
        smallest = columns["p_min"][s].copy()  # one row may stand for all variables
        row = (score[s], p, kind, smallest, value, lag)
        finish_kernels.label(*row, options.alpha, reach, places, states, status[s], labels[s])

    list(threaded(label, range(len(labels)), work=labels.size))
    return labels


def as_result(
    known: v.Variables,
    columns: dict[str, npt.NDArray[Any]],
    labels: npt.NDArray[np.int8],
    words: tuple[str, ...],
    shared: dict[str, Any],
) -> LocalResult | LocalResults:
    """Put columns, labels and how they came about into one frame, by area or by sector and area."""
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
    small = np.min_scalar_type(-m)
    sectors = pd.Categorical.from_codes(np.repeat(np.arange(m, dtype=small), n), categories=known.sectors)
    areas = codes.append([codes] * (m - 1))
    # columns as they are: joining them into one block would copy everything once more
    frame = pd.DataFrame({"sector": sectors, "area": areas, **filled}, copy=False)
    return LocalResults(frame=frame, sectors=tuple(known.sectors), titles=known.titles, **shared)
