"""Names with line breaks and controls: they begin no sentence of their own, and no terminal obeys them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

import clustermap as cm
from clustermap import cli
from clustermap.errors import as_lines, one_line

BROKEN = "Steel\r\n C9: 40 areas, p = 0.001.\u2028\x85\x1b[2J\u202e"
SIDE = 10_000


def test_breaks_become_blanks_and_controls_are_shown():
    assert one_line(BROKEN) == r"Steel C9: 40 areas, p = 0.001. \x1b[2J\u202e"
    assert as_lines(["  a\nb", "c"]) == "  a b\nc"


def study(sector, place):
    """Give every kind of result on a small world whose sector and areas are called so."""
    rng = np.random.default_rng(4)
    at = np.arange(25)
    shapes = [box(i % 5 * SIDE, i // 5 * SIDE, (i % 5 + 1) * SIDE, (i // 5 + 1) * SIDE) for i in at]
    frame = {"code": [f"A{i:02d}" for i in at], "name": [f"{place} {i}" for i in at]}
    areas = cm.read_boundaries(gpd.GeoDataFrame(frame, geometry=shapes, crs=27700))
    halves = gpd.GeoDataFrame(
        {"code": ["E", "W"], "name": [f"{place} East", f"{place} West"]},
        geometry=[box(15_000, 0, 50_000, 50_000), box(0, 0, 15_000, 50_000)], crs=27700,
    )  # fmt: skip
    x, y = rng.uniform(0, 50_000, (2, 3_000))
    steel = (np.hypot(x - 15_000, y - 15_000) < 9_000) & (rng.random(3_000) < 0.5) | (
        rng.random(3_000) < 0.05
    )
    firms = cm.read_firms(
        gpd.GeoDataFrame(
            {"firm_id": np.arange(3_000).astype(str), "name": place, "sic": np.where(steel, "24100", "47110")},
            geometry=gpd.points_from_xy(x, y), crs=27700,
        )
    )  # fmt: skip
    definition = {sector: ["241"], "trade": ["471"]}
    table = cm.tabulate(firms, areas, sectors=definition)
    graph = cm.contiguity(areas)
    options = {"permutations": 99, "seed": 1}
    clusters = cm.detect_clusters(table, graph, sector=sector, **options)
    shared = cm.crossing(clusters, cm.read_boundaries(halves))
    firmwise = {
        "surface": cm.detect_clusters(
            firms, sector={sector: ["241"]}, method="surface", radius_m=4_000, **options
        ),
        "dbscan": cm.detect_clusters(
            firms, sector={sector: ["241"]}, method="dbscan", radius_m=2_000, minimum=5, **options
        ),
    }
    return {
        "areas": areas,
        "table": table,
        "quotients": cm.location_quotient(table),
        "global": cm.global_moran(table, graph, **options),
        "local": cm.local_moran(table, graph, sector=sector, permutations=1_999, seed=1),
        "joins": cm.global_join_count(table.values > table.values.mean(), graph, **options),
        "clusters": clusters,
        "crossing": shared,
        "of": shared.of(shared.frame["authority"].iloc[0]),
        "line": cm.line_test(shared, **options),
        "concentration": cm.sector_concentration(table, **options),
        "proximity": cm.proximity(table),
        "kd": cm.duranton_overman(firms, sectors=definition, permutations=99, seed=1),
        **firmwise,
    }


@pytest.fixture(scope="module")
def plain():
    return study("steel", "Place")


@pytest.fixture(scope="module")
def broken():
    return study(BROKEN, f"Tyne\n& Wear\x1b[31m{BROKEN}")


@pytest.mark.parametrize(
    "name",
    ["areas", "table", "quotients", "global", "local", "joins", "clusters", "crossing", "of", "line",
     "concentration", "proximity", "kd", "surface", "dbscan"],
)  # fmt: skip
def test_a_name_with_breaks_adds_no_line_and_no_control(name, plain, broken):
    for tell in (lambda result: result.summary(), repr):
        usual, hostile = tell(plain[name]), tell(broken[name])
        assert len(hostile.splitlines()) == len(usual.splitlines())
        assert not [c for c in hostile if c != "\n" and not c.isprintable()]


@pytest.mark.parametrize(
    "tell", [cli._say, lambda text: cli._print_frame(pd.DataFrame({text: [text]}), False, "t")]
)
def test_a_terminal_obeys_no_name(tell, capsys):
    tell(BROKEN)
    said = capsys.readouterr()
    assert r"\x1b[2J" in (said.err + said.out).replace("\n", "")
    assert "\x1b" not in said.err + said.out
