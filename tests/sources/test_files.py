"""Files that lie, hide or explode are refused before they are read."""

from __future__ import annotations

import gzip
import struct
import zipfile

import geopandas as gpd
import pandas as pd
import pytest
from shapely import Point, box

from clustermap.errors import InputError, StorageError
from clustermap.sources import files, read_boundaries, read_firms

GOOD = "id,lat,lon\na,51.7,-1.2\n"


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "path", ["https://example.org/a.csv", "/vsicurl/http://example.org/a.csv", "s3://bucket/a.parquet"]
)
def test_nothing_remote_is_read(path):
    with pytest.raises(InputError, match="CM-FILE-002"):
        read_firms(path)


def test_a_missing_file_is_told_by_its_name_alone(tmp_path):
    with pytest.raises(StorageError, match="CM-FILE-001") as caught:
        read_firms(tmp_path / "none.csv")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "CM-FILE-003"),
        ("a.csv", b"  \n\n", "CM-FILE-003"),
        ("a.xlsx", b"PK\x03\x04", "CM-FILE-002"),
        ("a.csv", b"<!DOCTYPE html><html>", "CM-FILE-004"),
        ("a.csv", b"PK\x03\x04rest", "CM-FILE-004"),
        ("a.geojson", b"<OGRVRTDataSource/>", "CM-FILE-004"),
        ("a.gpkg", b"not a database", "CM-FILE-004"),
        ("a.parquet", b"not columns", "CM-FILE-004"),
        ("a.parquet", b"PAR1 but truncated", "CM-FILE-004"),
        ("a.geojson", b'{"type": "FeatureCollection"', "CM-FILE-004"),
        ("a.gpkg", b"SQLite format 3\x00truncated", "CM-FILE-004"),
        ("a.shp", b"\x00\x00\x27\x0a", "CM-FILE-004"),
        ("a.csv.gz", b"not gzip", "CM-FILE-004"),
        ("a.zip", b"PK not a zip", "CM-FILE-004"),
        ("a.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], "CM-FILE-004"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": []}', "CM-FILE-003"),
    ],
)
def test_content_that_is_not_what_the_name_says(write, name, content, code):
    with pytest.raises(InputError, match=code):
        read_firms(write(name, content))


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "C:evil.csv", "a/../../evil.csv"])
def test_a_zip_that_points_outside_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="CM-FILE-005"):
        read_firms(zipped(tmp_path / "a.zip", [(name, GOOD)]))


def test_a_zip_with_a_symbolic_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    with pytest.raises(InputError, match="CM-FILE-005"):
        read_firms(zipped(tmp_path / "a.zip", [(link, "/etc/passwd")]))


def test_a_zip_or_gzip_that_explodes_is_refused(tmp_path, monkeypatch):
    bomb = b"0" * (40 << 20)
    with pytest.raises(InputError, match="CM-FILE-005"):
        read_firms(zipped(tmp_path / "a.zip", [("a.csv", bomb)]))
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(bomb))
    with pytest.raises(InputError, match="CM-FILE-005"):
        read_firms(packed)
    monkeypatch.setattr(files, "MAX_MEMBERS", 2)
    with pytest.raises(InputError, match="CM-FILE-005"):
        read_firms(zipped(tmp_path / "b.zip", [(f"{i}.txt", "x") for i in range(3)]))


def test_a_zip_must_hold_exactly_one_data_file(tmp_path):
    with pytest.raises(InputError, match="2 data files"):
        read_firms(zipped(tmp_path / "a.zip", [("a.csv", GOOD), ("b.csv", GOOD)]))
    with pytest.raises(InputError, match="0 data files"):
        read_firms(zipped(tmp_path / "b.zip", [("a.pdf", "x")]))
    with pytest.raises(InputError, match="packed"):
        read_firms(zipped(tmp_path / "c.zip", [("a.csv.gz", gzip.compress(GOOD.encode()))]))
    assert (
        len(
            read_firms(
                zipped(tmp_path / "d.zip", [("a.csv", GOOD), ("read.me", "x"), ("__MACOSX/a.csv", "")])
            )
        )
        == 1
    )


def test_a_shapefile_lacking_parts_names_them(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["a"]}, geometry=[box(4e5, 3e5, 4.1e5, 3.1e5)], crs="EPSG:27700")
    frame.to_file(tmp_path / "a.shp")
    shp, dbf = (tmp_path / f"a{part}" for part in (".shp", ".dbf"))
    with pytest.raises(InputError, match=r"lacks its \.shx"):
        read_boundaries(
            zipped(tmp_path / "b.zip", [("a.shp", shp.read_bytes()), ("a.dbf", dbf.read_bytes())])
        )
    (tmp_path / "a.shx").unlink()
    with pytest.raises(InputError, match=r"lacks its \.shx"):
        read_boundaries(shp)


def test_layers_are_named_and_never_guessed(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["a"]}, geometry=[box(4e5, 3e5, 4.1e5, 3.1e5)], crs="EPSG:27700")
    path = tmp_path / "a.gpkg"
    frame.to_file(path, layer="one")
    assert len(read_boundaries(path)) == 1
    frame.to_file(path, layer="two")
    with pytest.raises(InputError, match="CM-FILE-009") as caught:
        read_boundaries(path)
    assert "one, two" in str(caught.value)
    assert len(read_boundaries(gpd.read_file(path, layer="two"))) == 1


def test_a_plain_parquet_without_geometry_is_a_table(tmp_path):
    frame = pd.DataFrame({"id": ["a"], "lat": [51.7], "lon": [-1.2]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert len(read_firms(tmp_path / "a.parquet")) == 1
    with pytest.raises(InputError, match="CM-AREAS-007"):
        read_boundaries(tmp_path / "a.parquet")


def test_a_vector_file_without_geometry_is_no_map(tmp_path):
    path = tmp_path / "a.geojson"
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"a"},"geometry":null}]}'
    )
    with pytest.raises(InputError, match="CM-AREAS-00"):
        read_boundaries(path)


def test_a_truncated_struct_is_no_parquet(write):
    with pytest.raises(InputError, match="CM-FILE-004"):
        read_firms(write("a.parquet", b"PAR1" + struct.pack("<I", 9) + b"PAR1"))


def test_points_in_a_zip_of_geojson(tmp_path):
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[Point(-1.2, 51.7)], crs=4326).to_file(tmp_path / "a.geojson")
    path = zipped(tmp_path / "a.zip", [("a.geojson", (tmp_path / "a.geojson").read_bytes())])
    assert read_firms(path).source == "a.geojson"
