"""Peak memory of every verb that takes a `SectorTable`, at half the areas and at all of them, each in a fresh process.

The peak is counted from the moment when the table (and, where the verb needs them, graph, polygons and authorities)
stands and the library is loaded, so it holds the result and what the verb makes on its way. The exponent is
that of the peak between both sizes: 1 is linear. Each verb runs with its defaults, but for draws (99 permutations and
resamples: draws add time, and blocks of draws do not grow with their number) and where a row says how many sectors.
``--quick`` runs a small economy once and writes nothing; ``--only NAME …`` prints single verbs at the full size.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from _record import record

if TYPE_CHECKING:
    from collections.abc import Callable

SEED, DRAWS, FEW = 20_261_127, 99, 20
FULL, QUICK = (35_000, 700, 3_000_000), (1_600, 60, 60_000)
LIMIT_MIB = 1_024  # for any one verb beyond the economy it works on
STEEPEST = (
    1.25  # the exponent that counts as linear: a base of some MiB lowers it, a step of a buffer raises it
)
CLUSTERED, DIGITS = 3, 5


class World:
    """An economy on a square of square areas, and what stands around it; each part is made when it is asked for."""

    def __init__(self, areas: int, sectors: int, firms: int) -> None:
        self.side, self.sectors, self.firms = math.isqrt(areas), sectors, firms

    def table_of(self, year: int) -> Any:
        """Throw firms at areas and sectors, log-normal areas, sectors from the common to the rare."""
        from scipy.sparse import coo_array

        import clustermap as cm

        rng, n = np.random.default_rng(SEED), self.side**2
        size, share = rng.lognormal(0, 1, n), rng.dirichlet(np.full(self.sectors, 0.3))
        thrown = np.random.default_rng(SEED + 1 + year)
        place = thrown.choice(n, self.firms, p=size / size.sum())
        kind = thrown.choice(self.sectors, self.firms, p=share)
        matrix = coo_array((np.ones(self.firms), (place, kind)), (n, self.sectors))
        return cm.SectorTable.from_matrix(matrix, (self.codes, self.names))

    @cached_property
    def codes(self) -> pd.Index:
        """Codes of the areas."""
        return pd.Index([f"A{i:05d}" for i in range(self.side**2)], name="code")

    @cached_property
    def names(self) -> pd.Index:
        """Sectors: the first codes of SIC 2007 with five digits."""
        from clustermap.sources.sic import valid_codes

        return pd.Index(sorted(code for code in valid_codes() if len(code) == DIGITS)[: self.sectors])

    @cached_property
    def table(self) -> Any:
        """The economy."""
        return self.table_of(0)

    @cached_property
    def later(self) -> Any:
        """The same economy thrown anew."""
        return self.table_of(1)

    @cached_property
    def common(self) -> list[str]:
        """The commonest sectors."""
        return self.table.sector_totals.nlargest(FEW).index.tolist()

    @cached_property
    def few(self) -> Any:
        """The table of the commonest sectors, with polygons."""
        from dataclasses import replace

        return replace(self.table.select(sorted(self.common)), areas=self.areas)

    @cached_property
    def areas(self) -> Any:
        """Squares of a kilometre."""
        import geopandas as gpd
        import shapely

        import clustermap as cm

        x, y = (1_000.0 * part.ravel() + 400_000 for part in np.divmod(np.arange(self.side**2), self.side))
        shapes = shapely.box(x, y, x + 1_000, y + 1_000)
        frame = gpd.GeoDataFrame({"code": self.codes, "name": self.codes}, geometry=shapes, crs=27700)
        return cm.read_boundaries(frame)

    @cached_property
    def graph(self) -> Any:
        """Who touches whom."""
        import clustermap as cm

        return cm.contiguity(self.areas)

    @cached_property
    def authority(self) -> pd.Series:
        """Authorities of about a hundred areas."""
        row, column = np.divmod(np.arange(self.side**2), self.side)
        return pd.Series(
            [f"L{i:03d}{j:03d}" for i, j in zip(row // 10, column // 10, strict=True)], self.codes
        )

    @cached_property
    def lookup(self) -> Any:
        """The authorities as a lookup."""
        from clustermap.tables.shares import as_authorities

        return as_authorities(self.authority)

    @cached_property
    def long(self) -> pd.DataFrame:
        """A published table: one row for each area and sector with firms."""
        cells = self.table.matrix.tocoo()
        return pd.DataFrame(
            {
                "area": self.codes.to_numpy()[cells.row],
                "sector": self.names.to_numpy()[cells.col],
                "n": cells.data,
            }
        )


def draws(**others: Any) -> dict[str, Any]:
    """Return the options of a test in few draws."""
    return {"permutations": DRAWS, "seed": SEED, **others}


def verbs() -> dict[str, tuple[str, Callable[[World], object], tuple[str, ...]]]:
    """Return name → sectors that it works on, the call, the parts of the world that stand before it."""
    import clustermap as cm

    few, one, every = f"{FEW} commonest", "commonest", "all"
    near = ("few", "graph")
    loose = draws(correction="none")
    return {
        "SectorTable.from_matrix": (every, lambda w: w.table_of(1), ()),
        "SectorTable.select": (every, lambda w: w.table.select(w.table.sectors[::2]), ("table",)),
        "SectorTable.aggregate": (every, lambda w: w.table.aggregate(w.lookup), ("table", "lookup")),
        "SectorTable.column": (every, lambda w: [w.table.column(s).sum() for s in w.common], ("table", "common")),
        "SectorTable.values": (every, lambda w: w.table.values, ("table",)),
        "SectorTable.status": (every, lambda w: w.table.status, ("table",)),
        "SectorTable.summary": (every, lambda w: w.table.summary(), ("table",)),
        "read_table": (
            every, lambda w: cm.read_table(w.long, area="area", sector="sector", value="n"), ("long",)
        ),
        "read_table, absent pairs are 0": (
            every, lambda w: cm.read_table(w.long, area="area", sector="sector", value="n", absent="zero"), ("long",)
        ),
        "location_quotient": (every, lambda w: cm.location_quotient(w.table), ("table",)),
        "location_quotient, hypergeometric": (
            every, lambda w: cm.location_quotient(w.table, law="hypergeometric"), ("table",)
        ),
        "quotient_variants": (few, lambda w: cm.quotient_variants(w.few), ("few",)),
        "quotient_bounds": (few, lambda w: cm.quotient_bounds(w.few, rounding=5), ("few",)),
        "across": (
            every,
            lambda w: cm.across(w.table, definitions={"a": w.common[:5], "b": w.common[:9], "c": w.common}),
            ("table", "common"),
        ),
        "sector_concentration": (
            every, lambda w: cm.sector_concentration(w.table, replicates=DRAWS, **loose), ("table",)
        ),
        "area_specialisation": (
            every, lambda w: cm.area_specialisation(w.table, replicates=DRAWS, **loose), ("table",)
        ),
        "cluster_index": (few, lambda w: cm.cluster_index(w.few, population=w.few.area_totals + 1), ("few",)),
        "proximity, hypergeometric": (
            every, lambda w: cm.proximity(w.table, null="hypergeometric"), ("table",)
        ),
        "proximity, degree-preserving": (few, lambda w: cm.proximity(w.few, **loose), ("few",)),
        "relatedness_density": (every, lambda w: cm.relatedness_density(w.table), ("table",)),
        "coagglomeration": (every, lambda w: cm.coagglomeration(w.table, **loose), ("table",)),
        "variety": (every, lambda w: cm.variety(w.table, replicates=DRAWS, seed=SEED), ("table",)),
        "complexity": (
            every,
            lambda w: cm.complexity(w.table, resample="none", disconnected="largest"),
            ("table",),
        ),
        "quotient_change": (few, lambda w: cm.quotient_change(w.few, w.later.select(w.few.sectors)), ("few", "later")),
        "shift_share": (few, lambda w: cm.shift_share(w.few, w.later.select(w.few.sectors)), ("few", "later")),
        "global_moran": (every, lambda w: cm.global_moran(w.table, w.graph, **draws()), ("table", "graph")),
        "global_geary": (few, lambda w: cm.global_geary(w.few, w.graph, **draws()), near),
        "global_getis_ord": (few, lambda w: cm.global_getis_ord(w.few, w.graph, **draws()), near),
        "global_bivariate_moran": (
            few, lambda w: cm.global_bivariate_moran(w.few, w.graph, x=w.few.sectors[0], **draws()), near
        ),
        "local_moran": (few, lambda w: cm.local_moran(w.few, w.graph, **loose), near),
        "getis_ord": (few, lambda w: cm.getis_ord(w.few, w.graph, **loose), near),
        "geary": (few, lambda w: cm.geary(w.few, w.graph, **loose), near),
        "losh": (few, lambda w: cm.losh(w.few, w.graph, **loose), near),
        "quantile_lisa": (few, lambda w: cm.quantile_lisa(w.few, w.graph, correction="none", seed=SEED), near),
        "bivariate_moran": (
            one,
            lambda w: cm.bivariate_moran(w.few, w.graph, x=w.few.sectors[0], y=w.few.sectors[1], **loose),
            near,
        ),
        "border_moran": (
            one,
            lambda w: cm.border_moran(w.few, w.graph, authorities=w.authority, sector=w.common[0], **draws()),
            (*near, "authority"),
        ),
        "detect_clusters": (
            one, lambda w: cm.detect_clusters(w.few, w.graph, sector=w.common[0], permutations=19, seed=SEED), near
        ),
        "line_test": (
            one,
            lambda w: cm.line_test(w.few.select(w.common[:1]), members=w.codes[:CLUSTERED].tolist(), seed=SEED),
            near,
        ),
    }  # fmt: skip


def kilobytes(name: str) -> int:
    """Read a figure of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def one(name: str, size: tuple[int, int, int]) -> dict[str, float]:
    """Run one verb in this process: seconds, the memory before it, and its peak beyond that, in MiB."""
    import clustermap

    world, (_, call, parts) = World(*size), verbs()[name]
    for part in parts:
        getattr(world, part)
    loaded = [getattr(clustermap, public) for public in clustermap.__all__]
    before = kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few draws are coarse: said, and not the question here
        kept = call(world)
    spent, peak = time.perf_counter() - start, kilobytes("VmHWM")
    figures = {"s": spent, "before_mib": before / 1_024, "peak_mib": (peak - before) / 1_024}
    del kept, loaded
    return {key: round(value, 2) for key, value in figures.items()}


def fresh(name: str, size: tuple[int, int, int]) -> dict[str, float]:
    """Run one verb in a fresh process."""
    command = [sys.executable, __file__, "--one", name, json.dumps(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(name: str, size: tuple[int, int, int]) -> dict[str, Any]:
    """Measure one verb at half the size and at the whole."""
    half, whole = (fresh(name, at) for at in ((size[0] // 2, size[1], size[2] // 2), size))
    power = math.log2(max(whole["peak_mib"], 0.1) / max(half["peak_mib"], 0.1))
    return {"sectors": verbs()[name][0], "half": half, "whole": whole, "exponent": round(power, 2)}


def main(arguments: list[str]) -> None:
    """Measure, record."""
    if "--one" in arguments:
        name, size = arguments[1:]
        print(json.dumps(one(name, tuple(json.loads(size)))))
        return
    quick = "--quick" in arguments
    chosen = arguments[1:] if arguments[:1] == ["--only"] else list(verbs())
    rows = {}
    for name in chosen:
        rows[name] = measured(name, QUICK if quick else FULL)
        print(f"{name}: {rows[name]['whole']}, exponent {rows[name]['exponent']}")
    if quick or chosen != list(verbs()):
        return
    record(
        "memory",
        {
            "areas": math.isqrt(FULL[0]) ** 2, "sectors": FULL[1], "firms": FULL[2], "draws": DRAWS,
            "limit_mib": LIMIT_MIB, "verbs": rows,
            "above_the_limit": sorted(n for n, row in rows.items() if row["whole"]["peak_mib"] > LIMIT_MIB),
            "steeper_than_linear": sorted(n for n, row in rows.items() if row["exponent"] > STEEPEST),
            "load_of_the_machine": [round(x, 2) for x in os.getloadavg()],
        },
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
