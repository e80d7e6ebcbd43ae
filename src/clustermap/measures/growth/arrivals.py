"""Births of firms by year, area and sector, against the stock they join."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, StatisticsError, as_lines, plural
from clustermap.inference import adjust, is_level
from clustermap.measures.binomial import two_sided_p
from clustermap.measures.growth.lives import day, in_sectors, lives_of, placed
from clustermap.schema import BIRTH_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.measures.growth.lives import Lives
    from clustermap.schema import Correction
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms

__all__ = ["Births", "births"]

Floats = npt.NDArray[np.float64]
_TOLD = 5
STATUS_OK, STATUS_NO_STOCK = "ok", "no stock: no rate"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Births:
    """Births and birth rates.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area, sector and year: ``area, sector, year, births, stock, rate, lower, upper, expected, p, q,
        status``. `stock` counts firms alive at the start of the year, `expected` the births that the area would have
        at the rate of all areas together.
    areas : Areas
        The polygons.
    first, last : int
        The years.
    dissolutions : bool
        Whether the source says when firms ended; without, births of firms gone since are missing.
    interval, correction, family_size
        As asked; q corrects over all areas, sectors and years with a p.
    notes : tuple of str
        What was left out.
    method, null, alternative : str
        In words.
    """

    frame: pd.DataFrame
    areas: Areas
    first: int
    last: int
    dissolutions: bool
    interval: float
    correction: Correction
    family_size: int
    notes: tuple[str, ...] = ()
    method: str = (
        "exact Poisson interval of the births (Garwood) over the stock; exact binomial p given all births"
    )
    null: str = "every area has births in proportion to its stock, year by year and sector by sector"
    alternative: str = "two-sided"

    @property
    def alpha(self) -> float:
        """The level that belongs to the interval."""
        return round(1 - self.interval, 12)

    def geo(self, *, sector: str | None = None) -> gpd.GeoDataFrame:
        """Return the areas with births, firm-years of stock and rate of all years together."""
        part = self.frame if sector is None else self.frame[self.frame["sector"] == sector]
        if part.empty or (sector is None and len(self.frame["sector"].unique()) > 1):
            raise OptionError(
                "CM-SECTOR-001",
                f"there are births of {plural(self.frame['sector'].nunique(), 'sector')}, none called {sector!r}",
                fix=f"sector= one of: {', '.join(map(repr, self.frame['sector'].unique()[:10]))}",
            )
        sums = part.groupby("area")[["births", "stock"]].sum()
        sums["rate"] = (sums["births"] / sums["stock"]).where(sums["stock"] > 0)
        return self.areas.frame.join(sums)

    def summary(self) -> str:
        """Say in plain sentences where firms are born and what the figures do not say."""
        frame = self.frame
        tested = frame["p"] if self.correction == "none" else frame["q"]
        sure = frame[tested < self.alpha]
        more, fewer = sure[sure["births"] > sure["expected"]], sure[sure["births"] < sure["expected"]]
        lines = [
            (
                f"{plural(frame['births'].sum(), 'birth')} from {self.first} to {self.last} in "
                f"{plural(len(self.areas), 'area')} and "
                f"{plural(frame['sector'].nunique(), 'sector')}, against the stock at the start of each year."
            ),
            (
                f"Beyond chance (exact two-sided p, q by {self.correction} over {plural(self.family_size, 'test')}): "
                f"{plural(len(more), 'rate')} above that of all areas, {len(fewer):,} below."
            ),
        ]
        lines += [
            f"{self.areas.names.get(r.area, r.area)}, {r.sector}, {r.year}: {plural(r.births, 'birth')} "
            f"where {r.expected:.1f} "
            "were expected."
            for r in more.sort_values("p", kind="stable").head(_TOLD).itertuples()
        ]
        if not self.dissolutions:
            lines.append(
                "The source holds no ends: births of firms gone since are missing, the more so the longer ago, and so "
                "is their part of the stock. Trends over years are not to be read from it."
            )
        without = int((frame["status"] == STATUS_NO_STOCK).sum())
        lines += [f"{plural(without, 'row')}: {STATUS_NO_STOCK}."] if without else []
        lines.append(
            "A birth is an entry in the register at the place it gives; a formation agent's address is born with many."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Births: {self.frame['births'].sum():,} from {self.first} to {self.last}, "
            f"{plural(len(self.areas), 'area')}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def births(
    firms: Firms | gpd.GeoDataFrame,
    areas: Areas | gpd.GeoDataFrame,
    *,
    years: tuple[int, int],
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    incorporated: str | None = None,
    dissolved: str | None = None,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
) -> Births:
    """Count firms by year of incorporation, area and sector, with rates against the stock at the start of the year.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Located firms with dates of incorporation; ``read_firms(…, status="all")`` keeps those that ended.
    areas : Areas or geopandas.GeoDataFrame
        A firm in several areas counts in the one with the lowest code.
    years : tuple of int
        First and last year, both included.
    sectors : Taxonomy, str, path or dict, optional
        By the first usable code; a code that belongs to a sector by less than half does not count in it. All firms
        together where absent.
    incorporated, dissolved : str, optional
        Columns of dates; found by their usual names where absent.
    interval : float
        Coverage of the intervals of the rates.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects over all areas, sectors and years.

    Returns
    -------
    Births
        Given the stock, births are Poisson: the interval of the rate is Garwood's, over the stock. Given the births of
        a sector and year in all areas, those of an area are binomial by its share of the stock: p.

    Raises
    ------
    InputError
        CM-DATE-002, CM-DATE-003, CM-DATE-004: dates that are missing or run backwards.
    OptionError
        CM-DATE-005: years that are none. CM-GROWTH-005: `interval` outside (0, 1).
    StatisticsError
        CM-DATE-006: no firm in any area was there or born in these years.

    References
    ----------
    Garwood, F. (1936), Fiducial limits for the Poisson distribution. Biometrika 28.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point, box
    >>> areas = gpd.GeoDataFrame({"code": ["A"], "name": ["a"]}, geometry=[box(0, 0, 9, 9)], crs="EPSG:27700")
    >>> firms = gpd.GeoDataFrame(
    ...     {"firm_id": ["f1", "f2", "f3"], "incorporated": ["2001-05-01", "2010-01-31", "2020-02-02"]},
    ...     geometry=[Point(1, 1), Point(2, 5), Point(7, 8)], crs="EPSG:27700")
    >>> births(firms, areas, years=(2020, 2020)).frame[["births", "stock"]].iloc[0].to_list()
    [1, 2]
    """
    from clustermap.tables.membership import given

    first, last = _years(years)
    if not is_level(interval):
        raise OptionError("CM-GROWTH-005", f"interval={interval} is no coverage", fix="interval=0.95")
    located, polygons = given(firms, areas)
    lives = lives_of(located, incorporated=incorporated, dissolved=dissolved)
    at, notes = placed(located, polygons, lives)
    belongs, names = in_sectors(lives.frame, sectors)
    counts = _counts(lives, at, belongs, (first, last), len(polygons))
    if not counts.sum():
        raise StatisticsError(
            "CM-DATE-006",
            f"none of {plural(len(at), 'firm')} in {plural(len(polygons), 'area')} was there, or born, "
            f"from {first} to {last}",
            why="there is nothing to count",
            fix="years= in which the register has firms",
        )
    shape = counts.shape[1:]
    columns = _inference(counts[0], counts[1], interval)
    columns["q"] = adjust(columns["p"], correction)
    frame = pd.DataFrame(
        {
            "area": np.repeat(polygons.frame.index.to_numpy(), shape[1] * shape[2]),
            "sector": np.tile(np.repeat(np.asarray(names, dtype=object), shape[2]), shape[0]),
            "year": np.tile(np.arange(first, last + 1), shape[0] * shape[1]),
            **{name: cells.ravel() for name, cells in columns.items()},
        }
    )
    return Births(
        frame=frame[list(BIRTH_COLUMNS)],
        areas=polygons,
        first=first,
        last=last,
        dissolutions=lives.dissolutions,
        interval=interval,
        correction=correction,
        family_size=int(np.isfinite(columns["p"]).sum()),
        notes=(*lives.notes, *notes, *(["The firms are synthetic."] if lives.synthetic else [])),
    )


def _years(years: Any) -> tuple[int, int]:
    try:
        first, last = (int(year) for year in years)
        good = first <= last and (first, last) == tuple(years)
    except (TypeError, ValueError):
        good, first, last = False, 0, 0
    if not good:
        raise OptionError(
            "CM-DATE-005", f"years={years!r} is no first and last year", fix="years=(2015, 2024)"
        )
    return first, last


def _counts(
    lives: Lives, at: npt.NDArray[np.int64], belongs: npt.NDArray[np.bool_], years: tuple[int, int], n: int
) -> npt.NDArray[np.int64]:
    """Return births and stock, each areas × sectors × years."""
    first, last = years
    starts = np.array([day(f"{year}-01-01", "years") for year in range(first, last + 2)])
    firm, sector = np.nonzero(belongs & (at >= 0)[:, None])
    shape = (n, belongs.shape[1], last - first + 1)
    cell = at[firm] * shape[1] + sector
    began, ended = lives.began[firm], lives.ended[firm]
    year = np.searchsorted(starts, began, side="right") - 1
    born = (year >= 0) & (year < shape[2])
    # a firm is in the stock of every year that starts after its birth and not after its end
    enters = np.searchsorted(starts[:-1], began, side="right")
    leaves = np.where(np.isnan(ended), shape[2], np.searchsorted(starts[:-1], ended, side="right"))
    change = np.zeros((shape[0] * shape[1], shape[2] + 1), dtype=np.int64)
    np.add.at(change, (cell, enters), 1)
    np.add.at(change, (cell, np.maximum(leaves, enters)), -1)
    stock = np.cumsum(change, axis=1)[:, :-1].reshape(shape)
    arrived = np.bincount(cell[born] * shape[2] + year[born], minlength=int(np.prod(shape)))
    return np.stack((arrived.reshape(shape), stock))


def _inference(
    arrived: npt.NDArray[np.int64], stock: npt.NDArray[np.int64], interval: float
) -> dict[str, Any]:
    from scipy.special import gammaincinv

    tail = (1 - interval) / 2
    x, exposed = arrived.astype(np.float64), np.where(stock > 0, stock, np.nan).astype(np.float64)
    whole = stock.sum(axis=0)
    # firms born where nothing was have no rate, and are no part of the rate of all areas
    total = np.where(stock > 0, x, 0.0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = exposed / whole
        expected = total * share
    p = np.full(x.shape, np.nan)
    testable = np.isfinite(share) & (total > 0) & (share < 1)
    p[testable] = two_sided_p(x[testable], np.broadcast_to(total, x.shape)[testable], share[testable])
    return {
        "births": arrived,
        "stock": stock,
        "rate": x / exposed,
        "lower": np.where(x > 0, gammaincinv(np.maximum(x, 1), tail), 0.0) / exposed,
        "upper": gammaincinv(x + 1, 1 - tail) / exposed,
        "expected": expected,
        "p": p,
        "status": np.where(stock > 0, STATUS_OK, STATUS_NO_STOCK).astype(object),
    }
