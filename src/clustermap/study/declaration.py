"""What a study file may say, read and checked before anything is computed."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clustermap import datasets
from clustermap.errors import InputError
from clustermap.study.settings import check_settings

__all__ = ["EMBEDDED_SETS", "Study", "demo_path", "template"]

EMBEDDED_SETS = ("lad", "lep", "mca", "region")
_EMBEDDED = "embedded:"


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
            CM-STUDY-002: a key that no verb takes, with the nearest one that exists; CM-STUDY-007: values of the
            wrong kind.
        """
        file = Path(path)
        try:
            declared = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(
                "CM-STUDY-001",
                f"the study file {file.name or file} cannot be read: {error.strerror}",
                fix=f"clustermap new {file.name or 'STUDY.toml'}   # writes a commented template",
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
        head, inputs = declared.get("study", {}), declared.get("inputs", {})
        root = "."
        if isinstance(inputs, dict):
            inputs = dict(inputs)
            root = inputs.pop("root", root)
        options = {k: v for k, v in declared.items() if k not in {"study", "inputs"}}
        check_settings(head, inputs, options)
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
        first = head.get("first", ())
        return cls(
            title=str(head.get("title", stem)),
            name=str(head.get("name", stem)),
            seed=head.get("seed", 7),
            sector=head.get("sector"),
            first=(first,) if isinstance(first, str) else tuple(first),
            inputs=inputs,
            options=options,
            root=_root(root, folder),
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

    def tabulation(self) -> dict[str, Any]:
        """Return the arguments of `tabulate`, a taxonomy's file resolved."""
        given = dict(self.options.get("tabulate", {}))
        sectors = given.get("sectors")
        if isinstance(sectors, str) and sectors.endswith(".toml"):
            given["sectors"] = self.path(sectors)
        return given

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
