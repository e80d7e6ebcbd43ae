"""A folium.Map that writes one safe page: users add their own children, the network is never asked."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import folium
from branca.element import CssLink, Figure, JavascriptLink
from jinja2 import Template

from clustermap import storage
from clustermap.maps import page
from clustermap.maps.picture import picture

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ClusterMap"]

NOTEBOOK_BYTES = 6_000_000  # a page above this is shown as a picture in notebooks
_HEIGHT_PX = 720
_IDENTITY = re.compile(r"(?<=_)[0-9a-f]{32}")  # folium's random names of variables and elements


class ClusterMap(folium.Map):
    """A page made by :func:`clustermap.draw_map`.

    It is a :class:`folium.Map`: children of folium can be added. What they would fetch from the network is
    left out of the file, and said by a warning; popups and tooltips of folium write their text as markup, so
    text from data belongs in clustermap's own layers.
    """

    _template = Template("")

    def __init__(self, payload: dict[str, Any], *, tiles: dict[str, Any] | None = None) -> None:
        (south, west), (north, east) = payload["bounds"]
        super().__init__(location=[(south + north) / 2, (west + east) / 2], tiles=None, zoom_start=6)
        self._payload, self._tiles = payload, tiles
        # folium keeps its links in lists of the class: one map's addition would reach every other map.
        self.default_js: list[tuple[str, str]] = []
        self.default_css: list[tuple[str, str]] = []
        _PageFigure(self)

    def get_name(self) -> str:
        """Return the name of the map in the page's script, the same each time."""
        return "clustermap_map"

    def to_html(self) -> str:
        """Return the page: one text, ASCII only, the same each time."""
        return str(page.compose(self._payload, tiles=self._tiles, children=self._children_markup()))

    def save(self, path: str | Path) -> Path:  # type: ignore[override] # a file whole or not at all
        """Write the page, whole or not at all.

        Parameters
        ----------
        path : path
            The file, for instance ``"map.html"``.

        Returns
        -------
        pathlib.Path
            The file written.
        """
        return storage.write_text(path, self.to_html())

    def _children_markup(self) -> page.Children:
        """Render what users added, with ids that count instead of random ones."""
        collector = Figure()
        collector.header._children.clear()  # noqa: SLF001 - its own meta tag is ours already
        figure, self._parent = self._parent, collector
        try:
            for child in self._children.values():
                child.render()
        finally:
            self._parent = figure
        links = [e for e in collector.header._children.values() if isinstance(e, JavascriptLink | CssLink)]  # noqa: SLF001
        header = [e for e in collector.header._children.values() if e not in links]  # noqa: SLF001
        parts = (header, collector.html._children.values(), collector.script._children.values())  # noqa: SLF001
        texts = ["\n".join(e.render() for e in part) for part in parts]
        order: dict[str, str] = {}
        texts = [
            _IDENTITY.sub(lambda m: order.setdefault(m.group(), f"child_{len(order)}"), t) for t in texts
        ]
        return page.Children(
            header=texts[0], html=texts[1], script=texts[2], links=sorted(str(e.url) for e in links)
        )

    def _repr_html_(self, **_: Any) -> str:
        """Show the page in a notebook; a picture and the way to the file where it is too large."""
        text = self.to_html()
        if len(text) > NOTEBOOK_BYTES:
            size = f"{len(text) / 1e6:.1f} MB"
            return (
                f"{picture(self._payload)}<p>This map is {size}, too large for a notebook: "
                "<code>.save('map.html')</code> writes it as one file.</p>"
            )
        # The scripts are known by their hashes: a frame that guesses the encoding must find the same characters.
        inner = html.escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")
        return (
            f'<iframe srcdoc="{inner}" title="Map" '
            f'style="width:100%;height:{_HEIGHT_PX}px;border:0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<ClusterMap: {self._payload['title']}>"


class _PageFigure(Figure):
    """The root of the tree: asked to render itself, it renders the page."""

    def __init__(self, owner: ClusterMap) -> None:
        super().__init__()
        self._owner = owner
        self.add_child(owner, name=owner.get_name())

    def render(self, **_: Any) -> str:
        return self._owner.to_html()
