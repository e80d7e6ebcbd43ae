"""Shift-share: which part of a change is the nation's, the sector's, the area's own."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt

from clustermap.errors import InputError, OptionError, as_lines, plural
from clustermap.measures.growth.pairs import STATUS_OK, STATUS_SUPPRESSED, long_frame, pair_of
from clustermap.schema import ShiftMethod

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from clustermap.measures.growth.pairs import Pair
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["ShiftShare", "shift_share"]

Floats = npt.NDArray[np.float64]
_TOLD = 5
STATUS_NEW_SECTOR = "new in the nation: all of it mix"
STATUS_NEW_HERE = "new in the area: no rate of its own"
COMPONENTS = {
    "classic": ("national", "mix", "regional"),
    "esteban-marquillas": ("national", "mix", "competitive", "allocation"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShiftShare:
    """Changes and their components, which add up to them.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector: ``area, sector, before, after, change``, the components of the method, and
        ``status``. Classic: ``national, mix, regional``. Esteban-Marquillas: ``national, mix, competitive, allocation,
        homothetic``, where competitive + allocation is the classic regional component.
    before, after : SectorTable
        What was compared.
    method : {"classic", "esteban-marquillas"}
        As asked.
    national_growth : float
        Growth of everything.
    null : str
        In words: there is none.
    """

    frame: pd.DataFrame
    before: SectorTable
    after: SectorTable
    method: ShiftMethod
    national_growth: float
    null: str = "none: an identity of accounts, without a test"

    @property
    def components(self) -> tuple[str, ...]:
        """The columns that add up to the change."""
        return COMPONENTS[self.method]

    @property
    def areas(self) -> Areas | None:
        """The polygons, where the later table has them."""
        return self.after.areas

    @property
    def total(self) -> pd.Series:
        """Change and components over all areas and sectors."""
        return self.frame[["before", "after", "change", *self.components]].sum()

    def by_area(self) -> pd.DataFrame:
        """Return change and components by area; a suppressed cell makes an unknown sum."""
        return self._sums("area")

    def by_sector(self) -> pd.DataFrame:
        """Return change and components by sector; a suppressed cell makes an unknown sum."""
        return self._sums("sector")

    def _sums(self, key: str) -> pd.DataFrame:
        numbers = self.frame.set_index(key)[["before", "after", "change", *self.components]]
        sums = numbers.groupby(level=0).sum()
        hidden = self.frame["change"].isna().groupby(self.frame[key].to_numpy()).any()
        sums.loc[hidden.reindex(sums.index).to_numpy()] = np.nan
        return sums

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with their change and its components.

        Raises
        ------
        InputError
            CM-TABLE-004: the later table has no polygons.
        """
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "these changes have no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        return self.areas.frame.join(self.by_area())

    def summary(self) -> str:
        """Say in plain sentences where the change comes from and what the figures do not say."""
        areas = self.by_area()
        own = areas[list(self.components[2:])].sum(axis=1, min_count=1).dropna()
        word = "regional" if self.method == "classic" else "competitive and allocation"
        lines = [
            (
                f"Shift-share ({self.method}) of {plural(len(areas), 'area')} and "
                f"{plural(self.frame['sector'].nunique(), 'sector')}; "
                f"everything grew by {self.national_growth:.1%}."
            )
        ]
        for best, which in ((own.nlargest(_TOLD), "most"), (own.nsmallest(_TOLD), "least")):
            named = ", ".join(f"{self._name(code)} {value:+,.0f}" for code, value in best.items())
            lines.append(f"Beyond nation and mix ({word}), {which}: {named}.")
        lines += [
            f"{plural(n, 'cell')}: {status}."
            for status, n in self.frame["status"].value_counts().items()
            if status != STATUS_OK
        ]
        lines.append(
            "The components are accounts, not causes, and have no p: a plant that closes is a regional component. They "
            "depend on the list of sectors and on the first year, whose weights are used throughout."
        )
        notes = dict.fromkeys(note for note in (self.before.note, self.after.note) if note)
        return as_lines([*lines, *notes])

    def _name(self, code: object) -> str:
        return str(self.areas.names.get(code, code)) if self.areas is not None else str(code)

    def __repr__(self) -> str:
        return f"<ShiftShare: {self.method}, {plural(len(self.frame), 'cell')}, nation {self.national_growth:+.1%}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def shift_share(
    before: SectorTable | pd.DataFrame,
    after: SectorTable | pd.DataFrame,
    *,
    method: ShiftMethod = "classic",
) -> ShiftShare:
    r"""Divide each change into the nation's growth, the sector's, and the area's own.

    With :math:`x` before, :math:`y` after, :math:`g` the nation's growth, :math:`g_s` the sector's in the nation and
    :math:`g_{is}` the area's own: national :math:`x g`, mix :math:`x (g_s - g)`, regional :math:`x (g_{is} - g_s)`.
    Esteban-Marquillas divides the last by what the area would have with the nation's mix,
    :math:`x' = x_{i\cdot} x_{\cdot s} / X` (homothetic): competitive :math:`x' (g_{is} - g_s)`, free of the mix, and
    allocation :math:`(x - x') (g_{is} - g_s)`.

    Parameters
    ----------
    before, after : SectorTable or pandas.DataFrame
        Areas × sectors with the same labels; `sector_totals` and `total` are the nation.
    method : {"classic", "esteban-marquillas"}
        Three components, or four.

    Returns
    -------
    ShiftShare
        Components add up to the change in every cell that is known, by area and by sector.

    Raises
    ------
    AlignmentError
        CM-GROWTH-001: areas or sectors differ.
    InputError
        CM-GROWTH-002: firms against employment. CM-GROWTH-003: nothing before.
    OptionError
        CM-OPTION-001: unknown method.

    Notes
    -----
    Vectorised over all cells. A sector that the nation did not have has no rate: its change is mix. A sector new in
    the area has no rate of its own there: its regional component is all competitive.

    References
    ----------
    Dunn, E. S. (1960), A statistical and analytical technique for regional analysis. Papers of the Regional Science
    Association 6.
    Esteban-Marquillas, J. M. (1972), A reinterpretation of shift-share analysis. Regional and Urban Economics 2.

    Examples
    --------
    >>> import pandas as pd
    >>> a, b = [90, 20, 10, 60], [100, 40, 10, 55]
    >>> nation_a, nation_b = [400, 150, 150, 400], [440, 210, 135, 480]
    >>> rest = lambda nation, area: [n - x for n, x in zip(nation, area)]
    >>> before = pd.DataFrame([a, rest(nation_a, a)], index=["A", "rest"], columns=list("wxyz"))
    >>> after = pd.DataFrame([b, rest(nation_b, b)], index=["A", "rest"], columns=list("wxyz"))
    >>> shift_share(before, after).by_area().loc["A", ["change", "national", "mix", "regional"]].round(9).to_list()
    [25.0, 27.0, 1.0, -3.0]
    """
    if method not in get_args(ShiftMethod):
        raise OptionError(
            "CM-OPTION-001", f"method={method!r}", fix=f"one of {', '.join(map(repr, get_args(ShiftMethod)))}"
        )
    pair = pair_of(before, after)
    if not pair.before.total > 0:
        raise InputError(
            "CM-GROWTH-003",
            f"there is nothing before: the total is {pair.before.total:,.0f}",
            why="growth is relative to what was there",
            fix="shift_share(earlier, later)",
        )
    parts, status = _components(pair, method)
    frame = long_frame(
        pair, {"before": pair.x, "after": pair.y, "change": pair.y - pair.x, **parts, "status": status}
    )
    return ShiftShare(
        frame=frame,
        before=pair.before,
        after=pair.after,
        method=method,
        national_growth=float(pair.after.total / pair.before.total - 1),
    )


def _components(pair: Pair, method: ShiftMethod) -> tuple[dict[str, Floats], npt.NDArray[np.object_]]:
    x, y = pair.x, pair.y
    nation = pair.after.total / pair.before.total - 1
    first, second = (t.sector_totals.to_numpy(dtype=np.float64) for t in (pair.before, pair.after))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_sector = second / first - 1
        known = np.where(np.isnan(x + y), np.nan, 1.0)
        # a sector that the nation did not have has no rate: that it came is mix, which still sums to 0 over the nation
        mix = np.where(first > 0, x * (of_sector - nation), y - x * (1 + nation)) * known
        regional = np.where(first > 0, y - x * (1 + of_sector), 0.0) * known
        parts = {"national": x * nation * known, "mix": mix}
        status = pair.status.copy()
        new = (x == 0) & (y > 0)
        status[new] = STATUS_NEW_HERE
        status[new & (first == 0)] = STATUS_NEW_SECTOR
        status[np.isnan(regional) & (status != STATUS_SUPPRESSED)] = STATUS_SUPPRESSED
        if method == "classic":
            return parts | {"regional": regional}, status
        area = pair.before.area_totals.to_numpy(dtype=np.float64)[:, None]
        homothetic = area * first / pair.before.total * known
        competitive = np.where(x > 0, homothetic * (y / x - 1 - of_sector), regional)
    return parts | {
        "competitive": competitive,
        "allocation": regional - competitive,
        "homothetic": homothetic,
    }, status
