from __future__ import annotations

import io
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from clustermap import detect_clusters, draw_tree
from clustermap.errors import OptionError
from clustermap.testing import make_world


@pytest.fixture(scope="module")
def nested():
    world = make_world(planted="chain", relative_risk=3.0, seed=4)
    return detect_clusters(world.table, world.graph, minimum_lq=1, levels=(1.5, 2), permutations=99, seed=1)


def marks(figure):
    return np.asarray(figure.axes[0].collections[0].get_offsets())


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_cluster_is_one_row_at_its_level(nested):
    figure, tree = draw_tree(nested), nested.tree
    axes = figure.axes[0]
    levels = [float(tick.get_text()) for tick in axes.get_xticklabels()]
    assert marks(figure)[:, 1].tolist() == list(range(len(tree)))
    assert [levels[int(x)] for x in marks(figure)[:, 0]] == tree["level"].tolist()
    assert [told.split()[0] for told in words(figure)] == tree["cluster"].tolist()


def test_a_line_leads_from_every_inner_cluster_to_the_one_around_it(nested):
    figure, tree = draw_tree(nested), nested.tree
    at = dict(zip(tree["cluster"], marks(figure).tolist(), strict=True))
    drawn = [(line.get_xydata()[0].tolist(), line.get_xydata()[-1].tolist()) for line in figure.axes[0].lines]
    inner = tree[tree["parent"].notna()]
    assert len(inner)
    assert drawn == [(at[row.parent], at[row.cluster]) for row in inner.itertuples()]


def test_the_ground_of_a_mark_is_its_number_of_firms(nested):
    size = draw_tree(nested).axes[0].collections[0].get_sizes()
    value = nested.tree["value"].to_numpy()
    large = size > size.min()
    assert size[large] / size.max() == pytest.approx(value[large] / value.max())


def test_text_from_data_is_never_a_formula(nested):
    areas = replace(nested.areas, frame=nested.areas.frame.assign(name="$\\frac$ <b>\x1b[2J"))
    strange = replace(nested, areas=areas)
    page = io.StringIO()
    draw_tree(strange, title="$\\frac{$").savefig(page, format="svg")
    ET.fromstring(page.getvalue())  # noqa: S314 - our own text
    assert all("$\\frac$" in told and "\x1b" not in told for told in words(draw_tree(strange)))


def test_nothing_found_or_no_clusters_is_refused(nested):
    with pytest.raises(OptionError, match=r"CM-MAP-006.*no cluster to draw"):
        draw_tree(replace(nested, frame=nested.frame[:0], members=nested.members[:0]))
    with pytest.raises(OptionError, match=r"CM-MAP-006.*dict has no tree"):
        draw_tree({})


def test_without_matplotlib_the_error_says_what_to_install(nested, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(OptionError, match=r"CM-MAP-006.*matplotlib is not installed") as caught:
        draw_tree(nested)
    assert "clustermap[figures]" in str(caught.value)


def test_a_level_at_which_nothing_was_found_stands_on_the_axis(nested):
    deeper = replace(nested, levels=(*nested.levels, 9.0))
    assert [tick.get_text() for tick in draw_tree(deeper).axes[0].get_xticklabels()] == ["1", "1.5", "2", "9"]
