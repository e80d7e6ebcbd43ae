"""Assertions that explain themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clustermap.errors import part_of

if TYPE_CHECKING:
    from clustermap.ledger import Ledger
    from clustermap.sources.values import Areas
    from clustermap.tables.table import SectorTable

__all__ = ["assert_accounted", "assert_coverage", "assert_same_table"]


def assert_accounted(ledger: Ledger) -> None:
    """Check that every row of a ledger has one verdict.

    Raises
    ------
    AssertionError
        With the three counts.
    """
    total = ledger.accepted + ledger.repaired + ledger.set_aside
    if total != ledger.n_in:
        raise AssertionError(f"{part_of(total, ledger.n_in, 'row', 'is', 'are')} accounted for: {ledger!r}")


def assert_coverage(areas: Areas) -> None:
    """Check that areas neither overlap nor leave slivers along their shared borders.

    Raises
    ------
    AssertionError
        With the codes whose borders do not fit.
    """
    from shapely import coverage_invalid_edges

    wrong = coverage_invalid_edges(areas.frame.geometry.to_numpy())
    bad = [code for code, edge in zip(areas.frame.index, wrong, strict=True) if not edge.is_empty]
    if bad:
        raise AssertionError(
            f"{part_of(len(bad), len(areas), 'area', 'does', 'do')} not fit their neighbours: {bad[:5]}"
        )


def assert_same_table(left: SectorTable, right: SectorTable) -> None:
    """Check that two tables hold the same labels, values and totals.

    Raises
    ------
    AssertionError
        With pandas' account of the first difference.
    """
    pd.testing.assert_frame_equal(left.values, right.values)
    pd.testing.assert_series_equal(left.area_totals, right.area_totals, check_names=False)
    pd.testing.assert_series_equal(left.sector_totals, right.sector_totals, check_names=False)
