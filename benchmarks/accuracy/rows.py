"""The planted worlds, their seeds and their targets. Written down before any detector was run on them.

Tuning seeds may be looked at while a detector is made; test seeds give the recorded table and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEST_SEEDS = tuple(range(4_210_001, 4_210_041))
NULL_TEST_SEEDS = tuple(range(4_220_001, 4_220_201))
MORE_TEST_SEEDS = tuple(
    range(4_260_001, 4_260_401)
)  # the recommended detector once more, for a smaller error; those from 4_240_001 and 4_250_001 on judged earlier ones
MORE_ROUGH = 100  # of them on rough maps: two seconds each
TUNING_SEEDS = tuple(range(3_110_001, 3_110_041))
NULL_TUNING_SEEDS = tuple(range(3_120_001, 3_120_101))
DECOY_TUNING_SEEDS = tuple(range(3_130_001, 3_130_041))
DECOY_TEST_SEEDS = tuple(range(4_230_001, 4_230_041))
GROUND_TUNING_SEEDS = tuple(range(3_140_001, 3_140_041))
GROUND_TEST_SEEDS = tuple(range(4_240_001, 4_240_041))
REJECTED, RECALL = (
    0.95,
    0.9,
)  # of decoys, and of the links of a chain at twice the national share in the same runs


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of world, and what a detector should reach on it (recall and precision of crossing links)."""

    world: dict[str, Any]
    recall: float | None = None
    precision: float | None = None
    false_share: float | None = None  # largest share of worlds with any false link
    seeds: str = field(default="test")

    @property
    def null(self) -> bool:
        """Whether nothing is planted."""
        return self.world["planted"] == "none"


def _even(shape: str, n: int, size: int, risk: float, firms: int) -> dict[str, Any]:
    return {"planted": shape, "n_areas": n, "size": size, "relative_risk": risk, "sector_firms": firms}


def _rough(shape: str, sd: float, risk: float, firms: int) -> dict[str, Any]:
    return _even(shape, 320, 12, risk, firms) | {"roughness": sd}


ROWS = {
    "none of 40, 400": Row(world=_even("none", 40, 5, 1.0, 400), false_share=0.05),
    "none of 40, 2,000": Row(world=_even("none", 40, 5, 1.0, 2_000), false_share=0.05),
    "pair of 40, RR 2, 2,000": Row(world=_even("pair", 40, 2, 2.0, 2_000), recall=0.93, precision=0.97),
    "chain of 5 of 40, RR 2, 2,000": Row(
        world=_even("chain", 40, 5, 2.0, 2_000), recall=0.98, precision=0.98
    ),
    "blob of 5 of 40, RR 2, 2,000": Row(world=_even("blob", 40, 5, 2.0, 2_000), recall=0.96, precision=0.98),
    "chain of 5 of 40, RR 3, 400": Row(world=_even("chain", 40, 5, 3.0, 400), recall=0.93, precision=0.95),
    "chain of 5 of 40, RR 2, 400": Row(world=_even("chain", 40, 5, 2.0, 400), recall=0.48, precision=0.88),
    "chain of 12 of 320, RR 2, 5,000": Row(
        world=_even("chain", 320, 12, 2.0, 5_000), recall=0.82, precision=0.92
    ),
    "rough .15, none of 320, 20,000": Row(world=_rough("none", 0.15, 1.0, 20_000), false_share=0.06),
    "rough .25, none of 320, 20,000": Row(world=_rough("none", 0.25, 1.0, 20_000), false_share=0.06),
    "rough .40, none of 320, 100,000": Row(world=_rough("none", 0.40, 1.0, 100_000), false_share=0.06),
    "rough .25, chain of 12, RR 2, 20,000": Row(
        world=_rough("chain", 0.25, 2.0, 20_000), recall=0.85, precision=0.95
    ),
    "rough .25, blob of 12, RR 2, 20,000": Row(
        world=_rough("blob", 0.25, 2.0, 20_000), recall=0.72, precision=0.96
    ),
    "rough .25, chain of 12, RR 2, 100,000": Row(
        world=_rough("chain", 0.25, 2.0, 100_000), recall=0.97, precision=0.98
    ),
    "rough .40, chain of 12, RR 3, 100,000": Row(
        world=_rough("chain", 0.40, 3.0, 100_000), recall=0.98, precision=0.98
    ),
}


_CHAIN = _even("chain", 40, 5, 2.0, 2_000)
DECOYS = {
    "city of ten times the size": _CHAIN | {"decoys": ("city",)},
    "stack of 5,000 at one address": _CHAIN | {"decoys": ("stack",), "points": True},
    "one giant employer": _CHAIN | {"decoys": ("giant",), "points": True},
    "30 % registered at one office": _CHAIN | {"decoys": ("offices",), "points": True},
    "stack and office": _CHAIN | {"decoys": ("stack", "offices"), "points": True},
    "two chains, one area apart": _even("two chains", 80, 5, 2.0, 4_000),
    "suppressed neighbour": _CHAIN | {"decoys": ("missing",)},
    "island": _CHAIN | {"decoys": ("island",)},
    "boundary through the centre": _CHAIN | {"decoys": ("boundary",)},
}


def _ground(shape: str, length_m: float, risk: float) -> dict[str, Any]:
    return {"planted": shape, "length_m": length_m, "relative_risk": risk, "n_areas": 40, "points": True}


# 100,000 firms, 2,000 of the sector, on 100 km × 100 km: 0.2 of the sector on a km²
GROUNDS = {
    "none": {"planted": "none", "n_areas": 40, "points": True},
    "corridor of 5 km, RR 5": _ground("corridor", 5_000, 5.0),
    "corridor of 10 km, RR 5": _ground("corridor", 10_000, 5.0),
    "corridor of 20 km, RR 3": _ground("corridor", 20_000, 3.0),
    "corridor of 20 km, RR 5": _ground("corridor", 20_000, 5.0),
    "disc of 10 km, RR 3": _ground("disc", 10_000, 3.0),
    "disc of 20 km, RR 2": _ground("disc", 20_000, 2.0),
    "chain of 5 of 40, RR 3": _CHAIN | {"relative_risk": 3.0, "points": True},
}
