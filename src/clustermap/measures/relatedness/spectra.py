"""The eigenvector behind economic complexity, and when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.errors import StatisticsError, plural

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Spectrum", "components", "spectrum"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SAME = 1e-9
_FEWEST = 3
_MANY = 64


class Spectrum(NamedTuple):
    """Complexity of rows and columns, standardised, and what it rests on.

    Attributes
    ----------
    rows, columns : numpy.ndarray
        Mean 0, variance 1 (denominator n).
    values : numpy.ndarray
        The largest eigenvalues: 1, then that of the vector, then the next.
    diversity, rarity : float
        Correlation of `rows` with the number of columns of each row, and with how few rows its columns have in the
        mean (turned, so that rare is high).
    """

    rows: Floats
    columns: Floats
    values: Floats
    diversity: float
    rarity: float


def components(matrix: Floats | csr_array) -> tuple[Ints, Ints]:
    """Give the connected parts of the graph of rows and columns numbers, the largest first; −1: without any."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n, m = matrix.shape
    rows, columns = matrix.nonzero()
    graph = csr_array((np.ones(len(rows)), (rows, columns + n)), shape=(n + m, n + m))
    _, part = connected_components(graph, directed=False)
    linked = np.zeros(n + m, dtype=bool)
    linked[rows] = linked[columns + n] = True
    size = np.bincount(part[:n][linked[:n]], minlength=part.max() + 1)
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    number = np.where(linked, rank[part], -1)
    return number[:n], number[n:]


def spectrum(matrix: Floats | csr_array, *, sign: str = "diversity", quick: bool = False) -> Spectrum:
    """Return the second eigenvector of the averages of averages, for a connected matrix.

    Parameters
    ----------
    matrix : numpy.ndarray or scipy.sparse.csr_array
        Rows × columns, not negative; every row and column has something.
    sign : {"diversity", "rarity"}
        Which correlation is to be positive.
    quick : bool
        By Lanczos iterations where that is faster: for resamples, since it may overlook a repeated eigenvalue.

    Raises
    ------
    StatisticsError
        CM-COMPLEX-002: fewer than three rows or columns. CM-COMPLEX-003: the second eigenvalue is 0 or repeated,
        so that no vector is singled out.
    """
    from scipy.sparse import csr_array

    n, m = matrix.shape
    if min(n, m) < _FEWEST:
        raise StatisticsError(
            "CM-COMPLEX-002",
            f"{plural(n, 'area')} and {plural(m, 'sector')} are connected: at least "
            f"{_FEWEST} of each are needed",
            why="with two, complexity only says which is which",
            fix="smaller areas, or a finer classification",
        )
    cells = csr_array(matrix, dtype=np.float64)
    row = np.repeat(np.arange(n), np.diff(cells.indptr))
    diversity, ubiquity = np.asarray(cells.sum(axis=1)), np.asarray(cells.sum(axis=0))
    scaled = cells.copy()
    scaled.data = cells.data / np.sqrt(diversity[row] * ubiquity[cells.indices])
    tall = n > m
    values, vectors = _largest(scaled.T if tall else scaled, quick)
    if values[1] <= _SAME or values[1] - values[2] <= _SAME:
        raise StatisticsError(
            "CM-COMPLEX-003",
            f"the second eigenvalue is {values[1]:.3g} and the third {values[2]:.3g}",
            why="where they are equal or 0, many orders of the areas are equally good, and none is an answer",
            fix="a table with more areas and sectors, or another threshold",
        )
    second = vectors[:, -2]
    other = (scaled @ second if tall else scaled.T @ second) / np.sqrt(values[1])
    left, right = (other, second) if tall else (second, other)
    rows, columns = left / np.sqrt(diversity), right / np.sqrt(ubiquity)
    own, others = np.diff(cells.indptr), np.bincount(cells.indices, minlength=m)
    met = np.bincount(row, weights=others[cells.indices], minlength=n)
    ties = {"diversity": _correlation(rows, own), "rarity": -_correlation(rows, met / own)}
    turn = _turn(rows, ties[sign])
    return Spectrum(
        _standardised(turn * rows), _standardised(turn * columns), values, *(turn * r for r in ties.values())
    )


def _largest(scaled: csr_array, quick: bool) -> tuple[Floats, Floats]:
    """Return the three largest eigenvalues of the products of rows, falling, and their vectors, rising."""
    n = scaled.shape[0]
    if quick and n >= _MANY:
        from scipy.sparse.linalg import LinearOperator, eigsh

        products = LinearOperator((n, n), matvec=lambda x: scaled @ (scaled.T @ x), dtype=np.float64)
        values, vectors = eigsh(products, k=_FEWEST, v0=np.linspace(1.0, 2.0, n))
        order = np.argsort(values)
        return values[order][::-1], vectors[:, order]
    from scipy.linalg import eigh

    values, vectors = eigh((scaled @ scaled.T).toarray(), subset_by_index=[n - _FEWEST, n - 1])
    return values[::-1], vectors


def _correlation(rows: Floats, other: npt.NDArray[Any]) -> float:
    apart, spread = rows - rows.mean(), other - other.mean()
    scale = np.sqrt((apart**2).sum() * (spread**2).sum())
    r = float((apart * spread).sum() / scale) if scale > 0 else 0.0
    return r if abs(r) > _SAME else 0.0


def _turn(rows: Floats, correlation: float) -> float:
    """Return 1 or −1, so that the correlation is positive; where it is 0, the first row that differs is."""
    if correlation:
        return float(np.sign(correlation))
    apart = rows - rows.mean()
    return float(np.sign(apart[np.flatnonzero(np.abs(apart) > _SAME * np.abs(apart).max())[0]]))


def _standardised(values: Floats) -> Floats:
    apart = values - values.mean()
    return np.asarray(apart / np.sqrt((apart**2).mean()), dtype=np.float64)
