"""Chance is never painted as a finding, and colours can be told apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from clustermap.maps import palette
from clustermap.schema import LISA_LABELS


def _classes(value, *, p, expected=20.0, suppressed=False):
    return palette.lq_classes(
        np.array([value]),
        p=np.array([p]),
        expected=np.array([expected]),
        suppressed=np.array([suppressed]),
        alpha=0.05,
    )[0]


@pytest.mark.parametrize(
    ("value", "p", "expected", "label"),
    [
        (0.3, 0.001, 20, "below 0.5"),
        (0.5, 0.001, 20, "0.5 to 0.8"),
        (1.0, 0.9, 20, "0.8 to 1.25, about average"),
        (1.25, 0.001, 20, "1.25 to 1.5"),
        (1.7, 0.05, 20, "1.5 to 2"),
        (9.0, 0.001, 20, "2 and more"),
        (9.0, 0.051, 20, "not distinguishable from 1"),
        (0.1, 0.5, 20, "not distinguishable from 1"),
        (9.0, 0.5, 1, "too few expected to say (under 5)"),
        (9.0, np.nan, 1, "too few expected to say (under 5)"),
        (9.0, 0.001, 1, "2 and more"),
        (1.7, np.nan, 20, "1.5 to 2"),
        (np.nan, np.nan, 20, "no data"),
        (np.nan, np.nan, np.nan, "no data"),
    ],
)
def test_a_quotient_gets_the_class_that_its_evidence_allows(value, p, expected, label):
    assert palette.LQ[_classes(value, p=p, expected=float(expected))]["label"] == label


def test_a_suppressed_cell_is_shown_as_suppressed_whatever_it_holds():
    assert palette.LQ[_classes(3.0, p=0.001, suppressed=True)]["label"] == "suppressed"


def test_every_lisa_label_has_a_colour_and_those_that_find_something_a_pattern_of_their_own():
    assert tuple(palette.LISA) == LISA_LABELS
    marked = [palette.LISA[k].get("pattern") for k in ("HH", "LL", "HL", "LH")]
    assert None not in marked
    assert len(set(marked)) == 4


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colours", [[s["colour"] for s in palette.LQ[2:6]], palette.COUNT_COLOURS])
def test_more_is_darker(colours):
    light = [_luminance(c) for c in colours]
    assert light == sorted(light, reverse=True)
    assert all(a / b > 1.15 for a, b in pairwise(light))
