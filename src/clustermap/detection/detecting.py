"""The verb of detection: what is asked, checked, and handed to the method that answers it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from clustermap.detection.density.inputs import DenseSettings, refuse_dense_options, refuse_other_options
from clustermap.detection.density.options import (
    DEFAULT_MINIMUM,
    check_surface_options,
    named_sector,
    needed_sector,
)
from clustermap.detection.density.sectors import given_firms
from clustermap.detection.guards import both_ways
from clustermap.detection.option_kinds import check_kinds
from clustermap.detection.scan.inputs import (
    DEFAULT_LQ,
    DEFAULT_SHARE,
    check_options,
    given_graph,
    given_table,
)
from clustermap.detection.scan.scanning import scan_table
from clustermap.detection.scan.settings import Settings
from clustermap.randomness import resolve_seed
from clustermap.tables.crowding import PER_ADDRESS, check_stacks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from clustermap.detection.clusters import Clusters
    from clustermap.progress import Progress
    from clustermap.schema import Background, Codes, DetectionMethod, Likelihood, Preset, StackRule
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms
    from clustermap.tables.table import SectorTable

__all__ = ["detect_clusters"]


def detect_clusters(
    data: SectorTable | pd.DataFrame | Firms | gpd.GeoDataFrame,
    graph: Any = None,
    *,
    sector: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    method: DetectionMethod = "scan",
    background: Background = "minimum-effect",
    minimum_lq: float = DEFAULT_LQ,
    levels: Sequence[float] = (),
    likelihood: Likelihood = "poisson",
    plants: pd.DataFrame | None = None,
    penalty: float | None = None,
    max_share: float = DEFAULT_SHARE,
    radius_m: float | None = None,
    minimum: float | None = None,
    preset: Preset | None = None,
    codes: Codes | None = None,
    value: str = "firms",
    stacks: StackRule = "keep",
    per_address: int = PER_ADDRESS,
    permutations: int = 999,
    alpha: float = 0.05,
    seed: int | None = None,
    progress: Progress | bool | None = None,
) -> Clusters:
    """Find clusters of a sector that ignore administrative borders, among areas or among firms.

    ``"scan"`` takes counts by area. From every area with an excess a set grows greedily: the neighbour joins that
    raises ``log-likelihood ratio − penalty · (number of areas)`` most. The best value over all starts is tested
    against the same search on draws from the null, so p is family-wise over all connected sets.
    Further clusters are searched for on the areas that are left.

    ``"surface"`` takes firms. The ratio of the kernel density of the sector's firms to that of all firms is tested
    against random labelling everywhere at once; clusters are the connected regions above the family-wise contour.

    ``"dbscan"`` and ``"hdbscan"`` take firms, and find where those of a sector are dense. Towns are dense in every
    sector, so each place is held against all firms there, and tested against random labelling.

    Parameters
    ----------
    data : SectorTable or DataFrame of areas × sectors, or Firms
        Whole numbers of firms by area; a frame without totals is taken to be the whole economy. Firms, or a
        GeoDataFrame of them, for the other methods: all firms of the economy, whatever their sector.
    graph : libpysal.graph.Graph, optional
        Which areas touch; ``contiguity(table.areas)`` where absent. An area without neighbours can only be
        a cluster by itself.
    sector : str, Taxonomy, path or dict, optional
        Of a table: one sector; all, each by itself, where absent. Of firms: a taxonomy, its name ("hvm"), a TOML
        file, or ``{"steel": ["241", "242"]}``; each of its sectors is tested by itself. Where absent, "dbscan" and
        "hdbscan" find where all firms are dense, and nothing is tested.
    method : {"scan", "surface", "dbscan", "hdbscan"}
        The detector. Options of another one are an error.
    background : {"minimum-effect", "homogeneous", "field", "auto"}
        What is not a cluster. Two questions. *Where is specialisation at least t, and how far does it reach?*
        ``"minimum-effect"``: a location quotient up to `minimum_lq`, counts Poisson around it. *What stands out
        from its surroundings?* ``"field"``: a smooth background fitted to the map. ``"homogeneous"``: the national
        share everywhere, counts multinomial; on real economies, which are rough, this answers "some excess
        somewhere" with one huge set. ``"auto"``: the field where the map is rough beyond chance with what stands
        out taken out, homogeneous elsewhere.
    minimum_lq : float
        The location quotient that an excess must pass; belongs to "minimum-effect".
    levels : sequence of float
        Further location quotients to scan at, for instance ``(1.5, 2)``; belongs to "minimum-effect". The clusters
        form a tree: `parent` is the cluster of the next lower level that holds most of their areas.
    likelihood : {"poisson", "binomial", "overdispersed", "jobs"}
        What counts are drawn from, under "minimum-effect" and "homogeneous". ``"binomial"``: firms of an area are of
        the sector or not; differs from Poisson where the sector is a large part of the economy.
        ``"overdispersed"``: rates vary between areas without structure, by a variance that is estimated with the best
        set taken out, in the draws as in the map. ``"jobs"``: employment, which comes in plants.
    plants : DataFrame, optional
        ``area, sector, employment``, one row per plant; belongs to ``likelihood="jobs"``, and sums to the table.
    penalty : float, optional
        Price of an area, in units of log-likelihood: a lower one finds more, a higher one is surer of what it finds.
        1.5 under "minimum-effect", 1 under "homogeneous" and 0.75 under "field" where absent.
    max_share : float
        No cluster holds a larger share of all areas.
    radius_m : float, optional
        Bandwidth of the Gaussian kernel of "surface", in metres. Where absent, the narrowest of 250 m × √2ᵏ under
        which half of all firms would see 30 firms of the sector by chance. Of "dbscan": see `minimum`.
    minimum : float, optional
        Firms of the sector that must be expected under the kernel for a place to be tested by "surface"; 5 where
        absent. Of "dbscan": how much must lie within the radius; what is not given is chosen on random labellings (see
        Notes). Of "hdbscan": sites that make a cluster; a fiftieth of the firms, at least 10, where absent.
    preset : {"wipo2018", "wipo2017"}, optional
        "dbscan" as published: 15 km and 4,500, or 13 km and 2,000, firms counted by the share of their codes that is
        of the sector.
    codes : {"first", "fractional", "any"}, optional
        How "dbscan" and "hdbscan" count a firm of several codes, as in ``tabulate``; "first" where absent.
    value : str
        What "dbscan" counts: "firms", or a numeric column to sum ("value", "employees").
    stacks : {"keep", "cap", "drop"}
        Of firms: what becomes of addresses with more than `per_address` firms, see :func:`stacks`. Where some firms are
        left out, the result holds what is found with them as `with_stacks`, and the summary says what differs; so
        does the scan of a table that was made by ``tabulate(…, stacks=…)``.
    per_address : int
        More firms than this at one coordinate are a stack.
    permutations : int
        Monte-Carlo replicates of the null.
    alpha : float
        Clusters with a family-wise p up to alpha are reported.
    seed : int, optional
        Draws are keyed by seed and sector; None draws a seed and records it.
    progress : callable or bool, optional
        Called with ``(done, total)``; True shows a bar.

    Returns
    -------
    Clusters
        Strongest first within a level, named C1, C2, … Empty, with its columns, where nothing stands out.

    Raises
    ------
    OptionError
        CM-SCAN-001 unknown method, background or likelihood, CM-SCAN-002 an option out of range or of another
        background, CM-SCAN-003 no graph and no areas to make one, CM-SCAN-009 a field without polygons or with too many
        areas, CM-SCAN-011 no firms for a method that takes firms, CM-LAW-003 jobs without plants or plants without
        jobs, CM-SURFACE-002 a grid too large, CM-DENSITY-001 a radius too small,
        CM-STACK-001 and CM-STACK-002 no rule or limit for stacks.
    InputError
        CM-SCAN-004 a Series, CM-SCAN-005 not whole numbers of firms, CM-SCAN-006 more firms of a sector than firms,
        CM-LAW-002 area totals that are no numbers of firms, CM-LAW-004 plants that do not sum to the table.
    StatisticsError
        CM-SCAN-007 too few areas or no firm at all, CM-STAT-003 too few permutations for alpha, CM-LAW-001 a binomial
        share of 1 or more, CM-SURFACE-001 no firm of the sector or no other, CM-SURFACE-003 all at one place,
        CM-SURFACE-005 nowhere firms enough.

    Notes
    -----
    Valid for: some excess beyond the background somewhere, against none anywhere. Membership has no error
    guarantee, and ratios of selected sets are too high on average. A found set whose national location quotient is
    not above 1 is never reported. Suppressed cells take no part.

    Under "minimum-effect" the expectation stays national, later clusters are held against the draws over all areas,
    which is conservative, and sets that touch are joined where the joint value is larger than both values less
    ``log(number of areas)``, the price of placing a second one. Each cluster also carries `p_field`, its p against the
    fitted background of its region (199 draws; NaN without polygons or above 1,000 areas).

    Under "homogeneous" and "field" the areas of a cluster are those that at least 0.42 of the weight of the
    well-fitting sets around the strongest one holds, sets being weighed against how many of their shape there are;
    score and p are those of the strongest set. Where weak areas hold a set together and two clusters of three areas or
    more, less ``0.3 log(number of areas)``, have the larger value, they are reported apart, with their own.
    "homogeneous" takes the rate of the remaining areas for later clusters and draws again. "field" fits variance,
    reach and unstructured share by restricted maximum likelihood on a grid, takes the found set out, fits and searches
    again, twice; every draw from the fitted background goes the same way. A cluster as wide as the background's reach
    is partly background by definition.

    "surface": both densities have the same kernel, so the ratio needs no correction at coasts. The score of a place is
    the Poisson log-likelihood ratio at the effective number of firms under the kernel, and p of a cluster is that of
    its highest place. A kernel spreads an excess: a strong one reaches up to two bandwidths beyond its edge.

    "dbscan" finds dense places exactly: a firm is core where firms of at least the minimum, itself included, lie within
    the radius; core firms within the radius of each other are of one place; other firms join their nearest core firm
    within the radius, in a tie that of the lowest `firm_id`. `expected` is what *all* firms within the radius of its
    core would hold were the sector spread like all firms, the score the log-likelihood ratio against it, and p that of
    the best place of each random labelling, searched in the same way. What is not given is chosen: the radius such that
    half of the firms of random labellings have ten others within it; the minimum (or, at a given minimum, the radius)
    of five candidates that 50, 25, 10, 5 and 1 % of the firms of random labellings reach, the one whose best place
    stands out most, chosen again in every labelling, so that p stays exact given exchangeability. "hdbscan" orders
    distinct sites (scikit-learn; up to 50,000) and holds a place against all firms in its convex hull. ``alpha=1``
    reports every dense place with its p.

    References
    ----------
    Kulldorff, M. (1997), A spatial scan statistic. Communications in Statistics 26(6).
    Duczmal, L. and Assunção, R. (2004), A simulated annealing strategy for the detection of arbitrarily
    shaped spatial clusters. Computational Statistics & Data Analysis 45(2).
    Zhang, Z., Assunção, R. and Kulldorff, M. (2010), Spatial scan statistics adjusted for multiple clusters.
    Journal of Probability and Statistics.
    Patterson, H. D. and Thompson, R. (1971), Recovery of inter-block information when block sizes are unequal.
    Biometrika 58.
    Wedderburn, R. W. M. (1974), Quasi-likelihood functions, generalized linear models, and the Gauss–Newton method.
    Biometrika 61.
    Schwarz, G. (1978), Estimating the dimension of a model. Annals of Statistics 6.
    Kelsall, J. E. and Diggle, P. J. (1995), Non-parametric estimation of spatial variation in relative risk.
    Statistics in Medicine 14.
    Ester, M., Kriegel, H.-P., Sander, J. and Xu, X. (1996), A density-based algorithm for discovering clusters in
    large spatial databases with noise. KDD-96.
    Campello, R., Moulavi, D. and Sander, J. (2013), Density-based clustering based on hierarchical density estimates.
    PAKDD 2013.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> chain = Graph.from_adjacency(pd.DataFrame({"focal": list("ABBCCD"), "neighbor": list("BACBDC"), "weight": 1}))
    >>> firms = pd.DataFrame({"steel": [90, 80, 10, 9], "rest": [910, 920, 990, 991]}, index=list("ABCD"))
    >>> found = detect_clusters(firms, chain, sector="steel", max_share=0.5, seed=7)
    >>> found.members["area"].tolist()
    ['A', 'B']
    """
    check_kinds(
        method=method, background=background, minimum_lq=minimum_lq, levels=levels, likelihood=likelihood,
        penalty=penalty, max_share=max_share, radius_m=radius_m, minimum=minimum, preset=preset, codes=codes,
        value=value, stacks=stacks, permutations=permutations, alpha=alpha,
    )  # fmt: skip
    chosen = resolve_seed(seed)
    check_stacks(stacks, per_address)
    if stacks != "keep" and method != "scan":
        return both_ways(
            given_firms(data, method), stacks, per_address,
            detect=lambda some: detect_clusters(
                some, graph, sector=sector, method=method, background=background, minimum_lq=minimum_lq, levels=levels,
                likelihood=likelihood, plants=plants, penalty=penalty, max_share=max_share, radius_m=radius_m,
                minimum=minimum, preset=preset, codes=codes, value=value, permutations=permutations, alpha=alpha,
                seed=chosen, progress=progress,
            ),
        )  # fmt: skip
    settings = Settings(
        method=method,
        background=background,
        minimum_lq=minimum_lq,
        levels=tuple(levels),
        likelihood=likelihood,
        penalty=penalty,
        max_share=max_share,
        permutations=permutations,
        alpha=alpha,
        seed=chosen,
    )
    dense = DenseSettings(
        method=method, radius_m=radius_m, minimum=minimum, preset=preset, codes=codes, value=value,
        permutations=permutations, alpha=alpha, seed=chosen,
    )  # fmt: skip
    if method in {"dbscan", "hdbscan"}:
        refuse_other_options(settings, graph, plants)
        return _dense(given_firms(data, method), sector=sector, settings=dense, progress=progress)
    if method == "surface":
        refuse_dense_options(dense)
        _check_surface(settings, dense, graph, plants)
        firms = given_firms(data, method)
        return _surfaced(firms, sector=needed_sector(sector), asked=dense, progress=progress)
    check_options(settings)
    refuse_dense_options(dense, also=("radius_m", "minimum"))
    named = named_sector(sector, radius_m=radius_m, minimum=minimum, stacks=stacks)
    return _scanned(
        given_table(data), graph, sector=named, settings=settings, progress=progress, plants=plants
    )


def _dense(
    firms: Firms, *, sector: Any, settings: DenseSettings, progress: Progress | bool | None
) -> Clusters:
    from clustermap.detection.density.finding import (
        detect_dense,
    )  # its kernels are compiled where firms are clustered

    return detect_dense(firms, sector=sector, settings=settings, progress=progress)


def _check_surface(settings: Settings, dense: DenseSettings, graph: Any, plants: Any) -> None:
    check_surface_options(
        graph=graph, background=settings.background, minimum_lq=settings.minimum_lq, levels=settings.levels,
        penalty=settings.penalty, max_share=settings.max_share, likelihood=settings.likelihood, plants=plants,
        radius_m=dense.radius_m, minimum=dense.minimum, permutations=dense.permutations, alpha=dense.alpha,
    )  # fmt: skip


def _surfaced(
    firms: Firms, *, sector: Any, asked: DenseSettings, progress: Progress | bool | None
) -> Clusters:
    from clustermap.detection.surface.estimating import SurfaceSettings, detect_surface  # as above

    settings = SurfaceSettings(
        radius_m=asked.radius_m, minimum=float(asked.minimum or DEFAULT_MINIMUM), permutations=asked.permutations,
        alpha=asked.alpha, seed=asked.seed,
    )  # fmt: skip
    return detect_surface(firms, sector=sector, settings=settings, progress=progress)


def _scanned(
    table: SectorTable,
    graph: Any,
    *,
    sector: str | None,
    settings: Settings,
    progress: Progress | bool | None,
    plants: pd.DataFrame | None,
) -> Clusters:
    """Scan the table, and the one with every firm beside it where a guard left some out."""
    found = partial(
        scan_table, graph=given_graph(table, graph), settings=settings, progress=progress,
        sectors=table.sectors if sector is None else [table.sector(sector)],
    )  # fmt: skip
    if table.with_stacks is None or plants is not None:
        return found(table, plants=plants)
    return replace(found(table), with_stacks=found(given_table(table.with_stacks)))
