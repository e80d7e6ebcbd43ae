"""The fitted background: what it is, what stands out from it, and what it does not find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clustermap as cm
from clustermap.detection.scan.field import fit_rows, log_ratio, make_models, null_values
from clustermap.detection.scan.field_kernels import contrast, grow_rows
from clustermap.detection.scan.field_rounds import _map, _rough
from clustermap.detection.scan.inputs import places
from clustermap.detection.scan.kernels import set_keys
from clustermap.detection.scan.rounds import Problem
from clustermap.errors import OptionError
from clustermap.testing import make_world

SEED = 20_261_127
ROUGH = {"n_areas": 160, "size": 8, "roughness": 0.3, "sector_firms": 40_000}
DRAWS = 99


@pytest.fixture(scope="module")
def rough():
    return make_world(planted="chain", relative_risk=3.0, seed=SEED, **ROUGH)


def detect(world, **options):
    return cm.detect_clusters(
        world.table, world.graph, sector="planted", permutations=DRAWS, seed=1, **options
    )


def problem_of(world):
    from clustermap.detection.adjacency import links_of

    n = len(world.table.labels)
    return Problem(
        sector="planted", counts=world.table.values["planted"].to_numpy(),
        totals=world.table.area_totals.to_numpy(), graph=(*links_of(world.graph, world.table.labels), set_keys(n)),
        minimum_lq=None, penalty=0.75, limit=n // 4, permutations=DRAWS, alpha=0.05, seed=1,
    )  # fmt: skip


def test_a_chain_on_a_rough_map_is_found_and_the_background_said(rough):
    found = detect(rough, background="field")
    members = set(found.members["area"])
    assert len(members & rough.members) >= 7
    assert len(members - rough.members) <= 1
    row = found.searches.iloc[0]
    assert 0.15 < row["roughness"] < 0.6
    assert row["reach_km"] > 5
    assert "stands out from the background of its region" in found.summary()
    assert "The background varies by a factor of" in found.summary()


def test_the_even_background_takes_the_rough_map_for_clusters(rough):
    assert len(set(detect(rough, background="homogeneous").members["area"]) - rough.members) > 5


@pytest.mark.parametrize("background", ["field", "auto"])
@pytest.mark.parametrize("known", ["no firms", "no figure", "one figure"])
def test_a_sector_without_a_map_ends_no_other_sectors_search(rough, background, known):
    counts = rough.table.values["planted"]
    other = {
        "no firms": counts * 0,
        "no figure": counts * np.nan,
        "one figure": counts.where(counts.index == counts.index[0]),
    }
    table = cm.SectorTable.from_values(
        pd.DataFrame({"planted": counts, "other": other[known]}),
        area_totals=rough.table.area_totals,
        areas=rough.areas,
    )
    found = cm.detect_clusters(table, rough.graph, background=background, permutations=19, seed=1)
    assert set(found.frame["sector"]) == {"planted"}
    assert "other: no " in found.summary()


def test_few_firms_do_not_make_an_even_map_rough():
    """A map has to look rougher than 99 even ones: one in a hundred does, 5 of 60 once in two thousand times."""
    worlds = [
        make_world(planted="chain", relative_risk=3.0, sector_firms=400, seed=880_300 + k) for k in range(60)
    ]
    rough = sum(
        _rough(problem, _map(problem, places(world.table)))
        for world, problem in zip(worlds, map(problem_of, worlds), strict=True)
    )
    assert rough < 5


def test_auto_takes_the_field_where_the_map_is_rough_and_an_even_background_where_it_is_not(rough):
    pd.testing.assert_frame_equal(
        detect(rough, background="auto").members, detect(rough, background="field").members
    )
    even = make_world(planted="chain", size=5, relative_risk=2.5, seed=SEED)
    auto, plain = (detect(even, background=b) for b in ("auto", "homogeneous"))
    pd.testing.assert_frame_equal(auto.members, plain.members)
    assert auto.searches["roughness"].tolist() == [0.0]
    assert "The background is even" in auto.summary()


def test_a_planted_chain_is_exceptional_for_its_region_and_a_bump_of_the_background_is_not(rough):
    found = detect(rough, minimum_lq=2.0)
    best = found.frame.iloc[0]
    inside = set(found.members.loc[found.members["cluster"] == best["cluster"], "area"])
    assert len(inside & rough.members) >= 5
    assert best["p_field"] <= 0.05
    assert "Also exceptional for its region" in found.summary()
    bump = make_world(planted="none", seed=SEED + 1, **(ROUGH | {"roughness": 0.5}))
    other = detect(bump, minimum_lq=1.25)
    assert len(other.frame)
    assert (other.frame["p_field"] > 0.05).all()
    assert "Not exceptional for its region" in other.summary()


def test_precisions_are_free_of_the_mean_and_invert_the_covariance_around_it():
    rng = np.random.default_rng(SEED)
    at, expected = rng.uniform(0, 1e5, (12, 2)), rng.uniform(5, 50, 12)
    models = make_models(at, expected)
    assert np.allclose(models.precisions @ np.ones(12), 0, atol=1e-8)
    variance, reach, nugget = models.theta[5]
    x = np.sqrt(5) * np.linalg.norm(at[:, None] - at[None], axis=2) / reach
    smooth = (1 + x + x * x / 3) * np.exp(-x)
    cov = variance * ((1 - nugget) * smooth + nugget * np.eye(12)) + np.diag(1 / (expected + 0.5))
    free = np.linalg.qr(np.column_stack([np.ones(12), rng.normal(size=(12, 11))]))[0][:, 1:]
    assert np.allclose(free.T @ models.precisions[5] @ free, np.linalg.inv(free.T @ cov @ free))


def test_the_score_of_a_set_is_its_likelihood_ratio_by_least_squares(rough):
    given = _map(problem_of(rough), places(rough.table))
    fitted = fit_rows(given.field, given.y)
    members, precision = fitted.set_of(0), given.field.models.precisions[fitted.model[0]]
    effect = np.zeros(given.y.shape[1])
    effect[members] = 1
    beta = effect @ precision @ given.y[0] / (effect @ precision @ effect)
    left = given.y[0] - beta * effect
    gain = given.y[0] @ precision @ given.y[0] - left @ precision @ left
    assert fitted.values[0] == pytest.approx(gain / 2 - 0.75 * len(members))


def test_growth_takes_the_best_set_of_a_tiny_map():
    """Every connected set of a path of five is tried by hand."""
    rng = np.random.default_rng(SEED)
    root = rng.normal(size=(5, 5))
    precision = root @ root.T + np.eye(5)
    y = np.array([[0.1, 2.0, 1.9, -0.3, 0.2]])
    indptr, indices = np.array([0, 1, 3, 5, 7, 8]), np.array([1, 0, 2, 1, 3, 2, 4, 3])
    a = np.empty(5)
    contrast(precision, y[0], a)
    assert np.allclose(a, precision @ y[0])
    values, sizes, members = np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros((1, 5), dtype=np.int64)
    usable = np.ones(5, dtype=bool)
    grow_rows(
        precision[None],
        np.zeros(1, dtype=np.int64),
        y,
        usable,
        indptr,
        indices,
        0.1,
        5,
        values,
        sizes,
        members,
    )
    runs = [range(i, j) for i in range(5) for j in range(i + 1, 6)]
    scores = [
        a[list(run)].sum() ** 2 / (2 * precision[np.ix_(run, run)].sum()) - 0.1 * len(run)
        for run in runs
        if a[list(run)].sum() > 0
    ]
    assert values[0] <= max(scores) + 1e-12
    chosen = np.sort(members[0, : sizes[0]])
    assert values[0] == pytest.approx(
        a[chosen].sum() ** 2 / (2 * precision[np.ix_(chosen, chosen)].sum()) - 0.1 * len(chosen)
    )


def test_the_null_goes_the_same_way_as_the_map_and_not_with_the_threads(rough):
    from concurrent.futures import ThreadPoolExecutor

    given = _map(problem_of(rough), places(rough.table))
    options = {"total": 40_000.0, "permutations": 70, "key": (3, "planted")}
    alone = null_values(given.field, 9, spread=map, **options)
    with ThreadPoolExecutor(2) as pool:
        assert null_values(given.field, 9, spread=pool.map, **options).tobytes() == alone.tobytes()
    assert len(alone) == 70


def test_log_ratios_of_counts_at_their_expectation_are_zero():
    expected = np.array([10.0, 30.0, 60.0])
    assert np.allclose(log_ratio(2 * expected, expected), 0)


def test_a_field_needs_polygons_and_not_too_many_areas(rough, monkeypatch):
    bare = cm.SectorTable.from_values(rough.table.values, area_totals=rough.table.area_totals)
    with pytest.raises(OptionError, match=r"CM-SCAN-009.*without polygons"):
        cm.detect_clusters(bare, rough.graph, background="field")
    assert np.isnan(cm.detect_clusters(bare, rough.graph, permutations=99, seed=1).frame["p_field"]).all()
    monkeypatch.setattr("clustermap.detection.scan.inputs.MOST_AREAS", 100)
    with pytest.raises(OptionError, match=r"CM-SCAN-009.*more than 100"):
        detect(rough, background="auto")


def test_suppressed_areas_take_no_part_in_the_field():
    world = make_world(planted="chain", relative_risk=3.0, decoys=("missing",), seed=SEED, **ROUGH)
    found = detect(world, background="field")
    hidden = world.table.values.index[world.table.values["planted"].isna()]
    assert not set(hidden) & set(found.members["area"])


@pytest.mark.parametrize("background", ["field", "homogeneous"])
def test_row_order_changes_nothing(rough, background):
    shuffled = cm.SectorTable.from_values(
        rough.table.values.sample(frac=1, random_state=1),
        area_totals=rough.table.area_totals.sample(frac=1, random_state=2),
        areas=rough.areas,
    )
    one = detect(rough, background=background)
    two = cm.detect_clusters(
        shuffled, rough.graph, sector="planted", permutations=DRAWS, seed=1, background=background
    )
    pd.testing.assert_frame_equal(one.frame, two.frame)
    pd.testing.assert_frame_equal(one.members, two.members)


def test_halves_of_a_rough_map_are_searched_against_the_background_as_the_map_was():
    """On this map an even background would take the surroundings of the chain in, and tell 1.63 for 2.22."""
    world = make_world(
        n_areas=320, planted="chain", size=12, relative_risk=2, sector_firms=20_000, roughness=0.25, seed=8
    )
    found = cm.detect_clusters(world.table, world.graph, background="field", permutations=19, seed=1)
    assert len(found.frame) == 1
    inside, totals = list(found.members["area"]), world.table.area_totals
    truth = (world.risk[inside] * totals[inside]).sum() / totals[inside].sum()
    assert found.split_sample["C1"] == pytest.approx(truth, rel=0.1)
