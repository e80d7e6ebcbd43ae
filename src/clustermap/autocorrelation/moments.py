"""Exact mean and variance of Σ weight × product over all links, when values move freely or within strata.

Every global statistic here is such a sum with products c of two areas: z·z (Moran), (z − z)² (Geary), x·x (General
G, joins of one kind), x·y (two variables, joins of two kinds). Of the products only six sums matter, and of the
weights the same six.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "Sums",
    "difference_sums",
    "joined_sums",
    "moments",
    "product_sums",
    "stratified_mean",
    "weight_sums",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_NOTHING = 1e-12


class Sums(NamedTuple):
    """Sums over ordered pairs of different areas of a matrix m, of weights or of products."""

    total: Floats  # Σ m_ij
    squares: Floats  # Σ m_ij²
    returns: Floats  # Σ m_ij m_ji
    rows: Floats  # Σ_i m_i.²
    columns: Floats  # Σ_j m_.j²
    through: Floats  # Σ_i m_i. m_.i


def weight_sums(matrix: csr_array) -> Sums:
    """Return the sums of a sparse matrix of weights without a diagonal."""
    out, into = matrix.sum(axis=1), matrix.sum(axis=0)
    returns = float(matrix.multiply(matrix.T).sum())
    numbers = (
        matrix.sum(), (matrix.data**2).sum(), returns, (out**2).sum(), (into**2).sum(), (out * into).sum(),
    )  # fmt: skip
    return Sums(*(np.asarray(float(x)) for x in numbers))


def product_sums(first: Floats, second: Floats) -> tuple[Sums, Floats]:
    """Return the sums of x_i·y_j less their mean, and that mean; variables × areas.

    All in deviations from the means of x and y, so that values far from zero lose no digits.
    """
    n = first.shape[1]
    pairs = n * (n - 1)
    a, b = first.mean(axis=1, keepdims=True), second.mean(axis=1, keepdims=True)
    d, e = first - a, second - b
    both = (d * e).sum(axis=1, keepdims=True)
    d2, e2 = (d * d).sum(axis=1, keepdims=True), (e * e).sum(axis=1, keepdims=True)
    third = -2 * (a * (d * e * e).sum(axis=1, keepdims=True) + b * (d * d * e).sum(axis=1, keepdims=True))
    fourth = (d * e * d * e).sum(axis=1, keepdims=True) + both**2 / pairs
    level = a * a * e2 + b * b * d2
    squares = (n - 1) * level - 2 * a * b * both + third + d2 * e2 - fourth
    returns = 2 * (n - 1) * a * b * both - level + third + both**2 - fourth
    out = (n - 1) * b * d - a * e - d * e + both / n
    into = (n - 1) * a * e - b * d - d * e + both / n
    mean = (a * b - both / pairs)[:, 0]
    margins = ((x * y).sum(axis=1) for x, y in ((out, out), (into, into), (out, into)))
    return Sums(np.zeros_like(mean), squares[:, 0], returns[:, 0], *margins), mean


def difference_sums(z: Floats) -> tuple[Sums, Floats]:
    """Return the sums of (z_i − z_j)² less their mean, and that mean; z has the mean 0."""
    n = z.shape[1]
    second, third, fourth = ((z**k).sum(axis=1) for k in (2, 3, 4))
    first = z.sum(axis=1)
    pairs = n * (n - 1)
    mean = (2 * n * second - 2 * first**2) / pairs
    squares = 2 * n * fourth - 8 * third * first + 6 * second**2
    out = n * z**2 - 2 * z * first[:, None] + second[:, None] - (n - 1) * mean[:, None]
    return _symmetric(squares - pairs * mean**2, out), mean


def joined_sums(first: Floats, second: Floats) -> tuple[Sums, Floats]:
    """Return the sums of x_i·y_j + y_i·x_j less their mean, for x and y of 0 and 1 that are never both 1."""
    n = first.shape[1]
    x, y = first.sum(axis=1), second.sum(axis=1)
    pairs = n * (n - 1)
    mean = 2 * x * y / pairs
    out = first * y[:, None] + second * x[:, None] - (n - 1) * mean[:, None]
    return _symmetric(2 * x * y - pairs * mean**2, out), mean


def _symmetric(squares: Floats, margins: Floats) -> Sums:
    """Return the sums of products whose mean is taken off and that are the same both ways."""
    around = (margins**2).sum(axis=1)
    return Sums(np.zeros_like(squares), squares, squares, around, around, around)


def moments(weights: Sums, products: tuple[Sums, Floats], n: int) -> tuple[Floats, Floats]:
    """Return mean and variance of Σ w_ij c_ij over all arrangements of n areas.

    NaN where the sum is the same under every arrangement.

    References
    ----------
    Cliff, A. D. and Ord, J. K. (1981), Spatial Processes, chapter 2.
    Hubert, L. J. (1987), Assignment Methods in Combinatorial Data Analysis.
    """
    c, mean = products
    w_rows, w_columns, w_through = (
        weights.rows - weights.squares, weights.columns - weights.squares, weights.through - weights.returns,
    )  # fmt: skip
    c_rows, c_columns, c_through = c.rows - c.squares, c.columns - c.squares, c.through - c.returns
    two = (weights.squares * c.squares + weights.returns * c.returns) / (n * (n - 1))
    three = w_rows * c_rows + w_columns * c_columns + 2 * w_through * c_through
    three = three / (n * (n - 1) * (n - 2))
    four = np.zeros_like(mean)
    if n > 3:  # noqa: PLR2004 - two links without a common area need four
        rest = weights.total**2 - weights.squares - weights.returns - w_rows - w_columns - 2 * w_through
        apart = -(c.squares + c.returns + c_rows + c_columns + 2 * c_through)
        four = rest * apart / (n * (n - 1) * (n - 2) * (n - 3))
    variance = two + three + four
    size = np.abs(two) + np.abs(three) + np.abs(four)
    return weights.total * mean, np.where(variance > _NOTHING * size, variance, np.nan)


def stratified_mean(matrix: csr_array, values: Floats, strata: Ints) -> Floats:
    """Return the mean of Σ w_ij x_i x_j over all arrangements that keep values within strata, exactly.

    Links of an area with itself count x_i².

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        Weights, areas × areas.
    values : numpy.ndarray
        Variables × areas.
    strata : numpy.ndarray
        The stratum of each area, counted from 0.
    """
    from scipy.sparse import csr_array

    n, groups = len(strata), int(strata.max()) + 1
    belongs = csr_array((np.ones(n), (np.arange(n), strata)), shape=(n, groups))
    size = np.bincount(strata, minlength=groups)
    own = matrix.diagonal()
    between = csr_array(belongs.T @ matrix @ belongs)
    diagonal = between.diagonal()
    inside = diagonal - np.bincount(strata, own, minlength=groups)
    totals, squares = (np.asarray(belongs.T @ x.T).T for x in (values, values**2))
    means = totals / size
    pairs = np.where(size > 1, size * (size - 1), 1)
    within = (totals**2 - squares) / pairs
    itself = (squares / size) @ np.bincount(strata, own, minlength=groups)
    across = ((between @ means.T).T * means).sum(axis=1) - means**2 @ diagonal
    return np.asarray(across + within @ inside + itself)
