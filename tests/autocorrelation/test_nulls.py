"""Null models: which arrangements come out, how often, and the same ones for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clustermap as cm
from clustermap.autocorrelation import null_kernels, nulls
from clustermap.autocorrelation.bound_nulls import BLOCK
from clustermap.compiled import HAVE_NUMBA
from clustermap.errors import ClusterMapError, OptionError
from clustermap.sources.values import Lookup
from clustermap.testing import make_region

LABELS = pd.Index(list("abcdef"))


def rows(null, labels=LABELS, *, permutations=200, seed=1, areas=None, statistic="test"):
    bound = null.bind(labels, areas=areas)
    return np.concatenate(list(bound.blocks(seed=seed, statistic=statistic, permutations=permutations)))


def lookup(pairs):
    frame = pd.DataFrame(pairs, columns=["area", "authority", "share"])
    return Lookup(frame=frame.assign(name=frame["authority"]))


def test_free_arrangements_are_permutations_and_equally_likely():
    found = rows(nulls.free(), pd.Index(list("abcd")), permutations=24_000)
    seen, counts = np.unique(found @ [64, 16, 4, 1], return_counts=True)
    assert len(seen) == 24
    assert counts == pytest.approx(np.full(24, 1_000), abs=5 * np.sqrt(1_000))


def test_values_stay_within_their_authority_and_move_freely_there():
    places = pd.Series(list("WEWEWE"), index=LABELS)
    found = rows(nulls.within(places), permutations=36_000)
    assert (places.to_numpy()[found] == places.to_numpy()).all()
    seen, counts = np.unique(found @ 6 ** np.arange(6), return_counts=True)
    assert len(seen) == 36
    assert counts == pytest.approx(np.full(36, 1_000), abs=5 * np.sqrt(1_000))


def test_one_authority_is_the_free_null_to_the_byte():
    one = nulls.within(pd.Series("W", index=LABELS))
    assert (rows(one) == rows(nulls.free())).all()


@pytest.mark.parametrize(
    ("rule", "strata"), [("primary", [0, 0, 1, 1, 1, 1]), ("combination", [0, 1, 2, 2, 2, 2])]
)
def test_an_area_in_several_authorities_follows_the_rule(rule, strata):
    known = lookup([("a", "E", 1.0), ("b", "E", 0.6), ("b", "W", 0.4), *((c, "W", 1.0) for c in "cdef")])
    assert nulls.within(known, rule=rule).bind(LABELS).strata.tolist() == strata


def test_equal_shares_go_to_the_first_authority_by_code():
    twice = pd.Series(["W", "E", "W", "W", "E"], index=list("aabcd"))
    assert nulls.within(twice).bind(pd.Index(list("abcd"))).strata.tolist() == [0, 1, 1, 0]


def test_polygons_and_a_lookup_of_the_same_authorities_are_one_null():
    region = make_region(seed=3)
    labels = region.areas.frame.index
    by_polygons = nulls.within(region.authorities).bind(labels, areas=region.areas)
    by_lookup = nulls.within(region.lookup).bind(labels)
    assert (by_polygons.strata == by_lookup.strata).all()


def test_areas_alone_and_areas_outside_are_said():
    words = nulls.within(pd.Series({"a": "W", "b": "W", "c": "E"})).bind(LABELS).words
    assert "3 groups of 6 areas" in words
    assert "1 area alone" in words
    assert "3 areas in no authority form a group" in words


def test_shifts_move_the_grid_as_a_whole():
    places = np.arange(12)
    row, column = (pd.Series(x, index=places) for x in (places // 4, places % 4))
    found = rows(nulls.toroidal(row, column), pd.Index(places), permutations=2_000)
    seen = np.unique(found, axis=0)
    shifts = [np.roll(places.reshape(3, 4), (-r, -c), (0, 1)).ravel() for r in range(3) for c in range(4)]
    assert seen.tolist() == np.unique(shifts, axis=0).tolist()
    assert (rows(nulls.toroidal(3, 4), pd.Index(places)) == found[:200]).all()


def test_a_grid_given_in_any_order_of_rows_is_the_same_null():
    frame = pd.DataFrame({"r": [0, 0, 1, 1, 2, 2], "c": [5, 9] * 3}, index=LABELS)
    shuffled = frame.sample(frac=1, random_state=1)
    first, second = (rows(nulls.toroidal(f["r"], f["c"])) for f in (frame, shuffled))
    assert (first == second).all()


def test_arrangements_by_place_and_by_code_are_the_same():
    table = np.argsort(np.random.default_rng(1).random((70, 6)), axis=1)
    frame = pd.DataFrame(LABELS.to_numpy()[table], columns=LABELS)
    assert (rows(nulls.arrangements(table)) == table).all()
    assert (rows(nulls.arrangements(frame[list("fedcba")])) == table).all()
    assert (rows(nulls.arrangements(table), permutations=65) == table[:65]).all()


def test_a_table_given_is_not_the_one_kept():
    table = np.array([[1, 0, 2], [2, 1, 0]])
    null = nulls.arrangements(table)
    table[:] = 0
    assert rows(null, pd.Index(list("abc"))).tolist() == [[1, 0, 2], [2, 1, 0]]


@pytest.mark.parametrize(
    "null",
    [nulls.free(), nulls.within(pd.Series(list("WWWEEE"), index=LABELS)), nulls.toroidal(2, 3)],
    ids=lambda null: null.kind,
)
def test_a_block_depends_on_seed_statistic_and_number_alone(null):
    bound = null.bind(LABELS)
    whole = rows(null)
    for number in (3, 0, 2):
        block = bound.block(number, seed=1, statistic="test", permutations=200)
        assert (block == whole[number * BLOCK : (number + 1) * BLOCK]).all()
    assert (rows(null, permutations=100) == whole[:100]).all()
    assert (rows(null, seed=2) != whole).any()
    assert (rows(null, statistic="other") != whole).any()


@pytest.mark.skipif(not HAVE_NUMBA, reason="numba is not here: the plain kernel is the kernel")
def test_plain_python_gives_the_same_arrangements():
    uniform = np.random.default_rng(2).random((50, 6))
    uniform[0] = np.nextafter(1, 0)
    order, starts = np.array([0, 2, 4, 1, 3, 5]), np.array([0, 3, 3, 6])
    fast, slow = (np.empty((50, 6), dtype=np.int32) for _ in range(2))
    null_kernels.permute_within(uniform, order, starts, fast)
    null_kernels.permute_within.py_func(uniform, order, starts, slow)
    assert (fast == slow).all()
    assert (np.sort(fast, axis=1) == np.arange(6)).all()


def test_authorities_that_hold_no_area_are_no_strata():
    region = make_region(seed=1)
    away = region.authorities.frame.assign(geometry=region.authorities.frame.translate(1e6))
    null = nulls.within(replace(region.authorities, frame=away))
    with pytest.raises(ClusterMapError, match="CM-CROSS-002"):
        null.bind(region.areas.frame.index, areas=region.areas)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: nulls.within(pd.Series({"a": "W"}), rule="full"), "CM-NULL-001"),
        (lambda: nulls.within(["W"]), "CM-CROSS-001"),
        (lambda: nulls.within(pd.Series({"a": None})), "CM-CROSS-002"),
        (lambda: nulls.within(lookup([("z", "W", 1.0)])).bind(LABELS), "CM-CROSS-002"),
        (lambda: nulls.within(pd.Series(list("UVWXYZ"), index=LABELS)).bind(LABELS), "CM-NULL-002"),
        (lambda: nulls.within(make_region(seed=1).authorities).bind(LABELS), "CM-CROSS-003"),
        (lambda: nulls.toroidal(2, 2).bind(LABELS), "CM-NULL-003"),
        (lambda: nulls.toroidal(3, 3).bind(LABELS), "CM-NULL-003"),
        (lambda: nulls.toroidal(0, 3), "CM-NULL-001"),
        (lambda: nulls.toroidal(2.0, 3), "CM-NULL-001"),
        (lambda: nulls.toroidal(*[pd.Series([0, 1], index=["a", "b"])] * 2).bind(LABELS), "CM-NULL-004"),
        (lambda: nulls.arrangements([[0, 1]]).bind(LABELS), "CM-NULL-005"),
        (lambda: nulls.arrangements(pd.DataFrame([list("xyzuvw")])).bind(LABELS), "CM-NULL-005"),
        (lambda: nulls.arrangements([[0, 0, 1, 2, 3, 4]]).bind(LABELS), "CM-NULL-006"),
        (lambda: nulls.arrangements([[0.5, 1.0]]), "CM-NULL-006"),
        (lambda: nulls.arrangements(np.empty((0, 6), dtype=int)), "CM-NULL-006"),
        (lambda: nulls.arrangements([0, 1, 2]), "CM-NULL-006"),
        (lambda: nulls.as_null("within-authority"), "CM-NULL-001"),
        (lambda: nulls.as_null("upper"), "CM-NULL-001"),
    ],
)
def test_what_is_no_null_is_refused(make, code):
    with pytest.raises(ClusterMapError, match=code):
        make()


def test_names_of_nulls_are_taken():
    assert nulls.as_null("free").kind == "free"
    assert nulls.as_null("within-authority", authorities=pd.Series({"a": "W"})).kind == "within-authority"
    null = nulls.free()
    assert nulls.as_null(null) is null
    with pytest.raises(OptionError, match=r"cm\.nulls\.within"):
        nulls.as_null("within-authority")


def test_nulls_say_themselves():
    assert cm.nulls is nulls
    for null in (nulls.free(), nulls.within(pd.Series({"a": "W"})), nulls.toroidal(2, 3)):
        assert null.kind in repr(null)
        assert "equally likely" in null.summary()
    assert "as likely as the one observed" in nulls.arrangements([[0, 1]]).summary()
