"""The page: one file, one island of data, a policy that lets nothing else run or load."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import warnings
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from clustermap.errors import ClusterMapWarning, plural
from clustermap.maps.tiling import hosts

__all__ = ["Children", "asset", "compose", "island", "policy", "text"]

SCRIPTS = ("core.js", "firms.js", "map.js", "legend.js", "panel.js", "table.js", "start.js")
_ESCAPED = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "'": "\\u0027",
    "`": "\\u0060",
    "$": "\\u0024",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Children:
    """What a user's own folium children put on the page."""

    header: str = ""
    html: str = ""
    script: str = ""
    links: list[str] = field(default_factory=list)


@cache
def asset(name: str) -> str:
    """Read a file of the package as text."""
    return (files("clustermap") / "_assets" / name).read_text(encoding="utf-8")


@cache
def _data_uri(name: str) -> str:
    raw = (files("clustermap") / "_assets" / name).read_bytes()
    return f"data:image/png;base64,{base64.b64encode(raw).decode('ascii')}"


def island(payload: dict[str, Any]) -> str:
    r"""Write the data as JSON that no HTML parser can take for markup.

    Examples
    --------
    >>> island({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    out = json.dumps(payload, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for character, escaped in _ESCAPED.items():
        out = out.replace(character, escaped)
    return out


def text(words: str) -> str:
    """Escape words for the few places that stand outside the data: the document's title.

    Examples
    --------
    >>> text("<b> `${x}`")
    '&lt;b&gt; &#96;&#36;{x}&#96;'
    """
    safe = html.escape(_CONTROL.sub("�", words)).replace("`", "&#96;").replace("$", "&#36;")
    return safe.encode("ascii", "xmlcharrefreplace").decode("ascii")


def policy(scripts: list[str], styles: list[str], *, tiles: dict[str, Any] | None, loose_style: bool) -> str:
    """Write the content security policy: what is not named here neither runs nor loads.

    Parameters
    ----------
    scripts, styles : list of str
        The exact contents of the inline elements.
    tiles : dict or None
        The tile set asked for; its hosts alone are opened, for pictures alone.
    loose_style : bool
        Allow style attributes, which children of folium write.
    """
    pictures = " ".join(["data:", *(hosts(tiles) if tiles else [])])
    style = "'unsafe-inline'" if loose_style else " ".join(map(_digest, styles))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_digest, scripts))}",
            f"style-src {style}",
            f"img-src {pictures}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def compose(payload: dict[str, Any], *, tiles: dict[str, Any] | None, children: Children) -> str:
    """Put the page together.

    Parameters
    ----------
    payload : dict
        Everything that comes from data; it enters the page as one JSON island and is shown as text.
    tiles : dict or None
        The tile set asked for.
    children : Children
        What the user added with ``add_child``.
    """
    _warn_links(children.links)
    foreign = bool(children.html.strip() or children.script.strip())
    scripts = [_leaflet(), "\n".join(asset(f"js/{name}") for name in SCRIPTS)]
    styles = [_leaflet_style(), asset("clustermap.css")]
    if foreign:
        scripts.append(asset("js/children.js").replace("MARKER", _data_uri("leaflet/marker-icon.png")))
        scripts += [*_SCRIPT.findall(children.header), children.script]
        styles += _STYLE.findall(children.header)
    csp = policy(scripts, styles, tiles=tiles, loose_style=foreign)
    body = asset("body.html").replace("<!-- children -->", _SCRIPT.sub("", children.html) if foreign else "")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{csp}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="generator" content="clustermap">',
            '<link rel="icon" href="data:,">',
            f"<title>{text(payload['title'])}</title>",
            *(f"<style>{style}</style>" for style in styles),
            "</head>",
            "<body>",
            body,
            f'<script type="application/json" id="clustermap-data">{island(payload)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode('utf-8')).digest()).decode('ascii')}'"


def _leaflet() -> str:
    """Leaflet without the pointer to its source map, which a browser's tools would try to fetch."""
    return re.sub(r"\n?//# sourceMappingURL=.*\s*$", "\n", asset("leaflet/leaflet.js"))


def _leaflet_style() -> str:
    """Leaflet's style sheet with its pictures inside, and without what only old browsers read."""
    out = asset("leaflet/leaflet.css")
    for name in ("layers.png", "layers-2x.png", "marker-icon.png"):
        out = out.replace(f"url(images/{name})", f"url({_data_uri(f'leaflet/{name}')})")
    return re.sub(r"\s*behavior:.*?;", "", out)


def _warn_links(links: list[str]) -> None:
    if links:
        shown = ", ".join(links[:5])
        warnings.warn(
            "[CM-MAP-005] "
            f"{plural(len(links), 'file from the network was', 'files from the network were')} left out of the page "
            f"({shown}): children that "
            "need them will not work; clustermap's pages make no request",
            ClusterMapWarning,
            stacklevel=4,
        )
