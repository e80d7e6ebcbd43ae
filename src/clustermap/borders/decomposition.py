"""Moran's I split by borders: how much likeness of neighbours stays within authorities, how much crosses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.bound_nulls import Strata
from clustermap.autocorrelation.moments import moments, product_sums, stratified_mean, weight_sums
from clustermap.autocorrelation.nulls import as_null
from clustermap.autocorrelation.variables import read_variables
from clustermap.autocorrelation.whole.engine import link_up
from clustermap.autocorrelation.whole.run import Options, evaluated, tested, words_of
from clustermap.borders.border_moran_results import BorderMoran, BorderMorans
from clustermap.borders.continuity import continuity_of
from clustermap.borders.crossing_links import memberships, split_links
from clustermap.inference import adjust, monte_carlo_p
from clustermap.randomness import resolve_seed
from clustermap.schema import BORDER_COLUMNS, BORDER_PAIR_COLUMNS
from clustermap.tables.shares import NOBODY, as_authorities, authority_shares

if TYPE_CHECKING:
    from libpysal.graph import Graph
    from scipy.sparse import csr_array

    from clustermap.autocorrelation.bound_nulls import BoundNull, Places
    from clustermap.autocorrelation.nulls import Null
    from clustermap.autocorrelation.variables import Group, Variables
    from clustermap.autocorrelation.whole.engine import Tails
    from clustermap.borders.crossing_links import SplitLinks
    from clustermap.schema import Alternative, Rates, Transformation
    from clustermap.sources.values import Areas, Lookup
    from clustermap.tables.table import SectorTable

__all__ = ["border_moran"]

Floats = npt.NDArray[np.float64]
_KEY = "border-moran"
_PARTS = ("within", "cross", "total")


def border_moran(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    authorities: Areas | Lookup | pd.Series,
    sector: str | None = None,
    null: Null | str = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    alternative: Alternative = "two-sided",
    permutations: int = 9_999,
    seed: int | None = None,
) -> BorderMoran | BorderMorans:
    r"""Split Moran's I into what stays within authorities and what crosses each border between two.

    Every link between areas i and j, with memberships :math:`M` in authorities, stays within a by
    :math:`\min(M_{ia}, M_{ja})` and crosses by :math:`1 - \sum_a \min(M_{ia}, M_{ja})`, so that exactly
    :math:`I = I_{within} + I_{cross} = \sum_{a \le b} I_{ab}`.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        A table or a frame of areas × sectors (counts, analysed as rates of the area's total), or one number
        per area, indexed by code.
    graph : libpysal.graph.Graph
        Who neighbours whom.
    authorities : Areas, Lookup or pandas.Series
        Whose borders: polygons (the data must know its own), a lookup, or the authority of each area. Areas in
        several belong to each by their share; areas in none form a group "(none)", and are told.
    sector : str, optional
        One sector of a table; all of them where absent.
    null : {"free", "within-authority"} or a null of ``clustermap.nulls``
        All arrangements, or those that keep values within their authority. **Under the second any smooth surface
        rejects**, as such arrangements destroy the pattern inside authorities too.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Weights of an area's links sum to 1, or each is 1.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: neighbours across borders resemble each other.
    permutations : int
        Arrangements drawn; 0 gives the split, and under the free null its exact moments, alone.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    BorderMoran or BorderMorans
        `within`, `cross` and `p` (of the crossing part), `pairs` of authorities, and the `continuity` of links across
        borders.

    Raises
    ------
    StatisticsError
        CM-BORDER-001: no link crosses a border. CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links.
        CM-MORAN-004: a constant variable. CM-NULL-002: each area is alone in its authority.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-008: negative weights. CM-NULL-001: no null model.
        CM-CROSS-001: authorities of another kind.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or no numbers. CM-CROSS-002: authorities that hold
        none of the areas.
    InputError
        CM-CROSS-003: polygons of authorities, and data that knows none of its own.

    References
    ----------
    Moran, P. A. P. (1950), Notes on continuous stochastic phenomena. Biometrika 37.
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> row = Graph.from_arrays([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], [1] * 6)
    >>> values = pd.Series([1.0, 2.0, 3.0, 4.0])
    >>> found = border_moran(values, row, authorities=pd.Series(list("WWEE")), transformation="binary", seed=1)
    >>> round(found.within, 3), round(found.cross, 3), round(found.total, 3)
    (0.4, -0.067, 0.333)
    """
    given = as_authorities(authorities)
    chosen = as_null(null, authorities=given)
    options = Options(
        sector=sector,
        permutations=permutations,
        alternative=alternative,
        null=chosen,
        rates=rates,
        transformation=transformation,
        seed=seed,
    )
    seed = resolve_seed(seed)
    known = read_variables(data, graph, sector=sector, rates=rates)
    areas = known.table.areas if known.table is not None else None
    shares = authority_shares(known.near.labels, given, areas=areas, overlap="fractional")
    member, names = memberships(shares.frame, known.near.labels)
    found = _Found([], [], [])
    words, draws = chosen.summary(), permutations
    for group in known.groups():
        labels = known.near.labels.take(group.areas)
        bound = chosen.bind(labels, areas=areas)
        links = split_links(link_up(group, transformation), member[group.areas])
        for s, case in zip(group.sectors, _cases(group, links, bound, options, seed), strict=True):
            found.rows.append(_rows(case, options).assign(sector=known.sectors[s]))
            found.pairs.append(_pairs(case, options, names).assign(sector=known.sectors[s]))
        found.continuity.append(continuity_of(group, links, labels, areas, known.sectors))
        words, draws = words_of(bound, exact_mean=True), bound.draws(permutations)
    shared = {
        "areas": areas, "authorities": given, "membership_rule": shares.rule, "null": chosen.kind,
        "null_words": words, "permutations": draws, "alternative": alternative, "rates": known.rates,
        "transformation": transformation, "seed": seed, "family_size": len(known.sectors),
        "outside": tuple(map(str, shares.frame.loc[shares.frame["authority"] == NOBODY, "area"])),
        "names": shares.names, "note": known.table.note if known.table is not None else "",
    }  # fmt: skip
    return _result(known, found, shared)


class _Found(NamedTuple):
    """What has been computed for the groups of variables so far."""

    rows: list[pd.DataFrame]
    pairs: list[pd.DataFrame]
    continuity: list[pd.DataFrame]


class _Case(NamedTuple):
    """One variable split: its parts as observed (within, cross, total, then each slot) and under the null."""

    z: Floats
    links: SplitLinks
    bound: BoundNull
    observed: Floats
    tails: Tails | None
    mean: Floats  # of within, cross and total: exact where values move freely, or within strata
    variance: Floats  # exact where values move freely

    def cut(self, of: slice) -> Tails | None:
        """Return some of the parts under the null."""
        return None if self.tails is None else _cut(self.tails, of)


def _cases(group: Group, links: SplitLinks, bound: BoundNull, options: Options, seed: int) -> list[_Case]:
    """Split I for all variables of a group, and hold every part against the same arrangements."""
    z, crossing = group.z, links.crossing

    def evaluate(places: Places, values: Floats = z) -> Floats:
        parts = [links.sums(row, places) for row in values]
        wide = [
            np.column_stack((p[:, ~crossing].sum(axis=1), p[:, crossing].sum(axis=1), p.sum(axis=1), p))
            for p in parts
        ]
        return np.hstack(wide) / links.total

    here = np.arange(z.shape[1], dtype=np.int32)[None, :]
    observed = evaluate(here)[0]
    tails = evaluated(
        evaluate,
        bound,
        observed=observed,
        size=evaluate(here, np.abs(z))[0],
        work=len(z) * len(links.focal),
        options=options,
        key=_KEY,
        seed=seed,
    )
    wide = len(_PARTS) + len(links.a)
    each = [slice(k * wide, (k + 1) * wide) for k in range(len(z))]
    mean, variance = _moments(z, links, bound)
    return [
        _Case(
            z[k], links, bound, observed[of], None if tails is None else _cut(tails, of), mean[k], variance[k]
        )
        for k, of in enumerate(each)
    ]


def _moments(z: Floats, links: SplitLinks, bound: BoundNull) -> tuple[Floats, Floats]:
    """Return mean and variance of the three parts, variables × parts."""
    within, cross = (links.matrix(crossing=c) for c in (False, True))
    matrices = [within, cross, within + cross]
    products = product_sums(z, z)
    exact = [moments(weight_sums(_both(m)), products, z.shape[1]) for m in matrices]
    mean, variance = (np.stack(x, axis=1) for x in zip(*exact, strict=True))
    if bound.kind != "free" and isinstance(bound, Strata):
        mean = np.stack([stratified_mean(m, z, bound.strata) for m in matrices], axis=1)
    return mean / links.total, variance / links.total**2


def _cut(tails: Tails, of: slice) -> Tails:
    return tails._replace(
        up=tails.up[of], low=tails.low[of], mean=tails.mean[of], variance=tails.variance[of]
    )


def _rows(case: _Case, options: Options) -> pd.DataFrame:
    """Return the parts within, across and in all, with their moments and p."""
    links, bound = case.links, case.bound
    numbers = {"statistic": case.observed[: len(_PARTS)], "expected": case.mean, "variance": case.variance}
    mine = case.cut(slice(0, len(_PARTS)))
    if mine is not None and bound.kind != "free":
        numbers["variance"] = mine.variance
        numbers["expected"] = case.mean if isinstance(bound, Strata) else mine.mean
    numbers |= tested(numbers, mine, options.alternative, 1)
    share = links.weight()
    crossing = share[links.crossing].sum()
    draws = bound.draws(int(options.permutations))
    return pd.DataFrame(
        {"part": _PARTS, **numbers, "permutations": draws, "weight": [1 - crossing, crossing, 1.0]}
    )


def _both(pairs: csr_array) -> csr_array:
    """Return weights of pairs, each once, as half of it either way."""
    from scipy.sparse import csr_array

    return csr_array((pairs + pairs.T) / 2)


def _pairs(case: _Case, options: Options, names: list[str]) -> pd.DataFrame:
    """Return the part of every pair of authorities; those of one authority hold what stays within it."""
    links, free = case.links, case.bound.kind == "free"
    weight = links.weight()
    expected = -weight / (len(case.z) - 1) if free else np.full(len(weight), np.nan)
    p = np.full(len(weight), np.nan)
    mine = case.cut(slice(len(_PARTS), None))
    if mine is not None:
        p = monte_carlo_p(mine.up, mine.low, mine.draws, alternative=options.alternative)
        expected = expected if free else mine.mean
    a, b = (np.array(names, dtype=object)[x] for x in (links.a, links.b))
    return pd.DataFrame(
        {
            "a": a,
            "b": b,
            "n_links": links.n_links(),
            "weight": weight,
            "statistic": case.observed[len(_PARTS) :],
            "expected": expected,
            "p": p,
            "q": adjust(p, "fdr_bh"),
        }
    )


def _result(known: Variables, found: _Found, shared: dict[str, Any]) -> BorderMoran | BorderMorans:
    order = {sector: k for k, sector in enumerate(known.sectors)}

    def joined(parts: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
        frame = pd.concat(parts, ignore_index=True)
        rank = frame["sector"].map(order)
        return frame.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)[list(columns)]

    frames = {
        "frame": joined(found.rows, BORDER_COLUMNS),
        "pairs": joined(found.pairs, BORDER_PAIR_COLUMNS),
        "continuity": joined(found.continuity, tuple(found.continuity[0].columns)),
    }
    titles = known.titles
    if not known.many:
        sector = known.sectors[0]
        return BorderMoran(**frames, sector=sector or None, title=titles[sector], **shared)
    return BorderMorans(**frames, sectors=tuple(known.sectors), titles=titles, **shared)
