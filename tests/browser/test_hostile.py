"""Every hostile text in every place that data reaches, in a real browser: shown, never run."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from clustermap.ledger import Ledger
from clustermap.maps import draw_map
from clustermap.sources.values import Areas, Firms
from clustermap.tables.table import SectorTable

pytestmark = pytest.mark.browser

SIDE = 10
WATCH = """
  return new Promise((done) => setTimeout(() => done({
    hit: window.hit || 0,
    tags: [...document.querySelectorAll('*')].map((node) => node.tagName.toLowerCase()),
  }), 500));
"""


def _ledger(n):
    return Ledger.from_reasons(pd.Series(["accepted"] * n), verdicts={})


def _areas(names, kind):
    shapes = [
        box(400_000 + 9_000 * (i % SIDE), 300_000 + 9_000 * (i // SIDE), 409_000 + 9_000 * (i % SIDE),
            309_000 + 9_000 * (i // SIDE))
        for i in range(len(names))
    ]  # fmt: skip
    index = pd.Index([f"{i:03d}{name}" for i, name in enumerate(names)], name="code")
    frame = gpd.GeoDataFrame({"name": list(names)}, geometry=shapes, index=index, crs="EPSG:27700")
    return Areas(frame=frame, kind=kind, vintage=2022, source=" ".join(names), ledger=_ledger(len(names)))


@pytest.fixture(scope="module")
def draw(tmp_path_factory):
    """Draw a page on which every name, code, label, note and title is one of the texts."""

    def make(texts):
        areas, outlines = _areas(texts, " ".join(texts)), _areas(texts, "".join(texts))
        values = pd.DataFrame(
            [[float(i + j) for j in range(len(texts))] for i in range(len(texts))],
            index=areas.frame.index,
            columns=list(texts),
        )
        plain = SectorTable.from_values(values, areas=areas)
        fields = {name: getattr(plain, name) for name in plain.__slots__}
        table = SectorTable(**{**fields, "note": " ".join(texts)})
        points = [
            Point(404_000 + 9_000 * (i % SIDE), 304_000 + 9_000 * (i // SIDE)) for i in range(len(texts))
        ]
        firms = gpd.GeoDataFrame(
            {"firm_id": range(len(texts)), "name": list(texts), "location_kind": list(texts)},
            geometry=points,
            crs="EPSG:27700",
        )
        given = Firms(
            frame=firms, activities=pd.DataFrame(), ledger=_ledger(len(texts)), source=" ".join(texts)
        )
        path = tmp_path_factory.mktemp("hostile") / "map.html"
        return draw_map(table, outlines, firms=given, title=" ".join(texts)).save(path)

    return make


def _visit_everything(browser):
    """Open every area, hover it, touch every firm, choose every sector, search every name."""
    return browser.run(
        """
        const cm = clustermap, shown = {panel: [], tip: [], popup: [], found: []};
        const layers = [];
        clustermap_map.eachLayer((layer) => {
          if (layer.options && layer.options.index !== undefined) layers[layer.options.index] = layer;
        });
        layers.forEach((layer, i) => {
          layer.fire('mouseover', {latlng: layer.getCenter()});
          layer.openTooltip(layer.getCenter());
          shown.tip.push([...document.querySelectorAll('.leaflet-tooltip strong')].pop().textContent);
          layer.closeTooltip();
          layer.fire('click', {latlng: layer.getCenter()});
          shown.panel.push(document.querySelector('#profile h2').textContent);
        });
        layers.forEach((layer) => {
          const at = layer.getBounds().getCenter();
          clustermap_map.fire('click', {latlng: at, containerPoint: clustermap_map.latLngToContainerPoint(at)});
          const popup = [...document.querySelectorAll('.leaflet-popup-content')].pop();
          if (popup) shown.popup.push(popup.textContent);
          clustermap_map.closePopup();
        });
        document.querySelectorAll('#controls input').forEach((input) => input.click());
        document.querySelectorAll('#places option').forEach((option) => {
          document.getElementById('find').value = option.value;
          document.getElementById('find').dispatchEvent(new Event('change'));
          shown.found.push(document.querySelector('#profile h2').textContent);
        });
        document.querySelectorAll('details').forEach((node) => { node.open = true; });
        cm.choose({area: null, cluster: null});
        return shown;
        """
    )


def test_no_hostile_text_runs_or_becomes_an_element_or_asks_for_anything(chromium, draw, hostile):
    assert len(hostile) >= 60
    plain = [f"Harmless name {i}" for i in range(len(hostile))]
    browser = chromium.open(draw(plain))
    _visit_everything(browser)
    expected = Counter(browser.run(WATCH)["tags"])

    browser = chromium.open(draw(hostile))
    shown = _visit_everything(browser)
    seen = browser.run(WATCH)
    assert shown["panel"] == hostile
    assert shown["tip"] == hostile
    assert set(shown["popup"]) <= set(hostile)
    assert len(set(shown["popup"])) > len(hostile) * 0.9
    assert seen["hit"] == 0
    assert Counter(seen["tags"]) == expected
    assert browser.requests() == []
    assert browser.complaints() == []


def test_the_check_above_can_fail(chromium, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><html data-ready=yes><body><img src=x onerror='window.hit=1'></body></html>",
        encoding="utf-8",
    )
    browser = chromium.open(page)
    assert browser.run(WATCH)["hit"] == 1
    assert browser.requests() != []
    assert browser.complaints() != []


def test_an_element_that_slips_in_is_still_refused_by_the_policy(chromium, draw):
    path = draw(["One", "Two", "Three"])
    text = path.read_text(encoding="utf-8")
    bad = '<img src="https://evil.example/x" onerror="window.hit=1"><script>window.hit=1</script></body>'
    path.write_text(text.replace("</body>", bad), encoding="utf-8")
    browser = chromium.open(path)
    assert browser.run(WATCH)["hit"] == 0
    assert any("Content Security Policy" in line for line in browser.complaints())
