"""Local Moran's I on shared draws: exact given exchangeability, for all areas and sectors at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.autocorrelation.inputs import is_constant, prepare
from clustermap.autocorrelation.sharing import held_draws, neighbour_sums, prefix_sums, shared_draws
from clustermap.autocorrelation.results import LocalResult, LocalResults
from clustermap.errors import OptionError
from clustermap.inference import MINIMUM_AUTO, adjust, check_resolution, monte_carlo_p, permutations_needed
from clustermap.randomness import resolve_seed
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    from libpysal.graph import Graph

    from clustermap.autocorrelation.inputs import Prepared
    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.tables.table import SectorTable

__all__ = ["local_moran"]

Array = npt.NDArray[np.float64]
_TOLERANCE = 64 * np.finfo(float).eps


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
    """Find areas that resemble, or differ from, their neighbours (LISA).

    Parameters
    ----------
    data : SectorTable, DataFrame (areas × sectors) or Series by area
        What is tested. A Series must carry the graph's labels.
    graph : libpysal.graph.Graph
        Neighbours; links of an area carry equal weights.
    sector : str, optional
        One sector; all of them, corrected as one family, where None.
    permutations : "auto" or int
        Draws; "auto" takes as many as the correction needs.
    alternative : {"two-sided", "greater", "less"}
        "greater" asks for areas like their neighbours.
    correction : {"fdr_bh", "bonferroni", "none"}
        With "none", `q` is NaN and the label goes by p.
    alpha : float
        Level of the label.
    null : {"free"}
        Values of the other areas exchangeable.
    rates : {"auto", "empirical-Bayes", "none"}
        "auto": empirical Bayes for a table, the values themselves for a Series.
    transformation : {"row", "binary"}
        Mean or sum over the neighbours.
    seed : int, optional
        Drawn and recorded where None.

    Returns
    -------
    LocalResult or LocalResults
        Local I has denominator n, so that under row standardisation its mean over areas with neighbours is I.

    Raises
    ------
    StatisticsError
        CM-STAT-001 constant, CM-STAT-002 too few areas, CM-STAT-003 draws that can reject nothing.
    AlignmentError
        CM-ALIGN-002 labels that do not fit, CM-ALIGN-003 NaN in a Series.

    References
    ----------
    Anselin, L. (1995), Local indicators of spatial association - LISA. Geographical Analysis 27.
    Benjamini, Y. and Hochberg, Y. (1995) for the correction.

    Examples
    --------
    >>> from clustermap.testing import make_region
    >>> region = make_region(seed=1)
    >>> local_moran(region.table, region.graph, sector="planted", seed=7).family_size
    40
    """
    prepared = prepare(data, graph, sector=sector, rates=rates, transformation=transformation, null=null)
    if alternative not in {"two-sided", "greater", "less"}:
        raise OptionError(
            "CM-STAT-011", f"unknown alternative {alternative!r}", fix='"two-sided", "greater", "less"'
        )
    family, k_max, n = _family(prepared)
    draws = _how_many(permutations, family, alpha, correction, k_max / max(n, 1))
    seed = resolve_seed(seed)
    parts: dict[int, pd.DataFrame] = {}
    for valid, columns in prepared.patterns():
        pattern = _Pattern(prepared, valid, draws, seed)
        for column in columns:
            parts[column] = pattern.test(column, alternative, transformation)
    frame = pd.concat([parts[c] for c in range(len(prepared.sectors))], ignore_index=True)
    frame["q"] = adjust(frame["p"].to_numpy(), correction)
    frame = _labelled(frame, alpha, correction, family)
    shared = {
        "areas": prepared.areas, "null": null, "permutations": draws, "alternative": alternative,
        "correction": correction, "alpha": alpha, "rates": prepared.rates, "transformation": transformation,
        "seed": seed, "family_size": family,
    }  # fmt: skip
    if prepared.single:
        one = frame.drop(columns="sector").set_index("area")
        return LocalResult(frame=one, sector=prepared.sectors[0], **shared)
    return LocalResults(frame=frame, **shared)


class _Pattern:
    """The areas that have a value in some sectors, their links, and the draws that those sectors share."""

    def __init__(self, prepared: Prepared, valid: npt.NDArray[np.bool_], draws: int, seed: int) -> None:
        self.prepared, self.valid = prepared, np.flatnonzero(valid)
        self.indptr, self.indices = _sublinks(prepared, valid)
        self.k = np.diff(self.indptr)
        self.sizes = np.unique(self.k[self.k > 0])
        self.row = np.searchsorted(self.sizes, np.maximum(self.k, 1)).astype(np.int64)
        k_max = int(self.sizes[-1]) if len(self.sizes) else 0
        self.draws = shared_draws(len(self.valid), k_max, draws, seed=seed, statistic="local-moran")

    def test(self, column: int, alternative: Alternative, transformation: Transformation) -> pd.DataFrame:
        """Return the rows of one sector, in code order, without q and label."""
        x = self.prepared.values[self.valid, column]
        z = x - x.mean() if len(x) else x
        status = np.where(self.k > 0, "ok", "isolate").astype(object)
        lag_z, lag_x = np.empty_like(z), np.empty_like(x)
        neighbour_sums(self.indptr, self.indices, z, lag_z)
        neighbour_sums(self.indptr, self.indices, x, lag_x)
        p, constant = np.full(len(z), np.nan), not len(z) or is_constant(x)
        if constant or not len(self.sizes):
            status[self.k > 0] = "constant"
        else:
            p = self._p(z, lag_z, alternative)
        divisor = np.maximum(self.k, 1) if transformation == "row" else np.ones(len(self.k))
        with np.errstate(invalid="ignore", divide="ignore"):
            local = z * (lag_z / divisor) / (np.square(z).mean() if not constant else np.nan)
        linked = self.k > 0
        rows = {
            "statistic": np.where(linked, local, np.nan),
            "value": x,
            "lag": np.where(linked, lag_x / divisor, np.nan),
            "p": np.where(linked, p, np.nan),
            "p_min": np.where(linked, self._p_min(alternative), np.nan),
            "_z": z,
            "_lag_z": lag_z,
        }
        return self._spread(rows, status, self.prepared.sectors[column])

    def _p(self, z: Array, observed: Array, alternative: Alternative) -> Array:
        sums = np.empty((len(self.sizes), len(self.draws)))
        prefix_sums(self.draws, z, self.sizes, sums)
        tolerance = float(_TOLERANCE * self.sizes[-1] * np.abs(z).max())
        held = np.zeros((3, len(z)), dtype=np.int64)
        held_draws(self.draws, self.k, self.row, sums, observed, tolerance, held)
        sums.sort(axis=1)
        up, low = np.zeros(len(z), dtype=np.int64), np.zeros(len(z), dtype=np.int64)
        for at, size in enumerate(self.sizes):
            here = np.flatnonzero(self.k == size)
            up[here] = len(self.draws) - np.searchsorted(sums[at], observed[here] - tolerance, "left")
            low[here] = np.searchsorted(sums[at], observed[here] + tolerance, "right")
        up, low, left = up - held[1], low - held[2], len(self.draws) - held[0]
        if (
            alternative != "two-sided"
        ):  # local I grows with the neighbours' sum where z > 0 and falls where z < 0
            up, low = np.where(z < 0, low, up), np.where(z < 0, up, low)
        p = monte_carlo_p(up, low, left, alternative=alternative)
        return np.where(np.abs(z) <= tolerance, 1.0, p)

    def _p_min(self, alternative: Alternative) -> Array:
        from scipy.special import gammaln

        n = len(self.valid)
        subsets = gammaln(n) - gammaln(self.k + 1) - gammaln(np.maximum(n - self.k, 1))
        return np.asarray(np.minimum(1.0, (2.0 if alternative == "two-sided" else 1.0) * np.exp(-subsets)))

    def _spread(self, rows: dict[str, Array], status: npt.NDArray[Any], sector: str) -> pd.DataFrame:
        labels = self.prepared.links.labels
        out = pd.DataFrame({"sector": sector, "area": labels})
        for name, numbers in rows.items():
            column = np.full(len(labels), np.nan)
            column[self.valid] = numbers
            out[name] = column
        said = np.full(len(labels), "undefined", dtype=object)
        said[self.valid] = status
        return out.assign(status=said)


def _sublinks(prepared: Prepared, valid: npt.NDArray[np.bool_]) -> tuple[Any, Any]:
    """Keep the links between areas that have a value, renumbered."""
    links = prepared.links
    focal = np.repeat(np.arange(len(links)), links.cardinalities)
    keep = valid[focal] & valid[links.indices]
    number = np.cumsum(valid) - 1
    counts = np.bincount(number[focal[keep]], minlength=int(valid.sum()))
    indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return indptr, number[links.indices[keep]].astype(np.int64)


def _family(prepared: Prepared) -> tuple[int, int, int]:
    """Count the tests that are corrected together, the most neighbours, and the fewest areas."""
    family, k_max, n = 0, 0, len(prepared.links)
    for valid, columns in prepared.patterns():
        indptr, _ = _sublinks(prepared, valid)
        k = np.diff(indptr)
        for column in columns:
            x = prepared.values[valid, column]
            family += int((k > 0).sum()) if len(x) and not is_constant(x) else 0
        k_max, n = max(k_max, int(k.max(initial=0))), min(n, int(valid.sum()))
    return family, k_max, n


def _how_many(
    permutations: Literal["auto"] | int,
    family: int,
    alpha: float,
    correction: Correction,
    largest_share: float,
) -> int:
    if permutations == "auto":
        if correction == "none":
            return MINIMUM_AUTO
        return permutations_needed(family, alpha, largest_share=min(largest_share, 0.9))
    if not isinstance(permutations, int | np.integer) or permutations < 1:
        raise OptionError(
            "CM-STAT-012", f"permutations={permutations!r} is no number of draws", fix='permutations="auto"'
        )
    check_resolution(int(permutations), family, alpha, correction)
    return int(permutations)


def _labelled(frame: pd.DataFrame, alpha: float, correction: Correction, family: int) -> pd.DataFrame:
    """Add the label: the quadrant where the test rejects, and the reason where it could not."""
    judged = frame["p"] if correction == "none" else frame["q"]
    threshold = alpha / max(family, 1) if correction == "bonferroni" else alpha
    own = np.where(frame["_z"] > 0, "H", "L")
    quadrant = np.char.add(own.astype(str), np.where(frame["_lag_z"] > 0, "H", "L").astype(str))
    label = np.where(judged <= alpha, quadrant, "not significant").astype(object)
    cannot = (frame["status"] == "ok") & (frame["p_min"] > threshold)
    label[cannot] = "cannot reach"
    label[frame["status"] == "isolate"] = "isolate"
    label[frame["status"].isin(["undefined", "constant"])] = "undefined"
    frame.loc[cannot, "status"] = "cannot reach"
    frame["label"] = pd.Categorical(label, categories=list(LISA_LABELS), ordered=True)
    return frame[["sector", "area", "statistic", "value", "lag", "p", "p_min", "q", "label", "status"]]
