"""The values that come out of the sources: firms, areas, and areas in authorities."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clustermap.errors import InputError, as_lines, one_line, part_of, plural

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from clustermap.ledger import Ledger

__all__ = ["Areas", "Firms", "Lookup"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Firms:
    """Located firms.

    Attributes
    ----------
    frame : geopandas.GeoDataFrame
        One row per firm, in order of `firm_id`: ``firm_id, name, sic, value, location_kind,
        location_quality, geometry`` and whatever else the file had. `sic` is categorical 5-digit text, the
        first usable code; missing where no code is usable (the firm stays).
    activities : pandas.DataFrame
        Long: ``firm_id, sic, position, classification``, every usable code of every firm.
    ledger : Ledger
        What became of every row.
    source : str
        Where the firms came from, for captions.
    synthetic : bool
        True where the firms are made up; said wherever a person meets them.
    """

    frame: gpd.GeoDataFrame
    activities: pd.DataFrame
    ledger: Ledger
    source: str = ""
    synthetic: bool = False

    @property
    def crs(self) -> Any:
        """The system of the points, projected and metric."""
        return self.frame.crs

    @property
    def location_kind(self) -> str:
        """What the points are: "registered office", "workplace", "unknown", or several joined by commas."""
        return ", ".join(sorted(map(str, self.frame["location_kind"].unique())))

    def __len__(self) -> int:
        return len(self.frame)

    def summary(self) -> str:
        """Say in plain sentences what the firms are."""
        told = plural(len(self), "synthetic firm" if self.synthetic else "firm")
        return f"{told} (location: {one_line(self.location_kind)}).\n{self.ledger.summary()}"

    def __repr__(self) -> str:
        return f"<Firms: {len(self):,} located, {self.ledger.set_aside:,} set aside, {self.location_kind}>"

    def _repr_html_(self) -> str:
        return _as_html(self.summary())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Areas:
    """One set of areas.

    Attributes
    ----------
    frame : geopandas.GeoDataFrame
        Indexed by `code`, in code order: ``name, geometry`` (valid polygons) and what else was kept.
    kind : str
        "lep", "mca", "lad", "region", "upper_tier", … or "area".
    vintage : int or None
        Year of the boundaries.
    source : str
        Publisher and licence, for captions.
    ledger : Ledger
        What became of every row.
    generalised : bool
        True for boundaries that are not for measurement; said on every map.
    unconfirmed : bool
        True where no official table confirms what lies in these areas; said on every map.
    """

    frame: gpd.GeoDataFrame
    kind: str
    vintage: int | None
    source: str
    ledger: Ledger
    generalised: bool = False
    unconfirmed: bool = False

    @property
    def crs(self) -> Any:
        """The system of the polygons, projected and metric."""
        return self.frame.crs

    @property
    def names(self) -> pd.Series:
        """Names by code."""
        return self.frame["name"]

    def __len__(self) -> int:
        return len(self.frame)

    def summary(self) -> str:
        """Say in plain sentences what the areas are."""
        vintage = f" of {self.vintage}" if self.vintage else ""
        note = " Generalised, not for measurement." if self.generalised else ""
        return f"{plural(len(self), 'area')} ({one_line(self.kind)}{vintage}).{note}\n{self.ledger.summary()}"

    def __repr__(self) -> str:
        told = plural(len(self), "area") if self.kind == "area" else f"{len(self)} {self.kind}"
        return f"<Areas: {told}{' ' + str(self.vintage) if self.vintage else ''}>"

    def _repr_html_(self) -> str:
        return _as_html(self.summary())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lookup:
    """Which areas belong to which authorities, and with what share.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``area, authority, name, share``; shares of an area sum to 1.
    notes : tuple of str
        What was told about the raw shares.
    kind : str
        "lep", "mca", … where the columns say so.
    vintage : int or None
        Year of the authorities where the columns say so.
    unconfirmed : bool
        True where no official table confirms some memberships; said on every map.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    kind: str = "authority"
    vintage: int | None = None
    unconfirmed: bool = False

    @property
    def names(self) -> pd.Series:
        """Authority names by authority code."""
        unique = self.frame.drop_duplicates("authority").set_index("authority")["name"]
        return unique.sort_index()

    def extended(self, rows: pd.DataFrame) -> Lookup:
        """Return a lookup with further memberships; shares of an area sum to 1 again.

        Parameters
        ----------
        rows : pandas.DataFrame
            ``area, authority``, both known already; a membership that is there already changes nothing.

        Raises
        ------
        InputError
            CM-LOOKUP-010: an area or an authority that the lookup does not know.
        """
        import pandas as pd

        for column in ("area", "authority"):
            strange = sorted(set(rows[column]) - set(self.frame[column]))
            if strange:
                raise InputError(
                    "CM-LOOKUP-010",
                    f"{part_of(len(strange), len(rows), 'further membership', 'names', 'name')} an unknown "
                    f"{column}: {strange[:5]}",
                    why="codes change with the vintage",
                    fix="use the codes of the lookup's own vintage",
                )
        added = rows[["area", "authority"]].assign(share=1.0)
        added["name"] = added["authority"].map(self.names).to_numpy()
        equal = pd.concat([self.frame, added[list(self.frame.columns)]])
        equal = equal.drop_duplicates(["area", "authority"]).sort_values(
            ["area", "authority"], ignore_index=True
        )
        touched = equal["area"].isin(set(rows["area"])).to_numpy()
        equal.loc[touched, "share"] = 1.0 / equal.groupby("area")["area"].transform("size")[touched]
        note = (
            f"{plural(len(equal) - len(self.frame), 'membership was', 'memberships were')} added; shares "
            "of those areas are equal."
        )
        return replace(self, frame=equal, notes=(*self.notes, note))

    def summary(self) -> str:
        """Say in plain sentences what belongs to what."""
        areas, several = self.frame["area"].nunique(), int((self.frame["area"].value_counts() > 1).sum())
        text = (
            f"{plural(areas, 'area')} in {plural(self.frame['authority'].nunique(), 'authority')}; "
            f"{plural(several, 'lies', 'lie')} in several."
        )
        return as_lines([text, *self.notes])

    def __repr__(self) -> str:
        return (
            f"<Lookup: {plural(self.frame['area'].nunique(), 'area')} in "
            f"{self.frame['authority'].nunique()} {self.kind}>"
        )

    def _repr_html_(self) -> str:
        return _as_html(self.summary())


def _as_html(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
