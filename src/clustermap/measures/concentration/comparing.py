"""From a table to compared profiles: what can be thrown, how often, and what each figure means."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import ClusterMapWarning, InputError, OptionError, StatisticsError, part_of, plural
from clustermap.inference import adjust, check_resolution, is_level, monte_carlo_p, permutations_needed
from clustermap.measures.concentration.engine import MEASURES, Measured, Problem, Units, measured, steps
from clustermap.measures.concentration.plants import read_plants
from clustermap.measures.concentration.results import STATUS_OK, Concentration
from clustermap.progress import reporting
from clustermap.randomness import resolve_seed
from clustermap.schema import CONCENTRATION_COLUMNS, Correction, ProfileReference

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from clustermap.progress import Progress
    from clustermap.tables.table import SectorTable

__all__ = ["Options", "compared"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_WHOLE = 1e-6
_FEWEST, _STEPS = 999, 5_000_000_000  # draws that "auto" always takes; throws that take some minutes
_TWO, _SAME = 2, 1e-9
STATUS_SUPPRESSED = "suppressed"
STATUS_NOTHING = "nothing to measure"
STATUS_NO_REFERENCE = "nothing to compare with"
STATUS_OUTSIDE = "holds what the reference lacks: no test"
STATUS_PLANTS = "needs firm-level data"
STATUS_ONE_UNIT = "one unit: no interval"
STATUS_ONE_PLACE = "all in one place: no interval"


class Options(NamedTuple):
    """What the caller asks for."""

    reference: ProfileReference
    permutations: Literal["auto"] | int
    replicates: int
    interval: float
    correction: Correction
    seed: int | None


class _Profiles(NamedTuple):
    """Profiles × parts without their zeros, the row of each cell, and the reference by part."""

    unit: Literal["sector", "area"]
    held: csr_array
    row: npt.NDArray[np.int64]
    reference: Floats
    labels: pd.Index


def compared(
    table: SectorTable,
    unit: Literal["sector", "area"],
    *,
    plants: pd.DataFrame | None,
    options: Options,
    progress: Progress | bool | None,
) -> Concentration:
    """Measure profiles and hold them against chance."""
    _check(options)
    profiles = _profiles(table, unit)
    units = _units(plants, table, profiles) if plants is not None else None
    status, thrown = _states(profiles, table, options.reference, units)
    answered = ~np.isin(status, (STATUS_SUPPRESSED, STATUS_NOTHING, STATUS_NO_REFERENCE))
    problem, family = _problem(profiles, answered, thrown, units, options)
    with reporting(progress, f"{unit} profiles") as report:
        found = measured(problem, report)
    p = _p(found, problem, thrown)
    q = np.column_stack([adjust(p[:, k], options.correction) for k in range(len(MEASURES))])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(found.sd > 0, (found.statistic - found.expected) / found.sd, np.nan)
    totals = np.asarray(problem.held.sum(axis=1)).ravel()
    n = np.where(thrown, totals if units is None else [len(u.size) for u in units], np.nan)
    columns = {name: getattr(found, name) for name in ("statistic", "se", "lower", "upper", "expected", "sd")}
    columns |= {"z": z, "p": p, "q": q}
    frame = pd.DataFrame(
        {
            unit: np.repeat(profiles.labels.to_numpy(), len(MEASURES)),
            "measure": np.tile(np.array(MEASURES, dtype=object), len(n)),
            "n": np.repeat(n, len(MEASURES)),
            **{name: values.ravel() for name, values in columns.items()},
            "status": np.repeat(status, len(MEASURES)),
        }
    )
    return Concentration(
        frame=frame[[unit, *CONCENTRATION_COLUMNS]],
        table=table,
        unit=unit,
        reference=options.reference,
        permutations=problem.permutations,
        replicates=options.replicates,
        seed=problem.seed,
        interval=options.interval,
        correction=options.correction,
        family_size=family,
    )


def _check(options: Options) -> None:
    if options.reference not in get_args(ProfileReference):
        raise OptionError(
            "CM-OPTION-001",
            f"reference={options.reference!r}",
            fix=f"one of {', '.join(map(repr, get_args(ProfileReference)))}",
        )
    draws = options.permutations
    faults = [] if is_level(options.interval) else [f"interval={options.interval} is no coverage"]
    if draws != "auto" and (not isinstance(draws, int) or draws < 0):
        faults.append(f'permutations={draws!r} is neither "auto" nor a number of throws')
    if not isinstance(options.replicates, int) or options.replicates < 0 or options.replicates == 1:
        faults.append(f"replicates={options.replicates!r} is no number of resamples")
    if faults:
        raise OptionError(
            "CM-CONC-003", "; ".join(faults), fix='interval=0.95, permutations="auto", replicates=999'
        )


def _profiles(table: SectorTable, unit: Literal["sector", "area"]) -> _Profiles:
    """Turn the table so that each row is a profile; refuse where there is nothing to be uneven over."""
    from scipy.sparse import csr_array

    held, parts, labels = table.matrix, pd.Index(table.sectors), table.labels
    totals = table.sector_totals
    if unit == "sector":
        held, parts, labels, totals = held.T, labels, parts, table.area_totals
    held = csr_array(held)
    held.sort_indices()
    reference = np.nan_to_num(totals.to_numpy(dtype=np.float64))
    some = int((reference > 0).sum())
    if some < _TWO:
        one, over, what = (
            ("area", "areas", "concentration")
            if unit == "sector"
            else ("sector", "sectors", "specialisation")
        )
        raise StatisticsError(
            "CM-CONC-002",
            f"{part_of(some, len(parts), one, 'has', 'have')} anything in {'it' if some == 1 else 'them'}",
            why=f"{what} is how unevenly something lies over at least two {over}",
            fix="a table of several areas and sectors: tabulate(firms, areas, sectors='sic-sections')",
        )
    return _Profiles(unit, held, np.repeat(np.arange(len(labels)), np.diff(held.indptr)), reference, labels)


def _units(plants: pd.DataFrame, table: SectorTable, profiles: _Profiles) -> list[Units]:
    """Sort the plants into profiles; they must add up to what the table holds."""
    from scipy.sparse import csr_array

    read = read_plants(plants, areas=table.labels, sectors=pd.Index(table.sectors))
    profile, place = (read.sector, read.area) if profiles.unit == "sector" else (read.area, read.sector)
    held = profiles.held.copy()
    held.data = np.nan_to_num(held.data)
    off = abs(csr_array((read.size, (profile, place)), shape=held.shape) - held)
    wrong = int((off > _WHOLE * max(1.0, held.data.max(initial=0.0))).sum())
    if wrong:
        raise InputError(
            "CM-CONC-004",
            f"{part_of(wrong, held.shape[0] * held.shape[1], 'cell', 'is', 'are')} not the sum of their plants (table "
            f"{held.data.sum():,.0f}, plants {read.size.sum():,.0f})",
            why="chance would be worked out for other plants than those measured",
            fix="SectorTable.from_values(plants.pivot_table(index='area', columns='sector', values='employment', "
            "aggfunc='sum', fill_value=0), measure='employment')",
        )
    order = np.lexsort((read.size, place, profile))
    ends = np.searchsorted(profile[order], np.arange(len(profiles.labels) + 1))
    return [
        Units(place=place[rows], size=read.size[rows])
        for rows in (order[start:end] for start, end in itertools.pairwise(ends))
    ]


def _states(
    profiles: _Profiles, table: SectorTable, reference: ProfileReference, units: list[Units] | None
) -> tuple[npt.NDArray[np.object_], Flags]:
    """Say of each profile what can be known, and whether its units can be thrown."""
    cells, row, n = profiles.held.data, profiles.row, len(profiles.labels)

    def any_cell(which: Flags) -> Flags:
        return np.asarray(np.bincount(row[which], minlength=n) > 0)

    seen = np.nan_to_num(cells)
    total = np.bincount(row, weights=seen, minlength=n)
    behind = profiles.reference[profiles.held.indices]
    room = behind - (seen if reference == "rest" else 0.0)
    hidden, none = any_cell(np.isnan(cells)), total == 0
    # a sector that is all there is has nothing beside it
    alone = total >= profiles.reference.sum() * (1 - _SAME)
    outside = any_cell((seen > 0) & (room <= _SAME * behind))
    broken = any_cell(np.abs(seen - np.rint(seen)) > _WHOLE) | (table.measure != "firms")
    lumpy = broken & (units is None)
    members = total if units is None else np.array([len(u.size) for u in units])
    status = np.full(n, STATUS_OK, dtype=object)
    for where, word in (
        (np.bincount(row[seen > 0], minlength=n) == 1, STATUS_ONE_PLACE),
        (members == 1, STATUS_ONE_UNIT),
        (lumpy, STATUS_PLANTS),
        (outside, STATUS_OUTSIDE),
        (alone, STATUS_NO_REFERENCE),
        (none, STATUS_NOTHING),
        (hidden, STATUS_SUPPRESSED),
    ):
        status[where] = word
    return status, ~(hidden | none | alone | outside | lumpy)


def _problem(
    profiles: _Profiles, answered: Flags, thrown: Flags, units: list[Units] | None, options: Options
) -> tuple[Problem, int]:
    """Gather what is measured; choose how many throws."""
    held = profiles.held.copy()
    held.data = np.where(answered[profiles.row], np.nan_to_num(held.data), 0.0)
    held.eliminate_zeros()
    family, alpha = int(thrown.sum()), round(1 - options.interval, 12)
    problem = Problem(
        held=held,
        reference=profiles.reference,
        own=options.reference == "rest",
        keys=[str(label) for label in profiles.labels],
        thrown=thrown,
        units=units,
        statistic=f"{profiles.unit}-profile",
        seed=resolve_seed(options.seed),
        permutations=0,
        replicates=options.replicates,
        interval=options.interval,
    )
    return _with_draws(problem, options, family, alpha), family


def _with_draws(problem: Problem, options: Options, family: int, alpha: float) -> Problem:
    from dataclasses import replace

    if not family or options.permutations == 0:
        return problem
    if options.permutations != "auto":
        check_resolution(options.permutations, family, alpha, options.correction)
        return replace(problem, permutations=options.permutations)
    wanted = permutations_needed(1 if options.correction == "none" else family, alpha)
    affordable = max(_FEWEST, _STEPS // max(steps(problem), 1))
    if affordable < wanted:
        warnings.warn(
            f"[CM-CONC-005] {plural(family, 'test')} at {alpha:.3g} ask{'s' * (family == 1)} for "
            f"{wanted:,} permutations of "
            f"{plural(steps(problem), 'step')}; {affordable:,} are taken, so that the smallest p-values "
            "are coarse: pass "
            f"permutations={wanted} to wait for them",
            ClusterMapWarning,
            stacklevel=5,
        )
    return replace(problem, permutations=min(wanted, affordable))


def _p(found: Measured, problem: Problem, thrown: Flags) -> Floats:
    p = np.full(found.statistic.shape, np.nan)
    if problem.permutations:
        p[thrown] = monte_carlo_p(found.up[thrown], found.low[thrown], problem.permutations)
    return p
