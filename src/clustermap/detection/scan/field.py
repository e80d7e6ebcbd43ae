r"""The estimated field: a smooth background fitted to the map, and the scan for what stands out from it.

With c the count of an area and E its expectation at the national share, :math:`y = \log((c + ½)/(E + ½))` has
covariance :math:`Σ = s²[(1 − ν)·\text{Matérn}_{5/2}(ℓ) + ν·I] + \text{diag}(1/(E + ½))` around one mean. A set is
scored by generalised least squares: the squared contrast between it and what its surroundings predict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.compiled import one_thread_a_product
from clustermap.detection.scan.field_kernels import grow_rows, set_terms
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MOST_AREAS",
    "Field",
    "Fitted",
    "Models",
    "fit_rows",
    "likelihoods",
    "log_ratio",
    "make_models",
    "null_values",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MOST_AREAS = 1_000  # the models are dense: areas × areas each
_VARIANCES = (0.01, 0.03, 0.06, 0.1, 0.16, 0.25, 0.4)
_REACHES = (0.05, 0.1, 0.15, 0.25)  # of the map's side
_NUGGETS = (0.0, 0.1, 0.3)
_REFITS = 2
_BLOCK = 64  # replicates drawn from one stream; part of what a seed means


class Models(NamedTuple):
    """Backgrounds on a grid of variance, reach and share without structure; the first one is no background at all."""

    theta: Floats  # models × (variance, reach in m, share without structure)
    precisions: Floats  # models × areas × areas, free of the mean
    logdet: Floats
    apart: Floats  # distances between areas in m


class Field(NamedTuple):
    """The problem on the areas that take part: expectations, links, and the price of an area."""

    models: Models
    expected: Floats
    usable: Flags
    indptr: Ints
    indices: Ints
    penalty: float
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What the search of some rows gave: model, value, size and members of the best set of each."""

    model: Ints
    values: Floats
    sizes: Ints
    members: Ints
    gain: Floats  # twice the log-likelihood over no background, the set taken out

    def set_of(self, row: int) -> Ints:
        """Return the best set of one row, in order."""
        return np.sort(self.members[row, : self.sizes[row]])


def _matern(apart: Floats, reach: float) -> Floats:
    x = np.sqrt(5.0) * apart / reach
    return np.asarray((1 + x + x * x / 3) * np.exp(-x))


def _inverted(covariance: Floats) -> tuple[Floats, float]:
    """Return the inverse of a covariance and the log of its determinant, both from one triangle."""
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dpotri

    triangle = cholesky(covariance, lower=True)  # raises where there is no such covariance
    half, _ = dpotri(triangle, lower=1)
    return np.tril(half) + np.tril(half, -1).T, 2 * float(np.log(np.diag(triangle)).sum())


def make_models(at: Floats, expected: Floats) -> Models:
    """Work out every background of the grid for areas at these places with these expectations."""
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    side = float(np.sqrt(np.prod(at.max(axis=0) - at.min(axis=0)))) or float(apart.max())
    own = np.diag(1.0 / (expected + 0.5))
    theta, precisions, logdet = [(0.0, 0.0, 0.0)], [], []
    covariances = [own]
    for reach in _REACHES:
        smooth = _matern(apart, reach * side)
        for nugget in _NUGGETS:
            shape = (1 - nugget) * smooth + nugget * np.eye(len(at))
            for variance in _VARIANCES:
                theta.append((variance, reach * side, nugget))
                covariances.append(variance * shape + own)
    with one_thread_a_product():
        for covariance in covariances:
            inverse, log_determinant = _inverted(covariance)
            row = inverse.sum(axis=1)
            precisions.append(inverse - np.outer(row, row) / row.sum())
            logdet.append(log_determinant + np.log(row.sum()))
    return Models(np.array(theta), np.array(precisions), np.array(logdet), apart)


def log_ratio(counts: Floats, expected: Floats) -> Floats:
    """Return the log of count over expectation, the total being that of the counts."""
    share = expected / expected.sum()
    return np.asarray(np.log((counts + 0.5) / (counts.sum(axis=-1, keepdims=True) * share + 0.5)))


def fit_rows(field: Field, y: Floats) -> Fitted:
    """Fit the background and search, then fit it again without the found set and search again, twice."""
    models = field.models
    plain = likelihoods(models, y)
    model = plain.argmax(axis=0)
    rows = len(y)
    values, sizes = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    members = np.zeros((rows, max(1, field.limit)), dtype=np.int64)
    changed = np.ones(rows, dtype=bool)
    for again in range(_REFITS + 1):
        _search(field, y, model, changed, (values, sizes, members))
        likelihood = plain.copy()
        set_terms(models.precisions, y, sizes, members, likelihood)
        best = likelihood.argmax(axis=0)
        if again == _REFITS:
            break
        changed = best != model
        model = np.where(changed, best, model)
        if not changed.any():
            break
    gain = likelihood.max(axis=0) - likelihood[0]
    return Fitted(model=model, values=values, sizes=sizes, members=members, gain=gain)


def likelihoods(models: Models, y: Floats) -> Floats:
    """Return twice the restricted log-likelihood of every row under every background, up to a constant."""
    return np.array(
        [
            -logdet - np.einsum("bi,bi->b", y @ precision, y)
            for precision, logdet in zip(models.precisions, models.logdet, strict=True)
        ]
    )


def _search(field: Field, y: Floats, model: Ints, which: Flags, found: tuple[Floats, Ints, Ints]) -> None:
    """Search the rows asked for, and put values, sizes and members in their places."""
    values, sizes, members = found
    rows = np.flatnonzero(which)
    best, lengths = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    sets = np.zeros((len(rows), members.shape[1]), dtype=np.int64)
    grow_rows(
        field.models.precisions, model[rows], np.ascontiguousarray(y[rows]), field.usable, field.indptr,
        field.indices, field.penalty, field.limit, best, lengths, sets,
    )  # fmt: skip
    values[rows], sizes[rows], members[rows] = best, lengths, sets


def null_values(
    field: Field,
    model: int,
    *,
    total: float,
    permutations: int,
    key: tuple[int, str],
    spread: Callable[..., Any],
) -> Floats:
    """Draw maps from the fitted background and search each as the map itself was: fit, search, fit again."""
    variance, reach, nugget = field.models.theta[model]
    n = len(field.expected)
    law = np.zeros((n, n))
    if variance > 0:
        shape = (1 - nugget) * _matern(field.models.apart, reach) + nugget * np.eye(n)
        law = np.linalg.cholesky(variance * shape + 1e-10 * np.eye(n))
    seed, sector = key

    def block(start: int) -> Floats:
        size = min(_BLOCK, permutations - start)
        rng = stream(seed, "field", sector, start // _BLOCK)
        rate = field.expected * np.exp(rng.standard_normal((size, n)) @ law.T)
        counts = rng.poisson(total * rate / rate.sum(axis=1, keepdims=True)).astype(float)
        return fit_rows(field, log_ratio(counts, field.expected)).values

    return np.concatenate(list(spread(block, range(0, permutations, _BLOCK))))
