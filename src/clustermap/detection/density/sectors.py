"""Which firms are of the sectors asked for: what detection among firms begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from clustermap.crs import require_metric
from clustermap.errors import OptionError
from clustermap.sources import sectors as taxonomies
from clustermap.sources.firms import as_firms
from clustermap.sources.values import Firms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clustermap.sources.sectors import Taxonomy

__all__ = ["FirmSector", "given_firms", "planar", "read_firm_sectors"]

Floats = npt.NDArray[np.float64]
_HALF = 0.5


class FirmSector(NamedTuple):
    """The firms of one sector."""

    name: str
    label: str
    inside: npt.NDArray[np.bool_]
    partly: int


def given_firms(data: Any, method: str) -> Firms:
    """Take firms, or read them with defaults; refuse a table of counts.

    Raises
    ------
    OptionError
        CM-SCAN-011: the method takes firms, and this is something else.
    CrsError
        CM-CRS-004: no projected system in metres.
    """
    if not isinstance(data, Firms) and "geometry" not in getattr(data, "columns", ()):
        raise OptionError(
            "CM-SCAN-011",
            f"method={method!r} takes firms with places, got {type(data).__name__}",
            why="counts by area do not say where in the area the firms are",
            fix=f'cm.detect_clusters(cm.read_firms(source), method="{method}", sector="hvm"), or method="scan"',
        )
    firms = as_firms(data)
    require_metric(firms.crs, what="distances between firms")
    return firms


def planar(firms: Firms) -> tuple[Floats, Floats]:
    """Return x and y of every firm in metres."""
    at = shapely.get_coordinates(firms.frame.geometry.to_numpy())
    return np.ascontiguousarray(at[:, 0]), np.ascontiguousarray(at[:, 1])


def read_firm_sectors(
    firms: Firms, sector: Taxonomy | str | Path | Mapping[str, Sequence[str]]
) -> list[FirmSector]:
    """Return the firms of each sector of a taxonomy, by first code; a firm belongs where at least half of it does."""
    taxonomy = taxonomies.load(sector)
    kinds = firms.frame["sic"].astype("category").array
    known = np.asarray(taxonomy.weights_for(list(kinds.categories.astype(str))), dtype=float)
    known = np.vstack((known.reshape(-1, len(taxonomy.names)), np.zeros((1, len(taxonomy.names)))))
    weight = known[kinds.codes]  # a missing code, −1, is the last row
    return [
        FirmSector(
            name,
            taxonomy.labels[name],
            weight[:, s] >= _HALF,
            int(((weight[:, s] > 0) & (weight[:, s] < 1)).sum()),
        )
        for s, name in enumerate(taxonomy.names)
    ]
