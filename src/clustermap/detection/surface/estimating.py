"""Relative-risk surface: where the kernel density of a sector's firms exceeds that of all firms, and by chance."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.ndimage import label as label_regions

from clustermap.compiled import workers
from clustermap.detection.clusters import Clusters
from clustermap.detection.density.sectors import planar, read_firm_sectors
from clustermap.detection.surface.grid import STEPS, Grid, Tested, cells_in_reach, choose_radius, make_grid
from clustermap.detection.surface.kernels import kernel_weights, largest, smoothed
from clustermap.detection.surface.results import RiskSurface
from clustermap.errors import StatisticsError, part_of
from clustermap.inference import monte_carlo_p
from clustermap.progress import reporting
from clustermap.randomness import stream
from clustermap.schema import CLUSTER_COLUMNS, FIRM_MEMBER_COLUMNS, SURFACE_COLUMNS, SURFACE_LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from clustermap.detection.density.sectors import FirmSector
    from clustermap.progress import Progress
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["SurfaceSettings", "detect_surface"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NULL = "random labelling: the sector's firms are a random draw from all firms"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSettings:
    """What was asked of the surface."""

    radius_m: float | None
    minimum: float
    permutations: int
    alpha: float
    seed: int


class _Observed(NamedTuple):
    """The cells that are tested, and the kernel sums of the sector's firms there."""

    grid: Grid
    cells: Tested
    sums: Floats
    n: int


class _Region(NamedTuple):
    """One connected region above the contour."""

    sector: str
    score: float
    p: float
    members: Ints
    n_inside: int
    share: float
    shape: Any


def detect_surface(
    firms: Firms,
    *,
    sector: Taxonomy | str | Path | Mapping[str, Sequence[str]],
    settings: SurfaceSettings,
    progress: Progress | bool | None,
) -> Clusters:
    """Make the surface of each sector and take connected regions above the family-wise contour as clusters."""
    x, y = planar(firms)
    surfaces, regions, partly = [], [], 0
    asked = read_firm_sectors(firms, sector)
    with reporting(progress, "surface") as report:
        for number, one in enumerate(asked):
            _refuse(one, len(firms))
            radius = settings.radius_m or choose_radius(x, y, one.inside.mean())
            grid = make_grid(x, y, radius)
            told = partial(_report, report, number, len(asked))
            surface = _surface(one, grid, settings, firms.crs, told)
            surfaces.append(surface)
            regions += _regions(one, grid, surface)
            partly += one.partly
    if not any(s.family_size for s in surfaces):
        raise StatisticsError(
            "CM-SURFACE-005",
            f"nowhere would {settings.minimum:g} firms of the sector be expected under a kernel of "
            f"{surfaces[0].radius_m:,.0f} m ({part_of(surfaces[0].n_sector, len(firms), 'firm', 'is', 'are')} of it)",
            why="a ratio of so few firms is chance",
            fix=f"radius_m={2 * surfaces[0].radius_m:.0f}, or a wider sector",
        )
    return _clusters(firms, surfaces, regions, settings)


def _report(report: Progress, number: int, of: int, done: int, total: int) -> None:
    report(number * total + done, of * total)


def _refuse(sector: FirmSector, n: int) -> None:
    if not 0 < sector.inside.sum() < n:
        raise StatisticsError(
            "CM-SURFACE-001",
            f"{part_of(int(sector.inside.sum()), n, 'firm', 'is', 'are')} of {sector.name!r}",
            why="chance is a draw of the sector's firms from all firms: there must be some, and others beside them",
            fix="all firms of the economy, whatever their sector, and sector= a taxonomy that some belong to",
        )


def _surface(
    sector: FirmSector, grid: Grid, settings: SurfaceSettings, crs: Any, report: Callable[[int, int], None]
) -> RiskSurface:
    n, total = int(sector.inside.sum()), len(sector.inside)
    everywhere = cells_in_reach(grid)
    enough = n / total * everywhere.firms >= settings.minimum
    cells = everywhere.only(enough)
    hits = np.bincount(grid.place[sector.inside], minlength=len(grid.mass)).astype(np.float64)
    sums = _sums(grid, cells, hits, np.empty(grid.shape))
    expected = cells.total * (n / total)
    peaks, up, low = _draws(_Observed(grid, cells, sums, n), settings, report)
    ratio = sums / expected
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(sums > 0, sums * np.log(ratio), 0.0) - (sums - expected)
    score = gain * cells.unit
    above = np.where(sums > expected, score, 0.0)
    beyond = len(peaks) - np.searchsorted(np.sort(peaks), above - _slack(above), "left")
    frame = _frame(grid, everywhere, hits, n / total)
    frame.loc[enough, "ratio"], frame.loc[enough, "score"] = ratio, score
    frame.loc[enough, "p"] = monte_carlo_p(up, low, settings.permutations)
    frame.loc[enough, "p_above"] = np.where(
        sums > expected, monte_carlo_p(beyond, 0, settings.permutations, alternative="greater"), 1.0
    )
    frame["label"] = _labels(frame, settings.alpha)
    frame["status"] = np.where(enough, "tested", "too few firms")
    rank = int(np.floor(settings.alpha * (settings.permutations + 1) + 1e-9))
    return RiskSurface(
        frame=frame[list(SURFACE_COLUMNS)],
        sector=sector.name,
        sector_label=sector.label,
        radius_m=grid.radius_m,
        cell_m=grid.cell_m,
        minimum=settings.minimum,
        n_firms=total,
        n_sector=n,
        inside=sector.inside,
        contour=float(np.sort(peaks)[-rank]) if enough.any() else float("nan"),
        alpha=settings.alpha,
        permutations=settings.permutations,
        seed=settings.seed,
        crs=crs,
    )


def _slack(value: Floats) -> Floats:
    """Return how far rounding may part two scores that are equal."""
    return np.asarray(1e-12 * np.maximum(1.0, np.abs(value)))


def _sums(grid: Grid, cells: Tested, mass: Floats, lines: Floats) -> Floats:
    out = np.empty(len(cells.row))
    smoothed(grid.row, grid.column, mass, kernel_weights(STEPS), cells.runs, lines, out)
    return out


def _draws(
    observed: _Observed, settings: SurfaceSettings, report: Callable[[int, int], None]
) -> tuple[Floats, Ints, Ints]:
    """Shuffle the label over all firms: the largest score of each draw, and by cell the draws as high and as low."""
    grid, cells, sums, n = observed
    draws = settings.permutations if len(cells.row) else 0
    cell_of = np.repeat(np.arange(len(grid.mass)), grid.mass.astype(np.int64))
    expected = cells.total * (n / len(cell_of))
    parts = np.array_split(np.arange(draws), workers())

    def some(which: Ints) -> tuple[Floats, Ints, Ints]:
        lines = np.empty(grid.shape)
        peaks = np.empty(len(which))
        up, low = np.zeros(len(sums), dtype=np.int64), np.zeros(len(sums), dtype=np.int64)
        for i, draw in enumerate(which):
            chosen = stream(settings.seed, "surface", int(draw)).choice(
                len(cell_of), n, replace=False, shuffle=False
            )
            mass = np.bincount(cell_of[chosen], minlength=len(grid.mass)).astype(np.float64)
            drawn = _sums(grid, cells, mass, lines)
            up += drawn >= sums
            low += drawn <= sums
            peaks[i] = largest(drawn, expected, cells.unit)
            if which[0] == 0:
                report(min((i + 1) * len(parts), draws), draws)
        return peaks, up, low

    with ThreadPoolExecutor(workers()) as pool:
        done = list(pool.map(some, [part for part in parts if len(part)]))
    zero = np.zeros(len(sums), dtype=np.int64)
    return (
        np.concatenate([np.empty(0), *(peaks for peaks, _, _ in done)]),
        sum((up for _, up, _ in done), zero),
        sum((low for _, _, low in done), zero),
    )


def _frame(grid: Grid, cells: Tested, hits: Floats, share: float) -> pd.DataFrame:
    """Lay out the cells; rows and columns count from the system's origin."""
    firms, of_sector = np.zeros(grid.shape), np.zeros(grid.shape)
    firms[grid.row, grid.column], of_sector[grid.row, grid.column] = grid.mass, hits
    row, column = cells.row + grid.origin[1], cells.column + grid.origin[0]
    frame = pd.DataFrame(
        {
            "row": row,
            "column": column,
            "x": (column + 0.5) * grid.cell_m,
            "y": (row + 0.5) * grid.cell_m,
            "n_firms": firms[cells.row, cells.column].astype(np.int64),
            "n_sector": of_sector[cells.row, cells.column].astype(np.int64),
            "expected": share * cells.firms,
        }
    )
    return frame.assign(**dict.fromkeys(("ratio", "score", "p", "p_above"), np.nan))


def _labels(frame: pd.DataFrame, alpha: float) -> pd.Categorical:
    kind = np.select(
        [frame["p"].isna(), frame["p_above"] <= alpha, (frame["p"] <= alpha) & (frame["ratio"] < 1)],
        ["undefined", "above", "below"],
        "not significant",
    )
    return pd.Categorical(kind, categories=list(SURFACE_LABELS), ordered=True)


def _regions(sector: FirmSector, grid: Grid, surface: RiskSurface) -> list[_Region]:
    """Return the connected regions above the contour that hold any firm of the sector."""
    frame = surface.frame
    above = (frame["label"] == "above").to_numpy()
    row = frame["row"].to_numpy()[above] - grid.origin[1]
    column = frame["column"].to_numpy()[above] - grid.origin[0]
    image = np.zeros(grid.shape, dtype=bool)
    image[row, column] = True
    regions, many = label_regions(image)
    of_cell, of_firm = regions[row, column], regions[grid.row, grid.column][grid.place]
    score, p = frame["score"].to_numpy()[above], frame["p_above"].to_numpy()[above]
    out = []
    for k in range(1, many + 1):
        members, own = np.flatnonzero((of_firm == k) & sector.inside), of_cell == k
        if len(members):
            shape = _outline(row[own] + grid.origin[1], column[own] + grid.origin[0], grid.cell_m)
            out.append(
                _Region(
                    sector.name, float(score[own].max()), float(p[own].min()), members,
                    int((of_firm == k).sum()), float(sector.inside.mean()), shape,
                )
            )  # fmt: skip
    return out


def _outline(row: Ints, column: Ints, cell: float) -> Any:
    """Join cells in row order into one shape; cells of a row that touch are one box first."""
    first = np.flatnonzero(np.r_[True, (np.diff(row) != 0) | (np.diff(column) != 1)])
    last = np.r_[first[1:], len(row)] - 1
    boxes = shapely.box(
        column[first] * cell, row[first] * cell, (column[last] + 1) * cell, (row[first] + 1) * cell
    )
    return shapely.normalize(shapely.simplify(shapely.union_all(boxes), 0.0))


def _clusters(
    firms: Firms, surfaces: list[RiskSurface], regions: list[_Region], settings: SurfaceSettings
) -> Clusters:
    """Put the regions of all sectors in order of score, and name them in this order."""
    import geopandas as gpd

    ids = firms.frame["firm_id"].to_numpy()
    regions = sorted(regions, key=lambda r: (-r.score, str(ids[r.members[0]]), r.sector))
    names = [f"C{k}" for k in range(1, len(regions) + 1)]
    rows = [
        {
            "cluster": name, "sector": r.sector, "n_areas": 0, "n_firms": len(r.members), "value": len(r.members),
            "expected": r.n_inside * r.share, "relative_risk": len(r.members) / (r.n_inside * r.share),
            "score": r.score, "p": r.p, "p_field": np.nan, "level": 1.0, "parent": pd.NA,
            "area_km2": r.shape.area / 1e6,
        }
        for name, r in zip(names, regions, strict=True)
    ]  # fmt: skip
    kinds = dict.fromkeys(CLUSTER_COLUMNS, "float64") | {
        "cluster": "object", "sector": "object", "n_areas": "int64", "n_firms": "int64", "parent": "object",
    }  # fmt: skip
    members = [(name, ids[i]) for name, r in zip(names, regions, strict=True) for i in r.members]
    return Clusters(
        frame=pd.DataFrame(rows, columns=list(CLUSTER_COLUMNS)).astype(kinds),
        members=pd.DataFrame(members, columns=list(FIRM_MEMBER_COLUMNS), dtype=object),
        split_sample=pd.Series(
            np.nan, index=pd.Index(names, name="cluster", dtype=object), name="split_sample"
        ),
        searches=_searches(surfaces, regions),
        areas=None,
        graph=None,
        table=None,
        firms=firms,
        outlines=gpd.GeoSeries(
            [r.shape for r in regions], index=pd.Index(names, dtype=object), crs=firms.crs
        ),
        surfaces=tuple(surfaces),
        method="surface",
        background="homogeneous",
        minimum_lq=1.0,
        levels=(1.0,),
        penalty=0.0,
        max_share=1.0,
        alpha=settings.alpha,
        permutations=settings.permutations,
        seed=settings.seed,
        null=NULL,
        correction="largest score over all cells of a sector",
        family_size=len(surfaces),
    )


def _searches(surfaces: list[RiskSurface], regions: list[_Region]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for surface in surfaces:
        found = sum(r.sector == surface.sector for r in regions)
        left = surface.frame[(surface.frame["label"] != "above") & surface.frame["p_above"].notna()]
        best = left["score"].where(left["ratio"] > 1).max() if len(left) else np.nan
        rows.append(
            {
                "sector": surface.sector, "level": 1.0, "total": float(surface.n_sector), "n_clusters": found,
                "best_score": best, "best_p": left["p_above"].min() if len(left) else np.nan, "best_areas": [],
                "roughness": np.nan, "reach_km": np.nan, "unstructured": np.nan,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
