"""Colocation quotients: which firms stand around which, global and local, under random labelling."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.crs import require_metric
from clustermap.errors import OptionError, StatisticsError, as_lines, part_of, plural
from clustermap.inference import adjust, monte_carlo_p
from clustermap.measures.relatedness.chance import Asked
from clustermap.measures.relatedness.labelling import counted, link_sums, second_moment, shuffled_tails
from clustermap.measures.relatedness.locality import local_quotients
from clustermap.measures.relatedness.memberships import labels_of
from clustermap.measures.relatedness.neighbourhoods import by_graph, by_k, by_radius
from clustermap.measures.relatedness.presence import check_choice
from clustermap.randomness import resolve_seed
from clustermap.schema import COLOCATION_COLUMNS, Alternative
from clustermap.sources.firms import as_firms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    from libpysal.graph import Graph

    from clustermap.measures.relatedness.neighbourhoods import Neighbourhoods
    from clustermap.schema import Correction
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["Colocation", "colocation_quotient"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_NAMED = 3
_FEWEST = 4
STATUS_OK, STATUS_FEW = "ok", "too few firms"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Colocation:
    """Colocation quotients of pairs of sectors, and of each firm where one pair was asked for.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per ordered pair: ``a, b, n_a, n_b, statistic, expected, variance, z, p_normal, p, q, status``; around
        firms of a, the share of b over what it would be if labels were shuffled. `expected` is 1 and `variance`
        exact; `p_normal` takes the law for normal.
    local : pandas.DataFrame or None
        Where a and b were named, one row per firm of a: ``firm_id, neighbours, share, statistic, p, p_min, q, label,
        status``.
    neighbourhood : str
        Who counts as near.
    n_firms, left_out : int
        Firms whose labels are shuffled, and firms without any neighbour, which are not.
    permutations, local_permutations : int
        Draws behind `p`; 0: none asked, or an exact law.
    null, method, alternative, correction, alpha, seed, family_size
        How p and q came about.
    """

    frame: pd.DataFrame
    local: pd.DataFrame | None
    neighbourhood: str
    n_firms: int
    left_out: int
    permutations: int
    local_permutations: int
    alternative: Alternative
    correction: Correction
    alpha: float
    seed: int
    family_size: int
    notes: tuple[str, ...] = ()
    method: str = "colocation quotient"
    null: str = "random labelling: places stay, all labels are shuffled over them"

    def wide(self, column: str = "statistic") -> pd.DataFrame:
        """Return one column as sectors a × sectors b."""
        if column not in COLOCATION_COLUMNS[2:]:
            raise OptionError(
                "CM-RELATE-006",
                f"colocation has no column {column!r}",
                fix=f"wide() with one of: {', '.join(COLOCATION_COLUMNS[2:])}",
            )
        return self.frame.pivot_table(
            index="a", columns="b", values=column, aggfunc="first", dropna=False, observed=True
        )

    def summary(self) -> str:
        """Say in plain sentences who stands near whom, and what that does not say."""
        draws = (
            f"{self.permutations:,} shufflings"
            if self.permutations
            else "the exact variance, taken for normal"
        )
        lines = [
            (
                f"Colocation quotients of {plural(len(self.frame), 'pair')} among "
                f"{plural(self.n_firms, 'firm')}; near: "
                f"{self.neighbourhood}. Null: {self.null}; {self.alternative} p from {draws} (seed {self.seed}); q by "
                f"{self.correction} over {plural(self.family_size, 'pair')}."
            )
        ]
        p = self.frame["p"] if self.permutations else self.frame["p_normal"]
        sure = self.frame[(p if self.correction == "none" else self.frame["q"]) < self.alpha]
        more = sure[sure["statistic"] > 1].sort_values("statistic", ascending=False, kind="stable")
        named = ", ".join(f"{r.b} around {r.a} {r.statistic:.2f}" for r in more.head(_NAMED).itertuples())
        lines.append(
            f"{plural(len(more), 'pair is', 'pairs are')} together and {len(sure) - len(more):,} apart "
            f"beyond chance at {self.alpha:g}" + (f" (most: {named})." if named else ".")
        )
        if self.local is not None:
            counts = self.local["label"].value_counts(sort=False)
            law = f"{self.local_permutations:,} draws" if self.local_permutations else "the exact law"
            told = ", ".join(f"{n:,} {label}" for label, n in counts.items() if n)
            lines.append(f"Firm by firm ({law}, q over the firms): {told}.")
        counts = self.frame["status"].value_counts()
        lines += [f"{plural(n, 'pair')}: {status}." for status, n in counts.items() if status != STATUS_OK]
        if self.left_out:
            lines.append(f"{plural(self.left_out, 'firm is', 'firms are')} left out: no neighbour.")
        lines.append(
            "a around b is not b around a. A quotient above 1 says that b is near a more than the other firms are, "
            "which a common liking for towns, or one industrial estate, brings about as well as a tie between the two."
        )
        return as_lines([*lines, *self.notes])

    def __repr__(self) -> str:
        return f"<Colocation: {plural(len(self.frame), 'pair')}, {plural(self.n_firms, 'firm')}, {self.neighbourhood}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


class _Pairs(NamedTuple):
    """Ordered pairs of labels: names of all labels in play, and the places of a and b among them."""

    names: list[str]
    labels: Places
    first: Ints
    second: Ints


def colocation_quotient(
    firms: Firms | gpd.GeoDataFrame,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    column: str | None = None,
    a: str | None = None,
    b: str | None = None,
    k: int | None = None,
    radius_m: float | None = None,
    graph: Graph | None = None,
    kernel: Literal["uniform", "gaussian"] = "uniform",
    permutations: int | Literal["auto"] = "auto",
    alternative: Alternative = "two-sided",
    correction: Correction = "fdr_bh",
    alpha: float = 0.05,
    seed: int | None = None,
) -> Colocation:
    r"""Measure how much firms of one sector stand around firms of another, compared with all firms.

    With :math:`w_{ij}` the weight of firm j around firm i (rows sum to 1), :math:`N_a`, :math:`N_b` firms of each
    sector among N, and :math:`N'_b = N_b`, or :math:`N_b - 1` where a is b, the quotient is
    :math:`\sum_{i \in a}\sum_{j \in b} w_{ij} / N_a` over :math:`N'_b/(N-1)`. Its mean over all ways to shuffle the
    labels is exactly 1.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Located firms in a projected metric system. Firms in no sector count as firms.
    sectors : Taxonomy, str, path or dict, optional
        As in :func:`tabulate`, by each firm's first code; no overlaps.
    column : str, optional
        Instead: a column of labels.
    a, b : str, optional
        One sector each; all ordered pairs where absent. With both, each firm of a gets a quotient of its own
        (`local`).
    k, radius_m, graph : int, float, libpysal.graph.Graph, optional
        Exactly one says who is near: the k nearest firms (those equally far share the places left for them), all
        firms within a radius, or the links of a graph of firm_id, weights included (travel time, for instance).
    kernel : {"uniform", "gaussian"}
        Weights of the k nearest: equal, or falling with distance (Cromley, Hanink and Bentley 2014).
    permutations : int or "auto"
        Shufflings; 0 for none, then q rests on `p_normal`. "auto" as in :func:`proximity`, at least 999.
    alternative, correction, alpha
        As everywhere; two-sided p counts ties in both tails.
    seed : int, optional
        Drawn and recorded where absent.

    Returns
    -------
    Colocation
        Local p is exact where neighbours count alike (hypergeometric, ties of distance included), from shared draws
        elsewhere. Firms without any neighbour are left out of everything.

    Raises
    ------
    OptionError
        CM-COLOC-001: labels from nowhere or from two places. CM-COLOC-002: neighbours from nowhere, from two places,
        or out of range. CM-SECTOR-001: unknown sector. CM-RELATE-001, CM-RELATE-005.
    InputError
        CM-COLOC-005: firms in several sectors, or in none.
    AlignmentError
        CM-COLOC-004: a graph of other firms.
    StatisticsError
        CM-COLOC-003: no neighbours at all. CM-COLOC-006: fewer than four firms.
    CrsError
        CM-CRS-004: coordinates in degrees.

    Warns
    -----
    ClusterMapWarning
        CM-STAT-005: draws are coarse for the number of pairs.

    References
    ----------
    Leslie, T. F. and Kronenfeld, B. J. (2011), The colocation quotient: a new measure of spatial association between
    categorical subsets of points. Geographical Analysis 43.
    Cromley, R. G., Hanink, D. M. and Bentley, G. C. (2014), Geographically weighted colocation quotients:
    specification and application. The Professional Geographer 66.

    Examples
    --------
    >>> import geopandas as gpd
    >>> x = [10, 11, 20, 21, 30, 31, 40, 41]
    >>> points = gpd.GeoDataFrame(
    ...     {"firm_id": list("ABCDEFGH"), "kind": ["bar", "pub"] * 3 + ["bank", "bank"]},
    ...     geometry=gpd.points_from_xy(x, [5] * 8), crs="EPSG:27700")
    >>> row = colocation_quotient(points, column="kind", a="bar", b="pub", k=1, permutations=199, seed=1).frame.iloc[0]
    >>> print(f"{row.statistic:.2f}, p {row.p:.2f}")
    2.33, p 0.11
    """
    check_choice("alternative", alternative, get_args(Alternative))
    given = as_firms(firms)
    names, labels = labels_of(given, sectors, column)
    near = _neighbourhoods(given, k, radius_m, graph, kernel)
    if len(near.firms) < _FEWEST:
        raise StatisticsError(
            "CM-COLOC-006",
            f"{part_of(len(near.firms), len(given), 'firm', 'has', 'have')} neighbours: at least {_FEWEST} are needed",
            why="with fewer, shuffling labels changes next to nothing",
            fix="more firms, or a larger neighbourhood",
        )
    pairs = _pairs(names, labels[near.firms], a, b)
    asked = Asked(permutations, alternative, correction, alpha, resolve_seed(seed))
    frame, draws = _global(near, pairs, asked)
    local = None
    if a is not None and b is not None and (frame["status"] == STATUS_OK).all():
        ids = given.frame["firm_id"].to_numpy(dtype=object)[near.firms]
        is_a, is_b = (pairs.labels == side[0] for side in (pairs.first, pairs.second))
        local = local_quotients(
            near, is_a, is_b, ids, asked=asked if permutations else asked._replace(permutations="auto")
        )
    return Colocation(
        frame=frame,
        local=None if local is None else local.frame,
        neighbourhood=near.words,
        n_firms=len(near.firms),
        left_out=near.left_out,
        permutations=draws,
        local_permutations=0 if local is None else local.permutations,
        alternative=alternative,
        correction=correction,
        alpha=alpha,
        seed=asked.seed,
        family_size=int((frame["status"] == STATUS_OK).sum()),
        notes=_notes(given, near),
    )


def _neighbourhoods(
    firms: Firms, k: int | None, radius_m: float | None, graph: Graph | None, kernel: str
) -> Neighbourhoods:
    check_choice("kernel", kernel, ("uniform", "gaussian"))
    ways = [name for name, way in (("k", k), ("radius_m", radius_m), ("graph", graph)) if way is not None]
    if len(ways) != 1 or (kernel == "gaussian" and k is None):
        raise OptionError(
            "CM-COLOC-002",
            f"who is near comes from {' and '.join(ways) or 'nowhere'}, kernel={kernel!r}",
            why="exactly one of k, radius_m and graph says who is near; a kernel goes with k",
            fix="k=10",
        )
    if graph is not None:
        return by_graph(graph, pd.Index(firms.frame["firm_id"]))
    require_metric(firms.crs, what="a colocation quotient")
    points = np.column_stack((firms.frame.geometry.x, firms.frame.geometry.y))
    if radius_m is not None:
        return by_radius(points, radius_m)
    assert k is not None  # noqa: S101 - one of the three is given
    return by_k(points, k, gaussian=kernel == "gaussian")


def _pairs(names: list[str], labels: Places, a: str | None, b: str | None) -> _Pairs:
    """Keep the labels that are asked for: the fewer, the faster the count."""
    for name in (a, b):
        if name is not None and name not in names:
            raise OptionError(
                "CM-SECTOR-001",
                f"there is no sector {name!r}",
                fix=f"a=, b= one of: {', '.join(map(repr, names[:10]))}",
            )
    if a is None or b is None:
        first = np.arange(len(names)) if a is None else np.array([names.index(a)])
        second = np.arange(len(names)) if b is None else np.array([names.index(b)])
        return _Pairs(names, labels, np.repeat(first, len(second)), np.tile(second, len(first)))
    kept = list(dict.fromkeys((a, b)))
    place = np.full(len(names) + 1, -1, dtype=np.int32)
    place[[names.index(name) for name in kept]] = np.arange(len(kept))
    return _Pairs(kept, place[labels], np.array([kept.index(a)]), np.array([kept.index(b)]))


def _global(near: Neighbourhoods, pairs: _Pairs, asked: Asked) -> tuple[pd.DataFrame, int]:
    from scipy.special import ndtr

    n, kinds, sums = len(near.firms), len(pairs.names), link_sums(near)
    size = np.bincount(pairs.labels[pairs.labels >= 0], minlength=kinds).astype(np.float64)
    n_a, n_b, same = size[pairs.first], size[pairs.second], pairs.first == pairs.second
    weight = counted(near, pairs.labels, kinds)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = n * (n - 1.0) / (sums.total * n_a * (n_b - same))
        statistic = weight[pairs.first, pairs.second] * scale
        variance = np.maximum(0.0, second_moment(sums, n, n_a, n_b, same) * scale**2 - 1.0)
        known = np.isfinite(scale) & (n_a > 0) & (n_b > same)
        z = np.where(variance > 0, (statistic - 1) / np.sqrt(variance), np.nan)
    tail = {"two-sided": 2 * ndtr(-np.abs(z)), "greater": ndtr(-z), "less": ndtr(z)}[asked.alternative]
    p, draws = np.full(len(n_a), np.nan), 0
    if asked.permutations != 0 and known.any():
        work = 4.0 * len(near.indices) + 10.0 * n
        draws = asked.draws(int(known.sum()), work=work)
        up, low = (
            side[pairs.first, pairs.second][known]
            for side in shuffled_tails(near, pairs.labels, weight, permutations=draws, seed=asked.seed)
        )
        p[known] = monte_carlo_p(up, low, draws, alternative=asked.alternative)
    names = np.asarray(pairs.names, dtype=object)
    columns: dict[str, Any] = {"a": names[pairs.first], "b": names[pairs.second], "n_a": n_a, "n_b": n_b}
    numbers = {
        "statistic": statistic,
        "expected": np.ones(len(n_a)),
        "variance": variance,
        "z": z,
        "p_normal": tail,
    }
    columns |= {name: np.where(known, value, np.nan) for name, value in numbers.items()}
    columns["p"] = p
    columns["q"] = adjust(p if draws else columns["p_normal"], asked.correction)
    columns["status"] = np.where(known, STATUS_OK, STATUS_FEW).astype(object)
    return pd.DataFrame(columns)[list(COLOCATION_COLUMNS)].astype({"n_a": int, "n_b": int}), draws


def _notes(firms: Firms, near: Neighbourhoods) -> tuple[str, ...]:
    notes = ["The firms are synthetic."] if firms.synthetic else []
    if "registered office" in firms.location_kind:
        notes.append("Places are registered offices, not workplaces.")
    stacked = near.sizes[near.sizes > 1]
    if len(stacked):
        notes.append(
            f"{plural(int(stacked.sum()), 'firm shares', 'firms share')} a point with others, up to "
            f"{int(stacked.max()):,} on one: at distance "
            "0 they are each other's nearest, whatever put them there."
        )
    return tuple(notes)
