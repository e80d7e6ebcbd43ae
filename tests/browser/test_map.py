"""The page of a whole study, opened in a browser that reaches no network."""

from __future__ import annotations

import csv
import io

import pytest

import clustermap as cm
from clustermap.reports.tables import csv_text

pytestmark = pytest.mark.browser

SEED, REPLICATES = 7, 99


@pytest.fixture(scope="module")
def study():
    """Everything that the map of the embedded study shows."""
    firms = cm.read_firms(cm.datasets.path("firms"))
    districts = cm.read_boundaries("lad", vintage=2022)
    leps = cm.read_boundaries("lep", vintage=2017)
    table = cm.tabulate(firms, districts, sectors="hvm")
    graph = cm.contiguity(districts, islands="nearest")
    clusters = cm.detect_clusters(table, graph, seed=SEED, permutations=REPLICATES)
    return {
        "firms": firms,
        "districts": districts,
        "quotients": cm.location_quotient(table),
        "local": cm.local_moran(table, graph, seed=SEED),
        "crossing": cm.crossing(clusters, leps),
        "leps": leps,
    }


@pytest.fixture(scope="module")
def path(study, tmp_path_factory):
    drawn = cm.draw_map(
        study["crossing"],
        study["quotients"],
        study["local"],
        firms=study["firms"],
        title="High value manufacturing",
    )
    return drawn.save(tmp_path_factory.mktemp("map") / "map.html")


@pytest.fixture
def page(chromium, path):
    return chromium.open(path)


@pytest.fixture(scope="module")
def areas_csv(study):
    return {row["area"]: row for row in csv.DictReader(io.StringIO(csv_text(study["quotients"].frame)))}


def _click(page, code):
    """Click the shape of an area as a person would: by the mouse, where the shape is."""
    from selenium.webdriver.common.by import By

    page.run("document.querySelector('.whole').click()")
    shape = page.driver.find_element(By.CSS_SELECTOR, f"#map path[data-code='{code}']")
    page.run("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", shape)


def test_the_page_opens_without_a_request_or_a_complaint(page):
    page.run("return new Promise((done) => setTimeout(done, 400))")
    assert page.requests() == []
    assert page.complaints() == []


def test_title_heading_and_language(page):
    assert page.driver.title == "High value manufacturing"
    assert page.texts("h1") == ["High value manufacturing"]
    assert page.run("return document.documentElement.lang") == "en"


def test_every_area_is_drawn_named_and_in_the_table(page, study):
    names = list(study["districts"].names)
    assert (
        page.run(
            "return [...document.querySelectorAll('#map path[data-code]')].map((p) => p.getAttribute('aria-label'))"
        )
        == names
    )
    assert page.texts("#table tbody th") == names


def test_the_legend_counts_every_area_once_under_each_theme(page, study):
    for theme in range(2):
        page.run("document.querySelectorAll('input[name=theme]')[arguments[0]].click()", theme)
        counts = [int(n) for n in page.texts("#legend .classes .n")]
        assert sum(counts) == len(study["districts"])
        assert all(counts)


def test_the_legend_of_lisa_counts_the_labels_of_the_result(page, study):
    page.run("document.querySelectorAll('input[name=theme]')[1].click()")
    shown = dict(zip(page.texts("#legend .classes .what"), page.texts("#legend .classes .n"), strict=True))
    labels = study["local"].frame["label"].value_counts()
    assert int(shown["Not significant"]) == labels["not significant"]
    assert int(shown.get("High beside high (HH)", 0)) == labels.get("HH", 0)


def test_the_cluster_is_shown_with_the_authorities_that_share_it(page, study):
    frame = study["crossing"].frame
    assert len(frame)
    first = frame["cluster"].iloc[0]
    page.run("[...document.querySelectorAll('#profile .link')][0].click()")
    assert page.texts("#profile h2") == [f"Cluster {first}"]
    assert page.texts("#profile .bars .name") == list(frame.loc[frame["cluster"] == first, "name"])
    shares = frame.loc[frame["cluster"] == first, "share"]
    assert [
        float(v)
        for v in page.run("return [...document.querySelectorAll('#profile .bars data')].map((d) => d.value)")
    ] == pytest.approx(list(shares), abs=0)
    assert len(page.texts("#profile .pairs li")) == (study["crossing"].pairs["cluster"] == first).sum()


def test_borders_that_the_cluster_crosses_are_drawn(page):
    drawn = "return document.querySelectorAll('.leaflet-cm-borders-pane path').length"
    assert page.run(drawn) > 0
    page.run("clustermap.toggle('borders', false)")
    assert page.run(drawn) == 0


def test_clicking_an_area_shows_the_figures_of_areas_csv(page, study, areas_csv):
    members = list(study["crossing"].clusters.members["area"])
    for code in (members[0], "E07000178", "E06000053"):
        _click(page, code)
        assert page.texts("#profile h2") == [study["districts"].names[code]]
        row = areas_csv[code]
        assert float(page.run("return document.querySelector('#area-lq data').value")) == float(row["lq"])
        shown = dict(
            page.run(
                "return [...document.querySelectorAll('#profile dt')].map((t) => [t.textContent,"
                " t.nextElementSibling.querySelector('data')?.value ?? t.nextElementSibling.textContent])"
            )
        )
        assert float(shown["p"]) == float(row["p"])
        assert float(shown["q"]) == float(row["q"])
        assert float(shown["Shrunk LQ"]) == float(row["shrunk"])
        assert shown["LISA class"] == study["local"].frame.loc[code, "label"]


def test_the_rounded_quotient_is_the_one_of_areas_csv(page, areas_csv):
    _click(page, "E07000178")
    assert page.texts("#area-lq") == [f"{float(areas_csv['E07000178']['lq']):.2f}"]


def test_an_area_in_two_authorities_shows_both(page, study):
    counted = study["crossing"].membership
    several = counted[counted["share"] > 0].groupby("area")["authority"].agg(list)
    code, both = next((c, a) for c, a in several.items() if len(a) == 2 and "(none)" not in a)
    _click(page, code)
    assert set(page.texts("#profile .plainlist li")) >= {study["leps"].names[a] for a in both}


def test_a_name_in_the_table_opens_its_area_by_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    button = page.run("return document.querySelector('#table tbody button')")
    button.send_keys(Keys.ENTER)
    assert page.texts("#profile h2") == [button.text]
    assert page.texts("tr.chosen th") == [button.text]


def test_a_heading_of_the_table_sorts_it(page, areas_csv):
    page.run(
        "[...document.querySelectorAll('#table thead button')].find((b) => b.textContent === 'LQ').click()"
    )
    order = page.run("return [...document.querySelectorAll('#table tbody tr')].map((r) => r.dataset.code)")
    values = [float(areas_csv[code]["lq"]) for code in order if areas_csv[code]["lq"]]
    assert values == sorted(values, reverse=True)


def test_a_name_in_the_search_opens_its_area(page):
    page.run(
        "const find = document.getElementById('find'); find.value = 'Sheffield';"
        "find.dispatchEvent(new Event('change'))"
    )
    assert page.texts("#profile h2") == ["Sheffield"]


def test_all_firms_are_drawn_when_asked_for(page, study):
    page.run("clustermap.toggle('firms', true); document.querySelector('.whole').click()")
    assert int(page.run("return document.querySelector('canvas.firms').dataset.drawn")) == len(study["firms"])


def test_what_must_be_kept_in_mind_stands_on_the_page(page):
    said = " ".join(page.texts("#cautions li"))
    assert "generalised, not for measurement" in said
    assert "synthetic" in said
    assert "Location of firms" in said
    methods = " ".join(page.texts("#methods"))
    assert "seed" in methods
    assert "permutations" in methods


def test_every_control_has_a_name_and_the_page_its_landmarks(page):
    nameless = page.run(
        "return [...document.querySelectorAll('button, input, summary')].filter((node) => !(node.textContent.trim()"
        " || node.getAttribute('aria-label') || (node.labels && node.labels.length))).map((node) => node.outerHTML)"
    )
    assert nameless == []
    assert page.run(
        "return ['header', 'main', 'footer'].map((t) => document.querySelectorAll(t).length)"
    ) == [1, 1, 1]


def test_text_has_contrast_enough(page):
    poor = page.run(
        """
        const light = (rgb) => rgb.map((c) => c / 255).map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
          .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
        const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
        const ground = (node) => {
          for (; node; node = node.parentElement) {
            const colour = numbers(getComputedStyle(node).backgroundColor);
            if (colour.length < 4 || colour[3] > .7) return colour.slice(0, 3);
          }
          return [255, 255, 255];
        };
        return [...document.querySelectorAll('body *')].filter((node) => node.offsetParent && !node.closest('.town')
          && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())).filter((node) => {
          const a = light(numbers(getComputedStyle(node).color).slice(0, 3)), b = light(ground(node));
          return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5;
        }).map((node) => node.textContent.slice(0, 40));
        """
    )
    assert poor == []


def test_a_map_inside_a_notebook_frame_draws_itself(chromium, study, tmp_path):
    shown = cm.draw_map(study["quotients"])._repr_html_()
    page = tmp_path / "notebook.html"
    page.write_text(f"<!DOCTYPE html><html data-ready=yes><body>{shown}</body></html>", encoding="utf-8")
    browser = chromium.open(page)
    inside = "return document.querySelector('iframe').contentDocument.querySelectorAll(arguments[0]).length"
    browser.wait(lambda: browser.run(inside, "html[data-ready]"))
    assert browser.run(inside, "#map path[data-code]") == len(study["districts"])
    assert browser.complaints() == []


def test_children_of_folium_work_on_the_page(chromium, study, tmp_path):
    import folium

    drawn = cm.draw_map(study["leps"])
    folium.Marker([53.4, -1.5], popup="A popup", tooltip="A tooltip").add_to(drawn)
    folium.Circle([53.4, -1.5], radius=20_000).add_to(drawn)
    browser = chromium.open(drawn.save(tmp_path / "map.html"))
    assert browser.run("return document.querySelectorAll('.leaflet-marker-icon:not(.town)').length") == 1
    browser.run(
        "document.querySelector('.leaflet-marker-icon:not(.town)')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert [text.strip() for text in browser.texts(".leaflet-popup-content")] == ["A popup"]
    assert browser.requests() == []
    assert browser.complaints() == []


def test_thousands_of_areas_are_drawn_on_a_canvas(chromium, tmp_path):
    import geopandas as gpd
    from shapely.geometry import box

    side = 60
    shapes = [
        box(4e5 + 1e3 * i, 3e5 + 1e3 * j, 4.01e5 + 1e3 * i, 3.01e5 + 1e3 * j)
        for i in range(side)
        for j in range(side)
    ]
    frame = gpd.GeoDataFrame(
        {
            "code": [f"S{k:04d}" for k in range(len(shapes))],
            "name": [f"Square {k}" for k in range(len(shapes))],
        },
        geometry=shapes,
        crs="EPSG:27700",
    )
    browser = chromium.open(cm.draw_map(areas=frame).save(tmp_path / "map.html"))
    assert browser.run("return document.querySelectorAll('#map canvas').length") == 1
    assert browser.run("return document.querySelectorAll('#map path').length") == 0
    assert len(browser.texts("#table tbody tr")) == 400
    browser.run("document.getElementById('more').click()")
    assert len(browser.texts("#table tbody tr")) == side * side
    assert browser.complaints() == []
