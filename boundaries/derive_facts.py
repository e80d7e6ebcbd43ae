"""Write down the district and authority facts from the published lookups.

Reads the open lookups (folder named by CLUSTERMAP_REAL_DATA, else ``../shared/data`` beside the checkout) and the
hand-written ``facts/lep_2017_changes.csv``; writes ``facts/districts.csv`` and ``facts/authorities.csv``.
Run only when a lookup changes: the written facts are what the project keeps.
"""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import pandas as pd

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts"
BRITISH_GRID = 27700
DISTRICTS_IN_ENGLAND = 309


def real_data() -> Path:
    """Return the folder of the published open data."""
    named = os.environ.get("CLUSTERMAP_REAL_DATA")
    return Path(named) if named else HERE.parents[1] / "shared" / "data"


def districts(source: Path) -> pd.DataFrame:
    """Return code, name and region of every English district of 2022."""
    lad = gpd.read_file(source / "lad_2022_uk.geojson").to_crs(BRITISH_GRID)
    region = gpd.read_file(source / "rgn_2022_uk.geojson").to_crs(BRITISH_GRID)
    lad = lad[lad["LAD22CD"].str.startswith("E")].sort_values("LAD22CD").reset_index(drop=True)
    # A point surely inside decides the region: both layers come from one topology, so no district straddles two.
    inside = lad.set_geometry(lad.representative_point())
    joined = gpd.sjoin(inside, region[["RGN22CD", "geometry"]], predicate="within")
    out = joined[["LAD22CD", "LAD22NM", "RGN22CD"]].set_axis(["code", "name", "region_2022"], axis="columns")
    if len(out) != DISTRICTS_IN_ENGLAND:
        message = f"{len(out)} districts have a region, {DISTRICTS_IN_ENGLAND} expected"
        raise ValueError(message)
    return out.reset_index(drop=True)


def combined_authorities(source: Path) -> dict[str, str]:
    """Return the combined authority of each district that has one (December 2021, the ten of 2022)."""
    lookup = pd.read_csv(source / "lookup_lad21_cauth21.csv")
    return dict(zip(lookup["LAD21CD"], lookup["CAUTH21CD"], strict=True))


def memberships_2021(source: Path) -> dict[str, list[str]]:
    """Return the LEPs of 2021 of each district, one or two."""
    lookup = pd.read_csv(source / "lookup_lad22_lep21.csv")
    return {str(k): sorted(v) for k, v in lookup.groupby("LAD22CD")["LEP21CD"]}


def memberships_2020(source: Path) -> dict[str, list[str]]:
    """Return the LEP names of 2020 of each district of 2022: the base from which 2017 is reconstructed."""
    lookup = pd.read_csv(source / "lookup_lad20_lep20.csv")
    pairs = pd.concat(
        [
            lookup[["LAD20CD", "LEP20NM1"]].set_axis(["code", "lep"], axis="columns"),
            lookup[["LAD20CD", "LEP20NM2"]].set_axis(["code", "lep"], axis="columns").dropna(),
        ]
    )
    merged = {f"E0700{n:04d}": "E06000061" for n in (150, 152, 153, 156)}
    merged |= {f"E0700{n:04d}": "E06000062" for n in (151, 154, 155)}
    pairs["code"] = pairs["code"].replace(merged)
    return {str(k): sorted(set(v)) for k, v in pairs.groupby("code")["lep"]}


def authorities(source: Path) -> pd.DataFrame:
    """Return code and name of every authority of the embedded sets."""
    lep = pd.read_csv(source / "lookup_lep_codes_2014_2021.csv")
    lep = lep[lep["lep_year_spec"].isin([2017, 2021])]
    lep = lep.set_axis(["vintage", "code", "name"], axis="columns").assign(kind="lep")
    mca = pd.read_csv(source / "lookup_lad21_cauth21.csv")[["CAUTH21CD", "CAUTH21NM"]].drop_duplicates()
    mca = mca.set_axis(["code", "name"], axis="columns").assign(kind="mca", vintage=2022)
    region = gpd.read_file(source / "rgn_2022_uk.geojson")[["RGN22CD", "RGN22NM"]]
    region = region.set_axis(["code", "name"], axis="columns").assign(kind="region", vintage=2022)
    region = region[region["code"].str.startswith("E")]
    table = pd.concat([lep, mca, region])[["kind", "vintage", "code", "name"]]
    return table.sort_values(["kind", "vintage", "code"]).reset_index(drop=True)


def memberships_2017(base: dict[str, list[str]], names: dict[str, str]) -> pd.DataFrame:
    """Return the LEP codes of 2017 of each district, with how they are known."""
    changes = pd.read_csv(FACTS / "lep_2017_changes.csv").set_index("code")
    extra, known = changes["also_in"].to_dict(), changes["basis"].to_dict()
    rows = []
    for code, leps in sorted(base.items()):
        codes = sorted(names[name] for name in {*leps, extra.get(code, leps[0])})
        basis = known.get(code, "membership of 2020 carried back")
        rows.append((code, ";".join(codes), "unconfirmed", basis))
    return pd.DataFrame(rows, columns=["code", "lep_2017", "lep_2017_status", "lep_2017_basis"])


def main(folder: Path = FACTS) -> None:
    """Write both fact tables."""
    source = real_data()
    table = authorities(source)
    leps = table[(table["kind"] == "lep") & (table["vintage"] == 2017)]  # noqa: PLR2004 - the vintage being rebuilt
    names = dict(zip(leps["name"], leps["code"], strict=True))
    facts = districts(source)
    facts["mca_2022"] = facts["code"].map(combined_authorities(source)).fillna("")
    facts["lep_2021"] = facts["code"].map({k: ";".join(v) for k, v in memberships_2021(source).items()})
    facts = facts.merge(memberships_2017(memberships_2020(source), names), on="code", validate="1:1")
    facts.sort_values("code").to_csv(folder / "districts.csv", index=False, lineterminator="\n")
    table.to_csv(folder / "authorities.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
