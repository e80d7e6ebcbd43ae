"""How columns are called: the synonym table of firm files, and the layouts that are recognised.

Names are compared in lower case and without anything but letters and digits, so ``Company Number``,
``company_number`` and `` CompanyNumber`` are one. Of several names that are present, the first in the list
is taken. ``columns={"firm_id": "CompanyNumber", "sic": ["SIC1", "SIC2"]}`` overrides the table.

============== ==============================================================================================
Field          Recognised as
============== ==============================================================================================
firm_id        firm_id, employerid, siteid, localunitid, enterpriseid, companynumber, companyno, crn, siret,
               siren, registrationnumber, businessid, id
name           name, firmname, companyname, employername, businessname, organisationname, company, denomination
sic            sic, siccode, siccodes, sic2007, sictext, siccodesictext, uksic2007, nace, nacecode, naf, nafcode,
               ape, teaor, activitycode; each also with a number behind it (sic_2, SICCode.SicText_4)
value          value, employees, employment, numberofemployees, employeecount, headcount, staff, jobs, turnover
lat, lon       lat, latitude · lon, lng, long, longitude (EPSG:4326 implied)
x, y           x, easting, eastings, bnge, oseast1m, east1m · y, northing, northings, bngn, osnrth1m, north1m
postcode       postcode, postalcode, pcds, pcd, pcd7, pcd8, regaddresspostcode, companypostcode
location_kind  locationkind, locationtype
incorporated   incorporated, incorporationdate, dateofincorporation, dateofcreation
status         companystatus, firmstatus
synthetic      synthetic
============== ==============================================================================================
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clustermap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SYNONYMS", "Layout", "Matched", "key", "layout_of", "match_columns"]

SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "firm_id": (
        "firmid", "employerid", "siteid", "localunitid", "enterpriseid", "companynumber", "companyno", "crn",
        "siret", "siren", "registrationnumber", "businessid", "id",
    ),
    "name": (
        "name", "firmname", "companyname", "employername", "businessname", "organisationname",
        "organizationname", "company", "denomination",
    ),
    "sic": (
        "sic", "siccode", "siccodes", "sic2007", "sictext", "siccodesictext", "uksic2007", "nace", "nacecode",
        "naf", "nafcode", "ape", "teaor", "activitycode",
    ),
    "value": (
        "value", "employees", "employment", "numberofemployees", "employeecount", "headcount", "staff", "jobs",
        "turnover",
    ),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "lng", "long", "longitude"),
    "x": ("x", "easting", "eastings", "bnge", "oseast1m", "east1m"),
    "y": ("y", "northing", "northings", "bngn", "osnrth1m", "north1m"),
    "postcode": ("postcode", "postalcode", "pcds", "pcd", "pcd7", "pcd8", "regaddresspostcode", "companypostcode"),
    "location_kind": ("locationkind", "locationtype"),
    "incorporated": ("incorporated", "incorporationdate", "dateofincorporation", "dateofcreation"),
    "status": ("companystatus", "firmstatus"),
    "synthetic": ("synthetic",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """A register whose columns are known.

    Attributes
    ----------
    name : str
        What it is called in notes.
    marks : tuple of str
        Column keys that show it.
    location_kind : str
        What its addresses are.
    private : tuple of str
        Beginnings of column keys that are left out: addresses and persons.
    """

    name: str
    marks: tuple[str, ...]
    location_kind: str
    private: tuple[str, ...] = ()


_LAYOUTS: Final = (
    Layout(
        "Companies House basic company data",
        ("companynumber", "companystatus", "siccodesictext1", "regaddresspostcode"),
        "registered office",
        (
            "regaddress", "previousname", "uri", "mortgages", "returns", "accounts", "confstmt",
            "limitedpartnerships",
        ),
    ),
    Layout(
        "gender pay gap reports",
        ("employerid", "employername", "siccodes", "employersize"),
        "registered office",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matched:
    """Which column serves which field; `sic` may be several columns."""

    fields: dict[str, str]
    sic: tuple[str, ...]

    def get(self, field: str) -> str | None:
        """Return the column of a field, or None."""
        return self.fields.get(field)


def key(name: object) -> str:
    """Reduce a column name to what is compared.

    Examples
    --------
    >>> key(" RegAddress.PostCode")
    'regaddresspostcode'
    """
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def layout_of(columns: Sequence[str]) -> Layout | None:
    """Recognise a known register by its columns."""
    here = {key(column) for column in columns}
    return next((layout for layout in _LAYOUTS if here.issuperset(layout.marks)), None)


def match_columns(columns: Sequence[str], given: Mapping[str, str | Sequence[str]] | None) -> Matched:
    """Match columns to fields: as given, else by the synonym table.

    Raises
    ------
    OptionError
        CM-COLUMN-001: `columns=` names fields or columns that do not exist (all of them told).
    """
    given = dict(given or {})
    faults = [f"unknown field {field!r}" for field in given if field not in SYNONYMS]
    chosen: dict[str, list[str]] = {}
    for field, value in given.items():
        wanted = [*value] if isinstance(value, (list, tuple)) else [str(value)]
        for column in wanted:
            if column not in columns:
                near = difflib.get_close_matches(str(column), list(map(str, columns)), n=1, cutoff=0.4)
                faults.append(f"no column {column!r}{f' (nearest: {near[0]!r})' if near else ''}")
        if len(wanted) > 1 and field != "sic":
            faults.append(f"{field!r} takes one column")
        chosen[field] = wanted
    if faults:
        raise OptionError(
            "CM-COLUMN-001",
            f"columns=: {'; '.join(faults)}",
            fix=f"fields are {', '.join(SYNONYMS)}; columns here are {', '.join(map(str, columns))}",
        )
    taken = {column for wanted in chosen.values() for column in wanted}
    free = {key(column): column for column in reversed(columns) if column not in taken}
    fields = {field: wanted[0] for field, wanted in chosen.items() if field != "sic" and wanted}
    for field, names in SYNONYMS.items():
        if field not in chosen and field != "sic":
            found = next((free[name] for name in names if name in free), None)
            if found is not None:
                fields[field] = found
    sic = tuple(chosen["sic"]) if "sic" in chosen else _sic_columns(free)
    return Matched(fields, sic)


def _sic_columns(free: Mapping[str, str]) -> tuple[str, ...]:
    """Find the columns of codes: one name, or a name with numbers behind it, in their order."""
    for name in SYNONYMS["sic"]:
        numbered = sorted(
            (int(match[1] or 0), column)
            for k, column in free.items()
            if (match := re.fullmatch(rf"{name}([1-9]\d?)?", k))
        )
        if numbered:
            return tuple(column for _, column in numbered)
    return ()
