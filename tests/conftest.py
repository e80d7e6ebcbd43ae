"""Set-up shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder of open data beside the project, or skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CLUSTERMAP_REAL_DATA", default))
    if not (folder / "README.md").is_file():
        pytest.skip(f"real data not here ({folder.name}): set CLUSTERMAP_REAL_DATA to its folder")
    return folder
