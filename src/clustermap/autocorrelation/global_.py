"""Moran's I of the whole map: exact moments beside the Monte-Carlo p, many sectors in one product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.inputs import is_constant, prepare
from clustermap.autocorrelation.results import GlobalResult, GlobalResults
from clustermap.errors import OptionError
from clustermap.inference import monte_carlo_p
from clustermap.randomness import resolve_seed, stream
from clustermap.schema import GLOBAL_COLUMNS

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.autocorrelation.inputs import Prepared
    from clustermap.schema import Alternative, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["global_moran"]

Array = npt.NDArray[np.float64]
_BLOCK = 64
_TOLERANCE = 1e-12


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
    """Measure how alike neighbours are over the whole map.

    Parameters
    ----------
    data : SectorTable, DataFrame (areas × sectors) or Series by area
        What is tested.
    graph : libpysal.graph.Graph
        Neighbours; links of an area carry equal weights.
    sector : str, optional
        One sector; each of them where None (not corrected for their number).
    permutations : int
        Random maps; every sector sees the same ones.
    alternative : {"two-sided", "greater", "less"}
        "greater" asks for likeness.
    null : {"free"}
        Values exchangeable over all areas.
    rates : {"auto", "empirical-Bayes", "none"}
        "auto": empirical Bayes for a table, the values themselves for a Series.
    transformation : {"row", "binary"}
        Weights of the links.
    seed : int, optional
        Drawn and recorded where None.

    Returns
    -------
    GlobalResult or GlobalResults
        Statistic, exact mean and variance under randomisation, and p.

    Raises
    ------
    StatisticsError
        CM-STAT-001 constant, CM-STAT-002 too few areas.

    References
    ----------
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes: Models and Applications.

    Examples
    --------
    >>> from clustermap.testing import make_region
    >>> region = make_region(seed=1)
    >>> global_moran(region.table, region.graph, sector="planted", seed=7).permutations
    999
    """
    prepared = prepare(data, graph, sector=sector, rates=rates, transformation=transformation, null=null)
    if not isinstance(permutations, int | np.integer) or permutations < 1:
        raise OptionError(
            "CM-STAT-012",
            f"permutations={permutations!r} is no number of random maps",
            fix="permutations=999",
        )
    if alternative not in {"two-sided", "greater", "less"}:
        raise OptionError(
            "CM-STAT-011", f"unknown alternative {alternative!r}", fix='"two-sided", "greater", "less"'
        )
    seed = resolve_seed(seed)
    rows: dict[int, dict[str, float]] = {}
    for valid, columns in prepared.patterns():
        for column, row in zip(
            columns,
            _tested(prepared, valid, columns, transformation, int(permutations), alternative, seed),
            strict=True,
        ):
            rows[column] = row
    frame = pd.DataFrame([{"sector": s, **rows[c]} for c, s in enumerate(prepared.sectors)])
    frame = frame.assign(permutations=int(permutations))[list(GLOBAL_COLUMNS)]
    shared: dict[str, Any] = {
        "frame": frame, "null": null, "permutations": int(permutations), "alternative": alternative,
        "rates": prepared.rates, "transformation": transformation, "seed": seed, "n": len(prepared.links),
    }  # fmt: skip
    if not prepared.single:
        return GlobalResults(**shared)
    return GlobalResult(**shared, sector=prepared.sectors[0], **rows[0])


def _tested(
    prepared: Prepared,
    valid: npt.NDArray[np.bool_],
    columns: list[int],
    transformation: Transformation,
    permutations: int,
    alternative: Alternative,
    seed: int,
) -> list[dict[str, float]]:
    from scipy.stats import norm

    weights = _matrix(prepared, valid, transformation)
    x = prepared.values[valid][:, columns]
    z = x - x.mean(axis=0) if len(x) else x
    flat = np.array([not len(c) or is_constant(c) for c in x.T])
    scale = np.where(flat, np.nan, np.square(z).sum(axis=0)) * weights.sum() / max(len(z), 1)
    observed = (z * (weights @ z)).sum(axis=0) / scale
    up, low = np.zeros(len(columns)), np.zeros(len(columns))
    for block, start in enumerate(range(0, permutations, _BLOCK)):
        rng = stream(seed, "global-moran", block)
        for _ in range(min(_BLOCK, permutations - start)):
            shuffled = z[rng.permutation(len(z))]
            drawn = (shuffled * (weights @ shuffled)).sum(axis=0) / scale
            up += drawn >= observed - _TOLERANCE
            low += drawn <= observed + _TOLERANCE
    p = np.where(flat, np.nan, monte_carlo_p(up, low, permutations, alternative=alternative))
    out = []
    for at, one in enumerate(z.T):
        mean, variance = (np.nan, np.nan) if flat[at] else _moments(weights, one)
        score = (observed[at] - mean) / np.sqrt(variance)
        out.append(
            {
                "statistic": float(observed[at]),
                "expected": float(mean),
                "variance": float(variance),
                "z": float(score),
                "p_normal": float(2 * norm.sf(abs(score))),
                "p": float(p[at]),
            }
        )
    return out


def _matrix(prepared: Prepared, valid: npt.NDArray[np.bool_], transformation: Transformation) -> Any:
    from scipy.sparse import csr_array, diags_array

    links = prepared.links
    n = len(links)
    binary = csr_array((np.ones(len(links.indices)), links.indices, links.indptr), shape=(n, n))
    binary = binary[valid][:, valid]
    if transformation == "binary":
        return binary
    k = np.asarray(binary.sum(axis=1))
    return csr_array(diags_array(np.divide(1.0, k, out=np.zeros(len(k)), where=k > 0)) @ binary)


def _moments(weights: Any, z: Array) -> tuple[float, float]:
    """Return mean and variance of I under randomisation (Cliff and Ord 1981, equation 2.32)."""
    n = len(z)
    s0 = weights.sum()
    s1 = ((weights + weights.T).power(2)).sum() / 2
    s2 = np.square(np.asarray(weights.sum(axis=0)) + np.asarray(weights.sum(axis=1))).sum()
    kurtosis = np.mean(z**4) / np.mean(z**2) ** 2
    mean = -1 / (n - 1)
    a = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    b = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    below = (n - 1) * (n - 2) * (n - 3) * s0**2
    return mean, float((a - b) / below - mean**2) if below > 0 else float("nan")
