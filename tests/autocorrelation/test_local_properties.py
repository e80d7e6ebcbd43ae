"""What no data may change: order, names, shift, scale, and sign where it has a meaning."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph

from clustermap.autocorrelation import (
    geary,
    getis_ord,
    global_geary,
    global_getis_ord,
    global_moran,
    join_count,
    local_moran,
    losh,
    quantile_lisa,
)
from clustermap.errors import ClusterMapWarning, OptionError, StatisticsError

STATISTICS = {
    "moran": local_moran,
    "getis": getis_ord,
    "geary": geary,
    "losh": losh,
    "quantile": quantile_lisa,
}


@st.composite
def maps(draw):
    """A connected graph of few areas with equal or unequal weights, and whole numbers on it with ties."""
    n = draw(st.integers(5, 14))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    near = rng.random((n, n)) < draw(st.floats(0.05, 0.5))
    near[np.arange(n), (np.arange(n) + 1) % n] = True
    near = (near | near.T) & ~np.eye(n, dtype=bool)
    focal, other = np.nonzero(near)
    weights = rng.integers(1, 4, len(focal)) if draw(st.booleans()) else np.ones(len(focal))
    codes = np.array([f"A{i:02d}" for i in range(n)])
    y = pd.Series(rng.integers(0, draw(st.integers(2, 30)), n).astype(float), index=codes)
    return y, codes[focal], codes[other], weights.astype(float), rng


def run(name, y, links):
    options = {"quantile": (2, 2)} if name == "quantile" else {"permutations": 999}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        return STATISTICS[name](y, Graph.from_arrays(*links), correction="none", seed=3, **options).frame


@pytest.mark.parametrize("name", list(STATISTICS))
@given(made=maps())
@settings(max_examples=12, deadline=None)
def test_order_shift_and_scale_change_nothing(name, made):
    y, focal, other, weights, rng = made
    top = y > y.median()
    if (y == y.iloc[0]).all() or (name == "quantile" and (top == top.iloc[0]).all()):
        with pytest.raises(StatisticsError, match=r"CM-MORAN-004|CM-QUANTILE-001"):
            run(name, y, (focal, other, weights))
        return
    first = run(name, y, (focal, other, weights))
    order, shuffle = rng.permutation(len(focal)), rng.permutation(len(y))
    again = run(name, y.iloc[shuffle], (focal[order], other[order], weights[order]))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    moved = run(name, y * 4 + 32, (focal, other, weights))  # exact in floating point
    assert first["p"].equals(moved["p"])
    assert (first["label"] == moved["label"]).all()
    if name != "quantile":
        assert np.allclose(first["statistic"], moved["statistic"], atol=1e-9, equal_nan=True)


@given(made=maps())
@settings(max_examples=12, deadline=None)
def test_turning_the_sign_turns_high_and_low(made):
    y, *links, _ = made
    if (y == y.iloc[0]).all():
        return
    for name, sign in (("getis", -1), ("moran", 1), ("geary", 1), ("losh", 1)):
        a, b = (run(name, values, links) for values in (y, -y))
        assert a["p"].equals(b["p"])
        assert np.allclose(a["statistic"], sign * b["statistic"], atol=1e-9, equal_nan=True)


@given(made=maps())
@settings(max_examples=12, deadline=None)
def test_p_is_never_below_what_the_graph_allows(made):
    y, focal, other, _, _ = made
    has = (y > y.median()).astype(float)
    if (has == has.iloc[0]).all():
        return
    frame = join_count(has, Graph.from_arrays(focal, other, np.ones(len(focal))), correction="none").frame
    p = frame["p"].dropna()
    assert p.between(0, 1).all()
    assert (p >= frame["p_min"][p.index] - 1e-12).all()


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize(
    "verb", [local_moran, geary, getis_ord, losh, global_moran, global_geary, global_getis_ord]
)
def test_values_whose_squares_are_no_numbers_are_refused_and_another_unit_clears_it(verb, scale):
    n = 24
    ring = Graph.from_arrays([*range(n), *range(n)], [*range(1, n), 0, n - 1, *range(n - 1)], [1] * 2 * n)
    values = pd.Series(np.random.default_rng(3).uniform(1, 2, n))
    with pytest.raises(StatisticsError, match="1 of 1 variable holds values above") as error:
        verb(values * scale, ring, permutations=99, seed=1)
    assert error.value.code == "CM-MORAN-009"
    mended = eval(error.value.fix, {"values": values * scale})  # noqa: S307 - our own words
    again, plain = (verb(row, ring, permutations=1_999, seed=1).frame["p"] for row in (mended, values))
    assert again.to_list() == plain.to_list()


@pytest.mark.parametrize("alpha", [None, "0.05", 5, float("nan")])
def test_what_is_no_level_is_refused(alpha):
    ring = Graph.from_arrays([0, 1, 2, 3], [1, 2, 3, 0], [1] * 4)
    with pytest.raises(OptionError, match="is no level"):
        local_moran(pd.Series([1.0, 2.0, 4.0, 3.0]), ring, alpha=alpha)
