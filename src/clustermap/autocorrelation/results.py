"""Results of spatial autocorrelation: the numbers, their null, and what they were corrected for."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from clustermap.errors import InputError, OptionError
from clustermap.schema import LISA_LABELS

if TYPE_CHECKING:
    from clustermap.sources.values import Areas

__all__ = ["GlobalResult", "GlobalResults", "LocalResult", "LocalResults"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GlobalResults:
    """Moran's I of several sectors.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``sector, statistic, expected, variance, z, p_normal, p, permutations``. `variance`, `z` and `p_normal`
        (two-sided) are those of randomisation; `p` is the Monte-Carlo p of the alternative asked for.
    method, null, alternative, rates, transformation : str
    permutations, seed, n : int
        Random maps, seed, and areas.
    """

    frame: pd.DataFrame
    method: str = "Moran's I"
    null: str
    permutations: int
    alternative: str
    rates: str
    transformation: str
    seed: int
    n: int

    def summary(self) -> str:
        """Say in plain sentences how alike neighbours are."""
        lines = [
            f"Moran's I of {row.sector}: {row.statistic:.4f} (expected {row.expected:.4f}), "
            f"p = {row.p:.4g} from {row.permutations:,} random maps."
            for row in self.frame.itertuples()
        ]
        lines.append(
            f"Null: values exchangeable over {self.n} areas; alternative {self.alternative}; "
            f"rates {self.rates}; weights {self.transformation}; seed {self.seed}."
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<GlobalResults: Moran's I of {len(self.frame)} sectors, {self.permutations} permutations>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GlobalResult(GlobalResults):
    """Moran's I of one sector: the columns of the frame are attributes too."""

    sector: str
    statistic: float
    expected: float
    variance: float
    z: float
    p_normal: float
    p: float

    def __repr__(self) -> str:
        return f"<GlobalResult: I of {self.sector} = {self.statistic:.4f}, p = {self.p:.4g}>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Local:
    """What one and many sectors have in common."""

    frame: pd.DataFrame
    areas: Areas | None
    method: str = "local Moran (LISA)"
    null: str
    permutations: int
    alternative: str
    correction: str
    alpha: float
    rates: str
    transformation: str
    seed: int
    family_size: int

    def _told(self) -> str:
        corrected = (
            "no correction"
            if self.correction == "none"
            else f"{self.correction} over {self.family_size} tests"
        )
        return (
            f"Null: the values of the other areas exchangeable; {self.permutations:,} draws shared by all areas; "
            f"alternative {self.alternative}; {corrected} at {self.alpha:g}; rates {self.rates}; seed {self.seed}."
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        raise NotImplementedError  # pragma: no cover - both kinds say it themselves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalResult(_Local):
    """Local Moran of one sector.

    Attributes
    ----------
    frame : pandas.DataFrame
        Indexed by area, in code order: ``statistic, value, lag, p, p_min, q, label, status``. `value` is what was
        tested (rates after empirical Bayes), `lag` its mean (row) or sum (binary) over the neighbours, `p_min`
        the smallest p that the area's number of neighbours allows.
    sector : str
    method, null, alternative, correction, rates, transformation : str
    permutations, seed, family_size : int
    alpha : float
    """

    sector: str

    def geo(self) -> Any:
        """Return a GeoDataFrame of the areas with the result's columns."""
        if self.areas is None:
            raise InputError("CM-STAT-030", "this result has no areas", fix="gdf.join(result.frame)")
        return self.areas.frame.join(self.frame)

    def summary(self) -> str:
        """Say in plain sentences how many areas stand out, and in which way."""
        counts = self.frame["label"].value_counts()
        found = ", ".join(f"{counts[label]} {label}" for label in LISA_LABELS if counts.get(label, 0))
        return f"Local Moran of {self.sector}: {found}.\n{self._told()}"

    def __repr__(self) -> str:
        found = int(self.frame["label"].isin(LISA_LABELS[:4]).sum())
        return f"<LocalResult: {self.sector}, {found} of {len(self.frame)} areas stand out>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalResults(_Local):
    """Local Moran of several sectors, corrected as one family.

    Attributes
    ----------
    frame : pandas.DataFrame
        Long: ``sector, area`` and the columns of :class:`LocalResult`.
    """

    @property
    def sectors(self) -> list[str]:
        """The sectors, in order."""
        return list(self.frame["sector"].unique())

    def wide(self, column: str) -> pd.DataFrame:
        """Return one column as areas × sectors."""
        if column not in self.frame.columns:
            raise OptionError(
                "CM-STAT-031", f"there is no column {column!r}", fix=f"one of {list(self.frame.columns[2:])}"
            )
        return self.frame.pivot(index="area", columns="sector", values=column)  # noqa: PD010 - keys are unique

    def __getitem__(self, sector: str) -> LocalResult:
        if sector not in self.sectors:
            raise OptionError(
                "CM-SECTOR-001", f"the result has no sector {sector!r}", fix=f"one of {self.sectors[:10]}"
            )
        part = self.frame[self.frame["sector"] == sector].drop(columns="sector").set_index("area")
        return LocalResult(
            frame=part,
            areas=self.areas,
            null=self.null,
            permutations=self.permutations,
            alternative=self.alternative,
            correction=self.correction,
            alpha=self.alpha,
            rates=self.rates,
            transformation=self.transformation,
            seed=self.seed,
            family_size=self.family_size,
            sector=sector,
        )

    def summary(self) -> str:
        """Say in plain sentences how many areas stand out by sector."""
        high = self.frame[self.frame["label"] == "HH"].groupby("sector").size()
        lines = [f"Local Moran of {s}: {int(high.get(s, 0))} areas High-High." for s in self.sectors]
        return "\n".join([*lines, self._told()])

    def __repr__(self) -> str:
        return f"<LocalResults: {len(self.sectors)} sectors, {self.family_size} tests>"
