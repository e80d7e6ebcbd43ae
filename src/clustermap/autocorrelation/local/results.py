"""What local statistics return: frozen values that say themselves in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.autocorrelation.results import SHARED, Result, check_sector
from clustermap.errors import InputError, OptionError, as_lines, part_of, plural

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["LocalResult", "LocalResults"]

_TOLD = 10
_NAMED = 5
_WORDS = {
    "HH": "High-High",
    "LL": "Low-Low",
    "HL": "High-Low",
    "LH": "Low-High",
    "other positive": "other positive",
    "negative": "negative",
    "uneven": "uneven",
    "even": "even",
}
_UNLABELLED = (
    ("isolate", "no neighbour and no statistic"),
    ("undefined", "no value"),
    ("cannot reach", "too few possible neighbourhoods ever to be labelled"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class _Local(Result):
    alpha: float
    method: str = "local Moran"
    kinds: tuple[str, ...] = ("HH", "LL", "HL", "LH")
    drawn: str = ""

    @property
    def _name(self) -> str:
        return self.method[0].upper() + self.method[1:]

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
            return f"p ≤ {self.alpha:g}, not corrected for {plural(self.family_size, 'test')}"
        return f"q ≤ {self.alpha:g}, {self.correction} over {plural(self.family_size, 'test')}"

    def _how(self) -> str:
        return f"{self._rule()}; {self.alternative}, {self.drawn}; rates: {self.rates}."

    def _open(self) -> list[str]:
        """Say how many decisions other draws could turn."""
        open_here = int(self.frame["borderline"].sum())
        if not open_here:
            return []
        said = f"{part_of(open_here, self.family_size, 'decision', 'is', 'are')} borderline"
        return [f"{said}: other draws may decide otherwise (99 % limits of their p)."]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocalResult(_Local):
    """A local statistic of one variable.

    Attributes
    ----------
    frame : pandas.DataFrame
        Indexed by area, in code order: ``statistic, value, lag, p, p_min, q, label, status, borderline``, and what the
        statistic adds. `value` is
        what was analysed (the rate after empirical Bayes, or the number given), `lag` its mean (or sum) over the
        neighbours. `p_min` is the smallest p that any draws could give; `borderline` says that other draws might
        decide otherwise.
    sector : str or None
        What was analysed.
    areas : Areas or None
        The polygons, where the data had them.
    method, null, drawn, permutations, alternative, correction, alpha, rates, transformation, seed, family_size
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
        counts = self.frame["label"].value_counts()
        what = f" of {self.title}" if self.title else ""
        found = ", ".join(f"{counts[k]} {_WORDS[k]}" for k in self.kinds)
        lines = [
            f"{self._name}{what} over {plural(len(self.frame), 'area')}: {found}.",
            f"Labelled where {self._how()}",
            *self._open(),
        ]
        for label, sentence in _UNLABELLED:
            if counts[label]:
                lines.append(
                    f"{plural(counts[label], 'area has', 'areas have')} {sentence}: {self._names(label)}."
                )
        return as_lines([*lines, *([self.note] if self.note else [])])

    def _names(self, label: str) -> str:
        codes = list(self.frame.index[self.frame["label"] == label])
        names = codes if self.areas is None else list(self.areas.names.reindex(codes))
        more = f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else ""
        return ", ".join(map(str, names[:_NAMED])) + more

    def __repr__(self) -> str:
        counts = self.frame["label"].value_counts()
        shown = ", ".join(f"{label} {counts[label]}" for label in self.kinds)
        return f"<LocalResult: {plural(len(self.frame), 'area')}, {shown}, {self.permutations} draws>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocalResults(_Local):
    """A local statistic of many sectors.

    Attributes
    ----------
    frame : pandas.DataFrame
        Long, by sector and area: ``sector, area, statistic, value, lag, p, p_min, q, label, status,
        borderline``.
    sectors : tuple of str
        What was analysed.
    areas : Areas or None
        The polygons, where the data had them.
    method, null, drawn, permutations, alternative, correction, alpha, rates, transformation, seed, family_size
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
        columns = [name for name in self.frame.columns if name not in {"sector", "area"}]
        if column not in columns:
            raise OptionError(
                "CM-MORAN-001", f"no column {column!r}", fix=f"wide() with one of: {', '.join(columns)}"
            )
        rows = np.asarray(self.frame[column]).reshape(len(self.sectors), -1)
        return pd.DataFrame(rows.T, index=self._index(), columns=pd.Index(self.sectors, name="sector"))

    def __getitem__(self, sector: str) -> LocalResult:
        check_sector(sector, list(self.sectors))
        n, place = len(self._index()), self.sectors.index(sector)
        part = self.frame.iloc[place * n : (place + 1) * n].drop(columns="sector").set_index("area")
        shared = {
            name: getattr(self, name)
            for name in (*SHARED, "alpha", "method", "kinds", "drawn")
            if name != "frame"
        }
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
        kinds = self.kinds
        counts = pd.DataFrame({k: (labels == k).sum() for k in kinds})
        lines = [
            f"{self._name} of {plural(len(self.sectors), 'sector')} over {plural(len(self._index()), 'area')}.",
            f"Labelled where {self._how()}",
            *self._open(),
        ]
        ranked = counts.sort_values(list(kinds[:2]), ascending=False, kind="stable").head(_TOLD)
        lines += [
            f"{self.titles.get(str(s), s)}: " + ", ".join(f"{row[k]} {_WORDS[k]}" for k in kinds)
            for s, row in ranked.iterrows()
        ]
        if len(self.sectors) > _TOLD:
            lines.append(
                f"{plural(len(self.sectors) - _TOLD, 'more sector stands', 'more sectors stand')} in the frame."
            )
        return as_lines([*lines, *([self.note] if self.note else [])])

    def _index(self) -> pd.Index:
        n = len(self.frame) // len(self.sectors)
        return pd.Index(self.frame["area"].iloc[:n], name="area")

    def __repr__(self) -> str:
        return (
            f"<LocalResults: {plural(len(self.sectors), 'sector')} × {plural(len(self._index()), 'area')}, "
            f"{self.permutations} draws>"
        )
