"""Links as quadratic forms, their sums under arrangements, and how often those are as extreme as what was observed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.autocorrelation.bound_nulls import BLOCK
from clustermap.autocorrelation.moments import Sums, stratified_mean, weight_sums
from clustermap.autocorrelation.whole import kernels
from clustermap.compiled import workers
from clustermap.errors import OptionError, part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from scipy.sparse import csr_array

    from clustermap.autocorrelation.bound_nulls import BoundNull
    from clustermap.autocorrelation.variables import Group
    from clustermap.schema import Transformation

__all__ = ["Form", "Linked", "Tails", "bilinear", "count_tails", "link_up", "quadratic"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_COLUMNS = 16
_LINKS = 4  # that one step of a kernel takes
_WORTH_THREADS = 500_000  # products; below that, starting threads takes longer
_TIES = 1e-11


class Form(NamedTuple):
    """Σ weight × value × value over links, as the kernels walk over it."""

    order: Ints  # the area at each place: linked ones stand near each other, so that values stay in the cache
    focal: Ints
    others: Ints
    weights: Floats
    matrix: csr_array  # the same in code order: places are areas

    def sizes(self) -> Form:
        """Return the form with all weights positive: how large its terms are."""
        return self._replace(weights=np.abs(self.weights))

    def mean_within(self, values: Floats, strata: Ints) -> Floats:
        """Return the exact mean over all arrangements that keep values within strata."""
        return stratified_mean(self.matrix, values, strata)


class Linked(NamedTuple):
    """The weights of a graph after their transformation, and what the moments need of them."""

    matrix: csr_array
    sums: Sums
    order: Ints

    @property
    def total(self) -> float:
        """Sum of all weights."""
        return float(self.sums.total)

    def form(self, *, scale: float = 1.0, own: bool = False) -> Form:
        """Return scale × Σ w_ij x_i x_j, plus Σ (w_i. + w_.i) x_i² where `own`; each pair of areas once."""
        from scipy.sparse import csr_array, dia_array, triu

        both = scale * (self.matrix + self.matrix.T)
        pairs = csr_array(triu(both, k=1))
        if own:
            around = self.matrix.sum(axis=0) + self.matrix.sum(axis=1)
            pairs = csr_array(pairs + dia_array((around[None, :], [0]), shape=pairs.shape))
        return as_form(pairs, self.order, symmetric=True)

    def directed(self) -> Form:
        """Return Σ w_ij x_i y_j, each link by itself."""
        return as_form(self.matrix, self.order, symmetric=False)


def link_up(group: Group, transformation: Transformation) -> Linked:
    """Turn the links of a group into a matrix, and say in which order to walk over it.

    Raises
    ------
    OptionError
        CM-MORAN-008: negative weights.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    n = len(group.sizes)
    if not (group.weights > 0).all():
        raise OptionError(
            "CM-MORAN-008",
            f"{part_of((group.weights <= 0).sum(), len(group.weights), 'link', 'has', 'have')} a negative weight",
            why="a negative weight turns likeness into its opposite",
            fix='graph.transform("b")',
        )
    weights = np.ones_like(group.weights)
    if transformation == "row":
        focal = np.repeat(np.arange(n), group.sizes)
        weights = group.weights / np.bincount(focal, group.weights, minlength=n)[focal]
    matrix = csr_array((weights, group.indices, group.indptr), shape=(n, n))
    order = reverse_cuthill_mckee(csr_array(matrix + matrix.T), symmetric_mode=True).astype(np.int64)
    return Linked(matrix, weight_sums(matrix), order)


def as_form(matrix: csr_array, order: Ints, *, symmetric: bool) -> Form:
    """Cut the entries of a matrix into steps of four of one row, rows in the order given.

    Where `symmetric`, an entry may stand in either triangle: it is moved to the one that is walked over.
    """
    from scipy.sparse import coo_array, csr_array

    n = len(order)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    entries = coo_array(matrix)
    row, column = place[entries.row], place[entries.col]
    if symmetric:
        row, column = np.minimum(row, column), np.maximum(row, column)
    walked = csr_array((entries.data, (row, column)), shape=(n, n))
    walked.sort_indices()
    count = np.diff(walked.indptr)
    steps = -(-count // _LINKS)
    focal = np.repeat(np.arange(n), steps)
    others = np.repeat(focal[:, None], _LINKS, axis=1)
    weights = np.zeros(others.shape)
    of = np.repeat(np.arange(n), count)
    step, slot = np.divmod(np.arange(walked.nnz) - walked.indptr[of], _LINKS)
    step += np.concatenate(([0], np.cumsum(steps)))[of]
    others[step, slot], weights[step, slot] = walked.indices, walked.data
    return Form(order, focal.astype(np.int64), others.astype(np.int64), weights, csr_array(matrix))


def quadratic(values: Floats, form: Form, places: Places) -> Floats:
    """Return the form for each arrangement and variable, arrangements × variables."""
    out = np.empty((len(places), len(values)))
    for (rows, variables), (moved,) in _chunks((values,), form, places):
        sums = np.empty(moved.shape[1])
        kernels.quadratic_sums(moved, form.focal, form.others, form.weights, sums)
        out[rows, variables] = sums
    return out


def bilinear(first: Floats, second: Floats, form: Form, places: Places) -> Floats:
    """Return Σ weight × first × second for each arrangement and pair of variables, both moved alike."""
    out = np.empty((len(places), len(first)))
    for (rows, variables), (one, other) in _chunks((first, second), form, places):
        sums = np.empty(one.shape[1])
        kernels.bilinear_sums(one, other, form.focal, form.others, form.weights, sums)
        out[rows, variables] = sums
    return out


def _chunks(
    sets: tuple[Floats, ...], form: Form, places: Places
) -> Iterator[tuple[tuple[int | slice, int | slice], tuple[Floats, ...]]]:
    """Yield variables arranged, in columns side by side: many variables once, or one in many ways."""
    m, n = sets[0].shape
    full = m - m % _COLUMNS
    moved = tuple(np.empty((n, _COLUMNS)) for _ in sets)
    for s in range(0, full, _COLUMNS):
        rows = [np.ascontiguousarray(x[s : s + _COLUMNS].T) for x in sets]
        for b in range(len(places)):
            for x, target in zip(rows, moved, strict=True):
                kernels.move_rows(x, form.order, places[b], target)
            yield (b, slice(s, s + _COLUMNS)), moved
    for s in range(full, m):
        for b in range(0, len(places), _COLUMNS):
            part = places[b : b + _COLUMNS]
            narrow = moved if len(part) == _COLUMNS else tuple(np.empty((n, len(part))) for _ in sets)
            for x, target in zip(sets, narrow, strict=True):
                kernels.move_one(x[s], form.order, part, target)
            yield (slice(b, b + len(part)), s), narrow


class Tails(NamedTuple):
    """Arrangements at least as large and at least as small as what was observed, and the moments of all."""

    up: Ints
    low: Ints
    draws: int
    mean: Floats
    variance: Floats


def count_tails(
    evaluate: Callable[[Places], Floats],
    bound: BoundNull,
    *,
    observed: Floats,
    size: Floats,
    statistic: str,
    permutations: int,
    seed: int,
    work: int,
) -> Tails:
    """Count how often arrangements are as extreme as what was observed; ties belong to both tails.

    Parameters
    ----------
    evaluate : callable
        From arrangements to statistics, rows × statistics.
    bound : BoundNull
        Where the arrangements come from.
    observed : numpy.ndarray
        One number a statistic.
    size : numpy.ndarray
        How large the terms of each are together: differences of that times 1e-11 are ties.
    statistic : str
        Key of the streams.
    permutations, seed : int
        How many arrangements, and what they come from.
    work : int
        Products an arrangement takes: whether threads are worth starting.
    """
    draws = bound.draws(permutations)
    tolerance = _TIES * size

    def block(number: int) -> tuple[Ints, Ints, Floats, Floats]:
        places = bound.block(number, seed=seed, statistic=statistic, permutations=permutations)
        off = evaluate(places) - observed
        return (
            (off >= -tolerance).sum(axis=0),
            (off <= tolerance).sum(axis=0),
            off.sum(axis=0),
            (off**2).sum(axis=0),
        )

    up, low = np.zeros(len(observed), dtype=np.int64), np.zeros(len(observed), dtype=np.int64)
    first, second = np.zeros(len(observed)), np.zeros(len(observed))
    for more, less, sums, squares in _threaded(block, range(-(-draws // BLOCK)), work=draws * work):
        up, low, first, second = up + more, low + less, first + sums, second + squares
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = first / np.float64(draws)
        variance = (second - draws * mean**2) / np.float64(draws - 1)
        variance = np.where(variance > tolerance**2, variance, np.nan)  # all the same but for the last digits
    return Tails(up, low, draws, observed + mean, variance)


def _threaded(
    function: Callable[[int], tuple[Ints, Ints, Floats, Floats]], numbers: range, *, work: int
) -> Iterable[tuple[Ints, Ints, Floats, Floats]]:
    """Work on all blocks, in threads where the work is worth starting them; in order."""
    if len(numbers) < 2 or work < _WORTH_THREADS or workers() == 1:  # noqa: PLR2004 - one block, one thread
        return map(function, numbers)
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, numbers))
