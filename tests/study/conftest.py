"""The demo study, run once for all tests of this room."""

from __future__ import annotations

import pytest

from clustermap.study import Study, run_study
from clustermap.study.declaration import demo_path


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo's result and its folder."""
    return run_study(Study.from_toml(demo_path()), tmp_path_factory.mktemp("demo") / "hvm")
