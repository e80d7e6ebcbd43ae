"""Geographic concentration of plants beyond their own size: Ellison–Glaeser and Maurel–Sedillot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError, part_of
from clustermap.inference import adjust, check_resolution, is_level, monte_carlo_p, permutations_needed
from clustermap.measures.concentration.colocation import (
    counts_in_tails,
    jackknife,
    null_variances,
    plant_sums,
)
from clustermap.measures.concentration.plants import as_plants
from clustermap.measures.concentration.results import STATUS_OK, Agglomeration
from clustermap.randomness import resolve_seed
from clustermap.schema import AGGLOMERATION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clustermap.measures.concentration.colocation import Sums
    from clustermap.measures.concentration.plants import Plants
    from clustermap.schema import Correction
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms

__all__ = ["ellison_glaeser", "maurel_sedillot"]

Floats = npt.NDArray[np.float64]
STATUS_ONE = "one plant: undefined"
STATUS_TWO = "two plants: no standard error"
_TWO = 2
_KINDS = ("ellison_glaeser", "maurel_sedillot")


def ellison_glaeser(
    plants: pd.DataFrame | Firms,
    areas: Areas | Any = None,
    *,
    base: pd.Series | Literal["plants"] = "plants",
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    value: str = "value",
    permutations: Literal["auto"] | int = "auto",
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    seed: int | None = None,
) -> Agglomeration:
    r"""Measure concentration of each sector's employment beyond that of its plants and of all activity.

    With :math:`s_i` the sector's share in area i, :math:`x_i` the base's share, :math:`z_k` plant shares,
    :math:`G = \sum (s_i - x_i)^2` and :math:`H = \sum z_k^2`:
    :math:`\gamma = \big(G/(1-\sum x_i^2) - H\big) / (1 - H)`, which is 0 on average where plants of these sizes fall
    at random by the base.

    Parameters
    ----------
    plants : pandas.DataFrame or Firms
        ``area, sector, employment``, one row per plant; or firms, with `areas` and `sectors`.
    areas : Areas or geopandas.GeoDataFrame, optional
        Where firms are located; a firm in several areas belongs to the one with the lowest code.
    base : "plants" or pandas.Series
        What location is compared with: "plants", the employment of all plants given; or totals by area (every area,
        those without plants too). One base serves shares, Σ x² and null alike.
    sectors : Taxonomy, str, path or dict, optional
        For firms: by their first usable code.
    value : str
        For firms: the column of employment; "firms" for plants of equal size.
    permutations : "auto" or int
        Random locations behind p; 0 for none.
    interval, correction, seed
        Coverage aimed at by γ ± its standard error; how q corrects over the sectors; None draws a seed.

    Returns
    -------
    Agglomeration
        One row per sector; γ is NaN for a single plant (H = 1).

    Raises
    ------
    StatisticsError
        CM-CONC-006: the base lies in one area. CM-CONC-007: one sector measured against itself.
    InputError
        CM-CONC-008: base totals that are negative, missing or 0 throughout. CM-PLANT-…: unusable plants.
    AlignmentError
        CM-PLANT-005: plants outside the base's areas. CM-CONC-009: plants where the base is 0.
    OptionError
        CM-CONC-003, CM-PLANT-006, CM-PLANT-007.

    Notes
    -----
    All sectors at once; inference costs permutations × plants throws. Some programs take :math:`s_i - x_i` from one
    base and :math:`\sum x_i^2` from another; here both are from `base`.

    References
    ----------
    Ellison, G. and Glaeser, E. L. (1997), Geographic concentration in U.S. manufacturing industries: a dartboard
    approach. Journal of Political Economy 105.

    Examples
    --------
    >>> plants = pd.DataFrame({"area": [*"AAAAABBBBC"], "sector": "cars",
    ...     "employment": [200, 650, 12000, 100, 50, 16000, 13000, 1500, 1500, 25000]})
    >>> jobs = pd.Series({"A": 500_000, "B": 400_000, "C": 100_000})
    >>> float(ellison_glaeser(plants, base=jobs, seed=1).frame["gamma"].round(6)[0])
    0.059906
    """
    read = as_plants(plants, areas, sectors=sectors, value=value, known=_labels(base))
    return _agglomeration("ellison_glaeser", read, base, (permutations, interval, correction, seed))


def maurel_sedillot(
    plants: pd.DataFrame | Firms,
    areas: Areas | Any = None,
    *,
    base: pd.Series | Literal["plants"] = "plants",
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    value: str = "value",
    permutations: Literal["auto"] | int = "auto",
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    seed: int | None = None,
) -> Agglomeration:
    r"""Estimate how much likelier two plants of a sector share an area than they would at random.

    :math:`\gamma = \big((\sum s_i^2 - \sum x_i^2)/(1-\sum x_i^2) - H\big)/(1-H)`, in the notation of
    :func:`ellison_glaeser`: it looks at pairs of plants in one area, not at the distance from the base, so that a
    sector in places where little else is can be negative here and positive there.

    Parameters
    ----------
    plants, areas, base, sectors, value, permutations, interval, correction, seed
        As in :func:`ellison_glaeser`.

    Returns
    -------
    Agglomeration
        One row per sector; `raw` is Σ s².

    Raises
    ------
    StatisticsError, InputError, AlignmentError, OptionError
        As in :func:`ellison_glaeser`.

    References
    ----------
    Maurel, F. and Sédillot, B. (1999), A measure of the geographic concentration in French manufacturing industries.
    Regional Science and Urban Economics 29.

    Examples
    --------
    >>> plants = pd.DataFrame({"area": [*"AABC"], "sector": "cars", "employment": 1})
    >>> jobs = pd.Series({"A": 1, "B": 1, "C": 1})
    >>> float(maurel_sedillot(plants, base=jobs, seed=1).frame["gamma"].round(6)[0])
    -0.25
    """
    read = as_plants(plants, areas, sectors=sectors, value=value, known=_labels(base))
    return _agglomeration("maurel_sedillot", read, base, (permutations, interval, correction, seed))


def _labels(base: pd.Series | str) -> pd.Index | None:
    if isinstance(base, pd.Series):
        if not base.index.is_unique:
            raise InputError(
                "CM-CONC-008",
                f"of the base {part_of(base.index.duplicated().sum(), len(base), 'area', 'stands', 'stand')} twice",
                why="their plants could not tell which they belong to",
                fix="base=jobs.groupby(level=0).sum()",
            )
        return base.index.sort_values()
    if base != "plants":
        raise OptionError(
            "CM-OPTION-001", f"base={base!r}", fix='base="plants", or totals by area as a Series'
        )
    return None


def _base(base: pd.Series | str, plants: Plants) -> tuple[Floats, str]:
    """Return the shares that plants fall by."""
    if isinstance(base, pd.Series):
        totals, said = (
            pd.to_numeric(base, errors="coerce").reindex(plants.areas).to_numpy(float),
            "the given totals",
        )
    else:
        totals = np.bincount(plants.area, weights=plants.size, minlength=len(plants.areas))
        said = "the employment of all plants given"
        if len(plants.sectors) == 1:
            raise StatisticsError(
                "CM-CONC-007",
                f"the only sector, {plants.sectors[0]!r}, is its own base",
                why="G is 0 whatever the plants do",
                fix="base=jobs_by_area, a Series of everything in each area",
            )
    bad = ~np.isfinite(totals) | (totals < 0)
    if bad.any() or totals.sum() <= 0:
        raise InputError(
            "CM-CONC-008",
            f"the base of {part_of(bad.sum() or len(bad), len(bad), 'area')} is missing, negative or 0: "
            f"{list(plants.areas[bad][:5])}",
            why="plants fall at random by these totals",
            fix="base=base[base > 0], with plants in those areas alone",
        )
    if (totals > 0).sum() < _TWO:
        raise StatisticsError(
            "CM-CONC-006",
            f"{part_of((totals > 0).sum(), len(totals), 'area', 'holds', 'hold')} the whole base",
            why="concentration over one area has no meaning (1 − Σx² = 0)",
            fix="plants in at least two areas",
        )
    nowhere = totals[plants.area] <= 0
    if nowhere.any():
        raise AlignmentError(
            "CM-CONC-009",
            f"{part_of(nowhere.sum(), len(nowhere), 'plant', 'stands', 'stand')} where the base is 0: "
            f"{list(plants.areas[np.unique(plants.area[nowhere])][:5])}",
            why="no plant could ever fall there at random",
            fix="a base that holds the plants measured, for instance all jobs by area",
        )
    return totals / totals.sum(), said


def _agglomeration(
    statistic: Literal["ellison_glaeser", "maurel_sedillot"],
    plants: Plants,
    base: pd.Series | str,
    options: tuple[Literal["auto"] | int, float, Correction, int | None],
) -> Agglomeration:
    from scipy.special import ndtri

    asked, interval, correction, seed = options
    shares, said = _base(base, plants)
    sums, chosen = plant_sums(plants, shares), resolve_seed(seed)
    some, kind = sums.n > 1, _KINDS.index(statistic)
    draws = _draws(asked, int(some.sum()), interval, correction)
    gamma = np.where(some, (sums.ellison_glaeser, sums.maurel_sedillot)[kind](), np.nan)
    se = np.where(sums.n > _TWO, jackknife(plants, shares, sums)[kind], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        null_sd = (
            np.sqrt(null_variances(sums)[kind]) / (1 - sums.base[2]) / np.where(some, 1 - sums.h, np.nan)
        )
        z = np.where(null_sd > 0, gamma / null_sd, np.nan)
    p = np.full(len(gamma), np.nan)
    if draws:
        up, low = counts_in_tails(plants, shares, sums, permutations=draws, seed=chosen)
        p[some] = monte_carlo_p(up[some, kind], low[some, kind], draws)
    wide = float(ndtri((1 + interval) / 2))
    frame = pd.DataFrame(
        {
            "sector": plants.sectors.to_numpy(),
            "n_plants": sums.n,
            "value": sums.total,
            "raw": sums.g if kind == 0 else sums.own,
            "herfindahl": sums.h,
            "gamma": gamma,
            "se": se,
            "lower": gamma - wide * se,
            "upper": gamma + wide * se,
            "null_sd": null_sd,
            "z": z,
            "p": p,
            "q": adjust(p, correction),
            "status": _status(sums),
        },
        columns=list(AGGLOMERATION_COLUMNS),
    )
    return Agglomeration(
        frame=frame,
        base=pd.Series(shares, index=plants.areas, name="share"),
        base_is=said,
        statistic=statistic,
        permutations=draws,
        seed=chosen,
        interval=interval,
        correction=correction,
        family_size=int(np.isfinite(p).sum()),
        notes=plants.notes,
    )


def _status(sums: Sums) -> npt.NDArray[np.object_]:
    status = np.full(len(sums.n), STATUS_OK, dtype=object)
    status[sums.n == _TWO] = STATUS_TWO
    status[sums.n == 1] = STATUS_ONE
    return status


def _draws(asked: Literal["auto"] | int, family: int, interval: float, correction: Correction) -> int:
    """Choose, or check, the number of random locations."""
    if not is_level(interval) or (asked != "auto" and (not isinstance(asked, int) or asked < 0)):
        raise OptionError(
            "CM-CONC-003",
            f"interval={interval!r}, permutations={asked!r}",
            fix='interval=0.95, permutations="auto" or a number such as 9_999',
        )
    alpha = round(1 - interval, 12)
    if asked == "auto":
        return permutations_needed(1 if correction == "none" else family, alpha) if family else 0
    if asked and family:
        check_resolution(asked, family, alpha, correction)
    return asked
