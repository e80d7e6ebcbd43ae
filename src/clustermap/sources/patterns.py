"""How official tables call their columns: kind and year of areas from ``LEP17CD``, ``lep20cd1``, ``ITL221NM``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CodeColumn", "code_columns", "kind_of_codes"]

# prefix in column names to kind; the order is from fine to coarse, so that lookups know which is the area
_KINDS = {
    "OA": "oa",
    "LSOA": "lsoa",
    "MSOA": "msoa",
    "WD": "ward",
    "LAD": "lad",
    "LTLA": "lad",
    "CTYUA": "upper_tier",
    "UTLA": "upper_tier",
    "CTY": "county",
    "TTWA": "ttwa",
    "PFA": "police",
    "ITL3": "itl3",
    "NUTS3": "nuts3",
    "LEP": "lep",
    "LSIP": "lsip",
    "CAUTH": "mca",
    "ITL2": "itl2",
    "NUTS2": "nuts2",
    "RGN": "region",
    "ITL1": "itl1",
    "NUTS1": "nuts1",
    "CTRY": "country",
}
_CODE = re.compile(rf"^({'|'.join(sorted(_KINDS, key=len, reverse=True))})(\d\d)CD([1-9])?$", re.IGNORECASE)
_NATIONAL, _TERRITORIAL = re.compile(r"[A-Z]\d{8}"), re.compile(r"TL[A-Z]\w{0,2}")
_PREFIXES = {
    "E37": "lep",
    "E47": "mca",
    "E69": "lsip",
    "E12": "region",
    "E10": "county",
    **dict.fromkeys(("E06", "E07", "E08", "E09", "W06", "S12", "N09"), "lad"),
    **dict.fromkeys(("E02", "W02", "S02"), "msoa"),
    **dict.fromkeys(("E01", "W01", "S01"), "lsoa"),
    **dict.fromkeys(("E05", "W05", "S13", "N08"), "ward"),
    **dict.fromkeys(("E30", "W22", "S22", "N12", "K01"), "ttwa"),
    **dict.fromkeys(("E92", "W92", "S92", "N92"), "country"),
}


@dataclass(frozen=True, slots=True)
class CodeColumn:
    """A column of official codes.

    Attributes
    ----------
    column : str
        Its name in the table.
    kind : str
        "lad", "lep", "mca", …
    vintage : int or None
        Year of the codes.
    name : str or None
        The column of names beside it.
    position : int
        1, or 2 for the second of two (``LEP20CD2``).
    rank : int
        Fine areas before coarse ones.
    """

    column: str
    kind: str
    vintage: int | None
    name: str | None
    position: int
    rank: int


def code_columns(columns: Sequence[object]) -> list[CodeColumn]:
    """Find the columns of official codes, from fine to coarse.

    Examples
    --------
    >>> [(c.kind, c.vintage, c.name) for c in code_columns(["lep20cd", "lep20nm"])]
    [('lep', 2020, 'lep20nm')]
    """
    upper = {str(c).strip().upper(): str(c) for c in columns}
    found = []
    ranks = {prefix: i for i, prefix in enumerate(_KINDS)}
    for name, column in upper.items():
        if match := _CODE.match(name):
            prefix, year, number = match[1], int(match[2]), match[3] or ""
            title = upper.get(f"{prefix}{match[2]}NM{number}")
            found.append(
                CodeColumn(column, _KINDS[prefix], 2000 + year, title, int(number or 1), ranks[prefix])
            )
        elif name in ("AREACD", "NUTS_ID"):
            titles = ("AREANM",) if name == "AREACD" else ("NAME_LATN", "NUTS_NAME")
            title = next((upper[t] for t in titles if t in upper), None)
            kind = "area" if name == "AREACD" else "nuts"
            found.append(CodeColumn(column, kind, None, title, 1, len(ranks)))
    return sorted(found, key=lambda c: (c.rank, c.vintage or 0, c.position))


def kind_of_codes(codes: Sequence[object]) -> str | None:
    """Tell the kind of areas from how their codes begin, where all begin alike.

    Examples
    --------
    >>> kind_of_codes(["E37000001", "E37000002"])
    'lep'
    """
    words = [str(code) for code in codes]
    kinds = {_PREFIXES.get(begin) for begin in {word[:3] for word in words}}
    sizes = {len(word) for word in words}
    if len(kinds) != 1 or len(sizes) != 1:
        return None
    known = kinds.pop() or f"itl{sizes.pop() - 2}"
    pattern = _TERRITORIAL if known.startswith("itl") else _NATIONAL
    return known if all(map(pattern.fullmatch, words)) else None
