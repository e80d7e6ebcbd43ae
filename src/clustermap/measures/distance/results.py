"""What distance-based measures return: curves with their bands, of one sector or of many."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from clustermap.errors import OptionError, as_lines, one_line, part_of, plural

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.schema import Correction

__all__ = ["DistanceCurve", "DistanceCurves", "label_of"]

_TOLD = 10
_WORDS = {
    "localised": "closer together than chance",
    "dispersed": "farther apart than chance",
    "not significant": "no farther apart or closer together than chance explains",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Curves(ABC):
    """What every result carries: how it came about."""

    frame: pd.DataFrame
    tests: pd.DataFrame
    method: str
    null: str
    weights: str
    alpha: float
    permutations: int
    seed: int
    unit: str
    maximum: float
    sites: int
    alternative: str
    correction: Correction
    family_size: int
    note: str

    def _head(self) -> str:
        return (
            f"{self.method}, distances up to {self.maximum:,g} {self.unit}, {self._weighted()}; chance: {self.null}, "
            f"drawn from all {plural(self.sites, 'firm')}; each global band at {self.alpha:.3g} on its own side, seed "
            f"{self.seed}."
        )

    def _weighted(self) -> str:
        return "every firm counting one" if self.weights == "firms" else f"firms weighted by {self.weights}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"

    @abstractmethod
    def summary(self) -> str:
        """Say in plain sentences what was found."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DistanceCurve(_Curves):
    """The curve of one sector (or of a pair), with its bands.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per distance: ``distance, value, expected, lower, upper, global_lower, global_upper, localisation,
        dispersion``. `localisation` and `dispersion` are how far the curve lies outside the global bands.
    tests : pandas.DataFrame
        One row: ``sector, n, bandwidth, draws, decided, p_localised, p_dispersed, p, q, label, localisation,
        dispersion, status``.
    method, null, weights, alpha, permutations, seed, unit, maximum, sites, alternative, correction, family_size
        How it came about.
    note : str
        What must be said beside every figure.
    """

    sector: str

    @property
    def label(self) -> str:
        """Global localisation, global dispersion, or neither."""
        return str(self.tests["label"].iloc[0])

    @property
    def p(self) -> float:
        """Twice the smaller of the two one-sided global p, at most 1."""
        return float(self.tests["p"].iloc[0])

    @property
    def p_localised(self) -> float:
        """P of the largest excursion above."""
        return float(self.tests["p_localised"].iloc[0])

    @property
    def p_dispersed(self) -> float:
        """P of the largest excursion below."""
        return float(self.tests["p_dispersed"].iloc[0])

    @property
    def localisation(self) -> float:
        """Index of localisation: the curve's sum above the upper global band."""
        return float(self.tests["localisation"].iloc[0])

    @property
    def dispersion(self) -> float:
        """Index of dispersion: the curve's sum below the lower global band; 0 where the sector is localised."""
        return float(self.tests["dispersion"].iloc[0])

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        test = self.tests.iloc[0]
        lines = [self._head()]
        if test["status"] != "ok":
            return as_lines([*lines, f"{self.sector}: no answer ({test['status']}).", *self._notes()])
        outside = self.frame[self.frame["localisation" if self.label == "localised" else "dispersion"] > 0]
        where = (
            f", outside the band at {outside['distance'].min():,g} to {outside['distance'].max():,g} {self.unit}"
            if self.label != "not significant" and len(outside)
            else ""
        )
        lines.append(
            f"{self.sector}, {plural(int(test['n']), 'firm')}: {_WORDS[self.label]}{where} (p "
            f"{test['p_localised']:.3g} for "
            f"localisation, {test['p_dispersed']:.3g} for dispersion; {test['decided']})."
        )
        return as_lines([*lines, *self._notes()])

    def _notes(self) -> list[str]:
        return [self.note] if self.note else []

    def __repr__(self) -> str:
        return f"<DistanceCurve: {one_line(self.sector)}, {self.label}, p {self.p:.3g}>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DistanceCurves(_Curves):
    """The curves of many sectors, each with its bands.

    Attributes
    ----------
    frame : pandas.DataFrame
        Long: ``sector`` and the columns of a single curve.
    tests : pandas.DataFrame
        One row per sector; `q` corrects `p` for their number. A sector without an answer is NaN, and `status`
        says why.
    method, null, weights, alpha, permutations, seed, unit, maximum, sites, alternative, correction, family_size
        How it came about.
    note : str
        What must be said beside every figure.
    """

    def __getitem__(self, sector: str) -> DistanceCurve:
        names = list(self.tests["sector"])
        if sector not in names:
            raise OptionError(
                "CM-SECTOR-001",
                f"no curve of {sector!r} among {len(names):,}",
                fix=f"one of: {', '.join(map(repr, names[:10]))}",
            )
        shared = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"frame", "tests"}}
        frame = self.frame[self.frame["sector"] == sector].drop(columns="sector").reset_index(drop=True)
        tests = self.tests[self.tests["sector"] == sector].reset_index(drop=True)
        return DistanceCurve(sector=sector, frame=frame, tests=tests, **shared)

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        known = self.tests[self.tests["status"] == "ok"]
        counts = known["label"].value_counts()
        lines = [
            self._head(),
            (
                f"Localised: {part_of(counts.get('localised', 0), len(known), 'sector')}, dispersed: "
                f"{counts.get('dispersed', 0):,}, each by its own band; after {self.correction} over "
                f"{plural(self.family_size, 'test')} differing from chance: {int((known['q'] <= self.alpha).sum()):,}."
            ),
        ]
        ranked = known[known["label"] == "localised"].sort_values(
            ["localisation", "sector"], ascending=[False, True]
        )
        lines += [
            f"{r.sector}: {plural(r.n, 'firm')}, localised (p {r.p_localised:.3g})."
            for r in ranked.head(_TOLD).itertuples()
        ]
        others = self.tests.loc[self.tests["status"] != "ok", "status"].value_counts()
        lines += [
            f"{plural(n, 'sector has', 'sectors have')} no answer: {status}." for status, n in others.items()
        ]
        return as_lines([*lines, *([self.note] if self.note else [])])

    def __repr__(self) -> str:
        return f"<DistanceCurves: {plural(len(self.tests), 'sector')}, up to {self.maximum:,g} {self.unit}>"


def label_of(p_above: float, p_below: float, alpha: float) -> str:
    """Classify: above the upper band somewhere is localised; below the lower one, and not localised, dispersed.

    Examples
    --------
    >>> label_of(0.01, 0.01, 0.05), label_of(0.2, 0.01, 0.05), label_of(0.2, 0.2, 0.05)
    ('localised', 'dispersed', 'not significant')
    """
    if not np.isfinite(p_above):
        return "no answer"
    level = alpha * (1 + 1e-12)
    if p_above <= level:
        return "localised"
    return "dispersed" if p_below <= level else "not significant"
