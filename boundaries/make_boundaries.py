"""Make the embedded boundary sets from written-down facts.

Reads only ``facts/`` beside this file and writes ``data/``: districts, Local Enterprise Partnerships, combined
authorities and regions of England as a generalised, topologically clean coverage on the British National Grid.
A district is what lies nearest to its eight points; the coast is written down by hand, to the kilometre. Nothing
is random and nothing is read from anywhere else, so the same library versions give the same bytes.

Generalised, not for measurement.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import cKDTree

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts"
CRS = "EPSG:27700"
GRID_M = 1.0
# Land reaches at least this far around every point, so a place outside the hand-written coast keeps its ground.
SHORE_M = 1_500
# Corners of triangles smaller than this squared are left out of every border at once (Visvalingam-Whyatt).
SIMPLIFY_M = 500
SOURCE = (
    "Made from eight rounded centroids a district of its occupied postcode squares, dissolved to authorities."
)
ATTRIBUTION = (
    "Derived from: Office for National Statistics licensed under the Open Government Licence v3.0. "
    "Contains OS data © Crown copyright and database right 2022, 2025. "
    "Contains Royal Mail data © Royal Mail copyright and database right 2025. Contains National Statistics data."
)
NOTICE = "generalised, not for measurement"

NOBODY = ""

Geometries = npt.NDArray[np.object_]
Owners = npt.NDArray[np.object_]


def read_points() -> pd.DataFrame:
    """Return the generator points; a place named by two districts goes to the one whose centre is nearer."""
    points = pd.read_csv(FACTS / "points.csv")
    centre = points.groupby("code")[["easting", "northing"]].transform("mean")
    points["off"] = np.hypot(points["easting"] - centre["easting"], points["northing"] - centre["northing"])
    points = points.sort_values(["easting", "northing", "off", "code"])
    points = points.drop_duplicates(["easting", "northing"])
    return points.drop(columns="off").sort_values(["code", "easting", "northing"], ignore_index=True)


def read_water() -> shapely.Geometry:
    """Return the wide tidal waters as one area: lines with a half width at each place."""
    pieces: list[shapely.Geometry] = []
    for _, line in pd.read_csv(FACTS / "water.csv").sort_values(["name", "order"]).groupby("name"):
        xy = line[["easting", "northing"]].to_numpy(dtype=np.float64)
        discs = shapely.buffer(
            shapely.points(xy), line["half_width_m"].to_numpy(dtype=np.float64), quad_segs=4
        )
        pieces += [shapely.convex_hull(shapely.union_all(discs[k : k + 2])) for k in range(len(discs) - 1)]
    return shapely.union_all(pieces)


def draw_land(points: pd.DataFrame) -> shapely.Geometry:
    """Return the land: the hand-written coast and a little ground around each point, without the waters."""
    coast = pd.read_csv(FACTS / "coast.csv").sort_values(["ring", "order"])
    rings = [shapely.Polygon(ring[["easting", "northing"]].to_numpy()) for _, ring in coast.groupby("ring")]
    sites = shapely.points(points[["easting", "northing"]].to_numpy(dtype=np.float64))
    ground = shapely.union_all([*rings, *shapely.buffer(sites, SHORE_M, quad_segs=6)])
    whole = shapely.union_all([shapely.Polygon(part.exterior) for part in shapely.get_parts(ground)])
    land = shapely.get_parts(shapely.difference(whole, read_water()))
    return shapely.union_all(land[shapely.intersects(land, shapely.multipoints(sites))])


def cut_faces(points: pd.DataFrame, land: shapely.Geometry) -> tuple[Geometries, Owners]:
    """Return the pieces of land between Voronoi edges and coast, and the district of each.

    All lines are noded together on a one-metre grid, so neighbours share their corners exactly. A piece that
    the water cuts off from its point belongs to nobody yet.
    """
    xy = points[["easting", "northing"]].to_numpy(dtype=np.float64)
    frame = shapely.box(*shapely.bounds(shapely.buffer(land, 100_000)))
    cells = shapely.voronoi_polygons(shapely.multipoints(xy), extend_to=frame, only_edges=True)
    lines = shapely.union_all([cells, shapely.boundary(land)], grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize([lines]))
    inside = shapely.point_on_surface(faces)
    kept = shapely.intersects(land, inside)
    faces = faces[kept]
    _, nearest = cKDTree(xy).query(shapely.get_coordinates(inside[kept]))
    at_home = shapely.intersects(faces, shapely.points(xy)[nearest])
    return faces, np.where(at_home, points["code"].to_numpy(dtype=object)[nearest], NOBODY)


def adopt(shapes: Geometries, owner: Owners) -> tuple[Geometries, Owners]:
    """Give every ownerless shape to the neighbour with the longest common border.

    Neighbours without an owner wait for the next round; what touches no owner at all is left out.
    """
    owner = owner.copy()
    tree = shapely.STRtree(shapes)
    while (orphans := np.flatnonzero(owner == NOBODY)).size:
        row, other = tree.query(shapes[orphans], predicate="intersects")
        pairs = pd.DataFrame({"orphan": orphans[row], "owner": owner[other]})
        pairs["border"] = shapely.length(shapely.intersection(shapes[pairs["orphan"]], shapes[other]))
        pairs = pairs[(pairs["owner"] != NOBODY) & (pairs["border"] > 0)]
        if pairs.empty:
            break
        total = pairs.groupby(["orphan", "owner"], as_index=False)["border"].sum()
        best = total.sort_values(["orphan", "border", "owner"], ascending=[True, False, True])
        best = best.drop_duplicates("orphan")
        owner[best["orphan"]] = best["owner"]
    kept = owner != NOBODY
    return shapes[kept], owner[kept]


def dissolve(shapes: Geometries, owner: Owners) -> tuple[Geometries, Owners]:
    """Return the connected parts of every owner's shapes, largest first within an owner."""
    parts: list[shapely.Geometry] = []
    owners: list[str] = []
    for code in np.unique(owner):
        found = shapely.get_parts(shapely.coverage_union_all(shapes[owner == code]))
        parts += list(found[np.argsort(-shapely.area(found), kind="stable")])
        owners += [code] * len(found)
    return np.array(parts, dtype=object), np.array(owners, dtype=object)


def one_part_each(faces: Geometries, owner: Owners) -> tuple[Geometries, Owners]:
    """Return one connected part a district: detached parts are adopted by their neighbours."""
    parts, owners = dissolve(*adopt(faces, owner))
    owners[pd.Series(owners).duplicated().to_numpy()] = NOBODY
    return dissolve(*adopt(parts, owners))


def make_districts(facts: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the districts, a valid coverage."""
    points = read_points()
    parts, owners = one_part_each(*cut_faces(points, draw_land(points)))
    shapes = shapely.coverage_simplify(parts, SIMPLIFY_M)
    shapes = shapely.normalize(shapes)
    if not (shapely.coverage_is_valid(shapes) and shapely.is_valid(shapes).all()):
        message = "the districts are no clean coverage: gaps, overlaps or corners that do not match"
        raise ValueError(message)
    frame = gpd.GeoDataFrame({"code": owners}, geometry=shapes, crs=CRS)
    frame = facts[["code", "name"]].merge(frame, on="code", how="left", validate="1:1")
    if frame["geometry"].isna().any():
        message = f"districts without land: {frame.loc[frame['geometry'].isna(), 'code'].tolist()[:5]}"
        raise ValueError(message)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=CRS)


def make_membership(facts: pd.DataFrame, authorities: pd.DataFrame) -> pd.DataFrame:
    """Return districts in authorities, long; a district in two authorities has half a share in each."""
    tables = []
    for column, kind, vintage in (
        ("lep_2017", "lep", 2017),
        ("lep_2021", "lep", 2021),
        ("mca_2022", "mca", 2022),
        ("region_2022", "region", 2022),
    ):
        table = facts[["code"]].assign(authority=facts[column].str.split(";"), kind=kind, vintage=vintage)
        table = table.explode("authority")
        table = table[table["authority"] != ""]
        table["share"] = 1 / table.groupby("code")["authority"].transform("size")
        table["status"] = facts["lep_2017_status"] if column == "lep_2017" else "confirmed"
        tables.append(table)
    long = pd.concat(tables).rename(columns={"code": "area"})
    names = authorities.rename(columns={"code": "authority", "name": "authority_name"})
    long = long.merge(names, on=["kind", "vintage", "authority"], how="left", validate="m:1")
    if long["authority_name"].isna().any():
        message = (
            f"authorities without a name: {sorted(long.loc[long['authority_name'].isna(), 'authority'])[:5]}"
        )
        raise ValueError(message)
    columns = ["area", "authority", "authority_name", "kind", "vintage", "share", "status"]
    return long.sort_values(["kind", "vintage", "area", "authority"])[columns].reset_index(drop=True)


def make_authorities(districts: gpd.GeoDataFrame, members: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return one set of authorities: the union of the member districts, overlapping where a district is in two."""
    shape = districts.set_index("code").geometry
    rows = []
    for (code, name), group in members.groupby(["authority", "authority_name"]):
        union = shapely.coverage_union_all(shape.loc[group["area"]].to_numpy())
        rows.append((code, name, shapely.normalize(union)))
    table = pd.DataFrame(rows, columns=["code", "name", "geometry"]).sort_values("code", ignore_index=True)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=CRS)


def make_outline(districts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return England as one area."""
    union = shapely.normalize(shapely.coverage_union_all(districts.geometry.to_numpy()))
    return gpd.GeoDataFrame({"code": ["E92000001"], "name": ["England"]}, geometry=[union], crs=CRS)


def describe(path: Path, *, kind: str, vintage: int, rows: int, status: str) -> dict[str, object]:
    """Return the manifest entry of one written file."""
    return {
        "kind": kind,
        "vintage": vintage,
        "file": path.name,
        "n": rows,
        "crs": CRS,
        "source": SOURCE,
        "licence": "Open Government Licence v3.0",
        "attribution": ATTRIBUTION,
        "status": status,
        "generalised": True,
        "notice": NOTICE,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write plain rows or shapes with every setting of the writer pinned."""
    if isinstance(table, gpd.GeoDataFrame):
        table.to_parquet(
            path, index=False, compression="zstd", geometry_encoding="WKB", schema_version="1.0.0"
        )
    else:
        table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def made_with() -> dict[str, str]:
    """Return the versions on which the bytes depend."""
    packages = ("geopandas", "numpy", "pandas", "pyarrow", "pyproj", "scipy", "shapely")
    return {name: version(name) for name in packages} | {"geos": shapely.geos_version_string}


def make(folder: Path) -> None:
    """Write every set, the labels, the membership table and the manifest."""
    facts = pd.read_csv(FACTS / "districts.csv", dtype=str, keep_default_na=False)
    authorities = pd.read_csv(FACTS / "authorities.csv")
    districts = make_districts(facts)
    members = make_membership(facts, authorities)
    sets: list[tuple[str, int, str, pd.DataFrame, str]] = [
        ("lad", 2022, "lad_2022.parquet", districts, "confirmed"),
    ]
    for (kind, vintage), group in members.groupby(["kind", "vintage"]):
        status = "unconfirmed" if (group["status"] == "unconfirmed").any() else "confirmed"
        sets.append(
            (kind, int(vintage), f"{kind}_{vintage}.parquet", make_authorities(districts, group), status)
        )
    towns = pd.read_csv(FACTS / "towns.csv")
    sets += [
        ("outline", 2022, "outline_2022.parquet", make_outline(districts), "confirmed"),
        ("towns", 2022, "towns.csv", towns, "general knowledge"),
        ("membership", 2022, "membership.csv", members, "see column status"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for kind, vintage, name, table, status in sets:
        part = folder / f".{name}.part"
        write_table(table, part)
        part.replace(folder / name)
        entries.append(describe(folder / name, kind=kind, vintage=vintage, rows=len(table), status=status))
    manifest = {"schema": 1, "notice": NOTICE, "made_with": made_with(), "sets": entries}
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "data", help="folder to write (default: data)")
    make(parser.parse_args().out)
