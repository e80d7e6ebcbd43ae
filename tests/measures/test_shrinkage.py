"""Dispersion and shrinkage against independent solvers, hand arithmetic and planted truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clustermap.errors import OptionError
from clustermap.measures import location_quotient
from clustermap.measures.shrinkage import dispersion, plausible, posterior_limits, shrink
from clustermap.tables.table import SectorTable


def one(*numbers: float) -> tuple[np.ndarray, ...]:
    return tuple(np.array([float(number)]) for number in numbers)


def solved_by_scipy(count: np.ndarray, expected: np.ndarray) -> float:
    from scipy.optimize import brentq

    def equation(a: float) -> float:
        return float(((count - expected) ** 2 / (expected * (1 + a * expected))).sum() - len(count) + 1)

    return brentq(equation, 0, 1e6, xtol=1e-14, rtol=1e-14) if equation(0) > 0 else 0.0


def test_dispersion_solves_its_equation_as_an_independent_solver_does():
    rng = np.random.default_rng(20260101)
    expected = rng.lognormal(1, 1.5, size=(200, 4))
    truth = np.array([0.0, 0.05, 0.5, 9.0])
    rates = np.column_stack(
        [np.ones(200) if a == 0 else rng.gamma(1 / a, a, size=200) for a in truth],
    )
    count = rng.poisson(expected * rates).astype(float)
    for column in range(4):
        found = dispersion(count[:, column], expected[:, column])
        assert found == pytest.approx(
            solved_by_scipy(count[:, column], expected[:, column]), rel=1e-8, abs=1e-12
        )


def test_dispersion_by_hand():
    # two areas expecting 10: (16 - 10)² and (4 - 10)² give 7.2 / (1 + 10 A) = 1, so A = 0.62
    assert dispersion(np.array([16.0, 4.0]), np.full(2, 10.0)) == pytest.approx(0.62)


def test_dispersion_finds_the_variance_that_was_planted():
    rng = np.random.default_rng(7)
    expected = rng.lognormal(2, 1, size=(4_000, 3))
    truth = np.array([0.1, 0.4, 1.5])
    count = rng.poisson(expected * rng.gamma(1 / truth, truth, size=(4_000, 3))).astype(float)
    for s, planted in enumerate(truth):
        assert dispersion(count[:, s], expected[:, s]) == pytest.approx(planted, rel=0.15)
        values = plausible(count[:, s], expected[:, s])
        assert (
            0.8 * planted < values[0] < dispersion(count[:, s], expected[:, s]) < values[-1] < 1.25 * planted
        )


def test_dispersion_beyond_every_first_guess_is_still_found():
    # (1,000 - 1)² + 1 over one expected each: 998,002 / (1 + A) = 1
    found = dispersion(np.array([1000.0, 0.0]), np.ones(2))
    assert found == pytest.approx(999**2)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ([10.0, 10.0], [10.0, 10.0]),  # less than chance
        ([50.0], [1.0]),  # one area says nothing of variation
        ([np.nan, 50.0], [1.0, 1.0]),  # nor does one that is known
        ([5.0, 50.0], [0.0, 1.0]),  # nor one that expects anything
        ([np.nan, np.nan], [1.0, 1.0]),
    ],
)
def test_no_dispersion_where_nothing_varies_beyond_chance(count, expected):
    assert dispersion(np.array(count), np.array(expected)) == 0.0


def test_unknown_cells_do_not_move_the_dispersion():
    count, expected = np.array([16.0, 4.0, np.nan, 3.0]), np.array([10.0, 10.0, 10.0, 0.0])
    assert dispersion(count, expected) == pytest.approx(0.62)


def test_shrinkage_is_the_posterior_mean_of_a_gamma():
    # prior Gamma(1/A, rate 1/A), likelihood Poisson(E θ): mean (1/A + x) / (1/A + E)
    x, e, a = np.array([[3.0, 0.0]]), np.array([[1.0, 2.0]]), np.array([0.5, 0.25])
    assert shrink(x, e, a) == pytest.approx(np.array([[(2 + 3) / (2 + 1), 4 / (4 + 2)]]))


@given(st.integers(0, 10_000), st.floats(0.01, 10_000), st.floats(0, 100))
def test_a_shrunken_quotient_lies_between_one_and_the_raw_one(x, e, a):
    value = shrink(*one(x, e, a))[0]
    raw = x / e
    assert min(1.0, raw) - 1e-9 <= value <= max(1.0, raw) * (1 + 1e-9)


def test_areas_without_firms_may_be_counted_instead_of_listed():
    count, expected = np.array([9.0, 1.0, 0.0, 0.0, 0.0]), np.array([2.0, 1.0, 0.5, 0.5, 1.5])
    listed = dispersion(count, expected)
    counted = dispersion(count[:2], expected[:2], blank=np.array([0.5, 1.5]), times=np.array([2.0, 1.0]))
    taken_out = dispersion(
        count[:2], expected[:2], blank=np.array([0.5, 1.5, 2.0, 2.0]), times=np.array([2.0, 1.0, 1.0, -1.0])
    )
    assert counted == pytest.approx(listed, rel=1e-12)
    assert taken_out == pytest.approx(listed, rel=1e-12)
    assert listed > 0


def limits(x, e, values, level=0.9):
    low, high = posterior_limits(
        *one(x, e), np.zeros(1, dtype=int), np.array([values], dtype=float), level=level
    )
    return low[0], high[0]


def test_the_interval_is_the_gamma_posterior_where_the_dispersion_is_known():
    law = stats.gamma(2 + 4, scale=1 / (2 + 2))
    assert limits(4, 2, [0.5, 0.5]) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))


def test_an_uncertain_dispersion_widens_the_interval():
    # A = 0.5: mean 1.5, variance 0.375; A = 1: mean 5 / 3, variance 5 / 9
    mean, spread = (1.5 + 5 / 3) / 2, (0.375 + 5 / 9) / 2 + ((5 / 3 - 1.5) / 2) ** 2
    law = stats.gamma(mean**2 / spread, scale=spread / mean)
    assert limits(4, 2, [0.5, 1.0]) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))


def test_where_no_dispersion_but_none_is_plausible_there_is_no_interval():
    assert np.isnan(limits(4, 2, [0.0, 0.0])).all()
    assert np.isfinite(limits(4, 2, [0.0, 0.1])).all()
    assert (plausible(np.full(50, 10.0), np.full(50, 10.0)) == 0).all()
    assert (plausible(*one(3, 1)) == 0).all()


def test_plausible_dispersions_hold_the_truth_as_often_as_they_should():
    """The fifth of nine equally likely values is a median: the truth lies above it about half the time."""
    rng, above = np.random.default_rng(SEED), 0
    for _ in range(200):
        expected = rng.lognormal(1, 0.7, 60)
        count = rng.poisson(expected * rng.gamma(1 / 0.3, 0.3, 60)).astype(float)
        above += int(plausible(count, expected)[4] < 0.3)
    assert 0.35 < above / 200 < 0.75


WORLDS, AREAS, SEED = 60, 40, 20_261_127  # written down before the first run
LOWEST = 0.95 - 3 * np.sqrt(0.95 * 0.05 / (WORLDS * AREAS)) - 0.01


def test_intervals_of_shrunken_quotients_cover_the_truth_as_often_as_they_say():
    """Empirical-Bayes coverage, over quotients and counts; the uncorrected posterior falls short of it.

    A first correction, linear in the standard error of the dispersion, covered 92.0 % here (a lower limit of
    92.7 %): too narrow where the dispersion happens to be estimated too small. Hence the plausible values.
    """
    rng = np.random.default_rng(SEED)
    covered, naive, tries = 0, 0, 0
    for _ in range(WORLDS):
        expected, truth = rng.lognormal(1, 0.7, AREAS), rng.gamma(1 / 0.3, 0.3, AREAS)
        count = rng.poisson(expected * truth).astype(float)
        variance, column = dispersion(count, expected), np.zeros(AREAS, dtype=int)
        if variance == 0:
            continue
        for corrected in (True, False):
            values = plausible(count, expected) if corrected else np.array([variance])
            low, high = posterior_limits(count, expected, column, values[None], level=0.95)
            hits = int(((low <= truth) & (truth <= high)).sum())
            covered, naive = covered + hits * corrected, naive + hits * (not corrected)
        tries += AREAS
    assert tries > 0.8 * WORLDS * AREAS
    assert covered / tries >= LOWEST
    assert covered > naive


def test_shrunken_quotients_come_with_their_areas(three_areas):
    result = location_quotient(three_areas, sector="s")
    told = result.shrunken()
    assert list(told.columns) == ["area", "sector", "shrunk", "lower", "upper"]
    assert told["shrunk"].tolist() == result.frame["shrunk"].tolist()
    assert ((told["lower"] < told["shrunk"]) & (told["shrunk"] < told["upper"])).all()
    wide = result.shrunken(interval=0.5)
    assert ((told["lower"] < wide["lower"]) & (wide["upper"] < told["upper"])).all()
    with pytest.raises(OptionError, match="CM-LQ-001"):
        result.shrunken(interval=95)


@pytest.fixture
def three_areas() -> SectorTable:
    return SectorTable.from_values(
        pd.DataFrame({"s": [40, 10, 4], "other": [60, 90, 96]}, index=["A", "B", "C"])
    )
