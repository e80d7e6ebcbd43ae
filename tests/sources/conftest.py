"""Small worlds for the readers."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely import Polygon, box

# the register's own header: 55 columns, some with a leading space
_REGISTER = [
    "CompanyName", " CompanyNumber", "RegAddress.CareOf", "RegAddress.POBox", "RegAddress.AddressLine1",
    " RegAddress.AddressLine2", "RegAddress.PostTown", "RegAddress.County", "RegAddress.Country",
    "RegAddress.PostCode", "CompanyCategory", "CompanyStatus", "CountryOfOrigin", "DissolutionDate",
    "IncorporationDate", "Accounts.AccountRefDay", "Accounts.AccountRefMonth", "Accounts.NextDueDate",
    "Accounts.LastMadeUpDate", "Accounts.AccountCategory", "Returns.NextDueDate", "Returns.LastMadeUpDate",
    "Mortgages.NumMortCharges", "Mortgages.NumMortOutstanding", "Mortgages.NumMortPartSatisfied",
    "Mortgages.NumMortSatisfied", "SICCode.SicText_1", "SICCode.SicText_2", "SICCode.SicText_3",
    "SICCode.SicText_4", "LimitedPartnerships.NumGenPartners", "LimitedPartnerships.NumLimPartners", "URI",
    *[f"PreviousName_{i}.CONDATE" for i in range(1, 11)], *[f" PreviousName_{i}.CompanyName" for i in range(1, 11)],
    "ConfStmtNextDueDate", " ConfStmtLastMadeUpDate",
]  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Write text or bytes to a file and give its path."""

    def _write(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return _write


@pytest.fixture
def register(write):
    """Write a register in the Companies House layout from a few cells a company."""

    def _register(*companies):
        assert len(_REGISTER) == 55
        rows = []
        for company in companies:
            cells = {key.strip(): "" for key in _REGISTER} | {"CompanyStatus": "Active"} | company
            rows.append(",".join(f'"{cells[key.strip()]}"' for key in _REGISTER))
        return write("register.csv", "\n".join([",".join(_REGISTER), *rows]) + "\n")

    return _register


@pytest.fixture
def directory():
    """Give a directory of postcodes in the new column names."""
    return pd.DataFrame(
        [
            ("OX1 1AA", "", 51.75, -1.26, 1),
            ("OX1 1AB", "201001", 51.76, -1.25, 1),
            ("PO33 3FE", "", 50.73, -1.16, 1),
            ("KT16 0PZ", "", 51.39, -0.49, 1),
            ("CV1 2WT", "", 52.41, -1.51, 8),
            ("GU51 9ZZ", "", 99.999999, 0.0, 9),
            ("BT1 5GS", "", 54.6, -5.93, 1),
        ],
        columns=["pcds", "doterm", "lat", "long", "gridind"],
    )


@pytest.fixture
def squares():
    """Give four squares of 10 km in British National Grid, with official columns."""
    cells = [box(400_000 + 10_000 * i, 300_000, 410_000 + 10_000 * i, 310_000) for i in range(4)]
    return gpd.GeoDataFrame(
        {"LEP17CD": [f"E3700000{i}" for i in (4, 3, 2, 1)], "LEP17NM": list("DCBA")},
        geometry=cells,
        crs="EPSG:27700",
    )


@pytest.fixture
def bow_tie():
    """Give an outline that crosses itself."""
    return Polygon([(400_000, 300_000), (410_000, 310_000), (410_000, 300_000), (400_000, 310_000)])
