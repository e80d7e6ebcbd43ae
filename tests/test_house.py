"""The house keeps its own rules: sizes, packaging, vocabulary, and nothing that should not stand in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
ROOM_LINES, FUNCTION_LINES, DIRECT_DEPENDENCIES = 400, 50, 18


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(ROOT / "src")))
def test_a_room_stays_small(file):
    assert len(file.read_text().splitlines()) <= ROOM_LINES


def _body_lines(function: ast.FunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno + 1 if documented else first.lineno
    return (function.end_lineno or 0) - start + 1


def test_a_function_stays_small():
    long = [
        f"{file.name}:{node.name} ({_body_lines(node)} lines)"
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > FUNCTION_LINES
    ]
    assert long == []


def test_verbs_take_at_most_two_positional_arguments_and_no_kwargs():
    import clustermap as cm

    rooms = {file: ast.parse(file.read_text()) for file in SOURCES if file.name != "cli.py"}
    faults = [
        f"{file.name}:{node.name}"
        for file, tree in rooms.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name in cm.__all__
        and (len(node.args.args) > 2 or node.args.kwarg)
    ]
    assert faults == []


def test_public_functions_show_parameters_and_an_example():
    import clustermap as cm

    poor = []
    for name in cm.__all__:
        thing = getattr(cm, name)
        if callable(thing) and not isinstance(thing, type):
            text = thing.__doc__ or ""
            if not all(word in text for word in ("Parameters", "Returns", "Examples")):
                poor.append(name)
    assert poor == []


def test_direct_dependencies_are_few(project):
    assert len(project["dependencies"]) <= DIRECT_DEPENDENCIES


def _names(requirements):
    return {
        re.split(r"[\[><=~! ]", line)[0].replace("matplotlib-base", "matplotlib") for line in requirements
    }


def test_environment_yml_is_the_twin_of_pyproject(project):
    text = (ROOT / "environment.yml").read_text()
    conda = re.findall(r"^  - ([a-z][\w\-]*>=[\w.]+)$", text, flags=re.MULTILINE)
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    floors = {re.sub(r"\[.*?\]", "", line) for line in wanted}
    ours = {
        line.replace("matplotlib-base", "matplotlib") for line in conda if not line.startswith("python>=")
    }
    assert ours == floors


def test_constraints_pin_every_direct_dependency(project):
    pinned = {
        line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    wanted = _names([*project["dependencies"], *project["optional-dependencies"]["dev"]])
    assert wanted <= pinned


def test_version_is_said_once(project):
    import clustermap as cm

    assert project["version"] == cm.__version__
    assert f"version: {cm.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{cm.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_nothing_dangerous_in_the_sources():
    banned = re.compile(r"\b(pickle|eval\(|exec\(|yaml\.load|shell=True|np\.random\.seed|mapping_proxy)")
    found = [file.name for file in SOURCES if banned.search(file.read_text())]
    assert found == []


def test_importing_the_package_is_light():
    heavy = ["pandas", "geopandas", "scipy", "numba", "folium", "esda", "sklearn", "pyproj", "pyarrow"]
    code = f"import sys, clustermap; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_layers_are_kept():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_path_of_a_machine_stands_in_the_project():
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True)
    suspicious = re.compile(r"/(home|Users|root|work)/[a-z]")
    found = [
        name
        for name in tracked.stdout.split()
        if Path(name).suffix in {".py", ".md", ".toml", ".yml", ".ipynb", ".json", ".csv", ""}
        and (ROOT / name).is_file()
        and name != "tests/test_house.py"
        and suspicious.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert found == []


def test_notebooks_are_committed_without_outputs():
    import nbformat

    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(file, as_version=4).cells
        assert all(not cell.get("outputs") for cell in cells if cell.cell_type == "code"), file.name


def test_verbs_that_the_readme_names_are_public():
    import clustermap as cm

    text = (ROOT / "README.md").read_text()
    rows = [
        line.split("|")[2] for line in text.splitlines() if line.startswith("| ") and line.count("|") == 3
    ]
    named = {name for row in rows for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", row)}
    assert len(named) > 30
    assert named <= set(cm.__all__)
