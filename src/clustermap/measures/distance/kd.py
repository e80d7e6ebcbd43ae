"""Duranton and Overman's K_d: the density of distances between the firms of a sector, against random labelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from clustermap.errors import StatisticsError, part_of
from clustermap.measures.distance.assembly import Tested, no_answer, result_of
from clustermap.measures.distance.bands import normal_bands, normal_draws, simulated_bands
from clustermap.measures.distance.economy import as_economy
from clustermap.measures.distance.moments import coefficients
from clustermap.measures.distance.samples import (
    draw_sites,
    largest_first,
    sampled_on_cells,
    sampled_pairs,
    sampled_with_marks,
)
from clustermap.measures.distance.sites import number_of_draws, read_sectors, site_weights
from clustermap.measures.distance.tasks import BY_MOMENTS, Task, check_graph, check_options
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.measures.distance.economy import EconomyDistances
    from clustermap.measures.distance.results import DistanceCurve, DistanceCurves
    from clustermap.measures.distance.sites import Sector
    from clustermap.progress import Progress
    from clustermap.schema import Correction, KdMethod
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["duranton_overman"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def duranton_overman(
    data: Firms | gpd.GeoDataFrame | EconomyDistances,
    *,
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
    r"""Test at which distances the firms of a sector lie closer together, or farther apart, than firms at random.

    With :math:`e` what each of the n firms counts, :math:`\hat K(d) = \sum_{i<j} e_i e_j f_h(d - d_{ij}) /
    \sum_{i<j} e_i e_j`, where :math:`f_h` is a Gaussian kernel reflected at 0. Under the null the sector's firms,
    each with what it counts, are a random draw from the sites of all firms. A sector is globally localised where
    its curve lies above the upper global band somewhere, globally dispersed where it lies below the lower one
    somewhere and is not localised; either band is crossed by chance with probability `alpha`.

    Parameters
    ----------
    data : Firms, geopandas.GeoDataFrame or EconomyDistances
        Every located firm, whatever its sector; or what :func:`economy_distances` or :func:`economy_from_pairs` made
        of them, which saves work from call to call.
    sectors : Taxonomy, str, path or dict, optional
        A column of the firms that names the sector, or a taxonomy (a firm counts by its first code, partial
        membership as a part of a firm); every first SIC code where absent.
    sector : str, optional
        One sector; all, in one batch, where absent.
    weights : str
        "firms": every firm counts one. Otherwise a numeric column ("value", "employees"): a pair counts
        the product.
    maximum_m : float, optional
        Largest distance, 180 km where absent; the curve has 180 steps up to there.
    bandwidth : float, optional
        Of the kernel, in the unit of the distances. Where absent, Silverman's rule, from the spread of the distances
        of all firms and the sector's number of pairs, at most a twelfth of the largest distance; the same for
        the sector and for chance.
    method : {"auto", "exact-pairs", "fft", "moments"}
        "exact-pairs": exact distances and simulated draws. "fft": distances between cells of half a step, and
        simulated draws. "moments": distances between cells, and bands from the exact mean and covariance
        of chance, without simulation. "auto": "moments" from 2,000 firms on (with weights, from S1²/S2 ≥ 2,000),
        "exact-pairs" below, "fft" for more than 10,000 firms whose weights are that uneven.
    permutations : int
        Draws where chance is simulated; "moments" uses 9,999 draws of the normal band process.
    alpha : float
        Level of each global band, and of each local one.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for the number of sectors.
    seed : int, optional
        Same seed, same bytes; drawn and recorded where absent. All sectors meet the same draws.
    progress : callable or bool, optional
        Called with ``(done, total)`` sectors; True shows a bar.

    Returns
    -------
    DistanceCurve or DistanceCurves
        One sector: the curve, its bands, label and p. Many: long, with one test per sector.

    Raises
    ------
    InputError
        CM-DISTANCE-002, CM-DISTANCE-003: weights that are none. CM-DISTANCE-005: no firm has a sector.
    OptionError
        CM-DISTANCE-006: too few draws. CM-DISTANCE-010: no largest distance. CM-DISTANCE-012: unknown method, or an
        option out of range. CM-SECTOR-001: unknown sector.
    StatisticsError
        CM-DISTANCE-001: fewer than four firms. CM-DISTANCE-011: all firms at one place. CM-DISTANCE-013: the sector
        has fewer than two firms, or is everything.

    Notes
    -----
    Nothing is said about causes, and registered offices are not workplaces. The two classes are not
    exclusive at different distances: a sector above the band at 5 km and below at 100 km is called localised. From
    2,000 firms on the normal band is crossed a little more often than `alpha` above, because the law is skew
    still; `method="exact-pairs"` has no such error.

    References
    ----------
    Duranton, G. and Overman, H. G. (2005), Testing for localization using micro-geographic data. Review of
    Economic Studies 72.
    Myllymäki, M. and others (2017), Global envelope tests for spatial processes. JRSS B 79.

    Examples
    --------
    >>> import geopandas as gpd
    >>> rng = np.random.default_rng(1)
    >>> x, y = 400_000 + 1_000 * rng.integers(0, 60, (2, 300))
    >>> trade = np.where((x < 420_000) & (rng.random(300) < 0.5), "steel", "other")
    >>> firms = gpd.GeoDataFrame({"trade": trade}, geometry=gpd.points_from_xy(x, y), crs=27700)
    >>> curve = duranton_overman(firms, sectors="trade", sector="steel", maximum_m=60_000, permutations=99, seed=1)
    >>> curve.label, curve.p_localised
    ('localised', 0.01)
    """
    check_options(method, bandwidth, alpha)
    draws, seed = number_of_draws(permutations), resolve_seed(seed)
    economy = as_economy(data, maximum_m=maximum_m)
    check_graph(economy, method)
    weight, said = site_weights(economy.firms, weights)
    chosen = read_sectors(economy.firms, weight, sectors=sectors, only=None if sector is None else [sector])
    task = Task(economy, method, bandwidth, draws, alpha, seed)
    if sector is not None:
        _refuse(economy, chosen[0])
    found: dict[str, Tested] = {}
    with reporting(progress, "K_d") as report:
        for tested in _tested(task, chosen):
            found[tested.name] = tested
            report(len(found), len(chosen))
    return result_of(
        [found[s.name] for s in chosen],
        economy.points,
        many=sector is None,
        correction=correction,
        alpha=alpha,
        shared=task.shared("K_d (Duranton and Overman 2005)", weights, said),
    )


def _status(economy: EconomyDistances, sector: Sector) -> str:
    fewest = 2
    if len(sector.site) < fewest:
        return "fewer than two firms"
    everything = len(sector.site) == economy.sites
    return "every firm belongs to it" if everything and sector.counted else "ok"


def _refuse(economy: EconomyDistances, sector: Sector) -> None:
    status = _status(economy, sector)
    if status != "ok":
        raise StatisticsError(
            "CM-DISTANCE-013",
            f"{sector.name}: {part_of(len(sector.site), economy.sites, 'firm')}; {status}",
            why="chance draws the sector from all firms: there must be a pair, and something left over",
            fix="a sector with at least two firms (ten are usual), among all firms of the economy",
        )


def _tested(task: Task, chosen: list[Sector]) -> Iterator[Tested]:
    """Yield all sectors' tests, those of one way together."""
    economy, points = task.economy, len(task.economy.points)
    ways: dict[str, list[Sector]] = {}
    for sector in chosen:
        status = _status(economy, sector)
        if status != "ok":
            yield no_answer(sector.name, len(sector.site), points, status)
        else:
            ways.setdefault(task.way(sector), []).append(sector)
    if "moments" in ways:
        left: list[Sector] = []
        yield from _by_moments(task, ways["moments"], left)
        if left:
            ways.setdefault("fft", []).extend(left)
    simulated = [way for way in ("exact-pairs", "fft") if way in ways]
    longest = max((len(s.site) for way in simulated for s in ways[way]), default=0)
    places = draw_sites(economy.sites, longest, draws=task.draws, seed=task.seed)
    for way in simulated:
        yield from _by_simulation(task, ways[way], places, on_cells=way == "fft")


def _by_moments(task: Task, sectors: list[Sector], left: list[Sector]) -> Iterator[Tested]:
    """Yield the tests without simulation; `left` takes the sectors whose covariance rounds to none."""
    economy = task.economy.with_moments()
    moments = economy.exact_null
    normal = normal_draws(task.seed, len(economy.points))
    for sector in sectors:
        n = len(sector.site)
        smooth, h = task.smoother(n * (n - 1) / 2)
        seen = smooth @ economy.seen(sector, cells=True) / sector.mass
        weigh = coefficients(sector.mark, economy.sites)
        mean = smooth @ moments.pairs * (weigh.mean / sector.mass)
        covariance = smooth @ weigh.covariance(moments) @ smooth.T / sector.mass**2
        try:
            bands = normal_bands(seen, mean, covariance, normal, task.alpha)
        except np.linalg.LinAlgError:  # nearly all firms are of the sector, or hardly a pair is so far apart
            left.append(sector)
            continue
        yield Tested(sector.name, n, h, len(normal), BY_MOMENTS, seen, bands)


def _by_simulation(task: Task, sectors: list[Sector], places: Ints, *, on_cells: bool) -> Iterator[Tested]:
    economy = task.economy

    def held(sector: Sector, drawn: Floats) -> Tested:
        n = len(sector.site)
        smooth, h = task.smoother(n * (n - 1) / 2)
        pool = np.vstack((economy.seen(sector, cells=on_cells), drawn)) @ smooth.T / sector.mass
        bands = simulated_bands(pool[0], pool[1:], task.alpha)
        decided = f"{task.draws:,} simulated draws"
        return Tested(sector.name, n, h, task.draws, decided, pool[0], bands)

    if on_cells:
        for sector in sectors:
            yield held(sector, sampled_on_cells(economy, places, largest_first(sector.mark)))
        return
    by_size: dict[int, list[Sector]] = {}
    for sector in sectors:
        if sector.counted:
            by_size.setdefault(len(sector.site), []).append(sector)
        else:
            yield held(sector, sampled_with_marks(economy, places, largest_first(sector.mark)))
    if by_size:
        for size, drawn in sampled_pairs(economy, places, np.array(sorted(by_size))):
            for sector in by_size[size]:
                yield held(sector, drawn)
