"""Plant chains on real maps: ``python benchmarks/accuracy/real_fields.py``.

The fields of ``table.py`` are drawn from a law that suits a smooth background. Here the background is that of real
industries: enterprises of 18 industries in 309 English districts, 2021 (Office for National Statistics via Nomis,
read from ``../shared/data`` or ``CLUSTERMAP_REAL_DATA``). As many firms as the industry has are drawn at its real
rates, and more in a chain of districts, up to twice or three times its rate. A link is true where it is planted, and
false where it is neither planted nor found on the same map without these: what real industries have of their own is
no error. Seeds were written down before the first run.

``--quick`` takes two industries and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scores import inner_links, summarise

sys.path.append(str(Path(__file__).resolve().parents[1] / "speed"))
from _record import record

WORKERS, DRAWS, SIZE, SEEDS = 2, 199, 12, tuple(range(4_270_001, 4_270_006))
DETECTORS = {
    "auto": {"background": "auto"},
    "even background": {"background": "homogeneous"},
    "minimum effect": {"minimum_lq": 1.25},
}
RISKS = (2.0, 3.0)
DATA = Path(os.environ.get("CLUSTERMAP_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@cache
def economy() -> tuple[Any, Any]:
    """Return enterprises by district and industry, and which districts touch."""
    import clustermap as cm

    areas = cm.read_boundaries(DATA / "lad_2022_uk.geojson", keep="E")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cm.ClusterMapWarning)  # two islands, and one name that differs
        table = cm.read_table(
            DATA / "ubc_enterprises_2018_2022.csv.gz", areas=areas, area="area", sector="industry", value="total",
            measure="firms", match="name", where={"year": 2021, "geo": "LAD"},
        )  # fmt: skip
        return table, cm.contiguity(areas)


def industries() -> list[str]:
    """Return the industries by name."""
    return sorted(economy()[0].values.columns)


def found_on(counts: Any, options: dict[str, Any], seed: int) -> list[frozenset[str]]:
    """Detect on one map."""
    import clustermap as cm

    table, graph = economy()
    values = counts.to_frame("industry")
    totals = table.area_totals.reindex(counts.index).clip(lower=counts)
    own = cm.SectorTable.from_values(values, area_totals=totals, areas=table.areas)
    found = cm.detect_clusters(own, graph, sector="industry", permutations=DRAWS, seed=seed, **options)
    return [frozenset(codes) for _, codes in found.members.groupby("cluster")["area"]]


def run(job: tuple[str, int]) -> dict[float, dict[str, dict[str, float]]]:
    """Plant one chain on one industry's map, and score every detector at every risk."""
    from clustermap.testing.shapes import plant

    industry, seed = job
    table, graph = economy()
    counts = table.values[industry].fillna(0.0)
    rng = np.random.default_rng([seed, industries().index(industry)])
    chain = frozenset(plant(graph, list(counts.index), "chain", SIZE, rng))
    bare = counts * 0 + rng.poisson(counts)
    truth, out = inner_links(graph, [chain]), {risk: {} for risk in RISKS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = {name: inner_links(graph, found_on(bare, own, seed)) for name, own in DETECTORS.items()}
        for risk in RISKS:
            # firms on top of the same ones: a draw at other rates would be another map everywhere
            more = bare + rng.poisson(counts * (risk - 1.0)) * counts.index.isin(chain)
            for name, options in DETECTORS.items():
                new = inner_links(graph, found_on(more, options, seed)) - (before[name] - truth)
                out[risk][name] = {
                    "hit": len(new & truth), "found": len(new), "planted": len(truth),
                    "false": float(len(new - truth) > 0), "ari": 0.0, "jaccard": 0.0,
                }  # fmt: skip
    return out


def main() -> None:
    """Read the command line, run, record."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--workers", type=int, default=WORKERS)
    asked = reader.parse_args()
    if not (DATA / "ubc_enterprises_2018_2022.csv.gz").is_file():
        raise SystemExit(f"the enterprises by district are not in {DATA.name}: set CLUSTERMAP_REAL_DATA")
    chosen = industries()[: 2 if asked.quick else None]
    out: dict[str, Any] = {}
    with ProcessPoolExecutor(asked.workers) as pool:
        jobs = [(industry, seed) for industry in chosen for seed in SEEDS[: 1 if asked.quick else None]]
        runs = list(pool.map(run, jobs, chunksize=2))
    for risk in RISKS:
        for name in DETECTORS:
            figures = summarise([r[risk][name] for r in runs])
            kept = {k: v for k, v in figures.items() if k not in {"ari", "jaccard"}}
            out.setdefault(f"chain of {SIZE}, RR {risk:g}", {})[name] = kept
            print(f"RR {risk:g} {name:16s} {kept}", flush=True)
    if not asked.quick:
        record("real_fields", {"rows": out, "industries": len(chosen), "seeds": [SEEDS[0], SEEDS[-1]]})


if __name__ == "__main__":
    main()
