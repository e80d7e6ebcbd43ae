from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from clustermap.reports import markdown_report
from clustermap.reports.document import escaped, markdown_table

TAGS = {"h1", "h2", "p", "blockquote", "ol", "li", "br", "table", "thead", "tbody", "tr", "th", "td"}


class Page(HTMLParser):
    """What a reader of the rendered report gets: tags and text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.words = set(), []
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(source))

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def report(text, frame=None):
    return markdown_report(
        title=text,
        first=[text],
        sentences=[text, text],
        sections=[(text, text), (text, f"{text}\n{text}"), ("t", frame if frame is not None else "")],
    )


def test_a_report_reads_from_caveats_to_findings_to_tables():
    source = markdown_report(
        title="High-value manufacturing",
        first=["The firms are synthetic."],
        sentences=["Counted: 3.", "Found: 1."],
        sections=[
            ("Clusters", pd.DataFrame({"cluster": ["C1"], "share": [0.25]})),
            ("Nothing", pd.DataFrame({"cluster": []})),
            ("Rows", "one\ntwo"),
        ],
    )
    assert source == (
        "# High-value manufacturing\n\n> The firms are synthetic.  \n\n1. Counted: 3.\n2. Found: 1.\n\n"
        "## Clusters\n\n| cluster | share |\n|:--|--:|\n| C1 | 0.25 |\n\n## Nothing\n\nNone.\n\n"
        "## Rows\n\none  \ntwo\n"
    )
    assert Page(source).tags <= TAGS


def test_no_caveat_needs_no_quotation():
    assert ">" not in markdown_report(title="t", first=[], sentences=["s"], sections=[])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.25, "0.25"), (0.0001234, "0.000123"), (12.0, "12"), (3.0, "3"), (1234.5, "1,234"), (31.416, "31.4"),
        (-2500.4, "-2,500"), (np.float64(0.5), "0.5"), (float("nan"), "–"), (None, "–"), (pd.NA, "–"), (pd.NaT, "–"),
        (float("inf"), "inf"), (7, "7"), (True, "True"), ("a | b", "a \\| b"),
    ],
)  # fmt: skip
def test_cells_are_rounded_the_way_they_are_read(value, shown):
    frame = pd.DataFrame({"v": pd.Series([value], dtype=object)})
    assert markdown_table(frame).splitlines()[2] == f"| {shown} |"


def test_numbers_stand_to_the_right():
    frame = pd.DataFrame({"a": ["x"], "b": [1], "c": [1.5]})
    assert markdown_table(frame).splitlines()[1] == "|:--|--:|--:|"


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>", "${alert(1)}", "`", "a & b", "&lt;b&gt;", "&#60;img&#62;", "**bold**",
        "[x](javascript:alert(1))", "![x](http://evil.example/x.png)", "<http://evil.example>", "- item", "+ item",
        "1. item", "12) item", "> quotation", "===", "---", "# heading", "    code", "~~~", "a | b", "\\", "\\<b>",
        "[a]: http://evil.example", "*", "_", "x\n\n<script>alert(1)</script>", "a\u2028# b", "<!-- ", "</td>", "|",
        "O'Neill & Sons \"Ltd\"", "https://evil.example", "www.evil.example", "$x$", "10% - 20%", "2024. A year",
    ],
)  # fmt: skip
def test_text_from_data_is_shown_as_it_is(text):
    shown = " ".join(text.split())
    page = Page(report(text, pd.DataFrame({text: [text, "x"], "n": [1, 2]})))
    assert page.tags <= TAGS
    assert page.text.count(shown) >= 10 - 1
    assert Page(f"{escaped(text)}\n").text == shown


@pytest.mark.parametrize(
    "text", ["https://evil.example/a", "see http://evil.example", "www.evil.example", "ftp://e.example"]
)
def test_an_address_in_data_becomes_no_link(text):
    # readers that make links of bare addresses look for these beginnings
    source = escaped(text)
    assert not any(mark in source for mark in ("http://", "https://", "ftp://", "www."))
    assert Page(source).text == text


def test_signs_that_turn_the_direction_of_writing_are_shown():
    assert "\u202e" not in report("abc\u202egnp.exe\x1b[2J")
    assert Page(escaped("abc\u202ed")).text == "abc\\u202ed"


def test_a_nested_list_keeps_its_depth_and_nothing_of_it_becomes_markup():
    source = markdown_report(
        title="t",
        first=[],
        sentences=["s"],
        sections=[("Tree", [(0, "C1 <b>"), (1, "1. C2"), (0, "C3")]), ("No", [])],
    )
    assert "## Tree\n\n- C1 &lt;b&gt;\n  - 1\\. C2\n- C3\n\n## No\n\nNone." in source
    assert Page(source).tags <= TAGS | {"ul"}
