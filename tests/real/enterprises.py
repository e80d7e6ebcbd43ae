"""The tree of manufacturing clusters: enterprises of 2021 by English district, at 1, 1.25, 1.5 and 2 times.

``python tests/real/enterprises.py`` draws the picture of the page on the graph scan.
"""

from __future__ import annotations

import os
from pathlib import Path

LEVELS, SEED = (1.25, 1.5, 2), 2021


def tree_of(data):
    """Detect at every level, each with its p."""
    import warnings

    import clustermap as cm

    areas = cm.read_boundaries(data / "lad_2022_uk.geojson", keep="E")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cm.ClusterMapWarning)  # two islands, and one name that differs
        table = cm.read_table(
            data / "ubc_enterprises_2018_2022.csv.gz", areas=areas, area="area", sector="industry", value="total",
            measure="firms", match="name", where={"year": 2021, "geo": "LAD"},
        )  # fmt: skip
        graph = cm.contiguity(areas)
    return cm.detect_clusters(
        table, graph, sector="Manufacturing (C)", minimum_lq=1.0, levels=LEVELS, permutations=199, seed=SEED
    )


def figures(data):
    """Return the tree as it is written down."""
    from clustermap.detection import tree_lines

    found = tree_of(data)
    return {
        "n_clusters": len(found.frame),
        "largest": int(found.frame["n_areas"].max()),
        "districts": len(found.table.labels),
        "lines": ["  " * depth + line for depth, line in tree_lines(found)],
    }


def main() -> None:
    """Draw the tree for the documentation."""
    import clustermap as cm

    here = Path(__file__).resolve()
    data = Path(os.environ.get("CLUSTERMAP_REAL_DATA", here.parents[3] / "shared" / "data"))
    figure = cm.draw_tree(tree_of(data), title="Manufacturing enterprises, 309 English districts, 2021")
    figure.savefig(
        here.parents[2] / "docs" / "pictures" / "manufacturing_tree.png", dpi=90, metadata={"Software": None}
    )


if __name__ == "__main__":
    main()
