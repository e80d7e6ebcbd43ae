"""What kind of value an option of detection is: told before anything is compared with it."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from clustermap.errors import OptionError

__all__ = ["check_kinds"]

_NUMBERS = ("minimum_lq", "max_share", "alpha")
_ABSENT_OR_NUMBERS = ("penalty", "radius_m", "minimum")
_TEXTS = ("method", "background", "likelihood", "value", "stacks")
_ABSENT_OR_TEXTS = ("preset", "codes")
_SHOWN = 60


def check_kinds(**options: Any) -> None:
    """Refuse numbers that are texts or lists, counts that are not whole, and levels that are no sequence.

    Raises
    ------
    OptionError
        CM-SCAN-002.

    Examples
    --------
    >>> check_kinds(alpha=0.05, levels=(1.5, 2), permutations=999)
    >>> check_kinds(permutations=99.5)
    Traceback (most recent call last):
    clustermap.errors.OptionError: [CM-SCAN-002] permutations=99.5 is no whole number
    Why it matters: a value of another kind would be compared with what it is not
    Mend it: permutations=999
    """
    for name, value in options.items():
        wrong = _wrong(name, value)
        if wrong:
            told = repr(value)
            raise OptionError(
                "CM-SCAN-002",
                f"{name}={told if len(told) <= _SHOWN else told[:_SHOWN] + '…'} is {wrong}",
                why="a value of another kind would be compared with what it is not",
                fix=_USUAL[name],
            )


_USUAL = {
    "minimum_lq": "minimum_lq=1.25", "max_share": "max_share=0.25", "alpha": "alpha=0.05", "penalty": "penalty=1.5",
    "radius_m": "radius_m=5_000", "minimum": "minimum=10", "permutations": "permutations=999",
    "levels": "levels=(1.5, 2)", "method": 'method="scan"', "background": 'background="minimum-effect"',
    "likelihood": 'likelihood="poisson"', "value": 'value="firms"', "stacks": 'stacks="keep"',
    "preset": 'preset="wipo2018"', "codes": 'codes="first"',
}  # fmt: skip


def _wrong(name: str, value: Any) -> str:
    """Say what a value is not; nothing where it is of the right kind."""
    if name == "levels":
        listed = isinstance(value, list | tuple | np.ndarray) and all(map(_is_number, value))
        return "" if listed else "no list of numbers"
    if name == "permutations":
        return "" if _is_whole(value) else "no whole number"
    absent = name in _ABSENT_OR_NUMBERS + _ABSENT_OR_TEXTS and value is None
    if name in _TEXTS + _ABSENT_OR_TEXTS:
        return "" if absent or isinstance(value, str) else "no text"
    return "" if absent or _is_number(value) else "no number"


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False


def _is_whole(value: Any) -> bool:
    try:
        return not isinstance(value, bool | np.bool_) and abs(operator.index(value)) < 1 << 31
    except TypeError:
        return False
