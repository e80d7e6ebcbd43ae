"""What a quotient can be where areas overlap, over every way to give shared firms to one of their areas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import InputError, OptionError, plural
from clustermap.measures.bounds import QuotientBounds, decide
from clustermap.schema import BOUND_COLUMNS
from clustermap.sources import sectors as taxonomies
from clustermap.tables.membership import given, place
from clustermap.tables.tabulation import belonging, counted_weights, tabulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms
    from clustermap.tables.membership import Placement

__all__ = ["overlap_bounds"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def overlap_bounds(
    firms: Firms | gpd.GeoDataFrame,
    areas: Areas | gpd.GeoDataFrame,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]],
    value: str = "firms",
    threshold: float = 1.0,
) -> QuotientBounds:
    """Bound location quotients of overlapping areas over all allocations of the firms that they share.

    Each shared firm may belong to any one of its areas. In a cell the quotient is largest where the area gets all
    shared firms of the sector and no other, smallest the other way round; national totals count each firm once.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Located firms.
    areas : Areas or geopandas.GeoDataFrame
        Areas, which may overlap, in the same system.
    sectors : Taxonomy, str, path or dict
        As in `tabulate`, without partial weights.
    value : str
        "firms", or a numeric column.
    threshold : float
        What is to be decided.

    Returns
    -------
    QuotientBounds
        Sharp cell by cell, not jointly: a shared firm that raises one area lowers another. `lq` is that of the
        "fractional" rule.

    Raises
    ------
    OptionError
        CM-BOUNDS-004: sectors with partial weights.
    InputError
        CM-BOUNDS-005: no firm lies in any area.

    References
    ----------
    Manski, C. F. (2003), Partial Identification of Probability Distributions.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point, box
    >>> areas = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"], "name": ["a", "b"]}, geometry=[box(0, 0, 9, 9), box(6, 0, 18, 9)],
    ...     crs="EPSG:27700")
    >>> firms = gpd.GeoDataFrame(
    ...     {"firm_id": ["f1", "f2", "f3"], "sic": ["24100", "62012", "24200"]},
    ...     geometry=[Point(1, 1), Point(2, 5), Point(7, 8)], crs="EPSG:27700")
    >>> bounds = overlap_bounds(firms, areas, sectors={"steel": ["24"]})
    >>> bounds.frame[["lower", "upper"]].round(2).iloc[0].to_list()
    [0.75, 1.0]
    """
    taxonomy, (located, polygons) = taxonomies.load(sectors), given(firms, areas)
    if any(weight not in {0.0, 1.0} for sector in taxonomy.sectors for _, weight in sector.weights):
        raise OptionError(
            "CM-BOUNDS-004",
            f"{taxonomy.name} has partial weights",
            why="a firm that is partly of the sector is for and against it at once",
            fix='sectors={"steel": ["24"]}, each prefix in or out',
        )
    placement = place(located, polygons, overlap="full")
    if not placement.inside.any():
        raise InputError(
            "CM-BOUNDS-005",
            f"none of {plural(len(located), 'firm')} lies in any area",
            fix="areas that hold the firms",
        )
    table = tabulate(located, polygons, sectors=taxonomy, value=value, overlap="fractional")
    weight, _ = counted_weights(located, value)
    member = np.asarray(belonging(located, taxonomy, "first").toarray())
    shared = np.bincount(placement.firm, minlength=len(located))[placement.firm] > 1
    lowest, highest = [], []
    for s, total in enumerate(table.sector_totals):
        low, high = _shares(placement, member[placement.firm, s] > 0, shared, weight, n=len(polygons))
        national = table.total / total if total > 0 else np.nan
        lowest.append(low * national)
        highest.append(high * national)
    lower, upper = np.column_stack(lowest).ravel(), np.column_stack(highest).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = table.matrix.toarray() / table.area_totals.to_numpy(float)[:, None]
        lq = share * (table.total / table.sector_totals.to_numpy(float)[None, :])
    frame = pd.DataFrame(
        {
            "area": np.repeat(table.labels.to_numpy(), len(table.sectors)),
            "sector": np.tile(np.asarray(table.sectors, dtype=object), len(polygons)),
            "lq": np.where(np.isfinite(lq), lq, np.nan).ravel(), "lower": lower, "upper": upper,
            "decision": decide(lower, upper, threshold),
            "status": np.where(np.isnan(lower), "nothing to divide by", "ok"),
        }
    )  # fmt: skip
    return QuotientBounds(
        frame=frame[list(BOUND_COLUMNS)],
        threshold=threshold,
        sharp=True,
        rule="every way to give "
        f"{plural((np.bincount(placement.firm) > 1).sum(), 'shared firm')} to one of their areas",
        table=table,
        joint="sharp cell by cell, not jointly: a firm that raises one area lowers another",
    )


def _shares(
    placement: Placement, inside: Flags, shared: Flags, weight: Floats, *, n: int
) -> tuple[Floats, Floats]:
    """Return the smallest and the largest share of the sector in each area."""

    def summed(which: Flags) -> Floats:
        firms = weight[placement.firm[which]]
        return np.bincount(placement.area[which], weights=firms, minlength=n).astype(np.float64)

    own, more = summed(inside & ~shared), summed(inside & shared)
    rest, others = summed(~inside & ~shared), summed(~inside & shared)
    with np.errstate(divide="ignore", invalid="ignore"):
        high = np.where(own + more > 0, (own + more) / (own + more + rest), 0.0)
        low = own / (own + rest + others)
    # an area that may be left empty has no quotient then; with any firm of the sector it is all sector
    low = np.where(own + rest + others > 0, low, np.where(more > 0, 1.0, np.nan))
    return low, np.where(np.isnan(low), np.nan, high)
