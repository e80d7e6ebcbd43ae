"""What join counts return: one row per variable and kind of join."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clustermap.autocorrelation.results import Result, check_sector
from clustermap.autocorrelation.whole.results import GlobalResult, p_text
from clustermap.errors import OptionError, as_lines, part_of, plural
from clustermap.schema import GLOBAL_COLUMNS

if TYPE_CHECKING:
    from clustermap.schema import Correction
    from clustermap.sources.values import Areas

__all__ = ["JoinCounts"]

_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class JoinCounts(Result):
    """Joins of neighbours by kind.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``sector, joins, statistic, expected, variance, z, p_normal, p, permutations, expected_independent,
        variance_independent``: a row per variable and kind of join. `expected` and `variance` hold the numbers of
        areas of each kind fixed; the last two let every area draw its kind by itself.
    sectors : tuple of str
        What was analysed.
    null_words : str
        What was held equally likely, in words.
    null, permutations, alternative, correction, rates, transformation, seed, family_size
        How it came about; p is not corrected for the number of rows.
    """

    sectors: tuple[str, ...]
    null_words: str
    method: str = "global join count"
    correction: Correction = "none"
    areas: Areas | None = None

    def __getitem__(self, sector: str) -> JoinCounts:
        check_sector(sector, list(self.sectors))
        rows = self.frame[self.frame["sector"] == sector].reset_index(drop=True)
        return replace(self, frame=rows, sectors=(sector,), family_size=len(rows))

    def of(self, joins: str) -> GlobalResult:
        """Return one kind of join of one variable, such as ``"BB"``.

        Raises
        ------
        OptionError
            CM-JOIN-003: no such join, or several variables have it.
        """
        rows = self.frame[self.frame["joins"] == joins]
        if len(rows) != 1:
            known = list(dict.fromkeys(self.frame["joins"]))
            raise OptionError(
                "CM-JOIN-003",
                f"{part_of(len(rows), len(self.frame), 'row', 'is', 'are')} joins {joins!r}",
                fix=f"result[{self.sectors[0]!r}].of({joins!r})"
                if len(rows)
                else f"of() with one of: {known}",
            )
        sector = str(rows["sector"].iloc[0])
        return GlobalResult(
            frame=rows[list(GLOBAL_COLUMNS)].reset_index(drop=True),
            sector=sector or None,
            title=f"{joins} of {sector}" if sector else joins,
            method=self.method,
            variance_normality=float(rows["variance_independent"].iloc[0]),
            null=self.null,
            null_words=self.null_words,
            permutations=self.permutations,
            alternative=self.alternative,
            rates=self.rates,
            transformation=self.transformation,
            seed=self.seed,
            family_size=self.family_size,
        )

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        lines = [
            (
                f"Joins of neighbours ({self.alternative}, {self.permutations:,} permutations; p is not corrected for "
                f"{plural(len(self.frame), 'kind')} of joins):"
            )
        ]
        lines += [
            f"{f'{r.sector}: ' if r.sector else ''}{r.joins} {r.statistic:,.4g} where {r.expected:,.4g} are "
            f"expected, p {p_text(r.p, r.p_normal)}."
            for r in self.frame.head(_TOLD).itertuples()
        ]
        if len(self.frame) > _TOLD:
            lines.append(
                f"{plural(len(self.frame) - _TOLD, 'more kind stands', 'more kinds stand')} in the frame."
            )
        return as_lines([*lines, *([] if self.null == "free" else [f"Null: {self.null_words}."])])

    def __repr__(self) -> str:
        return f"<JoinCounts: {plural(len(self.sectors), 'variable')}, {plural(len(self.frame), 'kind')} of joins>"
