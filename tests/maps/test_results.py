"""What the results say is what the page says: figures, classes, clusters, borders, line."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clustermap as cm
from clustermap.maps import draw_map, geometry, palette
from clustermap.sources.values import Lookup
from clustermap.tables.table import SectorTable

HOT = {"D12", "D13", "D22", "D23"}


@pytest.fixture(scope="module")
def graph(districts):
    return cm.contiguity(districts)


@pytest.fixture(scope="module")
def quotients(table):
    return cm.location_quotient(table)


@pytest.fixture(scope="module")
def clusters(table, graph):
    return cm.detect_clusters(table, graph, sector="steel", permutations=99, seed=3)


@pytest.fixture(scope="module")
def crossing(clusters, authorities):
    return cm.crossing(clusters, authorities)


@pytest.fixture(scope="module")
def page(crossing, quotients):
    return draw_map(crossing, quotients)._payload


def test_the_known_cluster_is_found_in_this_world(clusters):
    assert set(clusters.members["area"]) == HOT


def test_every_figure_of_the_quotients_is_on_the_page_exactly(page, quotients):
    frame = quotients.frame.set_index(["sector", "area"])
    for sector, own in page["facts"].items():
        for column in ("value", "expected", "lq", "lower", "upper", "p", "q", "shrunk"):
            expected = [frame.loc[(sector, code), column] for code in page["areas"]["codes"]]
            np.testing.assert_array_equal(np.array(own[column], dtype=float), expected)


def test_areas_without_firms_are_on_the_map_whether_they_stand_in_the_frame_or_not(districts):
    counts = pd.DataFrame({"steel": 0.0, "other": 50.0}, index=districts.frame.index)
    counts.iloc[:4, 0] = 30.0
    table = SectorTable.from_values(counts, areas=districts)
    short, whole = (cm.location_quotient(table, cells=cells) for cells in ("nonzero", "all"))
    assert len(short.frame) < len(whole.frame)
    assert draw_map(short)._payload["themes"] == draw_map(whole)._payload["themes"]
    assert draw_map(short)._payload["facts"] == draw_map(whole)._payload["facts"]


def test_hot_squares_are_painted_hot_and_no_other(page):
    steel = page["themes"][0]["sectors"]["steel"]
    named = {
        code: steel["classes"][k]["label"]
        for code, k in zip(page["areas"]["codes"], steel["class"], strict=True)
    }
    assert {code for code, label in named.items() if label == "2 and more"} == HOT
    assert sum(steel["counts"]) == 36


def test_raw_quotients_of_chance_are_not_painted(districts):
    rng = np.random.default_rng(11)
    noise = rng.poisson(2, len(districts)).astype(float)
    values = pd.DataFrame({"tiny": noise, "rest": 1000.0}, index=districts.frame.index)
    lq = cm.location_quotient(SectorTable.from_values(values, areas=districts))
    raw = lq.frame.query("sector == 'tiny'")["lq"]
    assert (raw > 1.5).sum() >= 3
    theme = draw_map(lq)._payload["themes"][0]["sectors"]["tiny"]
    hot = [
        n for n, swatch in zip(theme["counts"], theme["classes"], strict=True) if swatch["label"][0] in "12"
    ]
    assert sum(hot) == 0


def test_the_cluster_says_who_shares_it(page, crossing):
    (row,) = page["clusters"]["rows"]
    assert [page["areas"]["codes"][i] for i in row["areas"]] == sorted(HOT)
    assert [(a["name"], a["share"]) for a in row["authorities"]] == [
        ("Authority 0", 0.5),
        ("Authority 1", 0.5),
    ]
    assert (row["pairs"][0]["a"], row["pairs"][0]["b"]) == ("Authority 0", "Authority 1")
    assert row["pairs"][0]["border_km"] == pytest.approx(20)
    assert row["effective"] == pytest.approx(2)
    assert row["p"] == crossing.clusters.frame["p"].iloc[0]


def _walk(packed):
    return geometry.decode(packed["data"]).reshape(-1, 2).cumsum(axis=0) / geometry.DEGREES


def test_the_border_drawn_is_the_border_crossed(page):
    from pyproj import Transformer

    assert page["clusters"]["borders"]["sizes"] == [[3]] or page["clusters"]["borders"]["sizes"] == [[2]]
    lon, lat = _walk(page["clusters"]["borders"]).T
    x, y = Transformer.from_crs(4326, 27700, always_xy=True).transform(lon, lat)
    np.testing.assert_allclose(x, 420_000, atol=2)
    assert (min(y), max(y)) == pytest.approx((320_000, 340_000), abs=2)


def test_the_first_sentence_says_what_was_found_where(page):
    assert page["lead"].startswith("Steel is 2.")
    assert "4 neighbouring areas" in page["lead"]
    assert "against 1.25 times" in page["lead"]
    assert "the cluster lies in 2 authorities: Authority 0, Authority 1" in page["lead"]


def test_a_lookup_draws_the_authorities_it_names_and_overlaps_stay(clusters, districts, quotients):
    rows = [(c, f"L{int(c[1]) // 3}", f"Half {int(c[1]) // 3}", 1.0) for c in districts.frame.index]
    rows = [row for row in rows if row[0] != "D12"]
    rows += [("D12", "L0", "Half 0", 0.5), ("D12", "L1", "Half 1", 0.5)]
    lookup = Lookup(
        frame=pd.DataFrame(rows, columns=["area", "authority", "name", "share"]), kind="half", vintage=1999
    )
    page = draw_map(cm.crossing(clusters, lookup), quotients)._payload
    (outlines,) = page["authorities"]
    assert (outlines["label"], outlines["names"]) == ("half 1999", ["Half 0", "Half 1"])
    assert dict(zip(page["areas"]["codes"], outlines["of"], strict=True))["D12"] == [0, 1]


def test_authorities_dissolved_from_the_same_lookup_are_not_drawn_twice(clusters, districts, authorities):
    rows = [(c, f"A{int(c[1]) // 2}", f"Authority {int(c[1]) // 2}", 1.0) for c in districts.frame.index]
    lookup = Lookup(frame=pd.DataFrame(rows, columns=["area", "authority", "name", "share"]))
    page = draw_map(cm.crossing(clusters, lookup), areas=authorities)._payload
    assert len(page["authorities"]) == 1


def test_nothing_found_is_said_first(table, graph, authorities):
    even = table.values.assign(steel=30.0)
    even_table = SectorTable.from_values(even, areas=table.areas)
    none = cm.detect_clusters(even_table, graph, sector="steel", permutations=99, seed=3)
    assert len(none.frame) == 0
    page = draw_map(cm.crossing(none, authorities))._payload
    assert "no cluster" in page["lead"]
    assert page["clusters"]["rows"] == []


def test_the_axis_of_a_line_is_drawn(crossing, quotients):
    line = cm.line_test(crossing, permutations=99, seed=3)
    page = draw_map(crossing, quotients, line)._payload
    assert [row["label"] for row in page["lines"]] == ["Axis of cluster C1"]
    assert page["lines"][0]["shapes"]["sizes"] == [[2]]
    named = cm.line_test(crossing.authorities, members=["A0", "A1", "A2"], seed=3)
    two = draw_map(crossing, line, named)._payload
    assert [row["label"] for row in two["lines"]] == ["Axis of cluster C1", "Axis of the named set"]


def test_a_line_alone_is_a_map_of_its_areas(authorities):
    line = cm.line_test(authorities, members=["A0", "A1", "A2"], seed=3)
    page = draw_map(line)._payload
    assert page["areas"]["codes"] == ["A0", "A1", "A2"]


def test_lisa_classes_are_those_of_the_result(table, graph):
    local = cm.local_moran(table, graph, sector="steel", seed=3)
    page = draw_map(local)._payload
    theme = page["themes"][-1]["sectors"]["steel"]
    counts = local.frame["label"].value_counts()
    shown = dict(zip([s["label"] for s in theme["classes"]], theme["counts"], strict=True))
    assert shown["High beside high (HH)"] == counts.get("HH", 0)
    assert shown["Not significant"] == counts.get("not significant", 0)
    assert sum(theme["counts"]) == 36
    assert page["facts"]["steel"]["lisa_label"] == list(local.frame["label"].reindex(page["areas"]["codes"]))


def test_other_local_statistics_have_a_legend_of_their_own(table, graph):
    for local in (cm.geary(table, graph, sector="steel", correction="none", seed=3),
                  cm.losh(table, graph, sector="steel", correction="none", permutations=999, seed=3)):  # fmt: skip
        theme = draw_map(local)._payload["themes"][-1]
        steel = theme["sectors"]["steel"]
        shown = dict(zip([s["label"] for s in steel["classes"]], steel["counts"], strict=True))
        names = palette.LISA | palette.LOCAL
        counts = local.frame["label"].value_counts()
        assert shown == {
            names[k]["label"]: counts.get(k, 0) for k in (*local.kinds, *tuple(palette.LISA)[4:])
        }
        assert shown["Undefined"] == 0
        assert theme["method"].startswith(local.method[0].upper() + local.method[1:])


def test_many_sectors_of_local_moran_are_one_map(table, graph):
    results = cm.local_moran(table, graph, seed=3)
    page = draw_map(results)._payload
    assert [s["id"] for s in page["sectors"]] == ["other", "steel"]
    assert set(page["themes"][-1]["sectors"]) == {"other", "steel"}


def test_a_result_without_a_sector_is_shown_with_every_sector(table, graph, quotients):
    rate = table.values["steel"] / table.area_totals
    local = cm.local_moran(rate, graph, seed=3)
    page = draw_map(quotients, local)._payload
    assert [s["id"] for s in page["sectors"]] == ["other", "steel"]
    assert page["facts"]["steel"]["lisa_label"] == page["facts"]["other"]["lisa_label"]


def test_parameters_of_every_result_stand_in_the_method(page):
    about = {part["about"]: dict(part["parameters"]) for part in page["methods"]}
    assert about["Clusters"]["seed"] == "3"
    assert about["Clusters"]["permutations"] == "99"
    assert about["Location quotients"]["correction"].startswith("false discovery rate")
    assert "areas in several authorities" in about["Clusters across borders"]


def test_the_same_results_give_the_same_bytes(table, graph, authorities):
    def drawn():
        found = cm.detect_clusters(table, graph, sector="steel", permutations=99, seed=3)
        return draw_map(cm.crossing(found, authorities), cm.location_quotient(table)).to_html()

    assert drawn() == drawn()


@pytest.mark.parametrize(
    ("background", "told"),
    [("homogeneous", "against the same share everywhere"), ("field", "against a fitted background")],
)
def test_the_first_sentence_says_what_the_cluster_was_held_against(table, graph, background, told):
    from dataclasses import replace

    found = cm.detect_clusters(table, graph, sector="steel", permutations=99, seed=3)
    page = draw_map(replace(found, background=background))._payload
    assert told in page["lead"]
    assert "against 1.25 times" not in page["lead"]


@pytest.fixture(scope="module")
def dense_town():
    """Give 400 firms over 90 km, and 60 of 80 firms of a sector in one place: nothing is known of their kind."""
    import geopandas as gpd

    at = np.arange(400)
    x, y = 400_000 + at % 20 * 4_500.0, 300_000 + at // 20 * 4_500.0
    own = np.isin(at, np.r_[0:40, 210:216, 230:236, 190:196])
    frame = gpd.GeoDataFrame(
        {"firm_id": at.astype(str), "name": "", "sic": np.where(own, "24100", "47110")},
        geometry=gpd.points_from_xy(x, y), crs=27700,
    )  # fmt: skip
    return cm.read_firms(frame)


@pytest.mark.parametrize("method", ["surface", "dbscan"])
def test_a_map_of_clusters_of_firms_speaks_plainly(dense_town, method):
    options = {"radius_m": 18_000} if method == "surface" else {"radius_m": 9_000, "minimum": 8}
    found = cm.detect_clusters(
        dense_town, sector={"steel": ["241"]}, method=method, permutations=99, seed=1, **options
    )
    assert found.frame["area_km2"].iloc[0] > 1_000
    page = draw_map(found)._payload
    assert "against a random draw from all firms" in page["lead"]
    assert "e+0" not in page["lead"] + found.summary()
    assert page["firms"]["location"] == ""
    assert "Whether the places are workplaces or registered offices is unknown." in page["cautions"]


def _flags(page, sector):
    """Read which of the points on a page are of a sector."""
    packed = np.frombuffer(base64.b64decode(page["firms"]["of"][sector]), dtype=np.uint8)
    return np.unpackbits(packed, count=page["firms"]["n"]).astype(bool)


def _found(firms, method, sector=None):
    options = {"radius_m": 18_000} if method == "surface" else {"radius_m": 9_000, "minimum": 8}
    return cm.detect_clusters(
        firms, sector=sector or {"steel": ["241"]}, method=method, permutations=99, seed=1, **options
    )


@pytest.mark.parametrize("method", ["surface", "dbscan"])
def test_firms_of_the_sector_are_told_from_the_others_they_were_held_against(dense_town, method):
    page = draw_map(_found(dense_town, method))._payload
    steel = (dense_town.frame["sic"].astype(str) == "24100").to_numpy()
    _, order = geometry.pack_points(dense_town.frame.geometry.x, dense_town.frame.geometry.y, dense_town.crs)
    assert page["firms"]["n"] == len(dense_town)
    assert _flags(page, "steel").tolist() == steel[order].tolist()


def test_each_sector_has_firms_of_its_own_and_a_sector_without_a_cluster_too(dense_town):
    both = {"steel": ["241"], "shops": ["471"]}
    found = _found(dense_town, "surface", both)
    page = draw_map(found)._payload
    assert [sector["id"] for sector in page["sectors"]] == ["shops", "steel"]
    assert (_flags(page, "steel") != _flags(page, "shops")).all()
    none = replace(
        found, frame=found.frame.iloc[:0], members=found.members.iloc[:0], outlines=found.outlines.iloc[:0]
    )
    assert [sector["id"] for sector in draw_map(none)._payload["sectors"]] == ["shops", "steel"]


def test_firms_that_are_given_are_told_apart_by_their_identity(dense_town):
    given = replace(dense_town, frame=dense_town.frame.iloc[::-3])
    page = draw_map(_found(dense_town, "surface"), firms=given)._payload
    steel = (given.frame["sic"].astype(str) == "24100").sum()
    assert (page["firms"]["n"], _flags(page, "steel").sum()) == (134, steel)
    assert steel > 0


def test_where_all_firms_are_too_many_those_of_the_sector_are_drawn(dense_town, monkeypatch):
    monkeypatch.setattr("clustermap.maps.content._MOST_POINTS", 399)
    page = draw_map(_found(dense_town, "surface"))._payload
    assert (page["firms"]["n"], _flags(page, "steel").sum()) == (58, 58)
    assert page["firms"]["left_out"] == 342
    assert "Not drawn: 342 firms of other sectors, which are too many." in page["cautions"]


def test_where_no_sector_was_named_the_members_are_drawn_and_nothing_is_told_apart(dense_town):
    found = cm.detect_clusters(dense_town, method="dbscan", radius_m=9_000, minimum=8)
    page = draw_map(found)._payload
    assert page["firms"]["of"] == {}
    assert page["firms"]["n"] == found.members["firm_id"].nunique()


def test_the_whole_map_holds_footprints_that_reach_beyond_the_firms(dense_town):
    found = _found(dense_town, "surface")
    (south, west), (north, east) = draw_map(found)._payload["bounds"]
    low, left, high, right = (found.footprints.to_crs(4326).total_bounds)[[1, 0, 3, 2]]
    assert south <= low + 1e-4 <= high <= north + 1e-4
    assert west <= left + 1e-4 <= right <= east + 1e-4


def test_authorities_of_which_nothing_more_is_known_are_called_authorities(clusters, districts, quotients):
    rows = [(c, f"L{c[1]}", f"Half {c[1]}", 1.0) for c in districts.frame.index]
    lookup = Lookup(frame=pd.DataFrame(rows, columns=["area", "authority", "name", "share"]), vintage=None)
    page = draw_map(cm.crossing(clusters, lookup), quotients)._payload
    assert [own["label"] for own in page["authorities"]] == ["Authorities"]
