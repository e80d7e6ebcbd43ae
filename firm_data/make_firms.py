"""Make the synthetic firms from written-down figures.

Reads only ``facts/`` beside this file, the generator points in ``boundaries/facts/points.csv`` and the embedded
districts in ``boundaries/data/lad_2022.parquet``; writes ``data/``: one set of firms with a cluster planted along
the districts of ``facts/planted.csv`` and one with nothing planted. No firm is real. Seeds are fixed below, so the
same library versions give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clustermap.randomness import stream

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts"
BOUNDARIES = HERE.parent / "boundaries"
CRS = "EPSG:27700"
NOTICE = "SYNTHETIC: no firm in this file is real"
ATTRIBUTION = (
    "Made from figures of the Office for National Statistics via Nomis, "
    "licensed under the Open Government Licence v3.0"
)

FIRMS = 40_000
MANUFACTURING = 3
# Manufacturing is drawn at four times its published rate, as a stratified survey would, so that 40,000 firms hold
# enough of it to count; between places its shares stand as published.
OVERSAMPLING = 4.0
# SIC 2007 prefixes of high-value manufacturing in the widest of the published definitions, metals included.
HIGH_VALUE = ("20", "21", "24", "25", "26", "27", "28", "29", "302", "303", "304", "309", "325")
SECOND_ACTIVITY = 0.15
BORDER_M = 25  # no firm stands nearer to a border than this
SCATTER = 0.35  # standard deviation about a generator point, in sides of an eighth of the district
BANDS = {
    "micro_0_9": (1, 9),
    "small_10_49": (10, 49),
    "medium_50_249": (50, 249),
    "large_250_plus": (250, 5000),
}
FOUNDED = (1950, 2021)
GROWTH = 0.06

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is written down: districts, broad sectors, activities, and where something is planted."""

    districts: pd.DataFrame
    sectors: pd.DataFrame
    activities: pd.DataFrame
    planted: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One set of firms: its seed, and whether the cluster is planted in it."""

    name: str
    seed: int
    planted: bool


RECIPES = (Recipe(name="firms", seed=2017, planted=True), Recipe(name="firms_null", seed=2021, planted=False))


def read_facts() -> Facts:
    """Return the written-down figures, districts in code order."""
    activities = pd.read_csv(FACTS / "activities.csv", dtype={"sic": str, "prefix": str})
    manufacturing = activities["sector"] == MANUFACTURING
    activities["high_value"] = manufacturing & activities["sic"].str.startswith(HIGH_VALUE)
    return Facts(
        districts=pd.read_csv(FACTS / "districts.csv").sort_values("code", ignore_index=True),
        sectors=pd.read_csv(FACTS / "sectors.csv").set_index("sector"),
        activities=activities,
        planted=pd.read_csv(FACTS / "planted.csv").set_index("code"),
    )


def allot(weights: Floats, total: int) -> Ints:
    """Share a total out in proportion, by largest remainders; ties go to the earlier row."""
    exact = weights / weights.sum() * total
    counts: Ints = np.floor(exact).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def pick(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Draw positions in proportion to weights."""
    cumulative = np.cumsum(weights) / weights.sum()
    cumulative[-1] = 1.0
    drawn: Ints = np.searchsorted(cumulative, rng.random(size), side="right")
    return drawn


def sector_shares(facts: Facts, *, planted: bool) -> tuple[Floats, Floats]:
    """Return each district's share of high-value manufacturing and of other manufacturing among its firms."""
    made = facts.activities[facts.activities["sector"] == MANUFACTURING]
    high = made.loc[made["high_value"], "local_units"].sum() / made["local_units"].sum()
    table = facts.districts
    national = table["manufacturing"].sum() / table["enterprises"].sum()
    if not planted:
        flat = np.full(len(table), OVERSAMPLING * national)
        return flat * high, flat * (1 - high)
    risk = table["code"].map(facts.planted["relative_risk"]).fillna(1.0).to_numpy()
    local = (table["manufacturing"] / table["enterprises"]).to_numpy()
    return OVERSAMPLING * national * high * risk, OVERSAMPLING * local * (1 - high)


def national_mix(facts: Facts) -> Floats:
    """Return the shares of activities within high-value manufacturing, other manufacturing and all the rest."""
    table = facts.activities
    made, units = (table["sector"] == MANUFACTURING).to_numpy(), table["local_units"].to_numpy(dtype=float)
    within = units / table.groupby("sector")["local_units"].transform("sum").to_numpy()
    enterprises = table["sector"].map(facts.sectors["enterprises"]).to_numpy(dtype=float)
    valuable = table["high_value"].to_numpy()
    mix = np.stack([units * valuable, units * (made & ~valuable), within * enterprises * ~made])
    shares: Floats = mix / mix.sum(axis=1, keepdims=True)
    return shares


def draw_activities(facts: Facts, recipe: Recipe, home: Ints) -> pd.DataFrame:
    """Draw what each firm does: its code, its broad sector, and for some a second code drawn from anywhere."""
    mix = national_mix(facts)
    high, other = sector_shares(facts, planted=recipe.planted)
    chance = stream(recipe.seed, "kind").random(len(home))
    kind = (chance >= high[home]).astype(np.int64) + (chance >= (high + other)[home])
    drawn = np.empty(len(home), dtype=np.int64)
    for number, shares in enumerate(mix):
        chosen = np.flatnonzero(kind == number)
        drawn[chosen] = pick(stream(recipe.seed, "activity", number), shares, len(chosen))
    # The second code knows nothing of the place, so it can neither strengthen nor fake the planted cluster.
    flat_high, flat_other = (float(share[0]) for share in sector_shares(facts, planted=False))
    anything = np.array([flat_high, flat_other, 1 - flat_high - flat_other]) @ mix
    rng = stream(recipe.seed, "second")
    second = pick(rng, anything, len(home))
    has_second = (rng.random(len(home)) < SECOND_ACTIVITY) & (second != drawn)
    codes = facts.activities["sic"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "sic": codes[drawn],
            "sic_2": np.where(has_second, codes[second], None),
            "sector": facts.activities["sector"].to_numpy()[drawn],
        }
    )


def draw_employees(facts: Facts, recipe: Recipe, sector: Ints) -> Ints:
    """Draw employees: the band as published for the broad sector, inside a band the fewer the likelier."""
    rng = stream(recipe.seed, "employees")
    bands = facts.sectors[list(BANDS)].to_numpy(dtype=float)
    cumulative = np.cumsum(bands, axis=1) / bands.sum(axis=1, keepdims=True)
    rows = facts.sectors.index.get_indexer(pd.Index(sector))
    band = (rng.random(len(sector))[:, None] >= cumulative[rows, :-1]).sum(axis=1)
    out = np.empty(len(sector))
    for number, (least, most) in enumerate(BANDS.values()):
        chosen = np.flatnonzero(band == number)
        sizes = np.arange(least, most + 1, dtype=np.float64)
        out[chosen] = sizes[pick(rng, sizes**-1.5, len(chosen))]
    return out.astype(np.int64)


def draw_dates(recipe: Recipe, size: int) -> pd.Series:
    """Draw incorporation dates: each year a little likelier than the one before."""
    rng = stream(recipe.seed, "incorporated")
    years = np.arange(FOUNDED[0], FOUNDED[1] + 1)
    year = years[pick(rng, np.exp(GROWTH * (years - years[0])), size)]
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    return pd.Series(start + rng.integers(0, 365, size))


def scatter(shape: shapely.Geometry, sources: Floats, *, size: int, rng: np.random.Generator) -> Floats:
    """Draw whole-metre points about the generator points of one district, all of them well inside it."""
    inner = shape.buffer(-BORDER_M)
    inside = sources[shapely.contains_xy(inner, sources)]
    if not len(inside):
        inside = np.array([[inner.representative_point().x, inner.representative_point().y]])
    spread = SCATTER * np.sqrt(shape.area / len(sources))
    shapely.prepare(inner)
    found = np.empty((0, 2))
    while len(found) < size:
        # A fixed number of candidates a round: how many are kept never changes what the next round draws.
        centre = inside[rng.integers(0, len(inside), 64)]
        candidates = np.rint(centre + rng.normal(0.0, spread, (64, 2)))
        found = np.concatenate([found, candidates[shapely.contains_xy(inner, candidates)]])
    return found[:size]


def draw_places(facts: Facts, recipe: Recipe, counts: Ints) -> Floats:
    """Draw the place of every firm, district by district."""
    shapes = gpd.read_parquet(BOUNDARIES / "data" / "lad_2022.parquet").set_index("code").geometry
    points = pd.read_csv(BOUNDARIES / "facts" / "points.csv").groupby("code")[["easting", "northing"]]
    places = [
        scatter(
            shapes[code],
            points.get_group(code).to_numpy(dtype=float),
            size=int(count),
            rng=stream(recipe.seed, "place", code),
        )
        for code, count in zip(facts.districts["code"], counts, strict=True)
    ]
    return np.concatenate(places)


def make_firms(facts: Facts, recipe: Recipe) -> pd.DataFrame:
    """Return one set of firms in an order that says nothing; its district is found from its place alone."""
    counts = allot(facts.districts["enterprises"].to_numpy(dtype=float), FIRMS)
    home = np.repeat(np.arange(len(counts)), counts)
    table = draw_activities(facts, recipe, home)
    table["employees"] = draw_employees(facts, recipe, table.pop("sector").to_numpy())
    table["incorporated"] = draw_dates(recipe, len(home))
    table["geometry"] = shapely.to_wkb(shapely.points(draw_places(facts, recipe, counts)))
    table = table.iloc[stream(recipe.seed, "order").permutation(len(table))].reset_index(drop=True)
    number = [f"{row:06d}" for row in range(1, len(table) + 1)]
    table.insert(0, "firm_id", [f"SYN{each}" for each in number])
    table.insert(1, "name", [f"Synthetic firm {each}" for each in number])
    return table.assign(location_kind="workplace", synthetic=True)


def to_arrow(table: pd.DataFrame) -> pa.Table:
    """Return GeoParquet 1.0 columns, with no trace of the library that held them."""
    fields = {
        "firm_id": pa.string(),
        "name": pa.string(),
        "sic": pa.string(),
        "sic_2": pa.string(),
        "employees": pa.int32(),
        "incorporated": pa.date32(),
        "location_kind": pa.string(),
        "synthetic": pa.bool_(),
        "geometry": pa.binary(),
    }
    arrays = [pa.Array.from_pandas(table[name], type=kind) for name, kind in fields.items()]
    crs = gpd.GeoSeries(crs=CRS).crs.to_json_dict()
    column = {"encoding": "WKB", "geometry_types": ["Point"], "crs": crs}
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
    notes = {"geo": json.dumps(geo, sort_keys=True), "notice": NOTICE, "attribution": ATTRIBUTION}
    return pa.table(arrays, schema=pa.schema(list(fields.items()), metadata=notes))


def made_with() -> dict[str, str]:
    """Return the versions on which the bytes depend."""
    packages = ("geopandas", "numpy", "pandas", "pyarrow", "pyproj", "shapely")
    return {name: version(name) for name in packages} | {"geos": shapely.geos_version_string}


def write_set(table: pa.Table, path: Path) -> None:
    """Write one set with every setting of the writer pinned; the old file stands until the new one is whole."""
    part = path.with_name(f".{path.name}.part")
    pq.write_table(table, part, compression="zstd", compression_level=19, version="2.6")
    part.replace(path)


def make(folder: Path) -> None:
    """Write both sets, the list of planted districts and the manifest."""
    facts = read_facts()
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for recipe in RECIPES:
        path = folder / f"{recipe.name}.parquet"
        write_set(to_arrow(make_firms(facts, recipe)), path)
        entries.append(
            {
                "file": path.name,
                "n": FIRMS,
                "seed": recipe.seed,
                "planted": recipe.planted,
                "crs": CRS,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    shutil.copyfile(FACTS / "planted.csv", folder / "planted.csv")
    manifest = {
        "schema": 1,
        "notice": NOTICE,
        "attribution": ATTRIBUTION,
        "districts_sha256": hashlib.sha256(
            (BOUNDARIES / "data" / "lad_2022.parquet").read_bytes()
        ).hexdigest(),
        "made_with": made_with(),
        "sets": entries,
    }
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "data", help="folder to write (default: data)")
    make(parser.parse_args().out)
