"""Study files, and the demo study run once for all tests of this room."""

from __future__ import annotations

import pytest

from clustermap.study import Study, run_study
from clustermap.study.declaration import demo_path

MINIMAL = """
[inputs.firms]
source = "embedded:firms"
[inputs.areas]
source = "lad"
[inputs.authorities]
source = "lep"
vintage = 2017
[tabulate]
sectors = "hvm"
"""


@pytest.fixture(scope="session")
def minimal():
    """The fewest lines that make a study."""
    return MINIMAL


@pytest.fixture
def written(tmp_path):
    """Write a study file."""

    def write(text):
        file = tmp_path / "study.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo's result and its folder."""
    return run_study(Study.from_toml(demo_path()), tmp_path_factory.mktemp("demo") / "hvm")
