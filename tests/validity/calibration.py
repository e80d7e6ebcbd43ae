"""Run the table of checks and judge what comes out: rates against exact binomial limits, p against the uniform law."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import subjects
import worlds
from scipy.stats import binom, kstest

from clustermap.randomness import stream

HERE = Path(__file__).resolve().parent
TABLE: dict[str, Any] = tomllib.loads((HERE / "checks.toml").read_text(encoding="utf-8"))
LEVEL: float = TABLE["level"]
LEAST: float = 1 - TABLE["confidence"]


class Check(NamedTuple):
    """One row of the table: a statistic on maps of one world, asked for one kind of p."""

    statistic: str
    world: str
    p: str
    judge: str
    maps: int
    commit: bool

    @property
    def name(self) -> str:
        """Its name in the recorded figures and among the tests."""
        return f"{self.statistic}-{self.world}-{self.p}"


class Verdict(NamedTuple):
    """What was seen, and what is wrong with it; nothing is where `faults` is empty."""

    maps: int
    rejected: int
    ks_p: float
    pooled_rate: float
    faults: tuple[str, ...]


def checks() -> list[Check]:
    """Return all rows of the table."""
    return [
        Check(
            row["statistic"],
            world,
            p,
            row["judge"],
            TABLE[f"maps_{row.get('maps', 'commit')}"],
            row.get("commit", True),
        )
        for row in TABLE["check"]
        for world in row["worlds"]
        for p in row["p"]
    ]


def families() -> list[dict[str, Any]]:
    """Return the rows of the table of family errors; indices that are named are families of their own."""
    return [
        {
            "name": f"{row['statistic']}{index and '_'}{index}-{world}",
            "statistic": row["statistic"],
            "world": world,
            "index": index,
            "maps": row.get("maps", TABLE["family"]["maps_recorded"]),
            "commit": row.get("commit", True),
        }
        for row in TABLE["family"]["checks"]
        for world in row["worlds"]
        for index in row.get("indices", [""])
    ]


def limits(tries: int, level: float = LEVEL) -> tuple[int, int]:
    """Return the fewest and the most rejections of so many independent tries at this level: the central interval."""
    low, high = binom.interval(TABLE["confidence"], tries, level)
    return int(low), int(high)


def map_seed(*key: str | int) -> int:
    """Return the seed of one map's permutations."""
    digest = hashlib.sha256("|".join(map(str, (TABLE["seed"], *key))).encode()).digest()
    return int.from_bytes(digest[:6], "little")


def draw(statistic: str, world: str, number: int) -> worlds.World:
    """Draw one null map."""
    return worlds.NULL[world](stream(TABLE["seed"], statistic, world, number))


def p_values(statistic: str, world: str, p: str, maps: int) -> list[np.ndarray]:
    """Return the p of each map: one number, or one per area."""
    return [_p_of_map(statistic, world, p, m) for m in range(maps)]


@cache
def _p_of_map(statistic: str, world: str, p: str, number: int) -> np.ndarray:
    if p == "randomised":
        return randomised(
            _p_of_map(statistic, world, "greater", number),
            _p_of_map(statistic, world, "less", number),
            stream(TABLE["seed"], "ties", statistic, world, number),
        )
    return subjects.P[statistic](
        draw(statistic, world, number),
        draws=TABLE["draws"],
        alternative=p,
        seed=map_seed(statistic, world, number),
    )


def randomised(greater: np.ndarray, less: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the two-sided p with ties broken by a coin: exactly uniform where both tails hold the ties.

    With (1 + up)/(B + 1) and (1 + low)/(B + 1), up + low = B + ties, so that their sum less 1 is the probability
    of a tie, the observed map included.
    """
    above, tied = 1 - less, greater + less - 1
    one_sided = above + rng.random(greater.shape) * tied
    return np.minimum(1.0, 2 * np.minimum(one_sided, 1 - one_sided))


def one_a_map(rows: list[np.ndarray]) -> np.ndarray:
    """Take one number of each map, of another area each time, so that the tries are independent."""
    chosen = []
    for m, row in enumerate(rows):
        known = row[np.isfinite(row)]
        chosen.append(known[m % len(known)])
    return np.array(chosen)


def judge(rows: list[np.ndarray], kind: str) -> Verdict:
    """Say whether these p may come from a test that holds its level on maps without any pattern."""
    one = one_a_map(rows)
    together = np.concatenate(rows)
    together = together[np.isfinite(together)]
    rejected = int(_rejects(one).sum())
    pooled = float(_rejects(together).mean())
    fewest, most = limits(len(one))
    # on the conservative side only more small p than a uniform law gives count against a test
    ks_p = float(kstest(one, "uniform", alternative="two-sided" if kind == "exact" else "greater").pvalue)
    faults = []
    if rejected > most or pooled * len(one) > most:
        faults.append(
            f"too many rejections: {rejected} of {len(one)} (at most {most}), all areas {pooled:.1%}"
        )
    if kind == "exact" and (rejected < fewest or pooled * len(one) < fewest):
        faults.append(
            f"too few rejections: {rejected} of {len(one)} (at least {fewest}), all areas {pooled:.1%}"
        )
    if ks_p < LEAST:
        faults.append(f"p is not uniform: Kolmogorov–Smirnov p = {ks_p:.2g}")
    return Verdict(len(one), rejected, ks_p, pooled, tuple(faults))


def _rejects(p: np.ndarray) -> np.ndarray:
    return p <= LEVEL * (1 + 1e-9)  # 2·25/1000 is .05, but for the last digit


def wrong_maps(statistic: str, world: str, maps: int, index: str = "") -> int:
    """Count the null maps on which any area stands out after correction, by this index where there are several."""
    if index:
        return sum(index in _indices_found(statistic, world, m) for m in range(maps))
    return sum(
        len(
            subjects.FOUND[statistic](
                draw(f"{statistic} family", world, m), seed=map_seed(statistic, world, "family", m)
            )
        )
        > 0
        for m in range(maps)
    )


def maps_wrong_by_any(statistic: str, world: str, maps: int) -> int:
    """Count the null maps on which anything stands out by any index: what one sees who looks at all of them."""
    return sum(bool(_indices_found(statistic, world, m)) for m in range(maps))


@cache
def _indices_found(statistic: str, world: str, number: int) -> frozenset[str]:
    """Ask all indices of one map at once; each is judged by itself."""
    null_map = draw(f"{statistic} family by index", world, number)
    seed = map_seed(statistic, world, "family by index", number)
    return frozenset(subjects.FOUND_BY_INDEX[statistic](null_map, seed=seed))


def forget() -> None:
    """Forget what was computed."""
    _p_of_map.cache_clear()
    _indices_found.cache_clear()


def power(curve: dict[str, Any], maps: int) -> list[float]:
    """Return the share of rejections at each effect: of maps, of planted areas, or of maps with any finding."""
    out = []
    for effect in curve["effects"]:
        hits, tries = 0, 0
        for m in range(maps):
            rng = stream(TABLE["seed"], "power", curve["name"], str(effect), m)
            world = worlds.PATTERNED[curve["world"]](rng, effect)
            seed = map_seed("power", curve["name"], effect, m)
            found, of = _finding(curve, world, seed)
            hits, tries = hits + found, tries + of
        out.append(hits / tries)
    return out


def _finding(curve: dict[str, Any], world: worlds.World, seed: int) -> tuple[int, int]:
    if "measure" not in curve:
        draws = curve.get("draws", TABLE["draws"])
        p = subjects.P[curve["statistic"]](world, draws=draws, alternative="two-sided", seed=seed)
        return int(_rejects(p[0])), 1
    found = set(subjects.FOUND[curve["statistic"]](world, seed=seed))
    if curve["measure"] == "family":
        return int(bool(found)), 1
    return len(found & set(world.planted)), len(world.planted)
