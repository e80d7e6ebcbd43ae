"""All results of one study, and the plain sentences that they support."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from clustermap.errors import as_lines, part_of, plural

if TYPE_CHECKING:
    from pathlib import Path

    from clustermap.autocorrelation import GlobalResult, LocalResult
    from clustermap.borders import Crossing, Line
    from clustermap.detection import Clusters
    from clustermap.measures import Quotients
    from clustermap.sources import Areas, Firms, Lookup
    from clustermap.study.declaration import Study
    from clustermap.tables import SectorTable

__all__ = ["StudyResult"]

_EXAMPLES = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyResult:
    """Everything that one study found.

    Attributes
    ----------
    study : Study
        What was declared.
    firms : Firms or None
        Located firms; None where a published table was used.
    areas, authorities : Areas
        Units of analysis, and administrative bodies.
    lookup : Lookup or None
        Areas in authorities, where declared.
    table : SectorTable
        Areas × sectors.
    quotients : Quotients
        Location quotients of every sector.
    moran_global : GlobalResult
    moran : LocalResult
    clusters : Clusters
    crossing : Crossing
    line : Line or None
        Line test of the strongest cluster; None where there is none.
    named_line : Line or None
        Line test of the set named in the study.
    warnings : tuple of str
        What a reader must know.
    files : dict
        Output name to path, once written.
    """

    study: Study
    firms: Firms | None
    areas: Areas
    authorities: Areas
    lookup: Lookup | None
    table: SectorTable
    quotients: Quotients
    moran_global: GlobalResult
    moran: LocalResult
    clusters: Clusters
    crossing: Crossing
    line: Line | None
    named_line: Line | None
    warnings: tuple[str, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def sector(self) -> str:
        """The sector asked about."""
        return self.table.sector(self.study.sector)

    @property
    def label(self) -> str:
        """The sector in words."""
        return self.table.sector_labels.get(self.sector, self.sector)

    def caveats(self) -> list[str]:
        """List what must be said before any figure."""
        said = list(self.study.first)
        if self.firms is not None and self.firms.synthetic:
            said.append("The firms are synthetic: they show the method, not the country.")
        if self.firms is not None and "registered office" in self.firms.location_kind:
            said.append("Firms stand at their registered or reporting office, not where the work is done.")
        if self.areas.generalised or self.authorities.generalised:
            said.append("The boundaries are generalised, not for measurement.")
        if self.authorities.unconfirmed:
            year = f" of {self.authorities.vintage}" if self.authorities.vintage else ""
            said.append(f"Which areas lie in which authority{year} is not confirmed by an official table.")
        if self.table.note and self.firms is None:
            said.append(self.table.note)
        return said

    def ranking(self) -> pd.DataFrame:
        """Rank authorities by their own location quotient, so that a named set can be held against the rest.

        Returns
        -------
        pandas.DataFrame
            ``rank, authority, name, value, lq, named``; areas in several authorities count by their shares.
        """
        member = self.crossing.membership
        weight, area = member["share"].to_numpy(), member["area"]
        sums = pd.DataFrame(
            {
                "authority": member["authority"],
                "value": weight * area.map(self.table.column(self.sector)).to_numpy(),
                "total": weight * area.map(self.table.area_totals).to_numpy(),
            }
        )
        sums = sums.groupby("authority", as_index=False).sum()
        national = self.table.sector_totals[self.sector] / self.table.total
        members = set(self.named_line.members) if self.named_line is not None else set()
        ranked = pd.DataFrame(
            {
                "authority": sums["authority"],
                "name": sums["authority"].map(self.authorities.names).fillna("(none)"),
                "value": sums["value"],
                "lq": sums["value"] / sums["total"] / national,
                "named": ["yes" if code in members else "" for code in sums["authority"]],
            }
        ).sort_values(["lq", "name"], ascending=[False, True], ignore_index=True)
        ranked.insert(0, "rank", range(1, len(ranked) + 1))
        return ranked

    def sentences(self) -> list[str]:
        """Return five plain sentences computed from the result."""
        return [self._counted(), self._found(), self._crossed(), self._sure(), self._lined()]

    def summary(self) -> str:
        """Say in plain sentences what was found, which authorities share it, and how sure it is."""
        return as_lines([*self.caveats(), *self.sentences()])

    def _counted(self) -> str:
        sector, table = self.sector, self.table
        total = table.sector_totals[sector]
        return (
            f"Counted: {total:,.0f} of {table.total:,.0f} {table.measure} in "
            f"{plural(len(table.labels), 'area')} {'is' if total == 1 else 'are'} in "
            f"{self.label} ({total / table.total:.1%})."
        )

    def _found(self) -> str:
        frame, level = self.clusters.frame, min(self.clusters.minimum_lq, *self.clusters.levels)
        if frame.empty:
            return (
                f"Found: no connected set of areas where {self.label} is more than {level:g} times as concentrated as "
                "in all areas together can be told from chance."
            )
        best, widest = frame.iloc[0], int((frame["level"] == frame["level"].min()).sum())
        inside = len(frame) - widest
        cores = f" (and {inside} at higher levels)" if inside else ""
        return (
            f"Found: {plural(widest, 'cluster')}{cores} where {self.label} is more than {level:g} times as "
            f"concentrated as in all areas together; the strongest, {best['cluster']}, has "
            f"{plural(best['n_areas'], 'area')} and {best['value']:,.0f} {self.table.measure}, "
            f"{best['relative_risk']:.2f} times the expected (figures of selected sets are on the high side)."
        )

    def _crossed(self) -> str:
        if self.clusters.frame.empty:
            return "Crossed: no cluster, so none that crosses a border."
        frame = self.clusters.frame
        widest = frame.loc[frame["level"] == frame["level"].min(), "cluster"]  # those inside them come on top
        best, n = widest.iloc[0], len(widest)
        shares = self.crossing.frame[self.crossing.frame["cluster"] == best].sort_values(
            ["share", "authority"], ascending=[False, True]
        )
        known = shares["authority"].isin(self.authorities.names.index)  # a part may lie in no authority
        pairs = zip(shares["name"][known], shares["share"][known], strict=True)
        named = [f"{name} {share:.0%}" for name, share in pairs]
        more = f" and {len(named) - _EXAMPLES} more" if len(named) > _EXAMPLES else ""
        where = "lies in no authority"
        if named:
            effective = float(self.crossing.effective_authorities[best])
            where = (
                f"lies in {plural(len(named), 'authority')} "
                f"({', '.join(named[:_EXAMPLES])}{more}), as many as {effective:.1f} of equal size"
            )
            where += f", and with {shares['share'][~known].sum():.0%} in none" if not known.all() else ""
        crossing = self.crossing.pairs["cluster"][self.crossing.pairs["cluster"].isin(widest)].nunique()
        return f"Crossed: {best} {where}; {part_of(crossing, n, 'cluster', 'crosses', 'cross')} a border."

    def _sure(self) -> str:
        whole = self.moran_global
        labels, n = self.moran.frame["label"].value_counts(), self.moran.family_size
        rule = f"without correction for {plural(n, 'test')}"
        if self.moran.correction != "none":
            rule = f"after correction for {plural(n, 'test')}"
        text = (
            f"How sure: Moran's I of {self.label} is {float(whole.statistic):.3f} (p = {p_text(float(whole.p))}); "
            f"{plural(int(labels.get('HH', 0)), 'area is', 'areas are')} High-High {rule}"
        )
        if self.clusters.frame.empty:
            return f"{text}."
        best = self.clusters.frame.iloc[0]
        return (
            f"{text}; {best['cluster']} has a family-wise p of {p_text(float(best['p']))} "
            f"from {self.clusters.permutations} random maps (seed {self.study.seed})."
        )

    def _lined(self) -> str:
        parts = []
        if self.line is not None:
            parts.append(f"the strongest cluster: {line_text(self.line)}")
        if self.named_line is not None:
            parts.append(f"the named set of {len(self.named_line.members)}: {line_text(self.named_line)}")
        return f"A line? {'; '.join(parts)}." if parts else "A line? No cluster and no named set to test."

    def __repr__(self) -> str:
        return f"<StudyResult: {self.study.name}, {plural(len(self.clusters.frame), 'cluster')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def line_text(line: Any) -> str:
    """Put a line test in words."""
    if line.status == "disconnected":
        gap = f", through {', '.join(map(str, line.gap_authorities))}" if len(line.gap_authorities) else ""
        return f"not connected (a gap of {line.gap_km:.1f} km{gap}), so no p"
    if line.p is None or pd.isna(line.p):
        return f"no p ({line.status})"
    verdict = "more drawn-out than chance" if line.p <= 0.05 else "no more drawn-out than chance"  # noqa: PLR2004 - the usual level
    return (
        f"elongation {line.elongation:.2f}, bearing {line.bearing:.0f}°, p = {p_text(float(line.p))} "
        f"({verdict}; the smallest p to be had is {p_text(float(line.attainable_p))})"
    )


def p_text(p: float) -> str:
    """Round a p-value the way it is read."""
    return f"{p:.4f}" if p < 0.1 else f"{p:.2f}"  # noqa: PLR2004 - more digits say nothing there
