"""Coagglomeration against published figures, the formula of 1997 with its plants, and exact moments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clustermap.errors import AlignmentError, InputError, OptionError, StatisticsError
from clustermap.measures.relatedness import coagglomeration, dartboard
from clustermap.schema import COAGGLOMERATION_COLUMNS
from clustermap.tables.table import SectorTable

QUICK = {"permutations": 199, "correction": "none", "seed": 1}


@pytest.fixture
def counts() -> pd.DataFrame:
    return pd.DataFrame({"cars": [30, 5, 5], "steel": [24, 9, 7], "film": [6, 26, 28]}, index=list("ABC"))


@pytest.fixture
def plants() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "area": rng.choice(list("ABCD"), 60, p=[0.4, 0.3, 0.2, 0.1]),
            "sector": rng.choice(["x", "y", "z"], 60),
            "employment": np.ceil(rng.lognormal(2, 1, 60)),
        }
    )


def group_with_plants(plants, base):
    """The index of a group as Ellison and Glaeser (1997) write it, plant sizes and all."""
    table = plants.pivot_table(
        index="area", columns="sector", values="employment", aggfunc="sum", fill_value=0
    )
    x = (base / base.sum()).reindex(table.index).to_numpy()
    shares, totals = (table / table.sum()).to_numpy(), table.sum().to_numpy()
    w = totals / totals.sum()
    h = plants.groupby("sector")["employment"].apply(lambda e: ((e / e.sum()) ** 2).sum()).to_numpy()
    free = 1 - (x**2).sum()
    gamma = (((shares - x[:, None]) ** 2).sum(axis=0) / free - h) / (1 - h)
    g = ((shares @ w - x) ** 2).sum() / free
    return (g - (w**2 * h).sum() - (gamma * w**2 * (1 - h)).sum()) / (1 - (w**2).sum())


@pytest.mark.real
def test_e8_farhauer_and_kroell(real_data):
    raw = pd.read_csv(real_data / "reference" / "farhauer_kroell_2014_plants.csv")
    plants = raw.rename(columns={"region": "area", "industry": "sector", "emp_firm": "employment"})
    jobs = raw.groupby("region")["emp_region"].first()
    found = coagglomeration(plants, base=jobs, **QUICK)
    assert found.group() == pytest.approx(0.08903665, abs=5e-9)
    # firm sums as the one base of all terms; −.0579 takes them in one term and region jobs in the others
    assert coagglomeration(plants, **QUICK).group() == pytest.approx(-0.0358273, abs=5e-8)


def test_the_group_index_is_that_of_1997_with_any_plants(plants):
    base = pd.Series([50.0, 20, 20, 10], index=list("ABCD"))
    found = coagglomeration(plants, base=base, **QUICK)
    assert found.group() == pytest.approx(group_with_plants(plants, base), rel=1e-10)
    two = plants[plants["sector"] != "z"]
    assert found.group(["x", "y"]) == pytest.approx(group_with_plants(two, base), rel=1e-10)


def test_a_pair_by_hand():
    """Shares (.75, .25) twice against a base of (.5, .5): 2 × .0625 / .5."""
    table = pd.DataFrame({"a": [3, 1], "b": [3, 1], "c": [2, 6]}, index=["X", "Y"])
    pair = coagglomeration(table, **QUICK).frame.iloc[0]
    assert pair.statistic == pytest.approx(0.25)
    assert (pair.n_a, pair.n_b) == (4, 4)


def test_bases(counts):
    everything = pd.Series([100.0, 100.0, 200.0], index=list("ABC"))
    table = SectorTable.from_values(counts, area_totals=everything)
    shares = (counts / counts.sum()).to_numpy()
    for base, x in {
        "totals": np.array([0.25, 0.25, 0.5]),
        "mean": shares.mean(axis=1),
    }.items():
        apart = shares - x[:, None]
        found = coagglomeration(table, base=base, **QUICK)
        np.testing.assert_allclose(found.base, x)
        expected = apart[:, 0] @ apart[:, 1] / (1 - x @ x)
        assert found.wide().loc["cars", "steel"] == pytest.approx(expected)


@pytest.mark.parametrize("base", ["totals", "mean", "given"])
def test_moments_are_those_of_many_throws(base):
    rng = np.random.default_rng(6)
    share = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    throws = 4_000
    world = np.stack([rng.multinomial(n, share, size=throws) for n in (40, 60, 900)], axis=1)
    totals = world.sum(axis=1) / 1_000
    shares = world / world.sum(axis=2, keepdims=True)
    x = {"totals": totals, "mean": shares.mean(axis=1), "given": np.tile(share, (throws, 1))}[base][
        :, None, :
    ]
    found = np.einsum("ta,ta->t", *(shares - x).transpose(1, 0, 2)[:2]) / (1 - (x[:, 0] ** 2).sum(axis=1))
    table = pd.DataFrame(np.outer(share, (40, 60, 900)), index=list("ABCDE"), columns=list("abc"))
    table = table.round().astype(float)
    given = pd.Series(share, index=table.index) if base == "given" else base
    row = coagglomeration(table, base=given, **QUICK).frame.iloc[0]
    assert row.expected == pytest.approx(found.mean(), abs=5 * found.std() / throws**0.5)
    if base != "mean":  # a third of that base is each sector itself: its variance is another
        assert row.variance == pytest.approx(found.var(), rel=0.2)


def test_the_rest_of_the_economy_is_thrown_too(counts):
    table = SectorTable.from_values(counts, area_totals=pd.Series([400.0, 300.0, 300.0], index=list("ABC")))
    board = dartboard.read_dartboard(table, base="totals")
    assert board.rest.sum() == 1_000 - counts.to_numpy().sum()
    mean, _ = board.moments()
    assert mean[0, 1] == pytest.approx(-1 / 1_000)
    assert coagglomeration(table, **QUICK).frame["p"].between(0, 1).all()


@pytest.mark.filterwarnings("ignore:.CM-TABLE-024")
def test_sectors_that_overlap_leave_the_base_as_it_is(counts):
    table = SectorTable.from_values(counts, area_totals=pd.Series([50.0, 30.0, 30.0], index=list("ABC")))
    frame = coagglomeration(table, **QUICK).frame
    assert (frame["expected"] == 0).all()


def test_plants_in_any_order_give_the_same_bytes(plants):
    expected = coagglomeration(plants, **QUICK).frame
    shuffled = plants.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(coagglomeration(shuffled, **QUICK).frame, expected)


def test_rows_and_threads_do_not_change_the_answer(counts, monkeypatch):
    expected = coagglomeration(counts, **QUICK).frame
    monkeypatch.setattr(dartboard, "workers", lambda: 5)
    pd.testing.assert_frame_equal(coagglomeration(counts.iloc[::-1, ::-1], **QUICK).frame, expected)


def test_scaling_jobs_changes_nothing_but_p(plants):
    jobs = plants.pivot_table(index="area", columns="sector", values="employment", aggfunc="sum")
    once = coagglomeration(SectorTable.from_values(jobs, measure="employment"))
    twice = coagglomeration(SectorTable.from_values(7 * jobs, measure="employment"))
    np.testing.assert_allclose(once.frame["statistic"], twice.frame["statistic"])
    assert once.frame["p"].isna().all()
    assert set(once.frame["status"]) == {"needs plants"}
    assert once.seed is None
    assert "no p" in once.summary()


def test_one_plant_each_is_a_count_of_firms(plants):
    ones = plants.assign(employment=1)
    counts = ones.pivot_table(
        index="area", columns="sector", values="employment", aggfunc="sum", fill_value=0
    )
    by_plants, by_counts = (coagglomeration(d, **QUICK).frame for d in (ones, counts))
    for column in ("n_a", "statistic", "expected", "variance", "p_normal"):
        np.testing.assert_allclose(by_plants[column], by_counts[column])


def test_a_sector_with_nothing_has_no_index(counts):
    result = coagglomeration(counts.assign(void=0), **QUICK)
    part = result.frame[result.frame["b"] == "void"]
    assert part["statistic"].isna().all()
    assert set(part["status"]) == {"nothing in a sector"}
    assert result.group() == pytest.approx(coagglomeration(counts, **QUICK).group())
    assert coagglomeration(counts.assign(void=0), base="mean", **QUICK).frame["p"].notna().sum() == 3


def test_what_a_result_says_of_itself(counts):
    result = coagglomeration(counts, seed=1)
    assert list(result.frame.columns) == list(COAGGLOMERATION_COLUMNS)
    assert "apart beyond chance" in result.summary()
    assert repr(result) == "<Coagglomeration: 3 sectors, 3 areas>"
    assert "<table" in result._repr_html_()
    assert result.wide("status").loc["cars", "film"] == "ok"
    with pytest.raises(OptionError, match="CM-RELATE-006"):
        result.wide("colour")


def test_groups_that_are_none_are_refused(counts):
    result = coagglomeration(counts, **QUICK)
    with pytest.raises(OptionError, match="1 of 2 sectors is unknown"):
        result.group(["cars", "ships"])
    with pytest.raises(OptionError, match="1 sector is no group"):
        result.group(["cars"])


def test_bases_that_are_none_are_refused(counts):
    with pytest.raises(OptionError, match="CM-COAGG-001"):
        coagglomeration(counts, base="magic")
    with pytest.raises(AlignmentError, match="1 missing"):
        coagglomeration(counts, base=pd.Series([1.0, 2.0], index=["A", "B"]))
    for bad in ([1.0, -1.0, 2.0], [1.0, np.nan, 1.0], [1.0, 0.0, 0.0]):
        with pytest.raises(OptionError, match="CM-COAGG-001"):
            coagglomeration(counts, base=pd.Series(bad, index=list("ABC")))


def test_plants_without_size_or_place_are_refused(plants):
    plants.loc[3, "employment"] = 0
    plants.loc[5, "area"] = None
    with pytest.raises(InputError, match="2 of 60 plants"):
        coagglomeration(plants)


def test_one_area_or_one_sector_is_refused(counts):
    for table in (counts.iloc[:1], counts[["cars"]]):
        with pytest.raises(StatisticsError, match="CM-COAGG-003"):
            coagglomeration(table)


def test_suppressed_cells_and_unknown_options_are_refused(counts):
    with pytest.raises(OptionError, match="CM-RELATE-001"):
        coagglomeration(counts, alternative="both")
    with pytest.raises(InputError, match="CM-RELATE-002"):
        coagglomeration(counts.where(counts > 5))
