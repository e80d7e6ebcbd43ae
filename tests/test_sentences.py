"""Numbers before nouns: one of a thing is never told as several, in no sentence that the library says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pandas as pd
import pytest

import clustermap as cm
from clustermap.errors import part_of, plural
from clustermap.testing import make_world

SOURCES = sorted((Path(__file__).resolve().parents[1] / "src").rglob("*.py"))
COUNTED = re.compile(
    r"len\(|\.sum\(|nunique\(|family_size$|n_firms$|n_areas$|n_clusters$|^(n|several|left|outside)$"
)
SAFE = ("plural(", "part_of(")
NOUNS = (
    "areas|sectors|firms|clusters|authorities|pairs|cells|plants|tests|rows|values|columns|links|groups|variables|labels|"
    "members|coordinates|places|addresses|stacks|codes|names|definitions|gaps|overlaps|isolates|files|layers|polygons|"
    "shares|memberships|postcodes|distances|sites|borders|decisions"
)
FOLLOWED = re.compile(rf"^ (?:\w+ )?(?:{NOUNS})\b")
ONE_OF_SEVERAL = re.compile(rf"(?<![\d.,])1 (?:of 1 )?(?:\w+ )?(?:{NOUNS}|have|are|lie|cross)\b")


def counted_before_plurals(tree):
    """Yield every count that an f-string puts before a plural as it is."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                text = ast.unparse(value.value)
                if not text.startswith(SAFE) and COUNTED.search(text) and FOLLOWED.search(after.value):
                    yield f"{text}{after.value[:30]!r}"


@pytest.mark.checkout
def test_counts_go_through_the_one_door_that_knows_singular_from_plural():
    faults = [
        f"{file.parent.name}/{file.name}: {fault}"
        for file in SOURCES
        for fault in counted_before_plurals(ast.parse(file.read_text()))
    ]
    assert faults == []


def test_the_check_sees_a_count_before_a_plural():
    assert list(counted_before_plurals(ast.parse('f"{len(a)} areas have {n:,} more firms"'))) == [
        "len(a)' areas have '",
        "n' more firms'",
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (plural(1, "firm"), "1 firm"),
        (plural(0, "firm"), "0 firms"),
        (plural(21_000, "copy"), "21,000 copies"),
        (plural(2, "address"), "2 addresses"),
        (plural(2, "day"), "2 days"),
        (plural(1, "area has", "areas have"), "1 area has"),
        (part_of(1, 1, "cluster", "crosses", "cross"), "1 of 1 cluster crosses"),
        (part_of(1, 4, "cluster", "crosses", "cross"), "1 of 4 clusters crosses"),
        (part_of(0, 1, "cluster", "crosses", "cross"), "0 of 1 cluster crosses"),
    ],
)
def test_noun_and_verb_follow_their_numbers(said, told):
    assert said == told


@pytest.fixture(scope="module")
def world():
    """One sector, one cluster of one area."""
    return make_world(planted="single", relative_risk=6, sector_firms=400, n_areas=20, seed=1)


@pytest.fixture(scope="module")
def results(world):
    clusters = cm.detect_clusters(world.table, world.graph, sector="planted", permutations=99, seed=1)
    assert list(clusters.frame["n_areas"]) == [1]
    codes = world.areas.frame.index
    halves = pd.Series(["West"] * 10 + ["East"] * 10, index=codes, name="authority")
    local = cm.local_moran(world.table, world.graph, permutations=1999, seed=1)
    whole = cm.global_moran(world.table, world.graph, permutations=99, seed=1)
    lone = world.table.select([world.table.sectors[0]])
    return {
        "areas": world.areas,
        "table": lone,
        "clusters": clusters,
        "crossing": cm.crossing(clusters, halves),
        "quotients": cm.location_quotient(lone),
        "local": local,
        "global": whole,
        "concentration": cm.sector_concentration(lone, permutations=99, seed=1),
        "audit": cm.audit(world.areas),
    }


@pytest.mark.parametrize(
    "name",
    ["areas", "table", "clusters", "crossing", "quotients", "local", "global", "concentration", "audit"],
)
def test_one_of_a_thing_is_told_as_one(name, results):
    said = f"{results[name].summary()}\n{results[name]!r}"
    assert ONE_OF_SEVERAL.findall(said) == []
