"""Options of detection of the wrong kind: told with a code, whatever the method, before anything is computed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clustermap import detect_clusters
from clustermap.detection.option_kinds import check_kinds
from clustermap.errors import OptionError

METHODS = ("scan", "surface", "dbscan", "hdbscan")
NO_NUMBERS = ("1.5", b"1", [1], {}, (), np.array([1.0, 2.0]), pd.NA, True, float("nan"), 10**400, object())
NO_WHOLE_NUMBERS = (*NO_NUMBERS, None, 99.5, float("inf"), np.float64(99), 10**30)
NO_TEXTS = (1, 1.5, True, [], pd.NA, np.array(["a", "b"]))
NO_LISTS = ("15", 1.5, None, pd.NA, ["1.5"], [None], np.array([1.0, np.nan]), {1.5})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("option", "values"),
    [
        *((name, NO_NUMBERS) for name in ("penalty", "radius_m", "minimum")),
        *((name, (*NO_NUMBERS, None)) for name in ("minimum_lq", "max_share", "alpha")),
        ("permutations", NO_WHOLE_NUMBERS),
        ("levels", NO_LISTS),
        *((name, NO_TEXTS) for name in ("preset", "codes")),
        *((name, (*NO_TEXTS, None)) for name in ("background", "likelihood", "value", "stacks")),
    ],
)
def test_an_option_of_another_kind_is_told_before_the_data_are_looked_at(method, option, values):
    for value in values:
        with pytest.raises(OptionError, match=f"(?s)CM-SCAN-002.*{option}=.* is no .*Mend it: {option}="):
            detect_clusters(None, sector="steel", **{"method": method, option: value})


def test_a_method_that_is_no_text_is_told():
    with pytest.raises(OptionError, match=r"(?s)CM-SCAN-002.*method=None is no text"):
        detect_clusters(None, method=None)


def test_numbers_of_every_library_are_numbers():
    check_kinds(
        alpha=np.float32(0.05), minimum_lq=np.int64(2), levels=np.array([1.5, 2.0]), permutations=np.int32(99)
    )
    check_kinds(penalty=None, radius_m=None, minimum=None, preset=None, codes=None, value="employees")


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(OptionError, match=r"levels=\['a+… is no list of numbers"):
        check_kinds(levels=["a" * 10_000])


def test_a_scan_of_areas_compiles_no_kernel_of_the_methods_among_firms():
    code = (
        "import sys, clustermap as cm; cm.detect_clusters, cm.stability; "
        "names = ('density.finding', 'density.kernels', 'density.cells', 'surface.kernels'); "
        "print([n for n in names if 'clustermap.detection.' + n in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
