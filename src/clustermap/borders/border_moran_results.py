"""What the split of Moran's I by borders returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clustermap.autocorrelation.results import SHARED, Result, check_sector
from clustermap.errors import as_lines, part_of, plural

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.schema import Correction
    from clustermap.sources.values import Areas, Lookup

__all__ = ["BorderMoran", "BorderMorans"]

_USUAL = 0.05
_TOLD = 10
_NAMED = 5
_OWN = ("authorities", "membership_rule", "outside", "names", "null_words", "method")
_SMOOTH = (
    "Under this null any smooth surface rejects: arrangements within authorities destroy the pattern inside them "
    "too, so a small p does not say that a cluster crosses."
)
_TREND = "A small p says that neighbours across borders are alike, which a trend over the whole map brings about too."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Border(Result):
    pairs: pd.DataFrame
    continuity: pd.DataFrame
    authorities: Areas | Lookup
    membership_rule: str
    outside: tuple[str, ...]
    names: pd.Series
    null_words: str
    method: str = "border Moran"
    correction: Correction = "none"
    areas: Areas | None = None

    def _closing(self) -> list[str]:
        lines = [f"Null: {self.null_words}."]
        lines += [_SMOOTH] if self.null == "within-authority" else []
        lines += [_TREND] if self.null == "free" else []
        if self.outside:
            more = ", …" if len(self.outside) > _NAMED else ""
            lines.append(
                f"{plural(len(self.outside), 'area lies', 'areas lie')} wholly or partly in no authority "
                "and count as one group: "
                f"{', '.join(self.outside[:_NAMED])}{more}."
            )
        lines.append(f"Membership: {self.membership_rule}.")
        return [*lines, *([self.note] if self.note else [])]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BorderMoran(_Border):
    """Moran's I of one variable, split by borders.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``sector, part, statistic, expected, variance, z, p_normal, p, permutations, weight`` for the parts "within",
        "cross" and "total". `weight` is the share of all weight of links. `expected` and `variance` are exact under
        the free null; within authorities the mean is exact and the variance that of the draws.
    pairs : pandas.DataFrame
        ``sector, a, b, n_links, weight, statistic, expected, p, q``: a row per pair of authorities that links join; a
        equal to b is what stays within. Statistics sum to I. `expected` is exact under the free null, else of the
        draws; `q` is step-up Benjamini–Hochberg over the rows.
    continuity : pandas.DataFrame
        ``sector, crossing, internal, ratio, equal_distance, unmatched``: mean product of z over links that cross, and
        over links within of the same length.
    outside : tuple of str
        Areas that lie wholly or partly in no authority: the group "(none)".
    membership_rule : str
        How areas were given to authorities.
    null_words : str
        What was held equally likely, in words.
    null, permutations, alternative, correction, rates, transformation, seed, family_size
        How it came about.
    """

    sector: str | None
    title: str = ""

    def _number(self, part: str, column: str) -> float:
        return float(self.frame.loc[self.frame["part"] == part, column].iloc[0])

    @property
    def within(self) -> float:
        """The part of I within authorities."""
        return self._number("within", "statistic")

    @property
    def cross(self) -> float:
        """The part of I across borders."""
        return self._number("cross", "statistic")

    @property
    def total(self) -> float:
        """Moran's I."""
        return self._number("total", "statistic")

    @property
    def p(self) -> float:
        """Monte-Carlo p of the part across borders."""
        return self._number("cross", "p")

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        what = f" of {self.title}" if self.title else ""
        weight, expected = self._number("cross", "weight"), self._number("cross", "expected")
        p = self.p if np.isfinite(self.p) else self._number("cross", "p_normal")
        tone = "more" if self.cross > expected else "less"
        known = f"p = {self.p:.3g}" if np.isfinite(self.p) else f"p = {p:.3g} (normal approximation)"
        lines = [
            (
                f"Moran's I{what} is {self.total:.3f}: {self.within:.3f} within authorities and {self.cross:.3f} "
                f"across their borders, which {weight:.0%} of the weight of links crosses."
            ),
            (
                f"Across borders {expected:.3f} is expected ({known}, {self.alternative}, {self.permutations:,} "
                f"permutations; rates: {self.rates})."
            ),
            f"Neighbours across borders resemble each other {tone} than this null explains."
            if p <= _USUAL
            else "This null explains how much neighbours across borders resemble each other.",
            *self._links(),
            *self._borders(),
        ]
        return as_lines([*lines, *self._closing()])

    def _links(self) -> list[str]:
        row = self.continuity.iloc[0]
        at = "of the same length" if row["equal_distance"] else "of any length (no polygons)"
        if not np.isfinite(row["ratio"]):
            return ["No link within can be held against those that cross."]
        left_out = f"; {row['unmatched']:.0%} of crossing links have no match" if row["unmatched"] else ""
        return [
            (
                f"Per link: the mean product of z is {row['crossing']:.3f} across borders and {row['internal']:.3f} "
                f"within, over links {at}{left_out}."
            )
        ]

    def _borders(self) -> list[str]:
        """Name the borders across which neighbours are more alike than the null explains."""
        pairs = self.pairs
        sure = (pairs["a"] != pairs["b"]) & (pairs["q"] <= _USUAL) & (pairs["statistic"] > pairs["expected"])
        if not sure.any():
            return []
        found = pairs[sure].sort_values("statistic", ascending=False, kind="stable").head(_NAMED)
        told = ", ".join(
            f"{self._name(a)} – {self._name(b)} ({value:.3f}, q = {q:.2g})"
            for a, b, value, q in found[["a", "b", "statistic", "q"]].itertuples(index=False)
        )
        of = int((pairs["a"] != pairs["b"]).sum())
        return [
            f"Neighbours are alike across {part_of(int(sure.sum()), of, 'border')} (q ≤ {_USUAL:g}), most: {told}."
        ]

    def _name(self, code: str) -> str:
        names = self.names[self.names.index.astype(str) == code]
        return str(names.iloc[0]) if len(names) else code

    def __repr__(self) -> str:
        return (
            f"<BorderMoran: I {self.total:.4f} = within {self.within:.4f} + cross {self.cross:.4f}, "
            f"p of cross {self.p:.3g}>"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BorderMorans(_Border):
    """Moran's I of many sectors, each split by borders.

    Attributes
    ----------
    frame, pairs, continuity : pandas.DataFrame
        As for one sector, the rows of all sectors after each other; p is not corrected for the number of sectors.
    sectors : tuple of str
        What was analysed.
    outside, membership_rule, null_words, null, permutations, alternative, correction, rates, transformation, seed
        How it came about.
    """

    sectors: tuple[str, ...]
    titles: dict[str, str]

    def __getitem__(self, sector: str) -> BorderMoran:
        check_sector(sector, list(self.sectors))
        own = {}
        for name in ("frame", "pairs", "continuity"):
            table = getattr(self, name)
            own[name] = table[table["sector"] == sector].reset_index(drop=True)
        shared = {name: getattr(self, name) for name in (*SHARED, *_OWN) if name != "frame"}
        return BorderMoran(**own, sector=sector, title=self.titles.get(sector, sector), **shared)

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        wide = self.frame.pivot_table(index="sector", columns="part", values="statistic", dropna=False)
        cross = self.frame[self.frame["part"] == "cross"].set_index("sector")
        ranked = cross.sort_values("z", ascending=False, kind="stable").head(_TOLD)
        lines = [
            (
                f"Moran's I of {plural(len(self.sectors), 'sector')} split by borders, the strongest "
                "across them first; p "
                f"({self.alternative}, {self.permutations:,} permutations) is not corrected for their number."
            )
        ]
        lines += [
            f"{self.titles.get(str(s), str(s))}: I {wide.loc[s, 'total']:.3f}, within {wide.loc[s, 'within']:.3f}, "
            f"across {wide.loc[s, 'cross']:.3f}, p {row['p']:.3g}."
            for s, row in ranked.iterrows()
        ]
        return as_lines([*lines, *self._closing()])

    def __repr__(self) -> str:
        return f"<BorderMorans: {plural(len(self.sectors), 'sector')}, {self.permutations} permutations>"
