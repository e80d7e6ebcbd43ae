"""Concentration of sectors over areas, and specialisation of areas in sectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from clustermap.measures.concentration.comparing import Options, compared
from clustermap.tables.table import SectorTable, as_table

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.measures.concentration.results import Concentration
    from clustermap.progress import Progress
    from clustermap.schema import Correction, ProfileReference

__all__ = ["area_specialisation", "sector_concentration"]


def sector_concentration(
    table: SectorTable | pd.DataFrame,
    *,
    plants: pd.DataFrame | None = None,
    reference: ProfileReference = "nation",
    permutations: Literal["auto"] | int = "auto",
    replicates: int = 999,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> Concentration:
    r"""Measure how unevenly each sector lies over the areas, beside what as many firms would show at random.

    With :math:`x_i` the share of the sector that lies in area i, :math:`w_i` the share of everything, and
    :math:`C_i = x_i / w_i` the location quotient: Gini of the quotients, each area counting once; Gini of the
    Lorenz curve of :math:`x` over :math:`w` (areas by size: splitting an area in proportion changes nothing);
    Hoover :math:`\tfrac12\sum|x_i - w_i|`; Krugman :math:`\sum|x_i - w_i|`; Theil
    :math:`\sum x_i \ln(x_i / w_i)`; Herfindahl :math:`\sum x_i^2`; Hachman :math:`1 / \sum x_i^2 / w_i`
    (1: spread like everything; the others: 0, Herfindahl :math:`\sum w_i^2`).

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors. Shares are those among the areas of the table.
    plants : pandas.DataFrame, optional
        ``area, sector, employment``, one row per plant, adding up to a table of employment: plants of their
        own size are thrown and drawn again. Without it employment has indices but no inference.
    reference : {"nation", "rest"}
        Areas are weighted by everything in them, or by everything but the sector.
    permutations : "auto" or int
        Throws at random; 0 for none. "auto": as many as the correction needs, at least 999, and fewer than it
        needs, with a warning, where throwing would take minutes.
    replicates : int
        Resamples of the sector's firms behind `se, lower, upper`; 0 for none.
    interval : float
        Coverage that the interval aims at.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects over the sectors of one index: each index is a family of its own.
    seed : int, optional
        None draws one and records it.
    progress : callable or bool, optional
        ``(done, total)``, or True for a bar.

    Returns
    -------
    Concentration
        Long frame by sector and measure; `.wide("q")` is sectors × measures.

    Raises
    ------
    StatisticsError
        CM-CONC-002: fewer than two areas with anything in them. CM-STAT-003: too few permutations.
    OptionError
        CM-CONC-003: an option outside its range. CM-OPTION-001: unknown reference.
    InputError
        CM-CONC-004: plants do not add up to the table. CM-PLANT-…: plants that cannot be used.

    Warns
    -----
    ClusterMapWarning
        CM-CONC-005: "auto" stopped below what the correction needs. CM-STAT-005: a number that is coarse.

    Notes
    -----
    The indices alone cost one pass over the cells that hold something, sorted within a sector: a second or two for
    35,000 areas × 700 sectors. Throws are shared: the firms of a smaller sector are the first firms of a larger one,
    so that a permutation costs as many throws as the largest sector has firms, and for each distinct size one pass over
    the areas that hold any. The p of each sector is that of throws of its own; the p of different sectors hang together
    by what they share. Against the rest each sector has its own reference, and its own throws. A replicate draws all
    firms anew: 999 permutations and 999 replicates of 3 million firms in such a table take about a minute on two cores.

    q answers for one index, which is chosen before looking. Whoever looks at all seven asks seven families (six, as
    Krugman's is twice Hoover's): where four sectors lie at random, something stands out by one of them on 15 % of maps,
    not on 5 % (page `validity`).

    The interval is the index less its bootstrap bias, ± the normal quantile of √(se² + bias²): approximate, and wider
    than need be where most areas hold few firms of the sector, because there the bias is large and itself uncertain.

    References
    ----------
    Hoover, E. M. (1936), The measurement of industrial localization. Review of Economics and Statistics 18.
    Krugman, P. (1991), Geography and Trade. MIT Press.
    Theil, H. (1967), Economics and Information Theory. North-Holland.
    Farhauer, O. and Kröll, A. (2013), Standorttheorien. Springer.
    Davison, A. C. and Hinkley, D. V. (1997), Bootstrap Methods and their Application, chapter 5.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"steel": [30, 2, 2], "rest": [70, 98, 198]}, index=["A", "B", "C"])
    >>> steel = sector_concentration(counts, permutations=999, seed=1).wide().loc["steel"]
    >>> {name: round(float(steel[name]), 3) for name in ("hoover", "krugman", "herfindahl")}
    {'hoover': 0.632, 'krugman': 1.265, 'herfindahl': 0.785}
    """
    options = Options(reference, permutations, replicates, interval, correction, seed)
    return compared(as_table(table), "sector", plants=plants, options=options, progress=progress)


def area_specialisation(
    table: SectorTable | pd.DataFrame,
    *,
    plants: pd.DataFrame | None = None,
    reference: ProfileReference = "nation",
    permutations: Literal["auto"] | int = "auto",
    replicates: int = 999,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> Concentration:
    """Measure how far each area's mix of sectors is from the nation's, beside what as many firms would show at random.

    The indices of :func:`sector_concentration` with the parts exchanged: shares of the area's sectors against the
    shares of the sectors in the nation.

    Parameters
    ----------
    table : SectorTable or pandas.DataFrame
        Areas × sectors, at least two sectors. Shares are those among the sectors of the table.
    plants, permutations, replicates, interval, correction, seed, progress
        As in :func:`sector_concentration`, sectors and areas exchanged.
    reference : {"nation", "rest"}
        The mix of all (`sector_totals`), or of all but the area.

    Returns
    -------
    Concentration
        Long frame by area and measure.

    Raises
    ------
    StatisticsError
        CM-CONC-002: fewer than two sectors with anything in them. CM-STAT-003: too few permutations.
    OptionError
        CM-CONC-003, CM-OPTION-001.
    InputError
        CM-CONC-004, CM-PLANT-….

    Warns
    -----
    ClusterMapWarning
        CM-CONC-005, CM-STAT-005.

    References
    ----------
    Krugman, P. (1991), Geography and Trade. MIT Press.
    Bureau of Economic and Business Research, University of Utah, The Hachman index of economic diversity.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"a": [20, 0], "b": [10, 0], "c": [70, 0], "d": [0, 60], "e": [0, 40]}, index=["X", "Y"])
    >>> result = area_specialisation(counts, reference="rest", permutations=99, seed=1)
    >>> result.wide()["krugman"].to_list()
    [2.0, 2.0]
    """
    options = Options(reference, permutations, replicates, interval, correction, seed)
    return compared(as_table(table), "area", plants=plants, options=options, progress=progress)
