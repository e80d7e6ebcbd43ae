"""Other scales of the quotient: hand arithmetic, limits that move along, honest gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clustermap.errors import OptionError
from clustermap.measures import location_quotient, quotient_variants


@pytest.fixture
def counts() -> pd.DataFrame:
    frame = pd.DataFrame({"s": [30, 10, 20, 0, 40], "t": [5, 5, 5, 5, 5]}, index=list("ABCDE"))
    return frame.assign(rest=100 - frame.sum(axis=1))


def test_symmetric_and_logarithm_by_hand(counts):
    result = quotient_variants(counts, sector="s")
    frame = result.frame.set_index("area")
    # A: 30 % against 20 %
    assert frame.loc["A", "lq"] == pytest.approx(1.5)
    assert frame.loc["A", "symmetric"] == pytest.approx(0.2)
    assert frame.loc["A", "log"] == pytest.approx(np.log(1.5))
    assert frame.loc["D", "symmetric"] == -1.0
    assert np.isnan(frame.loc["D", "log"])


def test_limits_are_rescaled_as_the_quotient_is(counts):
    result, plain = quotient_variants(counts), location_quotient(counts)
    for end in ("lower", "upper"):
        lq = plain.frame[end].to_numpy()
        np.testing.assert_allclose(result.frame[f"symmetric_{end}"], (lq - 1) / (lq + 1))
    known = result.frame[result.frame["log"].notna()]
    assert (known["log_lower"] < known["log"]).all()
    assert (known["log"] < known["log_upper"]).all()


def test_z_is_the_distance_from_the_mean_in_standard_deviations(counts):
    result = quotient_variants(counts, sector="s")
    lq = np.array([1.5, 0.5, 1.0, 0.0, 2.0])
    np.testing.assert_allclose(result.frame["z"], stats.zscore(lq, ddof=1))
    logs = np.log(lq[lq > 0])
    np.testing.assert_allclose(result.frame["z_log"].dropna(), stats.zscore(logs, ddof=1))
    told = result.normality.set_index("scale")
    assert told.loc["raw", "p_normal"] == pytest.approx(stats.shapiro(lq).pvalue)
    assert told.loc["log", "n"] == 4


def test_labels_cut_where_they_say_and_gaps_say_why(counts):
    raw = quotient_variants(counts, scale="raw", cutoff=1.2).frame.set_index(["sector", "area"])
    assert raw.loc["s", "label"].to_dict() == {
        "A": "between",
        "B": "between",
        "C": "between",
        "D": "low",
        "E": "high",
    }
    assert set(raw.loc["t", "status"]) == {"constant"}
    assert set(raw.loc["t", "label"]) == {"undefined"}
    log = quotient_variants(counts).frame.set_index(["sector", "area"])
    assert log.loc[("s", "D"), "status"] == "no logarithm of 0"
    assert log.loc[("s", "D"), "label"] == "undefined"
    few = quotient_variants(counts.loc[["A", "B"]], sector="s")
    assert set(few.frame["status"]) == {"too few areas"}
    assert "too few or constant" in few.summary()


def test_unknown_cells_stay_unknown(counts):
    hidden = counts.astype(float)
    hidden.loc["A", "s"] = np.nan
    a = quotient_variants(hidden, sector="s").frame.iloc[0]
    assert a["status"] == "suppressed"
    assert a[["symmetric", "log", "z", "z_log"]].isna().all()


def test_quotients_measured_already_are_taken_as_they_are(counts):
    measured = location_quotient(counts, reference="rest", interval=0.9)
    result = quotient_variants(measured)
    assert result.quotients is measured
    short = location_quotient(counts, cells="nonzero", reference="rest", interval=0.9)
    pd.testing.assert_frame_equal(quotient_variants(short).frame, result.frame)
    one = quotient_variants(measured, sector="s")
    assert one.quotients.sectors == ["s"]
    np.testing.assert_allclose(one.frame["z"], result.frame.loc[result.frame["sector"] == "s", "z"])


def test_the_summary_names_the_caveat(counts):
    result = quotient_variants(counts)
    text = result.summary()
    assert "It is a ranking, not a test" in text
    assert "1 quotient is 0, without a logarithm" in text
    assert repr(result) == "<QuotientVariants: 5 areas × 3 sectors, z of log>"
    assert result._repr_html_().startswith("<pre>Logarithms")
    assert result.wide("z").shape == (5, 3)
    with pytest.raises(OptionError, match="CM-LQ-003"):
        result.wide("shrunk")
    for wrong in ({"cutoff": 0}, {"scale": "square"}):
        with pytest.raises(OptionError, match="CM-LQ-005"):
            quotient_variants(counts, **wrong)


def test_many_areas_are_tested_for_normality_by_their_moments():
    rng = np.random.default_rng(1)
    counts = pd.DataFrame({"s": rng.poisson(20, 5_200), "rest": 400})
    told = quotient_variants(counts, sector="s").normality.set_index("scale")
    lq = location_quotient(counts, sector="s").frame["lq"]
    assert told.loc["raw", "p_normal"] == pytest.approx(stats.normaltest(lq).pvalue, rel=1e-6)


def test_a_table_without_a_sector_has_an_empty_frame_with_its_columns():
    found = quotient_variants(pd.DataFrame(index=["A", "B"]))
    assert found.frame.empty
    assert {"symmetric", "z_log", "label"} <= set(found.frame.columns)
    assert "A" not in found.summary().split("\n")[-1]
