"""Options of detection among firms: those that belong together, and those of another method."""

from __future__ import annotations

from typing import Any

import numpy as np

from clustermap.detection.scan.inputs import DEFAULT_LQ
from clustermap.errors import OptionError, StatisticsError

__all__ = ["DEFAULT_MINIMUM", "check_surface_options", "named_sector", "needed_sector"]

DEFAULT_MINIMUM = 5.0
_SCAN_ONLY = {
    "background": "minimum-effect", "minimum_lq": DEFAULT_LQ, "levels": (), "penalty": None, "max_share": 0.25,
    "likelihood": "poisson",
}  # fmt: skip


def check_surface_options(
    *,
    radius_m: float | None,
    minimum: float | None,
    permutations: int,
    alpha: float,
    **others: Any,
) -> None:
    """Refuse options out of range or of the scan.

    Raises
    ------
    OptionError
        CM-SCAN-002.
    StatisticsError
        CM-STAT-003: too few permutations for alpha.
    """
    strange = [name for name, usual in _SCAN_ONLY.items() if _differs(others[name], usual)]
    strange += [name for name in ("graph", "plants") if others[name] is not None]
    for wrong, what in (
        (bool(strange), f"{', '.join(strange)}= belongs to method='scan'"),
        (not _positive(radius_m), f"radius_m={radius_m!r} is not a positive number of metres"),
        (not _positive(minimum), f"minimum={minimum!r} is not a positive number of firms"),
        (not 0 < alpha < 1, f"alpha={alpha!r} is not between 0 and 1"),
        (permutations < 1, f"permutations={permutations!r} is not a positive number"),
    ):
        if wrong:
            raise OptionError(
                "CM-SCAN-002",
                what,
                why="an option that does nothing, or has no meaning, would hide a mistake",
                fix='cm.detect_clusters(firms, method="surface", sector="hvm", radius_m=5_000, permutations=999)',
            )
    if 1 / (permutations + 1) > alpha:
        raise StatisticsError(
            "CM-STAT-003",
            f"{permutations} permutations cannot reject at {alpha}",
            why=f"the smallest p is {1 / (permutations + 1):.3g}",
            fix=f"permutations={int(np.ceil(1 / alpha)) - 1} or more; 999 is usual",
        )


def needed_sector(sector: Any) -> Any:
    """Return what says which firms are of the sector.

    Raises
    ------
    OptionError
        CM-SCAN-002.
    """
    if sector is None:
        raise OptionError(
            "CM-SCAN-002",
            "method='surface' needs a sector",
            why="the firms of a sector are held against all firms",
            fix='sector="hvm", or sector={"steel": ["241", "242"]}',
        )
    return sector


def named_sector(
    sector: Any, *, radius_m: float | None, minimum: float | None, stacks: str = "keep"
) -> str | None:
    """Return the sector of a table by its name; refuse what belongs to methods among firms.

    Raises
    ------
    OptionError
        CM-SCAN-002.
    """
    strange = [name for name, value in (("radius_m", radius_m), ("minimum", minimum)) if value is not None]
    strange += ["stacks"] if stacks != "keep" else []
    if strange or not (sector is None or isinstance(sector, str)):
        raise OptionError(
            "CM-SCAN-002",
            f"{', '.join(strange)}= belongs to methods among firms"
            if strange
            else f"sector={sector!r} is no name of a sector of the table",
            why="a scan takes counts by area that were made beforehand",
            fix='cm.detect_clusters(cm.tabulate(firms, areas, sectors=…, stacks="cap"), sector="steel")',
        )
    return sector


def _differs(value: Any, usual: Any) -> bool:
    return bool(tuple(value) if isinstance(usual, tuple) else value) and value != usual


def _positive(value: float | None) -> bool:
    return value is None or (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and np.isfinite(value)
        and value > 0
    )
