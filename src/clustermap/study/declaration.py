"""What a study file may say, read and checked before anything is computed."""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clustermap import datasets
from clustermap.errors import InputError, OptionError
from clustermap.storage import content_hash

__all__ = ["EMBEDDED_SETS", "Study", "demo_path", "template"]

EMBEDDED_SETS = ("lad", "lep", "mca", "region")
_EMBEDDED = "embedded:"
_KEYS: dict[str, frozenset[str]] = {
    "study": frozenset({"title", "name", "seed", "sector", "first"}),
    "areas": frozenset({"source", "vintage", "code", "name", "crs", "project_to", "keep"}),
    "authorities": frozenset({"source", "vintage", "code", "name", "crs", "project_to", "keep"}),
    "lookup": frozenset({"source", "area", "authority", "name", "share", "also"}),
    "firms": frozenset({"source", "columns", "crs", "project_to", "postcodes", "location_kind", "status"}),
    "table": frozenset(
        {"source", "area", "sector", "value", "measure", "where", "match", "rename", "rounded", "nation"}
    ),
    "tabulate": frozenset({"sectors", "value", "codes", "overlap"}),
    "quotient": frozenset({"interval", "correction", "reference"}),
    "weights": frozenset({"rule", "snap_m", "islands"}),
    "moran": frozenset({"permutations", "alternative", "correction", "alpha", "rates", "transformation"}),
    "detection": frozenset({"background", "minimum_lq", "penalty", "max_share", "permutations", "alpha"}),
    "crossing": frozenset({"overlap"}),
    "line": frozenset({"members", "permutations", "null"}),
    "map": frozenset({"tiles", "firms"}),
}
_INPUTS = ("areas", "authorities", "lookup", "firms", "table")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A declared study: inputs, sector, options and seed.

    Attributes
    ----------
    title : str
        Heading of the map and the report.
    seed : int
        Seed of everything that is drawn.
    sector : str or None
        The sector asked about; the only one of the table where None.
    first : tuple of str
        What the report says before any figure.
    inputs : dict
        ``areas``, ``authorities``, ``lookup``, ``firms`` or ``table``: arguments of their readers.
    options : dict
        Arguments of ``tabulate``, ``quotient``, ``weights``, ``moran``, ``detection``, ``crossing``, ``line``, ``map``.
    root : pathlib.Path
        The folder that relative paths start from.

    Examples
    --------
    >>> from clustermap.study.declaration import demo_path
    >>> Study.from_toml(demo_path()).sector
    'hvm'
    """

    title: str
    seed: int
    sector: str | None
    first: tuple[str, ...]
    inputs: dict[str, dict[str, Any]]
    options: dict[str, dict[str, Any]]
    root: Path
    name: str = "study"
    declared: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None

    @classmethod
    def from_toml(cls, path: str | Path) -> Study:
        """Read and check a study file.

        Parameters
        ----------
        path : path
            A TOML file; ``clustermap new STUDY.toml`` writes a commented one.

        Raises
        ------
        InputError
            CM-STUDY-001 not there or not TOML, CM-STUDY-003 inputs missing.
        OptionError
            CM-STUDY-002: a key that no verb takes, with the nearest one that exists.
        """
        file = Path(path)
        try:
            declared = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(
                "CM-STUDY-001",
                f"the study file {file.name} cannot be read: {error.strerror}",
                fix=f"clustermap new {file.name}   # writes a commented template",
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(
                "CM-STUDY-001",
                f"the study file {file.name} is not TOML: {error}",
                fix=f"clustermap new other.toml, and compare it with {file.name}",
            ) from error
        return cls._checked(declared, file.resolve())

    @classmethod
    def _checked(cls, declared: dict[str, Any], file: Path) -> Study:
        folder, stem = file.parent, file.stem
        inputs = dict(declared.get("inputs", {}))
        root = _root(inputs.pop("root", "."), folder)
        options = {k: v for k, v in declared.items() if k not in {"study", "inputs"}}
        _check_keys({"study": declared.get("study", {})}, {"study"}, "")
        _check_keys(inputs, set(_INPUTS), "inputs.")
        _check_keys(options, set(_KEYS) - set(_INPUTS) - {"study"}, "")
        missing = [
            words
            for words, there in (
                ("[inputs.areas]", "areas" in inputs),
                ("[inputs.firms] or [inputs.table]", ("firms" in inputs) != ("table" in inputs)),
                ("[inputs.authorities] or [inputs.lookup]", "authorities" in inputs or "lookup" in inputs),
                ("[tabulate] sectors", "table" in inputs or "sectors" in options.get("tabulate", {})),
            )
            if not there
        ]
        if missing:
            raise InputError(
                "CM-STUDY-003",
                f"the study does not say (exactly once): {'; '.join(missing)}",
                fix="clustermap new STUDY.toml   # shows where each stands",
            )
        head = declared.get("study", {})
        first = head.get("first", ())
        return cls(
            title=str(head.get("title", stem)),
            name=str(head.get("name", stem)),
            seed=int(head.get("seed", 7)),
            sector=head.get("sector"),
            first=(first,) if isinstance(first, str) else tuple(first),
            inputs=inputs,
            options=options,
            root=root,
            declared=options | {"study": head, "inputs": inputs},
            file=file,
        )

    def path(self, source: str) -> Path:
        """Resolve a source: an embedded set (``embedded:firms``), or a path from the root."""
        if source.startswith(_EMBEDDED):
            return datasets.path(source.removeprefix(_EMBEDDED))
        file = self.root / source
        if not file.exists():
            raise InputError(
                "CM-STUDY-004",
                f"the study's input {source!r} is not there",
                why=f"relative paths start from {self.root.name or self.root}",
                fix='[inputs] root = "folder"   # or the variable that root names',
            )
        return file

    def argument(self, role: str) -> dict[str, Any]:
        """Return a reader's arguments with the source resolved."""
        given = dict(self.inputs[role])
        source = given.get("source")
        if not isinstance(source, str):
            raise InputError("CM-STUDY-005", f"[inputs.{role}] has no source", fix='source = "file.gpkg"')
        named = role in {"areas", "authorities"} and source in EMBEDDED_SETS
        given["source"] = source if named else self.path(source)
        if isinstance(given.get("postcodes"), str):
            given["postcodes"] = self.path(given["postcodes"])
        return given

    def digest(self) -> str:
        """Return a hash of all that was declared."""
        return content_hash(repr(sorted(self.declared.items())))

    def summary(self) -> str:
        """Say in plain sentences what is declared."""
        sources = ", ".join(f"{role} from {given.get('source')}" for role, given in self.inputs.items())
        return f"{self.title}: {sources}; sector {self.sector or 'the only one'}; seed {self.seed}."

    def __repr__(self) -> str:
        return f"<Study: {self.name}, seed {self.seed}>"


def demo_path() -> Path:
    """Return the study file of the demo."""
    return Path(__file__).resolve().parents[1] / "_assets" / "studies" / "hvm.toml"


def template() -> str:
    """Return the commented template of a study file."""
    return (demo_path().parent / "template.toml").read_text(encoding="utf-8")


def _root(declared: object, folder: Path) -> Path:
    if isinstance(declared, dict):
        declared = os.environ.get(str(declared.get("env")), str(declared.get("default", ".")))
    return (folder / str(declared)).resolve()


def _check_keys(sections: dict[str, Any], known: set[str], prefix: str) -> None:
    for section, content in sections.items():
        if section not in known or not isinstance(content, dict):
            raise _unknown(f"[{prefix}{section}]", section, known)
        for key in content:
            if key not in _KEYS[section]:
                raise _unknown(f"[{prefix}{section}] {key}", key, set(_KEYS[section]))


def _unknown(what: str, key: str, known: set[str]) -> OptionError:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return OptionError(
        "CM-STUDY-002",
        f"a study file has no {what}",
        why="a misspelt setting would be ignored without any sign of it",
        fix=f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(sorted(known))}",
    )
