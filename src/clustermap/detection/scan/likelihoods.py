"""What counts are drawn from: Poisson, binomial, overdispersed counts, and jobs in plants; each with its own null.

The search knows two-rate likelihoods of counts whose variance is their mean. Binomial counts have a score of their
own. Overdispersed counts (variance μ + φμ²) are divided by 1 + φμ, and jobs by the size of the lump they come in:
then mean and variance are equal again, and the score is a quasi-likelihood (Wedderburn 1974).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clustermap.detection.scan.kernels import best_rows, maxima, search

if TYPE_CHECKING:
    from clustermap.detection.scan.problems import Problem

__all__ = ["Stated", "dispersions", "null_block", "null_maps", "stated"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

POISSON = -1.0
_STEPS, _SETTLED = 60, 1e-12


class Stated(NamedTuple):
    """What the search is given: counts and expectations, the total and the share that the score knows.

    `mean` is the expectation in firms or jobs, `dispersion` the variance of the rates between areas.
    """

    counts: Floats
    expected: Floats
    total: float
    share: float
    mean: Floats
    dispersion: float = 0.0

    @property
    def conditioned(self) -> float:
        """The total that a walk over sets conditions on."""
        return self.total if self.total > 0 else float(self.counts.sum())


def stated(problem: Problem, counts: Floats, usable: Flags) -> Stated:
    """Set the expectation, national and times the minimum effect or that of the areas still there, and the score."""
    total, firms = float(counts[usable].sum()), float(problem.totals[usable].sum())
    rate = total / firms if firms else 0.0
    share = 0.0
    if problem.minimum_lq is not None:
        mean = problem.national * problem.minimum_lq
        total = POISSON
    else:
        mean = np.where(usable, problem.totals * rate, 0.0)
    if problem.likelihood == "binomial":
        # the share at which an area's firms are of the sector, the same everywhere
        share = float(mean.sum() / problem.totals[mean > 0].sum()) if mean.any() else 0.0
    if problem.likelihood == "jobs" and problem.plants is not None:
        lump = problem.plants.lump
        return Stated(counts / lump, mean / lump, total / lump if total > 0 else POISSON, 0.0, mean)
    if problem.likelihood == "overdispersed":
        return _evened(problem, counts, usable, mean)
    return Stated(counts, mean, total, share, mean)


def _evened(problem: Problem, counts: Floats, usable: Flags, mean: Floats) -> Stated:
    """Divide by what rates vary, estimated with the best set taken out; chance is drawn from all areas' estimate."""
    rows, means = counts[None], mean[None]
    whole = dispersions(rows, means, usable[None])
    even = 1.0 / (1.0 + whole[:, None] * means)
    _, members = search(
        (even * rows)[0], (even * means)[0], usable, problem.graph, POISSON, problem.penalty, problem.limit
    )
    left = usable.copy()
    left[members] = False
    even = 1.0 / (1.0 + dispersions(rows, means, left[None])[:, None] * means)
    return Stated((even * rows)[0], (even * means)[0], POISSON, 0.0, mean, float(whole[0]))


def dispersions(counts: Floats, mean: Floats, inside: Flags) -> Floats:
    """Estimate for every row how much rates vary between areas beyond chance, the mean scaled to the row's total.

    Solves ``Σ (x − μ)² / (μ (1 + φ μ)) = m − 1`` over the m areas inside by Newton's steps from 0, which climb to the
    root; 0 where chance explains all.

    References
    ----------
    Breslow, N. E. (1984), Extra-Poisson variation in log-linear models. Applied Statistics 33.

    Examples
    --------
    >>> flags = np.ones((2, 2), dtype=bool)
    >>> dispersions(np.array([[10.0, 11.0], [5.0, 25.0]]), np.full((2, 2), 1.0), flags).round(3).tolist()
    [0.0, 0.822]
    """
    part = inside & (mean > 0)
    x, mu = np.where(part, counts, 0.0), np.where(part, mean, 0.0)
    below = mu.sum(axis=1, keepdims=True)
    mu *= np.divide(x.sum(axis=1, keepdims=True), below, out=np.zeros_like(below), where=below > 0)
    square = np.divide((x - mu) ** 2, mu, out=np.zeros_like(x), where=mu > 0)
    wanted = (mu > 0).sum(axis=1) - 1.0
    phi = np.zeros(len(x))
    for _ in range(_STEPS):
        weight = 1.0 / (1.0 + phi[:, None] * mu)
        parts = square * weight
        excess, slope = parts.sum(axis=1) - wanted, (parts * weight * mu).sum(axis=1)
        step = np.divide(excess, slope, out=np.zeros_like(phi), where=(excess > 0) & (slope > 0))
        phi += step
        if (step <= _SETTLED * phi).all():
            break
    return phi


def null_block(problem: Problem, now: Stated, usable: Flags, size: int, rng: np.random.Generator) -> Floats:
    """Draw so many maps from the null and search each as the map was searched."""
    if problem.likelihood in {"poisson", "binomial"}:
        draws = _counted(problem, now, np.flatnonzero(usable), size, rng)
        found: Floats = maxima(
            draws, now.expected, usable, problem.graph, now.total, problem.penalty, problem.limit, now.share
        )
        return found
    counts, expected = null_maps(problem, now, usable, size, rng)
    inside = np.zeros(counts.shape, dtype=bool)
    values: Floats = best_rows(
        counts, expected, usable, problem.graph, now.total, problem.penalty, problem.limit, inside
    )
    return values


def null_maps(
    problem: Problem, now: Stated, usable: Flags, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw so many maps from the null: what the search is given, counts and expectations, row by row."""
    at = np.flatnonzero(usable)
    if problem.likelihood == "overdispersed":
        return _overdispersed(problem, now, at, size, rng)
    if problem.likelihood == "jobs":
        counts = _jobs(problem, now, at, size, rng)
    else:
        counts = _counted(problem, now, at, size, rng).astype(np.float64)
    return counts, np.tile(now.expected, (size, 1))


def _counted(problem: Problem, now: Stated, at: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Draw Poisson or binomial counts, or share the total out."""
    mean = now.mean[at]
    draws = np.zeros((size, len(problem.counts)), dtype=np.int64)
    if problem.likelihood == "binomial":
        firms = np.round(problem.totals[at]).astype(np.int64)
        draws[:, at] = (
            rng.multivariate_hypergeometric(firms, round(now.total), size=size, method="marginals")
            if now.total > 0
            else rng.binomial(firms, now.share, size=(size, len(at)))
        )
    elif now.total > 0:
        draws[:, at] = rng.multinomial(round(now.total), mean / mean.sum(), size=size)
    else:
        draws[:, at] = rng.poisson(mean, size=(size, len(at)))
    return draws


def _overdispersed(
    problem: Problem, now: Stated, at: Ints, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw Gamma–Poisson counts; the dispersion is estimated again in every draw, with its best set taken out."""
    usable = np.zeros(len(now.mean), dtype=bool)
    usable[at] = True
    rate = np.broadcast_to(now.mean[at], (size, len(at)))
    if now.dispersion > 0:
        rate = rate * rng.gamma(1.0 / now.dispersion, now.dispersion, size=rate.shape)
    counts, mean = np.zeros((size, len(now.mean))), np.tile(np.where(usable, now.mean, 0.0), (size, 1))
    counts[:, at] = rng.poisson(rate)
    if problem.minimum_lq is None:  # the map's expectation sums to its total, and so does a draw's
        mean *= counts.sum(axis=1, keepdims=True) / mean.sum(axis=1, keepdims=True)
    inside = np.zeros(counts.shape, dtype=bool)
    even = 1.0 / (1.0 + dispersions(counts, mean, np.tile(usable, (size, 1)))[:, None] * mean)
    best_rows(
        even * counts, even * mean, usable, problem.graph, POISSON, problem.penalty, problem.limit, inside
    )
    even = 1.0 / (1.0 + dispersions(counts, mean, usable & ~inside)[:, None] * mean)
    return even * counts, even * mean


def _jobs(problem: Problem, now: Stated, at: Ints, size: int, rng: np.random.Generator) -> Floats:
    """Throw plants with their sizes at areas; under a minimum effect, more plants of the same sizes."""
    plants = problem.plants
    assert plants is not None  # noqa: S101 - jobs come with their plants
    usable = np.zeros(len(now.mean), dtype=bool)
    usable[at] = True
    kept = plants.size[usable[plants.area]]
    share = now.mean[at] / now.mean[at].sum()
    jobs = np.zeros((size, len(now.mean)))
    for b in range(size):
        sizes = kept
        if problem.minimum_lq is not None:
            sizes = rng.choice(kept, rng.poisson(problem.minimum_lq * len(kept)))
        places = at[np.searchsorted(np.cumsum(share)[:-1], rng.random(len(sizes)), side="right")]
        jobs[b] = np.bincount(places, sizes, minlength=len(now.mean))
    return jobs / plants.lump
