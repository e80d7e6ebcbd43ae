"""Firms of a sector and the others on a map of clusters of firms, in a browser that reaches no network."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest

import clustermap as cm

pytestmark = pytest.mark.browser

DRAWN = "return Number(document.querySelector('canvas.' + arguments[0])?.dataset.drawn)"
COLOUR = """
const canvas = document.querySelector("canvas." + arguments[0]), seen = {};
const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
for (let i = 0; i < pixels.length; i += 4) {
  const rgb = [0, 1, 2].map((k) => Math.round(pixels[i + k] / 8)).join();
  if (pixels[i + 3] > 100) seen[rgb] = (seen[rgb] || 0) + 1;
}
const most = Object.entries(seen).sort((a, b) => b[1] - a[1])[0][0].split(",").map((v) => v * 8);
const cue = document.querySelector("#legend .cue-" + arguments[0]);
return [most, getComputedStyle(cue).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)];
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    at = np.arange(400)
    x, y = 400_000 + at % 20 * 4_500.0, 300_000 + at // 20 * 4_500.0
    steel, dairy = np.isin(at, np.r_[0:40, 210:216, 230:236, 190:196]), at % 7 == 5
    frame = gpd.GeoDataFrame(
        {"firm_id": at.astype(str), "name": "", "sic": np.where(steel, "24100", np.where(dairy, "10510", "47110"))},
        geometry=gpd.points_from_xy(x, y), crs=27700,
    )  # fmt: skip
    sectors = {"steel": ["241"], "__proto__": ["105"]}  # a name that is no key like others to a script
    found = cm.detect_clusters(
        cm.read_firms(frame), sector=sectors, method="surface", radius_m=18_000, permutations=99, seed=1
    )
    return cm.draw_map(found).save(tmp_path_factory.mktemp("firms") / "map.html"), found.of_sector


@pytest.fixture
def page(chromium, path):
    return chromium.open(path[0])


def _legend(page):
    return dict(zip(page.texts("#legend .cues .name"), page.texts("#legend .cues li"), strict=True))


def test_the_legend_counts_the_firms_of_the_sector_and_the_others(page, path):
    for place, sector in enumerate(sorted(path[1])):
        page.run("document.querySelectorAll('input[name=sector]')[arguments[0]].click()", place)
        own = int(path[1][sector].sum())
        legend = _legend(page)
        assert legend["Firms of the sector"] == f"Firms of the sector{own}"
        assert legend["Other firms"] == f"Other firms{400 - own}"
        assert page.run(DRAWN, "firm") == own
        assert page.run(DRAWN, "firm-other") == 400 - own
    assert page.complaints() == []


def test_both_are_drawn_in_the_colours_of_the_legend(page):
    seen = {kind: page.run(COLOUR, kind) for kind in ("firm", "firm-other")}
    for drawn, told in seen.values():
        assert np.abs(np.subtract(drawn, told)).max() <= 12
    assert np.abs(np.subtract(seen["firm"][1], seen["firm-other"][1])).max() > 80


def test_each_of_them_can_be_taken_off_the_map(page):
    page.run("clustermap.toggle('others', false)")
    assert page.run("return document.querySelector('canvas.firm-other')") is None
    assert "Other firms" not in _legend(page)
    assert page.run(DRAWN, "firm") > 0
