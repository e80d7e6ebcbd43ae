"""Figures by area and sector, and the class that each area is filled with."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clustermap.maps import palette

if TYPE_CHECKING:
    from clustermap.maps.content import Content

__all__ = ["clean", "facts", "number", "sector_labels", "themes"]

Column = dict[str, str]
Spec = tuple[tuple[str, str, str], ...]
_QUOTIENT: Spec = (
    ("value", "Value", "value"),
    ("expected", "Expected", "value"),
    ("lq", "LQ", "ratio"),
    ("lower", "Interval from", "ratio"),
    ("upper", "Interval to", "ratio"),
    ("shrunk", "Shrunk LQ", "ratio"),
    ("p", "p", "p"),
    ("q", "q", "p"),
    ("status", "Status", "text"),
)
_LOCAL: Spec = (
    ("statistic", "Local Moran", "ratio"),
    ("p", "p of local Moran", "p"),
    ("q", "q of local Moran", "p"),
    ("label", "LISA class", "text"),
)
_CLASSES = 5
_QUADRANTS = ("HH", "LL", "HL", "LH")


def number(value: Any) -> float | int | None:
    """Write a number as JSON can: nothing where there is none.

    Examples
    --------
    >>> number(2.0), number(float("nan")), number(0.25)
    (2, None, 0.25)
    """
    out = float(value) if value is not None and not pd.isna(value) else math.nan
    if not math.isfinite(out):
        return None
    return int(out) if out.is_integer() and abs(out) < 1 << 53 else out


def clean(value: Any) -> str:
    """Write a label as text; a missing one is empty."""
    return (
        ""
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
        else str(value)
    )


def sector_labels(content: Content) -> dict[str, str]:
    """List the sectors on the map with the words for them; the empty key where results name none."""
    labels: dict[str, str] = {}
    if content.table is not None:
        labels |= content.table.sector_labels
    keys: set[str] = set()
    if content.quotients is not None:
        keys |= set(map(str, content.quotients.sectors))
    if content.local is not None:
        keys |= set(_by_sector(content.local))
    if content.clusters is not None:
        keys |= set(content.clusters.frame["sector"].map(clean)) | set(
            getattr(content.clusters, "of_sector", ())
        )
        labels |= _told(content.clusters)
    if not keys - {""} and content.table is not None:
        keys |= set(map(str, content.table.sectors))
    if len(keys) > 1:
        keys.discard("")  # what names no sector is shown with every sector
    return {key: str(labels.get(key, key)) for key in sorted(keys)} or {"": ""}


def _told(clusters: Any) -> dict[str, str]:
    """Return the words for the sectors of clusters of firms."""
    dense = getattr(clusters, "density", None)
    return {s.sector: s.sector_label for s in getattr(clusters, "surfaces", ())} | (
        dense.labels if dense else {}
    )


def facts(content: Content, codes: list[Any]) -> tuple[list[Column], dict[str, dict[str, list[Any]]]]:
    """Return the columns of the table, and for each sector their values in order of the areas."""
    columns: list[Column] = []
    values: dict[str, dict[str, list[Any]]] = {}
    for prefix, spec, frames in _tables(content):
        shown = [row for row in spec if any(row[0] in frame for frame in frames.values())]
        columns += [{"id": f"{prefix}{c}", "label": label, "kind": kind} for c, label, kind in shown]
        for sector, frame in frames.items():
            aligned = frame.reindex(codes)
            own = values.setdefault(sector, {})
            for column, _, kind in shown:
                write = clean if kind == "text" else number
                own[f"{prefix}{column}"] = [write(v) for v in aligned[column]]
    shared = values.pop("", {}) if len(values) > 1 else {}
    return columns, {sector: {**shared, **own} for sector, own in sorted(values.items())}


def themes(content: Content, codes: list[Any]) -> list[dict[str, Any]]:
    """Return the ways to fill the areas: classes, colours, and how many areas each class holds."""
    found = []
    if content.quotients is not None:
        found.append(_quotient_theme(content.quotients, codes))
    elif content.table is not None:
        found.append(_count_theme(content.table, codes))
    if content.local is not None:
        found.append(_local_theme(content.local, codes))
    return found


def _tables(content: Content) -> list[tuple[str, Spec, dict[str, pd.DataFrame]]]:
    out: list[tuple[str, Spec, dict[str, pd.DataFrame]]] = []
    if content.quotients is not None:
        out.append(("", _QUOTIENT, _by_sector(content.quotients)))
    elif content.table is not None:
        out.append(("", _QUOTIENT[:1], _cells(content.table)))
    if content.local is not None:
        out.append(("lisa_", _LOCAL, _by_sector(content.local)))
    return out


def _by_sector(result: Any) -> dict[str, pd.DataFrame]:
    frame = result.frame
    if getattr(result, "cells", "all") == "nonzero":  # areas without firms are places on the map too
        return {str(sector): result.of(sector) for sector in result.sectors}
    if "area" not in frame:
        return {clean(getattr(result, "sector", None)): frame}
    if "sector" not in frame:
        return {"": frame.set_index("area")}
    return {str(key): part.set_index("area") for key, part in frame.groupby("sector", observed=True)}


def _cells(table: Any) -> dict[str, pd.DataFrame]:
    return {str(s): pd.DataFrame({"value": table.column(s)}) for s in table.sectors}


def _theme(name: str, label: str, method: str, sectors: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "label": label, "method": method, "sectors": sectors}


def _filled(classes: Any, swatches: list[palette.Swatch]) -> dict[str, Any]:
    counts = np.bincount(np.asarray(classes, dtype=int), minlength=len(swatches))
    return {"class": [int(c) for c in classes], "counts": counts.tolist(), "classes": swatches}


def _quotient_theme(quotients: Any, codes: list[Any]) -> dict[str, Any]:
    alpha = float(quotients.alpha)
    sectors = {}
    for sector, frame in _by_sector(quotients).items():
        aligned = frame.reindex(codes)
        column = {c: aligned[c].to_numpy(dtype=float) for c in ("shrunk", "lq", "q", "p", "expected")}
        value = np.where(np.isfinite(column["shrunk"]), column["shrunk"], column["lq"])
        value = np.where(np.isfinite(column["lq"]), value, np.nan)
        classes = palette.lq_classes(
            value,
            p=column["q"] if np.isfinite(column["q"]).any() else column["p"],
            expected=column["expected"],
            suppressed=aligned["status"].map(clean).str.contains("suppressed").to_numpy(dtype=bool),
            alpha=alpha,
        )
        sectors[sector] = _filled(classes, list(palette.LQ))
    method = (
        "Location quotient, shrunk towards 1 where little is expected; fixed classes around 1. Coloured only where "
        f"chance does not explain it (q, or p where no correction was asked, at {alpha:.2g})."
    )
    return _theme("lq", "Location quotient", method, sectors)


def _local_theme(local: Any, codes: list[Any]) -> dict[str, Any]:
    found = getattr(local, "kinds", _QUADRANTS)
    # a legend has what the statistic can find, and after it why an area is nothing of that
    swatches = {kind: {**palette.LISA, **palette.LOCAL}[kind] for kind in found}
    swatches |= {kind: swatch for kind, swatch in palette.LISA.items() if kind not in _QUADRANTS}
    names = list(swatches)
    sectors = {}
    for sector, frame in _by_sector(local).items():
        labels = frame["label"].astype(object).reindex(codes).map(clean)
        classes = [names.index(label) if label in names else names.index("undefined") for label in labels]
        sectors[sector] = _filled(classes, list(swatches.values()))
    alpha, correction = getattr(local, "alpha", 0.05), getattr(local, "correction", "none")
    measure = "p" if correction == "none" else f"q ({correction})"
    name = getattr(local, "method", "local Moran")
    what = "like areas beside like areas, " if name == "local Moran" else ""
    method = f"{name[0].upper()}{name[1:]}: {what}where {measure} is at most {alpha}."
    return _theme("lisa", "Spatial autocorrelation (LISA)", method, sectors)


def _count_theme(table: Any, codes: list[Any]) -> dict[str, Any]:
    sectors = {}
    states = table.status
    for sector in table.sectors:
        values = table.column(sector).reindex(codes).to_numpy(dtype=float)
        status = states[sector].reindex(codes).map(clean).to_numpy()
        sectors[str(sector)] = _counted(values, status)
    words = "Firms" if table.measure == "firms" else "Employment"
    return _theme(
        "count", f"{words} in the sector", "Quantiles of the counts; a count is no specialisation.", sectors
    )


def _counted(values: Any, status: Any) -> dict[str, Any]:
    known = np.isfinite(values)
    bins: list[float] = []
    if known.any():
        from mapclassify import Quantiles

        with warnings.catch_warnings():  # ties leave fewer classes than asked for, which the legend shows
            warnings.simplefilter("ignore", UserWarning)
            bins = sorted(set(map(float, Quantiles(values[known], k=_CLASSES).bins)))
    starts = [float(np.min(values[known], initial=np.inf)), *bins[:-1]] if bins else []
    swatches = [
        {"label": f"{'' if i == 0 else 'over '}{a:,.6g} to {b:,.6g}", "colour": palette.COUNT_COLOURS[i]}
        for i, (a, b) in enumerate(zip(starts, bins, strict=True))
    ]
    swatches += [palette.LQ[palette.SUPPRESSED], palette.LQ[palette.MISSING]]
    classes = np.searchsorted(bins, values)
    classes[~known] = len(swatches) - 1
    classes[status == "suppressed"] = len(swatches) - 2
    return _filled(classes, swatches)
