"""Online tiles, only where they are asked for by name."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clustermap.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["hosts", "tile_source"]


def tile_source(name: str) -> dict[str, Any]:
    """Look a tile set up: address pattern, attribution, subdomains, deepest zoom.

    Raises
    ------
    OptionError
        CM-MAP-004: unknown, or asking for a key, or not served over https.

    Examples
    --------
    >>> tile_source("OpenStreetMap.Mapnik")["attribution"]
    '(C) OpenStreetMap contributors'
    """
    from xyzservices import providers  # type: ignore[import-untyped]

    known = sorted(providers.flatten())
    try:
        source = providers.query_name(name)
    except ValueError as error:
        family = [each for each in known if each.casefold().startswith(f"{name.casefold()}.")]
        near = family or difflib.get_close_matches(name, known, n=3) or ["OpenStreetMap.Mapnik"]
        raise OptionError(
            "CM-MAP-004", f"no tile set is called {name!r}", fix=f"tiles= one of: {', '.join(near)}"
        ) from error
    if source.requires_token():
        raise OptionError(
            "CM-MAP-004",
            f"the tile set {name!r} asks for a key",
            why="a key inside a file that is passed on is a key given away",
            fix='tiles="OpenStreetMap.Mapnik", or none',
        )
    url = re.sub(r"\{(\w+)\}", lambda m: _filled(m.group(1), source), source["url"])
    if urlsplit(url).scheme != "https":
        raise OptionError(
            "CM-MAP-004",
            f"the tile set {name!r} is not served over https",
            fix='tiles="OpenStreetMap.Mapnik"',
        )
    return {
        "url": url,
        "attribution": str(source.get("attribution", source.name)),
        "subdomains": list(source.get("subdomains", "abc")),
        "max_zoom": int(source.get("max_zoom", 18)),
        "name": str(source.name),
    }


def _filled(key: str, source: Any) -> str:
    """Fill a provider's own words into its address; the place and the server stay for the page to fill."""
    if key in {"x", "y", "z", "s"}:
        return f"{{{key}}}"
    return "" if key == "r" else str(source.get(key, ""))


def hosts(source: dict[str, Any]) -> list[str]:
    """Name the hosts that a tile set is fetched from, for the content security policy."""
    pattern = re.match(r"https://[^/]+", source["url"])
    host = pattern.group(0) if pattern else ""
    names: Iterable[str] = source["subdomains"] if "{s}" in host else [""]
    return sorted({host.replace("{s}", sub) for sub in names})
