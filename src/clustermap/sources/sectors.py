"""Sectors: taxonomies as TOML, cited, and the weight of every code in every sector.

A taxonomy file reads::

    name = "hvm-high-technology"
    title = "High value manufacturing: high technology"
    version = "NACE Rev. 2"
    source = "Who published the definition, and where"
    status = "published"                # or what is unconfirmed
    classification = "SIC 2007"

    [sectors.hvm]
    label = "High value manufacturing"
    include = ["21", "26", "303"]       # prefixes, dots allowed
    exclude = ["2620"]                  # the longest matching prefix decides
    weights = { "3250" = 0.5 }          # partial membership, between 0 and 1

Shipped are three published definitions of high value manufacturing, ``hvm-high-technology``,
``hvm-high-and-medium-high`` (what ``hvm`` means) and ``hvm-medium-rd-intensity`` (with basic metals), a fourth,
``hvm-with-metals``, that joins two published aggregates (with basic and fabricated metals), and ``sic-sections``
and ``sic-divisions``.
"""

from __future__ import annotations

import difflib
import html
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clustermap.errors import InputError, plural
from clustermap.schema import CLASSIFICATION
from clustermap.sources.sic import valid_codes

__all__ = ["Sector", "Taxonomy", "available", "load"]

_ALIASES = {"hvm": "hvm-high-and-medium-high"}
_TOP = {"name", "title", "version", "source", "status", "classification", "sectors"}
_KEYS = {"label", "include", "exclude", "weights"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """One sector: prefixes of codes, the longest matching one decides.

    Attributes
    ----------
    name, label : str
        Short name (a column of tables) and the words a reader sees.
    weights : tuple of (str, float)
        Prefix and weight, in prefix order; an excluded prefix has weight 0.
    """

    name: str
    label: str
    weights: tuple[tuple[str, float], ...]

    def weight(self, code: str) -> float:
        """Return the weight of one code: 1 inside, 0 outside, between for partial membership.

        Examples
        --------
        >>> load("hvm")["hvm"].weight("30110")
        0.0
        """
        best, weight = -1, 0.0
        for prefix, value in self.weights:
            if len(prefix) > best and code.startswith(prefix):
                best, weight = len(prefix), value
        return weight


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taxonomy:
    """A named, cited set of sectors.

    Attributes
    ----------
    name, title, version, source : str
        What the definition is called and who published it.
    status : str
        "published", "own", or what is unconfirmed about it.
    classification : str
        The classification of the codes.
    sectors : tuple of Sector
        In name order.
    """

    name: str
    title: str
    version: str
    source: str
    status: str
    classification: str
    sectors: tuple[Sector, ...]

    @property
    def names(self) -> list[str]:
        """Sector names, in order."""
        return [sector.name for sector in self.sectors]

    @property
    def labels(self) -> dict[str, str]:
        """Sector name to the words a reader sees."""
        return {sector.name: sector.label for sector in self.sectors}

    def __getitem__(self, name: str) -> Sector:
        for sector in self.sectors:
            if sector.name == name:
                return sector
        raise InputError(
            "CM-SECTOR-002",
            f"{self.name} has no sector {name!r}{_nearest(name, self.names)}",
            fix=f"one of: {', '.join(self.names[:20])}",
        )

    def weights_for(self, codes: Any) -> pd.DataFrame:
        """Return the weight of every code in every sector.

        Parameters
        ----------
        codes : array-like of str
            5-digit codes; a missing code belongs to no sector.

        Returns
        -------
        pandas.DataFrame
            One row per code, in the order given (with the index of a Series), one column per sector.

        Examples
        --------
        >>> load("hvm").weights_for(["26110", "10110"])["hvm"].tolist()
        [1.0, 0.0]
        """
        index = codes.index if isinstance(codes, pd.Series) else None
        place, unique = pd.factorize(np.asarray(codes, dtype=object), use_na_sentinel=True)
        known = [[sector.weight(str(code)) for sector in self.sectors] for code in unique]
        table = np.array([*known, [0.0] * len(self.sectors)])  # the last row serves missing codes
        return pd.DataFrame(table[place], columns=self.names, index=index)

    def summary(self) -> str:
        """Say in plain sentences what the definition is and where it comes from."""
        n = len(self.sectors)
        what = self.sectors[0].label if n == 1 else plural(n, "sector")
        return f"{self.title}: {what} ({self.classification}, {self.version}; {self.status}).\nSource: {self.source}."

    def __repr__(self) -> str:
        return f"<Taxonomy {self.name}: {', '.join(self.names[:3])}{', …' if len(self.sectors) > 3 else ''}>"  # noqa: PLR2004 - a line's worth

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def available() -> list[str]:
    """List the names that :func:`load` knows.

    Examples
    --------
    >>> "hvm-with-metals" in available()
    True
    """
    shipped = [file.name[:-5] for file in _folder().iterdir() if file.name.endswith(".toml")]
    return sorted([*shipped, *_ALIASES])


def load(name_or_path: str | Path | Mapping[str, Any] | Taxonomy) -> Taxonomy:
    """Load a taxonomy.

    Parameters
    ----------
    name_or_path : str, path, dict or Taxonomy
        A shipped name, a TOML file, ``{"steel": ["241", "242"]}``, or a taxonomy (returned as it is).

    Returns
    -------
    Taxonomy

    Raises
    ------
    InputError
        CM-SECTOR-001: no taxonomy has this name. CM-SECTOR-003: the definition is faulty (every fault told).

    Examples
    --------
    >>> load("hvm").name
    'hvm-high-and-medium-high'
    >>> load({"steel": ["24.1", "24.2"]})["steel"].weight("24100")
    1.0
    """
    if isinstance(name_or_path, Taxonomy):
        return name_or_path
    if isinstance(name_or_path, Mapping):
        sectors = {
            str(key): rule if isinstance(rule, Mapping) else {"include": rule}
            for key, rule in name_or_path.items()
        }
        own = {"name": "own", "title": "Own definition", "source": "given by the user", "status": "own"}
        return _build({**own, "sectors": sectors}, "the given sectors")
    if isinstance(name_or_path, Path) or str(name_or_path).endswith(".toml"):
        return _from_file(Path(name_or_path))
    name = _ALIASES.get(name_or_path, name_or_path)
    if name not in available():
        raise InputError(
            "CM-SECTOR-001",
            f"no taxonomy is called {name_or_path!r}{_nearest(name_or_path, available())}",
            fix=f'one of: {", ".join(available())}; or a TOML file; or {{"steel": ["241", "242"]}}',
        )
    text = (_folder() / f"{name}.toml").read_text("utf-8")
    return _build(tomllib.loads(text), name)


def _folder() -> Any:
    return files("clustermap.sources") / "taxonomies"


def _from_file(path: Path) -> Taxonomy:
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "CM-SECTOR-003",
            f"{path.name} cannot be read as a taxonomy: {error}",
            fix="UTF-8 TOML as described in clustermap.sectors",
        ) from error
    return _build(raw, path.name)


def _build(raw: Mapping[str, Any], where: str) -> Taxonomy:
    faults = [f"unknown key {key!r}" for key in sorted(set(raw) - _TOP)]
    if raw.get("classification", CLASSIFICATION) != CLASSIFICATION:
        faults.append(f"classification {raw['classification']!r} is not {CLASSIFICATION!r}")
    rules = raw.get("sectors")
    if not isinstance(rules, Mapping) or not rules:
        faults.append("no sectors")
        rules = {}
    sectors = [_sector(str(name), rules[name], faults) for name in sorted(rules)]
    if faults:
        shown = "; ".join(faults[:10])
        raise InputError(
            "CM-SECTOR-003",
            f"{where}: {plural(len(faults), 'fault')}: {shown}",
            why="a prefix that matches nothing loses a part of the sector without any sign of it",
            fix='include = ["26", "30.3"], exclude = ["30.1"], weights = {"325" = 0.5}',
        )
    name = str(raw.get("name", Path(where).stem))
    return Taxonomy(
        name=name,
        title=str(raw.get("title", name)),
        version=str(raw.get("version", "")) or "no version",
        source=str(raw.get("source", "not given")),
        status=str(raw.get("status", "own")),
        classification=CLASSIFICATION,
        sectors=tuple(sectors),
    )


def _sector(name: str, rule: Any, faults: list[str]) -> Sector:
    if not isinstance(rule, Mapping):
        faults.append(f"{name}: not a table of include, exclude, weights")
        return Sector(name=name, label=name, weights=())
    faults += [f"{name}: unknown key {key!r}" for key in sorted(set(rule) - _KEYS)]
    weights: dict[str, float] = {}
    lists = [(rule.get("include", ()), 1.0), (rule.get("exclude", ()), 0.0)]
    for given, weight in lists:
        for prefix in [given] if isinstance(given, str) else given:
            _put(weights, prefix, weight, name, faults)
    for prefix, weight in dict(rule.get("weights", {})).items():
        _put(weights, prefix, weight, name, faults)
    if not any(weights.values()):
        faults.append(f"{name}: nothing is included")
    return Sector(name=name, label=str(rule.get("label", name)), weights=tuple(sorted(weights.items())))


def _put(weights: dict[str, float], prefix: object, weight: object, name: str, faults: list[str]) -> None:
    digits = str(prefix).replace(".", "").strip()
    if isinstance(prefix, bool) or not isinstance(prefix, str) or not digits.isdigit():
        faults.append(f"{name}: prefix {prefix!r} is not text of digits")
        return
    if not any(code.startswith(digits) for code in valid_codes()):
        faults.append(f"{name}: no code of {CLASSIFICATION} begins with {digits!r}")
    if digits in weights:
        faults.append(f"{name}: prefix {digits!r} stands twice")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        faults.append(f"{name}: weight {weight!r} of {digits!r} is not between 0 and 1")
        return
    weights[digits] = float(weight)


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.5)
    return f" (nearest: {', '.join(near)})" if near else ""
