"""Arguments to calls, exit codes, progress; nothing else."""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
import warnings
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from clustermap.errors import (
    ClusterMapError,
    ClusterMapWarning,
    NetworkError,
    OptionError,
    one_line,
    plural,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from clustermap.study import Study, StudyResult

__all__ = ["app", "main"]

GOOD, BUG, USAGE, DATA, NETWORK, INTERRUPTED = 0, 1, 2, 3, 4, 130
_SHOWN = 20

app = typer.Typer(
    name="clustermap",
    help="Clusters that cross administrative borders: found, tested and mapped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out, err = Console(), Console(stderr=True)

StudyFile = Annotated[Path, typer.Argument(help="A study file (TOML).", metavar="STUDY.toml")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="A folder of its own; replaced as a whole.")]


def main() -> None:
    """Run the command line and leave with the exit code of its result."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", ClusterMapWarning)
            warnings.showwarning = _show
            code = app(standalone_mode=False)
    except ClusterMapError as error:
        _say(str(error))
        code = (
            NETWORK if isinstance(error, NetworkError) else USAGE if isinstance(error, OptionError) else DATA
        )
    except MemoryError:
        _say(
            "[CM-CLI-002] this process may use no more memory\n"
            "Mend it: fewer columns or areas, or a machine with more memory; a million firms take about 1 GB"
        )
        code = DATA
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: usage errors speak for themselves, the rest are bugs
        code = _unexpected(error)
    if code == INTERRUPTED:
        err.print("Interrupted; nothing half-written is left.")
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # Python itself may die by the signal after an interrupt that was handled
    sys.exit(code or GOOD)


def _say(text: str) -> None:
    """Print to people, without breaking the line of a call that is to be copied."""
    lines = (printable(line) for line in text.split("\n"))  # no terminal obeys a name from data
    err.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Show a warning as a sentence; which line of ours it came from helps nobody."""
    del place, more
    ours = issubclass(category, ClusterMapWarning)
    _say(f"Warning: {message}" if ours else f"Warning ({category.__name__}): {message}")


def _unexpected(error: Exception) -> int:
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        err.print(f"{error.format_message()}\nTry: clustermap --help", markup=False, highlight=False)
        return USAGE
    err.print("This is a fault of clustermap, not of your data. Please report it with the lines below.")
    _say(traceback.format_exc())
    return BUG


@app.command()
def demo(out_folder: OutFolder = Path("out/hvm"), as_json: AsJson = False) -> None:
    """Run the HVM study on the embedded data (generalised boundaries, synthetic firms)."""
    from clustermap.study.declaration import demo_path

    run(demo_path(), out_folder, as_json)


@app.command()
def new(study: StudyFile) -> None:
    """Write a commented study file to start from."""
    from clustermap.storage import check_place, write_text
    from clustermap.study.declaration import template

    check_place(study)
    if study.exists():
        raise OptionError("CM-CLI-001", f"{study.name} is there already", fix="choose another name")
    write_text(study, template())
    out.print(f"Written: {study}. Edit it, then: clustermap check {study}", markup=False, highlight=False)


@app.command()
def check(study: StudyFile, as_json: AsJson = False) -> None:
    """Read a study's inputs, account for every row, compute nothing."""
    from clustermap.study.analysis import read_inputs

    declared = _study(study)
    firms, areas, authorities, _, table = read_inputs(declared)
    table.sector(declared.sector)
    ledgers = {"firms": firms and firms.ledger, "areas": areas.ledger, "authorities": authorities.ledger}
    ledgers["table"] = table.ledger
    if as_json:
        _print_json({name: ledger.to_dict() for name, ledger in ledgers.items() if ledger})
        return
    for value in (firms, areas, authorities, table):
        if value is not None:
            out.print(value.summary(), markup=False, highlight=False, end="\n\n")


@app.command()
def lq(study: StudyFile, as_json: AsJson = False) -> None:
    """Print location quotients with intervals, p and q."""
    from clustermap.study import measure

    _print_frame(measure(_study(study)).frame, as_json, "Location quotients")


@app.command()
def autocorrelation(study: StudyFile, as_json: AsJson = False) -> None:
    """Print Moran's I and the local indicators (LISA)."""
    from clustermap.study import neighbours

    whole, local = neighbours(_study(study))
    if not as_json:
        out.print(whole.summary(), markup=False, highlight=False)
    _print_frame(local.frame.reset_index(), as_json, "Local Moran")


@app.command()
def clusters(study: StudyFile, as_json: AsJson = False) -> None:
    """Print the clusters and their members."""
    result = _analysed(study, as_json)
    if not as_json:
        out.print(result.clusters.summary(), markup=False, highlight=False)
    _print_frame(result.clusters.frame, as_json, "Clusters")


@app.command()
def crossing(
    study: StudyFile,
    of: Annotated[str | None, typer.Option(help="One authority, by name or code.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print who shares which cluster."""
    result = _analysed(study, as_json)
    shared = result.crossing.of(of) if of else result.crossing
    if not as_json:
        out.print(shared.summary(), markup=False, highlight=False)
    _print_frame(shared.frame, as_json, "Clusters by authority")


@app.command("map")
def draw(
    folder: Annotated[Path, typer.Argument(help="A folder that `run` wrote.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("map.html"),
    title: Annotated[str | None, typer.Option(help="Another heading.")] = None,
    tiles: Annotated[str | None, typer.Option(help="A tile source to ask for online, by name.")] = None,
) -> None:
    """Draw the map of a finished run again, with another heading or with tiles."""
    from clustermap.storage import check_place
    from clustermap.study import analyse, recorded_study, study_map

    check_place(output)  # before the minutes that an analysis may take
    study = recorded_study(folder)
    result = _with_bar(lambda progress: analyse(study, progress=progress), quiet=False)
    study_map(result, title=title, tiles=tiles).save(output)
    out.print(f"Written: {output}", markup=False, highlight=False)


@app.command()
def run(study: StudyFile, out_folder: OutFolder = Path("out/study"), as_json: AsJson = False) -> None:
    """Run a study and write its folder: map, tables, report, manifest."""
    from clustermap.study import run_study

    declared = _study(study)
    result = _with_bar(lambda progress: run_study(declared, out_folder, progress=progress), quiet=as_json)
    if as_json:
        files = {name: str(out_folder / name) for name in result.files}
        _print_json(
            {
                "sentences": result.sentences(),
                "caveats": result.caveats(),
                "seed": declared.seed,
                "files": files,
            }
        )
        return
    for line in result.caveats():
        out.print(f"Note: {one_line(line)}", markup=False, highlight=False, style="dim")
    for line in result.sentences():
        out.print(one_line(line), markup=False, highlight=False)
    for line in result.warnings:
        _say(f"Warning: {line}")
    out.print(f"Seed {declared.seed}. Written to {out_folder}:", markup=False, highlight=False)
    for name in result.files:
        out.print(f"  {out_folder / name}", markup=False, highlight=False)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, and whether the embedded data and the compiled kernels are here."""
    from clustermap import compiled, datasets

    libraries = ("numpy", "pandas", "geopandas", "shapely", "pyproj", "libpysal", "esda", "numba", "folium")
    facts = {
        "clustermap": version("clustermap"),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
        "compiled kernels": "yes" if compiled.HAVE_NUMBA else "no: plain Python, slow",
        "embedded sets": ", ".join(datasets.available()),
        "assets": "yes" if (resources.files("clustermap") / "_assets").is_dir() else "no",
    }
    if as_json:
        _print_json(facts)
        return
    table = Table("what", "here")
    for name, value in facts.items():
        table.add_row(name, value)
    out.print(table)


def _study(path: Path) -> Study:
    from clustermap.study import Study

    return Study.from_toml(path)


def _analysed(path: Path, quiet: bool) -> StudyResult:
    from clustermap.study import analyse

    study = _study(path)
    result = _with_bar(lambda progress: analyse(study, progress=progress), quiet=quiet)
    for line in result.warnings:
        _say(f"Warning: {line}")
    return result


def _with_bar(work: Callable[[Any], StudyResult], *, quiet: bool) -> StudyResult:
    if quiet:
        return work(None)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("Reading, measuring, detecting", total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))


def _print_frame(frame: pd.DataFrame, as_json: bool, title: str) -> None:
    plain = frame.drop(columns=[c for c in frame.columns if c == "geometry"])
    if as_json:
        out.file.write(plain.to_json(orient="records", indent=1) + "\n")
        return
    from rich.text import Text

    table = Table(title=title)
    for column in plain.columns:
        table.add_column(Text(one_line(column)), overflow="fold")
    for row in plain.head(_SHOWN).itertuples(index=False, name=None):
        table.add_row(*(Text(f"{v:.4g}" if isinstance(v, float) else one_line(v)) for v in row))
    out.print(table)
    if len(plain) > _SHOWN:
        out.print(
            f"… and {plural(len(plain) - _SHOWN, 'more row')}: --json prints them all.",
            markup=False,
            highlight=False,
        )


def _print_json(value: object) -> None:
    out.file.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
