"""Row and value accounting: every row ends as accepted, repaired or set aside, with a reason."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clustermap.errors import MAX_EXAMPLES, ClusterMapError, as_lines, examples, part_of, plural
from clustermap.schema import LEDGER_COLUMNS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Ledger"]

_LARGEST = 1e290  # beyond it sums overflow: such values, and those missing, count as 0
_FAULT = "this is a fault of clustermap: please report it with the input's shape"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """What became of every row that came in.

    Attributes
    ----------
    frame : pandas.DataFrame
        One line per reason: ``reason, verdict, n, value, examples``.
    n_in : int
        Rows that came in; always ``accepted + repaired + set_aside``.
    value_in : float
        Sum of the value column that came in (the row count where there is none).
    notes : tuple of str
        What else a reader must know (encodings, conversions, fallbacks).
    """

    frame: pd.DataFrame
    n_in: int
    value_in: float
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts, values = self.frame["n"].to_numpy(), self.frame["value"].to_numpy(dtype=float)
        total, value = int(counts.sum()), math.fsum(values)
        slack = 1e-9 * (1.0 + math.fsum(np.abs(values)))  # rounding of each reason's sum
        unknown = set(self.frame["verdict"]) - set(VERDICTS)
        if total != self.n_in or not abs(value - self.value_in) <= slack or (counts < 0).any() or unknown:
            raise ClusterMapError(
                "CM-LEDGER-001",
                f"the ledger accounts for {part_of(total, self.n_in, 'row')} and {value} of {self.value_in} in value"
                + (f"; unknown verdicts: {', '.join(sorted(map(str, unknown)))}" if unknown else ""),
                why="a row that nobody accounts for is a silent loss",
                fix=_FAULT,
            )

    @classmethod
    def from_reasons(
        cls,
        reasons: pd.Series,
        *,
        verdicts: dict[str, str],
        values: pd.Series | None = None,
        ids: pd.Series | Sequence[object] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Ledger:
        """Build the ledger from one reason per row.

        Parameters
        ----------
        reasons : pandas.Series of str
            One reason per row; ``"accepted"`` for rows that needed nothing.
        verdicts : dict
            Reason to verdict ("accepted", "repaired", "set aside"); "accepted" is known.
        values : pandas.Series, optional
            The value of each row, in row order; missing and infinite values count as 0. One each where absent.
        ids : sequence, optional
            Identities for the examples; the row number where absent.
        notes : tuple of str
            Further remarks.

        Raises
        ------
        ClusterMapError
            CM-LEDGER-001 where the parts do not add up, CM-LEDGER-002 where a reason has no verdict or the
            columns differ in length.

        Examples
        --------
        >>> Ledger.from_reasons(pd.Series(["accepted", "outside"]), verdicts={"outside": "set aside"})
        <Ledger: 2 in = 1 accepted + 0 repaired + 1 set aside>
        """
        known = {"accepted": "accepted", **verdicts}
        codes, found = pd.factorize(reasons.astype(str))
        n_in = len(codes)
        value = np.ones(n_in) if values is None else np.asarray(values, dtype=float)
        value = np.where(np.abs(value) < _LARGEST, value, 0.0)
        identity = np.arange(n_in) if ids is None else np.asarray(ids, dtype=object)
        _check_parts(set(found) - set(known), {n_in, len(value), len(identity)})
        rows = []
        order = {verdict: i for i, verdict in enumerate(VERDICTS)}
        for reason in sorted(found, key=lambda r: (order.get(known[r], len(order)), r)):
            here = np.flatnonzero(codes == found.get_loc(reason))
            shown = "" if known[reason] == "accepted" else _shown(here, identity)
            rows.append((reason, known[reason], len(here), math.fsum(value[here]), shown))
        frame = pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))
        return cls(frame=frame, n_in=n_in, value_in=math.fsum(value), notes=notes)

    def _count(self, verdict: str) -> int:
        return int(self.frame.loc[self.frame["verdict"] == verdict, "n"].sum())

    @property
    def accepted(self) -> int:
        """Rows taken as they were."""
        return self._count("accepted")

    @property
    def repaired(self) -> int:
        """Rows taken after a repair that is named in the frame."""
        return self._count("repaired")

    @property
    def set_aside(self) -> int:
        """Rows left out, each with its reason."""
        return self._count("set aside")

    def n(self, reason: str) -> int:
        """Rows that ended with this reason (0 where the reason did not occur)."""
        return int(self.frame.loc[self.frame["reason"] == reason, "n"].sum())

    def summary(self) -> str:
        """Say in plain sentences what became of the rows."""
        lines = [
            (
                f"{plural(self.n_in, 'row')} came in: {self.accepted:,} accepted, {self.repaired:,} repaired, "
                f"{self.set_aside:,} set aside."
            )
        ]
        kept = self.frame[self.frame["verdict"] != "accepted"]
        lines += [
            f"{row.verdict}: {row.reason}, {plural(row.n, 'row')} (for example {row.examples})."
            for row in kept.itertuples()
        ]
        return as_lines([*lines, *self.notes])

    def to_dict(self) -> dict[str, object]:
        """Return plain values in a fixed order, for the manifest."""
        return {
            "n_in": self.n_in,
            "accepted": self.accepted,
            "repaired": self.repaired,
            "set_aside": self.set_aside,
            "value_in": self.value_in,
            "reasons": [
                {"reason": r.reason, "verdict": r.verdict, "n": int(str(r.n)), "value": float(str(r.value))}
                for r in self.frame.itertuples()
            ],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return (
            f"<Ledger: {self.n_in} in = {self.accepted} accepted + {self.repaired} repaired + "
            f"{self.set_aside} set aside>"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def _check_parts(unknown: set[str], lengths: set[int]) -> None:
    if unknown or len(lengths) > 1:
        raise ClusterMapError(
            "CM-LEDGER-002",
            f"reasons without a verdict: {', '.join(sorted(unknown)) or 'none'}; rows in each column: "
            f"{', '.join(map(str, sorted(lengths)))}",
            why="a row without a verdict cannot be accounted for",
            fix=_FAULT,
        )


def _shown(rows: np.ndarray, ids: np.ndarray) -> str:
    return examples((row, ids[row]) for row in rows[:MAX_EXAMPLES])
