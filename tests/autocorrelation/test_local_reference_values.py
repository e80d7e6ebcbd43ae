"""Published counts and figures of Getis–Ord and Geary for every area."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph

from clustermap.autocorrelation import geary, getis_ord
from clustermap.sources import read_boundaries
from clustermap.weights import contiguity


@pytest.fixture(scope="module")
def donations(real_data):
    """Donations to the poor in 85 French departments (Guerry 1833), queen neighbours."""
    frame = (
        gpd.read_file(real_data / "reference" / "guerry_1833.gpkg").set_index("CODE_DE").rename_axis("code")
    )
    names = frame.rename(columns={"Dprtmnt": "name"})[["name", "geometry"]].reset_index()
    return frame["Donatns"].astype(float), contiguity(read_boundaries(names, project_to="EPSG:2154"))


def one_sided(statistic, values, graph, **more):
    """Both one-sided frames, and the p of the nearer tail: what the published engine reports."""
    high, low = (
        statistic(
            values, graph, permutations=999, correction="none", alternative=side, seed=1, **more
        ).frame.reindex(values.index)
        for side in ("greater", "less")
    )
    return high, low, np.minimum(high["p"], low["p"])


@pytest.mark.parametrize("star", [False, True])
def test_e14_getis_ord(donations, star):
    values, graph = donations
    high, _, p = one_sided(getis_ord, values, graph, star=star)
    sure, above = p <= 0.05, high["statistic"] > 0
    counts = {"HH": (sure & above).sum(), "LL": (sure & ~above).sum()}
    for label, published in {"HH": 10, "LL": 19}.items():
        assert abs(counts[label] - published) <= 2, counts


def test_e14_geary(donations):
    values, graph = donations
    large, small, p = one_sided(geary, values, graph)
    sure = p <= 0.05
    like = sure & (small["p"] < large["p"])
    own, near = values > values.mean(), small["lag"] > values.mean()
    counts = {
        "HH": (like & own & near).sum(),
        "LL": (like & ~own & ~near).sum(),
        "negative": (sure & ~like).sum(),
    }
    for label, published in {"HH": 9, "LL": 17, "negative": 2}.items():
        assert abs(counts[label] - published) <= 2, counts


def test_e10_the_mean_over_all_areas_is_the_published_figure(real_data):
    """Conflict in 42 African countries: C = .5839577, with denominators 2 and n − 1."""
    frame = pd.read_csv(
        real_data / "reference" / "africa_conflict_1966_78.csv", keep_default_na=False
    ).set_index("code")
    links = [(code, other) for code, row in frame["neighbours_paper"].items() for other in row.split()]
    focal, other = zip(*links, strict=True)
    graph = Graph.from_arrays(list(focal), list(other), [1] * len(links))
    # under binary weights the published C is Σ c over all links
    each = geary(frame["totcon"].astype(float), graph, seed=1).frame["statistic"]
    assert each.mean() * 41 / (2 * 42) == pytest.approx(0.5839577, abs=1e-7)
