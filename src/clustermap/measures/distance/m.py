"""Marcon and Puech's M, and its density version m: the sector's share of what lies near its firms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from clustermap.errors import OptionError, StatisticsError, part_of
from clustermap.measures.distance.assembly import Tested, no_answer, result_of
from clustermap.measures.distance.bands import Bands, normal_bands, normal_draws, simulated_bands
from clustermap.measures.distance.cells import SHARES
from clustermap.measures.distance.economy import as_economy, on_cells
from clustermap.measures.distance.neighbourhoods import economy_ratio_moments, near_sites, sites_of
from clustermap.measures.distance.ratios import ratio_curves
from clustermap.measures.distance.samples import draw_sites
from clustermap.measures.distance.sites import number_of_draws, read_sectors, site_weights
from clustermap.measures.distance.tasks import Task, check_graph, check_options
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.measures.distance.economy import EconomyDistances
    from clustermap.measures.distance.ratios import Near, Sites
    from clustermap.measures.distance.results import DistanceCurve, DistanceCurves
    from clustermap.measures.distance.sites import Sector
    from clustermap.progress import Progress
    from clustermap.schema import Correction, KdMethod
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["marcon_puech"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_WHOLE = 1e-9
_EXACT_UP_TO = 20_000  # firms of the economy: all their pairs are visited
_DELTA = "delta method, normal band"
_TITLES = {"M": "M (Marcon and Puech 2010)", "m": "m (Lang, Marcon and Puech 2020)"}


def marcon_puech(
    data: Firms | gpd.GeoDataFrame | EconomyDistances,
    *,
    function: Literal["M", "m"] = "M",
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    sector: str | None = None,
    weights: Literal["firms"] | str = "firms",  # noqa: PYI051 - the one word that is no column
    maximum_m: float | None = None,
    bandwidth: float | None = None,
    method: KdMethod = "auto",
    permutations: int = 1_000,
    alpha: float = 0.05,
    correction: Correction = "fdr_bh",
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> DistanceCurve | DistanceCurves:
    r"""Compare the sector's share of what lies near its firms with its share of everything.

    With :math:`w` what a firm counts, W the sum over all firms and :math:`W_s` that over the sector,
    :math:`M(r) = \sum_{i \in s} \frac{\sum_{j \in s, j \ne i} w_j 1(d_{ij} \le r)}{\sum_{j \ne i} w_j 1(d_{ij} \le
    r)} \Big/ \sum_{i \in s} \frac{W_s - w_i}{W - w_i}`; m has a Gaussian kernel around the distance in place of the
    indicator. 1 is what a random label gives; 2 means twice the share. Firms that have no neighbour within r are
    left out of both sums. Null: the label of the sector is shuffled over all firms, each keeping its place and what
    it counts.

    Parameters
    ----------
    data : Firms, geopandas.GeoDataFrame or EconomyDistances
        Every located firm, or what :func:`economy_distances` or :func:`economy_from_pairs` made of them.
    function : {"M", "m"}
        Cumulative: within r. Density: at r.
    sectors : Taxonomy, str, path or dict, optional
        A column of the firms that names the sector, or a taxonomy whose sectors a firm belongs to or not; every
        first SIC code where absent.
    sector : str, optional
        One sector; all where absent.
    weights : str
        "firms", or a numeric column.
    maximum_m, permutations, alpha, correction, seed, progress
        As in :func:`duranton_overman`.
    bandwidth : float, optional
        Of m; as in :func:`duranton_overman`.
    method : {"auto", "exact-pairs", "fft", "moments"}
        "exact-pairs": exact distances and simulated draws. "fft": distances between cells of half a step, with what
        lies near every firm from Fourier transforms, and simulated draws. "moments", for M of coordinates with every
        firm counting one: on cells, mean and covariance of chance by the delta method, without simulation. "auto":
        "moments" where it is possible and the sector has 2,000 firms; else exact up to 20,000 firms in all, and
        "fft" above.

    Returns
    -------
    DistanceCurve or DistanceCurves
        `localisation` sums the excess over the upper global band.

    Raises
    ------
    OptionError
        CM-DISTANCE-012: unknown function or method, or an option out of range. CM-DISTANCE-006, CM-DISTANCE-010,
        CM-SECTOR-001 as in :func:`duranton_overman`. CM-DISTANCE-017: firms that belong to a sector in part.
    InputError
        CM-DISTANCE-002, CM-DISTANCE-003, CM-DISTANCE-005: weights or sectors that are none.
    StatisticsError
        CM-DISTANCE-001, CM-DISTANCE-011, CM-DISTANCE-013, CM-DISTANCE-014: no answer on these firms.

    Notes
    -----
    M averages the firms' shares one by one, so firms far from others, with few neighbours, weigh as much as those in
    towns. M at r holds everything nearer: an excess at short distances is seen far beyond.

    References
    ----------
    Marcon, E. and Puech, F. (2010), Measures of the geographic concentration of industries: improving distance-based
    methods. Journal of Economic Geography 10.
    Lang, G., Marcon, E. and Puech, F. (2020), Distance-based measures of spatial concentration: introducing a relative
    density function. Annals of Regional Science 64.

    Examples
    --------
    >>> import geopandas as gpd
    >>> rng = np.random.default_rng(1)
    >>> x, y = 400_000 + 1_000 * rng.integers(0, 60, (2, 300))
    >>> trade = np.where((x < 420_000) & (rng.random(300) < 0.5), "steel", "other")
    >>> firms = gpd.GeoDataFrame({"trade": trade}, geometry=gpd.points_from_xy(x, y), crs=27700)
    >>> curve = marcon_puech(firms, sectors="trade", sector="steel", maximum_m=60_000, permutations=99, seed=1)
    >>> curve.label, bool(curve.frame["value"].max() > 2)
    ('localised', True)
    """
    _check(function, method, bandwidth, alpha)
    draws, seed = number_of_draws(permutations), resolve_seed(seed)
    economy = as_economy(data, maximum_m=maximum_m)
    check_graph(economy, method)
    weight, said = site_weights(economy.firms, weights)
    chosen = read_sectors(economy.firms, weight, sectors=sectors, only=None if sector is None else [sector])
    _refuse_parts(chosen, weight)
    if sector is not None:
        _refuse(economy, chosen[0])
    _check_moments(economy, function, method, weights)
    task = Task(economy, method, bandwidth, draws, alpha, seed)
    found: dict[str, Tested] = {}
    with reporting(progress, function) as report:
        for tested in _tested(task, function, weight, chosen):
            found[tested.name] = tested
            report(len(found), len(chosen))
    return result_of(
        [found[s.name] for s in chosen],
        _points(economy, function),
        many=sector is None,
        correction=correction,
        alpha=alpha,
        shared=task.shared(_TITLES[function], weights, said),
    )


def _check(function: str, method: str, bandwidth: float | None, alpha: float) -> None:
    if function not in _TITLES:
        raise OptionError(
            "CM-DISTANCE-012", f"function={function!r} is not possible", fix='function="M" or "m"'
        )
    if function == "M" and bandwidth is not None:
        raise OptionError(
            "CM-DISTANCE-012", "a bandwidth is not possible for M, which is cumulative", fix='function="m"'
        )
    check_options(method, bandwidth, alpha)


def _check_moments(economy: EconomyDistances, function: str, method: str, weights: str) -> None:
    if method == "moments" and not _has_moments(economy, function, weights):
        raise OptionError(
            "CM-DISTANCE-012",
            'method="moments" is not possible here',
            why="without simulation there is M alone, of coordinates, with every firm counting one",
            fix='method="auto"',
        )


def _has_moments(economy: EconomyDistances, function: str, weights: str) -> bool:
    return function == "M" and weights == "firms" and economy.links is None


def _status(economy: EconomyDistances, sector: Sector) -> str:
    fewest = 2
    if len(sector.site) < fewest:
        return "fewer than two firms"
    return "every firm belongs to it" if len(sector.site) == economy.sites else "ok"


def _refuse(economy: EconomyDistances, sector: Sector) -> None:
    status = _status(economy, sector)
    if status != "ok":
        raise StatisticsError(
            "CM-DISTANCE-013",
            f"{sector.name}: {part_of(len(sector.site), economy.sites, 'firm')}; {status}",
            why="chance draws the sector from all firms: there must be a pair, and something left over",
            fix="a sector with at least two firms, among all firms of the economy",
        )


def _refuse_parts(sectors: list[Sector], weight: Floats) -> None:
    """M labels firms: one that belongs to a sector in part has no label."""
    parts = {s.name: int((s.mark < weight[s.site] * (1 - _WHOLE)).sum()) for s in sectors}
    if some := {name: n for name, n in parts.items() if n}:
        named = ", ".join(f"{name} {n:,}" for name, n in list(some.items())[:5])
        raise OptionError(
            "CM-DISTANCE-017",
            f"{part_of(len(some), len(sectors), 'sector', 'holds', 'hold')} firms in part: {named}",
            why="chance hands whole labels to whole firms, and a firm counted in full would be counted too much",
            fix="a taxonomy with weights of 1, a column of the firms, or duranton_overman, which weighs firms by parts",
        )


def _points(economy: EconomyDistances, function: str) -> Floats:
    """M has no value at 0: nothing lies nearer."""
    return economy.points[1:] if function == "M" else economy.points


def _tested(task: Task, function: str, weight: Floats, chosen: list[Sector]) -> Iterator[Tested]:
    economy, points = task.economy, len(_points(task.economy, function))
    able = []
    for sector in chosen:
        status = _status(economy, sector)
        if status != "ok":
            yield no_answer(sector.name, len(sector.site), points, status)
        else:
            able.append(sector)
    unsimulated = []
    if _has_moments(economy, function, "firms" if (weight == 1.0).all() else "weights"):
        unsimulated = [s for s in able if task.way(s) == "moments"]
    if unsimulated:
        yield from _by_moments(task, weight, unsimulated)
    if len(able) > len(unsimulated):
        done = {s.name for s in unsimulated}
        yield from _by_simulation(task, function, weight, [s for s in able if s.name not in done])


def _by_moments(task: Task, weight: Floats, sectors: list[Sector]) -> Iterator[Tested]:
    economy = on_cells(task.economy)
    sites = sites_of(economy, weight, cells=True)
    near = near_sites(economy, sites, None)
    moments = economy_ratio_moments(economy)
    known = moments.reached > 0
    normal = normal_draws(task.seed, int(known.sum()))
    for sector in sectors:
        own, n = np.ascontiguousarray(sector.site[None, :]), len(sector.site)
        seen = ratio_curves(sites, near, own, np.array([n]), width=economy.step, parts=SHARES)[0, 0]
        inside = known & np.isfinite(seen)
        covariance = moments.covariance(n)[np.ix_(inside, inside)]
        mean = np.ones(int(inside.sum()))
        found = normal_bands(seen[inside], mean, covariance, normal[:, : len(mean)], task.alpha)
        yield _tested_of(sector, seen, inside, found, draws=len(normal), decided=_DELTA)


def _by_simulation(task: Task, function: str, weight: Floats, able: list[Sector]) -> Iterator[Tested]:
    economy = task.economy
    cells = task.method == "fft" or (
        task.method == "auto" and economy.links is None and economy.sites > _EXACT_UP_TO
    )
    sites = sites_of(economy, weight, cells=cells)
    longest = max(len(s.site) for s in able)
    places = draw_sites(economy.sites, longest, draws=task.draws, seed=task.seed)
    by_size: dict[int, list[Sector]] = {}
    for sector in able:
        by_size.setdefault(len(sector.site), []).append(sector)
    for sizes in [sorted(by_size)] if function == "M" else [[n] for n in sorted(by_size)]:
        smooth, h = (None, np.nan) if function == "M" else task.smoother(sizes[0] * (sizes[0] - 1) / 2)
        near = near_sites(economy, sites, smooth)
        drawn = ratio_curves(sites, near, places, np.array(sizes), width=economy.step, parts=SHARES)
        for n, curves in zip(sizes, drawn, strict=True):
            for sector in by_size[n]:
                yield _held(task, sites, near, sector=sector, drawn=curves, bandwidth=h)


def _held(task: Task, sites: Sites, near: Near, *, sector: Sector, drawn: Floats, bandwidth: float) -> Tested:
    n = len(sector.site)
    own = np.ascontiguousarray(sector.site[None, :])
    seen = ratio_curves(sites, near, own, np.array([n]), width=task.economy.step, parts=SHARES)[0, 0]
    known = np.isfinite(seen) & np.isfinite(drawn).all(axis=0)
    decided = f"{task.draws:,} simulated draws"
    if not known.any():
        return no_answer(sector.name, n, len(seen), "no firm has a neighbour")
    found = simulated_bands(seen[known], drawn[:, known], task.alpha)
    return _tested_of(sector, seen, known, found, draws=task.draws, decided=decided, bandwidth=bandwidth)


def _tested_of(
    sector: Sector, seen: Floats, known: npt.NDArray[np.bool_], found: Bands, *, draws: int, decided: str,
    bandwidth: float = np.nan,
) -> Tested:  # fmt: skip
    """Put bands of the distances that have them among all distances."""
    filled = [np.full(len(seen), np.nan) for _ in range(5)]
    for whole, part in zip(filled, found[:5], strict=True):
        whole[known] = part
    bands = Bands(filled[0], filled[1], filled[2], filled[3], filled[4], found.p_above, found.p_below)
    return Tested(sector.name, len(sector.site), bandwidth, draws, decided, seen, bands)
