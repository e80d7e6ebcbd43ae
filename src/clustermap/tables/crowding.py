"""Stacks: many firms at one address, and what may be done about them before anything is counted."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from clustermap.errors import OptionError, as_lines, part_of, plural
from clustermap.ledger import Ledger
from clustermap.schema import STACK_COLUMNS, STACK_SECTOR_COLUMNS, StackRule
from clustermap.sources import sectors as taxonomies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Firms

__all__ = ["LEFT_OUT", "PER_ADDRESS", "Stacks", "Thinned", "check_stacks", "stacks", "thinned"]

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PER_ADDRESS = 100  # firms at one address that an office building may well hold
LEFT_OUT = "in a stack: left out by the guard"
_SHOWN = 5


class Thinned(NamedTuple):
    """Firms without what a guard leaves out, and a sentence about it; the sentence is empty where nothing is."""

    firms: Firms
    told: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stacks:
    """Addresses with many firms, largest first.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``stack, x, y, n_firms, share`` (of all firms), ``registered`` (share whose place is a registered office) and
        ``example`` (the first firm by identity). Stacks are named S1, S2, …
    by_sector : pandas.DataFrame
        ``stack, sector, n_firms, share_of_stack, share_of_sector, lq``; empty where no sectors were asked for. `lq`
        is the stack's share of the sector to the share among all firms, NaN for a sector without firms.
    members : pandas.DataFrame
        ``stack, firm_id``.
    per_address : int
        More firms than this at one coordinate are a stack.
    n_firms, n_addresses : int
        All firms, and all different coordinates.
    crs : pyproj.CRS
        The system of x and y.
    """

    frame: pd.DataFrame
    by_sector: pd.DataFrame
    members: pd.DataFrame
    per_address: int
    n_firms: int
    n_addresses: int
    crs: Any

    def geo(self) -> gpd.GeoDataFrame:
        """Return the stacks as points."""
        import geopandas as gpd

        return gpd.GeoDataFrame(
            self.frame.copy(), geometry=shapely.points(self.frame["x"], self.frame["y"]), crs=self.crs
        )

    def summary(self) -> str:
        """Say in plain sentences how crowded addresses are, and what that means."""
        held = int(self.frame["n_firms"].sum())
        if self.frame.empty:
            return f"No address holds more than {part_of(self.per_address, self.n_firms, 'firm')}."
        crowded = (
            f"{part_of(len(self.frame), self.n_addresses, 'address', 'holds', 'hold')} more than "
            f"{plural(self.per_address, 'firm')}"
        )
        lines = [f"{crowded} each: {plural(held, 'firm')}, {held / self.n_firms:.1%} of all."]
        lines += [
            f"{row.stack}: {plural(row.n_firms, 'firm')} at {row.x:,.0f}, {row.y:,.0f}"
            + "".join(
                f"; {part.share_of_sector:.1%} of {part.sector} ({part.lq:.2f} times the overall share)"
                for part in self.by_sector[self.by_sector["stack"] == row.stack].itertuples(index=False)
                if part.n_firms
            )
            + "."
            for row in self.frame.head(_SHOWN).itertuples(index=False)
        ]
        lines.append(
            "An agent's address, a head office and one postcode for a business park all look like this: "
            "who really works there is not known."
        )
        return as_lines(lines)

    def __repr__(self) -> str:
        return f"<Stacks: {plural(len(self.frame), 'address')} with more than {plural(self.per_address, 'firm')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def stacks(
    firms: Firms | gpd.GeoDataFrame,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    per_address: int = PER_ADDRESS,
) -> Stacks:
    """List addresses that carry very many firms: formation agents, head offices, coarse places.

    Parameters
    ----------
    firms : Firms or geopandas.GeoDataFrame
        Located firms.
    sectors : Taxonomy, str, path or dict, optional
        Sectors whose share in each stack is wanted; a firm counts by its first code.
    per_address : int
        More firms than this at exactly one coordinate are a stack.

    Returns
    -------
    Stacks
        Largest first, then by place.

    Raises
    ------
    OptionError
        CM-STACK-001: `per_address` is no positive whole number.

    Notes
    -----
    ``tabulate`` and ``detect_clusters`` take ``stacks="cap"`` or ``"drop"`` with the same `per_address`, and report
    what changes. In Britain a register locates firms by postcode: everything at one postcode shares a coordinate.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> frame = gpd.GeoDataFrame(
    ...     {"firm_id": list("abcd"), "sic": ["24100"] * 4},
    ...     geometry=[Point(1, 1), Point(1, 1), Point(1, 1), Point(9, 9)], crs="EPSG:27700")
    >>> stacks(frame, per_address=2).frame[["stack", "n_firms"]].values.tolist()
    [['S1', 3]]
    """
    from clustermap.sources.firms import as_firms

    check_stacks("keep", per_address)
    given = as_firms(firms)
    address, sizes = _addresses(given)
    large = np.flatnonzero(sizes > per_address)
    at = shapely.get_coordinates(given.frame.geometry.to_numpy())
    first = np.full(len(sizes), len(given), dtype=np.int64)
    np.minimum.at(first, address, np.arange(len(given)))
    order = large[np.lexsort((at[first[large], 1], at[first[large], 0], -sizes[large]))]
    names = [f"S{k}" for k in range(1, len(order) + 1)]
    number = np.full(len(sizes), -1, dtype=np.int64)
    number[order] = np.arange(len(order))
    of_firm = number[address]
    inside = np.flatnonzero(of_firm >= 0)
    inside = inside[np.argsort(of_firm[inside], kind="stable")]
    office = (given.frame["location_kind"].astype(str) == "registered office").to_numpy(float)
    frame = pd.DataFrame(
        {
            "stack": np.array(names, dtype=object),
            "x": at[first[order], 0],
            "y": at[first[order], 1],
            "n_firms": sizes[order],
            "share": sizes[order] / max(len(given), 1),
            "registered": np.bincount(address, weights=office, minlength=len(sizes))[order] / sizes[order],
            "example": given.frame["firm_id"].to_numpy(dtype=object)[first[order]],
        },
        columns=list(STACK_COLUMNS),
    )
    return Stacks(
        frame=frame,
        by_sector=_by_sector(given, of_firm, names, sectors),
        members=pd.DataFrame(
            {
                "stack": np.array(names, dtype=object)[of_firm[inside]],
                "firm_id": given.frame["firm_id"].to_numpy(dtype=object)[inside],
            }
        ),
        per_address=int(per_address),
        n_firms=len(given),
        n_addresses=len(sizes),
        crs=given.crs,
    )


def check_stacks(rule: str, per_address: int) -> None:
    """Refuse a rule that does not exist, or a limit that is no number of firms.

    Raises
    ------
    OptionError
        CM-STACK-001, CM-STACK-002.
    """
    if rule not in get_args(StackRule):
        raise OptionError(
            "CM-STACK-002", f"stacks={rule!r}", fix=f"one of {', '.join(map(repr, get_args(StackRule)))}"
        )
    if isinstance(per_address, bool) or not isinstance(per_address, int | np.integer) or per_address < 1:
        raise OptionError(
            "CM-STACK-001",
            f"per_address={per_address!r} is no positive whole number",
            why="a stack is an address with more firms than this",
            fix=f"per_address={PER_ADDRESS}",
        )


def thinned(firms: Firms, rule: StackRule, per_address: int = PER_ADDRESS) -> Thinned:
    """Leave out the firms of stacks: all of them, or all but so many an address.

    The ones that stay are those with the smallest hash of their identity: neither sector nor size nor the order of
    rows has a part in the choice.

    Raises
    ------
    OptionError
        CM-STACK-001, CM-STACK-002.
    """
    check_stacks(rule, per_address)
    if rule == "keep":
        return Thinned(firms, "")
    address, sizes = _addresses(firms)
    many = sizes[address] > per_address
    kept = ~many
    if rule == "cap":
        kept |= many & (_rank(firms, address) < per_address)
    if kept.all():
        return Thinned(
            firms, f"No address holds more than {plural(per_address, 'firm')}: no stack was touched."
        )
    left = np.flatnonzero(~kept)
    done = "capped at" if rule == "cap" else "dropped, each with more than"
    told = (
        f"{plural((sizes > per_address).sum(), 'stack was', 'stacks were')} {done} "
        f"{plural(per_address, 'firm')}: "
        f"{part_of(len(left), len(firms), 'firm', 'is', 'are')} left out."
    )
    frame = firms.frame[kept].reset_index(drop=True)
    activities = firms.activities[firms.activities["firm_id"].isin(frame["firm_id"])].reset_index(drop=True)
    reasons = pd.Series(np.where(kept, "accepted", LEFT_OUT))
    ledger = Ledger.from_reasons(
        reasons,
        verdicts={LEFT_OUT: "set aside"},
        ids=firms.frame["firm_id"].to_numpy(dtype=object),
        notes=(*firms.ledger.notes, told),
    )
    return Thinned(replace(firms, frame=frame, activities=activities, ledger=ledger), told)


def _addresses(firms: Firms) -> tuple[Ints, Ints]:
    """Return the address of every firm, numbered by place, and how many firms each holds."""
    at = shapely.get_coordinates(firms.frame.geometry.to_numpy()) + 0.0  # −0 is 0
    if not len(at):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    order = np.lexsort((at[:, 1], at[:, 0]))
    new = np.r_[False, (np.diff(at[order], axis=0) != 0).any(axis=1)]
    address = np.empty(len(at), dtype=np.int64)
    address[order] = np.cumsum(new)
    return address, np.bincount(address)


def _rank(firms: Firms, address: Ints) -> Ints:
    """Rank the firms of each address by a hash of their identity."""
    hashed = pd.util.hash_array(firms.frame["firm_id"].to_numpy(dtype=object))
    order = np.lexsort((np.arange(len(address)), hashed, address))
    starts = np.flatnonzero(np.r_[True, np.diff(address[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    rank = np.empty(len(address), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    return rank


def _by_sector(
    firms: Firms,
    of_firm: Ints,
    names: list[str],
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None,
) -> pd.DataFrame:
    """Count every sector in every stack."""
    if sectors is None:
        return pd.DataFrame(columns=list(STACK_SECTOR_COLUMNS))
    taxonomy = taxonomies.load(sectors)
    weight = np.asarray(taxonomy.weights_for(firms.frame["sic"].astype(object)), dtype=float)
    inside = of_firm >= 0
    sizes = np.bincount(of_firm[inside], minlength=len(names))
    rows = []
    for s, sector in enumerate(taxonomy.names):
        held = np.bincount(of_firm[inside], weights=weight[inside, s], minlength=len(names))
        whole = weight[:, s].sum()
        for k, name in enumerate(names):
            share = held[k] / whole if whole else np.nan
            lq = held[k] / sizes[k] / (whole / len(firms)) if whole else np.nan
            rows.append((name, sector, held[k], held[k] / sizes[k], share, lq))
    frame = pd.DataFrame(rows, columns=list(STACK_SECTOR_COLUMNS))
    place = {name: k for k, name in enumerate(names)}
    return frame.sort_values(
        ["stack", "sector"], key=lambda c: c.map(place) if c.name == "stack" else c, ignore_index=True
    )
