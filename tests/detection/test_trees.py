from __future__ import annotations

import pytest

from clustermap import detect_clusters

LEVELS = (1.25, 1.5, 2)


@pytest.fixture(scope="module")
def nested(make_grid, make_table):
    """A belt of four squares with a core of two, and a square far off; 20 of 1,000 firms elsewhere."""
    grid = make_grid(8, 8)
    planted = {"r1c1": 60, "r1c2": 60, "r1c3": 90, "r1c4": 90, "r6c6": 100}
    return detect_clusters(make_table(grid, planted), grid.graph, minimum_lq=1, levels=LEVELS, seed=1)


def test_the_tree_lists_every_cluster_once_right_after_what_it_lies_in(nested):
    tree = nested.tree
    assert sorted(tree["cluster"]) == sorted(nested.frame["cluster"])
    assert (tree["depth"] == 0).tolist() == tree["parent"].isna().tolist()
    path = []
    for row in tree.itertuples():
        path = [*path[: row.depth], row.cluster]
        assert row.depth == 0 or row.parent == path[-2]


def test_the_core_hangs_under_the_belt_and_the_far_square_by_itself(nested):
    tree = nested.tree.set_index("cluster")
    areas = nested.members.groupby("cluster")["area"].agg(lambda codes: "".join(sorted(codes)))
    core = tree.index[(tree["level"] == 2) & (areas[tree.index] == "r1c3r1c4").to_numpy()][0]
    above = []
    while isinstance(core, str):
        above.append(areas[core])
        core = tree.loc[core, "parent"]
    assert above[0] == "r1c3r1c4"
    assert above[-1] == "r1c1r1c2r1c3r1c4"
    assert (areas[tree.index[tree["depth"] == 0]] == ["r1c1r1c2r1c3r1c4", "r6c6"]).all()


def test_the_summary_indents_what_lies_inside(nested):
    lines = nested.summary().split("The tree: what lies inside what.\n")[1].splitlines()
    depth = nested.tree["depth"]
    told = lines[: len(depth)]
    assert [(len(line) - len(line.lstrip())) // 2 - 1 for line in told] == depth.tolist()
    assert told[0] == "  at least 1: C1 Square r1c3, 4 areas, 300 firms, 3.04 times"


def test_one_level_has_no_tree_in_its_summary(make_grid, make_table):
    grid = make_grid(6, 6)
    found = detect_clusters(make_table(grid, {"r1c1": 90, "r1c2": 90}), grid.graph, seed=1)
    assert "The tree" not in found.summary()
    assert found.tree["depth"].tolist() == [0] * len(found.frame)
    assert len(found.frame)


def test_nothing_found_is_an_empty_tree(make_grid, make_table):
    grid = make_grid(6, 6)
    found = detect_clusters(make_table(grid), grid.graph, levels=LEVELS, permutations=99, seed=1)
    assert found.tree.empty
    assert "The tree" not in found.summary()
