"""Areas joined into the authorities they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clustermap.errors import AlignmentError, plural
from clustermap.ledger import Ledger
from clustermap.sources.values import Areas

if TYPE_CHECKING:
    from clustermap.sources.values import Lookup

__all__ = ["dissolve"]


def dissolve(areas: Areas, lookup: Lookup) -> Areas:
    """Join areas into authorities; an area in several authorities becomes part of each, so these overlap.

    Parameters
    ----------
    areas : Areas
        The parts.
    lookup : Lookup
        Which area belongs to which authority.

    Returns
    -------
    Areas
        One row per authority that has a part; areas outside the lookup are left out and counted in the ledger.

    Raises
    ------
    AlignmentError
        CM-ALIGN-004: no area of the lookup is among the areas.

    References
    ----------
    Dissolving by membership keeps double memberships, as the Local Enterprise Partnerships had until 2021
    (Ministry of Housing, Communities and Local Government, 2018, Strengthened Local Enterprise Partnerships).
    """
    import geopandas as gpd
    import pandas as pd
    from shapely import union_all

    pairs = lookup.frame[lookup.frame["area"].isin(areas.frame.index)]
    if pairs.empty:
        raise AlignmentError(
            "CM-ALIGN-004",
            f"none of {plural(lookup.frame['area'].nunique(), 'area')} of the lookup is among the "
            f"{plural(len(areas), 'area')}: "
            f"{list(lookup.frame['area'][:3])} against {list(areas.frame.index[:3])}",
            why="codes change with the vintage",
            fix="read both of one vintage",
        )
    shapes = areas.frame.geometry
    codes = sorted(pairs["authority"].unique())
    parts = pairs.groupby("authority")["area"].agg(list)
    frame = gpd.GeoDataFrame(
        {"name": lookup.names.reindex(codes).to_numpy()},
        geometry=[union_all(shapes.loc[sorted(parts[code])].to_numpy()) for code in codes],
        index=pd.Index(codes, name="code"),
        crs=areas.crs,
    )
    reasons = pd.Series("accepted", index=areas.frame.index)
    reasons[~areas.frame.index.isin(set(pairs["area"]))] = "in no authority"
    return Areas(
        frame=frame,
        kind=lookup.kind,
        vintage=lookup.vintage,
        source=areas.source,
        ledger=Ledger.from_reasons(
            reasons, verdicts={"in no authority": "set aside"}, ids=list(areas.frame.index)
        ),
        generalised=areas.generalised,
        unconfirmed=lookup.unconfirmed,
    )
