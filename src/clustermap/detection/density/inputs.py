"""What a density method takes: firms with places, what each counts, and options that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.detection.density.presets import PRESETS
from clustermap.detection.density.sectors import planar
from clustermap.detection.scan.inputs import DEFAULT_LQ, DEFAULT_SHARE
from clustermap.errors import InputError, OptionError, StatisticsError, part_of, plural
from clustermap.schema import Codes, Preset
from clustermap.sources import sectors as taxonomies
from clustermap.tables.tabulation import belonging, counted_weights

if TYPE_CHECKING:
    import pandas as pd

    from clustermap.detection.scan.settings import Settings
    from clustermap.sources.values import Firms

__all__ = [
    "DenseSettings",
    "Marked",
    "check_dense_options",
    "marked",
    "placed",
    "refuse_dense_options",
    "refuse_other_options",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ALL_FIRMS = "all firms"


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSettings:
    """What was asked of a density method."""

    method: str
    radius_m: float | None
    minimum: float | None
    preset: Preset | None
    codes: Codes | None
    value: str
    permutations: int
    alpha: float
    seed: int

    @property
    def counted(self) -> Codes:
        """How a firm of several codes counts."""
        if self.preset is not None:
            return PRESETS[self.preset].codes
        return self.codes or "first"


class Marked(NamedTuple):
    """The firms of one sector: which rows, and what each counts."""

    name: str
    label: str
    rows: Ints
    marks: Floats

    @property
    def counts_firms(self) -> bool:
        """Whether every firm counts one."""
        return bool((self.marks == 1.0).all())


def refuse_dense_options(s: DenseSettings, *, also: tuple[str, ...] = ()) -> None:
    """Refuse options of the density methods beside another one.

    Raises
    ------
    OptionError
        CM-SCAN-002.
    """
    given = {name: getattr(s, name) is not None for name in ("preset", "codes", *also)}
    _refuse(s.method, {**given, "value": s.value != "firms"})


def refuse_other_options(s: Settings, graph: Any, plants: pd.DataFrame | None) -> None:
    """Refuse options of the scan beside a density method.

    Raises
    ------
    OptionError
        CM-SCAN-002.
    """
    given = {
        "graph": graph is not None, "plants": plants is not None, "levels": bool(s.levels),
        "background": s.background != "minimum-effect", "minimum_lq": s.minimum_lq != DEFAULT_LQ,
        "likelihood": s.likelihood != "poisson", "penalty": s.penalty is not None,
        "max_share": s.max_share != DEFAULT_SHARE,
    }  # fmt: skip
    _refuse(s.method, given)


def _refuse(method: str, given: dict[str, bool]) -> None:
    foreign = [name for name, there in given.items() if there]
    if foreign:
        raise OptionError(
            "CM-SCAN-002",
            f"{', '.join(foreign)} {'belongs' if len(foreign) == 1 else 'belong'} to another method than {method!r}",
            why="an option that does nothing would hide a mistake",
            fix='"scan" takes a table, graph=, background=, minimum_lq=, levels=, likelihood=, max_share=, penalty=; '
            '"dbscan" and "hdbscan" take firms, radius_m= (not "hdbscan"), minimum=, preset=, codes=, value=',
        )


def check_dense_options(s: DenseSettings) -> None:
    """Refuse options that lie out of range or contradict each other.

    Raises
    ------
    OptionError
        CM-SCAN-002.
    StatisticsError
        CM-STAT-003: too few permutations for alpha.
    """
    for wrong, what in _faults(s):
        if wrong:
            raise OptionError(
                "CM-SCAN-002",
                what,
                why="an option that does nothing, or has no meaning, would hide a mistake",
                fix='radius_m=2_000, minimum=20, codes="first", alpha=0.05, permutations=999; or preset="wipo2018"',
            )
    if 1 / (s.permutations + 1) > s.alpha:
        raise StatisticsError(
            "CM-STAT-003",
            f"{s.permutations} permutations cannot reject at {s.alpha}",
            why=f"the smallest p is {1 / (s.permutations + 1):.3g}",
            fix=f"permutations={int(np.ceil(1 / s.alpha)) - 1} or more; 999 is usual",
        )


def _faults(s: DenseSettings) -> list[tuple[bool, str]]:
    own = [name for name in ("radius_m", "minimum", "codes") if getattr(s, name) is not None]
    return [
        (s.preset not in {None, *get_args(Preset)}, f"preset={s.preset!r} is none of {list(get_args(Preset))}"),
        (s.preset is not None and bool(own), f"preset={s.preset!r} already says {', '.join(own)}"),
        (s.method == "hdbscan" and s.preset is not None, "preset belongs to method='dbscan'"),
        (s.method == "hdbscan" and s.radius_m is not None, "radius_m belongs to method='dbscan'"),
        (s.codes not in {None, *get_args(Codes)}, f"codes={s.codes!r} is none of {list(get_args(Codes))}"),
        (not _positive(s.radius_m), f"radius_m={s.radius_m!r} is not a positive number of metres"),
        (not _positive(s.minimum), f"minimum={s.minimum!r} is not a positive number"),
        (
            s.method == "hdbscan" and s.minimum is not None and (s.minimum < 2 or s.minimum != round(s.minimum)),  # noqa: PLR2004 - a pair
            f"minimum={s.minimum!r} is not a whole number of sites from 2 up",
        ),
        (s.method == "hdbscan" and s.value != "firms", "value belongs to method='dbscan': HDBSCAN has no weights"),
        (not 0 < s.alpha <= 1, f"alpha={s.alpha!r} is not above 0 and up to 1"),
        (s.permutations < 1, f"permutations={s.permutations!r} is not a positive number"),
    ]  # fmt: skip


def _positive(number: float | None) -> bool:
    return number is None or (np.isfinite(number) and number > 0)


def placed(firms: Firms) -> tuple[Floats, Floats]:
    """Return x and y of every firm in metres.

    Raises
    ------
    InputError
        CM-DENSITY-002: firms without a place.
    """
    points: Any = firms.frame.geometry.to_numpy()
    there = (shapely.get_type_id(points) == 0) & ~shapely.is_empty(points)
    if not there.all():
        raise InputError(
            "CM-DENSITY-002",
            f"{part_of(int((~there).sum()), len(points), 'firm', 'has', 'have')} no place, such as "
            f"{list(firms.frame['firm_id'][~there][:5])}",
            why="a firm without a place is in no neighbourhood",
            fix="cm.read_firms(frame), which sets such rows aside and counts them",
        )
    return planar(firms)


def marked(firms: Firms, sector: Any, *, value: str, codes: Codes) -> tuple[list[Marked], list[str]]:
    """Return the firms of each sector with what they count, and what must be said about it.

    Raises
    ------
    InputError
        CM-TABLE-007, CM-TABLE-008: the column to count. CM-DENSITY-003: no firm is of any of the sectors.
    """
    weight, notes = counted_weights(firms, value)
    if sector is None:
        rows = np.flatnonzero(weight > 0)
        return [Marked(ALL_FIRMS, ALL_FIRMS, rows, weight[rows])], notes
    taxonomy = taxonomies.load(sector)
    belongs = belonging(firms, taxonomy, codes).tocsc()
    out = []
    for s, name in enumerate(taxonomy.names):
        column = slice(belongs.indptr[s], belongs.indptr[s + 1])
        rows = belongs.indices[column].astype(np.int64)
        marks = belongs.data[column] * weight[rows]
        order = np.argsort(rows, kind="stable")
        order = order[marks[order] > 0]
        out.append(Marked(name, taxonomy.labels[name], rows[order], marks[order]))
    if not any(len(m.rows) for m in out):
        raise InputError(
            "CM-DENSITY-003",
            f"none of {plural(len(firms), 'firm')} is of {', '.join(taxonomy.names[:5])}",
            why="there is nothing whose density could be measured",
            fix='sector={"steel": ["241", "242"]} with codes that the firms have, or sector=None for all firms',
        )
    return out, notes
