"""The front door: every public name opens, in a process of its own imports, and unknown ones are refused."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import clustermap as cm


@pytest.mark.parametrize("name", cm.__all__)
def test_every_public_name_opens(name):
    vars(cm).pop(name, None) if name != "__version__" else None
    assert getattr(cm, name) is not None


def test_names_are_sorted_and_listed():
    assert list(cm.__all__) == sorted(cm.__all__)
    assert dir(cm) == list(cm.__all__)


def test_a_name_that_does_not_exist_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'moran_map'"):
        cm.moran_map  # noqa: B018 - the look-up is the test


def test_a_fresh_import_keeps_its_version():
    version = cm.__version__
    assert importlib.reload(cm).__version__ == version


@pytest.mark.checkout
def test_type_checkers_see_the_same_names():
    stub = (Path(cm.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
    imported = {
        a.asname for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.ImportFrom) for a in node.names
    }
    assert imported | {"__version__"} == set(cm.__all__)
