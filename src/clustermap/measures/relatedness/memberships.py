"""One label for each firm: its sector in a taxonomy, or what a column says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clustermap.errors import InputError, OptionError, part_of, plural
from clustermap.sources import sectors as taxonomies

if TYPE_CHECKING:
    from clustermap.sources.values import Firms

__all__ = ["labels_of"]

Places = npt.NDArray[np.int32]


def labels_of(firms: Firms, sectors: Any, column: str | None) -> tuple[list[str], Places]:
    """Return the labels there are, in order, and the place of each firm's among them, −1 for none.

    Raises
    ------
    OptionError
        CM-COLOC-001: neither or both of `sectors` and `column`, or a column that is not there.
    InputError
        CM-COLOC-005: firms in several sectors alike, or no firm in any.
    """
    if (sectors is None) == (column is None):
        raise OptionError(
            "CM-COLOC-001",
            "the labels come from sectors= or from column=, and "
            + ("both" if column else "neither")
            + " is given",
            fix='sectors={"steel": ["241"], "cars": ["291", "293"]}, or column="kind"',
        )
    if column is not None:
        return _from_column(firms, column)
    taxonomy = taxonomies.load(sectors)
    kinds = firms.frame["sic"].astype("category").array
    weights = np.asarray(taxonomy.weights_for(list(kinds.categories.astype(str))), dtype=np.float64)
    weights = np.vstack((weights.reshape(-1, len(taxonomy.names)), np.zeros((1, len(taxonomy.names)))))
    best = weights.max(axis=1)
    several = (weights == best[:, None]).sum(axis=1) > 1
    label = np.where(best > 0, weights.argmax(axis=1), -1).astype(np.int32)
    codes = np.asarray(kinds.codes) % len(label)  # a missing code, −1, is the last row
    doubtful = several & (best > 0)
    if doubtful[codes].any():
        names = kinds.categories[np.flatnonzero(doubtful[:-1])[:5]]
        raise InputError(
            "CM-COLOC-005",
            f"{part_of(int(doubtful[codes].sum()), len(codes), 'firm', 'belongs', 'belong')} to several sectors alike, "
            f"by the codes {', '.join(map(str, names))}",
            why="shuffling labels needs one label for each firm",
            fix="sectors that do not overlap",
        )
    return _checked(taxonomy.names, label[codes])


def _from_column(firms: Firms, column: str) -> tuple[list[str], Places]:
    if column not in firms.frame.columns or column == "geometry":
        raise OptionError(
            "CM-COLOC-001",
            f"the firms have no column {column!r} of labels",
            fix=f"column= one of: {', '.join(map(str, firms.frame.columns[:12]))}",
        )
    values = firms.frame[column]
    kinds = values.astype("string").astype("category").array
    return _checked([str(c) for c in kinds.categories], np.asarray(kinds.codes, dtype=np.int32))


def _checked(names: list[str], labels: Places) -> tuple[list[str], Places]:
    if (labels < 0).all():
        raise InputError(
            "CM-COLOC-005",
            f"none of {plural(len(labels), 'firm')} has a label",
            why="there is nothing to shuffle",
            fix='read_firms(source, columns={"sic": "the column with the codes"}), or other sectors',
        )
    return names, np.ascontiguousarray(labels, dtype=np.int32)
