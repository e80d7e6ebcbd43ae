"""Employment comes in plants: intervals of the quotient that know how few of them there are."""

from __future__ import annotations

import html
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.compiled import workers
from clustermap.errors import InputError, OptionError, as_lines, examples, part_of, plural
from clustermap.inference import adjust, is_level
from clustermap.measures.binomial import beta_limits, two_sided_p
from clustermap.randomness import resolve_seed, stream
from clustermap.schema import LUMPY_COLUMNS
from clustermap.tables.checks import same_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from clustermap.schema import Correction
    from clustermap.sources.sectors import Taxonomy
    from clustermap.sources.values import Areas, Firms

__all__ = ["LumpyQuotients", "bootstrap_quotient"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_BLOCK = 2_000_000  # plants drawn at once
_FEWEST_DRAWS = 99
_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LumpyQuotients:
    """Location quotients of employment, with intervals that rest on plants.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector: ``area, sector, value, expected, lq, plants`` (plants of the cell), ``lower,
        upper, p, q`` (from the effective number of plants), ``boot_lower, boot_upper`` (from the bootstrap of
        plants; NaN where the cell has few) and ``status``.
    sectors : pandas.DataFrame
        By sector: ``value, plants, herfindahl, n_eff``.
    interval, correction, replicates, minimum_plants, seed, family_size
        As asked, and what was used.
    """

    frame: pd.DataFrame
    sectors: pd.DataFrame
    interval: float
    correction: Correction
    replicates: int
    minimum_plants: int
    seed: int
    family_size: int
    method: str = "exact binomial at the effective number of plants 1/H; percentile bootstrap of plants"
    null: str = "each plant of the sector lies in an area with the area's share of all employment"
    alternative: str = "two-sided"

    def summary(self) -> str:
        """Say in plain sentences what stands out and what the intervals rest on."""
        level, measured = 1 - self.interval, "p" if self.correction == "none" else "q"
        first = (
            f"Location quotients of employment; {self.interval:.0%} intervals and two-sided p at the effective number "
            f"of plants, q by {self.correction} over {plural(self.family_size, 'test')}; bootstrap of plants "
            f"({self.replicates:,} replicates, seed {self.seed}) in cells of at least "
            f"{plural(self.minimum_plants, 'plant')}."
        )
        lines = [first]
        for name, s in self.sectors.head(_TOLD).iterrows():
            part = self.frame[(self.frame["sector"] == name) & (self.frame[measured] < level)]
            lines.append(
                f"{name}: {s.value:,.0f} jobs in {plural(round(s.plants), 'plant')} count like "
                f"{s.n_eff:,.1f} equal ones; "
                f"{plural((part['lq'] > 1).sum(), 'area')} above 1 and {(part['lq'] < 1).sum()} below beyond chance."
            )
        counts = self.frame["status"].value_counts()
        lines += [f"{plural(n, 'cell')}: {status}." for status, n in counts.items() if status != "ok"]
        lines.append(
            "The shares of areas in all employment are taken as known, and plants as placed independently: owners "
            "with several plants make the intervals too narrow."
        )
        return as_lines(lines)

    def __repr__(self) -> str:
        return (
            f"<LumpyQuotients: {plural(self.frame['area'].nunique(), 'area')} × "
            f"{plural(len(self.sectors), 'sector')}>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def bootstrap_quotient(
    plants: pd.DataFrame | Firms | gpd.GeoDataFrame,
    areas: Areas | gpd.GeoDataFrame | None = None,
    *,
    sectors: Taxonomy | str | Path | Mapping[str, Sequence[str]] | None = None,
    area: str = "area",
    sector: str = "sector",
    value: str = "value",
    area_totals: pd.Series | None = None,
    interval: float = 0.95,
    correction: Correction = "fdr_bh",
    replicates: int = 999,
    minimum_plants: int = 10,
    seed: int | None = None,
) -> LumpyQuotients:
    r"""Measure quotients of employment with intervals that know how few plants there are.

    With shares :math:`h_j` of the plants in the sector's employment and :math:`H = \sum h_j^2`, the share of an
    area that holds the fraction w of all employment has the variance :math:`H\,w(1-w)` under no effect (Ellison
    and Glaeser 1997), as if :math:`1/H` equal plants had been placed. The interval is Clopper–Pearson's at this
    number, divided by w. Where a cell has many plants, a bootstrap of the sector's plants is given beside it; with
    one or two it would only repeat them.

    Parameters
    ----------
    plants : pandas.DataFrame, Firms or GeoDataFrame
        One row per plant with its area, sector and employment; or located firms, with `areas` and `sectors`.
    areas : Areas or geopandas.GeoDataFrame, optional
        The areas of located firms; a firm in several lies in the one with the lowest code.
    sectors : Taxonomy, str, path or dict, optional
        As in `tabulate`, for located firms.
    area, sector, value : str
        Columns of a frame of plants; `value` also of located firms.
    area_totals : pandas.Series, optional
        All employment by area; the sum of the plants where absent.
    interval : float
        Coverage.
    correction : {"fdr_bh", "bonferroni", "none"}
        How q corrects for areas × sectors.
    replicates : int
        Bootstrap replicates, at least 99.
    minimum_plants : int
        Plants that a cell needs for a bootstrap, at least 3.
    seed : int, optional
        Drawn and recorded where absent.

    Returns
    -------
    LumpyQuotients
        Status "few plants in the cell" where there is no bootstrap, "no plants in the cell", "no employment in
        area", "no employment in sector".

    Raises
    ------
    OptionError
        CM-LUMPY-001: an option out of range. CM-LUMPY-002: a missing column, or firms without areas or sectors.
    InputError
        CM-LUMPY-003: employment that is missing, negative or infinite. CM-LUMPY-004: no employment at all.
    AlignmentError
        CM-ALIGN-001: `area_totals` of other areas.

    References
    ----------
    Ellison, G. and Glaeser, E. L. (1997), Geographic concentration in U.S. manufacturing industries. Journal of
    Political Economy 105.
    Efron, B. and Tibshirani, R. J. (1993), An Introduction to the Bootstrap.

    Examples
    --------
    >>> plants = pd.DataFrame({"area": list("AAAB"), "sector": ["s", "s", "t", "t"], "value": [90, 10, 50, 150]})
    >>> result = bootstrap_quotient(plants, seed=1)
    >>> round(float(result.sectors.loc["s", "n_eff"]), 2), float(result.frame["lq"].iloc[0])
    (1.22, 2.0)
    """
    if not is_level(interval) or replicates < _FEWEST_DRAWS or minimum_plants < 3:  # noqa: PLR2004 - two only repeat
        raise OptionError(
            "CM-LUMPY-001",
            f"interval={interval}, replicates={replicates}, minimum_plants={minimum_plants}",
            why="a bootstrap of one or two plants only repeats them, and few replicates have no tails",
            fix="interval=0.95, replicates=999, minimum_plants=10",
        )
    adjust([], correction)
    frame, labels = _plants(plants, areas, sectors, (area, sector, value))
    _check(frame)
    frame = frame.sort_values(
        ["area", "sector", "value"], kind="stable"
    )  # sums and draws in any order of rows
    sums = frame.groupby("area")["value"].sum()
    labels = sums.index if labels is None else labels
    totals = sums.reindex(labels, fill_value=0.0) if area_totals is None else area_totals
    totals = same_labels(totals, labels, "area_totals") if area_totals is not None else totals
    names = pd.Index(sorted(frame["sector"].dropna().unique()), name="sector")
    seed = resolve_seed(seed)
    work = [
        _one(frame[frame["sector"] == name], totals, str(name), interval, replicates, minimum_plants, seed)
        for name in names
    ]
    out = pd.concat([cells for cells, _ in work]) if work else pd.DataFrame(columns=list(LUMPY_COLUMNS))
    out["q"] = adjust(out["p"], correction)
    out = out.sort_values(["area", "sector"], kind="stable", ignore_index=True)
    return LumpyQuotients(
        frame=out[list(LUMPY_COLUMNS)],
        sectors=pd.DataFrame([told for _, told in work], index=names),
        interval=interval,
        correction=correction,
        replicates=replicates,
        minimum_plants=minimum_plants,
        seed=seed,
        family_size=int(out["p"].notna().sum()),
    )


def _plants(data: Any, areas: Any, sectors: Any, columns: tuple[str, str, str]) -> tuple[pd.DataFrame, Any]:
    """Return one row per plant: area, sector (missing outside all), employment; and the areas, where given."""
    plain = isinstance(data, pd.DataFrame) and "geometry" not in data.columns
    absent = [column for column in columns if plain and column not in data.columns]
    fits = (areas is None and sectors is None) if plain else (areas is not None and sectors is not None)
    if absent or not fits:
        raise OptionError(
            "CM-LUMPY-002",
            f"{plural(len(absent), 'column is', 'columns are')} absent: {absent}"
            if absent
            else "located firms need areas and sectors, plants neither",
            fix='bootstrap_quotient(plants, area="region", sector="industry", value="jobs"), or '
            'bootstrap_quotient(firms, areas, sectors="hvm", value="employees")',
        )
    if plain:
        frame = data[list(columns)].set_axis(["area", "sector", "value"], axis=1)
        return frame.astype({"value": float}), None
    return _located(data, areas, sectors, columns[2])


def _located(data: Any, areas: Any, sectors: Any, value: str) -> tuple[pd.DataFrame, pd.Index]:
    from clustermap.sources import sectors as taxonomies
    from clustermap.tables.membership import given, place
    from clustermap.tables.tabulation import belonging, counted_weights

    firms, polygons = given(data, areas)
    weight, _ = counted_weights(firms, value)
    placement = place(firms, polygons, overlap="primary")
    taxonomy = taxonomies.load(sectors)
    parts = belonging(firms, taxonomy, "first")[placement.firm].tocoo()
    labels, names = polygons.frame.index, np.asarray(taxonomy.names, dtype=object)
    all_of = weight[placement.firm]
    inside = np.asarray(parts.data * all_of[parts.row])
    known = pd.DataFrame(
        {"area": labels.take(placement.area[parts.row]), "sector": names[parts.col], "value": inside}
    )
    outside = all_of - np.bincount(parts.row, weights=inside, minlength=len(all_of))
    others = pd.DataFrame(
        {"area": labels.take(placement.area), "sector": None, "value": np.maximum(outside, 0)}
    )
    return pd.concat((known, others), ignore_index=True), labels


def _check(frame: pd.DataFrame) -> None:
    bad = np.flatnonzero(~(frame["value"] >= 0) | np.isinf(frame["value"]) | frame["area"].isna())
    if len(bad):
        raise InputError(
            "CM-LUMPY-003",
            f"{part_of(len(bad), len(frame), 'plant', 'has', 'have')} no area, or employment that is "
            "missing, negative or infinite: " + examples((int(r), frame["area"].iloc[r]) for r in bad),
            why="one such plant spoils the shares of all others",
            fix="plants[plants['value'].between(0, 1e9)]",
        )
    if not frame["value"].sum() > 0:
        raise InputError(
            "CM-LUMPY-004",
            f"{plural(len(frame), 'plant employs', 'plants employ')} nobody",
            fix='value="employees"',
        )


def _one(  # noqa: PLR0917 - private, one use with names beside it
    plants: pd.DataFrame,
    totals: pd.Series,
    name: str,
    interval: float,
    replicates: int,
    fewest: int,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Measure one sector in all areas."""
    plants = plants[plants["value"] > 0]
    h, n = plants["value"].to_numpy(float), len(totals)
    where = totals.index.get_indexer(plants["area"]).astype(np.int64)
    value, count = np.bincount(where, weights=h, minlength=n), np.bincount(where, minlength=n)
    total, everything = float(h.sum()), float(totals.sum())
    weight = totals.to_numpy(float) / everything
    herfindahl = float((h**2).sum()) / total**2 if total > 0 else np.nan
    n_eff = 1 / herfindahl if total > 0 else np.nan
    known = (weight > 0) & (total > 0)
    out = {
        c: np.full(n, np.nan) for c in ("expected", "lq", "lower", "upper", "p", "boot_lower", "boot_upper")
    }
    w = weight[known]
    if len(w):
        share, trials = value[known] / total, np.full(len(w), n_eff)
        low, high = beta_limits(np.minimum(share * n_eff, n_eff), trials, interval)
        out["expected"][known], out["lq"][known] = total * w, share / w
        out["lower"][known], out["upper"][known] = low / w, high / w
        out["p"][known] = two_sided_p(np.minimum(share * n_eff, n_eff), trials, np.minimum(w, 1.0))
    many = np.flatnonzero(known & (count >= fewest))
    if len(many):
        edges = _bootstrap(h, where, many, interval=interval, replicates=replicates, key=(seed, name))
        out["boot_lower"][many], out["boot_upper"][many] = edges / weight[many]
    status = np.where(
        count == 0, "no plants in the cell", np.where(count < fewest, "few plants in the cell", "ok")
    )
    status = np.where(weight > 0, status, "no employment in area")
    status = np.where(total > 0, status, "no employment in sector")
    cells = pd.DataFrame({"area": totals.index, "sector": name, "value": value, "plants": count, **out})
    return cells.assign(status=status), {
        "value": total, "plants": float(len(h)), "herfindahl": herfindahl, "n_eff": n_eff,
    }  # fmt: skip


def _bootstrap(
    h: Floats, where: Ints, cells: Ints, *, interval: float, replicates: int, key: tuple[int, str]
) -> Floats:
    """Draw the sector's plants again and again, and return the limits of the share of each cell."""
    place = np.full(int(where.max()) + 1, len(cells), dtype=np.int64)
    place[cells] = np.arange(len(cells))
    at, width = place[where], len(cells) + 1
    rows = max(1, _BLOCK // len(h))

    def block(start: int) -> Floats:
        rng, size = stream(key[0], "bootstrap-quotient", key[1], start), min(rows, replicates - start)
        drawn = rng.integers(0, len(h), (size, len(h)))
        slot = at[drawn] + width * np.arange(size)[:, None]
        sums = np.bincount(slot.ravel(), weights=h[drawn].ravel(), minlength=size * width).reshape(
            size, width
        )
        return np.asarray(sums[:, :-1] / sums.sum(axis=1, keepdims=True))

    with ThreadPoolExecutor(workers()) as pool:
        shares = np.concatenate(list(pool.map(block, range(0, replicates, rows))))
    edges: Floats = np.quantile(shares, [(1 - interval) / 2, (1 + interval) / 2], axis=0)
    return edges
