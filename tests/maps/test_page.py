"""One file: no request, no foreign script, no markup from data, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import folium
import pytest

from clustermap.errors import ClusterMapWarning, StorageError
from clustermap.maps import draw_map, page
from clustermap.maps.figure import ClusterMap


class _Reader(HTMLParser):
    """Reads a page into its tags with attributes, and the text of each script and style."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.scripts, self.styles, self.title = [], [], [], ""
        self._inside, self.island = None, None

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(attrs)))
        self._inside = (tag, dict(attrs))

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        tag, attrs = self._inside or ("", {})
        if tag == "script" and attrs.get("type") == "application/json":
            self.island = data
        elif tag == "script":
            self.scripts.append(data)
        elif tag == "style":
            self.styles.append(data)
        elif tag == "title":
            self.title += data


@pytest.fixture(scope="module")
def read():
    def reader(text):
        out = _Reader()
        out.feed(text)
        out.close()
        return out

    return reader


def _island(text):
    found = re.search(r'id="clustermap-data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found.group(1))


def test_vendored_files_are_what_the_manifest_says():
    root = files("clustermap") / "_assets"
    manifest = json.loads((root / "manifest.json").read_text())
    (leaflet,) = manifest["vendored"]
    assert (leaflet["name"], leaflet["version"], leaflet["licence"]) == ("leaflet", "1.9.4", "BSD-2-Clause")
    there = {f"leaflet/{file.name}" for file in (root / "leaflet").iterdir()}
    assert there == set(leaflet["files"])
    for name, digest in leaflet["files"].items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == digest, name


def test_the_page_names_no_address_that_a_browser_would_fetch(districts, table, read):
    text = draw_map(table, districts).to_html()
    loaded = [
        v
        for tag, attrs in read(text).tags
        for k, v in attrs
        if k in {"src", "href", "srcset", "action", "data"}
    ]
    assert [v for v in loaded if not v.startswith(("data:", "#"))] == []
    styles = "".join(read(text).styles)
    assert [u for u in re.findall(r"url\(([^)]*)\)", styles) if not u.startswith(("data:", "#"))] == []
    assert "sourceMappingURL" not in text
    assert "@import" not in text


def test_the_policy_lets_only_the_scripts_of_the_page_run(table, read):
    seen = read(draw_map(table).to_html())
    policy = next(
        dict(a)["content"]
        for t, a in seen.tags
        if t == "meta" and "content" in dict(a) and "http-equiv" in dict(a)
    )
    rules = {part.split()[0]: part.split()[1:] for part in policy.split("; ")}
    assert rules["default-src"] == ["'none'"]
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in seen.scripts
    ]
    assert rules["script-src"] == digests
    assert rules["img-src"] == ["data:"]
    assert not [k for _, attrs in seen.tags for k, _ in attrs if k.startswith("on")]


def test_the_page_has_title_language_landmarks_and_a_way_past_the_map(table, read):
    seen = read(draw_map(table, title="Steel in squares").to_html())
    tags = [t for t, _ in seen.tags]
    assert seen.title == "Steel in squares"
    assert ("html", (("lang", "en"),)) in seen.tags
    assert {"main", "header", "h1", "footer", "table"} <= set(tags)
    assert ("a", (("class", "skip"), ("href", "#figures"))) in seen.tags
    viewport = next(
        dict(a)["content"] for t, a in seen.tags if t == "meta" and dict(a).get("name") == "viewport"
    )
    assert "user-scalable" not in viewport


def test_no_script_of_ours_writes_markup():
    root = files("clustermap") / "_assets" / "js"
    own = {f.name: f.read_text() for f in root.iterdir() if f.name != "children.js"}
    assert own
    for name, text in own.items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", text
        ), name
        assert len(text.splitlines()) <= 400, name


@pytest.fixture(scope="module")
def hostile_page(make_areas, make_firms, square):
    """Draw a page where one text stands in every place that data can reach."""

    def draw(text):
        import pandas as pd

        from clustermap.tables.table import SectorTable

        areas = make_areas(
            [(f"{text}{i}", f"{text} {i}", square(i, 0)) for i in range(3)], kind=text, source=text
        )
        outer = make_areas([(f"{text}A", text, square(0, 0, 3))], kind=text, source=text)
        values = pd.DataFrame({text: [1.0, 2.0, 3.0], "other": [4.0, 5.0, 6.0]}, index=areas.frame.index)
        plain = SectorTable.from_values(values, areas=areas)
        table = SectorTable(
            **{
                **{name: getattr(plain, name) for name in plain.__slots__},
                "sector_labels": {text: text, "other": text},
                "note": text,
            }
        )
        firms = make_firms([(text, 405_000, 305_000), (text, 406_000, 305_000)], location=text)
        return draw_map(table, outer, firms=firms, title=text).to_html()

    return draw


def test_no_text_from_data_becomes_markup(hostile, hostile_page, read):
    assert len(hostile) >= 60
    plain = read(hostile_page("plain"))
    shape = [(t, a) for t, a in plain.tags]
    for text in hostile:
        seen = read(hostile_page(text))
        assert seen.tags == shape, text
        assert seen.scripts == plain.scripts, text
        assert not set("<>&'`$\u2028\u2029") & set(seen.island), text
        data = json.loads(seen.island)
        assert data["title"] == text
        assert data["areas"]["names"] == [f"{text} {i}" for i in range(3)]
        assert data["firms"]["names"] == [text, text]
        assert {s["label"] for s in data["sectors"]} == {text}


def test_the_title_is_read_back_as_it_was(read):
    words = "</title><b>`${x}` & \"co\" 'é' \u2028"
    seen = read(f"<title>{page.text(words)}</title>")
    assert seen.title == words
    assert [t for t, _ in seen.tags] == ["title"]


def test_half_a_character_in_a_title_does_not_stop_the_page(tmp_path, table):
    path = draw_map(table, title="\ud800 <b>").save(tmp_path / "map.html")
    assert "<title>&#55296; &lt;b&gt;</title>" in path.read_text(encoding="utf-8")


def test_same_input_same_bytes_whatever_the_order_of_rows(districts, authorities, table, make_firms):
    rows = [("B", 415_000, 315_000), ("A", 425_000, 335_000), ("C", 405_000, 345_000)]
    first = draw_map(table, authorities, firms=make_firms(rows)).to_html()
    again = draw_map(table, authorities, firms=make_firms(rows)).to_html()
    turned = draw_map(table, authorities, firms=make_firms(rows[::-1])).to_html()
    assert first == again == turned


def test_saving_writes_what_is_rendered_and_leaves_nothing_beside_it(tmp_path, table):
    drawn = draw_map(table)
    path = drawn.save(tmp_path / "map.html")
    assert path.read_text(encoding="utf-8") == drawn.to_html() == drawn.get_root().render()
    assert [p.name for p in tmp_path.iterdir()] == ["map.html"]


def test_a_file_that_cannot_be_written_is_a_coded_error(tmp_path, table):
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, FileExistsError, NotADirectoryError)):
        draw_map(table).save(tmp_path / "file" / "map.html")


def test_a_name_of_any_script_survives_the_file(tmp_path, make_areas, square):
    names = ["Zażółć gęślą jaźń", "Ōsaka 大阪", "مدينة", "🦀"]
    areas = make_areas([(str(i), name, square(i, 0)) for i, name in enumerate(names)])
    path = draw_map(areas).save(tmp_path / "map.html")
    assert _island(path.read_text(encoding="utf-8"))["areas"]["names"] == names


def test_children_of_folium_are_kept_with_ids_that_count(table):
    def drawn():
        out = draw_map(table)
        group = folium.FeatureGroup("mine")
        folium.Marker([52.6, -1.9], popup="here", tooltip="there").add_to(group)
        folium.Circle([52.6, -1.9], radius=500).add_to(group)
        out.add_child(group)
        folium.LayerControl().add_to(out)
        return out

    first, second = drawn(), drawn()
    assert isinstance(first, folium.Map)
    text = first.to_html()
    assert "addTo(clustermap_map)" in text.replace(" ", "")
    assert text == first.to_html() == second.to_html()
    assert not re.search(r"_[0-9a-f]{32}", text)


def test_links_to_the_network_are_left_out_and_said(table):
    from folium.plugins import Fullscreen

    drawn = draw_map(table)
    drawn.add_child(Fullscreen())
    with pytest.warns(ClusterMapWarning, match="CM-MAP-005"):
        text = drawn.to_html()
    assert "cdn.jsdelivr.net" not in text


def test_one_map_s_links_do_not_reach_another(table):
    before = list(folium.Map.default_js)
    drawn = draw_map(table)
    drawn.add_js_link("own", "https://example.invalid/own.js")
    assert draw_map(table).default_js == []
    assert folium.Map.default_js == before


def test_a_notebook_shows_the_page_in_a_frame(table):
    shown = draw_map(table, title="A <b> title")._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<b>" not in shown
    assert shown.count("<") == 2


def test_a_page_too_large_for_a_notebook_is_shown_as_a_picture(table, monkeypatch):
    monkeypatch.setattr("clustermap.maps.figure.NOTEBOOK_BYTES", 1000)
    shown = draw_map(table)._repr_html_()
    assert shown.startswith("<svg")
    assert shown.count("<path") == 36
    assert "save('map.html')" in shown


def test_the_repr_is_one_line(table):
    drawn = draw_map(table, title="Steel")
    assert isinstance(drawn, ClusterMap)
    assert repr(drawn) == "<ClusterMap: Steel>"
