"""M and m: the sector's share of what lies near its firms, against a plain count, and against random labels."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from clustermap.errors import OptionError, StatisticsError
from clustermap.measures.distance import economy_distances, economy_from_pairs, marcon_puech
from clustermap.measures.distance.neighbourhoods import economy_ratio_moments, near_sites, sites_of
from clustermap.measures.distance.ratios import ratio_curves
from clustermap.measures.distance.samples import draw_sites

NEAR = {"sectors": "trade", "maximum_m": 60_000.0, "permutations": 199, "seed": 7}


def matrix(firms):
    return squareform(pdist(np.c_[firms.geometry.x, firms.geometry.y]))


def counted(distance, inside, weight, near):
    """M by its definition, firm by firm: `near` says which pairs, or with what kernel weight, at one distance."""
    seen = chance = 0.0
    for i in np.flatnonzero(inside):
        k = near(distance[i])
        k[i] = 0
        total = (k * weight).sum()
        if total > 1e-6 * weight.mean():
            seen += (k * weight)[inside].sum() / total
            chance += (weight[inside].sum() - weight[i]) / (weight.sum() - weight[i])
    return seen / chance if chance else np.nan


@pytest.fixture(scope="module")
def graph(firms):
    """The same economy as a table of distances."""
    ids = np.array(sorted(firms["firm_id"]))
    one, other = np.triu_indices(len(ids), 1)
    distance = matrix(firms.set_index("firm_id").loc[ids])
    return economy_from_pairs(
        firms,
        pd.DataFrame({"a": ids[one], "b": ids[other], "m": distance[one, other]}),
        maximum=60_000.0,
        unit="m",
    )


@pytest.mark.parametrize("weights", ["firms", "jobs"])
def test_m_is_what_its_definition_counts(firms, weights):
    weight = np.ones(len(firms)) if weights == "firms" else firms["jobs"].to_numpy(dtype=float)
    distance, inside = matrix(firms), (firms["trade"] == "near").to_numpy()
    frame = marcon_puech(firms, sector="near", weights=weights, **NEAR).frame
    for p in (0, 1, 10, 50, 179):
        r = frame["distance"][p]
        assert frame["value"][p] == pytest.approx(
            counted(distance, inside, weight, lambda d, r=r: (d < r).astype(float)), rel=1e-9
        )


@pytest.mark.parametrize("weights", ["firms", "jobs"])
def test_density_m_is_what_its_definition_counts(firms, weights):
    h = 3_000.0
    weight = np.ones(len(firms)) if weights == "firms" else firms["jobs"].to_numpy(dtype=float)
    distance, inside = matrix(firms), (firms["trade"] == "near").to_numpy()
    frame = marcon_puech(firms, function="m", sector="near", weights=weights, bandwidth=h, **NEAR).frame
    for p in (0, 10, 50, 150):
        at = frame["distance"][p]

        def kernel(d, at=at):
            return np.exp(-(((d - at) / h) ** 2) / 2) + np.exp(-(((d + at) / h) ** 2) / 2)

        assert frame["value"][p] == pytest.approx(counted(distance, inside, weight, kernel), rel=0.02)


def test_two_firms_of_a_sector_alone_in_a_village():
    """Two of a sector 1 km apart with one other; three others far away: M(2 km) = (1/2) / (1/5) = 2.5, M(all) = 1."""
    import geopandas as gpd

    x = np.array([0, 1_000, 500, 40_000, 41_000, 42_000]) + 400_000
    firms = gpd.GeoDataFrame(
        {"kind": list("aabbbb")}, geometry=gpd.points_from_xy(x, np.full(6, 300_000)), crs=27700
    )
    frame = marcon_puech(firms, sectors="kind", sector="a", maximum_m=180_000, permutations=19, seed=1).frame
    value = frame.set_index("distance")["value"]
    assert value[2_000] == pytest.approx(2.5, rel=1e-12)
    assert value[180_000] == pytest.approx(1.0, rel=1e-12)


def test_m_is_one_where_everything_is_near(firms):
    for weights in ("firms", "jobs"):
        for name in ("near", "any", "rest"):
            far = {**NEAR, "maximum_m": 100_000.0}
            frame = marcon_puech(firms, sector=name, weights=weights, **far).frame
            assert frame["value"].iloc[-1] == pytest.approx(1, abs=1e-9)
            assert frame["global_upper"].iloc[-1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("function", ["M", "m"])
def test_a_random_sector_has_about_one_and_a_planted_one_more(firms, function):
    result = marcon_puech(firms, function=function, **{**NEAR, "permutations": 299})
    near, some = result["near"], result["any"]
    assert near.label == "localised"
    assert near.frame["value"].iloc[5] > 3
    assert some.label == "not significant"
    wide = (some.frame["upper"] - some.frame["lower"]) / 2
    assert (np.abs(some.frame["expected"] - 1) < 0.5 * wide + 1e-6).all()
    assert "near: 20 firms, localised" in result.summary()


@pytest.mark.parametrize("function", ["M", "m"])
@pytest.mark.parametrize("weights", ["firms", "jobs"])
def test_points_and_their_distance_table_give_the_same(firms, graph, function, weights):
    options = {"function": function, "sector": "near", "weights": weights}
    options |= {"bandwidth": 3_000.0} if function == "m" else {}
    direct = marcon_puech(firms, **options, **NEAR).frame
    listed = marcon_puech(graph, **options, **{k: v for k, v in NEAR.items() if k != "maximum_m"}).frame
    np.testing.assert_allclose(direct, listed, rtol=1e-6)


def test_sizes_share_their_draws_and_a_sector_alone_has_the_same_bytes(firms, graph):
    many = marcon_puech(firms, **NEAR)
    alone = marcon_puech(firms, sector="any", **NEAR)
    pd.testing.assert_frame_equal(many["any"].frame, alone.frame, check_exact=True)
    options = {k: v for k, v in NEAR.items() if k != "maximum_m"}
    listed = marcon_puech(graph, **options)["any"]
    pd.testing.assert_frame_equal(
        listed.frame, marcon_puech(graph, sector="any", **options).frame, check_exact=True
    )


def test_row_order_and_threads_change_no_byte(firms, monkeypatch):
    one = marcon_puech(firms, weights="jobs", **NEAR)
    monkeypatch.setattr("clustermap.measures.distance.pairs.workers", lambda: 3)
    monkeypatch.setattr("clustermap.measures.distance.ratios.workers", lambda: 3)
    monkeypatch.setattr("clustermap.measures.distance.pairs._WORTH_THREADS", 1)
    again = marcon_puech(firms.sample(frac=1, random_state=3), weights="jobs", **NEAR)
    pd.testing.assert_frame_equal(one.frame, again.frame, check_exact=True)


def test_cells_are_near_the_exact_curve(points, towns):
    xy = towns(3_000, 21, side=60_000)
    kind = np.where(np.arange(3_000) < 300, "some", "rest")
    firms = points(
        *xy.T, firm_id=[f"{i:05}" for i in range(3_000)], trade=kind, jobs=np.arange(3_000) % 7 + 1.0
    )
    economy = economy_distances(firms, maximum_m=60_000, exact_null=False)
    options = {"sectors": "trade", "sector": "some", "permutations": 49, "seed": 1}
    for weights in ("firms", "jobs"):
        exact, cells = (
            marcon_puech(economy, method=m, weights=weights, **options) for m in ("exact-pairs", "fft")
        )
        assert np.abs(exact.frame["value"] / cells.frame["value"] - 1).iloc[5:].max() < 0.03
        wide = (cells.frame["upper"] - cells.frame["lower"]) / 2
        assert (np.abs(cells.frame["expected"] - 1) < wide + 1e-9).all()


def test_the_delta_method_agrees_with_simulation(points, towns):
    """1,000 draws: a standard deviation errs by 2.2 % of itself."""
    xy = towns(2_400, 5, side=60_000)
    firms = points(*xy.T, firm_id=[f"f{i:04}" for i in range(2_400)])
    economy = economy_distances(firms, maximum_m=60_000, exact_null=False)
    sites = sites_of(economy, np.ones(2_400), cells=True)
    places = draw_sites(2_400, 300, draws=1_000, seed=1)
    drawn = ratio_curves(
        sites, near_sites(economy, sites, None), places, np.array([300]), width=economy.step, parts=4_096
    )[0]
    covariance = economy_ratio_moments(economy).covariance(300)
    deviation = np.sqrt(np.diag(covariance))
    far = slice(2, None)  # nearer, few firms have a neighbour at all
    assert np.abs(drawn.std(axis=0) / deviation - 1)[far].max() < 0.11
    assert np.mean(drawn.std(axis=0) / deviation) == pytest.approx(1, abs=0.03)
    assert np.abs((drawn.mean(axis=0) - 1) / deviation)[far].max() < 5 / np.sqrt(1_000) + 0.05
    seen = np.corrcoef(drawn.T)
    assert np.abs(seen - covariance / np.outer(deviation, deviation))[10::20, 10::20].max() < 0.12


def test_large_sectors_need_no_simulation(points, towns):
    xy = towns(4_600, 6, side=25_000)
    kind = np.random.default_rng(1).permutation(np.repeat(["large", "small"], [2_300, 2_300]))
    kind[:200] = "few"
    firms = points(
        *xy.T, firm_id=[f"f{i:04}" for i in range(4_600)], trade=kind, jobs=np.arange(4_600) % 9 + 1
    )
    economy = economy_distances(firms, maximum_m=60_000, exact_null=False)
    options = {"sectors": "trade", "permutations": 119, "seed": 2}
    tests = marcon_puech(economy, **options).tests.set_index("sector")["decided"]
    assert tests["large"] == tests["small"] == "delta method, normal band"
    assert tests["few"] == "119 simulated draws"
    few = {**options, "permutations": 19}
    exact, drawn = (marcon_puech(economy, sector="small", method=m, **few).frame for m in ("moments", "fft"))
    np.testing.assert_allclose(exact["value"], drawn["value"], rtol=1e-12)
    for wrong in ({"function": "m"}, {"weights": "jobs"}):
        with pytest.raises(OptionError, match="CM-DISTANCE-012"):
            marcon_puech(economy, method="moments", **wrong, **options)


def test_firms_without_any_neighbour_are_left_out(points):
    x = np.array([0, 100, 30_000, 59_000, 45_000, 15_000])
    firms = points(x, np.zeros(6), trade=list("aaabbb"))
    frame = marcon_puech(firms, sector="a", **NEAR).frame
    # within 1 km only the first two have a neighbour, each the other: share 1, expected 2/5
    assert frame.set_index("distance")["value"][1_000.0] == pytest.approx(2.5)
    assert frame["expected"].isna().any()
    lonely = points(np.arange(6) * 20_000.0, np.zeros(6), trade=list("aaabbb"))
    found = marcon_puech(lonely, **{**NEAR, "maximum_m": 1_000.0})
    assert set(found.tests["status"]) == {"no firm has a neighbour"}


def test_the_indices_are_sums_over_the_distances_that_have_a_value(points):
    rng = np.random.default_rng(5)
    side = np.arange(8) * 7_000.0
    lattice = np.array(np.meshgrid(side, side)).reshape(2, -1).T
    crowd = lattice[rng.integers(0, 64, 600)] + rng.normal(0, 900, (600, 2))
    lonely = np.array([[90_000.0, 90_000.0], [120_000.0, 90_000.0]])
    firms = points(
        *np.vstack((lattice, crowd, lonely)).T, kind=["grid"] * 64 + ["crowd"] * 600 + ["alone"] * 2
    )
    found = marcon_puech(
        firms, sectors="kind", maximum_m=20_000.0, permutations=199, correction="none", seed=1
    )
    tests, frame = found.tests.set_index("sector"), found.frame.set_index("sector")
    assert frame.loc["alone", "value"].isna().all()
    assert tests.loc["grid", "label"] == "dispersed"
    assert tests.loc["grid", "localisation"] == 0 < tests.loc["grid", "dispersion"]
    grid, step = frame.loc["grid"], frame.loc["grid", "distance"].diff().iloc[1]
    below = (grid["global_lower"] - grid["value"]).clip(lower=0)
    assert tests.loc["grid", "dispersion"] == pytest.approx(below.sum() * step)
    some = marcon_puech(
        firms[firms["kind"] != "alone"].sample(80, random_state=1), sectors="kind", sector="grid",
        maximum_m=20_000.0, permutations=199, seed=1,
    )  # fmt: skip
    unknown = some.frame["global_upper"].isna()
    assert 0 < unknown.sum() < len(unknown)
    assert some.frame.loc[unknown, ["localisation", "dispersion"]].isna().all(axis=None)
    assert np.isfinite([some.localisation, some.dispersion]).all()


def test_bad_options_are_refused(firms):
    for wrong in ({"function": "K"}, {"bandwidth": 5.0}, {"method": "guess"}):
        with pytest.raises(OptionError, match="CM-DISTANCE-012"):
            marcon_puech(firms, **{**NEAR, **wrong})
    with pytest.raises(StatisticsError, match="CM-DISTANCE-013"):
        marcon_puech(firms.assign(trade="all"), sector="all", **NEAR)
    alone = firms.assign(trade=np.where(np.arange(600) == 0, "alone", "all"))
    assert marcon_puech(alone.assign(trade="all"), **NEAR).tests["status"].tolist() == [
        "every firm belongs to it"
    ]
    found = marcon_puech(alone, **NEAR).tests.set_index("sector")
    assert found.loc["alone", "status"] == "fewer than two firms"


@pytest.mark.real
def test_e19_trees_of_paracou_from_points_and_from_their_distance_table(real_data, points):
    trees = pd.read_csv(real_data / "reference" / "paracou16_trees.csv")
    ids = np.array([f"t{i:04}" for i in range(len(trees))])
    forest = points(
        trees["x_m"], trees["y_m"], firm_id=ids, kind=trees["PointType"], area=trees["PointWeight"]
    )
    one, other = np.triu_indices(len(ids), 1)
    pairs = pd.DataFrame({"a": ids[one], "b": ids[other], "m": pdist(trees[["x_m", "y_m"]].to_numpy())})
    graph = economy_from_pairs(forest, pairs, maximum=360, unit="m")
    for name in ("Q. Rosea",):
        options = {"sectors": "kind", "sector": name, "permutations": 19, "seed": 1, "weights": "area"}
        direct = marcon_puech(forest, maximum_m=360, **options)
        np.testing.assert_allclose(direct.frame, marcon_puech(graph, **options).frame, rtol=1e-6)
        assert direct.frame["value"].iloc[-1] == pytest.approx(1, abs=1e-9)


def test_a_sector_that_holds_firms_in_part_is_refused_and_whole_members_are_not(tmp_path):
    rng = np.random.default_rng(3)
    x, y = 400_000 + 1_000 * rng.integers(0, 30, (2, 60))
    frame = {"firm_id": [f"f{i:02}" for i in range(60)], "sic": rng.choice(["32500", "30110", "62010"], 60)}
    firms = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(x, y), crs=27700)
    for weight, code in ((0.5, "CM-DISTANCE-017"), (1.0, None)):
        path = tmp_path / f"own_{weight}.toml"
        path.write_text(
            f'[sectors.makers]\ninclude = ["301"]\nweights = {{"325" = {weight}}}\n', encoding="utf-8"
        )
        options = {"sectors": path, "sector": "makers", "maximum_m": 20_000, "permutations": 99, "seed": 1}
        if code is None:
            assert marcon_puech(firms, **options).frame["value"].notna().any()
            continue
        with pytest.raises(OptionError, match=rf"{code}\] 1 of 1 sector holds firms in part: makers"):
            marcon_puech(firms, **options)
