"""Who shares which cluster: shares of authorities, and the borders that run through."""

from __future__ import annotations

import difflib
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.borders.firm_links import firm_border_pieces, firm_pairs, firm_shares
from clustermap.borders.links import border_pieces, crossing_pairs
from clustermap.borders.membership import NOBODY, shares_in
from clustermap.detection import Clusters
from clustermap.errors import InputError, OptionError, as_lines, one_line, part_of, plural
from clustermap.schema import CROSSING_COLUMNS
from clustermap.tables.shares import as_authorities

if TYPE_CHECKING:
    import geopandas as gpd

    from clustermap.schema import Overlap
    from clustermap.sources.values import Areas, Lookup

__all__ = ["AuthorityShare", "Crossing", "crossing"]

_NO_NAME = "in no authority"
_OFTEN = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crossing:
    """Clusters by the authorities that share them.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``cluster, authority, name, value, share``, largest share first; what lies in no authority stands in a
        row "(none)". Shares sum to 1 unless the rule is "full".
    pairs : pandas.DataFrame
        ``cluster, a, b, n_links, border_km, value_a, value_b, strength, p_crosses``: pairs of authorities that
        neighbouring members of a cluster lie in. `n_links` counts neighbouring areas, each by the part of it
        that crosses; `border_km` the border between them in the same way (NaN without polygons); `strength`
        is the smaller of the two shares; `p_crosses` is the share of copies in which the cluster crosses
        this border: support, no probability; NaN until `stability` of the clusters is asked for.
    membership : pandas.DataFrame
        ``area, authority, share`` for every area of the scanned table; ``firm_id, authority, share`` for every member
        where the clusters are of firms.
    membership_rule : str
        How areas were given to authorities.
    clusters : Clusters
        What was crossed.
    authorities : Areas or Lookup
        Whose borders.
    """

    frame: pd.DataFrame
    pairs: pd.DataFrame
    membership: pd.DataFrame
    membership_rule: str
    clusters: Clusters
    authorities: Areas | Lookup

    @property
    def areas(self) -> Areas | None:
        """The polygons of the areas."""
        return self.clusters.areas

    @property
    def effective_authorities(self) -> pd.Series:
        """Effective number of authorities by cluster, ``1 / Σ share²``; value in no authority left out.

        References
        ----------
        Laakso, M. and Taagepera, R. (1979), "Effective" number of parties. Comparative Political Studies 12.
        """
        known = self.frame[self.frame["authority"] != NOBODY]
        share = known["value"] / known.groupby("cluster")["value"].transform("sum")
        squares = (share**2).groupby(known["cluster"]).sum()
        effective = 1.0 / squares.reindex(self.clusters.frame["cluster"])
        return effective.rename("effective_authorities").rename_axis("cluster")

    def of(self, authority: str) -> AuthorityShare:
        """Return what one authority shares, by its code or name.

        Raises
        ------
        InputError
            CM-CROSS-004: no such authority; the nearest names are given.
        """
        names = self.authorities.names
        same = names.astype(str).str.casefold() == str(authority).casefold()
        hits = names.index[(names.index.astype(str) == str(authority)) | same]
        if len(hits) != 1:
            wanted = {str(n).casefold(): str(n) for n in names}
            near = difflib.get_close_matches(str(authority).casefold(), list(wanted), n=3, cutoff=0.4)
            raise InputError(
                "CM-CROSS-004",
                f"{part_of(len(hits), len(names), 'authority', 'is', 'are')} called {authority!r}",
                why="the answer would be about another place",
                fix=f".of(…) with one of: {', '.join(repr(wanted[n]) for n in near) or list(names[:5])}"
                if not len(hits)
                else f".of(…) with a code: {list(hits[:5])}",
            )
        code = hits[0]
        own = self.frame[self.frame["authority"] == code].reset_index(drop=True)
        partners = {
            cluster: self.frame.loc[
                (self.frame["cluster"] == cluster) & ~self.frame["authority"].isin([code, NOBODY]), "name"
            ].tolist()
            for cluster in own["cluster"]
        }
        frame = own.assign(partners=[", ".join(partners[c]) for c in own["cluster"]])
        return AuthorityShare(code=str(code), name=str(names[code]), frame=frame, crossing=self)

    def geo(self) -> gpd.GeoDataFrame:
        """Return the pairs with the borders that run through the clusters."""
        import geopandas as gpd

        if self.clusters.firms is not None:
            return self._among_firms()
        if self.clusters.areas is None:
            raise InputError(
                "CM-CROSS-003", "there are no polygons to draw borders from", fix="a table with areas"
            )
        pieces = border_pieces(self.clusters, self.membership)
        keys = [tuple(k) for k in self.pairs[["cluster", "a", "b"]].to_numpy()]
        shapes = gpd.GeoSeries([pieces[k] for k in keys], crs=self.clusters.areas.crs, index=self.pairs.index)
        return gpd.GeoDataFrame(self.pairs.copy(), geometry=shapes)

    def _among_firms(self) -> gpd.GeoDataFrame:
        import geopandas as gpd

        pieces = firm_border_pieces(self.clusters, self.authorities, self.frame)
        keys = [tuple(k) for k in self.pairs[["cluster", "a", "b"]].to_numpy()]
        shapes = gpd.GeoSeries(
            [pieces[k] for k in keys], crs=self.clusters.footprints.crs, index=self.pairs.index
        )
        return gpd.GeoDataFrame(self.pairs.copy(), geometry=shapes)

    def summary(self) -> str:
        """Say in plain sentences who shares which cluster."""
        lines = []
        effective = self.effective_authorities
        for cluster, part in self.frame.groupby("cluster", sort=False):
            known = part[part["authority"] != NOBODY]
            shared = ", ".join(
                f"{row.name} {row.share:.0%}" for row in known[["name", "share"]].itertuples(index=False)
            )
            text = f"{cluster} lies in {plural(len(known), 'authority')}: {shared or 'none'}"
            if len(known) > 1:
                text += f"; as many as {effective[cluster]:.1f} equal ones"
            outside = part.loc[part["authority"] == NOBODY, "share"].sum()
            lines.append(text + (f"; {outside:.0%} in no authority." if outside else "."))
        crossed = self.pairs["cluster"].nunique()
        lines.append(f"{part_of(crossed, len(self.clusters.frame), 'cluster', 'crosses', 'cross')} a border.")
        if self.clusters.stability is not None and len(self.pairs):
            lines.append(self._support())
        lines.append(f"Membership: {self.membership_rule}.")
        return as_lines(lines)

    def _support(self) -> str:
        """Say which border comes back least, for the weakest point decides whether a cluster is shared."""
        weakest = self.pairs.loc[self.pairs["p_crosses"].idxmin()]
        names, often = self.authorities.names, (self.pairs["p_crosses"] >= _OFTEN).sum()
        return (
            f"{part_of(often, len(self.pairs), 'crossed border', 'is', 'are')} crossed again in at "
            f"least {_OFTEN:.0%} of {self.clusters.stability.replicates} copies; the least, between "  # type: ignore[union-attr]
            f"{names[weakest['a']]} and {names[weakest['b']]} in {weakest['cluster']}, in {weakest['p_crosses']:.0%}."
        )

    def __repr__(self) -> str:
        return (
            "<Crossing: "
            f"{part_of(self.pairs['cluster'].nunique(), len(self.clusters.frame), 'cluster', 'crosses', 'cross')}, "
            f"{plural(len(self.pairs), 'pair')} of authorities>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorityShare:
    """One authority's part in the clusters.

    Attributes
    ----------
    code, name : str
        The authority.
    frame : pandas.DataFrame
        ``cluster, authority, name, value, share, partners``.
    crossing : Crossing
        Where it comes from.
    """

    code: str
    name: str
    frame: pd.DataFrame
    crossing: Crossing

    def summary(self) -> str:
        """Say in plain sentences what the authority shares, and with whom."""
        if self.frame.empty:
            return f"{one_line(self.name)} shares in none of {plural(len(self.crossing.clusters.frame), 'cluster')}."
        return as_lines(
            f"{self.name} holds {row.share:.0%} of {row.cluster} ({row.value:,.0f})"
            + (f", together with {row.partners}." if row.partners else ", alone.")
            for row in self.frame[["cluster", "share", "value", "partners"]].itertuples(index=False)
        )

    def __repr__(self) -> str:
        return f"<AuthorityShare: {one_line(self.name)}, in {plural(len(self.frame), 'cluster')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def crossing(
    clusters: Clusters, authorities: Areas | Lookup | pd.Series, *, overlap: Overlap = "fractional"
) -> Crossing:
    """Say which authorities share each cluster, and which borders run through it.

    Parameters
    ----------
    clusters : Clusters
        What detection returned.
    authorities : Areas, GeoDataFrame, Lookup or pandas.Series
        Whose borders; a series gives each area's authority (each firm's, where clusters are of firms: there a
        firm lies in the authorities whose polygons hold its place). With polygons an area belongs to an authority by
        the share of its size in it: overlaps below 2 % are slivers of generalised borders and dropped, an area
        covered to 95 % counts as covered. With a lookup its shares are taken.
    overlap : {"fractional", "full", "primary"}
        An area in several authorities gives each a part (totals are kept), gives each its whole value
        (shares then sum to more than 1), or belongs to the one that holds most of it.

    Returns
    -------
    Crossing
        Shares, crossing pairs, and the effective number of authorities.

    Raises
    ------
    OptionError
        CM-CROSS-001: unknown rule or authorities of another kind.
    AlignmentError
        CM-CROSS-002: the lookup knows none of the areas.
    InputError
        CM-CROSS-003: polygons are asked for and the clusters have none. CM-CROSS-005: a lookup beside clusters of firms
        without a radius.
    CrsError
        CM-CRS-010: areas and authorities are in two systems.

    Notes
    -----
    The part of a link between areas i and j that crosses is ``1 − Σ_a min(M_ia, M_ja)`` with memberships M
    that sum to 1: the same membership gives 0, disjoint ones 1. It is split among pairs of authorities in
    proportion to the memberships left after the common part.

    Clusters of firms: the value of an authority is what the members inside it count; a pair is a common border inside
    the footprint, or member firms on either side within the radius, which `n_links` counts.

    Examples
    --------
    >>> import pandas as pd
    >>> from libpysal.graph import Graph
    >>> from clustermap import Lookup, detect_clusters
    >>> chain = Graph.from_adjacency(pd.DataFrame({"focal": list("ABBCCD"), "neighbor": list("BACBDC"), "weight": 1}))
    >>> firms = pd.DataFrame({"steel": [90, 80, 10, 9], "rest": [910, 920, 990, 991]}, index=list("ABCD"))
    >>> found = detect_clusters(firms, chain, sector="steel", max_share=0.5, seed=7)
    >>> west_east = Lookup(frame=pd.DataFrame(
    ...     {"area": list("ABCD"), "authority": list("WEEE"), "name": ["West", "East", "East", "East"], "share": 1.0}))
    >>> shared = crossing(found, west_east)
    >>> shared.pairs[["a", "b"]].values.tolist()
    [['E', 'W']]
    >>> shared.of("West").summary()
    'West holds 53% of C1 (90), together with East.'
    """
    if not isinstance(clusters, Clusters):
        raise OptionError(
            "CM-CROSS-006",
            f"what crosses borders must be Clusters, got {type(clusters).__name__}",
            fix="cm.crossing(cm.detect_clusters(table, graph), authorities)",
        )
    authorities = as_authorities(authorities)
    among_firms = clusters.firms is not None
    shares = (firm_shares if among_firms else shares_in)(clusters, authorities, overlap)
    frame = _frame(clusters, shares.frame, shares.names)
    pairs = (
        firm_pairs(clusters, authorities, shares.frame, frame)
        if among_firms
        else crossing_pairs(clusters, shares.frame, frame)
    )
    return Crossing(
        frame=frame,
        pairs=pairs,
        membership=shares.frame,
        membership_rule=shares.rule,
        clusters=clusters,
        authorities=authorities,
    )


def _frame(clusters: Clusters, membership: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    parts = []
    member = "area" if clusters.firms is None else "firm_id"
    for cluster in clusters.frame["cluster"]:
        values = clusters.values(cluster)
        own = membership[membership[member].isin(values.index)]
        value = own["share"].to_numpy() * values.reindex(own[member]).to_numpy()
        sums = pd.Series(value, index=own["authority"].to_numpy()).groupby(level=0).sum()
        part = pd.DataFrame({"authority": sums.index, "value": sums.to_numpy()})
        part.insert(0, "cluster", cluster)
        part["share"] = part["value"] / values.sum()
        part["name"] = [_NO_NAME if a == NOBODY else str(names[a]) for a in part["authority"]]
        parts.append(part.sort_values(["share", "authority"], ascending=[False, True], kind="stable"))
    kinds = dict.fromkeys(CROSSING_COLUMNS, "object") | {"value": np.float64, "share": np.float64}
    joined = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CROSSING_COLUMNS))
    return joined[list(CROSSING_COLUMNS)].astype(kinds)
