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
