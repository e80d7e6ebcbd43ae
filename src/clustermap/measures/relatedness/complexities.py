"""Economic complexity of areas and sectors, with how firm each place in the order is."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, StatisticsError, as_lines, plural
from clustermap.inference import is_level
from clustermap.measures.relatedness.presence import check_choice, find_presence
from clustermap.measures.relatedness.resampling import resampled_index, resampling, source_of
from clustermap.measures.relatedness.spectra import components, spectrum
from clustermap.randomness import resolve_seed
from clustermap.schema import COMPLEXITY_COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.measures.relatedness.presence import Presence
    from clustermap.schema import PresenceRule
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["Complexity", "complexity"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_NAMED = 3
_WEAK = 0.2
_FEWEST_REPLICATES = 20
STATUS_OK, STATUS_NONE, STATUS_APART = "ok", "nothing present", "in another component"
STATUS_EMPTY = "no firms in area"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Complexity:
    """Economic complexity index of areas, and of sectors.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area: ``area, diversity, complexity, rank, lower, upper, rank_lower, rank_upper, status``. Rank 1
        is the most complex; limits are percentiles over resamples.
    sectors : pandas.DataFrame
        One row per sector: ``sector, ubiquity, complexity, status``.
    presence : pandas.DataFrame
        Areas × sectors, True where the area is specialised.
    eigenvalues : tuple of float
        1 (of the trivial vector, left out), that of the index, and the next: the nearer the last two, the less firm.
    sign : {"diversity", "rarity"}
        The rule that turned the index.
    diversity_correlation, rarity_correlation : float
        Correlation of the index with the number of sectors of an area, and with how rare they are in the mean. Where
        they differ in sign, the two rules would turn the order round.
    replicates_used : int
        Resamples that gave an index; the others fell apart.
    sign_agreement : float
        Share of those that point the same way as the index.
    rule, resample, interval, replicates, seed, areas
        How it came about.
    """

    frame: pd.DataFrame
    sectors: pd.DataFrame
    presence: pd.DataFrame
    eigenvalues: tuple[float, ...]
    sign: Literal["diversity", "rarity"]
    diversity_correlation: float
    rarity_correlation: float
    replicates_used: int
    sign_agreement: float
    rule: str
    resample: Literal["firms", "sectors", "none"]
    interval: float
    replicates: int
    seed: int | None
    areas: Areas | None
    notes: tuple[str, ...] = ()
    method: str = "economic complexity index (second eigenvector)"

    def geo(self) -> gpd.GeoDataFrame:
        """Return the areas with the columns of the frame, indexed by code.

        Raises
        ------
        InputError
            CM-TABLE-004: the table has no polygons.
        """
        if self.areas is None:
            raise InputError(
                "CM-TABLE-004", "this complexity has no areas", fix="SectorTable.from_values(…, areas=…)"
            )
        return self.areas.frame.join(self.frame.set_index("area"))

    def summary(self) -> str:
        """Say in plain sentences which areas come first, how firm that is, and what it does not say."""
        known = self.frame[self.frame["status"] == STATUS_OK]
        first = ", ".join(
            f"{r.area} {r.complexity:.2f}" for r in known.nsmallest(_NAMED, "rank").itertuples()
        )
        lines = [
            (
                f"Economic complexity of {plural(len(known), 'area')} from "
                f"{plural(len(self.sectors), 'sector')}; present: {self.rule}."
            ),
            (
                f"First: {first}. Second and third eigenvalue {self.eigenvalues[1]:.3f} and "
                f"{self.eigenvalues[2]:.3f}; correlation with diversity {self.diversity_correlation:.2f}, with rarity "
                f"of sectors {self.rarity_correlation:.2f}."
            ),
        ]
        if self.diversity_correlation * self.rarity_correlation < 0:
            lines.append(
                "Areas with many sectors and areas with rare sectors stand at opposite ends here: which end is called "
                f"complex hangs on sign={self.sign!r}, and the other rule turns the order round."
            )
        elif (self.diversity_correlation if self.sign == "diversity" else self.rarity_correlation) < _WEAK:
            lines.append(
                "That correlation is weak: which end of the order is called complex is nearly arbitrary."
            )
        if self.resample != "none":
            wide = (known["rank_upper"] - known["rank_lower"]).median()
            lines.append(
                f"Over {self.replicates_used:,} of {self.replicates:,} resamples of {self.resample} (seed {self.seed}"
                + ("" if self.replicates_used == self.replicates else "; the others fell apart")
                + f") a median area moves over {wide:.0f} ranks ({self.interval:.0%}); "
                f"{self.sign_agreement:.0%} point the same way."
            )
        for table, what in ((self.frame, "area"), (self.sectors, "sector")):
            counts = table["status"].value_counts()
            lines += [f"{plural(n, what)}: {status}." for status, n in counts.items() if status != STATUS_OK]
        lines.append(
            "The index orders areas by how similar their sectors are, along the strongest contrast in this table; it "
            "is relative to the areas and sectors in it, and has no unit."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return f"<Complexity: {plural(len(self.frame), 'area')}, {plural(len(self.sectors), 'sector')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def complexity(
    table: SectorTable | pd.DataFrame,
    *,
    presence: PresenceRule = "lq",
    threshold: float = 1.0,
    sign: Literal["diversity", "rarity"] = "diversity",
    disconnected: Literal["error", "largest"] = "error",
    resample: Literal["auto", "firms", "sectors", "none"] = "auto",
    interval: float = 0.95,
    replicates: int = 199,
    seed: int | None = None,
) -> Complexity:
    r"""Measure the economic complexity of areas (ECI) and of sectors (PCI).

    With M the presences, D the diversity of areas and U the ubiquity of sectors on diagonals, the index is the
    eigenvector of :math:`D^{-1} M U^{-1} M'` with the second largest eigenvalue; the largest is 1 and its vector
    constant. It is standardised (mean 0, variance 1 over areas) and turned by a rule, since an eigenvector
    has no sign of its own. Sectors get the mean of their areas' raw index, standardised.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors, no suppressed cells. The sectors of a plain frame are taken to be the whole economy.
    presence, threshold
        As in :func:`proximity`.
    sign : {"diversity", "rarity"}
        Whether the index correlates positively with the number of an area's sectors, as among countries, or with how
        rare they are. Within one country the two may disagree: a capital has few, rare sectors.
    disconnected : {"error", "largest"}
        What to do if the presences fall into parts without a common sector: between them no order exists. "largest"
        takes the part with most areas; the others are NaN.
    resample : {"auto", "firms", "sectors", "none"}
        What the intervals come from: firms drawn anew in every cell (counts and raw quotients only), sectors drawn
        with replacement, or nothing. "auto": firms where that is possible, else sectors.
    interval : float
        Coverage asked of the percentile intervals.
    replicates : int
        Resamples.
    seed : int, optional
        Drawn and recorded where absent.

    Returns
    -------
    Complexity
        Each resample fixes its sign by the same rule; areas without presence are NaN.

    Raises
    ------
    OptionError
        CM-RELATE-001: an unknown rule. CM-COMPLEX-004: interval, replicates, or firms resampled that are no firms.
    InputError
        CM-RELATE-002: suppressed cells.
    StatisticsError
        CM-COMPLEX-001: disconnected. CM-COMPLEX-002: too few areas or sectors. CM-COMPLEX-003: no single second
        eigenvector. CM-COMPLEX-005: nearly all resamples fell apart. CM-RELATE-003, CM-RELATE-004.

    References
    ----------
    Hidalgo, C. A. and Hausmann, R. (2009), The building blocks of economic complexity. PNAS 106.
    Mealy, P., Farmer, J. D. and Teytelboym, A. (2019), Interpreting economic complexity. Science Advances 5.

    Examples
    --------
    >>> nested = pd.DataFrame(
    ...     [[9, 9, 9, 9], [0, 9, 9, 9], [0, 0, 9, 9], [0, 0, 0, 9]],
    ...     index=["A", "B", "C", "D"], columns=["chips", "cars", "steel", "farms"])
    >>> found = complexity(nested, threshold=0.1, resample="none")
    >>> found.frame["rank"].tolist(), found.sectors.set_index("sector")["complexity"].idxmax()
    ([1.0, 2.0, 3.0, 4.0], 'chips')
    """
    check_choice("sign", sign, ("diversity", "rarity"))
    check_choice("disconnected", disconnected, ("error", "largest"))
    check_choice("resample", resample, ("auto", "firms", "sectors", "none"))
    _check(interval, replicates)
    found = find_presence(table, presence=presence, threshold=threshold, what="complexity")
    resample = resampling(found, resample, raw=presence == "lq")
    part, part_of_sectors = components(found.cells)
    if disconnected == "error" and part.max() > 0:
        raise _fallen_apart(found, part)
    rows, columns = part == 0, part_of_sectors == 0
    result = spectrum(found.cells[rows][:, columns], sign=sign)
    seed = resolve_seed(seed) if resample != "none" and replicates else None
    drawn = np.empty((0, int(rows.sum())))
    if seed is not None:
        make = source_of(found, rows, columns, resample, threshold)
        drawn = np.vstack((drawn, *resampled_index(make, sign=sign, replicates=replicates, seed=seed)))
        if len(drawn) < min(replicates, _FEWEST_REPLICATES):
            raise _too_few(len(drawn), replicates)
    aligned = drawn @ result.rows
    of_sectors = np.full(len(columns), np.nan)
    of_sectors[columns] = result.columns
    return Complexity(
        frame=_frame(found, part, result.rows, _limits(drawn, interval)),
        sectors=pd.DataFrame(
            {
                "sector": np.asarray(found.sectors, dtype=object),
                "ubiquity": found.ubiquity,
                "complexity": of_sectors,
                "status": _words(part_of_sectors),
            }
        ),
        presence=pd.DataFrame(
            found.matrix, index=found.areas, columns=pd.Index(found.sectors, name="sector")
        ),
        eigenvalues=tuple(float(v) for v in result.values),
        sign=sign,
        diversity_correlation=result.diversity,
        rarity_correlation=result.rarity,
        replicates_used=len(drawn),
        sign_agreement=float((aligned > 0).mean()) if len(drawn) else float("nan"),
        rule=found.words,
        resample=resample if seed is not None else "none",
        interval=interval,
        replicates=replicates,
        seed=seed,
        areas=found.table.areas,
        notes=tuple(found.notes()),
    )


def _check(interval: float, replicates: int) -> None:
    whole = isinstance(replicates, int | np.integer) and not isinstance(replicates, bool)
    if not is_level(interval) or not whole or replicates < 0 or replicates == 1:
        raise OptionError(
            "CM-COMPLEX-004",
            f"interval={interval!r}, replicates={replicates!r}: a coverage and a number of resamples are needed",
            fix="interval=0.95, replicates=199",
        )


def _too_few(made: int, replicates: int) -> StatisticsError:
    return StatisticsError(
        "CM-COMPLEX-005",
        f"{made} of {replicates} resamples gave an index; the others fell into parts",
        why="an interval from so few says nothing about how firm the order is",
        fix='resample="none", or a coarser classification',
    )


def _fallen_apart(found: Presence, part: Ints) -> StatisticsError:
    sizes = np.bincount(part[part >= 0])
    away = found.areas[part > 0]
    return StatisticsError(
        "CM-COMPLEX-001",
        f"the presences of {plural(int(sizes.sum()), 'area')} fall into {plural(len(sizes), 'part')} "
        "without a common sector "
        f"(areas: {', '.join(map(str, sizes[:5]))}; outside the largest: {', '.join(map(str, away[:5]))})",
        why="between such parts nothing says which area is more complex: the eigenvalue 1 repeats, and its vectors "
        "only tell the parts apart",
        fix='complexity(table, disconnected="largest"), a coarser classification, or a lower threshold',
    )


def _limits(drawn: Floats, interval: float) -> Floats:
    """Return lower and upper limits of the index, then of the rank."""
    if not len(drawn):
        return np.full((4, drawn.shape[1]), np.nan)
    levels = [(1 - interval) / 2, (1 + interval) / 2]
    ranks = np.apply_along_axis(_ranks, 1, drawn)
    return np.vstack(
        (np.quantile(drawn, levels, axis=0), np.quantile(ranks, levels, axis=0, method="nearest"))
    )


def _frame(found: Presence, part: Ints, values: Floats, limits_of_rows: Floats) -> pd.DataFrame:
    """Put all areas into one frame in code order, those without anything included."""
    n, rows = len(part), part == 0
    limits, index = np.full((4, n), np.nan), np.full(n, np.nan)
    limits[:, rows], index[rows] = limits_of_rows, values
    rank = np.full(n, np.nan)
    rank[rows] = _ranks(index[rows])
    columns = (found.areas, found.diversity, index, rank, *limits, _words(part))
    frame = pd.DataFrame(dict(zip(COMPLEXITY_COLUMNS, columns, strict=True)))
    empty = pd.DataFrame({"area": found.empty, "diversity": 0, "status": STATUS_EMPTY})
    if len(empty):
        frame = pd.concat([frame, empty.reindex(columns=frame.columns)], ignore_index=True)
        frame = frame.sort_values("area", ignore_index=True)
    return frame


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    return np.asarray(rankdata(-values.round(9), method="min"), dtype=np.float64)


def _words(part: Ints) -> npt.NDArray[np.object_]:
    words = np.full(len(part), STATUS_APART, dtype=object)
    words[part == 0], words[part < 0] = STATUS_OK, STATUS_NONE
    return words
