"""Variety of areas: entropy over sectors, split into variety between groups and within them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, as_lines, part_of, plural
from clustermap.inference import is_level
from clustermap.measures.relatedness.entropies import PARTS, Resample, counted, entropies
from clustermap.measures.relatedness.presence import check_choice
from clustermap.randomness import resolve_seed
from clustermap.schema import VARIETY_COLUMNS
from clustermap.tables.table import as_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["Variety", "variety"]

Floats = npt.NDArray[np.float64]
_NAMED = 3
_COVERED = 0.999
STATUS_OK, STATUS_EMPTY, STATUS_SUPPRESSED = "ok", "no firms in area", "suppressed"
STATUS_PLANTS, STATUS_SINGLE = "needs firm-level data", "one sector"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Variety:
    """Entropy of each area over sectors, between and within groups of sectors.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area: ``area, value, n_sectors, n_groups, total, unrelated, related, bias, total_lower, …,
        status``. `unrelated` + `related` = `total`; `bias` is how much the plug-in total falls short by its
        first-order formula (counts of firms).
    groups : pandas.Series
        Sector to group.
    areas : Areas or None
        The polygons, where the table has them.
    unit, estimator, interval, replicates, seed
        As asked; `seed` is None where nothing was drawn.
    """

    frame: pd.DataFrame
    groups: pd.Series
    areas: Areas | None
    unit: Literal["bits", "nats"]
    estimator: Literal["plugin", "miller-madow"]
    interval: float
    replicates: int
    seed: int | None
    notes: tuple[str, ...] = ()
    method: str = "related and unrelated variety"

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with the columns of the frame, indexed by code.

        Raises
        ------
        InputError
            CM-TABLE-004: the table has no polygons.
        """
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "this variety has no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        return self.areas.frame.join(self.frame.set_index("area"))

    def summary(self) -> str:
        """Say in plain sentences which areas are varied, and what the figures do not say."""
        known = self.frame[self.frame["total"].notna()]
        lines = [
            (
                f"Variety of {plural(len(self.frame), 'area')} over {plural(len(self.groups), 'sector')} in "
                f"{plural(self.groups.nunique(), 'group')}, in {self.unit} ({self.estimator} entropy)"
                + (
                    f"; {self.interval:.0%} intervals from {self.replicates:,} resamples of firms (seed {self.seed})."
                    if self.seed is not None
                    else "; no intervals."
                )
            )
        ]
        for part, what in (("unrelated", "between groups"), ("related", "within groups")):
            if known.empty:
                continue
            best = known.sort_values(part, ascending=False, kind="stable").head(_NAMED)
            named = ", ".join(f"{r.area} {getattr(r, part):.2f}" for r in best.itertuples())
            lines.append(f"Most varied {what}: {named}; median {known[part].median():.2f}.")
        counts = self.frame["status"].value_counts()
        lines += [f"{plural(n, 'area')}: {status}." for status, n in counts.items() if status != STATUS_OK]
        if self.frame["bias"].notna().any():
            lines.append(
                f"Entropy of few firms is too low, here by about {self.frame['bias'].median():.2f} in the median area "
                f"and {self.frame['bias'].max():.2f} at most (uncorrected): small areas look less varied than they are."
            )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Variety: {plural(len(self.frame), 'area')}, {plural(len(self.groups), 'sector')} in "
            f"{plural(self.groups.nunique(), 'group')}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def variety(
    table: SectorTable | pd.DataFrame,
    *,
    groups: int | Mapping[str, str] | pd.Series = 2,
    unit: Literal["bits", "nats"] = "bits",
    estimator: Literal["plugin", "miller-madow"] = "plugin",
    interval: float = 0.95,
    replicates: int = 199,
    seed: int | None = None,
) -> Variety:
    r"""Measure the variety of each area over sectors, and split it into unrelated and related variety.

    With :math:`p_s` the share of sector s in the area and :math:`P_g` that of group g, total variety is
    :math:`H = \sum_s p_s \log(1/p_s)`, unrelated variety the same over groups, and related variety the mean entropy
    within groups, :math:`\sum_g P_g H_g`. The two add up to the total exactly.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors of the finest level. An area with a suppressed cell has no variety.
    groups : int or mapping of str to str or pandas.Series
        The coarser level: that many leading characters of the sector codes (2 for divisions of SIC), or the group of
        every sector.
    unit : {"bits", "nats"}
        Logarithm to base 2 or e.
    estimator : {"plugin", "miller-madow"}
        Observed shares as they are, or with (number of sectors present − 1)/(2 n) added to the total, the same for
        groups to unrelated variety, and the difference to related variety. Counts of firms only.
    interval : float
        Coverage of the intervals.
    replicates : int
        Resamples of each area's firms behind the intervals; 0 for none.
    seed : int, optional
        Drawn and recorded where absent.

    Returns
    -------
    Variety
        Intervals turn the bootstrap around (basic intervals), since resampling repeats the downward bias; NaN for
        jobs (status "needs firm-level data") and for areas with firms of one sector only.

    Raises
    ------
    OptionError
        CM-VARIETY-001: groups that are none. CM-VARIETY-002: interval, replicates. CM-RELATE-001: unknown option.
        CM-VARIETY-003: a correction of data that counts no firms.

    References
    ----------
    Frenken, K., van Oort, F. and Verburg, T. (2007), Related variety, unrelated variety and regional economic growth.
    Regional Studies 41.
    Miller, G. (1955), Note on the bias of information estimates. In: Information Theory in Psychology.
    Theil, H. (1972), Statistical Decomposition Analysis.

    Examples
    --------
    >>> firms = pd.DataFrame({"2410": [4, 8], "2420": [4, 0], "6201": [4, 0], "6202": [4, 0]}, index=["A", "B"])
    >>> variety(firms, seed=1).frame.loc[0, ["total", "unrelated", "related"]].astype(float).round(9).tolist()
    [2.0, 1.0, 1.0]
    """
    check_choice("unit", unit, ("bits", "nats"))
    check_choice("estimator", estimator, ("plugin", "miller-madow"))
    _check(interval, replicates)
    table = as_table(table)
    group = _groups(groups, table.sectors)
    given = counted(table, group)
    n, firms = given.n, given.firms
    if estimator == "miller-madow" and not firms:
        raise OptionError(
            "CM-VARIETY-003",
            "the Miller–Madow correction needs counts of firms",
            why="it depends on how many independent units stand behind the shares, and jobs come in plants",
            fix='estimator="plugin"',
        )
    empty = n == 0
    answered = ~np.isnan(n) & ~empty
    scale = 1.0 if unit == "nats" else 1.0 / np.log(2.0)
    found = entropies(given, estimator)
    columns: dict[str, npt.ArrayLike] = {"area": table.labels.to_numpy(), "value": n}
    columns["n_sectors"] = np.where(answered, found.sectors, 0)
    columns["n_groups"] = np.where(answered, found.groups, 0)
    columns |= {part: np.where(answered, scale * getattr(found, part), np.nan) for part in PARTS}
    with np.errstate(divide="ignore", invalid="ignore"):
        bias = scale * (found.sectors - 1) / (2 * n)
    columns["bias"] = np.where(answered & firms, bias, np.nan)
    single = answered & (found.sectors < 2)  # noqa: PLR2004 - nothing to resample
    drawn = answered & ~single & firms & (replicates > 0)
    seed = resolve_seed(seed) if drawn.any() else None
    limits = np.full((len(n), 2 * len(PARTS)), np.nan)
    if seed is not None:
        levels = ((1 - interval) / 2, (1 + interval) / 2)
        resample = Resample(given, estimator, levels, replicates, seed)
        limits[drawn] = scale * resample.limits(np.flatnonzero(drawn), table.labels.astype(str))
    for j, part in enumerate(PARTS):
        columns[f"{part}_lower"], columns[f"{part}_upper"] = limits[:, 2 * j], limits[:, 2 * j + 1]
    status = np.full(len(n), STATUS_OK if firms else STATUS_PLANTS, dtype=object)
    for where, word in ((single, STATUS_SINGLE), (empty, STATUS_EMPTY), (np.isnan(n), STATUS_SUPPRESSED)):
        status[where] = word
    columns["status"] = status
    return Variety(
        frame=pd.DataFrame(columns)[list(VARIETY_COLUMNS)],
        groups=group,
        areas=table.areas,
        unit=unit,
        estimator=estimator,
        interval=interval,
        replicates=replicates,
        seed=seed,
        notes=_notes(table, n),
    )


def _check(interval: float, replicates: int) -> None:
    if not is_level(interval):
        raise OptionError("CM-VARIETY-002", f"interval={interval} is no coverage", fix="interval=0.95")
    if (
        isinstance(replicates, bool)
        or not isinstance(replicates, int | np.integer)
        or replicates < 0
        or replicates == 1
    ):
        raise OptionError(
            "CM-VARIETY-002", f"replicates={replicates!r} is no number of resamples", fix="replicates=199"
        )


def _groups(groups: int | Mapping[str, str] | pd.Series, sectors: list[str]) -> pd.Series:
    """Return the group of every sector."""
    index = pd.Index(sectors, name="sector")
    if isinstance(groups, int | np.integer) and not isinstance(groups, bool):
        short = [s for s in sectors if len(str(s)) <= groups]
        if groups < 1 or short:
            raise OptionError(
                "CM-VARIETY-001",
                f"{part_of(len(short), len(sectors), 'sector', 'has', 'have')} no more than "
                f"groups={groups} characters: {short[:5]}",
                why="a sector that is its own group has no related variety by construction",
                fix="a table of finer codes, or groups={sector: group, …}",
            )
        return pd.Series([str(s)[:groups] for s in sectors], index=index, name="group")
    try:
        named = pd.Series(groups, dtype=object)
    except (TypeError, ValueError):
        named = pd.Series(dtype=object)
    missing = (
        [s for s in sectors if s not in named.index or pd.isna(named[s])]
        if named.index.is_unique
        else sectors
    )
    if missing:
        raise OptionError(
            "CM-VARIETY-001",
            f"{part_of(len(missing), len(sectors), 'sector', 'has', 'have')} no group: {missing[:5]}",
            why="related and unrelated variety add up only if every sector belongs to one group",
            fix="groups=2 for divisions of SIC, or groups={sector: group, …}",
        )
    return pd.Series(named.reindex(index).astype(str), name="group")


def _notes(table: SectorTable, n: Floats) -> tuple[str, ...]:
    notes = []
    whole = float(table.area_totals.sum())
    if whole > 0 and np.nansum(n) < _COVERED * whole:
        notes.append(
            f"The sectors hold {np.nansum(n) / whole:.0%} of everything in the areas: variety is theirs alone."
        )
    if table.note:
        notes.append(table.note)
    return tuple(notes)
