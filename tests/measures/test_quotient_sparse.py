"""Quotients of a fine classification: the same answers without the cells in which nobody is."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.sparse import coo_array

from clustermap.errors import OptionError
from clustermap.inference import adjust
from clustermap.measures import location_quotient
from clustermap.tables.table import SectorTable

NUMBERS = ["value", "expected", "lq", "lower", "upper", "p", "q", "shrunk"]


def world(n: int, m: int, firms: int, seed: int) -> SectorTable:
    """Make areas of very different size, and sectors from the common to the rare."""
    rng = np.random.default_rng(seed)
    size, share = rng.lognormal(0, 1.2, n), rng.dirichlet(np.full(m, 0.3))
    row, column = rng.choice(n, firms, p=size / size.sum()), rng.choice(m, firms, p=share)
    labels = pd.Index([f"A{i:05d}" for i in range(n)]), pd.Index([f"s{i:03d}" for i in range(m)])
    return SectorTable.from_matrix(coo_array((np.ones(firms), (row, column)), (n, m)), labels)


@pytest.fixture
def table() -> SectorTable:
    """A table with everything that can go wrong: unknown cells, empty areas, empty sectors, marks."""
    made = world(60, 25, 900, 1)
    values = made.values
    values.iloc[[2, 8, 15], [3, 6, 1]] += 9.0  # otherwise every q would be 1
    values.iloc[3, 2], values.iloc[5, 7] = np.nan, np.nan
    values.iloc[10], values["s004"] = 0.0, 0.0
    totals = values.sum(axis=1) + np.arange(60) % 3
    totals.iloc[20], totals.iloc[10] = np.nan, 0.0
    whole = values.sum() + 4.0
    whole["s009"] += 0.5
    table = SectorTable.from_values(values, area_totals=totals, sector_totals=whole)
    status = table.status
    blank = values.index[(values["s001"] == 0) & (totals > 0)][0]
    status.loc[blank, "s001"], status.iloc[1, 1] = "suppressed", "rounded"
    return replace(table, status=status)


@pytest.mark.parametrize("law", ["binomial", "hypergeometric"])
@pytest.mark.parametrize("reference", ["nation", "rest", ["A00002", "A00007", "A00030"]])
@pytest.mark.parametrize("correction", ["fdr_bh", "bonferroni"])
def test_leaving_out_cells_without_firms_changes_no_answer(table, reference, law, correction):
    options = {"reference": reference, "law": law, "correction": correction}
    everything = location_quotient(table, **options, cells="all")
    short = location_quotient(table, **options, cells="nonzero")
    assert len(short.frame) < 0.5 * len(everything.frame)
    assert short.family_size == everything.family_size
    whole = everything.frame.set_index(["area", "sector"])
    told = short.frame.set_index(["area", "sector"])
    assert ((told["q"] > 1e-9) & (told["q"] < 0.9)).any()
    pd.testing.assert_frame_equal(told, whole.loc[told.index], rtol=1e-12)
    # the cells left out are 0, and those of them with p below 1 are told
    left = whole.drop(index=told.index)
    assert (left["value"] == 0).all()
    zeros = short.zeros.set_index(["area", "sector"])
    surprising = left[left["p"] < 1]
    assert len(zeros) == len(surprising) > 0
    pd.testing.assert_frame_equal(zeros.sort_index(), surprising[["p", "q"]], rtol=1e-12)
    pd.testing.assert_series_equal(short.dispersion, everything.dispersion)
    for column in ("q", "upper", "status"):
        pd.testing.assert_frame_equal(short.wide(column), everything.wide(column), rtol=1e-12)
    for sector in ("s000", "s004", "s001"):
        pd.testing.assert_frame_equal(short.of(sector), everything.of(sector), rtol=1e-12)


def test_absences_that_chance_does_not_explain_are_counted_where_they_do_not_stand():
    counts = pd.DataFrame({"s": [0, 500, 500], "other": [3_000, 2_500, 2_500]}, index=list("ABC"))
    short = location_quotient(counts, cells="nonzero")
    assert short.zeros[["area", "sector"]].to_numpy().tolist() == [["A", "s"]]
    assert short.zeros["p"].iloc[0] == pytest.approx(2 * (1 - 1 / 3) ** 1_000)
    assert "s: 2 areas above 1 and 1 below beyond chance" in short.summary()
    assert '1 cell without firms: left out of the frame (cells="nonzero")' in short.summary()
    assert short.of("s").loc["A", "upper"] == pytest.approx(3 * (1 - 0.025 ** (1 / 1_000)))


def test_the_frame_leaves_out_zeros_by_itself_only_where_it_would_be_long():
    assert location_quotient(world(50, 20, 300, 2)).cells == "all"
    assert location_quotient(world(30_000, 40, 5_000, 2)).cells == "nonzero"


def test_ones_that_are_not_listed_are_members_of_the_family():
    rng = np.random.default_rng(3)
    p = rng.uniform(0, 0.2, 50)
    for correction in ("fdr_bh", "bonferroni"):
        listed = adjust(np.concatenate((p, np.ones(200))), correction)[:50]
        np.testing.assert_array_equal(adjust(p, correction, ones=200), listed)
    np.testing.assert_allclose(
        adjust(p, "fdr_bh", ones=200), stats.false_discovery_control([*p, *np.ones(200)])[:50]
    )


def test_35_000_areas_and_700_sectors_take_seconds_and_the_memory_of_their_firms():
    table = world(35_000, 700, 400_000, 6)
    location_quotient(table.select(["s000"]))  # imports and compiles
    began = time.process_time()
    result = location_quotient(table)
    assert time.process_time() - began < 10  # 1.2 s on a quiet machine; 3.8 s with three million firms
    assert result.family_size == int((table.area_totals > 0).sum()) * int((table.sector_totals > 0).sum())
    assert len(result.frame) == table.matrix.nnz
    tracemalloc.start()
    location_quotient(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.9 * 35_000 * 700 * 8  # not even one column of all cells
    some = result.frame.sample(20, random_state=1)
    for r in some.itertuples():
        n, w = table.sector_totals[r.sector], table.area_totals[r.area] / table.total
        law = stats.binom(n, w)
        assert r.p == pytest.approx(min(1, 2 * min(law.cdf(r.value), law.sf(r.value - 1))), rel=1e-9)


def test_unknown_cells_or_law_are_refused(table):
    for option in ({"cells": "some"}, {"law": "poisson"}):
        with pytest.raises(OptionError, match="CM-LQ-004"):
            location_quotient(table, **option)
