"""Coagglomeration of sector pairs after Ellison, Glaeser and Kerr, all pairs at once."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, as_lines, part_of, plural
from clustermap.inference import adjust, monte_carlo_p
from clustermap.measures.relatedness.chance import draws_for
from clustermap.measures.relatedness.dartboard import coagglomerated, read_dartboard, throws
from clustermap.measures.relatedness.presence import check_choice, paired
from clustermap.randomness import resolve_seed
from clustermap.schema import COAGGLOMERATION_COLUMNS, Alternative

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clustermap.schema import Correction
    from clustermap.tables.table import SectorTable

__all__ = ["Coagglomeration", "coagglomeration"]

Floats = npt.NDArray[np.float64]
_NAMED = 3
STATUS_OK, STATUS_PLANTS, STATUS_NOTHING = "ok", "needs plants", "nothing in a sector"
_STEPS, _OVERHEAD = 40, 5e5  # elementary steps of one random plant or cell, and of a draw however small


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Coagglomeration:
    """How much pairs of sectors cluster together, and whether chance would do it.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per pair, each once: ``a, b, n_a, n_b, statistic, expected, variance, z, p_normal, p, q, status``.
    totals : pandas.Series
        Firms or jobs by sector: weights of :meth:`group`.
    base : pandas.Series
        By area, the shares that every sector is held against.
    base_words, method, null : str
        In words.
    permutations, alternative, correction, alpha, seed, family_size
        How p and q came about.
    """

    frame: pd.DataFrame
    totals: pd.Series
    base: pd.Series
    base_words: str
    permutations: int
    alternative: Alternative
    correction: Correction
    alpha: float
    seed: int | None
    family_size: int
    note: str = ""
    method: str = "coagglomeration index of pairs"
    null: str = "every plant falls into an area with the base's shares, whatever its sector"

    def wide(self, column: str = "statistic") -> pd.DataFrame:
        """Return one column as sectors × sectors, NaN on the diagonal.

        Examples
        --------
        >>> jobs = pd.DataFrame({"a": [3, 1], "b": [3, 1], "c": [2, 6]}, index=["X", "Y"])
        >>> coagglomeration(jobs, permutations=199, seed=1).wide().loc["a", "b"].item()
        0.25
        """
        if column not in COAGGLOMERATION_COLUMNS[2:]:
            raise OptionError(
                "CM-RELATE-006",
                f"coagglomeration has no column {column!r}",
                fix=f"wide() with one of: {', '.join(COAGGLOMERATION_COLUMNS[2:])}",
            )
        return paired(self.frame[column], self.totals.index)

    def group(self, sectors: Sequence[str] | None = None) -> float:
        """Return the index of several sectors together: the mean of their pairs, weighted by both sizes.

        With one base for all terms this is the index of Ellison and Glaeser (1997); plant sizes cancel.

        Parameters
        ----------
        sectors : sequence of str, optional
            At least two; all where absent.

        Raises
        ------
        OptionError
            CM-SECTOR-001: unknown sectors, or fewer than two.

        Examples
        --------
        >>> jobs = pd.DataFrame({"a": [3, 1], "b": [3, 1], "c": [2, 6]}, index=["X", "Y"])
        >>> round(coagglomeration(jobs, permutations=199, seed=1).group(["a", "b"]), 4)
        0.25
        """
        names = list(self.totals.index) if sectors is None else list(dict.fromkeys(sectors))
        strange = [s for s in names if s not in self.totals.index]
        if strange or len(names) < 2:  # noqa: PLR2004 - a pair
            raise OptionError(
                "CM-SECTOR-001",
                f"{part_of(len(strange), len(names), 'sector', 'is', 'are')} unknown: {strange[:5]}"
                if strange
                else f"{len(names)} sector is no group",
                fix=f"two or more of: {', '.join(map(repr, self.totals.index[:10]))}",
            )
        pairs = self.wide().loc[names, names].to_numpy()
        weights = np.multiply.outer(*(self.totals[names].to_numpy(),) * 2)
        weights[np.diag_indices(len(names))] = 0.0
        return float(np.where(weights > 0, weights * np.nan_to_num(pairs), 0.0).sum() / weights.sum())

    def summary(self) -> str:
        """Say in plain sentences which sectors cluster together, and what that does not say."""
        lines = [
            (
                f"Coagglomeration of {plural(len(self.totals), 'sector')} over "
                f"{plural(len(self.base), 'area')}, each held against "
                f"{self.base_words}. Null: {self.null}; {self.alternative} p from {self.permutations:,} throws "
                f"(seed {self.seed}); q by {self.correction} over {plural(self.family_size, 'pair')}."
                if self.permutations
                else f"Coagglomeration of {plural(len(self.totals), 'sector')} over "
                f"{plural(len(self.base), 'area')}, each held against {self.base_words}; no p."
            )
        ]
        measured = self.frame["p"] if self.correction == "none" else self.frame["q"]
        sure = self.frame[measured < self.alpha]
        more = sure[sure["statistic"] > sure["expected"]].sort_values(
            "statistic", ascending=False, kind="stable"
        )
        named = ", ".join(f"{r.a} and {r.b} {r.statistic:.3f}" for r in more.head(_NAMED).itertuples())
        if self.permutations:
            lines.append(
                f"{plural(len(more), 'pair is', 'pairs are')} together and {len(sure) - len(more):,} apart "
                "beyond chance at "
                f"{self.alpha:g}" + (f" (most: {named})." if named else ".")
            )
        counts = self.frame["status"].value_counts()
        lines += [f"{plural(n, 'pair')}: {status}." for status, n in counts.items() if status != STATUS_OK]
        lines.append(
            "Two sectors that both avoid large cities are together for that reason alone; areas are taken as "
            "unrelated, so neighbours across a border count as apart."
        )
        return as_lines([*lines, *([self.note] if self.note else [])])

    def __repr__(self) -> str:
        return f"<Coagglomeration: {plural(len(self.totals), 'sector')}, {plural(len(self.base), 'area')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def coagglomeration(
    table: SectorTable | pd.DataFrame,
    *,
    base: Literal["totals", "mean"] | pd.Series = "totals",
    permutations: int | Literal["auto"] = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    seed: int | None = None,
) -> Coagglomeration:
    r"""Measure how much every pair of sectors clusters in the same areas.

    With :math:`s_{ia}` the share of sector i in area a and :math:`x_a` the base, the index is
    :math:`\gamma^c_{ij} = \sum_a (s_{ia} - x_a)(s_{ja} - x_a) / (1 - \sum_a x_a^2)`: 0 in the mean if sectors are
    placed without regard to each other, whatever the sizes of their plants.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors; or one row per plant with the columns ``area, sector, employment``, which gives employment
        a p as well.
    base : {"totals", "mean"} or pandas.Series
        What every sector is held against: everything in the area (of a plain frame or of plants their sum), the mean
        of the sectors' shares (Ellison, Glaeser and Kerr 2010), or totals by area from elsewhere. One base serves
        all terms of all pairs.
    permutations : int or "auto"
        Throws of all plants at the base; "auto" as in :func:`proximity`. A base made of the sectors is made again
        from every throw.
    alternative, correction, alpha
        As everywhere; two-sided p counts ties in both tails.
    seed : int, optional
        Drawn and recorded where absent.

    Returns
    -------
    Coagglomeration
        `expected` and `variance` in closed form, `z` and `p_normal` from them (the variance is that of a fixed base;
        the law is far from normal for few plants), `p` from the throws. Jobs without plants have no p (status
        "needs plants"), sectors without anything no index.

    Raises
    ------
    OptionError
        CM-COAGG-001: no base. CM-RELATE-005: permutations.
    InputError
        CM-COAGG-002: plants without area, sector or size. CM-RELATE-002: suppressed cells.
    StatisticsError
        CM-COAGG-003: fewer than two areas or sectors.
    AlignmentError
        CM-ALIGN-001: the base has other areas.

    Warns
    -----
    ClusterMapWarning
        CM-STAT-005: throws are coarse for the number of pairs.

    References
    ----------
    Ellison, G. and Glaeser, E. L. (1997), Geographic concentration in U.S. manufacturing industries: a dartboard
    approach. Journal of Political Economy 105.
    Ellison, G., Glaeser, E. L. and Kerr, W. R. (2010), What causes industry agglomeration? Evidence from
    coagglomeration patterns. American Economic Review 100.

    Examples
    --------
    >>> firms = pd.DataFrame({"cars": [30, 5, 5], "steel": [24, 9, 7], "film": [6, 26, 28]}, index=["A", "B", "C"])
    >>> row = coagglomeration(firms, permutations=999, seed=1).frame.iloc[0]
    >>> print(f"{row.a} and {row.b}: {row.statistic:.3f}, p {row.p:.3f}")
    cars and film: -0.243, p 0.002
    """
    check_choice("alternative", alternative, get_args(Alternative))
    board = read_dartboard(table, base=base)
    found = coagglomerated(board.shares, board.base)
    first, second = np.triu_indices(len(board.sectors), 1)
    statistic = found[first, second]
    mean, variance = (m[first, second] for m in board.moments())
    status = np.full(len(first), STATUS_OK, dtype=object)
    status[np.isnan(variance)] = STATUS_PLANTS
    status[np.isnan(statistic)] = STATUS_NOTHING
    tested = status == STATUS_OK
    mean[~tested] = variance[~tested] = np.nan
    p, draws = np.full(len(first), np.nan), 0
    if tested.any():
        seed = resolve_seed(seed)
        areas = len(board.areas)
        thrown = float(np.nansum(np.minimum(board.counts, areas))) + areas
        # every pair of sectors that an area holds is multiplied
        pairs = thrown**2 / areas
        draws = draws_for(
            permutations,
            int(tested.sum()),
            work=_STEPS * thrown + pairs + _OVERHEAD,
            alpha=alpha,
            correction=correction,
            alternative=alternative,
        )
        up, low = (
            side[first, second][tested] for side in throws(board, found, permutations=draws, seed=seed)
        )
        p[tested] = monte_carlo_p(up, low, draws, alternative=alternative)
    labels, n = board.sectors.to_numpy(), board.counts
    z, p_normal = _normal(statistic, mean, variance, alternative)
    columns = (labels[first], labels[second], n[first], n[second], statistic, mean, variance, z, p_normal, p)
    frame = pd.DataFrame(
        dict(zip(COAGGLOMERATION_COLUMNS, (*columns, adjust(p, correction), status), strict=True))
    )
    return Coagglomeration(
        frame=frame,
        totals=pd.Series(board.totals, index=board.sectors, name="total"),
        base=pd.Series(board.base, index=board.areas, name="base"),
        base_words=board.words,
        permutations=draws,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        seed=seed if draws else None,
        family_size=int(tested.sum()),
        note=board.note,
    )


def _normal(
    statistic: Floats, mean: Floats, variance: Floats, alternative: Alternative
) -> tuple[Floats, Floats]:
    from scipy.special import ndtr

    z = (statistic - mean) / np.sqrt(variance)
    tail = {"two-sided": 2 * ndtr(-np.abs(z)), "greater": ndtr(-z), "less": ndtr(z)}[alternative]
    return z, np.asarray(tail, dtype=np.float64)
