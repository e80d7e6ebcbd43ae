from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from clustermap.compiled import HAVE_NUMBA, compiled, workers

# the same kernels in every process: with numba, without it, and where no cache can be written
KERNELS = """
import json, sys, warnings
if "no numba" in sys.argv:
    sys.modules["numba"] = None
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    from clustermap.compiled import HAVE_NUMBA, compiled
import numpy as np

@compiled("float64(float64[::1])")
def alternating(a):
    total = 0.0
    for i in range(a.size):
        total = a[i] / 3.0 - total
    return total

@compiled()
def lags(a, starts):
    out = np.zeros(starts.size - 1)
    for i in range(starts.size - 1):
        for j in range(starts[i], starts[i + 1]):
            out[i] += a[j] / 7.0
    return out

a = np.arange(2000.0) ** 0.5
starts = np.arange(0, 2001, 8)
print(json.dumps({
    "numba": HAVE_NUMBA,
    "said": [str(w.message) for w in said],
    "kinds": [w.category.__name__ for w in said],
    "answers": [alternating(a).hex(), [v.hex() for v in lags(a, starts).tolist()]],
}))
"""


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """Run the kernels in a process of their own."""
    file = tmp_path_factory.mktemp("kernels") / "kernels.py"
    file.write_text(KERNELS)

    def run(*arguments, **variables):
        done = subprocess.run(
            [sys.executable, file, *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def usual(kernels):
    """What the kernels say on this machine."""
    return kernels()


def test_here_numba_is_used_without_a_word(usual):
    assert usual["numba"]
    assert usual["said"] == []


def test_without_numba_the_answers_are_the_same_and_one_warning_says_so(kernels, usual):
    bare = kernels("no numba")
    assert not bare["numba"]
    assert bare["answers"] == usual["answers"]
    assert bare["kinds"] == ["ClusterMapWarning"]
    assert "[CM-NUMBA-001]" in bare["said"][0]
    assert "pip install numba" in bare["said"][0]


def test_any_number_of_threads_gives_the_same_answers(kernels, usual):
    assert kernels(NUMBA_NUM_THREADS="1")["answers"] == usual["answers"]
    assert workers() >= 1


def test_a_cache_that_is_there_gives_the_same_answers(kernels, usual, tmp_path):
    for _ in range(2):
        assert kernels(NUMBA_CACHE_DIR=str(tmp_path))["answers"] == usual["answers"]
    assert list(tmp_path.rglob("*.nbi"))


def test_a_kernel_is_compiled_in_the_process_that_asks(tmp_path):
    @compiled()
    def doubled(a):
        out = np.empty_like(a)
        for i in range(a.size):
            out[i] = 2 * a[i]
        return out

    assert HAVE_NUMBA
    assert doubled.targetoptions["nogil"]
    assert doubled(np.arange(4)).tolist() == [0, 2, 4, 6]
