"""Global Moran: whether neighbours resemble each other, all sectors in one batch, moments exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation import variables as v
from clustermap.autocorrelation.draws import Links, permuted_products, products
from clustermap.autocorrelation.results import GlobalResult, GlobalResults
from clustermap.errors import OptionError
from clustermap.inference import monte_carlo_p
from clustermap.randomness import resolve_seed
from clustermap.schema import GLOBAL_COLUMNS

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.schema import Alternative, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["global_moran"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_TIES = 1e-11


class _Links(NamedTuple):
    """Each pair of linked areas once, near ones near each other, and the sums that the moments need."""

    rows: Links
    s0: float
    s1: float
    s2: float


def global_moran(
    data: SectorTable | pd.DataFrame | pd.Series,
    graph: Graph,
    *,
    sector: str | None = None,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    null: Literal["free"] = "free",
    rates: Rates = "auto",
    transformation: Transformation = "row",
    seed: int | None = None,
) -> GlobalResult | GlobalResults:
    r"""Test whether neighbouring areas resemble each other more, or less, than areas at random.

    With :math:`z` standardised, :math:`I = \sum_{ij} w_{ij} z_i z_j / \sum_{ij} w_{ij}`. Mean and variance over all
    arrangements are exact; p is Monte-Carlo, ties counting in both tails.

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or pandas.Series
        A table or a frame of areas × sectors (counts, analysed as rates of the area's total), or one number
        per area, indexed by code.
    graph : libpysal.graph.Graph
        Who neighbours whom; isolates count among the areas but have no links.
    sector : str, optional
        One sector of a table; all of them where absent.
    permutations : int
        Arrangements drawn; 0 gives the exact moments and `p_normal` alone.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"``: neighbours resemble each other.
    null : {"free"}
        All arrangements of the values are equally likely.
    rates : {"auto", "empirical-bayes", "none"}
        Empirical-Bayes standardisation of rates; ``"auto"`` uses it for tables and frames, not for a series.
    transformation : {"row", "binary"}
        Weights of an area's links sum to 1, or each is 1.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent.

    Returns
    -------
    GlobalResult or GlobalResults
        One sector: the numbers as attributes too. `variance` is that under randomisation.

    Raises
    ------
    StatisticsError
        CM-MORAN-002: fewer than three areas. CM-MORAN-003: no links. CM-MORAN-004: a constant variable.
    OptionError
        CM-MORAN-001: unknown option. CM-MORAN-008: negative weights.
    AlignmentError
        CM-ALIGN-002, CM-ALIGN-003: other labels than the graph, or values that are no finite numbers.

    References
    ----------
    Moran, P. A. P. (1950), Notes on continuous stochastic phenomena. Biometrika 37.
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes.
    Assunção, R. M. and Reis, E. A. (1999), A new proposal to adjust Moran's I for population density.
    Statistics in Medicine 18.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> n = 30
    >>> ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    >>> result = global_moran(pd.Series(np.sin(np.arange(n) / n * 2 * np.pi)), ring, seed=1)
    >>> print(f"{result.statistic:.3f} {result.p}")
    0.978 0.002
    """
    v.check_option("alternative", alternative, ("two-sided", "greater", "less"))
    v.check_option("null", null, ("free",))
    v.check_option("transformation", transformation, ("row", "binary"))
    if isinstance(permutations, bool) or not isinstance(permutations, int | np.integer) or permutations < 0:
        raise OptionError(
            "CM-MORAN-001", f"permutations={permutations!r} is no number of draws", fix="permutations=999"
        )
    seed = resolve_seed(seed)
    known = v.read_variables(data, graph, sector=sector, rates=rates)
    names = ("statistic", "expected", "variance", "z", "p_normal", "p", "normality")
    columns = {name: np.full(len(known.sectors), np.nan) for name in names}
    for group in known.groups():
        links = _links(group, transformation)
        found = _moments(group.z, links)
        found["p_normal"] = _normal_p(found["z"], alternative)
        found["p"] = _permuted_p(
            group,
            links,
            found["statistic"],
            permutations=int(permutations),
            seed=seed,
            alternative=alternative,
        )
        for name, values in found.items():
            columns[name][group.sectors] = values
    return _result(
        known,
        columns,
        {
            "areas": known.table.areas if known.table is not None else None,
            "null": null,
            "permutations": int(permutations),
            "alternative": alternative,
            "rates": known.rates,
            "transformation": transformation,
            "seed": seed,
            "family_size": len(known.sectors),
            "note": known.table.note if known.table is not None else "",
        },
    )


def _links(group: v.Group, transformation: Transformation) -> _Links:
    from scipy.sparse import csr_array, triu
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    n = len(group.sizes)
    if not (group.weights > 0).all():
        raise OptionError(
            "CM-MORAN-008",
            f"{int((group.weights <= 0).sum())} of {len(group.weights)} links have a negative weight",
            why="a negative weight turns likeness into its opposite",
            fix='graph.transform("b")',
        )
    weights = np.ones_like(group.weights)
    if transformation == "row":
        focal = np.repeat(np.arange(n), group.sizes)
        weights = group.weights / np.bincount(focal, group.weights, minlength=n)[focal]
    matrix = csr_array((weights, group.indices, group.indptr), shape=(n, n))
    both = (matrix + matrix.T).tocsr()
    around = matrix.sum(axis=0) + matrix.sum(axis=1)
    order = reverse_cuthill_mckee(both, symmetric_mode=True).astype(np.int64)
    pairs = csr_array(triu(both[order][:, order], k=1))
    pairs.sort_indices()
    rows = (order, pairs.indptr.astype(np.int64), pairs.indices.astype(np.int64), pairs.data)
    s1 = float((both.data**2).sum() / 2)
    return _Links(rows, float(weights.sum()), s1, float((around**2).sum()))


def _moments(z: Floats, links: _Links) -> dict[str, Floats]:
    """Compute Moran's I with its exact mean and variances (Cliff and Ord 1981)."""
    n = z.shape[1]
    s0, s1, s2 = links.s0, links.s1, links.s2
    statistic = products(z, links.rows, _as_they_are(n))[0] / s0
    expected = -1.0 / (n - 1)
    normality = (n * n * s1 - n * s2 + 3 * s0**2) / ((n - 1) * (n + 1) * s0**2) - expected**2
    kurtosis = (z**4).mean(axis=1)  # z has variance 1
    a = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    b = kurtosis * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    with np.errstate(divide="ignore", invalid="ignore"):  # three areas have no variance of this kind
        variance = (a - b) / np.float64((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
        # a graph that links all alike has the same I under every arrangement
        variance = np.where(variance > 1e-12 * expected**2, variance, np.nan)
        z_score = (statistic - expected) / np.sqrt(variance)
    return {
        "statistic": statistic,
        "expected": np.full(len(z), expected),
        "variance": variance,
        "normality": np.full(len(z), normality),
        "z": z_score,
    }


def _as_they_are(n: int) -> npt.NDArray[np.int32]:
    return np.arange(n, dtype=np.int32)[None, :]


def _normal_p(z: Floats, alternative: Alternative) -> Floats:
    root = math.sqrt(2)
    if alternative == "greater":
        return np.array([math.erfc(x / root) / 2 for x in z])
    if alternative == "less":
        return np.array([math.erfc(-x / root) / 2 for x in z])
    return np.array([math.erfc(abs(x) / root) for x in z])


def _permuted_p(
    group: v.Group,
    links: _Links,
    statistic: Floats,
    *,
    permutations: int,
    seed: int,
    alternative: Alternative,
) -> Floats:
    if not permutations:
        return np.full(len(statistic), np.nan)
    size = products(np.abs(group.z), links.rows, _as_they_are(group.z.shape[1]))[0]
    tolerance = _TIES * size
    observed = statistic * links.s0
    up, low = np.zeros(len(statistic), dtype=np.int64), np.zeros(len(statistic), dtype=np.int64)
    for drawn in permuted_products(group.z, links.rows, permutations=permutations, seed=seed):
        up += (drawn >= observed - tolerance).sum(axis=0)
        low += (drawn <= observed + tolerance).sum(axis=0)
    return monte_carlo_p(up, low, permutations, alternative=alternative)


def _result(
    known: v.Variables, columns: dict[str, Floats], shared: dict[str, Any]
) -> GlobalResult | GlobalResults:
    filled: dict[str, Any] = {"sector": known.sectors, **columns, "permutations": shared["permutations"]}
    frame = pd.DataFrame(filled)[list(GLOBAL_COLUMNS)]
    if not known.many:
        return GlobalResult(
            frame=frame,
            sector=known.sectors[0] or None,
            title=known.titles[known.sectors[0]],
            variance_normality=float(columns["normality"][0]),
            **shared,
        )
    normality = pd.Series(columns["normality"], index=pd.Index(known.sectors, name="sector"))
    return GlobalResults(frame=frame, variances_normality=normality, titles=known.titles, **shared)
