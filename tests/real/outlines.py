"""Detected clusters of employers held against published outlines of advanced manufacturing: overlap, nothing tuned.

The outlines (UK Tech Innovation Index 2, The Data City, 2018, CC BY 4.0) were drawn from other firms with another
method; agreement with them is reported, and no option was chosen for it. Outlines overlap one another and reach into
the sea, so their union on land is taken.
"""

from __future__ import annotations

import warnings

METHODS = ("scan", "surface", "dbscan", "hdbscan")
SECTOR, SEED, PERMUTATIONS = "hvm", 2022, 199
CRS = "EPSG:27700"


def read(data):
    """Return the districts of the United Kingdom, the employers and the outlines on land."""
    import geopandas as gpd
    import shapely

    import clustermap as cm

    areas = cm.read_boundaries(data / "lad_2022_uk.geojson")
    firms = cm.read_firms(
        data / "employers_gpg_2021_22.csv.gz",
        location_kind="registered office",
        columns={"firm_id": "EmployerId", "name": "EmployerName", "sic": "SicCodes"},
    )
    drawn = gpd.read_file(data / "utii2_outline_advanced_manufacturing.geojson").to_crs(CRS).make_valid()
    land = shapely.union_all(areas.frame.geometry.to_numpy())
    return areas, firms, land, shapely.intersection(shapely.union_all(drawn.to_numpy()), land)


def detect(areas, firms):
    """Detect with every method, at its defaults."""
    import clustermap as cm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = cm.tabulate(firms, areas, sectors=SECTOR, codes="first")
        asked = {"permutations": PERMUTATIONS, "seed": SEED}
        found = {"scan": cm.detect_clusters(table, cm.contiguity(areas), **asked)}
        for method in METHODS[1:]:
            found[method] = cm.detect_clusters(firms, method=method, sector=SECTOR, **asked)
    return found


def compared(clusters, land, outlines, at):
    """Give shares of ground and of the sector's firms (places `at`): inside outlines, and the other way round."""
    import shapely

    own = shapely.intersection(shapely.union_all(clusters.footprints.geometry.to_numpy()), land)
    both = shapely.intersection(own, outlines)
    inside, drawn = (shapely.intersects_xy(shape, at[:, 0], at[:, 1]) for shape in (own, outlines))
    return {
        "clusters": len(clusters.frame),
        "ground_km2": round(own.area / 1e6),
        "ground_in_outlines": _share(both.area, own.area),
        "outlines_in_ground": _share(both.area, outlines.area),
        "ground_jaccard": _share(both.area, own.area + outlines.area - both.area),
        "firms": int(inside.sum()),
        "firms_in_outlines": _share((inside & drawn).sum(), inside.sum()),
        "outline_firms_in_clusters": _share((inside & drawn).sum(), drawn.sum()),
        "firms_jaccard": _share((inside & drawn).sum(), (inside | drawn).sum()),
    }


def _share(part, whole):
    return round(float(part) / float(whole), 3) if whole else 0.0


def sector_places(firms):
    """Return the places of the employers whose first code is of the sector, and those of all."""
    import shapely

    from clustermap.detection.density.sectors import read_firm_sectors

    (sector,) = read_firm_sectors(firms, SECTOR)
    at = shapely.get_coordinates(firms.frame.geometry.to_numpy())
    return at[sector.inside], at


def figures(data):
    """Return what is written down: every method, and what chance overlap would be."""
    import shapely

    areas, firms, land, outlines = read(data)
    of_sector, everyone = sector_places(firms)
    inside = [shapely.intersects_xy(outlines, at[:, 0], at[:, 1]).mean() for at in (of_sector, everyone)]
    chance = {
        "land_in_outlines": _share(outlines.area, land.area),
        "sector_firms_in_outlines": round(float(inside[0]), 3),
        "all_firms_in_outlines": round(float(inside[1]), 3),
    }
    found = detect(areas, firms)
    return {"chance": chance} | {
        name: compared(clusters, land, outlines, of_sector) for name, clusters in found.items()
    }
