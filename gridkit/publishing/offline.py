"""Folium maps as one file that asks nothing of any network and runs nothing but its own code.

Folium's own pages load ten remote files and pass every macro's result through Jinja a second
time, so that braces in data are evaluated. Here only folium's few lines are rendered; the page
around them, Leaflet, our code and the data are joined to them afterwards as plain text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.metadata
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folium
from branca.element import CssLink, Element, Figure, JavascriptLink
from folium.template import Template

from ..errors import FileError, OptionError, raise_all
from ..files import atomic_path
from ..messages import message, require_lang, say
from .encode import Block
from .online import OnlineTiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..messages import Message

__all__ = ["GridMap", "save_map"]

FRAME_HEIGHT_PX = 620
INLINED = ("leaflet", "leaflet_css")
# Links that every folium map carries, and what in a script tells that one is really needed.
LEFT_OUT = {
    "jquery": r"\$\(|\bjQuery\b",
    "bootstrap": r"\bbootstrap\.",
    "awesome_markers": r"\bAwesomeMarkers\b",
    "bootstrap_css": None,
    "glyphicons_css": None,
    "awesome_markers_font_css": None,
    "awesome_markers_css": None,
    "awesome_rotate_css": None,
}
REMOTE = re.compile(
    r"""<[^>]*\b(?:src|href)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""", re.IGNORECASE
)
ADDRESS = re.compile(r"(?:https?:)?//", re.IGNORECASE)
ADDRESSES = re.compile(
    r"url|tiles|link", re.IGNORECASE
)  # names under which folium's layers keep one
SCRIPTS = ("data.js", "raster.js", "draw.js", "panel.js", "marks.js")
DASHBOARD = ("events.js", "classes.js", "dashboard.js")


class GridMap(folium.Map):
    """A folium map whose page is one self-contained file: no tiles, no network, nothing foreign.

    Folium layers without assets of their own can be added as usual; :func:`save_map`, ``save``
    and the notebook all give the same page. Text put into such layers is folium's business:
    no promise is made for it.

    Parameters
    ----------
    location : (latitude, longitude), optional
    title : str, optional
        Title of the page.
    lang : {"zh", "en"}
    **options
        As for :class:`folium.Map`, except ``tiles``.

    Examples
    --------
    >>> import folium
    >>> import gridkit as gk
    >>> m = gk.GridMap([37.54, 121.39], zoom_start=14, title="芝罘区")
    >>> _ = folium.CircleMarker([37.54, 121.39]).add_to(m)
    >>> page = m.get_root().render()
    >>> "cdn.jsdelivr.net" in page, "default-src 'none'" in page
    (False, True)
    """

    _template = Template(
        """
        {% macro html(this, kwargs) %}
        <div class="folium-map" id={{ this.get_name()|tojson }}></div>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
          center: {{ this.location|tojson }},
          crs: L.CRS.{{ this.crs }},
          ...{{ this.options|tojavascript }}
        });
        {%- if this.control_scale %}
        L.control.scale({imperial: false}).addTo({{ this.get_name() }});
        {%- endif %}
        {%- for layer in this.objects_to_stay_in_front %}
        {{ this.get_name() }}.on("overlayadd", () => {{ layer.get_name() }}.bringToFront());
        {%- endfor %}
        {% endmacro %}
        """
    )

    def __init__(
        self,
        location: tuple[float, float] | None = None,
        *,
        title: str | None = None,
        lang: str = "zh",
        **options: Any,
    ) -> None:
        if options.get("tiles") is not None:
            raise OptionError(*message("publishing.map_tiles", found=repr(options["tiles"])))
        given = {"prefer_canvas": True, "control_scale": True, "zoom_snap": 0.25, **options}
        given.update(tiles=None, attribution_control=False)
        super().__init__(location, **given)
        self.lang = require_lang(lang)
        self.title = title
        self.online: OnlineTiles | None = None
        self.block = Block()
        _Page().add_child(self)

    def use_tiles(self, url: str, *, attribution: str, datum: str) -> GridMap:
        """Lay map tiles from a server under the map: the page then asks that server for them.

        Parameters
        ----------
        url : str
            ``https://…/{z}/{x}/{y}.png``.
        attribution : str
            Whom the page names as their source.
        datum : str
            ``wgs84`` or ``cgcs2000``: tiles on ``gcj02`` or ``bd09`` would lie hundreds of metres
            beside the cells.

        Returns
        -------
        GridMap
            The map itself.

        Raises
        ------
        OptionError, CRSError
            An address that is none, no source, another or an unknown datum.

        Examples
        --------
        >>> import gridkit as gk
        >>> m = gk.GridMap([37.54, 121.39])
        >>> page = m.use_tiles(
        ...     "https://tiles.example/{z}/{x}/{y}.png", attribution="Example", datum="wgs84"
        ... )
        >>> "img-src data: https://tiles.example;" in page.get_root().render()
        True
        """
        self.online = OnlineTiles(url, attribution, datum)
        self.block.doc["online"] = True
        return self

    def _repr_html_(self, **kwargs: Any) -> str:
        """Return the page in a frame of its own, as notebooks show it."""
        del kwargs
        page = html.escape(_page(self), quote=True)
        style = f"width:100%;height:{FRAME_HEIGHT_PX}px;border:0"
        return f'<iframe srcdoc="{page}" style="{style}" title="gridkit"></iframe>'


class _Page(Figure):
    """The root of a GridMap: whoever renders it gets the self-contained page."""

    def render(self, **kwargs: Any) -> str:
        del kwargs
        return _page(next(c for c in self._children.values() if isinstance(c, GridMap)))

    def _repr_html_(self, **kwargs: Any) -> str:
        del kwargs
        return next(c for c in self._children.values() if isinstance(c, GridMap))._repr_html_()


def save_map(m: GridMap, path: str | Path, *, compressed: bool = True) -> Path:
    """Write a map as one HTML file that opens without any network.

    The same map gives the same bytes. The file is written beside its place and renamed, so a
    failed run leaves nothing behind.

    Parameters
    ----------
    m : GridMap
        From :func:`cell_map`, :func:`heat_map` or made by hand.
    path : path
    compressed : bool
        False gives a file two to three times as large that browsers of before 2020 read too. They
        show a message where they cannot.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OptionError
        `m` is another kind of map, or a layer added to it needs a file that is not on our list:
        the message names layer files and addresses.
    FileError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import gridkit as gk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gk.save_map(gk.GridMap([37.54, 121.39]), f"{folder}/map.html").name
    'map.html'
    """
    if not isinstance(m, GridMap):
        raise OptionError(*message("publishing.map_kind", found=type(m).__name__))
    page = _page(m, compressed=compressed)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return Path(path)


def _page(m: GridMap, *, compressed: bool = True) -> str:
    """Return the whole page of a map."""
    head, body, script = _rendered(m)
    code = [_leaflet("leaflet.js"), _default_icon()]
    first: list[str] = []
    rest: list[str] = []
    tail = [script]
    if m.online is not None:
        tail.append(m.online.script(m.get_name()))
    if "views" in m.block.doc:
        body = _panels(body)
        data, more = m.block.to_texts(compressed=compressed)
        first = [_data("gk-data", data, compressed), _script(_asset("unpack.js"))]
        rest = [_data("gk-more", more, compressed)]
        tail.append(_program(m))
    style = [_leaflet_css(), _asset("page.css")]
    if "dash" in m.block.doc:
        style.append(_asset("dashboard.css"))
    no_scripts = say("publishing.map_noscript", m.lang)
    text = "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{"zh-CN" if m.lang == "zh" else "en"}">',
            "<head>",
            '<meta charset="utf-8">',
            "<!--policy-->",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_title(m)}</title>",
            '<link rel="icon" href="data:,">',
            *(f"<style>{text}</style>" for text in style),
            *first,
            *(_script(text) for text in code),
            head,
            "</head>",
            f'<body class="{"gk-app" if "views" in m.block.doc else "gk-bare"}">',
            f"<noscript>{html.escape(no_scripts)}</noscript>",
            body,
            *(_script(text) for text in tail),
            *rest,
            "</body>",
            "</html>",
            "",
        ]
    )
    text = _stable_names(m, text)
    return text.replace("<!--policy-->", _policy(text, m.online), 1)


def _panels(body: str) -> str:
    """Return the body of a page of ours: folium's map among our panels."""
    old = message("publishing.map_old_browser")
    page = _asset("page.html").replace("<!--old-->", html.escape(f"{old.zh}\n{old.en}"))
    return page.replace("<!--map-->", body)


def _data(name: str, text: str, compressed: bool) -> str:
    packed = "gzip" if compressed else "no"
    kind = f'type="application/octet-stream" id="{name}" data-packed="{packed}"'
    return f"<script {kind}>{text}</script>"


def _program(m: GridMap) -> str:
    names = [*SCRIPTS, *(DASHBOARD if "dash" in m.block.doc else ()), "main.js"]
    parts = [f"const gridkitMap = {m.get_name()};", *(_asset(name) for name in names)]
    return '(async function () {\n"use strict";\n' + "\n".join(parts) + "\n})();"


def _rendered(m: GridMap) -> tuple[str, str, str]:
    """Return folium's head, body and script for the map and what was added to it."""
    figure: Any = m.get_root()
    places = (figure.header, figure.html, figure.script)
    before = [dict(_children(place)) for place in places]
    try:
        for child in list(_children(figure).values()):
            child.render()
        header = _children(figure.header)
        links = {n: c for n, c in header.items() if isinstance(c, JavascriptLink | CssLink)}
        head = "\n".join(
            c.render() for n, c in header.items() if n not in links and n != "meta_http"
        )
        body, script = figure.html.render(), figure.script.render()
    finally:  # what rendering left in the figure would come out twice the next time
        for place, children in zip(places, before, strict=True):
            _children(place).clear()
            _children(place).update(children)
    raise_all(OptionError, list(_foreign(m, links, head + body, script)))
    return head, body, script


def _children(element: Element) -> dict[str, Element]:
    return element._children  # noqa: SLF001 - branca has no other way in


def _foreign(m: GridMap, links: dict[str, Any], markup: str, script: str) -> Iterator[Message]:
    """Yield a sentence for each thing the page would have to fetch."""
    for name, link in links.items():
        if name in INLINED:
            continue
        sign = LEFT_OUT.get(name, "")
        if sign is not None and re.search(sign, markup + script):
            yield message("publishing.map_asset", name=name, url=link.url)
    for url in REMOTE.findall(markup):
        yield message("publishing.map_asset", name=url.rsplit("/", 1)[-1], url=url)
    for element in _elements(m):
        for key, value in {**vars(element), **_options(element)}.items():
            if ADDRESSES.search(key) and isinstance(value, str) and ADDRESS.match(value):
                yield message("publishing.map_asset", name=type(element).__name__, url=value)


def _options(element: Element) -> dict[str, Any]:
    options = getattr(element, "options", {})
    return options if isinstance(options, dict) else {}


def _elements(root: Element) -> Iterator[Element]:
    """Yield `root` and every element that it holds, as a child or otherwise."""
    todo, seen = [root], set()
    while todo:
        element = todo.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        yield element
        held = [v for k, v in vars(element).items() if k != "_parent"]
        todo += [v for v in held if isinstance(v, Element)]
        todo += _children(element).values()


def _stable_names(m: GridMap, text: str) -> str:
    """Replace folium's random ids by numbers in their order of appearance."""
    ids = {element._id for element in _elements(m.get_root())}  # noqa: SLF001
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] not in ids:
            return found[0]
        return numbers.setdefault(found[0], str(len(numbers) + 1))

    return re.sub(r"(?<=_)[0-9a-f]{32}(?![0-9a-f])", number, text)


def _policy(text: str, online: OnlineTiles | None) -> str:
    """Return the policy that forbids every script but those in `text`, and every request.

    Only pictures from the server of tiles are let through, where one was asked for.
    """
    pictures = "data:" if online is None else f"data: {online.origin}"
    hashes = []
    for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
        if "octet-stream" not in attributes:
            digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
            hashes.append(f"'sha256-{digest}'")
    rules = [
        "default-src 'none'",
        f"script-src {' '.join(dict.fromkeys(hashes))}",
        "style-src 'unsafe-inline'",
        f"img-src {pictures}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def _script(text: str) -> str:
    return "<script>" + text.replace("</script", "<\\/script") + "</script>"


def _title(m: GridMap) -> str:
    title = m.title or say("publishing.map_title", m.lang)
    return html.escape(title.encode("utf-8", "replace").decode())


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text("utf-8")


def _leaflet_file(name: str) -> Path:
    """Return a file of the installed XStatic-Leaflet; looked up without importing it."""
    try:
        package = importlib.metadata.distribution("XStatic-Leaflet")
    except importlib.metadata.PackageNotFoundError as error:
        raise FileError(*message("publishing.map_no_leaflet", name=name)) from error
    path = Path(str(package.locate_file(f"xstatic/pkg/leaflet/data/{name}")))
    if not path.is_file():
        raise FileError(*message("publishing.map_no_leaflet", name=path))
    return path


def _leaflet(name: str) -> str:
    return _leaflet_file(name).read_text("utf-8").split("//# sourceMappingURL")[0].rstrip()


def _leaflet_css() -> str:
    """Return Leaflet's style sheet with its pictures inside; the rule for IE 6 goes."""
    text = re.sub(r"^\s*behavior:[^;]*;\n", "", _leaflet("leaflet.css"), flags=re.MULTILINE)
    return re.sub(r"url\((images/[^)]+)\)", lambda found: f"url({_picture(found[1])})", text)


def _picture(name: str) -> str:
    data = base64.b64encode(_leaflet_file(name).read_bytes()).decode()
    return f"data:image/png;base64,{data}"


def _default_icon() -> str:
    """Return code that gives Leaflet's plain marker its pictures, which it would else fetch."""
    one, two, shadow = (_picture(f"images/marker-{n}.png") for n in ("icon", "icon-2x", "shadow"))
    return (
        "delete L.Icon.Default.prototype._getIconUrl;\n"
        f'L.Icon.Default.mergeOptions({{iconUrl:"{one}",iconRetinaUrl:"{two}",'
        f'shadowUrl:"{shadow}"}});'
    )
