from __future__ import annotations

import copy
import doctest
import importlib
import pickle
import runpy

import pytest

from clustermap import errors
from clustermap.errors import ClusterMapError, examples, printable

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClusterMapError)
]


def test_what_the_room_offers_is_there():
    offered = runpy.run_path(errors.__file__)  # run again: pytest has read it before coverage counts
    assert set(errors.__all__) <= set(offered)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_an_error_says_what_why_and_how_to_mend(kind):
    error = kind("CM-X-001", "3 of 9 rows have no code", why="they are in no area", fix='code="LAD22CD"')
    assert str(error) == (
        '[CM-X-001] 3 of 9 rows have no code\nWhy it matters: they are in no area\nMend it: code="LAD22CD"'
    )
    assert isinstance(error, ClusterMapError)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_an_error_comes_back_whole_from_a_worker_process(kind):
    error = kind("CM-X-001", "what", why="why", fix="fix")
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(back) is kind
        assert str(back) == str(error)
        assert (back.code, back.what, back.why, back.fix) == ("CM-X-001", "what", "why", "fix")


def test_parts_that_are_not_known_are_left_out():
    assert str(ClusterMapError("CM-X-001", "what")) == "[CM-X-001] what"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [("InputError", ValueError), ("OptionError", TypeError), ("OptionError", ValueError), ("StorageError", OSError),
     ("NetworkError", OSError), ("StatisticsError", ValueError), ("CrsError", ValueError)],
)  # fmt: skip
def test_the_usual_except_clauses_catch_them(kind, builtin):
    assert issubclass(getattr(errors, kind), builtin)


def test_five_examples_are_shown_and_more_are_hinted_at():
    assert examples([]) == ""
    assert (
        examples((i, f"A{i}") for i in range(5))
        == "row 0 (A0), row 1 (A1), row 2 (A2), row 3 (A3), row 4 (A4)"
    )
    assert examples((i, "A") for i in range(6)).endswith("row 4 (A), …")


def test_an_example_never_fills_the_screen():
    assert len(examples([(1, "x" * 10_000)])) < 80


@pytest.mark.parametrize("text", ["\x1b[2J", "\x07", "\u202egnp.exe", "\u2028", "\ud800", "\x00"])
def test_text_from_data_cannot_steer_a_terminal(text):
    shown = str(ClusterMapError("CM-X-001", f"firm {text}", fix=text)) + examples([(1, text)])
    assert text not in shown
    shown.encode("utf-8")


def test_letters_of_all_languages_are_shown_as_they_are():
    text = "Ynys Môn, Győr-Moson-Sopron, Île-de-France, 東京"
    assert printable(text) == text


@pytest.mark.parametrize(
    "module",
    [
        "errors",
        "ledger",
        "randomness",
        "storage",
        "progress",
        "datasets",
        "reports.tables",
        "reports.document",
    ],
)
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(f"clustermap.{module}"))
    assert result.attempted
    assert not result.failed
