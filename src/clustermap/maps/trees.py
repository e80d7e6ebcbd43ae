"""The tree of clusters as a figure for print and notebooks: wide clusters on the left, the cores inside them right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clustermap.errors import OptionError, plural, printable
from clustermap.maps.palette import LQ, LQ_BREAKS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from clustermap.detection.clusters import Clusters

__all__ = ["draw_tree"]

_ROW, _TOP, _WIDE = 0.26, 1.2, 9.0  # inches
_LARGEST, _SMALLEST = 260.0, 12.0  # size of a mark, in points²
_ROOM = 0.75  # for the names to the right of the last level, in levels
_LONGEST = 40


def draw_tree(clusters: Clusters, *, title: str | None = None) -> Figure:
    """Draw which cluster lies inside which: one row per cluster, at the level that it was found at.

    Parameters
    ----------
    clusters : Clusters
        From ``detect_clusters(…, levels=…)``; clusters of one level are drawn as a plain list.
    title : str, optional
        Another heading.

    Returns
    -------
    matplotlib.figure.Figure
        With ``.savefig(path)``; a notebook shows it. A mark's ground is the number of firms (or jobs), its colour the
        location quotient in the classes of the map.

    Raises
    ------
    OptionError
        CM-MAP-006: not clusters, or there is none, or matplotlib is not installed.

    References
    ----------
    Hartigan, J. A. (1975), Clustering Algorithms. Wiley: the tree of high-density clusters.

    Examples
    --------
    >>> from clustermap import detect_clusters
    >>> from clustermap.testing import make_world
    >>> world = make_world(planted="chain", relative_risk=3.0, seed=4)
    >>> found = detect_clusters(world.table, world.graph, levels=(1.5, 2), permutations=99, seed=1)
    >>> draw_tree(found).axes[0].get_xlabel()
    'Location quotient that was scanned at'
    """
    tree = _drawable(clusters)
    figure_of = _canvas()
    figure: Figure = figure_of(figsize=(_WIDE, _TOP + _ROW * len(tree)), layout="constrained")
    axes = figure.add_subplot()
    levels = sorted({*clusters.levels, *tree["level"]})  # one at which nothing was found stays empty
    column = tree["level"].map({level: k for k, level in enumerate(levels)}).to_numpy()
    _elbows(axes, tree, column)
    ratio = tree["relative_risk"].to_numpy(float)
    colours = [LQ[int(k)]["colour"] for k in np.searchsorted(LQ_BREAKS, ratio, side="right")]
    value = tree["value"].to_numpy(float)
    size = np.maximum(_SMALLEST, _LARGEST * value / value.max())
    axes.scatter(column, range(len(tree)), s=size, c=colours, edgecolors="#555555", linewidths=0.6, zorder=2)
    gap = 6 + np.sqrt(size / np.pi)
    for row, (told, at) in enumerate(zip(_labels(clusters, tree), column, strict=True)):
        axes.annotate(
            told, (at, row), xytext=(gap[row], 0), textcoords="offset points", va="center", fontsize=8,
            parse_math=False, annotation_clip=False,
        )  # fmt: skip
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_xlim(-0.15, len(levels) - 1 + _ROOM)
    axes.set_ylim(len(tree) - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.set_xlabel("Location quotient that was scanned at")
    axes.set_title(_heading(clusters) if title is None else printable(title), loc="left", parse_math=False)
    return figure


def _drawable(clusters: Any) -> pd.DataFrame:
    if not hasattr(clusters, "tree"):
        raise OptionError(
            "CM-MAP-006",
            f"a {type(clusters).__name__} has no tree",
            fix="cm.draw_tree(cm.detect_clusters(table, graph, levels=(1.5, 2)))",
        )
    tree: pd.DataFrame = clusters.tree
    if not len(tree):
        raise OptionError(
            "CM-MAP-006",
            "there is no cluster to draw",
            why="an empty figure would look like a mistake; that nothing was found is a result",
            fix="print(clusters.summary())",
        )
    return tree


def _canvas() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:  # pragma: no cover - the developers' tools hold it
        raise OptionError(
            "CM-MAP-006",
            "matplotlib is not installed",
            why="it draws the figure",
            fix='pip install "clustermap[figures]", or print(clusters.summary()), which has the tree in words',
        ) from error
    return Figure


def _elbows(axes: Any, tree: pd.DataFrame, column: Any) -> None:
    """Draw a line from every cluster to the one around it."""
    row_of = {name: row for row, name in enumerate(tree["cluster"])}
    for row, parent in enumerate(tree["parent"]):
        if isinstance(parent, str):
            above = row_of[parent]
            axes.plot(
                [column[above], column[above], column[row]],
                [above, row, row],
                color="#999999",
                linewidth=0.9,
                zorder=1,
            )


def _labels(clusters: Any, tree: pd.DataFrame) -> list[str]:
    unit = "areas" if clusters.firms is None else "firms"
    number = tree["n_areas" if clusters.firms is None else "n_firms"]
    return [
        f"{name} {_short(where)} · {n:,} {unit if n > 1 else unit[:-1]} · LQ {ratio:.2f}"
        for name, where, n, ratio in zip(
            tree["cluster"], tree["name"], number, tree["relative_risk"], strict=True
        )
    ]


def _short(name: Any) -> str:
    told = printable(str(name))
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def _heading(clusters: Any) -> str:
    sectors = clusters.frame["sector"].unique()
    labels = {} if clusters.table is None else clusters.table.sector_labels
    told = (
        printable(str(labels.get(sectors[0], sectors[0])))
        if len(sectors) == 1
        else plural(len(sectors), "sector")
    )
    return f"{told}: what lies inside what"
