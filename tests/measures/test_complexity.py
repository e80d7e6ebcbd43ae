"""Economic complexity against the eigenvector written out, averages of averages, and its own symmetries."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from clustermap.errors import InputError, OptionError, StatisticsError
from clustermap.measures.relatedness import complexity, resampling, spectra
from clustermap.schema import COMPLEXITY_COLUMNS
from clustermap.tables.table import SectorTable


def table_of(present) -> SectorTable:
    """A table in which exactly these cells have a quotient above 1."""
    present = np.asarray(present, dtype=float)
    codes = [f"A{i:02}" for i in range(len(present))]
    values = pd.DataFrame(2.0 * present, index=codes, columns=[f"s{j:02}" for j in range(present.shape[1])])
    return SectorTable.from_values(values, area_totals=pd.Series(1_000.0, index=codes))


@pytest.fixture
def firms() -> pd.DataFrame:
    """Areas from villages to towns: towns have the rare sectors as well."""
    rng = np.random.default_rng(7)
    pull = np.linspace(0, 3, 12)[:, None] * np.linspace(-1, 1, 9)[None, :]
    return pd.DataFrame(
        rng.poisson(20 * np.exp(pull)) + 1, index=[f"A{i:02}" for i in range(12)], columns=list("abcdefghi")
    )


def written_out(present):
    """The second eigenvector of the row-stochastic matrix, by the general solver."""
    d, u = present.sum(axis=1), present.sum(axis=0)
    values, vectors = np.linalg.eig((present / d[:, None]) @ (present / u).T)
    order = np.argsort(-values.real)
    vector = vectors[:, order[1]].real
    vector = (vector - vector.mean()) / vector.std()
    return np.sign(np.corrcoef(vector, d)[0, 1]) * vector, values.real[order]


def test_the_index_is_the_second_eigenvector(firms):
    result = complexity(firms, resample="none")
    present = result.presence.to_numpy(dtype=float)
    expected, values = written_out(present)
    np.testing.assert_allclose(result.frame["complexity"], expected, atol=1e-9)
    np.testing.assert_allclose(result.eigenvalues, values[:3], atol=1e-10)
    assert result.eigenvalues[0] == pytest.approx(1)  # of the constant vector, which is left out
    of_sectors, _ = written_out(present.T)
    assert abs(np.corrcoef(result.sectors["complexity"], of_sectors)[0, 1]) == pytest.approx(1)


def test_sectors_are_as_complex_as_the_areas_that_have_them(firms):
    result = complexity(firms, resample="none")
    present, eci = result.presence.to_numpy(), result.frame["complexity"].to_numpy()
    mean = pd.Series([eci[present[:, s]].mean() for s in range(9)])
    assert np.corrcoef(result.sectors["complexity"], mean)[0, 1] == pytest.approx(1)


def test_the_index_is_standardised_and_positive_with_diversity(firms):
    result = complexity(firms, resample="none")
    eci = result.frame["complexity"]
    assert eci.mean() == pytest.approx(0, abs=1e-12)
    assert eci.std(ddof=0) == pytest.approx(1)
    assert np.corrcoef(eci, result.frame["diversity"])[0, 1] == pytest.approx(result.diversity_correlation)
    assert result.diversity_correlation > 0


def test_the_rule_of_rarity_turns_the_order_towards_rare_sectors(firms):
    """A capital with two sectors of its own, in a country whose other areas have many common ones."""
    rng = np.random.default_rng(9)
    present = (rng.random((12, 10)) < np.linspace(0.3, 0.8, 12)[:, None]).astype(float)
    present = np.hstack((present, np.zeros((12, 2))))
    present[0] = [1, *[0] * 9, 1, 1]
    present[1, 10], present[2, 11] = 1, 1
    by_rarity = complexity(table_of(present), sign="rarity", resample="none")
    mean_ubiquity = (present @ present.sum(axis=0)) / present.sum(axis=1)
    eci = by_rarity.frame["complexity"]
    assert -np.corrcoef(eci, mean_ubiquity)[0, 1] == pytest.approx(by_rarity.rarity_correlation)
    assert by_rarity.rarity_correlation > 0
    by_diversity = complexity(table_of(present), resample="none")
    assert by_diversity.diversity_correlation > 0
    np.testing.assert_allclose(np.abs(by_diversity.frame["complexity"]), np.abs(eci))


def test_averages_of_averages_come_to_the_same_order(firms):
    """The method of reflections of Hidalgo and Hausmann (2009), eighteen steps on."""
    result = complexity(firms, resample="none")
    m = result.presence.to_numpy(dtype=float)
    areas, sectors = m.sum(axis=1), m.sum(axis=0)
    here, there = areas.copy(), sectors.copy()
    for _ in range(18):
        here, there = m @ there / areas, m.T @ here / sectors
    assert abs(np.corrcoef(here, result.frame["complexity"])[0, 1]) > 0.999


def test_a_nested_economy_is_in_its_order():
    present = np.triu(np.ones((6, 6)))
    result = complexity(table_of(np.vstack((present, present[3]))), threshold=0.5, resample="none")
    assert result.frame["rank"].tolist() == [1, 2, 3, 4, 6, 7, 4]
    assert result.sectors["complexity"].is_monotonic_decreasing


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_rows_and_columns_in_any_order_give_the_same_bytes(shuffle):
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.poisson(5, (8, 7)) + 1, index=list("ABCDEFGH"), columns=list("tuvwxyz"))
    rows, columns = list(table.index), list(table.columns)
    shuffle.shuffle(rows)
    shuffle.shuffle(columns)
    options = {"replicates": 25, "seed": 1}
    expected = complexity(table, **options)
    found = complexity(table.loc[rows, columns], **options)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    pd.testing.assert_frame_equal(found.sectors, expected.sectors)


def test_threads_do_not_change_the_answer(firms, monkeypatch):
    expected = complexity(firms, seed=1).frame
    monkeypatch.setattr(resampling, "workers", lambda: 5)
    pd.testing.assert_frame_equal(complexity(firms, seed=1).frame, expected)


def test_tall_and_wide_tables_and_both_solvers_agree():
    rng = np.random.default_rng(2)
    matrix = (rng.random((90, 70)) < np.linspace(0.2, 0.8, 90)[:, None]).astype(float)
    tall, wide = spectra.spectrum(matrix), spectra.spectrum(matrix.T)
    assert abs(np.corrcoef(tall.rows, wide.columns)[0, 1]) == pytest.approx(1)
    np.testing.assert_allclose(spectra.spectrum(matrix, quick=True).rows, tall.rows, atol=1e-8)


def test_parts_without_a_common_sector_are_refused_or_left_out():
    rng = np.random.default_rng(1)
    large, small = rng.random((9, 6)) < 0.5, np.ones((2, 2))
    large[:, 0] = True
    present = np.block([[large, np.zeros((9, 2))], [np.zeros((2, 6)), small]])
    with pytest.raises(
        StatisticsError, match=r"fall into 2 parts .*areas: 9, 2; outside the largest: A09, A10"
    ):
        complexity(table_of(present))
    result = complexity(table_of(present), disconnected="largest", resample="none")
    assert result.frame["complexity"].isna().tolist() == [False] * 9 + [True] * 2
    assert set(result.frame["status"][9:]) == {"in another component"}
    assert set(result.sectors["status"][6:]) == {"in another component"}
    alone, _ = written_out(large[:, large.any(axis=0)].astype(float))
    np.testing.assert_allclose(result.frame["complexity"][:9], alone, atol=1e-9)


def test_areas_and_sectors_without_anything_are_told_apart(firms):
    firms["z"] = 0
    firms.loc["Z"] = 0
    result = complexity(firms, replicates=20, seed=1)
    assert result.frame.set_index("area").loc["Z", "status"] == "no firms in area"
    assert result.frame["area"].is_monotonic_increasing
    assert result.sectors.set_index("sector").loc["z", "status"] == "nothing present"
    assert "1 area: no firms in area" in result.summary()
    plain = table_of([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 1]])
    assert complexity(plain, resample="none").frame["status"][3] == "nothing present"


def test_a_repeated_eigenvalue_singles_nothing_out():
    ring = np.eye(6) + np.roll(np.eye(6), 1, axis=1)
    with pytest.raises(StatisticsError, match="CM-COMPLEX-003"):
        complexity(table_of(ring), resample="none")


def test_two_areas_that_share_sectors_are_too_few():
    present = [[1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0]]
    with pytest.raises(StatisticsError, match="CM-COMPLEX-002"):
        complexity(table_of(present))


def test_where_diversity_does_not_decide_the_first_area_is_positive():
    """All areas have three sectors: the sign is a convention, and the summary says so."""
    present = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [1, 0, 0, 1, 1]])
    result = complexity(table_of(present), resample="none")
    assert result.diversity_correlation == 0
    assert result.frame["complexity"][0] > 0
    assert "nearly arbitrary" in result.summary()


def test_intervals_hold_the_index_and_narrow_with_more_firms(firms):
    few, many = complexity(firms, seed=2), complexity(400 * firms, seed=2)
    for result in (few, many):
        assert (result.frame["rank_lower"] <= result.frame["rank_upper"]).all()
    wide, narrow = (f.frame["rank_upper"] - f.frame["rank_lower"] for f in (few, many))
    assert narrow.mean() < 0.5 * wide.mean()
    assert many.sign_agreement > 0.95
    assert few.replicates_used <= 199


def test_sectors_drawn_anew_serve_jobs(firms):
    jobs = SectorTable.from_values(firms, measure="employment")
    result = complexity(jobs, seed=1)
    assert result.resample == "sectors"
    assert result.frame["lower"].notna().all()
    with pytest.raises(OptionError, match="table that does not count them"):
        complexity(jobs, resample="firms")
    with pytest.raises(OptionError, match="rest on tests"):
        complexity(firms, presence="significant", resample="firms")


def test_resamples_that_fall_apart_are_refused():
    """A chain of areas, each linked to the next by one sector: most draws of sectors break it."""
    n = 30
    chain = np.eye(n) + np.eye(n, k=1)
    with pytest.raises(StatisticsError, match="CM-COMPLEX-005"):
        complexity(table_of(chain), resample="sectors", seed=1)


def test_what_a_result_says_of_itself(firms):
    squares = gpd.GeoDataFrame(
        {"code": firms.index, "name": firms.index},
        geometry=[box(i, 0, i + 1, 1) for i in range(12)],
        crs="EPSG:27700",
    )
    result = complexity(SectorTable.from_values(firms, areas=squares), seed=4)
    assert list(result.frame.columns) == list(COMPLEXITY_COLUMNS)
    assert "relative to the areas" in result.summary()
    assert repr(result) == "<Complexity: 12 areas, 9 sectors>"
    assert "<table" in result._repr_html_()
    assert result.geo().loc["A03", "complexity"] == result.frame["complexity"][3]
    plain = complexity(firms, replicates=0)
    assert plain.resample == "none"
    assert plain.seed is None
    with pytest.raises(InputError, match="CM-TABLE-004"):
        plain.geo()


def test_unknown_options_are_refused(firms):
    for option in ({"interval": 0}, {"replicates": -1}, {"replicates": True}):
        with pytest.raises(OptionError, match="CM-COMPLEX-004"):
            complexity(firms, **option)
    for option in ("presence", "sign", "disconnected", "resample"):
        with pytest.raises(OptionError, match="CM-RELATE-001"):
            complexity(firms, **{option: "magic"})


# LEPs of 2017 whose ground is mostly that of one NUTS 2 region (London: of five), by name, before any comparison
ALIKE = {
    "Cheshire and Warrington": ["UKD6"], "Coast to Capital": ["UKJ2"], "Cornwall and Isles of Scilly": ["UKK3"],
    "Cumbria": ["UKD1"], "Derby, Derbyshire, Nottingham and Nottinghamshire": ["UKF1"],
    "Greater Lincolnshire": ["UKF3"],
    "Greater Manchester": ["UKD3"], "Heart of the South West": ["UKK4"], "Hertfordshire": ["UKH2"], "Humber": ["UKE1"],
    "Lancashire": ["UKD4"], "Leeds City Region": ["UKE4"], "Leicester and Leicestershire": ["UKF2"],
    "Liverpool City Region": ["UKD7"], "London": ["UKI3", "UKI4", "UKI5", "UKI6", "UKI7"], "New Anglia": ["UKH1"],
    "North East": ["UKC2"], "Sheffield City Region": ["UKE3"], "Solent": ["UKJ3"], "Tees Valley": ["UKC1"],
    "Worcestershire": ["UKG1"], "York, North Yorkshire and East Riding": ["UKE2"],
}  # fmt: skip


@pytest.mark.real
def test_regions_are_ordered_much_as_in_the_published_index_of_their_leps(real_data):
    """A soft check, on other areas, sectors and thresholds than the published ones.

    Rank correlation .84 in 22 places where rare sectors are complex, as in the published index, which has London
    first; under the rule of diversity the same order stands upside down, and the result says so.
    """
    jobs = pd.read_csv(real_data / "bres_nuts2_sic4_2016_2018.csv.gz", dtype={"SIC4": str})
    jobs = jobs[jobs["year"] == 2018]
    table = jobs.pivot_table(index="geo_cd", columns="SIC4", values="value", aggfunc="sum", fill_value=0)
    table = SectorTable.from_values(table, measure="employment")
    rare, diverse = (complexity(table, sign=s, resample="none") for s in ("rarity", "diversity"))
    found = rare.frame.set_index("area")["complexity"]
    published = pd.read_csv(real_data / "indicator_economic_complexity_lep.csv")
    published = published[published["year"] == 2018].set_index("lep_id")["economic_complexity_index"]
    names = pd.read_csv(real_data / "lookup_lep_codes_2014_2021.csv")
    codes = names[names["lep_year_spec"] == 2017].set_index("lep_nm")["lep_cd"]
    both = pd.DataFrame(
        {lep: (found[regions].mean(), published[codes[lep]]) for lep, regions in ALIKE.items()}
    ).T
    assert both.notna().all(axis=None)
    assert both.corr(method="spearman").iloc[0, 1] > 0.5
    np.testing.assert_allclose(diverse.frame["complexity"], -rare.frame["complexity"])
    assert "opposite ends" in diverse.summary()
