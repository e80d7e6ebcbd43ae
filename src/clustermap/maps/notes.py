"""Words of the page that are made from the results: heading, sentences, method, sources, cautions."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from clustermap.errors import plural
from clustermap.maps.facts import clean, sector_labels

if TYPE_CHECKING:
    from clustermap.maps.content import Content

__all__ = ["area_set", "cautions", "findings", "heading", "lead", "methods", "sources"]

_PARAMETERS = (
    ("method", "method"),
    ("null", "null model"),
    ("background", "background"),
    ("minimum_lq", "smallest location quotient of interest"),
    ("reference", "compared with"),
    ("interval", "interval"),
    ("rates", "rates"),
    ("transformation", "weights"),
    ("alternative", "alternative"),
    ("permutations", "permutations"),
    ("correction", "correction"),
    ("alpha", "level"),
    ("family_size", "tests in the family"),
    ("overlap", "firms in several areas"),
    ("membership_rule", "areas in several authorities"),
    ("seed", "seed"),
)
_WORDS = {
    "fdr_bh": "false discovery rate (Benjamini–Hochberg)",
    "minimum-effect": "minimum effect: is it at least this specialised?",
    "homogeneous": "homogeneous: is there any excess?",
}
_KINDS = {"lep": "LEPs", "mca": "Combined authorities", "lad": "Districts", "region": "Regions"}
_TITLES = {
    "Crossing": "Clusters across borders",
    "Clusters": "Clusters",
    "Quotients": "Location quotients",
    "LocalResult": "Spatial autocorrelation",
    "LocalResults": "Spatial autocorrelation",
    "Line": "A line of authorities",
    "SectorTable": "Firms by area",
}
_MOST_SENTENCES, _MOST_NAMES = 12, 6
_WHOLE_KM2 = 100.0
_NO_ANSWER = "Question answered"  # clusters first say what was asked


def heading(content: Content) -> str:
    """Make a heading from what is shown."""
    words = _TITLES.get(type(content.results[0]).__name__, "Map") if content.results else ""
    sectors = [label for label in sector_labels(content).values() if label]
    if not words:
        words = area_set(content.areas) if content.areas is not None else "Firms"
    return f"{words}: {sectors[0]}" if len(sectors) == 1 else words


def area_set(areas: Any) -> str:
    """Name a set of areas: what they are, and of which year."""
    return f"{_KINDS.get(areas.kind, clean(areas.kind) or 'Areas')}{f' {areas.vintage}' if areas.vintage else ''}"


def findings(content: Content) -> list[dict[str, Any]]:
    """Return the plain sentences of every result; the first of them leads the page."""
    out = []
    for result in content.results:
        lines = [line.strip() for line in clean(result.summary()).splitlines() if line.strip()]
        out.append({"about": _title(result), "sentences": lines[:_MOST_SENTENCES]})
    if not out and content.areas is not None:
        out.append(
            {
                "about": "Areas",
                "sentences": [f"{plural(len(content.areas), 'area')}: {area_set(content.areas)}."],
            }
        )
    if not out and content.firms is not None:
        out.append({"about": "Firms", "sentences": [content.firms.summary().splitlines()[0]]})
    return out


def lead(content: Content) -> str:
    """Say in one plain sentence what the page answers."""
    if content.clusters is not None and len(content.clusters.frame):
        return _strongest(content)
    for part in findings(content):
        for sentence in part["sentences"]:
            if not sentence.startswith(_NO_ANSWER):
                return str(sentence)
    return ""


def _strongest(content: Content) -> str:
    frame = content.clusters.frame
    row = frame.iloc[0]
    sector = sector_labels(content).get(clean(row["sector"]), clean(row["sector"])) or "The sector"
    sector, n = sector[:1].upper() + sector[1:], int(row["n_areas"])
    where, what = plural(n, "neighbouring area") if n > 1 else "one area", "areas"
    if content.clusters.firms is not None:
        where, what = (
            f"a place of {plural(int(row['n_firms']), 'firm')} on {_km2(row['area_km2'])} km²",
            "places",
        )
    sure = f"p = {row['p']:.2g} against {_null(content, row)}; {what} selected for it put the figure on the high side"
    text = f"{sector} is {row['relative_risk']:.1f} times as concentrated in {where} as in the whole ({sure})"
    if math.isnan(row["p"]):  # nothing was tested
        text = (
            f"{sector}: the largest dense place holds {int(row['n_firms']):,} on {_km2(row['area_km2'])} km²"
        )
    if content.crossing is not None:
        shares = content.crossing.frame
        known = shares["authority"].isin(content.crossing.authorities.names.index)
        names = list(map(clean, shares.loc[known & (shares["cluster"] == row["cluster"]), "name"]))
        several = f"the cluster lies in {plural(len(names), 'authority')}: {_listed(names)}"
        text += f"; {several if len(names) > 1 else f'the cluster lies in {_listed(names)} alone'}"
    others = int((frame["level"] == row["level"]).sum()) - 1  # those inside wider ones stand in the tree
    return f"{text}. {plural(others, 'more cluster')} found." if others else f"{text}."


def _null(content: Content, row: Any) -> str:
    """Say what the strongest cluster was held against."""
    if content.clusters.firms is not None:
        return "a random draw from all firms"
    told = {
        "homogeneous": "the same share everywhere",
        "field": "a fitted background",
        "auto": "its background",
    }
    return told.get(content.clusters.background, f"{row['level']:g} times")


def _km2(area: float) -> str:
    return f"{area:,.0f}" if area >= _WHOLE_KM2 else f"{area:.3g}"


def _listed(names: list[str]) -> str:
    shown = names[:_MOST_NAMES]
    comma = "; " if any("," in name for name in shown) else ", "
    return comma.join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def methods(content: Content) -> list[dict[str, Any]]:
    """Return how each figure was made, from the parameters that its result carries."""
    results = [content.quotients, content.local, content.clusters, content.crossing, *content.lines]
    return [
        {"about": _title(result), "parameters": _parameters(result)}
        for result in results
        if result is not None
    ]


def sources(content: Content) -> list[str]:
    """Return where every layer comes from."""
    sets = [a for a in (content.areas, *content.outlines) if a is not None]
    lines = [f"{area_set(a)}: {a.source or 'source not stated'}" for a in sets]
    if content.firms is not None:
        lines.append(f"Firms: {content.firms.source or 'source not stated'}")
    return list(dict.fromkeys(lines))


def cautions(content: Content) -> list[str]:
    """Return what must be said on the map itself."""
    out = []
    sets = [a for a in (content.areas, *content.outlines) if a is not None]
    if any(a.generalised for a in sets):
        out.append("Boundaries are generalised, not for measurement.")
    borders = getattr(content.crossing, "authorities", None)
    doubtful = [a for a in (*sets, borders) if a is not None and a.unconfirmed]
    out += [f"What lies in {area_set(a)} is not confirmed by an official table." for a in doubtful]
    note = clean(getattr(content.table, "note", "")).strip()
    if content.firms is not None:
        if content.firms.synthetic and "synthetic" not in note.lower():
            out.append("The firms are synthetic: made up from published figures, no real company is shown.")
        kind = content.firms.location_kind
        if content.left_out:
            out.append(f"Not drawn: {plural(content.left_out, 'firm')} of other sectors, which are too many.")
        unknown = "Whether the places are workplaces or registered offices is unknown."
        out.append(unknown if kind == "unknown" else f"Location of firms: {kind}.")
    elif content.results and "location" not in note.lower() and "registered" not in note.lower():
        out.append("Location of firms: not stated by the data (registered office or workplace).")
    said = {line.casefold().rstrip(".") for line in out}
    sentences = [s.strip() for s in re.split(r"(?<=\.)\s+", note) if s.strip()]
    return [*dict.fromkeys(out), *(s for s in sentences if s.casefold().rstrip(".") not in said)]


def _title(result: Any) -> str:
    return _TITLES.get(type(result).__name__, type(result).__name__)


def _parameters(result: Any) -> list[list[str]]:
    out = []
    for name, words in _PARAMETERS:
        value = getattr(result, name, None)
        if value is not None and not callable(value) and clean(value) not in {"", "nan"}:
            out.append([words, _value(value)])
    return out


def _value(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:10]))
    return _WORDS.get(str(value), str(value))
