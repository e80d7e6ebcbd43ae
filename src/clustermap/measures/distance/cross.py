"""K_d of two sectors: the density of distances between a firm of one and a firm of the other."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.errors import OptionError, StatisticsError, part_of, plural
from clustermap.measures.distance.assembly import Tested, no_answer, result_of
from clustermap.measures.distance.bands import normal_bands, normal_draws, simulated_bands
from clustermap.measures.distance.economy import as_economy
from clustermap.measures.distance.moments import cross_coefficients
from clustermap.measures.distance.samples import (
    draw_sites,
    largest_first,
    sampled_on_cells,
    sampled_pairs,
    sampled_with_marks,
)
from clustermap.measures.distance.sites import Sector, number_of_draws, read_sectors, site_weights
from clustermap.measures.distance.tasks import BY_MOMENTS, Task, check_graph, check_options
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.measures.distance.economy import EconomyDistances
    from clustermap.measures.distance.results import DistanceCurves
    from clustermap.progress import Progress
    from clustermap.schema import Correction, KdMethod
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["cross_duranton_overman"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class _Pair(NamedTuple):
    """Two sectors that share no firm."""

    a: Sector
    b: Sector

    @property
    def name(self) -> str:
        return f"{self.a.name} × {self.b.name}"

    @property
    def both(self) -> Sector:
        """All firms of either, those of the first in front."""
        return Sector(
            self.name,
            self.name,
            np.concatenate((self.a.site, self.b.site)),
            np.concatenate((largest_first(self.a.mark), largest_first(self.b.mark))),
        )

    @property
    def firms(self) -> int:
        return len(self.a.site) + len(self.b.site)

    @property
    def mass(self) -> float:
        return float(self.a.mark.sum() * self.b.mark.sum())


def cross_duranton_overman(
    data: Firms | gpd.GeoDataFrame | EconomyDistances,
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    weights: Literal["firms"] | str = "firms",  # noqa: PYI051 - the one word that is no column
    maximum_m: float | None = None,
    bandwidth: float | None = None,
    method: KdMethod = "auto",
    permutations: int = 1_000,
    alpha: float = 0.05,
    correction: Correction = "fdr_bh",
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> DistanceCurves:
    r"""Test at which distances the firms of two sectors lie closer to each other, or farther, than firms at random.

    :math:`\hat K_{ab}(d) = \sum_{i \in a, j \in b} e_i e_j f_h(d - d_{ij}) / \sum_{i \in a, j \in b} e_i e_j`. Under
    the null the firms of both sectors together are a random draw from the sites of all firms.

    Parameters
    ----------
    data : Firms, geopandas.GeoDataFrame or EconomyDistances
        Every located firm, or what :func:`economy_distances` or :func:`economy_from_pairs` made of them.
    pairs : sequence of (str, str), optional
        The pairs of sectors; every pair where absent.
    sectors : Taxonomy, str, path or dict, optional
        A column of the firms that names the sector, or a taxonomy; every first SIC code where absent.
    weights : str
        "firms", or a numeric column.
    maximum_m, bandwidth, method, permutations, alpha, correction, seed, progress
        As in :func:`duranton_overman`; "auto" takes "moments" where each of the two has 2,000 firms.

    Returns
    -------
    DistanceCurves
        One curve per pair, named ``"a × b"``; `n` is the firms of both.

    Raises
    ------
    OptionError
        CM-DISTANCE-015: no pair, a sector with itself. CM-DISTANCE-012, CM-SECTOR-001 as in
        :func:`duranton_overman`.
    StatisticsError
        CM-DISTANCE-016: two sectors share firms.

    Notes
    -----
    Two localised sectors lie close to each other as soon as both follow the same towns more than firms at large do:
    a pair that is closer than chance need not have anything to do with each other. To hold two sectors against each
    other alone, give the firms of these two as the data: the null is then that labels of the two are exchangeable.

    References
    ----------
    Duranton, G. and Overman, H. G. (2008), Exploring the detailed location patterns of U.K. manufacturing industries
    using microgeographic data. Journal of Regional Science 48.

    Examples
    --------
    >>> import geopandas as gpd
    >>> rng = np.random.default_rng(1)
    >>> x, y = 400_000 + 1_000 * rng.integers(0, 60, (2, 400))
    >>> west = (x < 420_000) & (rng.random(400) < 0.6)
    >>> trade = np.where(west, np.where(rng.random(400) < 0.5, "steel", "wire"), "other")
    >>> firms = gpd.GeoDataFrame({"trade": trade}, geometry=gpd.points_from_xy(x, y), crs=27700)
    >>> found = cross_duranton_overman(
    ...     firms, [("steel", "wire")], sectors="trade", maximum_m=60_000, permutations=99, seed=1)
    >>> found["steel × wire"].label
    'localised'
    """
    check_options(method, bandwidth, alpha)
    draws, seed = number_of_draws(permutations), resolve_seed(seed)
    economy = as_economy(data, maximum_m=maximum_m)
    check_graph(economy, method)
    weight, said = site_weights(economy.firms, weights)
    chosen = _pairs(economy.firms, weight, pairs, sectors)
    task = Task(economy, method, bandwidth, draws, alpha, seed)
    found = []
    with reporting(progress, "cross-K_d") as report:
        for done, tested in enumerate(_tested(task, chosen), start=1):
            found.append(tested)
            report(done, len(chosen))
    by_name = {t.name: t for t in found}
    result: DistanceCurves = result_of(  # type: ignore[assignment]
        [by_name[p.name] for p in chosen],
        economy.points,
        many=True,
        correction=correction,
        alpha=alpha,
        shared=task.shared("K_d between two sectors (Duranton and Overman 2008)", weights, said),
    )
    return result


def _pairs(
    firms: Firms,
    weight: Floats,
    pairs: Sequence[tuple[str, str]] | None,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None,
) -> list[_Pair]:
    """Return the pairs wanted; refuse what is none."""
    try:
        listed = None if pairs is None else [(str(a), str(b)) for a, b in pairs]
    except (TypeError, ValueError, KeyError) as error:
        raise OptionError(
            "CM-DISTANCE-018",
            f"pairs={pairs!r:.60} is no list of pairs of sectors",
            fix='pairs=[("steel", "wire")]',
        ) from error
    only = None if listed is None else list(dict.fromkeys(name for pair in listed for name in pair))
    known = {s.name: s for s in read_sectors(firms, weight, sectors=sectors, only=only)}
    wanted = list(combinations(known, 2)) if listed is None else listed
    wrong = [pair for pair in wanted if pair[0] == pair[1]]
    if wrong or not wanted:
        raise OptionError(
            "CM-DISTANCE-015",
            f"{part_of(len(wrong), len(wanted), 'pair', 'is', 'are')} a sector with itself"
            if wrong
            else "there is no pair of sectors",
            why="the distances within one sector are duranton_overman's",
            fix='pairs=[("steel", "wire")]',
        )
    out = [_Pair(known[a], known[b]) for a, b in dict.fromkeys(wanted)]
    for pair in out:
        shared = len(np.intersect1d(pair.a.site, pair.b.site))
        if shared:
            raise StatisticsError(
                "CM-DISTANCE-016",
                f"{pair.name}: {plural(shared, 'firm belongs', 'firms belong')} to both",
                why="a firm has no distance to itself, and the null draws two sectors that share none",
                fix="sectors that do not overlap",
            )
    return out


def _tested(task: Task, chosen: list[_Pair]) -> list[Tested]:
    """Return all pairs' tests."""
    economy, points = task.economy, len(task.economy.points)
    ways = {p.name: task.way(p.a, p.b) for p in chosen if len(p.a.site) and len(p.b.site)}
    simulated = [p for p in chosen if ways.get(p.name, "moments") != "moments"]
    longest = max((p.firms for p in simulated), default=0)
    places = draw_sites(economy.sites, longest, draws=task.draws, seed=task.seed)
    normal = normal_draws(task.seed, points)
    out = []
    for pair in chosen:
        way = ways.get(pair.name)
        if way is None:
            out.append(no_answer(pair.name, pair.firms, points, "a sector without firms"))
        elif way == "moments":
            economy = economy.with_moments()
            try:
                out.append(_by_moments(task, economy, pair, normal))
            except np.linalg.LinAlgError:  # a covariance that rounds to none: this pair is simulated
                own = draw_sites(economy.sites, pair.firms, draws=task.draws, seed=task.seed)
                out.append(_by_simulation(task, pair, own, on_cells=True))
        else:
            out.append(_by_simulation(task, pair, places, on_cells=way == "fft"))
    return out


def _seen(economy: EconomyDistances, pair: _Pair, *, cells: bool) -> Floats:
    """Return the pairs between the sectors: all pairs of both together, without those inside either."""
    both = Sector(
        pair.name,
        pair.name,
        np.concatenate((pair.a.site, pair.b.site)),
        np.concatenate((pair.a.mark, pair.b.mark)),
    )
    inside = economy.seen(pair.a, cells=cells) + economy.seen(pair.b, cells=cells)
    return economy.seen(both, cells=cells) - inside


def _by_moments(task: Task, economy: EconomyDistances, pair: _Pair, normal: Floats) -> Tested:
    moments = economy.exact_null
    smooth, h = task.smoother(len(pair.a.site) * len(pair.b.site))
    seen = smooth @ _seen(economy, pair, cells=True) / pair.mass
    weigh = cross_coefficients(pair.a.mark, pair.b.mark, economy.sites)
    mean = smooth @ moments.pairs * (weigh.mean / pair.mass)
    covariance = smooth @ weigh.covariance(moments) @ smooth.T / pair.mass**2
    bands = normal_bands(seen, mean, covariance, normal, task.alpha)
    return Tested(pair.name, pair.firms, h, len(normal), BY_MOMENTS, seen, bands)


def _by_simulation(task: Task, pair: _Pair, places: Ints, *, on_cells: bool) -> Tested:
    smooth, h = task.smoother(len(pair.a.site) * len(pair.b.site))
    drawn = _drawn(task.economy, pair, places, on_cells=on_cells)
    pool = np.vstack((_seen(task.economy, pair, cells=on_cells), drawn)) @ smooth.T / pair.mass
    bands = simulated_bands(pool[0], pool[1:], task.alpha)
    decided = f"{task.draws:,} simulated draws"
    return Tested(pair.name, pair.firms, h, task.draws, decided, pool[0], bands)


def _drawn(economy: EconomyDistances, pair: _Pair, places: Ints, *, on_cells: bool) -> Floats:
    """Return draws × bins: the first sites drawn are the first sector's, the next the second's."""
    n, both = len(pair.a.site), pair.both
    parts = (places[:, : pair.firms], places[:, :n], np.ascontiguousarray(places[:, n : pair.firms]))
    marks = (both.mark, both.mark[:n], both.mark[n:])
    sums = []
    for sites, mark in zip(parts, marks, strict=True):
        if on_cells:
            sums.append(sampled_on_cells(economy, sites, mark))
        elif both.counted:
            sums.append(next(sampled_pairs(economy, np.ascontiguousarray(sites), np.array([len(mark)])))[1])
        else:
            sums.append(sampled_with_marks(economy, np.ascontiguousarray(sites), mark))
    return np.asarray(sums[0] - sums[1] - sums[2])
