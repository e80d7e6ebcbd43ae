"""A page with 20,000 firms: what the firms add in bytes and seconds, beside folium's own ways to draw points.

Every way is shown to hold the same points (to five decimals, about a metre) before its figures are recorded.
Seconds are medians of 5 (CircleMarker of 3) and count making the page's text; bytes are what the firms add.
"""

from __future__ import annotations

import re
import statistics
import time
from typing import TYPE_CHECKING, Any

import folium
import numpy as np
from _record import record
from folium.plugins import FastMarkerCluster

import clustermap as cm
from clustermap.maps.geometry import DEGREES, decode

if TYPE_CHECKING:
    from collections.abc import Callable

N, TARGET_MB, TARGET_S = 20_000, 0.3, 0.2
RUNS, SLOW_RUNS = 5, 3


def sample() -> Any:
    """Take the first firms of the embedded synthetic set."""
    from dataclasses import replace

    firms = cm.read_firms(cm.datasets.path("firms"))
    return replace(firms, frame=firms.frame.iloc[:N])


def timed(make: Callable[[], str], runs: int) -> tuple[str, float]:
    """Make a page several times after a first one that loads what is loaded once."""
    text = make()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        make()
        seconds.append(time.perf_counter() - start)
    return text, statistics.median(seconds)


def circles(points: np.ndarray) -> str:
    """Draw with one CircleMarker a firm, on a canvas."""
    drawn = folium.Map([52.5, -1.5], zoom_start=6, prefer_canvas=True)
    for lat, lon in points.tolist():
        folium.CircleMarker([lat, lon], radius=2).add_to(drawn)
    return str(drawn.get_root().render())


def clustered(points: np.ndarray) -> str:
    """Draw with folium's fastest plugin for points."""
    drawn = folium.Map([52.5, -1.5], zoom_start=6)
    FastMarkerCluster(points.tolist()).add_to(drawn)
    return str(drawn.get_root().render())


def ordered(points: np.ndarray) -> np.ndarray:
    """Round to whole steps, in order of place."""
    steps = np.rint(points * DEGREES).astype(int)
    return steps[np.lexsort(steps.T)]


def ours_again(text: str) -> np.ndarray:
    """Read the points back from our page."""
    data = re.search(r'"firms":\{"data":"([^"]*)"', text)
    assert data is not None  # noqa: S101 - a benchmark of the wrong thing is worse than none
    return decode(data.group(1)).reshape(-1, 2).cumsum(axis=0)[:, ::-1] / DEGREES


def circles_again(text: str) -> np.ndarray:
    """Read the points back from a page of CircleMarkers."""
    return np.array(re.findall(r"L\.circleMarker\(\s*\[([-\d.e]+), ([-\d.e]+)\]", text), dtype=float)


def clustered_again(text: str) -> np.ndarray:
    """Read the points back from a page of FastMarkerCluster."""
    block = text[text.index("var data = [[") :]
    return np.array(re.findall(r"\[([-\d.e]+), ([-\d.e]+)\]", block[: block.index("]];") + 1]), dtype=float)


def main() -> None:
    """Measure, compare, record."""
    firms, leps = sample(), cm.read_boundaries("lep", vintage=2017)
    places = firms.frame.geometry.to_crs("EPSG:4326")
    points = np.column_stack([places.y, places.x]).round(5)
    empty, empty_s = timed(lambda: cm.draw_map(leps).to_html(), RUNS)
    ours, ours_s = timed(lambda: cm.draw_map(leps, firms=firms).to_html(), RUNS)
    bare, bare_s = timed(lambda: str(folium.Map([52.5, -1.5]).get_root().render()), RUNS)
    many, many_s = timed(lambda: circles(points), SLOW_RUNS)
    fast, fast_s = timed(lambda: clustered(points), RUNS)
    for again in (ours_again(ours), circles_again(many), clustered_again(fast)):
        assert np.array_equal(ordered(again), ordered(points))  # noqa: S101 - the same points, or no comparison
    added = {"clustermap": len(ours) - len(empty), "CircleMarker": len(many) - len(bare)}
    added["FastMarkerCluster"] = len(fast) - len(bare)
    seconds = {
        "clustermap": ours_s - empty_s,
        "CircleMarker": many_s - bare_s,
        "FastMarkerCluster": fast_s - bare_s,
    }
    record(
        "page",
        {
            "firms": N,
            "added_megabytes": {way: round(size / 1e6, 4) for way, size in added.items()},
            "added_seconds": {way: round(value, 4) for way, value in seconds.items()},
            "page": {"areas": len(leps), "megabytes": round(len(ours) / 1e6, 4), "seconds": round(ours_s, 4)},
            "needs_network": {"clustermap": False, "CircleMarker": True, "FastMarkerCluster": True},
            "target": {"added_megabytes": TARGET_MB, "added_seconds": TARGET_S},
        },
    )


if __name__ == "__main__":
    main()
