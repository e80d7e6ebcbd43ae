"""Relatedness density: how much of what is close to a sector an area already has."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, as_lines, plural
from clustermap.measures.relatedness.presence import check_choice, find_presence
from clustermap.measures.relatedness.proximities import Proximity
from clustermap.measures.relatedness.proximities import proximity as measure_proximity
from clustermap.schema import DENSITY_COLUMNS

if TYPE_CHECKING:
    from clustermap.schema import Normalisation, PresenceRule
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["RelatednessDensity", "relatedness_density"]

Floats = npt.NDArray[np.float64]
_NAMED, _TOLD = 3, ("density", "excess")
_ROWS = 1 << 12  # areas looked at at once
STATUS_OK, STATUS_ALONE = "ok", "no related sector"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RelatednessDensity:
    """How much of what is close to a sector an area has.

    Attributes
    ----------
    density : pandas.DataFrame
        Areas × sectors; NaN for a sector that is close to none.
    presence : pandas.DataFrame
        Areas × sectors, True where the area is specialised.
    areas : Areas or None
        The polygons, where the table has them.
    proximity : Proximity
        What it rests on.
    pairs : {"all", "significant"}
        Which proximities count.
    """

    density: pd.DataFrame
    presence: pd.DataFrame
    areas: Areas | None
    proximity: Proximity
    pairs: Literal["all", "significant"]
    notes: tuple[str, ...] = ()
    method: str = "relatedness density"

    @property
    def frame(self) -> pd.DataFrame:
        """One row per area and sector: ``area, sector, present, density, expected, excess, status``.

        `expected` is the density if all sectors were equally close: the share of the other sectors that the area
        has; `excess` is `density` less that. Made anew each time: `wide` takes less.
        """
        n, sectors = self.density.shape
        names = self.density.columns.to_numpy(dtype=object)
        columns = (np.repeat(self.density.index.to_numpy(), sectors), np.tile(names, n))
        values = (self._values(name, slice(None)).ravel() for name in DENSITY_COLUMNS[2:])
        return pd.DataFrame(dict(zip(DENSITY_COLUMNS, (*columns, *values), strict=True)))

    def wide(self, column: str = "density") -> pd.DataFrame:
        """Return one column as areas × sectors.

        Examples
        --------
        >>> jobs = pd.DataFrame({"a": [8, 1, 1], "b": [8, 1, 1], "c": [1, 8, 9]}, index=["X", "Y", "Z"])
        >>> relatedness_density(jobs).wide().loc["X", "a"].item()
        1.0
        """
        if column not in DENSITY_COLUMNS[2:]:
            raise OptionError(
                "CM-RELATE-006",
                f"relatedness density has no column {column!r}",
                fix=f"wide() with one of: {', '.join(DENSITY_COLUMNS[2:])}",
            )
        return pd.DataFrame(
            self._values(column, slice(None)), index=self.density.index, columns=self.density.columns
        )

    def _values(self, column: str, rows: slice) -> npt.NDArray[Any]:
        """Return a column of some areas, areas × sectors."""
        density, has = self.density.to_numpy()[rows], self.presence.to_numpy()[rows]
        if column == "density":
            return np.array(density)
        if column == "present":
            return np.array(has)
        if column == "status":
            words = np.where(self._known(), STATUS_OK, STATUS_ALONE).astype(object)
            return np.array(np.broadcast_to(words, has.shape))
        expected: Floats = (has.sum(axis=1)[:, None] - has) / (has.shape[1] - 1)
        return expected if column == "expected" else np.asarray(density - expected)

    def _known(self) -> npt.NDArray[np.bool_]:
        """Say which sectors are close to any."""
        return np.asarray(np.isfinite(self.density.to_numpy()[0]))

    def _best(self) -> list[tuple[int, int]]:
        """Return the absent sectors with the most excess, by area and sector."""
        wide, best = self.density.shape[1], list[tuple[float, int, int]]()
        for start in range(0, len(self.density), _ROWS):
            rows = slice(start, start + _ROWS)
            excess = self._values("excess", rows)
            excess[self.presence.to_numpy()[rows] | np.isnan(excess)] = -np.inf
            least = np.partition(excess, -min(_NAMED, excess.size), axis=None)[-min(_NAMED, excess.size)]
            some = np.flatnonzero((excess >= least) & np.isfinite(excess))
            best += [(-float(excess.flat[at]), start + at // wide, at % wide) for at in some.tolist()]
            best = sorted(best)[:_NAMED]  # ties go to the first in order
        return [(area, sector) for _, area, sector in best]

    def summary(self) -> str:
        """Say in plain sentences where related sectors stand, and what that does not say."""
        values = (
            (*at, *(self._values(c, slice(at[0], at[0] + 1))[0, at[1]] for c in _TOLD)) for at in self._best()
        )
        named = ", ".join(
            f"{self.density.columns[s]} in {self.density.index[i]} {density:.2f} (+{excess:.2f})"
            for i, s, density, excess in values
        )
        near = "all proximities" if self.pairs == "all" else "proximities beyond chance"
        lines = [
            (
                f"Relatedness density of {plural(len(self.proximity.sectors), 'sector')} in "
                f"{plural(len(self.density), 'area')} from {near} "
                f"({self.proximity.normalisation}); present: {self.proximity.rule}."
            )
        ]
        lines += [f"Most related surroundings of absent sectors: {named}."] if named else []
        if alone := len(self.density) * int((~self._known()).sum()):
            lines.append(f"{plural(alone, 'cell')}: {STATUS_ALONE}.")
        lines.append(
            "A diverse area is dense in everything: compare with expected. The density has no p, and says what "
            "stands around, not what will come."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<RelatednessDensity: {plural(len(self.density), 'area')} × "
            f"{plural(len(self.proximity.sectors), 'sector')}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def relatedness_density(
    table: SectorTable | pd.DataFrame,
    proximity: Proximity | None = None,
    *,
    presence: PresenceRule = "lq",
    threshold: float = 1.0,
    normalisation: Normalisation = "minimum",
    pairs: Literal["all", "significant"] = "all",
) -> RelatednessDensity:
    r"""Measure for each area and sector how much of what is close to the sector the area is specialised in.

    With :math:`\varphi_{st}` the proximity of two sectors and :math:`M_{it}` 1 where area i is specialised in t,
    the density is :math:`\sum_{t \ne s} M_{it}\varphi_{st} / \sum_{t \ne s} \varphi_{st}`. The sector itself
    is left out, so that presence does not raise its own density.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors, no suppressed cells.
    proximity : Proximity, optional
        From :func:`proximity`, for instance of another year or of a larger country, on the same sectors; made
        from the table where absent.
    presence, threshold, normalisation
        As in :func:`proximity`; the last is that of `proximity` where one is given.
    pairs : {"all", "significant"}
        Whether all proximities count, or only those of pairs that meet more often than by chance at the level
        of `proximity` (the hypergeometric law where none is given).

    Returns
    -------
    RelatednessDensity
        NaN with status "no related sector" where no proximity counts.

    Raises
    ------
    OptionError
        CM-RELATE-001: an unknown rule. CM-RELATE-007: proximity on other sectors, or no Proximity.
    InputError
        CM-RELATE-002: suppressed cells.
    StatisticsError
        CM-RELATE-003, CM-RELATE-004: see :func:`proximity`.

    References
    ----------
    Hidalgo, C. A., Klinger, B., Barabási, A.-L. and Hausmann, R. (2007), The product space conditions the
    development of nations. Science 317.
    Boschma, R., Balland, P.-A. and Kogler, D. F. (2015), Relatedness and technological change in cities.
    Industrial and Corporate Change 24.

    Examples
    --------
    >>> jobs = pd.DataFrame(
    ...     {"cars": [9, 8, 1, 0], "steel": [7, 9, 0, 1], "film": [1, 2, 9, 1], "farms": [1, 1, 1, 9]},
    ...     index=["A", "B", "C", "D"])
    >>> row = relatedness_density(jobs).frame.set_index(["area", "sector"]).loc[("A", "steel")]
    >>> print(f"{row.density:.2f} where {row.expected:.2f} of the others are present")
    1.00 where 0.33 of the others are present
    """
    check_choice("pairs", pairs, ("all", "significant"))
    found = find_presence(table, presence=presence, threshold=threshold, what="relatedness density")
    if proximity is None:
        proximity = measure_proximity(
            found.table,
            presence=presence,
            threshold=threshold,
            normalisation=normalisation,
            null="hypergeometric",
        )
    _same_sectors(proximity, found.sectors)
    near = np.nan_to_num(proximity.wide("proximity").to_numpy())
    if pairs == "significant":
        measured = proximity.wide("p" if proximity.correction == "none" else "q").to_numpy()
        more = proximity.wide("both").to_numpy() > proximity.wide("expected").to_numpy()
        near = np.where((measured < proximity.alpha) & more, near, 0.0)
    around = near.sum(axis=0)
    density = np.asarray(found.cells @ near)
    with np.errstate(invalid="ignore"):
        density /= around  # NaN where nothing is close
    index, columns = found.areas.rename("area"), pd.Index(found.sectors, name="sector")
    return RelatednessDensity(
        density=pd.DataFrame(density, index=index, columns=columns),
        presence=pd.DataFrame(found.matrix, index=index, columns=columns),
        areas=found.table.areas,
        proximity=proximity,
        pairs=pairs,
        notes=tuple(found.notes()),
    )


def _same_sectors(proximity: Proximity, sectors: list[str]) -> None:
    if not isinstance(proximity, Proximity):
        raise OptionError(
            "CM-RELATE-007",
            f"the second argument is no Proximity but {type(proximity).__name__}",
            fix="relatedness_density(table, proximity(table))",
        )
    missing, extra = (
        [s for s in one if s not in other]
        for one, other in ((sectors, set(proximity.sectors)), (proximity.sectors, set(sectors)))
    )
    if missing or extra:
        raise OptionError(
            "CM-RELATE-007",
            f"proximity and table have different sectors: {len(missing)} of {len(sectors)} missing {missing[:5]}, "
            f"{len(extra)} extra {extra[:5]}",
            why="a sector without proximity would count as related to nothing",
            fix="one classification for both",
        )
