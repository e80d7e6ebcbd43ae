"""The files of a study: the complete old folder or the complete new one, never half."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clustermap.detection import tree_lines
from clustermap.errors import InputError, plural
from clustermap.maps import draw_map
from clustermap.reports import csv_text, geopackage, input_record, manifest_text, markdown_report
from clustermap.storage import file_hash, replace_folder, resolved, write_text
from clustermap.study.analysis import STAGES, analyse
from clustermap.study.declaration import Study

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from clustermap.progress import Progress
    from clustermap.study.result import StudyResult

__all__ = ["OUTPUTS", "recorded_study", "run_study", "study_map"]

OUTPUTS = ("map.html", "clusters.gpkg", "areas.csv", "crossing.csv", "report.md", "manifest.json")
_LOG = "run.log"  # paths and times stand here alone, so that every other file is the same bytes each time
_PARAMETERS = (
    "method", "null", "background", "minimum_lq", "levels", "penalty", "max_share", "permutations", "alternative",
    "correction", "alpha", "rates", "transformation", "interval", "reference", "membership_rule", "seed", "family_size",
)  # fmt: skip


def run_study(study: Study, out: str | Path, *, progress: Progress | None = None) -> StudyResult:
    """Run a study and write its folder.

    Parameters
    ----------
    study : Study
        What is declared.
    out : path
        The folder; it is replaced as a whole when everything went well, and locked meanwhile.
    progress : callable, optional
        Called with ``(done, total)``.

    Returns
    -------
    StudyResult
        With `files`: ``map.html, clusters.gpkg, areas.csv, crossing.csv, report.md, manifest.json``.

    Raises
    ------
    StorageError
        CM-STORE-001 where no folder can be made, CM-STORE-002 where another run holds it, CM-STORE-003 where it holds
        files that no run wrote.

    Examples
    --------
    >>> from clustermap.study.declaration import demo_path
    >>> result = run_study(Study.from_toml(demo_path()), "out/hvm")  # doctest: +SKIP
    >>> print(result.summary())  # doctest: +SKIP
    """
    target = resolved(out)  # before the folder it may stand in changes place
    with replace_folder(target, known=(*OUTPUTS, _LOG), mark="manifest.json") as folder:
        result = analyse(study, progress=progress)
        _write(result, folder)
        write_text(folder / _LOG, json.dumps({"study": str(study.file or ""), "written": _now()}) + "\n")
    if progress:
        progress(sum(STAGES.values()), sum(STAGES.values()))
    return dataclasses.replace(result, files={name: target / name for name in OUTPUTS})


def recorded_study(folder: str | Path) -> Study:
    """Find the study that a folder was written from.

    Raises
    ------
    InputError
        CM-STUDY-006: the folder is no study's output, or its study file is gone; CM-STUDY-008: an input or a
        setting is another one than in that run.
    """
    log, manifest = Path(folder) / _LOG, Path(folder) / "manifest.json"
    try:
        file = Path(json.loads(log.read_text(encoding="utf-8"))["study"])
        study, then = Study.from_toml(file), json.loads(manifest.read_text(encoding="utf-8"))
        known = {record["role"]: record for record in then["inputs"]}
        declared = then["study"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "CM-STUDY-006",
            f"{Path(folder).resolve().name} holds no run of a study that can be found again",
            why="a map is drawn from the results, and those from the study file",
            fix="clustermap run STUDY.toml --out DIR",
        ) from error
    changed = [str(record["name"]) for record in _inputs(study) if record != known.get(record["role"])]
    if json.loads(json.dumps(study.declared, default=str)) != declared:
        changed.append(file.name)
    if changed:
        raise InputError(
            "CM-STUDY-008",
            f"{plural(len(changed), 'file is', 'files are')} others than in the run of "
            f"{Path(folder).resolve().name}: {', '.join(changed)}",
            why="the map would show another result than the tables beside it",
            fix=f"clustermap run {file.name} --out {Path(folder).name or 'DIR'}",
        )
    return study


def study_map(result: StudyResult, *, title: str | None = None, tiles: str | None = None) -> Any:
    """Draw the map of a study.

    Parameters
    ----------
    result : StudyResult
        What was found.
    title : str, optional
        Another heading.
    tiles : str, optional
        A tile source, named beforehand; none is asked for otherwise.

    Returns
    -------
    folium.Map
        With ``.save(path)``.
    """
    options = result.study.options.get("map", {})
    drawn = [result.crossing, result.quotients, result.moran]
    drawn += [line for line in (result.line, result.named_line) if line is not None]
    return draw_map(
        *drawn,
        areas=result.authorities,
        firms=result.firms if options.get("firms", True) else None,
        title=title or result.study.title,
        tiles=tiles or options.get("tiles"),
    )


def _write(result: StudyResult, folder: Path) -> None:
    study_map(result).save(folder / "map.html")
    geopackage(folder / "clusters.gpkg", _layers(result))
    write_text(folder / "areas.csv", csv_text(result.quotients.frame))
    write_text(folder / "crossing.csv", csv_text(result.crossing.frame))
    write_text(folder / "report.md", _report(result))
    hashes = {name: file_hash(folder / name) for name in OUTPUTS if name != "manifest.json"}
    write_text(folder / "manifest.json", _manifest(result, hashes))


def _layers(result: StudyResult) -> dict[str, gpd.GeoDataFrame]:
    quotient = result.quotients.frame
    quotient = quotient[quotient["sector"] == result.sector].set_index("area")
    local = result.moran.frame.add_prefix("lisa_")
    areas = result.areas.frame[["name", "geometry"]].join(quotient.drop(columns="sector")).join(local)
    inside = result.clusters.members.groupby("area")["cluster"].agg(", ".join)
    areas = areas.assign(cluster=inside.reindex(areas.index)).reset_index(names="code")
    return {
        "footprints": result.clusters.footprints,
        "areas": areas,
        "pairs": result.crossing.geo().reset_index(drop=True),
    }


def _report(result: StudyResult) -> str:
    ledger = result.firms.ledger if result.firms else result.table.ledger
    sections: list[tuple[str, str | pd.DataFrame | list[tuple[int, str]]]] = [
        ("Clusters", result.clusters.frame),
        ("Who shares them", result.crossing.frame),
        ("Crossing pairs", result.crossing.pairs),
        ("Authorities by concentration", result.ranking()),
        ("How the clusters were found", result.clusters.summary()),
        ("Spatial autocorrelation", f"{result.moran_global.summary()}\n{result.moran.summary()}"),
    ]
    if result.line is not None:
        sections.append(("Line test of the strongest cluster", result.line.summary()))
    if result.named_line is not None:
        sections.append(("Line test of the named set", result.named_line.summary()))
    if len(result.clusters.levels) > 1:
        sections.insert(1, ("What lies inside what", tree_lines(result.clusters)))
    sections += [
        ("Rows", ledger.summary() if ledger else "No ledger: the table was given as it is."),
        ("Warnings", "\n".join(result.warnings) or "None."),
        ("Sources", f"Areas: {result.areas.source}\nAuthorities: {result.authorities.source}"),
    ]
    return markdown_report(
        title=result.study.title, first=result.caveats(), sentences=result.sentences(), sections=sections
    )


def _inputs(study: Study) -> list[dict[str, Any]]:
    """Describe every file that a study reads."""
    sources = {role: study.argument(role)["source"] for role in sorted(study.inputs)}
    if "postcodes" in study.inputs.get("firms", {}):
        sources["postcodes"] = study.argument("firms")["postcodes"]
    if isinstance(study.tabulation().get("sectors"), Path):
        sources["sectors"] = study.tabulation()["sectors"]
    return [
        input_record(role, source)
        if isinstance(source, Path) and source.is_file()
        else {"role": role, "name": f"embedded {source} {study.inputs[role].get('vintage', '')}".strip()}
        for role, source in sources.items()
    ]


def _manifest(result: StudyResult, hashes: dict[str, str]) -> str:
    results = {
        "location_quotient": result.quotients,
        "global_moran": result.moran_global,
        "local_moran": result.moran,
        "detect_clusters": result.clusters,
        "crossing": result.crossing,
        "line": result.line,
        "named_line": result.named_line,
    }
    parameters = {
        name: {p: getattr(value, p) for p in _PARAMETERS if hasattr(value, p)}
        for name, value in results.items()
        if value is not None
    }
    ledgers = {
        name: ledger.to_dict()
        for name, ledger in (
            ("firms", result.firms.ledger if result.firms else None),
            ("areas", result.areas.ledger),
            ("authorities", result.authorities.ledger),
            ("table", result.table.ledger),
        )
        if ledger is not None
    }
    return manifest_text(
        study=result.study.declared,
        inputs=_inputs(result.study),
        parameters=parameters,
        ledgers=ledgers,
        warnings=list(result.warnings),
        outputs=hashes,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
