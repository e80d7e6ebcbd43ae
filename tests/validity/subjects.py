"""How each statistic of the table is asked for its p, and for its labels after correction, on one map."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from worlds import AUTHORITIES, SIDE, THIN, N

import clustermap as cm
from clustermap.errors import ClusterMapWarning
from clustermap.randomness import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from worlds import World

Floats = np.ndarray
LEVEL = 0.05


def _options(world: World) -> dict[str, Any]:
    return {} if world.sector is None else {"sector": world.sector}


def _global(verb: str, null: Any = None, **fixed: Any) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        options = _options(world) | fixed | ({} if null is None else {"null": null()})
        result = getattr(cm, verb)(
            world.data, world.graph, permutations=draws, alternative=alternative, seed=seed, **options
        )
        return np.array([result.p])

    return ask


def _join_counts(null: Any = None) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        options = {} if null is None else {"null": null()}
        result = cm.global_join_count(
            world.data, world.graph, permutations=draws, alternative=alternative, seed=seed, **options
        )
        return result.frame["p"].to_numpy()

    return ask


def _local(verb: str, null: Any = None, *, drawn: bool = True, **fixed: Any) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        options = _options(world) | fixed | ({} if null is None else {"null": null()})
        options |= {"permutations": draws} if drawn else {}  # an exact law has no draws
        result = getattr(cm, verb)(
            world.data, world.graph, alternative=alternative, correction="none", seed=seed, **options
        )
        return result.frame["p"].to_numpy()

    return ask


def _agglomeration(verb: str) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        plants, base = world.data
        result = getattr(cm, verb)(plants, base=base, permutations=draws, correction="none", seed=seed)
        return result.frame["p"].to_numpy()

    return ask


def _concentration(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    result = cm.sector_concentration(
        world.data, permutations=draws, replicates=0, correction="none", seed=seed
    )
    return result.frame.query("sector != 'rest'")["p"].to_numpy()


def _index(measure: str) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        result = cm.sector_concentration(
            world.data, permutations=draws, replicates=0, correction="none", seed=seed
        )
        return result.wide("p")[measure].to_numpy()

    return ask


def _kd_curve(world: World, draws: int, seed: int) -> Any:
    return cm.duranton_overman(
        world.data, sectors="kind", sector="sector", maximum_m=40_000, permutations=draws, seed=seed
    )


def _kd(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    return np.array([_kd_curve(world, draws, seed).p])


def _kd_sides(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    curve = _kd_curve(world, draws, seed)
    return np.array([curve.p_localised, curve.p_dispersed])


def _ratio_sides(function: str) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        curve = cm.marcon_puech(
            world.data, function=function, sectors="kind", sector="sector", maximum_m=40_000, permutations=draws,
            seed=seed,
        )  # fmt: skip
        return np.array([curve.p_localised, curve.p_dispersed])

    return ask


def _ratio(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    sides = _ratio_sides("M")(world, draws=draws, alternative=alternative, seed=seed)
    return np.array([min(1.0, 2 * sides.min())])


def _cross_sides(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    curves = cm.cross_duranton_overman(
        world.data, [("sector", "partner")], sectors="kind", maximum_m=40_000, permutations=draws, seed=seed
    )
    return curves.tests[["p_localised", "p_dispersed"]].to_numpy()[0]


def _proximity(null: str) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        result = cm.proximity(
            world.data, null=null, permutations=draws, alternative=alternative, correction="none", seed=seed
        )
        return result.frame["p"].to_numpy()

    return ask


def _border(null: Any = None) -> Callable[..., Floats]:
    def ask(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        options = {} if null is None else {"null": null()}
        result = cm.border_moran(
            world.data,
            world.graph,
            authorities=AUTHORITIES,
            permutations=draws,
            alternative=alternative,
            seed=seed,
            **options,
        )
        return np.array([result.p])

    return ask


def _colocation(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    result = cm.colocation_quotient(
        world.data, column="kind", a="sector", b="other", k=5, permutations=draws,
        alternative=alternative, correction="none", seed=seed,
    )  # fmt: skip
    return result.frame["p"].to_numpy()


def _coagglomeration(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    plants, base = world.data
    result = cm.coagglomeration(
        plants, base=base, permutations=draws, alternative=alternative, correction="none", seed=seed
    )
    return result.frame["p"].to_numpy()


def _change(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    return cm.quotient_change(*world.data, correction="none").frame["p"].to_numpy()


def _within() -> Any:
    return cm.nulls.within(AUTHORITIES)


def _shifts() -> Any:
    return cm.nulls.toroidal(SIDE, SIDE)


def _given(verb: str, ask: Callable[..., Callable[..., Floats]]) -> Callable[..., Floats]:
    """Ask under arrangements that the caller drew, another list for every map."""

    def asked(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
        order = np.argsort(stream(seed, "given arrangements").random((draws, N)), axis=1)
        under = ask(verb, lambda: cm.nulls.arrangements(order))
        return under(world, draws=draws, alternative=alternative, seed=seed)

    return asked


def _adaptive(verb: str, null: Any = None) -> Callable[..., Floats]:
    """Let the test stop drawing where its decision is clear."""
    return _local(verb, null, drawn=False, permutations="adaptive")


def _thin_corner(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    return _local("local_moran")(world, draws=draws, alternative=alternative, seed=seed)[list(THIN)]


def _quotient(world: World, *, draws: int, alternative: str, seed: int) -> Floats:
    return cm.location_quotient(world.data, sector=world.sector, correction="none").frame["p"].to_numpy()


# One number for a statistic of the whole map, one per area for a local one.
P: dict[str, Callable[..., Floats]] = {
    "global_moran": _global("global_moran"),
    "global_moran_within": _global("global_moran", _within),
    "global_geary": _global("global_geary"),
    "global_getis_ord": _global("global_getis_ord"),
    "global_join_count": _join_counts(),
    "global_bivariate_moran": _global("global_bivariate_moran", x="x", y="y", rates="none"),
    "local_moran": _local("local_moran"),
    "local_moran_within": _local("local_moran", _within),
    "getis_ord": _local("getis_ord"),
    "getis_ord_star": _local("getis_ord", star=True),
    "geary": _local("geary"),
    "losh": _local("losh"),
    "bivariate_moran": _local("bivariate_moran", x="x", y="y", rates="none"),
    "join_count": _local("join_count", drawn=False),
    "quantile_lisa": _local("quantile_lisa", drawn=False),
    "ellison_glaeser": _agglomeration("ellison_glaeser"),
    "maurel_sedillot": _agglomeration("maurel_sedillot"),
    "sector_concentration": _concentration,
    "gini_weighted": _index("gini_weighted"),
    "hoover": _index("hoover"),
    "duranton_overman": _kd,
    "duranton_overman_sides": _kd_sides,
    "border_moran": _border(),
    "border_moran_within": _border(_within),
    "colocation_quotient": _colocation,
    "coagglomeration": _coagglomeration,
    "quotient_change": _change,
    "local_moran_thin_corner": _thin_corner,
    "global_geary_within": _global("global_geary", _within),
    "global_getis_ord_within": _global("global_getis_ord", _within),
    "global_join_count_within": _join_counts(_within),
    "global_bivariate_moran_within": _global("global_bivariate_moran", _within, x="x", y="y", rates="none"),
    "getis_ord_within": _local("getis_ord", _within),
    "geary_within": _local("geary", _within),
    "losh_within": _local("losh", _within),
    "join_count_within": _local("join_count", _within),
    "bivariate_moran_within": _local("bivariate_moran", _within, x="x", y="y", rates="none"),
    "global_bivariate_moran_toroidal": _global("global_bivariate_moran", _shifts, x="x", y="y", rates="none"),
    "bivariate_moran_toroidal": _local("bivariate_moran", _shifts, x="x", y="y", rates="none"),
    "local_moran_toroidal": _local("local_moran", _shifts),
    "border_moran_toroidal": _border(_shifts),
    "global_moran_given": _given("global_moran", _global),
    "local_moran_given": _given("local_moran", _local),
    "local_moran_adaptive": _adaptive("local_moran"),
    "local_moran_within_adaptive": _adaptive("local_moran", _within),
    "getis_ord_adaptive": _adaptive("getis_ord"),
    "geary_adaptive": _adaptive("geary"),
    "losh_adaptive": _adaptive("losh"),
    "marcon_puech": _ratio,
    "marcon_puech_sides": _ratio_sides("M"),
    "marcon_puech_density_sides": _ratio_sides("m"),
    "cross_duranton_overman_sides": _cross_sides,
    "proximity": _proximity("degree-preserving"),
    "proximity_hypergeometric": _proximity("hypergeometric"),
    "location_quotient": _quotient,
}


def _labelled(verb: str, *nothing: str, **fixed: Any) -> Callable[..., Any]:
    none = {"not significant", "isolate", "undefined", "cannot reach", *nothing}

    def ask(world: World, *, seed: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ClusterMapWarning)
            frame = getattr(cm, verb)(world.data, world.graph, seed=seed, **_options(world), **fixed).frame
        return frame.index[~frame["label"].isin(none)]

    return ask


def _agglomerated(verb: str) -> Callable[..., Any]:
    def ask(world: World, *, seed: int) -> Any:
        plants, base = world.data
        frame = getattr(cm, verb)(plants, base=base, seed=seed).frame
        return frame.index[frame["q"] <= LEVEL]

    return ask


def _concentrated(world: World, *, seed: int) -> Any:
    """Name the indices by which a sector stands out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClusterMapWarning)
        table = cm.SectorTable.from_values(world.data).select(list("abcd"))  # the rest is nearly its own base
        frame = cm.sector_concentration(table, replicates=0, seed=seed).frame
    return frame.loc[frame["q"] <= LEVEL, "measure"]


def _related(world: World, *, seed: int) -> Any:
    frame = cm.proximity(world.data, permutations=3_999, seed=seed).frame
    return frame.index[frame["q"] <= LEVEL]


def _changed(world: World, *, seed: int) -> Any:
    frame = cm.quotient_change(*world.data).frame
    return frame.index[frame["q"] <= LEVEL]


def _quotient_labels(world: World, *, seed: int) -> Any:
    frame = cm.location_quotient(world.data, sector=world.sector).frame
    return frame.loc[frame["q"] <= LEVEL, "area"]


# The areas that stand out after the default correction with the default permutations.
FOUND: dict[str, Callable[..., Any]] = {
    "local_moran": _labelled("local_moran"),
    "getis_ord": _labelled("getis_ord"),
    "geary": _labelled("geary"),
    "losh": _labelled("losh"),
    "join_count": _labelled("join_count"),
    "quantile_lisa": _labelled("quantile_lisa"),
    "bivariate_moran": _labelled("bivariate_moran", x="x", y="y", rates="none"),
    "location_quotient": _quotient_labels,
    "local_moran_adaptive": _labelled("local_moran", permutations="adaptive"),
    "geary_adaptive": _labelled("geary", permutations="adaptive"),
    "ellison_glaeser": _agglomerated("ellison_glaeser"),
    "maurel_sedillot": _agglomerated("maurel_sedillot"),
    "coagglomeration": _agglomerated("coagglomeration"),
    "proximity": _related,
    "quotient_change": _changed,
}
# The indices by which anything stands out, where q corrects over the sectors of one index.
FOUND_BY_INDEX: dict[str, Callable[..., Any]] = {"sector_concentration": _concentrated}
