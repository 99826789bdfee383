"""The words of a map page in one language; the page itself holds none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages import say

if TYPE_CHECKING:
    from ..errors import Lang
    from ..privacy import Audience

__all__ = ["audience_words", "page_words"]


def audience_words(audience: Audience, lang: Lang) -> str:
    """Return what is said of an audience: what has been masked for it."""
    return {
        "internal": say("publishing.audience_internal", lang),
        "leaders": say("publishing.audience_leaders", lang),
        "public": say("publishing.audience_public", lang),
    }[audience]


def page_words(lang: Lang) -> dict[str, str]:
    """Return every fixed word of the page: ``{"search": "搜索…", …}``."""
    return {
        "search": say("publishing.word_search", lang),
        "none_found": say("publishing.word_none_found", lang),
        "layers": say("publishing.word_layers", lang),
        "legend": say("publishing.word_legend", lang),
        "summary": say("publishing.word_summary", lang),
        "close": say("publishing.word_close", lang),
        "click": say("publishing.word_click", lang),
        "no_data": say("publishing.word_no_data", lang),
        "cell": say("publishing.word_cell", lang),
        "community": say("publishing.word_community", lang),
        "area": say("publishing.word_area", lang),
        "load": say("publishing.word_load", lang),
        "hectares": say("publishing.word_hectares", lang, value="{}"),
        "people": say("publishing.word_people", lang),
        "vacant": say("publishing.word_vacant", lang),
        "figures": say("publishing.word_figures", lang),
        "water": say("publishing.word_water", lang),
        "streets": say("publishing.word_streets", lang),
        "buildings": say("publishing.word_buildings", lang),
        "communities": say("publishing.word_communities", lang),
        "outlines": say("publishing.word_outlines", lang),
        "old_border": say("publishing.word_old_border", lang),
        "north": say("publishing.word_north", lang),
        "map": say("publishing.word_map", lang),
        "panel": say("publishing.word_panel", lang),
        "zoom_in": say("publishing.word_zoom_in", lang),
        "zoom_out": say("publishing.word_zoom_out", lang),
    }
