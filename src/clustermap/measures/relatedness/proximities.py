"""Proximity of sectors: how often areas that are specialised in one are specialised in the other."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, as_lines, plural
from clustermap.inference import adjust, monte_carlo_p
from clustermap.measures.relatedness.chance import (
    draws_for,
    hypergeometric_tails,
    meetings,
    permuted_meetings,
    steps_of_a_draw,
)
from clustermap.measures.relatedness.presence import check_choice, find_presence, paired
from clustermap.randomness import resolve_seed
from clustermap.schema import PROXIMITY_COLUMNS, Alternative, Normalisation, ProximityNull

if TYPE_CHECKING:
    from clustermap.measures.relatedness.presence import Presence
    from clustermap.schema import Correction, PresenceRule
    from clustermap.tables.table import SectorTable

__all__ = ["Proximity", "normalised", "proximity"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_NAMED = 3
STATUS_OK, STATUS_NOWHERE, STATUS_EVERYWHERE = "ok", "in no area", "in every area"
_NULLS = {
    "degree-preserving": (
        "presences at random, each sector in as many areas and each area with as many sectors as observed"
    ),
    "hypergeometric": "each sector's areas at random among all areas, whatever these have else",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Proximity:
    """How close sectors are, and whether they meet more or less often than by chance.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per pair of sectors, each once: ``a, b, n_a, n_b, both, expected, proximity, p, q, status``.
        `n_a`, `n_b` are the areas of each, `both` the areas of both, `expected` their mean under the null.
    presence : pandas.DataFrame
        Areas × sectors, True where the area is specialised.
    rule, normalisation, null, method : str
        How it came about.
    permutations : int
        Draws; 0 where p is exact.
    alternative, correction, alpha, seed, family_size
        As asked; `family_size` counts the pairs with a p.
    """

    frame: pd.DataFrame
    presence: pd.DataFrame
    rule: str
    normalisation: Normalisation
    null: str
    permutations: int
    alternative: Alternative
    correction: Correction
    alpha: float
    seed: int | None
    family_size: int
    notes: tuple[str, ...] = ()
    method: str = "proximity"

    @property
    def sectors(self) -> list[str]:
        """The sectors, in order."""
        return list(self.presence.columns)

    def wide(self, column: str = "proximity") -> pd.DataFrame:
        """Return one column as sectors × sectors, NaN on the diagonal.

        Examples
        --------
        >>> jobs = pd.DataFrame({"a": [8, 1, 1], "b": [8, 1, 1], "c": [1, 8, 9]}, index=["X", "Y", "Z"])
        >>> proximity(jobs, null="hypergeometric").wide().loc["a", "b"].item()
        1.0
        """
        if column not in PROXIMITY_COLUMNS[2:]:
            raise OptionError(
                "CM-RELATE-006",
                f"proximity has no column {column!r}",
                fix=f"wide() with one of: {', '.join(PROXIMITY_COLUMNS[2:])}",
            )
        return paired(self.frame[column], pd.Index(self.sectors, name="sector"))

    def summary(self) -> str:
        """Say in plain sentences which sectors meet more often than by chance, and what that does not say."""
        lines = [
            (
                f"Proximity ({self.normalisation}) of {plural(len(self.sectors), 'sector')} in "
                f"{plural(len(self.presence), 'area')}; "
                f"present: {self.rule}. Null: {self.null}; {self.alternative} p from "
                + (
                    f"{self.permutations:,} draws (seed {self.seed})"
                    if self.permutations
                    else "the exact law"
                )
                + f"; q by {self.correction} over {plural(self.family_size, 'pair')}."
            )
        ]
        measured = self.frame["p"] if self.correction == "none" else self.frame["q"]
        sure = self.frame[measured < self.alpha]
        more = sure[sure["both"] > sure["expected"]].sort_values("proximity", ascending=False, kind="stable")
        named = ", ".join(f"{r.a} and {r.b} {r.proximity:.2f}" for r in more.head(_NAMED).itertuples())
        lines.append(
            f"{plural(len(more), 'pair meets', 'pairs meet')} more and {len(sure) - len(more):,} less "
            f"often than by chance at {self.alpha:g}" + (f" (closest: {named})." if named else ".")
        )
        counts = self.frame["status"].value_counts()
        lines += [
            f"{plural(n, 'pair')}: a sector {status}." for status, n in counts.items() if status != STATUS_OK
        ]
        lines.append(
            "Sectors that stand in the same areas need not share anything: it says together, not why."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Proximity: {plural(len(self.sectors), 'sector')}, {plural(len(self.presence), 'area')}, "
            f"{self.normalisation}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def proximity(
    table: SectorTable | pd.DataFrame,
    *,
    presence: PresenceRule = "lq",
    threshold: float = 1.0,
    normalisation: Normalisation = "minimum",
    null: ProximityNull = "degree-preserving",
    permutations: int | Literal["auto"] = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    seed: int | None = None,
) -> Proximity:
    r"""Measure how close sectors are by the areas that are specialised in both, and test it against chance.

    With :math:`c_{st}` the areas specialised in both, :math:`k_s` those in one and n all areas, proximity is
    :math:`c_{st}/\max(k_s, k_t)`, the smaller of the two conditional shares. Two sectors that are present in
    most areas meet in many whatever they have in common: compare `both` with `expected`, not with 0.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors, no suppressed cells. The sectors of a plain frame are taken to be the whole economy.
    presence : {"lq", "significant"}
        An area is specialised where its location quotient exceeds `threshold`, or where it exceeds 1 with q
        below 5 % (counts of firms only). With about one expected firm a raw quotient exceeds 1 by chance in
        a third of all areas.
    threshold : float
        For ``presence="lq"``.
    normalisation : {"minimum", "cosine", "association"}
        :math:`c/\max(k_s, k_t)`, :math:`c/\sqrt{k_s k_t}`, or :math:`c\,n/(k_s k_t)`. p is the same for all.
    null : {"degree-preserving", "hypergeometric"}
        Random matrices in which sectors keep the number of their areas and areas the number of their sectors
        (trades along a chain, exact by exchangeability); or each sector's areas drawn anew without regard to
        how much an area has (exact, no draws; **finds too much where areas differ in diversity**).
    permutations : int or "auto"
        Draws for "degree-preserving". "auto": 20 for each pair at the smallest threshold, as far as about a
        minute allows, which a warning says.
    alternative, correction, alpha
        As everywhere; two-sided p counts ties in both tails.
    seed : int, optional
        Drawn and recorded where absent.

    Returns
    -------
    Proximity
        A sector in no area has no proximity (NaN), one in every area no p.

    Raises
    ------
    OptionError
        CM-RELATE-001: an unknown rule. CM-RELATE-005: permutations.
    InputError
        CM-RELATE-002: suppressed cells.
    StatisticsError
        CM-RELATE-003: significance without a p. CM-RELATE-004: too few areas or sectors.

    Warns
    -----
    ClusterMapWarning
        CM-STAT-005: draws are coarse for the number of pairs.

    References
    ----------
    Hidalgo, C. A., Klinger, B., Barabási, A.-L. and Hausmann, R. (2007), The product space conditions the
    development of nations. Science 317.
    van Eck, N. J. and Waltman, L. (2009), How to normalize cooccurrence data? JASIST 60.
    Strona, G., Nappo, D., Boccacci, F., Fattorini, S. and San-Miguel-Ayanz, J. (2014), A fast and unbiased
    procedure to randomize ecological binary matrices with fixed row and column totals. Nature Communications 5.
    Besag, J. and Clifford, P. (1989), Generalized Monte Carlo significance tests. Biometrika 76.

    Examples
    --------
    >>> jobs = pd.DataFrame(
    ...     {"cars": [9, 8, 1, 0], "steel": [7, 9, 0, 1], "film": [1, 2, 9, 1], "farms": [1, 1, 1, 9]},
    ...     index=["A", "B", "C", "D"])
    >>> pair = proximity(jobs, null="hypergeometric").frame.set_index(["a", "b"]).loc[("cars", "steel")]
    >>> print(f"{pair.both} of {pair.n_a}, proximity {pair.proximity:.2f}, p {pair.p:.2f}")
    2 of 2, proximity 1.00, p 0.33
    """
    for name, given, kind in (
        ("normalisation", normalisation, Normalisation),
        ("null", null, ProximityNull),
        ("alternative", alternative, Alternative),
    ):
        check_choice(name, given, get_args(kind))
    found = find_presence(table, presence=presence, threshold=threshold, what="proximity")
    n, size, both = len(found.areas), found.ubiquity, meetings(found.cells)
    first, second = np.triu_indices(len(size), 1)
    near, status = normalised(both, size, n, normalisation)[first, second], _states(size, n, first, second)
    tested = status == STATUS_OK
    p, draws = np.full(len(first), np.nan), 0
    expected = size[first] * (size[second] / n)
    if null == "hypergeometric":
        a, b = first[tested], second[tested]
        p[tested] = _exact_p(*hypergeometric_tails(n, size[a], size[b], both[a, b]), alternative)
        seed = None
    elif tested.any():
        seed = resolve_seed(seed)
        draws = draws_for(
            permutations,
            int(tested.sum()),
            work=steps_of_a_draw(*found.cells.shape),
            alpha=alpha,
            correction=correction,
            alternative=alternative,
        )
        tails = permuted_meetings(found.matrix, both, permutations=draws, seed=seed)
        expected = tails.total[first, second] / draws
        up, low = (side[first, second][tested] for side in (tails.up, tails.low))
        p[tested] = monte_carlo_p(up, low, draws, alternative=alternative)
    labels = np.asarray(found.sectors, dtype=object)
    columns = (labels[first], labels[second], size[first], size[second], both[first, second], expected)
    frame = pd.DataFrame(
        dict(zip(PROXIMITY_COLUMNS, (*columns, near, p, adjust(p, correction), status), strict=True))
    )
    return Proximity(
        frame=frame,
        presence=pd.DataFrame(found.matrix, index=found.areas, columns=pd.Index(labels, name="sector")),
        rule=found.words,
        normalisation=normalisation,
        null=_NULLS[null],
        permutations=draws,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        seed=seed,
        family_size=int(tested.sum()),
        notes=_notes(found, null),
    )


def normalised(both: Ints, size: Ints, n: int, normalisation: Normalisation) -> Floats:
    """Turn meetings into proximities, NaN for sectors in no area."""
    k = size.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = {
            "minimum": np.maximum.outer(k, k),
            "cosine": np.sqrt(np.multiply.outer(k, k)),
            "association": np.multiply.outer(k, k) / n,
        }[normalisation]
        nowhere = np.logical_or.outer(size == 0, size == 0)
        return np.asarray(np.where(nowhere, np.nan, both / scale), dtype=np.float64)


def _exact_p(up: Floats, low: Floats, alternative: Alternative) -> Floats:
    if alternative == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * np.minimum(up, low)))
    return np.asarray(np.minimum(1.0, up if alternative == "greater" else low))


def _states(size: Ints, n: int, first: Ints, second: Ints) -> npt.NDArray[np.object_]:
    status = np.full(len(first), STATUS_OK, dtype=object)
    status[(size[first] == n) | (size[second] == n)] = STATUS_EVERYWHERE
    status[(size[first] == 0) | (size[second] == 0)] = STATUS_NOWHERE
    return status


def _notes(found: Presence, null: ProximityNull) -> tuple[str, ...]:
    notes = found.notes()
    spread = found.diversity
    if null == "hypergeometric" and spread.max() > 2 * max(1, spread.min()):
        notes.insert(
            0,
            f"Areas have {spread.min()} to {plural(spread.max(), 'sector')}, which this null does not "
            "keep: diverse areas alone "
            'make sectors meet. null="degree-preserving" keeps it.',
        )
    return tuple(notes)
