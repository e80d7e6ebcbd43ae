"""See every check fail once: put a mistake into the code (breaks.py), and ask the same judge.

``python tests/validity/fail_once.py --jobs 2`` writes ``seen_to_fail.toml``: for every row of ``checks.toml`` and every
test of the modules beside it which mistake it was shown, and what it saw. ``--only local_moran`` runs some,
``--missing`` what is not written down yet. A check that does not notice its mistake ends the run with an error.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tomllib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import calibration as c
import pytest
from breaks import broken

HERE = Path(__file__).resolve().parent
TARGET = HERE / "seen_to_fail.toml"
FEW = 60  # maps: a mistake that so few betray is betrayed by the maps of a commit; where they do not, those are run
CURVE = 40
NOTICED = ("assert", "AssertionError", "ExceptionGroup: Hypothesis found")  # an error of another kind is none
Seen = dict[str, str]

# The mistake for a row is the first whose rule holds.
UNDER_ANOTHER_NULL = ("_within", "_toroidal")
UNMOVED = (
    "losh_within",
    "join_count_within",
)  # levels of authorities hardly show in them, nor does the free null
CURVES_OF_DISTANCE = ("duranton_overman", "marcon_puech")
RAW = {
    "local_moran_thin_corner-rates_graded-two-sided",
    "global_moran-rates_graded-two-sided",
    "global_geary-rates_graded-two-sided",
}
# On `sparse` 200 maps do not betray a lower tail without ties: `rare` does.
TIED = {
    "local_moran-sparse-greater": "no ties",
    "local_moran-sparse-two-sided": "no ties",
    "local_moran-rare-two-sided": "no ties",
    "local_moran-rare-randomised": "ties above",
}

# The mistake for each test beside the table; a module's "*" stands for its other tests.
TESTS: dict[str, dict[str, str]] = {
    "test_colocation_calibration": {
        "*": "narrow null",
        "test_p_of_one_firm_is_calibrated_in_towns": "no ties",
        "test_family_error_of_local_labels": "no correction",
        "test_firms_that_settle_beside_others_are_found": "farther tail",
        "test_coagglomeration_calls_clustered_sectors_together_or_apart_too_often": "farther tail",
    },
    "test_concentration_calibration": {
        "*": "one tail",
        "test_family_error_after_fdr": "no correction",
        "test_power_grows_with_the_planted_quotient_and_reaches_its_mark": "farther tail",
    },
    "test_discrete_laws": {"*": "one tail"},
    "test_distance_calibration": {"*": "pointwise"},
    "test_global_calibration": {"*": "narrow null", "test_the_wrong_null_is_found_out": "farther tail"},
    "test_mended": {"*": "published rates"},
    "test_properties": {
        "*": "listed first",
        "test_turning_stretching_and_shifting_the_map_changes_no_neighbour": "eastings alone",
    },
    "test_quotient_calibration": {"*": "one tail", "test_family_error_after_fdr": "no correction"},
    "test_relatedness_calibration": {
        "*": "narrow null",
        "test_proximity_finds_sectors_that_share_half_their_areas": "farther tail",
        "test_coagglomeration_finds_sectors_drawn_to_the_same_areas": "farther tail",
        "test_intervals_of_variety_hold_the_truth": "narrow interval",
    },
}
# Nothing of clustermap is asked in it: it holds one law of probability against another.
NO_CODE = {"test_quotient_calibration.test_the_binomial_is_conservative_as_its_variance_says"}


def mistake_for(check: c.Check) -> str:
    """Choose the mistake that a row of the table is there to notice."""
    if check.statistic.startswith(CURVES_OF_DISTANCE) or check.statistic.startswith("cross_"):
        return "pointwise"
    if check.statistic.endswith("_adaptive"):
        return "unmade draws"
    if check.statistic.endswith(UNDER_ANOTHER_NULL) and not check.statistic.startswith(UNMOVED):
        return "free null"
    if check.name in RAW:
        return "raw rates"
    return TIED.get(check.name, "one tail")


def see_check(check: c.Check) -> Seen:
    """Show a row its mistake; on few maps first."""
    mistake = mistake_for(check)
    with broken(mistake):
        for maps in (FEW, check.maps):
            verdict = c.judge(c.p_values(check.statistic, check.world, check.p, maps), check.judge)
            if verdict.faults:
                return {"mistake": mistake, "seen": f"{maps} maps: " + "; ".join(verdict.faults)}
    return {"mistake": mistake, "seen": ""}


def see_family(row: dict[str, Any]) -> Seen:
    """Leave out the correction."""
    for maps in (FEW, c.TABLE["family"]["maps_commit"]):
        with broken("no correction"):
            wrong = c.wrong_maps(row["statistic"], row["world"], maps, row["index"])
        if wrong > c.limits(maps)[1]:
            seen = f"{wrong} of {maps} maps show something, at most {c.limits(maps)[1]} may"
            return {"mistake": "no correction", "seen": seen}
    return {"mistake": "no correction", "seen": ""}


def see_curve(curve: dict[str, Any]) -> Seen:
    """Leave out what is planted."""
    with broken("no effect"):
        share = c.power({**curve, "effects": curve["effects"][-1:]}, CURVE)[0]
    seen = f"{share:.1%} of {CURVE} found, {curve['reached']:.0%} asked for"
    return {"mistake": "no effect", "seen": seen if share < curve["reached"] else ""}


class _Reports:
    """What became of each case of some tests."""

    def __init__(self) -> None:
        self.cases: dict[str, dict[str, list[str]]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the first line of what was wrong."""
        if report.when == "call" or report.failed:
            test = report.nodeid.split("::")[1].split("[")[0]
            found = self.cases.setdefault(test, {"failed": [], "passed": []})
            crash = getattr(report.longrepr, "reprcrash", None)
            found["failed" if report.failed else "passed"].append(
                crash.message.splitlines()[0] if crash else report.nodeid
            )


def run_tests(module: str, mistake: str) -> dict[str, dict[str, list[str]]]:
    """Run the tests of a module that must notice this mistake, in this process."""
    reports = _Reports()
    with broken(mistake):
        wanted = [f"{HERE / test.replace('.', '.py::')}" for test in tests_of(module, mistake)]
        pytest.main([*wanted, "-q", "-p", "no:cacheprovider"], [reports])
    return reports.cases


def tests_of(module: str, mistake: str) -> list[str]:
    """List the tests of a module that must notice this mistake."""
    rules = TESTS[module]
    return [
        test
        for test in all_tests()
        if test.startswith(f"{module}.")
        and test not in NO_CODE
        and rules.get(test.split(".")[1], rules["*"]) == mistake
    ]


def see_tests(module: str, mistake: str) -> dict[str, Seen]:
    """Show tests their mistake in a process of their own: a module remembers what it computed."""
    said = subprocess.run(
        [sys.executable, __file__, "--module", module, "--mistake", mistake],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    found = json.loads(said[-1]) if said else {}
    return {
        f"test {test}": _seen_by(test, mistake, found.get(test.split(".")[1], {"failed": [], "passed": []}))
        for test in tests_of(module, mistake)
    }


def _seen_by(test: str, mistake: str, found: dict[str, list[str]]) -> Seen:
    cases = len(found["failed"]) + len(found["passed"])
    noticed = [message for message in found["failed"] if message.startswith(NOTICED)]
    if not cases or len(noticed) < cases:
        print(test, mistake, found, flush=True)  # noqa: T201 - it talks to a terminal
        return {"mistake": mistake, "seen": ""}
    return {"mistake": mistake, "seen": f"{cases} of {cases} cases: {noticed[0]}"}


def all_tests() -> list[str]:
    """List the tests of the modules beside the table."""
    return [
        f"{module}.{node.name}"
        for module in TESTS
        for node in ast.parse((HERE / f"{module}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def names() -> list[str]:
    """List all that must be seen to fail."""
    rows = [f"checks {check.name}" for check in c.checks()]
    rows += [f"family {row['name']}" for row in c.families()]
    rows += [f"power {curve['name']}" for curve in c.TABLE["power"]["curves"]]
    return rows + [f"test {test}" for test in all_tests() if test not in NO_CODE]


def see(job: str) -> dict[str, Seen]:
    """Show one row, or the tests of a module that share a mistake, what they must notice."""
    part, key = job.split(" ", 1)
    if part == "tests":
        return see_tests(*key.split(" ", 1))
    if part == "checks":
        return {job: see_check(next(check for check in c.checks() if check.name == key))}
    if part == "family":
        return {job: see_family(next(r for r in c.families() if r["name"] == key))}
    return {job: see_curve(next(curve for curve in c.TABLE["power"]["curves"] if curve["name"] == key))}


def jobs_for(chosen: list[str]) -> list[str]:
    """Put tests of one module that share a mistake together."""
    jobs = []
    for name in chosen:
        part, key = name.split(" ")
        module, _, test = key.partition(".")
        rules = TESTS.get(module, {})
        jobs.append(name if part != "test" else f"tests {module} {rules.get(test, rules['*'])}")
    return list(dict.fromkeys(jobs))


def as_toml(seen: dict[str, Seen]) -> str:
    """Render what was seen, in the order of the table."""
    head = "# Which mistake (breaks.py) each check was shown, and what it saw; written by fail_once.py."
    lines = [head, ""]
    for name in names():
        if name in seen:
            row = ", ".join(
                f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in seen[name].items()
            )
            lines.append(f'"{name}" = {{ {row} }}')
    return "\n".join([*lines, ""])


def written() -> dict[str, Seen]:
    """Read what is written down by now, perhaps by another run."""
    return tomllib.loads(TARGET.read_text(encoding="utf-8")) if TARGET.is_file() else {}


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[""], help="checks whose name holds one of these")
    parser.add_argument("--missing", action="store_true", help="checks that are not written down yet")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--module", help="its tests that must notice --mistake: their cases, as JSON")
    parser.add_argument("--mistake")
    asked = parser.parse_args()
    if asked.module:
        print(json.dumps(run_tests(asked.module, asked.mistake)))  # noqa: T201 - the other process reads it
        return 0
    known = written()
    chosen = [
        name
        for name in names()
        if any(word in name for word in asked.only) and not (asked.missing and name in known)
    ]
    blind, fresh = [], {}
    with ProcessPoolExecutor(asked.jobs) as pool:
        waiting = [pool.submit(see, job) for job in jobs_for(chosen)]
        for future in as_completed(waiting):
            for name, found in future.result().items():
                print(name, found, flush=True)  # noqa: T201 - it talks to a terminal
                if found["seen"]:
                    fresh[name] = found
                else:
                    blind.append(name)
            TARGET.write_text(as_toml(written() | fresh), encoding="utf-8")
    print(f"{len(chosen) - len(blind)} of {len(chosen)} noticed; not: {blind}")  # noqa: T201
    return int(bool(blind))


if __name__ == "__main__":
    sys.exit(main())
