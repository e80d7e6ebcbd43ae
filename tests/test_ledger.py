from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clustermap.errors import ClusterMapError
from clustermap.ledger import Ledger

VERDICTS = {"outside": "set aside", "no code": "set aside", "bow-tie": "repaired"}
REASONS = ["accepted", *VERDICTS]


@pytest.fixture
def ledger():
    reasons = pd.Series(["accepted", "outside", "bow-tie", "accepted", "outside"])
    return Ledger.from_reasons(
        reasons,
        verdicts=VERDICTS,
        values=pd.Series([10, 2, 3, 4, np.nan]),
        ids=list("abcde"),
        notes=("cp1252",),
    )


def test_every_row_ends_in_one_of_three_ways(ledger):
    assert (ledger.n_in, ledger.accepted, ledger.repaired, ledger.set_aside) == (5, 2, 1, 2)
    assert repr(ledger) == "<Ledger: 5 in = 2 accepted + 1 repaired + 2 set aside>"
    assert ledger.n("outside") == 2
    assert ledger.n("no code") == 0


def test_the_frame_holds_values_and_examples_by_reason(ledger):
    assert ledger.frame.to_dict("list") == {
        "reason": ["accepted", "bow-tie", "outside"],
        "verdict": ["accepted", "repaired", "set aside"],
        "n": [2, 1, 2],
        "value": [14.0, 3.0, 2.0],
        "examples": ["", "row 2 (c)", "row 1 (b), row 4 (e)"],
    }
    assert ledger.value_in == 19.0


def test_the_summary_is_in_plain_sentences(ledger):
    assert ledger.summary().splitlines() == [
        "5 rows came in: 2 accepted, 1 repaired, 2 set aside.",
        "repaired: bow-tie, 1 row (for example row 2 (c)).",
        "set aside: outside, 2 rows (for example row 1 (b), row 4 (e)).",
        "cp1252",
    ]


def test_html_shows_names_from_data_as_text():
    ledger = Ledger.from_reasons(
        pd.Series(["outside"]), verdicts=VERDICTS, ids=["<img src=x onerror=alert(1)>"]
    )
    assert "<img" not in ledger._repr_html_()
    assert "&lt;img" in ledger._repr_html_()


def test_the_manifest_gets_totals_but_no_rows(ledger):
    plain = ledger.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["reasons"][1] == {"reason": "bow-tie", "verdict": "repaired", "n": 1, "value": 3.0}
    assert "row 2" not in json.dumps(plain)


def test_nothing_in_is_accounted_for_too():
    empty = Ledger.from_reasons(pd.Series([], dtype=object), verdicts={})
    assert (empty.n_in, empty.value_in, len(empty.frame)) == (0, 0.0, 0)


def test_each_row_counts_one_where_there_is_no_value():
    assert Ledger.from_reasons(pd.Series(["accepted"] * 3), verdicts={}).value_in == 3.0


@pytest.mark.parametrize(
    ("change", "n_in", "value_in"),
    [({}, 4, 19.0), ({}, 5, 20.0), ({"n": [3, -1, 3]}, 5, 19.0), ({"verdict": "lost"}, 5, 19.0),
     ({"value": [14.0, 3.0, np.nan]}, 5, 19.0)],
    ids=["a row", "a value", "less than nothing", "no verdict", "not a number"],
)  # fmt: skip
def test_a_loss_that_nobody_accounts_for_is_an_error(ledger, change, n_in, value_in):
    with pytest.raises(ClusterMapError, match="CM-LEDGER-001"):
        Ledger(frame=ledger.frame.assign(**change), n_in=n_in, value_in=value_in)


@pytest.mark.parametrize(
    "options",
    [{"verdicts": {}}, {"verdicts": VERDICTS, "values": [1]}, {"verdicts": VERDICTS, "ids": [1, 2, 3]}],
)
def test_a_reason_without_a_verdict_and_columns_of_other_lengths_are_errors(options):
    with pytest.raises(ClusterMapError, match="CM-LEDGER-002"):
        Ledger.from_reasons(pd.Series(["accepted", "outside"]), **options)


rows = st.lists(st.tuples(st.sampled_from(REASONS), st.floats(width=64)), max_size=60)


@settings(deadline=None, max_examples=300)
@given(rows)
@example([("accepted", 1e20), ("outside", -1e20), ("outside", 1.0)])  # sums of parts are rounded each
@example([("accepted", 1.7e308), ("outside", 1.7e308), ("outside", math.inf)])  # sums overflow
def test_rows_and_values_always_add_up(rows):
    reasons = pd.Series([r for r, _ in rows], dtype=object)
    values = pd.Series([v for _, v in rows], dtype=float)
    ledger = Ledger.from_reasons(reasons, verdicts=VERDICTS, values=values)
    assert ledger.n_in == len(rows) == ledger.accepted + ledger.repaired + ledger.set_aside
    counted = values.where(values.abs() < 1e290, 0.0)
    for line in ledger.frame.itertuples():
        assert line.n == (reasons == line.reason).sum()
        assert line.value == math.fsum(counted[reasons == line.reason])
    assert ledger.value_in == math.fsum(counted)


@settings(deadline=None, max_examples=50)
@given(rows, st.randoms())
def test_the_order_of_rows_changes_nothing_but_the_examples(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, two = (
        Ledger.from_reasons(
            pd.Series([r for r, _ in part], dtype=object),
            verdicts=VERDICTS,
            values=pd.Series([v for _, v in part]),
        ).to_dict()
        for part in (rows, shuffled)
    )
    assert one == two
