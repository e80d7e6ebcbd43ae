"""Hold each room to its floor of branch coverage: ``python tests/coverage_floors.py coverage.json``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

CORE = {"tables", "measures", "weights", "autocorrelation", "detection", "borders"}
CORE_FLOOR, FLOOR = 95.0, 85.0


def main(report: str) -> int:
    files = json.loads(Path(report).read_text())["files"]
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, data in files.items():
        room = name.split("clustermap/")[1].split("/")[0].removesuffix(".py")
        total = data["summary"]
        sums[room][0] += total["covered_lines"] + total["covered_branches"]
        sums[room][1] += total["num_statements"] + total["num_branches"]
    failed = 0
    for room, (covered, all_) in sorted(sums.items()):
        share = 100 * covered / all_ if all_ else 100.0
        floor = CORE_FLOOR if room in CORE else FLOOR
        failed += share < floor
        print(f"{room:18s} {share:6.1f} %  (floor {floor:.0f} %){'  BELOW' if share < floor else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
