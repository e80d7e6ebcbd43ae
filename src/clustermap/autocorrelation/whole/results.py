"""What a statistic of the whole map returns: one number a variable, with its moments and p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clustermap.autocorrelation.results import SHARED, Result, check_sector
from clustermap.errors import as_lines, plural

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.schema import Correction
    from clustermap.sources.values import Areas

__all__ = ["USUAL_LEVEL", "GlobalResult", "GlobalResults", "p_text"]

_TOLD = 10
USUAL_LEVEL = 0.05  # level of the words where none was asked for


class _Said(NamedTuple):
    """How a statistic is called, and what a large one, a small one and an ordinary one mean."""

    name: str
    symbol: str
    large: str
    small: str
    neither: str


_ALIKE = "Neighbours resemble each other more than chance explains."
_UNLIKE = "Neighbours resemble each other less than chance explains."
_ALL_SAME = (
    "Every arrangement of these values on this graph gives the same figure (as where all areas are neighbours of all "
    "others): there is nothing to test."
)
_CHANCE = "Chance explains how much neighbours resemble each other."
_SAID = {
    "global Moran": _Said("Moran's I", "I", _ALIKE, _UNLIKE, _CHANCE),
    "global Geary": _Said("Geary's c", "c", _UNLIKE, _ALIKE, _CHANCE),
    "global Getis-Ord": _Said(
        "General G",
        "G",
        "High values lie near each other, or in well-linked areas, more than chance explains.",
        "High values lie near each other, or in well-linked areas, less than chance explains.",
        "Chance explains how near high values lie to each other.",
    ),
    "global bivariate Moran": _Said(
        "Bivariate Moran's I",
        "I",
        "Where the first is high, the second is high around it more than this null explains.",
        "Where the first is high, the second is low around it more than this null explains.",
        "This null explains how the second goes with the first around it.",
    ),
    "global join count": _Said(
        "Number of joins",
        "joins",
        "There are more such joins than chance explains.",
        "There are fewer such joins than chance explains.",
        "Chance explains the number of such joins.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Global(Result):
    method: str
    null_words: str = ""
    correction: Correction = "none"
    areas: Areas | None = None

    @property
    def _said(self) -> _Said:
        return _SAID[self.method]

    def _closing(self) -> list[str]:
        told = self.null != "free" or self.method == "global bivariate Moran"
        lines = [f"Null: {self.null_words}."] if told else []
        return [*lines, *([self.note] if self.note else [])]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GlobalResult(_Global):
    """A statistic of the whole map, of one variable.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row: ``sector, statistic, expected, variance, z, p_normal, p, permutations``.
    sector : str or None
        What was analysed.
    variance_normality : float
        Variance if the values were normal (joins: if kinds were drawn independently); `variance` is that of all
        arrangements of these values. NaN where there is no such formula.
    null_words : str
        What was held equally likely, in words.
    method, null, permutations, alternative, correction, rates, transformation, seed, family_size
        How it came about.
    """

    sector: str | None
    title: str = ""
    variance_normality: float

    def _number(self, column: str) -> float:
        return float(self.frame[column].iloc[0])

    @property
    def statistic(self) -> float:
        """The statistic."""
        return self._number("statistic")

    @property
    def expected(self) -> float:
        """Its mean under the null: over all arrangements, or over the draws where no exact one is known."""
        return self._number("expected")

    @property
    def variance(self) -> float:
        """Its variance under the null: over all arrangements of these values, or over the draws."""
        return self._number("variance")

    @property
    def z(self) -> float:
        """Distance from the mean in standard deviations."""
        return self._number("z")

    @property
    def p_normal(self) -> float:
        """Approximate p from `z`."""
        return self._number("p_normal")

    @property
    def p(self) -> float:
        """Monte-Carlo p from permutations."""
        return self._number("p")

    @property
    def _without_spread(self) -> bool:
        """Say whether chance can give no other figure than this."""
        return bool(np.isfinite(self.statistic) and np.isnan(self.variance))

    def _z_text(self) -> str:
        if np.isfinite(self.z):
            return f"z = {self.z:.2f}"
        return "no z: no spread under the null" if self._without_spread else "no z"

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        said = self._said
        what = f" of {self.title}" if self.title else ""
        p = self.p if np.isfinite(self.p) else self.p_normal
        lines = [
            (
                f"{said.name}{what} is {self.statistic:.3f} where {self.expected:.3f} is expected by chance "
                f"({self._z_text()}, p = {p_text(self.p, self.p_normal)}, {self.alternative}, "
                f"{self.permutations:,} permutations; rates: {self.rates})."
            ),
            _ALL_SAME
            if self._without_spread
            else (said.large if self.statistic > self.expected else said.small)
            if p <= USUAL_LEVEL
            else said.neither,
        ]
        if "correlation" in self.frame:
            lines.append(f"Within areas the two are correlated by {self._number('correlation'):.3f}.")
        return as_lines([*lines, *self._closing()])

    def __repr__(self) -> str:
        return f"<GlobalResult: {self._said.symbol} {self.statistic:.4f}, z {self.z:.2f}, p {self.p:.3g}>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GlobalResults(_Global):
    """A statistic of the whole map, of many sectors.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per sector: ``sector, statistic, expected, variance, z, p_normal, p, permutations``.
    variances_normality : pandas.Series
        By sector, the variance if the values were normal.
    null_words : str
        What was held equally likely, in words.
    method, null, permutations, alternative, correction, rates, transformation, seed, family_size
        How it came about; p is not corrected for the number of sectors.
    """

    variances_normality: pd.Series
    titles: dict[str, str]

    def __getitem__(self, sector: str) -> GlobalResult:
        check_sector(sector, list(self.frame["sector"]))
        row = self.frame[self.frame["sector"] == sector]
        shared = {name: getattr(self, name) for name in (*SHARED, "method", "null_words") if name != "frame"}
        return GlobalResult(
            frame=row.reset_index(drop=True),
            sector=sector,
            title=self.titles.get(sector, sector),
            variance_normality=float(self.variances_normality[sector]),
            **shared,
        )

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        said = self._said
        ranked = self.frame.sort_values("z", ascending=said.large is _UNLIKE, kind="stable")
        lines = [
            (
                f"{said.name} of {plural(len(self.frame), 'sector')}, strongest first; p ({self.alternative}, "
                f"{self.permutations:,} permutations) is not corrected for their number."
            )
        ]
        lines += [
            f"{self.titles.get(r.sector, r.sector)}: {said.symbol} {r.statistic:.3f}, "
            f"p {p_text(r.p, r.p_normal)}."
            for r in ranked.head(_TOLD).itertuples()
        ]
        return as_lines([*lines, *self._closing()])

    def __repr__(self) -> str:
        return f"<GlobalResults: {plural(len(self.frame), 'sector')}, {self.permutations} permutations>"


def p_text(p: float, fallback: float) -> str:
    """Say a p, or the approximate one where there is no other."""
    if np.isfinite(p):
        return f"{p:.3g}"
    return f"{fallback:.3g} (normal approximation)" if np.isfinite(fallback) else "none"
