"""Every example runs and gives what it says: those of the docstrings, and those of the pages on statistics."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import warnings
from pathlib import Path

import pytest

import clustermap as cm

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(DOCS.glob("statistics/*.md"))
ROOMS = sorted(m.name for m in pkgutil.walk_packages(cm.__path__, "clustermap.") if "__main__" not in m.name)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_say_what_comes_out(room):
    module = importlib.import_module(room)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", cm.ClusterMapWarning
        )  # what an example warns about is not its subject
        failed, _ = doctest.testmod(module)
    assert failed == 0


@pytest.mark.checkout
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_examples_of_a_page_run(page):
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks, f"{page.name} shows no example"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cm.ClusterMapWarning)
        exec(compile("\n".join(blocks), page.name, "exec"), {"__name__": "__page__"})  # noqa: S102 - our own pages


@pytest.mark.checkout
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_answers_the_same_questions(page):
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {"Question", "Formula", "Null model", "When to use", "How it misleads", "Source"} <= set(headings)
