"""Run every study of this folder on the real data and write down what came out: ``python tests/real/record.py``.

``--beside`` writes down again only what is no study: the comparison with published outlines, and the cluster tree.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def figures(result) -> dict[str, object]:
    """Take the figures that are written down, rounded as they are quoted."""
    frame, line, named = result.clusters.frame, result.line, result.named_line
    best = frame.iloc[0]["cluster"] if len(frame) else None
    shares = result.crossing.frame[result.crossing.frame["cluster"] == best]
    shares = shares.sort_values(["share", "authority"], ascending=[False, True])
    out: dict[str, object] = {
        "sentences": result.sentences(),
        "n_clusters": len(frame),
        "n_firms": float(result.table.sector_totals[result.sector]),
        "strongest_areas": int(frame.iloc[0]["n_areas"]) if len(frame) else 0,
        "strongest_authorities": list(shares["name"]),
        "named_status": named.status,
        "named_gap_km": round(float(named.gap_km), 1) if named.status == "disconnected" else 0.0,
    }
    if len(frame):
        out |= {
            "p": round(float(frame.iloc[0]["p"]), 4),
            "relative_risk": round(float(frame.iloc[0]["relative_risk"]), 3),
        }
        out |= {"line_status": line.status, "elongation": round(float(line.elongation), 3)}
        out |= {} if line.p != line.p else {"line_p": round(float(line.p), 4)}  # NaN is no TOML
    if named.status != "disconnected":
        out |= {"named_p": round(float(named.p), 4)}
    ranking = result.ranking()
    mine = ranking[ranking["named"] == "yes"]
    out["ranks"] = [f"{row.name_}: {row.rank}" for row in mine.rename(columns={"name": "name_"}).itertuples()]
    out["first_by_lq"] = list(ranking["name"][:5])
    return out


def as_toml(name: str, content: dict[str, object]) -> str:
    """Render one study's figures; JSON scalars and lists are TOML too."""
    import json

    return f"[{name}]\n" + "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in content.items())


def beside() -> str:
    """Render what is no study, section by section."""
    sys.path.insert(0, str(HERE))
    import enterprises
    import outlines

    data = Path(os.environ.get("CLUSTERMAP_REAL_DATA", HERE / "../../../shared/data"))
    parts = [as_toml(f"outlines.{name}", found) for name, found in outlines.figures(data).items()]
    return "\n".join([*parts, as_toml("tree", enterprises.figures(data))])


def main() -> int:
    """Record all of them."""
    from clustermap.study import Study, run_study

    recorded = HERE / "recorded.toml"
    if "--beside" in sys.argv:
        studies = recorded.read_text(encoding="utf-8").split("\n[outlines.", maxsplit=1)[0]
        recorded.write_text(f"{studies}\n{beside()}", encoding="utf-8")
        return 0
    parts = [
        "# What the studies of this folder gave; written by record.py, checked by the tests beside it.\n"
    ]
    for file in sorted(HERE.glob("*.toml")):
        if file.stem == "recorded":
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = run_study(Study.from_toml(file), Path(folder) / "out")
        parts.append(as_toml(file.stem, figures(result)))
    recorded.write_text("\n".join([*parts, beside()]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
