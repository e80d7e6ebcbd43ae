"""Local Moran: which areas lie among areas like themselves, all sectors in one batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import conditional_counts, lagged
from clustermap.autocorrelation.results import LocalResult, LocalResults
from clustermap.errors import OptionError
from clustermap.inference import adjust, check_resolution, monte_carlo_p, permutations_needed
from clustermap.randomness import resolve_seed
from clustermap.schema import LISA_LABELS, LOCAL_COLUMNS

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["local_moran"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HH, LL, HL, LH, NOT_SIGNIFICANT, ISOLATE, UNDEFINED, CANNOT_REACH = range(8)
_QUADRANTS = np.array([LL, LH, HL, HH], dtype=np.int8)  # by own and neighbours' sign
_AT_MEAN = 1e-12


def local_moran(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: Literal["auto"] | int = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    null: Literal["free"] = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    seed: int | None = None,
) -> LocalResult | LocalResults:
    r"""Test for every area whether its neighbours resemble it, or differ from it, more than chance allows.

    With :math:`z` standardised (denominator n), :math:`I_i = z_i \sum_j w_{ij} z_j`; under row-standardised
    weights their mean is Moran's I. p is conditional on the area's own value: its neighbours are replaced by
    as many others, all sets equally likely. One list of draws serves all areas and sectors, and p is exact
    given exchangeability; ties count in both tails.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        A table or a frame of areas × sectors (counts, analysed as rates of the area's total), or one number
        per area, indexed by code. Suppressed cells and areas without a total have no value: they are left
        out of the draws and of their neighbours' sums.
    graph : libpysal.graph.Graph
        Who neighbours whom. Isolates get no statistic.
    sector : str, optional
        One sector of a table; all of them, in one batch and one family, where absent.
    permutations : "auto" or int
        ``"auto"`` takes what the correction needs, at most 999,999.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: like beside like; ``"less"``: unlike beside unlike.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the family: the areas of one sector, or all areas × sectors. With ``"none"`` q is NaN
        and labels use p.
    alpha : float
        Level of the labels.
    null : {"free"}
        All arrangements of the values are equally likely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Mean or sum over the neighbours.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    LocalResult or LocalResults
        One sector: `frame` indexed by area. Many: a long frame, ``.wide("q")`` and ``result["sector"]``.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
        CM-STAT-003: too few permutations to reject anything.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-006: the weights of an area's links differ under
        ``transformation="row"``.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    Notes
    -----
    esda divides by n − 1 in each local statistic where this and Anselin (1995) have n. That Benjamini–Hochberg holds
    its level under the dependence of neighbouring tests is shown by simulation (``tests/validity``), not proved.

    References
    ----------
    Anselin, L. (1995), Local indicators of spatial association: LISA. Geographical Analysis 27.
    Benjamini, Y. and Hochberg, Y. (1995), Controlling the false discovery rate.
    Assunção, R. M. and Reis, E. A. (1999), A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> values = pd.Series([9.0, 8.5, 9.5, 9.2, 8.8] + [0.0] * (n - 5))
    >>> local_moran(values, ring, correction="none", seed=1).frame["label"].value_counts()["HH"].item()
    3
    """
    _check(alternative, null, transformation, alpha, permutations)
    adjust([], correction)  # refuses an unknown one before any work
    known = v.read_variables(data, graph, sector=sector, rates=rates)
    groups = list(known.groups())
    if transformation == "row":
        _check_weights(known)
    family = sum(int(np.count_nonzero(g.sizes)) * len(g.sectors) for g in groups)
    share = max(float(g.sizes.max()) / len(g.sizes) for g in groups)
    if permutations == "auto":
        tests = 1 if correction == "none" else family
        permutations = permutations_needed(tests, alpha, largest_share=share)
    check_resolution(permutations, family, alpha, correction, largest_share=share, alternative=alternative)
    seed = resolve_seed(seed)
    columns: dict[str, Floats] = {}
    for group in groups:
        _fill(
            columns,
            group,
            shape=known.values.shape,
            permutations=int(permutations),
            seed=seed,
            alternative=alternative,
            transformation=transformation,
        )
    columns["q"] = adjust(columns["p"], correction)
    isolated = np.isfinite(columns["value"]) & np.isnan(columns["lag"])
    known.status[isolated] = v.ISOLATE
    reach = alpha / family if correction == "bonferroni" else alpha
    labels = _labels(columns, isolated, alpha, reach, correction)
    shared = {
        "areas": known.table.areas if known.table is not None else None,
        "null": null,
        "permutations": permutations,
        "alternative": alternative,
        "correction": correction,
        "alpha": alpha,
        "rates": known.rates,
        "transformation": transformation,
        "seed": seed,
        "family_size": family,
        "note": known.table.note if known.table is not None else "",
    }
    return _result(known, columns, labels, shared)


def _check(
    alternative: object, null: object, transformation: object, alpha: float, permutations: object
) -> None:
    v.check_option("alternative", alternative, ("two-sided", "greater", "less"))
    v.check_option("null", null, ("free",), why="shared draws answer for freely exchangeable values alone")
    v.check_option("transformation", transformation, ("row", "binary"))
    if not 0 < alpha < 1:
        raise OptionError("CM-MORAN-001", f"alpha={alpha} is no level", fix="alpha=0.05")
    if permutations == "auto":
        return
    if isinstance(permutations, bool) or not isinstance(permutations, int | np.integer) or permutations < 1:
        raise OptionError(
            "CM-MORAN-001",
            f"permutations={permutations!r} is no number of draws",
            fix='permutations="auto", or a whole number such as 9_999',
        )


def _check_weights(known: v.Variables) -> None:
    if not known.near.equal_within_rows:
        raise OptionError(
            "CM-MORAN-006",
            f"the links of an area carry different weights in this graph of {len(known.near)} areas",
            why="shared draws are exact where the neighbours of an area count alike",
            fix='transformation="binary", or graph.transform("b")',
        )


def _fill(
    columns: dict[str, Floats],
    group: v.Group,
    *,
    shape: tuple[int, ...],
    permutations: int,
    seed: int,
    alternative: Alternative,
    transformation: Transformation,
) -> None:
    """Compute one group of variables that are known in the same areas."""
    z, sizes = group.z, group.sizes
    around, sums = (lagged(rows, group.indptr, group.indices) for rows in (group.values, z))
    counts = conditional_counts(z, sums, sizes, permutations=permutations, seed=seed)
    up, low = counts.up, counts.low
    if alternative != "two-sided":  # a large statistic is a large lag above the mean, a small one below
        below = z < 0
        up, low = np.where(below, low, up), np.where(below, up, low)
    p = monte_carlo_p(up, low, counts.draws, alternative=alternative)
    p[np.abs(z) <= _AT_MEAN] = 1.0  # at the mean the statistic is 0 whatever the neighbours
    alone = sizes == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1.0 / sizes if transformation == "row" else np.where(alone, np.nan, 1.0)
        filled = {"statistic": z * (sums * share), "value": group.values, "lag": around * share}
    filled["statistic"][:, alone] = filled["lag"][:, alone] = p[:, alone] = np.nan
    filled |= {"p": p, "_z": z, "_lag": sums}
    filled["p_min"] = np.broadcast_to(_smallest_p(sizes, alternative), z.shape)
    for name, values in filled.items():
        if z.shape == shape:
            columns[name] = values
        else:
            columns.setdefault(name, np.full(shape, np.nan))[np.ix_(group.sectors, group.areas)] = values


def _smallest_p(sizes: Ints, alternative: Alternative) -> Floats:
    """Return what the permutation distribution itself allows: 2 / C(n − 1, k), one-sided half of it."""
    n, tails = len(sizes), 2 if alternative == "two-sided" else 1
    of = np.full(int(sizes.max()) + 1, np.nan)
    for k in map(int, np.unique(sizes[sizes > 0])):
        of[k] = min(1.0, tails / math.comb(n - 1, k))
    return np.asarray(of[sizes])


def _labels(
    columns: dict[str, Floats],
    isolated: npt.NDArray[np.bool_],
    alpha: float,
    reach: float,
    correction: Correction,
) -> npt.NDArray[np.int8]:
    z, lag = columns["_z"], columns["_lag"]
    with np.errstate(invalid="ignore"):
        kind = _QUADRANTS[2 * (z > 0).view(np.int8) + (lag > 0).view(np.int8)]
        sure = columns["p" if correction == "none" else "q"] <= alpha
        labels = np.where(sure, kind, np.int8(NOT_SIGNIFICANT))
        labels[columns["p_min"] > reach] = CANNOT_REACH
    labels[np.isnan(z)] = UNDEFINED
    labels[isolated] = ISOLATE
    return labels


def _result(
    known: v.Variables, columns: dict[str, Floats], labels: npt.NDArray[np.int8], shared: dict[str, Any]
) -> LocalResult | LocalResults:
    filled: dict[str, Any] = {name: columns[name].ravel() for name in LOCAL_COLUMNS[:6]}
    words = pd.CategoricalDtype(list(LISA_LABELS), ordered=True)
    filled["label"] = pd.Categorical.from_codes(labels.ravel(), dtype=words)
    filled["status"] = pd.Categorical.from_codes(known.status.ravel(), categories=list(v.STATUSES))
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
