"""The economy behind a sector: all sites, all pairs by distance, once for every sector."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, plural
from clustermap.measures.distance.cells import (
    SHARES,
    Cells,
    cell_histogram,
    grid_of,
    offset_counts,
    table,
)
from clustermap.measures.distance.extent import largest, notes_of, spread_of
from clustermap.measures.distance.links import Links, listed_histogram, listed_moments, read_links
from clustermap.measures.distance.moments import Moments, ring_spread
from clustermap.measures.distance.pairs import pair_histogram, weighted_pair_histogram
from clustermap.measures.distance.sites import Sector, coordinates, located

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.sources.values import Firms

__all__ = [
    "EconomyDistances",
    "as_economy",
    "economy_distances",
    "economy_from_pairs",
    "on_cells",
    "sector_on_cells",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
STEPS = 180  # distances at which a curve stands, beside 0
BEYOND = 45  # bins behind the last distance, for the kernel there
CELLS = 2  # cells across a bin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EconomyDistances:
    """All firms, and how far apart they lie: made once, for all sectors.

    Attributes
    ----------
    firms : Firms
        Every firm of the economy.
    maximum : float
        Largest distance of the curves, in `unit`.
    unit : str
        "m", or the unit of the distances given.
    step : float
        Distance between two points of a curve, and width of the bins that pairs are counted in.
    deviation, quartiles : float
        Standard deviation and interquartile range of the distances of all pairs.
    moments : Moments or None
        What the exact null needs; None until asked for.
    x, y, cells, place, links
        Coordinates and cells, or the pairs given.
    note : str
        What must be said beside every figure.
    """

    firms: Firms
    maximum: float
    unit: str
    step: float
    deviation: float
    quartiles: float
    moments: Moments | None
    x: Floats
    y: Floats
    cells: Cells | None = None
    place: Ints | None = None
    links: Links | None = None
    note: str = ""

    @property
    def sites(self) -> int:
        """Number of firms N."""
        return len(self.firms)

    @property
    def bins(self) -> int:
        """Bins that pairs are counted in: some lie behind the last distance, for the kernel there."""
        return STEPS + BEYOND

    @property
    def points(self) -> Floats:
        """Distances at which curves stand."""
        return np.asarray(np.arange(STEPS + 1) * self.step, dtype=np.float64)

    @property
    def frame(self) -> pd.DataFrame:
        """All pairs of firms by distance; empty until the exact null was asked for."""
        pairs = self.moments.pairs if self.moments is not None else np.empty(0)
        starts = np.arange(len(pairs)) * self.step
        return pd.DataFrame({"from": starts, "to": starts + self.step, "pairs": pairs})

    @property
    def exact_null(self) -> Moments:
        """What the exact null needs, worked out where it is not there yet."""
        moments = self.with_moments().moments
        if moments is None:  # pragma: no cover - with_moments fills it
            raise AssertionError
        return moments

    def with_moments(self) -> EconomyDistances:
        """Return the same economy with the exact null, worked out where it is not there yet."""
        if self.moments is not None:
            return self
        if self.links is not None:
            return replace(self, moments=listed_moments(self.links, self.sites, self.bins))
        return _with_cell_moments(on_cells(self))

    def seen(self, sector: Sector, *, cells: bool) -> Floats:
        """Return the pairs of a sector's firms by distance, weighted by the product of their marks."""
        if self.links is not None:
            return listed_histogram(self.links, sector.site, sector.mark, self.sites, self.bins)
        if not cells:
            return _exact(self, sector)
        return sector_on_cells(on_cells(self), sector.site, sector.mark)

    def summary(self) -> str:
        """Say in plain sentences what the economy is."""
        said = (
            f"{plural(self.sites, 'firm')}; distances up to {self.maximum:,g} {self.unit} in steps of {self.step:,g} "
            f"{self.unit}."
        )
        if self.links is not None:
            return (
                f"{said}\n{plural(len(self.links.bin), 'pair was', 'pairs were')} given that near; all "
                "others lie farther apart."
            )
        return said if self.moments is None else f"{said}\nThe exact null stands ready for every sector."

    def __repr__(self) -> str:
        ready = "ready" if self.moments is not None else "not yet worked out"
        return (
            f"<EconomyDistances: {plural(self.sites, 'firm')}, up to {self.maximum:,g} {self.unit}, exact "
            f"null {ready}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def economy_distances(
    firms: Firms | gpd.GeoDataFrame, *, maximum_m: float = 180_000.0, exact_null: bool = True
) -> EconomyDistances:
    """Work out once, for all sectors, how far apart all firms of an economy lie.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Every located firm, whatever its sector: chance is drawn from their sites.
    maximum_m : float
        Largest distance of the curves; they have 180 steps, and cells are half a step wide (500 m at 180 km).
    exact_null : bool
        Work out the mean and covariance under random labelling now (seconds for a million firms), so that every
        sector that needs them finds them ready. Without it they are worked out when asked for.

    Returns
    -------
    EconomyDistances
        To be given to :func:`duranton_overman` in place of the firms.

    Raises
    ------
    StatisticsError
        CM-DISTANCE-001: fewer than four firms. CM-DISTANCE-011: all firms at one place.
    OptionError
        CM-DISTANCE-004: more cells than fit. CM-DISTANCE-010: no positive distance.
    CrsError
        CM-CRS-004: coordinates in degrees.

    References
    ----------
    Duranton, G. and Overman, H. G. (2005), Testing for localization using micro-geographic data. Review of
    Economic Studies 72.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> firms = gpd.GeoDataFrame(
    ...     {"firm_id": list("abcd")}, geometry=[Point(400_000 + 900 * i, 300_000) for i in range(4)], crs=27700)
    >>> economy_distances(firms, maximum_m=18_000).frame["pairs"].sum()
    np.float64(6.0)
    """
    given = located(firms)
    step = largest(maximum_m) / STEPS
    x, y = coordinates(given)
    deviation, quartiles = spread_of(x, y, step)
    economy = EconomyDistances(
        firms=given,
        maximum=float(maximum_m),
        unit="m",
        step=step,
        deviation=deviation,
        quartiles=quartiles,
        moments=None,
        x=x,
        y=y,
        note=notes_of(given, x, y),
    )
    return economy.with_moments() if exact_null else economy


def economy_from_pairs(
    firms: Firms | gpd.GeoDataFrame, pairs: Any, *, maximum: float, unit: str = "minutes"
) -> EconomyDistances:
    """Take distances as given, pair by pair: travel times, road kilometres, any sparse graph.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Every located firm.
    pairs : pandas.DataFrame or scipy sparse array
        A frame of three columns (a firm, another, their distance), or firms × firms in the order of `firm_id`. A
        pair given in both directions has their mean. A pair that is not listed lies farther away than
        `maximum` and the quarter behind it: list all that are nearer. In a sparse array a distance of 0 must be
        stored, as everything stored counts.
    maximum : float
        Largest distance of the curves, in `unit`.
    unit : str
        What the distances are in.

    Returns
    -------
    EconomyDistances
        To be given to :func:`duranton_overman` in place of the firms.

    Raises
    ------
    AlignmentError
        CM-DISTANCE-007: another shape, or unknown firms.
    InputError
        CM-DISTANCE-008, CM-DISTANCE-009: distances that are no distances, or no pair near enough.
    StatisticsError
        CM-DISTANCE-001: fewer than four firms.
    OptionError
        CM-DISTANCE-010: no positive distance.

    References
    ----------
    Duranton, G. and Overman, H. G. (2005), Testing for localization using micro-geographic data. Review of
    Economic Studies 72.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> firms = gpd.GeoDataFrame(
    ...     {"firm_id": list("abcd")}, geometry=[Point(400_000, 300_000)] * 4, crs=27700)
    >>> times = pd.DataFrame({"a": ["a", "a", "b"], "b": ["b", "c", "c"], "minutes": [5, 20, 30]})
    >>> economy_from_pairs(firms, times, maximum=60)
    <EconomyDistances: 4 firms, up to 60 minutes, exact null ready>
    """
    given = located(firms)
    step = largest(maximum) / STEPS
    links, said = read_links(pairs, given, step=step, bins=STEPS + BEYOND)
    low, high = np.quantile(links.distance, (0.25, 0.75))
    return EconomyDistances(
        firms=given,
        maximum=float(maximum),
        unit=unit,
        step=step,
        deviation=float(links.distance.std()),
        quartiles=float(high - low),
        moments=None,
        x=np.empty(0),
        y=np.empty(0),
        links=links,
        note=" ".join(said),
    ).with_moments()


def as_economy(data: Any, *, maximum_m: float | None) -> EconomyDistances:
    """Take an economy as it is, or make one from firms, the exact null left until it is needed.

    Raises
    ------
    OptionError
        CM-DISTANCE-010: an economy and another maximum.
    """
    if not isinstance(data, EconomyDistances):
        return economy_distances(
            data, maximum_m=180_000.0 if maximum_m is None else maximum_m, exact_null=False
        )
    if maximum_m is not None and maximum_m != data.maximum:
        raise OptionError(
            "CM-DISTANCE-010",
            f"maximum_m={maximum_m!r}, and the economy was made for {data.maximum:,g} {data.unit}",
            why="its pairs are counted up to there",
            fix=f"economy_distances(firms, maximum_m={maximum_m!r})",
        )
    return data


def on_cells(economy: EconomyDistances) -> EconomyDistances:
    """Return the economy with its sites on cells."""
    if economy.cells is not None:
        return economy
    cells, place = grid_of(economy.x, economy.y, economy.step / CELLS)
    return replace(economy, cells=cells, place=place)


def sector_on_cells(economy: EconomyDistances, site: Ints, mark: Floats) -> Floats:
    """Return the pairs of some sites by distance between their cells."""
    cells, place = economy.cells, economy.place
    if cells is None or place is None:
        return sector_on_cells(on_cells(economy), site, mark)
    occupied, own = np.unique(place[site], return_inverse=True)
    mass = np.asarray(np.bincount(own, weights=mark), dtype=np.float64)
    inner = np.asarray(mass**2 - np.bincount(own, weights=mark**2), dtype=np.float64) / 2
    some = Cells(cells.row[occupied], cells.column[occupied], cells.shape)
    return cell_histogram(some, mass, inner, table(float(CELLS), economy.bins), economy.bins)


def _with_cell_moments(economy: EconomyDistances) -> EconomyDistances:
    cells, place = economy.cells, economy.place
    if cells is None or place is None:
        return _with_cell_moments(on_cells(economy))
    bins, shares = economy.bins, table(float(CELLS), economy.bins)
    count = np.bincount(place, minlength=len(cells.row)).astype(np.int64)
    offsets = offset_counts(cells, count.astype(np.float64), shares.reach)
    offsets[0, 0] = float((count * (count - 1) // 2).sum())
    pairs, same = shares.bins(offsets, bins) / SHARES, shares.products(offsets, bins)
    spread = ring_spread(cells, count, same, bin_cells=float(CELLS))
    return replace(economy, moments=Moments(pairs, same, spread))


def _exact(economy: EconomyDistances, sector: Sector) -> Floats:
    x, y = economy.x[sector.site], economy.y[sector.site]
    if sector.counted:
        counts = pair_histogram(x, y, width=economy.step, bins=economy.bins + 1)
        return counts[:-1].astype(np.float64)
    return weighted_pair_histogram(x, y, sector.mark, width=economy.step, bins=economy.bins + 1)[:-1]
