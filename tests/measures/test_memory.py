"""Measures look at the cells that hold anything: none lays a whole table out on its way."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array

import clustermap as cm
from clustermap.tables.sparse import in_state

FEW = {"permutations": 39, "correction": "none", "seed": 1}
VERBS = {
    "proximity": lambda t: cm.proximity(t, null="hypergeometric"),
    "relatedness_density": cm.relatedness_density,
    "coagglomeration": lambda t: cm.coagglomeration(t, **FEW),
    "variety": lambda t: cm.variety(t, replicates=9, seed=1),
    "complexity": lambda t: cm.complexity(t, resample="none", disconnected="largest"),
    "sector_concentration": lambda t: cm.sector_concentration(t, replicates=9, **FEW),
    "area_specialisation": lambda t: cm.area_specialisation(t, replicates=9, **FEW),
    "location_quotient": lambda t: cm.location_quotient(t, cells="nonzero"),
}


def economy(areas: int, sectors: int, firms: int) -> cm.SectorTable:
    rng = np.random.default_rng(3)
    place = rng.integers(areas, size=firms), rng.integers(sectors, size=firms)
    labels = (
        pd.Index([f"A{i:05}" for i in range(areas)]),
        pd.Index([f"{10 + s:03}{s:02}" for s in range(sectors)]),
    )
    return cm.SectorTable.from_matrix(coo_array((np.ones(firms), place), (areas, sectors)), labels)


@pytest.mark.filterwarnings("ignore::clustermap.errors.ClusterMapWarning")
@pytest.mark.parametrize("verb", VERBS)
def test_no_measure_lays_the_whole_table_out(verb, monkeypatch):
    table, whole = economy(60, 12, 500), pytest.fail
    expected = VERBS[verb](table)
    for name in ("values", "status"):
        monkeypatch.setattr(cm.SectorTable, name, property(lambda _: whole("every cell was asked for")))
    pd.testing.assert_frame_equal(VERBS[verb](table).frame, expected.frame)


@pytest.mark.filterwarnings("ignore::clustermap.errors.ClusterMapWarning")
@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"relatedness_density"}))
def test_a_table_of_few_cells_takes_less_than_its_zeros_would(verb):
    """A dense table of these 4,000 areas × 400 sectors takes 12.8 MB; the firms fill 12,000 cells at most."""
    table = economy(4_000, 400, 12_000)
    tracemalloc.start()
    VERBS[verb](table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    allowed = {"location_quotient": 1.0, "proximity": 5.0, "coagglomeration": 4.0}  # pairs of sectors, rows
    assert peak < allowed.get(verb, 1.0) * 8 * 4_000 * 400


def test_states_are_counted_without_listing_them():
    frame = pd.DataFrame({"a": [1.0, np.nan, 0.0], "b": [5.0, 0.0, 2.0]}, index=list("XYZ"))
    table = cm.SectorTable.from_values(frame)
    counted = [
        in_state(table.matrix, table.precision, table.marks, s) for s in ("observed", "rounded", "suppressed")
    ]
    assert counted == [5, 0, 1]
    status = table.status.astype(object)
    status.loc["X"] = "rounded"
    status.loc["Y", "a"] = "observed"
    marked = cm.SectorTable(
        values=frame, status=status, area_totals=table.area_totals, sector_totals=table.sector_totals,
        total=table.total, measure="firms", sector_labels=table.sector_labels,
    )  # fmt: skip
    counted = [
        in_state(marked.matrix, marked.precision, marked.marks, s)
        for s in ("observed", "rounded", "suppressed")
    ]
    assert counted == [int((status == s).to_numpy().sum()) for s in ("observed", "rounded", "suppressed")]
