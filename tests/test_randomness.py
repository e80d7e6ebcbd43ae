from __future__ import annotations

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustermap.errors import OptionError
from clustermap.randomness import new_seed, resolve_seed, stream

RECORDED = [134782276, 1405898318, 2607084627, 2962977112]


def test_the_draws_of_a_key_never_change():
    # recorded when the embedded firms were made: another value would change every published result
    assert stream(7, "scan", 0).integers(0, 2**32, 4).tolist() == RECORDED


@pytest.mark.parametrize(
    "variables", [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8"}]
)
def test_another_process_draws_the_same(variables):
    code = (
        "from clustermap.randomness import stream; print(stream(7, 'scan', 0).integers(0, 2**32, 4).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(RECORDED)


def test_other_seeds_and_keys_draw_something_else():
    keys = [
        (7, "a"),
        (8, "a"),
        (7, "b"),
        (7, "a", 0),
        (7, "a", 1),
        (7, "a", 10),
        (7, "a1", 0),
        (7, "a", "b"),
        (7, "ab"),
    ]
    drawn = [tuple(stream(*key).integers(0, 2**32, 8)) for key in keys]
    assert len(set(drawn)) == len(keys)


def test_streams_are_unrelated():
    draws = np.array([stream(7, "block", i).standard_normal(2000) for i in range(12)])
    worst = max(abs(np.corrcoef(a, b)[0, 1]) for a, b in itertools.combinations(draws, 2))
    assert worst < 0.11  # 66 pairs, standard error 0.022: five of them


@given(st.integers(), st.text(max_size=20))
def test_any_seed_and_key_give_the_same_draws_again(seed, key):
    assert stream(seed, key).random() == stream(seed, key).random()


def test_the_callers_generator_is_left_alone():
    np.random.seed(1)  # noqa: NPY002 - a caller's notebook may do this
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    stream(7, "a").random(100)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_seed_is_drawn_where_none_is_given_and_can_be_used_again():
    drawn = {resolve_seed(None) for _ in range(20)}
    assert len(drawn) == 20
    assert all(0 <= seed < 2**63 for seed in drawn)
    assert resolve_seed(max(drawn)) == max(drawn)
    assert isinstance(new_seed(), int)


def test_whole_numbers_of_numpy_are_seeds():
    assert resolve_seed(np.int64(7)) == 7
    assert type(resolve_seed(np.int64(7))) is int
    assert stream(np.int64(7), "a").random() == stream(7, "a").random()


@pytest.mark.parametrize("seed", [1.5, "7", [7]])
def test_what_is_no_whole_number_is_refused(seed):
    with pytest.raises(OptionError, match="CM-SEED-001"):
        resolve_seed(seed)
