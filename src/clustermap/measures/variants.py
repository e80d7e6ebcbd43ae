"""The same quotient on other scales: symmetric, logarithmic, standardised over areas."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.errors import OptionError, as_lines, plural
from clustermap.measures.quotient import location_quotient
from clustermap.measures.quotients import Quotients
from clustermap.schema import VARIANT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clustermap.tables.table import SectorTable

__all__ = ["QuotientVariants", "quotient_variants"]

Floats = npt.NDArray[np.float64]
Scale = Literal["log", "raw"]
_FEWEST, _LARGEST = 3, 5_000  # Shapiro and Wilk's test is made for so many
_SAME = 1e-12
_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuotientVariants:
    """Location quotients on other scales.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per area and sector: ``area, sector, lq, lower, upper``, the same three ``symmetric`` and ``log``,
        ``z`` and ``z_log`` (standardised over the areas of the sector), ``label`` ("high", "low", "between",
        "undefined") and ``status``.
    normality : pandas.DataFrame
        By sector and scale: ``sector, scale, n, mean, sd, p_normal``.
    quotients : Quotients
        What was rescaled.
    scale, cutoff : str, float
        The scale that `label` is read on, and where it cuts.
    """

    frame: pd.DataFrame
    normality: pd.DataFrame
    quotients: Quotients
    scale: Scale
    cutoff: float

    def wide(self, column: str = "symmetric") -> pd.DataFrame:
        """Return one column as areas × sectors."""
        if column not in VARIANT_COLUMNS[2:]:
            raise OptionError(
                "CM-LQ-003",
                f"variants have no column {column!r}",
                fix=f"wide() with one of: {', '.join(VARIANT_COLUMNS[2:])}",
            )
        values = self.frame[column].to_numpy().reshape(-1, len(self.quotients.sectors))
        columns = pd.Index(self.quotients.sectors, name="sector")
        return pd.DataFrame(values, index=pd.Index(self.quotients.table.labels, name="area"), columns=columns)

    def summary(self) -> str:
        """Say in plain sentences what stands out, and what a cut-off does not say."""
        word = "logarithms of quotients" if self.scale == "log" else "quotients"
        first = (
            f"{word.capitalize()} standardised over the areas of each sector, cut at ±{self.cutoff:g}: were they "
            "normal, a fixed share of areas would lie beyond whatever the economy looks like. It is a ranking, not a "
            "test; p and q of the quotient are the test."
        )
        lines = [first]
        told = self.normality[self.normality["scale"] == self.scale].set_index("sector")
        for sector in self.quotients.sectors[:_TOLD]:
            part = self.frame[self.frame["sector"] == sector]
            counts, p = part["label"].value_counts(), told.loc[sector, "p_normal"]
            lines.append(
                f"{self.quotients.table.sector_labels.get(sector, sector)}: "
                f"{plural(counts.get('high', 0), 'area')} high, "
                f"{counts.get('low', 0)} low of {told.loc[sector, 'n']}; "
                + (f"normality p {p:.2g}." if np.isfinite(p) else "too few or constant.")
            )
        zeros = int((self.frame["lq"] == 0).sum())
        if zeros and self.scale == "log":
            lines.append(
                f"{plural(zeros, 'quotient is', 'quotients are')} 0, without a logarithm: in no "
                "mean, and without z."
            )
        return as_lines(lines)

    def __repr__(self) -> str:
        shape = f"{plural(len(self.quotients.table.labels), 'area')} × {plural(len(self.quotients.sectors), 'sector')}"
        return f"<QuotientVariants: {shape}, z of {self.scale}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.frame.to_html(max_rows=20, index=False)}"


def quotient_variants(
    data: SectorTable | pd.DataFrame | Quotients,
    *,
    sector: str | None = None,
    interval: float = 0.95,
    reference: Literal["nation", "rest"] | Sequence[str] = "nation",
    scale: Scale = "log",
    cutoff: float = 1.96,
) -> QuotientVariants:
    r"""Put location quotients on other scales, their intervals with them.

    The symmetric quotient :math:`(LQ - 1)/(LQ + 1)` lies between −1 and 1, the logarithm treats twice and half
    alike; both rise with LQ, so that the limits of an interval are rescaled as they are. The standardised quotient
    is its z-score over the areas of the sector (standard deviation with n − 1).

    Parameters
    ----------
    data : SectorTable, pandas.DataFrame or Quotients
        What to measure, or quotients measured already: then `interval` and `reference` are theirs.
    sector : str, optional
        One sector; all where absent.
    interval, reference
        As in `location_quotient`.
    scale : {"log", "raw"}
        The scale that `label` is read on: quotients are skewed, their logarithms less so.
    cutoff : float
        Where z is called high or low: 1.96, or 1.65 for one side.

    Returns
    -------
    QuotientVariants
        `z_log` is NaN for a quotient of 0 (status "no logarithm of 0"), z is NaN where fewer than three areas have
        a quotient or all are alike.

    Raises
    ------
    OptionError
        CM-LQ-005: `cutoff` is not positive, or an unknown scale. CM-SECTOR-001: unknown sector.

    References
    ----------
    Dalum, B., Laursen, K. and Villumsen, G. (1998), Structural change in OECD export specialisation patterns.
    International Review of Applied Economics 12.
    O'Donoghue, D. and Gleave, B. (2004), A note on methods for measuring industrial agglomeration.
    Regional Studies 38.

    Examples
    --------
    >>> counts = pd.DataFrame({"s": [30, 10, 20, 5], "rest": [70, 90, 80, 95]}, index=list("ABCD"))
    >>> quotient_variants(counts, sector="s").frame["symmetric"].round(2).to_list()
    [0.3, -0.24, 0.1, -0.53]
    """
    if not cutoff > 0 or scale not in get_args(Scale):
        raise OptionError(
            "CM-LQ-005", f"cutoff={cutoff}, scale={scale!r}", fix='cutoff=1.96, scale="log" or "raw"'
        )
    if not isinstance(data, Quotients):
        quotients = location_quotient(
            data, interval=interval, reference=reference, sector=sector, cells="all"
        )
    elif sector is None and data.cells == "all":
        quotients = data
    else:
        only = sector if sector is not None or len(data.sectors) > 1 else data.sectors[0]
        quotients = location_quotient(
            data.table, interval=data.interval, reference=data.reference, sector=only, law=data.law,
            correction=data.correction, cells="all",
        )  # fmt: skip
    frame = quotients.frame[["area", "sector", "lq", "lower", "upper"]].copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for suffix, column in (("", "lq"), ("_lower", "lower"), ("_upper", "upper")):
            lq = frame[column].to_numpy()
            frame[f"symmetric{suffix}"] = (lq - 1) / (lq + 1)
            frame[f"log{suffix}"] = np.where(lq > 0, np.log(np.where(lq > 0, lq, 1.0)), np.nan)
    frame["status"] = quotients.frame["status"]
    rows = [_add_z(frame, quotients.sectors, kind, chosen=kind == scale) for kind in get_args(Scale)]
    z = frame["z_log" if scale == "log" else "z"].to_numpy()
    frame["label"] = np.select(
        [np.isnan(z), z >= cutoff, z <= -cutoff], ["undefined", "high", "low"], "between"
    )
    normality = pd.concat(rows, ignore_index=True)[["sector", "scale", "n", "mean", "sd", "p_normal"]]
    return QuotientVariants(
        frame=frame[list(VARIANT_COLUMNS)],
        normality=normality,
        quotients=quotients,
        scale=scale,
        cutoff=cutoff,
    )


def _add_z(frame: pd.DataFrame, sectors: list[str], kind: Scale, *, chosen: bool) -> pd.DataFrame:
    """Put z of one scale into a frame of our own, with the reason where the scale chosen has none."""
    column = frame["log" if kind == "log" else "lq"].to_numpy()
    z, told, why = _standardised(column.reshape(-1, max(len(sectors), 1))[:, : len(sectors)], sectors)
    frame["z_log" if kind == "log" else "z"] = z.ravel()
    if chosen:
        odd = np.broadcast_to(why, z.shape).ravel()
        status = np.where((odd != "") & frame["lq"].notna(), odd, frame["status"].to_numpy(dtype=object))
        none = (frame["lq"] == 0) & (kind == "log")
        frame["status"] = np.where(none, "no logarithm of 0", status)
    return told.assign(scale=kind)


def _standardised(values: Floats, sectors: list[str]) -> tuple[Floats, pd.DataFrame, npt.NDArray[np.object_]]:
    """Return z by column, what it rests on, and why a column has none."""
    from scipy.stats import normaltest, shapiro

    out, rows, why = np.full(values.shape, np.nan), [], np.full(values.shape[1], "", dtype=object)
    for s, name in enumerate(sectors):
        known = np.isfinite(values[:, s])
        some = values[known, s]
        mean = float(some.mean()) if len(some) else np.nan
        sd, p = float(some.std(ddof=1)) if len(some) > 1 else np.nan, np.nan
        if len(some) < _FEWEST:
            why[s] = "too few areas"
        elif sd <= _SAME * max(abs(mean), _SAME):
            why[s] = "constant"
        else:
            out[known, s] = (some - mean) / sd
            p = float((shapiro if len(some) <= _LARGEST else normaltest)(some).pvalue)
        rows.append({"sector": name, "n": len(some), "mean": mean, "sd": sd, "p_normal": p})
    return out, pd.DataFrame(rows, columns=["sector", "n", "mean", "sd", "p_normal"]), why
