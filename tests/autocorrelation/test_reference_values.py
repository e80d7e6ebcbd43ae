"""Published figures of Moran's I, global and local."""

from __future__ import annotations

import esda
import geopandas as gpd
import libpysal
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import global_geary, global_moran, local_moran
from clustermap.sources import read_boundaries
from clustermap.weights import contiguity


@pytest.fixture(scope="module")
def africa(real_data):
    """Conflict in 42 African countries with the neighbours of Anselin (1995)."""
    file = real_data / "reference" / "africa_conflict_1966_78.csv"
    frame = pd.read_csv(file, keep_default_na=False).set_index("code")
    links = [(code, other) for code, row in frame["neighbours_paper"].items() for other in row.split()]
    focal, other = zip(*links, strict=True)
    return frame, Graph.from_arrays(list(focal), list(other), [1] * len(links))


@pytest.fixture(scope="module")
def guerry(real_data):
    frame = (
        gpd.read_file(real_data / "reference" / "guerry_1833.gpkg").set_index("CODE_DE").rename_axis("code")
    )
    areas = read_boundaries(
        frame.rename(columns={"Dprtmnt": "name"})[["name", "geometry"]].reset_index(), project_to="EPSG:2154"
    )
    return frame, contiguity(areas)


@pytest.fixture(scope="module")
def columbus():
    frame = gpd.read_file(libpysal.examples.get_path("columbus.shp"))
    frame = frame.set_index(frame["POLYID"].astype(int)).set_crs("EPSG:27700")
    return frame["CRIME"].astype(float), frame.geometry


def test_e10_africa_global(africa):
    frame, graph = africa
    assert graph.n_edges == 182
    result = global_moran(frame["totcon"].astype(float), graph, permutations=0)
    assert result.statistic == pytest.approx(0.4167956, abs=1e-7)
    assert result.z == pytest.approx(4.34849, abs=1e-5)
    assert result.expected == pytest.approx(-1 / 41, abs=1e-15)
    assert np.isnan(result.p)


def test_e10_africa_geary(africa):
    frame, graph = africa
    result = global_geary(frame["totcon"].astype(float), graph, permutations=0)
    assert result.statistic == pytest.approx(0.5839577, abs=1e-7)


def test_e10_africa_local_has_denominator_n(africa):
    frame, graph = africa
    y = frame["totcon"].astype(float)
    local = local_moran(y, graph, seed=1).frame["statistic"].rename(frame["name"])
    expected = {
        "EGYPT": 6.946729,
        "SUDAN": 2.987774,
        "UGANDA": 1.942508,
        "ZAIRE": 0.709781,
        "RWANDA": -0.752358,
    }
    assert local[list(expected)].to_dict() == pytest.approx(expected, abs=1e-6)
    assert local.mean() == pytest.approx(0.4167956, abs=1e-7)


@pytest.mark.parametrize(
    ("rule", "links", "statistic"), [("queen", 236, 0.5001886), ("rook", 200, 0.5236702)]
)
def test_e12_columbus(columbus, rule, links, statistic):
    crime, shapes = columbus
    graph = Graph.build_contiguity(shapes, rook=rule == "rook", strict=True)
    assert graph.n_edges == links
    result = global_moran(crime, graph, permutations=0)
    assert result.statistic == pytest.approx(statistic, abs=1e-7)
    assert result.expected == pytest.approx(-0.0208333, abs=1e-7)
    peer = esda.Geary(crime[list(graph.unique_ids)].to_numpy(), graph.to_W(), permutations=0)
    geary = global_geary(crime, graph, permutations=0)
    assert [geary.statistic, geary.z] == pytest.approx([peer.C, peer.z_rand], abs=1e-10)


# neighbours of Columbus in POLYID order, as spData (CC0) has them: `col.gal.nb`
COL_GAL = (
    "2 3|1 3 4|1 2 4 5|2 3 5 8|3 4 6 8 9 11 15|5 9|8 12 13 14|4 5 7 11 12 13|5 6 10 15 20 22 25 26|"
    "9 17 20 22|5 8 12 15 16|7 8 11 13 14 16|7 8 12 14|7 12 13 16 18 19|5 9 11 16 25 26|"
    "11 12 14 15 18 24 25|10 20 23|14 16 19 24|14 18 24|9 10 17 22 23 27 32 33 35 40|24 30 34|"
    "9 10 20 26 27 28|17 20 32|16 18 19 21 25 29 30|9 15 16 24 26 28 29|9 15 22 25 28 29|"
    "20 22 28 33|22 25 26 27 29 33 35 37 38|24 25 26 28 30 37 38|21 24 29 37|34 36|20 23 40 41|"
    "20 27 28 35|21 31 36 42|20 28 33 38 40 43 44|31 34 39 42 46|28 29 30 38 43 45|"
    "28 29 35 37 43 44|36 46|20 32 35 41 47|32 40 47|34 36|35 37 38 44 45 48|35 38 43 48 49|"
    "37 43 48 49|36 39|40 41|43 44 45 49|44 45 48"
)


def test_e12_columbus_with_the_published_neighbours(columbus):
    crime, _ = columbus
    pairs = [(i, int(j)) for i, row in enumerate(COL_GAL.split("|"), start=1) for j in row.split()]
    focal, other = zip(*pairs, strict=True)
    graph = Graph.from_arrays(list(focal), list(other), [1] * len(pairs))
    assert graph.n_edges == 230
    found = global_moran(crime, graph, permutations=0)
    assert found.statistic == pytest.approx(0.4857709, abs=1e-7)
    assert found.expected == pytest.approx(-0.0208333, abs=1e-7)
    assert found.variance == pytest.approx(0.0089911213, abs=1e-9)
    assert found.z == pytest.approx(5.342714, abs=1e-6)
    assert global_geary(crime, graph, permutations=0).statistic == pytest.approx(0.5478034, abs=1e-7)


def test_e13_guerry(guerry):
    frame, graph = guerry
    assert (len(frame), graph.n_edges) == (85, 420)
    published = {
        "Crm_prs": 0.411460, "Crm_prp": 0.263553, "Litercy": 0.717605, "Donatns": 0.353361, "Infants": 0.228724,
        "Suicids": 0.401681,
    }  # fmt: skip
    found = global_moran(frame[list(published)].astype(float), graph, rates="none", permutations=99, seed=1)
    assert found.frame.set_index("sector")["statistic"].to_dict() == pytest.approx(published, abs=1e-6)
    assert (found.frame["p"] == 0.02).all()  # none of 99 arrangements comes near, in any of the six


def test_e14_guerry_donations_local(guerry):
    frame, graph = guerry
    result = local_moran(
        frame["Donatns"].astype(float),
        graph,
        permutations=999,
        correction="none",
        alternative="greater",
        seed=1,
    )
    low = local_moran(
        frame["Donatns"].astype(float), graph, permutations=999, correction="none", alternative="less", seed=1
    )
    # the published engine's p is one-sided in whichever tail is smaller
    p = np.minimum(result.frame["p"], low.frame["p"])
    z = frame["Donatns"] - frame["Donatns"].mean()
    high, near = z > 0, result.frame["lag"].reindex(frame.index) > frame["Donatns"].mean()
    sure = p.reindex(frame.index) <= 0.05
    counts = {
        "HH": (sure & high & near).sum(), "LL": (sure & ~high & ~near).sum(),
        "LH": (sure & ~high & near).sum(), "HL": (sure & high & ~near).sum(), "ns": (~sure).sum(),
    }  # fmt: skip
    for label, published in {"HH": 8, "LL": 17, "LH": 2, "HL": 2, "ns": 56}.items():
        assert abs(counts[label] - published) <= 2, (label, counts)


def test_two_sided_labels_are_a_part_of_the_one_sided_ones(guerry):
    frame, graph = guerry
    donations = frame["Donatns"].astype(float)
    two = local_moran(donations, graph, correction="none", seed=1).frame["label"]
    corrected = local_moran(donations, graph, seed=1).frame["label"]
    assert two.isin(["HH", "LL", "HL", "LH"]).sum() < 29
    assert corrected.isin(["HH", "LL", "HL", "LH"]).sum() <= two.isin(["HH", "LL", "HL", "LH"]).sum()
