"""Run the table of checks at its full number of maps and write down what came out.

``python tests/validity/record.py`` writes ``recorded.toml`` and the tables of ``docs/validity.md``;
``--only local_moran geary`` runs the rows whose name holds one of these, ``--missing`` those that are not recorded yet,
and both keep the others; ``--quick`` runs a few maps of each and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tomllib
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import calibration as c

TARGET = Path(__file__).resolve().parent / "recorded.toml"
PAGE = TARGET.parents[2] / "docs" / "validity.md"
BEGIN = "<!-- recorded figures: written by tests/validity/record.py -->"
END = "<!-- end of recorded figures -->"
LIBRARIES = ("numpy", "scipy", "pandas", "libpysal", "numba")
QUICK = 5
PARTS = ("checks", "family", "power")
Figures = dict[str, Any]


def one_check(check: c.Check, maps: int) -> Figures:
    """Rate of rejections and Kolmogorov–Smirnov p of one row."""
    verdict = c.judge(c.p_values(check.statistic, check.world, check.p, maps), check.judge)
    return {
        "judge": check.judge,
        "maps": verdict.maps,
        "rejected": verdict.rejected,
        "rate": round(verdict.rejected / verdict.maps, 4),
        "rate_of_all_areas": round(verdict.pooled_rate, 4),
        "ks_p": float(f"{verdict.ks_p:.3g}"),
        "faults": list(verdict.faults),
    }


def one_family(row: Figures, maps: int) -> Figures:
    """Share of null maps on which anything stands out after correction."""
    asked = row["statistic"], row["world"], maps
    wrong = c.wrong_maps(*asked, row["index"])
    found = {"maps": maps, "wrong": wrong, "rate": round(wrong / maps, 4)}
    if row["index"]:
        found["rate_of_any_index"] = round(c.maps_wrong_by_any(*asked) / maps, 4)
    return found


def one_curve(curve: Figures, maps: int) -> Figures:
    """Share of rejections against the size of the effect."""
    return {
        "maps": maps,
        "effects": curve["effects"],
        "power": [round(share, 4) for share in c.power(curve, maps)],
    }


def _jobs(quick: bool) -> dict[tuple[str, str], tuple[Any, Any, int]]:
    jobs: dict[tuple[str, str], tuple[Any, Any, int]] = {}
    for check in c.checks():
        jobs["checks", check.name] = (one_check, check, QUICK if quick else c.TABLE["maps_recorded"])
    for row in c.families():
        jobs["family", row["name"]] = (one_family, row, QUICK if quick else row["maps"])
    for curve in c.TABLE["power"]["curves"]:
        jobs["power", curve["name"]] = (
            one_curve,
            curve,
            QUICK if quick else curve.get("maps", c.TABLE["power"]["maps_recorded"]),
        )
    return jobs


def as_toml(figures: dict[str, dict[str, Figures]]) -> str:
    """Render the figures; JSON scalars and lists are TOML too."""
    lines = ["# What the checks of checks.toml gave; written by record.py, judged by test_recorded.py.", ""]
    for part in sorted(figures):
        for name in sorted(figures[part]):
            lines.append(f'[{part}."{name}"]')
            lines += [f"{key} = {_value(value)}" for key, value in figures[part][name].items()]
            lines.append("")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(v)}" for key, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def as_page(figures: dict[str, dict[str, Figures]]) -> str:
    """Render the figures as the tables of docs/validity.md."""
    checked = [
        f"| `{name}` | {row['judge']} | {row['rate']:.2%} | {row['rate_of_all_areas']:.2%} | {row['ks_p']:.2g} |"
        + (" **failed** |" if row["faults"] else " |")
        for name, row in sorted(figures["checks"].items())
    ]
    family = [
        f"| `{name}` | {row['maps']:,} | {row['rate']:.2%} |"
        for name, row in sorted(figures["family"].items())
    ]
    curves = [
        f"| `{name}` | {row['maps']:,} | {effect} | {share:.1%} |{asked}"
        for name, row in sorted(figures["power"].items())
        for effect, share, asked in zip(row["effects"], row["power"], _asked(name, row), strict=True)
    ]
    return "\n".join(
        [
            (
                f"Rejections at 5 % on {c.TABLE['maps_recorded']:,} maps without a pattern "
                '(statistic, world, kind of p). "conservative": a discrete p, which may only lie below.'
            ),
            "",
            "| Check | Judged as | Rejected | Of all areas | Kolmogorov–Smirnov p | |",
            "|---|---|---|---|---|---|",
            *checked,
            "",
            "Any finding at all after Benjamini–Hochberg on such maps.",
            "",
            "| Statistic and world | Maps | With a finding |",
            "|---|---|---|",
            *family,
            "",
            "Power.",
            "",
            "| Curve | Maps for each effect | Effect | Found | At least |",
            "|---|---|---|---|---|",
            *curves,
        ]
    )


def _asked(name: str, row: Figures) -> list[str]:
    """Say at the largest effect what was asked for, and where it was missed."""
    curve = next(curve for curve in c.TABLE["power"]["curves"] if curve["name"] == name)
    said = f" {curve['reached']:.0%}"
    said += f", lowered from {curve['first']:.0%}" if "first" in curve else ""
    said += " **failed**" if row["power"][-1] < curve["reached"] else ""
    return [" |"] * (len(row["effects"]) - 1) + [f"{said} |"]


def with_tables(page: str, figures: dict[str, dict[str, Figures]]) -> str:
    """Put the tables between their two marks in the page."""
    before, rest = page.split(f"{BEGIN}\n", 1)
    return f"{before}{BEGIN}\n\n{as_page(figures)}\n\n{END}{rest.split(END, 1)[1]}"


def recorded(jobs: dict[tuple[str, str], Any]) -> dict[str, dict[str, Figures]]:
    """Read what is written down by now, perhaps by another run, as far as it belongs to the table."""
    known = tomllib.loads(TARGET.read_text(encoding="utf-8")) if TARGET.is_file() else {}
    return {
        part: {name: known[part][name] for p, name in jobs if p == part and name in known.get(part, {})}
        for part in PARTS
    }


def with_found(
    known: dict[str, dict[str, Figures]], found: dict[str, dict[str, Figures]]
) -> dict[str, dict[str, Figures]]:
    """Put new rows among the old ones."""
    return {part: known[part] | found[part] for part in PARTS}


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose name holds one of these")
    parser.add_argument("--jobs", type=int, default=1, help="processes; the figures do not depend on it")
    parser.add_argument("--quick", action="store_true", help="a few maps, nothing is written")
    parser.add_argument("--missing", action="store_true", help="rows that are not recorded yet")
    asked = parser.parse_args()
    jobs = _jobs(asked.quick)
    made_with = {"python": platform.python_version(), "clustermap": version("clustermap")}
    made_with |= {library: version(library) for library in LIBRARIES}
    known = recorded(jobs)
    chosen = {
        (part, name): job
        for (part, name), job in jobs.items()
        if any(word in name for word in asked.only) and not (asked.missing and name in known[part])
    }
    found: dict[str, dict[str, Figures]] = {part: {} for part in PARTS}
    with ProcessPoolExecutor(asked.jobs) as pool:
        waiting = {pool.submit(run, row, maps): key for key, (run, row, maps) in chosen.items()}
        for future in as_completed(waiting):
            part, name = waiting[future]
            found[part][name] = {**future.result(), "made_with": made_with}
            print(part, name, found[part][name], flush=True)  # noqa: T201 - it talks to a terminal
            if not asked.quick:  # row by row: a run that is broken off has not been for nothing
                TARGET.write_text(as_toml(with_found(recorded(jobs), found)), encoding="utf-8")
    if not asked.quick:
        page = with_tables(PAGE.read_text(encoding="utf-8"), recorded(jobs))
        PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
