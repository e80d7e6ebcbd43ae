"""What concentration measures return."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from clustermap.errors import InputError, OptionError, as_lines, plural
from clustermap.measures.concentration.engine import MEASURES
from clustermap.schema import CONCENTRATION_COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.schema import Correction
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["STATUS_OK", "Agglomeration", "Concentration"]

STATUS_OK = "ok"
_FEW, _TOLD = 10, 5
_WORDS = {"ellison_glaeser": "Ellison–Glaeser", "maurel_sedillot": "Maurel–Sedillot"}
_HEADLINE = "gini_weighted"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concentration:
    """How unevenly sectors lie over areas, or areas over sectors, beside what chance alone would show.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per sector (or area) and measure: the label, ``measure, n, statistic, se, lower, upper, expected,
        sd, z, p, q, status``. `n` is the number of units (firms) thrown, `expected` and `sd` belong to random
        location; `se, lower, upper` to drawing the units again. NaN where there is no answer; `status` says why.
    table : SectorTable
        What was measured.
    unit : {"sector", "area"}
        Whose profiles these are.
    reference : {"nation", "rest"}
        What a profile is compared with.
    permutations, replicates, seed : int
        Throws at random, resamples, and what both come from.
    interval, correction : float, str
        As asked; q corrects over all profiles, for each measure by itself: to look at all seven is to ask seven
        families.
    family_size : int
        Tests of one measure that q is corrected for.
    method, null, alternative : str
        In words.
    """

    frame: pd.DataFrame
    table: SectorTable
    unit: Literal["sector", "area"]
    reference: Literal["nation", "rest"]
    permutations: int
    replicates: int
    seed: int
    interval: float
    correction: Correction
    family_size: int
    method: str = (
        "indices of observed shares; bootstrap of the units, its bias taken off and added to the width"
    )
    null: str = "random location: each unit falls independently, by the reference's shares"
    alternative: str = "two-sided"

    @property
    def areas(self) -> Areas | None:
        """The polygons, where the table has them."""
        return self.table.areas

    @property
    def alpha(self) -> float:
        """The level that belongs to the interval."""
        return round(1 - self.interval, 12)

    def wide(self, column: str = "statistic") -> pd.DataFrame:
        """Return one column as sectors (or areas) × measures.

        Examples
        --------
        >>> from clustermap.measures.concentration import sector_concentration
        >>> frame = pd.DataFrame({"steel": [4, 1], "rest": [6, 9]}, index=["A", "B"])
        >>> result = sector_concentration(frame, permutations=99, replicates=99, seed=1)
        >>> float(result.wide().loc["steel", "hoover"].round(2))
        0.3
        """
        if column not in CONCENTRATION_COLUMNS:
            raise OptionError(
                "CM-CONC-001",
                f"these results have no column {column!r}",
                fix=f"wide() with one of: {', '.join(CONCENTRATION_COLUMNS)}",
            )
        n = len(MEASURES)
        index = pd.Index(self.frame[self.unit].to_numpy()[::n], name=self.unit)
        values = self.frame[column].to_numpy().reshape(-1, n)
        return pd.DataFrame(values, index=index, columns=pd.Index(MEASURES, name="measure"))

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with their indices.

        Raises
        ------
        InputError
            CM-TABLE-004: the table has no polygons, or these are profiles of sectors.
        """
        if self.areas is None or self.unit != "area":
            raise InputError(
                "CM-TABLE-004",
                "these results have no areas",
                fix="area_specialisation(SectorTable.from_values(…, areas=…)).geo()",
            )
        return self.areas.frame.join(self.wide())

    def summary(self) -> str:
        """Say in plain sentences what stands out and what the figures do not say."""
        part = self.frame[self.frame["measure"] == _HEADLINE]
        tested = part["q"] if self.correction != "none" else part["p"]
        sure = part[tested < self.alpha]
        other = "areas" if self.unit == "sector" else "sectors"
        against = "all areas' totals" if self.unit == "sector" else "the nation's mix"
        against += " without the one measured" if self.reference == "rest" else ""
        more = sure[sure["statistic"] > sure["expected"]]
        lines = [
            (
                f"{plural(len(part), self.unit)} over {other}, against {against}: Gini, Hoover, Krugman, "
                "Theil, Herfindahl, Hachman."
            )
        ]
        if self.permutations:
            lines += [
                (
                    f"Every index of few firms exceeds 0 by chance alone: each is held against {self.permutations:,} "
                    f"random locations of as many firms (seed {self.seed}), two-sided, q by {self.correction} over "
                    f"{plural(self.family_size, self.unit)} of one index: of seven indices, some find something by "
                    "chance more often than one that was chosen before looking."
                ),
                (
                    f"{plural(len(more), f'{self.unit} is', f'{self.unit}s are')} more uneven than random "
                    "location (Gini by reference), "
                    f"{len(sure) - len(more):,} less."
                ),
            ]
        best = more.assign(excess=more["statistic"] - more["expected"]).nlargest(_TOLD, "excess")
        lines += [
            f"{self._name(getattr(r, self.unit))}: {r.statistic:.2f} where chance gives {r.expected:.2f}."
            for r in best.itertuples()
        ]
        lines += [
            f"{plural(n, self.unit)}: {status}."
            for status, n in part["status"].value_counts().items()
            if status != STATUS_OK
        ]
        lines.append(
            "The indices know no distance: areas next to each other count like areas far apart, and another set of "
            "borders gives other figures."
        )
        return as_lines([*lines, *([self.table.note] if self.table.note else [])])

    def _name(self, label: object) -> str:
        if self.unit == "sector":
            return str(self.table.sector_labels.get(str(label), label))
        return str(self.areas.names.get(label, label)) if self.areas is not None else str(label)

    def __repr__(self) -> str:
        n = len(self.frame) // len(MEASURES)
        return f"<Concentration: {plural(n, self.unit)} × {len(MEASURES)} measures, {self.permutations} permutations>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agglomeration:
    """How much closer a sector's plants stand than their number and sizes explain.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per sector: ``sector, n_plants, value, raw, herfindahl, gamma, se, lower, upper, null_sd, z, p, q,
        status``. `value` is employment, `raw` is G = Σ (s − x)² (Ellison–Glaeser) or Σ s² (Maurel–Sedillot),
        `null_sd` the exact standard deviation of γ under random location, where γ is 0 on average; `se` is the
        delete-one-plant jackknife, `lower` and `upper` are γ ± its normal quantile.
    base : pandas.Series
        Share of each area under random location.
    base_is : str
        Where the base is from.
    statistic : {"ellison_glaeser", "maurel_sedillot"}
        Which index.
    permutations, seed, interval, correction, family_size
        As asked; q corrects over the sectors.
    notes : tuple of str
        What was left out.
    method, null, alternative : str
        In words.
    """

    frame: pd.DataFrame
    base: pd.Series
    base_is: str
    statistic: Literal["ellison_glaeser", "maurel_sedillot"]
    permutations: int
    seed: int
    interval: float
    correction: Correction
    family_size: int
    notes: tuple[str, ...] = ()
    method: str = "plants at random by Monte Carlo (p), exact moments (z), delete-one-plant jackknife (se)"
    null: str = "random location: each plant, whatever its size, falls independently by the base's shares"
    alternative: str = "two-sided"

    @property
    def alpha(self) -> float:
        """The level that belongs to the interval."""
        return round(1 - self.interval, 12)

    def summary(self) -> str:
        """Say in plain sentences what stands out and what the figures do not say."""
        frame = self.frame
        known = frame[frame["gamma"].notna()]
        tested = known["q"] if self.correction != "none" else known["p"]
        sure = known[tested < self.alpha]
        together, apart = sure[sure["gamma"] > 0], sure[sure["gamma"] < 0]
        lines = [
            (
                f"{_WORDS[self.statistic]} γ of {plural(len(frame), 'sector')} over {plural(len(self.base), 'area')}; "
                f"base: {self.base_is}."
            ),
            (
                f"0 is what plants of these sizes show at random. Beyond chance (q by {self.correction} over "
                f"{plural(self.family_size, 'sector')}, {self.permutations:,} random locations, seed {self.seed}): "
                f"{plural(len(together), 'sector')} concentrated, {len(apart):,} dispersed."
            ),
        ]
        if not self.permutations:
            lines[1] = "0 is what plants of these sizes show at random; nothing was tested (permutations=0)."
        lines += [f"{r.sector}: γ = {r.gamma:.3f}." for r in together.nlargest(_TOLD, "gamma").itertuples()]
        few = int((frame["n_plants"] < _FEW).sum())
        if few:
            lines.append(
                f"{plural(few, 'sector has', 'sectors have')} fewer than {_FEW} plants: their γ hangs on single plants."
            )
        lines += [
            f"{plural(n, 'sector')}: {status}."
            for status, n in frame["status"].value_counts().items()
            if status != STATUS_OK
        ]
        lines.append(
            "The interval holds the attractions of the areas fixed and says how far other plants would move γ; γ knows "
            "no distance, and another base or set of areas gives other figures."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Agglomeration: {_WORDS[self.statistic]} γ of {plural(len(self.frame), 'sector')}, base "
            f"{self.base_is}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"
