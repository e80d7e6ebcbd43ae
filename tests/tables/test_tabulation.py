"""Firms counted by area and sector: each once in every total, overlaps and codes by declared rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from clustermap.errors import InputError, OptionError
from clustermap.sources import sectors
from clustermap.tables import tabulate

SECTORS = {"steel": ["241", "242"], "glass": ["231"]}
POINTS = [(2, 5), (7, 5), (12, 5), (18, 5), (30, 5)]
CODES = [["24100"], ["24200", "23110"], ["62012"], [], ["24100"]]


def test_every_firm_is_in_its_area_total_and_its_sector_once(make_firms, squares):
    table = tabulate(make_firms(POINTS, sic=CODES), squares, sectors=SECTORS, overlap="full")
    assert table.values.to_dict() == {
        "glass": {"A": 0.0, "B": 0.0, "C": 0.0},
        "steel": {"A": 2.0, "B": 0.0, "C": 1.0},
    }
    assert table.area_totals.to_dict() == {"A": 2.0, "B": 2.0, "C": 2.0}
    assert table.sector_totals.to_dict() == {"glass": 0.0, "steel": 2.0}
    assert table.total == 4.0  # the fifth firm lies outside; nobody is counted twice
    assert table.sectors == ["glass", "steel"]
    assert table.ledger.set_aside == 1


@pytest.mark.parametrize(
    ("overlap", "steel", "totals"),
    [
        ("fractional", [1.5, 0.0, 0.5], [1.5, 1.5, 1.0]),
        ("primary", [2.0, 0.0, 0.0], [2.0, 2.0, 0.0]),
        ("full", [2.0, 0.0, 1.0], [2.0, 2.0, 2.0]),
    ],
)
def test_overlaps_count_by_the_rule_and_national_totals_do_not_move(
    make_firms, squares, overlap, steel, totals
):
    table = tabulate(make_firms(POINTS, sic=CODES), squares, sectors=SECTORS, overlap=overlap)
    assert table.values["steel"].tolist() == steel
    assert table.area_totals.tolist() == totals
    assert (table.total, table.sector_totals["steel"]) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("codes", "steel", "glass"), [("first", 2.0, 0.0), ("fractional", 1.5, 0.5), ("any", 2.0, 1.0)]
)
def test_a_firm_with_several_codes_counts_by_the_rule(make_firms, squares, codes, steel, glass):
    table = tabulate(make_firms(POINTS, sic=CODES), squares, sectors=SECTORS, codes=codes)
    assert table.sector_totals.to_dict() == {"glass": glass, "steel": steel}
    assert table.total == 4.0


def test_two_codes_of_one_sector_count_the_firm_once_under_any(make_firms, squares):
    firms = make_firms([(2, 5)], sic=[["24100", "24200"]])
    assert tabulate(firms, squares, sectors=SECTORS, codes="any").sector_totals["steel"] == 1.0


def test_no_code_of_any_sector_leaves_zeros_under_any(make_firms, squares):
    table = tabulate(make_firms([(2, 5)], sic=[["62012"]]), squares, sectors=SECTORS, codes="any")
    assert table.values.to_numpy().sum() == 0.0
    assert table.total == 1.0


def test_partial_membership_weighs(make_firms, squares):
    taxonomy = sectors.load({"s": {"include": ["241"], "weights": {"2420": 0.25}}})
    table = tabulate(make_firms([(2, 5), (3, 5)], sic=[["24100"], ["24200"]]), squares, sectors=taxonomy)
    assert table.values.loc["A", "s"] == 1.25


def test_a_column_is_summed_and_missing_values_are_told(make_firms, squares):
    firms = make_firms(POINTS, sic=CODES, jobs=[10.0, 20.0, np.nan, 5.0, 7.0])
    table = tabulate(firms, squares, sectors=SECTORS, value="jobs", overlap="primary")
    assert table.measure == "employment"
    assert table.values["steel"].tolist() == [30.0, 0.0, 0.0]
    assert table.area_totals.tolist() == [30.0, 5.0, 0.0]
    assert table.total == 35.0
    assert "1 of 5 firms adds nothing: no jobs" in table.note


def test_a_named_taxonomy_is_loaded(make_firms, squares):
    table = tabulate(make_firms([(2, 5)], sic=[["26110"]]), squares, sectors="hvm")
    assert table.sectors == ["hvm"]
    assert table.values.loc["A", "hvm"] == 1.0
    assert table.sector_labels["hvm"] != "hvm"


def test_what_must_be_said_beside_every_figure_is_in_the_note(make_firms, make_areas):
    areas = make_areas({"A": shapely.box(0, 0, 9, 9)}, generalised=True)
    note = tabulate(
        make_firms([(2, 5)], kind="registered office", synthetic=True), areas, sectors=SECTORS
    ).note
    assert "synthetic" in note
    assert "registered offices, not workplaces" in note
    assert "generalised" in note
    plain = tabulate(make_firms([(2, 5)]), make_areas({"A": shapely.box(0, 0, 9, 9)}), sectors=SECTORS)
    assert plain.note == ""
    unknown = tabulate(make_firms([(2, 5)], kind="unknown"), plain.areas, sectors=SECTORS)
    assert "unknown" in unknown.note


def test_no_firm_inside_is_an_error_that_shows_where_both_are(make_firms, squares):
    with pytest.raises(InputError, match=r"CM-TABLE-006[\s\S]*firms x 500…500.*areas x 0…20"):
        tabulate(make_firms([(500, 500)]), squares, sectors=SECTORS)


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("absent", "CM-TABLE-007"),
        ("name", "CM-TABLE-007"),
        ("value", "CM-TABLE-007"),
        ("debt", "CM-TABLE-008"),
    ],
)
def test_a_column_that_cannot_be_summed_is_refused(make_firms, squares, column, code):
    firms = make_firms(POINTS, debt=[1.0, -1.0, 2.0, np.inf, 0.0])
    with pytest.raises(InputError, match=code):
        tabulate(firms, squares, sectors=SECTORS, value=column)


def test_unknown_rules_are_refused(make_firms, squares):
    with pytest.raises(OptionError, match="CM-OPTION-001"):
        tabulate(make_firms(POINTS), squares, sectors=SECTORS, codes="main")
    with pytest.raises(OptionError, match="CM-OPTION-001"):
        tabulate(make_firms(POINTS), squares, sectors=SECTORS, overlap="half")


def test_counts_equal_a_plain_crosstab_on_a_random_world(make_firms, make_areas):
    rng = np.random.default_rng(4)
    codes = rng.choice(["24100", "23110", "62012", "10110"], 2_000)
    points = rng.uniform(0, 30, (2_000, 2))
    cells = {
        f"{i}{j}": shapely.box(10 * i, 10 * j, 10 * i + 10, 10 * j + 10) for i in range(3) for j in range(3)
    }
    table = tabulate(make_firms(points, sic=[[c] for c in codes]), make_areas(cells), sectors=SECTORS)
    where = [f"{int(x // 10)}{int(y // 10)}" for x, y in points]
    what = pd.Series(codes).map({"24100": "steel", "23110": "glass"})
    plain = pd.crosstab(pd.Series(where), what)
    assert table.values[["glass", "steel"]].to_numpy().tolist() == plain.to_numpy().tolist()
    assert table.area_totals.tolist() == pd.Series(where).value_counts().sort_index().tolist()


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_lost_or_doubled_in_a_world_of_overlaps(make_firms, make_areas, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 20, (2, 9))
    areas = make_areas({f"a{i}": s for i, s in enumerate(shapely.box(x, y, x + 8, y + 8))})
    points = rng.integers(-2, 30, (400, 2)).astype(float)  # many on borders and corners
    jobs = rng.integers(0, 50, 400).astype(float)
    sic = [list(rng.choice(["24100", "23110", "62012"], rng.integers(0, 3))) for _ in points]
    firms = make_firms(points, sic=sic, jobs=jobs)
    inside = shapely.intersects(shapely.union_all(areas.frame.geometry), shapely.points(points))
    tables = {
        overlap: tabulate(firms, areas, sectors=SECTORS, value="jobs", codes="fractional", overlap=overlap)
        for overlap in ("full", "fractional", "primary")
    }
    for overlap, table in tables.items():
        assert table.total == jobs[inside].sum()
        assert table.ledger.accepted + table.ledger.repaired == inside.sum()
        if overlap != "full":
            assert table.area_totals.sum() == pytest.approx(table.total, rel=1e-12)
            assert table.values.sum().to_numpy() == pytest.approx(table.sector_totals.to_numpy(), rel=1e-12)
    assert tables["full"].area_totals.sum() > tables["full"].total
    assert tables["full"].sector_totals.equals(tables["primary"].sector_totals)


def test_no_sector_code_at_all_is_an_error_and_not_a_zero(make_firms, squares):
    with pytest.raises(InputError, match="CM-TABLE-019"):
        tabulate(make_firms(POINTS, sic=[[]] * 5), squares, sectors=SECTORS)


def test_the_summary_counts_who_is_lost_uncoded_or_counted_twice(make_firms, squares):
    said = tabulate(make_firms(POINTS, sic=CODES), squares, sectors=SECTORS, overlap="full").summary()
    assert "1 of 5 firms has no usable sector code" in said
    assert "areas sum to more than the total" in said
    assert "5 rows came in" in said
    assert "1 set aside" in said
    assert (
        "areas sum to more" not in tabulate(make_firms(POINTS, sic=CODES), squares, sectors=SECTORS).summary()
    )


def test_firms_are_counted_without_the_zeros_of_a_fine_classification(make_firms, squares):
    points = [(2, 2), (12, 3), (18, 8)]
    firms = make_firms(points, sic=[["24100"], ["62012"], ["62012"]])
    table = tabulate(firms, squares, sectors="sic-divisions", overlap="full")
    assert len(table.sectors) > 80
    # A: 24; B: 62 twice; C: 62 once
    assert table.matrix.nnz == 3
    assert table.values.loc["B", "62"] == 2.0
    assert (table.status == "observed").all(axis=None)
