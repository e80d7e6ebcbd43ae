"""Synthetic worlds with known truth: rough backgrounds, planted clusters and decoys, as counts and as points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, plural
from clustermap.randomness import stream
from clustermap.tables.table import SectorTable
from clustermap.testing.grounds import check_ground, lay_ground, planted_on
from clustermap.testing.points import more_at_one_address, moved_to, scatter
from clustermap.testing.shapes import SIDE_M, as_set, plant, shares, voronoi
from clustermap.weights import contiguity

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph

    from clustermap.sources.values import Areas

__all__ = ["Decoy", "Planted", "World", "make_world"]

Floats = npt.NDArray[np.float64]
Planted = Literal["none", "single", "pair", "chain", "blob", "two chains", "corridor", "disc"]
Decoy = Literal["city", "stack", "giant", "offices", "missing", "island", "boundary"]

_SPREAD = 0.6  # log-sd of the areas' sizes
_REACH = 0.14  # how far the background resembles itself, in sides of the region
_ECONOMY = 50  # firms of all sectors to one of the sector
_CITY = 10.0  # how many times its own size the decoy city is
_STACK, _STACK_SHARE = 5_000, 3.0  # firms at one address, and how much likelier they are of the sector
_GIANT = 5_000.0  # jobs at one plant
_MOVED = 0.3  # share of firms whose place is the office in the largest area
_SHRUNK_M = -2_000.0
_GRID_M = 1e-3  # that corners stand on
_HALF = "b"  # added to the code of an area for its second half


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A made-up economy whose truth is known: every part is synthetic.

    Attributes
    ----------
    areas : Areas
        The areas.
    graph : libpysal.graph.Graph
        Which of them touch.
    table : SectorTable
        Firms of the sector ``"planted"``, and of everything by area.
    planted : tuple of tuple of str
        The areas of each planted cluster; empty where none is planted. Of ground, the areas most of whose firms stand
        on it, which may be none.
    risk : pandas.Series
        True location quotient of every area before chance: planted excess times background, against the whole.
    excess : pandas.Series
        The planted part of it: relative risk in planted areas, 1 elsewhere; of ground, the mean over firms.
    ground : shapely.Polygon or None
        The corridor or disc, where one is planted.
    firms : geopandas.GeoDataFrame or None
        ``firm_id, sic, value, geometry`` (value: jobs) where points were asked for; sector firms have SIC 28990.
    decoys : tuple of str
        What was laid as a trap.
    traps : dict
        By decoy: the area that it was laid in.
    """

    areas: Areas
    graph: Graph
    table: SectorTable
    planted: tuple[tuple[str, ...], ...]
    risk: pd.Series
    excess: pd.Series
    ground: Any
    firms: gpd.GeoDataFrame | None
    decoys: tuple[Decoy, ...]
    traps: dict[Decoy, str]

    @property
    def members(self) -> frozenset[str]:
        """All planted areas."""
        return frozenset(code for cluster in self.planted for code in cluster)

    def __repr__(self) -> str:
        return (
            f"<World: {plural(len(self.areas), 'synthetic area')}, {len(self.members)} planted in "
            f"{len(self.planted)}>"
        )


def make_world(
    *,
    n_areas: int = 40,
    planted: Planted = "chain",
    size: int = 5,
    length_m: float = 10_000,
    relative_risk: float = 2.0,
    sector_firms: int = 2_000,
    roughness: float = 0.0,
    decoys: tuple[Decoy, ...] = (),
    points: bool = False,
    areas: Areas | None = None,
    seed: int,
) -> World:
    """Make a synthetic economy with clusters planted in it.

    Areas are Voronoi cells of log-normal size (log-sd 0.6) in firms. Firms of the sector fall on them by size, times
    the relative risk where a cluster is planted, times a smooth random background.

    Parameters
    ----------
    n_areas : int
        How many areas; not used where `areas` are given.
    planted : {"none", "single", "pair", "chain", "blob", "two chains", "corridor", "disc"}
        Shape: one area, two neighbours, a path without short cuts, a compact set, or two paths with one area between.
        A corridor (five times as long as wide) and a disc lie on the ground, across areas, and need points.
    size : int
        Areas of a chain or blob.
    length_m : float
        Length of a corridor, diameter of a disc.
    relative_risk : float
        How much likelier a firm of a planted area is to be of the sector.
    sector_firms : int
        Firms of the sector; the whole economy has 50 times as many.
    roughness : float
        Standard deviation of the log of the smooth background; 0 is an even one.
    decoys : tuple of str
        ``"city"`` ten times the size without specialisation, ``"stack"`` 5,000 firms at one address, ``"giant"`` one
        plant with 5,000 jobs, ``"offices"`` 30 % of firms placed in the largest area, ``"missing"`` a suppressed
        neighbour of the cluster, ``"island"`` an area that touches nothing, ``"boundary"`` a line through the
        area nearest to the cluster's centre, which becomes two planted areas; the new one's code ends in ``b``.
    points : bool
        Also place every firm inside its area.
    areas : Areas, optional
        Real or other areas instead of Voronoi cells.
    seed : int
        Same seed, same world.

    Returns
    -------
    World
        Areas in a projected metric system, the table, and the truth.

    Raises
    ------
    OptionError
        CM-TEST-001: the shape does not fit. CM-TEST-002: a decoy that needs points or a planted set of areas, or that
        does not exist.
        CM-TEST-003: a corridor or disc without points.

    Examples
    --------
    >>> world = make_world(n_areas=30, planted="pair", seed=3)
    >>> len(world.planted[0]), float(world.table.sector_totals["planted"])
    (2, 2000.0)
    """
    _check_decoys(decoys, points, planted)
    check_ground(planted, points, length_m)
    rng = stream(seed, "world", planted, n_areas, size)
    given = areas if areas is not None else as_set(voronoi(rng.uniform(0, SIDE_M, (n_areas, 2))), "area")
    codes = list(given.frame.index)
    graph = contiguity(given, islands="keep")
    clusters = _clusters(graph, codes, planted, size, rng)
    given, graph, clusters, traps = _redrawn(given, graph, clusters, decoys, rng)
    codes = list(given.frame.index)
    weight = _sizes(codes, traps, rng)
    outside = [i for i, code in enumerate(codes) if not any(code in c for c in clusters)]
    if "city" in decoys:
        city = outside[int(rng.integers(len(outside)))]
        weight[city] *= _CITY
        traps["city"] = codes[city]
    excess = np.ones(len(codes))
    for cluster in clusters:
        excess[np.isin(codes, cluster)] = relative_risk
    background = _background(given, roughness, rng)
    ground = lay_ground(planted, length_m, given, rng)
    sector = rng.multinomial(sector_firms, shares(weight * (excess * background))).astype(float)
    total = np.maximum(np.round(shares(weight) * _ECONOMY * sector_firms), sector)
    firms = None
    if points:
        firms = scatter(given, sector, total, rng)
        if ground is not None:
            rate = pd.Series(background, index=codes)
            firms, clusters, excess = planted_on(firms, ground, rate, risk=relative_risk, rng=rng)
        firms, laid = _disturbed(firms, given, decoys, outside, rng)
        sector, total = _counted(firms, codes)
        traps |= laid
    if "missing" in decoys:
        gone = _beside(graph, codes, clusters, outside, rng)
        sector[gone] = np.nan
        traps["missing"] = codes[gone]
    index = pd.Index(codes, name="code")
    true = excess * background / np.average(excess * background, weights=weight)
    return World(
        areas=given,
        graph=graph,
        table=_table(sector, total, given),
        planted=tuple(tuple(c) for c in clusters),
        risk=pd.Series(true, index=index, name="risk"),
        excess=pd.Series(excess, index=index, name="excess"),
        ground=ground,
        firms=firms,
        decoys=tuple(decoys),
        traps=traps,
    )


def _table(sector: Floats, total: Floats, areas: Areas) -> SectorTable:
    index = pd.Index(areas.frame.index, name="code")
    values = pd.DataFrame({"planted": sector}, index=index)
    return SectorTable.from_values(values, area_totals=pd.Series(total, index=index), areas=areas)


def _check_decoys(decoys: tuple[Decoy, ...], points: bool, planted: Planted) -> None:
    known = get_args(Decoy)
    strange = [d for d in decoys if d not in known]
    lacking = [d for d in decoys if d in {"stack", "giant", "offices"} and not points]
    bare = [d for d in decoys if d == "boundary" and planted in {"none", "corridor", "disc"}]
    for wrong, what, fix in (
        (strange, "do not exist", f"decoys= some of {known}"),
        (lacking, "are made of points", "points=True"),
        (bare, "cut a planted set of areas", 'planted="chain"'),
    ):
        if wrong:
            raise OptionError("CM-TEST-002", f"decoys {wrong} {what}", fix=fix)


def _redrawn(
    areas: Areas, graph: Graph, clusters: list[list[str]], decoys: tuple[Decoy, ...], rng: np.random.Generator
) -> tuple[Areas, Graph, list[list[str]], dict[Decoy, str]]:
    """Lay the traps that are made of areas."""
    traps: dict[Decoy, str] = {}
    if "boundary" in decoys:
        areas, graph, cut, traps["boundary"] = _cut_through(areas, clusters[0])
        clusters = [cut, *clusters[1:]]
    if "island" in decoys:
        areas, graph, traps["island"] = _with_island(areas, clusters, rng)
    return areas, graph, clusters, traps


def _cut_through(areas: Areas, cluster: list[str]) -> tuple[Areas, Graph, list[str], str]:
    """Cut the area nearest to a cluster's centre in two; both are planted."""
    from dataclasses import replace

    from shapely import box, set_precision, union_all

    frame = areas.frame.copy()
    own = frame.geometry.loc[cluster]
    middle = str(own.distance(union_all(own.to_numpy()).centroid).idxmin())
    half, whole = middle + _HALF, frame.geometry[middle]
    left, low, right, high = whole.bounds
    at = whole.centroid.x
    frame.loc[half] = frame.loc[middle]
    for code, side in ((middle, box(left, low, at, high)), (half, box(at, low, right, high))):
        frame.loc[[code], "geometry"] = set_precision(whole.intersection(side), _GRID_M)
    cut = replace(areas, frame=frame, ledger=as_set(frame, areas.kind).ledger)
    return cut, contiguity(cut, islands="keep"), sorted([*cluster, half]), half


def _sizes(codes: list[str], traps: dict[Decoy, str], rng: np.random.Generator) -> Floats:
    """Draw the areas' sizes; two halves share that of the area they were."""
    weight = rng.lognormal(0.0, _SPREAD, len(codes))
    if "boundary" in traps:
        half = traps["boundary"]
        both = [codes.index(half.removesuffix(_HALF)), codes.index(half)]
        weight[both] = weight[both[0]] / 2
    return weight


def _clusters(
    graph: Graph, codes: list[str], planted: Planted, size: int, rng: np.random.Generator
) -> list[list[str]]:
    if planted == "none" or planted == "corridor" or planted == "disc":  # noqa: PLR1714 - narrows the type
        return []
    if planted == "single":
        return [[str(rng.choice(codes))]]
    if planted != "two chains":
        return [plant(graph, codes, planted, 2 if planted == "pair" else size, rng)]
    near = {code: set(graph[code].index) for code in codes}
    for _ in range(200):
        first = plant(graph, codes, "chain", size, rng)
        rim = set().union(*(near[c] for c in first)) - set(first)
        beyond = sorted(set().union(*(near[c] for c in rim)) - rim - set(first))
        free = [c for c in codes if c not in rim and c not in first]
        if not beyond:
            continue
        for start in rng.permutation(beyond):
            second = _path(near, str(start), set(free), size, rng)
            if second:
                return [first, second]
    raise OptionError(
        "CM-TEST-001",
        f"{plural(len(codes), 'area holds', 'areas hold')} no two chains of {size}",
        fix="more areas",
    )


def _path(
    near: dict[str, set[str]], start: str, free: set[str], size: int, rng: np.random.Generator
) -> list[str]:
    """Walk a path without short cuts through free areas; empty where it ends too soon."""
    path = [start]
    while len(path) < size:
        edge = [c for c in sorted(near[path[-1]] & free - set(path)) if len(near[c] & set(path)) == 1]
        if not edge:
            return []
        path.append(str(rng.choice(edge)))
    return sorted(path)


def _background(areas: Areas, roughness: float, rng: np.random.Generator) -> Floats:
    """Draw a smooth positive field over the areas: log-normal, of exactly this log-sd over the areas."""
    if not roughness:
        return np.ones(len(areas))
    middle = areas.frame.geometry.centroid
    at = np.column_stack([middle.x, middle.y])
    side = np.sqrt(np.prod(at.max(axis=0) - at.min(axis=0)))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) / (side * _REACH)
    law = np.exp(-0.5 * apart**2) + 1e-8 * np.eye(len(at))
    field = np.linalg.cholesky(law) @ rng.standard_normal(len(at))
    return np.asarray(np.exp(roughness * (field - field.mean()) / field.std()))


def _with_island(
    areas: Areas, clusters: list[list[str]], rng: np.random.Generator
) -> tuple[Areas, Graph, str]:
    """Draw one area back from all others, as water would."""
    import warnings
    from dataclasses import replace

    from clustermap.errors import ClusterMapWarning

    frame = areas.frame.copy()
    inside = {code for cluster in clusters for code in cluster}
    free = [code for code in frame.index if code not in inside]
    chosen = str(rng.choice(free))
    frame.loc[[chosen], "geometry"] = frame.loc[[chosen]].geometry.buffer(_SHRUNK_M).to_numpy()
    alone = replace(areas, frame=frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)  # that it is alone is the point
        return alone, contiguity(alone), chosen


def _beside(
    graph: Graph, codes: list[str], clusters: list[list[str]], outside: list[int], rng: np.random.Generator
) -> int:
    inside = {code for cluster in clusters for code in cluster}
    near = [i for i in outside if inside & set(graph[codes[i]].index)] or outside
    return int(rng.choice(near))


def _disturbed(
    firms: gpd.GeoDataFrame,
    areas: Areas,
    decoys: tuple[Decoy, ...],
    outside: list[int],
    rng: np.random.Generator,
) -> tuple[gpd.GeoDataFrame, dict[Decoy, str]]:
    """Lay the traps that are made of firms."""
    codes, laid = areas.frame.index, dict[Decoy, str]()
    if "offices" in decoys:
        largest = firms["area"].value_counts().index[0]
        moved = rng.random(len(firms)) < _MOVED
        firms = moved_to(firms, moved, areas.frame.geometry[largest].representative_point(), largest)
        laid["offices"] = str(largest)
    if "stack" in decoys:
        host = codes[int(rng.choice(outside))]
        share = firms["sector"].mean() * _STACK_SHARE
        firms = more_at_one_address(firms, areas, area=host, n=_STACK, share=share, rng=rng)
        laid["stack"] = str(host)
    if "giant" in decoys:
        lone = rng.choice(np.flatnonzero(firms["sector"] & firms["area"].isin(codes[outside])))
        firms = firms.assign(value=np.where(np.arange(len(firms)) == lone, _GIANT, firms["value"]))
        laid["giant"] = str(firms["area"].iloc[lone])
    return firms, laid


def _counted(firms: gpd.GeoDataFrame, codes: list[str]) -> tuple[Floats, Floats]:
    """Count the firms of the sector, and all, by area."""
    counted = firms.groupby("area")["sector"].agg(["sum", "size"]).reindex(codes, fill_value=0)
    return counted["sum"].to_numpy(float), counted["size"].to_numpy(float)
