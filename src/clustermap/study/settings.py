"""What a study file may say: every section, every key, and the kind of its value."""

from __future__ import annotations

import difflib
from typing import Any

from clustermap.errors import OptionError, plural

__all__ = ["INPUTS", "check_settings"]

_TEXT, _WHOLE, _NUMBER, _FLAG, _LIST, _TABLE = (str,), (int,), (int, float), (bool,), (list,), (dict,)
_WORDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}
_SHAPES: dict[str, tuple[type, ...]] = {
    "source": _TEXT,
    "vintage": _WHOLE + _TEXT,
    "code": _TEXT,
    "name": _TEXT,
    "crs": _TEXT + _WHOLE,
    "project_to": _TEXT + _WHOLE,
    "keep": _TEXT + _LIST,
}
KEYS: dict[str, dict[str, tuple[type, ...]]] = {
    "study": {"title": _TEXT, "name": _TEXT, "seed": _WHOLE, "sector": _TEXT, "first": _TEXT + _LIST},
    "areas": _SHAPES,
    "authorities": _SHAPES,
    "lookup": {
        "source": _TEXT, "area": _TEXT, "authority": _TEXT, "name": _TEXT, "share": _TEXT, "also": _LIST,
    },
    "firms": {
        "source": _TEXT, "columns": _TABLE, "crs": _TEXT + _WHOLE, "project_to": _TEXT + _WHOLE,
        "postcodes": _TEXT, "location_kind": _TEXT, "status": _TEXT,
    },
    "table": {
        "source": _TEXT, "area": _TEXT, "sector": _TEXT, "value": _TEXT, "measure": _TEXT, "where": _TABLE,
        "match": _TEXT, "rename": _TABLE, "rounded": _FLAG, "nation": _TEXT,
    },
    "tabulate": {"sectors": _TEXT + _TABLE, "value": _TEXT, "codes": _TEXT, "overlap": _TEXT},
    "quotient": {"interval": _NUMBER, "correction": _TEXT, "reference": _TEXT + _LIST},
    "weights": {"rule": _TEXT, "snap_m": _NUMBER, "islands": _TEXT},
    "moran": {
        "permutations": _TEXT + _WHOLE, "alternative": _TEXT, "correction": _TEXT, "alpha": _NUMBER,
        "rates": _TEXT, "transformation": _TEXT,
    },
    "detection": {
        "background": _TEXT, "minimum_lq": _NUMBER, "levels": _LIST, "penalty": _NUMBER, "max_share": _NUMBER,
        "permutations": _WHOLE, "alpha": _NUMBER,
    },
    "crossing": {"overlap": _TEXT},
    "line": {"members": _LIST, "permutations": _WHOLE, "null": _TEXT},
    "map": {"tiles": _TEXT, "firms": _FLAG},
}  # fmt: skip
INPUTS = ("areas", "authorities", "lookup", "firms", "table")


def check_settings(head: Any, inputs: Any, options: dict[str, Any]) -> None:
    """Refuse sections and keys that do not exist, and values of another kind than their key takes.

    Raises
    ------
    OptionError
        CM-STUDY-002: no such section or key, with the nearest one that exists; CM-STUDY-007: values of the wrong
        kind, all of them at once.
    """
    if not isinstance(inputs, dict):
        raise OptionError(
            "CM-STUDY-007",
            f"inputs is {_kind(inputs)}, where a table is wanted",
            why="it says where areas, authorities and firms come from",
            fix="[inputs.firms], [inputs.areas], [inputs.authorities]",
        )
    wrong = _check({"study": head}, {"study"}, "")
    wrong += _check(inputs, set(INPUTS), "inputs.")
    wrong += _check(options, set(KEYS) - set(INPUTS) - {"study"}, "")
    if wrong:
        raise OptionError(
            "CM-STUDY-007",
            f"{plural(len(wrong), 'setting has', 'settings have')} a value of the wrong kind: {'; '.join(wrong)}",
            why="a setting that cannot be read as it is meant would be guessed at",
            fix="clustermap new STUDY.toml   # shows how each is written",
        )


def _check(sections: dict[str, Any], known: set[str], prefix: str) -> list[str]:
    wrong = []
    for section, content in sections.items():
        if section not in known:
            raise _unknown(f"[{prefix}{section}]", section, known)
        if not isinstance(content, dict):
            wrong.append(f"{prefix}{section} is {_kind(content)}, not a table such as [{prefix}{section}]")
            continue
        for key, value in content.items():
            if key not in KEYS[section]:
                raise _unknown(f"[{prefix}{section}] {key}", key, set(KEYS[section]))
            if not _fits(value, KEYS[section][key]):
                wanted = _wanted(KEYS[section][key])
                wrong.append(f"[{prefix}{section}] {key} is {_kind(value)} ({value!r:.40}), not {wanted}")
    return wrong


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    return type(value) in kinds  # exactly: true is no whole number


def _wanted(kinds: tuple[type, ...]) -> str:
    return "a number" if kinds == _NUMBER else " or ".join(_WORDS[kind] for kind in kinds)


def _kind(value: object) -> str:
    return _WORDS.get(type(value), "a date or time")


def _unknown(what: str, key: str, known: set[str]) -> OptionError:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return OptionError(
        "CM-STUDY-002",
        f"a study file has no {what}",
        why="a misspelt setting would be ignored without any sign of it",
        fix=f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(sorted(known))}",
    )
