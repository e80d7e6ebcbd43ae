"""Which firm lies in which area: every firm accounted for, overlaps by a declared rule."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap import crs as projections
from clustermap.errors import CrsError, OptionError, as_lines, part_of, plural
from clustermap.ledger import Ledger
from clustermap.schema import LEDGER_COLUMNS, MEMBERSHIP_COLUMNS, Overlap
from clustermap.sources.values import Areas, Firms
from clustermap.tables.cells import CellIndex, Places

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Membership", "Placement", "given", "locate", "place"]

ON_BORDER, SEVERAL, OUTSIDE = "on a border", "in several areas", "outside all areas"
_VERDICTS = {"accepted": "accepted", SEVERAL: "repaired", ON_BORDER: "repaired", OUTSIDE: "set aside"}
_SHOWN = 5
_MEASURED = 1_000
_NEAR_M = 500.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Membership:
    """Firms in areas.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``firm_id, area, share``, in order of firm and area. Shares of a firm sum to 1 under
        "fractional" and "primary"; under "full" each of its areas has 1.
    areas : Areas
        The areas.
    overlap : {"full", "fractional", "primary"}
        The counting rule.
    ledger : Ledger
        Reasons ``accepted`` (in one area), ``on a border`` (given to the lowest code of the areas whose
        border it is), ``in several areas`` (counted by the rule), ``outside all areas``.
    """

    frame: pd.DataFrame
    areas: Areas
    overlap: Overlap
    ledger: Ledger

    @property
    def located(self) -> int:
        """Firms that lie in an area, each once."""
        return self.ledger.n_in - self.outside

    @property
    def outside(self) -> int:
        """Firms that lie in no area."""
        return self.ledger.n(OUTSIDE)

    @property
    def in_several(self) -> int:
        """Firms that lie in more than one area."""
        return self.ledger.n(SEVERAL)

    def summary(self) -> str:
        """Say in plain sentences where the firms lie."""
        rule = {
            "full": "counted whole in each of them",
            "fractional": "shared equally between them",
            "primary": "given to the one with the lowest code",
        }[self.overlap]
        lines = [
            f"{part_of(self.located, self.ledger.n_in, 'firm', 'lies', 'lie')} in {plural(len(self.areas), 'area')}."
        ]
        if self.in_several:
            these = plural(self.in_several, "lies in several and is", "lie in several and are")
            lines.append(f'{these} {rule} (overlap="{self.overlap}").')
        if self.ledger.n(ON_BORDER):
            lines.append(
                f"{plural(self.ledger.n(ON_BORDER), 'lies', 'lie')} on a border: in the area of the lowest code."
            )
        if self.outside:
            lines.append(f"{plural(self.outside, 'lies', 'lie')} outside all areas: left out.")
        return as_lines([*lines, *self.ledger.notes])

    def __repr__(self) -> str:
        inside = part_of(self.located, self.ledger.n_in, "firm")
        return f"<Membership: {inside} in {plural(len(self.areas), 'area')}, {self.overlap}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Membership as positions: what counting works on.

    Attributes
    ----------
    firm, area : numpy.ndarray
        Positions, one pair per membership that counts, in order of firm and area.
    share : numpy.ndarray of float64
        What each pair counts.
    inside : numpy.ndarray of bool
        Per firm, whether it lies in any area.
    ledger : Ledger
        What became of every firm.
    """

    firm: npt.NDArray[np.int64]
    area: npt.NDArray[np.int32]
    share: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    ledger: Ledger


def locate(
    firms: Firms | gpd.GeoDataFrame, areas: Areas | gpd.GeoDataFrame, *, overlap: Overlap = "full"
) -> Membership:
    """Find the areas in which firms lie, exactly.

    A firm inside areas belongs to all of them. A firm on borders belongs, besides the areas that hold it
    inside, to the one with the lowest code of those on whose border it lies: a border between two areas has
    one owner, and the outer border of an area belongs to it.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Points.
    areas : Areas or geopandas.GeoDataFrame
        Polygons, which may overlap, in the same system.
    overlap : {"full", "fractional", "primary"}
        How a firm in several areas counts: whole in each, shared equally, or in the one with the lowest
        code.

    Returns
    -------
    Membership
        With a ledger of every firm; firms outside all areas are set aside with the nearest area and its
        distance for the examples.

    Raises
    ------
    CrsError
        CM-CRS-008: firms and areas are in different systems. Only readers reproject.
    OptionError
        CM-OPTION-001: an unknown rule.

    References
    ----------
    Shewchuk, J. R. (1997), Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point, box
    >>> areas = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"], "name": ["a", "b"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)],
    ...     crs="EPSG:27700")
    >>> firms = gpd.GeoDataFrame(
    ...     {"firm_id": ["f1", "f2", "f3"]}, geometry=[Point(1, 1), Point(9, 5), Point(17, 8)],
    ...     crs="EPSG:27700")
    >>> locate(firms, areas).frame["area"].to_list()
    ['A', 'A', 'B']
    """
    given_firms, given_areas = given(firms, areas)
    placement = place(given_firms, given_areas, overlap=overlap)
    frame = pd.DataFrame(
        {
            "firm_id": given_firms.frame["firm_id"].array.take(placement.firm),
            "area": given_areas.frame.index.array.take(placement.area),
            "share": placement.share,
        },
        columns=list(MEMBERSHIP_COLUMNS),
    )
    return Membership(frame=frame, areas=given_areas, overlap=overlap, ledger=placement.ledger)


def place(firms: Firms, areas: Areas, *, overlap: Overlap) -> Placement:
    """Locate firms as positions."""
    if overlap not in get_args(Overlap):
        raise OptionError(
            "CM-OPTION-001",
            f"overlap={overlap!r}",
            fix=f"one of {', '.join(map(repr, get_args(Overlap)))}",
        )
    _same_system(firms, areas)
    points: Any = firms.frame.geometry.to_numpy()
    shapes: Any = areas.frame.geometry.to_numpy()
    xy = shapely.get_coordinates(points)
    if len(xy) != len(points):  # an empty point has no coordinates; it lies nowhere
        there = (shapely.get_type_id(points) == 0) & ~shapely.is_empty(points)
        xy = np.full((len(points), 2), np.nan)
        xy[there] = shapely.get_coordinates(points[there])
    places = CellIndex.build(shapes, n_points=len(xy)).places(xy[:, 0], xy[:, 1])
    if overlap == "primary":
        firm = np.flatnonzero(places.count)
        area, share = places.first[firm], np.ones(len(firm))
    else:
        firm, area = places.pairs()
        share = np.ones(len(firm)) if overlap == "full" else 1.0 / places.count[firm]
    return Placement(
        firm=firm, area=area, share=share, inside=places.count > 0, ledger=_ledger(firms, areas, places)
    )


def given(firms: Any, areas: Any) -> tuple[Firms, Areas]:
    """Take firms and areas as they are, or through the readers."""
    if not isinstance(firms, Firms):
        from clustermap.sources.firms import as_firms

        firms = as_firms(firms)
    if not isinstance(areas, Areas):
        from clustermap.sources.boundaries import as_areas

        areas = as_areas(areas)
    return firms, areas


def _same_system(firms: Firms, areas: Areas) -> None:
    if firms.crs == areas.crs or projections.same(firms.crs, areas.crs):
        return
    ours, theirs = (projections.parse(x.crs) for x in (firms, areas))
    raise CrsError(
        "CM-CRS-008",
        f"firms are in {ours.name}, areas in {theirs.name}",
        why="points and boundaries of different systems meet in the wrong place",
        fix=f'read both with one system: read_firms(…, project_to="{theirs.to_string()}") or '
        f'read_boundaries(…, project_to="{ours.to_string()}")',
    )


def _ledger(firms: Firms, areas: Areas, places: Places) -> Ledger:
    one = places.count == 1
    rows_of = {
        "accepted": np.flatnonzero(one & ~places.border),
        SEVERAL: places.several,
        ON_BORDER: np.flatnonzero(one & places.border),
        OUTSIDE: np.flatnonzero(places.count == 0),
    }
    value = np.asarray(firms.frame["value"].to_numpy(dtype=float, na_value=np.nan))
    known = np.isfinite(value)
    value = np.where(known, value, 0.0) if known.any() else np.ones(len(value))
    outside, notes = _outside(firms, areas, rows_of[OUTSIDE])
    rows = []
    for reason, at in rows_of.items():
        if len(at):
            shown = outside if reason == OUTSIDE else _examples(firms, at[: _SHOWN * (reason != "accepted")])
            rows.append((reason, _VERDICTS[reason], len(at), float(value[at].sum()), shown))
    frame = pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))
    return Ledger(frame=frame, n_in=len(value), value_in=float(value.sum()), notes=notes)


def _examples(firms: Firms, rows: npt.NDArray[np.int64]) -> str:
    ids = firms.frame["firm_id"].array.take(rows)
    return ", ".join(f"row {row} ({identity})" for row, identity in zip(rows, ids, strict=True))


def _outside(firms: Firms, areas: Areas, rows: npt.NDArray[np.int64]) -> tuple[str, tuple[str, ...]]:
    """Name the nearest area of the first firms outside, and say how many lie just off a border."""
    if not len(rows) or not len(areas):
        return _examples(firms, rows[:_SHOWN]), ()
    asked = rows if len(rows) <= _MEASURED else rows[:_SHOWN]
    points: Any = firms.frame.geometry.to_numpy()[asked]
    tree = shapely.STRtree(areas.frame.geometry.to_numpy())
    (row, area), distance = tree.query_nearest(points, return_distance=True, all_matches=True)
    order = np.lexsort((area, row))
    at = order[np.unique(row[order], return_index=True)[1]]
    seen = at[:_SHOWN]
    ids = firms.frame["firm_id"].array.take(asked[row[seen]])
    shown = ", ".join(
        f"row {asked[row[i]]} ({identity}, {distance[i]:,.0f} m from {areas.names.iloc[area[i]]})"
        for i, identity in zip(seen, ids, strict=True)
    )
    if len(asked) < len(rows):
        return shown, ()
    near = int((distance[at] <= _NEAR_M).sum())
    note = f"Of {plural(len(rows), 'firm')} outside all areas {plural(near, 'lies', 'lie')} within {_NEAR_M:.0f} m "
    return shown, (f"{note}of one (a generalised coast or a tidal river).",) if near else ()
