"""Colocation quotients against hand arithmetic, all arrangements of the labels, and firm-by-firm loops."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph
from scipy import stats

from clustermap.errors import AlignmentError, CrsError, InputError, OptionError, StatisticsError
from clustermap.measures.relatedness import colocation_quotient, kernels, labelling, neighbourhoods
from clustermap.schema import COLOCATION_COLUMNS, LOCAL_COLOCATION_COLUMNS

QUICK = {"permutations": 199, "correction": "none", "seed": 1}


def firms_of(points, labels, **columns):
    points = np.asarray(points, dtype=float)
    return gpd.GeoDataFrame(
        {"firm_id": [f"f{i:03}" for i in range(len(points))], "kind": list(labels), **columns},
        geometry=gpd.points_from_xy(*points.T),
        crs="EPSG:27700",
    )


@pytest.fixture
def stacked():
    """Sixty firms on a coarse grid: many share a point, and many are equally far."""
    rng = np.random.default_rng(11)
    return firms_of(
        4e5 + 100 * rng.integers(0, 5, size=(60, 2)), rng.choice(list("abc"), 60, p=[0.2, 0.3, 0.5])
    )


def weights_of(firms, *, k=None, radius_m=None, gaussian=False):
    """Firm by firm: the weight of every other firm, rows that sum to 1."""
    points = np.column_stack((firms.geometry.x, firms.geometry.y))
    w = np.zeros((len(points), len(points)))
    for i, here in enumerate(points):
        d = np.hypot(*(points - here).T)
        others = np.arange(len(points)) != i
        if radius_m is not None:
            w[i] = others & (d <= radius_m)
        else:
            edge = np.sort(d[others])[k - 1]
            whole, tied = others & (d < edge - 1e-6), others & (np.abs(d - edge) <= 1e-6)
            w[i] = whole + tied * (k - whole.sum()) / tied.sum()
            if gaussian and edge > 0:
                w[i] *= np.exp(-0.5 * (d / edge) ** 2)
    total = w.sum(axis=1, keepdims=True)
    return np.divide(w, total, out=np.zeros_like(w), where=total > 0)


def quotient(w, labels, a, b):
    """The definition, on firms that have neighbours."""
    kept = (w.sum(axis=1) > 0) | (w.sum(axis=0) > 0)
    w, labels = w[np.ix_(kept, kept)], np.asarray(labels)[kept]
    n, is_a, is_b = len(labels), labels == a, labels == b
    return (is_a @ w @ is_b) / is_a.sum() / ((is_b.sum() - (a == b)) / (n - 1))


# --- values ------------------------------------------------------------------
def test_three_bars_beside_three_pubs():
    """Each bar's nearest is a pub: a share of 1 where 3 of the 7 others are pubs."""
    firms = firms_of([(x, 5) for x in (10, 11, 20, 21, 30, 31, 40, 41)], ["bar", "pub"] * 3 + ["bank"] * 2)
    frame = colocation_quotient(firms, column="kind", k=1, **QUICK).frame.set_index(["a", "b"])
    assert frame.loc[("bar", "pub"), "statistic"] == pytest.approx(7 / 3)
    assert frame.loc[("bank", "bank"), "statistic"] == pytest.approx(7)
    assert frame.loc[("bar", "bank"), "statistic"] == 0


def test_tied_neighbours_share_the_last_place():
    """Leslie and Kronenfeld: four firms around one, equally far, count a quarter each."""
    cross = firms_of([(0, 9), (10, 9), (-10, 9), (0, 19), (0, -1), (500, 9), (501, 9)], "abbcccc")
    frame = colocation_quotient(cross, column="kind", k=1, a="a", b="b", **QUICK)
    assert frame.frame["statistic"].iloc[0] == pytest.approx(0.5 / (2 / 6))
    assert frame.local["neighbours"].tolist() == [4]
    three = colocation_quotient(cross, column="kind", k=3, a="a", b="b", **QUICK)
    assert three.local["share"].tolist() == pytest.approx([0.5])


@pytest.mark.parametrize(
    "way",
    [{"k": 1}, {"k": 4}, {"k": 20}, {"k": 5, "kernel": "gaussian"}, {"radius_m": 100}, {"radius_m": 150}],
)
def test_every_pair_is_the_definition_firm_by_firm(stacked, way):
    frame = colocation_quotient(stacked, column="kind", **way, **QUICK).frame
    w = weights_of(stacked, k=way.get("k"), radius_m=way.get("radius_m"), gaussian="kernel" in way)
    for r in frame.itertuples():
        assert r.statistic == pytest.approx(quotient(w, stacked["kind"], r.a, r.b), rel=1e-9)


def test_local_quotients_average_to_the_global_one(stacked):
    result = colocation_quotient(stacked, column="kind", k=4, a="a", b="c", **QUICK)
    assert list(result.local.columns) == list(LOCAL_COLOCATION_COLUMNS)
    assert result.local["statistic"].mean() == pytest.approx(result.frame["statistic"].iloc[0])
    w = weights_of(stacked, k=4)
    share = dict(zip(stacked["firm_id"], w @ (stacked["kind"] == "c"), strict=True))
    for r in result.local.itertuples():
        assert r.share == pytest.approx(share[r.firm_id])


def test_a_graph_of_the_same_links_gives_the_same_quotients(stacked):
    w = weights_of(stacked, radius_m=100)
    ids = stacked["firm_id"].to_numpy()
    focal, other = np.nonzero(w)
    linked = (w.sum(axis=1) > 0).nonzero()[0]
    assert len(linked) == 60
    binary = Graph.from_arrays(ids[focal], ids[other], np.ones(len(focal)))
    by_radius, by_graph = (
        colocation_quotient(stacked, column="kind", a="a", b="b", **way, **QUICK)
        for way in ({"radius_m": 100}, {"graph": binary})
    )
    for name in ("statistic", "variance", "p_normal"):
        np.testing.assert_allclose(by_graph.frame[name], by_radius.frame[name])
    np.testing.assert_allclose(by_graph.local["p"], by_radius.local["p"])
    weighted = Graph.from_arrays(ids[focal], ids[other], np.linspace(1, 9, len(focal)))
    result = colocation_quotient(stacked, column="kind", a="a", b="b", graph=weighted, **QUICK)
    assert result.local_permutations == 199
    dense = np.zeros_like(w)
    dense[focal, other] = np.linspace(1, 9, len(focal))
    dense /= dense.sum(axis=1, keepdims=True)
    assert result.frame["statistic"].iloc[0] == pytest.approx(quotient(dense, stacked["kind"], "a", "b"))


# --- the null ----------------------------------------------------------------
@pytest.mark.parametrize("way", [{"k": 2}, {"k": 3, "kernel": "gaussian"}, {"radius_m": 120}])
def test_mean_variance_and_p_are_those_of_all_arrangements(way):
    points = [(0, 9), (0, 9), (100, 9), (100, 109), (210, 9), (330, 9), (330, 9), (900, 900)]
    labels = list("aabbbccc")
    firms = firms_of(points, labels)
    w = weights_of(firms, k=way.get("k"), radius_m=way.get("radius_m"), gaussian="kernel" in way)
    kept = w.sum(axis=1) > 0
    worlds = sorted(set(itertools.permutations(np.array(labels)[kept])))
    w = w[np.ix_(kept, kept)]
    frame = colocation_quotient(
        firms, column="kind", **way, permutations=4_999, correction="none", seed=1
    ).frame
    for r in frame.itertuples():
        if r.status != "ok":
            continue
        values = np.array([quotient(w, world, r.a, r.b) for world in worlds])
        assert values.mean() == pytest.approx(1)
        assert r.variance == pytest.approx(values.var(), rel=1e-9, abs=1e-12)
        up, low = (values >= r.statistic - 1e-9).mean(), (values <= r.statistic + 1e-9).mean()
        assert r.p == pytest.approx(min(1, 2 * min(up, low)), abs=5 * 2 * 0.5 / 4_999**0.5)


@pytest.mark.parametrize("way", [{"k": 2}, {"k": 3}, {"radius_m": 120}])
@pytest.mark.parametrize("pair", [("a", "b"), ("c", "c")])
def test_local_p_is_that_of_all_arrangements_of_the_others(way, pair):
    points = [(0, 9), (0, 9), (100, 9), (100, 109), (210, 9), (330, 9), (330, 9), (400, 90)]
    labels = np.array(list("aabbbccc"))
    firms = firms_of(points, labels)
    w = weights_of(firms, **way)
    kept = w.sum(axis=1) > 0
    ids, labels, w = firms["firm_id"].to_numpy()[kept], labels[kept], w[np.ix_(kept, kept)]
    a, b = pair
    local = colocation_quotient(firms, column="kind", a=a, b=b, **way, **QUICK).local.set_index("firm_id")
    for i in np.flatnonzero(labels == a):
        others = np.delete(np.arange(len(labels)), i)
        size = int((labels[others] == b).sum())
        sums = np.array([w[i, list(c)].sum() for c in itertools.combinations(others, size)])
        seen = w[i, others[labels[others] == b]].sum()
        up, low = (sums >= seen - 1e-9).mean(), (sums <= seen + 1e-9).mean()
        assert local.loc[ids[i], "p"] == pytest.approx(min(1, 2 * min(up, low)), rel=1e-9)


def test_one_tail_of_a_neighbourhood_is_hypergeometric(stacked):
    for alternative in ("greater", "less"):
        result = colocation_quotient(
            stacked, column="kind", a="a", b="b", radius_m=100, alternative=alternative, **QUICK
        ).local
        for r in result.itertuples():
            n, k = round(r.share * r.neighbours), r.neighbours
            law = stats.hypergeom(59, int((stacked["kind"] == "b").sum()), k)
            assert r.p == pytest.approx(law.sf(n - 1) if alternative == "greater" else law.cdf(n))
            assert r.p >= r.p_min * (1 - 1e-12)


def test_draws_for_single_firms_agree_with_the_exact_law(stacked):
    """The same neighbourhoods, once by their law and once by draws."""
    points = np.column_stack((stacked.geometry.x, stacked.geometry.y))
    near = neighbourhoods.by_k(points, 4, gaussian=False)
    for a, b in (("a", "b"), ("c", "c")):
        exact = colocation_quotient(stacked, column="kind", a=a, b=b, k=4, **QUICK).local
        is_b = (stacked["kind"] == b).to_numpy()[near.firms]
        firms = np.flatnonzero((stacked["kind"] == a).to_numpy()[near.firms])
        order = np.argsort(stacked["firm_id"].to_numpy()[near.firms][firms])
        draws = 9_999
        up, low = labelling.lag_tails(
            near,
            firms[order],
            int(is_b.sum()) - (a == b),
            exact["share"].to_numpy(),
            permutations=draws,
            seed=3,
        )
        p = np.minimum(1, 2 * np.minimum(1 + up, 1 + low) / (draws + 1))
        np.testing.assert_allclose(p, exact["p"], atol=2 * 5 * 0.5 / draws**0.5)


# --- what does not change it -------------------------------------------------
@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_bytes(shuffle):
    rng = np.random.default_rng(11)
    firms = firms_of(4e5 + 100 * rng.integers(0, 4, size=(30, 2)), rng.choice(list("ab"), 30))
    options = {"column": "kind", "k": 3, "a": "a", "b": "b", "kernel": "gaussian", **QUICK}
    rows = list(range(30))
    shuffle.shuffle(rows)
    expected, found = (colocation_quotient(f, **options) for f in (firms, firms.iloc[rows]))
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    pd.testing.assert_frame_equal(found.local, expected.local)


def test_identities_do_not_change_the_answer(stacked):
    """Firms of one point are alike: which of them is called what cannot matter."""
    expected = colocation_quotient(stacked, column="kind", k=4, **QUICK).frame
    renamed = stacked.assign(firm_id=[f"z{i:03}" for i in np.random.default_rng(1).permutation(60)])
    pd.testing.assert_frame_equal(colocation_quotient(renamed, column="kind", k=4, **QUICK).frame, expected)


def test_threads_and_pieces_do_not_change_the_answer(stacked, monkeypatch):
    options = {"column": "kind", "k": 4, "a": "a", "b": "c", "kernel": "gaussian", **QUICK}
    expected = colocation_quotient(stacked, **options)
    monkeypatch.setattr(labelling, "workers", lambda: 5)
    monkeypatch.setattr(labelling, "_WORTH_THREADS", 0)
    monkeypatch.setattr(neighbourhoods, "_CHUNK", 7)
    found = colocation_quotient(stacked, **options)
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    pd.testing.assert_frame_equal(found.local, expected.local)


def test_moving_the_map_changes_nothing(stacked):
    moved = stacked.set_geometry(stacked.translate(1_000, -3_000))
    options = {"column": "kind", "k": 4, "permutations": 0, "correction": "none", "seed": 1}
    expected, found = (colocation_quotient(f, **options).frame for f in (stacked, moved))
    np.testing.assert_allclose(found["statistic"], expected["statistic"])
    np.testing.assert_allclose(found["variance"], expected["variance"])


def test_thousands_of_firms_on_one_point_cost_as_much_as_one():
    rng = np.random.default_rng(1)
    points = np.vstack((np.full((5_000, 2), 4e5), 4e5 + rng.uniform(100, 9_000, size=(500, 2))))
    near = neighbourhoods.by_k(points, 10, gaussian=False)
    assert len(near.sizes) == 501
    assert len(near.indices) < 501 * 12
    labels = rng.choice(np.array([0, 1], dtype=np.int32), size=len(points))[near.firms]
    counts = labelling.counted(near, labels, 2)
    assert counts.sum() == pytest.approx(len(points))  # the weights around each firm sum to 1
    by_radius = neighbourhoods.by_radius(points, 50.0)
    assert by_radius.left_out + len(by_radius.firms) == 5_500
    assert len(by_radius.indices) < 600


# --- labels ------------------------------------------------------------------
def test_sectors_by_code_are_labels(stacked):
    codes = {"a": "24100", "b": "62012", "c": "10110"}
    firms = stacked.assign(sic=stacked["kind"].map(codes))
    by_code = colocation_quotient(firms, sectors={"a": ["241"], "b": ["62"]}, k=3, **QUICK).frame
    by_name = colocation_quotient(stacked, column="kind", k=3, **QUICK).frame
    kept = by_name[by_name["a"].isin(["a", "b"]) & by_name["b"].isin(["a", "b"])]
    np.testing.assert_allclose(by_code["statistic"], kept["statistic"])  # firms in no sector count as firms


def test_overlapping_sectors_and_firms_without_labels_are_refused(stacked):
    firms = stacked.assign(sic="24100")
    with pytest.raises(
        InputError, match="60 of 60 firms belong to several sectors alike, by the codes 24100"
    ):
        colocation_quotient(firms, sectors={"a": ["24"], "b": ["241"]}, k=3)
    with pytest.raises(InputError, match="none of 60 firms has a label"):
        colocation_quotient(firms, sectors={"a": ["62"]}, k=3)


def test_missing_labels_are_no_sector(stacked):
    holes = stacked.assign(kind=stacked["kind"].where(stacked["kind"] != "c"))
    found = colocation_quotient(holes, column="kind", k=3, **QUICK).frame
    assert sorted(set(found["a"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"k": 3}, "CM-COLOC-001"),
        ({"k": 3, "column": "kind", "sectors": {"a": ["24"]}}, "CM-COLOC-001"),
        ({"k": 3, "column": "colour"}, "CM-COLOC-001"),
        ({"column": "kind"}, "CM-COLOC-002"),
        ({"column": "kind", "k": 3, "radius_m": 100}, "CM-COLOC-002"),
        ({"column": "kind", "radius_m": 100, "kernel": "gaussian"}, "CM-COLOC-002"),
        ({"column": "kind", "k": 60}, "CM-COLOC-002"),
        ({"column": "kind", "k": 2.5}, "CM-COLOC-002"),
        ({"column": "kind", "radius_m": -1}, "CM-COLOC-002"),
        ({"column": "kind", "k": 3, "a": "z"}, "CM-SECTOR-001"),
        ({"column": "kind", "k": 3, "kernel": "magic"}, "CM-RELATE-001"),
        ({"column": "kind", "k": 3, "alternative": "both"}, "CM-RELATE-001"),
        ({"column": "kind", "k": 3, "permutations": -5}, "CM-RELATE-005"),
    ],
)
def test_options_that_do_not_fit_are_refused(stacked, options, code):
    with pytest.raises(OptionError, match=code):
        colocation_quotient(stacked, **options)


def test_neighbours_that_are_not_there_are_refused(stacked):
    with pytest.raises(StatisticsError, match="CM-COLOC-003"):
        colocation_quotient(
            firms_of([(0, 9), (500, 9), (900, 9), (2_000, 9)], "abab"), column="kind", radius_m=1
        )
    with pytest.raises(StatisticsError, match="CM-COLOC-006"):
        colocation_quotient(firms_of([(0, 9), (5, 9), (9, 9)], "aba"), column="kind", k=1)
    with pytest.raises(CrsError, match="CM-CRS"):
        colocation_quotient(stacked.set_crs("EPSG:4326", allow_override=True), column="kind", k=1)


def test_graphs_of_other_firms_and_negative_weights_are_refused(stacked):
    ids = stacked["firm_id"].to_numpy()
    with pytest.raises(AlignmentError, match="58 of 60 firms are not in the graph"):
        colocation_quotient(stacked, column="kind", graph=Graph.from_arrays(ids[:2], ids[[1, 0]], [1, 1]))
    ring = Graph.from_arrays(ids, np.roll(ids, 1), np.linspace(-1, 1, 60) - 0.01)
    with pytest.raises(OptionError, match="30 of 60 weights are negative"):
        colocation_quotient(stacked, column="kind", graph=ring)


# --- the result --------------------------------------------------------------
def test_what_a_result_says_of_itself(stacked):
    result = colocation_quotient(stacked, column="kind", k=3, permutations=999, seed=2)
    assert list(result.frame.columns) == list(COLOCATION_COLUMNS)
    assert result.family_size == 9
    assert result.local is None
    assert "not b around a" in result.summary()
    assert "share a point" in result.summary()
    assert repr(result) == "<Colocation: 9 pairs, 60 firms, the 3 nearest firms>"
    assert "<table" in result._repr_html_()
    wide = result.wide()
    assert wide.loc["a", "b"] == result.frame["statistic"].iloc[1]
    assert wide.loc["a", "b"] != wide.loc["b", "a"]
    with pytest.raises(OptionError, match="CM-RELATE-006"):
        result.wide("colour")


def test_without_draws_q_rests_on_the_exact_variance(stacked):
    result = colocation_quotient(stacked, column="kind", k=3, permutations=0, seed=2)
    assert result.frame["p"].isna().all()
    np.testing.assert_allclose(result.frame["q"], stats.false_discovery_control(result.frame["p_normal"]))
    assert "taken for normal" in result.summary()


def test_a_sector_of_one_firm_has_no_quotient_with_itself(stacked):
    firms = stacked.assign(kind=["solo", *stacked["kind"][1:]])
    frame = colocation_quotient(firms, column="kind", k=3, **QUICK).frame.set_index(["a", "b"])
    assert frame.loc[("solo", "solo"), "status"] == "too few firms"
    assert np.isnan(frame.loc[("solo", "solo"), "statistic"])
    assert frame.loc[("solo", "a"), "status"] == "ok"
    alone = colocation_quotient(firms, column="kind", k=3, a="solo", b="solo", **QUICK)
    assert alone.local is None
    assert "too few firms" in alone.summary()


def test_firms_far_from_all_others_are_left_out_and_said(stacked):
    far = firms_of([(3e5, 7e5)], "a", sic=["24100"]).assign(firm_id="zz")
    firms = pd.concat([stacked, far], ignore_index=True)
    result = colocation_quotient(firms, column="kind", radius_m=100, a="a", b="b", **QUICK)
    assert (result.n_firms, result.left_out) == (60, 1)
    assert "1 firm is left out: no neighbour." in result.summary()
    one_way = Graph.from_arrays(
        ["f000", "f001", "f002", "f003"], ["f001", "f002", "f001", "f002"], [1, 1, 1, 0]
    )
    four = stacked.iloc[:4].assign(kind=list("abab"))
    with pytest.raises(StatisticsError, match="3 of 4 firms have neighbours"):
        colocation_quotient(four, column="kind", graph=one_way)


def test_a_firm_without_links_of_its_own_is_an_isolate():
    ids = [f"f{i:03}" for i in range(6)]
    graph = Graph.from_arrays(ids, [ids[1], ids[2], ids[0], ids[4], ids[0], ids[1]], [1, 1, 1, 1, 1, 0])
    firms = firms_of([(i * 10, 9) for i in range(6)], "abbaab")
    graph = Graph.from_arrays(ids, [ids[5], ids[2], ids[0], ids[4], ids[0], ids[1]], [1, 1, 1, 1, 1, 0])
    result = colocation_quotient(firms, column="kind", graph=graph, a="b", b="a", **QUICK)
    last = result.local.set_index("firm_id").loc["f005"]
    assert (last["label"], last["status"]) == ("isolate", "no neighbour")
    assert np.isnan(last["p"])


def test_synthetic_firms_at_registered_offices_are_said():
    import clustermap as cm

    firms = cm.read_firms(cm.datasets.path("firms"))
    text = colocation_quotient(
        firms, sectors={"cars": ["29"], "machines": ["28"]}, k=5, permutations=0, correction="none", seed=1
    ).summary()
    assert "synthetic" in text


def test_the_sum_of_a_draw_leaves_the_firm_out_and_lets_the_spare_one_in():
    """Firm by firm: the random set without the firm itself, and with the spare one where the firm was in the set."""
    rng = np.random.default_rng(2)
    points = 100.0 * rng.integers(0, 4, size=(40, 2))
    near = neighbourhoods.by_k(points, 5, gaussian=True)
    site, n = near.site, 40
    w = np.zeros((n, n))
    for i, j in itertools.permutations(range(n), 2):
        row = slice(near.indptr[site[i]], near.indptr[site[i] + 1])
        w[i, j] = near.weights[row][near.indices[row] == site[j]].sum()
    np.testing.assert_allclose(w.sum(axis=1), 1)
    firms, marked, out = np.arange(n), np.zeros(n, dtype=np.int64), np.empty(n)
    for size in (1, 7, 38):
        chosen = rng.permutation(n)[: size + 1]
        kernels.lag_of_draw(
            chosen, site, firms, near.indptr, near.indices, near.weights, marked, len(near.sizes), out
        )
        for i in firms:
            others = chosen[chosen != i][:size]
            assert out[i] == pytest.approx(w[i, others].sum())
        assert not marked.any()
