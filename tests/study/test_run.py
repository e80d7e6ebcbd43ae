from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from clustermap import read_lookup
from clustermap.datasets import path
from clustermap.errors import InputError
from clustermap.reports import read_csv
from clustermap.study import OUTPUTS, Study, recorded_study, run_study, study_map
from clustermap.study.declaration import demo_path
from clustermap.study.result import line_text, p_text


def test_every_declared_file_is_there(demo):
    assert tuple(demo.files) == OUTPUTS
    assert all(path.stat().st_size for path in demo.files.values())


def test_what_is_found_is_what_was_planted_and_crosses_the_named_leps(demo):
    planted = set(read_csv(path("firms").parent / "planted.csv")["code"])
    best = demo.clusters.frame.iloc[0]["cluster"]
    found = set(demo.clusters.members.set_index("cluster").loc[[best], "area"])
    assert len(found & planted) / len(found) >= 0.8
    crossed = set(demo.crossing.frame.set_index("cluster").loc[[best], "authority"])
    assert len(crossed & set(demo.study.options["line"]["members"])) >= 3


def test_nothing_planted_finds_nothing_and_says_so(tmp_path):
    text = demo_path().read_text(encoding="utf-8").replace("embedded:firms", "embedded:firms_null")
    (tmp_path / "null.toml").write_text(text, encoding="utf-8")
    result = run_study(Study.from_toml(tmp_path / "null.toml"), tmp_path / "out")
    assert result.clusters.frame.empty
    assert "no connected set" in result.summary()
    assert len(result.sentences()) == 5
    assert list(pd.read_csv(result.files["crossing.csv"]).columns) == list(demo_columns())


def demo_columns():
    return ("cluster", "authority", "name", "value", "share")


def test_five_sentences_say_what_was_found_and_how_sure(demo):
    said = demo.sentences()
    assert [s.split(":")[0].split("?")[0] for s in said] == [
        "Counted",
        "Found",
        "Crossed",
        "How sure",
        "A line",
    ]
    assert demo.clusters.frame.iloc[0]["cluster"] in said[1]
    assert "seed 7" in said[3]


def test_synthetic_and_generalised_are_said_first(demo):
    said = " ".join(demo.caveats())
    assert "synthetic" in said
    assert "generalised, not for measurement" in said
    assert "authority of 2017 is not confirmed by an official table" in said
    report = demo.files["report.md"].read_text(encoding="utf-8")
    assert report.index("synthetic") < report.index("Found:")


def test_a_set_that_data_selected_is_held_against_sets_selected_in_the_same_way(demo):
    assert demo.line.null == "permute-and-reselect"
    assert demo.named_line.null == "connected-subsets"


def test_sentences_say_which_question_was_asked(demo):
    any_excess = replace(demo.clusters, minimum_lq=1.0, background="homogeneous")
    as_they_are = replace(demo.moran, correction="none")
    said = replace(demo, clusters=any_excess, moran=as_they_are).sentences()
    assert "more than 1 times" in said[1]
    assert "without correction" in said[3]
    assert "more than 1.25 times" in demo.sentences()[1]


def test_what_lies_in_no_authority_is_no_authority(demo):
    frame = demo.crossing.frame.copy()
    smallest = frame.index[frame["cluster"] == "C1"][-1]
    frame.loc[smallest, ["authority", "name"]] = "(none)"
    said = replace(demo, crossing=replace(demo.crossing, frame=frame)).sentences()[2]
    assert f"lies in {(frame['cluster'] == 'C1').sum() - 1} authorities" in said
    assert f"and with {frame.loc[smallest, 'share']:.0%} in none" in said
    frame.loc[frame["cluster"] == "C1", "authority"] = "(none)"
    said = replace(demo, crossing=replace(demo.crossing, frame=frame)).sentences()[2]
    assert "C1 lies in no authority;" in said


def test_areas_csv_is_the_quotients_frame(demo):
    written = read_csv(demo.files["areas.csv"])
    pd.testing.assert_frame_equal(
        written[["lq", "lower", "upper", "p", "q", "shrunk"]],
        demo.quotients.frame.reset_index(drop=True)[["lq", "lower", "upper", "p", "q", "shrunk"]],
        check_exact=False,
        rtol=1e-12,
    )


def test_the_geopackage_has_three_layers_that_agree_with_the_result(demo):
    import pyogrio

    layers = dict(pyogrio.list_layers(demo.files["clusters.gpkg"]))
    assert set(layers) == {"footprints", "areas", "pairs"}
    areas = pyogrio.read_dataframe(demo.files["clusters.gpkg"], layer="areas")
    assert len(areas) == len(demo.areas)
    assert set(areas.loc[areas["cluster"].notna(), "code"]) == set(demo.clusters.members["area"])


def test_the_manifest_names_inputs_seed_ledger_and_outputs(demo):
    manifest = json.loads(demo.files["manifest.json"].read_text(encoding="utf-8"))
    assert manifest["parameters"]["detect_clusters"]["seed"] == 7
    firms = manifest["ledgers"]["firms"]
    assert firms["n_in"] == firms["accepted"] + firms["repaired"] + firms["set_aside"]
    assert set(manifest["outputs"]) == set(OUTPUTS) - {"manifest.json"}
    assert {i["role"] for i in manifest["inputs"]} == {"firms", "areas", "authorities"}


def test_the_same_study_gives_the_same_bytes(demo, tmp_path):
    again = run_study(Study.from_toml(demo_path()), tmp_path / "again")
    for name in OUTPUTS:
        assert again.files[name].read_bytes() == demo.files[name].read_bytes(), name


def test_progress_runs_from_nothing_to_all(tmp_path, demo):
    seen = []
    run_study(demo.study, tmp_path / "seen", progress=lambda done, total: seen.append((done, total)))
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
    assert seen[-1][0] == seen[-1][1]


def test_the_map_of_a_finished_run_can_be_drawn_again(demo, tmp_path):
    folder = demo.files["map.html"].parent
    assert recorded_study(folder).name == demo.study.name
    study_map(demo, title="Another heading").save(tmp_path / "hub.html")
    assert "Another heading" in (tmp_path / "hub.html").read_text(encoding="utf-8")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="CM-STUDY-006"):
        recorded_study(tmp_path)


def test_one_line_and_html_of_a_result_escape_what_they_show(demo):
    assert repr(demo).startswith("<StudyResult: hvm")
    assert demo._repr_html_().startswith("<pre>")


@pytest.mark.parametrize(("p", "text"), [(0.0001, "0.0001"), (0.05, "0.0500"), (0.456, "0.46")])
def test_p_is_rounded_the_way_it_is_read(p, text):
    assert p_text(p) == text


def test_a_line_in_words_says_when_it_is_not_connected(demo):
    assert "p = " in line_text(demo.named_line)


@pytest.fixture
def table_study(tmp_path, demo):
    """A published table and a lookup instead of firms and polygons."""
    long = demo.table.values.rename_axis("district").reset_index()
    long["rest"] = (demo.table.area_totals - demo.table.values["hvm"]).to_numpy()
    long = long.melt("district", value_vars=["hvm", "rest"], var_name="industry", value_name="count")
    long["year"] = 2021
    long.to_csv(tmp_path / "counts.csv", index=False)
    members = demo.crossing.membership.assign(name=lambda f: f["authority"].map(demo.authorities.names))
    members = members[members["name"].notna()]
    members[["area", "authority", "name"]].to_csv(tmp_path / "lookup.csv", index=False)
    (tmp_path / "study.toml").write_text(
        """
[study]
title = "A table"
sector = "hvm"
first = "Made from the demo."
[inputs.areas]
source = "lad"
[inputs.table]
source = "counts.csv"
area = "district"
sector = "industry"
value = "count"
where = { year = 2021 }
[inputs.lookup]
source = "lookup.csv"
area = "area"
authority = "authority"
name = "name"
also = [["E07000035", "E37000006"]]
[detection]
permutations = 99
""",
        encoding="utf-8",
    )
    return tmp_path


def test_a_published_table_and_a_lookup_give_the_same_counts(table_study, demo):
    result = run_study(Study.from_toml(table_study / "study.toml"), table_study / "out")
    assert result.firms is None
    pd.testing.assert_series_equal(
        result.table.values["hvm"], demo.table.values["hvm"], check_names=False, check_index_type=False
    )
    assert result.named_line is None
    assert result.caveats()[0] == "Made from the demo."
    assert set(
        read_lookup(table_study / "lookup.csv", area="area", authority="authority").frame["authority"]
    ) == set(result.authorities.frame.index)


def test_a_study_of_several_levels_shows_the_tree_and_counts_each_ground_once(tmp_path, written, minimal):
    levels = "[detection]\nminimum_lq = 1.0\nlevels = [1.5, 2]\npermutations = 99\n[map]\nfirms = false\n"
    result = run_study(Study.from_toml(written(minimal + levels)), tmp_path / "out")
    report = result.files["report.md"].read_text(encoding="utf-8")
    shown = report.split("## What lies inside what")[1].split("##")[0].strip().splitlines()
    depth = result.clusters.tree["depth"].tolist()
    assert [(len(line) - len(line.lstrip())) // 2 for line in shown] == depth
    assert max(depth) > 0
    widest = int((result.clusters.frame["level"] == 1).sum())
    more = len(depth) - widest
    assert f"Found: {widest} cluster{'s' if widest > 1 else ''} (and {more} at higher levels)" in report
