"""Paths to the embedded sets: generalised boundaries and synthetic firms."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from clustermap.errors import InputError

__all__ = ["available", "path"]

_KINDS = ("boundaries", "firm_data")


def _folder(kind: str) -> Path:
    """Find the data of an installed wheel, or else of the checkout around this file."""
    installed = Path(str(files("clustermap"))) / "_data" / kind
    checkout = Path(__file__).resolve().parents[2] / kind / "data"
    for place in (installed, checkout):
        if place.is_dir():
            return place
    raise InputError(
        "CM-DATA-001",
        f"the embedded {kind} are not installed",
        why="they are part of the wheel and of the checkout",
        fix="pip install --force-reinstall clustermap",
    )


def available() -> list[str]:
    """List the names that :func:`path` knows.

    Examples
    --------
    >>> "firms" in available()
    True
    """
    return sorted(_files())


def path(name: str) -> Path:
    """Return the path of an embedded set, for instance ``"firms"`` or ``"lep_2017"``.

    Parameters
    ----------
    name : str
        ``"firms"`` (synthetic), ``"firms_null"`` (synthetic, nothing planted), or a boundary set.

    Raises
    ------
    InputError
        CM-DATA-002: no set has this name.

    Examples
    --------
    >>> path("firms").name
    'firms.parquet'
    """
    there = _files()
    if name not in there:
        raise InputError(
            "CM-DATA-002", f"no embedded set is called {name!r}", fix=f"one of: {', '.join(sorted(there))}"
        )
    return there[name]


def _files() -> dict[str, Path]:
    return {
        file.stem: file for kind in _KINDS for file in _folder(kind).iterdir() if file.suffix == ".parquet"
    }
