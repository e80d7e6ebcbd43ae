"""Write down the published figures from which the synthetic firms are made.

Reads the open data (folder named by CLUSTERMAP_REAL_DATA, else ``../shared/data`` beside the checkout) and writes
``facts/``: enterprises of each English district of 2022, enterprises of each broad sector of England by size band,
and the national weight of each kind of activity. Run only when a source changes: the written facts are what the
project keeps.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts"
YEAR = 2021
MANUFACTURING = 3
DISTRICTS_IN_ENGLAND = 309
BANDS = ["micro_0_9", "small_10_49", "medium_50_249", "large_250_plus"]
# SIC 2007 divisions of the eighteen broad sectors of UK Business Counts.
DIVISIONS = {
    1: "01-03", 2: "05-09 35-39", 3: "10-33", 4: "41-43", 5: "45", 6: "46", 7: "47", 8: "49-53", 9: "55-56",
    10: "58-63", 11: "64-66", 12: "68", 13: "69-75", 14: "77-82", 15: "84", 16: "85", 17: "86-88", 18: "90-99",
}  # fmt: skip


def real_data() -> Path:
    """Return the folder of the published open data."""
    named = os.environ.get("CLUSTERMAP_REAL_DATA")
    return Path(named) if named else HERE.parents[1] / "shared" / "data"


def districts(counts: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Return all enterprises and manufacturing enterprises of each English district, by code."""
    local = counts[counts["geo"] == "LAD"]
    total = local.groupby("area")["total"].sum().rename("enterprises")
    made = local[local["industry_no"] == MANUFACTURING].set_index("area")["total"].rename("manufacturing")
    table = names.merge(pd.concat([total, made], axis="columns"), left_on="name", right_index=True)
    if len(table) != DISTRICTS_IN_ENGLAND:
        message = f"{len(table)} districts have counts, {DISTRICTS_IN_ENGLAND} expected"
        raise ValueError(message)
    return table[["code", "enterprises", "manufacturing"]].sort_values("code", ignore_index=True)


def sectors(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the enterprises of England in each broad sector, by size band."""
    england = counts[(counts["geo"] == "country") & (counts["area"] == "England")]
    table = england.rename(columns={"industry_no": "sector", "industry": "name", "total": "enterprises"})
    return table[["sector", "name", "enterprises", *BANDS]].sort_values("sector", ignore_index=True)


def sector_of_division() -> dict[str, int]:
    """Return the broad sector of each two-digit division."""
    found: dict[str, int] = {}
    for sector, spans in DIVISIONS.items():
        for span in spans.split():
            first, last = int(span[:2]), int(span[-2:])
            found |= {f"{division:02d}": sector for division in range(first, last + 1)}
    return found


def finest_codes(source: Path) -> pd.Series:
    """Return the first five-digit code without subdivisions in each four-digit class."""
    codes = pd.read_csv(source / "lookup_sic2007.csv", dtype=str)["SICCode"].sort_values()
    stems = [code.rstrip("0").ljust(2, "0") for code in codes]
    finest = [
        code
        for code, stem in zip(codes, stems, strict=True)
        if not any(other != code and other.startswith(stem) for other in codes)
    ]
    return pd.Series(finest).groupby(pd.Series(finest).str[:4]).first()


def activities(source: Path) -> pd.DataFrame:
    """Return one code for each manufacturing group and each other division, with its local units in the UK."""
    units = pd.read_csv(source / "idbr_nuts2_sic4_2018.csv.gz", dtype={"SIC4": str})
    units = units.assign(of=units["SIC4"].str.zfill(4)).groupby("of", as_index=False)["value"].sum()
    units["sector"] = units["of"].str[:2].map(sector_of_division())
    units["sic"] = units["of"].map(finest_codes(source))
    manufacturing = units["sector"] == MANUFACTURING
    units["prefix"] = units["of"].str[:3].where(manufacturing, units["of"].str[:2])
    # The commonest class speaks for its group or division: no more than that is needed, so no more is kept.
    usable = (
        units[units["value"] > 0].dropna(subset=["sic"]).sort_values(["value", "of"], ascending=[False, True])
    )
    table = usable.groupby("prefix").agg(sic=("sic", "first"), sector=("sector", "first"))
    table["local_units"] = units.groupby("prefix")["value"].sum()
    table = table.reset_index().sort_values("sic")
    return table[["sic", "prefix", "sector", "local_units"]]


def main() -> None:
    """Write the three fact tables."""
    source = real_data()
    counts = pd.read_csv(source / "ubc_enterprises_2018_2022.csv.gz")
    counts = counts[counts["year"] == YEAR]
    names = pd.read_csv(source / "lookup_lad22_lep21.csv", usecols=["LAD22CD", "LAD22NM"]).drop_duplicates()
    names = names.set_axis(["code", "name"], axis="columns")
    tables = {
        "districts": districts(counts, names),
        "sectors": sectors(counts),
        "activities": activities(source),
    }
    for name, table in tables.items():
        table.to_csv(FACTS / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")


if __name__ == "__main__":
    main()
