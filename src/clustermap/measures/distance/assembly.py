"""From tested curves to a result: frames, indices of localisation and dispersion, correction for many sectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from clustermap.inference import adjust, check_resolution
from clustermap.measures.distance.results import DistanceCurve, DistanceCurves, label_of
from clustermap.schema import CURVE_COLUMNS, CURVE_TEST_COLUMNS

if TYPE_CHECKING:
    from clustermap.measures.distance.bands import Bands
    from clustermap.schema import Correction

__all__ = ["Tested", "no_answer", "result_of"]

Floats = npt.NDArray[np.float64]


class Tested(NamedTuple):
    """A curve held against chance."""

    name: str
    n: int
    bandwidth: float
    draws: int
    decided: str
    value: Floats
    bands: Bands | None
    status: str = "ok"


def no_answer(name: str, n: int, points: int, status: str) -> Tested:
    """Return a curve without an answer."""
    return Tested(name, n, np.nan, 0, "", np.full(points, np.nan), None, status)


def result_of(
    tested: list[Tested],
    points: Floats,
    *,
    many: bool,
    correction: Correction,
    alpha: float,
    shared: dict[str, Any],
) -> DistanceCurve | DistanceCurves:
    """Put tested curves together; q corrects for the number of those with an answer."""
    tests = pd.DataFrame([_row(t, points, alpha) for t in tested], columns=list(CURVE_TEST_COLUMNS))
    tests["q"] = adjust(tests["p"], correction if many else "none")
    family = int(tests["p"].notna().sum())
    if many and family > 1:
        fewest = min(t.draws for t in tested if t.status == "ok")
        check_resolution(fewest, family, alpha, correction)
    frames = [_frame(t, points) for t in tested]
    shared = {
        **shared,
        "alpha": alpha,
        "alternative": "two-sided",
        "correction": correction if many else "none",
        "family_size": family,
    }
    if not many:
        return DistanceCurve(sector=tested[0].name, frame=frames[0], tests=tests, **shared)
    long = pd.concat(
        [frame.assign(sector=t.name) for t, frame in zip(tested, frames, strict=True)], ignore_index=True
    )
    return DistanceCurves(frame=long[["sector", *CURVE_COLUMNS]], tests=tests, **shared)


def _outside(t: Tested) -> tuple[Floats, Floats]:
    """Return by distance how far the curve lies above and below the global bands; a localised one is not dispersed.

    Where M has no value (no firm has a neighbour that near) both are NaN.
    """
    if t.bands is None:
        return np.full_like(t.value, np.nan), np.full_like(t.value, np.nan)
    above = np.maximum(t.value - t.bands.global_upper, 0.0)
    below = np.maximum(t.bands.global_lower - t.value, 0.0)
    return above, below * 0.0 if (above > 0).any() else below


def _row(t: Tested, points: Floats, alpha: float) -> dict[str, Any]:
    above, below = _outside(t)
    up, low = (t.bands.p_above, t.bands.p_below) if t.bands is not None else (np.nan, np.nan)
    step = points[1] - points[0] if len(points) > 1 else 1.0
    return {
        "sector": t.name,
        "n": t.n,
        "bandwidth": t.bandwidth,
        "draws": t.draws,
        "decided": t.decided,
        "p_localised": up,
        "p_dispersed": low,
        "p": min(1.0, 2 * min(up, low)) if np.isfinite(up) else np.nan,
        "q": np.nan,
        "label": label_of(up, low, alpha),
        "localisation": np.nansum(above) * step if t.bands is not None else np.nan,
        "dispersion": np.nansum(below) * step if t.bands is not None else np.nan,
        "status": t.status,
    }


def _frame(t: Tested, points: Floats) -> pd.DataFrame:
    above, below = _outside(t)
    columns: dict[str, Floats] = {"distance": points, "value": t.value}
    for name in ("expected", "lower", "upper", "global_lower", "global_upper"):
        columns[name] = getattr(t.bands, name) if t.bands is not None else np.full_like(points, np.nan)
    return pd.DataFrame({**columns, "localisation": above, "dispersion": below})[list(CURVE_COLUMNS)]
