"""Areas × sectors without their zeros: cells, totals, sums over areas, and what is known about each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import AlignmentError, InputError, examples, part_of
from clustermap.schema import CELL_STATES

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "as_matrix",
    "check_cells",
    "exceptions",
    "in_state",
    "marks_of",
    "parts_summed",
    "placed",
    "rows_of",
    "states",
    "totals",
    "unmarked",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SUPPRESSED = CELL_STATES.index("suppressed")


def as_matrix(values: Any) -> csr_array:
    """Return a frame, array or sparse matrix as compressed rows without stored zeros; NaN is stored."""
    from scipy.sparse import csr_array

    whole = isinstance(values, pd.DataFrame)
    matrix = csr_array(values.to_numpy(dtype=np.float64) if whole else values, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def placed(area: Ints, sector: Ints, value: Floats, shape: tuple[int, int], *, absent: str) -> csr_array:
    """Put figures into areas × sectors; a pair without one is "zero", or takes a cell of its own as "unknown"."""
    from scipy.sparse import csr_array

    if absent == "zero":
        return csr_array((value, (area, sector)), shape=shape)
    wide = np.full(shape, np.nan)
    wide[area, sector] = value
    kind = np.int32 if wide.size <= np.iinfo(np.int32).max else np.int64
    every = np.tile(np.arange(shape[1], dtype=kind), shape[0])
    starts = (np.arange(shape[0] + 1) * shape[1]).astype(kind)
    return csr_array((wide.ravel(), every, starts), shape=shape)


def rows_of(matrix: csr_array) -> Ints:
    """Return the row of each cell stored."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def check_cells(matrix: csr_array, labels: pd.Index) -> None:
    """Refuse negative and infinite cells.

    Raises
    ------
    InputError
        CM-TABLE-003.
    """
    bad = np.isinf(matrix.data) | (matrix.data < 0)
    if bad.any():
        rows = np.unique(rows_of(matrix)[bad])
        raise InputError(
            "CM-TABLE-003",
            f"{part_of(bad.sum(), matrix.shape[0] * matrix.shape[1], 'cell', 'is', 'are')} negative or infinite: "
            + examples((int(r), labels[r]) for r in rows),
            why="one such cell spoils every total",
            fix="values.where(values >= 0)",
        )


def totals(matrix: csr_array, axis: int) -> Floats:
    """Sum known cells along an axis; NaN where none is known."""
    unknown = _summed(matrix, np.isnan(matrix.data).astype(np.float64), axis) == matrix.shape[axis]
    return np.where(unknown, np.nan, _summed(matrix, np.nan_to_num(matrix.data), axis))


def _summed(matrix: csr_array, data: Floats, axis: int) -> Floats:
    """Sum other data that stand in the cells of a matrix, whose places are not copied."""
    from scipy.sparse import csr_array

    made = csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=False)
    return np.asarray(made.sum(axis=axis), dtype=np.float64)


def parts_summed(weights: csr_array, parts: csr_array | Floats) -> Any:
    """Sum parts by weight; an unknown part makes an unknown sum, a part that does not belong does not."""
    belongs = weights.copy()
    belongs.data = (weights.data > 0).astype(np.float64)
    if isinstance(parts, np.ndarray):
        sums = weights @ np.nan_to_num(parts)
        return np.where(belongs @ np.isnan(parts).astype(np.float64) > 0, np.nan, sums)
    hidden, seen = parts.copy(), parts.copy()
    hidden.data = np.isnan(parts.data).astype(np.float64)
    hidden.eliminate_zeros()
    seen.data = np.nan_to_num(parts.data)
    unknown = as_matrix(belongs @ hidden)
    unknown.data[:] = np.nan
    return weights @ seen + unknown


def unmarked(shape: tuple[int, int]) -> csr_array:
    """Return the marks of a table in which every cell is what its figure says."""
    from scipy.sparse import csr_array

    return csr_array(shape, dtype=np.int8)


def marks_of(status: pd.DataFrame, matrix: csr_array, labels: tuple[pd.Index, pd.Index]) -> tuple[str, Any]:
    """Return the common precision of a frame of states, and the cells that differ from what it implies.

    Raises
    ------
    AlignmentError
        CM-ALIGN-001: other labels than the values.
    InputError
        CM-TABLE-020: a word that is no state.
    """
    from scipy.sparse import csr_array

    if not (status.index.equals(labels[0]) and status.columns.equals(labels[1])):
        raise AlignmentError(
            "CM-ALIGN-001",
            f"status ({status.shape[0]} × {status.shape[1]}) and values carry different labels",
            why="a mark that meets the wrong cell hides a figure or shows what must not be shown",
            fix="status.reindex(index=values.index, columns=values.columns)",
        )
    words = status.to_numpy(dtype=object)
    codes = np.full(words.shape, -1, dtype=np.int8)
    for code, word in enumerate(CELL_STATES):
        codes[words == word] = code
    if (codes < 0).any():
        raise InputError(
            "CM-TABLE-020",
            f"{part_of((codes < 0).sum(), codes.size, 'cell', 'has', 'have')} an unknown status: "
            f"{sorted(set(map(str, words[codes < 0])))[:5]}",
            why="what is known about a cell decides whether it may be used",
            fix=f"one of: {', '.join(map(repr, CELL_STATES))}",
        )
    rounded = int((codes == CELL_STATES.index("rounded")).sum())
    precision = "rounded" if rounded > int((codes == CELL_STATES.index("observed")).sum()) else "observed"
    differ = codes != states(matrix, precision, unmarked(matrix.shape))
    return precision, csr_array(np.where(differ, codes + 1, 0).astype(np.int8))


def states(matrix: csr_array, precision: str, marks: csr_array) -> npt.NDArray[np.int8]:
    """Return the state of every cell as its number in `CELL_STATES`."""
    codes = np.full(matrix.shape, CELL_STATES.index(precision), dtype=np.int8)
    rows, columns, own = exceptions(matrix, marks)
    codes[rows, columns] = own
    return codes


def exceptions(matrix: csr_array, marks: csr_array) -> tuple[Ints, Ints, npt.NDArray[np.int8]]:
    """Return row, column and state of the cells whose state is not the table's precision, in order of both.

    A mark of a cell goes before what its figure implies: an unknown figure is suppressed.
    """
    wide = matrix.shape[1]
    hidden = np.isnan(matrix.data)
    unknown = rows_of(matrix)[hidden] * wide + matrix.indices[hidden]
    marked = rows_of(marks) * wide + marks.indices
    unknown = unknown[~np.isin(unknown, marked)]
    place = np.concatenate((unknown, marked))
    state = np.concatenate(
        (np.full(len(unknown), SUPPRESSED, dtype=np.int8), (marks.data - 1).astype(np.int8))
    )
    order = np.argsort(place, kind="stable")
    rows, columns = np.divmod(place[order], max(wide, 1))
    return rows, columns, state[order]


def in_state(matrix: csr_array, precision: str, marks: csr_array, state: str) -> int:
    """Count the cells that are in a state, without listing those that are in the common one."""
    own = exceptions(matrix, marks)[2]
    common = matrix.shape[0] * matrix.shape[1] - len(own) if precision == state else 0
    return common + int((own == CELL_STATES.index(state)).sum())
