"""The relative-risk surface itself: every cell with what stands under the kernel there."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, as_lines, one_line, part_of, plural

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["RiskSurface"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSurface:
    """How the share of a sector varies over the map, cell by cell.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per cell with any firm in reach, from south to north and west to east: ``row, column, x, y`` (the
        middle, in metres), ``n_firms, n_sector`` (in the cell), ``expected`` (firms of the sector under the kernel
        by the overall share, a firm at distance d counting exp(−d² / 2 bandwidth²)), ``ratio`` (density of the
        sector to that of all firms), ``score`` (log-likelihood ratio of the excess), ``p`` (two-sided, of this cell
        alone), ``p_above`` (family-wise over all cells), ``label`` ("above", "below", "not significant",
        "undefined") and ``status``. Where fewer than `minimum` are expected, everything from `ratio` on is NaN: too
        few firms.
    sector, sector_label : str
        The sector.
    radius_m, cell_m : float
        Bandwidth of the Gaussian kernel, and side of a cell.
    minimum : float
        Firms of the sector that must be expected under the kernel.
    n_firms, n_sector : int
        All firms, and those of the sector.
    inside : numpy.ndarray
        Which firms are of the sector, in their order.
    contour : float
        Score above which a cell is above the family-wise contour; NaN where no cell could be tested.
    alpha, permutations, seed
        Level, random labellings, and what they were drawn from.
    crs : pyproj.CRS
        The system of x and y.
    """

    frame: pd.DataFrame
    sector: str
    sector_label: str
    radius_m: float
    cell_m: float
    minimum: float
    n_firms: int
    n_sector: int
    inside: npt.NDArray[np.bool_]
    contour: float
    alpha: float
    permutations: int
    seed: int
    crs: Any
    null: str = "random labelling: the sector's firms are a random draw from all firms"
    alternative: str = "two-sided in a cell, greater over all cells"
    correction: str = "largest score over all cells"

    @property
    def family_size(self) -> int:
        """How many cells were tested."""
        return int((self.frame["status"] == "tested").sum())

    def geo(self) -> gpd.GeoDataFrame:
        """Return the cells as squares."""
        import geopandas as gpd
        from shapely import box

        half = self.cell_m / 2
        x, y = self.frame["x"].to_numpy(), self.frame["y"].to_numpy()
        return gpd.GeoDataFrame(
            self.frame.copy(), geometry=box(x - half, y - half, x + half, y + half), crs=self.crs
        )

    def grid(self, column: str = "ratio") -> pd.DataFrame:
        """Return one column as a raster: rows from north to south by y, columns from west to east by x.

        Raises
        ------
        OptionError
            CM-SURFACE-004: no column of numbers has this name.
        """
        numeric = [str(c) for c in self.frame.select_dtypes("number").columns]
        if column not in numeric:
            raise OptionError(
                "CM-SURFACE-004", f"no column of numbers {column!r}", fix=f"one of: {', '.join(numeric)}"
            )
        row, across = self.frame["row"].to_numpy(), self.frame["column"].to_numpy()
        shape = (row.max() - row.min() + 1, across.max() - across.min() + 1)
        out = np.full(shape, np.nan)
        out[row - row.min(), across - across.min()] = self.frame[column].to_numpy(float)
        y = (np.arange(row.min(), row.max() + 1) + 0.5) * self.cell_m
        x = (np.arange(across.min(), across.max() + 1) + 0.5) * self.cell_m
        return pd.DataFrame(out[::-1], index=pd.Index(y[::-1], name="y"), columns=pd.Index(x, name="x"))

    def summary(self) -> str:
        """Say in plain sentences what the surface shows, and where it shows nothing."""
        tested = self.frame["status"] == "tested"
        covered = self.frame.loc[tested, "n_firms"].sum() / self.n_firms
        kernel = f"under a kernel of {self.radius_m:,.0f} m"
        enough = f"at least {self.minimum:g} of the sector's firms expected"
        lines = [
            f"Share of {self.sector_label}: {part_of(self.n_sector, self.n_firms, 'firm')}, {kernel}.",
            f"{part_of(self.family_size, len(self.frame), 'cell')} of {self.cell_m:,.0f} m can be tested ({enough}).",
            f"{covered:.0%} of firms stand there.",
        ]
        return as_lines([*lines, *(self._told() if self.family_size else [])])

    def _told(self) -> list[str]:
        above = int((self.frame["label"] == "above").sum())
        alone = int((self.frame["p"] <= self.alpha).sum())
        chance = self.alpha * self.family_size
        contour = (
            f"the contour that {self.alpha:.0%} of {self.permutations:,} random labellings pass anywhere"
        )
        return [
            f"{plural(above, 'cell lies', 'cells lie')} above {contour}.",
            (
                f"{plural(alone, 'cell differs', 'cells differ')} when each is judged alone, where chance "
                f"gives about {chance:,.0f}."
            ),
            f"Ratios run from {self.frame['ratio'].min():.2f} to {self.frame['ratio'].max():.2f}.",
        ]

    def __repr__(self) -> str:
        above = int((self.frame["label"] == "above").sum())
        cells = part_of(above, self.family_size, "cell")
        return f"<RiskSurface {one_line(self.sector)}: {cells} above, {self.radius_m:,.0f} m>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"
