"""Map tiles from a server, for those who ask for them: the one thing that a page may fetch."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass

from ..crs import require_datum
from ..errors import OptionError
from ..messages import message

__all__ = ["OnlineTiles"]

_URL = re.compile(r"(https?://(?:\{s\}\.)?[A-Za-z0-9.-]+(?::\d{1,5})?)/[^\s\"'<>;,\\]*")
_ON_OURS = ("wgs84", "cgcs2000")  # less than a metre apart


@dataclass(frozen=True)
class OnlineTiles:
    """Where tiles come from, whose they are and on which datum they lie.

    Attributes
    ----------
    url : str
        ``https://…/{z}/{x}/{y}.png``; ``{s}.`` may stand before the host.
    attribution : str
        Whom the page names as the source.
    datum : str
        ``wgs84`` or ``cgcs2000``, as the map.

    Raises
    ------
    OptionError
        An address without host or places, no source, or tiles on another datum.

    Examples
    --------
    >>> from gridkit.publishing.online import OnlineTiles
    >>> OnlineTiles("https://{s}.tiles.example/{z}/{x}/{y}.png", "Example", "wgs84").origin
    'https://*.tiles.example'
    """

    url: str
    attribution: str
    datum: str

    def __post_init__(self) -> None:
        require_datum(self.datum)
        if self.datum not in _ON_OURS:
            raise OptionError(*message("publishing.tiles_datum", datum=self.datum))
        found = _URL.fullmatch(self.url)
        if found is None or not all(place in self.url for place in ("{z}", "{x}", "{y}")):
            raise OptionError(*message("publishing.tiles_url", url=repr(self.url)))
        if not self.attribution.strip():
            raise OptionError(*message("publishing.tiles_source"))

    @property
    def origin(self) -> str:
        """Return what the page's policy lets through."""
        found = _URL.fullmatch(self.url)
        assert found is not None
        return found[1].replace("{s}", "*")

    def script(self, name: str) -> str:
        """Return the code that lays the tiles under a map."""
        options = {"attribution": html.escape(self.attribution), "maxZoom": 19}
        address, given = (
            json.dumps(one, ensure_ascii=True).replace("<", "\\u003c")
            for one in (self.url, options)
        )
        return (
            f"L.tileLayer({address}, {given}).addTo({name});\n"
            f"L.control.attribution({{prefix: false}}).addTo({name});"
        )
