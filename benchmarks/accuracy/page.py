"""Write what is recorded of all detectors on planted worlds into the tables of ``benchmarks/README.md``."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import rows

PAGE = Path(__file__).resolve().parents[1] / "README.md"
RECOMMENDED, UNTOLD = "scan, auto", "oracle, size not told"
TABLES = {  # between these markers of the page: the detectors of one table, as they are headed there
    "others": {
        name: name
        for name in (
            "LQ > 1.25",
            "exact Poisson + BH",
            "LISA HH",
            "circles",
            "DBSCAN",
            "DBSCAN, weighted",
            "HDBSCAN",
        )
    },
    "bounds": {
        "scan, homogeneous": "even background",
        "scan, field": "field",
        "scan, minimum effect": "minimum effect",
        "scan, minimum effect, own truth": "— on its own truth",
        "oracle, most likely set": "oracle: most likely set",
        "oracle, likely areas": "oracle: likely areas",
        "oracle, likely links": "oracle: likely links",
        UNTOLD: "oracle: size not told",
    },
}
GROUND_METHODS = (
    "surface",
    "surface, half",
    "dbscan",
    "hdbscan",
    "scan, minimum effect",
    "scan, homogeneous",
)
Cells = dict[str, dict[str, Any]]


def _known(value: float | None) -> bool:
    """Say whether there is a figure: not where nothing is planted, or nothing found."""
    return value is not None and not math.isnan(value)


def _two(value: float | None) -> str:
    return f"{value:.2f}" if _known(value) else "–"


def _exact(figures: dict[str, Any]) -> str:
    """Recall and precision with their standard errors."""
    if not _known(figures["recall"]):
        return "–"
    return " / ".join(f"{_two(figures[k])} ({_two(figures[f'{k}_se'])})" for k in ("recall", "precision"))


def _short(figures: dict[str, Any] | None) -> str:
    """Recall and precision, and the share of worlds with any false link."""
    if figures is None:
        return "–"
    false = f"{figures['false_share']:.0%}"
    if not _known(figures["recall"]):
        return f"{false} false"
    return f"{_two(figures['recall'])} / {_two(figures['precision'])}, {false}"


def _target(row: rows.Row) -> str:
    if row.null:
        return f"≤ {row.false_share:.0%} false"
    return f"{row.recall} / {row.precision}"


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def recommended(test: dict[str, Cells], more: dict[str, Cells]) -> str:
    """Tell of the recommended detector, beside its targets."""
    body = []
    for name, row in rows.ROWS.items():
        figures = test.get(name, {}).get(RECOMMENDED)
        again, bound = (more.get(name, {}).get(one) for one in (RECOMMENDED, UNTOLD))
        found = [_exact(figures), f"{figures['false_share']:.1%}"] if figures else ["–", "–"]
        other = f"{_exact(again)}, {again['false_share']:.1%} of {again['runs']} false" if again else "–"
        body.append([name, *found, other, _exact(bound) if bound else "–", _target(row)])
    head = [
        "World",
        "Recall / precision",
        "Any false link",
        "On more worlds",
        "Oracle on them, size not told",
        "Target",
    ]
    return _table(head, body)


def beside(test: dict[str, Cells], names: dict[str, str]) -> str:
    """Tell of other detectors, those of which anything is recorded."""
    own = [name for name in names if any(name in cells for cells in test.values())]
    body = [[row, *(_short(test.get(row, {}).get(name)) for name in own)] for row in rows.ROWS]
    return _table(["World", *(names[name] for name in own)], body)


def on_ground(found: dict[str, Cells]) -> str:
    """Tell of detectors among firms: recall and precision of the ground, and of the sector's firms."""
    own = [name for name in GROUND_METHODS if any(name in cells for cells in found.values())]

    def said(figures: dict[str, Any] | None) -> str:
        if figures is None:
            return "–"
        if not _known(figures["ground_recall"]):
            return f"{figures['found_anything']:.0%} of maps"
        of = (
            _two(figures[f"{what}_{kind}"])
            for what in ("ground", "firms")
            for kind in ("recall", "precision")
        )
        return "{} / {}; {} / {}".format(*of)

    body = [[row, *(said(found.get(row, {}).get(name)) for name in own)] for row in rows.GROUNDS]
    return _table(["World", *own], body)


def with_traps(found: dict[str, Cells]) -> str:
    """Tell how often traps are rejected, and the recall of the planted links in the same runs."""
    names = list(dict.fromkeys(name for cells in found.values() for name in cells))
    body = [
        [row, *(f"{c[n]['rejected']:.0%}, {c[n]['recall']:.2f}" if n in c else "–" for n in names)]
        for row, c in ((row, found.get(row, {})) for row in rows.DECOYS)
    ]
    return _table(["Trap", *names], body)


def write_page(
    test: dict[str, Any], more: dict[str, Any], ground: dict[str, Any], decoys: dict[str, Any]
) -> None:
    """Put the tables between their markers; nothing else of the page changes."""
    made = {"recommended": recommended(test.get("rows", {}), more.get("rows", {}))}
    made |= {name: beside(test.get("rows", {}), names) for name, names in TABLES.items()}
    made["ground"] = on_ground(ground.get("rows", {}))
    made["decoys"] = with_traps(decoys.get("rows", {}))
    text = PAGE.read_text(encoding="utf-8")
    for name, table in made.items():
        between = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, many = between.subn(lambda m, table=table: m[1] + table + "\n" + m[2], text)
        if many != 1:
            raise SystemExit(f"{PAGE.name} has {many} places for the table {name!r}, not one")
    PAGE.write_text(text, encoding="utf-8")
