"""What autocorrelation returns: frozen values that say themselves in plain sentences."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import InputError, OptionError
from clustermap.schema import LISA_LABELS, LOCAL_COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.schema import Alternative, Correction, Rates, Transformation
    from clustermap.sources.values import Areas

__all__ = ["SHARED", "LocalResult", "LocalResults", "Result", "check_sector"]

_TOLD = 10
_NAMED = 5
_WORDS = {
    "HH": "High-High",
    "LL": "Low-Low",
    "HL": "High-Low",
    "LH": "Low-High",
    "cannot reach": "with too few neighbours for any p this small",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result(ABC):
    """What every result carries: how it came about."""

    frame: pd.DataFrame
    areas: Areas | None
    null: str
    permutations: int
    alternative: Alternative
    correction: Correction
    rates: Rates
    transformation: Transformation
    seed: int
    family_size: int
    note: str = ""

    @abstractmethod
    def summary(self) -> str:
        """Say in plain sentences what was found."""

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Local(Result):
    alpha: float
    method: str = "local Moran"

    def _polygons(self) -> gpd.GeoDataFrame:
        if self.areas is None:
            raise InputError(
                "CM-MORAN-007",
                "this result knows no polygons",
                why="it came from numbers by code",
                fix="gdf.join(result.frame), with gdf indexed by the same codes",
            )
        return self.areas.frame

    def _rule(self) -> str:
        if self.correction == "none":
            return f"p ≤ {self.alpha:g}, not corrected for {self.family_size:,} tests"
        return f"q ≤ {self.alpha:g}, {self.correction} over {self.family_size:,} tests"

    def _how(self) -> str:
        return (
            f"{self._rule()}; {self.alternative}, {self.permutations:,} shared draws, exact given that values "
            f"are exchangeable; rates: {self.rates}."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocalResult(_Local):
    """Local Moran of one variable.

    Attributes
    ----------
    frame : pandas.DataFrame
        Indexed by area, in code order: ``statistic, value, lag, p, p_min, q, label, status``. `value` is
        what was analysed (the rate after empirical Bayes, or the number given), `lag` its mean (or sum) over the
        neighbours. `p_min` is the smallest p that any draws could give.
    sector : str or None
        What was analysed.
    areas : Areas or None
        The polygons, where the data had them.
    null, permutations, alternative, correction, alpha, rates, transformation, seed, family_size
        How it came about.
    """

    sector: str | None
    title: str = ""

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with the columns of the frame, indexed by code.

        Raises
        ------
        InputError
            CM-MORAN-007: the result knows no polygons.
        """
        return self._polygons().join(self.frame)

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        counts = self.frame["label"].value_counts().reindex(list(LISA_LABELS), fill_value=0)
        what = f" of {self.title}" if self.title else ""
        found = ", ".join(f"{counts[k]} {_WORDS[k]}" for k in ("HH", "LL", "HL", "LH"))
        lines = [
            f"Local Moran{what} over {len(self.frame):,} areas: {found}.",
            f"Labelled where {self._how()}",
        ]
        for label, sentence in (
            ("isolate", "have no neighbour and no statistic"),
            ("undefined", "have no value"),
            ("cannot reach", "have too few possible neighbourhoods ever to be labelled"),
        ):
            if counts[label]:
                lines.append(f"{counts[label]} areas {sentence}: {self._names(label)}.")
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def _names(self, label: str) -> str:
        codes = list(self.frame.index[self.frame["label"] == label])
        names = codes if self.areas is None else list(self.areas.names.reindex(codes))
        more = f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else ""
        return ", ".join(map(str, names[:_NAMED])) + more

    def __repr__(self) -> str:
        counts = self.frame["label"].value_counts()
        shown = ", ".join(f"{label} {counts[label]}" for label in ("HH", "LL", "HL", "LH"))
        return f"<LocalResult: {len(self.frame)} areas, {shown}, {self.permutations} draws>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocalResults(_Local):
    """Local Moran of many sectors.

    Attributes
    ----------
    frame : pandas.DataFrame
        Long, by sector and area: ``sector, area, statistic, value, lag, p, p_min, q, label, status``.
    sectors : tuple of str
        What was analysed.
    areas : Areas or None
        The polygons, where the data had them.
    null, permutations, alternative, correction, alpha, rates, transformation, seed, family_size
        How it came about; the family is all areas × sectors.
    """

    sectors: tuple[str, ...]
    titles: dict[str, str]

    def wide(self, column: str = "q") -> pd.DataFrame:
        """Return one column as areas × sectors.

        Raises
        ------
        OptionError
            CM-MORAN-001: no such column.
        """
        if column not in LOCAL_COLUMNS:
            raise OptionError(
                "CM-MORAN-001", f"no column {column!r}", fix=f"wide() with one of: {', '.join(LOCAL_COLUMNS)}"
            )
        rows = np.asarray(self.frame[column]).reshape(len(self.sectors), -1)
        return pd.DataFrame(rows.T, index=self._index(), columns=pd.Index(self.sectors, name="sector"))

    def __getitem__(self, sector: str) -> LocalResult:
        check_sector(sector, list(self.sectors))
        n, place = len(self._index()), self.sectors.index(sector)
        part = self.frame.iloc[place * n : (place + 1) * n].drop(columns="sector").set_index("area")
        shared = {name: getattr(self, name) for name in (*SHARED, "alpha") if name != "frame"}
        return LocalResult(frame=part, sector=sector, title=self.titles.get(sector, sector), **shared)

    def geo(self, sector: str | None = None) -> gpd.GeoDataFrame:
        """Return the areas with the frame of one sector, or with the label of each.

        Raises
        ------
        InputError
            CM-MORAN-007: the result knows no polygons.
        """
        return self._polygons().join(self.wide("label")) if sector is None else self[sector].geo()

    def summary(self) -> str:
        """Say in plain sentences what was found."""
        labels = self.wide("label")
        counts = pd.DataFrame({k: (labels == k).sum() for k in ("HH", "LL", "HL", "LH")})
        lines = [
            f"Local Moran of {len(self.sectors):,} sectors over {len(self._index()):,} areas.",
            f"Labelled where {self._how()}",
        ]
        ranked = counts.sort_values(["HH", "LL"], ascending=False, kind="stable").head(_TOLD)
        lines += [
            f"{self.titles.get(str(s), s)}: "
            + ", ".join(f"{row[k]} {_WORDS[k]}" for k in ("HH", "LL", "HL", "LH"))
            for s, row in ranked.iterrows()
        ]
        if len(self.sectors) > _TOLD:
            lines.append(f"{len(self.sectors) - _TOLD:,} more sectors stand in the frame.")
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def _index(self) -> pd.Index:
        n = len(self.frame) // len(self.sectors)
        return pd.Index(self.frame["area"].iloc[:n], name="area")

    def __repr__(self) -> str:
        return f"<LocalResults: {len(self.sectors)} sectors × {len(self._index())} areas, {self.permutations} draws>"


SHARED = (
    "frame", "areas", "null", "permutations", "alternative", "correction", "rates", "transformation", "seed",
    "family_size", "note",
)  # fmt: skip


def check_sector(sector: Any, known: list[str]) -> None:
    """Refuse a sector that a result does not have."""
    if sector not in known:
        raise OptionError(
            "CM-SECTOR-001",
            f"the result has no sector {sector!r}",
            fix=f"one of: {', '.join(map(repr, known[:_TOLD]))}",
        )
