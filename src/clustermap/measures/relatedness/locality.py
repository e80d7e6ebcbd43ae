"""The local colocation quotient: one figure for each firm of a, with its own law."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.inference import adjust, monte_carlo_p
from clustermap.measures.relatedness.labelling import lag_tails, neighbourhood_tails
from clustermap.schema import LOCAL_COLOCATION_COLUMNS

if TYPE_CHECKING:
    from clustermap.measures.relatedness.chance import Asked
    from clustermap.measures.relatedness.neighbourhoods import Neighbourhoods
    from clustermap.schema import Alternative

__all__ = ["LOCAL_LABELS", "Local", "local_quotients"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LOCAL_LABELS = ("together", "apart", "not significant", "isolate")
STATUS_OK, STATUS_ALONE = "ok", "no neighbour"


class Local(NamedTuple):
    """The frame of local quotients, and the draws behind their p (0: exact)."""

    frame: pd.DataFrame
    permutations: int


class _Around(NamedTuple):
    """What stands around each firm of a."""

    share: Floats
    near: Ints
    last: Ints
    part: Floats
    found: Ints
    found_last: Ints


def local_quotients(
    near: Neighbourhoods,
    is_a: Bools,
    is_b: Bools,
    ids: npt.NDArray[np.object_],
    *,
    asked: Asked,
) -> Local:
    """Measure the share of b around each firm of a, and test it.

    Parameters
    ----------
    near : Neighbourhoods
        Who stands around whom.
    is_a, is_b : numpy.ndarray of bool
        For each firm of `near`, in its order.
    ids : numpy.ndarray
        Their identities.
    asked : Asked
        By the user; no draws where all neighbours count alike.
    """
    firms = np.flatnonzero(is_a)
    size, others = int(is_b.sum()) - int((is_a & is_b).any()), len(is_a) - 1
    around = _around(near, firms, is_b, same=bool((is_a & is_b).any()))
    known = around.near + around.last > 0
    up, low, draws = np.ones(len(firms)), np.ones(len(firms)), 0
    if near.uniform:
        up[known], low[known] = neighbourhood_tails(
            others,
            size,
            near=around.near[known],
            last=around.last[known],
            share=around.part[known],
            found=around.found[known],
            found_last=around.found_last[known],
        )
        p = _tails(up, low, asked.alternative)
    else:
        work = 4.0 * len(firms) * (len(near.indices) / len(near.sizes)) + 10.0 * len(is_a)
        draws = asked.draws(int(known.sum()), work=work)
        counts = lag_tails(near, firms, size, around.share, permutations=draws, seed=asked.seed)
        p = monte_carlo_p(*counts, draws, alternative=asked.alternative)
    p[~known] = np.nan
    smallest = _smallest(others, size, around, asked.alternative)
    if draws:
        smallest = np.maximum(smallest, (2 if asked.alternative == "two-sided" else 1) / (draws + 1))
    q = adjust(p, asked.correction)
    share = np.where(known, around.share, np.nan)
    statistic = share / (size / others)
    frame = pd.DataFrame(
        {
            "firm_id": ids[firms],
            "neighbours": around.near + around.last,
            "share": share,
            "statistic": statistic,
            "p": p,
            "p_min": np.where(known, smallest, np.nan),
            "q": q,
            "label": _labels(known, p if asked.correction == "none" else q, statistic, asked.alpha),
            "status": np.where(known, STATUS_OK, STATUS_ALONE).astype(object),
        }
    )
    return Local(frame.sort_values("firm_id", ignore_index=True)[list(LOCAL_COLOCATION_COLUMNS)], draws)


def _around(near: Neighbourhoods, firms: Ints, is_b: Bools, *, same: bool) -> _Around:
    """Sum over the neighbours of each firm of a; a firm of both is taken out of its own neighbours."""
    from scipy.sparse import csr_array

    n, site = len(near.sizes), near.site
    number = np.bincount(site[is_b], minlength=n).astype(np.float64)

    def summed(weights: Floats) -> Floats:
        links = csr_array((weights, near.indices, near.indptr), shape=(n, n))
        return np.asarray((links @ number - same * links.diagonal())[site[firms]])

    here = site[firms]
    found, last = (np.rint(summed(m.astype(np.float64))).astype(np.int64) for m in (~near.tied, near.tied))
    return _Around(summed(near.weights), near.near[here], near.last[here], near.share[here], found, last)


def _tails(up: Floats, low: Floats, alternative: Alternative) -> Floats:
    if alternative == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * np.minimum(up, low)))
    return np.asarray(np.minimum(1.0, up if alternative == "greater" else low))


def _smallest(others: int, size: int, around: _Around, alternative: Alternative) -> Floats:
    """Return the smallest p that the neighbourhood allows: all of b around it, or none."""
    from scipy.stats import hypergeom

    k = around.near + around.last
    sizes, place = np.unique(k, return_inverse=True)
    none = hypergeom.pmf(0, others, size, sizes)
    full = hypergeom.pmf(np.minimum(sizes, size), others, size, sizes)
    lowest = {
        "greater": full,
        "less": none,
        "two-sided": 2 * np.minimum(np.where(none > 0, none, full), np.where(full > 0, full, none)),
    }[alternative]
    return np.asarray(np.minimum(1.0, lowest)[place], dtype=np.float64)


def _labels(known: Bools, measured: Floats, statistic: Floats, alpha: float) -> pd.Categorical:
    sure = known & (measured < alpha)
    code = np.where(sure, np.where(statistic > 1, 0, 1), np.where(known, 2, 3))
    return pd.Categorical.from_codes(code, categories=list(LOCAL_LABELS), ordered=True)
