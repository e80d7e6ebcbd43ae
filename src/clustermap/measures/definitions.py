"""One question asked of several definitions of a sector: how far the answer depends on who drew the line."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.errors import InputError, OptionError, as_lines, part_of, plural
from clustermap.measures.quotient import location_quotient
from clustermap.schema import ACROSS_COLUMNS
from clustermap.sources import sectors as taxonomies
from clustermap.sources.sectors import Taxonomy
from clustermap.tables.sparse import as_matrix, parts_summed, unmarked
from clustermap.tables.table import SectorTable, as_table
from clustermap.tables.tabulation import tabulate

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.measures.quotients import Quotients
    from clustermap.schema import Codes, Overlap
    from clustermap.sources.values import Areas, Firms

__all__ = ["Sensitivity", "across"]

_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sensitivity:
    """Location quotients of one sector under several definitions of it.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area: ``area, low, high`` (smallest and largest quotient), ``holds, of`` (definitions under
        which the quotient reaches the threshold, of those that have an answer), ``surely, surely_not`` (whose
        interval lies above, or below, the threshold), ``agree`` (all on one side), ``lowest, highest`` (which
        definitions), ``status``.
    long : pandas.DataFrame
        One row per area and definition: ``area, definition, value, lq, lower, upper, p, holds, status``.
    definitions : pandas.DataFrame
        By name: ``title, source, status``, and the share of everything that the definition holds.
    quotients : Quotients
        The measurement itself, the definitions standing as sectors.
    threshold : float
        What a quotient must reach.
    """

    frame: pd.DataFrame
    long: pd.DataFrame
    definitions: pd.DataFrame
    quotients: Quotients
    threshold: float

    def of(self, area: str) -> pd.DataFrame:
        """Return what each definition says of one area.

        Raises
        ------
        OptionError
            CM-ACROSS-006: no such area.
        """
        part = self.long[self.long["area"] == area]
        if part.empty:
            raise OptionError(
                "CM-ACROSS-006",
                f"no area {area!r} among {len(self.frame)}",
                fix=f"of() with one of: {list(self.frame['area'][:5])}",
            )
        return part.drop(columns="area").set_index("definition")

    def summary(self) -> str:
        """Say in plain sentences how far the answer depends on the definition."""
        m, known = len(self.definitions), self.frame[self.frame["of"] > 0]
        always, never = (known["holds"] == known["of"]).sum(), (known["holds"] == 0).sum()
        first = (
            f"{plural(m, 'definition')}, {plural(len(known), 'area')} with an answer: a quotient of at "
            f"least {self.threshold:g} holds "
            f"under all of them in {always:,}, under none in {never:,}, under some in "
            f"{len(known) - always - never:,}."
        )
        lines = [first]
        split = known[~known["agree"]].assign(width=known["high"] - known["low"])
        split = split.sort_values("width", ascending=False, kind="stable").head(_TOLD)
        lines += [
            f"{self._name(r.area)}: {r.low:.2f} ({r.lowest}) to {r.high:.2f} ({r.highest}), "
            f"holds in {r.holds} of {r.of}."
            for r in split.itertuples()
        ]
        lines += [
            f"{name}: {d.title} ({d.share:.1%} of everything; {d.status}). Source: {d.source}."
            for name, d in zip(self.definitions.index, self.definitions.itertuples(), strict=True)
        ]
        if self.long["lower"].isna().all():
            lines.append("Without counts of firms there are no intervals: surely and surely_not are 0.")
        return as_lines([*lines, *([self.quotients.table.note] if self.quotients.table.note else [])])

    def _name(self, code: Any) -> str:
        areas = self.quotients.areas
        return str(areas.names.get(code, code)) if areas is not None else str(code)

    def __repr__(self) -> str:
        return f"<Sensitivity: {plural(len(self.frame), 'area')} × {plural(len(self.definitions), 'definition')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def across(
    data: Firms | gpd.GeoDataFrame | SectorTable | pd.DataFrame,
    areas: Areas | gpd.GeoDataFrame | None = None,
    *,
    definitions: Sequence[Any] | Mapping[str, Any],
    threshold: float = 1.0,
    interval: float = 0.95,
    value: str = "firms",
    codes: Codes = "first",
    overlap: Overlap = "fractional",
) -> Sensitivity:
    """Measure a sector under several definitions, and say in which areas the answer depends on them.

    Parameters
    ----------
    data : Firms, GeoDataFrame, SectorTable or pandas.DataFrame
        Located firms (with `areas`), or a table whose sectors are codes of one length, such as "2611": every
        sector of the economy must be among them, or `area_totals` given.
    areas : Areas or geopandas.GeoDataFrame, optional
        The areas, with firms.
    definitions : sequence or dict
        Taxonomies of one sector each: names ("hvm-with-metals"), files, `Taxonomy`; or a dict of name to one of
        these or to a list of prefixes.
    threshold : float
        What a quotient must reach to hold.
    interval : float
        Coverage of the intervals, where there are counts of firms.
    value, codes, overlap
        As in `tabulate`, with firms.

    Returns
    -------
    Sensitivity

    Raises
    ------
    OptionError
        CM-ACROSS-001: fewer than two definitions, or two of one name. CM-ACROSS-002: a definition of several
        sectors. CM-ACROSS-003: areas with a table, or firms without.
    InputError
        CM-ACROSS-004: the table's sectors are no codes of one length. CM-ACROSS-005: a definition is finer than
        the table, or holds none of its codes.

    References
    ----------
    Galindo-Rueda, F. and Verger, F. (2016), OECD Taxonomy of Economic Activities Based on R&D Intensity, one of the
    definitions that are shipped; every other one names its own source (`Taxonomy.source`).

    Examples
    --------
    >>> table = pd.DataFrame({"2410": [8, 2], "2611": [1, 9], "4711": [20, 20]}, index=["A", "B"])
    >>> result = across(table, definitions={"metals": ["24"], "electronics": ["26"], "both": ["24", "26"]})
    >>> result.frame[["area", "holds", "of", "agree"]].to_numpy().tolist()
    [['A', 1, 3, False], ['B', 2, 3, False]]
    """
    named = _named(definitions)
    merged = Taxonomy(
        name="across", title="Definitions beside each other", version="", source="", status="own",
        classification=next(iter(named.values())).classification,
        sectors=tuple(replace(named[name].sectors[0], name=name) for name in sorted(named)),
    )  # fmt: skip
    is_table = isinstance(data, SectorTable) or (
        isinstance(data, pd.DataFrame) and "geometry" not in data.columns
    )
    if is_table == (areas is not None):
        raise OptionError(
            "CM-ACROSS-003",
            "a table has its areas already" if is_table else "firms were given without areas",
            fix="across(table, definitions=…) or across(firms, areas, definitions=…)",
        )
    if is_table:
        table = _regrouped(as_table(data), merged)
    else:
        table = tabulate(data, areas, sectors=merged, value=value, codes=codes, overlap=overlap)
    quotients = location_quotient(table, interval=interval, correction="none", cells="all")
    long = quotients.frame.rename(columns={"sector": "definition"})
    long["holds"] = long["lq"] >= threshold
    columns = ["area", "definition", "value", "lq", "lower", "upper", "p", "holds", "status"]
    told = {
        name: (
            t.title,
            t.source,
            t.status,
            float(table.sector_totals[name] / table.total) if table.total else np.nan,
        )
        for name, t in sorted(named.items())
    }
    return Sensitivity(
        frame=_by_area(quotients, threshold),
        long=long[columns],
        definitions=pd.DataFrame.from_dict(
            told, orient="index", columns=["title", "source", "status", "share"]
        ),
        quotients=quotients,
        threshold=threshold,
    )


def _named(definitions: Sequence[Any] | Mapping[str, Any]) -> dict[str, Taxonomy]:
    """Load every definition under its own name."""
    if isinstance(definitions, Mapping):
        pairs = [
            (str(name), taxonomies.load({str(name): rule} if isinstance(rule, list | tuple) else rule))
            for name, rule in definitions.items()
        ]
    else:
        given = [definitions] if isinstance(definitions, str) else list(definitions)
        nameless = sum(isinstance(rule, list | tuple | set) for rule in given)
        if nameless:
            raise OptionError(
                "CM-ACROSS-001",
                f"{part_of(nameless, len(given), 'definition', 'is a list', 'are lists')} of codes without a name",
                why="definitions are told apart by their names",
                fix='definitions={"narrow": ["26"], "wide": ["26", "27"]}',
            )
        loaded = [taxonomies.load(rule) for rule in given]
        pairs = [(taxonomy.name, taxonomy) for taxonomy in loaded]
    if len(pairs) < 2 or len(dict(pairs)) < len(pairs):  # noqa: PLR2004 - one definition has nothing to differ from
        raise OptionError(
            "CM-ACROSS-001",
            f"{plural(len(pairs), 'definition')} with {plural(len(dict(pairs)), 'name')}: "
            f"{[name for name, _ in pairs][:5]}",
            why="sensitivity is a difference between definitions that can be told apart",
            fix='definitions=["hvm-high-technology", "hvm"] or {"narrow": ["26"], "wide": ["26", "27"]}',
        )
    for name, taxonomy in pairs:
        if len(taxonomy.sectors) != 1:
            raise OptionError(
                "CM-ACROSS-002",
                f"{name!r} defines {plural(len(taxonomy.sectors), 'sector')}: {taxonomy.names[:5]}",
                why="the definitions of one sector are compared",
                fix="a taxonomy of the one sector, such as {'hvm': ['26', '27']}",
            )
    return dict(pairs)


def _regrouped(table: SectorTable, taxonomy: Taxonomy) -> SectorTable:
    """Sum coded sectors into definitions; what is unknown in a part is unknown in the sum."""
    codes = [str(code) for code in table.sectors]
    lengths = [len(code) for code in codes]
    digits = max(set(lengths), key=lengths.count)
    odd = [code for code in codes if not code.isdigit() or len(code) != digits]
    if odd:
        raise InputError(
            "CM-ACROSS-004",
            f"{part_of(len(odd), len(codes), 'sector', 'is', 'are')} no codes of {digits} digits: {odd[:5]}",
            why="a prefix is looked up from the left: a lost zero or a name would be in no definition",
            fix="table with sectors such as '0161', '2611'; or across(firms, areas, definitions=…)",
        )
    for sector in taxonomy.sectors:
        inside = [code for code in codes if sector.weight(code) > 0]
        finer = [p for p, _ in sector.weights if any(p != code and p.startswith(code) for code in codes)]
        if finer or not inside:
            raise InputError(
                "CM-ACROSS-005",
                f"the definition {sector.name!r} "
                + (
                    f"divides sectors of the table: {finer[:5]}"
                    if finer
                    else "holds none of the table's sectors"
                ),
                why="a part of a published sector cannot be cut out of it",
                fix=f"across(firms, areas, definitions=…), or definitions of at most {digits} digits",
            )
    weights = as_matrix(taxonomy.weights_for(codes).to_numpy().T)
    matrix = as_matrix(parts_summed(weights, as_matrix(table.matrix.T)).T)
    return replace(
        table,
        matrix=matrix,
        sector_totals=pd.Series(
            parts_summed(weights, table.sector_totals.to_numpy(float)), index=pd.Index(taxonomy.names)
        ),
        marks=unmarked(matrix.shape),
        sector_labels=dict(taxonomy.labels),
    )


def _by_area(quotients: Quotients, threshold: float) -> pd.DataFrame:
    wide = {name: quotients.wide(name).to_numpy(dtype=float) for name in ("lq", "lower", "upper")}
    known = np.isfinite(wide["lq"])
    n, holds = known.sum(axis=1), (wide["lq"] >= threshold).sum(axis=1)
    names = np.array(quotients.sectors, dtype=object)
    least, most = (np.where(known, wide["lq"], fill) for fill in (np.inf, -np.inf))
    none = n == 0
    frame = pd.DataFrame(
        {
            "area": quotients.table.labels,
            "low": np.where(none, np.nan, least.min(axis=1)),
            "high": np.where(none, np.nan, most.max(axis=1)),
            "holds": holds,
            "of": n,
            "surely": (wide["lower"] > threshold).sum(axis=1),
            "surely_not": (wide["upper"] < threshold).sum(axis=1),
            "agree": (holds == 0) | (holds == n),
            "lowest": np.where(none, None, names[least.argmin(axis=1)]),
            "highest": np.where(none, None, names[most.argmax(axis=1)]),
            "status": np.where(none, "no answer", np.where(n < len(names), "some without an answer", "ok")),
        }
    )
    return frame[list(ACROSS_COLUMNS)]
