"""Throws whose places stay in order have the indices of the same places sorted anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustermap.measures import sector_concentration
from clustermap.measures.concentration import engine, kernels, sorted_kernels


def sorted_anew(counts, share, parts):
    out = np.empty(6)
    held = np.flatnonzero(counts)
    kernels.profile(counts.astype(float), share, held, len(held), parts, out)
    return out


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.sampled_from([0.0, 0.7, 3.0]))
def test_places_in_the_order_of_their_reference_give_the_indices_of_any_counts(seed, size, spread):
    rng = np.random.default_rng(seed)
    share = np.sort(rng.lognormal(0, spread, size))[::-1].copy()
    share /= 2 * share.sum()  # the other half lies in places that hold nothing
    counts = rng.negative_binomial(0.6, 0.3, (5, size))
    counts[np.arange(5), rng.integers(size, size=5)] += 1  # no throw is empty
    out = np.empty((5, 6))
    sorted_kernels.measure_counts(counts.astype(np.int64), share, -np.log(share), size + 7, out)
    for row, found in zip(counts, out, strict=True):
        np.testing.assert_allclose(found, sorted_anew(row, share, size + 7), rtol=1e-9, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 6))
def test_units_added_step_by_step_give_the_indices_of_all_that_fell_so_far(seed, size, steps):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(size, 0.7)) + 1e-9
    share /= share.sum()
    ends = np.cumsum(rng.integers(1, 25, steps))
    place, number = rng.integers(size, size=ends[-1]), rng.integers(1, 4, ends[-1])
    out = np.empty((steps, 6))
    sorted_kernels.grow(place, number, ends, share, size, out)
    for end, found in zip(ends, out, strict=True):
        counts = np.bincount(place[:end], weights=number[:end], minlength=size)
        np.testing.assert_allclose(found, sorted_anew(counts, share, size), rtol=1e-9, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.lists(st.booleans(), min_size=1, max_size=5))
def test_throws_made_together_are_those_made_one_by_one(seed, size, by_place):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(size, 0.7)) + 1e-9
    share /= share.sum()
    accept, alias = engine._alias(share)
    added = np.where(by_place, 0, rng.integers(1, 25, len(by_place)))
    uniform = rng.random((3, added.sum()))
    many = rng.multinomial(40, share, (3, sum(by_place)))
    together, alone = np.empty((3, len(added), 6)), np.empty((len(added), 6))
    sorted_kernels.grow_all(uniform, many, added, accept, alias, share, together)
    for row, counts, found in zip(uniform, many, together, strict=True):
        at = row * size
        place = np.minimum(at.astype(np.int64), size - 1)
        thrown = iter(np.where(at - place < accept[place], place, alias[place]).tolist())
        known = iter(counts)
        steps = [np.flatnonzero(next(known)) if n == 0 else [next(thrown) for _ in range(n)] for n in added]
        numbers = [
            counts[sum(by_place[:k]), s] if by_place[k] else np.ones(len(s)) for k, s in enumerate(steps)
        ]
        ends = np.cumsum([len(s) for s in steps])
        flat = [np.concatenate(parts).astype(np.int64) for parts in (steps, numbers)]
        sorted_kernels.grow(*flat, ends, share, size, alone)
        np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("crowded", [False, True])
def test_places_of_a_throw_fall_by_the_reference_at_every_size(crowded, monkeypatch):
    """The mean Herfindahl of n units thrown at shares w is Σw² + (1 − Σw²)/n, whatever was thrown before."""
    monkeypatch.setattr(engine, "_CROWDED", 0 if crowded else 8)
    chance, ends = np.array([0.5, 0.3, 0.15, 0.05]), np.array([3, 10, 31])
    draws = engine._grown(np.random.default_rng(2), 40_000, ends, chance)[:, :, kernels.HERFINDAHL]
    two = (chance**2).sum()
    for k, n in enumerate(ends):
        error = draws[:, k].std() / 200
        assert draws[:, k].mean() == pytest.approx(two + (1 - two) / n, abs=5 * error)


def test_draws_in_blocks_have_the_mean_and_spread_of_all_draws(monkeypatch):
    counts = pd.DataFrame({"a": [9, 2, 1], "b": [3, 3, 3], "c": [40, 20, 30]}, index=list("XYZ"))
    options = {"replicates": 0, "correction": "none", "seed": 4}
    seen = []
    grown = engine._grown
    monkeypatch.setattr(engine, "_grown", lambda *a: seen.append(grown(*a)) or seen[-1])
    monkeypatch.setattr(engine, "_BLOCK", 700)
    monkeypatch.setattr(engine, "workers", lambda: 1)
    result = sector_concentration(counts, permutations=99, **options)
    assert len(seen) > 3
    draws = np.concatenate(seen)[:, :, kernels.HERFINDAHL]
    found = result.frame[result.frame["measure"] == "herfindahl"].set_index("sector")
    for step, sector in enumerate(("b", "a", "c")):  # by size: 9, 12, 90
        assert found.loc[sector, "expected"] == pytest.approx(draws[:, step].mean())
        assert found.loc[sector, "sd"] == pytest.approx(draws[:, step].std(ddof=1))
        up, low = (
            (side(draws[:, step] - found.loc[sector, "statistic"]) <= 1e-9).sum()
            for side in (np.negative, np.positive)
        )
        assert found.loc[sector, "p"] == pytest.approx(min(1, 2 * (1 + min(up, low)) / 100))


def test_threads_do_not_change_a_byte(monkeypatch):
    rng = np.random.default_rng(8)
    counts = pd.DataFrame(
        rng.poisson(2, (40, 9)), index=[f"A{i:02}" for i in range(40)], columns=list("abcdefghi")
    )
    options = {"permutations": 199, "replicates": 19, "correction": "none", "seed": 4}
    expected = sector_concentration(counts, **options).frame
    monkeypatch.setattr(engine, "workers", lambda: 7)
    pd.testing.assert_frame_equal(
        sector_concentration(counts.iloc[::-1, ::-1], **options).frame, expected, check_exact=True
    )
