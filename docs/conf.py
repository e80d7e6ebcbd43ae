"""How the documentation is built: Markdown pages, executed notebooks, and a reference from the docstrings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import clustermap as cm

HERE = Path(__file__).resolve().parent
EXECUTED = HERE.parent / "out" / "notebooks"

project, author = "clustermap", "The clustermap developers"
release = version = cm.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode", "numpydoc"]
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # notebooks come executed from `make notebooks`
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
autosummary_generate = ["_made/reference.rst"]
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = "clustermap"
html_theme_options = {"show_toc_level": 2}
suppress_warnings = ["mystnb.unknown_mime_type"]

_GROUPS = {
    "Sources": ("sources", "ledger", "datasets", "errors"),
    "Tables": ("tables",),
    "Weights": ("weights",),
    "Measures": ("measures",),
    "Autocorrelation": ("autocorrelation",),
    "Detection": ("detection",),
    "Borders": ("borders",),
    "Maps and studies": ("maps", "study", "testing"),
}


def _reference() -> str:
    """List every public name under its room, so that the page cannot lag behind the code."""
    lines = ["Reference", "=========", "", "Every public name, from ``import clustermap as cm``.", ""]
    homes = cm._HOMES | cm._ROOMS  # noqa: SLF001 - the table of the front door
    for title, rooms in _GROUPS.items():
        names = sorted(name for name, home in homes.items() if home.split(".")[0] in rooms)
        lines += [title, "-" * len(title), "", ".. autosummary::", "   :toctree: api", ""]
        lines += [*(f"   clustermap.{name}" for name in names), ""]
    return "\n".join(lines)


def _prepare() -> None:
    """Write what is made at build time: the reference, and the notebooks as they ran."""
    made = HERE / "_made"
    shutil.rmtree(made, ignore_errors=True)
    (made / "notebooks").mkdir(parents=True)
    (made / "reference.rst").write_text(_reference(), encoding="utf-8")
    for file in sorted(EXECUTED.glob("*.ipynb")):
        shutil.copy(file, made / "notebooks" / file.name)


def _formula(translator: Any, node: Any) -> None:
    """Write a formula as MathML, which browsers draw without a network."""
    from docutils.nodes import SkipNode
    from latex2mathml.converter import convert

    block = node.tagname == "math_block"
    formula = convert(node.astext(), display="block" if block else "inline")
    translator.body.append(f'<div class="formula">{formula}</div>' if block else formula)
    raise SkipNode


def setup(app: Any) -> None:
    """Tell Sphinx about the parts above."""
    from sphinx.writers.html5 import HTML5Translator

    class Translator(HTML5Translator):
        visit_math = visit_math_block = _formula

    app.set_translator("html", Translator, override=True)


_prepare()
