"""Moran's I split by borders: exact sums, parts by hand, nulls against all arrangements."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.graph import Graph

from clustermap import nulls
from clustermap.autocorrelation import global_moran
from clustermap.autocorrelation.whole import engine as global_engine
from clustermap.borders import border_moran, crossing_links
from clustermap.compiled import HAVE_NUMBA
from clustermap.errors import ClusterMapError
from clustermap.sources.values import Lookup
from clustermap.tables.table import SectorTable
from clustermap.testing import make_region

ROW = Graph.from_arrays([0, 1, 1, 2, 2, 3, 3, 4, 4, 5], [1, 0, 2, 1, 3, 2, 4, 3, 5, 4], [1] * 10)
SIX = pd.Series([1.0, 1.0, 2.0, 2.0, 3.0, 7.0])
HALVES = pd.Series(list("UUUVVV"))


def lookup(member):
    """Give a lookup of areas × authorities."""
    frame = (
        pd.DataFrame(member)
        .rename_axis("area")
        .reset_index()
        .melt("area", var_name="authority", value_name="share")
    )
    return Lookup(
        frame=frame[frame["share"] > 0].assign(name=lambda f: f["authority"]).reset_index(drop=True)
    )


def by_hand(z, weights, member):
    """The definition, link by link."""
    k, total = member.shape[1], weights.sum()
    found = np.zeros((k, k))
    for i, j in zip(*np.nonzero(weights), strict=True):
        product = weights[i, j] * z[i] * z[j] / total
        common = np.minimum(member[i], member[j])
        crossing = 1 - common.sum()
        found[np.diag_indices(k)] += common * product
        if crossing > 1e-12:
            part = np.outer(member[i] - common, member[j] - common) / crossing * product
            for a, b in itertools.product(range(k), repeat=2):
                found[min(a, b), max(a, b)] += part[a, b]
    return found


def random_case(seed):
    rng = np.random.default_rng([77, seed])
    n, k = int(rng.integers(6, 30)), int(rng.integers(2, 5))
    near = np.triu(rng.random((n, n)) < 0.3, 1)
    near[np.arange(n - 1), np.arange(1, n)] = True
    focal, other = np.nonzero(near | near.T)
    graph = Graph.from_arrays(focal, other, np.ones(len(focal)))
    member = np.round(rng.dirichlet([0.3] * k, size=n), 2)
    member[:, 0] += 1 - member.sum(axis=1)
    member[:2] = 0.0
    member[0, 0] = member[1, 1] = 1.0  # at least one link crosses
    return graph, pd.Series(rng.gamma(1.0, size=n)), np.abs(member)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["row", "binary"]))
def test_parts_are_the_definition_and_sum_to_moran_exactly(seed, transformation):
    graph, y, member = random_case(seed)
    names = list("ABCD")[: member.shape[1]]
    found = border_moran(
        y,
        graph,
        authorities=lookup(pd.DataFrame(member, columns=names)),
        transformation=transformation,
        permutations=0,
    )
    moran = global_moran(y, graph, transformation=transformation, permutations=0)
    assert found.within + found.cross == pytest.approx(found.total, abs=1e-12)
    assert found.pairs["statistic"].sum() == pytest.approx(found.total, abs=1e-12)
    assert found.total == pytest.approx(moran.statistic, abs=1e-12)
    assert found.pairs["weight"].sum() == pytest.approx(1, abs=1e-12)
    assert found.frame["expected"].iloc[2] == pytest.approx(moran.expected, abs=1e-12)
    assert found.frame["variance"].iloc[2] == pytest.approx(moran.variance, rel=1e-9)
    z = ((y - y.mean()) / y.std(ddof=0)).to_numpy()
    weights = graph.transform("r" if transformation == "row" else "b").sparse.toarray()
    exact = by_hand(z, weights, member / member.sum(axis=1, keepdims=True))
    for a, b, value in found.pairs[["a", "b", "statistic"]].itertuples(index=False):
        assert value == pytest.approx(exact[names.index(a), names.index(b)], abs=1e-12)


def test_a_row_of_four_by_hand():
    """z = (-3, -1, 1, 3)/√5; links 12, 23, 34: products 3/5, -1/5, 3/5; only the middle one crosses."""
    row = Graph.from_arrays([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], [1] * 6)
    found = border_moran(
        pd.Series([1.0, 2, 3, 4]),
        row,
        authorities=pd.Series(list("WWEE")),
        transformation="binary",
        permutations=0,
    )
    assert found.within == pytest.approx(0.4)
    assert found.cross == pytest.approx(-1 / 15)
    pairs = found.pairs.set_index(["a", "b"])
    assert pairs.loc[("E", "W"), "statistic"] == pytest.approx(-1 / 15)
    assert pairs.loc[("E", "E"), "statistic"] == pytest.approx(0.2)
    assert pairs["n_links"].tolist() == [1, 1, 1]
    assert found.continuity[["crossing", "internal", "ratio"]].iloc[0].tolist() == pytest.approx(
        [-0.2, 0.6, -1 / 3]
    )
    assert not found.continuity["equal_distance"].item()


def test_the_same_membership_never_crosses_and_disjoint_ones_cross_wholly():
    chain = Graph.from_arrays([0, 1, 1, 2], [1, 0, 2, 1], [1] * 4)
    member = lookup(pd.DataFrame({"A": [0.5, 0.5, 0.0], "B": [0.5, 0.5, 0.0], "C": [0.0, 0.0, 1.0]}))
    found = border_moran(
        pd.Series([1.0, 2, 5]), chain, authorities=member, transformation="binary", permutations=0
    )
    pairs = found.pairs.set_index(["a", "b"])["n_links"].to_dict()
    assert pairs == pytest.approx({("A", "A"): 0.5, ("B", "B"): 0.5, ("A", "C"): 0.5, ("B", "C"): 0.5})


@pytest.mark.parametrize("null", ["free", "within-authority"])
def test_p_and_moments_are_those_of_all_arrangements(null):
    orders = [p for p in itertools.permutations(range(6)) if null == "free" or set(p[:3]) == {0, 1, 2}]
    found = border_moran(SIX, ROW, authorities=HALVES, null=null, permutations=19_999, seed=1)
    arranged = pd.DataFrame({f"{k:03d}": SIX.to_numpy()[list(p)] for k, p in enumerate(orders)})
    several = border_moran(arranged, ROW, authorities=HALVES, rates="none", permutations=0)
    for part in ("within", "cross", "total"):
        sums = several.frame.loc[several.frame["part"] == part, "statistic"].to_numpy()
        row = found.frame.set_index("part").loc[part]
        here = getattr(found, part)
        assert row["expected"] == pytest.approx(sums.mean(), abs=1e-12)
        assert row["variance"] == pytest.approx(sums.var(), rel=1e-9 if null == "free" else 0.05)
        exact = min(1, 2 * min((sums >= here - 1e-9).mean(), (sums <= here + 1e-9).mean()))
        assert row["p"] == pytest.approx(exact, abs=0.02)
    assert found.p == found.frame.set_index("part").loc["cross", "p"]
    mean = several.pairs.groupby(["a", "b"])["statistic"].mean()
    assert found.pairs.set_index(["a", "b"])["expected"].to_dict() == pytest.approx(mean.to_dict(), abs=0.01)


def test_the_mean_within_authorities_is_that_of_the_means_of_authorities():
    """(n/S0) Σ_{a≠b} W_ab z̄_a z̄_b / Σz², with W_ab the weight of links between a and b."""
    region = make_region(seed=4)
    y = pd.Series(np.random.default_rng(2).gamma(1.0, size=40), index=region.areas.frame.index)
    found = border_moran(
        y, region.graph, authorities=region.lookup, null="within-authority", permutations=99, seed=1
    )
    authority = region.lookup.frame.set_index("area")["authority"]
    z = (y - y.mean()) / y.std(ddof=0)
    means = z.groupby(authority).mean()
    links = region.graph.transform("r").adjacency.reset_index()
    a, b = (links[c].map(authority) for c in ("focal", "neighbor"))
    crossing = (links["weight"] * a.map(means) * b.map(means))[(a != b).to_numpy()].sum()
    assert found.frame.set_index("part").loc["cross", "expected"] == pytest.approx(
        crossing / links["weight"].sum(), abs=1e-12
    )


def test_a_smooth_surface_rejects_within_authorities_and_the_summary_says_so():
    region = make_region(seed=4)
    north = region.areas.frame.geometry.centroid.y / 1e5  # the authorities are strips from north to south
    y = north + 0.05 * pd.Series(np.random.default_rng(1).normal(size=40), index=north.index)
    found = border_moran(
        y, region.graph, authorities=region.lookup, null="within-authority", permutations=999, seed=1
    )
    assert found.p <= 0.01
    assert "any smooth surface rejects" in found.summary()
    assert (
        "which a trend" in border_moran(y, region.graph, authorities=region.lookup, permutations=99).summary()
    )


def test_authorities_as_polygons_lookup_and_series_give_the_same():
    region = make_region(seed=5)
    series = region.lookup.frame.set_index("area")["authority"]
    frames = [
        border_moran(region.table, region.graph, authorities=a, sector="planted", permutations=199, seed=2)
        for a in (region.authorities, region.authorities.frame, region.lookup, series)
    ]
    for other in frames[1:]:
        pd.testing.assert_frame_equal(frames[0].frame, other.frame)
        pd.testing.assert_frame_equal(frames[0].pairs, other.pairs)
    assert frames[0].continuity["equal_distance"].item()
    assert "of the same length" in frames[0].summary()
    assert frames[0].areas is region.areas


def test_links_of_the_same_length_are_compared():
    """Long links cross and short ones do not: a long one within counts for those, whatever the short ones say."""
    region = make_region(seed=5)
    found = border_moran(
        region.table, region.graph, authorities=region.lookup, sector="planted", permutations=0
    ).continuity.iloc[0]
    plain = border_moran(
        region.table.values["planted"] / region.table.area_totals,
        region.graph,
        authorities=region.lookup,
        permutations=0,
    ).continuity.iloc[0]
    assert found["unmatched"] == 0
    assert found["internal"] != plain["internal"]


def test_a_high_block_astride_a_border_is_named(make_grid):
    grid = make_grid(6, 8)
    codes = grid.frame.index.to_numpy()
    row, column = (np.array([int(c[k]) for c in codes]) for k in (1, 3))
    near = np.abs(row - row[:, None]) + np.abs(column - column[:, None]) == 1
    focal, other = np.nonzero(near)
    graph = Graph.from_arrays(codes[focal], codes[other], np.ones(len(focal)))
    block = (row < 3) & (column > 1) & (column < 6)
    y = pd.Series(block * 5.0 + np.random.default_rng(1).normal(size=48), index=codes)
    authority = np.where(row > 3, "S", np.where(column < 4, "W", "E"))
    names = {"W": "Westland", "E": "Eastland", "S": "Southland"}
    known = pd.DataFrame({"area": codes, "authority": authority, "share": 1.0})
    known = Lookup(frame=known.assign(name=known["authority"].map(names)))
    found = border_moran(y, graph, authorities=known, permutations=999, seed=1)
    assert (
        "Neighbours are alike across 1 of 3 borders (q ≤ 0.05), most: Eastland – Westland ("
        in found.summary()
    )


def test_areas_in_no_authority_are_one_group_and_are_told():
    known = HALVES.iloc[:5]
    found = border_moran(SIX, ROW, authorities=known, permutations=99, seed=1)
    assert found.outside == ("5",)
    assert "1 area lies wholly or partly in no authority" in found.summary()
    assert ("(none)", "V") in set(zip(found.pairs["a"], found.pairs["b"], strict=True))
    assert found.pairs["statistic"].sum() == pytest.approx(found.total, abs=1e-12)


def test_many_sectors_are_each_what_they_are_alone():
    region = make_region(seed=5)
    many = border_moran(region.table, region.graph, authorities=region.lookup, permutations=199, seed=3)
    alone = border_moran(
        region.table, region.graph, authorities=region.lookup, sector="planted", permutations=199, seed=3
    )
    one = many["planted"]
    for name in ("frame", "pairs", "continuity"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(alone, name), check_exact=True)
    assert one.summary() == alone.summary().replace("1 sector", "2 sectors")
    assert "2 sectors split by borders" in many.summary()
    assert "\n" not in repr(many)
    with pytest.raises(ClusterMapError, match="CM-SECTOR-001"):
        many["steel"]


def test_suppressed_cells_leave_their_links_out():
    region = make_region(seed=5)
    counts = region.table.values.copy()
    counts.iloc[:6, 0] = np.nan
    hidden = SectorTable.from_values(counts, area_totals=region.table.area_totals)
    many = border_moran(hidden, region.graph, authorities=region.lookup, permutations=99, seed=1)
    kept = counts.index[6:]
    part = SectorTable.from_values(
        region.table.values.loc[kept], area_totals=region.table.area_totals.loc[kept]
    )
    alone = border_moran(
        part,
        region.graph.subgraph(kept),
        authorities=region.lookup,
        sector=counts.columns[0],
        permutations=99,
        seed=1,
    )
    pd.testing.assert_frame_equal(many[counts.columns[0]].frame, alone.frame)


def test_same_bytes_for_any_order_and_number_of_threads(monkeypatch):
    region = make_region(seed=5)
    y = (region.table.values["planted"] / region.table.area_totals).rename("rate")
    series = region.lookup.frame.set_index("area")["authority"]

    def run(values, graph, authorities):
        return border_moran(values, graph, authorities=authorities, permutations=399, seed=7)

    first = run(y, region.graph, series)
    links = region.graph.adjacency.reset_index().sample(frac=1, random_state=2)
    graph = Graph.from_arrays(*(links[c].to_numpy() for c in ("focal", "neighbor", "weight")))
    other = run(y.sample(frac=1, random_state=1), graph, series.sample(frac=1, random_state=3))
    monkeypatch.setattr(global_engine, "_WORTH_THREADS", 0)
    found = [other]
    for threads in (1, 3):
        monkeypatch.setattr(global_engine, "workers", lambda threads=threads: threads)
        found.append(run(y, region.graph, series))
    for again in found:
        pd.testing.assert_frame_equal(first.frame, again.frame, check_exact=True)
        pd.testing.assert_frame_equal(first.pairs, again.pairs, check_exact=True)


@pytest.mark.skipif(not HAVE_NUMBA, reason="numba is not here: the plain kernel is the kernel")
def test_plain_python_gives_the_same_bytes(monkeypatch):
    options = {"authorities": HALVES, "permutations": 70, "seed": 4}
    fast = border_moran(SIX, ROW, **options)
    monkeypatch.setattr(crossing_links, "parted_sums", crossing_links.parted_sums.py_func)
    slow = border_moran(SIX, ROW, **options)
    pd.testing.assert_frame_equal(fast.frame, slow.frame, check_exact=True)
    pd.testing.assert_frame_equal(fast.pairs, slow.pairs, check_exact=True)


def test_shift_and_scale_change_nothing_and_names_of_authorities_neither():
    one = border_moran(SIX, ROW, authorities=HALVES, permutations=199, seed=1)
    other = border_moran(
        SIX * 30 - 7, ROW, authorities=HALVES.map({"U": "Z", "V": "Y"}), permutations=199, seed=1
    )
    assert one.frame["statistic"].to_numpy() == pytest.approx(other.frame["statistic"].to_numpy(), abs=1e-12)
    assert one.frame["p"].tolist() == other.frame["p"].tolist()


def test_any_other_null_is_taken(make_grid):
    grid = make_grid(4, 6)
    place = np.arange(24)
    near = np.abs(place // 6 - (place // 6)[:, None]) + np.abs(place % 6 - (place % 6)[:, None]) == 1
    focal, other = np.nonzero(near)
    codes = grid.frame.index.to_numpy()
    graph = Graph.from_arrays(codes[focal], codes[other], np.ones(len(focal)))
    y = pd.Series(np.where(place % 6 < 3, 5.0, 1.0), index=codes)
    halves = pd.Series(np.where(place % 6 < 3, "W", "E"), index=codes)
    found = border_moran(y, graph, authorities=halves, null=nulls.toroidal(4, 6), alternative="less", seed=1)
    assert found.null == "toroidal"
    assert found.p == pytest.approx(1 / 3, abs=0.02)  # the border lies where the step is in 8 of 24 shifts
    assert "shifts of the map" in found.summary()


def test_a_split_says_itself():
    found = border_moran(SIX, ROW, authorities=HALVES, permutations=199, seed=1)
    assert repr(found).startswith("<BorderMoran: I ")
    assert "within authorities and" in found.summary()
    assert "<table" in found._repr_html_()
    without = border_moran(SIX, ROW, authorities=HALVES, permutations=0)
    assert "normal approximation" in without.summary()
    assert without.pairs["p"].isna().all()
    each = border_moran(SIX, ROW, authorities=pd.Series(list("UVWXYZ")), permutations=99, seed=1)
    assert each.within == 0
    assert each.frame.set_index("part").loc["within", "p"] == 1
    assert "No link within" in each.summary()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: border_moran(SIX, ROW, authorities=pd.Series(["U"] * 6)), "CM-BORDER-001"),
        (lambda: border_moran(SIX, ROW, authorities=["U"]), "CM-CROSS-001"),
        (lambda: border_moran(SIX, ROW, authorities=pd.Series({"z": "U"})), "CM-CROSS-002"),
        (lambda: border_moran(SIX, ROW, authorities=make_region(seed=1).authorities), "CM-CROSS-003"),
        (lambda: border_moran(SIX, ROW, authorities=HALVES, null="random"), "CM-NULL-001"),
        (lambda: border_moran(SIX, ROW, authorities=HALVES, alternative="more"), "CM-MORAN-001"),
        (lambda: border_moran(SIX, ROW, authorities=HALVES, permutations=-1), "CM-MORAN-001"),
        (
            lambda: border_moran(SIX, ROW, authorities=HALVES, permutations=0, null="within-authority"),
            "CM-NULL-007",
        ),
        (
            lambda: border_moran(SIX, ROW, authorities=pd.Series(list("UVWXYZ")), null="within-authority"),
            "CM-NULL-002",
        ),
        (lambda: border_moran(SIX * 0, ROW, authorities=HALVES), "CM-MORAN-004"),
        (lambda: border_moran(SIX.iloc[:5], ROW, authorities=HALVES), "CM-ALIGN-002"),
        (lambda: border_moran(SIX.iloc[:5].reindex(range(6)), ROW, authorities=HALVES), "CM-ALIGN-003"),
    ],
)
def test_what_has_no_answer_is_refused(call, code):
    with pytest.raises(ClusterMapError, match=code):
        call()
