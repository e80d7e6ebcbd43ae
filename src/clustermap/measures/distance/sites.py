"""Sites of all firms, and what each firm of a sector counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.crs import require_metric
from clustermap.errors import InputError, OptionError, StatisticsError, examples, part_of, plural
from clustermap.sources import sectors as taxonomies
from clustermap.sources.firms import as_firms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["Sector", "coordinates", "located", "number_of_draws", "read_sectors", "site_weights"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FEWEST_SITES = 4
_LARGEST, _SMALLEST = 1e75, 1e-75  # products of four are still numbers


class Sector(NamedTuple):
    """The firms of one sector: which sites, and what each counts."""

    name: str
    title: str
    site: Ints
    mark: Floats

    @property
    def counted(self) -> bool:
        """Whether every firm counts one."""
        return bool((self.mark == 1.0).all())

    @property
    def effective(self) -> float:
        """Number of firms of equal size that would be as lumpy: S1² / S2."""
        return float(self.mark.sum() ** 2 / (self.mark**2).sum()) if len(self.mark) else 0.0

    @property
    def mass(self) -> float:
        """Sum of the products of marks over all pairs: pairs, where every firm counts one."""
        return float((self.mark.sum() ** 2 - (self.mark**2).sum()) / 2)


def located(firms: Any) -> Firms:
    """Take firms, or read them with defaults; refuse too few.

    Raises
    ------
    StatisticsError
        CM-DISTANCE-001: fewer than four firms.
    """
    given = as_firms(firms)
    if len(given) < FEWEST_SITES:
        raise StatisticsError(
            "CM-DISTANCE-001",
            f"{plural(len(given), 'located firm')}: at least {FEWEST_SITES} are needed",
            why="chance is a sector drawn from all firms, and there is nothing to draw from",
            fix="all firms of the economy, not those of one sector alone",
        )
    return given


def coordinates(firms: Firms) -> tuple[Floats, Floats]:
    """Return x and y in metres.

    Raises
    ------
    CrsError
        CM-CRS-004: no projected system in metres.
    """
    require_metric(firms.crs, what="distances between firms")
    xy = shapely.get_coordinates(firms.frame.geometry.to_numpy())
    return np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])


def site_weights(firms: Firms, weights: str) -> tuple[Floats, list[str]]:
    """Return what each firm counts, and what must be said about it.

    Raises
    ------
    InputError
        CM-DISTANCE-002: the column is absent, no number, or holds no positive value. CM-DISTANCE-003: negative or
        infinite values, or so large or small that their products are no numbers.
    """
    n, frame = len(firms), firms.frame
    if weights == "firms":
        return np.ones(n), []
    if weights not in frame.columns or not pd.api.types.is_numeric_dtype(frame[weights]):
        numeric = [str(c) for c in frame.select_dtypes("number").columns]
        raise InputError(
            "CM-DISTANCE-002",
            f"weights={weights!r} is no column of numbers; there are: {', '.join(numeric) or 'none'}",
            why="pairs are weighted by the product of both firms' numbers",
            fix='weights="firms", or the name of a numeric column',
        )
    column = frame[weights].to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero((column > _LARGEST) | (column < 0) | ((column > 0) & (column < _SMALLEST)))
    if len(bad):
        raise InputError(
            "CM-DISTANCE-003",
            f"{part_of(len(bad), n, 'firm', 'has', 'have')} a {weights} that is negative, infinite, above "
            f"{_LARGEST:g} or "
            f"between 0 and {_SMALLEST:g}: " + examples((int(r), frame["firm_id"].iloc[r]) for r in bad),
            why="a product with such a number has no meaning as a weight",
            fix=f"firms whose {weights} is between 0 and a sensible maximum",
        )
    nothing = int((~(column > 0)).sum())
    if nothing == n:
        raise InputError(
            "CM-DISTANCE-002", f"none of {plural(n, 'firm')} has a positive {weights}", fix='weights="firms"'
        )
    said = (
        [f"{part_of(nothing, n, 'firm', 'counts', 'count')} nothing: no positive {weights}."]
        if nothing
        else []
    )
    return np.nan_to_num(column), said


def read_sectors(
    firms: Firms,
    weight: Floats,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None,
    only: Sequence[str] | None,
) -> list[Sector]:
    """Return the firms of each sector, in name order.

    Parameters
    ----------
    firms : Firms
        All firms.
    weight : numpy.ndarray
        What each firm counts.
    sectors
        A column of the firms whose values are sectors, a taxonomy, or None for every first SIC code.
    only : sequence of str, optional
        The sectors wanted.

    Raises
    ------
    InputError
        CM-DISTANCE-005: no firm has a sector.
    OptionError
        CM-SECTOR-001: unknown sector.
    """
    by_column = isinstance(sectors, str) and sectors in firms.frame.columns and sectors != "geometry"
    found = (
        _by_value(firms.frame["sic" if sectors is None else sectors], weight)
        if sectors is None or by_column
        else _by_taxonomy(firms.frame["sic"], weight, taxonomies.load(sectors))
    )
    if not any(len(s.site) for s in found):
        raise InputError(
            "CM-DISTANCE-005",
            f"none of {plural(len(firms), 'firm')} has a sector",
            why="there is no sector whose distances could be measured",
            fix='sectors="the column that says the sector", or a taxonomy such as sectors="hvm"',
        )
    if only is None:
        return found
    known = {s.name: s for s in found}
    strange = [name for name in only if name not in known]
    if strange:
        raise OptionError(
            "CM-SECTOR-001",
            f"no sector {strange[0]!r} among {len(known):,}",
            fix=f"one of: {', '.join(map(repr, list(known)[:10]))}{', …' if len(known) > 10 else ''}",  # noqa: PLR2004 - shown
        )
    return [known[name] for name in only]


def _by_value(column: pd.Series, weight: Floats) -> list[Sector]:
    codes, kinds = pd.factorize(column.astype("str").where(column.notna()), sort=True)
    codes[weight <= 0] = -1
    order = np.argsort(codes, kind="stable").astype(np.int64)
    ends = np.searchsorted(codes[order], np.arange(len(kinds) + 1))
    parts = [order[ends[k] : ends[k + 1]] for k in range(len(kinds))]
    return [Sector(str(name), str(name), part, weight[part]) for name, part in zip(kinds, parts, strict=True)]


def _by_taxonomy(column: pd.Series, weight: Floats, taxonomy: Taxonomy) -> list[Sector]:
    kinds = column.astype("category").array
    known = np.asarray(taxonomy.weights_for(list(kinds.categories.astype(str))), dtype=float)
    known = np.vstack((known.reshape(-1, len(taxonomy.names)), np.zeros((1, len(taxonomy.names)))))
    out = []
    for s, name in enumerate(taxonomy.names):
        mark = known[kinds.codes, s] * weight  # a missing code, −1, is the last row
        site = np.flatnonzero(mark > 0).astype(np.int64)
        out.append(Sector(name, taxonomy.labels[name], site, mark[site]))
    return out


def number_of_draws(permutations: int) -> int:
    """Return the number of draws.

    Raises
    ------
    OptionError
        CM-DISTANCE-006: no number of draws, or too few for any band.
    """
    fewest = 19
    if (
        isinstance(permutations, bool)
        or not isinstance(permutations, int | np.integer)
        or permutations < fewest
    ):
        raise OptionError(
            "CM-DISTANCE-006",
            f"permutations={permutations!r} draws make no band",
            why=f"the 5 % band needs at least {fewest}",
            fix="permutations=1_000",
        )
    return int(permutations)
