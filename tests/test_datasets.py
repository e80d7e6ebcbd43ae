from __future__ import annotations

import pandas as pd
import pytest

from clustermap import datasets
from clustermap.errors import InputError


def test_what_is_listed_can_be_read():
    assert {"firms", "firms_null", "lad_2022", "lep_2017", "lep_2021", "mca_2022", "region_2022"} <= set(
        datasets.available()
    )
    for name in datasets.available():
        assert len(pd.read_parquet(datasets.path(name))) > 0


@pytest.mark.parametrize(
    "name",
    ["lep_2018", "", "../firms", "firms/../firms", "/etc/passwd", "a\x00b", "FIRMS.parquet", "x" * 500],
)
def test_an_unknown_name_is_an_error_that_lists_the_known(name):
    with pytest.raises(InputError, match="CM-DATA-002") as error:
        datasets.path(name)
    assert "lep_2017" in error.value.fix


def test_an_installation_without_its_data_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "files", lambda _: tmp_path)
    monkeypatch.setattr(datasets, "__file__", str(tmp_path / "a" / "b" / "c" / "datasets.py"))
    with pytest.raises(InputError, match="CM-DATA-001"):
        datasets.path("firms")


def test_the_data_of_an_installed_wheel_comes_first(monkeypatch, tmp_path):
    for kind in ("boundaries", "firm_data"):
        (tmp_path / "_data" / kind).mkdir(parents=True)
    (tmp_path / "_data" / "firm_data" / "firms.parquet").write_bytes(b"")
    monkeypatch.setattr(datasets, "files", lambda _: tmp_path)
    assert datasets.path("firms").parent == tmp_path / "_data" / "firm_data"
    assert datasets.available() == ["firms"]
